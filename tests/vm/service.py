#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The service, its displays and a desktop, in the virtual machine: see cases/service."""
import glob
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

SOURCE, BUILD = (pathlib.Path(os.environ[n]) for n in ("VM_SOURCE", "VM_BUILD"))
sys.path.insert(0, str(SOURCE / "tests" / "session"))
os.environ["MIRACASTCTL"] = str(BUILD / "daemon/ctl/miracastctl")
os.environ["MIRACAST_TIME_SCALE"] = "5"  # the sinks', too

from bus_harness import NAME, Service  # noqa: E402
from harness import Failure, Run, check  # noqa: E402

HEADS = 4
OUT = pathlib.Path("/out")
LIMIT = 120  # emulated, nothing is fast
step = 0


def ok(text):
    global step
    step += 1
    print(f"ok {step} {text} ({time.monotonic():.0f} s)", flush=True)


def connectors():
    """Of the heads, in their order: connected or not, and the name in the EDID."""
    found = []
    for path in sorted(glob.glob("/sys/class/drm/card*-Virtual-*")):
        # The kernel reads it when a desktop asks.
        pathlib.Path(path, "status").write_text("detect")
        edid = pathlib.Path(path, "edid").read_bytes()
        name = re.search(rb"\0\0\0\xfc\0([^\n]*)", edid)
        found.append((pathlib.Path(path, "status").read_text().strip() == "connected",
                      name.group(1).strip().decode() if name else ""))
    return found


class Story:
    def __init__(self, run):
        self.run = run
        # One sink more than there are heads.
        self.s = Service(run, f"MaxSessions={HEADS + 1}\nBestMode=800x600@60\n", sinks=HEADS + 1,
                         source="device")
        self.s.start()
        self.sinks = {}
        self.desktop = None

    def until(self, predicate, what):
        self.s.wait_until(predicate, what, LIMIT)

    def connect(self, i, name=None):
        name = name or f"sink{i}"
        self.sinks[i] = self.s.sink(i, name=name)
        r, out, err = self.s.ctl("connect", self.s.names[i], limit=LIMIT)
        check(r == 0, f"connect {i}: {out}{err}")
        return out

    def session(self, i):
        path = self.s.get(self.s.sink_path(i), "Sink", "Session")
        return path if path != "/" else None

    def property(self, i, name):
        return self.s.get(self.session(i), "Session", name)

    def say(self, word):
        self.desktop.stdin.write(word + "\n")
        self.desktop.stdin.flush()

    def without_module(self):
        r, _, err = self.s.ctl("connect", "TV 1", limit=LIMIT)
        check(r == 6 and "the kernel module is not loaded" in err, f"{r}: {err}")
        ok("without the module the service runs, and says what is missing")

    def load(self):
        subprocess.run(["modprobe", "-d", os.environ["VM_MODULES_ROOT"], "-a", "drm_shmem_helper",
                        "drm_kms_helper"], check=True)
        subprocess.run(["insmod", os.environ["VM_MODULE"], f"heads={HEADS}"], check=True)
        self.until(lambda: os.path.exists("/dev/miracast"), "the node")
        check(connectors() == [(False, "")] * HEADS, connectors())

    def four(self):
        for i in range(HEADS):
            self.connect(i)
            check(self.session(i), f"session {i} has ended")
            self.until(lambda i=i: connectors()[i] == (True, self.s.names[i]),
                       f"display {i}: {connectors()}")
        check(len(self.s.media()) == HEADS, "a media process for each")
        r, _, err = self.s.ctl("connect", self.s.names[HEADS], limit=LIMIT)
        check(r == 6 and "every head" in err, f"{r}: {err}")
        ok("four displays with the names of their sinks; a fifth is refused with its reason")

    def follow_desktop(self):
        card = re.search(r"card(\d+)-", glob.glob("/sys/class/drm/card*-Virtual-1")[0]).group(1)
        log = (OUT / "desktop.log").open("w")
        self.desktop = subprocess.Popen([BUILD / "tests/vm/play-desktop", card, "0"], text=True,
                                        stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.run.processes.append(self.desktop)
        self.until(lambda: self.property(0, "Display") == "on", "the desktop uses the display")
        first = self.property(0, "Mode")
        other = next(m for m in self.property(0, "Modes") if m[:2] != first[:2])
        self.say(f"{other[0]}x{other[1]}")
        self.until(lambda: self.property(0, "Mode")[:2] == other[:2], "the desktop's other mode")
        ok(f"the desktop's modes are followed: {first} to {other}")
        self.say("off")
        self.until(lambda: self.property(0, "Display") == "asleep", "off in the desktop")
        self.say("on")
        self.until(lambda: self.property(0, "Display") == "on", "on again")
        check(self.property(0, "State") == "started", "not the same session")
        ok("off is standby, and on again goes on")
        # What nobody has switched on is told as such, with its hint.
        self.until(lambda: self.property(2, "Display") == "off-in-desktop", "the third is off")
        check("display settings" in self.s.ctl("status", self.s.names[2])[1], "no hint")
        ok("a display that the desktop leaves off is told, with what to do")

    def lose_sink(self):
        others = [self.session(i) for i in (0, 2, 3)]
        self.sinks[1].kill()
        self.until(lambda: self.session(1) is None, "the session ends with its sink")
        self.until(lambda: connectors()[1] == (False, ""), "its display goes")
        check([self.session(i) for i in (0, 2, 3)] == others, "another one went, too")
        check(len(self.s.media()) == HEADS - 1, "media processes")
        ok("a sink that is gone takes its own display along, and no other")

    def lose_media(self):
        victim = self.s.media()[0]
        os.kill(victim, signal.SIGKILL)
        # On a slow guest others may be taken for hung meanwhile, and are replaced as well.
        self.until(lambda: "killed by signal 9" in self.run.log(), "it is replaced")
        self.until(lambda: len(self.s.media()) == HEADS - 1 and victim not in self.s.media(),
                   "another one works")
        check([c for c, _ in connectors()] == [True, False, True, True], "a display blinked")
        ok("a dead encoder is replaced, and its display does not blink")

    def stop(self):
        r, out, err = self.s.ctl("disconnect", self.s.names[0])
        check(r == 0, err)
        self.until(lambda: connectors()[0] == (False, ""), "its display goes")
        self.until(lambda: "gone" in (OUT / "desktop.log").read_text(), "the desktop sees it")
        self.run.wait(self.sinks[0], LIMIT)
        video = self.run.report("sink0")["video"]
        check(video["frames_decoded"] > 10 and video["decode_errors"] == 0, video)
        self.connect(0, "again")
        self.until(lambda: self.property(0, "Display") == "on", "the desktop takes it again")
        ok(f"disconnect: display gone, {video['frames_decoded']} frames were decoded; and again")

    def lose_daemon(self):
        self.s.daemon.kill()
        self.until(lambda: not any(c for c, _ in connectors()), "every display goes at once")
        self.until(lambda: not self.s.media(), "no media process is left")
        check(self.desktop.poll() is None, "the desktop died of it")
        ok("a dead daemon leaves neither displays nor processes, and the desktop lives on")
        for p in self.sinks.values():
            p.kill()
        self.s.start()
        self.connect(0, "after")
        self.until(lambda: self.property(0, "Display") == "on", "the desktop takes it again")
        self.say("off")
        self.s.end()
        self.until(lambda: not any(c for c, _ in connectors()), "no display is left")
        ok("the next one begins anew, and its end leaves nothing")


def tell():
    folder = pathlib.Path("/tmp/service")
    folder.mkdir()
    run = Run(folder)
    try:
        story = Story(run)
        for part in (story.without_module, story.load, story.four, story.follow_desktop,
                     story.lose_sink, story.lose_media, story.stop, story.lose_daemon):
            part()
        run.finish()
        return 0
    except Exception as e:  # whatever it was, it is told
        print(f"not ok {step + 1} {type(e).__name__}: {e}".replace("\n", "\n#   "), flush=True)
        return 1
    finally:
        for log in folder.glob("*.log"):
            (OUT / log.name).write_text(log.read_text(errors="replace"))


if __name__ == "__main__":
    sys.exit(tell())

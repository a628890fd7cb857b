#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The bus API with real clients, real media processes and real sinks on a private bus."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from bus_harness import MOCK, NAME, PATH, Service, case, main, need, service
from harness import DAEMON, SINK, TV, Skip, check, note

MODEL = os.environ.get("BUS_MODEL", "bus-model")
ROOT = pathlib.Path(__file__).parent.parent.parent
PROFILES = ROOT / "tests" / "data" / "profiles"
NOBODY = 65534



# ---------------------------------------------------------------- documentation

def documented():
    """Members in docs/man/org.miracastd1.5.scd: lines like "*Connect* (method, in a{sv}, out o)"."""
    found, interface = set(), None
    line_of = re.compile(r"\*(\w+)\* \((method|signal|property)(?: ([^\s,]+))?(?:, in (\S+?))?"
                         r"(?:, out (\S+?))?(, constant|, not signalled)?\)")
    for line in (ROOT / "docs/man/org.miracastd1.5.scd").read_text().splitlines():
        if line.startswith("# "):
            interface = line[12:] if line.startswith("# INTERFACE ") else None
        elif interface and (m := line_of.fullmatch(line)):
            name, kind, types, given, result, note = m.groups()
            found.add((interface, kind, name, types, note or "") if kind == "property" else
                      (interface, kind, name, given or types or "", result or ""))
    return found


def introspected(s, paths):
    import xml.etree.ElementTree as ElementTree
    found = set()
    for path in paths:
        p = subprocess.run(["gdbus", "introspect", "--xml", "--address", s.address, "--dest", NAME,
                            "--object-path", path], capture_output=True, text=True, check=True)
        xml = p.stdout[p.stdout.index("<node"):]
        for i in ElementTree.fromstring(xml).iter("interface"):
            if not i.get("name").startswith(NAME + "."):
                continue
            interface = i.get("name")[len(NAME) + 1:]
            for m in list(i.iter("method")) + list(i.iter("signal")):
                args = {"in": "", "out": ""}
                for a in m.iter("arg"):
                    args[a.get("direction") or ("in" if m.tag == "signal" else "in")] += a.get("type")
                if m.tag == "signal":
                    args = {"in": args["in"] + args["out"], "out": ""}
                found.add((interface, m.tag, m.get("name"), args["in"], args["out"]))
            for p in i.iter("property"):
                notes = {a.get("name"): a.get("value") for a in p.iter("annotation")}
                emits = notes.get("org.freedesktop.DBus.Property.EmitsChangedSignal", "true")
                found.add((interface, "property", p.get("name"), p.get("type"),
                           {"const": ", constant", "false": ", not signalled"}.get(emits, "")))
    return found


@case("the manual page and introspection say the same")
def _(run):
    with service(run) as s:
        session = s.connect()
        real = introspected(s, [PATH, s.sink_path(), session])
        page = documented()
        check(real == page, f"only in the page: {sorted(page - real)}\n"
                            f"only in the program: {sorted(real - page)}")
        names = set(re.findall(r"_ERROR \"\.(\w+)\"", (ROOT / "include/miracast/dbus.h").read_text()))
        text = (ROOT / "docs/man/org.miracastd1.5.scd").read_text()
        check(all(f"*{n}*" in text for n in names), f"errors without a word: {names}")


# ---------------------------------------------------------------- a session's life

@case("a cast from Connect to Stop: properties, signals, picture")
def _(run):
    with service(run) as s:
        watcher = s.mock("watch", "hold", PATH, f"{NAME}.Manager", "Discover")
        path = s.connect()
        check(s.get(path, "Session", "State") == "started", "not started")
        check(s.get(path, "Session", "Mode") == [640, 480, 60], s.get(path, "Session", "Mode"))
        check([640, 480, 60] in s.get(path, "Session", "Modes"), "the mode is not in Modes")
        check(s.get(path, "Session", "MonitorConnected") is True, "no monitor")
        check(s.get(path, "Session", "Encoder") == "x264", "encoder")
        check(s.get(path, "Session", "Display") == "none", "display")
        check(s.get(s.sink_path(), "Sink", "State") == "connected", "sink's state")
        check(s.get(s.sink_path(), "Sink", "Session") == path, "sink's session")
        time.sleep(1.2)
        statistics = s.get(path, "Session", "Statistics")
        check(statistics["FramesEncoded"]["data"] > 10, statistics)
        check(statistics["Path"]["data"][-1][0] == "last-datagram", statistics)
        s.call(path, "Session", "Stop")
        s.wait_until(lambda: not s.sessions(), "the session is gone")
        check(s.get(s.sink_path(), "Sink", "State") == "idle", "sink's state afterwards")
        check(not s.media(), "a media process is left")
        s.run.wait(run.processes[-1])
        seen = run.log("watch")
        for word in (f"signal {path} PropertiesChanged", f"signal {path} Ended",
                     f"signal {PATH} InterfacesAdded", f"signal {PATH} InterfacesRemoved"):
            check(word in seen, f"{word} was not seen:\n{seen}")
        check(seen.index("Ended") < seen.index("InterfacesRemoved"), "Ended came after the removal")
        report = run.report("sink0")
        check(report["video"]["stamps_read"] > 10 and report["video"]["stamps_bad"] == 0,
              report["video"])
        watcher.stdin.close()


@case("mode and rate are changed while it runs")
def _(run):
    with service(run, source="pattern") as s:
        # A machine that is busy while the encoder's speed is measured can make VGA only.
        for _ in range(10):
            path = s.connect(0)
            modes = s.get(path, "Session", "Modes")
            if len(modes) > 3:
                break
            s.call(path, "Session", "Stop")
            s.wait_until(lambda: not s.sessions(), "the end")
        else:
            raise Skip(f"this machine can encode only {modes}")
        s.call(path, "Session", "SetMode", "(qqq)", 640, 480, 60)
        s.wait_until(lambda: s.get(path, "Session", "Mode") == [640, 480, 60], "the new mode")
        s.refuses(path, "Session", "SetMode", "(qqq)", 641, 480, 60, text="not in the list")
        s.call(path, "Session", "SetBitrateLimit", "t", 2000000)
        s.wait_until(lambda: s.get(path, "Session", "Bitrate") <= 2000000, "the lower rate")
        check(s.get(path, "Session", "BitrateLimit") == 2000000, "BitrateLimit")
        s.refuses(path, "Session", "SetBitrateLimit", "t", 5, text="1000000 to 30000000")
        s.call(path, "Session", "SetBitrateLimit", "t", 0)


@case("settings are read, checked and set")
def _(run):
    with service(run) as s:
        s.call(PATH, "Manager", "SetSettings", "a{sv}", 3, "Encoder", "s", "auto", "MaxRate", "t",
               4000000, "ReconnectAfterSuspend", "b", "true")
        settings = s.get(PATH, "Manager", "Settings")
        check(settings["MaxRate"]["data"] == 4000000, settings)
        check(settings["ReconnectAfterSuspend"]["data"] is True, settings)
        for key, kind, value in (("MaxRate", "t", 5), ("MaxRate", "s", "x"), ("Encoder", "s", "x"),
                                 ("Nothing", "s", "x"), ("BestMode", "s", "1x1@1")):
            s.refuses(PATH, "Manager", "SetSettings", "a{sv}", 2, "Encoder", "s", "x264", key,
                      kind, value, text="settings:")
        check(s.get(PATH, "Manager", "Settings")["Encoder"]["data"] == "auto",
              "a refused call changed something")


@case("the encoder is tried")
def _(run):
    with service(run) as s:
        check(s.call(PATH, "Manager", "TryEncoder") == ["x264"], "TryEncoder")
        s.wait_until(lambda: not s.media(), "the trial's process is gone", 3)


# ---------------------------------------------------------------- errors

@case("every failure has its name")
def _(run):
    with service(run, "MaxSessions=1", sinks=2, scale=0.05) as s:
        sink = s.sink_path()
        check(s.error_name(sink, "Sink", "Connect", "{}") == "Timeout", "nobody connects")
        for option in ("{'mode': <'x'>}", "{'encoder': <'nvenc'>}", "{'nothing': <'x'>}",
                       "{'mode': <5>}", "{'method': <'magic'>}"):
            check(s.error_name(sink, "Sink", "Connect", option) == "InvalidArgument", option)
        s.sink(0, "--profile", PROFILES / "no-common-mode.profile")
        name = s.error_name(sink, "Sink", "Connect", "{}")
        check(name == "NoCommonMode", f"no common mode: {name}")
        check(s.error_name(sink, "Sink", "Forget") == "NotSupported", "Forget")
        s.connect_later(0)
        s.wait_until(s.sessions, "the first attempt")
        check(s.error_name(sink, "Sink", "Connect", "{}") == "InProgress", "twice")
        check(s.error_name(s.sink_path(1), "Sink", "Connect", "{}") == "Busy", "MaxSessions")
        s.wait_until(lambda: not s.sessions(), "the first attempt is over")


def talk(port, text):
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as c:
                c.sendall(text)
                c.settimeout(2)
                while text and c.recv(4096):
                    pass
            return
        except ConnectionRefusedError:
            time.sleep(0.03)
        except OSError:
            return


@case("a sink that hangs up or talks nonsense")
def _(run):
    import threading
    with service(run, scale=0.1) as s:
        for text, names in ((b"", {"ConnectionLost"}), (b"GET / HTTP/1.1\r\n\r\n",
                                                        {"Protocol", "ConnectionLost"})):
            t = threading.Thread(target=talk, args=(s.ports[0], text))
            t.start()
            name = s.error_name(s.sink_path(), "Sink", "Connect", "{}")
            t.join()
            check(name in names, f"{text}: {name}")


@case("no miracast-media: NoEncoder")
def _(run):
    if any(os.path.exists(f"{prefix}/libexec/miracast/miracast-media")
           for prefix in ("/usr", "/usr/local")):
        raise Skip("one is installed")
    s = Service(run)
    shutil.copy(DAEMON, run.folder / "miracastd")  # beside nothing
    s.daemon = run.spawn("daemon", [run.folder / "miracastd", "--root", run.folder], s.environment)
    check(run.wait_for("ready", s.daemon), run.log())
    check(s.error_name(PATH, "Manager", "TryEncoder") == "NoEncoder", "TryEncoder")
    check(s.error_name(s.sink_path(), "Sink", "Connect", "{}") == "NoEncoder", "Connect")
    s.refuses(s.sink_path(), "Sink", "Connect", "a{sv}", 0, text="the installation is incomplete")
    s.end()


@case("a link that is too slow for every mode: InsufficientBandwidth")
def _(run):
    s = Service(run, source="pattern")
    conf = run.folder / "etc/miracast/miracastd.conf"
    conf.write_text(conf.read_text() + "Rate=1000000\n")
    s.start()
    # 1920x1080p30 and nothing below it.
    (run.folder / "large.profile").write_text(TV.replace("40 00 02 10 0001bdeb",
                                                         "38 00 02 10 00000080"))
    s.sink(0, "--profile", run.folder / "large.profile")
    name = s.error_name(s.sink_path(), "Sink", "Connect", "{}")
    check(name == "InsufficientBandwidth", name)
    s.end()


@case("a flood of questions does not become a flood of dialogs: LimitsExceeded")
def _(run):
    if os.geteuid() != 0:
        return
    with service(run) as s:
        polkit = s.mock("polkit", "polkit", "late")
        shutil.copy(MOCK, run.folder / "mock")  # where nobody gets at it
        asker = s.run.spawn("ask", ["setpriv", "--reuid", str(NOBODY), "--clear-groups",
                                    run.folder / "mock", "ask", "20"], s.environment)
        s.wait_until(lambda: run.log("ask").count("LimitsExceeded") == 12, "12 of 20 are refused")
        s.wait_until(lambda: run.log("polkit").count("check ") >= 8, "8 of 20 are asked about")
        check(run.log("polkit").count("check ") == 8, run.log("polkit"))
        polkit.stdin.close()
        run.wait(asker)
        check(run.log("ask").count("NotAuthorized") == 8, run.log("ask"))


@case("no kernel module: NoDevice, with what to do")
def _(run):
    with service(run, source="device:/nonexistent/miracast") as s:
        check(s.error_name(s.sink_path(), "Sink", "Connect", "{}") == "NoDevice", "name")
        s.refuses(s.sink_path(), "Sink", "Connect", "a{sv}", 0, text="the kernel module is not loaded")


# ---------------------------------------------------------------- races

@case("Stop during Connect: Cancelled within a second")
def _(run):
    with service(run) as s:
        call = s.connect_later()
        s.wait_until(s.sessions, "the attempt")
        begin = time.monotonic()
        s.call(s.sessions()[0], "Session", "Stop")
        check(s.run.wait(call, 5) != 0, "Connect succeeded")
        check(time.monotonic() - begin < 1, "took longer than a second")
        check("stopped by its user" in run.log("connect"), run.log("connect"))
        check(not s.sessions() and not s.media(), "something is left")


@case("a caller that vanishes takes its attempt along")
def _(run):
    with service(run) as s:
        call = s.connect_later()
        s.wait_until(s.sessions, "the attempt")
        call.kill()
        s.wait_until(lambda: not s.sessions() and not s.media(), "the attempt is over", 2)


@case("a session outlives the client that asked for it")
def _(run):
    with service(run) as s:
        path = s.connect()
        time.sleep(0.3)
        check(s.get(path, "Session", "State") == "started", "it ended with its client")


@case("Discover lasts as long as its clients")
def _(run):
    with service(run) as s:
        check(s.get(PATH, "Manager", "Discovering") is False, "at first")
        a = s.mock("a", "hold", PATH, f"{NAME}.Manager", "Discover")
        b = s.mock("b", "hold", PATH, f"{NAME}.Manager", "Discover")
        check(s.get(PATH, "Manager", "Discovering") is True, "with two")
        a.stdin.close()
        a.wait()
        check(s.get(PATH, "Manager", "Discovering") is True, "with one")
        b.kill()
        s.wait_until(lambda: s.get(PATH, "Manager", "Discovering") is False, "with none")


@case("transcripts go to those who asked, and to nobody else")
def _(run):
    with service(run) as s:
        a = s.mock("asked", "hold", PATH, f"{NAME}.Manager", "Monitor")
        b = s.mock("other", "hold", PATH, f"{NAME}.Manager", "Discover")
        s.call(s.connect(), "Session", "Stop")
        s.wait_until(lambda: not s.sessions(), "the session is over")
        check(run.log("asked").count("Transcript") > 10, run.log("asked"))
        check("Transcript" not in run.log("other"), run.log("other"))
        a.stdin.close()
        b.stdin.close()


@case("10 MB in an argument, 2000 calls at once")
def _(run):
    with service(run, scale=0.1) as s:
        check(s.mock_output("big", s.sink_path()) == f"{NAME}.Error.InvalidArgument", "10 MB")
        begin = time.monotonic()
        check(s.mock_output("flood", s.sink_path(), "1000") == "2000 answers", "flood")
        took = time.monotonic() - begin
        check(took < 20, f"a flood took {took:.0f} s")
        s.wait_until(lambda: not s.sessions(), "all attempts are over")


# ---------------------------------------------------------------- who may

def as_nobody(s, method, *arguments):
    return s.busctl("call", NAME, PATH, f"{NAME}.Manager", method, *arguments, user=NOBODY)


@case("polkit decides for those who are neither root nor the service")
def _(run):
    if os.geteuid() != 0:
        return
    with service(run) as s:
        r, _, err = as_nobody(s, "Discover")
        check(r != 0 and "polkit" in err, f"without polkit: {err}")
        for verdict, accepted, word in (("no", False, "not allowed"),
                                        ("challenge", False, "password"), ("yes", True, "")):
            p = s.mock("polkit", "polkit", verdict)
            for action, method, arguments in (("discover", "Discover", ()),
                                              ("monitor", "Monitor", ()),
                                              ("manage", "SetSettings", ("a{sv}", 0))):
                r, _, err = as_nobody(s, method, *arguments)
                check((r == 0) == accepted and word in err, f"{verdict}, {method}: {err}")
                check(f"check {NAME}.{action}" in run.log("polkit"), run.log("polkit"))
            p.stdin.close()
            p.wait()
            time.sleep(0.1)
        check(s.error_name(PATH, "Manager", "Monitor", user=NOBODY) == "NotAuthorized", "name")
        path = s.connect()
        r, _, err = s.busctl("call", NAME, path, f"{NAME}.Session", "Stop", user=NOBODY)
        check(r != 0, "anybody may stop root's session")


# ---------------------------------------------------------------- sleep, loss, end

@case("sleep: delayed until every session has said good-bye; reconnected afterwards")
def _(run):
    s = Service(run, "ReconnectAfterSuspend=yes\nInhibitLidSwitch=yes")
    login = s.mock("login", "login")
    s.start()
    s.wait_until(lambda: "inhibit sleep delay" in run.log("login"), "the inhibitor")
    s.connect()
    s.wait_until(lambda: "inhibit handle-lid-switch block" in run.log("login"), "the lid's")
    begin = time.monotonic()
    login.stdin.write(b"sleep\n")
    login.stdin.flush()
    s.wait_until(lambda: "released sleep" in run.log("login"), "the inhibitor's release", 4)
    check(time.monotonic() - begin < 4, "later than 4 s")
    check(not s.sessions() and not s.media(), "it sleeps with a session")
    s.wait_until(lambda: "released handle-lid-switch" in run.log("login"), "the lid's release", 2)
    s.refuses(s.sink_path(), "Sink", "Connect", "a{sv}", 0, text="goes to sleep")
    s.sink(0, name="again")
    login.stdin.write(b"wake\n")
    login.stdin.flush()
    s.wait_until(lambda: s.sessions() and s.get(s.sessions()[0], "Session", "State") == "started",
                 "the session is back")
    check(run.log("login").count("inhibit sleep") == 2, run.log("login"))
    login.stdin.close()
    s.end()


@case("loss of the bus: good-bye to the sink, then exit 1")
def _(run):
    s = Service(run).start()
    s.connect()
    sink = run.processes[-1]
    s.bus.kill()
    run.expect(s.daemon, 1, "the system bus is gone")
    run.wait(sink)
    check("-> teardown" in run.log(), "the sink was not told")
    s.wait_until(lambda: not s.media(), "no process is left")


@case("SIGTERM with a session: good-bye within 3 s, exit 0")
def _(run):
    s = Service(run).start()
    s.connect()
    took = s.end()
    check(took < 3.5, f"{took:.1f} s")
    check("teardown" in run.log(), run.log())


@case("SIGHUP is an end in order, too: systemd would not start it again")
def _(run):
    s = Service(run).start()
    s.connect()
    s.daemon.send_signal(signal.SIGHUP)
    run.expect(s.daemon, 0, "-> teardown", "stopping on SIGHUP")
    s.wait_until(lambda: not s.media(), "no process is left")


@case("a second daemon says so and goes")
def _(run):
    with service(run) as s:
        p = run.spawn("second", [DAEMON, "--root", run.folder], s.environment)
        check(run.wait(p) == 1, "exit status")
        check("another miracastd is running" in run.log("second"), run.log("second"))


@case("systemd is told READY, and the watchdog is fed")
def _(run):
    path = str(run.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n:
        n.bind(path)
        n.settimeout(10)
        s = Service(run, environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000"}).start()
        words = b""
        while b"READY=1" not in words or words.count(b"WATCHDOG=1") < 3:
            words += n.recv(4096) + b"\n"
        s.end()
        while b"STOPPING=1" not in words:
            words += n.recv(4096) + b"\n"


# ---------------------------------------------------------------- several

@case("four sinks at once: all decode, none disturbs another when it is killed")
def _(run):
    with service(run, sinks=4, source="pattern:1280x720@30") as s:
        sinks = []
        for i in range(4):
            s.connect(i)
            sinks.append(run.processes[-1])
        check(len(s.sessions()) == 4 and len(s.media()) == 4, "four sessions, four processes")
        time.sleep(2)
        sinks[1].kill()
        s.wait_until(lambda: len(s.sessions()) == 3, "the killed one's session ends")
        time.sleep(2)
        check(len(s.sessions()) == 3, "another one ended, too")
        for path in s.sessions():
            check(s.get(path, "Session", "MediaRestarts") == 0, "a media process was replaced")
            s.call(path, "Session", "Stop")
        for i in (0, 2, 3):
            run.wait(sinks[i])
            video = run.report(f"sink{i}")["video"]
            check(video["stamps_read"] > 5 and video["stamps_bad"] == 0, f"sink {i}: {video}")
            ts = run.report(f"sink{i}")["ts"]
            check(ts["continuity_errors"] == 0, f"sink {i}: {ts}")


# ---------------------------------------------------------------- anything in any order

@case("four clients, 10,000 random operations: no illegal state, no leak")
def _(run):
    script = "while :; do \"$0\" --connect 127.0.0.1:$1 --quiet >/dev/null 2>&1; done"
    with service(run, "MaxSessions=3", sinks=4, scale=0.1) as s:
        descriptors = len(list(pathlib.Path(f"/proc/{s.daemon.pid}/fd").iterdir()))
        # Two ports have real sinks that come again and again, two have intruders only.
        loops = [run.spawn(f"loop{i}", ["bash", "-c", script, SINK, s.ports[i]]) for i in (0, 1)]
        model = run.spawn("model", [MODEL, os.environ.get("MODEL_SEED", "1"), "10000", "3",
                                    *s.ports], s.environment)
        r = run.wait(model, 150)
        for loop in loops:
            os.killpg(loop.pid, signal.SIGKILL)
        out = run.log("model")
        check(r == 0, f"{out}; the service's log:\n" + run.log()[-3000:])
        note(out.strip())
        found = re.search(r"(\d+) sessions, (\d+) started, (\d+) at once", out)
        check(found and int(found.group(2)) >= 3 and int(found.group(3)) == 3,
              f"too little happened: {out}")
        s.wait_until(lambda: not s.media(), "no media process is left", 5)
        s.wait_until(lambda: s.get(PATH, "Manager", "Discovering") is False, "nobody looks", 2)
        s.wait_until(lambda: len(list(pathlib.Path(f"/proc/{s.daemon.pid}/fd").iterdir()))
                     <= descriptors, "no descriptor is left open", 5)


if __name__ == "__main__":
    need("dbus-daemon", "busctl", "gdbus", "setpriv")
    sys.exit(main(2))

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""miracastctl against a real service: what it says, what it exits with, and what its documents say."""
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

from bus_harness import CTL, Service, case, main, need, service
from harness import DAEMON, check

ROOT = pathlib.Path(__file__).parent.parent.parent
MAN = (ROOT / "docs/man/miracastctl.1.scd").read_text()


def spawn(s, name, *arguments):
    return s.run.spawn(name, [CTL, *arguments], s.environment)


def expect(s, code, *arguments, words=(), errors=()):
    r, out, err = s.ctl(*arguments)
    check(r == code, f"{arguments}: exit {r}, not {code}: {out}{err}")
    for word in words:
        check(word in out, f"{arguments}: \"{word}\" is not in: {out}")
    for word in errors:
        check(word in err, f"{arguments}: \"{word}\" is not in: {err}")
    return out


# ---------------------------------------------------------------- documents

@case("help, manual page and table name the same commands and options")
def _(run):
    text = subprocess.run([CTL, "--help"], capture_output=True, text=True, check=True).stdout
    listed = subprocess.run([CTL, "--list-commands"], capture_output=True, text=True, check=True)
    commands = {line.split()[0] for line in listed.stdout.splitlines()}
    options = {o for line in listed.stdout.splitlines() for o in line.split()[1:]}
    section = MAN.split("# COMMANDS")[1].split("# OPTIONS")[0]
    check(set(re.findall(r"^\*(\w+)\*", section, re.M)) == commands, "commands of the page")
    check(set(re.findall(r"^  (\w+) ", text, re.M)) == commands, "commands of the help")
    section = MAN.split("# OPTIONS")[1].split("# EXIT STATUS")[0]
    page = set(re.findall(r"\*(--\w+)\*", section))
    check(page == set(re.findall(r"^  (--\w+)", text, re.M)), "options of the help")
    check(options <= page, f"options without a word: {options - page}")
    codes = set(re.findall(r"^\*(\d)\*$", MAN.split("# EXIT STATUS")[1], re.M))
    table = re.findall(r"CTL_\w+ = (\d)", (ROOT / "daemon/ctl/ctl.h").read_text())
    check(codes == set(table), "exit codes")


@case("manual pages: miracastd(8) has every option, miracastd.conf(5) every key")
def _(run):
    text = subprocess.run([DAEMON, "--help"], capture_output=True, text=True, check=True).stdout
    page = (ROOT / "docs/man/miracastd.8.scd").read_text()
    missing = {o for o in re.findall(r"(--[\w-]+)", text) if f"*{o}*" not in page}
    check(not missing - {"--direct"}, f"options without a word: {missing}")
    source = (ROOT / "daemon/config.c").read_text()
    keys = set(re.findall(r"^\t\{ \"(\w+)\",", source, re.M)) | {"Address", "Rate"}
    page = (ROOT / "docs/man/miracastd.conf.5.scd").read_text()
    check(set(re.findall(r"^\*(\w+)=\*", page, re.M)) == keys, f"keys: {keys}")


@case("the completion completes")
def _(run):
    with service(run) as s:
        complete_all(run, {**os.environ, **s.environment})


def complete_all(run, environment):
    script = ROOT / "systemd" / "completion.sh"
    text = subprocess.run([script, CTL], capture_output=True, text=True, check=True).stdout
    (run.folder / "completion").write_text(text)
    def complete(*words):
        line = f"source {run.folder}/completion; COMP_WORDS=({' '.join(words)}); " \
               f"COMP_CWORD={len(words) - 1}; _miracastctl; echo ${{COMPREPLY[@]}}"
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True,
                              env={**environment, "PATH": f"{pathlib.Path(CTL).parent}:"
                                   + environment["PATH"]}).stdout.split()
    check(complete("miracastctl", "dis") == ["disconnect"], complete("miracastctl", "dis"))
    check(complete("miracastctl", "stats", "--o") == ["--once"], "options")
    check(complete("miracastctl", "connect", "--encoder", "v") == ["vaapi"], "a value")
    check(complete("miracastctl", "--seconds", "5", "mon") == ["monitor"], "behind a value")
    check(complete("miracastctl", "doctor", "--root", "/us") == ["/usr"], "a folder")
    check(complete("miracastctl", "connect", "tv") == ["TV\\", "1"], "a name")
    check(complete("miracastctl", "connect", "'\"T'") == ["TV", "1"], "a name with its quote")
    check(complete("miracastctl", "connect", "'tv\\ '") == ["TV\\", "1"], "half a name")
    check(complete("miracastctl", "status", "127")[0].startswith("127.0.0.1:"), "an address")
    check(complete("miracastctl", "status", "127.0.0.1", ":")[0].isdigit(), "half an address")
    port = complete("miracastctl", "status", "127")[0].split(":")[1]
    check(complete("miracastctl", "status", "127.0.0.1", ":", port[:2]) == [port], "its end")


# ---------------------------------------------------------------- without a service

@case("wrong usage, no service, no bus")
def _(run):
    s = Service(run)
    for arguments in ((), ("nonsense",), ("connect",), ("list", "x"), ("--nonsense",),
                      ("list", "--seconds", "x"), ("limit", "TV 1", "x")):
        expect(s, 2, *arguments)
    expect(s, 3, "list", errors=("the service does not answer",))
    expect(s, 0, "--version")
    s.bus.kill()
    expect(s, 3, "status", errors=("system bus",))


# ---------------------------------------------------------------- with one

@case("list, connect, status, stats, modes, disconnect")
def _(run):
    with service(run, sinks=2) as s:
        out = expect(s, 0, "list", "--seconds", "0", words=("TV 1", "TV 2", "127.0.0.1:", "idle"))
        check("\x1b" not in out, "escapes in plain output")
        sinks = json.loads(expect(s, 0, "list", "--seconds", "0", "--json"))
        check({x["name"] for x in sinks} == {"TV 1", "TV 2"}, sinks)
        check(json.loads(expect(s, 0, "status", "--json")) == [], "status of nothing")
        expect(s, 0, "status", words=("Nothing is cast",))
        expect(s, 4, "disconnect", errors=("nothing is cast",))
        expect(s, 4, "connect", "Nobody", "--seconds", "0", errors=("no sink is called",))
        s.sink(0)
        expect(s, 0, "connect", "TV 1", words=("RTSP ...", "connected, 640x480 at 60 Hz, x264"))
        s.sink(1)
        address = next(x["address"] for x in sinks if x["name"] == "TV 2")
        second = json.loads(expect(s, 0, "connect", address, "--json", "--encoder", "x264"))
        check(second["width"] == 640 and second["encoder"] == "x264", second)
        expect(s, 4, "stats", "--once", errors=("2 sessions: say which",))
        expect(s, 6, "connect", "TV 1", errors=("connected already",))
        out = expect(s, 0, "status", words=("TV 1: started", "TV 2: started", "x264"))
        status = json.loads(expect(s, 0, "status", "TV 1", "--json"))
        check(len(status) == 1 and status[0]["mode"]["width"] == 640, status)
        time.sleep(1)
        expect(s, 0, "stats", "TV 1", "--seconds", "2",
               words=("captured ", " -> encoded ", " -> last-datagram ", " fps, ", "dropped"))
        stats = json.loads(expect(s, 0, "stats", "TV 1", "--once", "--json"))
        check(stats["frames_encoded"] > 0 and stats["path_us"]["encoded"]["max"] > 0, stats)
        expect(s, 0, "modes", "TV 1", words=("* 640x480@60",))
        check(json.loads(expect(s, 0, "modes", "TV 1", "--json"))[0]["current"] is True, "modes")
        expect(s, 2, "modes", "TV 1", "big", errors=("WIDTHxHEIGHT@HZ",))
        expect(s, 2, "modes", "TV 1", "320x200@60", errors=("not in the list",))
        expect(s, 0, "limit", "TV 1", "2000000")
        expect(s, 0, "disconnect", "TV 1", words=("TV 1: disconnected",))
        expect(s, 0, "disconnect", "--all", words=("TV 2: disconnected",))
        s.wait_until(lambda: not s.sessions(), "both are over")
        expect(s, 1, "forget", "TV 1", errors=("miracastd.conf",))
        r, out, err = s.ctl("forget", "tv 1", "--json")
        check(r == 1 and not out and "miracastd.conf" in json.loads(err)["error"], err)


@case("connect fails: the sentence, and 6")
def _(run):
    with service(run, scale=0.05) as s:
        expect(s, 6, "connect", "TV 1", errors=("no sink connected within",))


@case("Ctrl-C during connect takes it all back: 7")
def _(run):
    with service(run) as s:
        p = spawn(s, "ctl", "connect", "TV 1")
        s.wait_until(s.sessions, "the attempt")
        p.send_signal(signal.SIGINT)
        check(run.wait(p, 5) == 7, f"exit {p.returncode}: {run.log('ctl')}")
        s.wait_until(lambda: not s.sessions() and not s.media(), "nothing is left", 2)


@case("a user who is not allowed to: 5")
def _(run):
    if os.geteuid() != 0:
        return
    with service(run) as s:
        p = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", CTL, "list"],
                           capture_output=True, text=True,
                           env={**os.environ, **s.environment})
        # Where the build's folder is closed to others there is nothing to run.
        check(p.returncode in (5, 126, 127), f"exit {p.returncode}: {p.stderr}")


@case("monitor shows states and RTSP, as text and as JSON")
def _(run):
    with service(run) as s:
        text, lines = spawn(s, "text", "monitor"), spawn(s, "json", "monitor", "--json")
        time.sleep(0.5)
        s.call(s.connect(), "Session", "Stop")
        s.wait_until(lambda: "ended" in run.log("text") and "ended" in run.log("json"), "the end")
        for p in (text, lines):
            p.send_signal(signal.SIGTERM)
            check(run.wait(p) == 0, "exit status")
        out = run.log("text")
        for word in ("State: started", "wfd_video_formats", "source -> sink", "sink -> source",
                     "ended: user-request"):
            check(word in out, f"{word} is not in:\n{out}")
        events = [json.loads(line) for line in run.log("json").splitlines()]
        check({"rtsp", "change", "ended"} <= {e["event"] for e in events}, "events")


@case("monitor and list --live end with the service, and say so")
def _(run):
    s = Service(run).start()
    waiting = spawn(s, "monitor", "monitor"), spawn(s, "live", "list", "--live")
    s.wait_until(lambda: "idle" in run.log("live"), "the sink")
    time.sleep(0.5)
    s.daemon.kill()
    for p, name, text in zip(waiting, ("monitor", "live"), ("has ended", "has ended|not answer")):
        check(run.wait(p, 10) == 3 and re.search(f"the service.*({text})", run.log(name)),
              run.log(name))


@case("a service that cannot be started")
def _(run):
    for i, program in enumerate(("/bin/false", "/nonexistent")):
        (run.folder / "services").mkdir(exist_ok=True)
        (run.folder / "services/org.miracastd1.service").write_text(
            f"[D-BUS Service]\nName=org.miracastd1\nExec={program}\nUser=root\n")
        if i == 0:
            s = Service(run)
        else:
            s.busctl("call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                     "org.freedesktop.DBus", "ReloadConfig")
        expect(s, 3, "list", errors=("does not answer",))


@case("list --live shows changes, and ends on Ctrl-C")
def _(run):
    with service(run) as s:
        p = spawn(s, "live", "list", "--live")
        events = spawn(s, "events", "list", "--live", "--json")
        s.wait_until(lambda: "idle" in run.log("live") and "idle" in run.log("events"), "the sink")
        path = s.connect()
        s.wait_until(lambda: re.search(r"^~.*connected", run.log("live"), re.M), "its change")
        s.call(path, "Session", "Stop")
        p.send_signal(signal.SIGINT)
        check(run.wait(p) == 0, "exit status")
        s.wait_until(lambda: run.log("events").count('"idle"') == 2, "its end")
        events.send_signal(signal.SIGTERM)
        check(run.wait(events) == 0, "exit status")
        seen = [json.loads(line) for line in run.log("events").splitlines() if "event" in line]
        check([e["event"] for e in seen][:2] == ["added", "changed"], seen)


def on_terminal(s, *arguments, width=60):
    """What a terminal of that width is sent."""
    script = f"stty cols {width}; exec {' '.join(map(shlex.quote, (CTL, *arguments)))}"
    p = subprocess.run(["script", "-qec", script, "/dev/null"], capture_output=True, text=True,
                       timeout=60, stdin=subprocess.DEVNULL,
                       env={**os.environ, **s.environment})
    return p.returncode, p.stdout


@case("on a terminal list is a table and stats a line that is written anew")
def _(run):
    with service(run) as s:
        r, out = on_terminal(s, "list", "--seconds", "1")
        check(r == 0 and out.startswith("NAME") and out.count("TV 1") == 2, out)
        check("\x1b[5A\x1b[J" in out, f"not redrawn, two lines of two rows and one: {out!r}")
        check("..." not in out.rsplit("\x1b[J", 1)[1], f"it still looks: {out!r}")
        s.connect()
        r, out = on_terminal(s, "stats", "--seconds", "3")
        check(r == 0 and re.search(r"\x1b\[[23]A\x1b\[J", out), f"of three rows: {out!r}")


if __name__ == "__main__":
    need("dbus-daemon", "busctl", "setpriv")
    sys.exit(main(2))

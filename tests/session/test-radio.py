#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sinks of the radio through the bus and miracastctl: the installed service, a scripted supplicant
behind the policy that the service has in life, a real sink that decodes. What the radio itself does
is the business of suite link and of the virtual machine.
"""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from bus_harness import NAME, PATH, case, main
from harness import SINK, check, note
from system_harness import RADIO, WORLD, Installed, enter

NET = "/run/miracast-net/socket"
RADIO_WORLD = os.environ.get("RADIO_WORLD", "build/test/tests/radio-world")
CTL = WORLD / "bin/miracastctl"
AS_OWNER = "success started:GO authorized joined persistent"
PIN = "12345670"


class Radio(Installed):
    """An installed service with a radio in the room of "Test TV"."""

    def __init__(self, run, config="", **named):
        super().__init__(run, config, sinks=0, **named)
        self.world = None
        self.environment["MIRACAST_TIME_SCALE"] = "0.3"

    def supplicant(self, **script):
        script = {"Find": "found:0", "Connect": AS_OWNER, **script}
        log = (self.run.folder / "world.log").open("w")
        self.world = subprocess.Popen([RADIO_WORLD, NET, *(f"{k}={v}" for k, v in script.items())],
                                      stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
                                      env={**os.environ, **self.environment},
                                      start_new_session=True)
        self.run.processes.append(self.world)
        check(self.run.wait_for("ready", self.world, "world"), self.run.log("world"))
        return self

    def begin(self, **script):
        self.supplicant(**script)
        self.start(program=RADIO)
        return self

    def say(self, words):
        self.world.stdin.write(words + "\n")
        self.world.stdin.flush()

    def calls(self):
        before = self.run.log("world").count("calls ")
        self.say("calls")
        self.wait_until(lambda: self.run.log("world").count("calls ") > before, "the list of calls")
        return self.run.log("world").rsplit("calls ", 1)[1]

    def bring_sink(self, name="tv", n=1):
        """The TV connects once the n-th group has an address."""
        self.wait_until(lambda: self.run.log("world").count("up ") >= n, "the group's address")
        port = self.run.log("world").rsplit("up ", 1)[1].split()[0]
        return self.run.spawn(name, [SINK, "--connect", f"127.0.0.1:{port}", "--report",
                                     self.run.folder / f"{name}.json"])

    def command(self, name, *arguments, stdin=subprocess.DEVNULL):
        """miracastctl, running on."""
        log = (self.run.folder / f"{name}.log").open("w")
        p = subprocess.Popen([CTL, *arguments], stdin=stdin, stdout=log, stderr=log, text=True,
                             env={**os.environ, **self.environment}, start_new_session=True)
        self.run.processes.append(p)
        return p

    def radio(self):
        return self.get(PATH, "Manager", "Radio")

    def tv(self):
        for path, interfaces in self.objects().items():
            if f"{NAME}.Sink" in interfaces:
                return path
        return None


def connect(s, name="connect", n=1):
    p = s.command(name, "connect", "Test TV")
    tv = s.bring_sink(f"{name}-tv", n)
    check(s.run.wait(p) == 0, s.run.log(name))
    return tv


@case("list, connect, picture, disconnect: a sink of the radio like any other")
def _(run):
    s = Radio(run).begin()
    s.wait_until(lambda: s.radio() == "idle", "the radio")
    check(s.get(PATH, "Manager", "RadioProblem") == "", "a problem")
    check(s.get(PATH, "Manager", "Adapter") == "wlan0", s.get(PATH, "Manager", "Adapter"))
    found = json.loads(s.ctl("list", "--seconds", "1", "--json")[1])
    check([(x["name"], x["address"], x["signal_dbm"], x["remembered"]) for x in found] ==
          [("Test TV", "42:00:00:00:01:00", -50, False)], found)
    tv = connect(s)
    sink = s.tv()
    check(s.get(sink, "Sink", "Remembered") is True, "not remembered")
    check(s.get(sink, "Sink", "Model") == "television", "model")
    check(s.radio() == "up", s.radio())
    out = run.log("connect")
    check(re.findall(r"^Test TV: (\w+)", out, re.M) == ["discovery", "authorisation", "formation",
                                                        "address", "waiting", "RTSP", "connected"],
          out)
    time.sleep(1)
    r, out, err = s.ctl("disconnect")
    check(r == 0, err)
    run.wait(tv)
    report = run.report("connect-tv")
    check(report["video"]["stamps_read"] > 5 and report["video"]["stamps_bad"] == 0, report)
    s.wait_until(lambda: s.radio() == "idle", "the group is gone")
    check("Disconnect" in s.calls(), s.calls())
    check("down" in run.log("world"), "the network was not given back")
    s.end()


@case("a remembered sink is invited, and after Forget it is not")
def _(run):
    s = Radio(run).begin(Invite="invited:0 started:GO authorized joined")
    connect(s)
    s.refuses(s.tv(), "Sink", "Forget", text="end its session first")
    check(s.ctl("disconnect")[0] == 0, "disconnect")
    s.wait_until(lambda: s.radio() == "idle", "the group is gone")
    connect(s, "again", 2)
    calls = s.calls()
    check("Invite" in calls and calls.count("Connect ") == 1, calls)
    check(s.ctl("disconnect")[0] == 0, "disconnect")
    s.wait_until(lambda: s.radio() == "idle", "the group is gone")
    r, out, err = s.ctl("forget", "Test TV")
    check(r == 0, err)
    check("RemovePersistentGroup" in s.calls(), s.calls())
    check(s.get(s.tv(), "Sink", "Remembered") is False, "still remembered")
    check("42:00:00:00:01:00" not in (run.folder / "state/known-sinks").read_text(), "the file")
    check(s.error_name(s.tv(), "Sink", "Forget") == "NotFound", "forgotten twice")
    connect(s, "fresh", 3)
    calls = s.calls()
    check(calls.count("Connect ") == 2, calls)
    s.end()


@case("a PIN of the sink: asked for, a wrong form asked for again")
def _(run):
    s = Radio(run).begin(ProvisionDiscoveryRequest="enter-pin")
    p = s.command("connect", "connect", "Test TV", "--method", "pin", stdin=subprocess.PIPE)
    s.wait_until(lambda: "PIN shown by the sink: " in run.log("connect"), "the prompt")
    p.stdin.write("12\n")
    p.stdin.flush()
    s.wait_until(lambda: "That was wrong" in run.log("connect"), "the second prompt")
    p.stdin.write(PIN + "\n")
    p.stdin.flush()
    s.bring_sink()
    check(run.wait(p) == 0, run.log("connect"))
    check(f"pin={PIN}" in s.calls(), s.calls())
    check(PIN not in run.log(), "the PIN stands in the service's log")
    s.end()


@case("a PIN and nobody to ask: the sentence; an agent that says no")
def _(run):
    s = Radio(run).begin(ProvisionDiscoveryRequest="enter-pin")
    s.ctl("list", "--seconds", "1")
    s.refuses(s.tv(), "Sink", "Connect", "a{sv}", 1, "method", "s", "pin",
              text="nobody to ask for it")
    s.wait_until(lambda: s.radio() == "idle", "the radio is free")
    r, out, err = s.ctl("connect", "Test TV", "--method", "pin")
    check(r == 7 and "no PIN was entered" in err, f"{r}: {err}")
    s.end()


@case("a PIN of ours is shown")
def _(run):
    s = Radio(run).begin(ProvisionDiscoveryRequest="display-pin")
    p = s.command("connect", "connect", "Test TV", "--method", "display")
    s.wait_until(lambda: f"Enter this PIN at the sink: {PIN}" in run.log("connect"), "the PIN")
    s.bring_sink()
    check(run.wait(p) == 0, run.log("connect"))
    s.end()


@case("Ctrl-C while somebody should accept: cancelled at the supplicant, too")
def _(run):
    s = Radio(run).begin(Connect="")
    p = s.command("connect", "connect", "Test TV")
    s.wait_until(lambda: "authorisation" in run.log("connect"), "the question")
    p.send_signal(signal.SIGINT)
    check(run.wait(p, 5) == 7, run.log("connect"))
    s.wait_until(lambda: "Cancel" in s.calls(), "the supplicant is told", 3)
    s.wait_until(lambda: s.radio() == "idle", "the radio is free")
    s.end()


def fails(run, script, stage, word):
    """On the way to the sink: one name and one exit status, and a sentence of its own."""
    s = Radio(run).begin(**script)
    r, out, err = s.ctl("connect", "Test TV")
    check(r == 6 and err.startswith(f"miracastctl: {stage}: ") and word in err, f"{r}: {err}")
    name = s.error_name(s.tv(), "Sink", "Connect", "{}")
    check(name == "ConnectionLost", name)
    s.end()


case("no common channel")(lambda run: fails(run, {"Connect": "failure:7"}, "negotiation", "channel"))
case("two devices are being paired")(
    lambda run: fails(run, {"Connect": "success wps:12"}, "authorisation", "paired"))
case("the sink wants another way of pairing")(
    lambda run: fails(run, {"Connect": "failure:10", "ProvisionDiscoveryRequest": "no-provision"},
                      "authorisation", "pair"))


@case("no supplicant: said so; it comes, goes in a session, and comes again")
def _(run):
    s = Radio(run).start(program=RADIO)
    check(s.radio() == "absent", s.radio())
    check("wpa_supplicant is not running" in s.get(PATH, "Manager", "RadioProblem"), "the reason")
    r, out, err = s.ctl("list", "--seconds", "0")
    check("wpa_supplicant is not running" in err, f"{out}{err}")
    s.supplicant()
    s.wait_until(lambda: s.radio() == "idle", "the radio is there")
    check(s.get(PATH, "Manager", "RadioProblem") == "", "still a problem")
    connect(s)
    begin = time.monotonic()
    s.say("vanish")
    s.wait_until(lambda: not s.sessions(), "the session's end", 2)
    check(s.radio() == "absent" and s.tv() is None, "it is still there")
    check(re.search(r"session 1: .*wpa_supplicant", run.log()), run.log())
    s.say("back")
    s.wait_until(lambda: s.radio() == "idle", "the radio is back", 10)
    note(f"{time.monotonic() - begin:.1f} s from loss to use")
    connect(s, "again", 2)
    s.end()


@case("after sleep a sink of the radio is looked for and connected again")
def _(run):
    s = Radio(run, "ReconnectAfterSuspend=yes").begin(Invite="invited:0 started:GO authorized joined")
    connect(s)
    s.login1("Suspend", "b", "false")
    s.wait_until(lambda: "suspend.target" in run.log("systemd"), "the computer sleeps", 4.5)
    # With the radio asleep everything that it knew is gone.
    s.say("vanish")
    s.wait_until(lambda: s.radio() == "absent", "the radio is gone")
    time.sleep(1.5)
    # It may have woken up, and tried, before the radio went.
    tried = run.log("world").count("up ")
    s.say("back")
    threading.Thread(target=s.bring_sink, args=("again", tried + 1)).start()
    s.wait_until(lambda: s.sessions() and s.get(s.sessions()[0], "Session", "State") == "started",
                 "the session is back")
    check(s.get(PATH, "Manager", "Discovering") is False, "somebody looks")
    s.end()


if __name__ == "__main__":
    enter()
    sys.exit(main(1))

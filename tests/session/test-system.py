#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may what, and sleep: the installed service with the real polkitd and the real logind."""
import pathlib
import re
import signal
import sys
import time

from bus_harness import NAME, PATH, case, main
from harness import check, note
from system_harness import USERS, Installed, enter


def is_confined(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return f"Uid:\t{USERS['miracast']}\t{USERS['miracast']}" in status and \
        "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status


@case("polkit: who sits at the seat may, others are asked for a password")
def _(run):
    s = Installed(run).start()
    check(is_confined(s.daemon.pid), "the daemon is somebody")
    _, alice = s.log_in("alice")
    for path, interface, method, *arguments in (
            (PATH, "Manager", "Discover"), (PATH, "Manager", "Monitor"),
            (PATH, "Manager", "SetSettings", "a{sv}", 0)):
        r, _, err = s.call_as("alice", alice, path, interface, method, *arguments)
        check(r == 0, f"alice, {method}: {err}")
        r, _, err = s.call_as("bob", None, path, interface, method, *arguments)
        check(r != 0 and "password is needed" in err, f"bob, {method}: {err}")
    s.sink(0)
    r, out, err = s.call_as("alice", alice, s.sink_path(), "Sink", "Connect", "a{sv}", 0)
    check(r == 0, f"alice, Connect: {err}")
    path = out.split('"')[1]
    check(s.get(path, "Session", "OwnerSession") == alice, "whose it is")
    check(all(is_confined(p) for p in s.media()), "a media process is somebody")
    r, _, err = s.call_as("bob", None, path, "Session", "Stop")
    check(r != 0 and s.sessions() == [path], f"bob stopped it: {err}")
    r, _, err = s.call_as("alice", alice, path, "Session", "Stop")
    check(r == 0, f"alice, Stop: {err}")
    s.end()


@case("nobody else is the service, and nobody plays with its agents")
def _(run):
    s = Installed(run).start()
    r, _, err = s.run_as("alice", None, "busctl", "--system", "call", "org.freedesktop.DBus", "/",
                         "org.freedesktop.DBus", "RequestName", "su", NAME + ".x", "0")
    check(r != 0, "alice owns a name of the service's")
    r, _, err = s.run_as("alice", None, "busctl", "--system", "introspect", NAME, PATH)
    check(r == 0, f"alice cannot look: {err}")
    s.end()


@case("a session ends when its user logs out, or when another one takes the seat")
def _(run):
    s = Installed(run).start()
    for how in ("logout", "switch"):
        session, alice = s.log_in("alice")
        s.sink(0, name=how)
        r, _, err = s.call_as("alice", alice, s.sink_path(), "Sink", "Connect", "a{sv}", 0)
        check(r == 0, err)
        if how == "logout":
            session.stdin.close()
            word = "its user has logged out"
        else:
            s.log_in("bob")
            word = "another user's session took the seat"
        s.wait_until(lambda: not s.sessions(), f"the end by {how}")
        check(word in run.log(), f"{word} is not in:\n{run.log()}")
        if how == "switch":
            r, _, err = s.call_as("alice", alice, s.sink_path(), "Sink", "Connect", "a{sv}", 0)
            check(r != 0, "alice casts while bob is at the seat")
    s.end()


@case("sleep: logind waits for the good-bye; what was connected comes back")
def _(run):
    s = Installed(run, "ReconnectAfterSuspend=yes\nInhibitLidSwitch=yes").start()
    _, alice = s.log_in("alice")
    s.wait_until(lambda: "sleep" in s.login1("ListInhibitors"), "the delay inhibitor")
    s.sink(0)
    r, _, err = s.call_as("alice", alice, s.sink_path(), "Sink", "Connect", "a{sv}", 0)
    check(r == 0, err)
    s.wait_until(lambda: "handle-lid-switch" in s.login1("ListInhibitors"), "the lid's inhibitor")
    inhibitors = s.login1("ListInhibitors")
    begin = time.monotonic()
    s.login1("Suspend", "b", "false")
    s.wait_until(lambda: "suspend.target" in run.log("systemd"), "the computer sleeps", 4.5)
    took = time.monotonic() - begin
    check(re.search("over: the computer goes to sleep", run.log()) and "-> teardown" in run.log(),
          f"it slept with a session: {run.log()}")
    check("handle-lid-switch" in inhibitors, inhibitors)
    # bus-mock's job is done at once: the computer is awake again.
    s.sink(0, name="again")
    s.wait_until(lambda: s.sessions() and s.get(s.sessions()[0], "Session", "State") == "started",
                 "the session is back")
    check(s.get(s.sessions()[0], "Session", "OwnerSession") == alice, "whose it is afterwards")
    s.wait_until(lambda: s.login1("ListInhibitors").count("Miracast") == 2, "both are back")
    note(f"asleep after {took:.1f} s")
    s.end()


@case("sleep with a sink that does not answer any more: within four seconds all the same")
def _(run):
    s = Installed(run).start()
    _, alice = s.log_in("alice")
    s.wait_until(lambda: "sleep" in s.login1("ListInhibitors"), "the delay inhibitor")
    sink = s.sink(0)
    r, _, err = s.call_as("alice", alice, s.sink_path(), "Sink", "Connect", "a{sv}", 0)
    check(r == 0, err)
    sink.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    s.login1("Suspend", "b", "false")
    s.wait_until(lambda: "suspend.target" in run.log("systemd"), "the computer sleeps", 8)
    took = time.monotonic() - begin
    # logind would not wait longer than five.
    check("over: the computer goes to sleep" in run.log() and took < 4, f"{took:.1f} s")
    note(f"asleep after {took:.1f} s")
    s.end()


if __name__ == "__main__":
    enter()
    sys.exit(main(1))

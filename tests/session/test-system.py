#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The service as it is installed: its own user without privileges, a bus with the distribution's
policies and ours, the real polkitd and the real logind. Only PID 1 is played: its jobs are done at
once. Runs as root in a mount namespace of its own, which it makes.
"""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import bus_harness
from bus_harness import MOCK, NAME, PATH, Service, case, main, need
from harness import DAEMON, Skip, check

BUILD = pathlib.Path(os.environ.get("MIRACAST_SYSTEMD", "build/test/systemd"))
ROOT = pathlib.Path(__file__).parent.parent.parent
POLKITD, LOGIND = "/usr/lib/polkit-1/polkitd", "/usr/lib/systemd/systemd-logind"
WORLD = pathlib.Path("/run/miracast-test")
USERS = {"miracast": 3990, "alice": 4001, "bob": 4002}
# systemd's own hierarchy: who is in which session stands in a process's cgroup.
CGROUP = next((p for p in map(pathlib.Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified",
                                             "/sys/fs/cgroup/systemd"))
               if (p / "cgroup.procs").exists()), None)


def bus_config():
    """The distribution's own file, where everything is forbidden that no policy allows, on a socket
    of ours."""
    text = pathlib.Path("/usr/share/dbus-1/system.conf").read_text()
    text = re.sub(r"<(listen|pidfile)>.*?</\1>|<fork/>", "", text)
    text = text.replace("<includedir>system.d<", "<includedir>/usr/share/dbus-1/system.d<")
    return text.replace("</busconfig>", "<listen>unix:path={path}</listen>"
                        f"<includedir>{WORLD}/dbus</includedir></busconfig>")


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def make_world():
    """What an installation and a boot leave, in this mount namespace only."""
    WORLD.mkdir(mode=0o755, exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", WORLD)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run/systemd")
    for name in ("seats", "sessions", "users", "inhibit", "shutdown", "machines"):
        pathlib.Path("/run/systemd", name).mkdir()
    # A seat without consoles: the session that comes last is the active one.
    mount("-t", "tmpfs", "tmpfs", "/sys/class/tty")
    (WORLD / "power").write_text("freeze mem\n")
    mount("--bind", WORLD / "power", "/sys/power/state")
    text = pathlib.Path("/etc/passwd").read_text()
    (WORLD / "passwd").write_text(text + "".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n"
                                                 for name, uid in USERS.items()))
    mount("--bind", WORLD / "passwd", "/etc/passwd")
    for folder, ours in (("actions", BUILD / f"{NAME}.policy"),
                         ("rules.d", ROOT / "systemd/polkit.rules")):
        shutil.copytree(f"/usr/share/polkit-1/{folder}", WORLD / folder)
        shutil.copy(ours, WORLD / folder)
        (WORLD / folder).chmod(0o755)
        mount("--bind", WORLD / folder, f"/usr/share/polkit-1/{folder}")
    (WORLD / "dbus").mkdir()
    shutil.copy(BUILD / f"{NAME}.conf", WORLD / "dbus")
    shutil.copy(ROOT / "systemd/miracast-dbus.conf", WORLD / "dbus")
    # Users must get at the programs, wherever the build is.
    (WORLD / "bin").mkdir()
    mount("--bind", pathlib.Path(DAEMON).parent, WORLD / "bin")


class Installed(Service):
    """Bus, polkitd, logind and the daemon, each as whom it runs in life."""

    def __init__(self, run, config="", **named):
        bus_harness.BUS_CONFIG, before = bus_config(), bus_harness.BUS_CONFIG
        super().__init__(run, config, **named)
        bus_harness.BUS_CONFIG = before
        self.systemd = self.mock("systemd", "systemd")
        self.polkitd = run.spawn("polkitd", [POLKITD], self.environment)
        self.logind = run.spawn("logind", [LOGIND], self.environment)
        for name in ("PolicyKit1", "login1"):
            self.wait_until(lambda n=name: self.has_name(f"org.freedesktop.{n}"), name)

    def has_name(self, name):
        return self.busctl("status", name)[0] == 0

    def start(self, *options):
        user = ["setpriv", "--reuid", "miracast", "--regid", str(USERS["miracast"]),
                "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        self.daemon = self.run.spawn("daemon", [*user, WORLD / "bin/miracastd", "-v", "--root",
                                                self.run.folder, *options], self.environment)
        check(self.run.wait_for("ready", self.daemon), self.run.log())
        return self

    def log_in(self, user, seat="seat0"):
        """A desktop's session of logind; returns it and its name."""
        p = self.mock(f"{user}-session", "session", str(USERS[user]), seat)
        return p, self.run.log(f"{user}-session").split()[1]

    def run_as(self, user, session, *command):
        """As a program that runs in that session."""
        uid = USERS[user]
        scope = CGROUP / "user.slice" / f"user-{uid}.slice" / f"session-{session}.scope"

        def enter():
            if session:
                scope.mkdir(parents=True, exist_ok=True)
                (scope / "cgroup.procs").write_text("0")
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        p = subprocess.run(command, capture_output=True, text=True, timeout=65,
                           preexec_fn=enter, env={**os.environ, **self.environment})
        return p.returncode, p.stdout, p.stderr

    def call_as(self, user, session, path, interface, method, *arguments):
        return self.run_as(user, session, "busctl", "--system", "call", NAME, path,
                           f"{NAME}.{interface}", method, *map(str, arguments))

    def login1(self, method, *arguments):
        r, out, err = self.busctl("call", "org.freedesktop.login1", "/org/freedesktop/login1",
                                  "org.freedesktop.login1.Manager", method, *arguments)
        check(r == 0, f"{method}: {err}")
        return out

    def end(self, limit=8):
        for p in (self.logind, self.polkitd):
            p.terminate()
        super().end(limit)
        for folder in sorted(CGROUP.glob("user.slice/**/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()


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
    print(f"# asleep after {took:.1f} s", flush=True)
    s.end()


if __name__ == "__main__":
    need("dbus-daemon", "busctl", "setpriv", "unshare")
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for users and mounts of its own")
        sys.exit(0)
    if not os.path.exists(POLKITD) or not os.path.exists(LOGIND):
        print("1..0 # SKIP polkitd or systemd-logind is missing")
        sys.exit(0)
    if "MIRACAST_WORLD" not in os.environ:
        os.environ["MIRACAST_WORLD"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable,
                              *sys.argv])
    make_world()
    sys.exit(main(1))

# SPDX-License-Identifier: GPL-2.0-or-later
"""The service as it is installed: its own user without privileges, a bus with the distribution's
policies and ours, the real polkitd and the real logind. Only PID 1 is played: its jobs are done at
once. A test that uses this runs as root in namespaces of its own, which enter() makes.
"""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys

import bus_harness
from bus_harness import NAME, Service, need
from harness import DAEMON, check

BUILD = pathlib.Path(os.environ.get("MIRACAST_SYSTEMD", "build/test/systemd"))
ROOT = pathlib.Path(__file__).parent.parent.parent
POLKITD, LOGIND = "/usr/lib/polkit-1/polkitd", "/usr/lib/systemd/systemd-logind"
RADIO = os.environ.get("MIRACASTD_RADIO", "build/test/tests/miracastd-radio")
WORLD = pathlib.Path("/run/miracast-test")
USERS = {"miracast": 3990, "alice": 4001, "bob": 4002}
# systemd's own hierarchy: who is in which session stands in a process's cgroup.
CGROUP = next((p for p in map(pathlib.Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified",
                                             "/sys/fs/cgroup/systemd"))
               if (p / "cgroup.procs").exists()), None)
# As in wpa_supplicant's own file: root is it, and nobody may call it.
WPA_POLICY = """<busconfig><policy user="root"><allow own="fi.w1.wpa_supplicant1"/></policy>
<policy context="default"><deny send_destination="fi.w1.wpa_supplicant1"/></policy></busconfig>
"""


def bus_config():
    """The distribution's own file, where everything is forbidden that no policy allows, on a socket
    of ours."""
    text = pathlib.Path("/usr/share/dbus-1/system.conf").read_text()
    text = re.sub(r"<(listen|pidfile)>.*?</\1>|<fork/>", "", text)
    text = text.replace("<includedir>system.d<", "<includedir>/usr/share/dbus-1/system.d<")
    return text.replace("</busconfig>", "<listen>unix:path={folder}/bus</listen>"
                        f"<includedir>{WORLD}/dbus</includedir></busconfig>")


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def raise_loopback():
    with socket.socket() as s:
        request = struct.pack("16sh14x", b"lo", 0x1)  # IFF_UP
        fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS


def make_world():
    """What an installation and a boot leave, in these namespaces only."""
    raise_loopback()
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
    (WORLD / "dbus" / "test.conf").write_text(WPA_POLICY)
    shutil.copy(BUILD / f"{NAME}.conf", WORLD / "dbus")
    shutil.copy(ROOT / "systemd/miracast-dbus.conf", WORLD / "dbus")
    # Users must get at the programs, wherever the build is.
    (WORLD / "bin").mkdir()
    pathlib.Path("/run/miracast-net").mkdir(mode=0o755, exist_ok=True)
    for program in (DAEMON, pathlib.Path(DAEMON).parent / "miracast-media", RADIO, bus_harness.CTL):
        place = WORLD / "bin" / pathlib.Path(program).name
        place.touch()
        mount("--bind", program, place)
    # Of miracast-net.
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run/miracast-net")


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

    def start(self, *options, program=DAEMON):
        user = ["setpriv", "--reuid", "miracast", "--regid", str(USERS["miracast"]),
                "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        state = self.run.folder / "state"
        state.mkdir(exist_ok=True)
        os.chown(state, USERS["miracast"], -1)
        self.daemon = self.run.spawn("daemon", [*user, WORLD / "bin" / pathlib.Path(program).name, "-v", "--root",
                                                self.run.folder, *options],
                                     {**self.environment, "STATE_DIRECTORY": str(state)})
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


def enter():
    """This test again, in namespaces of its own: nothing of the host is touched."""
    need("dbus-daemon", "busctl", "setpriv", "unshare")
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for users and mounts of its own")
        sys.exit(0)
    if not os.path.exists(POLKITD) or not os.path.exists(LOGIND):
        print("1..0 # SKIP polkitd or systemd-logind is missing")
        sys.exit(0)
    if "MIRACAST_WORLD" not in os.environ:
        os.environ["MIRACAST_WORLD"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", "--propagation", "private",
                              sys.executable, *sys.argv])
    make_world()

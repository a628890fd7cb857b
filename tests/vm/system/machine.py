# SPDX-License-Identifier: GPL-2.0-or-later
"""This computer, from outside: its sessions, its desktop, the service, and what must not stay."""
import fcntl
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../p2p"))

import seat  # noqa: E402
from sink import OUT, uptime, wait  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
UNITS = pathlib.Path("/run/systemd/system")
DRM = pathlib.Path("/sys/class/drm")


def run(*command, check=False):
    p = subprocess.run([str(c) for c in command], text=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if check and p.returncode:
        raise RuntimeError(f"{command}: {p.stdout}")
    return p.returncode, p.stdout.strip()


def output(*command):
    return run(*command)[1]


def show_terminal(number):
    """Ctrl-Alt-F<number>: linux/vt.h, VT_ACTIVATE and VT_WAITACTIVE."""
    with open("/dev/tty0", "rb") as console:
        fcntl.ioctl(console, 0x5606, number)
        fcntl.ioctl(console, 0x5607, number)


class Session:
    """A login session of a user; on a terminal of the seat, or from elsewhere."""

    SERVICE = """[Unit]
Description=Session of {user}
[Service]
User={user}
PAMName=login
WorkingDirectory=~
{place}
ExecStart={here}/session.sh {kind} {socket}
KillMode=mixed
TimeoutStopSec=20
StandardOutput=append:/tmp/{name}.log
StandardError=inherit
"""
    PLACE = """TTYPath=/dev/tty{tty}
TTYReset=yes
StandardInput=tty-fail
Environment=XDG_SEAT=seat0 XDG_VTNR={tty} XDG_SESSION_TYPE={type} XDG_SESSION_CLASS=user"""

    def __init__(self, name, user, kind, tty=None):
        self.name, self.user, self.kind, self.tty = name, user, kind, tty
        self.socket = f"/tmp/seat-{name}"
        kind_type = {"xfce": "x11", "mutter": "wayland"}.get(kind, "tty")
        place = self.PLACE.format(tty=tty, type=kind_type) if tty else \
            "Environment=XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user"
        (UNITS / f"session-of-{name}.service").write_text(self.SERVICE.format(
            user=user, place=place, here=HERE, kind=kind, socket=self.socket, name=name))

    def start(self, limit=240):
        run("systemctl", "daemon-reload")
        if self.tty:
            show_terminal(self.tty)
        run("systemctl", "start", f"session-of-{self.name}", check=True)
        if not wait(lambda: os.path.exists(self.socket), limit, 0.5):
            raise RuntimeError(f"the session {self.name} did not start: " +
                               pathlib.Path(f"/tmp/{self.name}.log").read_text()[-1500:])

    def stop(self):
        run("systemctl", "stop", f"session-of-{self.name}")
        pathlib.Path(self.socket).unlink(missing_ok=True)

    def __call__(self, *command, limit=120):
        return seat.ask(self.socket, command, limit)

    def answers(self):
        try:
            return os.path.exists(self.socket) and self("true")[0] == 0
        except OSError:
            return False

    def begin(self, *command, log=None):
        """In the background."""
        seat.ask(self.socket, command, background=True, log=log or f"/tmp/{self.name}-back.log")

    def ctl(self, *arguments, limit=300):
        return self("miracastctl", *arguments, limit=limit)


# ---------------------------------------------------------------- the service

def get_main_pid(unit="miracastd"):
    return int(output("systemctl", "show", "-P", "MainPID", unit) or 0)


def get_media_pids():
    return [int(p) for p in output("pidof", "miracast-media").split()]


def get_restarts():
    return int(output("systemctl", "show", "-P", "NRestarts", "miracastd") or 0)


def is_loaded():
    return os.path.isdir("/sys/module/miracast")


def get_property(name):
    """Of the service's Manager."""
    return output("busctl", "get-property", "org.miracastd1", "/org/miracastd1",
                  "org.miracastd1.Manager", name)


def is_active():
    return output("systemctl", "is-active", "miracastd") == "active"


def get_journal(since):
    """Of the service, from an uptime on."""
    lines = output("journalctl", "-q", "-b", "-o", "short-monotonic", "-u", "miracastd").splitlines()
    found = [(float(m.group(1)), line) for line in lines
             if (m := re.match(r"\[ *([\d.]+)\]", line))]
    return "\n".join(line for at, line in found if at >= since)


def get_sessions():
    """What miracastctl knows, as root: anybody may read."""
    code, text = run("miracastctl", "status", "--json")
    return json.loads(text) if code == 0 and text else []


# ---------------------------------------------------------------- the display

def get_connectors():
    """Connectors of our card: their sysfs folders."""
    for connector in DRM.glob("card*-Virtual-*"):
        if "miracast" in os.path.realpath(connector):
            yield connector


def is_plugged():
    return any((c / "status").read_text().strip() == "connected" for c in get_connectors())


def get_leftovers():
    """What the end of a session may not leave: a display, a group, a child, a rule."""
    found = ["a display"] if is_plugged() else []
    # One that is down is wpa_supplicant's, for its next attempt (docs/link.md).
    found += [f"interface {name}" for name in
              re.findall(r"^(p2p-(?!dev)\S+) +UP", output("ip", "-br", "link"), re.M)]
    found += [f"process {name}" for name in ("dnsmasq", "dhcpcd", "miracast-media")
              if run("pidof", name)[0] == 0]
    if "miracast-net" in output("nft", "list", "ruleset"):
        found.append("a firewall rule")
    return found


def settle(seconds=60):
    wait(lambda: not get_leftovers(), seconds)
    return get_leftovers()


def save_logs():
    for path in [*pathlib.Path("/tmp").glob("*.log"), *pathlib.Path("/run/p2p").glob("*.log"),
                 *pathlib.Path("/home").glob("*/*.log")]:
        (OUT / path.name).write_bytes(path.read_bytes())
    (OUT / "miracastd.log").write_text(
        output("journalctl", "-q", "-b", "-o", "short-monotonic", "-u", "miracastd", "-u",
               "miracast-net", "-u", "NetworkManager", "-u", "wpa_supplicant", "-u", "polkit"))


__all__ = ["Session", "run", "output", "uptime", "wait"]

# SPDX-License-Identifier: GPL-2.0-or-later
"""A private system bus with miracastd on it, for the tests of D-Bus and of miracastctl.

Everything on it is real: dbus-daemon, busctl, media processes, miracast-sink. logind and polkit are
played by bus-mock where a case needs them. MIRACASTCTL and BUS_MOCK name the programs.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import harness
from harness import DAEMON, SINK, Failure, check
from ports import reserve_port

CTL = os.environ.get("MIRACASTCTL", "miracastctl")
MOCK = os.environ.get("BUS_MOCK", "bus-mock")
NAME, PATH = "org.miracastd1", "/org/miracastd1"
SMALL = "pattern:640x480@30"
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<servicedir>{folder}/services</servicedir>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>
"""


def need(*programs):
    for p in programs:
        if not shutil.which(p):
            print(f"1..0 # SKIP {p} is missing")
            sys.exit(0)


class Service:
    """The bus, the daemon and its sinks; wraps a harness.Run."""

    def __init__(self, run, config="", sinks=1, source=SMALL, scale=None, environment=None):
        self.run = run
        os.chmod(run.folder, 0o755)
        self.address = f"unix:path={run.folder}/bus"
        self.ports = [reserve_port() for _ in range(sinks)]
        self.names = [f"TV {i + 1}" for i in range(sinks)]
        folder = run.folder / "etc" / "miracast"
        folder.mkdir(parents=True)
        text = f"[Daemon]\nSource={source}\nEncoder=x264\n{config}\n"
        for name, port in zip(self.names, self.ports):
            text += f"[Sink {name}]\nAddress=127.0.0.1:{port}\n"
        (folder / "miracastd.conf").write_text(text)
        (run.folder / "bus.conf").write_text(BUS_CONFIG.format(folder=run.folder))
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": self.address, **(environment or {})}
        if scale:
            self.environment["MIRACAST_TIME_SCALE"] = str(scale)
        self.bus = run.spawn("bus", ["dbus-daemon", f"--config-file={run.folder}/bus.conf",
                                     "--nofork"])
        self.wait_until(lambda: (run.folder / "bus").exists(), "the bus is there")
        self.daemon = None

    def start(self, *options):
        # A first daemon of a case may be followed by a second one.
        self.daemon = self.run.spawn("daemon", [DAEMON, "-v", "--root", self.run.folder, *options],
                                     self.environment)
        check(self.run.wait_for("ready", self.daemon), self.run.log())
        return self

    def mock(self, name, *arguments):
        log = (self.run.folder / f"{name}.log").open("w")
        p = subprocess.Popen([MOCK, *arguments], stdin=subprocess.PIPE, stdout=log, stderr=log,
                             env={**os.environ, **self.environment}, start_new_session=True)
        self.run.processes.append(p)
        check(self.run.wait_for("ready", p, name), self.run.log(name))
        return p

    def mock_output(self, *arguments):
        return subprocess.run([MOCK, *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **self.environment}).stdout.strip()

    def wait_until(self, predicate, what, limit=15):
        end = time.monotonic() + limit
        while not predicate():
            check(time.monotonic() < end, f"not within {limit} s: {what}; log:\n"
                  + (self.run.log() if (self.run.folder / "daemon.log").exists() else ""))
            time.sleep(0.03)

    # ------------------------------------------------------------ busctl

    def busctl(self, *arguments, user=None, limit=60):
        command = ["busctl", "--system", "--json=short", f"--timeout={limit}", *map(str, arguments)]
        if user:
            command = ["setpriv", "--reuid", str(user), "--clear-groups", *command]
        p = subprocess.run(command, capture_output=True, text=True, timeout=limit + 5,
                           env={**os.environ, **self.environment})
        return p.returncode, p.stdout, p.stderr

    def call(self, path, interface, method, *arguments, user=None):
        r, out, err = self.busctl("call", NAME, path, f"{NAME}.{interface}", method, *arguments,
                                  user=user)
        check(r == 0, f"{method}: {err}")
        return json.loads(out)["data"] if out.strip() else None

    def refuses(self, *arguments, text, user=None):
        path, interface, method, *rest = arguments
        r, _, err = self.busctl("call", NAME, path, f"{NAME}.{interface}", method, *rest,
                                user=user)
        check(r != 0, f"{method} was accepted")
        check(text in err, f"{method}: \"{text}\" is not in: {err}")

    def error_name(self, path, interface, method, *arguments, user=None):
        """The error's name, which busctl does not print: gdbus does."""
        command = ["gdbus", "call", "--address", self.address, "--dest", NAME, "--object-path",
                   path, "--timeout", "60", "--method", f"{NAME}.{interface}.{method}", *arguments]
        if user:
            command = ["setpriv", "--reuid", str(user), "--clear-groups", *command]
        p = subprocess.run(command, capture_output=True, text=True, timeout=70)
        check(p.returncode != 0, f"{method} was accepted: {p.stdout}")
        for part in p.stderr.replace(":", " ").split():
            if part.startswith(f"{NAME}.Error."):
                return part[len(f"{NAME}.Error."):]
        raise Failure(f"{method}: {p.stderr}")

    def get(self, path, interface, name):
        r, out, err = self.busctl("get-property", NAME, path, f"{NAME}.{interface}", name)
        check(r == 0, f"{name}: {err}")
        return json.loads(out)["data"]

    def objects(self):
        r, out, err = self.busctl("call", NAME, PATH, "org.freedesktop.DBus.ObjectManager",
                                  "GetManagedObjects")
        check(r == 0, err)
        return json.loads(out)["data"][0]

    def sink_path(self, i=0):
        for path, interfaces in self.objects().items():
            if interfaces.get(f"{NAME}.Sink", {}).get("Name", {}).get("data") == self.names[i]:
                return path
        raise Failure(f"no sink {self.names[i]}")

    def sessions(self):
        return [p for p, i in self.objects().items() if f"{NAME}.Session" in i]

    # ------------------------------------------------------------ others

    def sink(self, i=0, *options, name=None):
        name = name or f"sink{i}"
        return self.run.spawn(name, [SINK, "--connect", f"127.0.0.1:{self.ports[i]}", "--report",
                                     self.run.folder / f"{name}.json", *options])

    def connect(self, i=0, *options):
        """A session with a real sink that decodes."""
        self.sink(i, *options)
        return self.call(self.sink_path(i), "Sink", "Connect", "a{sv}", 0)[0]

    def connect_later(self, i=0, name="connect"):
        return self.run.spawn(name, ["busctl", "--system", "--json=short", "--timeout=60", "call",
                                     NAME, self.sink_path(i), f"{NAME}.Sink", "Connect", "a{sv}",
                                     "0"], self.environment)

    def ctl(self, *arguments, limit=60):
        p = subprocess.run([CTL, *arguments], capture_output=True, text=True, timeout=limit,
                           stdin=subprocess.DEVNULL, env={**os.environ, **self.environment})
        return p.returncode, p.stdout, p.stderr

    def media(self):
        return [p for p in self.run.members(self.daemon.pid) if p != self.daemon.pid]

    def end(self, limit=8):
        """SIGTERM: exit 0, no child left, nothing that a sanitizer complains of."""
        self.daemon.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        self.run.expect(self.daemon, 0)
        took = time.monotonic() - begin
        check(took < limit, f"took {took:.1f} s to end")
        self.wait_until(lambda: not self.media(), "no process of the daemon is left")
        self.bus.terminate()
        return took


@contextlib.contextmanager
def service(run, *options, **named):
    s = Service(run, *options, **named).start()
    yield s
    s.end()


main, case = harness.main, harness.case

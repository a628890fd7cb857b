# SPDX-License-Identifier: GPL-2.0-or-later
"""What the session tests share: a case's folder, port and processes, and the TAP around it.

usage of every test: test-NAME.py MIRACASTD MIRACAST-SINK [WORD]

Each case is one line of TAP; with WORD only cases whose name contains it run. Afterwards no case
may leave a process behind.
"""
import concurrent.futures
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

from ports import reserve_port

DAEMON, SINK = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
ONLY = sys.argv[3] if len(sys.argv) > 3 else ""

# A tenth of every time limit: 10 s for an answer become 1 s.
SHORT = {"MIRACAST_TIME_SCALE": "0.1"}
SMALL = "pattern:640x480@30"
TV = """wfd_video_formats: 40 00 02 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_display_edid: none
wfd_standby_resume_capability: supported
"""
# What the sink measures of the machine more than of the source, when the machine is busy.
TIMING = {"pcr-gap", "pcr-wire-gap", "psi-gap", "pts-gap", "pts-late"}
CASES = []


def case(name):
    def add(function):
        CASES.append((name, function))
        return function
    return add


class Failure(Exception):
    pass


class Skip(Exception):
    """The case cannot be run here; says why."""


def check(condition, text):
    if not condition:
        raise Failure(text)


class Run:
    """One case's folder, port and processes."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.port = reserve_port()

    def spawn(self, name, command, environment=None):
        log = (self.folder / f"{name}.log").open("w")
        p = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log,
                             stdin=subprocess.DEVNULL, start_new_session=True,
                             env={**os.environ, **(environment or {})})
        self.processes.append(p)
        return p

    def daemon(self, *options, source=SMALL, environment=None):
        p = self.spawn("daemon", [DAEMON, "-v", "--direct", f"127.0.0.1:{self.port}", "--source",
                                  source, "--report", self.folder / "source.json", *options],
                       environment)
        self.wait_for("waiting for a sink", p)
        return p

    def sink(self, *directives, options=(), environment=None, profile=None):
        if directives:
            profile = self.folder / "sink.profile"
            profile.write_text(TV + "\n".join(directives) + "\n")
        extra = ["--profile", profile] if profile else []
        return self.spawn("sink", [SINK, "--connect", f"127.0.0.1:{self.port}", "--report",
                                   self.folder / "sink.json", *extra, *options], environment)

    def log(self, name="daemon"):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def report(self, name):
        path = self.folder / f"{name}.json"
        check(path.exists(), f"no report {name}.json; log:\n{self.log()}")
        return json.loads(path.read_text())

    def wait_for(self, text, process, name="daemon", limit=20):
        end = time.monotonic() + limit
        while text not in self.log(name):
            if process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def wait(self, process, limit=40):
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running after {limit} s; log:\n{self.log()}") from None

    def expect(self, daemon, code, *words):
        got = self.wait(daemon)
        log = self.log()
        check(got == code, f"exit status {got}, not {code}; log:\n{log}")
        for word in words:
            check(word in log, f"\"{word}\" is not in the log:\n{log}")
        check("Sanitizer" not in log and "runtime error" not in log, log)

    def members(self, leader):
        """Live processes of a session leader's session."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
        return found

    def finish(self):
        deadline = time.monotonic() + 5
        for p in self.processes:
            if p.poll() is None:
                p.kill()
                p.wait()
        left = [m for p in self.processes for m in self.members(p.pid)]
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = [m for p in self.processes for m in self.members(p.pid)]
        for m in left:
            os.kill(m, signal.SIGKILL)
        check(not left, f"{len(left)} processes were left running")


def raw_sink(run):
    s = socket.create_connection(("127.0.0.1", run.port), 10)
    s.settimeout(10)
    return s


def media_pid(run, daemon):
    for pid in run.members(daemon.pid):
        if "miracast-media" in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
            return pid
    raise Failure("no miracast-media is running")


# ---------------------------------------------------------------- TAP

def tell(text):
    """One write: cases run beside each other, and print() would write the line's end by itself."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text):
    tell(f"# {text}")


def run_one(numbered):
    number, (name, function) = numbered
    with tempfile.TemporaryDirectory(prefix="miracast-") as folder:
        run = Run(folder)
        problem = skipped = None
        try:
            function(run)
        except Skip as e:
            skipped = str(e)
        except (Failure, OSError, LookupError, ValueError) as e:
            problem = f"{type(e).__name__}: {e}"
        try:
            run.finish()
        except Failure as e:
            problem = problem or str(e)
    lines = [f"not ok {number} - {name}" if problem else f"ok {number} - {name}"]
    if skipped and not problem:
        lines[0] += f" # SKIP {skipped}"
    said = (problem or "").splitlines()
    said = said if len(said) <= 90 else [*said[:10], "...", *said[-80:]]
    lines += ["# " + line for line in said]
    return not problem, "\n".join(lines)


def main(workers=3):
    chosen = [c for c in CASES if ONLY in c[0]]
    print(f"1..{len(chosen)}")
    with concurrent.futures.ThreadPoolExecutor(max_workers=workers) as pool:
        good = True
        for passed, lines in pool.map(run_one, enumerate(chosen, 1)):
            tell(lines)
            if not passed:
                # meson keeps a TAP test's standard output to itself.
                print(lines, file=sys.stderr, flush=True)
            good = good and passed
    return 0 if good else 1

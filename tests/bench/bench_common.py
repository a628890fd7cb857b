# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches share: the build, a cast to the test sink, results as JSON, other people's tools."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MIRACAST_BUILD", ROOT / "build"))
OUT = ROOT / "build" / "bench"


def save(name, result):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")


def have(*programs):
    return all(shutil.which(p) for p in programs)


def output(command, **more):
    r = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **more)
    if r.returncode:
        raise RuntimeError(f"{command[0]} ended with {r.returncode}: {r.stderr[-500:]}")
    return r.stdout + r.stderr


def cpu_seconds(command):
    """User and system time of a command and its children."""
    before = os.times()
    output(command)
    after = os.times()
    return (after.children_user + after.children_system -
            before.children_user - before.children_system)


def instructions(command, collect=None):
    """Callgrind's count, of the whole program or of one function."""
    with tempfile.TemporaryDirectory() as folder:
        toggle = [f"--toggle-collect={collect}"] if collect else []
        text = output(["valgrind", "--tool=callgrind", *toggle,
                       f"--callgrind-out-file={folder}/out", *command])
    return int(re.search(r"Collected : (\d+)", text).group(1)), text


def cast(size, hz, seconds, *options):
    """One session over loopback: what the source and the sink report."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with (folder / "log").open("w+") as log:
            daemon = subprocess.Popen(
                [BUILD / "daemon" / "miracastd", "--direct", f"127.0.0.1:{port}", "--source",
                 f"pattern:{size}@{hz}", "--seconds", str(seconds), "--report",
                 folder / "source.json", *options], stdout=log, stderr=log)
            end = time.monotonic() + 10
            while "waiting for a sink" not in (folder / "log").read_text():
                if time.monotonic() > end:
                    raise RuntimeError("the daemon does not start")
                time.sleep(0.01)
            sink = subprocess.Popen([BUILD / "tests" / "sink" / "miracast-sink", "--connect",
                                     f"127.0.0.1:{port}", "--report", folder / "sink.json"],
                                    stdout=log, stderr=log)
            daemon.wait(seconds + 60)
            sink.wait(30)
        return tuple(json.loads((folder / f"{n}.json").read_text()) for n in ("source", "sink"))


def make_h264(path, seconds, bps):
    """A baseline stream of a moving test picture, as both rivals and we can take it."""
    output(["ffmpeg", "-nostdin", "-y", "-f", "lavfi", "-i",
            f"testsrc2=size=1920x1080:rate=30:duration={seconds},noise=c0s=20:c0f=t", "-c:v",
            "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline",
            "-b:v", str(bps), "-maxrate", str(bps), "-bufsize", str(bps // 8), "-g", "300",
            "-bsf:v", "h264_mp4toannexb", "-f", "h264", path])

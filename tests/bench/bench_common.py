# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches share: the build, a cast to the test sink, results as JSON, other people's tools."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "session"))
from ports import reserve_port  # noqa: E402

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


# A television, but for where the stream goes.
ELSEWHERE = """wfd_video_formats: 40 00 02 10 0001bdeb 00000000 00000000 00 {slices} 11 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_display_edid: none
wfd_idr_request_capability: 1
@request M6 transport="RTP/AVP/UDP;unicast;client_port={port}"
"""


class Cast:
    """One session over loopback with the test sink. receiver: a UDP socket that gets the stream in
    its place; one that is never read discards it at no cost."""

    def __init__(self, source, *options, receiver=None, environment=None, stdin=subprocess.DEVNULL,
                 sink_options=(), slices="0000 0000"):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.log = (self.path / "log").open("w")
        port = reserve_port()
        self.daemon = self.spawn([BUILD / "daemon" / "miracastd", "--direct", f"127.0.0.1:{port}",
                                  "--source", source, "--report", self.path / "source.json",
                                  *options], environment, stdin)
        self.wait_for("waiting for a sink")
        profile = []
        if receiver:
            profile = ["--profile", self.path / "profile"]
            profile[1].write_text(ELSEWHERE.replace("{port}", str(receiver.getsockname()[1]))
                                  .replace("{slices}", slices))
        self.sink = self.spawn([BUILD / "tests" / "sink" / "miracast-sink", "--connect",
                                f"127.0.0.1:{port}", "--report", self.path / "sink.json", *profile,
                                *sink_options])

    def spawn(self, command, environment=None, stdin=subprocess.DEVNULL):
        return subprocess.Popen(command, stdin=stdin, stdout=self.log, stderr=self.log,
                                env={**os.environ, **(environment or {})})

    def wait_for(self, text, limit=10):
        end = time.monotonic() + limit
        while text not in (self.path / "log").read_text():
            if self.daemon.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"no \"{text}\": {(self.path / 'log').read_text()}")
            time.sleep(0.01)

    def finish(self, limit):
        """Both reports, the sink's empty where it has none."""
        self.daemon.wait(limit)
        self.sink.wait(30)
        self.log.close()
        reports = [self.path / f"{n}.json" for n in ("source", "sink")]
        result = [json.loads(r.read_text()) if r.exists() else {} for r in reports]
        self.folder.cleanup()
        return result


def discard():
    """A receiver that throws away: its queue is full after a few datagrams."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    s.bind(("127.0.0.1", 0))
    return s


def cast(size, hz, seconds, *options, **more):
    c = Cast(f"pattern:{size}@{hz}", "--seconds", str(seconds), *options, **more)
    return c.finish(seconds + 60)


def make_h264(path, seconds, bps):
    """A baseline stream of a moving test picture, as both rivals and we can take it."""
    output(["ffmpeg", "-nostdin", "-y", "-f", "lavfi", "-i",
            f"testsrc2=size=1920x1080:rate=30:duration={seconds},noise=c0s=20:c0f=t", "-c:v",
            "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline",
            "-b:v", str(bps), "-maxrate", str(bps), "-bufsize", str(bps // 8), "-g", "300",
            "-bsf:v", "h264_mp4toannexb", "-f", "h264", path])

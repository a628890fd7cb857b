# SPDX-License-Identifier: GPL-2.0-or-later
"""still: what a 1080p desktop costs that rests, and how long a change takes to the first datagram.

The desktop is a clip on a pipe, which gives its next picture when the bench writes it.
"""
import fcntl
import pathlib
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from bench_common import BUILD, Cast, discard, output, save

SETTLE_SECONDS = 45  # x264 improves the picture for so long, at most (encoder-x264-units.c)
REST_SECONDS = 60
CHANGES = 20
PICTURE = len(b"FRAME\n") + 1920 * 1080 * 3 // 2
LAST_BYTES = 4096
F_SETPIPE_SZ = 1031
VIDEO_PID = 0x1011


def read_clip():
    """The head for 60 Hz, and pictures."""
    with tempfile.TemporaryDirectory() as folder:
        clip = pathlib.Path(folder) / "clip.y4m"
        output([BUILD / "tests" / "bench" / "bench-encode", "--clip", clip, str(CHANGES + 1)])
        data = clip.read_bytes()
    at = data.index(b"\n") + 1
    head = data[:at].replace(b"F30:1", b"F60:1")
    return head, [data[i:i + PICTURE] for i in range(at, len(data), PICTURE)]


def begins_picture(datagram):
    """Whether a PES of the video begins in it: payload_unit_start_indicator on its PID."""
    for i in range(12, len(datagram) - 187, 188):
        head = int.from_bytes(datagram[i + 1:i + 3], "big")
        if head & 0x1fff == VIDEO_PID and head & 0x4000:
            return True
    return False


class Receiver(threading.Thread):
    """Knows when pictures came."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.pictures = []
        self.start()

    def run(self):
        while True:
            datagram = self.socket.recv(2048)
            now = time.monotonic()
            if begins_picture(datagram):
                self.pictures.append(now)

    def wait_for_picture(self, after, limit=3):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            came = [at for at in self.pictures[-4:] if at > after]
            if came:
                return came[0]
            time.sleep(0.0005)
        raise RuntimeError("no picture came")


def cpu_seconds(daemon):
    """The daemon's and its children's, so far, to the nanosecond of every thread."""
    children = pathlib.Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
    return sum(int(task.joinpath("schedstat").read_text().split()[0]) / 1e9
               for pid in [daemon, *children] for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def begin(head, picture, receiver):
    cast = Cast("y4m:-", "--encoder", "x264", receiver=receiver, stdin=subprocess.PIPE)
    fcntl.fcntl(cast.daemon.stdin, F_SETPIPE_SZ, 1 << 20)
    cast.daemon.stdin.write(head + picture)
    cast.daemon.stdin.flush()
    cast.wait_for("streaming")
    return cast


def end(cast):
    cast.daemon.terminate()
    return cast.finish(10)[0]


def rest(head, picture):
    """Percent of a core; nobody is woken by what is sent."""
    with discard() as receiver:
        cast = begin(head, picture, receiver)
        time.sleep(SETTLE_SECONDS)
        before = cpu_seconds(cast.daemon.pid)
        time.sleep(REST_SECONDS)
        used = cpu_seconds(cast.daemon.pid) - before
        return used / REST_SECONDS * 100, end(cast)["video"]["frames_encoded"]


def change(cast, receiver, picture):
    """From the last bytes of the new picture to the first datagram with a picture; ms."""
    cast.daemon.stdin.write(picture[:-LAST_BYTES])
    cast.daemon.stdin.flush()
    time.sleep(0.02)
    written = time.monotonic()
    cast.daemon.stdin.write(picture[-LAST_BYTES:])
    cast.daemon.stdin.flush()
    return (receiver.wait_for_picture(written) - written) * 1000


def changes(head, pictures):
    receiver = Receiver()
    cast = begin(head, pictures[0], receiver.socket)
    receiver.wait_for_picture(0, 10)
    times = []
    for i, picture in enumerate(pictures[1:]):
        time.sleep(0.6 + 0.037 * i)
        times.append(change(cast, receiver, picture))
    end(cast)
    return times


def run():
    head, pictures = read_clip()
    percent, encoded = rest(head, pictures[0])
    times = changes(head, pictures)
    save("still", {"cpu_percent": percent, "pictures": encoded, "change_ms": times})
    print(f"still: 1920x1080 at rest for {REST_SECONDS} s, x264: {percent:.2f} % of a core, "
          f"{encoded} pictures")
    print(f"  a change to its first datagram: median {statistics.median(times):.1f} ms, most "
          f"{max(times):.1f} ms, of {len(times)}")

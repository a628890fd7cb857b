#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./run demo: cast to the bundled sink, judge what arrived, leave the evidence in build/demo/.

Native: miracastd and miracast-sink over loopback. --desktop: the same inside a virtual machine,
with a compositor on the kernel module's display (tests/vm/run desktop).
"""
import argparse
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "session"))
from ports import reserve_port  # noqa: E402

OUT = pathlib.Path("build/demo")
DAEMON = "build/daemon/miracastd"
SINK = "build/tests/sink/miracast-sink"

MIN_DECODED = 0.95  # of the frames sent
MIN_PSNR_DB = 30
MIN_DESKTOP_STAMPS = 30


def parse_arguments():
    p = argparse.ArgumentParser(prog="./run demo", description=__doc__.split("\n")[0])
    p.add_argument("--desktop", action="store_true", help="a real desktop in a virtual machine")
    p.add_argument("--size", default=None, metavar="WxH", help="1920x1080; desktop: 640x480")
    p.add_argument("--fps", type=int, default=30, metavar="N")
    p.add_argument("--seconds", type=int, default=None, metavar="N", help="10; desktop: 30")
    p.add_argument("--encoder", choices=["auto", "vaapi", "x264"], default="auto")
    p.add_argument("--source", default="pattern", metavar="pattern|y4m:FILE")
    p.add_argument("--audio", choices=["none"], default="none")
    a = p.parse_args()
    a.seconds = a.seconds or (30 if a.desktop else 10)
    a.size = a.size or ("640x480" if a.desktop else "1920x1080")
    if not re.fullmatch(r"\d+x\d+", a.size):
        p.error(f"--size {a.size}: write it as 1920x1080")
    if not 1 <= a.fps <= 240:
        p.error(f"--fps {a.fps}: 1 to 240")
    if a.source != "pattern" and not os.access(a.source.removeprefix("y4m:"), os.R_OK):
        p.error(f"--source {a.source}: pattern, or y4m: and a file that can be read")
    if a.seconds < 3:
        p.error(f"--seconds {a.seconds}: at least 3, to have something to judge")
    return a


def show_progress(text, processes, limit):
    """A line that moves while the processes run; True when all ended within the limit."""
    begin = time.monotonic()
    while any(p.poll() is None for p in processes):
        passed = time.monotonic() - begin
        if passed > limit:
            return False
        if sys.stderr.isatty():
            print(f"\r{text} ... {passed:3.0f} s", end="", file=sys.stderr, flush=True)
        if any(p.poll() for p in processes):
            limit = min(limit, passed + 3)  # the other one has nothing to wait for
        time.sleep(0.2)
    if sys.stderr.isatty():
        print("\r" + " " * (len(text) + 12) + "\r", end="", file=sys.stderr)
    return True


def cast_natively(a):
    port = reserve_port()
    source = f"pattern:{a.size}@{a.fps}" if a.source == "pattern" else a.source
    daemon = subprocess.Popen(
        [DAEMON, "--direct", f"127.0.0.1:{port}", "--source", source, "--encoder", a.encoder,
         "--seconds", str(a.seconds), "--report", OUT / "source.json",
         "--dump-frame", OUT / "sent.ppm", "--rtsp-log", OUT / "rtsp.log"])
    sink = subprocess.Popen(
        [SINK, "--connect", f"127.0.0.1:{port}", "--report", OUT / "sink.json",
         "--picture", OUT / "picture.png", "--dump", OUT / "cast.ts"])
    text = f"Casting {source} for {a.seconds} s"
    print(text + " ...", file=sys.stderr)
    if not show_progress(text, [daemon, sink], a.seconds + 60):
        codes = [p.poll() for p in (daemon, sink)]
        daemon.kill()
        sink.kill()
        if not any(codes):
            sys.exit("run: the demo did not end in time")
    if daemon.returncode or sink.returncode:
        sys.exit(f"run: the source ended with {daemon.returncode}, the sink with {sink.returncode}")


def cast_desktop(a, nonce):
    print("Booting a virtual machine with a desktop; a few minutes ...", file=sys.stderr)
    r = subprocess.run(["tests/vm/run", "desktop"], env={
        **os.environ, "MIRACAST_NONCE": nonce, "MIRACAST_SECONDS": str(a.seconds),
        "MIRACAST_MODE": f"{a.size}@60"})
    vm = pathlib.Path("build/vm/desktop")
    for name in ("source.json", "sink.json", "picture.png", "cast.ts", "rtsp.log", "sent.ppm",
                 "serial.log"):
        if (vm / name).exists():
            shutil.copy(vm / name, OUT / name)
    if r.returncode:
        sys.exit("run: the virtual machine reported a failure; its log is build/vm/desktop/serial.log")


def ffmpeg(*arguments):
    r = subprocess.run(["ffmpeg", "-hide_banner", "-nostdin", "-y", *map(str, arguments)],
                       capture_output=True, text=True)
    return r.stderr


def measure_psnr(pts):
    """The frame that the source dumped against the decoded one of the same PTS; dB or None."""
    received = OUT / "received.png"
    received.unlink(missing_ok=True)
    ffmpeg("-copyts", "-i", OUT / "cast.ts", "-vf", f"select=eq(pts\\,{pts})", "-vsync", "0",
           "-frames:v", "1", received)
    if not received.exists():
        return None
    log = ffmpeg("-i", received, "-i", OUT / "sent.ppm", "-lavfi",
                 "[0:v]format=rgb24[a];[1:v]format=rgb24[b];[a][b]psnr", "-f", "null", "-")
    found = re.search(r"PSNR .*average:([\d.]+|inf)", log)
    return min(float(found.group(1)), 99.0) if found else None


def judge(a, source, sink, psnr, nonce):
    """Sentences that say what is wrong."""
    video, ts, rtp = sink["video"], sink["ts"], sink["rtp"]
    sent = source["video"]["frames_encoded"]
    if video["frames_decoded"] < MIN_DECODED * sent:
        yield f"only {video['frames_decoded']} of {sent} frames were decoded"
    if ts["continuity_errors"] or rtp["lost"] or rtp["reordered"]:
        yield (f"{ts['continuity_errors']} continuity errors, {rtp['lost']} datagrams lost, "
               f"{rtp['reordered']} out of order")
    if a.desktop:
        if video["stamps_read"] < MIN_DESKTOP_STAMPS:
            yield f"only {video['stamps_read']} different stamps came through the desktop"
        if sink.get("nonce", "").lower() != nonce.lower():
            yield f"the nonce read is {sink.get('nonce')}, not {nonce}"
    elif a.source == "pattern" and video["stamps_read"] < MIN_DECODED * sent:
        yield f"only {video['stamps_read']} of {sent} stamps were read"
    if psnr is None:
        yield "the dumped frame was not found in the stream"
    elif psnr < MIN_PSNR_DB:
        yield f"the decoded frame differs from the one sent: {psnr:.1f} dB"


def show(source, sink, psnr):
    mode, latency = source["mode"], source["latency_us"]["ready_to_last_datagram"]
    total = sink["latency_us"]["source_to_decoded"]
    rows = [
        ("mode", f"{mode['width']}x{mode['height']} at {mode['refresh_hz']} Hz, "
                 f"{mode['profile']} level {mode['level']}, {source['encoder']}"),
        ("frames", f"{source['video']['frames_encoded']} sent, {sink['video']['frames_decoded']} "
                   f"decoded, {sink['video']['stamps_read']} stamps read"),
        ("stream", f"{source['stream']['datagrams']} datagrams, {sink['rtp']['lost']} lost, "
                   f"{sink['ts']['continuity_errors']} continuity errors"),
        ("frame ready to last datagram", f"median {latency['p50'] / 1000:.1f} ms, "
                                         f"99 % {latency['p99'] / 1000:.1f} ms"),
        ("drawn to decoded", f"median {total['p50'] / 1000:.1f} ms, 99 % "
                             f"{total['p99'] / 1000:.1f} ms" if total["p50"] else
                             "a clip has no stamps to tell"),
        ("connect to PLAY answered", f"{source['rtsp_us']['connect_to_play'] / 1000:.0f} ms"),
        ("connect to first picture", f"{sink['connect_to_first_picture_us'] / 1000:.0f} ms"),
        ("picture", f"{psnr:.1f} dB" if psnr else "not compared"),
    ]
    for name, value in rows:
        print(f"  {name:30} {value}")
    print(f"  results in {OUT}/: report.json picture.png cast.ts rtsp.log")


def main():
    a = parse_arguments()
    nonce = secrets.token_hex(4)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    if a.desktop:
        cast_desktop(a, nonce)
    else:
        cast_natively(a)
    source = json.loads((OUT / "source.json").read_text())
    sink = json.loads((OUT / "sink.json").read_text())
    psnr = measure_psnr(source["stream"]["dumped_pts"])
    (OUT / "report.json").write_text(json.dumps(
        {"source": source, "sink": sink, "psnr_db": psnr, "nonce_read": sink.get("nonce")},
        indent=2) + "\n")
    show(source, sink, psnr)
    wrong = list(judge(a, source, sink, psnr, nonce))
    for sentence in wrong:
        print(f"run: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-or-later
"""convert: BGRX to NV12 at 1080p on one core, beside memcpy, libyuv, swscale and videoconvert."""
import re

from bench_common import BUILD, cpu_seconds, have, output, save

FRAMES = 200
BYTES = 1920 * 1080 * 4


def videoconvert():
    """The difference that the conversion makes; GStreamer draws the picture itself."""
    def command(to):
        return ["gst-launch-1.0", "-q", "videotestsrc", f"num-buffers={FRAMES}",
                "pattern=solid-color", "!", "video/x-raw,format=BGRx,width=1920,height=1080",
                "!", *to, "fakesink", "sync=false"]
    with_it = cpu_seconds(command(["videoconvert", "n-threads=1", "!",
                                   "video/x-raw,format=NV12,colorimetry=bt709", "!"]))
    return (with_it - cpu_seconds(command([]))) * 1000 / FRAMES


def run():
    text = output([BUILD / "tests" / "bench" / "bench-convert"])
    rows = re.findall(r"^(\S+) +min ([\d.]+) ms, median ([\d.]+) ms", text, re.M)
    result = {name: {"min_ms": float(least), "median_ms": float(middle)}
              for name, least, middle in rows}
    if have("gst-launch-1.0"):
        result["videoconvert"] = {"median_ms": videoconvert()}
    save("convert", result)
    print("convert: a 1920x1080 picture, BGRX to NV12 BT.709, one core, sources from memory")
    copy = result["memcpy"]["median_ms"]
    for name, r in result.items():
        ms = r["median_ms"]
        print(f"  {name:12} {ms:6.2f} ms   {BYTES / ms / 1e6:5.1f} GB/s of source, "
              f"{100 * copy / ms:3.0f} % of memcpy")

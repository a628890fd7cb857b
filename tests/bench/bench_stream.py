# SPDX-License-Identifier: GPL-2.0-or-later
"""stream: what a datagram costs, ours beside Debian's FFmpeg and GStreamer on the same stream."""
import pathlib
import re
import tempfile

from bench_common import BUILD, cast, cpu_seconds, have, instructions, make_h264, output, save

SECONDS = 20
BPS = 30_000_000
SHORT, LONG = 2, 6  # seconds of stream under callgrind; what both have in common cancels out
PAYLOAD = 7 * 184


def ffmpeg(path, sink):
    send = ["-f", "rtp_mpegts", "rtp://127.0.0.1:46000?pkt_size=1328"] if sink else ["-f", "null", "-"]
    return ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "h264", "-i", path, "-c", "copy", *send]


def gstreamer(path, sink):
    tail = (["mpegtsmux", "alignment=7", "!", "rtpmp2tpay", "!", "udpsink", "host=127.0.0.1",
             "port=46000", "sync=false"] if sink else ["fakesink", "sync=false"])
    return ["gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "h264parse", "!", *tail]


def ours():
    bench = BUILD / "tests" / "bench" / "bench-stream"
    text = output([bench])
    times = re.findall(r"^(.*): (\d+) datagrams, ([\d.]+) us a datagram", text, re.M)
    result = {"cpu_us": {name: float(us) for name, _, us in times}}
    if have("valgrind"):
        count, mux = instructions([bench, "mux"], "run_mux")
        result["instructions"] = count / int(re.search(r"mux and RTP: (\d+)", mux).group(1))
    return result


def rival(command, folder):
    """Its time and instructions a datagram, without what reading and parsing alone cost."""
    path = folder / "long.h264"
    datagrams = path.stat().st_size / PAYLOAD
    result = {"cpu_us": (cpu_seconds(command(path, True)) - cpu_seconds(command(path, False))) *
              1e6 / datagrams}
    if have("valgrind"):
        counts = {}
        for name in ("a", "b"):
            for sink in (True, False):
                counts[name, sink] = instructions(command(folder / f"{name}.h264", sink))[0]
        more = ((folder / "b.h264").stat().st_size - (folder / "a.h264").stat().st_size) / PAYLOAD
        result["instructions"] = (counts["b", True] - counts["a", True] -
                                  counts["b", False] + counts["a", False]) / more
    return result


def run():
    result = {"miracast": ours()}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_h264(folder / "long.h264", SECONDS, BPS)
        make_h264(folder / "a.h264", SHORT, BPS)
        make_h264(folder / "b.h264", LONG, BPS)
        for name, command in (("ffmpeg", ffmpeg), ("gstreamer", gstreamer)):
            if have(command("", False)[0]):
                result[name] = rival(command, folder)
    source, sink = cast("1920x1080", 30, 3)
    result["connect_to_play_us"] = source["rtsp_us"]["connect_to_play"]
    result["connect_to_first_picture_us"] = sink["connect_to_first_picture_us"]
    save("stream", result)
    print("stream: a datagram of seven TS packets at 30 Mbit/s")
    print(f"  {'':12} {'instructions':>12}   CPU with sending")
    mine = result["miracast"]
    with_sending = next(v for k, v in mine["cpu_us"].items() if "unpaced" in k)
    print(f"  {'miracast':12} {mine.get('instructions', 0):12.0f}   {with_sending:.2f} us")
    for name in ("ffmpeg", "gstreamer"):
        if name in result:
            print(f"  {name:12} {result[name].get('instructions', 0):12.0f}   "
                  f"{result[name]['cpu_us']:.2f} us")
    print(f"  TCP connect to PLAY answered {result['connect_to_play_us'] / 1000:.0f} ms, to the first "
          f"decoded picture {result['connect_to_first_picture_us'] / 1000:.0f} ms")

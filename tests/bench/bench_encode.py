# SPDX-License-Identifier: GPL-2.0-or-later
"""encode: CPU a picture and luma PSNR of our x264 back-end at 1080p30, beside Debian's x264enc
(tune=zerolatency speed-preset=ultrafast) over a row of rates, so that equal PSNR can be read off."""
import pathlib
import re
import statistics
import tempfile

from bench_common import BUILD, cpu_seconds, have, output, save

SECONDS = 8
ROUNDS = 3
RATES = [2000, 4000, 8000]  # kbit/s; ours stops where it is good enough
THEIR_RATES = [500, 1000, 1500, 2000, 3000, 8000]


def psnr(stream, clip):
    text = output(["ffmpeg", "-nostdin", "-r", "30", "-f", "h264", "-i", stream, "-i", clip,
                   "-lavfi", "psnr", "-f", "null", "-"])
    return float(re.search(r"PSNR y:([\d.]+|inf)", text).group(1))


def rival(clip, path, kbps):
    cpu = cpu_seconds(["gst-launch-1.0", "-q", "filesrc", f"location={clip}", "!", "y4mdec", "!",
                       "x264enc", "tune=zerolatency", "speed-preset=ultrafast", f"bitrate={kbps}",
                       "threads=1", "key-int-max=100000", "!",
                       "video/x-h264,stream-format=byte-stream", "!", "filesink",
                       f"location={path}"])
    return cpu * 1000 / (30 * SECONDS)


def reading(clip, path, kbps):
    """What GStreamer needs without the encoder, which is not the encoder's."""
    return cpu_seconds(["gst-launch-1.0", "-q", "filesrc", f"location={clip}", "!", "y4mdec", "!",
                        "fakesink"]) * 1000 / (30 * SECONDS)


def ours(clip, path, kbps):
    text = output([BUILD / "tests" / "bench" / "bench-encode", clip, path, str(kbps * 1000)])
    return float(re.search(r"([\d.]+) CPU-ms a picture", text).group(1))


def measure(jobs, clip, folder):
    """All in turns, so that what else the machine does meets all alike; medians."""
    path = folder / "out.h264"
    rows = [{"cpu_ms": []} for _ in jobs]
    for number in range(ROUNDS):
        for (run, kbps), row in zip(jobs, rows):
            row["cpu_ms"].append(run(clip, path, kbps))
            if number == 0 and run is not reading:
                row["psnr_db"] = psnr(path, clip)
                row["kbps"] = path.stat().st_size * 8 / SECONDS / 1000
    for row in rows:
        row["cpu_ms"] = statistics.median(row["cpu_ms"])
    return rows


def cpu_at(rows, wanted_db):
    """Between the two measured points around the wanted PSNR; None where it lies outside."""
    rows = sorted(rows, key=lambda r: r["psnr_db"])
    for a, b in zip(rows, rows[1:]):
        if a["psnr_db"] <= wanted_db <= b["psnr_db"]:
            share = (wanted_db - a["psnr_db"]) / max(b["psnr_db"] - a["psnr_db"], 1e-9)
            return a["cpu_ms"] + share * (b["cpu_ms"] - a["cpu_ms"])
    return None


def run():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        clip = folder / "clip.y4m"
        output([BUILD / "tests" / "bench" / "bench-encode", "--clip", clip, str(30 * SECONDS)])
        jobs = [(ours, k) for k in RATES]
        if have("gst-launch-1.0"):
            jobs += [(rival, k) for k in THEIR_RATES] + [(reading, 0)]
        rows = measure(jobs, clip, folder)
    result = {"miracast": rows[:len(RATES)]}
    if len(rows) > len(RATES):
        result["x264enc"] = [{**r, "cpu_ms": r["cpu_ms"] - rows[-1]["cpu_ms"]}
                             for r in rows[len(RATES):-1]]
    print(f"encode: the pattern at 1920x1080, 30 Hz, {SECONDS} s, one thread; CPU a picture")
    for name, rows in result.items():
        for kbps, r in zip(RATES if name == "miracast" else THEIR_RATES, rows):
            print(f"  {name:10} {kbps:6} kbit/s asked {r['kbps']:7.0f} made {r['psnr_db']:6.2f} dB "
                  f"{r['cpu_ms']:6.2f} ms")
    mine = result["miracast"][RATES.index(8000)]
    theirs = cpu_at(result.get("x264enc", []), mine["psnr_db"])
    if theirs:
        print(f"  at {mine['psnr_db']:.2f} dB: {mine['cpu_ms']:.2f} ms, x264enc {theirs:.2f} ms")
    save("encode", {**result, "x264enc_cpu_ms_at_our_psnr": theirs})

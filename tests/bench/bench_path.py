# SPDX-License-Identifier: GPL-2.0-or-later
"""path: from the desktop's flip to the last datagram, as whole sessions over loopback tell it."""
import os
import struct
import zlib

from bench_common import OUT, cast, save

SECONDS = 10
MODES = [("1920x1080", 30), ("1920x1080", 60), ("1280x720", 60)]
STAGES = ["ready_to_acquired", "ready_to_started", "ready_to_converted", "ready_to_encoded",
          "ready_to_first_datagram", "ready_to_last_datagram", "idr_ready_to_last_datagram"]
COLOURS = [(0x2f, 0x6f, 0xb7), (0xd0, 0x5a, 0x2a), (0x3a, 0x9a, 0x4a)]
WIDTH, HEIGHT, MARGIN = 900, 360, 30
FROM_MS, TO_MS = 0.5, 128.0



def png(path, pixels):
    """Rows of RGB bytes as a PNG: a header, one deflated stream, an end."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    raw = b"".join(b"\0" + bytes(row) for row in pixels)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) +
                     chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def draw(path, histograms):
    """One band of bars a mode over a logarithmic axis; a grey line at each doubling."""
    import math
    rows = [bytearray(b"\xff" * WIDTH * 3) for _ in range(HEIGHT)]

    def fill(x0, y0, x1, y1, rgb):
        for y in range(max(0, y0), min(HEIGHT, y1)):
            for x in range(max(0, x0), min(WIDTH, x1)):
                rows[y][3 * x:3 * x + 3] = bytes(rgb)

    def at(ms):
        share = math.log2(max(ms, FROM_MS) / FROM_MS) / math.log2(TO_MS / FROM_MS)
        return MARGIN + int(share * (WIDTH - 2 * MARGIN))

    ms = FROM_MS
    while ms <= TO_MS:
        fill(at(ms), MARGIN, at(ms) + 1, HEIGHT - MARGIN,
             (0x90, 0x90, 0x90) if ms in (1, 8, 16) else (0xdd, 0xdd, 0xdd))
        ms *= 2
    band = (HEIGHT - 2 * MARGIN) // len(histograms)
    for i, buckets in enumerate(histograms):
        bottom = MARGIN + (i + 1) * band - 4
        most = max((n for _, n in buckets), default=1)
        for b, n in buckets:
            left, right = at(2 ** (b / 8) / 1000), at(2 ** ((b + 1) / 8) / 1000)
            fill(left, bottom - max(1, n * (band - 12) // most), max(right - 1, left + 1), bottom,
                 COLOURS[i % len(COLOURS)])
        fill(MARGIN, bottom, WIDTH - MARGIN, bottom + 1, (0, 0, 0))
    png(path, rows)


def run():
    result = {"load": os.getloadavg()[0], "modes": []}
    histograms = []
    print("path: microseconds from the flip, median / 99 % / most; pattern, x264, over loopback")
    for size, hz in MODES:
        source, sink = cast(size, hz, SECONDS)
        times = source["latency_us"]
        histograms.append(source["ready_to_last_datagram_buckets"])
        result["modes"].append({"size": size, "hz": hz, "source": source, "ts": sink["ts"],
                                "video": sink["video"]})
        print(f"  {size} at {hz} Hz, {source['encoder']}: {source['video']}")
        for stage in STAGES:
            t = times[stage]
            if t["count"]:
                print(f"    {stage:28} {t['p50']:7} {t['p99']:7} {t['max']:7}")
        first = sink["connect_to_first_picture_us"]
        print(f"    largest gap of PCR {sink['ts']['pcr_gap_ms_max']:.1f} ms, connect to PLAY "
              f"{source['rtsp_us']['connect_to_play'] / 1000:.0f} ms, to the first picture "
              f"{f'{first / 1000:.0f} ms' if first else 'never: this machine is too busy'}")
    save("path", result)
    draw(OUT / "path.png", histograms)
    print(f"  {OUT}/path.png: a band for each mode, grey lines at 0.5, 1, 2 ... 128 ms")

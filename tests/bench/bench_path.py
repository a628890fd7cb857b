# SPDX-License-Identifier: GPL-2.0-or-later
"""path: from the desktop's flip to the last datagram, as whole sessions over loopback tell it."""
import os
import struct
import zlib

from bench_common import BUILD, OUT, cast, discard, save

SECONDS = 10
WHOLE, SLICES = "0000 0000", "0001 0003"  # what the sink says of slices
MODES = [("1920x1080", 30, "x264", WHOLE), ("1920x1080", 60, "x264", WHOLE),
         ("1920x1080", 60, "x264", SLICES), ("1280x720", 60, "vaapi", WHOLE)]
STAGES = ["ready_to_acquired", "ready_to_started", "ready_to_converted", "ready_to_encoded",
          "ready_to_first_datagram", "ready_to_last_datagram", "idr_ready_to_last_datagram",
          "beside_encoder"]
# The encoder of tests/va-driver, which plays a GPU on the processor.
TEST_DRIVER = {
    "MIRACAST_TEST_VA": "ihd-lp",
    "MIRACAST_RENDER_NODE": "/dev/null",
    "LD_PRELOAD": str(BUILD / "tests" / "va-driver" / "va-driver-shim.so"),
    "LIBVA_DRIVERS_PATH": str(BUILD / "tests" / "va-driver"),
    "LIBVA_DRIVER_NAME": "miracast-test",
}
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


def run_mode(size, hz, encoder, slices):
    """Against a receiver that discards: a sink that decodes would take what it measures. It asks
    for an IDR each second."""
    with discard() as receiver:
        source, _ = cast(size, hz, SECONDS, "--encoder", encoder, receiver=receiver, slices=slices,
                         sink_options=("--idr-every", "1"),
                         environment=TEST_DRIVER if encoder == "vaapi" else None)
    times = source["latency_us"]
    print(f"  {size} at {hz} Hz, {source['encoder']}{', slices' if slices == SLICES else ''}: "
          f"{source['video']}")
    mode = source["mode"]
    if (f"{mode['width']}x{mode['height']}", mode["refresh_hz"]) != (size, hz):
        print(f"    this machine is too busy: it was {mode}")
    for stage in STAGES:
        t = times[stage]
        if t["count"]:
            print(f"    {stage:28} {t['p50']:7} {t['p99']:7} {t['max']:7}")
    return {"size": size, "hz": hz, "slices": slices, "source": source}


def run():
    result = {"load": os.getloadavg()[0], "modes": []}
    print("path: microseconds from the flip, median / 99 % / most; pattern, over loopback, to a "
          "receiver that discards")
    result["modes"] = [run_mode(*mode) for mode in MODES]
    save("path", result)
    draw(OUT / "path.png", [m["source"]["ready_to_last_datagram_buckets"]
                            for m in result["modes"]])
    print(f"  {OUT}/path.png: a band for each mode, grey lines at 0.5, 1, 2 ... 128 ms")

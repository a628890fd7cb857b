#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A picture that never dies: encoders that fail in the midst of a session at 1080p30.

An encoder hangs, fails, crashes, loses its device: the sink misses at most a second of picture and
hears nothing of it over RTSP; the stream's numbers go on where they were. The test driver of
tests/va-driver misbehaves on demand; its folder is in MIRACAST_TEST_VA_DRIVER.
"""
import os
import pathlib
import re
import signal
import time

from harness import Skip, case, check, main, media_pid, note

DRIVER = os.environ.get("MIRACAST_TEST_VA_DRIVER", "")
PATTERN = "pattern:1920x1080@30"
FAULT = 66  # pictures until then: two seconds and a bit
AFTER_S = 1.5  # of stream, once it goes on; a fault comes again after FAULT pictures more
MISSED_MS = 1000
LOST = 64  # datagrams that may look lost at each new process


def environment(personality):
    if not DRIVER:
        raise Skip("the test driver was not built")
    folder = pathlib.Path(DRIVER)
    return {
        "MIRACAST_TEST_VA": personality,
        "MIRACAST_RENDER_NODE": "/dev/null",  # which the shim calls a render node
        "LD_PRELOAD": str(folder / "va-driver-shim.so"),
        "LIBVA_DRIVERS_PATH": str(folder),
        "LIBVA_DRIVER_NAME": "miracast-test",
        "LIBVA_MESSAGING_LEVEL": "0",
        "ASAN_OPTIONS": "verify_asan_link_order=0:handle_segv=0",
    }


def cast(run, personality=None, encoder="auto"):
    d = run.daemon("--encoder", encoder, "--rtsp-log", run.folder / "rtsp.log", source=PATTERN,
                   environment=environment(personality) if personality else None)
    return d, run.sink(options=("--dump", run.folder / "cast.ts"))


def end(run, daemon, word):
    """Not by the clock: a busy machine reaches the fault late, and the end is to come well after."""
    check(run.wait_for(word, daemon), f"\"{word}\" is not in the log:\n{run.log()}")
    time.sleep(0.1)  # what was on its way has come
    dumped = (run.folder / "cast.ts").stat().st_size
    limit = time.monotonic() + 10
    while (run.folder / "cast.ts").stat().st_size <= dumped and time.monotonic() < limit:
        time.sleep(0.02)
    time.sleep(AFTER_S)
    daemon.send_signal(signal.SIGINT)


def longest_gap_ms(sink):
    """Between two new pictures that the sink showed."""
    shown = {}
    for p in sink["pictures"]:
        if "frame" in p:
            shown.setdefault(p["frame"], p["decoded_us"])
    times = sorted(shown.values())
    check(len(times) > 30, f"only {len(times)} pictures were shown")
    return max(b - a for a, b in zip(times, times[1:])) / 1000


def messages_while_playing(run):
    """What either side asked of the other between PLAY and the end; the keep-alive is later."""
    log = (run.folder / "rtsp.log").read_text()
    parts = re.split(r"^(?:source -> sink|sink -> source) [\d.]+ \d+ bytes\n", log, flags=re.M)
    played = max(i for i, text in enumerate(parts) if text.startswith("PLAY "))
    return [text for text in parts[played + 1:]
            if not text.startswith("RTSP/") and "TEARDOWN" not in text]


def judge(run, daemon, sink, restarts, encoder, word):
    end(run, daemon, word)
    run.expect(daemon, 0)
    check(run.wait(sink) == 0, run.log("sink"))
    source, seen = run.report("source"), run.report("sink")
    check(source["media_restarts"] == restarts, (source["media_restarts"], run.log()))
    check(source["encoder"] == encoder, source["encoder"])
    check(source["end_reason"] == "user-request", source["end_reason"])
    gap = longest_gap_ms(seen)
    note(f"{word}: {gap:.0f} ms without a new picture, "
         f"{seen['rtp']['lost']} datagrams missing, {restarts} new processes")
    limit = MISSED_MS if restarts else 500
    check(gap <= limit, f"{gap:.0f} ms without a new picture; log:\n{run.log()}")
    check(seen["rtp"]["lost"] <= LOST * restarts, seen["rtp"])
    check(seen["rtp"]["duplicates"] == 0 and seen["rtp"]["reordered"] == 0, seen["rtp"])
    ts, rules = seen["ts"], seen["rules"]
    check(ts["continuity_errors"] == 0, ts)
    if restarts:
        check(ts["discontinuities"] > 0, "no discontinuity_indicator")
    for rule in ("pts-order", "pcr-jump", "ts-sync"):
        check(rules.get(rule, 0) == 0, {k: v for k, v in rules.items() if v})
    check(seen["video"]["stamps_backwards"] == 0, seen["video"])
    check(messages_while_playing(run) == [], messages_while_playing(run))
    return source, seen


@case("a session without a fault, and its walls")
def walls(run):
    d, s = cast(run, encoder="x264")
    check(run.wait_for("streaming", d), run.log())
    time.sleep(0.5)
    tasks = list(pathlib.Path(f"/proc/{media_pid(run, d)}/task").iterdir())
    check(len(tasks) >= 2, "where is the encoder's thread?")
    for task in tasks:
        status = dict(line.split(":\t", 1) for line in
                      (task / "status").read_text().splitlines() if ":\t" in line)
        check(status["Seccomp"] == "2", f"Seccomp: {status['Seccomp']} of {status['Name']}")
        check(status["NoNewPrivs"] == "1", f"NoNewPrivs of {status['Name']}")
    judge(run, d, s, 0, "x264", "streaming")


@case("x264's process is killed")
def killed(run):
    d, s = cast(run, encoder="x264")
    check(run.wait_for("streaming", d), run.log())
    time.sleep(1.5)
    os.kill(media_pid(run, d), signal.SIGSEGV)
    judge(run, d, s, 1, "x264", "a new one takes over")


@case("the driver crashes")
def crashes(run):
    d, s = cast(run, f"ihd-lp,crash-after={FAULT}")
    judge(run, d, s, 1, "vaapi", "a new one takes over")


@case("the device hangs")
def hangs(run):
    d, s = cast(run, f"ihd-lp,hang-after={FAULT}")
    judge(run, d, s, 1, "vaapi", "a new one takes over")


@case("the device is lost: x264 goes on in the same process")
def lost(run):
    d, s = cast(run, f"ihd-lp,error-after={FAULT}")
    judge(run, d, s, 0, "x264", "given up for x264")


@case("three failures in a minute: x264 for the rest of the session")
def three(run):
    d, s = cast(run, "ihd-lp,crash-after=40")
    judge(run, d, s, 3, "x264", "failed 3 times in a minute: x264 from now on")


if __name__ == "__main__":
    main(workers=1)

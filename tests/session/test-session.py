#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole sessions: the real miracastd with its real media process against the real test sink."""
import json
import os
import random
import signal
import socket
import sys
import time

from harness import (CASES, DAEMON, SHORT, TIMING, Failure, case, check, main, media_pid, raw_sink)

# ---------------------------------------------------------------- what works

@case("a good session streams, stops after its time and says so")
def good(run):
    d = run.daemon("--seconds", "2", "--rtsp-log", run.folder / "rtsp.log")
    s = run.sink()
    run.expect(d, 0, "streaming 640x480")
    check(run.wait(s) == 0, run.log("sink"))
    source, sink = run.report("source"), run.report("sink")
    check(source["mode"] == {"width": 640, "height": 480, "refresh_hz": source["mode"]["refresh_hz"],
                             "profile": source["mode"]["profile"],
                             "level": source["mode"]["level"]}, source["mode"])
    check(source["end_reason"] == "user-request", source["end_reason"])
    check([x["state"] for x in source["states"]] ==
          ["start-pending", "started", "stop-pending", "stopped"], source["states"])
    check(sink["ts"]["continuity_errors"] == 0 and sink["rtp"]["lost"] == 0, sink)
    check(sink["video"]["stamps_read"] >= 0.9 * source["video"]["frames_encoded"], sink["video"])
    check(not {k for k, v in sink["rules"].items() if v} - TIMING, sink["rules"])
    log = (run.folder / "rtsp.log").read_text()
    for word in ("OPTIONS *", "GET_PARAMETER", "wfd_trigger_method: SETUP", "PLAY", "TEARDOWN"):
        check(word in log, f"{word} is not in the RTSP log")


@case("the sink's TEARDOWN ends the session without a fault")
def sink_ends(run):
    d = run.daemon()
    run.sink("@teardown after=1s")
    run.expect(d, 0, "the session ended")
    check(run.report("source")["end_reason"] == "sink-disconnect-request", "end_reason")


@case("SIGTERM stops the stream and tells the sink")
def sigterm(run):
    d = run.daemon()
    s = run.sink()
    check(run.wait_for("streaming", d), run.log())
    time.sleep(0.5)
    d.terminate()
    run.expect(d, 0, "stopping on SIGTERM")
    check(run.wait(s) == 0, run.log("sink"))


@case("SIGTERM before a sink came leaves at once")
def sigterm_early(run):
    d = run.daemon()
    d.terminate()
    run.expect(d, 0)


@case("keep-alive goes on in both directions")
def keepalive(run):
    d = run.daemon("--seconds", "6", environment=SHORT)
    s = run.sink("@keepalive get-parameter every=500ms")
    run.expect(d, 0)
    check(run.wait(s) == 0, run.log("sink"))
    check("M16" in json.dumps(run.report("sink")["rtsp"]), "no M16 was seen")


@case("a paused stream goes on with an IDR")
def pause(run):
    d = run.daemon("--seconds", "4")
    s = run.sink("wfd_idr_request_capability: 1", "@pause after=1s for=1s")
    run.expect(d, 0)
    check(run.wait(s) == 0, run.log("sink"))
    check(run.report("source")["stream"]["idr_frames"] >= 2, "no second IDR")
    check(run.report("sink")["ts"]["continuity_errors"] == 0, "continuity")


@case("IDR requests are answered with IDRs, a flood of them is not")
def idr(run):
    d = run.daemon("--seconds", "3")
    s = run.sink("@idr after=500ms every=500ms burst=20")
    run.expect(d, 0)
    run.wait(s)
    source = run.report("source")
    check(source["idr_requests"] >= 60, source["idr_requests"])
    check(3 <= source["stream"]["idr_frames"] <= 9, source["stream"]["idr_frames"])


@case("a clip is shown and its end is the session's")
def clip(run):
    path = run.folder / "clip.y4m"
    with path.open("wb") as f:
        f.write(b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n")
        for n in range(45):
            f.write(b"FRAME\n" + bytes([16 + n * 4]) * (640 * 480) + b"\x80" * (640 * 240))
    d = run.daemon(source=f"y4m:{path}")
    s = run.sink()
    run.expect(d, 0, "streaming 640x480")
    check(run.wait(s) == 0, run.log("sink"))
    check(run.report("source")["end_reason"] == "end-of-source", run.report("source"))
    check(run.report("sink")["video"]["frames_decoded"] >= 40, run.report("sink")["video"])


# ---------------------------------------------------------------- media faults

@case("media killed: the picture comes back, RTSP does not notice")
def media_killed(run):
    d = run.daemon("--seconds", "5")
    s = run.sink()
    check(run.wait_for("streaming", d), run.log())
    time.sleep(1)
    os.kill(media_pid(run, d), signal.SIGKILL)
    run.expect(d, 0, "a new one takes over")
    check(run.wait(s) == 0, run.log("sink"))
    source, sink = run.report("source"), run.report("sink")
    check(source["media_restarts"] == 1, source["media_restarts"])
    check(sink["rtp"]["lost"] <= 64, sink["rtp"])
    check(sink["video"]["stamps_read"] > 60, sink["video"])


@case("media hung: it is replaced")
def media_hung(run):
    d = run.daemon("--seconds", "6")
    s = run.sink()
    check(run.wait_for("streaming", d), run.log())
    time.sleep(0.5)
    os.kill(media_pid(run, d), signal.SIGSTOP)
    run.expect(d, 0, "it hung", "a new one takes over")
    run.wait(s)
    check(run.report("source")["media_restarts"] == 1, "media_restarts")


@case("media killed again and again: the session ends and says why")
def media_killed_often(run):
    d = run.daemon()
    run.sink()
    check(run.wait_for("streaming", d), run.log())
    for _ in range(12):
        if d.poll() is not None:
            break
        try:
            os.kill(media_pid(run, d), signal.SIGKILL)
        except (Failure, OSError):
            pass
        time.sleep(0.4)
    run.expect(d, 1, "the media process is lost")
    check(run.report("source")["end_reason"] == "critical-error", "end_reason")


# ---------------------------------------------------------------- bad input

@case("no sink comes: a clear message after the limit")
def nobody(run):
    d = run.daemon(environment={"MIRACAST_TIME_SCALE": "0.02"})
    run.expect(d, 1, "no sink connected", "firewall")


@case("a port in use is named")
def port_in_use(run):
    with socket.socket() as s:
        s.bind(("127.0.0.1", run.port))
        s.listen()
        d = run.daemon()
        run.expect(d, 1, f"port {run.port} is in use")


@case("no kernel module: it says what to load")
def no_module(run):
    d = run.daemon(source="device:/nonexistent/miracast")
    run.expect(d, 1, "the kernel module is not loaded", "modprobe miracast")


@case("a node without permission is told apart from a missing one")
def no_permission(run):
    if os.geteuid() == 0:
        folder = run.folder / "node"
        folder.write_text("")
        folder.chmod(0)
        run.folder.chmod(0o755)
        p = run.spawn("daemon", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                 DAEMON, "--direct", f"127.0.0.1:{run.port}", "--source",
                                 f"device:{folder}"])
    else:
        p = run.daemon(source="device:/root/miracast")
    run.expect(p, 1, "no permission")


@case("a clip that is none, an empty and a truncated one")
def broken_clips(run):
    head = b"YUV4MPEG2 W640 H480 F30:1 Ip C420jpeg\n"
    frame = b"FRAME\n" + b"\x80" * (640 * 480 * 3 // 2)
    for n, data in enumerate((b"RIFF....AVI not a clip", b"", head[:20], head)):
        path = run.folder / f"clip{n}.y4m"
        path.write_bytes(data)
        d = run.daemon(source=f"y4m:{path}")
        s = run.sink()
        run.expect(d, 1)
        s.kill()
        s.wait()
    path.write_bytes(head + frame * 10 + frame[:1000])
    d = run.daemon(source=f"y4m:{path}")
    run.sink()
    run.expect(d, 1, "in the middle of frame 10")


@case("wrong options are refused with a sentence")
def options(run):
    for bad in (["--direct", "256.0.0.1"], ["--direct", "127.0.0.1:0"], ["--direct", "host"],
                ["--direct", "127.0.0.1", "--source", "screen"],
                ["--direct", "127.0.0.1", "--source", "pattern:64x"],
                ["--direct", "127.0.0.1", "--rate", "5"],
                ["--direct", "127.0.0.1", "--seconds", "-1"],
                ["--direct", "127.0.0.1", "--encoder", "nvenc"], ["stray"], ["--rate", "5000000", "stray"],
                ["--source", "pattern"], ["--seconds", "5"], ["--rtsp-log", "/dev/null"],
                ["--direct", "127.0.0.1", "--p2p", "TV"], ["--p2p", "TV", "--direct", "127.0.0.1"],
                ["--direct", "127.0.0.1", "--root", "/"]):
        p = run.spawn("daemon", [DAEMON, *bad])
        check(run.wait(p) == 2, f"{bad}: {p.returncode}")
        check("see --help" in run.log(), f"{bad}: {run.log()}")


@case("a log that cannot be written is missed aloud, and the session goes on")
def full_log(run):
    d = run.daemon("--seconds", "1", "--rtsp-log", "/dev/full")
    s = run.sink()
    run.expect(d, 1, "streaming 640x480", "--rtsp-log: cannot write any more: No space left on device")
    check(run.log().count("--rtsp-log") == 1, run.log())
    check(run.wait(s) == 0, run.log("sink"))


@case("a sink without a common mode")
def no_common_mode(run):
    d = run.daemon(source="pattern")
    profile = run.folder / "sink.profile"
    profile.write_text("wfd_video_formats: none\nwfd_audio_codecs: LPCM 00000002 00\n"
                       "wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\n")
    s = run.sink(profile=profile)
    # No formats at all: no monitor behind the sink. The session waits for one.
    time.sleep(1.5)
    check(d.poll() is None, run.log())
    s.kill()
    run.expect(d, 1)


@case("a link too slow for any mode is refused before M4")
def too_slow(run):
    d = run.daemon("--rate", "1000000", source="pattern")
    profile = run.folder / "sink.profile"
    profile.write_text("wfd_video_formats: 40 00 02 10 00000180 00000000 00000000 00 0000 0000 00 "
                       "none none\nwfd_audio_codecs: LPCM 00000002 00\n"
                       "wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\n")
    run.sink(profile=profile)
    run.expect(d, 1, "mode choice", "too little")


@case("garbage instead of RTSP")
def garbage(run):
    for data in (b"\x16\x03\x01\x02\x00\x01\x00", b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: tv\r\n\r\n", bytes(random.Random(1).randbytes(4096))):
        d = run.daemon(environment=SHORT)
        s = raw_sink(run)
        s.sendall(data)
        run.expect(d, 1, "RTSP")
        s.close()


@case("a client that connects and says nothing")
def silence(run):
    d = run.daemon(environment=SHORT)
    s = raw_sink(run)
    run.expect(d, 1, "RTSP", "M1")
    s.close()


@case("a second client is refused, the first is not disturbed")
def second_client(run):
    d = run.daemon("--seconds", "2")
    s = run.sink()
    check(run.wait_for("the sink is connected", d), run.log())
    try:
        raw_sink(run).close()
        raise Failure("the second connection was accepted")
    except ConnectionRefusedError:
        pass
    run.expect(d, 0)
    check(run.wait(s) == 0, run.log("sink"))


@case("a reset in the middle of the stream ends the session")
def reset(run):
    d = run.daemon()
    run.sink("@reset-after M7 delay=1s")
    run.expect(d, 1, "streaming")


# ---------------------------------------------------------------- each message

def closed(message):
    def test(run):
        d = run.daemon(environment=SHORT)
        run.sink(f"@close-after {message}")
        code = run.wait(d)
        check(code == 1, f"exit status {code}:\n{run.log()}")
        check("RTSP: " in run.log() or "streaming: " in run.log(), run.log())
    return test


def cut(message):
    def test(run):
        d = run.daemon(environment=SHORT)
        run.sink(f"@cut {message} 20")
        code = run.wait(d)
        check(code == 1, f"exit status {code}:\n{run.log()}")
    return test


def delayed(message):
    def test(run):
        d = run.daemon("--seconds", "1", environment=SHORT)
        s = run.sink(f"@reply {message} delay=300ms")
        run.expect(d, 0, "streaming")
        check(run.wait(s) == 0, run.log("sink"))
    return test


def too_late(message):
    def test(run):
        d = run.daemon(environment=SHORT)
        run.sink(f"@reply {message} delay=3s")
        run.expect(d, 1, "RTSP", message.split("-")[0])
    return test


def refused(message):
    def test(run):
        d = run.daemon(environment=SHORT)
        run.sink(f"@reply {message} status=451")
        run.expect(d, 1, "RTSP", message.split("-")[0], "451")
    return test


for m in ("M1", "M2", "M3", "M4", "M5-SETUP", "M6", "M7"):
    CASES.append((f"the connection closed after {m}", closed(m)))
    CASES.append((f"{m} cut in the middle", cut(m)))
for m in ("M1", "M3", "M4", "M5-SETUP"):
    CASES.append((f"the answer to {m} late, but in time", delayed(m)))
    CASES.append((f"the answer to {m} too late", too_late(m)))
for m in ("M3", "M4", "M5-SETUP"):
    CASES.append((f"{m} refused", refused(m)))


if __name__ == "__main__":
    sys.exit(main())

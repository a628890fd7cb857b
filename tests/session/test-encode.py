#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Encoding by VA-API on the test driver, which pretends to be each driver in turn.

First the back-end alone (test-encoder-vaapi, its path in MIRACAST_TEST_ENCODER), then whole
sessions, judged by the sink and by ffprobe, then drivers that crash, hang, fail or are not there.
The driver and its shim are in the folder MIRACAST_TEST_VA_DRIVER.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

from harness import CASES, Skip, TIMING, case, check, main, media_pid, note, tell

ENCODER = os.environ["MIRACAST_TEST_ENCODER"]
DRIVER = pathlib.Path(os.environ["MIRACAST_TEST_VA_DRIVER"])
MIN_PSNR_DB = 38
PATTERN = "pattern:1280x720@30"

DRIVERS = ["ihd-lp", "ihd-nohuc", "i965", "radeonsi-old", "radeonsi-2026"]
# What else drivers do; packed= are the packed headers that one offers.
HABITS = ["ihd-lp,filler,padding,split-segments", "ihd-lp,delay=5000", "radeonsi-2026,overshoot",
          "ihd-lp,no-derive-image", "ihd-lp,refuse-import", "i965,no-vpp", "radeonsi-2026,packed=0",
          "radeonsi-2026,packed=1", "ihd-lp,wrong-matrix", "ihd-lp,full-range"]


def environment(personality, **more):
    return {
        "MIRACAST_TEST_VA": personality,
        "MIRACAST_RENDER_NODE": "/dev/null",  # which the shim calls a render node
        "LD_PRELOAD": str(DRIVER / "va-driver-shim.so"),
        "LIBVA_DRIVERS_PATH": str(DRIVER),
        "LIBVA_DRIVER_NAME": "miracast-test",
        "LIBVA_MESSAGING_LEVEL": "0",
        # The shim comes before the sanitizer's library, and a driver's crash is to be a crash.
        "ASAN_OPTIONS": "verify_asan_link_order=0:handle_segv=0",
        **more,
    }


# ---------------------------------------------------------------- the back-end alone

def back_end(personality):
    def test(run):
        # A busy machine is no device that hangs.
        p = run.spawn("encoder", [ENCODER], environment(personality, MIRACAST_TIME_SCALE="4"))
        code = run.wait(p, 120)
        log = run.log("encoder")
        check(code == 0, log)
        check("the client:" not in log, f"the driver complains:\n{log}")
        check("Sanitizer" not in log and "runtime error" not in log, log)
        for line in re.findall(r"^# .*", log, re.M):
            tell(line)
    return test


for name in DRIVERS + HABITS:
    CASES.append((f"{name}: headers, pictures, rate, imports", back_end(name)))


# ---------------------------------------------------------------- whole sessions

def probe(run):
    """What an independent parser says of the bare stream."""
    path = run.folder / "cast.h264"
    subprocess.run(["ffmpeg", "-loglevel", "fatal", "-nostdin", "-i", run.folder / "cast.ts", "-c",
                    "copy", "-f", "h264", path], check=True)
    r = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-select_streams", "v", "-of",
                        "json", path], capture_output=True, text=True)
    return json.loads(r.stdout)["streams"][0]


def psnr(run):
    """The dumped frame against the decoded one of the same PTS, as 4:2:0; dB."""
    matrix = "bt709" if run.report("source")["mode"]["height"] >= 720 else "smpte170m"
    pts = run.report("source")["stream"]["dumped_pts"]
    r = subprocess.run(
        ["ffmpeg", "-hide_banner", "-nostdin", "-copyts", "-i", run.folder / "cast.ts", "-i",
         run.folder / "sent.ppm", "-lavfi",
         f"[0:v]select=eq(pts\\,{pts}),setpts=0,format=yuv420p[a];"
         f"[1:v]scale=out_color_matrix={matrix}:out_range=tv:flags=accurate_rnd+full_chroma_int,"
         "format=yuv420p,setpts=0[b];[a][b]psnr", "-f", "null", "-"],
        capture_output=True, text=True)
    found = re.search(r"PSNR .*average:([\d.]+|inf)", r.stderr)
    check(found, f"no picture of that PTS:\n{r.stderr[-2000:]}")
    return float(found.group(1))


def cast(run, personality, seconds, *options, encoder="vaapi", env=None):
    d = run.daemon("--encoder", encoder, "--seconds", str(seconds), "--dump-frame",
                   run.folder / "sent.ppm", *options, source=PATTERN,
                   environment=env or environment(personality))
    s = run.sink(options=("--dump", run.folder / "cast.ts"))
    return d, s


def judge_stream(run):
    source, sink = run.report("source"), run.report("sink")
    sent = source["video"]["frames_encoded"]
    check(sink["video"]["stamps_read"] >= 0.95 * sent, (sent, sink["video"]))
    check(sink["video"]["decode_errors"] == 0 and sink["video"]["stamps_bad"] == 0, sink["video"])
    check(sink["ts"]["continuity_errors"] == 0, sink["ts"])
    check(not {k for k, v in sink["rules"].items() if v} - TIMING, sink["rules"])


def judge_headers(run):
    """Profile, level, size, colours and order, by libavformat. A busy machine gets a small mode."""
    v, mode = probe(run), run.report("source")["mode"]
    check((v["width"], v["height"]) == (mode["width"], mode["height"]), (v, mode))
    check(v["profile"] in ("Constrained Baseline", "High", "Constrained High"), v["profile"])
    check(v["level"] == round(float(mode["level"]) * 10), (v["level"], mode))
    check(v["has_b_frames"] == 0, "pictures wait for others")
    check(v["color_range"] == "tv" and 
          v["color_space"] == ("bt709" if mode["height"] >= 720 else "smpte170m"), v)
    check(v["r_frame_rate"] == f"{mode['refresh_hz']}/1", (v["r_frame_rate"], mode))


def session(personality):
    def test(run):
        d, s = cast(run, personality, 4)
        run.expect(d, 0, "streaming", "vaapi")
        check(run.wait(s) == 0, run.log("sink"))
        check("the client:" not in run.log(), run.log())
        check(run.report("source")["encoder"] == "vaapi", run.report("source")["encoder"])
        judge_stream(run)
        judge_headers(run)
        db = psnr(run)
        note(f"{personality}: session, PSNR {db:.1f} dB")
        check(db >= MIN_PSNR_DB, f"{db:.1f} dB")
    return test


for name in DRIVERS:
    CASES.append((f"{name}: a session", session(name)))


@case("auto takes the device that works")
def auto(run):
    d, s = cast(run, "ihd-lp", 2, encoder="auto")
    run.expect(d, 0, "streaming", "encode: found vaapi (Intel iHD driver")
    run.wait(s)


@case("x264 is taken where it is demanded, device or not")
def demanded_x264(run):
    d, s = cast(run, "ihd-lp", 2, encoder="x264")
    run.expect(d, 0, "streaming")
    run.wait(s)
    check("va-driver" not in run.log(), run.log())
    judge_stream(run)


# ---------------------------------------------------------------- the driver itself

def foreign(personality, *options):
    """Debian's libavcodec as the client: what it encodes must decode to what it was given."""
    def test(run):
        size = "640x368"
        pictures = run.folder / "in.nv12"
        subprocess.run(["ffmpeg", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i",
                        f"testsrc2=s={size}:r=30", "-frames:v", "30", "-pix_fmt", "nv12", "-f",
                        "rawvideo", pictures], check=True)
        raw = ["-f", "rawvideo", "-pix_fmt", "nv12", "-s", size, "-r", "30", "-i", pictures]
        p = run.spawn("ffmpeg", ["ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin",
                                 "-vaapi_device", "/dev/null", *raw, "-vf", "hwupload", "-c:v",
                                 "h264_vaapi", "-bf", "0", "-g", "12", *options,
                                 run.folder / "out.h264"], environment(personality))
        check(run.wait(p) == 0 and "the client:" not in run.log("ffmpeg"), run.log("ffmpeg"))
        r = subprocess.run(["ffmpeg", "-hide_banner", "-nostdin", "-i", run.folder / "out.h264",
                            *raw, "-lavfi", "[0:v]settb=1/30,setpts=N[a];[1:v]settb=1/30,setpts=N"
                            "[b];[a][b]psnr", "-f", "null", "-"], capture_output=True, text=True)
        found = re.search(r"frame= *(\d+).*PSNR .*min:([\d.]+)", r.stderr, re.S)
        check(found and "error" not in r.stderr.lower(), r.stderr[-3000:])
        check(int(re.findall(r"frame= *(\d+)", r.stderr)[-1]) == 30, r.stderr[-3000:])
        check(float(found.group(2)) >= MIN_PSNR_DB, f"{found.group(2)} dB")
    return test


HIGH = ("-profile:v", "high", "-b:v", "4M")
for name, arguments in (
        ("ihd-lp", (*HIGH, "-rc_mode", "CBR", "-low_power", "1")),
        ("ihd-nohuc", ("-profile:v", "constrained_baseline", "-rc_mode", "CQP", "-qp", "24",
                       "-low_power", "1", "-aud", "1")),
        ("i965", ("-profile:v", "main", "-b:v", "4M", "-coder", "cavlc")),
        ("i965,delay=5000", ("-profile:v", "constrained_baseline", "-rc_mode", "CQP", "-qp", "24")),
        ("radeonsi-old", (*HIGH, "-rc_mode", "VBR")),
        ("radeonsi-2026", (*HIGH, "-rc_mode", "CBR"))):
    CASES.append((f"{name}: h264_vaapi of libavcodec {' '.join(arguments)}",
                  foreign(name, *arguments)))


# ---------------------------------------------------------------- devices that do not work

MISSING = {
    "no render node": environment("ihd-lp", MIRACAST_RENDER_NODE="/nonexistent"),
    "vaGetDisplayDRM: not a render node": environment("ihd-lp", LD_PRELOAD=""),
    "vaInitialize: no driver for it": environment("ihd-lp", LIBVA_DRIVER_NAME="nonexistent"),
    "the driver crashed: encoding a picture": environment("ihd-lp,crash-after=0"),
    "the driver hung: encoding a picture": environment("ihd-lp,hang-after=0"),
    "the trial failed: ": environment("ihd-lp,error-after=0"),
}


def demanded(why, env):
    def test(run):
        d, s = cast(run, None, 2, env=env)
        run.expect(d, 1, "VA-API does not work: " + why)
        check("a new one takes over" not in run.log(), run.log())
        s.kill()
        s.wait()
    return test


def falls_back(why, env):
    def test(run):
        d, s = cast(run, None, 2, encoder="auto", env=env)
        run.expect(d, 0, "streaming", "encode: found x264 (VA-API: " + why)
        check(run.wait(s) == 0, run.log("sink"))
        judge_stream(run)
    return test


for reason, variables in MISSING.items():
    CASES.append((f"vaapi demanded, and {reason}", demanded(reason, variables)))
    CASES.append((f"auto, and {reason}", falls_back(reason, variables)))


@case("the low-power encoder hangs: the other one is tried, and encodes")
def low_power(run):
    # A busy machine has the time for two trials, too.
    env = environment("ihd-lp,low-power-hangs", MIRACAST_TIME_SCALE="3")
    d, s = cast(run, None, 2, env=env)
    run.expect(d, 0, "streaming", "encode: found vaapi (Intel iHD driver")
    check(run.wait(s) == 0, run.log("sink"))
    judge_stream(run)


# ---------------------------------------------------------------- the drivers of real devices

def real_driver(name, package):
    """Without its GPU a driver gets as far as its own start: it is loaded, started, and gives up; the
    cast goes on behind the walls with x264. MIRACAST_REAL_DRIVERS: a folder of theirs, unpacked."""
    def test(run):
        folder = pathlib.Path(os.environ.get("MIRACAST_REAL_DRIVERS",
                                             "/usr/lib/x86_64-linux-gnu/dri"))
        if not (folder / f"{name}_drv_video.so").exists():
            raise Skip(f"{package} is not installed")
        libraries = f"{folder.parent}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        env = environment("", LIBVA_DRIVERS_PATH=str(folder), LIBVA_DRIVER_NAME=name,
                          LD_LIBRARY_PATH=libraries, LD_DEBUG="files")
        d, s = cast(run, None, 3, encoder="auto", env=env)
        check(run.wait_for("streaming", d), run.log())
        status = pathlib.Path(f"/proc/{media_pid(run, d)}/status").read_text()
        check("Seccomp:\t2" in status, status)
        run.expect(d, 0, "streaming", "x264")
        check(run.wait(s) == 0, run.log("sink"))
        check(re.search(rf"calling init: \S*/{name}_drv_video.so", run.log()), "it was never loaded")
        check("sandbox refused" not in run.log(), run.log())
        check(run.report("source")["media_restarts"] == 0, run.log())
        judge_stream(run)
    return test


for real, debian in (("iHD", "intel-media-va-driver"), ("radeonsi", "mesa-va-drivers")):
    CASES.append((f"Debian's {real} without its GPU", real_driver(real, debian)))


# ---------------------------------------------------------------- devices that stop working

def judge_recovery(run, restarts):
    source, sink = run.report("source"), run.report("sink")
    check(source["media_restarts"] == restarts, (source["media_restarts"], run.log()))
    check(sink["rtp"]["lost"] <= 64, sink["rtp"])
    check(sink["video"]["stamps_read"] > 60, sink["video"])


@case("the device is lost: auto goes on with x264 in the same process")
def lost(run):
    d, s = cast(run, "ihd-lp,error-after=40", 5, encoder="auto")
    run.expect(d, 0, "vaapi was given up for x264")
    check(run.wait(s) == 0, run.log("sink"))
    judge_recovery(run, 0)
    check(run.report("source")["encoder"] == "x264", run.report("source")["encoder"])


@case("the driver crashes: a new process takes over")
def crash(run):
    d, s = cast(run, "ihd-lp,crash-after=80", 4)
    run.expect(d, 0, "killed by signal 11", "a new one takes over")
    check(run.wait(s) == 0, run.log("sink"))
    judge_recovery(run, 1)


@case("the device hangs: a new process takes over")
def hang(run):
    d, s = cast(run, "ihd-lp,hang-after=80", 4)
    run.expect(d, 0, "the encoder hung", "a new one takes over")
    check(run.wait(s) == 0, run.log("sink"))
    judge_recovery(run, 1)


if __name__ == "__main__":
    sys.exit(main(workers=2))

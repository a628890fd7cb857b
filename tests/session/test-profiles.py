#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole session with each sink of tests/data/profiles: what is chosen for it, said to it, shown.

The table below holds what the source must choose for each of them; it is written by hand from the
profile and the rules in daemon/rtsp/wfd-choice.c, not taken from a run.
"""
import pathlib
import re
import signal
import sys

from harness import CASES, SHORT, TIMING, Failure, Skip, case, check, main

PROFILES = pathlib.Path(__file__).parent.parent / "data" / "profiles"
# No more than 30 Hz: what the encoder is able to beyond that is the machine's to say.
SOURCE = "pattern:1920x1080@30"
ENOUGH = 4 # pictures
LPCM, AAC, SILENT = "LPCM 00000002 00", "AAC 00000001 00", None
LEVELS = {"3.1": 1, "3.2": 2, "4": 4, "4.1": 8, "4.2": 16, "5": 32}
SINKS = {}


class Sink:
    """What a session with one profile must come to."""

    def __init__(self, mode, table, index, level, audio=LPCM, source=SOURCE, m4=(), seconds=1,
                 environment=None, parameter="wfd", slices="0000 0000", more=(0, 4, 16)):
        self.width, self.height, self.hz = map(int, re.split("[x@]", mode))
        masks = {"CEA": 0, "VESA": 0, "HH": 0, "MICROSOFT": 0}
        masks[table] = 1 << index
        self.level, self.audio, self.source, self.m4 = level, audio, source, m4
        self.seconds, self.environment, self.extra = seconds, environment, None
        self.more = more # seconds on top, from try to try
        if table == "MICROSOFT":
            self.m4 = (*m4, f"microsoft_video_formats: {masks[table]:012x}")
        w, n = ((8, 2) if parameter == "wfd" else (10, 4))
        self.video = (f"{parameter}_video_formats: {0:0{n}x} 00 {1:0{n}x} {LEVELS[level]:0{n}x} "
                      f"{masks['CEA']:0{w}x} {masks['VESA']:0{w}x} {masks['HH']:08x} 00 {slices} 00 "
                      "none none")


def expect(name, *arguments, **more):
    """In front of a function: what it checks on top."""
    SINKS[name] = Sink(*arguments, **more)

    def add(function):
        SINKS[name].extra = function
        return function
    return add


FULL_HD = ("1920x1080@30", "CEA", 7, "4")
HD = ("1280x720@30", "CEA", 5, "3.1")
VGA = ("640x480@60", "CEA", 0, "3.1")

for plain in ("chatter", "default-1080p", "fire-tv", "lpcm-only", "r2-sink",
              "reserved-bits", "samsung-tv", "sharp-tv", "spelling"):
    SINKS[plain] = Sink(*FULL_HD)
SINKS["aac-only"] = Sink(*FULL_HD, audio=AAC)
SINKS["actiontec"] = Sink(*HD)
SINKS["edid"] = SINKS["edid-short"] = SINKS["edid-long"] = Sink(*HD)
SINKS["hh"] = Sink("960x540@60", "HH", 9, "3.2", source="pattern:1280x720@60")
SINKS["minimal-640x480-lpcm"] = Sink(*VGA)
SINKS["preferred-mode"] = Sink(*FULL_HD, slices="07f8 0003")
SINKS["no-audio"] = Sink(*FULL_HD, audio=SILENT)
SINKS["projector-lcd"] = Sink("1280x800@30", "VESA", 8, "3.2", audio=SILENT)
SINKS["samsung-tablet"] = Sink(*VGA)
SINKS["sony-tv"] = Sink(*HD)
SINKS["vesa"] = Sink("1366x768@30", "VESA", 12, "3.2")


# ---------------------------------------------------------------- what a profile adds

def messages(sink, name, kind, sender):
    return [m for m in sink["rtsp"]["messages"]
            if (m["message"], m["kind"], m["from"]) == (name, kind, sender)]


def check_keepalives(sink, least):
    asked = messages(sink, "KEEPALIVE", "request", "sink")
    answered = [m for m in messages(sink, "KEEPALIVE", "reply", "source") if m["status"] == 200]
    check(len(answered) >= least, f"{len(answered)} of {len(asked)} were answered")
    check(len(asked) - len(answered) <= 1, f"{len(asked)} asked, {len(answered)} answered")


def transport(sink):
    """The ports of both sides as the answer to SETUP has them."""
    found = re.fullmatch(r"RTP/AVP/UDP;unicast;client_port=([-0-9]+);server_port=([-0-9]+)",
                         sink["rtsp"]["transport"])
    check(found, sink["rtsp"]["transport"])
    return found.groups()


@expect("lazycast", *FULL_HD, seconds=3)
def lazycast(run, source, sink):
    check(source["idr_requests"] == 1, source["idr_requests"])
    check(source["stream"]["idr_frames"] >= 2, source["stream"])


@expect("lg-old-dongle", *HD)
def lg_old_dongle(run, source, sink):
    check("-" not in transport(sink)[0], sink["rtsp"]["transport"])


@expect("lg-tv", *FULL_HD)
def lg_tv(run, source, sink):
    first = transport(sink)[0].split("-")[0]
    check(transport(sink)[0] in (first, f"{first}-{int(first) + 1}"), sink["rtsp"]["transport"])
    check(re.fullmatch("[A-Za-z0-9]{1,10}", sink["rtsp"]["session"]), sink["rtsp"]["session"])


@expect("lg-webos", *FULL_HD, seconds=3)
def lg_webos(run, source, sink):
    check_keepalives(sink, 3)


@expect("samsung-dongle", *FULL_HD)
def samsung_dongle(run, source, sink):
    check(source["idr_requests"] == 7, source["idr_requests"])
    # One at the beginning, one for the seven; two where a busy machine takes them apart, none where
    # it has them all before the first one was encoded.
    check(1 <= source["stream"]["idr_frames"] <= 3, source["stream"]["idr_frames"])


def no_rtcp(sink):
    check(not [p for p in transport(sink) if "-" in p], sink["rtsp"]["transport"])


# A tenth of the limits: M16 goes out 2 s behind SETUP.
LONG = {"seconds": 3, "environment": SHORT}


@expect("roku", *FULL_HD, **LONG)
def roku(run, source, sink):
    no_rtcp(sink)
    check(messages(sink, "M16", "request", "source"), "no M16: this sink would drop out")


@expect("hisense-tv", *FULL_HD)
def hisense_tv(run, source, sink):
    no_rtcp(sink)
    # By the source's clock: the sink looks at its own when it gets its turn.
    sent = re.findall(r"^source -> sink ([\d.]+) .* bytes\n(RTSP|\S+)",
                      (run.folder / "rtsp.log").read_text(), re.M)
    m2 = next(float(at) for at, word in sent if word == "RTSP")
    m3 = next(float(at) for at, word in sent if word == "GET_PARAMETER")
    check(m3 - m2 >= 0.045, f"M3 left {m3 - m2:.6f} s behind the answer to M2")


LOW = "microsoft_latency_management_capability: low"


@expect("ms-adapter-v2", *FULL_HD, m4=[LOW], **LONG)
def ms_adapter_v2(run, source, sink):
    check(messages(sink, "M16", "reply", "sink"), "no M16")
    named = [m for m in transcript(run) if m.startswith("RTSP/1.0") and "Server:" not in m and
             "Session:" in m]
    check(not named, f"the profile names the session after all: {named}")


@expect("ms-adapter-4k", *FULL_HD, parameter="wfdx")
def ms_adapter_4k(run, source, sink):
    check(source["rate_bps"] <= 8000000, f"{source['rate_bps']} bit/s, and the sink takes 8000000")


expect("ms-tablet", "1920x1280@30", "MICROSOFT", 0, "5", source="pattern:1920x1280@30")


@expect("ms-wdd", *FULL_HD)
def ms_wdd(run, source, sink):
    m3 = [m for m in transcript(run) if m.startswith("GET_PARAMETER")][0]
    names = m3.split("\n\n", 1)[1].split()
    check(len(names) <= 4, f"M3 asks for {len(names)} names")


@expect("anycast", *FULL_HD)
def anycast(run, source, sink):
    check(source["stream"]["idr_frames"] >= 1, source["stream"])


@expect("ezcast", *FULL_HD, seconds=3)
def ezcast(run, source, sink):
    check_keepalives(sink, 2)


# After two seconds so many requests are taken for a link that is too slow: a longer cast is a worse one.
@expect("mi-tv", *FULL_HD, seconds=2, more=(0, 0, 0))
def mi_tv(run, source, sink):
    check(source["idr_requests"] >= 20, source["idr_requests"])
    check(2 <= source["stream"]["idr_frames"] <= 7, source["stream"]["idr_frames"])


@expect("philips-slow", *FULL_HD)
def philips_slow(run, source, sink):
    check(source["rtsp_us"]["connect_to_play"] > 3500000, source["rtsp_us"])


@expect("windows-sink", *FULL_HD, m4=[LOW], seconds=20)
def windows_sink(run, source, sink):
    check_keepalives(sink, 2)
    check(source["end_reason"] == "sink-disconnect-request", source["end_reason"])
    check("C00D4278" in source["end_text"], source["end_text"])


@expect("odd-ports", *FULL_HD)
def odd_ports(run, source, sink):
    check(transport(sink)[0] == "65535", sink["rtsp"]["transport"])


@expect("slices", *FULL_HD, slices="07f8 0003")
def slices(run, source, sink):
    check(sink["video"]["most_slices"] == 4, sink["video"])
    first, whole = (source["latency_us"][name]["p50"] for name in
                    ("ready_to_first_datagram", "ready_to_encoded"))
    check(first < whole, f"the first datagram left after {first} us, all was encoded after {whole} us")


@expect("pieces", *FULL_HD)
def pieces(run, source, sink):
    check(messages(sink, "OTHER", "reply", "source")[0]["status"] == 200, "M13 in M3's segment")


def formats(run):
    """The bodies of all M4, in their order."""
    return [m.split("\n\n", 1)[1] for m in transcript(run)
            if m.startswith("SET_PARAMETER") and "video_formats" in m]


@expect("ladder-options", *FULL_HD)
def ladder_options(run, source, sink):
    first, second = formats(run)
    check(LOW in first and LOW not in second, first + second)
    check(first.split("\n")[0] == second.split("\n")[0], "not the same mode again")


@expect("ladder-720p", *HD)
def ladder_720p(run, source, sink):
    first, second = formats(run)
    check("00000080" in first and "00000020" in second, first + second)
    check("refused 1920x1080" in run.log(), run.log())


@expect("ladder-vga", *VGA, source="pattern:1280x720@60")
def ladder_vga(run, source, sink):
    masks = [f.split()[5] for f in formats(run)]
    check(masks == ["00000040", "00000020", "00000001"], masks)


@expect("pause", *FULL_HD, seconds=4)
def pause(run, source, sink):
    check(len(messages(sink, "M7", "request", "sink")) == 2, "PLAY came once only")
    check(source["stream"]["idr_frames"] >= 2, "no IDR when the stream went on")


# ---------------------------------------------------------------- one session

def transcript(run):
    """The messages of the source's own log, without its lines in front."""
    log = (run.folder / "rtsp.log").read_text()
    return re.split(r"\n(?:source|sink) -> (?:source|sink) .* bytes\n", "\n" + log)[1:]


def check_m4(run, expected):
    lines = [line for line in formats(run)[-1].split("\n") if line]
    names = {line.split(":")[0] for line in lines}
    wanted = [expected.video, *expected.m4]
    if expected.audio:
        wanted.append(f"wfd_audio_codecs: {expected.audio}")
    for line in wanted:
        check(line in lines, f"M4 lacks \"{line}\":\n" + "\n".join(lines))
    check(len(names) == len(lines) == len(wanted) + 2, "M4 says more:\n" + "\n".join(lines))
    check("wfd_presentation_URL: rtsp://127.0.0.1/wfd1.0/streamid=0 none" in lines, lines)
    # The sink's own words again, word for word.
    m3 = [m for m in transcript(run) if "mode=play" in m][0]
    ports = re.search("(?i)wfd_client_rtp_ports:.*?(RTP.*mode=play)", m3).group(1)
    check(f"wfd_client_rtp_ports: {ports}" in lines, f"{ports} is not in M4")


def check_stream(expected, encoded, sink):
    chosen, video = sink["rtsp"]["chosen"], sink["video"]
    check((chosen["width"], chosen["height"], chosen["refresh_hz"]) ==
          (expected.width, expected.height, expected.hz), chosen)
    check((video["width"], video["height"]) == (expected.width, expected.height), video)
    check(video["profile"] == "Constrained Baseline", video)
    check(float(video["level"]) <= float(expected.level), video)
    # How many there are is the machine's speed; that each of them is good is not.
    check(video["frames_decoded"] >= max(3, encoded - 1) and video["stamps_bad"] == 0, video)
    check(video["stamps_read"] >= 0.8 * video["frames_decoded"], video)


def start(run, source, *options, environment=None):
    """A source whose encoder was found fast enough: on a busy machine it may take more tries."""
    width, height, hz = map(int, re.split("[x@]", source.split(":")[1]))
    for _ in range(10):
        d = run.daemon("--rtsp-log", run.folder / "rtsp.log", *options, source=source,
                       environment=environment)
        check(run.wait_for("Mpixel/s", d), run.log())
        speed = int(re.search(r"encodes (\d+) Mpixel/s", run.log()).group(1)) * 1000000
        if speed > width * height * hz:
            return d
        d.terminate()
        run.wait(d)
    raise Skip(f"this machine does not encode {source}")


def play(run, name, expected):
    """Both reports; once more and longer where the machine made hardly a picture in that time."""
    for more in expected.more:
        d = start(run, expected.source, "--seconds", str(expected.seconds + more),
                  environment=expected.environment)
        s = run.sink(profile=PROFILES / f"{name}.profile")
        run.expect(d, 0)
        code = run.wait(s)
        source = run.report("source")
        if source["video"]["frames_encoded"] >= ENOUGH:
            break
    check(code == 0, run.log("sink"))
    return source, run.report("sink")


def cast(run, name, expected):
    source, sink = play(run, name, expected)
    check_m4(run, expected)
    check_stream(expected, source["video"]["frames_encoded"], sink)
    broken = {k: v for k, v in sink["rules"].items() if v and k not in TIMING}
    check(not broken, f"{broken}: {sink['first_findings']}")
    check(messages(sink, "M8", "reply", "source")[-1]["status"] == 200, "TEARDOWN")
    if expected.extra:
        expected.extra(run, source, sink)


for profile_name in SINKS:
    CASES.append((profile_name, lambda run, name=profile_name: cast(run, name, SINKS[name])))


# ---------------------------------------------------------------- those that see no stream

@case("no-common-mode")
def no_common_mode(run):
    d = run.daemon(source="pattern")
    s = run.sink(profile=PROFILES / "no-common-mode.profile")
    run.expect(d, 1, "mode choice: the sink offers no mode")
    check(run.wait(s) == 4, run.log("sink"))
    check(run.report("source")["end_stage"] == "mode choice", run.report("source"))
    check(not messages(run.report("sink"), "M4", "request", "source"), "M4 was sent all the same")


@case("ladder-end")
def ladder_end(run):
    d = start(run, "pattern:1280x720@60")
    s = run.sink(profile=PROFILES / "ladder-end.profile")
    run.expect(d, 1, "M4: the sink refused M4 with status 303")
    check(run.wait(s) == 4, run.log("sink"))
    check(len(formats(run)) == 3, f"{len(formats(run))} tries")


@case("audio-only")
def audio_only(run):
    d = run.daemon(source="pattern")
    s = run.sink(profile=PROFILES / "audio-only.profile")
    check(run.wait_for("session: started", d), run.log())
    check(not run.wait_for("streaming 1", d, limit=1), "it streams to nobody")
    d.send_signal(signal.SIGTERM)
    run.expect(d, 0)
    run.wait(s)
    check(not messages(run.report("sink"), "M4", "request", "source"), "M4 without a monitor")
    check(run.report("sink")["rtp"]["datagrams"] == 0, "datagrams without a monitor")


@case("every profile has its case here")
def complete(run):
    names = {p.stem for p in PROFILES.glob("*.profile")}
    cases = {name for name, _ in CASES}
    if names - cases:
        raise Failure(f"without a case: {', '.join(sorted(names - cases))}")
    check(len(names) >= 20, f"{len(names)} profiles")


if __name__ == "__main__":
    sys.exit(main())

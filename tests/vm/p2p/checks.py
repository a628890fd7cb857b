# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of scenarios, and what must be true of each: by the sink, by the air, by what is left."""
import difflib
import re

from sink import wait

SCENARIOS = []

# Device password IDs of the frames (WSC 2.0, table 33), by our side of the method.
BUTTON, PIN_OF_SINK, PIN_OF_OURS = 4, 1, 5


def scenario(name):
    def add(function):
        SCENARIOS.append((name, function))
        return function
    return add


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_same(what, before, after):
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", n=1,
                                 lineterm="")
    check(before == after, f"{what} changed:\n" + "\n".join(lines))


# ---------------------------------------------------------------- it streamed

def check_stream(source, sink, stamps=12, **air):
    """Was decoded, ended well by us, and came about as it should have: see check_air."""
    # How long that takes is a matter of how much of a processor an emulated one gets.
    wait(lambda: sink.stamps() >= stamps or source.daemon.poll() is not None, 300)
    check_no_look(source)
    source.daemon.terminate()
    code = source.end()
    check(code == 0, f"miracastd ended with {code}: {source.log()[-1500:]}")
    report = sink.report()
    check(report, "the sink has no report")
    read = report["video"]["stamps_read"]
    check(read >= stamps, f"only {read} stamps were read")
    check(report["ts"]["continuity_errors"] == 0 or report["rtp"]["lost"] > 0, report["ts"])
    attempts = check_air(source, sink, **air)
    return f"{read} stamps" + (f", {attempts} attempts" if attempts > 1 else "")


def check_no_look(source):
    """We do not look for sinks while one is connected: it takes the radio's time from the picture."""
    looks = [f.when for f in source.air.sent("look") if f.sender in source.addresses()]
    check(looks, "we never looked for the sink")
    connected = source.air.opened()[-1:]
    check(not connected or max(looks) < connected[0].when, f"looked at {looks} in the session")


def check_air(source, sink, role="client", is_negotiated=True, intent=7, password=BUTTON,
              openings=1):
    """role is the sink's, and intent ours, unless others had to be tried: emulated, a frame may come
    too late."""
    air, attempts = source.air, 1 + source.log().count("-> back-off")
    check(sink.role == role or attempts > 1, f"the sink is {sink.role}, not {role}")
    ours = [f for f in air.frames if f.receiver == sink.address and f.kind.startswith("go-neg")]
    if not is_negotiated:
        check(not ours, "a group was negotiated")
    else:
        told = [f.intent for f in ours if f.intent is not None]
        check(told and told[0] == intent and set(told) <= {7, 0, 15} and len(set(told)) <= attempts,
              f"our intents on the air in {attempts} attempts: {told}")
        methods = {f.password for f in ours if f.password is not None}
        check(methods == {password}, f"our methods on the air: {methods}")
        # Wi-Fi Display R2, 5.1.1: subelement 0, six bytes; a source that is available; port 7236.
        wfd = {f.wfd[:7].hex() for f in ours if f.wfd}
        check(wfd and all(w.startswith("00000600") and w[8:] in ("101c44", "901c44")
                          for w in wfd), f"our WFD elements: {wfd}")
    tcp = air.opened()
    check(len(tcp) >= openings and not any(o.is_ours for o in tcp),
          f"TCP: {[(o.source, o.target, o.port) for o in tcp]}")
    check(tcp[0].port == 7236 and tcp[0].target == sink.source_address, vars(tcp[0]))
    if sink.role == "client":
        given = set(air.leases())
        check(given == {sink.lease[0]}, f"addresses given {given}, taken {sink.lease}")
        check(sink.lease[1].endswith(".1"), f"lease {sink.lease}")
        check(sink.lease[2:4] == ["none", "none"], f"router or name server given: {sink.lease}")
    return attempts


# ---------------------------------------------------------------- it did not

def check_failure(source, stage, *words):
    code = source.end()
    check(code == 1, f"miracastd ended with {code}: {source.log()[-1500:]}")
    last = [line for line in source.log().splitlines() if f": {stage}: " in line]
    check(last, f"no line about {stage}: {source.log()[-1500:]}")
    for word in words:
        check(word in last[-1], f"{word!r} is not in {last[-1]!r}")


def check_streaming(source):
    check(source.wait_for("streaming"), f"no stream: {source.log()[-1500:]}")


# ---------------------------------------------------------------- of every scenario

def check_silence(source, sink):
    """No PIN and no key in what we log."""
    text = source.log() + source.net_log()
    for secret in sink.secrets:
        check(secret not in text, f"a secret of {len(secret)} characters is in a log")


def check_nothing_left(source, rules, ies):
    left = source.settle()
    check(not left, f"left behind: {left}")
    check_same("the rule set", rules, source.rules())
    check(source.get_ies() == ies, f"WFDIEs are {source.get_ies()}, were {ies}")


def timeline(source, sink):
    """Seconds from miracastd's start."""
    log = source.log()
    marks = []
    for what, pattern in (("find", r"found \"[^\"]*\".* at ([\d.]+)"),
                          ("negotiated", r"formation at ([\d.]+)"),
                          ("group", r"address at ([\d.]+)"),
                          ("address", r"connection at ([\d.]+)"),
                          ("RTSP", r"RTSP at ([\d.]+)")):
        times = re.findall(pattern, log)
        if times:
            # The first sight of the sink; of all else the attempt that went through.
            marks.append((what, float(times[0 if what == "find" else -1])))
    rtsp = dict(marks).get("RTSP")
    states = {s["state"]: s["t_us"] for s in (source.report or {}).get("states", [])}
    report = (sink.report() if sink.player else None) or {}
    if rtsp and "started" in states:
        marks.append(("PLAY", rtsp + source.report["rtsp_us"]["connect_to_play"] / 1e6))
    if rtsp and report.get("connect_to_first_picture_us"):
        marks.append(("first picture", rtsp + report["connect_to_first_picture_us"] / 1e6))
    return ", ".join(f"{what} {when:.2f}" for what, when in marks)

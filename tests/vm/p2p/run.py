#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios of the case p2p: run.py WORD... (those with a WORD in their names; "all": all)."""
import os
import pathlib
import re
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sink import OUT, RUN, Sink, uptime, wait  # noqa: E402
from source import USER, Source, busctl, output  # noqa: E402

SCENARIOS = []
NOTHING = "ay 0"


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


def check_stream(source, sink, stamps=10):
    code = source.end()
    check(code == 0, f"miracastd ended with {code}: {source.log()[-1500:]}")
    report = sink.report()
    check(report, "the sink has no report")
    read = report["video"]["stamps_read"]
    check(read >= stamps, f"only {read} stamps were read")
    check(report["ts"]["continuity_errors"] == 0 or report["rtp"]["lost"] > 0, report["ts"])
    return read


def check_failure(source, stage, *words):
    code = source.end()
    check(code == 1, f"miracastd ended with {code}: {source.log()[-1500:]}")
    last = [line for line in source.log().splitlines() if f": {stage}: " in line]
    check(last, f"no line about {stage}: {source.log()[-1500:]}")
    for word in words:
        check(word in last[-1], f"{word!r} is not in {last[-1]!r}")


def timeline(source, sink):
    """Seconds from miracastd's start; the sink's own are by its own clock, the same kernel's."""
    log = source.log()
    marks = []
    for what, pattern in (("found", r"found \"[^\"]*\".* at ([\d.]+)"),
                          ("formation", r"formation at ([\d.]+)"),
                          ("group", r"address at ([\d.]+)"),
                          ("address", r"connection at ([\d.]+)"),
                          ("RTSP", r"RTSP at ([\d.]+)")):
        times = re.findall(pattern, log)
        if times:
            marks.append(f"{what} {times[-1]}")
    states = {s["state"]: s["t_us"] for s in (source.report or {}).get("states", [])}
    if "started" in states:
        marks.append(f"PLAY {states['started'] / 1e6:.2f}")
    if sink.times.get("address"):
        marks.append(f"(sink's address {sink.times['address'] - source.began:.2f})")
    report = sink.report() or {}
    if report.get("connect_to_first_picture_us"):
        marks.append(f"first picture {report['connect_to_first_picture_us'] / 1e6:.2f} after RTSP")
    return ", ".join(marks)


# ---------------------------------------------------------------- it works

@scenario("happy: PBC, we own the group")
def owner(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV")
    read = check_stream(source, sink)
    check(sink.role == "client", f"the sink is {sink.role}")
    check(sink.saw("dev_passwd_id=4"), "the sink was not asked for a push button")
    check(sink.lease and sink.lease[1].endswith(".1"), f"lease {sink.lease}")
    check(sink.lease[2:4] == ["none", "none"], f"router or name server given: {sink.lease}")
    return f"{read} stamps"


@scenario("happy: PBC, the sink owns the group and gives an address by EAPOL")
def client_eapol(source, sink):
    sink.begin(accept="pbc", intent=14, give="eapol")
    source.cast("Test TV")
    read = check_stream(source, sink)
    check(sink.role == "GO", f"the sink is {sink.role}")
    check(sink.source_address.startswith("10.77.0."), sink.source_address)
    return f"{read} stamps"


# ---------------------------------------------------------------- the run

def prepare():
    RUN.mkdir(parents=True, exist_ok=True)
    os.chmod(RUN, 0o755)
    subprocess.run(["modprobe", "-d", os.environ["VM_MODULES_ROOT"], "mac80211_hwsim", "radios=3"],
                   check=True)
    subprocess.run(["iw", "reg", "set", "DE"], check=False)
    for number, namespace in ((1, "sink"), (2, "other")):
        subprocess.run(["/usr/sbin/ip", "netns", "add", namespace], check=True)
        subprocess.run(["iw", "phy", f"phy{number}", "set", "netns", "name", namespace],
                       check=True)
        subprocess.run(["/usr/sbin/ip", "netns", "exec", namespace, "/usr/sbin/ip", "link", "set",
                        "lo", "up"], check=True)


def run_one(number, name, function, source, sink):
    before = output("nft", "list", "ruleset")
    ies = source.get_ies()
    try:
        text = function(source, sink) or ""
        source.stop()
        left = source.settle()
        check(not left, f"left behind: {left}")
        check(output("nft", "list", "ruleset") == before, "the rule set is another")
        check(source.get_ies() == ies, f"WFDIEs are {source.get_ies()}, were {ies}")
        print(f"ok {number} {name}{': ' if text else ''}{text}", flush=True)
        print(f"#   {timeline(source, sink)}", flush=True)
        return True
    except Exception as e:  # pylint: disable=broad-except
        print(f"not ok {number} {name}: {e}".replace("\n", "\n#   "), flush=True)
        if not isinstance(e, Failure):
            print("#   " + traceback.format_exc().replace("\n", "\n#   "), flush=True)
        (OUT / f"failed-{number}.log").write_text(
            source.log() + "\n" + "\n".join(sink.events) + "\n")
        source.stop()
        source.settle()
        return False


def main(words):
    chosen = [s for s in SCENARIOS
              if any(w in s[0] or w == "all" for w in words)]
    prepare()
    print(f"# radios at {uptime():.1f} s", flush=True)
    source = Source()
    sink = Sink("sink", "wlan1")
    print(f"# supplicants at {uptime():.1f} s", flush=True)
    good = [run_one(n + 1, *s, source, sink) for n, s in enumerate(chosen)]
    subprocess.run("cp /run/p2p/*.log /out/; chmod a+r /out/*.log", shell=True, check=False)
    return 0 if chosen and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]).split("|")))

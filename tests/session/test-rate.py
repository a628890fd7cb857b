#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad links: whole sessions through the impairment relay (relay.c), each with its own seed.

Needs the environment: RATE_RELAY and RATE_NOISE are the programs relay and noise. What the machine
makes of a time is reported, not judged; judged are the promises: the session lives, the rate obeys
the link within 3 s, the queue stays below 300 ms, the rate is back within 30 s, an IDR follows a
request within 200 ms as a rule, and pictures are decoded again when the link is good again.
"""
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time

from harness import DAEMON, SINK, Skip, case, check, main, note
from ports import reserve_port

RELAY, NOISE = os.environ["RATE_RELAY"], os.environ["RATE_NOISE"]
FULL = ["640", "480", "100000"]  # frames that fill whatever rate there is
RTCP = ["microsoft_rtcp_capability: supported", "@rtcp-port"]


def noise(run):
    fifo = run.folder / "clip"
    os.mkfifo(fifo)
    run.spawn("noise", ["sh", "-c", 'exec "$0" "$@" > "$CLIP"', NOISE, *FULL], {"CLIP": str(fifo)})
    return f"y4m:{fifo}"


class Link:
    """What the relay saw, in bins of a quarter of a second from the first datagram on."""

    def __init__(self, run):
        report = run.report("relay")
        self.bins, self.step = report["bins"], report["bin_ms"] / 1000
        self.requests, self.idr_frames = report["idr_requests"], report["idr_frames"]

    def part(self, key, start, end):
        return [b[key] for b in self.bins[round(start / self.step):round(end / self.step)]]

    def rate(self, start, end):
        part = self.part("offered_bps", start, end)
        check(part, f"nothing was measured from {start} to {end} s")
        return statistics.mean(part) / 1e6

    def total(self, key):
        return sum(b[key] for b in self.bins)


def session(run, settings, seconds, *directives, seed=1, rate=4000000, source=None, options=()):
    """One session through the relay; settings: the relay's words."""
    d = run.daemon("--seconds", str(seconds), "--rate", str(rate), *options,
                   source=source or noise(run))
    port = reserve_port()
    relay = run.spawn("relay", [RELAY, port, run.port, run.folder / "relay.json", f"seed={seed}",
                                *settings])
    check(run.wait_for("listening", relay, "relay"), run.log("relay"))
    run.port = port
    s = run.sink("@idr after=100000", *directives, options=["--frames", run.folder / "frames.csv"])
    code = run.wait(d, seconds + 30)
    check(code == 0 and "stopping after" in run.log(), f"exit status {code}:\n{run.log()}")
    check(run.wait(s) == 0, run.log("sink"))
    check(run.wait(relay) == 0, run.log("relay"))
    return Link(run)


def check_decoding(run, seconds):
    """Stamps are read in the last seconds, when the link is good again."""
    rows = [line.split(",") for line in (run.folder / "frames.csv").read_text().splitlines()[1:]]
    times = [int(row[-1]) for row in rows if row[1]]
    check(times, "no stamp was read at all")
    last = max(int(row[-1]) for row in rows)
    good = sum(t > last - seconds * 1e6 for t in times)
    check(good >= 10 * seconds, f"{good} stamps in the last {seconds} s")


def check_idrs(link, name):
    """The relay saw the requests pass, and the IDRs that followed."""
    end = len(link.bins) * link.step * 1000
    asked = [r for r in link.requests if r["at_ms"] < end - 1000]
    if not asked:
        return
    times = [r["answer_ms"] for r in asked]
    check(min(times) >= 0, f"requests without an IDR: {times}")
    note(f"{name}: {len(times)} IDR requests, answered after {statistics.median(times):.0f} ms in "
        f"the middle, {max(times):.0f} at most")
    check(statistics.median(times) <= 200, f"IDRs come late: {times}")


# ---------------------------------------------------------------- loss and disorder

def lossy(percent, seed, directives=()):
    def test(run):
        link = session(run, [f"loss={percent}", "7:loss=0"], 10, *directives, seed=seed)
        lost = 100 * link.total("lost") / link.total("offered")
        name = f"{percent} % of loss{', RTCP' if directives else ''}"
        note(f"{name}: {link.rate(1, 2):.1f} -> {link.rate(6, 7):.1f} Mbit/s")
        check(0.4 * percent <= lost <= 1.5 * percent, f"{lost} % were lost")
        check(link.requests, "the sink asked for nothing")
        check_idrs(link, name)
        check_decoding(run, 2)
        check(link.rate(1, 9) >= 0.5, "the rate fell below its floor")
        source = run.report("source")
        if percent == 1 and directives:
            check(source["rate_bps"] == 4000000, source["rate_bps"])
        if percent >= 5:
            check(link.rate(6, 7) < (3.85 if directives else 2.5), "the rate was not lowered")
            check(source["link_quality"] != "good", source["link_quality"])
            check(source["link_quality"] == "poor" or percent < 20, source["link_quality"])
        check(run.report("sink")["rules"]["ts-continuity"] == 0, "continuity as sent")
    return test


for n, p in enumerate((1, 5, 10, 20)):
    case(f"{p} % of loss: alive, IDRs on request, decoded again")(lossy(p, 10 + n))
    case(f"{p} % of loss with RTCP")(lossy(p, 20 + n, RTCP))


@case("0.1 % of loss, a sink that only asks for IDRs: most of the rate stays")
def light_loss(run):
    link = session(run, ["loss=0.1", "58:loss=0"], 60, seed=14)
    note(f"0.1 % of loss: {link.rate(5, 30):.1f}, {link.rate(30, 58):.1f} of {link.rate(1, 2):.1f} "
        f"Mbit/s, {len(link.requests)} requests")
    check(len(link.requests) >= 3, "the sink asked for nothing")
    # One session in five has two losses so close at its beginning that the rate falls once.
    check(link.rate(5, 58) >= 0.6 * 4, f"{link.rate(5, 58):.2f} Mbit/s")
    check_decoding(run, 2)


@case("reordering and jitter: no loss, and nothing is lowered")
def reordering(run):
    link = session(run, ["delay=20", "1:reorder=5,jitter=20", "6:reorder=0,jitter=0"], 8, *RTCP,
                   seed=30)
    check(link.total("reordered") > 50, "nothing was reordered")
    check(run.report("source")["rate_bps"] == 4000000, run.report("source")["rate_bps"])
    sink = run.report("sink")
    note(f"reordering: {sink['rtp']['reordered']} late, {sink['rtp']['lost']} too late for the sink")
    # The sink waits for 30 ms: on a busy machine a few come later than that.
    check(sink["rtp"]["reordered"] > 50 and sink["rtp"]["lost"] <= 10, sink["rtp"])
    check(abs(sink["rtcp"]["lost"]) <= 10, sink["rtcp"])
    check_decoding(run, 2)


@case("duplication: nothing is lowered")
def duplication(run):
    link = session(run, ["duplicate=5", "6:duplicate=0"], 8, *RTCP, seed=31)
    check(link.total("duplicated") > 50, "nothing was duplicated")
    check(run.report("source")["rate_bps"] == 4000000, run.report("source")["rate_bps"])
    sink = run.report("sink")
    check(sink["rtp"]["duplicates"] > 50 and sink["rtp"]["lost"] == 0, sink["rtp"])
    check_decoding(run, 2)


@case("a delay of 200 ms from the start is no queue")
def delay(run):
    session(run, ["delay=200"], 8, *RTCP, seed=32)
    check(run.report("source")["rate_bps"] == 4000000, run.report("source")["rate_bps"])
    check(run.report("sink")["rtp"]["lost"] == 0, run.report("sink")["rtp"])
    check_decoding(run, 2)


# ---------------------------------------------------------------- a slow link

STEP, LOW, HIGH = 4, 8, 27  # seconds: good, slow, good again


def check_full(rate):
    if rate < 5:
        raise Skip(f"this machine encodes {rate:.1f} Mbit/s now, which the slow link nearly carries")


def check_back(run, back):
    """On the wire, or, where the encoder gets no processor, at least by permission."""
    rate = run.report("source")["rate_bps"]
    check(back is not None or rate >= 0.8 * 14e6, f"{rate / 1e6} Mbit/s at the end")


def step(name, directives):
    def test(run):
        link = session(run, ["rate=20000000,queue=150000", f"{STEP}:rate=3000000",
                             f"{STEP + LOW}:rate=20000000"], STEP + LOW + HIGH, *directives,
                       seed=40, rate=14000000)
        before, after = link.rate(1, STEP), link.rate(STEP + 3, STEP + LOW)
        settled = next((t / 4 for t in range(0, 4 * LOW) if all(
            r <= 2.7 for r in (link.rate(STEP + s / 4, STEP + s / 4 + 1)
                               for s in range(t, 4 * LOW - 4)))), LOW)
        queue = max(link.part("queue_ms", STEP + 3, STEP + LOW))
        end = len(link.bins) * link.step
        back = next((t / 4 - STEP - LOW for t in range(4 * (STEP + LOW), int(4 * end) - 4)
                     if link.rate(t / 4, t / 4 + 1) >= 0.8 * before), None)
        note(f"{name}: {before:.1f} -> {after:.2f} Mbit/s, at most 2.7 after {settled} s; queue "
            f"{max(link.part('queue_ms', STEP, STEP + 3)):.0f} ms, from 3 s on {queue:.0f}; "
            f"80 % again after {back} s")
        check_full(before)
        check(settled <= 3, f"above 90 % of the link after 3 s: {after:.2f} Mbit/s")
        check(after >= 0.9, f"{after} Mbit/s: the link lies idle")
        check(queue < 300, f"{queue} ms of queue after 3 s")
        check_back(run, back)
        check_idrs(link, name)
        check_decoding(run, 2)
    return test


case("20 -> 3 -> 20 Mbit/s with a sink that only asks for IDRs")(step("step", []))
case("20 -> 3 -> 20 Mbit/s with RTCP")(step("step, RTCP", RTCP))


class Namespace:
    """A network of its own with a loopback that queues, as this host's radio would."""

    def __init__(self, run, rate):
        setup = f"ip link set lo up && tc qdisc add dev lo root {self.shape(rate)} && echo is up"
        self.holder = run.spawn("holder", ["unshare", "-rn", "sh", "-c",
                                           f"{setup} && exec sleep 1000"],
                                {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        if not run.wait_for("is up", self.holder, "holder", 5):
            raise Skip("no network namespace with tc: " + run.log("holder").strip()[-80:])

    def shape(self, rate):
        return f"tbf rate {rate} burst 20k limit 400k"

    def command(self, *words):
        return ["nsenter", "-t", str(self.holder.pid), "-U", "-n", "--preserve-credentials",
                *map(str, words)]

    def tc(self, *words):
        r = subprocess.run(self.command("env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "tc", *words),
                           capture_output=True, text=True, check=True)
        return r.stdout

    def sample(self):
        q = json.loads(self.tc("-s", "-j", "qdisc", "show", "dev", "lo"))[0]
        return time.monotonic(), q["bytes"], q["backlog"], q["drops"]


@case("20 -> 3 -> 20 Mbit/s on this host's own interface")
def own_queue(run):
    network = Namespace(run, "20mbit")
    d = run.spawn("daemon", network.command(
        DAEMON, "-v", "--direct", f"127.0.0.1:{run.port}", "--source", noise(run), "--report",
        run.folder / "source.json", "--rate", 14000000, "--seconds", STEP + LOW + HIGH))
    check(run.wait_for("waiting for a sink", d), run.log())
    s = run.spawn("sink", network.command(
        SINK, "--connect", f"127.0.0.1:{run.port}", "--report", run.folder / "sink.json",
        "--frames", run.folder / "frames.csv"))
    check(run.wait_for("streaming", d), run.log())
    begin, samples, plan = time.monotonic(), [], [(STEP, "3mbit"), (STEP + LOW, "20mbit")]
    while d.poll() is None:
        if plan and time.monotonic() >= begin + plan[0][0]:
            network.tc("qdisc", "change", "dev", "lo", "root", *network.shape(plan[0][1]).split())
            plan.pop(0)
        samples.append(network.sample())
        time.sleep(0.2)
    run.expect(d, 0)
    check(run.wait(s) == 0, run.log("sink"))

    def rate(start, end):  # carried
        part = [x for x in samples if begin + start <= x[0] <= begin + end]
        return (part[-1][1] - part[0][1]) * 8e-6 / (part[-1][0] - part[0][0])

    def queue(start, end):  # ms
        return max(x[2] * 8 / 3000 for x in samples if begin + start <= x[0] <= begin + end)

    before, after = rate(1, STEP), rate(STEP + 3, STEP + LOW)
    back = next((t for t in range(HIGH) if
                 rate(STEP + LOW + t, STEP + LOW + t + 1.5) >= 0.8 * before), None)
    note(f"own queue: {before:.1f} -> {after:.2f} Mbit/s; queue {queue(STEP, STEP + 3):.0f} ms, "
        f"from 3 s on {queue(STEP + 3, STEP + LOW):.0f}; {samples[-1][3]} dropped; 80 % again "
        f"after {back} s")
    check_full(before)
    check(0.9 <= after <= 2.75, f"{after} Mbit/s after 3 s")
    check(queue(STEP, STEP + LOW) < 300, "the queue is seen from here: it must not grow at all")
    check_back(run, back)
    check_decoding(run, 2)


# ---------------------------------------------------------------- what the link and the sink say

@case("--rate-file: the stream follows the link's recommendation")
def rate_file(run):
    rates = run.folder / "rates"
    rates.write_text("# seconds, bit/s\n0 8000000\n3 3000000\n7 6000000\n")
    link = session(run, [], 10, rate=8000000, options=["--rate-file", rates], seed=50)
    note(f"--rate-file 8, 3, 6: {link.rate(1, 3):.1f}, {link.rate(5.5, 7):.1f}, "
        f"{link.rate(8.5, 9.5):.1f} Mbit/s")
    check(link.rate(5.5, 7) <= 3.15, "the second rate was not obeyed")
    check(link.rate(8.5, 9.5) <= 6.3, "the third rate was not obeyed")
    check(run.report("source")["rate_bps"] == 6000000, "the third rate was not followed")
    check(run.report("sink")["rtp"]["lost"] == 0, "loss")


@case("--rate-file: a wrong line is named")
def rate_file_wrong(run):
    rates = run.folder / "rates"
    rates.write_text("0 8000000\n\nfive 1\n")
    p = run.spawn("daemon", [DAEMON, "--direct", f"127.0.0.1:{run.port}", "--rate-file", rates])
    run.expect(p, 1, f"{rates}:3:")
    p = run.spawn("daemon", [DAEMON, "--direct", f"127.0.0.1:{run.port}", "--rate-file",
                             run.folder / "none"])
    run.expect(p, 1, "none")


@case("microsoft_max_bitrate is obeyed")
def sink_maximum(run):
    link = session(run, [], 4, "microsoft_max_bitrate: 2000000", seed=51, rate=8000000)
    check(link.rate(1, 4) <= 2.1, f"{link.rate(1, 4)} Mbit/s")
    check(run.report("source")["rate_bps"] == 2000000, run.report("source")["rate_bps"])


@case("RTCP: two ports, reports both ways, an answer to nobody else")
def rtcp(run):
    d = run.daemon("--seconds", "5", "--rtsp-log", run.folder / "rtsp.log")
    s = run.sink(*RTCP)
    check(run.wait_for("streaming", d), run.log())
    ports = re.search(r"server_port=(\d+)-(\d+)", (run.folder / "rtsp.log").read_text())
    check(ports and int(ports[2]) == int(ports[1]) + 1, "no two server ports")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(0.5)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:  # a flood of reports of total loss
            for _ in range(20):
                stranger.sendto(bytes.fromhex("81c90007") + b"\xff" * 28, ("127.0.0.1", int(ports[2])))
            time.sleep(0.002)
        try:
            raise AssertionError(stranger.recv(100))
        except (TimeoutError, ConnectionRefusedError):
            pass
    run.expect(d, 0)
    check(run.wait(s) == 0, run.log("sink"))
    sink = run.report("sink")
    check(sink["rtcp"]["sender_reports"] >= 4 and sink["rtcp"]["bad_reports"] == 0, sink["rtcp"])
    check(sink["rtcp"]["receiver_reports"] >= 3, sink["rtcp"])
    check(run.report("source")["rate_bps"] == 10000000, run.report("source")["rate_bps"])


@case("RTCP: a sink without it gets one port")
def no_rtcp(run):
    d = run.daemon("--seconds", "1", "--rtsp-log", run.folder / "rtsp.log")
    s = run.sink("@idr after=100000")
    run.expect(d, 0)
    check(run.wait(s) == 0, run.log("sink"))
    check(re.search(r"server_port=\d+\r?\n", (run.folder / "rtsp.log").read_text()), "server_port")


if __name__ == "__main__":
    sys.exit(main(4))

# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices nearby that mean no good, or are just many."""
import contextlib
import os
import pathlib
import re
import subprocess
import time

from checks import check, check_stream, check_streaming, scenario
from sink import PHYS, Sink, wait
from source import output

HERE = pathlib.Path(__file__).parent


@contextlib.contextmanager
def neighbour(name):
    """A second device within reach."""
    other = Sink("other", "wlan2", name=name)
    try:
        other.begin(accept="reject")
        yield other
    finally:
        other.stop()


@scenario("two TVs are there, of one name: the one that was asked for by its address is connected")
def twins(source, sink):
    with neighbour("Test TV") as twin:
        sink.begin(accept="pbc", intent=1)
        source.cast(sink.address)
        read = check_stream(source, sink)
        check(not twin.saw("P2P-GO-NEG-REQUEST"), "the other one was asked")
        return read


@scenario("two TVs are there, of two names: both are found")
def two(source, sink):
    with neighbour("Other TV") as other:
        sink.begin(accept="pbc", intent=1)
        source.cast("Nobody")
        check(wait(lambda: {f'"{s.name}" {s.address}' for s in (sink, other)} <=
                   set(re.findall(r'found ("[^"]*" \S+)', source.log())), 60),
              source.log()[-1500:])


@scenario("Wi-Fi Display elements of every shape: no sink is found")
def elements(source, sink):
    sink.begin(accept="no")
    try:
        for info in ("0000", "000600", "ffff0011", "000500111c4401", "000600101c440000"):
            sink.control(f"WFD_SUBELEM_SET 0 {info}")
            source.cast("Nobody")
            time.sleep(6)
            check('found "Test TV"' not in source.log(), f"{info} is no sink")
            check(source.daemon.poll() is None, source.log()[-800:])
            source.stop()
    finally:
        sink.control(f"WFD_SUBELEM_SET 0 {sink.info}")


@scenario("a name with control characters and escapes is cleaned")
def name(source, sink):
    with neighbour("A\x1b[31m\u202eB TV") as odd:
        sink.begin(accept="no")
        source.cast("Nobody")
        check(wait(lambda: odd.address in source.log(), 60), source.log()[-800:])
        found = re.search(r'found "([^"]*)" ' + odd.address, source.log()).group(1)
        check(found.isprintable() and "\u202e" not in found, repr(found))
        return repr(found)


@scenario("a name that is no text ends wpa_supplicant: we say so, stop, and work again")
def deadly_name(source, sink):
    with neighbour("Bad\udcff\udcfe TV"):
        sink.begin(accept="no")
        source.cast("Nobody")
        ends = 0
        while ends < 2 and wait(lambda: source.supplicant.poll() is not None, 60):
            ends += 1
            # systemd's part.
            source.start_supplicant()
        if ends == 2:
            check(source.wait_for("ended twice", 20), source.log()[-800:])
            time.sleep(5)
            check(source.supplicant.poll() is None, "it was looked for a third time")
        source.stop()
    sink.begin(accept="pbc", intent=1)
    source.air.clear()
    source.cast("Test TV")
    return f"{check_stream(source, sink)} after wpa_supplicant ended {ends} times"


@scenario("somebody else of the group opens RTSP: refused, and the TV is served")
def stranger(source, sink):
    with neighbour("Stranger") as other:
        # The stranger joins the TV's group, as any other device of the household could.
        sink.begin(accept="pbc", give="eapol")
        sink.own()
        sink.push_button()
        other.control("P2P_FIND 20")
        check(wait(lambda: other.saw(f"p2p_dev_addr={sink.address}"), 60), "not found")
        other.behaviour["silent"] = True
        other.control(f"P2P_CONNECT {sink.address} pbc join")
        check(wait(lambda: other.group, 60), f"the stranger did not get in: {other.events[-5:]}")
        subprocess.run(other.inside("/usr/sbin/ip", "addr", "add", "10.77.0.99/24", "dev",
                                    other.group), check=False)
        sink.behaviour["rtsp-delay"] = 25
        source.cast("Test TV", scale=5)
        check(source.wait_for("connection at", 120), source.log()[-800:])
        check(wait(lambda: sink.source_address, 60), "the TV does not see us")
        answer = other.try_rtsp(sink.source_address)
        check(answer == "", f"the stranger was answered {answer!r}")
        check("RTSP at" not in source.log(), "the stranger was taken for the TV")
        read = check_stream(source, sink, role="GO", is_negotiated=False, openings=2)
        sink.leave()
        return read


@scenario("hundreds of devices: the list is bounded, and the TV is found among them")
def hundreds(source, sink):
    flood = subprocess.Popen(["ip", "netns", "exec", "other", "python3", str(HERE / "flood.py"),
                              PHYS["wlan2"], "150"], stdout=subprocess.PIPE, text=True)
    try:
        check(flood.stdout.readline().startswith("ready"), "the flood does not start")
        sink.begin(accept="pbc", intent=1)
        source.cast("Nobody")
        seen = lambda: set(re.findall(r'found "Flood \d+" (\S+)', source.log()))  # noqa: E731
        wait(lambda: len(seen()) > 64, 240)
        devices = len(seen())
        check(devices > 64, f"only {devices} were seen")
        memory = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(
            f"/proc/{source.daemon.pid}/status").read_text()).group(1))
        check(memory < 20000, f"{memory} kB")
        source.stop()
        source.air.clear()
        source.cast(sink.address)
        read = check_stream(source, sink)
        return f"{devices} devices, {memory} kB; {read}"
    finally:
        flood.kill()
        flood.wait()

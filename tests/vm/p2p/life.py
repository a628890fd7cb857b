# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to a session while it lasts: each of the two goes, the radio goes, the path is bad."""
import os
import pathlib
import re
import signal
import subprocess
import time

from checks import check, check_air, check_stream, check_streaming, scenario
from sink import PHYS, wait
from source import output


def begin(source, sink, **behaviour):
    sink.begin(**{"accept": "pbc", "intent": 1, **behaviour})
    source.cast("Test TV")
    check_streaming(source)


def check_lost(source, *texts):
    """The session ended with an error that says one of these."""
    check(source.end(120) == 1, f"not an error: {source.log()[-800:]}")
    check(any(t in source.log() for t in texts), source.log()[-800:])


# ---------------------------------------------------------------- the sink, or we

@scenario("the TV leaves")
def sink_leaves(source, sink):
    begin(source, sink)
    sink.leave()
    check_lost(source, "left the connection", "the session ended")


@scenario("we leave, on SIGTERM")
def we_leave(source, sink):
    begin(source, sink)
    time.sleep(2)
    source.daemon.send_signal(signal.SIGTERM)
    check(source.end(30) == 0, source.log()[-800:])
    check(wait(lambda: sink.saw("P2P-GROUP-REMOVED"), 20), "the TV was left in the group")
    check_air(source, sink)


@scenario("miracastd is killed")
def killed(source, sink):
    begin(source, sink)
    source.daemon.kill()
    source.end()
    check(wait(lambda: not [x for x in source.leftovers() if "interface" not in x], 15),
          f"left: {source.leftovers()}")
    # The group itself goes when the next run starts.
    source.cast("Nobody")
    wait(lambda: not source.leftovers(), 30)
    source.stop()


@scenario("the TV vanishes without a word, we own the group: its silence is noticed")
def vanishes_from_us(source, sink):
    # As long as a user waits: nothing but the keep-alive of RTSP can tell.
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", scale=1)
    check_streaming(source)
    sink.vanish()
    try:
        check_lost(source, "does not answer", "no sign of life", "did not answer", "left")
    finally:
        sink.come_back()


@scenario("the TV vanishes without a word, it owns the group")
def vanishes_with_group(source, sink):
    begin(source, sink, intent=14, give="eapol")
    sink.vanish()
    try:
        check_lost(source, "left the connection")
    finally:
        sink.come_back()


# ---------------------------------------------------------------- the radio

@scenario("wpa_supplicant is killed")
def supplicant_killed(source, sink):
    begin(source, sink)
    source.supplicant.kill()
    source.supplicant.wait()
    check_lost(source, "wpa_supplicant is not running")
    # What the kernel still has of the group is the supplicant's; a new one does not know it.
    subprocess.run(["iw", "dev", source.group() or "none", "del"], check=False)
    source.start_supplicant()


@scenario("Wi-Fi is switched off")
def rfkill(source, sink):
    begin(source, sink)
    switch = next(p for p in pathlib.Path("/sys/class/rfkill").glob("rfkill*")
                  if (p / "device").resolve().name == PHYS["wlan0"])
    (switch / "soft").write_text("1")
    try:
        check_lost(source, "Wi-Fi is off", "left the connection")
        source.cast(sink.address)
        check(source.end() == 1 and "Wi-Fi is off" in source.log(), source.log()[-800:])
    finally:
        (switch / "soft").write_text("0")
        time.sleep(2)


# ---------------------------------------------------------------- the network

@scenario("the lease is renewed")
def renewal(source, sink):
    begin(source, sink, intent=14, give="dhcp", lease=20)
    wait(lambda: len(source.air.leases()) > 2, 120)
    read = check_stream(source, sink, stamps=sink.stamps() + 12, role="GO")
    leases = source.air.leases()
    check(len(leases) >= 2 and len(set(leases)) == 1, f"addresses given: {leases}")
    return f"{read}, {len(leases)} leases"


def on_path(source, sink, stamps, *netem):
    subprocess.run(["modprobe", "-d", os.environ["VM_MODULES_ROOT"], "-a", "sch_netem", "sch_tbf"],
                   check=False)
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV")
    check(source.wait_for("RTSP at"), f"no RTSP: {source.log()[-800:]}")
    subprocess.run(["tc", "qdisc", "add", "dev", source.group(), "root", *netem], check=True)
    return check_stream(source, sink, stamps)


@scenario("of the datagrams 2 in a hundred are lost")
def loss(source, sink):
    read = on_path(source, sink, 60, "netem", "loss", "2%")
    check(sink.report()["rtp"]["lost"] > 0, "nothing was lost")
    return f"{read}, {sink.report()['rtp']['lost']} datagrams lost"


@scenario("the path carries 2 Mbit/s")
def bandwidth(source, sink):
    # A queue as deep as a driver's.
    return on_path(source, sink, 40, "tbf", "rate", "2mbit", "burst", "16k", "latency", "300ms")

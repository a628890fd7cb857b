# SPDX-License-Identifier: GPL-2.0-or-later
"""How a TV and we come to trust each other, or do not."""
import pathlib
import re
import subprocess
import threading
import time

from checks import (PIN_OF_OURS, PIN_OF_SINK, check, check_failure, check_stream, scenario)
from sink import wait
from source import STATE, output


# ---------------------------------------------------------------- roles

@scenario("button, the TV owns the group and gives an address by DHCP")
def client_dhcp(source, sink):
    resolver = pathlib.Path("/etc/resolv.conf")
    resolver.write_text("nameserver 192.0.2.53\n")
    routes = output("/usr/sbin/ip", "route", "show", "default")
    sink.begin(accept="pbc", intent=14, give="dhcp")
    source.cast("Test TV")
    check(source.wait_for("RTSP at"), f"no RTSP: {source.log()[-800:]}")
    check(output("/usr/sbin/ip", "route", "show", "default") == routes, "a default route came")
    check(resolver.read_text() == "nameserver 192.0.2.53\n", "the name server changed")
    read = check_stream(source, sink, role="GO")
    check(sink.source_address.startswith("192.168.77."), sink.source_address)
    return read


@scenario("the TV owns a group already: we join")
def join(source, sink):
    sink.begin(accept="pbc", give="eapol")
    sink.own()
    source.cast("Test TV")
    read = check_stream(source, sink, role="GO", is_negotiated=False)
    check(sink.saw("P2P-PROV-DISC-PBC-REQ"), "the TV was not asked")
    sink.leave()
    return read


# ---------------------------------------------------------------- PINs

def user(source, word, act):
    """Somebody who does that each time the word is told, as a new attempt asks anew."""
    def watch():
        done = 0
        while source.daemon.poll() is None:
            if source.told().count(word) > done:
                done += 1
                act()
            time.sleep(0.2)
    threading.Thread(target=watch, daemon=True).start()
    check(source.wait_told(word), f"not told {word!r}: {source.log()[-800:]}")


@scenario("the TV shows a PIN")
def pin_of_sink(source, sink):
    sink.begin(accept="pin-display", intent=1)
    p = source.cast("Test TV", "method=pin", stdin=subprocess.PIPE)

    def enter():
        wait(lambda: sink.given_pin, 10)
        p.stdin.write(f"{sink.given_pin}\n".encode())
        p.stdin.flush()
    user(source, "Enter the PIN", enter)
    return check_stream(source, sink, password=PIN_OF_SINK)


@scenario("we show a PIN")
def pin_of_ours(source, sink):
    sink.begin(accept="pin-keypad", intent=1)
    source.cast("Test TV", "method=show-pin")
    user(source, "at the sink:",
         lambda: sink.set_pin(re.findall(r"at the sink: (\d+)", source.told())[-1]))
    return check_stream(source, sink, password=PIN_OF_OURS)


@scenario("a wrong PIN, three times")
def wrong_pin(source, sink):
    sink.begin(accept="pin-display", intent=1)
    p = source.cast("Test TV", "method=pin", stdin=subprocess.PIPE)

    def enter():
        p.stdin.write(b"12345670\n")
        p.stdin.flush()
    user(source, "Enter the PIN", enter)
    check_failure(source, "authorisation", "the PIN was wrong")
    check(source.told().count("Wrong. ") == 2, source.told())
    check(not source.air.opened(), "somebody opened TCP")


# ---------------------------------------------------------------- the TV will not

@scenario("the TV refuses")
def refusal(source, sink):
    # Asked for the first time it says that it is not ready, and its user refuses meanwhile.
    sink.begin(accept="reject")
    source.cast("Test TV")
    check(wait(lambda: sink.saw("P2P-GO-NEG-REQUEST"), 120), "the TV was not asked")
    source.stop()
    source.cast("Test TV")
    check_failure(source, "authorisation", "refused")
    check({f.status for f in source.air.sent("go-neg-response", sink.address)} >= {11},
          "no refusal on the air")


@scenario("the TV's user takes a while to accept")
def late(source, sink):
    sink.begin(accept="late", intent=1)
    source.cast("Test TV")
    return check_stream(source, sink)


@scenario("nobody answers at the TV")
def no_answer(source, sink):
    sink.begin(accept="no")
    source.cast("Test TV", scale=1)
    check_failure(source, "authorisation", "open its screen-mirroring input")
    check(sink.saw("P2P-GO-NEG-REQUEST"), "the TV was not even asked")


# ---------------------------------------------------------------- again

@scenario("remembered: paired once, then invited")
def persistent(source, sink):
    (STATE / "sinks").unlink(missing_ok=True)
    sink.control("SET persistent_reconnect 1")
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", "remember")
    check_stream(source, sink)
    role = sink.role
    wait(lambda: not source.leftovers(), 20)
    source.air.clear()
    sink.begin(accept="no")
    source.cast("Test TV", "remember")
    read = check_stream(source, sink, role=role, is_negotiated=False)
    check(source.air.sent("invite-request"), "nobody was invited")
    return read


@scenario("remembered, but the TV forgot: paired afresh")
def forgotten(source, sink):
    check((STATE / "sinks").exists(), "nothing is remembered")
    intent = int(re.search(r" intent (\d+) ", (STATE / "sinks").read_text()).group(1))
    sink.forget()
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", "remember")
    read = check_stream(source, sink, intent=intent)
    check(source.air.sent("invite-request"), "nobody was invited")
    (STATE / "sinks").unlink(missing_ok=True)
    sink.control("SET persistent_reconnect 0")
    return read

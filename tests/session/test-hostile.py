#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sinks that mean no good: raw sockets against the real miracastd (the items by number).

After each of them: it ended as expected and said why in one line, its memory stayed where it was,
no control character reached the log, no process is left. What is a parser's matter alone is tested
where the parser is tested, in hundreds of forms; ELSEWHERE says where, and is held to it.
"""
import pathlib
import re
import resource
import socket
import struct
import sys
import time

from harness import CASES, Failure, case, check, main
from rawsink import M3, Peer, Victim

ROOT = pathlib.Path(__file__).parent.parent
VIDEO, AUDIO, PORTS = (line + "\r\n" for line in M3.split("\r\n")[:3])

# item: file of tests/ and the words that must stand in it.
ELSEWHERE = {
    2: ("unit/test-rtsp-message.c", "test_cuts", "test_two_pieces"),
    4: ("unit/test-rtsp-message.c", "test_limits"),
    5: ("unit/test-rtsp-message.c", "test_errors"),
    8: ("unit/test-rtsp-message.c", "test_lenient"),
    10: ("unit/test-rtsp-message.c", "test_errors"),
    14: ("unit/test-rtsp-exchange.c", "test_cseq"),
    17: ("unit/test-rtsp-exchange.c", "test_uris"),
    18: ("unit/test-rtsp-transport.c", "test_forms"),
    25: ("unit/test-rtsp-server.c", "test_never_reads"),
    29: ("unit/test-wfd-params.c", "test_video_hostile"),
    30: ("unit/test-wfd-params.c", "test_long_lists"),
    33: ("unit/test-wfd-params.c", "test_long_lists"),
    34: ("unit/test-wfd-params.c", "test_s_t_ports"),
    35: ("unit/test-wfd-params.c", "test_edid_nonsense"),
    36: ("unit/test-wfd-params.c", "test_p_content_protection"),
    37: ("unit/test-wfd-params.c", "test_q_uibc"),
    39: ("unit/test-wfd-params.c", "test_binary"),
    53: ("unit/test-rtcp.c", "test_malformed", "test_truncated"),
    59: ("unit/test-sender.c", "test_blocked", "test_give_up", "test_fatal"),
}
# 55: the daemon has no DHCP of its own; what a DHCP server says reaches it in no form.
NOT_OURS = {55}


# ---------------------------------------------------------------- how a case begins and ends

def playing(run, **options):
    peer = Peer(Victim(run, **options))
    peer.go("M7")
    return peer


def refused(run, *pieces, until="M7", words=()):
    """In that state these bytes come, and the session ends."""
    peer = Peer(Victim(run))
    if until:
        peer.go(until)
    try:
        for piece in pieces:
            peer.send(piece)
    except ConnectionError:
        pass # it ended while there was more to come
    peer.victim.ends(1, "streaming: critical-error" if until == "M7" else "RTSP: M", *words)


def each(item, text, values, function):
    """A case for each of many values: they run side by side."""
    for value in values:
        shown = value.encode("unicode_escape").decode() if isinstance(value, str) else repr(value)
        CASES.append((f"{item}: {text}: {shown[:50]}",
                      lambda run, v=value: function(run, v)))


# ---------------------------------------------------------------- RTSP framing

@case("1: a byte at a time, for ever")
def trickle(run):
    peer = playing(run)
    begin = time.monotonic()
    try:
        for byte in b"SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n" * 20:
            peer.send(bytes([byte]))
            time.sleep(0.05)
    except ConnectionError:
        pass
    peer.victim.ends(1, "a message did not arrive whole in time")
    check(time.monotonic() - begin < 5, "it took its time")


@case("2: every byte of the answer to M3 alone, then three requests in one segment")
def pieces(run):
    peer = Peer(Victim(run))
    m3 = peer.go("M3")
    body = peer.parameters()
    for byte in (f"RTSP/1.0 200 OK\r\nCSeq: {m3.headers['cseq']}\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n{body}"):
        peer.send(byte)
    peer.answer(peer.next_request())
    peer.answer(peer.next_request())
    peer.setup()
    peer.play()
    peer.send(peer.text("OPTIONS", "*") + peer.text("GET_PARAMETER") + peer.text("NONSENSE"))
    check([peer.reply().status for _ in range(3)] == [200, 200, 501], "three answers")
    peer.unharmed()


@case("3: a head without end")
def endless_head(run):
    refused(run, "OPTIONS * RTSP/1.0\r\nX: ", *["x" * 65536] * 17, words=("too long",))


def bad_headers(run, headers):
    refused(run, "OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n" + headers + "\r\n", words=("header",))


each(4, "headers that are too many, too long or none",
     ["X: y\r\n" * 10000, "X: y\r\n" * 65, "x" * 65536 + ": y\r\n", ": y\r\n", "no colon\r\n"],
     bad_headers)

each(5, "Content-Length",
     ["-1", "+5", "0x10", "12abc", "99999999999999999999", "1\r\nContent-Length: 2", "1,2", ""],
     lambda run, value: refused(run, "SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 9\r\n"
                                f"Content-Length: {value}\r\n\r\n"))


@case("6: Content-Length shorter than the body")
def short_length(run):
    refused(run, "SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 9\r\n"
            "Content-Length: 4\r\n\r\nwfd_idr_request\r\n")


@case("6: Content-Length longer than the body")
def long_length(run):
    refused(run, "SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 9\r\n"
            "Content-Length: 400\r\n\r\nwfd_idr_request\r\n", words=("in time",))


@case("7: a body without Content-Length")
def no_length(run):
    refused(run, "SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 9\r\n\r\n"
            "wfd_idr_request: is no request line\r\n")


@case("7: Content-Length, and the connection's end in place of the body")
def no_body(run):
    peer = playing(run)
    peer.send("SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 9\r\n"
              "Content-Length: 17\r\n\r\n")
    peer.socket.shutdown(socket.SHUT_WR)
    peer.victim.ends(1, "the sink closed the connection")


@case("8: lines that end with LF, empty lines in front, folded headers")
def line_ends(run):
    peer = playing(run)
    peer.send("\r\n\n\r\nOPTIONS * RTSP/1.0\nCSeq: 71\nX: a\r\n b\n\tc\r\n\n")
    check(peer.reply().headers["cseq"] == "71", "CSeq")
    peer.unharmed()


each(8, "a lone CR", ["OPTIONS * RTSP/1.0\rCSeq: 9\r\r"], refused)

each(9, "in the head",
     ["OPTIONS * RTSP/1.0\r\nCSeq: 9\r\nX: a\0b\r\n\r\n", "OPT\x1b[31mIONS * RTSP/1.0\r\n\r\n"],
     refused)

ESCAPES = "\x1b]0;owned\x07\x1b[2J%s%n%n%x\x08\x7f\x9b31m\r"


@case("9, 60: escapes, format strings and broken UTF-8 in what is shown to people")
def escapes(run):
    names = "".join(f"{name}: {ESCAPES}\xff\xfe\x80{'W' * 300}\r\n" for name in (
        "intel_friendly_name", "intel_sink_manufacturer_name", "intel_sink_model_name"))
    peer = Peer(Victim(run), M3)
    m3 = peer.go("M3")
    body = peer.parameters().encode() + names.encode("latin-1")
    peer.send(f"RTSP/1.0 200 %s%n\r\nCSeq: {m3.headers['cseq']}\r\nServer: %s%n%n \xff\r\n"
              f"Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)
    peer.answer(peer.next_request())
    peer.answer(peer.next_request())
    peer.setup()
    peer.play()
    reason = f"microsoft_teardown_reason: C00D36F0 {ESCAPES}{'W' * 3000}\r\n"
    check(peer.ask("TEARDOWN", headers=peer.named(), body=reason).status == 200, "TEARDOWN")
    peer.victim.ends(0, "the session ended: the sink disconnected", "C00D36F0", "%s%n")


@case("10: RTSP/2.0")
def version(run):
    peer = playing(run)
    peer.send("OPTIONS * RTSP/2.0\r\nCSeq: 70\r\n\r\n")
    check(peer.reply().status == 505, "505")
    peer.unharmed()


each(10, "a start line",
     ["HTTP/1.1 200 OK\r\n\r\n", "RTSP/1.0 99 x\r\n\r\n", "RTSP/1.0 1000 x\r\n\r\n",
      "RTSP/1.0 abc\r\n\r\n", "RTSP/1.0\r\n\r\n", "OPTIONS *\r\n\r\n"], refused)


@case("11: interleaved frames in front of a message, between messages, the largest there is")
def interleaved(run):
    peer = playing(run)
    peer.send(b"$\0\0\4abcd" + peer.text("OPTIONS", "*").encode() + b"$\1\xff\xff" + b"R" * 65535)
    check(peer.reply().status == 200, "OPTIONS")
    peer.unharmed()


@case("11: an interleaved frame inside of a message")
def interleaved_inside(run):
    refused(run, b"OPTIONS * RTSP/1.0\r\n$\0\0\4abcdCSeq: 9\r\n\r\n")


each(12, "another protocol",
     ["\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + "x" * 500, "SSH-2.0-OpenSSH_9.2p1\r\n",
      "GET / HTTP/1.1\r\nHost: tv\r\n\r\n"],
     lambda run, data: refused(run, data, until=None))


@case("13: CSeq that is absent, doubled, negative, too large or no number")
def cseq(run):
    peer = playing(run)
    for line in ("", "CSeq: 1\r\nCSeq: 1\r\n", "CSeq: -1\r\n", "CSeq: 4294967296\r\n",
                 "CSeq: 18446744073709551616\r\n", "CSeq: x\r\n", "CSeq:\r\n"):
        peer.send(f"GET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n{line}\r\n")
        check(peer.reply().status == 400, line)
    check(peer.ask("GET_PARAMETER", cseq=1).status == 200, "a number that was there before")
    check(peer.ask("GET_PARAMETER", cseq=4294967295).status == 200, "the largest number")
    peer.unharmed()


@case("13: replies that nobody waits for, two replies to one request")
def replies(run):
    peer = Peer(Victim(run))
    m1 = peer.go("M1")
    for number in (0, 77, 4294967295):
        peer.send(f"RTSP/1.0 500 Sorry\r\nCSeq: {number}\r\n\r\n")
    peer.answer(m1)
    peer.answer(m1, "404 Not Found")
    check(peer.ask("OPTIONS", "*").status == 200, "M2")
    peer.answer(peer.next_request(), body=peer.parameters())
    peer.answer(peer.next_request())
    peer.answer(peer.next_request())
    peer.setup()
    peer.play()
    peer.send("RTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n" * 1000)
    peer.unharmed()


@case("14: the answer to M3 as answer to M1")
def wrong_answer(run):
    peer = Peer(Victim(run))
    peer.answer(peer.go("M1"), body=peer.parameters())
    check(peer.ask("OPTIONS", "*").status == 200, "M2")
    m3 = peer.next_request()
    check(m3.start.startswith("GET_PARAMETER"), m3)
    peer.answer(m3)
    again = peer.next_request()
    check(again.start.startswith("GET_PARAMETER"), again)
    peer.answer(again)
    peer.victim.ends(1, "M3: the sink's answer to M3 has no wfd_video_formats")


@case("15: a request in the middle of a reply")
def in_the_middle(run):
    peer = Peer(Victim(run))
    m3 = peer.go("M3")
    peer.send(f"RTSP/1.0 200 OK\r\nCSeq: {m3.headers['cseq']}\r\nContent-Length: 30\r\n\r\nwfd_")
    peer.send(peer.text("OPTIONS", "*") * 3)
    peer.victim.ends(1, "RTSP")


# ---------------------------------------------------------------- the state machine

@case("16: PLAY, PAUSE and SETUP before their time")
def too_early(run):
    peer = Peer(Victim(run))
    m1 = peer.go("M1")
    for method in ("PLAY", "PAUSE", "SETUP"):
        status = peer.ask(method, headers=f"Transport: RTP/AVP/UDP;unicast;client_port={peer.port}"
                          "\r\n").status
        check(status == 455, f"{method}: {status}")
    peer.answer(m1)
    check(peer.ask("OPTIONS", "*").status == 200, "M2")
    m3 = peer.next_request()
    check(peer.setup().status == 455, "SETUP before M4")
    peer.answer(m3, body=peer.parameters())
    peer.answer(peer.next_request())
    peer.answer(peer.next_request())
    peer.setup()
    check(peer.ask("PAUSE", headers=peer.named()).status == 455, "PAUSE before PLAY")
    peer.play()
    check(peer.setup().status == 455, "SETUP twice")
    check(peer.ask("PLAY", headers=peer.named()).status == 200, "PLAY twice")
    peer.unharmed()


@case("16: TEARDOWN before SETUP")
def early_teardown(run):
    peer = Peer(Victim(run))
    peer.go("M3")
    check(peer.ask("TEARDOWN").status == 200, "TEARDOWN")
    peer.victim.ends(1, "the sink disconnected")


@case("16: a storm of TEARDOWN, and requests behind it")
def teardown_storm(run):
    peer = playing(run)
    storm = peer.text("TEARDOWN", headers=peer.named()) * 500 + peer.text("PLAY") * 500
    try:
        peer.send(storm)
    except ConnectionError:
        pass
    peer.victim.ends(0, "the session ended")


@case("17: URIs")
def uris(run):
    peer = playing(run)
    for uri, status in (("rtsp://", 404), ("..", 404), ("rtsp://127.0.0.1/../wfd1.0", 404),
                        ("rtsp://127.0.0.1/" + "x" * 8000, 404), ("*", 404),
                        ("rtsp://[::1]:7236/wfd1.0/streamid=0", 200),
                        ("rtsp://192.0.2.7/wfd1.0/streamid=0", 200)):
        got = peer.ask("PLAY", uri, peer.named()).status
        check(got == status, f"{uri[:60]}: {got}")
    peer.unharmed()


TRANSPORTS = {400: ["", "client_port=9"] +
                   [f"RTP/AVP/UDP;unicast;client_port={ports}" for ports in (
                       "0", "65536", "70000-1", "-1", "1-", "-2", "5-4", "abc", "1e3")],
              461: ["RTP/AVP/TCP;interleaved=0-1", "RTP/AVP/TCP;unicast;client_port=19000",
                    "RTP/AVP/UDP;multicast;client_port=19000", "RAW/RAW/UDP;unicast;client_port=9"]}


@case("18: transports")
def transports(run):
    peer = Peer(Victim(run))
    peer.go("before M6")
    for status, values in TRANSPORTS.items():
        for value in values:
            got = peer.setup(value).status
            # What is no RTP at all may be called malformed or unknown.
            check(got == status or (value.startswith("RAW") and got == 400), f"{value}: {got}")
    check(peer.setup().status == 200, "the good one")
    peer.play()
    peer.unharmed()


@case("19: destination= names another host: the stream goes to the peer alone")
def reflection(run):
    peer = Peer(Victim(run))
    peer.go("before M6")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", peer.port))
        peer.setup(f"RTP/AVP/UDP;unicast;destination=127.0.0.2;source=127.0.0.2;"
                   f"client_port={peer.port}")
        peer.play()
        other.settimeout(0.3)
        try:
            other.recv(2048)
            raise Failure("127.0.0.2 was sent a stream")
        except TimeoutError:
            pass
    peer.unharmed()


@case("20: session ids")
def session_ids(run):
    peer = playing(run)
    for value, status in (("wrong", 454), ("x" * 4096, 454), ("", 454),
                          (f"{peer.session};timeout=0", 200), (f"{peer.session};timeout=-1", 200),
                          (peer.session + "x", 454), (peer.session[:-1], 454)):
        got = peer.ask("GET_PARAMETER", headers=f"Session: {value}\r\n").status
        check(got == status, f"{value[:40]}: {got}")
    for method in ("PAUSE", "TEARDOWN"):
        check(peer.ask(method, headers="Session: 12345678\r\n").status == 454, method)
    check(peer.ask("GET_PARAMETER").status == 200, "none at all")
    peer.unharmed()


@case("21: methods")
def methods(run):
    peer = playing(run)
    for method, status in (("X", 501), ("play", 501), ("X" * 4096, 501), ("DESCRIBE", 405),
                           ("RECORD", 405), ("ANNOUNCE", 405)):
        got = peer.ask(method).status
        check(got == status, f"{method[:20]}: {got}")
    peer.unharmed()


@case("22: Require")
def require(run):
    peer = playing(run)
    reply = peer.ask("OPTIONS", "*", "Require: org.wfa.wfd1.0, x.y\r\n")
    check(reply.status == 551 and reply.headers["unsupported"] == "x.y", reply.headers)
    check(peer.ask("OPTIONS", "*", "Require: " + "z" * 8000 + "\r\n").status == 551, "a long tag")
    check(peer.ask("OPTIONS", "*").status == 200, "none at all")
    peer.unharmed()


def flood(peer, bodies, count):
    """Requests at about 1000 a second, answers read alongside."""
    for i in range(0, count, 20):
        batch = "".join(peer.text("SET_PARAMETER", headers=peer.named(),
                                  body=bodies[n % len(bodies)]) for n in range(i, i + 20))
        peer.send(batch)
        for _ in range(20):
            check(peer.reply().status == 200, "an answer")
        time.sleep(0.01)


@case("23: a thousand IDR requests")
def idr_flood(run):
    peer = playing(run)
    begin = time.monotonic()
    flood(peer, ["wfd_idr_request\r\n"], 1000)
    took = time.monotonic() - begin
    peer.unharmed()
    report = run.report("source")
    check(report["idr_requests"] == 1000, report["idr_requests"])
    check(report["stream"]["idr_frames"] <= 3 + took * 2.5,
          f"{report['stream']['idr_frames']} IDRs in {took:.1f} s")


@case("23: UIBC, route and standby switched on and off a thousand times")
def toggle_flood(run):
    peer = playing(run)
    flood(peer, ["wfd_uibc_setting: enable\r\n", "wfd_uibc_setting: disable\r\n",
                 "wfd_uibc_capability: input_category_list=GENERIC;generic_cap_list=Mouse;"
                 "hidc_cap_list=none;port=none\r\n", "wfd_route: secondary\r\n"], 1000)
    for _ in range(100):
        peer.send(peer.text("SET_PARAMETER", headers=peer.named(), body="wfd_standby\r\n") +
                  peer.text("PLAY", headers=peer.named()))
        check([peer.reply().status, peer.reply().status] == [200, 200], "standby, PLAY")
    peer.unharmed()


@case("24: a second client, from here and from another address")
def second_client(run):
    peer = playing(run)
    for source in ("127.0.0.1", "127.0.0.3"):
        try:
            socket.create_connection(peer.victim.address, 5, (source, 0)).close()
            raise Failure(f"{source} was let in")
        except ConnectionRefusedError:
            pass
    peer.unharmed()


@case("24: connect, and not a word")
def mute(run):
    refused(run, until=None, words=("M1: the sink did not answer M1",))


@case("24: a storm of connections that close at once")
def connect_storm(run):
    victim = Victim(run)
    for _ in range(200):
        try:
            socket.create_connection(victim.address, 5).close()
        except OSError:
            break
    victim.ends(1, "RTSP")


def reset(run, state):
    peer = Peer(Victim(run))
    if state:
        peer.go(state)
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.socket.close()
    # Before a word was said, Start itself may find the connection gone.
    peer.victim.ends(1)
    check(re.search("streaming: " if state == "M7" else "(RTSP|start): ", run.log()), run.log())


each(24, "a reset behind", ["", "M1", "M2", "M3", "M4", "M5", "M6", "M7"], reset)


@case("24: the sink's direction closed behind M2")
def half_close(run):
    peer = Peer(Victim(run))
    peer.go("M2")
    peer.socket.shutdown(socket.SHUT_WR)
    peer.victim.ends(1, "the sink closed the connection")


@case("25: a sink that never reads")
def never_reads(run):
    peer = playing(run)
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.socket.settimeout(3)
    request = peer.text("OPTIONS", "*").encode() * 50
    try:
        for _ in range(3000):
            peer.send(request)
    except OSError:
        pass
    peer.victim.ends(1, "streaming")


@case("26: the sink vanishes without a word")
def vanishes(run):
    peer = playing(run)
    begin = time.monotonic()
    peer.victim.ends(1, "missing-keepalive", "M16")
    check(time.monotonic() - begin < 8, "20 s and 10 s, a tenth of each")


@case("26: nobody at the sink's RTP port")
def unreachable(run):
    peer = playing(run)
    peer.rtp.close()
    time.sleep(1)
    check(peer.ask("OPTIONS", "*").status == 200, "OPTIONS")
    peer.leave()


@case("27: M4 refused with numbers that no number can hold")
def refusals(run):
    peer = Peer(Victim(run))
    m4 = peer.go("M4")
    body = ("wfd_video_formats: 99999999999999999999, 415,, -1\r\nwfd_audio_codecs: ,,,\r\n"
            "x_unknown: 18446744073709551616\r\n: 457\r\n" * 20)
    peer.answer(m4, "303 See Other", body)
    peer.victim.ends(1, "M4: the sink refused M4 with status 303")


@case("28: a thousand parameters, a trigger from the sink, a request with a value")
def parameters(run):
    peer = playing(run)
    for body in ("".join(f"x_{n}: {n}\r\n" for n in range(1000)),
                 "wfd_trigger_method: TEARDOWN\r\n", "wfd_idr_request: 1\r\n",
                 "wfd_standby: 1:2\r\n", "\r\n\r\n", ":::\r\n",
                 "wfd_presentation_URL: rtsp://192.0.2.1/ none\r\n"):
        check(peer.ask("SET_PARAMETER", headers=peer.named(), body=body).status == 200, body[:40])
    names = "wfd_video_formats\r\nwfd_presentation_URL\r\n" * 500
    check(peer.ask("GET_PARAMETER", headers=peer.named(), body=names).status == 200, "names")
    check(peer.ask("PLAY", headers=peer.named()).status == 200, "PLAY wakes it")
    peer.unharmed()


# ---------------------------------------------------------------- the values of M3

def survives(run, m3):
    """Odd, but of use: a picture comes of it."""
    peer = Peer(Victim(run), m3)
    peer.go("M7")
    peer.unharmed()


def useless(run, m3):
    """Nothing can come of it: the session ends and names M3 or the mode."""
    peer = Peer(Victim(run), m3)
    m3_request = peer.go("M3")
    while m3_request and m3_request.start.startswith("GET_PARAMETER"):
        peer.answer(m3_request, body=peer.parameters())
        m3_request = peer.read()
    check(not m3_request, f"{m3_request} after an answer of no use")
    peer.victim.ends(1)
    check(re.search("M3|mode choice", run.log()), run.log())


REST = AUDIO + PORTS
each(29, "numbers of 17 digits, signs and letters",
     ["wfd_video_formats: 00 00 01 01 FFFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFFF 0 00 0000 0000 00 none "
      "none\r\n" + REST, "wfd_video_formats: 00 00 01 01 -1 0x1 zz\r\n" + REST], useless)
each(30, "fields and entries",
     ["wfd_video_formats: 00\r\n" + REST, "wfd_video_formats: 00 00\r\n" + REST,
      "wfd_video_formats: ,,,,\r\n" + REST], useless)
each(30, "fields and entries",
     [VIDEO[:-2] + ", \r\n" + REST, VIDEO[:-2] + ", 02 10 00000001 0 0" * 500 + "\r\n" + REST,
      "wfd_video_formats: 00 00 01 01 00000001 00000000 00000000\r\n" + REST], survives)
each(31, "nothing to choose",
     ["wfd_video_formats: 00 00 00 01 00000001 0 0\r\n" + REST,
      "wfd_video_formats: 00 00 04 01 00000001 0 0\r\n" + REST,
      "wfd_video_formats: 00 00 01 01 0 0 0\r\n" + REST,
      "wfd_video_formats: 07 00 01 1f 00004214 0 0\r\n" + REST,
      "wfd_video_formats: f9 00 01 1f 00000000 e0000000 fffff000\r\n" + REST], useless)
each(31, "no level is the lowest", ["wfd_video_formats: 00 00 01 00 00000001 0 0\r\n" + REST],
     survives)
each(31, "all bits", ["wfd_video_formats: FF FF FF FF FFFFFFFF FFFFFFFF FFFFFFFF FF FFFF FFFF FF "
                      "FFFF FFFF\r\n" + REST], survives)
each(32, "the fields behind the masks",
     ["wfd_video_formats: 00 FF 01 01 00000001 0 0 FF FFFF FFFF FF FFFF 0000\r\n" + REST], survives)
each(33, "sound",
     [VIDEO + PORTS + "wfd_audio_codecs: " + ", ".join(["XYZ 00000001 00"] * 100) + "\r\n",
      VIDEO + PORTS + "wfd_audio_codecs: LPCM 00000000 00, AAC 00000000 00\r\n",
      VIDEO + PORTS + "wfd_audio_codecs: LPCM\r\n", VIDEO + PORTS], survives)
each(34, "ports", [VIDEO + AUDIO + f"wfd_client_rtp_ports: {value}\r\n" for value in (
    "RTP/AVP/UDP;unicast 0 0 mode=play", "RTP/AVP/UDP;unicast 65536 0 mode=play",
    "RTP/AVP/UDP;unicast -1 0 mode=play", "RTP/AVP/UDP;unicast 99999999999999999999 0 mode=play",
    "mode=play")], useless)

HEADER = "00ffffffffffff00"
EDIDS = ["0000 " + HEADER * 16, "FFFF " + HEADER * 16, "0001 " + HEADER + "0",
         "0001 zz" + "0" * 254,
         # 255 extensions and one block; a timing of 65535 lines; nothing but the count.
         "0001 " + HEADER + "00" * 118 + "ff00", "0001 " + HEADER + "ff" * 120,
         "0200 " + "ab" * 32000, "0001"]
each(35, "EDID", [M3 + f"wfd_display_edid: {value}\r\n" for value in EDIDS], survives)
each(36, "HDCP", [M3 + f"wfd_content_protection: {value}\r\n" for value in (
    "HDCP2.1 port=0", "HDCP9.9 port=99999999999", "HDCP2.0")], survives)
each(37, "UIBC", [M3 + "wfd_uibc_capability: " + value + "\r\n" for value in (
    "input_category_list=((((;" + ";" * 2000, "hidc_cap_list=" + "Mouse/USB, " * 1000,
    "port=-1;port=99999")], survives)
each(38, "twice, the first counts",
     [M3 + "WFD_VIDEO_FORMATS: 00 00 01 01 0 0 0\r\n", M3 + VIDEO.replace("00000001", "00000000")],
     survives)
each(39, "spelling", ["\xef\xbb\xbfx: y\r\n" + M3, M3[:-2], "\0\1\2\xff\r\n" + M3], survives)
each(40, "what must be there is not", [AUDIO + PORTS, "x: y\r\n"], useless)


@case("40: 404 and 303 in place of 200, and 200 without a body")
def no_parameters(run):
    peer = Peer(Victim(run))
    peer.answer(peer.go("M3"), "404 Not Found", "wfd_video_formats: 404\r\n")
    peer.answer(peer.next_request(), "303 See Other", "wfd_video_formats: 415\r\n")
    peer.victim.ends(1, "M3: the sink refused M3 with status 303")


# ---------------------------------------------------------------- RTCP, sockets, the machine

RTCP = [b"", b"\x80", b"\x80\xc9\xff\xff" + b"\0" * 4, b"\x81\xc9\0\x07" + b"\0" * 8,
        b"\x80\xcb\0\0",
        b"\x9f\xc8\0\x06" + b"\xff" * 24, b"\xff" * 1400, b"\x81\xcd\0\x02" + b"\xff" * 8]


@case("53: RTCP that lies about its length, wants everything again, comes from elsewhere")
def rtcp(run):
    peer = Peer(Victim(run), M3 + "microsoft_rtcp_capability: supported\r\n")
    peer.go("before M6")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        while True: # two ports in a row
            try:
                control.bind(("127.0.0.1", peer.port + 1))
                break
            except OSError:
                peer.rtp.close()
                peer.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                peer.rtp.bind(("127.0.0.1", 0))
                peer.rtp.settimeout(5)
                peer.port = peer.rtp.getsockname()[1]
        foreign.bind(("127.0.0.4", 0))
        reply = peer.setup(f"RTP/AVP/UDP;unicast;client_port={peer.port}-{peer.port + 1}")
        ports = reply.headers["transport"].split("server_port=")[1].split("-")
        peer.play()
        # NACKs for all 65536 numbers, 17 to each entry.
        everything = b"".join(struct.pack("!HH", n & 0xffff, 0xffff) for n in range(0, 1360, 17))
        nack = b"\x81\xcd" + struct.pack("!H", 2 + len(everything) // 4) + b"\0" * 8 + everything
        before = peer.victim.cpu_seconds()
        for _ in range(100):
            for data in (*RTCP, nack):
                for sender in (control, foreign):
                    try:
                        sender.sendto(data, ("127.0.0.1", int(ports[-1])))
                    except ConnectionRefusedError:
                        pass # no RTCP was agreed on: the RTP port drops them as well
        peer.rtp.settimeout(1)
        numbers = []
        end = time.monotonic() + 1
        while time.monotonic() < end:
            numbers.append(struct.unpack("!H", peer.rtp.recv(2048)[2:4])[0])
        check(len(numbers) == len(set(numbers)), "something was sent again")
        check(peer.victim.cpu_seconds() - before < 1, "it was kept busy")
    peer.unharmed()


@case("54: datagrams to the RTP port")
def rtp_flood(run):
    peer = Peer(Victim(run))
    reply = peer.go("M6")
    peer.play()
    port = int(reply.headers["transport"].split("server_port=")[1].split("-")[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        for n in range(3000):
            sender = foreign if n % 2 else peer.rtp
            sender.sendto(b"\x80\x21" + bytes(n % 1400), ("127.0.0.1", port))
    peer.unharmed()


@case("56: the sink comes back from another address in mid-session")
def moved(run):
    peer = playing(run)
    try:
        socket.create_connection(peer.victim.address, 5, ("127.0.0.5", 0)).close()
        raise Failure("a second connection was accepted")
    except ConnectionRefusedError:
        pass
    peer.unharmed()


@case("57: nothing asks for the time of day")
def clocks(run):
    words = re.compile(r"CLOCK_REALTIME|\bgettimeofday *\(|\btime\(NULL\)|\blocaltime|CLOCK_BOOTTIME")
    for path in (ROOT.parent / "daemon").rglob("*.[ch]"):
        check(not words.search(path.read_text()), f"{path} knows a clock that jumps")


@case("58: no descriptor left for the sink's connection")
def no_descriptors(run):
    victim = Victim(run)
    used = len(list(pathlib.Path(f"/proc/{victim.process.pid}/fd").iterdir()))
    resource.prlimit(victim.process.pid, resource.RLIMIT_NOFILE, (used, used))
    try:
        with socket.create_connection(victim.address, 5):
            pass
    except ConnectionResetError:
        pass  # the victim was faster than the answer to connect()
    victim.ends(1, "could not be accepted")


@case("every item has its case, here or where the table says")
def complete(run):
    here = {int(n) for name, _ in CASES for n in re.findall(r"\d+", name.split(":")[0])}
    wanted = set(range(1, 41)) | set(range(53, 61))
    missing = wanted - here - set(ELSEWHERE) - NOT_OURS
    check(not missing, f"without a case: {sorted(missing)}")
    for item, (file, *words) in ELSEWHERE.items():
        text = (ROOT / file).read_text()
        for word in words:
            check(word in text, f"item {item}: {file} has no {word}")


if __name__ == "__main__":
    sys.exit(main(workers=4))

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that others wrote read our live stream: ffmpeg, GStreamer, tshark.

usage: test-interop.py MIRACASTD

The control channel is played by the few lines below, a sink with WFD 6.4's M1 to M7 that
shares no code with anybody; the RTP goes straight to the foreign program.
"""
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from ports import reserve_port

DAEMON = str(pathlib.Path(sys.argv[1]).resolve())
SECONDS = 6

M3_ANSWER = """wfd_video_formats: 00 00 01 10 00000021 00000000 00000000 00 0000 0000 00 none none\r
wfd_audio_codecs: LPCM 00000002 00\r
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play\r
"""


class Sink:
    """Says what a sink says until PLAY is answered; afterwards whatever came in between is kept."""

    def __init__(self, rtsp_port, rtp_port):
        self.rtp_port = rtp_port
        self.buffer = b""
        self.cseq = 0
        for _ in range(100):
            try:
                self.socket = socket.create_connection(("127.0.0.1", rtsp_port), 10)
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        self.socket.settimeout(10)

    def receive(self):
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(4096)
        head, rest = self.buffer.split(b"\r\n\r\n", 1)
        length = re.search(rb"content-length:\s*(\d+)", head, re.I)
        length = int(length.group(1)) if length else 0
        while len(rest) < length:
            rest += self.socket.recv(4096)
        self.buffer = rest[length:]
        return head.decode(), rest[:length].decode()

    def answer(self, head, body=""):
        cseq = re.search(r"CSeq:\s*(\d+)", head).group(1)
        kind = f"Content-Type: text/parameters\r\nContent-Length: {len(body)}\r\n" if body else ""
        public = "Public: org.wfa.wfd1.0, SET_PARAMETER, GET_PARAMETER\r\n" \
            if head.startswith("OPTIONS") else ""
        self.socket.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{public}{kind}\r\n{body}".encode())

    def ask(self, method, url, extra=""):
        self.cseq += 1
        self.socket.sendall(f"{method} {url} RTSP/1.0\r\nCSeq: {self.cseq}\r\n{extra}\r\n".encode())
        while True:
            head, body = self.receive()
            if head.startswith("RTSP/1.0"):
                assert " 200 " in head.splitlines()[0], head
                return head
            self.serve(head, body)

    def serve(self, head, body):
        self.body = body
        self.answer(head, M3_ANSWER.format(port=self.rtp_port)
                    if head.startswith("GET_PARAMETER") and body else "")

    def play(self):
        head, body = self.receive()
        self.serve(head, body)
        self.ask("OPTIONS", "*", "Require: org.wfa.wfd1.0\r\n")
        url = None
        while True:
            head, body = self.receive()
            self.serve(head, body)
            found = re.search(r"wfd_presentation_URL: (\S+)", body)
            url = found.group(1) if found else url
            if "wfd_trigger_method: SETUP" in body:
                break
        head = self.ask("SETUP", url, "Transport: RTP/AVP/UDP;unicast;"
                                      f"client_port={self.rtp_port}\r\n")
        session = re.search(r"Session:\s*(\w+)", head).group(1)
        self.ask("PLAY", url, f"Session: {session}\r\n")


class Cast:
    def __init__(self, rtp_port):
        rtsp_port = reserve_port()
        self.daemon = subprocess.Popen(
            [DAEMON, "--direct", f"127.0.0.1:{rtsp_port}", "--source", "pattern:1280x720@30",
             "--seconds", str(SECONDS)], stderr=subprocess.PIPE, text=True)
        self.sink = Sink(rtsp_port, rtp_port)

    def __enter__(self):
        self.sink.play()
        return self

    def __exit__(self, *exception):
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stderr.close()
        self.sink.socket.close()


def case_ffmpeg(folder):
    """ffmpeg receives the RTP and decodes; its frames are the pattern's, not grey."""
    port = reserve_port()
    # Told by SDP what comes; else it throws the first datagrams away to find out.
    sdp = folder / "live.sdp"
    sdp.write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
                   f"m=video {port} RTP/AVP 33\na=rtpmap:33 MP2T/90000\n")
    program = subprocess.Popen(
        ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "info", "-protocol_whitelist",
         "file,rtp,udp", "-i", str(sdp), "-t", "3", "-f", "null", "-"],
        stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    with Cast(port):
        try:
            log = program.communicate(timeout=40)[1]
        except subprocess.TimeoutExpired:
            program.kill()
            return "ffmpeg did not end:\n" + program.communicate()[1]
    frames = re.findall(r"frame=\s*(\d+)", log)
    if program.returncode or not frames or int(frames[-1]) < 60:
        return log
    if "Constrained Baseline" not in log or "1280x720" not in log:
        return "not what was negotiated:\n" + log
    return None


def case_gstreamer(folder):
    """GStreamer's depayloader, demuxer and decoder take the stream as it comes."""
    port = reserve_port()
    caps = "application/x-rtp,media=video,clock-rate=90000,encoding-name=MP2T,payload=33"
    program = subprocess.Popen(
        ["gst-launch-1.0", "-q", "udpsrc", f"port={port}", f"caps={caps}", "!", "rtpmp2tdepay",
         "!", "tsdemux", "!", "h264parse", "!", "avdec_h264", "!", "identity",
         "error-after=60", "!", "fakesink", "sync=false"], stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    with Cast(port):
        try:
            log = program.communicate(timeout=40)[1]
        except subprocess.TimeoutExpired:
            program.kill()
            return "60 pictures did not arrive:\n" + program.communicate()[1]
    # identity is told to fail at picture 60: that it did proves that they came.
    return None if "Failed after iterations as requested" in log else log


def case_tshark(folder):
    """tshark's dissectors of RTP, MPEG-TS, PES and H.264 find nothing to warn of."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(10)
    port = receiver.getsockname()[1]
    pcap = folder / "live.pcap"
    with Cast(port), pcap.open("wb") as f:
        # libpcap's format, raw IPv4 (link type 101).
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for _ in range(600):
            data, (_, source_port) = receiver.recvfrom(2048)
            now = time.time()
            udp = struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0xa0, 20 + len(udp), 0, 0, 64, 17, 0,
                             b"\x7f\0\0\1", b"\x7f\0\0\1")
            f.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(ip + udp),
                                len(ip + udp)) + ip + udp)
    receiver.close()
    tshark = ["tshark", "-r", str(pcap), "-d", f"udp.port=={port},rtp"]
    experts = subprocess.run([*tshark, "-q", "-z", "expert,warn"], capture_output=True, text=True)
    tree = subprocess.run([*tshark, "-q", "-z", "io,phs"], capture_output=True, text=True)
    if "Errors" in experts.stdout or "Warns" in experts.stdout or experts.returncode:
        return experts.stdout + experts.stderr
    if "mp2t" not in tree.stdout:
        return "no MPEG-TS was seen:\n" + tree.stdout
    return None


def main():
    cases = [("ffmpeg", case_ffmpeg), ("gst-launch-1.0", case_gstreamer), ("tshark", case_tshark)]
    good = True
    print(f"1..{len(cases)}")
    for number, (program, function) in enumerate(cases, 1):
        name = f"{program} - {function.__doc__}"
        if not shutil.which(program):
            print(f"ok {number} - {name} # SKIP {program} is not installed", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="miracast-") as folder:
            problem = function(pathlib.Path(folder))
        print(f"{'not ok' if problem else 'ok'} {number} - {name}", flush=True)
        for line in (problem or "").splitlines()[-40:]:
            print("# " + line)
        good = good and not problem
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

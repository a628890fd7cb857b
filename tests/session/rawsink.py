# SPDX-License-Identifier: GPL-2.0-or-later
"""The two sides of a hostile session: the daemon as a user has it, and a sink that is a raw socket.

Knows how a good sink plays its part up to any message; what it does then is the case's.
"""
import pathlib
import re
import socket
import threading
import time

from harness import DAEMON, SMALL, Failure, check

GROWTH_KB = 8 << 10
LINES_MAX = 12
M3 = """wfd_video_formats: 00 00 01 01 00000001 00000000 00000000 00 0000 0000 00 none none\r
wfd_audio_codecs: LPCM 00000002 00\r
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play\r
"""


class Victim:
    """miracastd without -v: what it logs then is what a user's journal would hold."""

    def __init__(self, run, *options, scale=0.1, source=SMALL):
        self.run, self.address = run, ("127.0.0.1", run.port)
        self.process = run.spawn("daemon", [DAEMON, "--direct", f"127.0.0.1:{run.port}",
                                            "--source", source, "--report",
                                            run.folder / "source.json", *options],
                                 {"MIRACAST_TIME_SCALE": str(scale)})
        check(run.wait_for("waiting for a sink", self.process), run.log())
        self.before_kb = self.peak_kb = self.resident("VmRSS")
        threading.Thread(target=self.watch, daemon=True).start()

    def resident(self, field):
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(rf"{field}:\s+(\d+) kB", status)
        return int(found.group(1)) if found else 0

    def watch(self):
        while self.process.poll() is None:
            self.peak_kb = max(self.peak_kb, self.resident("VmHWM"))
            time.sleep(0.02)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1]
        return sum(map(int, fields.split()[11:13])) / 100

    def ends(self, code, *words):
        """With this exit status and a sentence with these words; and nothing else happened."""
        self.run.expect(self.process, code, *words)
        raw = (self.run.folder / "daemon.log").read_bytes()
        bad = [c for c in raw if (c < 0x20 and c != 0x0a) or c == 0x7f]
        check(not bad, f"control characters in the log: {raw}")
        check(raw.count(b"\n") <= LINES_MAX, f"a flood of lines:\n{self.run.log()}")
        check(self.peak_kb - self.before_kb <= GROWTH_KB,
              f"grew from {self.before_kb} to {self.peak_kb} KiB")


class Message:
    def __init__(self, head, body):
        lines = head.split("\r\n")
        self.start, self.body = lines[0], body
        self.headers = {k.strip().lower(): v.strip()
                        for k, _, v in (line.partition(":") for line in lines[1:])}
        self.is_reply = self.start.startswith("RTSP/")
        self.status = int(self.start.split()[1]) if self.is_reply else 0

    def __str__(self):
        return self.start


class Peer:
    """A sink's side of the connection, which says what the case wants and no more."""

    def __init__(self, victim, m3=M3, source="127.0.0.1"):
        self.victim, self.m3 = victim, m3
        self.socket = socket.create_connection(victim.address, 10, (source, 0))
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.rtp.bind((source, 0))
        self.rtp.settimeout(5)
        self.port = self.rtp.getsockname()[1]
        self.buffer, self.cseq, self.session = b"", 0, None

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def read(self):
        """The next message, or None at the end of the connection."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        head, rest = self.buffer.split(b"\r\n\r\n", 1)
        size = re.search(rb"(?i)content-length: *(\d+)", head)
        size = int(size.group(1)) if size else 0
        while len(rest) < size:
            if not self.more():
                return None
            rest = self.buffer.split(b"\r\n\r\n", 1)[1]
        self.buffer = rest[size:]
        return Message(head.decode("latin-1"), rest[:size].decode("latin-1"))

    def more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, TimeoutError):
            data = b""
        self.buffer += data
        return data

    def answer(self, message, status="200 OK", body="", headers=""):
        length = f"Content-Type: text/parameters\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.send(f"RTSP/1.0 {status}\r\nCSeq: {message.headers['cseq']}\r\n{headers}{length}\r\n"
                  f"{body}")

    def text(self, method, uri="rtsp://localhost/wfd1.0", headers="", body="", cseq=None):
        """A request, not sent."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"{method} {uri} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}{length}\r\n{body}"

    def reply(self):
        """The next reply; what the source asks meanwhile is answered."""
        while message := self.read():
            if message.is_reply:
                return message
            self.answer(message)
        raise Failure(f"the source closed the connection; log:\n{self.victim.run.log()}")

    def ask(self, *arguments, **named):
        self.send(self.text(*arguments, **named))
        return self.reply()

    def next_request(self):
        while message := self.read():
            if not message.is_reply:
                return message
        raise Failure(f"the source closed the connection; log:\n{self.victim.run.log()}")

    def parameters(self):
        return self.m3.replace("{port}", str(self.port))

    def go(self, until):
        """Plays the good sink up to the request or the reply named."""
        m1 = self.next_request()
        if until == "M1":
            return m1
        self.answer(m1, headers="Public: org.wfa.wfd1.0, GET_PARAMETER, SET_PARAMETER\r\n")
        m2 = self.ask("OPTIONS", "*", "Require: org.wfa.wfd1.0\r\n")
        if until == "M2":
            return m2
        m3 = self.next_request()
        if until == "M3":
            return m3
        self.answer(m3, body=self.parameters())
        m4 = self.next_request()
        if until == "M4":
            return m4
        self.answer(m4)
        m5 = self.next_request()
        if until == "M5":
            return m5
        self.answer(m5)
        if until == "before M6":
            return m5
        m6 = self.setup()
        if until == "M6":
            return m6
        return self.play()

    def setup(self, transport=None):
        if transport is None:
            transport = f"RTP/AVP/UDP;unicast;client_port={self.port}"
        m6 = self.ask("SETUP", "rtsp://127.0.0.1/wfd1.0/streamid=0", f"Transport: {transport}\r\n")
        if m6.status == 200:
            self.session = m6.headers["session"].split(";")[0]
        return m6

    def play(self):
        m7 = self.ask("PLAY", "rtsp://127.0.0.1/wfd1.0/streamid=0", self.named())
        check(m7.status == 200, m7)
        check(self.rtp.recv(2048)[:2] in (b"\x80\x21", b"\x80\xa1"), "no RTP after PLAY")
        return m7

    def named(self):
        return f"Session: {self.session}\r\n"

    def unharmed(self):
        """The stream goes on, the source answers; then a good end."""
        self.rtp.setblocking(False)
        try:
            while self.rtp.recv(2048):
                pass
        except BlockingIOError:
            self.rtp.settimeout(5)
        check(self.rtp.recv(2048), "the stream has stopped")
        check(self.ask("OPTIONS", "*").status == 200, "OPTIONS")
        self.leave()

    def leave(self):
        check(self.ask("TEARDOWN", headers=self.named()).status == 200, "TEARDOWN")
        self.victim.ends(0, "the session ended: the sink disconnected")

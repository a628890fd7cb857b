# SPDX-License-Identifier: GPL-2.0-or-later
"""What was on the air and in the group: management frames as the monitor of the simulated radios
saw them, and who opened TCP and who asked for an address on the group's interface.

Knows the frames of P2P 1.7 and WSC 2.0 by their numbers; asks no supplicant.
"""
import ctypes
import pathlib
import re
import select
import socket
import struct
import subprocess
import threading
import time

MONITOR = "hwsim0"
OUTGOING = 4  # linux/if_packet.h
ETH_P_IP, ETH_P_ALL = 0x800, 3

# P2P public action frames (P2P 1.7, table 61).
FRAMES = {0: "go-neg-request", 1: "go-neg-response", 2: "go-neg-confirm", 3: "invite-request",
          4: "invite-response", 7: "provision-request", 8: "provision-response"}
P2P, WFD, WPS = b"\x50\x6f\x9a\x09", b"\x50\x6f\x9a\x0a", b"\x00\x50\xf2\x04"
GO_INTENT, STATUS = 4, 0
DEVICE_PASSWORD = 0x1012

# Only action frames and probe requests (management, subtypes 13 and 4): the length of the radiotap
# header before them is its third byte.
MANAGEMENT = [(0x30, 0, 0, 2), (0x07, 0, 0, 0), (0x50, 0, 0, 0), (0x54, 0, 0, 0xfc),
              (0x15, 1, 0, 0xd0), (0x15, 0, 1, 0x40), (0x06, 0, 0, 0xffff), (0x06, 0, 0, 0)]
# Only IPv4 that opens TCP (SYN without ACK) or is DHCP; from the network header on.
OPENINGS = [(0x30, 0, 0, 9), (0x15, 0, 4, 6),
            (0xb1, 0, 0, 0), (0x50, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 6, 7, 2),
            (0x15, 0, 6, 17), (0xb1, 0, 0, 0), (0x48, 0, 0, 0), (0x15, 2, 0, 67),
            (0x15, 1, 0, 68), (0x05, 0, 0, 1), (0x06, 0, 0, 0xffff), (0x06, 0, 0, 0)]


def filtered(program, kind, interface=None):
    s = socket.socket(socket.AF_PACKET, kind, socket.htons(ETH_P_ALL))
    code = b"".join(struct.pack("HBBI", *i) for i in program)
    buffer = ctypes.create_string_buffer(code)
    s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", len(program), ctypes.addressof(buffer)))
    if interface:
        s.bind((interface, ETH_P_ALL))
    return s


def mac(data):
    return ":".join(f"{b:02x}" for b in data)


def elements(data):
    """The vendor elements of a frame's body, those of one kind joined (802.11, 9.4.2.25)."""
    found = {}
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        if data[0] == 221 and data[1] >= 4:
            found[data[2:6]] = found.get(data[2:6], b"") + data[6:2 + data[1]]
        data = data[2 + data[1]:]
    return found


def p2p_attributes(data):
    found = {}
    while len(data) >= 3:
        length = struct.unpack_from("<H", data, 1)[0]
        found[data[0]] = data[3:3 + length]
        data = data[3 + length:]
    return found


def wps_attributes(data):
    found = {}
    while len(data) >= 4:
        kind, length = struct.unpack_from(">HH", data)
        found[kind] = data[4:4 + length]
        data = data[4 + length:]
    return found


class Frame:
    """A P2P public action frame."""

    def __init__(self, when, kind, body, sender, receiver):
        self.when, self.kind, self.sender, self.receiver = when, kind, sender, receiver
        found = elements(body)
        p2p = p2p_attributes(found.get(P2P, b""))
        wps = wps_attributes(found.get(WPS, b""))
        self.wfd = found.get(WFD, b"")
        self.intent = p2p[GO_INTENT][0] >> 1 if GO_INTENT in p2p else None
        self.status = p2p[STATUS][0] if STATUS in p2p else None
        self.password = struct.unpack(">H", wps[DEVICE_PASSWORD])[0] \
            if DEVICE_PASSWORD in wps else None

    @staticmethod
    def parse(when, data):
        frame = data[struct.unpack_from("<H", data, 2)[0]:]
        # A device that looks for others names the network of all of them (P2P 1.7, 3.1.2.1.1).
        if frame[:1] == b"\x40" and frame[24:33] == b"\x00\x07DIRECT-":
            return Frame(when, "look", frame[24:], mac(frame[10:16]), mac(frame[4:10]))
        # Category public, vendor specific, Wi-Fi Alliance, P2P, subtype, dialog token.
        if len(frame) < 32 or frame[24:30] != b"\x04\x09" + P2P or frame[30] not in FRAMES:
            return None
        return Frame(when, FRAMES[frame[30]], frame[32:], mac(frame[10:16]), mac(frame[4:10]))


class Opening:
    """The first packet of a TCP connection, or one of DHCP, on a group's interface of ours."""

    def __init__(self, when, interface, is_ours, packet):
        self.when, self.interface, self.is_ours = when, interface, is_ours
        header = (packet[0] & 15) * 4
        self.source = socket.inet_ntoa(packet[12:16])
        self.target = socket.inet_ntoa(packet[16:20])
        self.port = struct.unpack_from(">H", packet, header + 2)[0]
        self.kind = "tcp" if packet[9] == 6 else "dhcp"
        self.message, self.given = None, None
        if self.kind == "dhcp":
            bootp = packet[header + 8:]
            self.given = socket.inet_ntoa(bootp[16:20])
            option = re.search(rb"\x35\x01(.)", bootp[240:], re.S)
            self.message = option.group(1)[0] if option else None


class Air:
    """Listens from its making on; clear() begins anew for the next scenario."""

    def __init__(self):
        subprocess.run(["/usr/sbin/ip", "link", "set", MONITOR, "up"], check=True)
        self.frames, self.openings = [], []
        self.monitor = filtered(MANAGEMENT, socket.SOCK_RAW, MONITOR)
        self.group = filtered(OPENINGS, socket.SOCK_DGRAM)
        threading.Thread(target=self.listen, daemon=True).start()

    def clear(self):
        self.frames, self.openings = [], []

    def listen(self):
        while True:
            for s in select.select([self.monitor, self.group], [], [])[0]:
                data, address = s.recvfrom(65536)
                now = time.clock_gettime(time.CLOCK_BOOTTIME)
                if s is self.monitor:
                    frame = Frame.parse(now, data)
                    if frame:
                        self.frames.append(frame)
                elif address[1] == ETH_P_IP and address[0].startswith(("p2p-", "wlan")):
                    self.openings.append(Opening(now, address[0], address[2] == OUTGOING, data))

    def write(self, path):
        lines = [f"{f.when:.2f} {f.kind} {f.sender} -> {f.receiver} intent {f.intent} password "
                 f"{f.password} status {f.status} wfd {f.wfd.hex()}" for f in self.frames]
        lines += [f"{o.when:.2f} {o.kind} {o.message or ''} {o.interface} "
                  f"{'out' if o.is_ours else 'in'} {o.source} -> {o.target}:{o.port} "
                  f"{o.given or ''}" for o in self.openings]
        pathlib.Path(path).write_text("\n".join(lines) + "\n")

    # ------------------------------------------------------------ for the scenarios

    def sent(self, kind, sender=None):
        return [f for f in self.frames if f.kind == kind and sender in (None, f.sender)]

    def opened(self):
        return [o for o in self.openings if o.kind == "tcp"]

    def leases(self):
        """What was given: the acknowledgements (message 5), and the address in each."""
        return [o.given for o in self.openings if o.message == 5]

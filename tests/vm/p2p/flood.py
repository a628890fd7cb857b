#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""flood.py PHY N: beacons of N group owners that never were, on the social channels, until killed.

Each claims to be a television with a group of its own. Runs in the radio's network namespace.
"""
import socket
import struct
import subprocess
import sys
import time

MONITOR = "flood"
FREQUENCIES = {2412: 1, 2437: 6, 2462: 11}


def element(kind, data):
    return bytes([kind, len(data)]) + data


def attribute(kind, data):
    return bytes([kind]) + struct.pack("<H", len(data)) + data


def wps(kind, data):
    return struct.pack(">HH", kind, len(data)) + data


def beacon(n, channel):
    device = bytes([0x42, 0xee, 0, 0, n >> 8, n & 255])
    name = f"Flood {n}".encode()
    television = bytes.fromhex("0007 0050f204 0001")
    # P2P 1.7: capability (a group owner), device info (methods: push button).
    p2p = attribute(2, b"\x25\x0b") + attribute(
        13, device + b"\x00\x80" + television + b"\x00" + wps(0x1011, name))
    pairing = (wps(0x104a, b"\x10") + wps(0x1044, b"\x02") + wps(0x1011, name) +
               wps(0x1054, television) + wps(0x1008, b"\x00\x80"))
    body = struct.pack("<QHH", int(time.monotonic() * 1e6), 100, 0x0431)
    body += element(0, b"DIRECT-" + f"{n:04}".encode()) + element(1, bytes.fromhex("8c129824"))
    body += element(3, bytes([channel]))
    body += element(221, b"\x00\x50\xf2\x04" + pairing)
    body += element(221, b"\x50\x6f\x9a\x09" + p2p)
    body += element(221, b"\x50\x6f\x9a\x0a" + bytes.fromhex("000006 0011 1c44 012c"))
    header = struct.pack("<HH6s6s6sH", 0x80, 0, b"\xff" * 6, device, device, 0)
    # A radiotap header without fields.
    return struct.pack("<BBHI", 0, 0, 8, 0) + header + body


def main(phy, count):
    subprocess.run(["iw", "phy", phy, "interface", "add", MONITOR, "type", "monitor"], check=True)
    subprocess.run(["/usr/sbin/ip", "link", "set", MONITOR, "up"], check=True)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((MONITOR, 0))
    print("ready", flush=True)
    n = 0
    while True:
        for frequency, channel in FREQUENCIES.items():
            subprocess.run(["iw", "dev", MONITOR, "set", "freq", str(frequency)], check=True)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                s.send(beacon(n % count, channel))
                n += 1
                # Many, but an emulated radio shall hear others too.
                time.sleep(0.002)


main(sys.argv[1], int(sys.argv[2]))

# SPDX-License-Identifier: GPL-2.0-or-later
"""Ports of loopback for those that a test will start, and that must find them free.

Knows nothing of who listens there. Asking the kernel for a free port and closing it again is not
enough: another program's socket may get it before the one that it was meant for binds it.
"""
import pathlib
import random
import socket

FIRST, LAST = 16384, 32767
# A socket for each port, held until the process ends: this is how our other tests, in this process
# and in others, see that it is taken.
HELD = []


def ephemeral():
    """Where the kernel gives ports to sockets that ask for none."""
    text = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    first, last = map(int, text.split())
    return range(first, last + 1)


def is_free(port):
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        with socket.socket(type=kind) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def reserve_port():
    """An even port; the odd one above it is the caller's, too (RTP and RTCP)."""
    avoid = ephemeral()
    ports = [p for p in range(FIRST, LAST, 2) if p not in avoid] or range(FIRST, LAST, 2)
    for port in random.sample(ports, len(ports)):
        hold = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            hold.bind(f"\0miracast-test-port-{port}")
        except OSError:
            hold.close()
            continue
        if is_free(port) and is_free(port + 1):
            HELD.append(hold)
            return port
        hold.close()
    raise OSError(f"no free port from {FIRST} to {LAST}")

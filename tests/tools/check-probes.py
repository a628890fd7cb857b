#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The USDT probes that daemon/media/trace.h promises are in the program, where a tracer finds them.

usage: check-probes.py MIRACAST-MEDIA
"""
import re
import subprocess
import sys

WANTED = ["ready", "acquired", "started", "converted", "encoded", "first_datagram", "last_datagram"]
notes = subprocess.run(["readelf", "-n", sys.argv[1]], capture_output=True, text=True,
                       check=True).stdout
probes = re.findall(r"Provider: miracast\n +Name: (\w+)\n.*\n +Arguments: (\S+) (\S+)", notes)
found = [name for name, _, _ in probes]
if sorted(found) != sorted(WANTED):
    sys.exit(f"the probes are {found}, not {WANTED}")
# Eight bytes each, wherever they are.
bad = [p for p in probes if not all(re.match(r"-?8@", a) for a in p[1:])]
sys.exit(f"not two numbers of 64 bits: {bad}" if bad else 0)

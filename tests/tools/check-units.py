#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The service's unit and its companions: systemd accepts the unit, its exposure is at most 2.0, and
every setting that weakens it has its reason beside it.

usage: check-units.py UNIT DAEMON
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

UNIT, DAEMON = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
ROOT = pathlib.Path(__file__).parent.parent.parent
# What costs exposure and is not there: the word must stand in a comment.
DEVIATIONS = ["PrivateDevices", "IPAddressDeny", "AF_INET", "render nodes", "RestrictRealtime"]
cases = []


def case(name, good, text=""):
    cases.append(good)
    print(f"{'ok' if good else 'not ok'} {len(cases)} - {name}")
    for line in text.splitlines() if not good else []:
        print(f"# {line}")


def skip(name, why):
    cases.append(True)
    print(f"ok {len(cases)} - {name} # SKIP {why}")


def verify():
    """All of them. systemd-analyze wants programs to be there and manual pages to be installed."""
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for unit in (UNIT, UNIT.with_name("miracast-net.service"),
                     ROOT / "systemd" / "miracast-net.socket"):
            copies.append(pathlib.Path(folder) / unit.name)
            text = re.sub(r"^ExecStart=.*", f"ExecStart={DAEMON}", unit.read_text(), flags=re.M)
            copies[-1].write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))
        p = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True)
    bad = [line for line in p.stderr.splitlines() if "miracast" in line]
    return p.returncode == 0 and not bad, p.stderr


def main():
    unit = UNIT.read_text()
    if shutil.which("systemd-analyze"):
        case("systemd accepts the units", *verify())
        p = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT],
                           capture_output=True, text=True)
        case("exposure at most 2.0", p.returncode == 0, p.stdout[-2000:] + p.stderr)
    else:
        skip("systemd accepts the units", "systemd-analyze is missing")
        skip("exposure at most 2.0", "systemd-analyze is missing")
    comments = "\n".join(line for line in unit.splitlines() if line.startswith("#"))
    missing = [d for d in DEVIATIONS if d not in comments]
    case("every deviation has its reason", not missing, f"not told: {missing}")
    actions = {a.get("id") for a in
               ElementTree.parse(ROOT / "systemd/polkit.policy.in").iter("action")}
    header = (ROOT / "include/miracast/dbus.h").read_text()
    names = {f"@name@{n}" for n in re.findall(r"_ACTION_\w+\s+MIRACAST_DBUS_NAME \"(\.\w+)\"", header)}
    case("polkit knows every action", actions == names, f"{actions ^ names}")
    ElementTree.parse(ROOT / "systemd/dbus-policy.conf.in")
    print(f"1..{len(cases)}")
    return 0 if all(cases) else 1


if __name__ == "__main__":
    sys.exit(main())

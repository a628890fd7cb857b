# SPDX-License-Identifier: GPL-2.0-or-later
"""The shortest way to a picture, in either role."""
import pathlib
import pwd
import re

from checks import check, check_stream, check_streaming, scenario
from source import USER, output


def check_privileges(source):
    for pid in [source.daemon.pid] + [int(p) for p in output("pidof", "miracast-media").split()]:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        caps = re.findall(r"^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s+(\w+)", status, re.M)
        check(set(caps) == {"0" * 16}, f"capabilities of {pid}: {caps}")
        uids = re.search(r"^Uid:\s+(.*)", status, re.M).group(1).split()
        check(set(uids) == {str(pwd.getpwnam(USER).pw_uid)}, f"uids of {pid}: {uids}")


@scenario("button, we own the group; without a capability")
def owner(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV")
    check_streaming(source)
    check_privileges(source)
    return check_stream(source, sink)


@scenario("button, the TV owns the group and gives an address by EAPOL")
def client(source, sink):
    sink.begin(accept="pbc", intent=14, give="eapol")
    source.cast("Test TV")
    read = check_stream(source, sink, role="GO")
    check(sink.source_address.startswith("10.77.0."), sink.source_address)
    return read

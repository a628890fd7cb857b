# SPDX-License-Identifier: GPL-2.0-or-later
"""Who else uses this computer's Wi-Fi, and what the bus lets us do with it."""
import pathlib
import pwd
import subprocess
import xml.etree.ElementTree as ElementTree

from checks import check, check_failure, check_stream, scenario
from sink import Control, wait
from source import NET_SOCKET, SOURCE, SUPPLICANT, USER, busctl, output

ROOT = "/fi/w1/wpa_supplicant1"


def allowed_members():
    """The pairs of interface and member that our policy names."""
    policy = (SOURCE / "systemd/miracast-dbus.conf").read_text()
    return {(a.get("send_interface"), a.get("send_member"))
            for a in ElementTree.fromstring(policy).iter("allow") if a.get("send_member")}


def members(path):
    """Every method of every interface that the supplicant has there, with its arguments' types."""
    r = busctl("call", SUPPLICANT, path, "org.freedesktop.DBus.Introspectable", "Introspect")
    text = r.stdout[r.stdout.index('"') + 1:r.stdout.rindex('"')]
    tree = ElementTree.fromstring(text.encode().decode("unicode_escape"))
    for interface in tree.iter("interface"):
        for method in interface.iter("method"):
            types = [a.get("type") for a in method.iter("arg") if a.get("direction") == "in"]
            yield interface.get("name"), method.get("name"), types


def empty(types):
    """Arguments that are as good as none: the answer shall come from the bus, not from the call."""
    values = {"s": [""], "o": ["/"], "b": ["false"], "v": ["s", ""]}
    return ["".join(types), *[v for t in types for v in values.get(t, ["0"])]] if types else []


@scenario("user miracast may call what it needs, and nothing else of the supplicant")
def policy(source, _sink):
    allowed, refused = allowed_members(), 0
    interface = busctl("call", SUPPLICANT, ROOT, SUPPLICANT, "GetInterface", "s",
                       source.interface, user=USER).stdout.split('"')[1]
    for path in (ROOT, interface):
        for name, member, types in members(path):
            if (name, member) in allowed:
                continue
            r = busctl("call", SUPPLICANT, path, name, member, *empty(types), user=USER)
            check(r.returncode != 0 and "denied" in r.stderr.lower(),
                  f"{name}.{member}: {r.stdout}{r.stderr}")
            refused += 1
    check(refused > 50, f"only {refused} members were tried")
    for name, member in sorted(allowed):
        if name == "org.freedesktop.DBus.Properties":
            continue
        # Wrong arguments: refused by the supplicant, that is, let through by the bus.
        path = ROOT if name == SUPPLICANT else interface
        r = busctl("call", SUPPLICANT, path, name, member, "x", "1", user=USER)
        check("denied" not in r.stderr.lower(), f"{name}.{member}: {r.stderr}")
    r = busctl("call", SUPPLICANT, ROOT, SUPPLICANT, "GetInterface", "s", source.interface,
               user="nobody")
    check("denied" in r.stderr.lower(), f"nobody may call: {r.stdout}{r.stderr}")
    return f"{refused} calls refused, {len(allowed)} allowed"


@scenario("nobody manages the radio: wpa_supplicant is given it, and keeps it")
def adoption(source, sink):
    source.restart_supplicant(has_radio=False)
    # As it is on a computer that has started without a network manager.
    subprocess.run(["/usr/sbin/ip", "link", "set", source.interface, "down"], check=True)
    try:
        sink.begin(accept="pbc", intent=1)
        source.cast("Test TV")
        read = check_stream(source, sink)
        r = busctl("call", SUPPLICANT, ROOT, SUPPLICANT, "GetInterface", "s", source.interface)
        check(r.returncode == 0, r.stderr)
        return read
    finally:
        source.restart_supplicant()


@scenario("another program has a group: busy, and it keeps its group")
def busy(source, sink):
    other = Control(pathlib.Path("/run/p2p/source") / f"p2p-dev-{source.interface}")
    sink.begin(accept="pbc", intent=1)
    check(other("P2P_GROUP_ADD freq=2437") == "OK", "no group")
    check(wait(source.group, 20), "no group")
    group = source.group()
    try:
        source.cast("Test TV")
        check_failure(source, "Wi-Fi Direct", "another program")
        check(source.group() == group, "the group is gone")
    finally:
        other(f"P2P_GROUP_REMOVE {group}")
        wait(lambda: not source.group(), 10)
    source.air.clear()
    source.cast("Test TV")
    return check_stream(source, sink)


# ---------------------------------------------------------------- miracast-net

# struct net_request and the error of struct net_reply (miracast/net.h).
ASK = """
import errno, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    s.connect(sys.argv[1])
except OSError as e:
    sys.exit(errno.errorcode[e.errno])
s.settimeout(30)
s.send(struct.pack("=6I", 1, 1, socket.if_nametoindex(sys.argv[2]), int(sys.argv[3]), 0, 0))
answer = s.recv(1000)
sys.exit(errno.errorcode.get(-struct.unpack_from("=i", answer, 8)[0], "OK") if answer else "EOF")
"""


def ask(user, interface, role):
    r = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}",
                        "--clear-groups", "python3", "-c", ASK, NET_SOCKET, interface, role],
                       capture_output=True, text=True, check=False)
    return r.stderr.strip()


@scenario("miracast-net serves user miracast alone, and no interface but a group's")
def helper(source, _sink):
    before = output("/usr/sbin/ip", "addr"), source.rules()
    # ENODEV: no radio's at all.
    for interface, error in (source.interface, "EPERM"), ("lo", "ENODEV"):
        for role in ("1", "2", "3"):
            answer = ask(USER, interface, role)
            check(answer == error, f"{interface} in role {role}: {answer}")
    check(ask("nobody", source.interface, "1") == "EACCES", "nobody is served")
    check((output("/usr/sbin/ip", "addr"), source.rules()) == before, "something changed")

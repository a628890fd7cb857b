# SPDX-License-Identifier: GPL-2.0-or-later
"""A TV gets through what keeps everybody else out, and nothing of it is left afterwards."""
import pathlib
import re
import subprocess

from checks import check, check_same, check_stream, check_streaming, scenario
from sink import wait
from source import SOURCE, output

ALL_OPEN = ("nft flush ruleset; ! grep -qs filter /proc/net/ip_tables_names || "
            "{ iptables-legacy -P INPUT ACCEPT; iptables-legacy -F; rmmod iptable_filter; }")


def shell(command):
    r = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    check(r.returncode == 0, f"{command}: {r.stdout}{r.stderr}")
    return r.stdout


def behind(source, sink, *commands, during=None, view=lambda rules: rules):
    """Streams behind a firewall, and the rule set is afterwards what it was."""
    for command in commands:
        shell(command)
    before = source.rules()
    try:
        sink.begin(accept="pbc", intent=1)
        source.cast("Test TV")
        if during:
            check_streaming(source)
            during()
        read = check_stream(source, sink)
        wait(lambda: not source.leftovers(), 20)
        check_same("the rule set", view(before), view(source.rules()))
        check("drop" in before or "DROP" in before or "reject" in before, "it let everything in")
    finally:
        subprocess.run(["sh", "-c", ALL_OPEN], check=False)
    return read


@scenario("nft, two chains that drop")
def nft_drop(source, sink):
    return behind(source, sink, "nft add table inet f", "nft 'add chain inet f i { type filter "
                  "hook input priority 0; policy drop; }'", "nft add table ip g",
                  "nft 'add chain ip g i { type filter hook input priority 10; policy drop; }'",
                  "nft add rule inet f i iif lo accept", "nft add rule ip g i iif lo accept")


@scenario("iptables-legacy that drops")
def legacy_drop(source, sink):
    return behind(source, sink, "modprobe -d $VM_MODULES_ROOT -a ip_tables iptable_filter x_tables "
                  "xt_tcpudp xt_comment", "iptables-legacy -A INPUT -i lo -j ACCEPT",
                  "iptables-legacy -P INPUT DROP")


@scenario("ufw enabled; its user can still ask it meanwhile")
def ufw(source, sink):
    def ask():
        check("Status: active" in shell("ufw status"), "ufw does not know its own state")
        shell("iptables-nft -S INPUT")

    try:
        return behind(source, sink, "ufw --force enable", during=ask)
    finally:
        subprocess.run(["ufw", "--force", "disable"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["sh", "-c", ALL_OPEN], check=False)


def without_zone(rules):
    """firewalld makes a zone's chains for its first interface and keeps them until it is reloaded.
    What leads to them goes with the interface, and would show."""
    return re.sub(r"\n\tchain \w+_miracast\w* \{\n(?:.*?\n)?\t\}\n", "", rules, flags=re.S)


@scenario("firewalld, the default zone")
def firewalld(source, sink):
    zone = pathlib.Path("/usr/lib/firewalld/zones/miracast.xml")
    text = zone.read_text()
    zone.unlink() # it ran before we were installed
    subprocess.run(["systemctl", "start", "firewalld"], check=True)
    try:
        check(wait(lambda: output("firewall-cmd", "--state").strip() == "running", 120),
              "firewalld does not start")
        check("miracast" not in output("firewall-cmd", "--get-zones"), "the zone is there already")
        zone.write_text(text)
        subprocess.run(["sh", f"{SOURCE}/systemd/live.sh", "reload"], check=True)
        check("miracast" in output("firewall-cmd", "--get-zones"), "firewalld was not told")

        def zones():
            check(source.group() in output("firewall-cmd", "--zone=miracast", "--list-interfaces"),
                  "the group is in another zone")
        read = behind(source, sink, during=zones, view=without_zone)
        check(output("firewall-cmd", "--zone=miracast", "--list-interfaces").strip() == "",
              "the interface is in the zone still")
        return read
    finally:
        subprocess.run(["systemctl", "stop", "firewalld"], check=False)
        subprocess.run(["sh", "-c", ALL_OPEN], check=False)

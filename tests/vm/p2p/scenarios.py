# SPDX-License-Identifier: GPL-2.0-or-later
"""What is tried over the air, and what must be true of it on the sink's side."""
import os
import pathlib
import re
import signal
import subprocess
import time

from sink import OUT, Sink, wait
from source import STATE, SUPPLICANT, USER, busctl, output

SCENARIOS = []


def scenario(name):
    def add(function):
        SCENARIOS.append((name, function))
        return function
    return add


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_stream(source, sink, stamps=10):
    code = source.end()
    check(code == 0, f"miracastd ended with {code}: {source.log()[-1500:]}")
    report = sink.report()
    check(report, "the sink has no report")
    read = report["video"]["stamps_read"]
    check(read >= stamps, f"only {read} stamps were read")
    check(report["ts"]["continuity_errors"] == 0 or report["rtp"]["lost"] > 0, report["ts"])
    return read


def check_failure(source, stage, *words):
    code = source.end()
    check(code == 1, f"miracastd ended with {code}: {source.log()[-1500:]}")
    last = [line for line in source.log().splitlines() if f": {stage}: " in line]
    check(last, f"no line about {stage}: {source.log()[-1500:]}")
    for word in words:
        check(word in last[-1], f"{word!r} is not in {last[-1]!r}")


def timeline(source, sink):
    """Seconds from miracastd's start; the sink's own are by its own clock, the same kernel's."""
    log = source.log()
    marks = []
    for what, pattern in (("found", r"found \"[^\"]*\".* at ([\d.]+)"),
                          ("formation", r"formation at ([\d.]+)"),
                          ("group", r"address at ([\d.]+)"),
                          ("address", r"connection at ([\d.]+)"),
                          ("RTSP", r"RTSP at ([\d.]+)")):
        times = re.findall(pattern, log)
        if times:
            marks.append(f"{what} {times[-1]}")
    states = {s["state"]: s["t_us"] for s in (source.report or {}).get("states", [])}
    if "started" in states:
        marks.append(f"PLAY {states['started'] / 1e6:.2f}")
    if sink.times.get("address"):
        marks.append(f"(sink's address {sink.times['address'] - source.began:.2f})")
    report = sink.report() or {}
    if report.get("connect_to_first_picture_us"):
        marks.append(f"first picture {report['connect_to_first_picture_us'] / 1e6:.2f} after RTSP")
    return ", ".join(marks)


# ---------------------------------------------------------------- it works

@scenario("happy: PBC, we own the group")
def owner(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV")
    read = check_stream(source, sink)
    check(sink.role == "client", f"the sink is {sink.role}")
    check(sink.saw("dev_passwd_id=4"), "the sink was not asked for a push button")
    check(sink.lease and sink.lease[1].endswith(".1"), f"lease {sink.lease}")
    check(sink.lease[2:4] == ["none", "none"], f"router or name server given: {sink.lease}")
    return f"{read} stamps"


@scenario("happy: PBC, the sink owns the group and gives an address by EAPOL")
def client_eapol(source, sink):
    sink.begin(accept="pbc", intent=14, give="eapol")
    source.cast("Test TV")
    read = check_stream(source, sink)
    check(sink.role == "GO", f"the sink is {sink.role}")
    check(sink.source_address.startswith("10.77.0."), sink.source_address)
    return f"{read} stamps"


@scenario("happy: PBC, the sink owns the group and gives an address by DHCP")
def client_dhcp(source, sink):
    sink.begin(accept="pbc", intent=14, give="dhcp")
    routes = output("/usr/sbin/ip", "route", "show", "default")
    resolver = pathlib.Path("/etc/resolv.conf").read_text() if \
        pathlib.Path("/etc/resolv.conf").exists() else ""
    source.cast("Test TV")
    check(source.wait_for("RTSP at"), f"no RTSP: {source.log()[-800:]}")
    check(output("/usr/sbin/ip", "route", "show", "default") == routes, "a default route came")
    check(not resolver or pathlib.Path("/etc/resolv.conf").read_text() == resolver,
          "the name server changed")
    read = check_stream(source, sink)
    check(sink.role == "GO" and sink.source_address.startswith("192.168.77."),
          f"{sink.role} {sink.source_address}")
    return f"{read} stamps"


@scenario("happy: no privilege in miracastd and its media process")
def privileges(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV")
    check(source.wait_for("streaming"), f"no stream: {source.log()[-800:]}")
    for pid in [source.daemon.pid] + [int(p) for p in output("pidof", "miracast-media").split()]:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        caps = re.findall(r"^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s+(\w+)", status, re.M)
        check(set(caps) == {"0" * 16}, f"capabilities of {pid}: {caps}")
        uids = re.search(r"^Uid:\s+(.*)", status, re.M).group(1).split()
        check(set(uids) == {str(USER)}, f"uids of {pid}: {uids}")
    check_stream(source, sink)


# ---------------------------------------------------------------- PINs

@scenario("pin: the sink shows one")
def pin_of_sink(source, sink):
    sink.begin(accept="pin-display", intent=1)
    p = source.cast("Test TV", "method=pin", stdin=subprocess.PIPE)
    check(source.wait_for("Enter the PIN"), f"nobody asked: {source.log()[-800:]}")
    check(wait(lambda: sink.given_pin, 10), "the sink shows no PIN")
    p.stdin.write(f"{sink.given_pin}\n".encode())
    p.stdin.flush()
    read = check_stream(source, sink)
    check(sink.given_pin not in source.log(), "the PIN is in the log")
    check(sink.saw("wps_method=Display"), sink.saw("GO-NEG-SUCCESS"))
    return f"{read} stamps"


@scenario("pin: we show one")
def pin_of_ours(source, sink):
    sink.begin(accept="pin-keypad", intent=1)
    source.cast("Test TV", "method=show-pin")
    check(source.wait_for("Enter this PIN"), f"none was shown: {source.log()[-800:]}")
    sink.given_pin = re.search(r"at the sink: (\d+)", source.log()).group(1)
    read = check_stream(source, sink)
    check(sink.saw("wps_method=Keypad"), sink.saw("GO-NEG-SUCCESS"))
    return f"{read} stamps"


@scenario("pin: a wrong one, three times")
def wrong_pin(source, sink):
    sink.begin(accept="pin-display", intent=1)
    p = source.cast("Test TV", "method=pin", stdin=subprocess.PIPE)
    for n in range(1, 4):
        check(wait(lambda: source.log().count("Enter the PIN") == n or p.poll() is not None, 120),
              f"asked {source.log().count('Enter the PIN')} times")
        p.stdin.write(b"12345670\n")
        p.stdin.flush()
    check_failure(source, "authorisation", "the PIN was wrong")


# ---------------------------------------------------------------- the sink will not, or goes

@scenario("refusal")
def refusal(source, sink):
    sink.begin(accept="reject")
    source.cast("Test TV")
    check_failure(source, "authorisation", "refused")


@scenario("no answer")
def no_answer(source, sink):
    sink.begin(accept="no")
    source.cast("Test TV")
    check_failure(source, "authorisation", "open its screen-mirroring input")
    check(sink.saw("P2P-GO-NEG-REQUEST"), "the sink was not even asked")


@scenario("leaves: the sink, while it streams")
def sink_leaves(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", seconds=60)
    check(source.wait_for("streaming"), f"no stream: {source.log()[-800:]}")
    sink.leave()
    code = source.end(40)
    check(code is not None and ("left the connection" in source.log() or
                                "the session ended" in source.log()), source.log()[-800:])


@scenario("leaves: we do, on SIGTERM")
def we_leave(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", seconds=60)
    check(source.wait_for("streaming"), f"no stream: {source.log()[-800:]}")
    time.sleep(2)
    source.daemon.send_signal(signal.SIGTERM)
    check(source.end(30) == 0, source.log()[-800:])
    check(wait(lambda: sink.saw("P2P-GROUP-REMOVED"), 20), "the sink was left in the group")


@scenario("leaves: the daemon is killed")
def killed(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", seconds=60)
    check(source.wait_for("streaming"), f"no stream: {source.log()[-800:]}")
    source.daemon.kill()
    source.end()
    check(wait(lambda: not [x for x in source.leftovers() if "interface" not in x], 15),
          f"left: {source.leftovers()}")
    # The group itself goes when the next run starts.
    source.cast("Nobody")
    wait(lambda: not source.leftovers(), 30)
    source.stop()


@scenario("persistent: paired once, then invited")
def persistent(source, sink):
    (STATE / "sinks").unlink(missing_ok=True)
    sink.control("SET persistent_reconnect 1")
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", "remember")
    check_stream(source, sink)
    wait(lambda: not source.leftovers(), 20)
    sink.begin(accept="no")
    source.cast("Test TV", "remember")
    read = check_stream(source, sink)
    check(not sink.saw("P2P-GO-NEG-REQUEST"), "it was negotiated again")
    (STATE / "sinks").unlink(missing_ok=True)
    return f"{read} stamps"


@scenario("radio: wpa_supplicant is killed while it streams")
def supplicant_killed(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", seconds=60)
    check(source.wait_for("streaming"), f"no stream: {source.log()[-800:]}")
    source.supplicant.kill()
    source.supplicant.wait()
    check(source.end(40) == 1, "not an error")
    check("wpa_supplicant is not running" in source.log(), source.log()[-800:])
    for name in re.findall(r"^(p2p-wlan\S+?)[@\s]", output("/usr/sbin/ip", "-br", "link"), re.M):
        subprocess.run(["iw", "dev", name, "del"], check=False)
    source.start_supplicant()


@scenario("radio: Wi-Fi is switched off while it streams")
def rfkill(source, sink):
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV", seconds=60)
    check(source.wait_for("streaming"), f"no stream: {source.log()[-800:]}")
    switch = next(p for p in pathlib.Path("/sys/class/rfkill").glob("rfkill*")
                  if (p / "device").resolve().name == "phy0")
    (switch / "soft").write_text("1")
    try:
        check(source.end(60) == 1, "not an error")
        check("Wi-Fi is off" in source.log() or "left the connection" in source.log(),
              source.log()[-800:])
    finally:
        (switch / "soft").write_text("0")
        time.sleep(2)


@scenario("hostile: another device with the sink's name, and one with control characters")
def twins(source, sink):
    sink.begin(accept="pbc", intent=1)
    twin = Sink("other", "wlan2", name="Test TV", info="000600111c44012c")
    try:
        twin.begin(accept="reject")
        source.cast(sink.address)
        read = check_stream(source, sink)
        check(not twin.saw("P2P-GO-NEG-REQUEST"), "the other one was asked")
    finally:
        twin.stop()
    return f"{read} stamps"


@scenario("hostile: elements of every shape")
def elements(source, sink):
    sink.begin(accept="no")
    for info in ("0000", "000600", "ffff0011", "000500111c4401", "000600101c440000"):
        sink.control(f"WFD_SUBELEM_SET 0 {info}")
        time.sleep(1)
    source.cast("Test TV")
    time.sleep(12)
    check('found "Test TV"' not in source.log(), "that is no sink")
    check(source.daemon.poll() is None, source.log()[-800:])
    sink.control(f"WFD_SUBELEM_SET 0 {sink.info}")


# ---------------------------------------------------------------- firewalls and the bus

def behind(source, sink, *rules):
    for rule in rules:
        subprocess.run(["sh", "-c", rule], check=True)
    before = output("nft", "list", "ruleset"), output("iptables-legacy-save")
    try:
        sink.begin(accept="pbc", intent=1)
        source.cast("Test TV")
        read = check_stream(source, sink)
        wait(lambda: not source.leftovers(), 20)
        after = output("nft", "list", "ruleset"), output("iptables-legacy-save")
        strip = [re.sub(r"^#.*\n|\[\d+:\d+\]", "", t, flags=re.M) for t in (before[1], after[1])]
        check(before[0] == after[0] and strip[0] == strip[1], "the rule set is another")
    finally:
        subprocess.run("nft flush ruleset; iptables-legacy -P INPUT ACCEPT; iptables-legacy -F",
                       shell=True, check=False)
    return f"{read} stamps"


@scenario("firewall: nft that drops everything")
def nft_drop(source, sink):
    return behind(source, sink, "nft add table inet f", "nft 'add chain inet f i { type filter "
                  "hook input priority 0; policy drop; }'", "nft add table ip g",
                  "nft 'add chain ip g i { type filter hook input priority 10; policy drop; }'",
                  "nft add rule inet f i iif lo accept", "nft add rule ip g i iif lo accept")


@scenario("firewall: iptables-legacy that drops everything")
def legacy_drop(source, sink):
    return behind(source, sink, "modprobe -d $VM_MODULES_ROOT -a ip_tables iptable_filter x_tables "
                  "xt_tcpudp xt_comment", "iptables-legacy -A INPUT -i lo -j ACCEPT",
                  "iptables-legacy -P INPUT DROP")


@scenario("bus: user miracast may what it needs, and no more")
def policy(source, _sink):
    path = "/fi/w1/wpa_supplicant1"
    allowed = busctl("call", SUPPLICANT, path, SUPPLICANT, "GetInterface", "s", source.interface,
                     user=USER)
    check(allowed.returncode == 0, f"GetInterface: {allowed.stderr}")
    interface = allowed.stdout.split('"')[1]
    refused = [
        (path, SUPPLICANT, "CreateInterface", "a{sv}", "0"),
        (path, SUPPLICANT, "RemoveInterface", "o", interface),
        (interface, SUPPLICANT + ".Interface", "AddNetwork", "a{sv}", "0"),
        (interface, SUPPLICANT + ".Interface", "AddBlob", "say", "x", "0"),
        (interface, SUPPLICANT + ".Interface", "Scan", "a{sv}", "0"),
        (interface, SUPPLICANT + ".Interface", "Disconnect"),
        (interface, SUPPLICANT + ".Interface", "SetPKCS11EngineAndModulePath", "ss", "a", "b"),
        (interface, SUPPLICANT + ".Interface.P2PDevice", "GroupAdd", "a{sv}", "0"),
        (interface, SUPPLICANT + ".Interface.P2PDevice", "AddService", "a{sv}", "0"),
        (interface, SUPPLICANT + ".Interface.P2PDevice", "RemoveAllPersistentGroups"),
    ]
    for call in refused:
        r = busctl("call", SUPPLICANT, *call, user=USER)
        check(r.returncode != 0 and "denied" in r.stderr.lower(), f"{call[2]}: {r.stderr}")
    r = busctl("call", SUPPLICANT, path, SUPPLICANT, "GetInterface", "s", source.interface,
               user=65534)
    check("denied" in r.stderr.lower(), "nobody may call")
    return f"{len(refused)} calls refused"


# ---------------------------------------------------------------- a bad path

@scenario("path: loss on the group")
def loss(source, sink):
    sink.begin(accept="pbc", intent=1)
    subprocess.run(["modprobe", "-d", os.environ["VM_MODULES_ROOT"], "sch_netem"], check=False)
    source.cast("Test TV", seconds=12)
    check(source.wait_for("RTSP at"), f"no RTSP: {source.log()[-800:]}")
    group = next(iter(re.findall(r"^(p2p-wlan\S+?)[@\s]", output("/usr/sbin/ip", "-br", "link"),
                                 re.M)))
    subprocess.run(["tc", "qdisc", "add", "dev", group, "root", "netem", "loss", "2%"], check=True)
    read = check_stream(source, sink)
    return f"{read} stamps"

# SPDX-License-Identifier: GPL-2.0-or-later
"""NetworkManager runs, with a station connection on the radio that we use."""
import pathlib
import re
import subprocess

from checks import check, check_failure, check_stream, check_streaming, scenario
from sink import RUN, wait
from source import output

ACCESS_POINT = """ctrl_interface=DIR=/run/p2p/home
country=DE
network={
ssid="home"
mode=2
key_mgmt=WPA-PSK
proto=RSN
psk="correct horse"
frequency=2437
}
"""
CONNECTION = """[connection]
id=home
type=wifi
interface-name=wlan0
[wifi]
ssid=home
[wifi-security]
key-mgmt=wpa-psk
psk=correct horse
[ipv4]
method=manual
address1=192.168.50.2/24,192.168.50.1
dns=192.168.50.1;
[ipv6]
method=disabled
"""
CONFIG = """[main]
plugins=keyfile
[keyfile]
unmanaged-devices=interface-name:hwsim*
"""


class Home:
    """An access point in the third namespace, and this computer's connection to it."""
    up = False

    @classmethod
    def begin(cls, source):
        if cls.up:
            return
        cls.up = True
        inside = ["ip", "netns", "exec", "other"]
        (RUN / "home.conf").write_text(ACCESS_POINT)
        cls.log = RUN / "access-point.log"
        subprocess.Popen([*inside, "wpa_supplicant", "-i", "wlan2", "-Dnl80211", "-c",
                          RUN / "home.conf", "-t", "-f", cls.log])
        check(wait(lambda: cls.log.exists() and "AP-ENABLED" in cls.log.read_text(), 30), "no AP")
        subprocess.run([*inside, "/usr/sbin/ip", "addr", "add", "192.168.50.1/24", "dev", "wlan2"],
                       check=True)
        pathlib.Path("/etc/NetworkManager/NetworkManager.conf").write_text(CONFIG)
        home = pathlib.Path("/etc/NetworkManager/system-connections/home.nmconnection")
        home.parent.mkdir(parents=True, exist_ok=True)
        home.write_text(CONNECTION)
        home.chmod(0o600)
        subprocess.run(["systemctl", "start", "NetworkManager"], check=True)
        check(wait(lambda: cls.state("wlan0") == "connected", 120),
              f"no station connection: {output('nmcli', 'device')}")
        check(wait(cls.reaches, 30), "the access point does not answer")

    @staticmethod
    def devices():
        return dict(re.findall(r"^(.*):(.*)$", output("nmcli", "-t", "-f", "DEVICE,STATE", "device"),
                               re.M))

    @classmethod
    def state(cls, device):
        return cls.devices().get(device)

    @staticmethod
    def reaches():
        return subprocess.run(["ping", "-c", "3", "-W", "2", "192.168.50.1"], check=False,
                              stdout=subprocess.DEVNULL).returncode == 0

    @staticmethod
    def view():
        """What the station connection is made of."""
        return (output("/usr/sbin/ip", "-4", "addr", "show", "dev", "wlan0"),
                output("/usr/sbin/ip", "route", "show", "dev", "wlan0"),
                pathlib.Path("/etc/resolv.conf").read_text())


# While it is there, NetworkManager does not hear of a group.
HUSH = pathlib.Path("/run/miracast-net/hush.conf")


def cast_beside(source, sink, role, **options):
    """A stream, and NetworkManager's connection as if there were none."""
    Home.begin(source)
    before, gone = Home.view(), Home.log.read_text().count("AP-STA-DISCONNECTED")
    sink.begin(accept="pbc", **options)
    source.cast("Test TV")
    check_streaming(source)
    check(Home.reaches(), "the access point is not reached while it streams")
    devices = Home.devices()
    check(devices["wlan0"] == "connected", devices)
    check(devices.get(source.group(), "unmanaged") == "unmanaged", devices)
    check(devices["p2p-dev-wlan0"] == "disconnected", devices)
    check(sink.frequency == 2437, f"the group is on {sink.frequency} MHz")
    check(not HUSH.exists(), "NetworkManager is kept from hearing while it streams")
    read = check_stream(source, sink, role=role)
    told = output("journalctl", "--no-pager", "-u", "NetworkManager")
    check("notified a group start" not in told, f"NetworkManager heard of a group: {told[-900:]}")
    check(Home.log.read_text().count("AP-STA-DISCONNECTED") == gone, "the station left meanwhile")
    check(Home.view() == before, f"before {before}, after {Home.view()}")
    return f"{read}, group on {sink.frequency} MHz"


@scenario("a station connection by NetworkManager is kept, on one channel with our group")
def station(source, sink):
    return cast_beside(source, sink, "client", intent=1)


@scenario("a station connection by NetworkManager is kept, on one channel with the sink's group")
def station_of_client(source, sink):
    return cast_beside(source, sink, "GO", intent=14, give="eapol")


@scenario("miracast-net is killed while a group is made: NetworkManager hears of groups again")
def helper_killed(source, sink):
    Home.begin(source)
    sink.begin(accept="no")
    source.cast("Test TV")
    check(wait(HUSH.exists, 60), "NetworkManager hears of the group")
    subprocess.run(["systemctl", "kill", "--kill-who=main", "--signal=KILL", "miracast-net"],
                   check=True)
    check(wait(lambda: not HUSH.exists(), 30), "the rule stays")


@scenario("a group that NetworkManager makes works with our files; we are busy meanwhile")
def group_of_manager(source, sink):
    Home.begin(source)
    sink.begin(accept="pbc", intent=14, give="eapol", no_rtsp=True)
    subprocess.run(["nmcli", "connection", "delete", "tv"], check=False, capture_output=True)
    r = subprocess.run(["nmcli", "connection", "add", "type", "wifi-p2p", "con-name", "tv",
                        "ifname", "p2p-dev-wlan0", "wifi-p2p.peer", sink.address, "autoconnect",
                        "no", "ipv6.method", "disabled"], capture_output=True, text=True,
                       check=False)
    check(r.returncode == 0, r.stderr)
    for _ in range(3):
        r = subprocess.run(["nmcli", "--wait", "120", "connection", "up", "tv"],
                           capture_output=True, text=True, check=False)
        if r.returncode == 0:
            break
        # Emulated, a frame may come too late, and NetworkManager does not try again by itself.
        sink.begin(accept="pbc", intent=14, give="eapol", no_rtsp=True)
    check(r.returncode == 0, f"{r.stdout}{r.stderr}")
    check(sink.role == "GO" and Home.state("p2p-dev-wlan0") == "connected", Home.devices())
    group = source.group()
    source.cast("Test TV")
    check_failure(source, "Wi-Fi Direct", "another program")
    check(source.group() == group and Home.state("p2p-dev-wlan0") == "connected", Home.devices())
    subprocess.run(["nmcli", "connection", "down", "tv"], check=True, capture_output=True)
    check(wait(lambda: not source.group(), 20), "NetworkManager leaves its group")
    source.air.clear()
    sink.begin(accept="pbc", intent=1)
    source.cast("Test TV")
    return check_stream(source, sink)

# SPDX-License-Identifier: GPL-2.0-or-later
"""This computer: wpa_supplicant on the bus, miracast-net, miracastd as user miracast.

Where systemd runs (a case with a root of its own) miracast-net is its unit, with all its confinement,
started by its socket; elsewhere it is a plain process.
"""
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import time

from sink import BUILD, OUT, RUN, uptime, wait

SOURCE = pathlib.Path(os.environ["VM_SOURCE"])
STATE = pathlib.Path("/var/lib/miracast")
USER = "miracast"
HAS_SYSTEMD = pathlib.Path("/run/systemd/system").exists()
NET_SOCKET = pathlib.Path("/run/miracast-net/socket") if HAS_SYSTEMD else RUN / "net/socket"
SUPPLICANT = "fi.w1.wpa_supplicant1"
SCALE = os.environ.get("MIRACAST_TIME_SCALE", "6")
SUPPLICANT_LOG, NET_LOG = RUN / "supplicant-source.log", RUN / "net.log"


def output(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          check=False).stdout


def copy(name, target):
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCE / name, target)


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def busctl(*arguments, user=None):
    command = ["busctl", "--system", *arguments]
    if user is not None:
        command = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}",
                   "--clear-groups", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Source:
    def __init__(self, air, interface="wlan0", is_managed=False):
        self.air, self.interface, self.is_managed = air, interface, is_managed
        self.daemon, self.report = None, None
        self.out_path = self.log_path = None
        self.net_begin = 0
        self.make_user()
        copy("systemd/miracast-dbus.conf", "/etc/dbus-1/system.d/miracast.conf")
        if HAS_SYSTEMD:
            self.install()
        else:
            pathlib.Path("/run/dbus").mkdir(exist_ok=True)
            # Who asks for wpa_supplicant gets the one of the scenario, or none.
            subprocess.run(["mount", "-t", "tmpfs", "none", "/usr/share/dbus-1/system-services"],
                           check=True)
            subprocess.run(["dbus-daemon", "--system", "--fork"], check=True)
            self.start_net()
        self.start_supplicant()

    @staticmethod
    def make_user():
        subprocess.run(["systemd-sysusers", SOURCE / "systemd/miracast.sysusers"], check=True)
        STATE.mkdir(parents=True, exist_ok=True)
        shutil.chown(STATE, USER)

    @staticmethod
    def install():
        # What Debian starts by itself: each scenario takes what it wants.
        subprocess.run(["systemctl", "--quiet", "stop", "NetworkManager", "firewalld", "ufw",
                        "wpa_supplicant"], check=False)
        # firewalld leaves an empty table.
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        unit = pathlib.Path(BUILD, "systemd/miracast-net.service")
        program = pathlib.Path(re.search(r"^ExecStart=(\S+)", unit.read_text(), re.M).group(1))
        program.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"{BUILD}/daemon/miracast-net", program)
        shutil.copy(unit, "/etc/systemd/system")
        copy("systemd/miracast-net.socket", "/etc/systemd/system/miracast-net.socket")
        copy("systemd/70-miracast.rules", "/etc/udev/rules.d/70-miracast.rules")
        copy("systemd/firewalld-zone.xml", "/usr/lib/firewalld/zones/miracast.xml")
        subprocess.run(["systemctl", "reload", "dbus"], check=True)
        subprocess.run(["udevadm", "control", "--reload"], check=True)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "start", "miracast-net.socket"], check=True)

    def start_supplicant(self, has_radio=True):
        config = RUN / "source.conf"
        config.write_text("ctrl_interface=DIR=/run/p2p/source\ncountry=DE\n")
        # NetworkManager tells it by itself which radios there are.
        radio = ["-i", self.interface, "-Dnl80211", "-c", config] \
            if has_radio and not self.is_managed else []
        self.supplicant = subprocess.Popen(
            ["wpa_supplicant", "-u", "-s", *radio, "-t", "-f", SUPPLICANT_LOG],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: self.get_ies() is not None, 20)

    def restart_supplicant(self, **options):
        self.supplicant.terminate()
        self.supplicant.wait()
        self.start_supplicant(**options)

    def start_net(self):
        NET_SOCKET.parent.mkdir(parents=True, exist_ok=True)
        self.net = subprocess.Popen([f"{BUILD}/daemon/miracast-net", "-v", "--socket", NET_SOCKET],
                                    stdout=NET_LOG.open("a"), stderr=subprocess.STDOUT)
        wait(NET_SOCKET.exists, 20)

    @staticmethod
    def get_ies():
        r = busctl("get-property", SUPPLICANT, "/fi/w1/wpa_supplicant1", SUPPLICANT, "WFDIEs")
        return r.stdout.strip() if r.returncode == 0 else None

    # ------------------------------------------------------------ one session

    def cast(self, sink, *options, seconds=300, name="source", stdin=None, scale=SCALE, extra=()):
        self.name, self.report = name, None
        # What is for the user (a PIN!) and what is for the log are told apart.
        self.out_path, self.log_path = RUN / f"{name}.out", RUN / f"{name}.log"
        self.net_begin = size_of(NET_LOG)
        words = ",".join([sink, f"net={NET_SOCKET}", f"state={STATE}/sinks", *options])
        # No capability, no privilege, no way back to one.
        command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
                   "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
                   f"{BUILD}/daemon/miracastd", "-v", "--p2p", words, "--source",
                   "pattern:640x480@30", "--rate", "4000000", "--seconds", str(seconds),
                   "--report", str(STATE / f"{name}.json"), *extra]
        # What it writes is read here, not by the journal.
        environment = {k: v for k, v in os.environ.items() if k != "JOURNAL_STREAM"}
        self.began = uptime()
        self.daemon = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL,
                                       stdout=self.out_path.open("w"),
                                       stderr=self.log_path.open("w"),
                                       env={**environment, "MIRACAST_TIME_SCALE": str(scale)})
        return self.daemon

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path else ""

    def told(self):
        return self.out_path.read_text(errors="replace")

    def net_log(self):
        if HAS_SYSTEMD:
            return output("journalctl", "--no-pager", "-u", "miracast-net")
        return NET_LOG.read_bytes()[self.net_begin:].decode(errors="replace")

    def addresses(self):
        """What the radio may send as: the station's address, and the same made a local one."""
        own = pathlib.Path(f"/sys/class/net/{self.interface}/address").read_text().strip()
        return own, f"{int(own[:2], 16) | 0x40:02x}{own[2:]}"

    def wait_for(self, word, seconds=240):
        return wait(lambda: word in self.log() or self.daemon.poll() is not None, seconds) and \
            word in self.log()

    def wait_told(self, word, seconds=240):
        return wait(lambda: word in self.told() or self.daemon.poll() is not None, seconds) and \
            word in self.told()

    def end(self, seconds=240):
        try:
            code = self.daemon.wait(seconds)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            code = None
        path = STATE / f"{self.name}.json"
        self.report = json.loads(path.read_text()) if path.exists() else None
        path.unlink(missing_ok=True)
        return code

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.end(20)

    # ------------------------------------------------------------ what is there

    @staticmethod
    def group():
        """The interface of the group, or None. One that is down is the supplicant's own: it makes it
        before it negotiates, and keeps it for the next time when that is cancelled."""
        found = re.search(r"^(p2p-(?!dev)\S+) .*<(?:\S+,)?UP[,>]",
                          output("/usr/sbin/ip", "-br", "link"), re.M)
        return found and found.group(1)

    @staticmethod
    def rules():
        """Every rule of every kind of firewall, without what counts packets."""
        text = output("nft", "list", "ruleset")
        if pathlib.Path("/proc/net/ip_tables_names").exists():
            text += output("iptables-legacy-save")
        return re.sub(r"^#.*\n|\[\d+:\d+\]|counter packets \d+ bytes \d+", "", text, flags=re.M)

    @classmethod
    def leftovers(cls):
        """What a session may not leave: a group, an address, a child, a rule."""
        found = [f"interface {cls.group()}"] if cls.group() else []
        addresses = output("/usr/sbin/ip", "-br", "-4", "addr")
        found += [f"address {a}" for a in re.findall(r"^p2p\S+.*\d+\.\d+\.\d+\.\d+", addresses,
                                                     re.M)]
        for process in ("dnsmasq", "dhcpcd", "miracast-media"):
            for pid in output("pidof", process).split():
                state = pathlib.Path(f"/proc/{pid}/stat")
                if state.exists() and " Z " not in state.read_text():
                    # Those of the sink live in its namespace.
                    if os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                        found.append(f"process {process}")
        if "miracast-net" in output("nft", "list", "ruleset"):
            found.append("firewall rule")
        return found

    def settle(self):
        wait(lambda: not self.leftovers(), 15)
        return self.leftovers()

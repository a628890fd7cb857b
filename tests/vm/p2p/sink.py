# SPDX-License-Identifier: GPL-2.0-or-later
"""A television: wpa_supplicant in a network namespace, somebody who answers for it, miracast-sink."""
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

BUILD = os.environ["VM_BUILD"]
OUT = pathlib.Path("/out")
RUN = pathlib.Path("/run/p2p")

CONFIG = """ctrl_interface=DIR={run}
device_name={name}
device_type=7-0050F204-1
config_methods=virtual_push_button display keypad
country=DE
update_config=1
p2p_go_intent=7
"""

# What udhcpc does with a lease; $serverid is who gave it.
LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
/usr/sbin/ip addr add "$ip/$mask" dev "$interface"
echo "$ip $serverid ${router:-none} ${dns:-none} $lease" >"{file}"
"""

TRY_RTSP = """
import socket, sys
s = socket.create_connection((sys.argv[1], 7236), 20)
s.settimeout(20)
try:
    print(s.recv(1000).decode(), end="")
except ConnectionResetError:
    pass
"""

HWSIM = pathlib.Path("/sys/kernel/debug/ieee80211")
PHYS = {}  # the radio of each interface


def uptime():
    return float(pathlib.Path("/proc/uptime").read_text().split()[0])


class Control:
    """One control socket of wpa_supplicant: commands, and events by a second one."""

    def __init__(self, path, on_event=None):
        self.socket, self.lock = self.open(path, "c"), threading.Lock()
        if on_event:
            events = self.open(path, "e")
            events.send(b"ATTACH")
            threading.Thread(target=self.listen, args=(events, on_event), daemon=True).start()

    @staticmethod
    def open(path, kind):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        own = RUN / f"{kind}-{os.getpid()}-{id(s)}"
        s.bind(str(own))
        s.connect(str(path))
        return s

    def __call__(self, command):
        with self.lock:
            self.socket.settimeout(10)
            self.socket.send(command.encode())
            return self.socket.recv(65536).decode(errors="replace").strip()

    @staticmethod
    def listen(events, on_event):
        while True:
            try:
                text = events.recv(65536).decode(errors="replace")
            except OSError:
                return
            on_event(re.sub(r"^<\d>", "", text))


class Sink:
    """behaviour: accept (pbc, late, pin-display, pin-keypad, reject, no), intent, give (dhcp, eapol).
    """

    def __init__(self, namespace, interface, name="Test TV", info="000600111c440004", options=""):
        self.namespace, self.interface, self.name = namespace, interface, name
        self.folder = RUN / namespace
        self.folder.mkdir(parents=True, exist_ok=True)
        self.frames = self.folder / "frames.csv"
        self.info, self.options = info, options
        self.behaviour = {}
        self.events, self.times = [], {}
        self.processes = []
        self.group = None
        self.player = None
        self.given_pin = None
        self.secrets = set()
        self.start()

    def inside(self, *command):
        return ["ip", "netns", "exec", self.namespace, *map(str, command)]

    def start(self):
        config = self.folder / "supplicant.conf"
        text = CONFIG.format(run=self.folder / "ctrl", name=self.name)
        # A name may be no text at all.
        config.write_bytes((text + self.options + "\n").encode(errors="surrogateescape"))
        # Not over 9p, and without debug messages: each would hold the supplicant up, emulated, and
        # frames do not wait.
        log = RUN / f"supplicant-{self.namespace}.log"
        self.supplicant = subprocess.Popen(
            self.inside("wpa_supplicant", "-i", self.interface, "-Dnl80211", "-c", config, "-t",
                        "-f", log), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = self.folder / "ctrl" / f"p2p-dev-{self.interface}"
        if not wait(lambda: path.exists(), 20):
            path = self.folder / "ctrl" / self.interface
        wait(lambda: path.exists(), 20)
        self.control = Control(path, self.on_event)
        self.control("SET wifi_display 1")
        self.control(f"WFD_SUBELEM_SET 0 {self.info}")
        self.address = re.search(r"p2p_device_address=(\S+)", self.control("STATUS")).group(1)

    # ------------------------------------------------------------ what it does by itself

    def on_event(self, text):
        words = text.split()
        if not words or words[0].startswith(("CTRL-EVENT-SCAN", "CTRL-EVENT-BSS")):
            return
        self.events.append(f"{uptime():.2f} {text}")
        self.secrets.update(re.findall(r"(?:psk|passphrase)=\"?([^\"\s]+)", text))
        handler = getattr(self, "on_" + words[0].replace("-", "_").lower(), None)
        if handler:
            try:
                handler(words, text)
            except Exception as e:  # pylint: disable=broad-except
                self.events.append(f"{uptime():.2f} EXCEPTION {e!r}")

    def on_p2p_go_neg_request(self, words, _text):
        accept, intent = self.behaviour.get("accept", "pbc"), self.behaviour.get("intent", 1)
        peer = words[1]
        if accept == "late":
            # A user looks for the remote control; the television asks once.
            self.behaviour["accept"] = "no"
            threading.Timer(25, lambda: self.control(
                f"P2P_CONNECT {peer} pbc persistent go_intent={intent}")).start()
        elif accept == "pbc":
            self.control(f"P2P_CONNECT {peer} pbc persistent go_intent={intent}")
        elif accept == "reject":
            self.control(f"P2P_REJECT {peer}")
            self.control("P2P_LISTEN 600")

    def on_p2p_prov_disc_show_pin(self, words, _text):
        """The source will enter the PIN that we show now."""
        if self.behaviour.get("accept") == "pin-display":
            self.set_pin(words[2])
            self.control(f"P2P_CONNECT {words[1]} {words[2]} display "
                         f"go_intent={self.behaviour.get('intent', 1)} auth")

    def set_pin(self, pin):
        self.given_pin = pin
        self.secrets.add(pin)

    def on_p2p_prov_disc_enter_pin(self, words, _text):
        if self.behaviour.get("accept") != "pin-keypad":
            return
        peer, self.given_pin = words[1], None

        def enter():
            # A user reads it from the source's screen. By then the source has asked in vain once,
            # and it is for the television to begin.
            if wait(lambda: self.given_pin, 30):
                self.control(f"P2P_CONNECT {peer} {self.given_pin} keypad "
                             f"go_intent={self.behaviour.get('intent', 1)}")
        threading.Thread(target=enter, daemon=True).start()

    def on_p2p_prov_disc_pbc_req(self, _words, _text):
        """As owner already: somebody wants to join."""
        if self.group and self.behaviour.get("accept") == "pbc":
            self.push_button()

    def on_p2p_group_started(self, words, text):
        self.group, role = words[1], words[2]
        self.times["group"] = uptime()
        self.role = role
        frequency = re.search(r"freq=(\d+)", text)
        self.frequency = int(frequency.group(1)) if frequency else 0
        # Listening elsewhere it would not be there for its group.
        self.control("P2P_STOP_FIND")
        if self.behaviour.get("silent"):
            return
        threading.Thread(target=self.network, args=(role, text), daemon=True).start()

    def on_p2p_group_removed(self, _words, _text):
        self.group = None
        self.stop_children()
        self.control("P2P_LISTEN 600")

    def on_p2p_go_neg_failure(self, _words, _text):
        self.control("P2P_LISTEN 600")

    def on_p2p_group_formation_failure(self, _words, _text):
        self.control("P2P_LISTEN 600")

    # ------------------------------------------------------------ its network

    def network(self, role, text):
        if role == "client":
            self.get_lease()
        elif self.behaviour.get("give", "dhcp") == "dhcp":
            self.give_lease()
        else:
            self.give_by_eapol()

    def get_lease(self):
        lease, script = self.folder / "lease", self.folder / "udhcpc"
        lease.unlink(missing_ok=True)
        script.write_text(LEASE.replace("{file}", str(lease)))
        script.chmod(0o755)
        self.spawn("udhcpc", "busybox", "udhcpc", "-f", "-i", self.group, "-t", "20", "-T", "1",
                   "-s", script)
        if wait(lease.exists, 40):
            time.sleep(0.1)
            self.lease = lease.read_text().split()
            self.times["address"] = uptime()
            self.play(self.lease[1])

    def give_lease(self):
        subprocess.run(self.inside("/usr/sbin/ip", "addr", "add", "192.168.77.1/24", "dev",
                                   self.group), check=False)
        config = self.folder / "udhcpd.conf"
        (self.folder / "leases").write_text("")
        config.write_text(f"start 192.168.77.10\nend 192.168.77.20\ninterface {self.group}\n"
                          f"lease_file {self.folder}/leases\noption subnet 255.255.255.0\n"
                          f"option router 192.168.77.1\noption dns 192.168.77.1\n"
                          f"pidfile {self.folder}/udhcpd.pid\n"
                          f"option lease {self.behaviour.get('lease', 3600)}\nmin_lease 5\n")
        self.spawn("udhcpd", "busybox", "udhcpd", "-f", config)
        self.find_source("192.168.77.1")

    def give_by_eapol(self):
        subprocess.run(self.inside("/usr/sbin/ip", "addr", "add", "10.77.0.1/24", "dev",
                                   self.group), check=False)
        self.find_source("10.77.0.1")

    def find_source(self, _own):
        """As owner a sink knows its client by the lease or by what it gave; here: who answers."""
        def look():
            out = subprocess.run(self.inside("/usr/sbin/ip", "-4", "neigh", "show", "dev",
                                             self.group or "lo"), capture_output=True, text=True,
                                 check=False).stdout
            found = re.search(r"^(\d+\.\d+\.\d+\.\d+) lladdr", out, re.M)
            return found and found.group(1)
        base = "10.77.0" if self.behaviour.get("give") == "eapol" else "192.168.77"
        end = uptime() + 60
        while uptime() < end and self.group:
            pings = [subprocess.Popen(self.inside("ping", "-c", "1", "-W", "1", f"{base}.{last}"),
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                     for last in range(10, 14)]
            for p in pings:
                p.wait()
            address = look()
            if address:
                self.times["address"] = uptime()
                self.play(address)
                return

    def play(self, address):
        self.source_address = address
        if self.behaviour.get("no-rtsp"):
            return
        time.sleep(self.behaviour.get("rtsp-delay", 0))
        report = OUT / f"sink-{self.namespace}.json"
        report.unlink(missing_ok=True)
        self.player = self.spawn("miracast-sink", f"{BUILD}/tests/sink/miracast-sink", "--connect",
                                 address, "--report", report, "--wait", "60",
                                 "--rtsp-log", OUT / f"rtsp-{self.namespace}.log",
                                 "--frames", self.frames,
                                 *self.behaviour.get("sink-options", []))

    def spawn(self, name, *command):
        log = (OUT / f"{name}-{self.namespace}.log").open("a")
        p = subprocess.Popen(self.inside(*command), stdout=log, stderr=log,
                             stdin=subprocess.DEVNULL)
        self.processes.append(p)
        return p

    # ------------------------------------------------------------ for the scenarios

    def begin(self, **behaviour):
        self.stop_children()
        self.behaviour = {k.replace("_", "-"): v for k, v in behaviour.items()}
        self.events.clear()
        self.secrets.clear()
        self.times, self.lease, self.source_address, self.given_pin = {}, None, None, None
        self.role, self.frequency, self.player = None, 0, None
        self.frames.unlink(missing_ok=True)
        # As owner it keeps a group that we left.
        self.leave()
        wait(lambda: not self.group, 10)
        self.control("P2P_STOP_FIND")
        self.control("P2P_FLUSH")
        if self.behaviour.get("give") == "eapol":
            for key, value in (("go", "10.77.0.1"), ("mask", "255.255.255.0"),
                               ("start", "10.77.0.10"), ("end", "10.77.0.20")):
                self.control(f"SET ip_addr_{key} {value}")
        else:
            for key in ("go", "mask", "start", "end"):
                self.control(f"SET ip_addr_{key} 0.0.0.0")
        self.control("P2P_LISTEN 600")

    def own(self):
        """A group of its own, as dongles and some televisions have from the start."""
        self.control("P2P_GROUP_ADD freq=2437")
        wait(lambda: self.group, 20)

    def push_button(self):
        Control(self.folder / "ctrl" / self.group)("WPS_PBC")

    def forget(self):
        self.control("REMOVE_NETWORK all")

    def vanish(self):
        """Nobody hears it any more, nor it anybody."""
        (HWSIM / PHYS[self.interface] / "hwsim/group").write_text("2")

    def come_back(self):
        (HWSIM / PHYS[self.interface] / "hwsim/group").write_text("1")
        self.leave()

    def try_rtsp(self, address):
        """What somebody here gets from the RTSP port at that address; None: no connection."""
        r = subprocess.run(self.inside("python3", "-c", TRY_RTSP, address), capture_output=True,
                           text=True, check=False)
        return r.stdout if r.returncode == 0 else None

    def leave(self):
        if self.group:
            self.control(f"P2P_GROUP_REMOVE {self.group}")

    def report(self):
        path = OUT / f"sink-{self.namespace}.json"
        if self.player:
            try:
                self.player.wait(120)  # it decodes all that came
            except subprocess.TimeoutExpired:
                threads = pathlib.Path(f"/proc/{self.player.pid}/task").glob("*")
                print("# the sink does not end:", *(f"{(t / 'comm').read_text().strip()}: "
                      f"{(t / 'wchan').read_text()} {(t / 'syscall').read_text().strip()};"
                      for t in threads), flush=True)
                return None
        return json.loads(path.read_text()) if path.exists() and path.stat().st_size else None

    def stamps(self):
        """How many it has read so far."""
        text = self.frames.read_text() if self.frames.exists() else ""
        return len(re.findall(r"^-?\d+,\d+,", text, re.M))

    def saw(self, word):
        return [e for e in self.events if word in e]

    def stop_children(self):
        player = self.player
        for p in self.processes:
            if p is not player and p.poll() is None:
                p.kill()
                p.wait()
        self.processes = [p for p in self.processes if p.poll() is None]

    def stop(self):
        self.stop_children()
        self.supplicant.terminate()
        self.supplicant.wait()


def wait(condition, seconds, step=0.1):
    end = uptime() + seconds
    while uptime() < end:
        if condition():
            return True
        time.sleep(step)
    return bool(condition())

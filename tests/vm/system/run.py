#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The case system: run.py WORD|WORD - the story of a cast on an installed computer, then faults.

Each step needs those before it; with words, faults are chosen by them, and the story goes on as far
as they need it. Order and content are asserted, never times: those are printed.
"""
import json
import os
import pathlib
import re
import secrets
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import faults  # noqa: E402
import machine  # noqa: E402
from machine import Session, output, run, uptime, wait  # noqa: E402
from sink import OUT, RUN, Sink  # noqa: E402

BUILD = os.environ["VM_BUILD"]
README = pathlib.Path(os.environ["VM_SOURCE"], "README.md")
# Two modes that cost the same, so that a slow machine does not leave one of them out.
PROFILE = """wfd_video_formats: 08 00 01 10 0000000a 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
"""
DROP_IN = """[Service]
Environment=MIRACAST_TIME_SCALE=4
"""
# Where the GPU's driver is no GPU's, X wants to be told (docs/compositors.md).
XORG = """Section "Device"
  Identifier "primary"
  Driver "modesetting"
  Option "kmsdev" "/dev/dri/{gpu}"
EndSection
Section "Device"
  Identifier "sink"
  Driver "modesetting"
  Option "kmsdev" "/dev/dri/{card}"
  Option "AccelMethod" "none"
EndSection
Section "Screen"
  Identifier "screen"
  Device "primary"
  GPUDevice "sink"
EndSection
"""


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(str(text)[-1500:])


class Story:
    """What the steps share."""

    def __init__(self):
        self.nonce = secrets.token_hex(4)
        self.seat = Session("seat", "tester", "xfce", 7)
        self.sink = None
        self.output = None
        self.own_outputs = []

    # ------------------------------------------------------------ what many need

    def get_outputs(self):
        """RandR's: name -> (connected, geometry or None)."""
        code, text = self.seat("env", "DISPLAY=:0", "xrandr", "-q")
        check(code == 0, text)
        return {m.group(1): (m.group(2) == "connected", m.group(3)) for m in re.finditer(
            r"^(\S+) (connected|disconnected)(?: primary)?(?: (\d+x\d+\+\d+\+\d+))?", text, re.M)}

    def find_output(self):
        """One that was not there when nothing was cast."""
        names = [n for n, (connected, _) in self.get_outputs().items()
                 if connected and n not in self.own_outputs]
        return names[0] if names else None

    def connect(self, *options):
        self.sink.begin(accept="pbc", intent=1,
                        sink_options=["--profile", "/run/sink.profile", "--picture",
                                      "/out/picture.png", "--dump", "/tmp/cast.ts"])
        self.began = uptime()
        code, text = self.seat.ctl("connect", self.sink.name, *options)
        check(code == 0, f"connect: {code}: {text}\n{machine.get_journal(self.began)[-900:]}")
        return text

    def extend(self):
        """As a click in the desktop's settings would."""
        check(wait(self.find_output, 60, 1), f"no new output: {self.get_outputs()}")
        self.output = self.find_output()
        code, text = self.seat("env", "DISPLAY=:0", "xrandr", "--output", self.output, "--auto",
                               "--right-of", self.own_outputs[0])
        check(code == 0, text)
        check(wait(lambda: self.get_geometry(), 30, 1), "the output is not lit")

    def get_geometry(self):
        return self.get_outputs().get(self.output, (False, None))[1]

    def show_stamps(self):
        """On the new display, and nowhere else."""
        run("pkill", "-x", "stamp-window")
        size, x, y = re.match(r"(\d+x\d+)\+(\d+)\+(\d+)", self.get_geometry()).groups()
        width, height = (int(v) for v in size.split("x"))
        self.seat.begin("env", "DISPLAY=:0", f"{BUILD}/tests/vm/stamp-window", self.nonce,
                        f"{min(width, 640)}x{min(height, 480)}+{x}+{y}")

    def cast(self):
        """A whole one, up to stamps on the sink's display."""
        text = self.connect()
        self.extend()
        self.show_stamps()
        return text

    def disconnect(self):
        code, text = self.seat.ctl("disconnect")
        check(code == 0, f"disconnect: {text}")
        left = machine.settle()
        check(not left, f"left behind: {left}")
        return self.sink.report()

    def end(self):
        """Whatever state a failed step left."""
        run("pkill", "-x", "stamp-window")
        if machine.is_active():
            run("miracastctl", "disconnect", "--all")
        machine.settle(30)

    def check_stamps(self, report, least=5):
        check(report, "the sink has no report")
        check(report["video"]["stamps_read"] >= least,
              f"{report['video']['stamps_read']} stamps were read")
        check(report.get("nonce", "").lower() == self.nonce, f"nonce {report.get('nonce')}")
        return report["video"]["stamps_read"]


# ---------------------------------------------------------------- the story

STEPS = []


def step(name):
    def add(function):
        STEPS.append((name, function))
        return function
    return add


@step("installed: the packages make user and module, load it, and give its node to the service")
def installed(_story):
    code, text = run("dpkg", "-i", *sorted(pathlib.Path(BUILD, "package").glob("*.deb")))
    (OUT / "install.txt").write_text(text + "\n")
    check(code == 0, text)
    check("/updates/dkms/" in output("modinfo", "-F", "filename", "miracast"), text)
    check(os.path.isdir("/sys/module/miracast"), f"the module is not loaded: {text}")
    check(wait(lambda: output("stat", "-c", "%U %a", "/dev/miracast") == "miracast 600", 20),
          output("stat", "-c", "%U %a", "/dev/miracast"))
    return output("dpkg-query", "-W", "miracastd", "miracast-dkms").replace("\t", " ").replace(
        "\n", ", ")


@step("enabled: systemctl enable --now miracastd")
def enabled(_story):
    pathlib.Path("/run/systemd/system/miracastd.service.d").mkdir(parents=True, exist_ok=True)
    pathlib.Path("/run/systemd/system/miracastd.service.d/slow.conf").write_text(DROP_IN)
    run("systemctl", "daemon-reload")
    code, text = run("systemctl", "enable", "--now", "miracastd")
    check(code == 0 and machine.is_active(), f"{text}\n{output('systemctl', 'status', 'miracastd')}")


@step("air: a television is in range, and NetworkManager has this computer's Wi-Fi")
def air(story):
    RUN.mkdir(parents=True, exist_ok=True)
    RUN.chmod(0o755)
    pathlib.Path("/run/sink.profile").write_text(PROFILE)
    run("modprobe", "mac80211_hwsim", "radios=2", check=True)
    run("iw", "reg", "set", "DE")
    run("ip", "netns", "add", "sink", check=True)
    wait(lambda: run("iw", "phy", "phy1", "set", "netns", "name", "sink")[0] == 0, 20)
    run("ip", "netns", "exec", "sink", "ip", "link", "set", "lo", "up")
    story.sink = Sink("sink", "wlan1")
    check(wait(lambda: "wlan0" in output("nmcli", "-t", "-f", "DEVICE,STATE", "device"), 60),
          output("nmcli", "device"))
    return output("nmcli", "-t", "-f", "DEVICE,STATE", "device").replace("\n", ", ")


@step("desktop: a user logs in at the screen")
def desktop(story):
    if not os.path.exists("/dev/dri/renderD128"):
        cards = {("card" if "miracast" in os.path.realpath(c) else "gpu"): c.name
                 for c in pathlib.Path("/sys/class/drm").glob("card?")}
        pathlib.Path("/etc/X11/xorg.conf").write_text(XORG.format(**cards))
    story.seat.start()
    story.xorg = output("pidof", "Xorg")
    sessions = output("loginctl", "list-sessions", "--no-legend")
    check("seat0" in sessions, sessions)
    story.own_outputs = [n for n, (connected, _) in story.get_outputs().items() if connected]
    check(len(story.own_outputs) == 1, story.get_outputs())
    return " ".join(sorted(story.get_outputs()))


@step("doctor: finds nothing that is in the way")
def doctor(story):
    code, text = story.seat.ctl("doctor")
    (OUT / "doctor.txt").write_text(text)
    check(code == 0, text)


@step("outside: other users are refused, with a sentence")
def outside(story):
    story.sink.begin(accept="pbc", intent=1)
    run("useradd", "--create-home", "--shell", "/bin/bash", "other")
    remote = Session("remote", "other", "idle")
    remote.start()
    asked = {"a user without a session": run("runuser", "-u", "other", "--", "miracastctl",
                                             "connect", story.sink.name),
             "a session of another user, not at the seat": remote.ctl("connect", story.sink.name)}
    remote.stop()
    for who, (code, text) in asked.items():
        check(code == 5, f"{who}: {code}: {text}")
        check("call from the active session of a seat" in text, f"{who}: {text}")
    check(not story.sink.saw("P2P-GO-NEG-REQUEST"), "the sink was asked all the same")
    code, text = run("runuser", "-u", "other", "--", "cat", "/dev/miracast")
    check(code and "denied" in text, text)
    return "; ".join(text.splitlines()[-1] for _, text in asked.values())


def readme_commands():
    text = README.read_text()
    section = text[text.index("## First cast"):]
    return re.findall(r"^\$ (.*)$", section[:section.index("\n## ")], re.M)


@step("first cast: README's commands, typed by the user at the screen")
def first_cast(story):
    commands = readme_commands()
    check(len(commands) == 3, commands)
    story.sink.begin(accept="pbc", intent=1, sink_options=["--profile", "/run/sink.profile"])
    seen = []
    for command in commands:
        code, text = story.seat("bash", "-c", command, limit=300)
        for _ in range(5):
            # Five seconds are not long for a computer that is emulated.
            if code != 0 and "list" in command:
                code, text = story.seat("bash", "-c", command, limit=300)
        check(code == 0, f"{command}: {code}: {text}\n{machine.get_journal(0)[-900:]}")
        seen.append(f"{command}: {' / '.join(text.split(chr(10)))}")
        if "list" in command:
            check(story.sink.name in text, text)
        if " connect" in command:
            check(wait(machine.is_plugged, 30), "no display")
    left = machine.settle()
    check(not left, f"left behind: {left}")
    (OUT / "first-cast.txt").write_text("\n".join(seen) + "\n")


@step("cast: the desktop is extended to the display, the sink shows what is drawn there")
def cast(story):
    story.cast()
    story.began_cast = story.began
    time.sleep(10)
    code, text = story.seat.ctl("status")
    check(code == 0 and "display   on" in text, text)
    (OUT / "status.txt").write_text(text)
    devices = output("nmcli", "-t", "-f", "DEVICE,STATE", "device")
    check(re.search(r"^p2p-wlan0-\d+:unmanaged", devices, re.M), f"NetworkManager: {devices}")
    return f"{story.output} {story.get_geometry()}"


@step("sandbox: no capability, no new privileges, seccomp in the daemon and in media")
def sandbox(_story):
    found = []
    for pid in [machine.get_main_pid(), *machine.get_media_pids()]:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        name = re.search(r"^Name:\s+(\S+)", status, re.M).group(1)
        caps = set(re.findall(r"^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s+(\w+)", status, re.M))
        seccomp = re.search(r"^Seccomp:\s+(\d)", status, re.M).group(1)
        privileges = re.search(r"^NoNewPrivs:\s+(\d)", status, re.M).group(1)
        check(caps == {"0" * 16} and seccomp == "2" and privileges == "1",
              f"{name}: {caps}, Seccomp {seccomp}, NoNewPrivs {privileges}")
        found.append(name)
    check(len(found) == 2, found)
    exposure = output("systemd-analyze", "security", "--no-pager", "miracastd").splitlines()[-1]
    return exposure.strip("→ ")


@step("xrandr: lists the display with the sink's modes, and no other")
def xrandr(story):
    _, text = story.seat("env", "DISPLAY=:0", "xrandr", "-q", "--prop")
    (OUT / "xrandr.txt").write_text(text)
    block = text[text.index(story.output):]
    modes = re.findall(r"^\s+(\d+x\d+)\s", block.split("\nVirtual-")[0], re.M)
    check(set(modes) == {"720x480", "720x576"}, modes)
    return f"{story.output}: {' '.join(modes)}"


@step("settings: the display's name stands in the settings window")
def settings(story):
    story.seat.begin("env", "DISPLAY=:0", "kcmshell5", "kcm_kscreen")
    show = ["env", "DISPLAY=:0"]
    wait(lambda: "Display Configuration" in story.seat(*show, "xwininfo", "-root", "-tree")[1], 120,
         2)
    time.sleep(25)  # it paints late
    story.seat(*show, "import", "-window", "root", "/tmp/settings.png")
    run("cp", "/tmp/settings.png", OUT)
    run("pkill", "-x", "kcmshell5")
    story.seat.begin(*show, "xfce4-display-settings")
    time.sleep(20)
    story.seat(*show, "import", "-window", "root", "/tmp/settings-xfce.png")
    run("cp", "/tmp/settings-xfce.png", OUT)
    run("pkill", "-f", "xfce4-display-settings")
    check((OUT / "settings.png").exists(), "no screenshot")


@step("mode: another one in the desktop's settings is another one on the sink")
def mode(story):
    before = story.get_geometry().split("+")[0]
    other = {"720x480": "720x576", "720x576": "720x480"}[before]
    code, text = story.seat("env", "DISPLAY=:0", "xrandr", "--output", story.output, "--mode",
                            other)
    check(code == 0, text)
    width, height = (int(v) for v in other.split("x"))
    check(wait(lambda: [s for s in machine.get_sessions()
                        if (s["mode"]["width"], s["mode"]["height"]) == (width, height)], 60, 1),
          machine.get_sessions())
    story.show_stamps()
    time.sleep(8)
    return f"{before} to {other}"


@step("end: disconnect, and nothing is left; the sink has decoded stamp and nonce")
def end(story):
    report = story.disconnect()
    run("pkill", "-x", "stamp-window")
    (OUT / "sink.json").write_text(json.dumps(report, indent=2))
    count = story.check_stamps(report)
    log = (OUT / "rtsp-sink.log").read_text(errors="replace")
    check(len(re.findall(r"SET_PARAMETER.*?wfd_video_formats", log, re.S)) >= 1, "no M4")
    check(output("pidof", "Xorg") == story.xorg, "the X server is another one")
    print(f"#   {timeline(story, report)}", flush=True)
    return f"{count} stamps, nonce {report['nonce']}"


def timeline(story, report):
    """Seconds since `miracastctl connect`, by the journal and the sink."""
    marks, began = [], story.began_cast
    for what, pattern in (("group", r"P2P-GROUP-STARTED"),):
        at = [float(e.split()[0]) for e in story.sink.events if re.search(pattern, e)]
        marks += [f"{what} {at[0] - began:.1f}"] if at else []
    if story.sink.times.get("address"):
        marks.append(f"address {story.sink.times['address'] - began:.1f}")
    journal = [(float(m.group(1)), m.group(2)) for line in
               machine.get_journal(began).splitlines()
               if (m := re.match(r"\[ *([\d.]+)\] \S+ \S+: (.*)", line))]
    for what, word in (("streaming", "streaming"), ("display on", "display on")):
        at = [t for t, text in journal if word in text]
        marks += [f"{what} {at[0] - began:.1f}"] if at else []
    marks.append(f"first picture {report['connect_to_first_picture_us'] / 1e6:.1f} after RTSP")
    return "connect 0, " + ", ".join(marks)


# ---------------------------------------------------------------- GNOME's compositor

@step("mutter: lists the display with the sink's name")
def mutter(story):
    story.seat.stop()
    wait(lambda: not output("pidof", "Xorg"), 30)
    wayland = Session("wayland", "tester", "mutter", 7)
    wayland.start()
    story.sink.begin(accept="pbc", intent=1, sink_options=["--profile", "/run/sink.profile"])
    code, text = wayland.ctl("connect", story.sink.name)
    check(code == 0, text)
    get = ["gdbus", "call", "--session", "--dest", "org.gnome.Mutter.DisplayConfig",
           "--object-path", "/org/gnome/Mutter/DisplayConfig", "--method",
           "org.gnome.Mutter.DisplayConfig.GetCurrentState"]
    wait(lambda: story.sink.name in wayland(*get)[1], 60, 2)
    state = wayland(*get)[1]
    (OUT / "mutter.txt").write_text(state + "\n")
    found = re.search(r"\('(Virtual-\d+)', '(\w+)', '([^']*)', '[^']*'\)[^\]]*?'is-current': <true>",
                      state[state.index(story.sink.name) - 60:] if story.sink.name in state else "")
    check(wait(lambda: any("display   on" in wayland.ctl("status")[1] for _ in [0]), 60, 2),
          wayland.ctl("status")[1])
    code, text = wayland.ctl("disconnect")
    check(code == 0, text)
    check(story.sink.name in state, state[:1500])
    left = machine.settle()
    check(not left, f"left behind: {left}")
    wayland.stop()
    story.seat.start()
    story.xorg = output("pidof", "Xorg")
    return " ".join(found.groups()) if found else story.sink.name


# ---------------------------------------------------------------- all of it

def attempt(number, name, function, story):
    began = uptime()
    try:
        text = function(story) or ""
        print(f"ok {number} {name}{': ' if text else ''}{text} ({uptime() - began:.0f} s)",
              flush=True)
        return True
    except Exception as e:  # pylint: disable=broad-except
        print(f"not ok {number} {name}: {e}".replace("\n", "\n#   "), flush=True)
        if not isinstance(e, Failure):
            print("#   " + traceback.format_exc().replace("\n", "\n#   "), flush=True)
        (OUT / f"failed-{number}.log").write_text(
            machine.get_journal(began) + "\n" +
            "\n".join(story.sink.events if story.sink else []) + "\n")
        return False


def main(words):
    story = Story()
    needed = ("installed", "enabled", "air", "desktop")
    steps = [(n, f) for n, f in STEPS if not words or n.startswith(needed) or
             any(w in n for w in words)]
    chosen = [(n, f) for n, f in faults.FAULTS if not words or any(w in n for w in words)]
    print(f"# systemd at {uptime():.0f} s", flush=True)
    good = []
    for number, (name, function) in enumerate([*steps, *chosen], 1):
        good.append(attempt(number, name, function, story))
        if not good[-1] and name.startswith(needed):
            break
        if not good[-1]:
            story.end()
        machine.save_logs()
    machine.save_logs()
    return 0 if good and all(good) else 1


faults.check = check
if __name__ == "__main__":
    sys.exit(main([w for w in " ".join(sys.argv[1:]).split("|") if w]))

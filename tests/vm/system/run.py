#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The case system: run.py WORD|WORD - the story of a cast on an installed computer, then faults.

Told in two boots, as a stranger has it: one in which the packages are installed, one that starts with
what they left. With words only those steps and faults are told that have one in their names, and what
they need. Order and content are asserted, never times: those are printed. What fails does not keep the
rest from being tried.
"""
import json
import os
import pathlib
import re
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import faults  # noqa: E402
import machine  # noqa: E402
from machine import Session, output, run, uptime, wait  # noqa: E402
from sink import RUN, Sink  # noqa: E402
from story import BUILD, OUT, PROFILES, TIME_SCALE, Failure, Story, check  # noqa: E402

README = pathlib.Path(os.environ["VM_SOURCE"], "README.md")
SLOW = f"""[Service]
Environment=MIRACAST_TIME_SCALE={TIME_SCALE}
"""
# What the first boot hands to the second one.
FIRST_BOOT = pathlib.Path("/var/lib/vm-system.json")

# ---------------------------------------------------------------- the story

BEFORE, AFTER = [], []  # the restart


def step(name, boot=AFTER):
    def add(function):
        boot.append((name, function))
        return function
    return add


def node():
    return output("stat", "-c", "%U %a", "/dev/miracast")


@step("installed: the packages make user and module, load it, and give its node to the service", BEFORE)
def installed(_story):
    code, text = run("dpkg", "-i", *sorted(pathlib.Path(BUILD, "package").glob("*.deb")))
    (OUT / "install.txt").write_text(text + "\n")
    check(code == 0, text)
    check("/updates/dkms/" in output("modinfo", "-F", "filename", "miracast"), text)
    check(machine.is_loaded(), f"the module is not loaded: {text}")
    check(wait(lambda: node() == "miracast 600", 20), node())
    return output("dpkg-query", "-W", "miracastd", "miracast-dkms").replace("\t", " ").replace(
        "\n", ", ")


@step("enabled: systemctl enable --now miracastd", BEFORE)
def enabled(_story):
    code, text = run("systemctl", "enable", "--now", "miracastd")
    check(code == 0 and machine.is_active(), f"{text}\n{output('systemctl', 'status', 'miracastd')}")


@step("started: after a restart module and service are there by themselves")
def started(_story):
    check(machine.is_loaded() and node() == "miracast 600", node())
    check("/updates/dkms/" in output("modinfo", "-F", "filename", "miracast"), "which module?")
    check(wait(machine.is_active, 60), output("systemctl", "status", "miracastd"))
    running = output("systemctl", "is-system-running")
    failed = output("systemctl", "list-units", "--failed", "--no-legend", "--plain")
    check("miracast" not in failed, failed)
    folder = machine.UNITS / "miracastd.service.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slow.conf").write_text(SLOW)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "miracastd", check=True)
    return f"the system is {running}{', failed: ' if failed else ''}{failed}"


@step("air: a television is in range, and NetworkManager has this computer's Wi-Fi")
def air(story):
    RUN.mkdir(parents=True, exist_ok=True)
    RUN.chmod(0o755)
    for name, text in PROFILES.items():
        pathlib.Path(f"/run/sink-{name}.profile").write_text(text)
    run("modprobe", "mac80211_hwsim", "radios=2", check=True)
    run("iw", "reg", "set", "DE")
    run("ip", "netns", "add", "sink", check=True)
    wait(lambda: run("iw", "phy", "phy1", "set", "netns", "name", "sink")[0] == 0, 20)
    run("ip", "netns", "exec", "sink", "ip", "link", "set", "lo", "up")
    story.sink = Sink("sink", "wlan1")
    check(wait(lambda: "wlan0" in output("nmcli", "-t", "-f", "DEVICE,STATE", "device"), 60),
          output("nmcli", "device"))
    return output("nmcli", "-t", "-f", "DEVICE,STATE", "device").replace("\n", ", ")


@step("late: a module that is loaded after the service is used by it")
def late(story):
    run("systemctl", "stop", "miracastd", check=True)
    run("modprobe", "-r", "miracast", check=True)
    try:
        run("systemctl", "start", "miracastd", check=True)
        check(not machine.is_loaded(), "something loads it")
        run("modprobe", "miracast", check=True)
        check(wait(lambda: node() == "miracast 600", 20), node())
        story.turn_on()
        began = uptime()
        code, text = run("miracastctl", "connect", story.sink.name)
        check(code == 0, f"{text}\n{machine.get_journal(began)[-900:]}")
        check(machine.is_plugged(), "no display")
        code, text = run("miracastctl", "disconnect")
        check(code == 0, text)
        left = machine.settle()
        check(not left, f"left behind: {left}")
    finally:
        run("modprobe", "miracast")
        run("systemctl", "restart", "miracastd")


@step("desktop: a user logs in at the screen")
def desktop(story):
    story.log_in()
    sessions = output("loginctl", "list-sessions", "--no-legend")
    check("seat0" in sessions, sessions)
    (OUT / "providers.txt").write_text(story.x("xrandr", "--listproviders")[1])
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
    story.turn_on()
    seen = []
    for command in commands:
        code, text = story.seat("bash", "-c", command, limit=300)
        for _ in range(5):
            # Five seconds are not long for a computer that is emulated.
            if "list" in command and story.sink.name not in text:
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
    (OUT / "last-picture.png").unlink(missing_ok=True)
    story.cast()
    story.wait_stamps()
    code, text = story.seat.ctl("status")
    check(code == 0 and "display   on" in text, text)
    (OUT / "status.txt").write_text(text)
    devices = output("nmcli", "-t", "-f", "DEVICE,STATE", "device")
    check("wlan0:disconnected" in devices.split(), f"NetworkManager lost its radio: {devices}")
    check(not re.search(r"^p2p-wlan0-\d+:(?!unmanaged)", devices, re.M), f"or has ours: {devices}")
    return f"{story.output} {story.get_geometry()}"


@step("sandbox: no capability, no new privileges, seccomp in the daemon and in media")
def sandbox(story):
    story.keep_casting()
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
    story.keep_casting()
    _, text = story.x("xrandr", "-q", "--prop")
    (OUT / "xrandr.txt").write_text(text)
    block = text[text.index(story.output):]
    modes = re.findall(r"^\s+(\d+x\d+)\s", block.split("\nVirtual-")[0], re.M)
    check(set(modes) == {"720x480", "720x576"}, modes)
    return f"{story.output}: {' '.join(modes)}"


def show_window(story, name, title, *command):
    """A picture of the screen with that window on it, once it has been painted."""
    log = f"/tmp/{name}.log"
    run("pkill", "-f", "xfce4-display-settings")  # the small one, which asks what to do
    run("pkill", "-x", "stamp-window")
    story.seat.begin("env", "DISPLAY=:0", *command, log=log)

    def count_colours():
        code, text = story.x("import", "-window", "root", f"/tmp/{name}.png")
        check(code == 0, text)
        return int(output("identify", "-format", "%k", f"/tmp/{name}.png"))
    blank = count_colours()
    is_mapped = wait(lambda: re.search(rf'"[^"]*{title}[^"]*".* \d{{3,}}x\d{{3,}}\+',
                                       story.x("xwininfo", "-root", "-tree")[1]), 240, 2)
    wait(lambda: count_colours() > blank + 100, 120, 5)
    time.sleep(20)  # it goes on painting
    colours = count_colours()
    run("cp", f"/tmp/{name}.png", OUT)
    run("pkill", "-f", command[-1])
    check(is_mapped, f"no window: {pathlib.Path(log).read_text()[-1500:]}")
    check(colours > blank + 100, f"an empty window: {colours} colours, {blank} without it")
    return f"{name}.png: {colours} colours, {blank} without the window"


KSCREEN = "/usr/lib/x86_64-linux-gnu/libexec/kf5/kscreen_backend_launcher"


@step("settings: the display's name stands in the settings window")
def settings(story):
    story.keep_casting()
    # Started by the bus it would have five seconds, which is not long for an emulated computer.
    story.seat.begin("env", "DISPLAY=:0", KSCREEN)
    wait(lambda: story.seat("busctl", "--user", "status", "org.kde.KScreen")[0] == 0, 120, 2)
    _, known = story.x("kscreen-console", "outputs")
    (OUT / "kscreen.txt").write_text(known)
    text = show_window(story, "settings", "Display Configuration", "kcmshell5", "kcm_kscreen")
    check(story.sink.name in known, f"not by its name: {known}")
    return text


@step("settings of Xfce: list the display")
def settings_xfce(story):
    story.keep_casting()
    return show_window(story, "settings-xfce", "Display", "xfce4-display-settings")


@step("mode: another one in the desktop's settings is another one on the sink")
def mode(story):
    story.keep_casting()
    before = story.get_geometry().split("+")[0]
    other = {"720x480": "720x576", "720x576": "720x480"}[before]
    story.extend("--mode", other)
    width, height = (int(v) for v in other.split("x"))
    check(wait(lambda: [s for s in machine.get_sessions()
                        if (s["mode"]["width"], s["mode"]["height"]) == (width, height)], 60, 1),
          machine.get_sessions())
    story.show_stamps()
    story.wait_stamps()
    return f"{before} to {other}"


@step("end: disconnect, and nothing is left; the sink has decoded stamp and nonce")
def end(story):
    story.keep_casting()
    story.wait_stamps()
    report = story.disconnect()
    run("pkill", "-x", "stamp-window")
    (OUT / "sink.json").write_text(json.dumps(report, indent=2))
    count = story.check_stamps(report)
    run("cp", OUT / "last-picture.png", OUT / "picture.png", check=True)
    log = (OUT / "rtsp-sink.log").read_text(errors="replace")
    check(len(re.findall(r"SET_PARAMETER.*?wfd_video_formats", log, re.S)) >= 1, "no M4")
    check(output("pidof", "Xorg") == story.xorg, "the X server is another one")
    print(f"#   {timeline(story, report)}", flush=True)
    return f"{count} stamps, nonce {report['nonce']}"


def timeline(story, report):
    """Seconds since `miracastctl connect`, by the journal and the sink."""
    marks, began = [], story.began
    for what, pattern in (("group", r"P2P-GROUP-STARTED"),):
        at = [float(e.split()[0]) for e in story.sink.events if re.search(pattern, e)]
        marks += [f"{what} {at[0] - began:.1f}"] if at else []
    if story.sink.times.get("address"):
        marks.append(f"address {story.sink.times['address'] - began:.1f}")
    journal = [(float(m.group(1)), m.group(2)) for line in
               machine.get_journal(began).splitlines()
               if (m := re.match(r"\[ *([\d.]+)\] \S+ \S+: (.*)", line))]
    at = [t for t, text in journal if "streaming" in text]
    marks += [f"streaming {at[0] - began:.1f}"] if at else []
    marks.append(f"first picture {report['connect_to_first_picture_us'] / 1e6:.1f} after the sink's "
                 "connection")
    return "connect 0, " + ", ".join(marks)


# ---------------------------------------------------------------- GNOME's compositor

GET_STATE = ["gdbus", "call", "--session", "--dest", "org.gnome.Mutter.DisplayConfig",
             "--object-path", "/org/gnome/Mutter/DisplayConfig", "--method",
             "org.gnome.Mutter.DisplayConfig.GetCurrentState"]


def cast_to_mutter(story, wayland):
    story.turn_on("large")
    code, text = wayland.ctl("connect", story.sink.name)
    check(code == 0, text)
    wait(lambda: story.sink.name in wayland(*GET_STATE)[1], 60, 2)
    state = wayland(*GET_STATE)[1]
    (OUT / "mutter.txt").write_text(state + "\n")
    check(story.sink.name in state, state[:1500])
    check(wait(lambda: "display   on" in wayland.ctl("status")[1], 90, 2), wayland.ctl("status")[1])
    code, text = wayland.ctl("disconnect")
    check(code == 0, text)
    left = machine.settle()
    check(not left, f"left behind: {left}")
    found = re.search(rf"\('(Virtual-\d+)', '(\w*)', '{story.sink.name}'", state)
    return " ".join(found.groups()) if found else state[:300]


@step("mutter: GNOME's compositor lists the display with the sink's name, and extends to it")
def mutter(story):
    story.seat.stop()
    wait(lambda: not output("pidof", "Xorg"), 30)
    wayland = Session("wayland", "tester", "mutter", 7)
    try:
        wayland.start()
        return cast_to_mutter(story, wayland)
    finally:
        run("miracastctl", "disconnect", "--all")
        wayland.stop()
        story.log_in()


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
            output("journalctl", "-q", "-b", "-o", "short-monotonic",
                   f"--since=-{uptime() - began + 5:.0f}s") + "\n" + describe(story) + "\n")
        return False


def describe(story):
    try:
        return story.describe()
    except Exception as e:  # pylint: disable=broad-except
        return repr(e)


def mend(story):
    try:
        story.mend()
    except Exception as e:  # pylint: disable=broad-except
        print(f"# not mended: {e!r}".replace("\n", "\n#   "), flush=True)


def tell(steps, story, number):
    """Returns those that passed or not, in their order."""
    good = []
    for name, function in steps:
        good.append(attempt(number + len(good), name, function, story))
        machine.save_logs()
        if not good[-1] and name.startswith("desktop"):
            break
        if not good[-1]:
            mend(story)
    return good


NEEDED = ("installed", "enabled", "started", "air", "desktop")


def choose(steps, words):
    return [(n, f) for n, f in steps
            if not words or n.startswith(NEEDED) or any(w in n for w in words)]


def main(words):
    story = Story()
    print(f"# systemd at {uptime():.0f} s", flush=True)
    if not FIRST_BOOT.exists():
        good = tell(BEFORE, story, 1)
        FIRST_BOOT.write_text(json.dumps(good))
        run("systemctl", "reboot", check=True)
        time.sleep(600)
        return 1
    good = json.loads(FIRST_BOOT.read_text())
    good += tell(choose([*AFTER, *faults.FAULTS], words), story, len(good) + 1)
    return 0 if all(good) else 1


if __name__ == "__main__":
    os.environ["MIRACAST_TIME_SCALE"] = TIME_SCALE
    sys.exit(main([w for w in " ".join(sys.argv[1:]).split("|") if w]))

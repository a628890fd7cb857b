# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks while the desktop is on the television, and what is promised for each."""
import os
import pathlib
import re
import signal

import machine
from machine import Session, output, run, uptime, wait
from story import BUILD, check

FAULTS = []


def fault(name):
    def add(function):
        FAULTS.append((name, function))
        return function
    return add


def check_desktop(story):
    check(output("pidof", "Xorg") == story.xorg, "the X server is gone")
    check(story.get_outputs(), "the X server does not answer")


def check_gone(story, seconds=60):
    """The display, the group and all that goes with it."""
    run("pkill", "-x", "stamp-window")
    left = machine.settle(seconds)
    check(not left, f"left behind: {left}")
    check_desktop(story)


def check_again(story):
    """It can be used again, without anybody's help."""
    story.cast()
    story.wait_stamps()
    count = story.check_stamps(story.disconnect(), 1)
    run("pkill", "-x", "stamp-window")
    return count


def check_reason(began, *words):
    journal = machine.get_journal(began)
    for word in words:
        check(re.search(word, journal, re.I), f"{word!r} is not in the journal: {journal[-1200:]}")


@fault("fault: media is killed; the session goes on")
def kill_media(story):
    story.cast()
    media = machine.get_media_pids()
    os.kill(media[0], signal.SIGKILL)
    check(wait(lambda: machine.get_media_pids() not in ([], media), 30), "no successor")
    story.wait_stamps()
    session = machine.get_sessions()
    check(session and session[0]["state"] == "started" and session[0]["media_restarts"] == 1,
          session)
    check(machine.is_plugged(), "the display went")
    report = story.disconnect()
    check_desktop(story)
    return f"{story.check_stamps(report, 1)} stamps, {report['rtp']['lost']} datagrams lost"


@fault("fault: the daemon is killed; the display goes, the desktop stays, systemd starts it again")
def kill_daemon(story):
    story.cast()
    before, pid = machine.get_restarts(), machine.get_main_pid()
    os.kill(pid, signal.SIGKILL)
    check(wait(lambda: not machine.is_plugged(), 10), "the display stays")
    check_desktop(story)
    check(wait(lambda: machine.get_restarts() == before + 1 and machine.is_active(), 60),
          f"{machine.get_restarts()} restarts")
    check_gone(story)
    return f"{check_again(story)} stamps afterwards"


@fault("fault: wpa_supplicant is killed; the session ends with its reason")
def kill_supplicant(story):
    story.cast()
    began = uptime()
    run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "wpa_supplicant")
    check(wait(lambda: not machine.is_plugged(), 60), "the display stays")
    check_gone(story)
    check_reason(began, r"session \d+: connection: wpa_supplicant is not running")
    check(machine.is_active() and machine.get_media_pids() == [], "the service did not stay")
    return f"{check_again(story)} stamps afterwards"


@fault("fault: the computer sleeps; the session ends before, and can be had again")
def sleep(story):
    story.cast()
    began = uptime()
    pathlib.Path("/sys/power/pm_test").write_text("freezer")
    code, text = run("systemctl", "suspend")
    check(code == 0, text)
    check(wait(lambda: "suspend exit" in output("journalctl", "-q", "-b", "-k"), 120, 1),
          "it did not sleep")
    lines = output("journalctl", "-q", "-b", "-o", "short-monotonic").splitlines()
    at = {}
    for line in lines:
        m = re.match(r"\[ *([\d.]+)\]", line)
        if m and float(m.group(1)) >= began:
            if "PM: suspend entry" in line:
                at.setdefault("entry", float(m.group(1)))
            elif "miracastd" in line and re.search(r"sleep", line):
                at.setdefault("told", float(m.group(1)))
    check("entry" in at and "told" in at, at)
    check(at["told"] < at["entry"], f"the computer slept first: {at}")
    check_gone(story)
    check_desktop(story)
    return f"told {at['entry'] - at['told']:.1f} s before; {check_again(story)} stamps afterwards"


@fault("fault: another user takes the screen; the session ends")
def switch_user(story):
    story.cast()
    began = uptime()
    run("useradd", "--create-home", "--shell", "/bin/bash", "other")
    other = Session("other", "other", "idle", 8)
    other.start()
    check(wait(lambda: not machine.is_plugged(), 60), "the display stays")
    check_gone(story)
    check_reason(began, r"session \d+: over: another user's session took the seat")
    code, text = story.seat.ctl("connect", story.sink.name)
    check(code == 5, f"the user in the background may connect: {code} {text}")
    machine.show_terminal(7)
    other.stop()
    wait(lambda: output("loginctl", "show-seat", "-P", "ActiveSession", "seat0") ==
         story.seat("sh", "-c", "echo $XDG_SESSION_ID")[1].strip(), 20)
    return f"{check_again(story)} stamps afterwards"


STATES = ("idle", "looking", "asking", "casting")


@fault("fault: the service is stopped in every state; nothing stays")
def stop(story):
    took = []
    for state in STATES:
        if state == "casting":
            story.cast()
        elif state == "asking":
            story.sink.begin(accept="no")
            story.seat.begin("miracastctl", "connect", story.sink.name)
            check(wait(lambda: story.sink.saw("P2P-GO-NEG-REQUEST"), 60), "the sink was not asked")
        elif state == "looking":
            story.sink.begin(accept="no")
            story.seat.begin("miracastctl", "list", "--seconds", "60")
            check(wait(lambda: "finding" in machine.get_property("Radio"), 30),
                  machine.get_property("Radio"))
        began = uptime()
        code, text = run("systemctl", "stop", "miracastd")
        took.append(f"{state} {uptime() - began:.1f} s")
        check(code == 0, text)
        check(output("systemctl", "show", "-P", "Result", "miracastd") == "success",
              f"{state}: {output('systemctl', 'status', 'miracastd')}")
        check_gone(story)
        run("pkill", "-x", "miracastctl")
        run("systemctl", "start", "miracastd")
    return ", ".join(took)


@fault("fault: the system bus is restarted; the session ends, the service comes back")
def restart_bus(story):
    story.cast()
    pid = machine.get_main_pid()
    run("systemctl", "restart", "dbus")
    check(wait(lambda: not machine.is_plugged(), 60), "the display stays")
    check(wait(lambda: machine.get_main_pid() not in (0, pid) and machine.is_active(), 90),
          output("systemctl", "status", "miracastd"))
    # logind has forgotten who holds the screen: this X server has neither card nor keyboard any more,
    # with or without us, and may take minutes to answer. That it lives is all that can be asked; the
    # user logs in again.
    check(output("pidof", "Xorg") == story.xorg, "the X server is gone")
    run("pkill", "-x", "stamp-window")
    left = machine.settle(90)
    check(not left, f"left behind: {left}")
    story.turn_on()
    check(wait(lambda: story.sink.name in output("miracastctl", "list"), 90),
          f"the television is not found again: {run('miracastctl', 'list')}")
    story.seat.stop()
    story.log_in()
    check_desktop(story)
    return f"{check_again(story)} stamps afterwards"


@fault("upgrade: the packages are installed again while casting; the session ends, all goes on")
def upgrade(story):
    story.cast()
    pid = machine.get_main_pid()
    for package in ("miracastd", "miracast-dkms"):
        code, text = run("dpkg", "-i", *pathlib.Path(BUILD, "package").glob(f"{package}_*.deb"))
        check(code == 0, text)
        check("restart once" not in text and "srcversion" not in text, text)
        check(wait(lambda: machine.get_main_pid() not in (0, pid) and machine.is_active(), 60),
              output("systemctl", "status", "miracastd"))
        check_gone(story)  # and the machine has time to compile
    return f"{check_again(story)} stamps afterwards"


def find_ours():
    return output("find", "/etc", "/usr", "/lib", "/var", "/run", "-xdev", "-name", "*miracast*",
                  "-not", "-path", "/var/log/*", "-not", "-path", "/run/systemd/*")


@fault("removed: the packages take all of it with them, under a running desktop")
def remove(story):
    code, text = run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--purge", "miracastd",
                     "miracast-dkms")
    check(code == 0, text)
    check(not machine.get_main_pid() and run("id", "miracast")[0], "the service stays")
    check(not find_ours(), find_ours())
    check_desktop(story)


def live(action):
    code, text = run("sh", pathlib.Path(os.environ["VM_SOURCE"], "systemd/live.sh"), action)
    check(code == 0, f"{action}: {text}")
    # Nothing is amiss, and what it calls does not speak.
    check(not re.search(r"^\s*!|No such file", text, re.M), f"{action}: {text}")
    return text


@fault("setup: what ./run setup does, twice, under a running desktop; and back")
def setup(story):
    stage = pathlib.Path(BUILD, "stage")
    run("dpkg", "--purge", "miracastd", "miracast-dkms")
    for _ in range(2):
        code, text = run("sh", "-c", f"tar -c -C {stage} --owner=0 --group=0 . | "
                         "tar -x -C / --no-overwrite-dir --keep-directory-symlink")
        check(code == 0, text)
        text = live("install")
        check("Building the kernel module" in text, text)
    check("/updates/dkms/" in output("modinfo", "-F", "filename", "miracast"), text)
    check(machine.is_loaded() or "Restart once: an X server is running" in text, text)
    code, said = run("miracastctl", "list", "--seconds", "1")
    check(code == 0, said)
    live("remove")
    for path in sorted(stage.rglob("*"), reverse=True):
        there = pathlib.Path("/", path.relative_to(stage))
        if path.is_dir() and not path.is_symlink():
            run("rmdir", "--ignore-fail-on-non-empty", there)
        else:
            there.unlink(missing_ok=True)
    live("reload")
    check(not find_ours() and not machine.get_main_pid(), find_ours())
    check_desktop(story)
    return "; ".join(line.strip() for line in text.splitlines()[-2:])

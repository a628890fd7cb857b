# SPDX-License-Identifier: GPL-2.0-or-later
"""What the steps share: a user at the screen, a television, and a cast from the one to the other.

Knows how a user does it, by commands; knows no step and no fault.
"""
import os
import re
import secrets

import machine
from machine import Session, output, run, uptime, wait
from sink import OUT

BUILD = os.environ["VM_BUILD"]
# Emulated, nothing is fast; the television's limits go with the service's.
TIME_SCALE = "4"
# Two modes that cost the same, so that a slow machine does not leave one of them out; and modes of a
# size that GNOME offers.
PROFILE = """wfd_video_formats: {formats} 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {{port}} 0 mode=play
wfd_content_protection: none
"""
PROFILES = {
    "small": PROFILE.format(formats="08 00 01 10 0000000a 00000000 00000000"),
    "large": PROFILE.format(formats="01 00 01 10 00000001 00000001 00000000"),
}


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(str(text)[-2500:])


class Story:
    def __init__(self):
        self.nonce = secrets.token_hex(4)
        self.seat = Session("seat", "tester", "xfce", 7)
        self.sink = None
        self.output = None
        self.own_outputs = []
        self.xorg = ""
        self.began = 0

    # ------------------------------------------------------------ the screen

    def log_in(self):
        self.seat.start()
        self.xorg = output("pidof", "Xorg")
        self.own_outputs = [n for n, (connected, _) in self.get_outputs().items() if connected]

    def x(self, *command, limit=120):
        return self.seat("env", "DISPLAY=:0", *command, limit=limit)

    def get_outputs(self):
        """RandR's: name -> (connected, geometry or None)."""
        code, text = self.x("xrandr", "-q")
        check(code == 0, text)
        return {m.group(1): (m.group(2) == "connected", m.group(3)) for m in re.finditer(
            r"^(\S+) (connected|disconnected)(?: primary)?(?: (\d+x\d+\+\d+\+\d+))?", text, re.M)}

    def find_output(self):
        """One that was not there when nothing was cast."""
        names = [n for n, (connected, _) in self.get_outputs().items()
                 if connected and n not in self.own_outputs]
        return names[0] if names else None

    def get_geometry(self):
        return self.get_outputs().get(self.output, (False, None))[1]

    def is_beside(self):
        geometry = self.get_geometry()
        return geometry and int(geometry.split("+")[1]) > 0

    def extend(self, *mode):
        """As a click in the desktop's settings would. Xfce lights it by itself, as a mirror or as it
        was left, in many steps, and must be let finish."""
        check(wait(self.find_output, 60, 1), f"no new output: {self.get_outputs()}")
        self.output, own = self.find_output(), self.own_outputs[0]
        seen, times, is_asked = None, 0, not mode

        def is_settled():
            nonlocal seen, times, is_asked
            outputs = self.get_outputs()
            seen, times = outputs, times + 1 if outputs == seen else 0
            if times < 2:
                return False
            if is_asked and self.is_beside():
                return True
            code, text = self.x("xrandr", "--output", own, "--auto", "--output", self.output,
                                *(mode or ["--auto"]), "--right-of", own)
            check(code == 0, text)
            is_asked, times = True, 0
            return False
        check(wait(is_settled, 180, 3), f"the output is not lit beside the other: {seen}")

    def show_stamps(self):
        """On the new display, and nowhere else."""
        run("pkill", "-x", "stamp-window")
        size, x, y = re.match(r"(\d+x\d+)\+(\d+)\+(\d+)", self.get_geometry()).groups()
        width, height = (int(v) for v in size.split("x"))
        self.seat.begin("env", "DISPLAY=:0", f"{BUILD}/tests/vm/stamp-window", self.nonce,
                        f"{min(width, 640)}x{min(height, 480)}+{x}+{y}")

    # ------------------------------------------------------------ a cast

    def turn_on(self, profile="small", **behaviour):
        """The television, and its input for screen mirroring."""
        self.sink.begin(accept="pbc", intent=1, **behaviour,
                        sink_options=["--profile", f"/run/sink-{profile}.profile", "--picture",
                                      "/out/last-picture.png"])

    def connect(self, *options):
        self.turn_on()
        self.began = uptime()
        code, text = self.seat.ctl("connect", self.sink.name, *options)
        check(code == 0, f"connect: {code}: {text}\n{machine.get_journal(self.began)[-900:]}")
        return text

    def cast(self):
        """A whole one, up to stamps on the sink's display."""
        text = self.connect()
        self.extend()
        self.show_stamps()
        return text

    def keep_casting(self):
        """For the steps that look at the cast which an earlier one began."""
        if not (machine.get_sessions() and machine.is_plugged() and self.is_beside()):
            self.cast()

    def wait_stamps(self, more=5, seconds=120):
        before = self.sink.stamps()
        check(wait(lambda: self.sink.stamps() >= before + more, seconds, 1),
              f"the sink reads no stamps: {before}, then {self.sink.stamps()}")

    def disconnect(self):
        code, text = self.seat.ctl("disconnect")
        check(code == 0, f"disconnect: {text}")
        left = machine.settle()
        check(not left, f"left behind: {left}")
        return self.sink.report()

    def check_stamps(self, report, least=5):
        check(report, "the sink has no report")
        check(report["video"]["stamps_read"] >= least,
              f"{report['video']['stamps_read']} stamps were read")
        check(report.get("nonce", "").lower() == self.nonce, f"nonce {report.get('nonce')}")
        return report["video"]["stamps_read"]

    # ------------------------------------------------------------ after a step that failed

    def mend(self):
        """Whatever it left: the next one tells for itself."""
        run("pkill", "-x", "stamp-window")
        run("pkill", "-x", "miracastctl")
        if not machine.is_active():
            run("systemctl", "reset-failed", "miracastd")
            run("systemctl", "start", "miracastd")
        run("miracastctl", "disconnect", "--all")
        if machine.settle(60):
            run("systemctl", "restart", "miracastd")
        if not self.seat.answers() or output("pidof", "Xorg") != self.xorg:
            self.seat.stop()
            self.log_in()
        machine.show_terminal(self.seat.tty)
        for name in self.own_outputs:
            self.x("xrandr", "--output", name, "--auto")

    def describe(self):
        """For whoever reads why a step failed."""
        found = [("outputs", self.x("xrandr", "-q")[1] if self.seat.answers() else "no session"),
                 ("status", output("miracastctl", "status")),
                 ("sessions", output("loginctl", "list-sessions", "--no-legend")),
                 ("links", output("ip", "-br", "addr")),
                 ("devices", output("nmcli", "-t", "-f", "DEVICE,STATE", "device")),
                 ("television", "\n".join(self.sink.events[-40:]) if self.sink else "none")]
        return "\n".join(f"---- {what}\n{text}" for what, text in found)


__all__ = ["BUILD", "OUT", "Failure", "Story", "check"]

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py GROUP...: the scenarios of these files, in one boot, in their order.

MIRACAST_P2P=TEXT|TEXT...: only those with one of these in their names.
"""
import importlib
import os
import pathlib
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from air import Air  # noqa: E402
from checks import (SCENARIOS, Failure, check_nothing_left, check_silence,  # noqa: E402
                    timeline)
from sink import OUT, PHYS, RUN, Sink, uptime  # noqa: E402
from source import Source  # noqa: E402

P2P_DEVICE = os.environ.get("P2P_DEVICE", "1")


def prepare():
    RUN.mkdir(parents=True, exist_ok=True)
    os.chmod(RUN, 0o755)
    subprocess.run(["modprobe", "-d", os.environ["VM_MODULES_ROOT"], "mac80211_hwsim", "radios=3",
                    f"support_p2p_device={P2P_DEVICE}"], check=True)
    subprocess.run(["iw", "reg", "set", "DE"], check=False)
    for interface, namespace in (("wlan0", None), ("wlan1", "sink"), ("wlan2", "other")):
        PHYS[interface] = pathlib.Path(f"/sys/class/net/{interface}/phy80211/name") \
            .read_text().strip()
        if not namespace:
            continue
        subprocess.run(["/usr/sbin/ip", "netns", "add", namespace], check=True)
        subprocess.run(["iw", "phy", PHYS[interface], "set", "netns", "name", namespace],
                       check=True)
        subprocess.run(["/usr/sbin/ip", "netns", "exec", namespace, "/usr/sbin/ip", "link", "set",
                        "lo", "up"], check=True)


def copy_logs():
    subprocess.run("cp /run/p2p/*.log /out/; chmod a+r /out/*.log", shell=True, check=False)


def run_one(number, name, function, source, sink, rules, ies):
    source.air.clear()
    source.log_path = source.report = sink.player = None
    begin = uptime()
    try:
        text = function(source, sink) or ""
        source.stop()
        check_nothing_left(source, rules, ies)
        check_silence(source, sink)
        print(f"ok {number} {name}{': ' if text else ''}{text}", flush=True)
        print(f"#   {timeline(source, sink)} ({uptime() - begin:.0f} s)", flush=True)
        return True
    except Exception as e:  # pylint: disable=broad-except
        print(f"not ok {number} {name}: {e}".replace("\n", "\n#   "), flush=True)
        if not isinstance(e, Failure):
            print("#   " + traceback.format_exc().replace("\n", "\n#   "), flush=True)
        (OUT / f"failed-{number}.log").write_text(
            source.log() + "\n" + "\n".join(sink.events) + "\n")
        source.stop()
        source.settle()
        copy_logs()
        return False
    finally:
        source.air.write(OUT / f"air-{number}.log")


def main(groups):
    for group in groups:
        importlib.import_module(group)
    wanted = os.environ.get("MIRACAST_P2P", "").split("|")
    chosen = [s for s in SCENARIOS if any(w in s[0] for w in wanted)]
    prepare()
    source = Source(Air(), is_managed="manager" in groups)
    sink = Sink("sink", "wlan1")
    print(f"# radios and supplicants at {uptime():.1f} s", flush=True)
    before = source.rules(), source.get_ies()
    good = [run_one(n + 1, *s, source, sink, *before) for n, s in enumerate(chosen)]
    copy_logs()
    return 0 if chosen and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

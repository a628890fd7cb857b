#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios of the case p2p: run.py WORD... (those with a WORD in their names; "all": all)."""
import os
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scenarios import SCENARIOS, Failure, check, timeline  # noqa: E402
from sink import OUT, RUN, Sink, uptime  # noqa: E402
from source import Source, output  # noqa: E402

# ---------------------------------------------------------------- the run

def prepare():
    RUN.mkdir(parents=True, exist_ok=True)
    os.chmod(RUN, 0o755)
    subprocess.run(["modprobe", "-d", os.environ["VM_MODULES_ROOT"], "mac80211_hwsim", "radios=3"],
                   check=True)
    subprocess.run(["iw", "reg", "set", "DE"], check=False)
    for number, namespace in ((1, "sink"), (2, "other")):
        subprocess.run(["/usr/sbin/ip", "netns", "add", namespace], check=True)
        subprocess.run(["iw", "phy", f"phy{number}", "set", "netns", "name", namespace],
                       check=True)
        subprocess.run(["/usr/sbin/ip", "netns", "exec", namespace, "/usr/sbin/ip", "link", "set",
                        "lo", "up"], check=True)


def copy_logs():
    subprocess.run("cp /run/p2p/*.log /out/; chmod a+r /out/*.log", shell=True, check=False)


def run_one(number, name, function, source, sink):
    before = output("nft", "list", "ruleset")
    ies = source.get_ies()
    try:
        text = function(source, sink) or ""
        source.stop()
        left = source.settle()
        check(not left, f"left behind: {left}")
        check(output("nft", "list", "ruleset") == before, "the rule set is another")
        check(source.get_ies() == ies, f"WFDIEs are {source.get_ies()}, were {ies}")
        print(f"ok {number} {name}{': ' if text else ''}{text}", flush=True)
        print(f"#   {timeline(source, sink)}", flush=True)
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


def main(words):
    chosen = [s for s in SCENARIOS
              if any(w in s[0] or w == "all" for w in words)]
    prepare()
    print(f"# radios at {uptime():.1f} s", flush=True)
    source = Source()
    sink = Sink("sink", "wlan1")
    print(f"# supplicants at {uptime():.1f} s", flush=True)
    good = [run_one(n + 1, *s, source, sink) for n, s in enumerate(chosen)]
    copy_logs()
    return 0 if chosen and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]).split("|")))

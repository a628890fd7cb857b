#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""1080p30 for ten minutes (SOAK_SECONDS), without sanitizers: does anything grow or slip?

One session; each case judges a side of it. Where a rule is about time, the machine has its say: a
watch that only sleeps counts how often it was woken late, and every slip needs one of those.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import time

from harness import TIMING, case, check, main, media_pid, note

SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
WARM_UP_S = 10
DAEMON_KB, MEDIA_KB = 20 << 10, 120 << 10
# Of the last third against the first: what a leak of one small object a frame would make.
DAEMON_GROWTH_KB, MEDIA_GROWTH_KB = 256, 1024
STALL_MS = 4
RESULT, TRIED = {}, []

# A process of its own: a thread here would wait for the interpreter, and call that the machine.
WATCH = f"""
import signal, time
def stop(*_):
    global end
    end = 0
signal.signal(signal.SIGTERM, stop)
late, last = 0, time.monotonic()
end = last + {SECONDS} + 60
while last < end:
    time.sleep(0.001)
    now = time.monotonic()
    late += now - last > {STALL_MS / 1000} + 0.001
    last = now
print(late)
"""


def look(pid):
    """Resident KiB, descriptors and threads of a process."""
    proc = pathlib.Path(f"/proc/{pid}")
    fields = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines()
                  if ":\t" in line)
    return int(fields["VmRSS"].split()[0]), len(list((proc / "fd").iterdir())), \
        int(fields["Threads"])


def soak(run):
    """The session, once; what it left is in RESULT."""
    if RESULT:
        return RESULT
    check(not TRIED, "there was no session to judge")
    TRIED.append(True)
    command = [sys.executable, "-c", WATCH]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        d = run.daemon("--seconds", str(SECONDS), source="pattern:1920x1080@30")
        s = run.sink(options=["--quiet"])
        check(run.wait_for("streaming 1920x1080", d), run.log())
        media = media_pid(run, d)
        time.sleep(WARM_UP_S)
        samples = {"daemon": [], "media": []}
        while d.poll() is None:
            try:
                for name, pid in (("daemon", d.pid), ("media", media)):
                    samples[name].append(look(pid))
            except (OSError, KeyError):
                break # it is over
            time.sleep(1)
        run.expect(d, 0)
        check(run.wait(s) == 0, run.log("sink"))
        watch.terminate()
        late = int(watch.communicate()[0])
    # The last samples are of a session that is being taken down.
    RESULT.update(stalls=late, daemon=samples["daemon"][:-3], media=samples["media"][:-3],
                  source=run.report("source"), sink=run.report("sink"))
    return RESULT


@case("every picture is encoded, sent, decoded")
def pictures(run):
    r = soak(run)
    source, sink = r["source"]["video"], r["sink"]["video"]
    note(f"{SECONDS} s: {source['frames_encoded']} pictures encoded, {source['frames_dropped']} "
         f"dropped, {source['late']} late, {sink['frames_decoded']} decoded; the machine was late "
         f"{r['stalls']} times")
    check(sink["frames_decoded"] >= source["frames_encoded"] - 2, f"{source}, {sink}")
    check(sink["stamps_bad"] == 0 and sink["decode_errors"] == 0, sink)
    check(source["frames_encoded"] >= 0.9 * 30 * SECONDS - r["stalls"], source)


@case("no continuity error, no datagram lost, no rule broken")
def rules(run):
    sink = soak(run)["sink"]
    check(sink["ts"]["continuity_errors"] == 0 and sink["rtp"]["lost"] == 0, sink["rtp"])
    broken = {k: v for k, v in sink["rules"].items() if v and k not in TIMING}
    check(not broken, f"{broken}: {sink['first_findings']}")


@case("PCRs less than 40 ms apart, PSI less than 100 ms, as sent")
def pcr(run):
    r = soak(run)
    ts, found = r["sink"]["ts"], r["sink"]["rules"]
    note(f"PCR gap {ts['pcr_gap_ms_max']:.1f} ms at most, PSI {ts['psi_gap_ms_max']:.1f} ms; "
         f"{found['pcr-gap']} and {found['psi-gap']} above the limit")
    check(found["pcr-gap"] + found["psi-gap"] <= r["stalls"], "more slips than stalls")


@case("PTS ahead of PCR, and rising")
def pts(run):
    r = soak(run)
    ts, found = r["sink"]["ts"], r["sink"]["rules"]
    note(f"PTS - PCR from {ts['pts_minus_pcr_ms_min']:.1f} to {ts['pts_minus_pcr_ms_max']:.1f} ms, "
         f"{found['pts-late']} late")
    check(found["pts-order"] == 0 and found["pts-late"] <= r["stalls"], found)


def flat(name, limit_kb, growth_kb, samples):
    resident = [kb for kb, _, _ in samples]
    third = len(resident) // 3
    first, last = statistics.median(resident[:third]), statistics.median(resident[-third:])
    note(f"{name}: {max(resident)} KiB at most, {first:.0f} in the first third, {last:.0f} in the "
         f"last: {(last - first) / (SECONDS / 90):+.1f} KiB a minute")
    check(max(resident) <= limit_kb, f"{max(resident)} KiB are more than {limit_kb}")
    check(last - first <= growth_kb, f"it grew by {last - first:.0f} KiB")


@case("the daemon's memory is flat")
def daemon_memory(run):
    flat("miracastd", DAEMON_KB, DAEMON_GROWTH_KB, soak(run)["daemon"])


@case("media's memory is flat")
def media_memory(run):
    flat("miracast-media", MEDIA_KB, MEDIA_GROWTH_KB, soak(run)["media"])


@case("descriptors and threads stay as many as they are")
def handles(run):
    r = soak(run)
    for name in ("daemon", "media"):
        seen = {sample[1:] for sample in r[name]}
        check(len(seen) == 1, f"{name} had {sorted(seen)} descriptors and threads")


if __name__ == "__main__":
    sys.exit(main(workers=1))

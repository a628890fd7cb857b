#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./run fuzz: every fuzz target for a while, and what the checked-in corpus reaches.

usage: run-fuzz.py BUILD_DIR [SECONDS]

BUILD_DIR is a clang build with -Dfuzzing=true. Prints what each target did and the line coverage of
each parser file by the corpus alone. Exit status 1: a finding, a target that cannot run, or a parser
of which the corpus reaches less than it must.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FUZZ = ROOT / "tests" / "fuzz"
LEAST_PERCENT = 95.0
# Whatever reads bytes that come from outside.
PARSERS = [
    "daemon/capture/y4m.c",
    "daemon/link/link-wpa-peer.c",
    "daemon/link/wfd-ie.c",
    "daemon/media/protocol.c",
    "daemon/rtsp/exchange-format.c",
    "daemon/rtsp/exchange-session.c",
    "daemon/rtsp/exchange-wire.c",
    "daemon/rtsp/exchange.c",
    "daemon/rtsp/message.c",
    "daemon/rtsp/rtcp.c",
    "daemon/rtsp/text.c",
    "daemon/rtsp/transport.c",
    "daemon/rtsp/wfd-choice.c",
    "daemon/rtsp/wfd-edid.c",
    "daemon/rtsp/wfd-formats.c",
    "daemon/rtsp/wfd-modes.c",
    "daemon/rtsp/wfd-params.c",
    "daemon/rtsp/wfd-quirks.c",
]


# ---------------------------------------------------------------- fuzzing

def targets(build):
    return sorted(p for p in (build / "tests" / "fuzz").glob("fuzz-*")
                  if p.is_file() and os.access(p, os.X_OK) and not p.suffix)


def fuzz(target, seconds, findings):
    """One line of figures, or what went wrong. New inputs go to a folder that is thrown away."""
    name = target.name.removeprefix("fuzz-")
    with tempfile.TemporaryDirectory(prefix="miracast-fuzz-") as folder:
        command = [target, f"-max_total_time={seconds}", "-print_final_stats=1", "-rss_limit_mb=1024",
                   "-timeout=10", f"-artifact_prefix={findings}/{name}-", folder,
                   FUZZ / "corpus" / name]
        for dictionary in (FUZZ / f"{name}.dict", FUZZ / "rtsp.dict"):
            if dictionary.exists():
                command.append(f"-dict={dictionary}")
                break
        r = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    log = r.stdout + r.stderr
    runs = re.search(r"stat::number_of_executed_units: (\d+)", log)
    rate = re.search(r"stat::average_exec_per_sec: +(\d+)", log)
    good = r.returncode == 0 and runs and int(runs.group(1)) > 0
    (findings / f"{name}.log").write_text(log)
    return name, good, int(runs.group(1)) if runs else 0, int(rate.group(1)) if rate else 0, log


def fuzz_all(build, seconds):
    findings = build / "findings"
    findings.mkdir(exist_ok=True)
    found = targets(build)
    if not found:
        sys.exit(f"run-fuzz: no fuzz target in {build}; it wants clang and -Dfuzzing=true")
    print(f"{'target':<16}{'runs':>12}{'runs/s':>10}  findings")
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, good, runs, rate, log in pool.map(lambda t: fuzz(t, seconds, findings), found):
            print(f"{name:<16}{runs:>12}{rate:>10}  {0 if good else 1}", flush=True)
            if not good:
                bad += 1
                print("\n".join(log.splitlines()[-30:]))
                print(f"the input is in {findings}; name the corpus file after the fault")
    print(f"{len(found)} targets, {bad} findings")
    return bad


# ---------------------------------------------------------------- coverage

def find_tool(name):
    for candidate in (name, *(f"{name}-{version}" for version in range(30, 10, -1))):
        if path := shutil.which(candidate):
            return path
    return None


def must(command, **more):
    r = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False,
                       **more)
    if r.returncode:
        sys.exit(f"run-fuzz: {' '.join(map(str, command))} failed:\n{r.stdout}{r.stderr}")
    return r.stdout


def build_replays(build):
    """The same targets with clang's counters, built to run over their corpus."""
    if not (build / "build.ninja").exists():
        must(["meson", "setup", build, ROOT,
              "-Dc_args=-fprofile-instr-generate -fcoverage-mapping",
              "-Dc_link_args=-fprofile-instr-generate"], env={**os.environ, "CC": "clang"})
    must(["ninja", "-C", build, "build.ninja"]) # as the tree is now
    names = re.findall(r"^(tests/fuzz/replay-[a-z0-9-]+): ",
                       must(["ninja", "-C", build, "-t", "targets", "all"]), re.MULTILINE)
    must(["ninja", "-C", build, *names])
    return [build / name for name in names]


def measure(build, cov, profdata):
    replays = build_replays(build)
    profiles = []
    for replay in replays:
        profile = build / f"{replay.name}.profraw"
        must([replay, FUZZ / "corpus" / replay.name.removeprefix("replay-")],
             env={**os.environ, "LLVM_PROFILE_FILE": str(profile)})
        profiles.append(profile)
    merged = build / "merged.profdata"
    must([profdata, "merge", "-o", merged, *profiles])
    objects = [word for replay in replays[1:] for word in ("-object", replay)]
    out = must([cov, "export", "-summary-only", f"-instr-profile={merged}", replays[0], *objects])
    return {str(pathlib.Path(f["filename"]).resolve()): f["summary"]["lines"]
            for f in json.loads(out)["data"][0]["files"]}


def cover(build):
    cov, profdata = find_tool("llvm-cov"), find_tool("llvm-profdata")
    if not cov or not profdata:
        print("coverage: skipped, llvm-cov and llvm-profdata are not installed")
        return 0
    lines = measure(build, cov, profdata)
    bad = 0
    print(f"\n{'parser':<36}{'lines':>8}{'covered':>10}")
    for parser in PARSERS:
        found = lines.get(str((ROOT / parser).resolve()))
        if not found:
            print(f"{parser:<36}   not in any target")
            bad += 1
            continue
        low = found["percent"] < LEAST_PERCENT
        bad += low
        print(f"{parser:<36}{found['count']:>8}{found['percent']:>9.1f}%{'  too little' if low else ''}")
    print(f"{len(PARSERS)} parsers, {bad} below {LEAST_PERCENT:.0f} %")
    return bad


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    found = fuzz_all(build, seconds)
    return 1 if cover(build.parent / f"{build.name}-coverage") or found else 0


if __name__ == "__main__":
    sys.exit(main())

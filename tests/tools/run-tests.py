#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./run test: build with sanitizers, run the suites of meson and the virtual machine, count.

Every single case counts: a test that reports sub-tests (TAP) counts as many as it reports.
"""
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

# In the order in which they run; the slow ones only by name or with --all.
FAST = ["lint", "unit", "replay", "link", "contract", "config", "dbus", "ctl", "doctor",
        "session", "profiles", "hostile", "vm"]
SLOW = ["kernel", "encode", "encoder-faults", "rate", "mutants", "soak", "tsan", "clean-machine"]
# Every case but the measurement, what is cheap to find broken first.
VM = ["module", "desktop", "vaapi", "vaapi-clients", "p2p", "service", "desktops", "system"]
# Run with another one, and by name alone.
PARTS = ["protocol"]
BUILD = "build/test"
# Threads are in media processes: sessions come and go while four clients do anything.
TSAN = ("build/tsan", "-Db_sanitize=thread")
LOG = pathlib.Path("build/log")

passed, failed, skipped = 0, [], 0


def count(name, outcome):
    global passed, skipped
    if outcome == "ok":
        passed += 1
    elif outcome == "skip":
        skipped += 1
    else:
        failed.append(name)
        print(f"not ok {name}")


def run_logged(name, command, environment=None):
    LOG.mkdir(parents=True, exist_ok=True)
    path = LOG / f"{name}.log"
    with path.open("w") as f:
        r = subprocess.run(command, stdout=f, stderr=subprocess.STDOUT,
                           env={**os.environ, **(environment or {})})
    return r.returncode, path


def build(directory, compiler, *options):
    """A warning is a failure here; packagers do not get -Werror."""
    name = directory.replace("/", "-")
    print(f"Building {directory} with {compiler} ...", flush=True)
    if not pathlib.Path(directory, "build.ninja").exists():
        r, log = run_logged(name, ["meson", "setup", directory, "-Dwerror=true", *options],
                            {"CC": compiler})
        if r:
            sys.exit(log.read_text()[-4000:] + f"\nrun: meson setup {directory} failed: see {log}")
    r, log = run_logged(name, ["meson", "compile", "-C", directory])
    if r:
        sys.exit(log.read_text()[-6000:] + f"\nrun: building {directory} failed: see {log}")


def run_suite(suite, folder=BUILD, what=None):
    print(f"Running {suite} ...", flush=True)
    log = pathlib.Path(folder, "meson-logs", "testlog.junit.xml")
    log.unlink(missing_ok=True)
    r, text = run_logged(f"test-{suite}", ["meson", "test", "-C", folder, "--print-errorlogs",
                                           "--no-rebuild", *(what or ["--suite", suite])])
    if not log.exists():
        print(text.read_text()[-2000:])
        count(suite, "missing")
        return
    bad_before = len(failed)
    for case in ElementTree.parse(log).iter("testcase"):
        name = f"{suite}: {case.get('classname', '')} {case.get('name')}"
        if case.find("skipped") is not None:
            count(name, "skip")
        elif case.find("failure") is not None or case.find("error") is not None:
            count(name, "fail")
        else:
            count(name, "ok")
    if r and len(failed) == bad_before:
        count(f"{suite}: see {text}", "fail")
    if len(failed) > bad_before:
        print("".join(text.read_text().splitlines(True)[-120:]))


def run_tap(suite, command):
    """A suite that prints its TAP itself, in the plain build: without sanitizers."""
    print(f"Running {suite}: {' '.join(command)} ...", flush=True)
    build("build", "cc")
    seen, bad_before = 0, len(failed)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
        for line in p.stdout:
            print(line, end="", flush=True)
            outcome = re.match(r"(not ok|ok)\b(?: \d+)?(?: -)? *(.*)", line)
            if not outcome:
                continue
            seen += 1
            name = f"{suite}: {outcome.group(2)}"
            if outcome.group(1) == "not ok":
                failed.append(name)
            else:
                count(name, "skip" if "# SKIP" in line else "ok")
    if not seen or (p.returncode and len(failed) == bad_before):
        count(suite, "fail")


def main(arguments):
    suites = [a for a in arguments if a != "--all"] or FAST + (SLOW if "--all" in arguments else [])
    taps = {
        "vm": ["./run", "vm", *VM] if "--all" in arguments else ["tests/vm/run", "p2p/happy", "desktop"],
        "kernel": ["tests/kernel/check.sh"],
        "mutants": [sys.executable, "tests/mutants/run-mutants.py", "build/mutants"],
        # Here, as the sandbox of a build with sanitizers is a wider one.
        "encoder-faults": ["env", f"MIRACAST_TEST_VA_DRIVER={os.getcwd()}/build/tests/va-driver",
                           sys.executable, "tests/session/test-encoder-faults.py",
                           "build/daemon/miracastd", "build/tests/sink/miracast-sink"],
        "soak": [sys.executable, "tests/session/test-soak.py", "build/daemon/miracastd",
                 "build/tests/sink/miracast-sink"],
        "clean-machine": [sys.executable, "tests/tools/clean-machine.py"],
    }
    unknown = [s for s in suites if s not in FAST + SLOW + PARTS]
    if unknown:
        sys.exit(f"run: no suite is called {unknown[0]}; there are {', '.join(FAST + SLOW + PARTS)}")
    if set(suites) - set(taps) - {"tsan"}:
        build(BUILD, "gcc", "-Db_sanitize=address,undefined")
    if "lint" in suites:
        build("build/clang", "clang")
        count("lint: clang without warnings", "ok")
    for suite in suites:
        if suite in taps:
            run_tap(suite, taps[suite])
        elif suite == "tsan":
            build(TSAN[0], "gcc", TSAN[1])
            run_suite(suite, TSAN[0], ["dbus", "--test-args=random"])
        else:
            run_suite(suite)
    for name in failed:
        print(f"FAILED {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

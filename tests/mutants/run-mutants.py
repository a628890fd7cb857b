#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plants the faults of table.py one by one and sees that a test finds each of them.

usage: run-mutants.py BUILD_DIR [WORD]

Works on a copy of the tree, built without sanitizers in BUILD_DIR; with WORD only mutants whose
name contains it. One line of TAP for each: `ok NAME (killed by TEST)`, or `not ok NAME` and why: it
survived, it does not compile, or the text that it replaces is not there any more.
"""
import filecmp
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from table import TABLE

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# A fault may well make a test wait for ever; that is found as well.
LIMIT_S = 90
PROGRAMS = ["daemon/miracastd", "daemon/miracast-media", "tests/sink/miracast-sink"]


def copy_tree(tree):
    """What git keeps or would keep; files that are the same stay as old as they are."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                            capture_output=True, text=True, check=True).stdout.splitlines()
    for name in listed:
        source, copy = ROOT / name, tree / name
        if not source.exists() or source.is_symlink():
            continue
        if not copy.exists() or not filecmp.cmp(source, copy, shallow=False):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    for copy in [p for p in tree.rglob("*") if p.is_file()]:
        if str(copy.relative_to(tree)) not in listed:
            copy.unlink()


def ninja(build, *targets):
    r = subprocess.run(["ninja", "-C", build, *map(str, targets)], capture_output=True, text=True,
                       check=False)
    return None if r.returncode == 0 else r.stdout[-2000:]


class Tests:
    """meson's tests by their names, with what must be built for each."""

    def __init__(self, build):
        self.build, self.known = build, {}
        listed = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"],
                                capture_output=True, text=True, check=True).stdout
        self.buildable = {line.split(": ")[0] for line in listed.splitlines()}
        for test in json.loads(subprocess.run(["meson", "introspect", "--tests", build],
                                              capture_output=True, text=True,
                                              check=True).stdout):
            suite = test["suite"][0].split(":")[-1]
            name = f"{test['name']} {suite}" if suite == "replay" else test["name"]
            self.known[name] = test

    def targets(self, name):
        test = self.known[name.split(":")[0]]
        words = [os.path.relpath(w, self.build) if w.startswith("/") else w
                 for w in [*test["cmd"], *test["env"].values()]]
        wanted = [w for w in words if w in self.buildable]
        return [*wanted, "daemon/miracast-media"] if "daemon/miracastd" in wanted else wanted

    def passes(self, name):
        base, _, word = name.partition(":")
        test = self.known[base]
        command = test["cmd"] + ([word] if word else [])
        with subprocess.Popen(command, env={**os.environ, **test["env"]},
                              cwd=test["workdir"] or self.build,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", start_new_session=True) as p:
            try:
                log = p.communicate(timeout=LIMIT_S)[0]
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.communicate()
                return False
        ran = not re.search(r"^1\.\.0", log, re.MULTILINE)
        return p.returncode == 0 and ran and not re.search("^not ok", log, re.MULTILINE)


def judge(tree, tests, m):
    """None and the test that found it, or why it is still there."""
    path = tree / m.file
    text = path.read_text()
    if text.count(m.old) != 1:
        return f"{m.file} has the text to be replaced {text.count(m.old)} times", None
    try:
        path.write_text(text.replace(m.old, m.new))
        for name in m.tests:
            if problem := ninja(tests.build, *tests.targets(name)):
                return f"it does not compile:\n{problem}", None
            if not tests.passes(name):
                return None, name
        return f"survived {', '.join(m.tests)}", None
    finally:
        path.write_text(text)


def check_sound(tests, mutants):
    """Without a fault every one of the tests must pass, else it finds anything."""
    bad = []
    for name in sorted({t for m in mutants for t in m.tests}):
        if name.split(":")[0] not in tests.known:
            bad.append(f"{name} is no test of meson's")
        elif problem := ninja(tests.build, *tests.targets(name)):
            bad.append(f"{name} does not build:\n{problem}")
        elif not tests.passes(name) and not tests.passes(name):
            bad.append(f"{name} fails without any fault")
    return bad


def report(number, name, problem, more=""):
    print(f"{'not ok' if problem else 'ok'} {number} - {name}{more}", flush=True)
    for line in (problem or "").splitlines()[:30]:
        print("# " + line, flush=True)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    chosen = [m for m in TABLE if word in m.name]
    tree = build / "tree"
    begin = time.monotonic()
    tree.mkdir(parents=True, exist_ok=True)
    copy_tree(tree)
    if not (build / "out" / "build.ninja").exists():
        subprocess.run(["meson", "setup", build / "out", tree], check=True,
                       stdout=subprocess.DEVNULL)
    if problem := ninja(build / "out", "build.ninja", *PROGRAMS):
        sys.exit(f"run-mutants: the tree does not build:\n{problem}")
    tests = Tests(build / "out")
    print(f"1..{len(chosen) + 1}")
    problems = check_sound(tests, chosen)
    report(1, "the tests pass without a fault", "\n".join(problems))
    survivors = bool(problems)
    for number, m in enumerate(chosen, 2):
        problem, killer = judge(tree, tests, m)
        survivors = survivors or bool(problem)
        report(number, m.name, problem, f" (killed by {killer})" if killer else "")
    print(f"# {len(chosen)} faults in {time.monotonic() - begin:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./run test clean-machine: what README.md tells a stranger to type, on a machine with nothing.

A chroot with Debian 12's base, sudo and a user; in it a clone of this tree. The commands are read
from README.md's blocks, so that they cannot drift, and run in their order by that user. What is
installed is taken back, and must leave nothing. The base comes from where this machine's apt gets
its packages, and is kept in the user's cache folder. Needs root, for the chroot; prints TAP.

usage: clean-machine.py [WORD...]    only commands with one of these words
"""
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"), "miracast")
BASE = CACHE / "bookworm-base.tar"
MACHINE = ROOT / "build/clean-machine"
LOG = ROOT / "build/log/clean-machine.log"
HOME = "/home/reader"
CLONE = f"{HOME}/miracast"
SECTIONS = ("Try it", "Install")

# What a reader puts in place of README's examples.
READER = {"192.0.2.1": "127.0.0.1", "CLIP": "clip.mkv"}
# Those that end with their session get a sink; and doctor has much to tell in a chroot.
SINK = "build/tests/sink/miracast-sink --connect 127.0.0.1 --seconds 3 --quiet"
CLIP = "ffmpeg -loglevel error -y -f lavfi -i testsrc=duration=5:size=640x480:rate=30 clip.mkv"
EXPECTED = {"miracastctl doctor": 8}
# What nobody calls a leftover: what the system keeps for itself, and the clone.
SYSTEM = ("/home", "/proc", "/sys", "/dev", "/run", "/tmp", "/var/cache", "/var/log/apt", "/var/lib/apt",
          "/var/lib/dpkg", "/var/backups", "/var/lib/systemd", "/etc/ld.so.cache", "/root",
          "/var/lib/ucf", "/var/tmp")

cases = []


def say(text):
    print(text, flush=True)


def report(name, good, text=""):
    cases.append(good)
    say(f"{'ok' if good else 'not ok'} {len(cases)} - {name}")
    for line in text.splitlines()[-15:]:
        say(f"# {line}")


# ---------------------------------------------------------------- the machine

def apt_sources():
    """Debian's lines of this machine, and how it reaches them."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
         "Created-By: Packages", "Origin: Debian"], capture_output=True, text=True, check=True)
    sources = sorted({f"deb {line}" for line in listed.stdout.splitlines() if " bookworm" in line})
    options = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    wanted = re.compile(r"Acquire::(http|https|ftp|Check-|Retries|Force)[^ ]* \".")
    return sources, [line for line in options.stdout.splitlines() if wanted.match(line)]


def make_base():
    sources, options = apt_sources()
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = BASE.with_suffix(".partial")
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=sudo", "--format=tar",
                    *(f"--aptopt={o}" for o in options), "bookworm", partial,
                    *sources], check=True)
    partial.rename(BASE)


def make_machine():
    """A fresh one each time; only apt's packages are kept from one to the next."""
    subprocess.run(["rm", "-rf", "--one-file-system", MACHINE], check=True)
    MACHINE.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-f", BASE, "-C", MACHINE], check=True)
    inside("useradd --create-home --shell /bin/bash reader")
    (MACHINE / "etc/sudoers.d/reader").write_text("reader ALL=(ALL) NOPASSWD: ALL\n")
    clone = MACHINE / CLONE.lstrip("/")
    clone.mkdir()
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
                           capture_output=True, check=True).stdout
    with subprocess.Popen(["tar", "-c", "-C", ROOT, "--null", "--ignore-failed-read", "-T", "-"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as pack:
        with subprocess.Popen(["tar", "-x", "-C", clone], stdin=pack.stdout):
            pack.stdin.write(files)
            pack.stdin.close()
    inside(f"chown -R reader: {HOME}")


# With its own mounts and processes, which all go with it.
ENTER = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mkdir -p "$2" && mount --bind "$2" "$1/var/cache/apt/archives"
cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
machine=$1
shift 2
exec chroot "$machine" env -i TERM=dumb LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


def inside(command, user=None, limit=3600):
    """Run it in the machine; as a user from their clone, without a terminal."""
    words = ["bash", "-c", command]
    if user:
        words = ["su", "-", user, "-c", f"cd {CLONE} && {command}"]
    with LOG.open("a") as log:
        log.write(f"\n$ {command}\n")
        log.flush()
        start = log.tell()
        code = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "timeout", str(limit), "sh",
             "-c", ENTER, "sh", MACHINE, CACHE / "archives", *words],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    with LOG.open(errors="replace") as log:
        log.seek(start)
        return code, log.read()


# ---------------------------------------------------------------- what it must not keep

def look():
    """Every path of the machine that neither dpkg nor the system itself answers for."""
    owned = set()
    for package in (MACHINE / "var/lib/dpkg/info").glob("*.list"):
        owned.update(package.read_text().splitlines())
    found = set()
    for folder, folders, files in os.walk(MACHINE):
        at = "/" + os.path.relpath(folder, MACHINE) if folder != str(MACHINE) else ""
        folders[:] = [f for f in folders if f"{at}/{f}" not in SYSTEM]
        found.update(f"{at}/{f}" for f in [*folders, *files])
    return found - owned - {f"/usr{p}" for p in owned} - set(SYSTEM)


def has_user():
    return "miracast:" in (MACHINE / "etc/passwd").read_text()


def get_ours():
    """What meson installs, and the folders that it is in."""
    log = MACHINE / CLONE.lstrip("/") / "build/setup/meson-logs/install-log.txt"
    if not log.exists():
        return set()
    files = {pathlib.PurePath(line) for line in log.read_text().splitlines() if line[:1] == "/"}
    return {str(p) for f in files for p in (f, *f.parents)} | {"/var/lib/dhcpcd"}


def check_clean(name, before, ours):
    """Other packages' scripts leave files of theirs: only what we install and our name count."""
    left = [p for p in sorted(look() - before) if "miracast" in p or p in ours]
    report(f"{name} leaves nothing", not left and not has_user(),
           "\n".join(left) + ("\nthe user miracast" if has_user() else ""))


# ---------------------------------------------------------------- README

def get_commands():
    text = (ROOT / "README.md").read_text()
    for section in SECTIONS:
        body = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
        for block in re.findall(r"^```sh\n(.*?)^```", body, re.M | re.S):
            for line in block.splitlines():
                command = re.sub(r"\s+#.*", "", line).strip()
                if command:
                    yield command


def run_command(command):
    typed = command
    for example, own in READER.items():
        typed = typed.replace(example, own)
    if "--direct" in typed:
        typed = f"{SINK} & {typed} && wait $!"
        if "clip.mkv" in typed:
            typed = f"{CLIP} || exit; {typed}"
        typed = f"bash -c '{typed}'"
    begin = time.monotonic()
    code, text = inside(typed, "reader")
    good = code == EXPECTED.get(command, 0)
    report(f"{command} ({time.monotonic() - begin:.0f} s)", good, "" if good else text)


def main(words):
    if os.geteuid():
        say("1..1\nok 1 - clean machine # SKIP a chroot needs root")
        return 0
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text("")
    if not BASE.exists():
        make_base()
    make_machine()
    before, ours = look(), set()
    for command in get_commands():
        if words and not any(w in command for w in words):
            continue
        ours |= get_ours()
        run_command(command)
        if command == "./run setup":
            run_command(command)  # after an update of the sources
        if "--remove" in command or "purge" in command:
            check_clean(command, before, ours)
    say(f"1..{len(cases)}")
    return 0 if cases and all(cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

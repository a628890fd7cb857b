#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""miracastctl doctor on made systems: each fault is found, named, and has a way out."""
import json
import os
import platform
import sys

from bus_harness import Service, case, main, need, service
from harness import check


def system(run, *files, release="ID=debian\n", secure_boot=None):
    root = run.folder / "root"
    for name in files:
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (root / "etc").mkdir(parents=True, exist_ok=True)
    (root / "etc/os-release").write_text(release)
    if secure_boot is not None:
        path = root / "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x06\x00\x00\x00" + bytes([secure_boot]))
    return root


LOADED = ("/sys/module/miracast/initstate", "/dev/miracast")
INSTALLED = (f"/lib/modules/{platform.release()}/updates/dkms/miracast.ko.xz",)


def examine(s, root):
    r, out, err = s.ctl("doctor", "--json", "--root", str(root))
    found = {f["id"]: f for f in json.loads(out)}
    problems = [f for f in found.values() if f["verdict"] == "problem"]
    check(r == (8 if problems else 0), f"exit {r} with {problems}: {err}")
    check(all(f["advice"] or f["package"] or f["id"] == "encoder" for f in problems),
          f"a problem without a way out: {problems}")
    return found


@case("module: not installed, not loaded, loaded")
def _(run):
    with service(run) as s:
        for i, (files, verdict, word) in enumerate((
                ((), "problem", "not installed"), (INSTALLED, "problem", "not loaded"),
                (INSTALLED + LOADED, "ok", "is loaded"))):
            found = examine(s, system(run, *files))["module"]
            check(found["verdict"] == verdict and word in found["text"], f"{i}: {found}")


@case("Secure Boot: off, on with and without the module")
def _(run):
    with service(run) as s:
        check(examine(s, system(run))["secure-boot"]["verdict"] == "ok", "no UEFI")
        found = examine(s, system(run, secure_boot=1))["secure-boot"]
        check(found["verdict"] == "problem" and "mokutil" in found["advice"], found)
        check(examine(s, system(run, *LOADED))["secure-boot"]["verdict"] == "ok", "accepted")
        check(examine(s, system(run, secure_boot=0))["secure-boot"]["verdict"] == "ok", "off")


@case("the node: missing, open to others, right")
def _(run):
    with service(run) as s:
        check(examine(s, system(run))["node"]["verdict"] == "problem", "missing")
        root = system(run, *LOADED)
        os.chmod(root / "dev/miracast", 0o666)
        found = examine(s, root)["node"]
        check(found["verdict"] == "problem" and "udev" in found["advice"], found)
        os.chmod(root / "dev/miracast", 0o600)
        check(examine(s, root)["node"]["verdict"] == "ok", "right")


@case("a package is called what the distribution calls it")
def _(run):
    with service(run) as s:
        for release, name in (("ID=debian\n", "miracast-dkms"), ("ID=fedora\n", "miracast-kmod"),
                              ("ID=ubuntu\nID_LIKE=debian\n", "miracast-dkms"),
                              ('ID=rocky\nID_LIKE="rhel centos fedora"\n', "miracast-kmod"),
                              ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "miracast-kmp")):
            found = examine(s, system(run, release=release))["module"]
            check(found["package"] == name, f"{release}: {found}")


@case("services: running, missing; the encoder is tried")
def _(run):
    with service(run) as s:
        found = examine(s, system(run))
        check(found["service"]["verdict"] == "ok", found["service"])
        check(found["polkit"]["verdict"] == "problem", found["polkit"])
        check(found["wpa-supplicant"]["package"] == "wpasupplicant", found["wpa-supplicant"])
        check("x264" in found["encoder"]["text"], found["encoder"])
        s.mock("polkit", "polkit", "yes")
        check("polkit" not in examine(s, system(run)), "polkit is there")


@case("without the service and without a bus it still examines the rest")
def _(run):
    s = Service(run)
    check(examine(s, system(run))["service"]["verdict"] == "problem", "no service")
    s.bus.kill()
    s.bus.wait()
    found = examine(s, system(run))
    check(found["bus"]["verdict"] == "problem" and "module" in found, found)


@case("for people: verdicts, arrows, a count")
def _(run):
    s = Service(run)
    r, out, _ = s.ctl("doctor", "--root", str(system(run)))
    check(r == 8 and "problem  the kernel module" in out and "-> install the package" in out
          and "problems.\n" in out, out)


if __name__ == "__main__":
    need("dbus-daemon")
    sys.exit(main(2))

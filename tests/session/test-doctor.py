#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""miracastctl doctor on made systems: each fault is found, named, and has a way out."""
import json
import os
import pathlib
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
    check(all(f["advice"] or f["package"] for f in problems),
          f"a problem without a way out: {problems}")
    return found


@case("module: not installed, not loaded, loaded")
def _(run):
    with service(run) as s:
        source = ("/usr/src/miracast-1/dkms.conf",)
        for i, (files, verdict, word, advice) in enumerate((
                ((), "problem", "not installed", "install the module"),
                (source, "problem", "not installed", "dkms autoinstall"),
                (INSTALLED, "problem", "not loaded", "modprobe"),
                (("/proc/1/comm", "/proc/22/comm"), "problem", "not loaded", "modprobe"),
                ((), "problem", "not loaded", "restart"), (LOADED, "ok", "is loaded", ""))):
            root = system(run, *files)
            if advice == "restart":
                (root / "proc/22/comm").write_text("Xorg\n")
            found = examine(s, root)["module"]
            check(found["verdict"] == verdict and word in found["text"], f"{i}: {found}")
            check(advice in found["advice"], f"{i}: {found}")


@case("a service that does not start is named, and nothing else is blamed for it")
def _(run):
    (run.folder / "services").mkdir()
    (run.folder / "services/org.miracastd1.service").write_text(
        "[D-BUS Service]\nName=org.miracastd1\nExec=/bin/false\nUser=root\n")
    found = examine(Service(run), system(run))
    check(found["service"]["verdict"] == "problem" and "does not start" in found["service"]["text"]
          and "journalctl" in found["service"]["advice"], found["service"])
    check("encoder" not in found and "wifi-direct" not in found, found)


def program(s, name, text):
    """A program that says this, in front of the real one."""
    folder = s.run.folder / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    (folder / name).chmod(0o755)
    s.environment["PATH"] = f"{folder}:{os.environ['PATH']}"


@case("Secure Boot: off, on with and without the module, with and without the key")
def _(run):
    with service(run) as s:
        key = "/var/lib/dkms/mok.pub"
        check(examine(s, system(run))["secure-boot"]["verdict"] == "ok", "no UEFI")
        found = examine(s, system(run, secure_boot=1))["secure-boot"]
        check(found["verdict"] == "problem" and "no key" in found["text"], found)
        program(s, "mokutil", f"{key} is not enrolled")
        found = examine(s, system(run, key, secure_boot=1))["secure-boot"]
        check(found["verdict"] == "problem" and f"--import {key}" in found["advice"], found)
        program(s, "mokutil", f"{key} is already in the enrollment request")
        found = examine(s, system(run, key, secure_boot=1))["secure-boot"]
        check(found["verdict"] == "problem" and "restart" in found["advice"], found)
        program(s, "mokutil", "Failed to open it")
        found = examine(s, system(run, key, secure_boot=1))["secure-boot"]
        check(found["verdict"] == "unknown", found)
        program(s, "mokutil", f"{key} is already enrolled")
        found = examine(s, system(run, key, secure_boot=1))["secure-boot"]
        check(found["verdict"] == "ok", found)
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
        for release, name in (("ID=debian\n", "linux-headers-"), ("ID=fedora\n", "kernel-devel"),
                              ("ID=ubuntu\nID_LIKE=debian\n", "linux-headers-"),
                              ("ID=manjaro\nID_LIKE=arch\n", "linux-headers"),
                              ('ID=rocky\nID_LIKE="rhel centos fedora"\n', "kernel-devel"),
                              ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
                               "kernel-default-devel")):
            found = examine(s, system(run, release=release))["headers"]
            check(found["package"].startswith(name), f"{release}: {found}")
        root = system(run, f"/lib/modules/{platform.release()}/build/Makefile")
        check("headers" not in examine(s, root), "they are there")


def iw(modes="managed P2P-client P2P-GO P2P-device",
       combination="#{ managed } <= 1, #{ P2P-client, P2P-GO } <= 1,\n\t\t   total <= 3, "
                   "#channels <= 2",
       channels=("2412 MHz [1] (20.0 dBm)", "5180 MHz [36] (20.0 dBm)", "5200 MHz [40] (no IR)",
                 "5500 MHz [100] (20.0 dBm) (radar detection)", "5865 MHz [173] (disabled)")):
    lines = ["Wiphy phy0", "\tBand 1:", "\t\tFrequencies:"]
    lines += [f"\t\t\t* {c}" for c in channels]
    lines += ["\tSupported interface modes:"] + [f"\t\t * {m}" for m in modes.split()]
    lines += ["\tvalid interface combinations:", f"\t\t * {combination}",
              "\t\t * #{ managed } <= 2,", "\t\t   total <= 2, #channels <= 1",
              "\tCapability overrides:"]
    return "\n".join(lines)


@case("the radio: what its driver can, which channels are open, whether it is on")
def _(run):
    with service(run) as s:
        program(s, "iw", iw())
        found = examine(s, system(run))
        check("group owner, client, own device" in found["radio"]["text"], found["radio"])
        check(found["channels"]["text"].startswith("2 channels may be used, 1 of them at 5 GHz, 2 "
                                                   "only where"), found["channels"])
        check("2 channels at once" in found["beside-wifi"]["text"], found["beside-wifi"])
        program(s, "iw", iw(combination="#{ managed, P2P-GO } <= 2,\n\t\t   total <= 2, "
                                        "#channels <= 1"))
        check("share one channel" in examine(s, system(run))["beside-wifi"]["text"], "one channel")
        program(s, "iw", iw(combination="#{ P2P-GO } <= 1,\n\t\t   total <= 1, #channels <= 1"))
        found = examine(s, system(run))["beside-wifi"]
        check(found["verdict"] == "note" and "second" in found["advice"], found)
        program(s, "iw", iw(modes="managed monitor"))
        found = examine(s, system(run))
        check(found["radio"]["verdict"] == "problem" and "channels" not in found, found["radio"])
        program(s, "iw", iw(channels=("2412 MHz [1] (disabled)",)))
        check(examine(s, system(run))["channels"]["verdict"] == "problem", "no channel")
        for soft, hard, word in (("1", "0", "rfkill unblock"), ("0", "1", "switch or key")):
            root = system(run)
            (root / "sys/class/rfkill/rfkill0").mkdir(parents=True, exist_ok=True)
            for name, value in (("type", "wlan"), ("soft", soft), ("hard", hard)):
                (root / "sys/class/rfkill/rfkill0" / name).write_text(value + "\n")
            found = examine(s, root)["rfkill"]
            check(found["verdict"] == "problem" and word in found["advice"], found)


@case("firewall and helper: nothing, nft, firewalld with and without our zone")
def _(run):
    with service(run) as s:
        found = examine(s, system(run))
        check("no firewall" in found["firewall"]["text"], found["firewall"])
        check("miracast-net.socket" in found["miracast-net"]["advice"], found["miracast-net"])
        program(s, "nft", "")
        found = examine(s, system(run, "/sys/module/nf_tables/x", "/run/miracast-net/socket"))
        check("by nft" in found["firewall"]["text"], found["firewall"])
        check(found["miracast-net"]["verdict"] == "ok", found["miracast-net"])
        s.mock("firewalld", "own", "org.fedoraproject.FirewallD1")
        found = examine(s, system(run))["firewall"]
        check(found["verdict"] == "problem" and "zone" in found["text"], found)
        found = examine(s, system(run, "/usr/lib/firewalld/zones/miracast.xml"))["firewall"]
        check(found["verdict"] == "ok", found)


@case("services: running, missing; the encoder is tried")
def _(run):
    with service(run) as s:
        found = examine(s, system(run))
        check(found["service"]["verdict"] == "ok", found["service"])
        check(found["polkit"]["verdict"] == "problem", found["polkit"])
        check(found["wpa-supplicant"]["package"] == "wpasupplicant", found["wpa-supplicant"])
        check("x264" in found["encoder"]["text"], found["encoder"])
        check("wpa_supplicant is not running" in found["wifi-direct"]["advice"],
              found["wifi-direct"])
        check("version" not in found, "another version")
        s.mock("polkit", "polkit", "yes")
        check("polkit" not in examine(s, system(run)), "polkit is there")


@case("NetworkManager: with a bus policy that keeps it from groups, an older one, none")
def _(run):
    policy = "etc/dbus-1/system.d/miracast-wpa-supplicant.conf"
    installed = (pathlib.Path(__file__).parents[2] / "systemd/miracast-dbus.conf").read_text()
    with service(run) as s:
        check("network-manager" not in examine(s, system(run)), "it is not there")
        s.mock("manager", "own", "org.freedesktop.NetworkManager")
        root = system(run)
        for text, verdict in ((None, "problem"), (installed.replace("hush.conf", "x"), "problem"),
                              (installed, "ok")):
            if text:
                (root / policy).parent.mkdir(parents=True, exist_ok=True)
                (root / policy).write_text(text)
            found = examine(s, root)["network-manager"]
            check(found["verdict"] == verdict, found)


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

# SPDX-License-Identifier: GPL-2.0-or-later
"""module: COPY and GRAB of the kernel module beside the kernel's own memcpy, in one guest.

Emulated, so only the proportions mean anything.
"""
import json
import subprocess

from bench_common import BUILD, ROOT, save


def run():
    r = subprocess.run([ROOT / "tests" / "vm" / "run", "--build", BUILD, "bench-module"],
                       capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(r.stdout[-2000:] + r.stderr[-500:])
    sizes = json.loads((BUILD / "vm" / "bench-module" / "bench.json").read_text())
    save("module", sizes)
    print("module: one frame in an emulated guest, best of several")
    print(f"  {'size':10} {'COPY/s':>8} {'CPU':>9} {'of memcpy':>10} {'GRAB/s':>8} {'CPU':>9}")
    for s in sizes:
        print(f"  {s['size']:10} {1e9 / s['copy_ns']:8.1f} {s['copy_cpu_us']:6} us "
              f"{s['copy_ns'] / s['memcpy_ns']:10.2f} {1e9 / s['grab_ns']:8.0f} "
              f"{s['grab_cpu_us']:6} us")

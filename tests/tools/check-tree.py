#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every file owes: a licence line, a header that compiles alone, a README of one page."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

README_LINES = 100
SKIP = {".git", "build", "generated", "__pycache__"}
NO_COMMENTS = {".md", ".png", ".ppm", ".ts", ".bin", ".json", ".txt", ".raw", ""}
# Their formats are Debian's, and most of them have no comments; copyright says it for all.
NO_COMMENTS |= {".install", ".dkms", ".lintian-overrides"}


def files(root):
    """What git keeps, or would keep; everything but builds in an unpacked release."""
    if (root / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                                capture_output=True, text=True, check=True)
        yield from (root / name for name in listed.stdout.splitlines() if (root / name).exists())
        return
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(p in SKIP or p.startswith("build") for p in parts[:-1]):
            yield path


def wants_licence(root, path):
    relative = path.relative_to(root)
    if relative.parts[0] == "LICENSES" or "corpus" in relative.parts or "data" in relative.parts or path.name.startswith("."):
        return False
    return path.suffix not in NO_COMMENTS


def check_licences(root):
    for path in files(root):
        if wants_licence(root, path):
            head = path.read_bytes()[:400]
            if b"SPDX-License-Identifier:" not in head:
                yield f"{path.relative_to(root)}: no SPDX-License-Identifier in the first lines"


def check_headers(root, compiler):
    """Each header of a border or an organ stands alone."""
    with tempfile.TemporaryDirectory() as tmp:
        source = pathlib.Path(tmp, "alone.c")
        headers = [h for d in ("include", "daemon") for h in sorted((root / d).rglob("*.h"))]
        for header in headers:
            source.write_text(f'#include "{header.resolve()}"\n')
            r = subprocess.run([compiler, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra",
                                "-Werror", "-fsyntax-only", f"-I{root}/include",
                                f"-I{root}/daemon", source], capture_output=True, text=True)
            if r.returncode:
                yield f"{header.relative_to(root)} does not compile alone:\n{r.stderr}"


def check_readme(root):
    lines = len((root / "README.md").read_text().splitlines())
    if lines > README_LINES:
        yield f"README.md has {lines} lines; {README_LINES} is the most"


def check_versions(root):
    """One version, written where each tool looks for it."""
    places = {"meson.build": r"^  version: '(.*)',", "kernel/dkms.conf": r'^PACKAGE_VERSION="(.*)"',
              "kernel/miracast_drv.c": r'^MODULE_VERSION\("(.*)"\)',
              "packaging/debian/changelog": r"^miracast \((.*)\)"}
    found = {name: re.search(pattern, (root / name).read_text(), re.M).group(1)
             for name, pattern in places.items()}
    if len(set(found.values())) > 1:
        yield f"different versions: {found}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = [*check_licences(root), *check_headers(root, "cc"), *check_readme(root),
             *check_versions(root)]
    print("\n".join(found) if found else "every file is as it should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

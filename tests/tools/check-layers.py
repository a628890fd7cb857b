#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may include whom. The table is the rule; docs/HACKING.md points here."""
import pathlib
import re
import sys
import tempfile

# A file or a folder under daemon/ -> what it may include besides its own folder.
# "story" is daemon/*.c and *.h: main, direct, session, rate, report.
ALLOWED = {
    "story": {"include", "util", "link", "rtsp", "display", "media/protocol.h",
              "media/supervisor.h", "bus/bus.h"},
    "bus": {"include", "util", "story", "link/link.h", "media/protocol.h"},
    "media": {"include", "uapi", "util", "capture", "encode", "audio", "stream"},
    "link": {"include", "util"},
    "rtsp": {"include", "util"},
    "display": {"include", "uapi", "util"},
    "capture": {"include", "uapi", "util"},
    "encode": {"include", "util"},
    "audio": {"include", "util"},
    "stream": {"include", "util"},
    "input": {"include", "util"},
    "net": {"include", "util"},
    "ctl": {"include", "util"},
    "util": set(),
    "include": set(),
    "sink": {"miracast/stamp.h"},
}

# Headers of libraries that only one place may know.
ONLY_IN = {
    r"systemd/sd-bus\.h": r"daemon/(bus/|ctl/|link/link-wpa)|tests/",
    r"va/.*": r"daemon/encode/encoder-vaapi|tests/va-driver/",
    r"(drm|libdrm|xf86drm|virtgpu_drm).*": r"daemon/(capture|display)/|tests/",
    r"x264\.h": r"daemon/encode/encoder-x264|tests/(va-driver|bench)/",
    # Two stages together are seen by the pipeline alone.
    r"(encode|stream)/.*": r"daemon/media/(pipeline|main)|daemon/(encode|stream)/|tests/",
}

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def layer_of(path):
    parts = path.parts
    if parts[0] == "include":
        return "include"
    if parts[0] == "tests":
        return "sink" if parts[1] == "sink" else None
    if parts[0] != "daemon":
        return None
    return parts[1] if len(parts) > 2 else "story"


def target_of(root, path, name):
    """The layer that an included name belongs to; None for a library's."""
    if name.startswith(("miracast/", "uapi/")) and (root / "include" / name).exists():
        return "uapi" if name.startswith("uapi/") else "include"
    places = [(root / "daemon", "daemon"), (root / path.parent, path.parent)]
    for base, prefix in places:
        if (base / name).exists():
            return layer_of(pathlib.Path(prefix) / name)
    return None


def violations(root, path):
    layer = layer_of(path)
    for name in INCLUDE.findall((root / path).read_text(errors="replace")):
        for pattern, place in ONLY_IN.items():
            if re.fullmatch(pattern, name) and not re.match(place, str(path)):
                yield f"{path}: {name} may be included only in {place}"
        target = target_of(root, path, name)
        if layer is None or target is None or target == layer:
            continue
        if target not in ALLOWED[layer] and name not in ALLOWED[layer]:
            yield f"{path}: {layer} may not include {name} ({target})"


def check_itself():
    """A rule that cannot be broken is no rule: plant one violation of each kind."""
    planted = {
        "daemon/rtsp/a.c": '#include "link/link.h"',
        "daemon/util/b.c": '#include "miracast/media.h"',
        "daemon/session.c": '#include <systemd/sd-bus.h>',
        "daemon/capture/c.c": '#include "encode/encoder.h"',
        "tests/sink/d.c": '#include "util/log.h"',
    }
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for path in list(planted) + ["daemon/link/link.h", "daemon/encode/encoder.h",
                                     "daemon/util/log.h", "include/miracast/media.h"]:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(planted.get(path, "") + "\n")
        missed = [p for p in planted if not list(violations(root, pathlib.Path(p)))]
    if missed:
        sys.exit(f"these planted violations were not found: {missed}")


def main():
    check_itself()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    files = [p.relative_to(root) for d in ("daemon", "include", "tests")
             for p in sorted((root / d).rglob("*.[ch]"))]
    found = [v for f in files for v in violations(root, f)]
    print("\n".join(found) if found else f"{len(files)} files keep their layers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./run bench [NAME...]: measure, print a table, leave the figures in build/bench/NAME.json.

usage: run-bench.py [NAME...]     all of convert, encode, stream, path, still, module by default

The build is build/, or the folder in the environment variable MIRACAST_BUILD. Rivals that are not
installed are left out.
"""
import importlib
import sys

NAMES = ["convert", "encode", "stream", "path", "still", "module"]


def main():
    chosen = sys.argv[1:] or NAMES
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        sys.exit(f"run: \"{unknown[0]}\" is not a bench; there are {', '.join(NAMES)}")
    for name in chosen:
        try:
            importlib.import_module(f"bench_{name}").run()
        except (RuntimeError, OSError) as e:
            sys.exit(f"run: bench {name}: {e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

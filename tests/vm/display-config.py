#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""display-config.py show | CONNECTOR[=WxH][@TRANSFORM]...

What GNOME's settings do, by the same interface: org.gnome.Mutter.DisplayConfig. "show" prints the
monitors and how they are laid out; else the named monitors are used, from left to right, the first
as primary, all others not. TRANSFORM is 0 to 3, in quarter turns.
"""
import sys

from gi.repository import Gio, GLib

NAME = "org.gnome.Mutter.DisplayConfig"


def call(method, arguments=None):
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    return bus.call_sync(NAME, "/org/gnome/Mutter/DisplayConfig", NAME, method, arguments, None,
                         Gio.DBusCallFlags.NONE, 60000, None).unpack()


def show(state):
    _, monitors, logical, _ = state
    for (connector, vendor, product, serial), modes, properties in monitors:
        print(f"{connector}: {vendor} {product} {serial} \"{properties.get('display-name')}\"")
        for mode, *_, flags in modes:
            print(f"  {mode}{' current' * flags.get('is-current', False)}"
                  f"{' preferred' * flags.get('is-preferred', False)}")
    for x, y, scale, transform, primary, members, _ in logical:
        print(f"at {x},{y} scale {scale} transform {transform}{' primary' * primary}: "
              + ", ".join(f"{m[0]} {m[1]} {m[2]}" for m in members))


def choose_mode(monitors, connector, size):
    """Its id, and the size; without a wish the preferred one's."""
    for (name, *_), modes, _ in monitors:
        for mode, width, height, *_, flags in modes:
            wanted = f"{width}x{height}" == size if size else flags.get("is-preferred")
            if name == connector and wanted:
                return mode, width, height
    sys.exit(f"{connector} has no mode {size}")


def apply(state, wishes):
    serial, monitors, _, _ = state
    x, logical = 0, []
    for wish in wishes:
        wish, _, transform = wish.partition("@")
        connector, _, size = wish.partition("=")
        mode, width, height = choose_mode(monitors, connector, size)
        logical.append((x, 0, 1.0, int(transform or 0), not x, [(connector, mode, {})]))
        x += height if transform in ("1", "3") else width
    call("ApplyMonitorsConfig", GLib.Variant("(uua(iiduba(ssa{sv}))a{sv})",
                                             (serial, 1, logical, {})))


def main():
    state = call("GetCurrentState")
    if sys.argv[1:] == ["show"]:
        show(state)
    else:
        apply(state, sys.argv[1:])


if __name__ == "__main__":
    main()

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# session.sh xfce|mutter|idle SOCKET
#
# A user's session: what a display manager would start, and somebody who runs commands in it.
set -u

socket=$2
here=$(dirname "$(readlink -f "$0")")
export DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus XDG_CONFIG_HOME=$HOME/.config

case $1 in
xfce)
	export DISPLAY=:0 XDG_CURRENT_DESKTOP=XFCE
	Xorg :0 "vt$XDG_VTNR" -keeptty -noreset -logfile "$HOME/Xorg.log" &
	until xrandr >/dev/null 2>&1; do
		kill -0 $! || exit 1
		sleep 1
	done
	# As Debian's Xsession does: what the bus starts finds the screen.
	dbus-update-activation-environment --systemd DISPLAY XDG_CURRENT_DESKTOP
	xfwm4 --compositor=off &
	xfsettingsd --no-daemon &
	xfdesktop &
	;;
mutter)
	export XDG_CURRENT_DESKTOP=GNOME WAYLAND_DISPLAY=wayland-0
	mutter --wayland --no-x11 &
	until [ -S "$XDG_RUNTIME_DIR/wayland-0" ]; do
		kill -0 $! || exit 1
		sleep 1
	done
	;;
idle) ;;
esac
exec python3 "$here/seat.py" "$socket"

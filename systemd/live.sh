#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# live.sh install|remove|reload: what the running system must be told after `meson install`, before
# the files go again, and afterwards. Packages have scripts of their own for it, and with DESTDIR
# nothing is done.
#
# Every step says what it does; a step that cannot be done says what the user can do, and the rest
# goes on: without the module, everything but the desktop works.
set -u

action=${1:?usage: live.sh install|remove|reload}
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$(dirname "$0")/../kernel/dkms.conf")
running=$(uname -r)
log=/var/log/miracast-setup.log

say() { printf '  %s\n' "$*"; }
has() { command -v "$1" >/dev/null; }
is_booted() { [ -d /run/systemd/system ]; }

# A desktop on X takes a card that comes later only sometimes, and dies of one that goes.
has_x_server() {
	grep -qsxE 'X|Xorg' /proc/[0-9]*/comm
}

# firewalld knows the zones that it found when it started.
reload_firewalld() {
	has firewall-cmd && firewall-cmd -q --state 2>/dev/null || return 0
	there=0
	[ ! -e /usr/lib/firewalld/zones/miracast.xml ] || there=1
	[ "$(firewall-cmd --get-zones | grep -cw miracast)" != $there ] || return 0
	say "Reloading firewalld, which has a zone for sinks"
	firewall-cmd -q --reload ||
		say "! That failed: run \"firewall-cmd --reload\""
}

reload() {
	is_booted || return 0
	say "Reloading units, device rules and bus policies"
	systemctl daemon-reload
	udevadm control --reload
	udevadm trigger --subsystem-match=misc --sysname-match=miracast
	busctl -q call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig
	systemctl -q try-restart miracastd.service
	reload_firewalld
}

# ---------------------------------------------------------------- install

add_user() {
	say "Making the user miracast"
	systemd-sysusers /usr/lib/sysusers.d/miracast.conf >>"$log" 2>&1 ||
		say "! The user was not made: the service cannot start without it; see $log"
}

# remove_versions [BUT]: or dkms would go on building an older one for each new kernel.
remove_versions() {
	for folder in /usr/src/miracast-*; do
		found=${folder#/usr/src/miracast-}
		[ -e "$folder/dkms.conf" ] && [ "$found" != "${1:-}" ] || continue
		! has dkms || dkms remove -m miracast -v "$found" --all >/dev/null 2>&1
		rm -rf "$folder"
	done
}

# For every kernel that has its headers here.
build_module() {
	if ! has dkms; then
		say "! The kernel module was not built: dkms is missing"
		return
	fi
	remove_versions "$version"
	dkms status -m miracast -v "$version" | grep -q . ||
		dkms add -m miracast -v "$version" >>"$log" 2>&1
	for folder in /lib/modules/*/build; do
		[ -e "$folder/Makefile" ] || continue
		kernel=$(basename "$(dirname "$folder")")
		say "Building the kernel module for $kernel; a minute"
		# The sources may be others under the same version: installing alone keeps what is built.
		{ dkms build --force -m miracast -v "$version" -k "$kernel" &&
			dkms install --force -m miracast -v "$version" -k "$kernel"; } >>"$log" 2>&1
		case $? in
		0) ;;
		77) say "  Not for this one: it is older than 6.1" ;;
		*) say "! That failed: see $log" ;;
		esac
	done
	[ -e "/lib/modules/$running/build/Makefile" ] || name_headers
}

name_headers() {
	if has systemd-detect-virt && systemd-detect-virt -cq; then
		say "! This is a container: the module belongs on the machine around it, kernel $running"
	else
		say "! The headers of the running kernel are missing: install linux-headers-$running;"
		say "  where no package has them, start the newest kernel with its headers installed."
		say "  DKMS builds the module then"
	fi
}

# Secure Boot refuses a module whose key it does not know.
name_key() {
	efivar=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
	[ "$(od -An -tu1 -j4 -N1 "$efivar" 2>/dev/null | tr -d ' ')" = 1 ] || return 0
	[ ! -d /sys/module/miracast ] || return 0 # it was accepted
	for key in /var/lib/shim-signed/mok/MOK.der /var/lib/dkms/mok.pub; do
		[ -e "$key" ] && has mokutil || continue
		! mokutil --test-key "$key" | grep -q "already enrolled" || return 0
		say "! Secure Boot is on and does not know the key of the module: run"
		say "  \"mokutil --import $key\", choose a password, restart, and enrol the key"
		say "  on the blue screen"
		return 0
	done
	say "! Secure Boot is on, and it is not known whether it knows the key of the module:"
	say "  \"miracastctl doctor\" says what is missing"
}

load_module() {
	modinfo -k "$running" miracast >/dev/null 2>&1 || return
	name_key
	if [ -d /sys/module/miracast ]; then
		[ "$(cat /sys/module/miracast/srcversion 2>/dev/null)" = "$(modinfo -F srcversion miracast)" ] ||
			say "* Restart once: an older module is in use"
	elif has_x_server; then
		say "* Restart once: an X server is running, and takes new displays at its start"
	elif modprobe miracast 2>>"$log"; then
		say "The kernel module is loaded"
	else
		say "! The kernel module does not load: see $log and dmesg"
	fi
}

# ---------------------------------------------------------------- remove

stop() {
	is_booted || return 0
	say "Stopping the service"
	systemctl -q disable --now miracastd.service miracast-net.socket miracast-net.service
	[ ! -d /sys/module/miracast ] || modprobe -qr miracast ||
		say "* The kernel module is in use by the desktop, and gone after a restart"
}

remove_user() {
	say "Removing the user miracast and what the service kept"
	# Where the module stays until a restart, nobody shall get the node with the number.
	[ ! -e /dev/miracast ] || chown root:root /dev/miracast
	! id miracast >/dev/null 2>&1 || userdel miracast
	rm -rf /var/lib/miracast /var/lib/miracast-net /run/miracast-net "$log" \
		/run/NetworkManager/conf.d/miracast.conf
	# systemd made it for the DHCP client, whose package may not be there.
	dpkg-query -S /var/lib/dhcpcd >/dev/null 2>&1 || rmdir /var/lib/dhcpcd 2>/dev/null
}

case $action in
install)
	: >"$log"
	add_user
	build_module
	reload
	load_module
	;;
remove)
	stop
	remove_versions
	remove_user
	;;
reload) reload ;;
esac
exit 0

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# root.sh NAME
#
# A Debian 12 with systemd and the packages of the list roots/NAME, as the image of an ext4 file
# system; prints the image's path. Made once for each version of the list and of this script. In a
# list, @release@ is the kernel's (VM_RELEASE).
#
# Knows how to get packages: from where this machine's apt gets Debian 12. Lies in the cache folder
# of the user, never in the repository. Has no kernel, unless its list names one: the runner brings
# that and its modules. Nobody writes to the image, guests write to their own snapshots of it. Needs
# no root.

set -eu -o pipefail

name=${1:?usage: root.sh NAME}
here=$(dirname "$(readlink -f "$0")")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/miracast
packages=$(sed "s/#.*//; s/@release@/${VM_RELEASE:-}/g" "$here/roots/$name" | xargs)
key=$( (echo "$packages"; cat "$0") | sha256sum | cut -c1-12)
image=$cache/root-$name-$key.ext4

# What every root has: enough for systemd with sessions, and a user at the seat.
base=systemd-sysv,udev,dbus,libpam-systemd,kmod,iproute2,procps

sources() {
	# shellcheck disable=SC2016 # for apt
	apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' |
		awk '$2 ~ /^bookworm/ { print "deb " $0 }' | sort -u
}

# In the order of their cost at boot under emulation; none of them has a part in any case.
# shellcheck disable=SC2016 # for the shell of the hook
prepare='chroot "$1" sh -ec "
	useradd --create-home --shell /bin/bash --groups video,render,input tester
	systemd-machine-id-setup
	echo miracast-vm >/etc/hostname
	systemctl mask e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
		fstrim.timer e2scrub_all.timer man-db.timer getty.target systemd-random-seed.service \
		systemd-update-utmp.service systemd-pstore.service dev-hugepages.mount modprobe@.service
	apt-get clean
	rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d
	[ ! -e /sbin/start-stop-daemon.REAL ] || mv /sbin/start-stop-daemon.REAL /sbin/start-stop-daemon"'

# The hook sees the owners as they shall be, but is nobody in the cache folder: it gets the file open.
# Bound elsewhere, the tree is without what is mounted in it; in a namespace of its own, since for root
# mmdebstrap makes none and this machine's /mnt may be in use. Room for what guests add costs nothing:
# the file has holes.
# shellcheck disable=SC2016
pack='unshare --mount sh -ec "
	mount --bind \"\$1\" /mnt
	mke2fs -q -F -t ext4 -L root -d /mnt /proc/self/fd/3 8G" sh "$1"'

make_image() {
	local from

	# Not twice at once, and none that nobody used of late.
	exec 9>"$cache/root-$name.lock"
	flock 9
	[ ! -e "$image" ] || return 0
	find "$cache" -name 'root-*.ext4*' -mtime +14 -delete
	from=$(sources)
	[ -n "$from" ] || { echo "root.sh: apt knows no source of Debian 12 (bookworm)" >&2; exit 1; }
	install -m 666 /dev/null "$image.new"
	echo "$from" | mmdebstrap --quiet --variant=apt --format=null \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Retries "3"' \
		--aptopt='APT::Install-Recommends "false"' \
		--include="$base,${packages// /,}" \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook="$prepare" --customize-hook="$pack" bookworm - - 3<>"$image.new"
	chmod 444 "$image.new"
	mv "$image.new" "$image"
}

mkdir -p "$cache"
[ -e "$image" ] || make_image >&2
touch "$image"
echo "$image"

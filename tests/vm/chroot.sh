#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# chroot.sh SUITE [COMMAND...]
#
# A Debian SUITE (trixie, sid) with its kernel, its kernel's headers and the compiler these ask for.
# Without COMMAND it is made if need be, and its folder is printed; else COMMAND runs in it, in the
# folder it is called from, which is seen inside at the same path.
#
# Knows how to get packages: from the mirror that this machine's apt uses. Lies in the cache folder
# of the user, never in the repository; remove it there to get a newer one. Needs no root.

set -eu -o pipefail

suite=${1:?usage: chroot.sh SUITE [COMMAND...]}
shift
folder=${XDG_CACHE_HOME:-$HOME/.cache}/miracast/$suite
unshare=(unshare --mount --pid --fork)
[ "$(id -u)" = 0 ] || unshare+=(--user --map-root-user)

mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' 'Label: Debian' | head -1
}

# The image's own packages are unpacked and not installed, below /kernel: nothing boots from the
# folder itself, and their scripts would make an initrd for it. Newer releases split them in several.
# shellcheck disable=SC2016 # for the shell inside
unpack_kernel='chroot "$1" sh -ec "
	mkdir /kernel && cd /kernel
	apt-get -q download \$(apt-cache depends --recurse --no-recommends --no-suggests \
		--no-conflicts --no-breaks --no-replaces --no-enhances linux-image-amd64 |
		grep -E \"^linux-(image|binary|modules)-.*amd64\$\" | grep -v ^linux-image-amd64 | sort -u)
	for deb in *.deb; do dpkg-deb -x \$deb . && rm \$deb; done
	[ -e lib ] || ln -s usr/lib lib
	depmod -b . \$(ls lib/modules) 2>/dev/null"'

make_folder() {
	local url

	url=$(mirror)
	[ -n "$url" ] || { echo "chroot.sh: apt knows no Debian mirror" >&2; exit 1; }
	rm -rf "$folder"
	mkdir -p "$folder"
	# A mirror that stands still serves as well: signatures count here, not dates.
	mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
		--include=linux-headers-amd64,make,kmod,sparse \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--customize-hook="$unpack_kernel" "$suite" - "$url" |
		tar -x -C "$folder" --exclude='./dev/*' --no-same-owner
	touch "$folder/stamp"
}

[ -e "$folder/stamp" ] || make_folder >&2
if [ $# = 0 ]; then
	echo "$folder"
	exit
fi
mkdir -p "$folder$PWD"
# shellcheck disable=SC2016 # objtool of newer kernels wants /proc
exec "${unshare[@]}" sh -ec '
	folder=$1; here=$2; shift 2
	mount --rbind "$here" "$folder$here"
	mount -t proc proc "$folder/proc"
	[ -e "$folder/dev/null" ] || touch "$folder/dev/null"
	mount --bind /dev/null "$folder/dev/null"
	exec chroot "$folder" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C \
		sh -ec "cd \"\$1\"; shift; exec \"\$@\"" sh "$here" "$@"' sh "$folder" "$PWD" "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh [bookworm|trixie|sid|style...]: build the module for each kernel with W=1 and read it with
# sparse; style is checkpatch --strict. Nothing may have anything to say.
#
# Knows how to run the kernel's own tools. Where kernels and compilers come from, tests/vm/chroot.sh
# knows; checkpatch.pl is taken out of Debian's linux-source once.

set -eu -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/miracast
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Two exceptions: user space has no BIT(), and the macro that copies a mode is one because it does
# so between two types, of which it uses each argument more than once.
checkpatch=(--no-tree --strict --terse --no-summary --max-line-length=100 --show-types
	--ignore=BIT_MACRO --ignore=MACRO_ARG_REUSE)

# Runs sparse as kbuild does, with the compiler's own flags, from where these were meant. Not by
# kbuild itself: its script for that is not in the headers of every release.
# shellcheck disable=SC2016 # for the shell inside
sparse='headers=$1; for cmd in "$PWD"/.miracast_*.o.cmd; do
	flags=$(sed -n "s/^\(savedcmd_\|cmd_\)[^ ]* := *[^ ]* //p" "$cmd" | sed "s/ ; .*//")
	case $flags in *" -I./include "*) cd "$headers" ;; esac
	eval "sparse -D__linux__ -Dlinux -D__STDC__ -Dunix -D__unix__ -Wbitwise -Wno-return-void" \
		"-Wno-unknown-attribute -D__CHECK_ENDIAN__ $flags"; done'

check_kernel() {
	local run=() headers

	case $1 in
	bookworm) headers=$(printf '%s\n' /lib/modules/*/build | sort -V | tail -1) ;;
	*)
		headers=$(cd "$("$root/tests/vm/chroot.sh" "$1")" &&
			printf '/%s\n' usr/src/linux-headers-*-amd64 | head -1)
		run=("$root/tests/vm/chroot.sh" "$1")
		;;
	esac
	make -s -C "$root/kernel" dkms-tree DESTDIR="$work/$1"
	cd "$work/$1"/usr/src/miracast-*
	"${run[@]}" make -s W=1 KDIR="$headers" modules 2>&1 | grep -v 'Skipping BTF' || :
	[ -e miracast.ko ] || return 1
	"${run[@]}" sh -c "$sparse" sh "$headers" 2>&1
}

check_style() {
	local script=$cache/checkpatch.pl

	if [ ! -e "$script" ]; then
		mkdir -p "$cache"
		(cd "$work" && apt-get -q download linux-source-6.1 &&
			dpkg-deb --fsys-tarfile linux-source-6.1_*.deb |
			tar -xO --wildcards '*/linux-source-6.1.tar.xz' |
			tar -xJ --wildcards --strip-components=2 '*/scripts/checkpatch.pl' \
				'*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch' &&
			mv checkpatch.pl spelling.txt const_structs.checkpatch "$cache") \
			>"$work/download" 2>&1 || { cat "$work/download"; return 1; }
	fi
	"$script" "${checkpatch[@]}" -f "$root"/kernel/*.[ch] "$root"/include/uapi/*.h
}

for what in "${@:-bookworm trixie sid style}"; do
	for one in $what; do
		case $one in
		style) check_style >"$work/log" 2>&1 || : ;;
		*) (check_kernel "$one") >"$work/log" 2>&1 || echo "failed" >>"$work/log" ;;
		esac
		if [ -s "$work/log" ]; then
			failed=1
			echo "not ok $one"
			cat "$work/log"
		else
			echo "ok $one"
		fi
	done
done
exit $failed

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# test-neon.sh SOURCE-ROOT OUT: the test of convert on 64-bit ARM, compiled by clang and run by
# QEMU's user emulation. Skipped where a part of that is missing (packages clang, qemu-user,
# binutils-aarch64-linux-gnu, libc6-dev-arm64-cross, libgcc-12-dev-arm64-cross). Not by Debian's
# gcc-aarch64-linux-gnu: to install that removes gcc-multilib, which other tests need.
set -eu
root=$1
out=$2

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

for program in clang qemu-aarch64; do
    command -v $program >/dev/null || skip "$program is not installed"
done
libgcc=$(ls -d /usr/lib/gcc-cross/aarch64-linux-gnu/* 2>/dev/null | tail -1)
cross() {
    clang --target=aarch64-linux-gnu --sysroot=/ -isystem /usr/aarch64-linux-gnu/include -static \
        -B"$libgcc" -L"$libgcc" -L/usr/aarch64-linux-gnu/lib "$@"
}
echo 'int main(void) { return 0; }' >"$out.c"
cross -o "$out" "$out.c" 2>/dev/null || skip "nothing can be linked for aarch64-linux-gnu"
cross -std=gnu17 -O3 -Wall -Wextra -Werror -D_GNU_SOURCE \
    -I"$root/tests/cross" -I"$root/daemon" -I"$root/include" -o "$out" \
    "$root/tests/unit/test-convert.c" "$root/daemon/encode/convert.c" \
    "$root/daemon/encode/convert-neon.c" -lm
exec qemu-aarch64 "$out"

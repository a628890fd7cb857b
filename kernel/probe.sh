#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# probe.sh INCLUDE - say how the kernel whose headers are below INCLUDE differs, as defines.
# The sources are written for the newest interface; this table makes kernels from 6.1 on look like
# it. A probe looks for the declaration itself, never for a release number: distributions port back.

include=$1

# differ HEADER REGEX NAME THEN ELSE: define NAME as THEN if a line of HEADER matches, else as ELSE.
differ() {
	if grep -q -- "$2" "$include/$1" 2>/dev/null; then
		echo "#define $3 $4"
	else
		echo "#define $3 $5"
	fi
}

echo "/* Written by probe.sh from $include. */"

# What a commit changes was renamed.
differ drm/drm_atomic.h '^struct drm_atomic_commit {' drm_atomic_state drm_atomic_commit \
	drm_atomic_state
# Drivers had a date.
differ drm/drm_drv.h '\*date;' MIRACAST_DRIVER_DATE '.date = "20260101",' ''
# PRIME became the default for GEM drivers, together with the end of gem_prime_mmap.
differ drm/drm_drv.h '(\*gem_prime_mmap)' MIRACAST_DRIVER_PRIME \
	'.prime_handle_to_fd = drm_gem_prime_handle_to_fd, \
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle, .gem_prime_mmap = drm_gem_prime_mmap,' ''
# Import without mapping for DMA, for devices that have none.
differ drm/drm_gem_shmem_helper.h 'drm_gem_shmem_prime_import_no_map' MIRACAST_DRIVER_IMPORT \
	'.gem_prime_import = drm_gem_shmem_prime_import_no_map,' \
	'.gem_prime_import_sg_table = drm_gem_shmem_prime_import_sg_table,'
# fb_create and its helpers are handed the format's description.
differ drm/drm_gem_framebuffer_helper.h 'const struct drm_format_info \*info' \
	'MIRACAST_FB_INFO(x)' 'x,' ''
# Mapping a dma-buf expects the caller to hold its reservation, or comes in a variant that takes it.
for call in vmap vunmap; do
	differ linux/dma-buf.h 'dma_buf_vmap_unlocked(' miracast_dma_buf_$call \
		dma_buf_${call}_unlocked dma_buf_$call
done
# hrtimer_init became hrtimer_setup.
differ linux/hrtimer.h 'hrtimer_setup(' 'miracast_hrtimer_setup(timer, run, clock, mode)' \
	'hrtimer_setup(timer, run, clock, mode)' \
	'(hrtimer_init(timer, clock, mode), (timer)->function = (run))'
# MODULE_IMPORT_NS once took a bare word instead of a string.
differ linux/module.h 'define MODULE_IMPORT_NS(ns).*__stringify' MIRACAST_DMA_BUF_NS DMA_BUF \
	'"DMA_BUF"'

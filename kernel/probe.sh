#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# probe.sh INCLUDE - say what the kernel headers below INCLUDE offer, as defines on stdout.
#
# Knows the kernel's interfaces that differ between 6.1 and now; compat.h gives each its meaning.
# A probe looks for the declaration itself, never for a release number: distributions port back.

include=$1

# probe NAME HEADER REGEX: define MIRACAST_NAME when a line of HEADER matches.
probe() {
	if grep -q "$3" "$include/$2" 2>/dev/null; then
		echo "#define MIRACAST_$1"
	else
		echo "/* MIRACAST_$1 is not set */"
	fi
}

echo "/* Written by probe.sh from $include. */"

# struct drm_atomic_state was renamed.
probe HAVE_ATOMIC_COMMIT drm/drm_atomic.h '^struct drm_atomic_commit {'
# struct drm_driver lost its date.
probe HAVE_DRIVER_DATE drm/drm_drv.h '\*date;'
# PRIME became the default for GEM drivers, together with the end of gem_prime_mmap.
probe HAVE_DRIVER_PRIME_MMAP drm/drm_drv.h '(\*gem_prime_mmap)'
# Import without mapping for DMA, for devices that have none.
probe HAVE_SHMEM_IMPORT_NO_MAP drm/drm_gem_shmem_helper.h 'drm_gem_shmem_prime_import_no_map'
# fb_create and its helpers are handed the format's description.
probe HAVE_FB_CREATE_INFO drm/drm_gem_framebuffer_helper.h 'const struct drm_format_info \*info'
# Mapping a dma-buf expects the caller to hold its reservation, or comes in a variant that takes it.
probe HAVE_DMA_BUF_VMAP_UNLOCKED linux/dma-buf.h 'dma_buf_vmap_unlocked('
# hrtimer_init became hrtimer_setup.
probe HAVE_HRTIMER_SETUP linux/hrtimer.h 'hrtimer_setup('
# MODULE_IMPORT_NS once took a bare word instead of a string.
probe HAVE_IMPORT_NS_WORD linux/module.h 'define MODULE_IMPORT_NS(ns).*__stringify'
# A bus for devices that are none.
probe HAVE_FAUX_DEVICE linux/device/faux.h 'faux_device_create('

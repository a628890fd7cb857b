/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels differ: the one place that knows. The sources are written for the newest interface;
 * this file makes older kernels look like it. Which kernel it is, only generated/probes.h knows.
 */
#ifndef MIRACAST_COMPAT_H
#define MIRACAST_COMPAT_H

#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/module.h>

#include "probes.h"

#ifdef MIRACAST_HAVE_ATOMIC_COMMIT
#define drm_atomic_state drm_atomic_commit
#endif

#ifdef MIRACAST_HAVE_DRIVER_DATE
#define MIRACAST_DRIVER_DATE .date = "20260101",
#else
#define MIRACAST_DRIVER_DATE
#endif

#ifdef MIRACAST_HAVE_DRIVER_PRIME_MMAP
#define MIRACAST_DRIVER_PRIME                                                                      \
	.prime_handle_to_fd = drm_gem_prime_handle_to_fd,                                          \
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle, .gem_prime_mmap = drm_gem_prime_mmap,
#else
#define MIRACAST_DRIVER_PRIME
#endif

#ifdef MIRACAST_HAVE_SHMEM_IMPORT_NO_MAP
#define MIRACAST_DRIVER_IMPORT .gem_prime_import = drm_gem_shmem_prime_import_no_map,
#else
#define MIRACAST_DRIVER_IMPORT                                                                     \
	.gem_prime_import_sg_table = drm_gem_shmem_prime_import_sg_table,
#endif

#ifdef MIRACAST_HAVE_FB_CREATE_INFO
#define MIRACAST_FB_INFO_PARAM const struct drm_format_info *info,
#define MIRACAST_FB_INFO_ARG   info,
#else
#define MIRACAST_FB_INFO_PARAM
#define MIRACAST_FB_INFO_ARG
#endif

#ifndef MIRACAST_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#ifndef MIRACAST_HAVE_DMA_BUF_VMAP_UNLOCKED
#define dma_buf_vmap_unlocked	dma_buf_vmap
#define dma_buf_vunmap_unlocked dma_buf_vunmap
#endif

#ifdef MIRACAST_HAVE_IMPORT_NS_WORD
#define MIRACAST_IMPORT_DMA_BUF MODULE_IMPORT_NS(DMA_BUF)
#else
#define MIRACAST_IMPORT_DMA_BUF MODULE_IMPORT_NS("DMA_BUF")
#endif

/*
 * The card's parent: a faux device, or a root device where there is no faux bus. Not a platform
 * device: desktops take one of these for the graphics of the chip and prefer it over a real card.
 */
#ifdef MIRACAST_HAVE_FAUX_DEVICE
#include <linux/device/faux.h>

static inline struct device *miracast_parent_create(const char *name)
{
	struct faux_device *faux = faux_device_create(name, NULL, NULL);

	return faux ? &faux->dev : ERR_PTR(-ENODEV);
}

static inline void miracast_parent_destroy(struct device *parent)
{
	faux_device_destroy(to_faux_device(parent));
}
#else
static inline struct device *miracast_parent_create(const char *name)
{
	return root_device_register(name);
}

static inline void miracast_parent_destroy(struct device *parent)
{
	root_device_unregister(parent);
}
#endif

#endif

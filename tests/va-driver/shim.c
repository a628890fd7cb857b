// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD: makes libva take /dev/null for a render node, and /dev/zero for another one, on
 * machines without. libva asks libdrm two things about a descriptor before it opens a driver (libva
 * 2.17, va_drm.c and va_drm_utils.c): what kind of node it is, and its kernel driver's name. Both are
 * answered here for those two, and passed on for everything else.
 *
 *	LD_PRELOAD=libva-driver-shim.so LIBVA_DRIVER_NAME=miracast-test LIBVA_DRIVERS_PATH=...
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <xf86drm.h>

static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       (st.st_rdev == makedev(1, 3) || st.st_rdev == makedev(1, 5));
}

int drmGetNodeTypeFromFd(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "drmGetNodeTypeFromFd");

	return is_ours(fd) ? DRM_NODE_RENDER : next(fd);
}

/* To be freed by drmFreeVersion(), which frees name, date and desc. */
drmVersionPtr drmGetVersion(int fd)
{
	drmVersionPtr (*next)(int) = (drmVersionPtr(*)(int))dlsym(RTLD_NEXT, "drmGetVersion");
	drmVersionPtr v;

	if (!is_ours(fd))
		return next(fd);
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->name = strdup("miracast-test");
	v->name_len = v->name ? (int)strlen(v->name) : 0;
	return v;
}

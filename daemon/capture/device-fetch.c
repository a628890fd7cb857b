// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtual GPU with 3D (virtio_gpu in a virtual machine) draws on the host. What the guest's CPU
 * finds in the memory of its buffers, in the kernel's copies as well, is what the host was last
 * asked to write there: black, as a rule. Nothing tells this of a buffer, and DMA_BUF_IOCTL_SYNC
 * does not mend it; a transfer on its render node does.
 *
 * Knows this one kind of GPU. Does not wait for the transfer: who begins to read by
 * DMA_BUF_IOCTL_SYNC does.
 */
#include "capture/device.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <virtgpu_drm.h>

static int call(int fd, unsigned long request, void *argument)
{
	int r;

	do
		r = ioctl(fd, request, argument);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : 0;
}

/* From the picture's first byte on; the buffer's own bytes a line. */
static int transfer(int node, uint32_t handle, const struct miracast_grab *grab)
{
	struct drm_virtgpu_3d_transfer_from_host t = {
		.bo_handle = handle,
		.box = { .x = grab->offset % grab->pitch / 4,
			 .y = grab->offset / grab->pitch,
			 .w = grab->width,
			 .h = grab->height,
			 .d = 1 },
		.offset = grab->offset,
	};

	return call(node, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t);
}

/*
 * With 3D the call fails only for want of a buffer. It leaves the node with a context, and buffers
 * that are imported before there is one are never transferred.
 */
static bool is_virtual_gpu(int node)
{
	static const struct miracast_grab none = { .pitch = 4 };
	char name[16] = "";
	struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

	return call(node, DRM_IOCTL_VERSION, &version) == 0 && strcmp(name, "virtio_gpu") == 0 &&
	       transfer(node, 0, &none) == -ENOENT;
}

int device_fetch_find(const int *nodes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_virtual_gpu(nodes[i]))
			return nodes[i];
	return -1;
}

int device_fetch(int node, const struct miracast_grab *grab)
{
	struct drm_prime_handle prime = { .fd = grab->fd };
	struct drm_gem_close close = { 0 };
	int r;

	/* Another GPU's is not taken, or is, and then its memory is the guest's. */
	if (call(node, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) < 0)
		return 0;
	r = transfer(node, prime.handle, grab);
	close.handle = prime.handle;
	(void)call(node, DRM_IOCTL_GEM_CLOSE, &close);
	/* Memory that host and guest share has nothing to transfer. */
	return r == -EINVAL ? 0 : r;
}

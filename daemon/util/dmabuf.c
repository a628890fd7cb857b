// SPDX-License-Identifier: GPL-2.0-or-later
#include "util/dmabuf.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>

size_t dmabuf_get_extent(uint32_t offset, uint32_t pitch, unsigned int width, unsigned int height)
{
	return offset + (size_t)pitch * (height - 1) + (size_t)width * 4;
}

static int sync_cpu(int fd, uint64_t what)
{
	struct dma_buf_sync sync = { .flags = what | DMA_BUF_SYNC_READ };
	int r;

	do
		r = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : 0;
}

int dmabuf_begin_read(int fd)
{
	return sync_cpu(fd, DMA_BUF_SYNC_START);
}

void dmabuf_end_read(int fd)
{
	(void)sync_cpu(fd, DMA_BUF_SYNC_END);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pixels of a grabbed buffer for the CPU: its dma-buf is mapped, once for each buffer, and its
 * exporter is told when the CPU begins to read and when it has ended, so that it can make its
 * caches agree (DMA_BUF_IOCTL_SYNC, Linux' dma-buf.h).
 */
#include "capture/device.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int sync_cpu(int fd, uint64_t what)
{
	struct dma_buf_sync sync = { .flags = what | DMA_BUF_SYNC_READ };
	int r;

	do
		r = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : 0;
}

static void forget(struct device_map *m)
{
	if (m->memory)
		(void)munmap(m->memory, m->size);
	*m = (struct device_map){ 0 };
}

void device_map_forget(struct device_maps *m)
{
	for (unsigned int i = 0; i < DEVICE_MAPS; i++)
		forget(&m->maps[i]);
}

static int find(struct device_maps *m, const struct miracast_grab *grab,
		const struct device_map **ret)
{
	size_t size = grab->offset + (size_t)grab->pitch * grab->height;
	struct device_map *map;
	void *memory;

	for (unsigned int i = 0; i < DEVICE_MAPS; i++) {
		*ret = &m->maps[i];
		if ((*ret)->buffer == grab->buffer && (*ret)->size >= size)
			return 0;
	}
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, grab->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	map = &m->maps[m->next++ % DEVICE_MAPS];
	forget(map);
	*map = (struct device_map){ .buffer = grab->buffer, .memory = memory, .size = size };
	*ret = map;
	return 0;
}

int device_map_begin(struct device_maps *m, const struct miracast_grab *grab,
		     const uint8_t **ret_pixels)
{
	const struct device_map *map;
	int r;

	r = find(m, grab, &map);
	if (r == 0)
		r = sync_cpu(grab->fd, DMA_BUF_SYNC_START);
	if (r < 0)
		return r;
	*ret_pixels = map->memory + grab->offset;
	return 0;
}

void device_map_end(const struct miracast_grab *grab)
{
	(void)sync_cpu(grab->fd, DMA_BUF_SYNC_END);
}

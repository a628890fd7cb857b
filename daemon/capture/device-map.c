// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pixels of a grabbed buffer for the CPU: its dma-buf is mapped, once for each buffer, and its
 * exporter is told when the CPU begins to read and when it has ended.
 */
#include "capture/device.h"

#include "util/dmabuf.h"

#include <errno.h>
#include <sys/mman.h>

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
	size_t size = dmabuf_get_extent(grab->offset, grab->pitch, grab->width, grab->height);
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
		r = dmabuf_begin_read(grab->fd);
	if (r < 0)
		return r;
	*ret_pixels = map->memory + grab->offset;
	return 0;
}

void device_map_end(const struct miracast_grab *grab)
{
	dmabuf_end_read(grab->fd);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/nodes.h"

#include "util/cleanup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* DRM gives these numbers to render nodes. */
#define NODE_FIRST 128
#define NODE_END   192
#define PATH_SIZE  256

static size_t add_node(const char *path, int *ret, size_t size)
{
	if (size == 0)
		return 0;
	*ret = open(path, O_RDWR | O_CLOEXEC);
	return *ret >= 0 ? 1 : 0;
}

/* What the kernel says of a GPU on PCI; others have no such file. */
static bool is_boot_gpu(const char *root, int number)
{
	char path[PATH_SIZE], value = 0;
	_cleanup_close_ int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/sys/class/drm/renderD%d/device/boot_vga", root,
		       number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &value, 1) == 1 && value == '1';
}

static size_t add_nodes(const char *root, bool boot_gpu, int *ret, size_t size)
{
	char path[PATH_SIZE];
	size_t n = 0;

	for (int i = NODE_FIRST; i < NODE_END; i++) {
		if (is_boot_gpu(root, i) != boot_gpu)
			continue;
		(void)snprintf(path, sizeof(path), "%s/dev/dri/renderD%d", root, i);
		n += add_node(path, ret + n, size - n);
	}
	return n;
}

size_t nodes_open(const char *root, const char *configured, int *ret, size_t size)
{
	size_t n;

	if (configured && *configured)
		return add_node(configured, ret, size);
	n = add_nodes(root, true, ret, size);
	return n + add_nodes(root, false, ret + n, size - n);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/nodes.h"

#include "util/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* DRM gives these numbers to render nodes. */
#define NODE_FIRST 128
#define NODE_END   192
#define PATH_SIZE  256

static void add_node(struct encoder_host *h, const char *path)
{
	int fd;

	if (h->node_count == ENCODER_NODES_MAX)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		h->nodes[h->node_count++] = fd;
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

static void add_nodes(const char *root, bool boot_gpu, struct encoder_host *h)
{
	char path[PATH_SIZE];

	for (int i = NODE_FIRST; i < NODE_END; i++) {
		if (is_boot_gpu(root, i) != boot_gpu)
			continue;
		(void)snprintf(path, sizeof(path), "%s/dev/dri/renderD%d", root, i);
		add_node(h, path);
	}
}

void nodes_open(const char *root, const char *configured, struct encoder_host *ret)
{
	if (configured && *configured) {
		add_node(ret, configured);
		return;
	}
	add_nodes(root, true, ret);
	add_nodes(root, false, ret);
}

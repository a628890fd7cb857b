// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/listener.h"

#include "miracast/net.h"
#include "util/cleanup.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Bound to any address: the group has none yet, and a sink may try before it is told to. What keeps
 * others out is the interface.
 */
static int claim(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int listener_claim(struct listener *l)
{
	for (uint16_t port = NET_PORT_FIRST; port <= NET_PORT_LAST; port++) {
		int fd = claim(port);

		if (fd == -EADDRINUSE)
			continue;
		if (fd < 0)
			return fd;
		*l = (struct listener){ .fd = fd, .port = port };
		return 0;
	}
	return -EADDRINUSE;
}

int listener_open(struct listener *l, const char *ifname)
{
	if (setsockopt(l->fd, SOL_SOCKET, SO_BINDTODEVICE, ifname,
		       (socklen_t)strlen(ifname) + 1) < 0)
		return -errno;
	return listen(l->fd, 2) < 0 ? -errno : 0;
}

int listener_accept(const struct listener *l, struct in_addr *ret_peer)
{
	struct sockaddr_in peer = { 0 };
	socklen_t size = sizeof(peer);
	int one = 1;
	int fd = accept4(l->fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR ? -EAGAIN : -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*ret_peer = peer.sin_addr;
	return fd;
}

void listener_close(struct listener *l)
{
	l->fd = close_fd(l->fd);
}

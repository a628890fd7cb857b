// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/net-client.h"

#include "util/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

static int on_packet(sd_event_source *source, int fd, uint32_t revents, void *userdata);

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	/* A local socket connects at once or not at all. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int net_client_open(struct net_client *c, struct sd_event *event, const char *path,
		    void (*on_reply)(void *userdata, const struct net_reply *reply),
		    void *userdata)
{
	_cleanup_close_ int fd = connect_to(path ? path : NET_SOCKET);
	int r;

	if (fd < 0)
		return fd;
	*c = (struct net_client){ .fd = -1, .on_reply = on_reply, .userdata = userdata };
	r = sd_event_add_io(event, &c->source, fd, EPOLLIN, on_packet, c);
	if (r < 0)
		return r;
	c->fd = TAKE_FD(fd);
	return 0;
}

int net_client_send(struct net_client *c, const struct net_request *request)
{
	if (send(c->fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static int on_packet(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct net_client *c = userdata;
	struct net_reply reply = { 0 };
	ssize_t n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);

	(void)source;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != sizeof(reply) || reply.version != NET_VERSION) {
		net_client_close(c);
		reply = (struct net_reply){ .verb = NET_LOST, .error = -ECONNRESET };
	}
	reply.text[sizeof(reply.text) - 1] = '\0';
	c->on_reply(c->userdata, &reply);
	return 0;
}

void net_client_close(struct net_client *c)
{
	c->source = sd_event_source_disable_unref(c->source);
	c->fd = close_fd(c->fd);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* A TCP connection to a source that may not be there yet. */
#include "connect.h"
#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_MS 50
#define TRY_MS	 3000

/* Splits the text; the port stays as it is if there is none. */
static int split(const char *text, char *host, size_t size, unsigned *port)
{
	const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *colon = strrchr(text, ':');
	size_t len = strlen(text);
	char *end;
	unsigned long number;

	if (text[0] == '[' && (!close || (close[1] && close[1] != ':')))
		return -EINVAL;
	if (close)
		colon = close[1] ? close + 1 : NULL;
	else if (colon && strchr(text, ':') != colon)
		colon = NULL; /* a bare IPv6 address */
	if (colon) {
		len = (size_t)(colon - text);
		number = strtoul(colon + 1, &end, 10);
		if (colon[1] < '0' || colon[1] > '9' || *end || !number || number > 65535)
			return -EINVAL;
		*port = (unsigned)number;
	}
	if (close) {
		text++;
		len = (size_t)(close - text);
	}
	if (!len || len >= size)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = 0;
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret)
{
	struct endpoint e = { .port = RTSP_PORT };
	struct sockaddr_in *in = (struct sockaddr_in *)&e.address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&e.address;
	char host[INET6_ADDRSTRLEN];
	int r = split(text, host, sizeof(host), &e.port);

	if (r < 0)
		return r;
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)e.port);
		e.len = sizeof(*in);
		snprintf(e.name, sizeof(e.name), "%s", host);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)e.port);
		e.len = sizeof(*in6);
		snprintf(e.name, sizeof(e.name), "[%s]", host);
	} else {
		return -EINVAL;
	}
	*ret = e;
	return 0;
}

/* With nobody listening, a port among the ephemeral ones may end up connected to itself. */
static bool is_self(int fd)
{
	struct sockaddr_storage own = { 0 }, peer = { 0 };
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);

	return getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 && own_len == peer_len &&
	       !memcmp(&own, &peer, own_len);
}

static int try_once(const struct endpoint *endpoint, int stop_fd)
{
	int fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd fds[] = { { fd, POLLOUT, 0 }, { stop_fd, POLLIN, 0 } };
	int error = 0;
	socklen_t len = sizeof(error);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->len) < 0) {
		if (errno != EINPROGRESS)
			error = errno;
		else if (poll(fds, 2, TRY_MS) <= 0)
			error = ETIMEDOUT;
		else if (fds[1].revents)
			error = EINTR;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if (!error && is_self(fd))
		error = ECONNREFUSED;
	if (error) {
		close(fd);
		return -error;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int endpoint_connect(const struct endpoint *endpoint, uint64_t wait_us, int stop_fd)
{
	uint64_t end_us = clock_now_us() + wait_us;
	struct pollfd stop = { stop_fd, POLLIN, 0 };

	for (;;) {
		int r = try_once(endpoint, stop_fd);

		if (r >= 0 || r == -EINTR || clock_now_us() >= end_us)
			return r;
		if (poll(&stop, 1, RETRY_MS) > 0)
			return -EINTR;
	}
}

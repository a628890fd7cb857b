// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The link without Wi-Fi: an address of ours where a sink connects. For LAN, loopback and tests.
 * Takes one connection; the listening socket closes with it, so that a second client, or one left
 * over from an earlier session, is refused by the kernel.
 */
#include "link/link-private.h"

#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#define CONNECT_LIMIT_US (30 * USEC_PER_SEC)

struct direct_link {
	struct link link; /* first */
	uint64_t rate_bps;
	uint64_t limit_us;
	int listen_fd;
	int rtsp_fd;
	sd_event_source *listen_source; /* until connected or failed */
	sd_event_source *limit_source;	/* likewise */
};

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_limit(sd_event_source *source, uint64_t now_us, void *userdata);
static void direct_free(struct link *link);

static int listen_on(const struct sockaddr_in *address)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (listen(fd, 1) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static const struct link_type direct_type = { .free = direct_free };

static int start_listening(struct direct_link *l, struct sd_event *event,
			   const struct sockaddr_in *address)
{
	int r;

	l->listen_fd = listen_on(address);
	if (l->listen_fd < 0)
		return l->listen_fd;
	r = sd_event_add_io(event, &l->listen_source, l->listen_fd, EPOLLIN, on_connection, l);
	if (r < 0)
		return r;
	return sd_event_add_time_relative(event, &l->limit_source, CLOCK_MONOTONIC, l->limit_us, 0,
					  on_limit, l);
}

int link_open_direct(struct sd_event *event, const struct sockaddr_in *address, uint64_t rate_bps,
		     const struct link_events *events, void *userdata, struct link **ret)
{
	struct direct_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct direct_link){
		.link = { .type = &direct_type, .events = events, .userdata = userdata },
		.rate_bps = rate_bps,
		.limit_us = clock_limit_us(CONNECT_LIMIT_US),
		.listen_fd = -1,
		.rtsp_fd = -1,
	};
	r = start_listening(l, event, address);
	if (r < 0) {
		direct_free(&l->link);
		return r;
	}
	*ret = &l->link;
	return 0;
}

static void stop_listening(struct direct_link *l)
{
	l->listen_source = sd_event_source_disable_unref(l->listen_source);
	l->limit_source = sd_event_source_disable_unref(l->limit_source);
	l->listen_fd = close_fd(l->listen_fd);
}

static void fail(struct direct_link *l, int error, const char *text)
{
	stop_listening(l);
	l->link.events->failed(l->link.userdata, LINK_STAGE_RTSP_WAIT, error, text);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct direct_link *l = userdata;
	struct session_link_stats stats = { .current_bps = l->rate_bps };
	int one = 1;
	int rtsp_fd;

	(void)source;
	(void)revents;
	rtsp_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (rtsp_fd < 0) {
		/* Gone again before we looked. Anything else would come back at once, for ever. */
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			fail(l, -errno, "the sink's connection could not be accepted");
		return 0;
	}
	(void)setsockopt(rtsp_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	l->rtsp_fd = rtsp_fd;
	stop_listening(l);
	l->link.events->connected(l->link.userdata, rtsp_fd, &stats);
	return 0;
}

static int on_limit(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct direct_link *l = userdata;
	char text[128];

	(void)source;
	(void)now_us;
	(void)snprintf(text, sizeof(text), "no sink connected within %.0f s: start the sink's "
		       "screen mirroring and check that a firewall lets it in",
		       (double)l->limit_us / (double)USEC_PER_SEC);
	fail(l, -ETIMEDOUT, text);
	return 0;
}

static void direct_free(struct link *link)
{
	struct direct_link *l = (struct direct_link *)link;

	stop_listening(l);
	l->rtsp_fd = close_fd(l->rtsp_fd);
	free(l);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control connection on the loop: bytes in, framed, to the exchange; bytes out through a
 * bounded queue; one timer for every deadline. See server.h for whose the socket is.
 */
#include "rtsp/server.h"

#include "rtsp/message.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READ_SIZE_MAX (16u << 10) /* bytes a turn: a flood must not keep the loop */
/* A message that has begun must end: nobody trickles bytes to keep a session open. */
#define MESSAGE_LIMIT_US  (10 * USEC_PER_SEC)
#define TIMER_ACCURACY_US USEC_PER_MSEC

struct rtsp_server {
	int fd; /* borrowed */
	struct exchange *x;
	sd_event_source *io, *timer;
	bool started;
	bool broken;		   /* nothing more can be read */
	uint64_t partial_deadline; /* UINT64_MAX: no message is on its way */
	uint64_t timer_deadline;   /* what the timer is set to */
	size_t queue_start, queue_size;
	unsigned depth; /* of dispatches under way */
	bool freed;	/* in one of them */
	char queue[RTSP_SERVER_QUEUE_SIZE];
	struct rtsp_framer framer;
};

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);
static int on_prepare(sd_event_source *source, void *userdata);

int rtsp_server_new(sd_event *event, int fd, struct exchange *x, struct rtsp_server **ret)
{
	_cleanup_(rtsp_server_freep) struct rtsp_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->x = x;
	s->partial_deadline = s->timer_deadline = UINT64_MAX;
	rtsp_framer_init(&s->framer);
	r = sd_event_add_io(event, &s->io, fd, EPOLLIN, on_io, s);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
	if (r < 0)
		return r;
	r = sd_event_add_time(event, &s->timer, CLOCK_MONOTONIC, UINT64_MAX, TIMER_ACCURACY_US,
			      on_timer, s);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->timer, SD_EVENT_ON);
	if (r < 0)
		return r;
	r = sd_event_source_set_prepare(s->timer, on_prepare);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void rtsp_server_start(struct rtsp_server *s)
{
	s->started = true;
	exchange_start(s->x, clock_now_us());
}

/* ---- out ---- */

/* As much as the socket takes. 0 or -errno. */
static int flush_queue(struct rtsp_server *s)
{
	while (s->queue_size) {
		ssize_t n = send(s->fd, s->queue + s->queue_start, s->queue_size,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		s->queue_start += (size_t)n;
		s->queue_size -= (size_t)n;
	}
	s->queue_start = 0;
	return 0;
}

int rtsp_server_send(struct rtsp_server *s, const void *data, size_t size)
{
	if (size > sizeof(s->queue) - s->queue_size)
		return -ENOBUFS;
	if (s->queue_start + s->queue_size + size > sizeof(s->queue)) {
		memmove(s->queue, s->queue + s->queue_start, s->queue_size);
		s->queue_start = 0;
	}
	memcpy(s->queue + s->queue_start + s->queue_size, data, size);
	s->queue_size += size;
	return flush_queue(s);
}

struct rtsp_server *rtsp_server_free(struct rtsp_server *s)
{
	if (!s)
		return NULL;
	s->io = sd_event_source_disable_unref(s->io);
	s->timer = sd_event_source_disable_unref(s->timer);
	if (s->depth) {
		s->freed = true;
		return NULL;
	}
	if (s->started)
		(void)flush_queue(s);
	free(s);
	return NULL;
}

/* ---- in ---- */

static void enter(struct rtsp_server *s)
{
	s->depth++;
}

static void leave(struct rtsp_server *s)
{
	s->depth--;
	if (s->freed && !s->depth)
		(void)rtsp_server_free(s);
}

static void break_off(struct rtsp_server *s, enum exchange_failure failure, int error,
		      const char *text)
{
	s->broken = true;
	s->partial_deadline = UINT64_MAX;
	exchange_on_error(s->x, failure, error, text, clock_now_us());
}

/* The clock of a message runs from its first byte. */
static void watch_partial(struct rtsp_server *s, bool took_one)
{
	if (!rtsp_framer_is_partial(&s->framer))
		s->partial_deadline = UINT64_MAX;
	else if (took_one || s->partial_deadline == UINT64_MAX)
		s->partial_deadline = clock_now_us() + clock_limit_us(MESSAGE_LIMIT_US);
}

/* Any of the calls up may have freed s. */
static void take_messages(struct rtsp_server *s)
{
	struct rtsp_message m;
	bool took_one = false;
	int r;

	while ((r = rtsp_framer_next(&s->framer, &m)) > 0) {
		took_one = true;
		exchange_on_message(s->x, &m, clock_now_us());
		if (s->freed)
			return;
	}
	if (r < 0)
		break_off(s, EXCHANGE_FAILURE_PROTOCOL, -EPROTO,
			  rtsp_error_to_string(s->framer.error));
	else
		watch_partial(s, took_one);
}

static void read_some(struct rtsp_server *s)
{
	size_t size;
	char *room = rtsp_framer_room(&s->framer, &size);
	ssize_t n = recv(s->fd, room, size < READ_SIZE_MAX ? size : READ_SIZE_MAX, MSG_DONTWAIT);

	if (n > 0) {
		rtsp_framer_push(&s->framer, (size_t)n);
		take_messages(s);
	} else if (n == 0) {
		s->broken = true;
		s->partial_deadline = UINT64_MAX;
		exchange_on_eof(s->x, clock_now_us());
	} else if (errno != EAGAIN && errno != EINTR) {
		break_off(s, EXCHANGE_FAILURE_CONNECTION, -errno, strerror(errno));
	}
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct rtsp_server *s = userdata;
	int r = 0;

	(void)source, (void)fd;
	enter(s);
	if (revents & EPOLLOUT)
		r = flush_queue(s);
	if (r < 0)
		break_off(s, EXCHANGE_FAILURE_CONNECTION, r, strerror(-r));
	else if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && !s->broken)
		read_some(s);
	leave(s);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct rtsp_server *s = userdata;
	uint64_t now_us = clock_now_us();

	(void)source, (void)usec;
	enter(s);
	if (now_us >= s->partial_deadline)
		break_off(s, EXCHANGE_FAILURE_PROTOCOL, -ETIMEDOUT,
			  "a message did not arrive whole in time");
	else
		exchange_on_timer(s->x, now_us);
	leave(s);
	return 0;
}

/*
 * Setting a timer takes back that it has run out, so that setting it anew in every turn would let a
 * sink that never pauses keep it from being heard.
 */
static int set_timer(struct rtsp_server *s, uint64_t deadline)
{
	if (deadline == s->timer_deadline)
		return 0;
	s->timer_deadline = deadline;
	return sd_event_source_set_time(s->timer, deadline);
}

/* Before the loop sleeps: whatever was done above or below, these are right again. */
static int on_prepare(sd_event_source *source, void *userdata)
{
	struct rtsp_server *s = userdata;
	uint64_t deadline = exchange_deadline(s->x);
	bool reading = s->started && !s->broken && exchange_get_state(s->x) != EXCHANGE_STATE_ENDED;
	bool writing = s->queue_size && !s->broken;
	uint32_t events = 0;
	int r;

	(void)source;
	r = set_timer(s, deadline < s->partial_deadline ? deadline : s->partial_deadline);
	if (r < 0)
		return r;
	if (reading)
		events |= EPOLLIN;
	if (writing)
		events |= EPOLLOUT;
	r = sd_event_source_set_io_events(s->io, events);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(s->io, events ? SD_EVENT_ON : SD_EVENT_OFF);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session's RTCP: a socket beside the stream's, from M6 to the end of Stop. Sends a report each
 * second, by which those of the sink tell the round trip, and hands what the sink says to the rate.
 * Nothing of the session's life hangs on it: a sink that never says a word here is as good as any.
 *
 * Only the peer is heard, and only RTCP_DATAGRAMS_MAX datagrams a second: the rest stays in the
 * socket until the kernel throws it away.
 */
#include "session-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <sys/socket.h>

#define RTCP_DATAGRAMS_MAX 50			 /* a second; a sink sends a few */
#define ARRIVED_SPAN_US	   (200 * USEC_PER_MSEC) /* shorter ones measure the clock */
#define COUNT_MAX	   1000000 /* datagrams between two reports; more is nonsense */
#define IP_UDP_HEADERS	   28

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata);

void session_rtcp_close(struct session *s)
{
	s->rtcp.source = sd_event_source_disable_unref(s->rtcp.source);
	s->rtcp.fd = close_fd(s->rtcp.fd);
}

/* A sink that named its port is heard from that port only; one that did not, from any. */
static int connect_peer(struct session *s, int fd, uint16_t rtp_port, uint16_t rtcp_port)
{
	s->rtcp.peer = s->peer;
	s->rtcp.peer.sin_port = htons(rtcp_port ? rtcp_port : (uint16_t)(rtp_port + 1));
	if (rtcp_port == 0)
		return 0;
	return connect(fd, (struct sockaddr *)&s->rtcp.peer, sizeof(s->rtcp.peer)) < 0 ? -errno : 0;
}

int session_rtcp_open(struct session *s, uint16_t local_port, uint16_t rtp_port, uint16_t rtcp_port)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_in local = s->local;
	int r;

	session_rtcp_close(s);
	if (local_port % 2 != 0)
		return -EADDRINUSE;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	local.sin_port = htons((uint16_t)(local_port + 1));
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0)
		return -errno;
	r = connect_peer(s, fd, rtp_port, rtcp_port);
	if (r < 0)
		return r;
	r = sd_event_add_io(s->event, &s->rtcp.source, fd, EPOLLIN, on_readable, s);
	if (r < 0)
		return r;
	s->rtcp.fd = TAKE_FD(fd);
	return 0;
}

/* ---------------------------------------------------------------- out */

static void send_report(struct session *s)
{
	const struct stream_state *state = media_supervisor_get_state(s->media);
	struct rtcp_sender sender = {
		.ssrc = state->ssrc,
		.now_ns = clock_now_ns(),
		.datagrams = state->datagrams,
		.bytes = state->bytes,
	};
	uint8_t data[RTCP_SENDER_SIZE];
	size_t size;

	if (sender.datagrams == 0)
		return;
	sender.bytes -= 12 * sender.datagrams; /* RTP's headers */
	size = rtcp_format_sender(&sender, data);
	/* A sink that does not listen, or a full queue: the next one will do. */
	if (sendto(s->rtcp.fd, data, size, MSG_NOSIGNAL, (struct sockaddr *)&s->rtcp.peer,
		   sizeof(s->rtcp.peer)) < 0)
		log_debug("session: no RTCP sender report: %s", strerror(errno));
}

void session_rtcp_on_tick(struct session *s)
{
	if (s->rtcp.fd < 0)
		return;
	s->rtcp.taken = 0;
	(void)sd_event_source_set_enabled(s->rtcp.source, SD_EVENT_ON);
	send_report(s);
}

/* ---------------------------------------------------------------- in */

/* What is missed is not sent again: it is gone. A picture that needs nothing of it is the answer. */
static void on_missed(struct session *s)
{
	media_supervisor_request_idr(s->media);
	session_rate_on_request(s);
}

/* What came to the sink since the report before, by its own count of datagrams. */
static uint64_t get_arrived(const struct session *s, const struct rtcp_report *report,
			    uint64_t now_us)
{
	const struct stream_state *state = media_supervisor_get_state(s->media);
	const struct rtcp_report *last = &s->rtcp.last;
	int64_t count = (int32_t)(report->highest - last->highest) -
			((int64_t)report->cumulative_lost - last->cumulative_lost);
	uint64_t span_us = now_us - s->rtcp.last_us;
	uint64_t bits;

	if (s->rtcp.last_us == 0 || span_us < ARRIVED_SPAN_US || count < 0 || count > COUNT_MAX ||
	    state->datagrams == 0)
		return 0;
	bits = (state->bytes / state->datagrams + IP_UDP_HEADERS) * 8;
	return (uint64_t)count * bits * USEC_PER_SEC / span_us;
}

static void on_report(struct session *s, const struct rtcp_report *report)
{
	uint64_t now_us = clock_now_us();
	struct rate_report r = {
		.fraction_lost = report->fraction_lost,
		.arrived_bps = get_arrived(s, report, now_us),
	};

	/* Each of our reports is good for one measurement, however often it is told. */
	if (report->last_sender != s->rtcp.last.last_sender)
		r.rtt_us = rtcp_round_trip_us(report, now_us * NSEC_PER_USEC);
	s->rtcp.last = *report;
	s->rtcp.last_us = now_us;
	session_rate_on_report(s, &r);
}

static void on_datagram(struct session *s, const uint8_t *data, size_t size)
{
	struct rtcp_feedback f;

	if (rtcp_parse(data, size, media_supervisor_get_state(s->media)->ssrc, &f) < 0)
		return;
	if (f.has_report)
		on_report(s, &f.report);
	if (f.wants_idr)
		session_tell_event(s, SESSION_EVENT_IDR_REQUEST);
	if (f.wants_idr || f.nacked > 0)
		on_missed(s);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct session *s = userdata;
	uint8_t data[RTCP_SIZE_MAX + 1]; /* one more: what is cut off must not pass for whole */
	struct sockaddr_in from;
	socklen_t from_size = sizeof(from);
	ssize_t n;

	(void)revents;
	n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_size);
	if (++s->rtcp.taken >= RTCP_DATAGRAMS_MAX)
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	/* An error is the answer to a report of ours that nobody waited for. */
	if (n < 0 || from.sin_addr.s_addr != s->peer.sin_addr.s_addr)
		return 0;
	if (s->state == SESSION_STARTED || s->state == SESSION_START_PENDING)
		on_datagram(s, data, (size_t)n);
	return 0;
}

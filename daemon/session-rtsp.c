// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session's talk with the sink: from M1 to the answer to M7, and what the sink asks for later.
 * Makes the RTP socket. Knows no RTSP grammar, that is rtsp/, and chooses no mode.
 */
#include "session-private.h"

#include "rtsp/wfd-quirks.h"
#include "util/clock.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define PORT_TRIES 32 /* every other port is odd */

/* In the order in which things happen. */
static void on_sink(void *userdata, const struct wfd_sink *sink);
static void on_format_accepted(void *userdata, const struct wfd_choice *choice);
static void on_format_refused(void *userdata, const struct wfd_choice *choice, unsigned int status,
			      unsigned int step, bool final);
static int on_setup(void *userdata, uint16_t rtp_port, uint16_t rtcp_port,
		    uint16_t *ret_server_rtp, uint16_t *ret_server_rtcp);
static void on_play(void *userdata);
static void on_pause(void *userdata);
static void on_resume(void *userdata);
static void on_idr_request(void *userdata);
static void on_monitor(void *userdata, const struct wfd_sink *sink);
static void on_teardown(void *userdata, bool by_sink, const char *reason);
static void on_failed(void *userdata, const struct exchange_error *error);
static int on_send(void *userdata, const void *data, size_t size);
static void on_transcript(void *userdata, enum exchange_direction direction, const char *data,
			  size_t size);

static const struct exchange_ops exchange_ops = {
	.send = on_send,
	.on_sink = on_sink,
	.on_format_accepted = on_format_accepted,
	.on_format_refused = on_format_refused,
	.on_setup = on_setup,
	.on_play = on_play,
	.on_pause = on_pause,
	.on_resume = on_resume,
	.on_standby = on_pause,
	.on_wake = on_resume,
	.on_idr_request = on_idr_request,
	.on_monitor = on_monitor,
	.on_teardown = on_teardown,
	.on_failed = on_failed,
	.on_transcript = on_transcript,
};

static int learn_addresses(struct session *s, int rtsp_fd)
{
	socklen_t size = sizeof(s->local);

	if (getsockname(rtsp_fd, (struct sockaddr *)&s->local, &size) < 0)
		return -errno;
	size = sizeof(s->peer);
	if (getpeername(rtsp_fd, (struct sockaddr *)&s->peer, &size) < 0)
		return -errno;
	return s->local.sin_family == AF_INET ? 0 : -EAFNOSUPPORT;
}

int session_rtsp_start(struct session *s, int rtsp_fd)
{
	char address[INET_ADDRSTRLEN];
	struct exchange_config config = {
		.local_address = address,
		.server_name = "miracast",
		.flags = EXCHANGE_FLAG_ASK_RTCP,
	};
	int r;

	r = learn_addresses(s, rtsp_fd);
	if (r < 0)
		return r;
	(void)inet_ntop(AF_INET, &s->local.sin_addr, address, sizeof(address));
	if (getrandom(&config.seed, sizeof(config.seed), 0) != sizeof(config.seed))
		return -errno;
	exchange_limits_init(&config.limits);
	r = exchange_new(&config, &exchange_ops, s, &s->exchange);
	if (r < 0)
		return r;
	return rtsp_server_new(s->event, rtsp_fd, s->exchange, &s->server);
}

/* Told again every few seconds while there is no monitor. */
static void on_sink(void *userdata, const struct wfd_sink *sink)
{
	struct session *s = userdata;

	if (session_has_monitor(s, sink))
		session_mode_on_sink(s);
	else
		session_post_started(s);
}

static void on_format_accepted(void *userdata, const struct wfd_choice *choice)
{
	session_mode_on_accepted(userdata, choice);
}

static void on_format_refused(void *userdata, const struct wfd_choice *choice, unsigned int status,
			      unsigned int step, bool final)
{
	log_notice("session: the sink refused %ux%u at %u Hz with status %u (try %u)",
		   choice->mode.width, choice->mode.height, choice->mode.refresh_hz, status,
		   step + 1);
	session_mode_on_refused(userdata, choice, final);
}

/* The stream goes to the peer of the RTSP connection and nowhere else. */
static int open_rtp_socket(struct session *s, uint16_t port, uint16_t *ret_local_port)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in local = s->local;
	struct sockaddr_in peer = s->peer;
	socklen_t size = sizeof(local);

	if (fd < 0)
		return -errno;
	local.sin_port = 0;
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0)
		return -errno;
	peer.sin_port = htons(port);
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0)
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&local, &size) < 0)
		return -errno;
	*ret_local_port = ntohs(local.sin_port);
	close_fd(s->rtp_fd);
	s->rtp_fd = TAKE_FD(fd);
	return 0;
}

/* It named two ports, or said in M3 that it can, which obliges us to name two (MS-WFDPE 2.2). */
static bool wants_rtcp(const struct session *s, uint16_t rtcp_port)
{
	if (exchange_get_quirks(s->exchange) & WFD_QUIRK_BIT(WFD_QUIRK_NO_RTCP))
		return false;
	return rtcp_port != 0 || exchange_get_sink(s->exchange)->rtcp;
}

/* RTP on an even port, RTCP on the next one (RFC 3550 section 11). */
static int on_setup(void *userdata, uint16_t rtp_port, uint16_t rtcp_port,
		    uint16_t *ret_server_rtp, uint16_t *ret_server_rtcp)
{
	struct session *s = userdata;
	int r;

	*ret_server_rtcp = 0;
	for (unsigned int i = 0; i < PORT_TRIES; i++) {
		r = open_rtp_socket(s, rtp_port, ret_server_rtp);
		if (r < 0 || !wants_rtcp(s, rtcp_port))
			return r;
		r = session_rtcp_open(s, *ret_server_rtp, rtp_port, rtcp_port);
		if (r != -EADDRINUSE)
			break;
	}
	if (r == 0)
		*ret_server_rtcp = (uint16_t)(*ret_server_rtp + 1);
	else
		log_debug("session: no RTCP: %s", strerror(-r));
	return 0; /* a stream without RTCP is a stream, too */
}

static void lose_monitor(struct session *s)
{
	session_fail(s, SESSION_END_SINK_REQUEST, SESSION_STAGE_STREAMING, -ENODEV,
		     "the monitor was taken off the sink");
}

/*
 * A sink that will never ask for an IDR has no other way out of a broken picture. One that did not say
 * whether it will may have a player that misses the first one, and gets them until it asks.
 */
static void watch_idr(struct session *s)
{
	const struct wfd_sink *sink = exchange_get_sink(s->exchange);
	bool is_told = wfd_sink_has(sink, WFD_PARAM_IDR_REQUEST_CAPABILITY);
	bool is_early = clock_now_us() - s->play_us <
			clock_limit_us(SESSION_IDR_EARLY_MS * USEC_PER_MSEC);

	if (!sink->idr_requests)
		session_timer_start(s, SESSION_TIMER_IDR,
				    is_told || is_early ? SESSION_IDR_MS : SESSION_IDR_RARE_MS);
}

int session_rtsp_on_idr_timer(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct session *s = userdata;

	(void)source;
	(void)now_us;
	media_supervisor_request_idr(s->media);
	watch_idr(s);
	return 0;
}

static void on_play(void *userdata)
{
	struct session *s = userdata;
	const struct wfd_sink *sink = exchange_get_sink(s->exchange);

	s->play_us = clock_now_us();
	if (!session_has_monitor(s, sink)) { /* gone since M3 */
		lose_monitor(s);
		return;
	}
	media_supervisor_start(s->media, TAKE_FD(s->rtp_fd));
	session_rate_play(s);
	watch_idr(s);
	s->info.monitor_connected = true;
	if (s->state == SESSION_START_PENDING) {
		session_post_started(s);
		return;
	}
	/* The monitor arrived in a session that was started without one. */
	session_tell_event(s, SESSION_EVENT_MONITOR_ARRIVE);
	session_post(s, SESSION_NEWS_PLUG);
}

static void on_pause(void *userdata)
{
	struct session *s = userdata;

	media_supervisor_pause(s->media);
}

static void on_resume(void *userdata)
{
	struct session *s = userdata;

	media_supervisor_start(s->media, -1);
}

static void on_idr_request(void *userdata)
{
	struct session *s = userdata;

	if (!wfd_sink_has(exchange_get_sink(s->exchange), WFD_PARAM_IDR_REQUEST_CAPABILITY))
		session_timer_stop(s, SESSION_TIMER_IDR);
	media_supervisor_request_idr(s->media);
	session_rate_on_request(s);
	session_tell_event(s, SESSION_EVENT_IDR_REQUEST);
}

/* WHCK: a monitor that is plugged into the sink shows up, one that is unplugged ends the session. */
static void on_monitor(void *userdata, const struct wfd_sink *sink)
{
	struct session *s = userdata;

	if (exchange_get_state(s->exchange) == EXCHANGE_STATE_CHOICE) {
		if (session_has_monitor(s, sink) && !s->is_waiting_for_caps)
			session_mode_on_sink(s);
	} else if (!s->info.monitor_connected || s->state == SESSION_STOP_PENDING) {
		return; /* on_play() looks */
	} else if (session_has_monitor(s, sink)) {
		session_mode_on_monitor(s);
	} else {
		s->info.monitor_connected = false;
		session_tell_event(s, SESSION_EVENT_MONITOR_DEPART);
		session_display_unplug(s);
		lose_monitor(s);
	}
}

static void on_teardown(void *userdata, bool by_sink, const char *reason)
{
	struct session *s = userdata;
	char text[SESSION_TEXT_SIZE];

	if (s->state == SESSION_STOP_PENDING) {
		session_post_stopped(s);
		return;
	}
	(void)snprintf(text, sizeof(text), "the sink %s%s%s", by_sink ? "disconnected" : "left",
		       *reason ? ": " : "", reason);
	session_fail(s, SESSION_END_SINK_REQUEST, SESSION_STAGE_STREAMING, -ECONNRESET, text);
}

static enum session_end_reason get_end_reason(const struct exchange_error *error)
{
	switch (error->failure) {
	case EXCHANGE_FAILURE_KEEPALIVE:
		return SESSION_END_MISSING_KEEPALIVE;
	case EXCHANGE_FAILURE_REFUSED:
		return strcmp(error->message, "M4") == 0 ? SESSION_END_MODE : SESSION_END_CRITICAL;
	case EXCHANGE_FAILURE_TIMEOUT:
	case EXCHANGE_FAILURE_PROTOCOL:
	case EXCHANGE_FAILURE_CLOSED:
	case EXCHANGE_FAILURE_CONNECTION:
	case EXCHANGE_FAILURE_LOCAL:
		return SESSION_END_CRITICAL;
	}
	return SESSION_END_CRITICAL;
}

/* The contract knows one word for a connection that is gone, however it went. */
static int get_error(const struct exchange_error *error)
{
	return error->failure == EXCHANGE_FAILURE_CONNECTION ? -ECONNRESET : error->error;
}

static void on_failed(void *userdata, const struct exchange_error *error)
{
	struct session *s = userdata;
	/* A keep-alive that is under way by chance is not to blame. */
	bool has_left = s->state == SESSION_STARTED && error->failure == EXCHANGE_FAILURE_CLOSED;
	char text[SESSION_TEXT_SIZE];

	if (s->state == SESSION_STOP_PENDING) {
		session_post_stopped(s);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s%s%s", has_left ? "" : error->message,
		       has_left ? "" : ": ", error->text);
	session_fail(s, get_end_reason(error),
		     s->state == SESSION_STARTED ? SESSION_STAGE_STREAMING : SESSION_STAGE_RTSP,
		     get_error(error), text);
}

static int on_send(void *userdata, const void *data, size_t size)
{
	struct session *s = userdata;

	return rtsp_server_send(s->server, data, size);
}

static void on_transcript(void *userdata, enum exchange_direction direction, const char *data,
			  size_t size)
{
	session_transcribe(userdata, direction == EXCHANGE_DIRECTION_SENT, data, size);
}

bool session_rtsp_teardown(struct session *s)
{
	if (!s->exchange || exchange_get_state(s->exchange) == EXCHANGE_STATE_ENDED)
		return false;
	exchange_teardown(s->exchange, clock_now_us());
	return true;
}

/* Server before exchange: it holds on to it. */
void session_rtsp_drop(struct session *s)
{
	session_rtcp_close(s);
	s->server = rtsp_server_free(s->server);
	s->exchange = exchange_free(s->exchange);
}

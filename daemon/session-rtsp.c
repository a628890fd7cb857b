// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session's talk with the sink: from M1 to the answer to M7, and what the sink asks for later.
 * Chooses the mode, makes the RTP socket. Knows no RTSP grammar; that is rtsp/.
 */
#include "session-private.h"

#include "rate.h"
#include "util/clock.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

/* In the order in which things happen. */
static void on_sink(void *userdata, const struct wfd_sink *sink);
static void choose(struct session *s);
static void on_format_accepted(void *userdata, const struct wfd_choice *choice);
static void on_format_refused(void *userdata, const struct wfd_choice *choice, unsigned int status,
			      unsigned int step, bool final);
static int on_setup(void *userdata, uint16_t rtp_port, uint16_t rtcp_port,
		    uint16_t *ret_server_rtp, uint16_t *ret_server_rtcp);
static void on_play(void *userdata);
static void on_pause(void *userdata);
static void on_resume(void *userdata);
static void on_idr_request(void *userdata);
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
	struct exchange_config config = { .local_address = address, .server_name = "miracast" };
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
	r = rtsp_server_new(s->event, rtsp_fd, s->exchange, &s->server);
	if (r < 0)
		return r;
	rtsp_server_start(s->server);
	return 0;
}

/* What media can encode is learned while the first messages go back and forth. */
void session_rtsp_on_caps(struct session *s)
{
	if (s->is_waiting_for_caps)
		choose(s);
}

static void on_sink(void *userdata, const struct wfd_sink *sink)
{
	struct session *s = userdata;

	if (!wfd_sink_has_monitor(sink)) {
		/* It is told again when one arrives. */
		session_post_started(s);
		return;
	}
	s->is_waiting_for_caps = true;
	if (s->has_caps)
		choose(s);
}

static struct wfd_caps get_caps(const struct session *s)
{
	struct wfd_caps caps = {
		.profiles = s->caps.profiles,
		.max_level_idc = s->caps.max_level_idc,
		.max_width = (uint16_t)s->caps.max_width,
		.max_height = (uint16_t)s->caps.max_height,
		.max_pixel_rate = s->caps.max_pixel_rate,
		.audio_codecs = 1u << MEDIA_AUDIO_LPCM | 1u << MEDIA_AUDIO_AAC,
		.audio = MEDIA_AUDIO_LPCM,
	};

	if (s->mode_limit.width > 0) {
		caps.max_width = s->mode_limit.width;
		caps.max_height = s->mode_limit.height;
		caps.max_refresh_hz = s->mode_limit.refresh_hz;
	}
	return caps;
}

/* The tables have 640x480 at 60 Hz only: a wish for a lower rate must not cost the size. */
static int choose_modes(struct session *s)
{
	const struct wfd_sink *sink = exchange_get_sink(s->exchange);
	struct wfd_caps caps = get_caps(s);
	int r;

	r = wfd_choose(sink, &caps, s->stream_bps, &s->choices);
	if (r != -EOPNOTSUPP || caps.max_refresh_hz == 0)
		return r;
	caps.max_refresh_hz = 0;
	return wfd_choose(sink, &caps, s->stream_bps, &s->choices);
}

/* A clip is shown best in its own size, and at its rate or a multiple of it. */
static const struct wfd_choice *get_preferred(const struct session *s)
{
	const struct wfd_choice *found = NULL;

	for (size_t i = 0; i < s->choices.n && s->caps.source_refresh_hz > 0; i++) {
		const struct wfd_choice *c = &s->choices.list[i];

		if (c->mode.width == s->caps.source_width &&
		    c->mode.height == s->caps.source_height &&
		    c->mode.refresh_hz % s->caps.source_refresh_hz == 0)
			found = c; /* the list goes from fast to slow */
	}
	return found ?: &s->choices.list[s->choices.preferred];
}

static void fail_choice(struct session *s, int error)
{
	char text[SESSION_TEXT_SIZE];

	if (error == -ENOSPC)
		(void)snprintf(text, sizeof(text),
			       "the link carries %.1f Mbit/s, too little for any mode of at least "
			       "1024x768: move closer to the sink or free the channel",
			       (double)s->stream_bps / 1e6);
	else
		(void)snprintf(text, sizeof(text),
			       "the sink offers no mode that %s here can encode%s", s->caps.encoder,
			       s->mode_limit.width ? ": allow a larger mode" : "");
	session_fail(s, SESSION_END_MODE, SESSION_STAGE_MODE, error == -EOPNOTSUPP ? -ENOTSUP : error, text);
}

static void choose(struct session *s)
{
	struct wfd_choice ladder[WFD_LADDER_MAX];
	size_t n;
	int r;

	s->is_waiting_for_caps = false;
	r = choose_modes(s);
	if (r < 0) {
		fail_choice(s, r);
		return;
	}
	s->info.reduced_mode_list = s->choices.reduced;
	n = wfd_choices_ladder(&s->choices, get_preferred(s), ladder);
	r = exchange_set_format(s->exchange, ladder, n, clock_now_us());
	if (r < 0)
		session_fail(s, SESSION_END_CRITICAL, SESSION_STAGE_RTSP, r, "M4 cannot be sent");
}

static void configure_media(struct session *s)
{
	struct media_format format = wfd_choice_format(&s->choice, MEDIA_AUDIO_NONE);
	enum media_encoder encoder = s->encoder == SESSION_ENCODER_X264	 ? MEDIA_ENCODER_X264 :
				     s->encoder == SESSION_ENCODER_VAAPI ? MEDIA_ENCODER_VAAPI :
									   MEDIA_ENCODER_AUTO;

	media_supervisor_configure(s->media, &format, rate_for_video(s->stream_bps, format.audio),
				   rate_max_frame_bytes(s->stream_bps), encoder);
}

/* Media opens its encoder while the sink thinks about M5. */
static void on_format_accepted(void *userdata, const struct wfd_choice *choice)
{
	struct session *s = userdata;

	s->choice = *choice;
	configure_media(s);
	if (!s->has_format)
		session_display_set_source(s, false);
	s->has_format = true;
}

/* A refused first mode ends in on_failed; a later one costs the desktop that mode. */
static void on_format_refused(void *userdata, const struct wfd_choice *choice, unsigned int status,
			      unsigned int step, bool final)
{
	struct session *s = userdata;

	log_notice("session: the sink refused %ux%u at %u Hz with status %u (try %u)",
		   choice->mode.width, choice->mode.height, choice->mode.refresh_hz, status,
		   step + 1);
	if (final && s->state == SESSION_STARTED)
		session_display_remove_mode(s, &choice->mode);
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

static int on_setup(void *userdata, uint16_t rtp_port, uint16_t rtcp_port,
		    uint16_t *ret_server_rtp, uint16_t *ret_server_rtcp)
{
	(void)rtcp_port;
	*ret_server_rtcp = 0;
	return open_rtp_socket(userdata, rtp_port, ret_server_rtp);
}

static void on_play(void *userdata)
{
	struct session *s = userdata;

	media_supervisor_start(s->media, TAKE_FD(s->rtp_fd));
	s->play_us = clock_now_us();
	s->info.monitor_connected = true;
	if (s->state == SESSION_START_PENDING) {
		session_post_started(s);
		return;
	}
	/* The monitor arrived in a session that was started without one. */
	session_tell_event(s, SESSION_EVENT_MONITOR_ARRIVE);
	session_display_post_plug(s);
}

static bool is_same_mode(const struct media_mode *a, const struct media_mode *b)
{
	return a->width == b->width && a->height == b->height && a->refresh_hz == b->refresh_hz;
}

void session_rtsp_change_mode(struct session *s, const struct media_mode *mode)
{
	const struct wfd_choice *choice = wfd_choices_find(&s->choices, mode);
	int r;

	if (!choice || is_same_mode(mode, &s->choice.mode))
		return;
	if (exchange_get_sink(s->exchange)->format_change) {
		on_format_accepted(s, choice);
		return;
	}
	r = exchange_set_format(s->exchange, choice, 1, clock_now_us());
	if (r < 0)
		log_notice("session: %ux%u cannot be negotiated now: %s", mode->width, mode->height,
			   strerror(-r));
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

	media_supervisor_request_idr(s->media);
	session_tell_event(s, SESSION_EVENT_IDR_REQUEST);
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
	case EXCHANGE_FAILURE_TIMEOUT:
	case EXCHANGE_FAILURE_REFUSED:
	case EXCHANGE_FAILURE_PROTOCOL:
	case EXCHANGE_FAILURE_CLOSED:
	case EXCHANGE_FAILURE_CONNECTION:
	case EXCHANGE_FAILURE_LOCAL:
		return SESSION_END_CRITICAL;
	}
	return SESSION_END_CRITICAL;
}

static void on_failed(void *userdata, const struct exchange_error *error)
{
	struct session *s = userdata;
	char text[SESSION_TEXT_SIZE];

	if (s->state == SESSION_STOP_PENDING) {
		session_post_stopped(s);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s: %s", error->message, error->text);
	session_fail(s, get_end_reason(error),
	     s->state == SESSION_STARTED ? SESSION_STAGE_STREAMING : SESSION_STAGE_RTSP,
	     error->error, text);
}

static int on_send(void *userdata, const void *data, size_t size)
{
	struct session *s = userdata;

	return rtsp_server_send(s->server, data, size);
}

static void on_transcript(void *userdata, enum exchange_direction direction, const char *data,
			  size_t size)
{
	struct session *s = userdata;

	if (s->ops->transcript)
		s->ops->transcript(s->userdata, direction == EXCHANGE_DIRECTION_SENT, data, size);
}

/* Server before exchange: it holds on to it. */
void session_rtsp_drop(struct session *s)
{
	s->server = rtsp_server_free(s->server);
	s->exchange = exchange_free(s->exchange);
}

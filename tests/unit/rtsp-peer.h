/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hand-led sink for the tests of the exchange: it feeds texts, keeps what was sent and writes
 * down each up-call as a word, all at a time that only the test moves.
 */
#ifndef TESTS_RTSP_PEER_H
#define TESTS_RTSP_PEER_H

#include "rtsp/exchange.h"
#include "rtsp/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000)
#define S  UINT64_C(1000000)

struct peer {
	struct exchange *x;
	uint64_t now;
	char sent[16384]; /* since the last peer_take() */
	size_t sent_size;
	char calls[8192]; /* up-calls since the last peer_calls() */
	unsigned n_ends;
	struct exchange_error error;
	char error_text[256];
	int send_result, setup_result;
	uint16_t server_rtp, server_rtcp, rtp_port, rtcp_port;
	bool free_in_up_call;
	struct wfd_choice ladder[WFD_LADDER_MAX];
	size_t n_ladder;   /* 0: on_sink() chooses nothing */
	uint32_t our_cseq; /* the number of our next request */
	struct rtsp_framer framer;
	char last_seen[32768];
};

__attribute__((format(printf, 2, 3))) static inline void peer_note(struct peer *p,
								   const char *format, ...)
{
	size_t used = strlen(p->calls);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(p->calls + used, sizeof(p->calls) - used, format, ap);
	va_end(ap);
	(void)strncat(p->calls, " ", sizeof(p->calls) - strlen(p->calls) - 1);
	if (p->free_in_up_call)
		p->x = exchange_free(p->x);
}

static inline int peer_send(void *userdata, const void *data, size_t size)
{
	struct peer *p = userdata;

	assert_int_equal(p->n_ends, 0);
	if (p->send_result < 0)
		return p->send_result;
	assert_true(p->sent_size + size < sizeof(p->sent));
	memcpy(p->sent + p->sent_size, data, size);
	p->sent_size += size;
	p->sent[p->sent_size] = '\0';
	return 0;
}

static inline void peer_on_sink(void *userdata, const struct wfd_sink *sink)
{
	struct peer *p = userdata;

	peer_note(p, "sink:%zu", sink->video.n_codecs);
	if (p->n_ladder && p->x)
		assert_int_equal(exchange_set_format(p->x, p->ladder, p->n_ladder, p->now), 0);
}

static inline void peer_on_accepted(void *userdata, const struct wfd_choice *c)
{
	peer_note(userdata, "accepted:%ux%u", c->mode.width, c->mode.height);
}

static inline void peer_on_refused(void *userdata, const struct wfd_choice *c, unsigned status,
				   unsigned step, bool final)
{
	peer_note(userdata, "refused:%ux%u:%u:%u%s", c->mode.width, c->mode.height, status, step,
		  final ? ":final" : "");
}

static inline int peer_on_setup(void *userdata, uint16_t rtp_port, uint16_t rtcp_port,
				uint16_t *ret_server_rtp, uint16_t *ret_server_rtcp)
{
	struct peer *p = userdata;

	p->rtp_port = rtp_port;
	p->rtcp_port = rtcp_port;
	peer_note(p, "setup:%u:%u", rtp_port, rtcp_port);
	*ret_server_rtp = p->server_rtp;
	*ret_server_rtcp = rtcp_port ? p->server_rtcp : 0;
	return p->setup_result;
}

#define PEER_NOTE(op, word)                             \
	static inline void peer_on_##op(void *userdata) \
	{                                               \
		peer_note(userdata, word);              \
	}
PEER_NOTE(play, "play")
PEER_NOTE(pause, "pause")
PEER_NOTE(resume, "resume")
PEER_NOTE(standby, "standby")
PEER_NOTE(wake, "wake")
PEER_NOTE(idr, "idr")

static inline void peer_on_uibc(void *userdata, bool enabled, const struct wfd_uibc *uibc)
{
	peer_note(userdata, "uibc:%d:%u", enabled, uibc->categories);
}

static inline void peer_on_route(void *userdata, bool secondary)
{
	peer_note(userdata, "route:%d", secondary);
}

static inline void peer_on_monitor(void *userdata, const struct wfd_sink *sink)
{
	peer_note(userdata, "monitor:%d", wfd_sink_has_monitor(sink));
}

static inline void peer_on_teardown(void *userdata, bool by_sink, const char *reason)
{
	struct peer *p = userdata;

	p->n_ends++;
	peer_note(p, "teardown:%d:%s", by_sink, reason);
}

static inline void peer_on_failed(void *userdata, const struct exchange_error *error)
{
	struct peer *p = userdata;

	p->n_ends++;
	p->error = *error;
	(void)snprintf(p->error_text, sizeof(p->error_text), "%s", error->text);
	peer_note(p, "failed:%s:%s", exchange_failure_to_string(error->failure), error->message);
}

static const struct exchange_ops peer_ops = {
	.send = peer_send,
	.on_sink = peer_on_sink,
	.on_format_accepted = peer_on_accepted,
	.on_format_refused = peer_on_refused,
	.on_setup = peer_on_setup,
	.on_play = peer_on_play,
	.on_pause = peer_on_pause,
	.on_resume = peer_on_resume,
	.on_standby = peer_on_standby,
	.on_wake = peer_on_wake,
	.on_idr_request = peer_on_idr,
	.on_uibc = peer_on_uibc,
	.on_route = peer_on_route,
	.on_monitor = peer_on_monitor,
	.on_teardown = peer_on_teardown,
	.on_failed = peer_on_failed,
};

/* 1080p30, 720p30, 640x480p60 */
static const struct wfd_choice peer_ladder[] = {
	{ .mode = { 1920, 1080, 30 },
	  .index = 7,
	  .level_idc = 40,
	  .slices = 1,
	  .audio = MEDIA_AUDIO_LPCM },
	{ .mode = { 1280, 720, 30 },
	  .index = 5,
	  .level_idc = 31,
	  .slices = 1,
	  .audio = MEDIA_AUDIO_LPCM },
	{ .mode = { 640, 480, 60 },
	  .index = 0,
	  .level_idc = 31,
	  .slices = 1,
	  .audio = MEDIA_AUDIO_LPCM },
};

static inline void peer_init(struct peer *p, uint32_t flags)
{
	struct exchange_config config = {
		.local_address = "192.168.173.1",
		.server_name = "miracast/0.1",
		.seed = 1,
		.flags = flags,
	};

	*p = (struct peer){ .now = 1000 * S, .server_rtp = 40000, .server_rtcp = 40001 };
	exchange_limits_init(&config.limits);
	rtsp_framer_init(&p->framer);
	memcpy(p->ladder, peer_ladder, sizeof(peer_ladder));
	p->n_ladder = 1;
	assert_int_equal(exchange_new(&config, &peer_ops, p, &p->x), 0);
}

static inline void peer_done(struct peer *p)
{
	p->x = exchange_free(p->x);
}

/* What was sent since the last look; a NUL-terminated text. */
static inline const char *peer_take(struct peer *p)
{
	memcpy(p->last_seen, p->sent, p->sent_size);
	p->last_seen[p->sent_size] = '\0';
	p->sent_size = 0;
	p->sent[0] = '\0';
	return p->last_seen;
}

static inline void peer_expect_calls(struct peer *p, const char *calls)
{
	assert_string_equal(p->calls, calls);
	p->calls[0] = '\0';
}

/* Bytes from the sink, any number of messages. */
static inline void peer_feed(struct peer *p, const char *data, size_t size)
{
	struct rtsp_message m;

	while (size) {
		size_t room, n;
		char *to = rtsp_framer_room(&p->framer, &room);

		n = size < room ? size : room;
		memcpy(to, data, n);
		rtsp_framer_push(&p->framer, n);
		data += n;
		size -= n;
		while (p->x && rtsp_framer_next(&p->framer, &m) > 0)
			exchange_on_message(p->x, &m, p->now);
	}
}

static inline void peer_says(struct peer *p, const char *text)
{
	peer_feed(p, text, strlen(text));
}

/* "first line and headers" with CR LF, then a body with its length. */
static inline void peer_sends(struct peer *p, const char *head, const char *body)
{
	char text[16384];

	(void)snprintf(text, sizeof(text),
		       "%sContent-Type: text/parameters\r\n"
		       "Content-Length: %zu\r\n\r\n%s",
		       head, strlen(body), body);
	peer_says(p, text);
}

/* An answer to our last request. */
static inline void peer_answers(struct peer *p, unsigned status, uint32_t cseq, const char *body)
{
	char head[256];

	(void)snprintf(head, sizeof(head), "RTSP/1.0 %u X\r\nCSeq: %u\r\n", status, cseq);
	peer_sends(p, head, body);
}

static inline void peer_asks(struct peer *p, const char *method, const char *headers,
			     const char *body)
{
	char head[8192];

	(void)snprintf(head, sizeof(head),
		       "%s rtsp://192.168.173.1/wfd1.0/streamid=0 RTSP/1.0\r\nCSeq: %u\r\n%s",
		       method, ++p->our_cseq, headers);
	peer_sends(p, head, body);
}

/* To the moment when the exchange wants to be called, and calls it. */
static inline void peer_wait(struct peer *p)
{
	uint64_t deadline = exchange_deadline(p->x);

	assert_true(deadline != UINT64_MAX);
	if (deadline > p->now)
		p->now = deadline;
	exchange_on_timer(p->x, p->now);
}

#define PEER_M3                                                                                   \
	"wfd_video_formats: 38 00 03 10 0001bdeb 1fffffff 00000fff 00 0000 0000 00 none none\r\n" \
	"wfd_audio_codecs: LPCM 00000003 00, AAC 00000001 00\r\n"                                 \
	"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n"

enum peer_goal { /* how far peer_run() leads */
	PEER_M1,
	PEER_M2,
	PEER_GAP,
	PEER_CAPABILITIES,
	PEER_FORMAT,
	PEER_TRIGGER,
	PEER_SETUP,
	PEER_PLAY,
	PEER_PLAYING,
};

/* Leads the exchange to the state in which it awaits what the goal names. m3: the answer. */
static inline void peer_run_with(struct peer *p, enum peer_goal goal, const char *m3)
{
	exchange_start(p->x, p->now);
	if (goal == PEER_M1)
		return;
	peer_answers(p, 200, 1, "");
	if (goal == PEER_M2)
		return;
	peer_says(p, "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nRequire: org.wfa.wfd1.0\r\n\r\n");
	p->our_cseq = 1;
	if (goal == PEER_GAP)
		return;
	peer_wait(p);
	if (goal == PEER_CAPABILITIES)
		return;
	peer_answers(p, 200, 2, m3);
	if (goal == PEER_FORMAT)
		return;
	peer_answers(p, 200, 3, "");
	if (goal == PEER_TRIGGER)
		return;
	peer_answers(p, 200, 4, "");
	if (goal == PEER_SETUP)
		return;
	peer_asks(p, "SETUP", "Transport: RTP/AVP/UDP;unicast;client_port=19000\r\n", "");
	if (goal == PEER_PLAY)
		return;
	peer_asks(p, "PLAY", "", "");
}

static inline void peer_run(struct peer *p, enum peer_goal goal)
{
	peer_run_with(p, goal, PEER_M3);
	(void)peer_take(p);
	p->calls[0] = '\0';
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The exchange: the input is a little program of what sink, clock and owner do. Held to this:
 * nothing streams before M6 and M7; one request at a time, numbered without a gap; every message
 * of ours is one; one end, told once, and nothing after it; and an end is always reached.
 */
#include "rtsp/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct exchange *x;
	uint64_t now;
	uint32_t last_cseq; /* of our requests */
	uint32_t their_cseq;
	unsigned n_ends;
	bool was_setup, was_played;
	bool may_send, is_deaf, free_in_call, choose;
	struct rtsp_framer from_sink, from_us;
};

static struct world world;

static const struct wfd_choice choice[] = {
	{ .mode = { 1280, 720, 30 },
	  .index = 5,
	  .level_idc = 31,
	  .slices = 1,
	  .audio = MEDIA_AUDIO_LPCM },
	{ .mode = { 640, 480, 60 },
	  .index = 0,
	  .level_idc = 31,
	  .slices = 1,
	  .audio = MEDIA_AUDIO_AAC },
};

static void in_call(struct world *w)
{
	assert(w->n_ends == 0 && w->x);
	if (w->free_in_call)
		w->x = exchange_free(w->x);
}

/* Reads what we send like a sink would, and with the same framing. */
static int on_send(void *userdata, const void *data, size_t size)
{
	struct world *w = userdata;
	struct rtsp_message m;
	size_t room;

	assert(w->n_ends == 0 && w->x);
	if (w->is_deaf)
		return -EPIPE;
	memcpy(rtsp_framer_room(&w->from_us, &room), data, size);
	assert(size < room);
	rtsp_framer_push(&w->from_us, size);
	assert(rtsp_framer_next(&w->from_us, &m) == 1);
	if (m.is_request) {
		assert(m.has_cseq && m.cseq == w->last_cseq + 1);
		w->last_cseq = m.cseq;
	}
	assert(rtsp_framer_next(&w->from_us, &m) == 0 && !rtsp_framer_is_partial(&w->from_us));
	return 0;
}

static void on_sink(void *userdata, const struct wfd_sink *sink)
{
	struct world *w = userdata;

	assert(!wfd_sink_has_monitor(sink) || sink->rtp.port);
	if (w->choose)
		(void)exchange_set_format(w->x, choice, 2, w->now);
	in_call(w);
}

static void on_accepted(void *userdata, const struct wfd_choice *c)
{
	assert(c->level_idc == 31);
	in_call(userdata);
}

static void on_refused(void *userdata, const struct wfd_choice *c, unsigned status, unsigned step,
		       bool final)
{
	(void)c, (void) final;
	assert(status >= 300 && step < 4);
	in_call(userdata);
}

static int on_setup(void *userdata, uint16_t rtp_port, uint16_t rtcp_port, uint16_t *ret_server_rtp,
		    uint16_t *ret_server_rtcp)
{
	struct world *w = userdata;

	(void)rtcp_port;
	assert(rtp_port && !w->was_setup);
	w->was_setup = true;
	*ret_server_rtp = 1;
	*ret_server_rtcp = 2;
	in_call(w);
	return w->may_send ? 0 : -EMFILE;
}

static void on_play(void *userdata)
{
	struct world *w = userdata;

	assert(w->was_setup && !w->was_played);
	w->was_played = true;
	in_call(w);
}

static void on_played(void *userdata)
{
	assert(((struct world *)userdata)->was_played);
	in_call(userdata);
}

static void on_uibc(void *userdata, bool enabled, const struct wfd_uibc *uibc)
{
	(void)enabled, (void)uibc;
	in_call(userdata);
}

static void on_route(void *userdata, bool secondary)
{
	(void)secondary;
	in_call(userdata);
}

static void on_monitor(void *userdata, const struct wfd_sink *sink)
{
	(void)sink;
	in_call(userdata);
}

static void on_teardown(void *userdata, bool by_sink, const char *reason)
{
	struct world *w = userdata;

	(void)by_sink;
	assert(strlen(reason) < 256);
	in_call(w);
	w->n_ends++;
}

static void on_failed(void *userdata, const struct exchange_error *error)
{
	struct world *w = userdata;

	assert(error->error < 0 && error->text[0] && error->message[0]);
	assert(exchange_failure_to_string(error->failure)[0] != '?');
	assert(exchange_state_to_string(error->state));
	in_call(w);
	w->n_ends++;
}

static const struct exchange_ops ops = {
	.send = on_send,
	.on_sink = on_sink,
	.on_format_accepted = on_accepted,
	.on_format_refused = on_refused,
	.on_setup = on_setup,
	.on_play = on_play,
	.on_pause = on_played,
	.on_resume = on_played,
	.on_standby = on_played,
	.on_wake = on_played,
	.on_idr_request = on_played,
	.on_uibc = on_uibc,
	.on_route = on_route,
	.on_monitor = on_monitor,
	.on_teardown = on_teardown,
	.on_failed = on_failed,
};

static void feed(struct world *w, const void *data, size_t size)
{
	struct rtsp_message m;
	size_t room;
	char *to = rtsp_framer_room(&w->from_sink, &room);
	int r;

	size = size < room ? size : room;
	memcpy(to, data, size);
	rtsp_framer_push(&w->from_sink, size);
	while (w->x && (r = rtsp_framer_next(&w->from_sink, &m)) != 0) {
		if (r > 0) {
			exchange_on_message(w->x, &m, w->now);
			continue;
		}
		exchange_on_error(w->x, EXCHANGE_FAILURE_PROTOCOL, -EPROTO, "nonsense", w->now);
		return;
	}
}

#define SINK                                                              \
	"wfd_video_formats: 40 00 03 10 0001ffff 1fffffff 00000fff\r\n"   \
	"wfd_audio_codecs: LPCM 00000002 00\r\n"                          \
	"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n" \
	"wfd_standby_resume_capability: supported\r\n"                    \
	"microsoft_latency_management_capability: supported\r\n"

/* Well-formed words of a sink: an answer to our last request, or a request of its own. */
static const struct {
	const char *head, *body;
} words[] = {
	{ "RTSP/1.0 200 OK\r\nCSeq: %u\r\n", "" },
	{ "RTSP/1.0 200 OK\r\nCSeq: %u\r\n", SINK },
	{ "RTSP/1.0 200 OK\r\nCSeq: %u\r\n", "wfd_video_formats: none\r\n" },
	{ "RTSP/1.0 303 See Other\r\nCSeq: %u\r\n", "wfd_video_formats: 415\r\n" },
	{ "RTSP/1.0 454 X\r\nCSeq: %u\r\nServer: MSFT-WDD\r\n", "" },
	{ "RTSP/1.0 200 OK\r\n", "" },
	{ "OPTIONS * RTSP/1.0\r\nCSeq: %u\r\nRequire: org.wfa.wfd1.0\r\n", "" },
	{ "SETUP rtsp://x/wfd1.0/streamid=0 RTSP/1.0\r\nCSeq: %u\r\n"
	  "Transport: RTP/AVP/UDP;unicast;client_port=19000-19001\r\n",
	  "" },
	{ "SETUP rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\nTransport: RTP/AVP/UDP;unicast\r\n", "" },
	{ "PLAY rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\n", "" },
	{ "PAUSE rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\n", "" },
	{ "TEARDOWN rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\n", "microsoft_teardown_reason: 1 x" },
	{ "GET_PARAMETER rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\n", "wfd_video_formats\r\n" },
	{ "SET_PARAMETER rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\n", "wfd_idr_request\r\n" },
	{ "SET_PARAMETER rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\n", "wfd_standby\r\n" },
	{ "SET_PARAMETER rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\n",
	  "wfd_idr_request\r\nwfd_uibc_setting: enable\r\nwfd_route: primary\r\n"
	  "wfd_connector_type: 05\r\n" },
	{ "PLAY rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: %u\r\nSession: other\r\n", "" },
};

static void say(struct world *w, uint8_t which)
{
	const char *head = words[which % (sizeof(words) / sizeof(words[0]))].head;
	const char *body = words[which % (sizeof(words) / sizeof(words[0]))].body;
	bool is_answer = head[0] == 'R';
	char text[2048], filled[512];

	if (!is_answer)
		w->their_cseq++;
	/* "%.0s" has no place in heads without a number; both forms take the one argument. */
	if (strstr(head, "%u"))
		(void)snprintf(filled, sizeof(filled), "%.*s%u%s", (int)(strstr(head, "%u") - head),
			       head, is_answer ? w->last_cseq : w->their_cseq,
			       strstr(head, "%u") + 2);
	else
		(void)snprintf(filled, sizeof(filled), "%s", head);
	(void)snprintf(text, sizeof(text), "%sContent-Length: %zu\r\n\r\n%s", filled, strlen(body),
		       body);
	feed(w, text, strlen(text));
}

static void call(struct world *w, uint8_t what)
{
	switch (what % 8) {
	case 0:
		(void)exchange_set_format(w->x, &choice[what >> 3 & 1], 1, w->now);
		return;
	case 1:
		(void)exchange_play(w->x, w->now);
		return;
	case 2:
		(void)exchange_pause(w->x, w->now);
		return;
	case 3:
		(void)exchange_standby(w->x, w->now);
		return;
	case 4:
		(void)exchange_set_route(w->x, what & 8, w->now);
		return;
	case 5:
		(void)exchange_set_parameters(w->x, "a: b\r\n", w->now);
		return;
	case 6:
		w->choose = what & 8;
		return;
	case 7:
		exchange_teardown(w->x, w->now);
		return;
	}
}

static void go_to_deadline(struct world *w)
{
	uint64_t deadline = exchange_deadline(w->x);

	if (deadline == UINT64_MAX)
		return;
	if (deadline > w->now)
		w->now = deadline;
	exchange_on_timer(w->x, w->now);
}

static size_t step(struct world *w, const uint8_t *data, size_t size)
{
	uint8_t argument = size > 1 ? data[1] : 0;
	size_t raw;

	switch (data[0] % 8) {
	case 0:
	case 1:
		say(w, argument);
		return 2;
	case 2:
		raw = size > 2 ? argument : 0;
		raw = raw < size - (size > 2 ? 2 : size) ? raw : size - (size > 2 ? 2 : size);
		feed(w, data + (size > 2 ? 2 : 0), raw);
		return 2 + raw;
	case 3:
		w->now += UINT64_C(1000) << argument % 16;
		exchange_on_timer(w->x, w->now);
		return 2;
	case 4:
		go_to_deadline(w);
		return 1;
	case 5:
		call(w, argument);
		return 2;
	case 6:
		if (argument == 0xee)
			exchange_on_eof(w->x, w->now);
		w->is_deaf = argument == 0xdd;
		return 2;
	case 7:
		w->free_in_call = argument == 0xff;
		w->may_send = argument != 0xfe;
		return 2;
	}
	return 1;
}

/* Whatever state it is in: it ends within the limits of good-bye. */
static void finish(struct world *w)
{
	w->free_in_call = false;
	exchange_teardown(w->x, w->now);
	for (unsigned i = 0; i < 4 && w->n_ends == 0; i++)
		go_to_deadline(w);
	assert(w->n_ends == 1);
	assert(exchange_get_state(w->x) == EXCHANGE_STATE_ENDED);
	assert(exchange_deadline(w->x) == UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exchange_config config = {
		.local_address = "192.168.173.1",
		.server_name = "miracast/0.1",
		.flags = EXCHANGE_FLAG_ASK_RTCP | EXCHANGE_FLAG_ASK_UIBC,
	};
	struct world *w = &world;

	*w = (struct world){ .now = 1000000000, .may_send = true, .choose = true };
	exchange_limits_init(&config.limits);
	if (exchange_new(&config, &ops, w, &w->x) < 0)
		return 0;
	exchange_start(w->x, w->now);
	while (size && w->x && w->n_ends == 0) {
		size_t used = step(w, data, size);

		used = used < size ? used : size;
		data += used;
		size -= used;
	}
	if (w->x && w->n_ends == 0)
		finish(w);
	w->x = exchange_free(w->x);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The exchange while a session lives: keep-alive, what the sink asks, what we ask, both ends. */
#include "rtsp-peer.h"

#include <errno.h>

static struct peer peer;

static struct peer *play(const char *more)
{
	char m3[1024];

	(void)snprintf(m3, sizeof(m3), "%s%s", PEER_M3, more);
	peer_init(&peer, 0);
	peer_run_with(&peer, PEER_PLAYING, m3);
	assert_int_equal(exchange_get_state(peer.x), EXCHANGE_STATE_PLAYING);
	(void)peer_take(&peer);
	peer.calls[0] = '\0';
	return &peer;
}

/* M16 every 20 s, for half an hour; any answer to it is one, be it refusal or wrongly numbered. */
static void test_keepalive(void **state)
{
	static const char *const answers[] = {
		"RTSP/1.0 200 OK\r\nCSeq: 0\r\n\r\n",
		"RTSP/1.0 454 Session Not Found\r\nCSeq: 77\r\n\r\n",
		"RTSP/1.0 200 OK\r\n\r\n",
		"RTSP/1.0 501 Not Implemented\r\nCSeq: x\r\n\r\n",
	};
	struct peer *p = play("");

	(void)state;
	for (unsigned i = 0; i < 90; i++) {
		uint64_t before = p->now;

		peer_wait(p);
		assert_int_equal(p->now - before, 20 * S);
		assert_non_null(strstr(peer_take(p), "GET_PARAMETER"));
		peer_says(p, answers[i % 4]);
	}
	peer_expect_calls(p, "");
	peer_wait(p);
	peer_wait(p);
	peer_expect_calls(p, "failed:keepalive:M16 ");
	peer_done(p);
}

/* 10 s without an answer to M16; other messages of the sink do not make up for it. */
static void test_keepalive_unanswered(void **state)
{
	struct peer *p = play("");
	uint64_t sent;

	(void)state;
	peer_wait(p);
	sent = p->now;
	p->now += 5 * S;
	peer_asks(p, "GET_PARAMETER", "", "");
	peer_wait(p);
	assert_int_equal(p->now - sent, 10 * S);
	peer_expect_calls(p, "failed:keepalive:M16 ");
	assert_int_equal(p->error.error, -ETIMEDOUT);
	peer_done(p);
}

/* The keep-alive of LG's sinks: a GET_PARAMETER of their own, with and without a body. */
static void test_get_parameter(void **state)
{
	struct peer *p = play("");

	(void)state;
	peer_says(p, "GET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 3\r\n\r\n");
	assert_string_equal(peer_take(p),
			    "RTSP/1.0 200 OK\r\nCSeq: 3\r\nServer: miracast/0.1\r\n\r\n");
	peer_asks(p, "GET_PARAMETER", "",
		  "x_unknown\r\nwfd_content_protection\r\nwfd_video_formats\r\n"
		  "wfd_video_formats\r\nwfd_audio_codecs\r\nwfd_presentation_URL");
	assert_non_null(
		strstr(peer_take(p),
		       "\r\n\r\nwfd_content_protection: none\r\n"
		       "wfd_video_formats: 00 00 01 04 00000080 00000000 00000000 00 0000 0000 00 "
		       "none none\r\n"
		       "wfd_audio_codecs: LPCM 00000002 00\r\n"
		       "wfd_presentation_URL: rtsp://192.168.173.1/wfd1.0/streamid=0 none\r\n"));
	peer_expect_calls(p, "");
	peer_done(p);
}

static void test_idr(void **state)
{
	struct peer *p = play("");

	(void)state;
	peer_asks(p, "SET_PARAMETER", "", "wfd_idr_request\r\n");
	assert_non_null(strstr(peer_take(p), " 200 OK\r\nCSeq: 4\r\n"));
	peer_expect_calls(p, "idr ");
	peer_asks(p, "SET_PARAMETER", "", "WFD_IDR_Request: 1");
	peer_expect_calls(p, "idr ");
	/* A flood: each is answered, and the keep-alive still goes out. */
	for (unsigned i = 0; i < 1000; i++) {
		p->now += 21 * MS;
		peer_asks(p, "SET_PARAMETER", "", "wfd_idr_request\r\n");
		if (i < 900)
			(void)peer_take(p);
		p->calls[0] = '\0';
		if (exchange_deadline(p->x) <= p->now)
			exchange_on_timer(p->x, p->now);
	}
	assert_non_null(strstr(peer_take(p), "GET_PARAMETER"));
	/* Not while paused: the next picture after a pause is one anyway. */
	peer_asks(p, "PAUSE", "", "");
	peer_asks(p, "SET_PARAMETER", "", "wfd_idr_request\r\n");
	peer_expect_calls(p, "pause ");
	peer_done(p);
}

static void test_pause_and_play(void **state)
{
	struct peer *p = play("");

	(void)state;
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "");
	peer_asks(p, "PAUSE", "", "");
	peer_asks(p, "PAUSE", "", "");
	peer_expect_calls(p, "pause ");
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "resume ");
	(void)peer_take(p);
	/* From our side. */
	assert_int_equal(exchange_pause(p->x, p->now), 0);
	assert_non_null(strstr(peer_take(p), "wfd_trigger_method: PAUSE\r\n"));
	peer_answers(p, 200, 5, "");
	peer_asks(p, "PAUSE", "", "");
	peer_expect_calls(p, "pause ");
	assert_int_equal(exchange_play(p->x, p->now), 0);
	peer_answers(p, 200, 6, "");
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "resume ");
	/* A refused pause is no end; a play that is answered but not followed is. */
	assert_int_equal(exchange_pause(p->x, p->now), 0);
	peer_answers(p, 406, 7, "");
	peer_expect_calls(p, "");
	peer_asks(p, "PAUSE", "", "");
	assert_int_equal(exchange_play(p->x, p->now), 0);
	peer_answers(p, 200, 8, "");
	peer_wait(p);
	peer_answers(p, 200, 9, "");
	peer_wait(p);
	peer_expect_calls(p, "pause failed:timeout:M7 ");
	peer_done(p);
}

static void test_standby(void **state)
{
	struct peer *p = play("");

	(void)state;
	assert_int_equal(exchange_standby(p->x, p->now), -EOPNOTSUPP);
	peer_asks(p, "SET_PARAMETER", "", "wfd_standby\r\n");
	peer_asks(p, "SET_PARAMETER", "", "wfd_standby\r\n");
	peer_expect_calls(p, "standby ");
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "wake ");
	peer_done(p);

	p = play("wfd_standby_resume_capability: supported\r\n");
	assert_int_equal(exchange_standby(p->x, p->now), 0);
	assert_non_null(strstr(peer_take(p), "\r\n\r\nwfd_standby\r\n"));
	peer_expect_calls(p, "");
	peer_answers(p, 200, 5, "");
	peer_expect_calls(p, "standby ");
	peer_wait(p); /* M16 goes on */
	assert_non_null(strstr(peer_take(p), "GET_PARAMETER"));
	peer_answers(p, 200, 6, "");
	assert_int_equal(exchange_play(p->x, p->now), 0);
	peer_answers(p, 200, 7, "");
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "wake ");
	assert_int_equal(exchange_standby(p->x, p->now), 0);
	peer_answers(p, 455, 8, "");
	peer_expect_calls(p, "");
	peer_done(p);
}

static void test_routes_and_input(void **state)
{
	struct peer *p = play("");

	(void)state;
	assert_int_equal(exchange_set_route(p->x, true, p->now), 0);
	assert_non_null(strstr(peer_take(p), "\r\n\r\nwfd_route: secondary\r\n"));
	peer_answers(p, 303, 5, "");
	assert_int_equal(exchange_set_parameters(p->x, "a: 1\r\n", p->now), 0);
	/* What comes while one is under way goes out together behind it. */
	assert_int_equal(exchange_set_parameters(p->x, "b: 2\r\n", p->now), 0);
	assert_int_equal(exchange_set_parameters(p->x, "c: 3\r\n", p->now), 0);
	assert_non_null(strstr(peer_take(p), "\r\n\r\na: 1\r\n"));
	peer_answers(p, 200, 6, "");
	assert_non_null(strstr(peer_take(p), "\r\n\r\nb: 2\r\nc: 3\r\n"));
	peer_answers(p, 200, 7, "");
	peer_asks(p, "SET_PARAMETER", "", "wfd_route: secondary\r\n");
	peer_asks(p, "SET_PARAMETER", "",
		  "wfd_uibc_capability: input_category_list=GENERIC;generic_cap_list=Mouse;"
		  "hidc_cap_list=none;port=none\r\nwfd_uibc_setting: enable\r\n");
	for (unsigned i = 0; i < 100; i++)
		peer_asks(p, "SET_PARAMETER", "",
			  i % 2 ? "wfd_uibc_setting: enable" : "wfd_uibc_setting: disable");
	assert_non_null(strstr(p->calls, "route:1 uibc:1:1 uibc:0:1 uibc:1:1 "));
	peer_done(p);
}

static void test_set_parameters_bounds(void **state)
{
	struct peer *p = play("");
	char lines[4096];

	(void)state;
	memset(lines, 'x', sizeof(lines));
	lines[sizeof(lines) - 1] = '\0';
	assert_int_equal(exchange_set_parameters(p->x, lines, p->now), -E2BIG);
	lines[2047] = '\0';
	assert_int_equal(exchange_set_parameters(p->x, lines, p->now), 0);
	assert_int_equal(exchange_set_parameters(p->x, lines, p->now), 0);
	assert_int_equal(exchange_set_parameters(p->x, "y", p->now), -E2BIG);
	peer_done(p);
}

/* A monitor comes and goes; nonsense changes nothing, and nobody moves the stream by it. */
static void test_monitor(void **state)
{
	struct peer *p = play("");

	(void)state;
	peer_asks(p, "SET_PARAMETER", "", "wfd_video_formats: none\r\n");
	peer_expect_calls(p, "monitor:0 ");
	peer_asks(p, "SET_PARAMETER", "",
		  "wfd_video_formats: 00 00 01 01 00000001 00000000 00000000\r\n"
		  "wfd_client_rtp_ports: RTP/AVP/UDP;unicast 1 0 mode=play\r\n");
	peer_expect_calls(p, "monitor:1 ");
	assert_int_equal(exchange_get_sink(p->x)->rtp.port, 19000);
	peer_asks(p, "SET_PARAMETER", "", "wfd_video_formats: zz\r\n");
	peer_expect_calls(p, "monitor:1 ");
	peer_asks(p, "SET_PARAMETER", "", "wfd_trigger_method: TEARDOWN\r\n");
	peer_asks(p, "SET_PARAMETER", "", "x_vendor_thing: 1:2:3\r\n\r\n\r\n");
	peer_expect_calls(p, "");
	peer_done(p);
}

/* A later mode: M4 with the moment of the change; refused: without it; refused: what was stays. */
static void test_change_format(void **state)
{
	struct peer *p = play("");

	(void)state;
	p->now = 3600 * S;
	assert_int_equal(exchange_set_format(p->x, &p->ladder[1], 1, p->now), 0);
	assert_non_null(strstr(peer_take(p),
			       "wfd_video_formats: 00 00 01 01 00000020 00000000 00000000 00 0000 "
			       "0000 00 none none\r\n"
			       "wfd_audio_codecs: LPCM 00000002 00\r\n"
			       /* (3600 s + 50 ms) x 90 kHz, 33 bits at the left of 40 */
			       "wfd_av_format_change_timing: 09a7f54a00 09a7f54a00\r\n"));
	peer_answers(p, 200, 5, "");
	peer_expect_calls(p, "accepted:1280x720 ");
	assert_int_equal(exchange_set_format(p->x, &p->ladder[2], 1, p->now), 0);
	(void)peer_take(p);
	peer_answers(p, 303, 6, "wfd_video_formats: 415\r\n");
	assert_non_null(strstr(peer_take(p), "wfd_presentation_URL"));
	peer_answers(p, 415, 7, "");
	peer_expect_calls(p, "refused:640x480:303:0 refused:640x480:415:1:final ");
	assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_PLAYING);
	/* Three in a row: the first is under way, the last one counts. */
	assert_int_equal(exchange_set_format(p->x, &p->ladder[0], 1, p->now), 0);
	assert_int_equal(exchange_set_format(p->x, &p->ladder[1], 1, p->now), 0);
	assert_int_equal(exchange_set_format(p->x, &p->ladder[2], 1, p->now), 0);
	peer_answers(p, 415, 8, "");
	peer_answers(p, 200, 9, "");
	peer_expect_calls(p, "refused:1920x1080:415:0:final accepted:640x480 ");
	/* An answer that never comes is the end; M16, long due, has to wait for it. */
	assert_int_equal(exchange_set_format(p->x, &p->ladder[0], 1, p->now), 0);
	peer_wait(p);
	peer_expect_calls(p, "");
	peer_wait(p);
	peer_expect_calls(p, "failed:timeout:M4 ");
	peer_done(p);
}

/* One request at a time, whatever is wanted. */
static void test_one_at_a_time(void **state)
{
	struct peer *p = play("wfd_standby_resume_capability: supported\r\n");

	(void)state;
	assert_int_equal(exchange_set_format(p->x, &p->ladder[1], 1, p->now), 0);
	assert_int_equal(exchange_set_route(p->x, false, p->now), 0);
	assert_int_equal(exchange_pause(p->x, p->now), 0);
	assert_int_equal(exchange_play(p->x, p->now), 0);
	for (uint32_t cseq = 5; cseq < 8; cseq++) {
		const char *sent = peer_take(p);
		const char *first = strstr(sent, "SET_PARAMETER");

		assert_non_null(first);
		assert_null(strstr(first + 1, "SET_PARAMETER"));
		if (cseq == 6)
			assert_non_null(strstr(sent, "wfd_trigger_method: PLAY"));
		peer_answers(p, 200, cseq, "");
	}
	assert_string_equal(peer_take(p), "");
	peer_done(p);
}

static void test_session_header(void **state)
{
	struct peer *p = play("");
	char header[4200];

	(void)state;
	peer_asks(p, "TEARDOWN", "Session: someoneelse\r\n", "");
	assert_non_null(strstr(peer_take(p), " 454 "));
	peer_asks(p, "PAUSE", "Session: \r\n", "");
	assert_non_null(strstr(peer_take(p), " 454 "));
	peer_asks(p, "SET_PARAMETER", "Session: 1;timeout=-1\r\n", "wfd_idr_request");
	assert_non_null(strstr(peer_take(p), " 454 "));
	memset(header, 'a', sizeof(header));
	memcpy(header, "Session: ", 9);
	memcpy(header + 400, "\r\n", 3);
	peer_asks(p, "PLAY", header, "");
	assert_non_null(strstr(peer_take(p), " 454 "));
	peer_expect_calls(p, "");
	(void)snprintf(header, sizeof(header), "Session:  %s;timeout=0\r\n",
		       exchange_get_session_id(p->x));
	peer_asks(p, "PAUSE", header, "");
	assert_non_null(strstr(peer_take(p), " 200 "));
	peer_expect_calls(p, "pause ");
	peer_done(p);
}

static void test_bad_requests(void **state)
{
	static const struct {
		const char *request, *status;
	} cases[] = {
		{ "OPTIONS * RTSP/1.0\r\n\r\n", "RTSP/1.0 400 " },
		{ "OPTIONS * RTSP/1.0\r\nCSeq: -1\r\n\r\n", "RTSP/1.0 400 " },
		{ "OPTIONS * RTSP/1.0\r\nCSeq: 4294967296\r\n\r\n", "RTSP/1.0 400 " },
		{ "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nCSeq: 1\r\n\r\n", "RTSP/1.0 400 " },
		{ "OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", "RTSP/1.0 505 " },
		{ "DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		  "RTSP/1.0 405 Method Not Allowed\r\nCSeq: 1\r\nServer: miracast/0.1\r\nAllow: " },
		{ "options * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "RTSP/1.0 501 " },
		{ "X * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "RTSP/1.0 501 " },
		{ "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nRequire: org.wfa.wfd1.0, %s%n\r\n\r\n",
		  "RTSP/1.0 551 Option Not Supported\r\nCSeq: 1\r\nServer: miracast/0.1\r\n"
		  "Unsupported: %s%n\r\n" },
	};
	struct peer *p = play("");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		peer_says(p, cases[i].request);
		assert_non_null(strstr(peer_take(p), cases[i].status));
	}
	peer_expect_calls(p, "");
	peer_done(p);
}

static void test_many_parameters(void **state)
{
	struct peer *p = play("");
	static char body[60000], text[61000];
	size_t used = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		used += (size_t)snprintf(body + used, sizeof(body) - used, "wfd_x%u: %u\r\n", i, i);
	(void)snprintf(text, sizeof(text),
		       "SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: %zu\r\n\r\n%s", used,
		       body);
	peer_says(p, text);
	assert_non_null(strstr(peer_take(p), " 200 "));
	peer_done(p);
}

static void test_teardown_by_sink(void **state)
{
	struct peer *p = play("");

	(void)state;
	peer_asks(p, "TEARDOWN", "", "microsoft_teardown_reason: C00D4278 timed\x1b out\r\n");
	assert_non_null(strstr(peer_take(p), " 200 "));
	peer_expect_calls(p, "teardown:1:C00D4278 timed? out ");
	/* A storm afterwards meets silence. */
	for (unsigned i = 0; i < 100; i++)
		peer_asks(p, "TEARDOWN", "", "");
	assert_string_equal(peer_take(p), "");
	assert_int_equal(exchange_set_format(p->x, p->ladder, 1, p->now), -EBUSY);
	assert_int_equal(exchange_pause(p->x, p->now), -EBUSY);
	peer_expect_calls(p, "");
	peer_done(p);
}

/* Ours: the sink answers, answers only half, refuses, closes, or says nothing. */
static void test_teardown_by_us(void **state)
{
	struct peer *p = &peer;

	(void)state;
	for (unsigned way = 0; way < 5; way++) {
		play("");
		/* Also in the middle of another request. */
		assert_int_equal(exchange_set_route(p->x, true, p->now), 0);
		exchange_teardown(p->x, p->now);
		exchange_teardown(p->x, p->now);
		assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_TEARDOWN);
		peer_answers(p, 200, 5, "");
		if (way == 0)
			peer_asks(p, "TEARDOWN", "", "");
		else if (way == 1)
			peer_answers(p, 200, 6, "");
		else if (way == 2)
			peer_answers(p, 455, 6, "");
		else if (way == 3)
			exchange_on_eof(p->x, p->now);
		if (way == 1 || way == 4) {
			uint64_t before = p->now;

			peer_wait(p);
			assert_int_equal(p->now - before, 1500 * MS);
		}
		peer_expect_calls(p, "teardown:0: ");
		assert_int_equal(exchange_deadline(p->x), UINT64_MAX);
		peer_done(p);
	}
	/* Without a session there is nothing to say, and it is told from the timer. */
	peer_init(p, 0);
	peer_run(p, PEER_CAPABILITIES);
	exchange_teardown(p->x, p->now);
	peer_expect_calls(p, "");
	assert_string_equal(peer_take(p), "");
	exchange_on_timer(p->x, p->now);
	peer_expect_calls(p, "teardown:0: ");
	peer_done(p);
}

/* 30 s without any message, when M16 could not go out because something else is unanswered. */
static void test_silence(void **state)
{
	struct peer *p = play("");

	(void)state;
	p->now += 15 * S;
	assert_int_equal(exchange_set_route(p->x, true, p->now), 0);
	peer_wait(p); /* M16 is wanted, but waits */
	peer_wait(p);
	peer_expect_calls(p, "failed:timeout:M10 ");
	peer_done(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_keepalive_unanswered),
		cmocka_unit_test(test_get_parameter),
		cmocka_unit_test(test_idr),
		cmocka_unit_test(test_pause_and_play),
		cmocka_unit_test(test_standby),
		cmocka_unit_test(test_routes_and_input),
		cmocka_unit_test(test_set_parameters_bounds),
		cmocka_unit_test(test_monitor),
		cmocka_unit_test(test_change_format),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_session_header),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_many_parameters),
		cmocka_unit_test(test_teardown_by_sink),
		cmocka_unit_test(test_teardown_by_us),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests_name("rtsp-session", tests, NULL, NULL);
}

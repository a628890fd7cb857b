// SPDX-License-Identifier: GPL-2.0-or-later
/* The exchange from the connection to PLAY: the words, the order, each refusal, delay and cut. */
#include "rtsp-peer.h"

#include "rtsp/wfd-quirks.h"

#include <errno.h>

#define SESSION "dazd6ji8"

static struct peer peer;

static void test_words(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	exchange_start(p->x, p->now);
	assert_string_equal(peer_take(p), "OPTIONS * RTSP/1.0\r\n"
					  "CSeq: 1\r\n"
					  "Require: org.wfa.wfd1.0\r\n"
					  "\r\n");
	peer_says(p, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n"
		     "Public: org.wfa.wfd1.0, GET_PARAMETER, SET_PARAMETER\r\n\r\n");
	assert_string_equal(peer_take(p), "");
	peer_says(p, "OPTIONS * RTSP/1.0\r\nCSeq: 7\r\nRequire: org.wfa.wfd1.0\r\n\r\n");
	assert_string_equal(peer_take(p),
			    "RTSP/1.0 200 OK\r\n"
			    "CSeq: 7\r\n"
			    "Server: miracast/0.1\r\n"
			    "Public: org.wfa.wfd1.0, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, "
			    "SET_PARAMETER\r\n"
			    "\r\n");
	assert_int_equal(exchange_deadline(p->x), p->now + 50 * MS);
	peer_wait(p);
	assert_string_equal(peer_take(p), "GET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n"
					  "CSeq: 2\r\n"
					  "Content-Type: text/parameters\r\n"
					  "Content-Length: 473\r\n"
					  "\r\n"
					  "wfd_video_formats\r\n"
					  "wfd_audio_codecs\r\n"
					  "wfd_client_rtp_ports\r\n"
					  "wfd_content_protection\r\n"
					  "wfd_display_edid\r\n"
					  "wfd_connector_type\r\n"
					  "wfd_standby_resume_capability\r\n"
					  "wfd_idr_request_capability\r\n"
					  "wfdx_video_formats\r\n"
					  "wfd2_video_formats\r\n"
					  "microsoft_video_formats\r\n"
					  "microsoft_format_change_capability\r\n"
					  "microsoft_latency_management_capability\r\n"
					  "microsoft_max_bitrate\r\n"
					  "microsoft_diagnostics_capability\r\n"
					  "intel_friendly_name\r\n"
					  "intel_sink_manufacturer_name\r\n"
					  "intel_sink_model_name\r\n"
					  "intel_sink_version\r\n");
	peer_answers(p, 200, 2, PEER_M3);
	assert_string_equal(peer_take(p),
			    "SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n"
			    "CSeq: 3\r\n"
			    "Content-Type: text/parameters\r\n"
			    "Content-Length: 249\r\n"
			    "\r\n"
			    "wfd_video_formats: 00 00 01 04 00000080 00000000 00000000 00 0000 "
			    "0000 00 none none\r\n"
			    "wfd_audio_codecs: LPCM 00000002 00\r\n"
			    "wfd_presentation_URL: rtsp://192.168.173.1/wfd1.0/streamid=0 none\r\n"
			    "wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n");
	peer_answers(p, 200, 3, "");
	assert_string_equal(peer_take(p), "SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n"
					  "CSeq: 4\r\n"
					  "Content-Type: text/parameters\r\n"
					  "Content-Length: 27\r\n"
					  "\r\n"
					  "wfd_trigger_method: SETUP\r\n");
	peer_answers(p, 200, 4, "");
	p->our_cseq = 7;
	peer_asks(p, "SETUP", "Transport: RTP/AVP/UDP;unicast;client_port=19000-19001\r\n", "");
	assert_string_equal(peer_take(p), "RTSP/1.0 200 OK\r\n"
					  "CSeq: 8\r\n"
					  "Server: miracast/0.1\r\n"
					  "Session: " SESSION ";timeout=30\r\n"
					  "Transport: RTP/AVP/UDP;unicast;client_port=19000-19001;"
					  "server_port=40000-40001\r\n"
					  "\r\n");
	peer_asks(p, "PLAY", "Session: " SESSION "\r\n", "");
	assert_string_equal(peer_take(p), "RTSP/1.0 200 OK\r\n"
					  "CSeq: 9\r\n"
					  "Server: miracast/0.1\r\n"
					  "Session: " SESSION "\r\n"
					  "Range: npt=now-\r\n"
					  "\r\n");
	peer_expect_calls(p, "sink:1 accepted:1920x1080 setup:19000:19001 play ");
	peer_wait(p);
	assert_string_equal(peer_take(p), "GET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n"
					  "CSeq: 5\r\n"
					  "Session: " SESSION "\r\n"
					  "\r\n");
	peer_answers(p, 200, 5, "");
	exchange_teardown(p->x, p->now);
	assert_string_equal(peer_take(p), "SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n"
					  "CSeq: 6\r\n"
					  "Session: " SESSION "\r\n"
					  "Content-Type: text/parameters\r\n"
					  "Content-Length: 30\r\n"
					  "\r\n"
					  "wfd_trigger_method: TEARDOWN\r\n");
	peer_answers(p, 200, 6, "");
	peer_asks(p, "TEARDOWN", "Session: " SESSION "\r\n", "");
	assert_string_equal(peer_take(p), "RTSP/1.0 200 OK\r\n"
					  "CSeq: 10\r\n"
					  "Server: miracast/0.1\r\n"
					  "Session: " SESSION "\r\n"
					  "\r\n");
	peer_expect_calls(p, "teardown:0: ");
	peer_done(p);
}

/* M2 in front of the answer to M1, behind it, in one segment with it, and never. */
static void test_options_order(void **state)
{
	static const char m2[] = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
	static const char answer[] = "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n";
	struct peer *p = &peer;

	(void)state;
	for (unsigned order = 0; order < 4; order++) {
		char both[256];

		(void)snprintf(both, sizeof(both), "%s%s", answer, m2);
		peer_init(p, 0);
		exchange_start(p->x, p->now);
		if (order == 0)
			peer_says(p, m2);
		peer_says(p, order == 2 ? both : answer);
		if (order == 1)
			peer_says(p, m2);
		(void)peer_take(p);
		if (order == 3) {
			assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_SINK_OPTIONS);
			assert_int_equal(exchange_deadline(p->x), p->now + 2 * S);
		} else {
			assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_GAP);
			assert_int_equal(exchange_deadline(p->x), p->now + 50 * MS);
			p->now += 49 * MS;
			exchange_on_timer(p->x, p->now);
			assert_string_equal(peer_take(p), "");
		}
		peer_wait(p);
		assert_non_null(strstr(peer_take(p), "GET_PARAMETER"));
		if (order == 3) {
			peer_says(p, m2);
			assert_non_null(strstr(peer_take(p), "Public: "));
		}
		peer_done(p);
	}
}

/* Each of our requests refused: M1, M3 (both lists), M4 (whole ladder), M5. */
static void test_refused(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	peer_run(p, PEER_M1);
	peer_answers(p, 501, 1, "");
	peer_expect_calls(p, "failed:refused:M1 ");
	assert_int_equal(p->error.status, 501);
	assert_int_equal(p->error.error, -EPROTO);
	assert_string_equal(p->error_text, "the sink refused M1 with status 501");
	peer_done(p);

	peer_init(p, 0);
	peer_run(p, PEER_CAPABILITIES);
	peer_answers(p, 303, 2, "wfd_I2C: 404\r\n");
	assert_non_null(strstr(peer_take(p), "CSeq: 3\r\nContent-Type: text/parameters\r\n"
					     "Content-Length: 83\r\n"));
	peer_answers(p, 404, 3, "");
	peer_expect_calls(p, "failed:refused:M3 ");
	peer_done(p);

	peer_init(p, 0);
	p->n_ladder = 3;
	peer_run(p, PEER_FORMAT);
	peer_answers(p, 303, 3, "wfd_video_formats: 415, 457\r\n");
	assert_non_null(strstr(peer_take(p), " 00000020 00000000 00000000 "));
	peer_answers(p, 303, 4, "x: 99999999999999999999, 415,,\r\n");
	assert_non_null(strstr(peer_take(p), " 00000001 00000000 00000000 "));
	peer_answers(p, 415, 5, "");
	peer_expect_calls(p, "refused:1920x1080:303:0 refused:1280x720:303:1 "
			     "refused:640x480:415:2:final failed:refused:M4 ");
	peer_done(p);

	peer_init(p, 0);
	peer_run(p, PEER_TRIGGER);
	peer_answers(p, 403, 4, "");
	peer_expect_calls(p, "failed:refused:M5 ");
	peer_done(p);
}

/* The second try of M4 is without what only some sinks know. */
static void test_ladder_options(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	peer_run_with(p, PEER_FORMAT,
		      PEER_M3 "microsoft_latency_management_capability: supported\r\n");
	assert_non_null(strstr(peer_take(p), "microsoft_latency_management_capability: low\r\n"));
	peer_answers(p, 451, 3, "");
	assert_null(strstr(peer_take(p), "microsoft"));
	peer_answers(p, 200, 4, "");
	peer_expect_calls(p, "sink:1 refused:1920x1080:451:0 accepted:1920x1080 ");
	assert_non_null(strstr(peer_take(p), "SETUP"));
	peer_done(p);
}

/* Each message that does not come. */
static void test_delayed(void **state)
{
	static const struct {
		enum peer_goal goal;
		uint64_t limit;
		const char *calls;
	} cases[] = {
		{ PEER_M1, 10 * S, "failed:timeout:M1 " },
		{ PEER_CAPABILITIES, 10 * S, "failed:timeout:M3 " },
		{ PEER_FORMAT, 10 * S, "failed:timeout:M4 " },
		{ PEER_TRIGGER, 10 * S, "failed:timeout:M5 " },
		{ PEER_SETUP, 30 * S, "failed:timeout:M6 " },
	};
	struct peer *p = &peer;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		peer_init(p, 0);
		peer_run(p, cases[i].goal);
		assert_int_equal(exchange_deadline(p->x), p->now + cases[i].limit);
		p->now += cases[i].limit - 1;
		exchange_on_timer(p->x, p->now);
		peer_expect_calls(p, "");
		p->now++;
		exchange_on_timer(p->x, p->now);
		peer_expect_calls(p, cases[i].calls);
		assert_int_equal(p->error.error, -ETIMEDOUT);
		assert_int_equal(exchange_deadline(p->x), UINT64_MAX);
		assert_int_equal(p->n_ends, 1);
		peer_done(p);
	}
	/* M7: the sink's silence after M6 is a matter of both limits. */
	peer_init(p, 0);
	peer_run(p, PEER_PLAY);
	peer_wait(p);
	assert_non_null(strstr(peer_take(p), "GET_PARAMETER"));
	peer_answers(p, 200, 5, "");
	peer_wait(p);
	peer_expect_calls(p, "failed:timeout:M7 ");
	peer_done(p);
}

/* A delay that is within the limits changes nothing. */
static void test_patience(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	peer_run(p, PEER_FORMAT);
	p->now += 9 * S;
	peer_answers(p, 200, 3, "");
	p->now += 9 * S;
	peer_answers(p, 200, 4, "");
	p->now += 29 * S;
	peer_asks(p, "SETUP", "Transport: RTP/AVP/UDP;unicast;client_port=5004\r\n", "");
	p->now += 19 * S;
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "accepted:1920x1080 setup:5004:0 play ");
	peer_done(p);
}

static void test_cut(void **state)
{
	struct peer *p = &peer;

	(void)state;
	for (enum peer_goal goal = PEER_M1; goal <= PEER_PLAYING; goal++) {
		static const char *const awaited[] = { "M1", "M2", "M2", "M3", "M4",
						       "M5", "M6", "M7", "M16" };
		char calls[64];

		peer_init(p, 0);
		peer_run(p, goal);
		exchange_on_eof(p->x, p->now);
		(void)snprintf(calls, sizeof(calls), "failed:closed:%s ", awaited[goal]);
		peer_expect_calls(p, calls);
		assert_int_equal(p->error.error, -ECONNRESET);
		exchange_on_eof(p->x, p->now);
		exchange_on_timer(p->x, p->now + 1000 * S);
		exchange_teardown(p->x, p->now);
		peer_expect_calls(p, "");
		peer_done(p);
	}
}

/* A send that fails is told from the timer, not from within the call that sent. */
static void test_send_fails(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	p->send_result = -EPIPE;
	exchange_start(p->x, p->now);
	peer_expect_calls(p, "");
	assert_int_equal(exchange_deadline(p->x), 0);
	exchange_on_timer(p->x, p->now);
	peer_expect_calls(p, "failed:connection:M1 ");
	assert_int_equal(p->error.error, -EPIPE);
	peer_done(p);

	peer_init(p, 0);
	peer_run(p, PEER_CAPABILITIES);
	p->send_result = -ENOBUFS;
	peer_answers(p, 200, 2, PEER_M3);
	peer_expect_calls(p, "sink:1 failed:connection:M4 ");
	peer_done(p);
}

/* Numbers: an answer that is not to the point is no answer; one without a number is. */
static void test_cseq(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	peer_run(p, PEER_M1);
	peer_answers(p, 200, 2, PEER_M3);
	peer_says(p, "RTSP/1.0 200 OK\r\nCSeq: -1\r\nCSeq: 1\r\n\r\n");
	peer_says(p, "RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n");
	assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_SINK_OPTIONS);
	peer_done(p);

	peer_init(p, 0);
	peer_run(p, PEER_M1);
	peer_answers(p, 200, 2, PEER_M3);
	peer_answers(p, 200, 0, "");
	peer_answers(p, 200, 4294967295u, "");
	peer_says(p, "RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n");
	assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_OPTIONS);
	peer_says(p, "RTSP/1.0 200 OK\r\n\r\n");
	assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_SINK_OPTIONS);
	peer_answers(p, 200, 1, "");
	assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_SINK_OPTIONS);
	peer_done(p);
}

/* Mandatory parameters missing, or not to be read. */
static void test_useless_m3(void **state)
{
	static const char *const bodies[] = {
		"",
		"wfd_audio_codecs: LPCM 00000002 00\r\n",
		"wfd_video_formats: 00 00 01 01 00000001 00000000 00000000\r\n",
		"wfd_video_formats: 00 00 01 01 00000001 00000000 00000000\r\n"
		"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 0 0 mode=play\r\n",
		"wfd_video_formats: zz\r\n"
		"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 1028 0 mode=play\r\n",
		"\xff\xfe\x01\x80",
	};
	struct peer *p = &peer;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		peer_init(p, 0);
		peer_run(p, PEER_CAPABILITIES);
		peer_answers(p, 200, 2, bodies[i]);
		assert_non_null(strstr(peer_take(p), "CSeq: 3\r\n"));
		peer_answers(p, 200, 3, bodies[i]);
		peer_expect_calls(p, "failed:protocol:M3 ");
		peer_done(p);
	}
}

/* No monitor yet: M3 again every 5 s, and the same when the owner has not made up his mind. */
static void test_choice_later(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	p->n_ladder = 0;
	peer_run_with(p, PEER_FORMAT, "wfd_video_formats: none\r\n");
	peer_expect_calls(p, "sink:0 ");
	assert_int_equal(exchange_set_format(p->x, p->ladder, 1, p->now), -EOPNOTSUPP);
	(void)peer_take(p);
	assert_int_equal(exchange_deadline(p->x), p->now + 5 * S);
	peer_wait(p);
	assert_non_null(strstr(peer_take(p), "GET_PARAMETER"));
	peer_answers(p, 200, 3, PEER_M3);
	peer_expect_calls(p, "sink:1 ");
	peer_wait(p);
	(void)peer_take(p);
	/* While M3 is under way. */
	assert_int_equal(exchange_set_format(p->x, p->ladder, 1, p->now), 0);
	assert_string_equal(peer_take(p), "");
	peer_answers(p, 200, 4, PEER_M3);
	assert_non_null(strstr(peer_take(p), "wfd_presentation_URL"));
	assert_int_equal(exchange_set_format(p->x, p->ladder, 1, p->now), -EBUSY);
	peer_answers(p, 200, 5, "");
	peer_expect_calls(p, "accepted:1920x1080 ");
	peer_done(p);

	/* The monitor goes while M3 is under way: the choice is void. */
	peer_init(p, 0);
	p->n_ladder = 0;
	peer_run_with(p, PEER_FORMAT, PEER_M3);
	peer_wait(p);
	assert_int_equal(exchange_set_format(p->x, p->ladder, 1, p->now), 0);
	peer_answers(p, 200, 3, "wfd_video_formats: none\r\n");
	peer_expect_calls(p, "sink:1 sink:0 ");
	assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_CHOICE);
	peer_done(p);
}

/* What the sink may ask before its turn. */
static void test_early_requests(void **state)
{
	static const struct {
		const char *method, *headers, *status;
	} cases[] = {
		{ "PLAY", "", " 455 " },
		{ "PAUSE", "", " 455 " },
		{ "PLAY", "Session: 1\r\n", " 454 " },
		{ "TEARDOWN", "Session: 1\r\n", " 454 " },
		{ "SETUP", "Transport: RTP/AVP/UDP;unicast;client_port=1028\r\n", " 455 " },
		{ "GET_PARAMETER", "", " 200 " },
		{ "SET_PARAMETER", "", " 200 " },
	};
	struct peer *p = &peer;

	(void)state;
	for (enum peer_goal goal = PEER_M1; goal <= PEER_FORMAT; goal++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			peer_init(p, 0);
			peer_run(p, goal);
			peer_asks(p, cases[i].method, cases[i].headers, "");
			assert_non_null(strstr(peer_take(p), cases[i].status));
			peer_expect_calls(p, "");
			peer_done(p);
		}
	peer_init(p, 0);
	peer_run(p, PEER_FORMAT);
	peer_asks(p, "TEARDOWN", "", "");
	peer_expect_calls(p, "teardown:1: ");
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "");
	peer_done(p);
}

static void test_setup(void **state)
{
	static const struct {
		const char *transport, *status;
	} cases[] = {
		{ "", " 400 " },
		{ "Transport: \r\n", " 400 " },
		{ "Transport: RTP/AVP/TCP;interleaved=0-1\r\n", " 461 " },
		{ "Transport: RTP/AVP/UDP;multicast\r\n", " 461 " },
		{ "Transport: RTP/AVP/UDP;unicast;client_port=0\r\n", " 400 " },
		{ "Transport: RTP/AVP/UDP;unicast;client_port=70000-1\r\n", " 400 " },
	};
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	peer_run(p, PEER_SETUP);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		peer_asks(p, "SETUP", cases[i].transport, "");
		assert_non_null(strstr(peer_take(p), cases[i].status));
	}
	/* Another place named, no port named, an odd URL: the sink that M3 described. */
	peer_says(p, "SETUP rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 99\r\n"
		     "Transport: RTP/AVP/UDP;unicast;destination=10.0.0.1\r\n\r\n");
	assert_non_null(strstr(peer_take(p), "client_port=19000;server_port=40000\r\n"));
	peer_expect_calls(p, "setup:19000:0 ");
	peer_asks(p, "SETUP", "Transport: RTP/AVP/UDP;unicast;client_port=1028\r\n", "");
	assert_non_null(strstr(peer_take(p), " 455 "));
	peer_done(p);

	/* M6 in front of the answer to M5. */
	peer_init(p, 0);
	peer_run(p, PEER_TRIGGER);
	peer_asks(p, "SETUP", "Transport: RTP/AVP;unicast;client_port=1028\r\n", "");
	peer_answers(p, 200, 4, "");
	peer_asks(p, "PLAY", "", "");
	peer_expect_calls(p, "setup:1028:0 play ");
	peer_done(p);

	peer_init(p, 0);
	peer_run(p, PEER_SETUP);
	p->setup_result = -EADDRINUSE;
	peer_asks(p, "SETUP", "Transport: RTP/AVP;unicast;client_port=1028\r\n", "");
	assert_non_null(strstr(peer_take(p), " 500 "));
	peer_expect_calls(p, "setup:1028:0 failed:local:M6 ");
	assert_int_equal(p->error.error, -EADDRINUSE);
	peer_done(p);
}

static void test_uris(void **state)
{
	static const struct {
		const char *uri, *status;
	} cases[] = {
		{ "rtsp://192.168.173.1/wfd1.0/streamid=0", " 200 " },
		{ "rtsp://192.168.173.1:7236/wfd1.0/streamid=0/", " 200 " },
		{ "rtsp://[fe80::1]/wfd1.0/streamid=0/trackID=1", " 200 " },
		{ "rtsp://localhost/wfd1.0", " 200 " },
		{ "/wfd1.0/streamid=0", " 200 " },
		{ "rtsp://x/../etc/passwd", " 404 " },
		{ "rtsp://", " 404 " },
		{ "*", " 404 " },
		{ "http://x/wfd1.0", " 404 " },
	};
	struct peer *p = &peer;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		peer_init(p, 0);
		peer_run(p, PEER_SETUP);
		(void)snprintf(text, sizeof(text),
			       "SETUP %s RTSP/1.0\r\nCSeq: 5\r\n"
			       "Transport: RTP/AVP/UDP;unicast;client_port=1028\r\n\r\n",
			       cases[i].uri);
		peer_says(p, text);
		assert_non_null(strstr(peer_take(p), cases[i].status));
		peer_done(p);
	}
}

/* A good-bye is one whatever it calls the stream, and whatever it forgets to say. */
static void test_teardown_uris(void **state)
{
	static const char *const uris[] = { "*", "rtsp://192.168.173.1/", "rtsp://localhost/other" };
	struct peer *p = &peer;

	(void)state;
	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		char text[256];

		peer_init(p, 0);
		peer_run(p, PEER_PLAYING);
		(void)peer_take(p);
		(void)snprintf(text, sizeof(text), "TEARDOWN %s RTSP/1.0\r\nCSeq: 9\r\n\r\n", uris[i]);
		peer_says(p, text);
		assert_non_null(strstr(peer_take(p), "RTSP/1.0 200 OK\r\nCSeq: 9\r\n"));
		assert_int_equal(exchange_get_state(p->x), EXCHANGE_STATE_ENDED);
		peer_done(p);
	}
}

/* A sink that closes at a long list gets the short one; a name tells it. */
static void test_quirks(void **state)
{
	struct peer *p = &peer;

	(void)state;
	peer_init(p, 0);
	exchange_start(p->x, p->now);
	peer_says(p, "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: MSFT-WDD 2.0\r\n\r\n");
	peer_says(p, "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
	(void)peer_take(p);
	peer_wait(p);
	assert_non_null(strstr(peer_take(p), "Content-Length: 83\r\n"));
	assert_int_equal(exchange_get_quirks(p->x), WFD_QUIRK_BIT(WFD_QUIRK_SHORT_M3));
	peer_done(p);

	peer_init(p, EXCHANGE_FLAG_ASK_RTCP | EXCHANGE_FLAG_ASK_UIBC);
	peer_run_with(p, PEER_SETUP, PEER_M3 "intel_sink_manufacturer_name: Roku\r\n");
	assert_non_null(strstr(peer_take(p), "wfd_uibc_capability\r\n"
					     "microsoft_rtcp_capability\r\n"));
	peer_asks(p, "SETUP", "Transport: RTP/AVP/UDP;unicast;client_port=1028-1029\r\n", "");
	peer_expect_calls(p, "sink:1 accepted:1920x1080 setup:1028:0 ");
	peer_done(p);
}

/* The owner may free the exchange in any up-call: under ASan this is the test. */
static void test_free_in_up_call(void **state)
{
	struct peer *p = &peer;

	(void)state;
	for (enum peer_goal goal = PEER_CAPABILITIES; goal <= PEER_PLAYING; goal++) {
		peer_init(p, 0);
		peer_run(p, goal);
		p->free_in_up_call = true;
		if (goal == PEER_CAPABILITIES)
			peer_answers(p, 200, 2, PEER_M3);
		else if (goal == PEER_FORMAT)
			peer_answers(p, 200, 3, "");
		else if (goal == PEER_SETUP)
			peer_asks(p, "SETUP", "Transport: RTP/AVP/UDP;client_port=9000\r\n", "");
		else if (goal == PEER_PLAY)
			peer_asks(p, "PLAY", "", "");
		else if (goal == PEER_PLAYING)
			peer_asks(p, "SET_PARAMETER", "",
				  "wfd_idr_request\r\nwfd_standby\r\nwfd_route: primary\r\n"
				  "wfd_uibc_setting: enable\r\nwfd_connector_type: 05\r\n");
		else
			exchange_on_eof(p->x, p->now);
		assert_null(p->x);
	}
}

static void test_new(void **state)
{
	struct exchange_config config = { .local_address = "fe80::1%p2p0" };
	struct exchange *x = NULL;

	(void)state;
	assert_int_equal(exchange_new(&config, &peer_ops, NULL, &x), 0);
	assert_in_range(strlen(exchange_get_session_id(x)), 1, 10);
	assert_null(exchange_get_sink(x));
	assert_int_equal(exchange_deadline(x), UINT64_MAX);
	x = exchange_free(x);
	config.local_address = "1.2.3.4\r\nX: y";
	assert_int_equal(exchange_new(&config, &peer_ops, NULL, &x), -EINVAL);
	config.local_address = "1.2.3.4";
	config.server_name = "a\nb";
	assert_int_equal(exchange_new(&config, &peer_ops, NULL, &x), -EINVAL);
	assert_null(exchange_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	     cmocka_unit_test(test_options_order),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_ladder_options),
		cmocka_unit_test(test_delayed),	     cmocka_unit_test(test_patience),
		cmocka_unit_test(test_cut),	     cmocka_unit_test(test_send_fails),
		cmocka_unit_test(test_cseq),	     cmocka_unit_test(test_useless_m3),
		cmocka_unit_test(test_choice_later), cmocka_unit_test(test_early_requests),
		cmocka_unit_test(test_setup),	     cmocka_unit_test(test_uris),
		cmocka_unit_test(test_teardown_uris),
		cmocka_unit_test(test_quirks),	     cmocka_unit_test(test_free_in_up_call),
		cmocka_unit_test(test_new),
	};

	return cmocka_run_group_tests_name("rtsp-exchange", tests, NULL, NULL);
}

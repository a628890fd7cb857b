// SPDX-License-Identifier: GPL-2.0-or-later
/* The contract, cases 29 to 36: what Start survives, and what ends it. */
#include "contract-case.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const enum sink_message path[] = { SINK_M1, SINK_M2, SINK_M3, SINK_M4,
					  SINK_M5, SINK_M6, SINK_M7 };

/* One whole session a message of the path; the bench is made anew for each. */
static void each_message(struct bench *b, struct sink_act act, void (*check)(struct bench *b))
{
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		bench_done(b);
		bench_init(b);
		b->script.acts[path[i]] = act;
		assert_int_equal(bench_create(b), 0);
		bench_connect(b);
		assert_int_equal(bench_start(b), 0);
		check(b);
		bench_finish(b);
	}
}

static void check_patience(struct bench *b)
{
	bench_pass(b, 4400 * MS);
	assert_int_equal(session_get_state(b->session), SESSION_START_PENDING);
	bench_pass_started(b);
	assert_int_equal(b->started_error, 0);
}

static void test_slow_answers(void **state)
{
	each_message(*state, (struct sink_act){ .delay_us = 4500 * MS }, check_patience);
}

/* docs/contract.md: 10 s for an answer, 30 s for M6 and M7; M2 may stay away altogether. */
static void check_silence(struct bench *b)
{
	bool is_m2 = b->script.acts[SINK_M2].fault == SINK_SILENT;

	bench_pass(b, 9 * S);
	if (!is_m2)
		assert_int_equal(session_get_state(b->session), SESSION_START_PENDING);
	bench_pass_started(b);
	assert_int_equal(b->started_error, is_m2 ? 0 : -ETIMEDOUT);
	assert_int_equal(b->head.n_plugs, is_m2 ? b->head.n_plugs : 0);
	assert_int_equal(b->media.rtp_fd >= 0, is_m2);
}

static void test_no_answer(void **state)
{
	each_message(*state, (struct sink_act){ .fault = SINK_SILENT }, check_silence);
}

static void check_broken(struct bench *b)
{
	bench_pass_started(b);
	assert_int_equal(b->head.n_plugs, 0);
	assert_int_equal(b->end.reason, SESSION_END_CRITICAL);
	assert_int_equal(b->end.stage, SESSION_STAGE_RTSP);
	assert_true(strlen(b->end_text) > 10);
}

static void check_closed(struct bench *b)
{
	check_broken(b);
	assert_int_equal(b->started_error, -ECONNRESET);
}

static void check_garbled(struct bench *b)
{
	check_broken(b);
	assert_int_equal(b->started_error, -EPROTO);
}

static void test_end_of_connection(void **state)
{
	each_message(*state, (struct sink_act){ .fault = SINK_ENDS }, check_closed);
}

static void test_reset(void **state)
{
	each_message(*state, (struct sink_act){ .fault = SINK_RESETS }, check_closed);
}

static void test_garbage(void **state)
{
	each_message(*state, (struct sink_act){ .fault = SINK_GARBLES }, check_garbled);
}

/* Success is posted and not told yet when the next bytes of the same segment ruin it. */
static void expect_ruined_start(struct bench *b, const char *rest, int error)
{
	char text[SINK_MESSAGE_SIZE + 256];

	b->script.acts[SINK_M7].delay_us = S;
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_pass(b, 900 * MS);
	assert_int_equal(b->sink.n_queue, 1);
	(void)snprintf(text, sizeof(text), "%s%s", b->sink.queue[0].text, rest);
	b->sink.n_queue = 0;
	sink_send_raw(&b->sink, text, strlen(text));
	bench_pass(b, S);
	assert_int_equal(b->n_started, 1);
	assert_int_equal(b->started_error, error);
	assert_int_equal(b->head.n_plugs, 0);
	assert_int_equal(b->n_ended, 0);
	assert_false(bench_noted(b, "started"));
	bench_finish(b);
}

static void test_garbage_behind_play(void **state)
{
	expect_ruined_start(*state, "\x16\x03 what?\r\n\r\n", -EPROTO);
}

static void test_teardown_behind_play(void **state)
{
	expect_ruined_start(*state,
			    "TEARDOWN rtsp://127.0.0.1/wfd1.0/streamid=0 RTSP/1.0\r\nCSeq: 99\r\n\r\n",
			    -ECONNRESET);
}

static void test_m1_is_at_once(void **state)
{
	struct bench *b = *state;
	uint64_t begin_us = clock_now_us();

	b->media.is_mute = true; /* still trying its encoders */
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_settle(b);
	assert_non_null(sink_find(&b->sink, "M1", 0));
	assert_int_equal(sink_find(&b->sink, "M1", 0)->time_us, begin_us);
	bench_pass_started(b); /* with x264's caps, after SESSION_CAPS_MS */
	assert_int_equal(b->started_error, 0);
	assert_in_range(clock_now_us() - begin_us, SESSION_CAPS_MS * MS, SESSION_CAPS_MS * MS + S);
	bench_finish(b);
}

static void test_m2_orders(void **state)
{
	struct bench *b = *state;

	b->script.m2_first = true;
	bench_run(b, 0);
	bench_finish(b);
	bench_done(b);
	bench_init(b);
	b->script.m2_late = true;
	bench_run(b, 0);
	assert_int_equal(sink_count(&b->sink, "M2-ok"), 1);
	bench_finish(b);
}

static void test_lenient_parsing(void **state)
{
	struct bench *b = *state;

	b->script.bytewise = true;
	bench_run(b, 0);
	bench_finish(b);
	bench_done(b);
	bench_init(b);
	b->script.sloppy = true;
	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS
		"maker_wonder: yes\r\nWFD_Connector_Type: 05\r\n";
	bench_run(b, 0);
	bench_finish(b);
}

static void test_lengths(void **state)
{
	static const char *const lengths[] = { "-1", "4294967296", "99999999999999999999",
					       "1000000", "12x" };
	struct bench *b = *state;
	char text[256];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		bench_done(b);
		bench_init(b);
		b->script.acts[SINK_M1].fault = SINK_SILENT;
		bench_create(b);
		bench_connect(b);
		bench_start(b);
		(void)snprintf(text, sizeof(text),
			       "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: %s\r\n\r\n", lengths[i]);
		sink_send_raw(&b->sink, text, strlen(text));
		bench_pass(b, S);
		assert_int_equal(b->started_error, -EPROTO);
		bench_finish(b);
	}
}

static void test_poll_for_monitor(void **state)
{
	struct bench *b = *state;
	uint64_t last_us;

	b->script.m3 = NO_MONITOR;
	bench_run(b, 0);
	last_us = clock_now_us();
	bench_pass(b, 60 * S);
	assert_in_range(sink_count(&b->sink, "M3"), 10, 14);
	for (unsigned int i = 1; i < sink_count(&b->sink, "M3"); i++) {
		assert_true(sink_find(&b->sink, "M3", i)->time_us - last_us <= 6 * S);
		last_us = sink_find(&b->sink, "M3", i)->time_us;
	}
	bench_finish(b);
}

/* clang-format off */
static const struct CMUnitTest cases[] = {
	CASE("case 29: 4.5 s for each of M1 to M7 are survived", test_slow_answers),
	CASE("case 30: silence ends Start with ETIMEDOUT", test_no_answer),
	CASE("case 31: the end of the connection at each of M1 to M7", test_end_of_connection),
	CASE("case 31: a reset at each of M1 to M7", test_reset),
	CASE("case 31: garbage at each of M1 to M7", test_garbage),
	CASE("case 31: garbage right behind M7 is not lost", test_garbage_behind_play),
	CASE("case 31: M8 right behind M7 is not lost", test_teardown_behind_play),
	CASE("case 32: M1 does not wait for the encoders", test_m1_is_at_once),
	CASE("case 33: M2 in any order", test_m2_orders),
	CASE("case 34: bytes one by one, odd letters, folded headers", test_lenient_parsing),
	CASE("case 35: lengths that are none", test_lengths),
	CASE("case 36: a sink without a monitor is asked every 5 s", test_poll_for_monitor),
};
/* clang-format on */

int main(void)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), "contract: answers");
}

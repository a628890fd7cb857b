// SPDX-License-Identifier: GPL-2.0-or-later
/* The contract, cases 66 to 81: monitors that come and go, the link's rate, and how sessions end. */
#include "contract-case.h"

#include "util/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static void say(struct bench *b, const char *line)
{
	sink_request(&b->sink, "SET_PARAMETER", "Content-Type: text/parameters\r\n", line);
	bench_settle(b);
}

/* ---------------------------------------------------------------- IDRs, monitors */

static void test_no_idr_requests(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS
		"wfd_idr_request_capability: 0\r\n";
	bench_run(b, 0);
	bench_pass(b, 10 * S);
	assert_int_equal(b->media.n_idrs, 10 * S / (SESSION_IDR_MS * MS));
	session_stop(b->session);
	bench_pass(b, 10 * S);
	assert_int_equal(b->media.n_idrs, 10 * S / (SESSION_IDR_MS * MS));
	bench_finish(b);
	bench_done(b);
	bench_init(b); /* one that can ask is left alone */
	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS
		"wfd_idr_request_capability: 1\r\n";
	bench_run(b, 0);
	bench_pass(b, 10 * S);
	assert_int_equal(b->media.n_idrs, 0);
	bench_finish(b);
}

/* Its player may come up late, and it may have no way to ask; once it does, it has one. */
static void test_idr_capability_unknown(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS;
	bench_run(b, 0);
	bench_pass(b, SESSION_IDR_EARLY_MS * MS);
	assert_int_equal(b->media.n_idrs, SESSION_IDR_EARLY_MS / SESSION_IDR_MS);
	bench_pass(b, 3 * SESSION_IDR_RARE_MS * MS);
	assert_int_equal(b->media.n_idrs, SESSION_IDR_EARLY_MS / SESSION_IDR_MS + 3);
	say(b, "wfd-idr-request\r\n"); /* as lazycast writes it */
	bench_pass(b, 3 * SESSION_IDR_RARE_MS * MS);
	assert_int_equal(b->media.n_idrs, SESSION_IDR_EARLY_MS / SESSION_IDR_MS + 4);
	bench_finish(b);
}

static void test_departure(void **state)
{
	struct bench *b = *state;

	b->in_ended = 's';
	bench_run(b, 0);
	say(b, "wfd_connector_type: none\r\n");
	assert_int_equal(b->events[SESSION_EVENT_MONITOR_DEPART], 1);
	assert_int_equal(b->head.n_unplugs, 1);
	assert_int_equal(b->end.reason, SESSION_END_SINK_REQUEST);
	bench_pass(b, 3 * S);
	assert_int_equal(b->n_stopped, 1);
	assert_int_equal(sink_count(&b->sink, "M5-TEARDOWN"), 1); /* the sink is told */
	assert_int_equal(b->n_ended, 1);
	bench_finish(b);
	assert_int_equal(b->head.n_unplugs, 1);
}

static void test_departure_by_formats(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	say(b, "wfd_video_formats: none\r\n");
	assert_int_equal(b->events[SESSION_EVENT_MONITOR_DEPART], 1);
	say(b, "wfd_video_formats: none\r\n"); /* said twice, told once */
	assert_int_equal(b->events[SESSION_EVENT_MONITOR_DEPART], 1);
	assert_int_equal(b->n_ended, 1);
	bench_finish(b);
}

/* Gone between M3 and M7: no display is plugged for it. */
static void test_departure_in_start(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M7].delay_us = S;
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_pass(b, 500 * MS);
	assert_int_equal(b->n_started, 0);
	b->sink.script.acts[SINK_M7].delay_us = 0;
	b->sink.n_queue = 0;
	say(b, "wfd_connector_type: none\r\n");
	sink_request(&b->sink, "PLAY", "", "");
	bench_pass(b, S);
	assert_int_equal(b->started_error, -ENODEV);
	assert_int_equal(b->head.n_plugs, 0);
	bench_finish(b);
}

/* Another monitor: identity and modes are swapped, without an unplug. */
static void test_another_monitor(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	assert_true(b->head.n_modes > 5);
	say(b, FORMATS("00000020", "00000000"));
	assert_int_equal(b->head.n_plugs, 2);
	assert_int_equal(b->head.n_unplugs, 0);
	assert_int_equal(b->head.n_modes, 1);
	assert_int_equal(b->media.format.mode.height, 720);
	bench_finish(b);
}

static void test_many_monitors(void **state)
{
	struct bench *b = *state;
	unsigned int before = 0;

	for (unsigned int i = 0; i < 50; i++) {
		bench_done(b);
		bench_init(b);
		b->script.m3 = NO_MONITOR;
		b->in_ended = 's';
		bench_run(b, 0);
		b->sink.script.m3 = sink_tv;
		bench_pass(b, 6 * S);
		say(b, "wfd_connector_type: none\r\n");
		bench_pass(b, 3 * S);
		assert_int_equal(b->events[SESSION_EVENT_MONITOR_ARRIVE], 1);
		assert_int_equal(b->events[SESSION_EVENT_MONITOR_DEPART], 1);
		assert_int_equal(b->head.n_plugs, 1);
		bench_finish(b);
		assert_int_equal(b->head.n_unplugs, 1);
		if (i == 0)
			before = count_fds();
		assert_int_equal(count_fds(), before);
	}
}

/* ---------------------------------------------------------------- data rate */

static void test_register(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	assert_int_equal(bench_rate(b, 20000000), -ESHUTDOWN);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	assert_int_equal(b->n_rate_on, 1);
	assert_int_equal(session_data_rate(b->session,
					   &(struct session_data_rate){ .encoder_bps = 9000000 }), 0);
	bench_pass_started(b);
	for (int i = 0; i < 30; i++)
		assert_int_equal(bench_rate(b, 20000000), 0);
	assert_int_equal(b->n_rate_off, 0);
	session_stop(b->session);
	assert_int_equal(b->n_rate_off, 1);
	assert_int_equal(bench_rate(b, 20000000), -ESHUTDOWN);
	bench_finish(b);
}

static void test_no_rates(void **state)
{
	struct bench *b = *state;

	b->register_result = -EOPNOTSUPP;
	bench_run(b, 0);
	assert_int_equal(bench_rate(b, 20000000), -ESHUTDOWN);
	assert_int_equal(session_get_state(b->session), SESSION_STARTED);
	bench_finish(b); /* nothing is unregistered that was not registered */
}

static void test_failed_start_unregisters(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M3].fault = SINK_ENDS;
	bench_run(b, -ECONNRESET);
	assert_int_equal(b->n_rate_on, 1);
	assert_int_equal(b->n_rate_off, 1);
	bench_finish(b);
}

static void test_last_report(void **state)
{
	struct bench *b = *state;

	b->rate_ended = true;
	bench_run(b, 0);
	assert_int_equal(bench_rate(b, 20000000), 0);
	assert_int_equal(session_data_rate(b->session, NULL), 0);
	assert_int_equal(session_data_rate(b->session, NULL), -ESHUTDOWN);
	assert_int_equal(bench_rate(b, 20000000), -ESHUTDOWN);
	assert_int_equal(session_get_state(b->session), SESSION_STARTED);
	bench_finish(b);
}

static void test_rate_follows(void **state)
{
	struct bench *b = *state;
	uint64_t before;

	bench_run(b, 0);
	before = b->media.rate_bps;
	assert_int_equal(bench_rate(b, 8000000), 0); /* 1080p60 needs 4.98 */
	assert_true(b->media.rate_bps < 8000000 && b->media.rate_bps < before);
	bench_pass(b, 10 * S);
	assert_int_equal(sink_count(&b->sink, "M4"), 1);
	assert_int_equal(b->n_ended, 0);
	bench_finish(b);
}

static const char one_mode[] = FORMATS("00000080", "00000000") AUDIO_AND_PORTS; /* 1080p30 */

static void test_bandwidth(void **state)
{
	struct bench *b = *state;
	uint64_t begin_us;

	b->script.m3 = one_mode;
	bench_run(b, 0);
	assert_int_equal(bench_rate(b, 2400000), 0);
	begin_us = clock_now_us();
	for (int i = 0; i < 4; i++)
		assert_int_equal(bench_rate(b, 2400000), 0);
	bench_settle(b);
	assert_int_equal(b->n_ended, 0);
	while (b->n_ended == 0 && clock_now_us() < begin_us + 30 * S) {
		assert_int_equal(bench_rate(b, 2400000), 0);
		bench_settle(b);
	}
	assert_int_equal(clock_now_us() - begin_us, SESSION_BANDWIDTH_MS * MS);
	assert_int_equal(b->end.reason, SESSION_END_BANDWIDTH);
	for (int i = 0; i < 10; i++)
		(void)bench_rate(b, 2400000);
	bench_settle(b);
	assert_int_equal(b->n_ended, 1);
	bench_finish(b);
}

/* A good second in between begins anew. */
static void test_short_drop(void **state)
{
	struct bench *b = *state;

	b->script.m3 = one_mode;
	bench_run(b, 0);
	for (int i = 0; i < 60; i++)
		assert_int_equal(bench_rate(b, i % 5 == 4 ? 2600000 : 2400000), 0);
	bench_settle(b);
	assert_int_equal(b->n_ended, 0);
	bench_finish(b);
}

/* The desktop keeps its mode; the sink gets fewer pictures of it, and all of them again later. */
static void test_degrade(void **state)
{
	struct bench *b = *state;
	struct session_status status;

	bench_run(b, 0);
	bench_kernel_mode(b, 1920, 1080, 60);
	for (int i = 0; i < 20; i++)
		assert_int_equal(bench_rate(b, 3000000), 0);
	assert_int_equal(b->n_ended, 0);
	assert_int_equal(b->media.format.mode.width, 1920);
	assert_int_equal(b->media.format.mode.refresh_hz, 30);
	session_get_status(b->session, &status);
	assert_true(status.is_degraded);
	assert_int_equal(b->head.n_plugs, 1);
	for (int i = 0; i < 9; i++)
		assert_int_equal(bench_rate(b, 20000000), 0);
	assert_int_equal(b->media.format.mode.refresh_hz, 30);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bench_rate(b, 20000000), 0);
	bench_settle(b);
	assert_int_equal(b->media.format.mode.refresh_hz, 60);
	session_get_status(b->session, &status);
	assert_false(status.is_degraded);
	bench_finish(b);
}

/* The sink refuses the lower mode: then the contract's end comes after all. */
static void test_degrade_refused(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	b->sink.script.acts[SINK_M4] = (struct sink_act){ SINK_REFUSES, 404, 0, 0 };
	for (int i = 0; i < 12 && !b->n_ended; i++) {
		(void)bench_rate(b, 3000000);
		bench_settle(b);
	}
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end.reason, SESSION_END_BANDWIDTH);
	bench_finish(b);
}

/* So slow that only a smaller one is left: the desktop goes on as it is, letterboxed. */
static void test_degrade_desktop(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	bench_kernel_mode(b, 1920, 1080, 60);
	for (int i = 0; i < 20; i++)
		(void)bench_rate(b, 1200000);
	bench_settle(b);
	assert_int_equal(b->n_ended, 0);
	assert_int_equal(b->media.format.mode.width, 1280);
	assert_int_equal(b->media.fit_width, 1920);
	assert_int_equal(b->head.n_plugs, 1);
	for (int i = 0; i < 12; i++)
		(void)bench_rate(b, 20000000);
	bench_settle(b);
	assert_int_equal(b->media.format.mode.width, 1920);
	assert_int_equal(b->media.fit_width, 0);
	bench_finish(b);
}

/* A pattern and a clip are drawn in any size. */
static void test_degrade_size(void **state)
{
	struct bench *b = *state;

	b->config.source = SESSION_SOURCE_PATTERN;
	bench_run(b, 0);
	for (int i = 0; i < 20; i++)
		(void)bench_rate(b, 1200000);
	bench_settle(b);
	assert_int_equal(b->n_ended, 0);
	assert_int_equal(b->media.format.mode.width, 1280);
	assert_int_equal(b->media.format.mode.refresh_hz, 30);
	bench_finish(b);
}

/* ---------------------------------------------------------------- the end */

static void fail_media(struct bench *b)
{
	bench_media_fails(b, MEDIA_STAGE_ENCODE, -EIO, "the encoder is broken");
}

static void end_clip(struct bench *b)
{
	bench_media_fails(b, MEDIA_STAGE_INPUT_END, -ENODATA, "the clip is over");
}

static void tear_down_sink(struct bench *b)
{
	sink_request(&b->sink, "TEARDOWN", "", "");
}

static void fall_silent(struct bench *b)
{
	b->sink.script.acts[SINK_M16].fault = SINK_SILENT;
	bench_pass(b, 60 * S);
}

static void unbind_module(struct bench *b)
{
	bench_kernel_says(b, &(struct session_kernel_message){ .type = SESSION_KERNEL_GONE });
}

static void starve(struct bench *b)
{
	for (int i = 0; i < 10 && b->session; i++)
		(void)bench_rate(b, 100000); /* no mode is that small */
}

static const struct {
	void (*cause)(struct bench *b);
	enum session_end_reason reason;
	const char *word;
} ends[] = {
	{ fail_media, SESSION_END_CRITICAL, "critical-error" },
	{ fall_silent, SESSION_END_MISSING_KEEPALIVE, "missing-keepalive" },
	{ tear_down_sink, SESSION_END_SINK_REQUEST, "sink-disconnect-request" },
	{ starve, SESSION_END_BANDWIDTH, "insufficient-bandwidth" },
	{ unbind_module, SESSION_END_COMPANION, "companion-disconnect" },
	{ end_clip, SESSION_END_SOURCE, "end-of-source" },
};

/* One session each, one after the other on one loop: none is the worse for the one before. */
static void test_each_end(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		bench_done(b);
		bench_init(b);
		b->in_ended = 's';
		b->in_stopped = 'd';
		bench_run(b, 0);
		ends[i].cause(b);
		bench_pass(b, 5 * S);
		assert_int_equal(b->n_ended, 1);
		assert_int_equal(b->n_stopped, 1);
		assert_int_equal(b->end.reason, ends[i].reason);
		assert_string_equal(session_end_reason_to_string(b->end.reason), ends[i].word);
		assert_null(b->session);
		assert_true(bench_noted_before(b, "stop-pending", "stopped"));
		assert_true(bench_noted_before(b, "stopped", "head-free"));
		assert_true(strlen(b->end_text) > 10);
	}
}

static void test_before_start(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	fail_media(b);
	bench_connect(b);
	assert_int_equal(bench_start(b), -EIO);
	bench_settle(b);
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->n_started, 0);
	session_stop(b->session); /* a no-op */
	bench_pass(b, 3 * S);
	assert_int_equal(b->n_stopped, 0);
}

static void test_in_start(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	end_clip(b); /* which carries no error of its own */
	bench_pass_started(b);
	assert_int_equal(b->started_error, -EIO);
	assert_int_equal(b->end.reason, SESSION_END_SOURCE);
	assert_int_equal(b->n_ended, 0);
	bench_pass(b, 60 * S);
	assert_int_equal(b->n_started, 1);
	bench_finish(b); /* Stop after a failed Start is harmless [R18] */
	assert_int_equal(b->n_stopped, 0);
}

static void test_first_wins(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	fail_media(b);
	unbind_module(b);
	tear_down_sink(b);
	(void)sink_step(&b->sink);
	sink_end(&b->sink);
	bench_pass(b, 60 * S);
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end.reason, SESSION_END_CRITICAL);
	assert_int_equal(b->end.stage, SESSION_STAGE_ENCODE);
	assert_string_equal(b->end_text, "the encoder is broken");
	bench_finish(b);
}

static void test_keepalive(void **state)
{
	struct bench *b = *state;
	uint64_t asked_us;

	bench_run(b, 0);
	bench_pass(b, 19 * S);
	b->sink.script.acts[SINK_M16].fault = SINK_SILENT;
	bench_pass_ended(b);
	assert_int_equal(b->end.reason, SESSION_END_MISSING_KEEPALIVE);
	asked_us = sink_find(&b->sink, "M16", sink_count(&b->sink, "M16") - 1)->time_us;
	assert_int_equal(clock_now_us() - asked_us, 10 * S); /* docs/contract.md */
	bench_finish(b);
}

static void test_any_status_is_alive(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M16] = (struct sink_act){ SINK_REFUSES, 451, 0, 9 * S };
	bench_run(b, 0);
	bench_pass(b, 300 * S);
	assert_int_equal(b->n_ended, 0);
	assert_true(sink_count(&b->sink, "M16") >= 9);
	bench_finish(b);
}

static void test_teardown_reason(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS
		"microsoft_diagnostics_capability: supported\r\n";
	bench_run(b, 0);
	sink_request(&b->sink, "TEARDOWN", "Content-Type: text/parameters\r\n",
		     "microsoft_teardown_reason: C00D4278 timed out waiting for RTP\r\n");
	bench_settle(b);
	assert_int_equal(b->end.reason, SESSION_END_SINK_REQUEST);
	assert_non_null(strstr(b->end_text, "C00D4278 timed out waiting for RTP"));
	bench_finish(b);
}

/* clang-format off */
static const struct CMUnitTest cases[] = {
	CASE("case 66: a sink that never asks for IDRs gets some", test_no_idr_requests),
	CASE("case 66: so does one that may not ask, until it does", test_idr_capability_unknown),
	CASE("case 67: a departure ends the session and the sink is told", test_departure),
	CASE("case 67: a departure told by the formats, told once", test_departure_by_formats),
	CASE("case 67: a departure during Start", test_departure_in_start),
	CASE("case 67: another monitor is swapped in", test_another_monitor),
	CASE("case 68: 50 arrivals and departures", test_many_monitors),
	CASE("case 69: reports are taken from Start to Stop", test_register),
	CASE("case 70: a link without rates", test_no_rates),
	CASE("case 70: a failed Start unregisters", test_failed_start_unregisters),
	CASE("case 71: the report without data is the last", test_last_report),
	CASE("case 72: the encoder follows the rate, without RTSP", test_rate_follows),
	CASE("case 73: 5 s below the floor are the end, once", test_bandwidth),
	CASE("case 73: a short drop is not", test_short_drop),
	CASE("case 73: a slower mode comes before the end, and goes again", test_degrade),
	CASE("case 73: a slower mode that is refused", test_degrade_refused),
	CASE("case 73: a smaller mode where pictures can be scaled", test_degrade_size),
	CASE("case 73: a smaller mode with the desktop letterboxed", test_degrade_desktop),
	OPEN("case 74: open: needs a radio: counters of nl80211"),
	CASE("case 75: each reason: ended, Stop, stopped, Destroy", test_each_end),
	CASE("case 75: media dies before Start", test_before_start),
	CASE("case 75: media ends during Start", test_in_start),
	CASE("case 76: of several reasons the first is told", test_first_wins),
	CASE("case 77: M16 unanswered for 10 s", test_keepalive),
	CASE("case 77: any answer to M16 is a sign of life", test_any_status_is_alive),
	CASE("case 78: the sink's reason is told", test_teardown_reason),
};
/* clang-format on */

int main(void)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), "contract: link and end");
}

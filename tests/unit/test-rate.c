// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rate's policy: rules one by one, and the traces of tests/data/rate. Links in a closed loop are
 * test-rate-loop.c's.
 */
#include "rate.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rate-start.h"

static void tick(struct rate *r, uint64_t *now, unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds; i++) {
		*now += RATE_TICK_US;
		rate_on_tick(r, *now);
	}
}

/* ---------------------------------------------------------------- rules */

static uint64_t start(uint64_t current, uint64_t local, uint64_t remote)
{
	struct session_link_stats stats = { current, local, remote };

	return rate_at_start(&stats);
}

static void test_start(void **state)
{
	(void)state;
	assert_int_equal(start(10000000, 0, 0), 10000000);
	assert_int_equal(start(10000000, 8000000, 0), 8000000);
	assert_int_equal(start(10000000, 8000000, 5000000), 5000000);
	assert_int_equal(start(1, 0, 0), RATE_MIN_BPS);
	assert_int_equal(start(UINT64_MAX, UINT64_MAX, UINT64_MAX), RATE_MAX_BPS);
}

/* Video and sound and the headers of both together stay within the stream's rate. */
static void test_video_share(void **state)
{
	(void)state;
	for (uint64_t bps = RATE_MIN_BPS; bps <= RATE_MAX_BPS; bps += 500000) {
		assert_true(rate_for_video(bps, MEDIA_AUDIO_NONE) < bps);
		assert_true(rate_for_video(bps, MEDIA_AUDIO_NONE) >= bps * 8 / 10);
		assert_true(rate_for_video(bps, MEDIA_AUDIO_LPCM) > 0);
		assert_true(rate_for_video(bps, MEDIA_AUDIO_LPCM) <
			    rate_for_video(bps, MEDIA_AUDIO_AAC));
	}
	assert_int_equal(rate_max_frame_bytes(8000000), 250000);
}

static void test_no_facts(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW;

	(void)state;
	tick(&r, &now, 3600);
	assert_int_equal(r.bps, 10 * MBIT);
	assert_int_equal(rate_get_quality(&r, now), RATE_QUALITY_GOOD);
}

static void test_link(void **state)
{
	struct rate r = make(10 * MBIT);
	struct session_data_rate link = { .encoder_bps = 6 * MBIT, .max_tx_bps = 100 * MBIT };

	(void)state;
	rate_on_link(&r, &link, NOW);
	assert_int_equal(r.bps, 6 * MBIT);
	link.encoder_bps = 12 * MBIT; /* nothing is wrong: at once */
	rate_on_link(&r, &link, NOW);
	assert_int_equal(r.bps, 12 * MBIT);
	link.max_tx_bps = 10 * MBIT;
	rate_on_link(&r, &link, NOW);
	assert_int_equal(r.bps, 9 * MBIT);
	link = (struct session_data_rate){ .encoder_bps = 0 };
	rate_on_link(&r, &link, NOW);
	assert_int_equal(r.bps, RATE_MIN_BPS);
	rate_on_link(&r, NULL, NOW);
	assert_int_equal(r.bps, RATE_MIN_BPS);
}

static void test_link_retries(void **state)
{
	struct session_data_rate link = { .encoder_bps = 10 * MBIT };
	struct rate r = make(10 * MBIT);

	(void)state;
	link.transmitted = 95;
	link.failed = 5;
	rate_on_link(&r, &link, NOW + SEC);
	assert_int_equal(r.bps, 10 * MBIT);
	link.failed = 6;
	rate_on_link(&r, &link, NOW + 2 * SEC);
	assert_int_equal(r.bps, 8500 * 1000);
	link = (struct session_data_rate){ .encoder_bps = 10 * MBIT,
					   .transmitted = UINT32_MAX,
					   .failed = UINT32_MAX,
					   .multiple_retry = UINT32_MAX };
	rate_on_link(&r, &link, NOW + 3 * SEC);
	assert_int_equal(r.bps, 7225 * 1000);
}

static void test_sink_max(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW;

	(void)state;
	rate_set_sink_max(&r, 4 * MBIT);
	assert_int_equal(r.bps, 4 * MBIT);
	tick(&r, &now, 60);
	assert_int_equal(r.bps, 4 * MBIT);
	rate_set_mode(&r, &(struct media_mode){ 3840, 2160, 60 });
	assert_int_equal(r.bps, 4 * MBIT); /* a floor above it is of no use */
	rate_set_sink_max(&r, 0);
	assert_int_equal(r.bps, 10 * MBIT);
}

static void test_lone_request(void **state)
{
	struct rate r = make(10 * MBIT);

	(void)state;
	for (unsigned int i = 0; i < 20; i++) { /* when it begins */
		rate_on_request(&r, NOW + i * 99 * MSEC);
		assert_int_equal(r.bps, 10 * MBIT);
	}
	for (uint64_t now = NOW + 10 * SEC; now < NOW + 60 * SEC; now += 4 * SEC) {
		rate_on_request(&r, now);
		rate_on_request(&r, now + 100 * MSEC); /* said twice */
		assert_int_equal(r.bps, 10 * MBIT);
	}
}

static void test_requests(void **state)
{
	struct rate r = make(16 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	rate_on_produced(&r, 16 * MBIT, now);
	rate_on_request(&r, now);
	assert_int_equal(r.bps, 16 * MBIT);
	rate_on_request(&r, now += 500 * MSEC); /* two may be chance */
	assert_int_equal(r.bps, 16 * MBIT);
	rate_on_request(&r, now += 500 * MSEC);
	assert_int_equal(r.bps, 4800 * 1000);
	rate_on_request(&r, now + 300 * MSEC); /* the step has not shown its effect yet */
	assert_int_equal(r.bps, 4800 * 1000);
	for (unsigned int i = 0; i < 20; i++)
		rate_on_request(&r, now += 500 * MSEC);
	assert_int_equal(r.bps, RATE_MIN_BPS);
	assert_int_equal(rate_get_quality(&r, now), RATE_QUALITY_POOR);
}

/* With a resting desktop the rate is a permission that nobody uses: half of it is no relief. */
static void test_cut_is_of_what_was_sent(void **state)
{
	struct rate r = make(16 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	rate_on_produced(&r, 6400 * 1000, now);
	for (unsigned int i = 0; i < 3; i++)
		rate_on_request(&r, now + i * 500 * MSEC);
	assert_int_equal(r.bps, 2400 * 1000); /* three tenths of 6.4 + a quarter */
	r = make(16 * MBIT);
	rate_on_produced(&r, 1, now);
	for (unsigned int i = 0; i < 3; i++)
		rate_on_request(&r, now + i * 500 * MSEC);
	assert_int_equal(r.bps, 1200 * 1000);
}

static void test_blocked(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	rate_on_blocked(&r, 99999, now);
	assert_int_equal(r.bps, 10 * MBIT);
	rate_on_blocked(&r, 150000, now);
	assert_int_equal(r.bps, 7 * MBIT);
	rate_on_blocked(&r, 110000, now += 500 * MSEC); /* it drains */
	assert_int_equal(r.bps, 7 * MBIT);
	rate_on_blocked(&r, 140000, now += 100 * MSEC); /* it does not */
	assert_int_equal(r.bps, 4900 * 1000);
	rate_on_blocked(&r, 400000, now += 500 * MSEC);
	assert_int_equal(r.bps, 2450 * 1000);
}

static void report(struct rate *r, unsigned int percent, uint64_t rtt_us, uint64_t now)
{
	struct rate_report report = { (uint8_t)(percent * 256 / 100), rtt_us, 0 };

	rate_on_report(r, &report, now);
}

static void test_reports(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	report(&r, 0, 10 * MSEC, now += SEC);
	report(&r, 1, 40 * MSEC, now += SEC);
	rate_on_request(&r, now += 100 * MSEC); /* reports say that it is not much */
	rate_on_request(&r, now += 500 * MSEC);
	assert_int_equal(r.bps, 10 * MBIT);
	report(&r, 5, 40 * MSEC, now += 400 * MSEC);
	assert_in_range(r.bps, 9700 * 1000, 9800 * 1000);
	report(&r, 0, 200 * MSEC, now += SEC); /* the round trip may be an older one */
	assert_in_range(r.bps, 9700 * 1000, 9800 * 1000);
	report(&r, 0, 200 * MSEC, now += 2 * SEC);
	assert_in_range(r.bps, 7700 * 1000, 7900 * 1000);
	report(&r, 50, 10 * MSEC, now += SEC); /* of 7.8 Mbit/s half arrived */
	assert_in_range(r.bps, 3000 * 1000, 3200 * 1000);
	report(&r, 99, 0, now += SEC);
	report(&r, 99, UINT64_MAX / 2, now += SEC);
	assert_int_equal(r.bps, RATE_MIN_BPS);
	assert_int_equal(rate_get_quality(&r, now), RATE_QUALITY_POOR);
}

/* Once they fail to come, IDR requests count again. */
static void test_reports_end(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	report(&r, 0, 0, now += SEC);
	report(&r, 0, 0, now += SEC);
	now += 1600 * MSEC;
	for (unsigned int i = 0; i < 3; i++)
		rate_on_request(&r, now + i * 500 * MSEC);
	assert_int_equal(r.bps, 3 * MBIT);
}

/* A rate that failed again is waited for longer, and a floor is never undercut. */
static void test_hold_grows(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW + 10 * SEC;
	uint64_t low;

	(void)state;
	rate_on_blocked(&r, 300000, now);
	low = r.bps;
	tick(&r, &now, 4);
	assert_int_equal(r.bps, low);
	while (r.bps < 9 * MBIT)
		tick(&r, &now, 1);
	rate_on_blocked(&r, 300000, now);
	low = r.bps;
	tick(&r, &now, 9);
	assert_int_equal(r.bps, low);
	tick(&r, &now, 2);
	assert_true(r.bps > low);
}

static void requests(struct rate *r, uint64_t *now, unsigned int n, uint64_t span_us)
{
	for (unsigned int i = 0; i < n; i++)
		rate_on_request(r, *now += span_us);
}

/* Close together they lower; when many come late the loss is the link's own, and they do not. */
static void test_own_loss_rules(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	rate_on_request(&r, now);
	requests(&r, &now, 2, 500 * MSEC);
	assert_int_equal(r.bps, 3 * MBIT);
	requests(&r, &now, 3, 1800 * MSEC);
	assert_int_equal(r.bps, 3 * MBIT);
	requests(&r, &now, 2, 1800 * MSEC);
	assert_int_equal(r.bps, 6 * MBIT);
	requests(&r, &now, 12, 500 * MSEC);
	assert_int_equal(r.bps, 6 * MBIT);
	requests(&r, &now, 4, 1800 * MSEC);
	assert_int_equal(r.bps, 10 * MBIT);
	requests(&r, &now, 15, 500 * MSEC);
	assert_int_equal(r.bps, 10 * MBIT);
	requests(&r, &now, 1, 500 * MSEC); /* 16 without a late one: too fast for the link as well */
	assert_int_equal(r.bps, 5 * MBIT);
	requests(&r, &now, 40, 500 * MSEC);
	assert_int_equal(r.bps, RATE_MIN_BPS);
	for (unsigned int i = 0; i < 10; i++) {
		requests(&r, &now, 1, 500 * MSEC);
		requests(&r, &now, 1, 1800 * MSEC);
	}
	assert_in_range(r.bps, 3 * MBIT, 8500 * 1000); /* not there again */
	for (unsigned int i = 0; i < 30; i++) {
		requests(&r, &now, 1, 500 * MSEC);
		requests(&r, &now, 1, 1800 * MSEC);
	}
	assert_int_equal(r.bps, 10 * MBIT); /* but after a minute */
	rate_on_blocked(&r, 300000, now); /* a queue of our own is never the link's loss */
	assert_int_equal(r.bps, 5 * MBIT);
}

/* It is over when nothing was asked for a while, and the rate grows as ever. */
static void test_own_loss_ends(void **state)
{
	struct rate r = make(10 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	rate_on_request(&r, now);
	requests(&r, &now, 2, 500 * MSEC);
	requests(&r, &now, 6, 1800 * MSEC);
	assert_int_equal(r.bps, 6 * MBIT);
	tick(&r, &now, 15);
	assert_int_equal(r.bps, 6 * MBIT);
	tick(&r, &now, 30);
	assert_int_equal(r.bps, 10 * MBIT);
}

/* A sink that asks every two seconds at most is believed as well. */
static void test_slow_asker(void **state)
{
	struct rate r = make(8 * MBIT);
	uint64_t now = NOW + 10 * SEC;

	(void)state;
	rate_on_request(&r, now);
	for (unsigned int i = 0; i < 20; i++)
		rate_on_request(&r, now += 2000 * MSEC + i % 3 * 20 * MSEC);
	assert_int_equal(r.bps, RATE_MIN_BPS);
}

/* ---------------------------------------------------------------- traces */

struct trace {
	const char *path;
	unsigned int line;
	struct rate rate;
	bool begun;
	uint64_t ticked_us;
};

static void trace_fail(const struct trace *t, const char *text, double value)
{
	fail_msg("%s:%u: %s (%g)", t->path, t->line, text, value);
}

static void trace_tick(struct trace *t, uint64_t now)
{
	while (t->begun && t->ticked_us + RATE_TICK_US <= now) {
		t->ticked_us += RATE_TICK_US;
		rate_on_tick(&t->rate, t->ticked_us);
	}
}

static enum rate_quality parse_quality(const struct trace *t, const char *word)
{
	for (int q = RATE_QUALITY_GOOD; q <= RATE_QUALITY_POOR; q++)
		if (strcmp(word, rate_quality_to_string((enum rate_quality)q)) == 0)
			return (enum rate_quality)q;
	trace_fail(t, "no such quality", 0);
	return RATE_QUALITY_GOOD;
}

/* One line: seconds, a fact, its values. */
static void trace_line(struct trace *t, const char *line)
{
	double seconds, a = 0, b = 0, c = 0;
	char fact[32], word[32] = "";
	uint64_t now;
	int n = sscanf(line, "%lf %31s %31s", &seconds, fact, word);

	if (n < 2)
		trace_fail(t, "no time and fact", n);
	now = NOW + (uint64_t)(seconds * (double)SEC);
	trace_tick(t, now);
	(void)sscanf(line, "%*f %*s %lf %lf %lf", &a, &b, &c);
	if (strcmp(fact, "start") == 0) {
		t->rate = make((uint64_t)a);
		t->begun = true;
		t->ticked_us = now;
	} else if (strcmp(fact, "mode") == 0) {
		rate_set_mode(&t->rate,
			      &(struct media_mode){ (uint16_t)a, (uint16_t)b, (uint16_t)c });
	} else if (strcmp(fact, "sink-max") == 0) {
		rate_set_sink_max(&t->rate, (uint64_t)a);
	} else if (strcmp(fact, "produced") == 0) {
		rate_on_produced(&t->rate, (uint64_t)a, now);
	} else if (strcmp(fact, "blocked-ms") == 0) {
		rate_on_blocked(&t->rate, (uint32_t)(a * 1000), now);
	} else if (strcmp(fact, "request") == 0) {
		rate_on_request(&t->rate, now);
	} else if (strcmp(fact, "report") == 0) { /* lost in percent, round trip in ms */
		report(&t->rate, (unsigned int)a, (uint64_t)(b * 1000), now);
	} else if (strcmp(fact, "link") == 0) { /* recommended, failed and sent frames */
		struct session_data_rate link = { .encoder_bps = (uint64_t)a,
						  .failed = (uint32_t)b,
						  .transmitted = (uint32_t)c };
		rate_on_link(&t->rate, &link, now);
	} else if (strcmp(fact, "quality") == 0) {
		assert_int_equal(rate_get_quality(&t->rate, now), parse_quality(t, word));
	} else if (strcmp(fact, "expect") == 0) {
		if ((double)t->rate.bps < a || (double)t->rate.bps > b)
			trace_fail(t, "out of the bounds", (double)t->rate.bps);
	} else {
		trace_fail(t, "no such fact", 0);
	}
}

static unsigned int run_trace(const char *path)
{
	struct trace t = { .path = path };
	FILE *f = fopen(path, "re");
	char line[256];
	unsigned int facts = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		t.line++;
		if (*line == '#' || *line == '\n')
			continue;
		trace_line(&t, line);
		facts++;
	}
	(void)fclose(f);
	return facts;
}

static void test_traces(void **state)
{
	const char *folder = getenv("RATE_TRACES");
	unsigned int traces = 0;
	struct dirent *entry;
	char path[512];
	DIR *dir;

	(void)state;
	assert_non_null(folder);
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (!strstr(entry->d_name, ".trace"))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		assert_true(run_trace(path) > 3);
		traces++;
	}
	(void)closedir(dir);
	assert_true(traces >= 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_video_share),
		cmocka_unit_test(test_no_facts),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_link_retries),
		cmocka_unit_test(test_sink_max),
		cmocka_unit_test(test_lone_request),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_cut_is_of_what_was_sent),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_reports_end),
		cmocka_unit_test(test_hold_grows),
		cmocka_unit_test(test_traces),
		cmocka_unit_test(test_own_loss_rules),
		cmocka_unit_test(test_own_loss_ends),
		cmocka_unit_test(test_slow_asker),
	};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}

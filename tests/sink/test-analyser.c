// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser against streams that keep every rule and streams that break exactly one: each damage
 * must be reported by its rule and by no other, and every rule must have a damage.
 */
#include "analyse.h"
#include "crc32.h"
#include "stream-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
	enum damage damage;
	enum rule rule;
	const char *name;
};

static const struct row rows[] = {
#define X(id, rule) { DAMAGE_##id, RULE_##rule, #id },
	DAMAGES(X)
#undef X
};

struct seen {
	size_t ts_bytes;
	unsigned gaps, troubles;
};

static void on_ts(void *user, const uint8_t *packets, size_t len, uint64_t arrival_us, bool gap)
{
	struct seen *seen = user;

	(void)packets;
	(void)arrival_us;
	seen->ts_bytes += len;
	seen->gaps += gap;
}

static void on_trouble(void *user)
{
	((struct seen *)user)->troubles++;
}

static const struct analyser_ops ops = { .on_ts = on_ts, .on_trouble = on_trouble };

static struct analyser *analyse(const struct made_stream *s, struct seen *seen)
{
	struct analyser *a;

	assert_int_equal(analyser_new(&ops, seen, &a), 0);
	analyser_expect(a, &s->expect);
	for (size_t i = 0; i < s->count; i++)
		analyser_push_datagram(a, s->datagrams[i].bytes, s->datagrams[i].len,
				       s->datagrams[i].arrival_us);
	analyser_finish(a);
	return a;
}

/* AAC damages need AAC, CHROMA_444 needs the high profile, RESTART_NOT_IDR a restart. */
static struct maker_config config_for(enum damage damage)
{
	struct maker_config config = { .damage = damage, .audio = AUDIO_LPCM };

	if (damage == DAMAGE_ADTS_SYNC || damage == DAMAGE_ADTS_LENGTH ||
	    damage == DAMAGE_ADTS_RATE)
		config.audio = AUDIO_AAC;
	config.high = damage == DAMAGE_CHROMA_444;
	config.restart = damage == DAMAGE_RESTART_NOT_IDR;
	return config;
}

static unsigned print_unexpected(const struct analyser *a, const char *name, enum rule expected)
{
	unsigned wrong = 0;

	for (int i = 0; i < RULE_COUNT; i++) {
		const struct finding *f = &analyser_findings(a)->rule[i];
		bool wanted = (enum rule)i == expected;

		if (!f->count == !wanted)
			continue;
		print_error("%s: %s %llu times, datagram %llu packet %llu: %s\n", name,
			    rule_to_string((enum rule)i), (unsigned long long)f->count,
			    (unsigned long long)f->datagram, (unsigned long long)f->packet,
			    f->detail);
		wrong++;
	}
	return wrong;
}

static void each_damage_breaks_its_rule(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct maker_config config = config_for(rows[i].damage);
		struct made_stream *s = stream_make(&config);
		struct seen seen = { 0 };
		struct analyser *a = analyse(s, &seen);

		wrong += print_unexpected(a, rows[i].name, rows[i].rule);
		analyser_free(a);
		stream_free(s);
	}
	assert_int_equal(wrong, 0);
}

static void each_rule_has_a_damage(void **state)
{
	(void)state;
	for (int rule = 0; rule < RULE_COUNT; rule++) {
		size_t i = 0;

		while (i < sizeof(rows) / sizeof(*rows) && rows[i].rule != (enum rule)rule)
			i++;
		if (i == sizeof(rows) / sizeof(*rows))
			fail_msg("no damage breaks %s", rule_to_string((enum rule)rule));
	}
}

static void check_good(const struct maker_config *config, const char *name)
{
	struct made_stream *s = stream_make(config);
	struct seen seen = { 0 };
	struct analyser *a = analyse(s, &seen);
	const struct stream_facts *facts = analyser_facts(a);

	assert_int_equal(print_unexpected(a, name, RULE_COUNT), 0);
	assert_int_equal(facts->access_units, s->units);
	assert_int_equal(facts->idrs, config->restart ? 3 : 2);
	assert_int_equal(facts->lost, 0);
	assert_int_equal(seen.gaps + seen.troubles, 0);
	assert_int_equal(facts->width, 1920);
	assert_int_equal(facts->height, 1080);
	assert_int_equal(facts->profile_idc, config->high ? 100 : 66);
	assert_true(facts->sps_fps == 30.0);
	assert_int_equal(facts->audio, config->audio);
	assert_int_equal(facts->pcr_gap_us, 20000);
	assert_in_range(facts->psi_gap_us, 79990, 80010);
	/* Units leave 50 ms before their PTS, up to 1 ms after their time. */
	assert_in_range(facts->pts_minus_pcr_min_us, 48900, 50000);
	assert_in_range(facts->pts_minus_pcr_max_us, 49900, 50020);
	analyser_free(a);
	stream_free(s);
}

static void good_streams_break_nothing(void **state)
{
	const struct maker_config configs[] = {
		{ .audio = AUDIO_LPCM },
		{ .audio = AUDIO_AAC },
		{ .audio = AUDIO_NONE },
		{ .audio = AUDIO_LPCM, .high = true },
		{ .audio = AUDIO_AAC, .restart = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++)
		check_good(&configs[i], "good stream");
}

static void losses_are_counted_and_nothing_else(void **state)
{
	struct maker_config config = { .damage = DAMAGE_RTP_MANY_LOST, .audio = AUDIO_LPCM };
	struct made_stream *s = stream_make(&config);
	struct seen seen = { 0 };
	struct analyser *a = analyse(s, &seen);

	(void)state;
	assert_int_equal(analyser_facts(a)->lost, 100);
	assert_int_equal(seen.gaps, 1);
	assert_int_equal(seen.troubles, 1);
	assert_true(analyser_facts(a)->continuity_after_loss > 0);
	analyser_free(a);
	stream_free(s);
}

static void a_swap_is_put_right(void **state)
{
	struct maker_config good = { .audio = AUDIO_LPCM };
	struct maker_config swapped = { .damage = DAMAGE_RTP_SWAPPED, .audio = AUDIO_LPCM };
	struct made_stream *s = stream_make(&good);
	struct made_stream *t = stream_make(&swapped);
	struct seen seen_s = { 0 }, seen_t = { 0 };
	struct analyser *a = analyse(s, &seen_s);
	struct analyser *b = analyse(t, &seen_t);

	(void)state;
	assert_int_equal(analyser_facts(b)->reordered, 1);
	assert_int_equal(seen_s.ts_bytes, seen_t.ts_bytes);
	assert_int_equal(seen_t.gaps, 0);
	analyser_free(a);
	analyser_free(b);
	stream_free(s);
	stream_free(t);
}

/* What waits for a missing datagram is let go after a while, even if nothing else comes. */
static void a_tick_lets_go(void **state)
{
	struct maker_config config = { .audio = AUDIO_NONE };
	struct made_stream *s = stream_make(&config);
	struct seen seen = { 0 };
	struct analyser *a;

	(void)state;
	assert_int_equal(analyser_new(&ops, &seen, &a), 0);
	analyser_push_datagram(a, s->datagrams[0].bytes, s->datagrams[0].len, 1000000);
	analyser_push_datagram(a, s->datagrams[2].bytes, s->datagrams[2].len, 1000100);
	assert_int_equal(seen.ts_bytes, s->datagrams[0].len - 12);
	analyser_tick(a, 1010000);
	assert_int_equal(seen.gaps, 0);
	analyser_tick(a, 1040000);
	assert_int_equal(seen.gaps, 1);
	assert_int_equal(analyser_facts(a)->lost, 1);
	analyser_free(a);
	stream_free(s);
}

/* The stream out of a file: no arrival times, the same rules. */
static void a_file_is_judged_as_well(void **state)
{
	struct maker_config config = { .audio = AUDIO_LPCM };
	struct made_stream *s = stream_make(&config);
	struct analyser *a;

	(void)state;
	assert_int_equal(analyser_new(NULL, NULL, &a), 0);
	for (size_t i = 0; i < s->count; i++)
		for (size_t at = 12; at < s->datagrams[i].len; at += TS_SIZE)
			analyser_push_packet(a, s->datagrams[i].bytes + at, 0);
	analyser_finish(a);
	assert_int_equal(print_unexpected(a, "file", RULE_COUNT), 0);
	assert_int_equal(analyser_facts(a)->access_units, s->units);
	analyser_free(a);
	stream_free(s);
}

/* Who stops listening in the midst of a picture must not blame the source for it. */
static void the_end_may_come_anywhere(void **state)
{
	struct maker_config config = { .audio = AUDIO_LPCM };
	struct made_stream *s = stream_make(&config);

	(void)state;
	for (size_t count = 1; count < s->count; count++) {
		struct made_stream cut = *s;
		struct seen seen = { 0 };
		struct analyser *a;

		cut.count = count;
		a = analyse(&cut, &seen);
		assert_int_equal(print_unexpected(a, "cut", RULE_COUNT), 0);
		analyser_free(a);
	}
	stream_free(s);
}

static uint64_t wrong_sizes_after(struct analyser *a, enum damage damage)
{
	struct maker_config config = { .damage = damage, .audio = AUDIO_NONE };
	struct made_stream *s = stream_make(&config);

	for (size_t i = 0; i < s->count; i++)
		analyser_push_datagram(a, s->datagrams[i].bytes, s->datagrams[i].len,
				       s->datagrams[i].arrival_us);
	stream_free(s);
	return analyser_findings(a)->rule[RULE_H264_SIZE].count;
}

/* A new mode: until its first picture those of the old one are right, and then no more. */
static void a_mode_may_change(void **state)
{
	const struct expectation old = { .width = 1280, .height = 1080 };
	const struct expectation next = { .width = 1920, .height = 1080 };
	struct seen seen = { 0 };
	struct analyser *a;

	(void)state;
	assert_int_equal(analyser_new(&ops, &seen, &a), 0);
	analyser_expect(a, &old);
	analyser_expect(a, &next);
	assert_int_equal(wrong_sizes_after(a, DAMAGE_SIZE), 0);
	assert_int_equal(wrong_sizes_after(a, DAMAGE_NONE), 0);
	assert_true(wrong_sizes_after(a, DAMAGE_SIZE) > 0);
	analyser_free(a);
}

/* Only the PCRs, with a hole of some of them; arrival stands still as long. */
static uint64_t wire_gaps(const struct made_stream *s, bool paused)
{
	struct analyser *a;
	uint64_t count;
	unsigned pcrs = 0;

	assert_int_equal(analyser_new(NULL, NULL, &a), 0);
	for (size_t i = 0; i < s->count; i++) {
		for (size_t at = 12; at < s->datagrams[i].len; at += TS_SIZE) {
			const uint8_t *packet = s->datagrams[i].bytes + at;

			if ((packet[1] & 0x1f) != PID_PCR >> 8 || packet[2])
				continue;
			if (pcrs == 20 && paused)
				analyser_pause(a, true);
			if (pcrs == 40 && paused)
				analyser_pause(a, false);
			if (pcrs < 30 || pcrs >= 40)
				analyser_push_packet(a, packet, s->datagrams[i].arrival_us);
			pcrs++;
		}
	}
	count = analyser_findings(a)->rule[RULE_PCR_WIRE_GAP].count +
		analyser_findings(a)->rule[RULE_PCR_GAP].count;
	analyser_free(a);
	return count;
}

/* Time that passes while the session is paused is no gap. */
static void a_pause_is_no_gap(void **state)
{
	struct maker_config config = { .audio = AUDIO_NONE };
	struct made_stream *s = stream_make(&config);

	(void)state;
	assert_int_equal(wire_gaps(s, false), 2);
	assert_int_equal(wire_gaps(s, true), 0);
	stream_free(s);
}

/* Two PCRs of one moment: a step of one tick is a step, none is not. */
static uint64_t jumps_after(unsigned ticks)
{
	uint8_t packet[TS_SIZE] = { 0x47, PID_PCR >> 8, PID_PCR & 0xff, 0x20, 183, 0x10 };
	struct analyser *a;
	uint64_t count;

	memset(packet + 6, 0xff, sizeof(packet) - 6);
	memcpy(packet + 6, (uint8_t[]){ 0, 0, 0, 1, 0x7e, 10 }, 6);
	assert_int_equal(analyser_new(NULL, NULL, &a), 0);
	for (unsigned i = 0; i < 3; i++) {
		analyser_push_packet(a, packet, 0);
		packet[11] = (uint8_t)(packet[11] + ticks);
	}
	count = analyser_findings(a)->rule[RULE_PCR_JUMP].count;
	analyser_free(a);
	return count;
}

static void a_tick_is_a_step(void **state)
{
	(void)state;
	assert_int_equal(jumps_after(1), 0);
	assert_true(jumps_after(0) > 0);
	assert_true(jumps_after((unsigned)-1) > 0);
}

/* Every bit of it is the peer's: whatever it says, nothing but findings may come of it. */
static void noise_does_no_harm(void **state)
{
	struct maker_config config = { .audio = AUDIO_LPCM };
	struct made_stream *s = stream_make(&config);
	uint32_t random = 1;

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct seen seen = { 0 };
		struct analyser *a;

		assert_int_equal(analyser_new(&ops, &seen, &a), 0);
		for (size_t i = 0; i < s->count; i++) {
			struct maker_datagram d = s->datagrams[i];

			for (unsigned hits = 0; hits < round % 6; hits++) {
				random = random * 1664525 + 1013904223;
				/* Mostly the headers, where it hurts. */
				d.bytes[(random >> 8) % (random & 0x80 ? d.len : 40)] =
					(uint8_t)(random >> 24);
			}
			if (round % 7 == 0 && (random >> 20) % 50 == 0)
				d.len = (random >> 10) % (d.len + 1);
			analyser_push_datagram(a, d.bytes, d.len, d.arrival_us);
		}
		analyser_finish(a);
		analyser_free(a);
	}
	stream_free(s);
}

/* The sections that Android's packetiser sends, whose CRC is known. */
static void the_crc_is_mpegs(void **state)
{
	static const uint8_t pat[] = { 0x00, 0xb0, 0x0d, 0x00, 0x00, 0xc3, 0x00, 0x00,
				       0x00, 0x01, 0xe1, 0x00, 0x2d, 0xf6, 0x52, 0x95 };

	(void)state;
	assert_int_equal(crc32_mpeg(pat, sizeof(pat)), 0);
	assert_int_equal(crc32_ieee((const uint8_t *)"123456789", 9), 0xcbf43926);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_crc_is_mpegs),
		cmocka_unit_test(good_streams_break_nothing),
		cmocka_unit_test(each_rule_has_a_damage),
		cmocka_unit_test(each_damage_breaks_its_rule),
		cmocka_unit_test(losses_are_counted_and_nothing_else),
		cmocka_unit_test(a_swap_is_put_right),
		cmocka_unit_test(a_tick_lets_go),
		cmocka_unit_test(a_file_is_judged_as_well),
		cmocka_unit_test(the_end_may_come_anywhere),
		cmocka_unit_test(a_mode_may_change),
		cmocka_unit_test(a_pause_is_no_gap),
		cmocka_unit_test(a_tick_is_a_step),
		cmocka_unit_test(noise_does_no_harm),
	};

	return cmocka_run_group_tests_name("sink-analyser", tests, NULL, NULL);
}

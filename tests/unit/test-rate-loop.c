// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rate against a model of a link, in a closed loop and over many rates: a queue of finite length,
 * loss of the link's own, and what a sink or this host sees of both.
 */
#include "rate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "rate-start.h"

enum sight {
	SIGHT_REQUESTS, /* a sink that asks for IDRs as long as something is lost */
	SIGHT_REPORTS,	/* RTCP reports every second, and requests as well */
	SIGHT_QUEUE,	/* the bottleneck is this host's own interface */
};

struct model {
	enum sight sight;
	double own_loss; /* part of the datagrams that the link loses whatever the rate */
	uint64_t dice;
	uint64_t link_bps;
	double queue_max; /* bits */
	double queue;
	double lost, arrived; /* bits since the last report */
	double sent_second;
	uint64_t requested_us;
	uint64_t lost_us; /* the first loss since the last request; 0: none */
	uint64_t asks_us; /* the sink's least time between two requests */
	bool asks_twice;  /* also for what it still shows broken when the IDR is on its way */
	bool owes_second;
	bool in_pairs;	    /* 250 ms apart, for whatever it misses */
	uint64_t jitter_us; /* until a request arrives, at most */
	uint64_t arriving_us[8];
	uint64_t above_us; /* so long the rate was more than the link carries */
	struct rate rate;
	uint64_t now;
	double delay_max_ms; /* over a step */
};

#define STEP_US 10000

static double roll(struct model *m) /* 0 to 1, xorshift */
{
	m->dice ^= m->dice << 13;
	m->dice ^= m->dice >> 7;
	m->dice ^= m->dice << 17;
	return (double)(m->dice >> 11) / (double)(UINT64_C(1) << 53);
}

/* What was lost is missed when the datagram behind it arrives, and asked for a bit later. */
static bool is_asking(const struct model *m, uint64_t queued_us)
{
	bool misses = m->lost_us && m->now > m->lost_us + queued_us + 60 * MSEC;

	return (misses || m->owes_second) && m->now >= m->requested_us + m->asks_us;
}

static void model_ask(struct model *m, uint64_t later_us)
{
	uint64_t at_us = m->now + later_us + (uint64_t)(roll(m) * (double)m->jitter_us);

	for (size_t i = 0; i < 8; i++)
		if (m->arriving_us[i] == 0) {
			m->arriving_us[i] = at_us;
			return;
		}
	fail_msg("too many requests on their way");
}

static void model_hear(struct model *m)
{
	for (size_t i = 0; i < 8; i++)
		if (m->arriving_us[i] && m->arriving_us[i] <= m->now) {
			rate_on_request(&m->rate, m->now);
			m->arriving_us[i] = 0;
		}
}

static void model_tell(struct model *m)
{
	double queued_us = m->queue * 1e6 / (double)m->link_bps;

	if (m->sight != SIGHT_QUEUE && is_asking(m, (uint64_t)queued_us)) {
		model_ask(m, 0);
		if (m->in_pairs)
			model_ask(m, 250 * MSEC);
		m->owes_second = m->asks_twice && m->lost_us;
		m->requested_us = m->now;
		m->lost_us = 0;
	}
	model_hear(m);
	if (m->sight == SIGHT_QUEUE && m->now % (100 * MSEC) == 0)
		rate_on_blocked(&m->rate, (uint32_t)queued_us, m->now);
	if (m->now % SEC != 0)
		return;
	if (m->sight == SIGHT_REPORTS && m->arrived > 0) {
		struct rate_report r = { (uint8_t)(m->lost / (m->lost + m->arrived) * 255),
					 20 * MSEC + (uint64_t)queued_us, (uint64_t)m->arrived };
		rate_on_report(&m->rate, &r, m->now);
		m->arrived = m->lost = 0;
	}
	rate_on_produced(&m->rate, (uint64_t)m->sent_second, m->now);
	rate_on_tick(&m->rate, m->now);
	m->sent_second = 0;
}

#define DATAGRAM_BITS (1356 * 8.0)

static void model_lose(struct model *m, double bits)
{
	double none = m->own_loss > 0 ? pow(1 - m->own_loss, bits / DATAGRAM_BITS) : 1;

	if (m->own_loss <= 0 || roll(m) < none)
		return;
	m->lost += DATAGRAM_BITS;
	if (m->lost_us == 0)
		m->lost_us = m->now;
}

static void model_run(struct model *m, double seconds)
{
	uint64_t end = m->now + (uint64_t)(seconds * (double)SEC);

	m->delay_max_ms = 0;
	while (m->now < end) {
		double bits = (double)m->rate.bps * STEP_US / 1e6;
		double carried;

		m->now += STEP_US;
		m->sent_second += bits;
		carried = (double)m->link_bps * STEP_US / 1e6;
		if (carried > m->queue + bits)
			carried = m->queue + bits;
		m->arrived += carried;
		model_lose(m, carried);
		m->queue += bits - carried;
		if (m->queue > m->queue_max) {
			m->lost += m->queue - m->queue_max;
			if (m->lost_us == 0)
				m->lost_us = m->now;
			m->queue = m->queue_max;
		}
		if (m->queue * 1e3 / (double)m->link_bps > m->delay_max_ms)
			m->delay_max_ms = m->queue * 1e3 / (double)m->link_bps;
		if (m->rate.bps > m->link_bps)
			m->above_us += STEP_US;
		model_tell(m);
	}
}

struct step {
	uint64_t high, low;
	enum sight sight;
	double phase;
	uint64_t asks_us, jitter_us;
	double stray; /* seconds before the link slows down, something else was lost */
	bool in_pairs;
};

static void fail_step(const struct step *s, const char *what, double value)
{
	fail_msg("sight %d, %g -> %g Mbit/s, phase %g, asks every %g s, jitter %g s, stray %g s: "
		 "%g %s",
		 (int)s->sight, (double)s->high / 1e6, (double)s->low / 1e6, s->phase,
		 (double)s->asks_us / 1e6, (double)s->jitter_us / 1e6, s->stray, value, what);
}

static struct model begin_step(const struct step *s)
{
	struct model m = { .sight = s->sight,
			   .link_bps = s->high,
			   .asks_us = s->asks_us,
			   .jitter_us = s->jitter_us,
			   .in_pairs = s->in_pairs,
			   .dice = (uint64_t)(1 + s->phase * 20) * UINT64_C(0x9e3779b97f4a7c15),
			   .queue_max = (double)s->low * 0.4, /* 400 ms of the slow link */
			   .now = NOW };

	m.rate = make(s->high * 7 / 10);
	model_run(&m, 10 + s->phase);
	assert_int_equal(m.rate.bps, s->high * 7 / 10);
	if (s->stray > 0) {
		m.lost_us = m.now;
		model_run(&m, s->stray);
	}
	m.link_bps = s->low;
	return m;
}

static void check_step(const struct step *s)
{
	struct model m = begin_step(s);
	uint64_t high = s->high, low = s->low;

	model_run(&m, 3);
	if (m.rate.bps > low * 9 / 10)
		fail_step(s, "bit/s after 3 s", (double)m.rate.bps);
	model_run(&m, 1);
	model_run(&m, 3);
	if (m.delay_max_ms > 300)
		fail_step(s, "ms of queue", m.delay_max_ms);
	m.above_us = 0;
	model_run(&m, 33); /* it does not collapse either, nor does it lose all the time */
	assert_true(m.rate.bps >= low / 4 || m.rate.bps == m.rate.floor_bps);
	if (m.above_us > 33 * SEC * 45 / 100)
		fail_step(s, "us of 33 s above the link", (double)m.above_us);
	m.link_bps = high;
	model_run(&m, 30);
	if (m.rate.bps < high * 7 / 10 * 8 / 10)
		fail_step(s, "bit/s 30 s after it came back", (double)m.rate.bps);
}

static const struct {
	uint64_t high, low;
} steps[] = {
	{ 20 * MBIT, 3 * MBIT }, { 20 * MBIT, 5 * MBIT }, { 10 * MBIT, 4 * MBIT },
	{ 12 * MBIT, 3 * MBIT }, { 8 * MBIT, 2 * MBIT },
};

static void for_all_steps(struct step s, void (*check)(const struct step *s))
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (unsigned int phase = 0; phase < 20; phase++) {
			s.high = steps[i].high;
			s.low = steps[i].low;
			s.phase = phase / 20.0;
			check(&s);
		}
}

static void test_steps(void **state)
{
	(void)state;
	for (int sight = SIGHT_REQUESTS; sight <= SIGHT_QUEUE; sight++)
		for_all_steps((struct step){ .sight = (enum sight)sight, .asks_us = 500 * MSEC },
			      check_step);
	for_all_steps((struct step){ .sight = SIGHT_REQUESTS, .asks_us = 250 * MSEC }, check_step);
}

/* Sinks that are harder to understand: the rate fits later, but soon, and stays there. */
static void check_found(const struct step *s)
{
	struct model m = begin_step(s);
	double limit = 1.5 + 3 * (double)s->asks_us / 1e6 + 2 * (double)s->jitter_us / 1e6 +
		       (s->stray > 0 ? (double)s->asks_us / 1e6 : 0);

	model_run(&m, limit);
	if (m.rate.bps > s->low)
		fail_step(s, "bit/s, and that is too much still", (double)m.rate.bps);
	m.above_us = 0;
	model_run(&m, 36);
	if (m.above_us > 36 * SEC / 100 * (s->asks_us > SEC ? 60 : 45))
		fail_step(s, "us of 36 s above the link", (double)m.above_us);
}

static void test_harder_steps(void **state)
{
	const struct step hard[] = {
		{ .asks_us = SEC },
		{ .asks_us = 2 * SEC },
		{ .asks_us = 500 * MSEC, .stray = 7 },
		{ .asks_us = 500 * MSEC, .stray = 3 },
		{ .asks_us = SEC, .stray = 7 },
		{ .asks_us = 500 * MSEC, .jitter_us = 50 * MSEC },
		{ .asks_us = 500 * MSEC, .jitter_us = 300 * MSEC },
		{ .asks_us = 500 * MSEC, .jitter_us = 300 * MSEC, .stray = 7 },
		{ .asks_us = SEC, .in_pairs = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++)
		for_all_steps(hard[i], check_found);
}

/*
 * A link that loses a little whatever the rate: lowering does not help, so the rate comes back as
 * far as the sink's requests tell that from a slow link. One that loses much: fewer datagrams are
 * better. And when the link gets slow in the middle of it, the rate follows.
 */
static void test_own_loss(void **state)
{
	static const struct {
		double loss, from, to; /* parts of the rate that there was, in the mean */
	} cases[] = { { 0.001, 0.8, 1 }, { 0.003, 0.4, 1 }, { 0.01, 0.15, 1 }, { 0.2, 0, 0.12 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double sum = 0;

		for (unsigned int seed = 1; seed <= 20; seed++) {
			struct model m = { .sight = SIGHT_REQUESTS,
					   .link_bps = 20 * MBIT,
					   .queue_max = 8e6,
					   .own_loss = cases[i].loss,
					   .asks_us = 500 * MSEC,
					   .dice = seed * UINT64_C(0x9e3779b97f4a7c15),
					   .now = NOW };

			m.rate = make(10 * MBIT);
			model_run(&m, 5);
			for (unsigned int s = 0; s < 300; s++) {
				model_run(&m, 1);
				sum += (double)m.rate.bps / (300 * 20 * 10e6);
			}
		}
		print_message("# %g %% of own loss: %.2f of the rate in the mean\n", 100 * cases[i].loss, sum);
		if (sum < cases[i].from || sum > cases[i].to)
			fail_msg("%g %% of own loss: %.2f", 100 * cases[i].loss, sum);
	}
}

/* The first half minute, when nothing of the link is known yet: few false alarms, soon over. */
static void check_young(double loss, bool twice, uint64_t asks_us, unsigned int most)
{
	unsigned int low = 0;
	double sum = 0;

	for (unsigned int seed = 1; seed <= 400; seed++) {
		struct model m = { .sight = SIGHT_REQUESTS,
				   .link_bps = 20 * MBIT,
				   .queue_max = 8e6,
				   .own_loss = loss,
				   .dice = seed * UINT64_C(0x9e3779b97f4a7c15),
				   .asks_us = asks_us,
				   .asks_twice = twice,
				   .now = NOW };
		double mean = 0;

		m.rate = make(4 * MBIT);
		for (unsigned int s = 0; s < 30; s++) {
			model_run(&m, 1);
			mean += (double)m.rate.bps / (30 * 4e6);
		}
		sum += mean / 400;
		low += mean < 0.7;
	}
	print_message("# %g %% of loss, asked %s, every %g s: %.2f of the rate in 30 s, %u of 400 "
		      "below 0.7\n",
		      100 * loss, twice ? "twice" : "once", (double)asks_us / 1e6, sum, low);
	assert_true(low <= most);
}

static void test_young(void **state)
{
	(void)state;
	for (uint64_t asks_us = 250 * MSEC; asks_us <= SEC; asks_us *= 2) {
		check_young(0.001, false, asks_us, 80);
		check_young(0.001, true, asks_us, 280);
	}
	check_young(0.0003, true, 500 * MSEC, 50);
	check_young(0.003, true, 500 * MSEC, 370);
}

static void test_own_loss_and_slow(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 20; seed++) {
		struct model m = { .sight = SIGHT_REQUESTS,
				   .link_bps = 20 * MBIT,
				   .queue_max = 1.2e6,
				   .own_loss = 0.01,
				   .asks_us = 500 * MSEC,
				   .dice = seed * UINT64_C(0x9e3779b97f4a7c15),
				   .now = NOW };
		unsigned int fits = 0;

		m.rate = make(10 * MBIT);
		model_run(&m, 60);
		m.link_bps = 3 * MBIT;
		model_run(&m, 60);
		for (unsigned int s = 0; s < 600; s++) {
			model_run(&m, 1);
			fits += m.rate.bps <= m.link_bps;
		}
		if (fits < 300)
			fail_msg("seed %u: the link carries the rate in %u of 600 s", seed, fits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_harder_steps),
		cmocka_unit_test(test_own_loss),
		cmocka_unit_test(test_young),
		cmocka_unit_test(test_own_loss_and_slow),
	};

	return cmocka_run_group_tests_name("rate-loop", tests, NULL, NULL);
}

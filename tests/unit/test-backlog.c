// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/backlog.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define MS  NSEC_PER_MSEC
#define NOW (1000 * NSEC_PER_SEC)

static void test_empty(void **state)
{
	struct backlog b = { .n = 0 };

	(void)state;
	assert_int_equal(backlog_age_ns(&b, 0, 0, NOW), 0);
	assert_int_equal(backlog_age_ns(&b, 0, 5000, NOW), 0);
	for (unsigned int i = 1; i < 1000; i++)
		assert_int_equal(backlog_age_ns(&b, i * 1000, 0, NOW + i * MS), 0);
}

/* 1000 bytes a millisecond go in; the link takes half of them. */
static void test_slow_link(void **state)
{
	struct backlog b = { .n = 0 };

	(void)state;
	for (unsigned int i = 1; i <= 500; i++) {
		uint64_t age = backlog_age_ns(&b, i * UINT64_C(1000), i * 500, NOW + i * MS);

		assert_in_range(age / MS, i > 12 ? i / 2 - 1 : 0, i / 2 + 11);
	}
}

/* A link that stands still: as old as is remembered at most, and never more. */
static void test_standstill(void **state)
{
	struct backlog b = { .n = 0 };
	uint64_t age = 0;

	(void)state;
	for (unsigned int i = 1; i <= 5000; i++)
		age = backlog_age_ns(&b, 7000 + i, 7000 + i, NOW + i * MS);
	assert_in_range(age / MS, 600, 640);
}

/* The kernel counts more than there is: the oldest mark then. */
static void test_more_than_was_sent(void **state)
{
	struct backlog b = { .n = 0 };

	(void)state;
	(void)backlog_age_ns(&b, 1000, 0, NOW);
	assert_int_equal(backlog_age_ns(&b, 2000, 9000, NOW + 50 * MS), 50 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_slow_link),
		cmocka_unit_test(test_standstill),
		cmocka_unit_test(test_more_than_was_sent),
	};

	return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}

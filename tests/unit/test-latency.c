// SPDX-License-Identifier: GPL-2.0-or-later
/* The histogram of times: percentiles within 9 %, from below and above its range too. */
#include "media/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_empty(void **state)
{
	struct latency_histogram h = { 0 };

	(void)state;
	assert_int_equal(latency_percentile(&h, 500), 0);
}

static void test_one_value_is_within_nine_percent(void **state)
{
	(void)state;
	for (uint64_t us = 1; us < 900000; us += 1 + us / 7) {
		struct latency_histogram h = { 0 };
		uint32_t p;

		latency_add(&h, us);
		latency_add(&h, us * 100); /* else the maximum would be the answer */
		p = latency_percentile(&h, 500);
		assert_true(p >= us && p <= us + us * 95 / 1000 + 1);
	}
}

static void test_percentiles(void **state)
{
	struct latency_histogram h = { 0 };

	(void)state;
	for (unsigned int us = 1; us <= 10000; us++)
		latency_add(&h, us);
	assert_in_range(latency_percentile(&h, 500), 5000, 5500);
	assert_in_range(latency_percentile(&h, 990), 9900, 10000);
	assert_int_equal(latency_percentile(&h, 1000), 10000);
	assert_int_equal(h.count, 10000);
	assert_int_equal(h.max_us, 10000);
}

static void test_ends_of_the_range(void **state)
{
	struct latency_histogram h = { 0 };

	(void)state;
	latency_add(&h, 0);
	assert_int_equal(latency_percentile(&h, 500), 0);
	latency_add(&h, UINT64_MAX);
	latency_add(&h, 3000000);
	assert_int_equal(h.max_us, UINT32_MAX);
	assert_int_equal(latency_percentile(&h, 999), UINT32_MAX);
	assert_int_equal(h.buckets[LATENCY_BUCKETS - 1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_one_value_is_within_nine_percent),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_ends_of_the_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The stream's clock arithmetic: conversions, the late rule, order, and far times. */
#include "stream/timing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS NSEC_PER_MSEC

static void test_conversions(void **state)
{
	(void)state;
	assert_int_equal(timing_90k(NSEC_PER_SEC), 90000);
	assert_int_equal(timing_27m(NSEC_PER_SEC), 27000000);
	assert_int_equal(timing_90k(11111), 0);
	assert_int_equal(timing_90k(11112), 1);
	assert_int_equal(timing_27m(37), 0);
	assert_int_equal(timing_27m(38), 1);
	/* A hundred years of uptime do not overflow. */
	assert_int_equal(timing_27m(UINT64_C(3155760000) * NSEC_PER_SEC),
			 UINT64_C(3155760000) * 27000000);
	/* Both clocks are one: the PCR's base is the 90 kHz time. */
	for (uint64_t ns = 1; ns < 10 * NSEC_PER_SEC; ns += 123456789)
		assert_int_equal(timing_27m(ns) / 300, timing_90k(ns));
}

static void test_in_time(void **state)
{
	uint64_t last = 0, late = 1;

	(void)state;
	assert_int_equal(timing_stamp(&last, 1000 * MS, 1020 * MS, &late), timing_90k(1050 * MS));
	assert_int_equal(late, 0);
	assert_int_equal(last, timing_90k(1050 * MS));
	/* The last moment that is not late. */
	assert_int_equal(timing_stamp(&last, 1010 * MS, 1055 * MS, &late), timing_90k(1060 * MS));
	assert_int_equal(late, 0);
}

static void test_late(void **state)
{
	uint64_t last = 0, late = 0;

	(void)state;
	assert_int_equal(timing_stamp(&last, 1000 * MS, 1046 * MS, &late), timing_90k(1051 * MS));
	assert_int_equal(late, 1 * MS);
	assert_int_equal(timing_stamp(&last, 1000 * MS, 9000 * MS, &late), timing_90k(9005 * MS));
	assert_int_equal(late, 7955 * MS);
}

static void test_order(void **state)
{
	uint64_t last = 0, late = 0;
	uint64_t first = timing_stamp(&last, 1000 * MS, 1060 * MS, &late); /* PTS 1065 ms */

	(void)state;
	/* The next one is in time by itself, but may not come before it. */
	assert_int_equal(timing_stamp(&last, 1001 * MS, 1040 * MS, &late), first + 1);
	assert_int_equal(late, 0);
	assert_int_equal(timing_stamp(&last, 1001 * MS, 1040 * MS, &late), first + 2);
	assert_int_equal(timing_stamp(&last, 1020 * MS, 1040 * MS, &late), timing_90k(1070 * MS));
}

/* A time from the future promises no more than D. */
static void test_future(void **state)
{
	uint64_t last = 0, late = 0;

	(void)state;
	assert_int_equal(timing_stamp(&last, 5000 * MS, 1000 * MS, &late), timing_90k(1050 * MS));
	assert_int_equal(late, 0);
}

/* Around the point where 33 bits end, after 26.5 hours, order and distance stay. */
static void test_wrap(void **state)
{
	uint64_t wrap_ns = (UINT64_C(1) << 33) / 9 * 100000;
	uint64_t last = 0, late = 0, before = 0;

	(void)state;
	for (uint64_t ns = wrap_ns - 500 * MS; ns < wrap_ns + 500 * MS; ns += 16 * MS) {
		uint64_t pts = timing_stamp(&last, ns, ns + 10 * MS, &late);
		uint64_t pcr = timing_27m(ns + 10 * MS) / 300;

		assert_int_equal(late, 0);
		if (before)
			assert_int_equal((pts - before) & TIMING_MASK_33, 1440);
		assert_int_equal((pts - pcr) & TIMING_MASK_33, 3600);
		before = pts & TIMING_MASK_33;
	}
	assert_true(last >> 33 == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversions), cmocka_unit_test(test_in_time),
		cmocka_unit_test(test_late),	    cmocka_unit_test(test_order),
		cmocka_unit_test(test_future),	    cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

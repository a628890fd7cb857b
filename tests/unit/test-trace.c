// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A picture's times: the probe of each stage fires with its number and time, its histogram counts
 * what is to be counted, and a picture that was forgotten does no harm.
 */
#include "media/trace.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/sdt.h>

#include <cmocka.h>

static const char *const names[TRACE_STAGES] = { "ready",	 "acquired", "started",
						 "converted",	 "encoded",  "first_datagram",
						 "last_datagram" };
static unsigned int fired;
static uint64_t fired_number, fired_ns;

void on_probe(const char *provider, const char *name, uint64_t number, uint64_t at_ns)
{
	assert_string_equal(provider, "miracast");
	assert_true(fired < TRACE_STAGES);
	assert_string_equal(name, names[fired]);
	fired_number = number;
	fired_ns = at_ns;
	fired++;
}

static struct stream_state numbers;
static struct trace trace;

static void begin(uint64_t number, bool timed)
{
	const struct trace_frame f = { .time_ns = number * NSEC_PER_SEC,
				       .number = number,
				       .at_ns = { [TRACE_READY] = number * NSEC_PER_SEC },
				       .timed = timed };

	fired = 0;
	trace.state = &numbers;
	trace_begin(&trace, &f);
	assert_int_equal(fired, 1);
	assert_int_equal(fired_number, number);
	assert_int_equal(fired_ns, number * NSEC_PER_SEC);
}

static void mark_all(uint64_t number)
{
	for (int stage = TRACE_ACQUIRED; stage < TRACE_STAGES; stage++) {
		uint64_t at_ns = number * NSEC_PER_SEC + (uint64_t)stage * NSEC_PER_MSEC;

		trace_mark(&trace, number * NSEC_PER_SEC, (enum trace_stage)stage, at_ns);
		assert_int_equal(fired, stage + 1);
		assert_int_equal(fired_number, number);
		assert_int_equal(fired_ns, at_ns);
	}
}

static void test_stages(void **state)
{
	(void)state;
	begin(1, true);
	mark_all(1);
	assert_int_equal(numbers.ready_to_acquired.max_us, 1000);
	assert_int_equal(numbers.ready_to_encoded.max_us, 4000);
	assert_int_equal(numbers.ready_to_last_datagram.max_us, 6000);
	assert_int_equal(numbers.ready_to_last_datagram.count, 1);
	assert_int_equal(numbers.beside_encoder.max_us, 3000); /* acquired 1, started 2, encoded 4 */
}

static void test_repeated_picture_counts_nowhere(void **state)
{
	(void)state;
	memset(&numbers, 0, sizeof(numbers));
	begin(2, false);
	mark_all(2);
	assert_int_equal(numbers.ready_to_encoded.count, 0);
	assert_int_equal(numbers.ready_to_last_datagram.count, 0);
}

static void test_idr_is_judged_apart(void **state)
{
	(void)state;
	memset(&numbers, 0, sizeof(numbers));
	begin(3, true);
	trace_find(&trace, 3 * NSEC_PER_SEC)->idr = true;
	mark_all(3);
	assert_int_equal(numbers.ready_to_last_datagram.count, 0);
	assert_int_equal(numbers.idr_ready_to_last_datagram.count, 1);
	assert_int_equal(numbers.beside_encoder.count, 0);
}

static void test_forgotten_picture(void **state)
{
	(void)state;
	for (uint64_t i = 0; i <= TRACE_FRAMES; i++)
		begin(10 + i, true);
	fired = 0;
	trace_mark(&trace, 10 * NSEC_PER_SEC, TRACE_ENCODED, 11 * NSEC_PER_SEC);
	trace_mark(&trace, 0, TRACE_ENCODED, 11 * NSEC_PER_SEC);
	assert_int_equal(fired, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_repeated_picture_counts_nowhere),
		cmocka_unit_test(test_idr_is_judged_apart),
		cmocka_unit_test(test_forgotten_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

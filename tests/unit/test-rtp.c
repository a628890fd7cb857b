// SPDX-License-Identifier: GPL-2.0-or-later
/* The datagrams' layout in the ring and their headers. */
#include "stream/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_header(void **state)
{
	static const uint8_t want[] = {
		0x80,
		33,
		0xff,
		0xff,
		0x01,
		0x02,
		0x03,
		0x04,
		0xde,
		0xad,
		0xbe,
		0xef,
		/* the next datagram: */
		0x80,
		33,
		0x00,
		0x00,
		0x01,
		0x02,
		0x03,
		0x04,
		0xde,
		0xad,
		0xbe,
		0xef,
	};
	uint8_t *d = calloc(2, RTP_DATAGRAM_SIZE);
	uint16_t sequence = 0xffff;

	(void)state;
	assert_non_null(d);
	rtp_depart(d, 2, 0xdeadbeef, 0x01020304, &sequence);
	assert_int_equal(sequence, 1);
	assert_memory_equal(d, want, 12);
	assert_memory_equal(d + RTP_DATAGRAM_SIZE, want + 12, 12);
	free(d);
}

static void test_layout(void **state)
{
	uint8_t *slots = calloc(4, RTP_DATAGRAM_SIZE);
	struct rtp_run run = { .slots = slots, .slot_count = 4, .first = 3, .limit = 3 };

	(void)state;
	assert_non_null(slots);
	assert_int_equal(rtp_left(&run), 21);
	for (unsigned int i = 0; i < 21; i++) {
		unsigned int slot = (3 + i / 7) % 4;

		assert_int_equal(rtp_left(&run), 21 - i);
		assert_ptr_equal(rtp_room(&run), slots + slot * 1328 + 12 + i % 7 * 188);
		assert_int_equal(run.count, 1 + i / 7);
		assert_int_equal(rtp_last_size(&run), 12 + (i % 7 + 1) * 188);
	}
	assert_int_equal(rtp_left(&run), 0);
	free(slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

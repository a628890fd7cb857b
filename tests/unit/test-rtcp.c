// SPDX-License-Identifier: GPL-2.0-or-later
#include "rtsp/rtcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define OUR 0x11223344u
#define RR_OURS                                                                          \
	"\x81\xc9\x00\x07" "\xaa\xbb\xcc\xdd" "\x11\x22\x33\x44" "\x40\xff\xff\xfe"      \
	"\x00\x01\xff\xff" "\x00\x00\x00\x5a" "\x00\x02\x80\x00" "\x00\x01\x00\x00"
#define NACK_OURS "\x81\xcd\x00\x03" "\xaa\xbb\xcc\xdd" "\x11\x22\x33\x44" "\x12\x34\x80\x01"

static int parse(const char *data, size_t size, struct rtcp_feedback *ret)
{
	memset(ret, 0x5a, sizeof(*ret));
	return rtcp_parse(data, size, OUR, ret);
}

#define PARSE(bytes, f) parse(bytes, sizeof(bytes) - 1, f)

static void test_sender(void **state)
{
	static const uint8_t expected[RTCP_SENDER_SIZE] =
		"\x80\xc8\x00\x06" "\x11\x22\x33\x44" "\x00\x00\x00\x02" "\x80\x00\x00\x00"
		"\x00\x03\x6e\xe8" "\x00\x00\x00\x05" "\x00\x00\x19\xb4"
		"\x81\xca\x00\x04" "\x11\x22\x33\x44" "\x01\x08" "miracast" "\x00";
	struct rtcp_sender sender = {
		.ssrc = OUR,
		.now_ns = 2500000000,
		.datagrams = (UINT64_C(1) << 32) + 5,
		.bytes = 5 * 1316,
	};
	uint8_t got[RTCP_SENDER_SIZE];

	(void)state;
	assert_int_equal(rtcp_format_sender(&sender, got), RTCP_SENDER_SIZE);
	assert_memory_equal(got, expected, RTCP_SENDER_SIZE);
}

static void test_report(void **state)
{
	struct rtcp_feedback f;

	(void)state;
	assert_int_equal(PARSE(RR_OURS, &f), 0);
	assert_true(f.has_report);
	assert_int_equal(f.report.fraction_lost, 64);
	assert_int_equal(f.report.cumulative_lost, -2);
	assert_int_equal(f.report.highest, 0x1ffff);
	assert_int_equal(f.report.jitter, 90);
	assert_int_equal(f.nacked, 0);
	assert_false(f.wants_idr || f.bye);
	/* The SR left at 2.5 s, the sink had it for 1 s; now it is 3.6 s. */
	assert_in_range(rtcp_round_trip_us(&f.report, UINT64_C(3600000000)), 99900, 100100);
	assert_in_range(rtcp_round_trip_us(&f.report, (UINT64_C(65536) * 1000 + 3600) * 1000000),
			99900, 100100);
	assert_int_equal(rtcp_round_trip_us(&f.report, UINT64_C(3400000000)), 0);
	assert_int_equal(rtcp_round_trip_us(&f.report, UINT64_C(3500000000)), 1);
	assert_int_equal(rtcp_round_trip_us(&f.report, UINT64_C(30000000000)), 0);
	f.report.last_sender = 0;
	assert_int_equal(rtcp_round_trip_us(&f.report, UINT64_C(3600000000)), 0);
}

/* The most that 24 bits can say, both ways. */
static void test_cumulative(void **state)
{
	char data[] = RR_OURS;
	struct rtcp_feedback f;

	(void)state;
	memcpy(data + 12, "\x00\x7f\xff\xff", 4);
	assert_int_equal(PARSE(data, &f), 0);
	assert_int_equal(f.report.cumulative_lost, 0x7fffff);
	memcpy(data + 12, "\x00\x80\x00\x00", 4);
	assert_int_equal(PARSE(data, &f), 0);
	assert_int_equal(f.report.cumulative_lost, -0x800000);
}

static void test_complaints(void **state)
{
	struct rtcp_feedback f;

	(void)state;
	assert_int_equal(PARSE(NACK_OURS, &f), 0); /* alone */
	assert_int_equal(f.nacked, 3);
	assert_false(f.has_report);
	assert_int_equal(PARSE(RR_OURS NACK_OURS NACK_OURS, &f), 0);
	assert_true(f.has_report && f.nacked == 6);
	assert_int_equal(PARSE("\x81\xce\x00\x02\xaa\xbb\xcc\xdd\x11\x22\x33\x44", &f), 0); /* PLI */
	assert_true(f.wants_idr);
	assert_int_equal(PARSE("\x84\xce\x00\x04\xaa\xbb\xcc\xdd\x00\x00\x00\x00"
			       "\x11\x22\x33\x44\x07\x00\x00\x00", &f), 0); /* FIR */
	assert_true(f.wants_idr);
	assert_int_equal(PARSE("\x81\xcb\x00\x01\xaa\xbb\xcc\xdd", &f), 0);
	assert_true(f.bye && !f.wants_idr);
	assert_int_equal(PARSE("\x80\xcc\x00\x03\xaa\xbb\xcc\xddlate\x00\x00\x00\x01", &f), 0);
	assert_int_equal(f.apps, 1);
}

/* Another stream's affairs, and types of the future. */
static void test_passed_over(void **state)
{
	char nack[] = NACK_OURS, rr[] = RR_OURS;
	struct rtcp_feedback f;

	(void)state;
	nack[8] = rr[8] = 0x12;
	assert_int_equal(PARSE(nack, &f), 0);
	assert_int_equal(f.nacked, 0);
	assert_int_equal(PARSE(rr, &f), 0);
	assert_false(f.has_report);
	assert_int_equal(PARSE("\x8f\xce\x00\x02\xaa\xbb\xcc\xdd\x11\x22\x33\x44", &f), 0);
	assert_false(f.wants_idr);
	assert_int_equal(PARSE("\x80\xd0\x00\x00" NACK_OURS, &f), 0);
	assert_int_equal(f.nacked, 3);
}

static void test_malformed(void **state)
{
	static const struct { const char *data; size_t size; } bad[] = {
#define BAD(bytes) { bytes, sizeof(bytes) - 1 }
		BAD(""),
		BAD("\x80\xc9\x00"),
		BAD("\x41\xc9\x00\x00"),			 /* version 1 */
		BAD("\x80\x21\x00\x00"),			 /* RTP's MP2T */
		BAD("\x81\xc9\x00\x07\xaa\xbb\xcc\xdd"),	 /* longer than there is */
		BAD(RR_OURS "\x80"),				 /* a tail */
		BAD(RR_OURS "\x80\xc9"),
		BAD("\xa0\xc9\x00\x00"),			 /* padding without a body */
		BAD("\xa0\xc9\x00\x01\x00\x00\x00\x00"),	 /* none at all */
		BAD("\xa0\xc9\x00\x01\x00\x00\x00\x05"),	 /* more than there is */
		BAD("\xa0\xc9\x00\x01\x00\x00\x00\x04" RR_OURS), /* not at the end */
#undef BAD
	};
	static char large[RTCP_SIZE_MAX + 4];
	struct rtcp_feedback f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i].data, bad[i].size, &f), -EBADMSG);
	for (size_t i = 0; i < sizeof(large); i += 4)
		memcpy(large + i, "\x80\xc9\x00\x00", 4);
	assert_int_equal(parse(large, sizeof(large), &f), -EBADMSG);
	assert_int_equal(parse(large, RTCP_SIZE_MAX, &f), 0);
}

/* Blocks and entries that the length does not hold are not made up. */
static void test_truncated(void **state)
{
	char data[] = RR_OURS;
	struct rtcp_feedback f;

	(void)state;
	data[0] = (char)0x9f; /* 31 blocks of which one is there */
	assert_int_equal(PARSE(data, &f), 0);
	assert_true(f.has_report);
	data[3] = 6;
	assert_int_equal(parse(data, 28, &f), 0);
	assert_false(f.has_report);
	assert_int_equal(PARSE("\x81\xcd\x00\x01\xaa\xbb\xcc\xdd", &f), 0);
	assert_int_equal(f.nacked, 0);
	assert_int_equal(PARSE("\x81\xc8\x00\x01\xaa\xbb\xcc\xdd", &f), 0);
	assert_false(f.has_report);
	/* Padding is not content. */
	assert_int_equal(PARSE("\xa1\xcd\x00\x03\xaa\xbb\xcc\xdd\x11\x22\x33\x44\x00\x00\x00\x04", &f),
			 0);
	assert_int_equal(f.nacked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sender),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_cumulative),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests_name("rtcp", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Wi-Fi Display elements as real devices send them, and as an enemy would. */
#include "link/wfd-ie.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define VENDOR	   0x50, 0x6f, 0x9a, 0x0a
#define TV	   0x00, 0x00, 0x06, 0x00, 0x11, 0x1c, 0x44, 0x01, 0x2c

/* From a heap block of exactly that size, so that a sanitizer sees a read behind it. */
static int parse(const uint8_t *data, size_t size, struct wfd_ie *ret)
{
	uint8_t *copy = malloc(size ? size : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, data, size);
	r = wfd_ie_parse(copy, size, ret);
	free(copy);
	return r;
}

static void test_television(void **state)
{
	struct wfd_ie ie;

	(void)state;
	assert_int_equal(parse(BYTES(TV), &ie), 0);
	assert_int_equal(ie.role, WFD_ROLE_PRIMARY_SINK);
	assert_true(wfd_ie_is_sink(&ie));
	assert_true(ie.is_available);
	assert_int_equal(ie.control_port, 7236);
	assert_int_equal(ie.throughput_mbps, 300);
	assert_false(ie.has_content_protection || ie.is_truncated || ie.has_uibc);
}

static void test_dual_role_with_extras(void **state)
{
	struct wfd_ie ie;

	(void)state;
	assert_int_equal(parse(BYTES(0, 0, 6, 0x01, 0x13, 0x1c, 0x44, 0, 0x32, /* HDCP */
				     1, 0, 6, 2, 0, 0, 0, 0, 1, 7, 0, 2, 0, 9, 6, 0, 7, 0, 2, 0, 0,
				     0, 0, 1, 11, 0, 2, 0, 1, 200, 0, 3, 1, 2, 3),
			       &ie), 0);
	assert_int_equal(ie.role, WFD_ROLE_DUAL);
	assert_true(ie.has_content_protection && ie.has_uibc && ie.has_standby);
	assert_int_equal(ie.throughput_mbps, 50);
}

static void test_busy_and_source(void **state)
{
	struct wfd_ie ie;

	(void)state;
	assert_int_equal(parse(BYTES(0, 0, 6, 0, 0x01, 0x1c, 0x44, 0, 0), &ie), 0);
	assert_false(ie.is_available);
	/* 2 and 3 are reserved. */
	assert_int_equal(parse(BYTES(0, 0, 6, 0, 0x21, 0x1c, 0x44, 0, 0), &ie), 0);
	assert_false(ie.is_available);
	assert_int_equal(parse(BYTES(0, 0, 6, 0, 0x10, 0x1c, 0x44, 0, 0xc8), &ie), 0);
	assert_false(wfd_ie_is_sink(&ie));
	assert_int_equal(parse(BYTES(0, 0, 6, 0, 0x12, 0x1c, 0x44, 0, 0xc8), &ie), 0);
	assert_false(wfd_ie_is_sink(&ie));
}

/* Reference item 41: lengths. */
static void test_lengths(void **state)
{
	struct wfd_ie ie;

	(void)state;
	assert_int_equal(parse(BYTES(0), &ie), -ENOENT);
	assert_int_equal(wfd_ie_parse(NULL, 0, &ie), -ENOENT);
	assert_int_equal(parse(BYTES(0, 0), &ie), -ENOENT);
	assert_int_equal(parse(BYTES(0, 0xff, 0xff, 0, 0x11, 0x1c, 0x44, 0, 1), &ie), -ENOENT);
	assert_int_equal(parse(BYTES(0, 6, 0, 0, 0x11, 0x1c, 0x44, 0, 1), &ie), -ENOENT);
	assert_int_equal(parse(BYTES(0, 0, 0, TV), &ie), 0);
	assert_int_equal(parse(BYTES(TV, 7, 0, 0), &ie), 0);
	assert_false(ie.has_uibc || ie.is_truncated);
	assert_int_equal(parse(BYTES(TV, 7, 0, 9, 1), &ie), 0);
	assert_true(ie.is_truncated && !ie.has_uibc);
	assert_int_equal(parse(BYTES(TV, 7, 0), &ie), 0);
	assert_true(ie.is_truncated);
	for (size_t cut = 0; cut < 9; cut++)
		assert_int_equal(parse((const uint8_t[]){ TV }, cut, &ie), -ENOENT);
}

/* Item 42: device information of every shape. */
static void test_information(void **state)
{
	struct wfd_ie ie;

	(void)state;
	assert_int_equal(parse(BYTES(0, 0, 5, 0, 0x11, 0x1c, 0x44, 0), &ie), -ENOENT);
	assert_int_equal(parse(BYTES(0, 0, 7, 0, 0x11, 0x1c, 0x44, 0, 9, 0xff), &ie), 0);
	assert_int_equal(ie.throughput_mbps, 9);
	assert_int_equal(parse(BYTES(0, 0, 6, 0, 0x11, 0, 0, 0, 0), &ie), 0);
	assert_int_equal(ie.control_port, 7236);
	assert_int_equal(ie.throughput_mbps, 0);
	/* Of two the first; one too short to be one does not count. */
	assert_int_equal(parse(BYTES(0, 0, 5, 1, 1, 1, 1, 1, TV, 0, 0, 6, 0, 0x10, 1, 2, 3, 4), &ie),
			 0);
	assert_int_equal(ie.role, WFD_ROLE_PRIMARY_SINK);
	assert_int_equal(ie.control_port, 7236);
}

/* Item 43: vendor elements. */
static void test_vendor_elements(void **state)
{
	struct wfd_ie ie;
	uint8_t many[10 * 7], *p = many;

	(void)state;
	assert_int_equal(parse(BYTES(0xdd, 13, VENDOR, TV), &ie), 0);
	assert_int_equal(ie.throughput_mbps, 300);
	/* Split in the middle of the header, somebody else's element in between. */
	assert_int_equal(parse(BYTES(0xdd, 6, VENDOR, 0, 0, 0xdd, 4, 0, 0x50, 0xf2, 4, 0xdd, 11,
				     VENDOR, 6, 0, 0x11, 0x1c, 0x44, 1, 0x2c), &ie), 0);
	assert_int_equal(ie.throughput_mbps, 300);
	for (uint8_t i = 0; i < 9; i++) {
		memcpy(p, (const uint8_t[]){ 0xdd, 5, VENDOR, ((const uint8_t[]){ TV })[i] }, 7);
		p += 7;
	}
	assert_int_equal(parse(many, 9 * 7, &ie), 0);
	assert_int_equal(ie.throughput_mbps, 300);
	assert_int_equal(parse(BYTES(0xdd, 3, 0x50, 0x6f, 0x9a), &ie), -EBADMSG);
	assert_int_equal(parse(BYTES(0xdd, 1), &ie), -EBADMSG);
	assert_int_equal(parse(BYTES(0xdd), &ie), -EBADMSG);
	assert_int_equal(parse(BYTES(0xdd, 13, VENDOR, TV, 0xdd), &ie), -EBADMSG);
	assert_int_equal(parse(BYTES(0xdd, 13, VENDOR, TV, 0x30, 4, 1, 2, 3, 4), &ie), -EBADMSG);
	assert_int_equal(parse(BYTES(0xdd, 13, 0x50, 0x6f, 0x9a, 0x09, TV), &ie), -ENOENT);
	assert_int_equal(parse(BYTES(0xdd, 4, VENDOR), &ie), -ENOENT);
}

/* Item 44: session information. */
static void test_sessions(void **state)
{
	uint8_t data[9 + 3 + 100 * 24] = { TV, 9, 100 * 24 >> 8, (100 * 24) & 0xff };
	uint8_t odd[9 + 3 + 25] = { TV, 9, 0, 25 };
	uint8_t endless[WFD_IE_SIZE_MAX + 1] = { TV };
	struct wfd_ie ie;

	(void)state;
	assert_int_equal(parse(data, sizeof(data), &ie), 0);
	assert_int_equal(ie.sessions, 100);
	assert_int_equal(parse(odd, sizeof(odd), &ie), 0);
	assert_int_equal(ie.sessions, 0);
	assert_int_equal(parse(endless, sizeof(endless), &ie), -EMSGSIZE);
	assert_int_equal(parse(endless, sizeof(endless) - 1, &ie), 0);
}

static void test_source(void **state)
{
	static const uint8_t wanted[] = { 0, 0, 6, 0, 0x10, 0x1c, 0x44, 0, 0xc8 };
	uint8_t data[WFD_IE_SOURCE_SIZE];
	struct wfd_ie ie;

	(void)state;
	wfd_ie_format_source(7236, 200, data);
	assert_memory_equal(data, wanted, sizeof(wanted));
	assert_int_equal(wfd_ie_parse(data, sizeof(data), &ie), 0);
	assert_int_equal(ie.role, WFD_ROLE_SOURCE);
}

static void check_name(const char *raw, size_t size, const char *wanted)
{
	char name[WFD_NAME_SIZE];

	wfd_name_clean(raw, size, name);
	assert_string_equal(name, wanted);
}

#define NAME(raw, wanted) check_name(raw, sizeof(raw) - 1, wanted)

static void test_names(void **state)
{
	(void)state;
	NAME("Living room", "Living room");
	NAME("", "");
	NAME("  TV ", "TV");
	NAME("   ", "");
	NAME("B\xc3\xbcro \xf0\x9f\x93\xba", "B\xc3\xbcro \xf0\x9f\x93\xba");
	NAME("<b>TV</b> & %s", "<b>TV</b> & %s");
	/* Not UTF-8: cut, overlong, surrogate, beyond the last, a lone continuation. */
	NAME("Bad\377\376N", "Bad??N");
	NAME("a\xc3", "a?");
	NAME("\xc0\xaf", "??");
	NAME("\xed\xa0\x80", "???");
	NAME("\xf4\x90\x80\x80", "????");
	NAME("\x80x", "?x");
	/* Controls and what turns or hides text. */
	NAME("\033[31mTV\001\r\n", "?[31mTV???");
	NAME("TV\0hidden\x1f", "TV?hidden?");
	NAME("\xc2\x9bTV", "?TV");
	NAME("a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\x8f" "d", "a?b?c?d");
	NAME("a\xe2\x80\x8b" "b\xef\xbb\xbf" "c\xd8\x9c", "a?b?c?");
	NAME("\xef\xbf\xbf", "?");
}

/* Longer than a name may be: cut between characters. */
static void test_long_names(void **state)
{
	char raw[200], name[WFD_NAME_SIZE];

	(void)state;
	memset(raw, 'x', sizeof(raw));
	wfd_name_clean(raw, sizeof(raw), name);
	assert_int_equal(strlen(name), 32);
	memcpy(raw + 30, "\xe2\x82\xac", 3);
	wfd_name_clean(raw, sizeof(raw), name);
	assert_int_equal(strlen(name), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_television),
		cmocka_unit_test(test_dual_role_with_extras),
		cmocka_unit_test(test_busy_and_source),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_information),
		cmocka_unit_test(test_vendor_elements),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests_name("wfd-ie", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Framing and parsing: whole messages cut everywhere, and what no RTSP peer would send. */
#include "rtsp/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static struct rtsp_framer framer;

/* Feeds in steps of at most step bytes; returns the number of messages, or -1 with the error. */
static int feed(const char *data, size_t size, size_t step, void (*check)(struct rtsp_message *m))
{
	struct rtsp_message m;
	int n = 0, r = 0;

	rtsp_framer_init(&framer);
	while (size && r >= 0) {
		size_t room, part;
		char *to = rtsp_framer_room(&framer, &room);

		assert_true(room > 0);
		part = size < step ? size : step;
		part = part < room ? part : room;
		memcpy(to, data, part);
		rtsp_framer_push(&framer, part);
		data += part;
		size -= part;
		while ((r = rtsp_framer_next(&framer, &m)) > 0) {
			n++;
			if (check)
				check(&m);
		}
	}
	return r < 0 ? -1 : n;
}

static int feed_text(const char *text)
{
	return feed(text, strlen(text), SIZE_MAX, NULL);
}

static enum rtsp_error error_of(const char *text)
{
	assert_int_equal(feed(text, strlen(text), 1, NULL), -1);
	assert_int_equal(feed_text(text), -1);
	/* It stays. */
	assert_int_equal(rtsp_framer_next(&framer, &(struct rtsp_message){ 0 }), -EBADMSG);
	return framer.error;
}

static const char sequence[] =
	"\r\n\n"
	"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: text/parameters;charset=utf-8\r\n"
	"content-length:12\r\n\r\nabc: d\r\n\r\nef"
	"$\x01\x00\x05$$$$\r"
	"SET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\nCSeq :  7 \nX-Long: a\n b\r\n\t c\n"
	"Content-Length: 17\n\nwfd_idr_request\r\n"
	"$\x00\x00\x00"
	"OPTIONS * RTSP/1.0\r\n\tCSeq: 1\r\n"; /* a fold with nothing before it */

static unsigned seen;

static void check_sequence(struct rtsp_message *m)
{
	if (++seen == 1) {
		assert_false(m->is_request);
		assert_int_equal(m->status, 200);
		assert_true(text_is(m->reason, "OK"));
		assert_true(m->has_cseq && m->cseq == 2);
		assert_true(text_is(m->body, "abc: d\r\n\r\nef"));
		assert_true(text_is(rtsp_message_header(m, "CONTENT-TYPE"),
				    "text/parameters;charset=utf-8"));
		assert_null(rtsp_message_header(m, "Session").data);
		return;
	}
	assert_int_equal(seen, 2);
	assert_true(m->is_request && m->is_version_1);
	assert_int_equal(m->method, RTSP_METHOD_SET_PARAMETER);
	assert_true(text_is(m->uri, "rtsp://localhost/wfd1.0"));
	assert_true(m->has_cseq && m->cseq == 7);
	assert_int_equal(m->n_headers, 3);
	assert_true(text_is(m->headers[1].value, "a  b  \t c"));
	assert_true(text_is(m->body, "wfd_idr_request\r\n"));
	assert_int_equal(m->raw.size, m->body.size + (size_t)(m->body.data - m->raw.data));
}

/* One byte at a time, two, three, ...: every position is a cut in one of them. */
static void test_cuts(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof(sequence); step++) {
		seen = 0;
		(void)feed(sequence, sizeof(sequence) - 1, step, check_sequence);
		assert_int_equal(seen, 2);
	}
	rtsp_framer_init(&framer);
}

/* Two pieces, cut at every position. */
static void test_two_pieces(void **state)
{
	static const char two[] = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 3\r\n\r\nabc"
				  "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
	size_t size = sizeof(two) - 1;

	(void)state;
	for (size_t cut = 0; cut <= size; cut++) {
		struct rtsp_message m;
		size_t room;
		int n = 0;

		rtsp_framer_init(&framer);
		memcpy(rtsp_framer_room(&framer, &room), two, cut);
		rtsp_framer_push(&framer, cut);
		while (rtsp_framer_next(&framer, &m) > 0)
			n++;
		assert_int_equal(rtsp_framer_is_partial(&framer),
				 cut != 0 && cut != 50 && cut != size);
		memcpy(rtsp_framer_room(&framer, &room), two + cut, size - cut);
		rtsp_framer_push(&framer, size - cut);
		while (rtsp_framer_next(&framer, &m) > 0)
			n++;
		assert_int_equal(n, 2);
		assert_false(rtsp_framer_is_partial(&framer));
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		enum rtsp_error error;
	} cases[] = {
		{ "\x16\x03\x01", RTSP_ERROR_CONTROL_CHARACTER }, /* TLS */
		{ "SSH-2.0-OpenSSH_9.2\r\n", RTSP_ERROR_START_LINE },
		{ "GET / HTTP/1.1\r\n", RTSP_ERROR_VERSION },
		{ "HTTP/1.1 200 OK\r\n", RTSP_ERROR_START_LINE },
		{ "RTSP/1.0\r\n", RTSP_ERROR_STATUS },
		{ "RTSP/1.0 99 X\r\n", RTSP_ERROR_STATUS },
		{ "RTSP/1.0 1000 X\r\n", RTSP_ERROR_STATUS },
		{ "RTSP/1.0 600 X\r\n", RTSP_ERROR_STATUS },
		{ "RTSP/1.0 abc X\r\n", RTSP_ERROR_STATUS },
		{ "RTSP/x.0 200 X\r\n", RTSP_ERROR_VERSION },
		{ "RTSP/10 200 X\r\n", RTSP_ERROR_VERSION },
		{ "SETUP  RTSP/1.0\r\n", RTSP_ERROR_START_LINE },
		{ "SETUP a b RTSP/1.0\r\n", RTSP_ERROR_START_LINE },
		{ "SET(UP a RTSP/1.0\r\n", RTSP_ERROR_START_LINE },
		{ "SETUP a RTSP/1.0x\r\n", RTSP_ERROR_VERSION },
		{ "OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n", RTSP_ERROR_HEADER },
		{ "OPTIONS * RTSP/1.0\r\n: no name\r\n\r\n", RTSP_ERROR_HEADER },
		{ "OPTIONS * RTSP/1.0\r\n fold\r\n\r\n", RTSP_ERROR_HEADER },
		{ "OPTIONS * RTSP/1.0\r\nX: a\x1b[2J\r\n", RTSP_ERROR_CONTROL_CHARACTER },
		{ "OPTIONS * RTSP/1.0\r\nX: a\rb\r\n", RTSP_ERROR_CONTROL_CHARACTER },
		{ "OPTIONS * RTSP/1.0\r\nX: \x7f\r\n", RTSP_ERROR_CONTROL_CHARACTER },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", RTSP_ERROR_CONTENT_LENGTH },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: +5\r\n\r\n", RTSP_ERROR_CONTENT_LENGTH },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: 0x10\r\n\r\n", RTSP_ERROR_CONTENT_LENGTH },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: 12abc\r\n\r\n",
		  RTSP_ERROR_CONTENT_LENGTH },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: 1, 1\r\n\r\n", RTSP_ERROR_CONTENT_LENGTH },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length:\r\n\r\n", RTSP_ERROR_CONTENT_LENGTH },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		  RTSP_ERROR_CONTENT_LENGTH },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
		  RTSP_ERROR_BODY_TOO_LONG },
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: 65537\r\n\r\n", RTSP_ERROR_BODY_TOO_LONG },
		/* A body longer than said: its rest is the next start line. */
		{ "OPTIONS * RTSP/1.0\r\nContent-Length: 3\r\n\r\nabcdef\r\n",
		  RTSP_ERROR_START_LINE },
		/* A request in the middle of a response. */
		{ "RTSP/1.0 200 OK\r\nCSeq: 1\r\nOPTIONS * RTSP/1.0\r\n\r\n", RTSP_ERROR_HEADER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(error_of(cases[i].text), cases[i].error);
		assert_string_not_equal(rtsp_error_to_string(cases[i].error), "?");
	}
	assert_int_equal(feed("OPTIONS * RTSP/1.0\r\nA\0: b\r\n", 27, 1, NULL), -1);
	assert_int_equal(framer.error, RTSP_ERROR_CONTROL_CHARACTER);
}

/* What looks wrong and is fine. */
static void test_lenient(void **state)
{
	(void)state;
	assert_int_equal(feed_text("RTSP/1.0 200\r\n\r\n"), 1);
	assert_int_equal(feed_text("RTSP/2.0 200 OK\r\n\r\n"), 1);
	assert_int_equal(feed_text("rtsp/1.0 200 OK\n\n"), 1);
	assert_int_equal(feed_text("OPTIONS * RTSP/1.0\r\nContent-Length: 0\r\n"
				   "Content-Length: 0\r\n\r\n"),
			 1);
	assert_int_equal(feed_text("OPTIONS * RTSP/1.0\r\nX: \xff\xfe %s%n\r\n\r\n"), 1);
	assert_int_equal(feed_text("OPTIONS * RTSP/1.0\r\nX:\r\n a\r\n \r\n\r\n"), 1);
}

static void test_limits(void **state)
{
	size_t size = 1u << 20;
	char *data = malloc(size);
	struct rtsp_message m;
	int used;

	(void)state;
	assert_non_null(data);
	/* A head without end: one line, then many. */
	memset(data, 'a', size);
	assert_int_equal(feed(data, size, 4096, NULL), -1);
	assert_int_equal(framer.error, RTSP_ERROR_HEAD_TOO_LONG);
	for (size_t i = 0; i + 8 <= size; i += 8)
		memcpy(data + i, "abc: d\r\n", 8);
	memcpy(data, "OPTIONS * RTSP/1.0\r\nA:\r\n", 24);
	assert_int_equal(feed(data, size, 1000, NULL), -1);
	assert_int_equal(framer.error, RTSP_ERROR_HEAD_TOO_LONG);
	/* 64 headers are fine, 65 are not. */
	for (unsigned n = 64; n <= 65; n++) {
		used = snprintf(data, size, "OPTIONS * RTSP/1.0\r\n");
		for (unsigned i = 0; i < n; i++)
			used += snprintf(data + used, size - (size_t)used, "A%u: b\r\n", i);
		used += snprintf(data + used, size - (size_t)used, "\r\n");
		assert_int_equal(feed(data, (size_t)used, 100, NULL), n == 64 ? 1 : -1);
	}
	assert_int_equal(framer.error, RTSP_ERROR_TOO_MANY_HEADERS);
	/* The largest head with the largest body, then another message. */
	used = snprintf(data, size, "OPTIONS * RTSP/1.0\r\nContent-Length: 65536\r\nA:");
	memset(data + used, ' ', RTSP_HEAD_SIZE_MAX);
	memcpy(data + RTSP_HEAD_SIZE_MAX - 4, "\r\n\r\n", 4);
	memset(data + RTSP_HEAD_SIZE_MAX, 'x', RTSP_BODY_SIZE_MAX);
	memcpy(data + RTSP_HEAD_SIZE_MAX + RTSP_BODY_SIZE_MAX, "X * RTSP/1.0\r\n\r\n", 16);
	assert_int_equal(feed(data, RTSP_HEAD_SIZE_MAX + RTSP_BODY_SIZE_MAX + 16, SIZE_MAX, NULL),
			 2);
	assert_int_equal(rtsp_framer_next(&framer, &m), 0);
	/* An interleaved frame of the largest size in front. */
	memset(data, 0, size);
	memcpy(data, "$\x05\xff\xff", 4);
	memcpy(data + 4 + 65535, "X * RTSP/1.0\r\n\r\n", 16);
	assert_int_equal(feed(data, 4 + 65535 + 16, 777, NULL), 1);
	free(data);
}

static void test_write(void **state)
{
	char buffer[256];
	struct writer w = writer_init(buffer, sizeof(buffer));
	uint32_t cseq = 4294967295u;

	(void)state;
	rtsp_write_response(&w, 455, &cseq);
	rtsp_write_header(&w, "Session", "%s", "1");
	rtsp_write_end(&w, text_from("a: b\r\n"));
	assert_false(w.failed);
	assert_int_equal(feed(buffer, writer_size(&w), 1, NULL), 1);
	buffer[writer_size(&w)] = '\0';
	assert_string_equal(buffer,
			    "RTSP/1.0 455 Method Not Valid in This State\r\n"
			    "CSeq: 4294967295\r\nSession: 1\r\n"
			    "Content-Type: text/parameters\r\nContent-Length: 6\r\n\r\na: b\r\n");
	/* What does not fit fails, and nothing is written behind the end. */
	for (size_t size = 0; size < 64; size++) {
		w = writer_init(buffer, size);
		memset(buffer, 'Z', sizeof(buffer));
		rtsp_write_request(&w, "OPTIONS", "rtsp://localhost/wfd1.0", 12345678);
		rtsp_write_end(&w, (struct text){ 0 });
		assert_int_equal(buffer[size], 'Z');
		assert_int_equal(w.failed, size <= 60);
	}
	assert_string_equal(rtsp_method_to_string(RTSP_METHOD_SETUP), "SETUP");
	assert_string_equal(rtsp_method_to_string(RTSP_METHOD_UNKNOWN), "?");
}

static void test_text(void **state)
{
	uint64_t value = 7;
	char copy[9];

	(void)state;
	assert_int_equal(text_decimal(text_from("18446744073709551615"), UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(text_decimal(text_from("18446744073709551616"), UINT64_MAX, &value),
			 -ERANGE);
	assert_int_equal(text_decimal(text_from("65536"), 65535, &value), -ERANGE);
	assert_int_equal(text_decimal(text_from("9"), 5, &value), -ERANGE);
	assert_int_equal(text_decimal(text_from(""), 5, &value), -EINVAL);
	assert_int_equal(text_decimal(text_from("99999999999999999999x"), 5, &value), -EINVAL);
	assert_int_equal(
		text_hex(text_from("0000000000000000000FfffFFFFffffFFFF"), UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(text_hex(text_from("FFFFFFFFFFFFFFFFF"), UINT64_MAX, &value), -ERANGE);
	assert_int_equal(text_hex(text_from("0x1"), UINT64_MAX, &value), -EINVAL);
	text_copy_printable(text_from("a\x1b\xc2\x9b\xff\xe2\x82\xac"), copy, sizeof(copy));
	assert_string_equal(copy, "a????\xe2\x82\xac");
	text_copy_printable(text_from("abcdef\xe2\x82\xac"), copy, sizeof(copy));
	assert_string_equal(copy, "abcdef");
	text_copy_printable(text_from("\xf4\x90\x80\x80\xed\xa0\x80"), copy, sizeof(copy));
	assert_string_equal(copy, "???????");
	text_copy_printable(text_from("\xc0\x80\xf0\x9f\x98\x80"), copy, sizeof(copy));
	assert_string_equal(copy, "??\xf0\x9f\x98\x80");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),   cmocka_unit_test(test_two_pieces),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_lenient),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_write),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("rtsp-message", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The sink's own parsers: RTSP messages, however they come in, and the values of M3 and M4. */
#include "message.h"
#include "wfd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct text text(const char *s)
{
	return (struct text){ s, strlen(s) };
}

static const char m3[] = "GET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\n"
			 "CSeq: 2\r\n"
			 "content-type:text/parameters\r\n"
			 "Content-Length: 38\r\n"
			 "\r\n"
			 "wfd_video_formats\r\nwfd_audio_codecs\r\n\n";

static void a_message_is_whole_or_waits(void **state)
{
	struct message m;

	(void)state;
	for (size_t len = 0; len < sizeof(m3) - 1; len++)
		assert_int_equal(message_parse(m3, len, &m), 0);
	assert_int_equal(message_parse(m3, sizeof(m3) - 1, &m), sizeof(m3) - 1);
	assert_false(m.reply);
	assert_true(text_is(m.method, "GET_PARAMETER"));
	assert_true(text_is(m.uri, "rtsp://localhost/wfd1.0"));
	assert_true(m.have_cseq && m.cseq == 2);
	assert_true(text_is(message_header(&m, "Content-Type"), "text/parameters"));
	assert_int_equal(m.body.len, 38);
	assert_false(m.sloppy);
}

static void two_messages_are_taken_apart(void **state)
{
	const char both[] = "\r\nRTSP/1.0 200 OK\r\nCSeq: 7\r\n\r\nOPTIONS * RTSP/1.0\nCSeq: 1\n\n";
	struct message m;
	ssize_t n = message_parse(both, sizeof(both) - 1, &m);

	(void)state;
	assert_int_equal(n, 2 + 17 + 9 + 2);
	assert_true(m.reply && m.status == 200 && m.cseq == 7);
	assert_int_equal(message_parse(both + n, sizeof(both) - 1 - (size_t)n, &m),
			 sizeof(both) - 1 - (size_t)n);
	assert_true(text_is(m.method, "OPTIONS") && m.sloppy);
}

static void nonsense_is_refused(void **state)
{
	static const char *const cases[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\n\n",
		"RTSP/1.0 99 OK\r\n\r\n",
		"RTSP/1.0 abc\r\n\r\n",
		"OPTIONS *\r\n\r\n",
		"OPTIONS * RTSP/1.0 x\r\n\r\n",
		"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n",
		"OPTIONS * RTSP/1.0\r\n: empty\r\n\r\n",
		"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
		"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"OPTIONS * RTSP/1.0\r\nContent-Length: 12abc\r\n\r\n",
	};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (message_parse(cases[i], strlen(cases[i]), &m) != -EBADMSG)
			fail_msg("accepted: %s", cases[i]);
}

static void heads_and_headers_are_bounded(void **state)
{
	char *long_line = malloc(MESSAGE_HEAD_MAX + 2);
	char headers[2000] = "OPTIONS * RTSP/1.0\r\n";
	struct message m;

	(void)state;
	assert_non_null(long_line);
	memset(long_line, 'a', MESSAGE_HEAD_MAX + 2);
	assert_int_equal(message_parse(long_line, MESSAGE_HEAD_MAX, &m), 0);
	assert_int_equal(message_parse(long_line, MESSAGE_HEAD_MAX + 1, &m), -EBADMSG);
	free(long_line);
	for (int i = 0; i < MESSAGE_HEADERS_MAX + 1; i++)
		strncat(headers, "A: b\r\n", sizeof(headers) - strlen(headers) - 1);
	strncat(headers, "\r\n", sizeof(headers) - strlen(headers) - 1);
	assert_int_equal(message_parse(headers, strlen(headers), &m), -EBADMSG);
}

static void texts_are_split(void **state)
{
	struct text rest = text("a: b\r\nc\n d :\tf ");
	struct text line, name, value;
	uint64_t number;

	(void)state;
	assert_true(text_line(&rest, &line));
	text_parameter(line, &name, &value);
	assert_true(text_is(name, "a") && text_is(value, "b"));
	assert_true(text_line(&rest, &line));
	text_parameter(line, &name, &value);
	assert_true(text_is(name, "c") && !value.at);
	assert_true(text_line(&rest, &line));
	text_parameter(line, &name, &value);
	assert_true(text_is(name, "d") && text_is(value, "f"));
	assert_false(text_line(&rest, &line));
	assert_true(
		text_is(text_attribute(text("RTP/AVP/UDP;unicast; client_port=1-2"), "client_port"),
			"1-2"));
	assert_null(text_attribute(text("x=1;yy=2"), "y").at);
	assert_true(text_number(text("65535"), 65535, &number) && number == 65535);
	assert_false(text_number(text("65536"), 65535, &number));
	assert_false(text_number(text("+1"), 65535, &number));
	assert_false(text_number(text(""), 65535, &number));
}

#define TV                                                                   \
	"40 00 02 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none, " \
	"01 10 0001BDEB 3fffffff 00000000 00 0000 0000 11 none none"

static void formats_are_read(void **state)
{
	struct wfd_formats f;

	(void)state;
	assert_int_equal(wfd_formats_parse(text(TV), false, &f), 0);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.native, 0x40);
	assert_int_equal(f.codecs[1].modes[WFD_VESA], 0x3fffffff);
	assert_int_equal(wfd_formats_parse(text("none"), false, &f), 0);
	assert_int_equal(f.count, 0);
	assert_int_equal(wfd_formats_parse(text("00 00 01"), false, &f), -EBADMSG);
	assert_int_equal(
		wfd_formats_parse(text("00 00 01 04 00000080 0 0 00 0000 0000 00 none none x"), false, &f),
		-EBADMSG);
	assert_int_equal(wfd_formats_parse(text(TV ","), false, &f), -EBADMSG);
	assert_int_equal(wfd_formats_parse(text("00 00 01 04 1ffffffff 0 0 0 0 0 0 none none"), false, &f),
			 -EBADMSG);
}

static void every_choice_is_judged(void **state)
{
	static const struct {
		const char *value;
		const char *wrong; /* a part of what is said, NULL if it is good */
	} cases[] = {
		{ "00 00 02 10 00000100 00000000 00000000 00 0000 0000 00 none none", NULL },
		{ "00 00 01 04 00000080 00000000 00000000 00 0000 0000 00 none none", NULL },
		{ TV, "exactly one codec" },
		{ "none", "exactly one codec" },
		{ "00 00 01 04 00000180 00000000 00000000 00 0000 0000 00 none none", "one mode" },
		{ "00 00 01 04 00000000 00000000 00000000 00 0000 0000 00 none none", "one mode" },
		{ "00 00 01 04 00000080 00000001 00000000 00 0000 0000 00 none none", "one mode" },
		{ "00 00 01 04 80000000 00000000 00000000 00 0000 0000 00 none none", "reserved" },
		{ "00 00 03 04 00000080 00000000 00000000 00 0000 0000 00 none none", "profile" },
		{ "00 00 01 05 00000080 00000000 00000000 00 0000 0000 00 none none", "level" },
		{ "00 00 01 04 00000200 00000000 00000000 00 0000 0000 00 none none",
		  "interlaced" },
		{ "40 00 01 04 00000080 00000000 00000000 00 0000 0000 00 none none", "begin" },
		{ "00 00 01 04 00000080 00000000 00000000 00 0000 0000 00 0000 0000", "end" },
		{ "00 00 02 04 00000000 00000001 00000000 00 0000 0000 00 none none", "offered" },
		{ "00 00 01 04 00000000 00000000 00000001 00 0000 0000 00 none none", "offered" },
		{ "00 00 01 04", "read" },
	};
	struct wfd_formats offered;

	(void)state;
	assert_int_equal(wfd_formats_parse(text(TV), false, &offered), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wfd_choice choice = { 0 };
		struct wfd_formats chosen;
		const char *wrong = wfd_formats_parse(text(cases[i].value), false, &chosen) < 0 ?
					    "cannot be read" :
					    wfd_choose_video(&chosen, &offered, &choice);

		if (!wrong != !cases[i].wrong || (wrong && !strstr(wrong, cases[i].wrong)))
			fail_msg("%s: %s", cases[i].value, wrong ? wrong : "nothing");
	}
}

static void a_choice_is_put_in_words(void **state)
{
	struct wfd_formats f;
	struct wfd_choice c = { 0 };

	(void)state;
	assert_int_equal(
		wfd_formats_parse(text("00 00 02 10 00000000 00002000 00000000 00 0000 0000 00 "
				       "none none"),
				  false, &f),
		0);
	assert_null(wfd_choose_video(&f, NULL, &c));
	assert_int_equal(c.table, WFD_VESA);
	assert_int_equal(c.mode.width, 1366);
	assert_int_equal(c.mode.height, 768);
	assert_int_equal(c.mode.fps, 60);
	assert_int_equal(c.profile_idc, 100);
	assert_int_equal(c.level_idc, 42);
	assert_null(wfd_mode_find(false, WFD_HH, 12));
}

/* MS-WFDPE 2.7: wider masks, higher levels, and a table of its own. */
static void microsoft_has_more(void **state)
{
	struct wfd_formats offered, f;
	struct wfd_choice c = { 0 };

	(void)state;
	assert_int_equal(wfd_formats_parse(text("0110 00 000f 00ff 0007ffbdeb 0078000000 00000000 00 "
						"0000 0000 11 none none"),
					   true, &offered),
			 0);
	assert_int_equal(wfd_formats_parse(text("0000 00 0001 0040 0000020000 0000000000 00000000 00 "
						"0000 0000 00 none none"),
					   true, &f),
			 0);
	assert_null(wfd_choose_video(&f, &offered, &c));
	assert_int_equal(c.mode.width, 3840);
	assert_int_equal(c.level_idc, 51);
	f.codecs[0].modes[WFD_CEA] = 0;
	offered.microsoft = wfd_microsoft_parse(text("00000000000f"));
	f.microsoft = wfd_microsoft_parse(text(" 000000000008"));
	assert_null(wfd_choose_video(&f, &offered, &c));
	assert_int_equal(c.mode.height, 1440);
	assert_int_equal(c.mode.fps, 30);
	f.microsoft = 0x10;
	assert_non_null(wfd_choose_video(&f, &offered, &c));
	assert_int_equal(wfd_microsoft_parse(text("none")), 0);
}

static void sound_is_judged(void **state)
{
	const struct text offered = text("LPCM 00000003 00,AAC 00000001 00");
	struct wfd_choice c = { 0 };

	(void)state;
	assert_null(wfd_choose_audio(text("LPCM 00000002 00"), offered, &c));
	assert_int_equal(c.audio, AUDIO_LPCM);
	assert_null(wfd_choose_audio(text("AAC 00000001 00"), offered, &c));
	assert_non_null(wfd_choose_audio(text("AAC 00000002 00"), offered, &c));
	assert_non_null(wfd_choose_audio(text("AC3 00000001 00"), offered, &c));
	assert_non_null(wfd_choose_audio(text("LPCM 00000003 00"), offered, &c));
	assert_non_null(wfd_choose_audio(text("LPCM 00000002 00, AAC 00000001 00"), offered, &c));
	assert_non_null(wfd_choose_audio(text("none"), offered, &c));
	assert_non_null(wfd_choose_audio(text("LPCM"), offered, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_whole_or_waits),
		cmocka_unit_test(two_messages_are_taken_apart),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(heads_and_headers_are_bounded),
		cmocka_unit_test(texts_are_split),
		cmocka_unit_test(formats_are_read),
		cmocka_unit_test(every_choice_is_judged),
		cmocka_unit_test(a_choice_is_put_in_words),
		cmocka_unit_test(microsoft_has_more),
		cmocka_unit_test(sound_is_judged),
	};

	return cmocka_run_group_tests_name("sink-message", tests, NULL, NULL);
}

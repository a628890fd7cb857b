// SPDX-License-Identifier: GPL-2.0-or-later
/* The profile language: every directive, every way to get one wrong, and the files in tests/data. */
#include "profile.h"
#include "wfd.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct profile *parse(const char *text)
{
	struct profile *p = NULL;

	assert_int_equal(profile_parse("test", text, strlen(text), stderr, &p), 0);
	assert_non_null(p);
	return p;
}

/* The complaint about a text that must not be accepted. */
static char *complaint(const char *text)
{
	struct profile *p = NULL;
	char *said = NULL;
	size_t len;
	FILE *errors = open_memstream(&said, &len);

	assert_non_null(errors);
	assert_int_equal(profile_parse("test", text, strlen(text), errors, &p), -EINVAL);
	fclose(errors);
	assert_null(p);
	return said;
}

static void assert_text(struct text t, const char *expected)
{
	assert_int_equal(t.len, strlen(expected));
	assert_memory_equal(t.at, expected, t.len);
}

static void parameters_are_literal(void **state)
{
	struct profile *p = parse("# a comment\n\n"
				  "wfd_audio_codecs : LPCM 00000002 00  \r\n"
				  "wfd_video_formats: none\n"
				  "x:\n");

	(void)state;
	assert_int_equal(p->parameters_count, 3);
	assert_text(profile_find_parameter(p, (struct text){ "WFD_AUDIO_codecs", 16 })->line,
		    "wfd_audio_codecs : LPCM 00000002 00  ");
	assert_null(profile_find_parameter(p, (struct text){ "wfd_audio", 9 }));
	profile_free(p);
}

static void directives_set_what_they_name(void **state)
{
	struct profile *p = parse("@order M2-first\n@cseq-start 1000\n@cseq-restart-after M7\n"
				  "@one-message-per-recv\n@session-timeout-in-requests\n"
				  "@no-session-in-requests\n@no-session-in-replies\n"
				  "@missing none\n@client-port 19000\n@rtcp-port\n"
				  "@keepalive get-parameter every=2\n"
				  "@public \"a, \\\"b\\\"\"\n@user-agent \"x/1\"\n"
				  "@ignore-trigger M5-PLAY\n@content-type \"x/y;z\"\n"
				  "@lower-case-headers\n@idr after=1 every=500ms burst=7\n"
				  "@pause after=2 for=3\n@standby after=4\n@teardown after=5s\n");

	(void)state;
	assert_int_equal(p->order, ORDER_M2_FIRST);
	assert_int_equal(p->cseq_start, 1000);
	assert_true(p->have_cseq_restart);
	assert_int_equal(p->cseq_restart, MESSAGE_M7);
	assert_true(p->one_message_per_recv && p->timeout_in_requests);
	assert_true(p->no_session_in_requests && p->no_session_in_replies);
	assert_true(p->missing_none && p->rtcp_port);
	assert_int_equal(p->client_port, 19000);
	assert_text(p->keepalive_method, "GET_PARAMETER");
	assert_int_equal(p->keepalive_us, 2000000);
	assert_text(p->public, "a, \"b\"");
	assert_text(p->user_agent, "x/1");
	assert_text(p->content_type, "x/y;z");
	assert_true(p->lower_case_headers);
	assert_true(p->ignore[MESSAGE_M5_PLAY] && !p->ignore[MESSAGE_M5_SETUP]);
	assert_int_equal(p->idr_after_us, 1000000);
	assert_int_equal(p->idr_every_us, 500000);
	assert_int_equal(p->idr_burst, 7);
	assert_int_equal(p->pause_after_us, 2000000);
	assert_int_equal(p->pause_for_us, 3000000);
	assert_int_equal(p->standby_for_us, 1000000);
	assert_int_equal(p->teardown_after_us, 5000000);
	profile_free(p);
}

static void messages_have_their_options(void **state)
{
	struct profile *p = parse(
		"@reply M3 delay=2500\n"
		"@reply M4 status=303 body=\"wfd_video_formats: 415\\r\\n\" count=1\n"
		"@cut M1 20\n@split M2 10 delay=5ms\n@garbage-before M6 \"\\x00\\xff\"\n"
		"@garbage-after M6\n@close-after M5\n"
		"@send-after M7 method=\"SET_PARAMETER\" body=\"wfd_idr_request\\r\\n\" count=3 joined\n");
	const struct directive *d;

	(void)state;
	assert_int_equal(p->directives_count, 8);
	d = profile_take(p, DIRECTIVE_REPLY, MESSAGE_M3);
	assert_int_equal(d->delay_us, 2500000);
	d = profile_take(p, DIRECTIVE_REPLY, MESSAGE_M4);
	assert_int_equal(d->status, 303);
	assert_text(d->body, "wfd_video_formats: 415\r\n");
	assert_null(profile_take(p, DIRECTIVE_REPLY, MESSAGE_M4)); /* count=1 */
	assert_int_equal(profile_take(p, DIRECTIVE_CUT, MESSAGE_M1)->bytes, 20);
	assert_int_equal(profile_take(p, DIRECTIVE_SPLIT, MESSAGE_M2)->delay_us, 5000);
	d = profile_take(p, DIRECTIVE_GARBAGE_BEFORE, MESSAGE_M6);
	assert_int_equal(d->data.len, 2);
	assert_memory_equal(d->data.at, "\0\xff", 2);
	assert_true(profile_take(p, DIRECTIVE_GARBAGE_AFTER, MESSAGE_M6)->data.len > 0);
	assert_non_null(profile_take(p, DIRECTIVE_CLOSE_AFTER, MESSAGE_M5_SETUP));
	assert_null(profile_take(p, DIRECTIVE_CLOSE_AFTER, MESSAGE_M6));
	d = profile_take(p, DIRECTIVE_SEND, MESSAGE_M7);
	assert_int_equal(d->count, 3);
	assert_true(d->joined);
	assert_text(d->method, "SET_PARAMETER");
	profile_free(p);
}

static void skip_leaves_the_first_alone(void **state)
{
	struct profile *p = parse("@reply M16 none skip=2 count=1\n");

	(void)state;
	assert_null(profile_take(p, DIRECTIVE_REPLY, MESSAGE_M16));
	assert_null(profile_take(p, DIRECTIVE_REPLY, MESSAGE_M16));
	assert_non_null(profile_take(p, DIRECTIVE_REPLY, MESSAGE_M16));
	assert_null(profile_take(p, DIRECTIVE_REPLY, MESSAGE_M16));
	profile_free(p);
}

static void errors_say_where_and_what(void **state)
{
	static const struct {
		const char *text, *line, *words;
	} cases[] = {
		{ "wfd_video_formats\n", "test:1:", "neither a parameter" },
		{ "\n: x\n", "test:2:", "without a name" },
		{ "a: b\n@reply\n", "test:2:", "wants a message" },
		{ "@reply M17\n", "test:1:", "M17 is not a message" },
		{ "@reply M3 colour=red\n", "test:1:", "allowed: delay= status=" },
		{ "@reply M3 delay=soon\n", "test:1:", "not a time" },
		{ "@reply M3 status=12345\n", "test:1:", "number from 0 to 9999" },
		{ "@reply M3 body=\n", "test:1:", "wants a value" },
		{ "@reply M3 body=\"a\n", "test:1:", "has no end" },
		{ "@reply M3 body=\"\\q\"\n", "test:1:", "unknown escape" },
		{ "@cut M3\n", "test:1:", "number of bytes" },
		{ "@send-after M3\n", "test:1:", "wants method=" },
		{ "@order M3-first\n", "test:1:", "M1-first M2-first together" },
		{ "@order\n", "test:1:", "wants 1 word" },
		{ "@client-port 0\n", "test:1:", "from 1 to 65535" },
		{ "@keepalive sometimes\n", "test:1:", "get-parameter" },
		{ "@keepalive options each=5\n", "test:1:", "every=TIME" },
		{ "@public none\n", "test:1:", "string in quotes" },
		{ "@ignore-trigger M4\n", "test:1:", "knows only M5" },
		{ "@pause\n", "test:1:", "wants after=TIME" },
		{ "@fly\n", "test:1:", "unknown directive @fly, allowed: @reply" },
		{ "@\n", "test:1:", "unknown directive" },
		{ "@reply M1 a b c d e f g h i j k l m n o p\n", "test:1:", "more than 16 words" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *said = complaint(cases[i].text);

		if (!strstr(said, cases[i].line) || !strstr(said, cases[i].words))
			fail_msg("'%s' -> '%s'", cases[i].text, said);
		free(said);
	}
}

static void too_much_is_refused(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	char *said;

	(void)state;
	for (int i = 0; i <= PROFILE_PARAMETERS_MAX; i++)
		fprintf(out, "name%d: value\n", i);
	fclose(out);
	said = complaint(text);
	assert_non_null(strstr(said, "more than 64 parameters"));
	free(said);
	free(text);
}

static void the_built_in_one_is_a_good_tv(void **state)
{
	struct profile *p;
	struct wfd_formats formats;
	struct text ignored, value;

	(void)state;
	assert_int_equal(profile_new_default(&p), 0);
	text_parameter(profile_find_parameter(p, (struct text){ "wfd_video_formats", 17 })->line,
		       &ignored, &value);
	assert_int_equal(wfd_formats_parse(value, false, &formats), 0);
	assert_int_equal(formats.count, 2);
	assert_int_equal(formats.native, 0x40);
	profile_free(p);
}

/* Whatever is in tests/data must be readable, or the session tests would test nothing. */
static void the_files_can_be_read(void **state)
{
	const char *folder = getenv("PROFILES");
	char pattern[4096];
	glob_t found;

	(void)state;
	if (!folder)
		skip();
	snprintf(pattern, sizeof(pattern), "%s/*.profile", folder);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 8);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct profile *p;

		assert_int_equal(profile_open(found.gl_pathv[i], stderr, &p), 0);
		assert_true(p->parameters_count > 0);
		profile_free(p);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_literal),
		cmocka_unit_test(directives_set_what_they_name),
		cmocka_unit_test(messages_have_their_options),
		cmocka_unit_test(skip_leaves_the_first_alone),
		cmocka_unit_test(errors_say_where_and_what),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(the_built_in_one_is_a_good_tv),
		cmocka_unit_test(the_files_can_be_read),
	};

	return cmocka_run_group_tests_name("sink-profile", tests, NULL, NULL);
}

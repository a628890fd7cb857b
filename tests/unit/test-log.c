// SPDX-License-Identifier: GPL-2.0-or-later
/* Log lines: what a peer says cannot forge one, steer a terminal, or make one without end. */
#include "util/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int saved_stderr, line_fds[2];

static int set_up(void **state)
{
	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	if (saved_stderr < 0 || pipe(line_fds) < 0 || dup2(line_fds[1], STDERR_FILENO) < 0)
		return -1;
	(void)unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
	log_set_name("test");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	(void)close(line_fds[0]);
	(void)close(line_fds[1]);
	return 0;
}

/* What was written since; a mark at the end spares a read that would wait. */
static const char *written(void)
{
	static char text[8192];
	ssize_t n;

	assert_int_equal(write(line_fds[1], "|", 1), 1);
	n = read(line_fds[0], text, sizeof(text) - 1);
	assert_true(n > 0 && text[n - 1] == '|');
	text[n - 1] = '\0';
	return text;
}

static void test_control_characters(void **state)
{
	(void)state;
	log_info("a\nmiracastd: forged\r\x1b[2J\x7f\tb");
	assert_string_equal(written(), "test: a?miracastd: forged??[2J??b\n");
	log_info("%s", "\xc3\xb6"
		       "ffnen 100%n");
	assert_string_equal(written(), "test: \xc3\xb6"
				       "ffnen 100%n\n");
}

static void test_levels(void **state)
{
	(void)state;
	log_debug("not shown");
	assert_string_equal(written(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
	assert_string_equal(written(), "test: shown\n");
	log_set_level(LOG_LEVEL_ERROR);
	log_notice("not shown");
	assert_int_equal(log_warning(-EIO, "not shown"), -EIO);
	assert_string_equal(written(), "");
	assert_int_equal(log_err(-ENOENT, "shown"), -ENOENT);
	assert_string_equal(written(), "test: shown\n");
}

/* journald takes the level from the line. */
static void test_journal(void **state)
{
	(void)state;
	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	assert_int_equal(log_err(-EIO, "broken"), -EIO);
	assert_string_equal(written(), "<3>broken\n");
	log_notice("noted");
	assert_string_equal(written(), "<5>noted\n");
}

static void test_long_line(void **state)
{
	char long_text[4000];
	const char *line;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	errno = EINTR;
	log_info("%s", long_text);
	assert_int_equal(errno, EINTR);
	line = written();
	assert_in_range(strlen(line), 500, 1100);
	assert_int_equal(line[strlen(line) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_control_characters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_journal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_line, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

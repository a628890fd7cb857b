// SPDX-License-Identifier: GPL-2.0-or-later
#include "rate-file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int read_text(const char *text, size_t size, struct rate_file *f, unsigned int *line)
{
	FILE *file = size ? fmemopen((void *)(uintptr_t)text, size, "r") : fopen("/dev/null", "re");
	int r;

	assert_non_null(file);
	memset(f, 0x5a, sizeof(*f));
	r = rate_file_read(file, f, line);
	(void)fclose(file);
	return r;
}

#define READ(text) read_text(text, sizeof(text) - 1, &f, &line)

static void test_good(void **state)
{
	struct rate_file f;
	unsigned int line;

	(void)state;
	assert_int_equal(READ("# a comment\n\n0 20000000\n 	\r\n2.5\t3000000 \r\n10 1"), 0);
	assert_int_equal(f.n, 3);
	assert_int_equal(rate_file_get(&f, 0), 20000000);
	assert_int_equal(rate_file_get(&f, 2499999), 20000000);
	assert_int_equal(rate_file_get(&f, 2500000), 3000000);
	assert_int_equal(rate_file_get(&f, UINT64_MAX), 1);
	assert_int_equal(READ("5 1000000\n"), 0);
	assert_int_equal(rate_file_get(&f, 4999999), 0);
	assert_int_equal(READ(""), 0);
	assert_int_equal(rate_file_get(&f, 1), 0);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"1\n", "x 5\n", "1 x\n", "1 2 3\n", "-1 5\n", "1 -5\n", "1 0\n", "1 0x10\n",
		"1 1e6\n", "1..2 5\n", "1,5 5\n", "inf 5\n", "nan 5\n", "1 5M\n", ". 5\n",
		"1 1000000001\n", "1000001 5\n", "1 5 # why\n", "0 5\n0 6\n", "2 5\n1 6\n",
	};
	struct rate_file f;
	unsigned int line;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int n = snprintf(text, sizeof(text), "# one\n\n%s9 9\n", bad[i]);

		if (read_text(text, (size_t)n, &f, &line) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
		assert_in_range(line, 3, 4);
	}
	assert_int_equal(READ("1 5\n2 \0 5\n"), -EBADMSG);
	assert_int_equal(line, 2);
}

static void test_too_many(void **state)
{
	static char text[16 * (RATE_FILE_LINES_MAX + 1)];
	struct rate_file f;
	unsigned int line;
	size_t n = 0;

	(void)state;
	for (unsigned int i = 0; i < RATE_FILE_LINES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u 5\n", i);
	assert_int_equal(read_text(text, n, &f, &line), 0);
	assert_int_equal(f.n, RATE_FILE_LINES_MAX);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "9999 5\n");
	assert_int_equal(read_text(text, n, &f, &line), -E2BIG);
	assert_int_equal(line, RATE_FILE_LINES_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("rate-file", tests, NULL, NULL);
}

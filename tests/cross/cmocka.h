/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of cmocka as a test of pure functions needs, for architectures that are only emulated here
 * and have no libraries: the first assertion that fails ends the program.
 */
#ifndef CROSS_CMOCKA_H
#define CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
};

#define cmocka_unit_test(f) \
	{                   \
#f, f       \
	}
#define cmocka_run_group_tests(tests, setup, teardown) \
	cross_run(tests, sizeof(tests) / sizeof((tests)[0]))
#define assert_true(c)                                                         \
	do {                                                                   \
		if (!(c)) {                                                    \
			printf("not ok: %s:%d: %s\n", __FILE__, __LINE__, #c); \
			exit(1);                                               \
		}                                                              \
	} while (0)
#define assert_false(c)	       assert_true(!(c))
#define assert_non_null(p)     assert_true((p) != NULL)
#define assert_int_equal(a, b) assert_true((a) == (b))

static inline int cross_run(const struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].run(NULL);
		printf("ok %zu %s\n", i + 1, tests[i].name);
	}
	printf("1..%zu\n", count);
	return 0;
}

#endif

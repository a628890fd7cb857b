/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the module's tests share: how one of them fails, how a list of them runs, and two steps that
 * each takes. Later tests may stand on what earlier ones set up.
 */
#ifndef VM_SUITE_H
#define VM_SUITE_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <miracast.h>

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			printf("# %s:%d: %s (errno %s)\n", __func__, __LINE__, #x,                 \
			       strerrorname_np(errno));                                            \
			return false;                                                              \
		}                                                                                  \
	} while (0)
/* libdrm returns -errno here and -1 there. */
#define CHECK_FAILS(call, error)                                                                   \
	do {                                                                                       \
		errno = 0;                                                                         \
		CHECK((call) != 0 && errno == (error));                                            \
	} while (0)

struct test {
	const char *name;
	bool (*run)(void);
};

/* Nothing else makes sense when the first, which sets up, fails. */
static inline int run_tests(const struct test *tests, size_t count)
{
	unsigned int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count; i++) {
		bool good = tests[i].run();

		printf("%sok %zu %s\n", good ? "" : "not ", i + 1, tests[i].name);
		failed += !good;
		if (!good && i == 0)
			break;
	}
	return failed != 0;
}

static inline int wait_for(int fd, short events)
{
	struct pollfd poller = { .fd = fd, .events = events };

	return poll(&poller, 1, 60000) == 1 ? poller.revents : 0;
}

static inline int make_stream(int control)
{
	struct miracast_stream stream = {};

	return ioctl(control, MIRACAST_IOC_STREAM, &stream) < 0 ? -1 : stream.fd;
}

#endif

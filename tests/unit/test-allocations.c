// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole data path with its real stages, pattern to UDP, and a malloc that counts: after the
 * first pictures nothing is allocated or freed any more, in neither thread.
 */
#include "media/pipeline.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define SETTLE	 45 /* pictures */
#define PICTURES 90

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static atomic_ulong calls;

/* glibc's own names behind ours: these come first wherever the program or a library calls. */
void *malloc(size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_realloc(p, size);
}

void *memalign(size_t alignment, size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *p;

	atomic_fetch_add(&calls, 1);
	p = __libc_memalign(alignment, size);
	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void free(void *p)
{
	if (p)
		atomic_fetch_add(&calls, 1);
	__libc_free(p);
}

static int open_socket(int *ret_receiver)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*ret_receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*ret_receiver, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(*ret_receiver, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, size), 0);
	return fd;
}

static void run_until(struct pipeline *p, const struct stream_state *state, int control,
		      uint64_t pictures)
{
	uint64_t end = clock_now_ns() + 60 * NSEC_PER_SEC;
	struct pollfd polls[PIPELINE_POLLS];
	union media_message fact;
	int fd;

	while (state->frames_encoded < pictures && clock_now_ns() < end) {
		unsigned int n = pipeline_get_polls(p, polls);
		uint64_t deadline = pipeline_get_deadline_ns(p), now = clock_now_ns();

		(void)poll(polls, n, deadline > now ? (int)((deadline - now) / NSEC_PER_MSEC) : 0);
		assert_int_equal(pipeline_run(p, NULL, clock_now_ns()), 0);
		while (media_receive(control, &fact, &fd) > 0)
			;
	}
	assert_true(state->frames_encoded >= pictures);
}

static void test_nothing_is_allocated_for_a_picture(void **state)
{
	static struct stream_state stream;
	const struct media_configure c = {
		.format = { .mode = { 1280, 720, 30 }, .level_idc = 31, .slices = 4 },
		.rate_bps = 4000000,
		.encoder = MEDIA_ENCODER_X264
	};
	const struct encoder_host host = { 0 };
	struct encoder_caps caps;
	struct pipeline *p;
	struct source *s;
	struct facts facts;
	unsigned long before, after;
	int sockets[2], receiver;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	facts_init(&facts, sockets[1]);
	assert_int_equal(pipeline_new(&stream, &facts, -1, &p), 0);
	assert_int_equal(pipeline_probe(p, &host, &caps), 0);
	assert_int_equal(pipeline_configure(p, &c, clock_now_ns()), 0);
	assert_int_equal(source_open_pattern(0, &s), 0);
	assert_int_equal(pipeline_set_source(p, s, "", clock_now_ns()), 0);
	assert_int_equal(pipeline_start(p, open_socket(&receiver), clock_now_ns()), 0);
	run_until(p, &stream, sockets[0], SETTLE);
	before = atomic_load(&calls);
	run_until(p, &stream, sockets[0], SETTLE + PICTURES);
	after = atomic_load(&calls);
	pipeline_free(p);
	close(receiver);
	close(sockets[0]);
	close(sockets[1]);
	assert_true(before > 0);
	assert_int_equal(after - before, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_allocated_for_a_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The direct link with real sockets on loopback: one connection, then nobody else. */
#include "link/link.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <cmocka.h>

struct seen {
	sd_event *event;
	struct link *link;
	int connected, failed, error;
	int rtsp_fd;
	uint64_t bps;
	bool free_inside;
};

static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats)
{
	struct seen *seen = userdata;

	seen->connected++;
	seen->rtsp_fd = rtsp_fd;
	seen->bps = stats->current_bps;
	if (seen->free_inside)
		seen->link = link_free(seen->link);
	(void)sd_event_exit(seen->event, 0);
}

static void on_failed(void *userdata, enum link_stage stage, int error, const char *text)
{
	struct seen *seen = userdata;

	assert_int_equal(stage, LINK_STAGE_RTSP_WAIT);
	assert_non_null(strstr(text, "no sink connected"));
	seen->failed++;
	seen->error = error;
	if (seen->free_inside)
		seen->link = link_free(seen->link);
	(void)sd_event_exit(seen->event, 0);
}

static const struct link_events events = { on_connected, on_failed };

/* An address that no other program uses: no one takes the port between this and its use. */
static struct sockaddr_in free_address(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x4d0001);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	close_fd(fd);
	return a;
}

static int connect_to(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0) {
		int error = -errno;

		close_fd(fd);
		return error;
	}
	return fd;
}

static void run_connection(bool free_inside)
{
	struct sockaddr_in a = free_address();
	struct seen seen = { .free_inside = free_inside };
	int fd;

	assert_true(sd_event_new(&seen.event) >= 0);
	assert_int_equal(link_open_direct(seen.event, &a, 7000000, &events, &seen, &seen.link), 0);
	fd = connect_to(&a);
	assert_true(fd >= 0);
	assert_true(sd_event_loop(seen.event) >= 0);
	assert_int_equal(seen.connected, 1);
	assert_int_equal(seen.bps, 7000000);
	/* Only one: the listening socket is gone. */
	assert_int_equal(connect_to(&a), -ECONNREFUSED);
	close_fd(fd);
	link_free(seen.link);
	sd_event_unref(seen.event);
}

static void test_one_connection(void **state)
{
	(void)state;
	run_connection(false);
}

static void test_free_inside_connected(void **state)
{
	(void)state;
	run_connection(true);
}

static void test_nobody_comes(void **state)
{
	struct sockaddr_in a = free_address();
	struct seen seen = { .free_inside = true };

	(void)state;
	assert_true(sd_event_new(&seen.event) >= 0);
	assert_int_equal(link_open_direct(seen.event, &a, 1, &events, &seen, &seen.link), 0);
	assert_true(sd_event_loop(seen.event) >= 0);
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.error, -ETIMEDOUT);
	sd_event_unref(seen.event);
}

static void test_port_in_use(void **state)
{
	struct sockaddr_in a = free_address();
	struct seen seen = { 0 };
	struct link *second = NULL;

	(void)state;
	assert_true(sd_event_new(&seen.event) >= 0);
	assert_int_equal(link_open_direct(seen.event, &a, 1, &events, &seen, &seen.link), 0);
	assert_int_equal(link_open_direct(seen.event, &a, 1, &events, &seen, &second),
			 -EADDRINUSE);
	assert_null(second);
	link_free(seen.link);
	sd_event_unref(seen.event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_free_inside_connected),
		cmocka_unit_test(test_nobody_comes),
		cmocka_unit_test(test_port_in_use),
	};

	/* 30 s become 60 ms, which is plenty on loopback. */
	setenv("MIRACAST_TIME_SCALE", "0.002", 1);
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The connection: a whole exchange over a socket pair, byte by byte; how a connection breaks. */
#include "rtsp/server.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct link {
	sd_event *event;
	int ours, theirs;
	struct exchange *x;
	struct rtsp_server *server;
	char calls[512];
	struct exchange_error error;
	bool free_at_end;
	char received[65536];
	size_t size;
};

static struct link link_;

static void drop(struct link *l)
{
	l->server = rtsp_server_free(l->server);
	l->x = exchange_free(l->x);
}

static void note(struct link *l, const char *what)
{
	(void)strncat(l->calls, what, sizeof(l->calls) - strlen(l->calls) - 1);
}

static int on_send(void *userdata, const void *data, size_t size)
{
	return rtsp_server_send(((struct link *)userdata)->server, data, size);
}

static void on_sink(void *userdata, const struct wfd_sink *sink)
{
	static const struct wfd_choice choice = { .mode = { 640, 480, 60 },
						  .level_idc = 31,
						  .slices = 1 };
	struct link *l = userdata;

	(void)sink;
	note(l, "sink ");
	assert_int_equal(exchange_set_format(l->x, &choice, 1, clock_now_us()), 0);
}

static int on_setup(void *userdata, uint16_t rtp_port, uint16_t rtcp_port, uint16_t *ret_server_rtp,
		    uint16_t *ret_server_rtcp)
{
	(void)rtp_port, (void)rtcp_port, (void)ret_server_rtcp;
	note(userdata, "setup ");
	*ret_server_rtp = 5000;
	return 0;
}

static void on_play(void *userdata)
{
	note(userdata, "play ");
}

static void on_idr(void *userdata)
{
	(void)userdata;
}

static void on_teardown(void *userdata, bool by_sink, const char *reason)
{
	struct link *l = userdata;

	(void)reason;
	note(l, by_sink ? "teardown-by-sink " : "teardown ");
	if (l->free_at_end)
		drop(l);
}

static void on_failed(void *userdata, const struct exchange_error *error)
{
	struct link *l = userdata;

	l->error = *error;
	note(l, exchange_failure_to_string(error->failure));
	note(l, " ");
	if (l->free_at_end)
		drop(l);
}

static const struct exchange_ops ops = {
	.send = on_send,
	.on_sink = on_sink,
	.on_setup = on_setup,
	.on_play = on_play,
	.on_idr_request = on_idr,
	.on_teardown = on_teardown,
	.on_failed = on_failed,
};

static void open_link(struct link *l)
{
	struct exchange_config config = { .local_address = "127.0.0.1", .seed = 3 };
	int fds[2];

	memset(l, 0, sizeof(*l));
	exchange_limits_init(&config.limits);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	l->ours = fds[0];
	l->theirs = fds[1];
	assert_true(sd_event_new(&l->event) >= 0);
	assert_int_equal(exchange_new(&config, &ops, l, &l->x), 0);
	assert_int_equal(rtsp_server_new(l->event, l->ours, l->x, &l->server), 0);
}

/* The socket was borrowed: it is still open, and as it was. */
static void close_link(struct link *l)
{
	drop(l);
	assert_int_equal(fcntl(l->ours, F_GETFL) & O_NONBLOCK, 0);
	close_fd(l->ours);
	close_fd(l->theirs);
	l->event = sd_event_unref(l->event);
}

/* Turns the loop for at most that long, as long as something happens. */
static void turn(struct link *l, uint64_t us)
{
	while (sd_event_run(l->event, us) > 0)
		continue;
}

/* What we sent so far, as a text; keeps it. */
static const char *receive(struct link *l)
{
	ssize_t n;

	while ((n = recv(l->theirs, l->received + l->size, sizeof(l->received) - l->size - 1,
			 MSG_DONTWAIT)) > 0)
		l->size += (size_t)n;
	l->received[l->size] = '\0';
	return l->received;
}

static void wait_for(struct link *l, const char *text)
{
	uint64_t end = clock_now_us() + 5 * USEC_PER_SEC;

	while (!strstr(receive(l), text) && clock_now_us() < end)
		(void)sd_event_run(l->event, 10 * USEC_PER_MSEC);
	assert_non_null(strstr(l->received, text));
}

static void say(struct link *l, const char *text, size_t step)
{
	for (size_t size = strlen(text); size;) {
		size_t part = size < step ? size : step;

		assert_int_equal(send(l->theirs, text, part, MSG_NOSIGNAL), part);
		text += part;
		size -= part;
		turn(l, 0);
	}
}

#define M3                                                                          \
	"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 117\r\n\r\n"                 \
	"wfd_video_formats: 00 00 01 01 00000001 0 0\r\nwfd_audio_codecs: none\r\n" \
	"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 1028 0\r\n"

static void play(struct link *l, size_t step)
{
	rtsp_server_start(l->server);
	wait_for(l, "CSeq: 1\r\n");
	say(l, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", step);
	wait_for(l, "GET_PARAMETER rtsp://localhost/wfd1.0 RTSP/1.0\r\nCSeq: 2\r\n");
	say(l, M3, step);
	wait_for(l, "CSeq: 3\r\n");
	say(l, "RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n", step);
	wait_for(l, "CSeq: 4\r\n");
	say(l,
	    "RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\nSETUP rtsp://127.0.0.1/wfd1.0/streamid=0 "
	    "RTSP/1.0\r\n"
	    "CSeq: 2\r\nTransport: RTP/AVP/UDP;unicast;client_port=1028\r\n\r\n"
	    "PLAY rtsp://127.0.0.1/wfd1.0/streamid=0 RTSP/1.0\r\nCSeq: 3\r\n\r\n",
	    step);
	wait_for(l, "Range: npt=now-\r\n");
	assert_string_equal(l->calls, "sink setup play ");
	l->calls[0] = '\0';
}

static void test_pieces(void **state)
{
	static const size_t steps[] = { 1, 7, 1000 };
	struct link *l = &link_;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		open_link(l);
		play(l, steps[i]);
		say(l, "TEARDOWN rtsp://127.0.0.1/wfd1.0/streamid=0 RTSP/1.0\r\nCSeq: 4\r\n\r\n",
		    steps[i]);
		assert_string_equal(l->calls, "teardown-by-sink ");
		wait_for(l, "RTSP/1.0 200 OK\r\nCSeq: 4\r\n");
		close_link(l);
	}
}

/* A call down needs no word to the server: its time limit is kept. */
static void test_teardown(void **state)
{
	struct link *l = &link_;
	uint64_t before;

	(void)state;
	open_link(l);
	play(l, 1000);
	before = clock_now_us();
	exchange_teardown(l->x, before);
	wait_for(l, "TEARDOWN\r\n");
	while (!l->calls[0])
		assert_true(sd_event_run(l->event, USEC_PER_SEC) > 0);
	assert_string_equal(l->calls, "teardown ");
	assert_in_range(clock_now_us() - before, 49000, 2000000);
	close_link(l);
}

static void test_garbage(void **state)
{
	struct link *l = &link_;

	(void)state;
	open_link(l);
	rtsp_server_start(l->server);
	say(l, "GET / HTTP/1.1\r\n", 3);
	assert_string_equal(l->calls, "protocol ");
	assert_int_equal(l->error.error, -EPROTO);
	say(l, "more and more", 1);
	assert_string_equal(l->calls, "protocol ");
	close_link(l);
}

static void test_closed(void **state)
{
	struct link *l = &link_;

	(void)state;
	/* Half-closed, then closed, then with bytes of ours unread, which is a reset. */
	for (unsigned way = 0; way < 3; way++) {
		open_link(l);
		l->free_at_end = way == 1;
		rtsp_server_start(l->server);
		if (way == 0)
			assert_int_equal(shutdown(l->theirs, SHUT_WR), 0);
		else
			(void)(way == 1 ? receive(l) : NULL), l->theirs = close_fd(l->theirs);
		turn(l, 0);
		assert_string_equal(l->calls, way == 2 ? "connection " : "closed ");
		assert_int_equal(l->error.error, -ECONNRESET);
		close_link(l);
	}
}

/* A sink that asks and asks and never reads: bounded, then the end. */
static void test_never_reads(void **state)
{
	static const char request[] = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
	struct link *l = &link_;
	int size = 4096;

	(void)state;
	open_link(l);
	assert_int_equal(setsockopt(l->ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	rtsp_server_start(l->server);
	for (unsigned i = 0; i < 100000 && !l->calls[0]; i++) {
		(void)send(l->theirs, request, sizeof(request) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		turn(l, 0);
	}
	assert_string_equal(l->calls, "connection ");
	assert_int_equal(l->error.error, -ENOBUFS);
	close_link(l);
}

/* The same sink reads at last: everything arrives, in order. */
static void test_reads_late(void **state)
{
	struct link *l = &link_;
	int size = 4096;
	unsigned n = 0;

	(void)state;
	open_link(l);
	assert_int_equal(setsockopt(l->ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	rtsp_server_start(l->server);
	for (unsigned i = 0; i < 200; i++)
		say(l, "OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n", 1000);
	for (unsigned i = 0; i < 1000; i++) {
		(void)receive(l);
		turn(l, 0);
	}
	for (const char *at = l->received; (at = strstr(at, "CSeq: 9\r\nPublic: ")); at++)
		n++;
	assert_int_equal(n, 200);
	assert_string_equal(l->calls, "");
	close_link(l);
}

/* Freed in the middle of a read that holds more messages. */
static void test_freed_in_between(void **state)
{
	struct link *l = &link_;

	(void)state;
	open_link(l);
	l->free_at_end = true;
	play(l, 1000);
	say(l,
	    "TEARDOWN rtsp://x/wfd1.0 RTSP/1.0\r\nCSeq: 4\r\n\r\n"
	    "OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 6\r\n\r\n",
	    1000);
	assert_null(l->server);
	wait_for(l, "RTSP/1.0 200 OK\r\nCSeq: 4\r\n");
	assert_null(strstr(l->received, "CSeq: 5\r\n"));
	close_link(l);
}

/* A message that begins and never ends, and never leaves the loop a quiet moment. */
static void test_trickle(void **state)
{
	struct link *l = &link_;
	struct exchange_config config = { .local_address = "127.0.0.1" };

	(void)state;
	open_link(l);
	exchange_limits_init(&config.limits);
	config.limits.reply = 60 * USEC_PER_SEC; /* only the server's own limit is near */
	drop(l);
	assert_int_equal(exchange_new(&config, &ops, l, &l->x), 0);
	assert_int_equal(rtsp_server_new(l->event, l->ours, l->x, &l->server), 0);
	rtsp_server_start(l->server);
	while (!l->calls[0]) {
		(void)send(l->theirs, "A", 1, MSG_NOSIGNAL);
		(void)usleep(5000);
		(void)sd_event_run(l->event, 0);
	}
	assert_string_equal(l->calls, "protocol ");
	assert_int_equal(l->error.error, -ETIMEDOUT);
	close_link(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),		 cmocka_unit_test(test_teardown),
		cmocka_unit_test(test_garbage),		 cmocka_unit_test(test_closed),
		cmocka_unit_test(test_never_reads),	 cmocka_unit_test(test_reads_late),
		cmocka_unit_test(test_freed_in_between), cmocka_unit_test(test_trickle),
	};

	assert_int_equal(setenv("MIRACAST_TIME_SCALE", "0.1", 1), 0);
	return cmocka_run_group_tests_name("rtsp-server", tests, NULL, NULL);
}

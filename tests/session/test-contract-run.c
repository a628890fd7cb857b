// SPDX-License-Identifier: GPL-2.0-or-later
/* The contract, cases 37 to 65: sockets, Stop, messages of the kernel, statistics. */
#include "contract-case.h"

#include "util/cleanup.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* ---------------------------------------------------------------- sockets */

static void test_rtsp_socket_stays(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	bench_pass(b, S);
	assert_true(fcntl(b->rtsp_fd, F_GETFD) >= 0);
	assert_false(b->sink.saw_end);
	b->session = session_destroy(b->session);
	bench_settle(b);
	assert_true(fcntl(b->rtsp_fd, F_GETFD) >= 0);
	assert_false(b->sink.saw_end);
	b->rtsp_fd = close_fd(b->rtsp_fd);
	assert_true(sink_step(&b->sink) || b->sink.saw_end);
}

static void test_sockets_close_in_stop(void **state)
{
	struct bench *b = *state;
	unsigned int before;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	before = count_fds();
	assert_int_equal(bench_start(b), 0);
	bench_pass_started(b);
	assert_true(count_fds() > before); /* RTP */
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	assert_int_equal(count_fds(), before);
	bench_finish(b);
}

/* One more socket, and gone as well. */
static void test_rtcp_socket_closes(void **state)
{
	struct bench *b = *state;
	unsigned int before;

	b->script.rtcp = true;
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	before = count_fds();
	assert_int_equal(bench_start(b), 0);
	bench_pass_started(b);
	assert_int_equal(count_fds(), before + 2);
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	assert_int_equal(count_fds(), before);
	bench_finish(b);
}

static void test_sockets_close_in_failed_start(void **state)
{
	struct bench *b = *state;
	unsigned int before;

	b->script.acts[SINK_M7].fault = SINK_SILENT;
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	before = count_fds();
	assert_int_equal(bench_start(b), 0);
	bench_pass_started(b);
	assert_int_equal(b->started_error, -ETIMEDOUT);
	assert_int_equal(count_fds(), before);
	assert_true(fcntl(b->rtsp_fd, F_GETFD) >= 0);
	bench_finish(b);
}

static void test_reused_number(void **state)
{
	struct bench *b = *state;
	_cleanup_close_ int other = -1;
	int fds[2];
	char c;

	bench_run(b, 0);
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	other = fds[1];
	assert_int_equal(dup2(fds[0], b->rtsp_fd), b->rtsp_fd);
	close_fd(fds[0]);
	assert_int_equal(write(other, "x", 1), 1);
	bench_pass(b, 60 * S);
	assert_int_equal(read(b->rtsp_fd, &c, 1), 1); /* nobody took it */
	assert_int_equal(read(other, &c, 1), -1);     /* nobody wrote */
}

static void test_fin(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	sink_end(&b->sink);
	bench_pass(b, 60 * S);
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end.reason, SESSION_END_CRITICAL);
	assert_int_equal(b->end.error, -ECONNRESET);
	assert_string_equal(b->end_text, "the sink closed the connection");
	bench_finish(b);
}

static void test_m8_then_fin(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	sink_request(&b->sink, "TEARDOWN", "", "");
	(void)sink_step(&b->sink);
	sink_end(&b->sink);
	bench_pass(b, 60 * S);
	assert_int_equal(b->n_ended, 1);
	assert_int_equal(b->end.reason, SESSION_END_SINK_REQUEST);
	bench_finish(b);
}

/* Whatever the Transport header asks for: the stream goes to whom the connection comes from. */
static void test_peer_of_stream(void **state)
{
	struct bench *b = *state;
	struct sockaddr_in peer, own;
	socklen_t size = sizeof(peer);
	char text[INET_ADDRSTRLEN];

	bench_run(b, 0);
	assert_int_equal(getpeername(b->media.rtp_fd, (struct sockaddr *)&peer, &size), 0);
	assert_string_equal(inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text)), SINK_ADDRESS);
	assert_int_equal(ntohs(peer.sin_port), SINK_RTP_PORT);
	assert_int_equal(getsockname(b->media.rtp_fd, (struct sockaddr *)&own, &size), 0);
	assert_string_equal(inet_ntop(AF_INET, &own.sin_addr, text, sizeof(text)), "127.0.0.1");
	bench_finish(b);
}

/* ---------------------------------------------------------------- stop */

static void test_stop_is_told(void **state)
{
	struct bench *b = *state;
	uint64_t begin_us;

	bench_run(b, 0);
	begin_us = clock_now_us();
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	assert_int_equal(sink_count(&b->sink, "M5-TEARDOWN"), 1);
	assert_int_equal(sink_count(&b->sink, "M8-ok"), 1);
	assert_true(clock_now_us() - begin_us < 10 * MS);
	bench_finish(b);
}

static void test_stop_of_deaf(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	b->sink.script.deaf = true;
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, SESSION_STOP_LIMIT_MS * MS));
	bench_finish(b);
}

/* Who has gone is not waited for. */
static void test_stop_after_end(void **state)
{
	struct bench *b = *state;
	uint64_t now_us;

	bench_run(b, 0);
	sink_reset(&b->sink);
	bench_pass_ended(b);
	now_us = clock_now_us();
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	assert_int_equal(clock_now_us(), now_us);
	bench_finish(b);
}

/* Whatever else may be wrong: Stop has a limit of its own. */
static void test_stop_limit(void **state)
{
	struct bench *b = *state;
	uint64_t begin_us;

	bench_run(b, 0);
	b->is_stuck = true;
	begin_us = clock_now_us();
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 10 * S));
	assert_int_equal(clock_now_us() - begin_us, SESSION_STOP_LIMIT_MS * MS);
	bench_finish(b);
}

static void test_stop_keeps_plug(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	bench_pass(b, 60 * S);
	assert_true(b->head.is_plugged);
	assert_int_equal(b->head.n_unplugs, 0);
	b->session = session_destroy(b->session);
	assert_int_equal(b->head.n_unplugs, 1);
}

static void remove_monitor(struct bench *b)
{
	sink_request(&b->sink, "SET_PARAMETER", "Content-Type: text/parameters\r\n",
		     "wfd_connector_type: none\r\n");
	bench_settle(b);
}

static void test_departure_before_stop(void **state)
{
	struct bench *b = *state;

	b->in_ended = 's';
	bench_run(b, 0);
	remove_monitor(b);
	assert_true(bench_noted_before(b, "event:2", "unplug"));
	assert_true(bench_noted_before(b, "unplug", "stop-pending"));
	bench_finish(b);
	assert_int_equal(b->head.n_unplugs, 1);
}

static void test_nothing_leaves(void **state)
{
	struct bench *b = *state;
	unsigned int told;

	bench_run(b, 0);
	session_stop(b->session);
	assert_int_equal(b->head.n_revokes, 1); /* no frame comes any more */
	assert_false(b->media.is_streaming);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	told = b->n_statistics;
	bench_media_tells_chunk(b, MEDIA_CHUNK_SENT, 7, 0);
	assert_int_equal(b->n_statistics, told);
	assert_int_equal(b->media.rtp_fd, -1);
	assert_false(b->media.is_alive);
	bench_finish(b);
}

/* ---------------------------------------------------------------- messages of the kernel */

static void test_held_messages(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_kernel_mode(b, 1280, 720, 60);
	bench_kernel_mode(b, 1024, 768, 60);
	bench_kernel_power(b, true);
	assert_int_equal(b->n_started, 0);
	bench_pass_started(b);
	bench_pass(b, S);
	/* The negotiated one, then both in their order, each once. */
	assert_int_equal(sink_count(&b->sink, "M4"), 3);
	assert_true(bench_noted_before(b, "plug", "configure:1280x720@60"));
	assert_true(bench_noted_before(b, "configure:1280x720@60", "configure:1024x768@60"));
	assert_int_equal(b->media.n_configures, 3);
	bench_finish(b);
}

/* What comes between "done" and ops.started must not overtake. */
static void test_order_is_kept(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_kernel_mode(b, 1280, 720, 60);
	while (session_get_state(b->session) != SESSION_STARTED) {
		if (sd_event_run(b->event, 0) == 0 && !sink_step(&b->sink))
			fake_clock_set_us(clock_now_us() + MS);
	}
	bench_kernel_mode(b, 1024, 768, 60); /* the first one is still held */
	bench_pass(b, S);
	assert_int_equal(b->media.format.mode.width, 1024);
	bench_finish(b);
}

static void test_too_many_messages(void **state)
{
	const struct session_kernel_message m = { .type = SESSION_KERNEL_POWER, .active = true };
	struct bench *b = *state;
	unsigned int n = 0;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	while (n < 1000 && session_kernel_message(b->session, &m) == 0)
		n++;
	assert_int_equal(n, 16);
	assert_int_equal(session_kernel_message(b->session, &m), -ENOBUFS);
	bench_pass_started(b);
	assert_int_equal(b->started_error, 0);
	bench_finish(b);
}

static void test_refused_messages(void **state)
{
	const struct session_kernel_message m = { .type = SESSION_KERNEL_POWER };
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	assert_int_equal(session_kernel_message(b->session, &m), -ESHUTDOWN);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_pass_started(b);
	session_stop(b->session);
	b->journal[0] = '\0';
	assert_int_equal(session_kernel_message(b->session, &m), -ESHUTDOWN);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, 3 * S));
	assert_int_equal(session_kernel_message(b->session, &m), -ESHUTDOWN);
	bench_pass(b, 30 * S);
	assert_false(bench_noted(b, "source:2:own"));
	bench_finish(b);
}

static void test_two_at_once(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M4].delay_us = 100 * MS;
	bench_run(b, 0);
	bench_kernel_mode(b, 1280, 720, 60); /* unanswered ... */
	bench_kernel_mode(b, 1024, 768, 60); /* ... when this one comes ... */
	bench_kernel_mode(b, 1920, 1080, 60); /* ... and this: back to where we were */
	bench_pass(b, S);
	assert_int_equal(b->media.format.mode.width, 1920);
	assert_int_equal(b->media.format.mode.refresh_hz, 60);
	assert_int_equal(sink_count(&b->sink, "M4"), 3); /* of several the last one counts */
	bench_finish(b);
}

/* ---------------------------------------------------------------- statistics */

static void check_chunk(struct bench *b, enum media_chunk_kind kind, enum session_chunk_type type)
{
	bench_media_tells_chunk(b, kind, 101, 0);
	assert_int_equal(b->statistic.type, SESSION_STATISTIC_CHUNK_COMPLETE);
	assert_int_equal(b->statistic.chunk.type, type);
	assert_int_equal(b->statistic.chunk.id.frame, 101);
	assert_int_equal(b->statistic.chunk.id.part, 0);
	assert_int_equal(b->statistic.chunk.time_us, clock_now_us());
}

static void test_one_frame(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	check_chunk(b, MEDIA_CHUNK_FRAME_START, SESSION_CHUNK_FRAME_START);
	check_chunk(b, MEDIA_CHUNK_CONVERTED, SESSION_CHUNK_COLOR_CONVERT_COMPLETE);
	check_chunk(b, MEDIA_CHUNK_ENCODED, SESSION_CHUNK_ENCODE_COMPLETE);
	bench_media_tells_chunk(b, MEDIA_CHUNK_SENT, 101, 0);
	assert_int_equal(b->statistic.type, SESSION_STATISTIC_CHUNK_SENT);
	assert_int_equal(b->statistic.sent.frame, 101);
	bench_finish(b);
}

static void test_parts(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	for (uint32_t part = 1; part < 4; part++) {
		bench_media_tells_chunk(b, MEDIA_CHUNK_ENCODED, 5, part % 3);
		assert_int_equal(b->statistic.chunk.id.part, part % 3);
		assert_int_equal(b->statistic.chunk.id.frame, 5);
	}
	/* 40 and 24 bits, and no more. */
	bench_media_tells_chunk(b, MEDIA_CHUNK_SENT, (UINT64_C(1) << 40) + 9, UINT32_MAX);
	assert_int_equal(b->statistic.sent.frame, 9);
	assert_int_equal(b->statistic.sent.part, 0xffffff);
	bench_finish(b);
}

static void test_repeated_frame(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	for (int i = 0; i < 2; i++)
		check_chunk(b, MEDIA_CHUNK_ENCODED, SESSION_CHUNK_ENCODE_COMPLETE);
	assert_int_equal(b->n_statistics, 2);
	bench_finish(b);
}

static void test_units(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	check_chunk(b, MEDIA_CHUNK_ENCODED, SESSION_CHUNK_ENCODE_COMPLETE);
	assert_int_equal(b->statistic.chunk.processing_us, 950);
	assert_int_equal(b->statistic.chunk.rate_kbps, 15000);
	bench_finish(b);
}

static void test_dropped(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	check_chunk(b, MEDIA_CHUNK_DROPPED, SESSION_CHUNK_FRAME_DROPPED);
	bench_finish(b);
}

static void test_no_effect(void **state)
{
	struct bench *b = *state;
	struct session_status before, after;

	bench_run(b, 0);
	session_get_status(b->session, &before);
	b->journal[0] = '\0';
	for (unsigned int i = 0; i < 10000; i++)
		bench_media_tells_chunk(b, i % 5, i, 0);
	bench_settle(b);
	session_get_status(b->session, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_string_equal(b->journal, "");
	assert_int_equal(b->n_statistics, 10000);
	bench_finish(b);
}

static void test_nobody_listens(void **state)
{
	struct bench *b = *state;

	b->ops.statistic = NULL;
	b->ops.state_changed = NULL;
	b->ops.transcript = NULL;
	b->ops.register_data_rate = NULL;
	bench_run(b, 0);
	bench_media_tells_chunk(b, MEDIA_CHUNK_SENT, 1, 0);
	assert_int_equal(session_data_rate(b->session, NULL), -ESHUTDOWN);
	bench_finish(b);
}

/* ---------------------------------------------------------------- protocol events */

static void ask_for_idr(struct bench *b)
{
	sink_request(&b->sink, "SET_PARAMETER", "Content-Type: text/parameters\r\n",
		     "wfd_idr_request\r\n");
	bench_settle(b);
}

static void test_idr_request(void **state)
{
	struct bench *b = *state;
	uint64_t now_us;

	bench_run(b, 0);
	now_us = clock_now_us();
	ask_for_idr(b);
	assert_int_equal(b->events[SESSION_EVENT_IDR_REQUEST], 1);
	assert_int_equal(b->media.n_idrs, 1);
	assert_non_null(strstr(sink_find(&b->sink, "other", 0)->text, "RTSP/1.0 200"));
	assert_int_equal(sink_find(&b->sink, "other", 0)->time_us, now_us);
	bench_finish(b);
}

static void test_many_idr_requests(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	for (int i = 0; i < 20; i++) {
		ask_for_idr(b);
		bench_pass(b, 50 * MS);
	}
	assert_int_equal(b->events[SESSION_EVENT_IDR_REQUEST], 20);
	assert_int_equal(sink_count(&b->sink, "other"), 20);
	assert_int_equal(session_get_state(b->session), SESSION_STARTED);
	bench_finish(b);
}

/* clang-format off */
static const struct CMUnitTest cases[] = {
	CASE("case 37: the RTSP socket stays open until the owner closes it", test_rtsp_socket_stays),
	CASE("case 38: every other socket closes in Stop", test_sockets_close_in_stop),
	CASE("case 38: RTCP's as well", test_rtcp_socket_closes),
	CASE("case 38: and in a Start that fails", test_sockets_close_in_failed_start),
	CASE("case 39: a number that is used again is not touched", test_reused_number),
	CASE("case 40: FIN without M8 is critical, once", test_fin),
	CASE("case 40: M8 and FIN are the sink's request, once", test_m8_then_fin),
	CASE("case 40: the stream goes to the peer of the connection", test_peer_of_stream),
	CASE("case 41: Stop tells the sink", test_stop_is_told),
	CASE("case 41: a sink that reads nothing does not hold Stop", test_stop_of_deaf),
	CASE("case 41: a sink that has gone is not waited for", test_stop_after_end),
	CASE("case 41: Stop ends after 3 s even if the exchange does not", test_stop_limit),
	CASE("case 42: Stop does not unplug, Destroy does", test_stop_keeps_plug),
	CASE("case 43: a departure is told before Stop", test_departure_before_stop),
	CASE("case 44: nothing leaves after Stop", test_nothing_leaves),
	OPEN("case 45: open: needs the service: PrepareForSleep"),
	CASE("case 46: messages during Start are handled after it, in order", test_held_messages),
	CASE("case 46: a later message does not overtake held ones", test_order_is_kept),
	CASE("case 46: more messages than can be held are refused", test_too_many_messages),
	CASE("case 47: messages after Stop are refused", test_refused_messages),
	CASE("case 48: messages in a row end in the last one's state", test_two_at_once),
	OPEN("case 50: open: needs the module: fuzzed ioctls"),
	CASE("case 51: a frame's steps in order, part 0", test_one_frame),
	CASE("case 52: parts keep their numbers", test_parts),
	CASE("case 53: a repeated picture repeats its numbers", test_repeated_frame),
	CASE("case 55: microseconds and kilobits", test_units),
	CASE("case 56: a dropped frame says so", test_dropped),
	CASE("case 57: statistics change nothing, 10000 of them", test_no_effect),
	CASE("case 57: an owner without optional call backs", test_nobody_listens),
	CASE("case 64: M13 is told, answered and passed on", test_idr_request),
	CASE("case 65: 20 of M13 in a second are all told", test_many_idr_requests),
};
/* clang-format on */

int main(void)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), "contract: run and stop");
}

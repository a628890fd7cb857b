// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes wrong on the path: an encoder, a source, a network, and commands that come in the midst. */
#include "pipeline-bench.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The encoder breaks in the midst of a picture: what was sent of it stays half, an IDR comes. */
static void test_encoder_breaks_between_parts(void **state)
{
	(void)state;
	bench_begin_with(-1);
	enc.parts = 3;
	bench_stream_from(&src.source);
	bench_show(1);
	assert_int_equal(bench_run_for(20 * MS), 0);
	enc.parts_fail = true;
	bench_show(2);
	assert_int_equal(bench_run_for(40 * MS), 0);
	assert_int_equal(enc.opened, 2);
	assert_int_equal(b.state.frames_encoded, 2);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(net.parts, 3 + 1 + 3);
	assert_int_equal(net.abandoned, 1);
	bench_end();
}

/* What waits in the socket for a slow link counts as a queue, too. */
static void test_socket_backlog(void **state)
{
	unsigned int pushed;

	(void)state;
	bench_begin();
	for (unsigned int i = 1; i <= 20; i++) {
		b.state.bytes += 10000;
		net.socket_bytes = i * 8000;
		bench_show(i);
		assert_int_equal(bench_run_for(20 * MS), 0);
	}
	assert_true(bench_count_facts(MEDIA_BLOCKED, NULL) > 0);
	pushed = net.pushed;
	bench_show(21);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.pushed, pushed); /* dropped before it was encoded */
	net.socket_bytes = 0;
	bench_show(22);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.pushed, pushed + 1);
	bench_end();
}

static void test_encoder_fails_once_and_again(void **state)
{
	union media_message m;

	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(50 * MS), 0);
	enc.failures = 1;
	bench_show(2);
	assert_int_equal(bench_run_for(50 * MS), 0);
	assert_int_equal(enc.opened, 2);
	assert_int_equal(net.pushed, 2);
	assert_int_equal(net.idrs, 2);
	enc.failures = 1;
	bench_show(3);
	assert_int_equal(bench_run_for(50 * MS), -EIO);
	assert_int_equal(bench_count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_ENCODE);
	assert_int_equal(m.error.error, -EIO);
	bench_end();
}

/* The trial was wrong about the desktop's buffers: nothing breaks, the CPU reads instead. */
static void test_device_cannot_read_the_desktop(void **state)
{
	(void)state;
	bench_begin_with(-1);
	enc.imports = enc.blind = true;
	bench_stream_from(&src.source);
	assert_true(src.by_device);
	bench_show(1);
	assert_int_equal(bench_run_for(50 * MS), 0);
	assert_false(src.by_device);
	assert_int_equal(enc.last.number, 1);
	assert_ptr_equal(enc.last.planes[0], src.pixels);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(net.idrs, 1);
	assert_int_equal(enc.opened, 1);
	assert_true(b.state.raw_bytes_copied > 0);
	bench_end();
}

static void test_encoder_hangs(void **state)
{
	union media_message m;
	int gate;

	(void)state;
	bench_begin();
	gate = bench_close_gate();
	bench_show(1);
	bench_run_once();
	now += 500 * MS;
	assert_int_equal(pipeline_run(b.pipeline, NULL, now), 0);
	assert_true(pipeline_get_deadline_ns(b.pipeline) <= now + 35 * MS);
	now += 35 * MS;
	assert_int_equal(pipeline_run(b.pipeline, NULL, now), -ETIMEDOUT);
	assert_int_equal(bench_count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_ENCODE);
	assert_string_equal(m.error.text, "the encoder hung");
	bench_open_gate(gate, "."); /* or the test would hang with it */
	(void)bench_settle();
	bench_end();
	close(gate);
	close(enc.gate);
}

/* The source goes, or gets another mode, only when the encoder does not read from it. */
static void test_source_changes_while_encoding(void **state)
{
	struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 60 },
				     .format.level_idc = 31,
				     .format.slices = 1,
				     .rate_bps = 1000000 };
	int gate;

	(void)state;
	bench_begin();
	gate = bench_close_gate();
	bench_show(1);
	bench_run_once();
	assert_int_equal(src.held, 1);
	bench_open_gate(gate, ".");
	assert_int_equal(pipeline_configure(b.pipeline, &c, now), 0); /* src_configure looks */
	assert_int_equal(src.held, 0);
	bench_show(2);
	bench_run_once();
	bench_show(3);
	bench_run_once();
	assert_int_equal(src.held, 2);
	bench_open_gate(gate, ".");
	assert_int_equal(pipeline_set_source(b.pipeline, NULL, "gone", now), 0);
	assert_true(src.closed);
	bench_open_gate(gate, "...");
	assert_int_equal(bench_run_for(50 * MS), 0);
	assert_ptr_not_equal(enc.last.planes[0], src.pixels);
	bench_end();
	close(gate);
	close(enc.gate);
}

static void test_pause_while_encoding(void **state)
{
	int gate;

	(void)state;
	bench_begin();
	gate = bench_close_gate();
	bench_show(1);
	bench_run_once();
	pipeline_pause(b.pipeline);
	bench_open_gate(gate, ".");
	assert_int_equal(bench_settle(), 0);
	assert_int_equal(src.held, 0);
	assert_int_equal(net.pushed, 0);
	bench_open_gate(gate, "...");
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.idrs, 1);
	bench_end();
	close(gate);
	close(enc.gate);
}

/* Two of three parts have left; the last one comes when a byte is written to what is returned. */
static int begin_picture_in_parts(void)
{
	int gate;

	bench_begin_with(-1);
	enc.parts = 3;
	bench_stream_from(&src.source);
	gate = bench_close_late_gate();
	bench_show(1);
	while (net.parts < 2)
		assert_int_equal(pipeline_run(b.pipeline, NULL, now), 0);
	return gate;
}

/* What has begun to leave leaves whole: a sink shows its last picture for as long as we pause. */
static void test_pause_between_parts(void **state)
{
	int gate;

	(void)state;
	gate = begin_picture_in_parts();
	bench_open_gate(gate, ".");
	pipeline_pause(b.pipeline);
	assert_int_equal(net.parts, 3);
	assert_int_equal(net.fd, -1);
	bench_end();
	close(gate);
	close(enc.late_gate);
}

/* Nor does an encoder that takes its time hold up a pause, nor begins a picture in it. */
static void test_pause_has_a_limit(void **state)
{
	uint64_t begun;
	int gate;

	(void)state;
	gate = begin_picture_in_parts();
	net.flush_ns = 10 * MS;
	begun = now;
	pipeline_pause(b.pipeline);
	assert_in_range(now - begun, 100 * MS, 110 * MS);
	bench_open_gate(gate, "....");
	assert_int_equal(bench_settle(), 0);
	assert_int_equal(net.parts, 2);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	net.flush_ns = 0;
	bench_show(2);
	bench_run_once(); /* nothing of it is taken yet */
	pipeline_pause(b.pipeline);
	assert_int_equal(net.parts, 2);
	bench_end();
	close(gate);
	close(enc.late_gate);
}

/* Stopped and started again while the encoder works, with a desktop that rests: it is shown again. */
static void test_start_while_encoding(void **state)
{
	int gate;

	(void)state;
	bench_begin();
	gate = bench_close_gate();
	bench_show(1);
	bench_run_once();
	pipeline_pause(b.pipeline);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	bench_open_gate(gate, "......");
	assert_int_equal(bench_run_for(300 * MS), 0);
	assert_false(b.pipeline->own);
	assert_ptr_equal(enc.last.planes[0], src.pixels);
	assert_int_equal(net.idrs, 1);
	bench_end();
	close(gate);
	close(enc.gate);
}

static void test_network_that_does_not_keep_up(void **state)
{
	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(50 * MS), 0);
	net.queue_age_ns = 120 * MS;
	bench_show(2);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(enc.submitted, 1); /* not even encoded */
	assert_true(b.state.frames_dropped > 0);
	assert_true(bench_count_facts(MEDIA_BLOCKED, NULL) > 0);
	net.queue_age_ns = 0; /* and sent as soon as there is room, though the desktop rests */
	assert_int_equal(bench_run_for(50 * MS), 0);
	assert_int_equal(net.pushed, 2);
	assert_true(enc.last.number == 2);
	bench_end();
}

/* Refused by the stream, it is owed still: the picture that rests is sent again, as an IDR. */
static void test_refused_idr_is_owed(void **state)
{
	(void)state;
	bench_begin();
	net.refuse = true;
	bench_show(1);
	assert_int_equal(bench_run_for(10 * MS), 0);
	assert_int_equal(net.idrs, 0);
	net.refuse = false;
	assert_int_equal(bench_run_for(150 * MS), 0);
	assert_int_equal(net.idrs, 1);
	bench_end();
}

static void test_refused_picture_makes_an_idr(void **state)
{
	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(NSEC_PER_SEC), 0);
	net.refuse = true;
	bench_show(2);
	assert_int_equal(bench_run_for(20 * MS), 0);
	net.refuse = false;
	assert_int_equal(bench_run_for(100 * MS), 0);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(b.state.frames_dropped, 1);
	bench_end();
}

static void test_network_gone(void **state)
{
	union media_message m;

	(void)state;
	bench_begin();
	net.push_error = -ENETUNREACH;
	bench_show(1);
	assert_int_equal(bench_run_for(20 * MS), -ENETUNREACH);
	assert_int_equal(bench_count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_SEND);
	bench_end();
}

static void test_clip_is_over(void **state)
{
	union media_message m;

	(void)state;
	bench_begin();
	src.error = -ENODATA;
	assert_int_equal(bench_run_for(20 * MS), -ENODATA);
	assert_int_equal(bench_count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_INPUT_END);
	bench_end();
}

static void test_wrong_size_is_dropped(void **state)
{
	(void)state;
	bench_begin();
	src.width = WIDTH / 2;
	bench_show(1);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(enc.submitted, 0);
	assert_int_equal(b.state.frames_dropped, 1);
	bench_end();
}

static void test_late_and_rate_are_told(void **state)
{
	union media_message m;

	(void)state;
	bench_begin();
	net.late_ns = 3 * MS;
	bench_show(1);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(b.state.frames_late, 1);
	assert_int_equal(bench_count_facts(MEDIA_LATE, &m), 1);
	assert_int_equal(m.late.late_us, 3000);
	assert_int_equal(bench_run_for(2 * NSEC_PER_SEC), 0);
	assert_int_equal(bench_count_facts(MEDIA_RATE, NULL), 2);
	bench_end();
}

/* A daemon that does not read costs statistics, nothing else. */
static void test_full_control_socket(void **state)
{
	int small = 1;

	(void)state;
	bench_begin_with(-1);
	assert_int_equal(setsockopt(b.facts.socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
			 0);
	bench_stream_from(&src.source);
	for (unsigned int i = 1; i <= 200; i++) {
		bench_show(i);
		assert_int_equal(bench_run_for(33 * MS), 0);
	}
	assert_int_equal(net.pushed, 200);
	assert_true(b.facts.lost > 100);
	facts_send_error(&b.facts, MEDIA_STAGE_ENCODE, -EIO, "kept");
	assert_true(facts_wants_pollout(&b.facts));
	(void)bench_count_facts(MEDIA_ERROR, NULL);
	facts_flush(&b.facts);
	assert_int_equal(bench_count_facts(MEDIA_ERROR, NULL), 1);
	bench_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encoder_breaks_between_parts),
		cmocka_unit_test(test_socket_backlog),
		cmocka_unit_test(test_encoder_fails_once_and_again),
		cmocka_unit_test(test_device_cannot_read_the_desktop),
		cmocka_unit_test(test_encoder_hangs),
		cmocka_unit_test(test_source_changes_while_encoding),
		cmocka_unit_test(test_pause_while_encoding),
		cmocka_unit_test(test_pause_between_parts),
		cmocka_unit_test(test_pause_has_a_limit),
		cmocka_unit_test(test_start_while_encoding),
		cmocka_unit_test(test_network_that_does_not_keep_up),
		cmocka_unit_test(test_refused_idr_is_owed),
		cmocka_unit_test(test_refused_picture_makes_an_idr),
		cmocka_unit_test(test_network_gone),
		cmocka_unit_test(test_clip_is_over),
		cmocka_unit_test(test_wrong_size_is_dropped),
		cmocka_unit_test(test_late_and_rate_are_told),
		cmocka_unit_test(test_full_control_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The path of a picture: in which order, when, how often, and what the daemon is told of it. */
#include "pipeline-bench.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void test_order_of_commands(void **state)
{
	union media_message m;

	(void)state;
	bench_begin_with(-1);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), -EPROTO);
	assert_int_equal(bench_count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_START);
	bench_end();
	bench_begin_with(-1);
	assert_int_equal(pipeline_set_rate(b.pipeline, 1000, 0), -EPROTO);
	bench_end();
}

static void test_numbers_of_a_stream_and_its_successor(void **state)
{
	uint32_t ssrc;

	(void)state;
	bench_begin_with(-1);
	assert_false(net.numbers.successor);
	bench_stream_from(&src.source);
	ssrc = b.state.ssrc;
	assert_int_equal(b.state.generation, 1);
	pipeline_pause(b.pipeline);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(b.state.generation, 1);
	b.pipeline = pipeline_free(b.pipeline);
	assert_int_equal(pipeline_new(&b.state, &b.facts, -1, &b.pipeline), 0);
	assert_true(net.numbers.successor);
	assert_int_equal(b.state.ssrc, ssrc);
	bench_end();
}

static void test_one_frame_through_all_stages(void **state)
{
	union media_message m;
	const enum media_chunk_kind order[] = { MEDIA_CHUNK_FRAME_START, MEDIA_CHUNK_ENCODED,
						MEDIA_CHUNK_SENT };
	unsigned int n = 0;
	int r, fd;

	(void)state;
	bench_begin();
	bench_show(7);
	assert_int_equal(bench_run_for(10 * MS), 0);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(net.idrs, 1);
	assert_int_equal(b.state.frames_captured, 1);
	assert_int_equal(b.state.frames_encoded, 1);
	assert_int_equal(b.state.idr_frames, 1);
	assert_int_equal(b.state.raw_bytes_copied, WIDTH * HEIGHT * 4);
	while ((r = media_receive(b.control, &m, &fd)) > 0) {
		if (m.header.type == MEDIA_FIRST_FRAME)
			assert_int_equal(m.first_frame.own_picture, 0);
		if (m.header.type != MEDIA_CHUNK)
			continue;
		assert_int_equal(m.chunk.kind, order[n++]);
		assert_int_equal(m.chunk.frame, 7);
		assert_int_equal(m.chunk.part, 0);
		if (m.chunk.kind == MEDIA_CHUNK_ENCODED)
			assert_int_equal(m.chunk.processing_us, 5000);
	}
	assert_int_equal(n, 3);
	bench_end();
}

/* The contract's example: with three slices, parts 1, 2 and 0, each encoded and sent for itself. */
static void test_picture_in_parts(void **state)
{
	static const struct {
		enum media_chunk_kind kind;
		uint32_t part;
	} order[] = {
		{ MEDIA_CHUNK_FRAME_START, 0 }, { MEDIA_CHUNK_ENCODED, 1 },
		{ MEDIA_CHUNK_SENT, 1 },	{ MEDIA_CHUNK_ENCODED, 2 },
		{ MEDIA_CHUNK_SENT, 2 },	{ MEDIA_CHUNK_ENCODED, 0 },
		{ MEDIA_CHUNK_SENT, 0 },
	};
	union media_message m;
	unsigned int n = 0;
	int fd;

	(void)state;
	bench_begin_with(-1);
	enc.parts = 3;
	bench_stream_from(&src.source);
	assert_int_equal(net.parts, 0); /* to warm up: nothing of it is seen */
	bench_show(7);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.parts, 3);
	assert_int_equal(net.idrs, 1);
	assert_int_equal(b.state.frames_encoded, 1);
	assert_int_equal(b.state.idr_frames, 1);
	while (media_receive(b.control, &m, &fd) > 0) {
		if (m.header.type != MEDIA_CHUNK)
			continue;
		assert_in_range(n, 0, 6);
		assert_int_equal(m.chunk.kind, order[n].kind);
		assert_int_equal(m.chunk.part, order[n].part);
		assert_int_equal(m.chunk.frame, 7);
		if (m.chunk.kind == MEDIA_CHUNK_ENCODED)
			assert_int_equal(m.chunk.processing_us, m.chunk.part == 1 ? 5000 : 2000);
		n++;
	}
	assert_int_equal(n, 7);
	bench_end();
}

/* The sink was asked again and takes slices now: that is another encoder's stream. */
static void test_other_slices(void **state)
{
	struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 30 },
				     .format.level_idc = 31,
				     .format.slices = 4,
				     .rate_bps = 1000000 };

	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(enc.opened, 1);
	assert_int_equal(pipeline_configure(b.pipeline, &c, now), 0);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(enc.opened, 2);
	assert_int_equal(enc.config.format.slices, 4);
	bench_end();
}

/* Its end is told by the next one, which is not long in coming; repetitions come whole. */
static void test_picture_in_parts_rests(void **state)
{
	(void)state;
	bench_begin_with(-1);
	enc.parts = 3;
	bench_stream_from(&src.source);
	bench_show(1);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.pushed, 3);
	enc.parts = 0;
	assert_int_equal(bench_run_for(80 * MS), 0);
	assert_int_equal(net.pushed, 4);
	bench_end();
}

static void test_latency_counts_new_pictures(void **state)
{
	(void)state;
	bench_begin();
	for (unsigned int i = 1; i <= 10; i++) {
		bench_show(i);
		assert_int_equal(bench_run_for(33 * MS), 0);
	}
	bench_show(13); /* 11 and 12 were nobody's */
	assert_int_equal(bench_run_for(3 * NSEC_PER_SEC), 0);
	assert_int_equal(b.state.ready_to_encoded.count, 10); /* not the first, not the repeats */
	assert_int_equal(b.state.ready_to_encoded.max_us, 5000);
	assert_int_equal(b.state.frames_captured, 11);
	assert_int_equal(b.state.frames_dropped, 2);
	bench_end();
}

static void test_still_picture(void **state)
{
	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(10 * NSEC_PER_SEC), 0);
	assert_in_range(net.pushed, 20, 21);
	assert_in_range(net.pushed_ns[1] - net.pushed_ns[0], 60 * MS, 80 * MS);
	for (unsigned int i = 2; i < net.pushed; i++)
		assert_in_range(net.pushed_ns[i] - net.pushed_ns[i - 1], 450 * MS, 550 * MS);
	assert_int_equal(net.idrs, 1);
	bench_end();
}

/* An IDR that was asked for at rest: a decoder may begin with it, and wants to know where it ends. */
static void test_idr_at_rest(void **state)
{
	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(2 * NSEC_PER_SEC), 0);
	pipeline_request_idr(b.pipeline, now);
	assert_int_equal(bench_run_for(100 * MS), 0);
	assert_int_equal(net.idrs, 2);
	assert_in_range(net.pushed_ns[net.pushed - 1] - net.pushed_ns[net.pushed - 2], 60 * MS,
			80 * MS);
	bench_end();
}

/* A clip of 24 pictures a second never rests: each picture is sent once. */
static void test_clip_is_not_repeated(void **state)
{
	const struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 60 },
					   .format.level_idc = 31,
					   .format.slices = 1,
					   .rate_bps = 1000000 };

	(void)state;
	bench_begin();
	assert_int_equal(pipeline_configure(b.pipeline, &c, now), 0);
	for (unsigned int i = 1; i <= 24; i++) {
		bench_show(i);
		assert_int_equal(bench_run_for(42 * MS), 0);
	}
	assert_int_equal(net.pushed, 24);
	bench_end();
}

/* A desktop that has said nothing is not asked whether it has something: each question is a call. */
static void test_resting_desktop_is_not_asked(void **state)
{
	struct pollfd polls[PIPELINE_POLLS] = { 0 };
	unsigned int asked;

	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(100 * MS), 0);
	(void)pipeline_get_polls(b.pipeline, polls);
	assert_int_equal(pipeline_run(b.pipeline, polls, now), 0);
	asked = src.asked;
	for (unsigned int i = 0; i < 10; i++) {
		now += 10 * MS;
		(void)pipeline_get_polls(b.pipeline, polls);
		assert_int_equal(pipeline_run(b.pipeline, polls, now), 0);
	}
	assert_int_equal(src.asked, asked);
	bench_show(2);
	(void)pipeline_get_polls(b.pipeline, polls);
	polls[b.pipeline->desktop_poll].revents = POLLIN;
	assert_int_equal(pipeline_run(b.pipeline, polls, now), 0);
	assert_int_equal(src.asked, asked + 1);
	assert_int_equal(bench_settle(), 0);
	assert_int_equal(net.pushed, 3);
	bench_end();
}

/* Some sinks want to hear of a resting picture more often. */
static void test_still_picture_for_a_restless_sink(void **state)
{
	const struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 30 },
					   .format.level_idc = 31,
					   .format.slices = 1,
					   .rate_bps = 1000000,
					   .still_hz = 10 };

	(void)state;
	bench_begin();
	assert_int_equal(pipeline_configure(b.pipeline, &c, now), 0);
	bench_show(1);
	assert_int_equal(bench_run_for(2 * NSEC_PER_SEC), 0);
	assert_in_range(net.pushed, 18, 21);
	bench_end();
}

static void test_idr_requests(void **state)
{
	unsigned int served;

	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(2 * NSEC_PER_SEC), 0);
	assert_int_equal(net.idrs, 1);
	pipeline_request_idr(b.pipeline, now); /* a still picture: at once */
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.idrs, 2);
	for (unsigned int i = 0; i < 20; i++) { /* a storm of them: one more, then every 500 ms */
		pipeline_request_idr(b.pipeline, now);
		bench_show(2 + i);
		assert_int_equal(bench_run_for(100 * MS), 0);
	}
	served = net.idrs - 2;
	assert_in_range(served, 4, 5);
	assert_int_equal(bench_run_for(NSEC_PER_SEC), 0); /* the last one was not lost */
	assert_in_range(net.idrs - 2, served, served + 1);
	assert_true(net.idrs - 2 >= 5);
	bench_end();
}

/* As often as is granted, out of step with the IDR at the beginning: answered at once each time. */
static void test_regular_idr_requests(void **state)
{
	unsigned int before;

	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(60 * MS), 0);
	for (unsigned int i = 0; i < 10; i++) {
		before = net.idrs;
		pipeline_request_idr(b.pipeline, now);
		bench_show(10 + 2 * i);
		assert_int_equal(bench_run_for(60 * MS), 0);
		assert_int_equal(net.idrs, before + 1);
		bench_show(11 + 2 * i);
		assert_int_equal(bench_run_for(440 * MS), 0);
		assert_int_equal(net.idrs, before + 1);
	}
	bench_end();
}

static void test_idr_request_while_moving_waits_for_the_next_frame(void **state)
{
	(void)state;
	bench_begin();
	for (unsigned int i = 1; i <= 30; i++) {
		bench_show(i);
		assert_int_equal(bench_run_for(33 * MS), 0);
	}
	pipeline_request_idr(b.pipeline, now);
	assert_int_equal(bench_run_for(5 * MS), 0);
	assert_int_equal(net.idrs, 1);
	bench_show(31);
	assert_int_equal(bench_run_for(5 * MS), 0);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(net.pushed, 31);
	bench_end();
}

static void test_configure_makes_an_idr(void **state)
{
	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(50 * MS), 0);
	assert_int_equal(bench_configure(), 0); /* the same again: no new encoder */
	assert_int_equal(bench_run_for(50 * MS), 0);
	assert_int_equal(enc.opened, 1);
	assert_int_equal(enc.rates, 0);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(pipeline_set_rate(b.pipeline, 2000000, 0), 0); /* with the next picture */
	bench_show(2);
	assert_int_equal(bench_run_for(50 * MS), 0);
	assert_int_equal(enc.rates, 1);
	assert_int_equal(enc.opened, 1);
	assert_int_equal(net.idrs, 2);
	bench_end();
}

/* An IDR that the pace takes too long for would be late. */
static void test_largest_picture(void **state)
{
	(void)state;
	bench_begin_with(-1);
	bench_stream_from(&src.source); /* 1 Mbit/s, four times that for 25 ms */
	assert_int_equal(enc.config.max_frame_bytes, 12500);
	bench_end();
}

static void test_own_picture_until_the_desktop_comes(void **state)
{
	union media_message m;

	(void)state;
	bench_begin();
	assert_int_equal(bench_run_for(90 * MS), 0);
	assert_int_equal(net.pushed, 0);
	assert_int_equal(bench_run_for(30 * MS), 0);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(bench_count_facts(MEDIA_FIRST_FRAME, &m), 1);
	assert_int_equal(m.first_frame.own_picture, 1);
	assert_int_equal(b.state.frames_captured, 0);
	bench_show(1);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.pushed, 2);
	assert_int_equal(net.idrs, 2);
	assert_ptr_equal(enc.last.planes[0], src.pixels);

	src.error = -ESHUTDOWN; /* revoked: back to our own, with an IDR */
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_true(src.closed);
	assert_int_equal(net.idrs, 3);
	assert_ptr_not_equal(enc.last.planes[0], src.pixels);
	assert_int_equal(enc.last.width, WIDTH);

	src.error = 0;
	src.closed = false;
	assert_int_equal(pipeline_set_source(b.pipeline, &src.source, "text", now), 0);
	bench_show(2);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_ptr_equal(enc.last.planes[0], src.pixels);
	assert_true(enc.last.number == 2);
	bench_end();
}

static void test_pause_asks_for_nothing(void **state)
{
	(void)state;
	bench_begin();
	bench_show(1);
	assert_int_equal(bench_run_for(50 * MS), 0);
	pipeline_pause(b.pipeline);
	assert_int_equal(net.fd, -1);
	bench_show(2);
	assert_int_equal(bench_run_for(5 * NSEC_PER_SEC), 0);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(src.acquired, 1);
	assert_true(pipeline_get_deadline_ns(b.pipeline) == UINT64_MAX);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(bench_run_for(20 * MS), 0);
	assert_int_equal(net.idrs, 2);
	bench_end();
}

static void test_device_reads_the_desktop(void **state)
{
	(void)state;
	bench_begin_with(-1);
	enc.imports = true;
	bench_stream_from(&src.source);
	for (uint64_t n = 1; n < 6; n++) {
		bench_show(n);
		assert_int_equal(bench_run_for(20 * MS), 0);
	}
	assert_true(src.by_device);
	assert_null(enc.last.planes[0]);
	assert_int_equal(net.pushed, 5);
	assert_int_equal(b.state.raw_bytes_copied, 0);
	bench_end();
}

static void test_newest_picture_wins(void **state)
{
	unsigned int flushed;
	int gate;

	(void)state;
	bench_begin();
	gate = bench_close_gate();
	flushed = net.flushed;
	for (unsigned int i = 1; i <= 4; i++) {
		bench_show(i);
		bench_run_once();
		assert_int_equal(src.held, i == 1 ? 1 : 2);
	}
	assert_int_equal(net.flushed - flushed, 4); /* the stream goes on meanwhile */
	assert_int_equal(net.pushed, 0);
	bench_open_gate(gate, "..");
	assert_int_equal(bench_settle(), 0);
	assert_int_equal(net.pushed, 2);
	assert_true(enc.last.number == 4);
	assert_int_equal(src.held, 0);
	assert_int_equal(b.state.frames_captured, 4);
	assert_int_equal(b.state.frames_dropped, 2);
	bench_end();
	close(gate);
	close(enc.gate);
}

/* What a desktop waits for is read, given back and encoded, in this order. */
static void test_picture_is_given_back_early(void **state)
{
	struct pollfd polls[PIPELINE_POLLS];
	unsigned int acquired;
	int gate;

	(void)state;
	bench_begin_with(-1);
	src.source.holds_up = true;
	bench_stream_from(&src.source);
	gate = bench_close_late_gate();
	bench_show(1);
	bench_run_once();
	(void)pipeline_get_polls(b.pipeline, polls);
	while (src.held > 0) {
		assert_int_equal(poll(polls, 1, 10000), 1);
		bench_run_once();
	}
	assert_true(worker_is_busy(b.pipeline->encoder));
	assert_int_equal(net.pushed, 0);
	acquired = src.acquired;
	bench_show(2); /* which is not worth holding the desktop up for now */
	bench_run_once();
	assert_int_equal(src.acquired, acquired);
	bench_open_gate(gate, "..");
	assert_int_equal(bench_run_for(MS), 0);
	assert_int_equal(src.acquired, acquired + 1);
	assert_int_equal(net.pushed, 2);
	assert_int_equal(enc.last.number, 2);
	bench_end();
	close(gate);
	close(enc.late_gate);
}

static void test_dump(void **state)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	char header[16] = "";

	(void)state;
	bench_begin_with(fd);
	bench_stream_from(&src.source);
	net.pts = UINT64_C(0x3123456789);
	for (unsigned int i = 1; i <= 60; i++) {
		src.pixels[0] = i;
		bench_show(i);
		assert_int_equal(bench_run_for(33 * MS), 0);
	}
	assert_int_equal(b.state.dumped_pts, 0x1123456789 & ((UINT64_C(1) << 33) - 1));
	assert_int_equal(lseek(fd, 0, SEEK_END), 13 + 3 * WIDTH * HEIGHT);
	assert_int_equal(pread(fd, header, 15, 0), 15);
	assert_memory_equal(header, "P6\n64 32\n255\n", 13);
	bench_end();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_commands),
		cmocka_unit_test(test_numbers_of_a_stream_and_its_successor),
		cmocka_unit_test(test_one_frame_through_all_stages),
		cmocka_unit_test(test_picture_in_parts),
		cmocka_unit_test(test_other_slices),
		cmocka_unit_test(test_picture_in_parts_rests),
		cmocka_unit_test(test_latency_counts_new_pictures),
		cmocka_unit_test(test_still_picture),
		cmocka_unit_test(test_idr_at_rest),
		cmocka_unit_test(test_clip_is_not_repeated),
		cmocka_unit_test(test_resting_desktop_is_not_asked),
		cmocka_unit_test(test_still_picture_for_a_restless_sink),
		cmocka_unit_test(test_idr_requests),
		cmocka_unit_test(test_regular_idr_requests),
		cmocka_unit_test(test_idr_request_while_moving_waits_for_the_next_frame),
		cmocka_unit_test(test_configure_makes_an_idr),
		cmocka_unit_test(test_largest_picture),
		cmocka_unit_test(test_own_picture_until_the_desktop_comes),
		cmocka_unit_test(test_pause_asks_for_nothing),
		cmocka_unit_test(test_device_reads_the_desktop),
		cmocka_unit_test(test_newest_picture_wins),
		cmocka_unit_test(test_picture_is_given_back_early),
		cmocka_unit_test(test_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

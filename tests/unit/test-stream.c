// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole stage over a real socket with a made-up clock: frames of random sizes at random times
 * arrive whole, PSI and PCR keep their distances, PTS stays ahead, and a successor goes on from the
 * numbers of its dead predecessor.
 */
#include "stream/stream.h"

#include "stream-reader.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define START	  (1000 * NSEC_PER_SEC)
#define UNIT_SIZE 400000

struct fixture {
	struct stream *stream;
	struct stream_numbers numbers;
	uint16_t rtp_sequence;
	uint8_t continuity[TS_STREAMS];
	uint64_t last_pts, datagrams, bytes, send_errors;

	int receiver;
	struct stream_reader *reader;
	uint8_t *data;
	uint64_t now;
	uint32_t seed;

	unsigned int first, last, dropped, late, missed;
	uint64_t first_number, pts;
};

static void on_first(void *userdata, const struct sender_frame *frame)
{
	struct fixture *f = userdata;

	f->first++;
	f->first_number = frame->number;
	f->pts = frame->pts;
	f->late += frame->late_ns > 0;
	/* Nothing of it has been handed over, but its numbers are taken. */
	assert_int_equal(frame->gone, 0);
}

static void on_last(void *userdata, const struct sender_frame *frame)
{
	struct fixture *f = userdata;

	f->last++;
	f->missed += frame->part > 0 && frame->late_ns > 0;
	assert_int_equal(frame->gone, frame->count);
	assert_int_equal(frame->number, f->first_number);
}

static void on_dropped(void *userdata, const struct sender_frame *frame)
{
	struct fixture *f = userdata;

	(void)frame;
	f->dropped++;
}

static const struct stream_ops ops = { on_first, on_last, on_dropped };

static const struct media_format format = {
	.mode = { 1920, 1080, 30 },
	.profile = MEDIA_PROFILE_CBP,
	.level_idc = 40,
	.slices = 1,
	.audio = MEDIA_AUDIO_LPCM,
};

static void open_stream(struct fixture *f, bool successor)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t size = sizeof(a);
	const int buffer = 4 * 1024 * 1024;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	f->receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && f->receiver >= 0);
	(void)setsockopt(f->receiver, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	assert_int_equal(bind(f->receiver, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(f->receiver, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	f->numbers = (struct stream_numbers){
		.ssrc = 0x12345678,
		.successor = successor,
		.rtp_sequence = &f->rtp_sequence,
		.continuity = f->continuity,
		.last_pts = &f->last_pts,
		.datagrams = &f->datagrams,
		.bytes = &f->bytes,
		.send_errors = &f->send_errors,
	};
	assert_int_equal(stream_new(&f->numbers, &ops, f, &f->stream), 0);
	stream_set_format(f->stream, &format);
	assert_int_equal(stream_get_deadline_ns(f->stream), UINT64_MAX);
	assert_int_equal(stream_set_socket(f->stream, fd), 0);
}

static void close_stream(struct fixture *f)
{
	f->stream = stream_free(f->stream);
	close(f->receiver);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->reader = stream_reader_new();
	f->data = malloc(UNIT_SIZE);
	assert_non_null(f->data);
	for (size_t i = 0; i < UNIT_SIZE; i++)
		f->data[i] = (uint8_t)(i * 2654435761u >> 11);
	f->now = START;
	f->seed = 7;
	open_stream(f, false);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close_stream(f);
	stream_reader_free(f->reader);
	free(f->data);
	free(f);
	return 0;
}

static uint32_t next_random(struct fixture *f, uint32_t below)
{
	f->seed = f->seed * 1664525u + 1013904223u;
	return (f->seed >> 8) % below;
}

static void receive(struct fixture *f)
{
	uint8_t d[2048];
	ssize_t size;

	while ((size = recv(f->receiver, d, sizeof(d), MSG_DONTWAIT)) > 0)
		stream_reader_on_datagram(f->reader, d, (size_t)size);
}

/* Lets time pass to end_ns, waking up up to lag_ns late at each deadline, as a busy loop does. */
static void run_until(struct fixture *f, uint64_t end_ns, uint32_t lag_ns)
{
	for (;;) {
		uint64_t deadline = stream_get_deadline_ns(f->stream);

		if (deadline > f->now)
			f->now = deadline;
		if (lag_ns)
			f->now += next_random(f, lag_ns);
		if (deadline >= end_ns || f->now >= end_ns)
			break;
		assert_int_equal(stream_flush(f->stream, f->now), 0);
		receive(f);
	}
	f->now = end_ns;
}

static int push(struct fixture *f, uint64_t number, size_t size, bool idr, uint64_t time_ns)
{
	struct packet p = {
		.data = f->data,
		.size = size,
		.frame_number = number,
		.time_ns = time_ns,
		.idr = idr,
	};
	int r = stream_push(f->stream, &p, f->now);

	receive(f);
	return r;
}

static void test_one_picture(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(push(f, 1, 100000, true, f->now - 10 * NSEC_PER_MSEC), 0);
	assert_int_equal(f->first, 1);
	assert_int_equal(f->last, 1);
	assert_int_equal(f->reader->unit_size[0], 100000);
	assert_memory_equal(f->reader->unit[0], f->data, 100000);
	assert_int_equal(f->reader->pts[0], (START + 40 * NSEC_PER_MSEC) / 100000 * 9);
	assert_int_equal(f->pts, f->reader->pts[0]);
	assert_int_equal(f->reader->pcrs, 1);
	assert_int_equal(f->reader->pmts, 1);
	assert_int_equal(f->datagrams, f->reader->datagrams);
	assert_int_equal(f->bytes % 188, f->datagrams * 12 % 188);
	assert_int_equal(f->rtp_sequence, f->datagrams);
}

static void push_part(struct fixture *f, uint8_t part, size_t at, size_t size, uint64_t rest_ns)
{
	const struct packet p = {
		.data = f->data + at,
		.size = size,
		.frame_number = 1,
		.time_ns = START,
		.idr = true,
		.part = part,
		.parts = 3,
		.rest_ns = rest_ns,
	};

	assert_int_equal(stream_push(f->stream, &p, f->now), 0);
	receive(f);
	run_until(f, f->now + 15 * NSEC_PER_MSEC, 0);
}

/* Its parts leave one by one, with sound, PSI and PCR in between, and are one picture for the sink. */
static void test_parts(void **state)
{
	struct fixture *f = *state;
	const struct packet sound = { .data = f->data, .size = 1920, .time_ns = START };

	push_part(f, 0, 0, 30001, 30 * NSEC_PER_MSEC);
	assert_int_equal(f->reader->unit_size[0], 30001);
	assert_int_equal(stream_push_audio(f->stream, &sound, f->now), 0);
	push_part(f, 1, 30001, 184, 15 * NSEC_PER_MSEC);
	assert_int_equal(f->reader->unit_size[0], 30185);
	push_part(f, 2, 30185, 40000, 0);
	assert_int_equal(f->reader->unit_size[0], 70185);
	assert_memory_equal(f->reader->unit[0], f->data, 70185);
	assert_int_equal(f->reader->units[0], 1);
	assert_int_equal(f->reader->units[1], 1);
	assert_int_equal(f->reader->pts[0], (START + 50 * NSEC_PER_MSEC) / 100000 * 9);
	assert_int_equal(f->first, 3);
	assert_int_equal(f->last, 3);
	assert_in_range(f->reader->pcr_gap_max, 1, 40 * 90);
	assert_int_equal(f->late, 0);
}

/* The PTS is of the first part, but has room for the last one. */
static void test_pts_for_all_parts(void **state)
{
	struct fixture *f = *state;

	push_part(f, 0, 0, 20000, 70 * NSEC_PER_MSEC); /* so long the encoder says it needs */
	assert_int_equal(f->reader->pts[0], (START + 75 * NSEC_PER_MSEC) / 100000 * 9);
	assert_int_equal(f->late, 1);
	stream_set_rate(f->stream, 8 * 60000 * 10, 1328); /* 60,000 bytes in 100 ms */
	f->now += NSEC_PER_SEC;
	push_part(f, 0, 0, 20000, 0);
	assert_true(f->pts > (f->now + 45 * NSEC_PER_MSEC) / 100000 * 9);
}

/* The encoder held its last part up: the PTS has left already, and it is told. */
static void test_late_part(void **state)
{
	struct fixture *f = *state;

	push_part(f, 0, 0, 5000, 2 * NSEC_PER_MSEC);
	push_part(f, 1, 5000, 5000, NSEC_PER_MSEC);
	assert_int_equal(f->missed, 0);
	f->now += 20 * NSEC_PER_MSEC; /* after 50 ms */
	push_part(f, 2, 10000, 5000, 0);
	assert_int_equal(f->late, 0);
	assert_int_equal(f->missed, 1);
}

/* It was told with its first part; that it takes even longer is no second picture. */
static void test_late_once(void **state)
{
	struct fixture *f = *state;

	f->now += 60 * NSEC_PER_MSEC;
	push_part(f, 0, 0, 5000, 2 * NSEC_PER_MSEC);
	push_part(f, 1, 5000, 5000, NSEC_PER_MSEC);
	push_part(f, 2, 10000, 5000, 0);
	assert_int_equal(f->late, 1);
	assert_int_equal(f->missed, 0);
}

/* Nothing but the clock: PSI and PCR go on, in few datagrams. */
static void test_still(void **state)
{
	struct fixture *f = *state;
	unsigned int before;

	assert_int_equal(push(f, 1, 5000, true, f->now), 0);
	before = f->reader->datagrams;
	run_until(f, START + 10 * NSEC_PER_SEC, 0);
	assert_in_range(f->reader->pcr_gap_max, 1, 40 * 90);
	assert_in_range(f->reader->psi_gap_max, 1, 100 * 90);
	assert_in_range(f->reader->datagrams - before, 250, 400);
	assert_int_equal(f->first, 1);
}

/*
 * The property: whatever the sizes, the times and the pace, every access unit arrives whole, the
 * sequence and the counters have no gap, PCR comes every 40 ms and PSI every 100 ms, and PTS is at
 * least the margin ahead of the time at which the picture begins to leave.
 */
static void run_random(struct fixture *f, uint64_t pace_bps, uint32_t burst)
{
	unsigned int pictures = 0;
	uint8_t sound[1920] = { 0 };

	stream_set_rate(f->stream, pace_bps, burst);
	for (unsigned int i = 1; i <= 400; i++) {
		struct packet p = { .data = sound, .size = sizeof(sound), .time_ns = f->now };
		size_t size = 1 + next_random(f, next_random(f, 8) ? 20000 : 150000);
		uint64_t flip = f->now - next_random(f, 20 * NSEC_PER_MSEC);
		int r = push(f, i, size, i == 1 || next_random(f, 30) == 0, flip);

		assert_true(r == 0 || r == -ENOBUFS);
		pictures += r == 0;
		assert_int_equal(stream_push_audio(f->stream, &p, f->now), 0);
		receive(f);
		run_until(f, f->now + next_random(f, 90 * NSEC_PER_MSEC), 2000000);
	}
	run_until(f, f->now + 5 * NSEC_PER_SEC, 0);
	assert_int_equal(f->reader->lost, 0);
	assert_int_equal(f->reader->marks, 0);
	assert_int_equal(f->reader->units[0], f->last);
	assert_int_equal(f->reader->units[1], 400);
	assert_int_equal(f->first, f->last);
	assert_true(f->last <= pictures && f->last + f->dropped >= 400);
	assert_in_range(f->reader->pcr_gap_max, 1, 40 * 90);
	assert_in_range(f->reader->psi_gap_max, 1, 100 * 90);
	assert_true(f->reader->pts_ahead_min >= 5 * 90 - 1);
	assert_int_equal(f->datagrams, f->reader->datagrams);
	assert_int_equal(f->send_errors, 0);
}

static void test_random_unpaced(void **state)
{
	run_random(*state, 0, 0);
}

static void test_random_paced(void **state)
{
	struct fixture *f = *state;

	run_random(f, 40000000, 60000);
	assert_true(f->dropped == 0);
}

/* Less than what comes: pictures are given up, whole ones, and what arrives is right. */
static void test_random_starved(void **state)
{
	struct fixture *f = *state;

	run_random(f, 3000000, 20000);
	assert_true(f->dropped > 0);
	assert_true(f->late > 0);
}

/* The queue is left alone for long, or the picture is: it is stamped anew when it leaves. */
static void test_late(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(push(f, 1, 5000, true, f->now - 70 * NSEC_PER_MSEC), 0);
	assert_int_equal(f->late, 1);
	assert_int_equal(f->reader->pts[0], (START + 5 * NSEC_PER_MSEC) / 100000 * 9);
	f->now += NSEC_PER_MSEC;
	assert_int_equal(push(f, 2, 5000, false, f->now - 71 * NSEC_PER_MSEC), 0);
	assert_int_equal(f->late, 2);
	f->now += NSEC_PER_MSEC;
	assert_int_equal(push(f, 3, 5000, false, f->now), 0);
	assert_int_equal(f->late, 2);
	/* 200 kB at 8 Mbit/s take 200 ms: the last byte counts. */
	stream_set_rate(f->stream, 8000000, 0);
	f->now += NSEC_PER_SEC;
	assert_int_equal(push(f, 4, 200000, false, f->now), 0);
	assert_int_equal(f->late, 3);
	assert_in_range(f->pts - f->now / 100000 * 9, 180 * 90, 210 * 90);
	run_until(f, f->now + NSEC_PER_SEC, 0);
	assert_int_equal(f->last, 4);
}

static void test_pause(void **state)
{
	struct fixture *f = *state;
	struct packet p = { .data = f->data, .size = 10, .idr = true };

	assert_int_equal(push(f, 1, 5000, true, f->now), 0);
	assert_int_equal(stream_set_socket(f->stream, -1), 0);
	assert_int_equal(stream_get_deadline_ns(f->stream), UINT64_MAX);
	assert_int_equal(stream_get_fd(f->stream), -1);
	assert_int_equal(stream_push(f->stream, &p, f->now), -ENOTCONN);
	assert_int_equal(stream_push_audio(f->stream, &p, f->now), -ENOTCONN);
	assert_int_equal(stream_flush(f->stream, f->now), 0);
	assert_false(stream_wants_pollout(f->stream));
	assert_int_equal(f->dropped, 0);
}

/*
 * A media process dies with a large picture half sent, and datagrams of it on their way get lost;
 * the next one goes on from the numbers alone.
 */
static void test_successor(void **state)
{
	struct fixture *f = *state;
	unsigned int marks, lost;
	uint64_t pts;

	assert_int_equal(push(f, 1, 50000, true, f->now), 0);
	stream_set_rate(f->stream, 20000000, 0);
	for (unsigned int i = 2; i < 6; i++) {
		f->now += 33 * NSEC_PER_MSEC;
		assert_int_equal(push(f, i, 100000, false, f->now), 0);
	}
	pts = f->reader->pts[0];
	/* What leaves in this last send is lost. */
	f->now += 4 * NSEC_PER_MSEC;
	close(f->receiver);
	assert_int_equal(stream_flush(f->stream, f->now), 0);
	stream_free(f->stream);

	f->now += 300 * NSEC_PER_MSEC;
	open_stream(f, true);
	f->reader->unit_left[0] = SIZE_MAX;
	f->reader->has_pcr = f->reader->has_psi = false;
	assert_int_equal(push(f, 6, 1000, false, f->now), -ENOBUFS);
	assert_int_equal(push(f, 7, 50000, true, f->now), 0);
	marks = f->reader->marks;
	lost = f->reader->lost;
	assert_int_equal(marks, 3); /* PAT, PMT, video; sound has not come yet */
	assert_in_range(lost, 1, 64);
	assert_true(f->reader->pts[0] > pts);
	assert_memory_equal(f->reader->unit[0], f->data, 50000);
	f->now += 33 * NSEC_PER_MSEC;
	assert_int_equal(push(f, 8, 20000, false, f->now), 0);
	assert_int_equal(f->reader->marks, marks);
	assert_int_equal(f->reader->lost, lost);
}

/* Too large for the queue altogether: dropped as a whole, and an IDR is owed. */
static void test_huge(void **state)
{
	struct fixture *f = *state;
	size_t size = 6 * 1024 * 1024;
	uint8_t *data = calloc(1, size);
	struct packet p = { .data = data, .size = size, .idr = true };

	assert_non_null(data);
	assert_int_equal(stream_push(f->stream, &p, f->now), -ENOBUFS);
	assert_int_equal(f->dropped, 1);
	assert_int_equal(push(f, 2, 100, false, f->now), -ENOBUFS);
	assert_int_equal(push(f, 3, 100, true, f->now), 0);
	receive(f);
	assert_int_equal(f->reader->units[0], 1);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_picture, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pts_for_all_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_part, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_still, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_unpaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_paced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_starved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_successor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_huge, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

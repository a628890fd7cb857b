// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue and the socket: real UDP over loopback with GSO, without it, and with a refusal of it; a
 * socket that blocks; the pace by a made-up clock; what is given up and what never is.
 */
#include "stream/sender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW	   (1000 * NSEC_PER_SEC)
#define FRAMES_MAX 2000

struct fixture {
	struct sender sender;
	int receiver;
	uint32_t departed; /* datagrams so far; each bears its number */
	uint32_t received; /* next number to come */
	unsigned int first, sent, dropped, housekeeping;
	unsigned int batch_max;
	uint64_t last_sent; /* number of the frame */
	uint64_t last_dropped;
	unsigned int lost;
	uint8_t begun[FRAMES_MAX], done[FRAMES_MAX]; /* by frame number */
};

static void on_depart(void *userdata, struct sender_frame *frame, uint8_t *datagrams,
		      unsigned int count, size_t last_size, uint64_t now_ns)
{
	struct fixture *f = userdata;

	(void)now_ns;
	assert_true(count > 0 && count <= SENDER_BATCH);
	assert_true(last_size > 0 && last_size <= RTP_DATAGRAM_SIZE);
	for (unsigned int i = 0; i < count; i++, f->departed++)
		memcpy(datagrams + (size_t)i * RTP_DATAGRAM_SIZE, &f->departed, 4);
	if (count > f->batch_max)
		f->batch_max = count;
	if (!frame) {
		f->housekeeping++;
		return;
	}
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(datagrams[(size_t)i * RTP_DATAGRAM_SIZE + RTP_HEADER_SIZE],
				 frame->number & 0xff);
	assert_false(f->done[frame->number]);
	assert_int_equal(f->begun[frame->number], frame->gone > 0);
	if (frame->gone == 0) {
		f->begun[frame->number] = 1;
		f->first++;
	}
}

static void on_sent(void *userdata, struct sender_frame *frame, uint64_t now_ns)
{
	struct fixture *f = userdata;

	(void)now_ns;
	assert_true(f->begun[frame->number] && !f->done[frame->number]);
	assert_int_equal(frame->gone, frame->count);
	f->done[frame->number] = 1;
	f->sent++;
	f->lost += frame->lost;
	f->last_sent = frame->number;
}

static void on_dropped(void *userdata, const struct sender_frame *frame, uint64_t now_ns)
{
	struct fixture *f = userdata;

	(void)now_ns;
	assert_true(frame->video);
	assert_false(f->begun[frame->number]);
	f->dropped++;
	f->last_dropped = frame->number;
}

static const struct sender_ops ops = { on_depart, on_sent, on_dropped };

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(sender_init(&f->sender, &ops, f), 0);
	f->receiver = -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->receiver >= 0)
		close(f->receiver);
	sender_done(&f->sender);
	free(f);
	return 0;
}

/* A connected UDP socket whose peer is f->receiver. */
static int make_udp(struct fixture *f)
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
	return fd;
}

/* A socket that blocks after a handful of datagrams, which UDP over loopback never does. */
static void use_blocking(struct fixture *f)
{
	const int buffer = 16 * 1024;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	f->receiver = pair[1];
	assert_int_equal(sender_set_socket(&f->sender, pair[0]), 0);
	assert_false(f->sender.gso);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)), 0);
}

/* All that has come, in order; at most limit. Returns how many. */
static unsigned int receive(struct fixture *f, unsigned int limit, size_t last_size)
{
	uint8_t datagram[2048];
	unsigned int n;

	for (n = 0; n < limit; n++) {
		ssize_t size = recv(f->receiver, datagram, sizeof(datagram), MSG_DONTWAIT);
		uint32_t number;

		if (size < 0)
			break;
		memcpy(&number, datagram, 4);
		assert_int_equal(number, f->received);
		f->received++;
		assert_true(size == RTP_DATAGRAM_SIZE || (size_t)size == last_size);
	}
	return n;
}

static int push_frame(struct fixture *f, const struct sender_frame *frame, unsigned int packets,
		      uint64_t now)
{
	struct rtp_run run = sender_reserve(&f->sender);

	assert_true(frame->number < FRAMES_MAX);
	assert_true(rtp_left(&run) >= packets);
	for (unsigned int i = 0; i < packets; i++)
		memset(rtp_room(&run), (int)frame->number, RTP_TS_SIZE);
	return sender_push(&f->sender, &run, frame, now);
}

static int push(struct fixture *f, uint64_t number, unsigned int packets, bool video, bool idr,
		uint64_t now)
{
	const struct sender_frame frame = { .number = number, .video = video, .idr = idr };

	return push_frame(f, &frame, packets, now);
}

/* One of three, of an IDR; the parts have numbers of their own here, from unit on. */
static int push_part(struct fixture *f, uint64_t unit, uint8_t part, uint64_t now)
{
	const struct sender_frame frame = {
		.number = unit + part, .video = true, .idr = true, .part = part, .parts = 3
	};

	return push_frame(f, &frame, 30 * 7, now);
}

static void check_whole_frame(struct fixture *f)
{
	/* 60 datagrams, of which the last has 2 packets */
	assert_int_equal(push(f, 1, 59 * 7 + 2, true, true, NOW), 0);
	assert_int_equal(f->first, 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	assert_int_equal(receive(f, 1000, 12 + 2 * 188), 60);
	assert_int_equal(f->departed, 60);
	assert_int_equal(f->first, 1);
	assert_int_equal(f->sent, 1);
	assert_int_equal(f->lost, 0);
	assert_int_equal(f->sender.queued_bytes, 0);
	assert_int_equal(f->sender.counters.datagrams, 60);
	assert_int_equal(f->sender.counters.bytes, 59 * 1328 + 12 + 2 * 188);
	assert_int_equal(f->sender.counters.errors, 0);
	assert_int_equal(sender_get_deadline_ns(&f->sender), UINT64_MAX);
}

static void test_gso(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	if (!f->sender.gso)
		skip(); /* a kernel before 4.18 */
	check_whole_frame(f);
	assert_true(f->sender.gso);
	assert_int_equal(f->sender.counters.sends, 2);
	assert_int_equal(f->batch_max, SENDER_BATCH);
}

static void test_without_gso(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	f->sender.gso = false;
	check_whole_frame(f);
	assert_int_equal(f->sender.counters.sends, 2);
}

/* Without check sums the kernel cannot cut: it refuses the first send, and nothing is lost. */
static void test_gso_refused(void **state)
{
	struct fixture *f = *state;
	const int on = 1;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	assert_int_equal(setsockopt(f->sender.fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	f->sender.gso = true;
	check_whole_frame(f);
	assert_false(f->sender.gso);
}

static void test_socket_options(void **state)
{
	struct fixture *f = *state;
	int value = 0;
	socklen_t size = sizeof(value);

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	assert_int_equal(getsockopt(f->sender.fd, IPPROTO_IP, IP_TOS, &value, &size), 0);
	assert_int_equal(value, 0xa0);
	assert_int_equal(sender_set_socket(&f->sender, -1), 0);
	assert_int_equal(f->sender.fd, -1);
	assert_int_equal(push(f, 1, 1, true, true, NOW), -ENOTCONN);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
}

/* A frame of 120 datagrams at 10 Mbit/s with 20 in the bucket: never more than the pace allows. */
static void test_pace(void **state)
{
	struct fixture *f = *state;
	const uint64_t rate = 10000000, burst = 20 * 1328;
	unsigned int sent = 0, flushes = 0;
	uint64_t now = NOW;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	sender_set_rate(&f->sender, rate, (uint32_t)burst);
	assert_int_equal(push(f, 1, 120 * 7, true, true, now), 0);
	for (;;) {
		assert_int_equal(sender_flush(&f->sender, now), 0);
		assert_true(f->departed > sent);
		sent = f->departed;
		flushes++;
		assert_true(sent * UINT64_C(1328) <= burst + (now - NOW) * rate / 8000000000);
		receive(f, 1000, 0);
		if (f->sent)
			break;
		assert_true(sender_get_deadline_ns(&f->sender) > now);
		now = sender_get_deadline_ns(&f->sender);
	}
	assert_int_equal(f->received, 120);
	/* 100 datagrams of 1.0624 ms */
	assert_in_range(now - NOW, 105 * NSEC_PER_MSEC, 107 * NSEC_PER_MSEC);
	assert_in_range(flushes, 90, 102);
}

/* Groups of a millisecond's worth, not single datagrams, where the rate is high. */
static void test_groups(void **state)
{
	struct fixture *f = *state;
	uint64_t now = NOW;
	unsigned int flushes = 0;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	sender_set_rate(&f->sender, 100000000, 0);
	assert_int_equal(push(f, 1, 300 * 7, true, true, now), 0);
	for (; !f->sent; flushes++) {
		if (flushes)
			now = sender_get_deadline_ns(&f->sender);
		assert_int_equal(sender_flush(&f->sender, now), 0);
		receive(f, 1000, 0);
	}
	/* 4 ms at once, the rest, 28 ms, in groups of 9 */
	assert_in_range(flushes, 25, 32);
	assert_int_equal(f->received, 300);
	assert_int_equal(sender_get_drain_ns(&f->sender, 1328, now) / NSEC_PER_USEC, 106);
}

/* An idle link saves up no more than the bucket. */
static void test_burst_after_pause(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	sender_set_rate(&f->sender, 10000000, 20 * 1328);
	assert_int_equal(push(f, 1, 20 * 7, true, true, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	assert_int_equal(f->departed, 20);
	assert_int_equal(push(f, 2, 50 * 7, true, false, NOW + 60 * NSEC_PER_SEC), 0);
	assert_int_equal(sender_flush(&f->sender, NOW + 60 * NSEC_PER_SEC), 0);
	assert_int_equal(f->departed, 40);
}

/* A full socket: nothing is numbered twice, lost or turned round. */
static void test_blocked(void **state)
{
	struct fixture *f = *state;
	struct sender_queue queue;
	unsigned int rounds = 0;

	use_blocking(f);
	for (unsigned int i = 1; i <= 10; i++)
		assert_int_equal(push(f, i, 30 * 7 + 1, true, i == 1, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	assert_true(sender_is_blocked(&f->sender));
	assert_int_equal(sender_get_deadline_ns(&f->sender), UINT64_MAX);
	assert_int_equal(sender_reserve_urgent(&f->sender).limit, 0);
	sender_get_queue(&f->sender, NOW + NSEC_PER_SEC, &queue);
	assert_int_equal(queue.age_ns, NSEC_PER_SEC);
	assert_true(queue.bytes > 9 * 30 * 1328);
	for (; f->received < 310 && rounds < 1000; rounds++) {
		receive(f, rounds % 4, 12 + 188);
		assert_int_equal(sender_flush(&f->sender, NOW), 0);
	}
	assert_int_equal(f->received, 310);
	assert_int_equal(f->sent, 10);
	assert_int_equal(f->lost, 0);
	assert_false(sender_is_blocked(&f->sender));
}

/*
 * The socket blocks for longer than the queue may wait: the begun picture is finished, those behind
 * it are given up, and what follows is refused until an IDR comes. Sound stays.
 */
static void test_give_up(void **state)
{
	struct fixture *f = *state;
	uint64_t now = NOW;

	use_blocking(f);
	for (unsigned int i = 1; i <= 8; i++, now += 33 * NSEC_PER_MSEC) {
		assert_int_equal(push(f, i, 30 * 7, i != 4, i == 1, now), 0);
		assert_int_equal(sender_flush(&f->sender, now), 0);
	}
	assert_int_equal(f->dropped, 0);
	now = NOW + SENDER_AGE_MAX_NS + 1;
	assert_int_equal(push(f, 9, 7, true, false, now), -ENOBUFS);
	assert_int_equal(f->dropped, 7); /* 2, 3, 5 to 8, and 9 itself */
	assert_int_equal(f->last_dropped, 9);
	assert_int_equal(push(f, 10, 7, true, false, now), -ENOBUFS);
	assert_int_equal(push(f, 11, 7, true, true, now), 0);
	assert_int_equal(push(f, 12, 7, false, false, now), 0);
	for (int i = 0; i < 1000 && f->sent < 4; i++) {
		receive(f, 5, 0);
		assert_int_equal(sender_flush(&f->sender, now), 0);
	}
	receive(f, 100, 0);
	assert_int_equal(f->sent, 4); /* 1, 4, 11, 12 */
	assert_true(f->done[1] && f->done[4] && f->done[11] && f->done[12]);
	assert_int_equal(f->received, 62);
	assert_int_equal(f->sender.queued_bytes, 0);
	assert_int_equal(push(f, 13, 7, true, false, now), 0);
}

/* The socket blocks in the midst of the first part of picture 10. */
static void begin_unit(struct fixture *f)
{
	use_blocking(f);
	assert_int_equal(push_part(f, 10, 0, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	assert_true(f->begun[10] && !f->done[10]);
}

static void drain(struct fixture *f, uint64_t now)
{
	for (int i = 0; i < 1000 && f->sender.queued_bytes > 0; i++) {
		receive(f, 5, 0);
		assert_int_equal(sender_flush(&f->sender, now), 0);
	}
	receive(f, 100, 0);
	assert_int_equal(f->sender.queued_bytes, 0);
}

/* A picture that comes in parts is given up as one; of one that has begun, all parts still leave. */
static void test_give_up_parts(void **state)
{
	struct fixture *f = *state;
	uint64_t now = NOW;

	use_blocking(f);
	for (uint8_t part = 0; part < 2; part++)
		assert_int_equal(push_part(f, 10, part, now), 0);
	assert_int_equal(sender_flush(&f->sender, now), 0);
	assert_true(f->begun[10] && !f->done[10]);
	assert_int_equal(push_part(f, 20, 0, now), 0);
	assert_int_equal(push_part(f, 20, 1, now), 0);
	now += SENDER_AGE_MAX_NS + 1;
	assert_int_equal(push(f, 30, 7, true, false, now), -ENOBUFS);
	assert_int_equal(f->dropped, 2); /* 20 and 30, once each */
	assert_int_equal(push_part(f, 30, 1, now), -ENOBUFS);
	assert_int_equal(f->dropped, 2);
	drain(f, now);
	assert_true(f->done[10] && f->done[11]);
	assert_false(f->begun[20] || f->begun[21]);
	assert_int_equal(push_part(f, 40, 0, now), 0);
	drain(f, now);
	assert_true(f->done[40]);
}

/* The present picture has begun when those behind it would be given up: what is pushed of it leaves. */
static void test_rest_of_begun(void **state)
{
	struct fixture *f = *state;
	const struct sender_frame sound = { .number = 5 };
	uint64_t now = NOW;

	use_blocking(f);
	assert_int_equal(push_frame(f, &sound, 7, now), 0);
	assert_int_equal(push_part(f, 10, 0, now), 0);
	assert_int_equal(sender_flush(&f->sender, now), 0);
	assert_true(f->begun[10] && !f->done[10]);
	now += SENDER_AGE_MAX_NS + 1;
	assert_int_equal(push_part(f, 10, 1, now), 0);
	drain(f, now);
	assert_int_equal(push_part(f, 10, 2, now), 0);
	drain(f, now);
	assert_true(f->done[10] && f->done[11] && f->done[12]);
	assert_int_equal(f->dropped, 0);
}

/* Where a later part finds no room, the rest of its picture is gone and an IDR comes next. */
static void test_no_room_for_part(void **state)
{
	struct fixture *f = *state;
	const struct sender_frame rest = {
		.number = 11, .video = true, .idr = true, .part = 1, .parts = 3
	};

	begin_unit(f);
	sender_refuse(&f->sender, &rest, NOW);
	assert_int_equal(f->dropped, 1);
	assert_int_equal(push_part(f, 10, 2, NOW), -ENOBUFS);
	assert_int_equal(f->dropped, 1);
	assert_int_equal(push(f, 20, 7, true, false, NOW), -ENOBUFS);
	assert_int_equal(push(f, 21, 7, true, true, NOW), 0);
	drain(f, NOW);
	assert_true(f->done[10] && f->done[21]);
}

/* Nothing of it has left: then it is gone as a whole, and is told of once. */
static void test_no_room_before_begun(void **state)
{
	struct fixture *f = *state;
	const struct sender_frame rest = { .number = 21, .video = true, .idr = true, .part = 1, .parts = 3 };

	begin_unit(f);
	assert_int_equal(push_part(f, 20, 0, NOW), 0);
	sender_refuse(&f->sender, &rest, NOW);
	assert_int_equal(f->dropped, 1);
	assert_int_equal(f->last_dropped, 20);
	assert_int_equal(push_part(f, 20, 2, NOW), -ENOBUFS);
	assert_int_equal(f->dropped, 1);
	drain(f, NOW);
	assert_int_equal(f->sent, 1);
}

/* The encoder broke: what has not left of the picture does not, and the one before it does. */
static void test_abandon(void **state)
{
	struct fixture *f = *state;

	begin_unit(f);
	assert_int_equal(push_part(f, 10, 1, NOW), 0);
	assert_int_equal(push_part(f, 10, 2, NOW), 0);
	assert_int_equal(push_part(f, 20, 0, NOW), 0);
	assert_int_equal(push_part(f, 20, 1, NOW), 0);
	sender_abandon(&f->sender);
	assert_int_equal(f->dropped, 0);
	assert_int_equal(push_part(f, 20, 2, NOW), -ENOBUFS);
	assert_int_equal(push(f, 30, 7, true, false, NOW), -ENOBUFS);
	drain(f, NOW);
	assert_int_equal(f->sent, 3);
	assert_int_equal(push_part(f, 40, 0, NOW), 0);
	assert_int_equal(push_part(f, 40, 1, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	sender_abandon(&f->sender); /* of this one the first part has begun */
	drain(f, NOW);
	assert_true(f->done[40] && !f->begun[41]);
}

/* The picture that broke had been refused before: the one in the queue is another, and leaves. */
static void test_abandon_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t now = NOW;

	use_blocking(f);
	for (uint8_t part = 0; part < 3; part++)
		assert_int_equal(push_part(f, 10, part, now), 0);
	assert_int_equal(sender_flush(&f->sender, now), 0);
	now += SENDER_AGE_MAX_NS + 1;
	assert_int_equal(push(f, 20, 7, true, false, now), -ENOBUFS);
	sender_abandon(&f->sender);
	drain(f, now);
	assert_true(f->done[10] && f->done[11] && f->done[12]);
}

/* A P picture in parts is refused as one, too. */
static void test_parts_without_idr(void **state)
{
	struct fixture *f = *state;
	struct sender_frame frame = { .number = 10, .video = true, .parts = 3 };

	use_blocking(f);
	assert_int_equal(push_frame(f, &frame, 7, NOW), -ENOBUFS);
	frame.number++;
	frame.part++;
	assert_int_equal(push_frame(f, &frame, 7, NOW), -ENOBUFS);
	assert_int_equal(f->dropped, 1);
}

/* A new socket gets no picture from its middle. */
static void test_parts_and_new_socket(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	assert_int_equal(push_part(f, 10, 0, NOW), 0);
	close(f->receiver);
	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	assert_int_equal(push_part(f, 10, 1, NOW), -ENOBUFS);
	assert_int_equal(push_part(f, 20, 0, NOW), 0);
	assert_int_equal(push_part(f, 20, 1, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	assert_int_equal(f->sent, 2);
}

/* Not one datagram was taken yet, but the first group bears its numbers: the picture stays. */
static void test_begun_in_vain(void **state)
{
	struct fixture *f = *state;
	uint64_t now = NOW;
	char junk[1000];

	use_blocking(f);
	while (send(f->sender.fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(push(f, 1, 10 * 7, true, true, now), 0);
	assert_int_equal(sender_flush(&f->sender, now), 0);
	assert_int_equal(f->first, 1);
	assert_int_equal(f->sender.counters.datagrams, 0);
	now += 2 * SENDER_AGE_MAX_NS;
	assert_int_equal(push(f, 2, 7, true, false, now), -ENOBUFS);
	assert_int_equal(f->dropped, 1);
	while (recv(f->receiver, junk, sizeof(junk), MSG_DONTWAIT) == sizeof(junk))
		;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(sender_flush(&f->sender, now), 0);
		receive(f, 100, 0);
	}
	assert_int_equal(f->sent, 1);
	assert_int_equal(f->received, 10);
}

static void test_first_must_be_idr(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	assert_int_equal(push(f, 1, 7, true, false, NOW), -ENOBUFS);
	assert_int_equal(push(f, 2, 7, false, false, NOW), 0);
	assert_int_equal(push(f, 3, 7, true, true, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	assert_int_equal(f->sent, 2);
	assert_int_equal(f->dropped, 1);
}

/* Ten times round the ring, never empty, frames of all sizes: the end of it cuts a send in two. */
static void test_ring(void **state)
{
	struct fixture *f = *state;
	uint64_t now = NOW;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	sender_set_rate(&f->sender, 400000000, 0);
	for (unsigned int i = 1; i < 400; i++) {
		assert_int_equal(push(f, i, 1 + i * 97 % 1400, false, false, now), 0);
		while (f->sender.slots_used > 3800) {
			now = sender_get_deadline_ns(&f->sender);
			assert_int_equal(sender_flush(&f->sender, now), 0);
			for (uint8_t d[2048]; recv(f->receiver, d, sizeof(d), MSG_DONTWAIT) > 0;
			     f->received++)
				assert_memory_equal(d, &f->received, 4);
		}
	}
	assert_true(f->departed > 8 * SENDER_SLOTS);
	assert_int_equal(f->lost, 0);
	assert_int_equal(f->departed, f->received);
}

static void test_no_slots(void **state)
{
	struct fixture *f = *state;
	struct sender_frame frame = { .number = 50, .video = true };

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	assert_int_equal(sender_reserve(&f->sender).limit, SENDER_SLOTS);
	assert_int_equal(push(f, 1, 4000 * 7, true, true, NOW), 0);
	assert_int_equal(sender_reserve(&f->sender).limit, 96);
	sender_refuse(&f->sender, &frame, NOW);
	assert_int_equal(f->dropped, 2); /* neither had begun */
	assert_int_equal(sender_reserve(&f->sender).limit, SENDER_SLOTS);
	for (unsigned int i = 0; i < SENDER_FRAMES; i++)
		assert_int_equal(push(f, 100 + i, 1, false, false, NOW), 0);
	assert_int_equal(sender_reserve(&f->sender).limit, 0);
}

/* Nobody listens: counted, never fatal, and the queue goes on. */
static void test_refused(void **state)
{
	struct fixture *f = *state;
	int fd = make_udp(f);

	close(f->receiver);
	f->receiver = -1;
	assert_int_equal(sender_set_socket(&f->sender, fd), 0);
	for (unsigned int i = 1; i <= 20; i++) {
		assert_int_equal(push(f, i, 70 * 7, true, i == 1, NOW), 0);
		assert_int_equal(sender_flush(&f->sender, NOW), 0);
	}
	assert_int_equal(f->sent, 20);
	assert_int_equal(f->sender.counters.datagrams + f->sender.counters.errors, 20 * 70);
	/* The error tells of datagrams that had left: nothing was lost on this side. */
	assert_int_equal(f->sender.counters.errors, 0);
	assert_int_equal(f->lost, 0);
}

static void test_fatal(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	close(f->sender.fd);
	assert_int_equal(push(f, 1, 70 * 7, true, true, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), -EBADF);
	assert_int_equal(f->lost, 70);
	assert_int_equal(f->sender.counters.errors, 70);
	f->sender.fd = -1;
}

static void test_urgent(void **state)
{
	struct fixture *f = *state;
	struct rtp_run run;

	assert_int_equal(sender_set_socket(&f->sender, make_udp(f)), 0);
	sender_set_rate(&f->sender, 1000000, 16 * 1328);
	assert_int_equal(push(f, 1, 70 * 7, true, true, NOW), 0);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	assert_int_equal(f->departed, 16);
	run = sender_reserve_urgent(&f->sender);
	assert_int_equal(rtp_left(&run), 7);
	memset(rtp_room(&run), 1, RTP_TS_SIZE);
	assert_int_equal(sender_send_urgent(&f->sender, &run, NOW), 0);
	assert_int_equal(f->housekeeping, 1);
	assert_int_equal(receive(f, 100, 12 + 188), 17);
}

/* Housekeeping that the socket did not take is the first thing to leave later. */
static void test_urgent_blocked(void **state)
{
	struct fixture *f = *state;

	use_blocking(f);
	for (unsigned int i = 0; i < 100 && !sender_is_blocked(&f->sender); i++) {
		struct rtp_run run = sender_reserve_urgent(&f->sender);

		memset(rtp_room(&run), 1, RTP_TS_SIZE);
		assert_int_equal(sender_send_urgent(&f->sender, &run, NOW), 0);
	}
	assert_true(sender_is_blocked(&f->sender));
	assert_int_equal(push(f, 1, 7, true, true, NOW), 0);
	receive(f, 3, 12 + 188);
	assert_int_equal(sender_flush(&f->sender, NOW), 0);
	receive(f, 100, 12 + 188);
	assert_int_equal(f->received, f->departed);
	assert_int_equal(f->sent, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gso, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_gso, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gso_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_socket_options, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_burst_after_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_blocked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_give_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_give_up_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rest_of_begun, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room_for_part, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room_before_begun, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_abandon, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_abandon_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parts_without_idr, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parts_and_new_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_begun_in_vain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_first_must_be_idr, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_slots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fatal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_urgent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_urgent_blocked, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

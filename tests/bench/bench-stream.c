// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a datagram costs: muxer and RTP alone, and with sending over loopback to a socket that
 * nobody reads. The first figure in instructions, which do not depend on the machine's mood:
 *
 *	valgrind --tool=callgrind --toggle-collect=run_mux bench-stream mux
 *
 * divides by the number of datagrams that is printed.
 */
#include "stream/stream.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HZ    30
#define SLOTS 1024

static const struct media_format format = {
	.mode = { 1920, 1080, HZ },
	.profile = MEDIA_PROFILE_CBP,
	.level_idc = 40,
};

struct bench {
	unsigned int frames;
	size_t frame_bytes; /* of a P picture; an IDR has three times that */
	uint8_t *data;
};

static struct packet get_packet(const struct bench *b, unsigned int i)
{
	bool idr = i % 300 == 0;

	return (struct packet){
		.data = b->data,
		.size = b->frame_bytes * (idr ? 3 : 1) + i * 37 % 1000,
		.frame_number = i,
		.time_ns = NSEC_PER_SEC + i * (NSEC_PER_SEC / HZ),
		.idr = idr,
	};
}

static uint64_t get_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t run_mux(const struct bench *b, uint8_t *slots);

/* Not inlined and not static, so that callgrind finds it. Returns the datagrams made. */
__attribute__((noinline)) uint64_t run_mux(const struct bench *b, uint8_t *slots)
{
	uint8_t continuity[TS_STREAMS] = { 0 };
	uint16_t sequence = 0;
	uint64_t datagrams = 0;
	uint8_t *pts_at;
	struct ts ts;

	ts_init(&ts, continuity, false);
	ts_set_format(&ts, &format);
	for (unsigned int i = 0; i < b->frames; i++) {
		struct rtp_run run = { .slots = slots, .slot_count = SLOTS, .limit = SLOTS };
		struct packet p = get_packet(b, i);

		if (ts_write_video(&ts, &run, &p, i * 3000, p.time_ns, &pts_at) < 0)
			return 0;
		for (unsigned int n = 0; n < run.count; n++)
			ts_depart(&ts, rtp_slot(&run, n) + RTP_HEADER_SIZE,
				  n + 1 < run.count ? RTP_TS_PACKETS : run.packets, p.time_ns);
		rtp_depart(slots, run.count, 1, i * 3000, &sequence);
		datagrams += run.count;
	}
	return datagrams;
}

static int bench_mux(const struct bench *b)
{
	uint8_t *slots = calloc(SLOTS, RTP_DATAGRAM_SIZE);
	uint64_t start, datagrams;

	if (!slots)
		return 1;
	start = get_cpu_ns();
	datagrams = run_mux(b, slots);
	printf("mux and RTP: %" PRIu64 " datagrams, %.3f us a datagram\n", datagrams,
	       (double)(get_cpu_ns() - start) / 1000 / (double)datagrams);
	free(slots);
	return 0;
}

static void ignore(void *userdata, const struct sender_frame *f)
{
	(void)userdata;
	(void)f;
}

static int make_socket(int *ret_receiver)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int receiver = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || receiver < 0 || bind(receiver, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockname(receiver, (struct sockaddr *)&a, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&a, size) < 0)
		return -1;
	*ret_receiver = receiver;
	return fd;
}

/* The whole stage by a made-up clock; pace 0: whole frames at once. */
static int bench_send(const struct bench *b, const char *name, uint64_t pace_bps, uint32_t burst)
{
	static const struct stream_ops ops = { ignore, ignore, ignore };
	uint16_t sequence = 0;
	uint8_t continuity[TS_STREAMS] = { 0 };
	uint64_t last_pts = 0, datagrams = 0, bytes = 0, errors = 0, start, now;
	const struct stream_numbers numbers = {
		1, false, &sequence, continuity, &last_pts, &datagrams, &bytes, &errors,
	};
	struct stream *s;
	int receiver = -1;

	if (stream_new(&numbers, &ops, NULL, &s) < 0)
		return 1;
	stream_set_format(s, &format);
	stream_set_rate(s, pace_bps, burst);
	if (stream_set_socket(s, make_socket(&receiver)) < 0)
		return 1;
	start = get_cpu_ns();
	for (unsigned int i = 0; i < b->frames; i++) {
		struct packet p = get_packet(b, i);

		(void)stream_push(s, &p, p.time_ns);
		while ((now = stream_get_deadline_ns(s)) < p.time_ns + NSEC_PER_SEC / HZ)
			(void)stream_flush(s, now > p.time_ns ? now : p.time_ns);
	}
	printf("%s: %" PRIu64 " datagrams, %.3f us a datagram\n", name, datagrams,
	       (double)(get_cpu_ns() - start) / 1000 / (double)datagrams);
	stream_free(s);
	close(receiver);
	return 0;
}

int main(int argc, char **argv)
{
	/* 30 Mbit/s, and a third of it */
	struct bench b = { .frames = 1000, .frame_bytes = 30000000 / 8 / HZ };
	int r;

	b.data = malloc(b.frame_bytes * 3 + 1000);
	if (!b.data)
		return 1;
	for (size_t i = 0; i < b.frame_bytes * 3 + 1000; i++)
		b.data[i] = (uint8_t)(i * 2654435761u >> 13);
	r = bench_mux(&b);
	if (argc < 2 || strcmp(argv[1], "mux") != 0) {
		r |= bench_send(&b, "with sending, 30 Mbit/s unpaced", 0, 0);
		b.frame_bytes /= 3;
		r |= bench_send(&b, "with sending, 10 Mbit/s paced", 40000000,
				(uint32_t)b.frame_bytes * 3 / 2);
		r |= bench_send(&b, "with sending, 10 Mbit/s at twice the rate", 20000000, 1);
	}
	free(b.data);
	return r;
}

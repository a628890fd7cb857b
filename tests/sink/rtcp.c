// SPDX-License-Identifier: GPL-2.0-or-later
#include "rtcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPORT_US   1000000
#define LISTEN_US   5000 /* how exactly the round trip is known */
#define OUR_SSRC    0x53494e4bU
#define SR_SIZE	    28
#define RR_SIZE	    32
#define RTP_HEADER  12
#define JUMP_MAX    3000 /* RFC 3550 A.1 */
#define PACKET_SR   200
#define PACKET_SDES 202

struct rtcp {
	int fd;
	struct sockaddr_storage source;
	socklen_t source_size; /* 0: not heard yet */
	uint64_t listen_us, due_us;

	/* appendix A.1, A.3 and A.8 */
	bool started;
	uint32_t ssrc, cycles;
	uint16_t highest, first;
	uint64_t received, received_before, expected_before;
	int64_t transit;
	double jitter; /* 90 kHz */

	uint32_t last_sender; /* the middle of the SR's NTP time */
	uint64_t sender_us;   /* when it came */
	struct rtcp_counts counts;
};

static uint32_t get_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get_be32(const uint8_t *p)
{
	return get_be16(p) << 16 | get_be16(p + 2);
}

static void put_be32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

int rtcp_new(int family, unsigned port, struct rtcp **ret)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };
	struct rtcp *r = calloc(1, sizeof(*r));
	socklen_t size = sizeof(struct sockaddr_in);
	int error;

	if (!r)
		return -ENOMEM;
	if (family == AF_INET6) {
		((struct sockaddr_in6 *)&address)->sin6_port = htons((uint16_t)port);
		size = sizeof(struct sockaddr_in6);
	} else {
		((struct sockaddr_in *)&address)->sin_port = htons((uint16_t)port);
	}
	r->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0 || bind(r->fd, (struct sockaddr *)&address, size) < 0) {
		error = -errno;
		rtcp_free(r);
		return error;
	}
	*ret = r;
	return 0;
}

struct rtcp *rtcp_free(struct rtcp *r)
{
	if (!r)
		return NULL;
	if (r->fd >= 0)
		close(r->fd);
	free(r);
	return NULL;
}

static void start(struct rtcp *r, uint32_t ssrc, uint16_t sequence)
{
	r->started = true;
	r->ssrc = ssrc;
	r->cycles = 0;
	r->first = sequence;
	r->highest = (uint16_t)(sequence - 1);
	r->received = r->received_before = r->expected_before = 0;
	r->jitter = 0;
}

void rtcp_push(struct rtcp *r, const uint8_t *data, size_t len, uint64_t arrival_us)
{
	uint16_t sequence, ahead;
	int64_t transit;
	uint32_t ssrc;

	if (len < RTP_HEADER || data[0] >> 6 != 2)
		return;
	sequence = (uint16_t)get_be16(data + 2);
	ssrc = get_be32(data + 8);
	transit = (int64_t)(uint32_t)(arrival_us * 9 / 100) - (int64_t)get_be32(data + 4);
	if (!r->started || ssrc != r->ssrc) {
		start(r, ssrc, sequence);
		r->transit = transit;
	}
	ahead = (uint16_t)(sequence - r->highest);
	if (ahead < JUMP_MAX) {
		if (sequence < r->highest && ahead > 0)
			r->cycles += 0x10000;
		r->highest = sequence;
	}
	r->received++;
	r->jitter += ((double)llabs(transit - r->transit) - r->jitter) / 16;
	r->transit = transit;
}

/* Into the 24 bits that a report has for it. */
static uint32_t clamp_24(int64_t value)
{
	if (value > 0x7fffff)
		value = 0x7fffff;
	if (value < -0x800000)
		value = -0x800000;
	return (uint32_t)value & 0xffffff;
}

static void write_report(struct rtcp *r, uint8_t *p, uint64_t now_us)
{
	uint64_t expected = (uint64_t)(r->cycles + r->highest) - r->first + 1;
	int64_t expected_now = (int64_t)(expected - r->expected_before);
	int64_t lost_now = expected_now - (int64_t)(r->received - r->received_before);
	uint32_t fraction = 0;

	if (expected_now > 0 && lost_now > 0)
		fraction = (uint32_t)(lost_now * 256 / expected_now);
	if (fraction > 255)
		fraction = 255;
	r->expected_before = expected;
	r->received_before = r->received;
	r->counts.lost = (int64_t)(expected - r->received);
	r->counts.jitter_us = (uint32_t)(r->jitter * 100 / 9);
	put_be32(p, 0x81c90007); /* version 2, one block, RR, eight words */
	put_be32(p + 4, OUR_SSRC);
	put_be32(p + 8, r->ssrc);
	put_be32(p + 12, fraction << 24 | clamp_24(r->counts.lost));
	put_be32(p + 16, r->cycles + r->highest);
	put_be32(p + 20, (uint32_t)r->jitter);
	put_be32(p + 24, r->last_sender);
	put_be32(p + 28,
		 r->last_sender ? (uint32_t)((now_us - r->sender_us) * 65536 / 1000000) : 0);
}

/* A report, and a description with a name as every compound has (RFC 3550 6.1). */
static void send_report(struct rtcp *r, uint64_t now_us)
{
	static const uint8_t name[] = { 1, 4, 's', 'i', 'n', 'k', 0, 0 };
	uint8_t data[RR_SIZE + 8 + sizeof(name)];

	write_report(r, data, now_us);
	put_be32(data + RR_SIZE, 0x81ca0003);
	put_be32(data + RR_SIZE + 4, OUR_SSRC);
	memcpy(data + RR_SIZE + 8, name, sizeof(name));
	if (sendto(r->fd, data, sizeof(data), 0, (struct sockaddr *)&r->source, r->source_size) >=
	    0)
		r->counts.receiver_reports++;
}

/* What the source says must be an SR of the stream's, described by name. */
static void take(struct rtcp *r, const uint8_t *data, size_t len, uint64_t now_us)
{
	size_t words = len >= 4 ? get_be16(data + 2) + 1U : 0;

	if (len < SR_SIZE || data[0] >> 6 != 2 || data[1] != PACKET_SR || words * 4 != SR_SIZE ||
	    len < SR_SIZE + 4 || data[SR_SIZE + 1] != PACKET_SDES ||
	    (r->started && get_be32(data + 4) != r->ssrc)) {
		r->counts.bad_reports++;
		return;
	}
	r->counts.sender_reports++;
	r->last_sender = get_be32(data + 8) << 16 | get_be32(data + 12) >> 16;
	r->sender_us = now_us;
}

/* Where its reports come from is where ours go. */
static void listen_to(struct rtcp *r, uint64_t now_us)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	uint8_t data[2048];
	ssize_t n;

	while ((n = recvfrom(r->fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size)) >= 0) {
		r->source = from;
		r->source_size = size;
		take(r, data, (size_t)n, now_us);
		size = sizeof(from);
	}
}

void rtcp_tick(struct rtcp *r, uint64_t now_us)
{
	if (now_us < r->listen_us)
		return;
	r->listen_us = now_us + LISTEN_US;
	listen_to(r, now_us);
	if (now_us < r->due_us || !r->started || !r->source_size)
		return;
	r->due_us = now_us + REPORT_US;
	send_report(r, now_us);
}

struct rtcp_counts rtcp_counts(const struct rtcp *r)
{
	return r->counts;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bad link as a model: a queue of finite length in front of a link of a given rate, then loss,
 * delay, jitter, reordering and duplication, all from one seed. Pure but for its memory: the time
 * is an argument. Knows no socket; a datagram is bytes and a channel number.
 */
#ifndef TESTS_IMPAIR_H
#define TESTS_IMPAIR_H

#include <stddef.h>
#include <stdint.h>

#define IMPAIR_SIZE_MAX 2048
#define IMPAIR_HEADERS	28 /* IPv4 and UDP, which the link carries as well */
#define IMPAIR_BIN_NS	UINT64_C(250000000)
#define IMPAIR_BINS	1200

struct impair_settings {
	double loss, duplicate, reorder; /* 0 to 1, of datagrams */
	uint64_t delay_ns, jitter_ns;	 /* jitter is added to the delay, evenly; order is kept */
	uint64_t rate_bps;		 /* 0: endless */
	size_t queue_bytes;		 /* what waits for the link at most */
};

/* What happened in one span of IMPAIR_BIN_NS. */
struct impair_bin {
	uint64_t offered_bits; /* by the sender, headers included */
	uint64_t carried_bits; /* by the link */
	uint32_t offered, lost, dropped, duplicated, reordered; /* datagrams; dropped: queue full */
	uint32_t queue_us_max;					/* waited for the link */
};

struct impair_packet {
	uint64_t time_ns; /* of arrival, later of release */
	size_t size;
	int channel;
	uint8_t data[IMPAIR_SIZE_MAX];
};

struct impair;

struct impair *impair_new(uint64_t seed);
void impair_free(struct impair *m);
void impair_set(struct impair *m, const struct impair_settings *settings);

void impair_push(struct impair *m, int channel, const void *data, size_t size, uint64_t now_ns);
/* What leaves now; NULL: nothing. Valid until the next call. */
const struct impair_packet *impair_pop(struct impair *m, uint64_t now_ns);
/* When to pop again; UINT64_MAX: nothing is there. */
uint64_t impair_deadline_ns(const struct impair *m);

/* Bins since the first push; their number. */
size_t impair_bins(const struct impair *m, const struct impair_bin **ret);

#endif

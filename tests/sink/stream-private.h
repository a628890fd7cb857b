/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream maker's own parts. */
#ifndef SINK_STREAM_PRIVATE_H
#define SINK_STREAM_PRIVATE_H

#include "stream-maker.h"

#include <assert.h>
#include <string.h>

#define LENGTH_MS    2000
#define PICTURE_MS   33
#define PCR_MS	     20
#define PSI_MS	     80
#define BAD_UNIT     20 /* a P picture */
#define BAD_IDR	     30
#define BAD_MS	     1000 /* where time itself is damaged */
#define RESTART_UNIT 45
#define DELAY_US     50000
#define ARRIVAL_BASE UINT64_C(5000000000)
/* One second before PTS and PCR wrap. */
#define CLOCK_BASE_US (((UINT64_C(1) << 33) - TS_CLOCK) * 100 / 9)
#define PTS_MASK      ((UINT64_C(1) << 33) - 1)
#define DATAGRAMS_MAX 4096
#define UNIT_MAX      200000

struct bytes {
	size_t len;
	uint8_t data[UNIT_MAX];
	unsigned bit; /* of the byte that is being filled */
};

struct maker {
	struct maker_config config;
	struct made_stream *out;
	uint64_t now_us;    /* of the stream, from 0 */
	uint64_t spread_us; /* a datagram comes a little after the one before */
	unsigned sequence;
	uint32_t random;
	size_t pending; /* TS packets that wait for a datagram */
	uint8_t packets[TS_PER_DATAGRAM][TS_SIZE];
	unsigned counter[8192];
	bool discontinuity[8192];
	unsigned unit; /* number of the picture */
	unsigned frame_num;
	unsigned sounds;
	bool bad_sound;
	struct bytes pes, au, nal;
};

static inline bool is(const struct maker *m, enum damage damage)
{
	return m->config.damage == damage;
}

static inline bool at_unit(const struct maker *m, enum damage damage)
{
	return is(m, damage) && m->unit == BAD_UNIT;
}

static inline bool at_sound(const struct maker *m, enum damage damage)
{
	return is(m, damage) && m->sounds == BAD_UNIT;
}

static inline void put(struct bytes *b, uint8_t byte)
{
	assert(b->len < UNIT_MAX);
	b->data[b->len++] = byte;
}

static inline void put_all(struct bytes *b, const void *p, size_t len)
{
	assert(len <= UNIT_MAX - b->len);
	memcpy(b->data + b->len, p, len);
	b->len += len;
}

static inline uint8_t noise(struct maker *m)
{
	m->random = m->random * 1664525 + 1013904223;
	return (uint8_t)(m->random >> 24);
}

/* The access unit number m->unit into m->au. */
void unit_make(struct maker *m);
/* What happens to the finished stream on its way. */
void stream_spoil(struct made_stream *s, enum damage damage);

#endif

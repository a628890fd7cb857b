/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A strict little reader of our RTP and TS for the unit tests: it takes datagrams in order, checks
 * every rule that holds for each packet and puts access units together. Written from ISO/IEC
 * 13818-1 and the PIDs of daemon/stream/ts.h; shares nothing with daemon/stream.
 */
#ifndef TESTS_UNIT_STREAM_READER_H
#define TESTS_UNIT_STREAM_READER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define READER_UNIT_MAX (8 * 1024 * 1024)
#define READER_VIDEO	0x1011
#define READER_AUDIO	0x1100

struct stream_reader {
	/* RTP */
	bool begun;
	uint16_t sequence;
	uint32_t timestamp; /* of the datagram being read */
	uint32_t ssrc;
	unsigned int datagrams, lost;

	/* TS */
	int continuity[0x2000]; /* of the last packet, -1: none yet */
	unsigned int marks;	/* discontinuity_indicator seen */
	unsigned int jumps;	/* counter jumped where it was marked */
	uint64_t pcr_base;	/* last; 90 kHz */
	bool has_pcr, has_psi;
	uint32_t psi_timestamp;
	uint32_t pcr_gap_max, psi_gap_max; /* 90 kHz of RTP time */
	unsigned int pcrs, pats, pmts;
	uint8_t section[256]; /* the last PMT */
	size_t section_size;

	/* PES: [0] video, [1] audio */
	uint8_t *unit[2];
	size_t unit_size[2], unit_left[2]; /* left: known from PES_packet_length */
	uint64_t pts[2], last_pts;
	unsigned int units[2]; /* begun */
	int64_t pts_ahead_min; /* 90 kHz over the PCR of the moment */
};

static inline struct stream_reader *stream_reader_new(void)
{
	struct stream_reader *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	for (int i = 0; i < 0x2000; i++)
		r->continuity[i] = -1;
	for (int i = 0; i < 2; i++) {
		r->unit[i] = malloc(READER_UNIT_MAX);
		assert_non_null(r->unit[i]);
	}
	r->pts_ahead_min = INT64_MAX;
	return r;
}

static inline void stream_reader_free(struct stream_reader *r)
{
	free(r->unit[0]);
	free(r->unit[1]);
	free(r);
}

static inline uint32_t reader_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t reader_get_pts(const uint8_t *p)
{
	assert_int_equal(p[0] & 0xf1, 0x21);
	assert_int_equal(p[2] & 1, 1);
	assert_int_equal(p[4] & 1, 1);
	return (uint64_t)(p[0] >> 1 & 7) << 30 | (uint64_t)p[1] << 22 |
	       (uint64_t)(p[2] >> 1) << 15 | (uint64_t)p[3] << 7 | p[4] >> 1;
}

static inline uint32_t reader_get_crc(const uint8_t *p, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size * 8; i++) {
		uint32_t bit = p[i / 8] >> (7 - i % 8) & 1;

		crc = (crc >> 31) ^ bit ? crc << 1 ^ 0x04c11db7 : crc << 1;
	}
	return crc;
}

static inline void reader_on_section(struct stream_reader *r, unsigned int pid, const uint8_t *p,
				     const uint8_t *end)
{
	size_t size;

	assert_int_equal(*p++, 0); /* pointer_field */
	size = 3 + ((p[1] & 0xfu) << 8 | p[2]);
	assert_true(size <= (size_t)(end - p) && size <= sizeof(r->section));
	assert_int_equal(reader_get_crc(p, size), 0);
	for (const uint8_t *s = p + size; s < end; s++)
		assert_int_equal(*s, 0xff);
	if (pid == 0) {
		r->pats++;
		return;
	}
	r->pmts++;
	memcpy(r->section, p, size);
	r->section_size = size;
	if (r->has_psi && r->timestamp - r->psi_timestamp > r->psi_gap_max)
		r->psi_gap_max = r->timestamp - r->psi_timestamp;
	r->has_psi = true;
	r->psi_timestamp = r->timestamp;
}

static inline void reader_on_pcr(struct stream_reader *r, const uint8_t *p)
{
	uint64_t base;

	assert_int_equal(p[3], 0x20); /* no payload, counter 0 for ever */
	assert_int_equal(p[4], 183);
	assert_int_equal(p[5], 0x10);
	for (int i = 12; i < 188; i++)
		assert_int_equal(p[i], 0xff);
	base = (uint64_t)reader_get32(p + 6) << 1 | p[10] >> 7;
	assert_int_equal(p[10] & 0x7e, 0x7e);
	assert_true(((p[10] & 1u) << 8 | p[11]) < 300);
	/* It tells the time at which it leaves, which is the datagram's. */
	assert_int_equal((uint32_t)base, r->timestamp);
	if (r->has_pcr && (uint32_t)(base - r->pcr_base) > r->pcr_gap_max)
		r->pcr_gap_max = (uint32_t)(base - r->pcr_base);
	r->has_pcr = true;
	r->pcr_base = base;
	r->pcrs++;
}

/* The header in the first packet of a PES; returns where its payload begins, behind a delimiter. */
static inline const uint8_t *reader_on_pes(struct stream_reader *r, int i, const uint8_t *p)
{
	size_t length = (size_t)p[4] << 8 | p[5];
	size_t skip = 6 + 3 + (size_t)p[8];
	uint64_t pcr = r->timestamp;
	int64_t ahead;

	assert_true(r->unit_left[i] == 0 || r->unit_left[i] == SIZE_MAX);
	assert_memory_equal(p, "\0\0\1", 3);
	assert_int_equal(p[6], 0x84);
	assert_int_equal(p[7], 0x80);
	assert_int_equal(p[8], i == 0 ? 5 : 7);
	if (i == 1)
		assert_memory_equal(p + 14, "\xff\xff", 2);
	r->pts[i] = reader_get_pts(p + 9);
	ahead = (int32_t)((uint32_t)r->pts[i] - (uint32_t)pcr);
	if (ahead < r->pts_ahead_min)
		r->pts_ahead_min = ahead;
	if (i == 0 && r->units[0] > 0)
		assert_true((r->pts[0] - r->last_pts) % (UINT64_C(1) << 33) - 1 < UINT64_C(1)
											  << 32);
	if (i == 0) {
		r->last_pts = r->pts[0];
		assert_memory_equal(p + skip, "\0\0\0\1\x09\xf0", 6);
		skip += 6;
	}
	r->unit_size[i] = 0;
	r->unit_left[i] = length ? length + 6 - skip : SIZE_MAX;
	r->units[i]++;
	return p + skip;
}

static inline void reader_on_payload(struct stream_reader *r, unsigned int pid, bool start,
				     const uint8_t *p, const uint8_t *end)
{
	int i = pid == READER_VIDEO ? 0 : 1;
	size_t size;

	assert_true(pid == READER_VIDEO || pid == READER_AUDIO);
	if (start) {
		assert_int_equal(p[3] & 0xf0, i == 0 ? 0xe0 : p[3] & 0xf0);
		p = reader_on_pes(r, i, p);
	}
	size = (size_t)(end - p);
	assert_true(r->units[i] > 0 && size <= r->unit_left[i]);
	assert_true(r->unit_size[i] + size <= READER_UNIT_MAX);
	memcpy(r->unit[i] + r->unit_size[i], p, size);
	r->unit_size[i] += size;
	if (r->unit_left[i] != SIZE_MAX)
		r->unit_left[i] -= size;
}

static inline void reader_on_count(struct stream_reader *r, unsigned int pid, const uint8_t *p,
				   bool marked)
{
	int count = p[3] & 0xf;

	if (marked)
		r->marks++;
	if (r->continuity[pid] >= 0 && ((r->continuity[pid] + 1) & 0xf) != count) {
		assert_true(marked);
		r->jumps++;
	}
	r->continuity[pid] = count;
}

static inline void stream_reader_on_packet(struct stream_reader *r, const uint8_t *p)
{
	unsigned int pid = (p[1] & 0x1fu) << 8 | p[2];
	const uint8_t *payload = p + 4;
	bool start = p[1] & 0x40;
	bool marked = false;

	assert_int_equal(p[0], 0x47);
	assert_int_equal(p[1] & 0xa0, 0);
	assert_int_equal(p[3] & 0xc0, 0);
	if (pid == 0x1000) {
		reader_on_pcr(r, p);
		return;
	}
	assert_true(p[3] & 0x10);
	if (p[3] & 0x20) {
		marked = p[4] > 0 && p[5] & 0x80;
		assert_true(p[4] == 0 || (p[5] & 0x7f) == 0);
		for (int i = 2; i <= p[4]; i++)
			assert_int_equal(p[4 + i], 0xff);
		payload += 1 + p[4];
	}
	reader_on_count(r, pid, p, marked);
	if (pid == 0 || pid == 0x100) {
		assert_true(start);
		reader_on_section(r, pid, payload, p + 188);
		return;
	}
	reader_on_payload(r, pid, start, payload, p + 188);
}

static inline void stream_reader_on_datagram(struct stream_reader *r, const uint8_t *p, size_t size)
{
	uint16_t sequence = (uint16_t)(p[2] << 8 | p[3]);

	assert_true(size > 12 && size <= 1328 && (size - 12) % 188 == 0);
	assert_int_equal(p[0], 0x80);
	assert_int_equal(p[1], 33);
	if (r->begun) {
		r->lost += (uint16_t)(sequence - r->sequence - 1);
		assert_int_equal(reader_get32(p + 8), r->ssrc);
	}
	r->begun = true;
	r->sequence = sequence;
	r->timestamp = reader_get32(p + 4);
	r->ssrc = reader_get32(p + 8);
	r->datagrams++;
	for (size_t i = 12; i < size; i += 188)
		stream_reader_on_packet(r, p + i);
}

#endif

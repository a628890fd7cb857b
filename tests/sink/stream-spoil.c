// SPDX-License-Identifier: GPL-2.0-or-later
/* Damages that strike on the way: at whole datagrams, RTP headers and TS headers. */
#include "stream-private.h"

static void insert(struct made_stream *s, size_t at, const struct maker_datagram *d)
{
	struct maker_datagram copy = *d;

	memmove(&s->datagrams[at + 1], &s->datagrams[at], (s->count - at) * sizeof(*s->datagrams));
	s->datagrams[at] = copy;
	s->count++;
}

static void take_away(struct made_stream *s, size_t at, size_t count)
{
	memmove(&s->datagrams[at], &s->datagrams[at + count],
		(s->count - at - count) * sizeof(*s->datagrams));
	s->count -= count;
}

static void renumber(struct made_stream *s, size_t from, unsigned by)
{
	for (size_t i = from; i < s->count; i++) {
		uint8_t *p = s->datagrams[i].bytes + 2;
		unsigned number = ((unsigned)p[0] << 8 | p[1]) + by;

		p[0] = (uint8_t)(number >> 8);
		p[1] = (uint8_t)number;
	}
}

/* A whole datagram of a picture in the middle of the stream, with another one behind it. */
static size_t victim(const struct made_stream *s)
{
	size_t at = s->count / 2;

	while (s->datagrams[at].len != 12 + TS_PER_DATAGRAM * TS_SIZE ||
	       s->datagrams[at].bytes[13] != 0x10 || s->datagrams[at].bytes[14] != 0x11)
		at++;
	return at;
}

static void hold_up(struct made_stream *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct maker_datagram *d = &s->datagrams[i];
		uint64_t from = ARRIVAL_BASE + BAD_MS * 1000;

		if (d->arrival_us >= from && d->arrival_us < from + 110000)
			d->arrival_us = from + 110000;
	}
}

void stream_spoil(struct made_stream *s, enum damage damage)
{
	size_t at = victim(s);
	struct maker_datagram *d = &s->datagrams[at];
	struct maker_datagram extra = *d;
	uint8_t *ts = d->bytes + 12;

	switch (damage) {
	case DAMAGE_RTP_SHORT:
		extra.len = 8;
		insert(s, at, &extra);
		break;
	case DAMAGE_RTP_VERSION:
		d->bytes[0] = 0x40;
		break;
	case DAMAGE_RTP_PADDING:
		d->bytes[0] = 0xa0;
		memcpy(d->bytes + d->len, "\0\0\0\4", 4);
		d->len += 4;
		break;
	case DAMAGE_RTP_EXTENSION:
		d->bytes[0] = 0x90;
		memmove(d->bytes + 20, d->bytes + 12, d->len - 12);
		memcpy(d->bytes + 12, "\xbe\xde\0\1\0\0\0\0", 8);
		d->len += 8;
		break;
	case DAMAGE_RTP_PAYLOAD_TYPE:
		d->bytes[1] = 96;
		break;
	case DAMAGE_RTP_SSRC:
		d->bytes[11] ^= 0xff;
		break;
	case DAMAGE_RTP_ONE_LOST:
		take_away(s, at, 1);
		break;
	case DAMAGE_RTP_MANY_LOST:
		take_away(s, at, 100);
		break;
	case DAMAGE_RTP_SWAPPED:
		extra = s->datagrams[at + 1];
		memcpy(s->datagrams[at + 1].bytes, d->bytes, sizeof(d->bytes));
		s->datagrams[at + 1].len = d->len;
		memcpy(d->bytes, extra.bytes, sizeof(d->bytes));
		d->len = extra.len;
		break;
	case DAMAGE_RTP_TWICE:
		insert(s, at, &extra);
		break;
	case DAMAGE_RTP_JUMP:
		renumber(s, at, 10000);
		break;
	case DAMAGE_RTP_TIMESTAMP_BACK:
		d->bytes[5] -= 2;
		break;
	case DAMAGE_RTP_PART_OF_PACKET:
		d->len -= 10;
		break;
	case DAMAGE_RTP_EIGHT_PACKETS:
		memcpy(d->bytes + d->len, s->datagrams[at + 1].bytes + 12, TS_SIZE);
		d->len += TS_SIZE;
		s->datagrams[at + 1].len -= TS_SIZE;
		memmove(s->datagrams[at + 1].bytes + 12, s->datagrams[at + 1].bytes + 12 + TS_SIZE,
			s->datagrams[at + 1].len - 12);
		break;
	case DAMAGE_RTP_EMPTY:
		extra.len = 12;
		insert(s, at, &extra);
		renumber(s, at + 1, 1);
		break;
	case DAMAGE_TS_SYNC:
		ts[0] = 0x48;
		break;
	case DAMAGE_TS_ERROR:
		ts[1] |= 0x80;
		break;
	case DAMAGE_TS_SCRAMBLED:
		ts[3] |= 0x80;
		break;
	case DAMAGE_TS_COUNTER:
		ts[3] = (uint8_t)((ts[3] & 0xf0) | ((ts[3] + 3) & 0xf));
		break;
	case DAMAGE_TS_NULL_PACKET:
		extra.len = 12 + TS_SIZE;
		extra.bytes[13] = 0x1f;
		extra.bytes[14] = 0xff;
		insert(s, at, &extra);
		renumber(s, at + 1, 1);
		break;
	case DAMAGE_PCR_HELD_UP:
		hold_up(s);
		break;
	default:
		break; /* was made into the stream */
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream/rtp.h"

static void put_be32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

void rtp_depart(uint8_t *datagrams, unsigned int count, uint32_t ssrc, uint32_t timestamp,
		uint16_t *sequence)
{
	uint16_t next = *sequence;

	for (unsigned int i = 0; i < count; i++, next++) {
		uint8_t *p = datagrams + (size_t)i * RTP_DATAGRAM_SIZE;

		put_be32(p, 0x80000000u | (uint32_t)RTP_PAYLOAD_TYPE << 16 | next);
		put_be32(p + 4, timestamp);
		put_be32(p + 8, ssrc);
	}
	*sequence = next;
}

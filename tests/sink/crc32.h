/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two CRC-32 that a sink meets: MPEG's (13818-1 annex A: most significant bit first, no final
 * complement) in PSI sections and IEEE 802.3's in the stamp. Bit by bit: the inputs are tiny.
 */
#ifndef SINK_CRC32_H
#define SINK_CRC32_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t crc32_mpeg(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)p[i] << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc & UINT32_C(0x80000000) ? UINT32_C(0x04c11db7) : 0);
	}
	return crc;
}

static inline uint32_t crc32_ieee(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

#endif

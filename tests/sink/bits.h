/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded reader of bits, most significant first, with the Exp-Golomb codes of H.264 9.1.
 * Behind the end it reads zeros and remembers it: ask bits_ok() once at the end.
 */
#ifndef SINK_BITS_H
#define SINK_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bits {
	const uint8_t *data;
	size_t len; /* in bits */
	size_t at;
	bool bad;
};

static inline void bits_init(struct bits *b, const uint8_t *data, size_t bytes)
{
	*b = (struct bits){ .data = data, .len = bytes * 8 };
}

static inline bool bits_ok(const struct bits *b)
{
	return !b->bad;
}

static inline uint32_t bits_u(struct bits *b, unsigned count)
{
	uint32_t value = 0;

	while (count--) {
		uint32_t bit = 0;

		if (b->at >= b->len)
			b->bad = true;
		else
			bit = (uint32_t)b->data[b->at / 8] >> (7 - b->at % 8) & 1;
		b->at++;
		value = value << 1 | bit;
	}
	return value;
}

static inline uint32_t bits_ue(struct bits *b)
{
	unsigned zeros = 0;

	while (!bits_u(b, 1)) {
		if (++zeros > 31 || b->bad) {
			b->bad = true;
			return 0;
		}
	}
	return (UINT32_C(1) << zeros) - 1 + bits_u(b, zeros);
}

static inline int32_t bits_se(struct bits *b)
{
	uint32_t code = bits_ue(b);
	int32_t half = (int32_t)(code / 2);

	return code & 1 ? half + 1 : -half;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of convert: the arithmetic that all kernels share, and the kernels. Nobody but convert and
 * its test includes this.
 *
 * A sample is (c[0] B + c[1] G + c[2] R + add) >> shift in 64-bit arithmetic. Luma's coefficients
 * are in units of 2^-30 and rounded up: the sum is too large by less than 7.2e-7, so that ties go
 * up, and nothing else is nearer to one than 2.3e-6. Chroma's are in units of 2^-33, as its inputs
 * are sums of four pixels, and rounded to the nearest: the sum errs by less than 1.8e-7; there are
 * no ties, and nothing is nearer to one than 4.2e-7. So both are exact.
 *
 * A vector kernel splits each coefficient into c = (high << 15) + low, both of which fit the 16-bit
 * multiplier, and the sum into (sum(high) + (sum(low) >> 15)) >> (shift - 15): the same number.
 *
 * Where there is a fused multiply-add, luma is cheaper: the weighted sum of B, G and R is a whole
 * number that a float holds, and sum * scale + 2^23 + 16 is rounded once, to an integer, which lies
 * in the lowest byte of the float. Ties would go to even and the scale is rounded itself; the
 * weights are those multiples of the matrix's for which neither matters, found by trying them. The
 * test converts every colour there is. Chroma has no such multiple.
 */
#ifndef MIRACAST_ENCODE_CONVERT_KERNEL_H
#define MIRACAST_ENCODE_CONVERT_KERNEL_H

#include "encode/convert.h"

#define CONVERT_LUMA_SHIFT   30
#define CONVERT_CHROMA_SHIFT 33
#define CONVERT_SPLIT	     15

struct convert_line {
	int32_t c[3]; /* of B, G, R */
	int64_t add;  /* offset and half; a multiple of 1 << CONVERT_SPLIT */
};

/* Luma for the fused multiply-add. */
struct convert_weights {
	int32_t c[3]; /* of B, G, R; G's is even and may exceed 16 bits, its half does not */
	float scale;
};

#define CONVERT_FMA_BASE 8388624.0f /* 2^23 + 16 */

struct convert_constants {
	struct convert_line y;
	struct convert_line cb, cr;
	struct convert_weights weights; /* y in another form */
};

/* Two lines of pixels and where their samples go; cr is NULL for interleaved chroma in cb. */
struct convert_pair {
	const uint8_t *source[2];
	uint8_t *y[2];
	uint8_t *cb, *cr;
};

/* The two parts of a coefficient; and two as the multiplier takes them: the even word's, the odd's. */
static inline int32_t convert_high(int32_t c)
{
	return c >> CONVERT_SPLIT; /* arithmetic: floor, as the low part is never negative */
}

static inline int32_t convert_low(int32_t c)
{
	return c & ((1 << CONVERT_SPLIT) - 1);
}

static inline int32_t convert_pack_pair(int32_t even, int32_t odd)
{
	return (int32_t)((uint32_t)odd << 16 | ((uint32_t)even & 0xffff));
}

struct convert_kernel {
	const char *name;
	/* Converts the first pixels of the pair, width at most, and tells how many. */
	unsigned int (*run)(const struct convert_constants *k, const struct convert_pair *p,
			    unsigned int width);
};

/* Those that run on this machine, the best one first, scalar last, then an empty name. */
const struct convert_kernel *convert_get_kernels(void);

void convert_rows_by(const struct convert_kernel *kernel, enum convert_matrix matrix,
		     const struct convert_source *source, const struct convert_target *target,
		     unsigned int width, unsigned int from, unsigned int end);

unsigned int convert_run_avx512(const struct convert_constants *k, const struct convert_pair *p,
				unsigned int width);
unsigned int convert_run_avx2(const struct convert_constants *k, const struct convert_pair *p,
			      unsigned int width);
unsigned int convert_run_neon(const struct convert_constants *k, const struct convert_pair *p,
			      unsigned int width);
unsigned int convert_run_sse2(const struct convert_constants *k, const struct convert_pair *p,
			      unsigned int width);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of convert: the arithmetic that all kernels share, and the kernels. Nobody but convert and
 * its test includes this.
 *
 * A sample is (c[0] B + c[1] G + c[2] R + add) >> shift in 64-bit arithmetic. The coefficients are
 * rounded to 2^-30 for luma, and to 2^-33 for chroma, whose inputs are sums of four pixels; with
 * less than half a unit of error each, the sum errs by less than 3.6e-7 and 1.8e-7. Ties of luma
 * are at least 2.3e-6 away from everything else, and chroma has none and keeps 4.2e-7 away from
 * them; so luma, with a bias of 8e-7, and chroma, with none, are exact.
 *
 * A vector kernel splits each coefficient into c = (high << 15) + low, both of which fit the 16-bit
 * multiplier, and the sum into (sum(high) + (sum(low) >> 15)) >> (shift - 15): the same number.
 */
#ifndef MIRACAST_ENCODE_CONVERT_KERNEL_H
#define MIRACAST_ENCODE_CONVERT_KERNEL_H

#include "encode/convert.h"

#define CONVERT_LUMA_SHIFT   30
#define CONVERT_CHROMA_SHIFT 33
#define CONVERT_SPLIT	     15

struct convert_line {
	int32_t c[3]; /* of B, G, R */
	int64_t add;  /* offset, half and bias */
};

struct convert_constants {
	struct convert_line y;
	struct convert_line cb, cr;
};

/* Two lines of pixels and where their samples go; cr is NULL for interleaved chroma in cb. */
struct convert_pair {
	const uint8_t *source[2];
	uint8_t *y[2];
	uint8_t *cb, *cr;
};

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

unsigned int convert_run_avx2(const struct convert_constants *k, const struct convert_pair *p,
			      unsigned int width);
unsigned int convert_run_sse2(const struct convert_constants *k, const struct convert_pair *p,
			      unsigned int width);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RGB to 4:2:0, limited range. Pure; knows no frame and no encoder. Samples of other than eight bits
 * are first rounded to eight, to the nearest. From there on exact: every sample is the real number
 * of the formula, computed without error, rounded to the nearest integer, halves up:
 *
 *	E(Y)  = Kr R + Kg G + Kb B
 *	Y     = 16 + 219 E(Y) / 255
 *	Cb    = 128 + 224 (B - E(Y)) / (2 (1 - Kb)) / 255
 *	Cr    = 128 + 224 (R - E(Y)) / (2 (1 - Kr)) / 255
 *
 * with R, G, B of a chroma sample being the means of its 2x2 pixels (ITU-R BT.709-6 3.2 to 3.4,
 * BT.601-7 2.5). All code paths give the same bytes.
 */
#ifndef MIRACAST_ENCODE_CONVERT_H
#define MIRACAST_ENCODE_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum convert_matrix {
	CONVERT_BT601, /* Kr 0.299, Kb 0.114 */
	CONVERT_BT709, /* Kr 0.2126, Kb 0.0722 */
};

/* BT.709 from 720 lines up, BT.601 below: what sinks assume without looking. */
static inline enum convert_matrix convert_matrix_for(unsigned int height)
{
	return height >= 720 ? CONVERT_BT709 : CONVERT_BT601;
}

enum convert_layout {
	CONVERT_NV12, /* planes[0] Y, planes[1] Cb and Cr interleaved */
	CONVERT_I420, /* planes[0] Y, planes[1] Cb, planes[2] Cr */
};

enum convert_format {
	CONVERT_XRGB8888, /* B, G, R, unused in memory */
	CONVERT_XBGR8888, /* R, G, B, unused in memory */
	CONVERT_RGB565,	  /* little endian, R highest */
	CONVERT_XRGB2101010,
};

/* Of a frame's fourcc; false: it is none of these. */
bool convert_format_from_fourcc(uint32_t fourcc, enum convert_format *ret);

struct convert_source {
	const uint8_t *pixels;
	size_t pitch; /* bytes from line to line */
	enum convert_format format;
};

struct convert_target {
	enum convert_layout layout;
	uint8_t *planes[3];
	size_t pitches[3]; /* bytes from line to line */
};

/*
 * Converts the lines from to end - 1 (from and end even) of a picture of this width (even); the
 * pointers are those of the whole picture. Source and target do not overlap.
 */
void convert_rows(enum convert_matrix matrix, const struct convert_source *source,
		  const struct convert_target *target, unsigned int width, unsigned int from,
		  unsigned int end);

/* "avx512", "avx2", "sse2", "neon" or "scalar": what convert_rows picked; for logs and tests. */
const char *convert_get_name(void);

#endif

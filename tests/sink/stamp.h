/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the stamp (include/miracast/stamp.h) out of a picture's luma, wherever in it it is. Pure;
 * the reader remembers only where it found the last one.
 */
#ifndef SINK_STAMP_H
#define SINK_STAMP_H

#include <miracast/stamp.h>
#include <stdbool.h>
#include <stddef.h>

struct luma {
	const uint8_t *data;
	size_t stride;
	unsigned width, height;
};

struct stamp_reader {
	bool found;
	unsigned x, y; /* of the grid's first cell */
};

enum stamp_result {
	STAMP_NONE,
	STAMP_BAD, /* a grid that begins like a stamp, with a wrong check sum */
	STAMP_GOOD,
};

enum stamp_result stamp_read(struct stamp_reader *reader, const struct luma *luma,
			     struct stamp *ret);

#endif

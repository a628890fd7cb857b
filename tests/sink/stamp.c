// SPDX-License-Identifier: GPL-2.0-or-later
/* The stamp's reader, written from the layout in include/miracast/stamp.h alone. */
#include "stamp.h"
#include "crc32.h"

#define SEARCH_STEP (STAMP_CELL / 4)
#define HALF	    126 /* of the luma range, limited (16 to 235) or full */
#define GRID_WIDTH  (STAMP_COLUMNS * STAMP_CELL)
#define GRID_HEIGHT (STAMP_ROWS * STAMP_CELL)

/* The mean of four pixels in the cell's middle, so that one pixel's noise does not decide. */
static bool cell(const struct luma *luma, unsigned x, unsigned y, unsigned column, unsigned row)
{
	const uint8_t *p = luma->data +
			   (size_t)(y + row * STAMP_CELL + STAMP_CELL / 2 - 1) * luma->stride + x +
			   column * STAMP_CELL + STAMP_CELL / 2 - 1;

	return p[0] + p[1] + p[luma->stride] + p[luma->stride + 1] > 4 * HALF;
}

static unsigned read_row(const struct luma *luma, unsigned x, unsigned y, unsigned row)
{
	unsigned word = 0;

	for (unsigned column = 0; column < STAMP_COLUMNS; column++)
		word = word << 1 | cell(luma, x, y, column, row);
	return word;
}

/* Cell by cell, because nearly every place in a picture fails at the first. */
static bool has_sync(const struct luma *luma, unsigned x, unsigned y)
{
	for (unsigned column = 0; column < STAMP_COLUMNS; column++)
		if (cell(luma, x, y, column, 0) != (STAMP_SYNC >> (STAMP_COLUMNS - 1 - column) & 1))
			return false;
	return true;
}

/* The cells around the grid; those outside of the picture do not count. */
static bool has_border(const struct luma *luma, unsigned x, unsigned y)
{
	bool left = x >= STAMP_CELL;
	bool right = x + GRID_WIDTH + STAMP_CELL <= luma->width;

	for (unsigned column = 0; column < STAMP_COLUMNS; column++)
		if (y >= STAMP_CELL && cell(luma, x, y - STAMP_CELL, column, 0))
			return false;
	for (unsigned row = 0; row < STAMP_ROWS; row++) {
		if (left && cell(luma, x - STAMP_CELL, y, 0, row))
			return false;
		if (right && cell(luma, x + GRID_WIDTH, y, 0, row))
			return false;
	}
	return true;
}

static enum stamp_result read_at(const struct luma *luma, unsigned x, unsigned y, struct stamp *ret)
{
	uint8_t bytes[2 * (STAMP_ROWS - 1)];
	uint32_t sum = 0;
	struct stamp stamp = { 0 };

	if (!has_sync(luma, x, y) || !has_border(luma, x, y))
		return STAMP_NONE;
	for (unsigned row = 1; row < STAMP_ROWS; row++) {
		unsigned word = read_row(luma, x, y, row);

		bytes[2 * row - 2] = (uint8_t)(word >> 8);
		bytes[2 * row - 1] = (uint8_t)word;
	}
	for (unsigned i = 0; i < 4; i++)
		sum = sum << 8 | bytes[16 + i];
	if (sum != crc32_ieee(bytes, 16))
		return STAMP_BAD;
	for (unsigned i = 0; i < 4; i++)
		stamp.frame = stamp.frame << 8 | bytes[i];
	for (unsigned i = 4; i < 12; i++)
		stamp.time_us = stamp.time_us << 8 | bytes[i];
	for (unsigned i = 12; i < 16; i++)
		stamp.nonce = stamp.nonce << 8 | bytes[i];
	*ret = stamp;
	return STAMP_GOOD;
}

/*
 * A place that reads well may be off by almost half a cell, which noise would not forgive: goes on
 * to the middle of all places that read well.
 */
static void settle(struct stamp_reader *reader, const struct luma *luma, unsigned x, unsigned y)
{
	unsigned right = x, bottom = y;
	struct stamp ignored;

	while (right + 1 + GRID_WIDTH <= luma->width && right < x + STAMP_CELL &&
	       read_at(luma, right + 1, y, &ignored) == STAMP_GOOD)
		right++;
	while (x && right < x + STAMP_CELL && read_at(luma, x - 1, y, &ignored) == STAMP_GOOD)
		x--;
	x += (right - x) / 2;
	while (bottom + 1 + GRID_HEIGHT <= luma->height && bottom < y + STAMP_CELL &&
	       read_at(luma, x, bottom + 1, &ignored) == STAMP_GOOD)
		bottom++;
	while (y && bottom < y + STAMP_CELL && read_at(luma, x, y - 1, &ignored) == STAMP_GOOD)
		y--;
	y += (bottom - y) / 2;
	*reader = (struct stamp_reader){ .found = true, .x = x, .y = y };
}

enum stamp_result stamp_read(struct stamp_reader *reader, const struct luma *luma,
			     struct stamp *ret)
{
	enum stamp_result best = STAMP_NONE;

	if (luma->width < GRID_WIDTH || luma->height < GRID_HEIGHT)
		return STAMP_NONE;
	if (reader->found && reader->x + GRID_WIDTH <= luma->width &&
	    reader->y + GRID_HEIGHT <= luma->height) {
		best = read_at(luma, reader->x, reader->y, ret);
		if (best == STAMP_GOOD)
			return best;
	}
	for (unsigned y = 0; y + GRID_HEIGHT <= luma->height; y += SEARCH_STEP) {
		for (unsigned x = 0; x + GRID_WIDTH <= luma->width; x += SEARCH_STEP) {
			enum stamp_result result = read_at(luma, x, y, ret);

			if (result == STAMP_GOOD) {
				settle(reader, luma, x, y);
				return result;
			}
			if (result == STAMP_BAD)
				best = result;
		}
	}
	return best;
}

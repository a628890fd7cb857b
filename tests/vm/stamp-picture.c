// SPDX-License-Identifier: GPL-2.0-or-later
#include "stamp-picture.h"

#include <miracast/stamp.h>
#include <time.h>
#include <zlib.h>

#define MARGIN 48 /* pixels around the stamp */

static void fill(const struct stamp_picture *picture, int32_t x, int32_t y, int32_t width,
		 int32_t height, uint32_t colour)
{
	for (int32_t row = y < 0 ? 0 : y; row < y + height && row < picture->height; row++)
		for (int32_t column = x < 0 ? 0 : x; column < x + width && column < picture->width;
		     column++)
			picture->pixels[row * picture->width + column] = colour;
}

/* Hexadecimal digits, 5 wide and 7 high; the lowest bit is the right-most pixel. */
static const uint8_t digits[16][7] = {
	{ 14, 17, 19, 21, 25, 17, 14 }, { 4, 12, 4, 4, 4, 4, 14 },
	{ 14, 17, 1, 2, 4, 8, 31 },	{ 31, 2, 4, 2, 1, 17, 14 },
	{ 2, 6, 10, 18, 31, 2, 2 },	{ 31, 16, 30, 1, 1, 17, 14 },
	{ 6, 8, 16, 30, 17, 17, 14 },	{ 31, 1, 2, 4, 8, 8, 8 },
	{ 14, 17, 17, 14, 17, 17, 14 }, { 14, 17, 17, 15, 1, 2, 12 },
	{ 14, 17, 17, 31, 17, 17, 17 }, { 30, 17, 17, 30, 17, 17, 30 },
	{ 14, 17, 16, 16, 16, 17, 14 }, { 28, 18, 17, 17, 17, 18, 28 },
	{ 31, 16, 16, 30, 16, 16, 31 }, { 31, 16, 16, 30, 16, 16, 16 },
};

static void draw_nonce(const struct stamp_picture *picture, int32_t x, int32_t y, int32_t size)
{
	for (int32_t i = 0; i < 8; i++) {
		const uint8_t *digit = digits[picture->nonce >> (28 - 4 * i) & 15];

		for (int32_t row = 0; row < 7; row++)
			for (int32_t bit = 0; bit < 5; bit++)
				if (digit[row] >> (4 - bit) & 1)
					fill(picture, x + (6 * i + bit) * size,
					     y + row * size, size, size, 0xffffffff);
	}
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static void draw_stamp(const struct stamp_picture *picture, int32_t x, int32_t y)
{
	uint64_t time = now_us();
	const uint64_t fields[3] = { picture->frame, time, picture->nonce };
	uint16_t rows[STAMP_ROWS] = {
		STAMP_SYNC,	fields[0] >> 16, fields[0],	  fields[1] >> 48, fields[1] >> 32,
		fields[1] >> 16, fields[1],	 fields[2] >> 16, fields[2],
	};
	uint8_t bytes[16];
	uint32_t crc;

	for (int i = 0; i < 8; i++) {
		bytes[2 * i] = rows[i + 1] >> 8;
		bytes[2 * i + 1] = rows[i + 1];
	}
	crc = crc32(0, bytes, sizeof(bytes));
	rows[9] = crc >> 16;
	rows[10] = crc;

	fill(picture, x, y, STAMP_WIDTH, STAMP_HEIGHT, 0xff000000);
	for (int32_t row = 0; row < STAMP_ROWS; row++)
		for (int32_t column = 0; column < STAMP_COLUMNS; column++)
			if (rows[row] >> (STAMP_COLUMNS - 1 - column) & 1)
				fill(picture, x + (STAMP_BORDER + column) * STAMP_CELL,
				     y + (STAMP_BORDER + row) * STAMP_CELL, STAMP_CELL, STAMP_CELL,
				     0xffffffff);
}

void stamp_picture_draw(struct stamp_picture *picture)
{
	int32_t size = picture->width / 60;
	int32_t bar = (picture->frame * 8) % picture->width;

	fill(picture, 0, 0, picture->width, picture->height, 0xff204060);
	fill(picture, bar, 0, 24, picture->height, 0xffd08020);
	draw_stamp(picture, MARGIN, MARGIN);
	fill(picture, MARGIN / 2, MARGIN + STAMP_HEIGHT + size, 49 * size, 11 * size,
	     0xff103050);
	draw_nonce(picture, MARGIN / 2 + size, MARGIN + STAMP_HEIGHT + 3 * size, size);
}

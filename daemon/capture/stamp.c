// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/stamp.h"

#include "util/bytes.h"

/* The remainders of the sixteen values of four bits. */
static const uint32_t crc_table[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t stamp_crc32(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		crc = crc >> 4 ^ crc_table[crc & 15];
		crc = crc >> 4 ^ crc_table[crc & 15];
	}
	return ~crc;
}

void stamp_encode(const struct stamp *s, uint16_t ret[static STAMP_ROWS])
{
	uint8_t bytes[2 * STAMP_ROWS];
	struct writer w = writer_init(bytes, sizeof(bytes));

	writer_be16(&w, STAMP_SYNC);
	writer_be32(&w, s->frame);
	writer_be32(&w, (uint32_t)(s->time_us >> 32));
	writer_be32(&w, (uint32_t)s->time_us);
	writer_be32(&w, s->nonce);
	writer_be32(&w, stamp_crc32(bytes + 2, 16));
	for (unsigned int row = 0; row < STAMP_ROWS; row++)
		ret[row] = (uint16_t)(bytes[2 * row] << 8 | bytes[2 * row + 1]);
}

void stamp_draw(struct canvas *c, uint16_t x, uint16_t y, const struct stamp *s)
{
	uint16_t rows[STAMP_ROWS];

	stamp_encode(s, rows);
	draw_fill(c, (struct media_rect){ x, y, STAMP_WIDTH, STAMP_HEIGHT }, 0x000000);
	for (unsigned int row = 0; row < STAMP_ROWS; row++)
		for (unsigned int column = 0; column < STAMP_COLUMNS; column++)
			if (rows[row] & 0x8000 >> column)
				draw_fill(c,
					  (struct media_rect){
						  (uint16_t)(x + (STAMP_BORDER + column) * STAMP_CELL),
						  (uint16_t)(y + (STAMP_BORDER + row) * STAMP_CELL),
						  STAMP_CELL, STAMP_CELL },
					  0xffffff);
}

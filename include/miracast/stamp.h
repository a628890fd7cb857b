/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stamp: a picture's own number and time, drawn into it so that a sink can tell, from nothing
 * but decoded pixels, which frame it shows, when that was drawn, and whether it survived.
 * Drawn by the pattern source and by the test clients, read by the test sink. This file is the
 * layout only; writer and reader are written independently of each other.
 *
 * A stamp is a grid of square cells, each STAMP_CELL by STAMP_CELL pixels, STAMP_COLUMNS wide and
 * STAMP_ROWS high, black for 0 and white for 1, surrounded on all four sides by STAMP_BORDER cells
 * of black. Rows are 16-bit words, the most significant bit left:
 *
 *	row 0		STAMP_SYNC, by which a reader finds the grid
 *	rows 1, 2	frame number, 32 bits, high word first
 *	rows 3 to 6	time of drawing, CLOCK_MONOTONIC in microseconds, 64 bits
 *	rows 7, 8	nonce, 32 bits: who drew it (0 where nobody asked)
 *	rows 9, 10	CRC-32 (IEEE 802.3, as in zlib) of the 16 bytes of rows 1 to 8, big-endian
 *
 * The cells are large enough to survive H.264 at any quantiser; a reader samples their middle and
 * compares with half of the luma range. The top left corner may lie anywhere in the picture.
 */
#ifndef MIRACAST_STAMP_H
#define MIRACAST_STAMP_H

#include <stdint.h>

#define STAMP_CELL    16
#define STAMP_COLUMNS 16
#define STAMP_ROWS    11
#define STAMP_BORDER  1
#define STAMP_SYNC    0xe1a5

/* Pixels of the whole stamp with its border. */
#define STAMP_WIDTH  ((STAMP_COLUMNS + 2 * STAMP_BORDER) * STAMP_CELL)
#define STAMP_HEIGHT ((STAMP_ROWS + 2 * STAMP_BORDER) * STAMP_CELL)

struct stamp {
	uint32_t frame;
	uint64_t time_us;
	uint32_t nonce;
};

#endif

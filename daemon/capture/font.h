/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small fixed font for the pictures that the source draws itself: ASCII 32 to 126, cells of
 * FONT_WIDTH by FONT_HEIGHT dots. Knows nothing of pixels.
 */
#ifndef MIRACAST_CAPTURE_FONT_H
#define MIRACAST_CAPTURE_FONT_H

#include <stdint.h>

#define FONT_WIDTH  6 /* dots, the gap to the next glyph included */
#define FONT_HEIGHT 9 /* dots, the gap to the next line included */
#define FONT_ROWS   8 /* dots that a glyph has, the last one below the line */

/* The rows of c from the top, bit 4 the leftmost of five dots; anything unknown is a box. */
const uint8_t *font_glyph(char c);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer of include/miracast/stamp.h's stamp. Knows no reader. */
#ifndef MIRACAST_CAPTURE_STAMP_H
#define MIRACAST_CAPTURE_STAMP_H

#include "miracast/stamp.h"

#include "capture/draw.h"

#include <stddef.h>

/* The stamp's rows from the top, the most significant bit leftmost. */
void stamp_encode(const struct stamp *s, uint16_t ret[static STAMP_ROWS]);

/* With its border; x and y are its top left corner. */
void stamp_draw(struct canvas *c, uint16_t x, uint16_t y, const struct stamp *s);

/* CRC-32 of IEEE 802.3: reflected 0xedb88320, all ones before and after. */
uint32_t stamp_crc32(const uint8_t *data, size_t size);

#endif

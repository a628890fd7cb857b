/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header of a YUV4MPEG2 stream, bytes to struct; pure. Knows nothing of files and frames' data.
 */
#ifndef MIRACAST_CAPTURE_Y4M_H
#define MIRACAST_CAPTURE_Y4M_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define Y4M_HEADER_MAX 1024 /* bytes, of either header line with its newline */
#define Y4M_WHY_SIZE   96

struct y4m_header {
	uint16_t width, height;		  /* pixels, 16 to 8192 */
	uint32_t rate_num, rate_den;	  /* frames a second, at most 1000 */
	bool full_range;
};

/*
 * The stream's first line. Its length with the newline; -EAGAIN while the line is not complete;
 * -EBADMSG with a sentence in why for anything that is no progressive 8-bit 4:2:0 clip.
 */
int y4m_parse_header(const uint8_t *data, size_t size, struct y4m_header *ret,
		     char why[static Y4M_WHY_SIZE]);

/* The line before each frame's data, likewise. */
int y4m_parse_frame_header(const uint8_t *data, size_t size);

/* Bytes of one frame's data: odd sizes round the chroma planes up. */
size_t y4m_frame_size(const struct y4m_header *h);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pictures of one size into pictures of another, the shape kept and the rest black: bilinear, 4:2:0
 * with 8 bit or XRGB8888. Pure; knows nothing of where pictures come from.
 */
#ifndef MIRACAST_CAPTURE_SCALE_H
#define MIRACAST_CAPTURE_SCALE_H

#include "miracast/media.h"

#include <stdint.h>

struct yuv {
	uint8_t *planes[3]; /* Y, U, V */
	uint32_t pitches[3];
	uint16_t width, height; /* of Y; chroma has half, rounded up */
};

/* Points y's planes into memory, one after the other; returns their size in bytes. */
size_t yuv_lay_out(struct yuv *y, uint16_t width, uint16_t height, uint8_t *memory);

void yuv_fill_black(struct yuv *y);

/* Where a picture of from's size and square pixels lies in one of to's: even, centred. */
struct media_rect scale_fit(uint16_t from_width, uint16_t from_height, uint16_t to_width,
			    uint16_t to_height);

/* The whole of from into the rectangle r of to; r is even and inside of to. */
void scale_yuv(const struct yuv *from, struct yuv *to, struct media_rect r);

struct rgb {
	uint32_t *pixels; /* XRGB8888 */
	uint32_t stride;  /* pixels from line to line */
	uint16_t width, height;
};

/* Likewise. */
void scale_rgb(const struct rgb *from, struct rgb *to, struct media_rect r);

/* 0 to 255 becomes 16 to 235, and 16 to 240 for chroma, in place. */
void yuv_limit_range(struct yuv *y);

#endif

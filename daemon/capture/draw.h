/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rectangles, copies and letters in a picture of XRGB8888, clipped to it. Knows nothing of what
 * the picture shows.
 */
#ifndef MIRACAST_CAPTURE_DRAW_H
#define MIRACAST_CAPTURE_DRAW_H

#include "miracast/media.h"

#include <stdint.h>

struct canvas {
	uint32_t *pixels; /* XRGB8888 in the byte order of memory: B, G, R, unused */
	uint32_t stride;  /* pixels from line to line */
	uint16_t width, height;
};

/* Memory for a picture, black. 0 or -ENOMEM. Lines begin on cache lines. */
int canvas_init(struct canvas *c, uint16_t width, uint16_t height);
void canvas_done(struct canvas *c);

/* rgb is 0xrrggbb. */
void draw_fill(struct canvas *c, struct media_rect r, uint32_t rgb);

/* The part r of from, which has r's place in c as well. */
void draw_copy(struct canvas *c, const struct canvas *from, struct media_rect r);

/* Lines of ASCII with dots of dot by dot pixels; the background stays. */
void draw_text(struct canvas *c, uint32_t x, uint32_t y, uint32_t dot, uint32_t rgb,
	       const char *text);
uint32_t draw_text_width(const char *text, uint32_t dot);

/* The smallest rectangle around both; an empty one has width 0. */
struct media_rect rect_union(struct media_rect a, struct media_rect b);

#endif

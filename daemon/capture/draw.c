// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/draw.h"

#include "capture/font.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

int canvas_init(struct canvas *c, uint16_t width, uint16_t height)
{
	uint32_t stride = (width + 15u) & ~15u;
	size_t size = (size_t)stride * height * 4;
	void *pixels = aligned_alloc(CACHE_LINE, size);

	if (!pixels)
		return -ENOMEM;
	memset(pixels, 0, size);
	*c = (struct canvas){
		.pixels = pixels, .stride = stride, .width = width, .height = height
	};
	return 0;
}

void canvas_done(struct canvas *c)
{
	free(c->pixels);
	*c = (struct canvas){ 0 };
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static struct media_rect clip(struct media_rect r, const struct canvas *c)
{
	if (r.x >= c->width || r.y >= c->height)
		return (struct media_rect){ 0 };
	r.width = (uint16_t)min_u32(r.width, c->width - r.x);
	r.height = (uint16_t)min_u32(r.height, c->height - r.y);
	return r;
}

static uint32_t *pixel_at(const struct canvas *c, uint32_t x, uint32_t y)
{
	return c->pixels + (size_t)y * c->stride + x;
}

void draw_fill(struct canvas *c, struct media_rect r, uint32_t rgb)
{
	uint32_t value = htole32(rgb);

	r = clip(r, c);
	for (uint32_t y = 0; y < r.height; y++) {
		uint32_t *p = pixel_at(c, r.x, r.y + y);

		for (uint32_t x = 0; x < r.width; x++)
			p[x] = value;
	}
}

void draw_copy(struct canvas *c, const struct canvas *from, struct media_rect r)
{
	r = clip(clip(r, c), from);
	for (uint32_t y = r.y; y < (uint32_t)r.y + r.height; y++)
		memcpy(pixel_at(c, r.x, y), pixel_at(from, r.x, y), r.width * sizeof(uint32_t));
}

static void draw_glyph(struct canvas *c, uint32_t x, uint32_t y, uint32_t dot, uint32_t rgb, char g)
{
	const uint8_t *rows = font_glyph(g);

	for (uint32_t row = 0; row < FONT_ROWS; row++)
		for (uint32_t column = 0; column < FONT_WIDTH - 1; column++)
			if (rows[row] & 0x10 >> column)
				draw_fill(c,
					  (struct media_rect){ (uint16_t)(x + column * dot),
							       (uint16_t)(y + row * dot),
							       (uint16_t)dot, (uint16_t)dot },
					  rgb);
}

void draw_text(struct canvas *c, uint32_t x, uint32_t y, uint32_t dot, uint32_t rgb,
	       const char *text)
{
	for (; *text && x < c->width; text++, x += FONT_WIDTH * dot)
		draw_glyph(c, x, y, dot, rgb, *text);
}

uint32_t draw_text_width(const char *text, uint32_t dot)
{
	return (uint32_t)strlen(text) * FONT_WIDTH * dot;
}

struct media_rect rect_union(struct media_rect a, struct media_rect b)
{
	uint32_t right, bottom;

	if (!a.width || !b.width)
		return a.width ? a : b;
	right = (uint32_t)a.x + a.width > (uint32_t)b.x + b.width ? (uint32_t)a.x + a.width :
								    (uint32_t)b.x + b.width;
	bottom = (uint32_t)a.y + a.height > (uint32_t)b.y + b.height ? (uint32_t)a.y + a.height :
								       (uint32_t)b.y + b.height;
	a.x = (uint16_t)min_u32(a.x, b.x);
	a.y = (uint16_t)min_u32(a.y, b.y);
	a.width = (uint16_t)(right - a.x);
	a.height = (uint16_t)(bottom - a.y);
	return a;
}

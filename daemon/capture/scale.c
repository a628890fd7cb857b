// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/scale.h"

#include <string.h>

#define ONE 256u /* the weights of two neighbours add up to this */

static uint16_t half_up(uint16_t size)
{
	return (uint16_t)((size + 1) / 2);
}

size_t yuv_lay_out(struct yuv *y, uint16_t width, uint16_t height, uint8_t *memory)
{
	size_t luma = (size_t)width * height;
	size_t chroma = (size_t)half_up(width) * half_up(height);

	*y = (struct yuv){
		.planes = { memory, memory + luma, memory + luma + chroma },
		.pitches = { width, half_up(width), half_up(width) },
		.width = width,
		.height = height,
	};
	return luma + 2 * chroma;
}

void yuv_fill_black(struct yuv *y)
{
	memset(y->planes[0], 16, (size_t)y->pitches[0] * y->height);
	for (unsigned int i = 1; i < 3; i++)
		memset(y->planes[i], 128, (size_t)y->pitches[i] * half_up(y->height));
}

struct media_rect scale_fit(uint16_t from_width, uint16_t from_height, uint16_t to_width,
			    uint16_t to_height)
{
	uint32_t width = to_width, height = to_height;

	if ((uint32_t)from_width * to_height > (uint32_t)to_width * from_height)
		height = (uint32_t)to_width * from_height / from_width;
	else
		width = (uint32_t)to_height * from_width / from_height;
	width = width < 2 ? 2 : width & ~1u;
	height = height < 2 ? 2 : height & ~1u;
	return (struct media_rect){ (uint16_t)((to_width - width) / 2 & ~1u),
				    (uint16_t)((to_height - height) / 2 & ~1u), (uint16_t)width,
				    (uint16_t)height };
}

/* Where the middle of pixel i of to falls in from, in parts of ONE, clamped to its pixels. */
static uint32_t position(uint32_t i, uint32_t to, uint32_t from)
{
	uint64_t at = (2ull * i + 1) * from * ONE / (2ull * to);

	at = at > ONE / 2 ? at - ONE / 2 : 0;
	return at > (from - 1ull) * ONE ? (from - 1) * ONE : (uint32_t)at;
}

struct plane {
	uint8_t *data;
	uint32_t pitch;
	uint32_t width, height;
};

static void scale_line(const struct plane *from, const uint32_t *at, uint32_t y, uint8_t *to,
		       uint32_t width)
{
	const uint8_t *above = from->data + (size_t)(y / ONE) * from->pitch;
	const uint8_t *below = y / ONE + 1 < from->height ? above + from->pitch : above;
	uint32_t down = y % ONE;

	for (uint32_t i = 0; i < width; i++) {
		uint32_t left = at[i] / ONE, right = left + 1 < from->width ? left + 1 : left;
		uint32_t over = at[i] % ONE;
		uint32_t top = above[left] * (ONE - over) + above[right] * over;
		uint32_t bottom = below[left] * (ONE - over) + below[right] * over;

		to[i] = (uint8_t)((top * (ONE - down) + bottom * down + ONE * ONE / 2) /
				  (ONE * ONE));
	}
}

static void scale_plane(const struct plane *from, const struct plane *to)
{
	uint32_t at[8192];

	for (uint32_t x = 0; x < to->width; x++)
		at[x] = position(x, to->width, from->width);
	for (uint32_t y = 0; y < to->height; y++)
		scale_line(from, at, position(y, to->height, from->height),
			   to->data + (size_t)y * to->pitch, to->width);
}

void scale_yuv(const struct yuv *from, struct yuv *to, struct media_rect r)
{
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int shift = i ? 1 : 0;
		const struct plane in = {
			from->planes[i], from->pitches[i],
			i ? half_up(from->width) : from->width,
			i ? half_up(from->height) : from->height
		};
		const struct plane out = {
			to->planes[i] + (size_t)(r.y >> shift) * to->pitches[i] + (r.x >> shift),
			to->pitches[i], r.width >> shift, r.height >> shift
		};

		scale_plane(&in, &out);
	}
}

/* Two of the four channels at a time, each with room for its product below it. */
static uint32_t mix(uint32_t a, uint32_t b, uint32_t weight)
{
	const uint32_t mask = 0x00ff00ff;
	uint32_t low = ((a & mask) * (ONE - weight) + (b & mask) * weight) / ONE & mask;
	uint32_t high = ((a >> 8 & mask) * (ONE - weight) + (b >> 8 & mask) * weight) & ~mask;

	return high | low;
}

static void scale_rgb_line(const struct rgb *from, const uint32_t *at, uint32_t y, uint32_t *to,
			   uint32_t width)
{
	const uint32_t *above = from->pixels + (size_t)(y / ONE) * from->stride;
	const uint32_t *below = y / ONE + 1u < from->height ? above + from->stride : above;

	for (uint32_t i = 0; i < width; i++) {
		uint32_t left = at[i] / ONE, over = at[i] % ONE;
		uint32_t right = left + 1 < from->width ? left + 1 : left;

		to[i] = mix(mix(above[left], above[right], over),
			    mix(below[left], below[right], over), y % ONE);
	}
}

void scale_rgb(const struct rgb *from, struct rgb *to, struct media_rect r)
{
	uint32_t at[8192];

	for (uint32_t x = 0; x < r.width; x++)
		at[x] = position(x, r.width, from->width);
	for (uint32_t y = 0; y < r.height; y++)
		scale_rgb_line(from, at, position(y, r.height, from->height),
			       to->pixels + (size_t)(r.y + y) * to->stride + r.x, r.width);
}

void yuv_limit_range(struct yuv *y)
{
	uint8_t luma[256], chroma[256];

	for (int i = 0; i < 256; i++) {
		luma[i] = (uint8_t)(16 + (i * 219 + 127) / 255);
		chroma[i] = (uint8_t)((128 * 255 + (i - 128) * 224 + 127) / 255);
	}
	for (size_t i = 0; i < (size_t)y->pitches[0] * y->height; i++)
		y->planes[0][i] = luma[y->planes[0][i]];
	for (unsigned int p = 1; p < 3; p++)
		for (size_t i = 0; i < (size_t)y->pitches[p] * half_up(y->height); i++)
			y->planes[p][i] = chroma[y->planes[p][i]];
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * noise WIDTH HEIGHT FRAMES: a clip on standard output whose every frame is new, so that an encoder
 * spends whatever rate it has: fine noise that moves, and the stamp by which a sink proves that it
 * decodes. A desktop rests most of the time and would not fill a link.
 */
#include "capture/draw.h"
#include "capture/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLANES	  4 /* different pictures of noise, shown in turn and shifted */
#define AMPLITUDE 24

static uint8_t luma_of(uint32_t rgb)
{
	return rgb & 0xff ? 235 : 16; /* the stamp is black and white */
}

/* The stamp's canvas, into the upper left corner. */
static void put_stamp(uint8_t *luma, unsigned int width, struct canvas *c, unsigned int frame)
{
	const struct stamp stamp = { .frame = frame, .nonce = 0x6e6f6973 };

	stamp_draw(c, 0, 0, &stamp);
	for (unsigned int y = 0; y < STAMP_HEIGHT; y++)
		for (unsigned int x = 0; x < STAMP_WIDTH; x++)
			luma[(size_t)y * width + x] = luma_of(c->pixels[(size_t)y * c->stride + x]);
}

int main(int argc, char **argv)
{
	unsigned int width = argc > 3 ? (unsigned int)atoi(argv[1]) : 0;
	unsigned int height = argc > 3 ? (unsigned int)atoi(argv[2]) : 0;
	unsigned int frames = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	size_t size = (size_t)width * height;
	uint8_t *noise = malloc(size * (PLANES + 1)), *picture = malloc(size * 3 / 2);
	struct canvas canvas;
	uint32_t random = 1;

	if (width < STAMP_WIDTH || height < STAMP_HEIGHT || !noise || !picture ||
	    canvas_init(&canvas, STAMP_WIDTH, STAMP_HEIGHT) < 0) {
		fprintf(stderr, "usage: noise WIDTH HEIGHT FRAMES, at least %d by %d\n", STAMP_WIDTH,
			STAMP_HEIGHT);
		return 2;
	}
	for (size_t i = 0; i < size * (PLANES + 1); i++) {
		random = random * 1664525 + 1013904223;
		noise[i] = (uint8_t)(126 - AMPLITUDE + (random >> 24) % (2 * AMPLITUDE));
	}
	memset(picture + size, 128, size / 2);
	printf("YUV4MPEG2 W%u H%u F60:1 Ip A1:1 C420jpeg\n", width, height);
	for (unsigned int n = 0; n < frames; n++) {
		memcpy(picture, noise + size * (n % PLANES) + n * 7 % width, size);
		put_stamp(picture, width, &canvas, n);
		if (fwrite("FRAME\n", 6, 1, stdout) != 1 ||
		    fwrite(picture, size * 3 / 2, 1, stdout) != 1)
			return 0; /* the reader has seen enough */
	}
	return 0;
}

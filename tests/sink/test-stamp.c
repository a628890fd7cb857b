// SPDX-License-Identifier: GPL-2.0-or-later
/* The stamp's reader: found anywhere, through noise, and never where there is none. */
#include "crc32.h"
#include "stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WIDTH  640
#define HEIGHT 480

struct canvas {
	uint8_t pixels[WIDTH * HEIGHT];
	struct luma luma;
};

static struct canvas *canvas_new(uint8_t grey)
{
	struct canvas *c = malloc(sizeof(*c));

	assert_non_null(c);
	memset(c->pixels, grey, sizeof(c->pixels));
	c->luma = (struct luma){ c->pixels, WIDTH, WIDTH, HEIGHT };
	return c;
}

static void fill(struct canvas *c, unsigned x, unsigned y, unsigned cells_x, unsigned cells_y,
		 uint8_t value)
{
	for (unsigned row = 0; row < cells_y * STAMP_CELL; row++)
		memset(c->pixels + (y + row) * WIDTH + x, value, (size_t)cells_x * STAMP_CELL);
}

static void store(uint8_t *p, unsigned count, uint64_t value)
{
	while (count--) {
		p[count] = (uint8_t)value;
		value >>= 8;
	}
}

/* x, y: the border's corner. */
static void draw(struct canvas *c, unsigned x, unsigned y, const struct stamp *stamp, uint8_t black,
		 uint8_t white)
{
	uint8_t bytes[2 * STAMP_ROWS];

	store(bytes, 2, STAMP_SYNC);
	store(bytes + 2, 4, stamp->frame);
	store(bytes + 6, 8, stamp->time_us);
	store(bytes + 14, 4, stamp->nonce);
	store(bytes + 18, 4, crc32_ieee(bytes + 2, 16));
	fill(c, x, y, STAMP_COLUMNS + 2, STAMP_ROWS + 2, black);
	for (unsigned row = 0; row < STAMP_ROWS; row++)
		for (unsigned column = 0; column < STAMP_COLUMNS; column++)
			if (bytes[2 * row + column / 8] >> (7 - column % 8) & 1)
				fill(c, x + (column + 1) * STAMP_CELL, y + (row + 1) * STAMP_CELL,
				     1, 1, white);
}

static const struct stamp sample = { .frame = 0x12345678,
				     .time_us = UINT64_C(0x1122334455667788),
				     .nonce = 0xcafef00d };

static void assert_sample(const struct stamp *stamp)
{
	assert_int_equal(stamp->frame, sample.frame);
	assert_true(stamp->time_us == sample.time_us);
	assert_int_equal(stamp->nonce, sample.nonce);
}

static void found_at_every_offset(void **state)
{
	struct canvas *c = canvas_new(128);

	(void)state;
	for (unsigned x = 0; x <= 20; x++) {
		for (unsigned y = 0; y <= 20; y += 3) {
			struct stamp_reader reader = { 0 };
			struct stamp stamp;

			memset(c->pixels, 200, sizeof(c->pixels));
			draw(c, x, y, &sample, 16, 235);
			assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_GOOD);
			assert_sample(&stamp);
			/* Settled in the middle: within two pixels of the truth. */
			assert_in_range(reader.x, x + STAMP_CELL - 2, x + STAMP_CELL + 2);
			assert_in_range(reader.y, y + STAMP_CELL - 2, y + STAMP_CELL + 2);
		}
	}
	free(c);
}

static void found_in_the_corners(void **state)
{
	const unsigned right = WIDTH - STAMP_WIDTH, bottom = HEIGHT - STAMP_HEIGHT;
	const unsigned places[][2] = { { 0, 0 }, { right, 0 }, { 0, bottom }, { right, bottom } };
	struct canvas *c = canvas_new(16);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct stamp_reader reader = { 0 };
		struct stamp stamp;

		memset(c->pixels, 235, sizeof(c->pixels));
		draw(c, places[i][0], places[i][1], &sample, 16, 235);
		assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_GOOD);
		assert_sample(&stamp);
	}
	free(c);
}

static void found_again_where_it_moved(void **state)
{
	struct canvas *c = canvas_new(128);
	struct stamp_reader reader = { 0 };
	struct stamp stamp;

	(void)state;
	draw(c, 40, 50, &sample, 16, 235);
	assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_GOOD);
	memset(c->pixels, 128, sizeof(c->pixels));
	assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_NONE);
	draw(c, 200, 133, &sample, 0, 255);
	memset(&stamp, 0, sizeof(stamp));
	assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_GOOD);
	assert_sample(&stamp);
	free(c);
}

static void survives_noise(void **state)
{
	struct canvas *c = canvas_new(128);
	struct stamp_reader reader = { 0 };
	struct stamp stamp;
	uint32_t random = 7;

	(void)state;
	draw(c, 33, 47, &sample, 30, 215);
	for (size_t i = 0; i < sizeof(c->pixels); i++) {
		int value;

		random = random * 1664525 + 1013904223;
		value = c->pixels[i] + (int)(random >> 24) % 61 - 30;
		c->pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
	}
	assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_GOOD);
	assert_sample(&stamp);
	free(c);
}

static void a_wrong_bit_is_bad(void **state)
{
	struct canvas *c = canvas_new(128);
	struct stamp_reader reader = { 0 };
	struct stamp stamp;

	(void)state;
	draw(c, 64, 64, &sample, 16, 235);
	/* A cell of the frame number turns over. */
	fill(c, 64 + STAMP_CELL, 64 + 2 * STAMP_CELL, 1, 1, 235);
	assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_BAD);
	assert_false(reader.found);
	free(c);
}

static void nothing_in_other_pictures(void **state)
{
	struct canvas *c = canvas_new(235);
	struct stamp_reader reader = { 0 };
	struct stamp stamp;
	uint32_t random = 3;

	(void)state;
	assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_NONE);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned y = 0; y < HEIGHT / STAMP_CELL; y++) {
			for (unsigned x = 0; x < WIDTH / STAMP_CELL; x++) {
				random = random * 1664525 + 1013904223;
				fill(c, x * STAMP_CELL, y * STAMP_CELL, 1, 1,
				     random >> 31 ? 235 : 16);
			}
		}
		assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_NONE);
	}
	c->luma.width = 200; /* too small for one */
	assert_int_equal(stamp_read(&reader, &c->luma, &stamp), STAMP_NONE);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_at_every_offset),
		cmocka_unit_test(found_in_the_corners),
		cmocka_unit_test(found_again_where_it_moved),
		cmocka_unit_test(survives_noise),
		cmocka_unit_test(a_wrong_bit_is_bad),
		cmocka_unit_test(nothing_in_other_pictures),
	};

	return cmocka_run_group_tests_name("sink-stamp", tests, NULL, NULL);
}

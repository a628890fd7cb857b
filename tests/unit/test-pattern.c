// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The test picture: its stamp says what include/miracast/stamp.h promises, its schedule does not
 * drift, and its damage covers everything that changed.
 */
#include "capture/source.h"
#include "capture/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_NS UINT64_C(5000000000)

static void test_crc_vector(void **state)
{
	(void)state;
	assert_int_equal(stamp_crc32((const uint8_t *)"123456789", 9), 0xcbf43926);
	assert_int_equal(stamp_crc32(NULL, 0), 0);
}

static void test_stamp_layout(void **state)
{
	const struct stamp s = { .frame = 0x12345678,
				 .time_us = UINT64_C(0x1122334455667788),
				 .nonce = 0xcafebabe };
	const uint8_t bytes[16] = { 0x12, 0x34, 0x56, 0x78, 0x11, 0x22, 0x33, 0x44,
				    0x55, 0x66, 0x77, 0x88, 0xca, 0xfe, 0xba, 0xbe };
	uint32_t crc = stamp_crc32(bytes, sizeof(bytes));
	uint16_t rows[STAMP_ROWS];

	(void)state;
	stamp_encode(&s, rows);
	assert_int_equal(rows[0], STAMP_SYNC);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(rows[1 + i], bytes[2 * i] << 8 | bytes[2 * i + 1]);
	assert_int_equal(rows[9], crc >> 16);
	assert_int_equal(rows[10], crc & 0xffff);
}

static uint8_t green_at(const struct frame *f, unsigned int x, unsigned int y)
{
	return f->planes[0][(size_t)y * f->pitches[0] + 4 * x + 1];
}

static uint64_t read_rows(const struct frame *f, unsigned int x, unsigned int y, unsigned int row,
			  unsigned int rows)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < rows * STAMP_COLUMNS; i++) {
		unsigned int cx = x + (1 + i % STAMP_COLUMNS) * STAMP_CELL + STAMP_CELL / 2;
		unsigned int cy = y + (1 + row + i / STAMP_COLUMNS) * STAMP_CELL + STAMP_CELL / 2;

		value = value << 1 | (green_at(f, cx, cy) > 127);
	}
	return value;
}

static struct source *open_pattern(uint16_t width, uint16_t height, uint16_t hz)
{
	const struct media_mode mode = { width, height, hz };
	struct source *s = NULL;

	assert_int_equal(source_open_pattern(0, &s), 0);
	assert_int_equal(s->ops->configure(s, &mode), 0);
	return s;
}

static void test_stamp_in_the_picture(void **state)
{
	struct source *s = open_pattern(1280, 720, 60);
	struct frame f;

	(void)state;
	assert_int_equal(s->ops->acquire(s, START_NS + 1234567, false, &f), 1);
	assert_int_equal(f.number, 300);
	assert_int_equal(f.time_ns, START_NS);
	assert_int_equal(read_rows(&f, 16, 48, 0, 1), STAMP_SYNC);
	assert_int_equal(read_rows(&f, 16, 48, 1, 2), 300);
	assert_int_equal(read_rows(&f, 16, 48, 3, 4), (START_NS + 1234567) / 1000);
	assert_int_equal(read_rows(&f, 16, 48, 7, 2), 0);
	s->ops->release(s, &f);
	s->ops->close(s);
}

static void test_schedule(void **state)
{
	struct source *s = open_pattern(640, 480, 60);
	struct frame f;
	uint64_t now = START_NS, first = 0;

	(void)state;
	for (unsigned int i = 0; i < 121; i++) {
		assert_int_equal(s->ops->acquire(s, now, false, &f), 1);
		first = first ? first : f.number;
		assert_int_equal(f.number, first + i);
		assert_int_equal(s->ops->acquire(s, now, false, &f), 0); /* once a tick */
		s->ops->release(s, &f);
		now = s->ops->get_deadline_ns(s);
	}
	assert_in_range(now - START_NS, UINT64_C(2016666666), UINT64_C(2016666667));

	/* late by five ticks: they are gone, the schedule stays */
	assert_int_equal(s->ops->acquire(s, now + 5 * 16666667, false, &f), 1);
	assert_int_equal(f.number, first + 126);
	assert_int_equal(s->ops->acquire(s, now + 5 * 16666667, true, &f), 1);
	assert_int_equal(f.number, first + 126); /* the same picture again */
	assert_int_equal(f.damage.width, 0);
	s->ops->close(s);
}

/* A copy that is patched with the damage alone must stay equal to the picture. */
static void check_damage(uint16_t width, uint16_t height)
{
	struct source *s = open_pattern(width, height, 30);
	uint8_t *copy = NULL;
	struct frame f;

	for (unsigned int i = 0; i < 40; i++) {
		uint64_t now = START_NS + (i + i / 10 * 3) * UINT64_C(33333334);

		assert_int_equal(s->ops->acquire(s, now, false, &f), 1);
		if (!copy) {
			copy = calloc(f.height, f.pitches[0]);
			assert_int_equal(f.damage.width, width);
			assert_int_equal(f.damage.height, height);
		}
		assert_true(f.damage.x + f.damage.width <= width);
		for (unsigned int y = f.damage.y; y < f.damage.y + f.damage.height; y++) {
			size_t at = (size_t)y * f.pitches[0] + f.damage.x * 4u;

			memcpy(copy + at, f.planes[0] + at, f.damage.width * 4u);
		}
		for (unsigned int y = 0; y < height; y++)
			assert_memory_equal(copy + (size_t)y * f.pitches[0],
					    f.planes[0] + (size_t)y * f.pitches[0], width * 4u);
		s->ops->release(s, &f);
	}
	free(copy);
	s->ops->close(s);
}

static void test_damage(void **state)
{
	(void)state;
	check_damage(640, 480);
	check_damage(1280, 720);
}

static void test_any_mode(void **state)
{
	const uint16_t sizes[][2] = { { 16, 16 },   { 320, 240 },  { 640, 360 },   { 848, 480 },
				      { 720, 576 }, { 800, 600 }, { 1920, 1200 }, { 3840, 2160 } };
	struct frame f;

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct source *s = open_pattern(sizes[i][0], sizes[i][1], 30);

		for (unsigned int n = 0; n < 3; n++) {
			assert_int_equal(
				s->ops->acquire(s, START_NS * (n + 1), false, &f), 1);
			s->ops->release(s, &f);
		}
		assert_int_equal(f.width, sizes[i][0]);
		s->ops->close(s);
	}
}

static void test_all_buffers_busy(void **state)
{
	struct source *s = open_pattern(640, 480, 30);
	struct frame f[4];

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(s->ops->acquire(s, START_NS * (i + 1), false, &f[i]), 1);
	assert_int_equal(s->ops->acquire(s, START_NS * 4, false, &f[3]), 0);
	s->ops->release(s, &f[0]);
	assert_int_equal(s->ops->acquire(s, START_NS * 4, false, &f[3]), 1);
	assert_ptr_equal(f[3].planes[0], f[0].planes[0]);
	s->ops->close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc_vector),
		cmocka_unit_test(test_stamp_layout),
		cmocka_unit_test(test_stamp_in_the_picture),
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_any_mode),
		cmocka_unit_test(test_all_buffers_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

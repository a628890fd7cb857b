// SPDX-License-Identifier: GPL-2.0-or-later
/* A desktop of another size than the mode: where it lies, what it looks like, who holds what. */
#include "capture/source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WIDTH  400u
#define HEIGHT 300u

/* ------------------------------------------------------------------ a desktop */

static struct desktop {
	struct source source;
	struct media_mode mode;
	uint32_t pixels[HEIGHT][WIDTH + 16];
	uint64_t number;
	int result; /* of acquire */
	bool unreadable;
	unsigned int out, closed;
} desktop;

static int configure(struct source *s, const struct media_mode *mode)
{
	(void)s;
	desktop.mode = *mode;
	return 0;
}

static struct pollfd get_poll(const struct source *s)
{
	(void)s;
	return (struct pollfd){ .fd = 77, .events = POLLIN };
}

static uint64_t get_deadline_ns(const struct source *s)
{
	(void)s;
	return 4711;
}

static int acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	(void)s;
	(void)again;
	if (desktop.result != 1)
		return desktop.result;
	*ret = (struct frame){ .number = ++desktop.number,
			       .time_ns = now_ns - 5,
			       .fourcc = MEDIA_FOURCC_XRGB8888,
			       .width = WIDTH,
			       .height = HEIGHT,
			       .planes = { desktop.unreadable ? NULL : (uint8_t *)desktop.pixels },
			       .pitches = { sizeof(desktop.pixels[0]) },
			       .damage = { 1, 1, 2, 2 },
			       .source_id = 9 };
	desktop.out++;
	return 1;
}

static void release(struct source *s, const struct frame *f)
{
	(void)s;
	assert_int_equal(f->source_id, 9);
	desktop.out--;
}

static void close_desktop(struct source *s)
{
	(void)s;
	desktop.closed++;
}

static const struct source_ops ops = {
	.name = "desktop",
	.configure = configure,
	.get_poll = get_poll,
	.get_deadline_ns = get_deadline_ns,
	.acquire = acquire,
	.release = release,
	.close = close_desktop,
};

static struct source *open_fitted(uint16_t width, uint16_t height)
{
	const struct media_mode mode = { width, height, 30 };
	struct source *s;

	desktop = (struct desktop){ .source.ops = &ops, .result = 1 };
	for (unsigned int y = 0; y < HEIGHT; y++)
		for (unsigned int x = 0; x < WIDTH; x++)
			desktop.pixels[y][x] = x < WIDTH / 2 ? 0x00c08040 : 0xff102030;
	assert_int_equal(source_open_fitted(&desktop.source, WIDTH, HEIGHT, &s), 0);
	assert_int_equal(s->ops->configure(s, &mode), 0);
	assert_int_equal(desktop.mode.width, WIDTH);
	assert_int_equal(desktop.mode.height, HEIGHT);
	assert_int_equal(desktop.mode.refresh_hz, 30);
	return s;
}

static void done(struct source *s)
{
	s->ops->close(s);
	assert_int_equal(desktop.closed, 1);
	assert_int_equal(desktop.out, 0);
}

static uint32_t pixel(const struct frame *f, unsigned int x, unsigned int y)
{
	uint32_t value;

	memcpy(&value, f->planes[0] + (size_t)y * f->pitches[0] + 4 * (size_t)x, 4);
	return value & 0xffffff;
}

/* ------------------------------------------------------------------ cases */

/* 400x300 in 640x360: 480x360 in the middle, black beside it. */
static void test_letterbox(void **state)
{
	struct source *s = open_fitted(640, 360);
	struct frame f;

	(void)state;
	assert_int_equal(s->ops->acquire(s, 1000, false, &f), 1);
	assert_int_equal(f.width, 640);
	assert_int_equal(f.height, 360);
	assert_int_equal(f.number, 1);
	assert_int_equal(f.time_ns, 995);
	assert_int_equal(f.damage.x, 80);
	assert_int_equal(f.damage.width, 480);
	assert_int_equal(desktop.out, 0);
	for (unsigned int y = 0; y < 360; y += 359) {
		assert_int_equal(pixel(&f, 0, y), 0);
		assert_int_equal(pixel(&f, 79, y), 0);
		assert_int_equal(pixel(&f, 80, y), 0xc08040);
		assert_int_equal(pixel(&f, 310, y), 0xc08040);
		assert_int_equal(pixel(&f, 330, y), 0x102030);
		assert_int_equal(pixel(&f, 559, y), 0x102030);
		assert_int_equal(pixel(&f, 560, y), 0);
		assert_int_equal(pixel(&f, 639, y), 0);
	}
	s->ops->release(s, &f);
	done(s);
}

/* Between two colours there are only those between them, channel by channel. */
static void test_smaller(void **state)
{
	struct source *s = open_fitted(64, 64);
	struct frame f;

	(void)state;
	assert_int_equal(s->ops->acquire(s, 1000, false, &f), 1);
	assert_int_equal(f.damage.height, 48);
	for (unsigned int x = 0; x < 64; x++) {
		uint32_t p = pixel(&f, x, 32);

		assert_in_range(p >> 16, 0x10, 0xc0);
		assert_in_range(p >> 8 & 0xff, 0x20, 0x80);
		assert_in_range(p & 0xff, 0x30, 0x40);
	}
	assert_int_equal(pixel(&f, 32, 7), 0);
	assert_int_equal(pixel(&f, 32, 56), 0);
	s->ops->release(s, &f);
	done(s);
}

/* What the pipeline holds is not drawn over. */
static void test_held(void **state)
{
	struct source *s = open_fitted(320, 240);
	struct frame f[3], more;

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(s->ops->acquire(s, 1000, false, &f[i]), 1);
	assert_int_equal(s->ops->acquire(s, 1000, false, &more), 0);
	assert_int_equal(desktop.number, 3);
	s->ops->release(s, &f[1]);
	assert_int_equal(s->ops->acquire(s, 1000, false, &more), 1);
	assert_ptr_equal(more.planes[0], f[1].planes[0]);
	done(s);
}

static void test_passes_on(void **state)
{
	struct source *s = open_fitted(320, 240);
	const struct media_mode mode = { 640, 480, 60 };
	struct frame f;

	(void)state;
	assert_int_equal(s->ops->get_poll(s).fd, 77);
	assert_int_equal(s->ops->get_deadline_ns(s), 4711);
	for (int r = 0; r > -200; r -= ESHUTDOWN) {
		desktop.result = r;
		strcpy(desktop.source.why, "because");
		assert_int_equal(s->ops->acquire(s, 1000, false, &f), r);
		assert_string_equal(s->why, "because");
	}
	desktop.result = 1;
	desktop.unreadable = true;
	assert_int_equal(s->ops->acquire(s, 1000, false, &f), -EOPNOTSUPP);
	assert_int_equal(desktop.out, 0);
	desktop.unreadable = false;
	assert_int_equal(s->ops->configure(s, &mode), 0);
	assert_int_equal(s->ops->acquire(s, 1000, false, &f), 1);
	assert_int_equal(f.width, 640);
	done(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letterbox),
		cmocka_unit_test(test_smaller),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_passes_on),
	};

	return cmocka_run_group_tests_name("fitted", tests, NULL, NULL);
}

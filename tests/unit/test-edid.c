// SPDX-License-Identifier: GPL-2.0-or-later
/* The EDID and the timings that our connector shows, byte by byte where a desktop looks. */
#include "display/edid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct media_mode full_hd = { 1920, 1080, 60 };

static void make(const char *name, const char *id, const struct media_mode *mode, uint8_t ret[128])
{
	struct edid_identity identity = { name, (const uint8_t *)id, strlen(id) };

	edid_make(&identity, mode, ret);
}

static void test_checksum_and_header(void **state)
{
	static const uint8_t head[] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	uint8_t edid[128];
	uint8_t sum = 0;

	(void)state;
	make("Living room", "02:00:00:00:00:01", &full_hd, edid);
	for (size_t i = 0; i < sizeof(edid); i++)
		sum = (uint8_t)(sum + edid[i]);
	assert_int_equal(sum, 0);
	assert_memory_equal(edid, head, sizeof(head));
	assert_int_equal(edid[126], 0); /* no extension blocks */
}

static void test_size_is_an_aspect_ratio(void **state)
{
	uint8_t edid[128];

	(void)state;
	make("TV", "a", &full_hd, edid);
	assert_int_equal(edid[21], 16);
	assert_int_equal(edid[22], 9);
	assert_int_equal(edid[54 + 12], 160);
	assert_int_equal(edid[54 + 13], 90);
}

static void test_preferred_timing(void **state)
{
	uint8_t edid[128];
	struct timing t;

	(void)state;
	make("TV", "a", &full_hd, edid);
	timing_from_mode(&full_hd, &t);
	assert_int_equal(edid[54] | edid[55] << 8, t.clock_khz / 10);
	assert_int_equal(edid[56] | (edid[58] >> 4) << 8, 1920);
	assert_int_equal(edid[59] | (edid[61] >> 4) << 8, 1080);
	assert_int_equal(edid[57] | (edid[58] & 15) << 8, t.htotal - t.hdisplay);
}

/* 655.36 MHz and more would read as almost nothing, and 0 as no timing at all. */
static void test_clock_too_high(void **state)
{
	static const struct media_mode mode = { 3840, 2400, 72 };
	uint8_t edid[128];

	(void)state;
	make("TV", "a", &mode, edid);
	assert_int_equal(edid[54] | edid[55] << 8, UINT16_MAX);
}

static void test_names(void **state)
{
	uint8_t edid[128];
	const uint8_t *name = edid + 54 + 18;

	(void)state;
	make("Living room TV 4", "a", &full_hd, edid);
	assert_int_equal(name[3], 0xfc);
	assert_memory_equal(name + 5, "Living room T", 13);

	/* What ASCII cannot say is left out, control characters above all. */
	make("K\xc3\xbc" "che\n\x1b[2J", "a", &full_hd, edid);
	assert_memory_equal(name + 5, "Kche[2J\n     ", 13);
}

static void test_serial_is_of_the_sink(void **state)
{
	uint8_t one[128], again[128], other[128];

	(void)state;
	make("TV", "02:00:00:00:00:01", &full_hd, one);
	make("TV", "02:00:00:00:00:01", &full_hd, again);
	make("TV", "02:00:00:00:00:02", &full_hd, other);
	assert_memory_equal(one, again, sizeof(one));
	assert_memory_not_equal(one + 12, other + 12, 4);
}

/* Every mode a sink can list: blanking that CVT allows, and a rate that rounds to the right one. */
static void test_timings(void **state)
{
	static const struct media_mode modes[] = {
		{ 640, 480, 60 },  { 720, 480, 60 },  { 720, 576, 50 },	  { 1280, 720, 24 },
		{ 1280, 720, 25 }, { 1280, 720, 30 }, { 1280, 720, 60 },  { 1920, 1080, 24 },
		{ 1920, 1080, 60 }, { 800, 600, 30 }, { 1366, 768, 60 },  { 1680, 1050, 60 },
		{ 1920, 1200, 60 }, { 960, 540, 60 }, { 3840, 2160, 60 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct timing t;
		double hz;

		timing_from_mode(&modes[i], &t);
		hz = t.clock_khz * 1000.0 / (t.htotal * t.vtotal);
		assert_true(hz > modes[i].refresh_hz - 0.02 && hz < modes[i].refresh_hz + 0.02);
		assert_int_equal(t.clock_khz % 10, 0);
		assert_true(t.hsync_start > t.hdisplay && t.hsync_end > t.hsync_start);
		assert_true(t.htotal > t.hsync_end && t.vtotal > t.vsync_end);
		/* CVT: at least 460 us of vertical blanking. */
		assert_true((t.vtotal - t.vdisplay) * (double)t.htotal / t.clock_khz * 1000 >= 460);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum_and_header),
		cmocka_unit_test(test_size_is_an_aspect_ratio),
		cmocka_unit_test(test_preferred_timing),
		cmocka_unit_test(test_clock_too_high),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_serial_is_of_the_sink),
		cmocka_unit_test(test_timings),
	};

	return cmocka_run_group_tests_name("edid", tests, NULL, NULL);
}

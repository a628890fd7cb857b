// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every kernel of convert against the formula of convert.h in double precision, on all extreme
 * colours, on random ones and on ties, in both layouts and at widths that no vector divides; and the
 * other formats against XRGB8888 of the same colours.
 */
#include "encode/convert-kernel.h"
#include "miracast/media.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WIDTH  198 /* 6 vectors of 32, then 6 pixels */
#define HEIGHT 64
#define PITCH  (WIDTH * 4 + 12)

struct picture {
	uint8_t pixels[PITCH * HEIGHT];
	uint8_t y[WIDTH * HEIGHT];
	uint8_t cb[WIDTH * HEIGHT / 4], cr[WIDTH * HEIGHT / 4];
	uint8_t uv[WIDTH * HEIGHT / 2];
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Halves up; the small number covers the error of double arithmetic at a tie. */
static uint8_t round_exactly(double value)
{
	return (uint8_t)floor(value + 0.5 + 1e-9);
}

static void reference(enum convert_matrix matrix, double b, double g, double r, double ret[3])
{
	double kr = matrix == CONVERT_BT709 ? 0.2126 : 0.299;
	double kb = matrix == CONVERT_BT709 ? 0.0722 : 0.114;
	double e = kr * r + (1 - kr - kb) * g + kb * b;

	ret[0] = 16 + 219 * e / 255;
	ret[1] = 128 + 224 * (b - e) / (2 * (1 - kb)) / 255;
	ret[2] = 128 + 224 * (r - e) / (2 * (1 - kr)) / 255;
}

static const uint8_t *get_pixel(const struct picture *p, unsigned int x, unsigned int y)
{
	return p->pixels + (size_t)y * PITCH + (size_t)x * 4;
}

static void check_luma(const struct picture *p, enum convert_matrix matrix)
{
	for (unsigned int y = 0; y < HEIGHT; y++) {
		for (unsigned int x = 0; x < WIDTH; x++) {
			const uint8_t *s = get_pixel(p, x, y);
			double want[3];

			reference(matrix, s[0], s[1], s[2], want);
			assert_int_equal(p->y[y * WIDTH + x], round_exactly(want[0]));
		}
	}
}

static void check_chroma(const struct picture *p, enum convert_matrix matrix,
			 enum convert_layout layout)
{
	for (unsigned int i = 0; i < WIDTH * HEIGHT / 4; i++) {
		unsigned int x = i % (WIDTH / 2) * 2, y = i / (WIDTH / 2) * 2;
		double want[3], mean[3] = { 0 };

		for (unsigned int j = 0; j < 4; j++)
			for (int c = 0; c < 3; c++)
				mean[c] += get_pixel(p, x + j % 2, y + j / 2)[c] / 4.0;
		reference(matrix, mean[0], mean[1], mean[2], want);
		if (layout == CONVERT_NV12) {
			assert_int_equal(p->uv[2 * i], round_exactly(want[1]));
			assert_int_equal(p->uv[2 * i + 1], round_exactly(want[2]));
		} else {
			assert_int_equal(p->cb[i], round_exactly(want[1]));
			assert_int_equal(p->cr[i], round_exactly(want[2]));
		}
	}
}

static void convert(struct picture *p, const struct convert_kernel *kernel,
		    enum convert_matrix matrix, enum convert_layout layout, unsigned int from,
		    unsigned int end)
{
	struct convert_source source = { .pixels = p->pixels, .pitch = PITCH };
	struct convert_target target = {
		.layout = layout,
		.planes = { p->y, layout == CONVERT_NV12 ? p->uv : p->cb, p->cr },
		.pitches = { WIDTH, layout == CONVERT_NV12 ? WIDTH : WIDTH / 2, WIDTH / 2 },
	};

	convert_rows_by(kernel, matrix, &source, &target, WIDTH, from, end);
}

static void check_all(struct picture *p)
{
	for (const struct convert_kernel *k = convert_get_kernels(); k->name; k++) {
		for (int i = 0; i < 4; i++) {
			enum convert_matrix matrix = i & 1 ? CONVERT_BT709 : CONVERT_BT601;
			enum convert_layout layout = i & 2 ? CONVERT_I420 : CONVERT_NV12;

			memset(p->y, 0, sizeof(p->y));
			convert(p, k, matrix, layout, 0, HEIGHT);
			check_luma(p, matrix);
			check_chroma(p, matrix, layout);
		}
	}
}

static void test_extremes(void **state)
{
	static const uint8_t levels[] = { 0, 1, 127, 128, 254, 255 };
	struct picture *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	/* All 216 combinations, first as areas, then each beside each other. */
	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < WIDTH * HEIGHT; i++) {
			unsigned int n = pass ? i * 7 : i % WIDTH / 2 + i / WIDTH / 2 * 13;
			uint8_t *s =
				p->pixels + (size_t)(i / WIDTH) * PITCH + (size_t)(i % WIDTH) * 4;

			s[0] = levels[n % 6];
			s[1] = levels[n / 6 % 6];
			s[2] = levels[n / 36 % 6];
			s[3] = 0xff; /* unused: must not matter */
		}
		check_all(p);
	}
	free(p);
}

static void test_random(void **state)
{
	struct picture *p = calloc(1, sizeof(*p));
	uint32_t seed = 1;

	(void)state;
	assert_non_null(p);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(p->pixels); i++)
			p->pixels[i] = (uint8_t)next_random(&seed);
		check_all(p);
	}
	free(p);
}

static uint64_t get_luma_remainder(unsigned int b, unsigned int g, unsigned int r)
{
	return 73 * (1063u * r + 3576u * g + 361u * b) % 425000;
}

/* Colours whose luma is exactly between two integers, and those nearest to that. */
static void test_ties(void **state)
{
	struct picture *p = calloc(1, sizeof(*p));
	unsigned int found = 0;

	(void)state;
	assert_non_null(p);
	for (unsigned int n = 0; n < 1u << 24 && found < WIDTH * HEIGHT; n++) {
		uint64_t rest = get_luma_remainder(n & 255, n >> 8 & 255, n >> 16);
		uint8_t *s =
			p->pixels + (size_t)(found / WIDTH) * PITCH + (size_t)(found % WIDTH) * 4;

		if (rest < 212499 || rest > 212501)
			continue;
		s[0] = (uint8_t)n;
		s[1] = (uint8_t)(n >> 8);
		s[2] = (uint8_t)(n >> 16);
		found++;
	}
	assert_true(found > 20);
	check_all(p);
	free(p);
}

#define ALL 256 /* values of a channel */

/* The luma of all greens and blues with one red, by the formula. */
static void get_all_luma(enum convert_matrix matrix, unsigned int r, uint8_t ret[ALL][ALL])
{
	for (unsigned int g = 0; g < ALL; g++) {
		for (unsigned int b = 0; b < ALL; b++) {
			double want[3];

			reference(matrix, b, g, r, want);
			ret[g][b] = round_exactly(want[0]);
		}
	}
}

/* Kernels may have luma by other ways than the one that convert-kernel.h proves: all there is. */
static void test_every_colour(void **state)
{
	static uint8_t pixels[ALL][ALL][4], want[ALL][ALL], y[ALL][ALL], uv[ALL / 2][ALL];
	const struct convert_source source = { .pixels = &pixels[0][0][0], .pitch = ALL * 4 };
	const struct convert_target target = { .planes = { &y[0][0], &uv[0][0] },
					       .pitches = { ALL, ALL } };

	(void)state;
	for (unsigned int n = 0; n < 2 * ALL; n++) {
		enum convert_matrix matrix = n & 1 ? CONVERT_BT709 : CONVERT_BT601;

		for (unsigned int i = 0; i < ALL * ALL; i++)
			memcpy(pixels[i / ALL][i % ALL],
			       (uint8_t[]){ (uint8_t)i, (uint8_t)(i / ALL), (uint8_t)(n / 2), 0 },
			       4);
		get_all_luma(matrix, n / 2, want);
		for (const struct convert_kernel *k = convert_get_kernels(); k->name; k++) {
			convert_rows_by(k, matrix, &source, &target, ALL, 0, ALL);
			assert_int_equal(memcmp(y, want, sizeof(y)), 0);
		}
	}
}

/* Every grey has neutral chroma, and the range's ends are 16 and 235. */
static void test_greys(void **state)
{
	struct picture *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	for (unsigned int y = 0; y < HEIGHT; y++)
		for (unsigned int x = 0; x < WIDTH; x++)
			memset(p->pixels + (size_t)y * PITCH + (size_t)x * 4,
			       (int)(y / 2 * 8 + x % 8), 4);
	check_all(p);
	for (unsigned int i = 0; i < WIDTH * HEIGHT / 4; i++) {
		assert_int_equal(p->cb[i], 128);
		assert_int_equal(p->cr[i], 128);
	}
	assert_int_equal(p->y[0], 16);
	assert_int_equal(p->y[(HEIGHT - 1) * WIDTH + 7], 235);
	free(p);
}

static uint8_t to_eight(unsigned int v, unsigned int most)
{
	return (uint8_t)floor(v * 255.0 / most + 0.5);
}

/* What a pixel of a format is in XRGB8888; wide enough for more than one strip of the unpacker. */
static uint32_t widen(enum convert_format format, uint32_t v)
{
	switch (format) {
	case CONVERT_XRGB8888:
		return v;
	case CONVERT_XBGR8888:
		return (v & 0xff) << 16 | (v & 0xff00) | (v >> 16 & 0xff);
	case CONVERT_RGB565:
		return (uint32_t)to_eight(v >> 11 & 31, 31) << 16 |
		       (uint32_t)to_eight(v >> 5 & 63, 63) << 8 | to_eight(v & 31, 31);
	case CONVERT_XRGB2101010:
		return (uint32_t)to_eight(v >> 20 & 1023, 1023) << 16 |
		       (uint32_t)to_eight(v >> 10 & 1023, 1023) << 8 | to_eight(v & 1023, 1023);
	}
	return 0;
}

#define WIDE 1302

/* Every value of each channel, and random ones. */
static void test_formats(void **state)
{
	static const uint32_t fourccs[] = { MEDIA_FOURCC_XRGB8888, MEDIA_FOURCC_XBGR8888,
					    MEDIA_FOURCC_RGB565, MEDIA_FOURCC_XRGB2101010 };
	static uint32_t pixels[2][WIDE], plain[2][WIDE];
	static uint8_t y[2][2 * WIDE], uv[2][WIDE];
	uint32_t seed = 3;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct convert_source source[2] = { { .pitch = sizeof(pixels[0]) },
						    { .pitch = sizeof(plain[0]) } };
		unsigned int bytes = fourccs[i] == MEDIA_FOURCC_RGB565 ? 2 : 4;

		assert_true(convert_format_from_fourcc(fourccs[i], &source[0].format));
		for (unsigned int n = 0; n < 2 * WIDE; n++) {
			uint32_t v = n < 1024 ? n << 20 | n << 10 | n : next_random(&seed) * 257u;
			uint8_t *at = (uint8_t *)pixels[n / WIDE] + (size_t)(n % WIDE) * bytes;

			if (fourccs[i] == MEDIA_FOURCC_RGB565)
				v = (n * 25u + (n >> 3)) & 0xffff;
			memcpy(at, &v, bytes);
			plain[n / WIDE][n % WIDE] = widen(source[0].format, v);
		}
		source[0].pixels = (const uint8_t *)pixels;
		source[1].pixels = (const uint8_t *)plain;
		for (const struct convert_kernel *k = convert_get_kernels(); k->name; k++) {
			for (int j = 0; j < 2; j++) {
				const struct convert_target target = {
					.planes = { y[j], uv[j] },
					.pitches = { WIDE, WIDE },
				};

				convert_rows_by(k, CONVERT_BT709, &source[j], &target, WIDE, 0, 2);
			}
			assert_int_equal(memcmp(y[0], y[1], sizeof(y[0])), 0);
			assert_int_equal(memcmp(uv[0], uv[1], sizeof(uv[0])), 0);
		}
	}
	assert_false(convert_format_from_fourcc(MEDIA_FOURCC_NV12, &(enum convert_format){ 0 }));
}

static void test_rows(void **state)
{
	struct picture *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	memset(p->pixels, 0xff, sizeof(p->pixels));
	for (const struct convert_kernel *k = convert_get_kernels(); k->name; k++) {
		memset(p->y, 7, sizeof(p->y));
		memset(p->uv, 7, sizeof(p->uv));
		convert(p, k, CONVERT_BT709, CONVERT_NV12, 10, 20);
		for (unsigned int i = 0; i < WIDTH * HEIGHT; i++)
			assert_int_equal(p->y[i], i / WIDTH >= 10 && i / WIDTH < 20 ? 235 : 7);
		for (unsigned int i = 0; i < WIDTH * HEIGHT / 2; i++)
			assert_int_equal(p->uv[i], i / WIDTH >= 5 && i / WIDTH < 10 ? 128 : 7);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extremes),     cmocka_unit_test(test_random),
		cmocka_unit_test(test_ties),	     cmocka_unit_test(test_greys),
		cmocka_unit_test(test_formats),	     cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_colour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/convert.h"

#include "encode/convert-kernel.h"
#include "miracast/media.h"

#include <assert.h>
#include <time.h>

/* n / d, rounded to the nearest, at compile time. */
#define ROUND(n, d) ((int32_t)(((n) < 0 ? (n) - (d) / 2 : (n) + (d) / 2) / (d)))

/* k is Kr, Kg or Kb in units of 1/10000; rounded up. */
#define LUMA(k) \
	((int32_t)((INT64_C(k) * 219 * (INT64_C(1) << CONVERT_LUMA_SHIFT) + 2549999) / 2550000))

/* n / d is a factor of (B - E) / (2 (1 - Kb)) or its like; a quarter of it, for sums of four. */
#define CHROMA(n, d) \
	ROUND(INT64_C(n) * 224 * (INT64_C(1) << (CONVERT_CHROMA_SHIFT - 2)), INT64_C(255) * (d))

/* Multiples of the matrix's whole weights, see convert-kernel.h. */
#define WEIGHTS(n, b, g, r)                                              \
	{                                                                \
		{ (n) * (b), (n) * (g), (n) * (r) },                     \
			(float)(219.0 / 255 / ((n) * ((b) + (g) + (r)))) \
	}

/* The offset and a half. */
#define LUMA_ADD   (INT64_C(33) << (CONVERT_LUMA_SHIFT - 1))
#define CHROMA_ADD (INT64_C(257) << (CONVERT_CHROMA_SHIFT - 1))

static const struct convert_constants constants[] = {
	[CONVERT_BT601] = {
		.y = { { LUMA(1140), LUMA(5870), LUMA(2990) }, LUMA_ADD },
		.cb = { { CHROMA(8860, 17720), CHROMA(-5870, 17720), CHROMA(-2990, 17720) },
			CHROMA_ADD },
		.cr = { { CHROMA(-1140, 14020), CHROMA(-5870, 14020), CHROMA(7010, 14020) },
			CHROMA_ADD },
		.weights = WEIGHTS(2, 114, 587, 299),
	},
	[CONVERT_BT709] = {
		.y = { { LUMA(722), LUMA(7152), LUMA(2126) }, LUMA_ADD },
		.cb = { { CHROMA(9278, 18556), CHROMA(-7152, 18556), CHROMA(-2126, 18556) },
			CHROMA_ADD },
		.cr = { { CHROMA(-722, 15748), CHROMA(-7152, 15748), CHROMA(7874, 15748) },
			CHROMA_ADD },
		.weights = WEIGHTS(13, 361, 3576, 1063),
	},
};

#define TRIAL_WIDTH 512
#define TRIAL_RUNS  64 /* wide units wake up in the first of them */

/* The least time of a few runs over two lines. */
static uint64_t time_kernel(const struct convert_kernel *kernel)
{
	static uint8_t pixels[2][TRIAL_WIDTH * 4], y[2][TRIAL_WIDTH], uv[TRIAL_WIDTH];
	const struct convert_pair p = { { pixels[0], pixels[1] }, { y[0], y[1] }, uv, NULL };
	uint64_t best = UINT64_MAX, took;
	struct timespec a, b;

	for (int i = 0; i < TRIAL_RUNS; i++) {
		(void)clock_gettime(CLOCK_MONOTONIC, &a);
		(void)kernel->run(&constants[CONVERT_BT709], &p, TRIAL_WIDTH);
		(void)clock_gettime(CLOCK_MONOTONIC, &b);
		took = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 + (uint64_t)b.tv_nsec -
		       (uint64_t)a.tv_nsec;
		best = took < best ? took : best;
	}
	return best;
}

/*
 * The first one, unless another is clearly faster: an emulator has the newest instructions, but not
 * their speed.
 */
static const struct convert_kernel *get_kernel(void)
{
	static const struct convert_kernel *kernel;
	uint64_t best = UINT64_MAX, took;

	if (kernel)
		return kernel;
	for (const struct convert_kernel *k = convert_get_kernels(); k->name; k++) {
		took = time_kernel(k);
		if (kernel && took >= best - best / 4)
			continue;
		best = took;
		kernel = k;
	}
	return kernel;
}

const char *convert_get_name(void)
{
	return get_kernel()->name;
}

void convert_rows(enum convert_matrix matrix, const struct convert_source *source,
		  const struct convert_target *target, unsigned int width, unsigned int from,
		  unsigned int end)
{
	convert_rows_by(get_kernel(), matrix, source, target, width, from, end);
}

/* ---- formats ---- */

#define STRIP 512 /* pixels of a line that are unpacked at a time: they stay in the nearest cache */

static void unpack_rgb565(uint8_t *to, const uint8_t *from, unsigned int width)
{
	for (unsigned int x = 0; x < width; x++) {
		unsigned int v = from[2 * x] | (unsigned int)from[2 * x + 1] << 8;

		/* n 255 / 31 and n 255 / 63, rounded to the nearest. */
		to[4 * x] = (uint8_t)(((v & 31) * 527 + 23) >> 6);
		to[4 * x + 1] = (uint8_t)(((v >> 5 & 63) * 259 + 33) >> 6);
		to[4 * x + 2] = (uint8_t)(((v >> 11) * 527 + 23) >> 6);
		to[4 * x + 3] = 0;
	}
}

static void unpack_xrgb2101010(uint8_t *to, const uint8_t *from, unsigned int width)
{
	for (unsigned int x = 0; x < width; x++) {
		uint32_t v = from[4 * x] | (uint32_t)from[4 * x + 1] << 8 |
			     (uint32_t)from[4 * x + 2] << 16 | (uint32_t)from[4 * x + 3] << 24;

		/* n 255 / 1023, rounded to the nearest. */
		to[4 * x] = (uint8_t)(((v & 1023) * 1021 + 2047) >> 12);
		to[4 * x + 1] = (uint8_t)(((v >> 10 & 1023) * 1021 + 2047) >> 12);
		to[4 * x + 2] = (uint8_t)(((v >> 20 & 1023) * 1021 + 2047) >> 12);
		to[4 * x + 3] = 0;
	}
}

static const struct {
	uint32_t fourcc;
	unsigned int bytes; /* a pixel */
	bool swapped;	    /* R where the kernels expect B */
	/* To XRGB8888; NULL: it is as the kernels want it. */
	void (*unpack)(uint8_t *to, const uint8_t *from, unsigned int width);
} formats[] = {
	[CONVERT_XRGB8888] = { MEDIA_FOURCC_XRGB8888, 4, false, NULL },
	[CONVERT_XBGR8888] = { MEDIA_FOURCC_XBGR8888, 4, true, NULL },
	[CONVERT_RGB565] = { MEDIA_FOURCC_RGB565, 2, false, unpack_rgb565 },
	[CONVERT_XRGB2101010] = { MEDIA_FOURCC_XRGB2101010, 4, false, unpack_xrgb2101010 },
};

bool convert_format_from_fourcc(uint32_t fourcc, enum convert_format *ret)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i].fourcc != fourcc)
			continue;
		*ret = (enum convert_format)i;
		return true;
	}
	return false;
}

static void swap_ends(int32_t c[3])
{
	int32_t b = c[0];

	c[0] = c[2];
	c[2] = b;
}

static struct convert_constants get_constants(enum convert_matrix matrix,
					      enum convert_format format)
{
	struct convert_constants k = constants[matrix];

	if (!formats[format].swapped)
		return k;
	swap_ends(k.y.c);
	swap_ends(k.cb.c);
	swap_ends(k.cr.c);
	swap_ends(k.weights.c);
	return k;
}

/* ---- lines ---- */

static struct convert_pair get_pair(const struct convert_source *source,
				    const struct convert_target *target, unsigned int line)
{
	struct convert_pair p;

	p.source[0] = source->pixels + line * source->pitch;
	p.source[1] = p.source[0] + source->pitch;
	p.y[0] = target->planes[0] + line * target->pitches[0];
	p.y[1] = p.y[0] + target->pitches[0];
	p.cb = target->planes[1] + line / 2 * target->pitches[1];
	p.cr = NULL;
	if (target->layout == CONVERT_I420)
		p.cr = target->planes[2] + line / 2 * target->pitches[2];
	return p;
}

static void advance(struct convert_pair *p, unsigned int pixels, unsigned int bytes)
{
	for (int i = 0; i < 2; i++) {
		p->source[i] += (size_t)pixels * bytes;
		p->y[i] += pixels;
	}
	p->cb += p->cr ? pixels / 2 : pixels;
	if (p->cr)
		p->cr += pixels / 2;
}

static uint8_t get_sample(const struct convert_line *l, const uint32_t bgr[3], int shift)
{
	return (uint8_t)((l->c[0] * (int64_t)bgr[0] + l->c[1] * (int64_t)bgr[1] +
			  l->c[2] * (int64_t)bgr[2] + l->add) >>
			 shift);
}

/* Two by two pixels at x. */
static void convert_block(const struct convert_constants *k, const struct convert_pair *p,
			  unsigned int x)
{
	uint32_t sum[3] = { 0 };
	uint8_t cb, cr;

	for (int i = 0; i < 4; i++) {
		const uint8_t *s = p->source[i / 2] + (size_t)(x + (unsigned int)i % 2) * 4;
		const uint32_t bgr[3] = { s[0], s[1], s[2] };

		p->y[i / 2][x + (unsigned int)i % 2] = get_sample(&k->y, bgr, CONVERT_LUMA_SHIFT);
		for (int j = 0; j < 3; j++)
			sum[j] += bgr[j];
	}
	cb = get_sample(&k->cb, sum, CONVERT_CHROMA_SHIFT);
	cr = get_sample(&k->cr, sum, CONVERT_CHROMA_SHIFT);
	if (p->cr) {
		p->cb[x / 2] = cb;
		p->cr[x / 2] = cr;
	} else {
		p->cb[x] = cb;
		p->cb[x + 1] = cr;
	}
}

static unsigned int run_scalar(const struct convert_constants *k, const struct convert_pair *p,
			       unsigned int width)
{
	for (unsigned int x = 0; x < width; x += 2)
		convert_block(k, p, x);
	return width;
}

/* What a kernel of whole vectors leaves at the end of a line is done one block at a time. */
static void run_pair(const struct convert_kernel *kernel, const struct convert_constants *k,
		     struct convert_pair p, unsigned int width)
{
	unsigned int done = kernel->run(k, &p, width);

	advance(&p, done, 4);
	(void)run_scalar(k, &p, width - done);
}

static void run_unpacked(const struct convert_kernel *kernel, const struct convert_constants *k,
			 enum convert_format format, struct convert_pair p, unsigned int width)
{
	uint8_t strip[2][STRIP * 4];

	for (unsigned int x = 0; x < width; x += STRIP) {
		unsigned int n = width - x < STRIP ? width - x : STRIP;
		struct convert_pair unpacked = p;

		for (int i = 0; i < 2; i++) {
			formats[format].unpack(strip[i], p.source[i], n);
			unpacked.source[i] = strip[i];
		}
		run_pair(kernel, k, unpacked, n);
		advance(&p, n, formats[format].bytes);
	}
}

void convert_rows_by(const struct convert_kernel *kernel, enum convert_matrix matrix,
		     const struct convert_source *source, const struct convert_target *target,
		     unsigned int width, unsigned int from, unsigned int end)
{
	const struct convert_constants k = get_constants(matrix, source->format);

	assert(width % 2 == 0 && from % 2 == 0 && end % 2 == 0);
	for (unsigned int line = from; line < end; line += 2) {
		struct convert_pair p = get_pair(source, target, line);

		if (formats[source->format].unpack)
			run_unpacked(kernel, &k, source->format, p, width);
		else
			run_pair(kernel, &k, p, width);
	}
}

const struct convert_kernel *convert_get_kernels(void)
{
	static const struct convert_kernel kernels[] = {
#if defined(__aarch64__)
		{ "neon", convert_run_neon },
#elif defined(__x86_64__)
		{ "avx512", convert_run_avx512 },
		{ "avx2", convert_run_avx2 },
		{ "sse2", convert_run_sse2 },
#endif
		{ "scalar", run_scalar },
		{ NULL, NULL },
	};

#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl"))
		return kernels;
	return kernels + (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 2);
#else
	return kernels;
#endif
}

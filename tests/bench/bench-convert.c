// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conversion of a 1920x1080 picture by each kernel, beside memcpy of its pixels and other people's
 * libraries, in turns: sources change, so that they come from memory and not from a cache. The least
 * of many runs and the median. libyuv knows BT.601 only; the work is the same.
 */
#include "encode/convert-kernel.h"
#include "util/clock.h"

#ifdef HAVE_LIBYUV
#include <libyuv.h>
#endif
#ifdef HAVE_SWSCALE
#include <libswscale/swscale.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH	1920
#define HEIGHT	1080
#define SOURCES 11 /* what follows each other does not divide it: all meet each source */
#define RUNS	200
#define RIVALS	8

#define PIXEL_BYTES ((size_t)WIDTH * HEIGHT * 4)

static uint64_t get_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static const struct convert_kernel *the_kernel;

static void by_kernel(const uint8_t *source, uint8_t *target)
{
	const struct convert_source s = { .pixels = source, .pitch = WIDTH * 4 };
	const struct convert_target t = {
		.layout = CONVERT_NV12,
		.planes = { target, target + (size_t)WIDTH * HEIGHT },
		.pitches = { WIDTH, WIDTH },
	};

	convert_rows_by(the_kernel, CONVERT_BT709, &s, &t, WIDTH, 0, HEIGHT);
}

static void by_memcpy(const uint8_t *source, uint8_t *target)
{
	memcpy(target, source, PIXEL_BYTES);
}

#ifdef HAVE_LIBYUV
static void by_libyuv(const uint8_t *source, uint8_t *target)
{
	(void)ARGBToNV12(source, WIDTH * 4, target, WIDTH, target + (size_t)WIDTH * HEIGHT, WIDTH,
			 WIDTH, HEIGHT);
}
#endif

#ifdef HAVE_SWSCALE
static struct SwsContext *scaler;

static void by_swscale(const uint8_t *source, uint8_t *target)
{
	const uint8_t *const from[1] = { source };
	const int from_pitch[1] = { WIDTH * 4 };
	uint8_t *const to[2] = { target, target + (size_t)WIDTH * HEIGHT };
	const int to_pitch[2] = { WIDTH, WIDTH };

	(void)sws_scale(scaler, from, from_pitch, 0, HEIGHT, to, to_pitch);
}
#endif

struct rival {
	const char *name;
	void (*convert)(const uint8_t *source, uint8_t *target);
	const struct convert_kernel *kernel;
	uint64_t times[RUNS];
};

static unsigned int list_rivals(struct rival *ret)
{
	unsigned int n = 0;

	ret[n++] = (struct rival){ .name = "memcpy", .convert = by_memcpy };
	for (const struct convert_kernel *k = convert_get_kernels(); k->name; k++)
		ret[n++] = (struct rival){ .name = k->name, .convert = by_kernel, .kernel = k };
#ifdef HAVE_LIBYUV
	ret[n++] = (struct rival){ .name = "libyuv", .convert = by_libyuv };
#endif
#ifdef HAVE_SWSCALE
	scaler = sws_getContext(WIDTH, HEIGHT, AV_PIX_FMT_BGR0, WIDTH, HEIGHT, AV_PIX_FMT_NV12,
				SWS_POINT, NULL, NULL, NULL);
	if (scaler)
		ret[n++] = (struct rival){ .name = "swscale", .convert = by_swscale };
#endif
	return n;
}

static void tell(struct rival *r)
{
	qsort(r->times, RUNS, sizeof(r->times[0]), compare);
	printf("%-8s min %.2f ms, median %.2f ms, %.1f GB/s of source\n", r->name,
	       (double)r->times[0] / 1e6, (double)r->times[RUNS / 2] / 1e6,
	       (double)PIXEL_BYTES / (double)r->times[RUNS / 2]);
}

/* In turns: what else the machine does meets all alike. */
static void run(const uint8_t *sources, uint8_t *target)
{
	static struct rival rivals[RIVALS];
	unsigned int count = list_rivals(rivals);

	for (unsigned int i = 0; i < RUNS * count; i++) {
		struct rival *r = &rivals[i % count];
		uint64_t start;

		the_kernel = r->kernel;
		start = get_cpu_ns();
		r->convert(sources + i % SOURCES * PIXEL_BYTES, target);
		r->times[i / count] = get_cpu_ns() - start;
	}
	for (unsigned int i = 0; i < count; i++)
		tell(&rivals[i]);
}

int main(void)
{
	uint8_t *sources = malloc(SOURCES * PIXEL_BYTES);
	uint8_t *target = calloc(1, PIXEL_BYTES);

	if (!sources || !target)
		return 1;
	for (size_t i = 0; i < SOURCES * PIXEL_BYTES; i++)
		sources[i] = (uint8_t)(i * 2654435761u >> 13);
	run(sources, target);
	free(sources);
	free(target);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conversion of a 1920x1080 picture by each kernel, beside memcpy of its pixels and other people's
 * libraries: sources change, so that they come from memory and not from a cache. The least of many
 * runs and the median. libyuv knows BT.601 only; the work is the same.
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
#define SOURCES 8
#define RUNS	100

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

static void run(const char *name, void (*convert)(const uint8_t *, uint8_t *),
		const uint8_t *sources, uint8_t *target)
{
	uint64_t times[RUNS];

	for (int i = 0; i < RUNS; i++) {
		uint64_t start = get_cpu_ns();

		convert(sources + i % SOURCES * PIXEL_BYTES, target);
		times[i] = get_cpu_ns() - start;
	}
	qsort(times, RUNS, sizeof(times[0]), compare);
	printf("%-8s min %.2f ms, median %.2f ms, %.1f GB/s of source\n", name,
	       (double)times[0] / 1e6, (double)times[RUNS / 2] / 1e6,
	       (double)PIXEL_BYTES / (double)times[RUNS / 2]);
}

static void run_others(const uint8_t *sources, uint8_t *target)
{
#ifdef HAVE_LIBYUV
	run("libyuv", by_libyuv, sources, target);
#endif
#ifdef HAVE_SWSCALE
	scaler = sws_getContext(WIDTH, HEIGHT, AV_PIX_FMT_BGR0, WIDTH, HEIGHT, AV_PIX_FMT_NV12,
				SWS_POINT, NULL, NULL, NULL);
	if (scaler)
		run("swscale", by_swscale, sources, target);
	sws_freeContext(scaler);
#endif
	(void)sources;
	(void)target;
}

int main(void)
{
	uint8_t *sources = malloc(SOURCES * PIXEL_BYTES);
	uint8_t *target = calloc(1, PIXEL_BYTES);

	if (!sources || !target)
		return 1;
	for (size_t i = 0; i < SOURCES * PIXEL_BYTES; i++)
		sources[i] = (uint8_t)(i * 2654435761u >> 13);
	run("memcpy", by_memcpy, sources, target);
	for (the_kernel = convert_get_kernels(); the_kernel->name; the_kernel++)
		run(the_kernel->name, by_kernel, sources, target);
	run_others(sources, target);
	free(sources);
	free(target);
	return 0;
}

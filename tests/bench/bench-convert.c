// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conversion of a 1920x1080 picture by each kernel, beside memcpy of its pixels: sources change, so
 * that they come from memory and not from a cache. The least of many runs and the median.
 */
#include "encode/convert-kernel.h"
#include "util/clock.h"

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

/* kernel NULL: memcpy. */
static void run(const struct convert_kernel *kernel, const uint8_t *sources, uint8_t *target)
{
	const struct convert_target t = {
		.layout = CONVERT_NV12,
		.planes = { target, target + (size_t)WIDTH * HEIGHT },
		.pitches = { WIDTH, WIDTH },
	};
	uint64_t times[RUNS];

	for (int i = 0; i < RUNS; i++) {
		struct convert_source s = { sources + i % SOURCES * PIXEL_BYTES, WIDTH * 4 };
		uint64_t start = get_cpu_ns();

		if (kernel)
			convert_rows_by(kernel, CONVERT_BT709, &s, &t, WIDTH, 0, HEIGHT);
		else
			memcpy(target, s.pixels, PIXEL_BYTES);
		times[i] = get_cpu_ns() - start;
	}
	qsort(times, RUNS, sizeof(times[0]), compare);
	printf("%-8s min %.2f ms, median %.2f ms, %.1f GB/s of source\n",
	       kernel ? kernel->name : "memcpy", (double)times[0] / 1e6,
	       (double)times[RUNS / 2] / 1e6, (double)PIXEL_BYTES / (double)times[RUNS / 2]);
}

int main(void)
{
	uint8_t *sources = malloc(SOURCES * PIXEL_BYTES);
	uint8_t *target = calloc(1, PIXEL_BYTES);

	if (!sources || !target)
		return 1;
	for (size_t i = 0; i < SOURCES * PIXEL_BYTES; i++)
		sources[i] = (uint8_t)(i * 2654435761u >> 13);
	run(NULL, sources, target);
	for (const struct convert_kernel *k = convert_get_kernels(); k->name; k++)
		run(k, sources, target);
	free(sources);
	free(target);
	return 0;
}

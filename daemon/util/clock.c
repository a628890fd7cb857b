// SPDX-License-Identifier: GPL-2.0-or-later
#include "util/clock.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

uint64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now_us(void)
{
	return clock_now_ns() / NSEC_PER_USEC;
}

static double time_scale(void)
{
	static double scale; /* 0: not read yet */
	const char *text;
	char *end;

	if (scale > 0)
		return scale;
	scale = 1;
	text = getenv("MIRACAST_TIME_SCALE");
	if (text) {
		double value = strtod(text, &end);

		if (end != text && *end == '\0' && isfinite(value) && value >= 0.001 &&
		    value <= 1000)
			scale = value;
	}
	return scale;
}

uint64_t clock_limit_us(uint64_t limit_us)
{
	return (uint64_t)((double)limit_us * time_scale());
}

uint64_t clock_stretched_us(uint64_t limit_us)
{
	uint64_t scaled_us = clock_limit_us(limit_us);

	return scaled_us > limit_us ? scaled_us : limit_us;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one clock of the sink: CLOCK_MONOTONIC in microseconds, as in the stamp. */
#ifndef SINK_CLOCK_H
#define SINK_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/* The bench at real time, for cases in which real processes are the point. */
#include "fake-clock.h"

#include <time.h>

uint64_t fake_clock_next_us(void)
{
	return clock_now_us() + USEC_PER_MSEC;
}

void fake_clock_set_us(uint64_t now_us)
{
	struct timespec ts = { .tv_sec = (time_t)(now_us / USEC_PER_SEC),
			       .tv_nsec = (long)(now_us % USEC_PER_SEC * NSEC_PER_USEC) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

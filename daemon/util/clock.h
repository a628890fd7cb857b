/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one clock of the product, CLOCK_MONOTONIC, and the one factor that stretches the time limits.
 * Only this file asks for the time; everything below the loops gets it as an argument.
 */
#ifndef MIRACAST_UTIL_CLOCK_H
#define MIRACAST_UTIL_CLOCK_H

#include <stdint.h>

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

uint64_t clock_now_ns(void);
uint64_t clock_now_us(void);

/*
 * A time limit, stretched or shortened by the environment variable MIRACAST_TIME_SCALE (a decimal
 * number, 0.001 to 1000; anything else counts as 1). Slow machines stretch, tests shorten.
 */
uint64_t clock_limit_us(uint64_t limit_us);
/* For what takes the time that it takes: stretched likewise, and never shortened. */
uint64_t clock_stretched_us(uint64_t limit_us);

#endif

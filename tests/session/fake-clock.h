/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time that only the test moves. Stands in for util/clock.c, and between the code under test and
 * the loop's timers (ld --wrap), so that ten seconds cost nothing and are exactly ten seconds. One
 * clock a thread.
 */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

#include "util/clock.h"

/* The earliest moment at which a timer that is switched on runs out; UINT64_MAX: never. */
uint64_t fake_clock_next_us(void);

/* Never backwards. Timers that run out by then are dispatched by the loop. */
void fake_clock_set_us(uint64_t now_us);

#endif

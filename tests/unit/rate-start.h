/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the tests of the rate start: a link of so many bits, a small mode. Knows no test. */
#ifndef MIRACAST_TEST_RATE_START_H
#define MIRACAST_TEST_RATE_START_H

#include "rate.h"

#define SEC  UINT64_C(1000000)
#define MSEC UINT64_C(1000)
#define MBIT UINT64_C(1000000)
#define NOW  (1000 * SEC)

static const struct media_mode SMALL = { 640, 480, 30 };

static inline struct rate make(uint64_t bps)
{
	struct rate r;

	rate_init(&r, &(struct session_link_stats){ .current_bps = bps }, NOW);
	rate_set_mode(&r, &SMALL);
	return r;
}

#endif

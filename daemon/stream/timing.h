/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream's clock arithmetic: CLOCK_MONOTONIC nanoseconds in, 90 kHz and 27 MHz stamps out.
 * PCR is the time of departure; PTS is the picture's time plus one constant for picture and sound.
 * Pure; knows no packet. Stamps are not wrapped here: 33 bits are cut off where they are written
 * (ISO/IEC 13818-1, 2.4.2.2 and 2.4.3.6).
 */
#ifndef MIRACAST_STREAM_TIMING_H
#define MIRACAST_STREAM_TIMING_H

#include "util/clock.h"

#include <stdint.h>

#define TIMING_DELAY_NS	 (50 * NSEC_PER_MSEC) /* D: from the picture's vblank to its PTS */
#define TIMING_MARGIN_NS (5 * NSEC_PER_MSEC)  /* a picture is to have left so long before its PTS */
#define TIMING_MASK_33	 ((UINT64_C(1) << 33) - 1)

static inline uint64_t timing_90k(uint64_t ns)
{
	return ns / 100000 * 9 + ns % 100000 * 9 / 100000;
}

/* Of a PTS that is not wrapped, as timing_stamp gives it. */
static inline uint64_t timing_ns(uint64_t pts)
{
	return pts / 9 * 100000 + pts % 9 * 100000 / 9;
}

static inline uint64_t timing_27m(uint64_t ns)
{
	return ns / 1000 * 27 + ns % 1000 * 27 / 1000;
}

/*
 * The PTS, 90 kHz and not wrapped, of a picture of time_ns whose last byte will have left at
 * leave_ns: time_ns + D; later when it leaves later than that minus the margin, and in any case
 * later than *last_pts, which is advanced. *ret_late_ns: how far it was moved for its lateness, 0
 * as a rule. A picture that is sent again must come with a new time, or it counts as late.
 */
uint64_t timing_stamp(uint64_t *last_pts, uint64_t time_ns, uint64_t leave_ns,
		      uint64_t *ret_late_ns);

#endif

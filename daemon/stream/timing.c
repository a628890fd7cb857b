// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream/timing.h"

uint64_t timing_stamp(uint64_t *last_pts, uint64_t time_ns, uint64_t leave_ns,
		      uint64_t *ret_late_ns)
{
	/* A picture of the future would be promised further ahead than the sink buffers. */
	uint64_t pts_ns = (time_ns < leave_ns ? time_ns : leave_ns) + TIMING_DELAY_NS;
	uint64_t late_ns = 0;
	uint64_t pts;

	if (leave_ns + TIMING_MARGIN_NS > pts_ns)
		late_ns = leave_ns + TIMING_MARGIN_NS - pts_ns;
	pts = timing_90k(pts_ns + late_ns);
	if (pts <= *last_pts)
		pts = *last_pts + 1;
	*last_pts = pts;
	*ret_late_ns = late_ns;
	return pts;
}

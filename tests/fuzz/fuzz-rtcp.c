// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RTCP from a sink: whatever comes, what is told stays within what was there, and nothing that is
 * refused is told.
 */
#include "rtsp/rtcp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What we send is RTCP by our own rules, and says nothing of what we receive. */
static void check_sender(uint32_t ssrc, uint64_t now_ns)
{
	struct rtcp_sender sender = { ssrc, now_ns, now_ns, now_ns * 1316 };
	uint8_t data[RTCP_SENDER_SIZE];
	struct rtcp_feedback f;

	assert(rtcp_format_sender(&sender, data) == RTCP_SENDER_SIZE);
	assert(rtcp_parse(data, sizeof(data), ssrc, &f) == 0);
	assert(!f.has_report && !f.bye && f.nacked == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtcp_feedback f, untouched;
	uint64_t now_ns = 0;
	uint32_t ssrc = 0;
	int r;

	/* The stream and the time are the input's as well: else no block is ever ours. */
	if (size < 12)
		return 0;
	memcpy(&ssrc, data, 4);
	memcpy(&now_ns, data + 4, 8);
	check_sender(ssrc, now_ns);
	memset(&f, 0xa5, sizeof(f));
	untouched = f;
	r = rtcp_parse(data + 12, size - 12, ssrc, &f);
	assert(r == 0 || r == -EBADMSG);
	if (r < 0) {
		assert(memcmp(&f, &untouched, sizeof(f)) == 0);
		return 0;
	}
	assert((size - 12) % 4 == 0 && size - 12 <= RTCP_SIZE_MAX);
	assert(f.nacked <= (size - 12) / 4 * 17 && f.apps <= (size - 12) / 4);
	if (!f.has_report)
		return 0;
	assert(f.report.cumulative_lost >= -0x800000 && f.report.cumulative_lost <= 0x7fffff);
	assert(rtcp_round_trip_us(&f.report, now_ns) <= RTCP_RTT_MAX_US);
	return 0;
}

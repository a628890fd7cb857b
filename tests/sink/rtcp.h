/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sink's RTCP (RFC 3550 section 6): counts what comes as appendix A does, and once a second
 * reports it to wherever the source's own reports come from. Lives on the media thread. Shares
 * nothing with the analyser: what is reported is what a simple sink would see.
 */
#ifndef SINK_RTCP_H
#define SINK_RTCP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rtcp;

struct rtcp_counts {
	uint64_t sender_reports, bad_reports, receiver_reports;
	int64_t lost;	    /* of all, as reported last */
	uint32_t jitter_us; /* likewise */
};

/* Binds the port behind the stream's. */
int rtcp_new(int family, unsigned port, struct rtcp **ret);
struct rtcp *rtcp_free(struct rtcp *r);

/* An RTP datagram came. */
void rtcp_push(struct rtcp *r, const uint8_t *data, size_t len, uint64_t arrival_us);
/* Reads what the source says, and reports when it is time. */
void rtcp_tick(struct rtcp *r, uint64_t now_us);

struct rtcp_counts rtcp_counts(const struct rtcp *r);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RTCP (RFC 3550 section 6, RFC 4585): bytes <-> structs, pure. Out go sender reports, in come the
 * sink's reports and complaints. Knows no socket and no clock; times are CLOCK_MONOTONIC, which
 * RFC 3550 6.4.1 allows for the NTP fields of a sender that has no wall clock to offer.
 */
#ifndef MIRACAST_RTSP_RTCP_H
#define MIRACAST_RTSP_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTCP_SIZE_MAX	 1500 /* larger datagrams are no RTCP of a sink's */
#define RTCP_SENDER_SIZE 48   /* what rtcp_format_sender() writes */
#define RTCP_RTT_MAX_US	 UINT64_C(10000000)

struct rtcp_sender {
	uint32_t ssrc;
	uint64_t now_ns;
	uint64_t datagrams; /* sent so far */
	uint64_t bytes;	    /* of them, without RTP headers */
};

/* SR and SDES with a CNAME. The number of bytes. */
size_t rtcp_format_sender(const struct rtcp_sender *sender, uint8_t ret[static RTCP_SENDER_SIZE]);

/* A report block about our stream. */
struct rtcp_report {
	uint8_t fraction_lost;	 /* of 256, since the report before */
	int32_t cumulative_lost; /* of all; duplicates count below 0 */
	uint32_t highest;	 /* sequence number, extended by its cycles */
	uint32_t jitter;	 /* 90 kHz */
	uint32_t last_sender;	 /* the middle of the NTP time of our last SR; 0: none yet */
	uint32_t delay;		 /* since then, 1/65536 s */
};

/* What one datagram says of our stream. */
struct rtcp_feedback {
	bool has_report;
	struct rtcp_report report;
	uint32_t nacked; /* datagrams that are missed (RFC 4585 6.2.1) */
	bool wants_idr;	 /* PLI, FIR, SLI: a picture is broken */
	bool bye;
	uint32_t apps; /* APP packets; nothing is done about them */
};

/*
 * A datagram of the sink about the stream ssrc. Packets of other types, and about other streams,
 * are passed over. 0, or -EBADMSG: the datagram as a whole is not RTCP.
 */
int rtcp_parse(const void *data, size_t size, uint32_t ssrc, struct rtcp_feedback *ret);

/* From our SR to the report about it and back; 0: the sink has not seen one, or it makes no sense. */
uint64_t rtcp_round_trip_us(const struct rtcp_report *report, uint64_t now_ns);

#endif

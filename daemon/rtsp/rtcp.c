// SPDX-License-Identifier: GPL-2.0-or-later
#include "rtsp/rtcp.h"

#include "util/bytes.h"
#include "util/clock.h"

#include <assert.h>
#include <errno.h>

#define VERSION 2u

enum type {
	TYPE_SR = 200,
	TYPE_RR = 201,
	TYPE_SDES = 202,
	TYPE_BYE = 203,
	TYPE_APP = 204,
	TYPE_RTPFB = 205,
	TYPE_PSFB = 206,
	TYPE_XR = 207,
};

enum format {
	RTPFB_NACK = 1,
	PSFB_PLI = 1,
	PSFB_SLI = 2,
	PSFB_FIR = 4,
};

static const char CNAME[] = "miracast";

/* ---------------------------------------------------------------- out */

/* 32.32 bits of seconds. */
static uint64_t get_ntp(uint64_t ns)
{
	return (ns / NSEC_PER_SEC) << 32 | ((ns % NSEC_PER_SEC) << 32) / NSEC_PER_SEC;
}

static void write_header(struct writer *w, unsigned int count, enum type type, size_t bytes)
{
	writer_be32(w, (uint32_t)(VERSION << 30 | count << 24 | type << 16 | (bytes / 4 - 1)));
}

size_t rtcp_format_sender(const struct rtcp_sender *sender, uint8_t ret[static RTCP_SENDER_SIZE])
{
	struct writer w = writer_init(ret, RTCP_SENDER_SIZE);
	uint64_t ntp = get_ntp(sender->now_ns);

	write_header(&w, 0, TYPE_SR, 28);
	writer_be32(&w, sender->ssrc);
	writer_be32(&w, (uint32_t)(ntp >> 32));
	writer_be32(&w, (uint32_t)ntp);
	/* As the stream's RTP time stamps, which are CLOCK_MONOTONIC in 90 kHz. */
	writer_be32(&w,
		    (uint32_t)(sender->now_ns / 100000 * 9 + sender->now_ns % 100000 * 9 / 100000));
	writer_be32(&w, (uint32_t)sender->datagrams);
	writer_be32(&w, (uint32_t)sender->bytes);

	write_header(&w, 1, TYPE_SDES, 20);
	writer_be32(&w, sender->ssrc);
	writer_be16(&w, 1 << 8 | (sizeof(CNAME) - 1)); /* CNAME, its length */
	writer_bytes(&w, CNAME, sizeof(CNAME) - 1);
	writer_be16(&w, 0); /* the end, and to the next 32 bits */
	assert(!w.failed && writer_size(&w) == RTCP_SENDER_SIZE);
	return writer_size(&w);
}

/* ---------------------------------------------------------------- in */

static int32_t sign_24(uint32_t value)
{
	return (int32_t)((value & 0xffffff) ^ 0x800000) - 0x800000;
}

static void parse_blocks(struct reader *r, unsigned int count, uint32_t ssrc,
			 struct rtcp_feedback *f)
{
	for (unsigned int i = 0; i < count; i++) {
		uint32_t about = reader_be32(r);
		uint32_t lost = reader_be32(r);
		struct rtcp_report report = {
			.fraction_lost = (uint8_t)(lost >> 24),
			.cumulative_lost = sign_24(lost),
		};

		report.highest = reader_be32(r);
		report.jitter = reader_be32(r);
		report.last_sender = reader_be32(r);
		report.delay = reader_be32(r);
		if (r->failed || about != ssrc)
			continue;
		f->report = report;
		f->has_report = true;
	}
}

/* Each entry names one datagram and, by bits, any of the 16 behind it. */
static void parse_nacks(struct reader *r, struct rtcp_feedback *f)
{
	while (reader_left(r) >= 4) {
		uint32_t entry = reader_be32(r);

		f->nacked += 1 + (uint32_t)__builtin_popcount(entry & 0xffff);
	}
}

static void parse_feedback(struct reader *r, enum type type, unsigned int format, uint32_t ssrc,
			   struct rtcp_feedback *f)
{
	uint32_t about;

	(void)reader_be32(r); /* who says it */
	about = reader_be32(r);
	if (r->failed)
		return;
	/* FIR names the stream in its entries and has 0 here (RFC 5104 4.3.1). */
	if (type == TYPE_PSFB && format == PSFB_FIR && reader_left(r) >= 8)
		about = reader_be32(r);
	if (about != ssrc)
		return;
	if (type == TYPE_RTPFB && format == RTPFB_NACK)
		parse_nacks(r, f);
	else if (type == TYPE_PSFB &&
		 (format == PSFB_PLI || format == PSFB_SLI || format == PSFB_FIR))
		f->wants_idr = true;
}

static void parse_packet(struct reader *r, enum type type, unsigned int count, uint32_t ssrc,
			 struct rtcp_feedback *f)
{
	switch (type) {
	case TYPE_SR: /* a sink that sends sound back, say: its own numbers are of no interest */
		(void)reader_bytes(r, 24);
		parse_blocks(r, count, ssrc, f);
		return;
	case TYPE_RR:
		(void)reader_bytes(r, 4);
		parse_blocks(r, count, ssrc, f);
		return;
	case TYPE_RTPFB:
	case TYPE_PSFB:
		parse_feedback(r, type, count, ssrc, f);
		return;
	case TYPE_BYE:
		f->bye = true;
		return;
	case TYPE_APP:
		f->apps++;
		return;
	case TYPE_SDES:
	case TYPE_XR:
		return;
	}
}

/*
 * RFC 3550 A.2, but for the rule that a report comes first: sinks send single NACKs (RFC 5506).
 * Every packet has our version, its length lies within, padding ends the last one.
 */
int rtcp_parse(const void *data, size_t size, uint32_t ssrc, struct rtcp_feedback *ret)
{
	struct reader whole = reader_init(data, size);
	struct rtcp_feedback f = { 0 };

	if (size < 4 || size > RTCP_SIZE_MAX)
		return -EBADMSG;
	while (reader_left(&whole) > 0) {
		uint8_t first = reader_u8(&whole);
		uint8_t type = reader_u8(&whole);
		size_t bytes = (size_t)reader_be16(&whole) * 4;
		const uint8_t *body = reader_bytes(&whole, bytes);
		struct reader packet;

		if (whole.failed || !body || first >> 6 != VERSION || type < TYPE_SR - 8 ||
		    type > TYPE_XR + 8)
			return -EBADMSG;
		if (first & 0x20) {
			if (reader_left(&whole) > 0 || bytes == 0 || body[bytes - 1] == 0 ||
			    body[bytes - 1] > bytes)
				return -EBADMSG;
			bytes -= body[bytes - 1];
		}
		packet = reader_init(body, bytes);
		parse_packet(&packet, (enum type)type, first & 0x1f, ssrc, &f);
	}
	*ret = f;
	return 0;
}

uint64_t rtcp_round_trip_us(const struct rtcp_report *report, uint64_t now_ns)
{
	uint32_t now = (uint32_t)(get_ntp(now_ns) >> 16);
	uint32_t trip = now - report->last_sender - report->delay;
	uint64_t us = (uint64_t)trip * USEC_PER_SEC >> 16;

	/* Below 0 is far above the maximum. A trip on loopback takes less than a unit: 1 us then. */
	if (report->last_sender == 0 || us > RTCP_RTT_MAX_US)
		return 0;
	return us ? us : 1;
}

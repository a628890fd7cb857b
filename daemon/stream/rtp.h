/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RTP for MPEG-TS (RFC 3550, RFC 2250): seven TS packets behind a 12-byte header. Datagrams lie in
 * a ring of equal slots, one behind the other without gaps, so that a run of them is one UDP GSO
 * send: all but the last are RTP_DATAGRAM_SIZE bytes long. Pure; knows no socket, no clock, and of
 * TS its packet's size.
 */
#ifndef MIRACAST_STREAM_RTP_H
#define MIRACAST_STREAM_RTP_H

#include <stddef.h>
#include <stdint.h>

#define RTP_HEADER_SIZE	  12
#define RTP_TS_SIZE	  188
#define RTP_TS_PACKETS	  7
#define RTP_PAYLOAD_SIZE  (RTP_TS_PACKETS * RTP_TS_SIZE)
#define RTP_DATAGRAM_SIZE (RTP_HEADER_SIZE + RTP_PAYLOAD_SIZE) /* 1328 */
#define RTP_PAYLOAD_TYPE  33				       /* MP2T */

/* Datagrams that are being filled with TS packets: the free part of a ring of slots. */
struct rtp_run {
	uint8_t *slots; /* slot_count times RTP_DATAGRAM_SIZE bytes */
	unsigned int slot_count;
	unsigned int first;   /* slot of the first datagram */
	unsigned int limit;   /* datagrams that there is room for */
	unsigned int count;   /* datagrams so far */
	unsigned int packets; /* TS packets in the last of them, 1 to 7; 0 when count is 0 */
};

static inline uint8_t *rtp_slot(const struct rtp_run *run, unsigned int datagram)
{
	unsigned int slot = run->first + datagram;

	if (slot >= run->slot_count)
		slot -= run->slot_count;
	return run->slots + (size_t)slot * RTP_DATAGRAM_SIZE;
}

/* TS packets that still fit. */
static inline size_t rtp_left(const struct rtp_run *run)
{
	return (size_t)(run->limit - run->count) * RTP_TS_PACKETS +
	       (run->count ? RTP_TS_PACKETS - run->packets : 0);
}

/*
 * The place of the next *count TS packets, one behind the other; fewer where the datagram ends. The
 * caller has asked rtp_left.
 */
static inline uint8_t *rtp_rooms(struct rtp_run *run, size_t *count)
{
	uint8_t *p;

	if (run->count == 0 || run->packets == RTP_TS_PACKETS) {
		run->count++;
		run->packets = 0;
	}
	p = rtp_slot(run, run->count - 1) + RTP_HEADER_SIZE + (size_t)run->packets * RTP_TS_SIZE;
	if (*count > RTP_TS_PACKETS - run->packets)
		*count = RTP_TS_PACKETS - run->packets;
	run->packets += (unsigned int)*count;
	return p;
}

static inline uint8_t *rtp_room(struct rtp_run *run)
{
	size_t one = 1;

	return rtp_rooms(run, &one);
}

static inline size_t rtp_last_size(const struct rtp_run *run)
{
	return RTP_HEADER_SIZE + (size_t)run->packets * RTP_TS_SIZE;
}

/*
 * Write the headers of count datagrams that lie one behind the other and advance *sequence past
 * them, before anything of them is sent: whatever happens then, no number is used twice.
 * timestamp is the time of departure in 90 kHz (RFC 2250, 2). The marker stays 0: there it means a
 * discontinuity of the timestamp, and ours has none.
 */
void rtp_depart(uint8_t *datagrams, unsigned int count, uint32_t ssrc, uint32_t timestamp,
		uint16_t *sequence);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser's RTP layer: RFC 3550 section 5.1 and RFC 2250 section 2, and the window that puts
 * datagrams into the order of their numbers. Knows nothing of what is in a TS packet.
 */
#include "analyse-parts.h"

#include <string.h>

#define RTP_DROPOUT_MAX	 3000 /* RFC 3550 A.1: further ahead or behind is another stream */
#define RTP_MISORDER_MAX 100

/* Hands one datagram's TS packets on. The time stamp is judged here, in the order of numbers. */
static void deliver(struct analyser *a, const uint8_t *payload, size_t len, uint32_t timestamp,
		    uint64_t arrival_us, bool gap)
{
	struct rtp_check *rtp = &a->rtp;

	if (gap) {
		ts_gap(a);
		if (a->ops && a->ops->on_trouble)
			a->ops->on_trouble(a->user);
	}
	if (rtp->last_timestamp != timestamp && (int32_t)(timestamp - rtp->last_timestamp) < 0)
		findings_note(&a->findings, RULE_RTP_TIMESTAMP, "%u after %u", timestamp,
			      rtp->last_timestamp);
	rtp->last_timestamp = timestamp;
	for (size_t i = 0; i + TS_SIZE <= len; i += TS_SIZE)
		ts_push(a, payload + i, arrival_us);
	if (len % TS_SIZE)
		ts_gap(a);
	if (a->ops && a->ops->on_ts && len >= TS_SIZE)
		a->ops->on_ts(a->user, payload, len - len % TS_SIZE, arrival_us, gap);
}

/* Hands on the slot of `next`, or counts it lost. */
static void step(struct analyser *a)
{
	struct rtp_check *rtp = &a->rtp;
	struct rtp_slot *slot = &rtp->slots[rtp->next % RTP_WINDOW];

	if (slot->used) {
		slot->used = false;
		rtp->waiting--;
		deliver(a, slot->payload, slot->len, slot->timestamp, slot->arrival_us, rtp->gap);
		rtp->gap = false;
	} else {
		findings_note(&a->findings, RULE_RTP_LOST, "number %u",
			      (unsigned)(rtp->next & 0xffff));
		a->facts.lost++;
		rtp->gap = true;
	}
	rtp->next++;
}

/* Hands on all that is complete. */
static void drain(struct analyser *a)
{
	struct rtp_check *rtp = &a->rtp;

	while (rtp->waiting && rtp->slots[rtp->next % RTP_WINDOW].used)
		step(a);
}

/* Hands on, or gives up, everything below number `until`. */
static void advance(struct analyser *a, uint64_t until)
{
	while (a->rtp.next < until)
		step(a);
	drain(a);
}

void rtp_flush(struct analyser *a)
{
	if (a->rtp.waiting)
		advance(a, a->rtp.highest + 1);
}

void rtp_tick(struct analyser *a, uint64_t now_us)
{
	struct rtp_check *rtp = &a->rtp;
	uint64_t oldest = UINT64_MAX;

	if (!rtp->waiting)
		return;
	for (size_t i = 0; i < RTP_WINDOW; i++)
		if (rtp->slots[i].used && rtp->slots[i].arrival_us < oldest)
			oldest = rtp->slots[i].arrival_us;
	if (now_us > oldest && now_us - oldest > RTP_WINDOW_US)
		rtp_flush(a);
}

static void restart(struct analyser *a, unsigned sequence, uint32_t timestamp)
{
	struct rtp_check *rtp = &a->rtp;

	rtp_flush(a);
	if (rtp->started)
		ts_gap(a);
	memset(rtp->seen, 0, sizeof(rtp->seen));
	/* Far from 0, so that a late datagram's extended number cannot go below it. */
	rtp->next = UINT64_C(0x10000) * 16 + sequence;
	rtp->highest = rtp->next - 1;
	rtp->last_timestamp = timestamp;
	rtp->started = true;
}

/* Puts a datagram into the window. */
static void hold(struct analyser *a, uint64_t number, const uint8_t *payload, size_t len,
		 uint32_t timestamp, uint64_t arrival_us)
{
	struct rtp_check *rtp = &a->rtp;
	struct rtp_slot *slot;

	if (number >= rtp->next + RTP_WINDOW)
		advance(a, number - RTP_WINDOW + 1);
	slot = &rtp->slots[number % RTP_WINDOW];
	slot->used = true;
	slot->arrival_us = arrival_us;
	slot->timestamp = timestamp;
	slot->len = len;
	memcpy(slot->payload, payload, len);
	rtp->waiting++;
	drain(a);
}

static void sort(struct analyser *a, unsigned sequence, const uint8_t *payload, size_t len,
		 uint32_t timestamp, uint64_t arrival_us)
{
	struct rtp_check *rtp = &a->rtp;
	int delta;
	uint64_t number;

	if (!rtp->started)
		restart(a, sequence, timestamp);
	delta = (int16_t)(uint16_t)(sequence - (unsigned)(rtp->highest & 0xffff));
	if (delta > RTP_DROPOUT_MAX || delta < -RTP_MISORDER_MAX) {
		findings_note(&a->findings, RULE_RTP_JUMP, "%u after %u", sequence,
			      (unsigned)(rtp->highest & 0xffff));
		restart(a, sequence, timestamp);
		delta = 1;
	}
	number = rtp->highest + (uint64_t)(int64_t)delta;
	if (rtp->seen[number % RTP_SEEN] == number + 1) {
		findings_note(&a->findings, RULE_RTP_DUPLICATE, "number %u", sequence);
		a->facts.duplicates++;
		return;
	}
	rtp->seen[number % RTP_SEEN] = number + 1;
	if (delta <= 0) {
		findings_note(&a->findings, RULE_RTP_REORDERED, "number %u after %u", sequence,
			      (unsigned)(rtp->highest & 0xffff));
		a->facts.reordered++;
	} else {
		rtp->highest = number;
	}
	if (number < rtp->next)
		return; /* too late, it was given up */
	hold(a, number, payload, len, timestamp, arrival_us);
	rtp_tick(a, arrival_us);
}

/* The header's fixed part; false if the datagram is not of our stream. */
static bool check_header(struct analyser *a, const uint8_t *p)
{
	struct rtp_check *rtp = &a->rtp;
	unsigned version = p[0] >> 6;
	unsigned type = p[1] & 0x7fU;
	uint32_t ssrc = get_be32(p + 8);
	bool ssrc_same = !rtp->started || ssrc == rtp->ssrc;

	if (version != 2)
		findings_note(&a->findings, RULE_RTP_VERSION, "version %u", version);
	else if (type != 33)
		findings_note(&a->findings, RULE_RTP_PAYLOAD_TYPE, "payload type %u", type);
	else if (!ssrc_same)
		findings_note(&a->findings, RULE_RTP_SSRC, "%08x after %08x", ssrc, rtp->ssrc);
	/* One wrong field is a fault of the stream, two are somebody else's datagram. */
	if ((version == 2) + (type == 33) + ssrc_same < 2)
		return false;
	if (!rtp->started || (version == 2 && type == 33))
		rtp->ssrc = ssrc;
	return true;
}

void rtp_push(struct analyser *a, const uint8_t *p, size_t len, uint64_t arrival_us)
{
	size_t header = RTP_HEADER_SIZE;

	if (len < RTP_HEADER_SIZE) {
		findings_note(&a->findings, RULE_RTP_SHORT, "%zu bytes", len);
		return;
	}
	if (!check_header(a, p))
		return;
	if (p[0] & 0x3f) {
		size_t padding = p[0] & 0x20 ? p[len - 1] : 0;

		findings_note(&a->findings, RULE_RTP_FLAGS, "first byte %02x", p[0]);
		header += (size_t)(p[0] & 0xf) * 4;
		if (p[0] & 0x10 && len >= header + 4)
			header += 4 + (size_t)get_be16(p + header + 2) * 4;
		len = padding > len ? 0 : len - padding;
	}
	if (len < header || len - header > RTP_DATAGRAM_MAX) {
		findings_note(&a->findings, RULE_RTP_SHORT, "%zu bytes, header %zu", len, header);
		return;
	}
	if (p[1] & 0x80)
		a->facts.marked++;
	len -= header;
	if (len % TS_SIZE)
		findings_note(&a->findings, RULE_RTP_LENGTH, "%zu bytes", len);
	else if (len / TS_SIZE > TS_PER_DATAGRAM || !len)
		findings_note(&a->findings, RULE_RTP_PACKETS, "%zu packets", len / TS_SIZE);
	sort(a, get_be16(p + 2), p + header, len, get_be32(p + 4), arrival_us);
}

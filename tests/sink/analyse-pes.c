// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser's packetised streams: PES headers, lengths and time stamps as in ISO/IEC 13818-1
 * 2.4.3.6 and 2.4.3.7 and as sinks know them: one access unit a PES packet, PTS only, exactly two
 * stuffing bytes in a sound header and none in a video header.
 */
#include "analyse-parts.h"

#include <string.h>

#define PTS_FAR_US     1000000
#define PTS_GAP_MAX    (7 * TS_CLOCK / 10)
#define AUDIO_SLACK    180 /* ticks of 90 kHz */
#define TRAILER_LENGTH 8

static const char *pes_name(const struct pes_check *pes)
{
	return pes->pid == PID_VIDEO ? "video" : "sound";
}

void pes_gap(struct pes_check *pes)
{
	pes->open = false;
	pes->resync = true;
}

/* How far the PTS is ahead of the decoder's clock now; false where that is unknown. */
static bool ahead_us(const struct analyser *a, const struct pes_check *pes, uint64_t arrival_us,
		     int64_t *ret)
{
	int64_t ahead;

	if (!a->pcr_valid || a->pcr_loose || !pes->have_pts)
		return false;
	ahead = pts_diff(pes->pts, a->pcr / 300) * 100 / 9;
	if (arrival_us && a->pcr_arrival_us && arrival_us > a->pcr_arrival_us)
		ahead -= (int64_t)(arrival_us - a->pcr_arrival_us);
	*ret = ahead;
	return true;
}

static void check_order(struct analyser *a, struct pes_check *pes, uint64_t arrival_us)
{
	struct stream_facts *facts = &a->facts;
	int64_t ahead, step;

	if (!pes->have_pts)
		return;
	step = pes->have_last_pts ? pts_diff(pes->pts, pes->last_pts) : 1;
	pes->disordered = step <= 0;
	if (pes->disordered)
		findings_note(&a->findings, RULE_PTS_ORDER, "%s: %llu after %llu", pes_name(pes),
			      (unsigned long long)pes->pts, (unsigned long long)pes->last_pts);
	pes->have_last_pts = true;
	pes->last_pts = pes->pts;
	if (!ahead_us(a, pes, arrival_us, &ahead))
		return;
	if (ahead > PTS_FAR_US)
		findings_note(&a->findings, RULE_PTS_FAR, "%s: %lld us", pes_name(pes),
			      (long long)ahead);
	else if (step > PTS_GAP_MAX)
		findings_note(&a->findings, RULE_PTS_GAP, "%s: %lld ticks", pes_name(pes),
			      (long long)step);
	if (!facts->have_pts || ahead < facts->pts_minus_pcr_min_us)
		facts->pts_minus_pcr_min_us = ahead;
	if (!facts->have_pts || ahead > facts->pts_minus_pcr_max_us)
		facts->pts_minus_pcr_max_us = ahead;
	if (!facts->have_pts)
		facts->pts_minus_pcr_end_min_us = ahead;
	facts->have_pts = true;
}

/* At each packet: where an open-ended unit stops is known only when the next one starts. */
static void note_ahead(struct analyser *a, struct pes_check *pes, uint64_t arrival_us)
{
	int64_t ahead;

	pes->ahead_known = ahead_us(a, pes, arrival_us, &ahead);
	if (pes->ahead_known)
		pes->ahead_us = ahead;
}

static void check_late(struct analyser *a, struct pes_check *pes)
{
	if (!pes->ahead_known)
		return;
	if (pes->ahead_us <= 0)
		findings_note(&a->findings, RULE_PTS_LATE, "%s: %lld us", pes_name(pes),
			      (long long)-pes->ahead_us);
	if (pes->ahead_us < a->facts.pts_minus_pcr_end_min_us)
		a->facts.pts_minus_pcr_end_min_us = pes->ahead_us;
}

static void check_rate(struct analyser *a, const struct pes_check *pes)
{
	unsigned rate;
	unsigned samples = audio_push(a, pes->data, pes->len, &rate);
	int64_t off;

	if (!pes->have_pts)
		return;
	if (a->audio_next_known && !pes->disordered) {
		off = pts_diff(pes->pts, a->audio_next_pts);
		if (off > AUDIO_SLACK || off < -AUDIO_SLACK)
			findings_note(&a->findings, RULE_AUDIO_RATE, "PTS %lld ticks off",
				      (long long)off);
	}
	a->audio_next_known = samples && !pes->disordered;
	if (samples)
		a->audio_next_pts = pes->pts + (uint64_t)samples * TS_CLOCK / rate;
}

/* The PES packet is over: hands its content on. */
static void complete(struct analyser *a, struct pes_check *pes)
{
	size_t tail = 0;

	pes->open = false;
	check_late(a, pes);
	if (pes->too_long)
		return;
	while (tail < pes->len && pes->data[pes->len - 1 - tail] == 0xff)
		tail++;
	if (pes->pid != PID_VIDEO) {
		a->facts.audio_units++;
		a->facts.audio_bytes += pes->len;
		check_rate(a, pes);
		return;
	}
	if (tail >= TRAILER_LENGTH)
		findings_note(&a->findings, RULE_PES_TRAILER, "%zu bytes of FF", tail);
	a->facts.access_units++;
	if (pes->len > a->facts.au_bytes_max)
		a->facts.au_bytes_max = pes->len;
	h264_push(a, pes->data, pes->len - (tail >= TRAILER_LENGTH ? tail : 0), pes->restart);
	pes->restart = false;
}

void pes_finish(struct analyser *a, struct pes_check *pes)
{
	if (!pes->open)
		return;
	if (pes->need && pes->have < pes->need)
		findings_note(&a->findings, RULE_PES_LENGTH, "%s: %zu bytes, declared %zu",
			      pes_name(pes), pes->have, pes->need);
	complete(a, pes);
	if (!pes->need && pes->have <= UINT16_MAX && a->h264.unit_slices <= 1)
		findings_note(&a->findings, RULE_PES_LENGTH, "%s: length 0 for %zu bytes",
			      pes_name(pes), pes->have);
}

/* One that was cut is not looked into; that its length was not told means that it may be whole. */
void pes_cut(struct analyser *a, struct pes_check *pes)
{
	if (pes->need && pes->have < pes->need)
		pes->open = false;
	if (pes->open)
		complete(a, pes);
}

static void parse_pts(struct analyser *a, struct pes_check *pes, const uint8_t *p)
{
	if ((p[0] & 0xc1) != 0x01 || !(p[0] & 0x20) || !(p[2] & 1) || !(p[4] & 1))
		findings_note(&a->findings, RULE_PES_PTS, "%02x .. %02x .. %02x", p[0], p[2], p[4]);
	pes->pts = (uint64_t)(p[0] >> 1 & 7U) << 30 | (uint64_t)(get_be16(p + 1) >> 1) << 15 |
		   get_be16(p + 3) >> 1;
	pes->have_pts = true;
}

/* PES_header_data_length, and what is in it; false if the data behind it cannot be found. */
static bool check_header(struct analyser *a, struct pes_check *pes, const uint8_t *p)
{
	unsigned flags = p[7];
	size_t promised = flags >> 6 == 3 ? 10 : flags >> 6 == 2 ? 5 : 0;
	size_t len = p[8];
	size_t stuffing;

	if (len < promised) {
		findings_note(&a->findings, RULE_PES_HEADER, "%s: %zu bytes for flags %02x",
			      pes_name(pes), len, flags);
		return false;
	}
	if (promised)
		parse_pts(a, pes, p + 9);
	if (flags & 0x3f)
		return true; /* other fields, noted: what follows is not known to be stuffing */
	stuffing = len - promised;
	for (size_t i = promised; i < len; i++) {
		if (p[9 + i] != 0xff) {
			findings_note(&a->findings, RULE_PES_HEADER, "%s: stuffing byte %02x",
				      pes_name(pes), p[9 + i]);
			return true;
		}
	}
	if (pes->pid == PID_VIDEO && stuffing)
		findings_note(&a->findings, RULE_PES_STUFFING, "%zu bytes", stuffing);
	if (pes->pid == PID_AUDIO && stuffing != 2)
		findings_note(&a->findings, RULE_PES_AUDIO_HEADER, "%zu stuffing bytes", stuffing);
	return true;
}

static bool check_stream_id(struct analyser *a, const struct pes_check *pes, unsigned id)
{
	unsigned expected = 0xe0;

	if (pes->pid == PID_AUDIO) {
		if (!a->audio_type)
			return true; /* no PMT yet */
		expected = a->audio_type == 0x0f ? 0xc0 : 0xbd;
	}
	if (id != expected)
		findings_note(&a->findings, RULE_PES_STREAM_ID, "%s: %02x, not %02x", pes_name(pes),
			      id, expected);
	/* Only ids of this syntax (2.4.3.7): others have no header as read below. */
	return (id & 0xf0) == 0xe0 || (id & 0xe0) == 0xc0 || id == 0xbd;
}

/* Reads the start of a PES packet; returns where its data begins, 0 if there is none to be had. */
static size_t parse_start(struct analyser *a, struct pes_check *pes, const uint8_t *p, size_t len)
{
	size_t declared;

	if (len < 9 || p[0] || p[1] || p[2] != 1) {
		findings_note(&a->findings, RULE_PES_START, "%s: %zu bytes, %02x %02x %02x",
			      pes_name(pes), len, p[0], len > 1 ? p[1] : 0U, len > 2 ? p[2] : 0U);
		return 0;
	}
	if (!check_stream_id(a, pes, p[3]))
		return 0;
	declared = get_be16(p + 4);
	if (p[6] != 0x84 || p[7] != 0x80)
		findings_note(&a->findings, RULE_PES_FLAGS, "%s: %02x %02x", pes_name(pes), p[6],
			      p[7]);
	if (p[6] >> 6 != 2)
		return 0;
	if (9 + (size_t)p[8] > len || (declared && declared < 3 + (size_t)p[8])) {
		findings_note(&a->findings, RULE_PES_HEADER, "%s: %u bytes of header in %zu",
			      pes_name(pes), p[8], len);
		return 0;
	}
	if (!declared && pes->pid != PID_VIDEO)
		findings_note(&a->findings, RULE_PES_LENGTH, "sound with length 0");
	pes->need = declared;
	return check_header(a, pes, p) ? 9 + (size_t)p[8] : 0;
}

static void append(struct analyser *a, struct pes_check *pes, const uint8_t *p, size_t len,
		   uint64_t arrival_us)
{
	if (len > ANALYSE_AU_MAX - pes->len) {
		if (!pes->too_long)
			findings_note(&a->findings, RULE_PES_LENGTH, "%s: over %u bytes",
				      pes_name(pes), ANALYSE_AU_MAX);
		pes->too_long = true;
		len = 0;
	}
	memcpy(pes->data + pes->len, p, len);
	pes->len += len;
	note_ahead(a, pes, arrival_us);
	if (pes->need && pes->have >= pes->need)
		complete(a, pes);
}

/* A unit is lost to a fault that was noted: what is missing after it is no fault of its own. */
static void skip(struct analyser *a, struct pes_check *pes)
{
	pes_gap(pes);
	if (pes->pid == PID_VIDEO)
		h264_gap(a);
	else
		a->audio_next_known = false;
}

void pes_push(struct analyser *a, struct pes_check *pes, const uint8_t *payload, size_t len,
	      bool start, uint64_t arrival_us)
{
	size_t data = 0;

	if (!len)
		return;
	if (start) {
		pes_finish(a, pes);
		pes->have_pts = pes->too_long = false;
		pes->len = pes->have = pes->need = 0;
		data = parse_start(a, pes, payload, len);
		if (!data) {
			skip(a, pes);
			return;
		}
		pes->resync = false;
		pes->open = true;
		pes->have = len - 6;
		check_order(a, pes, arrival_us);
	} else if (!pes->open) {
		if (!pes->resync && pes->have_last_pts)
			findings_note(&a->findings, RULE_PES_LENGTH, "%s: bytes behind the end",
				      pes_name(pes));
		else if (!pes->resync)
			findings_note(&a->findings, RULE_PES_START, "%s: begins in the middle",
				      pes_name(pes));
		pes->resync = true;
		return;
	} else {
		pes->have += len;
	}
	if (pes->need && pes->have > pes->need) {
		size_t extra = pes->have - pes->need;

		findings_note(&a->findings, RULE_PES_LENGTH, "%s: %zu bytes behind the end",
			      pes_name(pes), extra);
		len = extra < len - data ? len - extra : data;
	}
	append(a, pes, payload + data, len - data, arrival_us);
}

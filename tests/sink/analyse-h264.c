// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser's video: NAL units, parameter sets and slice headers as in ITU-T H.264 7.3 and
 * annex B, held against what Wi-Fi Display allows: CBP or CHP with CAVLC, I and P, one reference.
 * Reads no macroblock; whether the pictures are right is the decoder's and the stamp's business.
 */
#include "analyse-parts.h"
#include "bits.h"

#include <string.h>

#define NAL_HEAD_MAX 1024 /* unescaped bytes of a NAL unit that are looked at */
#define MBS_MAX	     512  /* macroblocks in a row or column: 8192 pixels */

enum {
	NAL_SLICE = 1,
	NAL_IDR = 5,
	NAL_SEI = 6,
	NAL_SPS = 7,
	NAL_PPS = 8,
	NAL_AUD = 9,
};

/* What one access unit had so far. */
struct unit {
	unsigned nals, slices;
	uint32_t first; /* macroblock of the last slice so far */
	bool sps, pps, idr;
	bool must_restart;
};

void h264_gap(struct analyser *a)
{
	a->h264.have_frame_num = false;
}

static void skip_scaling_list(struct bits *b, unsigned size)
{
	int last = 8, next = 8;

	for (unsigned i = 0; i < size && bits_ok(b); i++) {
		if (next)
			next = (last + bits_se(b) % 256 + 256) % 256;
		last = next ? next : last;
	}
}

/* The fields of the high profiles (7.3.2.1.1). */
static bool parse_chroma(struct analyser *a, struct bits *b, struct h264_sps *sps)
{
	uint32_t format = bits_ue(b);
	uint32_t luma, chroma;

	if (format == 3)
		sps->separate_colour = bits_u(b, 1);
	luma = bits_ue(b);
	chroma = bits_ue(b);
	bits_u(b, 1);
	if (bits_u(b, 1))
		for (unsigned i = 0; i < (format == 3 ? 12U : 8U); i++)
			if (bits_u(b, 1))
				skip_scaling_list(b, i < 6 ? 16 : 64);
	if (!bits_ok(b) || format > 3)
		return false;
	if (format != 1 || luma || chroma)
		findings_note(&a->findings, RULE_H264_FORMAT, "chroma format %u, %u and %u bits",
			      format, luma + 8, chroma + 8);
	return true;
}

static bool skip_order_count(struct bits *b)
{
	uint32_t type = bits_ue(b);
	uint32_t count;

	if (type > 2)
		return false;
	if (type == 0)
		return bits_ue(b) <= 12;
	if (type == 2)
		return true;
	bits_u(b, 1);
	bits_se(b);
	bits_se(b);
	count = bits_ue(b);
	if (count > 255)
		return false;
	while (count--)
		bits_se(b);
	return true;
}

static bool skip_hrd(struct bits *b)
{
	uint32_t count = bits_ue(b);

	if (count > 31)
		return false;
	bits_u(b, 8);
	for (uint32_t i = 0; i <= count; i++) {
		bits_ue(b);
		bits_ue(b);
		bits_u(b, 1);
	}
	bits_u(b, 20);
	return true;
}

/* E.1.1: only the frame rate and the reordering matter here. */
static bool parse_vui(struct analyser *a, struct bits *b, struct h264_sps *sps)
{
	bool nal_hrd, vcl_hrd;

	if (bits_u(b, 1) && bits_u(b, 8) == 255)
		bits_u(b, 32);
	if (bits_u(b, 1))
		bits_u(b, 1);
	if (bits_u(b, 1)) {
		bits_u(b, 4);
		if (bits_u(b, 1))
			bits_u(b, 24);
	}
	if (bits_u(b, 1)) {
		bits_ue(b);
		bits_ue(b);
	}
	if (bits_u(b, 1)) {
		uint32_t units = bits_u(b, 32);
		uint32_t scale = bits_u(b, 32);

		bits_u(b, 1);
		sps->fps = units ? (double)scale / units / 2 : 0;
	}
	nal_hrd = bits_u(b, 1);
	if (nal_hrd && !skip_hrd(b))
		return false;
	vcl_hrd = bits_u(b, 1);
	if (vcl_hrd && !skip_hrd(b))
		return false;
	if (nal_hrd || vcl_hrd)
		bits_u(b, 1);
	bits_u(b, 1);
	if (bits_u(b, 1)) {
		uint32_t reorder;

		bits_u(b, 1);
		for (int i = 0; i < 4; i++)
			bits_ue(b);
		reorder = bits_ue(b);
		bits_ue(b);
		if (bits_ok(b) && reorder)
			findings_note(&a->findings, RULE_H264_REORDER, "%u", reorder);
	}
	return bits_ok(b);
}

static bool is_high(unsigned profile)
{
	static const uint8_t high[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134 };

	return memchr(high, (int)profile, sizeof(high));
}

/* Width and height in pixels, cropped (7.4.2.1.1; 4:2:0 and frames only). */
static bool parse_size(struct analyser *a, struct bits *b, struct h264_sps *sps)
{
	uint32_t width = bits_ue(b) + 1;
	uint32_t height = bits_ue(b) + 1;
	bool frames_only = bits_u(b, 1);
	uint32_t crop[4] = { 0 };

	if (!frames_only) {
		findings_note(&a->findings, RULE_H264_FORMAT, "fields");
		bits_u(b, 1);
		height *= 2;
	}
	bits_u(b, 1);
	if (bits_u(b, 1))
		for (int i = 0; i < 4; i++)
			crop[i] = bits_ue(b);
	if (!bits_ok(b) || !width || !height || width > MBS_MAX || height > MBS_MAX)
		return false;
	for (int i = 0; i < 4; i++)
		if (crop[i] > 4 * MBS_MAX)
			return false;
	width *= 16;
	height *= 16;
	if (2 * (crop[0] + crop[1]) >= width || 2 * (crop[2] + crop[3]) >= height)
		return false;
	sps->width = width - 2 * (crop[0] + crop[1]);
	sps->height = height - 2 * (crop[2] + crop[3]);
	return true;
}

static bool parse_sps(struct analyser *a, const uint8_t *p, size_t len, struct h264_sps *ret,
		      uint32_t *ret_id)
{
	struct h264_sps sps = { .valid = true };
	struct bits b;
	uint32_t log2_frame_num, refs;

	bits_init(&b, p, len);
	sps.profile_idc = bits_u(&b, 8);
	sps.constraint = bits_u(&b, 8);
	sps.level_idc = bits_u(&b, 8);
	*ret_id = bits_ue(&b);
	if (*ret_id > 31)
		return false;
	if (is_high(sps.profile_idc) && !parse_chroma(a, &b, &sps))
		return false;
	log2_frame_num = bits_ue(&b);
	if (log2_frame_num > 12 || !skip_order_count(&b))
		return false;
	sps.log2_max_frame_num = log2_frame_num + 4;
	refs = bits_ue(&b);
	bits_u(&b, 1);
	if (!bits_ok(&b) || !parse_size(a, &b, &sps))
		return false;
	if (refs > 1)
		findings_note(&a->findings, RULE_H264_REFS, "%u", refs);
	if (bits_u(&b, 1) && !parse_vui(a, &b, &sps))
		return false;
	*ret = sps;
	return bits_ok(&b);
}

static bool is_expected_size(const struct h264_check *h, const struct h264_sps *sps)
{
	return !h->expect.width ||
	       (sps->width == h->expect.width && sps->height == h->expect.height);
}

static void judge_sps(struct analyser *a, const struct h264_sps *sps)
{
	struct h264_check *h = &a->h264;
	const struct expectation *expect = &h->expect;

	if (h->expect_old) {
		/* Until the first picture of the new mode those of the old one are right. */
		if (!is_expected_size(h, sps) && sps->width == h->before.width &&
		    sps->height == h->before.height)
			expect = &h->before;
		else
			h->expect_old = false;
	}
	if (!(sps->profile_idc == 66 && (sps->constraint & 0xc0) == 0xc0) &&
	    !(sps->profile_idc == 100 && (sps->constraint & 0x0c) == 0x0c))
		findings_note(&a->findings, RULE_H264_PROFILE, "%02x %02x", sps->profile_idc,
			      sps->constraint);
	else if (expect->profile_idc && sps->profile_idc != expect->profile_idc)
		findings_note(&a->findings, RULE_H264_PROFILE, "profile_idc %u, not %u",
			      sps->profile_idc, expect->profile_idc);
	if (expect->level_idc && sps->level_idc > expect->level_idc)
		findings_note(&a->findings, RULE_H264_LEVEL, "%u, not %u", sps->level_idc,
			      expect->level_idc);
	if (expect->width && (sps->width != expect->width || sps->height != expect->height))
		findings_note(&a->findings, RULE_H264_SIZE, "%ux%u, not %ux%u", sps->width,
			      sps->height, expect->width, expect->height);
	a->facts.width = sps->width;
	a->facts.height = sps->height;
	a->facts.profile_idc = sps->profile_idc;
	a->facts.constraint = sps->constraint;
	a->facts.level_idc = sps->level_idc;
	a->facts.sps_fps = sps->fps;
}

static void on_sps(struct analyser *a, const uint8_t *p, size_t len)
{
	struct h264_sps sps;
	uint32_t id;

	if (!parse_sps(a, p, len, &sps, &id)) {
		findings_note(&a->findings, RULE_H264_SYNTAX, "SPS of %zu bytes", len);
		return;
	}
	a->h264.sps[id] = sps;
	judge_sps(a, &sps);
}

static void on_pps(struct analyser *a, const uint8_t *p, size_t len)
{
	struct bits b;
	uint32_t id, sps_id, groups;
	bool cabac;

	bits_init(&b, p, len);
	id = bits_ue(&b);
	sps_id = bits_ue(&b);
	cabac = bits_u(&b, 1);
	bits_u(&b, 1);
	groups = bits_ue(&b);
	if (!bits_ok(&b) || id > 255 || sps_id > 31) {
		findings_note(&a->findings, RULE_H264_SYNTAX, "PPS of %zu bytes", len);
		return;
	}
	if (cabac)
		findings_note(&a->findings, RULE_H264_CABAC, "PPS %u", id);
	if (groups)
		findings_note(&a->findings, RULE_H264_FORMAT, "%u slice groups", groups + 1);
	a->h264.pps[id] = (struct h264_pps){ .valid = true, .sps_id = sps_id };
}

static void check_frame_num(struct analyser *a, unsigned frame_num, unsigned bits, bool idr,
			    bool reference)
{
	struct h264_check *h = &a->h264;
	unsigned expected = idr ? 0 : (h->prev_frame_num + 1) & ((1U << bits) - 1);

	if ((h->have_frame_num || idr) && frame_num != expected)
		findings_note(&a->findings, RULE_H264_FRAME_NUM, "%u, not %u", frame_num, expected);
	if (reference || idr) {
		h->prev_frame_num = frame_num;
		h->have_frame_num = true;
	}
}

/* How many macroblocks the slice has that ends before this one. */
static void check_slice_size(struct analyser *a, const struct unit *unit, uint32_t end)
{
	if (end < unit->first + a->h264.expect.min_slice_size)
		findings_note(&a->findings, RULE_H264_SLICES, "a slice of %u macroblocks, not %u",
			      end - unit->first, a->h264.expect.min_slice_size);
}

static void check_slice(struct analyser *a, struct unit *unit, uint32_t first)
{
	unsigned most = a->h264.expect.slices ? a->h264.expect.slices : 1;

	if (unit->slices == 1 && first)
		findings_note(&a->findings, RULE_H264_UNIT, "begins with macroblock %u", first);
	else if (unit->slices > 1 && !first)
		findings_note(&a->findings, RULE_H264_UNIT, "two pictures");
	else if (unit->slices > most)
		findings_note(&a->findings, RULE_H264_SLICES, "slice at macroblock %u", first);
	else if (unit->slices > 1)
		check_slice_size(a, unit, first);
	unit->first = first;
}

static void on_slice(struct analyser *a, struct unit *unit, unsigned header, const uint8_t *p,
		     size_t len)
{
	struct bits b;
	uint32_t first, type, pps_id;
	const struct h264_sps *sps;

	unit->slices++;
	bits_init(&b, p, len);
	first = bits_ue(&b);
	type = bits_ue(&b) % 5;
	pps_id = bits_ue(&b);
	if (!bits_ok(&b) || pps_id > 255) {
		findings_note(&a->findings, RULE_H264_SYNTAX, "slice of %zu bytes", len);
		return;
	}
	check_slice(a, unit, first);
	if (type == 1 || type > 2)
		findings_note(&a->findings, RULE_H264_B_SLICE, "slice type %u", type);
	sps = &a->h264.sps[a->h264.pps[pps_id].sps_id];
	if (!a->h264.pps[pps_id].valid || !sps->valid) {
		h264_gap(a);
		/* Before the first parameter sets nothing can be known. */
		if (a->facts.width)
			findings_note(&a->findings, RULE_H264_SYNTAX, "slice of unknown PPS %u",
				      pps_id);
		return;
	}
	if (sps->separate_colour)
		bits_u(&b, 2);
	if (!first)
		check_frame_num(a, bits_u(&b, sps->log2_max_frame_num), sps->log2_max_frame_num,
				(header & 0x1f) == NAL_IDR, header & 0x60);
}

static void on_first_slice(struct analyser *a, const struct unit *unit)
{
	if (unit->must_restart && !unit->idr)
		findings_note(&a->findings, RULE_H264_FIRST, "another picture");
	else if (unit->idr && (!unit->sps || !unit->pps))
		findings_note(&a->findings, RULE_H264_SETS, "IDR without %s",
			      !unit->sps ? "SPS" : "PPS");
	if (unit->idr)
		a->facts.idrs++;
}

/* Takes the emulation prevention bytes out of the NAL unit's head (7.3.1). */
static size_t unescape(const uint8_t *p, size_t len, uint8_t out[static NAL_HEAD_MAX])
{
	size_t at = 0;
	unsigned zeros = 0;

	for (size_t i = 0; i < len && at < NAL_HEAD_MAX; i++) {
		if (zeros >= 2 && p[i] == 3) {
			zeros = 0;
			continue;
		}
		zeros = p[i] ? 0 : zeros + 1;
		out[at++] = p[i];
	}
	return at;
}

/* No 00 00 00, 00 00 02, and 00 00 03 only where it protects something (7.4.1). */
static void check_escapes(struct analyser *a, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		if (p[i] || p[i + 1] || p[i + 2] > 3)
			continue;
		if (p[i + 2] == 3 && (i + 3 == len || p[i + 3] <= 3)) {
			i += 2;
			continue;
		}
		findings_note(&a->findings, RULE_H264_START_CODE, "00 00 %02x in a NAL unit",
			      p[i + 2]);
		return;
	}
}

static void on_nal(struct analyser *a, struct unit *unit, const uint8_t *p, size_t len)
{
	uint8_t head[NAL_HEAD_MAX];
	unsigned type = p[0] & 0x1fU;
	size_t head_len;

	if (p[0] & 0x80 || (type == NAL_IDR && !(p[0] & 0x60)) ||
	    ((type == NAL_SPS || type == NAL_PPS) && !(p[0] & 0x60)))
		findings_note(&a->findings, RULE_H264_NAL, "header %02x", p[0]);
	check_escapes(a, p, len);
	head_len = unescape(p + 1, len - 1, head);
	switch (type) {
	case NAL_SLICE:
	case NAL_IDR:
		unit->idr = unit->idr || type == NAL_IDR;
		if (!unit->slices)
			on_first_slice(a, unit);
		on_slice(a, unit, p[0], head, head_len);
		break;
	case NAL_SPS:
	case NAL_PPS:
		if (unit->slices)
			findings_note(&a->findings, RULE_H264_UNIT, "parameter set behind a slice");
		if (type == NAL_SPS)
			on_sps(a, head, head_len);
		else
			on_pps(a, head, head_len);
		unit->sps = unit->sps || type == NAL_SPS;
		unit->pps = unit->pps || type == NAL_PPS;
		break;
	case NAL_AUD:
		if (unit->nals)
			findings_note(&a->findings, RULE_H264_UNIT, "delimiter in the middle");
		break;
	case NAL_SEI:
		break;
	default:
		findings_note(&a->findings, RULE_H264_NAL, "type %u", type);
		break;
	}
	if (type != NAL_AUD && !unit->nals)
		findings_note(&a->findings, RULE_H264_UNIT, "no delimiter");
	unit->nals++;
}

/* The next 00 00 01 at or behind `at`; len if there is none. */
static size_t find_start(const uint8_t *p, size_t len, size_t at)
{
	for (; at + 3 <= len; at++)
		if (!p[at] && !p[at + 1] && p[at + 2] == 1)
			return at;
	return len;
}

void h264_push(struct analyser *a, const uint8_t *p, size_t len, bool must_restart)
{
	struct unit unit = { .must_restart = must_restart };
	size_t at;

	/* zero_byte is part of an access unit's first start code (B.1.2). */
	if (len < 5 || p[0] || p[1] || p[2] || p[3] != 1)
		findings_note(&a->findings, RULE_H264_START_CODE,
			      "an access unit of %zu bytes begins with %02x %02x %02x %02x", len,
			      len > 0 ? p[0] : 0U, len > 1 ? p[1] : 0U, len > 2 ? p[2] : 0U,
			      len > 3 ? p[3] : 0U);
	at = find_start(p, len, 0);
	while (at < len) {
		size_t begin = at + 3;
		size_t end;

		at = find_start(p, len, begin);
		end = at;
		while (end > begin && !p[end - 1])
			end--; /* trailing_zero_8bits, or the next zero_byte */
		if (end > begin)
			on_nal(a, &unit, p + begin, end - begin);
	}
	if (!unit.slices)
		findings_note(&a->findings, RULE_H264_UNIT, "no picture");
	else if (unit.slices > 1)
		check_slice_size(a, &unit,
				 (a->facts.width + 15) / 16 * ((a->facts.height + 15) / 16));
	a->h264.unit_slices = unit.slices;
	a->facts.slices_max = unit.slices > a->facts.slices_max ? unit.slices : a->facts.slices_max;
}

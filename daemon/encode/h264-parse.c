// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes to structs: for what a driver wrote, which may be anything. Only the beginning of a NAL
 * unit is looked at; no parameter set is longer, and of a slice the header is enough.
 */
#include "encode/h264.h"

#include <errno.h>

#define RBSP_MAX 512

/* Reads zeros behind the end, and remembers it. */
struct bits {
	uint8_t data[RBSP_MAX]; /* without emulation prevention */
	size_t size, at;	/* bits */
	bool failed;
};

static void unescape(struct bits *b, const struct h264_nal *nal)
{
	unsigned int zeros = 0;
	size_t n = 0;

	*b = (struct bits){ 0 };
	for (size_t i = 1; i < nal->size && n < sizeof(b->data); i++) {
		if (zeros >= 2 && nal->data[i] == 3) {
			zeros = 0;
			continue;
		}
		zeros = nal->data[i] ? 0 : zeros + 1;
		b->data[n++] = nal->data[i];
	}
	b->size = n * 8;
}

static uint32_t get(struct bits *b, unsigned int count)
{
	uint32_t value = 0;

	while (count-- > 0) {
		uint32_t bit = 0;

		if (b->at < b->size)
			bit = (uint32_t)b->data[b->at / 8] >> (7 - b->at % 8) & 1;
		else
			b->failed = true;
		b->at++;
		value = value << 1 | bit;
	}
	return value;
}

static uint32_t get_ue(struct bits *b)
{
	unsigned int zeros = 0;

	while (!b->failed && get(b, 1) == 0)
		if (++zeros > 31)
			b->failed = true;
	if (b->failed)
		return 0;
	return (uint32_t)((UINT64_C(1) << zeros) - 1 + get(b, zeros));
}

static int32_t get_se(struct bits *b)
{
	uint32_t code = get_ue(b);

	return code & 1 ? (int32_t)(code / 2) + 1 : -(int32_t)(code / 2);
}

/* ---- SPS ---- */

static bool is_high(uint8_t profile_idc)
{
	return profile_idc == 100 || profile_idc == 110 || profile_idc == 122 || profile_idc == 244;
}

static int parse_chroma(struct bits *b)
{
	uint32_t format = get_ue(b), luma = get_ue(b), chroma = get_ue(b);

	(void)get(b, 1);
	/* A scaling matrix is legal, and nothing that we ask for. */
	if (format != 1 || luma != 0 || chroma != 0 || get(b, 1))
		return -EOPNOTSUPP;
	return 0;
}

static int parse_order(struct bits *b, struct h264_sps *s)
{
	uint32_t frame_num = get_ue(b), type = get_ue(b), lsb = type == 0 ? get_ue(b) : 0;

	if (frame_num > 12 || lsb > 12 || type > 2)
		return -EBADMSG;
	if (type == 1)
		return -EOPNOTSUPP;
	s->log2_max_frame_num = (uint8_t)(frame_num + 4);
	s->poc_type = (uint8_t)type;
	s->log2_max_poc_lsb = (uint8_t)(type == 0 ? lsb + 4 : 0);
	return 0;
}

static int parse_size(struct bits *b, struct h264_sps *s)
{
	uint32_t columns = get_ue(b), rows = get_ue(b), width, height;
	uint32_t crop[4] = { 0 };

	if (columns >= 1024 || rows >= 1024)
		return -EBADMSG;
	if (!get(b, 1))
		return -EOPNOTSUPP; /* fields */
	(void)get(b, 1);
	if (get(b, 1))
		for (int i = 0; i < 4; i++)
			crop[i] = get_ue(b);
	width = (columns + 1) * 16;
	height = (rows + 1) * 16;
	for (int i = 0; i < 4; i++)
		if (crop[i] > 8192)
			return -EBADMSG;
	if (2 * (crop[0] + crop[1]) >= width || 2 * (crop[2] + crop[3]) >= height)
		return -EBADMSG;
	s->width = (uint16_t)(width - 2 * (crop[0] + crop[1]));
	s->height = (uint16_t)(height - 2 * (crop[2] + crop[3]));
	return 0;
}

/* E.1.2. */
static void skip_hrd(struct bits *b)
{
	uint32_t count = get_ue(b);

	(void)get(b, 8);
	for (uint32_t i = 0; i <= count && i < 32; i++) {
		(void)get_ue(b);
		(void)get_ue(b);
		(void)get(b, 1);
	}
	(void)get(b, 20);
}

static void parse_signal(struct bits *b, struct h264_sps *s)
{
	(void)get(b, 3);
	s->full_range = get(b, 1);
	s->has_colour = get(b, 1);
	if (s->has_colour) {
		s->primaries = (uint8_t)get(b, 8);
		s->transfer = (uint8_t)get(b, 8);
		s->matrix = (uint8_t)get(b, 8);
	}
}

static void parse_hrds(struct bits *b)
{
	bool nal = get(b, 1), vcl;

	if (nal)
		skip_hrd(b);
	vcl = get(b, 1);
	if (vcl)
		skip_hrd(b);
	if (nal || vcl)
		(void)get(b, 1);
	(void)get(b, 1);
}

static void parse_vui(struct bits *b, struct h264_sps *s)
{
	if (get(b, 1) && get(b, 8) == 255)
		(void)get(b, 32);
	if (get(b, 1))
		(void)get(b, 1);
	if (get(b, 1))
		parse_signal(b, s);
	if (get(b, 1)) {
		(void)get_ue(b);
		(void)get_ue(b);
	}
	if (get(b, 1)) {
		s->num_units_in_tick = get(b, 32);
		s->time_scale = get(b, 32);
		(void)get(b, 1);
	}
	parse_hrds(b);
	s->has_restriction = get(b, 1);
	if (!s->has_restriction)
		return;
	(void)get(b, 1);
	for (int i = 0; i < 4; i++)
		(void)get_ue(b);
	s->max_num_reorder_frames = get_ue(b);
	s->max_dec_frame_buffering = get_ue(b);
}

int h264_parse_sps(const struct h264_nal *nal, struct h264_sps *ret)
{
	struct h264_sps s = { 0 };
	struct bits b;
	int r = 0;

	unescape(&b, nal);
	if (h264_get_type(nal) != H264_NAL_SPS)
		return -EBADMSG;
	s.profile_idc = (uint8_t)get(&b, 8);
	s.constraints = (uint8_t)get(&b, 8);
	s.level_idc = (uint8_t)get(&b, 8);
	s.id = get_ue(&b);
	if (is_high(s.profile_idc))
		r = parse_chroma(&b);
	if (r == 0)
		r = parse_order(&b, &s);
	if (r < 0)
		return b.failed ? -EBADMSG : r;
	s.max_num_ref_frames = get_ue(&b);
	(void)get(&b, 1);
	r = parse_size(&b, &s);
	if (r < 0)
		return b.failed ? -EBADMSG : r;
	if (get(&b, 1))
		parse_vui(&b, &s);
	if (b.failed || s.id > 31 || s.max_num_ref_frames > 16)
		return -EBADMSG;
	*ret = s;
	return 0;
}

/* ---- PPS ---- */

/* 7.2: whether anything but the stop bit and zeros follows. */
static bool more_data(const struct bits *b)
{
	size_t last = b->size;

	while (last > 0 && !(b->data[(last - 1) / 8] >> (7 - (last - 1) % 8) & 1))
		last--;
	return last > 0 && b->at < last - 1;
}

int h264_parse_pps(const struct h264_nal *nal, struct h264_pps *ret)
{
	struct h264_pps p = { 0 };
	bool weighted; /* or something else that we never ask for */
	struct bits b;

	unescape(&b, nal);
	if (h264_get_type(nal) != H264_NAL_PPS)
		return -EBADMSG;
	p.id = get_ue(&b);
	p.sps_id = get_ue(&b);
	p.cabac = get(&b, 1);
	p.poc_present = get(&b, 1);
	if (get_ue(&b) != 0)
		return b.failed ? -EBADMSG : -EOPNOTSUPP;
	p.num_ref_idx[0] = get_ue(&b) + 1;
	p.num_ref_idx[1] = get_ue(&b) + 1;
	weighted = get(&b, 1);
	weighted = get(&b, 2) || weighted;
	p.init_qp = 26 + get_se(&b);
	(void)get_se(&b);
	p.chroma_qp_offset = get_se(&b);
	p.deblocking_control = get(&b, 1);
	p.constrained_intra = get(&b, 1);
	p.redundant_pic_cnt = get(&b, 1);
	if (!b.failed && more_data(&b)) {
		p.transform_8x8 = get(&b, 1);
		if (get(&b, 1))
			return -EOPNOTSUPP; /* a scaling matrix */
		if (get_se(&b) != p.chroma_qp_offset)
			weighted = true; /* as little ours */
	}
	if (b.failed || p.id > 255 || p.sps_id > 31 || p.num_ref_idx[0] > 32 ||
	    p.num_ref_idx[1] > 32 || p.init_qp < 0 || p.init_qp > 51)
		return -EBADMSG;
	if (weighted)
		return -EOPNOTSUPP;
	*ret = p;
	return 0;
}

/* ---- slice header ---- */

/* 7.3.3.1; the reader's end is the loop's. */
static void skip_list_modification(struct bits *b)
{
	if (!get(b, 1))
		return;
	while (!b->failed && get_ue(b) != 3)
		(void)get_ue(b);
}

/* 7.3.3.3. */
static void skip_marking(struct bits *b, bool idr)
{
	uint32_t operation;

	if (idr) {
		(void)get(b, 2);
		return;
	}
	if (!get(b, 1))
		return;
	for (operation = get_ue(b); operation != 0 && !b->failed; operation = get_ue(b)) {
		if (operation != 5)
			(void)get_ue(b);
		if (operation == 3)
			(void)get_ue(b);
	}
}

static void parse_position(struct bits *b, const struct h264_sps *sps, const struct h264_pps *pps,
			   struct h264_slice *s)
{
	s->frame_num = get(b, sps->log2_max_frame_num);
	if (s->nal_type == H264_NAL_IDR)
		s->idr_pic_id = get_ue(b);
	if (sps->poc_type == 0) {
		s->poc_lsb = get(b, sps->log2_max_poc_lsb);
		if (pps->poc_present)
			(void)get_se(b);
	}
	if (pps->redundant_pic_cnt)
		(void)get_ue(b);
}

int h264_parse_slice_header(const struct h264_nal *nal, const struct h264_sps *sps,
			    const struct h264_pps *pps, struct h264_slice *ret)
{
	struct h264_slice s = { .nal_type = h264_get_type(nal), .ref_idc = nal->data[0] >> 5 & 3 };
	struct bits b;

	unescape(&b, nal);
	if (s.nal_type != H264_NAL_SLICE && s.nal_type != H264_NAL_IDR)
		return -EBADMSG;
	s.first_mb = get_ue(&b);
	s.type = get_ue(&b);
	s.pps_id = get_ue(&b);
	if (b.failed || s.type > 9 || s.pps_id != pps->id)
		return -EBADMSG;
	s.type %= 5;
	if (s.type != H264_SLICE_P && s.type != H264_SLICE_I)
		return -EOPNOTSUPP;
	parse_position(&b, sps, pps, &s);
	if (s.type == H264_SLICE_P) {
		if (get(&b, 1))
			(void)get_ue(&b);
		skip_list_modification(&b);
	}
	if (s.ref_idc != 0)
		skip_marking(&b, s.nal_type == H264_NAL_IDR);
	if (pps->cabac && s.type != H264_SLICE_I)
		(void)get_ue(&b);
	s.qp_delta = get_se(&b);
	if (pps->deblocking_control)
		s.disable_deblocking = get_ue(&b);
	if (b.failed || s.idr_pic_id > 65535 || s.disable_deblocking > 2 ||
	    pps->init_qp + s.qp_delta < 0 || pps->init_qp + s.qp_delta > 51)
		return -EBADMSG;
	*ret = s;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x264's slice data under the client's slice headers. The header that counts for the decoder is the
 * one the client packed, or one made from its parameter buffers: if these contradict each other, or
 * the SPS and PPS, the picture breaks, as it would on a device.
 *
 * Of x264's header only the quantizer is taken over; that is what a device does as well, whose rate
 * control knows it and not the client.
 */
#include "driver.h"

#include "../sink/bits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHROMA_INTRA 3 /* profiles of High have these fields in their SPS */

/* ---- writing ---- */

struct out {
	uint8_t *data;
	size_t count, max; /* bits */
};

static void put(struct out *o, uint32_t value, unsigned int count)
{
	while (count-- > 0 && o->count < o->max) {
		if (o->count % 8 == 0)
			o->data[o->count / 8] = 0;
		o->data[o->count / 8] |= (uint8_t)((value >> count & 1) << (7 - o->count % 8));
		o->count++;
	}
}

static void put_ue(struct out *o, uint32_t value)
{
	unsigned int length = 32 - (unsigned int)__builtin_clz(value + 1);

	put(o, 0, length - 1);
	put(o, value + 1, length);
}

static void put_se(struct out *o, int32_t value)
{
	put_ue(o, value > 0 ? 2u * (uint32_t)value - 1 : 2u * (uint32_t)-value);
}

static void put_end(struct out *o)
{
	put(o, 1, 1);
	while (o->count % 8 != 0)
		put(o, 0, 1);
}

static size_t unescape(uint8_t *to, const uint8_t *from, size_t size)
{
	unsigned int zeros = 0;
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (zeros >= 2 && from[i] == 3) {
			zeros = 0;
			continue;
		}
		to[n++] = from[i];
		zeros = from[i] ? 0 : zeros + 1;
	}
	return n;
}

/* Too small a buffer loses the rest and says so, as a device does. */
static void emit(struct buffer *b, const uint8_t *data, size_t size)
{
	if (b->coded + size > b->size) {
		b->status |= VA_CODED_BUF_STATUS_SLICE_OVERFLOW_MASK;
		return;
	}
	memcpy(b->data + b->coded, data, size);
	b->coded += size;
}

static void emit_nal(struct buffer *b, uint8_t header, const uint8_t *rbsp, size_t size)
{
	const uint8_t start[] = { 0, 0, 0, 1, header }, stop = 3;
	unsigned int zeros = 0;
	size_t from = 0;

	emit(b, start, sizeof(start));
	for (size_t i = 0; i < size; i++) {
		if (zeros >= 2 && rbsp[i] <= 3) {
			emit(b, rbsp + from, i - from);
			emit(b, &stop, 1);
			from = i;
			zeros = 0;
		}
		zeros = rbsp[i] ? 0 : zeros + 1;
	}
	emit(b, rbsp + from, size - from);
}

/* ---- x264's own headers ---- */

static void learn_sps(struct context *c, struct bits *b)
{
	uint32_t profile = bits_u(b, 8);

	(void)bits_u(b, 16);
	(void)bits_ue(b);
	if (profile >= 100) {
		for (int i = 0; i < CHROMA_INTRA; i++)
			(void)bits_ue(b);
		(void)bits_u(b, 2);
	}
	c->x_frame_num_bits = bits_ue(b) + 4;
	c->x_poc_type = bits_ue(b);
	c->x_poc_bits = c->x_poc_type == 0 ? bits_ue(b) + 4 : 0;
}

static void learn_pps(struct context *c, struct bits *b)
{
	(void)bits_ue(b);
	(void)bits_ue(b);
	(void)bits_u(b, 2);
	for (int i = 0; i < 3; i++)
		(void)bits_ue(b);
	(void)bits_u(b, 3);
	c->x_init_qp = 26 + bits_se(b);
	(void)bits_se(b);
	(void)bits_se(b);
	c->x_deblocking_control = bits_u(b, 1);
}

void rewrite_learn(struct context *c, const x264_nal_t *nals, int count)
{
	for (int i = 0; i < count; i++) {
		unsigned int start = nals[i].b_long_startcode ? 5 : 4;
		uint8_t rbsp[512];
		struct bits b;

		if (nals[i].i_type != NAL_SPS && nals[i].i_type != NAL_PPS)
			continue;
		bits_init(&b, rbsp,
			  unescape(rbsp, nals[i].p_payload + start,
				   (size_t)nals[i].i_payload - start));
		if (nals[i].i_type == NAL_SPS)
			learn_sps(c, &b);
		else
			learn_pps(c, &b);
	}
}

static void skip_references(struct bits *b, bool intra)
{
	if (intra)
		return;
	if (bits_u(b, 1))
		(void)bits_ue(b);
	if (bits_u(b, 1))
		while (bits_ok(b) && bits_ue(b) != 3)
			(void)bits_ue(b);
}

static void skip_marking(struct bits *b, bool idr)
{
	uint32_t operation;

	if (idr) {
		(void)bits_u(b, 2);
		return;
	}
	if (!bits_u(b, 1))
		return;
	while (bits_ok(b) && (operation = bits_ue(b)) != 0) {
		if (operation != 5)
			(void)bits_ue(b);
		if (operation == 3)
			(void)bits_ue(b);
	}
}

/* The reader is at the slice data afterwards. */
static int read_x264_header(const struct context *c, const x264_nal_t *nal, struct bits *b,
			    uint32_t *ret_first)
{
	bool idr = nal->i_type == NAL_SLICE_IDR, intra;
	int qp;

	*ret_first = bits_ue(b);
	intra = bits_ue(b) % 5 == 2;
	(void)bits_ue(b);
	(void)bits_u(b, c->x_frame_num_bits);
	if (idr)
		(void)bits_ue(b);
	if (c->x_poc_type == 0)
		(void)bits_u(b, c->x_poc_bits);
	skip_references(b, intra);
	if (nal->i_ref_idc)
		skip_marking(b, idr);
	if (c->param.b_cabac && !intra)
		(void)bits_ue(b);
	qp = c->x_init_qp + bits_se(b);
	if (c->x_deblocking_control && bits_ue(b) != 1) {
		(void)bits_se(b);
		(void)bits_se(b);
	}
	return qp;
}

/* ---- the client's headers ---- */

struct client_header {
	uint8_t nal;
	size_t qp_at, qp_end, end; /* bits from the NAL header on */
	uint8_t rbsp[512];
	size_t size;
};

/* Where in the client's header the quantizer stands, reading it by the client's own buffers. */
static bool walk(const struct picture *p, struct client_header *h)
{
	const VAEncSequenceParameterBufferH264 *s = &p->sequence;
	const VAEncPictureParameterBufferH264 *q = &p->picture;
	bool idr, intra;
	uint32_t frame_num;
	struct bits b;

	bits_init(&b, h->rbsp, h->size);
	h->nal = (uint8_t)bits_u(&b, 8);
	idr = (h->nal & 31) == 5;
	(void)bits_ue(&b);
	intra = bits_ue(&b) % 5 == 2;
	(void)bits_ue(&b);
	frame_num = bits_u(&b, s->seq_fields.bits.log2_max_frame_num_minus4 + 4u);
	if (idr)
		(void)bits_ue(&b);
	if (s->seq_fields.bits.pic_order_cnt_type == 0)
		(void)bits_u(&b, s->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4u);
	skip_references(&b, intra);
	if (h->nal >> 5 & 3)
		skip_marking(&b, idr);
	if (q->pic_fields.bits.entropy_coding_mode_flag && !intra)
		(void)bits_ue(&b);
	h->qp_at = b.at;
	(void)bits_se(&b);
	h->qp_end = b.at;
	if (q->pic_fields.bits.deblocking_filter_control_present_flag && bits_ue(&b) != 1) {
		(void)bits_se(&b);
		(void)bits_se(&b);
	}
	h->end = b.at;
	if (idr != q->pic_fields.bits.idr_pic_flag || frame_num != q->frame_num || !bits_ok(&b)) {
		client_fault(0,
			     "a packed slice header contradicts the picture: frame_num %u and %u",
			     frame_num, q->frame_num);
		return false;
	}
	return true;
}

/* Behind the last start code: libavcodec puts a delimiter into the same buffer. */
static size_t find_last_unit(const struct packed_header *h)
{
	size_t start = 0;

	for (size_t i = 0; i + 3 < h->size; i++)
		if (h->data[i] == 0 && h->data[i + 1] == 0 && h->data[i + 2] == 1)
			start = i + 3;
	return start;
}

static bool find_packed_slice(const struct picture *p, int number, struct buffer *coded,
			      struct client_header *ret)
{
	for (unsigned int i = 0; i < p->packed_count; i++) {
		const struct packed_header *h = &p->packed[i];
		size_t start;

		if (h->type != VAEncPackedHeaderSlice || number-- > 0)
			continue;
		start = find_last_unit(h);
		if (start > 4)
			emit(coded, h->data, start - 3);
		if (h->escaped) {
			ret->size = unescape(ret->rbsp, h->data + start, h->size - start);
		} else {
			ret->size = h->size - start;
			memcpy(ret->rbsp, h->data + start, ret->size);
		}
		return walk(p, ret);
	}
	return false;
}

static void copy_bits(struct out *o, const uint8_t *data, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		put(o, (uint32_t)data[i / 8] >> (7 - i % 8), 1);
}

static uint8_t write_packed(const struct picture *p, const struct client_header *h, int qp,
			    struct out *o)
{
	copy_bits(o, h->rbsp, 8, h->qp_at);
	put_se(o, qp - p->picture.pic_init_qp);
	copy_bits(o, h->rbsp, h->qp_end, h->end);
	return h->nal;
}

static unsigned int frame_num_bits(const struct driver *d, const struct picture *p)
{
	return d->personality.frame_num_bits
		       ? d->personality.frame_num_bits
		       : p->sequence.seq_fields.bits.log2_max_frame_num_minus4 + 4u;
}

static void write_order(const struct driver *d, const struct picture *p,
			const VAEncSliceParameterBufferH264 *s, struct out *o)
{
	put(o, p->picture.frame_num, frame_num_bits(d, p));
	if (p->picture.pic_fields.bits.idr_pic_flag)
		put_ue(o, s->idr_pic_id);
	if (p->sequence.seq_fields.bits.pic_order_cnt_type == 0)
		put(o, s->pic_order_cnt_lsb,
		    p->sequence.seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4u);
}

/* As a driver writes it that is given none. */
static uint8_t write_own(const struct driver *d, const struct picture *p, uint32_t first, int qp,
			 struct out *o)
{
	const VAEncSliceParameterBufferH264 *s = &p->slices[0];
	bool idr = p->picture.pic_fields.bits.idr_pic_flag, intra = s->slice_type % 5 == 2;

	put_ue(o, first);
	put_ue(o, intra ? 7 : 5);
	put_ue(o, p->picture.pic_parameter_set_id);
	write_order(d, p, s, o);
	if (!intra)
		put(o, 0, 2);
	if (p->picture.pic_fields.bits.reference_pic_flag)
		put(o, 0, idr ? 2 : 1);
	if (p->picture.pic_fields.bits.entropy_coding_mode_flag && !intra)
		put_ue(o, s->cabac_init_idc);
	put_se(o, qp - p->picture.pic_init_qp);
	if (p->picture.pic_fields.bits.deblocking_filter_control_present_flag) {
		put_ue(o, s->disable_deblocking_filter_idc);
		if (s->disable_deblocking_filter_idc != 1) {
			put_se(o, s->slice_alpha_c0_offset_div2);
			put_se(o, s->slice_beta_offset_div2);
		}
	}
	if (d->personality.zero_nal_header)
		return 0;
	return (uint8_t)((p->picture.pic_fields.bits.reference_pic_flag ? 0x60 : 0) |
			 (idr ? 5 : 1));
}

/* ---- parameter sets of the driver's own ---- */

static void write_sps(const struct driver *d, const struct picture *p, VAProfile profile,
		      struct buffer *coded)
{
	const VAEncSequenceParameterBufferH264 *s = &p->sequence;
	uint8_t data[64];
	struct out o = { data, 0, sizeof(data) * 8 };
	bool high = profile == VAProfileH264High;

	put(&o, high ? 100 : profile == VAProfileH264Main ? 77 : 66, 8);
	put(&o, profile == VAProfileH264ConstrainedBaseline ? 0x40 : 0, 8);
	put(&o, s->level_idc, 8);
	put_ue(&o, s->seq_parameter_set_id);
	if (high) {
		put_ue(&o, 1);
		put_ue(&o, 0);
		put_ue(&o, 0);
		put(&o, 0, 2);
	}
	put_ue(&o, frame_num_bits(d, p) - 4);
	put_ue(&o, s->seq_fields.bits.pic_order_cnt_type);
	if (s->seq_fields.bits.pic_order_cnt_type == 0)
		put_ue(&o, s->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4);
	put_ue(&o, s->max_num_ref_frames);
	put(&o, 0, 1);
	put_ue(&o, s->picture_width_in_mbs - 1u);
	put_ue(&o, s->picture_height_in_mbs - 1u);
	put(&o, 1, 1);
	put(&o, s->seq_fields.bits.direct_8x8_inference_flag, 1);
	put(&o, s->frame_cropping_flag, 1);
	if (s->frame_cropping_flag) {
		put_ue(&o, s->frame_crop_left_offset);
		put_ue(&o, s->frame_crop_right_offset);
		put_ue(&o, s->frame_crop_top_offset);
		put_ue(&o, s->frame_crop_bottom_offset);
	}
	put(&o, 0, 1);
	put_end(&o);
	emit_nal(coded, 0x67, data, o.count / 8);
}

static void write_pps(const struct picture *p, struct buffer *coded)
{
	const VAEncPictureParameterBufferH264 *q = &p->picture;
	uint8_t data[64];
	struct out o = { data, 0, sizeof(data) * 8 };

	put_ue(&o, q->pic_parameter_set_id);
	put_ue(&o, q->seq_parameter_set_id);
	put(&o, q->pic_fields.bits.entropy_coding_mode_flag, 1);
	put(&o, 0, 1);
	put_ue(&o, 0);
	put_ue(&o, q->num_ref_idx_l0_active_minus1);
	put_ue(&o, 0);
	put(&o, 0, 3);
	put_se(&o, q->pic_init_qp - 26);
	put_se(&o, 0);
	put_se(&o, q->chroma_qp_index_offset);
	put(&o, q->pic_fields.bits.deblocking_filter_control_present_flag, 1);
	put(&o, q->pic_fields.bits.constrained_intra_pred_flag, 1);
	put(&o, 0, 1);
	if (q->pic_fields.bits.transform_8x8_mode_flag) {
		put(&o, 2, 2);
		put_se(&o, q->second_chroma_qp_index_offset);
	}
	put_end(&o);
	emit_nal(coded, 0x68, data, o.count / 8);
}

/* ---- the access unit ---- */

/*
 * Whether the client has packed such a unit, under whatever name: libavcodec has SPS and PPS in one
 * header, GStreamer has two and leaves out the one whose kind is not offered.
 */
static bool has_unit(const struct picture *p, unsigned int type)
{
	for (unsigned int n = 0; n < p->packed_count; n++) {
		const struct packed_header *h = &p->packed[n];

		for (size_t i = 0; i + 3 < h->size; i++)
			if (h->data[i] == 0 && h->data[i + 1] == 0 && h->data[i + 2] == 1 &&
			    (h->data[i + 3] & 31u) == type)
				return true;
	}
	return false;
}

static void write_headers(struct driver *d, struct job *job)
{
	const struct picture *p = &job->picture;

	for (unsigned int i = 0; i < p->packed_count; i++) {
		const struct packed_header *h = &p->packed[i];
		size_t start = 0;

		if (h->type == VAEncPackedHeaderSlice)
			continue;
		if (h->escaped) {
			emit(job->coded, h->data, h->size);
			continue;
		}
		while (start + 1 < h->size && h->data[start] == 0)
			start++;
		start++;
		emit_nal(job->coded, h->data[start], h->data + start + 1, h->size - start - 1);
	}
	if (!p->picture.pic_fields.bits.idr_pic_flag || !d->personality.writes_headers)
		return;
	if (!has_unit(p, NAL_SPS))
		write_sps(d, p, job->context->config.profile, job->coded);
	if (!has_unit(p, NAL_PPS))
		write_pps(p, job->coded);
}

/* CABAC data starts at a whole byte, CAVLC data at any bit. */
static void write_data(const struct context *c, struct out *o, const struct bits *b)
{
	size_t end = b->len;

	if (c->param.b_cabac) {
		while (o->count % 8 != 0)
			put(o, 1, 1);
		memcpy(o->data + o->count / 8, b->data + (b->at + 7) / 8,
		       b->len / 8 - (b->at + 7) / 8);
		o->count += b->len - (b->at + 7) / 8 * 8;
		return;
	}
	while (end > b->at && !(b->data[(end - 1) / 8] >> (7 - (end - 1) % 8) & 1))
		end--;
	copy_bits(o, b->data, b->at, end);
	while (o->count % 8 != 0)
		put(o, 0, 1);
}

static void write_slice(struct driver *d, struct job *job, const x264_nal_t *nal, int number)
{
	unsigned int start = nal->b_long_startcode ? 5 : 4;
	size_t size = (size_t)nal->i_payload;
	uint8_t *rbsp = malloc(size), *data = calloc(1, size + 1024);
	struct out o = { data, 0, (size + 1024) * 8 };
	struct client_header header;
	uint32_t first;
	struct bits b;
	uint8_t byte;
	int qp;

	bits_init(&b, rbsp, unescape(rbsp, nal->p_payload + start, size - start));
	qp = read_x264_header(job->context, nal, &b, &first);
	if (find_packed_slice(&job->picture, number, job->coded, &header))
		byte = write_packed(&job->picture, &header, qp, &o);
	else
		byte = write_own(d, &job->picture, first, qp, &o);
	write_data(job->context, &o, &b);
	emit_nal(job->coded, byte, data, o.count / 8);
	free(rbsp);
	free(data);
}

/* Constant bit rate by force, and a tail of zeros as some devices leave it. */
static void write_tail(const struct driver *d, struct job *job)
{
	const struct picture *p = &job->picture;
	size_t frame = p->rate_bps / 8 / (p->fps ?: 30);
	uint8_t filler[1024];

	memset(filler, 0xff, sizeof(filler));
	filler[sizeof(filler) - 1] = 0x80;
	if (d->personality.filler)
		do
			emit_nal(job->coded, 12, filler, sizeof(filler));
		while (job->coded->coded < frame);
	memset(filler, 0, sizeof(filler));
	if (d->personality.padding)
		emit(job->coded, filler, 128 - job->coded->coded % 64);
}

void rewrite_picture(struct driver *d, struct job *job, const x264_nal_t *nals, int count)
{
	int number = 0;

	write_headers(d, job);
	for (int i = 0; i < count; i++)
		if (nals[i].i_type == NAL_SLICE || nals[i].i_type == NAL_SLICE_IDR)
			write_slice(d, job, &nals[i], number++);
	if (number != (int)job->picture.slice_count)
		client_fault(0, "wants %u slices; there are %d", job->picture.slice_count, number);
	write_tail(d, job);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/h264.h"

#include <assert.h>
#include <string.h>

#define RBSP_MAX      96
#define ASPECT_SQUARE 1 /* Table E-1 */
#define VIDEO_UNKNOWN 5 /* Table E-2 */
#define SEI_RECOVERY  6
#define MV_LENGTH_MAX 15 /* log2_max_mv_length: what x264 writes, and every level allows */

/* ---- bits ---- */

struct bits {
	uint8_t data[RBSP_MAX];
	size_t count; /* bits */
};

static void put(struct bits *b, uint32_t value, unsigned int count)
{
	assert(b->count + count <= sizeof(b->data) * 8);
	while (count-- > 0) {
		if (value >> count & 1)
			b->data[b->count / 8] |= (uint8_t)(0x80 >> b->count % 8);
		b->count++;
	}
}

/* 9.1: as many zeros as the binary value + 1 has bits behind its first one. */
static void put_ue(struct bits *b, uint32_t value)
{
	unsigned int zeros = 31 - (unsigned int)__builtin_clz(value + 1);

	put(b, 0, zeros);
	put(b, value + 1, zeros + 1);
}

static void put_se(struct bits *b, int32_t value)
{
	put_ue(b, value > 0 ? 2 * (uint32_t)value - 1 : 2 * (uint32_t)-value);
}

static void put_trailing(struct bits *b)
{
	put(b, 1, 1);
	while (b->count % 8 != 0)
		put(b, 0, 1);
}

/* 7.4.1.1: three zero bytes never follow each other inside a NAL unit. */
static size_t write_nal(uint8_t header, const struct bits *b, uint8_t *ret, size_t max)
{
	const uint8_t start[] = { 0, 0, 0, 1, header };
	unsigned int zeros = 0;
	size_t n = sizeof(start);

	memcpy(ret, start, sizeof(start));
	for (size_t i = 0; i < (b->count + 7) / 8; i++) {
		assert(n + 2 <= max);
		if (zeros >= 2 && b->data[i] <= 3) {
			ret[n++] = 3;
			zeros = 0;
		}
		ret[n++] = b->data[i];
		zeros = b->data[i] ? 0 : zeros + 1;
	}
	return n;
}

/* ---- writers ---- */

static void put_vui(struct bits *b, const struct h264_sps *s)
{
	put(b, 1, 1);
	put(b, ASPECT_SQUARE, 8);
	put(b, 0, 1); /* overscan_info_present_flag */
	put(b, s->has_colour, 1);
	if (s->has_colour) {
		put(b, VIDEO_UNKNOWN, 3);
		put(b, s->full_range, 1);
		put(b, 1, 1);
		put(b, s->primaries, 8);
		put(b, s->transfer, 8);
		put(b, s->matrix, 8);
	}
	put(b, 0, 1); /* chroma_loc_info_present_flag */
	put(b, s->time_scale != 0, 1);
	if (s->time_scale) {
		put(b, s->num_units_in_tick, 32);
		put(b, s->time_scale, 32);
		put(b, 0, 1); /* not fixed: pictures come when there is something to show */
	}
	put(b, 0, 3); /* no HRD twice, no pic_struct */
	put(b, s->has_restriction, 1);
	if (!s->has_restriction)
		return;
	put(b, 1, 1);
	put_ue(b, 0);
	put_ue(b, 0);
	put_ue(b, MV_LENGTH_MAX);
	put_ue(b, MV_LENGTH_MAX);
	put_ue(b, s->max_num_reorder_frames);
	put_ue(b, s->max_dec_frame_buffering);
}

static void put_size(struct bits *b, const struct h264_sps *s)
{
	uint32_t columns = (s->width + 15u) / 16, rows = (s->height + 15u) / 16;
	uint32_t right = (columns * 16 - s->width) / 2, bottom = (rows * 16 - s->height) / 2;

	put_ue(b, columns - 1);
	put_ue(b, rows - 1);
	put(b, 1, 1); /* frame_mbs_only_flag */
	put(b, 1, 1); /* direct_8x8_inference_flag */
	put(b, right || bottom, 1);
	if (right || bottom) {
		put_ue(b, 0);
		put_ue(b, right);
		put_ue(b, 0);
		put_ue(b, bottom);
	}
}

size_t h264_write_sps(const struct h264_sps *s, uint8_t ret[static H264_SPS_MAX])
{
	struct bits b = { 0 };

	put(&b, s->profile_idc, 8);
	put(&b, s->constraints, 8);
	put(&b, s->level_idc, 8);
	put_ue(&b, s->id);
	if (s->profile_idc == 100) {
		put_ue(&b, 1); /* 4:2:0 */
		put_ue(&b, 0);
		put_ue(&b, 0);
		put(&b, 0, 2); /* no transform bypass, no scaling matrix */
	}
	put_ue(&b, s->log2_max_frame_num - 4u);
	put_ue(&b, s->poc_type);
	if (s->poc_type == 0)
		put_ue(&b, s->log2_max_poc_lsb - 4u);
	put_ue(&b, s->max_num_ref_frames);
	put(&b, 0, 1); /* gaps_in_frame_num_value_allowed_flag */
	put_size(&b, s);
	put(&b, 1, 1);
	put_vui(&b, s);
	put_trailing(&b);
	return write_nal(0x60 | H264_NAL_SPS, &b, ret, H264_SPS_MAX);
}

size_t h264_write_pps(const struct h264_pps *p, uint8_t ret[static H264_PPS_MAX])
{
	struct bits b = { 0 };

	put_ue(&b, p->id);
	put_ue(&b, p->sps_id);
	put(&b, p->cabac, 1);
	put(&b, p->poc_present, 1);
	put_ue(&b, 0); /* one slice group */
	put_ue(&b, p->num_ref_idx[0] - 1);
	put_ue(&b, p->num_ref_idx[1] - 1);
	put(&b, 0, 3); /* no weighted prediction */
	put_se(&b, p->init_qp - 26);
	put_se(&b, 0);
	put_se(&b, p->chroma_qp_offset);
	put(&b, p->deblocking_control, 1);
	put(&b, p->constrained_intra, 1);
	put(&b, p->redundant_pic_cnt, 1);
	if (p->transform_8x8) {
		put(&b, 1, 1);
		put(&b, 0, 1); /* no scaling matrix */
		put_se(&b, p->chroma_qp_offset);
	}
	put_trailing(&b);
	return write_nal(0x60 | H264_NAL_PPS, &b, ret, H264_PPS_MAX);
}

static void put_slice_references(struct bits *b, const struct h264_slice *s)
{
	if (s->type == H264_SLICE_P)
		put(b, 0, 2); /* the PPS's number of references, in their natural order */
	if (s->ref_idc == 0)
		return;
	if (s->nal_type == H264_NAL_IDR)
		put(b, 0, 2); /* nothing of before is output, and it is no long-term reference */
	else
		put(b, 0, 1); /* sliding window */
}

static void put_slice_header(struct bits *b, const struct h264_sps *sps, const struct h264_pps *pps,
			     const struct h264_slice *s)
{
	put_ue(b, s->first_mb);
	put_ue(b, s->type);
	put_ue(b, s->pps_id);
	put(b, s->frame_num, sps->log2_max_frame_num);
	if (s->nal_type == H264_NAL_IDR)
		put_ue(b, s->idr_pic_id);
	if (sps->poc_type == 0)
		put(b, s->poc_lsb, sps->log2_max_poc_lsb);
	put_slice_references(b, s);
	if (pps->cabac && s->type != H264_SLICE_I)
		put_ue(b, 0);
	put_se(b, s->qp_delta);
	if (!pps->deblocking_control)
		return;
	put_ue(b, s->disable_deblocking);
	if (s->disable_deblocking != 1) {
		put_se(b, 0);
		put_se(b, 0);
	}
}

static size_t write_slice(const struct h264_slice *s, const struct bits *b,
			  uint8_t ret[static H264_SLICE_MAX])
{
	return write_nal((uint8_t)(s->ref_idc << 5 | s->nal_type), b, ret, H264_SLICE_MAX);
}

size_t h264_write_slice_header(const struct h264_sps *sps, const struct h264_pps *pps,
			       const struct h264_slice *s, uint8_t ret[static H264_SLICE_MAX],
			       size_t *ret_bits)
{
	struct bits b = { 0 };
	size_t written;

	put_slice_header(&b, sps, pps, s);
	written = write_slice(s, &b, ret);
	*ret_bits = b.count + (written - (b.count + 7) / 8) * 8;
	return written;
}

size_t h264_write_skipped_slice(const struct h264_sps *sps, const struct h264_pps *pps,
				uint32_t frame_num, uint32_t first_mb, uint32_t macroblocks,
				uint8_t ret[static H264_SLICE_MAX])
{
	const struct h264_slice slice = {
		.nal_type = H264_NAL_SLICE,
		.ref_idc = 1,
		.first_mb = first_mb,
		.type = H264_SLICE_P,
		.pps_id = pps->id,
		.frame_num = frame_num,
		.disable_deblocking = 1,
	};
	struct bits b = { 0 };

	assert(!pps->cabac && sps->poc_type == 2);
	put_slice_header(&b, sps, pps, &slice);
	put_ue(&b, macroblocks); /* mb_skip_run */
	put_trailing(&b);
	return write_slice(&slice, &b, ret);
}

size_t h264_write_recovery_point(uint32_t frames, uint8_t ret[static H264_PPS_MAX])
{
	struct bits payload = { 0 }, b = { 0 };

	put_ue(&payload, frames);
	put(&payload, 1, 1); /* exact_match_flag */
	put(&payload, 0, 3); /* no broken link, no change of slice groups */
	if (payload.count % 8 != 0)
		put_trailing(&payload);
	put(&b, SEI_RECOVERY, 8);
	put(&b, (uint32_t)(payload.count / 8), 8);
	for (size_t i = 0; i < payload.count / 8; i++)
		put(&b, payload.data[i], 8);
	put_trailing(&b);
	return write_nal(H264_NAL_SEI, &b, ret, H264_PPS_MAX);
}

/* ---- the byte stream, annex B ---- */

/* The offset of the next 00 00 01, or size. Looks at every third byte where nothing is near. */
static size_t find_start(const uint8_t *data, size_t size, size_t at)
{
	while (at + 2 < size) {
		if (data[at + 2] > 1)
			at += 3;
		else if (data[at] == 0 && data[at + 1] == 0 && data[at + 2] == 1)
			return at;
		else
			at++;
	}
	return size;
}

bool h264_next_nal(const uint8_t *data, size_t size, size_t *at, struct h264_nal *ret)
{
	size_t start = find_start(data, size, *at), end;

	if (size - start < 4) /* nothing behind the start code is no NAL unit either */
		return false;
	start += 3;
	end = find_start(data, size, start);
	*at = end;
	while (end > start + 1 && data[end - 1] == 0)
		end--;
	*ret = (struct h264_nal){ data + start, end - start };
	return true;
}

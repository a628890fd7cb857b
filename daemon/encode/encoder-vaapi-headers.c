// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One picture in libva's words, twice: as parameter buffers, and, where the driver takes them, as
 * the headers that will stand in the stream. Both are made from the same structs here, because a
 * driver believes the one and a decoder the other.
 *
 * The structure is fixed: P pictures only, each referring to the one before, output order is
 * decoding order (pic_order_cnt_type 2), CAVLC, one slice. SPS and PPS travel in one packed header
 * of the kind SEQUENCE, as libavcodec sends them, which is what drivers are tried with most.
 * Delimiters are written by the multiplexer (stream/ts.c), and supplemental information is only
 * sent about an intra refresh.
 */
#include "encode/encoder-vaapi.h"

#include <errno.h>
#include <string.h>

#define LOG2_MAX_FRAME_NUM 8
#define INIT_QP		   26
#define PERIOD		   2048 /* never reached: each IDR is ours to ask for; 0 divides somewhere */
#define REFRESH_STEPS	   30	/* pictures in which an intra refresh is through */

/* ---- our parameter sets ---- */

/* Tables E-3 to E-5: 1 is BT.709, 6 is BT.601 with 525 lines. */
static void set_colour(struct h264_sps *s, enum convert_matrix matrix)
{
	uint8_t standard = matrix == CONVERT_BT709 ? 1 : 6;

	s->has_colour = true;
	s->full_range = false;
	s->primaries = s->transfer = s->matrix = standard;
}

void vaapi_headers_init(struct vaapi_encoder *e)
{
	const struct media_format *f = &e->config.format;
	bool high = f->profile == MEDIA_PROFILE_CHP;

	e->sps = (struct h264_sps){
		.profile_idc = high ? 100 : 66,
		.constraints = high ? 0x0c : 0xc0, /* A.2.4.2, A.2.1.1 */
		.level_idc = f->level_idc,
		.log2_max_frame_num = LOG2_MAX_FRAME_NUM,
		.poc_type = 2,
		.max_num_ref_frames = 1,
		.width = f->mode.width,
		.height = f->mode.height,
		.num_units_in_tick = 1,
		.time_scale = 2u * f->mode.refresh_hz,
		.has_restriction = true, /* or sinks hold pictures back for others to come first */
		.max_dec_frame_buffering = 1,
	};
	set_colour(&e->sps, e->matrix);
	e->pps = (struct h264_pps){
		.num_ref_idx = { 1, 1 },
		.init_qp = INIT_QP,
		.deblocking_control = true,
		.transform_8x8 = high && !e->device.quirk->no_transform_8x8,
	};
	e->out.sps = e->sps;
	e->out.pps = e->pps;
}

/* ---- buffers ---- */

struct list {
	struct vaapi_encoder *e;
	VABufferID *buffers;
	int count;
	int r;
};

static void add(struct list *l, VABufferType type, const void *data, size_t size)
{
	VADisplay display = l->e->device.display;
	VABufferID *to = &l->buffers[l->count];

	if (l->r < 0)
		return;
	if (l->count == VAAPI_BUFFERS) {
		l->r = -EIO;
		return;
	}
	l->r = vaapi_check(vaCreateBuffer(display, l->e->context, type, (unsigned int)size, 1,
					  (void *)(uintptr_t)data, to),
			   "vaCreateBuffer");
	if (l->r == 0)
		l->count++;
}

static void add_misc(struct list *l, VAEncMiscParameterType type, const void *data, size_t size)
{
	_Alignas(VAEncMiscParameterBuffer) uint8_t room[256] = { 0 };
	VAEncMiscParameterBuffer *misc = (VAEncMiscParameterBuffer *)(void *)room;

	misc->type = type;
	memcpy(misc->data, data, size);
	add(l, VAEncMiscParameterBufferType, room, sizeof(*misc) + size);
}

static void add_packed(struct list *l, uint32_t type, const void *data, size_t size, size_t bits)
{
	const VAEncPackedHeaderParameterBuffer p = {
		.type = type,
		.bit_length = (uint32_t)bits,
		.has_emulation_bytes = 1, /* h264.c has put them in */
	};

	add(l, VAEncPackedHeaderParameterBufferType, &p, sizeof(p));
	add(l, VAEncPackedHeaderDataBufferType, data, size);
}

/* ---- sequence ---- */

static void set_vui(VAEncSequenceParameterBufferH264 *s, const struct h264_sps *sps)
{
	s->vui_parameters_present_flag = 1;
	s->vui_fields.bits.aspect_ratio_info_present_flag = 1;
	s->aspect_ratio_idc = 1;
	s->vui_fields.bits.timing_info_present_flag = 1;
	s->num_units_in_tick = sps->num_units_in_tick;
	s->time_scale = sps->time_scale;
	s->vui_fields.bits.bitstream_restriction_flag = 1;
	s->vui_fields.bits.log2_max_mv_length_horizontal = 15;
	s->vui_fields.bits.log2_max_mv_length_vertical = 15;
	s->vui_fields.bits.motion_vectors_over_pic_boundaries_flag = 1;
}

static void add_sequence(struct list *l)
{
	const struct h264_sps *sps = &l->e->sps;
	VAEncSequenceParameterBufferH264 s = {
		.level_idc = sps->level_idc,
		.intra_period = PERIOD,
		.intra_idr_period = PERIOD,
		.ip_period = 1,
		.bits_per_second = l->e->asked.bps,
		.max_num_ref_frames = sps->max_num_ref_frames,
		.picture_width_in_mbs = (uint16_t)((sps->width + 15) / 16),
		.picture_height_in_mbs = (uint16_t)((sps->height + 15) / 16),
	};

	s.seq_fields.bits.chroma_format_idc = 1;
	s.seq_fields.bits.frame_mbs_only_flag = 1;
	s.seq_fields.bits.direct_8x8_inference_flag = 1;
	s.seq_fields.bits.log2_max_frame_num_minus4 = (sps->log2_max_frame_num - 4u) & 15;
	s.seq_fields.bits.pic_order_cnt_type = sps->poc_type & 3;
	if (sps->width % 16 || sps->height % 16) {
		s.frame_cropping_flag = 1;
		s.frame_crop_right_offset = (s.picture_width_in_mbs * 16u - sps->width) / 2;
		s.frame_crop_bottom_offset = (s.picture_height_in_mbs * 16u - sps->height) / 2;
	}
	set_vui(&s, sps);
	add(l, VAEncSequenceParameterBufferType, &s, sizeof(s));
}

static void add_packed_sets(struct list *l)
{
	uint8_t data[H264_SPS_MAX + H264_PPS_MAX];
	size_t size = h264_write_sps(&l->e->sps, data);

	size += h264_write_pps(&l->e->pps, data + size);
	add_packed(l, VAEncPackedHeaderSequence, data, size, size * 8);
}

/* ---- rate ---- */

static void add_rate(struct list *l)
{
	const struct vaapi_rate_ask *ask = &l->e->asked;
	VAEncMiscParameterRateControl rate = {
		.bits_per_second = ask->bps,
		.target_percentage = l->e->choice.rc == VA_RC_VBR ? 95 : 100,
		.window_size = 1000,
		.initial_qp = INIT_QP,
		.min_qp = 16, /* finer is invisible and only burns the link */
	};
	const VAEncMiscParameterHRD hrd = {
		.initial_buffer_fullness = ask->hrd_bits / 4 * 3,
		.buffer_size = ask->hrd_bits,
	};

	rate.rc_flags.bits.disable_frame_skip = 1;
	rate.rc_flags.bits.disable_bit_stuffing = 1;
	add_misc(l, VAEncMiscParameterTypeRateControl, &rate, sizeof(rate));
	add_misc(l, VAEncMiscParameterTypeHRD, &hrd, sizeof(hrd));
}

static void add_frame_rate(struct list *l)
{
	const VAEncMiscParameterFrameRate rate = {
		.framerate = 1u << 16 | l->e->config.format.mode.refresh_hz,
	};

	add_misc(l, VAEncMiscParameterTypeFrameRate, &rate, sizeof(rate));
}

/* With every picture, as libavcodec does: some drivers forget it. */
static void add_max_frame(struct list *l)
{
	const VAEncMiscParameterBufferMaxFrameSize max = {
		.max_frame_size = l->e->asked.max_frame_bits,
	};

	if (l->e->choice.max_frame_size && l->e->choice.rc != VA_RC_CQP)
		add_misc(l, VAEncMiscParameterTypeMaxFrameSize, &max, sizeof(max));
}

/* Faster than the driver's own choice only where a picture takes a third of its time. */
static void add_quality(struct list *l)
{
	const struct media_mode *m = &l->e->config.format.mode;
	uint64_t wanted = (uint64_t)m->width * m->height * m->refresh_hz;
	const VAEncMiscParameterBufferQualityLevel level = {
		.quality_level = l->e->choice.quality_levels,
	};

	if (level.quality_level > 1 && wanted * 3 > l->e->choice.max_pixel_rate)
		add_misc(l, VAEncMiscParameterTypeQualityLevel, &level, sizeof(level));
}

/* One band in each picture, from one side to the other. */
static void add_refresh(struct list *l)
{
	const struct media_mode *m = &l->e->config.format.mode;
	bool column = l->e->choice.refresh_column;
	unsigned int total = ((column ? m->width : m->height) + 15u) / 16;
	unsigned int band = (total + REFRESH_STEPS - 1) / REFRESH_STEPS;
	unsigned int at = (unsigned int)(l->e->since_idr % REFRESH_STEPS) * band;
	VAEncMiscParameterRIR rir = { .intra_insertion_location = (uint16_t)at,
				      .intra_insert_size = (uint16_t)band };

	if (!l->e->config.intra_refresh || !(column || l->e->choice.refresh_row) || at >= total)
		return;
	rir.rir_flags.bits.enable_rir_column = column;
	rir.rir_flags.bits.enable_rir_row = !column;
	add_misc(l, VAEncMiscParameterTypeRIR, &rir, sizeof(rir));
}

/* ---- picture and slice ---- */

static VAPictureH264 get_picture(const struct vaapi_encoder *e, uint64_t since_idr, uint32_t flags)
{
	return (VAPictureH264){
		.picture_id = e->reconstructed[since_idr % 2],
		.frame_idx = (uint32_t)since_idr & ((1u << LOG2_MAX_FRAME_NUM) - 1),
		.flags = flags,
		.TopFieldOrderCnt = (int32_t)(2 * since_idr),
		.BottomFieldOrderCnt = (int32_t)(2 * since_idr),
	};
}

static void clear(VAPictureH264 *pictures, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pictures[i] = (VAPictureH264){ .picture_id = VA_INVALID_ID,
					       .flags = VA_PICTURE_H264_INVALID };
}

static void add_picture(struct list *l)
{
	const struct vaapi_encoder *e = l->e;
	bool idr = e->slice.nal_type == H264_NAL_IDR;
	VAEncPictureParameterBufferH264 p = {
		.CurrPic = get_picture(e, e->since_idr, 0),
		.coded_buf = e->out.coded,
		.frame_num = (uint16_t)e->slice.frame_num,
		.pic_init_qp = INIT_QP,
	};

	clear(p.ReferenceFrames, 16);
	if (!idr)
		p.ReferenceFrames[0] =
			get_picture(e, e->since_idr - 1, VA_PICTURE_H264_SHORT_TERM_REFERENCE);
	p.pic_fields.bits.idr_pic_flag = idr;
	p.pic_fields.bits.reference_pic_flag = 1;
	p.pic_fields.bits.transform_8x8_mode_flag = e->pps.transform_8x8;
	p.pic_fields.bits.deblocking_filter_control_present_flag = 1;
	add(l, VAEncPictureParameterBufferType, &p, sizeof(p));
}

static void add_slice(struct list *l)
{
	const struct vaapi_encoder *e = l->e;
	VAEncSliceParameterBufferH264 s = {
		.num_macroblocks = ((e->sps.width + 15u) / 16) * ((e->sps.height + 15u) / 16),
		.macroblock_info = VA_INVALID_ID,
		.slice_type = (uint8_t)e->slice.type,
		.idr_pic_id = (uint16_t)e->slice.idr_pic_id,
		.slice_qp_delta = (int8_t)e->slice.qp_delta,
	};

	clear(s.RefPicList0, 32);
	clear(s.RefPicList1, 32);
	if (s.slice_type == H264_SLICE_P)
		s.RefPicList0[0] =
			get_picture(e, e->since_idr - 1, VA_PICTURE_H264_SHORT_TERM_REFERENCE);
	add(l, VAEncSliceParameterBufferType, &s, sizeof(s));
}

static void add_packed_slice(struct list *l)
{
	uint8_t data[H264_SLICE_MAX];
	size_t bits,
		size = h264_write_slice_header(&l->e->sps, &l->e->pps, &l->e->slice, data, &bits);

	add_packed(l, VAEncPackedHeaderSlice, data, size, bits);
}

/* Where the refresh begins, so that a decoder may begin there too. */
static void add_recovery_point(struct list *l)
{
	uint8_t data[H264_PPS_MAX];
	size_t size = h264_write_recovery_point(REFRESH_STEPS, data);

	if (l->e->config.intra_refresh && l->e->since_idr % REFRESH_STEPS == 0 &&
	    l->e->slice.nal_type != H264_NAL_IDR)
		add_packed(l, VAEncPackedHeaderRawData, data, size, size * 8);
}

/* ---- all of it ---- */

static void set_slice(struct vaapi_encoder *e, bool idr)
{
	e->slice = (struct h264_slice){
		.nal_type = idr ? H264_NAL_IDR : H264_NAL_SLICE,
		.ref_idc = idr ? 3 : 2,
		.type = idr ? H264_SLICE_I : H264_SLICE_P,
		.frame_num = (uint32_t)e->since_idr & ((1u << LOG2_MAX_FRAME_NUM) - 1),
		.idr_pic_id = e->idr_pic_id,
	};
}

static bool same_rate(const struct vaapi_rate_ask *a, const struct vaapi_rate_ask *b)
{
	return a->bps == b->bps && a->hrd_bits == b->hrd_bits;
}

int vaapi_headers_make(struct vaapi_encoder *e, VABufferID ret[static VAAPI_BUFFERS])
{
	const struct media_mode *m = &e->config.format.mode;
	bool idr = e->idr_wanted;
	struct vaapi_rate_ask ask = vaapi_rate_get(&e->rate, idr, (uint32_t)m->width * m->height);
	bool rate = e->choice.rc != VA_RC_CQP && (idr || !same_rate(&ask, &e->asked));
	struct list l = { .e = e, .buffers = ret };

	e->asked = ask;
	if (idr) {
		e->since_idr = 0;
		e->idr_pic_id ^= 1; /* two IDRs in a row must differ (7.4.3) */
	}
	set_slice(e, idr);
	if (e->choice.rc == VA_RC_CQP)
		e->slice.qp_delta = (int32_t)ask.qp - INIT_QP;
	if (idr)
		add_sequence(&l);
	if (rate) {
		add_rate(&l);
		add_frame_rate(&l);
	}
	add_max_frame(&l);
	if (idr)
		add_quality(&l);
	add_picture(&l);
	add_refresh(&l); /* behind it: iHD begins its picture's parameters anew there */
	if (idr && e->choice.packed & VA_ENC_PACKED_HEADER_SEQUENCE)
		add_packed_sets(&l);
	if (e->choice.packed & VA_ENC_PACKED_HEADER_RAW_DATA)
		add_recovery_point(&l);
	if (e->choice.packed & VA_ENC_PACKED_HEADER_SLICE)
		add_packed_slice(&l);
	add_slice(&l);
	for (int i = 0; i < l.count && l.r < 0; i++)
		(void)vaDestroyBuffer(e->device.display, ret[i]);
	return l.r < 0 ? l.r : l.count;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameter sets and slice headers of ISO/IEC 14496-10 (H.264), struct to bytes and back, as far as
 * our streams use them: frames only, 4:2:0 with 8 bits, one slice group, no weighted prediction.
 * Pure; the parsers are bounded and take anything. Section numbers are those of the standard.
 */
#ifndef MIRACAST_ENCODE_H264_H
#define MIRACAST_ENCODE_H264_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Table 7-1. */
enum h264_nal_type {
	H264_NAL_SLICE = 1,
	H264_NAL_IDR = 5,
	H264_NAL_SEI = 6,
	H264_NAL_SPS = 7,
	H264_NAL_PPS = 8,
	H264_NAL_AUD = 9,
	H264_NAL_FILLER = 12,
};

/* 7.4.3, modulo 5. */
enum h264_slice_type {
	H264_SLICE_P = 0,
	H264_SLICE_B = 1,
	H264_SLICE_I = 2,
};

/* 7.3.2.1.1; the VUI of E.1.1 as far as decoders act upon it. */
struct h264_sps {
	uint8_t profile_idc;
	uint8_t constraints; /* constraint_set0_flag is the highest bit */
	uint8_t level_idc;
	uint32_t id;
	uint8_t log2_max_frame_num;
	uint8_t poc_type;	  /* 0 or 2 */
	uint8_t log2_max_poc_lsb; /* of poc_type 0 */
	uint32_t max_num_ref_frames;
	uint16_t width, height; /* pixels shown, even */

	bool has_colour;
	bool full_range;
	uint8_t primaries, transfer, matrix;
	uint32_t num_units_in_tick, time_scale; /* 0: no timing */
	bool has_restriction;
	uint32_t max_num_reorder_frames, max_dec_frame_buffering;
};

/* 7.3.2.2. */
struct h264_pps {
	uint32_t id, sps_id;
	bool cabac;
	bool poc_present; /* bottom_field_pic_order_in_frame_present_flag */
	uint32_t num_ref_idx[2];
	int32_t init_qp;
	int32_t chroma_qp_offset;
	bool deblocking_control;
	bool constrained_intra;
	bool redundant_pic_cnt;
	bool transform_8x8;
};

/* 7.3.3. */
struct h264_slice {
	uint8_t nal_type; /* H264_NAL_SLICE or H264_NAL_IDR */
	uint8_t ref_idc;
	uint32_t first_mb;
	uint32_t type; /* enum h264_slice_type */
	uint32_t pps_id;
	uint32_t frame_num;
	uint32_t idr_pic_id;
	uint32_t poc_lsb;
	int32_t qp_delta;
	uint32_t disable_deblocking;
};

/* Enough for a parameter set of ours, and for a slice header. */
#define H264_SPS_MAX   96
#define H264_PPS_MAX   32
#define H264_SLICE_MAX 40

/*
 * Each writes one NAL unit with a start code of four bytes and emulation prevention; the number of
 * bytes. A slice header has no end of its own: *ret_bits is its exact length, start code included.
 */
size_t h264_write_sps(const struct h264_sps *sps, uint8_t ret[static H264_SPS_MAX]);
size_t h264_write_pps(const struct h264_pps *pps, uint8_t ret[static H264_PPS_MAX]);
size_t h264_write_slice_header(const struct h264_sps *sps, const struct h264_pps *pps,
			       const struct h264_slice *slice, uint8_t ret[static H264_SLICE_MAX],
			       size_t *ret_bits);

/*
 * A P slice of a reference picture whose macroblocks are all skipped (7.3.4): there, it is the
 * picture before once more. For CAVLC and poc_type 2.
 */
size_t h264_write_skipped_slice(const struct h264_sps *sps, const struct h264_pps *pps,
				uint32_t frame_num, uint32_t first_mb, uint32_t macroblocks,
				uint8_t ret[static H264_SLICE_MAX]);

/* D.1.8: after frames pictures everything is right again; for streams without an IDR. */
size_t h264_write_recovery_point(uint32_t frames, uint8_t ret[static H264_PPS_MAX]);

/* A NAL unit in a byte stream, from its header byte on; zero bytes behind it are not part of it. */
struct h264_nal {
	const uint8_t *data;
	size_t size;
};

/* The next one at or behind *at, which moves on. False: there is none. */
bool h264_next_nal(const uint8_t *data, size_t size, size_t *at, struct h264_nal *ret);

static inline uint8_t h264_get_type(const struct h264_nal *n)
{
	return n->data[0] & 0x1f;
}

/* 0, -EBADMSG for what is not H.264, -EOPNOTSUPP for what our streams never have. */
int h264_parse_sps(const struct h264_nal *nal, struct h264_sps *ret);
int h264_parse_pps(const struct h264_nal *nal, struct h264_pps *ret);
int h264_parse_slice_header(const struct h264_nal *nal, const struct h264_sps *sps,
			    const struct h264_pps *pps, struct h264_slice *ret);

#endif

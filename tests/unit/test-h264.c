// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parameter sets and slice headers: bytes of other encoders as they read, what is written bit by bit,
 * writer against parser over many values, and parsers that take anything.
 */
#include "encode/h264.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* libx264, 1280x720, High, level 3.1, 30 Hz, BT.709; with emulation prevention in the timing. */
static const uint8_t x264_sps[] = { 0x67, 0x64, 0x00, 0x1f, 0xac, 0xb4, 0x02, 0x80, 0x2d, 0xd8,
				    0x0b, 0x50, 0x10, 0x10, 0x14, 0x00, 0x00, 0x03, 0x00, 0x04,
				    0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xca, 0x80 };

static const struct h264_sps our_sps = {
	.profile_idc = 66,
	.constraints = 0xc0,
	.level_idc = 31,
	.log2_max_frame_num = 8,
	.poc_type = 2,
	.max_num_ref_frames = 1,
	.width = 640,
	.height = 360,
	.has_colour = true,
	.primaries = 6,
	.transfer = 6,
	.matrix = 6,
	.num_units_in_tick = 1,
	.time_scale = 60,
	.has_restriction = true,
	.max_dec_frame_buffering = 1,
};

static const struct h264_pps our_pps = {
	.num_ref_idx = { 1, 1 },
	.init_qp = 26,
	.deblocking_control = true,
};

static struct h264_nal first_nal(const uint8_t *data, size_t size)
{
	struct h264_nal n;
	size_t at = 0;

	assert_true(h264_next_nal(data, size, &at, &n));
	return n;
}

/* ---- what others write ---- */

static void test_reads_x264(void **state)
{
	const struct h264_nal nal = { x264_sps, sizeof(x264_sps) };
	struct h264_sps s;

	(void)state;
	assert_int_equal(h264_parse_sps(&nal, &s), 0);
	assert_int_equal(s.profile_idc, 100);
	assert_int_equal(s.level_idc, 31);
	assert_int_equal(s.width, 1280);
	assert_int_equal(s.height, 720);
	assert_int_equal(s.poc_type, 2);
	assert_true(s.has_colour);
	assert_false(s.full_range);
	assert_int_equal(s.matrix, 1);
	assert_int_equal(s.time_scale, 60 * s.num_units_in_tick);
	assert_true(s.has_restriction);
}

/* ---- what we write ---- */

/* By hand from 7.3.2.2: 1 1 0 0 1 1 1 0 00 1 1 1 1 0 0 1. */
static void test_pps_bits(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80 };
	uint8_t data[H264_PPS_MAX];

	(void)state;
	assert_int_equal(h264_write_pps(&our_pps, data), sizeof(expected));
	assert_memory_equal(data, expected, sizeof(expected));
}

/*
 * By hand from 7.3.3: first_mb 1, type 1, pps 1, frame_num 00000011, override and order 0 0,
 * marking 0, qp_delta +2 is 00100, deblocking 1 1 1
 */
static void test_slice_bits(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 1, 0x41, 0xe0, 0x60, 0x9c };
	const struct h264_slice s = { .nal_type = H264_NAL_SLICE,
				      .ref_idc = 2,
				      .type = H264_SLICE_P,
				      .frame_num = 3,
				      .qp_delta = 2 };
	uint8_t data[H264_SLICE_MAX];
	size_t bits;

	(void)state;
	assert_int_equal(h264_write_slice_header(&our_sps, &our_pps, &s, data, &bits),
			 sizeof(expected));
	assert_memory_equal(data, expected, sizeof(expected));
	assert_int_equal(bits, 40 + 22);
}

static void test_no_start_code_inside(void **state)
{
	struct h264_sps s = our_sps;
	uint8_t data[H264_SPS_MAX];
	size_t size;

	(void)state;
	s.num_units_in_tick = 1;
	s.time_scale = 0x00000200; /* two runs of zeros */
	size = h264_write_sps(&s, data);
	for (size_t i = 4; i + 2 < size; i++)
		assert_false(data[i] == 0 && data[i + 1] == 0 && data[i + 2] < 3);
}

/* ---- there and back ---- */

static void check_sps(const struct h264_sps *s)
{
	uint8_t data[H264_SPS_MAX], again[H264_SPS_MAX];
	size_t size = h264_write_sps(s, data);
	struct h264_nal n = first_nal(data, size);
	struct h264_sps back;

	assert_int_equal(n.size, size - 4);
	assert_int_equal(h264_parse_sps(&n, &back), 0);
	assert_int_equal(back.width, s->width);
	assert_int_equal(back.height, s->height);
	assert_int_equal(back.time_scale, s->time_scale);
	assert_int_equal(h264_write_sps(&back, again), size);
	assert_memory_equal(again, data, size);
}

static void test_sps_round(void **state)
{
	static const uint16_t sizes[][2] = { { 16, 16 },     { 640, 480 },   { 848, 480 },
					     { 1366, 768 },  { 1920, 1080 }, { 1918, 1078 },
					     { 3840, 2160 }, { 8192, 8192 } };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct h264_sps s = our_sps;

		s.width = sizes[i][0];
		s.height = sizes[i][1];
		check_sps(&s);
		s.profile_idc = 100;
		s.constraints = 0x0c;
		s.poc_type = 0;
		s.log2_max_poc_lsb = 16;
		s.log2_max_frame_num = 16;
		s.level_idc = 52;
		s.time_scale = 480;
		check_sps(&s);
	}
}

static void test_pps_round(void **state)
{
	struct h264_pps p = our_pps, back;
	uint8_t data[H264_PPS_MAX];

	(void)state;
	for (int qp = 0; qp <= 51; qp++) {
		struct h264_nal n;

		p.init_qp = qp;
		p.chroma_qp_offset = qp % 25 - 12;
		p.transform_8x8 = qp % 2;
		p.poc_present = qp % 3 == 0;
		n = first_nal(data, h264_write_pps(&p, data));
		assert_int_equal(h264_parse_pps(&n, &back), 0);
		assert_int_equal(back.init_qp, p.init_qp);
		assert_int_equal(back.chroma_qp_offset, p.chroma_qp_offset);
		assert_int_equal(back.transform_8x8, p.transform_8x8);
		assert_int_equal(back.poc_present, p.poc_present);
		assert_true(back.deblocking_control);
		assert_false(back.cabac);
	}
}

static void check_slice(const struct h264_sps *sps, const struct h264_slice *s)
{
	uint8_t data[H264_SLICE_MAX + 1];
	size_t bits, size = h264_write_slice_header(sps, &our_pps, s, data, &bits);
	struct h264_slice back;
	struct h264_nal n;

	assert_true(bits <= size * 8 && bits > (size - 1) * 8);
	data[size] = 0x80; /* the data that follows */
	n = first_nal(data, size + 1);
	assert_int_equal(h264_parse_slice_header(&n, sps, &our_pps, &back), 0);
	assert_int_equal(back.nal_type, s->nal_type);
	assert_int_equal(back.type, s->type);
	assert_int_equal(back.frame_num, s->frame_num);
	assert_int_equal(back.idr_pic_id, s->idr_pic_id);
	assert_int_equal(back.poc_lsb, s->poc_lsb);
	assert_int_equal(back.qp_delta, s->qp_delta);
	assert_int_equal(back.ref_idc, s->ref_idc);
}

static void test_slice_round(void **state)
{
	struct h264_sps sps = our_sps;

	(void)state;
	for (uint32_t i = 0; i < 256; i++) {
		bool idr = i % 5 == 0;
		struct h264_slice s = { .nal_type = idr ? H264_NAL_IDR : H264_NAL_SLICE,
					.ref_idc = (uint8_t)(idr ? 3 : 2),
					.type = idr ? H264_SLICE_I : H264_SLICE_P,
					.frame_num = i,
					.idr_pic_id = idr ? i : 0,
					.qp_delta = (int32_t)(i % 50) - 25 };

		sps.poc_type = 2;
		check_slice(&sps, &s);
		sps.poc_type = 0;
		sps.log2_max_poc_lsb = 8;
		s.poc_lsb = 255 - i;
		check_slice(&sps, &s);
	}
}

/* ---- the byte stream ---- */

static void test_units(void **state)
{
	static const uint8_t data[] = { 0, 0, 0, 1,    0x09, 0xf0, 0, 0, 1, 0x67, 7, 0,
					0, 0, 1, 0x68, 8,    9,	   0, 0, 0, 0,	  0, 1 };
	struct h264_nal n;
	size_t at = 0;

	(void)state;
	assert_true(h264_next_nal(data, sizeof(data), &at, &n));
	assert_int_equal(h264_get_type(&n), H264_NAL_AUD);
	assert_int_equal(n.size, 2);
	assert_true(h264_next_nal(data, sizeof(data), &at, &n));
	assert_int_equal(h264_get_type(&n), H264_NAL_SPS);
	assert_int_equal(n.size, 2);
	assert_true(h264_next_nal(data, sizeof(data), &at, &n));
	assert_int_equal(h264_get_type(&n), H264_NAL_PPS);
	assert_int_equal(n.size, 3);
	assert_false(h264_next_nal(data, sizeof(data), &at, &n));
	at = 0;
	assert_false(h264_next_nal(data, 0, &at, &n));
	assert_false(h264_next_nal(data, 4, &at, &n));
}

/* ---- anything ---- */

static void parse_all(const uint8_t *data, size_t size)
{
	const struct h264_nal n = { data, size };
	struct h264_slice slice;
	struct h264_sps sps;
	struct h264_pps pps;

	(void)h264_parse_sps(&n, &sps);
	(void)h264_parse_pps(&n, &pps);
	(void)h264_parse_slice_header(&n, &our_sps, &our_pps, &slice);
}

/* Cut at every byte, in memory that ends there: the sanitizers watch. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t size = 1; size <= sizeof(x264_sps); size++) {
		uint8_t *copy = malloc(size);
		struct h264_nal n = { copy, size };
		struct h264_sps s;

		assert_non_null(copy);
		memcpy(copy, x264_sps, size);
		parse_all(copy, size);
		if (size < 8)
			assert_int_equal(h264_parse_sps(&n, &s), -EBADMSG);
		free(copy);
	}
}

static void test_noise(void **state)
{
	static const uint8_t types[] = { 0x67, 0x68, 0x65, 0x41 };
	uint8_t data[64];

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		size_t size = 1 + (size_t)rand() % sizeof(data);

		for (size_t j = 0; j < size; j++)
			data[j] = (uint8_t)(rand() >> 8 & rand() >> 16);
		data[0] = types[i % 4];
		parse_all(data, size);
	}
}

static void test_refuses(void **state)
{
	uint8_t data[H264_SPS_MAX];
	struct h264_nal n = first_nal(data, h264_write_sps(&our_sps, data));
	struct h264_pps p = our_pps;
	struct h264_sps s;

	(void)state;
	assert_int_equal(h264_parse_pps(&n, &p), -EBADMSG); /* an SPS is no PPS */
	data[4] = 0x68;
	assert_int_equal(h264_parse_sps(&n, &s), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_x264),  cmocka_unit_test(test_pps_bits),
		cmocka_unit_test(test_slice_bits),  cmocka_unit_test(test_no_start_code_inside),
		cmocka_unit_test(test_sps_round),   cmocka_unit_test(test_pps_round),
		cmocka_unit_test(test_slice_round), cmocka_unit_test(test_units),
		cmocka_unit_test(test_cut),	    cmocka_unit_test(test_noise),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests_name("h264", tests, NULL, NULL);
}

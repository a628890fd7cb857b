// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x264's NAL units as they are made, slice by slice: gathered into one access unit, or handed on at
 * once in parts. Knows nothing of pixels.
 *
 * A picture that rests is sent again and again; once x264 has long found nothing to improve at its
 * rate, such a picture is written here, in a microsecond. So is the first one, which only tells the
 * sink where the one before ends. x264 does not know of these pictures, so that frame_num (7.4.3 of
 * ISO/IEC 14496-10) is counted here, too.
 */
#include "encode/encoder-x264.h"

#include "encode/h264.h"

#include <errno.h>
#include <stdlib.h>

/*
 * No macroblock takes more than 3200 bits (ISO/IEC 14496-10, A.3.1), which are 1.6 bytes a pixel, and
 * x264 wants half as much again to write a unit into. Memory that is never needed is never touched.
 */
#define BYTES_PER_PIXEL 3
#define BYTES_BESIDE	65536 /* parameter sets, and x264's own signature */

/*
 * In a slice as small hardly a macroblock is coded. So many pictures of them in a row: near the least
 * rate of a mode, x264 was seen to pause for eight before its quantizer fell again.
 */
#define SKIPPED_MAX    14
#define SKIPPED_IN_ROW 12

int soft_units_init(struct soft_encoder *e)
{
	e->units_size = (size_t)e->mb_width * e->mb_height * 256 * BYTES_PER_PIXEL + BYTES_BESIDE;
	e->units = malloc(e->units_size);
	return e->units ? 0 : -ENOMEM;
}

void soft_units_begin(struct soft_encoder *e, const struct frame *f)
{
	/* A sink that looks for the end of a picture finds it by its length, which parts cannot tell. */
	bool in_parts = e->config.on_part && e->config.format.slices > 1 && !e->repeated;

	e->units_used = 0;
	e->largest_slice = 0;
	e->units_failed = false;
	e->packet = (struct packet){
		.data = e->units,
		.frame_number = f->number,
		.time_ns = f->time_ns,
		.parts = in_parts ? e->config.format.slices : 1,
	};
}

/* ---- frame_num ---- */

static void learn_sets(struct soft_encoder *e, const x264_nal_t *unit)
{
	const size_t start = unit->b_long_startcode ? 4 : 3;
	const struct h264_nal nal = { unit->p_payload + start, (size_t)unit->i_payload - start };

	if (unit->i_type == NAL_SPS)
		e->has_sets = h264_parse_sps(&nal, &e->sps) == 0 && e->sps.poc_type == 2;
	if (unit->i_type == NAL_PPS)
		e->has_sets = e->has_sets && h264_parse_pps(&nal, &e->pps) == 0 && !e->pps.cabac;
}

static unsigned int get_bit(const uint8_t *data, size_t at)
{
	return data[at / 8] >> (7 - at % 8) & 1;
}

static size_t skip_ue(const uint8_t *data, size_t at)
{
	size_t zeros = 0;

	while (!get_bit(data, at + zeros))
		zeros++;
	return at + 2 * zeros + 1;
}

/* In x264's slice, which has no header byte and no emulation prevention yet. */
static void put_frame_num(const struct soft_encoder *e, uint8_t *slice)
{
	size_t at = 0;

	for (unsigned int i = 0; i < 3; i++)
		at = skip_ue(slice, at); /* first_mb_in_slice, slice_type, pic_parameter_set_id */
	for (unsigned int bit = e->sps.log2_max_frame_num; bit-- > 0; at++) {
		uint8_t mask = (uint8_t)(0x80 >> at % 8);

		slice[at / 8] = (uint8_t)((slice[at / 8] & ~mask) | (e->frame_num >> bit & 1 ? mask : 0));
	}
}

static void count_picture(struct soft_encoder *e)
{
	e->frame_num = (e->frame_num + 1) & ((1u << e->sps.log2_max_frame_num) - 1);
}

/* ---- units ---- */

/*
 * x264 promises a fixed frame rate (E.2.1), which a desktop that rests does not keep; High gets
 * Constrained High's flags (A.2.4.2).
 */
static void rewrite_sps(struct soft_encoder *e, x264_nal_t *unit)
{
	if (e->config.format.profile == MEDIA_PROFILE_CHP)
		e->sps.constraints |= 0x0c;
	unit->i_payload = (int)h264_write_sps(&e->sps, unit->p_payload);
}

/* x264's signature is of no use to a sink. */
static void finish_unit(struct soft_encoder *e, x264_nal_t *unit)
{
	if (unit->i_type == NAL_SEI || unit->i_type == NAL_AUD || unit->i_type == NAL_FILLER)
		return;
	if (unit->i_type == NAL_SPS && e->has_sets)
		rewrite_sps(e, unit);
	e->units_used += (size_t)unit->i_payload;
	e->packet.size += (size_t)unit->i_payload;
}

static void hand_on(struct soft_encoder *e)
{
	struct packet *p = &e->packet;

	/* By what is usual: that this one was held up says nothing of the others. */
	p->rest_ns = e->took_ns * (p->parts - p->part - 1u) / p->parts;
	e->config.on_part(e->config.userdata, p);
	p->data += p->size;
	p->size = 0;
	p->part++;
	p->rest_ns = 0;
}

void soft_units_add(x264_t *x264, x264_nal_t *unit, void *userdata)
{
	struct soft_encoder *e = userdata;
	size_t room = e->units_size - e->units_used;
	bool is_slice;

	/* The least that x264 must be given. */
	if (e->units_failed || room < (size_t)unit->i_payload * 3 / 2 + 5 + 64 ||
	    room < H264_SPS_MAX) {
		e->units_failed = true;
		return;
	}
	is_slice = unit->i_type == NAL_SLICE || unit->i_type == NAL_SLICE_IDR;
	if (unit->i_type == NAL_SLICE_IDR)
		e->frame_num = 0;
	if (is_slice && e->has_sets)
		put_frame_num(e, unit->p_payload);
	x264_nal_encode(x264, e->units + e->units_used, unit);
	learn_sets(e, unit);
	finish_unit(e, unit);
	if (!is_slice)
		return;
	if (unit->i_payload > e->largest_slice)
		e->largest_slice = unit->i_payload;
	e->packet.idr = unit->i_type == NAL_SLICE_IDR;
	if (e->packet.part + 1u < e->packet.parts)
		hand_on(e);
}

void soft_units_end(struct soft_encoder *e)
{
	count_picture(e);
	e->skipped_in_row = e->repeated && e->largest_slice <= SKIPPED_MAX ? e->skipped_in_row + 1 : 0;
	e->was_new = !e->repeated || e->packet.idr;
}

/* ---- a picture that rests ---- */

/* With x264's own slices: it parts the lines like this. */
static void write_skipped(struct soft_encoder *e)
{
	unsigned int slices = e->config.format.slices, first = 0, next;

	for (unsigned int i = 0; i < slices; i++, first = next) {
		next = (e->mb_height * (i + 1) + slices / 2) / slices * e->mb_width;
		e->packet.size += h264_write_skipped_slice(&e->sps, &e->pps, e->frame_num, first,
							   next - first, e->units + e->packet.size);
	}
}

/* The wave of an intra refresh goes on. */
bool soft_units_repeat(struct soft_encoder *e, const struct frame *f)
{
	bool settled = e->skipped_in_row >= SKIPPED_IN_ROW;

	if (!e->has_sets || e->idr_wanted || e->config.intra_refresh || !(settled || e->was_new))
		return false;
	soft_units_begin(e, f);
	write_skipped(e);
	count_picture(e);
	e->was_new = false;
	return true;
}

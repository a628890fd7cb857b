// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x264's NAL units as they are made, slice by slice: gathered into one access unit, or handed on at
 * once in parts. Knows nothing of pixels.
 */
#include "encode/encoder-x264.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>

/*
 * No macroblock takes more than 3200 bits (ISO/IEC 14496-10, A.3.1), which are 1.6 bytes a pixel, and
 * x264 wants half as much again to write a unit into. Memory that is never needed is never touched.
 */
#define BYTES_PER_PIXEL 3
#define BYTES_BESIDE	65536 /* parameter sets, and x264's own signature */

int soft_units_init(struct soft_encoder *e)
{
	e->units_size = (size_t)e->mb_width * e->mb_height * 256 * BYTES_PER_PIXEL + BYTES_BESIDE;
	e->units = malloc(e->units_size);
	return e->units ? 0 : -ENOMEM;
}

void soft_units_begin(struct soft_encoder *e, const struct frame *f)
{
	bool in_parts = e->config.on_part && e->config.format.slices > 1;

	e->units_used = 0;
	e->units_failed = false;
	e->packet = (struct packet){
		.data = e->units,
		.frame_number = f->number,
		.time_ns = f->time_ns,
		.parts = in_parts ? e->config.format.slices : 1,
	};
}

/* x264's signature is of no use to a sink; High gets Constrained High's flags (A.2.4.2). */
static void finish_unit(struct soft_encoder *e, const x264_nal_t *unit)
{
	if (unit->i_type == NAL_SEI || unit->i_type == NAL_AUD || unit->i_type == NAL_FILLER)
		return;
	if (unit->i_type == NAL_SPS && e->config.format.profile == MEDIA_PROFILE_CHP)
		unit->p_payload[(unit->b_long_startcode ? 4 : 3) + 2] |= 0x0c;
	e->units_used += (size_t)unit->i_payload;
	e->packet.size += (size_t)unit->i_payload;
}

static void hand_on(struct soft_encoder *e)
{
	struct packet *p = &e->packet;
	unsigned int done = p->part + 1u;

	p->rest_ns = (clock_now_ns() - e->began_ns) * (p->parts - done) / done;
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

	/* The least that x264 must be given. */
	if (e->units_failed || room < (size_t)unit->i_payload * 3 / 2 + 5 + 64) {
		e->units_failed = true;
		return;
	}
	x264_nal_encode(x264, e->units + e->units_used, unit);
	finish_unit(e, unit);
	if (unit->i_type != NAL_SLICE && unit->i_type != NAL_SLICE_IDR)
		return;
	e->packet.idr = unit->i_type == NAL_SLICE_IDR;
	if (e->packet.part + 1u < e->packet.parts)
		hand_on(e);
}

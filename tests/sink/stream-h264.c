// SPDX-License-Identifier: GPL-2.0-or-later
/* The stream maker's access units: parameter sets and slice headers by H.264 7.3, noise behind. */
#include "stream-private.h"

static void put_u(struct bytes *b, unsigned count, uint32_t value)
{
	while (count--) {
		if (!b->bit)
			put(b, 0);
		if (value >> count & 1)
			b->data[b->len - 1] |= (uint8_t)(0x80 >> b->bit);
		b->bit = (b->bit + 1) % 8;
	}
}

static void put_ue(struct bytes *b, uint32_t value)
{
	unsigned bits = 0;

	while ((value + 1) >> (bits + 1))
		bits++;
	put_u(b, bits, 0);
	put_u(b, bits + 1, value + 1);
}

static void put_stop(struct bytes *b)
{
	put_u(b, 1, 1);
	while (b->bit)
		put_u(b, 1, 0);
}

static void begin_nal(struct maker *m, unsigned header)
{
	m->nal.len = m->nal.bit = 0;
	put(&m->nal, (uint8_t)header);
}

/* The start code and the escaped bytes. */
static void end_nal(struct maker *m, bool escape)
{
	unsigned zeros = 0;

	put_all(&m->au, "\0\0\0\1", 4);
	for (size_t i = 0; i < m->nal.len; i++) {
		uint8_t byte = m->nal.data[i];

		if (escape && zeros >= 2 && byte <= 3) {
			put(&m->au, 3);
			zeros = 0;
		}
		zeros = byte ? 0 : zeros + 1;
		put(&m->au, byte);
	}
}

static void add_vui(struct maker *m)
{
	struct bytes *b = &m->nal;

	put_u(b, 4, 0); /* aspect, overscan, signal type, chroma place */
	put_u(b, 1, 1); /* timing */
	put_u(b, 32, 1);
	put_u(b, 32, 60);
	put_u(b, 1, 1);
	put_u(b, 3, 0); /* HRD twice, pic_struct */
	put_u(b, 1, 1); /* bitstream_restriction */
	put_u(b, 1, 1);
	put_ue(b, 0);
	put_ue(b, 0);
	put_ue(b, 16);
	put_ue(b, 16);
	put_ue(b, is(m, DAMAGE_REORDER) ? 1 : 0);
	put_ue(b, 1);
}

static void add_sps(struct maker *m)
{
	struct bytes *b = &m->nal;
	unsigned profile = m->config.high ? 100 : 66;
	unsigned constraint = m->config.high ? 0x0c : 0xc0;

	if (is(m, DAMAGE_MAIN_PROFILE))
		profile = 77;
	if (is(m, DAMAGE_NO_CONSTRAINTS))
		constraint = 0;
	if (is(m, DAMAGE_OTHER_PROFILE)) {
		profile = 100;
		constraint = 0x0c;
	}
	begin_nal(m, 0x67);
	put_u(b, 8, profile);
	put_u(b, 8, constraint);
	put_u(b, 8, is(m, DAMAGE_LEVEL) ? 51 : 40);
	if (is(m, DAMAGE_SPS_CUT) && m->unit == BAD_IDR) {
		end_nal(m, true);
		return;
	}
	put_ue(b, 0);
	if (profile == 100) {
		put_ue(b, is(m, DAMAGE_CHROMA_444) ? 3 : 1);
		if (is(m, DAMAGE_CHROMA_444))
			put_u(b, 1, 0);
		put_ue(b, 0);
		put_ue(b, 0);
		put_u(b, 2, 0);
	}
	put_ue(b, 0); /* frame_num of 4 bits */
	put_ue(b, 2);
	put_ue(b, is(m, DAMAGE_TWO_REFERENCES) ? 2 : 1);
	put_u(b, 1, 0);
	put_ue(b, (is(m, DAMAGE_SIZE) ? 80 : 120) - 1);
	put_ue(b, 68 - 1);
	put_u(b, 2, 3); /* frames only, direct 8x8 */
	put_u(b, 1, 1); /* cropped to 1080 lines */
	put_ue(b, 0);
	put_ue(b, 0);
	put_ue(b, 0);
	put_ue(b, 4);
	put_u(b, 1, 1);
	add_vui(m);
	put_stop(b);
	end_nal(m, true);
}

static void add_pps(struct maker *m)
{
	struct bytes *b = &m->nal;

	begin_nal(m, 0x68);
	put_ue(b, 0);
	put_ue(b, 0);
	put_u(b, 1, is(m, DAMAGE_CABAC));
	put_u(b, 1, 0);
	put_ue(b, is(m, DAMAGE_SLICE_GROUPS) ? 1 : 0);
	put_ue(b, 0);
	put_ue(b, 0);
	put_u(b, 3, 0);
	put_stop(b);
	end_nal(m, true);
}

static void add_delimiter(struct maker *m)
{
	begin_nal(m, 0x09);
	put_u(&m->nal, 3, 7);
	put_stop(&m->nal);
	end_nal(m, true);
}

static void add_slice(struct maker *m, bool idr, unsigned first, size_t size)
{
	struct bytes *b = &m->nal;
	unsigned header = idr ? 0x65 : 0x61;

	if (at_unit(m, DAMAGE_NAL_FORBIDDEN_BIT))
		header |= 0x80;
	if (idr && m->unit == BAD_IDR && is(m, DAMAGE_NAL_IDR_NO_REFERENCE))
		header = 0x05;
	begin_nal(m, header);
	put_ue(b, first);
	put_ue(b, idr ? 7 : at_unit(m, DAMAGE_B_SLICE) ? 6 : 5);
	put_ue(b, at_unit(m, DAMAGE_UNKNOWN_PPS) ? 9 : 0);
	put_u(b, 4, m->frame_num & 0xf);
	if (idr)
		put_ue(b, m->unit & 1);
	put_stop(b);
	while (b->len < size)
		put(b, noise(m));
	if (at_unit(m, DAMAGE_AU_EMULATION)) {
		end_nal(m, true);
		put_all(&m->au, "\x55\0\0\2\x55", 5);
		return;
	}
	put(b, 0x55); /* neither zero nor the trailer that is looked for */
	end_nal(m, true);
}

static bool is_idr(const struct maker *m)
{
	if (m->unit == 0)
		return !is(m, DAMAGE_FIRST_NOT_IDR);
	if (m->config.restart && m->unit == RESTART_UNIT)
		return !is(m, DAMAGE_RESTART_NOT_IDR);
	return m->unit == BAD_IDR;
}

static void add_picture(struct maker *m, bool idr)
{
	/* One IDR is too large for PES_packet_length. */
	size_t size = m->unit == 0 ? 90000 : idr ? 30000 : 1500;

	if (idr) {
		bool bad = m->unit == BAD_IDR;

		m->frame_num = 0;
		if (!(bad && is(m, DAMAGE_IDR_WITHOUT_SPS)))
			add_sps(m);
		if (!(bad && is(m, DAMAGE_IDR_WITHOUT_PPS)))
			add_pps(m);
	}
	if (at_unit(m, DAMAGE_FRAME_NUM_GAP))
		m->frame_num++;
	add_slice(m, idr, 0, size);
	if (at_unit(m, DAMAGE_TWO_SLICES) || at_unit(m, DAMAGE_THREE_SLICES))
		add_slice(m, idr, 4000, 500);
	if (at_unit(m, DAMAGE_THREE_SLICES))
		add_slice(m, idr, 6000, 500);
	if (at_unit(m, DAMAGE_SMALL_SLICE))
		add_slice(m, idr, 99, 500);
	if (at_unit(m, DAMAGE_SMALL_LAST_SLICE))
		add_slice(m, idr, 8160 - 99, 500);
	m->frame_num++;
	if (at_unit(m, DAMAGE_TWO_PICTURES)) {
		add_slice(m, idr, 0, 500);
		m->frame_num++;
	}
	if (at_unit(m, DAMAGE_SETS_BEHIND_SLICE))
		add_sps(m);
}

void unit_make(struct maker *m)
{
	m->au.len = 0;
	if (!at_unit(m, DAMAGE_NO_DELIMITER))
		add_delimiter(m);
	if (at_unit(m, DAMAGE_NO_PICTURE)) {
		begin_nal(m, 0x06);
		put_all(&m->nal, "\x05\x02zz\x80", 5);
		end_nal(m, true);
	} else {
		add_picture(m, is_idr(m));
	}
	if (at_unit(m, DAMAGE_DELIMITER_IN_THE_MIDDLE))
		add_delimiter(m);
	if (at_unit(m, DAMAGE_NAL_FILLER))
		put_all(&m->au, "\0\0\0\1\x0c\xff\xff\x80", 8);
	if (at_unit(m, DAMAGE_PES_TRAILER))
		for (int i = 0; i < 20; i++)
			put(&m->au, 0xff);
	if (at_unit(m, DAMAGE_AU_SHORT_START_CODE)) {
		m->au.len--;
		memmove(m->au.data, m->au.data + 1, m->au.len);
	}
}

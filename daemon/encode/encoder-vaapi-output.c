// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The coded buffer, and what becomes of it. A driver may leave filler behind the slice, zeros behind
 * that, the whole in several pieces, no SPS and PPS or some of its own taste, and in one case a
 * header byte of zero. The packet has none of that: SPS and PPS of ours before an IDR, slices that
 * parse by them and say what they should. Where the buffer is already so, the packet is the mapped
 * buffer itself.
 */
#include "encode/encoder-vaapi.h"

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNITS_MAX    64
#define SEGMENTS_MAX 256

/* What is kept of the driver's bytes. */
struct units {
	struct h264_nal kept[UNITS_MAX]; /* slices and wanted supplements, in order */
	size_t count;
	struct h264_nal sps, pps; /* size 0: none */
	bool contiguous;	  /* nothing lies between them, and nothing has to change */
};

int vaapi_output_open(struct vaapi_encoder *e)
{
	const struct media_mode *m = &e->config.format.mode;
	unsigned int macroblocks = ((m->width + 15u) / 16) * ((m->height + 15u) / 16);

	/* 400 bytes a macroblock are more than 7.4.5's raw samples: no picture overflows it. */
	e->out.coded_size = macroblocks * 400 + 4096;
	return vaapi_check(vaCreateBuffer(e->device.display, e->context, VAEncCodedBufferType,
					  e->out.coded_size, 1, NULL, &e->out.coded),
			   "vaCreateBuffer (coded)");
}

void vaapi_output_release(struct vaapi_encoder *e)
{
	if (e->out.mapped)
		(void)vaUnmapBuffer(e->device.display, e->out.coded);
	e->out.mapped = false;
}

void vaapi_output_close(struct vaapi_encoder *e)
{
	vaapi_output_release(e);
	if (e->out.coded != VA_INVALID_ID)
		(void)vaDestroyBuffer(e->device.display, e->out.coded);
	e->out.coded = VA_INVALID_ID;
	free(e->out.joined);
	free(e->out.made);
	e->out.joined = e->out.made = NULL;
	e->out.joined_size = e->out.made_size = 0;
}

/* ---- the driver's bytes ---- */

/* The thread is bounded in any case; a driver that keeps the limit itself saves the thread. */
static int wait_for(struct vaapi_encoder *e)
{
	VADisplay display = e->device.display;
	VAStatus status;

	status = vaSyncBuffer(display, e->out.coded,
			      clock_stretched_us(VAAPI_LIMIT_MS * USEC_PER_MSEC) * NSEC_PER_USEC);
	if (status == VA_STATUS_ERROR_UNIMPLEMENTED)
		status = vaSyncSurface(display, e->surface);
	return vaapi_check(status, "vaSyncBuffer");
}

static int grow(uint8_t **memory, size_t *size, size_t wanted)
{
	uint8_t *p;

	if (*size >= wanted)
		return 0;
	p = realloc(*memory, wanted + wanted / 2);
	if (!p)
		return -ENOMEM;
	*memory = p;
	*size = wanted + wanted / 2;
	return 0;
}

static int join(struct vaapi_encoder *e, const VACodedBufferSegment *first, size_t total)
{
	size_t at = 0;
	int r;

	r = grow(&e->out.joined, &e->out.joined_size, total);
	for (const VACodedBufferSegment *s = first; s && r == 0; s = s->next) {
		memcpy(e->out.joined + at, s->buf, s->size);
		at += s->size;
	}
	return r;
}

/* A driver whose device was reset may hand out anything. */
static int measure(const struct vaapi_encoder *e, const VACodedBufferSegment *first, size_t *ret)
{
	const uint32_t broken = VA_CODED_BUF_STATUS_SLICE_OVERFLOW_MASK |
				VA_CODED_BUF_STATUS_BAD_BITSTREAM;
	unsigned int count = 0;
	size_t total = 0;

	for (const VACodedBufferSegment *s = first; s; s = s->next) {
		if (s->status & broken || !s->buf || s->size > e->out.coded_size - total ||
		    ++count > SEGMENTS_MAX) {
			log_debug("vaapi: the coded buffer's status is 0x%x, its size %u", s->status,
				  s->size);
			return -EIO;
		}
		total += s->size;
	}
	*ret = total;
	return total > 0 ? 0 : -EIO;
}

static int map(struct vaapi_encoder *e, const uint8_t **ret, size_t *ret_size)
{
	VACodedBufferSegment *first = NULL;
	size_t total;
	int r;

	r = vaapi_check(vaMapBuffer(e->device.display, e->out.coded, (void **)&first),
			"vaMapBuffer (coded)");
	if (r < 0)
		return r;
	e->out.mapped = true;
	r = measure(e, first, &total);
	if (r < 0)
		return r;
	*ret_size = total;
	*ret = first->buf;
	if (!first->next)
		return 0;
	r = join(e, first, total);
	*ret = e->out.joined;
	return r;
}

/* ---- what they are ---- */

static void keep(struct units *u, const struct h264_nal *n)
{
	const struct h264_nal *last = u->count > 0 ? &u->kept[u->count - 1] : NULL;

	/* A start code has three bytes, or four. */
	if (last && n->data - (last->data + last->size) > 4)
		u->contiguous = false;
	u->kept[u->count++] = *n;
}

static int sort(const struct vaapi_encoder *e, const uint8_t *data, size_t size, struct units *u)
{
	struct h264_nal n;
	size_t at = 0;

	*u = (struct units){ .contiguous = true };
	while (h264_next_nal(data, size, &at, &n)) {
		switch ((enum h264_nal_type)h264_get_type(&n)) {
		case H264_NAL_SPS:
			u->sps = n;
			break;
		case H264_NAL_PPS:
			u->pps = n;
			break;
		case H264_NAL_AUD:
		case H264_NAL_FILLER:
			continue;
		case H264_NAL_SEI:
			if (!e->config.intra_refresh)
				continue;
			break;
		case H264_NAL_SLICE:
		case H264_NAL_IDR:
			break;
		}
		if (u->count == UNITS_MAX)
			return -EIO;
		keep(u, &n);
	}
	return 0;
}

/* ---- parameter sets ---- */

static bool is_usable(const struct vaapi_encoder *e, const struct h264_sps *s,
		      const struct h264_pps *p)
{
	bool high = e->config.format.profile == MEDIA_PROFILE_CHP;

	return s->width == e->sps.width && s->height == e->sps.height && !p->cabac &&
	       (high || !p->transform_8x8) && s->max_num_ref_frames <= 1 && p->sps_id == s->id;
}

/*
 * The driver's SPS says how it writes slice headers; that is kept. Profile, level and what the VUI
 * says are ours to say, whatever the driver makes of our wishes.
 */
static int learn_sets(struct vaapi_encoder *e, const struct units *u)
{
	struct h264_sps s, merged = e->sps;
	struct h264_pps p;
	int r;

	if (u->sps.size == 0 || u->pps.size == 0) {
		e->out.sps = e->sps;
		e->out.pps = e->pps;
		return 0;
	}
	r = h264_parse_sps(&u->sps, &s);
	if (r == 0)
		r = h264_parse_pps(&u->pps, &p);
	if (r < 0 || !is_usable(e, &s, &p)) {
		log_debug("vaapi: the driver's SPS and PPS are of no use");
		return -EIO;
	}
	merged.id = s.id;
	merged.log2_max_frame_num = s.log2_max_frame_num;
	merged.poc_type = s.poc_type;
	merged.log2_max_poc_lsb = s.log2_max_poc_lsb;
	merged.max_num_ref_frames = s.max_num_ref_frames;
	e->out.sps = merged;
	e->out.pps = p;
	return 0;
}

static size_t write_sets(const struct vaapi_encoder *e, uint8_t *ret)
{
	size_t size = h264_write_sps(&e->out.sps, ret);

	return size + h264_write_pps(&e->out.pps, ret + size);
}

/* Whether SPS and PPS stand in the buffer already as they should. */
static bool has_our_sets(const struct vaapi_encoder *e, const struct units *u)
{
	uint8_t ours[H264_SPS_MAX + H264_PPS_MAX];
	size_t size = h264_write_sps(&e->out.sps, ours), rest;

	if (u->count < 3 || h264_get_type(&u->kept[0]) != H264_NAL_SPS ||
	    h264_get_type(&u->kept[1]) != H264_NAL_PPS || u->sps.size != size - 4 ||
	    memcmp(u->sps.data, ours + 4, u->sps.size) != 0)
		return false;
	rest = h264_write_pps(&e->out.pps, ours);
	return u->pps.size == rest - 4 && memcmp(u->pps.data, ours + 4, u->pps.size) == 0;
}

/* ---- slices ---- */

static bool is_slice(const struct h264_nal *n)
{
	uint8_t type = h264_get_type(n);

	return type == H264_NAL_SLICE || type == H264_NAL_IDR || type == 0;
}

/* radeonsi of Mesa 26.1: the header byte is zero if no packed slice header is sent (hypr-rdp 22). */
static uint8_t get_header_byte(const struct vaapi_encoder *e, const struct h264_nal *n)
{
	return n->data[0] == 0 ? (uint8_t)(e->slice.ref_idc << 5 | e->slice.nal_type) : n->data[0];
}

static int check_slice(const struct vaapi_encoder *e, const struct h264_nal *n, uint32_t *ret_first)
{
	uint32_t mask = (1u << e->out.sps.log2_max_frame_num) - 1;
	uint8_t head[H264_SLICE_MAX * 2];
	struct h264_nal view = { head, n->size < sizeof(head) ? n->size : sizeof(head) };
	struct h264_slice s;

	memcpy(head, n->data, view.size);
	head[0] = get_header_byte(e, n);
	if (h264_parse_slice_header(&view, &e->out.sps, &e->out.pps, &s) < 0)
		return -EIO;
	if (s.nal_type != e->slice.nal_type || s.type != e->slice.type || s.ref_idc == 0 ||
	    s.frame_num != ((uint32_t)e->since_idr & mask))
		return -EIO;
	*ret_first = s.first_mb;
	return 0;
}

static int check_slices(struct vaapi_encoder *e, struct units *u)
{
	uint32_t first = 0, last = 0;
	unsigned int slices = 0;

	for (size_t i = 0; i < u->count; i++) {
		if (!is_slice(&u->kept[i]))
			continue;
		if (check_slice(e, &u->kept[i], &first) < 0 ||
		    (slices > 0 ? first <= last : first != 0)) {
			log_debug("vaapi: a slice is not what was asked for");
			return -EIO;
		}
		if (u->kept[i].data[0] == 0)
			u->contiguous = false; /* to be repaired */
		last = first;
		slices++;
	}
	return slices > 0 ? 0 : -EIO;
}

/* ---- the access unit ---- */

static size_t put_unit(uint8_t *to, const struct h264_nal *n, uint8_t header)
{
	static const uint8_t start[] = { 0, 0, 0, 1 };

	memcpy(to, start, sizeof(start));
	memcpy(to + sizeof(start), n->data, n->size);
	to[sizeof(start)] = header;
	return sizeof(start) + n->size;
}

static int make(struct vaapi_encoder *e, const struct units *u)
{
	size_t wanted = H264_SPS_MAX + H264_PPS_MAX, at = 0;
	int r;

	for (size_t i = 0; i < u->count; i++)
		wanted += u->kept[i].size + 4;
	r = grow(&e->out.made, &e->out.made_size, wanted);
	if (r < 0)
		return r;
	if (e->slice.nal_type == H264_NAL_IDR)
		at = write_sets(e, e->out.made);
	for (size_t i = 0; i < u->count; i++) {
		uint8_t type = h264_get_type(&u->kept[i]);

		if (type != H264_NAL_SPS && type != H264_NAL_PPS)
			at += put_unit(e->out.made + at, &u->kept[i],
				       get_header_byte(e, &u->kept[i]));
	}
	e->packet.data = e->out.made;
	e->packet.size = at;
	return 0;
}

/* From the first start code, of four bytes (B.1.2), to the last byte that is not padding. */
static void borrow(struct vaapi_encoder *e, const struct units *u)
{
	const struct h264_nal *last = &u->kept[u->count - 1];

	e->packet.data = u->kept[0].data - 4;
	e->packet.size = (size_t)(last->data + last->size - e->packet.data);
}

static bool can_borrow(const struct vaapi_encoder *e, const struct units *u, const uint8_t *data)
{
	bool idr = e->slice.nal_type == H264_NAL_IDR;

	return u->contiguous && u->kept[0].data - data >= 4 && u->kept[0].data[-4] == 0 &&
	       (idr ? has_our_sets(e, u) : u->sps.size == 0 && u->pps.size == 0);
}

int vaapi_output_take(struct vaapi_encoder *e)
{
	const uint8_t *data = NULL;
	struct units u;
	size_t size = 0;
	int r;

	r = wait_for(e);
	if (r < 0)
		return r;
	r = map(e, &data, &size);
	if (r < 0)
		return r;
	r = sort(e, data, size, &u);
	if (r == 0 && e->slice.nal_type == H264_NAL_IDR)
		r = learn_sets(e, &u);
	if (r == 0)
		r = check_slices(e, &u);
	if (r < 0)
		return r;
	if (!can_borrow(e, &u, data))
		return make(e, &u);
	borrow(e, &u);
	return 0;
}

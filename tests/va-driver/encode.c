// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the client says about a picture is collected, checked as strictly as no real driver does,
 * and obeyed with x264: type, quantizer, rate, tools. What it says in its headers is rewrite.c's.
 */
#include "driver.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAM_WIDTH 1280
#define DEFAULT_RATE 4000000
#define QUALITY	     18 /* CRF under the rate's ceiling */

/* ---- collecting ---- */

static VAStatus take_misc(struct picture *p, const struct buffer *b)
{
	const VAEncMiscParameterBuffer *misc = (const void *)b->data;
	const VAEncMiscParameterRateControl *rate = (const void *)misc->data;
	const VAEncMiscParameterHRD *hrd = (const void *)misc->data;
	const VAEncMiscParameterFrameRate *fps = (const void *)misc->data;
	const VAEncMiscParameterBufferMaxFrameSize *max = (const void *)misc->data;

	switch ((int)misc->type) {
	case VAEncMiscParameterTypeRateControl:
		p->rate_bps = rate->bits_per_second;
		p->min_qp = rate->min_qp;
		break;
	case VAEncMiscParameterTypeHRD:
		p->hrd_bits = hrd->buffer_size;
		break;
	case VAEncMiscParameterTypeFrameRate:
		p->fps = (fps->framerate & 0xffff) / ((fps->framerate >> 16) ?: 1);
		break;
	case VAEncMiscParameterTypeMaxFrameSize:
		p->max_frame_bits = max->max_frame_size;
		break;
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus take_packed(struct context *c, const struct buffer *b)
{
	struct picture *p = &c->next;
	struct packed_header *h = &p->packed[p->packed_count];

	if (!p->has_packed_next || p->packed_count == PACKED_MAX || b->size > sizeof(h->data) ||
	    p->packed_bits_next > b->size * 8)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER, "packs a wrong header");
	h->type = p->packed_type_next;
	h->bits = p->packed_bits_next;
	h->escaped = p->packed_escaped_next;
	h->size = (h->bits + 7) / 8;
	memcpy(h->data, b->data, h->size);
	p->packed_count++;
	p->has_packed_next = false;
	return VA_STATUS_SUCCESS;
}

static VAStatus take_packed_parameter(struct context *c, const struct buffer *b)
{
	static const struct {
		uint32_t type, bit;
	} kinds[] = {
		{ VAEncPackedHeaderSequence, VA_ENC_PACKED_HEADER_SEQUENCE },
		{ VAEncPackedHeaderPicture, VA_ENC_PACKED_HEADER_PICTURE },
		{ VAEncPackedHeaderSlice, VA_ENC_PACKED_HEADER_SLICE },
		/* Supplemental information and delimiters come as raw data: libavcodec, GStreamer. */
		{ VAEncPackedHeaderRawData,
		  VA_ENC_PACKED_HEADER_RAW_DATA | VA_ENC_PACKED_HEADER_MISC },
	};
	const VAEncPackedHeaderParameterBuffer *h = (const void *)b->data;
	uint32_t bit = VA_ENC_PACKED_HEADER_MISC;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == h->type)
			bit = kinds[i].bit;
	if (!(c->config.packed & bit))
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "packs a header (type %u) that was not agreed", h->type);
	c->next.packed_type_next = h->type;
	c->next.packed_bits_next = h->bit_length;
	c->next.packed_escaped_next = h->has_emulation_bytes;
	c->next.has_packed_next = true;
	return VA_STATUS_SUCCESS;
}

static VAStatus take(void *to, const struct buffer *b, size_t size)
{
	if (b->size != size)
		return client_fault(VA_STATUS_ERROR_INVALID_BUFFER, "a buffer of a wrong size");
	memcpy(to, b->data, size);
	return VA_STATUS_SUCCESS;
}

VAStatus encode_render(struct context *c, const struct buffer *b)
{
	struct picture *p = &c->next;

	switch ((int)b->type) {
	case VAEncSequenceParameterBufferType:
		p->has_sequence = true;
		return take(&p->sequence, b, sizeof(p->sequence));
	case VAEncPictureParameterBufferType:
		p->has_picture = true;
		return take(&p->picture, b, sizeof(p->picture));
	case VAEncSliceParameterBufferType:
		if (p->slice_count + b->count > SLICES_MAX)
			return VA_STATUS_ERROR_INVALID_PARAMETER;
		for (uint32_t i = 0; i < b->count; i++)
			memcpy(&p->slices[p->slice_count++], b->data + (size_t)i * b->size,
			       b->size);
		return VA_STATUS_SUCCESS;
	case VAEncMiscParameterBufferType:
		return take_misc(p, b);
	case VAEncPackedHeaderParameterBufferType:
		return take_packed_parameter(c, b);
	case VAEncPackedHeaderDataBufferType:
		return take_packed(c, b);
	}
	return client_fault(VA_STATUS_ERROR_UNSUPPORTED_BUFFERTYPE, "renders a buffer of type %d",
			    (int)b->type);
}

/* ---- checking ---- */

static VAStatus check_slices(const struct picture *p)
{
	uint32_t next = 0;
	uint32_t total =
		(uint32_t)p->sequence.picture_width_in_mbs * p->sequence.picture_height_in_mbs;

	for (unsigned int i = 0; i < p->slice_count; i++) {
		if (p->slices[i].macroblock_address != next)
			return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
					    "starts slice %u at %u instead of %u", i,
					    p->slices[i].macroblock_address, next);
		next += p->slices[i].num_macroblocks;
	}
	if (next != total)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "slices of %u macroblocks in a picture of %u", next, total);
	return VA_STATUS_SUCCESS;
}

/* A device would read whatever lies in that surface, and the picture would drift. */
static VAStatus check_references(const struct context *c)
{
	const struct picture *p = &c->next;
	VASurfaceID reference = p->slices[0].RefPicList0[0].picture_id;

	if (p->picture.pic_fields.bits.idr_pic_flag || p->slices[0].slice_type % 5 == 2)
		return VA_STATUS_SUCCESS;
	if (reference != c->last_reconstructed)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "refers to surface %u, not to the last picture's %u", reference,
				    c->last_reconstructed);
	if (p->picture.ReferenceFrames[0].picture_id != reference)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "has a reference that is not among its frames");
	return VA_STATUS_SUCCESS;
}

static VAStatus check(struct driver *d, const struct context *c, const struct job *job)
{
	const struct picture *p = &c->next;
	const struct surface *s = job->source;
	VAStatus status;

	if (!p->has_picture || p->slice_count == 0)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER, "ends half a picture");
	if (p->picture.pic_fields.bits.idr_pic_flag && !p->has_sequence)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "has an IDR without a sequence");
	if (p->sequence.picture_width_in_mbs == 0)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER, "has no sequence at all");
	if (!s || !job->coded || !job->target || job->target == s)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "lacks a source, a reconstructed surface or a coded buffer");
	if (job->coded->type != VAEncCodedBufferType || job->coded->mapped ||
	    device_is_busy(d, &job->coded->object))
		return client_fault(VA_STATUS_ERROR_INVALID_BUFFER, "codes into a wrong buffer");
	if (s->fourcc != VA_FOURCC_NV12 || s->width + 15 < p->sequence.picture_width_in_mbs * 16u)
		return client_fault(VA_STATUS_ERROR_INVALID_SURFACE, "encodes a wrong surface");
	status = check_slices(p);
	return status == VA_STATUS_SUCCESS ? check_references(c) : status;
}

/* ---- x264 ---- */

static void set_rate(const struct driver *d, const struct picture *p, x264_param_t *param)
{
	uint64_t bps = (p->rate_bps ?: p->sequence.bits_per_second ?: DEFAULT_RATE);
	uint64_t buffer = p->hrd_bits ?: bps;

	bps = bps * d->personality.rate_percent / 100;
	buffer = buffer * d->personality.rate_percent / 100;
	if (p->max_frame_bits && buffer > p->max_frame_bits)
		buffer = p->max_frame_bits;
	param->rc.i_rc_method = X264_RC_CRF;
	param->rc.f_rf_constant = QUALITY;
	param->rc.i_vbv_max_bitrate = (int)(bps / 1000);
	param->rc.i_vbv_buffer_size = (int)(buffer / 1000);
}

static void set_tools(x264_param_t *x, const struct picture *p)
{
	const VAEncSliceParameterBufferH264 *s = &p->slices[0];

	x->b_cabac = p->picture.pic_fields.bits.entropy_coding_mode_flag;
	x->i_cabac_init_idc = s->cabac_init_idc;
	x->b_constrained_intra = p->picture.pic_fields.bits.constrained_intra_pred_flag;
	x->analyse.b_transform_8x8 = p->picture.pic_fields.bits.transform_8x8_mode_flag;
	x->analyse.i_weighted_pred = X264_WEIGHTP_NONE;
	x->analyse.b_psy = 0;
	x->analyse.i_chroma_qp_offset = p->picture.chroma_qp_index_offset;
	x->b_deblocking_filter = s->disable_deblocking_filter_idc != 1;
	x->i_deblocking_filter_alphac0 = s->slice_alpha_c0_offset_div2;
	x->i_deblocking_filter_beta = s->slice_beta_offset_div2;
	if (p->slice_count > 1)
		x->i_slice_max_mbs = (int)s->num_macroblocks;
}

static bool open_x264(struct driver *d, struct context *c, const struct picture *p)
{
	x264_param_t *x = &c->param;
	x264_nal_t *nals;
	int count;

	x264_param_default_preset(x, "superfast", "zerolatency");
	x->i_log_level = X264_LOG_ERROR;
	x->i_width = p->sequence.picture_width_in_mbs * 16;
	x->i_height = p->sequence.picture_height_in_mbs * 16;
	x->i_csp = X264_CSP_NV12;
	x->i_threads = 1;
	x->b_sliced_threads = 0;
	x->i_bframe = 0;
	x->i_frame_reference = 1;
	x->i_keyint_max = X264_KEYINT_MAX_INFINITE;
	x->i_scenecut_threshold = 0;
	x->b_repeat_headers = 0;
	x->b_annexb = 1;
	x->b_full_recon = 1;
	x->b_vfr_input = 0;
	x->i_fps_num = p->fps ?: 30;
	x->i_fps_den = 1;
	x->rc.i_qp_min = (int)p->min_qp;
	set_tools(x, p);
	if (c->config.rc == VA_RC_CQP) {
		x->rc.i_rc_method = X264_RC_CQP; /* each picture brings its own */
		x->rc.i_qp_constant = p->picture.pic_init_qp;
	} else {
		set_rate(d, p, x);
	}
	c->x264 = x264_encoder_open(x);
	if (!c->x264 || x264_encoder_headers(c->x264, &nals, &count) < 0)
		return false;
	rewrite_learn(c, nals, count);
	return true;
}

void encode_close(struct context *c)
{
	if (c->x264)
		x264_encoder_close(c->x264);
	c->x264 = NULL;
}

/* A new sequence may have a new size or other tools; another rate needs no new one. */
static bool prepare_x264(struct driver *d, struct context *c, const struct picture *p)
{
	bool idr = p->picture.pic_fields.bits.idr_pic_flag;

	if (c->x264 && idr &&
	    (c->param.i_width != p->sequence.picture_width_in_mbs * 16 ||
	     c->param.i_height != p->sequence.picture_height_in_mbs * 16 ||
	     c->param.b_cabac != (int)p->picture.pic_fields.bits.entropy_coding_mode_flag))
		encode_close(c);
	if (!c->x264)
		return open_x264(d, c, p);
	if (c->config.rc == VA_RC_CQP)
		return true;
	set_rate(d, p, &c->param);
	return x264_encoder_reconfig(c->x264, &c->param) == 0;
}

/* The client's surface may be less than whole macroblocks; its memory never is. */
static void pad(struct surface *s, unsigned int width, unsigned int height)
{
	for (unsigned int p = 0; p < 2; p++) {
		uint8_t *plane = s->memory + s->offsets[p];
		unsigned int lines = p ? s->height / 2 : s->height;
		unsigned int wanted = p ? height / 2 : height;

		for (unsigned int y = 0; y < lines && s->width < width; y++)
			for (unsigned int x = s->width; x < width; x++)
				plane[(size_t)y * s->pitches[p] + x] =
					plane[(size_t)y * s->pitches[p] + x - (p ? 2 : 1)];
		for (unsigned int y = lines; y < wanted; y++)
			memcpy(plane + (size_t)y * s->pitches[p],
			       plane + (size_t)(lines - 1) * s->pitches[p], width);
	}
}

static void set_picture(struct job *job, x264_picture_t *in)
{
	const struct picture *p = &job->picture;
	struct context *c = job->context;
	struct surface *s = job->source;
	bool intra = p->slices[0].slice_type % 5 == 2;

	if (s->fd < 0)
		pad(s, (unsigned int)c->param.i_width, (unsigned int)c->param.i_height);
	x264_picture_init(in);
	in->img.i_csp = X264_CSP_NV12;
	in->img.i_plane = 2;
	for (int i = 0; i < 2; i++) {
		in->img.plane[i] = s->memory + s->offsets[i];
		in->img.i_stride[i] = (int)s->pitches[i];
	}
	in->i_pts = c->pts++;
	in->i_type = p->picture.pic_fields.bits.idr_pic_flag ? X264_TYPE_IDR
		     : intra				     ? X264_TYPE_I
							     : X264_TYPE_P;
	if (c->config.rc == VA_RC_CQP)
		in->i_qpplus1 = p->picture.pic_init_qp + p->slices[0].slice_qp_delta + 1;
}

static void reconstruct(struct surface *s, const x264_image_t *image, unsigned int width,
			unsigned int height)
{
	for (unsigned int p = 0; p < 2; p++)
		for (unsigned int y = 0; y < (p ? height / 2 : height); y++)
			memcpy(s->memory + s->offsets[p] + (size_t)y * s->pitches[p],
			       image->plane[p] + (size_t)y * (size_t)image->i_stride[p],
			       s->pitches[p] < width ? s->pitches[p] : width);
}

/* ---- misfortunes ---- */

/* After 0 pictures: at once. Else in a stream, not in a client's trial: its length is the machine's. */
static bool is_due(const struct context *c, long after)
{
	bool is_stream = c->param.i_width >= STREAM_WIDTH;

	return after == 0 || (after > 0 && is_stream && c->encoded >= after);
}

static void suffer(struct driver *d, struct context *c)
{
	const struct personality *p = &d->personality;

	if (is_due(c, p->crash_after))
		(void)raise(SIGSEGV);
	while (is_due(c, p->hang_after) ||
	       (p->low_power_hangs && c->config.entrypoint == VAEntrypointEncSliceLP))
		(void)sleep(3600); /* a call that the sandbox allows */
	if (is_due(c, p->error_after))
		d->lost = true;
	c->encoded++;
}

/* ---- the device's side ---- */

static void run(struct driver *d, struct job *job)
{
	struct context *c = job->context;
	x264_picture_t in, out;
	x264_nal_t *nals;
	int count, size;

	suffer(d, c);
	job->coded->coded = 0;
	job->coded->status = VA_CODED_BUF_STATUS_BAD_BITSTREAM;
	if (d->lost || !prepare_x264(d, c, &job->picture))
		return;
	set_picture(job, &in);
	size = x264_encoder_encode(c->x264, &nals, &count, &in, &out);
	if (size <= 0)
		return;
	job->coded->status = (uint32_t)(out.i_qpplus1 - 1) &
			     VA_CODED_BUF_STATUS_PICTURE_AVE_QP_MASK;
	reconstruct(job->target, &out.img, (unsigned int)c->param.i_width,
		    (unsigned int)c->param.i_height);
	rewrite_picture(d, job, nals, count);
}

/* What the client said stays valid for the next picture, but for what belongs to this one. */
static void forget_picture(struct picture *p)
{
	p->slice_count = p->packed_count = 0;
	p->has_sequence = p->has_picture = p->has_packed_next = false;
}

VAStatus encode_end(struct driver *d, struct context *c)
{
	struct job *job = calloc(1, sizeof(*job));
	struct picture *p = &c->next;
	VAStatus status;

	if (!job)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	job->run = run;
	job->context = c;
	job->source = object_get(d, c->target, OBJECT_SURFACE);
	job->target = object_get(d, p->picture.CurrPic.picture_id, OBJECT_SURFACE);
	job->coded = object_get(d, p->picture.coded_buf, OBJECT_BUFFER);
	status = check(d, c, job);
	if (status != VA_STATUS_SUCCESS) {
		forget_picture(p);
		free(job);
		return status;
	}
	job->picture = *p;
	c->last_reconstructed = p->picture.CurrPic.picture_id;
	forget_picture(p);
	return device_submit(d, job);
}

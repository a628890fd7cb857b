// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * H.264 by libx264 on the CPU. One thread and one slice a picture: x264's sliced threads would make
 * several slices, which a sink with a minimum slice size of 0 refuses, and its frame threads delay.
 * Knows pixels in memory only; what cannot be mapped is the capture's affair.
 *
 * Work follows damage: lines that did not change are not converted, macroblocks that did not change
 * are told to x264 as constant and become skipped ones, once they are good enough for the quantizer
 * of the day. So a still picture costs next to nothing, but does get better.
 */
#include "encode/encoder.h"

#include "encode/convert.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x264.h>

#define QP_MIN		 16 /* finer is invisible and only burns the link */
#define QUALITY		 20 /* what a picture is worth when the rate allows it, as x264's CRF */
#define BUFFER_FRAMES	 4  /* the rate's buffer, and so the most an IDR may take */
#define TRIAL_WIDTH	 640
#define TRIAL_HEIGHT	 368
#define TRIAL_NS	 (50 * NSEC_PER_MSEC) /* for each preset */
#define TRIAL_FRAMES_MIN 4
#define REFRESH_S	 2 /* a wave of intra macroblocks takes so long */

/* The better preset is left when it takes this share of a picture's time, and tried again later. */
#define SLOW_PERCENT 60
#define FAST_PERCENT 20
#define TRY_AGAIN_NS (10 * NSEC_PER_SEC)
#define TRY_LAST_NS  (320 * NSEC_PER_SEC) /* each failure doubles the wait up to this */

enum preset {
	PRESET_ULTRAFAST,
	PRESET_SUPERFAST,
	PRESETS,
};

static const char *const preset_names[PRESETS] = {
	[PRESET_ULTRAFAST] = "ultrafast",
	[PRESET_SUPERFAST] = "superfast",
};

struct encoder_impl {
	struct encoder encoder;
	struct encoder_config config;
	x264_t *x264;
	x264_param_t param;

	uint8_t *picture; /* NV12, what XRGB frames were converted into */
	uint8_t *mb_info; /* one a macroblock, read by x264 during the encode */
	unsigned int mb_width, mb_height;

	uint64_t last_number; /* of the frame encoded last */
	uint32_t last_fourcc; /* 0: none yet */
	bool idr_wanted;
	int64_t pts; /* counts frames; x264 wants it to grow */

	enum preset preset, best; /* in use; chosen at the beginning */
	uint64_t took_ns;	  /* a picture, smoothed */
	uint64_t try_ns, wait_ns; /* when the best one is tried again; how long after a failure */

	struct packet packet; /* size 0: none */
};

/* Pixels a second by preset, from the trial; 0: not measured. Once a process. */
static uint32_t speeds[PRESETS];

static int open_preset(const struct encoder_config *config, enum preset preset,
		       struct encoder **ret);
static int measure(enum preset preset, uint32_t *ret_speed);

/* ---- life ---- */

static int x264_probe(struct encoder_caps *ret)
{
	for (int preset = 0; preset < PRESETS; preset++) {
		int r = measure((enum preset)preset, &speeds[preset]);

		if (r < 0)
			return r;
	}
	*ret = (struct encoder_caps){
		.name = "x264",
		/*
		 * What every sink decodes, and a fifth cheaper to make than High, whose gain without
		 * CABAC is small. High stays for those who open it knowingly.
		 */
		.profiles = 1u << MEDIA_PROFILE_CBP,
		.max_level_idc = 52,
		.max_width = 4096,
		.max_height = 2304,
		/* Conversion, muxing and the rest of the machine want their part. */
		.max_pixel_rate = speeds[PRESET_ULTRAFAST] / 4 * 3,
	};
	return 0;
}

/* The better preset only where it takes a third of a picture's time: latency comes first. */
static enum preset choose_preset(const struct media_mode *mode)
{
	uint64_t wanted = (uint64_t)mode->width * mode->height * mode->refresh_hz;

	return wanted * 3 <= speeds[PRESET_SUPERFAST] ? PRESET_SUPERFAST : PRESET_ULTRAFAST;
}

static int x264_open(const struct encoder_config *config, struct encoder **ret)
{
	return open_preset(config, choose_preset(&config->format.mode), ret);
}

static void x264_close(struct encoder *encoder)
{
	struct encoder_impl *e = (struct encoder_impl *)encoder;

	if (!e)
		return;
	if (e->x264)
		x264_encoder_close(e->x264);
	free(e->picture);
	free(e->mb_info);
	free(e);
}

static void close_impl(struct encoder_impl **e)
{
	x264_close((struct encoder *)*e);
}

/* ---- parameters ---- */

/* The format is x264's, whose type of callback cannot say that it is one. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wmissing-format-attribute"
static void on_log(void *userdata, int level, const char *format, va_list args)
{
	char line[256];

	(void)userdata;
	(void)level;
	if (log_get_level() < LOG_LEVEL_DEBUG)
		return;
	(void)vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("x264: %s", line);
}
#pragma GCC diagnostic pop

/*
 * Constant quality under a ceiling: what needs few bits takes few, what needs many is held to the
 * rate by a buffer of a few pictures, which is also what one picture can take at most.
 */
static void set_rate_param(x264_param_t *p, const struct encoder_config *c)
{
	uint64_t buffer = c->rate_bps * BUFFER_FRAMES / c->format.mode.refresh_hz;

	if (c->max_frame_bytes && buffer > (uint64_t)c->max_frame_bytes * 8)
		buffer = (uint64_t)c->max_frame_bytes * 8;
	p->rc.i_rc_method = X264_RC_CRF;
	p->rc.f_rf_constant = QUALITY;
	p->rc.i_vbv_max_bitrate = (int)((c->rate_bps + 999) / 1000);
	p->rc.i_vbv_buffer_size = (int)((buffer + 999) / 1000);
}

/* One slice, one reference, no thread, no delay, no CABAC, no B: WFD 3.4.2. */
static void set_structure(x264_param_t *p)
{
	p->i_threads = 1;
	p->i_lookahead_threads = 1;
	p->b_sliced_threads = 0;
	p->i_sync_lookahead = 0;
	p->i_slice_count = 1;
	p->i_frame_reference = 1;
	p->i_dpb_size = 1;
	p->i_bframe = 0;
	p->b_cabac = 0;
	p->i_scenecut_threshold = 0;
	p->b_vfr_input = 0; /* it would delay by a picture */
	p->b_repeat_headers = 1;
	p->b_annexb = 1;
	p->b_aud = 0;
	p->i_nal_hrd = X264_NAL_HRD_NONE;
	p->rc.b_filler = 0;
	p->rc.i_lookahead = 0;
	p->rc.b_mb_tree = 0;
	p->rc.i_qp_min = QP_MIN;
	p->analyse.i_weighted_pred = X264_WEIGHTP_NONE;
	p->analyse.b_psy = 0;
	p->analyse.b_mb_info = 1;
	p->analyse.b_psnr = 0;
	p->analyse.b_ssim = 0;
}

/* Table E-3 to E-5: 1 is BT.709, 6 is BT.601 with 525 lines. */
static void set_colour(x264_param_t *p, unsigned int height)
{
	int standard = convert_matrix_for(height) == CONVERT_BT709 ? 1 : 6;

	p->vui.b_fullrange = 0;
	p->vui.i_colorprim = standard;
	p->vui.i_transfer = standard;
	p->vui.i_colmatrix = standard;
	p->vui.i_sar_width = 1;
	p->vui.i_sar_height = 1;
}

static int set_param(x264_param_t *p, const struct encoder_config *c, enum preset preset)
{
	const struct media_format *f = &c->format;

	if (x264_param_default_preset(p, preset_names[preset], "zerolatency") < 0)
		return -EINVAL;
	p->pf_log = on_log;
	p->i_log_level = X264_LOG_INFO;
	p->i_width = f->mode.width;
	p->i_height = f->mode.height;
	p->i_csp = X264_CSP_NV12;
	p->i_fps_num = f->mode.refresh_hz;
	p->i_fps_den = 1;
	p->i_timebase_num = 1;
	p->i_timebase_den = f->mode.refresh_hz;
	p->i_level_idc = f->level_idc;
	set_structure(p);
	/* With intra refresh the interval is the wave's: there is still no IDR but on request. */
	p->b_intra_refresh = c->intra_refresh;
	p->i_keyint_max = c->intra_refresh ? REFRESH_S * f->mode.refresh_hz
					   : X264_KEYINT_MAX_INFINITE;
	set_colour(p, f->mode.height);
	set_rate_param(p, c);
	/* Without it x264 would call the stream Baseline whatever was asked. */
	p->analyse.b_transform_8x8 = f->profile == MEDIA_PROFILE_CHP;
	return x264_param_apply_profile(p, f->profile == MEDIA_PROFILE_CHP ? "high" : "baseline") <
			       0
		       ? -EINVAL
		       : 0;
}

static bool is_valid(const struct encoder_config *c)
{
	const struct media_mode *m = &c->format.mode;

	return m->width >= 16 && m->height >= 16 && m->width % 2 == 0 && m->height % 2 == 0 &&
	       m->refresh_hz > 0 && c->rate_bps > 0 && c->rate_bps <= UINT64_C(1000000000);
}

static int open_preset(const struct encoder_config *config, enum preset preset,
		       struct encoder **ret)
{
	_cleanup_(close_impl) struct encoder_impl *e = NULL;
	int r;

	if (!is_valid(config))
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->encoder.ops = &encoder_x264;
	e->config = *config;
	e->idr_wanted = true;
	e->preset = e->best = preset;
	e->wait_ns = TRY_AGAIN_NS;
	e->mb_width = (config->format.mode.width + 15u) / 16;
	e->mb_height = (config->format.mode.height + 15u) / 16;
	e->mb_info = calloc(e->mb_width, e->mb_height);
	if (!e->mb_info)
		return -ENOMEM;
	r = set_param(&e->param, config, preset);
	if (r < 0)
		return r;
	e->x264 = x264_encoder_open(&e->param);
	if (!e->x264)
		return -EINVAL;
	x264_encoder_parameters(e->x264, &e->param); /* as x264 has amended them */
	log_debug("x264: %s, conversion %s", preset_names[preset], convert_get_name());
	*ret = &TAKE_PTR(e)->encoder;
	return 0;
}

/* ---- what changed ---- */

/* Nothing is known to be unchanged unless this frame directly follows the one encoded last. */
static struct media_rect get_damage(const struct encoder_impl *e, const struct frame *f)
{
	const struct media_rect all = { 0, 0, f->width, f->height };
	struct media_rect d = f->damage;

	if (e->last_fourcc != f->fourcc)
		return all;
	if (f->number == e->last_number)
		return (struct media_rect){ 0 };
	if (f->number != e->last_number + 1 || d.width == 0 || d.height == 0 ||
	    d.x + d.width > f->width || d.y + d.height > f->height)
		return all;
	return d;
}

static void mark_constant(struct encoder_impl *e, const struct media_rect *d)
{
	unsigned int left = d->x / 16, right = (d->x + d->width + 15u) / 16;
	unsigned int top = d->y / 16, bottom = (d->y + d->height + 15u) / 16;

	memset(e->mb_info, X264_MBINFO_CONSTANT, (size_t)e->mb_width * e->mb_height);
	if (d->width == 0)
		return;
	for (unsigned int y = top; y < bottom; y++)
		memset(e->mb_info + (size_t)y * e->mb_width + left, 0, right - left);
}

static int allocate_picture(struct encoder_impl *e, const struct frame *f)
{
	if (!e->picture)
		e->picture = calloc((size_t)f->width * f->height / 2, 3);
	return e->picture ? 0 : -ENOMEM;
}

static int convert_damage(struct encoder_impl *e, const struct frame *f, const struct media_rect *d)
{
	struct convert_source source = { .pixels = f->planes[0], .pitch = f->pitches[0] };
	struct convert_target target = { .layout = CONVERT_NV12,
					 .pitches = { f->width, f->width } };
	int r = allocate_picture(e, f);

	if (r < 0)
		return r;
	target.planes[0] = e->picture;
	target.planes[1] = e->picture + (size_t)f->width * f->height;
	convert_rows(convert_matrix_for(f->height), &source, &target, f->width, d->y & ~1u,
		     (d->y + d->height + 1u) & ~1u);
	return 0;
}

/* ---- frame in ---- */

static void set_planes(x264_image_t *image, int csp, const uint8_t *const planes[3],
		       const uint32_t pitches[3])
{
	image->i_csp = csp;
	image->i_plane = csp == X264_CSP_I420 ? 3 : 2;
	for (int i = 0; i < image->i_plane; i++) {
		image->plane[i] = (uint8_t *)(uintptr_t)planes[i]; /* x264 copies from there */
		image->i_stride[i] = (int)pitches[i];
	}
}

static int set_image(struct encoder_impl *e, const struct frame *f, const struct media_rect *damage,
		     x264_image_t *image)
{
	const uint32_t pitches[3] = { f->width, f->width, 0 };
	const uint8_t *planes[3] = { NULL };
	int r;

	switch (f->fourcc) {
	case MEDIA_FOURCC_YUV420:
		set_planes(image, X264_CSP_I420, f->planes, f->pitches);
		return 0;
	case MEDIA_FOURCC_NV12:
		set_planes(image, X264_CSP_NV12, f->planes, f->pitches);
		return 0;
	case MEDIA_FOURCC_XRGB8888:
		r = convert_damage(e, f, damage);
		if (r < 0)
			return r;
		planes[0] = e->picture;
		planes[1] = e->picture + (size_t)f->width * f->height;
		set_planes(image, X264_CSP_NV12, planes, pitches);
		return 0;
	}
	return -EOPNOTSUPP;
}

/*
 * The picture's NAL units lie one behind the other. Supplemental information (x264's own
 * signature) is cut out by moving the little before it over it; High gets the constraint flags of
 * Constrained High, which x264 does not know (A.2.4.2).
 */
static void take_nals(struct encoder_impl *e, const x264_nal_t *nals, int count)
{
	uint8_t *start = nals[0].p_payload;
	size_t kept = 0;

	for (int i = 0; i < count; i++) {
		uint8_t *p = nals[i].p_payload;
		size_t size = (size_t)nals[i].i_payload;

		if (nals[i].i_type == NAL_SEI || nals[i].i_type == NAL_AUD ||
		    nals[i].i_type == NAL_FILLER) {
			memmove(start + size, start, kept);
			start += size;
			continue;
		}
		if (nals[i].i_type == NAL_SPS && e->config.format.profile == MEDIA_PROFILE_CHP) {
			unsigned int header = nals[i].b_long_startcode ? 4 : 3;

			p[header + 2] |= 0x0c;
		}
		kept += size;
	}
	e->packet.data = start;
	e->packet.size = kept;
}

static int encode(struct encoder_impl *e, const struct frame *f, x264_picture_t *in)
{
	x264_picture_t out;
	x264_nal_t *nals;
	int count;
	int size;

	in->i_type = e->idr_wanted ? X264_TYPE_IDR : X264_TYPE_AUTO;
	in->i_pts = e->pts++;
	in->prop.mb_info = e->mb_info;
	size = x264_encoder_encode(e->x264, &nals, &count, in, &out);
	if (size < 0)
		return -EIO;
	e->packet = (struct packet){ .frame_number = f->number, .time_ns = f->time_ns };
	if (size == 0)
		return 0;
	take_nals(e, nals, count);
	e->packet.idr = out.i_type == X264_TYPE_IDR;
	e->idr_wanted = e->idr_wanted && !e->packet.idr;
	return 0;
}

/* ---- keeping up ---- */

/* What differs between the presets can be changed in the midst of a stream, without an IDR. */
static int set_preset(struct encoder_impl *e, enum preset preset)
{
	x264_param_t param;
	int r = set_param(&param, &e->config, preset);

	if (r < 0)
		return r;
	if (x264_encoder_reconfig(e->x264, &param) < 0)
		return -EIO;
	x264_encoder_parameters(e->x264, &e->param);
	e->preset = preset;
	log_debug("x264: %s from now on, a picture took %u us", preset_names[preset],
		  (unsigned int)(e->took_ns / NSEC_PER_USEC));
	return 0;
}

/*
 * A machine that others keep busy gets the cheaper preset before it would drop pictures. The better
 * one comes back when there is time for it, less often each time that this turns out wrong.
 */
static int follow_speed(struct encoder_impl *e, uint64_t began_ns, uint64_t now_ns)
{
	uint64_t period_ns = NSEC_PER_SEC / e->config.format.mode.refresh_hz;

	e->took_ns = (7 * e->took_ns + now_ns - began_ns) / 8;
	if (e->preset == PRESET_SUPERFAST && e->took_ns > period_ns * SLOW_PERCENT / 100) {
		e->try_ns = now_ns + e->wait_ns;
		e->wait_ns = 2 * e->wait_ns < TRY_LAST_NS ? 2 * e->wait_ns : TRY_LAST_NS;
		return set_preset(e, PRESET_ULTRAFAST);
	}
	if (e->preset != e->best && now_ns >= e->try_ns &&
	    e->took_ns < period_ns * FAST_PERCENT / 100)
		return set_preset(e, e->best);
	return 0;
}

static int x264_submit(struct encoder *encoder, const struct frame *f)
{
	struct encoder_impl *e = (struct encoder_impl *)encoder;
	struct media_rect damage = get_damage(e, f);
	uint64_t began_ns = clock_now_ns();
	x264_picture_t in;
	int r;

	if (f->width != e->config.format.mode.width || f->height != e->config.format.mode.height)
		return -EINVAL;
	if (!f->planes[0])
		return -EOPNOTSUPP;
	e->packet.size = 0;
	x264_picture_init(&in);
	r = set_image(e, f, &damage, &in.img);
	if (r < 0)
		return r;
	e->encoder.converted_ns = clock_now_ns();
	mark_constant(e, &damage);
	e->last_number = f->number;
	e->last_fourcc = f->fourcc;
	r = encode(e, f, &in);
	return r < 0 ? r : follow_speed(e, began_ns, clock_now_ns());
}

static int x264_output(struct encoder *encoder, struct packet *ret)
{
	struct encoder_impl *e = (struct encoder_impl *)encoder;

	if (e->packet.size == 0)
		return 0;
	*ret = e->packet;
	e->packet.size = 0;
	return 1;
}

static int x264_set_rate(struct encoder *encoder, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	struct encoder_impl *e = (struct encoder_impl *)encoder;
	struct encoder_config config = e->config;
	x264_param_t param = e->param;

	config.rate_bps = rate_bps;
	config.max_frame_bytes = max_frame_bytes;
	if (!is_valid(&config))
		return -EINVAL;
	set_rate_param(&param, &config);
	if (x264_encoder_reconfig(e->x264, &param) < 0)
		return -EIO;
	e->config = config;
	e->param = param;
	return 0;
}

static void x264_request_idr(struct encoder *encoder)
{
	((struct encoder_impl *)encoder)->idr_wanted = true;
}

/* ---- trial ---- */

/* Something like a window of text that scrolls: it moves, and is not easy. */
static void draw_trial(uint32_t *pixels, unsigned int number)
{
	for (unsigned int y = 0; y < TRIAL_HEIGHT; y++) {
		for (unsigned int x = 0; x < TRIAL_WIDTH; x++) {
			unsigned int v = (y + number * 3) / 2 * 7919 + x / 2 * 104729;
			bool ink = x > 80 && (v >> 4 & 3) == 0 && (y + number * 3) % 16 > 4;

			pixels[(size_t)y * TRIAL_WIDTH + x] = ink ? 0x202020 : 0xf0f0e0 - x / 4;
		}
	}
}

static int encode_trial(struct encoder *e, const uint32_t *pixels, unsigned int number,
			uint64_t *ret_ns)
{
	struct frame f = {
		.number = number,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = TRIAL_WIDTH,
		.height = TRIAL_HEIGHT,
		.planes = { (const uint8_t *)pixels },
		.pitches = { TRIAL_WIDTH * 4 },
		.dmabuf_fd = -1,
	};
	uint64_t start = clock_now_ns();
	int r = x264_submit(e, &f);

	*ret_ns = clock_now_ns() - start;
	return r;
}

static void close_encoder(struct encoder **e)
{
	x264_close(*e);
}

/* Pixels a second of the fastest P picture: others on this machine only make it slower. */
static int measure(enum preset preset, uint32_t *ret_speed)
{
	static const struct encoder_config config = {
		.format = { .mode = { TRIAL_WIDTH, TRIAL_HEIGHT, 60 },
			    .profile = MEDIA_PROFILE_CBP,
			    .level_idc = 40 },
		.rate_bps = 5000000,
	};
	_cleanup_(close_encoder) struct encoder *e = NULL;
	_cleanup_free_ uint32_t *pixels = calloc(TRIAL_WIDTH * TRIAL_HEIGHT, sizeof(*pixels));
	uint64_t best_ns = UINT64_MAX - 1, ns = 0, start = clock_now_ns(), speed;
	int r;

	if (!pixels)
		return -ENOMEM;
	r = open_preset(&config, preset, &e);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < TRIAL_FRAMES_MIN || clock_now_ns() - start < TRIAL_NS; i++) {
		draw_trial(pixels, i);
		r = encode_trial(e, pixels, i, &ns);
		if (r < 0)
			return r;
		if (i > 0 && ns < best_ns)
			best_ns = ns;
	}
	speed = UINT64_C(1) * TRIAL_WIDTH * TRIAL_HEIGHT * NSEC_PER_SEC / (best_ns + 1);
	*ret_speed = speed < UINT32_MAX ? (uint32_t)speed : UINT32_MAX;
	log_debug("x264: %s: %u Mpixel/s", preset_names[preset], *ret_speed / 1000000);
	return 0;
}

const struct encoder_ops encoder_x264 = {
	.name = "x264",
	.probe = x264_probe,
	.open = x264_open,
	.submit = x264_submit,
	.output = x264_output,
	.set_rate = x264_set_rate,
	.request_idr = x264_request_idr,
	.close = x264_close,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * H.264 by libx264 on the CPU. One thread: x264's sliced threads would make several slices, which a
 * sink with a minimum slice size of 0 refuses, and its frame threads delay.
 * Knows pixels in memory only; what cannot be mapped is the capture's affair.
 *
 * Work follows damage: lines that did not change are not converted, macroblocks that did not change
 * are told to x264 as constant and become skipped ones, once they are good enough for the quantizer
 * of the day. So a still picture costs little, but does get better; see encoder-x264-units.c for what
 * it costs when it cannot.
 */
#include "encode/encoder-x264.h"

#include "encode/convert.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static int x264_probe(struct encoder_caps *ret)
{
	uint32_t speed;
	int r = soft_speed_measure(&speed);

	if (r < 0)
		return r;
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
		.max_pixel_rate = speed / 4 * 3,
	};
	return 0;
}

static int x264_open(const struct encoder_config *config, struct encoder **ret)
{
	return soft_encoder_new(config, soft_speed_choose(&config->format.mode), ret);
}

static void x264_close(struct encoder *encoder)
{
	struct soft_encoder *e = (struct soft_encoder *)encoder;

	if (!e)
		return;
	if (e->x264)
		x264_encoder_close(e->x264);
	free(e->picture);
	free(e->mb_info);
	free(e->units);
	free(e);
}

static void close_impl(struct soft_encoder **e)
{
	x264_close((struct encoder *)*e);
}

static bool is_valid(const struct encoder_config *c)
{
	const struct media_mode *m = &c->format.mode;

	return m->width >= 16 && m->height >= 16 && m->width % 2 == 0 && m->height % 2 == 0 &&
	       m->refresh_hz > 0 && c->format.slices > 0 && c->format.slices <= m->height / 16u &&
	       c->rate_bps > 0 && c->rate_bps <= UINT64_C(1000000000);
}

int soft_encoder_new(const struct encoder_config *config, enum soft_preset preset,
		     struct encoder **ret)
{
	_cleanup_(close_impl) struct soft_encoder *e = NULL;
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
	e->mb_width = (config->format.mode.width + 15u) / 16;
	e->mb_height = (config->format.mode.height + 15u) / 16;
	e->mb_info = calloc(e->mb_width, e->mb_height);
	if (!e->mb_info)
		return -ENOMEM;
	r = soft_units_init(e);
	if (r < 0)
		return r;
	r = soft_param_set(&e->param, config, preset);
	if (r < 0)
		return r;
	e->x264 = x264_encoder_open(&e->param);
	if (!e->x264)
		return -EINVAL;
	x264_encoder_parameters(e->x264, &e->param); /* as x264 has amended them */
	log_debug("x264: %s, conversion %s", soft_preset_name(preset), convert_get_name());
	*ret = &TAKE_PTR(e)->encoder;
	return 0;
}

/* ---- what changed ---- */

/* Nothing is known to be unchanged unless this frame directly follows the one encoded last. */
static struct media_rect get_damage(const struct soft_encoder *e, const struct frame *f)
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

static void mark_constant(struct soft_encoder *e, const struct media_rect *d)
{
	unsigned int left = d->x / 16, right = (d->x + d->width + 15u) / 16;
	unsigned int top = d->y / 16, bottom = (d->y + d->height + 15u) / 16;

	memset(e->mb_info, X264_MBINFO_CONSTANT, (size_t)e->mb_width * e->mb_height);
	if (d->width == 0)
		return;
	for (unsigned int y = top; y < bottom; y++)
		memset(e->mb_info + (size_t)y * e->mb_width + left, 0, right - left);
}

static int allocate_picture(struct soft_encoder *e, const struct frame *f)
{
	if (!e->picture)
		e->picture = calloc((size_t)f->width * f->height / 2, 3);
	return e->picture ? 0 : -ENOMEM;
}

static int convert_damage(struct soft_encoder *e, const struct frame *f, enum convert_format format,
			  const struct media_rect *d)
{
	struct convert_source source = { .pixels = f->planes[0],
					 .pitch = f->pitches[0],
					 .format = format };
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

static int set_image(struct soft_encoder *e, const struct frame *f, const struct media_rect *damage,
		     x264_image_t *image)
{
	const uint32_t pitches[3] = { f->width, f->width, 0 };
	const uint8_t *planes[3] = { NULL };
	enum convert_format format;
	int r;

	if (f->fourcc == MEDIA_FOURCC_YUV420 || f->fourcc == MEDIA_FOURCC_NV12) {
		set_planes(image, f->fourcc == MEDIA_FOURCC_NV12 ? X264_CSP_NV12 : X264_CSP_I420,
			   f->planes, f->pitches);
		return 0;
	}
	if (!convert_format_from_fourcc(f->fourcc, &format))
		return -EOPNOTSUPP;
	r = convert_damage(e, f, format, damage);
	if (r < 0)
		return r;
	planes[0] = e->picture;
	planes[1] = e->picture + (size_t)f->width * f->height;
	set_planes(image, X264_CSP_NV12, planes, pitches);
	return 0;
}

static int encode(struct soft_encoder *e)
{
	x264_picture_t out;
	x264_nal_t *nals; /* not valid; soft_units_add has got them */
	int count, size;

	e->pending = false;
	e->in.i_type = e->idr_wanted ? X264_TYPE_IDR : X264_TYPE_AUTO;
	e->in.i_pts = e->pts++;
	e->in.prop.mb_info = e->mb_info;
	e->in.opaque = e;
	size = x264_encoder_encode(e->x264, &nals, &count, &e->in, &out);
	if (size < 0 || e->units_failed)
		return -EIO;
	if (e->packet.size > 0) {
		e->idr_wanted = e->idr_wanted && !e->packet.idr;
		soft_units_end(e);
	}
	return soft_speed_follow(e, e->began_ns, clock_now_ns());
}

static int x264_submit(struct encoder *encoder, const struct frame *f)
{
	struct soft_encoder *e = (struct soft_encoder *)encoder;
	struct media_rect damage = get_damage(e, f);
	int r;

	if (f->width != e->config.format.mode.width || f->height != e->config.format.mode.height)
		return -EINVAL;
	if (!f->planes[0])
		return -EOPNOTSUPP;
	e->began_ns = clock_now_ns();
	e->repeated = f->number == e->last_number && f->fourcc == e->last_fourcc;
	if (e->repeated && soft_units_repeat(e, f)) {
		e->encoder.converted_ns = e->began_ns;
		return 0;
	}
	soft_units_begin(e, f);
	x264_picture_init(&e->in);
	r = set_image(e, f, &damage, &e->in.img);
	if (r < 0)
		return r;
	e->encoder.converted_ns = clock_now_ns();
	mark_constant(e, &damage);
	e->last_number = f->number;
	e->last_fourcc = f->fourcc;
	/* x264 reads the frame itself, unless it was converted. */
	e->pending = true;
	return e->in.img.plane[0] == e->picture ? 0 : encode(e);
}

static int x264_output(struct encoder *encoder, struct packet *ret)
{
	struct soft_encoder *e = (struct soft_encoder *)encoder;
	int r = e->pending ? encode(e) : 0;

	if (r < 0 || e->packet.size == 0)
		return r;
	*ret = e->packet;
	e->packet.size = 0;
	return 1;
}

static int x264_set_rate(struct encoder *encoder, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	struct soft_encoder *e = (struct soft_encoder *)encoder;
	struct encoder_config config = e->config;
	x264_param_t param = e->param;

	config.rate_bps = rate_bps;
	config.max_frame_bytes = max_frame_bytes;
	if (!is_valid(&config))
		return -EINVAL;
	soft_param_set_rate(&param, &config);
	if (x264_encoder_reconfig(e->x264, &param) < 0)
		return -EIO;
	e->config = config;
	e->param = param;
	e->skipped_in_row = 0; /* at another rate there may be something to improve */
	return 0;
}

static void x264_request_idr(struct encoder *encoder)
{
	((struct soft_encoder *)encoder)->idr_wanted = true;
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

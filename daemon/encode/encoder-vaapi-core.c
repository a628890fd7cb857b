// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One encoder on one device: its configuration, its surfaces, and a picture's way through it, one
 * at a time: latency counts more here than what a device could do with two pictures at once.
 */
#include "encode/encoder-vaapi.h"

#include "util/cleanup.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>

int vaapi_check(VAStatus status, const char *what)
{
	if (status == VA_STATUS_SUCCESS)
		return 0;
	log_debug("vaapi: %s: %s", what, vaErrorStr(status));
	switch (status) {
	case VA_STATUS_ERROR_ALLOCATION_FAILED:
		return -ENOMEM;
	case VA_STATUS_ERROR_TIMEDOUT:
		return -ETIMEDOUT;
	case VA_STATUS_ERROR_UNIMPLEMENTED:
	case VA_STATUS_ERROR_UNSUPPORTED_PROFILE:
	case VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT:
	case VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT:
	case VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE:
	case VA_STATUS_ERROR_ATTR_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	}
	return -EIO;
}

/* ---- life ---- */

static VAProfile get_profile(const struct encoder_config *c)
{
	return c->format.profile == MEDIA_PROFILE_CHP ? VAProfileH264High
						      : VAProfileH264ConstrainedBaseline;
}

static int create_config(struct vaapi_encoder *e)
{
	VAConfigAttrib attributes[] = {
		{ VAConfigAttribRTFormat, VA_RT_FORMAT_YUV420 },
		{ VAConfigAttribRateControl, e->choice.rc },
		{ VAConfigAttribEncPackedHeaders, e->choice.packed },
	};
	/* A driver that offers no packed headers may refuse to hear of them. */
	int count = e->choice.packed ? 3 : 2;

	return vaapi_check(vaCreateConfig(e->device.display, get_profile(&e->config),
					  (VAEntrypoint)e->choice.entrypoint, attributes, count,
					  &e->config_id),
			   "vaCreateConfig");
}

static int create_surfaces(struct vaapi_encoder *e)
{
	const struct media_mode *m = &e->config.format.mode;
	unsigned int width = (m->width + 15u) & ~15u, height = (m->height + 15u) & ~15u;
	VADisplay display = e->device.display;
	int r;

	r = vaapi_check(vaCreateSurfaces(display, VA_RT_FORMAT_YUV420, m->width, m->height,
					 &e->surface, 1, NULL, 0),
			"vaCreateSurfaces");
	if (r < 0)
		return r;
	r = vaapi_check(vaCreateSurfaces(display, VA_RT_FORMAT_YUV420, width, height,
					 e->reconstructed, 2, NULL, 0),
			"vaCreateSurfaces");
	if (r < 0)
		return r;
	return vaapi_check(vaCreateContext(display, e->config_id, (int)width, (int)height,
					   VA_PROGRESSIVE, e->reconstructed, 2, &e->context),
			   "vaCreateContext");
}

static void clear(struct vaapi_encoder *e)
{
	e->config_id = e->context = VA_INVALID_ID;
	e->surface = e->reconstructed[0] = e->reconstructed[1] = VA_INVALID_SURFACE;
	e->out.coded = VA_INVALID_ID;
	vaapi_input_init(e);
}

struct vaapi_encoder *vaapi_encoder_free(struct vaapi_encoder *e)
{
	VADisplay display;

	if (!e)
		return NULL;
	display = e->device.display;
	vaapi_output_close(e);
	vaapi_input_close(e);
	if (e->context != VA_INVALID_ID)
		(void)vaDestroyContext(display, e->context);
	if (e->surface != VA_INVALID_SURFACE)
		(void)vaDestroySurfaces(display, &e->surface, 1);
	if (e->reconstructed[0] != VA_INVALID_SURFACE)
		(void)vaDestroySurfaces(display, e->reconstructed, 2);
	if (e->config_id != VA_INVALID_ID)
		(void)vaDestroyConfig(display, e->config_id);
	free(e);
	return NULL;
}

DEFINE_CLEANUP(struct vaapi_encoder *, vaapi_encoder_free)

static enum convert_matrix choose_matrix(const struct vaapi_choice *c, unsigned int height)
{
	if (c->vpp == VAAPI_VPP_BT601)
		return CONVERT_BT601;
	return c->vpp == VAAPI_VPP_BT709 ? CONVERT_BT709 : convert_matrix_for(height);
}

int vaapi_encoder_new(const struct vaapi_device *device, const struct vaapi_choice *choice,
		      const struct encoder_config *config, struct vaapi_encoder **ret)
{
	_cleanup_(vaapi_encoder_freep) struct vaapi_encoder *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->encoder.ops = &encoder_vaapi;
	e->device = *device;
	e->choice = *choice;
	e->config = *config;
	e->matrix = choose_matrix(choice, config->format.mode.height);
	e->idr_wanted = true;
	clear(e);
	vaapi_rate_init(&e->rate, choice->rc == VA_RC_CQP, choice->max_frame_size,
			device->quirk->hrd_frames);
	vaapi_rate_set(&e->rate, config->rate_bps, config->max_frame_bytes,
		       config->format.mode.refresh_hz);
	vaapi_headers_init(e);
	r = create_config(e);
	if (r < 0)
		return r;
	r = create_surfaces(e);
	if (r < 0)
		return r;
	r = vaapi_input_open(e);
	if (r < 0)
		return r;
	r = vaapi_output_open(e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(e);
	return 0;
}

/* ---- a picture ---- */

/* Parameter buffers stay ours after vaRenderPicture; drivers freed them once, in 2014. */
static int render(struct vaapi_encoder *e, VABufferID *buffers, int count)
{
	VADisplay display = e->device.display;
	int r, s;

	r = vaapi_check(vaBeginPicture(display, e->context, e->surface), "vaBeginPicture");
	if (r < 0)
		return r;
	r = vaapi_check(vaRenderPicture(display, e->context, buffers, count), "vaRenderPicture");
	s = vaapi_check(vaEndPicture(display, e->context), "vaEndPicture"); /* in any case */
	return r < 0 ? r : s;
}

static int submit(struct vaapi_encoder *e)
{
	VABufferID buffers[VAAPI_BUFFERS];
	int count, r;

	count = vaapi_headers_make(e, buffers);
	if (count < 0)
		return count;
	r = render(e, buffers, count);
	for (int i = 0; i < count; i++)
		(void)vaDestroyBuffer(e->device.display, buffers[i]);
	return r;
}

int vaapi_encoder_submit(struct vaapi_encoder *e, const struct frame *f)
{
	int r;

	if (f->width != e->config.format.mode.width || f->height != e->config.format.mode.height)
		return -EINVAL;
	e->pending = false;
	e->packet = (struct packet){ .frame_number = f->number,
				     .time_ns = f->time_ns,
				     .idr = e->idr_wanted };
	vaapi_output_release(e);
	if (!e->idr_wanted && vaapi_rate_must_skip(&e->rate)) {
		vaapi_rate_on_skip(&e->rate);
		return 0;
	}
	r = vaapi_input_put(e, f);
	if (r < 0)
		return r;
	r = submit(e);
	e->pending = r == 0;
	return r;
}

int vaapi_encoder_output(struct vaapi_encoder *e)
{
	int r;

	if (!e->pending)
		return 0;
	e->pending = false;
	r = vaapi_output_take(e);
	if (r < 0)
		return r;
	e->idr_wanted = e->idr_wanted && !e->packet.idr;
	e->since_idr++;
	vaapi_rate_on_frame(&e->rate, e->packet.idr, e->asked.qp, e->packet.size);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * H.264 by libva on the GPU: the seam, and the one device that a process has. After the probe
 * nothing is opened by us any more, and the driver has what it wants open.
 */
#include "encode/encoder-vaapi.h"

#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The process has one device, like its one session. */
static struct {
	struct encoder_host host;
	struct vaapi_device device; /* display NULL: none is open */
	struct vaapi_choice choice;
	char why[ENCODER_WHY_SIZE];
} va;

/* ---- the device ---- */

void encoder_vaapi_set_host(const struct encoder_host *host)
{
	va.host = *host;
}

const char *encoder_vaapi_get_why(void)
{
	return va.why;
}

bool encoder_vaapi_refuse(void)
{
	return va.device.display && vaapi_probe_refuse(&va.host, va.device.fd);
}

void encoder_vaapi_done(void)
{
	vaapi_device_done(&va.device);
}

static int open_device(int fd)
{
	const char *step;
	int r = vaapi_device_init(&va.device, fd, &step);

	if (r < 0)
		(void)snprintf(va.why, sizeof(va.why), "%s", step);
	return r;
}

static int vaapi_probe(struct encoder_caps *ret)
{
	int fd, r;

	if (!va.device.display) {
		r = vaapi_probe_nodes(&va.host, &fd, &va.choice, va.why);
		if (r == 0)
			r = open_device(fd);
		if (r < 0)
			return r;
		log_debug("vaapi: %s: entry point %d, rate control 0x%x, packed headers 0x%x, "
			  "conversion %u, %u Mpixel/s",
			  vaQueryVendorString(va.device.display), va.choice.entrypoint,
			  va.choice.rc, va.choice.packed, va.choice.vpp,
			  va.choice.max_pixel_rate / 1000000);
	}
	*ret = (struct encoder_caps){
		.name = "vaapi",
		.profiles = va.choice.profiles,
		.max_level_idc = 52,
		.max_width = va.choice.max_width,
		.max_height = va.choice.max_height,
		.max_pixel_rate = va.choice.max_pixel_rate,
	};
	(void)snprintf(ret->device, sizeof(ret->device), "%s",
		       vaQueryVendorString(va.device.display));
	return 0;
}

static bool vaapi_can_import(void)
{
	return va.device.display && va.choice.vpp != VAAPI_VPP_NONE;
}

/* ---- an encoder ---- */

static bool is_valid(const struct encoder_config *c)
{
	const struct media_mode *m = &c->format.mode;

	return m->width >= 16 && m->height >= 16 && m->width % 2 == 0 && m->height % 2 == 0 &&
	       m->refresh_hz > 0 && c->rate_bps > 0 && c->rate_bps <= UINT64_C(1000000000);
}

static int vaapi_open(const struct encoder_config *config, struct encoder **ret)
{
	struct vaapi_encoder *e;
	int r;

	if (!is_valid(config))
		return -EINVAL;
	if (!va.device.display)
		return -ENODEV;
	r = vaapi_encoder_new(&va.device, &va.choice, config, &e);
	if (r < 0)
		return r;
	*ret = &e->encoder;
	return 0;
}

static void vaapi_close(struct encoder *encoder)
{
	vaapi_encoder_free((struct vaapi_encoder *)encoder);
}

static int vaapi_submit(struct encoder *encoder, const struct frame *f)
{
	return vaapi_encoder_submit((struct vaapi_encoder *)encoder, f);
}

static int vaapi_output(struct encoder *encoder, struct packet *ret)
{
	struct vaapi_encoder *e = (struct vaapi_encoder *)encoder;
	int r = vaapi_encoder_output(e);

	if (r < 0 || e->packet.size == 0)
		return r;
	*ret = e->packet;
	e->packet.size = 0;
	return 1;
}

static int vaapi_set_rate(struct encoder *encoder, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	struct vaapi_encoder *e = (struct vaapi_encoder *)encoder;
	struct encoder_config config = e->config;

	config.rate_bps = rate_bps;
	config.max_frame_bytes = max_frame_bytes;
	if (!is_valid(&config))
		return -EINVAL;
	e->config = config;
	vaapi_rate_set(&e->rate, rate_bps, max_frame_bytes, config.format.mode.refresh_hz);
	return 0;
}

static void vaapi_request_idr(struct encoder *encoder)
{
	((struct vaapi_encoder *)encoder)->idr_wanted = true;
}

const struct encoder_ops encoder_vaapi = {
	.name = "vaapi",
	.probe = vaapi_probe,
	.can_import = vaapi_can_import,
	.open = vaapi_open,
	.submit = vaapi_submit,
	.output = vaapi_output,
	.set_rate = vaapi_set_rate,
	.request_idr = vaapi_request_idr,
	.close = vaapi_close,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames by GRAB: the very buffer that the desktop shows, which gets it back when the pipeline
 * releases the frame. So one frame is out at a time; the newest one comes after it.
 */
#include "capture/device.h"

#include "util/cleanup.h"
#include "util/log.h"

#include <errno.h>

/* Nothing is plugged: then there is no picture, either. */
static bool is_none(int r)
{
	return r == -EAGAIN || r == -ENODEV;
}

static bool fits(const struct device_stream *s, const struct miracast_grab *g)
{
	return g->width == s->mode.width && g->height == s->mode.height;
}

static struct frame describe(const struct device_stream *s, const struct miracast_grab *g,
			     const uint8_t *pixels)
{
	return (struct frame){
		.number = g->sequence,
		.time_ns = g->flip_ns,
		.fourcc = MEDIA_FOURCC_XRGB8888, /* alpha, where there is one, has no meaning */
		.width = s->mode.width,
		.height = s->mode.height,
		.planes = { pixels },
		.pitches = { g->pitch },
		.dmabuf_fd = g->fd,
		.dmabuf_offset = g->offset,
		.buffer = g->buffer,
		.damage = device_get_damage(s, g->sequence, &g->damage),
		.source_id = DEVICE_GRABBED,
	};
}

int device_grab_acquire(struct device_grab *g, struct device_stream *s, bool map, bool again,
			struct frame *ret)
{
	struct miracast_grab *grab = &g->grab;
	const uint8_t *pixels = NULL;
	int r;

	if (grab->sequence)
		return 0;
	*grab = (struct miracast_grab){ .after_seq = again ? 0 : s->given };
	r = device_call(s, MIRACAST_IOC_GRAB, grab);
	if (r < 0) {
		grab->sequence = 0;
		return is_none(r) ? 0 : r;
	}
	if (!fits(s, grab)) {
		s->given = grab->sequence; /* it is not asked for once more */
		device_grab_release(g, s);
		return 0;
	}
	if (map && s->virtual_gpu >= 0 && grab->frame_flags & MIRACAST_FRAME_IMPORTED)
		r = device_fetch(s->virtual_gpu, grab);
	if (map && r == 0) {
		r = device_map_begin(&g->maps, grab, &pixels);
		g->mapped = r == 0;
	}
	if (r < 0) {
		device_grab_release(g, s);
		return r;
	}
	*ret = describe(s, grab, pixels);
	s->given = grab->sequence;
	return 1;
}

void device_grab_release(struct device_grab *g, struct device_stream *s)
{
	struct miracast_release release = { .sequence = g->grab.sequence };

	if (!g->grab.sequence)
		return;
	if (g->mapped)
		device_map_end(&g->grab);
	g->mapped = false;
	close_fd(g->grab.fd);
	g->grab.sequence = 0;
	/* A revoked stream says so at the next acquire. */
	if (device_call(s, MIRACAST_IOC_RELEASE, &release) == 0 &&
	    release.result & MIRACAST_RELEASE_OVERRUN)
		log_debug("capture: the desktop took picture %llu back before it was read",
			  (unsigned long long)release.sequence);
}

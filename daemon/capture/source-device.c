// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The desktop: frames of the kernel module (include/uapi/miracast.h), and which of its two ways
 * they come.
 *
 * A device that imports buffers gets those of the desktop itself (GRAB): no pixel is copied. For the
 * CPU the kernel copies (COPY), and only what changed, into buffers that are always cached; the
 * desktop is never held up. Where the kernel cannot read what a desktop's GPU has made, as little
 * as what a virtual machine's has, the CPU reads a grabbed buffer.
 *
 * Knows nothing of plugs and modes being set: a frame of another size than ours is let go by until
 * the pipeline is configured for it.
 */
#include "capture/source.h"

#include "capture/device.h"
#include "util/cleanup.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

struct device {
	struct source source;
	struct device_stream stream;
	struct device_copy copy;
	struct device_grab grab;
	bool by_device; /* who reads */
	bool no_copy;	/* the kernel cannot read the desktop's buffers */
};

static struct device *device_of(const struct source *s)
{
	return (struct device *)(uintptr_t)s;
}

static bool grabs(const struct device *d)
{
	return d->by_device || d->no_copy;
}

/* ------------------------------------------------------------------ what both ways have in common */

int device_call(const struct device_stream *s, unsigned long request, void *argument)
{
	int r;

	do
		r = ioctl(s->fd, request, argument);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

struct media_rect device_get_damage(const struct device_stream *s, uint64_t sequence,
				    const struct miracast_rect *r)
{
	const struct media_rect all = { 0, 0, s->mode.width, s->mode.height };

	if (sequence == s->given)
		return (struct media_rect){ 0 };
	if (r->x2 <= r->x1 || r->y2 <= r->y1 || r->x2 > all.width || r->y2 > all.height)
		return all;
	return (struct media_rect){ (uint16_t)r->x1, (uint16_t)r->y1, (uint16_t)(r->x2 - r->x1),
				    (uint16_t)(r->y2 - r->y1) };
}

/* ------------------------------------------------------------------ the seam */

static int device_configure(struct source *s, const struct media_mode *mode)
{
	struct device *d = device_of(s);
	bool same = d->stream.mode.width == mode->width && d->stream.mode.height == mode->height;

	d->stream.mode = *mode;
	if (same)
		return 0;
	device_copy_forget(&d->copy, &d->stream);
	device_map_forget(&d->grab.maps);
	return 0;
}

/* What is on its way by the other way is let go by. */
static void device_set_reader(struct source *s, bool device)
{
	struct device *d = device_of(s);

	d->by_device = device;
	s->holds_up = grabs(d);
}

static struct pollfd device_get_poll(const struct source *s)
{
	const struct device *d = device_of(s);

	if (!grabs(d))
		return (struct pollfd){ .fd = d->stream.fd, .events = POLLIN };
	/* What is newer than the grabbed one can be grabbed after it. */
	return (struct pollfd){ .fd = d->grab.grab.sequence ? -1 : d->stream.fd,
				.events = POLLPRI };
}

static uint64_t device_get_deadline_ns(const struct source *s)
{
	const struct device *d = device_of(s);

	return !grabs(d) && device_copy_must_ask(&d->copy) ? 0 : UINT64_MAX;
}

static int device_acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	struct device *d = device_of(s);
	int r;

	(void)now_ns;
	if (!grabs(d)) {
		r = device_copy_acquire(&d->copy, &d->stream, again, ret);
		if (r >= 0 || r == -ESHUTDOWN || r == -ENOMEM || r == -ENOSPC)
			return r;
		log_debug("capture: the kernel cannot copy the desktop's picture: %s",
			  strerror(-r));
		d->no_copy = true;
		s->holds_up = true;
		again = true;
	}
	r = device_grab_acquire(&d->grab, &d->stream, !d->by_device, again, ret);
	if (r < 0 && r != -ESHUTDOWN)
		(void)snprintf(s->why, sizeof(s->why),
			       "the desktop's picture cannot be read by the CPU (%s)",
			       strerror(-r));
	return r;
}

static void device_release(struct source *s, const struct frame *f)
{
	struct device *d = device_of(s);

	if (f->source_id == DEVICE_GRABBED)
		device_grab_release(&d->grab, &d->stream);
	else
		device_copy_release(&d->copy, grabs(d) ? NULL : &d->stream, f);
}

static void device_close(struct source *s)
{
	struct device *d = device_of(s);

	device_grab_release(&d->grab, &d->stream);
	device_map_forget(&d->grab.maps);
	device_copy_forget(&d->copy, &d->stream);
	close_fd(d->stream.fd);
	free(d);
}

static const struct source_ops device_ops = {
	.name = "device",
	.configure = device_configure,
	.get_poll = device_get_poll,
	.get_deadline_ns = device_get_deadline_ns,
	.acquire = device_acquire,
	.set_reader = device_set_reader,
	.release = device_release,
	.close = device_close,
};

int source_open_device(int stream_fd, const int *nodes, size_t node_count, struct source **ret)
{
	_cleanup_close_ int fd = stream_fd;
	struct device *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->source.ops = &device_ops;
	d->stream.fd = TAKE_FD(fd);
	d->stream.virtual_gpu = device_fetch_find(nodes, node_count);
	device_copy_init(&d->copy);
	*ret = &d->source;
	return 0;
}

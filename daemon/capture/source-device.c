// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The desktop: frames of the kernel module, by COPY (include/uapi/miracast.h).
 *
 * One buffer waits in the kernel for the next frame, also while the pipeline still holds older
 * ones: it lets go of those that it does not need any more. Another one fetches the present picture
 * when it is wanted again. The kernel writes only what changed since a buffer's last frame.
 *
 * Knows nothing of plugs and modes being set: a frame of another size than ours is let go by until
 * the pipeline is configured for it.
 */
#include "capture/source.h"

#include "uapi/miracast.h"
#include "util/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define BUFFERS	    3 /* one is being encoded, one waits for that, one is in the kernel */
#define PITCH_ALIGN 256u /* bytes; what GPUs want for an import */

enum device_use {
	DEVICE_FREE,
	DEVICE_QUEUED_NEXT,  /* the kernel's, until a newer frame comes */
	DEVICE_QUEUED_AGAIN, /* the kernel's, for a moment */
	DEVICE_HELD,	     /* the pipeline's */
};

struct device_buffer {
	enum device_use use;
	int fd; /* dma-buf */
	uint8_t *map;
	uint64_t content; /* sequence of the frame that it holds; 0: unknown */
};

struct device {
	struct source source;
	int fd;
	struct media_mode mode;
	uint32_t pitch;
	size_t size;
	struct device_buffer buffers[BUFFERS];
	uint32_t generation; /* of the buffers: in the cookies, so that old records are known */
	uint64_t last;	     /* newest frame seen, of whatever size; 0: none */
	uint64_t given;	     /* newest frame given to the pipeline; 0: none */
	bool full;	     /* the kernel takes no buffer until a record was fetched */
};

static struct device *device_of(const struct source *s)
{
	return (struct device *)(uintptr_t)s;
}

static int call(const struct device *d, unsigned long request, void *argument)
{
	int r;

	do
		r = ioctl(d->fd, request, argument);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------ buffers */

/* Buffers that wait in the kernel stay there: their records will carry an old generation. */
static void forget_buffers(struct device *d)
{
	for (unsigned int i = 0; i < BUFFERS; i++) {
		struct device_buffer *b = &d->buffers[i];

		if (b->map)
			(void)munmap(b->map, d->size);
		close_fd(b->fd);
		*b = (struct device_buffer){ .fd = -1 };
	}
	d->generation++;
	d->last = d->given = 0;
}

static int make_buffer(struct device *d, struct device_buffer *b)
{
	struct miracast_alloc alloc = { .size = d->size };
	void *map;
	int r;

	r = call(d, MIRACAST_IOC_ALLOC, &alloc);
	if (r < 0)
		return r;
	b->fd = alloc.fd;
	map = mmap(NULL, d->size, PROT_READ, MAP_SHARED, b->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	b->map = map;
	return 0;
}

static int device_configure(struct source *s, const struct media_mode *mode)
{
	struct device *d = device_of(s);
	bool same = d->buffers[0].map && d->mode.width == mode->width &&
		    d->mode.height == mode->height;
	int r = 0;

	d->mode = *mode;
	if (same)
		return 0;
	forget_buffers(d);
	d->pitch = (mode->width * 4u + PITCH_ALIGN - 1) & ~(PITCH_ALIGN - 1);
	d->size = (size_t)d->pitch * mode->height;
	for (unsigned int i = 0; r == 0 && i < BUFFERS; i++)
		r = make_buffer(d, &d->buffers[i]);
	/* A stream that was revoked meanwhile says so at the next acquire. */
	return r == -ESHUTDOWN ? 0 : r;
}

/* ------------------------------------------------------------------ asking the kernel */

static struct device_buffer *find(struct device *d, enum device_use use)
{
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (d->buffers[i].use == use)
			return &d->buffers[i];
	return NULL;
}

static uint64_t cookie_of(const struct device *d, const struct device_buffer *b)
{
	return (uint64_t)d->generation << 32 | (uint64_t)(b - d->buffers);
}

static int queue(struct device *d, struct device_buffer *b, enum device_use use)
{
	struct miracast_queue q = {
		.cookie = cookie_of(d, b),
		.after_seq = use == DEVICE_QUEUED_NEXT ? d->last : 0,
		.dst_seq = b->content,
		.fd = b->fd,
		.pitch = d->pitch,
		.width = d->mode.width,
		.height = d->mode.height,
		.format = MEDIA_FOURCC_XRGB8888,
	};
	int r = call(d, MIRACAST_IOC_QUEUE, &q);

	d->full = r == -EBUSY;
	if (r == 0)
		b->use = use;
	return d->full ? 0 : r;
}

/* One buffer waits for the next frame, and if wanted one more fetches the present one. */
static int ask(struct device *d, bool again)
{
	struct device_buffer *b;
	int r = 0;

	if (!find(d, DEVICE_QUEUED_NEXT)) {
		b = find(d, DEVICE_FREE);
		r = b ? queue(d, b, DEVICE_QUEUED_NEXT) : 0;
	}
	if (r == 0 && again && !find(d, DEVICE_QUEUED_AGAIN)) {
		b = find(d, DEVICE_FREE);
		r = b ? queue(d, b, DEVICE_QUEUED_AGAIN) : 0;
	}
	return r;
}

/* ------------------------------------------------------------------ its answers */

static struct device_buffer *buffer_of(struct device *d, uint64_t cookie)
{
	uint32_t index = (uint32_t)cookie;

	if (cookie >> 32 != d->generation || index >= BUFFERS)
		return NULL;
	return &d->buffers[index];
}

static struct media_rect damage_of(const struct device *d, const struct miracast_done *done)
{
	const struct miracast_rect *r = &done->damage;
	const struct media_rect all = { 0, 0, d->mode.width, d->mode.height };

	if (done->sequence == d->given)
		return (struct media_rect){ 0 };
	if (r->x2 <= r->x1 || r->y2 <= r->y1 || r->x2 > all.width || r->y2 > all.height)
		return all;
	return (struct media_rect){ (uint16_t)r->x1, (uint16_t)r->y1, (uint16_t)(r->x2 - r->x1),
				    (uint16_t)(r->y2 - r->y1) };
}

static int hand_out(struct device *d, struct device_buffer *b, const struct miracast_done *done,
		    struct frame *ret)
{
	b->use = DEVICE_HELD;
	b->content = done->sequence;
	*ret = (struct frame){
		.number = done->sequence,
		.time_ns = done->flip_ns,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = d->mode.width,
		.height = d->mode.height,
		.planes = { b->map },
		.pitches = { d->pitch },
		.dmabuf_fd = b->fd,
		.damage = damage_of(d, done),
		.source_id = (uint32_t)(b - d->buffers),
	};
	d->given = done->sequence;
	return 1;
}

/* 1: a frame, 0: nothing for the pipeline in this record, -errno. */
static int take_record(struct device *d, const struct miracast_done *done, struct frame *ret)
{
	struct device_buffer *b = buffer_of(d, done->cookie);

	if (!b)
		return 0;
	b->use = DEVICE_FREE;
	if (done->sequence > d->last)
		d->last = done->sequence;
	if (done->status == 0 && done->sequence >= d->given)
		return hand_out(d, b, done, ret);
	b->content = done->status == 0 ? done->sequence : 0;
	if (done->status == 0 || done->status == -ERANGE)
		return 0;
	(void)snprintf(d->source.why, sizeof(d->source.why),
		       "the desktop's picture cannot be read by the CPU (%s)",
		       strerror(-done->status));
	return done->status;
}

static int device_acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	struct device *d = device_of(s);
	struct miracast_done done;
	int r;

	(void)now_ns;
	do {
		memset(&done, 0, sizeof(done));
		r = call(d, MIRACAST_IOC_DEQUEUE, &done);
		if (r == 0) {
			d->full = false;
			r = take_record(d, &done, ret);
		}
	} while (r == 0);
	if (r != -EAGAIN)
		return r;
	return ask(d, again);
}

static void device_release(struct source *s, const struct frame *f)
{
	struct device *d = device_of(s);

	if (f->source_id < BUFFERS && d->buffers[f->source_id].use == DEVICE_HELD)
		d->buffers[f->source_id].use = DEVICE_FREE;
	(void)ask(d, false); /* an error comes again at the next acquire */
}

static int device_get_fd(const struct source *s)
{
	return device_of(s)->fd;
}

static uint64_t device_get_deadline_ns(const struct source *s)
{
	struct device *d = device_of(s);

	/* Without a free buffer nothing can be asked for until a release. */
	return find(d, DEVICE_QUEUED_NEXT) || d->full || !find(d, DEVICE_FREE) ? UINT64_MAX : 0;
}

static void device_close(struct source *s)
{
	struct device *d = device_of(s);

	forget_buffers(d);
	close_fd(d->fd);
	free(d);
}

static const struct source_ops device_ops = {
	.name = "device",
	.configure = device_configure,
	.get_fd = device_get_fd,
	.get_deadline_ns = device_get_deadline_ns,
	.acquire = device_acquire,
	.release = device_release,
	.close = device_close,
};

int source_open_device(int stream_fd, struct source **ret)
{
	_cleanup_close_ int fd = stream_fd;
	struct device *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->source.ops = &device_ops;
	d->fd = TAKE_FD(fd);
	for (unsigned int i = 0; i < BUFFERS; i++)
		d->buffers[i].fd = -1;
	*ret = &d->source;
	return 0;
}

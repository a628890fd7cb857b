// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames by COPY. One buffer waits in the kernel for the next frame, also while the pipeline still
 * holds older ones: it lets go of those that it does not need any more. Another one fetches the
 * present picture when it is wanted again. The kernel writes only what changed since a buffer's
 * last frame.
 */
#include "capture/device.h"

#include "util/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PITCH_ALIGN 256u /* bytes; what GPUs want for an import */

/* ------------------------------------------------------------------ buffers */

void device_copy_init(struct device_copy *c)
{
	for (unsigned int i = 0; i < DEVICE_BUFFERS; i++)
		c->buffers[i].fd = -1;
}

/* Buffers that wait in the kernel stay there: their records will carry an old generation. */
void device_copy_forget(struct device_copy *c, struct device_stream *s)
{
	for (unsigned int i = 0; i < DEVICE_BUFFERS; i++) {
		struct device_buffer *b = &c->buffers[i];

		if (b->map)
			(void)munmap(b->map, c->size);
		close_fd(b->fd);
		*b = (struct device_buffer){ .fd = -1 };
	}
	c->generation++;
	c->last = s->given = 0;
}

static int make_buffer(struct device_buffer *b, const struct device_stream *s, size_t size)
{
	struct miracast_alloc alloc = { .size = size };
	void *map;
	int r;

	r = device_call(s, MIRACAST_IOC_ALLOC, &alloc);
	if (r < 0)
		return r;
	b->fd = alloc.fd;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, b->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	b->map = map;
	return 0;
}

static int make_buffers(struct device_copy *c, const struct device_stream *s)
{
	int r = 0;

	c->pitch = (s->mode.width * 4u + PITCH_ALIGN - 1) & ~(PITCH_ALIGN - 1);
	c->size = (size_t)c->pitch * s->mode.height;
	for (unsigned int i = 0; r == 0 && i < DEVICE_BUFFERS; i++)
		if (!c->buffers[i].map)
			r = make_buffer(&c->buffers[i], s, c->size);
	return r;
}

/* ------------------------------------------------------------------ asking the kernel */

static struct device_buffer *find(struct device_copy *c, enum device_use use)
{
	for (unsigned int i = 0; i < DEVICE_BUFFERS; i++)
		if (c->buffers[i].use == use)
			return &c->buffers[i];
	return NULL;
}

bool device_copy_must_ask(const struct device_copy *c)
{
	bool waits = false, has_free = false;

	for (unsigned int i = 0; i < DEVICE_BUFFERS; i++) {
		waits |= c->buffers[i].use == DEVICE_QUEUED_NEXT;
		has_free |= c->buffers[i].use == DEVICE_FREE;
	}
	/* Without a free buffer nothing can be asked for until a release. */
	return !waits && has_free && !c->full;
}

static uint64_t cookie_of(const struct device_copy *c, const struct device_buffer *b)
{
	return (uint64_t)c->generation << 32 | (uint64_t)(b - c->buffers);
}

static int queue(struct device_copy *c, const struct device_stream *s, struct device_buffer *b,
		 enum device_use use)
{
	struct miracast_queue q = {
		.cookie = cookie_of(c, b),
		.after_seq = use == DEVICE_QUEUED_NEXT ? c->last : 0,
		.dst_seq = b->content,
		.fd = b->fd,
		.pitch = c->pitch,
		.width = s->mode.width,
		.height = s->mode.height,
		.format = MEDIA_FOURCC_XRGB8888,
	};
	int r = device_call(s, MIRACAST_IOC_QUEUE, &q);

	c->full = r == -EBUSY;
	if (r == 0)
		b->use = use;
	return c->full ? 0 : r;
}

/* One buffer waits for the next frame, and if wanted one more fetches the present one. */
static int ask(struct device_copy *c, const struct device_stream *s, bool again)
{
	struct device_buffer *b;
	int r = make_buffers(c, s);

	if (r == 0 && !find(c, DEVICE_QUEUED_NEXT)) {
		b = find(c, DEVICE_FREE);
		r = b ? queue(c, s, b, DEVICE_QUEUED_NEXT) : 0;
	}
	if (r == 0 && again && !find(c, DEVICE_QUEUED_AGAIN)) {
		b = find(c, DEVICE_FREE);
		r = b ? queue(c, s, b, DEVICE_QUEUED_AGAIN) : 0;
	}
	return r;
}

/* ------------------------------------------------------------------ its answers */

static struct device_buffer *buffer_of(struct device_copy *c, uint64_t cookie)
{
	uint32_t index = (uint32_t)cookie;

	if (cookie >> 32 != c->generation || index >= DEVICE_BUFFERS)
		return NULL;
	return &c->buffers[index];
}

static int hand_out(struct device_copy *c, struct device_stream *s, struct device_buffer *b,
		    const struct miracast_done *done, struct frame *ret)
{
	b->use = DEVICE_HELD;
	b->content = done->sequence;
	*ret = (struct frame){
		.number = done->sequence,
		.time_ns = done->flip_ns,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = s->mode.width,
		.height = s->mode.height,
		.planes = { b->map },
		.pitches = { c->pitch },
		.dmabuf_fd = b->fd,
		.damage = device_get_damage(s, done->sequence, &done->damage),
		.source_id = (uint32_t)(b - c->buffers),
	};
	s->given = done->sequence;
	return 1;
}

/* 1: a frame, 0: nothing for the pipeline in this record, -errno. */
static int take_record(struct device_copy *c, struct device_stream *s,
		       const struct miracast_done *done, struct frame *ret)
{
	struct device_buffer *b = buffer_of(c, done->cookie);

	if (!b)
		return 0;
	b->use = DEVICE_FREE;
	if (done->sequence > c->last)
		c->last = done->sequence;
	if (done->flags & MIRACAST_FRAME_IMPORTED && s->virtual_gpu >= 0)
		return -EOPNOTSUPP; /* whatever was copied */
	if (done->status == 0 && done->sequence >= s->given)
		return hand_out(c, s, b, done, ret);
	b->content = done->status == 0 ? done->sequence : 0;
	return done->status == 0 || done->status == -ERANGE ? 0 : done->status;
}

int device_copy_acquire(struct device_copy *c, struct device_stream *s, bool again,
			struct frame *ret)
{
	struct miracast_done done;
	int r;

	do {
		memset(&done, 0, sizeof(done));
		r = device_call(s, MIRACAST_IOC_DEQUEUE, &done);
		if (r == 0) {
			c->full = false;
			r = take_record(c, s, &done, ret);
		}
	} while (r == 0);
	return r == -EAGAIN ? ask(c, s, again) : r;
}

/* s NULL: nothing more is asked for this way. */
void device_copy_release(struct device_copy *c, struct device_stream *s, const struct frame *f)
{
	if (f->source_id < DEVICE_BUFFERS && c->buffers[f->source_id].use == DEVICE_HELD)
		c->buffers[f->source_id].use = DEVICE_FREE;
	if (s)
		(void)ask(c, s, false); /* an error comes again at the next acquire */
}

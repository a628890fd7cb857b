/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The insides of the device source, shared by its files; nobody else includes this.
 *
 *	source-device.c	the seam, and which way is taken
 *	device-copy.c	COPY: the kernel fills buffers of ours
 *	device-grab.c	GRAB: the desktop's own buffer, for as long as it is read
 *	device-map.c	a grabbed buffer's pixels for the CPU
 *	device-fetch.c	for that, from the host of a virtual machine
 */
#ifndef MIRACAST_CAPTURE_DEVICE_H
#define MIRACAST_CAPTURE_DEVICE_H

#include "miracast/media.h"
#include "uapi/miracast.h"

#include <stdbool.h>
#include <stddef.h>

/* What both ways have in common. */
struct device_stream {
	int fd;
	struct media_mode mode;
	uint64_t given;	 /* newest frame given to the pipeline, or grabbed in vain; 0: none */
	int virtual_gpu; /* render node of one with 3D, the caller's; -1: there is none */
};

/* An ioctl of the stream; 0 or -errno. */
int device_call(const struct device_stream *s, unsigned long request, void *argument);

/* What differs from the frame given last, from the kernel's hint about frame sequence. */
struct media_rect device_get_damage(const struct device_stream *s, uint64_t sequence,
				    const struct miracast_rect *r);

/* ---- COPY ---- */

#define DEVICE_BUFFERS 3 /* one is being encoded, one waits for that, one is in the kernel */

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

struct device_copy {
	struct device_buffer buffers[DEVICE_BUFFERS];
	uint32_t pitch;
	size_t size;
	uint32_t generation; /* of the buffers: in the cookies, so that old records are known */
	uint64_t last;	     /* newest frame seen, of whatever size; 0: none */
	bool full;	     /* the kernel takes no buffer until a record was fetched */
};

void device_copy_init(struct device_copy *c);

/* Buffers are made when the first one is needed, and for the stream's mode of then. */
void device_copy_forget(struct device_copy *c, struct device_stream *s);

/* As source.h's acquire; other -errno: the CPU cannot read the desktop's picture. */
int device_copy_acquire(struct device_copy *c, struct device_stream *s, bool again,
			struct frame *ret);
void device_copy_release(struct device_copy *c, struct device_stream *s, const struct frame *f);

/* The kernel has nothing to tell us with until it is asked. */
bool device_copy_must_ask(const struct device_copy *c);

/* ---- a virtual GPU's memory ---- */

/* The first of these render nodes that is one with 3D; -1: none. */
int device_fetch_find(const int *nodes, size_t count);

/* Has the host begin to write a grabbed buffer's pixels, if it is this GPU's. 0 or -errno. */
int device_fetch(int node, const struct miracast_grab *grab);

/* ---- a grabbed buffer for the CPU ---- */

#define DEVICE_MAPS 4

struct device_map {
	uint64_t buffer; /* 0: none */
	uint8_t *memory;
	size_t size;
};

struct device_maps {
	struct device_map maps[DEVICE_MAPS];
	unsigned int next; /* to be forgotten */
};

/* Finds or makes the mapping; from begin to end the pixels are the CPU's to read. 0 or -errno. */
int device_map_begin(struct device_maps *m, const struct miracast_grab *grab,
		     const uint8_t **ret_pixels);
void device_map_end(const struct miracast_grab *grab);
void device_map_forget(struct device_maps *m);

/* ---- GRAB ---- */

#define DEVICE_GRABBED UINT32_MAX /* source_id of a grabbed frame */

struct device_grab {
	struct miracast_grab grab; /* sequence 0: nothing is grabbed */
	bool mapped;
	struct device_maps maps;
};

/* As source.h's acquire. One at a time: none while one is held. */
int device_grab_acquire(struct device_grab *g, struct device_stream *s, bool map, bool again,
			struct frame *ret);
void device_grab_release(struct device_grab *g, struct device_stream *s);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A libva driver for tests: real H.264 by x264, behind the interface and with the habits of the
 * drivers for real devices, so that a client which does something wrong gets a broken picture or an
 * error, not a pass. Never installed.
 *
 *	driver.c   what libva calls first: configurations, contexts, the table
 *	object.c   names for everything, and the "device": one thread that does the jobs in order
 *	surface.c  pictures: own memory, imported buffers, images
 *	encode.c   a picture's parameters, checked, and x264
 *	rewrite.c  x264's slices under the client's headers
 *	vpp.c      colours and scaling
 */
#ifndef VA_DRIVER_H
#define VA_DRIVER_H

#include "personality.h"

#include <pthread.h>
#include <stddef.h>
#include <va/va.h>
#include <va/va_backend.h>
#include <va/va_enc_h264.h>
#include <x264.h>

#define OBJECTS_MAX 1024
#define PACKED_MAX  8
#define SLICES_MAX  32

enum object_kind {
	OBJECT_CONFIG = 1,
	OBJECT_SURFACE,
	OBJECT_CONTEXT,
	OBJECT_BUFFER,
	OBJECT_IMAGE,
};

struct object {
	enum object_kind kind;
	uint64_t last_job; /* that uses it; under the driver's lock */
};

struct config {
	struct object object;
	VAProfile profile;
	VAEntrypoint entrypoint;
	uint32_t rc, packed;
};

struct surface {
	struct object object;
	uint32_t fourcc, width, height;
	uint8_t *memory;
	size_t size;
	uint32_t pitches[2], offsets[2];
	int fd; /* of an imported buffer; -1 */
};

struct buffer {
	struct object object;
	VABufferType type;
	uint32_t size, count; /* bytes of one element, elements */
	uint8_t *data;
	bool borrowed; /* data is a surface's */
	bool mapped;
	VASurfaceID surface;		  /* a derived image's */
	VACodedBufferSegment segments[3]; /* a coded buffer's */
	size_t coded;			  /* bytes */
	uint32_t status;
};

struct image {
	struct object object;
	VAImage image;
};

struct packed_header {
	uint32_t type; /* VAEncPackedHeaderType, or the NAL type of raw data */
	uint32_t bits;
	bool escaped;
	uint8_t data[512];
	uint32_t size;
};

/* Everything that the client said about one picture. */
struct picture {
	VAEncSequenceParameterBufferH264 sequence;
	VAEncPictureParameterBufferH264 picture;
	VAEncSliceParameterBufferH264 slices[SLICES_MAX];
	unsigned int slice_count;
	struct packed_header packed[PACKED_MAX];
	unsigned int packed_count;
	uint32_t packed_type_next; /* the data follows its parameters */
	uint32_t packed_bits_next;
	bool packed_escaped_next, has_packed_next;
	uint32_t rate_bps, hrd_bits, max_frame_bits, fps, min_qp;
	bool has_sequence, has_picture;
};

struct context {
	struct object object;
	struct driver *driver;
	struct config config;
	VASurfaceID target;
	bool begun;
	struct picture next;
	VAProcPipelineParameterBuffer *pipeline; /* of video processing; owned copy */
	VARectangle regions[2];
	bool has_region[2];

	/* the device's side */
	x264_t *x264;
	x264_param_t param;
	unsigned int x_frame_num_bits, x_poc_type, x_poc_bits;
	int x_init_qp;
	bool x_deblocking_control;
	int64_t pts;
	long encoded;			/* pictures */
	VASurfaceID last_reconstructed; /* as the client will have to say */
};

struct job {
	struct job *next;
	uint64_t number;
	void (*run)(struct driver *d, struct job *job);
	struct context *context;
	struct surface *source, *target;
	struct buffer *coded;
	struct picture picture;
	VAProcPipelineParameterBuffer pipeline;
	VARectangle regions[2]; /* source, target */
};

struct driver {
	struct personality personality;
	pthread_mutex_t lock; /* of everything below, and of each object's last_job */
	pthread_cond_t wake, done;
	pthread_t thread;
	struct object *objects[OBJECTS_MAX];
	struct job *first, **last;
	uint64_t submitted, completed;
	bool quit;
	bool lost; /* the device is gone: everything fails */
	VAImageFormat formats[2];
};

/* The client's fault, told in full on standard error; returns status. */
VAStatus client_fault(VAStatus status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- object.c ---- */

static inline struct driver *get_driver(VADriverContextP va)
{
	return va->pDriverData;
}

/* NULL unless the name is of that kind. */
void *object_get(struct driver *d, VAGenericID id, enum object_kind kind);
VAGenericID object_add(struct driver *d, enum object_kind kind, void *object);
/* The object is the caller's again; nothing uses it any more. */
void *object_take(struct driver *d, VAGenericID id, enum object_kind kind);

int device_start(struct driver *d);
void device_stop(struct driver *d);
/* Takes the job; it counts for the objects that it has. */
VAStatus device_submit(struct driver *d, struct job *job);
/* Waits for the job that used the object last. */
VAStatus device_wait(struct driver *d, struct object *object, uint64_t timeout_ns);
bool device_is_busy(struct driver *d, struct object *object);

/* ---- surface.c ---- */

VAStatus surfaces_create(VADriverContextP va, unsigned int format, unsigned int width,
			 unsigned int height, VASurfaceID *ret, unsigned int count,
			 VASurfaceAttrib *attributes, unsigned int attribute_count);
VAStatus surfaces_create_old(VADriverContextP va, int width, int height, int format, int count,
			     VASurfaceID *ret);
VAStatus surfaces_destroy(VADriverContextP va, VASurfaceID *surfaces, int count);
VAStatus surface_query(VADriverContextP va, VAConfigID config, VASurfaceAttrib *ret,
		       unsigned int *count);
void surface_table(struct VADriverVTable *table);
void *buffer_new(VABufferType type, uint32_t size, uint32_t count);
VAStatus buffer_destroy(VADriverContextP va, VABufferID id);

/* ---- encode.c ---- */

VAStatus encode_render(struct context *c, const struct buffer *b);
VAStatus encode_end(struct driver *d, struct context *c);
void encode_close(struct context *c);

/* ---- rewrite.c ---- */

/* What x264's own parameter sets say, which its slice headers are written by. */
void rewrite_learn(struct context *c, const x264_nal_t *nals, int count);
/* The access unit, into the coded buffer. */
void rewrite_picture(struct driver *d, struct job *job, const x264_nal_t *nals, int count);

/* ---- vpp.c ---- */

VAStatus vpp_render(struct context *c, const struct buffer *b);
VAStatus vpp_end(struct driver *d, struct context *c);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Surfaces, and the images and buffers through which the CPU sees them. Memory that the device is
 * still working on is not for the client: touching it is told as a fault.
 */
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#include <va/va_drmcommon.h>

#define ALIGN(n, to) (((n) + (to)-1) / (to) * (to))

static bool is_rgb(uint32_t fourcc)
{
	return fourcc == VA_FOURCC_BGRX || fourcc == VA_FOURCC_BGRA || fourcc == VA_FOURCC_XRGB ||
	       fourcc == VA_FOURCC_ARGB;
}

/* ---- surfaces ---- */

/* Room for whole macroblocks, as a device would have it. */
static VAStatus allocate(struct surface *s)
{
	uint32_t lines = ALIGN(s->height, 16);

	if (is_rgb(s->fourcc)) {
		s->pitches[0] = ALIGN(s->width, 64) * 4;
		s->size = (size_t)s->pitches[0] * lines;
	} else {
		s->pitches[0] = s->pitches[1] = ALIGN(s->width, 64);
		s->offsets[1] = s->pitches[0] * lines;
		s->size = (size_t)s->pitches[0] * lines * 3 / 2;
	}
	s->memory = calloc(1, s->size);
	return s->memory ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_ALLOCATION_FAILED;
}

static bool fits(const struct surface *s, const VADRMPRIMESurfaceDescriptor *d)
{
	uint32_t row = is_rgb(s->fourcc) ? s->width * 4 : s->width;
	uint32_t lines = s->height;

	for (unsigned int i = 0; i < (is_rgb(s->fourcc) ? 1u : 2u); i++, lines /= 2)
		if (s->pitches[i] < row ||
		    s->offsets[i] + (uint64_t)s->pitches[i] * (lines - 1) + row > s->size)
			return false;
	return d->width >= s->width && d->height >= s->height;
}

static VAStatus read_descriptor(struct driver *d, struct surface *s,
				const VADRMPRIMESurfaceDescriptor *p)
{
	unsigned int planes = 0;

	if (d->personality.no_import)
		return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
	if (p->num_objects != 1 || p->num_layers < 1 || p->objects[0].drm_format_modifier != 0)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "imports something that is not linear");
	s->fourcc = p->fourcc;
	for (unsigned int l = 0; l < p->num_layers; l++) {
		for (unsigned int i = 0; i < p->layers[l].num_planes && planes < 2; i++, planes++) {
			s->pitches[planes] = p->layers[l].pitch[i];
			s->offsets[planes] = p->layers[l].offset[i];
			if (s->pitches[planes] % d->personality.pitch_align != 0)
				return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
						    "imports a pitch of %u", s->pitches[planes]);
		}
	}
	if (planes != (is_rgb(s->fourcc) ? 1 : 2))
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER, "imports %u planes", planes);
	return VA_STATUS_SUCCESS;
}

static VAStatus import(struct driver *d, struct surface *s, const VADRMPRIMESurfaceDescriptor *p)
{
	VAStatus status = read_descriptor(d, s, p);
	off_t size;

	if (status != VA_STATUS_SUCCESS)
		return status;
	s->fd = fcntl(p->objects[0].fd, F_DUPFD_CLOEXEC, 3);
	size = s->fd < 0 ? -1 : lseek(s->fd, 0, SEEK_END);
	if (size < 0 || (off_t)p->objects[0].size > size)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER, "imports no such buffer");
	s->size = p->objects[0].size ? p->objects[0].size : (size_t)size;
	if (!fits(s, p))
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER, "imports too little memory");
	s->memory = mmap(NULL, s->size, PROT_READ, MAP_SHARED, s->fd, 0);
	if (s->memory == MAP_FAILED) {
		s->memory = NULL;
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	}
	return VA_STATUS_SUCCESS;
}

static void surface_free(struct surface *s)
{
	if (s->fd >= 0) {
		if (s->memory)
			(void)munmap(s->memory, s->size);
		(void)close(s->fd);
	} else {
		free(s->memory);
	}
	free(s);
}

static VAStatus create_one(struct driver *d, uint32_t fourcc, unsigned int width,
			   unsigned int height, const VADRMPRIMESurfaceDescriptor *descriptor,
			   VASurfaceID *ret)
{
	struct surface *s = calloc(1, sizeof(*s));
	VAStatus status;

	if (!s)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	s->fourcc = fourcc;
	s->width = width;
	s->height = height;
	s->fd = -1;
	status = descriptor ? import(d, s, descriptor) : allocate(s);
	if (status != VA_STATUS_SUCCESS) {
		surface_free(s);
		return status;
	}
	*ret = object_add(d, OBJECT_SURFACE, s);
	return VA_STATUS_SUCCESS;
}

VAStatus surfaces_create(VADriverContextP va, unsigned int format, unsigned int width,
			 unsigned int height, VASurfaceID *ret, unsigned int count,
			 VASurfaceAttrib *attributes, unsigned int attribute_count)
{
	uint32_t fourcc = format == VA_RT_FORMAT_RGB32 ? VA_FOURCC_BGRX : VA_FOURCC_NV12;
	const VADRMPRIMESurfaceDescriptor *descriptor = NULL;
	uint32_t memory = VA_SURFACE_ATTRIB_MEM_TYPE_VA;
	VAStatus status = VA_STATUS_SUCCESS;

	for (unsigned int i = 0; i < attribute_count; i++) {
		const VAGenericValue *v = &attributes[i].value;

		if (attributes[i].type == VASurfaceAttribPixelFormat)
			fourcc = (uint32_t)v->value.i;
		else if (attributes[i].type == VASurfaceAttribMemoryType)
			memory = (uint32_t)v->value.i;
		else if (attributes[i].type == VASurfaceAttribExternalBufferDescriptor)
			descriptor = v->value.p;
	}
	if (fourcc != VA_FOURCC_NV12 && !is_rgb(fourcc))
		return VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT;
	if (memory != VA_SURFACE_ATTRIB_MEM_TYPE_VA &&
	    memory != VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2)
		return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
	if (memory == VA_SURFACE_ATTRIB_MEM_TYPE_VA)
		descriptor = NULL;
	for (unsigned int i = 0; i < count && status == VA_STATUS_SUCCESS; i++)
		status = create_one(get_driver(va), fourcc, width, height, descriptor, &ret[i]);
	return status;
}

VAStatus surfaces_create_old(VADriverContextP va, int width, int height, int format, int count,
			     VASurfaceID *ret)
{
	return surfaces_create(va, (unsigned int)format, (unsigned int)width, (unsigned int)height,
			       ret, (unsigned int)count, NULL, 0);
}

VAStatus surfaces_destroy(VADriverContextP va, VASurfaceID *surfaces, int count)
{
	for (int i = 0; i < count; i++) {
		struct surface *s = object_take(get_driver(va), surfaces[i], OBJECT_SURFACE);

		if (!s)
			return client_fault(VA_STATUS_ERROR_INVALID_SURFACE, "destroys no surface");
		surface_free(s);
	}
	return VA_STATUS_SUCCESS;
}

VAStatus surface_query(VADriverContextP va, VAConfigID config, VASurfaceAttrib *ret,
		       unsigned int *count)
{
	const VASurfaceAttrib all[] = {
		{ VASurfaceAttribPixelFormat,
		  VA_SURFACE_ATTRIB_GETTABLE | VA_SURFACE_ATTRIB_SETTABLE,
		  { VAGenericValueTypeInteger, { .i = VA_FOURCC_NV12 } } },
		{ VASurfaceAttribPixelFormat,
		  VA_SURFACE_ATTRIB_GETTABLE | VA_SURFACE_ATTRIB_SETTABLE,
		  { VAGenericValueTypeInteger, { .i = VA_FOURCC_BGRX } } },
		{ VASurfaceAttribMaxWidth,
		  VA_SURFACE_ATTRIB_GETTABLE,
		  { VAGenericValueTypeInteger, { .i = 4096 } } },
		{ VASurfaceAttribMaxHeight,
		  VA_SURFACE_ATTRIB_GETTABLE,
		  { VAGenericValueTypeInteger, { .i = 4096 } } },
		{ VASurfaceAttribMemoryType,
		  VA_SURFACE_ATTRIB_GETTABLE | VA_SURFACE_ATTRIB_SETTABLE,
		  { VAGenericValueTypeInteger,
		    { .i = VA_SURFACE_ATTRIB_MEM_TYPE_VA |
			   VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2 } } },
	};
	const unsigned int n = sizeof(all) / sizeof(all[0]);

	if (!object_get(get_driver(va), config, OBJECT_CONFIG))
		return VA_STATUS_ERROR_INVALID_CONFIG;
	if (ret)
		memcpy(ret, all, sizeof(all));
	*count = n;
	return VA_STATUS_SUCCESS;
}

/* ---- waiting ---- */

static VAStatus sync_surface(VADriverContextP va, VASurfaceID id)
{
	struct surface *s = object_get(get_driver(va), id, OBJECT_SURFACE);

	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	return device_wait(get_driver(va), &s->object, VA_TIMEOUT_INFINITE);
}

static VAStatus sync_surface_until(VADriverContextP va, VASurfaceID id, uint64_t timeout_ns)
{
	struct surface *s = object_get(get_driver(va), id, OBJECT_SURFACE);

	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	return device_wait(get_driver(va), &s->object, timeout_ns);
}

static VAStatus sync_buffer(VADriverContextP va, VABufferID id, uint64_t timeout_ns)
{
	struct driver *d = get_driver(va);
	struct buffer *b = object_get(d, id, OBJECT_BUFFER);

	if (d->personality.no_sync_buffer)
		return VA_STATUS_ERROR_UNIMPLEMENTED;
	return b ? device_wait(d, &b->object, timeout_ns) : VA_STATUS_ERROR_INVALID_BUFFER;
}

static VAStatus query_status(VADriverContextP va, VASurfaceID id, VASurfaceStatus *ret)
{
	struct surface *s = object_get(get_driver(va), id, OBJECT_SURFACE);

	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	*ret = device_is_busy(get_driver(va), &s->object) ? VASurfaceRendering : VASurfaceReady;
	return VA_STATUS_SUCCESS;
}

/* ---- buffers ---- */

void *buffer_new(VABufferType type, uint32_t size, uint32_t count)
{
	struct buffer *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->type = type;
	b->size = size;
	b->count = count;
	b->data = calloc(count, size);
	if (b->data)
		return b;
	free(b);
	return NULL;
}

static VAStatus create_buffer(VADriverContextP va, VAContextID context, VABufferType type,
			      unsigned int size, unsigned int count, void *data, VABufferID *ret)
{
	struct driver *d = get_driver(va);
	struct buffer *b;

	if (d->lost)
		return VA_STATUS_ERROR_HW_BUSY;
	if (!object_get(d, context, OBJECT_CONTEXT))
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	b = buffer_new(type, size, count);
	if (!b)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	if (data)
		memcpy(b->data, data, (size_t)size * count);
	*ret = object_add(d, OBJECT_BUFFER, b);
	return VA_STATUS_SUCCESS;
}

static VAStatus set_elements(VADriverContextP va, VABufferID id, unsigned int count)
{
	struct buffer *b = object_get(get_driver(va), id, OBJECT_BUFFER);

	if (!b || count > b->count)
		return VA_STATUS_ERROR_INVALID_BUFFER;
	b->count = count;
	return VA_STATUS_SUCCESS;
}

/* The list of segments: one, or three of the same bytes. */
static void *map_coded(struct driver *d, struct buffer *b)
{
	unsigned int parts = d->personality.split && b->coded > 16 ? 3 : 1;
	size_t at = 0;

	for (unsigned int i = 0; i < parts; i++) {
		size_t size = i + 1 < parts ? b->coded / 3 : b->coded - at;

		b->segments[i] = (VACodedBufferSegment){
			.size = (uint32_t)size,
			.status = b->status,
			.buf = b->data + at,
			.next = i + 1 < parts ? &b->segments[i + 1] : NULL,
		};
		at += size;
	}
	return b->segments;
}

static VAStatus map_buffer(VADriverContextP va, VABufferID id, void **ret)
{
	struct driver *d = get_driver(va);
	struct buffer *b = object_get(d, id, OBJECT_BUFFER);
	struct surface *s;

	if (!b)
		return VA_STATUS_ERROR_INVALID_BUFFER;
	if (b->mapped)
		return client_fault(VA_STATUS_ERROR_OPERATION_FAILED, "maps a buffer twice");
	if (device_is_busy(d, &b->object))
		return client_fault(VA_STATUS_ERROR_OPERATION_FAILED,
				    "maps a coded buffer before it is complete");
	s = b->borrowed ? object_get(d, b->surface, OBJECT_SURFACE) : NULL;
	if (s && device_is_busy(d, &s->object))
		return client_fault(VA_STATUS_ERROR_OPERATION_FAILED,
				    "maps a surface that is being worked on");
	b->mapped = true;
	*ret = b->type == VAEncCodedBufferType ? map_coded(d, b) : b->data;
	return VA_STATUS_SUCCESS;
}

static VAStatus unmap_buffer(VADriverContextP va, VABufferID id)
{
	struct buffer *b = object_get(get_driver(va), id, OBJECT_BUFFER);

	if (!b || !b->mapped)
		return client_fault(VA_STATUS_ERROR_INVALID_BUFFER, "unmaps what is not mapped");
	b->mapped = false;
	return VA_STATUS_SUCCESS;
}

VAStatus buffer_destroy(VADriverContextP va, VABufferID id)
{
	struct buffer *b = object_take(get_driver(va), id, OBJECT_BUFFER);

	if (!b)
		return client_fault(VA_STATUS_ERROR_INVALID_BUFFER, "destroys no buffer");
	if (!b->borrowed)
		free(b->data);
	free(b);
	return VA_STATUS_SUCCESS;
}

/* ---- images ---- */

static VAStatus query_formats(VADriverContextP va, VAImageFormat *ret, int *count)
{
	memcpy(ret, get_driver(va)->formats, sizeof(get_driver(va)->formats));
	*count = 2;
	return VA_STATUS_SUCCESS;
}

static void lay_out(VAImage *i, uint32_t width, uint32_t height)
{
	uint32_t pitch = ALIGN(width, 32);

	i->width = (uint16_t)width;
	i->height = (uint16_t)height;
	if (is_rgb(i->format.fourcc)) {
		i->num_planes = 1;
		i->pitches[0] = pitch * 4;
		i->data_size = pitch * 4 * height;
	} else {
		i->num_planes = 2;
		i->pitches[0] = i->pitches[1] = pitch;
		i->offsets[1] = pitch * height;
		i->data_size = pitch * height * 3 / 2;
	}
}

static VAStatus add_image(struct driver *d, struct image *i, struct buffer *b, VAImage *ret)
{
	if (!b || !i) {
		free(i);
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	}
	i->image.buf = object_add(d, OBJECT_BUFFER, b);
	i->image.image_id = object_add(d, OBJECT_IMAGE, i);
	*ret = i->image;
	return VA_STATUS_SUCCESS;
}

static VAStatus create_image(VADriverContextP va, VAImageFormat *format, int width, int height,
			     VAImage *ret)
{
	struct image *i;

	if (format->fourcc != VA_FOURCC_NV12 && !is_rgb(format->fourcc))
		return VA_STATUS_ERROR_INVALID_IMAGE_FORMAT;
	i = calloc(1, sizeof(*i));
	if (!i)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	i->image.format = *format;
	lay_out(&i->image, (uint32_t)width, (uint32_t)height);
	return add_image(get_driver(va), i, buffer_new(VAImageBufferType, i->image.data_size, 1),
			 ret);
}

static VAStatus derive_image(VADriverContextP va, VASurfaceID id, VAImage *ret)
{
	struct driver *d = get_driver(va);
	struct surface *s = object_get(d, id, OBJECT_SURFACE);
	struct image *i;
	struct buffer *b;

	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	if (d->personality.no_derive)
		return VA_STATUS_ERROR_OPERATION_FAILED;
	i = calloc(1, sizeof(*i));
	b = calloc(1, sizeof(*b));
	if (i && b) {
		i->image.format = d->formats[is_rgb(s->fourcc)];
		lay_out(&i->image, s->width, s->height);
		i->image.data_size = (uint32_t)s->size;
		memcpy(i->image.pitches, s->pitches, sizeof(s->pitches));
		memcpy(i->image.offsets, s->offsets, sizeof(s->offsets));
		*b = (struct buffer){ .type = VAImageBufferType,
				      .size = (uint32_t)s->size,
				      .count = 1,
				      .data = s->memory,
				      .borrowed = true,
				      .surface = id };
	}
	return add_image(d, i, b, ret);
}

static VAStatus destroy_image(VADriverContextP va, VAImageID id)
{
	struct image *i = object_take(get_driver(va), id, OBJECT_IMAGE);

	if (!i)
		return client_fault(VA_STATUS_ERROR_INVALID_IMAGE, "destroys no image");
	(void)buffer_destroy(va, i->image.buf);
	free(i);
	return VA_STATUS_SUCCESS;
}

static VAStatus copy_image(VADriverContextP va, VASurfaceID surface, VAImageID image,
			   unsigned int width, unsigned int height, bool to_surface)
{
	struct driver *d = get_driver(va);
	struct surface *s = object_get(d, surface, OBJECT_SURFACE);
	struct image *i = object_get(d, image, OBJECT_IMAGE);
	struct buffer *b = i ? object_get(d, i->image.buf, OBJECT_BUFFER) : NULL;
	bool rgb = s && is_rgb(s->fourcc);

	if (!b || !s || is_rgb(i->image.format.fourcc) != rgb || width > s->width ||
	    height > s->height || width > i->image.width || height > i->image.height)
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER, "copies what does not fit");
	if (device_is_busy(d, &s->object))
		return client_fault(VA_STATUS_ERROR_SURFACE_BUSY,
				    "copies a surface that is being worked on");
	for (unsigned int p = 0; p < i->image.num_planes; p++) {
		for (unsigned int y = 0; y < (p ? height / 2 : height); y++) {
			uint8_t *in_surface = s->memory + s->offsets[p] + (size_t)y * s->pitches[p];
			uint8_t *in_image =
				b->data + i->image.offsets[p] + (size_t)y * i->image.pitches[p];
			size_t row = rgb ? (size_t)width * 4 : width;

			memcpy(to_surface ? in_surface : in_image,
			       to_surface ? in_image : in_surface, row);
		}
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus get_image(VADriverContextP va, VASurfaceID surface, int x, int y,
			  unsigned int width, unsigned int height, VAImageID image)
{
	if (x != 0 || y != 0)
		return VA_STATUS_ERROR_UNIMPLEMENTED;
	return copy_image(va, surface, image, width, height, false);
}

static VAStatus put_image(VADriverContextP va, VASurfaceID surface, VAImageID image, int src_x,
			  int src_y, unsigned int src_width, unsigned int src_height, int dest_x,
			  int dest_y, unsigned int dest_width, unsigned int dest_height)
{
	if (src_x || src_y || dest_x || dest_y || src_width != dest_width ||
	    src_height != dest_height)
		return VA_STATUS_ERROR_UNIMPLEMENTED;
	return copy_image(va, surface, image, dest_width, dest_height, true);
}

void surface_table(struct VADriverVTable *t)
{
	t->vaCreateSurfaces = surfaces_create_old;
	t->vaCreateSurfaces2 = surfaces_create;
	t->vaDestroySurfaces = surfaces_destroy;
	t->vaQuerySurfaceAttributes = surface_query;
	t->vaQuerySurfaceStatus = query_status;
	t->vaSyncSurface = sync_surface;
	t->vaSyncSurface2 = sync_surface_until;
	t->vaSyncBuffer = sync_buffer;
	t->vaCreateBuffer = create_buffer;
	t->vaBufferSetNumElements = set_elements;
	t->vaMapBuffer = map_buffer;
	t->vaUnmapBuffer = unmap_buffer;
	t->vaDestroyBuffer = buffer_destroy;
	t->vaQueryImageFormats = query_formats;
	t->vaCreateImage = create_image;
	t->vaDeriveImage = derive_image;
	t->vaDestroyImage = destroy_image;
	t->vaGetImage = get_image;
	t->vaPutImage = put_image;
}

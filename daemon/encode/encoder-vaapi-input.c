// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A frame's way into the encoder's NV12 surface. Best: its dma-buf is imported, once for each
 * buffer, and the device converts it; the CPU touches no pixel. Else the CPU converts the mapped
 * pixels, straight into the surface's memory where the driver shows it, or into an image that is
 * put.
 */
#include "encode/encoder-vaapi.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <va/va_drmcommon.h>
#include <va/va_vpp.h>

#define MODIFIER_LINEAR	 0
#define PATCHES		 8
#define COLOUR_TOLERANCE 3

void vaapi_input_init(struct vaapi_encoder *e)
{
	struct vaapi_input *in = &e->in;

	in->vpp_config = in->vpp_context = VA_INVALID_ID;
	in->image.image_id = VA_INVALID_ID;
	for (size_t i = 0; i < VAAPI_IMPORTS; i++)
		in->imports[i].surface = VA_INVALID_SURFACE;
}

/* ---- the device's conversion ---- */

static int open_vpp(struct vaapi_encoder *e)
{
	const struct media_mode *m = &e->config.format.mode;
	VADisplay display = e->device.display;
	int r;

	r = vaapi_check(vaCreateConfig(display, VAProfileNone, VAEntrypointVideoProc, NULL, 0,
				       &e->in.vpp_config),
			"vaCreateConfig (VPP)");
	if (r < 0)
		return r;
	return vaapi_check(vaCreateContext(display, e->in.vpp_config, m->width, m->height,
					   VA_PROGRESSIVE, &e->surface, 1, &e->in.vpp_context),
			   "vaCreateContext (VPP)");
}

static VAProcColorStandardType get_standard(enum convert_matrix matrix)
{
	return matrix == CONVERT_BT709 ? VAProcColorStandardBT709 : VAProcColorStandardBT601;
}

/* Ranges are said for both sides: left to itself a driver crushed the shadows (wf-recorder 33). */
static int convert_by_device(struct vaapi_encoder *e, VASurfaceID from)
{
	const struct media_mode *m = &e->config.format.mode;
	const VARectangle all = { 0, 0, m->width, m->height };
	VAProcPipelineParameterBuffer p = {
		.surface = from,
		.surface_region = &all,
		.surface_color_standard = VAProcColorStandardBT709,
		.output_region = &all,
		.output_background_color = 0xff000000,
		.output_color_standard = get_standard(e->matrix),
		.filter_flags = VA_FILTER_SCALING_FAST,
		.input_color_properties.color_range = VA_SOURCE_RANGE_FULL,
		.output_color_properties.color_range = VA_SOURCE_RANGE_REDUCED,
	};
	VADisplay display = e->device.display;
	VABufferID buffer;
	int r, s;

	r = vaapi_check(vaCreateBuffer(display, e->in.vpp_context,
				       VAProcPipelineParameterBufferType, sizeof(p), 1, &p,
				       &buffer),
			"vaCreateBuffer (VPP)");
	if (r < 0)
		return r;
	r = vaapi_check(vaBeginPicture(display, e->in.vpp_context, e->surface),
			"vaBeginPicture (VPP)");
	if (r == 0) {
		r = vaapi_check(vaRenderPicture(display, e->in.vpp_context, &buffer, 1),
				"vaRenderPicture (VPP)");
		s = vaapi_check(vaEndPicture(display, e->in.vpp_context), "vaEndPicture (VPP)");
		r = r < 0 ? r : s;
	}
	(void)vaDestroyBuffer(display, buffer);
	return r;
}

/* ---- import ---- */

static VASurfaceID import(struct vaapi_encoder *e, const struct frame *f, uint64_t size)
{
	VADRMPRIMESurfaceDescriptor d = {
		.fourcc = VA_FOURCC_BGRX,
		.width = f->width,
		.height = f->height,
		.num_objects = 1,
		.objects = { { .fd = f->dmabuf_fd,
			       .size = (uint32_t)(size < UINT32_MAX ? size : 0),
			       .drm_format_modifier = MODIFIER_LINEAR } },
		.num_layers = 1,
		.layers = { { .drm_format = MEDIA_FOURCC_XRGB8888,
			      .num_planes = 1,
			      .offset = { f->dmabuf_offset },
			      .pitch = { f->pitches[0] } } },
	};
	VASurfaceAttrib attributes[] = {
		{ VASurfaceAttribMemoryType,
		  VA_SURFACE_ATTRIB_SETTABLE,
		  { VAGenericValueTypeInteger, { .i = VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2 } } },
		{ VASurfaceAttribExternalBufferDescriptor,
		  VA_SURFACE_ATTRIB_SETTABLE,
		  { VAGenericValueTypePointer, { .p = &d } } },
	};
	VASurfaceID surface = VA_INVALID_SURFACE;

	/* iHD takes whole lines of an offset and drops the rest: the wrong part of a wide screen. */
	if (f->pitches[0] % e->device.quirk->pitch_align != 0 ||
	    f->dmabuf_offset % f->pitches[0] != 0) {
		log_debug("vaapi: a pitch of %u from %u on is not for this device", f->pitches[0],
			  f->dmabuf_offset);
		return VA_INVALID_SURFACE;
	}
	if (vaapi_check(vaCreateSurfaces(e->device.display, VA_RT_FORMAT_RGB32, f->width, f->height,
					 &surface, 1, attributes, 2),
			"vaCreateSurfaces (import)") < 0)
		return VA_INVALID_SURFACE;
	return surface;
}

static void forget(struct vaapi_encoder *e, struct vaapi_import *i)
{
	if (i->surface != VA_INVALID_SURFACE)
		(void)vaDestroySurfaces(e->device.display, &i->surface, 1);
	*i = (struct vaapi_import){ .surface = VA_INVALID_SURFACE };
}

static bool is_same(const struct vaapi_import *a, const struct vaapi_import *b)
{
	return a->dev == b->dev && a->id == b->id && a->pitch == b->pitch && a->offset == b->offset;
}

/* The buffer's, made now or before; NULL: refused, now or before. */
static struct vaapi_import *get_import(struct vaapi_encoder *e, const struct frame *f)
{
	struct vaapi_import *oldest = e->in.imports;
	struct vaapi_import wanted = { .id = f->buffer,
				       .pitch = f->pitches[0],
				       .offset = f->dmabuf_offset };
	struct stat st;

	if (fstat(f->dmabuf_fd, &st) < 0)
		return NULL;
	if (!f->buffer) {
		wanted.dev = st.st_dev;
		wanted.id = st.st_ino;
	}
	for (size_t i = 0; i < VAAPI_IMPORTS; i++) {
		struct vaapi_import *known = &e->in.imports[i];

		if (known->used && is_same(known, &wanted)) {
			known->used = ++e->in.uses;
			return known->surface == VA_INVALID_SURFACE ? NULL : known;
		}
		if (known->used < oldest->used)
			oldest = known;
	}
	forget(e, oldest);
	wanted.surface = import(e, f, (uint64_t)st.st_size);
	wanted.used = ++e->in.uses;
	*oldest = wanted;
	return oldest->surface == VA_INVALID_SURFACE ? NULL : oldest;
}

/*
 * What was accepted, and cannot be read after all, is refused from now on: -EOPNOTSUPP. What has been
 * read before is as good as ever, and the device is not well.
 */
static int convert_import(struct vaapi_encoder *e, struct vaapi_import *import)
{
	int r = convert_by_device(e, import->surface);

	if (r < 0 && import->works)
		return r;
	import->works = r == 0;
	if (r == 0)
		return 0;
	(void)vaDestroySurfaces(e->device.display, &import->surface, 1);
	import->surface = VA_INVALID_SURFACE;
	return -EOPNOTSUPP;
}

/* ---- upload ---- */

static bool find_format(VADisplay display, uint32_t fourcc, VAImageFormat *ret)
{
	VAImageFormat formats[64];
	int count = vaMaxNumImageFormats(display);

	if (count <= 0 || count > 64 ||
	    vaQueryImageFormats(display, formats, &count) != VA_STATUS_SUCCESS)
		return false;
	for (int i = 0; i < count; i++) {
		if (formats[i].fourcc != fourcc)
			continue;
		*ret = formats[i];
		return true;
	}
	return false;
}

static int create_image(struct vaapi_encoder *e, uint32_t fourcc, VAImage *ret)
{
	const struct media_mode *m = &e->config.format.mode;
	VAImageFormat format;

	if (!find_format(e->device.display, fourcc, &format))
		return -EOPNOTSUPP;
	return vaapi_check(vaCreateImage(e->device.display, &format, m->width, m->height, ret),
			   "vaCreateImage");
}

/* The surface's own memory where the driver shows it as NV12, else memory to be put. */
static int open_image(struct vaapi_encoder *e)
{
	struct vaapi_input *in = &e->in;

	if (in->image.image_id != VA_INVALID_ID)
		return 0;
	if (!e->device.quirk->no_derive &&
	    vaapi_check(vaDeriveImage(e->device.display, e->surface, &in->image),
			"vaDeriveImage") == 0) {
		in->derived = in->image.format.fourcc == VA_FOURCC_NV12;
		if (in->derived)
			return 0;
		(void)vaDestroyImage(e->device.display, in->image.image_id);
	}
	in->image.image_id = VA_INVALID_ID;
	in->derived = false;
	return create_image(e, VA_FOURCC_NV12, &in->image);
}

static void copy_lines(uint8_t *to, uint32_t to_pitch, const uint8_t *from, uint32_t from_pitch,
		       unsigned int width, unsigned int lines)
{
	for (unsigned int y = 0; y < lines; y++)
		memcpy(to + (size_t)y * to_pitch, from + (size_t)y * from_pitch, width);
}

static void interleave(uint8_t *to, uint32_t to_pitch, const struct frame *f)
{
	for (unsigned int y = 0; y < f->height / 2u; y++) {
		const uint8_t *u = f->planes[1] + (size_t)y * f->pitches[1];
		const uint8_t *v = f->planes[2] + (size_t)y * f->pitches[2];
		uint8_t *uv = to + (size_t)y * to_pitch;

		for (unsigned int x = 0; x < f->width / 2u; x++) {
			uv[2 * x] = u[x];
			uv[2 * x + 1] = v[x];
		}
	}
}

/* The lines to convert: where the surface still holds the frame before, only what changed. */
static void get_lines(const struct vaapi_input *in, const struct frame *f, unsigned int *ret_from,
		      unsigned int *ret_end)
{
	const struct media_rect *d = &f->damage;

	*ret_from = 0;
	*ret_end = f->height;
	if (!in->last_uploaded)
		return;
	if (f->number == in->last_number)
		*ret_end = 0;
	else if (f->number == in->last_number + 1 && d->width > 0 && d->height > 0 &&
		 d->y + d->height <= f->height) {
		*ret_from = d->y & ~1u;
		*ret_end = (d->y + d->height + 1u) & ~1u;
	}
}

static int fill(struct vaapi_encoder *e, const struct frame *f, uint8_t *memory)
{
	const VAImage *i = &e->in.image;
	uint8_t *luma = memory + i->offsets[0], *chroma = memory + i->offsets[1];
	struct convert_source source = { .pixels = f->planes[0], .pitch = f->pitches[0] };
	struct convert_target target = { .layout = CONVERT_NV12,
					 .planes = { luma, chroma },
					 .pitches = { i->pitches[0], i->pitches[1] } };
	unsigned int from, end;

	if (convert_format_from_fourcc(f->fourcc, &source.format)) {
		get_lines(&e->in, f, &from, &end);
		convert_rows(e->matrix, &source, &target, f->width, from, end);
		return 0;
	}
	switch (f->fourcc) {
	case MEDIA_FOURCC_NV12:
		copy_lines(luma, i->pitches[0], f->planes[0], f->pitches[0], f->width, f->height);
		copy_lines(chroma, i->pitches[1], f->planes[1], f->pitches[1], f->width,
			   f->height / 2u);
		return 0;
	case MEDIA_FOURCC_YUV420:
		copy_lines(luma, i->pitches[0], f->planes[0], f->pitches[0], f->width, f->height);
		interleave(chroma, i->pitches[1], f);
		return 0;
	}
	return -EOPNOTSUPP;
}

static int upload(struct vaapi_encoder *e, const struct frame *f)
{
	VADisplay display = e->device.display;
	void *memory;
	int r;

	r = open_image(e);
	if (r < 0)
		return r;
	r = vaapi_check(vaMapBuffer(display, e->in.image.buf, &memory), "vaMapBuffer (image)");
	if (r < 0)
		return r;
	r = fill(e, f, memory);
	(void)vaUnmapBuffer(display, e->in.image.buf);
	if (r < 0 || e->in.derived)
		return r;
	return vaapi_check(vaPutImage(display, e->surface, e->in.image.image_id, 0, 0, f->width,
				      f->height, 0, 0, f->width, f->height),
			   "vaPutImage");
}

/* ---- either way ---- */

/*
 * The desktop's buffer is read once ours is written. Ours is waited for, as a driver may know of
 * nothing to wait for at the other (radeonsi's fences belong to targets), and before the encoding,
 * which would be waited for as well. Older Mesa's vaSyncSurface does not wait for a conversion: so
 * the kernel's fences of the desktop's buffer are waited for as well.
 */
static int wait_for_conversion(struct vaapi_encoder *e, const struct frame *f)
{
	struct pollfd readers = { .fd = f->dmabuf_fd, .events = POLLOUT };
	int r = vaapi_check(vaSyncSurface(e->device.display, e->surface), "vaSyncSurface");

	if (r == 0 &&
	    poll(&readers, 1,
		 (int)(clock_stretched_us(VAAPI_LIMIT_MS * USEC_PER_MSEC) / USEC_PER_MSEC)) == 0)
		r = -ETIMEDOUT;
	e->encoder.converted_ns = clock_now_ns();
	return r;
}

int vaapi_input_put(struct vaapi_encoder *e, const struct frame *f)
{
	struct vaapi_import *imported = NULL;
	int r;

	if (f->dmabuf_fd >= 0 && f->fourcc == MEDIA_FOURCC_XRGB8888 &&
	    e->in.vpp_context != VA_INVALID_ID)
		imported = get_import(e, f);
	e->encoder.by_device = imported != NULL;
	e->encoder.converted_ns = 0;
	if (imported) {
		e->in.last_uploaded = false;
		r = convert_import(e, imported);
		if (r != -EOPNOTSUPP)
			return r < 0 ? r : wait_for_conversion(e, f);
		e->encoder.by_device = false;
	}
	if (!f->planes[0])
		return -EOPNOTSUPP;
	r = upload(e, f);
	e->encoder.converted_ns = clock_now_ns();
	e->in.last_uploaded = r == 0 && f->fourcc != MEDIA_FOURCC_NV12 &&
			      f->fourcc != MEDIA_FOURCC_YUV420;
	e->in.last_number = f->number;
	return r;
}

int vaapi_input_open(struct vaapi_encoder *e)
{
	return e->choice.vpp == VAAPI_VPP_NONE ? 0 : open_vpp(e);
}

void vaapi_input_close(struct vaapi_encoder *e)
{
	VADisplay display = e->device.display;

	for (size_t i = 0; i < VAAPI_IMPORTS; i++)
		forget(e, &e->in.imports[i]);
	if (e->in.image.image_id != VA_INVALID_ID)
		(void)vaDestroyImage(display, e->in.image.image_id);
	if (e->in.vpp_context != VA_INVALID_ID)
		(void)vaDestroyContext(display, e->in.vpp_context);
	if (e->in.vpp_config != VA_INVALID_ID)
		(void)vaDestroyConfig(display, e->in.vpp_config);
	vaapi_input_init(e);
}

/* ---- colours ---- */

/* Eight bars, whose colours tell matrices and ranges apart. */
static uint32_t patch_colour(unsigned int number)
{
	static const uint32_t colours[PATCHES] = { 0x000000, 0xffffff, 0xff0000, 0x00ff00,
						   0x0000ff, 0xffff00, 0x102030, 0x808080 };

	return colours[number];
}

static int draw_patches(struct vaapi_encoder *e, VASurfaceID surface)
{
	const struct media_mode *m = &e->config.format.mode;
	VADisplay display = e->device.display;
	VAImage image;
	uint8_t *memory;
	int r;

	r = create_image(e, VA_FOURCC_BGRX, &image);
	if (r < 0)
		return r;
	r = vaapi_check(vaMapBuffer(display, image.buf, (void **)&memory), "vaMapBuffer (image)");
	if (r == 0) {
		for (unsigned int y = 0; y < m->height; y++)
			for (unsigned int x = 0; x < m->width; x++) {
				uint32_t pixel = patch_colour(x * PATCHES / m->width);

				memcpy(memory + image.offsets[0] + (size_t)y * image.pitches[0] +
					       (size_t)x * 4,
				       &pixel, sizeof(pixel));
			}
		(void)vaUnmapBuffer(display, image.buf);
		r = vaapi_check(vaPutImage(display, surface, image.image_id, 0, 0, m->width,
					   m->height, 0, 0, m->width, m->height),
				"vaPutImage");
	}
	(void)vaDestroyImage(display, image.image_id);
	return r;
}

static bool is_near(const uint8_t *a, const uint8_t *b)
{
	for (int i = 0; i < 3; i++)
		if (a[i] + COLOUR_TOLERANCE < b[i] || b[i] + COLOUR_TOLERANCE < a[i])
			return false;
	return true;
}

/* What convert.c, which is exact, makes of a patch. */
static void get_expected(enum convert_matrix matrix, unsigned int number, uint8_t ret[3])
{
	uint32_t pixels[4] = { patch_colour(number), patch_colour(number), patch_colour(number),
			       patch_colour(number) };
	uint8_t luma[4], chroma[2];
	struct convert_source source = { .pixels = (const uint8_t *)pixels, .pitch = 8 };
	struct convert_target target = { .layout = CONVERT_NV12,
					 .planes = { luma, chroma },
					 .pitches = { 2, 2 } };

	convert_rows(matrix, &source, &target, 2, 0, 2);
	ret[0] = luma[0];
	ret[1] = chroma[0];
	ret[2] = chroma[1];
}

/* The middle of each patch, as the surface has it. */
static int read_patches(struct vaapi_encoder *e, uint8_t ret[PATCHES][3])
{
	const struct media_mode *m = &e->config.format.mode;
	VADisplay display = e->device.display;
	unsigned int y = m->height / 2u;
	const uint8_t *memory;
	VAImage image;
	int r;

	r = create_image(e, VA_FOURCC_NV12, &image);
	if (r < 0)
		return r;
	r = vaapi_check(vaSyncSurface(display, e->surface), "vaSyncSurface");
	if (r == 0)
		r = vaapi_check(
			vaGetImage(display, e->surface, 0, 0, m->width, m->height, image.image_id),
			"vaGetImage");
	if (r == 0)
		r = vaapi_check(vaMapBuffer(display, image.buf, (void **)&memory), "vaMapBuffer");
	for (unsigned int i = 0; i < PATCHES && r == 0; i++) {
		unsigned int x = (2 * i + 1) * m->width / (2 * PATCHES) & ~1u;
		const uint8_t *uv =
			memory + image.offsets[1] + (size_t)(y / 2) * image.pitches[1] + x;

		ret[i][0] = memory[image.offsets[0] + (size_t)y * image.pitches[0] + x];
		ret[i][1] = uv[0];
		ret[i][2] = uv[1];
	}
	if (r == 0)
		(void)vaUnmapBuffer(display, image.buf);
	(void)vaDestroyImage(display, image.image_id);
	return r;
}

static bool has_colours(const uint8_t patches[PATCHES][3], enum convert_matrix matrix)
{
	for (unsigned int i = 0; i < PATCHES; i++) {
		uint8_t expected[3];

		get_expected(matrix, i, expected);
		if (!is_near(patches[i], expected))
			return false;
	}
	return true;
}

static int try_matrix(struct vaapi_encoder *e, VASurfaceID surface, enum convert_matrix matrix,
		      uint8_t ret[PATCHES][3])
{
	int r;

	e->matrix = matrix;
	r = convert_by_device(e, surface);
	return r < 0 ? r : read_patches(e, ret);
}

static enum vaapi_vpp judge(struct vaapi_encoder *e, VASurfaceID surface)
{
	uint8_t bt601[PATCHES][3], bt709[PATCHES][3];

	if (draw_patches(e, surface) < 0 || try_matrix(e, surface, CONVERT_BT601, bt601) < 0 ||
	    try_matrix(e, surface, CONVERT_BT709, bt709) < 0)
		return VAAPI_VPP_NONE;
	if (has_colours(bt601, CONVERT_BT601) && has_colours(bt709, CONVERT_BT709))
		return VAAPI_VPP_OBEYS;
	if (has_colours(bt601, CONVERT_BT601) && has_colours(bt709, CONVERT_BT601))
		return VAAPI_VPP_BT601;
	if (has_colours(bt601, CONVERT_BT709) && has_colours(bt709, CONVERT_BT709))
		return VAAPI_VPP_BT709;
	log_debug("vaapi: the colours of the device's conversion are wrong");
	return VAAPI_VPP_NONE;
}

enum vaapi_vpp vaapi_input_check_colours(struct vaapi_encoder *e)
{
	const struct media_mode *m = &e->config.format.mode;
	enum convert_matrix before = e->matrix;
	enum vaapi_vpp found;
	VASurfaceID surface;

	if (e->in.vpp_context == VA_INVALID_ID && open_vpp(e) < 0)
		return VAAPI_VPP_NONE;
	if (vaapi_check(vaCreateSurfaces(e->device.display, VA_RT_FORMAT_RGB32, m->width, m->height,
					 &surface, 1, NULL, 0),
			"vaCreateSurfaces (RGB)") < 0)
		return VAAPI_VPP_NONE;
	found = judge(e, surface);
	(void)vaDestroySurfaces(e->device.display, &surface, 1);
	e->matrix = before;
	return found;
}

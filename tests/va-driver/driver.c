// SPDX-License-Identifier: GPL-2.0-or-later
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <va/va_backend_vpp.h>
#include <va/va_drmcommon.h>
#include <va/va_vpp.h>

static bool is_h264(VAProfile profile)
{
	return profile == VAProfileH264ConstrainedBaseline || profile == VAProfileH264Main ||
	       profile == VAProfileH264High;
}

/* ---- what it can do ---- */

static VAStatus query_profiles(VADriverContextP va, VAProfile *ret, int *count)
{
	int n = 0;

	if (!get_driver(va)->personality.no_vpp)
		ret[n++] = VAProfileNone;
	ret[n++] = VAProfileH264ConstrainedBaseline;
	ret[n++] = VAProfileH264Main;
	ret[n++] = VAProfileH264High;
	*count = n;
	return VA_STATUS_SUCCESS;
}

static VAStatus query_entrypoints(VADriverContextP va, VAProfile profile, VAEntrypoint *ret,
				  int *count)
{
	const struct personality *p = &get_driver(va)->personality;
	int n = 0;

	if (profile == VAProfileNone && !p->no_vpp)
		ret[n++] = VAEntrypointVideoProc;
	else if (!is_h264(profile))
		return VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
	if (is_h264(profile) && p->rc_slice)
		ret[n++] = VAEntrypointEncSlice;
	if (is_h264(profile) && p->rc_lp)
		ret[n++] = VAEntrypointEncSliceLP;
	*count = n;
	return VA_STATUS_SUCCESS;
}

static uint32_t rate_controls(const struct personality *p, VAEntrypoint entrypoint)
{
	return entrypoint == VAEntrypointEncSliceLP ? p->rc_lp : p->rc_slice;
}

static uint32_t encoder_attribute(const struct personality *p, VAEntrypoint entrypoint,
				  VAConfigAttribType type)
{
	const VAConfigAttribValMaxFrameSize max = { .bits.max_frame_size = 1 };

	switch ((int)type) {
	case VAConfigAttribRTFormat:
		return VA_RT_FORMAT_YUV420;
	case VAConfigAttribRateControl:
		return rate_controls(p, entrypoint);
	case VAConfigAttribEncPackedHeaders:
		return p->packed;
	case VAConfigAttribEncMaxRefFrames:
		return 1;
	case VAConfigAttribEncMaxSlices:
		return SLICES_MAX;
	case VAConfigAttribEncSliceStructure:
		return VA_ENC_SLICE_STRUCTURE_ARBITRARY_ROWS;
	case VAConfigAttribMaxPictureWidth:
	case VAConfigAttribMaxPictureHeight:
		return 4096;
	case VAConfigAttribEncQualityRange:
		return p->quality_levels ? p->quality_levels : VA_ATTRIB_NOT_SUPPORTED;
	case VAConfigAttribMaxFrameSize:
		return p->max_frame_size ? max.value : VA_ATTRIB_NOT_SUPPORTED;
	case VAConfigAttribEncIntraRefresh:
		return p->intra_refresh ? VA_ENC_INTRA_REFRESH_ROLLING_COLUMN |
						  VA_ENC_INTRA_REFRESH_ROLLING_ROW
					: VA_ATTRIB_NOT_SUPPORTED;
	}
	return VA_ATTRIB_NOT_SUPPORTED;
}

static VAStatus get_attributes(VADriverContextP va, VAProfile profile, VAEntrypoint entrypoint,
			       VAConfigAttrib *attributes, int count)
{
	const struct personality *p = &get_driver(va)->personality;

	for (int i = 0; i < count; i++) {
		if (profile != VAProfileNone)
			attributes[i].value = encoder_attribute(p, entrypoint, attributes[i].type);
		else if (attributes[i].type == VAConfigAttribRTFormat)
			attributes[i].value = VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_RGB32;
		else
			attributes[i].value = VA_ATTRIB_NOT_SUPPORTED;
	}
	return VA_STATUS_SUCCESS;
}

/* ---- configurations ---- */

static VAStatus check_config(const struct personality *p, const struct config *c)
{
	if (c->profile == VAProfileNone)
		return !p->no_vpp && c->entrypoint == VAEntrypointVideoProc
			       ? VA_STATUS_SUCCESS
			       : VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
	if (!is_h264(c->profile))
		return VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
	if (c->entrypoint != VAEntrypointEncSlice && c->entrypoint != VAEntrypointEncSliceLP)
		return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
	if (rate_controls(p, c->entrypoint) == 0)
		return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
	if (c->rc & ~rate_controls(p, c->entrypoint) || c->packed & ~p->packed)
		return VA_STATUS_ERROR_ATTR_NOT_SUPPORTED;
	return VA_STATUS_SUCCESS;
}

static VAStatus create_config(VADriverContextP va, VAProfile profile, VAEntrypoint entrypoint,
			      VAConfigAttrib *attributes, int count, VAConfigID *ret)
{
	struct driver *d = get_driver(va);
	struct config *c = calloc(1, sizeof(*c));
	VAStatus status;

	if (!c)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	c->profile = profile;
	c->entrypoint = entrypoint;
	c->rc = VA_RC_CQP;
	for (int i = 0; i < count; i++) {
		if (attributes[i].type == VAConfigAttribRateControl)
			c->rc = attributes[i].value;
		else if (attributes[i].type == VAConfigAttribEncPackedHeaders)
			c->packed = attributes[i].value;
	}
	status = d->lost ? VA_STATUS_ERROR_HW_BUSY : check_config(&d->personality, c);
	if (status != VA_STATUS_SUCCESS) {
		free(c);
		return status;
	}
	*ret = object_add(d, OBJECT_CONFIG, c);
	return VA_STATUS_SUCCESS;
}

static VAStatus destroy_config(VADriverContextP va, VAConfigID id)
{
	struct config *c = object_take(get_driver(va), id, OBJECT_CONFIG);

	if (!c)
		return client_fault(VA_STATUS_ERROR_INVALID_CONFIG, "destroys no configuration");
	free(c);
	return VA_STATUS_SUCCESS;
}

static VAStatus query_config(VADriverContextP va, VAConfigID id, VAProfile *profile,
			     VAEntrypoint *entrypoint, VAConfigAttrib *attributes, int *count)
{
	struct config *c = object_get(get_driver(va), id, OBJECT_CONFIG);

	if (!c)
		return VA_STATUS_ERROR_INVALID_CONFIG;
	*profile = c->profile;
	*entrypoint = c->entrypoint;
	attributes[0] = (VAConfigAttrib){ VAConfigAttribRateControl, c->rc };
	*count = 1;
	return VA_STATUS_SUCCESS;
}

/* ---- contexts ---- */

static VAStatus create_context(VADriverContextP va, VAConfigID config, int width, int height,
			       int flag, VASurfaceID *targets, int count, VAContextID *ret)
{
	struct driver *d = get_driver(va);
	struct config *g = object_get(d, config, OBJECT_CONFIG);
	struct context *c;

	(void)width;
	(void)height;
	(void)flag;
	(void)targets;
	(void)count;
	if (!g)
		return VA_STATUS_ERROR_INVALID_CONFIG;
	c = calloc(1, sizeof(*c));
	if (!c)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	c->driver = d;
	c->config = *g;
	c->last_reconstructed = VA_INVALID_ID;
	*ret = object_add(d, OBJECT_CONTEXT, c);
	return VA_STATUS_SUCCESS;
}

static VAStatus destroy_context(VADriverContextP va, VAContextID id)
{
	struct context *c = object_take(get_driver(va), id, OBJECT_CONTEXT);

	if (!c)
		return client_fault(VA_STATUS_ERROR_INVALID_CONTEXT, "destroys no context");
	encode_close(c);
	free(c->pipeline);
	free(c);
	return VA_STATUS_SUCCESS;
}

/* ---- one picture ---- */

static VAStatus begin(VADriverContextP va, VAContextID context, VASurfaceID target)
{
	struct driver *d = get_driver(va);
	struct context *c = object_get(d, context, OBJECT_CONTEXT);
	struct surface *s = object_get(d, target, OBJECT_SURFACE);

	if (!c)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	if (!s || c->begun)
		return client_fault(VA_STATUS_ERROR_INVALID_SURFACE, "begins a picture on %s",
				    s ? "another" : "no surface");
	if (s->fourcc != VA_FOURCC_NV12)
		return client_fault(VA_STATUS_ERROR_INVALID_SURFACE, "begins on an RGB surface");
	c->begun = true;
	c->target = target;
	return VA_STATUS_SUCCESS;
}

static VAStatus render(VADriverContextP va, VAContextID context, VABufferID *buffers, int count)
{
	struct driver *d = get_driver(va);
	struct context *c = object_get(d, context, OBJECT_CONTEXT);
	VAStatus status = VA_STATUS_SUCCESS;

	if (!c || !c->begun)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	for (int i = 0; i < count && status == VA_STATUS_SUCCESS; i++) {
		struct buffer *b = object_get(d, buffers[i], OBJECT_BUFFER);

		if (!b || b->mapped)
			return client_fault(VA_STATUS_ERROR_INVALID_BUFFER, "renders no buffer");
		status = c->config.profile == VAProfileNone ? vpp_render(c, b)
							    : encode_render(c, b);
	}
	return status;
}

static VAStatus end(VADriverContextP va, VAContextID context)
{
	struct driver *d = get_driver(va);
	struct context *c = object_get(d, context, OBJECT_CONTEXT);

	if (!c || !c->begun)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	c->begun = false;
	if (d->lost)
		return VA_STATUS_ERROR_HW_BUSY;
	return c->config.profile == VAProfileNone ? vpp_end(d, c) : encode_end(d, c);
}

/* ---- video processing's questions ---- */

static VAStatus query_filters(VADriverContextP va, VAContextID context, VAProcFilterType *filters,
			      unsigned int *count)
{
	(void)va;
	(void)context;
	(void)filters;
	*count = 0;
	return VA_STATUS_SUCCESS;
}

static VAStatus query_filter(VADriverContextP va, VAContextID context, VAProcFilterType type,
			     void *caps, unsigned int *count)
{
	(void)type;
	(void)caps;
	return query_filters(va, context, NULL, count);
}

static VAStatus query_pipeline(VADriverContextP va, VAContextID context, VABufferID *filters,
			       unsigned int count, VAProcPipelineCaps *caps)
{
	static VAProcColorStandardType standards[] = { VAProcColorStandardBT601,
						       VAProcColorStandardBT709 };

	(void)va;
	(void)context;
	(void)filters;
	(void)count;
	*caps = (VAProcPipelineCaps){
		.input_color_standards = standards,
		.num_input_color_standards = 2,
		.output_color_standards = standards,
		.num_output_color_standards = 2,
		.max_input_width = 4096,
		.max_input_height = 4096,
		.min_input_width = 16,
		.min_input_height = 16,
		.max_output_width = 4096,
		.max_output_height = 4096,
		.min_output_width = 16,
		.min_output_height = 16,
	};
	return VA_STATUS_SUCCESS;
}

/* ---- what libva insists on, and nobody uses ---- */

static VAStatus query_subpictures(VADriverContextP va, VAImageFormat *formats, unsigned int *flags,
				  unsigned int *count)
{
	(void)va;
	(void)formats;
	(void)flags;
	*count = 0;
	return VA_STATUS_SUCCESS;
}

static VAStatus query_display(VADriverContextP va, VADisplayAttribute *attributes, int *count)
{
	(void)va;
	(void)attributes;
	*count = 0;
	return VA_STATUS_SUCCESS;
}

static VAStatus no_palette(VADriverContextP va, VAImageID i, unsigned char *p)
{
	(void)va, (void)i, (void)p;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_subpicture(VADriverContextP va, VAImageID i, VASubpictureID *s)
{
	(void)va, (void)i, (void)s;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_destroy(VADriverContextP va, VASubpictureID s)
{
	(void)va, (void)s;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_set_image(VADriverContextP va, VASubpictureID s, VAImageID i)
{
	(void)va, (void)s, (void)i;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_chromakey(VADriverContextP va, VASubpictureID s, unsigned int a, unsigned int b,
			     unsigned int c)
{
	(void)va, (void)s, (void)a, (void)b, (void)c;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_alpha(VADriverContextP va, VASubpictureID s, float a)
{
	(void)va, (void)s, (void)a;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_associate(VADriverContextP va, VASubpictureID s, VASurfaceID *t, int n, short a,
			     short b, unsigned short c, unsigned short d, short e, short f,
			     unsigned short g, unsigned short h, unsigned int i)
{
	(void)va, (void)s, (void)t, (void)n, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
	(void)g, (void)h, (void)i;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_deassociate(VADriverContextP va, VASubpictureID s, VASurfaceID *t, int n)
{
	(void)va, (void)s, (void)t, (void)n;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus no_attributes(VADriverContextP va, VADisplayAttribute *a, int n)
{
	(void)va, (void)a, (void)n;
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static void fill_unused(struct VADriverVTable *t)
{
	t->vaSetImagePalette = no_palette;
	t->vaQuerySubpictureFormats = query_subpictures;
	t->vaCreateSubpicture = no_subpicture;
	t->vaDestroySubpicture = no_destroy;
	t->vaSetSubpictureImage = no_set_image;
	t->vaSetSubpictureChromakey = no_chromakey;
	t->vaSetSubpictureGlobalAlpha = no_alpha;
	t->vaAssociateSubpicture = no_associate;
	t->vaDeassociateSubpicture = no_deassociate;
	t->vaQueryDisplayAttributes = query_display;
	t->vaGetDisplayAttributes = no_attributes;
	t->vaSetDisplayAttributes = no_attributes;
}

/* ---- life ---- */

/* What a client forgot would be a leak of the device's: it is told. */
static VAStatus terminate(VADriverContextP va)
{
	static const char *const names[] = { "",	"configuration", "surface",
					     "context", "buffer",	 "image" };
	struct driver *d = get_driver(va);

	device_stop(d);
	for (unsigned int i = 0; i < OBJECTS_MAX; i++)
		if (d->objects[i])
			client_fault(0, "leaves %s %u behind", names[d->objects[i]->kind], i);
	free(d);
	va->pDriverData = NULL;
	return VA_STATUS_SUCCESS;
}

static void fill_table(struct VADriverVTable *t)
{
	fill_unused(t);
	surface_table(t);
	t->vaTerminate = terminate;
	t->vaQueryConfigProfiles = query_profiles;
	t->vaQueryConfigEntrypoints = query_entrypoints;
	t->vaGetConfigAttributes = get_attributes;
	t->vaCreateConfig = create_config;
	t->vaDestroyConfig = destroy_config;
	t->vaQueryConfigAttributes = query_config;
	t->vaCreateContext = create_context;
	t->vaDestroyContext = destroy_context;
	t->vaBeginPicture = begin;
	t->vaRenderPicture = render;
	t->vaEndPicture = end;
}

/* libva looks for the entry of its own version first, and then for those of older ones. */
#define INIT_OF(major, minor) __vaDriverInit_##major##_##minor
#define INIT_BY(major, minor) INIT_OF(major, minor)
#define INIT_FUNCTION	      INIT_BY(VA_MAJOR_VERSION, VA_MINOR_VERSION)

__attribute__((visibility("default"))) VAStatus INIT_FUNCTION(VADriverContextP va);

/* The shim has two nodes, of which /dev/zero is the second. */
static bool is_second(VADriverContextP va)
{
	const struct drm_state *drm = va->drm_state;
	struct stat st;

	return drm && fstat(drm->fd, &st) == 0 && st.st_rdev == makedev(1, 5);
}

VAStatus INIT_FUNCTION(VADriverContextP va)
{
	struct driver *d = calloc(1, sizeof(*d));

	if (!d || !personality_get(is_second(va), &d->personality) || device_start(d) < 0) {
		free(d);
		return VA_STATUS_ERROR_OPERATION_FAILED;
	}
	d->formats[0] = (VAImageFormat){ .fourcc = VA_FOURCC_NV12,
					 .byte_order = VA_LSB_FIRST,
					 .bits_per_pixel = 12 };
	d->formats[1] = (VAImageFormat){ .fourcc = VA_FOURCC_BGRX,
					 .byte_order = VA_LSB_FIRST,
					 .bits_per_pixel = 32,
					 .depth = 24,
					 .red_mask = 0xff0000,
					 .green_mask = 0xff00,
					 .blue_mask = 0xff };
	va->pDriverData = d;
	va->version_major = VA_MAJOR_VERSION;
	va->version_minor = VA_MINOR_VERSION;
	va->max_profiles = 4;
	va->max_entrypoints = 2;
	va->max_attributes = 16;
	va->max_image_formats = 2;
	va->max_subpic_formats = 1;
	va->max_display_attributes = 1;
	va->str_vendor = d->personality.vendor;
	fill_table(va->vtable);
	if (va->vtable_vpp) {
		va->vtable_vpp->vaQueryVideoProcFilters = query_filters;
		va->vtable_vpp->vaQueryVideoProcFilterCaps = query_filter;
		va->vtable_vpp->vaQueryVideoProcPipelineCaps = query_pipeline;
	}
	return VA_STATUS_SUCCESS;
}

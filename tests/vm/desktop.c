// SPDX-License-Identifier: GPL-2.0-or-later
/* See desktop.h. */
#include "desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <drm_fourcc.h>

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			printf("not ok desktop: %s: %s\n", #x, strerror(errno));                   \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

uint32_t pattern(uint32_t x, uint32_t y, uint32_t frame)
{
	return ((x * 2654435761u) ^ (y * 40503u) ^ (frame * 0x9e3779b9u)) & 0xffffff;
}

long pattern_differs(const uint32_t *pixels, uint32_t pitch, uint32_t width, uint32_t height,
		     uint32_t frame)
{
	long differ = 0;

	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			differ += (pixels[y * (pitch / 4) + x] & 0xffffff) != pattern(x, y, frame);
	return differ;
}

/* ---- card ---- */

static uint32_t find_plane(struct desktop *desktop)
{
	drmModePlaneRes *planes = drmModeGetPlaneResources(desktop->fd);
	drmModeRes *resources = drmModeGetResources(desktop->fd);
	uint32_t bit = 0, found = 0;

	MUST(planes && resources);
	for (int i = 0; i < resources->count_crtcs; i++)
		if (resources->crtcs[i] == desktop->crtc)
			bit = 1u << i;
	for (uint32_t i = 0; i < planes->count_planes && !found; i++) {
		drmModePlane *plane = drmModeGetPlane(desktop->fd, planes->planes[i]);

		if (plane->possible_crtcs & bit)
			found = plane->plane_id;
		drmModeFreePlane(plane);
	}
	drmModeFreeResources(resources);
	drmModeFreePlaneResources(planes);
	return found;
}

static bool connector_reaches(struct desktop *desktop, drmModeConnector *connector, uint32_t bit)
{
	drmModeEncoder *encoder = drmModeGetEncoder(desktop->fd, connector->encoders[0]);
	bool reaches = encoder && encoder->possible_crtcs & bit;

	drmModeFreeEncoder(encoder);
	return reaches;
}

static uint32_t find_writeback(struct desktop *desktop)
{
	drmModeRes *resources = drmModeGetResources(desktop->fd);
	uint32_t bit = 0, found = 0;

	for (int i = 0; i < resources->count_crtcs; i++)
		if (resources->crtcs[i] == desktop->crtc)
			bit = 1u << i;
	for (int i = 0; i < resources->count_connectors && !found; i++) {
		drmModeConnector *connector =
			drmModeGetConnectorCurrent(desktop->fd, resources->connectors[i]);

		if (connector->connector_type == DRM_MODE_CONNECTOR_WRITEBACK &&
		    connector_reaches(desktop, connector, bit))
			found = connector->connector_id;
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(resources);
	return found;
}

int card_open(const char *driver)
{
	for (int i = 0; i < 8; i++) {
		char path[32];
		drmVersion *version;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		version = fd >= 0 ? drmGetVersion(fd) : NULL;
		if (version && !strcmp(version->name, driver))
			return fd;
		close(fd);
	}
	return -1;
}

void desktop_open(struct desktop *desktop, unsigned int card_minor, uint32_t connector,
		  uint32_t crtc)
{
	char path[64];

	memset(desktop, 0, sizeof(*desktop));
	snprintf(path, sizeof(path), "/dev/dri/card%u", card_minor);
	desktop->fd = open(path, O_RDWR | O_CLOEXEC);
	MUST(desktop->fd >= 0);
	MUST(drmSetClientCap(desktop->fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) == 0);
	MUST(drmSetClientCap(desktop->fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0);
	MUST(drmSetClientCap(desktop->fd, DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1) == 0);
	desktop->connector = connector;
	desktop->crtc = crtc;
	MUST((desktop->plane = find_plane(desktop)));
	MUST((desktop->writeback = find_writeback(desktop)));
}

void desktop_close(struct desktop *desktop)
{
	close(desktop->fd);
}

drmModeConnector *desktop_probe(struct desktop *desktop)
{
	drmModeConnector *connector = drmModeGetConnector(desktop->fd, desktop->connector);

	MUST(connector);
	return connector;
}

static uint32_t find_property(struct desktop *desktop, uint32_t object, const char *name,
			      uint64_t *ret_value)
{
	drmModeObjectProperties *properties =
		drmModeObjectGetProperties(desktop->fd, object, DRM_MODE_OBJECT_ANY);
	uint32_t found = 0;

	MUST(properties);
	for (uint32_t i = 0; i < properties->count_props && !found; i++) {
		drmModePropertyRes *property =
			drmModeGetProperty(desktop->fd, properties->props[i]);

		if (!strcmp(property->name, name)) {
			found = property->prop_id;
			*ret_value = properties->prop_values[i];
		}
		drmModeFreeProperty(property);
	}
	drmModeFreeObjectProperties(properties);
	MUST(found);
	return found;
}

uint32_t desktop_property(struct desktop *desktop, uint32_t object, const char *name)
{
	struct property *known = desktop->known;
	uint64_t value;

	while (known->name && (known->object != object || strcmp(known->name, name) != 0))
		known++;
	if (!known->name) {
		MUST(known < desktop->known + sizeof(desktop->known) / sizeof(*known) - 1);
		*known = (struct property){ object, find_property(desktop, object, name, &value),
					    name };
	}
	return known->id;
}

uint64_t desktop_value(struct desktop *desktop, uint32_t object, const char *name)
{
	uint64_t value = 0;

	find_property(desktop, object, name, &value);
	return value;
}

/* ---- buffers ---- */

void buffer_create(struct buffer *buffer, int fd, uint32_t width, uint32_t height)
{
	struct drm_mode_create_dumb create = { .width = width, .height = height, .bpp = 32 };
	struct drm_mode_map_dumb map = {};

	MUST(drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create) == 0);
	map.handle = create.handle;
	MUST(drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map) == 0);
	*buffer = (struct buffer){
		.width = width,
		.height = height,
		.pitch = create.pitch,
		.handle = create.handle,
		.size = create.size,
		.pixels = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			       map.offset),
	};
	MUST(buffer->pixels != MAP_FAILED);
}

int buffer_add(struct buffer *buffer, struct desktop *desktop, uint32_t format, uint64_t modifier)
{
	struct drm_mode_fb_cmd2 add = {
		.width = buffer->width,
		.height = buffer->height,
		.pixel_format = format,
		.handles = { buffer->handle },
		.pitches = { buffer->pitch },
		.flags = DRM_MODE_FB_MODIFIERS,
		.modifier = { modifier },
	};

	if (drmIoctl(desktop->fd, DRM_IOCTL_MODE_ADDFB2, &add) < 0)
		return -errno;
	buffer->fb = add.fb_id;
	return 0;
}

void buffer_fill(struct buffer *buffer, uint32_t frame)
{
	for (uint32_t y = 0; y < buffer->height; y++)
		for (uint32_t x = 0; x < buffer->width; x++)
			buffer->pixels[y * (buffer->pitch / 4) + x] = pattern(x, y, frame);
}

/* ---- commits ---- */

static void add(struct desktop *desktop, drmModeAtomicReq *request, uint32_t object,
		const char *name, uint64_t value)
{
	MUST(drmModeAtomicAddProperty(request, object, desktop_property(desktop, object, name),
				      value) >= 0);
}

static void add_plane(struct desktop *desktop, drmModeAtomicReq *request,
		      const struct buffer *buffer)
{
	uint32_t plane = desktop->plane;

	add(desktop, request, plane, "CRTC_ID", buffer ? desktop->crtc : 0);
	add(desktop, request, plane, "FB_ID", buffer ? buffer->fb : 0);
	if (!buffer)
		return;
	add(desktop, request, plane, "SRC_X", 0);
	add(desktop, request, plane, "SRC_Y", 0);
	add(desktop, request, plane, "SRC_W", (uint64_t)desktop->mode.hdisplay << 16);
	add(desktop, request, plane, "SRC_H", (uint64_t)desktop->mode.vdisplay << 16);
	add(desktop, request, plane, "CRTC_X", 0);
	add(desktop, request, plane, "CRTC_Y", 0);
	add(desktop, request, plane, "CRTC_W", desktop->mode.hdisplay);
	add(desktop, request, plane, "CRTC_H", desktop->mode.vdisplay);
}

static int commit(struct desktop *desktop, drmModeAtomicReq *request, uint32_t flags)
{
	int r = drmModeAtomicCommit(desktop->fd, request, flags, desktop);

	drmModeAtomicFree(request);
	return r < 0 ? -errno : 0;
}

int desktop_set_mode(struct desktop *desktop, const drmModeModeInfo *mode,
		     const struct buffer *buffer)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	drmModeModeInfo before = desktop->mode;
	uint32_t blob;
	int r;

	MUST(drmModeCreatePropertyBlob(desktop->fd, mode, sizeof(*mode), &blob) == 0);
	desktop->mode = *mode;
	add(desktop, request, desktop->connector, "CRTC_ID", desktop->crtc);
	add(desktop, request, desktop->crtc, "MODE_ID", blob);
	add(desktop, request, desktop->crtc, "ACTIVE", 1);
	add_plane(desktop, request, buffer);
	r = commit(desktop, request, DRM_MODE_ATOMIC_ALLOW_MODESET);
	if (r < 0)
		desktop->mode = before;
	return r;
}

int desktop_switch(struct desktop *desktop, bool active)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();

	add(desktop, request, desktop->crtc, "ACTIVE", active);
	return commit(desktop, request, DRM_MODE_ATOMIC_ALLOW_MODESET);
}

int desktop_off(struct desktop *desktop)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();

	add(desktop, request, desktop->connector, "CRTC_ID", 0);
	add(desktop, request, desktop->writeback, "CRTC_ID", 0);
	add(desktop, request, desktop->crtc, "MODE_ID", 0);
	add(desktop, request, desktop->crtc, "ACTIVE", 0);
	add_plane(desktop, request, NULL);
	return commit(desktop, request, DRM_MODE_ATOMIC_ALLOW_MODESET);
}

int desktop_writeback(struct desktop *desktop, const struct buffer *to, int *ret_fence)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	int32_t fence = -1;
	int r;

	add(desktop, request, desktop->writeback, "CRTC_ID", desktop->crtc);
	add(desktop, request, desktop->writeback, "WRITEBACK_FB_ID", to->fb);
	add(desktop, request, desktop->writeback, "WRITEBACK_OUT_FENCE_PTR", (uintptr_t)&fence);
	r = commit(desktop, request, DRM_MODE_ATOMIC_ALLOW_MODESET);
	if (r == 0)
		*ret_fence = fence;
	return r;
}

int desktop_flip(struct desktop *desktop, const struct buffer *buffer,
		 const struct drm_mode_rect *clip)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	uint32_t blob = 0;

	if (clip)
		MUST(drmModeCreatePropertyBlob(desktop->fd, clip, sizeof(*clip), &blob) == 0);
	add_plane(desktop, request, buffer);
	add(desktop, request, desktop->plane, "FB_DAMAGE_CLIPS", blob);
	return commit(desktop, request, DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK);
}

static void on_flip(int fd, unsigned int sequence, unsigned int seconds, unsigned int microseconds,
		    unsigned int crtc, void *data)
{
	struct desktop *desktop = data;

	(void)fd;
	(void)crtc;
	desktop->flips++;
	desktop->flip_sequence = sequence;
	desktop->flip_us = seconds * 1000000ull + microseconds;
}

void desktop_wait_flip(struct desktop *desktop)
{
	drmEventContext context = { .version = 3, .page_flip_handler2 = on_flip };
	struct pollfd poller = { .fd = desktop->fd, .events = POLLIN };
	unsigned int before = desktop->flips;

	while (desktop->flips == before) {
		MUST(poll(&poller, 1, 60000) == 1);
		MUST(drmHandleEvent(desktop->fd, &context) == 0);
	}
}

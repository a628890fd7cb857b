// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The card as any KMS client may meet it: what is refused, what a legacy client gets, who may do
 * what. That pictures come out right is test-stream.c's matter.
 *
 * Runs as root in the guest of the case "module/kms", with the module loaded and nobody else there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <drm_fourcc.h>
#include <xf86drm.h>

#include "desktop.h"
#include "display.h"
#include "suite.h"

static int control = -1;
static struct miracast_info info;
static struct desktop desktop;
static struct buffer front, back;
static uint8_t edid[128];

static bool test_set_up(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModeConnector *connector;

	control = open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	CHECK(control >= 0 && ioctl(control, MIRACAST_IOC_GET_INFO, &info) == 0);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
	buffer_create(&front, desktop.fd, 640, 480);
	buffer_create(&back, desktop.fd, 640, 480);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(buffer_add(&back, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	connector = desktop_probe(&desktop);
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &front) == 0);
	drmModeFreeConnector(connector);
	return true;
}

static int open_card(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/dri/card%u", info.card_minor);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* ---- what there is ---- */

static bool test_objects(void)
{
	drmModeRes *resources = drmModeGetResources(desktop.fd);
	drmModePlaneRes *planes = drmModeGetPlaneResources(desktop.fd);
	uint64_t value;

	CHECK(resources->count_crtcs == 4 && resources->count_encoders == 8);
	CHECK(resources->count_connectors == 8); /* four of them for writeback */
	CHECK(planes->count_planes == 4);
	CHECK(desktop_value(&desktop, desktop.plane, "type") == DRM_PLANE_TYPE_PRIMARY);
	CHECK(drmGetCap(desktop.fd, DRM_CAP_DUMB_BUFFER, &value) == 0 && value);
	CHECK(drmGetCap(desktop.fd, DRM_CAP_PRIME, &value) == 0 &&
	      value == (DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT));
	CHECK(drmGetCap(desktop.fd, DRM_CAP_TIMESTAMP_MONOTONIC, &value) == 0 && value);
	CHECK(drmGetCap(desktop.fd, DRM_CAP_ASYNC_PAGE_FLIP, &value) == 0 && !value);
	CHECK(drmGetCap(desktop.fd, DRM_CAP_ADDFB2_MODIFIERS, &value) == 0 && value);
	CHECK(drmGetRenderDeviceNameFromFd(desktop.fd) == NULL);
	drmModeFreePlaneResources(planes);
	drmModeFreeResources(resources);
	return true;
}

static drmModePropertyBlobRes *blob_of(uint32_t object, const char *name)
{
	return drmModeGetPropertyBlob(desktop.fd, desktop_value(&desktop, object, name));
}

static bool test_formats(void)
{
	drmModePropertyBlobRes *blob = blob_of(desktop.plane, "IN_FORMATS");
	const struct drm_format_modifier_blob *in = blob->data;
	const struct drm_format_modifier *modifiers =
		(const void *)((const char *)blob->data + in->modifiers_offset);
	const uint32_t *formats = (const void *)((const char *)blob->data + in->formats_offset);

	CHECK(in->count_formats == 2 && in->count_modifiers == 1);
	CHECK(formats[0] == DRM_FORMAT_XRGB8888 && formats[1] == DRM_FORMAT_ARGB8888);
	CHECK(modifiers[0].modifier == DRM_FORMAT_MOD_LINEAR && modifiers[0].formats == 3);
	drmModeFreePropertyBlob(blob);
	blob = blob_of(desktop.writeback, "WRITEBACK_PIXEL_FORMATS");
	CHECK(blob->length == 4 && *(uint32_t *)blob->data == DRM_FORMAT_XRGB8888);
	drmModeFreePropertyBlob(blob);
	return true;
}

/* ---- who may ---- */

static bool test_master(void)
{
	struct desktop second = desktop;
	drm_magic_t magic;

	second.fd = open_card();
	CHECK(second.fd >= 0 && drmSetClientCap(second.fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0);
	CHECK(desktop_switch(&second, true) == -EACCES);
	CHECK_FAILS(drmModeSetCrtc(second.fd, desktop.crtc, 0, 0, 0, NULL, 0, NULL), EACCES);
	CHECK_FAILS(drmSetMaster(second.fd), EBUSY);
	CHECK(drmGetMagic(second.fd, &magic) == 0 && drmAuthMagic(desktop.fd, magic) == 0);
	CHECK_FAILS(drmAuthMagic(desktop.fd, magic + 77), EINVAL);

	CHECK(drmDropMaster(desktop.fd) == 0);
	CHECK(desktop_switch(&desktop, true) == -EACCES);
	CHECK(drmSetMaster(second.fd) == 0);
	CHECK(desktop_switch(&second, false) == 0 && desktop_switch(&second, true) == 0);
	close(second.fd);
	CHECK(drmSetMaster(desktop.fd) == 0);
	return true;
}

static bool test_lease(void)
{
	uint32_t objects[] = { desktop.connector, desktop.crtc, desktop.plane }, lessee;
	struct desktop leased = desktop;
	drmModeRes *resources;

	leased.fd = drmModeCreateLease(desktop.fd, objects, 3, O_CLOEXEC, &lessee);
	CHECK(leased.fd >= 0);
	resources = drmModeGetResources(leased.fd);
	CHECK(resources->count_crtcs == 1 && resources->crtcs[0] == desktop.crtc);
	drmModeFreeResources(resources);
	CHECK(drmSetClientCap(leased.fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0);
	CHECK(desktop_switch(&leased, false) == 0 && desktop_switch(&leased, true) == 0);
	CHECK(drmModeRevokeLease(desktop.fd, lessee) == 0);
	CHECK(drmModeGetResources(leased.fd) == NULL ||
	      drmModeGetResources(leased.fd)->count_crtcs == 0);
	close(leased.fd);
	return true;
}

/* ---- buffers ---- */

static int create_dumb(uint32_t width, uint32_t height, uint32_t bpp)
{
	struct drm_mode_create_dumb create = { .width = width, .height = height, .bpp = bpp };

	if (drmIoctl(desktop.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create) < 0)
		return -1;
	if (create.pitch % 256 || create.pitch < (uint64_t)width * bpp / 8 ||
	    create.size < (uint64_t)create.pitch * height)
		return 1;
	return drmModeDestroyDumbBuffer(desktop.fd, create.handle);
}

static bool test_dumb(void)
{
	CHECK(create_dumb(1, 1, 32) == 0 && create_dumb(333, 7, 32) == 0);
	CHECK(create_dumb(640, 480, 16) == 0 && create_dumb(640, 480, 8) == 0);
	CHECK_FAILS(create_dumb(0, 1, 32), EINVAL);
	CHECK_FAILS(create_dumb(1, 0, 32), EINVAL);
	CHECK_FAILS(create_dumb(1, 1, 0), EINVAL);
	CHECK_FAILS(create_dumb(UINT32_MAX, 1, 32), EINVAL);
	CHECK_FAILS(create_dumb(1u << 20, 1u << 20, 32), EINVAL);
	CHECK_FAILS(drmModeDestroyDumbBuffer(desktop.fd, 4711), EINVAL);
	return true;
}

static int add_fb(struct drm_mode_fb_cmd2 add)
{
	int r = drmIoctl(desktop.fd, DRM_IOCTL_MODE_ADDFB2, &add);

	if (r == 0)
		drmModeRmFB(desktop.fd, add.fb_id);
	return r;
}

static bool test_addfb(void)
{
	const struct drm_mode_fb_cmd2 good = {
		.width = 640, .height = 480, .pixel_format = DRM_FORMAT_XRGB8888,
		.handles = { front.handle }, .pitches = { front.pitch },
	};
	struct drm_mode_fb_cmd2 bad;
	uint32_t fb;

	CHECK(add_fb(good) == 0);
#define FB_REFUSED(change, error)                                                                  \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		CHECK_FAILS(add_fb(bad), error);                                                   \
	} while (0)
	FB_REFUSED(bad.handles[0] = 0, EINVAL);
	FB_REFUSED(bad.handles[0] = 4711, ENOENT);
	FB_REFUSED(bad.flags = DRM_MODE_FB_MODIFIERS; bad.handles[1] = front.handle, EINVAL);
	FB_REFUSED(bad.width = 0, EINVAL);
	FB_REFUSED(bad.height = 0, EINVAL);
	FB_REFUSED(bad.width = 1 << 20, EINVAL);
	FB_REFUSED(bad.height = 481 + 4096 / front.pitch, EINVAL);
	FB_REFUSED(bad.pitches[0] = 640 * 4 - 4, EINVAL);
	FB_REFUSED(bad.pitches[0] += 2, EINVAL);
	FB_REFUSED(bad.offsets[0] = 2, EINVAL);
	FB_REFUSED(bad.offsets[0] = 1 << 20, EINVAL);
	FB_REFUSED(bad.pixel_format = DRM_FORMAT_NV12, EINVAL);
	FB_REFUSED(bad.pixel_format = DRM_FORMAT_XBGR8888, EINVAL);
	FB_REFUSED(bad.pixel_format = 0, EINVAL);
	FB_REFUSED(bad.flags = DRM_MODE_FB_MODIFIERS; bad.modifier[0] = I915_FORMAT_MOD_X_TILED,
		   EINVAL);
	FB_REFUSED(bad.flags = 1u << 31, EINVAL);
	/* A smaller picture in a larger buffer, and the old call. */
	bad = good;
	bad.width = 320;
	bad.offsets[0] = 4 * 320;
	CHECK(add_fb(bad) == 0);
	CHECK(drmModeAddFB(desktop.fd, 640, 480, 24, 32, front.pitch, front.handle, &fb) == 0);
	CHECK(drmModeRmFB(desktop.fd, fb) == 0);
	CHECK_FAILS(drmModeRmFB(desktop.fd, fb), ENOENT);
	return true;
}

static bool test_getfb(void)
{
	drmModeFB *one = drmModeGetFB(desktop.fd, front.fb);
	drmModeFB2 *two = drmModeGetFB2(desktop.fd, front.fb);

	CHECK(one && one->width == 640 && one->height == 480 && one->pitch == front.pitch);
	CHECK(one->depth == 24 && one->bpp == 32 && one->handle);
	CHECK(two && two->pixel_format == DRM_FORMAT_XRGB8888 && two->handles[0]);
	drmModeFreeFB(one);
	drmModeFreeFB2(two);
	CHECK(drmModeGetFB(desktop.fd, desktop.crtc) == NULL);
	return true;
}

/* ---- atomic ---- */

static int try_commit(uint32_t object, const char *name, uint64_t value, uint32_t flags)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	int r;

	drmModeAtomicAddProperty(request, object, desktop_property(&desktop, object, name), value);
	r = drmModeAtomicCommit(desktop.fd, request, flags, &desktop);
	drmModeAtomicFree(request);
	return r;
}

static bool test_blobs(void)
{
	drmModePropertyBlobRes *blob;
	uint32_t id;

	CHECK(drmModeCreatePropertyBlob(desktop.fd, "0123456789", 10, &id) == 0);
	blob = drmModeGetPropertyBlob(desktop.fd, id);
	CHECK(blob && blob->length == 10 && !memcmp(blob->data, "0123456789", 10));
	drmModeFreePropertyBlob(blob);
	/* Neither a mode nor damage. */
	CHECK_FAILS(try_commit(desktop.crtc, "MODE_ID", id, DRM_MODE_ATOMIC_ALLOW_MODESET), EINVAL);
	CHECK_FAILS(try_commit(desktop.plane, "FB_DAMAGE_CLIPS", id, 0), EINVAL);
	CHECK(drmModeDestroyPropertyBlob(desktop.fd, id) == 0);
	CHECK_FAILS(drmModeDestroyPropertyBlob(desktop.fd, id), ENOENT);
	return true;
}

static bool mode_refused(drmModeModeInfo mode)
{
	drmModeModeInfo before = desktop.mode;
	uint32_t blob;
	int r;

	if (drmModeCreatePropertyBlob(desktop.fd, &mode, sizeof(mode), &blob) < 0)
		return true;
	r = try_commit(desktop.crtc, "MODE_ID", blob,
		       DRM_MODE_ATOMIC_ALLOW_MODESET | DRM_MODE_ATOMIC_TEST_ONLY);
	drmModeDestroyPropertyBlob(desktop.fd, blob);
	desktop.mode = before;
	return r < 0 && errno == EINVAL;
}

static bool test_modes(void)
{
	struct miracast_plug plug = display_plug(edid);
	const drmModeModeInfo good = desktop.mode;
	drmModeModeInfo mode;

#define MODE_REFUSED(change)                                                                       \
	do {                                                                                       \
		mode = good;                                                                       \
		change;                                                                            \
		CHECK(mode_refused(mode));                                                         \
	} while (0)
	MODE_REFUSED(mode.clock = INT32_MAX);
	MODE_REFUSED(mode.clock = 0);
	MODE_REFUSED(mode.clock -= 1);
	MODE_REFUSED(mode.htotal += 1);
	MODE_REFUSED(mode.hsync_end = mode.htotal + 1);
	MODE_REFUSED(mode.vdisplay = 0);
	MODE_REFUSED(mode.flags |= DRM_MODE_FLAG_INTERLACE);
	MODE_REFUSED(mode.flags |= DRM_MODE_FLAG_DBLSCAN);
	MODE_REFUSED(mode.flags |= DRM_MODE_FLAG_3D_FRAME_PACKING);
	MODE_REFUSED(mode.flags ^= DRM_MODE_FLAG_NHSYNC | DRM_MODE_FLAG_PHSYNC);

	/* Without a display there is no list, but there are limits. */
	CHECK(ioctl(control, MIRACAST_IOC_UNPLUG) == 0);
	mode = good;
	mode.clock -= 1;
	CHECK(!mode_refused(mode));
	MODE_REFUSED(mode.clock /= 3);
	MODE_REFUSED(mode.vscan = 100);
	MODE_REFUSED(mode.flags |= DRM_MODE_FLAG_INTERLACE);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	return true;
}

/* The display stays on. */
static int take_picture_away(void)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	uint32_t id = desktop.plane;
	int r;

	drmModeAtomicAddProperty(request, id, desktop_property(&desktop, id, "FB_ID"), 0);
	drmModeAtomicAddProperty(request, id, desktop_property(&desktop, id, "CRTC_ID"), 0);
	r = drmModeAtomicCommit(desktop.fd, request, 0, NULL);
	drmModeAtomicFree(request);
	return r;
}

/* A plane has to fill the display, as it is: no windows, no scaling. */
static bool test_plane(void)
{
	CHECK_FAILS(try_commit(desktop.plane, "CRTC_W", 320, 0), ERANGE);
	CHECK_FAILS(try_commit(desktop.plane, "CRTC_X", 1, 0), EINVAL);
	CHECK_FAILS(try_commit(desktop.plane, "SRC_W", 320 << 16, 0), ERANGE);
	CHECK_FAILS(try_commit(desktop.plane, "SRC_X", 1 << 16, 0), ENOSPC);
	CHECK_FAILS(try_commit(desktop.plane, "FB_ID", 0, 0), EINVAL);
	CHECK_FAILS(try_commit(desktop.plane, "FB_ID", desktop.crtc, 0), EINVAL);
	CHECK_FAILS(try_commit(desktop.plane, "CRTC_ID", desktop.connector, 0), EINVAL);
	CHECK_FAILS(take_picture_away(), EINVAL);
	return true;
}

static bool test_flip_rules(void)
{
	unsigned int before = desktop.flips;
	int second;

	/* One at a time; where the guest was slow the first is over already. */
	CHECK(desktop_flip(&desktop, &back, NULL) == 0);
	second = desktop_flip(&desktop, &front, NULL);
	CHECK(second == 0 || second == -EBUSY);
	while (desktop.flips < before + 1 + (second == 0))
		desktop_wait_flip(&desktop);
	CHECK_FAILS(try_commit(desktop.plane, "FB_ID", front.fb, DRM_MODE_PAGE_FLIP_ASYNC),
		    EINVAL);
	CHECK_FAILS(try_commit(desktop.plane, "FB_ID", front.fb,
			       DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_PAGE_FLIP_EVENT), EINVAL);
	/* A mode set has to be called one. */
	CHECK_FAILS(try_commit(desktop.crtc, "ACTIVE", 0, 0), EINVAL);
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK_FAILS(try_commit(desktop.plane, "FB_ID", front.fb, DRM_MODE_PAGE_FLIP_EVENT),
		    EINVAL);
	CHECK(desktop_switch(&desktop, true) == 0);
	return true;
}

static int try_writeback(uint32_t fb, uintptr_t fence)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	uint32_t id = desktop.writeback;
	int r;

	drmModeAtomicAddProperty(request, id, desktop_property(&desktop, id, "CRTC_ID"),
				 desktop.crtc);
	drmModeAtomicAddProperty(request, id, desktop_property(&desktop, id, "WRITEBACK_FB_ID"), fb);
	drmModeAtomicAddProperty(request, id,
				 desktop_property(&desktop, id, "WRITEBACK_OUT_FENCE_PTR"), fence);
	r = drmModeAtomicCommit(desktop.fd, request, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL);
	drmModeAtomicFree(request);
	return r;
}

/* Without the display its list does not matter: try a mode that is not in it. */
static int try_writeback_alone(uint32_t display_crtc)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	drmModeModeInfo mode = desktop.mode;
	uint32_t blob;
	int r;

	mode.clock -= 1;
	drmModeCreatePropertyBlob(desktop.fd, &mode, sizeof(mode), &blob);
	drmModeAtomicAddProperty(request, desktop.connector,
				 desktop_property(&desktop, desktop.connector, "CRTC_ID"),
				 display_crtc);
	drmModeAtomicAddProperty(request, desktop.writeback,
				 desktop_property(&desktop, desktop.writeback, "CRTC_ID"),
				 desktop.crtc);
	drmModeAtomicAddProperty(request, desktop.crtc,
				 desktop_property(&desktop, desktop.crtc, "MODE_ID"), blob);
	r = drmModeAtomicCommit(desktop.fd, request,
				DRM_MODE_ATOMIC_ALLOW_MODESET | DRM_MODE_ATOMIC_TEST_ONLY, NULL);
	drmModeDestroyPropertyBlob(desktop.fd, blob);
	drmModeAtomicFree(request);
	return r;
}

static bool test_writeback_rules(void)
{
	struct buffer other;
	int32_t fence = -1;
	int dummy;

	/* A fence for nothing, one to nowhere, and a picture of nothing. */
	CHECK_FAILS(try_writeback(0, (uintptr_t)&fence), EINVAL);
	CHECK_FAILS(try_writeback(front.fb, 8), EFAULT);
	CHECK_FAILS(try_commit(desktop.writeback, "WRITEBACK_FB_ID", front.fb, 0), EINVAL);
	CHECK_FAILS(try_commit(desktop.writeback, "WRITEBACK_FB_ID", desktop.crtc, 0), EINVAL);
	CHECK_FAILS(try_commit(desktop.writeback, "CRTC_ID", desktop.crtc, 0), EINVAL);
	buffer_create(&other, desktop.fd, 640, 481);
	CHECK(buffer_add(&other, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(desktop_writeback(&desktop, &other, &dummy) == -EINVAL);
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK(desktop_writeback(&desktop, &front, &dummy) == -EINVAL);
	CHECK(desktop_switch(&desktop, true) == 0);
	/* A fb is of one commit: what was written is not told afterwards. */
	CHECK(desktop_writeback(&desktop, &back, &dummy) == 0);
	CHECK(desktop_value(&desktop, desktop.writeback, "WRITEBACK_FB_ID") == 0);
	close(dummy);
	CHECK(try_writeback_alone(0) == 0);
	CHECK_FAILS(try_writeback_alone(desktop.crtc), EINVAL);
	CHECK(drmModeRmFB(desktop.fd, other.fb) == 0);
	munmap(other.pixels, other.size);
	return true;
}

/* ---- vertical blanks ---- */

static bool test_vblank_events(void)
{
	drmVBlank wait = { .request = { .type = DRM_VBLANK_RELATIVE | DRM_VBLANK_EVENT |
						 info.head << DRM_VBLANK_HIGH_CRTC_SHIFT,
					.sequence = 2 } };
	uint64_t before, queued, ns;
	char record[256];

	CHECK(drmCrtcGetSequence(desktop.fd, desktop.crtc, &before, &ns) == 0);
	CHECK(drmWaitVBlank(desktop.fd, &wait) == 0);
	CHECK(poll(&(struct pollfd){ .fd = desktop.fd, .events = POLLIN }, 1, 20000) == 1);
	CHECK(read(desktop.fd, record, sizeof(record)) == sizeof(struct drm_event_vblank));
	CHECK(((struct drm_event_vblank *)record)->sequence >= before + 2);

	CHECK(drmCrtcQueueSequence(desktop.fd, desktop.crtc, DRM_CRTC_SEQUENCE_RELATIVE, 1, &queued,
				   7) == 0);
	CHECK(read(desktop.fd, record, sizeof(record)) == sizeof(struct drm_event_crtc_sequence));
	CHECK(((struct drm_event_crtc_sequence *)record)->user_data == 7);
	CHECK(((struct drm_event_crtc_sequence *)record)->sequence >= queued);
	wait.request.type |= 7u << DRM_VBLANK_HIGH_CRTC_SHIFT;
	CHECK_FAILS(drmWaitVBlank(desktop.fd, &wait), EINVAL);
	return true;
}

/* The count goes on while the display is off, and never back. */
static bool test_vblank_off(void)
{
	uint64_t before, after, ns;

	CHECK(drmCrtcGetSequence(desktop.fd, desktop.crtc, &before, &ns) == 0);
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK_FAILS(drmCrtcGetSequence(desktop.fd, desktop.crtc, &after, &ns), EINVAL);
	CHECK(desktop_switch(&desktop, true) == 0);
	CHECK(drmCrtcGetSequence(desktop.fd, desktop.crtc, &after, &ns) == 0);
	CHECK(after >= before);
	return true;
}

/* ---- a client of the old calls ---- */

static bool test_legacy(void)
{
	drmModeConnector *connector = desktop_probe(&desktop);
	drmModeModeInfo strange = connector->modes[1];
	drmModeClip clip = { 0, 0, 64, 64 };
	struct buffer large;
	drmModeCrtc *crtc;

	strange.clock += 1;
	buffer_create(&large, desktop.fd, 1280, 720);
	CHECK(buffer_add(&large, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK_FAILS(drmModeSetCrtc(desktop.fd, desktop.crtc, large.fb, 0, 0, &desktop.connector, 1,
				   &strange), EINVAL);
	CHECK_FAILS(drmModeSetCrtc(desktop.fd, desktop.crtc, front.fb, 0, 0, &desktop.connector, 1,
				   &connector->modes[1]), ENOSPC);
	CHECK(drmModeSetCrtc(desktop.fd, desktop.crtc, large.fb, 0, 0, &desktop.connector, 1,
			     &connector->modes[1]) == 0);
	crtc = drmModeGetCrtc(desktop.fd, desktop.crtc);
	CHECK(crtc->mode_valid && crtc->buffer_id == large.fb && crtc->width == 1280);
	drmModeFreeCrtc(crtc);
	/* Panned: a smaller mode shows a part of it. */
	CHECK(drmModeSetCrtc(desktop.fd, desktop.crtc, large.fb, 100, 50, &desktop.connector, 1,
			     &connector->modes[0]) == 0);
	CHECK(drmModePageFlip(desktop.fd, desktop.crtc, large.fb, DRM_MODE_PAGE_FLIP_EVENT,
			      &desktop) == 0);
	desktop_wait_flip(&desktop);
	CHECK_FAILS(drmModePageFlip(desktop.fd, desktop.crtc, front.fb, 0, NULL), ENOSPC);
	CHECK(drmModeDirtyFB(desktop.fd, large.fb, &clip, 1) == 0);
	CHECK_FAILS(drmModeSetCursor(desktop.fd, desktop.crtc, 0, 0, 0), ENXIO);
	CHECK(drmModeConnectorSetProperty(desktop.fd, desktop.connector,
					  desktop_property(&desktop, desktop.connector, "DPMS"),
					  DRM_MODE_DPMS_OFF) == 0);
	CHECK(desktop_value(&desktop, desktop.crtc, "ACTIVE") == 0);
	CHECK(drmModeConnectorSetProperty(desktop.fd, desktop.connector,
					  desktop_property(&desktop, desktop.connector, "DPMS"),
					  DRM_MODE_DPMS_ON) == 0);
	CHECK(drmModeSetCrtc(desktop.fd, desktop.crtc, front.fb, 0, 0, &desktop.connector, 1,
			     &connector->modes[0]) == 0);
	/* A buffer that is shown and removed takes the display off. */
	CHECK(drmModeSetCrtc(desktop.fd, desktop.crtc, large.fb, 0, 0, &desktop.connector, 1,
			     &connector->modes[1]) == 0);
	CHECK(drmModeRmFB(desktop.fd, large.fb) == 0);
	crtc = drmModeGetCrtc(desktop.fd, desktop.crtc);
	CHECK(!crtc->buffer_id && !crtc->mode_valid);
	drmModeFreeCrtc(crtc);
	munmap(large.pixels, large.size);
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &front) == 0);
	drmModeFreeConnector(connector);
	return true;
}

/* ---- what the other side is told ---- */

/* All that waits; true: the last record says that nothing is shown. */
static bool told_off(void)
{
	struct miracast_event event = { .active = 1 };

	while (read(control, &event, sizeof(event)) == sizeof(event))
		;
	return !event.mode.clock && !event.active;
}

/* Off by DPMS first: then nothing is left to be disabled. */
static bool test_off_in_two_steps(void)
{
	const drmModeModeInfo mode = desktop.mode;

	CHECK(!told_off());
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK(!told_off()); /* there is a mode still */
	CHECK(desktop_off(&desktop) == 0);
	CHECK(told_off());
	CHECK(desktop_set_mode(&desktop, &mode, &front) == 0);
	CHECK(!told_off());
	return true;
}

/* The last test: its descriptor goes, and its framebuffers with it. */
static bool test_desktop_dies(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModeConnector *connector;

	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	connector = desktop_probe(&desktop);
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &front) == 0);
	drmModeFreeConnector(connector);
	CHECK(!told_off());
	munmap(front.pixels, front.size); /* which would keep the descriptor's file */
	munmap(back.pixels, back.size);
	desktop_close(&desktop);
	CHECK(told_off());
	return true;
}

/* ---- a connector that an administrator forces ---- */

static bool force(const char *state)
{
	char path[128];
	drmModeConnector *connector = desktop_probe(&desktop);
	int fd;
	bool done;

	snprintf(path, sizeof(path), "/sys/class/drm/card%u-Virtual-%u/status", info.card_minor,
		 connector->connector_type_id);
	drmModeFreeConnector(connector);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, state, strlen(state)) > 0;
	close(fd);
	return done;
}

static bool test_forced(void)
{
	drmModeConnector *connector;

	CHECK(force("off"));
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_DISCONNECTED);
	drmModeFreeConnector(connector);
	CHECK(force("detect"));
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_CONNECTED && connector->count_modes == 3);
	drmModeFreeConnector(connector);
	CHECK(ioctl(control, MIRACAST_IOC_UNPLUG) == 0 && force("on"));
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_CONNECTED && connector->count_modes > 3);
	drmModeFreeConnector(connector);
	CHECK(force("detect"));
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_DISCONNECTED);
	drmModeFreeConnector(connector);
	return true;
}

static const struct test tests[] = {
	{ "a desktop runs", test_set_up },
	{ "there are the objects and capabilities that there should be", test_objects },
	{ "linear 32-bit formats and no others are listed", test_formats },
	{ "one master at a time", test_master },
	{ "a head can be leased", test_lease },
	{ "dumb buffers are checked", test_dumb },
	{ "framebuffers are checked", test_addfb },
	{ "framebuffers can be asked for", test_getfb },
	{ "blobs are what they say", test_blobs },
	{ "modes are checked", test_modes },
	{ "a plane fills the display, unscaled", test_plane },
	{ "flips keep to the rules", test_flip_rules },
	{ "writebacks keep to the rules", test_writeback_rules },
	{ "vertical blanks send events", test_vblank_events },
	{ "vertical blanks are counted on while off", test_vblank_off },
	{ "legacy calls work", test_legacy },
	{ "a display that is off can be taken away", test_off_in_two_steps },
	{ "a connector can be forced", test_forced },
	{ "a desktop that dies leaves no picture", test_desktop_dies },
};

int main(void)
{
	display_make_edid(edid, "Test display", 1);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

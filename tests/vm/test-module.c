// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel module from both of its sides: a desktop on the card (desktop.h) and readers on the
 * node. Runs as root in the guest of the case "module/uapi", with the module loaded and nobody else
 * there.
 *
 * Asserts order and content, never how long something takes: the guest is emulated.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <drm_fourcc.h>

#include "desktop.h"
#include "display.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			printf("# %s:%d: %s (errno %s)\n", __func__, __LINE__, #x,                 \
			       strerrorname_np(errno));                                            \
			return false;                                                              \
		}                                                                                  \
	} while (0)
#define CHECK_FAILS(call, error) CHECK((call) < 0 && errno == (error))

static int control = -1;
static struct miracast_info info;
static struct desktop desktop;
static struct buffer front, back, writeback;
static uint8_t edid[128];

/* ---- helpers ---- */

static int wait_for(int fd, short events)
{
	struct pollfd poller = { .fd = fd, .events = events };

	return poll(&poller, 1, 20000) == 1 ? poller.revents : 0;
}

/* Run in another process, which has the descriptors but is not the desktop. */
static bool elsewhere(bool (*run)(int), int fd)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		bool good = run(fd);

		fflush(stdout);
		_exit(good ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static int make_stream(void)
{
	struct miracast_stream stream = {};

	return ioctl(control, MIRACAST_IOC_STREAM, &stream) < 0 ? -1 : stream.fd;
}

struct target {
	int fd;
	uint32_t *pixels;
	uint32_t pitch;
	size_t size;
};

static bool target_create(struct target *target, int stream)
{
	struct miracast_alloc alloc = {};

	target->pitch = desktop.mode.hdisplay * 4 + 64;
	alloc.size = target->size = (size_t)target->pitch * desktop.mode.vdisplay;
	CHECK(ioctl(stream, MIRACAST_IOC_ALLOC, &alloc) == 0);
	target->fd = alloc.fd;
	target->pixels = mmap(NULL, target->size, PROT_READ | PROT_WRITE, MAP_SHARED, alloc.fd, 0);
	CHECK(target->pixels != MAP_FAILED);
	return true;
}

static void target_free(struct target *target)
{
	munmap(target->pixels, target->size);
	close(target->fd);
}

static struct miracast_queue target_queue(const struct target *target)
{
	return (struct miracast_queue){
		.cookie = 0x1122334455667788,
		.fd = target->fd,
		.pitch = target->pitch,
		.width = desktop.mode.hdisplay,
		.height = desktop.mode.vdisplay,
		.format = DRM_FORMAT_XRGB8888,
	};
}

static long target_differs(const struct target *target, uint32_t frame)
{
	return pattern_differs(target->pixels, target->pitch, desktop.mode.hdisplay,
			       desktop.mode.vdisplay, frame);
}

static bool copy(int stream, struct miracast_queue *queue, struct miracast_done *done)
{
	CHECK(ioctl(stream, MIRACAST_IOC_QUEUE, queue) == 0);
	CHECK(wait_for(stream, POLLIN) & POLLIN);
	CHECK(ioctl(stream, MIRACAST_IOC_DEQUEUE, done) == 0);
	return true;
}

static bool show(struct buffer *buffer, uint32_t frame)
{
	buffer_fill(buffer, frame);
	CHECK(desktop_flip(&desktop, buffer, NULL) == 0);
	desktop_wait_flip(&desktop);
	return true;
}

static bool next_event(uint32_t type, struct miracast_event *event)
{
	CHECK(wait_for(control, POLLIN) & POLLIN);
	CHECK(read(control, event, sizeof(*event)) == sizeof(*event));
	CHECK(event->type == type && event->length == sizeof(*event) && event->time_ns);
	return true;
}

/* ---- plug ---- */

static bool test_claim(void)
{
	control = open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	CHECK(control >= 0);
	CHECK(ioctl(control, MIRACAST_IOC_GET_INFO, &info) == 0);
	CHECK(info.uapi_major == MIRACAST_UAPI_MAJOR && info.head_count == 4);
	CHECK(info.connector_id && info.crtc_id && info.max_modes == 128);
	return true;
}

static bool test_nothing_before_plug(void)
{
	drmVBlank wait = { .request = { .type = DRM_VBLANK_RELATIVE } };
	drmModeConnector *connector;
	uint64_t sequence, time;
	char record[2];

	desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
	connector = desktop_probe(&desktop);
	CHECK(connector->connector_type == DRM_MODE_CONNECTOR_VIRTUAL);
	CHECK(connector->connection == DRM_MODE_DISCONNECTED && connector->count_modes == 0);
	drmModeFreeConnector(connector);
	CHECK(desktop_value(&desktop, info.connector_id, "EDID") == 0);
	CHECK(desktop_value(&desktop, info.connector_id, "non-desktop") == 0);
	CHECK_FAILS(read(control, record, sizeof(record)), EINVAL);
	CHECK(drmWaitVBlank(desktop.fd, &wait) != 0);
	CHECK(drmCrtcGetSequence(desktop.fd, info.crtc_id, &sequence, &time) != 0);
	return true;
}

static bool same_mode(const struct miracast_mode *a, const drmModeModeInfo *b)
{
	return a->clock == b->clock && a->hdisplay == b->hdisplay &&
	       a->hsync_start == b->hsync_start && a->hsync_end == b->hsync_end &&
	       a->htotal == b->htotal && a->vdisplay == b->vdisplay &&
	       a->vsync_start == b->vsync_start && a->vsync_end == b->vsync_end &&
	       a->vtotal == b->vtotal && a->flags == b->flags;
}

static bool test_plug(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModePropertyBlobRes *blob;
	drmModeConnector *connector;

	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_CONNECTED);
	CHECK(connector->count_modes == DISPLAY_MODES);
	for (int i = 0; i < DISPLAY_MODES; i++) {
		bool preferred = connector->modes[i].type & DRM_MODE_TYPE_PREFERRED;

		CHECK(same_mode(&display_modes[i], &connector->modes[i]));
		CHECK(preferred == (i == DISPLAY_PREFERRED));
	}
	blob = drmModeGetPropertyBlob(desktop.fd,
				      desktop_value(&desktop, info.connector_id, "EDID"));
	CHECK(blob && blob->length == 128 && !memcmp(blob->data, edid, 128));
	drmModeFreePropertyBlob(blob);
	drmModeFreeConnector(connector);
	return true;
}

static bool test_mode_set(void)
{
	drmModeConnector *connector = desktop_probe(&desktop);
	drmModeModeInfo strange = connector->modes[0];
	struct miracast_event event;

	buffer_create(&front, desktop.fd, 640, 480);
	buffer_create(&back, desktop.fd, 640, 480);
	buffer_create(&writeback, desktop.fd, 640, 480);
	CHECK(front.pitch % 256 == 0);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_XRGB8888, 1) == -EINVAL);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_RGB565, 0) == -EINVAL);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(buffer_add(&back, &desktop, DRM_FORMAT_ARGB8888, 0) == 0);
	CHECK(buffer_add(&writeback, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);

	buffer_fill(&front, 1);
	strange.clock += 100;
	CHECK(desktop_set_mode(&desktop, &strange, &front) == -EINVAL);
	strange.clock = 2000000000;
	CHECK(desktop_set_mode(&desktop, &strange, &front) == -EINVAL);
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &front) == 0);

	CHECK(next_event(MIRACAST_EVENT_MODE, &event));
	CHECK(event.active == 1 && same_mode(&event.mode, &connector->modes[0]));
	CHECK(next_event(MIRACAST_EVENT_POWER, &event) && event.active == 1);
	CHECK_FAILS(read(control, &event, sizeof(event)), EAGAIN);
	drmModeFreeConnector(connector);
	return true;
}

/* ---- time ---- */

static bool test_vblank(void)
{
	uint64_t sequence[2], time[2];

	for (int i = 0; i < 2; i++) {
		drmVBlank wait = { .request = { .type = DRM_VBLANK_RELATIVE, .sequence = 1 } };

		wait.request.type |= info.head << DRM_VBLANK_HIGH_CRTC_SHIFT;
		CHECK(drmWaitVBlank(desktop.fd, &wait) == 0);
		CHECK(drmCrtcGetSequence(desktop.fd, info.crtc_id, &sequence[i], &time[i]) == 0);
	}
	CHECK(sequence[1] > sequence[0] && time[1] > time[0]);
	/* 800 * 525 pixels at 25175 kHz: the times lie on a grid. */
	CHECK(llabs((int64_t)(time[1] - time[0]) -
		    (int64_t)((sequence[1] - sequence[0]) * 16683217)) < 1000);
	return true;
}

static bool test_flips(void)
{
	uint32_t sequence = 0;
	uint64_t us = 0;

	for (uint32_t i = 0; i < 10; i++) {
		CHECK(show(i % 2 ? &front : &back, 2 + i));
		CHECK(desktop.flip_sequence > sequence && desktop.flip_us > us);
		sequence = desktop.flip_sequence;
		us = desktop.flip_us;
	}
	return true;
}

/* ---- COPY ---- */

static bool copy_is_frame_20(int stream)
{
	struct miracast_done done;
	struct miracast_queue queue;
	struct target target;

	CHECK(target_create(&target, stream));
	queue = target_queue(&target);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_DEQUEUE, &done), EAGAIN);
	CHECK(copy(stream, &queue, &done));
	CHECK(done.status == 0 && done.cookie == queue.cookie && done.flags == 0);
	CHECK(done.width == 640 && done.height == 480);
	CHECK(done.sequence && done.flip_ns > done.ready_ns);
	CHECK(done.damage.x1 == 0 && done.damage.x2 == 640 && done.damage.y2 == 480);
	CHECK(target_differs(&target, 20) == 0);
	target_free(&target);
	return true;
}

static bool test_copy(void)
{
	int stream = make_stream();

	CHECK(stream >= 0);
	CHECK(show(&front, 20));
	CHECK(elsewhere(copy_is_frame_20, stream));
	close(stream);
	return true;
}

/* The record names the vertical blank of the desktop's own flip event. */
static bool test_copy_time(void)
{
	struct miracast_done done;
	struct miracast_queue queue;
	int stream = make_stream();
	struct target target;

	CHECK(target_create(&target, stream));
	queue = target_queue(&target);
	CHECK(show(&back, 21));
	CHECK(copy(stream, &queue, &done));
	CHECK((uint32_t)done.vblank <= desktop.flip_sequence);
	CHECK(done.flip_ns / 1000 <= desktop.flip_us);
	/* It may be a later one when the guest was slow, but then by whole frames. */
	CHECK(llabs((int64_t)(desktop.flip_us - done.flip_ns / 1000) -
		    (int64_t)(desktop.flip_sequence - done.vblank) * 16683) < 20);
	target_free(&target);
	close(stream);
	return true;
}

static bool test_copy_what_changed(void)
{
	struct drm_mode_rect clip = { 100, 50, 300, 80 };
	int stream = make_stream();
	struct miracast_done done;
	struct miracast_queue queue;
	struct target target;
	uint64_t first;

	CHECK(target_create(&target, stream));
	queue = target_queue(&target);
	CHECK(show(&front, 22));
	CHECK(copy(stream, &queue, &done) && done.status == 0);
	first = done.sequence;

	buffer_fill(&back, 22);
	for (uint32_t y = 50; y < 80; y++)
		for (uint32_t x = 100; x < 300; x++)
			back.pixels[y * (back.pitch / 4) + x] = 0xabcdef;
	/* A mark outside of the damage must survive: only what changed is written. */
	target.pixels[0] = 0x123456;
	CHECK(desktop_flip(&desktop, &back, &clip) == 0);
	desktop_wait_flip(&desktop);
	queue.dst_seq = queue.after_seq = first;
	CHECK(copy(stream, &queue, &done) && done.status == 0);
	CHECK(done.sequence == first + 1);
	CHECK(done.damage.x1 == 100 && done.damage.y1 == 50 && done.damage.x2 == 300 &&
	      done.damage.y2 == 80);
	CHECK((target.pixels[0] & 0xffffff) == 0x123456);
	CHECK((target.pixels[60 * (target.pitch / 4) + 200] & 0xffffff) == 0xabcdef);
	CHECK((target.pixels[60 * (target.pitch / 4) + 300] & 0xffffff) == pattern(300, 60, 22));
	target_free(&target);
	close(stream);
	return true;
}

/* A still picture comes again when asked for with 0, and only then. */
static bool test_copy_still(void)
{
	int stream = make_stream();
	struct miracast_done done;
	struct miracast_queue queue;
	struct target target;
	uint64_t sequence;

	CHECK(target_create(&target, stream));
	queue = target_queue(&target);
	CHECK(show(&front, 23));
	CHECK(copy(stream, &queue, &done) && done.status == 0);
	sequence = done.sequence;
	CHECK(copy(stream, &queue, &done) && done.sequence == sequence);

	queue.after_seq = sequence;
	CHECK(ioctl(stream, MIRACAST_IOC_QUEUE, &queue) == 0);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_DEQUEUE, &done), EAGAIN);
	CHECK(show(&back, 24));
	CHECK(wait_for(stream, POLLIN) & POLLIN);
	CHECK(ioctl(stream, MIRACAST_IOC_DEQUEUE, &done) == 0);
	CHECK(done.sequence == sequence + 1 && done.status == 0);
	CHECK(target_differs(&target, 24) == 0);

	queue.after_seq = 0;
	queue.width = 320;
	CHECK(copy(stream, &queue, &done) && done.status == -ERANGE);
	target_free(&target);
	close(stream);
	return true;
}

/* ---- GRAB ---- */

static bool grab_is_frame_30(int stream)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };
	struct miracast_release release = {};
	struct miracast_grab grab = {}, second = {};
	uint32_t *pixels;

	CHECK(wait_for(stream, POLLPRI) & POLLPRI);
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	CHECK(grab.format == DRM_FORMAT_XRGB8888 && grab.modifier == DRM_FORMAT_MOD_LINEAR);
	CHECK(grab.width == 640 && grab.height == 480 && grab.pitch == front.pitch);
	CHECK(grab.frame_flags == 0 && grab.buffer && grab.flip_ns > grab.ready_ns);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GRAB, &second), EBUSY);

	pixels = mmap(NULL, front.size, PROT_READ, MAP_SHARED, grab.fd, 0);
	CHECK(pixels != MAP_FAILED);
	CHECK(ioctl(grab.fd, DMA_BUF_IOCTL_SYNC, &sync) == 0);
	CHECK(pattern_differs(pixels + grab.offset / 4, grab.pitch, 640, 480, 30) == 0);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, grab.fd, 0) == MAP_FAILED &&
	      errno == EACCES);
	munmap(pixels, front.size);
	close(grab.fd);

	release.sequence = grab.sequence + 1;
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_RELEASE, &release), EINVAL);
	release.sequence = grab.sequence;
	CHECK(ioctl(stream, MIRACAST_IOC_RELEASE, &release) == 0 && release.result == 0);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_RELEASE, &release), EINVAL);

	second.after_seq = grab.sequence;
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GRAB, &second), EAGAIN);
	second.after_seq = 0;
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &second) == 0);
	CHECK(second.sequence == grab.sequence && second.buffer == grab.buffer);
	close(second.fd);
	return true;
}

static bool test_grab(void)
{
	int stream = make_stream();

	CHECK(show(&front, 30));
	CHECK(elsewhere(grab_is_frame_30, stream));
	close(stream);
	return true;
}

/* A reader that never releases does not stop the desktop. */
static bool test_grab_overrun(void)
{
	struct miracast_release release = {};
	struct miracast_state before, after;
	struct miracast_grab grab = {};
	int stream = make_stream();

	CHECK(show(&front, 31));
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &before) == 0);
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	CHECK(show(&back, 32));
	CHECK(show(&front, 33));
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &after) == 0);
	CHECK(after.held == before.held + MIRACAST_GRAB_HOLD);
	CHECK(after.overruns == before.overruns + 1);
	release.sequence = grab.sequence;
	CHECK(ioctl(stream, MIRACAST_IOC_RELEASE, &release) == 0);
	CHECK(release.result == MIRACAST_RELEASE_OVERRUN);
	close(grab.fd);
	close(stream);
	return true;
}

/* ---- the standard writeback connector ---- */

static bool test_writeback(void)
{
	struct miracast_event event;
	struct buffer small;
	int fence;

	CHECK(show(&front, 40));
	for (uint32_t i = 0; i < 3; i++) {
		memset(writeback.pixels, 0x55, writeback.size);
		CHECK(desktop_writeback(&desktop, &writeback, &fence) == 0);
		CHECK(wait_for(fence, POLLIN) == POLLIN);
		close(fence);
		CHECK(pattern_differs(writeback.pixels, writeback.pitch, 640, 480, 40 + i) == 0);
		CHECK(show(i % 2 ? &front : &back, 41 + i));
	}
	buffer_create(&small, desktop.fd, 320, 240);
	CHECK(buffer_add(&small, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(desktop_writeback(&desktop, &small, &fence) == -EINVAL);
	CHECK(desktop_writeback(&desktop, &back, &fence) == -EINVAL); /* ARGB8888 */
	/* Attaching the connector is a mode set for KMS, but the same mode to us. */
	CHECK_FAILS(read(control, &event, sizeof(event)), EAGAIN);
	return true;
}

/* ---- streams and heads ---- */

static bool test_revoke(void)
{
	struct miracast_state state;
	struct miracast_queue queue;
	int first = make_stream(), second;
	struct target target;

	CHECK(target_create(&target, first));
	queue = target_queue(&target);
	queue.after_seq = UINT64_MAX;
	for (unsigned int i = 0; i < info.max_queued; i++)
		CHECK(ioctl(first, MIRACAST_IOC_QUEUE, &queue) == 0);
	CHECK_FAILS(ioctl(first, MIRACAST_IOC_QUEUE, &queue), EBUSY);
	CHECK(ioctl(first, MIRACAST_IOC_GET_STATE, &state) == 0 &&
	      state.queued == info.max_queued);

	second = make_stream();
	CHECK(second >= 0);
	CHECK(wait_for(first, POLLIN) & POLLHUP);
	CHECK_FAILS(ioctl(first, MIRACAST_IOC_QUEUE, &queue), ESHUTDOWN);
	CHECK_FAILS(ioctl(first, MIRACAST_IOC_GET_STATE, &state), ESHUTDOWN);
	CHECK(ioctl(second, MIRACAST_IOC_GET_STATE, &state) == 0 && state.queued == 0);
	CHECK(state.flags == (MIRACAST_STATE_PLUGGED | MIRACAST_STATE_ACTIVE));
	close(first);
	CHECK(ioctl(second, MIRACAST_IOC_GET_STATE, &state) == 0);
	CHECK(ioctl(control, MIRACAST_IOC_REVOKE) == 0);
	CHECK_FAILS(ioctl(second, MIRACAST_IOC_GET_STATE, &state), ESHUTDOWN);
	close(second);
	target_free(&target);
	return true;
}

static bool test_heads(void)
{
	struct miracast_info other;
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = open("/dev/miracast", O_RDWR | O_CLOEXEC);
		CHECK(fds[i] >= 0);
		CHECK(ioctl(fds[i], MIRACAST_IOC_GET_INFO, &other) == 0);
		CHECK(other.head == (unsigned int)i + 1 && other.crtc_id != info.crtc_id);
	}
	CHECK_FAILS(open("/dev/miracast", O_RDWR | O_CLOEXEC), EBUSY);
	close(fds[1]);
	fds[1] = open("/dev/miracast", O_RDWR | O_CLOEXEC);
	CHECK(fds[1] >= 0);
	CHECK(ioctl(fds[1], MIRACAST_IOC_GET_INFO, &other) == 0 && other.head == 2);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	return true;
}

/* ---- bad arguments ---- */

static bool plug_refused(struct miracast_plug plug, int error)
{
	CHECK_FAILS(ioctl(control, MIRACAST_IOC_PLUG, &plug), error);
	return true;
}

static bool test_bad_plugs(void)
{
	struct miracast_mode modes[129], saved;
	struct miracast_plug good = display_plug(edid), bad;
	uint8_t broken[256];

	memset(broken, 0, sizeof(broken));
	memcpy(broken, edid, 128);
	broken[20] ^= 1;
#define REFUSED(change, error)                                                                     \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		CHECK(plug_refused(bad, error));                                                   \
	} while (0)
	REFUSED(bad.flags = 1, EINVAL);
	REFUSED(bad.mode_count = 0, EINVAL);
	REFUSED(bad.mode_count = 129; bad.modes = (uintptr_t)modes, EINVAL);
	REFUSED(bad.preferred = DISPLAY_MODES, EINVAL);
	REFUSED(bad.edid_size = 0, EINVAL);
	REFUSED(bad.edid_size = 100, EINVAL);
	REFUSED(bad.edid_size = 1 << 30, EINVAL);
	REFUSED(bad.edid = 8, EFAULT);
	REFUSED(bad.modes = 8, EFAULT);
	REFUSED(bad.edid = (uintptr_t)broken, EINVAL);
	broken[20] ^= 1;
	broken[126] = 1;
	broken[127]--;
	REFUSED(bad.edid = (uintptr_t)broken, EINVAL);

	memcpy(modes, display_modes, sizeof(display_modes));
	good.modes = (uintptr_t)modes;
	saved = modes[2];
#define MODE_REFUSED(change)                                                                       \
	do {                                                                                       \
		modes[2] = saved;                                                                  \
		change;                                                                            \
		CHECK(plug_refused(good, EINVAL));                                                 \
	} while (0)
	MODE_REFUSED(modes[2] = modes[0]);
	MODE_REFUSED(modes[2].clock = 0);
	MODE_REFUSED(modes[2].clock = UINT32_MAX);
	MODE_REFUSED(modes[2].clock = 20000);
	MODE_REFUSED(modes[2].htotal = 0);
	MODE_REFUSED(modes[2].vtotal = 0);
	MODE_REFUSED(modes[2].hsync_end = modes[2].hsync_start - 1);
	MODE_REFUSED(modes[2].hdisplay = 5000; modes[2].hsync_start = modes[2].hsync_end =
						       modes[2].htotal = 5000);
	MODE_REFUSED(modes[2].flags |= DRM_MODE_FLAG_INTERLACE);
	MODE_REFUSED(modes[2].flags |= 1u << 31);
	return true;
}

static bool test_bad_queues(void)
{
	struct miracast_alloc alloc = { .size = 4096, .flags = 1 };
	int stream = make_stream(), file = memfd_create("no dma-buf", MFD_CLOEXEC);
	struct miracast_queue good, bad;
	struct miracast_grab grab = { .flags = 1 };
	struct target target;

	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_ALLOC, &alloc), EINVAL);
	alloc = (struct miracast_alloc){ .size = 1ull << 40 };
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_ALLOC, &alloc), EINVAL);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GRAB, &grab), EINVAL);
	CHECK(target_create(&target, stream));
	good = target_queue(&target);
#define QUEUE_REFUSED(change, error)                                                               \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		CHECK_FAILS(ioctl(stream, MIRACAST_IOC_QUEUE, &bad), error);                       \
	} while (0)
	QUEUE_REFUSED(bad.flags = 1, EINVAL);
	QUEUE_REFUSED(bad.pad = 1, EINVAL);
	QUEUE_REFUSED(bad.format = DRM_FORMAT_NV12, EINVAL);
	QUEUE_REFUSED(bad.width = 0, EINVAL);
	QUEUE_REFUSED(bad.height = 0, EINVAL);
	QUEUE_REFUSED(bad.width = 1u << 30, EINVAL);
	QUEUE_REFUSED(bad.pitch = bad.width * 4 - 4, EINVAL);
	QUEUE_REFUSED(bad.pitch += 2, EINVAL);
	QUEUE_REFUSED(bad.pitch = UINT32_MAX - 3, EINVAL);
	QUEUE_REFUSED(bad.offset = 4096 * 16, EINVAL);
	QUEUE_REFUSED(bad.offset = 2, EINVAL);
	QUEUE_REFUSED(bad.fd = -1, EBADF);
	QUEUE_REFUSED(bad.fd = file, EINVAL);
	CHECK(ioctl(stream, MIRACAST_IOC_QUEUE, &good) == 0);
	target_free(&target);
	close(file);
	close(stream);
	return true;
}

/* Structures of another age, and calls to the wrong descriptor. */
static bool test_sizes(void)
{
	struct {
		struct miracast_plug plug;
		uint64_t later;
	} longer = { .plug = display_plug(edid) };
	struct {
		struct miracast_info info;
		uint64_t later;
	} answer;
	unsigned int size = sizeof(struct miracast_plug);
	int stream = make_stream();

	CHECK(ioctl(control, _IOC(_IOC_WRITE, MIRACAST_IOC_TYPE, 1, size + 8), &longer) == 0);
	longer.later = 1;
	CHECK_FAILS(ioctl(control, _IOC(_IOC_WRITE, MIRACAST_IOC_TYPE, 1, size + 8), &longer),
		    E2BIG);
	CHECK_FAILS(ioctl(control, _IOC(_IOC_WRITE, MIRACAST_IOC_TYPE, 1, size - 8), &longer),
		    EINVAL);
	CHECK_FAILS(ioctl(control, _IOC(_IOC_READ, MIRACAST_IOC_TYPE, 1, size), &longer), ENOTTY);
	CHECK_FAILS(ioctl(control, _IO(MIRACAST_IOC_TYPE, 0x7f)), ENOTTY);
	CHECK_FAILS(ioctl(control, MIRACAST_IOC_ALLOC, &answer), ENOTTY);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GET_INFO, &answer), ENOTTY);
	CHECK_FAILS(ioctl(control, MIRACAST_IOC_GET_INFO, NULL), EFAULT);

	memset(&answer, 0xff, sizeof(answer));
	CHECK(ioctl(control, _IOC(_IOC_READ, MIRACAST_IOC_TYPE, 0, sizeof(answer)), &answer) == 0);
	CHECK(answer.later == 0 && answer.info.crtc_id == info.crtc_id);
	close(stream);
	return true;
}

/* ---- changes while plugged ---- */

static bool test_power(void)
{
	int stream = make_stream();
	struct miracast_event event;
	struct miracast_grab grab = {};
	struct miracast_state state;

	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	close(grab.fd);
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK(next_event(MIRACAST_EVENT_POWER, &event));
	CHECK(event.active == 0 && event.mode.hdisplay == 640);
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &state) == 0);
	CHECK(state.sequence == 0 && state.flags == MIRACAST_STATE_PLUGGED);
	CHECK(desktop_switch(&desktop, true) == 0);
	CHECK(next_event(MIRACAST_EVENT_POWER, &event) && event.active == 1);
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &state) == 0 && state.sequence);
	close(stream);
	return true;
}

static bool test_swap(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModeConnector *connector;
	drmModeModeInfo old = desktop.mode;
	uint8_t other[128];

	display_make_edid(other, "Another", 2);
	plug.edid = (uintptr_t)other;
	plug.modes = (uintptr_t)&display_modes[1];
	plug.mode_count = 1;
	plug.preferred = 0;
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_CONNECTED && connector->count_modes == 1);
	CHECK(same_mode(&display_modes[1], &connector->modes[0]));
	drmModeFreeConnector(connector);

	/* Flips go on in the mode that is gone; setting it anew does not. */
	CHECK(show(&front, 50));
	CHECK(show(&back, 51));
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK(desktop_set_mode(&desktop, &old, &front) == -EINVAL);
	plug = display_plug(edid);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	CHECK(desktop_set_mode(&desktop, &old, &front) == 0);
	return true;
}

/* ---- another driver's buffer, as desktops with a GPU bring one ---- */

static int open_driver(const char *name)
{
	for (int i = 0; i < 8; i++) {
		char path[32];
		drmVersion *version;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		version = fd >= 0 ? drmGetVersion(fd) : NULL;
		if (version && !strcmp(version->name, name))
			return fd;
		close(fd);
	}
	return -1;
}

static bool test_import(void)
{
	int gpu = open_driver("vgem"), stream = make_stream(), exported;
	struct miracast_release release = {};
	struct miracast_grab grab = {};
	struct miracast_state state;
	struct miracast_done done;
	struct miracast_queue queue;
	struct buffer foreign;
	struct stat a, b;
	struct target target;
	int fence;

	CHECK(gpu >= 0 && stream >= 0);
	buffer_create(&foreign, gpu, 640, 480);
	buffer_fill(&foreign, 60);
	CHECK(drmPrimeHandleToFD(gpu, foreign.handle, DRM_CLOEXEC | DRM_RDWR, &exported) == 0);
	CHECK(drmPrimeFDToHandle(desktop.fd, exported, &foreign.handle) == 0);
	CHECK(buffer_add(&foreign, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(desktop_flip(&desktop, &foreign, NULL) == 0);
	desktop_wait_flip(&desktop);

	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	CHECK(grab.frame_flags == MIRACAST_FRAME_IMPORTED && grab.pitch == foreign.pitch);
	CHECK(fstat(grab.fd, &a) == 0 && fstat(exported, &b) == 0 && a.st_ino == b.st_ino);
	close(grab.fd);
	release.sequence = grab.sequence;
	CHECK(ioctl(stream, MIRACAST_IOC_RELEASE, &release) == 0);

	CHECK(target_create(&target, stream));
	queue = target_queue(&target);
	CHECK(copy(stream, &queue, &done));
	CHECK(done.status == 0 && done.flags == MIRACAST_FRAME_IMPORTED);
	CHECK(target_differs(&target, 60) == 0);
	CHECK(desktop_writeback(&desktop, &writeback, &fence) == 0);
	CHECK(wait_for(fence, POLLIN) == POLLIN);
	CHECK(pattern_differs(writeback.pixels, writeback.pitch, 640, 480, 60) == 0);
	close(fence);
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &state) == 0);
	CHECK(state.sequence == done.sequence); /* to write a picture back makes no new one */

	/* Own and foreign buffers in turn, with a copy waiting each time. */
	for (uint32_t i = 0; i < 6; i++) {
		queue.after_seq = done.sequence;
		CHECK(ioctl(stream, MIRACAST_IOC_QUEUE, &queue) == 0);
		CHECK(show(i % 2 ? &foreign : &front, 61 + i));
		CHECK(wait_for(stream, POLLIN) & POLLIN);
		queue.after_seq = done.sequence;
		CHECK(ioctl(stream, MIRACAST_IOC_DEQUEUE, &done) == 0);
		CHECK(done.status == 0 && done.sequence > queue.after_seq);
		CHECK(target_differs(&target, 61 + i) == 0);
	}
	CHECK(show(&front, 70));
	CHECK(drmModeRmFB(desktop.fd, foreign.fb) == 0);
	munmap(foreign.pixels, foreign.size);
	target_free(&target);
	close(exported);
	close(stream);
	close(gpu);
	return true;
}

/* ---- the end ---- */

static int open_uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	return fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static bool uevent_has(const char *text, ssize_t size, const char *line)
{
	for (const char *p = text; p < text + size; p += strlen(p) + 1)
		if (!strcmp(p, line))
			return true;
	return false;
}

static bool next_hotplug(int uevents)
{
	char text[4096], line[64];
	ssize_t size;

	snprintf(line, sizeof(line), "CONNECTOR=%u", info.connector_id);
	for (;;) {
		CHECK(wait_for(uevents, POLLIN) & POLLIN);
		size = recv(uevents, text, sizeof(text) - 1, 0);
		CHECK(size > 0);
		text[size] = 0;
		if (uevent_has(text, size, "HOTPLUG=1") && uevent_has(text, size, line))
			return true;
	}
}

static bool test_unplug(void)
{
	struct miracast_plug plug = display_plug(edid);
	int uevents = open_uevents(), stream = make_stream();
	struct miracast_event event;
	struct miracast_grab grab = {};
	drmModeConnector *connector;

	CHECK(uevents >= 0);
	while (read(control, &event, sizeof(event)) > 0)
		;
	CHECK(ioctl(control, MIRACAST_IOC_UNPLUG) == 0);
	CHECK(next_hotplug(uevents));
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GRAB, &grab), ENODEV);
	/* Bare X leaves the CRTC on. Who plugs again is told what is shown. */
	CHECK(show(&back, 80));
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	CHECK(next_hotplug(uevents));
	CHECK(next_event(MIRACAST_EVENT_MODE, &event));
	CHECK(event.active && event.mode.vdisplay == 480);
	CHECK(next_event(MIRACAST_EVENT_POWER, &event) && event.active);
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	close(grab.fd);

	/* The daemon dies: the stream is revoked and the display is gone. */
	close(control);
	CHECK(next_hotplug(uevents));
	CHECK(wait_for(stream, POLLIN) & POLLHUP);
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_DISCONNECTED && connector->count_modes == 0);
	drmModeFreeConnector(connector);
	CHECK(desktop_value(&desktop, info.connector_id, "EDID") == 0);
	CHECK(show(&front, 81));
	CHECK(desktop_off(&desktop) == 0);
	close(stream);
	close(uevents);
	return true;
}

static bool test_pins_module(void)
{
	CHECK(system("rmmod miracast 2>/dev/null") != 0);
	control = open("/dev/miracast", O_RDWR | O_CLOEXEC);
	CHECK(control >= 0);
	desktop_close(&desktop);
	CHECK(system("rmmod miracast 2>/dev/null") != 0);
	close(control);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} tests[] = {
	{ "an open claims a head and is told which", test_claim },
	{ "nothing is connected before a plug", test_nothing_before_plug },
	{ "a plug shows exactly the listed modes, in order, and the EDID", test_plug },
	{ "only a listed mode can be set, and the control descriptor is told", test_mode_set },
	{ "vertical blanks lie on a grid", test_vblank },
	{ "flip events have growing numbers and times", test_flips },
	{ "COPY by another process is exact", test_copy },
	{ "COPY tells the flip's vertical blank", test_copy_time },
	{ "COPY writes what changed, and only that", test_copy_what_changed },
	{ "COPY of a still picture comes when asked for", test_copy_still },
	{ "GRAB by another process is exact and read-only", test_grab },
	{ "GRAB holds a flip for two blanks, then says so", test_grab_overrun },
	{ "the writeback connector is exact", test_writeback },
	{ "a new stream revokes the old one", test_revoke },
	{ "each open has a head of its own, until there is none", test_heads },
	{ "bad plugs are refused", test_bad_plugs },
	{ "bad buffers are refused", test_bad_queues },
	{ "structures may grow", test_sizes },
	{ "power goes off and on", test_power },
	{ "EDID and modes are swapped while plugged", test_swap },
	{ "another driver's buffers are grabbed and copied", test_import },
	{ "unplug and the daemon's death are seen by the desktop", test_unplug },
	{ "an open descriptor keeps the module", test_pins_module },
};

/* Later tests stand on what earlier ones set up, so the first failure is the last test. */
int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	display_make_edid(edid, "Test display", 1);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		bool good = tests[i].run();

		printf("%sok %zu %s\n", good ? "" : "not ", i + 1, tests[i].name);
		if (!good)
			return 1;
	}
	return 0;
}

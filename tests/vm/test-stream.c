// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stream descriptor of the node, and the Writeback connector: how pictures leave, exactly.
 * Runs as root in the guest of the case "module/uapi", with the module loaded and nobody else there.
 *
 * Asserts order and content, never how long something takes: the guest is emulated.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <drm_fourcc.h>

#include "desktop.h"
#include "display.h"
#include "suite.h"

static int control = -1;
static struct miracast_info info;
static struct desktop desktop;
static struct buffer front, back, writeback;
static uint8_t edid[128];

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

static bool set_up(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModeConnector *connector;
	struct miracast_event event;

	control = open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	CHECK(control >= 0 && ioctl(control, MIRACAST_IOC_GET_INFO, &info) == 0);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
	buffer_create(&front, desktop.fd, 640, 480);
	buffer_create(&back, desktop.fd, 640, 480);
	buffer_create(&writeback, desktop.fd, 640, 480);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(buffer_add(&back, &desktop, DRM_FORMAT_ARGB8888, 0) == 0);
	CHECK(buffer_add(&writeback, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	connector = desktop_probe(&desktop);
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &front) == 0);
	drmModeFreeConnector(connector);
	while (read(control, &event, sizeof(event)) > 0)
		;
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
	int stream = make_stream(control);

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
	int stream = make_stream(control);
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
	int stream = make_stream(control);
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
	int stream = make_stream(control);
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
	int stream = make_stream(control);

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
	int stream = make_stream(control);

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

/* ---- the descriptor ---- */

static bool test_revoke(void)
{
	struct miracast_state state;
	struct miracast_queue queue;
	int first = make_stream(control), second;
	struct target target;

	CHECK(target_create(&target, first));
	queue = target_queue(&target);
	queue.after_seq = UINT64_MAX;
	for (unsigned int i = 0; i < info.max_queued; i++)
		CHECK(ioctl(first, MIRACAST_IOC_QUEUE, &queue) == 0);
	CHECK_FAILS(ioctl(first, MIRACAST_IOC_QUEUE, &queue), EBUSY);
	CHECK(ioctl(first, MIRACAST_IOC_GET_STATE, &state) == 0 &&
	      state.queued == info.max_queued);

	second = make_stream(control);
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

static bool test_bad_queues(void)
{
	struct miracast_alloc alloc = { .size = 4096, .flags = 1 };
	int stream = make_stream(control), file = memfd_create("no dma-buf", MFD_CLOEXEC);
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

/* ---- another driver's buffer, as desktops with a GPU bring one ---- */

static bool test_import(void)
{
	int gpu = card_open("vgem"), stream = make_stream(control), exported;
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

/* ---- a buffer of which the CPU gets no view ---- */

static int make_udmabuf(size_t size)
{
	int memory = memfd_create("picture", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;
	struct udmabuf_create create = { .memfd = memory, .size = size };

	if (node < 0 || ftruncate(memory, size) < 0 ||
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -1;
	fd = ioctl(node, UDMABUF_CREATE, &create);
	close(memory);
	close(node);
	return fd;
}

static bool test_unmappable(void)
{
	struct miracast_grab grab = {};
	struct miracast_queue queue;
	struct miracast_done done;
	struct buffer foreign = { .width = 640, .height = 480, .pitch = 2560 };
	int fd = make_udmabuf(640 * 480 * 4), stream = make_stream(control), fence;
	struct target target;

	if (fd < 0) {
		printf("# no udmabuf in this kernel: not tried\n");
		return true;
	}
	CHECK(target_create(&target, stream));
	queue = target_queue(&target);
	CHECK(drmPrimeFDToHandle(desktop.fd, fd, &foreign.handle) == 0);
	CHECK(buffer_add(&foreign, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(desktop_flip(&desktop, &foreign, NULL) == 0);
	desktop_wait_flip(&desktop);
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	CHECK(grab.frame_flags == MIRACAST_FRAME_IMPORTED);
	close(grab.fd);
	CHECK(copy(stream, &queue, &done));
	/* Newer kernels have a view of these, too. */
	printf("# a copy of it ends with status %d\n", done.status);
	CHECK(done.status <= 0 && done.flags == MIRACAST_FRAME_IMPORTED);
	if (done.status < 0)
		CHECK(desktop_writeback(&desktop, &writeback, &fence) < 0);
	CHECK(desktop_flip(&desktop, &front, NULL) == 0);
	desktop_wait_flip(&desktop);
	CHECK(copy(stream, &queue, &done) && done.status == 0);
	close(stream);
	target_free(&target);
	close(fd);
	return true;
}

/* Nothing comes while there is no picture, and nothing that was asked for is lost. */
static bool test_off(void)
{
	struct miracast_state state;
	struct miracast_grab grab = {};
	struct miracast_queue queue;
	struct miracast_done done;
	int stream = make_stream(control);
	struct target target;

	CHECK(target_create(&target, stream));
	queue = target_queue(&target);
	CHECK(desktop_off(&desktop) == 0);
	CHECK(ioctl(stream, MIRACAST_IOC_QUEUE, &queue) == 0);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_DEQUEUE, &done), EAGAIN);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GRAB, &grab), EAGAIN);
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &state) == 0);
	CHECK(state.queued == 1 && state.flags == MIRACAST_STATE_PLUGGED && !state.mode.clock);
	target_free(&target);
	close(stream);
	return true;
}

static const struct test tests[] = {
	{ "a desktop runs", set_up },
	{ "COPY by another process is exact", test_copy },
	{ "COPY tells the flip's vertical blank", test_copy_time },
	{ "COPY writes what changed, and only that", test_copy_what_changed },
	{ "COPY of a still picture comes when asked for", test_copy_still },
	{ "GRAB by another process is exact and read-only", test_grab },
	{ "GRAB holds a flip for two blanks, then says so", test_grab_overrun },
	{ "the writeback connector is exact", test_writeback },
	{ "a new stream revokes the old one", test_revoke },
	{ "bad buffers are refused", test_bad_queues },
	{ "another driver's buffers are grabbed and copied", test_import },
	{ "a buffer that cannot be mapped is grabbed, and not copied", test_unmappable },
	{ "buffers wait while the display is off", test_off },
};

int main(void)
{
	display_make_edid(edid, "Test display", 1);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-module CALLS COMMITS [SEED]
 *
 * Calls the module with everything at once until CALLS calls were made and COMMITS atomic commits
 * went through: threads on the node, with structures that are right but for a field, or random from
 * the ioctl's number on, and threads that are the desktop. All share their descriptors and close
 * them under each other's hands. Asserts nothing: the kernel's log is the judge, and that this ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <drm_fourcc.h>
#include <xf86drm.h>

#include "desktop.h"
#include "display.h"

#define HEADS	     4
#define SLOTS	     8
#define NODE_THREADS 3
#define DESKTOPS     4
#define FB_COUNT     6

struct head {
	uint32_t crtc;
	uint32_t connector;
	uint32_t plane;
	uint32_t writeback;
	uint32_t connector_crtc;
	uint32_t crtc_mode;
	uint32_t crtc_active;
	uint32_t crtc_fence;
	uint32_t plane_property[11];
	uint32_t writeback_crtc;
	uint32_t writeback_fb;
	uint32_t writeback_fence;
	_Atomic int mode; /* index of the one that was set last */
};

static const char *const plane_names[] = { "CRTC_ID", "FB_ID",	"SRC_X",  "SRC_Y",
					   "SRC_W",   "SRC_H",	"CRTC_X", "CRTC_Y",
					   "CRTC_W",  "CRTC_H", "FB_DAMAGE_CLIPS" };

static _Atomic int controls[SLOTS], streams[SLOTS], buffers[SLOTS];
static atomic_ulong calls, commits, tried, good;
static unsigned long want_calls, want_commits;
static struct head heads[HEADS];
static struct desktop desktop;
static struct buffer fbs[FB_COUNT];
static uint8_t edid[128];
static uint8_t *edge; /* the last bytes before memory that is not there */

static bool enough(void)
{
	return atomic_load(&calls) >= want_calls && atomic_load(&commits) >= want_commits;
}

static uint32_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

/* Values at which code goes wrong, and any. */
static uint64_t odd(uint64_t *state)
{
	static const uint64_t values[] = { 0,	   1,	      2,	 3,	    4,
					   127,	   128,	      4095,	 4096,	    INT32_MAX,
					   1u << 31, UINT32_MAX, UINT64_MAX, 1ull << 32, 1ull << 63 };

	if (rnd(state) % 2)
		return values[rnd(state) % (sizeof(values) / sizeof(values[0]))];
	return (uint64_t)rnd(state) << 32 | rnd(state);
}

static void keep(_Atomic int *slots, uint64_t *state, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = atomic_exchange(&slots[rnd(state) % SLOTS], fd);
	if (old >= 0)
		close(old);
}

/* Often one that is open. */
static int some(_Atomic int *slots, uint64_t *state)
{
	int fd = -1;

	for (int i = 0; i < 4 && fd < 0; i++)
		fd = atomic_load(&slots[rnd(state) % SLOTS]);
	return fd;
}

/* One field of a structure that would do gets another value, now and then. */
static int typed(uint64_t *state, int fd, unsigned int cmd, void *argument)
{
	unsigned int words = _IOC_SIZE(cmd) / 4;
	uint32_t *fields = argument;
	int r;

	if (words && rnd(state) % 4 == 0)
		fields[rnd(state) % words] = odd(state);
	if (rnd(state) % 16 == 0 && words) {
		uint8_t *near = edge - rnd(state) % (4 * words + 1);

		memcpy(near, argument, edge - near);
		argument = near;
	}
	r = ioctl(fd, cmd, argument);
	atomic_fetch_add(&calls, 1);
	if (r >= 0)
		atomic_fetch_add(&good, 1);
	return r;
}

static void untyped(uint64_t *state)
{
	int fd = rnd(state) % 2 ? some(controls, state) : some(streams, state);
	unsigned int cmd = _IOC(rnd(state) % 4, rnd(state) % 8 ? MIRACAST_IOC_TYPE : rnd(state) % 256,
				rnd(state) % 0x28, rnd(state) % 4 ? rnd(state) % 160 :
								     rnd(state) % (1 << 14));
	uint8_t bytes[1 << 14];

	for (size_t i = 0; i < sizeof(bytes) / 64; i += 4)
		memcpy(bytes + i, &(uint32_t){ odd(state) }, 4);
	ioctl(fd, cmd, rnd(state) % 8 ? (void *)bytes : (void *)(uintptr_t)odd(state));
	atomic_fetch_add(&calls, 1);
}

/* ---- the node ---- */

static void plug(uint64_t *state)
{
	struct miracast_mode modes[DISPLAY_MODES];
	struct miracast_plug plug = display_plug(edid);
	uint8_t other[128];

	memcpy(modes, display_modes, sizeof(modes));
	display_make_edid(other, "Fuzz", rnd(state) % 4);
	plug.edid = (uintptr_t)other;
	plug.modes = (uintptr_t)modes;
	plug.mode_count = 1 + rnd(state) % DISPLAY_MODES;
	plug.preferred = rnd(state) % plug.mode_count;
	if (rnd(state) % 8 == 0)
		((uint16_t *)modes)[rnd(state) % (sizeof(modes) / 2)] = odd(state);
	if (rnd(state) % 8 == 0)
		other[rnd(state) % sizeof(other)] ^= 1 << rnd(state) % 8;
	typed(state, some(controls, state), MIRACAST_IOC_PLUG, &plug);
}

static void on_control(uint64_t *state)
{
	struct miracast_stream stream = {};
	struct miracast_event event;
	struct miracast_info info;
	int fd = some(controls, state);

	switch (rnd(state) % 16) {
	case 0:
		if (rnd(state) % 4 == 0)
			keep(controls, state,
			     open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK));
		break;
	case 1:
		if (rnd(state) % 32 == 0)
			typed(state, fd, MIRACAST_IOC_UNPLUG, NULL);
		break;
	case 2:
		typed(state, fd, MIRACAST_IOC_GET_INFO, &info);
		break;
	case 3:
		if (rnd(state) % 8 == 0 && typed(state, fd, MIRACAST_IOC_STREAM, &stream) == 0)
			keep(streams, state, stream.fd);
		break;
	case 4:
		if (rnd(state) % 64 == 0)
			typed(state, fd, MIRACAST_IOC_REVOKE, NULL);
		break;
	case 5:
		if (rnd(state) % 4 == 0)
			plug(state);
		break;
	default:
		poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0);
		(void)!read(fd, rnd(state) % 8 ? (void *)&event : NULL, sizeof(event));
		atomic_fetch_add(&calls, 2);
	}
}

static void queue(uint64_t *state, int fd)
{
	const struct miracast_mode *mode = &display_modes[rnd(state) % DISPLAY_MODES];
	struct miracast_queue queue = {
		.cookie = odd(state),
		.after_seq = rnd(state) % 4 ? 0 : odd(state),
		.dst_seq = rnd(state) % 64,
		.fd = some(buffers, state),
		.pitch = mode->hdisplay * 4 + 4 * (rnd(state) % 16),
		.width = mode->hdisplay,
		.height = mode->vdisplay,
		.format = DRM_FORMAT_XRGB8888,
	};

	typed(state, fd, MIRACAST_IOC_QUEUE, &queue);
}

static void on_stream(uint64_t *state)
{
	struct miracast_alloc alloc = { .size = (1 + rnd(state) % 4) << 20 };
	struct miracast_grab grab = { .after_seq = rnd(state) % 4 ? 0 : odd(state) };
	struct miracast_release release = {};
	struct miracast_state state_now;
	struct miracast_done done;
	int fd = some(streams, state);
	void *map;

	switch (rnd(state) % 8) {
	case 0:
		if (rnd(state) % 8 == 0 && typed(state, fd, MIRACAST_IOC_ALLOC, &alloc) == 0)
			keep(buffers, state, alloc.fd);
		break;
	case 1:
	case 2:
		queue(state, fd);
		break;
	case 3:
		typed(state, fd, MIRACAST_IOC_DEQUEUE, &done);
		break;
	case 4:
		if (typed(state, fd, MIRACAST_IOC_GRAB, &grab) == 0) {
			map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, grab.fd, 0);
			if (map != MAP_FAILED)
				munmap(map, 4096);
			close(grab.fd);
			release.sequence = grab.sequence;
			if (rnd(state) % 4)
				typed(state, fd, MIRACAST_IOC_RELEASE, &release);
		}
		break;
	case 5:
		release.sequence = odd(state);
		typed(state, fd, MIRACAST_IOC_RELEASE, &release);
		break;
	case 6:
		typed(state, fd, MIRACAST_IOC_GET_STATE, &state_now);
		break;
	default:
		poll(&(struct pollfd){ .fd = fd, .events = POLLIN | POLLPRI }, 1, 0);
		atomic_fetch_add(&calls, 1);
	}
	if (rnd(state) % 4096 == 0)
		keep(streams, state, dup(some(controls, state)));
}

static void *node_thread(void *argument)
{
	uint64_t state = (uintptr_t)argument;

	while (!enough()) {
		switch (rnd(&state) % 4) {
		case 0:
			on_control(&state);
			break;
		case 1:
			untyped(&state);
			break;
		default:
			on_stream(&state);
		}
		/* Give the desktop its share of an emulated processor. */
		if (atomic_load(&calls) >= want_calls)
			usleep(10000);
	}
	return NULL;
}

/* ---- the desktop ---- */

static drmModeModeInfo mode_of(const struct miracast_mode *from)
{
	return (drmModeModeInfo){
		.clock = from->clock, .hdisplay = from->hdisplay, .hsync_start = from->hsync_start,
		.hsync_end = from->hsync_end, .htotal = from->htotal, .vdisplay = from->vdisplay,
		.vsync_start = from->vsync_start, .vsync_end = from->vsync_end,
		.vtotal = from->vtotal, .flags = from->flags, .vrefresh = 60,
	};
}

static void add_plane(drmModeAtomicReq *request, uint64_t *state, const struct head *head,
		      int index)
{
	const struct miracast_mode *mode = &display_modes[index];
	/* Mostly one of that size. */
	int fb = rnd(state) % 8 ? index + DISPLAY_MODES * (rnd(state) % 2) : rnd(state) % FB_COUNT;
	uint64_t values[11] = {
		head->crtc, fbs[fb].fb, 0, 0, (uint64_t)mode->hdisplay << 16,
		(uint64_t)mode->vdisplay << 16, 0, 0, mode->hdisplay, mode->vdisplay, 0,
	};

	if (rnd(state) % 8 == 0)
		values[rnd(state) % 10] = odd(state);
	if (rnd(state) % 16 == 0)
		values[0] = values[1] = 0;
	for (int i = 0; i < 11; i++)
		drmModeAtomicAddProperty(request, head->plane, head->plane_property[i], values[i]);
}

static void add_writeback(drmModeAtomicReq *request, uint64_t *state, const struct head *head,
			  int32_t *fence)
{
	drmModeAtomicAddProperty(request, head->writeback, head->writeback_crtc, head->crtc);
	drmModeAtomicAddProperty(request, head->writeback, head->writeback_fb,
				 fbs[rnd(state) % FB_COUNT].fb);
	drmModeAtomicAddProperty(request, head->writeback, head->writeback_fence,
				 rnd(state) % 8 ? (uintptr_t)fence : odd(state));
}

static void commit(uint64_t *state)
{
	struct head *head = &heads[rnd(state) % HEADS];
	bool set = rnd(state) % 8 == 0;
	int index = set || rnd(state) % 16 == 0 ? (int)(rnd(state) % DISPLAY_MODES) : head->mode;
	drmModeModeInfo info = mode_of(&display_modes[index]);
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	int32_t fences[2] = { -1, -1 };
	uint32_t flags = 0, blob = 0;

	if (set) {
		if (rnd(state) % 16 == 0)
			((uint16_t *)&info)[rnd(state) % 12] = odd(state);
		drmModeCreatePropertyBlob(desktop.fd, &info, sizeof(info), &blob);
		drmModeAtomicAddProperty(request, head->crtc, head->crtc_mode, blob);
		drmModeAtomicAddProperty(request, head->crtc, head->crtc_active,
					 rnd(state) % 8 != 0);
		drmModeAtomicAddProperty(request, head->connector, head->connector_crtc,
					 head->crtc);
		flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;
	}
	add_plane(request, state, head, index);
	if (rnd(state) % 8 == 0)
		add_writeback(request, state, head, &fences[0]);
	if (rnd(state) % 4 == 0)
		drmModeAtomicAddProperty(request, head->crtc, head->crtc_fence,
					 (uintptr_t)&fences[1]);
	if (rnd(state) % 2)
		flags |= DRM_MODE_ATOMIC_NONBLOCK;
	if (rnd(state) % 4 == 0)
		flags |= DRM_MODE_PAGE_FLIP_EVENT;
	if (rnd(state) % 16 == 0)
		flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;
	if (rnd(state) % 16 == 0)
		flags = DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET;
	atomic_fetch_add(&tried, 1);
	atomic_fetch_add(&calls, 1);
	if (drmModeAtomicCommit(desktop.fd, request, flags, NULL) == 0 &&
	    !(flags & DRM_MODE_ATOMIC_TEST_ONLY)) {
		atomic_fetch_add(&commits, 1);
		if (set)
			head->mode = index;
	}
	for (int i = 0; i < 2; i++)
		if (fences[i] >= 0)
			close(fences[i]);
	if (blob)
		drmModeDestroyPropertyBlob(desktop.fd, blob);
	drmModeAtomicFree(request);
}

static void *desktop_thread(void *argument)
{
	uint64_t state = (uintptr_t)argument;
	char events[4096];

	while (!enough()) {
		commit(&state);
		while (read(desktop.fd, events, sizeof(events)) > 0)
			;
		if (rnd(&state) % 64 == 0)
			drmModeFreeConnector(drmModeGetConnector(
				desktop.fd, heads[rnd(&state) % HEADS].connector));
		/* Not faster than a head can show, or all is EBUSY. */
		if (rnd(&state) % 2)
			usleep(1000);
	}
	return NULL;
}

/* What head there is behind each open, looked up while all are closed. */
static void find_heads(void)
{
	struct miracast_info info;
	int fds[HEADS];

	for (int i = 0; i < HEADS; i++) {
		struct head *head = &heads[i];

		fds[i] = open("/dev/miracast", O_RDWR | O_CLOEXEC);
		if (fds[i] < 0 || ioctl(fds[i], MIRACAST_IOC_GET_INFO, &info) < 0) {
			perror("# /dev/miracast");
			exit(1);
		}
		if (i)
			desktop_close(&desktop);
		desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
		head->crtc = info.crtc_id;
		head->connector = info.connector_id;
		head->plane = desktop.plane;
		head->writeback = desktop.writeback;
		head->connector_crtc = desktop_property(&desktop, head->connector, "CRTC_ID");
		head->crtc_mode = desktop_property(&desktop, head->crtc, "MODE_ID");
		head->crtc_active = desktop_property(&desktop, head->crtc, "ACTIVE");
		head->crtc_fence = desktop_property(&desktop, head->crtc, "OUT_FENCE_PTR");
		for (int p = 0; p < 11; p++)
			head->plane_property[p] =
				desktop_property(&desktop, head->plane, plane_names[p]);
		head->writeback_crtc = desktop_property(&desktop, head->writeback, "CRTC_ID");
		head->writeback_fb = desktop_property(&desktop, head->writeback, "WRITEBACK_FB_ID");
		head->writeback_fence =
			desktop_property(&desktop, head->writeback, "WRITEBACK_OUT_FENCE_PTR");
	}
	for (int i = 0; i < HEADS; i++)
		close(fds[i]);
}

static void make_fbs(void)
{
	int gpu = card_open("vgem"), fd;

	for (int i = 0; i < FB_COUNT; i++) {
		const struct miracast_mode *mode = &display_modes[i % DISPLAY_MODES];
		bool foreign = gpu >= 0 && i == FB_COUNT - 1;

		buffer_create(&fbs[i], foreign ? gpu : desktop.fd, mode->hdisplay, mode->vdisplay);
		if (foreign && drmPrimeHandleToFD(gpu, fbs[i].handle, DRM_RDWR, &fd) == 0) {
			drmPrimeFDToHandle(desktop.fd, fd, &fbs[i].handle);
			close(fd);
		}
		buffer_add(&fbs[i], &desktop, DRM_FORMAT_XRGB8888, 0);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL);
	pthread_t threads[NODE_THREADS + DESKTOPS];

	want_calls = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
	want_commits = argc > 2 ? strtoul(argv[2], NULL, 0) : 2000;
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	display_make_edid(edid, "Fuzz", 1);
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge += 4096;
	munmap(edge, 4096);
	find_heads();
	make_fbs();
	fcntl(desktop.fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < SLOTS; i++)
		controls[i] = streams[i] = buffers[i] = -1;
	for (uintptr_t i = 0; i < NODE_THREADS + DESKTOPS; i++)
		pthread_create(&threads[i], NULL, i < DESKTOPS ? desktop_thread : node_thread,
			       (void *)(uintptr_t)(seed * 1000003 + i + 1));
	while (!enough()) {
		sleep(15);
		printf("# %lu calls, %lu good, %lu commits of %lu\n", calls, good, commits, tried);
		fflush(stdout);
	}
	for (int i = 0; i < NODE_THREADS + DESKTOPS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SLOTS; i++) {
		close(streams[i]);
		close(buffers[i]);
		close(controls[i]);
	}
	desktop_close(&desktop);
	printf("# %lu calls, %lu good, %lu commits of %lu\n", calls, good, commits, tried);
	return 0;
}

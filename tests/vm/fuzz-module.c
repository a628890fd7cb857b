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
#include "fuzz-choice.h"

#define HEADS	     4
#define MODES	     3
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

/* Mostly tiny and fast: calls are wanted here, not pixels. The last takes long to copy. */
static const struct miracast_mode modes[MODES] = {
	{ 576, 64, 68, 72, 80, 48, 50, 52, 60, MIRACAST_MODE_PHSYNC | MIRACAST_MODE_PVSYNC },
	{ 1152, 96, 100, 110, 120, 64, 66, 70, 80, MIRACAST_MODE_NHSYNC | MIRACAST_MODE_NVSYNC },
	{ 50350, 640, 656, 752, 800, 480, 490, 492, 525,
	  MIRACAST_MODE_NHSYNC | MIRACAST_MODE_NVSYNC },
};

static const char *const plane_names[] = { "CRTC_ID", "FB_ID",	"SRC_X",	  "SRC_Y",
					   "SRC_W",   "SRC_H",	"CRTC_X",	  "CRTC_Y",
					   "CRTC_W",  "CRTC_H", "FB_DAMAGE_CLIPS" };

static _Atomic int controls[SLOTS], streams[SLOTS], buffers[SLOTS];
static atomic_ulong calls, commits, tried, good;
static atomic_ulong refusals[256]; /* of commits, by errno */
static unsigned long want_calls, want_commits;
static struct head heads[HEADS];
static struct desktop desktop;
static struct buffer fbs[FB_COUNT];
static _Thread_local uint8_t *edge; /* the last bytes before memory that is not there */

static bool enough(void)
{
	return atomic_load(&calls) >= want_calls && atomic_load(&commits) >= want_commits;
}

/* Values at which code goes wrong, and any. */
static uint64_t odd(struct choice *choice)
{
	static const uint64_t values[] = {
		0,    1,	 2,	   3,	       4,	   127,	       128,	  4095,
		4096, INT32_MAX, 1u << 31, UINT32_MAX, UINT64_MAX, 1ull << 32, 1ull << 63
	};

	if (rnd(choice) % 2)
		return values[rnd(choice) % (sizeof(values) / sizeof(values[0]))];
	return (uint64_t)rnd(choice) << 32 | rnd(choice);
}

static void keep(_Atomic int *slots, struct choice *choice, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = atomic_exchange(&slots[rnd(choice) % SLOTS], fd);
	if (old >= 0)
		close(old);
}

/* Often one that is open. */
static int some(_Atomic int *slots, struct choice *choice)
{
	int fd = -1;

	for (int i = 0; i < 4 && fd < 0; i++)
		fd = atomic_load(&slots[rnd(choice) % SLOTS]);
	return fd;
}

/* One field of a structure that would do gets another value, now and then. */
static int typed(struct choice *choice, int fd, unsigned int cmd, void *argument)
{
	unsigned int words = _IOC_SIZE(cmd) / 4;
	uint32_t *fields = argument;
	uint8_t *near = edge;
	int r;

	if (words && rnd(choice) % 4 == 0)
		fields[rnd(choice) % words] = odd(choice);
	if (rnd(choice) % 16 == 0 && words)
		near -= rnd(choice) % (4 * words + 1);
	memcpy(near, argument, edge - near);
	r = ioctl(fd, cmd, near < edge ? near : argument);
	memcpy(argument, near, edge - near); /* a descriptor that came is ours to close */
	atomic_fetch_add(&calls, 1);
	if (r >= 0)
		atomic_fetch_add(&good, 1);
	return r;
}

static void untyped(struct choice *choice)
{
	int fd = rnd(choice) % 2 ? some(controls, choice) : some(streams, choice);
	unsigned int cmd = _IOC(
		rnd(choice) % 4, rnd(choice) % 8 ? MIRACAST_IOC_TYPE : rnd(choice) % 256,
		rnd(choice) % 0x28, rnd(choice) % 4 ? rnd(choice) % 160 : rnd(choice) % (1 << 14));
	uint8_t bytes[1 << 14];

	for (size_t i = 0; i < sizeof(bytes) / 64; i += 4)
		memcpy(bytes + i, &(uint32_t){ odd(choice) }, 4);
	ioctl(fd, cmd, rnd(choice) % 8 ? (void *)bytes : (void *)(uintptr_t)odd(choice));
	atomic_fetch_add(&calls, 1);
}

/* ---- the node ---- */

static void plug(struct choice *choice)
{
	struct miracast_mode list[MODES];
	uint8_t other[128];
	struct miracast_plug plug = display_plug(other);

	memcpy(list, modes, sizeof(list));
	display_make_edid(other, "Fuzz", rnd(choice) % 4);
	plug.modes = (uintptr_t)list;
	plug.mode_count = 1 + rnd(choice) % MODES;
	plug.preferred = rnd(choice) % plug.mode_count;
	if (rnd(choice) % 8 == 0)
		((uint16_t *)list)[rnd(choice) % (sizeof(list) / 2)] = odd(choice);
	if (rnd(choice) % 8 == 0)
		other[rnd(choice) % sizeof(other)] ^= 1 << rnd(choice) % 8;
	typed(choice, some(controls, choice), MIRACAST_IOC_PLUG, &plug);
}

static void on_control(struct choice *choice)
{
	struct miracast_stream stream = {};
	struct miracast_event event;
	struct miracast_info info;
	int fd = some(controls, choice);

	switch (rnd(choice) % 16) {
	case 0:
		if (rnd(choice) % 4 == 0)
			keep(controls, choice,
			     open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK));
		break;
	case 1:
		if (rnd(choice) % 32 == 0)
			typed(choice, fd, MIRACAST_IOC_UNPLUG, NULL);
		break;
	case 2:
		typed(choice, fd, MIRACAST_IOC_GET_INFO, &info);
		break;
	case 3:
		if (rnd(choice) % 8 == 0 && typed(choice, fd, MIRACAST_IOC_STREAM, &stream) == 0)
			keep(streams, choice, stream.fd);
		break;
	case 4:
		if (rnd(choice) % 64 == 0)
			typed(choice, fd, MIRACAST_IOC_REVOKE, NULL);
		break;
	case 5:
		if (rnd(choice) % 4 == 0)
			plug(choice);
		break;
	default:
		poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0);
		(void)!read(fd, rnd(choice) % 8 ? (void *)&event : NULL, sizeof(event));
		atomic_fetch_add(&calls, 2);
	}
}

static void queue(struct choice *choice, int fd)
{
	const struct miracast_mode *mode = &modes[rnd(choice) % MODES];
	struct miracast_queue queue = {
		.cookie = odd(choice),
		.after_seq = rnd(choice) % 4 ? 0 : odd(choice),
		.dst_seq = rnd(choice) % 64,
		.fd = some(buffers, choice),
		.pitch = mode->hdisplay * 4 + 4 * (rnd(choice) % 16),
		.width = mode->hdisplay,
		.height = mode->vdisplay,
		.format = DRM_FORMAT_XRGB8888,
	};

	typed(choice, fd, MIRACAST_IOC_QUEUE, &queue);
}

static void on_stream(struct choice *choice)
{
	struct miracast_alloc alloc = { .size = 1 << (12 + rnd(choice) % 10) };
	struct miracast_grab grab = { .after_seq = rnd(choice) % 4 ? 0 : odd(choice) };
	struct miracast_release release = {};
	struct miracast_state state_now;
	struct miracast_done done;
	int fd = some(streams, choice);
	void *map;

	switch (rnd(choice) % 8) {
	case 0:
		if (rnd(choice) % 8 == 0 && typed(choice, fd, MIRACAST_IOC_ALLOC, &alloc) == 0)
			keep(buffers, choice, alloc.fd);
		break;
	case 1:
	case 2:
		queue(choice, fd);
		break;
	case 3:
		typed(choice, fd, MIRACAST_IOC_DEQUEUE, &done);
		break;
	case 4:
		if (typed(choice, fd, MIRACAST_IOC_GRAB, &grab) == 0) {
			map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, grab.fd, 0);
			if (map != MAP_FAILED)
				munmap(map, 4096);
			close(grab.fd);
			release.sequence = grab.sequence;
			if (rnd(choice) % 4)
				typed(choice, fd, MIRACAST_IOC_RELEASE, &release);
		}
		break;
	case 5:
		release.sequence = odd(choice);
		typed(choice, fd, MIRACAST_IOC_RELEASE, &release);
		break;
	case 6:
		typed(choice, fd, MIRACAST_IOC_GET_STATE, &state_now);
		break;
	default:
		poll(&(struct pollfd){ .fd = fd, .events = POLLIN | POLLPRI }, 1, 0);
		atomic_fetch_add(&calls, 1);
	}
	if (rnd(choice) % 4096 == 0)
		keep(streams, choice, dup(some(controls, choice)));
}

static void make_edge(void)
{
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge += 4096;
	munmap(edge, 4096);
}

static void *node_thread(void *argument)
{
	struct choice choice;

	make_edge();
	choice_init(&choice, (uintptr_t)argument);
	while (!enough()) {
		choice_begin(&choice, STEP_NODE);
		switch (rnd(&choice) % 4) {
		case 0:
			on_control(&choice);
			break;
		case 1:
			untyped(&choice);
			break;
		default:
			on_stream(&choice);
		}
		choice_end(&choice, STEP_NODE);
		/* Both come to their number together, not one after the other. */
		if (atomic_load(&calls) * want_commits > atomic_load(&commits) * want_calls)
			usleep(1000);
	}
	return NULL;
}

/* ---- the desktop ---- */

static drmModeModeInfo mode_of(const struct miracast_mode *from)
{
	return (drmModeModeInfo){
		.clock = from->clock,
		.hdisplay = from->hdisplay,
		.hsync_start = from->hsync_start,
		.hsync_end = from->hsync_end,
		.htotal = from->htotal,
		.vdisplay = from->vdisplay,
		.vsync_start = from->vsync_start,
		.vsync_end = from->vsync_end,
		.vtotal = from->vtotal,
		.flags = from->flags,
		.vrefresh = 120,
	};
}

static void add_plane(drmModeAtomicReq *request, struct choice *choice, const struct head *head,
		      int index)
{
	const struct miracast_mode *mode = &modes[index];
	/* Mostly one of that size. */
	int fb = rnd(choice) % 8 ? index + MODES * (rnd(choice) % 2) : rnd(choice) % FB_COUNT;
	uint64_t values[11] = {
		head->crtc,
		fbs[fb].fb,
		0,
		0,
		(uint64_t)mode->hdisplay << 16,
		(uint64_t)mode->vdisplay << 16,
		0,
		0,
		mode->hdisplay,
		mode->vdisplay,
		0,
	};

	if (rnd(choice) % 8 == 0)
		values[rnd(choice) % 10] = odd(choice);
	if (rnd(choice) % 16 == 0)
		values[0] = values[1] = 0;
	for (int i = 0; i < 11; i++)
		drmModeAtomicAddProperty(request, head->plane, head->plane_property[i], values[i]);
}

static void add_writeback(drmModeAtomicReq *request, struct choice *choice, const struct head *head,
			  int32_t *fence)
{
	drmModeAtomicAddProperty(request, head->writeback, head->writeback_crtc, head->crtc);
	drmModeAtomicAddProperty(request, head->writeback, head->writeback_fb,
				 fbs[rnd(choice) % FB_COUNT].fb);
	drmModeAtomicAddProperty(request, head->writeback, head->writeback_fence,
				 rnd(choice) % 8 ? (uintptr_t)fence : odd(choice));
}

static void commit(struct choice *choice)
{
	struct head *head = &heads[rnd(choice) % HEADS];
	bool set = rnd(choice) % 8 == 0;
	int index = set || rnd(choice) % 16 == 0 ? (int)(rnd(choice) % MODES) : head->mode;
	drmModeModeInfo info = mode_of(&modes[index]);
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	int32_t fences[2] = { -1, -1 };
	uint32_t flags = 0, blob = 0;
	int r;

	if (set) {
		if (rnd(choice) % 16 == 0)
			((uint16_t *)&info)[rnd(choice) % 12] = odd(choice);
		drmModeCreatePropertyBlob(desktop.fd, &info, sizeof(info), &blob);
		drmModeAtomicAddProperty(request, head->crtc, head->crtc_mode, blob);
		drmModeAtomicAddProperty(request, head->crtc, head->crtc_active,
					 rnd(choice) % 8 != 0);
		drmModeAtomicAddProperty(request, head->connector, head->connector_crtc,
					 head->crtc);
		flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;
	}
	add_plane(request, choice, head, index);
	if (rnd(choice) % 8 == 0)
		add_writeback(request, choice, head, &fences[0]);
	if (rnd(choice) % 4 == 0)
		drmModeAtomicAddProperty(request, head->crtc, head->crtc_fence,
					 (uintptr_t)&fences[1]);
	if (rnd(choice) % 2)
		flags |= DRM_MODE_ATOMIC_NONBLOCK;
	if (rnd(choice) % 4 == 0)
		flags |= DRM_MODE_PAGE_FLIP_EVENT;
	if (rnd(choice) % 16 == 0)
		flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;
	if (rnd(choice) % 16 == 0)
		flags = DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET;
	atomic_fetch_add(&tried, 1);
	atomic_fetch_add(&calls, 1);
	r = drmModeAtomicCommit(desktop.fd, request, flags, NULL);
	if (r < 0)
		atomic_fetch_add(&refusals[-r % 256], 1);
	if (r == 0 && !(flags & DRM_MODE_ATOMIC_TEST_ONLY)) {
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
	struct choice choice;
	char events[4096];

	choice_init(&choice, (uintptr_t)argument);
	while (!enough()) {
		choice_begin(&choice, STEP_DESKTOP);
		commit(&choice);
		while (read(desktop.fd, events, sizeof(events)) > 0)
			;
		if (rnd(&choice) % 64 == 0)
			drmModeFreeConnector(drmModeGetConnector(
				desktop.fd, heads[rnd(&choice) % HEADS].connector));
		choice_end(&choice, STEP_DESKTOP);
		/* Not faster than a head can show, or all is EBUSY. */
		if (rnd(&choice) % 2)
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
		const struct miracast_mode *mode = &modes[i % MODES];
		bool foreign = gpu >= 0 && i == FB_COUNT - 1;

		buffer_create(&fbs[i], foreign ? gpu : desktop.fd, mode->hdisplay, mode->vdisplay);
		if (foreign && drmPrimeHandleToFD(gpu, fbs[i].handle, DRM_RDWR, &fd) == 0) {
			drmPrimeFDToHandle(desktop.fd, fd, &fbs[i].handle);
			close(fd);
		}
		buffer_add(&fbs[i], &desktop, DRM_FORMAT_XRGB8888, 0);
	}
}

/* So far, and since the last time why commits were refused: one that goes on is a finding. */
static void report(void)
{
	printf("# %lu calls, %lu good, %lu commits of %lu;", calls, good, commits, tried);
	for (int i = 0; i < 256; i++) {
		unsigned long n = atomic_exchange(&refusals[i], 0);

		if (n > 0)
			printf(" %s %lu", strerrorname_np(i), n);
	}
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL);
	pthread_t threads[NODE_THREADS + DESKTOPS];

	want_calls = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
	want_commits = argc > 2 ? strtoul(argv[2], NULL, 0) : 2000;
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
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
		report();
	}
	for (int i = 0; i < NODE_THREADS + DESKTOPS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SLOTS; i++) {
		close(streams[i]);
		close(buffers[i]);
		close(controls[i]);
	}
	desktop_close(&desktop);
	report();
	choice_report();
	return 0;
}

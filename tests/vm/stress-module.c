// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The module when its users hurry, stop, or die: what must hold however long something takes.
 *
 * stress-module FRAMES|writeback: as root in the guest of the case "module/stress", with the module
 * loaded and nobody else there. FRAMES is how many frames the tearing test shows. "writeback" ends
 * while one is under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>
#include <drm_fourcc.h>
#include <xf86drm.h>

#include "desktop.h"
#include "display.h"
#include "suite.h"

#define WIDTH	640
#define HEIGHT	480
#define BUFFERS 3

static int control = -1;
static unsigned int want_frames = 2000;
static struct miracast_info info;
static struct desktop desktop;
static struct buffer buffers[BUFFERS];
static uint8_t edid[128];

/* One colour a frame: a picture of two is torn. */
static void fill(struct buffer *buffer, uint32_t frame)
{
	wmemset((wchar_t *)buffer->pixels, (wchar_t)(frame * 0x010305 & 0xffffff),
		buffer->size / 4);
}

static bool show(uint32_t frame)
{
	struct buffer *buffer = &buffers[frame % BUFFERS];

	fill(buffer, frame);
	CHECK(desktop_flip(&desktop, buffer, NULL) == 0);
	desktop_wait_flip(&desktop);
	return true;
}

static bool connected(void)
{
	drmModeConnector *connector = desktop_probe(&desktop);
	bool is = connector->connection == DRM_MODE_CONNECTED;

	drmModeFreeConnector(connector);
	return is;
}

static bool set_up(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModeConnector *connector;

	control = open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	CHECK(control >= 0 && ioctl(control, MIRACAST_IOC_GET_INFO, &info) == 0);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
	connector = desktop_probe(&desktop);
	CHECK(connector->count_modes == DISPLAY_MODES);
	for (int i = 0; i < BUFFERS; i++) {
		buffer_create(&buffers[i], desktop.fd, WIDTH, HEIGHT);
		CHECK(buffer_add(&buffers[i], &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	}
	fill(&buffers[0], 0);
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &buffers[0]) == 0);
	drmModeFreeConnector(connector);
	return true;
}

/* ---- tearing ---- */

struct reading {
	int stream;
	atomic_bool stop;
	unsigned int copies, grabs, overruns, torn;
	const char *failure;
};

static bool one_colour(const uint32_t *pixels, uint32_t pitch)
{
	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH; x++)
			if ((pixels[y * (pitch / 4) + x] ^ pixels[0]) & 0xffffff)
				return false;
	return true;
}

static bool read_copy(struct reading *reading, int fd, const uint32_t *pixels, uint64_t *seq)
{
	struct miracast_queue queue = {
		.after_seq = *seq, .fd = fd, .pitch = WIDTH * 4, .width = WIDTH, .height = HEIGHT,
		.format = DRM_FORMAT_XRGB8888,
	};
	struct miracast_done done;

	CHECK(ioctl(reading->stream, MIRACAST_IOC_QUEUE, &queue) == 0);
	while (ioctl(reading->stream, MIRACAST_IOC_DEQUEUE, &done) < 0) {
		CHECK(errno == EAGAIN);
		if (atomic_load(&reading->stop))
			return true;
		poll(&(struct pollfd){ .fd = reading->stream, .events = POLLIN }, 1, 100);
	}
	CHECK(done.status == 0 && done.sequence > *seq);
	*seq = done.sequence;
	reading->copies++;
	reading->torn += !one_colour(pixels, WIDTH * 4);
	return true;
}

static bool read_grab(struct reading *reading, uint64_t *seq)
{
	struct miracast_release release = {};
	struct miracast_grab grab = { .after_seq = *seq };
	bool torn;
	uint32_t *pixels;

	if (ioctl(reading->stream, MIRACAST_IOC_GRAB, &grab) < 0)
		return errno == EAGAIN;
	pixels = mmap(NULL, (size_t)grab.pitch * HEIGHT, PROT_READ, MAP_SHARED, grab.fd, 0);
	CHECK(pixels != MAP_FAILED);
	torn = !one_colour(pixels, grab.pitch);
	*seq = release.sequence = grab.sequence;
	CHECK(ioctl(reading->stream, MIRACAST_IOC_RELEASE, &release) == 0);
	munmap(pixels, (size_t)grab.pitch * HEIGHT);
	close(grab.fd);
	reading->grabs++;
	if (release.result & MIRACAST_RELEASE_OVERRUN)
		reading->overruns++;
	else
		reading->torn += torn;
	return true;
}

static void *reader_thread(void *argument)
{
	struct miracast_alloc alloc = { .size = WIDTH * HEIGHT * 4 };
	struct reading *reading = argument;
	uint64_t copied = 0, grabbed = 0;
	uint32_t *pixels;

	if (ioctl(reading->stream, MIRACAST_IOC_ALLOC, &alloc) < 0) {
		reading->failure = "ALLOC";
		return NULL;
	}
	pixels = mmap(NULL, alloc.size, PROT_READ, MAP_SHARED, alloc.fd, 0);
	while (!atomic_load(&reading->stop) && !reading->failure) {
		if (!read_copy(reading, alloc.fd, pixels, &copied))
			reading->failure = "COPY";
		else if (!read_grab(reading, &grabbed))
			reading->failure = "GRAB";
	}
	munmap(pixels, alloc.size);
	close(alloc.fd);
	return NULL;
}

/* The desktop draws into a buffer as soon as the flip event has given it back. */
static bool test_tearing(void)
{
	struct reading reading = { .stream = make_stream(control) };
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, reader_thread, &reading) == 0);
	for (uint32_t i = 1; i <= want_frames; i++)
		CHECK(show(i));
	atomic_store(&reading.stop, true);
	pthread_join(thread, NULL);
	close(reading.stream);
	printf("# %u frames shown; %u copied, %u grabbed of which %u overran, %u torn\n",
	       want_frames, reading.copies, reading.grabs, reading.overruns, reading.torn);
	CHECK(!reading.failure && reading.copies && reading.grabs && !reading.torn);
	return true;
}

/* ---- a reader that never releases, or dies ---- */

static bool commit_with_fence(const struct buffer *buffer, int *ret_fence)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	int32_t fence = -1;
	int r;

	drmModeAtomicAddProperty(request, desktop.plane,
				 desktop_property(&desktop, desktop.plane, "FB_ID"), buffer->fb);
	drmModeAtomicAddProperty(request, desktop.crtc,
				 desktop_property(&desktop, desktop.crtc, "OUT_FENCE_PTR"),
				 (uintptr_t)&fence);
	r = drmModeAtomicCommit(desktop.fd, request, DRM_MODE_ATOMIC_NONBLOCK, NULL);
	drmModeAtomicFree(request);
	*ret_fence = fence;
	return r == 0;
}

static bool test_out_fence(void)
{
	int stream = make_stream(control), fence;
	struct miracast_grab grab = {};
	struct miracast_state before, after;

	CHECK(show(0));
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &before) == 0);
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	CHECK(commit_with_fence(&buffers[1], &fence));
	CHECK(wait_for(fence, POLLIN) == POLLIN);
	close(fence);
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &after) == 0);
	CHECK(after.held - before.held == MIRACAST_GRAB_HOLD);
	CHECK(after.overruns - before.overruns == 1);
	close(grab.fd);
	close(stream);
	return true;
}

/* What an encoder does, until it is killed. */
static void be_media(int stream)
{
	struct miracast_alloc alloc = { .size = WIDTH * HEIGHT * 4 };
	struct miracast_grab grab = {};
	struct miracast_queue queue = { .pitch = WIDTH * 4, .width = WIDTH, .height = HEIGHT,
					.format = DRM_FORMAT_XRGB8888 };
	struct miracast_done done;

	if (ioctl(stream, MIRACAST_IOC_ALLOC, &alloc) < 0)
		_exit(1);
	queue.fd = alloc.fd;
	ioctl(stream, MIRACAST_IOC_GRAB, &grab);
	for (;;) {
		ioctl(stream, MIRACAST_IOC_QUEUE, &queue);
		poll(&(struct pollfd){ .fd = stream, .events = POLLIN }, 1, 100);
		ioctl(stream, MIRACAST_IOC_DEQUEUE, &done);
	}
}

static bool test_media_killed(void)
{
	struct miracast_grab grab = {};
	int stream;
	pid_t pid;

	for (uint32_t i = 0; i < 5; i++) {
		stream = make_stream(control);
		CHECK(stream >= 0);
		pid = fork();
		if (pid == 0)
			be_media(stream);
		close(stream);
		for (uint32_t frame = 0; frame < 10; frame++)
			CHECK(show(frame));
		kill(pid, SIGKILL);
		for (uint32_t frame = 10; frame < 20; frame++)
			CHECK(show(frame));
		waitpid(pid, NULL, 0);
		CHECK(show(20) && connected());
	}
	stream = make_stream(control);
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	close(grab.fd);
	close(stream);
	return true;
}

/* On another head: media is stopped and keeps its stream, and still no ghost of a display stays. */
static bool test_daemon_killed(void)
{
	struct desktop other;
	struct miracast_info its;
	int told[2];
	pid_t daemon, media;

	CHECK(pipe(told) == 0);
	daemon = fork();
	if (daemon == 0) {
		struct miracast_plug plug = display_plug(edid);

		control = open("/dev/miracast", O_RDWR | O_CLOEXEC);
		if (ioctl(control, MIRACAST_IOC_GET_INFO, &its) < 0 ||
		    ioctl(control, MIRACAST_IOC_PLUG, &plug) < 0)
			_exit(1);
		if (make_stream(control) < 0)
			_exit(1);
		media = fork();
		if (media == 0) {
			close(control);
			raise(SIGSTOP);
		}
		waitpid(media, NULL, WUNTRACED);
		(void)!write(told[1], &its, sizeof(its));
		(void)!write(told[1], &media, sizeof(media));
		pause();
	}
	CHECK(read(told[0], &its, sizeof(its)) == sizeof(its));
	CHECK(read(told[0], &media, sizeof(media)) == sizeof(media));
	other = desktop;
	other.connector = its.connector_id;
	drmModeConnector *connector = desktop_probe(&other);
	CHECK(connector->connection == DRM_MODE_CONNECTED);
	drmModeFreeConnector(connector);
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	/* Not probed: what the kernel told the desktop by itself. */
	connector = drmModeGetConnectorCurrent(desktop.fd, its.connector_id);
	CHECK(connector->connection == DRM_MODE_DISCONNECTED);
	drmModeFreeConnector(connector);
	kill(media, SIGKILL);
	close(told[0]);
	close(told[1]);
	return true;
}

/* ---- plugs in a hurry ---- */

static atomic_bool plugs_done;

static void *swap_thread(void *argument)
{
	uint8_t others[2][128];

	(void)argument;
	display_make_edid(others[0], "One", 1);
	display_make_edid(others[1], "Other", 2);
	for (unsigned int i = 0; !atomic_load(&plugs_done); i++) {
		struct miracast_plug plug = display_plug(others[i % 2]);

		plug.mode_count = 1 + i % DISPLAY_MODES;
		plug.preferred = 0;
		ioctl(control, MIRACAST_IOC_PLUG, &plug);
	}
	return NULL;
}

static void *probe_thread(void *argument)
{
	(void)argument;
	while (!atomic_load(&plugs_done))
		drmModeFreeConnector(desktop_probe(&desktop));
	return NULL;
}

static long slab_kb(void)
{
	char line[128];
	long kb = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "SUnreclaim: %ld", &kb);
	fclose(file);
	return kb;
}

static bool test_plugs(void)
{
	struct miracast_plug plug = display_plug(edid);
	pthread_t threads[2];
	long before = slab_kb(), after;

	pthread_create(&threads[0], NULL, swap_thread, NULL);
	pthread_create(&threads[1], NULL, probe_thread, NULL);
	for (int i = 0; i < 1000; i++) {
		CHECK(ioctl(control, MIRACAST_IOC_UNPLUG) == 0);
		CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
		if (i % 50 == 0)
			CHECK(show(i));
	}
	atomic_store(&plugs_done, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	CHECK(connected());
	after = slab_kb();
	printf("# unreclaimable slab: %ld kB before, %ld kB after\n", before, after);
	/* A kernel with kmemleak looks for itself, and keeps for KASAN what was freed. */
	CHECK(after - before < 4096 || access("/sys/kernel/debug/kmemleak", F_OK) == 0);
	return true;
}

#define RACES 300

static pthread_barrier_t race;

static void *unplug_thread(void *argument)
{
	(void)argument;
	for (int i = 0; i < 2 * RACES; i++) {
		pthread_barrier_wait(&race);
		if (i % 2 == 0)
			ioctl(control, MIRACAST_IOC_UNPLUG);
	}
	return NULL;
}

/* Whoever comes last wins, for the desktop and for readers alike. */
static bool test_plug_race(void)
{
	struct miracast_plug plug = display_plug(edid);
	struct miracast_state state;
	int stream = make_stream(control), differed = 0, left = 0;
	pthread_t thread;

	pthread_barrier_init(&race, NULL, 2);
	pthread_create(&thread, NULL, unplug_thread, NULL);
	for (int i = 0; i < RACES; i++) {
		bool plugged;

		pthread_barrier_wait(&race);
		ioctl(control, MIRACAST_IOC_PLUG, &plug);
		pthread_barrier_wait(&race);
		ioctl(stream, MIRACAST_IOC_GET_STATE, &state);
		plugged = state.flags & MIRACAST_STATE_PLUGGED;
		differed += plugged != connected();
		left += plugged;
	}
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&race);
	close(stream);
	printf("# of %d races %d ended plugged\n", RACES, left);
	CHECK(!differed);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0 && connected());
	return true;
}

/* ---- memory ---- */

static bool test_limit(void)
{
	struct miracast_alloc alloc = { .size = 64 << 20 };
	int fds[64], count = 0, stream = make_stream(control);

	while (count < 64 && ioctl(stream, MIRACAST_IOC_ALLOC, &alloc) == 0)
		fds[count++] = alloc.fd;
	/* The card's own limit, 1 GB: the machine has more, and would kill somebody at its end. */
	CHECK(count == 16 && errno == ENOSPC);
	while (count)
		close(fds[--count]);
	alloc.size = 4096;
	CHECK(ioctl(stream, MIRACAST_IOC_ALLOC, &alloc) == 0);
	close(alloc.fd);
	close(stream);
	return true;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

#define FAILSLAB "/sys/kernel/debug/failslab/"

/* One of each call that allocates. Returns how many failed. */
static int starve(int *ret_went)
{
	struct miracast_queue queue = { .pitch = WIDTH * 4, .width = WIDTH, .height = HEIGHT,
					.format = DRM_FORMAT_XRGB8888 };
	struct miracast_alloc alloc = { .size = WIDTH * HEIGHT * 4, .fd = -1 };
	struct miracast_plug plug = display_plug(edid);
	struct miracast_grab grab = { .fd = -1 };
	int r[6], fence = -1, stream, failed = 0;

	put("/proc/self/make-it-fail", "1");
	r[0] = stream = make_stream(control);
	r[1] = ioctl(stream, MIRACAST_IOC_ALLOC, &alloc);
	queue.fd = alloc.fd;
	r[2] = ioctl(stream, MIRACAST_IOC_QUEUE, &queue);
	r[3] = ioctl(stream, MIRACAST_IOC_GRAB, &grab);
	r[4] = ioctl(control, MIRACAST_IOC_PLUG, &plug);
	r[5] = desktop_writeback(&desktop, &buffers[2], &fence);
	put("/proc/self/make-it-fail", "0");
	for (int i = 0; i < 6; i++)
		failed += r[i] < 0;
	*ret_went += 6 - failed;
	if (alloc.fd >= 0)
		close(alloc.fd);
	if (grab.fd >= 0)
		close(grab.fd);
	if (fence >= 0)
		close(fence);
	if (stream >= 0)
		close(stream);
	return failed;
}

/* Every allocation of a call fails in its turn, and now and then none does. */
static bool test_failslab(void)
{
	int failed = 0, went = 0, fence;

	/* Looks up what it needs while it can. */
	CHECK(desktop_writeback(&desktop, &buffers[2], &fence) == 0);
	close(fence);
	if (!put(FAILSLAB "probability", "10")) {
		printf("# no FAILSLAB in this kernel: not tried\n");
		return true;
	}
	CHECK(put(FAILSLAB "task-filter", "Y") && put(FAILSLAB "times", "-1") &&
	      put(FAILSLAB "verbose", "0") && put(FAILSLAB "ignore-gfp-wait", "N"));
	for (int i = 0; i < 300; i++)
		failed += starve(&went);
	put(FAILSLAB "probability", "0");
	printf("# %d calls failed, %d went through\n", failed, went);
	CHECK(failed && went && show(1) && connected());
	return true;
}

/* ---- check sums ---- */

static int open_crc(const char *file, int flags)
{
	char path[300];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%u/crtc-%u/crc/%s", info.card_minor,
		 info.head, file);
	return open(path, flags | O_CLOEXEC);
}

/* The sum of the picture that is shown since the last flip: entries of earlier ones come first. */
static bool read_crc(int fd, unsigned int *ret)
{
	char line[64];
	unsigned int frame;

	do {
		ssize_t size = read(fd, line, sizeof(line) - 1);

		CHECK(size > 0);
		line[size] = 0;
		CHECK(sscanf(line, "0x%x 0x%x", &frame, ret) == 2);
	} while ((int)(frame - desktop.flip_sequence) < 0);
	return true;
}

static bool test_crc(void)
{
	unsigned int sums[3];
	int fd = open_crc("data", O_RDONLY);

	CHECK(fd >= 0);
	for (int i = 0; i < 3; i++) {
		struct buffer *buffer = &buffers[i];

		fill(buffer, 100 + i % 2);
		CHECK(desktop_flip(&desktop, buffer, NULL) == 0);
		desktop_wait_flip(&desktop);
		CHECK(read_crc(fd, &sums[i]));
	}
	close(fd);
	CHECK(sums[0] != sums[1] && sums[0] == sums[2]);
	return true;
}

static const struct test tests[] = {
	{ "a desktop runs", set_up },
	{ "no frame is torn", test_tearing },
	{ "an OUT_FENCE signals although a reader never releases", test_out_fence },
	{ "media is killed: the display stays and flips go on", test_media_killed },
	{ "the daemon is killed while media is stopped: the display goes", test_daemon_killed },
	{ "1,000 plugs and unplugs beside swaps and probes", test_plugs },
	{ "a plug and an unplug at once leave one state", test_plug_race },
	{ "memory has a limit, and is given back", test_limit },
	{ "calls fail cleanly without memory", test_failslab },
	{ "check sums tell pictures apart", test_crc },
};

int main(int argc, char **argv)
{
	int fence;

	display_make_edid(edid, "Test display", 1);
	if (argc > 1 && strcmp(argv[1], "writeback") == 0)
		return !set_up() || desktop_writeback(&desktop, &buffers[1], &fence) < 0;
	if (argc > 1)
		want_frames = strtoul(argv[1], NULL, 0);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

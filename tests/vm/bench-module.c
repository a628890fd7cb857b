// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench-module FILE.json: how long a COPY and a GRAB take, for three sizes.
 *
 * stdin is what miracast_bench.ko said of memcpy; the table goes to stdout. Times are the best of
 * several rounds: the guest is emulated on a machine that does other things. CPU time is that of
 * the whole guest, since workers of the kernel do the copying.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <drm_fourcc.h>

#include "desktop.h"
#include "display.h"

#define SIZES  3
#define ROUNDS 20
#define GRABS  200

static const struct miracast_mode modes[SIZES] = {
	{ 74250, 1280, 1390, 1430, 1650, 720, 725, 730, 750, 0x5 },
	{ 148500, 1920, 2008, 2052, 2200, 1080, 1084, 1089, 1125, 0x5 },
	{ 297000, 3840, 4016, 4104, 4400, 2160, 2168, 2178, 2250, 0x5 },
};

struct result {
	uint64_t copy_ns, copy_cpu_us, grab_ns, grab_cpu_us, memcpy_ns;
};

static int control, stream;
static struct desktop desktop;

static void must(int good, const char *what)
{
	if (good)
		return;
	printf("# bench-module: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static uint64_t cpu_us(void)
{
	unsigned long long user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
	FILE *file = fopen("/proc/stat", "re");

	must(file && fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
			    &idle, &iowait, &irq, &softirq) == 7, "/proc/stat");
	fclose(file);
	return (user + nice + system + irq + softirq) * (1000000 / sysconf(_SC_CLK_TCK));
}

static void copy_once(const struct miracast_queue *queue)
{
	struct miracast_done done;

	must(ioctl(stream, MIRACAST_IOC_QUEUE, queue) == 0, "QUEUE");
	must(poll(&(struct pollfd){ .fd = stream, .events = POLLIN }, 1, 60000) == 1, "poll");
	must(ioctl(stream, MIRACAST_IOC_DEQUEUE, &done) == 0 && done.status == 0, "DEQUEUE");
}

static void bench_copy(const struct miracast_mode *mode, struct result *result)
{
	struct miracast_alloc alloc = { .size = mode->hdisplay * mode->vdisplay * 4 };
	struct miracast_queue queue = {
		.pitch = mode->hdisplay * 4,
		.width = mode->hdisplay,
		.height = mode->vdisplay,
		.format = DRM_FORMAT_XRGB8888,
	};
	uint64_t cpu;

	must(ioctl(stream, MIRACAST_IOC_ALLOC, &alloc) == 0, "ALLOC");
	queue.fd = alloc.fd;
	copy_once(&queue);
	result->copy_ns = UINT64_MAX;
	cpu = cpu_us();
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = now_ns(), took;

		copy_once(&queue);
		took = now_ns() - start;
		if (took < result->copy_ns)
			result->copy_ns = took;
	}
	result->copy_cpu_us = (cpu_us() - cpu) / ROUNDS;
	close(alloc.fd);
}

static void bench_grab(struct result *result)
{
	uint64_t cpu = cpu_us();

	result->grab_ns = UINT64_MAX;
	for (int i = 0; i < GRABS; i++) {
		struct miracast_grab grab = {};
		struct miracast_release release = {};
		uint64_t start = now_ns(), took;

		must(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0, "GRAB");
		release.sequence = grab.sequence;
		must(ioctl(stream, MIRACAST_IOC_RELEASE, &release) == 0, "RELEASE");
		close(grab.fd);
		took = now_ns() - start;
		if (took < result->grab_ns)
			result->grab_ns = took;
	}
	result->grab_cpu_us = (cpu_us() - cpu) / GRABS;
}

static void bench(int i, struct result *result)
{
	drmModeConnector *connector = desktop_probe(&desktop);
	struct buffer buffer;

	buffer_create(&buffer, desktop.fd, modes[i].hdisplay, modes[i].vdisplay);
	buffer_fill(&buffer, 1);
	must(buffer_add(&buffer, &desktop, DRM_FORMAT_XRGB8888, 0) == 0, "addfb");
	must(desktop_set_mode(&desktop, &connector->modes[i], &buffer) == 0, "mode set");
	drmModeFreeConnector(connector);
	bench_copy(&modes[i], result);
	bench_grab(result);
}

static void report(const struct result results[SIZES], const char *path)
{
	FILE *file = fopen(path, "we");

	must(file != NULL, path);
	fprintf(file, "[\n");
	printf("# %-10s %9s %9s %9s %7s %9s %9s %9s\n", "size", "COPY/s", "CPU us", "memcpy/s",
	       "ratio", "GRAB/s", "CPU us", "GRAB us");
	for (int i = 0; i < SIZES; i++) {
		const struct result *r = &results[i];
		char size[16];

		snprintf(size, sizeof(size), "%ux%u", modes[i].hdisplay, modes[i].vdisplay);
		printf("# %-10s %9.1f %9llu %9.1f %7.2f %9.0f %9llu %9.1f\n", size,
		       1e9 / r->copy_ns, (unsigned long long)r->copy_cpu_us, 1e9 / r->memcpy_ns,
		       (double)r->copy_ns / r->memcpy_ns, 1e9 / r->grab_ns,
		       (unsigned long long)r->grab_cpu_us, r->grab_ns / 1e3);
		fprintf(file,
			"  {\"size\": \"%s\", \"copy_ns\": %llu, \"copy_cpu_us\": %llu, "
			"\"memcpy_ns\": %llu, \"grab_ns\": %llu, \"grab_cpu_us\": %llu}%s\n",
			size, (unsigned long long)r->copy_ns, (unsigned long long)r->copy_cpu_us,
			(unsigned long long)r->memcpy_ns, (unsigned long long)r->grab_ns,
			(unsigned long long)r->grab_cpu_us, i < SIZES - 1 ? "," : "");
	}
	fprintf(file, "]\n");
	must(fclose(file) == 0, path);
}

int main(int argc, char **argv)
{
	struct miracast_stream made = {};
	struct result results[SIZES] = {};
	struct miracast_plug plug;
	struct miracast_info info;
	uint8_t edid[128];

	for (int i = 0; i < SIZES; i++)
		must(scanf(" memcpy %*s %lu ns", &results[i].memcpy_ns) == 1, "memcpy");
	display_make_edid(edid, "Bench", 1);
	plug = display_plug(edid);
	plug.modes = (uintptr_t)modes;
	plug.mode_count = SIZES;
	plug.preferred = 0;
	control = open("/dev/miracast", O_RDWR | O_CLOEXEC);
	must(control >= 0 && ioctl(control, MIRACAST_IOC_GET_INFO, &info) == 0, "/dev/miracast");
	must(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0, "PLUG");
	must(ioctl(control, MIRACAST_IOC_STREAM, &made) == 0, "STREAM");
	stream = made.fd;
	desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
	for (int i = 0; i < SIZES; i++)
		bench(i, &results[i]);
	report(results, argc > 1 ? argv[1] : "/dev/null");
	printf("ok 1 measured\n");
	return 0;
}

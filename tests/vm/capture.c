// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * capture [--nonce HEX] [--stamps N] [--seconds N] [--picture FILE.ppm]
 *
 * The daemon's place, held by as little as possible: plugs a display, copies what the desktop shows
 * on it and reads the stamps (miracast/stamp.h) in it. Succeeds when N different stamps with the
 * nonce were seen in time. Encodes nothing, so it tells a broken desktop from a broken cast.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <drm_fourcc.h>

#include <miracast/stamp.h>

#include "display.h"

#define BUFFERS 3

struct capture {
	int control;
	int stream;
	struct miracast_mode mode;
	int fd[BUFFERS];
	uint32_t *pixels[BUFFERS];
	uint64_t holds[BUFFERS]; /* sequence */
	size_t size;
	uint64_t last;
	unsigned int frames;
	unsigned int stamps;
	unsigned int bad;
	uint32_t last_stamp;
	uint32_t stamp_x;
	uint32_t stamp_y;
	uint64_t damage; /* pixels */
};

static uint32_t nonce;
static unsigned int want = 30;
static unsigned int seconds = 60;
static const char *picture;

static int fail(const char *what)
{
	printf("# capture: %s: %s\n", what, strerror(errno));
	return 1;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

/* ---- stamps ---- */

static uint32_t read_row(const struct capture *capture, const uint32_t *pixels, uint32_t x,
			 uint32_t y, uint32_t row)
{
	const uint32_t *line = pixels + (y + row * STAMP_CELL + STAMP_CELL / 2) *
						capture->mode.hdisplay + x + STAMP_CELL / 2;
	uint32_t value = 0;

	for (uint32_t i = 0; i < STAMP_COLUMNS; i++)
		value = value << 1 | ((line[i * STAMP_CELL] >> 8 & 0xff) >= 128);
	return value;
}

static bool read_stamp(const struct capture *capture, const uint32_t *pixels, uint32_t x,
		       uint32_t y, struct stamp *ret)
{
	uint8_t bytes[20];
	uint32_t words[STAMP_ROWS];

	for (uint32_t row = 0; row < STAMP_ROWS; row++) {
		words[row] = read_row(capture, pixels, x, y, row);
		if (row == 0 && words[0] != STAMP_SYNC)
			return false;
	}
	for (uint32_t i = 0; i < 10; i++) {
		bytes[2 * i] = words[i + 1] >> 8;
		bytes[2 * i + 1] = words[i + 1];
	}
	if (crc32(0, bytes, 16) != (words[9] << 16 | words[10]))
		return false;
	ret->frame = words[1] << 16 | words[2];
	ret->time_us = (uint64_t)words[3] << 48 | (uint64_t)words[4] << 32 | words[5] << 16 |
		       words[6];
	ret->nonce = words[7] << 16 | words[8];
	return true;
}

/* Where it was before, else anywhere. */
static bool find_stamp(struct capture *capture, const uint32_t *pixels, struct stamp *ret)
{
	if (read_stamp(capture, pixels, capture->stamp_x, capture->stamp_y, ret))
		return true;
	for (uint32_t y = 0; y + STAMP_ROWS * STAMP_CELL <= capture->mode.vdisplay; y++)
		for (uint32_t x = 0; x + STAMP_COLUMNS * STAMP_CELL <= capture->mode.hdisplay; x++)
			if (read_stamp(capture, pixels, x, y, ret)) {
				capture->stamp_x = x;
				capture->stamp_y = y;
				return true;
			}
	return false;
}

/* ---- frames ---- */

static int write_picture(const struct capture *capture, const uint32_t *pixels)
{
	FILE *file = fopen(picture, "w");

	if (!file)
		return fail(picture);
	fprintf(file, "P6\n%u %u\n255\n", capture->mode.hdisplay, capture->mode.vdisplay);
	for (size_t i = 0; i < (size_t)capture->mode.hdisplay * capture->mode.vdisplay; i++) {
		const uint8_t rgb[3] = { pixels[i] >> 16, pixels[i] >> 8, pixels[i] };

		fwrite(rgb, 1, 3, file);
	}
	return fclose(file) ? fail(picture) : 0;
}

static void drop_buffers(struct capture *capture)
{
	for (int i = 0; i < BUFFERS; i++) {
		if (!capture->pixels[i])
			continue;
		munmap(capture->pixels[i], capture->size);
		close(capture->fd[i]);
		capture->pixels[i] = NULL;
	}
}

static int queue(struct capture *capture, int i)
{
	struct miracast_queue request = {
		.cookie = i,
		.after_seq = capture->last,
		.dst_seq = capture->holds[i],
		.fd = capture->fd[i],
		.pitch = capture->mode.hdisplay * 4,
		.width = capture->mode.hdisplay,
		.height = capture->mode.vdisplay,
		.format = DRM_FORMAT_XRGB8888,
	};

	return ioctl(capture->stream, MIRACAST_IOC_QUEUE, &request) < 0 ? fail("QUEUE") : 0;
}

/* Frames of another size come: a new stream with buffers that fit. */
static int start(struct capture *capture, const struct miracast_mode *mode)
{
	struct miracast_stream stream = {};

	drop_buffers(capture);
	if (ioctl(capture->control, MIRACAST_IOC_STREAM, &stream) < 0)
		return fail("STREAM");
	if (capture->stream >= 0)
		close(capture->stream);
	capture->stream = stream.fd;
	capture->mode = *mode;
	capture->size = 4ul * mode->hdisplay * mode->vdisplay;
	capture->last = 0;
	for (int i = 0; i < BUFFERS; i++) {
		struct miracast_alloc alloc = { .size = capture->size };

		if (ioctl(capture->stream, MIRACAST_IOC_ALLOC, &alloc) < 0)
			return fail("ALLOC");
		capture->fd[i] = alloc.fd;
		capture->holds[i] = 0;
		capture->pixels[i] = mmap(NULL, capture->size, PROT_READ | PROT_WRITE, MAP_SHARED,
					  alloc.fd, 0);
		if (capture->pixels[i] == MAP_FAILED)
			return fail("mmap");
	}
	/* One at a time is enough: the next is queued before this one is looked at. */
	return queue(capture, 0);
}

static int on_event(struct capture *capture)
{
	struct miracast_event event;

	if (read(capture->control, &event, sizeof(event)) != sizeof(event))
		return fail("read");
	printf("# %s: %ux%u, %s\n", event.type == MIRACAST_EVENT_MODE ? "mode" : "power",
	       event.mode.hdisplay, event.mode.vdisplay, event.active ? "on" : "off");
	if (event.type != MIRACAST_EVENT_MODE || !event.mode.clock)
		return 0;
	return start(capture, &event.mode);
}

static int on_frame(struct capture *capture)
{
	struct miracast_done done;
	struct stamp stamp;
	const uint32_t *pixels;

	if (ioctl(capture->stream, MIRACAST_IOC_DEQUEUE, &done) < 0)
		return errno == EAGAIN ? 0 : fail("DEQUEUE");
	if (done.status) {
		errno = -done.status;
		return fail("COPY");
	}
	capture->frames++;
	capture->damage += (uint64_t)(done.damage.x2 - done.damage.x1) *
			   (done.damage.y2 - done.damage.y1);
	capture->holds[done.cookie] = capture->last = done.sequence;
	pixels = capture->pixels[done.cookie];
	if (queue(capture, (done.cookie + 1) % BUFFERS))
		return 1;

	if (!find_stamp(capture, pixels, &stamp)) {
		/* Before the first one: the desktop is still on its way up. */
		capture->bad += capture->stamps > 0;
	} else if (stamp.nonce == nonce && stamp.frame != capture->last_stamp) {
		capture->stamps++;
		capture->last_stamp = stamp.frame;
	}
	return capture->stamps == want && picture ? write_picture(capture, pixels) : 0;
}

static int run(struct capture *capture)
{
	uint64_t end = now_us() + seconds * 1000000ull;
	uint64_t begin = 0;

	while (capture->stamps < want && now_us() < end) {
		struct pollfd pollers[2] = {
			{ .fd = capture->control, .events = POLLIN },
			{ .fd = capture->stream, .events = POLLIN },
		};

		poll(pollers, 2, 1000);
		if (pollers[0].revents && on_event(capture))
			return 1;
		if (pollers[1].revents && on_frame(capture))
			return 1;
		if (!begin && capture->stamps)
			begin = now_us();
	}
	printf("# %u frames, %u different stamps, %u frames without; mean damage %.0f pixels\n",
	       capture->frames, capture->stamps, capture->bad,
	       capture->frames ? (double)capture->damage / capture->frames : 0.0);
	if (begin && capture->stamps > 1)
		printf("# %.1f stamps a second, at %u,%u\n",
		       (capture->stamps - 1) * 1e6 / (now_us() - begin), capture->stamp_x,
		       capture->stamp_y);
	return capture->stamps < want;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "nonce", required_argument, NULL, 'n' },
		{ "stamps", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 't' },
		{ "picture", required_argument, NULL, 'p' },
		{},
	};
	struct capture capture = { .stream = -1 };
	struct miracast_plug plug;
	uint8_t edid[128];
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n': nonce = strtoul(optarg, NULL, 16); break;
		case 's': want = strtoul(optarg, NULL, 10); break;
		case 't': seconds = strtoul(optarg, NULL, 10); break;
		case 'p': picture = optarg; break;
		default: return 2;
		}
	}

	capture.control = open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (capture.control < 0)
		return fail("/dev/miracast");
	display_make_edid(edid, "Captured", 3);
	plug = display_plug(edid);
	if (ioctl(capture.control, MIRACAST_IOC_PLUG, &plug) < 0)
		return fail("PLUG");
	return run(&capture);
}

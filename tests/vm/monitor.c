// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * monitor
 *
 * The daemon's place beside a desktop, told what to do by a script: a monitor that can be plugged
 * and unplugged, and somebody who looks at it all the time. Copies every frame there is, encodes
 * nothing. One command a line on standard input, one line of answer each:
 *
 *	plug NAME	with an EDID of that name
 *	unplug
 *	state		what the desktop does with it: on or off, mode, frames copied until now
 *	grab FILE	the picture of now, by GRAB, as PNG
 *	copy FILE	the picture copied last, as PNG
 *
 * Pictures are answered with their size, whether the desktop imported the buffer, how much of it is
 * not black and how many colours it has. Answers begin with "error" when something failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <xf86drm.h>
#include <drm_fourcc.h>
#include <virtgpu_drm.h>
#include <linux/dma-buf.h>

#include "display.h"

struct monitor {
	int control;
	int stream;
	int render; /* of the graphics card beside ours, or -1 */
	struct miracast_mode mode;
	bool active;
	int fd;
	uint32_t *pixels;
	size_t size;
	uint64_t sequence;
	unsigned int frames;
	int error; /* of the first copy that failed */
};

struct picture {
	const uint32_t *pixels;
	uint32_t width;
	uint32_t height;
	uint32_t pitch;
	uint64_t sequence;
	bool imported;
};

static void answer_error(const char *what)
{
	printf("error: %s: %s\n", what, strerror(errno));
}

/* ---- pictures ---- */

static void write_chunk(FILE *file, const char *type, const uint8_t *data, size_t size)
{
	uint32_t sum = crc32(crc32(0, (const uint8_t *)type, 4), data, size);
	const uint8_t length[4] = { size >> 24, size >> 16, size >> 8, size };
	const uint8_t check[4] = { sum >> 24, sum >> 16, sum >> 8, sum };

	fwrite(length, 1, 4, file);
	fwrite(type, 1, 4, file);
	fwrite(data, 1, size, file);
	fwrite(check, 1, 4, file);
}

static int write_png(const char *path, const struct picture *picture)
{
	uint32_t w = picture->width;
	uint32_t h = picture->height;
	const uint8_t header[13] = { w >> 24, w >> 16, w >> 8, w, h >> 24, h >> 16, h >> 8, h,
				     8, 2 /* RGB */ };
	size_t raw_size = (3ul * w + 1) * h;
	uLongf size = compressBound(raw_size);
	uint8_t *raw = calloc(1, raw_size);
	uint8_t *packed = malloc(size);
	FILE *file = fopen(path, "w");
	uint8_t *to = raw;

	if (!raw || !packed || !file)
		return -1;
	for (uint32_t y = 0; y < h; y++) {
		to++; /* no filter */
		for (uint32_t x = 0; x < w; x++) {
			uint32_t pixel = picture->pixels[y * (picture->pitch / 4) + x];

			*to++ = pixel >> 16;
			*to++ = pixel >> 8;
			*to++ = pixel;
		}
	}
	compress2(packed, &size, raw, raw_size, 1);
	fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
	write_chunk(file, "IHDR", header, sizeof(header));
	write_chunk(file, "IDAT", packed, size);
	write_chunk(file, "IEND", NULL, 0);
	free(raw);
	free(packed);
	return fclose(file);
}

/* Colours by the five upper bits of each channel: enough to tell a desktop from a plane. */
static void answer_picture(const char *path, const struct picture *picture)
{
	static uint8_t seen[1 << 15];
	unsigned int colours = 0;
	uint64_t lit = 0;

	memset(seen, 0, sizeof(seen));
	for (uint32_t y = 0; y < picture->height; y++) {
		for (uint32_t x = 0; x < picture->width; x++) {
			uint32_t pixel = picture->pixels[y * (picture->pitch / 4) + x];
			uint32_t colour = (pixel >> 9 & 0x7c00) | (pixel >> 6 & 0x3e0) |
					  (pixel >> 3 & 0x1f);

			lit += (pixel & 0xffffff) != 0;
			colours += !seen[colour];
			seen[colour] = 1;
		}
	}
	if (write_png(path, picture))
		return answer_error(path);
	printf("frame %llu %ux%u %s lit %u%% colours %u\n", (unsigned long long)picture->sequence,
	       picture->width, picture->height, picture->imported ? "imported" : "own",
	       (unsigned int)(lit * 100 / ((uint64_t)picture->width * picture->height)), colours);
}

/*
 * A virtual GPU with 3D draws on the host: the guest's pages of its buffer are stale until it is
 * told to fetch them. Other GPUs do not know the call and need none.
 */
static void fetch_pages(struct monitor *monitor, int fd, const struct picture *picture)
{
	struct drm_virtgpu_3d_transfer_from_host transfer = {
		.box = { .w = picture->width, .h = picture->height, .d = 1 },
	};
	struct drm_virtgpu_3d_wait wait = {};

	if (monitor->render < 0 || drmPrimeFDToHandle(monitor->render, fd, &transfer.bo_handle))
		return;
	wait.handle = transfer.bo_handle;
	if (drmIoctl(monitor->render, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &transfer) == 0)
		drmIoctl(monitor->render, DRM_IOCTL_VIRTGPU_WAIT, &wait);
	drmCloseBufferHandle(monitor->render, transfer.bo_handle);
}

static void on_grab(struct monitor *monitor, const char *path)
{
	struct miracast_grab grab = {};
	struct miracast_release release = {};
	struct dma_buf_sync sync = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };
	struct picture picture;
	void *map;

	if (ioctl(monitor->stream, MIRACAST_IOC_GRAB, &grab) < 0)
		return answer_error("GRAB");
	picture = (struct picture){ NULL, grab.width, grab.height, grab.pitch, grab.sequence,
				    grab.frame_flags & MIRACAST_FRAME_IMPORTED };
	if (picture.imported)
		fetch_pages(monitor, grab.fd, &picture);
	map = mmap(NULL, grab.offset + (size_t)grab.pitch * grab.height, PROT_READ, MAP_SHARED,
		   grab.fd, 0);
	if (map == MAP_FAILED) {
		answer_error("mmap");
	} else {
		ioctl(grab.fd, DMA_BUF_IOCTL_SYNC, &sync);
		picture.pixels = (const uint32_t *)map + grab.offset / 4;
		answer_picture(path, &picture);
		sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
		ioctl(grab.fd, DMA_BUF_IOCTL_SYNC, &sync);
		munmap(map, grab.offset + (size_t)grab.pitch * grab.height);
	}
	close(grab.fd);
	release.sequence = grab.sequence;
	ioctl(monitor->stream, MIRACAST_IOC_RELEASE, &release);
}

/* ---- frames ---- */

static int queue(struct monitor *monitor)
{
	struct miracast_queue request = {
		.after_seq = monitor->sequence,
		.dst_seq = monitor->sequence,
		.fd = monitor->fd,
		.pitch = monitor->mode.hdisplay * 4,
		.width = monitor->mode.hdisplay,
		.height = monitor->mode.vdisplay,
		.format = DRM_FORMAT_XRGB8888,
	};

	return ioctl(monitor->stream, MIRACAST_IOC_QUEUE, &request);
}

/* Frames of another size come: a new stream with a buffer that fits. */
static int start_stream(struct monitor *monitor)
{
	struct miracast_stream stream = {};
	struct miracast_alloc alloc = { .size = 4ul * monitor->mode.hdisplay *
						monitor->mode.vdisplay };

	if (monitor->pixels) {
		munmap(monitor->pixels, monitor->size);
		close(monitor->fd);
		monitor->pixels = NULL;
	}
	if (ioctl(monitor->control, MIRACAST_IOC_STREAM, &stream) < 0)
		return -1;
	if (monitor->stream >= 0)
		close(monitor->stream);
	monitor->stream = stream.fd;
	monitor->sequence = 0;
	if (!alloc.size)
		return 0;
	if (ioctl(monitor->stream, MIRACAST_IOC_ALLOC, &alloc) < 0)
		return -1;
	monitor->fd = alloc.fd;
	monitor->size = alloc.size;
	monitor->pixels = mmap(NULL, alloc.size, PROT_READ | PROT_WRITE, MAP_SHARED, alloc.fd, 0);
	if (monitor->pixels == MAP_FAILED)
		return -1;
	return queue(monitor);
}

static int on_event(struct monitor *monitor)
{
	struct miracast_event event;

	if (read(monitor->control, &event, sizeof(event)) != sizeof(event))
		return -1;
	monitor->active = event.active;
	if (event.type != MIRACAST_EVENT_MODE)
		return 0;
	monitor->mode = event.mode;
	return start_stream(monitor);
}

/* A frame that this buffer does not fit came before the event that says so: not an error. */
static int on_frame(struct monitor *monitor)
{
	struct miracast_done done;

	if (ioctl(monitor->stream, MIRACAST_IOC_DEQUEUE, &done) < 0)
		return errno == EAGAIN ? 0 : -1;
	if (done.status == -ERANGE)
		return 0;
	if (done.status && !monitor->error)
		monitor->error = -done.status;
	monitor->frames += !done.status;
	monitor->sequence = done.sequence;
	return queue(monitor);
}

/* ---- commands ---- */

/* The preferred mode first, as the daemon does. */
static void on_plug(struct monitor *monitor, const char *name)
{
	const struct miracast_mode modes[] = { display_modes[DISPLAY_PREFERRED], display_modes[0],
					       display_modes[2] };
	struct miracast_plug plug;
	uint8_t edid[128];

	display_make_edid(edid, name, 4711);
	plug = display_plug(edid);
	plug.modes = (uintptr_t)modes;
	plug.preferred = 0;
	if (ioctl(monitor->control, MIRACAST_IOC_PLUG, &plug) < 0)
		return answer_error("PLUG");
	printf("plugged\n");
}

static void on_unplug(struct monitor *monitor)
{
	if (ioctl(monitor->control, MIRACAST_IOC_UNPLUG) < 0)
		return answer_error("UNPLUG");
	printf("unplugged\n");
}

static void on_state(struct monitor *monitor)
{
	if (monitor->error) {
		errno = monitor->error;
		return answer_error("COPY");
	}
	printf("%s %ux%u frames %u\n", monitor->active ? "on" : "off", monitor->mode.hdisplay,
	       monitor->mode.vdisplay, monitor->frames);
}

static void on_copy(struct monitor *monitor, const char *path)
{
	const struct picture picture = { monitor->pixels, monitor->mode.hdisplay,
					 monitor->mode.vdisplay, monitor->mode.hdisplay * 4u,
					 monitor->sequence, false };

	if (!monitor->pixels || !monitor->sequence) {
		errno = ENODATA;
		return answer_error("no frame was copied");
	}
	answer_picture(path, &picture);
}

static void on_command(struct monitor *monitor, char *line)
{
	char *argument = strchr(line, ' ');

	if (argument)
		*argument++ = 0;
	if (strcmp(line, "plug") == 0 && argument)
		on_plug(monitor, argument);
	else if (strcmp(line, "unplug") == 0)
		on_unplug(monitor);
	else if (strcmp(line, "state") == 0)
		on_state(monitor);
	else if (strcmp(line, "grab") == 0 && argument)
		on_grab(monitor, argument);
	else if (strcmp(line, "copy") == 0 && argument)
		on_copy(monitor, argument);
	else
		printf("error: no such command\n");
}

static int open_render_node(void)
{
	return open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
}

int main(void)
{
	struct monitor monitor = { .stream = -1, .render = open_render_node() };
	char line[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	monitor.control = open("/dev/miracast", O_RDWR | O_CLOEXEC);
	if (monitor.control < 0 || start_stream(&monitor) < 0) {
		answer_error("/dev/miracast");
		return 1;
	}
	for (;;) {
		struct pollfd pollers[3] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = monitor.control, .events = POLLIN },
			{ .fd = monitor.stream, .events = POLLIN },
		};

		poll(pollers, 3, -1);
		if (pollers[1].revents && on_event(&monitor) < 0)
			break;
		else if (!pollers[1].revents && pollers[2].revents && on_frame(&monitor) < 0)
			break;
		if (pollers[0].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return 0;
			line[strcspn(line, "\n")] = 0;
			on_command(&monitor, line);
		}
	}
	answer_error("the node");
	return 1;
}

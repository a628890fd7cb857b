// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/dump.h"

#include "util/clock.h"
#include "util/dmabuf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define AFTER_NS (1500 * NSEC_PER_MSEC) /* the stream has settled by then */

void dump_choose(struct dump *d, const struct frame *f)
{
	if (d->fd < 0 || d->time_ns)
		return;
	if (!d->from_ns)
		d->from_ns = f->time_ns;
	if (f->damage.width > 0 && f->time_ns >= d->from_ns + AFTER_NS)
		d->time_ns = f->time_ns;
}

bool dump_wants(const struct dump *d, const struct frame *f)
{
	return d->fd >= 0 && !d->written && d->time_ns == f->time_ns;
}

void dump_on_written(struct dump *d, int r)
{
	d->written = r == 0;
	if (r < 0)
		d->fd = -1;
}

void dump_on_sent(struct dump *d, uint64_t time_ns, uint64_t pts)
{
	if (d->time_ns == time_ns)
		d->pts = pts;
}

void dump_on_dropped(struct dump *d, uint64_t time_ns)
{
	if (d->fd < 0 || d->time_ns != time_ns)
		return;
	d->time_ns = d->pts = 0;
	d->written = false;
}

uint64_t dump_finish(struct dump *d)
{
	if (d->fd < 0 || !d->written || !d->time_ns || !d->pts)
		return 0;
	d->fd = -1;
	return d->pts;
}

struct matrix {
	double kr, kb;
};

/* The same choice as the encoder's: BT.709 from 720 lines up. */
static struct matrix matrix_for(unsigned int height)
{
	return height >= 720 ? (struct matrix){ 0.2126, 0.0722 } : (struct matrix){ 0.299, 0.114 };
}

static uint8_t clamp(double value)
{
	if (value <= 0)
		return 0;
	return value >= 255 ? 255 : (uint8_t)(value + 0.5);
}

static void line_from_xrgb(const struct frame *f, unsigned int y, uint8_t *rgb)
{
	const uint8_t *p = f->planes[0] + (size_t)y * f->pitches[0];

	for (unsigned int x = 0; x < f->width; x++, p += 4, rgb += 3) {
		rgb[0] = p[2];
		rgb[1] = p[1];
		rgb[2] = p[0];
	}
}

static void line_from_yuv(const struct frame *f, unsigned int y, uint8_t *rgb)
{
	struct matrix m = matrix_for(f->height);
	const uint8_t *luma = f->planes[0] + (size_t)y * f->pitches[0];
	const uint8_t *cb = f->planes[1] + (size_t)(y / 2) * f->pitches[1];
	const uint8_t *cr = f->planes[2] + (size_t)(y / 2) * f->pitches[2];

	for (unsigned int x = 0; x < f->width; x++, rgb += 3) {
		double l = (luma[x] - 16) * 255.0 / 219;
		double red = l + 2 * (1 - m.kr) * (cr[x / 2] - 128) * 255.0 / 224;
		double blue = l + 2 * (1 - m.kb) * (cb[x / 2] - 128) * 255.0 / 224;
		double green = (l - m.kr * red - m.kb * blue) / (1 - m.kr - m.kb);

		rgb[0] = clamp(red);
		rgb[1] = clamp(green);
		rgb[2] = clamp(blue);
	}
}

static int write_all(int fd, const uint8_t *data, size_t size, off_t *at)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, *at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
		*at += n;
	}
	return 0;
}

static int write_picture(int fd, const struct frame *f)
{
	bool xrgb = f->fourcc == MEDIA_FOURCC_XRGB8888;
	uint8_t line[3 * 8192];
	char header[32];
	off_t at = 0;
	int r;

	if ((!xrgb && f->fourcc != MEDIA_FOURCC_YUV420) || f->width > 8192)
		return -EOPNOTSUPP;
	if (ftruncate(fd, 0) < 0)
		return -errno;
	(void)snprintf(header, sizeof(header), "P6\n%u %u\n255\n", f->width, f->height);
	r = write_all(fd, (const uint8_t *)header, strlen(header), &at);
	for (unsigned int y = 0; r == 0 && y < f->height; y++) {
		if (xrgb)
			line_from_xrgb(f, y, line);
		else
			line_from_yuv(f, y, line);
		r = write_all(fd, line, 3u * f->width, &at);
	}
	return r;
}

/* What only a device was to read is mapped for this once. */
int dump_write(int fd, const struct frame *f)
{
	size_t size = dmabuf_get_extent(f->dmabuf_offset, f->pitches[0], f->width, f->height);
	struct frame mapped = *f;
	uint8_t *map;
	int r;

	if (f->planes[0])
		return write_picture(fd, f);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, f->dmabuf_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	mapped.planes[0] = map + f->dmabuf_offset;
	r = dmabuf_begin_read(f->dmabuf_fd);
	if (r == 0) {
		r = write_picture(fd, &mapped);
		dmabuf_end_read(f->dmabuf_fd);
	}
	(void)munmap(map, size);
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Video processing: B, G, R, X of full range into NV12, with the matrix and the range that were
 * asked for, from one rectangle into another (nearest pixel), the rest in the background's colour.
 * Written from ITU-R BT.709 3.2 to 3.4 and BT.601 2.5; not the product's formula, on purpose.
 */
#include "driver.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <va/va_vpp.h>

#define SHIFT	       16
#define DMA_BUF_SYNC   _IOW('b', 0, uint64_t)
#define SYNC_READ      UINT64_C(1)
#define SYNC_END       UINT64_C(4)
#define BLACK_LUMA     16
#define NEUTRAL_CHROMA 128

/* Fixed point: rows Y, Cb, Cr by columns R, G, B; offsets hold the rounding. */
struct matrix {
	int32_t k[3][3];
	int32_t offset[3];
};

static void fill_row(struct matrix *m, int row, double scale, double r, double g, double b,
		     double offset)
{
	const double one = 1 << SHIFT;

	m->k[row][0] = (int32_t)lround(r * scale * one);
	m->k[row][1] = (int32_t)lround(g * scale * one);
	m->k[row][2] = (int32_t)lround(b * scale * one);
	m->offset[row] = (int32_t)lround((offset + 0.5) * one);
}

static struct matrix get_matrix(const struct personality *p, const VAProcPipelineParameterBuffer *v)
{
	bool bt709 = v->output_color_standard == VAProcColorStandardBT709 && !p->wrong_matrix;
	bool full = v->output_color_properties.color_range == VA_SOURCE_RANGE_FULL || p->full_range;
	double kr = bt709 ? 0.2126 : 0.299, kb = bt709 ? 0.0722 : 0.114, kg = 1 - kr - kb;
	double luma = full ? 1 : 219.0 / 255, chroma = full ? 1 : 224.0 / 255;
	struct matrix m;

	fill_row(&m, 0, luma, kr, kg, kb, full ? 0 : BLACK_LUMA);
	fill_row(&m, 1, chroma / (2 * (1 - kb)), -kr, -kg, 1 - kb, NEUTRAL_CHROMA);
	fill_row(&m, 2, chroma / (2 * (1 - kr)), 1 - kr, -kg, -kb, NEUTRAL_CHROMA);
	return m;
}

static uint8_t apply(const struct matrix *m, int row, const int rgb[3])
{
	int32_t v = (m->k[row][0] * rgb[0] + m->k[row][1] * rgb[1] + m->k[row][2] * rgb[2] +
		     m->offset[row]) >>
		    SHIFT;

	return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void convert_block(const struct matrix *m, const uint8_t *const pixels[4], uint8_t *y[2],
			  uint8_t *uv)
{
	int sum[3] = { 0 };

	for (int i = 0; i < 4; i++) {
		const int rgb[3] = { pixels[i][2], pixels[i][1], pixels[i][0] };

		y[i / 2][i % 2] = apply(m, 0, rgb);
		for (int j = 0; j < 3; j++)
			sum[j] += rgb[j];
	}
	for (int j = 0; j < 3; j++)
		sum[j] = (sum[j] + 2) / 4;
	uv[0] = apply(m, 1, sum);
	uv[1] = apply(m, 2, sum);
}

/* Which source pixel a target pixel shows. */
static unsigned int scaled(unsigned int at, unsigned int from, unsigned int to)
{
	return from == to ? at : (unsigned int)((uint64_t)at * from / to);
}

static void convert_rgb(const struct matrix *m, const struct job *job)
{
	const struct surface *s = job->source;
	struct surface *t = job->target;
	const VARectangle *from = &job->regions[0], *to = &job->regions[1];

	for (unsigned int y = 0; y + 1 < to->height; y += 2) {
		const uint8_t *lines[2];
		uint8_t *luma[2];
		uint8_t *chroma = t->memory + t->offsets[1] +
				  (size_t)((unsigned int)to->y + y) / 2 * t->pitches[1] +
				  (unsigned int)to->x;

		for (unsigned int i = 0; i < 2; i++) {
			unsigned int line =
				(unsigned int)from->y + scaled(y + i, from->height, to->height);

			lines[i] = s->memory + s->offsets[0] + (size_t)line * s->pitches[0] +
				   (size_t)(unsigned int)from->x * 4;
			luma[i] = t->memory +
				  (size_t)((unsigned int)to->y + y + i) * t->pitches[0] +
				  (unsigned int)to->x;
		}
		for (unsigned int x = 0; x + 1 < to->width; x += 2) {
			size_t left = (size_t)scaled(x, from->width, to->width) * 4;
			size_t right = (size_t)scaled(x + 1, from->width, to->width) * 4;
			const uint8_t *pixels[4] = { lines[0] + left, lines[0] + right,
						     lines[1] + left, lines[1] + right };
			uint8_t *rows[2] = { luma[0] + x, luma[1] + x };

			convert_block(m, pixels, rows, chroma + x);
		}
	}
}

static void copy_nv12(const struct job *job)
{
	const struct surface *s = job->source;
	struct surface *t = job->target;
	unsigned int width = s->width < t->width ? s->width : t->width;
	unsigned int height = s->height < t->height ? s->height : t->height;

	for (unsigned int p = 0; p < 2; p++)
		for (unsigned int y = 0; y < (p ? height / 2 : height); y++)
			memcpy(t->memory + t->offsets[p] + (size_t)y * t->pitches[p],
			       s->memory + s->offsets[p] + (size_t)y * s->pitches[p], width);
}

static void fill_black(struct surface *t)
{
	for (unsigned int y = 0; y < t->height; y++)
		memset(t->memory + (size_t)y * t->pitches[0], BLACK_LUMA, t->width);
	for (unsigned int y = 0; y < t->height / 2; y++)
		memset(t->memory + t->offsets[1] + (size_t)y * t->pitches[1], NEUTRAL_CHROMA,
		       t->width);
}

/* A dma-buf's exporter wants to know of the CPU; a memfd does not understand, and needs not. */
static void sync_read(const struct surface *s, uint64_t flags)
{
	if (s->fd >= 0)
		(void)ioctl(s->fd, DMA_BUF_SYNC, &flags);
}

static bool is_set(const char *name, const char *word)
{
	const char *value = getenv(name);

	return value && strstr(value, word);
}

/* The encoder would read the source itself, later. */
static bool is_put_off(const struct driver *d, const struct job *job)
{
	return d->personality.mesa && job->source->fourcc != VA_FOURCC_NV12 &&
	       !is_set("AMD_DEBUG", "noefc");
}

static void look_into_cache(const struct driver *d)
{
	int fd = -1;

	if (d->personality.mesa && !is_set("MESA_SHADER_CACHE_DISABLE", "true"))
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
}

static void run(struct driver *d, struct job *job)
{
	struct matrix m = get_matrix(&d->personality, &job->pipeline);
	const struct surface *t = job->target;

	if (d->lost || is_put_off(d, job))
		return;
	sync_read(job->source, SYNC_READ);
	if (job->regions[1].width < t->width || job->regions[1].height < t->height)
		fill_black(job->target);
	if (job->source->fourcc == VA_FOURCC_NV12)
		copy_nv12(job);
	else
		convert_rgb(&m, job);
	sync_read(job->source, SYNC_READ | SYNC_END);
}

/* ---- the client's side ---- */

/* Its pointers are valid during the call only, as for a driver that copies what it needs. */
VAStatus vpp_render(struct context *c, const struct buffer *b)
{
	const VAProcPipelineParameterBuffer *v = (const void *)b->data;
	const VARectangle *regions[2];

	if (b->type != VAProcPipelineParameterBufferType || b->size != sizeof(*v))
		return client_fault(VA_STATUS_ERROR_INVALID_BUFFER,
				    "processes with a wrong buffer");
	if (!c->pipeline)
		c->pipeline = malloc(sizeof(*c->pipeline));
	if (!c->pipeline)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	*c->pipeline = *v;
	regions[0] = v->surface_region;
	regions[1] = v->output_region;
	for (int i = 0; i < 2; i++) {
		c->has_region[i] = regions[i] != NULL;
		if (regions[i])
			c->regions[i] = *regions[i];
	}
	return VA_STATUS_SUCCESS;
}

static bool is_inside(const VARectangle *r, const struct surface *s)
{
	return r->x >= 0 && r->y >= 0 && (uint32_t)r->x + r->width <= s->width &&
	       (uint32_t)r->y + r->height <= s->height && r->width >= 2 && r->height >= 2;
}

VAStatus vpp_end(struct driver *d, struct context *c)
{
	struct job *job = calloc(1, sizeof(*job));
	struct surface *ends[2];

	look_into_cache(d);
	if (!job || !c->pipeline) {
		free(job);
		return VA_STATUS_ERROR_INVALID_PARAMETER;
	}
	ends[0] = object_get(d, c->pipeline->surface, OBJECT_SURFACE);
	ends[1] = object_get(d, c->target, OBJECT_SURFACE);
	job->run = run;
	job->context = c;
	job->source = ends[0];
	job->target = ends[1];
	job->pipeline = *c->pipeline;
	for (int i = 0; i < 2 && ends[0] && ends[1]; i++) {
		job->regions[i] =
			(VARectangle){ 0, 0, (uint16_t)ends[i]->width, (uint16_t)ends[i]->height };
		if (c->has_region[i])
			job->regions[i] = c->regions[i];
		if (!is_inside(&job->regions[i], ends[i]))
			ends[i] = NULL;
	}
	if (!ends[0] || !ends[1]) {
		free(job);
		return client_fault(VA_STATUS_ERROR_INVALID_PARAMETER,
				    "processes a region or a surface that is none");
	}
	return device_submit(d, job);
}

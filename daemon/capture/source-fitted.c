// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A desktop of another size than the mode, letterboxed into it. Stands between another source and
 * the pipeline and looks like a source to one and like a pipeline to the other; knows neither.
 *
 * A picture is fitted when it is acquired and its original given back at once. There are as many
 * pictures of our own as the pipeline holds at most, and one more.
 */
#include "capture/source.h"

#include "capture/scale.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PICTURES 3 /* one is being encoded, one waits for that, one is being made */

struct fitted {
	struct source source;
	struct source *inner;
	uint16_t width, height; /* of its pictures */
	struct rgb pictures[PICTURES];
	bool held[PICTURES];
	struct media_rect place;
};

static struct fitted *fitted_of(const struct source *s)
{
	return (struct fitted *)(uintptr_t)s;
}

static void free_pictures(struct fitted *f)
{
	for (unsigned int i = 0; i < PICTURES; i++) {
		free(f->pictures[i].pixels);
		f->pictures[i] = (struct rgb){ 0 };
		f->held[i] = false;
	}
}

/* Zeros are black. */
static int make_picture(struct rgb *picture, const struct media_mode *mode)
{
	*picture = (struct rgb){ calloc((size_t)mode->width * mode->height, sizeof(uint32_t)),
				 mode->width, mode->width, mode->height };
	return picture->pixels ? 0 : -ENOMEM;
}

static int fitted_configure(struct source *s, const struct media_mode *mode)
{
	struct fitted *f = fitted_of(s);
	const struct media_mode own = { f->width, f->height, mode->refresh_hz };
	int r = 0;

	free_pictures(f);
	for (unsigned int i = 0; r == 0 && i < PICTURES; i++)
		r = make_picture(&f->pictures[i], mode);
	if (r < 0)
		return r;
	f->place = scale_fit(f->width, f->height, mode->width, mode->height);
	return f->inner->ops->configure(f->inner, &own);
}

static struct pollfd fitted_get_poll(const struct source *s)
{
	const struct source *inner = fitted_of(s)->inner;

	return inner->ops->get_poll(inner);
}

static uint64_t fitted_get_deadline_ns(const struct source *s)
{
	const struct source *inner = fitted_of(s)->inner;

	return inner->ops->get_deadline_ns(inner);
}

static void fit(struct fitted *f, unsigned int i, const struct frame *from, struct frame *ret)
{
	const struct rgb original = { (uint32_t *)(uintptr_t)from->planes[0],
				      from->pitches[0] / (uint32_t)sizeof(uint32_t), from->width,
				      from->height };
	struct rgb *picture = &f->pictures[i];

	scale_rgb(&original, picture, f->place);
	f->held[i] = true;
	*ret = (struct frame){
		.number = from->number,
		.time_ns = from->time_ns,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = picture->width,
		.height = picture->height,
		.planes = { (const uint8_t *)picture->pixels },
		.pitches = { picture->stride * (uint32_t)sizeof(uint32_t) },
		.dmabuf_fd = -1,
		.damage = from->damage.width ? f->place : (struct media_rect){ 0 },
		.source_id = i,
	};
}

static int fitted_acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	struct fitted *f = fitted_of(s);
	unsigned int i = 0;
	struct frame from;
	int r;

	while (i < PICTURES && f->held[i])
		i++;
	if (i == PICTURES)
		return 0;
	r = f->inner->ops->acquire(f->inner, now_ns, again, &from);
	(void)snprintf(s->why, sizeof(s->why), "%s", f->inner->why);
	if (r <= 0)
		return r;
	if (from.fourcc == MEDIA_FOURCC_XRGB8888 && from.planes[0])
		fit(f, i, &from, ret);
	else
		r = -EOPNOTSUPP;
	f->inner->ops->release(f->inner, &from);
	return r;
}

static void fitted_release(struct source *s, const struct frame *frame)
{
	if (frame->source_id < PICTURES)
		fitted_of(s)->held[frame->source_id] = false;
}

static void fitted_close(struct source *s)
{
	struct fitted *f = fitted_of(s);

	f->inner->ops->close(f->inner);
	free_pictures(f);
	free(f);
}

static const struct source_ops fitted_ops = {
	.name = "fitted",
	.configure = fitted_configure,
	.get_poll = fitted_get_poll,
	.get_deadline_ns = fitted_get_deadline_ns,
	.acquire = fitted_acquire,
	.release = fitted_release,
	.close = fitted_close,
};

int source_open_fitted(struct source *inner, uint16_t width, uint16_t height, struct source **ret)
{
	struct fitted *f = calloc(1, sizeof(*f));

	if (!f) {
		inner->ops->close(inner);
		return -ENOMEM;
	}
	f->source.ops = &fitted_ops;
	f->inner = inner;
	f->width = width;
	f->height = height;
	*ret = &f->source;
	return 0;
}

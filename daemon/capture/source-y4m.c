// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A clip: YUV4MPEG2 from a file or a pipe. Read one frame ahead, never waiting; shown on the mode's
 * own ticks, so a faster clip loses pictures and a slower one repeats them (that is: sends nothing).
 * A pipe that does not keep up makes the clip late, not shorter.
 *
 * Knows nothing of matrices: a clip's colours are taken for those of its mode.
 */
#include "capture/source.h"

#include "capture/scale.h"
#include "capture/y4m.h"
#include "util/cleanup.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SKIP_MAX 32 /* frames skipped in one call at most */

struct picture {
	uint8_t *memory;
	struct yuv yuv;
};

struct clip {
	struct source source;
	int fd;
	struct y4m_header header;
	size_t frame_size;
	uint16_t refresh_hz;

	/* the frame that is being read, or waits for its time */
	struct picture incoming;
	uint8_t line[Y4M_HEADER_MAX]; /* its header so far */
	size_t line_size;
	bool in_data; /* the header is complete */
	size_t filled;
	uint64_t index; /* of that frame in the clip */
	bool complete, ended;

	/* the frame that is shown: of the clip's size, or scaled into the mode's */
	struct picture shown;
	bool scaled, busy;
	struct media_rect fit;
	uint64_t shown_number; /* counts what was shown; 0: nothing yet */
	uint64_t wanted;       /* index of the next frame to show; those before are skipped */

	/* frame base_index is shown at tick base_tick; ticks count since CLOCK_MONOTONIC's start */
	bool has_base;
	uint64_t base_tick, base_index;
	uint64_t shown_ns;
};

static struct clip *clip_of(const struct source *s)
{
	return (struct clip *)(uintptr_t)s;
}

static void picture_done(struct picture *p)
{
	free(p->memory);
	*p = (struct picture){ 0 };
}

static int picture_init(struct picture *p, uint16_t width, uint16_t height)
{
	size_t size = yuv_lay_out(&p->yuv, width, height, NULL);

	p->memory = malloc(size);
	if (!p->memory)
		return -ENOMEM;
	(void)yuv_lay_out(&p->yuv, width, height, p->memory);
	yuv_fill_black(&p->yuv);
	return 0;
}

/* ------------------------------------------------------------------ reading, without waiting */

/* What is there, at most size bytes. Their number, 0 at the end, -EAGAIN or -errno. */
static ssize_t read_some(int fd, void *data, size_t size, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	/* Not O_NONBLOCK: the description may be the user's terminal, or shared with a player. */
	n = poll(&p, 1, timeout_ms);
	if (n == 0 || (n < 0 && errno == EINTR))
		return -EAGAIN;
	if (n < 0)
		return -errno;
	n = read(fd, data, size);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return n;
}

__attribute__((format(printf, 3, 4))) static int broken(struct clip *c, int r, const char *format,
							...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(c->source.why, sizeof(c->source.why), format, ap);
	va_end(ap);
	return r;
}

/* One byte of the line before a frame's data; such lines are six bytes as a rule. */
static int read_line(struct clip *c)
{
	ssize_t n = read_some(c->fd, c->line + c->line_size, 1, 0);
	int r;

	if (n < 0)
		return n == -EAGAIN ? 0 : broken(c, (int)n, "the clip cannot be read");
	if (n == 0 && c->line_size == 0) {
		c->ended = true;
		return 0;
	}
	if (n == 0)
		return broken(c, -EBADMSG, "the clip ends in the middle of frame %llu",
			      (unsigned long long)c->index);
	c->line_size++;
	r = y4m_parse_frame_header(c->line, c->line_size);
	if (r == -EBADMSG)
		return broken(c, r, "no FRAME where frame %llu of the clip should be",
			      (unsigned long long)c->index);
	c->in_data = r > 0;
	return 1;
}

static int read_data(struct clip *c)
{
	ssize_t n = read_some(c->fd, c->incoming.memory + c->filled, c->frame_size - c->filled, 0);

	if (n < 0)
		return n == -EAGAIN ? 0 : broken(c, (int)n, "the clip cannot be read");
	if (n == 0)
		return broken(c, -EBADMSG, "the clip ends in the middle of frame %llu",
			      (unsigned long long)c->index);
	c->filled += (size_t)n;
	if (c->filled == c->frame_size) {
		c->complete = true;
		if (c->header.full_range)
			yuv_limit_range(&c->incoming.yuv);
	}
	return 1;
}

/* Makes room for the frame after the one that is complete. */
static void next_frame(struct clip *c)
{
	c->complete = c->in_data = false;
	c->line_size = c->filled = 0;
	c->index++;
}

/* Reads until a frame that is worth showing is complete, or nothing more is there. */
static int fill(struct clip *c)
{
	unsigned int skipped = 0;
	int r = 1;

	while (r > 0 && !c->ended) {
		if (c->complete) {
			if (c->index >= c->wanted || skipped++ == SKIP_MAX)
				return 0;
			next_frame(c);
		}
		r = c->in_data ? read_data(c) : read_line(c);
	}
	return r;
}

/* ------------------------------------------------------------------ time */

static uint64_t tick_at(const struct clip *c, uint64_t now_ns)
{
	return now_ns / NSEC_PER_SEC * c->refresh_hz +
	       now_ns % NSEC_PER_SEC * c->refresh_hz / NSEC_PER_SEC;
}

static uint64_t tick_ns(const struct clip *c, uint64_t tick)
{
	return tick / c->refresh_hz * NSEC_PER_SEC +
	       (tick % c->refresh_hz * NSEC_PER_SEC + c->refresh_hz - 1) / c->refresh_hz;
}

/* The frame whose time a tick is. */
static uint64_t index_at(const struct clip *c, uint64_t tick)
{
	return c->base_index + (tick - c->base_tick) * c->header.rate_num /
				       ((uint64_t)c->header.rate_den * c->refresh_hz);
}

/* The first tick at which a frame is due. */
static uint64_t due_tick(const struct clip *c, uint64_t index)
{
	uint64_t part = (uint64_t)c->header.rate_den * c->refresh_hz;

	if (!c->has_base || index <= c->base_index)
		return c->base_tick;
	return c->base_tick +
	       ((index - c->base_index) * part + c->header.rate_num - 1) / c->header.rate_num;
}

/* After the frame shown at this tick: which one is next? */
static void plan_next(struct clip *c, uint64_t tick)
{
	c->wanted = index_at(c, tick + 1);
	if (c->wanted <= c->index)
		c->wanted = c->index + 1;
}

/* ------------------------------------------------------------------ the seam */

static int clip_configure(struct source *s, const struct media_mode *mode)
{
	struct clip *c = clip_of(s);
	const struct y4m_header *h = &c->header;

	c->refresh_hz = mode->refresh_hz;
	c->has_base = false;
	c->shown_number = 0;
	picture_done(&c->shown);
	c->scaled = h->width != mode->width || h->height != mode->height;
	c->fit = scale_fit(h->width, h->height, mode->width, mode->height);
	return picture_init(&c->shown, mode->width, mode->height);
}

static struct pollfd clip_get_poll(const struct source *s)
{
	const struct clip *c = clip_of(s);
	bool waits = !c->ended && !(c->complete && c->index >= c->wanted);

	return (struct pollfd){ .fd = waits ? c->fd : -1, .events = POLLIN };
}

static uint64_t clip_get_deadline_ns(const struct source *s)
{
	const struct clip *c = clip_of(s);

	if (c->busy || (!c->complete && !c->ended))
		return UINT64_MAX; /* the release, or the descriptor, will tell */
	return c->has_base ? tick_ns(c, due_tick(c, c->complete ? c->wanted : c->index)) : 0;
}

static void show_incoming(struct clip *c)
{
	if (c->scaled) {
		scale_yuv(&c->incoming.yuv, &c->shown.yuv, c->fit);
	} else {
		struct picture p = c->incoming;

		c->incoming = c->shown;
		c->shown = p;
	}
	c->shown_number++;
}

static int hand_out(struct clip *c, bool changed, struct frame *ret)
{
	const struct yuv *y = &c->shown.yuv;
	struct media_rect all = { 0, 0, y->width, y->height };

	c->busy = true;
	*ret = (struct frame){
		.number = c->shown_number,
		.time_ns = c->shown_ns,
		.fourcc = MEDIA_FOURCC_YUV420,
		.width = y->width,
		.height = y->height,
		.planes = { y->planes[0], y->planes[1], y->planes[2] },
		.pitches = { y->pitches[0], y->pitches[1], y->pitches[2] },
		.dmabuf_fd = -1,
		.damage = changed ? all : (struct media_rect){ 0 },
	};
	return 1;
}

static int hand_out_again(struct clip *c, bool again, struct frame *ret)
{
	return again && c->shown_number ? hand_out(c, false, ret) : 0;
}

static int clip_acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	struct clip *c = clip_of(s);
	uint64_t tick;
	int r;

	if (!c->shown.memory)
		return 0;
	r = fill(c); /* also while the pipeline still reads the picture before */
	if (r < 0)
		return r;
	if (c->busy)
		return 0;
	tick = tick_at(c, now_ns);
	if (c->has_base && tick < due_tick(c, c->complete ? c->wanted : c->index))
		return hand_out_again(c, again, ret);
	if (c->ended && !c->complete)
		return c->index ? -ENODATA : broken(c, -EBADMSG, "the clip holds no frame");
	if (!c->complete || c->index < c->wanted)
		return hand_out_again(c, again, ret);
	if (!c->has_base || tick > due_tick(c, c->index) + 1) { /* the start, or late: go on from here */
		c->has_base = true;
		c->base_tick = tick;
		c->base_index = c->index;
	}
	c->shown_ns = tick_ns(c, tick);
	show_incoming(c);
	plan_next(c, tick);
	next_frame(c);
	return hand_out(c, true, ret);
}

static void clip_release(struct source *s, const struct frame *f)
{
	(void)f;
	clip_of(s)->busy = false;
}

static void clip_close(struct source *s)
{
	struct clip *c = clip_of(s);

	picture_done(&c->incoming);
	picture_done(&c->shown);
	free(c);
}

static const struct source_ops clip_ops = {
	.name = "y4m",
	.configure = clip_configure,
	.get_poll = clip_get_poll,
	.get_deadline_ns = clip_get_deadline_ns,
	.acquire = clip_acquire,
	.release = clip_release,
	.close = clip_close,
};

/* ------------------------------------------------------------------ opening */

/* Byte by byte, so that nothing of the first frame is read with it. */
static int read_header(int fd, int timeout_ms, struct y4m_header *ret, char *why)
{
	uint64_t end_ns = clock_now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC, now_ns;
	uint8_t line[Y4M_HEADER_MAX];
	size_t size = 0;
	int r = -EAGAIN;

	while (r == -EAGAIN && (now_ns = clock_now_ns()) < end_ns) {
		ssize_t n = read_some(fd, line + size, 1,
				      (int)((end_ns - now_ns) / NSEC_PER_MSEC) + 1);

		if (n == -EAGAIN)
			continue;
		if (n <= 0) {
			(void)snprintf(why, SOURCE_WHY_SIZE, "the clip ends before its header does");
			return n < 0 ? (int)n : -EBADMSG;
		}
		r = y4m_parse_header(line, ++size, ret, why);
	}
	if (r == -EAGAIN)
		(void)snprintf(why, SOURCE_WHY_SIZE, "no clip came within %d ms", timeout_ms);
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

_Static_assert(SOURCE_WHY_SIZE >= Y4M_WHY_SIZE, "the parser's sentence must fit");

int source_open_y4m(int fd, int timeout_ms, char why[static SOURCE_WHY_SIZE], struct source **ret)
{
	_cleanup_free_ struct clip *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->source.ops = &clip_ops;
	c->fd = fd;
	(void)lseek(fd, 0, SEEK_SET); /* a pipe has no beginning to go to */
	r = read_header(fd, timeout_ms, &c->header, why);
	if (r < 0)
		return r;
	c->frame_size = y4m_frame_size(&c->header);
	r = picture_init(&c->incoming, c->header.width, c->header.height);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(c)->source;
	return 0;
}

void source_y4m_get_size(const struct source *s, struct media_mode *ret)
{
	const struct y4m_header *h = &clip_of(s)->header;
	uint64_t hz = (h->rate_num + h->rate_den / 2ull) / h->rate_den;

	*ret = (struct media_mode){ .width = h->width & 0xfffe,
				    .height = h->height & 0xfffe,
				    .refresh_hz = (uint16_t)(hz ? hz : 1) };
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The test picture: a desktop that never rests. A gradient as wallpaper, a window whose text
 * scrolls, a window that wanders, a pointer, the frame's number in large digits, and the stamp by
 * which a sink proves which frame it shows.
 *
 * Frame n is due at n / refresh seconds of CLOCK_MONOTONIC: an absolute schedule that cannot drift,
 * and numbers that go on where a media process which died left off. Only what moved is drawn: each
 * buffer remembers what stands where, and gets it back from the still background.
 */
#include "capture/source.h"

#include "capture/draw.h"
#include "capture/font.h"
#include "capture/stamp.h"
#include "util/cleanup.h"
#include "util/clock.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUFFERS	      3
#define PANEL_HEIGHT  32
#define TITLE_HEIGHT  28
#define LEFT_COLUMN   336 /* pixels: stamp and digits */
#define TEXT_DOT      2
#define LINE_HEIGHT   (FONT_HEIGHT * TEXT_DOT + 4)
#define SCROLL_STEP   2 /* pixels a frame */
#define WANDER_WIDTH  240
#define WANDER_HEIGHT 90
#define POINTER_SIZE  20

struct pattern_buffer {
	struct canvas canvas;
	struct media_rect wander, pointer; /* what to undo before the next drawing */
	bool busy;			   /* the pipeline reads it */
};

struct pattern {
	struct source source;
	uint16_t wanted_hz; /* 0: the mode's */
	uint16_t refresh_hz;
	uint64_t number; /* of the frame in buffers[current]; 0: none yet */
	unsigned int current;
	struct pattern_buffer buffers[BUFFERS];
	struct canvas background;
	struct canvas text; /* the scrolling window's inside, repeating from its end */

	/* the layout; width 0: the mode has no room for it */
	struct media_rect stamp, counter, clock, window, inside;
};

static struct pattern *pattern_of(const struct source *s)
{
	return (struct pattern *)(uintptr_t)s;
}

static void forget_pictures(struct pattern *p)
{
	for (unsigned int i = 0; i < BUFFERS; i++) {
		canvas_done(&p->buffers[i].canvas);
		p->buffers[i] = (struct pattern_buffer){ 0 };
	}
	canvas_done(&p->background);
	canvas_done(&p->text);
	p->number = 0;
}

static void lay_out(struct pattern *p, uint16_t width, uint16_t height)
{
	const struct media_rect none = { 0 };

	p->stamp = p->counter = p->clock = p->window = p->inside = none;
	if (width >= LEFT_COLUMN && height >= 48 + STAMP_HEIGHT)
		p->stamp = (struct media_rect){ 16, 48, STAMP_WIDTH, STAMP_HEIGHT };
	else if (width >= STAMP_WIDTH && height >= STAMP_HEIGHT)
		p->stamp = (struct media_rect){ 0, 0, STAMP_WIDTH, STAMP_HEIGHT };
	if (width < 640 || height < 400)
		return;
	p->counter = (struct media_rect){ 16, 272, STAMP_WIDTH, 6 * FONT_HEIGHT };
	p->clock = (struct media_rect){ 16, 336, STAMP_WIDTH, 3 * FONT_HEIGHT };
	p->window = (struct media_rect){
		LEFT_COLUMN, 64, (uint16_t)(width - LEFT_COLUMN - 32), (uint16_t)(height - 64 - 120)
	};
	if (p->window.width > 960)
		p->window.width = 960;
	if (p->window.height > 640)
		p->window.height = 640;
	p->inside = (struct media_rect){ (uint16_t)(p->window.x + 2),
					 (uint16_t)(p->window.y + TITLE_HEIGHT),
					 (uint16_t)(p->window.width - 4),
					 (uint16_t)(p->window.height - TITLE_HEIGHT - 2) };
}

static void draw_wallpaper(struct canvas *c)
{
	/* 16.16: divisions would take longer than all the rest of the start */
	const uint32_t red_step = (60u << 16) / c->width, green_step = (70u << 16) / c->height;
	const uint32_t blue_step = (80u << 16) / (c->width + c->height);

	for (uint32_t y = 0; y < c->height; y++) {
		uint32_t *line = c->pixels + (size_t)y * c->stride;
		uint32_t green = 50 + (green_step * y >> 16);

		for (uint32_t x = 0; x < c->width; x++) {
			uint32_t red = 20 + (red_step * x >> 16);
			uint32_t blue = 90 + (blue_step * (x + y) >> 16);

			line[x] = htole32(red << 16 | green << 8 | blue);
		}
	}
}

static void draw_window(struct canvas *c, struct media_rect r, uint32_t rgb, const char *title)
{
	if (!r.width)
		return;
	draw_fill(c, r, 0x303030);
	draw_fill(c,
		  (struct media_rect){ (uint16_t)(r.x + 2), (uint16_t)(r.y + TITLE_HEIGHT),
				       (uint16_t)(r.width - 4),
				       (uint16_t)(r.height - TITLE_HEIGHT - 2) },
		  rgb);
	draw_text(c, r.x + 10u, r.y + 6u, 2, 0xf0f0f0, title);
	draw_text(c, r.x + r.width - 20u, r.y + 6u, 2, 0xff8080, "x");
}

static void draw_background(struct pattern *p)
{
	struct canvas *c = &p->background;

	draw_wallpaper(c);
	draw_fill(c, (struct media_rect){ 0, 0, c->width, PANEL_HEIGHT }, 0x202428);
	draw_text(c, 12, 8, 2, 0xe0e0e0, "Miracast for Linux - test picture");
	draw_window(c, p->window, 0xf8f8f4, "words.txt");
}

/* Words that nobody needs to read: letters in the rhythm of text, the same at every start. */
static void make_line(uint32_t *seed, char *line, size_t size)
{
	uint32_t word = 0;

	for (size_t i = 0; i + 1 < size; i++) {
		*seed = *seed * 1664525u + 1013904223u;
		if (word == 0) {
			word = 2 + (*seed >> 24) % 8;
			line[i] = ' ';
		} else {
			word--;
			line[i] = (char)('a' + (*seed >> 16) % 26);
		}
	}
	line[size - 1] = '\0';
}

static int draw_words(struct pattern *p)
{
	const uint32_t colours[] = { 0x202020, 0x202020, 0x1a4fa0, 0x202020, 0x8a2020 };
	uint32_t lines = p->inside.height / LINE_HEIGHT + 8, seed = 1;
	char line[128];
	int r;

	if (!p->inside.width)
		return 0;
	r = canvas_init(&p->text, p->inside.width, (uint16_t)(lines * LINE_HEIGHT));
	if (r < 0)
		return r;
	draw_fill(&p->text, (struct media_rect){ 0, 0, p->text.width, p->text.height }, 0xf8f8f4);
	for (uint32_t i = 0; i < lines; i++) {
		make_line(&seed, line, 20 + (seed >> 8) % 60);
		draw_text(&p->text, 8, i * LINE_HEIGHT + 2, TEXT_DOT, colours[i % 5], line);
	}
	return 0;
}

static int pattern_configure(struct source *s, const struct media_mode *mode)
{
	struct pattern *p = pattern_of(s);
	int r;

	forget_pictures(p);
	p->refresh_hz = p->wanted_hz && p->wanted_hz < mode->refresh_hz ? p->wanted_hz :
									    mode->refresh_hz;
	lay_out(p, mode->width, mode->height);
	r = canvas_init(&p->background, mode->width, mode->height);
	for (unsigned int i = 0; r == 0 && i < BUFFERS; i++)
		r = canvas_init(&p->buffers[i].canvas, mode->width, mode->height);
	if (r == 0)
		r = draw_words(p);
	if (r < 0) {
		forget_pictures(p);
		return r;
	}
	draw_background(p);
	for (unsigned int i = 0; i < BUFFERS; i++)
		draw_copy(&p->buffers[i].canvas, &p->background,
			  (struct media_rect){ 0, 0, mode->width, mode->height });
	return 0;
}

static struct pollfd pattern_get_poll(const struct source *s)
{
	(void)s;
	return (struct pollfd){ .fd = -1 };
}

/* The time of frame n, rounded up so that the frame is due when it comes. */
static uint64_t tick_ns(const struct pattern *p, uint64_t n)
{
	return n / p->refresh_hz * NSEC_PER_SEC +
	       (n % p->refresh_hz * NSEC_PER_SEC + p->refresh_hz - 1) / p->refresh_hz;
}

static uint64_t tick_at(const struct pattern *p, uint64_t now_ns)
{
	return now_ns / NSEC_PER_SEC * p->refresh_hz +
	       now_ns % NSEC_PER_SEC * p->refresh_hz / NSEC_PER_SEC;
}

static uint64_t pattern_get_deadline_ns(const struct source *s)
{
	const struct pattern *p = pattern_of(s);

	if (!p->background.pixels)
		return UINT64_MAX;
	return p->number ? tick_ns(p, p->number + 1) : 0;
}

/* Back and forth between 0 and range, one pixel a step. */
static uint32_t triangle(uint64_t step, uint32_t range)
{
	uint64_t at = range ? step % (2ull * range) : 0;

	return (uint32_t)(at < range ? at : 2ull * range - at);
}

/* The window that wanders keeps below the stamp: nothing may cover that. */
static struct media_rect wander_place(const struct pattern *p, uint64_t n)
{
	const struct canvas *c = &p->background;
	uint32_t top = p->clock.y + p->clock.height + 8u;

	if (!p->window.width || c->height < top + WANDER_HEIGHT)
		return (struct media_rect){ 0 };
	return (struct media_rect){ (uint16_t)triangle(n * 3, c->width - WANDER_WIDTH),
				    (uint16_t)(top + triangle(n, c->height - top - WANDER_HEIGHT)),
				    WANDER_WIDTH, WANDER_HEIGHT };
}

static struct media_rect pointer_place(const struct pattern *p, uint64_t n)
{
	if (!p->inside.width)
		return (struct media_rect){ 0 };
	return (struct media_rect){
		(uint16_t)(p->inside.x + triangle(n * 5, p->inside.width - POINTER_SIZE)),
		(uint16_t)(p->inside.y + triangle(n * 2, p->inside.height - POINTER_SIZE)),
		POINTER_SIZE, POINTER_SIZE
	};
}

static void draw_scrolled(struct pattern *p, struct canvas *c, uint64_t n)
{
	uint32_t offset = (uint32_t)(n * SCROLL_STEP % (p->text.height ? p->text.height : 1));

	for (uint32_t y = 0; y < p->inside.height; y++) {
		uint32_t from = (y + offset) % p->text.height;

		memcpy(c->pixels + (size_t)(p->inside.y + y) * c->stride + p->inside.x,
		       p->text.pixels + (size_t)from * p->text.stride,
		       p->inside.width * sizeof(uint32_t));
	}
}

static void draw_counters(struct pattern *p, struct canvas *c, uint64_t n, uint64_t now_ns)
{
	uint64_t ms = now_ns / NSEC_PER_MSEC;
	char text[32];

	if (!p->counter.width)
		return;
	draw_copy(c, &p->background, p->counter);
	draw_copy(c, &p->background, p->clock);
	(void)snprintf(text, sizeof(text), "%08u", (unsigned int)(n % 100000000));
	draw_text(c, p->counter.x, p->counter.y, 6, 0xffffff, text);
	(void)snprintf(text, sizeof(text), "%02u:%02u:%02u.%03u", (unsigned int)(ms / 3600000 % 24),
		       (unsigned int)(ms / 60000 % 60), (unsigned int)(ms / 1000 % 60),
		       (unsigned int)(ms % 1000));
	draw_text(c, p->clock.x, p->clock.y, 3, 0xffff80, text);
}

static void draw_pointer(struct canvas *c, struct media_rect r)
{
	for (uint16_t y = 0; r.width && y < POINTER_SIZE; y++) {
		uint16_t width = (uint16_t)(y < 14 ? y + 1 : (POINTER_SIZE - y) * 2);
		uint16_t line = (uint16_t)(r.y + y);

		draw_fill(c, (struct media_rect){ r.x, line, width, 1 }, 0x000000);
		if (width > 2 && y < POINTER_SIZE - 1)
			draw_fill(c,
				  (struct media_rect){ (uint16_t)(r.x + 1), line,
						       (uint16_t)(width - 2), 1 },
				  0xffffff);
	}
}

static void undo(const struct pattern *p, struct pattern_buffer *b)
{
	draw_copy(&b->canvas, &p->background, b->wander);
	draw_copy(&b->canvas, &p->background, b->pointer);
}

static void draw_frame(struct pattern *p, struct pattern_buffer *b, uint64_t n, uint64_t now_ns)
{
	const struct stamp stamp = { .frame = (uint32_t)n, .time_us = now_ns / NSEC_PER_USEC };

	undo(p, b);
	b->wander = wander_place(p, n);
	b->pointer = pointer_place(p, n);
	draw_scrolled(p, &b->canvas, n);
	draw_counters(p, &b->canvas, n, now_ns);
	draw_window(&b->canvas, b->wander, 0x3c6e50, "wanderer");
	draw_pointer(&b->canvas, b->pointer);
	if (p->stamp.width)
		stamp_draw(&b->canvas, p->stamp.x, p->stamp.y, &stamp);
}

/* What differs between the frame before and this one: all that either of them drew. */
static struct media_rect damage_since(const struct pattern *p, const struct pattern_buffer *before,
				      const struct pattern_buffer *b)
{
	struct media_rect damage = rect_union(p->stamp, rect_union(p->counter, p->clock));

	if (!before || !p->stamp.width)
		return (struct media_rect){ 0, 0, b->canvas.width, b->canvas.height };
	damage = rect_union(damage, p->inside);
	damage = rect_union(damage, rect_union(before->wander, b->wander));
	return rect_union(damage, rect_union(before->pointer, b->pointer));
}

static int free_buffer(const struct pattern *p)
{
	for (unsigned int i = 1; i <= BUFFERS; i++)
		if (!p->buffers[(p->current + i) % BUFFERS].busy)
			return (int)((p->current + i) % BUFFERS);
	return -1;
}

static void hand_out(struct pattern *p, struct media_rect damage, struct frame *ret)
{
	struct pattern_buffer *b = &p->buffers[p->current];

	b->busy = true;
	*ret = (struct frame){
		.number = p->number,
		.time_ns = tick_ns(p, p->number),
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = b->canvas.width,
		.height = b->canvas.height,
		.planes = { (const uint8_t *)b->canvas.pixels },
		.pitches = { b->canvas.stride * 4 },
		.dmabuf_fd = -1,
		.damage = damage,
		.source_id = p->current,
	};
}

static int pattern_acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	struct pattern *p = pattern_of(s);
	const struct pattern_buffer *before = p->number ? &p->buffers[p->current] : NULL;
	uint64_t n;
	int i;

	if (!p->background.pixels)
		return 0;
	n = tick_at(p, now_ns);
	if (n <= p->number) {
		if (!again || !p->number)
			return 0;
		hand_out(p, (struct media_rect){ 0 }, ret);
		return 1;
	}
	i = free_buffer(p);
	if (i < 0)
		return 0;
	draw_frame(p, &p->buffers[i], n, now_ns);
	p->current = (unsigned int)i;
	p->number = n;
	hand_out(p, damage_since(p, before, &p->buffers[i]), ret);
	return 1;
}

static void pattern_release(struct source *s, const struct frame *f)
{
	struct pattern *p = pattern_of(s);

	if (f->source_id < BUFFERS)
		p->buffers[f->source_id].busy = false;
}

static void pattern_close(struct source *s)
{
	forget_pictures(pattern_of(s));
	free(s);
}

static const struct source_ops pattern_ops = {
	.name = "pattern",
	.configure = pattern_configure,
	.get_poll = pattern_get_poll,
	.get_deadline_ns = pattern_get_deadline_ns,
	.acquire = pattern_acquire,
	.release = pattern_release,
	.close = pattern_close,
};

int source_open_pattern(uint16_t refresh_hz, struct source **ret)
{
	struct pattern *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->source.ops = &pattern_ops;
	p->wanted_hz = refresh_hz;
	*ret = &p->source;
	return 0;
}

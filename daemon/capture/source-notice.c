// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The source's own picture, where the desktop gives none: dark, the host's name and one line of
 * text. It never changes, so it is only given when it is asked for.
 */
#include "capture/source.h"

#include "capture/draw.h"
#include "capture/font.h"
#include "util/cleanup.h"

#include <errno.h>

#define BACKGROUND 0x14181c
#define NAME_RGB   0xe8e8e8
#define TEXT_RGB   0x98a0a8
#define TEXT_SIZE  128

struct notice {
	struct source source;
	char name[TEXT_SIZE];
	char text[TEXT_SIZE];
	struct canvas canvas;
	uint64_t number; /* 0: no picture yet */
	bool given;
};

static struct notice *notice_of(const struct source *s)
{
	return (struct notice *)(uintptr_t)s;
}

/* UTF-8 to what the font has: one box for each other character. */
static void to_ascii(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; *from && n + 1 < size; from++)
		if (((unsigned char)*from & 0xc0) != 0x80)
			to[n++] = *from;
	to[n] = '\0';
}

/* In the middle, as large as wanted or as fits. */
static void draw_centred(struct canvas *c, uint32_t y, uint32_t dot, uint32_t rgb, const char *text)
{
	while (dot > 1 && draw_text_width(text, dot) > c->width * 9u / 10)
		dot--;
	if (draw_text_width(text, dot) < c->width)
		draw_text(c, (c->width - draw_text_width(text, dot)) / 2, y, dot, rgb, text);
	else
		draw_text(c, 0, y, dot, rgb, text);
}

/* Another number for each picture that was ever drawn, and none that a desktop's frame has. */
static uint64_t next_number(void)
{
	static uint64_t number = UINT64_C(1) << 63;

	return number++;
}

static int notice_configure(struct source *s, const struct media_mode *mode)
{
	struct notice *n = notice_of(s);
	uint32_t dot = mode->height / 120u ? mode->height / 120u : 1;
	int r;

	canvas_done(&n->canvas);
	n->given = false;
	n->number = next_number();
	r = canvas_init(&n->canvas, mode->width, mode->height);
	if (r < 0)
		return r;
	draw_fill(&n->canvas, (struct media_rect){ 0, 0, mode->width, mode->height }, BACKGROUND);
	draw_centred(&n->canvas, mode->height * 2u / 5, 2 * dot, NAME_RGB, n->name);
	draw_centred(&n->canvas, mode->height * 2u / 5 + 3 * FONT_HEIGHT * dot, dot, TEXT_RGB,
		     n->text);
	return 0;
}

static struct pollfd notice_get_poll(const struct source *s)
{
	(void)s;
	return (struct pollfd){ .fd = -1 };
}

static uint64_t notice_get_deadline_ns(const struct source *s)
{
	return notice_of(s)->given ? UINT64_MAX : 0;
}

static int notice_acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	struct notice *n = notice_of(s);
	struct media_rect all = { 0, 0, n->canvas.width, n->canvas.height };

	if (!n->canvas.pixels || (n->given && !again))
		return 0;
	*ret = (struct frame){
		.number = n->number,
		.time_ns = now_ns,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = n->canvas.width,
		.height = n->canvas.height,
		.planes = { (const uint8_t *)n->canvas.pixels },
		.pitches = { n->canvas.stride * 4 },
		.dmabuf_fd = -1,
		.damage = n->given ? (struct media_rect){ 0 } : all,
	};
	n->given = true;
	return 1;
}

static void notice_release(struct source *s, const struct frame *f)
{
	(void)s;
	(void)f;
}

static void notice_close(struct source *s)
{
	canvas_done(&notice_of(s)->canvas);
	free(s);
}

static const struct source_ops notice_ops = {
	.name = "notice",
	.configure = notice_configure,
	.get_poll = notice_get_poll,
	.get_deadline_ns = notice_get_deadline_ns,
	.acquire = notice_acquire,
	.release = notice_release,
	.close = notice_close,
};

int source_open_notice(const char *text, struct source **ret)
{
	struct notice *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->source.ops = &notice_ops;
	if (gethostname(n->name, sizeof(n->name) - 1) < 0)
		n->name[0] = '\0';
	to_ascii(text, n->text, sizeof(n->text));
	*ret = &n->source;
	return 0;
}

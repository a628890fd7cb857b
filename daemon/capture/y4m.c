// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/y4m.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One tag of the header: its letter and its value, not NUL-terminated. */
struct tag {
	const char *value;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, Y4M_WHY_SIZE, format, ap);
	va_end(ap);
	return -EBADMSG;
}

static bool tag_is(const struct tag *t, const char *value)
{
	return t->size == strlen(value) && !memcmp(t->value, value, t->size);
}

static bool parse_number(const char *text, size_t size, uint32_t *ret)
{
	uint32_t value = 0;

	if (size == 0 || size > 9)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	*ret = value;
	return true;
}

static int parse_size(const struct tag *t, uint16_t *ret, char *why)
{
	uint32_t value;

	if (!parse_number(t->value, t->size, &value) || value < 16 || value > 8192)
		return refuse(why, "the clip's size must be 16x16 to 8192x8192");
	*ret = (uint16_t)value;
	return 0;
}

static int parse_rate(const struct tag *t, struct y4m_header *h, char *why)
{
	const char *colon = memchr(t->value, ':', t->size);
	size_t before = colon ? (size_t)(colon - t->value) : 0;
	uint32_t num, den;

	if (!colon || !parse_number(t->value, before, &num) ||
	    !parse_number(colon + 1, t->size - before - 1, &den) || num == 0 || den == 0 ||
	    num / den > 1000)
		return refuse(why, "the clip's frame rate is not a rate");
	h->rate_num = num;
	h->rate_den = den;
	return 0;
}

/* The names say where chroma is sampled; the difference of a quarter pixel is nobody's loss. */
static int parse_colours(const struct tag *t, char *why)
{
	static const char *const known[] = { "420", "420jpeg", "420mpeg2", "420paldv" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (tag_is(t, known[i]))
			return 0;
	return refuse(why, "colours C%.*s: only 8-bit 4:2:0 can be sent (ffmpeg -pix_fmt yuv420p)",
		      (int)(t->size < 16 ? t->size : 16), t->value);
}

static int parse_tag(char letter, const struct tag *t, struct y4m_header *h, char *why)
{
	switch (letter) {
	case 'W':
		return parse_size(t, &h->width, why);
	case 'H':
		return parse_size(t, &h->height, why);
	case 'F':
		return parse_rate(t, h, why);
	case 'C':
		return parse_colours(t, why);
	case 'I':
		if (tag_is(t, "p") || tag_is(t, "?"))
			return 0;
		return refuse(why, "the clip is interlaced, only progressive ones can be sent");
	case 'X':
		h->full_range |= tag_is(t, "COLORRANGE=FULL");
		return 0;
	default: /* aspect, and whatever else there may be, changes nothing here */
		return 0;
	}
}

/* The length of the line that starts with word, its newline included. */
static int line_length(const uint8_t *data, size_t size, const char *word)
{
	size_t known = strlen(word), limit = size < Y4M_HEADER_MAX ? size : Y4M_HEADER_MAX;
	const uint8_t *end;

	if (memcmp(data, word, known < size ? known : size) != 0)
		return -EBADMSG;
	if (size <= known)
		return -EAGAIN;
	if (data[known] != ' ' && data[known] != '\n')
		return -EBADMSG;
	end = memchr(data, '\n', limit);
	if (!end)
		return size < Y4M_HEADER_MAX ? -EAGAIN : -EBADMSG;
	return (int)(end - data) + 1;
}

int y4m_parse_header(const uint8_t *data, size_t size, struct y4m_header *ret,
		     char why[static Y4M_WHY_SIZE])
{
	int length = line_length(data, size, "YUV4MPEG2");
	const char *next, *end;
	struct y4m_header h = { 0 };
	int r;

	if (length == -EBADMSG)
		return refuse(why, "the clip is not YUV4MPEG2 (ffmpeg -f yuv4mpegpipe)");
	if (length < 0)
		return length;
	next = (const char *)data + strlen("YUV4MPEG2");
	end = (const char *)data + length - 1;
	while (next < end) {
		const char *space;
		struct tag t;

		next++; /* the space before the tag */
		space = memchr(next, ' ', (size_t)(end - next));
		if (!space)
			space = end;
		if (space > next) {
			t = (struct tag){ next + 1, (size_t)(space - next) - 1 };
			r = parse_tag(*next, &t, &h, why);
			if (r < 0)
				return r;
		}
		next = space;
	}
	if (!h.width || !h.height || !h.rate_num)
		return refuse(why, "the clip's header lacks %s",
			      !h.width ? "W, its width" :
			      !h.height ? "H, its height" : "F, its frame rate");
	*ret = h;
	return length;
}

int y4m_parse_frame_header(const uint8_t *data, size_t size)
{
	return line_length(data, size, "FRAME");
}

size_t y4m_frame_size(const struct y4m_header *h)
{
	size_t chroma = (size_t)((h->width + 1) / 2) * (size_t)((h->height + 1) / 2);

	return (size_t)h->width * h->height + 2 * chroma;
}

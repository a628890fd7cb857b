// SPDX-License-Identifier: GPL-2.0-or-later
/* Slices of text and the strict parsing of numbers; see text.h. Knows no protocol. */
#include "rtsp/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text text_from(const char *string)
{
	return (struct text){ .data = string, .size = strlen(string) };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

struct text text_trim(struct text t)
{
	while (t.size && is_space(t.data[0])) {
		t.data++;
		t.size--;
	}
	while (t.size && is_space(t.data[t.size - 1]))
		t.size--;
	return t;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal(struct text a, struct text b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

bool text_is(struct text t, const char *string)
{
	return text_equal(t, text_from(string));
}

bool text_starts(struct text t, const char *prefix)
{
	size_t size = strlen(prefix);

	return t.size >= size && text_is((struct text){ t.data, size }, prefix);
}

bool text_contains(struct text t, const char *word)
{
	for (; t.size; t.data++, t.size--)
		if (text_starts(t, word))
			return true;
	return false;
}

/* The first size bytes go to ret, those after the next skip bytes stay. */
static void cut(struct text *t, size_t size, size_t skip, struct text *ret)
{
	*ret = (struct text){ t->data, size };
	t->data += size + skip;
	t->size -= size + skip;
}

bool text_split(struct text *t, char separator, struct text *ret)
{
	size_t size = 0;

	if (!t->size)
		return false;
	while (size < t->size && t->data[size] != separator)
		size++;
	cut(t, size, size < t->size, ret);
	return true;
}

bool text_word(struct text *t, struct text *ret)
{
	size_t size = 0;

	*t = text_trim(*t);
	if (!t->size)
		return false;
	while (size < t->size && !is_space(t->data[size]))
		size++;
	cut(t, size, 0, ret);
	return true;
}

bool text_line(struct text *t, struct text *ret)
{
	size_t size = 0, end;

	if (!t->size)
		return false;
	while (size < t->size && t->data[size] != '\n' && t->data[size] != '\r')
		size++;
	end = size < t->size;
	if (size + 1 < t->size && t->data[size] == '\r' && t->data[size + 1] == '\n')
		end = 2;
	cut(t, size, end, ret);
	return true;
}

int text_decimal(struct text t, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!t.size)
		return -EINVAL;
	for (size_t i = 0; i < t.size; i++)
		if (t.data[i] < '0' || t.data[i] > '9')
			return -EINVAL;
	for (size_t i = 0; i < t.size; i++) {
		uint64_t digit = (uint64_t)(t.data[i] - '0');

		if (digit > max || value > (max - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret = value;
	return 0;
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -EINVAL;
}

int text_hex(struct text t, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!t.size)
		return -EINVAL;
	for (size_t i = 0; i < t.size; i++)
		if (text_hex_digit(t.data[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < t.size; i++) {
		if (value > max >> 4)
			return -ERANGE;
		value = value << 4 | (uint64_t)text_hex_digit(t.data[i]);
	}
	if (value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

/* Bytes of the well-formed UTF-8 sequence at the front (RFC 3629); 0: there is none. */
static size_t utf8_size(struct text t)
{
	static const uint32_t minimum[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = (uint8_t)t.data[0];
	size_t size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : 4;
	uint32_t code = size == 1 ? first : first & (0x7fu >> size);

	if ((size == 4 && first >> 3 != 30) || size > t.size)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if (((uint8_t)t.data[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((uint8_t)t.data[i] & 0x3f);
	}
	if (code < minimum[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	/* C0, DEL and C1 steer terminals. */
	return code < 0x20 || (code >= 0x7f && code < 0xa0) ? 0 : size;
}

void text_copy_printable(struct text t, char *buffer, size_t size)
{
	size_t used = 0;

	while (t.size) {
		size_t step = utf8_size(t);

		if (used + (step ? step : 1) >= size)
			break;
		if (step)
			memcpy(buffer + used, t.data, step);
		else
			buffer[used] = '?';
		used += step ? step : 1;
		t.data += step ? step : 1;
		t.size -= step ? step : 1;
	}
	buffer[used] = '\0';
}

void text_write(struct writer *w, const char *format, ...)
{
	size_t room = (size_t)(w->end - w->next);
	va_list ap;
	int size;

	if (w->failed)
		return;
	va_start(ap, format);
	size = vsnprintf((char *)w->next, room, format, ap);
	va_end(ap);
	/* The terminator is not part of the text, but vsnprintf() wants room for it. */
	if (size < 0 || (size_t)size >= room)
		w->failed = true;
	else
		w->next += size;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of a directive: strings with their escapes, messages, numbers and times. */
#include "profile-private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int reader_complain(struct reader *r, const char *format, ...)
{
	va_list ap;

	fprintf(r->errors, "%s:%u: ", r->file, r->line);
	va_start(ap, format);
	vfprintf(r->errors, format, ap);
	va_end(ap);
	fputc('\n', r->errors);
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The string behind a quote at p[0]; *ret_end is behind its end. */
static int read_string(struct reader *r, const char *p, const char *end, struct text *ret,
		       const char **ret_end)
{
	static const char escapes[] = "rntr0\\\"";
	static const char values[] = "\r\n\t\r\0\\\"";
	char *start = r->free_bytes;

	for (p++; p < end && *p != '"'; p++) {
		const char *escape;

		if (*p != '\\') {
			*r->free_bytes++ = *p;
			continue;
		}
		if (++p == end)
			break;
		if (*p == 'x' && end - p > 2 && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
			*r->free_bytes++ = (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
			p += 2;
			continue;
		}
		escape = memchr(escapes, *p, sizeof(escapes) - 1);
		if (!escape)
			return reader_complain(
				r,
				"unknown escape \\%c, allowed: \\r \\n \\t \\0 \\\\ \\\" "
				"\\xHH",
				*p);
		*r->free_bytes++ = values[escape - escapes];
	}
	if (p >= end)
		return reader_complain(r, "the string has no end");
	*ret = (struct text){ start, (size_t)(r->free_bytes - start) };
	*ret_end = p + 1;
	return 0;
}

int reader_split(struct reader *r, struct text line)
{
	const char *p = line.at;
	const char *end = line.at + line.len;
	int ret;

	r->count = 0;
	while (p < end) {
		if (*p == ' ' || *p == '\t') {
			p++;
			continue;
		}
		if (*p == '#')
			break;
		if (r->count == TOKENS_MAX)
			return reader_complain(r, "more than %d words", TOKENS_MAX);
		r->quoted[r->count] = *p == '"';
		if (*p == '"') {
			ret = read_string(r, p, end, &r->tokens[r->count], &p);
			if (ret < 0)
				return ret;
		} else {
			const char *start = p;

			while (p < end && *p != ' ' && *p != '\t' && *p != '"')
				p++;
			r->tokens[r->count] = (struct text){ start, (size_t)(p - start) };
		}
		r->count++;
	}
	return 0;
}

int reader_message(struct reader *r, size_t index, enum message_name *ret)
{
	if (index < r->count) {
		for (int i = 0; i < MESSAGE_NAMES; i++) {
			if (text_is(r->tokens[index],
				    message_name_to_string((enum message_name)i))) {
				*ret = (enum message_name)i;
				return 0;
			}
		}
		reader_complain(r, "%.*s is not a message", SHOW(r->tokens[index]));
	}
	return reader_complain(
		r, "wants a message: M1 to M16, M5-SETUP, M5-PLAY, M5-PAUSE, M5-TEARDOWN, "
		   "KEEPALIVE, OTHER");
}

int reader_number(struct reader *r, struct text t, unsigned long min, unsigned long max,
		  unsigned long *ret)
{
	uint64_t value;

	if (!text_number(t, max, &value) || value < min)
		return reader_complain(r, "%.*s is not a number from %lu to %lu", SHOW(t), min,
				       max);
	*ret = value;
	return 0;
}

int reader_time(struct reader *r, struct text t, uint64_t unit_us, uint64_t *ret)
{
	struct text number = t;
	uint64_t value;

	if (t.len > 2 && !strncmp(t.at + t.len - 2, "ms", 2)) {
		unit_us = 1000;
		number.len -= 2;
	} else if (t.len > 1 && t.at[t.len - 1] == 's') {
		unit_us = 1000000;
		number.len -= 1;
	}
	if (!text_number(number, 86400000, &value))
		return reader_complain(r, "%.*s is not a time, like 2500ms or 5s", SHOW(t));
	*ret = value * unit_us;
	return 0;
}

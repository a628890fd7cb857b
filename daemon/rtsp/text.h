/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A piece of somebody else's text: pointer and size, no terminator, never owned. And the strict
 * little parsers of numbers and words that everything from the peer goes through.
 * Knows no protocol. Pure; usable from every thread.
 */
#ifndef MIRACAST_RTSP_TEXT_H
#define MIRACAST_RTSP_TEXT_H

#include "util/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	const char *data; /* may hold any byte; not terminated */
	size_t size;
};

/* For "%.*s". Sizes are bounded by the framing (64 KiB). */
#define TEXT_ARGS(t) (int)(t).size, (t).size ? (t).data : ""

struct text text_from(const char *string);
struct text text_trim(struct text t); /* without spaces and tabs (and stray line ends) around */

/* Without regard to case (ASCII only). */
bool text_is(struct text t, const char *string);
bool text_equal(struct text a, struct text b);
bool text_starts(struct text t, const char *prefix);
bool text_contains(struct text t, const char *word);

/*
 * Cut the piece before the first separator off the front; the rest stays in *t. False when
 * nothing is left. A word is what stands between spaces and tabs.
 */
bool text_split(struct text *t, char separator, struct text *ret);
bool text_word(struct text *t, struct text *ret);
/* A line without its end, which is LF, CR LF or a lone CR. */
bool text_line(struct text *t, struct text *ret);

/* Digits only, no sign, no space; 0, -EINVAL, or -ERANGE when above max. */
int text_decimal(struct text t, uint64_t max, uint64_t *ret);
/* Hex digits only, any number of leading zeros; 0, -EINVAL, or -ERANGE when above max. */
int text_hex(struct text t, uint64_t max, uint64_t *ret);
int text_hex_digit(char c); /* its value or -EINVAL */

/*
 * Copy for showing to people: valid UTF-8, no control characters (both become '?'), cut at a
 * character's end, always terminated. size > 0.
 */
void text_copy_printable(struct text t, char *buffer, size_t size);

/* Formatted text to the end of a bounded writer. */
void text_write(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The profile reader's own parts: the words of a line, and what the directives make of them. */
#ifndef SINK_PROFILE_PRIVATE_H
#define SINK_PROFILE_PRIVATE_H

#include "profile.h"

#define TOKENS_MAX 16

/* For printf() with %.*s */
#define SHOW(t) (int)(t).len, (t).at ? (t).at : ""

struct reader {
	const char *file;
	unsigned line;
	FILE *errors;
	struct profile *p;
	char *free_bytes; /* where the next string without its escapes goes */
	size_t count;
	struct text tokens[TOKENS_MAX];
	bool quoted[TOKENS_MAX];
};

/* Writes "file:line: ..." and returns -EINVAL. */
int reader_complain(struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Splits a directive into words; key="string" becomes one token `key=` and one quoted token. */
int reader_split(struct reader *r, struct text line);
/* These read a word, or complain about it. */
int reader_message(struct reader *r, size_t index, enum message_name *ret);
int reader_number(struct reader *r, struct text t, unsigned long min, unsigned long max,
		  unsigned long *ret);
/* 2500ms or 5s; a bare number is of the unit that its place suggests. */
int reader_time(struct reader *r, struct text t, uint64_t unit_us, uint64_t *ret);

int profile_read_directive(struct reader *r, struct text line);

#endif

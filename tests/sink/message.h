/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One RTSP message out of a stream of bytes. Pure and bounded; the struct points into the bytes
 * that it was read from. Lenient where sinks are, and says where that was needed.
 */
#ifndef SINK_MESSAGE_H
#define SINK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MESSAGE_HEAD_MAX    16384
#define MESSAGE_BODY_MAX    65536
#define MESSAGE_MAX	    (MESSAGE_HEAD_MAX + MESSAGE_BODY_MAX)
#define MESSAGE_HEADERS_MAX 32

struct text {
	const char *at;
	size_t len;
};

struct header {
	struct text name, value;
};

struct message {
	bool reply;
	struct text method, uri; /* of a request */
	unsigned status;	 /* of a reply */
	size_t headers_count;
	struct header headers[MESSAGE_HEADERS_MAX];
	struct text body;
	bool have_cseq;
	uint64_t cseq;
	bool sloppy; /* bare LF, missing blank and the like */
};

/* Bytes that the message takes, 0 if it is not complete yet, -EBADMSG if it never will be. */
ssize_t message_parse(const char *p, size_t len, struct message *ret);

/* The header's value, at = NULL if there is none. Names are compared without case. */
struct text message_header(const struct message *m, const char *name);

bool text_is(struct text t, const char *s);	/* without case */
bool text_starts(struct text t, const char *s); /* without case */
struct text text_trim(struct text t);
bool text_number(struct text t, uint64_t max, uint64_t *ret); /* decimal digits only */
/* Takes the next line of a body off *rest, without its end; false at the end. */
bool text_line(struct text *rest, struct text *ret);
/* Splits "name: value"; a line without a colon is a bare name. */
void text_parameter(struct text line, struct text *ret_name, struct text *ret_value);
/* The value of `name=` in a list separated by ';', at = NULL if there is none. */
struct text text_attribute(struct text list, const char *name);

#endif

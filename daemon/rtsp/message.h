/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RTSP messages (RFC 2326 as far as Wi-Fi Display uses it): text <-> struct, and the framing that
 * finds one whole message in a stream of bytes that may be cut anywhere.
 * Knows no socket, no clock and no meaning of any message. Bounded: the limits below are all the
 * memory that a peer can make us use. Pure; an object belongs to one thread.
 */
#ifndef MIRACAST_RTSP_MESSAGE_H
#define MIRACAST_RTSP_MESSAGE_H

#include "rtsp/text.h"

#define RTSP_HEAD_SIZE_MAX (16u << 10) /* bytes, start line and headers with their empty line */
#define RTSP_BODY_SIZE_MAX (64u << 10) /* bytes */
#define RTSP_HEADERS_MAX   64u

enum rtsp_method {
	RTSP_METHOD_UNKNOWN, /* not of RFC 2326; see method_text */
	RTSP_METHOD_OPTIONS,
	RTSP_METHOD_GET_PARAMETER,
	RTSP_METHOD_SET_PARAMETER,
	RTSP_METHOD_SETUP,
	RTSP_METHOD_PLAY,
	RTSP_METHOD_PAUSE,
	RTSP_METHOD_TEARDOWN,
	RTSP_METHOD_OTHER, /* of RFC 2326, but not used by Wi-Fi Display: DESCRIBE, RECORD, ... */
};

/* Why bytes are not RTSP. After one of them the connection is of no further use. */
enum rtsp_error {
	RTSP_ERROR_NONE,
	RTSP_ERROR_START_LINE,	      /* neither a request nor a status line */
	RTSP_ERROR_VERSION,	      /* something else than RTSP/x.y, HTTP for instance */
	RTSP_ERROR_STATUS,	      /* the status is not a number from 100 to 599 */
	RTSP_ERROR_HEADER,	      /* a line without a colon or without a name */
	RTSP_ERROR_TOO_MANY_HEADERS,  /* above RTSP_HEADERS_MAX */
	RTSP_ERROR_HEAD_TOO_LONG,     /* above RTSP_HEAD_SIZE_MAX */
	RTSP_ERROR_CONTENT_LENGTH,    /* not a plain number, or two that differ */
	RTSP_ERROR_BODY_TOO_LONG,     /* above RTSP_BODY_SIZE_MAX */
	RTSP_ERROR_CONTROL_CHARACTER, /* a NUL, an escape, a lone CR, ... in the head */
};

const char *rtsp_error_to_string(enum rtsp_error error);
const char *rtsp_method_to_string(enum rtsp_method method); /* "?" for unknown ones */
const char *rtsp_status_to_string(unsigned status);	    /* the reason phrase */

struct rtsp_header {
	struct text name, value; /* trimmed; folded lines are joined with spaces */
};

/* Everything points into the framer's buffer. */
struct rtsp_message {
	struct text raw; /* the whole message, for the transcript */
	bool is_request;
	bool is_version_1; /* RTSP/1.0; others are to be answered with 505 */

	enum rtsp_method method; /* requests */
	struct text method_text;
	struct text uri;

	unsigned status; /* responses, 100 to 599 */
	struct text reason;

	bool has_cseq; /* exactly one CSeq that is a number; others are to be answered with 400 */
	uint32_t cseq;
	size_t n_headers;
	struct rtsp_header headers[RTSP_HEADERS_MAX];
	struct text body;
};

/* The value of the first header of that name, in any case of letters; data NULL: there is none. */
struct text rtsp_message_header(const struct rtsp_message *m, const char *name);

/*
 * The framing. Read into its room, say how much came, take messages out until there is none.
 * Embedded in its owner; needs no release.
 */
struct rtsp_framer {
	enum rtsp_error error; /* sticky */
	size_t skip;	       /* bytes of an interleaved frame still to be thrown away */
	size_t start;	       /* where the present message begins in data */
	size_t size;	       /* bytes in data, from 0 */
	size_t scanned;	       /* bytes of the present head that were looked at, from start */
	size_t line;	       /* where the line under the scan begins, from start */
	size_t head_size;      /* 0: the head's end was not seen yet */
	size_t body_size;      /* valid when head_size is */
	bool given;	       /* the present message was given out; the next call removes it */
	char data[RTSP_HEAD_SIZE_MAX + RTSP_BODY_SIZE_MAX];
};

void rtsp_framer_init(struct rtsp_framer *f);

/*
 * Free space for the next read; never 0 while rtsp_framer_next() answers 0. Invalidates the
 * message given out last.
 */
char *rtsp_framer_room(struct rtsp_framer *f, size_t *ret_size);
void rtsp_framer_push(struct rtsp_framer *f, size_t size); /* that many bytes were put there */

/* 1 and a message, valid until the next call on f; 0: more bytes needed; -EBADMSG: f->error. */
int rtsp_framer_next(struct rtsp_framer *f, struct rtsp_message *ret);

/* Part of a message has come: the rest must follow within a time limit. */
bool rtsp_framer_is_partial(const struct rtsp_framer *f);

/*
 * Formatting: a start line, headers, and an end, each to the end of w. A failed writer means that
 * the message did not fit. cseq: NULL writes none (the answer to a request without one).
 */
void rtsp_write_request(struct writer *w, const char *method, const char *uri, uint32_t cseq);
void rtsp_write_response(struct writer *w, unsigned status, const uint32_t *cseq);
void rtsp_write_header(struct writer *w, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* With body.size > 0 adds Content-Type: text/parameters and Content-Length. */
void rtsp_write_end(struct writer *w, struct text body);

#endif

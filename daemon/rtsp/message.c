// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RTSP messages: framing, parsing, formatting, in this order. Knows no meaning; see message.h.
 *
 * A sink that speaks no RTSP at all (TLS, SSH, HTTP on 7236) is told apart by its first line, or
 * its first byte, not by a time-out.
 */
#include "rtsp/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INTERLEAVED_HEAD 4u /* '$', channel, size in two bytes: RFC 2326 10.12 */

static enum rtsp_error parse_start_line(struct text line, struct rtsp_message *m);
static enum rtsp_error parse_head(char *data, size_t size, struct rtsp_message *m,
				  size_t *ret_body_size);

void rtsp_framer_init(struct rtsp_framer *f)
{
	*f = (struct rtsp_framer){ 0 };
}

static void drop(struct rtsp_framer *f, size_t size)
{
	f->start += size;
	f->scanned = f->line = f->head_size = f->body_size = 0;
	f->given = false;
}

static void drop_given(struct rtsp_framer *f)
{
	if (f->given)
		drop(f, f->head_size + f->body_size);
}

char *rtsp_framer_room(struct rtsp_framer *f, size_t *ret_size)
{
	drop_given(f);
	if (f->start) {
		memmove(f->data, f->data + f->start, f->size - f->start);
		f->size -= f->start;
		f->start = 0;
	}
	*ret_size = sizeof(f->data) - f->size;
	return f->data + f->size;
}

void rtsp_framer_push(struct rtsp_framer *f, size_t size)
{
	f->size += size;
}

/*
 * What may stand between messages: empty lines (RFC 2326 4.1 wants them ignored) and interleaved
 * binary frames, which nobody negotiated and which are thrown away.
 */
static void skip_between(struct rtsp_framer *f)
{
	while (f->start < f->size) {
		size_t left = f->size - f->start;
		const uint8_t *at = (const uint8_t *)f->data + f->start;

		if (f->skip) {
			size_t step = f->skip < left ? f->skip : left;

			f->skip -= step;
			drop(f, step);
		} else if (*at == '\r' || *at == '\n') {
			drop(f, 1);
		} else if (*at == '$' && left >= INTERLEAVED_HEAD) {
			f->skip = INTERLEAVED_HEAD + (size_t)(at[2] << 8 | at[3]);
		} else {
			return;
		}
	}
}

static enum rtsp_error check_character(const char *at, size_t left)
{
	uint8_t c = (uint8_t)*at;

	if (c == '\r' && left > 1 && at[1] != '\n')
		return RTSP_ERROR_CONTROL_CHARACTER;
	if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
		return RTSP_ERROR_CONTROL_CHARACTER;
	return RTSP_ERROR_NONE;
}

/* A line of the head has ended at scanned - 1. */
static enum rtsp_error end_line(struct rtsp_framer *f)
{
	const char *head = f->data + f->start;
	size_t end = f->scanned - 1;
	bool is_first = f->line == 0;
	struct text line;
	struct rtsp_message m;

	if (end > f->line && head[end - 1] == '\r')
		end--;
	line = (struct text){ head + f->line, end - f->line };
	f->line = f->scanned;
	if (line.size == 0)
		f->head_size = f->scanned;
	return is_first ? parse_start_line(line, &m) : RTSP_ERROR_NONE;
}

/* Looks at each byte of the head once, however it arrives. */
static enum rtsp_error scan_head(struct rtsp_framer *f)
{
	const char *head = f->data + f->start;
	size_t left = f->size - f->start;
	enum rtsp_error error = RTSP_ERROR_NONE;

	if (left && *head == '$')
		return RTSP_ERROR_NONE; /* the head of an interleaved frame, not whole yet */
	while (!error && !f->head_size && f->scanned < left) {
		if (f->scanned >= RTSP_HEAD_SIZE_MAX)
			return RTSP_ERROR_HEAD_TOO_LONG;
		/* A CR is judged together with what follows. */
		if (head[f->scanned] == '\r' && f->scanned + 1 == left)
			break;
		error = check_character(head + f->scanned, left - f->scanned);
		if (!error && head[f->scanned++] == '\n')
			error = end_line(f);
	}
	return error;
}

static enum rtsp_error next_message(struct rtsp_framer *f, struct rtsp_message *ret,
				    bool *ret_whole)
{
	bool had_head = f->head_size;
	enum rtsp_error error = had_head ? RTSP_ERROR_NONE : scan_head(f);
	char *head = f->data + f->start;
	size_t left = f->size - f->start;

	/* The head is parsed when it is whole and again with its body, not once a byte. */
	if (error || !f->head_size || (had_head && left < f->head_size + f->body_size))
		return error;
	error = parse_head(head, f->head_size, ret, &f->body_size);
	if (error || left < f->head_size + f->body_size)
		return error;
	ret->raw = (struct text){ head, f->head_size + f->body_size };
	ret->body = (struct text){ head + f->head_size, f->body_size };
	*ret_whole = true;
	return RTSP_ERROR_NONE;
}

int rtsp_framer_next(struct rtsp_framer *f, struct rtsp_message *ret)
{
	bool whole = false;

	drop_given(f);
	if (!f->error && !f->head_size && !f->scanned)
		skip_between(f);
	if (!f->error)
		f->error = next_message(f, ret, &whole);
	if (f->error)
		return -EBADMSG;
	f->given = whole;
	return whole;
}

bool rtsp_framer_is_partial(const struct rtsp_framer *f)
{
	return f->skip || (!f->given && f->start < f->size);
}

/* ---- parsing ---- */

static const struct {
	const char *name;
	enum rtsp_method method;
} methods[] = {
	{ "OPTIONS", RTSP_METHOD_OPTIONS },
	{ "GET_PARAMETER", RTSP_METHOD_GET_PARAMETER },
	{ "SET_PARAMETER", RTSP_METHOD_SET_PARAMETER },
	{ "SETUP", RTSP_METHOD_SETUP },
	{ "PLAY", RTSP_METHOD_PLAY },
	{ "PAUSE", RTSP_METHOD_PAUSE },
	{ "TEARDOWN", RTSP_METHOD_TEARDOWN },
	{ "DESCRIBE", RTSP_METHOD_OTHER },
	{ "ANNOUNCE", RTSP_METHOD_OTHER },
	{ "RECORD", RTSP_METHOD_OTHER },
	{ "REDIRECT", RTSP_METHOD_OTHER },
};

/* Methods are the one thing that is case-sensitive (RFC 2326 6.1). */
static enum rtsp_method method_from_text(struct text t)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strlen(methods[i].name) == t.size && !memcmp(methods[i].name, t.data, t.size))
			return methods[i].method;
	return RTSP_METHOD_UNKNOWN;
}

static bool is_token(struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		char c = t.data[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-')
			return false;
	}
	return t.size > 0;
}

/* "RTSP/" digit "." digit */
static bool parse_version(struct text t, bool *ret_is_version_1)
{
	if (t.size != 8 || !text_starts(t, "RTSP/") || t.data[6] != '.')
		return false;
	if (t.data[5] < '0' || t.data[5] > '9' || t.data[7] < '0' || t.data[7] > '9')
		return false;
	*ret_is_version_1 = t.data[5] == '1' && t.data[7] == '0';
	return true;
}

static enum rtsp_error parse_status_line(struct text line, struct rtsp_message *m)
{
	struct text word;
	uint64_t status;

	(void)text_word(&line, &word);
	if (!parse_version(word, &m->is_version_1))
		return RTSP_ERROR_VERSION;
	if (!text_word(&line, &word) || word.size != 3 || text_decimal(word, 599, &status) < 0 ||
	    status < 100)
		return RTSP_ERROR_STATUS;
	m->status = (unsigned)status;
	m->reason = text_trim(line);
	return RTSP_ERROR_NONE;
}

static enum rtsp_error parse_request_line(struct text line, struct rtsp_message *m)
{
	struct text version, more;

	if (!text_word(&line, &m->method_text) || !is_token(m->method_text) ||
	    !text_word(&line, &m->uri) || !text_word(&line, &version) || text_word(&line, &more))
		return RTSP_ERROR_START_LINE;
	if (!parse_version(version, &m->is_version_1))
		return RTSP_ERROR_VERSION;
	m->is_request = true;
	m->method = method_from_text(m->method_text);
	return RTSP_ERROR_NONE;
}

static enum rtsp_error parse_start_line(struct text line, struct rtsp_message *m)
{
	return text_starts(line, "RTSP/") ? parse_status_line(line, m)
					  : parse_request_line(line, m);
}

/* A line that begins with a blank goes on the value of the one before (RFC 2326 4.2). */
static enum rtsp_error parse_folded(struct text line, struct rtsp_message *m)
{
	struct rtsp_header *last = m->n_headers ? &m->headers[m->n_headers - 1] : NULL;
	char *join;

	if (!last)
		return RTSP_ERROR_HEADER;
	/* The head belongs to the framer and may be written; the line's end becomes blanks. */
	for (join = (char *)last->value.data + last->value.size; join < line.data; join++)
		*join = ' ';
	last->value.size = (size_t)(line.data + line.size - last->value.data);
	last->value = text_trim(last->value);
	return RTSP_ERROR_NONE;
}

static enum rtsp_error parse_header(struct text line, struct rtsp_message *m)
{
	struct rtsp_header header;
	size_t name_size;

	if (line.data[0] == ' ' || line.data[0] == '\t')
		return parse_folded(line, m);
	if (m->n_headers == RTSP_HEADERS_MAX)
		return RTSP_ERROR_TOO_MANY_HEADERS;
	(void)text_split(&line, ':', &header.name);
	name_size = header.name.size;
	header.name = text_trim(header.name);
	/* Without a colon the name took the whole line and line.data stands behind its end. */
	if (!header.name.size || header.name.data[name_size] != ':')
		return RTSP_ERROR_HEADER;
	header.value = text_trim(line);
	m->headers[m->n_headers++] = header;
	return RTSP_ERROR_NONE;
}

/* Strict, because the place of the next message hangs on it. */
static enum rtsp_error parse_content_length(const struct rtsp_message *m, size_t *ret)
{
	uint64_t value = 0, first = 0;
	bool seen = false;

	for (size_t i = 0; i < m->n_headers; i++) {
		int r;

		if (!text_is(m->headers[i].name, "Content-Length"))
			continue;
		r = text_decimal(m->headers[i].value, RTSP_BODY_SIZE_MAX, &value);
		if (r < 0)
			return r == -ERANGE ? RTSP_ERROR_BODY_TOO_LONG : RTSP_ERROR_CONTENT_LENGTH;
		if (seen && value != first)
			return RTSP_ERROR_CONTENT_LENGTH;
		first = value;
		seen = true;
	}
	*ret = (size_t)first;
	return RTSP_ERROR_NONE;
}

/* A message whose CSeq is missing, doubled or no number is still a message: see has_cseq. */
static void parse_cseq(struct rtsp_message *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_headers; i++) {
		uint64_t value;

		if (!text_is(m->headers[i].name, "CSeq"))
			continue;
		m->has_cseq = n++ == 0 &&
			      text_decimal(m->headers[i].value, UINT32_MAX, &value) == 0;
		if (m->has_cseq)
			m->cseq = (uint32_t)value;
	}
}

static enum rtsp_error parse_head(char *data, size_t size, struct rtsp_message *m,
				  size_t *ret_body_size)
{
	struct text head = { data, size };
	enum rtsp_error error;
	struct text line;

	*m = (struct rtsp_message){ 0 };
	(void)text_line(&head, &line);
	error = parse_start_line(line, m);
	while (!error && text_line(&head, &line) && line.size)
		error = parse_header(line, m);
	if (!error)
		error = parse_content_length(m, ret_body_size);
	if (!error)
		parse_cseq(m);
	return error;
}

struct text rtsp_message_header(const struct rtsp_message *m, const char *name)
{
	for (size_t i = 0; i < m->n_headers; i++)
		if (text_is(m->headers[i].name, name))
			return m->headers[i].value;
	return (struct text){ 0 };
}

/* ---- formatting ---- */

void rtsp_write_request(struct writer *w, const char *method, const char *uri, uint32_t cseq)
{
	text_write(w, "%s %s RTSP/1.0\r\n", method, uri);
	rtsp_write_header(w, "CSeq", "%u", cseq);
}

void rtsp_write_response(struct writer *w, unsigned status, const uint32_t *cseq)
{
	text_write(w, "RTSP/1.0 %u %s\r\n", status, rtsp_status_to_string(status));
	if (cseq)
		rtsp_write_header(w, "CSeq", "%u", *cseq);
}

void rtsp_write_header(struct writer *w, const char *name, const char *format, ...)
{
	char value[512];
	va_list ap;
	int size;

	va_start(ap, format);
	size = vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	if (size < 0 || (size_t)size >= sizeof(value))
		w->failed = true;
	text_write(w, "%s: %s\r\n", name, value);
}

void rtsp_write_end(struct writer *w, struct text body)
{
	if (body.size) {
		rtsp_write_header(w, "Content-Type", "text/parameters");
		rtsp_write_header(w, "Content-Length", "%zu", body.size);
	}
	text_write(w, "\r\n");
	writer_bytes(w, body.data, body.size);
}

/* ---- names ---- */

const char *rtsp_error_to_string(enum rtsp_error error)
{
	switch (error) {
	case RTSP_ERROR_NONE:
		return "no error";
	case RTSP_ERROR_START_LINE:
		return "the first line is not RTSP";
	case RTSP_ERROR_VERSION:
		return "the first line names another protocol than RTSP";
	case RTSP_ERROR_STATUS:
		return "the status is not a number from 100 to 599";
	case RTSP_ERROR_HEADER:
		return "a header line has no name or no colon";
	case RTSP_ERROR_TOO_MANY_HEADERS:
		return "too many headers";
	case RTSP_ERROR_HEAD_TOO_LONG:
		return "the headers are too long";
	case RTSP_ERROR_CONTENT_LENGTH:
		return "Content-Length is not a number";
	case RTSP_ERROR_BODY_TOO_LONG:
		return "the body is too long";
	case RTSP_ERROR_CONTROL_CHARACTER:
		return "a control character in the headers";
	}
	return "?";
}

const char *rtsp_method_to_string(enum rtsp_method method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].method == method && method != RTSP_METHOD_OTHER)
			return methods[i].name;
	return "?";
}

const char *rtsp_status_to_string(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 454:
		return "Session Not Found";
	case 455:
		return "Method Not Valid in This State";
	case 461:
		return "Unsupported Transport";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 505:
		return "RTSP Version Not Supported";
	case 551:
		return "Option Not Supported";
	}
	return "Unknown";
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* RTSP message syntax, RFC 2326 sections 4 to 7, as far as Wi-Fi Display uses it. */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

bool text_is(struct text t, const char *s)
{
	return t.at && strlen(s) == t.len && !strncasecmp(t.at, s, t.len);
}

bool text_starts(struct text t, const char *s)
{
	return t.at && t.len >= strlen(s) && !strncasecmp(t.at, s, strlen(s));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct text text_trim(struct text t)
{
	while (t.len && is_blank(t.at[0])) {
		t.at++;
		t.len--;
	}
	while (t.len && is_blank(t.at[t.len - 1]))
		t.len--;
	return t;
}

bool text_number(struct text t, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!t.len || t.len > 19)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(t.at[i] - '0');
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

bool text_line(struct text *rest, struct text *ret)
{
	const char *end;
	size_t len;

	if (!rest->len)
		return false;
	end = memchr(rest->at, '\n', rest->len);
	len = end ? (size_t)(end - rest->at) : rest->len;
	*ret = (struct text){ rest->at, len };
	if (len && rest->at[len - 1] == '\r')
		ret->len--;
	rest->at += len + (end ? 1 : 0);
	rest->len -= len + (end ? 1 : 0);
	return true;
}

void text_parameter(struct text line, struct text *ret_name, struct text *ret_value)
{
	const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;

	if (!colon) {
		*ret_name = text_trim(line);
		*ret_value = (struct text){ 0 };
		return;
	}
	*ret_name = text_trim((struct text){ line.at, (size_t)(colon - line.at) });
	*ret_value =
		text_trim((struct text){ colon + 1, line.len - (size_t)(colon - line.at) - 1 });
}

struct text text_attribute(struct text list, const char *name)
{
	size_t name_len = strlen(name);

	while (list.len) {
		const char *end = memchr(list.at, ';', list.len);
		size_t len = end ? (size_t)(end - list.at) : list.len;
		struct text item = text_trim((struct text){ list.at, len });

		if (text_starts(item, name) && item.len > name_len && item.at[name_len] == '=')
			return text_trim(
				(struct text){ item.at + name_len + 1, item.len - name_len - 1 });
		list.at += len + (end ? 1 : 0);
		list.len -= len + (end ? 1 : 0);
	}
	return (struct text){ 0 };
}

struct text message_header(const struct message *m, const char *name)
{
	for (size_t i = 0; i < m->headers_count; i++)
		if (text_is(m->headers[i].name, name))
			return m->headers[i].value;
	return (struct text){ 0 };
}

/* Takes the word before the next blank off *line. */
static struct text take_word(struct text *line)
{
	struct text word = { line->at, 0 };

	while (word.len < line->len && line->at[word.len] != ' ')
		word.len++;
	line->at += word.len;
	line->len -= word.len;
	*line = text_trim(*line);
	return word;
}

static int parse_start_line(struct text line, struct message *ret)
{
	struct text first = take_word(&line);
	uint64_t status;

	if (text_is(first, "RTSP/1.0")) {
		if (!text_number(take_word(&line), 999, &status) || status < 100)
			return -EBADMSG;
		ret->reply = true;
		ret->status = (unsigned)status;
		return 0;
	}
	ret->method = first;
	ret->uri = take_word(&line);
	if (!first.len || !ret->uri.len || !text_is(take_word(&line), "RTSP/1.0") || line.len)
		return -EBADMSG;
	return 0;
}

static int parse_header(struct text line, struct message *ret)
{
	struct header *h = &ret->headers[ret->headers_count];

	if (!memchr(line.at, ':', line.len))
		return -EBADMSG;
	text_parameter(line, &h->name, &h->value);
	if (!h->name.len || ret->headers_count + 1 > MESSAGE_HEADERS_MAX - 1)
		return -EBADMSG;
	ret->headers_count++;
	return 0;
}

/* Behind the headers: Content-Length and CSeq. */
static int parse_values(struct message *ret, uint64_t *ret_body)
{
	struct text length = message_header(ret, "Content-Length");
	struct text cseq = message_header(ret, "CSeq");

	*ret_body = 0;
	if (length.at && !text_number(length, MESSAGE_BODY_MAX, ret_body))
		return -EBADMSG;
	ret->have_cseq = cseq.at && text_number(cseq, UINT32_MAX, &ret->cseq);
	return 0;
}

ssize_t message_parse(const char *p, size_t len, struct message *ret)
{
	struct message m = { 0 };
	struct text rest = { p, len };
	struct text line;
	bool started = false;
	uint64_t body;
	int r;

	for (;;) {
		const char *before = rest.at;

		if (!rest.len || !memchr(rest.at, '\n', rest.len))
			return (size_t)(rest.at - p) + rest.len > MESSAGE_HEAD_MAX ? -EBADMSG : 0;
		text_line(&rest, &line);
		if ((size_t)(rest.at - p) > MESSAGE_HEAD_MAX)
			return -EBADMSG;
		if (rest.at - before < 2 || rest.at[-2] != '\r')
			m.sloppy = true;
		if (!line.len && !started)
			continue; /* empty lines in front of a message */
		if (!line.len)
			break;
		r = started ? parse_header(line, &m) : parse_start_line(line, &m);
		if (r < 0)
			return r;
		started = true;
	}
	r = parse_values(&m, &body);
	if (r < 0)
		return r;
	if (rest.len < body)
		return 0;
	m.body = (struct text){ rest.at, body };
	*ret = m;
	return (ssize_t)((size_t)(rest.at - p) + body);
}

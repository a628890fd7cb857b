// SPDX-License-Identifier: GPL-2.0-or-later
/* The exchange's messages out: put together from the usual form and what the profile changes in it. */
#include "rtsp-private.h"
#include "rtsp-check.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static void send_extra(struct rtsp *rtsp, enum message_name behind);

void rtsp_record(struct rtsp *rtsp, bool out, bool reply, const char *name, uint64_t cseq,
		 unsigned status)
{
	struct rtsp_entry *entry;

	if (rtsp->facts.entries_count == RTSP_ENTRIES_MAX)
		return;
	entry = &rtsp->facts.entries[rtsp->facts.entries_count++];
	*entry = (struct rtsp_entry){ .t_us = rtsp->now_us - rtsp->config.start_us,
				      .out = out,
				      .reply = reply,
				      .cseq = cseq,
				      .status = status };
	snprintf(entry->name, sizeof(entry->name), "%s", name);
}

/* The text with our port for each {port}. */
static void write_filled(const struct rtsp *rtsp, FILE *out, struct text t)
{
	while (t.at && t.len) {
		const char *place = memmem(t.at, t.len, "{port}", 6);
		size_t len = place ? (size_t)(place - t.at) : t.len;

		fwrite(t.at, 1, len, out);
		if (place) {
			fprintf(out, "%u", rtsp->config.client_port);
			len += 6;
		}
		t.at += len;
		t.len -= len;
	}
}

static size_t filled_size(const struct rtsp *rtsp, struct text t)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);

	if (!out)
		return t.len;
	write_filled(rtsp, out, t);
	fclose(out);
	free(bytes);
	return len;
}

static void add_body(const struct rtsp *rtsp, FILE *out, struct text header, struct text body)
{
	const struct text type = rtsp->p->content_type;

	if (header.len)
		fprintf(out, "%.*s\r\n", SHOW(header));
	if (body.len)
		fprintf(out, "Content-Type: %.*s\r\nContent-Length: %zu\r\n",
			type.at ? (int)type.len : 15, type.at ? type.at : "text/parameters",
			filled_size(rtsp, body));
	fputs("\r\n", out);
	if (body.len)
		write_filled(rtsp, out, body);
}

/* The names of all header lines; the start line and the values stay. */
static void lower_names(char *bytes, size_t len)
{
	char *line = bytes ? memchr(bytes, '\n', len) : NULL;

	while (line && ++line < bytes + len && *line != '\r') {
		for (; *line != ':' && *line != '\r' && line < bytes + len; line++)
			*line = (char)tolower((unsigned char)*line);
		line = memchr(line, '\n', (size_t)(bytes + len - line));
	}
}

static void send_bytes(struct rtsp *rtsp, enum message_name name, char *bytes, size_t len,
		       uint64_t delay_us, bool joined)
{
	int r;

	if (rtsp->p->lower_case_headers)
		lower_names(bytes, len);
	r = bytes ? wire_send(rtsp->wire, name, bytes, len, rtsp->now_us, delay_us, joined)
		  : -ENOMEM;

	free(bytes);
	if (r < 0)
		rtsp_finish(rtsp, false, "cannot send: %s", strerror(-r));
}

static void add_pending(struct rtsp *rtsp, enum message_name name, uint64_t delay_us)
{
	for (size_t i = 0; i < PENDING_MAX; i++) {
		if (rtsp->pending[i].used)
			continue;
		rtsp->pending[i] = (struct pending){ .used = true,
						     .cseq = rtsp->cseq,
						     .name = name,
						     .sent_us = rtsp->now_us + delay_us };
		return;
	}
}

bool rtsp_send_request(struct rtsp *rtsp, struct request q)
{
	const struct directive *d = profile_take(rtsp->p, DIRECTIVE_REQUEST, q.name);
	uint64_t delay_us = d ? d->delay_us : 0;
	char *bytes = NULL;
	size_t len = 0;
	FILE *out;

	if (d && d->none)
		return false;
	out = open_memstream(&bytes, &len);
	if (!out) {
		rtsp_finish(rtsp, false, "cannot send: %s", strerror(errno));
		return false;
	}
	if (d && d->uri.at)
		q.uri = d->uri;
	if (d && d->body.at)
		q.body = d->body;
	fprintf(out, "%.*s %.*s RTSP/1.0\r\nCSeq: %u\r\n",
		d && d->method.at ? (int)d->method.len : (int)strlen(q.method),
		d && d->method.at ? d->method.at : q.method, SHOW(q.uri), rtsp->cseq);
	if (rtsp->p->user_agent.at)
		fprintf(out, "User-Agent: %.*s\r\n", SHOW(rtsp->p->user_agent));
	if (q.require)
		fputs("Require: org.wfa.wfd1.0\r\n", out);
	if (q.session && rtsp->facts.session[0] && !rtsp->p->no_session_in_requests) {
		fprintf(out, "Session: %s", rtsp->facts.session);
		if (rtsp->p->timeout_in_requests)
			fprintf(out, ";timeout=%u", rtsp->facts.timeout_s);
		fputs("\r\n", out);
	}
	if (d && d->transport.at) {
		fputs("Transport: ", out);
		write_filled(rtsp, out, d->transport);
		fputs("\r\n", out);
	} else if (q.header.len) {
		fprintf(out, "%.*s\r\n", SHOW(q.header));
	}
	add_body(rtsp, out, d ? d->header : (struct text){ 0 }, q.body);
	fclose(out);
	rtsp_record(rtsp, true, false, message_name_to_string(q.name), rtsp->cseq, 0);
	add_pending(rtsp, q.name, delay_us);
	rtsp->cseq++;
	if (rtsp->p->have_cseq_restart && message_name_covers(rtsp->p->cseq_restart, q.name))
		rtsp->cseq = rtsp->p->cseq_start;
	send_bytes(rtsp, q.name, bytes, len, delay_us, q.joined);
	send_extra(rtsp, q.name);
	return true;
}

/* What the profile adds behind a message of ours. */
static void send_extra(struct rtsp *rtsp, enum message_name behind)
{
	const struct directive *d;
	size_t index = 0;

	if (behind == MESSAGE_OTHER)
		return;
	while ((d = profile_take_next(rtsp->p, DIRECTIVE_SEND, behind, &index))) {
		unsigned long count = d->count ? d->count : 1;
		char method[64];

		text_copy(method, sizeof(method), d->method);
		for (unsigned long i = 0; i < count && rtsp->state != RTSP_ENDED; i++)
			rtsp_send_request(
				rtsp,
				(struct request){
					.name = MESSAGE_OTHER,
					.method = method,
					.uri = d->uri.at ? d->uri
							 : text_from("rtsp://localhost/wfd1.0"),
					.header = d->header,
					.body = d->body,
					.session = true,
					.joined = d->joined });
	}
}

static const char *reason(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 303:
		return "See Other";
	case 405:
		return "Method Not Allowed";
	case 454:
		return "Session Not Found";
	}
	return "Sorry";
}

unsigned rtsp_send_reply(struct rtsp *rtsp, enum message_name name, const struct message *m,
			 unsigned status, const char *header, struct text body)
{
	const struct directive *d = profile_take(rtsp->p, DIRECTIVE_REPLY, name);
	char *bytes = NULL;
	size_t len = 0;
	FILE *out;

	if (d && d->none)
		return 0;
	out = open_memstream(&bytes, &len);
	if (!out) {
		rtsp_finish(rtsp, false, "cannot send: %s", strerror(errno));
		return 0;
	}
	if (d && d->status)
		status = d->status;
	if (d && d->body.at)
		body = d->body;
	fprintf(out, "RTSP/1.0 %u ", status);
	if (d && d->reason.at)
		fprintf(out, "%.*s", SHOW(d->reason));
	else
		fputs(reason(status), out);
	fputs("\r\n", out);
	if (m->have_cseq)
		fprintf(out, "CSeq: %llu\r\n", (unsigned long long)m->cseq);
	if (rtsp->p->user_agent.at)
		fprintf(out, "User-Agent: %.*s\r\n", SHOW(rtsp->p->user_agent));
	if (rtsp->facts.session[0] && !rtsp->p->no_session_in_replies)
		fprintf(out, "Session: %s\r\n", rtsp->facts.session);
	fputs(header, out);
	add_body(rtsp, out, d ? d->header : (struct text){ 0 }, body);
	fclose(out);
	rtsp_record(rtsp, true, true, message_name_to_string(name), m->cseq, status);
	send_bytes(rtsp, name, bytes, len, d ? d->delay_us : 0, false);
	send_extra(rtsp, name);
	return status;
}

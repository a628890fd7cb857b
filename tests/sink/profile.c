// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The profile language, read strictly: each line is a comment, a parameter that goes out word for
 * word, or a directive out of one of the two tables below.
 */
#include "profile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX   (1U << 20)
#define TOKENS_MAX 16

static const char default_profile[] =
	"wfd_video_formats: 40 00 02 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none, "
	"01 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none\n"
	"wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00\n"
	"wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play\n"
	"wfd_content_protection: none\n"
	"wfd_display_edid: none\n"
	"wfd_connector_type: 05\n"
	"wfd_idr_request_capability: 1\n"
	"wfd_standby_resume_capability: supported\n"
	"wfd_uibc_capability: none\n"
	"wfd_coupled_sink: none\n";

static const char *const message_names[MESSAGE_NAMES] = {
	[MESSAGE_M1] = "M1",
	[MESSAGE_M2] = "M2",
	[MESSAGE_M3] = "M3",
	[MESSAGE_M4] = "M4",
	[MESSAGE_M5] = "M5",
	[MESSAGE_M5_SETUP] = "M5-SETUP",
	[MESSAGE_M5_PLAY] = "M5-PLAY",
	[MESSAGE_M5_PAUSE] = "M5-PAUSE",
	[MESSAGE_M5_TEARDOWN] = "M5-TEARDOWN",
	[MESSAGE_M6] = "M6",
	[MESSAGE_M7] = "M7",
	[MESSAGE_M8] = "M8",
	[MESSAGE_M9] = "M9",
	[MESSAGE_M10] = "M10",
	[MESSAGE_M11] = "M11",
	[MESSAGE_M12] = "M12",
	[MESSAGE_M13] = "M13",
	[MESSAGE_M14] = "M14",
	[MESSAGE_M15] = "M15",
	[MESSAGE_M16] = "M16",
	[MESSAGE_KEEPALIVE] = "KEEPALIVE",
	[MESSAGE_OTHER] = "OTHER",
};

/* Options of the directives that belong to a message, `key=value` or a bare word. */
enum option {
	OPTION_DELAY,
	OPTION_EVERY,
	OPTION_STATUS,
	OPTION_REASON,
	OPTION_BODY,
	OPTION_HEADER,
	OPTION_URI,
	OPTION_TRANSPORT,
	OPTION_METHOD,
	OPTION_SKIP,
	OPTION_COUNT,
	OPTION_NONE,
	OPTION_HOLD,
	OPTIONS,
};

#define BIT(option) (1U << (option))

static const struct {
	const char *name;
	bool word; /* stands alone */
} options[OPTIONS] = {
	[OPTION_DELAY] = { "delay" },
	[OPTION_EVERY] = { "every" },
	[OPTION_STATUS] = { "status" },
	[OPTION_REASON] = { "reason" },
	[OPTION_BODY] = { "body" },
	[OPTION_HEADER] = { "header" },
	[OPTION_URI] = { "uri" },
	[OPTION_TRANSPORT] = { "transport" },
	[OPTION_METHOD] = { "method" },
	[OPTION_SKIP] = { "skip" },
	[OPTION_COUNT] = { "count" },
	[OPTION_NONE] = { "none", true },
	[OPTION_HOLD] = { "hold", true },
};

#define TIMES (BIT(OPTION_SKIP) | BIT(OPTION_COUNT))

/* Directives that belong to a message. */
static const struct {
	const char *name;
	bool bytes;      /* a number follows the message */
	bool data;       /* a string may follow the message */
	unsigned allowed;
} kinds[DIRECTIVE_KINDS] = {
	[DIRECTIVE_REPLY] = { "reply", .allowed = TIMES | BIT(OPTION_DELAY) | BIT(OPTION_STATUS) |
						  BIT(OPTION_REASON) | BIT(OPTION_BODY) |
						  BIT(OPTION_HEADER) | BIT(OPTION_NONE) },
	[DIRECTIVE_REQUEST] = { "request", .allowed = TIMES | BIT(OPTION_DELAY) |
						      BIT(OPTION_URI) | BIT(OPTION_TRANSPORT) |
						      BIT(OPTION_BODY) | BIT(OPTION_HEADER) |
						      BIT(OPTION_METHOD) | BIT(OPTION_NONE) },
	[DIRECTIVE_GARBAGE_BEFORE] = { "garbage-before", .data = true, .allowed = TIMES },
	[DIRECTIVE_GARBAGE_AFTER] = { "garbage-after", .data = true, .allowed = TIMES },
	[DIRECTIVE_CUT] = { "cut", .bytes = true, .allowed = TIMES | BIT(OPTION_HOLD) },
	[DIRECTIVE_SPLIT] = { "split", .bytes = true, .allowed = TIMES | BIT(OPTION_DELAY) |
								 BIT(OPTION_EVERY) },
	[DIRECTIVE_TWICE] = { "twice", .allowed = TIMES },
	[DIRECTIVE_SEND] = { "send-after", .allowed = BIT(OPTION_SKIP) | BIT(OPTION_COUNT) |
						      BIT(OPTION_DELAY) | BIT(OPTION_METHOD) |
						      BIT(OPTION_URI) | BIT(OPTION_BODY) |
						      BIT(OPTION_HEADER) },
	[DIRECTIVE_CLOSE_AFTER] = { "close-after", .allowed = TIMES | BIT(OPTION_DELAY) },
	[DIRECTIVE_RESET_AFTER] = { "reset-after", .allowed = TIMES | BIT(OPTION_DELAY) },
	[DIRECTIVE_HALF_CLOSE_AFTER] = { "half-close-after",
					 .allowed = TIMES | BIT(OPTION_DELAY) },
	[DIRECTIVE_SILENT_AFTER] = { "silent-after", .allowed = TIMES },
	[DIRECTIVE_DEAF_AFTER] = { "deaf-after", .allowed = TIMES },
};

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

static int __attribute__((format(printf, 2, 3))) complain(struct reader *r, const char *format, ...)
{
	va_list ap;

	fprintf(r->errors, "%s:%u: ", r->file, r->line);
	va_start(ap, format);
	vfprintf(r->errors, format, ap);
	va_end(ap);
	fputc('\n', r->errors);
	return -EINVAL;
}

#define SHOW(t) (int)(t).len, (t).at

const char *message_name_to_string(enum message_name name)
{
	return message_names[name];
}

bool message_name_covers(enum message_name of, enum message_name name)
{
	return of == name ||
	       (of == MESSAGE_M5 && name > MESSAGE_M5 && name <= MESSAGE_M5_TEARDOWN);
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
			return complain(r, "unknown escape \\%c, allowed: \\r \\n \\t \\0 \\\\ \\\" "
					   "\\xHH", *p);
		*r->free_bytes++ = values[escape - escapes];
	}
	if (p >= end)
		return complain(r, "the string has no end");
	*ret = (struct text){ start, (size_t)(r->free_bytes - start) };
	*ret_end = p + 1;
	return 0;
}

/* Splits a directive into words; key="string" becomes one token `key=` and one quoted token. */
static int read_tokens(struct reader *r, struct text line)
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
			return complain(r, "more than %d words", TOKENS_MAX);
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

static int read_message(struct reader *r, size_t index, enum message_name *ret)
{
	if (index < r->count) {
		for (int i = 0; i < MESSAGE_NAMES; i++) {
			if (text_is(r->tokens[index], message_names[i])) {
				*ret = (enum message_name)i;
				return 0;
			}
		}
		complain(r, "%.*s is not a message", SHOW(r->tokens[index]));
	}
	return complain(r, "wants a message: M1 to M16, M5-SETUP, M5-PLAY, M5-PAUSE, M5-TEARDOWN, "
			   "KEEPALIVE, OTHER");
}

static int read_number(struct reader *r, struct text t, unsigned long min, unsigned long max,
		       unsigned long *ret)
{
	uint64_t value;

	if (!text_number(t, max, &value) || value < min)
		return complain(r, "%.*s is not a number from %lu to %lu", SHOW(t), min, max);
	*ret = value;
	return 0;
}

/* 2500ms or 5s; a bare number is of the unit that its place suggests. */
static int read_time(struct reader *r, struct text t, uint64_t unit_us, uint64_t *ret)
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
		return complain(r, "%.*s is not a time, like 2500ms or 5s", SHOW(t));
	*ret = value * unit_us;
	return 0;
}

/* --- directives that belong to a message --- */

static int set_option(struct reader *r, struct directive *d, enum option option, struct text value)
{
	unsigned long number = 0;
	int ret;

	switch (option) {
	case OPTION_DELAY:
		return read_time(r, value, 1000, &d->delay_us);
	case OPTION_EVERY:
		return read_time(r, value, 1000, &d->every_us);
	case OPTION_STATUS:
		ret = read_number(r, value, 0, 9999, &number);
		if (ret < 0)
			return ret;
		d->status = (unsigned)number;
		return 0;
	case OPTION_REASON:
		d->reason = value;
		return 0;
	case OPTION_BODY:
		d->body = value;
		return 0;
	case OPTION_HEADER:
		d->header = value;
		return 0;
	case OPTION_URI:
		d->uri = value;
		return 0;
	case OPTION_TRANSPORT:
		d->transport = value;
		return 0;
	case OPTION_METHOD:
		d->method = value;
		return 0;
	case OPTION_SKIP:
		return read_number(r, value, 0, 1000000, &d->skip);
	case OPTION_COUNT:
		return read_number(r, value, 1, 1000000, &d->count);
	case OPTION_NONE:
		d->none = true;
		return 0;
	case OPTION_HOLD:
		d->hold = true;
		return 0;
	case OPTIONS:
		break;
	}
	return -EINVAL;
}

static int complain_option(struct reader *r, const char *directive, struct text token,
			   unsigned allowed)
{
	fprintf(r->errors, "%s:%u: @%s does not know %.*s, allowed:", r->file, r->line, directive,
		SHOW(token));
	for (int i = 0; i < OPTIONS; i++)
		if (allowed & BIT(i))
			fprintf(r->errors, " %s%s", options[i].name, options[i].word ? "" : "=");
	fputc('\n', r->errors);
	return -EINVAL;
}

static int read_option(struct reader *r, struct directive *d, size_t *index)
{
	struct text token = r->tokens[*index];
	unsigned allowed = kinds[d->kind].allowed;

	for (int i = 0; i < OPTIONS; i++) {
		size_t len = strlen(options[i].name);
		struct text value = { token.at + len + 1, token.len - len - 1 };

		if (!(allowed & BIT(i)) || r->quoted[*index])
			continue;
		if (options[i].word && text_is(token, options[i].name)) {
			(*index)++;
			return set_option(r, d, (enum option)i, (struct text){ 0 });
		}
		if (options[i].word || !text_starts(token, options[i].name) || token.len <= len ||
		    token.at[len] != '=')
			continue;
		(*index)++;
		if (!value.len) {
			if (*index == r->count || !r->quoted[*index])
				return complain(r, "%s= wants a value", options[i].name);
			value = r->tokens[(*index)++];
		}
		return set_option(r, d, (enum option)i, value);
	}
	return complain_option(r, kinds[d->kind].name, token, allowed);
}

static int read_message_directive(struct reader *r, enum directive_kind kind)
{
	struct directive d = { .kind = kind };
	size_t index = 2;
	int ret;

	if (r->p->directives_count == PROFILE_DIRECTIVES_MAX)
		return complain(r, "more than %d directives", PROFILE_DIRECTIVES_MAX);
	ret = read_message(r, 1, &d.message);
	if (ret < 0)
		return ret;
	if (kinds[kind].bytes) {
		if (index == r->count)
			return complain(r, "@%s wants a number of bytes", kinds[kind].name);
		ret = read_number(r, r->tokens[index++], 0, 1000000, &d.bytes);
		if (ret < 0)
			return ret;
	}
	if (kinds[kind].data) {
		d.data = (struct text){ "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 13 };
		if (index < r->count && r->quoted[index])
			d.data = r->tokens[index++];
	}
	while (index < r->count) {
		ret = read_option(r, &d, &index);
		if (ret < 0)
			return ret;
	}
	if (kind == DIRECTIVE_SEND && !d.method.at)
		return complain(r, "@send-after wants method=");
	r->p->directives[r->p->directives_count++] = d;
	return 0;
}

/* --- directives that stand for themselves --- */

static int want_words(struct reader *r, size_t words)
{
	if (r->count == words + 1)
		return 0;
	return complain(r, "%.*s wants %zu word%s", SHOW(r->tokens[0]), words,
			words == 1 ? "" : "s");
}

static int read_flag(struct reader *r, bool *ret)
{
	int ret_words = want_words(r, 0);

	if (ret_words == 0)
		*ret = true;
	return ret_words;
}

static int read_text(struct reader *r, struct text *ret)
{
	if (r->count != 2 || !r->quoted[1])
		return complain(r, "%.*s wants a string in quotes", SHOW(r->tokens[0]));
	*ret = r->tokens[1];
	return 0;
}

/* key=TIME words, each at most once; `keys` ends with NULL. */
static int read_times(struct reader *r, size_t from, const char *const keys[],
		      uint64_t *const values[])
{
	for (size_t i = from; i < r->count; i++) {
		struct text token = r->tokens[i];
		size_t k = 0;
		int ret;

		while (keys[k] && !(text_starts(token, keys[k]) && token.len > strlen(keys[k]) &&
				    token.at[strlen(keys[k])] == '='))
			k++;
		if (!keys[k]) {
			fprintf(r->errors, "%s:%u: %.*s does not know %.*s, allowed:", r->file,
				r->line, SHOW(r->tokens[0]), SHOW(token));
			for (k = 0; keys[k]; k++)
				fprintf(r->errors, " %s=TIME", keys[k]);
			fputc('\n', r->errors);
			return -EINVAL;
		}
		token.at += strlen(keys[k]) + 1;
		token.len -= strlen(keys[k]) + 1;
		ret = read_time(r, token, 1000000, values[k]);
		if (ret < 0)
			return ret;
		if (!*values[k])
			*values[k] = 1; /* 0 means never */
	}
	return 0;
}

static int read_after_for(struct reader *r, uint64_t *after, uint64_t *lasting)
{
	static const char *const keys[] = { "after", "for", NULL };
	uint64_t *const values[] = { after, lasting };

	*lasting = 1000000;
	if (r->count < 2)
		return complain(r, "%.*s wants after=TIME", SHOW(r->tokens[0]));
	return read_times(r, 1, keys, values);
}

static int on_order(struct reader *r)
{
	if (want_words(r, 1) < 0)
		return -EINVAL;
	if (text_is(r->tokens[1], "M1-first"))
		r->p->order = ORDER_M1_FIRST;
	else if (text_is(r->tokens[1], "M2-first"))
		r->p->order = ORDER_M2_FIRST;
	else if (text_is(r->tokens[1], "together"))
		r->p->order = ORDER_TOGETHER;
	else
		return complain(r, "@order does not know %.*s, allowed: M1-first M2-first together",
				SHOW(r->tokens[1]));
	return 0;
}

static int on_cseq_start(struct reader *r)
{
	unsigned long number = 0;
	int ret = want_words(r, 1);

	if (ret == 0)
		ret = read_number(r, r->tokens[1], 0, UINT32_MAX, &number);
	if (ret == 0)
		r->p->cseq_start = (uint32_t)number;
	return ret;
}

static int on_cseq_restart(struct reader *r)
{
	int ret = want_words(r, 1);

	if (ret == 0)
		ret = read_message(r, 1, &r->p->cseq_restart);
	if (ret == 0)
		r->p->have_cseq_restart = true;
	return ret;
}

static int on_one_message_per_recv(struct reader *r)
{
	return read_flag(r, &r->p->one_message_per_recv);
}

static int on_session_timeout_in_requests(struct reader *r)
{
	return read_flag(r, &r->p->timeout_in_requests);
}

static int on_no_session_in_requests(struct reader *r)
{
	return read_flag(r, &r->p->no_session_in_requests);
}

static int on_no_session_in_replies(struct reader *r)
{
	return read_flag(r, &r->p->no_session_in_replies);
}

static int on_missing(struct reader *r)
{
	if (want_words(r, 1) < 0)
		return -EINVAL;
	if (!text_is(r->tokens[1], "none") && !text_is(r->tokens[1], "omit"))
		return complain(r, "@missing does not know %.*s, allowed: none omit",
				SHOW(r->tokens[1]));
	r->p->missing_none = text_is(r->tokens[1], "none");
	return 0;
}

static int on_client_port(struct reader *r)
{
	unsigned long number = 0;
	int ret = want_words(r, 1);

	if (ret == 0)
		ret = read_number(r, r->tokens[1], 1, 65535, &number);
	if (ret == 0)
		r->p->client_port = (unsigned)number;
	return ret;
}

static int on_rtcp_port(struct reader *r)
{
	return read_flag(r, &r->p->rtcp_port);
}

static int on_keepalive(struct reader *r)
{
	static const char *const keys[] = { "every", NULL };
	uint64_t *const values[] = { &r->p->keepalive_us };

	r->p->keepalive_us = 5000000;
	if (r->count < 2)
		return complain(r, "@keepalive wants get-parameter, set-parameter or options");
	if (text_is(r->tokens[1], "get-parameter"))
		r->p->keepalive_method = (struct text){ "GET_PARAMETER", 13 };
	else if (text_is(r->tokens[1], "set-parameter"))
		r->p->keepalive_method = (struct text){ "SET_PARAMETER", 13 };
	else if (text_is(r->tokens[1], "options"))
		r->p->keepalive_method = (struct text){ "OPTIONS", 7 };
	else
		return complain(r, "@keepalive does not know %.*s, allowed: get-parameter "
				   "set-parameter options", SHOW(r->tokens[1]));
	return read_times(r, 2, keys, values);
}

static int on_public(struct reader *r)
{
	return read_text(r, &r->p->public);
}

static int on_user_agent(struct reader *r)
{
	return read_text(r, &r->p->user_agent);
}

static int on_ignore(struct reader *r)
{
	enum message_name name;
	int ret = want_words(r, 1);

	if (ret == 0)
		ret = read_message(r, 1, &name);
	if (ret < 0)
		return ret;
	if (!message_name_covers(MESSAGE_M5, name))
		return complain(r, "@ignore-trigger knows only M5, M5-SETUP, M5-PLAY, M5-PAUSE, "
				   "M5-TEARDOWN");
	for (int i = 0; i < MESSAGE_NAMES; i++)
		if (message_name_covers(name, (enum message_name)i))
			r->p->ignore[i] = true;
	return 0;
}

static int on_idr(struct reader *r)
{
	static const char *const keys[] = { "after", "every", NULL };
	uint64_t *const values[] = { &r->p->idr_after_us, &r->p->idr_every_us };
	struct text last = r->tokens[r->count - 1];
	int ret;

	r->p->idr_burst = 1;
	if (text_starts(last, "burst=")) {
		ret = read_number(r, (struct text){ last.at + 6, last.len - 6 }, 1, 1000,
				  &r->p->idr_burst);
		if (ret < 0)
			return ret;
		r->count--;
	}
	if (r->count < 2)
		return complain(r, "@idr wants after=TIME, every=TIME, then burst=N");
	return read_times(r, 1, keys, values);
}

static int on_pause(struct reader *r)
{
	return read_after_for(r, &r->p->pause_after_us, &r->p->pause_for_us);
}

static int on_standby(struct reader *r)
{
	return read_after_for(r, &r->p->standby_after_us, &r->p->standby_for_us);
}

static int on_teardown(struct reader *r)
{
	static const char *const keys[] = { "after", NULL };
	uint64_t *const values[] = { &r->p->teardown_after_us };

	if (r->count < 2)
		return complain(r, "@teardown wants after=TIME");
	return read_times(r, 1, keys, values);
}

/* clang-format off */
static const struct {
	const char *name;
	int (*read)(struct reader *r);
} plain[] = {
	{ "order",                      on_order },
	{ "cseq-start",                 on_cseq_start },
	{ "cseq-restart-after",         on_cseq_restart },
	{ "one-message-per-recv",       on_one_message_per_recv },
	{ "session-timeout-in-requests", on_session_timeout_in_requests },
	{ "no-session-in-requests",     on_no_session_in_requests },
	{ "no-session-in-replies",      on_no_session_in_replies },
	{ "missing",                    on_missing },
	{ "client-port",                on_client_port },
	{ "rtcp-port",                  on_rtcp_port },
	{ "keepalive",                  on_keepalive },
	{ "public",                     on_public },
	{ "user-agent",                 on_user_agent },
	{ "ignore-trigger",             on_ignore },
	{ "idr",                        on_idr },
	{ "pause",                      on_pause },
	{ "standby",                    on_standby },
	{ "teardown",                   on_teardown },
};
/* clang-format on */

static int read_directive(struct reader *r, struct text line)
{
	struct text name;
	int ret = read_tokens(r, line);

	if (ret < 0)
		return ret;
	name = (struct text){ r->tokens[0].at + 1, r->tokens[0].len - 1 };
	for (int i = 0; i < DIRECTIVE_KINDS; i++)
		if (text_is(name, kinds[i].name))
			return read_message_directive(r, (enum directive_kind)i);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (text_is(name, plain[i].name))
			return plain[i].read(r);
	fprintf(r->errors, "%s:%u: unknown directive @%.*s, allowed:", r->file, r->line,
		SHOW(name));
	for (int i = 0; i < DIRECTIVE_KINDS; i++)
		fprintf(r->errors, " @%s", kinds[i].name);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		fprintf(r->errors, " @%s", plain[i].name);
	fputc('\n', r->errors);
	return -EINVAL;
}

static int read_parameter(struct reader *r, struct text line)
{
	struct parameter *parameter = &r->p->parameters[r->p->parameters_count];
	struct text value;

	if (!memchr(line.at, ':', line.len))
		return complain(r, "neither a parameter (name: value) nor a directive (@name) nor a "
				   "comment (#)");
	if (r->p->parameters_count == PROFILE_PARAMETERS_MAX)
		return complain(r, "more than %d parameters", PROFILE_PARAMETERS_MAX);
	text_parameter(line, &parameter->name, &value);
	if (!parameter->name.len)
		return complain(r, "a parameter without a name");
	parameter->line = line;
	r->p->parameters_count++;
	return 0;
}

/* --- the whole --- */

int profile_parse(const char *name, const char *bytes, size_t len, FILE *errors,
		  struct profile **ret)
{
	struct profile *p = calloc(1, sizeof(*p));
	struct reader r = { .file = name, .errors = errors, .p = p };
	struct text rest, line;
	int result = 0;

	if (!p)
		return -ENOMEM;
	/* The text itself, and room for its strings without their escapes: never longer. */
	p->bytes = malloc(2 * len + 1);
	if (!p->bytes) {
		profile_free(p);
		return -ENOMEM;
	}
	memcpy(p->bytes, bytes, len);
	r.free_bytes = p->bytes + len;
	p->cseq_start = 1;
	p->public = (struct text){ "org.wfa.wfd1.0, GET_PARAMETER, SET_PARAMETER", 44 };
	rest = (struct text){ p->bytes, len };
	while (result == 0 && text_line(&rest, &line)) {
		struct text trimmed = text_trim(line);

		r.line++;
		if (line.len > PROFILE_LINE_MAX)
			result = complain(&r, "the line is longer than %d bytes", PROFILE_LINE_MAX);
		else if (!trimmed.len || trimmed.at[0] == '#')
			continue;
		else if (trimmed.at[0] == '@')
			result = read_directive(&r, trimmed);
		else
			result = read_parameter(&r, line);
	}
	if (result < 0) {
		profile_free(p);
		return result;
	}
	*ret = p;
	return 0;
}

int profile_open(const char *path, FILE *errors, struct profile **ret)
{
	FILE *file = fopen(path, "re");
	char *bytes;
	size_t len;
	int r;

	if (!file) {
		r = -errno;
		fprintf(errors, "%s: cannot open the profile: %s\n", path, strerror(-r));
		return r;
	}
	bytes = malloc(FILE_MAX);
	len = bytes ? fread(bytes, 1, FILE_MAX, file) : 0;
	if (!bytes)
		r = -ENOMEM;
	else if (ferror(file) || len == FILE_MAX)
		r = -EFBIG;
	else
		r = profile_parse(path, bytes, len, errors, ret);
	if (r == -EFBIG)
		fprintf(errors, "%s: cannot be read, or is over %u bytes\n", path, FILE_MAX);
	free(bytes);
	fclose(file);
	return r;
}

int profile_new_default(struct profile **ret)
{
	return profile_parse("default", default_profile, sizeof(default_profile) - 1, stderr, ret);
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	free(p->bytes);
	free(p);
}

const struct parameter *profile_find_parameter(const struct profile *p, struct text name)
{
	for (size_t i = 0; i < p->parameters_count; i++) {
		struct text own = p->parameters[i].name;

		if (own.len == name.len && !strncasecmp(own.at, name.at, own.len))
			return &p->parameters[i];
	}
	return NULL;
}

const struct directive *profile_take_next(struct profile *p, enum directive_kind kind,
					  enum message_name message, size_t *index)
{
	while (*index < p->directives_count) {
		struct directive *d = &p->directives[(*index)++];

		if (d->kind != kind || !message_name_covers(d->message, message))
			continue;
		d->seen++;
		/* Of @send-after, count says how many at once. */
		if (d->seen > d->skip &&
		    (!d->count || kind == DIRECTIVE_SEND || d->seen <= d->skip + d->count))
			return d;
	}
	return NULL;
}

const struct directive *profile_take(struct profile *p, enum directive_kind kind,
				     enum message_name message)
{
	const struct directive *found = NULL;
	const struct directive *d;
	size_t index = 0;

	while ((d = profile_take_next(p, kind, message, &index)))
		found = found ? found : d;
	return found;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The directives of the profile language: one table of those that belong to a message, one of those
 * that stand for themselves. */
#include "profile-private.h"

#include <errno.h>
#include <string.h>

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
	OPTION_JOINED,
	OPTIONS,
};

#define BIT(option) (1U << (option))

/* clang-format off */
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
	[OPTION_JOINED] = { "joined", true },
};
/* clang-format on */

#define TIMES (BIT(OPTION_SKIP) | BIT(OPTION_COUNT))

/* Directives that belong to a message. */
static const struct {
	const char *name;
	bool bytes; /* a number follows the message */
	bool data;  /* a string may follow the message */
	unsigned allowed;
} kinds[DIRECTIVE_KINDS] = {
	[DIRECTIVE_REPLY] = { "reply", .allowed = TIMES | BIT(OPTION_DELAY) | BIT(OPTION_STATUS) |
						  BIT(OPTION_REASON) | BIT(OPTION_BODY) |
						  BIT(OPTION_HEADER) | BIT(OPTION_NONE) },
	[DIRECTIVE_REQUEST] = { "request", .allowed = TIMES | BIT(OPTION_DELAY) | BIT(OPTION_URI) |
						      BIT(OPTION_TRANSPORT) | BIT(OPTION_BODY) |
						      BIT(OPTION_HEADER) | BIT(OPTION_METHOD) |
						      BIT(OPTION_NONE) },
	[DIRECTIVE_GARBAGE_BEFORE] = { "garbage-before", .data = true, .allowed = TIMES },
	[DIRECTIVE_GARBAGE_AFTER] = { "garbage-after", .data = true, .allowed = TIMES },
	[DIRECTIVE_CUT] = { "cut", .bytes = true, .allowed = TIMES | BIT(OPTION_HOLD) },
	[DIRECTIVE_SPLIT] = { "split", .bytes = true,
			      .allowed = TIMES | BIT(OPTION_DELAY) | BIT(OPTION_EVERY) },
	[DIRECTIVE_TWICE] = { "twice", .allowed = TIMES },
	[DIRECTIVE_SEND] = { "send-after", .allowed = BIT(OPTION_SKIP) | BIT(OPTION_COUNT) |
						      BIT(OPTION_DELAY) | BIT(OPTION_METHOD) |
						      BIT(OPTION_URI) | BIT(OPTION_BODY) |
						      BIT(OPTION_HEADER) | BIT(OPTION_JOINED) },
	[DIRECTIVE_CLOSE_AFTER] = { "close-after", .allowed = TIMES | BIT(OPTION_DELAY) },
	[DIRECTIVE_RESET_AFTER] = { "reset-after", .allowed = TIMES | BIT(OPTION_DELAY) },
	[DIRECTIVE_HALF_CLOSE_AFTER] = { "half-close-after", .allowed = TIMES | BIT(OPTION_DELAY) },
	[DIRECTIVE_SILENT_AFTER] = { "silent-after", .allowed = TIMES },
	[DIRECTIVE_DEAF_AFTER] = { "deaf-after", .allowed = TIMES },
};

/* --- directives that belong to a message --- */

static int set_option(struct reader *r, struct directive *d, enum option option, struct text value)
{
	unsigned long number = 0;
	int ret;

	switch (option) {
	case OPTION_DELAY:
		return reader_time(r, value, 1000, &d->delay_us);
	case OPTION_EVERY:
		return reader_time(r, value, 1000, &d->every_us);
	case OPTION_STATUS:
		ret = reader_number(r, value, 0, 9999, &number);
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
		return reader_number(r, value, 0, 1000000, &d->skip);
	case OPTION_COUNT:
		return reader_number(r, value, 1, 1000000, &d->count);
	case OPTION_NONE:
		d->none = true;
		return 0;
	case OPTION_HOLD:
		d->hold = true;
		return 0;
	case OPTION_JOINED:
		d->joined = true;
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
				return reader_complain(r, "%s= wants a value", options[i].name);
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
		return reader_complain(r, "more than %d directives", PROFILE_DIRECTIVES_MAX);
	ret = reader_message(r, 1, &d.message);
	if (ret < 0)
		return ret;
	if (kinds[kind].bytes) {
		if (index == r->count)
			return reader_complain(r, "@%s wants a number of bytes", kinds[kind].name);
		ret = reader_number(r, r->tokens[index++], 0, 1000000, &d.bytes);
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
		return reader_complain(r, "@send-after wants method=");
	r->p->directives[r->p->directives_count++] = d;
	return 0;
}

/* --- directives that stand for themselves --- */

static int want_words(struct reader *r, size_t words)
{
	if (r->count == words + 1)
		return 0;
	return reader_complain(r, "%.*s wants %zu word%s", SHOW(r->tokens[0]), words,
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
		return reader_complain(r, "%.*s wants a string in quotes", SHOW(r->tokens[0]));
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
		ret = reader_time(r, token, 1000000, values[k]);
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
		return reader_complain(r, "%.*s wants after=TIME", SHOW(r->tokens[0]));
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
		return reader_complain(
			r, "@order does not know %.*s, allowed: M1-first M2-first together",
			SHOW(r->tokens[1]));
	return 0;
}

static int on_cseq_start(struct reader *r)
{
	unsigned long number = 0;
	int ret = want_words(r, 1);

	if (ret == 0)
		ret = reader_number(r, r->tokens[1], 0, UINT32_MAX, &number);
	if (ret == 0)
		r->p->cseq_start = (uint32_t)number;
	return ret;
}

static int on_cseq_restart(struct reader *r)
{
	int ret = want_words(r, 1);

	if (ret == 0)
		ret = reader_message(r, 1, &r->p->cseq_restart);
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
		return reader_complain(r, "@missing does not know %.*s, allowed: none omit",
				       SHOW(r->tokens[1]));
	r->p->missing_none = text_is(r->tokens[1], "none");
	return 0;
}

static int on_client_port(struct reader *r)
{
	unsigned long number = 0;
	int ret = want_words(r, 1);

	if (ret == 0)
		ret = reader_number(r, r->tokens[1], 1, 65535, &number);
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
		return reader_complain(r,
				       "@keepalive wants get-parameter, set-parameter or options");
	if (text_is(r->tokens[1], "get-parameter"))
		r->p->keepalive_method = (struct text){ "GET_PARAMETER", 13 };
	else if (text_is(r->tokens[1], "set-parameter"))
		r->p->keepalive_method = (struct text){ "SET_PARAMETER", 13 };
	else if (text_is(r->tokens[1], "options"))
		r->p->keepalive_method = (struct text){ "OPTIONS", 7 };
	else
		return reader_complain(r,
				       "@keepalive does not know %.*s, allowed: get-parameter "
				       "set-parameter options",
				       SHOW(r->tokens[1]));
	return read_times(r, 2, keys, values);
}

static int on_public(struct reader *r)
{
	return read_text(r, &r->p->public);
}

static int on_content_type(struct reader *r)
{
	return read_text(r, &r->p->content_type);
}

static int on_lower_case_headers(struct reader *r)
{
	return read_flag(r, &r->p->lower_case_headers);
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
		ret = reader_message(r, 1, &name);
	if (ret < 0)
		return ret;
	if (!message_name_covers(MESSAGE_M5, name))
		return reader_complain(
			r, "@ignore-trigger knows only M5, M5-SETUP, M5-PLAY, M5-PAUSE, "
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
		ret = reader_number(r, (struct text){ last.at + 6, last.len - 6 }, 1, 1000,
				    &r->p->idr_burst);
		if (ret < 0)
			return ret;
		r->count--;
	}
	if (r->count < 2)
		return reader_complain(r, "@idr wants after=TIME, every=TIME, then burst=N");
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
		return reader_complain(r, "@teardown wants after=TIME");
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
	{ "content-type",               on_content_type },
	{ "lower-case-headers",         on_lower_case_headers },
	{ "user-agent",                 on_user_agent },
	{ "ignore-trigger",             on_ignore },
	{ "idr",                        on_idr },
	{ "pause",                      on_pause },
	{ "standby",                    on_standby },
	{ "teardown",                   on_teardown },
};
/* clang-format on */

int profile_read_directive(struct reader *r, struct text line)
{
	struct text name;
	int ret = reader_split(r, line);

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

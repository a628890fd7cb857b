/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sink's profile: what it answers to M3, word for word, and how it behaves. The language is
 * described in miracast-sink.1; this file reads it and answers questions about it. It knows
 * neither sockets nor the order of messages.
 */
#ifndef SINK_PROFILE_H
#define SINK_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "message.h"

#define PROFILE_PARAMETERS_MAX 64
#define PROFILE_DIRECTIVES_MAX 64
#define PROFILE_LINE_MAX       65536

/* The sink's own messages: its reply to Mn, or its request. */
enum message_name {
	MESSAGE_M1,
	MESSAGE_M2,
	MESSAGE_M3,
	MESSAGE_M4,
	MESSAGE_M5,
	MESSAGE_M5_SETUP,
	MESSAGE_M5_PLAY,
	MESSAGE_M5_PAUSE,
	MESSAGE_M5_TEARDOWN,
	MESSAGE_M6,
	MESSAGE_M7,
	MESSAGE_M8,
	MESSAGE_M9,
	MESSAGE_M10,
	MESSAGE_M11,
	MESSAGE_M12,
	MESSAGE_M13,
	MESSAGE_M14,
	MESSAGE_M15,
	MESSAGE_M16,
	MESSAGE_KEEPALIVE,
	MESSAGE_OTHER,
	MESSAGE_NAMES,
};

const char *message_name_to_string(enum message_name name);

/* What one line can ask for at one message. */
enum directive_kind {
	DIRECTIVE_REPLY,
	DIRECTIVE_REQUEST,
	DIRECTIVE_GARBAGE_BEFORE,
	DIRECTIVE_GARBAGE_AFTER,
	DIRECTIVE_CUT,
	DIRECTIVE_SPLIT,
	DIRECTIVE_TWICE,
	DIRECTIVE_SEND,
	DIRECTIVE_CLOSE_AFTER,
	DIRECTIVE_RESET_AFTER,
	DIRECTIVE_HALF_CLOSE_AFTER,
	DIRECTIVE_SILENT_AFTER,
	DIRECTIVE_DEAF_AFTER,
	DIRECTIVE_KINDS,
};

struct directive {
	enum directive_kind kind;
	enum message_name message;
	unsigned long skip,
		count; /* leaves the first `skip` alone, then acts `count` times; 0 = always */
	unsigned long seen;
	uint64_t delay_us, every_us;
	unsigned status; /* 0 = the usual one */
	unsigned long bytes;
	bool none, hold, joined;
	struct text data;		  /* garbage */
	struct text reason, body, header; /* at = NULL: the usual one */
	struct text uri, transport, method;
};

enum profile_order {
	ORDER_M1_FIRST, /* M2 follows the answer to M1 */
	ORDER_M2_FIRST, /* M2 goes out when the connection stands */
	ORDER_TOGETHER, /* M2 in one segment with the answer to M1 */
};

struct parameter {
	struct text name;
	struct text line; /* as it goes out, without its end */
};

struct profile {
	char *bytes; /* everything that the texts point into */
	size_t parameters_count, directives_count;
	struct parameter parameters[PROFILE_PARAMETERS_MAX];
	struct directive directives[PROFILE_DIRECTIVES_MAX];

	enum profile_order order;
	uint32_t cseq_start;
	bool have_cseq_restart;
	enum message_name cseq_restart; /* counts from cseq_start again behind this one */
	bool one_message_per_recv;
	bool timeout_in_requests, no_session_in_requests, no_session_in_replies;
	bool missing_none;    /* names that were asked for and are not here: "none" */
	unsigned client_port; /* 0 = any */
	bool rtcp_port;
	struct text keepalive_method; /* at = NULL: none */
	uint64_t keepalive_us;
	struct text public, user_agent, content_type;
	bool lower_case_headers;
	bool ignore[MESSAGE_NAMES]; /* triggers that are answered and not followed */
	uint64_t idr_after_us, idr_every_us;
	unsigned long idr_burst;
	uint64_t pause_after_us, pause_for_us, standby_after_us, standby_for_us, teardown_after_us;
};

/* Errors go to `errors` as "file:line: what is wrong"; the return value is -EINVAL then. */
int profile_parse(const char *name, const char *bytes, size_t len, FILE *errors,
		  struct profile **ret);
int profile_open(const char *path, FILE *errors, struct profile **ret);
int profile_new_default(struct profile **ret);
void profile_free(struct profile *p);

const struct parameter *profile_find_parameter(const struct profile *p, struct text name);
/* The directive of this kind that applies to this occurrence of the message, or NULL; each call is
 * one occurrence. */
const struct directive *profile_take(struct profile *p, enum directive_kind kind,
				     enum message_name message);
/* The same for all of them, from *index on, which starts at 0. */
const struct directive *profile_take_next(struct profile *p, enum directive_kind kind,
					  enum message_name message, size_t *index);
/* Does `of` (M5) cover `name` (M5-SETUP)? */
bool message_name_covers(enum message_name of, enum message_name name);

#endif

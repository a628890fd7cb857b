/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report of one session as JSON: stable keys, for people's scripts and for the tests.
 */
#ifndef MIRACAST_REPORT_H
#define MIRACAST_REPORT_H

#include "miracast/session.h"

#define REPORT_STATES_MAX 16

/* What the session's owner notes while it runs. */
struct report {
	struct {
		uint64_t t_us; /* since the report was begun */
		enum session_state state;
	} states[REPORT_STATES_MAX];
	unsigned int n_states;
	uint64_t begin_us;
	enum session_end_reason end_reason;
	enum session_stage end_stage;
	int end_error;
	char end_text[256];
	uint32_t idr_requests;
};

void report_begin(struct report *r);
void report_state(struct report *r, enum session_state state);
void report_end(struct report *r, const struct session_end *end);

/* Writes a new file in place of path, whole or not at all. 0 or -errno. */
int report_write(const struct report *r, const struct session_status *status, const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a strict sink would object to in a source's messages: pure judgement, into rtsp_facts. */
#ifndef SINK_RTSP_CHECK_H
#define SINK_RTSP_CHECK_H

#include "rtsp.h"

void rtsp_note(struct rtsp_facts *facts, enum rtsp_rule rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void rtsp_check_request(struct rtsp_facts *facts, const struct message *m);
void rtsp_check_public(struct rtsp_facts *facts, const struct message *m);
void rtsp_check_m3(struct rtsp_facts *facts, const struct message *m);
/* True if the body is an M4 that chooses formats; fills in facts->choice and its texts. */
bool rtsp_check_m4(struct rtsp_facts *facts, const struct rtsp_config *config,
		   const struct message *m);
void rtsp_check_session(struct rtsp_facts *facts, const struct message *m);
/* The answer to SETUP: session id, time-out, ports. */
void rtsp_check_setup(struct rtsp_facts *facts, const struct rtsp_config *config,
		      const struct message *m);

/* The body line with this name; false if there is none. */
bool rtsp_find_parameter(const struct message *m, const char *name, struct text *ret_value);
void text_copy(char *to, size_t size, struct text from);

#endif

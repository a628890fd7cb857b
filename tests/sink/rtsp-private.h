/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exchange's own things: its struct, and how rtsp-send.c puts a message together. */
#ifndef SINK_RTSP_PRIVATE_H
#define SINK_RTSP_PRIVATE_H

#include "rtsp.h"

#include <string.h>

#define PENDING_MAX 4096 /* a profile may ask for a flood */

/* For printf() with %.*s */
#define SHOW(t) (int)(t).len, (t).at ? (t).at : ""

enum timer {
	TIMER_STATE,  /* what the state waits for is overdue */
	TIMER_SOURCE, /* no sign of life */
	TIMER_KEEPALIVE,
	TIMER_IDR,
	TIMER_PAUSE,
	TIMER_STANDBY,
	TIMER_RESUME,
	TIMER_TEARDOWN,
	TIMERS,
};

struct pending {
	bool used;
	uint64_t cseq, sent_us;
	enum message_name name;
};

struct rtsp {
	struct rtsp_config config;
	const struct rtsp_ops *ops;
	void *user;
	struct profile *p;
	struct wire *wire;
	enum rtsp_state state;
	struct rtsp_facts facts;
	uint64_t now_us;
	uint64_t due_us[TIMERS];
	uint32_t cseq; /* of our next request */
	struct pending pending[PENDING_MAX];
	bool m1_seen, m2_sent, m2_answered, standby;
	bool teardown_asked; /* M5 TEARDOWN came */
	bool teardown_ignored;
	uint64_t last_idr_us;
};

struct request {
	enum message_name name;
	const char *method;
	struct text uri;
	struct text header; /* a whole line, or nothing */
	struct text body;
	bool session, joined, require;
};

static inline struct text text_from(const char *s)
{
	return (struct text){ s, strlen(s) };
}

void rtsp_record(struct rtsp *rtsp, bool out, bool reply, const char *name, uint64_t cseq,
		 unsigned status);
/* False if the profile keeps it back. */
bool rtsp_send_request(struct rtsp *rtsp, struct request q);
/* Returns the status that went out, 0 if none did. */
unsigned rtsp_send_reply(struct rtsp *rtsp, enum message_name name, const struct message *m,
			 unsigned status, const char *header, struct text body);
/* The only way into RTSP_ENDED. */
void rtsp_finish(struct rtsp *rtsp, bool planned, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the exchange share: exchange.c has the path M1 to M7 and the machinery,
 * exchange-format.c M4 and its ladder, exchange-session.c what the sink asks and what happens once
 * a session exists, exchange-wire.c the words of our messages. Nobody else includes this.
 */
#ifndef MIRACAST_RTSP_EXCHANGE_PRIVATE_H
#define MIRACAST_RTSP_EXCHANGE_PRIVATE_H

#include "rtsp/exchange.h"

#define EXCHANGE_URI	      "rtsp://localhost/wfd1.0" /* of every request of ours but M1 */
#define EXCHANGE_MESSAGE_SIZE 4096u			/* the largest that we send */
#define EXCHANGE_BODY_SIZE    2048u
#define EXCHANGE_ADDRESS_SIZE 64u
#define EXCHANGE_TEXT_SIZE    160u
#define SESSION_ID_SIZE	      9u /* LG refuses 16 and more: gnome-network-displays PR 109 */

/* Our requests; one at a time is under way. Also the bits of "wanted", low before high. */
enum exchange_request {
	REQUEST_NONE,
	REQUEST_M1,
	REQUEST_M3,
	REQUEST_M4,
	REQUEST_M5,
	REQUEST_M12,
	REQUEST_M10,
	REQUEST_PARAMETERS,
	REQUEST_M16,
};

enum exchange_trigger {
	TRIGGER_SETUP,
	TRIGGER_PLAY,
	TRIGGER_PAUSE,
	TRIGGER_TEARDOWN,
};

/* One exchange_set_format(): which M4 of it is under way. */
struct exchange_format {
	struct wfd_choice ladder[WFD_LADDER_MAX];
	size_t n, rung;
	bool plain;    /* without options */
	unsigned step; /* M4s refused so far */
};

enum exchange_end {
	END_NONE,
	END_BY_SINK,
	END_BY_US,
	END_FAILED,
};

struct exchange {
	struct exchange_limits limits;
	uint32_t flags;
	char address[EXCHANGE_ADDRESS_SIZE]; /* as it stands in a URL */
	char server_name[EXCHANGE_ADDRESS_SIZE];
	char session_id[SESSION_ID_SIZE];
	const struct exchange_ops *ops;
	void *userdata;

	enum exchange_state state;
	uint64_t state_deadline; /* of this state; UINT64_MAX: none */
	uint64_t now;		 /* of the call from outside under way */

	enum exchange_request request; /* sent and unanswered */
	uint32_t request_cseq;
	uint64_t request_deadline;
	uint32_t next_cseq;
	uint32_t wanted; /* bit per enum exchange_request, to be sent in the session */

	bool options_answered; /* M2 */
	uint64_t options_answered_us;
	bool short_m3;
	char agent[WFD_NAME_SIZE]; /* the sink's Server or User-Agent */
	bool has_sink;
	struct wfd_sink sink;
	struct wfd_sink next_sink; /* while it is being read: too large for the stack */

	struct exchange_format format, next_format;
	bool has_accepted;
	struct wfd_choice accepted;

	bool has_session; /* M6 is answered */
	uint64_t last_life, next_keepalive;
	enum exchange_trigger trigger;	      /* of the M5 under way */
	enum exchange_trigger wanted_trigger; /* of the one wanted */
	bool route_secondary;
	char parameters[EXCHANGE_BODY_SIZE];

	enum exchange_end end; /* not told yet */
	struct exchange_error error;
	char text[EXCHANGE_TEXT_SIZE];
	unsigned depth; /* of calls from below under way */
	bool freed;	/* while depth > 0 */
};

/* Machinery, in exchange.c. Everything happens at x->now. */
void exchange_go(struct exchange *x, enum exchange_state state);
void exchange_fail(struct exchange *x, enum exchange_failure failure, int error,
		   const char *message, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void exchange_end(struct exchange *x, enum exchange_end end, const char *reason);
void exchange_refused(struct exchange *x, const char *message, unsigned status);
/* The connection is gone: a failure, unless we were saying good-bye anyway. */
void exchange_lost(struct exchange *x, enum exchange_failure failure, int error, const char *text);
/* Sends what is wanted, when nothing is under way. */
void exchange_pump(struct exchange *x);
void exchange_want(struct exchange *x, enum exchange_request request);
bool exchange_is_ok(const struct rtsp_message *m); /* 2xx */

/* exchange-wire.c */
int exchange_set_names(struct exchange *x, const struct exchange_config *config);
void exchange_transcribe(struct exchange *x, enum exchange_direction direction,
			 struct text message);
void exchange_send_m3(struct exchange *x);
void exchange_send_m4(struct exchange *x);
void exchange_send_request(struct exchange *x, enum exchange_request request, const char *method,
			   struct text body);
void exchange_send_trigger(struct exchange *x, enum exchange_trigger trigger);
/* Begins an answer; more headers may follow before exchange_send_answer(). */
struct writer exchange_answer(struct exchange *x, const struct rtsp_message *m, unsigned status,
			      uint8_t buffer[static EXCHANGE_MESSAGE_SIZE]);
void exchange_send_answer(struct exchange *x, struct writer *w, struct text body);
/* An answer without anything else. */
void exchange_send_status(struct exchange *x, const struct rtsp_message *m, unsigned status);

/* exchange-format.c */
void exchange_on_m4_answer(struct exchange *x, const struct rtsp_message *m);
void exchange_next_format(struct exchange *x);

/* exchange-session.c: the sink's requests, and ours that need a session. */
void exchange_on_request(struct exchange *x, const struct rtsp_message *m);
void exchange_send_wanted(struct exchange *x, enum exchange_request request);
void exchange_on_m5_answer(struct exchange *x, const struct rtsp_message *m);
void exchange_on_m12_answer(struct exchange *x, const struct rtsp_message *m);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages M1 to M16 of a Wi-Fi Display source, in order: the machine. It knows no socket, no
 * clock and no loop: it is told what came and what time it is, says when it wants to be called
 * next, and calls up through struct exchange_ops only.
 *
 * One thread. Up-calls are made only from within exchange_on_message(), exchange_on_timer(),
 * exchange_on_eof() and exchange_on_error(), never from the other calls; a failure in one of those
 * makes the deadline "now" and is told from exchange_on_timer(). Within an up-call every function
 * here may be called, exchange_free() included.
 *
 * Exactly one of on_teardown() and on_failed() comes, once, and is the last up-call but
 * on_transcript().
 */
#ifndef MIRACAST_RTSP_EXCHANGE_H
#define MIRACAST_RTSP_EXCHANGE_H

#include "rtsp/message.h"
#include "rtsp/wfd-choice.h"
#include "rtsp/wfd-params.h"
#include "util/cleanup.h"

struct exchange;

enum exchange_state {
	EXCHANGE_STATE_NEW,
	EXCHANGE_STATE_OPTIONS,	     /* M1 sent */
	EXCHANGE_STATE_SINK_OPTIONS, /* M1 answered; M2 has not come yet */
	EXCHANGE_STATE_GAP,	     /* M2 answered; a moment of silence before M3 */
	EXCHANGE_STATE_CAPABILITIES, /* M3 sent */
	EXCHANGE_STATE_CHOICE,	     /* on_sink() told; exchange_set_format() is awaited */
	EXCHANGE_STATE_FORMAT,	     /* M4 sent */
	EXCHANGE_STATE_TRIGGER,	     /* M5 SETUP sent */
	EXCHANGE_STATE_SETUP,	     /* M5 answered; M6 is awaited */
	EXCHANGE_STATE_PLAY,	     /* M6 answered; M7 is awaited */
	EXCHANGE_STATE_PLAYING,
	EXCHANGE_STATE_PAUSED,
	EXCHANGE_STATE_STANDBY,
	EXCHANGE_STATE_TEARDOWN, /* M5 TEARDOWN sent; M8 is awaited */
	EXCHANGE_STATE_ENDED,
};

const char *exchange_state_to_string(enum exchange_state state);

enum exchange_failure {
	EXCHANGE_FAILURE_TIMEOUT,    /* an answer or a request did not come in time; -ETIMEDOUT */
	EXCHANGE_FAILURE_REFUSED,    /* the sink said no where there is no other way; -EPROTO */
	EXCHANGE_FAILURE_PROTOCOL,   /* what came is not RTSP or lacks what it must have; -EPROTO */
	EXCHANGE_FAILURE_CLOSED,     /* the sink closed the connection; -ECONNRESET */
	EXCHANGE_FAILURE_CONNECTION, /* the connection broke; its errno */
	EXCHANGE_FAILURE_KEEPALIVE,  /* no sign of life; -ETIMEDOUT */
	EXCHANGE_FAILURE_LOCAL,	     /* on_setup() failed; its errno */
};

const char *exchange_failure_to_string(enum exchange_failure failure);

struct exchange_error {
	enum exchange_failure failure;
	int error;		   /* -errno */
	unsigned status;	   /* the sink's answer, 0: none */
	const char *message;	   /* which one: "M4" */
	const char *text;	   /* a sentence, printable, valid during the up-call */
	enum exchange_state state; /* in which it happened */
};

enum exchange_direction {
	EXCHANGE_DIRECTION_SENT,
	EXCHANGE_DIRECTION_RECEIVED,
};

/* Any but send may be NULL. */
struct exchange_ops {
	/* Queue the bytes; never blocks. 0 or -errno, which ends the exchange. */
	int (*send)(void *userdata, const void *data, size_t size);

	/*
	 * M3 is answered. Call exchange_set_format(), now or later, or exchange_teardown(), or
	 * nothing: M3 is then repeated every 5 s and this comes again, which is how a monitor
	 * that is plugged in later is noticed.
	 */
	void (*on_sink)(void *userdata, const struct wfd_sink *sink);

	/* M4: told for every try. step counts the M4s of one exchange_set_format() from 0. */
	void (*on_format_accepted)(void *userdata, const struct wfd_choice *choice);
	/* final: no further try follows; the format accepted before, if any, stays. */
	void (*on_format_refused)(void *userdata, const struct wfd_choice *choice, unsigned status,
				  unsigned step, bool final);

	/*
	 * M6: make the sockets, nothing slow. rtcp_port 0: the sink wants none. ret_rtcp 0: we
	 * offer none. The peer's address is that of the control connection. 0 or -errno.
	 */
	int (*on_setup)(void *userdata, uint16_t rtp_port, uint16_t rtcp_port,
			uint16_t *ret_server_rtp, uint16_t *ret_server_rtcp);

	/* All of these come after the answer was queued. */
	void (*on_play)(void *userdata);	/* M7, the first: stream */
	void (*on_pause)(void *userdata);	/* M9 */
	void (*on_resume)(void *userdata);	/* M7 after M9 */
	void (*on_standby)(void *userdata);	/* M12, from either side: no stream until on_wake */
	void (*on_wake)(void *userdata);	/* M7 after M12 */
	void (*on_idr_request)(void *userdata); /* M13; not rate-limited here */
	/* M15 and M14 from the sink; capability is sink->uibc. */
	void (*on_uibc)(void *userdata, bool enabled, const struct wfd_uibc *capability);
	/* M10 from the sink. */
	void (*on_route)(void *userdata, bool secondary);
	/* The sink told of another monitor, or of none: sink holds old and new together. */
	void (*on_monitor)(void *userdata, const struct wfd_sink *sink);

	/* The end by M8. reason: the sink's words (microsoft_teardown_reason) or "". */
	void (*on_teardown)(void *userdata, bool by_sink, const char *reason);
	void (*on_failed)(void *userdata, const struct exchange_error *error);

	/* Every message, whole, as on the wire. */
	void (*on_transcript)(void *userdata, enum exchange_direction direction, const char *data,
			      size_t size);
};

/* All in microseconds. */
struct exchange_limits {
	uint64_t reply;		  /* an answer to our request */
	uint64_t request;	  /* M6 and M7 */
	uint64_t sink_options;	  /* M2; afterwards M3 goes out without it */
	uint64_t gap;		  /* between the answer to M2 and M3 */
	uint64_t choice;	  /* until M3 is repeated */
	uint64_t keepalive;	  /* from M16 to M16 */
	uint64_t keepalive_reply; /* an answer to M16 */
	uint64_t life;		  /* without any message at all */
	uint64_t teardown;	  /* M8 after our M5 */
};

/* Laxer to the sink than WFD 6.5 is, and stretched by clock_limit_us(). */
void exchange_limits_init(struct exchange_limits *ret);

enum exchange_flag {
	EXCHANGE_FLAG_ASK_RTCP = 1 << 0, /* on_setup() offers an RTCP port when asked for one */
	EXCHANGE_FLAG_ASK_UIBC = 1 << 1,
	EXCHANGE_FLAG_SHORT_M3 = 1 << 2, /* the mandatory names only */
};

/* Copied. */
struct exchange_config {
	const char *local_address; /* for the presentation URL: the link's own, "192.168.173.1" */
	const char *server_name;   /* the Server header, e.g. "miracast/0.1"; NULL: none */
	uint64_t seed;		   /* random; the session id is made from it */
	uint32_t flags;		   /* enum exchange_flag */
	struct exchange_limits limits;
};

/* 0, -ENOMEM, or -EINVAL: an address or a name that cannot stand in a header. */
int exchange_new(const struct exchange_config *config, const struct exchange_ops *ops,
		 void *userdata, struct exchange **ret);
/* NULL is welcome. Sends nothing, tells nothing. Returns NULL. */
struct exchange *exchange_free(struct exchange *x);
DEFINE_CLEANUP(struct exchange *, exchange_free)

/* The connection is there: M1. */
void exchange_start(struct exchange *x, uint64_t now_us);

/* From below. The message is read during the call only. */
void exchange_on_message(struct exchange *x, const struct rtsp_message *m, uint64_t now_us);
void exchange_on_timer(struct exchange *x, uint64_t now_us);
void exchange_on_eof(struct exchange *x, uint64_t now_us);
void exchange_on_error(struct exchange *x, enum exchange_failure failure, int error,
		       const char *text, uint64_t now_us);

/* When exchange_on_timer() wants to be called, microseconds; 0: at once; UINT64_MAX: never. */
uint64_t exchange_deadline(const struct exchange *x);

/*
 * M4 with the first of the ladder, first with every option, then without, then the next one. The
 * first time (state CHOICE) M5 SETUP follows; when all are refused, on_failed(). Later (PLAYING,
 * PAUSED, STANDBY) a final refusal leaves the session as it is; a call during an unanswered M4
 * follows it, and of several the last one counts. n is 1 to WFD_LADDER_MAX.
 * 0; -EBUSY: not in this state; -EOPNOTSUPP: the first, and the sink has no monitor.
 */
int exchange_set_format(struct exchange *x, const struct wfd_choice *ladder, size_t n,
			uint64_t now_us);

/* M5 while a stream exists. M5 PLAY is what wakes from standby, too. 0 or -EBUSY. */
int exchange_play(struct exchange *x, uint64_t now_us);
int exchange_pause(struct exchange *x, uint64_t now_us);
/* M12. 0, -EBUSY, or -EOPNOTSUPP: the sink does not know it. */
int exchange_standby(struct exchange *x, uint64_t now_us);
/* M10. 0 or -EBUSY. */
int exchange_set_route(struct exchange *x, bool secondary, uint64_t now_us);
/* SET_PARAMETER with these lines ("name: value\r\n"). 0, -EBUSY or -E2BIG. */
int exchange_set_parameters(struct exchange *x, const char *lines, uint64_t now_us);

/*
 * The end from our side: M5 TEARDOWN and at most limits.teardown of waiting, then on_teardown().
 * Without a session (before M6) it ends at once. Twice is once.
 */
void exchange_teardown(struct exchange *x, uint64_t now_us);

enum exchange_state exchange_get_state(const struct exchange *x);
/* NULL before M3 was answered. */
const struct wfd_sink *exchange_get_sink(const struct exchange *x);
const char *exchange_get_session_id(const struct exchange *x);
uint32_t exchange_get_quirks(const struct exchange *x); /* WFD_QUIRK_BITs */

#endif

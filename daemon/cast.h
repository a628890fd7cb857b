/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cast: a link, then a session over it, from "connect" until both are gone. Knows their order
 * and who is told of a failure; knows neither other casts nor who asked.
 *
 *	cast_new   session_create, link_open -> LINKING -> STARTING -> STREAMING
 *	                                            |          |           |  stop, end, loss
 *	                                            v          v           v
 *	                                           OVER <-- STOPPING <-----+
 */
#ifndef MIRACAST_CAST_H
#define MIRACAST_CAST_H

#include "link/link.h"
#include "miracast/session.h"
#include "util/cleanup.h"

struct sd_event;
struct sd_event_source;

enum cast_state {
	CAST_LINKING,
	CAST_STARTING,
	CAST_STREAMING,
	CAST_STOPPING,
	CAST_OVER,
};

/* How it ended, or why it never began. */
struct cast_end {
	enum session_end_reason reason;
	int error;	  /* negative errno; 0: as somebody wanted */
	const char *stage; /* one of the words of link, session or manager */
	bool of_link;	   /* error is one of docs/link.md */
	char text[256];	  /* a sentence for the user */
};

/* Made from the loop, never from inside a function of this header. */
struct cast_ops {
	/* The state or the stage is another one. Nothing of this header may be called in it. */
	void (*changed)(void *userdata);
	/* The attempt is decided, once: 0, or the error that over tells of right after. */
	void (*connected)(void *userdata, int error);
	/* Link and session are gone. Once; the cast may be freed in it. */
	void (*over)(void *userdata, const struct cast_end *end);
	/* As in link_events. */
	void (*pin_wanted)(void *userdata, bool was_wrong);
	void (*pin_shown)(void *userdata, const char *pin);
	/* As session_ops.transcript. */
	void (*transcript)(void *userdata, bool sent, const char *text, size_t size);
};

/* Where the sink is. */
struct cast_target {
	struct wpa *wpa; /* Wi-Fi Direct; NULL: a plain address */
	struct link_options options;
	struct sockaddr_in address; /* of ours, where it connects */
	uint64_t rate_bps;
};

struct cast {
	struct sd_event *event;
	const struct cast_ops *ops;
	void *userdata;
	enum cast_state state;
	const char *stage;
	struct link *link;
	struct session *session; /* NULL when OVER */
	int rtsp_fd;		 /* the link's */
	uint64_t max_rate_bps;
	bool is_told; /* ops.connected */
	struct cast_end end;
	struct sd_event_source *post_source; /* what is to be concluded from the loop */
};

/*
 * Begins. config is not kept. On failure *ret_end says why, too; errors are those of session_create
 * and of the link.
 */
int cast_new(struct sd_event *event, const struct session_config *config,
	     const struct cast_target *target, uint64_t max_rate_bps, const struct cast_ops *ops,
	     void *userdata, struct cast **ret, struct cast_end *ret_end);

/* Ends it in order; ops.over follows within SESSION_STOP_LIMIT_MS. No-op when it ends already. */
void cast_stop(struct cast *c, const char *text);

/* The answer to pin_wanted; errors as link_give_pin. */
int cast_give_pin(struct cast *c, const char *pin);

/* Ends it at once, without a call back. Accepts NULL, returns NULL. */
struct cast *cast_free(struct cast *c);
DEFINE_CLEANUP(struct cast *, cast_free)

const char *cast_state_to_string(enum cast_state state);

#endif

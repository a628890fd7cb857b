/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link: from "find the sink" to "its RTSP connection stands". The seam between the session's
 * owner and Wi-Fi Direct or a plain address. Owns the RTSP socket and whatever network is under
 * it; knows nothing of RTSP itself.
 */
#ifndef MIRACAST_LINK_LINK_H
#define MIRACAST_LINK_LINK_H

#include "miracast/session.h"
#include "util/cleanup.h"

#include <netinet/in.h>
#include <stdint.h>

struct sd_event;
struct link;

/* Where a link failed: the word a user is told. */
enum link_stage {
	LINK_STAGE_LISTEN,    /* the RTSP port */
	LINK_STAGE_RTSP_WAIT, /* the sink did not connect */
};

/* Each called from the loop, never from inside link_open_*. */
struct link_events {
	/*
	 * The sink is connected. rtsp_fd stays the link's: it is readable and writable until
	 * link_free. Once.
	 */
	void (*connected)(void *userdata, int rtsp_fd, const struct session_link_stats *stats);

	/* No connection will come. Once, instead of connected. text lives until the return. */
	void (*failed)(void *userdata, enum link_stage stage, int error, const char *text);
};

/*
 * A plain address, without Wi-Fi: listen there, take the first connection, refuse all others. In
 * 30 s (stretched by MIRACAST_TIME_SCALE) without one the link has failed. rate_bps is what the
 * caller knows of the path; events is kept. Errors: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, others
 * of socket(2) and bind(2).
 */
int link_open_direct(struct sd_event *event, const struct sockaddr_in *address, uint64_t rate_bps,
		     const struct link_events *events, void *userdata, struct link **ret);

/* Closes the RTSP socket too: the session must be stopped before. Accepts NULL, returns NULL. */
struct link *link_free(struct link *l);
DEFINE_CLEANUP(struct link *, link_free)

const char *link_stage_to_string(enum link_stage stage);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose a cast is: a user, and the login session that asked for it, if there was one. Knows logind
 * (sd-login) and nothing of casts. Without logind every owner is present.
 */
#ifndef MIRACAST_OWNER_H
#define MIRACAST_OWNER_H

#include "util/cleanup.h"

#include <stdbool.h>
#include <sys/types.h>

struct sd_event;
struct owner_watch;

struct owner {
	uid_t uid;
	char session[32]; /* of logind; "": none, a service or a test asked */
};

enum owner_presence {
	OWNER_PRESENT,
	OWNER_LOGGED_OUT,
	OWNER_REPLACED, /* another user's session is active on its seat */
};

/* The session of the process that asked, or that user's display session. */
void owner_from_process(uid_t uid, pid_t pid, struct owner *ret);

enum owner_presence owner_get_presence(const struct owner *o);

/* changed: some session is not as it was. -ENOENT: no logind here. */
int owner_watch_new(struct sd_event *event, void (*changed)(void *userdata), void *userdata,
		    struct owner_watch **ret);
struct owner_watch *owner_watch_free(struct owner_watch *w);
DEFINE_CLEANUP(struct owner_watch *, owner_watch_free)

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which encoder works here, found out by a media process that tries, as it would for a session.
 * For the doctor; one at a time.
 */
#ifndef MIRACAST_TRIAL_H
#define MIRACAST_TRIAL_H

#include "miracast/session.h"
#include "util/cleanup.h"

struct sd_event;
struct trial;

/* done: from the loop, once; encoder is "" where none works within SESSION_CAPS_MS. */
int trial_new(struct sd_event *event, const char *media_program, enum session_encoder encoder,
	      void (*done)(void *userdata, const char *encoder), void *userdata,
	      struct trial **ret);
struct trial *trial_free(struct trial *t);
DEFINE_CLEANUP(struct trial *, trial_free)

#endif

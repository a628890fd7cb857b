// SPDX-License-Identifier: GPL-2.0-or-later
#include "trial.h"

#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#define STEP_US	  (50 * USEC_PER_MSEC)
#define LIMIT_US  (3 * SESSION_CAPS_MS * USEC_PER_MSEC) /* a driver that hangs is given up first */

struct trial {
	struct session *session;
	sd_event_source *source;
	uint64_t left_us;
	void (*done)(void *userdata, const char *encoder);
	void *userdata;
};

static int on_step(sd_event_source *source, uint64_t now_us, void *userdata);
static void on_ended(void *userdata, const struct session_end *end);

static void on_started(void *userdata, int error, const struct session_info *info,
		       const struct session_end *why)
{
	(void)userdata, (void)error, (void)info, (void)why;
}

static void on_stopped(void *userdata)
{
	(void)userdata;
}

static const struct session_ops ops = {
	.started = on_started,
	.stopped = on_stopped,
	.ended = on_ended,
};

int trial_new(struct sd_event *event, const char *media_program, enum session_encoder encoder,
	      void (*done)(void *userdata, const char *encoder), void *userdata,
	      struct trial **ret)
{
	const struct session_config config = {
		.media_program = media_program,
		.host_name = "",
		.source = SESSION_SOURCE_PATTERN,
		.input_fd = -1,
		.dump_fd = -1,
		.encoder = encoder,
	};
	_cleanup_(trial_freep) struct trial *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->done = done;
	t->userdata = userdata;
	t->left_us = clock_limit_us(LIMIT_US);
	r = session_create(event, &config, &ops, t, &t->session);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &t->source, CLOCK_MONOTONIC, STEP_US, 0, on_step, t);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

static void finish(struct trial *t, const char *encoder)
{
	char copy[64];

	(void)snprintf(copy, sizeof(copy), "%s", encoder);
	t->source = sd_event_source_disable_unref(t->source);
	t->session = session_destroy(t->session);
	t->done(t->userdata, copy);
}

static int on_step(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct session_status status;
	struct trial *t = userdata;

	(void)now_us;
	session_get_status(t->session, &status);
	if (*status.encoder || t->left_us < STEP_US) {
		finish(t, status.encoder);
		return 0;
	}
	t->left_us -= STEP_US;
	(void)sd_event_source_set_time_relative(source, STEP_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void on_ended(void *userdata, const struct session_end *end)
{
	(void)end;
	finish(userdata, "");
}

struct trial *trial_free(struct trial *t)
{
	if (!t)
		return NULL;
	sd_event_source_disable_unref(t->source);
	session_destroy(t->session);
	free(t);
	return NULL;
}

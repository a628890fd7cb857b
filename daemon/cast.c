// SPDX-License-Identifier: GPL-2.0-or-later
#include "cast.h"

#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

/* In the order in which they happen. */
static void on_progress(void *userdata, enum link_stage stage);
static void on_pin_wanted(void *userdata, bool was_wrong);
static void on_pin_shown(void *userdata, const char *pin);
static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats);
static void on_link_failed(void *userdata, enum link_stage stage, int error, const char *text);
static void on_started(void *userdata, int error, const struct session_info *info,
		       const struct session_end *why);
static int on_register_data_rate(void *userdata, bool on);
static void on_state_changed(void *userdata, enum session_state state);
static void on_transcript(void *userdata, bool sent, const char *text, size_t size);
static void on_rate(void *userdata, const struct session_data_rate *rate);
static void on_lost(void *userdata, int error, const char *text);
static void on_ended(void *userdata, const struct session_end *end);
static void on_stopped(void *userdata);
static int on_post(sd_event_source *source, void *userdata);
static void conclude(struct cast *c);

static const struct link_events link_events = {
	.connected = on_connected,
	.failed = on_link_failed,
	.progress = on_progress,
	.pin_wanted = on_pin_wanted,
	.pin_shown = on_pin_shown,
	.lost = on_lost,
	.rate = on_rate,
};

static const struct session_ops session_ops = {
	.started = on_started,
	.stopped = on_stopped,
	.ended = on_ended,
	.state_changed = on_state_changed,
	.register_data_rate = on_register_data_rate,
	.transcript = on_transcript,
};

static void set_end(struct cast_end *e, enum session_end_reason reason, int error,
		    const char *stage, const char *text)
{
	*e = (struct cast_end){ .reason = reason, .error = error, .stage = stage };
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
}

static void set_link_end(struct cast_end *e, enum link_stage stage, int error, const char *text)
{
	set_end(e, SESSION_END_CRITICAL, error, link_stage_to_string(stage), text);
	e->of_link = true;
}

/* The one writer of the state. */
static void set_state(struct cast *c, enum cast_state state, const char *stage)
{
	c->state = state;
	c->stage = stage;
	c->ops->changed(c->userdata);
}

/* ---------------------------------------------------------------- begin */

static const char *create_text(int error)
{
	switch (error) {
	case -ENOENT:
		return "the kernel module is not loaded: \"miracastctl doctor\" says what to do";
	case -EACCES:
		return "no permission for the kernel module's node: it belongs to the service's user";
	case -EBUSY:
		return "every head of the kernel module is in use: end another session first";
	case -ENOEXEC:
		return "miracast-media cannot be run: the installation is incomplete";
	case -EPROTONOSUPPORT:
		return "the kernel module that is loaded is of another version: restart once";
	default:
		return strerror(-error);
	}
}

static int open_link(struct cast *c, const struct cast_target *target)
{
	if (target->wpa)
		return link_open_wpa(target->wpa, &target->options, &link_events, c, &c->link);
	return link_open_direct(c->event, &target->address, target->rate_bps, &link_events, c,
				&c->link);
}

static const char *open_text(int error)
{
	return error == -EBUSY ? "the radio has another sink, or just leaves one: end that session, "
				 "or try again in a few seconds" :
	       error == -EADDRINUSE ? "the RTSP port is in use by another program: end it, or give "
				      "the sink another address" :
	       error == -EADDRNOTAVAIL ? "the address is not one of this host" :
					 strerror(-error);
}

int cast_new(struct sd_event *event, const struct session_config *config,
	     const struct cast_target *target, uint64_t max_rate_bps, const struct cast_ops *ops,
	     void *userdata, struct cast **ret, struct cast_end *ret_end)
{
	_cleanup_(cast_freep) struct cast *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (c) {
		c->event = sd_event_ref(event);
		c->ops = ops;
		c->userdata = userdata;
		c->max_rate_bps = max_rate_bps;
		c->stage = link_stage_to_string(target->wpa ? LINK_STAGE_DISCOVERY :
							      LINK_STAGE_RTSP_WAIT);
		r = sd_event_add_defer(event, &c->post_source, on_post, c);
	}
	if (r >= 0)
		r = sd_event_source_set_enabled(c->post_source, SD_EVENT_OFF);
	if (r >= 0)
		r = session_create(event, config, &session_ops, c, &c->session);
	if (r < 0) {
		set_end(ret_end, SESSION_END_CRITICAL, r,
			session_stage_to_string(SESSION_STAGE_CREATE), create_text(r));
		return r;
	}
	r = open_link(c, target);
	if (r < 0) {
		set_link_end(ret_end, LINK_STAGE_LISTEN, r, open_text(r));
		return r;
	}
	*ret = TAKE_PTR(c);
	return 0;
}

static void on_progress(void *userdata, enum link_stage stage)
{
	struct cast *c = userdata;

	if (c->state == CAST_LINKING)
		set_state(c, CAST_LINKING, link_stage_to_string(stage));
}

static void on_pin_wanted(void *userdata, bool was_wrong)
{
	struct cast *c = userdata;

	if (c->state == CAST_LINKING)
		c->ops->pin_wanted(c->userdata, was_wrong);
}

static void on_pin_shown(void *userdata, const char *pin)
{
	struct cast *c = userdata;

	if (c->state == CAST_LINKING)
		c->ops->pin_shown(c->userdata, pin);
}

int cast_give_pin(struct cast *c, const char *pin)
{
	return c->state == CAST_LINKING ? link_give_pin(c->link, pin) : -ESTALE;
}

static void on_link_failed(void *userdata, enum link_stage stage, int error, const char *text)
{
	struct cast *c = userdata;

	if (c->state != CAST_LINKING)
		return;
	set_link_end(&c->end, stage, error, text);
	conclude(c);
}

static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats)
{
	struct session_link_stats limited = *stats;
	struct cast *c = userdata;
	int r;

	if (c->state != CAST_LINKING)
		return;
	if (limited.current_bps > c->max_rate_bps)
		limited.current_bps = c->max_rate_bps;
	c->rtsp_fd = rtsp_fd;
	set_state(c, CAST_STARTING, session_stage_to_string(SESSION_STAGE_RTSP));
	r = session_start(c->session, rtsp_fd, &limited);
	if (r == 0)
		return;
	set_end(&c->end, SESSION_END_CRITICAL, r, c->stage, strerror(-r));
	conclude(c);
}

static void on_started(void *userdata, int error, const struct session_info *info,
		       const struct session_end *why)
{
	struct cast *c = userdata;

	(void)info;
	if (error == 0) {
		set_state(c, CAST_STREAMING, session_stage_to_string(SESSION_STAGE_STREAMING));
		c->is_told = true;
		c->ops->connected(c->userdata, 0);
		return;
	}
	/* A Stop under way has its own reason, and goes on to on_stopped. */
	if (c->state == CAST_STOPPING)
		return;
	set_end(&c->end, why->reason, error, session_stage_to_string(why->stage), why->text);
	conclude(c);
}

static int on_register_data_rate(void *userdata, bool on)
{
	struct cast *c = userdata;

	return link_report_rates(c->link, on);
}

static void on_rate(void *userdata, const struct session_data_rate *rate)
{
	struct cast *c = userdata;

	if (c->session)
		(void)session_data_rate(c->session, rate);
}

static void on_state_changed(void *userdata, enum session_state state)
{
	struct cast *c = userdata;

	log_debug("session: %s", session_state_to_string(state));
	c->ops->changed(c->userdata);
}

static void on_transcript(void *userdata, bool sent, const char *text, size_t size)
{
	struct cast *c = userdata;

	c->ops->transcript(c->userdata, sent, text, size);
}

/* ---------------------------------------------------------------- end */

static void stop(struct cast *c)
{
	bool is_running = session_get_state(c->session) != SESSION_STOPPED;

	set_state(c, CAST_STOPPING, c->stage);
	if (is_running)
		session_stop(c->session);
	else
		(void)sd_event_source_set_enabled(c->post_source, SD_EVENT_ONESHOT);
}

void cast_stop(struct cast *c, const char *text)
{
	if (c->state == CAST_STOPPING || c->state == CAST_OVER)
		return;
	set_end(&c->end, SESSION_END_USER, c->is_told ? 0 : -ECANCELED, c->stage, text);
	stop(c);
}

static void on_ended(void *userdata, const struct session_end *end)
{
	static const bool is_wanted[] = {
		[SESSION_END_SINK_REQUEST] = true,
		[SESSION_END_SOURCE] = true,
	};
	struct cast *c = userdata;

	if (c->state == CAST_STOPPING || c->state == CAST_OVER)
		return;
	set_end(&c->end, end->reason, is_wanted[end->reason] ? 0 : end->error ?: -EIO,
		session_stage_to_string(end->stage), end->text);
	stop(c);
}

/* The session has nobody left to talk to, and shall not wait for an answer. */
static void on_lost(void *userdata, int error, const char *text)
{
	struct cast *c = userdata;

	if (c->state != CAST_STARTING && c->state != CAST_STREAMING)
		return;
	set_link_end(&c->end, LINK_STAGE_UP, error, text);
	(void)shutdown(c->rtsp_fd, SHUT_RDWR);
	stop(c);
}

static void on_stopped(void *userdata)
{
	conclude(userdata);
}

static int on_post(sd_event_source *source, void *userdata)
{
	(void)source;
	conclude(userdata);
	return 0;
}

/* The session goes first: the link closes the socket that it speaks on [R7]. */
static void conclude(struct cast *c)
{
	assert(c->state != CAST_OVER);
	c->session = session_destroy(c->session);
	c->link = link_free(c->link);
	set_state(c, CAST_OVER, c->end.stage);
	if (!c->is_told) {
		c->is_told = true;
		c->ops->connected(c->userdata, c->end.error ?: -ECANCELED);
	}
	c->ops->over(c->userdata, &c->end);
}

struct cast *cast_free(struct cast *c)
{
	if (!c)
		return NULL;
	session_destroy(c->session);
	link_free(c->link);
	sd_event_source_disable_unref(c->post_source);
	sd_event_unref(c->event);
	free(c);
	return NULL;
}

const char *cast_state_to_string(enum cast_state state)
{
	switch (state) {
	case CAST_LINKING:
		return "connecting";
	case CAST_STARTING:
		return "starting";
	case CAST_STREAMING:
		return "streaming";
	case CAST_STOPPING:
		return "stopping";
	case CAST_OVER:
		return "over";
	}
	return "unknown";
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session's display: what is plugged into the head, and what the compositor does with it.
 * Knows the order (plug after Start, stream after plug), not the kernel's structures.
 */
#include "session-private.h"

#include "display/edid.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>

static int on_post_plug(sd_event_source *source, void *userdata);

void session_display_post_plug(struct session *s)
{
	if (s->head && !s->plug_source)
		session_post(s, &s->plug_source, on_post_plug);
}

/* The preferred mode is the one that was negotiated: the desktop's first commit then needs no M4. */
static size_t get_preferred_index(const struct session *s)
{
	const struct wfd_choice *found = wfd_choices_find(&s->choices, &s->choice.mode);

	return found ? (size_t)(found - s->choices.list) : s->choices.preferred;
}

static int plug(struct session *s, const uint8_t *edid, size_t size)
{
	struct media_mode modes[WFD_CHOICES_MAX];

	for (size_t i = 0; i < s->choices.n; i++)
		modes[i] = s->choices.list[i].mode;
	return head_plug(s->head, edid, size, modes, s->choices.n, get_preferred_index(s));
}

/* The sink's own EDID where it is whole; a TV is known to the desktop by it. */
static int plug_display(struct session *s)
{
	const struct wfd_sink *sink = exchange_get_sink(s->exchange);
	const struct edid_identity identity = { s->sink_name, s->sink_id, s->sink_id_size };
	uint8_t made[EDID_BLOCK_SIZE];
	int r;

	if (sink->edid_size >= EDID_BLOCK_SIZE &&
	    sink->edid_size == (size_t)EDID_BLOCK_SIZE * (1u + sink->edid[126])) {
		r = plug(s, sink->edid, sink->edid_size);
		if (r != -EINVAL)
			return r;
		log_debug("session: the kernel refused the sink's EDID; a made one replaces it");
	}
	edid_make(&identity, &s->choice.mode, made);
	return plug(s, made, sizeof(made));
}

static int on_post_plug(sd_event_source *source, void *userdata)
{
	struct session *s = userdata;
	int r;

	(void)source;
	s->plug_source = sd_event_source_disable_unref(s->plug_source);
	if (s->state != SESSION_STARTED || s->has_ended)
		return 0;
	r = plug_display(s);
	if (r < 0) {
		session_fail(s, SESSION_END_CRITICAL, SESSION_STAGE_DISPLAY, r,
			     "the kernel module refused the display");
		return 0;
	}
	if (!s->is_plugged)
		session_display_set_source(s, true);
	s->is_plugged = true;
	return 0;
}

void session_display_remove_mode(struct session *s, const struct media_mode *mode)
{
	struct wfd_choices *c = &s->choices;
	const struct wfd_choice *found = wfd_choices_find(c, mode);
	size_t at;

	if (!found || c->n == 1)
		return;
	at = (size_t)(found - c->list);
	memmove(&c->list[at], &c->list[at + 1], (c->n - at - 1) * sizeof(c->list[0]));
	c->n--;
	if (c->preferred > at || c->preferred == c->n)
		c->preferred--;
	if (s->is_plugged)
		session_display_post_plug(s);
}

static enum media_source get_media_source(const struct session *s)
{
	switch (s->source) {
	case SESSION_SOURCE_DEVICE:
		return MEDIA_SOURCE_DEVICE;
	case SESSION_SOURCE_PATTERN:
		return MEDIA_SOURCE_PATTERN;
	case SESSION_SOURCE_Y4M:
		return MEDIA_SOURCE_Y4M;
	}
	return MEDIA_SOURCE_PATTERN;
}

void session_display_set_source(struct session *s, bool has_stream)
{
	media_supervisor_set_source(s->media, get_media_source(s), has_stream,
				    s->source_refresh_hz, s->own_text);
}

int session_display_open_stream(void *userdata)
{
	struct session *s = userdata;

	return s->head ? head_open_stream(s->head) : -ENODEV;
}

static void handle_kernel_message(struct session *s, const struct session_kernel_message *message)
{
	switch (message->type) {
	case SESSION_KERNEL_MODE:
		if (message->mode.width > 0)
			session_rtsp_change_mode(s, &message->mode);
		return;
	case SESSION_KERNEL_POWER:
		session_display_set_source(s, message->active);
		return;
	case SESSION_KERNEL_GONE:
		session_fail(s, SESSION_END_COMPANION, SESSION_STAGE_DISPLAY, -ENODEV,
		     "the kernel module was unbound: load it again");
		return;
	}
}

int session_kernel_message(struct session *s, const struct session_kernel_message *message)
{
	switch (s->state) {
	case SESSION_START_PENDING:
		if (s->n_kernel_queue == SESSION_KERNEL_QUEUE_MAX)
			return -ENOBUFS;
		s->kernel_queue[s->n_kernel_queue++] = *message;
		return 0;
	case SESSION_STARTED:
		handle_kernel_message(s, message);
		return 0;
	case SESSION_STOPPED:
	case SESSION_STOP_PENDING:
		return -ESHUTDOWN;
	}
	return -ESHUTDOWN;
}

void session_display_on_message(void *userdata, const struct session_kernel_message *message)
{
	(void)session_kernel_message(userdata, message);
}

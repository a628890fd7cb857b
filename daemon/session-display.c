// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session's display: what is plugged into the head, and what the desktop does with it. Knows
 * the order (plug after Start, stream after plug), not the kernel's structures.
 *
 *	NONE --plug--> WAITING --10 s--> OFF_IN_DESKTOP
 *	                  |                    | on
 *	                  +---------on-------> ON --off--> GRACE --1 s--> ASLEEP
 *	                                       ^             | on           | on
 *	                                       +-------------+--------------+
 */
#include "session-private.h"

#include "display/edid.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- plug */

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

/* The one writer of the display's state; what the old one waited for is gone with it. */
static void set_display(struct session *s, enum session_display display)
{
	static const uint64_t limits_ms[] = {
		[SESSION_DISPLAY_WAITING] = SESSION_OFF_HINT_MS,
		[SESSION_DISPLAY_GRACE] = SESSION_OFF_GRACE_MS,
		[SESSION_DISPLAY_ASLEEP] = 0,
	};

	if (s->display == display)
		return;
	log_debug("session: the display is %s", session_display_to_string(display));
	s->display = display;
	if (limits_ms[display] > 0)
		session_timer_start(s, SESSION_TIMER_DISPLAY, limits_ms[display]);
	else
		session_timer_stop(s, SESSION_TIMER_DISPLAY);
}

/* From the loop, after the owner was told that Start is done [R6]; later on to swap the list. */
void session_display_plug(struct session *s)
{
	int r;

	if (!s->head || s->state != SESSION_STARTED || s->has_ended || !s->info.monitor_connected)
		return;
	r = plug_display(s);
	if (r < 0) {
		session_fail(s, SESSION_END_CRITICAL, SESSION_STAGE_DISPLAY, r,
			     "the kernel module refused the display");
		return;
	}
	if (s->display != SESSION_DISPLAY_NONE)
		return;
	set_display(s, SESSION_DISPLAY_WAITING);
	session_display_set_source(s);
}

void session_display_unplug(struct session *s)
{
	session_cancel(s, SESSION_NEWS_PLUG);
	if (!s->head || s->display == SESSION_DISPLAY_NONE)
		return;
	head_unplug(s->head);
	set_display(s, SESSION_DISPLAY_NONE);
}

void session_display_stop(struct session *s)
{
	s->n_kernel_queue = 0;
	if (s->head)
		head_revoke_stream(s->head);
}

/* ---------------------------------------------------------------- the source's own picture */

static const char *get_own_text(const struct session *s)
{
	switch (s->display) {
	case SESSION_DISPLAY_NONE:
		return s->host_name;
	case SESSION_DISPLAY_WAITING:
		return "waiting for the desktop's picture";
	case SESSION_DISPLAY_OFF_IN_DESKTOP:
		return "switch this display on in the desktop's display settings";
	case SESSION_DISPLAY_ON:
	case SESSION_DISPLAY_GRACE:
		return "no picture from the desktop";
	case SESSION_DISPLAY_ASLEEP:
		return "";
	}
	return "";
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

/*
 * A desktop in a mode that the sink refused, or that the link is too slow for, is shown letterboxed
 * in the one that is sent. While the sink is only asked for another mode, pictures of that one wait.
 */
static struct media_mode get_fit(const struct session *s)
{
	bool fits = s->source == SESSION_SOURCE_DEVICE && s->has_format &&
		    (s->is_refused_mode || s->is_degraded);

	if (!fits || (s->wanted.width == s->choice.mode.width &&
		      s->wanted.height == s->choice.mode.height))
		return (struct media_mode){ 0 };
	return (struct media_mode){ s->wanted.width, s->wanted.height, 0 };
}

/* Asleep, the desktop's last picture must not stay on a sink that has no standby. */
void session_display_set_source(struct session *s)
{
	bool has_stream = s->display != SESSION_DISPLAY_NONE &&
			  s->display != SESSION_DISPLAY_ASLEEP;
	struct media_set_source source = { .source = get_media_source(s),
					   .refresh_hz = s->source_refresh_hz };

	s->fit = get_fit(s);
	source.fit_width = s->fit.width;
	source.fit_height = s->fit.height;
	(void)snprintf(source.text, sizeof(source.text), "%s", get_own_text(s));
	media_supervisor_set_source(s->media, &source, has_stream);
}

void session_display_follow(struct session *s)
{
	struct media_mode fit = get_fit(s);

	if (fit.width != s->fit.width || fit.height != s->fit.height)
		session_display_set_source(s);
}

int session_display_open_stream(void *userdata)
{
	struct session *s = userdata;

	return s->head ? head_open_stream(s->head) : -ENODEV;
}

/* ---------------------------------------------------------------- on and off */

static void on_switched_on(struct session *s)
{
	bool was_off = s->display == SESSION_DISPLAY_ASLEEP ||
		       s->display == SESSION_DISPLAY_OFF_IN_DESKTOP;
	bool was_asleep = s->display == SESSION_DISPLAY_ASLEEP;

	if (s->display == SESSION_DISPLAY_NONE || s->display == SESSION_DISPLAY_ON)
		return;
	set_display(s, SESSION_DISPLAY_ON);
	if (was_off)
		session_display_set_source(s);
	if (was_asleep && exchange_get_sink(s->exchange)->standby)
		(void)exchange_play(s->exchange, clock_now_us());
	media_supervisor_request_idr(s->media);
}

static void on_switched_off(struct session *s)
{
	if (s->display == SESSION_DISPLAY_ON)
		set_display(s, SESSION_DISPLAY_GRACE);
}

static void fall_asleep(struct session *s)
{
	int r;

	set_display(s, SESSION_DISPLAY_ASLEEP);
	session_display_set_source(s);
	r = exchange_standby(s->exchange, clock_now_us());
	if (r < 0)
		log_debug("session: no standby: %s", strerror(-r));
}

static void hint_at_off(struct session *s)
{
	set_display(s, SESSION_DISPLAY_OFF_IN_DESKTOP);
	session_display_set_source(s);
	log_notice("session: the display is connected, but the desktop has it switched off: switch "
		   "it on in the desktop's display settings");
}

int session_display_on_timer(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct session *s = userdata;

	(void)source;
	(void)now_us;
	if (s->state != SESSION_STARTED || s->has_ended)
		return 0;
	if (s->display == SESSION_DISPLAY_WAITING)
		hint_at_off(s);
	else if (s->display == SESSION_DISPLAY_GRACE)
		fall_asleep(s);
	return 0;
}

/* ---------------------------------------------------------------- messages of the kernel */

static void on_power(struct session *s, bool active)
{
	if (active)
		on_switched_on(s);
	else
		on_switched_off(s);
}

static void on_mode(struct session *s, const struct media_mode *mode)
{
	s->wanted = *mode;
	s->is_refused_mode = !wfd_choices_find(&s->choices, mode);
	session_mode_follow(s);
	session_display_follow(s);
}

static void handle_kernel_message(struct session *s, const struct session_kernel_message *message)
{
	if (message->type == SESSION_KERNEL_GONE) {
		session_fail(s, SESSION_END_COMPANION, SESSION_STAGE_DISPLAY, -ENODEV,
			     "the kernel module was unbound: load it again");
		return;
	}
	/* Left over from the display before: a plug brings them anew. */
	if (s->has_ended || s->display == SESSION_DISPLAY_NONE)
		return;
	if (message->type == SESSION_KERNEL_MODE && message->mode.width > 0)
		on_mode(s, &message->mode);
	on_power(s, message->active);
}

static int hold_message(struct session *s, const struct session_kernel_message *message)
{
	if (s->n_kernel_queue == SESSION_KERNEL_QUEUE_MAX)
		return -ENOBUFS;
	s->kernel_queue[s->n_kernel_queue++] = *message;
	return 0;
}

int session_kernel_message(struct session *s, const struct session_kernel_message *message)
{
	switch (s->state) {
	case SESSION_START_PENDING:
		return hold_message(s, message);
	case SESSION_STARTED:
		if (s->n_kernel_queue > 0) /* it must not overtake those */
			return hold_message(s, message);
		handle_kernel_message(s, message);
		return 0;
	case SESSION_STOPPED:
	case SESSION_STOP_PENDING:
		return -ESHUTDOWN;
	}
	return -ESHUTDOWN;
}

/* Each once, in their order, after Start [R4]. */
void session_display_run_held(struct session *s)
{
	size_t n = s->n_kernel_queue;

	s->n_kernel_queue = 0;
	for (size_t i = 0; i < n; i++)
		handle_kernel_message(s, &s->kernel_queue[i]);
}

void session_display_on_message(void *userdata, const struct session_kernel_message *message)
{
	(void)session_kernel_message(userdata, message);
}

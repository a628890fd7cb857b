// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which mode the session sends: the list that sink, media and rate have in common, the first choice
 * and its ladder, and every later change of mind of the desktop, the sink and the link. Knows no RTSP
 * grammar and no ioctl.
 *
 *	wanted (the desktop's mode) -> what the rate carries -> asked (M4) -> choice (200) -> media
 */
#include "session-private.h"

#include "rtsp/wfd-quirks.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool session_mode_is_same(const struct media_mode *a, const struct media_mode *b)
{
	return a->width == b->width && a->height == b->height && a->refresh_hz == b->refresh_hz;
}

/*
 * Video formats make a monitor. A sink that has named a connector says by "none" that the monitor
 * is gone; many others say "none" all the time, so that alone counts for the strict only.
 */
bool session_has_monitor(const struct session *s, const struct wfd_sink *sink)
{
	if (!wfd_sink_has_monitor(sink))
		return false;
	if (wfd_sink_has(sink, WFD_PARAM_CONNECTOR_TYPE))
		return true;
	if (s->had_connector)
		return false;
	return !s->strict_monitor || wfd_sink_has(sink, WFD_PARAM_DISPLAY_EDID);
}

/* ---------------------------------------------------------------- the list */

static struct wfd_caps get_caps(const struct session *s)
{
	struct wfd_caps caps = {
		.profiles = s->caps.profiles,
		.max_level_idc = s->caps.max_level_idc,
		.max_width = (uint16_t)s->caps.max_width,
		.max_height = (uint16_t)s->caps.max_height,
		.max_pixel_rate = s->caps.max_pixel_rate,
		.audio_codecs = 1u << MEDIA_AUDIO_LPCM | 1u << MEDIA_AUDIO_AAC,
		.audio = MEDIA_AUDIO_LPCM,
	};

	if (s->mode_limit.width > 0) {
		caps.max_width = s->mode_limit.width;
		caps.max_height = s->mode_limit.height;
		caps.max_refresh_hz = s->mode_limit.refresh_hz;
	}
	return caps;
}

#define PIXEL_RATE_MAX (UINT64_C(8192) * 8192 * 240)

/* The tables have 640x480 at 60 Hz only: a wish for a lower rate must not cost the size. */
static int choose_modes(struct session *s)
{
	const struct wfd_sink *sink = exchange_get_sink(s->exchange);
	struct wfd_caps caps = get_caps(s);
	int r;

	r = wfd_choose(sink, &caps, s->link_bps, &s->choices);
	if (r == -EOPNOTSUPP && caps.max_refresh_hz > 0) {
		caps.max_refresh_hz = 0;
		r = wfd_choose(sink, &caps, s->link_bps, &s->choices);
	}
	/* A machine too slow for every mode shows the cheapest, with fewer pictures than it has. */
	while (r == -EOPNOTSUPP && caps.max_pixel_rate < PIXEL_RATE_MAX) {
		caps.max_pixel_rate = 2 * caps.max_pixel_rate + 1;
		r = wfd_choose(sink, &caps, s->link_bps, &s->choices);
	}
	s->info.reduced_mode_list = r == 0 && s->choices.reduced;
	return r;
}

/* A clip is shown best in its own size, and at its rate or a multiple of it. */
static const struct wfd_choice *get_preferred(const struct session *s)
{
	const struct wfd_choice *found = NULL;

	for (size_t i = 0; i < s->choices.n && s->caps.source_refresh_hz > 0; i++) {
		const struct wfd_choice *c = &s->choices.list[i];

		if (c->mode.width == s->caps.source_width &&
		    c->mode.height == s->caps.source_height &&
		    c->mode.refresh_hz % s->caps.source_refresh_hz == 0)
			found = c; /* the list goes from fast to slow */
	}
	return found ?: &s->choices.list[s->choices.preferred];
}

/* False where the last mode would go, which is the one that is sent. */
static bool remove_mode(struct session *s, const struct media_mode *mode)
{
	struct wfd_choices *c = &s->choices;
	const struct wfd_choice *found = wfd_choices_find(c, mode);
	size_t at;

	if (!found || c->n == 1)
		return false;
	at = (size_t)(found - c->list);
	memmove(&c->list[at], &c->list[at + 1], (c->n - at - 1) * sizeof(c->list[0]));
	c->n--;
	if (c->preferred > at || c->preferred == c->n)
		c->preferred--;
	return true;
}

/* ---------------------------------------------------------------- the first choice */

static void fail_choice(struct session *s, int error)
{
	char text[SESSION_TEXT_SIZE];

	if (error == -ENOSPC) {
		(void)snprintf(text, sizeof(text),
			       "the link carries %.1f Mbit/s, too little for any mode of at least "
			       "1024x768: move closer to the sink or free the channel",
			       (double)s->link_bps / 1e6);
		session_fail(s, SESSION_END_BANDWIDTH, SESSION_STAGE_MODE, error, text);
		return;
	}
	(void)snprintf(text, sizeof(text), "the sink offers no mode that %s here can encode%s",
		       s->caps.encoder, s->mode_limit.width ? ": allow a larger mode" : "");
	session_fail(s, SESSION_END_MODE, SESSION_STAGE_MODE,
		     error == -EOPNOTSUPP ? -ENOTSUP : error, text);
}

static void choose(struct session *s)
{
	const struct wfd_sink *sink = exchange_get_sink(s->exchange);
	size_t n;
	int r;

	s->is_waiting_for_caps = false;
	session_rate_on_sink(s);
	r = choose_modes(s);
	if (r < 0) {
		fail_choice(s, r);
		return;
	}
	s->had_connector = wfd_sink_has(sink, WFD_PARAM_CONNECTOR_TYPE);
	n = wfd_choices_ladder(&s->choices, get_preferred(s), s->ladder);
	s->asked = s->ladder[0];
	r = exchange_set_format(s->exchange, s->ladder, n, clock_now_us());
	if (r < 0)
		session_fail(s, SESSION_END_CRITICAL, SESSION_STAGE_RTSP, r, "M4 cannot be sent");
}

/* What media can encode is learned while the first messages go back and forth. */
void session_mode_on_sink(struct session *s)
{
	s->is_waiting_for_caps = true;
	if (s->has_caps)
		choose(s);
}

void session_mode_on_caps(void *userdata, const struct media_caps *caps)
{
	static const struct media_caps x264_caps = {
		.encoder = "x264",
		.profiles = 1u << MEDIA_PROFILE_CBP,
		.max_level_idc = 42,
		.max_width = 1920,
		.max_height = 1200,
		.max_pixel_rate = 1920 * 1080 * 30,
	};
	struct session *s = userdata;

	s->caps = caps ? *caps : x264_caps;
	s->has_caps = true;
	log_debug("session: %s encodes %u Mpixel/s", s->caps.encoder,
		  s->caps.max_pixel_rate / 1000000);
	if (s->is_waiting_for_caps && s->exchange)
		choose(s);
}

/* ---------------------------------------------------------------- the sink's answer */

static void configure_media(struct session *s)
{
	bool is_steady = exchange_get_quirks(s->exchange) & WFD_QUIRK_BIT(WFD_QUIRK_STEADY);
	struct media_configure configure = {
		.format = wfd_choice_format(&s->choice, MEDIA_AUDIO_NONE),
		.still_hz = is_steady ? MEDIA_STILL_HZ_MAX : 0,
		.rate_bps = session_rate_get_video(s),
		.max_frame_bytes = rate_max_frame_bytes(s->stream_bps),
		.encoder = s->encoder == SESSION_ENCODER_X264	 ? MEDIA_ENCODER_X264 :
			   s->encoder == SESSION_ENCODER_VAAPI ? MEDIA_ENCODER_VAAPI :
								   MEDIA_ENCODER_AUTO,
	};

	media_supervisor_configure(s->media, &configure);
}

/* The steps of the ladder above the accepted one were refused in every form. */
static void forget_refused_steps(struct session *s)
{
	for (size_t i = 0; i < WFD_LADDER_MAX; i++) {
		if (session_mode_is_same(&s->ladder[i].mode, &s->choice.mode))
			return;
		(void)remove_mode(s, &s->ladder[i].mode);
	}
}

/* Media opens its encoder while the sink thinks about M5. */
void session_mode_on_accepted(struct session *s, const struct wfd_choice *choice)
{
	bool is_first = !s->has_format;

	s->choice = *choice;
	s->has_format = true;
	session_rate_on_mode(s);
	configure_media(s);
	if (is_first) {
		s->asked = *choice;
		s->wanted = choice->mode;
		forget_refused_steps(s);
		session_display_set_source(s);
	}
	session_display_follow(s);
}

/*
 * A refused first mode ends in on_failed. A later one leaves the last accepted mode on the wire,
 * with the desktop letterboxed in it, and the desktop's list; unless the desktop has changed its mind
 * meanwhile: then not every form of M4 was tried.
 */
void session_mode_on_refused(struct session *s, const struct wfd_choice *choice, bool final)
{
	if (!final || !s->has_format || s->state != SESSION_STARTED ||
	    !session_mode_is_same(&choice->mode, &s->asked.mode))
		return;
	s->asked = s->choice;
	if (!remove_mode(s, &choice->mode))
		return;
	if (session_mode_is_same(&choice->mode, &s->wanted))
		s->is_refused_mode = true;
	session_display_follow(s);
	if (s->display != SESSION_DISPLAY_NONE)
		session_post(s, SESSION_NEWS_PLUG);
	session_mode_follow(s);
}

/* ---------------------------------------------------------------- changes */

static bool is_substitute(const struct session *s, const struct wfd_choice *c)
{
	return c->mode.width <= s->wanted.width && c->mode.height <= s->wanted.height &&
	       wfd_mode_pixel_rate(&c->mode) <= wfd_mode_pixel_rate(&s->wanted) &&
	       wfd_mode_affordable(&c->mode, s->link_bps);
}

/* The list goes from large to small and from fast to slow: fewer pictures come before smaller ones. */
const struct wfd_choice *session_mode_get_substitute(const struct session *s)
{
	for (size_t i = 0; i < s->choices.n; i++)
		if (is_substitute(s, &s->choices.list[i]))
			return &s->choices.list[i];
	return NULL;
}

static const struct wfd_choice *get_target(const struct session *s)
{
	return s->is_degraded ? session_mode_get_substitute(s)
			      : wfd_choices_find(&s->choices, &s->wanted);
}

/* In-band where the sink follows an IDR with new parameter sets (MS-WFDPE 2.5), else by M4. */
static void ask(struct session *s, const struct wfd_choice *choice)
{
	struct wfd_choice copy = *choice;
	int r;

	if (exchange_get_sink(s->exchange)->format_change) {
		s->asked = copy;
		session_mode_on_accepted(s, &copy);
		return;
	}
	r = exchange_set_format(s->exchange, &copy, 1, clock_now_us());
	if (r < 0)
		log_debug("session: %ux%u has to wait: %s", copy.mode.width, copy.mode.height,
			  strerror(-r));
	else
		s->asked = copy;
}

void session_mode_follow(struct session *s)
{
	const struct wfd_choice *target = get_target(s);

	if (s->state != SESSION_STARTED || s->has_ended || !s->info.monitor_connected)
		return;
	if (target && !session_mode_is_same(&target->mode, &s->asked.mode))
		ask(s, target);
}

/* The old list is gone; a mode that both monitors have goes on without a word. */
void session_mode_on_monitor(struct session *s)
{
	int r = choose_modes(s);

	if (r < 0) {
		fail_choice(s, r);
		return;
	}
	if (!wfd_choices_find(&s->choices, &s->wanted))
		s->wanted = get_preferred(s)->mode;
	if (s->display != SESSION_DISPLAY_NONE)
		session_post(s, SESSION_NEWS_PLUG);
	session_mode_follow(s);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session and the rate: what Start was told, the report of each second, what media and the sink
 * complain of, and what happens when the link does not carry the present mode any more. How much is
 * right is rate.c's business, what the link recommends the link's.
 *
 *	the rate falls, but carries the mode	the encoder follows, nothing else
 *	it is below the mode's floor, 2 s	a lower mode takes its place, where there is one
 *	it is below the mode's floor, 5 s	the session ends: insufficient-bandwidth
 *	it carries the wanted mode again, 10 s	back to that
 */
#include "session-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static void limit(uint64_t *bps, uint64_t max_bps)
{
	if (max_bps != 0 && max_bps < *bps)
		*bps = max_bps;
}

void session_rate_start(struct session *s, const struct session_link_stats *stats)
{
	s->link_bps = stats->current_bps;
	limit(&s->link_bps, stats->local_max_bps);
	limit(&s->link_bps, stats->remote_max_bps);
	rate_init(&s->rate, stats, clock_now_us());
	s->stream_bps = s->rate.bps;
}

/* microsoft_max_bitrate: the source must stay at or below it (MS-WFDPE 2.2). */
void session_rate_on_sink(struct session *s)
{
	rate_set_sink_max(&s->rate, exchange_get_sink(s->exchange)->max_bitrate);
	s->stream_bps = s->rate.bps;
}

/* Media is configured with it right after. */
void session_rate_on_mode(struct session *s)
{
	rate_set_mode(&s->rate, &s->choice.mode);
	s->stream_bps = s->rate.bps;
	s->low_since_us = s->high_since_us = 0;
}

/* Within Start and Stop only [R12]; a link that has no rates leaves us with what Start was told. */
void session_rate_register(struct session *s, bool on)
{
	int r;

	if (on == s->has_data_rate || !s->ops->register_data_rate)
		return;
	s->notes++;
	r = s->ops->register_data_rate(s->userdata, on);
	s->notes--;
	s->has_data_rate = on && r >= 0;
}

uint64_t session_rate_get_video(const struct session *s)
{
	uint64_t bps = rate_for_video(s->stream_bps, MEDIA_AUDIO_NONE);

	limit(&bps, wfd_level_max_bps(s->choice.level_idc, s->choice.profile));
	return bps;
}

/* ---------------------------------------------------------------- what the encoder is told */

void session_rate_apply(struct session *s)
{
	if (s->rate.bps == s->stream_bps)
		return;
	s->stream_bps = s->rate.bps;
	media_supervisor_set_rate(s->media, session_rate_get_video(s),
				  rate_max_frame_bytes(s->stream_bps));
}

void session_rate_play(struct session *s)
{
	session_timer_start_us(s, SESSION_TIMER_RATE, RATE_TICK_US);
}

int session_rate_on_timer(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct session *s = userdata;

	(void)source;
	(void)now_us;
	rate_on_tick(&s->rate, clock_now_us());
	session_rate_apply(s);
	session_rtcp_on_tick(s);
	session_timer_start_us(s, SESSION_TIMER_RATE, RATE_TICK_US);
	return 0;
}

void session_rate_on_request(struct session *s)
{
	rate_on_request(&s->rate, clock_now_us());
	session_rate_apply(s);
}

void session_rate_on_report(struct session *s, const struct rate_report *report)
{
	rate_on_report(&s->rate, report, clock_now_us());
	session_rate_apply(s);
}

void session_rate_on_fact(struct session *s, const union media_message *fact)
{
	if (fact->header.type == MEDIA_RATE) {
		rate_on_produced(&s->rate, fact->rate.stream_bps, clock_now_us());
	} else if (fact->header.type == MEDIA_BLOCKED) {
		log_debug("media: %u bytes wait for the network since %u us",
			  fact->blocked.queued_bytes, fact->blocked.queued_us);
		rate_on_blocked(&s->rate, fact->blocked.queued_us, clock_now_us());
		session_rate_apply(s);
	}
}

/* ---------------------------------------------------------------- what the link reports */

/* Whether something has lasted for limit_ms; *since_us is 0 while it does not. */
static bool has_lasted(uint64_t *since_us, bool lasts, uint64_t limit_ms)
{
	if (!lasts)
		*since_us = 0;
	else if (*since_us == 0)
		*since_us = clock_now_us();
	return lasts && clock_now_us() - *since_us >= clock_limit_us(limit_ms * USEC_PER_MSEC);
}

static void end_for_bandwidth(struct session *s)
{
	char text[SESSION_TEXT_SIZE];

	(void)snprintf(text, sizeof(text),
		       "the link carries %.1f Mbit/s, too little for %ux%u at %u Hz: move closer to "
		       "the sink or choose a smaller mode",
		       (double)s->link_bps / 1e6, s->choice.mode.width, s->choice.mode.height,
		       s->choice.mode.refresh_hz);
	session_fail(s, SESSION_END_BANDWIDTH, SESSION_STAGE_STREAMING, -ENOSPC, text);
}

static void watch_floor(struct session *s)
{
	bool low = !wfd_mode_affordable(&s->choice.mode, s->link_bps);

	if (has_lasted(&s->low_since_us, low, SESSION_BANDWIDTH_MS)) {
		end_for_bandwidth(s);
		return;
	}
	/* The same clock, a shorter limit. */
	if (!has_lasted(&s->low_since_us, low, SESSION_DEGRADE_MS) ||
	    !session_mode_get_substitute(s))
		return;
	if (!s->is_degraded)
		log_notice("session: the link carries %.1f Mbit/s only: a lower mode is sent",
			   (double)s->link_bps / 1e6);
	s->is_degraded = true;
	session_mode_follow(s);
}

static void watch_recovery(struct session *s)
{
	bool high = s->is_degraded && wfd_mode_affordable(&s->wanted, s->link_bps / 5 * 4);

	if (!has_lasted(&s->high_since_us, high, SESSION_RECOVER_MS))
		return;
	log_notice("session: the link is good again");
	s->is_degraded = false;
	s->high_since_us = 0;
	session_mode_follow(s);
}

int session_data_rate(struct session *s, const struct session_data_rate *rate)
{
	assert(s->notes == 0);
	if (!s->has_data_rate)
		return -ESHUTDOWN;
	if (!rate) {
		s->has_data_rate = false;
		s->low_since_us = s->high_since_us = 0;
		rate_on_link(&s->rate, NULL, clock_now_us());
		return 0;
	}
	/* Start chooses by what it was told; without a monitor there is no mode to judge. */
	if (s->state != SESSION_STARTED || s->has_ended || !s->info.monitor_connected)
		return 0;
	s->link_bps = rate->encoder_bps;
	limit(&s->link_bps, rate->max_tx_bps);
	rate_on_link(&s->rate, rate, clock_now_us());
	session_rate_apply(s);
	watch_floor(s);
	watch_recovery(s);
	return 0;
}

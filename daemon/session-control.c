// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a user may change while a session runs: the mode, where no desktop chooses it, and how much
 * the stream may take at most. Knows what is possible, not who asks.
 */
#include "session-private.h"

#include <assert.h>
#include <errno.h>

size_t session_get_modes(const struct session *s, struct media_mode *ret, size_t max)
{
	for (size_t i = 0; i < s->choices.n && i < max; i++)
		ret[i] = s->choices.list[i].mode;
	return s->choices.n;
}

/* With the module the desktop sets the mode, and media lets no picture of another size pass. */
int session_set_mode(struct session *s, const struct media_mode *mode)
{
	assert(s->notes == 0);
	if (s->state != SESSION_STARTED || s->has_ended || !s->info.monitor_connected)
		return -ESHUTDOWN;
	if (s->source == SESSION_SOURCE_DEVICE)
		return -EOPNOTSUPP;
	if (!wfd_choices_find(&s->choices, mode))
		return -EINVAL;
	s->wanted = *mode;
	s->is_degraded = false;
	session_mode_follow(s);
	return 0;
}

int session_limit_rate(struct session *s, uint64_t bps)
{
	uint64_t sink_bps;

	assert(s->notes == 0);
	if (s->state != SESSION_STARTED || s->has_ended)
		return -ESHUTDOWN;
	if (bps != 0 && (bps < RATE_MIN_BPS || bps > RATE_MAX_BPS))
		return -ERANGE;
	sink_bps = exchange_get_sink(s->exchange)->max_bitrate;
	if (bps != 0 && (sink_bps == 0 || bps < sink_bps))
		sink_bps = bps;
	rate_set_sink_max(&s->rate, sink_bps);
	session_rate_apply(s);
	return 0;
}

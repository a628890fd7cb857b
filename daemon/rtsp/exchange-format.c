// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The exchange, M4: the ladder of tries for one format. The first time a session depends on it; later
 * a refusal leaves what is.
 *
 *	wanted with options -> wanted without -> the next of the ladder without -> ...
 */
#include "rtsp/exchange-private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static bool can_change(const struct exchange *x)
{
	return x->state == EXCHANGE_STATE_PLAYING || x->state == EXCHANGE_STATE_PAUSED ||
	       x->state == EXCHANGE_STATE_STANDBY;
}

int exchange_set_format(struct exchange *x, const struct wfd_choice *ladder, size_t n,
			uint64_t now_us)
{
	bool asking_again = x->state == EXCHANGE_STATE_CAPABILITIES && x->has_sink;

	assert(n > 0 && n <= WFD_LADDER_MAX);
	if (x->state != EXCHANGE_STATE_CHOICE && !asking_again && !can_change(x))
		return -EBUSY;
	if (!x->has_session && (!wfd_sink_has_monitor(&x->sink) || !x->sink.rtp.port))
		return -EOPNOTSUPP;
	x->now = now_us;
	x->next_format = (struct exchange_format){ .n = n };
	memcpy(x->next_format.ladder, ladder, n * sizeof(*ladder));
	if (x->state == EXCHANGE_STATE_CHOICE) {
		exchange_next_format(x);
		exchange_go(x, EXCHANGE_STATE_FORMAT);
	} else {
		exchange_want(x, REQUEST_M4);
	}
	return 0;
}

/* The first M4 has an option only for sinks that know it; a later one tells when it happens. */
void exchange_next_format(struct exchange *x)
{
	x->wanted &= ~(1u << REQUEST_M4);
	x->format = x->next_format;
	x->format.plain = !x->has_session && !x->sink.latency_management;
}

static void on_accepted(struct exchange *x)
{
	x->accepted = x->format.ladder[x->format.rung];
	x->has_accepted = true;
	if (x->state == EXCHANGE_STATE_FORMAT)
		exchange_go(x, EXCHANGE_STATE_TRIGGER);
	if (x->ops->on_format_accepted)
		x->ops->on_format_accepted(x->userdata, &x->accepted);
}

/* False: there is nothing left to try, or something newer is wanted. */
static bool climb_down(struct exchange *x)
{
	struct exchange_format *f = &x->format;

	f->step++;
	if (x->wanted & 1u << REQUEST_M4)
		return false;
	if (!f->plain)
		f->plain = true;
	else
		f->rung++;
	return f->rung < f->n;
}

static void on_refused(struct exchange *x, unsigned status)
{
	struct wfd_choice refused = x->format.ladder[x->format.rung];
	unsigned step = x->format.step;
	bool again = climb_down(x);

	if (again)
		exchange_send_m4(x);
	else if (x->state == EXCHANGE_STATE_FORMAT)
		exchange_refused(x, "M4", status);
	if (x->ops->on_format_refused)
		x->ops->on_format_refused(x->userdata, &refused, status, step, !again);
}

void exchange_on_m4_answer(struct exchange *x, const struct rtsp_message *m)
{
	if (exchange_is_ok(m))
		on_accepted(x);
	else
		on_refused(x, m->status);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every cast ends because the computer goes to sleep, or the service ends; what sleep has ended is
 * made again. Radio and sinks take their time to wake up: until then a cast is a wish.
 */
#include "manager-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>

#define WISH_LIMIT_US (60 * USEC_PER_SEC)
#define WISH_STEP_US  USEC_PER_SEC

static int on_idle(sd_event_source *source, void *userdata);
static int on_wish_time(sd_event_source *source, uint64_t now_us, void *userdata);

int manager_sleep_init(struct manager *m)
{
	int r;

	r = sd_event_add_defer(m->event, &m->idle_source, on_idle, m);
	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(m->idle_source, SD_EVENT_OFF);
	r = sd_event_add_time_relative(m->event, &m->wish_source, CLOCK_MONOTONIC, WISH_STEP_US, 0,
				       on_wish_time, m);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(m->wish_source, SD_EVENT_OFF);
}

/* ---------------------------------------------------------------- to sleep */

static void wish_again(struct manager *m, const struct manager_cast *c)
{
	struct wish *wish = &m->wishes[m->n_wishes];

	if (c->cast->state != CAST_STREAMING || m->n_wishes == MANAGER_CASTS_MAX)
		return;
	*wish = (struct wish){ .request = c->request };
	memcpy(wish->sink, c->sink->id, sizeof(wish->sink));
	m->n_wishes++;
}

void manager_stop_all(struct manager *m, const char *text)
{
	/* Sleep may come first and the service's end then: the casts stop once, idle comes twice. */
	for (size_t i = 0; i < m->n_casts && !m->is_halted; i++) {
		if (m->config->reconnect_after_suspend)
			wish_again(m, m->casts[i]);
		cast_stop(m->casts[i]->cast, text);
	}
	m->is_halted = true;
	(void)sd_event_source_set_enabled(m->wish_source, SD_EVENT_OFF);
	if (m->n_casts == 0)
		(void)sd_event_source_set_enabled(m->idle_source, SD_EVENT_ONESHOT);
}

static int on_idle(sd_event_source *source, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	m->ops->idle(m->userdata);
	return 0;
}

/* ---------------------------------------------------------------- awake again */

void manager_resume(struct manager *m)
{
	m->is_halted = false;
	if (m->n_wishes == 0)
		return;
	m->wish_limit_us = clock_now_us() + clock_limit_us(WISH_LIMIT_US);
	manager_set_finding(m, m->is_finding);
	(void)sd_event_source_set_time_relative(m->wish_source, 0);
	(void)sd_event_source_set_enabled(m->wish_source, SD_EVENT_ONESHOT);
}

/* What is only not there yet is tried again; nobody shall be asked twice whether he accepts. */
void manager_sleep_on_over(struct manager *m, const struct manager_cast *c,
			   const struct cast_end *end)
{
	bool is_early = end->error == -ENODEV || end->error == -ENOENT || end->error == -EBUSY;

	if (m->is_halted || is_early) /* a second sleep does not take away what the first has left */
		return;
	for (size_t i = 0; i < m->n_wishes; i++)
		if (m->wishes[i].number == c->number) {
			m->wishes[i] = m->wishes[--m->n_wishes];
			return;
		}
}

/* True: nothing is left to wish, for better or worse. */
static bool grant(struct manager *m, struct wish *wish, bool is_last)
{
	struct manager_sink *sink = manager_find_sink(m, wish->sink);
	struct cast_end end = { .stage = "connect", .error = -ENOENT, .text = "it is not there" };
	struct manager_cast *cast;
	int r = -ENOENT;

	if (sink && sink->cast)
		return is_last || sink->cast->cast->state == CAST_STREAMING;
	if (sink)
		r = manager_connect(m, sink, &wish->request, &cast, &end);
	if (r == 0) {
		wish->number = cast->number;
		return false;
	}
	/* Somebody else may have the seat by now: that is for them to say. */
	if (!is_last && r != -EPERM)
		return false;
	(void)log_warning(r, "%s: cannot connect again: %s: %s", sink ? sink->name : wish->sink,
			  end.stage, end.text);
	return true;
}

static int on_wish_time(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct manager *m = userdata;
	bool is_last = clock_now_us() >= m->wish_limit_us;
	size_t left = 0;

	(void)now_us;
	for (size_t i = 0; i < m->n_wishes; i++)
		if (!grant(m, &m->wishes[i], is_last))
			m->wishes[left++] = m->wishes[i];
	m->n_wishes = left;
	manager_set_finding(m, m->is_finding);
	(void)sd_event_source_set_time_relative(source, WISH_STEP_US);
	return sd_event_source_set_enabled(source, left > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

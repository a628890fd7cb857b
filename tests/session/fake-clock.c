// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake-clock.h"

#include <assert.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

/*
 * A real timer of the loop that is set to "long ago" when the fake time has come and to "never"
 * before, so that everything else about it is sd-event's own behaviour.
 */
struct timer {
	struct timer *next;
	sd_event_source *source;
	uint64_t deadline_us;
	sd_event_time_handler_t handler;
};

#define LONG_AGO UINT64_C(1)

static _Thread_local uint64_t now = UINT64_C(1000000000);
static _Thread_local struct timer *timers;

int __real_sd_event_add_time(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
			     uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __wrap_sd_event_add_time(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
			     uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **ret, clockid_t clock,
				      uint64_t usec, uint64_t accuracy,
				      sd_event_time_handler_t handler, void *userdata);
int __real_sd_event_source_set_time(sd_event_source *s, uint64_t usec);
int __wrap_sd_event_source_set_time(sd_event_source *s, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);
sd_event_source *__real_sd_event_source_disable_unref(sd_event_source *s);
sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *s);

uint64_t clock_now_us(void)
{
	return now;
}

uint64_t clock_now_ns(void)
{
	return now * NSEC_PER_USEC;
}

uint64_t clock_limit_us(uint64_t limit_us)
{
	return limit_us;
}

uint64_t clock_stretched_us(uint64_t limit_us)
{
	return limit_us;
}

static struct timer *find(const sd_event_source *s)
{
	struct timer *t = timers;

	while (t && t->source != s)
		t = t->next;
	return t;
}

static void arm(struct timer *t)
{
	int r = __real_sd_event_source_set_time(t->source,
						t->deadline_us <= now ? LONG_AGO : UINT64_MAX);

	assert(r >= 0);
	(void)r;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct timer *t = find(s);

	(void)usec;
	assert(t);
	return t->handler(s, t->deadline_us, userdata);
}

int __wrap_sd_event_add_time(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
			     uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
	struct timer *t = malloc(sizeof(*t));
	int r;

	(void)accuracy;
	assert(t && ret && clock == CLOCK_MONOTONIC);
	*t = (struct timer){ timers, NULL, usec, handler };
	r = __real_sd_event_add_time(e, &t->source, clock, UINT64_MAX, 1, on_timer, userdata);
	if (r < 0) {
		free(t);
		return r;
	}
	timers = t;
	arm(t);
	*ret = t->source;
	return 0;
}

int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **ret, clockid_t clock,
				      uint64_t usec, uint64_t accuracy,
				      sd_event_time_handler_t handler, void *userdata)
{
	return __wrap_sd_event_add_time(e, ret, clock, now + usec, accuracy, handler, userdata);
}

int __wrap_sd_event_source_set_time(sd_event_source *s, uint64_t usec)
{
	struct timer *t = find(s);

	assert(t);
	t->deadline_us = usec;
	arm(t);
	return 0;
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec)
{
	return __wrap_sd_event_source_set_time(s, now + usec);
}

sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *s)
{
	struct timer **at = &timers;

	while (*at && (*at)->source != s)
		at = &(*at)->next;
	if (s && *at) {
		struct timer *gone = *at;

		*at = gone->next;
		free(gone);
	}
	return __real_sd_event_source_disable_unref(s);
}

uint64_t fake_clock_next_us(void)
{
	uint64_t next = UINT64_MAX;
	int enabled;

	for (struct timer *t = timers; t; t = t->next)
		if (sd_event_source_get_enabled(t->source, &enabled) > 0 && t->deadline_us < next)
			next = t->deadline_us;
	return next;
}

void fake_clock_set_us(uint64_t now_us)
{
	assert(now_us >= now);
	now = now_us;
	for (struct timer *t = timers; t; t = t->next)
		arm(t);
}

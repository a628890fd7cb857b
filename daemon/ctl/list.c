// SPDX-License-Identifier: GPL-2.0-or-later
/* miracastctl list: looks for sinks for a while and shows each as it comes, changes or goes. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_SECONDS 5
#define POLL_US		UINT64_C(250000)

struct list {
	struct ctl *ctl;
	struct ctl_objects shown;
	uint64_t left_us;
	int result;
};

static int on_poll(sd_event_source *source, uint64_t now_us, void *userdata);

static void print_signal(int signal)
{
	if (signal)
		printf("%4d dBm", signal);
	else
		printf("%8s", "-");
}

static void print_sink(const struct ctl_sink *s, char mark)
{
	printf("%c %-32s %-21s ", mark, s->name, s->address);
	print_signal(s->signal);
	printf("  %s%s\n", s->state, s->remembered ? ", remembered" : "");
}

static void print_json(const struct ctl_objects *o)
{
	printf("[");
	for (size_t i = 0; i < o->n_sinks; i++) {
		const struct ctl_sink *s = &o->sinks[i];

		printf("%s\n  {\"id\": ", i ? "," : "");
		ctl_json_string(strrchr(s->path, '/') + 1);
		printf(", \"name\": ");
		ctl_json_string(s->name);
		printf(", \"address\": ");
		ctl_json_string(s->address);
		printf(", \"state\": ");
		ctl_json_string(s->state);
		printf(", \"signal_dbm\": %d, \"remembered\": %s}", s->signal,
		       s->remembered ? "true" : "false");
	}
	printf("%s]\n", o->n_sinks ? "\n" : "");
}

static const struct ctl_sink *find_same(const struct ctl_objects *o, const struct ctl_sink *s)
{
	return ctl_get_sink(o, s->path);
}

/* Plain lines: a terminal and a pipe see the same. */
static void print_changes(struct list *l, const struct ctl_objects *now)
{
	for (size_t i = 0; i < now->n_sinks; i++) {
		const struct ctl_sink *old = find_same(&l->shown, &now->sinks[i]);

		if (!old)
			print_sink(&now->sinks[i], ' ');
		else if (strcmp(old->state, now->sinks[i].state) != 0)
			print_sink(&now->sinks[i], '~');
	}
	for (size_t i = 0; i < l->shown.n_sinks; i++)
		if (!find_same(now, &l->shown.sinks[i]))
			print_sink(&l->shown.sinks[i], '-');
}

static int look(struct list *l)
{
	static struct ctl_objects now;
	int r = ctl_get_objects(l->ctl, &now);

	if (r != CTL_OK)
		return r;
	if (!l->ctl->json)
		print_changes(l, &now);
	l->shown = now;
	return CTL_OK;
}

static int on_poll(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct list *l = userdata;

	(void)now_us;
	l->result = look(l);
	if (l->result != CTL_OK || l->left_us < POLL_US)
		return sd_event_exit(l->ctl->event, 0);
	l->left_us -= POLL_US;
	(void)sd_event_source_set_time_relative(source, POLL_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct list *l = userdata;

	(void)source;
	(void)si;
	return sd_event_exit(l->ctl->event, 0);
}

int ctl_list(struct ctl *c)
{
	static struct list l;
	int r;

	l = (struct list){ .ctl = c };
	l.left_us = (uint64_t)(c->seconds >= 0 ? c->seconds : DEFAULT_SECONDS) * 1000000;
	r = ctl_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER, "Discover", NULL);
	if (r != CTL_OK)
		return r;
	if (ctl_catch_signals(c, on_signal, &l) < 0 ||
	    sd_event_add_time_relative(c->event, NULL, CLOCK_MONOTONIC, 0, 0, on_poll, &l) < 0 ||
	    sd_event_loop(c->event) < 0)
		return CTL_FAILED;
	if (l.result == CTL_OK && c->json)
		print_json(&l.shown);
	else if (l.result == CTL_OK && l.shown.n_sinks == 0)
		ctl_complain("no sink was found: switch its screen mirroring on; "
			     "\"miracastctl doctor\" knows what else can be wrong");
	return l.result;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracastctl list: looks for sinks for a while. On a terminal a table that is always the present
 * one; else a line for each sink that comes, changes its state, or goes.
 */
#include "ctl/ctl.h"
#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_SECONDS 5
#define POLL_US		UINT64_C(250000)
#define NAME_WIDTH	32
#define ADDRESS_WIDTH	21

struct list {
	struct ctl *ctl;
	struct ctl_objects shown;
	char *table; /* that is on the terminal */
	uint64_t end_us; /* UINT64_MAX: on Ctrl-C */
	bool is_over;
	int result;
};

static int on_poll(sd_event_source *source, uint64_t now_us, void *userdata);

/* ---------------------------------------------------------------- text */

static void print_sink(FILE *out, const struct ctl_sink *s)
{
	ctl_print_column(out, s->name, NAME_WIDTH);
	fprintf(out, " %-*s ", ADDRESS_WIDTH, s->address);
	if (s->signal)
		fprintf(out, "%4d dBm", s->signal);
	else
		fprintf(out, "%8s", "-");
	fprintf(out, "  %s%s\n", s->state, s->remembered ? ", remembered" : "");
}

static void print_table(FILE *out, const struct ctl_objects *o)
{
	fprintf(out, "%-*s %-*s %8s  %s\n", NAME_WIDTH, "NAME", ADDRESS_WIDTH, "ADDRESS", "SIGNAL",
		"STATE");
	for (size_t i = 0; i < o->n_sinks; i++)
		print_sink(out, &o->sinks[i]);
}

static void draw(struct list *l, const struct ctl_objects *now)
{
	char *table = NULL;
	size_t size;
	FILE *out = open_memstream(&table, &size);

	if (!out)
		return;
	if (now->n_sinks > 0)
		print_table(out, now);
	if (!l->is_over)
		fputs(now->n_sinks ? "...\n" : "Looking for sinks ...\n", out);
	(void)fclose(out);
	if (!l->table || strcmp(l->table, table) != 0)
		ctl_redraw(table);
	free(l->table);
	l->table = table;
}

/* ---------------------------------------------------------------- JSON */

static void print_object(const struct ctl_sink *s)
{
	printf("{\"id\": ");
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

static void print_list(const struct ctl_objects *o)
{
	printf("[");
	for (size_t i = 0; i < o->n_sinks; i++) {
		printf("%s\n  ", i ? "," : "");
		print_object(&o->sinks[i]);
	}
	printf("%s]\n", o->n_sinks ? "\n" : "");
}

/* ---------------------------------------------------------------- changes */

static void print_change(const struct list *l, const struct ctl_sink *s, char mark,
			 const char *event)
{
	if (!l->ctl->json) {
		printf("%c ", mark);
		print_sink(stdout, s);
		return;
	}
	printf("{\"event\": \"%s\", \"sink\": ", event);
	print_object(s);
	printf("}\n");
}

static void print_changes(const struct list *l, const struct ctl_objects *now)
{
	for (size_t i = 0; i < now->n_sinks; i++) {
		const struct ctl_sink *s = &now->sinks[i], *old = ctl_get_sink(&l->shown, s->path);

		if (!old)
			print_change(l, s, ' ', "added");
		else if (strcmp(old->state, s->state) != 0 || old->remembered != s->remembered)
			print_change(l, s, '~', "changed");
	}
	for (size_t i = 0; i < l->shown.n_sinks; i++)
		if (!ctl_get_sink(now, l->shown.sinks[i].path))
			print_change(l, &l->shown.sinks[i], '-', "removed");
}

/* ---------------------------------------------------------------- the run */

static int look(struct list *l)
{
	static struct ctl_objects now;
	int r = ctl_get_objects(l->ctl, &now);

	if (r != CTL_OK)
		return r;
	if (l->ctl->is_terminal && !l->ctl->json)
		draw(l, &now);
	else if (!l->ctl->json || l->ctl->live)
		print_changes(l, &now);
	l->shown = now;
	return CTL_OK;
}

static int on_poll(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct list *l = userdata;

	(void)now_us;
	l->is_over = clock_now_us() >= l->end_us;
	l->result = look(l);
	if (l->result != CTL_OK || l->is_over)
		return sd_event_exit(l->ctl->event, 0);
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

/* Nobody shall wait for what cannot come. */
static int explain(const struct list *l)
{
	const struct ctl_objects *o = &l->shown;

	if (o->n_sinks > 0)
		return CTL_OK;
	if (*o->radio_problem) {
		ctl_complain("Wi-Fi Direct cannot be used: %s", o->radio_problem);
		return CTL_NOT_CONNECTED;
	}
	if (!l->ctl->json)
		ctl_complain("no sink was found: switch its screen mirroring on; "
			     "\"miracastctl doctor\" knows what else can be wrong");
	return CTL_OK;
}

int ctl_list(struct ctl *c)
{
	static struct list l;
	int r;

	l = (struct list){ .ctl = c };
	l.end_us = c->live ? UINT64_MAX :
			     clock_now_us() + (c->seconds >= 0 ? (unsigned)c->seconds :
								DEFAULT_SECONDS) * USEC_PER_SEC;
	/* --seconds 0 asks for what is known just now, and nobody for a password. */
	r = c->seconds == 0 ? CTL_OK : ctl_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER,
						"Discover", NULL);
	if (r != CTL_OK)
		return r;
	if (ctl_end_with_service(c, &l.result) < 0 || ctl_catch_signals(c, on_signal, &l) < 0 ||
	    sd_event_add_time_relative(c->event, NULL, CLOCK_MONOTONIC, 0, 0, on_poll, &l) < 0 ||
	    sd_event_loop(c->event) < 0)
		return CTL_FAILED;
	free(l.table);
	if (l.result == CTL_OK && c->json && !c->live)
		print_list(&l.shown);
	return l.result == CTL_OK ? explain(&l) : l.result;
}

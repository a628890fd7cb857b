// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracastctl stats: a frame's way as one line, anew every second.
 *
 *	captured 0.7 -> converted 1.2 -> encoded 4.8 -> first-datagram 4.9 -> last-datagram 5.1 ms
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct watch {
	struct ctl *ctl;
	struct ctl_session last;
	char path[160]; /* the session's; "": not chosen yet */
	int left;	/* lines */
	int result;
};

static struct ctl_objects objects;

static const struct ctl_session *get_session(struct watch *w)
{
	const struct ctl_session *s;

	if (!*w->path) {
		s = ctl_find_session(&objects, w->ctl->argc ? w->ctl->argv[0] : NULL);
		if (s)
			(void)snprintf(w->path, sizeof(w->path), "%s", s->path);
		return s;
	}
	for (size_t i = 0; i < objects.n_sessions; i++)
		if (strcmp(objects.sessions[i].path, w->path) == 0)
			return &objects.sessions[i];
	return NULL;
}

static void write_line(FILE *out, const struct watch *w, const struct ctl_session *s)
{
	for (size_t i = 0; i < s->stats.n_path; i++)
		fprintf(out, "%s%s %.1f", i ? " -> " : "", s->stats.path[i].name,
			s->stats.path[i].p50 / 1e3);
	fputs(s->stats.n_path ? " ms" : "nothing was sent yet", out);
	if (*w->last.path)
		fprintf(out, "; %llu fps, %.1f Mbit/s",
			(unsigned long long)(s->stats.encoded - w->last.stats.encoded),
			(double)(s->stats.bytes - w->last.stats.bytes) * 8 / 1e6);
	fprintf(out, "; dropped %llu, late %llu, restarts %u, %s\n",
		(unsigned long long)s->stats.dropped, (unsigned long long)s->stats.late,
		s->media_restarts, s->quality);
}

/* On a terminal it stays one line, that lives; elsewhere each second adds one. */
static void print_line(const struct watch *w, const struct ctl_session *s)
{
	char *text = NULL;
	size_t size;
	FILE *out = w->ctl->is_terminal ? open_memstream(&text, &size) : NULL;

	write_line(out ?: stdout, w, s);
	if (!out)
		return;
	(void)fclose(out);
	ctl_redraw(text);
	free(text);
}

static void print_json(const struct ctl_session *s)
{
	const struct {
		const char *key;
		uint64_t value;
	} all[] = {
		{ "frames_captured", s->stats.captured },
		{ "frames_encoded", s->stats.encoded },
		{ "frames_dropped", s->stats.dropped },
		{ "frames_late", s->stats.late },
		{ "idr_frames", s->stats.idr },
		{ "datagrams", s->stats.datagrams },
		{ "bytes", s->stats.bytes },
		{ "send_errors", s->stats.send_errors },
		{ "connect_to_play_us", s->stats.connect_to_play_us },
		{ "media_restarts", s->media_restarts },
	};

	printf("{\"session\": ");
	ctl_json_string(s->path);
	printf(", ");
	ctl_json_sink(&objects, s->sink);
	printf(", \"link_quality\": ");
	ctl_json_string(s->quality);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		printf(", \"%s\": %llu", all[i].key, (unsigned long long)all[i].value);
	printf(", \"path_us\": {");
	for (size_t i = 0; i < s->stats.n_path; i++)
		printf("%s\"%s\": {\"p50\": %u, \"p99\": %u, \"max\": %u}", i ? ", " : "",
		       s->stats.path[i].name, s->stats.path[i].p50, s->stats.path[i].p99,
		       s->stats.path[i].max);
	printf("}}\n");
}

static int on_second(sd_event_source *source, uint64_t now_us, void *userdata)
{
	const struct ctl_session *s;
	struct watch *w = userdata;

	(void)now_us;
	w->result = ctl_get_objects(w->ctl, &objects);
	if (w->result != CTL_OK)
		return sd_event_exit(w->ctl->event, 0);
	s = get_session(w);
	if (!s) {
		w->result = *w->path ? CTL_OK : CTL_NOT_FOUND;
		if (*w->path && !w->ctl->json)
			(void)fputs("The session is over.\n", stderr);
		return sd_event_exit(w->ctl->event, 0);
	}
	if (w->ctl->json)
		print_json(s);
	else
		print_line(w, s);
	w->last = *s;
	if (--w->left <= 0)
		return sd_event_exit(w->ctl->event, 0);
	(void)sd_event_source_set_time_relative(source, 1000000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct watch *w = userdata;

	(void)source;
	(void)si;
	return sd_event_exit(w->ctl->event, 0);
}

int ctl_stats(struct ctl *c)
{
	static struct watch w;

	w = (struct watch){ .ctl = c };
	w.left = c->once ? 1 : c->seconds >= 0 ? c->seconds : 0x7fffffff;
	if (ctl_catch_signals(c, on_signal, &w) < 0 ||
	    sd_event_add_time_relative(c->event, NULL, CLOCK_MONOTONIC, 0, 0, on_second, &w) < 0 ||
	    sd_event_loop(c->event) < 0)
		return CTL_FAILED;
	return w.result;
}

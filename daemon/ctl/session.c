// SPDX-License-Identifier: GPL-2.0-or-later
/* miracastctl disconnect, status, modes, limit and forget: what is done with a session or a sink. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_LIMIT_US UINT64_C(5000000) /* the service takes three seconds at most */
#define END_STEP_US  50000

static struct ctl_objects objects;

static const char *get_name(const struct ctl_session *s)
{
	const struct ctl_sink *sink = ctl_get_sink(&objects, s->sink);

	return sink ? sink->name : "?";
}

/* What was done, to which sink. */
static int tell(const struct ctl *c, const char *name, const char *what)
{
	if (!c->json) {
		printf("%s: %s\n", name, what);
		return CTL_OK;
	}
	printf("{\"sink\": ");
	ctl_json_string(name);
	printf(", \"done\": \"%s\"}\n", what);
	return CTL_OK;
}

/* So that the next command finds the sink free. objects stays what it was. */
static int wait_for_end(struct ctl *c, const struct ctl_session *s)
{
	static struct ctl_objects now;

	for (uint64_t waited = 0; waited < END_LIMIT_US; waited += END_STEP_US) {
		bool is_there = false;
		int r = ctl_get_objects(c, &now);

		if (r != CTL_OK)
			return r;
		for (size_t i = 0; i < now.n_sessions; i++)
			is_there |= strcmp(now.sessions[i].path, s->path) == 0;
		if (!is_there)
			return tell(c, get_name(s), "disconnected");
		(void)usleep(END_STEP_US);
	}
	ctl_complain("%s is still disconnecting; \"miracastctl status\" says when it has ended",
		     get_name(s));
	return CTL_FAILED;
}

static int stop(struct ctl *c, const struct ctl_session *s)
{
	int r = ctl_call(c, s->path, MIRACAST_DBUS_SESSION, "Stop", NULL);

	return r == CTL_OK ? wait_for_end(c, s) : r;
}

int ctl_disconnect(struct ctl *c)
{
	const struct ctl_session *s;
	int r = ctl_get_objects(c, &objects);

	if (r != CTL_OK)
		return r;
	for (size_t i = 0; c->all && i < objects.n_sessions; i++) {
		int stopped = stop(c, &objects.sessions[i]);

		r = stopped != CTL_OK ? stopped : r;
	}
	if (c->all)
		return r;
	s = ctl_find_session(&objects, c->argc ? c->argv[0] : NULL);
	return s ? stop(c, s) : CTL_NOT_FOUND;
}

/* ---------------------------------------------------------------- status */

static void print_status(const struct ctl_session *s)
{
	printf("%s: %s, %s\n", get_name(s), s->state, s->stage);
	if (s->monitor)
		printf("  mode      %ux%u at %u Hz%s%s\n", s->mode.width, s->mode.height,
		       s->mode.refresh_hz, s->degraded ? ", lowered for the link" : "",
		       s->reduced ? "; the link is too slow for better modes" : "");
	else
		printf("  mode      none: the sink has no monitor just now\n");
	printf("  display   %s\n", s->display);
	if (strcmp(s->display, "off-in-desktop") == 0)
		printf("            switch it on in the desktop's display settings\n");
	printf("  encoder   %s, %.1f Mbit/s", s->encoder, (double)s->bitrate / 1e6);
	if (s->bitrate_limit)
		printf(" (limit %.1f)", (double)s->bitrate_limit / 1e6);
	printf("\n  link      %s\n", s->quality);
}

static void json_flag(const char *key, bool value)
{
	printf(", \"%s\": %s", key, value ? "true" : "false");
}

static void json_text(const char *key, const char *value)
{
	printf(", \"%s\": ", key);
	ctl_json_string(value);
}

static void print_status_json(const struct ctl_session *s)
{
	printf("{");
	ctl_json_sink(&objects, s->sink);
	json_text("session", s->path);
	json_text("state", s->state);
	json_text("stage", s->stage);
	json_text("display", s->display);
	json_text("encoder", s->encoder);
	json_text("link_quality", s->quality);
	json_text("container_id", s->container);
	json_flag("monitor_connected", s->monitor);
	json_flag("reduced_mode_list", s->reduced);
	json_flag("degraded", s->degraded);
	printf(", \"mode\": {\"width\": %u, \"height\": %u, \"refresh_hz\": %u}, \"bitrate\": %llu, "
	       "\"bitrate_limit\": %llu, \"media_restarts\": %u, \"owner\": %u}",
	       s->mode.width, s->mode.height, s->mode.refresh_hz, (unsigned long long)s->bitrate,
	       (unsigned long long)s->bitrate_limit, s->media_restarts, s->owner);
}

int ctl_status(struct ctl *c)
{
	const struct ctl_session *only = NULL;
	size_t n = 0;
	int r = ctl_get_objects(c, &objects);

	if (r != CTL_OK)
		return r;
	if (c->argc && !(only = ctl_find_session(&objects, c->argv[0])))
		return CTL_NOT_FOUND;
	if (c->json)
		printf("[");
	for (size_t i = 0; i < objects.n_sessions; i++) {
		const struct ctl_session *s = &objects.sessions[i];

		if (only && s != only)
			continue;
		if (c->json) {
			printf("%s\n  ", n ? "," : "");
			print_status_json(s);
		} else {
			print_status(s);
		}
		n++;
	}
	if (c->json)
		printf("%s]\n", n ? "\n" : "");
	else if (n == 0)
		puts("Nothing is cast.");
	return CTL_OK;
}

/* ---------------------------------------------------------------- modes and limit */

static int set_mode(struct ctl *c, const struct ctl_session *s, const char *text)
{
	unsigned int width, height, hz;
	int r, length = -1;

	if (sscanf(text, "%5ux%5u@%3u%n", &width, &height, &hz, &length) != 3 || length < 0 ||
	    text[length]) {
		ctl_complain("\"%s\" is no mode: it is written WIDTHxHEIGHT@HZ", text);
		return CTL_USAGE;
	}
	r = ctl_call(c, s->path, MIRACAST_DBUS_SESSION, "SetMode", "(qqq)", width, height, hz);
	return r == CTL_OK ? tell(c, get_name(s), "mode set") : r;
}

int ctl_modes(struct ctl *c)
{
	const struct ctl_session *s;
	int r = ctl_get_objects(c, &objects);

	if (r != CTL_OK)
		return r;
	s = ctl_find_session(&objects, c->argc ? c->argv[0] : NULL);
	if (!s)
		return CTL_NOT_FOUND;
	if (c->argc == 2)
		return set_mode(c, s, c->argv[1]);
	if (c->json)
		printf("[");
	for (size_t i = 0; i < s->n_modes; i++) {
		const struct media_mode *m = &s->modes[i];
		bool is_current = memcmp(m, &s->mode, sizeof(*m)) == 0;

		if (c->json)
			printf("%s\n  {\"width\": %u, \"height\": %u, \"refresh_hz\": %u, "
			       "\"current\": %s}", i ? "," : "", m->width, m->height,
			       m->refresh_hz, is_current ? "true" : "false");
		else
			printf("%c %ux%u@%u\n", is_current ? '*' : ' ', m->width, m->height,
			       m->refresh_hz);
	}
	if (c->json)
		printf("%s]\n", s->n_modes ? "\n" : "");
	return CTL_OK;
}

int ctl_limit(struct ctl *c)
{
	const struct ctl_session *s;
	unsigned long long bps;
	char *end;
	int r;

	bps = strtoull(c->argv[1], &end, 10);
	if (*end || end == c->argv[1]) {
		ctl_complain("\"%s\" is no number of bits a second", c->argv[1]);
		return CTL_USAGE;
	}
	r = ctl_get_objects(c, &objects);
	if (r != CTL_OK)
		return r;
	s = ctl_find_session(&objects, c->argv[0]);
	if (!s)
		return CTL_NOT_FOUND;
	r = ctl_call(c, s->path, MIRACAST_DBUS_SESSION, "SetBitrateLimit", "t", (uint64_t)bps);
	return r == CTL_OK ? tell(c, get_name(s), "limit set") : r;
}

int ctl_forget(struct ctl *c)
{
	const struct ctl_sink *sink;
	int r = ctl_get_objects(c, &objects);

	if (r != CTL_OK)
		return r;
	sink = ctl_find_sink(&objects, c->argv[0]);
	if (!sink)
		return ctl_miss_sink(&objects, c->argv[0]);
	r = ctl_call(c, sink->path, MIRACAST_DBUS_SINK, "Forget", NULL);
	return r == CTL_OK ? tell(c, sink->name, "forgotten") : r;
}

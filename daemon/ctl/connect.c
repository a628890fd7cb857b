// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracastctl connect: looks for the sink, asks for the session, tells each stage, and takes it all
 * back on Ctrl-C.
 */
#include "ctl/ctl.h"
#include "util/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_US	       UINT64_C(20000000) /* for a sink that is not in sight */
#define RADIO_US       UINT64_C(3000000)  /* for a radio: a supplicant may just be started */
#define LOOK_STEP_US   UINT64_C(250000)
#define CONNECT_LIMIT  UINT64_C(300000000) /* somebody may have to find the remote control */

struct attempt {
	struct ctl *ctl;
	struct ctl_sink sink;
	uint64_t looked_us;
	bool is_asked;
	char stage[64];
	char session[160]; /* "": it is not there yet */
	bool is_cancelled;
	int result;
};

static struct ctl_objects objects;

static int on_look(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_added(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata);
static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error);

static int end(struct attempt *a, int result)
{
	a->result = result;
	return sd_event_exit(a->ctl->event, 0);
}

int ctl_connect(struct ctl *c)
{
	struct attempt a = { .ctl = c };
	int r;

	r = ctl_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER, "Discover", NULL);
	if (r == CTL_OK)
		r = ctl_offer_agent(c);
	if (r != CTL_OK)
		return r;
	r = sd_bus_match_signal(c->bus, NULL, MIRACAST_DBUS_NAME, NULL,
				"org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed,
				&a);
	if (r >= 0)
		r = sd_bus_match_signal(c->bus, NULL, MIRACAST_DBUS_NAME, NULL,
					"org.freedesktop.DBus.ObjectManager", "InterfacesAdded",
					on_added, &a);
	if (r >= 0)
		r = ctl_catch_signals(c, on_signal, &a);
	if (r >= 0)
		r = sd_event_add_time_relative(c->event, NULL, CLOCK_MONOTONIC, 0, 0, on_look, &a);
	if (r >= 0)
		r = sd_event_loop(c->event);
	if (r < 0) {
		ctl_complain("%s", strerror(-r));
		return CTL_FAILED;
	}
	return a.result;
}

/* ---------------------------------------------------------------- 1. look */

/* Without a radio nothing more will come. */
static bool is_hopeless(const struct attempt *a)
{
	return a->looked_us >= LOOK_US || a->ctl->seconds == 0 ||
	       (*objects.radio_problem && a->looked_us >= RADIO_US);
}

static int append_option(sd_bus_message *m, const char *key, const char *value)
{
	return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int ask(struct attempt *a)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	struct ctl *c = a->ctl;
	int r;

	r = sd_bus_message_new_method_call(c->bus, &m, MIRACAST_DBUS_NAME, a->sink.path,
					   MIRACAST_DBUS_SINK, "Connect");
	if (r >= 0)
		r = sd_bus_message_set_allow_interactive_authorization(m, true);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = append_option(m, "mode", c->mode);
	if (r >= 0)
		r = append_option(m, "encoder", c->encoder);
	if (r >= 0)
		r = append_option(m, "audio", c->audio);
	if (r >= 0)
		r = append_option(m, "method", c->method);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r < 0)
		return r;
	a->is_asked = true;
	return sd_bus_call_async(c->bus, NULL, m, on_answer, a, CONNECT_LIMIT);
}

static int on_look(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct attempt *a = userdata;
	const char *what = a->ctl->argv[0];
	const struct ctl_sink *sink;
	int r = ctl_get_objects(a->ctl, &objects);

	(void)now_us;
	if (r != CTL_OK)
		return end(a, r);
	sink = ctl_find_sink(&objects, what);
	if (sink) {
		a->sink = *sink;
		r = ask(a);
		if (r < 0)
			ctl_complain("%s: %s", sink->name, strerror(-r));
		return r < 0 ? end(a, CTL_FAILED) : 0;
	}
	if (is_hopeless(a))
		return end(a, ctl_miss_sink(&objects, what));
	if (a->looked_us == 0 && !a->ctl->json)
		printf("looking for %s ...\n", what);
	a->looked_us += LOOK_STEP_US;
	(void)sd_event_source_set_time_relative(source, LOOK_STEP_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---------------------------------------------------------------- 2. tell */

static const struct ctl_session *get_session(struct attempt *a)
{
	const struct ctl_sink *sink;

	if (ctl_get_objects(a->ctl, &objects) != CTL_OK)
		return NULL;
	sink = ctl_get_sink(&objects, a->sink.path);
	for (size_t i = 0; sink && i < objects.n_sessions; i++)
		if (strcmp(objects.sessions[i].path, sink->session) == 0)
			return &objects.sessions[i];
	return NULL;
}

/* A new stage is a line, once. Of "streaming" the last line tells. */
static void tell_stage(struct attempt *a, const char *stage)
{
	const char *hint = strcmp(stage, "authorisation") == 0 ? ": accept at the sink, if it asks" : "";

	if (a->ctl->json || a->is_cancelled || strcmp(a->stage, stage) == 0 ||
	    strcmp(stage, "streaming") == 0)
		return;
	(void)snprintf(a->stage, sizeof(a->stage), "%s", stage);
	printf("%s: %s%s ...\n", a->sink.name, stage, hint);
}

/* Stages out of the signals themselves: it is another one by the time that one could ask. */
static int read_stage(struct attempt *a, sd_bus_message *m)
{
	const char *interface, *key, *stage;
	int r = sd_bus_message_read(m, "s", &interface);

	if (r < 0 || strcmp(interface, MIRACAST_DBUS_SESSION) != 0)
		return r;
	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0 && strcmp(key, "Stage") == 0) {
			r = sd_bus_message_read(m, "v", "s", &stage);
			if (r >= 0)
				tell_stage(a, stage);
		} else if (r >= 0) {
			r = sd_bus_message_skip(m, "v");
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int on_added(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct attempt *a = userdata;

	(void)error;
	memset(&objects, 0, sizeof(objects));
	if (ctl_read_object(m, &objects) < 0 || objects.n_sessions == 0 ||
	    strcmp(objects.sessions[0].sink, a->sink.path) != 0)
		return 0;
	memcpy(a->session, objects.sessions[0].path, sizeof(a->session));
	tell_stage(a, objects.sessions[0].stage);
	return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct attempt *a = userdata;

	(void)error;
	if (*a->session && strcmp(sd_bus_message_get_path(m), a->session) == 0)
		(void)read_stage(a, m);
	return 0;
}

/* The attempt ends with its call's answer; the second Ctrl-C does not wait for it. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct attempt *a = userdata;
	const struct ctl_session *s = a->is_asked ? get_session(a) : NULL;

	(void)source;
	(void)si;
	if (a->is_cancelled || !s)
		return end(a, CTL_CANCELLED);
	a->is_cancelled = true;
	if (ctl_call(a->ctl, s->path, MIRACAST_DBUS_SESSION, "Stop", NULL) != CTL_OK)
		return end(a, CTL_CANCELLED);
	return 0;
}

/* ---------------------------------------------------------------- 3. the answer */

static void print_result(const struct attempt *a, const struct ctl_session *s)
{
	if (a->ctl->json) {
		printf("{");
		ctl_json_sink(&objects, a->sink.path);
		printf(", \"session\": ");
		ctl_json_string(s->path);
		printf(", \"width\": %u, \"height\": %u, \"refresh_hz\": %u, \"encoder\": ",
		       s->mode.width, s->mode.height, s->mode.refresh_hz);
		ctl_json_string(s->encoder);
		printf(", \"monitor_connected\": %s}\n", s->monitor ? "true" : "false");
		return;
	}
	if (s->monitor)
		printf("%s: connected, %ux%u at %u Hz, %s\n", a->sink.name, s->mode.width,
		       s->mode.height, s->mode.refresh_hz, s->encoder);
	else
		printf("%s: connected; it has no monitor just now\n", a->sink.name);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct attempt *a = userdata;
	const struct ctl_session *s;

	(void)error;
	if (a->is_cancelled) {
		ctl_complain("cancelled");
		return end(a, CTL_CANCELLED);
	}
	if (sd_bus_message_is_method_error(m, NULL))
		return end(a, ctl_fail(sd_bus_message_get_error(m), -EIO));
	s = get_session(a);
	if (s)
		print_result(a, s);
	return end(a, CTL_OK);
}

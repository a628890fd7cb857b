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
#include <unistd.h>

#define LOOK_US	       UINT64_C(15000000) /* for a sink that is not in sight */
#define LOOK_STEP_US   UINT64_C(500000)
#define CONNECT_LIMIT  UINT64_C(300000000) /* somebody may have to find the remote control */

struct attempt {
	struct ctl *ctl;
	struct ctl_sink sink;
	char stage[64];
	char session[160];
	bool is_cancelled;
	int result;
};

static struct ctl_objects objects;

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata);
static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error);

static int find(struct ctl *c, const char *what, struct ctl_sink *ret)
{
	int r = ctl_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER, "Discover", NULL);

	for (uint64_t waited = 0; r == CTL_OK; waited += LOOK_STEP_US) {
		const struct ctl_sink *sink;

		r = ctl_get_objects(c, &objects);
		if (r != CTL_OK)
			return r;
		sink = ctl_find_sink(&objects, what);
		if (sink) {
			*ret = *sink;
			return CTL_OK;
		}
		/* Without a radio nothing more will come. */
		if (waited >= LOOK_US || c->seconds == 0) {
			ctl_complain("no sink is called \"%s\": see \"miracastctl list\"", what);
			return CTL_NOT_FOUND;
		}
		(void)usleep(LOOK_STEP_US);
	}
	return r;
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
	return sd_bus_call_async(c->bus, NULL, m, on_answer, a, CONNECT_LIMIT);
}

int ctl_connect(struct ctl *c)
{
	struct attempt a = { .ctl = c };
	int r = find(c, c->argv[0], &a.sink);

	if (r == CTL_OK)
		r = ctl_offer_agent(c);
	if (r != CTL_OK)
		return r;
	r = sd_bus_match_signal(c->bus, NULL, MIRACAST_DBUS_NAME, NULL,
				"org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed,
				&a);
	if (r >= 0)
		r = ctl_catch_signals(c, on_signal, &a);
	if (r >= 0)
		r = ask(&a);
	if (r >= 0)
		r = sd_event_loop(c->event);
	if (r < 0) {
		ctl_complain("%s", strerror(-r));
		return CTL_FAILED;
	}
	return a.result;
}

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

/* A new stage is a line, once. */
static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct attempt *a = userdata;
	const struct ctl_session *s;

	(void)m;
	(void)error;
	if (a->ctl->json)
		return 0;
	s = get_session(a);
	if (!s || strcmp(a->stage, s->stage) == 0 || strcmp(s->state, "stop-pending") == 0)
		return 0;
	(void)snprintf(a->stage, sizeof(a->stage), "%s", s->stage);
	printf("%s: %s ...\n", a->sink.name, a->stage);
	return 0;
}

/* The attempt ends with its call's answer; the second Ctrl-C does not wait for it. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct attempt *a = userdata;
	const struct ctl_session *s = get_session(a);

	(void)source;
	(void)si;
	a->result = CTL_CANCELLED;
	if (a->is_cancelled || !s)
		return sd_event_exit(a->ctl->event, 0);
	a->is_cancelled = true;
	return ctl_call(a->ctl, s->path, MIRACAST_DBUS_SESSION, "Stop", NULL) == CTL_OK ?
		       0 : sd_event_exit(a->ctl->event, 0);
}

static void print_result(const struct attempt *a, const struct ctl_session *s)
{
	if (a->ctl->json) {
		printf("{\"sink\": ");
		ctl_json_string(a->sink.name);
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
	if (sd_bus_message_is_method_error(m, NULL)) {
		a->result = a->is_cancelled ? CTL_CANCELLED :
					      ctl_fail(sd_bus_message_get_error(m), -EIO);
		return sd_event_exit(a->ctl->event, 0);
	}
	s = get_session(a);
	if (s)
		print_result(a, s);
	return sd_event_exit(a->ctl->event, 0);
}

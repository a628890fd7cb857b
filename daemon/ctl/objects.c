// SPDX-License-Identifier: GPL-2.0-or-later
/* The service's objects: one GetManagedObjects into structs, unknown properties passed over. */
#include "ctl/ctl.h"
#include "util/cleanup.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* polkit may ask for a password meanwhile, and the service waits for it as long. */
#define CALL_LIMIT_US UINT64_C(300000000)

/* ---------------------------------------------------------------- values */

static int read_text(sd_bus_message *m, const char *type, char *ret, size_t size)
{
	const char *text;
	int r = sd_bus_message_read(m, "v", type, &text);

	if (r >= 0)
		(void)snprintf(ret, size, "%s", text);
	return r;
}

static int read_flag(sd_bus_message *m, bool *ret)
{
	int value, r = sd_bus_message_read(m, "v", "b", &value);

	if (r >= 0)
		*ret = value;
	return r;
}

#define TEXT(m, field) read_text(m, "s", field, sizeof(field))
#define PATH(m, field) read_text(m, "o", field, sizeof(field))

static int read_sink(sd_bus_message *m, const char *key, void *object)
{
	struct ctl_sink *s = object;

	if (strcmp(key, "Name") == 0)
		return TEXT(m, s->name);
	if (strcmp(key, "Address") == 0)
		return TEXT(m, s->address);
	if (strcmp(key, "State") == 0)
		return TEXT(m, s->state);
	if (strcmp(key, "Session") == 0)
		return PATH(m, s->session);
	if (strcmp(key, "Signal") == 0)
		return sd_bus_message_read(m, "v", "i", &s->signal);
	if (strcmp(key, "Remembered") == 0)
		return read_flag(m, &s->remembered);
	return sd_bus_message_skip(m, "v");
}

static int read_modes(sd_bus_message *m, struct ctl_session *s)
{
	struct media_mode mode;
	int r;

	r = sd_bus_message_enter_container(m, 'v', "a(qqq)");
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "(qqq)");
	while (r >= 0 && (r = sd_bus_message_read(m, "(qqq)", &mode.width, &mode.height,
						  &mode.refresh_hz)) > 0)
		if (s->n_modes < CTL_MODES_MAX)
			s->modes[s->n_modes++] = mode;
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_path(sd_bus_message *m, struct ctl_session *s)
{
	const char *name;
	struct ctl_step step;
	int r;

	r = sd_bus_message_enter_container(m, 'v', "a(suuu)");
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "(suuu)");
	while (r >= 0 && (r = sd_bus_message_read(m, "(suuu)", &name, &step.p50, &step.p99,
						  &step.max)) > 0) {
		(void)snprintf(step.name, sizeof(step.name), "%s", name);
		if (s->stats.n_path < CTL_STEPS_MAX)
			s->stats.path[s->stats.n_path++] = step;
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_statistic(sd_bus_message *m, const char *key, void *object)
{
	struct ctl_session *s = object;
	const struct {
		const char *key;
		uint64_t *value;
	} all[] = {
		{ "FramesCaptured", &s->stats.captured }, { "FramesEncoded", &s->stats.encoded },
		{ "FramesDropped", &s->stats.dropped },	  { "FramesLate", &s->stats.late },
		{ "IdrFrames", &s->stats.idr },		  { "Datagrams", &s->stats.datagrams },
		{ "Bytes", &s->stats.bytes },		  { "SendErrors", &s->stats.send_errors },
		{ "ConnectToPlay", &s->stats.connect_to_play_us },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(key, all[i].key) == 0)
			return sd_bus_message_read(m, "v", "t", all[i].value);
	if (strcmp(key, "Path") == 0)
		return read_path(m, s);
	return sd_bus_message_skip(m, "v");
}

typedef int (*reader)(sd_bus_message *m, const char *key, void *object);

static int read_properties(sd_bus_message *m, reader read, void *object)
{
	const char *key;
	int r;

	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0)
			r = read(m, key, object);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_session_text(sd_bus_message *m, const char *key, struct ctl_session *s)
{
	if (strcmp(key, "State") == 0)
		return TEXT(m, s->state);
	if (strcmp(key, "Stage") == 0)
		return TEXT(m, s->stage);
	if (strcmp(key, "Display") == 0)
		return TEXT(m, s->display);
	if (strcmp(key, "Encoder") == 0)
		return TEXT(m, s->encoder);
	if (strcmp(key, "LinkQuality") == 0)
		return TEXT(m, s->quality);
	if (strcmp(key, "ContainerId") == 0)
		return TEXT(m, s->container);
	return sd_bus_message_skip(m, "v");
}

static int read_session(sd_bus_message *m, const char *key, void *object)
{
	struct ctl_session *s = object;
	int r;

	if (strcmp(key, "Sink") == 0)
		return PATH(m, s->sink);
	if (strcmp(key, "Mode") == 0)
		return sd_bus_message_read(m, "v", "(qqq)", &s->mode.width, &s->mode.height,
					   &s->mode.refresh_hz);
	if (strcmp(key, "Modes") == 0)
		return read_modes(m, s);
	if (strcmp(key, "Bitrate") == 0)
		return sd_bus_message_read(m, "v", "t", &s->bitrate);
	if (strcmp(key, "BitrateLimit") == 0)
		return sd_bus_message_read(m, "v", "t", &s->bitrate_limit);
	if (strcmp(key, "MediaRestarts") == 0)
		return sd_bus_message_read(m, "v", "u", &s->media_restarts);
	if (strcmp(key, "Owner") == 0)
		return sd_bus_message_read(m, "v", "u", &s->owner);
	if (strcmp(key, "MonitorConnected") == 0)
		return read_flag(m, &s->monitor);
	if (strcmp(key, "ReducedModeList") == 0)
		return read_flag(m, &s->reduced);
	if (strcmp(key, "Degraded") == 0)
		return read_flag(m, &s->degraded);
	if (strcmp(key, "Statistics") != 0)
		return read_session_text(m, key, s);
	r = sd_bus_message_enter_container(m, 'v', "a{sv}");
	if (r >= 0)
		r = read_properties(m, read_statistic, s);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* ---------------------------------------------------------------- objects */

static int read_manager(sd_bus_message *m, const char *key, void *object)
{
	struct ctl_objects *o = object;

	if (strcmp(key, "Radio") == 0)
		return TEXT(m, o->radio);
	if (strcmp(key, "RadioProblem") == 0)
		return TEXT(m, o->radio_problem);
	if (strcmp(key, "Version") == 0)
		return TEXT(m, o->version);
	return sd_bus_message_skip(m, "v");
}

/* The ObjectManager tells of what is below it only. */
static int get_manager(struct ctl *c, struct ctl_objects *ret)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	r = sd_bus_call_method(c->bus, MIRACAST_DBUS_NAME, MIRACAST_DBUS_PATH,
			       "org.freedesktop.DBus.Properties", "GetAll", &error, &m, "s",
			       MIRACAST_DBUS_MANAGER);
	if (r >= 0)
		r = read_properties(m, read_manager, ret);
	return r < 0 ? ctl_fail(&error, r) : CTL_OK;
}

static int read_interface(sd_bus_message *m, const char *path, struct ctl_objects *o)
{
	const char *interface;
	int r = sd_bus_message_read(m, "s", &interface);

	if (r < 0)
		return r;
	if (strcmp(interface, MIRACAST_DBUS_SINK) == 0 && o->n_sinks < CTL_SINKS_MAX) {
		struct ctl_sink *s = &o->sinks[o->n_sinks++];

		(void)snprintf(s->path, sizeof(s->path), "%s", path);
		return read_properties(m, read_sink, s);
	}
	if (strcmp(interface, MIRACAST_DBUS_SESSION) == 0 && o->n_sessions < CTL_SESSIONS_MAX) {
		struct ctl_session *s = &o->sessions[o->n_sessions++];

		(void)snprintf(s->path, sizeof(s->path), "%s", path);
		return read_properties(m, read_session, s);
	}
	return sd_bus_message_skip(m, "a{sv}");
}

int ctl_read_object(sd_bus_message *m, struct ctl_objects *o)
{
	const char *path;
	int r;

	r = sd_bus_message_read(m, "o", &path);
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
		r = read_interface(m, path, o);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int compare_sinks(const void *a, const void *b)
{
	const struct ctl_sink *x = a, *y = b;

	return strcasecmp(x->name, y->name) ?: strcmp(x->address, y->address);
}

/* By number. */
static int compare_sessions(const void *a, const void *b)
{
	const struct ctl_session *x = a, *y = b;

	return (int)strlen(x->path) - (int)strlen(y->path) ?: strcmp(x->path, y->path);
}

int ctl_get_objects(struct ctl *c, struct ctl_objects *ret)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = sd_bus_call_method(c->bus, MIRACAST_DBUS_NAME, MIRACAST_DBUS_PATH,
			       "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &error,
			       &m, NULL);
	if (r < 0)
		return ctl_fail(&error, r);
	r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
		r = ctl_read_object(m, ret);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r < 0)
		return ctl_fail(&error, r);
	qsort(ret->sinks, ret->n_sinks, sizeof(ret->sinks[0]), compare_sinks);
	qsort(ret->sessions, ret->n_sessions, sizeof(ret->sessions[0]), compare_sessions);
	return get_manager(c, ret);
}

static size_t count_named(const struct ctl_objects *o, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_sinks; i++)
		n += strcasecmp(o->sinks[i].name, name) == 0;
	return n;
}

const struct ctl_sink *ctl_find_sink(const struct ctl_objects *o, const char *what)
{
	const struct ctl_sink *found = NULL;

	for (size_t i = 0; i < o->n_sinks; i++) {
		const struct ctl_sink *s = &o->sinks[i];

		if (strcasecmp(s->address, what) == 0 ||
		    strcmp(strrchr(s->path, '/') + 1, what) == 0)
			return s;
		if (strcasecmp(s->name, what) == 0)
			found = s;
	}
	return count_named(o, what) == 1 ? found : NULL;
}

int ctl_miss_sink(const struct ctl_objects *o, const char *what)
{
	size_t n = count_named(o, what);

	if (n > 1)
		ctl_complain("%zu sinks are called \"%s\": write the address, which \"miracastctl "
			     "list\" shows", n, what);
	else if (*o->radio_problem)
		ctl_complain("no sink is called \"%s\"; Wi-Fi Direct cannot be used: %s", what,
			     o->radio_problem);
	else
		ctl_complain("no sink is called \"%s\": see \"miracastctl list\"", what);
	return CTL_NOT_FOUND;
}

const struct ctl_sink *ctl_get_sink(const struct ctl_objects *o, const char *path)
{
	for (size_t i = 0; i < o->n_sinks; i++)
		if (strcmp(o->sinks[i].path, path) == 0)
			return &o->sinks[i];
	return NULL;
}

void ctl_json_sink(const struct ctl_objects *o, const char *path)
{
	const struct ctl_sink *s = ctl_get_sink(o, path);

	printf("\"sink\": ");
	ctl_json_string(s ? s->name : "?");
	printf(", \"sink_id\": ");
	ctl_json_string(strrchr(path, '/') + 1);
	printf(", \"sink_address\": ");
	ctl_json_string(s ? s->address : "");
}

const struct ctl_session *ctl_find_session(const struct ctl_objects *o, const char *what)
{
	const struct ctl_sink *sink = what ? ctl_find_sink(o, what) : NULL;

	if (what && !sink) {
		(void)ctl_miss_sink(o, what);
		return NULL;
	}
	if (!what && o->n_sessions == 1)
		return &o->sessions[0];
	for (size_t i = 0; sink && i < o->n_sessions; i++)
		if (strcmp(o->sessions[i].path, sink->session) == 0)
			return &o->sessions[i];
	if (!what && o->n_sessions > 1)
		ctl_complain("there are %zu sessions: say which sink", o->n_sessions);
	else
		ctl_complain("nothing is cast%s%s", what ? " to " : "", what ?: "");
	return NULL;
}

/* ---------------------------------------------------------------- calls */

int ctl_call(struct ctl *c, const char *path, const char *interface, const char *method,
	     const char *types, ...)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	va_list arguments;
	int r;

	r = sd_bus_message_new_method_call(c->bus, &m, MIRACAST_DBUS_NAME, path, interface, method);
	if (r >= 0)
		r = sd_bus_message_set_allow_interactive_authorization(m, true);
	if (r >= 0 && types) {
		va_start(arguments, types);
		r = sd_bus_message_appendv(m, types, arguments);
		va_end(arguments);
	}
	if (r >= 0)
		r = sd_bus_call(c->bus, m, CALL_LIMIT_US, &error, NULL);
	return r < 0 ? ctl_fail(&error, r) : CTL_OK;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name, *before, *after;
	int *result = userdata;

	(void)error;
	if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0 || !*before)
		return 0;
	ctl_complain("the service has ended: start this again");
	*result = CTL_NO_SERVICE;
	return sd_event_exit(sd_bus_get_event(sd_bus_message_get_bus(m)), 0);
}

int ctl_end_with_service(struct ctl *c, int *ret_result)
{
	return sd_bus_add_match(c->bus, NULL,
				"type='signal',sender='org.freedesktop.DBus',"
				"member='NameOwnerChanged',arg0='" MIRACAST_DBUS_NAME "'",
				on_owner_changed, ret_result);
}

int ctl_catch_signals(struct ctl *c, sd_event_signal_handler_t handler, void *userdata)
{
	static const int signals[] = { SIGINT, SIGTERM };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int r = sd_event_add_signal(c->event, NULL, signals[i] | SD_EVENT_SIGNAL_PROCMASK,
					    handler, userdata);

		if (r < 0)
			return r;
	}
	return 0;
}

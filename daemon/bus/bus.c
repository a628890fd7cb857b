// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection, the object tree, and what the manager tells. Each object has a vtable of its own
 * in the file of its interface; here they only come and go.
 */
#include "bus/bus-private.h"
#include "trial.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error);

int bus_new(struct sd_event *event, const struct bus_events *events, void *userdata,
	    struct bus **ret)
{
	_cleanup_(bus_freep) struct bus *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->event = sd_event_ref(event);
	b->events = events;
	b->userdata = userdata;
	b->login.sleep_fd = b->login.lid_fd = -1;
	r = sd_bus_open_system(&b->bus);
	if (r < 0)
		return r;
	r = sd_bus_attach_event(b->bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r;
	r = sd_bus_match_signal(b->bus, &b->disconnected_slot, NULL,
				"/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
				"Disconnected", on_disconnected, b);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

/* The objects first: who sees the name finds everything. */
int bus_publish(struct bus *b, struct manager *m)
{
	int r;

	b->manager = m;
	r = sd_bus_add_object_manager(b->bus, &b->object_manager_slot, MIRACAST_DBUS_PATH);
	if (r < 0)
		return r;
	r = sd_bus_add_object_vtable(b->bus, &b->manager_slot, MIRACAST_DBUS_PATH,
				     MIRACAST_DBUS_MANAGER, bus_manager_vtable, b);
	if (r < 0)
		return r;
	r = bus_manager_init(b);
	if (r < 0)
		return r;
	r = bus_login_init(b);
	if (r < 0)
		return r;
	return sd_bus_request_name(b->bus, MIRACAST_DBUS_NAME, 0);
}

void bus_flush(struct bus *b)
{
	(void)sd_bus_flush(b->bus);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;

	(void)m;
	(void)error;
	b->events->lost(b->userdata);
	return 0;
}

struct bus *bus_free(struct bus *b)
{
	if (!b)
		return NULL;
	bus_drop_checks(b);
	bus_drop_agents(b);
	while (b->n_sessions > 0)
		bus_session_free(b->sessions[--b->n_sessions]);
	while (b->n_sinks > 0) {
		struct bus_sink *s = b->sinks[--b->n_sinks];

		sd_bus_slot_unref(s->slot);
		free(s);
	}
	bus_login_done(b);
	trial_free(b->trial);
	sd_bus_message_unref(b->trial_call);
	sd_bus_track_unref(b->finders);
	sd_bus_track_unref(b->monitors);
	sd_bus_slot_unref(b->manager_slot);
	sd_bus_slot_unref(b->object_manager_slot);
	sd_bus_slot_unref(b->disconnected_slot);
	sd_bus_flush_close_unref(b->bus);
	sd_event_unref(b->event);
	free(b);
	return NULL;
}

/* ---------------------------------------------------------------- look-ups */

struct bus_sink *bus_find_sink(struct bus *b, const char *path)
{
	for (size_t i = 0; i < b->n_sinks; i++)
		if (strcmp(b->sinks[i]->path, path) == 0)
			return b->sinks[i];
	return NULL;
}

struct bus_session *bus_find_session(struct bus *b, const char *path)
{
	for (size_t i = 0; i < b->n_sessions; i++)
		if (strcmp(b->sessions[i]->path, path) == 0)
			return b->sessions[i];
	return NULL;
}

static struct bus_session *find_cast(struct bus *b, const struct manager_cast *cast)
{
	for (size_t i = 0; i < b->n_sessions; i++)
		if (b->sessions[i]->cast == cast)
			return b->sessions[i];
	return NULL;
}

/* ---------------------------------------------------------------- what the manager tells */

static void on_sink_added(void *userdata, struct manager_sink *sink)
{
	struct bus *b = userdata;
	struct bus_sink *s;

	s = b->n_sinks < MANAGER_SINKS_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return;
	s->bus = b;
	s->sink = sink;
	(void)snprintf(s->path, sizeof(s->path), MIRACAST_DBUS_SINK_PATH "/%s", sink->id);
	if (sd_bus_add_object_vtable(b->bus, &s->slot, s->path, MIRACAST_DBUS_SINK,
				     bus_sink_vtable, s) < 0) {
		free(s);
		return;
	}
	b->sinks[b->n_sinks++] = s;
	(void)sd_bus_emit_object_added(b->bus, s->path);
}

static void on_sink_removed(void *userdata, struct manager_sink *sink)
{
	struct bus *b = userdata;

	for (size_t i = 0; i < b->n_sinks; i++) {
		struct bus_sink *s = b->sinks[i];

		if (s->sink != sink)
			continue;
		(void)sd_bus_emit_object_removed(b->bus, s->path);
		sd_bus_slot_unref(s->slot);
		free(s);
		b->sinks[i] = b->sinks[--b->n_sinks];
		return;
	}
}

static void on_radio_changed(void *userdata)
{
	struct bus *b = userdata;

	(void)sd_bus_emit_properties_changed(b->bus, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER,
					     "Radio", "Adapter", "RadioProblem", NULL);
}

static void on_sink_changed(void *userdata, struct manager_sink *sink)
{
	struct bus *b = userdata;

	for (size_t i = 0; i < b->n_sinks; i++)
		if (b->sinks[i]->sink == sink)
			(void)sd_bus_emit_properties_changed(b->bus, b->sinks[i]->path,
							     MIRACAST_DBUS_SINK, "Name", "Capabilities",
							     "Signal", "Remembered", "State",
							     "Session", NULL);
}

static void on_cast_added(void *userdata, struct manager_cast *cast)
{
	struct bus *b = userdata;
	int r = bus_session_begin(b, cast);

	if (r < 0)
		(void)log_warning(r, "session %u: not on the bus: %s", cast->number, strerror(-r));
	bus_login_update(b);
}

static void on_cast_changed(void *userdata, struct manager_cast *cast)
{
	struct bus_session *s = find_cast(userdata, cast);

	if (s)
		bus_session_update(s);
}

static void on_pin_wanted(void *userdata, struct manager_cast *cast, bool was_wrong)
{
	struct bus_session *s = find_cast(userdata, cast);

	if (s)
		bus_agent_request(s, was_wrong);
}

static void on_pin_shown(void *userdata, struct manager_cast *cast, const char *pin)
{
	struct bus_session *s = find_cast(userdata, cast);

	if (s)
		bus_agent_display(s, pin);
}

static void on_cast_connected(void *userdata, struct manager_cast *cast, int error)
{
	struct bus_session *s = find_cast(userdata, cast);

	if (s && error == 0)
		bus_session_answer(s, 0, NULL);
}

static void on_cast_removed(void *userdata, struct manager_cast *cast, const struct cast_end *end)
{
	struct bus_session *s = find_cast(userdata, cast);
	struct bus *b = userdata;

	if (!s)
		return;
	bus_session_answer(s, end->error ?: -ECANCELED, end);
	bus_session_end(s, end);
	for (size_t i = 0; i < b->n_sessions; i++)
		if (b->sessions[i] == s) {
			b->sessions[i] = b->sessions[--b->n_sessions];
			break;
		}
	bus_session_free(s);
	if (b->manager)
		bus_login_update(b);
}

static void on_transcript(void *userdata, struct manager_cast *cast, bool sent, const char *text,
			  size_t size)
{
	struct bus_session *s = find_cast(userdata, cast);

	if (s)
		bus_manager_transcribe(userdata, s->path, sent, text, size);
}

static void on_idle(void *userdata)
{
	struct bus *b = userdata;

	bus_login_release(b);
	b->events->idle(b->userdata);
}

const struct manager_ops bus_manager_ops = {
	.sink_added = on_sink_added,
	.sink_changed = on_sink_changed,
	.sink_removed = on_sink_removed,
	.radio_changed = on_radio_changed,
	.cast_added = on_cast_added,
	.cast_changed = on_cast_changed,
	.cast_connected = on_cast_connected,
	.cast_removed = on_cast_removed,
	.pin_wanted = on_pin_wanted,
	.pin_shown = on_pin_shown,
	.transcript = on_transcript,
	.idle = on_idle,
};

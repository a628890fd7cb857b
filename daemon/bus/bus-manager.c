// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interface Manager: who looks for sinks, who listens to RTSP, and the settings of this run.
 * What a client switches on is its own and goes with it.
 */
#include "bus/bus-private.h"
#include "trial.h"
#include "util/clock.h"
#include "util/log.h"
#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int on_no_finder(sd_bus_track *track, void *userdata);

int bus_manager_init(struct bus *b)
{
	int r;

	r = sd_bus_track_new(b->bus, &b->finders, on_no_finder, b);
	if (r < 0)
		return r;
	return sd_bus_track_new(b->bus, &b->monitors, NULL, NULL);
}

/* ---------------------------------------------------------------- discovery */

static void set_finding(struct bus *b, bool on)
{
	if (manager_is_finding(b->manager) == on)
		return;
	manager_set_finding(b->manager, on);
	(void)sd_bus_emit_properties_changed(b->bus, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER,
					     "Discovering", NULL);
}

/* The last client that looked has stopped or vanished. 0 would call again until there is one. */
static int on_no_finder(sd_bus_track *track, void *userdata)
{
	(void)track;
	set_finding(userdata, false);
	return 1;
}

/* A client counts once, however often it calls. */
static int track(sd_bus_track *track, sd_bus_message *m, sd_bus_error *error)
{
	int r;

	if (sd_bus_track_count_sender(track, m) > 0)
		return 0;
	if (sd_bus_track_count(track) >= BUS_CLIENTS_MAX)
		return bus_set_error(error, -ENOBUFS, "clients", "too many clients do this already");
	r = sd_bus_track_add_sender(track, m);
	return r < 0 ? r : 0;
}

static int discover(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	int r = track(b->finders, m, error);

	if (r < 0)
		return r;
	set_finding(b, true);
	return sd_bus_reply_method_return(m, NULL);
}

static int method_discover(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_authorize(userdata, m, MIRACAST_DBUS_ACTION_DISCOVER, discover, error);
}

static int method_stop_discovery(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;

	(void)error;
	(void)sd_bus_track_remove_sender(b->finders, m);
	if (sd_bus_track_count(b->finders) == 0)
		set_finding(b, false);
	return sd_bus_reply_method_return(m, NULL);
}

/* ---------------------------------------------------------------- transcript */

static int monitor(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	int r = track(b->monitors, m, error);

	return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_monitor(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_authorize(userdata, m, MIRACAST_DBUS_ACTION_MONITOR, monitor, error);
}

static int method_stop_monitor(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;

	(void)error;
	(void)sd_bus_track_remove_sender(b->monitors, m);
	return sd_bus_reply_method_return(m, NULL);
}

/* Printable ASCII: a string on the bus must be UTF-8, and a terminal must not obey a sink. */
static char *clean(const char *text, size_t size)
{
	char *copy = malloc(size + 1);
	size_t n = 0;

	for (size_t i = 0; copy && i < size; i++) {
		char c = text[i];

		if (c != '\r')
			copy[n++] = c == '\n' || (c >= 0x20 && c < 0x7f) ? c : '?';
	}
	if (copy)
		copy[n] = '\0';
	return copy;
}

/* To those who have asked, and to nobody else. */
void bus_manager_transcribe(struct bus *b, const char *session, bool sent, const char *text,
			    size_t size)
{
	_cleanup_free_ char *copy = NULL;
	const char *name;

	if (sd_bus_track_count(b->monitors) == 0)
		return;
	copy = clean(text, size);
	if (!copy)
		return;
	for (name = sd_bus_track_first(b->monitors); name; name = sd_bus_track_next(b->monitors)) {
		_cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;

		if (sd_bus_message_new_signal(b->bus, &signal, MIRACAST_DBUS_PATH,
					      MIRACAST_DBUS_MANAGER, "Transcript") < 0 ||
		    sd_bus_message_append(signal, "obts", session, sent, clock_now_us(), copy) < 0)
			return;
		(void)sd_bus_send_to(b->bus, signal, name, NULL);
	}
}

/* ---------------------------------------------------------------- agents */

static int method_register_agent(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_authorize(userdata, m, MIRACAST_DBUS_ACTION_CONNECT, bus_agent_register, error);
}

static int method_unregister_agent(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_agent_unregister(userdata, m, error);
}

/* ---------------------------------------------------------------- encoder */

static void on_tried(void *userdata, const char *encoder)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	struct bus *b = userdata;

	if (*encoder) {
		(void)sd_bus_reply_method_return(b->trial_call, "s", encoder);
	} else {
		(void)bus_set_error(&error, -EIO, "encoder",
				    "none works: see the service's log, \"journalctl -u miracastd\"");
		(void)sd_bus_reply_method_error(b->trial_call, &error);
	}
	b->trial_call = sd_bus_message_unref(b->trial_call);
	b->trial = trial_free(b->trial);
}

static int try_encoder(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	int r;

	if (b->trial)
		return bus_set_error(error, -EALREADY, "encoder", "a trial is under way");
	r = trial_new(b->event, manager_get_media_program(b->manager),
		      manager_get_config(b->manager)->encoder, on_tried, b, &b->trial);
	if (r < 0)
		return bus_set_error(error, r, "encoder", "miracast-media cannot be run: the "
							  "installation is incomplete");
	b->trial_call = sd_bus_message_ref(m);
	return 1;
}

static int method_try_encoder(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_authorize(userdata, m, MIRACAST_DBUS_ACTION_CONNECT, try_encoder, error);
}

/* ---------------------------------------------------------------- settings */

static const char *const encoders[] = {
	[SESSION_ENCODER_AUTO] = "auto",
	[SESSION_ENCODER_VAAPI] = "vaapi",
	[SESSION_ENCODER_X264] = "x264",
};

static int get_settings(sd_bus *bus, const char *path, const char *interface, const char *property,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;
	const struct config *c = manager_get_config(b->manager);
	char mode[32] = "";

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	if (c->best_mode.width > 0)
		(void)snprintf(mode, sizeof(mode), "%ux%u@%u", c->best_mode.width,
			       c->best_mode.height, c->best_mode.refresh_hz);
	return sd_bus_message_append(reply, "a{sv}", 6, "Encoder", "s", encoders[c->encoder],
				     "BestMode", "s", mode, "MaxRate", "t", c->max_rate_bps,
				     "RequireMonitor", "b", c->require_monitor,
				     "ReconnectAfterSuspend", "b", c->reconnect_after_suspend,
				     "InhibitLidSwitch", "b", c->inhibit_lid_switch);
}

static int read_setting_bool(sd_bus_message *m, bool *ret)
{
	int value, r = sd_bus_message_read(m, "v", "b", &value);

	if (r >= 0)
		*ret = value;
	return r;
}

/* One key into a copy; the caller takes over the whole or nothing. */
static int read_setting(sd_bus_message *m, const char *key, struct config *c)
{
	const char *text;
	int r;

	if (strcmp(key, "Encoder") == 0) {
		r = sd_bus_message_read(m, "v", "s", &text);
		return r < 0 ? r : value_parse_encoder(text, &c->encoder);
	}
	if (strcmp(key, "BestMode") == 0) {
		r = sd_bus_message_read(m, "v", "s", &text);
		if (r < 0)
			return r;
		c->best_mode = (struct media_mode){ 0 };
		return *text ? value_parse_mode(text, &c->best_mode) : 0;
	}
	if (strcmp(key, "MaxRate") == 0) {
		r = sd_bus_message_read(m, "v", "t", &c->max_rate_bps);
		if (r < 0)
			return r;
		return c->max_rate_bps < CONFIG_RATE_MIN || c->max_rate_bps > CONFIG_RATE_MAX ?
			       -ERANGE : 0;
	}
	if (strcmp(key, "RequireMonitor") == 0)
		return read_setting_bool(m, &c->require_monitor);
	if (strcmp(key, "ReconnectAfterSuspend") == 0)
		return read_setting_bool(m, &c->reconnect_after_suspend);
	if (strcmp(key, "InhibitLidSwitch") == 0)
		return read_setting_bool(m, &c->inhibit_lid_switch);
	return -EINVAL;
}

static int set_settings(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct config copy = *manager_get_config(b->manager);
	const char *key;
	int r;

	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0)
			r = read_setting(m, key, &copy);
		if (r < 0)
			return bus_set_error(error, r == -ERANGE ? r : -EINVAL, "settings",
					     "a key is unknown or its value is not allowed: see "
					     "org.miracastd1(5)");
		r = sd_bus_message_exit_container(m);
	}
	if (r < 0)
		return r;
	*manager_get_config(b->manager) = copy;
	(void)sd_bus_emit_properties_changed(b->bus, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER,
					     "Settings", NULL);
	bus_login_update(b);
	return sd_bus_reply_method_return(m, NULL);
}

static int method_set_settings(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_authorize(userdata, m, MIRACAST_DBUS_ACTION_MANAGE, set_settings, error);
}

static int get_discovering(sd_bus *bus, const char *path, const char *interface,
			   const char *property, sd_bus_message *reply, void *userdata,
			   sd_bus_error *error)
{
	struct bus *b = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "b", manager_is_finding(b->manager));
}

static int get_radio(sd_bus *bus, const char *path, const char *interface, const char *property,
		     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;
	const char *why, *state = manager_get_radio(b->manager, &why);

	(void)bus, (void)path, (void)interface, (void)error;
	if (strcmp(property, "Adapter") == 0)
		return sd_bus_message_append(reply, "s", manager_get_adapter(b->manager));
	return sd_bus_message_append(reply, "s", strcmp(property, "Radio") == 0 ? state : why);
}

static int get_max_sessions(sd_bus *bus, const char *path, const char *interface,
			    const char *property, sd_bus_message *reply, void *userdata,
			    sd_bus_error *error)
{
	struct bus *b = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "u", manager_get_config(b->manager)->max_sessions);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
	return sd_bus_message_append(reply, "s", MIRACAST_VERSION);
}

/* clang-format off */
const sd_bus_vtable bus_manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Discovering", "b", get_discovering, 0,
			SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("MaxSessions", "u", get_max_sessions, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Settings", "a{sv}", get_settings, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Radio", "s", get_radio, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Adapter", "s", get_radio, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("RadioProblem", "s", get_radio, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_METHOD_WITH_ARGS("RegisterAgent", SD_BUS_ARGS("o", path), SD_BUS_NO_RESULT,
				method_register_agent, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("UnregisterAgent", "", "", method_unregister_agent,
		      SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Discover", "", "", method_discover, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopDiscovery", "", "", method_stop_discovery, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Monitor", "", "", method_monitor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopMonitor", "", "", method_stop_monitor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("TryEncoder", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", encoder),
				method_try_encoder, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SetSettings", SD_BUS_ARGS("a{sv}", settings), SD_BUS_NO_RESULT,
				method_set_settings, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("Transcript", SD_BUS_ARGS("o", session, "b", sent, "t", time_us,
							  "s", text), 0),
	SD_BUS_VTABLE_END
};
/* clang-format on */

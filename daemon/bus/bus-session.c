// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interface Session: one cast from Connect to its end, what is shown of it, what its owner may
 * do. Changes are found by comparing with what was told last, so that nobody has to say what
 * changed, and a second's hundred changes are one signal.
 */
#include "bus/bus-private.h"
#include "media/protocol.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int on_caller_gone(sd_bus_track *track, void *userdata);

/* ---------------------------------------------------------------- life */

static void take_snapshot(const struct manager_cast *cast, struct bus_snapshot *ret)
{
	struct session *session = cast->cast->session;

	memset(ret, 0, sizeof(*ret));
	ret->stage = cast->cast->stage;
	ret->rate_limit_bps = cast->rate_limit_bps;
	if (!session)
		return;
	session_get_status(session, &ret->status);
	(void)snprintf(ret->encoder, sizeof(ret->encoder), "%s", ret->status.encoder);
	(void)snprintf(ret->quality, sizeof(ret->quality), "%s", ret->status.link_quality);
	ret->n_modes = session_get_modes(session, ret->modes,
					 sizeof(ret->modes) / sizeof(ret->modes[0]));
}

int bus_session_begin(struct bus *b, struct manager_cast *cast)
{
	struct bus_session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->bus = b;
	s->cast = cast;
	(void)snprintf(s->path, sizeof(s->path), MIRACAST_DBUS_SESSION_PATH "/%u", cast->number);
	take_snapshot(cast, &s->seen);
	r = sd_bus_add_object_vtable(b->bus, &s->slot, s->path, MIRACAST_DBUS_SESSION,
				     bus_session_vtable, s);
	if (r < 0) {
		free(s);
		return r;
	}
	b->sessions[b->n_sessions++] = s;
	(void)sd_bus_emit_object_added(b->bus, s->path);
	return 0;
}

int bus_session_set_call(struct bus_session *s, sd_bus_message *call)
{
	int r;

	r = sd_bus_track_new(s->bus->bus, &s->caller, on_caller_gone, s);
	if (r < 0)
		return r;
	r = sd_bus_track_add_sender(s->caller, call);
	if (r < 0)
		return r;
	s->call = sd_bus_message_ref(call);
	return 0;
}

static int on_caller_gone(sd_bus_track *track, void *userdata)
{
	struct bus_session *s = userdata;

	(void)track;
	if (s->call)
		manager_disconnect(s->cast, "the one who asked for it is gone");
	return 1;
}

void bus_session_answer(struct bus_session *s, int error, const struct cast_end *end)
{
	_cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;

	if (!s->call)
		return;
	if (error < 0) {
		(void)bus_set_end(&e, error, end);
		(void)sd_bus_reply_method_error(s->call, &e);
	} else {
		(void)sd_bus_reply_method_return(s->call, "o", s->path);
	}
	s->call = sd_bus_message_unref(s->call);
	s->caller = sd_bus_track_unref(s->caller);
}

void bus_session_end(struct bus_session *s, const struct cast_end *end)
{
	(void)sd_bus_emit_signal(s->bus->bus, s->path, MIRACAST_DBUS_SESSION, "Ended", "ssis",
				 session_end_reason_to_string(end->reason), end->stage, end->error,
				 end->text);
	(void)sd_bus_emit_object_removed(s->bus->bus, s->path);
}

struct bus_session *bus_session_free(struct bus_session *s)
{
	sd_bus_slot_unref(s->pin_slot);
	sd_bus_track_unref(s->caller);
	sd_bus_message_unref(s->call);
	sd_bus_slot_unref(s->slot);
	free(s);
	return NULL;
}

/* ---------------------------------------------------------------- changes */

#define CHANGES_MAX 16

static bool is_same_modes(const struct bus_snapshot *a, const struct bus_snapshot *b)
{
	return a->n_modes == b->n_modes &&
	       memcmp(a->modes, b->modes, sizeof(a->modes)) == 0;
}

static size_t compare(const struct bus_snapshot *a, const struct bus_snapshot *b,
		      char *ret[static CHANGES_MAX])
{
	const struct session_status *x = &a->status, *y = &b->status;
	const struct {
		const char *name;
		bool is_changed;
	} all[] = {
		{ "State", x->state != y->state },
		{ "Stage", strcmp(a->stage, b->stage) != 0 },
		{ "Mode", memcmp(&x->format.mode, &y->format.mode, sizeof(x->format.mode)) != 0 },
		{ "Modes", !is_same_modes(a, b) },
		{ "Display", x->display != y->display },
		{ "MonitorConnected", x->info.monitor_connected != y->info.monitor_connected },
		{ "ReducedModeList", x->info.reduced_mode_list != y->info.reduced_mode_list },
		{ "Degraded", x->is_degraded != y->is_degraded },
		{ "Encoder", strcmp(a->encoder, b->encoder) != 0 },
		{ "Bitrate", x->rate_bps != y->rate_bps },
		{ "BitrateLimit", a->rate_limit_bps != b->rate_limit_bps },
		{ "LinkQuality", strcmp(a->quality, b->quality) != 0 },
		{ "MediaRestarts", x->media_restarts != y->media_restarts },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].is_changed)
			ret[n++] = (char *)all[i].name;
	return n;
}

void bus_session_update(struct bus_session *s)
{
	char *names[CHANGES_MAX + 1] = { NULL };
	struct bus_snapshot now;

	take_snapshot(s->cast, &now);
	if (compare(&s->seen, &now, names) == 0)
		return;
	s->seen = now;
	(void)sd_bus_emit_properties_changed_strv(s->bus->bus, s->path, MIRACAST_DBUS_SESSION,
						  names);
}

/* ---------------------------------------------------------------- methods */

/* The owner and root may; others are asked for by polkit like a new connection. */
static int authorize(struct bus_session *s, sd_bus_message *m, bus_then then, sd_bus_error *error)
{
	uid_t uid;
	int r = bus_get_sender(m, &uid, NULL);

	if (r < 0)
		return r;
	if (uid == s->cast->owner.uid)
		return then(s->bus, m, error);
	return bus_authorize(s->bus, m, MIRACAST_DBUS_ACTION_MANAGE, then, error);
}

static int no_session(sd_bus_error *error)
{
	return bus_set_error(error, -ESRCH, "session", "it is over");
}

static int stop(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct bus_session *s = bus_find_session(b, sd_bus_message_get_path(m));

	if (!s)
		return no_session(error);
	manager_disconnect(s->cast, "stopped by its user");
	return sd_bus_reply_method_return(m, NULL);
}

static int method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return authorize(userdata, m, stop, error);
}

static const char *control_text(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return "the desktop sets the mode: choose it in the display settings";
	case -EINVAL:
		return "this mode is not in the list: see the property Modes";
	case -ERANGE:
		return "1000000 to 30000000 bits a second, or 0 for no limit";
	default:
		return "the session is not streaming";
	}
}

static int reply_control(sd_bus_message *m, int r, sd_bus_error *error)
{
	if (r < 0)
		return bus_set_error(error, r == -EOPNOTSUPP ? -ENOSYS : r, "session",
				     control_text(r));
	return sd_bus_reply_method_return(m, NULL);
}

static int set_mode(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct bus_session *s = bus_find_session(b, sd_bus_message_get_path(m));
	struct media_mode mode;
	int r;

	if (!s || !s->cast->cast->session)
		return no_session(error);
	r = sd_bus_message_read(m, "(qqq)", &mode.width, &mode.height, &mode.refresh_hz);
	if (r < 0)
		return r;
	return reply_control(m, session_set_mode(s->cast->cast->session, &mode), error);
}

static int method_set_mode(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return authorize(userdata, m, set_mode, error);
}

static int set_bitrate_limit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct bus_session *s = bus_find_session(b, sd_bus_message_get_path(m));
	uint64_t bps;
	int r;

	if (!s || !s->cast->cast->session)
		return no_session(error);
	r = sd_bus_message_read(m, "t", &bps);
	if (r < 0)
		return r;
	r = session_limit_rate(s->cast->cast->session, bps);
	if (r == 0) {
		s->cast->rate_limit_bps = bps;
		bus_session_update(s);
	}
	return reply_control(m, r, error);
}

static int method_set_bitrate_limit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return authorize(userdata, m, set_bitrate_limit, error);
}

/* ---------------------------------------------------------------- properties */

const char *bus_session_get_sink_path(const struct bus_session *s)
{
	for (size_t i = 0; i < s->bus->n_sinks; i++)
		if (s->bus->sinks[i]->sink == s->cast->sink)
			return s->bus->sinks[i]->path;
	return "/";
}

static int get_identity(sd_bus *bus, const char *path, const char *interface, const char *property,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus_session *s = userdata;
	const uint8_t *id = s->cast->sink->sink_id;
	char text[64];

	(void)bus, (void)path, (void)interface, (void)error;
	if (strcmp(property, "Sink") == 0)
		return sd_bus_message_append(reply, "o", bus_session_get_sink_path(s));
	if (strcmp(property, "Owner") == 0)
		return sd_bus_message_append(reply, "u", (uint32_t)s->cast->owner.uid);
	if (strcmp(property, "OwnerSession") == 0)
		return sd_bus_message_append(reply, "s", s->cast->owner.session);
	/* The form in which a device with nothing but a MAC address is named as a container. */
	(void)snprintf(text, sizeof(text), "00000000-0000-0000-ffff-%02x%02x%02x%02x%02x%02x",
		       id[0], id[1], id[2], id[3], id[4], id[5]);
	return sd_bus_message_append(reply, "s", text);
}

static int append_modes(sd_bus_message *reply, const struct bus_snapshot *now)
{
	int r = sd_bus_message_open_container(reply, 'a', "(qqq)");

	for (size_t i = 0; r >= 0 && i < now->n_modes; i++)
		r = sd_bus_message_append(reply, "(qqq)", now->modes[i].width,
					  now->modes[i].height, now->modes[i].refresh_hz);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus_session *s = userdata;
	const struct session_status *status = &s->seen.status;
	const struct media_mode *mode = &status->format.mode;

	(void)bus, (void)path, (void)interface, (void)error;
	if (strcmp(property, "State") == 0)
		return sd_bus_message_append(reply, "s", session_state_to_string(status->state));
	if (strcmp(property, "Stage") == 0)
		return sd_bus_message_append(reply, "s", s->seen.stage);
	if (strcmp(property, "Mode") == 0)
		return sd_bus_message_append(reply, "(qqq)", mode->width, mode->height,
					     mode->refresh_hz);
	if (strcmp(property, "Modes") == 0)
		return append_modes(reply, &s->seen);
	if (strcmp(property, "Display") == 0)
		return sd_bus_message_append(reply, "s",
					     session_display_to_string(status->display));
	if (strcmp(property, "Encoder") == 0)
		return sd_bus_message_append(reply, "s", s->seen.encoder);
	return sd_bus_message_append(reply, "s", s->seen.quality);
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
		      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus_session *s = userdata;
	const struct session_status *status = &s->seen.status;

	(void)bus, (void)path, (void)interface, (void)error;
	if (strcmp(property, "MonitorConnected") == 0)
		return sd_bus_message_append(reply, "b", status->info.monitor_connected);
	if (strcmp(property, "ReducedModeList") == 0)
		return sd_bus_message_append(reply, "b", status->info.reduced_mode_list);
	if (strcmp(property, "Degraded") == 0)
		return sd_bus_message_append(reply, "b", status->is_degraded);
	if (strcmp(property, "Bitrate") == 0)
		return sd_bus_message_append(reply, "t", status->rate_bps);
	if (strcmp(property, "BitrateLimit") == 0)
		return sd_bus_message_append(reply, "t", s->seen.rate_limit_bps);
	return sd_bus_message_append(reply, "u", status->media_restarts);
}

/* As the frame goes: each step's time since the desktop's flip; microseconds. */
static int append_path(sd_bus_message *reply, const struct stream_state *state)
{
	const struct {
		const char *name;
		const struct latency_histogram *h;
	} steps[] = {
		{ "captured", &state->ready_to_acquired },
		{ "converted", &state->ready_to_converted },
		{ "encoded", &state->ready_to_encoded },
		{ "first-datagram", &state->ready_to_first_datagram },
		{ "last-datagram", &state->ready_to_last_datagram },
	};
	int r;

	r = sd_bus_message_open_container(reply, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(reply, "s", "Path");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "a(suuu)");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(suuu)");
	for (size_t i = 0; r >= 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = sd_bus_message_append(reply, "(suuu)", steps[i].name,
					  latency_percentile(steps[i].h, 500),
					  latency_percentile(steps[i].h, 990), steps[i].h->max_us);
	for (int i = 0; r >= 0 && i < 3; i++)
		r = sd_bus_message_close_container(reply);
	return r;
}

static int get_statistics(sd_bus *bus, const char *path, const char *interface,
			  const char *property, sd_bus_message *reply, void *userdata,
			  sd_bus_error *error)
{
	const struct bus_session *s = userdata;
	struct session_status status = { 0 };
	int r;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	if (s->cast->cast->session)
		session_get_status(s->cast->cast->session, &status);
	r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r < 0 || !status.stream)
		return r < 0 ? r : sd_bus_message_close_container(reply);
	r = sd_bus_message_append(
		reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "FramesCaptured", "t",
		status.stream->frames_captured, "FramesEncoded", "t", status.stream->frames_encoded,
		"FramesDropped", "t", status.stream->frames_dropped, "FramesLate", "t",
		status.stream->frames_late, "IdrFrames", "t", status.stream->idr_frames,
		"Datagrams", "t", status.stream->datagrams, "Bytes", "t", status.stream->bytes,
		"SendErrors", "t", status.stream->send_errors, "ConnectToPlay", "t",
		status.connect_to_play_us);
	if (r >= 0)
		r = append_path(reply, status.stream);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* clang-format off */
#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST	SD_BUS_VTABLE_PROPERTY_CONST
const sd_bus_vtable bus_session_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Sink", "o", get_identity, 0, CONST),
	SD_BUS_PROPERTY("Owner", "u", get_identity, 0, CONST),
	SD_BUS_PROPERTY("OwnerSession", "s", get_identity, 0, CONST),
	SD_BUS_PROPERTY("ContainerId", "s", get_identity, 0, CONST),
	SD_BUS_PROPERTY("State", "s", get_property, 0, CHANGES),
	SD_BUS_PROPERTY("Stage", "s", get_property, 0, CHANGES),
	SD_BUS_PROPERTY("Mode", "(qqq)", get_property, 0, CHANGES),
	SD_BUS_PROPERTY("Modes", "a(qqq)", get_property, 0, CHANGES),
	SD_BUS_PROPERTY("Display", "s", get_property, 0, CHANGES),
	SD_BUS_PROPERTY("MonitorConnected", "b", get_number, 0, CHANGES),
	SD_BUS_PROPERTY("ReducedModeList", "b", get_number, 0, CHANGES),
	SD_BUS_PROPERTY("Degraded", "b", get_number, 0, CHANGES),
	SD_BUS_PROPERTY("Encoder", "s", get_property, 0, CHANGES),
	SD_BUS_PROPERTY("Bitrate", "t", get_number, 0, CHANGES),
	SD_BUS_PROPERTY("BitrateLimit", "t", get_number, 0, CHANGES),
	SD_BUS_PROPERTY("LinkQuality", "s", get_property, 0, CHANGES),
	SD_BUS_PROPERTY("MediaRestarts", "u", get_number, 0, CHANGES),
	SD_BUS_PROPERTY("Statistics", "a{sv}", get_statistics, 0, 0),
	SD_BUS_METHOD("Stop", "", "", method_stop, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SetMode", SD_BUS_ARGS("(qqq)", mode), SD_BUS_NO_RESULT,
				method_set_mode, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SetBitrateLimit", SD_BUS_ARGS("t", bits_per_second),
				SD_BUS_NO_RESULT, method_set_bitrate_limit,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("Ended", SD_BUS_ARGS("s", reason, "s", stage, "i", error,
						     "s", text), 0),
	SD_BUS_VTABLE_END
};
/* clang-format on */

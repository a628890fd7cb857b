// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interface Sink: what is known of a sink, and Connect, which is answered when the picture is
 * on its way or when it is clear that it will not be.
 */
#include "bus/bus-private.h"
#include "values.h"

#include <errno.h>
#include <string.h>

#define OPTIONS_MAX 32 /* keys of Connect; more is nonsense */

/* ---------------------------------------------------------------- Connect */

static int read_method(const char *text, enum link_method *ret)
{
	if (strcmp(text, "auto") == 0)
		return 0;
	if (strcmp(text, "button") == 0)
		*ret = LINK_METHOD_BUTTON;
	else if (strcmp(text, "pin") == 0)
		*ret = LINK_METHOD_PIN_OF_SINK;
	else if (strcmp(text, "display") == 0)
		*ret = LINK_METHOD_PIN_OF_OURS;
	else
		return -EINVAL;
	return 0;
}

static int read_option(sd_bus_message *m, const char *key, struct manager_request *request)
{
	const char *text;
	int r;

	if (strcmp(key, "mode") != 0 && strcmp(key, "encoder") != 0 &&
	    strcmp(key, "audio") != 0 && strcmp(key, "method") != 0)
		return -EINVAL;
	r = sd_bus_message_read(m, "v", "s", &text);
	if (r < 0)
		return -EINVAL;
	if (strcmp(key, "mode") == 0)
		return value_parse_mode(text, &request->best_mode);
	if (strcmp(key, "encoder") == 0)
		return value_parse_encoder(text, &request->encoder);
	if (strcmp(key, "audio") == 0)
		return strcmp(text, "auto") == 0 || strcmp(text, "none") == 0 ? 0 : -EINVAL;
	return read_method(text, &request->method);
}

static int read_options(sd_bus_message *m, struct manager_request *request)
{
	unsigned int n = 0;
	const char *key;
	int r;

	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0)
			r = n++ < OPTIONS_MAX ? read_option(m, key, request) : -E2BIG;
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : 0;
}

static int connect_sink(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct bus_sink *s = bus_find_sink(b, sd_bus_message_get_path(m));
	struct manager_request request = { 0 };
	struct bus_session *session = NULL;
	struct manager_cast *cast;
	struct cast_end end;
	uid_t uid;
	pid_t pid;
	int r;

	if (!s)
		return bus_set_error(error, -ESRCH, "connect", "the sink is out of sight");
	r = read_options(m, &request);
	if (r < 0)
		return bus_set_error(error, -EINVAL, "connect",
				     "an option is unknown or its value is not allowed: see "
				     "org.miracastd1(5)");
	r = bus_get_sender(m, &uid, &pid);
	if (r < 0)
		return r;
	owner_from_process(uid, pid, &request.owner);
	r = manager_connect(b->manager, s->sink, &request, &cast, &end);
	if (r < 0)
		return bus_set_end(error, r, &end);
	for (size_t i = 0; i < b->n_sessions; i++)
		if (b->sessions[i]->cast == cast)
			session = b->sessions[i];
	r = session ? bus_session_set_call(session, m) : -ENOMEM;
	if (r < 0) {
		manager_disconnect(cast, "the one who asked for it is gone");
		return r;
	}
	return 1;
}

static int method_connect(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus_sink *s = userdata;

	return bus_authorize(s->bus, m, MIRACAST_DBUS_ACTION_CONNECT, connect_sink, error);
}

static int refuse_to_forget(sd_bus_error *error, int r)
{
	switch (r) {
	case -EOPNOTSUPP:
		return bus_set_error(error, -ENOSYS, "forget",
				     "the sink stands in miracastd.conf: take it out there");
	case -ENOENT:
		return bus_set_error(error, -ESRCH, "forget", "the sink is not remembered");
	case -EBUSY:
		return bus_set_error(error, -EALREADY, "forget", "end its session first");
	default:
		/* Of writing a file: none of the names of errors is meant. */
		return bus_set_error(error, -EUCLEAN, "forget", strerror(-r));
	}
}

static int forget(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct bus_sink *s = bus_find_sink(b, sd_bus_message_get_path(m));
	int r;

	if (!s)
		return bus_set_error(error, -ESRCH, "forget", "the sink is out of sight");
	r = manager_forget(b->manager, s->sink);
	return r < 0 ? refuse_to_forget(error, r) : sd_bus_reply_method_return(m, NULL);
}

static int method_forget(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus_sink *s = userdata;

	return bus_authorize(s->bus, m, MIRACAST_DBUS_ACTION_MANAGE, forget, error);
}

/* ---------------------------------------------------------------- properties */

static const char *get_state(const struct manager_sink *sink)
{
	if (!sink->cast)
		return "idle";
	switch (sink->cast->cast->state) {
	case CAST_LINKING:
	case CAST_STARTING:
		return "connecting";
	case CAST_STREAMING:
		return "connected";
	case CAST_STOPPING:
	case CAST_OVER:
		return "disconnecting";
	}
	return "idle";
}

/* WPS 2.0.5, 12, Primary Device Type: the display category. */
static const char *get_model(const struct link_sink *seen)
{
	static const char *const displays[] = { "", "television", "picture frame", "projector",
						"monitor" };

	return seen->category == 7 && seen->subcategory < 5 ? displays[seen->subcategory] : "";
}

static int append_capabilities(sd_bus_message *reply, const struct manager_sink *sink)
{
	const struct link_sink *seen = &sink->seen;
	const struct {
		const char *word;
		bool has;
	} all[] = {
		{ "direct", !sink->target.wpa },
		{ "available", sink->target.wpa && seen->wfd.is_available },
		{ "audio", sink->target.wpa && !seen->wfd.has_no_audio },
		{ "content-protection", seen->wfd.has_content_protection },
		{ "uibc", seen->wfd.has_uibc },
		{ "standby", seen->wfd.has_standby },
		{ "button", seen->methods & LINK_METHOD_BUTTON },
		{ "pin", seen->methods & LINK_METHOD_PIN_OF_SINK },
		{ "display", seen->methods & LINK_METHOD_PIN_OF_OURS },
		{ "group-owner", seen->is_owner },
	};
	int r = sd_bus_message_open_container(reply, 'a', "s");

	for (size_t i = 0; r >= 0 && i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].has)
			r = sd_bus_message_append(reply, "s", all[i].word);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const struct bus_session *find_session(const struct bus_sink *s)
{
	for (size_t i = 0; i < s->bus->n_sessions; i++)
		if (s->sink->cast && s->bus->sessions[i]->cast == s->sink->cast)
			return s->bus->sessions[i];
	return NULL;
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus_sink *s = userdata;
	const struct bus_session *session = find_session(s);

	(void)bus, (void)path, (void)interface, (void)error;
	if (strcmp(property, "Name") == 0)
		return sd_bus_message_append(reply, "s", s->sink->name);
	if (strcmp(property, "Address") == 0)
		return sd_bus_message_append(reply, "s", s->sink->address);
	if (strcmp(property, "Model") == 0)
		return sd_bus_message_append(reply, "s", get_model(&s->sink->seen));
	if (strcmp(property, "Capabilities") == 0)
		return append_capabilities(reply, s->sink);
	if (strcmp(property, "Signal") == 0)
		return sd_bus_message_append(reply, "i", (int32_t)s->sink->seen.signal_dbm);
	if (strcmp(property, "Remembered") == 0)
		return sd_bus_message_append(reply, "b",
					     !s->sink->target.wpa || s->sink->seen.is_remembered);
	if (strcmp(property, "State") == 0)
		return sd_bus_message_append(reply, "s", get_state(s->sink));
	return sd_bus_message_append(reply, "o", session ? session->path : "/");
}

/* clang-format off */
const sd_bus_vtable bus_sink_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Name", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Address", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Model", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Capabilities", "as", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Signal", "i", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Remembered", "b", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Session", "o", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_METHOD_WITH_ARGS("Connect", SD_BUS_ARGS("a{sv}", options),
				SD_BUS_RESULT("o", session), method_connect,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Forget", "", "", method_forget, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END
};
/* clang-format on */

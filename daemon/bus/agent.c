// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is asked for PINs: the agent of the client that called Connect, else another one of the same
 * user. PINs pass through here and are never logged.
 */
#include "bus/bus-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIN_LIMIT_US (UINT64_C(120) * 1000000) /* the sink has given up by then */

struct bus_agent {
	struct bus *bus;
	sd_bus_track *track; /* of its client */
	uid_t uid;
	char client[64];
	char path[BUS_PATH_SIZE];
};

static struct bus_agent *agent_free(struct bus_agent *a)
{
	struct bus *b = a->bus;

	for (size_t i = 0; i < b->n_agents; i++)
		if (b->agents[i] == a) {
			b->agents[i] = b->agents[--b->n_agents];
			break;
		}
	sd_bus_track_unref(a->track);
	free(a);
	return NULL;
}

void bus_drop_agents(struct bus *b)
{
	while (b->n_agents > 0)
		agent_free(b->agents[0]);
}

static int on_client_gone(sd_bus_track *track, void *userdata)
{
	(void)track;
	agent_free(userdata);
	return 1;
}

static struct bus_agent *find_client(struct bus *b, const char *client)
{
	for (size_t i = 0; client && i < b->n_agents; i++)
		if (strcmp(b->agents[i]->client, client) == 0)
			return b->agents[i];
	return NULL;
}

static struct bus_agent *find_agent(struct bus_session *s)
{
	struct bus_agent *a;

	a = find_client(s->bus, s->call ? sd_bus_message_get_sender(s->call) : NULL);
	for (size_t i = 0; !a && i < s->bus->n_agents; i++)
		if (s->bus->agents[i]->uid == s->cast->owner.uid)
			a = s->bus->agents[i];
	return a;
}

/* One a client; the second replaces the first. */
int bus_agent_register(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct bus_agent *a = find_client(b, sd_bus_message_get_sender(m));
	const char *path;
	int r;

	r = sd_bus_message_read(m, "o", &path);
	if (r < 0)
		return r;
	if (a)
		agent_free(a);
	if (strlen(path) >= sizeof(a->path) || b->n_agents == BUS_AGENTS_MAX)
		return bus_set_error(error, -ENOBUFS, "agent", "too many agents, or its path is too "
							       "long");
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->bus = b;
	(void)snprintf(a->path, sizeof(a->path), "%s", path);
	(void)snprintf(a->client, sizeof(a->client), "%s", sd_bus_message_get_sender(m));
	r = bus_get_sender(m, &a->uid, NULL);
	if (r >= 0)
		r = sd_bus_track_new(b->bus, &a->track, on_client_gone, a);
	if (r >= 0)
		r = sd_bus_track_add_sender(a->track, m);
	if (r < 0) {
		agent_free(a);
		return r;
	}
	b->agents[b->n_agents++] = a;
	return sd_bus_reply_method_return(m, NULL);
}

int bus_agent_unregister(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	struct bus_agent *a = find_client(b, sd_bus_message_get_sender(m));

	if (!a)
		return bus_set_error(error, -ESRCH, "agent", "this client has none");
	agent_free(a);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_pin(sd_bus_message *answer, void *userdata, sd_bus_error *error)
{
	struct bus_session *s = userdata;
	const char *pin;

	(void)error;
	s->pin_slot = sd_bus_slot_unref(s->pin_slot);
	if (sd_bus_message_is_method_error(answer, NULL) ||
	    sd_bus_message_read(answer, "s", &pin) < 0) {
		manager_disconnect(s->cast, "no PIN was entered");
		return 0;
	}
	if (cast_give_pin(s->cast->cast, pin) == -EINVAL)
		bus_agent_request(s, true);
	return 0;
}

void bus_agent_request(struct bus_session *s, bool was_wrong)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	struct bus_agent *a = find_agent(s);
	int r = -ESRCH;

	s->pin_slot = sd_bus_slot_unref(s->pin_slot);
	if (a)
		r = sd_bus_message_new_method_call(s->bus->bus, &m, a->client, a->path,
						   MIRACAST_DBUS_AGENT, "RequestPin");
	if (r >= 0)
		r = sd_bus_message_append(m, "ob", bus_session_get_sink_path(s), was_wrong);
	if (r >= 0)
		r = sd_bus_call_async(s->bus->bus, &s->pin_slot, m, on_pin, s, PIN_LIMIT_US);
	if (r < 0)
		manager_disconnect(s->cast, "the sink shows a PIN and there is nobody to ask for it: "
					    "connect by miracastctl on a terminal");
}

void bus_agent_display(struct bus_session *s, const char *pin)
{
	struct bus_agent *a = find_agent(s);

	if (!a) {
		manager_disconnect(s->cast, "a PIN has to be entered at the sink and there is nobody "
					    "to show it to");
		return;
	}
	(void)sd_bus_call_method_async(s->bus->bus, NULL, a->client, a->path, MIRACAST_DBUS_AGENT,
				       "DisplayPin", NULL, NULL, "os",
				       bus_session_get_sink_path(s), pin);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Where sinks come from, and when they go: the configuration and the radio. */
#include "manager-private.h"

#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_radio_changed(void *userdata, enum wpa_state state, const char *text);
static void on_sink_found(void *userdata, const struct link_sink *seen);
static void on_sink_lost(void *userdata, const uint8_t address[static LINK_ADDRESS_SIZE]);

static const struct wpa_ops wpa_ops = {
	.state_changed = on_radio_changed,
	.sink_found = on_sink_found,
	.sink_lost = on_sink_lost,
};

/*
 * A MAC address for what has none: locally administered, always the same for the same name (FNV-1a,
 * 64 bits).
 */
static void make_sink_id(const char *name, uint8_t ret[static 6])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)(hash >> (8 * i));
	ret[0] = (uint8_t)((ret[0] | 0x02) & ~0x01);
}

/* Takes over sink, also on failure. */
static int add_sink(struct manager *m, struct manager_sink *sink)
{
	const uint8_t *id = sink->sink_id;

	if (m->n_sinks == MANAGER_SINKS_MAX) {
		free(sink);
		return -ENOBUFS;
	}
	(void)snprintf(sink->id, sizeof(sink->id), "%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2],
		       id[3], id[4], id[5]);
	m->sinks[m->n_sinks++] = sink;
	m->ops->sink_added(m->userdata, sink);
	return 0;
}

static int add_plain_sink(struct manager *m, const struct config_sink *from)
{
	struct manager_sink *sink = calloc(1, sizeof(*sink));
	char host[INET_ADDRSTRLEN];

	if (!sink)
		return -ENOMEM;
	memcpy(sink->name, from->name, sizeof(sink->name));
	make_sink_id(sink->name, sink->sink_id);
	(void)inet_ntop(AF_INET, &from->address.sin_addr, host, sizeof(host));
	(void)snprintf(sink->address, sizeof(sink->address), "%s:%u", host,
		       ntohs(from->address.sin_port));
	sink->target.address = from->address;
	sink->target.rate_bps = from->rate_bps;
	return add_sink(m, sink);
}

int manager_add_plain_sinks(struct manager *m)
{
	for (size_t i = 0; i < m->config->n_sinks; i++) {
		const struct config_sink *sink = &m->config->sinks[i];
		int r;

		if (sink->address.sin_port == 0) {
			log_notice("sink \"%s\" has no address and is left out", sink->name);
			continue;
		}
		r = add_plain_sink(m, sink);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct manager_sink *find_seen(struct manager *m,
				      const uint8_t address[static LINK_ADDRESS_SIZE])
{
	for (size_t i = 0; i < m->n_sinks; i++)
		if (m->sinks[i]->target.wpa &&
		    memcmp(m->sinks[i]->sink_id, address, LINK_ADDRESS_SIZE) == 0)
			return m->sinks[i];
	return NULL;
}

static void on_sink_found(void *userdata, const struct link_sink *seen)
{
	const uint8_t *a = seen->address;
	struct manager *m = userdata;
	struct manager_sink *sink = find_seen(m, a);

	if (sink) {
		sink->seen = *seen;
		sink->is_lost = false;
		memcpy(sink->name, seen->name, sizeof(sink->name));
		m->ops->sink_changed(m->userdata, sink);
		return;
	}
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return;
	sink->seen = *seen;
	sink->target.wpa = m->wpa;
	memcpy(sink->name, seen->name, sizeof(sink->name));
	memcpy(sink->sink_id, a, sizeof(sink->sink_id));
	(void)snprintf(sink->address, sizeof(sink->address), "%02x:%02x:%02x:%02x:%02x:%02x", a[0],
		       a[1], a[2], a[3], a[4], a[5]);
	(void)add_sink(m, sink);
}

void manager_remove_sink(struct manager *m, struct manager_sink *sink)
{
	m->ops->sink_removed(m->userdata, sink);
	for (size_t i = 0; i < m->n_sinks; i++)
		if (m->sinks[i] == sink) {
			m->sinks[i] = m->sinks[--m->n_sinks];
			break;
		}
	free(sink);
}

static void on_sink_lost(void *userdata, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	struct manager_sink *sink = find_seen(userdata, address);

	if (sink && sink->cast)
		sink->is_lost = true;
	else if (sink)
		manager_remove_sink(userdata, sink);
}

int manager_forget(struct manager *m, struct manager_sink *sink)
{
	return sink->target.wpa ? wpa_forget(m->wpa, sink->sink_id) : -EOPNOTSUPP;
}

static void on_radio_changed(void *userdata, enum wpa_state state, const char *text)
{
	struct manager *m = userdata;

	log_debug("radio: %s%s%s", wpa_state_to_string(state), text ? ": " : "", text ?: "");
	m->ops->radio_changed(m->userdata);
}

void manager_open_radio(struct manager *m)
{
	char state_file[256] = "";
	const char *folder = getenv("STATE_DIRECTORY");
	struct wpa_config config = {
		.host_name = m->host_name,
		.interface = *m->config->interface ? m->config->interface : NULL,
	};
	int r;

	if (folder && snprintf(state_file, sizeof(state_file), "%s/known-sinks", folder) <
			      (int)sizeof(state_file))
		config.state_file = state_file;
	r = wpa_new(m->event, &config, &wpa_ops, m, &m->wpa);
	if (r < 0)
		(void)log_warning(r, "no Wi-Fi Direct: %s", strerror(-r));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sinks: rounds of Find with pauses between them, so that a station connection on the same radio
 * gets its share, and a list of what was found. Only Wi-Fi Display sinks come into it; everything
 * they say of themselves is cleaned here.
 */
#include "link/link-wpa-private.h"

#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void find(struct wpa *w);
static int on_find(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_round_over(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_pause_over(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_again(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_not_found(sd_event_source *source, uint64_t now_us, void *userdata);
static void ask(struct wpa *w, struct peer *p);

/* ---------------------------------------------------------------- rounds */

/* For the user's list, or, while an attempt is on, for its sink. */
void wpa_find_enter(struct wpa *w)
{
	if (w->attempt.is_begun)
		wpa_set_state(w, WPA_FINDING, WPA_LOOK_US, on_not_found);
	else
		wpa_set_state(w, WPA_FINDING, WPA_FIND_US, on_round_over);
	wpa_prepare(w, find);
}

/*
 * The first round looks at every channel, which shows sinks that own a group already; the others
 * look at the three social channels and one more at a time.
 */
static void find(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	const char *type = w->finds == 0 ? "start_with_full" : "progressive";

	w->finds++;
	w->is_find_running = true; /* who ends it before the answer must stop it all the same */
	if (wpa_new_call(w, w->path, WPA_P2P, "Find", &m) >= 0 &&
	    sd_bus_message_append(m, "a{sv}", 2, "Timeout", "i", WPA_FIND_S, "DiscoveryType", "s",
				  type) >= 0)
		wpa_send(w, m, on_find);
}

/* Over, or refused, e.g. while the radio scans for the station: after a while again. */
static void pause_find(struct wpa *w)
{
	w->is_find_running = false;
	if (w->state != WPA_FINDING)
		return;
	if (!w->attempt.is_begun)
		wpa_set_limit(w, WPA_PAUSE_US, on_pause_over);
	else if (!w->again) /* within WPA_LOOK_US */
		(void)sd_event_add_time_relative(w->event, &w->again, CLOCK_MONOTONIC,
						 clock_limit_us(WPA_AGAIN_US), 0, on_again, w);
}

static int on_find(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	if (wpa_reply_error(m) < 0)
		pause_find(w);
	return 0;
}

void wpa_find_on_stopped(struct wpa *w, sd_bus_message *m)
{
	(void)m;
	pause_find(w);
}

static int on_again(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct wpa *w = userdata;

	(void)source;
	(void)now_us;
	w->again = sd_event_source_disable_unref(w->again);
	wpa_prepare(w, find);
	return 0;
}

static int on_round_over(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct wpa *w = userdata;

	(void)source;
	(void)now_us;
	wpa_find_stop(w);
	wpa_set_limit(w, WPA_PAUSE_US, on_pause_over);
	return 0;
}

static int on_pause_over(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	wpa_enter_idle(userdata);
	return 0;
}

static int on_not_found(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct wpa *w = userdata;

	(void)source;
	(void)now_us;
	wpa_find_stop(w);
	wpa_fail(w, LINK_STAGE_DISCOVERY, -ENOENT,
		 "the TV is not there: switch it on and open its screen-mirroring input");
	return 0;
}

void wpa_find_stop(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (!w->is_find_running)
		return;
	w->is_find_running = false;
	if (w->path[0] && wpa_new_call(w, w->path, WPA_P2P, "StopFind", &m) >= 0)
		wpa_send_forget(w, m);
}

void wpa_find_flush(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	wpa_find_forget(w);
	w->finds = 0;
	if (wpa_new_call(w, w->path, WPA_P2P, "Flush", &m) >= 0)
		wpa_send_forget(w, m);
}

/* ---------------------------------------------------------------- the list */

static struct peer *peer_at(struct wpa *w, const char *path)
{
	for (size_t i = 0; i < w->n_peers; i++)
		if (strcmp(w->peers[i].path, path) == 0)
			return &w->peers[i];
	return NULL;
}

struct peer *wpa_find_peer(struct wpa *w, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	for (size_t i = 0; i < w->n_peers; i++)
		if (w->peers[i].is_told &&
		    memcmp(w->peers[i].sink.address, address, LINK_ADDRESS_SIZE) == 0)
			return &w->peers[i];
	return NULL;
}

static void remove_peer(struct wpa *w, struct peer *p)
{
	struct peer gone = *p;
	size_t last = --w->n_peers;

	sd_bus_slot_unref(gone.slot);
	/* The slots hand back the machine and find their peer by path, so that peers may move. */
	*p = w->peers[last];
	w->peers[last] = (struct peer){ 0 };
	if (gone.is_told && w->ops->sink_lost)
		w->ops->sink_lost(w->userdata, gone.sink.address);
}

void wpa_find_forget(struct wpa *w)
{
	while (w->n_peers > 0)
		remove_peer(w, &w->peers[w->n_peers - 1]);
}

/* Addresses are free of charge: of a flood the oldest sightings go, the attempt's sink never. */
static struct peer *add_peer(struct wpa *w, const char *path)
{
	struct peer *oldest = NULL;

	if (strlen(path) >= WPA_PATH_SIZE)
		return NULL;
	for (size_t i = 0; w->n_peers == WPA_PEERS_MAX && i < w->n_peers; i++)
		if (strcmp(w->peers[i].path, w->attempt.peer) != 0 &&
		    (!oldest || w->peers[i].is_told < oldest->is_told ||
		     (w->peers[i].is_told == oldest->is_told && w->peers[i].seen < oldest->seen)))
			oldest = &w->peers[i];
	if (oldest)
		remove_peer(w, oldest);
	w->peers[w->n_peers] = (struct peer){ 0 };
	(void)snprintf(w->peers[w->n_peers].path, WPA_PATH_SIZE, "%s", path);
	return &w->peers[w->n_peers++];
}

/* ---------------------------------------------------------------- what they are */

static void on_sink(struct wpa *w, struct peer *p, const struct link_sink *sink)
{
	bool is_news = !p->is_told || memcmp(&p->sink, sink, sizeof(*sink)) != 0;

	p->sink = *sink;
	p->is_told = true;
	p->seen = ++w->sightings;
	if (is_news && w->ops->sink_found)
		w->ops->sink_found(w->userdata, sink);
	if (w->state == WPA_FINDING && w->attempt.is_begun &&
	    memcmp(sink->address, w->attempt.options.address, LINK_ADDRESS_SIZE) == 0)
		wpa_connect_on_peer(w);
}

void wpa_find_set_remembered(struct wpa *w, const uint8_t address[static LINK_ADDRESS_SIZE],
			     bool is_remembered)
{
	struct peer *p = wpa_find_peer(w, address);

	if (!p || p->sink.is_remembered == is_remembered)
		return;
	p->sink.is_remembered = is_remembered;
	if (w->ops->sink_found)
		w->ops->sink_found(w->userdata, &p->sink);
}

static void on_no_sink(struct wpa *w, struct peer *p)
{
	if (p->is_told && w->ops->sink_lost)
		w->ops->sink_lost(w->userdata, p->sink.address);
	p->is_told = false;
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = userdata;
	sd_bus_slot *slot = sd_bus_get_current_slot(w->bus);
	struct link_sink sink;
	struct peer *p = NULL;

	(void)error;
	for (size_t i = 0; i < w->n_peers; i++)
		if (w->peers[i].slot == slot)
			p = &w->peers[i];
	if (!p)
		return 0;
	p->slot = sd_bus_slot_unref(p->slot);
	if (wpa_reply_error(m) < 0)
		return 0;
	if (wpa_peer_read(m, &sink) < 0) {
		on_no_sink(w, p);
		return 0;
	}
	sink.is_remembered = known_find(&w->known, sink.address) != NULL;
	on_sink(w, p, &sink);
	return 0;
}

/* At most one question a peer is under way, however often it changes. */
static void ask(struct wpa *w, struct peer *p)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (p->slot)
		return;
	if (wpa_new_call(w, p->path, DBUS_PROPERTIES, "GetAll", &m) >= 0 &&
	    sd_bus_message_append(m, "s", WPA_PEER) >= 0)
		(void)sd_bus_call_async(w->bus, &p->slot, m, on_properties, w,
					clock_limit_us(WPA_CALL_US));
}

/* ---------------------------------------------------------------- signals */

void wpa_find_on_found(struct wpa *w, sd_bus_message *m)
{
	struct peer *p;
	const char *path;

	if (sd_bus_message_read(m, "o", &path) < 0 || w->state == WPA_ABSENT)
		return;
	p = peer_at(w, path);
	if (!p)
		p = add_peer(w, path);
	if (p)
		ask(w, p);
}

void wpa_find_on_lost(struct wpa *w, sd_bus_message *m)
{
	struct peer *p;
	const char *path;

	if (sd_bus_message_read(m, "o", &path) < 0)
		return;
	p = peer_at(w, path);
	if (p)
		remove_peer(w, p);
}

void wpa_find_on_changed(struct wpa *w, const char *path)
{
	struct peer *p = peer_at(w, path);

	if (p)
		ask(w, p);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Groups that the supplicant remembers with their keys: what makes a sink that was paired once
 * connect in a second and without a question. Which of them belongs to which sink we remember by
 * the group's name, because objects are numbered anew in each life of the supplicant.
 */
#include "link/link-wpa-private.h"

#include "util/log.h"

#include <errno.h>
#include <string.h>

#define PERSISTENT_MAX \
	(sizeof(((struct wpa *)0)->persistent) / sizeof(((struct wpa *)0)->persistent[0]))

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_group(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* In the form of the supplicant's file: "quoted"; in hexadecimal are only names that nobody makes. */
static uint8_t read_ssid(const char *text, uint8_t ssid[static KNOWN_SSID_SIZE])
{
	size_t length = strlen(text);

	if (length < 3 || text[0] != '"' || text[length - 1] != '"' || length - 2 > KNOWN_SSID_SIZE)
		return 0;
	memcpy(ssid, text + 1, length - 2);
	return (uint8_t)(length - 2);
}

static const struct wpa_field ssid_field = { "ssid", WPA_KIND_STRING, 0, WPA_TEXT_SIZE };

static void add(struct wpa *w, const char *path, const char *ssid)
{
	if (strlen(path) >= WPA_PATH_SIZE)
		return;
	memmove(&w->persistent[1], &w->persistent[0],
		(PERSISTENT_MAX - 1) * sizeof(w->persistent[0]));
	w->n_persistent += w->n_persistent < PERSISTENT_MAX;
	memcpy(w->persistent[0].path, path, strlen(path) + 1);
	w->persistent[0].ssid_size = read_ssid(ssid, w->persistent[0].ssid);
}

/* ---------------------------------------------------------------- what there is already */

void wpa_persistent_load(struct wpa *w, void (*then)(struct wpa *w))
{
	w->n_persistent = 0;
	w->then = then;
	wpa_get(w, w->path, WPA_P2P, "PersistentGroups", on_list);
}

static void ask_next(struct wpa *w)
{
	size_t length = strcspn(w->candidates, " ");
	void (*then)(struct wpa *w) = w->then;
	char path[WPA_PATH_SIZE];

	if (length == 0 || length >= sizeof(path) || w->n_persistent == PERSISTENT_MAX) {
		w->then = NULL;
		then(w);
		return;
	}
	memcpy(path, w->candidates, length);
	path[length] = '\0';
	wpa_get(w, path, WPA_PERSISTENT, "Properties", on_group);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static const struct wpa_field field = { "", WPA_KIND_WORDS, 0, WPA_TEXT_SIZE };
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	w->candidates[0] = '\0';
	if (wpa_reply_error(m) == 0)
		(void)wpa_read_value(m, &field, w->candidates);
	ask_next(w);
	return 0;
}

static int on_group(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);
	size_t length = strcspn(w->candidates, " ");
	char ssid[WPA_TEXT_SIZE] = "";
	char path[WPA_PATH_SIZE];

	(void)error;
	memcpy(path, w->candidates, length);
	path[length] = '\0';
	length += w->candidates[length] == ' ';
	memmove(w->candidates, w->candidates + length, strlen(w->candidates + length) + 1);
	if (wpa_reply_error(m) == 0 && sd_bus_message_enter_container(m, 'v', "a{sv}") > 0 &&
	    wpa_read_dictionary(m, &ssid_field, 1, ssid) >= 0)
		add(w, path, ssid);
	ask_next(w);
	return 0;
}

/* ---------------------------------------------------------------- for an attempt */

void wpa_persistent_choose(struct wpa *w, const struct known_sink *known)
{
	for (size_t i = 0; known && known->ssid_size > 0 && i < w->n_persistent; i++)
		if (w->persistent[i].ssid_size == known->ssid_size &&
		    memcmp(w->persistent[i].ssid, known->ssid, known->ssid_size) == 0)
			memcpy(w->attempt.persistent, w->persistent[i].path, WPA_PATH_SIZE);
}

/* ---------------------------------------------------------------- forget */

static void remove_group(struct wpa *w, const struct known_sink *known)
{
	for (size_t i = 0; known->ssid_size > 0 && i < w->n_persistent; i++) {
		_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

		if (w->persistent[i].ssid_size != known->ssid_size ||
		    memcmp(w->persistent[i].ssid, known->ssid, known->ssid_size) != 0)
			continue;
		w->persistent[i].ssid_size = 0;
		if (wpa_new_call(w, w->path, WPA_P2P, "RemovePersistentGroup", &m) >= 0 &&
		    sd_bus_message_append(m, "o", w->persistent[i].path) >= 0)
			wpa_send_forget(w, m);
	}
}

/* Without the supplicant the key stays there, and nobody will ask for its group any more. */
int wpa_forget(struct wpa *w, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	const struct known_sink *known = known_find(&w->known, address);

	if (!known)
		return -ENOENT;
	if (w->attempt.is_active &&
	    memcmp(w->attempt.options.address, address, LINK_ADDRESS_SIZE) == 0)
		return -EBUSY;
	if (w->path[0])
		remove_group(w, known);
	(void)known_forget(&w->known, address);
	wpa_find_set_remembered(w, address, false);
	return known_save(&w->known, w->state_file);
}

/* ---------------------------------------------------------------- signals */

void wpa_persistent_on_added(struct wpa *w, sd_bus_message *m)
{
	char ssid[WPA_TEXT_SIZE] = "";
	const char *path;

	if (sd_bus_message_read(m, "o", &path) > 0 &&
	    wpa_read_dictionary(m, &ssid_field, 1, ssid) >= 0)
		add(w, path, ssid);
}

void wpa_persistent_on_removed(struct wpa *w, sd_bus_message *m)
{
	const char *path;

	if (sd_bus_message_read(m, "o", &path) < 0)
		return;
	for (size_t i = 0; i < w->n_persistent; i++)
		if (strcmp(w->persistent[i].path, path) == 0)
			w->persistent[i].ssid_size = 0;
}

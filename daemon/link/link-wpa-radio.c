// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which radio of the supplicant is used, when it comes and goes, and what it is told before each
 * Find and Connect: Wi-Fi Display, our name, our ways of pairing.
 */
#include "link/link-wpa-private.h"

#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define THROUGHPUT_MBPS 200 /* what we say that we can send; sinks only look whether it is not 0 */

static const char no_answer[] = "wpa_supplicant does not answer: start it again";
static const char no_access[] =
	"the system's D-Bus policy keeps miracastd from wpa_supplicant: the installation is incomplete";
static const char no_radio[] = "no Wi-Fi adapter of this computer can do Wi-Fi Direct";
static const char not_that_radio[] =
	"the adapter that Interface= names is not there, or cannot do Wi-Fi Direct";
static const char unmanaged[] =
	"wpa_supplicant has no Wi-Fi adapter: let NetworkManager manage one, or leave one unused "
	"(\"ip link set wlan0 down\")";
static const char no_display[] = "this wpa_supplicant was built without Wi-Fi Display";
static const char wifi_off[] = "Wi-Fi is off: switch it on";

static int on_root(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_capabilities(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_interface(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_leftover(sd_bus_message *m, void *userdata, sd_bus_error *error);
static void look_at_next(struct wpa *w);
static void clean(struct wpa *w);

/* ---------------------------------------------------------------- which radio */

void wpa_radio_look(struct wpa *w)
{
	wpa_get(w, WPA_ROOT, WPA_NAME, NULL, on_root);
}

static bool is_wanted(const struct wpa *w)
{
	return w->is_find_wanted || w->attempt.is_active;
}

static void on_adopted(void *userdata, const struct net_reply *reply)
{
	struct wpa *w = userdata;
	int error = reply->error;

	net_client_close(&w->adopter);
	if (error < 0)
		wpa_enter_absent(w, unmanaged);
	else
		wpa_radio_look(w);
}

/* Where no network manager runs, wpa_supplicant has no radio before somebody privileged gives it one. */
static bool adopt(struct wpa *w)
{
	static const struct net_request request = { .version = NET_VERSION, .verb = NET_ADOPT };
	bool is_first = !w->has_adopted && is_wanted(w);

	if (!is_first)
		return false;
	w->has_adopted = true;
	return net_client_open(&w->adopter, w->event, w->net_socket, on_adopted, w) >= 0 &&
	       net_client_send(&w->adopter, &request) >= 0;
}

static void on_unmanaged(struct wpa *w)
{
	if (w->adopter.fd < 0 && !adopt(w))
		wpa_enter_absent(w, unmanaged);
}

bool wpa_radio_want(struct wpa *w)
{
	bool may_help = w->owner[0] && w->state == WPA_ABSENT && !w->call &&
			w->adopter.fd < 0 && w->absence == unmanaged && !w->has_adopted;

	if (may_help)
		wpa_radio_look(w);
	return may_help;
}

static int on_root(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static const struct wpa_field fields[] = {
		{ "Interfaces", WPA_KIND_WORDS, 0, WPA_TEXT_SIZE },
		{ "Capabilities", WPA_KIND_WORDS, WPA_TEXT_SIZE, WPA_TEXT_SIZE },
		{ "WFDIEs", WPA_KIND_BYTES, 2 * WPA_TEXT_SIZE, 0 },
	};
	struct {
		char interfaces[WPA_TEXT_SIZE];
		char capabilities[WPA_TEXT_SIZE];
		struct wpa_bytes ies;
	} root = { .ies = { .size = SIZE_MAX } };
	struct wpa *w = wpa_replied(userdata);
	int r = wpa_reply_error(m);

	(void)error;
	if (r == 0)
		r = wpa_read_dictionary(m, fields, 3, &root);
	if (r < 0) {
		wpa_enter_absent(w, r == -EACCES ? no_access : no_answer);
		return 0;
	}
	if (root.ies.size == SIZE_MAX || !wpa_has_word(root.capabilities, "p2p")) {
		wpa_enter_absent(w, no_display);
		return 0;
	}
	memcpy(w->candidates, root.interfaces, sizeof(w->candidates));
	if (root.interfaces[0])
		look_at_next(w);
	else
		on_unmanaged(w);
	return 0;
}

/* The first of the candidates becomes w->path while it is looked at. */
static void look_at_next(struct wpa *w)
{
	size_t length = strcspn(w->candidates, " ");

	if (length == 0 || length >= sizeof(w->path)) {
		wpa_enter_absent(w, w->wanted_interface[0] ? not_that_radio : no_radio);
		return;
	}
	memcpy(w->path, w->candidates, length);
	w->path[length] = '\0';
	memmove(w->candidates, w->candidates + length, strlen(w->candidates + length) + 1);
	memmove(w->candidates, w->candidates + strspn(w->candidates, " "),
		strlen(w->candidates + strspn(w->candidates, " ")) + 1);
	wpa_get(w, w->path, WPA_INTERFACE, "Capabilities", on_capabilities);
}

static int on_capabilities(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static const struct wpa_field fields[] = {
		{ "Modes", WPA_KIND_WORDS, 0, WPA_TEXT_SIZE },
	};
	char modes[WPA_TEXT_SIZE] = "";
	struct wpa *w = wpa_replied(userdata);
	int r = wpa_reply_error(m);

	(void)error;
	if (r == 0)
		r = sd_bus_message_enter_container(m, 'v', "a{sv}");
	if (r >= 0)
		r = wpa_read_dictionary(m, fields, 1, modes);
	if (r < 0 || !wpa_has_word(modes, "p2p"))
		look_at_next(w);
	else
		wpa_get(w, w->path, WPA_INTERFACE, NULL, on_interface);
	return 0;
}

struct interface {
	char ifname[IF_NAMESIZE];
	char state[32];
};

static const struct wpa_field interface_fields[] = {
	{ "Ifname", WPA_KIND_STRING, offsetof(struct interface, ifname), IF_NAMESIZE },
	{ "State", WPA_KIND_STRING, offsetof(struct interface, state), 32 },
};

/*
 * A group's own interface can do Wi-Fi Direct as well, but is nobody's radio; and if it is not what an
 * earlier run of ours left, another program has a group. The supplicant names the newest first.
 */
static bool is_of_group(struct wpa *w, const char *ifname)
{
	if (strncmp(ifname, "p2p-", 4) != 0)
		return false;
	/* "p2p-dev-wlan0" is no group: the one that finds and negotiates, on no bus so far. */
	if (strncmp(ifname, "p2p-dev-", 8) != 0 && strcmp(ifname, w->known.group) != 0)
		memcpy(w->foreign_group, w->path, sizeof(w->foreign_group));
	return true;
}

static int on_interface(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct interface found = { 0 };
	struct wpa *w = wpa_replied(userdata);
	int r = wpa_reply_error(m);

	(void)error;
	if (r == 0)
		r = wpa_read_dictionary(m, interface_fields, 2, &found);
	if (r < 0 || is_of_group(w, found.ifname) ||
	    (w->wanted_interface[0] && strcmp(found.ifname, w->wanted_interface) != 0)) {
		look_at_next(w);
		return 0;
	}
	memcpy(w->ifname, found.ifname, sizeof(w->ifname));
	if (strcmp(found.state, "interface_disabled") == 0) {
		wpa_enter_absent(w, wifi_off);
		return 0;
	}
	wpa_persistent_load(w, clean);
	return 0;
}

/* A group that an earlier run of ours left: it goes before anything begins. */
static void clean(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (w->known.group[0] && wpa_new_call(w, WPA_ROOT, WPA_NAME, "GetInterface", &m) >= 0 &&
	    sd_bus_message_append(m, "s", w->known.group) >= 0)
		wpa_send(w, m, on_leftover);
	else
		wpa_enter_idle(w);
}

static int on_leftover(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);
	const char *path;

	(void)error;
	if (wpa_reply_error(m) == 0 && sd_bus_message_read(m, "o", &path) > 0) {
		_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;

		log_debug("wpa: the group of an earlier run is removed");
		if (wpa_new_call(w, path, WPA_P2P, "Disconnect", &call) >= 0)
			wpa_send_forget(w, call);
	}
	wpa_group_forget(w);
	wpa_enter_idle(w);
	return 0;
}

/* ---------------------------------------------------------------- before Find and Connect */

static int on_ies(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_ies_set(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_config_set(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_methods_set(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* Each time, because the supplicant has one set for all and NetworkManager clears it at will. */
void wpa_prepare(struct wpa *w, void (*then)(struct wpa *w))
{
	w->then = then;
	wpa_get(w, WPA_ROOT, WPA_NAME, "WFDIEs", on_ies);
}

static uint16_t announced_port(const struct wpa *w)
{
	return w->attempt.listener.fd >= 0 ? w->attempt.listener.port : NET_PORT_FIRST;
}

static int new_set(struct wpa *w, const char *path, const char *interface, const char *property,
		   sd_bus_message **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = wpa_new_call(w, path, DBUS_PROPERTIES, "Set", &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", interface, property);
	if (r >= 0)
		*ret = TAKE_PTR(m);
	return r;
}

static int new_set_ies(struct wpa *w, const uint8_t *data, size_t size, sd_bus_message **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_set(w, WPA_ROOT, WPA_NAME, "WFDIEs", &m);

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', data, size);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		*ret = TAKE_PTR(m);
	return r;
}

/* Ours from a run that ended without restoring are nobody's. */
static void save_ies(struct wpa *w, const struct wpa_bytes *found)
{
	struct wfd_ie ie;
	bool is_ours = found->size == WFD_IE_SOURCE_SIZE &&
		       wfd_ie_parse(found->data, found->size, &ie) == 0 &&
		       ie.role == WFD_ROLE_SOURCE && ie.throughput_mbps == THROUGHPUT_MBPS;

	w->saved_ies_size = is_ours || found->size > sizeof(w->saved_ies) ? 0 : found->size;
	memcpy(w->saved_ies, found->data, w->saved_ies_size);
	w->has_saved = true;
}

static int on_ies(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static const struct wpa_field field = { "WFDIEs", WPA_KIND_BYTES, 0, 0 };
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	struct wpa_bytes found = { 0 };
	uint8_t ours[WFD_IE_SOURCE_SIZE];
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	if (!w->has_saved && wpa_reply_error(m) == 0 && wpa_read_value(m, &field, &found) >= 0)
		save_ies(w, &found);
	wfd_ie_format_source(announced_port(w), THROUGHPUT_MBPS, ours);
	if (new_set_ies(w, ours, sizeof(ours), &call) >= 0)
		wpa_send(w, call, on_ies_set);
	return 0;
}

/*
 * PC (WPS 2.0, table 41, category 1). As owner the supplicant shall take a group down that everybody
 * left, and nobody shall talk to anybody through us.
 */
static int append_config(struct wpa *w, sd_bus_message *m)
{
	static const uint8_t computer[] = { 0, 1, 0, 0x50, 0xf2, 4, 0, 1 };
	int r = sd_bus_message_open_container(m, 'v', "a{sv}");

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0 && w->host_name[0])
		r = sd_bus_message_append(m, "{sv}", "DeviceName", "s", w->host_name);
	if (r >= 0)
		r = wpa_append_bytes(m, "PrimaryDeviceType", computer, sizeof(computer));
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}", "GroupIdle", "u", UINT32_C(10));
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}", "IntraBss", "b", 0);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int on_ies_set(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	struct wpa *w = wpa_replied(userdata);
	int r = wpa_reply_error(m);

	(void)error;
	if (r < 0) {
		wpa_enter_absent(w, r == -EACCES ? no_access : no_display);
		return 0;
	}
	if (new_set(w, w->path, WPA_P2P, "P2PDeviceConfig", &call) >= 0 &&
	    append_config(w, call) >= 0)
		wpa_send(w, call, on_config_set);
	return 0;
}

/* Unset, the supplicant offers no push button in provision discovery. */
static int on_config_set(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	/* Sinks then show another name; nothing else comes of it. */
	(void)wpa_reply_error(m);
	if (new_set(w, w->path, WPA_WPS, "ConfigMethods", &call) >= 0 &&
	    sd_bus_message_append(call, "v", "s", "virtual_push_button display keypad") >= 0)
		wpa_send(w, call, on_methods_set);
	return 0;
}

static int on_methods_set(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);
	void (*then)(struct wpa *w) = w->then;

	(void)error;
	(void)wpa_reply_error(m);
	w->then = NULL;
	if (then)
		then(w);
	return 0;
}

void wpa_restore(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (!w->has_saved)
		return;
	w->has_saved = false;
	if (new_set_ies(w, w->saved_ies, w->saved_ies_size, &m) >= 0)
		wpa_send_forget(w, m);
}

/* ---------------------------------------------------------------- changes of the radio */

void wpa_radio_on_interface_removed(struct wpa *w, sd_bus_message *m)
{
	const char *path;

	if (sd_bus_message_read(m, "o", &path) < 0)
		return;
	if (strcmp(path, w->path) == 0) {
		wpa_group_abandon(w);
		wpa_enter_absent(w, no_radio);
		wpa_radio_look(w);
	} else {
		wpa_group_on_interface_removed(w, path);
	}
	if (strcmp(path, w->foreign_group) == 0)
		w->foreign_group[0] = '\0';
}

void wpa_radio_on_interface_added(struct wpa *w, sd_bus_message *m)
{
	const char *path;

	/* While one is adopted, the helper's answer is what counts: until then its connection is taken. */
	if (w->state == WPA_ABSENT && !w->call && w->adopter.fd < 0)
		wpa_radio_look(w);
	else if (sd_bus_message_read(m, "o", &path) > 0)
		wpa_connect_on_interface(w, path);
}

static void on_radio_changed(struct wpa *w, sd_bus_message *m)
{
	struct interface now = { 0 };

	if (wpa_read_dictionary(m, interface_fields, 2, &now) < 0 || !now.state[0])
		return;
	if (strcmp(now.state, "interface_disabled") == 0 && w->state != WPA_ABSENT) {
		wpa_group_abandon(w);
		wpa_enter_absent(w, wifi_off);
	} else if (w->state == WPA_ABSENT && strcmp(now.state, "interface_disabled") != 0 &&
		   !w->call && w->adopter.fd < 0) {
		wpa_radio_look(w);
	}
}

/* The supplicant sends its own PropertiesChanged and the standard's: the latter is enough. */
void wpa_radio_on_properties(struct wpa *w, sd_bus_message *m)
{
	const char *path = sd_bus_message_get_path(m);
	const char *interface;

	if (sd_bus_message_read(m, "s", &interface) < 0)
		return;
	if (strcmp(interface, WPA_PEER) == 0)
		wpa_find_on_changed(w, path);
	else if (strcmp(interface, WPA_INTERFACE) == 0 &&
		 (w->state == WPA_ABSENT || strcmp(path, w->path) == 0))
		on_radio_changed(w, m);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wi-Fi Direct by the running wpa_supplicant: its coming and going, the radio that is used, the
 * states, and what the owner may call. What happens in the states is in the files that
 * link-wpa-private.h names.
 */
#include "link/link-wpa-private.h"

#include "link/radio.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char no_supplicant[] =
	"wpa_supplicant is not running: start it, or NetworkManager, which starts it";
static const char gave_up[] =
	"wpa_supplicant ended twice while sinks were looked for: a device nearby may be the cause; "
	"look again later";

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* ---------------------------------------------------------------- the owner's calls */

static int watch(struct wpa *w)
{
	int r;

	r = sd_bus_match_signal_async(w->bus, &w->owner_slot, "org.freedesktop.DBus",
				      "/org/freedesktop/DBus", "org.freedesktop.DBus",
				      "NameOwnerChanged", on_owner_changed, NULL, w);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(w->bus, &w->signal_slot, WPA_NAME, NULL, NULL, NULL,
				      on_signal, NULL, w);
	if (r < 0)
		return r;
	return sd_bus_call_method_async(w->bus, &w->owner_call, "org.freedesktop.DBus",
					"/org/freedesktop/DBus", "org.freedesktop.DBus",
					"GetNameOwner", on_owner, w, "s", WPA_NAME);
}

static int copy_config(struct wpa *w, const struct wpa_config *config)
{
	if (config->host_name)
		wfd_name_clean(config->host_name, strlen(config->host_name), w->host_name);
	if (config->interface)
		(void)snprintf(w->wanted_interface, sizeof(w->wanted_interface), "%s",
			       config->interface);
	w->state_file = config->state_file ? strdup(config->state_file) : NULL;
	w->net_socket = config->net_socket ? strdup(config->net_socket) : NULL;
	if ((config->state_file && !w->state_file) || (config->net_socket && !w->net_socket))
		return -ENOMEM;
	/* What cannot be read is as good as forgotten. */
	(void)known_load(&w->known, w->state_file);
	return 0;
}

int wpa_new(struct sd_event *event, const struct wpa_config *config, const struct wpa_ops *ops,
	    void *userdata, struct wpa **ret)
{
	_cleanup_(wpa_freep) struct wpa *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct wpa){ .event = sd_event_ref(event), .ops = ops, .userdata = userdata,
			   .absence = no_supplicant,
			   .adopter = { .fd = -1 },
			   .attempt = { .listener = { .fd = -1 }, .net = { .fd = -1 } } };
	r = copy_config(w, config);
	if (r < 0)
		return r;
	r = sd_bus_open_system(&w->bus);
	if (r < 0)
		return r;
	r = sd_bus_attach_event(w->bus, event, 0);
	if (r < 0)
		return r;
	r = watch(w);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

struct wpa *wpa_free(struct wpa *w)
{
	static const struct wpa_ops nobody = { NULL };

	if (!w)
		return NULL;
	w->ops = &nobody;
	w->is_find_wanted = false;
	w->attempt.will_retry = false;
	if (w->bus && w->attempt.is_active && w->state != WPA_ABSENT) {
		wpa_group_close(w);
		wpa_group_forget(w);
	}
	if (w->bus && w->owner[0]) {
		wpa_find_stop(w);
		wpa_restore(w);
	}
	wpa_group_release(w);
	net_client_close(&w->adopter);
	wpa_find_forget(w);
	if (w->link)
		w->link->wpa = NULL;
	w->start_source = sd_event_source_disable_unref(w->start_source);
	w->rate_source = sd_event_source_disable_unref(w->rate_source);
	w->timer = sd_event_source_disable_unref(w->timer);
	w->again = sd_event_source_disable_unref(w->again);
	sd_bus_slot_unref(w->call);
	sd_bus_slot_unref(w->signal_slot);
	sd_bus_slot_unref(w->owner_slot);
	sd_bus_slot_unref(w->owner_call);
	sd_bus_flush_close_unref(w->bus);
	sd_event_unref(w->event);
	free(w->state_file);
	free(w->net_socket);
	free(w);
	return NULL;
}

static void start_supplicant(struct wpa *w)
{
	(void)sd_bus_call_method_async(w->bus, NULL, "org.freedesktop.DBus",
				       "/org/freedesktop/DBus", "org.freedesktop.DBus",
				       "StartServiceByName", NULL, NULL, "su", WPA_NAME, 0);
}

void wpa_set_finding(struct wpa *w, bool on)
{
	if (on == w->is_find_wanted)
		return;
	w->is_find_wanted = on;
	w->is_given_up = w->has_adopted = false;
	w->finds = 0;
	if (on && !w->owner[0])
		start_supplicant(w);
	else if (on)
		(void)wpa_radio_want(w);
	if (w->state == WPA_IDLE || (w->state == WPA_FINDING && !w->attempt.is_active))
		wpa_enter_idle(w);
}

enum wpa_state wpa_get_state(const struct wpa *w)
{
	return w->state;
}

const char *wpa_get_interface(const struct wpa *w)
{
	return w->state == WPA_ABSENT ? "" : w->ifname;
}

const char *wpa_get_absence(const struct wpa *w)
{
	return w->state == WPA_ABSENT ? w->absence : "";
}

bool wpa_is_settled(const struct wpa *w)
{
	return !w->attempt.is_active && (w->state <= WPA_FINDING);
}

const char *wpa_state_to_string(enum wpa_state state)
{
	switch (state) {
	case WPA_ABSENT:
		return "absent";
	case WPA_IDLE:
		return "idle";
	case WPA_FINDING:
		return "finding";
	case WPA_NEGOTIATING:
		return "negotiating";
	case WPA_FORMING:
		return "forming";
	case WPA_ADDRESSING:
		return "addressing";
	case WPA_UP:
		return "up";
	case WPA_CLOSING:
		return "closing";
	case WPA_BACK_OFF:
		return "back-off";
	}
	return "unknown";
}

/* ---------------------------------------------------------------- one link */

static void wpa_link_free(struct link *link)
{
	struct wpa_link *l = (struct wpa_link *)link;
	struct wpa *w = l->wpa;

	close_fd(l->rtsp_fd);
	if (w) {
		w->link = NULL;
		w->start_source = sd_event_source_disable_unref(w->start_source);
		w->attempt.will_retry = false;
		if (w->attempt.is_active && w->state != WPA_CLOSING)
			wpa_group_close(w);
	}
	free(l);
}

static int wpa_link_report_rates(struct link *link, bool on)
{
	struct wpa_link *l = (struct wpa_link *)link;

	if (!l->wpa || !l->is_connected || l->is_over)
		return -EOPNOTSUPP;
	l->wants_rates = on;
	wpa_group_set_rates(l->wpa, on);
	return 0;
}

static int wpa_link_give_pin(struct link *link, const char *pin)
{
	struct wpa_link *l = (struct wpa_link *)link;

	return l->wpa ? wpa_pin_give(l->wpa, pin) : -ESTALE;
}

static const struct link_type wpa_link_type = {
	.free = wpa_link_free,
	.report_rates = wpa_link_report_rates,
	.give_pin = wpa_link_give_pin,
};

static int on_start(sd_event_source *source, void *userdata)
{
	struct wpa *w = userdata;

	(void)source;
	w->start_source = sd_event_source_disable_unref(w->start_source);
	/* A closing of before goes on; its end begins the attempt. */
	if (w->state <= WPA_FINDING)
		wpa_connect_begin(w);
	return 0;
}

int link_open_wpa(struct wpa *w, const struct link_options *options,
		  const struct link_events *events, void *userdata, struct link **ret)
{
	_cleanup_free_ struct wpa_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	if (w->link || w->attempt.is_active)
		return -EBUSY;
	*l = (struct wpa_link){
		.link = { .type = &wpa_link_type, .events = events, .userdata = userdata },
		.wpa = w,
		.rtsp_fd = -1,
	};
	r = sd_event_add_defer(w->event, &w->start_source, on_start, w);
	if (r < 0)
		return r;
	w->attempt = (struct attempt){ .is_active = true, .options = *options,
				       .listener = { .fd = -1 }, .net = { .fd = -1 } };
	w->has_adopted = false;
	*ret = &l->link;
	w->link = TAKE_PTR(l);
	return 0;
}

/* ---------------------------------------------------------------- states */

void wpa_set_limit(struct wpa *w, uint64_t limit_us,
		   int (*on_limit)(sd_event_source *, uint64_t, void *))
{
	w->timer = sd_event_source_disable_unref(w->timer);
	if (limit_us > 0 &&
	    sd_event_add_time_relative(w->event, &w->timer, CLOCK_MONOTONIC,
				       clock_limit_us(limit_us), 0, on_limit, w) < 0)
		log_debug("wpa: no timer");
}

void wpa_set_state(struct wpa *w, enum wpa_state state, uint64_t limit_us,
		   int (*on_limit)(sd_event_source *, uint64_t, void *))
{
	bool is_news = state != w->state;

	w->call = sd_bus_slot_unref(w->call);
	w->again = sd_event_source_disable_unref(w->again);
	w->then = NULL;
	wpa_set_limit(w, limit_us, on_limit);
	if (is_news)
		log_debug("wpa: %s -> %s", wpa_state_to_string(w->state),
			  wpa_state_to_string(state));
	w->state = state;
	if (is_news && w->ops->state_changed)
		w->ops->state_changed(w->userdata, state, state == WPA_ABSENT ? w->absence : NULL);
}

/* Nothing is under way: do what is wanted next. */
void wpa_enter_idle(struct wpa *w)
{
	wpa_set_state(w, WPA_IDLE, 0, NULL);
	if (w->attempt.is_active && w->link && !w->link->is_over) {
		wpa_connect_begin(w);
	} else if (w->is_find_wanted && !w->is_given_up) {
		wpa_find_enter(w);
	} else {
		wpa_find_stop(w);
		wpa_restore(w);
	}
}

void wpa_enter_absent(struct wpa *w, const char *why)
{
	bool is_news = w->state == WPA_ABSENT && w->absence != why;

	if (w->owner[0])
		wpa_restore(w);
	w->absence = why;
	w->path[0] = '\0';
	wpa_find_forget(w);
	w->n_persistent = 0;
	w->foreign_group[0] = '\0';
	wpa_set_state(w, WPA_ABSENT, 0, NULL);
	if (is_news && w->ops->state_changed)
		w->ops->state_changed(w->userdata, WPA_ABSENT, why);
	if (w->attempt.is_active)
		wpa_drop(w, LINK_STAGE_RADIO, -ENODEV, why);
}

static int on_nothing_came(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct wpa *w = userdata;

	(void)source;
	(void)now_us;
	wpa_drop(w, LINK_STAGE_RADIO, -ENODEV, w->absence);
	return 0;
}

void wpa_wait_for_supplicant(struct wpa *w)
{
	/* It is being asked; the answer leads to wpa_enter_idle or wpa_enter_absent. */
	if (w->owner_call || w->call || w->adopter.fd >= 0 || wpa_radio_want(w))
		return;
	if (w->owner[0]) {
		wpa_drop(w, LINK_STAGE_RADIO, -ENODEV, w->absence);
		return;
	}
	start_supplicant(w);
	wpa_set_limit(w, WPA_CALL_US, on_nothing_came);
}

/* ---------------------------------------------------------------- the supplicant comes and goes */

static void appear(struct wpa *w, const char *owner)
{
	(void)snprintf(w->owner, sizeof(w->owner), "%s", owner);
	w->has_saved = w->has_adopted = false;
	wpa_radio_look(w);
}

/* It is known to end because of what a device nearby calls itself: not for ever, then. */
static void vanish(struct wpa *w)
{
	uint64_t now_us = clock_now_us();
	bool was_finding = w->is_find_running;

	w->owner[0] = '\0';
	net_client_close(&w->adopter);
	w->is_find_running = false;
	w->has_saved = false;
	if (was_finding && w->lost_us != 0 &&
	    now_us - w->lost_us < clock_limit_us(WPA_LOSS_US))
		w->is_given_up = true;
	w->lost_us = now_us;
	wpa_enter_absent(w, w->is_given_up ? gave_up : no_supplicant);
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = userdata;
	const char *owner;

	(void)error;
	w->owner_call = sd_bus_slot_unref(w->owner_call);
	if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "s", &owner) < 0) {
		if (w->attempt.is_active)
			wpa_wait_for_supplicant(w);
		else if (w->is_find_wanted)
			start_supplicant(w);
		return 0;
	}
	if (!w->owner[0])
		appear(w, owner);
	return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = userdata;
	const char *name, *old, *new;

	(void)error;
	if (sd_bus_message_read(m, "sss", &name, &old, &new) < 0 || strcmp(name, WPA_NAME) != 0)
		return 0;
	if (w->owner[0])
		vanish(w);
	if (new[0])
		appear(w, new);
	else if (w->is_find_wanted && !w->is_given_up)
		start_supplicant(w);
	return 0;
}

/* ---------------------------------------------------------------- signals */

/* clang-format off */
static const struct {
	const char *member;
	void (*handle)(struct wpa *w, sd_bus_message *m);
} signals[] = {
	{ "InterfaceAdded",                     wpa_radio_on_interface_added },
	{ "InterfaceRemoved",                   wpa_radio_on_interface_removed },
	{ "PropertiesChanged",                  wpa_radio_on_properties },
	{ "DeviceFound",                        wpa_find_on_found },
	{ "DeviceLost",                         wpa_find_on_lost },
	{ "FindStopped",                        wpa_find_on_stopped },
	{ "ProvisionDiscoveryResponseEnterPin", wpa_pin_on_enter },
	{ "ProvisionDiscoveryResponseDisplayPin", wpa_pin_on_display },
	{ "ProvisionDiscoveryFailure",          wpa_pin_on_failure },
	{ "GONegotiationSuccess",               wpa_connect_on_success },
	{ "GONegotiationFailure",               wpa_connect_on_failure },
	{ "InvitationResult",                   wpa_connect_on_invitation },
	{ "WpsFailed",                          wpa_connect_on_wps_failed },
	{ "GroupFormationFailure",              wpa_connect_on_formation_failure },
	{ "PersistentGroupAdded",               wpa_persistent_on_added },
	{ "PersistentGroupRemoved",             wpa_persistent_on_removed },
	{ "GroupStarted",                       wpa_group_on_started },
	{ "GroupFinished",                      wpa_group_on_finished },
	{ "PeerJoined",                         wpa_group_on_joined },
	{ "StaAuthorized",                      wpa_group_on_joined },
	{ "PeerDisconnected",                   wpa_group_on_left },
	{ "StaDeauthorized",                    wpa_group_on_left },
};
/* clang-format on */

/* Any process may send a signal to our own address: only the supplicant's count. */
static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *sender = sd_bus_message_get_sender(m);
	const char *member = sd_bus_message_get_member(m);
	struct wpa *w = userdata;

	(void)error;
	if (!sender || !w->owner[0] || strcmp(sender, w->owner) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(member, signals[i].member) == 0) {
			signals[i].handle(w, m);
			break;
		}
	return 0;
}

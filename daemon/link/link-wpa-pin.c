// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PINs, before Connect. Provision discovery asks the sink to show one, which our user is asked for,
 * or to ask for one, which our user is shown. Then link-wpa-connect.c goes on. No PIN is ever
 * logged, and none is kept longer than the attempt.
 */
#include "link/link-wpa-private.h"

#include <errno.h>
#include <string.h>

static const char no_answer[] =
	"the TV did not answer: open its screen-mirroring input and try again";

static int on_discover(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_no_discovery(sd_event_source *source, uint64_t now_us, void *userdata);
static void want_pin(struct wpa *w);
static int on_no_pin(sd_event_source *source, uint64_t now_us, void *userdata);

/* "display": the sink shall show one; "keypad": it shall ask for ours. */
void wpa_pin_begin(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	struct attempt *a = &w->attempt;

	wpa_progress(w, LINK_STAGE_AUTHORISATION);
	wpa_set_limit(w, WPA_DISCOVERY_US, on_no_discovery);
	if (wpa_new_call(w, w->path, WPA_P2P, "ProvisionDiscoveryRequest", &m) >= 0 &&
	    sd_bus_message_append(m, "os", a->peer, a->method == LINK_METHOD_PIN_OF_SINK ?
				  "display" : "keypad") >= 0)
		wpa_send(w, m, on_discover);
}

static int on_discover(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	if (wpa_reply_error(m) < 0)
		wpa_fail(w, LINK_STAGE_AUTHORISATION, -EIO, no_answer);
	return 0;
}

static int on_no_discovery(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	wpa_fail(userdata, LINK_STAGE_AUTHORISATION, -ETIMEDOUT, no_answer);
	return 0;
}

static bool is_of_peer(struct wpa *w, sd_bus_message *m)
{
	const char *path;

	return w->state == WPA_NEGOTIATING && sd_bus_message_read(m, "o", &path) > 0 &&
	       strcmp(path, w->attempt.peer) == 0;
}

void wpa_pin_on_failure(struct wpa *w, sd_bus_message *m)
{
	if (is_of_peer(w, m) && w->attempt.method != LINK_METHOD_BUTTON &&
	    !w->attempt.is_connecting)
		wpa_fail(w, LINK_STAGE_AUTHORISATION, -EOPNOTSUPP,
			 "the TV does not do PINs this way: choose another way of pairing");
}

void wpa_pin_on_enter(struct wpa *w, sd_bus_message *m)
{
	if (is_of_peer(w, m) && w->attempt.method == LINK_METHOD_PIN_OF_SINK &&
	    !w->attempt.is_connecting && !w->attempt.waits_for_pin)
		want_pin(w);
}

static void want_pin(struct wpa *w)
{
	struct wpa_link *l = w->link;

	w->attempt.waits_for_pin = true;
	wpa_set_limit(w, WPA_PIN_US, on_no_pin);
	if (l && l->link.events->pin_wanted)
		l->link.events->pin_wanted(l->link.userdata, w->attempt.pin_tries > 0);
}

static int on_no_pin(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	wpa_fail(userdata, LINK_STAGE_AUTHORISATION, -ETIMEDOUT,
		 "no PIN was entered: connect again and enter the one that the TV shows");
	return 0;
}

int wpa_pin_give(struct wpa *w, const char *pin)
{
	size_t length = strlen(pin);

	if (!w->attempt.is_active || !w->attempt.waits_for_pin)
		return -ESTALE;
	if ((length != 4 && length != 8) || strspn(pin, "0123456789") != length)
		return -EINVAL;
	memcpy(w->attempt.pin, pin, length + 1);
	w->attempt.waits_for_pin = false;
	wpa_connect_now(w);
	return 0;
}

void wpa_pin_on_display(struct wpa *w, sd_bus_message *m)
{
	struct wpa_link *l = w->link;
	const char *pin;

	if (!is_of_peer(w, m) || w->attempt.method != LINK_METHOD_PIN_OF_OURS ||
	    w->attempt.is_connecting || sd_bus_message_read(m, "s", &pin) < 0 ||
	    strlen(pin) >= LINK_PIN_SIZE)
		return;
	memcpy(w->attempt.pin, pin, strlen(pin) + 1);
	wpa_connect_now(w);
	/* Last: the owner may end it all in this call. */
	if (l && l->link.events->pin_shown)
		l->link.events->pin_shown(l->link.userdata, pin);
}

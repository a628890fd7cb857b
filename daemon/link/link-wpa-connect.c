// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From "connect to that sink" to a group that is being formed, in the order in which it happens:
 *
 *	begin, find the peer, keep NetworkManager from hearing of the group (miracast-net), prepare
 *	a remembered group:	Invite
 *	a PIN:			first by link-wpa-pin.c
 *	Connect, negotiation, formation
 *
 * No passphrase is ever logged: the payloads of GONegotiationSuccess and GroupStarted hold it.
 */
#include "link/link-wpa-private.h"

#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* P2P 1.7, table 8: status codes. */
enum {
	STATUS_TIMEOUT = -1, /* the supplicant's own: frames were lost or not answered */
	STATUS_UNAVAILABLE = 1,
	STATUS_NO_COMMON_CHANNEL = 7,
	STATUS_BOTH_OWN = 9,
	STATUS_METHOD = 10,
	STATUS_REJECTED = 11,
};

/* WPS 2.0, table 12: configuration errors. */
enum {
	WPS_OVERLAP = 12,
	WPS_PASSWORD = 18,
};

static const char no_answer[] =
	"the TV did not answer: open its screen-mirroring input and accept this computer there";
static const char refused[] = "the TV refused: accept this computer there and try again";
static const char wrong_pin[] = "the PIN was wrong: use the one that is shown now";
static const char overlap[] =
	"two devices nearby are being paired at the same time: wait two minutes and try again";
static const char busy_channel[] =
	"the TV and the Wi-Fi connection of this computer do not share a channel: disconnect the "
	"Wi-Fi connection, or move it to another band";
static const char no_group[] =
	"the connection to the TV broke off while it was made: try again, closer to the TV";

static void negotiate(struct wpa *w);
static void prepared(struct wpa *w);
static void invite(struct wpa *w);
static int on_invite(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_connect(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_no_invitation(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_no_answer(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_no_group(sd_event_source *source, uint64_t now_us, void *userdata);

/* ---------------------------------------------------------------- begin */

static bool claim_port(struct wpa *w)
{
	int r = listener_claim(&w->attempt.listener);

	if (r < 0)
		wpa_fail(w, LINK_STAGE_LISTEN, r,
			 "another program uses the ports 7236 to 7239, where a TV connects to: end "
			 "it");
	return r >= 0;
}

void wpa_connect_begin(struct wpa *w)
{
	struct attempt *a = &w->attempt;
	const struct known_sink *known = known_find(&w->known, a->options.address);

	if (w->state == WPA_ABSENT) {
		wpa_wait_for_supplicant(w);
		return;
	}
	if (w->foreign_group[0]) {
		wpa_fail(w, LINK_STAGE_RADIO, -EBUSY,
			 "another program uses Wi-Fi Direct: end its connection first");
		return;
	}
	a->is_begun = true;
	a->method = a->options.method;
	wpa_retry_choose_intents(a, known);
	wpa_persistent_choose(w, known);
	wpa_progress(w, LINK_STAGE_DISCOVERY);
	wpa_connect_again(w);
}

/* Each attempt begins here, the first one too. */
void wpa_connect_again(struct wpa *w)
{
	if (!claim_port(w))
		return;
	if (wpa_find_peer(w, w->attempt.options.address))
		wpa_connect_on_peer(w);
	else
		wpa_find_enter(w);
}

void wpa_connect_on_peer(struct wpa *w)
{
	const struct peer *p = wpa_find_peer(w, w->attempt.options.address);

	memcpy(w->attempt.peer, p->path, sizeof(w->attempt.peer));
	negotiate(w);
}

static void negotiate(struct wpa *w)
{
	wpa_set_state(w, WPA_NEGOTIATING, WPA_ANSWER_US, on_no_answer);
	w->attempt.waits_for_hush = true;
	wpa_group_hush(w);
}

void wpa_connect_on_hushed(struct wpa *w)
{
	if (w->state != WPA_NEGOTIATING || !w->attempt.waits_for_hush)
		return;
	w->attempt.waits_for_hush = false;
	wpa_prepare(w, prepared);
}

static void prepared(struct wpa *w)
{
	struct attempt *a = &w->attempt;

	if (a->persistent[0] && !a->is_invite_spent)
		invite(w);
	else if (a->method == LINK_METHOD_BUTTON)
		wpa_connect_now(w);
	else
		wpa_pin_begin(w);
}

/* ---------------------------------------------------------------- a remembered group */

static void invite(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	struct attempt *a = &w->attempt;

	wpa_progress(w, LINK_STAGE_NEGOTIATION);
	a->is_inviting = a->is_invite_spent = a->is_connecting = true;
	wpa_set_limit(w, WPA_INVITE_US, on_no_invitation);
	if (wpa_new_call(w, w->path, WPA_P2P, "Invite", &m) >= 0 &&
	    sd_bus_message_append(m, "a{sv}", 2, "peer", "o", a->peer, "persistent_group_object",
				  "o", a->persistent) >= 0)
		wpa_send(w, m, on_invite);
}

/* The sink has forgotten the group, or wants to ask somebody: pair as if for the first time. */
static void pair_afresh(struct wpa *w)
{
	struct known_sink *known = known_find(&w->known, w->attempt.options.address);

	log_debug("wpa: the sink does not take the remembered group");
	if (known)
		known->ssid_size = 0;
	wpa_fail(w, LINK_STAGE_NEGOTIATION, -ESTALE, no_group);
}

static int on_invite(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	if (wpa_reply_error(m) < 0)
		pair_afresh(w);
	return 0;
}

void wpa_connect_on_invitation(struct wpa *w, sd_bus_message *m)
{
	static const struct wpa_field field = { "status", WPA_KIND_NUMBER, 0, 0 };
	int64_t status = -1;

	if (w->state != WPA_NEGOTIATING || !w->attempt.is_inviting)
		return;
	(void)wpa_read_dictionary(m, &field, 1, &status);
	if (status != 0)
		pair_afresh(w);
	else /* it comes: as its client we have to find its group first */
		wpa_set_limit(w, WPA_FORM_US, on_no_invitation);
}

static int on_no_invitation(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	pair_afresh(userdata);
	return 0;
}

/* ---------------------------------------------------------------- Connect */

static const char *method_word(enum link_method method)
{
	switch (method) {
	case LINK_METHOD_BUTTON:
		return "pbc";
	case LINK_METHOD_PIN_OF_SINK:
		return "keypad";
	case LINK_METHOD_PIN_OF_OURS:
		return "display";
	}
	return "pbc";
}

/* go_intent and frequency are signed: the supplicant refuses an unsigned one. */
static int append_connect(struct wpa *w, sd_bus_message *m)
{
	const struct attempt *a = &w->attempt;
	const struct peer *p = wpa_find_peer(w, a->options.address);
	int join = p && p->sink.is_owner;
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "peer", "o", a->peer,
					  "wps_method", "s", method_word(a->method), "persistent",
					  "b", (int)a->options.remember, "join", "b", join);
	if (r >= 0 && !join)
		r = sd_bus_message_append(m, "{sv}", "go_intent", "i", a->intents[a->intent]);
	if (r >= 0 && a->pin[0])
		r = sd_bus_message_append(m, "{sv}", "pin", "s", a->pin);
	if (r >= 0 && a->frequency)
		r = sd_bus_message_append(m, "{sv}", "frequency", "i", (int)a->frequency);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

void wpa_connect_now(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	w->attempt.is_connecting = true;
	w->is_find_running = false; /* Connect ends it */
	/* To type a PIN with a remote control takes longer than to press a button. */
	wpa_set_limit(w, w->attempt.method == LINK_METHOD_PIN_OF_OURS ? WPA_PIN_US : WPA_ANSWER_US,
		      on_no_answer);
	log_debug("wpa: connect, %s, intent %d", method_word(w->attempt.method),
		  w->attempt.intents[w->attempt.intent]);
	if (wpa_new_call(w, w->path, WPA_P2P, "Connect", &m) >= 0 && append_connect(w, m) >= 0)
		wpa_send(w, m, on_connect);
	wpa_progress(w, LINK_STAGE_AUTHORISATION);
}

/* The supplicant forgets a peer after some time, and says "invalid" of it. */
static bool look_again(struct wpa *w)
{
	if (w->attempt.has_looked)
		return false;
	w->attempt.has_looked = true;
	w->attempt.is_connecting = false;
	wpa_find_forget(w);
	w->finds = 0;
	wpa_find_enter(w);
	return true;
}

static int on_connect(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);
	int r = wpa_reply_error(m);

	(void)error;
	if (r == 0 || (r == -EINVAL && look_again(w)))
		return 0;
	wpa_fail(w, LINK_STAGE_NEGOTIATION, r, r == -ECHRNG ? busy_channel : no_group);
	return 0;
}

static int on_no_answer(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	wpa_fail(userdata, LINK_STAGE_AUTHORISATION, -ETIMEDOUT, no_answer);
	return 0;
}

/* ---------------------------------------------------------------- negotiation and formation */

struct negotiation {
	char peer[WPA_PATH_SIZE];
	struct wpa_bytes ssid;
	int64_t status;
};

static const struct wpa_field negotiation_fields[] = {
	{ "peer_object", WPA_KIND_STRING, offsetof(struct negotiation, peer), WPA_PATH_SIZE },
	{ "ssid", WPA_KIND_BYTES, offsetof(struct negotiation, ssid), 0 },
	{ "status", WPA_KIND_NUMBER, offsetof(struct negotiation, status), 0 },
};

static bool read_negotiation(struct wpa *w, sd_bus_message *m, struct negotiation *ret)
{
	*ret = (struct negotiation){ 0 };
	return w->state == WPA_NEGOTIATING && w->attempt.is_connecting &&
	       wpa_read_dictionary(m, negotiation_fields, 3, ret) >= 0 &&
	       strcmp(ret->peer, w->attempt.peer) == 0;
}

void wpa_connect_on_success(struct wpa *w, sd_bus_message *m)
{
	struct attempt *a = &w->attempt;
	struct negotiation n;

	if (!read_negotiation(w, m, &n))
		return;
	if (n.ssid.size <= sizeof(a->ssid)) {
		memcpy(a->ssid, n.ssid.data, n.ssid.size);
		a->ssid_size = (uint8_t)n.ssid.size;
	}
	wpa_set_state(w, WPA_FORMING, WPA_FORM_US, on_no_group);
	wpa_progress(w, LINK_STAGE_FORMATION);
}

static int on_no_group(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	wpa_fail(userdata, LINK_STAGE_FORMATION, -ETIMEDOUT, no_group);
	return 0;
}

void wpa_connect_on_failure(struct wpa *w, sd_bus_message *m)
{
	struct negotiation n;

	if (!read_negotiation(w, m, &n))
		return;
	log_debug("wpa: negotiation failed with status %d", (int)n.status);
	switch ((int)n.status) {
	case STATUS_REJECTED:
		wpa_fail(w, LINK_STAGE_AUTHORISATION, -ECONNREFUSED, refused);
		break;
	case STATUS_UNAVAILABLE:
		wpa_fail(w, LINK_STAGE_AUTHORISATION, -ETIMEDOUT, no_answer);
		break;
	case STATUS_NO_COMMON_CHANNEL:
		wpa_fail(w, LINK_STAGE_NEGOTIATION, -ECHRNG, busy_channel);
		break;
	case STATUS_METHOD:
		wpa_fail(w, LINK_STAGE_AUTHORISATION, -EOPNOTSUPP,
			 "the TV wants to be paired another way: try with a PIN, or without");
		break;
	case STATUS_TIMEOUT:
		wpa_fail(w, LINK_STAGE_NEGOTIATION, -ETIMEDOUT, no_answer);
		break;
	case STATUS_BOTH_OWN:
	default:
		wpa_fail(w, LINK_STAGE_NEGOTIATION, -EPROTO, no_group);
		break;
	}
}

/*
 * Signals of a group that failed come by its own object, which is there before the group is, and
 * those of the one before may come late: only what the machine itself or the present one says counts.
 */
static bool is_ours(const struct wpa *w, sd_bus_message *m)
{
	const char *path = sd_bus_message_get_path(m);

	return strcmp(path, w->path) == 0 || strcmp(path, w->attempt.forming) == 0;
}

void wpa_connect_on_interface(struct wpa *w, const char *path)
{
	if (w->attempt.is_connecting && (w->state == WPA_NEGOTIATING || w->state == WPA_FORMING) &&
	    strlen(path) < WPA_PATH_SIZE)
		memcpy(w->attempt.forming, path, strlen(path) + 1);
}

void wpa_connect_on_wps_failed(struct wpa *w, sd_bus_message *m)
{
	static const struct wpa_field field = { "config_error", WPA_KIND_NUMBER, 0, 0 };
	int64_t config_error = 0;
	const char *name;

	if ((w->state != WPA_FORMING && w->state != WPA_NEGOTIATING) || !is_ours(w, m) ||
	    !w->attempt.is_connecting || sd_bus_message_read(m, "s", &name) < 0)
		return;
	(void)wpa_read_dictionary(m, &field, 1, &config_error);
	log_debug("wpa: pairing failed with error %d", (int)config_error);
	if (config_error == WPS_PASSWORD)
		wpa_fail(w, LINK_STAGE_AUTHORISATION, -EKEYREJECTED, wrong_pin);
	else if (config_error == WPS_OVERLAP)
		wpa_fail(w, LINK_STAGE_AUTHORISATION, -EALREADY, overlap);
	else
		wpa_fail(w, LINK_STAGE_FORMATION, -EPROTO, no_group);
}

void wpa_connect_on_formation_failure(struct wpa *w, sd_bus_message *m)
{
	if ((w->state == WPA_FORMING || w->state == WPA_NEGOTIATING) && is_ours(w, m) &&
	    w->attempt.is_connecting)
		wpa_fail(w, LINK_STAGE_FORMATION, -ECONNABORTED, no_group);
}

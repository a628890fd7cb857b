// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is tried, and what is tried next when it fails: roles in turn, another way of pairing, another
 * channel; or the end of the attempt, which is told once. Decides by stage and error alone; knows no
 * call of the supplicant.
 */
#include "link/link-wpa-private.h"

#include "link/radio.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>

/* What worked with this sink first; then each role, the one that most sinks can live with first. */
void wpa_retry_choose_intents(struct attempt *a, const struct known_sink *known)
{
	static const int usual[] = { 7, 0, 15 };

	if (a->options.intent >= 0) {
		a->intents[a->n_intents++] = a->options.intent;
		return;
	}
	if (known && known->intent >= 0)
		a->intents[a->n_intents++] = known->intent;
	for (size_t i = 0; i < 3 && a->n_intents < WPA_INTENTS_MAX; i++)
		if (!known || known->intent != usual[i])
			a->intents[a->n_intents++] = usual[i];
}

static bool has_next_intent(struct attempt *a)
{
	if (a->intent + 1 >= a->n_intents)
		return false;
	a->intent++;
	a->has_looked = false;
	return true;
}

/* On the station's channel, where the radio is anyway; if that fails too, nothing helps. */
static bool has_other_channel(struct wpa *w)
{
	uint32_t mhz;

	if (w->attempt.frequency ||
	    radio_get_frequency(if_nametoindex(w->ifname), &mhz) < 0)
		return has_next_intent(&w->attempt);
	w->attempt.frequency = mhz;
	return true;
}

static bool has_other_method(struct attempt *a)
{
	if (a->is_method_switched)
		return false;
	a->is_method_switched = true;
	a->method = a->method == LINK_METHOD_BUTTON ? LINK_METHOD_PIN_OF_SINK : LINK_METHOD_BUTTON;
	return true;
}

/* Whether another attempt may do better; what shall be different is set. */
static bool may_retry(struct wpa *w, enum link_stage stage, int error)
{
	struct attempt *a = &w->attempt;

	if (!w->link || w->link->is_connected)
		return false;
	/* An invitation that failed says nothing about pairing. */
	if (a->is_inviting)
		return true;
	switch (stage) {
	case LINK_STAGE_AUTHORISATION:
		if (error == -EKEYREJECTED && a->method == LINK_METHOD_PIN_OF_SINK)
			return ++a->pin_tries < WPA_PIN_TRIES;
		return error == -EOPNOTSUPP && has_other_method(a);
	case LINK_STAGE_NEGOTIATION:
		return error == -ECHRNG ? has_other_channel(w) : has_next_intent(a);
	case LINK_STAGE_FORMATION:
	case LINK_STAGE_ADDRESS:
	case LINK_STAGE_RTSP_WAIT:
		return has_next_intent(a);
	case LINK_STAGE_LISTEN:
	case LINK_STAGE_RADIO:
	case LINK_STAGE_DISCOVERY:
	case LINK_STAGE_FIREWALL:
	case LINK_STAGE_UP:
		break;
	}
	return false;
}

/* ---------------------------------------------------------------- the ends of an attempt */

static void tell(struct wpa *w, enum link_stage stage, int error, const char *text)
{
	struct wpa_link *l = w->link;

	if (!l || l->is_over)
		return;
	l->is_over = true;
	if (!l->is_connected)
		l->link.events->failed(l->link.userdata, stage, error, text);
	else if (l->link.events->lost)
		l->link.events->lost(l->link.userdata, error, text);
}

void wpa_fail(struct wpa *w, enum link_stage stage, int error, const char *text)
{
	log_debug("wpa: %s: %s", link_stage_to_string(stage), strerror(-error));
	w->attempt.will_retry = may_retry(w, stage, error);
	w->attempt.waits_for_pin = false;
	if (!w->attempt.will_retry && w->link && w->link->is_connected)
		wpa_group_set_rates(w, false);
	wpa_group_close(w);
	/* Last: the owner may free the link in there. */
	if (!w->attempt.will_retry)
		tell(w, stage, error, text);
}

void wpa_drop(struct wpa *w, enum link_stage stage, int error, const char *text)
{
	wpa_group_set_rates(w, false);
	wpa_group_release(w);
	w->attempt.is_active = w->attempt.is_begun = false;
	tell(w, stage, error, text);
}

void wpa_progress(struct wpa *w, enum link_stage stage)
{
	struct wpa_link *l = w->link;

	log_debug("wpa: stage %s", link_stage_to_string(stage));
	if (l && !l->is_over && l->link.events->progress)
		l->link.events->progress(l->link.userdata, stage);
}

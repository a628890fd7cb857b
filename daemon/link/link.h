/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link: from "find the sink" to "its RTSP connection stands". The seam between the session's
 * owner and Wi-Fi Direct or a plain address. Owns the RTSP socket and whatever network is under
 * it; knows nothing of RTSP itself.
 *
 *	link_open_direct	an address of ours, no Wi-Fi
 *	link_open_wpa		a sink found by the radio (struct wpa)
 */
#ifndef MIRACAST_LINK_LINK_H
#define MIRACAST_LINK_LINK_H

#include "link/wfd-ie.h"
#include "miracast/session.h"
#include "util/cleanup.h"

#include <netinet/in.h>
#include <stdint.h>

struct sd_event;
struct link;
struct wpa;

#define LINK_ADDRESS_SIZE 6
#define LINK_PIN_SIZE	  9 /* eight digits and the end; some devices take four */

/* Where a link failed, or how far it has come: the word a user is told. */
enum link_stage {
	LINK_STAGE_LISTEN,	  /* the RTSP port */
	LINK_STAGE_RADIO,	  /* there is no Wi-Fi Direct to use */
	LINK_STAGE_DISCOVERY,	  /* the sink is not found */
	LINK_STAGE_AUTHORISATION, /* somebody at the sink must agree, or enter a PIN */
	LINK_STAGE_NEGOTIATION,
	LINK_STAGE_FORMATION,
	LINK_STAGE_ADDRESS,
	LINK_STAGE_FIREWALL,
	LINK_STAGE_RTSP_WAIT, /* the sink did not connect */
	LINK_STAGE_UP,	      /* it was connected, and is not any more */
};

/*
 * Each called from the loop, never from inside a function of this header; the owner may free the
 * link in connected, failed and lost. All but connected and failed may be NULL.
 */
struct link_events {
	/*
	 * The sink is connected. rtsp_fd stays the link's: it is readable and writable until
	 * link_free. Once.
	 */
	void (*connected)(void *userdata, int rtsp_fd, const struct session_link_stats *stats);

	/*
	 * No connection will come. Once, instead of connected. Stage and error together are the
	 * code of the failure (docs/link.md); text is a sentence that tells the user what to do,
	 * and lives until the return.
	 */
	void (*failed)(void *userdata, enum link_stage stage, int error, const char *text);

	/* The stage that begins now; a new attempt begins with an earlier one again. */
	void (*progress)(void *userdata, enum link_stage stage);

	/* The sink shows a PIN, which the owner passes on by link_give_pin. Again if it is wrong. */
	void (*pin_wanted)(void *userdata, bool was_wrong);

	/* This PIN has to be entered at the sink. Lives until the return; never to be logged. */
	void (*pin_shown)(void *userdata, const char *pin);

	/* After connected: the network under the connection is gone. Once. */
	void (*lost)(void *userdata, int error, const char *text);

	/* After link_report_rates(true): once a second; NULL: not known any more, no further call. */
	void (*rate)(void *userdata, const struct session_data_rate *rate);
};

/*
 * A plain address, without Wi-Fi: listen there, take the first connection, refuse all others. In
 * 30 s (stretched by MIRACAST_TIME_SCALE) without one the link has failed. rate_bps is what the
 * caller knows of the path; events is kept. Errors: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, others
 * of socket(2) and bind(2).
 */
int link_open_direct(struct sd_event *event, const struct sockaddr_in *address, uint64_t rate_bps,
		     const struct link_events *events, void *userdata, struct link **ret);

/* Closes the RTSP socket too: the session must be stopped before. Accepts NULL, returns NULL. */
struct link *link_free(struct link *l);
DEFINE_CLEANUP(struct link *, link_free)

/* -EOPNOTSUPP: this link knows no rates. */
int link_report_rates(struct link *l, bool on);

/* The answer to pin_wanted. -EINVAL: not four or eight digits; -ESTALE: nobody waits for one. */
int link_give_pin(struct link *l, const char *pin);

const char *link_stage_to_string(enum link_stage stage);

/* ---------------------------------------------------------------- Wi-Fi Direct */

/* How a sink and we come to trust each other (WPS methods, seen from us). */
enum link_method {
	LINK_METHOD_BUTTON = 1 << 0,	   /* somebody accepts at the sink, at most */
	LINK_METHOD_PIN_OF_SINK = 1 << 1, /* it shows one, our user enters it */
	LINK_METHOD_PIN_OF_OURS = 1 << 2, /* we show one, it is entered there */
};

/* What the radio knows of a sink. Plain data. */
struct link_sink {
	uint8_t address[LINK_ADDRESS_SIZE]; /* P2P device address: who it is */
	char name[WFD_NAME_SIZE];	    /* cleaned; two sinks may have the same */
	uint16_t category, subcategory;	    /* WPS primary device type; 7, 1: a television */
	struct wfd_ie wfd;
	uint32_t methods; /* of enum link_method; 0: not told */
	int signal_dbm;	  /* 0: not told */
	bool is_owner;	  /* of a group that can be joined */
	bool is_remembered;
};

/* What Wi-Fi Direct on this host is doing. */
enum wpa_state {
	WPA_ABSENT, /* no supplicant, no radio for it, or Wi-Fi is off */
	WPA_IDLE,
	WPA_FINDING,
	WPA_NEGOTIATING,
	WPA_FORMING,
	WPA_ADDRESSING,
	WPA_UP,
	WPA_CLOSING,
	WPA_BACK_OFF,
};

struct wpa_ops {
	/* text says why, where that is of use to a user; else NULL. */
	void (*state_changed)(void *userdata, enum wpa_state state, const char *text);
	void (*sink_found)(void *userdata, const struct link_sink *sink); /* or it has changed */
	void (*sink_lost)(void *userdata, const uint8_t address[static LINK_ADDRESS_SIZE]);
};

/* Read by wpa_new, not kept. */
struct wpa_config {
	const char *host_name;	/* shown by sinks */
	const char *interface;	/* which radio; NULL: the first that can */
	const char *state_file; /* what worked with which sink; NULL: nothing is remembered */
	const char *net_socket; /* of miracast-net; NULL: NET_SOCKET */
};

/*
 * The Wi-Fi Direct of this host through the running wpa_supplicant. Never fails for want of one:
 * that is the state WPA_ABSENT, and it is left when one comes. Errors: of connecting to the bus.
 */
int wpa_new(struct sd_event *event, const struct wpa_config *config, const struct wpa_ops *ops,
	    void *userdata, struct wpa **ret);

/* Ends a link too. Not from inside a call back. Sends what is left to say and waits for nothing. */
struct wpa *wpa_free(struct wpa *w);
DEFINE_CLEANUP(struct wpa *, wpa_free)

/* Whether somebody looks at the list. Suspended while a link is open. */
void wpa_set_finding(struct wpa *w, bool on);

enum wpa_state wpa_get_state(const struct wpa *w);
/* The interface of the radio that is used; "" while WPA_ABSENT. */
const char *wpa_get_interface(const struct wpa *w);
/* Why WPA_ABSENT, in a sentence that tells the user what to do; "" in every other state. */
const char *wpa_get_absence(const struct wpa *w);
const char *wpa_state_to_string(enum wpa_state state);
/* True once everything a freed link had has been taken back. */
bool wpa_is_settled(const struct wpa *w);

/*
 * What worked with that sink, and the key of its group: the next time somebody has to accept again.
 * -ENOENT: nothing was remembered; -EBUSY: a link to it is open or closing.
 */
int wpa_forget(struct wpa *w, const uint8_t address[static LINK_ADDRESS_SIZE]);

struct link_options {
	uint8_t address[LINK_ADDRESS_SIZE];
	enum link_method method;
	bool remember; /* so that the next time nobody has to accept */
	int intent;    /* to own the group, 0 to 15; -1: what worked, else 7, 0, 15 */
};

/*
 * Connect to a sink; if it is not in the list it is looked for. One at a time: -EBUSY while another
 * is open or closing. Everything else is told by failed.
 */
int link_open_wpa(struct wpa *w, const struct link_options *options,
		  const struct link_events *events, void *userdata, struct link **ret);

#endif

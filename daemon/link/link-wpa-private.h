/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine over wpa_supplicant, between its files:
 *
 *	link-wpa.c		its life: bus, supplicant, radio; the states; the owner's calls
 *	link-wpa-radio.c	which radio is used, and what it is told before Find and Connect
 *	link-wpa-bus.c		calls and dictionaries of D-Bus
 *	link-wpa-find.c		sinks
 *	link-wpa-peer.c		what a peer is
 *	link-wpa-connect.c	from "connect" to a group: negotiation, formation
 *	link-wpa-pin.c		PINs, before that
 *	link-wpa-retry.c	what is tried, what next, and the end of an attempt
 *	link-wpa-persistent.c	remembered groups
 *	link-wpa-group.c	address, RTSP port, rates, and taking it all back
 *
 *	            name, radio       find              connect
 *	  ABSENT ---------------> IDLE <----> FINDING ----------+
 *	    ^                      ^ \                          v
 *	    | name or radio gone   |  +-----------------> NEGOTIATING <-------------+
 *	    +--- (from anywhere)   |                            v GO negotiation    |
 *	                           |                         FORMING                | 2 s
 *	                           |                            v GroupStarted      |
 *	                           |                        ADDRESSING              |
 *	                           |                            v address, station  |
 *	                           |                            UP                  |
 *	                           |   any failure, end, loss   v                   |
 *	                           +------------------------ CLOSING --> BACK_OFF --+
 */
#ifndef MIRACAST_LINK_WPA_PRIVATE_H
#define MIRACAST_LINK_WPA_PRIVATE_H

#include "link/known.h"
#include "link/link-private.h"
#include "link/listener.h"
#include "link/net-client.h"
#include "util/clock.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define WPA_NAME      "fi.w1.wpa_supplicant1"
#define WPA_ROOT      "/fi/w1/wpa_supplicant1"
#define WPA_INTERFACE WPA_NAME ".Interface"
#define WPA_P2P	      WPA_INTERFACE ".P2PDevice"
#define WPA_WPS	      WPA_INTERFACE ".WPS"
#define WPA_PEER      WPA_NAME ".Peer"
#define WPA_GROUP     WPA_NAME ".Group"
#define WPA_PERSISTENT WPA_NAME ".PersistentGroup"
#define DBUS_PROPERTIES "org.freedesktop.DBus.Properties"

#define WPA_PATH_SIZE	128
#define WPA_TEXT_SIZE	1024
#define WPA_PEERS_MAX	64
#define WPA_INTENTS_MAX 3
#define WPA_PIN_TRIES	3

/* All stretched by MIRACAST_TIME_SCALE. */
#define WPA_CALL_US	 (10 * USEC_PER_SEC)
#define WPA_FIND_S	 10 /* radio time a round, in the supplicant's own clock */
#define WPA_FIND_US	 (15 * USEC_PER_SEC) /* it should have said FindStopped by then */
#define WPA_PAUSE_US	 (5 * USEC_PER_SEC)  /* the station connection's turn */
#define WPA_LOOK_US	 (20 * USEC_PER_SEC) /* for the sink that shall be connected */
#define WPA_AGAIN_US	 (1 * USEC_PER_SEC)  /* Find was refused or stopped meanwhile */
#define WPA_ANSWER_US	 (60 * USEC_PER_SEC) /* somebody has to find the remote control */
#define WPA_PIN_US	 (120 * USEC_PER_SEC)
#define WPA_DISCOVERY_US (10 * USEC_PER_SEC) /* provision discovery */
#define WPA_INVITE_US	 (10 * USEC_PER_SEC)
#define WPA_FORM_US	 (25 * USEC_PER_SEC)
#define WPA_ADDRESS_US	 (40 * USEC_PER_SEC) /* miracast-net gives up before */
#define WPA_RTSP_US	 (30 * USEC_PER_SEC)
#define WPA_CLOSE_US	 (3 * USEC_PER_SEC)
#define WPA_BACK_OFF_US	 (2 * USEC_PER_SEC)
#define WPA_LOSS_US	 (60 * USEC_PER_SEC) /* two losses within this: it is not looked for again */

struct peer {
	char path[WPA_PATH_SIZE];
	sd_bus_slot *slot; /* its properties are asked for */
	struct link_sink sink;
	bool is_told;
	uint64_t seen; /* a count, not a time */
};

/* One try to connect, and what came of it. Lives from link_open_wpa until closed. */
struct attempt {
	bool is_active;
	bool is_begun; /* the loop has come round since link_open_wpa */
	struct link_options options;
	char peer[WPA_PATH_SIZE];
	int intents[WPA_INTENTS_MAX];
	unsigned int n_intents, intent; /* index of the present one */
	enum link_method method;
	bool is_method_switched; /* the sink wanted another; once only */
	bool waits_for_hush;	 /* of NetworkManager, by miracast-net */
	bool has_looked;	 /* the peer was looked for again; once an intent */
	bool is_inviting;
	bool is_invite_spent;
	char persistent[WPA_PATH_SIZE]; /* object to be invited into */
	uint32_t frequency;		/* MHz to insist on; 0: the supplicant's choice */
	char pin[LINK_PIN_SIZE];
	unsigned int pin_tries;
	bool waits_for_pin;

	bool is_connecting; /* Connect or Invite was called: Cancel is due */
	char forming[WPA_PATH_SIZE]; /* the interface object that came meanwhile: its failures are ours */
	char group[WPA_PATH_SIZE]; /* the group's interface object; "" while there is none */
	char ifname[IF_NAMESIZE];
	uint32_t ifindex;
	bool is_owner;
	uint32_t given_address, given_prefix; /* network order; 0: none */
	bool has_station, has_address;
	uint8_t ssid[KNOWN_SSID_SIZE];
	uint8_t ssid_size;

	struct listener listener;
	sd_event_source *listen_source; /* while UP and not connected */
	struct net_client net;

	bool will_retry; /* after CLOSING */
};

struct wpa_link {
	struct link link; /* first */
	struct wpa *wpa;  /* NULL: freed before us */
	struct session_link_stats stats;
	int rtsp_fd; /* until link_free */
	bool is_connected; /* connected was told */
	bool is_over;	   /* failed or lost was told */
	bool wants_rates;
};

struct wpa {
	sd_event *event;
	sd_bus *bus;
	const struct wpa_ops *ops;
	void *userdata;
	char host_name[WFD_NAME_SIZE];
	char wanted_interface[IF_NAMESIZE];
	char *state_file, *net_socket;

	enum wpa_state state;
	/* Of this state: wpa_set_state drops them. */
	sd_event_source *timer;
	sd_event_source *again; /* while the sink of an attempt is looked for: the next Find */
	sd_bus_slot *call;
	void (*then)(struct wpa *w); /* after wpa_prepare */

	/* Of the supplicant's life. */
	sd_bus_slot *signal_slot, *owner_slot, *owner_call;
	char owner[64]; /* its unique name; "" while there is none */
	char path[WPA_PATH_SIZE];
	char ifname[IF_NAMESIZE];
	char candidates[WPA_TEXT_SIZE]; /* interface objects, while they are looked at */
	uint64_t lost_us;		/* the supplicant went, last; 0: never */
	bool is_given_up;		/* it went twice while we were finding */
	struct net_client adopter; /* while miracast-net gives it a radio */
	bool has_adopted;	   /* that was tried, for what is wanted now */
	const char *absence;		/* why ABSENT */

	bool has_saved; /* the WFDIEs that were there before ours */
	uint8_t saved_ies[256];
	size_t saved_ies_size;

	struct peer peers[WPA_PEERS_MAX];
	size_t n_peers;
	uint64_t sightings;
	bool is_find_wanted;
	bool is_find_running;
	unsigned int finds; /* rounds so far */
	char foreign_group[WPA_PATH_SIZE]; /* somebody else's */

	struct known known;
	struct {
		char path[WPA_PATH_SIZE];
		uint8_t ssid[KNOWN_SSID_SIZE];
		uint8_t ssid_size;
	} persistent[16]; /* that the supplicant knows; the newest first */
	size_t n_persistent;

	struct attempt attempt;
	struct wpa_link *link; /* the owner's handle; NULL: none, or freed */
	sd_event_source *start_source;
	sd_event_source *rate_source;
	uint32_t last_packets, last_retries, last_failed; /* of the report before */
	uint64_t recommended_bps;
};

/* ---------------------------------------------------------------- link-wpa-bus.c */

int wpa_new_call(struct wpa *w, const char *path, const char *interface, const char *member,
		 sd_bus_message **ret);
/* Sends, and calls on_reply unless the state changes before. An error comes by on_reply as well. */
void wpa_send(struct wpa *w, sd_bus_message *m, int (*on_message)(sd_bus_message *, void *,
								  sd_bus_error *));
/* The same without an answer that anybody waits for. */
void wpa_send_forget(struct wpa *w, sd_bus_message *m);
/* The first thing in the handler of a reply: nothing is waited for any more. */
struct wpa *wpa_replied(void *userdata);
/* 0, or what the reply's error means: -EINVAL, -EACCES, -ECHRNG (channel), -ENOENT, -ETIMEDOUT. */
int wpa_reply_error(sd_bus_message *m);
/* Calls a method without arguments, or reads a property. */
void wpa_call(struct wpa *w, const char *path, const char *interface, const char *member,
	      int (*on_message)(sd_bus_message *, void *, sd_bus_error *));
void wpa_get(struct wpa *w, const char *path, const char *interface, const char *property,
	     int (*on_message)(sd_bus_message *, void *, sd_bus_error *));
int wpa_append_bytes(sd_bus_message *m, const char *key, const void *data, size_t size);

struct wpa_bytes {
	size_t size;
	uint8_t data[WPA_TEXT_SIZE];
};

enum wpa_kind {
	WPA_KIND_STRING, /* char[size]; s or o */
	WPA_KIND_WORDS,	 /* char[size]; as or ao, with spaces between */
	WPA_KIND_NUMBER, /* int64_t; any integer, or b */
	WPA_KIND_BYTES,	 /* struct wpa_bytes; ay */
};

struct wpa_field {
	const char *key;
	enum wpa_kind kind;
	size_t offset, size;
};

/*
 * Reads a dictionary a{sv}; unknown keys, wrong types and values that are too long are left out.
 */
int wpa_read_dictionary(sd_bus_message *m, const struct wpa_field *fields, size_t n, void *ret);
/* One value, in the variant that Get answers with. */
int wpa_read_value(sd_bus_message *m, const struct wpa_field *field, void *ret);

bool wpa_has_word(const char *words, const char *word);

/* ---------------------------------------------------------------- link-wpa.c */

/* The one writer of the state. limit_us 0: the new state has no limit. */
void wpa_set_state(struct wpa *w, enum wpa_state state, uint64_t limit_us,
		   int (*on_limit)(sd_event_source *, uint64_t, void *));
/* Another limit for the present state. */
void wpa_set_limit(struct wpa *w, uint64_t limit_us,
		   int (*on_limit)(sd_event_source *, uint64_t, void *));
void wpa_enter_idle(struct wpa *w);
void wpa_enter_absent(struct wpa *w, const char *why);
/* An attempt while ABSENT: waits as long as something may still come, else fails it. */
void wpa_wait_for_supplicant(struct wpa *w);

/* ---------------------------------------------------------------- link-wpa-radio.c */

/* Looks for a radio: ends in wpa_enter_idle or wpa_enter_absent. */
void wpa_radio_look(struct wpa *w);
/* One is wanted now: true when that helps, and it is looked for as above. */
bool wpa_radio_want(struct wpa *w);
/* Signals. */
void wpa_radio_on_interface_added(struct wpa *w, sd_bus_message *m);
void wpa_radio_on_interface_removed(struct wpa *w, sd_bus_message *m);
void wpa_radio_on_properties(struct wpa *w, sd_bus_message *m);
/* WFDIEs, our name and our pairing methods; then go on, or fail for the attempt. */
void wpa_prepare(struct wpa *w, void (*then)(struct wpa *w));
void wpa_restore(struct wpa *w);

/* ---------------------------------------------------------------- link-wpa-find.c */

void wpa_find_enter(struct wpa *w);
void wpa_find_stop(struct wpa *w);
void wpa_find_forget(struct wpa *w); /* all sinks are gone */
void wpa_find_set_remembered(struct wpa *w, const uint8_t address[static LINK_ADDRESS_SIZE],
			     bool is_remembered);
void wpa_find_flush(struct wpa *w);  /* the supplicant shall forget them too, and look anew */
struct peer *wpa_find_peer(struct wpa *w, const uint8_t address[static LINK_ADDRESS_SIZE]);
void wpa_find_on_found(struct wpa *w, sd_bus_message *m);
void wpa_find_on_lost(struct wpa *w, sd_bus_message *m);
void wpa_find_on_stopped(struct wpa *w, sd_bus_message *m);
void wpa_find_on_changed(struct wpa *w, const char *path);

/* ---------------------------------------------------------------- link-wpa-peer.c */

/* -ENOENT: not a sink, so far: its elements may come later than itself. */
int wpa_peer_read(sd_bus_message *m, struct link_sink *ret);

/* ---------------------------------------------------------------- link-wpa-connect.c */

void wpa_connect_begin(struct wpa *w);
void wpa_connect_again(struct wpa *w); /* after BACK_OFF */
void wpa_connect_on_peer(struct wpa *w); /* the peer of the attempt was found */
void wpa_connect_on_hushed(struct wpa *w); /* as far as it could be done */
void wpa_connect_now(struct wpa *w); /* with the PIN, if there is one */

/* An interface came: that of the group that is being formed, if one is. */
void wpa_connect_on_interface(struct wpa *w, const char *path);
void wpa_connect_on_success(struct wpa *w, sd_bus_message *m);
void wpa_connect_on_failure(struct wpa *w, sd_bus_message *m);
void wpa_connect_on_invitation(struct wpa *w, sd_bus_message *m);
void wpa_connect_on_wps_failed(struct wpa *w, sd_bus_message *m);
void wpa_connect_on_formation_failure(struct wpa *w, sd_bus_message *m);

/* ---------------------------------------------------------------- link-wpa-pin.c */

void wpa_pin_begin(struct wpa *w);
int wpa_pin_give(struct wpa *w, const char *pin);
void wpa_pin_on_enter(struct wpa *w, sd_bus_message *m);
void wpa_pin_on_display(struct wpa *w, sd_bus_message *m);
void wpa_pin_on_failure(struct wpa *w, sd_bus_message *m);

/* ---------------------------------------------------------------- link-wpa-retry.c */

void wpa_retry_choose_intents(struct attempt *a, const struct known_sink *known);
/* The one bad exit of an attempt: closes, and then tries again or has told the owner. */
void wpa_fail(struct wpa *w, enum link_stage stage, int error, const char *text);
/* Without closing: the supplicant is gone. */
void wpa_drop(struct wpa *w, enum link_stage stage, int error, const char *text);
void wpa_progress(struct wpa *w, enum link_stage stage);

/* ---------------------------------------------------------------- link-wpa-persistent.c */

void wpa_persistent_load(struct wpa *w, void (*then)(struct wpa *w)); /* what there is already */
void wpa_persistent_choose(struct wpa *w, const struct known_sink *known); /* for the attempt */
void wpa_persistent_on_added(struct wpa *w, sd_bus_message *m);
void wpa_persistent_on_removed(struct wpa *w, sd_bus_message *m);

/* ---------------------------------------------------------------- link-wpa-group.c */

/* Asks miracast-net to keep NetworkManager quiet; ends in wpa_connect_on_hushed. */
void wpa_group_hush(struct wpa *w);
void wpa_group_on_started(struct wpa *w, sd_bus_message *m);
void wpa_group_on_finished(struct wpa *w, sd_bus_message *m);
void wpa_group_on_joined(struct wpa *w, sd_bus_message *m);
void wpa_group_on_left(struct wpa *w, sd_bus_message *m);
void wpa_group_on_interface_removed(struct wpa *w, const char *path);
/* Takes everything back, then BACK_OFF or IDLE. */
void wpa_group_close(struct wpa *w);
/* The same for what is ours alone, at once. */
void wpa_group_release(struct wpa *w);
/* It is taken down: the next of its name may be another program's. */
void wpa_group_forget(struct wpa *w);
/* Without waiting: the radio has gone, and what is left of the group shall not come back with it. */
void wpa_group_abandon(struct wpa *w);
void wpa_group_set_rates(struct wpa *w, bool on);

#endif

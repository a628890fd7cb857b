/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scripted wpa_supplicant on a private bus: answers what the link calls, writes down each call,
 * and says by signals what a script wants. Knows nothing of radios.
 *
 * A script is a list of reactions: the n-th call of a member takes the n-th reaction to it, the last
 * one stays. signals is a list of words, sent in this order after the answer:
 *
 *	found:N lost:N stopped		peer N (0 is the television, 1 another, ...)
 *	success failure:STATUS		of the negotiation with peer 0; success:other of peer 1
 *	wps:ERROR formation formation:old
 *	started:GO started:client started:ip started:mask
 *	joined joined:other authorized left finished removed
 *	invited:STATUS persistent enter-pin display-pin no-provision
 *	off on unplugged added vanish back
 */
#ifndef TESTS_SUPPLICANT_H
#define TESTS_SUPPLICANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define SUPPLICANT_PEERS 4
#define SUPPLICANT_PIN	 "12345670"
#define SUPPLICANT_PASSPHRASE "secret-passphrase"

struct reaction {
	const char *call;    /* "Connect"; NULL ends the script */
	const char *error;   /* the last word of an error's name; NULL: it is taken; "": no answer */
	const char *signals; /* NULL: none */
};

struct supplicant_peer {
	uint8_t address[6];
	const char *name;
	uint8_t ies[64];
	size_t ies_size;
	int32_t level;
	uint16_t methods;
	uint8_t group;
};

struct supplicant {
	sd_event *event;
	char address[128]; /* of the bus */
	sd_bus *bus;	   /* NULL: it does not run */
	const struct reaction *script;
	unsigned int counts[64]; /* of the script's calls so far, by the first reaction's index */
	char journal[8192];	 /* "Find Timeout=10 ...;Connect ...;" */

	struct supplicant_peer peers[SUPPLICANT_PEERS];
	uint8_t ies[64]; /* the WFDIEs that are set */
	size_t ies_size;
	bool is_off, has_no_p2p, has_no_radio, has_no_display, is_forbidden;
	bool has_persistent, has_foreign_group;
	const char *ifname; /* of the group */
	const char *role;
	bool has_no_group_interface; /* the radio's own becomes the group's */
	bool is_group_up;
	char caller[32]; /* bus name of the last one */
	const char *to;	 /* whom signals go to; NULL: everybody who listens */
	char pending[512];
	sd_event_source *source;
};

void supplicant_init(struct supplicant *s, sd_event *event, const char *bus_address);
void supplicant_start(struct supplicant *s);
void supplicant_stop(struct supplicant *s);
/* Words as in a script, at once. */
void supplicant_say(struct supplicant *s, const char *signals);
bool supplicant_was_called(const struct supplicant *s, const char *call);
unsigned int supplicant_count(const struct supplicant *s, const char *call);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What worked with which sink, kept over restarts in a small text file. Parsing and formatting are
 * pure; no PIN and no passphrase is ever in it.
 *
 *	miracast-sinks 1
 *	sink 42:00:00:00:00:01 intent 7 method 1 persistent 4449524543542d7858
 *	group p2p-wlan0-0
 *
 * persistent: the SSID of the group that the supplicant may still know, in hexadecimal, or "-".
 * group: an interface of ours that must be taken down if we find it at start.
 */
#ifndef MIRACAST_LINK_KNOWN_H
#define MIRACAST_LINK_KNOWN_H

#include "link/link.h"

#include <net/if.h>

#define KNOWN_MAX	64   /* the sink used least recently is forgotten */
#define KNOWN_FILE_MAX	16384
#define KNOWN_SSID_SIZE 32

struct known_sink {
	uint8_t address[LINK_ADDRESS_SIZE];
	int intent; /* -1: nothing worked yet */
	enum link_method method;
	uint8_t ssid[KNOWN_SSID_SIZE];
	uint8_t ssid_size; /* 0: no persistent group */
};

struct known {
	struct known_sink sinks[KNOWN_MAX]; /* the last used first */
	size_t n;
	char group[IF_NAMESIZE];
};

/* Lines that cannot be understood are left out: a file of a later version must not stop a cast. */
void known_parse(const char *text, size_t size, struct known *ret);
/* 0, or -ENOBUFS. */
int known_format(const struct known *k, char *text, size_t size);

struct known_sink *known_find(struct known *k, const uint8_t address[static LINK_ADDRESS_SIZE]);
/* Finds or makes it, and makes it the last used. */
struct known_sink *known_use(struct known *k, const uint8_t address[static LINK_ADDRESS_SIZE]);

/* -ENOENT: it was not known. */
int known_forget(struct known *k, const uint8_t address[static LINK_ADDRESS_SIZE]);

/* path NULL: nothing happens. A missing file is an empty one. */
int known_load(struct known *k, const char *path);
int known_save(const struct known *k, const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The border between miracastd and miracast-net, its helper with privileges: what may be asked for
 * the network interface of a Wi-Fi Direct group, and nothing else.
 *
 * A SOCK_SEQPACKET connection, one struct a packet, host byte order. One group a connection: HUSH
 * before it is made, UP once, then DOWN, or the connection's end, which undoes everything but ADOPT
 * and what HUSH tells NetworkManager for good: not to change a radio's address.
 * Each request has one reply; after UP was answered with 0, the helper may once send a NET_LOST of its
 * own accord.
 */
#ifndef MIRACAST_NET_H
#define MIRACAST_NET_H

#include <stdint.h>

#define NET_VERSION   1
#define NET_SOCKET    "/run/miracast-net/socket"
#define NET_TEXT_SIZE 160

/* Where a sink may connect to; 7236 is the usual one, the others are for when it is taken. */
#define NET_PORT_FIRST 7236
#define NET_PORT_LAST  7239

enum net_verb {
	NET_UP = 1,
	NET_DOWN = 2,
	NET_LOST = 3, /* from the helper only: the address, the lease or a child is gone */
	NET_HUSH = 4, /* until UP: NetworkManager shall not hear of a group, or it ends it */
	NET_ADOPT = 5, /* wpa_supplicant shall take a radio that nobody manages, for its life */
};

enum net_role {
	NET_ROLE_OWNER = 1,  /* we give addresses */
	NET_ROLE_CLIENT = 2, /* we get one */
};

/* What of the work failed: the stage a user is told. */
enum net_stage {
	NET_STAGE_NONE = 0,
	NET_STAGE_CHECK, /* the interface is not what it should be */
	NET_STAGE_ADDRESS,
	NET_STAGE_FIREWALL,
};

struct net_request {
	uint32_t version;
	uint32_t verb;
	uint32_t ifindex;
	uint32_t role;
	/* Client only: what the owner gave during association; 0: ask by DHCP. Network order. */
	uint32_t given_address;
	uint32_t given_prefix;
};

struct net_reply {
	uint32_t version;
	uint32_t verb;
	int32_t error; /* negative errno, or 0 */
	uint32_t stage;
	uint32_t local_address; /* network order */
	uint32_t local_prefix;
	char text[NET_TEXT_SIZE]; /* what failed; for the log */
};

#endif

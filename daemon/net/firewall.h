/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lets one sink in: DHCP (owner), the RTSP ports and ping, on the group's interface and from its
 * subnet. By firewalld where that runs, else at the head of every input chain that filters, and in
 * the older kind of tables where a host uses them. Every rule carries a comment, so that what a dead
 * helper left is found.
 */
#ifndef MIRACAST_NET_FIREWALL_H
#define MIRACAST_NET_FIREWALL_H

#include "net/address.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIREWALL_COMMENT "miracast-net"

struct firewall {
	char ifname[IF_NAMESIZE];
	char subnet[24];
	bool is_owner;
	bool has_zone;	 /* firewalld's */
	bool has_nft;	 /* rules with our comment */
	bool has_legacy; /* iptables-legacy's rules */
};

/* Opens; on an error what was done is undone, and text says what failed. */
int firewall_open(struct firewall *f, const char *ifname, const struct net_address *address,
		  bool is_owner, char *text, size_t size);
void firewall_close(struct firewall *f);

/* What an earlier helper left. */
void firewall_clean(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv4 addresses of the group's interface by route netlink. Changes nothing but the address it was
 * told to add or to take away; reads routes only to keep out of their way.
 */
#ifndef MIRACAST_NET_ADDRESS_H
#define MIRACAST_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_PREFIX 28

struct net_address {
	uint32_t local; /* host order */
	uint32_t prefix;
};

/*
 * A /28 that no address and no route of this host overlaps, and the first address in it.
 * -EADDRNOTAVAIL: none of the candidates is free.
 */
int address_choose(struct net_address *ret);

/* Whether a subnet overlaps one of this host, other than ifindex's own. Negative: an error. */
int address_is_taken(uint32_t ifindex, const struct net_address *address);

/* -EINVAL for what cannot be a host's address in a private network. */
int address_check(const struct net_address *address);

int address_add(uint32_t ifindex, const struct net_address *address);
int address_remove(uint32_t ifindex, const struct net_address *address);

/* The interface's first address; -ENOENT. */
int address_get(uint32_t ifindex, struct net_address *ret);

/* A socket that is readable whenever an address changed; the content is of no use. */
int address_open_monitor(void);

#endif

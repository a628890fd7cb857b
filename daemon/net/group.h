/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network of one Wi-Fi Direct group: address, firewall, address server or client, and the way
 * back. Knows the requests of miracast/net.h, but no socket.
 *
 *	DOWN -> LEASING (client without an address of its own) -> UP -> DOWN
 */
#ifndef MIRACAST_NET_GROUP_H
#define MIRACAST_NET_GROUP_H

#include "miracast/net.h"
#include "util/cleanup.h"

struct sd_event;
struct group;

struct group_ops {
	/* The answer to UP, once, from the loop or from group_up; later perhaps NET_LOST. */
	void (*reply)(void *userdata, const struct net_reply *reply);
};

/* state_dir is where dnsmasq keeps its lease. ops is kept. */
int group_new(struct sd_event *event, const char *state_dir, const struct group_ops *ops,
	      void *userdata, struct group **ret);
/* Takes everything back. Accepts NULL, returns NULL. */
struct group *group_free(struct group *g);
DEFINE_CLEANUP(struct group *, group_free)

void group_up(struct group *g, const struct net_request *request);
void group_down(struct group *g);

#endif

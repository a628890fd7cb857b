/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's side of miracast/net.h. The connection is the network's life: whatever ends it, the
 * helper takes everything back.
 */
#ifndef MIRACAST_LINK_NET_CLIENT_H
#define MIRACAST_LINK_NET_CLIENT_H

#include "miracast/net.h"

struct sd_event;
struct sd_event_source;

struct net_client {
	int fd; /* -1: none */
	struct sd_event_source *source;
	/* A reply or NET_LOST; a lost connection comes as NET_LOST with -ECONNRESET. */
	void (*on_reply)(void *userdata, const struct net_reply *reply);
	void *userdata;
};

/* path NULL: NET_SOCKET. -ENOENT, -ECONNREFUSED: the helper is not there. */
int net_client_open(struct net_client *c, struct sd_event *event, const char *path,
		    void (*on_reply)(void *userdata, const struct net_reply *reply),
		    void *userdata);
int net_client_send(struct net_client *c, const struct net_request *request);
void net_client_close(struct net_client *c);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The RTSP port of a group: claimed before anybody is told its number, open only on the group's
 * interface, for one connection of one machine.
 */
#ifndef MIRACAST_LINK_LISTENER_H
#define MIRACAST_LINK_LISTENER_H

#include <netinet/in.h>
#include <stdint.h>

struct listener {
	int fd; /* -1: none */
	uint16_t port;
};

/*
 * Claims a port of miracast/net.h, the usual one if it is free; nothing can connect yet.
 * -EADDRINUSE: all of them are taken.
 */
int listener_claim(struct listener *l);

/* Opens it on one interface, which needs no privilege as long as it was on none (Linux 5.7). */
int listener_open(struct listener *l, const char *ifname);

/* A connection that is ready. -EAGAIN: none after all. */
int listener_accept(const struct listener *l, struct in_addr *ret_peer);

void listener_close(struct listener *l);

#endif

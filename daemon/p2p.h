/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * miracastd --p2p: the link of one session over Wi-Fi Direct without the D-Bus service, for tests
 * and for looking at what a sink does. Finds the sink by name or address, logs each step.
 */
#ifndef MIRACAST_P2P_H
#define MIRACAST_P2P_H

#include "link/link.h"

struct p2p;

#define P2P_NAME_SIZE 64
#define P2P_PATH_SIZE 128

struct p2p_config {
	char sink[P2P_NAME_SIZE]; /* name or address */
	char interface[16];
	char state_file[P2P_PATH_SIZE], net_socket[P2P_PATH_SIZE];
	enum link_method method;
	int intent; /* -1: in turn */
	bool remember;
	const char *host_name;
};

/*
 * SINK[,method=button|pin|show-pin][,intent=0..15][,remember][,interface=NAME][,state=FILE]
 * [,net=SOCKET]. -EINVAL.
 */
int p2p_parse(const char *text, struct p2p_config *ret);

/* events as of link_open_wpa, but the PIN ones: PINs go by standard input and output. */
int p2p_open(struct sd_event *event, const struct p2p_config *config,
	     const struct link_events *events, void *userdata, struct p2p **ret);
int p2p_report_rates(struct p2p *p, bool on);
/* Ends the link and takes the group back. Accepts NULL, returns NULL. */
struct p2p *p2p_free(struct p2p *p);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nl80211 says of interfaces, and their power saving. Knows no address. */
#ifndef MIRACAST_NET_WIRELESS_H
#define MIRACAST_NET_WIRELESS_H

#include <net/if.h>
#include <stdint.h>

/* enum net_role, or 0 when it is no Wi-Fi Direct group interface; -ENODEV: there is none. */
int wireless_get_role(uint32_t ifindex);

/*
 * The first interface for a station that is down: nobody uses that radio. Up or not: the one called
 * except. -ENODEV: there is none.
 */
int wireless_find_idle(const char *except, char ret_ifname[static IF_NAMESIZE]);

/* Saving power costs tens of milliseconds at every pause of the stream. Drivers may refuse. */
int wireless_stop_power_saving(uint32_t ifindex);

#endif

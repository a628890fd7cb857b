/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NetworkManager must leave the radio up while a group is on it. Where the station has no network it
 * gives the radio another random address every five minutes, before it scans, and takes it down for
 * that: wpa_supplicant then drops every group. So from the first group on it scans with the address
 * that the radio has, by a file of its configuration. That stays until miracast-net.socket stops: it
 * makes up for a lost address at once, and would do so in the middle of the next attempt.
 *
 * Does not know which radio.
 */
#ifndef MIRACAST_NET_STEADY_H
#define MIRACAST_NET_STEADY_H

/* In force on return; nothing is done where NetworkManager does not run, or has been told. */
void keep_steady(void);

#endif

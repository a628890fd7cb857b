/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NetworkManager must leave the radio up while a group is on it. Where the station has no network it
 * gives the radio another random address every five minutes, before it scans, and takes it down for
 * that: wpa_supplicant then drops every group. So for the time of a group it scans with the address
 * that the radio has, by a file of its configuration that is gone with the next start.
 *
 * Does not know which radio: the groups are few, and so are the minutes.
 */
#ifndef MIRACAST_NET_STEADY_H
#define MIRACAST_NET_STEADY_H

/* In force on return; nothing is done where NetworkManager does not run. */
void steady_begin(void);
/* Without one: nothing. Also for what an earlier helper left. */
void steady_end(void);

#endif

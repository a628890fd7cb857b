/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel knows of a Wi-Fi interface: stations, rates, frequency, and the neighbours' MAC
 * addresses. Reads only, needs no privilege, and every call is answered by the kernel at once.
 */
#ifndef MIRACAST_LINK_RADIO_H
#define MIRACAST_LINK_RADIO_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>

struct radio_station {
	uint8_t mac[6];
	int signal_dbm;
	uint64_t tx_bps; /* PHY rate of late; 0: unknown */
	uint64_t expected_bps; /* what the rate control expects to get through; 0: unknown */
	uint32_t tx_packets, tx_retries, tx_failed; /* since it came */
};

/* The one station on the interface. -ENOENT: none; -EEXIST: more than one. */
int radio_get_station(uint32_t ifindex, struct radio_station *ret);

/* MHz; -ENOENT while it is on none. */
int radio_get_frequency(uint32_t ifindex, uint32_t *ret_mhz);

/* The highest PHY rate of the radio in the band that the interface is in. */
int radio_get_max_bps(uint32_t ifindex, uint64_t *ret_bps);

/* The MAC address behind an IPv4 address on that interface. -ENOENT: nobody. */
int radio_get_neighbour(uint32_t ifindex, struct in_addr address, uint8_t ret_mac[static 6]);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In place of daemon/link/radio.c, for a daemon without a radio: there is one station, the first
 * peer of the scripted supplicant, and whoever connects is it.
 */
#include "link/radio.h"

#include <string.h>

static const uint8_t station[] = { 0x46, 0, 0, 0, 1, 0 };

int radio_get_station(uint32_t ifindex, struct radio_station *ret)
{
	static uint32_t packets;

	(void)ifindex;
	packets += 1000;
	*ret = (struct radio_station){ .tx_bps = 100000000, .tx_packets = packets,
				       .signal_dbm = -50 };
	memcpy(ret->mac, station, sizeof(station));
	return 0;
}

int radio_get_frequency(uint32_t ifindex, uint32_t *ret_mhz)
{
	(void)ifindex;
	*ret_mhz = 5180;
	return 0;
}

int radio_get_max_bps(uint32_t ifindex, uint64_t *ret_bps)
{
	(void)ifindex;
	*ret_bps = 150000000;
	return 0;
}

int radio_get_neighbour(uint32_t ifindex, struct in_addr address, uint8_t ret_mac[static 6])
{
	(void)ifindex;
	(void)address;
	memcpy(ret_mac, station, sizeof(station));
	return 0;
}

bool radio_is_blocked(void)
{
	return false;
}

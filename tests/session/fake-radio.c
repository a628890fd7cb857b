// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake-radio.h"

#include <assert.h>
#include <string.h>

#define USUAL { .max_bps = 150000000 }

struct fake_radio fake_radio = USUAL;

void fake_radio_reset(void)
{
	fake_radio = (struct fake_radio)USUAL;
}

int radio_get_station(uint32_t ifindex, struct radio_station *ret)
{
	static const uint8_t mac[] = { 0x46, 0, 0, 0, 1, 0 };

	assert(ifindex != 0);
	if (fake_radio.station_error)
		return fake_radio.station_error;
	fake_radio.packets += 1000;
	*ret = (struct radio_station){ .tx_bps = 100000000, .signal_dbm = -50,
				       .tx_packets = fake_radio.packets,
				       .tx_retries = fake_radio.packets / 10 };
	memcpy(ret->mac, mac, sizeof(mac));
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
	*ret_bps = fake_radio.max_bps;
	return 0;
}

int radio_get_neighbour(uint32_t ifindex, struct in_addr address, uint8_t ret_mac[static 6])
{
	const uint8_t mac[] = { 0x46, 0, 0, 0, 1, fake_radio.is_stranger };

	(void)ifindex;
	(void)address;
	memcpy(ret_mac, mac, sizeof(mac));
	return fake_radio.neighbour_error;
}

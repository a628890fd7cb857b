// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/radio.h"

#include "util/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nl80211.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

#define KBIT100 UINT64_C(100000) /* nl80211's unit of bit rates */

/* The HT and VHT tables of IEEE 802.11-2020, 19.5 and 21.5: one stream, short guard interval. */
#define HT20_STREAM_BPS	 UINT64_C(72200000)
#define HT40_STREAM_BPS	 UINT64_C(150000000)
#define VHT80_STREAM_BPS UINT64_C(433300000)
#define HT_CAPA_40MHZ	 (1u << 1)

static int call(uint32_t ifindex, uint8_t command, uint16_t flags, netlink_answer on_answer,
		void *userdata)
{
	struct netlink_message m;
	struct netlink n;
	int r = netlink_open_generic(&n, NL80211_GENL_NAME);

	if (r < 0)
		return r;
	netlink_message_init_generic(&m, &n, command, flags);
	netlink_put_u32(&m, NL80211_ATTR_IFINDEX, ifindex);
	if (command == NL80211_CMD_GET_WIPHY)
		netlink_put(&m, NL80211_ATTR_SPLIT_WIPHY_DUMP, NULL, 0);
	r = netlink_call(&n, &m, sizeof(struct genlmsghdr), on_answer, userdata);
	netlink_close(&n);
	return r;
}

/* ---------------------------------------------------------------- stations */

struct stations {
	struct radio_station first;
	unsigned int n;
};

static uint64_t read_rate(struct reader attributes)
{
	struct netlink_attribute a;
	uint64_t bps = 0;

	while (netlink_next(&attributes, &a)) {
		if (a.type == NL80211_RATE_INFO_BITRATE32)
			return netlink_get_u32(&a) * KBIT100;
		if (a.type == NL80211_RATE_INFO_BITRATE)
			bps = netlink_get_u16(&a) * KBIT100;
	}
	return bps;
}

static void read_information(struct reader attributes, struct radio_station *s)
{
	struct netlink_attribute a;

	while (netlink_next(&attributes, &a)) {
		struct reader body = a.body;

		if (a.type == NL80211_STA_INFO_SIGNAL)
			s->signal_dbm = (int8_t)reader_u8(&body);
		else if (a.type == NL80211_STA_INFO_TX_BITRATE)
			s->tx_bps = read_rate(a.body);
		else if (a.type == NL80211_STA_INFO_EXPECTED_THROUGHPUT)
			s->expected_bps = netlink_get_u32(&a) * UINT64_C(1000);
		else if (a.type == NL80211_STA_INFO_TX_PACKETS)
			s->tx_packets = netlink_get_u32(&a);
		else if (a.type == NL80211_STA_INFO_TX_RETRIES)
			s->tx_retries = netlink_get_u32(&a);
		else if (a.type == NL80211_STA_INFO_TX_FAILED)
			s->tx_failed = netlink_get_u32(&a);
	}
}

static void on_station(void *userdata, uint16_t type, const void *fixed, struct reader attributes)
{
	struct stations *stations = userdata;
	struct radio_station found = { 0 };
	struct netlink_attribute a;

	(void)type;
	(void)fixed;
	while (netlink_next(&attributes, &a)) {
		if (a.type == NL80211_ATTR_MAC && reader_left(&a.body) == sizeof(found.mac))
			memcpy(found.mac, a.body.next, sizeof(found.mac));
		else if (a.type == NL80211_ATTR_STA_INFO)
			read_information(a.body, &found);
	}
	if (stations->n++ == 0)
		stations->first = found;
}

int radio_get_station(uint32_t ifindex, struct radio_station *ret)
{
	struct stations stations = { .n = 0 };
	int r = call(ifindex, NL80211_CMD_GET_STATION, NLM_F_DUMP, on_station, &stations);

	if (r < 0)
		return r;
	if (stations.n != 1)
		return stations.n == 0 ? -ENOENT : -EEXIST;
	*ret = stations.first;
	return 0;
}

static void on_frequency(void *userdata, uint16_t type, const void *fixed,
			 struct reader attributes)
{
	struct netlink_attribute a;

	(void)type;
	(void)fixed;
	while (netlink_next(&attributes, &a))
		if (a.type == NL80211_ATTR_WIPHY_FREQ)
			*(uint32_t *)userdata = netlink_get_u32(&a);
}

int radio_get_frequency(uint32_t ifindex, uint32_t *ret_mhz)
{
	uint32_t mhz = 0;
	int r = call(ifindex, NL80211_CMD_GET_INTERFACE, 0, on_frequency, &mhz);

	if (r < 0)
		return r;
	if (mhz == 0)
		return -ENOENT;
	*ret_mhz = mhz;
	return 0;
}

/* ---------------------------------------------------------------- what the radio can */

struct abilities {
	uint64_t bps[NUM_NL80211_BANDS];
};

static unsigned int streams_of_ht(struct reader mcs)
{
	unsigned int n = 0;

	/* One byte a stream, eight indices each; up to four streams. */
	for (unsigned int i = 0; i < 4; i++)
		n += reader_u8(&mcs) != 0;
	return n;
}

static unsigned int streams_of_vht(struct reader mcs)
{
	unsigned int map, n = 0;

	map = reader_u8(&mcs);
	map |= (unsigned int)reader_u8(&mcs) << 8;
	/* Two bits a stream; 3: not there. */
	for (unsigned int i = 0; i < 8; i++)
		n += (map >> 2 * i & 3) != 3;
	return n;
}

static uint64_t read_legacy(struct reader rates)
{
	struct netlink_attribute rate, a;
	uint64_t best = 0;

	while (netlink_next(&rates, &rate)) {
		while (netlink_next(&rate.body, &a)) {
			uint64_t bps = netlink_get_u32(&a) * KBIT100;

			if (a.type == NL80211_BITRATE_ATTR_RATE && bps > best)
				best = bps;
		}
	}
	return best;
}

static uint64_t read_band(struct reader attributes)
{
	unsigned int ht = 0, vht = 0;
	bool is_wide = false, has_vht = false;
	struct netlink_attribute a;
	uint64_t bps = 0;

	while (netlink_next(&attributes, &a)) {
		if (a.type == NL80211_BAND_ATTR_RATES)
			bps = read_legacy(a.body);
		else if (a.type == NL80211_BAND_ATTR_HT_MCS_SET)
			ht = streams_of_ht(a.body);
		else if (a.type == NL80211_BAND_ATTR_HT_CAPA)
			is_wide = netlink_get_u16(&a) & HT_CAPA_40MHZ;
		else if (a.type == NL80211_BAND_ATTR_VHT_MCS_SET)
			vht = streams_of_vht(a.body);
		else if (a.type == NL80211_BAND_ATTR_VHT_CAPA)
			has_vht = true;
	}
	if (ht > 0)
		bps = ht * (is_wide ? HT40_STREAM_BPS : HT20_STREAM_BPS);
	return has_vht && vht > 0 ? vht * VHT80_STREAM_BPS : bps;
}

/* A split dump tells the same band in pieces: the best of them is the band's. */
static void on_wiphy(void *userdata, uint16_t type, const void *fixed, struct reader attributes)
{
	struct abilities *abilities = userdata;
	struct netlink_attribute a, band;

	(void)type;
	(void)fixed;
	while (netlink_next(&attributes, &a)) {
		if (a.type != NL80211_ATTR_WIPHY_BANDS)
			continue;
		while (netlink_next(&a.body, &band)) {
			uint64_t bps = read_band(band.body);

			if (band.type < NUM_NL80211_BANDS && bps > abilities->bps[band.type])
				abilities->bps[band.type] = bps;
		}
	}
}

static enum nl80211_band band_of(uint32_t mhz)
{
	if (mhz < 3000)
		return NL80211_BAND_2GHZ;
	return mhz < 5925 ? NL80211_BAND_5GHZ : NL80211_BAND_6GHZ;
}

int radio_get_max_bps(uint32_t ifindex, uint64_t *ret_bps)
{
	struct abilities abilities = { 0 };
	uint32_t mhz;
	int r;

	r = radio_get_frequency(ifindex, &mhz);
	if (r < 0)
		return r;
	r = call(ifindex, NL80211_CMD_GET_WIPHY, NLM_F_DUMP, on_wiphy, &abilities);
	if (r < 0)
		return r;
	if (abilities.bps[band_of(mhz)] == 0)
		return -ENOENT;
	*ret_bps = abilities.bps[band_of(mhz)];
	return 0;
}

/* ---------------------------------------------------------------- neighbours, rfkill */

struct neighbour {
	uint32_t ifindex;
	struct in_addr address;
	uint8_t mac[6];
	bool found;
};

static void on_neighbour(void *userdata, uint16_t type, const void *fixed,
			 struct reader attributes)
{
	const struct ndmsg *header = fixed;
	struct neighbour *wanted = userdata;
	struct netlink_attribute a;
	uint8_t mac[6];
	bool is_it = false, has_mac = false;

	if (type != RTM_NEWNEIGH || (uint32_t)header->ndm_ifindex != wanted->ifindex)
		return;
	while (netlink_next(&attributes, &a)) {
		if (a.type == NDA_DST)
			is_it = netlink_get_u32(&a) == wanted->address.s_addr;
		else if (a.type == NDA_LLADDR && reader_left(&a.body) == sizeof(mac)) {
			memcpy(mac, a.body.next, sizeof(mac));
			has_mac = true;
		}
	}
	if (is_it && has_mac) {
		memcpy(wanted->mac, mac, sizeof(mac));
		wanted->found = true;
	}
}

int radio_get_neighbour(uint32_t ifindex, struct in_addr address, uint8_t ret_mac[static 6])
{
	struct neighbour wanted = { .ifindex = ifindex, .address = address };
	struct ndmsg header = { .ndm_family = AF_INET };
	struct netlink_message m;
	struct netlink n;
	int r = netlink_open(&n, NETLINK_ROUTE);

	if (r < 0)
		return r;
	netlink_message_init(&m, RTM_GETNEIGH, NLM_F_DUMP, &header, sizeof(header));
	r = netlink_call(&n, &m, sizeof(header), on_neighbour, &wanted);
	netlink_close(&n);
	if (r < 0)
		return r;
	if (!wanted.found)
		return -ENOENT;
	memcpy(ret_mac, wanted.mac, sizeof(wanted.mac));
	return 0;
}

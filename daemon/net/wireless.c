// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/wireless.h"

#include "miracast/net.h"
#include "util/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nl80211.h>

static int call(uint32_t ifindex, uint8_t command, int power_save, netlink_answer on_answer,
		void *userdata)
{
	struct netlink_message m;
	struct netlink n;
	int r = netlink_open_generic(&n, "nl80211");

	if (r < 0)
		return r;
	netlink_message_init_generic(&m, &n, command, 0);
	netlink_put_u32(&m, NL80211_ATTR_IFINDEX, ifindex);
	if (power_save >= 0)
		netlink_put_u32(&m, NL80211_ATTR_PS_STATE, (uint32_t)power_save);
	r = netlink_call(&n, &m, sizeof(struct genlmsghdr), on_answer, userdata);
	netlink_close(&n);
	return r;
}

static void on_interface(void *userdata, uint16_t type, const void *fixed,
			 struct reader attributes)
{
	struct netlink_attribute a;
	int *role = userdata;

	(void)type;
	(void)fixed;
	while (netlink_next(&attributes, &a)) {
		if (a.type != NL80211_ATTR_IFTYPE)
			continue;
		if (netlink_get_u32(&a) == NL80211_IFTYPE_P2P_GO)
			*role = NET_ROLE_OWNER;
		else if (netlink_get_u32(&a) == NL80211_IFTYPE_P2P_CLIENT)
			*role = NET_ROLE_CLIENT;
	}
}

int wireless_get_role(uint32_t ifindex)
{
	int role = 0;
	int r = call(ifindex, NL80211_CMD_GET_INTERFACE, -1, on_interface, &role);

	return r < 0 ? r : role;
}

int wireless_stop_power_saving(uint32_t ifindex)
{
	return call(ifindex, NL80211_CMD_SET_POWER_SAVE, NL80211_PS_DISABLED, NULL, NULL);
}

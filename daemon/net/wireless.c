// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/wireless.h"

#include "miracast/net.h"
#include "util/cleanup.h"
#include "util/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nl80211.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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

/* ---------------------------------------------------------------- a radio that nobody uses */

/* flag: IFF_UP or IFF_RUNNING, which says that there is a connection. */
static bool is_without(const char *ifname, short flag)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, ifname, strnlen(ifname, IF_NAMESIZE - 1));
	return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && !(request.ifr_flags & flag);
}

struct search {
	const char *except;
	char idle[IF_NAMESIZE];
};

static void on_station(void *userdata, uint16_t type, const void *fixed, struct reader attributes)
{
	struct netlink_attribute a;
	struct search *search = userdata;
	char ifname[IF_NAMESIZE];
	uint32_t ifindex = 0;
	bool is_station = false;

	(void)type;
	(void)fixed;
	while (netlink_next(&attributes, &a)) {
		if (a.type == NL80211_ATTR_IFINDEX)
			ifindex = netlink_get_u32(&a);
		else if (a.type == NL80211_ATTR_IFTYPE)
			is_station = netlink_get_u32(&a) == NL80211_IFTYPE_STATION;
	}
	/* Other devices of nl80211 have no interface of the network's. */
	if (!search->idle[0] && is_station && ifindex && if_indextoname(ifindex, ifname) &&
	    (is_without(ifname, IFF_UP) || (strcmp(ifname, search->except) == 0 &&
					is_without(ifname, IFF_RUNNING))))
		memcpy(search->idle, ifname, IF_NAMESIZE);
}

int wireless_find_idle(const char *except, char ret_ifname[static IF_NAMESIZE])
{
	struct search search = { .except = except };
	struct netlink_message m;
	struct netlink n;
	int r = netlink_open_generic(&n, "nl80211");

	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	netlink_message_init_generic(&m, &n, NL80211_CMD_GET_INTERFACE, NLM_F_DUMP);
	r = netlink_call(&n, &m, sizeof(struct genlmsghdr), on_station, &search);
	netlink_close(&n);
	memcpy(ret_ifname, search.idle, IF_NAMESIZE);
	return r < 0 ? r : search.idle[0] ? 0 : -ENODEV;
}

int wireless_stop_power_saving(uint32_t ifindex)
{
	return call(ifindex, NL80211_CMD_SET_POWER_SAVE, NL80211_PS_DISABLED, NULL, NULL);
}

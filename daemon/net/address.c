// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/address.h"

#include "util/cleanup.h"
#include "util/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* Rarely used by home routers, phones and virtual machines; each is good for 16 groups. */
static const uint32_t candidates[] = { 0xc0a8ad00, 0xac1dad00, 0x0aadad00 };

static uint32_t mask_of(uint32_t prefix)
{
	return prefix == 0 ? 0 : ~UINT32_C(0) << (32 - prefix);
}

static bool overlaps(const struct net_address *a, const struct net_address *b)
{
	uint32_t prefix = a->prefix < b->prefix ? a->prefix : b->prefix;

	return ((a->local ^ b->local) & mask_of(prefix)) == 0;
}

/* ---------------------------------------------------------------- what there is */

struct search {
	uint32_t ifindex; /* whose own addresses and routes do not count; 0: all count */
	struct net_address wanted;
	bool is_taken;
};

static uint32_t read_address(const struct netlink_attribute *a)
{
	return ntohl(netlink_get_u32(a));
}

static void on_address(void *userdata, uint16_t type, const void *fixed, struct reader attributes)
{
	const struct ifaddrmsg *header = fixed;
	struct net_address found = { .prefix = header->ifa_prefixlen };
	struct search *search = userdata;
	struct netlink_attribute a;

	if (type != RTM_NEWADDR || header->ifa_family != AF_INET || found.prefix > 32 ||
	    header->ifa_index == search->ifindex)
		return;
	while (netlink_next(&attributes, &a))
		if (a.type == IFA_ADDRESS)
			found.local = read_address(&a);
	search->is_taken |= overlaps(&found, &search->wanted);
}

/* A default route overlaps everything, and is no reason to stay away from anything. */
static void on_route(void *userdata, uint16_t type, const void *fixed, struct reader attributes)
{
	const struct rtmsg *header = fixed;
	struct net_address found = { .prefix = header->rtm_dst_len };
	struct search *search = userdata;
	struct netlink_attribute a;
	uint32_t ifindex = 0;

	if (type != RTM_NEWROUTE || header->rtm_family != AF_INET || found.prefix == 0 ||
	    found.prefix > 32 || header->rtm_type == RTN_MULTICAST)
		return;
	while (netlink_next(&attributes, &a)) {
		if (a.type == RTA_DST)
			found.local = read_address(&a);
		else if (a.type == RTA_OIF)
			ifindex = netlink_get_u32(&a);
	}
	/* Halves of the whole, as some tunnels use for "everything". */
	if (found.prefix > 1 && (search->ifindex == 0 || ifindex != search->ifindex))
		search->is_taken |= overlaps(&found, &search->wanted);
}

static int dump(uint16_t type, netlink_answer on_answer, size_t fixed_size, void *userdata)
{
	union {
		struct ifaddrmsg address;
		struct rtmsg route;
	} header = { 0 };
	struct netlink_message m;
	struct netlink n;
	int r = netlink_open(&n, NETLINK_ROUTE);

	if (r < 0)
		return r;
	/* The family is the first byte of both. */
	header.address.ifa_family = AF_INET;
	netlink_message_init(&m, type, NLM_F_DUMP, &header, fixed_size);
	r = netlink_call(&n, &m, fixed_size, on_answer, userdata);
	netlink_close(&n);
	return r;
}

int address_is_taken(uint32_t ifindex, const struct net_address *address)
{
	struct search search = { .ifindex = ifindex, .wanted = *address };
	int r;

	r = dump(RTM_GETADDR, on_address, sizeof(struct ifaddrmsg), &search);
	if (r < 0)
		return r;
	r = dump(RTM_GETROUTE, on_route, sizeof(struct rtmsg), &search);
	if (r < 0)
		return r;
	return search.is_taken;
}

int address_choose(struct net_address *ret)
{
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
		for (uint32_t block = 0; block < 256; block += 1u << (32 - ADDRESS_PREFIX)) {
			struct net_address a = { candidates[i] + block + 1, ADDRESS_PREFIX };
			int r = address_is_taken(0, &a);

			if (r < 0)
				return r;
			if (r == 0) {
				*ret = a;
				return 0;
			}
		}
	return -EADDRNOTAVAIL;
}

int address_check(const struct net_address *address)
{
	static const struct net_address private[] = {
		{ 0x0a000000, 8 }, { 0xac100000, 12 }, { 0xc0a80000, 16 }, { 0xa9fe0000, 16 },
	};
	uint32_t host;

	/* Wider than /16 is nobody's group of two. */
	if (address->prefix < 16 || address->prefix > 30)
		return -EINVAL;
	host = address->local & ~mask_of(address->prefix);
	if (host == 0 || host == ~mask_of(address->prefix))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		if (((address->local ^ private[i].local) & mask_of(private[i].prefix)) == 0)
			return 0;
	return -EINVAL;
}

struct first {
	uint32_t ifindex;
	struct net_address address;
};

static void on_first(void *userdata, uint16_t type, const void *fixed, struct reader attributes)
{
	const struct ifaddrmsg *header = fixed;
	struct first *first = userdata;
	struct netlink_attribute a;

	if (type != RTM_NEWADDR || header->ifa_index != first->ifindex || first->address.local != 0)
		return;
	while (netlink_next(&attributes, &a))
		if (a.type == IFA_LOCAL)
			first->address.local = read_address(&a);
	first->address.prefix = header->ifa_prefixlen;
}

int address_get(uint32_t ifindex, struct net_address *ret)
{
	struct first first = { .ifindex = ifindex };
	int r = dump(RTM_GETADDR, on_first, sizeof(struct ifaddrmsg), &first);

	if (r < 0)
		return r;
	if (first.address.local == 0)
		return -ENOENT;
	*ret = first.address;
	return 0;
}

/* ---------------------------------------------------------------- changes */

static int change(uint16_t type, uint16_t flags, uint32_t ifindex, const struct net_address *address)
{
	struct ifaddrmsg header = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = (uint8_t)address->prefix,
		.ifa_index = ifindex,
	};
	uint32_t local = htonl(address->local);
	uint32_t broadcast = htonl(address->local | ~mask_of(address->prefix));
	struct netlink_message m;
	struct netlink n;
	int r = netlink_open(&n, NETLINK_ROUTE);

	if (r < 0)
		return r;
	netlink_message_init(&m, type, flags, &header, sizeof(header));
	netlink_put(&m, IFA_LOCAL, &local, sizeof(local));
	netlink_put(&m, IFA_ADDRESS, &local, sizeof(local));
	netlink_put(&m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	r = netlink_call(&n, &m, 0, NULL, NULL);
	netlink_close(&n);
	return r;
}

int address_add(uint32_t ifindex, const struct net_address *address)
{
	return change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, address);
}

int address_remove(uint32_t ifindex, const struct net_address *address)
{
	return change(RTM_DELADDR, 0, ifindex, address);
}

int address_open_monitor(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
					NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/group.h"

#include "net/address.h"
#include "net/child.h"
#include "net/firewall.h"
#include "net/nft.h"
#include "net/wireless.h"
#include "util/clock.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#define LEASE_LIMIT_US (25 * USEC_PER_SEC)

enum state {
	STATE_DOWN,
	STATE_LEASING, /* dhcpcd asks for an address */
	STATE_UP,
};

struct group {
	sd_event *event;
	const struct group_ops *ops;
	void *userdata;
	char state_dir[128];
	enum state state;

	uint32_t ifindex;
	bool is_owner;
	char ifname[IF_NAMESIZE];
	struct net_address address;
	bool has_address; /* that we added, and shall take away */
	struct firewall firewall;
	struct child child; /* dnsmasq or dhcpcd */
	int monitor_fd;
	sd_event_source *monitor_source; /* while LEASING or UP by lease */
	sd_event_source *limit_source;	 /* while LEASING */
};

static int on_address_changed(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_lease_limit(sd_event_source *source, uint64_t now_us, void *userdata);
static void on_child_exited(void *userdata);

int group_new(struct sd_event *event, const char *state_dir, const struct group_ops *ops,
	      void *userdata, struct group **ret)
{
	struct group *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	*g = (struct group){ .event = event, .ops = ops, .userdata = userdata, .monitor_fd = -1 };
	(void)snprintf(g->state_dir, sizeof(g->state_dir), "%s", state_dir);
	*ret = g;
	return 0;
}

static void set_state(struct group *g, enum state state)
{
	static const char *const names[] = { "down", "leasing", "up" };

	g->limit_source = sd_event_source_disable_unref(g->limit_source);
	log_debug("group: %s -> %s", names[g->state], names[state]);
	g->state = state;
}

/* ---------------------------------------------------------------- answers */

static void reply(struct group *g, const struct net_reply *r)
{
	g->ops->reply(g->userdata, r);
}

static void fail(struct group *g, enum net_stage stage, int error, const char *text)
{
	struct net_reply r = { .version = NET_VERSION, .verb = NET_UP, .error = error,
			       .stage = stage };

	group_down(g);
	(void)snprintf(r.text, sizeof(r.text), "%s", text);
	(void)log_warning(error, "%s: %s", stage == NET_STAGE_CHECK ? "check" :
			  stage == NET_STAGE_FIREWALL ? "firewall" : "address", text);
	reply(g, &r);
}

static void lose(struct group *g, const char *text)
{
	struct net_reply r = { .version = NET_VERSION, .verb = NET_LOST, .error = -ENETDOWN,
			       .stage = NET_STAGE_ADDRESS };

	group_down(g);
	(void)snprintf(r.text, sizeof(r.text), "%s", text);
	(void)log_warning(-ENETDOWN, "%s", text);
	reply(g, &r);
}

/* The last step of each way. */
static void finish(struct group *g)
{
	struct net_reply r = { .version = NET_VERSION, .verb = NET_UP };
	int error = firewall_open(&g->firewall, g->ifname, &g->address, g->is_owner, r.text,
				  sizeof(r.text));

	if (error < 0) {
		char text[NET_TEXT_SIZE];

		memcpy(text, r.text, sizeof(text));
		fail(g, NET_STAGE_FIREWALL, error, text);
		return;
	}
	set_state(g, STATE_UP);
	r.local_address = htonl(g->address.local);
	r.local_prefix = g->address.prefix;
	reply(g, &r);
}

/* ---------------------------------------------------------------- as owner */

/* One lease, no router, no name server: nothing leads anywhere but to us. */
static int start_server(struct group *g)
{
	struct in_addr peer = { htonl(g->address.local + 1) };
	char name[INET_ADDRSTRLEN], range[64], interface[32 + IF_NAMESIZE], leases[192];
	const char *const argv[] = {
		"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--group=root",
		"--port=0", "--no-resolv", "--no-hosts", "--bind-interfaces", interface,
		"--except-interface=lo", range, "--dhcp-option=option:router",
		"--dhcp-option=option:dns-server", "--dhcp-authoritative", "--no-ping",
		/* A sink that asks again under another name is the same sink, and gets the same. */
		"--dhcp-ignore-clid",
		"--dhcp-lease-max=1", leases, "--log-facility=-", "--pid-file", NULL };

	(void)inet_ntop(AF_INET, &peer, name, sizeof(name));
	(void)snprintf(interface, sizeof(interface), "--interface=%s", g->ifname);
	(void)snprintf(range, sizeof(range), "--dhcp-range=%s,%s,255.255.255.240,1h", name, name);
	(void)snprintf(leases, sizeof(leases), "--dhcp-leasefile=%s/leases", g->state_dir);
	/* A lease of another group would keep the one address from this one's sink. */
	(void)unlink(leases + strlen("--dhcp-leasefile="));
	return child_start(g->event, argv, on_child_exited, g, &g->child);
}

static int add_address(struct group *g)
{
	int r = address_add(g->ifindex, &g->address);

	g->has_address = r == 0;
	return r;
}

static void up_as_owner(struct group *g)
{
	int r = address_choose(&g->address);

	if (r < 0) {
		fail(g, NET_STAGE_ADDRESS, r, "no address range is free on this host");
		return;
	}
	r = add_address(g);
	if (r < 0) {
		fail(g, NET_STAGE_ADDRESS, r, "the interface does not take an address");
		return;
	}
	r = start_server(g);
	if (r < 0)
		fail(g, NET_STAGE_ADDRESS, r, "dnsmasq cannot be started");
	else
		finish(g);
}

/* ---------------------------------------------------------------- as client */

static void up_given(struct group *g, const struct net_request *request)
{
	int r;

	g->address = (struct net_address){ ntohl(request->given_address), request->given_prefix };
	if (address_check(&g->address) < 0) {
		fail(g, NET_STAGE_ADDRESS, -EINVAL, "the sink gave an address that cannot be one");
		return;
	}
	r = address_is_taken(g->ifindex, &g->address);
	if (r != 0) {
		fail(g, NET_STAGE_ADDRESS, r < 0 ? r : -EADDRINUSE,
		     "the sink's network is one that this host uses already");
		return;
	}
	r = add_address(g);
	if (r < 0)
		fail(g, NET_STAGE_ADDRESS, r, "the interface does not take an address");
	else
		finish(g);
}

/* No route, no name server, no script: the host's own network must not notice. */
static void up_by_lease(struct group *g)
{
	const char *const argv[] = {
		"dhcpcd", "--nobackground", "--ipv4only", "--noipv4ll", "--nogateway", "--noarp",
		"--config", "/dev/null", "--script", "/bin/true", "--timeout", "30",
		"--allowinterfaces", g->ifname, g->ifname, NULL };
	int r;

	set_state(g, STATE_LEASING);
	g->monitor_fd = address_open_monitor();
	r = g->monitor_fd < 0 ? g->monitor_fd :
	    sd_event_add_io(g->event, &g->monitor_source, g->monitor_fd, EPOLLIN,
			    on_address_changed, g);
	if (r >= 0)
		r = sd_event_add_time_relative(g->event, &g->limit_source, CLOCK_MONOTONIC,
					       clock_limit_us(LEASE_LIMIT_US), 0, on_lease_limit,
					       g);
	if (r >= 0)
		r = child_start(g->event, argv, on_child_exited, g, &g->child);
	if (r < 0)
		fail(g, NET_STAGE_ADDRESS, r, "dhcpcd cannot be started");
}

static int on_lease_limit(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	fail(userdata, NET_STAGE_ADDRESS, -ETIMEDOUT, "the sink gave no address");
	return 0;
}

static void on_lease(struct group *g)
{
	int r = address_is_taken(g->ifindex, &g->address);

	if (r != 0)
		fail(g, NET_STAGE_ADDRESS, r < 0 ? r : -EADDRINUSE,
		     "the sink's network is one that this host uses already");
	else
		finish(g);
}

/* Tells only that something changed somewhere. A renewal keeps the address and is no news. */
static int on_address_changed(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct group *g = userdata;
	struct net_address now = { 0 };
	char scratch[4096];
	int r;

	(void)source;
	(void)revents;
	while (recv(fd, scratch, sizeof(scratch), 0) > 0)
		;
	r = address_get(g->ifindex, &now);
	if (g->state == STATE_LEASING && r == 0) {
		g->address = now;
		on_lease(g);
	} else if (g->state == STATE_UP && (r < 0 || now.local != g->address.local)) {
		lose(g, "the address that the sink gave is gone");
	}
	return 0;
}

static void on_child_exited(void *userdata)
{
	struct group *g = userdata;
	const char *text = g->is_owner ? "dnsmasq ended; is dnsmasq-base installed?" :
					 "dhcpcd ended; is dhcpcd-base installed?";

	if (g->state == STATE_LEASING)
		fail(g, NET_STAGE_ADDRESS, -EPROTO, text);
	else if (g->state == STATE_UP)
		lose(g, text);
}

/* ---------------------------------------------------------------- the requests */

/* Whatever the daemon says: only what the kernel calls a Wi-Fi Direct group is touched. */
static int check(struct group *g, const struct net_request *request)
{
	int role = wireless_get_role(request->ifindex);

	if (role < 0)
		return role;
	if (role == 0 || (uint32_t)role != request->role)
		return -EPERM;
	if (!if_indextoname(request->ifindex, g->ifname))
		return -errno;
	return nft_is_word(g->ifname) ? 0 : -EILSEQ;
}

void group_up(struct group *g, const struct net_request *request)
{
	int r;

	if (g->state != STATE_DOWN) {
		struct net_reply busy = { .version = NET_VERSION, .verb = NET_UP,
					  .error = -EALREADY, .stage = NET_STAGE_CHECK };

		reply(g, &busy);
		return;
	}
	r = check(g, request);
	if (r < 0) {
		fail(g, NET_STAGE_CHECK, r, r == -EPERM ?
		     "that is not a Wi-Fi Direct interface of that role" :
		     "the interface cannot be looked at");
		return;
	}
	g->ifindex = request->ifindex;
	g->is_owner = request->role == NET_ROLE_OWNER;
	(void)wireless_stop_power_saving(g->ifindex);
	if (g->is_owner)
		up_as_owner(g);
	else if (request->given_address != 0)
		up_given(g, request);
	else
		up_by_lease(g);
}

void group_down(struct group *g)
{
	g->monitor_source = sd_event_source_disable_unref(g->monitor_source);
	g->monitor_fd = close_fd(g->monitor_fd);
	firewall_close(&g->firewall);
	child_stop(&g->child);
	if (g->has_address)
		(void)address_remove(g->ifindex, &g->address);
	g->has_address = false;
	set_state(g, STATE_DOWN);
}

struct group *group_free(struct group *g)
{
	if (!g)
		return NULL;
	group_down(g);
	free(g);
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a group to the sink's RTSP connection, and back to nothing:
 *
 *	GroupStarted, the interface's name, the RTSP port on it
 *	miracast-net: address, DHCP, firewall; as owner the sink has to join meanwhile
 *	the sink connects: it must be the one station, by its MAC address
 *	Disconnect, and wait until the interface is gone
 *
 * As owner the supplicant does not notice when a sink vanishes without a word: that is for the
 * RTSP keep-alive to find.
 */
#include "link/link-wpa-private.h"

#include "link/radio.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RATE_REPORT_US	(1 * USEC_PER_SEC)
#define RATE_PACKETS	50 /* fewer a second say nothing about what the link carries */
#define UNKNOWN_PHY_BPS UINT64_C(54000000)

static const char sink_left[] = "the TV left the connection: connect again";
static const char no_helper[] =
	"the network helper miracast-net does not answer: the installation is incomplete";

static int on_ifname(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_no_address(sd_event_source *source, uint64_t now_us, void *userdata);
static void on_net_reply(void *userdata, const struct net_reply *reply);
static void up_if_ready(struct wpa *w);
static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_no_rtsp(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_cancelled(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_close_limit(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_back_off_over(sd_event_source *source, uint64_t now_us, void *userdata);

/* ---------------------------------------------------------------- a group is there */

struct started {
	char interface[WPA_PATH_SIZE];
	char role[16];
	struct wpa_bytes address, mask;
};

static const struct wpa_field started_fields[] = {
	{ "interface_object", WPA_KIND_STRING, offsetof(struct started, interface),
	  WPA_PATH_SIZE },
	{ "role", WPA_KIND_STRING, offsetof(struct started, role), 16 },
	{ "IpAddr", WPA_KIND_BYTES, offsetof(struct started, address), 0 },
	{ "IpAddrMask", WPA_KIND_BYTES, offsetof(struct started, mask), 0 },
};

/* A mask that is no prefix gives a prefix that the helper refuses. */
static void take_given(struct attempt *a, const struct started *s)
{
	uint32_t mask;

	if (s->address.size != 4 || s->mask.size != 4)
		return;
	memcpy(&a->given_address, s->address.data, 4);
	memcpy(&mask, s->mask.data, 4);
	mask = ntohl(mask);
	a->given_prefix = (uint32_t)__builtin_popcount(mask);
	if (mask != 0 && (~mask & (~mask + 1)) != 0)
		a->given_prefix = 0;
}

static void take_group(struct wpa *w, const struct started *s)
{
	struct attempt *a = &w->attempt;

	memcpy(a->group, s->interface, sizeof(a->group));
	a->is_owner = strcmp(s->role, "GO") == 0;
	if (!a->is_owner)
		take_given(a, s);
	wpa_set_state(w, WPA_ADDRESSING, WPA_ADDRESS_US, on_no_address);
	wpa_progress(w, LINK_STAGE_ADDRESS);
	wpa_get(w, a->group, WPA_INTERFACE, "Ifname", on_ifname);
}

void wpa_group_on_started(struct wpa *w, sd_bus_message *m)
{
	struct started s = { .interface = "" };

	if (wpa_read_dictionary(m, started_fields, 4, &s) < 0 || !s.interface[0])
		return;
	if (w->attempt.is_connecting && (w->state == WPA_NEGOTIATING || w->state == WPA_FORMING)) {
		take_group(w, &s);
	} else if (w->attempt.is_connecting && w->state == WPA_CLOSING &&
		   !w->attempt.group[0]) {
		/* Cancel came too late. */
		memcpy(w->attempt.group, s.interface, sizeof(w->attempt.group));
		wpa_group_close(w);
	} else if (strcmp(s.interface, w->attempt.group) != 0) {
		memcpy(w->foreign_group, s.interface, sizeof(w->foreign_group));
	}
}

/* ---------------------------------------------------------------- address */

static int send_request(struct wpa *w, const struct net_request *request)
{
	struct net_client *net = &w->attempt.net;
	int r = 0;

	if (net->fd < 0)
		r = net_client_open(net, w->event, w->net_socket, on_net_reply, w);
	return r < 0 ? r : net_client_send(net, request);
}

/* Without the helper it goes on: what it is really needed for says so later. */
void wpa_group_hush(struct wpa *w)
{
	static const struct net_request request = { .version = NET_VERSION, .verb = NET_HUSH };

	if (send_request(w, &request) < 0)
		wpa_connect_on_hushed(w);
}

static void ask_helper(struct wpa *w)
{
	const struct attempt *a = &w->attempt;
	const struct net_request request = {
		.version = NET_VERSION,
		.verb = NET_UP,
		.ifindex = a->ifindex,
		.role = a->is_owner ? NET_ROLE_OWNER : NET_ROLE_CLIENT,
		.given_address = a->given_address,
		.given_prefix = a->given_prefix,
	};
	int r = send_request(w, &request);

	if (r < 0)
		wpa_fail(w, LINK_STAGE_FIREWALL, r, no_helper);
}

static int on_ifname(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static const struct wpa_field field = { "Ifname", WPA_KIND_STRING, 0, IF_NAMESIZE };
	struct wpa *w = wpa_replied(userdata);
	struct attempt *a = &w->attempt;
	int r = wpa_reply_error(m);

	(void)error;
	if (r == 0)
		r = wpa_read_value(m, &field, a->ifname);
	a->ifindex = if_nametoindex(a->ifname);
	if (r < 0 || a->ifindex == 0) {
		wpa_fail(w, LINK_STAGE_FORMATION, r < 0 ? r : -ENODEV, sink_left);
		return 0;
	}
	/* So that a run after a crash of ours finds it. */
	memcpy(w->known.group, a->ifname, sizeof(w->known.group));
	(void)known_save(&w->known, w->state_file);
	/* Before there is an address: some sinks try only once. */
	r = listener_open(&a->listener, a->ifname);
	if (r < 0)
		wpa_fail(w, LINK_STAGE_LISTEN, r, "the RTSP port cannot be opened for the TV");
	else
		ask_helper(w);
	return 0;
}

static void fail_of_helper(struct wpa *w, const struct net_reply *reply)
{
	if (reply->stage == NET_STAGE_FIREWALL)
		wpa_fail(w, LINK_STAGE_FIREWALL, reply->error,
			 "the firewall cannot be opened for the TV: see the log of miracast-net");
	else if (reply->error == -EADDRINUSE)
		wpa_fail(w, LINK_STAGE_ADDRESS, reply->error,
			 "the TV's network has the addresses of one that this computer is in: leave "
			 "that one first");
	else
		wpa_fail(w, LINK_STAGE_ADDRESS, reply->error,
			 "no address could be agreed on with the TV: switch it off and on again");
}

static void group_lost(struct wpa *w, const char *text)
{
	if (w->state == WPA_ADDRESSING)
		wpa_fail(w, LINK_STAGE_ADDRESS, -ENETDOWN, text);
	else if (w->state == WPA_UP && w->link && w->link->is_connected)
		wpa_fail(w, LINK_STAGE_UP, -ENETDOWN, text);
	else if (w->state == WPA_UP)
		wpa_fail(w, LINK_STAGE_RTSP_WAIT, -ENETDOWN, text);
}

static void on_net_reply(void *userdata, const struct net_reply *reply)
{
	struct wpa *w = userdata;

	log_debug("wpa: miracast-net says %d %s", reply->error, reply->text);
	if (reply->verb == NET_HUSH || w->state == WPA_NEGOTIATING || w->state == WPA_FORMING) {
		wpa_connect_on_hushed(w);
	} else if (reply->verb == NET_LOST) {
		if (w->state == WPA_ADDRESSING)
			wpa_fail(w, LINK_STAGE_FIREWALL, reply->error, no_helper);
		else
			group_lost(w, "the network to the TV broke down: connect again");
	} else if (reply->error < 0) {
		fail_of_helper(w, reply);
	} else {
		w->attempt.has_address = true;
		up_if_ready(w);
	}
}

static int on_no_address(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct wpa *w = userdata;

	(void)source;
	(void)now_us;
	wpa_fail(w, LINK_STAGE_ADDRESS, -ETIMEDOUT, w->attempt.has_address ?
		 "the TV did not join: switch it off and on again" : no_helper);
	return 0;
}

/* ---------------------------------------------------------------- who is in the group */

static bool is_of_group(const struct wpa *w, sd_bus_message *m)
{
	const char *path = sd_bus_message_get_path(m);
	size_t length = strlen(w->attempt.group);

	/* The group's own object lies below its interface's. */
	return length > 0 && strncmp(path, w->attempt.group, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/');
}

/* A peer's object is named after its device address. */
static bool is_the_sink(const struct wpa *w, const char *path)
{
	const uint8_t *a = w->attempt.options.address;
	char name[2 * LINK_ADDRESS_SIZE + 2];

	(void)snprintf(name, sizeof(name), "/%02x%02x%02x%02x%02x%02x", a[0], a[1], a[2], a[3],
		       a[4], a[5]);
	return strlen(path) >= strlen(name) &&
	       strcmp(path + strlen(path) - strlen(name), name) == 0;
}

void wpa_group_on_joined(struct wpa *w, sd_bus_message *m)
{
	const char *path;

	if ((w->state != WPA_ADDRESSING && w->state != WPA_UP) || !w->attempt.is_owner ||
	    !is_of_group(w, m))
		return;
	if (sd_bus_message_has_signature(m, "o") && sd_bus_message_read(m, "o", &path) > 0 &&
	    !is_the_sink(w, path)) {
		group_lost(w, "another device came into the connection to the TV, which was closed: "
			      "connect again, with a PIN if the TV can show one");
		return;
	}
	w->attempt.has_station = true;
	if (w->state == WPA_ADDRESSING)
		up_if_ready(w);
}

/*
 * Before it has connected it may come again: a handshake that was lost on the air ends in the same
 * signal, and the supplicant takes an empty group down by itself (GroupIdle).
 */
void wpa_group_on_left(struct wpa *w, sd_bus_message *m)
{
	if (!w->attempt.is_owner || !w->attempt.has_station || !is_of_group(w, m))
		return;
	w->attempt.has_station = false;
	if (w->link && w->link->is_connected)
		group_lost(w, sink_left);
}

void wpa_group_on_finished(struct wpa *w, sd_bus_message *m)
{
	struct started s = { .interface = "" };

	if (wpa_read_dictionary(m, started_fields, 4, &s) < 0)
		return;
	if (strcmp(s.interface, w->foreign_group) == 0)
		w->foreign_group[0] = '\0';
	if (!w->attempt.group[0] || strcmp(s.interface, w->attempt.group) != 0)
		return;
	/* Its interface goes next, where it has one of its own. */
	if (w->state != WPA_CLOSING)
		group_lost(w, sink_left);
	else if (strcmp(s.interface, w->path) == 0)
		wpa_group_on_interface_removed(w, s.interface);
}

/* ---------------------------------------------------------------- the sink connects */

static void up_if_ready(struct wpa *w)
{
	struct attempt *a = &w->attempt;

	if (!a->has_address || (a->is_owner && !a->has_station))
		return;
	wpa_set_state(w, WPA_UP, WPA_RTSP_US, on_no_rtsp);
	if (sd_event_add_io(w->event, &a->listen_source, a->listener.fd, EPOLLIN, on_connection,
			    w) < 0)
		log_debug("wpa: nobody watches the RTSP port");
	wpa_progress(w, LINK_STAGE_RTSP_WAIT);
}

static int on_no_rtsp(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	wpa_fail(userdata, LINK_STAGE_RTSP_WAIT, -ETIMEDOUT,
		 "the TV joined but did not start its screen mirroring: switch it off and on again, "
		 "and check that no other firewall keeps it out");
	return 0;
}

/*
 * The address alone proves nothing: whoever else is heard on the interface could take it. What the
 * kernel has as its MAC address must be that of the one station.
 */
static int check_peer(const struct attempt *a, struct in_addr peer, struct radio_station *ret)
{
	uint8_t mac[6];
	int r;

	r = radio_get_station(a->ifindex, ret);
	if (r < 0)
		return r;
	r = radio_get_neighbour(a->ifindex, peer, mac);
	if (r < 0)
		return r;
	return memcmp(mac, ret->mac, sizeof(mac)) == 0 ? 0 : -EPERM;
}

/*
 * What either side can do at most, and what a stream may have: of the best rate of our radio the part
 * that is left for data. Not the rate of this moment, which in a fresh association is a low one.
 */
static void fill_stats(struct wpa *w, struct session_link_stats *stats)
{
	const struct peer *p = wpa_find_peer(w, w->attempt.options.address);
	uint64_t phy_bps = UNKNOWN_PHY_BPS;

	if (radio_get_max_bps(w->attempt.ifindex, &phy_bps) >= 0)
		stats->local_max_bps = phy_bps;
	if (p)
		stats->remote_max_bps = p->sink.wfd.throughput_mbps * UINT64_C(1000000);
	stats->current_bps = phy_bps / 5 * 2;
	w->recommended_bps = stats->current_bps;
}

static void remember(struct wpa *w)
{
	const struct attempt *a = &w->attempt;
	struct known_sink *known;

	if (!a->options.remember)
		return;
	known = known_use(&w->known, a->options.address);
	known->intent = a->intents[a->intent];
	known->method = a->method;
	if (a->ssid_size > 0) {
		memcpy(known->ssid, a->ssid, a->ssid_size);
		known->ssid_size = a->ssid_size;
	}
	(void)known_save(&w->known, w->state_file);
	wpa_find_set_remembered(w, a->options.address, true);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct wpa *w = userdata;
	struct attempt *a = &w->attempt;
	struct wpa_link *l = w->link;
	struct radio_station station = { 0 };
	struct in_addr peer = { 0 };
	_cleanup_close_ int rtsp_fd = listener_accept(&a->listener, &peer);
	int r;

	(void)source;
	(void)fd;
	(void)revents;
	if (rtsp_fd < 0 || !l)
		return 0;
	r = check_peer(a, peer, &station);
	if (r < 0) {
		log_debug("wpa: a connection of somebody else is refused: %s", strerror(-r));
		return 0;
	}
	a->listen_source = sd_event_source_disable_unref(a->listen_source);
	listener_close(&a->listener);
	wpa_set_limit(w, 0, NULL);
	fill_stats(w, &l->stats);
	remember(w);
	l->rtsp_fd = TAKE_FD(rtsp_fd);
	l->is_connected = true;
	w->last_packets = station.tx_packets;
	w->last_retries = station.tx_retries;
	w->last_failed = station.tx_failed;
	l->link.events->connected(l->link.userdata, l->rtsp_fd, &l->stats);
	return 0;
}

/* ---------------------------------------------------------------- rates */

/* Of a quiet second the rate control has learned nothing: the last that it did holds. */
static void learn(struct wpa *w, const struct radio_station *s, uint32_t packets)
{
	uint64_t bps = s->expected_bps ? s->expected_bps / 5 * 4 : s->tx_bps / 5 * 2;

	if (packets >= RATE_PACKETS && bps > 0)
		w->recommended_bps = (3 * w->recommended_bps + bps) / 4;
}

static void report(struct wpa *w, struct wpa_link *l)
{
	struct session_data_rate rate = { 0 };
	struct radio_station s = { 0 };
	uint32_t packets, retries;

	if (radio_get_station(w->attempt.ifindex, &s) < 0)
		return;
	packets = s.tx_packets - w->last_packets;
	retries = s.tx_retries - w->last_retries;
	learn(w, &s, packets);
	rate.encoder_bps = w->recommended_bps;
	rate.max_tx_bps = l->stats.local_max_bps;
	rate.failed = s.tx_failed - w->last_failed;
	/* nl80211 counts retries, not frames: with few of them it is nearly the same. */
	rate.retried = retries < packets ? retries : packets;
	rate.multiple_retry = retries - rate.retried;
	rate.transmitted = packets - rate.retried;
	w->last_packets = s.tx_packets;
	w->last_retries = s.tx_retries;
	w->last_failed = s.tx_failed;
	if (l->link.events->rate)
		l->link.events->rate(l->link.userdata, &rate);
}

static int on_rate_time(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct wpa *w = userdata;

	(void)sd_event_source_set_time(source, now_us + RATE_REPORT_US);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (w->link && w->link->is_connected)
		report(w, w->link);
	return 0;
}

void wpa_group_set_rates(struct wpa *w, bool on)
{
	w->rate_source = sd_event_source_disable_unref(w->rate_source);
	if (on)
		(void)sd_event_add_time_relative(w->event, &w->rate_source, CLOCK_MONOTONIC,
						 RATE_REPORT_US, 0, on_rate_time, w);
}

/* ---------------------------------------------------------------- the way back */

void wpa_group_release(struct wpa *w)
{
	struct attempt *a = &w->attempt;

	wpa_group_set_rates(w, false);
	a->listen_source = sd_event_source_disable_unref(a->listen_source);
	listener_close(&a->listener);
	net_client_close(&a->net);
}

void wpa_group_abandon(struct wpa *w)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (w->attempt.group[0] &&
	    wpa_new_call(w, w->attempt.group, WPA_P2P, "Disconnect", &m) >= 0)
		wpa_send_forget(w, m);
	wpa_group_release(w);
}

void wpa_group_forget(struct wpa *w)
{
	if (!w->known.group[0])
		return;
	w->known.group[0] = '\0';
	(void)known_save(&w->known, w->state_file);
}

static void closed(struct wpa *w)
{
	struct attempt *a = &w->attempt;

	a->is_connecting = a->is_inviting = a->is_owner = false;
	a->has_station = a->has_address = false;
	a->forming[0] = a->group[0] = a->ifname[0] = a->pin[0] = '\0';
	a->given_address = a->given_prefix = a->ifindex = 0;
	a->ssid_size = 0;
	wpa_group_forget(w);
	if (a->will_retry && w->link) {
		a->will_retry = false;
		wpa_set_state(w, WPA_BACK_OFF, WPA_BACK_OFF_US, on_back_off_over);
		return;
	}
	a->is_active = a->is_begun = false;
	wpa_enter_idle(w);
}

static int on_back_off_over(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct wpa *w = userdata;
	const struct peer *p = wpa_find_peer(w, w->attempt.options.address);

	(void)source;
	(void)now_us;
	/* A group that could not be joined may have ended since it was seen. */
	if (p && p->sink.is_owner)
		wpa_find_flush(w);
	wpa_connect_again(w);
	return 0;
}

void wpa_group_close(struct wpa *w)
{
	struct attempt *a = &w->attempt;

	wpa_group_release(w);
	wpa_find_stop(w);
	wpa_set_state(w, WPA_CLOSING, WPA_CLOSE_US, on_close_limit);
	if (a->group[0])
		wpa_call(w, a->group, WPA_P2P, "Disconnect", on_disconnected);
	else if (a->is_connecting)
		wpa_call(w, w->path, WPA_P2P, "Cancel", on_cancelled);
	else
		closed(w);
}

/* Refused: it is gone already. Else its interface's end is the end. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	if (wpa_reply_error(m) < 0)
		closed(w);
	return 0;
}

static int on_cancelled(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wpa *w = wpa_replied(userdata);

	(void)error;
	(void)wpa_reply_error(m);
	closed(w);
	return 0;
}

void wpa_group_on_interface_removed(struct wpa *w, const char *path)
{
	if (!w->attempt.group[0] || strcmp(path, w->attempt.group) != 0)
		return;
	if (w->state == WPA_CLOSING)
		closed(w);
	else
		group_lost(w, sink_left);
}

static int on_close_limit(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	log_debug("wpa: the supplicant does not end the group");
	closed(userdata);
	return 0;
}

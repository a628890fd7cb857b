// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The link over wpa_supplicant against a scripted one on a private bus: each way to a connection,
 * each failure with its stage and code, every order of signals, and that nothing is left behind.
 * The radio (daemon/link/radio.c) and miracast-net are fakes in here; the group's interface is lo.
 */
#include "link/link-private.h"
#include "link/radio.h"
#include "miracast/net.h"
#include "supplicant.h"
#include "util/clock.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <cmocka.h>

#define TV ((const uint8_t[]){ 0x42, 0, 0, 0, 1, 0 })

static char folder[64], bus_address[128], net_path[96], state_path[96];
static pid_t bus_pid;

/* ---------------------------------------------------------------- the radio */

static struct {
	int station_error; /* -ENOENT: nobody is there; -EEXIST: two are */
	int neighbour_error;
	bool is_stranger; /* who connects has another MAC */
	uint64_t max_bps;
	uint32_t packets;
} radio;

int radio_get_station(uint32_t ifindex, struct radio_station *ret)
{
	static const uint8_t mac[] = { 0x46, 0, 0, 0, 1, 0 };

	assert_int_not_equal(ifindex, 0);
	if (radio.station_error)
		return radio.station_error;
	radio.packets += 1000;
	*ret = (struct radio_station){ .tx_bps = 100000000, .tx_packets = radio.packets,
				       .tx_retries = radio.packets / 10 };
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
	*ret_bps = radio.max_bps;
	return 0;
}

int radio_get_neighbour(uint32_t ifindex, struct in_addr address, uint8_t ret_mac[static 6])
{
	const uint8_t mac[] = { 0x46, 0, 0, 0, 1, radio.is_stranger };

	(void)ifindex;
	(void)address;
	memcpy(ret_mac, mac, sizeof(mac));
	return radio.neighbour_error;
}

/* ---------------------------------------------------------------- the bench */

struct bench {
	sd_event *event;
	struct supplicant supplicant;
	struct wpa *wpa;
	struct link *link;
	struct link_options options;

	/* What was told. */
	unsigned int n_connected, n_failed, n_lost, n_pins_wanted, n_pins_shown, n_rates;
	bool was_wrong;
	enum link_stage stage;
	int error;
	char text[256], stages[256], states[1024], absence[256];
	struct session_link_stats stats;
	struct session_data_rate rate;
	struct link_sink sinks[8];
	size_t n_found, n_lost_sinks;
	int rtsp_fd;
	const char *pin; /* that our user enters; NULL: none */
	bool frees_inside;

	/* miracast-net */
	int net_listen_fd, net_fd;
	struct net_request request;
	unsigned int n_ups;
	int net_error;
	enum net_stage net_stage;
	bool is_net_mute;

	/* the sink */
	int sink_fd;
	bool is_sink_mute;
	sd_event_source *net_source, *connection_source, *sink_source;
};

static void on_sink_found(void *userdata, const struct link_sink *sink)
{
	struct bench *b = userdata;

	b->sinks[b->n_found++ % 8] = *sink;
}

static void on_sink_lost(void *userdata, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	struct bench *b = userdata;

	(void)address;
	b->n_lost_sinks++;
}

static void append(char *list, size_t size, const char *word)
{
	size_t used = strlen(list);

	(void)snprintf(list + used, size - used, "%s ", word);
}

static void on_state(void *userdata, enum wpa_state state, const char *text)
{
	struct bench *b = userdata;

	append(b->states, sizeof(b->states), wpa_state_to_string(state));
	if (text)
		(void)snprintf(b->absence, sizeof(b->absence), "%s", text);
}

static const struct wpa_ops wpa_ops = { on_state, on_sink_found, on_sink_lost };

static void free_inside(struct bench *b)
{
	if (b->frees_inside)
		b->link = link_free(b->link);
}

static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats)
{
	struct bench *b = userdata;

	b->n_connected++;
	b->rtsp_fd = rtsp_fd;
	b->stats = *stats;
	free_inside(b);
}

static void on_failed(void *userdata, enum link_stage stage, int error, const char *text)
{
	struct bench *b = userdata;

	b->n_failed++;
	b->stage = stage;
	b->error = error;
	assert_true(error < 0);
	(void)snprintf(b->text, sizeof(b->text), "%s", text);
	free_inside(b);
}

static void on_lost(void *userdata, int error, const char *text)
{
	struct bench *b = userdata;

	b->n_lost++;
	b->error = error;
	(void)snprintf(b->text, sizeof(b->text), "%s", text);
	free_inside(b);
}

static void on_progress(void *userdata, enum link_stage stage)
{
	struct bench *b = userdata;

	append(b->stages, sizeof(b->stages), link_stage_to_string(stage));
}

static void on_pin_wanted(void *userdata, bool was_wrong)
{
	struct bench *b = userdata;

	b->n_pins_wanted++;
	b->was_wrong = was_wrong;
	if (b->pin)
		assert_int_equal(link_give_pin(b->link, b->pin), 0);
}

static void on_pin_shown(void *userdata, const char *pin)
{
	struct bench *b = userdata;

	assert_string_equal(pin, SUPPLICANT_PIN);
	b->n_pins_shown++;
}

static void on_rate(void *userdata, const struct session_data_rate *rate)
{
	struct bench *b = userdata;

	b->n_rates++;
	b->rate = *rate;
}

static const struct link_events link_events = {
	.connected = on_connected,
	.failed = on_failed,
	.progress = on_progress,
	.pin_wanted = on_pin_wanted,
	.pin_shown = on_pin_shown,
	.lost = on_lost,
	.rate = on_rate,
};

/* ---------------------------------------------------------------- miracast-net and the sink */

static uint16_t announced_port(const struct bench *b)
{
	const uint8_t *ies = b->supplicant.ies;

	return b->supplicant.ies_size == WFD_IE_SOURCE_SIZE ? (uint16_t)(ies[5] << 8 | ies[6]) : 0;
}

static int on_sink_time(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct bench *b = userdata;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(announced_port(b)) };

	(void)source;
	(void)now_us;
	b->sink_source = sd_event_source_disable_unref(b->sink_source);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	close_fd(b->sink_fd);
	b->sink_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)connect(b->sink_fd, (struct sockaddr *)&a, sizeof(a));
	return 0;
}

static int on_net_packet(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct bench *b = userdata;
	struct net_reply reply = { .version = NET_VERSION, .verb = NET_UP, .error = b->net_error,
				   .stage = b->net_stage, .local_address = htonl(0x7f000001),
				   .local_prefix = 28 };
	ssize_t n = recv(fd, &b->request, sizeof(b->request), MSG_DONTWAIT);

	(void)source;
	(void)revents;
	if (n != sizeof(b->request)) {
		b->connection_source = sd_event_source_disable_unref(b->connection_source);
		b->net_fd = close_fd(b->net_fd);
		return 0;
	}
	b->n_ups++;
	if (b->is_net_mute)
		return 0;
	assert_int_equal(send(fd, &reply, sizeof(reply), 0), sizeof(reply));
	if (!b->is_sink_mute && b->net_error == 0)
		assert_true(sd_event_add_time_relative(b->event, &b->sink_source, CLOCK_MONOTONIC,
						       10000, 0, on_sink_time, b) >= 0);
	return 0;
}

static int on_net_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct bench *b = userdata;

	(void)source;
	(void)revents;
	assert_int_equal(b->net_fd, -1);
	b->net_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(b->net_fd >= 0);
	assert_true(sd_event_add_io(b->event, &b->connection_source, b->net_fd, EPOLLIN,
				    on_net_packet, b) >= 0);
	return 0;
}

static void open_net(struct bench *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, net_path, strlen(net_path) + 1);
	(void)unlink(net_path);
	b->net_listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(b->net_listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(b->net_listen_fd, 2), 0);
	assert_true(sd_event_add_io(b->event, &b->net_source, b->net_listen_fd, EPOLLIN,
				    on_net_connection, b) >= 0);
}

/* ---------------------------------------------------------------- moving it */

static void run_ms(struct bench *b, uint64_t ms)
{
	uint64_t end_us = clock_now_us() + ms * 1000;

	while (clock_now_us() < end_us)
		assert_true(sd_event_run(b->event, 1000) >= 0);
}

#define RUN_UNTIL(b, condition)                                                              \
	do {                                                                                 \
		uint64_t _end_us = clock_now_us() + 10 * USEC_PER_SEC;                       \
		while (!(condition)) {                                                       \
			if (clock_now_us() > _end_us)                                        \
				fail_msg("%s did not come; calls: %s; states: %s; text: %s", \
					 #condition, (b)->supplicant.journal, (b)->states,   \
					 (b)->text);                                         \
			assert_true(sd_event_run((b)->event, 5000) >= 0);                    \
		}                                                                            \
	} while (0)

static void new_machine(struct bench *b)
{
	const struct wpa_config config = { .host_name = "Laptop", .state_file = state_path,
					   .net_socket = net_path };

	assert_int_equal(wpa_new(b->event, &config, &wpa_ops, b, &b->wpa), 0);
}

static void begin_without_machine(struct bench *b, const struct reaction *script)
{
	*b = (struct bench){ .net_fd = -1, .net_listen_fd = -1, .sink_fd = -1, .rtsp_fd = -1,
			     .options = { .method = LINK_METHOD_BUTTON, .intent = -1 } };
	memset(&radio, 0, sizeof(radio));
	radio.max_bps = 150000000;
	memcpy(b->options.address, TV, LINK_ADDRESS_SIZE);
	assert_true(sd_event_new(&b->event) >= 0);
	supplicant_init(&b->supplicant, b->event, bus_address);
	b->supplicant.script = script;
	open_net(b);
}

static void begin(struct bench *b, const struct reaction *script)
{
	begin_without_machine(b, script);
	supplicant_start(&b->supplicant);
	new_machine(b);
}

static void open_link(struct bench *b)
{
	assert_int_equal(link_open_wpa(b->wpa, &b->options, &link_events, b, &b->link), 0);
}

static bool is_over(const struct bench *b)
{
	return b->n_connected + b->n_failed > 0;
}

/* Whatever happened: told once, and nothing is left. */
static void end(struct bench *b)
{
	bool had_bus = b->supplicant.bus != NULL;

	assert_true(b->n_connected + b->n_failed <= 1);
	assert_true(b->n_lost <= b->n_connected);
	b->link = link_free(b->link);
	RUN_UNTIL(b, wpa_is_settled(b->wpa));
	wpa_set_finding(b->wpa, false);
	run_ms(b, 10);
	RUN_UNTIL(b, b->net_fd < 0);
	assert_false(b->supplicant.is_group_up);
	if (had_bus)
		RUN_UNTIL(b, announced_port(b) == 0);
	wpa_free(b->wpa);
	supplicant_stop(&b->supplicant);
	sd_event_source_disable_unref(b->net_source);
	sd_event_source_disable_unref(b->connection_source);
	sd_event_source_disable_unref(b->sink_source);
	close_fd(b->net_listen_fd);
	close_fd(b->net_fd);
	close_fd(b->sink_fd);
	sd_event_unref(b->event);
	(void)unlink(state_path);
}

/* ---------------------------------------------------------------- it works */

#define FIND	 { "Find", NULL, "found:0" }
#define AS_OWNER "success started:GO authorized joined"

static void connects(struct bench *b, const struct reaction *script)
{
	begin(b, script);
	open_link(b);
	RUN_UNTIL(b, is_over(b));
	if (b->n_failed)
		fail_msg("%s: %s; calls: %s", link_stage_to_string(b->stage), b->text,
			 b->supplicant.journal);
}

static void test_owner(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=pbc persistent=0 join=0 "
							 "go_intent=7;"));
	assert_int_equal(b.request.role, NET_ROLE_OWNER);
	assert_int_equal(b.request.given_address, 0);
	assert_string_equal(b.stages, "discovery authorisation formation address waiting for the "
				      "sink's connection ");
	assert_int_equal(b.stats.local_max_bps, 150000000);
	assert_int_equal(b.stats.remote_max_bps, 300000000);
	assert_int_equal(b.stats.current_bps, 60000000);
	assert_int_equal(fcntl(b.rtsp_fd, F_GETFD), FD_CLOEXEC);
	end(&b);
}

/* A handshake that is lost on the air: it goes, and comes again. */
/* What the sink says that it takes is a limit of its own, and no rate of a radio. */
static void test_slow_sink(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	b.supplicant.peers[0].ies[7] = 0;
	b.supplicant.peers[0].ies[8] = 50;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.stats.remote_max_bps, 50000000);
	assert_int_equal(b.stats.current_bps, 60000000);
	end(&b);
}

static void test_comes_again(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, AS_OWNER " left authorized joined" }, { NULL },
	};
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_int_equal(supplicant_count(&b.supplicant, "Connect"), 1);
	end(&b);
}

static void test_client_with_address(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success started:ip" }, { NULL },
	};
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_int_equal(b.request.role, NET_ROLE_CLIENT);
	assert_int_equal(ntohl(b.request.given_address), 0x7f4d000a);
	assert_int_equal(b.request.given_prefix, 24);
	end(&b);
}

static void test_client_without_address(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success started:client" }, { NULL },
	};
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_int_equal(b.request.given_address, 0);
	end(&b);
}

static void test_odd_mask(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success started:mask" }, { NULL },
	};
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_int_equal(b.request.given_prefix, 0);
	end(&b);
}

static void test_join(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "started:client" }, { NULL },
	};
	struct bench b;

	(void)state;
	begin(&b, script);
	b.supplicant.peers[0].group = 1;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant,
					  "Connect wps_method=pbc persistent=0 join=1;"));
	end(&b);
}

static void test_pin_of_sink(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" },
		{ "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_SINK;
	b.pin = SUPPLICANT_PIN;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.n_pins_wanted, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=keypad persistent=0 "
							 "join=0 go_intent=7 pin=12345670;"));
	end(&b);
}

static void test_pin_of_ours(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "display-pin" },
		{ "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_OURS;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.n_pins_shown, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=display"));
	end(&b);
}

static void test_bad_pins(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" }, { NULL },
	};
	static const char *const bad[] = { "", "1", "123", "12345", "1234567", "123456789",
					   "12 4", "-123", "abcd", "1234567x" };
	struct bench b;

	(void)state;
	begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_SINK;
	open_link(&b);
	assert_int_equal(link_give_pin(b.link, "1234"), -ESTALE);
	RUN_UNTIL(&b, b.n_pins_wanted == 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(link_give_pin(b.link, bad[i]), -EINVAL);
	assert_int_equal(link_give_pin(b.link, "1234"), 0);
	assert_int_equal(link_give_pin(b.link, "1234"), -ESTALE);
	end(&b);
}

/* Connects, remembers, and the next machine invites instead of pairing. */
static void test_persistent(void **state)
{
	static const struct reaction first[] = {
		FIND, { "Connect", NULL, "success started:GO persistent joined" }, { NULL },
	};
	static const struct reaction again[] = {
		FIND, { "Invite", NULL, "invited:0 started:GO joined" }, { NULL },
	};
	struct bench b;

	(void)state;
	begin(&b, first);
	b.options.remember = true;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=pbc persistent=1"));
	b.link = link_free(b.link);
	RUN_UNTIL(&b, wpa_is_settled(b.wpa));
	wpa_free(b.wpa);
	b.n_connected = 0;
	b.supplicant.script = again;
	memset(b.supplicant.counts, 0, sizeof(b.supplicant.counts));
	b.supplicant.journal[0] = '\0';
	new_machine(&b);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Invite"));
	assert_false(supplicant_was_called(&b.supplicant, "Connect"));
	end(&b);
}

static void write_state(const char *text)
{
	FILE *f = fopen(state_path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void refused_invitation(const struct reaction *script)
{
	struct bench b;

	write_state("miracast-sinks 1\nsink 42:00:00:00:01:00 intent 0 method 1 persistent "
		    "4449524543542d7878\n");
	begin_without_machine(&b, script);
	b.supplicant.has_persistent = true;
	supplicant_start(&b.supplicant);
	new_machine(&b);
	b.options.remember = true;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Invite"));
	/* The role that worked comes first. */
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=pbc persistent=1 "
							 "join=0 go_intent=0;"));
	end(&b);
}

static void test_invitation_refused(void **state)
{
	static const struct reaction status[] = {
		FIND, { "Invite", NULL, "invited:1" }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	static const struct reaction error[] = {
		FIND, { "Invite", "UnknownError", NULL }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	static const struct reaction silence[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };

	(void)state;
	refused_invitation(status);
	refused_invitation(error);
	refused_invitation(silence);
}

/* ---------------------------------------------------------------- each failure */

struct failure {
	const char *name;
	struct reaction script[6];
	enum link_stage stage;
	int error;
	const char *calls; /* one that must have been made */
	unsigned int connects; /* Connect calls; 0: any */
	enum link_method method;
	const char *pin;
	int net_error;
	enum net_stage net_stage;
	bool is_net_mute, is_sink_mute, is_stranger, has_no_group_interface;
	int station_error;
};

/* clang-format off */
static const struct failure failures[] = {
	{ "not found", { { "Find", NULL, "stopped" } }, LINK_STAGE_DISCOVERY, -ENOENT },
	{ "another one only", { { "Find", NULL, "found:1" } }, LINK_STAGE_DISCOVERY, -ENOENT },
	{ "no answer", { FIND }, LINK_STAGE_AUTHORISATION, -ETIMEDOUT, "Cancel", 1 },
	{ "Connect not answered", { FIND, { "Connect", "", NULL } },
	  LINK_STAGE_NEGOTIATION, -ETIMEDOUT },
	{ "refused", { FIND, { "Connect", NULL, "failure:11" } },
	  LINK_STAGE_AUTHORISATION, -ECONNREFUSED, "Cancel", 1 },
	{ "not ready", { FIND, { "Connect", NULL, "failure:1" } },
	  LINK_STAGE_AUTHORISATION, -ETIMEDOUT, NULL, 1 },
	{ "frames lost", { FIND, { "Connect", NULL, "failure:-1" } },
	  LINK_STAGE_NEGOTIATION, -ETIMEDOUT, NULL, 3 },
	{ "both want to own", { FIND, { "Connect", NULL, "failure:9" } },
	  LINK_STAGE_NEGOTIATION, -EPROTO, NULL, 3 },
	{ "no common channel", { FIND, { "Connect", NULL, "failure:7" } },
	  LINK_STAGE_NEGOTIATION, -ECHRNG, "Connect wps_method=pbc persistent=0 join=0 go_intent=7 "
	  "frequency=5180", 4 },
	{ "channel unavailable", { FIND, { "Connect", "ConnectChannelUnavailable", NULL } },
	  LINK_STAGE_NEGOTIATION, -ECHRNG, NULL, 4 },
	{ "Connect refused", { FIND, { "Connect", "UnknownError", NULL } },
	  LINK_STAGE_NEGOTIATION, -EIO, NULL, 3 },
	{ "the peer is too old for ever", { FIND, { "Connect", "InvalidArgs", NULL } },
	  LINK_STAGE_NEGOTIATION, -EINVAL, NULL, 6 },
	{ "another way of pairing, which fails too", { FIND, { "Connect", NULL, "failure:10" },
	  { "ProvisionDiscoveryRequest", NULL, "no-provision" } },
	  LINK_STAGE_AUTHORISATION, -EOPNOTSUPP, "ProvisionDiscoveryRequest", 1 },
	{ "formation fails", { FIND, { "Connect", NULL, "success formation" } },
	  LINK_STAGE_FORMATION, -ECONNABORTED, "Cancel", 3 },
	{ "formation fails, without an interface of its own",
	  { FIND, { "Connect", NULL, "success formation" } },
	  LINK_STAGE_FORMATION, -ECONNABORTED, "Cancel", 3, .has_no_group_interface = true },
	{ "a join fails", { FIND, { "Connect", NULL, "formation" } },
	  LINK_STAGE_FORMATION, -ECONNABORTED, "Cancel", 3 },
	{ "formation is silent", { FIND, { "Connect", NULL, "success" } },
	  LINK_STAGE_FORMATION, -ETIMEDOUT, "Cancel", 3 },
	{ "a failure of the group before does not count",
	  { FIND, { "Connect", NULL, "formation:old success formation:old" } },
	  LINK_STAGE_FORMATION, -ETIMEDOUT },
	{ "overlap", { FIND, { "Connect", NULL, "success wps:12" } },
	  LINK_STAGE_AUTHORISATION, -EALREADY, NULL, 1 },
	{ "pairing breaks", { FIND, { "Connect", NULL, "success wps:0" } },
	  LINK_STAGE_FORMATION, -EPROTO, NULL, 3 },
	{ "wrong PIN", { FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" },
	  { "Connect", NULL, "success wps:18" } }, LINK_STAGE_AUTHORISATION, -EKEYREJECTED, NULL, 3,
	  LINK_METHOD_PIN_OF_SINK, "11111111" },
	{ "our PIN is entered wrongly", { FIND, { "ProvisionDiscoveryRequest", NULL, "display-pin" },
	  { "Connect", NULL, "success wps:18" } }, LINK_STAGE_AUTHORISATION, -EKEYREJECTED, NULL, 1,
	  LINK_METHOD_PIN_OF_OURS },
	{ "no PIN entered", { FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" } },
	  LINK_STAGE_AUTHORISATION, -ETIMEDOUT, NULL, 0, LINK_METHOD_PIN_OF_SINK },
	{ "no provision discovery", { FIND }, LINK_STAGE_AUTHORISATION, -ETIMEDOUT,
	  "ProvisionDiscoveryRequest", 0, LINK_METHOD_PIN_OF_SINK, "11111111" },
	{ "provision discovery cannot be asked", { FIND, { "ProvisionDiscoveryRequest", "UnknownError",
	  NULL } }, LINK_STAGE_AUTHORISATION, -EIO, NULL, 0, LINK_METHOD_PIN_OF_SINK },
	{ "nobody joins", { FIND, { "Connect", NULL, "success started:GO" } },
	  LINK_STAGE_ADDRESS, -ETIMEDOUT, "Disconnect", 3 },
	{ "another device joins", { FIND, { "Connect", NULL, "success started:GO joined:other" } },
	  LINK_STAGE_ADDRESS, -ENETDOWN, "Disconnect", 3 },
	{ "the group ends while it gets an address",
	  { FIND, { "Connect", NULL, "success started:client finished removed" } },
	  LINK_STAGE_ADDRESS, -ENETDOWN, NULL, 3 },
	{ "no lease", { FIND, { "Connect", NULL, "success started:client" } },
	  LINK_STAGE_ADDRESS, -ETIMEDOUT, "Disconnect", 3, .net_error = -ETIMEDOUT,
	  .net_stage = NET_STAGE_ADDRESS },
	{ "a network that is in use", { FIND, { "Connect", NULL, "success started:ip" } },
	  LINK_STAGE_ADDRESS, -EADDRINUSE, "Disconnect", 3, .net_error = -EADDRINUSE,
	  .net_stage = NET_STAGE_ADDRESS },
	{ "the firewall stays shut", { FIND, { "Connect", NULL, AS_OWNER } },
	  LINK_STAGE_FIREWALL, -EPROTO, "Disconnect", 1, .net_error = -EPROTO,
	  .net_stage = NET_STAGE_FIREWALL },
	{ "the helper is silent", { FIND, { "Connect", NULL, AS_OWNER } },
	  LINK_STAGE_ADDRESS, -ETIMEDOUT, "Disconnect", 3, .is_net_mute = true },
	{ "no RTSP", { FIND, { "Connect", NULL, AS_OWNER } },
	  LINK_STAGE_RTSP_WAIT, -ETIMEDOUT, "Disconnect", 3, .is_sink_mute = true },
	{ "RTSP from somebody else", { FIND, { "Connect", NULL, AS_OWNER } },
	  LINK_STAGE_RTSP_WAIT, -ETIMEDOUT, "Disconnect", 3, .is_stranger = true },
	{ "RTSP while two stations are there", { FIND, { "Connect", NULL, AS_OWNER } },
	  LINK_STAGE_RTSP_WAIT, -ETIMEDOUT, "Disconnect", 3, .station_error = -EEXIST },
	{ "the sink leaves at once", { FIND, { "Connect", NULL, AS_OWNER " left" } },
	  LINK_STAGE_ADDRESS, -ETIMEDOUT, "Disconnect", 3 },
};
/* clang-format on */

static void test_failure(void **state)
{
	const struct failure *f = *state;
	struct bench b;

	begin(&b, f->script);
	b.options.method = f->method ? f->method : LINK_METHOD_BUTTON;
	b.pin = f->pin;
	b.net_error = f->net_error;
	b.net_stage = f->net_stage;
	b.supplicant.has_no_group_interface = f->has_no_group_interface;
	b.is_net_mute = f->is_net_mute;
	b.is_sink_mute = f->is_sink_mute;
	radio.is_stranger = f->is_stranger;
	radio.station_error = f->station_error;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_failed, 1);
	if (b.stage != f->stage)
		fail_msg("%s: %s; calls: %s", link_stage_to_string(b.stage), b.text,
			 b.supplicant.journal);
	assert_int_equal(b.error, f->error);
	assert_true(strlen(b.text) > 30);
	if (f->calls)
		RUN_UNTIL(&b, supplicant_was_called(&b.supplicant, f->calls));
	if (f->connects)
		assert_int_equal(supplicant_count(&b.supplicant, "Connect"), f->connects);
	end(&b);
}

static void test_intents_in_turn(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success formation" },
		{ "Connect", NULL, "failure:-1" }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_non_null(strstr(b.supplicant.journal, "go_intent=7"));
	assert_non_null(strstr(strstr(b.supplicant.journal, "go_intent=0"), "go_intent=15"));
	end(&b);
}

static void test_wrong_pin_then_right(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" },
		{ "Connect", NULL, "success wps:18" }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_SINK;
	b.pin = SUPPLICANT_PIN;
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.n_pins_wanted, 2);
	assert_true(b.was_wrong);
	end(&b);
}

static void test_no_helper(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	(void)unlink(net_path);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_FIREWALL);
	assert_int_equal(b.error, -ENOENT);
	assert_non_null(strstr(b.text, "miracast-net"));
	end(&b);
}

static void test_ports_taken(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	int fds[NET_PORT_LAST - NET_PORT_FIRST + 1];
	struct bench b;

	(void)state;
	for (uint16_t i = 0; i < 4; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET,
					 .sin_port = htons((uint16_t)(NET_PORT_FIRST + i)) };

		int one = 1;

		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		(void)setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		(void)bind(fds[i], (struct sockaddr *)&a, sizeof(a));
		(void)listen(fds[i], 1);
	}
	begin(&b, script);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_LISTEN);
	assert_int_equal(b.error, -EADDRINUSE);
	end(&b);
	for (size_t i = 0; i < 4; i++)
		close_fd(fds[i]);
}

/* The group that was to be joined may be gone: what the supplicant knows of it must not be believed. */
static void test_join_of_a_past_group(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "formation" }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	begin(&b, script);
	b.supplicant.peers[0].group = 1;
	open_link(&b);
	RUN_UNTIL(&b, supplicant_was_called(&b.supplicant, "Flush"));
	b.supplicant.peers[0].group = 0;
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=pbc persistent=0 join=0 "
							 "go_intent=0;"));
	end(&b);
}

/* ---------------------------------------------------------------- what goes while it stands */

static void lose(const char *signals, bool frees_inside)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	connects(&b, script);
	assert_int_equal(link_report_rates(b.link, true), 0);
	b.frees_inside = frees_inside;
	supplicant_say(&b.supplicant, signals);
	RUN_UNTIL(&b, b.n_lost == 1);
	assert_true(b.error < 0 && strlen(b.text) > 20);
	/* It stays readable until the link is freed, so that the session can stop. */
	if (!frees_inside)
		assert_true(fcntl(b.rtsp_fd, F_GETFD) >= 0);
	end(&b);
}

static void test_lost(void **state)
{
	(void)state;
	for (int inside = 0; inside < 2; inside++) {
		lose("finished removed", inside);
		lose("removed finished", inside);
		lose("left", inside);
		lose("joined:other", inside);
		lose("vanish", inside);
		lose("off", inside);
		lose("unplugged", inside);
	}
}

static void test_helper_dies(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	connects(&b, script);
	b.connection_source = sd_event_source_disable_unref(b.connection_source);
	b.net_fd = close_fd(b.net_fd);
	RUN_UNTIL(&b, b.n_lost == 1);
	end(&b);
}

static void test_second_client(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct bench b;
	int fd;

	(void)state;
	connects(&b, script);
	a.sin_port = htons(announced_port(&b));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close_fd(fd);
	end(&b);
}

static void test_rates(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_int_equal(link_report_rates(b.link, true), 0);
	RUN_UNTIL(&b, b.n_rates == 2);
	assert_int_equal(b.rate.max_tx_bps, 150000000);
	assert_int_equal(b.rate.transmitted + b.rate.retried, 1000);
	assert_int_equal(b.rate.retried, 100);
	assert_true(b.rate.encoder_bps > 40000000 && b.rate.encoder_bps < 60000000);
	assert_int_equal(link_report_rates(b.link, false), 0);
	end(&b);
}

static void test_free_inside(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	static const struct reaction bad[] = { FIND, { "Connect", NULL, "failure:11" }, { NULL } };
	struct bench b;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&b, i ? script : bad);
		b.frees_inside = true;
		open_link(&b);
		RUN_UNTIL(&b, is_over(&b));
		end(&b);
	}
}

/* Freed at any time, and everything after it. */
static void test_free_any_time(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	for (unsigned int steps = 0; steps < 60; steps += 1 + steps / 16) {
		begin(&b, script);
		open_link(&b);
		for (unsigned int i = 0; i < steps; i++)
			assert_true(sd_event_run(b.event, 2000) >= 0);
		end(&b);
	}
}

/* The machine goes while everything stands; what the supplicant is told last must reach it. */
static void test_machine_freed(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	connects(&b, script);
	b.wpa = wpa_free(b.wpa);
	RUN_UNTIL(&b, !b.supplicant.is_group_up && b.supplicant.ies_size == 0 && b.net_fd < 0);
	assert_int_equal(link_report_rates(b.link, true), -EOPNOTSUPP);
	b.link = link_free(b.link);
	new_machine(&b);
	end(&b);
}

static void test_one_at_a_time(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct link *second = NULL;
	struct bench b;

	(void)state;
	connects(&b, script);
	assert_int_equal(link_open_wpa(b.wpa, &b.options, &link_events, &b, &second), -EBUSY);
	assert_null(second);
	end(&b);
}

/* ---------------------------------------------------------------- orders */

/* Every order of what a supplicant says after Connect ends in a connection or in a clean failure. */
static void run_order(const unsigned int order[static 4])
{
	static const char *const words[] = { "success", "started:GO", "joined", "left" };
	struct reaction script[] = { FIND, { "Connect", NULL, NULL }, { NULL } };
	char signals[128] = "";
	struct bench b;

	for (size_t i = 0; i < 4; i++)
		append(signals, sizeof(signals), words[order[i]]);
	script[1].signals = signals;
	begin(&b, script);
	b.options.intent = 7; /* one attempt */
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	end(&b);
}

static void test_orders(void **state)
{
	unsigned int order[4] = { 0, 1, 2, 3 }, c[4] = { 0 };

	(void)state;
	run_order(order);
	/* Heap's permutations. */
	for (unsigned int i = 0; i < 4;) {
		if (c[i] < i) {
			unsigned int j = i % 2 ? c[i] : 0, t = order[j];

			order[j] = order[i];
			order[i] = t;
			run_order(order);
			c[i]++;
			i = 0;
		} else {
			c[i++] = 0;
		}
	}
}

/* Words from all over at any time: told at most once, and nothing is left. */
static void test_chaos(void **state)
{
	static const char *const words[] = {
		"found:0", "found:1", "lost:0", "stopped", "success", "success:other", "failure:-1",
		"failure:7", "failure:10", "failure:11", "wps:12", "wps:18", "wps:0", "formation",
		"formation:old", "started:GO", "started:client", "started:ip", "joined",
		"joined:other", "authorized", "left", "finished", "removed", "invited:0",
		"invited:1", "persistent", "enter-pin", "display-pin", "no-provision", "off", "on",
		"unplugged", "added", "vanish", "back",
	};
	const unsigned int n = sizeof(words) / sizeof(words[0]);
	unsigned int seed = 1;
	struct bench b;

	(void)state;
	for (unsigned int round = 0; round < 60; round++) {
		static const struct reaction script[] = {
			FIND, { "Connect", NULL, "success" }, { NULL },
		};

		begin(&b, script);
		b.pin = "1234";
		b.options.method = (enum link_method)(1 << round % 3);
		open_link(&b);
		for (unsigned int i = 0; i < 40; i++) {
			const char *word = words[(unsigned int)rand_r(&seed) % n];

			if (strcmp(word, "back") != 0 || !b.supplicant.bus)
				supplicant_say(&b.supplicant, word);
			for (unsigned int s = (unsigned int)rand_r(&seed) % 4; s > 0; s--)
				assert_true(sd_event_run(b.event, 500) >= 0);
		}
		b.supplicant.is_group_up = false;
		if (b.supplicant.bus)
			supplicant_say(&b.supplicant, "removed");
		end(&b);
	}
}

/* ---------------------------------------------------------------- discovery */

static void test_sinks(void **state)
{
	static const struct reaction script[] = { { "Find", NULL, "found:0 found:1 found:2 found:3" },
						  { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	b.supplicant.peers[1].name = "a\xe2\x80\xae" "b\033[31m";
	b.supplicant.peers[1].ies[4] = 0x01; /* busy */
	b.supplicant.peers[2].ies_size = 0;  /* no Wi-Fi Display */
	b.supplicant.peers[3].ies[4] = 0x10; /* a source */
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 2);
	run_ms(&b, 20);
	assert_int_equal(b.n_found, 2);
	assert_string_equal(b.sinks[0].name, "Test TV");
	assert_int_equal(b.sinks[0].category, 7);
	assert_int_equal(b.sinks[0].subcategory, 1);
	assert_int_equal(b.sinks[0].signal_dbm, -50);
	assert_int_equal(b.sinks[0].methods, 7);
	assert_true(b.sinks[0].wfd.is_available && !b.sinks[1].wfd.is_available);
	assert_string_equal(b.sinks[1].name, "a?b?[31m");
	/* Its elements come later; it goes; it comes again. */
	memcpy(b.supplicant.peers[2].ies, b.supplicant.peers[0].ies, 9);
	b.supplicant.peers[2].ies_size = 9;
	supplicant_say(&b.supplicant, "found:2");
	RUN_UNTIL(&b, b.n_found == 3);
	supplicant_say(&b.supplicant, "lost:0");
	RUN_UNTIL(&b, b.n_lost_sinks == 1);
	supplicant_say(&b.supplicant, "found:0 stopped");
	RUN_UNTIL(&b, b.n_found == 4);
	RUN_UNTIL(&b, supplicant_count(&b.supplicant, "Find") == 2);
	wpa_set_finding(b.wpa, false);
	RUN_UNTIL(&b, supplicant_was_called(&b.supplicant, "StopFind"));
	end(&b);
}

static void test_find_refused(void **state)
{
	static const struct reaction script[] = { { "Find", "UnknownError", NULL },
						  { "Find", NULL, "found:0" }, { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	end(&b);
}

/* No Find while a session runs. */
static void test_find_rests(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;
	unsigned int finds;

	(void)state;
	begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	finds = supplicant_count(&b.supplicant, "Find");
	supplicant_say(&b.supplicant, "stopped");
	run_ms(&b, 400);
	assert_int_equal(supplicant_count(&b.supplicant, "Find"), finds);
	b.link = link_free(b.link);
	RUN_UNTIL(&b, supplicant_count(&b.supplicant, "Find") > finds);
	end(&b);
}

/* ---------------------------------------------------------------- the supplicant's life */

static void test_absent(void **state)
{
	struct bench b;

	(void)state;
	begin_without_machine(&b, NULL);
	new_machine(&b);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_RADIO);
	assert_int_equal(b.error, -ENODEV);
	assert_non_null(strstr(b.text, "wpa_supplicant"));
	end(&b);
}

static void absent_because(bool no_p2p, bool no_radio, bool no_display, bool forbidden, bool off,
			   const char *word)
{
	struct bench b;

	begin_without_machine(&b, NULL);
	b.supplicant.has_no_p2p = no_p2p;
	b.supplicant.has_no_radio = no_radio;
	b.supplicant.has_no_display = no_display;
	b.supplicant.is_forbidden = forbidden;
	b.supplicant.is_off = off;
	supplicant_start(&b.supplicant);
	new_machine(&b);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_RADIO);
	if (!strstr(b.text, word))
		fail_msg("%s is not in \"%s\"", word, b.text);
	end(&b);
}

static void test_reasons_for_absence(void **state)
{
	(void)state;
	absent_because(true, false, false, false, false, "adapter");
	absent_because(false, true, false, false, false, "adapter");
	absent_because(false, false, true, false, false, "Wi-Fi Display");
	absent_because(false, false, false, true, false, "policy");
	absent_because(false, false, false, false, true, "Wi-Fi is off");
}

/* It comes late, goes and comes back: the list goes with it and is made again. */
static void test_restart(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	begin_without_machine(&b, script);
	new_machine(&b);
	wpa_set_finding(b.wpa, true);
	run_ms(&b, 20);
	supplicant_start(&b.supplicant);
	RUN_UNTIL(&b, b.n_found == 1);
	supplicant_say(&b.supplicant, "vanish");
	RUN_UNTIL(&b, b.n_lost_sinks == 1 && wpa_get_state(b.wpa) == WPA_ABSENT);
	supplicant_start(&b.supplicant);
	RUN_UNTIL(&b, b.n_found == 2);
	end(&b);
}

/* A name that kills it: not for ever. */
static void test_killed_by_find(void **state)
{
	static const struct reaction script[] = { { "Find", NULL, "vanish back" }, { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, supplicant_count(&b.supplicant, "Find") == 2);
	RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_IDLE);
	run_ms(&b, 200);
	assert_int_equal(supplicant_count(&b.supplicant, "Find"), 2);
	assert_non_null(strstr(b.absence, "twice"));
	/* Somebody looks again. */
	b.supplicant.script = NULL;
	wpa_set_finding(b.wpa, false);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, supplicant_count(&b.supplicant, "Find") == 3);
	end(&b);
}

static void test_rfkill(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	supplicant_say(&b.supplicant, "off");
	RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_ABSENT);
	assert_non_null(strstr(b.absence, "Wi-Fi is off"));
	assert_int_equal(b.n_lost_sinks, 1);
	supplicant_say(&b.supplicant, "on");
	RUN_UNTIL(&b, b.n_found == 2);
	end(&b);
}

static void test_adapter_unplugged(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	supplicant_say(&b.supplicant, "unplugged");
	RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_ABSENT);
	supplicant_say(&b.supplicant, "added");
	RUN_UNTIL(&b, b.n_found == 2);
	end(&b);
}

/* What an earlier run left is taken down before anything begins. */
static void test_leftover(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	write_state("miracast-sinks 1\ngroup p2p-wlan0-0\n");
	begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	assert_true(strstr(b.supplicant.journal, "GetInterface;") <
		    strstr(b.supplicant.journal, "Find"));
	assert_true(supplicant_was_called(&b.supplicant, "Disconnect"));
	end(&b);
}

static void test_foreign_group(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	begin(&b, script);
	RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_IDLE);
	supplicant_say(&b.supplicant, "started:GO");
	run_ms(&b, 20);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_RADIO);
	assert_int_equal(b.error, -EBUSY);
	assert_false(supplicant_was_called(&b.supplicant, "Disconnect"));
	b.link = link_free(b.link);
	b.n_failed = 0;
	supplicant_say(&b.supplicant, "finished removed");
	run_ms(&b, 20);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	end(&b);
}

/* It was there before us. */
static void test_foreign_group_of_before(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	begin_without_machine(&b, script);
	b.supplicant.has_foreign_group = true;
	supplicant_start(&b.supplicant);
	new_machine(&b);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_RADIO);
	assert_int_equal(b.error, -EBUSY);
	assert_false(supplicant_was_called(&b.supplicant, "Disconnect"));
	b.link = link_free(b.link);
	b.n_failed = 0;
	supplicant_say(&b.supplicant, "finished removed");
	run_ms(&b, 20);
	open_link(&b);
	RUN_UNTIL(&b, is_over(&b));
	assert_int_equal(b.n_connected, 1);
	end(&b);
}

/* Whoever is on the bus may send signals; only the supplicant's count. */
static void test_forged_signals(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct supplicant forger;
	struct bench b;

	(void)state;
	connects(&b, script);
	supplicant_init(&forger, b.event, bus_address);
	assert_true(sd_bus_new(&forger.bus) >= 0);
	assert_true(sd_bus_set_address(forger.bus, bus_address) >= 0);
	assert_true(sd_bus_set_bus_client(forger.bus, 1) >= 0);
	assert_true(sd_bus_start(forger.bus) >= 0);
	assert_true(sd_bus_attach_event(forger.bus, b.event, 0) >= 0);
	supplicant_say(&forger, "finished left removed off");
	run_ms(&b, 50);
	assert_int_equal(b.n_lost, 0);
	supplicant_stop(&forger);
	end(&b);
}

/* Other people's WFDIEs come back, ours from a crash do not. */
static void test_elements_restored(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	static const uint8_t theirs[] = { 0, 0, 6, 0, 0x90, 0x1c, 0x44, 0, 0x32 };
	struct bench b;

	(void)state;
	begin(&b, script);
	memcpy(b.supplicant.ies, theirs, sizeof(theirs));
	b.supplicant.ies_size = sizeof(theirs);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	assert_memory_not_equal(b.supplicant.ies, theirs, sizeof(theirs));
	wpa_set_finding(b.wpa, false);
	RUN_UNTIL(&b, memcmp(b.supplicant.ies, theirs, sizeof(theirs)) == 0);
	b.supplicant.ies_size = 0;
	end(&b);
}

/* ---------------------------------------------------------------- the run */

static void start_bus(void)
{
	char path[sizeof(folder) + 8], config[512];
	FILE *f;

	assert_non_null(mkdtemp(strcpy(folder, "/tmp/miracast-link-XXXXXX")));
	(void)snprintf(path, sizeof(path), "%s/config", folder);
	(void)snprintf(bus_address, sizeof(bus_address), "unix:path=%s/bus", folder);
	(void)snprintf(net_path, sizeof(net_path), "%s/net", folder);
	(void)snprintf(state_path, sizeof(state_path), "%s/sinks", folder);
	(void)snprintf(config, sizeof(config),
		       "<busconfig><listen>%s</listen><policy context=\"default\"><allow "
		       "user=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/>"
		       "</policy></busconfig>", bus_address);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(config, f) >= 0);
	assert_int_equal(fclose(f), 0);
	bus_pid = fork();
	if (bus_pid == 0) {
		char option[sizeof(path) + 16];

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)snprintf(option, sizeof(option), "--config-file=%s", path);
		execlp("dbus-daemon", "dbus-daemon", "--nofork", option, NULL);
		_exit(1);
	}
	(void)snprintf(path, sizeof(path), "%s/bus", folder);
	for (int i = 0; i < 500 && access(path, F_OK) < 0; i++)
		usleep(10000);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", bus_address, 1);
}

static void stop_bus(void)
{
	static const char *const names[] = { "config", "bus", "net", "sinks", "sinks.new" };

	(void)kill(bus_pid, SIGTERM);
	(void)waitpid(bus_pid, NULL, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[sizeof(folder) + 16];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

#define N_FAILURES (sizeof(failures) / sizeof(failures[0]))

int main(int argc, char **argv)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_slow_sink),
		cmocka_unit_test(test_comes_again),
		cmocka_unit_test(test_client_with_address),
		cmocka_unit_test(test_client_without_address),
		cmocka_unit_test(test_odd_mask),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_pin_of_sink),
		cmocka_unit_test(test_pin_of_ours),
		cmocka_unit_test(test_bad_pins),
		cmocka_unit_test(test_persistent),
		cmocka_unit_test(test_invitation_refused),
		cmocka_unit_test(test_intents_in_turn),
		cmocka_unit_test(test_wrong_pin_then_right),
		cmocka_unit_test(test_no_helper),
		cmocka_unit_test(test_ports_taken),
		cmocka_unit_test(test_join_of_a_past_group),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_helper_dies),
		cmocka_unit_test(test_second_client),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_free_any_time),
		cmocka_unit_test(test_machine_freed),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_chaos),
		cmocka_unit_test(test_sinks),
		cmocka_unit_test(test_find_refused),
		cmocka_unit_test(test_find_rests),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_reasons_for_absence),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_by_find),
		cmocka_unit_test(test_rfkill),
		cmocka_unit_test(test_adapter_unplugged),
		cmocka_unit_test(test_leftover),
		cmocka_unit_test(test_foreign_group),
		cmocka_unit_test(test_foreign_group_of_before),
		cmocka_unit_test(test_forged_signals),
		cmocka_unit_test(test_elements_restored),
	};
	struct CMUnitTest tests[N_FAILURES + sizeof(others) / sizeof(others[0])];
	int r;

	/* 10 s become 200 ms: everything on one loop answers in less. */
	setenv("MIRACAST_TIME_SCALE", "0.02", 1);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (argc > 2)
		log_set_level(LOG_LEVEL_DEBUG);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; i < N_FAILURES; i++)
		tests[i] = (struct CMUnitTest){ failures[i].name, test_failure, NULL, NULL,
						(void *)&failures[i] };
	memcpy(tests + N_FAILURES, others, sizeof(others));
	start_bus();
	r = cmocka_run_group_tests_name("link-wpa", tests, NULL, NULL);
	stop_bus();
	return r;
}

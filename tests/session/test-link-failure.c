// SPDX-License-Identifier: GPL-2.0-or-later
/* The link over wpa_supplicant: each failure with its stage, its code and what is tried next. */
#include "link-bench.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

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

	bench_begin(&b, f->script);
	b.options.method = f->method ? f->method : LINK_METHOD_BUTTON;
	b.pin = f->pin;
	b.net_error = f->net_error;
	b.net_stage = f->net_stage;
	b.supplicant.has_no_group_interface = f->has_no_group_interface;
	b.is_net_mute = f->is_net_mute;
	b.is_sink_mute = f->is_sink_mute;
	fake_radio.is_stranger = f->is_stranger;
	fake_radio.station_error = f->station_error;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
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
	bench_end(&b);
}

static void test_intents_in_turn(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success formation" },
		{ "Connect", NULL, "failure:-1" }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_non_null(strstr(b.supplicant.journal, "go_intent=7"));
	assert_non_null(strstr(strstr(b.supplicant.journal, "go_intent=0"), "go_intent=15"));
	bench_end(&b);
}

static void test_wrong_pin_then_right(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" },
		{ "Connect", NULL, "success wps:18" }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_SINK;
	b.pin = SUPPLICANT_PIN;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.n_pins_wanted, 2);
	assert_true(b.was_wrong);
	bench_end(&b);
}

static void test_no_helper(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	(void)unlink(bench_net_path);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_FIREWALL);
	assert_int_equal(b.error, -ENOENT);
	assert_non_null(strstr(b.text, "miracast-net"));
	bench_end(&b);
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
	bench_begin(&b, script);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_LISTEN);
	assert_int_equal(b.error, -EADDRINUSE);
	bench_end(&b);
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
	bench_begin(&b, script);
	b.supplicant.peers[0].group = 1;
	bench_open_link(&b);
	RUN_UNTIL(&b, supplicant_was_called(&b.supplicant, "Flush"));
	b.supplicant.peers[0].group = 0;
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=pbc persistent=0 join=0 "
							 "go_intent=0;"));
	/* It may be the owner of another one, on any channel. */
	assert_int_equal(supplicant_count(&b.supplicant, "Find Timeout=10 DiscoveryType="
							 "start_with_full;"), 2);
	bench_end(&b);
}

#define N_FAILURES (sizeof(failures) / sizeof(failures[0]))

int main(int argc, char **argv)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_intents_in_turn),
		cmocka_unit_test(test_wrong_pin_then_right),
		cmocka_unit_test(test_no_helper),
		cmocka_unit_test(test_ports_taken),
		cmocka_unit_test(test_join_of_a_past_group),
	};
	struct CMUnitTest tests[N_FAILURES + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < N_FAILURES; i++)
		tests[i] = (struct CMUnitTest){ failures[i].name, test_failure, NULL, NULL,
						(void *)&failures[i] };
	memcpy(tests + N_FAILURES, others, sizeof(others));
	return bench_main("link-failure", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}

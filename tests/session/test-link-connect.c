// SPDX-License-Identifier: GPL-2.0-or-later
/* The link over wpa_supplicant: each way to a connection, and every order of signals. */
#include "link-bench.h"
#include "util/log.h"

#include <fcntl.h>
#include <unistd.h>

/* ---------------------------------------------------------------- it works */

static void test_owner(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	bench_connect(&b, script);
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
	bench_end(&b);
}

/* What the sink says that it takes is a limit of its own, and no rate of a radio. */
static void test_slow_sink(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	b.supplicant.peers[0].ies[7] = 0;
	b.supplicant.peers[0].ies[8] = 50;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.stats.remote_max_bps, 50000000);
	assert_int_equal(b.stats.current_bps, 60000000);
	bench_end(&b);
}

/* A handshake that is lost on the air: it goes, and comes again. */
static void test_comes_again(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, AS_OWNER " left authorized joined" }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_int_equal(supplicant_count(&b.supplicant, "Connect"), 1);
	bench_end(&b);
}

/* NetworkManager must not hear of the group; without that it is tried all the same. */
static void test_hush(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	for (int way = 0; way < 3; way++) {
		bench_begin(&b, script);
		b.hush_error = way == 1 ? -EPROTO : 0;
		b.is_hush_lost = way == 2;
		bench_open_link(&b);
		RUN_UNTIL(&b, bench_is_over(&b));
		assert_int_equal(b.n_connected, 1);
		assert_int_equal(b.n_hushes, 1);
		assert_int_equal(b.n_ups, 1);
		assert_int_equal(supplicant_count(&b.supplicant, "Connect"), 1);
		bench_end(&b);
	}
}

static void test_client_with_address(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success started:ip" }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_int_equal(b.request.role, NET_ROLE_CLIENT);
	assert_int_equal(ntohl(b.request.given_address), 0x7f4d000a);
	assert_int_equal(b.request.given_prefix, 24);
	bench_end(&b);
}

static void test_client_without_address(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success started:client" }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_int_equal(b.request.given_address, 0);
	bench_end(&b);
}

static void test_odd_mask(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "success started:mask" }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_int_equal(b.request.given_prefix, 0);
	bench_end(&b);
}

static void test_join(void **state)
{
	static const struct reaction script[] = {
		FIND, { "Connect", NULL, "started:client" }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	b.supplicant.peers[0].group = 1;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant,
					  "Connect wps_method=pbc persistent=0 join=1;"));
	bench_end(&b);
}

static void test_pin_of_sink(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" },
		{ "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_SINK;
	b.pin = SUPPLICANT_PIN;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.n_pins_wanted, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=keypad persistent=0 "
							 "join=0 go_intent=7 pin=12345670;"));
	bench_end(&b);
}

/* With every message on: the ways that a PIN and a passphrase take, and a PIN that is wrong. */
static void test_silence(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "enter-pin" },
		{ "Connect", NULL, "success wps:18" }, { "Connect", NULL, AS_OWNER }, { NULL },
	};
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), stderr_fd = dup(STDERR_FILENO);
	enum log_level level = log_get_level();
	static char text[1 << 16];
	struct bench b;

	(void)state;
	assert_true(fd >= 0 && stderr_fd >= 0);
	log_set_level(LOG_LEVEL_DEBUG);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	bench_begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_SINK;
	b.pin = "87654325";
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	bench_end(&b);
	assert_true(dup2(stderr_fd, STDERR_FILENO) >= 0);
	log_set_level(level);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_int_equal(b.n_connected, 1);
	/* The log is there, and tells of this attempt. */
	assert_non_null(strstr(text, "pairing failed"));
	assert_null(strstr(text, b.pin));
	assert_null(strstr(text, SUPPLICANT_PIN));
	assert_null(strstr(text, SUPPLICANT_PASSPHRASE));
	close(fd);
	close(stderr_fd);
}

static void test_pin_of_ours(void **state)
{
	static const struct reaction script[] = {
		FIND, { "ProvisionDiscoveryRequest", NULL, "display-pin" },
		{ "Connect", NULL, AS_OWNER }, { NULL },
	};
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_OURS;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(b.n_pins_shown, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=display"));
	bench_end(&b);
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
	bench_begin(&b, script);
	b.options.method = LINK_METHOD_PIN_OF_SINK;
	bench_open_link(&b);
	assert_int_equal(link_give_pin(b.link, "1234"), -ESTALE);
	RUN_UNTIL(&b, b.n_pins_wanted == 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(link_give_pin(b.link, bad[i]), -EINVAL);
	assert_int_equal(link_give_pin(b.link, "1234"), 0);
	assert_int_equal(link_give_pin(b.link, "1234"), -ESTALE);
	bench_end(&b);
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
	bench_begin(&b, first);
	b.options.remember = true;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=pbc persistent=1"));
	b.link = link_free(b.link);
	RUN_UNTIL(&b, wpa_is_settled(b.wpa));
	wpa_free(b.wpa);
	b.n_connected = 0;
	b.supplicant.script = again;
	memset(b.supplicant.counts, 0, sizeof(b.supplicant.counts));
	b.supplicant.journal[0] = '\0';
	bench_new_machine(&b);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Invite"));
	assert_false(supplicant_was_called(&b.supplicant, "Connect"));
	bench_end(&b);
}

#define REMEMBERED                                                                      \
	"miracast-sinks 1\nsink 42:00:00:00:01:00 intent 0 method 1 persistent "         \
	"4449524543542d7878\n"

static void refused_invitation(const struct reaction *script)
{
	struct bench b;

	bench_write_state(REMEMBERED);
	bench_begin_without_machine(&b, script);
	b.supplicant.has_persistent = true;
	supplicant_start(&b.supplicant);
	bench_new_machine(&b);
	b.options.remember = true;
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_true(supplicant_was_called(&b.supplicant, "Invite"));
	/* The role that worked comes first. */
	assert_true(supplicant_was_called(&b.supplicant, "Connect wps_method=pbc persistent=1 "
							 "join=0 go_intent=0;"));
	bench_end(&b);
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

/* The sink takes the invitation, and its group is long in coming. */
static void test_invitation_slow(void **state)
{
	static const struct reaction script[] = { FIND, { "Invite", NULL, "invited:0" }, { NULL } };
	struct bench b;

	(void)state;
	bench_write_state(REMEMBERED);
	bench_begin_without_machine(&b, script);
	b.supplicant.has_persistent = true;
	supplicant_start(&b.supplicant);
	bench_new_machine(&b);
	bench_open_link(&b);
	RUN_UNTIL(&b, supplicant_was_called(&b.supplicant, "Invite"));
	bench_run_ms(&b, 20000);
	supplicant_say(&b.supplicant, "started:ip");
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_false(supplicant_was_called(&b.supplicant, "Connect"));
	bench_end(&b);
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
		bench_append(signals, sizeof(signals), words[order[i]]);
	script[1].signals = signals;
	bench_begin(&b, script);
	b.options.intent = 7; /* one attempt */
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	bench_end(&b);
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

		bench_begin(&b, script);
		b.pin = "1234";
		b.options.method = (enum link_method)(1 << round % 3);
		bench_open_link(&b);
		for (unsigned int i = 0; i < 40; i++) {
			const char *word = words[(unsigned int)rand_r(&seed) % n];

			if (strcmp(word, "back") != 0 || !b.supplicant.bus)
				supplicant_say(&b.supplicant, word);
			for (unsigned int s = (unsigned int)rand_r(&seed) % 4; s > 0; s--)
				(void)bench_step(&b);
		}
		b.supplicant.is_group_up = false;
		if (b.supplicant.bus)
			supplicant_say(&b.supplicant, "removed");
		bench_end(&b);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_hush),
		cmocka_unit_test(test_slow_sink),
		cmocka_unit_test(test_comes_again),
		cmocka_unit_test(test_client_with_address),
		cmocka_unit_test(test_client_without_address),
		cmocka_unit_test(test_odd_mask),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_pin_of_sink),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_pin_of_ours),
		cmocka_unit_test(test_bad_pins),
		cmocka_unit_test(test_persistent),
		cmocka_unit_test(test_invitation_refused),
		cmocka_unit_test(test_invitation_slow),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_chaos),
	};

	return bench_main("link-connect", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The link over wpa_supplicant: what goes while a connection stands, sinks that come and go, and the
 * life of the supplicant and its radio.
 */
#include "link-bench.h"

#include <fcntl.h>
#include <unistd.h>

/* ---------------------------------------------------------------- what goes while it stands */

static void lose(const char *signals, bool frees_inside)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	bench_connect(&b, script);
	assert_int_equal(link_report_rates(b.link, true), 0);
	b.frees_inside = frees_inside;
	supplicant_say(&b.supplicant, signals);
	RUN_UNTIL(&b, b.n_lost == 1);
	assert_true(b.error < 0 && strlen(b.text) > 20);
	/* It stays readable until the link is freed, so that the session can stop. */
	if (!frees_inside)
		assert_true(fcntl(b.rtsp_fd, F_GETFD) >= 0);
	bench_end(&b);
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
	bench_connect(&b, script);
	b.connection_source = sd_event_source_disable_unref(b.connection_source);
	b.net_fd = close_fd(b.net_fd);
	RUN_UNTIL(&b, b.n_lost == 1);
	bench_end(&b);
}

static void test_second_client(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct bench b;
	int fd;

	(void)state;
	bench_connect(&b, script);
	a.sin_port = htons(bench_announced_port(&b));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close_fd(fd);
	bench_end(&b);
}

static void test_rates(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_int_equal(link_report_rates(b.link, true), 0);
	RUN_UNTIL(&b, b.n_rates == 2);
	assert_int_equal(b.rate.max_tx_bps, 150000000);
	assert_int_equal(b.rate.transmitted + b.rate.retried, 1000);
	assert_int_equal(b.rate.retried, 100);
	assert_true(b.rate.encoder_bps > 40000000 && b.rate.encoder_bps < 60000000);
	assert_int_equal(link_report_rates(b.link, false), 0);
	bench_end(&b);
}

/* nl80211's counters have 32 bits and start again at 0. */
static void test_rates_wrap(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	fake_radio.packets = UINT32_MAX - 1499; /* the next report just before, the one after it beyond */
	assert_int_equal(link_report_rates(b.link, true), 0);
	RUN_UNTIL(&b, b.n_rates == 2);
	assert_true(fake_radio.packets < 1000);
	assert_int_equal(b.rate.transmitted + b.rate.retried, 1000);
	assert_int_equal(link_report_rates(b.link, false), 0);
	bench_end(&b);
}

static void test_free_inside(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	static const struct reaction bad[] = { FIND, { "Connect", NULL, "failure:11" }, { NULL } };
	struct bench b;

	(void)state;
	for (int i = 0; i < 2; i++) {
		bench_begin(&b, i ? script : bad);
		b.frees_inside = true;
		bench_open_link(&b);
		RUN_UNTIL(&b, bench_is_over(&b));
		bench_end(&b);
	}
}

/* Freed after each thing that happens on the way to a connection, and after that. */
static void test_free_any_time(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	bool is_connected = false;
	struct bench b;

	(void)state;
	for (unsigned int steps = 0; !is_connected; steps++) {
		bench_begin(&b, script);
		bench_open_link(&b);
		for (unsigned int i = 0; i < steps; i++)
			assert_true(bench_step(&b));
		is_connected = b.n_connected == 1;
		bench_end(&b);
	}
}

/* The machine goes while everything stands; what the supplicant is told last must reach it. */
static void test_machine_freed(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_true(bench_has_state("group lo"));
	b.wpa = wpa_free(b.wpa);
	/* The next group of that name may be another program's. */
	assert_false(bench_has_state("group"));
	/* Its end of the bus is closed: no telling when all has been passed on. */
	while (b.supplicant.is_group_up || b.supplicant.ies_size != 0 || b.net_fd >= 0)
		assert_true(sd_event_run(b.event, 30 * USEC_PER_SEC) > 0);
	assert_int_equal(link_report_rates(b.link, true), -EOPNOTSUPP);
	b.link = link_free(b.link);
	bench_new_machine(&b);
	bench_end(&b);
}

static void test_one_at_a_time(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct link *second = NULL;
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	assert_int_equal(link_open_wpa(b.wpa, &b.options, &bench_link_events, &b, &second), -EBUSY);
	assert_null(second);
	bench_end(&b);
}

/* ---------------------------------------------------------------- discovery */

static void test_sinks(void **state)
{
	static const struct reaction script[] = { { "Find", NULL, "found:0 found:1 found:2 found:3" },
						  { NULL } };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	b.supplicant.peers[1].name = "a\xe2\x80\xae" "b\033[31m";
	b.supplicant.peers[1].ies[4] = 0x01; /* busy */
	b.supplicant.peers[2].ies_size = 0;  /* no Wi-Fi Display */
	b.supplicant.peers[3].ies[4] = 0x10; /* a source */
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 2);
	bench_run_ms(&b, 1000);
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
	bench_end(&b);
}

static void test_find_refused(void **state)
{
	static const struct reaction script[] = { { "Find", "UnknownError", NULL },
						  { "Find", NULL, "found:0" }, { NULL } };
	static const struct reaction connect[] = { { "Find", "UnknownError", NULL },
						   { "Find", NULL, "stopped" }, FIND,
						   { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	bench_end(&b);
	/* And while the sink is looked for that shall be connected. */
	bench_begin(&b, connect);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	assert_int_equal(supplicant_count(&b.supplicant, "Find"), 3);
	bench_end(&b);
}

/* No Find while a session runs. */
static void test_find_rests(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;
	unsigned int finds;

	(void)state;
	bench_begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	finds = supplicant_count(&b.supplicant, "Find");
	supplicant_say(&b.supplicant, "stopped");
	bench_run_ms(&b, 60000);
	assert_int_equal(supplicant_count(&b.supplicant, "Find"), finds);
	b.link = link_free(b.link);
	RUN_UNTIL(&b, supplicant_count(&b.supplicant, "Find") > finds);
	bench_end(&b);
}

/* ---------------------------------------------------------------- the supplicant's life */

static void test_absent(void **state)
{
	struct bench b;

	(void)state;
	bench_begin_without_machine(&b, NULL);
	bench_new_machine(&b);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_RADIO);
	assert_int_equal(b.error, -ENODEV);
	assert_non_null(strstr(b.text, "wpa_supplicant"));
	bench_end(&b);
}

static void absent_because(bool no_p2p, bool no_radio, bool no_display, bool forbidden, bool off,
			   const char *word)
{
	struct bench b;

	bench_begin_without_machine(&b, NULL);
	b.supplicant.has_no_p2p = no_p2p;
	b.supplicant.has_no_radio = no_radio;
	b.supplicant.has_no_display = no_display;
	b.supplicant.is_forbidden = forbidden;
	b.supplicant.is_off = off;
	supplicant_start(&b.supplicant);
	bench_new_machine(&b);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_RADIO);
	if (!strstr(b.text, word))
		fail_msg("%s is not in \"%s\"", word, b.text);
	bench_end(&b);
}

static void test_reasons_for_absence(void **state)
{
	(void)state;
	absent_because(true, false, false, false, false, "no Wi-Fi adapter of this computer");
	absent_because(false, true, false, false, false, "wpa_supplicant has no Wi-Fi adapter");
	absent_because(false, false, true, false, false, "Wi-Fi Display");
	absent_because(false, false, false, true, false, "policy");
	absent_because(false, false, false, false, true, "Wi-Fi is off");
}

/* No network manager runs: a radio is taken when somebody wants it, and not before. */
static void test_adoption(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	(void)state;
	for (int way = 0; way < 3; way++) {
		bench_begin_without_machine(&b, script);
		b.supplicant.has_no_radio = true;
		b.can_adopt = way < 2;
		supplicant_start(&b.supplicant);
		bench_new_machine(&b);
		bench_run_ms(&b, 1000);
		assert_int_equal(b.n_adopts, 0);
		assert_int_equal(wpa_get_state(b.wpa), WPA_ABSENT);
		if (way == 0)
			bench_open_link(&b);
		else
			wpa_set_finding(b.wpa, true);
		if (way == 0)
			RUN_UNTIL(&b, bench_is_over(&b) && b.n_connected == 1);
		else if (way == 1)
			RUN_UNTIL(&b, b.n_found == 1);
		else
			bench_run_ms(&b, 60000);
		assert_int_equal(b.n_adopts, 1);
		assert_true(way < 2 || strstr(wpa_get_absence(b.wpa), "has no Wi-Fi adapter"));
		bench_end(&b);
	}
}

/* It comes late, goes and comes back: the list goes with it and is made again. */
static void test_restart(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	bench_begin_without_machine(&b, script);
	bench_new_machine(&b);
	wpa_set_finding(b.wpa, true);
	bench_run_ms(&b, 1000);
	supplicant_start(&b.supplicant);
	RUN_UNTIL(&b, b.n_found == 1);
	supplicant_say(&b.supplicant, "vanish");
	RUN_UNTIL(&b, b.n_lost_sinks == 1 && wpa_get_state(b.wpa) == WPA_ABSENT);
	supplicant_start(&b.supplicant);
	RUN_UNTIL(&b, b.n_found == 2);
	bench_end(&b);
}

/* A name that kills it: not for ever. */
static void test_killed_by_find(void **state)
{
	static const struct reaction script[] = { { "Find", NULL, "vanish back" }, { NULL } };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, supplicant_count(&b.supplicant, "Find") == 2);
	RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_IDLE);
	bench_run_ms(&b, 60000);
	assert_int_equal(supplicant_count(&b.supplicant, "Find"), 2);
	assert_non_null(strstr(b.absence, "twice"));
	/* Somebody looks again. */
	b.supplicant.script = NULL;
	wpa_set_finding(b.wpa, false);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, supplicant_count(&b.supplicant, "Find") == 3);
	bench_end(&b);
}

static void test_rfkill(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	supplicant_say(&b.supplicant, "off");
	RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_ABSENT);
	assert_non_null(strstr(b.absence, "Wi-Fi is off"));
	assert_int_equal(b.n_lost_sinks, 1);
	supplicant_say(&b.supplicant, "on");
	RUN_UNTIL(&b, b.n_found == 2);
	bench_end(&b);
}

static void test_adapter_unplugged(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	supplicant_say(&b.supplicant, "unplugged");
	RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_ABSENT);
	supplicant_say(&b.supplicant, "added");
	RUN_UNTIL(&b, b.n_found == 2);
	bench_end(&b);
}

/* What an earlier run left is taken down before anything begins. */
static void test_leftover(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	struct bench b;

	(void)state;
	bench_write_state("miracast-sinks 1\ngroup p2p-wlan0-0\n");
	bench_begin(&b, script);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	assert_true(strstr(b.supplicant.journal, "GetInterface;") <
		    strstr(b.supplicant.journal, "Find"));
	assert_true(supplicant_was_called(&b.supplicant, "Disconnect"));
	bench_end(&b);
}

/* Another program's, before we came or after. */
static void busy_with(bool was_there)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct bench b;

	bench_begin_without_machine(&b, script);
	b.supplicant.has_foreign_group = was_there;
	supplicant_start(&b.supplicant);
	bench_new_machine(&b);
	if (!was_there) {
		RUN_UNTIL(&b, wpa_get_state(b.wpa) == WPA_IDLE);
		supplicant_say(&b.supplicant, "started:GO");
		bench_run_ms(&b, 1000);
	}
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.stage, LINK_STAGE_RADIO);
	assert_int_equal(b.error, -EBUSY);
	assert_false(supplicant_was_called(&b.supplicant, "Disconnect"));
	b.link = link_free(b.link);
	b.n_failed = 0;
	supplicant_say(&b.supplicant, "finished removed");
	bench_run_ms(&b, 1000);
	bench_open_link(&b);
	RUN_UNTIL(&b, bench_is_over(&b));
	assert_int_equal(b.n_connected, 1);
	bench_end(&b);
}

static void test_foreign_group(void **state)
{
	(void)state;
	busy_with(false);
	busy_with(true);
}

/*
 * Whoever is on the bus may send signals; only the supplicant's count. The bus itself keeps away what
 * is sent to everybody in the supplicant's name, but not what is sent to us alone.
 */
static void test_forged_signals(void **state)
{
	static const struct reaction script[] = { FIND, { "Connect", NULL, AS_OWNER }, { NULL } };
	struct supplicant forger;
	struct bench b;

	(void)state;
	bench_connect(&b, script);
	supplicant_init(&forger, b.event, bench_bus_address);
	assert_true(sd_bus_new(&forger.bus) >= 0);
	assert_true(sd_bus_set_address(forger.bus, bench_bus_address) >= 0);
	assert_true(sd_bus_set_bus_client(forger.bus, 1) >= 0);
	assert_true(sd_bus_start(forger.bus) >= 0);
	assert_true(sd_bus_attach_event(forger.bus, b.event, 0) >= 0);
	forger.to = b.supplicant.caller;
	supplicant_say(&forger, "finished left removed off");
	bench_sync(forger.bus);
	bench_run_ms(&b, 1000);
	assert_int_equal(b.n_lost, 0);
	supplicant_stop(&forger);
	bench_end(&b);
}

/* Other people's WFDIEs come back, ours from a crash do not. */
static void test_elements_restored(void **state)
{
	static const struct reaction script[] = { FIND, { NULL } };
	static const uint8_t theirs[] = { 0, 0, 6, 0, 0x90, 0x1c, 0x44, 0, 0x32 };
	struct bench b;

	(void)state;
	bench_begin(&b, script);
	memcpy(b.supplicant.ies, theirs, sizeof(theirs));
	b.supplicant.ies_size = sizeof(theirs);
	wpa_set_finding(b.wpa, true);
	RUN_UNTIL(&b, b.n_found == 1);
	assert_memory_not_equal(b.supplicant.ies, theirs, sizeof(theirs));
	wpa_set_finding(b.wpa, false);
	RUN_UNTIL(&b, memcmp(b.supplicant.ies, theirs, sizeof(theirs)) == 0);
	b.supplicant.ies_size = 0;
	bench_end(&b);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_helper_dies),
		cmocka_unit_test(test_second_client),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_rates_wrap),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_free_any_time),
		cmocka_unit_test(test_machine_freed),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_sinks),
		cmocka_unit_test(test_find_refused),
		cmocka_unit_test(test_find_rests),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_reasons_for_absence),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_by_find),
		cmocka_unit_test(test_rfkill),
		cmocka_unit_test(test_adapter_unplugged),
		cmocka_unit_test(test_leftover),
		cmocka_unit_test(test_foreign_group),
		cmocka_unit_test(test_forged_signals),
		cmocka_unit_test(test_elements_restored),
	};

	return bench_main("link-life", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}

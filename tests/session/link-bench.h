/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bench of the link's tests: the machine over wpa_supplicant with a scripted one on a private bus,
 * what it tells its owner, and miracast-net, a sink and a radio (fake-radio.h) that are fakes. The
 * group's interface is lo. Time moves when nothing else does: each limit runs out when it should, to
 * the microsecond, and never because the machine is busy.
 */
#ifndef TESTS_LINK_BENCH_H
#define TESTS_LINK_BENCH_H

#include "fake-clock.h"
#include "fake-radio.h"
#include "link/link-private.h"
#include "miracast/net.h"
#include "supplicant.h"
#include "util/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TV ((const uint8_t[]){ 0x42, 0, 0, 0, 1, 0 })

#define FIND	 { "Find", NULL, "found:0" }
#define AS_OWNER "success started:GO authorized joined"

/* Where the fake miracast-net listens, and the bus. */
extern char bench_net_path[96], bench_bus_address[128];

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
	unsigned int n_ups, n_hushes, n_adopts;
	bool can_adopt; /* there is a radio that nobody manages */
	int hush_error;
	bool is_hush_lost; /* the helper dies of it */
	int net_error;
	enum net_stage net_stage;
	bool is_net_mute;

	/* the sink */
	int sink_fd;
	bool is_sink_mute;
	sd_event_source *net_source, *connection_source, *sink_source;
};

extern const struct link_events bench_link_events;

/* Everything but the machine, if the test wants to change something before it comes. */
void bench_begin_without_machine(struct bench *b, const struct reaction *script);
void bench_new_machine(struct bench *b);
void bench_begin(struct bench *b, const struct reaction *script);
void bench_open_link(struct bench *b);
/* Begins, and goes on until the sink is connected; anything else fails the test. */
void bench_connect(struct bench *b, const struct reaction *script);
/* Whatever happened: told once, and nothing is left. */
void bench_end(struct bench *b);

bool bench_is_over(const struct bench *b); /* connected or failed */
/* Returns when the bus has passed on what was sent by that connection. */
void bench_sync(sd_bus *bus);
uint16_t bench_announced_port(const struct bench *b); /* in our elements; 0: none are set */
void bench_run_ms(struct bench *b, uint64_t ms);
void bench_write_state(const char *text); /* what is remembered */
bool bench_has_state(const char *text);
void bench_append(char *list, size_t size, const char *word);

/*
 * One thing that happens: what is on its way (on the bus too), or else the next timer. False when
 * nothing more will come.
 */
bool bench_step(struct bench *b);

#define RUN_UNTIL(b, condition)                                                              \
	do {                                                                                 \
		uint64_t _end_us = clock_now_us() + 3600 * USEC_PER_SEC;                     \
		while (!(condition))                                                         \
			if (!bench_step(b) || clock_now_us() > _end_us)                      \
				fail_msg("%s did not come; calls: %s; states: %s; text: %s", \
					 #condition, (b)->supplicant.journal, (b)->states,   \
					 (b)->text);                                         \
	} while (0)

/* The tests on a bus of their own. argv[1]: which; argv[2]: with debug messages. */
int bench_main(const char *name, const struct CMUnitTest *tests, size_t n, int argc, char **argv);

#endif

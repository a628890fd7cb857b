/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the manager, shared by manager.c (casts), manager-sinks.c (sinks and the radio)
 * and manager-sleep.c. Nobody else includes this.
 */
#ifndef MIRACAST_MANAGER_PRIVATE_H
#define MIRACAST_MANAGER_PRIVATE_H

#include "manager.h"

#include <systemd/sd-event.h>

/* A cast that sleep has ended, to be made again. */
struct wish {
	char sink[MANAGER_ID_SIZE];
	struct manager_request request;
	unsigned int number; /* of the cast that tries; 0: none did yet */
};

struct manager {
	struct sd_event *event;
	struct config *config;
	const char *media_program;
	const char *host_name;
	const struct manager_ops *ops;
	void *userdata;
	struct owner_watch *owners; /* NULL: no logind */
	struct wpa *wpa;
	struct manager_sink *sinks[MANAGER_SINKS_MAX];
	size_t n_sinks;
	struct manager_cast *casts[MANAGER_CASTS_MAX];
	size_t n_casts;
	unsigned int last_number;
	sd_event_source *tick_source; /* on while there is a cast */
	sd_event_source *idle_source; /* tells ops.idle */
	sd_event_source *wish_source; /* on while wishes may come true */
	uint64_t wish_limit_us;
	bool is_finding;
	bool is_halted; /* between manager_stop_all and manager_resume */
	struct wish wishes[MANAGER_CASTS_MAX];
	size_t n_wishes;
};

/* manager-sleep.c */

int manager_sleep_init(struct manager *m);
void manager_sleep_on_over(struct manager *m, const struct manager_cast *c,
			   const struct cast_end *end);

/* manager-sinks.c */

/* Those of the configuration. */
int manager_add_plain_sinks(struct manager *m);
/* Without a radio, sinks with an address are what is left. */
void manager_open_radio(struct manager *m);
void manager_remove_sink(struct manager *m, struct manager_sink *sink);

#endif

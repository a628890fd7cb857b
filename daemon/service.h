/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * miracastd as the service: configuration, bus, manager, watchdog and signals, in this order.
 */
#ifndef MIRACAST_SERVICE_H
#define MIRACAST_SERVICE_H

struct sd_event;

/*
 * Runs the loop until SIGTERM or the loss of the bus; every session has then said good-bye. root is
 * put before the configuration's folders, "" for the system's. 0: asked to end; else -errno, and
 * one line was logged.
 */
int service_run(struct sd_event *event, const char *root, const char *media_program,
		const char *host_name);

#endif

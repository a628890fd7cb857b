/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's face on D-Bus: the manager's sinks and casts as objects, calls of clients to it.
 * org.miracastd1(5) is its documentation and is tested against it.
 */
#ifndef MIRACAST_BUS_BUS_H
#define MIRACAST_BUS_BUS_H

#include "manager.h"

struct bus;

struct bus_events {
	/* The message bus is gone; nobody can reach us any more. */
	void (*lost)(void *userdata);
	/* As manager_ops.idle. */
	void (*idle)(void *userdata);
};

extern const struct manager_ops bus_manager_ops; /* with the struct bus as userdata */

/* Connects to the system bus. */
int bus_new(struct sd_event *event, const struct bus_events *events, void *userdata,
	    struct bus **ret);

/* The objects appear, then the name: -EEXIST where another daemon has it. */
int bus_publish(struct bus *b, struct manager *m);

/* After ops.idle of a manager that was stopped for good: what is on its way to clients leaves. */
void bus_flush(struct bus *b);

struct bus *bus_free(struct bus *b);
DEFINE_CLEANUP(struct bus *, bus_free)

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of daemon/bus share; nobody else includes this.
 *
 *	bus.c		connection, name, object manager, what the manager tells
 *	bus-manager.c	the interface Manager: Discover, Monitor, agents, settings
 *	bus-sink.c	the interface Sink: Connect
 *	bus-session.c	the interface Session
 *	agent.c		who is asked for PINs
 *	authority.c	who may: polkit
 *	login.c		logind: sleep and the lid
 *	error.c		names of errors
 */
#ifndef MIRACAST_BUS_PRIVATE_H
#define MIRACAST_BUS_PRIVATE_H

#include "bus/bus.h"
#include "miracast/dbus.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define BUS_PATH_SIZE	    160
#define BUS_CHECKS_MAX	    64 /* questions to polkit under way */
#define BUS_CHECKS_EACH_MAX 8  /* for one client */
#define BUS_CLIENTS_MAX	    64 /* that discover, or monitor */
#define BUS_AGENTS_MAX	    16

/* The same as an object has on the bus; changes are found by comparing. */
struct bus_snapshot {
	struct session_status status; /* encoder and link_quality are not to be followed */
	char encoder[32], quality[8];
	const char *stage;
	struct media_mode modes[64];
	size_t n_modes;
	uint64_t rate_limit_bps;
};

struct bus_sink {
	struct bus *bus;
	struct manager_sink *sink;
	char path[BUS_PATH_SIZE];
	sd_bus_slot *slot;
};

struct bus_session {
	struct bus *bus;
	struct manager_cast *cast;
	char path[BUS_PATH_SIZE];
	sd_bus_slot *slot;
	struct bus_snapshot seen;
	sd_bus_message *call;	/* Connect, until it is answered */
	sd_bus_track *caller;	/* of it: when it goes, so does the attempt */
	sd_bus_slot *pin_slot;	/* an agent is asked */
};

/* A method call that waits for polkit. */
struct bus_check;

struct bus_login {
	sd_bus_slot *sleep_slot; /* PrepareForSleep */
	sd_bus_slot *owner_slot; /* logind comes and goes */
	sd_bus_slot *sleep_call, *lid_call;
	int sleep_fd; /* the delay inhibitor, -1: none */
	int lid_fd;   /* blocks the lid switch while a session runs */
};

struct bus {
	sd_event *event;
	sd_bus *bus;
	const struct bus_events *events;
	void *userdata;
	struct manager *manager;
	sd_bus_slot *object_manager_slot, *manager_slot, *disconnected_slot;
	struct bus_sink *sinks[MANAGER_SINKS_MAX];
	size_t n_sinks;
	struct bus_session *sessions[MANAGER_CASTS_MAX];
	size_t n_sessions;
	sd_bus_track *finders, *monitors;
	struct trial *trial; /* for trial_call */
	sd_bus_message *trial_call;
	struct bus_check *checks; /* a list */
	struct bus_login login;
	struct bus_agent *agents[BUS_AGENTS_MAX];
	size_t n_agents;
};

/* bus.c */

struct bus_sink *bus_find_sink(struct bus *b, const char *path);
struct bus_session *bus_find_session(struct bus *b, const char *path);

/* bus-manager.c, bus-sink.c, bus-session.c */

extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_sink_vtable[];
extern const sd_bus_vtable bus_session_vtable[];
int bus_manager_init(struct bus *b);
void bus_manager_transcribe(struct bus *b, const char *session, bool sent, const char *text,
			    size_t size);
int bus_session_begin(struct bus *b, struct manager_cast *cast);
/* The caller of Connect is answered when the attempt is decided; when it goes, the attempt ends. */
int bus_session_set_call(struct bus_session *s, sd_bus_message *call);
void bus_session_answer(struct bus_session *s, int error, const struct cast_end *end);
void bus_session_update(struct bus_session *s);
void bus_session_end(struct bus_session *s, const struct cast_end *end);
struct bus_session *bus_session_free(struct bus_session *s);

const char *bus_session_get_sink_path(const struct bus_session *s);

/* agent.c */

/* Handlers of RegisterAgent and UnregisterAgent. */
int bus_agent_register(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_agent_unregister(struct bus *b, sd_bus_message *m, sd_bus_error *error);
/* A PIN is wanted from the session's user; without an agent the attempt ends. */
void bus_agent_request(struct bus_session *s, bool was_wrong);
/* This one has to be entered at the sink. */
void bus_agent_display(struct bus_session *s, const char *pin);
void bus_drop_agents(struct bus *b);

/* authority.c */

/* Continues a method handler; error as in a handler. */
typedef int (*bus_then)(struct bus *b, sd_bus_message *m, sd_bus_error *error);

/*
 * Runs then() at once, or when polkit has agreed; else the caller gets an error. To be returned by
 * the handler. The object of the call may be gone when then() runs.
 */
int bus_authorize(struct bus *b, sd_bus_message *m, const char *action, bus_then then,
		  sd_bus_error *error);
void bus_drop_checks(struct bus *b);
/* The sender's user and process. */
int bus_get_sender(sd_bus_message *m, uid_t *ret_uid, pid_t *ret_pid);

/* login.c */

int bus_login_init(struct bus *b);
/* Sessions run, or none does any more. */
void bus_login_update(struct bus *b);
/* Everything has stopped: the computer may sleep. */
void bus_login_release(struct bus *b);
void bus_login_done(struct bus *b);

/* error.c */

/* The name by the errno, the message "STAGE: TEXT"; returns -error's errno for a handler. */
int bus_set_error(sd_bus_error *e, int error, const char *stage, const char *text);
/* For a cast that has ended, or never began. */
int bus_set_end(sd_bus_error *e, int error, const struct cast_end *end);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of miracastctl share: the commands, the options, how output is written, and the
 * service's objects as plain structs. miracastctl is a client like any other: it knows the bus API
 * (include/miracast/dbus.h, org.miracastd1(5)) and nothing of the daemon's inside.
 */
#ifndef MIRACAST_CTL_H
#define MIRACAST_CTL_H

#include "miracast/dbus.h"
#include "miracast/media.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* Documented in miracastctl(1). */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NO_SERVICE = 3,
	CTL_NOT_FOUND = 4, /* no such sink or session */
	CTL_NOT_AUTHORIZED = 5,
	CTL_NOT_CONNECTED = 6, /* the sink, the link or the encoder would not */
	CTL_CANCELLED = 7,
	CTL_PROBLEMS = 8, /* doctor found some */
};

struct ctl {
	sd_event *event;
	sd_bus *bus; /* NULL for commands that need none */
	bool json;
	bool is_terminal;
	const char *root; /* doctor: where the system's files are */
	int seconds;	  /* -1: not given */
	const char *mode, *encoder, *audio, *method; /* of connect; NULL: not given */
	bool all, once, live;
	int argc; /* of the command, behind its name */
	char **argv;
};

struct ctl_command {
	const char *name;
	const char *arguments; /* as in the help */
	const char *help;
	int min, max; /* arguments */
	bool needs_service;
	const char *options; /* long options that it takes besides the common ones, with spaces */
	int (*run)(struct ctl *c);
};

int ctl_list(struct ctl *c);
int ctl_connect(struct ctl *c);
int ctl_disconnect(struct ctl *c);
int ctl_status(struct ctl *c);
int ctl_stats(struct ctl *c);
int ctl_modes(struct ctl *c);
int ctl_limit(struct ctl *c);
int ctl_forget(struct ctl *c);
int ctl_monitor(struct ctl *c);
int ctl_doctor(struct ctl *c);

/* ---------------------------------------------------------------- output: output.c */

/* One line on standard error; with --json an object with the key "error". */
void ctl_set_json(bool on);
void ctl_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says what the service said, in the user's words, and returns the exit code for it. */
int ctl_fail(const sd_bus_error *error, int r);
/* A value for JSON, quoted and escaped. */
void ctl_json_string(const char *text);
/* A peer's words on a terminal: control characters replaced. */
void ctl_print_clean(const char *text);
/* In a column of that many characters, however many bytes they have. */
void ctl_print_column(FILE *out, const char *text, int width);
/* In place of what was shown before: on a terminal only, text ends with a line's end. */
void ctl_redraw(const char *text);

/* ---------------------------------------------------------------- objects: objects.c */

#define CTL_SINKS_MAX	 64
#define CTL_SESSIONS_MAX 8
#define CTL_MODES_MAX	 64
#define CTL_STEPS_MAX	 8

struct ctl_sink {
	char path[160], name[64], address[32], state[24], session[160];
	int signal;
	bool remembered;
};

struct ctl_step {
	char name[24];
	uint32_t p50, p99, max; /* microseconds since the desktop's flip */
};

struct ctl_session {
	char path[160], sink[160], state[24], stage[64], display[24], encoder[32], quality[16];
	char container[48];
	struct media_mode mode, modes[CTL_MODES_MAX];
	size_t n_modes;
	uint64_t bitrate, bitrate_limit;
	uint32_t media_restarts, owner;
	bool monitor, reduced, degraded;
	struct {
		uint64_t captured, encoded, dropped, late, idr, datagrams, bytes, send_errors;
		uint64_t connect_to_play_us;
		struct ctl_step path[CTL_STEPS_MAX];
		size_t n_path;
	} stats;
};

struct ctl_objects {
	char radio[16], radio_problem[256]; /* "absent": why */
	char version[32];		    /* the service's */
	struct ctl_sink sinks[CTL_SINKS_MAX];
	size_t n_sinks;
	struct ctl_session sessions[CTL_SESSIONS_MAX];
	size_t n_sessions;
};

/* 0, or the exit code after a line of complaint. */
int ctl_get_objects(struct ctl *c, struct ctl_objects *ret);

/* One object and its interfaces into the list: what InterfacesAdded carries. */
int ctl_read_object(sd_bus_message *m, struct ctl_objects *o);

/* What a user writes: name, address, or the last element of the path. NULL: nobody, or several. */
const struct ctl_sink *ctl_find_sink(const struct ctl_objects *o, const char *what);
/* A line that says why it was not found; CTL_NOT_FOUND. */
int ctl_miss_sink(const struct ctl_objects *o, const char *what);
const struct ctl_sink *ctl_get_sink(const struct ctl_objects *o, const char *path);
/* The members "sink", "sink_id" and "sink_address" of an object in JSON. */
void ctl_json_sink(const struct ctl_objects *o, const char *path);
/*
 * The session of that sink; with what NULL the only one. NULL: none, or none is the only one, and a
 * line was said.
 */
const struct ctl_session *ctl_find_session(const struct ctl_objects *o, const char *what);

/* A call without a result; 0 or an exit code after a line of complaint. */
int ctl_call(struct ctl *c, const char *path, const char *interface, const char *method,
	     const char *types, ...);

/* Whoever is asked for PINs from now on is this program's user. As ctl_call. agent.c */
int ctl_offer_agent(struct ctl *c);

/* A service that goes takes what it was asked with it: a line, *ret_result, and the loop's end. */
int ctl_end_with_service(struct ctl *c, int *ret_result);

/* Ctrl-C and SIGTERM end the loop with CTL_OK, or call the handler. */
int ctl_catch_signals(struct ctl *c, sd_event_signal_handler_t handler, void *userdata);

#endif

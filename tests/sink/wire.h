/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control connection's bytes: what goes out, when, and in which shape the profile wants it
 * (late, cut, in pieces, twice, with garbage around it), what comes in, and the log of both.
 * Knows no RTSP.
 */
#ifndef SINK_WIRE_H
#define SINK_WIRE_H

#include "profile.h"

#include <stdio.h>

struct wire;

enum wire_end {
	WIRE_OPEN,
	WIRE_CLOSED_BY_PEER,
	WIRE_CLOSED_BY_PROFILE,
	WIRE_FAILED,
};

/* Takes the connected, non-blocking socket. log may be NULL. */
int wire_new(int fd, struct profile *profile, FILE *log, uint64_t start_us, struct wire **ret);
struct wire *wire_free(struct wire *w);

/* Queues one of our messages; `joined` puts it into the same segment as the one before. */
int wire_send(struct wire *w, enum message_name name, const char *data, size_t len, uint64_t now_us,
	      uint64_t delay_us, bool joined);
/* Reads once; the bytes then wait at wire_input until wire_consume. */
void wire_read(struct wire *w, uint64_t now_us);
void wire_flush(struct wire *w, uint64_t now_us);
struct text wire_input(const struct wire *w);
void wire_consume(struct wire *w, size_t len);
/* Writes what came in (or what it begins with) to the log. */
void wire_log_input(struct wire *w, size_t len, uint64_t now_us);

short wire_events(const struct wire *w, uint64_t now_us); /* for poll() */
uint64_t wire_deadline(const struct wire *w); /* when wire_flush is due, UINT64_MAX = never */
int wire_fd(const struct wire *w);
enum wire_end wire_end(const struct wire *w, int *ret_error);
bool wire_is_silent(const struct wire *w);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How old the oldest byte is that waits in the socket: the queue of this host's own interface, which
 * on Wi-Fi is where a slow link shows first. The kernel tells how many bytes wait (SIOCOUTQ), we
 * remember when they went in. Pure.
 *
 * The kernel counts its own memory, up to twice the payload: ages are too high rather than too low.
 */
#ifndef MIRACAST_MEDIA_BACKLOG_H
#define MIRACAST_MEDIA_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#define BACKLOG_MARKS 64 /* one each 10 ms at most */

struct backlog {
	struct {
		uint64_t time_ns;
		uint64_t sent;
	} marks[BACKLOG_MARKS]; /* a ring, the newest before next */
	unsigned int next, n;
};

/* From time to time, before the age is asked for: what is marked seldom looks older than it is. */
void backlog_mark(struct backlog *b, uint64_t sent, uint64_t now_ns);

/* sent: bytes handed to the kernel so far; waiting: of them, still in the socket. */
uint64_t backlog_age_ns(struct backlog *b, uint64_t sent, size_t waiting, uint64_t now_ns);

#endif

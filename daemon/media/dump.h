/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One raw picture into a file, so that a test can compare what was captured with what a sink
 * decoded: a moving one, from the midst of the stream, and sent. Knows nothing of stages.
 */
#ifndef MIRACAST_MEDIA_DUMP_H
#define MIRACAST_MEDIA_DUMP_H

#include "miracast/media.h"

struct dump {
	int fd;		  /* the caller's; -1: not wanted, or done */
	uint64_t from_ns; /* time of the first picture; 0: none yet */
	uint64_t time_ns; /* of the picture chosen; 0: none yet */
	uint64_t pts;	  /* its PTS; 0: not known yet */
	bool written;
};

/* A new picture is about to leave: is it the one? Before anything of it is sent. */
void dump_choose(struct dump *d, const struct frame *f);

/* The chosen one, whose memory is to go to dump_write before it is released. */
bool dump_wants(const struct dump *d, const struct frame *f);
void dump_on_written(struct dump *d, int r);

/* It left with this PTS (90 kHz, 33 bits), or it was dropped: then another one is chosen. */
void dump_on_sent(struct dump *d, uint64_t time_ns, uint64_t pts);
void dump_on_dropped(struct dump *d, uint64_t time_ns);

/* The PTS once the file is complete, and 0 at any other time. Once. */
uint64_t dump_finish(struct dump *d);

/* f as binary PPM, the file's whole contents. 0; -EOPNOTSUPP: not readable by the CPU; -errno. */
int dump_write(int fd, const struct frame *f);

#endif

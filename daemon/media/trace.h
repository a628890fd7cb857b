/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When each picture passed each stage: a ring of the last ones, percentiles in the state that
 * outlives the process, and a USDT probe at each stage where sys/sdt.h was there at build time:
 *
 *	bpftrace -e 'usdt:./miracast-media:miracast:encoded { printf("%d %d\n", arg0, arg1); }'
 *
 * with arg0 the picture's number and arg1 CLOCK_MONOTONIC ns. Knows no stage's work. No allocation.
 */
#ifndef MIRACAST_MEDIA_TRACE_H
#define MIRACAST_MEDIA_TRACE_H

#include "media/protocol.h"

#define TRACE_FRAMES 64

/* In the order in which a picture passes them; one in slices has left in part before it is encoded. */
enum trace_stage {
	TRACE_READY,	 /* the desktop flipped to it, or asked for it again */
	TRACE_ACQUIRED,	 /* this process has it */
	TRACE_STARTED,	 /* the encoder's thread begins */
	TRACE_CONVERTED, /* where the encoder says so */
	TRACE_ENCODED,
	TRACE_FIRST_DATAGRAM, /* handed to the kernel */
	TRACE_LAST_DATAGRAM,
	TRACE_STAGES,
};

struct trace_frame {
	uint64_t time_ns; /* the picture's name: struct frame's time_ns; 0: an empty place */
	uint64_t number;
	uint64_t at_ns[TRACE_STAGES]; /* 0: not reached */
	bool own;		      /* our own picture */
	bool timed;		      /* a new picture of the desktop: counts for the percentiles */
	bool idr;
};

struct trace {
	struct stream_state *state; /* for the histograms */
	struct trace_frame frames[TRACE_FRAMES];
	unsigned int next;
};

/* A picture sets out; the oldest one is forgotten. */
void trace_begin(struct trace *t, const struct trace_frame *f);

/* The picture of this time has passed the stage; silently nothing for one that was forgotten. */
void trace_mark(struct trace *t, uint64_t time_ns, enum trace_stage stage, uint64_t at_ns);

/* NULL: forgotten. Valid until the next trace_begin. */
struct trace_frame *trace_find(struct trace *t, uint64_t time_ns);

#endif

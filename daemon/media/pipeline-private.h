/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pipeline's insides, shared by its files: pipeline.c, through which the data flows,
 * pipeline-control.c, which sets the stages up and obeys commands, and pipeline-tell.c, which tells
 * the daemon how it goes. Nobody else includes this.
 */
#ifndef MIRACAST_MEDIA_PIPELINE_PRIVATE_H
#define MIRACAST_MEDIA_PIPELINE_PRIVATE_H

#include "media/backlog.h"
#include "media/dump.h"
#include "media/pipeline-worker.h"
#include "media/pipeline.h"
#include "media/trace.h"
#include "stream/stream.h"

#define NEVER_NS UINT64_MAX
#define GRACE_NS (100 * NSEC_PER_MSEC) /* for the desktop, before our own picture is shown */

/* A picture that is ours until it is released to its source; source NULL: none, or it has been. */
struct held {
	struct source *source;
	struct frame frame;
	bool own; /* made by us */
	uint64_t acquired_ns;
};

struct pipeline {
	/* the stages, in the order of the data */
	struct source *desktop; /* NULL: none, or gone */
	struct source *notice;	/* our own picture */
	bool desktop_changed;	/* by what was done with it: it is worth asking */
	int desktop_poll;	/* its place in what pipeline_get_polls gave; -1: none */
	struct held waiting;	/* for the encoder; a newer picture takes its place */
	struct worker *encoder; /* in its thread */
	struct held encoding;	/* what the thread reads, and then encodes */
	struct stream *stream;

	struct stream_state *state;
	struct facts *facts;
	struct encoder_choice choice;
	const struct encoder_ops *back_end;
	bool may_demote; /* another back-end will do as well */
	bool no_import;	 /* it cannot read what the desktop's GPU makes: the CPU does */
	struct encoder_config config;
	bool anew; /* the encoder is broken: the next picture goes to another one */
	bool configured;
	bool streaming;
	bool started;	  /* once at least */
	bool first_frame; /* the fact is owed */
	bool own;	  /* our own picture is shown */
	int failed;	  /* -errno; the fact was sent */

	/* due times, CLOCK_MONOTONIC; NEVER_NS: not now */
	uint64_t again_ns; /* the present picture is wanted */
	uint64_t grace_ns; /* the desktop has until then to give one */
	uint64_t idr_ns;   /* the next picture from then on is an IDR */
	uint64_t rate_ns;  /* the next RATE fact */

	uint64_t part_ns;	    /* when the encoder began with the next part of its picture */
	unsigned int parts;	    /* of that picture, pushed so far, without the last one */
	uint64_t dropped_ns;	    /* time of the picture that the stream dropped last */
	uint64_t seen_number;	    /* of the picture captured last; 0: of this source none yet */
	uint64_t last_number;	    /* of the picture encoded last, likewise */
	uint64_t last_new_ns;	    /* when it came */
	uint64_t idr_paid_ns;	    /* until then IDRs on request are used up; see want_idr_soon */
	unsigned int repeats;	    /* of that picture */
	uint64_t still_ns;	    /* from one repetition to the next */
	uint64_t encoder_failed_ns; /* 0: never */
	uint64_t blocked_ns;	    /* last BLOCKED fact */
	uint64_t look_ns;	    /* from then on the network is looked at */
	struct backlog backlog;
	uint64_t video_bytes, stream_bytes; /* since, and at, the last RATE fact */
	struct trace trace;
	struct dump dump;
};

/* Where the stream calls back into pipeline.c. */
extern const struct stream_ops pipeline_stream_ops;

static inline uint64_t pipeline_period_ns(const struct pipeline *p)
{
	return NSEC_PER_SEC / p->config.format.mode.refresh_hz;
}

/* Facts, when they are due. */
void pipeline_tell_rate(struct pipeline *p, uint64_t now_ns);
void pipeline_tell_late(struct pipeline *p, const struct sender_frame *f);

/* From p->look_ns on, and before each picture. False: that would only wait behind others. */
bool pipeline_look_at_network(struct pipeline *p, uint64_t now_ns);

/* Sends the ERROR fact, once; returns r. */
int pipeline_fail(struct pipeline *p, enum media_stage stage, int r, const char *text);

/* The back-end is given up for x264, from the next picture on. False: there is nothing to try. */
bool pipeline_demote(struct pipeline *p, int r);

/*
 * The encoder is well, but not with buffers of the desktop's: another GPU may be the one that drew
 * them. Else the picture comes again, mapped.
 */
void pipeline_import_failed(struct pipeline *p, uint64_t now_ns);

/* Tells the desktop who reads its pictures. */
void pipeline_tell_reader(struct pipeline *p);

void pipeline_close_desktop(struct pipeline *p);

/* Gives the picture back to its source. */
void pipeline_release(struct pipeline *p, struct held *h);

/* Waits until the encoder's thread reads no picture; the stream flows meanwhile. */
void pipeline_quiesce(struct pipeline *p);

/* Whatever comes next is a new picture: an IDR, at once. */
void pipeline_begin_anew(struct pipeline *p, uint64_t now_ns);
void pipeline_show_own_picture(struct pipeline *p, uint64_t now_ns);

#endif

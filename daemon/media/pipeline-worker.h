/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The encoder in a thread of its own, so that the loop keeps its times (PCR, pacing, heartbeats)
 * however long a picture takes, and survives an encoder that never comes back long enough to say
 * so. One job at a time; the two threads take turns and share nothing but what is ready of the
 * present one: no lock is held while anybody works, and nothing is allocated for a frame.
 *
 * Everything here is called by the loop's thread. Knows encoders by their seam, nothing of streams.
 */
#ifndef MIRACAST_MEDIA_PIPELINE_WORKER_H
#define MIRACAST_MEDIA_PIPELINE_WORKER_H

#include "encode/encoder.h"
#include "util/cleanup.h"

struct worker;

enum worker_task {
	WORKER_ENCODE,
	WORKER_WARM_UP, /* encode, throw the result away, and begin with an IDR after it */
	WORKER_DUMP,	/* write the frame to dump_fd */
};

struct worker_job {
	enum worker_task task;
	struct frame frame; /* its memory is the worker's until it has read it */
	int dump_fd;

	/* The encoder as it should be; it is opened anew only where it cannot be adapted. */
	const struct encoder_ops *back_end;
	struct encoder_config config; /* on_part is the worker's */
	bool anew;		      /* the one there is broken */
	bool idr;
};

struct worker_result {
	enum worker_task task;
	int r;		       /* 1: a packet; 0: none; -errno */
	const char *what;      /* r < 0: a sentence */
	bool by_device;	       /* the CPU has not read the frame */
	bool fatal;	       /* r < 0, and another encoder of this kind would not help */
	struct packet packet;  /* or the last part of it; readable until the next job */
	uint64_t started_ns;   /* CLOCK_MONOTONIC */
	uint64_t converted_ns; /* 0: the encoder does not tell */
	uint64_t encoded_ns;
};

/* Of the job's access unit, but not the last. */
struct worker_part {
	struct packet packet; /* readable until the next job */
	uint64_t encoded_ns;
};

/* One encoder makes both: all but the sound. */
bool worker_same_format(const struct media_format *a, const struct media_format *b);

int worker_new(struct worker **ret);

/*
 * The thread ends and closes its encoder: NULL. One that hangs cannot be ended: w, and the frame
 * that it reads, stay as they are, and the process should exit.
 */
struct worker *worker_free(struct worker *w);
DEFINE_CLEANUP(struct worker *, worker_free)

/* Only while it is not busy. */
void worker_give(struct worker *w, const struct worker_job *job, uint64_t now_ns);

/* The frame's memory is not needed any more, though the job may last. */
bool worker_has_read(const struct worker *w);

/* The job's result, once. Until then the worker is busy. */
bool worker_take(struct worker *w, struct worker_result *ret);
bool worker_is_busy(const struct worker *w);

/*
 * The next part of the job's access unit; result.packet is the last one. To be asked for after
 * worker_take, whatever that said, and until there is none: all are there when the result is.
 */
bool worker_take_part(struct worker *w, struct worker_part *ret);

/* Readable when the frame has been read, and when a part or the result waits. */
int worker_get_fd(const struct worker *w);

/* When to ask whether it hangs; UINT64_MAX while it is not busy. */
uint64_t worker_get_deadline_ns(const struct worker *w);

/* The job has taken 500 ms and a picture's time, without what the thread had to wait for a core. */
bool worker_is_hung(struct worker *w, uint64_t now_ns);

#endif

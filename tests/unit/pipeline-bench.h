/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path between fakes: a source that gives what it is told, an encoder and a stream that
 * take notes, and a clock that only moves when the test says so. The fakes replace the real stages
 * at link time; the encoder's thread is the real one.
 */
#ifndef TESTS_UNIT_PIPELINE_BENCH_H
#define TESTS_UNIT_PIPELINE_BENCH_H

#include "media/pipeline-private.h"
#include "stream/stream.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WIDTH  64
#define HEIGHT 32
#define MS     NSEC_PER_MSEC

extern _Atomic uint64_t now; /* both threads move it */

struct bench_encoder {
	unsigned int opened, closed, submitted, idr_requests, rates;
	int failures;		    /* so many submits fail */
	int gate;		    /* >= 0: a submit waits for a byte from there */
	int late_gate;		    /* and an output, with its last part */
	bool idr, skip, parts_fail; /* the last: once, behind the first part */
	bool imports, blind;	    /* takes dma-bufs alone; does not, after all */
	uint8_t parts;		    /* of each access unit, 2 ms apart; 0: it comes whole */
	struct frame last;
	struct encoder_config config;
};

extern struct bench_encoder enc;

struct bench_network {
	struct stream_numbers numbers;
	const struct stream_ops *ops;
	void *userdata;
	unsigned int pushed, idrs, parts, abandoned, flushed;
	uint64_t pushed_ns[64];
	uint64_t queue_age_ns, late_ns, pts, flush_ns; /* the last: which a flush takes */
	size_t socket_bytes;
	bool refuse;
	int push_error, fd;
};

extern struct bench_network net;

struct bench_source {
	struct source source;
	uint64_t number; /* of the present picture, 0: none */
	bool fresh;	 /* not given yet */
	int error;
	unsigned int acquired, held, asked;
	bool closed;
	bool by_device;
	uint16_t width;
	uint32_t pixels[WIDTH * HEIGHT];
};

extern struct bench_source src;

struct bench {
	struct stream_state state;
	struct facts facts;
	struct pipeline *pipeline;
	int control;
};

extern struct bench b;

/* All of it anew; dump_fd as for pipeline_new. And the end: nothing stays open. */
void bench_begin_with(int dump_fd);
void bench_end(void);

int bench_configure(void);

/* Configured and started, with this source. */
void bench_stream_from(struct source *s);

/* All of that, with the bench's source and no dump: how most tests begin. */
void bench_begin(void);

/* The source's next picture. */
void bench_show(uint64_t number);

/* Time stands still until the encoder's thread has nothing more to do. */
int bench_settle(void);

/* Time goes by as the loop would see it: from deadline to deadline. */
int bench_run_for(uint64_t ns);

/* One turn of the loop, a millisecond later. */
void bench_run_once(void);

/* Reads all facts; *ret is the last one of that type. */
unsigned int bench_count_facts(enum media_type type, union media_message *ret);

/* An encoder that takes its time, until it is let go on: a byte for each submit (or output). */
int bench_close_gate(void);
int bench_close_late_gate(void); /* of outputs alone */
void bench_open_gate(int fd, const char *bytes);

#endif

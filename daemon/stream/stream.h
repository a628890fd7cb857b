/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stage from the access unit to the network, as the pipeline sees it:
 *
 *	packet -> ts_write -> (queue, pace) -> ts_depart, rtp_depart -> sendmsg
 *
 * and between pictures PSI and PCR by the clock. Knows when a stamp is due, nothing of pictures.
 * No thread, no clock of its own, no allocation after stream_new.
 */
#ifndef MIRACAST_STREAM_STREAM_H
#define MIRACAST_STREAM_STREAM_H

#include "miracast/media.h"
#include "stream/sender.h"
#include "stream/ts.h"
#include "util/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;

/*
 * The numbers that outlive this process, in the caller's memory (struct stream_state). They are
 * advanced before a batch of at most SENDER_BATCH datagrams is sent. The pointers stay valid for
 * the stream's life.
 */
struct stream_numbers {
	uint32_t ssrc;
	bool successor; /* another process has streamed on them before */
	uint16_t *rtp_sequence;
	uint8_t *continuity; /* TS_STREAMS of them */
	uint64_t *last_pts;
	uint64_t *datagrams; /* counters, which only grow */
	uint64_t *bytes;
	uint64_t *send_errors;
};

/* Called from within stream_push, stream_push_audio and stream_flush; none may call back in. */
struct stream_ops {
	/*
	 * Of pictures only. The first datagram of this access unit, or of this part of it, is
	 * handed to the kernel right after the return. Once a part; part 0 has the PTS, and how
	 * far that was moved because the picture is late (f->late_ns; 0: it is not).
	 */
	void (*on_first_datagram)(void *userdata, const struct sender_frame *f);

	/*
	 * Its last datagram has been. f->lost: how many of its datagrams the kernel refused. Of the
	 * last of several parts, f->late_ns tells that it is late (see timing.h) though the first
	 * was not.
	 */
	void (*on_last_datagram)(void *userdata, const struct sender_frame *f);

	/* The picture was given up; see sender.h. The encoder owes an IDR. */
	void (*on_dropped)(void *userdata, const struct sender_frame *f);
};

int stream_new(const struct stream_numbers *numbers, const struct stream_ops *ops, void *userdata,
	       struct stream **ret);
struct stream *stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free)

/* What PMT and PES say. Before the first push, and on each change. */
void stream_set_format(struct stream *s, const struct media_format *format);

/*
 * The pace; see sender.h. A good choice for a video of bps bits a second at hz pictures: rate 4 *
 * bps, so that an IDR of four pictures' budget leaves within one picture's time, and a burst of
 * 1.5 * bps / 8 / hz bytes, so that an ordinary picture leaves at once.
 */
void stream_set_rate(struct stream *s, uint64_t pace_bps, uint32_t burst_bytes);

/* START and PAUSE: takes ownership of the connected UDP socket fd in any case; -1: pause. */
int stream_set_socket(struct stream *s, int fd);

/*
 * One access unit, or the next part of one: written, queued, and sent as far as the pace allows. The
 * packet's memory is not read after the return. 0; -ENOTCONN without a socket; -ENOBUFS when it was
 * dropped (on_dropped was called, now or for an earlier part: request an IDR); else what
 * stream_flush returns. A picture that is sent again comes with the time of sending it again.
 */
int stream_push(struct stream *s, const struct packet *p, uint64_t now_ns);

/* The last part will not come: what has not left of the picture is dropped without a word. */
void stream_abandon(struct stream *s);

/* Sound: whole ADTS frames, or LPCM units of 320 bytes (see ts.h); p->idr is ignored. */
int stream_push_audio(struct stream *s, const struct packet *p, uint64_t now_ns);

/*
 * At the deadline, and when the socket is writable again. 0, or -ENETDOWN, -ENETUNREACH: the
 * network is gone.
 */
int stream_flush(struct stream *s, uint64_t now_ns);

/* CLOCK_MONOTONIC ns at which to call stream_flush; UINT64_MAX: never. */
uint64_t stream_get_deadline_ns(const struct stream *s);

/* Poll the socket for POLLOUT and call stream_flush then. The descriptor is borrowed. */
bool stream_wants_pollout(const struct stream *s);
int stream_get_fd(const struct stream *s);

/* For BLOCKED, and for not encoding a picture while the one before still waits. */
void stream_get_queue(const struct stream *s, uint64_t now_ns, struct sender_queue *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UDP socket and the queue in front of it: datagrams leave in groups (UDP GSO, else sendmmsg)
 * at a pace that the link can swallow. Knows nothing of what is in a datagram: that is told by the
 * stage above, which is asked to finish each group right before it leaves.
 *
 * Pace: what a bucket of burst_bytes holds leaves at once, the rest in groups of about a
 * millisecond at the pace's rate. An ordinary picture fits the bucket, an IDR is spread.
 *
 * The queue is bounded by its slots and by age: when a frame is pushed while the oldest one has
 * waited for SENDER_AGE_MAX_NS, every picture that has not begun to leave is given up, and
 * pictures, this one first, are refused until an IDR comes. So it is after a new socket, too. A
 * picture that has begun is always finished: what is pushed of it later follows its first part,
 * into the network or away. Sound is never given up for its age.
 *
 * Nothing here allocates after sender_init.
 */
#ifndef MIRACAST_STREAM_SENDER_H
#define MIRACAST_STREAM_SENDER_H

#include "stream/rtp.h"
#include "util/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENDER_SLOTS	    4096 /* datagrams: 5.4 MB, of which the first few are used as a rule */
#define SENDER_FRAMES	    128	 /* frames in the queue, or parts of them */
#define SENDER_BATCH	    48	 /* datagrams in one send: 64 KB and 64 segments are GSO's limits */
#define SENDER_AGE_MAX_NS   (250 * NSEC_PER_MSEC)
#define SENDER_GROUP_NS	    (1 * NSEC_PER_MSEC)

/* A frame's datagrams, as they wait and leave. */
struct sender_frame {
	/* from the one who pushes */
	uint64_t number;
	uint64_t time_ns; /* of the picture; CLOCK_MONOTONIC */
	bool video;	  /* may be given up */
	bool idr;
	uint8_t part, parts; /* of the picture; see struct packet */
	uint64_t rest_ns;    /* until the last of them is pushed, about */
	uint8_t *pts_at;     /* the pusher's own; of part 0 */

	/* told at departure by the stage above */
	uint64_t pts;	  /* 90 kHz, not wrapped */
	uint64_t late_ns; /* 0: in time */

	/* the queue's own */
	uint64_t pushed_ns;
	unsigned int first; /* slot */
	unsigned int count; /* datagrams */
	unsigned int gone;  /* of them, handed to the kernel or refused by it */
	unsigned int lost;  /* of them, refused */
	size_t last_size;   /* bytes of the last datagram */
	bool given_up;
};

struct sender_ops {
	/*
	 * These count datagrams, one behind the other, are sent for the first time right after the
	 * return: the place for numbers and times. All are RTP_DATAGRAM_SIZE long but the last,
	 * last_size. f->gone is 0 for the frame's first; f is NULL for housekeeping.
	 */
	void (*on_depart)(void *userdata, struct sender_frame *f, uint8_t *datagrams,
			  unsigned int count, size_t last_size, uint64_t now_ns);

	/* The last datagram of the frame, or of this part of it, has been handed to the kernel. */
	void (*on_sent)(void *userdata, struct sender_frame *f, uint64_t now_ns);

	/*
	 * The picture was given up or refused, and nothing of it was sent, or not all of it, where
	 * there is no room for a later part. Once a picture; an IDR is needed.
	 */
	void (*on_dropped)(void *userdata, const struct sender_frame *f, uint64_t now_ns);
};

/* Cumulative; all grow only. */
struct sender_counters {
	uint64_t datagrams; /* taken by the kernel */
	uint64_t bytes;	    /* of them, UDP payload */
	uint64_t errors;    /* datagrams that the kernel refused */
	uint64_t sends;	    /* system calls */
};

struct sender {
	const struct sender_ops *ops;
	void *userdata;
	int fd;		     /* -1: none */
	bool gso;	     /* UDP_SEGMENT works here; false after the first refusal */
	bool blocked;	     /* the socket is full: wait for POLLOUT */
	bool needs_idr;	     /* pictures are refused until one comes */
	bool drops_rest;     /* of the picture pushed last, parts are thrown away */
	uint64_t blocked_ns; /* since when */

	uint64_t rate_bps; /* 0: unpaced */
	uint64_t burst_ns; /* the bucket in time at that rate */
	uint64_t paced_ns; /* when what has left would have left at exactly that rate */

	uint8_t *slots;
	unsigned int slot_next; /* the first free one */
	unsigned int slots_used;
	unsigned int ready; /* datagrams of the head frame that have departed but were not taken */

	struct sender_frame frames[SENDER_FRAMES];
	unsigned int frame_first, frame_count;
	size_t queued_bytes;

	uint8_t *urgent;    /* one slot for housekeeping */
	size_t urgent_size; /* of one that waits; 0: none */

	struct sender_counters counters;
};

int sender_init(struct sender *s, const struct sender_ops *ops, void *userdata);
void sender_done(struct sender *s);

/*
 * From now on through fd, a connected UDP socket that becomes the sender's (also on failure); -1:
 * none, and what waits is thrown away without a word. Sets O_NONBLOCK, SO_SNDBUF, TOS 0xA0 (AC_VI).
 */
int sender_set_socket(struct sender *s, int fd);

/*
 * rate_bps: what a frame's datagrams are spread over beyond the bucket, 0: no pacing. burst_bytes:
 * the bucket; 0: 4 ms of rate_bps. At least 16 datagrams. Takes effect at once.
 */
void sender_set_rate(struct sender *s, uint64_t rate_bps, uint32_t burst_bytes);

/* No more parts of the picture pushed last will come: what of it has not left does not. */
void sender_abandon(struct sender *s);

/* Whether a part of a picture would be thrown away: the parts before it were. */
bool sender_drops(const struct sender *s, const struct sender_frame *f);

/* The free room of the queue, to be filled with one frame or a part, and pushed or forgotten. */
struct rtp_run sender_reserve(struct sender *s);

/*
 * Queue a frame whose datagrams are in run. 0; -ENOTCONN: no socket, -ENOBUFS: refused (on_dropped
 * was called, now or for an earlier part). Nothing is sent before sender_flush.
 */
int sender_push(struct sender *s, const struct rtp_run *run, const struct sender_frame *f,
		uint64_t now_ns);

/* A picture, or part of one, could not even be written into the reserved room: it is refused. */
void sender_refuse(struct sender *s, const struct sender_frame *f, uint64_t now_ns);

/*
 * One datagram of at most RTP_DATAGRAM_SIZE, ahead of the queue and beyond the pace: room, then
 * send. The room is an empty run when the socket is blocked.
 */
struct rtp_run sender_reserve_urgent(struct sender *s);
int sender_send_urgent(struct sender *s, const struct rtp_run *run, uint64_t now_ns);

/*
 * Send what may leave now. 0, or a -errno that no later call can heal: -ENETDOWN, -ENETUNREACH (the
 * datagrams are counted as errors and the queue goes on).
 */
int sender_flush(struct sender *s, uint64_t now_ns);

/* When to flush again; UINT64_MAX: nothing waits, or only for the socket (sender_is_blocked). */
uint64_t sender_get_deadline_ns(const struct sender *s);

/* The loop waits for POLLOUT and then flushes. */
static inline bool sender_is_blocked(const struct sender *s)
{
	return s->blocked;
}

/* How long the pace alone takes for size bytes from now on. */
uint64_t sender_get_drain_ns(const struct sender *s, size_t size, uint64_t now_ns);

/* How long the oldest frame has waited; bytes in the queue; bytes in the socket. */
struct sender_queue {
	uint64_t age_ns;
	size_t bytes;
	size_t socket_bytes;
};

void sender_get_queue(const struct sender *s, uint64_t now_ns, struct sender_queue *ret);

#endif

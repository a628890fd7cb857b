/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wall between miracastd and miracast-media: the file descriptors a media process is born with,
 * the messages on its control socket, and the state that outlives it.
 *
 * The control socket is SOCK_SEQPACKET: one message a packet, a fixed struct that starts with
 * struct media_header. Commands go to media, facts come from it. The first message in each
 * direction carries the protocol's version: the two programs are installed together, a difference
 * means a broken installation and ends the process. The daemon treats every fact as untrusted
 * input: media_fact_check() is the one gate.
 *
 * Life of a process: spawned in Create -> CAPS -> CONFIGURE -> SET_SOURCE -> START -> FIRST_FRAME,
 * CHUNKs ... -> PAUSE / START -> QUIT. It ends at QUIT, at the end of the socket, and with its
 * parent (PR_SET_PDEATHSIG).
 */
#ifndef MIRACAST_MEDIA_PROTOCOL_H
#define MIRACAST_MEDIA_PROTOCOL_H

#include "miracast/media.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIA_PROTOCOL_VERSION 3

/* Descriptors at birth; nothing else is inherited and nothing is opened later. */
#define MEDIA_FD_CONTROL 3 /* SOCK_SEQPACKET, this protocol */
#define MEDIA_FD_STATE	 4 /* memfd, struct stream_state */
#define MEDIA_FD_INPUT	 5 /* the clip of the y4m source; /dev/null otherwise */
#define MEDIA_FD_DUMP	 6 /* --dump-frame's file; /dev/null otherwise */

#define MEDIA_HEARTBEAT_MS  500	 /* a HEARTBEAT this often, whatever else is going on */
#define MEDIA_BIRTH_MS	    5000 /* no CAPS for this long after the start: hung */
#define MEDIA_HUNG_MS	    2000 /* no HEARTBEAT for this long: hung, replaced */
#define MEDIA_STILL_HZ_MAX  10
#define MEDIA_TEXT_SIZE	    128
#define MEDIA_MESSAGE_SIZE  512 /* no message is larger */

enum media_source {
	MEDIA_SOURCE_PATTERN, /* a moving desktop-like picture with the stamp of stamp.h */
	MEDIA_SOURCE_Y4M,     /* YUV4MPEG2 from MEDIA_FD_INPUT */
	MEDIA_SOURCE_DEVICE,  /* the kernel module's stream fd, which comes with SET_SOURCE */
};

enum media_encoder {
	MEDIA_ENCODER_AUTO,
	MEDIA_ENCODER_VAAPI,
	MEDIA_ENCODER_X264,
};

enum media_type {
	/* commands, daemon to media */
	MEDIA_CONFIGURE = 1,
	MEDIA_START,
	MEDIA_PAUSE,
	MEDIA_SET_RATE,
	MEDIA_REQUEST_IDR,
	MEDIA_SET_SOURCE,
	MEDIA_QUIT,
	/* facts, media to daemon */
	MEDIA_CAPS = 64,
	MEDIA_FIRST_FRAME,
	MEDIA_CHUNK,
	MEDIA_RATE,
	MEDIA_BLOCKED,
	MEDIA_DEMOTED,
	MEDIA_LATE,
	MEDIA_ERROR,
	MEDIA_HEARTBEAT,
};

struct media_header {
	uint16_t type; /* enum media_type */
	uint16_t version;
	uint32_t size; /* of the whole message, header included */
};

/*
 * CONFIGURE: what the negotiation settled. Sent before the first START and on every later change;
 * frames of another size than the mode's are scaled or dropped until the source delivers the new
 * one. The next access unit is an IDR.
 */
struct media_configure {
	struct media_header header;
	struct media_format format;
	uint8_t still_hz; /* so often is a resting picture repeated; 0: as the standard has it */
	uint8_t intra_refresh; /* 1: a wave of intra macroblocks, where the encoder can do it */
	uint16_t reserved;
	uint64_t rate_bps;	  /* of the video elementary stream */
	uint32_t max_frame_bytes; /* the largest access unit, 0: no limit of its own */
	uint32_t encoder;	  /* enum media_encoder */
};

/*
 * START: stream. Carries one descriptor, the RTP socket: UDP, bound, connected to the sink, made by
 * the daemon. Each START brings it anew; media closes the one before. Also resumes after PAUSE.
 */
struct media_start {
	struct media_header header;
	uint32_t flags; /* 0 */
	uint32_t reserved;
};

/* SET_RATE: takes effect without an IDR. */
struct media_set_rate {
	struct media_header header;
	uint64_t rate_bps;
	uint32_t max_frame_bytes;
	uint32_t reserved;
};

/*
 * SET_SOURCE: where frames come from. For MEDIA_SOURCE_DEVICE it carries one descriptor, the
 * stream fd; without one the device source has no picture (the compositor is gone) and media shows
 * its own.
 */
struct media_set_source {
	struct media_header header;
	uint32_t source;      /* enum media_source */
	uint16_t refresh_hz;  /* pattern: frames a second, 0: the mode's */
	uint16_t reserved;
	uint16_t fit_width; /* device: its pictures have this size and are fitted into the mode; */
	uint16_t fit_height; /* 0: only those in the mode's own size count */
	char text[MEDIA_TEXT_SIZE]; /* the line on the source's own picture, UTF-8, NUL-terminated */
};

/* PAUSE, REQUEST_IDR and QUIT are bare headers. */

/* CAPS: the first fact; the result of the trial encode. */
struct media_caps {
	struct media_header header;
	char encoder[32];	/* "x264", "vaapi" */
	uint32_t profiles;	/* bit per enum media_profile */
	uint8_t max_level_idc;
	uint8_t reserved[3];
	uint32_t max_width;	/* pixels */
	uint32_t max_height;
	uint32_t max_pixel_rate; /* pixels a second that it encodes in real time */
	uint32_t source_width;	 /* the y4m clip's size and rate; 0: any */
	uint32_t source_height;
	uint32_t source_refresh_hz;
};

/* FIRST_FRAME: the first access unit since START, or its first part, goes to the network now. */
struct media_first_frame {
	struct media_header header;
	uint64_t time_us; /* CLOCK_MONOTONIC */
	uint32_t own_picture; /* 1: the source's own picture, 0: the desktop, the pattern, the clip */
	uint32_t reserved;
};

/* The contract's statistics; see struct session_chunk, which this becomes. */
enum media_chunk_kind {
	MEDIA_CHUNK_FRAME_START,
	MEDIA_CHUNK_CONVERTED,
	MEDIA_CHUNK_ENCODED,
	MEDIA_CHUNK_SENT,
	MEDIA_CHUNK_DROPPED,
};

struct media_chunk {
	struct media_header header;
	uint32_t kind; /* enum media_chunk_kind */
	uint32_t part; /* the last part of a frame has number 0 */
	uint64_t frame;
	uint32_t processing_us;
	uint32_t rate_kbps;
	uint64_t time_us; /* CLOCK_MONOTONIC of the step */
};

/* RATE: what the encoder really produced over the last second. */
struct media_rate {
	struct media_header header;
	uint64_t video_bps;
	uint64_t stream_bps; /* all datagrams, UDP payload */
};

/* BLOCKED: the socket or the pacing queue has not taken data for queued_us. */
struct media_blocked {
	struct media_header header;
	uint32_t queued_us;
	uint32_t queued_bytes;
};

/* DEMOTED: a back-end was given up for another one. */
struct media_demoted {
	struct media_header header;
	char from[32];
	char to[32];
	char text[MEDIA_TEXT_SIZE];
};

/* LATE: a frame left after its PTS - 5 ms and was re-stamped. */
struct media_late {
	struct media_header header;
	uint64_t frame;
	uint32_t late_us;
	uint32_t reserved;
};

enum media_stage {
	MEDIA_STAGE_START,
	MEDIA_STAGE_CAPTURE,
	MEDIA_STAGE_CONVERT,
	MEDIA_STAGE_ENCODE,
	MEDIA_STAGE_SEND,
	MEDIA_STAGE_INPUT_END, /* the clip is over: not a fault */
};

/* ERROR: media cannot go on; it exits after sending it. */
struct media_error {
	struct media_header header;
	uint32_t stage; /* enum media_stage */
	int32_t error;	/* negative errno */
	char text[MEDIA_TEXT_SIZE];
};

struct media_heartbeat {
	struct media_header header;
	uint64_t time_us;
	uint64_t rss_bytes; /* 0: unknown */
};

union media_message {
	struct media_header header;
	struct media_configure configure;
	struct media_start start;
	struct media_set_rate set_rate;
	struct media_set_source set_source;
	struct media_caps caps;
	struct media_first_frame first_frame;
	struct media_chunk chunk;
	struct media_rate rate;
	struct media_blocked blocked;
	struct media_demoted demoted;
	struct media_late late;
	struct media_error error;
	struct media_heartbeat heartbeat;
	uint8_t bytes[MEDIA_MESSAGE_SIZE];
};

/*
 * What the stream is made of, in a memfd of the daemon: a successor of a dead media process goes on
 * from here. Written by media alone, and in this order: the numbers are advanced before a batch is
 * sent, so that a sequence number is never used twice; at most one batch looks lost. PTS, PCR and
 * RTP time derive from CLOCK_MONOTONIC and need no state.
 */
#define STREAM_STATE_MAGIC   0x4d435354u
#define STREAM_BATCH_MAX     64 /* datagrams */
#define STREAM_PIDS	     4	/* in the order of enum stream_pid */
#define LATENCY_BUCKETS	     160
#define STREAM_ENCODER_CACHE 64 /* bytes */

enum stream_pid {
	STREAM_PID_PAT,
	STREAM_PID_PMT,
	STREAM_PID_VIDEO,
	STREAM_PID_AUDIO,
};

/*
 * Times in logarithmic buckets, eight to the doubling: bucket b holds times from
 * 2^(b/8) to 2^((b+1)/8) microseconds, so percentiles are right within 9 %.
 */
struct latency_histogram {
	uint32_t buckets[LATENCY_BUCKETS];
	uint32_t max_us;
	uint32_t count;
};

struct stream_state {
	uint32_t magic;
	uint32_t ssrc;
	uint16_t rtp_sequence; /* of the next datagram */
	uint8_t continuity[STREAM_PIDS]; /* of the next packet with payload, 0 to 15 */
	uint16_t generation;   /* media processes that have streamed on this state so far */
	uint64_t last_pts;     /* 90 kHz, not wrapped, of the last access unit; 0: none */

	/* counters for the report; they only grow */
	uint64_t frames_captured;
	uint64_t frames_encoded;
	uint64_t frames_dropped;
	uint64_t frames_late;
	uint64_t idr_frames;
	uint64_t datagrams;
	uint64_t bytes;		   /* UDP payload */
	uint64_t send_errors;	   /* datagrams that the socket refused */
	uint64_t raw_bytes_copied; /* pixels read by the CPU on their way to the encoder */
	uint64_t dumped_pts;	   /* 90 kHz modulo 2^33, of the frame in MEDIA_FD_DUMP; 0: none */
	/* of new pictures of the desktop, from the flip to ...; IDRs have the last one for themselves */
	struct latency_histogram ready_to_acquired;
	struct latency_histogram ready_to_started; /* the encoder's thread begins */
	struct latency_histogram ready_to_converted;
	struct latency_histogram ready_to_encoded;
	struct latency_histogram ready_to_first_datagram;
	struct latency_histogram ready_to_last_datagram;
	struct latency_histogram idr_ready_to_last_datagram;
	struct latency_histogram beside_encoder; /* from acquired on, without the encoder's part */

	/* What the trial of the encoders found, in its own words: a successor need not try again. */
	uint8_t encoder_cache[STREAM_ENCODER_CACHE];
};

/* Times and percentiles; pure. per_mille 500 is the median. */
void latency_add(struct latency_histogram *h, uint64_t us);
uint32_t latency_percentile(const struct latency_histogram *h, unsigned int per_mille);

/* Fills in the header of a message of this type; size is sizeof its struct. */
void media_header_init(struct media_header *h, enum media_type type, size_t size);

/*
 * Whether size bytes are a well-formed command or fact of this version: known type, exact size,
 * enumerations in range, strings terminated. 0, -EPROTONOSUPPORT for another version, or -EBADMSG.
 */
int media_command_check(const union media_message *m, size_t size);
int media_fact_check(const union media_message *m, size_t size);

/*
 * One message with at most one descriptor over the socket. Send: 0 or -errno, fd is borrowed, -1
 * for none. Receive: the size of the message, 0 at the end of the socket, -EAGAIN, -errno; *ret_fd is
 * the caller's to close, -1 where none came.
 */
int media_send(int socket, const struct media_header *m, int fd);
int media_receive(int socket, union media_message *ret, int *ret_fd);

#endif

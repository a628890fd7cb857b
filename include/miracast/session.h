/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session contract: Create, Start, Stop, Destroy, and the calls back.
 *
 * One session is one sink showing one display. The contract follows the published interface of
 * user-mode Miracast drivers (Microsoft, "Wireless displays (Miracast)" in the display driver design
 * guide, headers netdispumdddi.h and dispmprt.h), in our own words and with Linux's means. The
 * reference behind a rule stands in brackets: [R4] is rule 4 of docs/contract.md.
 *
 *	session_create    claims a head, spawns the media process; no network, nothing plugged
 *	session_start     negotiates over a connected RTSP socket; asynchronous
 *	session_stop      ends the stream and tells the sink; asynchronous
 *	session_destroy   releases everything; unplugs at once; synchronous
 *
 *	            create              start                 ops.started(0)
 *	  (nothing) ------> STOPPED --------> START_PENDING ------------------> STARTED
 *	                      ^ ^                |      |                          |
 *	                      | | started(error) |      | stop                     | stop
 *	                      | +----------------+      v                          v
 *	                      +------------------- STOP_PENDING <------------------+
 *	                         ops.stopped
 *
 * Threads: one. Every function is called on the thread that called session_create, which runs the
 * loop given to it, and every call back is made on it; an assertion holds it. [R1, R5]
 *
 * Two kinds of calls back. started, stopped and ended are news: posted through the loop, never from
 * inside the function that caused them, each exactly once, and the owner may call everything in
 * them, session_destroy included. The others are notes: made at the moment of what they tell, also
 * from inside a call, and nothing but the look-ups at the end may be called in them. [R10, R11]
 *
 * Errors are negative errno values; the meaning of each is listed at its function. A session that
 * fails after Start says so once through ops.ended, then waits for Stop and Destroy. [R11]
 *
 * Units: rates are bit/s except session_chunk.rate_kbps; times are microseconds of CLOCK_MONOTONIC.
 */
#ifndef MIRACAST_SESSION_H
#define MIRACAST_SESSION_H

#include "miracast/media.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_STOP_LIMIT_MS	 3000 /* Stop, whatever sink or driver do [R9] */
#define SESSION_DESTROY_LIMIT_MS 3000
#define SESSION_TEARDOWN_MS	 1500 /* of Stop's time, for the sink to say good-bye */
#define SESSION_CAPS_MS		 3000 /* for the media process to tell what it can encode */

/* Of a running session; MIRACAST_TIME_SCALE stretches these as well. */
#define SESSION_OFF_GRACE_MS 1000  /* from "off" until the sink sleeps */
#define SESSION_OFF_HINT_MS  10000 /* plugged and not switched on: the user is told */
#define SESSION_DEGRADE_MS   2000  /* below the mode's floor: a lower mode, where there is one */
#define SESSION_BANDWIDTH_MS 5000  /* below the mode's floor: the end */
#define SESSION_RECOVER_MS   10000 /* a quarter above the better mode's floor: back to it */
#define SESSION_IDR_MS	     2000  /* from IDR to IDR for a sink that never asks for one */
#define SESSION_IDR_RARE_MS  60000 /* ... that does not say whether it will, from EARLY on */
#define SESSION_IDR_EARLY_MS 10000 /* after PLAY */

struct sd_event;
struct session;
struct stream_state;

/* The values are those of D3DKMT_MIRACAST_DISPLAY_DEVICE_STATE. */
enum session_state {
	SESSION_STOPPED = 0,
	SESSION_START_PENDING = 1,
	SESSION_STARTED = 2,
	SESSION_STOP_PENDING = 3,
};

/* Why a session ended. Values up to 5 are those of MIRACAST_STATUS; every report is final. */
enum session_end_reason {
	SESSION_END_CRITICAL = 0,	   /* encoder, device or socket failed beyond repair */
	SESSION_END_MISSING_KEEPALIVE = 1, /* the sink did not answer M16, or fell silent */
	SESSION_END_SINK_REQUEST = 2,	   /* M8 from the sink */
	SESSION_END_BANDWIDTH = 3,	   /* the link does not carry the present mode any more */
	SESSION_END_MODE = 4,		   /* the sink refused a standard mode */
	SESSION_END_COMPANION = 5,	   /* the kernel module went away */
	SESSION_END_USER = 64,		   /* the owner stopped it; never reported, only recorded */
	SESSION_END_SOURCE = 65,	   /* the clip is over */
};

/* Where something failed: the word a user is told. */
enum session_stage {
	SESSION_STAGE_CREATE,  /* head, media process */
	SESSION_STAGE_RTSP,    /* M1 to M7, or the connection */
	SESSION_STAGE_MODE,    /* no mode that sink, encoder and rate all carry */
	SESSION_STAGE_DISPLAY, /* plug, mode messages */
	SESSION_STAGE_CAPTURE,
	SESSION_STAGE_CONVERT,
	SESSION_STAGE_ENCODE,
	SESSION_STAGE_SEND,
	SESSION_STAGE_STREAMING, /* after PLAY: keep-alive, tear-down */
};

/*
 * What the link knows when Start is called (MIRACAST_WFD_CONNECTION_STATS). All in bit/s; 0 means
 * unknown for the two maxima, and is invalid for current_bps.
 */
struct session_link_stats {
	uint64_t current_bps;	 /* recommended for the stream now */
	uint64_t local_max_bps;	 /* of our radio */
	uint64_t remote_max_bps; /* of the sink's, from its WFD information element */
};

/* What Start found out (MIRACAST_SESSION_INFO). */
struct session_info {
	bool monitor_connected; /* a monitor is behind the sink: M3 had usable video formats */
	bool reduced_mode_list; /* modes were left out because the rate cannot carry them */
};

/* One report a second (MIRACAST_DATARATE_STATS). Counts are since the report before. [R13] */
struct session_data_rate {
	uint64_t encoder_bps;	 /* recommended */
	uint64_t max_tx_bps;	 /* the radio's theoretical maximum now */
	uint32_t transmitted;	 /* Wi-Fi frames that went out at the first try */
	uint32_t failed;	 /* that used up all retries */
	uint32_t retried;	 /* that went out after one retry */
	uint32_t multiple_retry; /* that went out after more than one */
};

/*
 * A step in the life of a frame (MIRACAST_CHUNK_INFO). All chunks of one desktop update carry the
 * same frame number; a repeated, unchanged picture repeats its numbers. The last part of a frame
 * is part 0, earlier ones count 1, 2, ...
 */
enum session_chunk_type {
	SESSION_CHUNK_UNKNOWN = 0,
	SESSION_CHUNK_COLOR_CONVERT_COMPLETE = 1,
	SESSION_CHUNK_ENCODE_COMPLETE = 2,
	SESSION_CHUNK_FRAME_START = 3,
	SESSION_CHUNK_FRAME_DROPPED = 4,
};

struct session_chunk_id {
	uint64_t frame : 40;
	uint64_t part : 24;
};

struct session_chunk {
	enum session_chunk_type type;
	struct session_chunk_id id;
	uint32_t processing_us; /* COLOR_CONVERT_COMPLETE and ENCODE_COMPLETE */
	uint32_t rate_kbps;	/* ENCODE_COMPLETE; kilobit/s, as the contract has it */
	uint64_t time_us;
};

enum session_protocol_event {
	SESSION_EVENT_IDR_REQUEST = 0, /* M13 */
	SESSION_EVENT_MONITOR_ARRIVE = 1,
	SESSION_EVENT_MONITOR_DEPART = 2,
};

enum session_statistic_type {
	SESSION_STATISTIC_CHUNK_COMPLETE = 0,
	SESSION_STATISTIC_CHUNK_SENT = 1, /* just before the first datagram of that part */
	SESSION_STATISTIC_EVENT = 2,
};

/* For diagnosis only: no statistic changes a state. */
struct session_statistic {
	enum session_statistic_type type;
	union {
		struct session_chunk chunk;	   /* CHUNK_COMPLETE */
		struct session_chunk_id sent;	   /* CHUNK_SENT */
		enum session_protocol_event event; /* EVENT */
	};
};

/* A message of the kernel module about the head: the compositor's doing. */
enum session_kernel_message_type {
	SESSION_KERNEL_MODE,  /* a mode was set; mode says which, width 0: none */
	SESSION_KERNEL_POWER, /* the display was switched on or off */
	SESSION_KERNEL_GONE,  /* the module is being unbound */
};

struct session_kernel_message {
	enum session_kernel_message_type type;
	struct media_mode mode;
	bool active; /* MODE, POWER: whether the display is on */
};

/* What the desktop does with the display. */
enum session_display {
	SESSION_DISPLAY_NONE,		/* none is plugged */
	SESSION_DISPLAY_WAITING,	/* plugged; the desktop has not switched it on yet */
	SESSION_DISPLAY_OFF_IN_DESKTOP, /* nor does it seem to: the user is asked to */
	SESSION_DISPLAY_ON,
	SESSION_DISPLAY_GRACE,	/* switched off, just now */
	SESSION_DISPLAY_ASLEEP, /* switched off: the sink is in standby or shows a dark picture */
};

/* Why, where, and a sentence for the user. The strings live until the call back returns. */
struct session_end {
	enum session_end_reason reason;
	enum session_stage stage;
	int error; /* negative errno; for the log */
	const char *text;
};

enum session_source {
	SESSION_SOURCE_DEVICE,	/* the desktop, through the kernel module */
	SESSION_SOURCE_PATTERN, /* the built-in moving picture */
	SESSION_SOURCE_Y4M,	/* a clip */
};

enum session_encoder {
	SESSION_ENCODER_AUTO,
	SESSION_ENCODER_VAAPI,
	SESSION_ENCODER_X264,
};

/* Read by session_create, not kept, unless said otherwise. */
struct session_config {
	const char *media_program; /* path of miracast-media */
	const char *host_name;	   /* UTF-8; shown on the source's own picture */
	const char *sink_name;	   /* UTF-8; becomes the display's name; NULL: "Miracast" */
	const uint8_t *sink_id; /* of the sink, e.g. its MAC address: keeps the desktop's layout */
	size_t sink_id_size;
	enum session_source source;
	const char *device; /* DEVICE: the node, NULL: /dev/miracast */
	int input_fd;	    /* Y4M: the clip; duplicated; -1 otherwise */
	int dump_fd;	    /* one captured frame is written here; duplicated; -1: none */
	enum session_encoder encoder;
	struct media_mode mode_limit; /* best mode to choose; zeros: no limit of the user's */
	uint16_t source_refresh_hz;   /* PATTERN: 0: the mode's */
	/* A sink without connector and EDID has no monitor, even if it lists video formats. */
	bool strict_monitor;
};

/*
 * The calls back. All optional but started, stopped and ended. userdata is the one of create.
 */
struct session_ops {
	/*
	 * Start is over. error 0: the state is STARTED, info is valid, and a display, if there is
	 * one, is plugged only after this call has returned [R6]. Otherwise Start has undone itself
	 * and the state is STOPPED [R18]:
	 *	-ENOSPC		the rate does not carry even the lowest mode of 1024x768 and up, or,
	 *			if there is none that large, the lowest mode
	 *	-ENOTSUP	no mode that the sink, the encoder and the display have in common
	 *	-ETIMEDOUT	the sink did not answer in time
	 *	-EPROTO		it answered with something that is not Wi-Fi Display
	 *	-ECONNRESET	it closed the connection
	 *	-ECANCELED	Stop was called
	 *	-EIO		the media process cannot be kept alive
	 * why says the stage and a sentence; NULL when error is 0.
	 */
	void (*started)(void *userdata, int error, const struct session_info *info,
			const struct session_end *why);

	/* Stop is over; the owner may close the RTSP socket now. [R7] */
	void (*stopped)(void *userdata);

	/*
	 * The session cannot go on: call Stop, then Destroy. Once; while STARTED, or before Start
	 * when what Create made has died. [R11]
	 */
	void (*ended)(void *userdata, const struct session_end *end);

	/* After each change of the state. */
	void (*state_changed)(void *userdata, enum session_state state);

	/* Frames, parts and protocol events; at most a few a frame. */
	void (*statistic)(void *userdata, const struct session_statistic *statistic);

	/*
	 * The session wants session_data_rate() once a second from now on (true), or not any more
	 * (false). Called within Start and Stop only, never twice with the same value, and not with
	 * false after the link itself has ended the reports [R12]. 0; -EOPNOTSUPP: the link knows no
	 * rates, and the session goes on with what Start was told.
	 */
	int (*register_data_rate)(void *userdata, bool on);

	/* Each RTSP message, for logs; sent by us or received. Not terminated, not sanitised. */
	void (*transcript)(void *userdata, bool sent, const char *text, size_t size);
};

/*
 * Create: claim a free head of the kernel module (DEVICE only), make the stream's state, spawn the
 * media process. No network traffic, no hot plug. What media can encode is learned meanwhile;
 * Start waits for it, SESSION_CAPS_MS at most. ops is kept and must outlive the session.
 *	-EBUSY		no head is free
 *	-ENOENT		the kernel module is not loaded
 *	-EACCES		no permission for its node
 *	-EINVAL		config is wrong
 *	-ENOEXEC	the media program cannot be run
 *	other		memory, descriptors
 */
int session_create(struct sd_event *event, const struct session_config *config,
		   const struct session_ops *ops, void *userdata, struct session **ret);

/*
 * Start: speak RTSP on rtsp_fd, a connected stream socket. The socket is borrowed: the session
 * never closes or shuts it down, and does not touch it after ops.stopped or a failed
 * ops.started [R7]. The result comes by ops.started.
 *	-EALREADY	not STOPPED, or this session was started before [R2]
 *	-EINVAL		stats->current_bps is 0
 *	-EAFNOSUPPORT	not an IPv4 connection
 *	-ENOTCONN	not connected (any more)
 *	-EIO		ops.ended was or will be called
 * After an error nothing was sent and the session can still be started.
 */
int session_start(struct session *s, int rtsp_fd, const struct session_link_stats *stats);

/*
 * Stop: end the stream, send TEARDOWN, wait for the sink's good-bye within the limits, close every
 * socket the session made. Does not unplug the display [R8]. A Start under way ends first, with
 * -ECANCELED. No-op when STOPPED or STOP_PENDING; ops.stopped follows only where it began.
 */
void session_stop(struct session *s);

/*
 * Destroy, from any state: kill the media process (it is reaped by the loop, nobody waits), close
 * everything, unplug at once. No call back is made any more. Accepts NULL; returns NULL.
 */
struct session *session_destroy(struct session *s);

/*
 * A message of the kernel module. Held in order while START_PENDING and until ops.started was told,
 * refused with -ESHUTDOWN when STOP_PENDING or STOPPED [R4]. -ENOBUFS: too many are held already.
 */
int session_kernel_message(struct session *s, const struct session_kernel_message *message);

/*
 * The link's report of the last second, or NULL: rates are unknown from now on, no further call
 * [R13]. -ESHUTDOWN when not registered (any more).
 *
 * The encoder follows. When the recommended rate stays below what the present mode needs at least,
 * a lower mode takes its place where the sink has one, else the session ends with
 * SESSION_END_BANDWIDTH after SESSION_BANDWIDTH_MS.
 */
int session_data_rate(struct session *s, const struct session_data_rate *rate);

/*
 * What a user changes while it runs. The modes are those that the display offers, large first, then
 * fast first: at most max of them are written, the return value is how many there are.
 */
size_t session_get_modes(const struct session *s, struct media_mode *ret, size_t max);
/* -EINVAL: not in the list; -EOPNOTSUPP: the desktop sets the mode; -ESHUTDOWN: not STARTED. */
int session_set_mode(struct session *s, const struct media_mode *mode);
/* bit/s, 0: no limit of the user's. -ERANGE: not 1 to 30 Mbit/s; -ESHUTDOWN: not STARTED. */
int session_limit_rate(struct session *s, uint64_t bps);

enum session_state session_get_state(const struct session *s);

/* What a user interface or a report shows; strings live as long as the session. */
struct session_status {
	enum session_state state;
	struct session_info info;
	enum session_display display;
	struct media_format format;	/* zeros before the first M4 was accepted */
	bool is_degraded;		/* a lower mode is sent than wanted: the link is slow */
	const char *encoder;		/* "x264", "vaapi"; "" while unknown */
	uint64_t rate_bps;		/* of the stream now */
	const char *link_quality;	/* "good", "fair", "poor" */
	uint64_t connect_to_play_us;	/* from Start to M7 answered; 0 before */
	uint32_t media_restarts;	/* media processes that had to be replaced */
	const struct stream_state *stream; /* counters; daemon/media/protocol.h */
};

void session_get_status(const struct session *s, struct session_status *ret);

const char *session_state_to_string(enum session_state state);
const char *session_end_reason_to_string(enum session_end_reason reason);
const char *session_stage_to_string(enum session_stage stage);
const char *session_display_to_string(enum session_display display);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many bits a second the stream may have: facts and the time in, bit/s out. Pure; knows no
 * clock, no socket and no encoder. The policy stands at the top of rate.c.
 *
 * All rates are of the whole stream as IP packets, but where video is said.
 */
#ifndef MIRACAST_RATE_H
#define MIRACAST_RATE_H

#include "miracast/session.h"

#include <stdbool.h>
#include <stdint.h>

#define RATE_MIN_BPS UINT64_C(1000000)
#define RATE_MAX_BPS UINT64_C(30000000)
#define RATE_TICK_US UINT64_C(1000000) /* rate_on_tick() this often */

/* What a user is told about the link. */
enum rate_quality {
	RATE_QUALITY_GOOD,
	RATE_QUALITY_FAIR, /* the stream has less than it was meant to have */
	RATE_QUALITY_POOR, /* it is as small as it gets, and still something is lost */
};

const char *rate_quality_to_string(enum rate_quality quality);

/* What is wrong on the way to the sink. */
struct rate_trouble {
	uint64_t suspect_bps; /* what was sent when it was seen last; 0: never, or overcome */
	uint64_t seen_us;
	uint64_t cut_us;   /* the rate was lowered last; 0: never */
	uint64_t hold_us;  /* how long it then rests */
	uint64_t until_us; /* until then it does not grow */
};

/* Loss that lowering the rate does not cure; see "Own loss" in rate.c. */
struct rate_own_loss {
	bool is_seen;
	unsigned int asked;  /* requests since they are counted */
	unsigned int free;   /* of them, later than the sink could have asked */
	uint64_t failed_bps; /* at that rate the link was too slow as well; 0: never */
	uint64_t failed_us;
};

struct rate {
	uint64_t bps;
	uint64_t link_bps; /* what the link recommends */
	uint64_t sink_bps; /* the sink's own maximum; 0: unknown */
	uint64_t floor_bps;
	uint64_t start_us;
	uint64_t produced_bps[2]; /* of the last second and the one before */
	struct rate_trouble trouble;
	struct rate_own_loss own;

	uint64_t request_us;  /* the sink asked for an IDR last; 0: never */
	uint64_t shortest_us; /* seen between two requests */
	uint64_t span_us;     /* the last one between two requests */
	unsigned int close;   /* requests in a row that came close after the one before */
	uint32_t queued_us;  /* the queue at the last cut for it; 0: it was short since */

	uint64_t report_us;	 /* the last RTCP report; 0: never */
	uint64_t report_span_us; /* from the one before */
	uint32_t report_lost;	 /* of a thousand */
	uint64_t rtt_min_us;	 /* 0: unknown */
};

/*
 * What the whole stream may take when a session starts: what the link recommends, never more than
 * either radio can do, between RATE_MIN_BPS and RATE_MAX_BPS.
 */
uint64_t rate_at_start(const struct session_link_stats *stats);

void rate_init(struct rate *r, const struct session_link_stats *stats, uint64_t now_us);

/* The mode's floor, and microsoft_max_bitrate (0: none). Both may change while streaming. */
void rate_set_mode(struct rate *r, const struct media_mode *mode);
void rate_set_sink_max(struct rate *r, uint64_t bps);

/* The link's report of the last second; NULL: rates are unknown from now on. */
void rate_on_link(struct rate *r, const struct session_data_rate *link, uint64_t now_us);

/* Media's RATE: what really left in the last second. */
void rate_on_produced(struct rate *r, uint64_t stream_bps, uint64_t now_us);

/* Media's BLOCKED: what is sent now waits queued_us on this host. */
void rate_on_blocked(struct rate *r, uint32_t queued_us, uint64_t now_us);

/* The sink misses something and says so by an IDR request (M13) or an RTCP NACK. */
void rate_on_request(struct rate *r, uint64_t now_us);

/* An RTCP receiver report. */
struct rate_report {
	uint8_t fraction_lost; /* of 256, since the report before */
	uint64_t rtt_us;       /* 0: unknown */
	uint64_t arrived_bps;  /* since the report before; 0: unknown */
};

void rate_on_report(struct rate *r, const struct rate_report *report, uint64_t now_us);

/* Every RATE_TICK_US while streaming: the only call in which the rate grows by itself. */
void rate_on_tick(struct rate *r, uint64_t now_us);

enum rate_quality rate_get_quality(const struct rate *r, uint64_t now_us);

/* Of the stream's rate, what is left for H.264 after sound and the TS, RTP and UDP headers. */
uint64_t rate_for_video(uint64_t stream_bps, enum media_audio_codec audio);

/* The largest access unit: what the link carries in a quarter of a second. Bytes. */
uint32_t rate_max_frame_bytes(uint64_t stream_bps);

#endif

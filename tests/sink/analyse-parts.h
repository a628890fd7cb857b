/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The analyser's layers, as its own files see them: RTP above TS above PSI and PES above H.264.
 * Each notes its findings in one shared struct and hands on by direct call.
 */
#ifndef SINK_ANALYSE_PARTS_H
#define SINK_ANALYSE_PARTS_H

#include "analyse.h"

static inline unsigned get_be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- RTP --- */

#define RTP_HEADER_SIZE	 12
#define RTP_WINDOW	 32    /* datagrams that may wait for a missing one */
#define RTP_WINDOW_US	 30000 /* and for how long */
#define RTP_DATAGRAM_MAX 2048
#define RTP_SEEN	 1024 /* numbers remembered, to tell twice from late */

struct rtp_slot {
	bool used;
	uint64_t arrival_us;
	uint32_t timestamp;
	size_t len;
	uint8_t payload[RTP_DATAGRAM_MAX];
};

struct rtp_check {
	bool started;
	bool gap; /* numbers were given up since the last datagram handed on */
	uint32_t ssrc;
	uint32_t last_timestamp;
	uint64_t next;		 /* extended number of the datagram to hand on next */
	uint64_t highest;	 /* extended, the highest received */
	uint64_t seen[RTP_SEEN]; /* extended number + 1 received in this place */
	size_t waiting;
	struct rtp_slot slots[RTP_WINDOW];
};

/* --- PSI --- */

struct psi_table {
	bool seen;
	unsigned version;
	size_t len;
	uint8_t content[184];
	bool timed;
	int64_t stream_us;   /* of the one before, on analyser.pcr_run_us's clock */
	uint64_t arrival_us; /* of the last one */
	bool waiting;	     /* the last one's time is settled by the next PCR */
	int64_t waiting_us;  /* what it looks like until then */
};

/* --- PES --- */

struct pes_check {
	unsigned pid;
	bool open;    /* a PES packet is being collected */
	bool resync;  /* wait for the next start without a word: what was before is lost */
	bool restart; /* the next unit must start afresh: begin, discontinuity */
	size_t need;  /* bytes behind the 6-byte start, 0 = open end */
	size_t have;
	bool have_pts;
	uint64_t pts;
	bool have_last_pts;
	uint64_t last_pts;
	bool disordered; /* this PTS does not rise, which was noted */
	bool ahead_known;
	int64_t ahead_us; /* PTS - clock at the last packet */
	uint8_t *data;	  /* elementary stream bytes, ANALYSE_AU_MAX */
	size_t len;
	bool too_long;
};

/* --- H.264 --- */

struct h264_sps {
	bool valid;
	unsigned profile_idc, constraint, level_idc;
	unsigned width, height;
	unsigned log2_max_frame_num;
	bool separate_colour;
	double fps;
};

struct h264_pps {
	bool valid;
	unsigned sps_id;
};

struct h264_check {
	struct h264_sps sps[32];
	struct h264_pps pps[256];
	bool have_frame_num;
	unsigned prev_frame_num; /* of the last reference picture */
	bool prev_was_ref;
	bool expect_new, expect_old;
	struct expectation expect, before;
	unsigned unit_slices; /* of the last picture */
};

/* --- all of it --- */

struct pid_state {
	unsigned pid;
	bool started; /* a counter is known */
	bool loose;   /* something was lost: the next counter is taken as it comes */
	unsigned counter;
	unsigned repeats;
	uint8_t last[TS_SIZE];
};

struct analyser {
	const struct analyser_ops *ops;
	void *user;
	struct findings findings;
	struct stream_facts facts;
	struct rtp_check rtp;

	struct pid_state pids[5];
	struct psi_table pat, pmt;
	bool paused;
	bool pcr_valid, pcr_loose;
	uint64_t pcr;		 /* last value, 27 MHz, as sent */
	uint64_t pcr_arrival_us; /* when it came, 0 = unknown */
	int64_t pcr_run_us;	 /* stream time since the first PCR */
	uint64_t pcr_first_arrival_us;
	int64_t pcr_offset_min_us, pcr_offset_max_us; /* of arrival - PCR, both since the first */
	unsigned audio_type;			      /* stream_type in the PMT, 0 = none */
	struct pes_check video, audio;
	uint64_t audio_next_pts;
	bool audio_next_known;
	struct h264_check h264;
};

/* Differences on clocks that wrap: PTS at 2^33, PCR at 2^33 * 300. */
int64_t pts_diff(uint64_t a, uint64_t b);
int64_t pcr_diff(uint64_t a, uint64_t b); /* ticks of 27 MHz */

void rtp_push(struct analyser *a, const uint8_t *p, size_t len, uint64_t arrival_us);
void rtp_tick(struct analyser *a, uint64_t now_us);
void rtp_flush(struct analyser *a);

void ts_push(struct analyser *a, const uint8_t p[static TS_SIZE], uint64_t arrival_us);
void ts_gap(struct analyser *a);
/* The next PCR and tables are taken as they come. */
void ts_forget_time(struct analyser *a);

/* Where the stream's clock stands, since its first PCR; false before that. */
bool ts_clock_us(const struct analyser *a, uint64_t arrival_us, int64_t *ret);

/* A PCR came: no table before it is later than that. */
void psi_settle(struct analyser *a, struct psi_table *table, int64_t stream_us);
void psi_push(struct analyser *a, struct psi_table *table, const uint8_t *payload, size_t len,
	      bool start, uint64_t arrival_us);

void pes_push(struct analyser *a, struct pes_check *pes, const uint8_t *payload, size_t len,
	      bool start, uint64_t arrival_us);
void pes_gap(struct pes_check *pes);
void pes_finish(struct analyser *a, struct pes_check *pes); /* the next one begins */
void pes_cut(struct analyser *a, struct pes_check *pes);    /* nothing says that it is whole */

void h264_push(struct analyser *a, const uint8_t *p, size_t len, bool must_restart);
void h264_gap(struct analyser *a);

/* Returns the samples per channel (at *ret_rate) that the unit holds, 0 if it is bad. */
unsigned audio_push(struct analyser *a, const uint8_t *p, size_t len, unsigned *ret_rate);

#endif

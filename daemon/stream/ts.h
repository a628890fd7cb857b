/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MPEG-TS (ISO/IEC 13818-1) in the one layout that every Wi-Fi Display sink knows: PAT 0, PMT
 * 0x100, PCR alone on 0x1000, video on 0x1011, audio on 0x1100. Access units in, TS packets out,
 * written once, straight into the datagrams of a run. Pure; knows no socket.
 *
 * A packet is written when its picture is ready but leaves when the pacing lets it, or never, when
 * the queue gives its picture up. What must be true at departure is therefore filled in then, by
 * ts_depart: continuity counters and PCR, and with them the times of the last PSI and PCR. So a
 * picture that is given up leaves no gap, and a PCR tells the time at which it leaves.
 */
#ifndef MIRACAST_STREAM_TS_H
#define MIRACAST_STREAM_TS_H

#include "miracast/media.h"
#include "stream/rtp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TS_PACKET_SIZE RTP_TS_SIZE

#define TS_PID_PAT   0x0000
#define TS_PID_PMT   0x0100
#define TS_PID_PCR   0x1000
#define TS_PID_VIDEO 0x1011
#define TS_PID_AUDIO 0x1100

/* The PIDs that count; the PCR's packets carry no payload and so never do. */
enum ts_stream {
	TS_PAT,
	TS_PMT,
	TS_VIDEO,
	TS_AUDIO,
	TS_STREAMS,
};

struct ts {
	uint8_t *continuity; /* TS_STREAMS of the caller's, each of the next packet, 0 to 15 */
	enum media_audio_codec audio;
	uint8_t discontinuity; /* bit per enum ts_stream: its next packet follows a stranger's */
	uint8_t version;       /* of the PMT, 0 to 31; 1 is the first */
	uint64_t psi_ns;       /* departure of the last PMT; 0: none yet */
	uint64_t pcr_ns;       /* departure of the last PCR; 0: none yet */
	size_t pmt_size;
	uint8_t pmt[64]; /* the section with its CRC */
};

/*
 * continuity points at TS_STREAMS counters that outlive this process. successor: somebody else
 * has streamed on them, so the first packet of each PID says that its count may jump.
 */
void ts_init(struct ts *t, uint8_t *continuity, bool successor);

/* What the PMT says; the first call comes before the first write. */
void ts_set_format(struct ts *t, const struct media_format *format);

/* The stream stands still from now on: no PSI or PCR is due until the next departure. */
void ts_pause(struct ts *t);

/*
 * The packets of one access unit: PAT, PMT and PCR before it as they are due, then one PES that
 * begins with an access unit delimiter, which the packet does not have. Audio is a whole number of
 * ADTS frames, or of LPCM units of 80 big-endian stereo samples (320 bytes). A later part of an
 * access unit continues its PES, whatever packets were written in between. 0, -ENOBUFS when the run
 * has no room for all of it, -EINVAL; nothing was written then.
 * *ret_pts_at is where the PTS stands, for ts_set_pts; NULL for a later part.
 */
int ts_write_video(struct ts *t, struct rtp_run *run, const struct packet *p, uint64_t pts,
		   uint64_t now_ns, uint8_t **ret_pts_at);
int ts_write_audio(struct ts *t, struct rtp_run *run, const void *data, size_t size, uint64_t pts,
		   uint64_t now_ns, uint8_t **ret_pts_at);

/* PSI and PCR alone, as far as they are due before due_ns. Writes at most 3 packets, or none. */
int ts_write_due(struct ts *t, struct rtp_run *run, uint64_t due_ns);

/* When ts_write_due is worth a call; UINT64_MAX while nothing has departed yet. */
uint64_t ts_get_deadline_ns(const struct ts *t);

/* The 5 bytes of a PTS (2.4.3.6), wrapped to 33 bits. */
void ts_set_pts(uint8_t *pts_at, uint64_t pts);

/*
 * Called once for the payload of each datagram, right before its first send and in the order of
 * sending: continuity counters (advanced), PCR of now, discontinuity marks.
 */
void ts_depart(struct ts *t, uint8_t *packets, size_t count, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The analyser: datagrams and their arrival times in, findings out. It judges a stream as the
 * standards do (RFC 3550, RFC 2250, ISO/IEC 13818-1, ITU-T H.264) and as real sinks do (the layout
 * that all of them accept), one named rule for each thing that can be wrong.
 * Knows no socket, no clock, no file and no decoder; every table in it is bounded, its input is
 * untrusted. A fault is reported by one rule: what follows from it (the packets that a lost datagram
 * took with it, say) is not reported again by another.
 */
#ifndef SINK_ANALYSE_H
#define SINK_ANALYSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TS_SIZE		188
#define TS_PER_DATAGRAM 7
#define TS_CLOCK	90000
#define PCR_CLOCK	27000000
#define PCR_GAP_MAX_US	40000
#define PCR_GAP_WIRE_US 100000
#define PSI_GAP_MAX_US	100000
#define ANALYSE_AU_MAX	(4U << 20)

enum {
	PID_PAT = 0x0000,
	PID_PMT = 0x0100,
	PID_PCR = 0x1000,
	PID_VIDEO = 0x1011,
	PID_AUDIO = 0x1100,
};

/* clang-format off */
#define RULES(X)                                                                                   \
	X(RTP_SHORT,        "rtp-short",         "a datagram holds its whole RTP header (RFC 3550 5.1)") \
	X(RTP_VERSION,      "rtp-version",       "version is 2 (RFC 3550 5.1)")                          \
	X(RTP_FLAGS,        "rtp-flags",         "no padding, extension or CSRC: sinks expect 12 bytes") \
	X(RTP_PAYLOAD_TYPE, "rtp-payload-type",  "payload type is 33, MP2T (RFC 3551 6)")                \
	X(RTP_SSRC,         "rtp-ssrc",          "SSRC is constant (RFC 3550 3)")                        \
	X(RTP_LOST,         "rtp-lost",          "sequence numbers rise by one (RFC 3550 5.1)")          \
	X(RTP_REORDERED,    "rtp-reordered",     "datagrams come in the order of their numbers")         \
	X(RTP_DUPLICATE,    "rtp-duplicate",     "no sequence number comes twice")                       \
	X(RTP_JUMP,         "rtp-jump",          "the sequence number does not jump (RFC 3550 A.1)")     \
	X(RTP_TIMESTAMP,    "rtp-timestamp",     "the time stamp does not go back (RFC 2250 2)")         \
	X(RTP_LENGTH,       "rtp-length",        "the payload is whole TS packets (RFC 2250 2)")         \
	X(RTP_PACKETS,      "rtp-packets",       "1 to 7 TS packets a datagram")                         \
	X(TS_SYNC,          "ts-sync",           "sync_byte is 0x47 (13818-1 2.4.3.3)")                  \
	X(TS_ERROR,         "ts-transport-error", "transport_error_indicator is 0 (2.4.3.3)")            \
	X(TS_SCRAMBLED,     "ts-scrambled",      "transport_scrambling_control is 00 (2.4.3.3)")         \
	X(TS_CONTROL,       "ts-adaptation-control", "adaptation_field_control is not 00 (2.4.3.3)")     \
	X(TS_ADAPTATION,    "ts-adaptation",     "the adaptation field's length and content are legal (2.4.3.5)") \
	X(TS_CONTINUITY,    "ts-continuity",     "continuity_counter (2.4.3.3)")                         \
	X(TS_PID,           "ts-pid",            "only the PIDs 0, 0x100, 0x1000, 0x1011, 0x1100")       \
	X(PSI_SECTION,      "psi-section",       "a section is whole and well formed (2.4.4)")           \
	X(PSI_CRC,          "psi-crc",           "CRC_32 of PAT and PMT (2.4.4)")                        \
	X(PSI_PAT,          "psi-pat",           "PAT: one program, 1, at PID 0x100 (2.4.4.3)")          \
	X(PSI_PMT,          "psi-pmt",           "PMT: PCR 0x1000, 0x1B on 0x1011, sound on 0x1100 (2.4.4.8)") \
	X(PSI_VERSION,      "psi-version",       "version_number is 1 at first and changes only with the content") \
	X(PSI_GAP,          "psi-gap",           "PAT and PMT at most 100 ms apart")                     \
	X(PCR_GAP,          "pcr-gap",           "PCR values at most 40 ms apart")                       \
	X(PCR_WIRE_GAP,     "pcr-wire-gap",      "PCRs arrive at most 100 ms apart (13818-1 2.7.2)")     \
	X(PCR_JUMP,         "pcr-jump",          "PCR rises by less than 1 s without a discontinuity")   \
	X(PCR_FORMAT,       "pcr-format",        "PCR extension below 300 (2.4.3.5)")                    \
	X(PCR_PID,          "pcr-pid",           "PCR on its own PID, which has no payload")             \
	X(PES_START,        "pes-start",         "a PES packet starts with 00 00 01 (2.4.3.7)")          \
	X(PES_STREAM_ID,    "pes-stream-id",     "stream_id 0xE0 for video, as the codec says for sound") \
	X(PES_FLAGS,        "pes-flags",         "PES flags: '10', aligned, PTS only (2.4.3.7)")         \
	X(PES_HEADER,       "pes-header",        "PES_header_data_length holds what the flags promise")  \
	X(PES_STUFFING,     "pes-video-stuffing", "no stuffing bytes in a video PES header")             \
	X(PES_AUDIO_HEADER, "pes-audio-header",  "a sound PES header has PTS and 2 stuffing bytes")      \
	X(PES_PTS,          "pes-pts-format",    "marker bits of the PTS field (2.4.3.7)")               \
	X(PES_LENGTH,       "pes-length",        "PES_packet_length is right, 0 only over 65535, or with slices") \
	X(PES_TRAILER,      "pes-trailer",       "stuffing is in adaptation fields, not behind the access unit") \
	X(PTS_ORDER,        "pts-order",         "PTS rises")                                            \
	X(PTS_LATE,         "pts-late",          "an access unit is there before its PTS (PTS > PCR)")   \
	X(PTS_GAP,          "pts-gap",           "PTS at most 0.7 s apart (13818-1 2.7.4)")              \
	X(PTS_FAR,          "pts-far",           "PTS at most 1 s ahead of PCR (2.7.x, T-STD delay)")    \
	X(H264_START_CODE,  "h264-start-code",   "start codes and emulation prevention (H.264 7.4.1, B.1)") \
	X(H264_NAL,         "h264-nal",          "NAL header and type allowed (H.264 7.4.1)")            \
	X(H264_FIRST,       "h264-first-idr",    "begins with an IDR, after a discontinuity too")        \
	X(H264_SETS,        "h264-parameter-sets", "SPS and PPS before each IDR")                        \
	X(H264_B_SLICE,     "h264-b-slice",      "only I and P slices")                                  \
	X(H264_CABAC,       "h264-cabac",        "CAVLC: entropy_coding_mode_flag is 0")                 \
	X(H264_PROFILE,     "h264-profile",      "profile as negotiated: 42 C0 (CBP) or 64 0C (CHP)")    \
	X(H264_LEVEL,       "h264-level",        "level at most as negotiated")                          \
	X(H264_SIZE,        "h264-size",         "picture size as negotiated")                           \
	X(H264_FORMAT,      "h264-format",       "4:2:0, 8 bit, frames only, one slice group")           \
	X(H264_REFS,        "h264-reference-frames", "one reference frame")                              \
	X(H264_REORDER,     "h264-reorder",      "max_num_reorder_frames is 0")                          \
	X(H264_SLICES,      "h264-slices",       "slices as many and as large as agreed")                \
	X(H264_UNIT,        "h264-access-unit",  "one access unit a PES packet, AUD first")              \
	X(H264_FRAME_NUM,   "h264-frame-num",    "frame_num has no gap (H.264 7.4.3)")                   \
	X(H264_SYNTAX,      "h264-syntax",       "parameter sets and slice headers can be read")         \
	X(AUDIO_CODEC,      "audio-codec",       "sound as negotiated")                                  \
	X(LPCM_HEADER,      "lpcm-header",       "LPCM private header A0 06 00 11 (or 09)")              \
	X(LPCM_SIZE,        "lpcm-size",         "LPCM: 6 units of 320 bytes a PES packet")              \
	X(ADTS,             "adts",              "whole ADTS frames, AAC-LC, 48 kHz")                    \
	X(AUDIO_RATE,       "audio-rate",        "sound PTS advances with the samples (2 ms)")
/* clang-format on */

enum rule {
#define X(id, name, text) RULE_##id,
	RULES(X)
#undef X
	RULE_COUNT,
};

const char *rule_to_string(enum rule rule);
const char *rule_text(enum rule rule);

struct finding {
	uint64_t count;
	uint64_t datagram; /* of the first one, from 0 */
	uint64_t packet;   /* TS packet of the first one, from 0 */
	char detail[80];
};

struct findings {
	struct finding rule[RULE_COUNT];
	uint64_t datagrams;
	uint64_t packets;
};

void findings_note(struct findings *f, enum rule rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum audio_codec {
	AUDIO_NONE,
	AUDIO_LPCM,
	AUDIO_AAC,
	AUDIO_AC3,
};

const char *audio_codec_to_string(enum audio_codec codec);

/* What was negotiated; 0 or AUDIO_NONE where it does not matter. */
struct expectation {
	unsigned width, height;
	unsigned profile_idc; /* 66 or 100 */
	unsigned level_idc;   /* the highest allowed, 31 to 42 */
	enum audio_codec audio;
	unsigned slices, min_slice_size; /* a picture at most, macroblocks at least; 0: one slice */
};

/* What the stream was like, whether or not it broke a rule. Times in microseconds. */
struct stream_facts {
	uint64_t datagrams, bytes, marked, lost, reordered, duplicates;
	uint64_t packets, access_units, idrs, audio_units, discontinuities, continuity_after_loss;
	bool have_pcr, have_pts;
	uint64_t pcr_gap_us, pcr_wire_gap_us, psi_gap_us, psi_wire_gap_us; /* the largest */
	int64_t pts_minus_pcr_min_us, pts_minus_pcr_max_us; /* at the unit's first packet */
	int64_t pts_minus_pcr_end_min_us;		    /* at its last */
	uint64_t pcr_jitter_us;				    /* arrival against PCR, reported only */
	double pcr_ppm;					    /* PCR's rate against arrival's */
	unsigned width, height, profile_idc, constraint, level_idc;
	double sps_fps;
	enum audio_codec audio;
	uint64_t audio_bytes;
	uint64_t au_bytes_max;
	unsigned slices_max; /* of a picture */
};

struct analyser;

/* What the analyser hands on: TS packets in the order of their numbers. */
struct analyser_ops {
	void (*on_ts)(void *user, const uint8_t *packets, size_t len, uint64_t arrival_us,
		      bool gap);
	void (*on_trouble)(void *user); /* something was lost: a decoder would want an IDR */
};

int analyser_new(const struct analyser_ops *ops, void *user, struct analyser **ret);
void analyser_free(struct analyser *a);

/* A negotiated mode. The one before stays allowed until the stream shows the new one. */
void analyser_expect(struct analyser *a, const struct expectation *expect);

/* By agreement the stream stands still, or goes on: time that passes meanwhile is no gap. */
void analyser_pause(struct analyser *a, bool paused);

void analyser_push_datagram(struct analyser *a, const uint8_t *p, size_t len, uint64_t arrival_us);
/* Lets go of what waits for a missing datagram; to be called now and then when nothing comes. */
void analyser_tick(struct analyser *a, uint64_t now_us);
/* A TS packet out of a file, without RTP; arrival_us 0 where nobody knows. */
void analyser_push_packet(struct analyser *a, const uint8_t p[static TS_SIZE], uint64_t arrival_us);
void analyser_finish(struct analyser *a);

const struct findings *analyser_findings(const struct analyser *a);
const struct stream_facts *analyser_facts(const struct analyser *a);

#endif

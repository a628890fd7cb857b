/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a short stream that keeps every rule, or breaks exactly one, for the analyser's tests.
 * Written from the layout that sinks know and not from the analyser. The pictures are headers with
 * noise behind them: no decoder would show them.
 */
#ifndef SINK_STREAM_MAKER_H
#define SINK_STREAM_MAKER_H

#include "analyse.h"

/* clang-format off */
#define DAMAGES(X)                                                     \
	X(RTP_SHORT,                 RTP_SHORT)                         \
	X(RTP_VERSION,               RTP_VERSION)                       \
	X(RTP_PADDING,               RTP_FLAGS)                         \
	X(RTP_EXTENSION,             RTP_FLAGS)                         \
	X(RTP_PAYLOAD_TYPE,          RTP_PAYLOAD_TYPE)                  \
	X(RTP_SSRC,                  RTP_SSRC)                          \
	X(RTP_ONE_LOST,              RTP_LOST)                          \
	X(RTP_MANY_LOST,             RTP_LOST)                          \
	X(RTP_SWAPPED,               RTP_REORDERED)                     \
	X(RTP_TWICE,                 RTP_DUPLICATE)                     \
	X(RTP_JUMP,                  RTP_JUMP)                          \
	X(RTP_TIMESTAMP_BACK,        RTP_TIMESTAMP)                     \
	X(RTP_PART_OF_PACKET,        RTP_LENGTH)                        \
	X(RTP_EIGHT_PACKETS,         RTP_PACKETS)                       \
	X(RTP_EMPTY,                 RTP_PACKETS)                       \
	X(TS_SYNC,                   TS_SYNC)                           \
	X(TS_ERROR,                  TS_ERROR)                          \
	X(TS_SCRAMBLED,              TS_SCRAMBLED)                      \
	X(TS_NO_CONTENT,             TS_CONTROL)                        \
	X(TS_SHORT_ADAPTATION,       TS_ADAPTATION)                     \
	X(TS_LONG_ADAPTATION,        TS_ADAPTATION)                     \
	X(TS_STUFFING_ZERO,          TS_ADAPTATION)                     \
	X(TS_PRIVATE_TOO_LONG,       TS_ADAPTATION)                     \
	X(TS_COUNTER,                TS_CONTINUITY)                     \
	X(TS_THREE_TIMES,            TS_CONTINUITY)                     \
	X(TS_NOT_QUITE_TWICE,        TS_CONTINUITY)                     \
	X(TS_COUNTED_WITHOUT_PAYLOAD, TS_CONTINUITY)                    \
	X(TS_NULL_PACKET,            TS_PID)                            \
	X(PSI_NO_START,              PSI_SECTION)                       \
	X(PSI_TABLE_ID,              PSI_SECTION)                       \
	X(PSI_LONG_SECTION,          PSI_SECTION)                       \
	X(PSI_TRAILER,               PSI_SECTION)                       \
	X(PSI_CRC,                   PSI_CRC)                           \
	X(PAT_PROGRAM,               PSI_PAT)                           \
	X(PAT_PMT_PID,               PSI_PAT)                           \
	X(PMT_PCR_PID,               PSI_PMT)                           \
	X(PMT_STREAM_TYPE,           PSI_PMT)                           \
	X(PMT_AUDIO_PID,             PSI_PMT)                           \
	X(PMT_LOOP_LENGTH,           PSI_PMT)                           \
	X(PSI_VERSION_0,             PSI_VERSION)                       \
	X(PSI_CHANGED,               PSI_VERSION)                       \
	X(PSI_VERSION_RISES,         PSI_VERSION)                       \
	X(PSI_MISSING,               PSI_GAP)                           \
	X(PCR_MISSING,               PCR_GAP)                           \
	X(PCR_HELD_UP,               PCR_WIRE_GAP)                      \
	X(PCR_FORWARD,               PCR_JUMP)                          \
	X(PCR_BACK,                  PCR_JUMP)                          \
	X(PCR_EXTENSION,             PCR_FORMAT)                        \
	X(PCR_ON_VIDEO,              PCR_PID)                           \
	X(PCR_WITH_PAYLOAD,          PCR_PID)                           \
	X(PES_NO_START,              PES_START)                         \
	X(PES_BEGINS_IN_THE_MIDDLE,  PES_START)                         \
	X(PES_VIDEO_ID,              PES_STREAM_ID)                     \
	X(PES_AUDIO_ID,              PES_STREAM_ID)                     \
	X(PES_NOT_ALIGNED,           PES_FLAGS)                         \
	X(PES_DTS,                   PES_FLAGS)                         \
	X(PES_HEADER_SHORT,          PES_HEADER)                        \
	X(PES_HEADER_LONG,           PES_HEADER)                        \
	X(PES_STUFFED,               PES_STUFFING)                      \
	X(PES_AUDIO_NOT_STUFFED,     PES_AUDIO_HEADER)                  \
	X(PES_PTS_MARKER,            PES_PTS)                           \
	X(PES_TOO_LONG,              PES_LENGTH)                        \
	X(PES_TOO_SHORT,             PES_LENGTH)                        \
	X(PES_ZERO_FOR_SMALL,        PES_LENGTH)                        \
	X(PES_TRAILER,               PES_TRAILER)                       \
	X(PTS_TWICE,                 PTS_ORDER)                         \
	X(PTS_AUDIO_BACK,            PTS_ORDER)                         \
	X(PTS_LATE,                  PTS_LATE)                          \
	X(PTS_MISSING,               PTS_GAP)                           \
	X(PTS_FAR,                   PTS_FAR)                           \
	X(AU_SHORT_START_CODE,       H264_START_CODE)                   \
	X(AU_EMULATION,              H264_START_CODE)                   \
	X(NAL_FORBIDDEN_BIT,         H264_NAL)                          \
	X(NAL_FILLER,                H264_NAL)                          \
	X(NAL_IDR_NO_REFERENCE,      H264_NAL)                          \
	X(FIRST_NOT_IDR,             H264_FIRST)                        \
	X(RESTART_NOT_IDR,           H264_FIRST)                        \
	X(IDR_WITHOUT_SPS,           H264_SETS)                         \
	X(IDR_WITHOUT_PPS,           H264_SETS)                         \
	X(B_SLICE,                   H264_B_SLICE)                      \
	X(CABAC,                     H264_CABAC)                        \
	X(MAIN_PROFILE,              H264_PROFILE)                      \
	X(NO_CONSTRAINTS,            H264_PROFILE)                      \
	X(OTHER_PROFILE,             H264_PROFILE)                      \
	X(LEVEL,                     H264_LEVEL)                        \
	X(SIZE,                      H264_SIZE)                         \
	X(SLICE_GROUPS,              H264_FORMAT)                       \
	X(CHROMA_444,                H264_FORMAT)                       \
	X(TWO_REFERENCES,            H264_REFS)                         \
	X(REORDER,                   H264_REORDER)                      \
	X(TWO_SLICES,                H264_SLICES)                       \
	X(THREE_SLICES,              H264_SLICES)                       \
	X(SMALL_SLICE,               H264_SLICES)                       \
	X(SMALL_LAST_SLICE,          H264_SLICES)                       \
	X(TWO_PICTURES,              H264_UNIT)                         \
	X(NO_PICTURE,                H264_UNIT)                         \
	X(NO_DELIMITER,              H264_UNIT)                         \
	X(DELIMITER_IN_THE_MIDDLE,   H264_UNIT)                         \
	X(SETS_BEHIND_SLICE,         H264_UNIT)                         \
	X(FRAME_NUM_GAP,             H264_FRAME_NUM)                    \
	X(SPS_CUT,                   H264_SYNTAX)                       \
	X(UNKNOWN_PPS,               H264_SYNTAX)                       \
	X(OTHER_SOUND,               AUDIO_CODEC)                       \
	X(LPCM_EMPHASIS,             LPCM_HEADER)                       \
	X(LPCM_RATE,                 LPCM_HEADER)                       \
	X(LPCM_SHORT,                LPCM_SIZE)                         \
	X(ADTS_SYNC,                 ADTS)                              \
	X(ADTS_LENGTH,               ADTS)                              \
	X(ADTS_RATE,                 ADTS)                              \
	X(AUDIO_PTS,                 AUDIO_RATE)
/* clang-format on */

enum damage {
	DAMAGE_NONE,
#define X(id, rule) DAMAGE_##id,
	DAMAGES(X)
#undef X
	DAMAGE_COUNT,
};

#define MAKER_DATAGRAM_MAX 2048

struct maker_datagram {
	uint64_t arrival_us;
	size_t len;
	uint8_t bytes[MAKER_DATAGRAM_MAX];
};

struct maker_config {
	enum damage damage;
	enum audio_codec audio;
	bool high;    /* Constrained High instead of Constrained Baseline */
	bool restart; /* in the middle a successor takes over, as a new encoder process would */
};

struct made_stream {
	size_t count;
	struct maker_datagram *datagrams;
	struct expectation expect; /* what was negotiated for it */
	unsigned units;
};

struct made_stream *stream_make(const struct maker_config *config);
void stream_free(struct made_stream *stream);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many bits a second the stream may have: facts in, bit/s out. Pure; knows no clock, no socket
 * and no encoder.
 */
#ifndef MIRACAST_RATE_H
#define MIRACAST_RATE_H

#include "miracast/session.h"

#include <stdint.h>

#define RATE_MIN_BPS UINT64_C(1000000)
#define RATE_MAX_BPS UINT64_C(30000000)

/*
 * What the whole stream may take when a session starts: what the link recommends, never more than
 * either radio can do, between RATE_MIN_BPS and RATE_MAX_BPS.
 */
uint64_t rate_at_start(const struct session_link_stats *stats);

/* Of that, what is left for the H.264 stream after sound and the TS, RTP and UDP headers. */
uint64_t rate_for_video(uint64_t stream_bps, enum media_audio_codec audio);

/* The largest access unit: what the link carries in a quarter of a second. Bytes. */
uint32_t rate_max_frame_bytes(uint64_t stream_bps);

#endif

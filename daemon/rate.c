// SPDX-License-Identifier: GPL-2.0-or-later
#include "rate.h"

#define LPCM_BPS UINT64_C(1536000) /* 48 kHz, 16 bit, stereo */
#define AAC_BPS	 UINT64_C(160000)

static uint64_t min_known(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

uint64_t rate_at_start(const struct session_link_stats *stats)
{
	uint64_t bps = stats->current_bps;

	bps = min_known(bps, stats->local_max_bps);
	bps = min_known(bps, stats->remote_max_bps);
	if (bps > RATE_MAX_BPS)
		return RATE_MAX_BPS;
	return bps < RATE_MIN_BPS ? RATE_MIN_BPS : bps;
}

uint64_t rate_for_video(uint64_t stream_bps, enum media_audio_codec audio)
{
	/* Seven TS packets carry at most 7 * 184 bytes in 1328 + 28; PSI and PCR take the rest. */
	uint64_t payload = stream_bps / 100 * 93;
	uint64_t sound = 0;

	switch (audio) {
	case MEDIA_AUDIO_NONE:
		break;
	case MEDIA_AUDIO_LPCM:
		sound = LPCM_BPS;
		break;
	case MEDIA_AUDIO_AAC:
		sound = AAC_BPS;
		break;
	}
	return payload > 2 * sound ? payload - sound : payload / 2;
}

uint32_t rate_max_frame_bytes(uint64_t stream_bps)
{
	return (uint32_t)(stream_bps / 8 / 4);
}

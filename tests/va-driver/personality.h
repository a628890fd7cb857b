/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which driver the test driver pretends to be: the environment variable MIRACAST_TEST_VA is a list
 * of words, "ihd-lp,filler,delay=5000". The first is a driver, the others are misfortunes. A second
 * device of the machine is MIRACAST_TEST_VA_SECOND. Knows no libva object.
 */
#ifndef VA_DRIVER_PERSONALITY_H
#define VA_DRIVER_PERSONALITY_H

#include <stdbool.h>
#include <stdint.h>

struct personality {
	const char *name;
	const char *vendor;
	uint32_t rc_slice, rc_lp; /* VA_RC_ bits; 0: no such entry point */
	uint32_t packed;	  /* VA_ENC_PACKED_HEADER_ bits */
	bool writes_headers;	  /* SPS and PPS where the client packs none */
	uint8_t frame_num_bits;	  /* in headers of its own making; 0: as the client says */
	bool zero_nal_header;	  /* where the client packs no slice header */
	bool no_sync_buffer;
	bool no_derive;
	bool no_import;
	bool no_vpp;
	bool mesa; /* shaders have a cache in files, and conversions are left to the encoder, if allowed */
	uint32_t pitch_align; /* of imported buffers, bytes */
	bool max_frame_size;
	bool intra_refresh;
	uint32_t quality_levels; /* 0: not offered */

	bool filler;				   /* NAL units of type 12 behind the slice */
	bool padding;				   /* zero bytes behind it */
	bool split;				   /* the coded buffer in three segments */
	bool low_power_hangs;			   /* and EncSlice is there as well */
	bool wrong_matrix;			   /* BT.601 whatever was asked */
	bool full_range;			   /* full range whatever was asked */
	uint32_t rate_percent;			   /* of the rate asked for, that it aims at */
	uint32_t delay_us;			   /* of each job */
	long error_after, hang_after, crash_after; /* pictures; -1: never */
};

/* What the environment asks for; false: it names something unknown. */
bool personality_get(bool second, struct personality *ret);

#endif

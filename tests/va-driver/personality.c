// SPDX-License-Identifier: GPL-2.0-or-later
#include "personality.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <va/va.h>

#define RC_ALL (VA_RC_CQP | VA_RC_CBR | VA_RC_VBR)
#define PACKED_ALL                                                      \
	(VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_PICTURE | \
	 VA_ENC_PACKED_HEADER_SLICE | VA_ENC_PACKED_HEADER_MISC | VA_ENC_PACKED_HEADER_RAW_DATA)

/* The sources of what is known of each driver are in daemon/encode/encoder-vaapi-quirks.c. */
static const struct personality known[] = {
	{
		.name = "ihd-lp",
		.vendor = "Intel iHD driver for Intel(R) Gen Graphics - 0.0.0 (miracast test)",
		.rc_lp = RC_ALL,
		.packed = PACKED_ALL,
		.writes_headers = true,
		.max_frame_size = true,
		.intra_refresh = true,
		.quality_levels = 7,
	},
	{
		.name = "ihd-nohuc",
		.vendor = "Intel iHD driver for Intel(R) Gen Graphics - 0.0.0 (miracast test)",
		.rc_lp = VA_RC_CQP,
		.packed = PACKED_ALL,
		.writes_headers = true,
		.quality_levels = 7,
	},
	{
		.name = "i965",
		.vendor = "Intel i965 driver for Intel(R) Skylake - 0.0.0 (miracast test)",
		.rc_slice = RC_ALL,
		.packed = VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_PICTURE |
			  VA_ENC_PACKED_HEADER_MISC,
		.no_sync_buffer = true,
	},
	{
		.name = "radeonsi-old",
		.mesa = true,
		.vendor = "Mesa Gallium driver 0.0.0 for AMD Radeon (radeonsi, miracast test)",
		.rc_slice = RC_ALL,
		.writes_headers = true,
		.frame_num_bits = 5,
		.pitch_align = 256,
		.no_derive = true,
		.no_sync_buffer = true,
	},
	{
		.name = "radeonsi-2026",
		.mesa = true,
		.vendor = "Mesa Gallium driver 26.1.5 for AMD Radeon (radeonsi, miracast test)",
		.rc_slice = RC_ALL,
		.packed = VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_SLICE |
			  VA_ENC_PACKED_HEADER_RAW_DATA,
		.writes_headers = true,
		.zero_nal_header = true,
		.max_frame_size = true,
		.intra_refresh = true,
		.quality_levels = 32,
		.pitch_align = 256,
		.no_derive = true,
	},
};

static bool set_driver(struct personality *p, const char *word)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, word) != 0)
			continue;
		*p = known[i];
		p->rate_percent = 100;
		p->error_after = p->hang_after = p->crash_after = -1;
		if (!p->pitch_align)
			p->pitch_align = 64;
		return true;
	}
	return false;
}

static bool set_flag(struct personality *p, const char *word)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "filler", &p->filler },
		{ "padding", &p->padding },
		{ "split-segments", &p->split },
		{ "wrong-matrix", &p->wrong_matrix },
		{ "full-range", &p->full_range },
		{ "no-derive-image", &p->no_derive },
		{ "refuse-import", &p->no_import },
		{ "no-vpp", &p->no_vpp },
		{ "low-power-hangs", &p->low_power_hangs },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(flags[i].word, word) != 0)
			continue;
		*flags[i].flag = true;
		if (p->low_power_hangs)
			p->rc_slice = RC_ALL;
		return true;
	}
	return false;
}

static bool set_number(struct personality *p, const char *word)
{
	unsigned int value;

	if (strcmp(word, "overshoot") == 0)
		p->rate_percent = 200;
	else if (sscanf(word, "delay=%u", &value) == 1)
		p->delay_us = value;
	else if (sscanf(word, "packed=%x", &value) == 1)
		p->packed = value;
	else if (sscanf(word, "error-after=%u", &value) == 1)
		p->error_after = value;
	else if (sscanf(word, "hang-after=%u", &value) == 1)
		p->hang_after = value;
	else if (sscanf(word, "crash-after=%u", &value) == 1)
		p->crash_after = value;
	else
		return false;
	return true;
}

bool personality_get(bool second, struct personality *ret)
{
	const char *list = getenv(second ? "MIRACAST_TEST_VA_SECOND" : "MIRACAST_TEST_VA");
	struct personality p;
	char copy[256], *rest = copy, *word;

	(void)set_driver(&p, known[0].name);
	(void)snprintf(copy, sizeof(copy), "%s", list ? list : "");
	while ((word = strsep(&rest, ",")) != NULL) {
		if (*word == '\0' || set_driver(&p, word) || set_flag(&p, word) ||
		    set_number(&p, word))
			continue;
		fprintf(stderr, "va-driver: MIRACAST_TEST_VA: \"%s\" is unknown\n", word);
		return false;
	}
	*ret = p;
	return true;
}

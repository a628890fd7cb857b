// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tables of WFD 5.1.5.1 to 5.1.5.3 and of MS-WFDPE 2.7.1.1.1 and 2.7.1.2.1, and the levels of
 * H.264; see wfd-modes.h.
 */
#include "rtsp/wfd-modes.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define MODE(w, h, hz)                                                     \
	{                                                                  \
		.mode = {.width = (w), .height = (h), .refresh_hz = (hz) } \
	}
#define INTERLACED(w, h, hz)                                                                    \
	{                                                                                       \
		.mode = { .width = (w), .height = (h), .refresh_hz = (hz) }, .interlaced = true \
	}
/* In these tables the even index is 30 Hz and the odd one after it 60 Hz. */
#define PAIR(w, h) MODE(w, h, 30), MODE(w, h, 60)

static const struct wfd_mode cea_modes[] = {
	MODE(640, 480, 60),	    MODE(720, 480, 60),	      INTERLACED(720, 480, 60),
	MODE(720, 576, 50),	    INTERLACED(720, 576, 50), MODE(1280, 720, 30),
	MODE(1280, 720, 60),	    MODE(1920, 1080, 30),     MODE(1920, 1080, 60),
	INTERLACED(1920, 1080, 60), MODE(1280, 720, 25),      MODE(1280, 720, 50),
	MODE(1920, 1080, 25),	    MODE(1920, 1080, 50),     INTERLACED(1920, 1080, 50),
	MODE(1280, 720, 24),	    MODE(1920, 1080, 24),
};

/* Bit 29, 1920x1200p60 in R2, is reserved in R1 and fits no level of it. */
static const struct wfd_mode vesa_modes[] = {
	PAIR(800, 600),	 PAIR(1024, 768),  PAIR(1152, 864),  PAIR(1280, 768),  PAIR(1280, 800),
	PAIR(1360, 768), PAIR(1366, 768),  PAIR(1280, 1024), PAIR(1400, 1050), PAIR(1440, 900),
	PAIR(1600, 900), PAIR(1600, 1200), PAIR(1680, 1024), PAIR(1680, 1050), MODE(1920, 1200, 30),
};

static const struct wfd_mode hh_modes[] = {
	PAIR(800, 480), PAIR(854, 480), PAIR(864, 480),
	PAIR(640, 360), PAIR(960, 540), PAIR(848, 480),
};

/* What comes behind them: from CEA bit 17 and VESA bit 29 on. The two lists number it differently. */
static const struct wfd_mode cea_modes_x[] = {
	PAIR(3840, 2160),     PAIR(4096, 2160),	    MODE(3840, 2160, 25), MODE(3840, 2160, 50),
	MODE(4096, 2160, 25), MODE(4096, 2160, 50), MODE(3840, 2160, 24), MODE(4096, 2160, 24),
};

static const struct wfd_mode vesa_modes_x[] = { PAIR(2560, 1440), PAIR(2560, 1600) };

static const struct wfd_mode cea_modes_r2[] = {
	MODE(3840, 2160, 24), MODE(3840, 2160, 25), MODE(3840, 2160, 30), MODE(3840, 2160, 50),
	MODE(3840, 2160, 60), MODE(4096, 2160, 24), MODE(4096, 2160, 25), MODE(4096, 2160, 30),
	MODE(4096, 2160, 50), MODE(4096, 2160, 60),
};

static const struct wfd_mode vesa_modes_r2[] = { MODE(1920, 1200, 60), PAIR(2560, 1440),
						 PAIR(2560, 1600) };

#define TRIPLE(w, h) PAIR(w, h), MODE(w, h, 24)

static const struct wfd_mode ms_modes[] = {
	TRIPLE(1920, 1280), TRIPLE(2160, 1440), TRIPLE(2256, 1504), TRIPLE(2736, 1824),
	TRIPLE(3000, 2000), TRIPLE(3240, 2160), TRIPLE(4500, 3000),
};

struct rows {
	const struct wfd_mode *modes;
	unsigned n;
};

#define ROWS_OF(table)         \
	{                      \
		table, ROWS(table) \
	}

static const char *const table_names[WFD_TABLES] = {
	[WFD_TABLE_CEA] = "CEA",
	[WFD_TABLE_VESA] = "VESA",
	[WFD_TABLE_HH] = "HH",
};

static const struct rows tables[WFD_TABLES] = {
	[WFD_TABLE_CEA] = ROWS_OF(cea_modes),
	[WFD_TABLE_VESA] = ROWS_OF(vesa_modes),
	[WFD_TABLE_HH] = ROWS_OF(hh_modes),
};

static const struct rows more[WFD_LISTS][WFD_TABLES] = {
	[WFD_LIST_X] = { [WFD_TABLE_CEA] = ROWS_OF(cea_modes_x),
			 [WFD_TABLE_VESA] = ROWS_OF(vesa_modes_x) },
	[WFD_LIST_R2] = { [WFD_TABLE_CEA] = ROWS_OF(cea_modes_r2),
			  [WFD_TABLE_VESA] = ROWS_OF(vesa_modes_r2) },
	[WFD_LIST_MS] = { [WFD_TABLE_CEA] = ROWS_OF(ms_modes) },
};

const char *wfd_table_to_string(enum wfd_table table)
{
	return table_names[table];
}

const struct wfd_mode *wfd_mode_get(enum wfd_list list, enum wfd_table table, unsigned index)
{
	const struct rows *rows = &more[list][table];

	if (list != WFD_LIST_MS && index < tables[table].n)
		return &tables[table].modes[index];
	if (list != WFD_LIST_MS)
		index -= tables[table].n;
	return index < rows->n ? &rows->modes[index] : NULL;
}

uint32_t wfd_table_mask(enum wfd_table table)
{
	return (UINT32_C(1) << tables[table].n) - 1;
}

/* ISO/IEC 14496-10 table A-1, in the order of the level field's bits. */
static const struct {
	uint8_t level_idc;
	uint32_t max_mbps; /* macroblocks a second */
	uint32_t max_fs;   /* macroblocks a frame */
	uint32_t max_kbps; /* of the Baseline profile */
} levels[] = {
	{ 31, 108000, 3600, 14000 }, { 32, 216000, 5120, 20000 }, { 40, 245760, 8192, 20000 },
	{ 41, 245760, 8192, 50000 }, { 42, 522240, 8704, 50000 }, { 50, 589824, 22080, 135000 },
	{ 51, 983040, 36864, 240000 }, { 52, 2073600, 36864, 240000 },
};

uint8_t wfd_level_from_bits(uint8_t bits)
{
	uint8_t level = levels[0].level_idc;

	for (size_t i = 0; i < ROWS(levels); i++)
		if (bits & 1u << i)
			level = levels[i].level_idc;
	return level;
}

uint8_t wfd_level_to_bit(uint8_t level_idc)
{
	for (size_t i = 0; i < ROWS(levels); i++)
		if (levels[i].level_idc == level_idc)
			return (uint8_t)(1u << i);
	return 0;
}

uint8_t wfd_level_for_mode(const struct media_mode *mode)
{
	uint32_t frame = ((mode->width + 15u) / 16) * ((mode->height + 15u) / 16);

	for (size_t i = 0; i < ROWS(levels); i++)
		if (frame <= levels[i].max_fs && frame * mode->refresh_hz <= levels[i].max_mbps)
			return levels[i].level_idc;
	return 0;
}

uint64_t wfd_level_max_bps(uint8_t level_idc, enum media_profile profile)
{
	for (size_t i = 0; i < ROWS(levels); i++)
		if (levels[i].level_idc == level_idc)
			return levels[i].max_kbps *
			       (profile == MEDIA_PROFILE_CHP ? UINT64_C(1250) : UINT64_C(1000));
	return 0;
}

uint64_t wfd_mode_pixel_rate(const struct media_mode *mode)
{
	return (uint64_t)mode->width * mode->height * mode->refresh_hz;
}

uint64_t wfd_mode_min_bps(const struct media_mode *mode)
{
	return wfd_mode_pixel_rate(mode) / 25;
}

bool wfd_mode_affordable(const struct media_mode *mode, uint64_t rate_bps)
{
	return wfd_mode_min_bps(mode) <= rate_bps;
}

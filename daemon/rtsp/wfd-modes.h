/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three mode tables of Wi-Fi Display (CEA, VESA, handheld), what its second release and Microsoft
 * add to them, the H.264 levels, and what each mode costs. Pure tables and arithmetic; knows no sink.
 */
#ifndef MIRACAST_RTSP_WFD_MODES_H
#define MIRACAST_RTSP_WFD_MODES_H

#include "miracast/media.h"

#define WFD_TABLES 3u

enum wfd_table { /* the values of the native field, WFD 5.1.5.4 */
	WFD_TABLE_CEA,
	WFD_TABLE_VESA,
	WFD_TABLE_HH,
};

/* Which parameter a mode is from: the same bit means another mode in another one. */
enum wfd_list {
	WFD_LIST_R1, /* wfd_video_formats */
	WFD_LIST_X,  /* wfdx_video_formats, MS-WFDPE 2.7.1.1: takes the place of R1's where it is */
	WFD_LIST_R2, /* wfd2_video_formats */
	WFD_LIST_MS, /* microsoft_video_formats, MS-WFDPE 2.7.1.2: one table, as WFD_TABLE_CEA */
	WFD_LISTS,
};

struct wfd_mode {
	struct media_mode mode;
	bool interlaced; /* never chosen */
};

const char *wfd_table_to_string(enum wfd_table table);
/* NULL: reserved. The index is the bit number. */
const struct wfd_mode *wfd_mode_get(enum wfd_list list, enum wfd_table table, unsigned index);
/* The bits of R1 that are not reserved, interlaced ones included. */
uint32_t wfd_table_mask(enum wfd_table table);

/* Levels are level_idc values; bits 0 to 7 of the level field are 3.1, 3.2, 4, 4.1, 4.2, 5, 5.1, 5.2. */
uint8_t wfd_level_from_bits(uint8_t bits);   /* the highest; 31 when none is known */
uint8_t wfd_level_to_bit(uint8_t level_idc); /* 0: not a level of those */
/* ISO/IEC 14496-10 table A-1: the smallest level of R1 whose MaxFS and MaxMBPS hold it; 0: none. */
uint8_t wfd_level_for_mode(const struct media_mode *mode);
/* MaxBR of the level, bit/s; a High profile has 1.25 times it. */
uint64_t wfd_level_max_bps(uint8_t level_idc, enum media_profile profile);

uint64_t wfd_mode_pixel_rate(const struct media_mode *mode); /* pixels a second */
/* The least rate at which the mode is worth sending: 0.04 bit a pixel (docs/contract.md). */
uint64_t wfd_mode_min_bps(const struct media_mode *mode);
bool wfd_mode_affordable(const struct media_mode *mode, uint64_t rate_bps);

#endif

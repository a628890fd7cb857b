/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of wfd_video_formats, of its relatives in MS-WFDPE 2.7 and of wfd_audio_codecs, as a sink
 * needs them: what did I offer, what was chosen, is the one in the other. Pure.
 */
#ifndef SINK_WFD_H
#define SINK_WFD_H

#include "analyse.h"
#include "message.h"

#define WFD_CODECS_MAX 8

enum wfd_table {
	WFD_CEA,
	WFD_VESA,
	WFD_HH,
	WFD_TABLES,
};

struct wfd_mode {
	unsigned width, height, fps;
	bool interlaced;
};

struct wfd_codec {
	uint32_t profile, level;
	uint64_t modes[WFD_TABLES];
	uint32_t min_slice_size; /* macroblocks; 0: one slice a picture */
	unsigned slices;	 /* at most */
	bool plain_maximum; /* "none none" */
};

struct wfd_formats {
	bool extended; /* wfdx_video_formats */
	uint64_t microsoft; /* of microsoft_video_formats beside it */
	uint32_t native, preferred;
	size_t count; /* of codecs, 0 for "none" */
	struct wfd_codec codecs[WFD_CODECS_MAX];
};

/* What M4 said, in words. */
struct wfd_choice {
	bool have_video, have_audio;
	struct wfd_mode mode;
	enum wfd_table table;
	unsigned index;
	unsigned profile_idc, level_idc;
	unsigned slices, min_slice_size; /* at most; at least, in macroblocks */
	enum audio_codec audio;
	unsigned audio_bit;
};

int wfd_formats_parse(struct text value, bool extended, struct wfd_formats *ret);
/* microsoft_video_formats; 0 for what cannot be read. */
uint64_t wfd_microsoft_parse(struct text value);
/* NULL for a reserved bit. */
const struct wfd_mode *wfd_mode_find(bool extended, enum wfd_table table, unsigned index);
const char *wfd_table_to_string(enum wfd_table table);

/* What is wrong with M4's value, given what was offered (NULL where that is unknown): a sentence,
 * or NULL if nothing is. Fills in as much of *choice as could be read. */
const char *wfd_choose_video(const struct wfd_formats *chosen, const struct wfd_formats *offered,
			     struct wfd_choice *choice);
const char *wfd_choose_audio(struct text value, struct text offered, struct wfd_choice *choice);

#endif

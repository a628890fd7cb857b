/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to send: the modes that sink, encoder and rate all carry, the best of them, the ladder of
 * retries, and the values of M4 that say so. Pure; talks to nobody.
 */
#ifndef MIRACAST_RTSP_WFD_CHOICE_H
#define MIRACAST_RTSP_WFD_CHOICE_H

#include "rtsp/wfd-params.h"

#define WFD_CHOICES_MAX 128u
#define WFD_LADDER_MAX	3u

/* What our side can do; the owner fills it from the media process's caps. */
struct wfd_caps {
	uint32_t profiles; /* bit per enum media_profile */
	uint8_t max_level_idc;
	uint16_t max_width, max_height; /* pixels */
	uint16_t max_refresh_hz;	/* 0: no limit */
	uint64_t max_pixel_rate;	/* pixels a second */
	uint32_t audio_codecs;		/* bit per enum media_audio_codec */
	enum media_audio_codec audio;	/* the one we like best */
};

/* One mode and how it is sent: exactly what M4 states. */
struct wfd_choice {
	struct media_mode mode;
	enum wfd_list list;
	enum wfd_table table;
	uint8_t index; /* bit number in the table */
	uint8_t codec; /* entry of wfd_sink_get_formats() */
	enum media_profile profile;
	uint8_t level_idc;	 /* the smallest that holds the mode */
	uint8_t slices;		 /* of a picture at most; 1: whole pictures only */
	uint16_t min_slice_size; /* macroblocks, of the smallest of them; 0 with one slice */
	/*
	 * Named in M4 whether or not sound is sent: dongles refuse M4 without one. NONE only when
	 * the sink has no audio at all.
	 */
	enum media_audio_codec audio;
};

/* The list that the display will offer: large first, then fast first. */
struct wfd_choices {
	size_t n;
	size_t preferred; /* index */
	bool reduced;	  /* the rate left out at least one mode */
	struct wfd_choice list[WFD_CHOICES_MAX];
};

/*
 * rate_bps is capped by the sink's own maximum. 0; -EOPNOTSUPP: no mode in common; -ENOSPC: the
 * rate does not carry the lowest mode of at least 1024x768 (the lowest mode at all when there is
 * none that large). Only modes that the sink listed, 640x480p60 no less than others.
 */
int wfd_choose(const struct wfd_sink *sink, const struct wfd_caps *caps, uint64_t rate_bps,
	       struct wfd_choices *ret);

/* The choice with exactly that mode; NULL: not in the list. */
const struct wfd_choice *wfd_choices_find(const struct wfd_choices *choices,
					  const struct media_mode *mode);

/*
 * What the first M4 tries one after the other: wanted, then 1280x720p30 and 640x480p60 as far as
 * they are in the list and less than it. Returns how many.
 */
size_t wfd_choices_ladder(const struct wfd_choices *choices, const struct wfd_choice *wanted,
			  struct wfd_choice ret[static WFD_LADDER_MAX]);

/* As a media format for the media process; audio as given by the owner, who knows if he has any. */
struct media_format wfd_choice_format(const struct wfd_choice *choice,
				      enum media_audio_codec audio);

/* "wfd_video_formats: ..." and so on, each with its line end; the list's own parameter. */
void wfd_write_video_formats(struct writer *w, const struct wfd_choice *choice, bool has_x);
void wfd_write_audio_codecs(struct writer *w, const struct wfd_choice *choice); /* none: nothing */
/* pts and dts in 90 kHz units, 33 bits. */
void wfd_write_format_change_timing(struct writer *w, uint64_t pts, uint64_t dts);

#endif

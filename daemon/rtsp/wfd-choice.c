// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The choice of mode, profile, level and audio codec, and the lines of M4 that state it
 * (WFD 6.1.3 and 6.4.4); see wfd-choice.h.
 */
#include "rtsp/wfd-choice.h"

#include "rtsp/wfd-edid.h"

#include <assert.h>
#include <errno.h>

/* Contract: a rate that does not carry this much is no rate for a display. */
#define FLOOR_WIDTH  1024u
#define FLOOR_HEIGHT 768u

/*
 * The bits of higher levels are reserved in wfd_video_formats. A sink sets them all the same where
 * it has Microsoft's modes, none of which fits a lower level.
 */
#define LEVEL_IDC_R1 42u

#define LPCM_48_STEREO (1u << 1)
#define AAC_48_STEREO  (1u << 0)

static bool is_size(const struct wfd_choice *c, uint16_t width, uint16_t height)
{
	return c->mode.width == width && c->mode.height == height;
}

static bool fits_caps(const struct media_mode *mode, const struct wfd_caps *caps)
{
	return mode->width <= caps->max_width && mode->height <= caps->max_height &&
	       (!caps->max_refresh_hz || mode->refresh_hz <= caps->max_refresh_hz) &&
	       wfd_mode_pixel_rate(mode) <= caps->max_pixel_rate;
}

/* High packs better: it is taken wherever both sides have it. False: none in common. */
static bool choose_profile(uint32_t profiles, enum media_profile *ret)
{
	if (!(profiles & (1u << MEDIA_PROFILE_CHP | 1u << MEDIA_PROFILE_CBP)))
		return false;
	*ret = profiles & 1u << MEDIA_PROFILE_CHP ? MEDIA_PROFILE_CHP : MEDIA_PROFILE_CBP;
	return true;
}

/*
 * A sink that lists the High profile alone is taken to decode Constrained Baseline as well, which
 * every sink has to: AOSP sends it the lower of both sides' profiles. Where a sink says itself what
 * it takes in Baseline, that holds.
 */
static uint32_t get_profiles(const struct wfd_video_formats *formats,
			     const struct wfd_video_codec *codec)
{
	uint32_t listed = 0;

	for (size_t i = 0; i < formats->n_codecs; i++)
		if (formats->codecs[i].codec == WFD_VIDEO_H264)
			listed |= formats->codecs[i].profiles;
	if (listed & 1u << MEDIA_PROFILE_CBP || !(codec->profiles & 1u << MEDIA_PROFILE_CHP))
		return codec->profiles;
	return codec->profiles | 1u << MEDIA_PROFILE_CBP;
}

/* Each level bit of a sink implies all lower levels. */
static bool try_codec(const struct wfd_sink *sink, const struct wfd_video_codec *codec,
		      const struct wfd_caps *caps, struct wfd_choice *c)
{
	uint64_t modes = c->list == WFD_LIST_MS ? sink->ms_video_formats : codec->modes[c->table];

	if (codec->codec != WFD_VIDEO_H264 || !(modes & UINT64_C(1) << c->index))
		return false;
	if (c->level_idc > codec->max_level_idc ||
	    (c->list == WFD_LIST_R1 && c->level_idc > LEVEL_IDC_R1))
		return false;
	return choose_profile(get_profiles(wfd_sink_get_formats(sink, c->list), codec) &
				      caps->profiles, &c->profile);
}

/* The entry of the sink that carries the mode; one with the High profile before one without. */
static bool choose_codec(const struct wfd_sink *sink, const struct wfd_caps *caps,
			 struct wfd_choice *c)
{
	const struct wfd_video_formats *formats = wfd_sink_get_formats(sink, c->list);
	bool found = false;

	for (uint8_t i = 0; i < formats->n_codecs; i++) {
		struct wfd_choice try = *c;

		if (!try_codec(sink, &formats->codecs[i], caps, &try))
			continue;
		if (found && (try.profile != MEDIA_PROFILE_CHP || c->profile == MEDIA_PROFILE_CHP))
			continue;
		try.codec = i;
		*c = try;
		found = true;
	}
	return found;
}

/* Slices are whole lines of macroblocks, and some may have a line less than the others. */
static void choose_slices(const struct wfd_video_codec *codec, struct wfd_choice *c)
{
	unsigned columns = (c->mode.width + 15u) / 16, lines = (c->mode.height + 15u) / 16;
	unsigned most = codec->max_slices < MEDIA_SLICES_MAX ? codec->max_slices : MEDIA_SLICES_MAX;

	c->slices = 1;
	c->min_slice_size = 0;
	for (unsigned n = most; n > 1 && codec->min_slice_size > 0; n--) {
		unsigned smallest = lines / n * columns, largest = (lines + n - 1) / n * columns;

		if (smallest < codec->min_slice_size || smallest > UINT16_MAX)
			continue;
		if (codec->slice_ratio > 0 && largest > codec->slice_ratio * codec->min_slice_size)
			continue;
		c->slices = (uint8_t)n;
		c->min_slice_size = (uint16_t)smallest;
		return;
	}
}

static bool make_choice(const struct wfd_sink *sink, const struct wfd_caps *caps,
			struct wfd_choice *c)
{
	const struct wfd_mode *mode = wfd_mode_get(c->list, c->table, c->index);

	if (mode->interlaced || !fits_caps(&mode->mode, caps))
		return false;
	c->mode = mode->mode;
	c->level_idc = wfd_level_for_mode(&c->mode);
	if (!c->level_idc || c->level_idc > caps->max_level_idc)
		return false;
	if (!choose_codec(sink, caps, c))
		return false;
	choose_slices(&wfd_sink_get_formats(sink, c->list)->codecs[c->codec], c);
	return true;
}

/* Large first, then fast. */
static bool goes_before(const struct media_mode *a, const struct media_mode *b)
{
	unsigned area_a = (unsigned)a->width * a->height, area_b = (unsigned)b->width * b->height;

	return area_a != area_b ? area_a > area_b : a->refresh_hz > b->refresh_hz;
}

static void insert(struct wfd_choices *choices, const struct wfd_choice *c)
{
	size_t i = choices->n++;

	for (; i > 0 && goes_before(&c->mode, &choices->list[i - 1].mode); i--)
		choices->list[i] = choices->list[i - 1];
	choices->list[i] = *c;
}

/*
 * What sink and encoder have in common. A mode that is in two lists is sent by the first: the lists
 * are in the order in which sinks are likely to understand them. All of them hold 105 modes, so the
 * choices cannot overflow.
 */
static void collect(const struct wfd_sink *sink, const struct wfd_caps *caps, enum wfd_list list,
		    struct wfd_choices *choices)
{
	for (enum wfd_table table = 0; table < WFD_TABLES; table++)
		for (uint8_t i = 0; wfd_mode_get(list, table, i); i++) {
			struct wfd_choice c = { .list = list, .table = table, .index = i };

			if (make_choice(sink, caps, &c) && !wfd_choices_find(choices, &c.mode))
				insert(choices, &c);
		}
}

/* A source must not use wfd_video_formats where there is wfdx_video_formats (MS-WFDPE 2.7.1.1). */
static void collect_all(const struct wfd_sink *sink, const struct wfd_caps *caps,
			struct wfd_choices *choices)
{
	for (enum wfd_list list = 0; list < WFD_LISTS; list++)
		if (list != WFD_LIST_R1 || !sink->video_x.n_codecs)
			collect(sink, caps, list, choices);
}

static bool is_display_size(const struct media_mode *mode)
{
	return mode->width >= FLOOR_WIDTH && mode->height >= FLOOR_HEIGHT;
}

/* The mode that the rate must carry: the lowest of at least 1024x768, else the lowest. */
static const struct media_mode *find_floor(const struct wfd_choices *choices)
{
	const struct media_mode *lowest = NULL;

	for (size_t i = 0; i < choices->n; i++) {
		const struct media_mode *mode = &choices->list[i].mode;

		if (!lowest || is_display_size(mode) > is_display_size(lowest) ||
		    (is_display_size(mode) == is_display_size(lowest) &&
		     wfd_mode_pixel_rate(mode) < wfd_mode_pixel_rate(lowest)))
			lowest = mode;
	}
	return lowest;
}

static void drop_unaffordable(struct wfd_choices *choices, uint64_t rate_bps)
{
	size_t n = 0;

	for (size_t i = 0; i < choices->n; i++)
		if (wfd_mode_affordable(&choices->list[i].mode, rate_bps))
			choices->list[n++] = choices->list[i];
	choices->reduced = n < choices->n;
	choices->n = n;
}

static bool find_size(const struct wfd_choices *choices, uint16_t width, uint16_t height,
		      size_t *ret)
{
	for (size_t i = 0; i < choices->n; i++) {
		if (!is_size(&choices->list[i], width, height))
			continue;
		*ret = i; /* the fastest of this size: the list is in that order */
		return true;
	}
	return false;
}

static size_t find_fullest(const struct wfd_choices *choices, bool cea_only)
{
	uint64_t best_rate = 0;
	size_t best = 0;

	for (size_t i = 0; i < choices->n; i++) {
		const struct wfd_choice *c = &choices->list[i];
		uint64_t rate = wfd_mode_pixel_rate(&c->mode);

		if (rate <= best_rate || (cea_only && c->table != WFD_TABLE_CEA))
			continue;
		best_rate = rate;
		best = i;
	}
	return best;
}

/*
 * Most pixels a second. A television shows CEA modes unscaled, so one of them wins over a VESA mode
 * that has a little more (1360x768p60 over 1920x1080p30 at level 4 would be such a bargain).
 */
static size_t choose_fullest(const struct wfd_choices *choices)
{
	size_t any = find_fullest(choices, false), cea = find_fullest(choices, true);
	uint64_t rate_any = wfd_mode_pixel_rate(&choices->list[any].mode);
	uint64_t rate_cea = wfd_mode_pixel_rate(&choices->list[cea].mode);

	return choices->list[cea].table == WFD_TABLE_CEA && rate_cea * 4 >= rate_any * 3 ? cea
											 : any;
}

/* The display's own size first: what its EDID prefers, then what the sink calls native. */
static size_t choose_preferred(const struct wfd_sink *sink, const struct wfd_choices *choices)
{
	uint16_t width, height;
	struct media_mode native;
	size_t found;

	if (wfd_edid_preferred_size(sink->edid, sink->edid_size, &width, &height) &&
	    find_size(choices, width, height, &found))
		return found;
	if (wfd_sink_get_native(sink, &native) &&
	    find_size(choices, native.width, native.height, &found))
		return found;
	return choose_fullest(choices);
}

/* LPCM costs no encoder and no delay; AAC where the sink lacks it or we are asked for it. */
static enum media_audio_codec choose_audio(const struct wfd_sink *sink, const struct wfd_caps *caps)
{
	bool aac = sink->audio.aac & AAC_48_STEREO && caps->audio_codecs & 1u << MEDIA_AUDIO_AAC;
	bool lpcm = sink->audio.lpcm & LPCM_48_STEREO;

	if (!sink->audio.lpcm && !sink->audio.aac && !sink->audio.ac3)
		return MEDIA_AUDIO_NONE;
	if (aac && (caps->audio == MEDIA_AUDIO_AAC || !lpcm))
		return MEDIA_AUDIO_AAC;
	/* 48 kHz LPCM is mandatory for every sink with sound, listed or not. */
	return MEDIA_AUDIO_LPCM;
}

int wfd_choose(const struct wfd_sink *sink, const struct wfd_caps *caps, uint64_t rate_bps,
	       struct wfd_choices *ret)
{
	struct wfd_choices choices = { 0 };
	enum media_audio_codec audio = choose_audio(sink, caps);

	if (sink->max_bitrate && sink->max_bitrate < rate_bps)
		rate_bps = sink->max_bitrate;
	collect_all(sink, caps, &choices);
	if (!choices.n)
		return -EOPNOTSUPP;
	if (!wfd_mode_affordable(find_floor(&choices), rate_bps))
		return -ENOSPC;
	drop_unaffordable(&choices, rate_bps);
	for (size_t i = 0; i < choices.n; i++)
		choices.list[i].audio = audio;
	choices.preferred = choose_preferred(sink, &choices);
	*ret = choices;
	return 0;
}

const struct wfd_choice *wfd_choices_find(const struct wfd_choices *choices,
					  const struct media_mode *mode)
{
	for (size_t i = 0; i < choices->n; i++)
		if (is_size(&choices->list[i], mode->width, mode->height) &&
		    choices->list[i].mode.refresh_hz == mode->refresh_hz)
			return &choices->list[i];
	return NULL;
}

size_t wfd_choices_ladder(const struct wfd_choices *choices, const struct wfd_choice *wanted,
			  struct wfd_choice ret[static WFD_LADDER_MAX])
{
	static const struct media_mode steps[] = {
		{ .width = 1280, .height = 720, .refresh_hz = 30 },
		{ .width = 640, .height = 480, .refresh_hz = 60 },
	};
	size_t n = 0;

	ret[n++] = *wanted;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct wfd_choice *c = wfd_choices_find(choices, &steps[i]);

		if (c && wfd_mode_pixel_rate(&c->mode) < wfd_mode_pixel_rate(&ret[n - 1].mode))
			ret[n++] = *c;
	}
	return n;
}

struct media_format wfd_choice_format(const struct wfd_choice *choice, enum media_audio_codec audio)
{
	return (struct media_format){
		.mode = choice->mode,
		.profile = choice->profile,
		.level_idc = choice->level_idc,
		.slices = choice->slices,
		.audio = audio,
	};
}

/* One profile bit, one level bit, one mode bit over all tables; "none none", never zeros. */
static void write_r1(struct writer *w, const struct wfd_choice *c, const uint64_t *masks)
{
	text_write(
		w,
		"wfd_video_formats: 00 00 %02x %02x %08x %08x %08x 00 %04x %04x 00 none none\r\n",
		1u << c->profile, wfd_level_to_bit(c->level_idc), (unsigned)masks[WFD_TABLE_CEA],
		(unsigned)masks[WFD_TABLE_VESA], (unsigned)masks[WFD_TABLE_HH], c->min_slice_size,
		c->slices - 1u);
}

static void write_x(struct writer *w, const struct wfd_choice *c, const uint64_t *masks)
{
	text_write(
		w,
		"wfdx_video_formats: 0000 00 %04x %04x %010llx %010llx %08x 00 %04x %04x 00 none "
		"none\r\n",
		1u << c->profile, wfd_level_to_bit(c->level_idc),
		(unsigned long long)masks[WFD_TABLE_CEA], (unsigned long long)masks[WFD_TABLE_VESA],
		(unsigned)masks[WFD_TABLE_HH], c->min_slice_size, c->slices - 1u);
}

static void write_r2(struct writer *w, const struct wfd_choice *c, const uint64_t *masks)
{
	text_write(w,
		   "wfd2_video_formats: 00 01 %02x %04x %012llx %012llx %012llx 00 %04x %04x 00 "
		   "00\r\n",
		   1u << c->profile, wfd_level_to_bit(c->level_idc),
		   (unsigned long long)masks[WFD_TABLE_CEA],
		   (unsigned long long)masks[WFD_TABLE_VESA],
		   (unsigned long long)masks[WFD_TABLE_HH], c->min_slice_size, c->slices - 1u);
}

/* Microsoft's modes come with profile and level in the list that they augment (MS-WFDPE 2.7.1.2). */
void wfd_write_video_formats(struct writer *w, const struct wfd_choice *choice, bool has_x)
{
	uint64_t bit = UINT64_C(1) << choice->index, masks[WFD_TABLES] = { 0 };

	assert(choice->slices > 0);
	if (choice->list != WFD_LIST_MS)
		masks[choice->table] = bit;
	if (choice->list == WFD_LIST_R2)
		write_r2(w, choice, masks);
	else if (choice->list == WFD_LIST_X || (choice->list == WFD_LIST_MS && has_x))
		write_x(w, choice, masks);
	else
		write_r1(w, choice, masks);
	if (choice->list == WFD_LIST_MS)
		text_write(w, "microsoft_video_formats: %012llx\r\n", (unsigned long long)bit);
}

void wfd_write_audio_codecs(struct writer *w, const struct wfd_choice *choice)
{
	switch (choice->audio) {
	case MEDIA_AUDIO_NONE:
		return;
	case MEDIA_AUDIO_LPCM:
		text_write(w, "wfd_audio_codecs: LPCM %08x 00\r\n", LPCM_48_STEREO);
		return;
	case MEDIA_AUDIO_AAC:
		text_write(w, "wfd_audio_codecs: AAC %08x 00\r\n", AAC_48_STEREO);
		return;
	}
}

/* 33 bits, left-aligned in 40. */
void wfd_write_format_change_timing(struct writer *w, uint64_t pts, uint64_t dts)
{
	uint64_t mask = (UINT64_C(1) << 33) - 1;

	text_write(w, "wfd_av_format_change_timing: %010llx %010llx\r\n",
		   (unsigned long long)(pts & mask) << 7, (unsigned long long)(dts & mask) << 7);
}

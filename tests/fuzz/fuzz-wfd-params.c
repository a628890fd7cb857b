// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parameters of a sink, and the choice from them. What is chosen must be what the tables and the
 * caps allow, and what M4 then says must read back as exactly that one mode.
 */
#include "rtsp/wfd-choice.h"
#include "rtsp/wfd-edid.h"
#include "rtsp/wfd-modes.h"
#include "rtsp/wfd-quirks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wfd_sink sink, again;
static struct wfd_choices choices;

static void check_sink(void)
{
	struct media_mode native;

	assert(!(sink.present & sink.malformed));
	assert(sink.video.n_codecs <= WFD_CODECS_MAX);
	assert(sink.edid_size <= WFD_EDID_SIZE_MAX && sink.edid_size % WFD_EDID_BLOCK == 0);
	assert(!sink.edid_size || wfd_edid_is_valid(sink.edid, sink.edid_size));
	assert(strlen(sink.rtp.text) < sizeof(sink.rtp.text));
	assert(strlen(sink.friendly_name) < WFD_NAME_SIZE);
	for (size_t i = 0; i < sink.video.n_codecs; i++)
		for (enum wfd_table t = 0; t < WFD_TABLES; t++)
			assert(!(sink.video.codecs[i].modes[t] & ~(uint64_t)wfd_table_mask(t)));
	if (wfd_sink_get_native(&sink, &native))
		assert(native.width && native.height);
}

/* One codec, one profile, one level, one mode. */
static void check_slices(const struct wfd_video_codec *sinks, const struct wfd_choice *c)
{
	assert(c->slices > 0 && c->slices <= MEDIA_SLICES_MAX && c->slices <= sinks->max_slices);
	if (c->slices == 1)
		assert(c->min_slice_size == 0);
	else
		assert(sinks->min_slice_size > 0 && c->min_slice_size >= sinks->min_slice_size);
}

static void check_m4(const struct wfd_choice *c)
{
	char line[512];
	struct writer w = writer_init(line, sizeof(line));
	const struct wfd_video_formats *formats;
	const struct wfd_video_codec *codec;
	unsigned bits = 0;

	wfd_write_video_formats(&w, c, sink.video_x.n_codecs > 0);
	wfd_write_audio_codecs(&w, c);
	assert(!w.failed);
	memset(&again, 0, sizeof(again));
	wfd_sink_parse(&again, (struct text){ line, writer_size(&w) }, NULL);
	formats = wfd_sink_get_formats(&again, c->list);
	codec = &formats->codecs[0];
	assert(formats->n_codecs == 1 && !again.malformed);
	assert(again.video.n_codecs + again.video_x.n_codecs + again.video_2.n_codecs == 1);
	assert(codec->max_level_idc == c->level_idc && codec->profiles == 1u << c->profile);
	assert(codec->max_slices == c->slices && codec->min_slice_size == c->min_slice_size);
	check_slices(&wfd_sink_get_formats(&sink, c->list)->codecs[c->codec], c);
	for (enum wfd_table t = 0; t < WFD_TABLES; t++)
		bits += (unsigned)__builtin_popcountll(codec->modes[t]);
	if (c->list == WFD_LIST_MS)
		assert(bits == 0 && again.ms_video_formats >> c->index == 1);
	else
		assert(bits == 1 && codec->modes[c->table] >> c->index == 1);
}

static void check_choices(const struct wfd_caps *caps, uint64_t rate_bps)
{
	struct wfd_choice ladder[WFD_LADDER_MAX];

	assert(choices.n > 0 && choices.n <= WFD_CHOICES_MAX && choices.preferred < choices.n);
	for (size_t i = 0; i < choices.n; i++) {
		const struct wfd_choice *c = &choices.list[i];

		assert(!wfd_mode_get(c->list, c->table, c->index)->interlaced);
		assert(wfd_table_to_string(c->table)[0] != '\0');
		assert(c->level_idc <= caps->max_level_idc && c->mode.width <= caps->max_width);
		assert(caps->profiles & 1u << c->profile);
		assert(wfd_mode_affordable(&c->mode, rate_bps));
		assert(wfd_choices_find(&choices, &c->mode));
		assert(wfd_level_max_bps(c->level_idc, c->profile) > 0);
		assert(wfd_choice_format(c, c->audio).level_idc == c->level_idc);
		check_m4(c);
	}
	assert(wfd_choices_ladder(&choices, &choices.list[choices.preferred], ladder) > 0);
}

/* A size that has a level has a bit and a rate for it; one beyond all levels has neither. */
static void check_level(const uint8_t *data)
{
	struct media_mode mode = { .width = (uint16_t)(16 + data[0] * 64),
				   .height = (uint16_t)(16 + data[1] * 64),
				   .refresh_hz = (uint16_t)(24 + data[2]) };
	uint8_t level = wfd_level_for_mode(&mode);

	assert((level != 0) == (wfd_level_to_bit(level) != 0));
	assert((level != 0) == (wfd_level_max_bps(level, MEDIA_PROFILE_CBP) != 0));
}

/* Every bit of them has a name. */
static void check_quirks(uint32_t quirks)
{
	for (enum wfd_quirk q = 0; q < 32; q++)
		assert(!(quirks & WFD_QUIRK_BIT(q)) || wfd_quirk_to_string(q)[0] != '?');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wfd_caps caps = { .max_height = 4096, .max_pixel_rate = UINT64_MAX };
	uint64_t rate_bps, seen;
	struct text body, line;

	if (size < 4)
		return 0;
	check_level(data);
	caps.profiles = data[0] & 3u;
	caps.max_level_idc = data[0] & 4 ? 42 : 31;
	caps.max_width = data[0] & 8 ? 1280 : 4096;
	caps.max_refresh_hz = data[0] & 16 ? 30 : 0;
	caps.audio = data[0] & 32 ? MEDIA_AUDIO_AAC : MEDIA_AUDIO_LPCM;
	caps.audio_codecs = data[0] & 64 ? UINT32_MAX : 1u << MEDIA_AUDIO_LPCM;
	rate_bps = (uint64_t)(data[1] << 8 | data[2]) * 1000;
	body = (struct text){ (const char *)data + 4, size - 4 };
	memset(&sink, 0, sizeof(sink));
	/* A separator makes it two bodies, the second of which updates the first. */
	while (text_split(&body, (char)data[3], &line)) {
		wfd_sink_parse(&sink, line, &seen);
		check_sink();
	}
	if (wfd_choose(&sink, &caps, rate_bps, &choices) == 0)
		check_choices(&caps, rate_bps);
	check_quirks(wfd_quirks_find(&(struct wfd_identity){
		.agent = text_from(sink.friendly_name),
		.manufacturer = text_from(sink.manufacturer),
		.model = text_from(sink.model),
	}));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Format parameters: values -> structs (WFD 6.1, MS-WFDPE 2.7); see wfd-formats.h.
 *
 * Sinks leave fields out at the end, pad them with zeros and set reserved bits. What is missing at
 * the end counts as 0; a field that is no number, or too large, makes its entry unusable.
 */
#include "rtsp/wfd-formats.h"

#include <errno.h>

#define FIELDS_MAX    12u
#define PROFILES_R1   0x3u /* CBP, CHP; H.265 and profiles with CABAC are nothing that we send */
#define FIELDS_NEEDED 5u   /* profile, level and the three masks */
#define SLICES_MASK   0x3ffu

#define SLICE_RATIO_SHIFT 10
#define SLICE_RATIO_MASK  7u

struct fields {
	size_t n;
	uint64_t at[FIELDS_MAX]; /* 0 for "none" and for what is missing */
};

/* The words of one entry as numbers; words beyond FIELDS_MAX are not looked at. */
static int parse_fields(struct text entry, struct fields *ret)
{
	struct fields f = { 0 };
	struct text word;

	while (f.n < FIELDS_MAX && text_word(&entry, &word)) {
		if (!text_is(word, "none") && text_hex(word, UINT64_MAX, &f.at[f.n]) < 0)
			return -EINVAL;
		f.n++;
	}
	*ret = f;
	return 0;
}

static uint16_t clamp_u16(uint64_t value)
{
	return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

static uint8_t clamp_u8(uint64_t value)
{
	return value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static int parse_codec(struct text entry, bool wide, struct wfd_video_codec *ret)
{
	struct fields f;

	if (parse_fields(entry, &f) < 0 || f.n < FIELDS_NEEDED)
		return -EINVAL;
	*ret = (struct wfd_video_codec){
		.codec = WFD_VIDEO_H264,
		.profiles = (uint32_t)(f.at[0] & PROFILES_R1),
		.max_level_idc = wfd_level_from_bits((uint8_t)f.at[1]),
		.latency = clamp_u8(f.at[5]),
		.min_slice_size = clamp_u16(f.at[6]),
		.max_slices = (uint16_t)((f.at[7] & SLICES_MASK) + 1),
		.slice_ratio = f.at[7] >> SLICE_RATIO_SHIFT & SLICE_RATIO_MASK,
		.frame_rate_control = (uint8_t)f.at[8],
		.max_width = clamp_u16(f.at[9]),
		.max_height = clamp_u16(f.at[10]),
	};
	for (unsigned t = 0; t < WFD_TABLES; t++)
		ret->modes[t] = f.at[2 + t] & (wide ? UINT64_MAX : wfd_table_mask(t));
	return 0;
}

/* Two fields, which belong to all entries, stand in front of the first. */
static int parse_native(struct text *value, bool *ret_preferred, uint64_t *ret_native)
{
	struct text native, preferred;
	uint64_t number;

	if (!text_word(value, &native) || !text_word(value, &preferred))
		return -EINVAL;
	if (text_hex(native, UINT16_MAX, ret_native) < 0 ||
	    text_hex(preferred, UINT16_MAX, &number) < 0)
		return -EINVAL;
	*ret_preferred = number & 1;
	return 0;
}

static int parse_video_formats(struct text value, bool wide, struct wfd_video_formats *ret)
{
	struct wfd_video_formats v = { 0 };
	uint64_t native = 0;
	struct text entry;

	if (parse_native(&value, &v.preferred_mode_supported, &native) < 0)
		return -EINVAL;
	v.native = (uint16_t)native;
	while (v.n_codecs < WFD_CODECS_MAX && text_split(&value, ',', &entry))
		if (parse_codec(entry, wide, &v.codecs[v.n_codecs]) == 0)
			v.n_codecs++;
	if (!v.n_codecs)
		return -EINVAL;
	*ret = v;
	return 0;
}

int wfd_video_formats_parse(struct text value, struct wfd_video_formats *ret)
{
	return parse_video_formats(value, false, ret);
}

int wfdx_video_formats_parse(struct text value, struct wfd_video_formats *ret)
{
	return parse_video_formats(value, true, ret);
}

static int parse_codec_2(struct text entry, struct wfd_video_codec *ret)
{
	struct fields f;

	if (parse_fields(entry, &f) < 0 || f.n < 1 + FIELDS_NEEDED)
		return -EINVAL;
	*ret = (struct wfd_video_codec){
		.codec = clamp_u8(f.at[0]),
		.profiles = (uint32_t)(f.at[1] & PROFILES_R1),
		.max_level_idc = wfd_level_from_bits((uint8_t)f.at[2]),
		.modes = { f.at[3], f.at[4], f.at[5] },
		.latency = clamp_u8(f.at[6]),
		.min_slice_size = clamp_u16(f.at[7]),
		.max_slices = (uint16_t)((f.at[8] & SLICES_MASK) + 1),
		.slice_ratio = f.at[8] >> SLICE_RATIO_SHIFT & SLICE_RATIO_MASK,
		.frame_rate_control = (uint8_t)f.at[9],
	};
	return 0;
}

int wfd2_video_formats_parse(struct text value, struct wfd_video_formats *ret)
{
	struct wfd_video_formats v = { 0 };
	uint64_t native;
	struct text entry;

	if (!text_word(&value, &entry) || text_hex(entry, UINT8_MAX, &native) < 0)
		return -EINVAL;
	v.native = (uint16_t)native;
	while (v.n_codecs < WFD_CODECS_MAX && text_split(&value, ',', &entry))
		if (parse_codec_2(entry, &v.codecs[v.n_codecs]) == 0)
			v.n_codecs++;
	if (!v.n_codecs)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* native, preferred, profile, level, then the 3D capability bits of the first entry. */
int wfd_3d_video_formats_parse(struct text value, uint64_t *ret_modes)
{
	struct text entry;
	struct fields f;

	if (!text_split(&value, ',', &entry) || parse_fields(entry, &f) < 0 || f.n < 5)
		return -EINVAL;
	*ret_modes = f.at[4];
	return 0;
}

static int parse_audio_codec(struct text entry, struct wfd_audio_codecs *a)
{
	struct text name, word;
	uint64_t modes, latency = 0;

	if (!text_word(&entry, &name) || !text_word(&entry, &word) ||
	    text_hex(word, UINT32_MAX, &modes) < 0)
		return -EINVAL;
	if (text_word(&entry, &word) && text_hex(word, UINT8_MAX, &latency) < 0)
		return -EINVAL;
	if (text_is(name, "LPCM") && !a->lpcm) {
		a->lpcm = (uint32_t)modes;
		a->lpcm_latency = (uint8_t)latency;
	} else if (text_is(name, "AAC") && !a->aac) {
		a->aac = (uint32_t)modes;
		a->aac_latency = (uint8_t)latency;
	} else if (text_is(name, "AC3") && !a->ac3) {
		a->ac3 = (uint32_t)modes;
		a->ac3_latency = (uint8_t)latency;
	}
	return 0;
}

int wfd_audio_codecs_parse(struct text value, struct wfd_audio_codecs *ret)
{
	struct wfd_audio_codecs a = { 0 };
	struct text entry;
	size_t n = 0;

	while (text_split(&value, ',', &entry))
		n += parse_audio_codec(entry, &a) == 0;
	if (!n)
		return -EINVAL;
	*ret = a;
	return 0;
}

/* Clock and timings in front of an H.264 entry, which says nothing we use. */
int wfd_preferred_mode_parse(struct text value, struct wfd_preferred_mode *ret)
{
	struct fields f;

	if (parse_fields(value, &f) < 0 || f.n < 7)
		return -EINVAL;
	*ret = (struct wfd_preferred_mode){
		.clock_10khz = (uint32_t)(f.at[0] & 0xffffff),
		.width = clamp_u16(f.at[1]),
		.horizontal_blank = clamp_u16(f.at[2]),
		.height = clamp_u16(f.at[5]),
		.vertical_blank = clamp_u16(f.at[6]),
	};
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Wi-Fi Display's mode tables and the choice of one entry out of them. */
#include "wfd.h"

#include <errno.h>
#include <string.h>

static const struct wfd_mode cea[] = {
	{ 640, 480, 60, false },   { 720, 480, 60, false },   { 720, 480, 60, true },
	{ 720, 576, 50, false },   { 720, 576, 50, true },    { 1280, 720, 30, false },
	{ 1280, 720, 60, false },  { 1920, 1080, 30, false }, { 1920, 1080, 60, false },
	{ 1920, 1080, 60, true },  { 1280, 720, 25, false },  { 1280, 720, 50, false },
	{ 1920, 1080, 25, false }, { 1920, 1080, 50, false }, { 1920, 1080, 50, true },
	{ 1280, 720, 24, false },  { 1920, 1080, 24, false },
};

static const struct wfd_mode vesa[] = {
	{ 800, 600, 30, false },   { 800, 600, 60, false },   { 1024, 768, 30, false },
	{ 1024, 768, 60, false },  { 1152, 864, 30, false },  { 1152, 864, 60, false },
	{ 1280, 768, 30, false },  { 1280, 768, 60, false },  { 1280, 800, 30, false },
	{ 1280, 800, 60, false },  { 1360, 768, 30, false },  { 1360, 768, 60, false },
	{ 1366, 768, 30, false },  { 1366, 768, 60, false },  { 1280, 1024, 30, false },
	{ 1280, 1024, 60, false }, { 1400, 1050, 30, false }, { 1400, 1050, 60, false },
	{ 1440, 900, 30, false },  { 1440, 900, 60, false },  { 1600, 900, 30, false },
	{ 1600, 900, 60, false },  { 1600, 1200, 30, false }, { 1600, 1200, 60, false },
	{ 1680, 1024, 30, false }, { 1680, 1024, 60, false }, { 1680, 1050, 30, false },
	{ 1680, 1050, 60, false }, { 1920, 1200, 30, false }, { 1920, 1200, 60, false },
};

static const struct wfd_mode hh[] = {
	{ 800, 480, 30, false }, { 800, 480, 60, false }, { 854, 480, 30, false },
	{ 854, 480, 60, false }, { 864, 480, 30, false }, { 864, 480, 60, false },
	{ 640, 360, 30, false }, { 640, 360, 60, false }, { 960, 540, 30, false },
	{ 960, 540, 60, false }, { 848, 480, 30, false }, { 848, 480, 60, false },
};

static const struct {
	const char *name;
	const struct wfd_mode *modes;
	size_t count;
} tables[WFD_TABLES] = {
	[WFD_CEA] = { "CEA", cea, sizeof(cea) / sizeof(*cea) },
	[WFD_VESA] = { "VESA", vesa, sizeof(vesa) / sizeof(*vesa) },
	[WFD_HH] = { "HH", hh, sizeof(hh) / sizeof(*hh) },
};

/* MS-WFDPE 2.7.1.1.1: CEA from bit 17 on, VESA from bit 29. */
static const struct wfd_mode cea_x[] = {
	{ 3840, 2160, 30, false }, { 3840, 2160, 60, false }, { 4096, 2160, 30, false },
	{ 4096, 2160, 60, false }, { 3840, 2160, 25, false }, { 3840, 2160, 50, false },
	{ 4096, 2160, 25, false }, { 4096, 2160, 50, false }, { 3840, 2160, 24, false },
	{ 4096, 2160, 24, false },
};

static const struct wfd_mode vesa_x[] = {
	{ 2560, 1440, 30, false },
	{ 2560, 1440, 60, false },
	{ 2560, 1600, 30, false },
	{ 2560, 1600, 60, false },
};

/* MS-WFDPE 2.7.1.2.1: three rates of each. */
static const struct wfd_mode microsoft[] = {
	{ 1920, 1280, 0, false }, { 2160, 1440, 0, false }, { 2256, 1504, 0, false },
	{ 2736, 1824, 0, false }, { 3000, 2000, 0, false }, { 3240, 2160, 0, false },
	{ 4500, 3000, 0, false },
};

#define CEA_X_FROM  17u
#define VESA_X_FROM 29u

const struct wfd_mode *wfd_mode_find(bool extended, enum wfd_table table, unsigned index)
{
	if (extended && table == WFD_CEA && index >= CEA_X_FROM)
		return index - CEA_X_FROM < sizeof(cea_x) / sizeof(*cea_x) ?
			       &cea_x[index - CEA_X_FROM] : NULL;
	if (extended && table == WFD_VESA && index >= VESA_X_FROM)
		return index - VESA_X_FROM < sizeof(vesa_x) / sizeof(*vesa_x) ?
			       &vesa_x[index - VESA_X_FROM] : NULL;
	return index < tables[table].count ? &tables[table].modes[index] : NULL;
}

static bool find_microsoft(unsigned index, struct wfd_mode *ret)
{
	static const unsigned rates[] = { 30, 60, 24 };

	if (index / 3 >= sizeof(microsoft) / sizeof(*microsoft))
		return false;
	*ret = microsoft[index / 3];
	ret->fps = rates[index % 3];
	return true;
}

const char *wfd_table_to_string(enum wfd_table table)
{
	return tables[table].name;
}

static struct text take_field(struct text *rest)
{
	struct text field;

	*rest = text_trim(*rest);
	field = (struct text){ rest->at, 0 };
	while (field.len < rest->len && rest->at[field.len] != ' ' && rest->at[field.len] != '\t' &&
	       rest->at[field.len] != ',')
		field.len++;
	rest->at += field.len;
	rest->len -= field.len;
	return field;
}

static bool take_comma(struct text *rest)
{
	*rest = text_trim(*rest);
	if (!rest->len || rest->at[0] != ',')
		return false;
	rest->at++;
	rest->len--;
	return true;
}

static bool parse_mask(struct text t, size_t digits, uint64_t *ret)
{
	uint64_t value = 0;

	if (!t.len || t.len > digits)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		char c = t.at[i];
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			digit = (uint32_t)(c - 'A' + 10);
		else
			return false;
		value = value << 4 | digit;
	}
	*ret = value;
	return true;
}

uint64_t wfd_microsoft_parse(struct text value)
{
	uint64_t mask;

	return parse_mask(text_trim(value), 12, &mask) ? mask : 0;
}

static bool parse_hex(struct text t, uint32_t *ret)
{
	uint64_t value;

	if (!parse_mask(t, 8, &value))
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool take_hex(struct text *rest, uint32_t *ret)
{
	return parse_hex(take_field(rest), ret);
}

static bool take_modes(struct text *rest, bool extended, uint64_t modes[static WFD_TABLES])
{
	const size_t digits[WFD_TABLES] = { extended ? 10 : 8, extended ? 10 : 8, 8 };

	for (unsigned i = 0; i < WFD_TABLES; i++)
		if (!parse_mask(take_field(rest), digits[i], &modes[i]))
			return false;
	return true;
}

static bool parse_codec(struct text *rest, bool extended, struct wfd_codec *ret)
{
	uint32_t ignored, slices = 0;
	bool ok = take_hex(rest, &ret->profile) && take_hex(rest, &ret->level) &&
		  take_modes(rest, extended, ret->modes) && take_hex(rest, &ignored) &&
		  take_hex(rest, &ret->min_slice_size) && take_hex(rest, &slices) &&
		  take_hex(rest, &ignored);
	struct text width, height;

	if (!ok)
		return false;
	ret->slices = (slices & 0x3ff) + 1;
	width = take_field(rest);
	height = take_field(rest);
	ret->plain_maximum = text_is(width, "none") && text_is(height, "none");
	return width.len && height.len;
}

int wfd_formats_parse(struct text value, bool extended, struct wfd_formats *ret)
{
	struct wfd_formats formats = { .extended = extended };
	struct text rest = text_trim(value);

	if (text_is(rest, "none")) {
		*ret = formats;
		return 0;
	}
	if (!take_hex(&rest, &formats.native) || !take_hex(&rest, &formats.preferred))
		return -EBADMSG;
	do {
		if (formats.count == WFD_CODECS_MAX ||
		    !parse_codec(&rest, extended, &formats.codecs[formats.count]))
			return -EBADMSG;
		formats.count++;
	} while (take_comma(&rest));
	if (text_trim(rest).len)
		return -EBADMSG;
	*ret = formats;
	return 0;
}

static unsigned count_bits(uint64_t value)
{
	return (unsigned)__builtin_popcountll(value);
}

static unsigned first_bit(uint64_t value)
{
	return (unsigned)__builtin_ctzll(value);
}

/* One slice is always right, and is said by zeros. */
static bool has_slices(const struct wfd_codec *offered, const struct wfd_codec *chosen)
{
	if (!chosen->min_slice_size)
		return chosen->slices == 1;
	return offered->min_slice_size && chosen->slices > 1 &&
	       chosen->slices <= offered->slices &&
	       chosen->min_slice_size >= offered->min_slice_size;
}

/*
 * Is there an offered codec with this profile, mode and at least this level? High alone includes
 * Constrained Baseline, which every sink decodes; sources are known to take the lower one.
 */
static bool is_offered(const struct wfd_formats *offered, const struct wfd_formats *chosen,
		       enum wfd_table table)
{
	const struct wfd_codec *codec = &chosen->codecs[0];
	uint32_t implied = 1;

	for (size_t i = 0; i < offered->count; i++)
		implied &= ~offered->codecs[i].profile;
	for (size_t i = 0; i < offered->count; i++) {
		const struct wfd_codec *o = &offered->codecs[i];
		uint32_t profile = o->profile & 2 ? o->profile | implied : o->profile;
		uint64_t modes = chosen->microsoft ? offered->microsoft & chosen->microsoft
						   : o->modes[table] & codec->modes[table];

		if (profile & codec->profile && modes && o->level >= codec->level &&
		    has_slices(o, codec))
			return true;
	}
	return false;
}

/* The one mode bit over all tables: its mode, or a complaint. */
static const char *find_chosen(const struct wfd_formats *chosen, struct wfd_choice *choice)
{
	const struct wfd_codec *codec = &chosen->codecs[0];
	unsigned modes = count_bits(chosen->microsoft);
	const struct wfd_mode *mode;

	for (unsigned i = 0; i < WFD_TABLES; i++) {
		modes += count_bits(codec->modes[i]);
		if (codec->modes[i])
			choice->table = i;
	}
	if (modes != 1)
		return "must have exactly one mode bit over the three tables";
	if (chosen->microsoft) {
		choice->index = first_bit(chosen->microsoft);
		return find_microsoft(choice->index, &choice->mode) ? NULL : "chooses a reserved mode";
	}
	choice->index = first_bit(codec->modes[choice->table]);
	mode = wfd_mode_find(chosen->extended, choice->table, choice->index);
	if (!mode)
		return "chooses a reserved mode";
	choice->mode = *mode;
	return NULL;
}

const char *wfd_choose_video(const struct wfd_formats *chosen, const struct wfd_formats *offered,
			     struct wfd_choice *choice)
{
	static const unsigned levels[] = { 31, 32, 40, 41, 42, 50, 51, 52 };
	const struct wfd_codec *codec = &chosen->codecs[0];
	bool is_wide = chosen->extended || chosen->microsoft;
	const char *wrong;

	if (chosen->count != 1)
		return "must have exactly one codec entry";
	choice->table = WFD_CEA;
	wrong = find_chosen(chosen, choice);
	if (wrong)
		return wrong;
	choice->have_video = true;
	choice->slices = codec->min_slice_size ? codec->slices : 1;
	choice->min_slice_size = codec->min_slice_size;
	if (codec->profile != 1 && codec->profile != 2)
		return "must have exactly one profile bit, 01 or 02";
	choice->profile_idc = codec->profile == 1 ? 66 : 100;
	if (count_bits(codec->level) != 1 || codec->level > (is_wide ? 0x80 : 0x10))
		return "must have exactly one level bit, 01 to 10";
	choice->level_idc = levels[first_bit(codec->level)];
	if (choice->mode.interlaced)
		return "chooses an interlaced mode";
	if (chosen->native || chosen->preferred)
		return "must begin with 00 00";
	if (!codec->plain_maximum)
		return "must end with none none";
	if (offered && !is_offered(offered, chosen, choice->table))
		return "chooses what was not offered";
	return NULL;
}

static enum audio_codec audio_from_name(struct text name)
{
	if (text_is(name, "LPCM"))
		return AUDIO_LPCM;
	if (text_is(name, "AAC"))
		return AUDIO_AAC;
	if (text_is(name, "AC3"))
		return AUDIO_AC3;
	return AUDIO_NONE;
}

static uint32_t offered_audio(struct text offered, enum audio_codec codec)
{
	uint32_t modes, latency;

	do {
		struct text name = take_field(&offered);

		if (!take_hex(&offered, &modes) || !take_hex(&offered, &latency))
			return 0;
		if (audio_from_name(name) == codec)
			return modes;
	} while (take_comma(&offered));
	return 0;
}

const char *wfd_choose_audio(struct text value, struct text offered, struct wfd_choice *choice)
{
	struct text rest = value;
	enum audio_codec codec;
	uint32_t modes, latency;

	if (text_is(text_trim(value), "none"))
		return "must name a codec";
	codec = audio_from_name(take_field(&rest));
	if (codec == AUDIO_NONE)
		return "names an unknown codec";
	if (!take_hex(&rest, &modes) || !take_hex(&rest, &latency))
		return "cannot be read";
	if (text_trim(rest).len)
		return "must have exactly one codec";
	if (count_bits(modes) != 1)
		return "must have exactly one mode bit";
	choice->have_audio = true;
	choice->audio = codec;
	choice->audio_bit = first_bit(modes);
	if (offered.at && !(offered_audio(offered, codec) & modes))
		return "chooses what was not offered";
	return NULL;
}

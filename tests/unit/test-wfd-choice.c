// SPDX-License-Identifier: GPL-2.0-or-later
/* Mode tables, levels, quirks, and the choice of what to send. */
#include "rtsp/wfd-choice.h"
#include "rtsp/wfd-quirks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct wfd_sink sink;
static struct wfd_choices choices;

static const struct wfd_caps caps = {
	.profiles = 1u << MEDIA_PROFILE_CBP | 1u << MEDIA_PROFILE_CHP,
	.max_level_idc = 52,
	.max_width = 4096,
	.max_height = 4096,
	.max_pixel_rate = UINT64_MAX,
	.audio_codecs = 1u << MEDIA_AUDIO_LPCM | 1u << MEDIA_AUDIO_AAC,
	.audio = MEDIA_AUDIO_LPCM,
};

static int choose_with(const struct wfd_caps *with, const char *video, uint64_t rate_bps)
{
	char body[1024];

	memset(&sink, 0, sizeof(sink));
	memset(&choices, 0, sizeof(choices));
	(void)snprintf(body, sizeof(body), "wfd_video_formats: %s\r\n", video);
	wfd_sink_parse(&sink, text_from(body), NULL);
	return wfd_choose(&sink, with, rate_bps, &choices);
}

static int choose(const char *video)
{
	return choose_with(&caps, video, 100000000);
}

static void expect(unsigned width, unsigned height, unsigned hz, enum media_profile profile,
		   unsigned level_idc)
{
	const struct wfd_choice *c = &choices.list[choices.preferred];

	assert_int_equal(c->mode.width, width);
	assert_int_equal(c->mode.height, height);
	assert_int_equal(c->mode.refresh_hz, hz);
	assert_int_equal(c->profile, profile);
	assert_int_equal(c->level_idc, level_idc);
}

static void test_tables(void **state)
{
	static const struct {
		enum wfd_table table;
		unsigned index;
		struct wfd_mode mode;
	} spots[] = {
		{ WFD_TABLE_CEA, 0, { { 640, 480, 60 }, false } },
		{ WFD_TABLE_CEA, 4, { { 720, 576, 50 }, true } },
		{ WFD_TABLE_CEA, 7, { { 1920, 1080, 30 }, false } },
		{ WFD_TABLE_CEA, 8, { { 1920, 1080, 60 }, false } },
		{ WFD_TABLE_CEA, 9, { { 1920, 1080, 60 }, true } },
		{ WFD_TABLE_CEA, 14, { { 1920, 1080, 50 }, true } },
		{ WFD_TABLE_CEA, 16, { { 1920, 1080, 24 }, false } },
		{ WFD_TABLE_VESA, 3, { { 1024, 768, 60 }, false } },
		{ WFD_TABLE_VESA, 12, { { 1366, 768, 30 }, false } },
		{ WFD_TABLE_VESA, 23, { { 1600, 1200, 60 }, false } },
		{ WFD_TABLE_VESA, 28, { { 1920, 1200, 30 }, false } },
		{ WFD_TABLE_HH, 7, { { 640, 360, 60 }, false } },
		{ WFD_TABLE_HH, 11, { { 848, 480, 60 }, false } },
	};
	unsigned n[WFD_TABLES] = { 0 }, interlaced = 0;

	(void)state;
	for (enum wfd_table t = 0; t < WFD_TABLES; t++)
		for (unsigned i = 0; i < 64; i++) {
			const struct wfd_mode *m = wfd_mode_get(WFD_LIST_R1, t, i);

			assert_int_equal(!!m, i < 32 && wfd_table_mask(t) >> i & 1);
			n[t] += !!m;
			interlaced += m && m->interlaced;
			assert_true(!m || (m->mode.width % 2 == 0 && m->mode.height % 2 == 0));
		}
	assert_int_equal(n[WFD_TABLE_CEA], 17);
	assert_int_equal(n[WFD_TABLE_VESA], 29);
	assert_int_equal(n[WFD_TABLE_HH], 12);
	assert_int_equal(interlaced, 4);
	for (size_t i = 0; i < sizeof(spots) / sizeof(spots[0]); i++)
		assert_memory_equal(wfd_mode_get(WFD_LIST_R1, spots[i].table, spots[i].index), &spots[i].mode,
				    sizeof(struct wfd_mode));
	assert_string_equal(wfd_table_to_string(WFD_TABLE_HH), "HH");
}

static void test_levels(void **state)
{
	static const struct {
		struct media_mode mode;
		uint8_t level;
	} cases[] = {
		{ { 640, 480, 60 }, 31 },   { { 1280, 720, 30 }, 31 },	{ { 1280, 720, 50 }, 32 },
		{ { 1280, 720, 60 }, 32 },  { { 1280, 1024, 30 }, 32 }, { { 1920, 1080, 24 }, 40 },
		{ { 1920, 1080, 30 }, 40 }, { { 1920, 1080, 50 }, 42 }, { { 1920, 1080, 60 }, 42 },
		{ { 1600, 1200, 30 }, 40 }, { { 1600, 1200, 60 }, 42 }, { { 1920, 1200, 30 }, 50 },
		{ { 1366, 768, 60 }, 42 },  { { 3840, 2160, 30 }, 51 }, { { 1920, 1280, 60 }, 50 },
		{ { 3840, 2160, 60 }, 52 }, { { 2560, 1600, 60 }, 51 }, { { 8192, 4320, 60 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(wfd_level_for_mode(&cases[i].mode), cases[i].level);
	assert_int_equal(wfd_level_from_bits(0), 31);
	assert_int_equal(wfd_level_from_bits(0x04), 40);
	assert_int_equal(wfd_level_from_bits(0xff), 52);
	assert_int_equal(wfd_level_to_bit(42), 0x10);
	assert_int_equal(wfd_level_to_bit(50), 0x20);
	assert_int_equal(wfd_level_to_bit(52), 0x80);
	assert_int_equal(wfd_level_to_bit(60), 0);
	assert_int_equal(wfd_level_max_bps(40, MEDIA_PROFILE_CBP), 20000000);
	assert_int_equal(wfd_level_max_bps(31, MEDIA_PROFILE_CHP), 17500000);
	assert_int_equal(wfd_level_max_bps(13, MEDIA_PROFILE_CHP), 0);
}

/* The figures of docs/contract.md, Mbit/s rounded to two places. */
static void test_affordable(void **state)
{
	static const struct {
		struct media_mode mode;
		uint64_t bps;
	} cases[] = {
		{ { 1024, 768, 30 }, 943718 },	 { { 1024, 768, 60 }, 1887436 },
		{ { 1280, 720, 60 }, 2211840 },	 { { 1920, 1080, 30 }, 2488320 },
		{ { 1920, 1080, 60 }, 4976640 }, { { 3840, 2160, 30 }, 9953280 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(wfd_mode_min_bps(&cases[i].mode), cases[i].bps);
		assert_true(wfd_mode_affordable(&cases[i].mode, cases[i].bps));
		assert_false(wfd_mode_affordable(&cases[i].mode, cases[i].bps - 1));
	}
}

#define ALL "0001ffff 1fffffff 00000fff"

static void test_best(void **state)
{
	(void)state;
	assert_int_equal(choose("00 00 03 10 " ALL), 0);
	expect(1920, 1080, 60, MEDIA_PROFILE_CHP, 42);
	assert_false(choices.reduced);
	/* 17 + 29 + 12, without 4 interlaced and one that fits no level */
	assert_int_equal(choices.n, 53);
	assert_int_equal(choose("00 00 01 04 " ALL), 0);
	expect(1920, 1080, 30, MEDIA_PROFILE_CBP, 40);
	assert_int_equal(choose("00 00 01 01 " ALL), 0);
	expect(1280, 720, 30, MEDIA_PROFILE_CBP, 31);
	/* No CEA mode of note: the VESA one. */
	assert_int_equal(choose("00 00 01 10 00000001 00000c00 00000000"), 0);
	expect(1360, 768, 60, MEDIA_PROFILE_CBP, 40);
}

/* Nothing that we may choose: 640x480p60 is mandatory for sinks, and yet it is not theirs. */
static void test_none(void **state)
{
	(void)state;
	assert_int_equal(choose("00 00 01 10 00004214 00000000 00000000"), -EOPNOTSUPP);
	assert_int_equal(choose("00 00 02 10 fffe0000 e0000000 fffff000"), -EOPNOTSUPP);
	assert_int_equal(choose("00 00 04 10 " ALL), -EOPNOTSUPP); /* a reserved profile */
	assert_int_equal(choose("00 00 01 00 " ALL), 0); /* no level: the lowest, which all have */
	expect(1280, 720, 30, MEDIA_PROFILE_CBP, 31);
	assert_int_equal(choose("00 00 01 10 00004215 00000000 00000000"), 0);
	expect(640, 480, 60, MEDIA_PROFILE_CBP, 31);
	assert_int_equal(choices.n, 1);
}

/* An encoder without High, and a sink that says nothing of Baseline, or little. */
static void test_baseline(void **state)
{
	struct wfd_caps baseline = caps;

	(void)state;
	baseline.profiles = 1u << MEDIA_PROFILE_CBP;
	assert_int_equal(choose_with(&baseline, "00 00 02 04 00000080 0 0", 100000000), 0);
	expect(1920, 1080, 30, MEDIA_PROFILE_CBP, 40);
	assert_int_equal(
		choose_with(&baseline, "00 00 02 04 00000081 0 0, 01 01 00000001 0 0", 100000000),
		0);
	expect(640, 480, 60, MEDIA_PROFILE_CBP, 31);
	assert_int_equal(choices.n, 1);
	baseline.profiles = 1u << MEDIA_PROFILE_CHP;
	assert_int_equal(choose_with(&baseline, "00 00 01 04 00000080 0 0", 100000000),
			 -EOPNOTSUPP);
}

static void test_order(void **state)
{
	(void)state;
	assert_int_equal(choose("00 00 03 10 " ALL), 0);
	for (size_t i = 1; i < choices.n; i++) {
		const struct media_mode *a = &choices.list[i - 1].mode, *b = &choices.list[i].mode;

		assert_true(a->width * a->height > b->width * b->height ||
			    (a->width * a->height == b->width * b->height &&
			     a->refresh_hz >= b->refresh_hz));
	}
}

static void test_native(void **state)
{
	(void)state;
	assert_int_equal(choose("28 00 01 10 " ALL), 0); /* CEA 5, 720p30: its size, at 60 */
	expect(1280, 720, 60, MEDIA_PROFILE_CBP, 32);
	assert_int_equal(choose("28 00 01 01 " ALL), 0);
	expect(1280, 720, 30, MEDIA_PROFILE_CBP, 31);
	assert_int_equal(choose("4a 00 01 10 00000181 00000000 00000200"), 0); /* HH 9 */
	expect(960, 540, 60, MEDIA_PROFILE_CBP, 32);
	assert_int_equal(choose("4a 00 01 10 00000181 00000000 00000000"), 0); /* not listed */
	expect(1920, 1080, 60, MEDIA_PROFILE_CBP, 42);
	assert_int_equal(choose("48 00 01 10 " ALL), 0); /* CEA 9 is interlaced */
	expect(1920, 1080, 60, MEDIA_PROFILE_CBP, 42);
}

/* The EDID's size goes before the native one, when it is in the list. */
static void test_edid(void **state)
{
	uint8_t edid[128] = { 0, 255, 255, 255, 255, 255, 255, 0 };

	(void)state;
	edid[54] = 1;
	edid[56] = 0x40, edid[58] = 0x60, edid[59] = 0x84, edid[61] = 0x30; /* 1600x900 */
	edid[127] = (uint8_t)(0 - (6 * 255 + 1 + 0x40 + 0x60 + 0x84 + 0x30));
	assert_int_equal(choose("28 00 01 10 " ALL), 0);
	memcpy(sink.edid, edid, sizeof(edid));
	sink.edid_size = sizeof(edid);
	assert_int_equal(wfd_choose(&sink, &caps, 100000000, &choices), 0);
	expect(1600, 900, 60, MEDIA_PROFILE_CBP, 42);
	sink.edid[127]++; /* a bad sum */
	assert_int_equal(wfd_choose(&sink, &caps, 100000000, &choices), 0);
	expect(1280, 720, 60, MEDIA_PROFILE_CBP, 32);
	/* Nothing in the tables has this size, and nobody allocates it. */
	memset(sink.edid + 56, 0xff, 6);
	sink.edid[127] = 0;
	for (unsigned i = 0; i < 127; i++)
		sink.edid[127] = (uint8_t)(sink.edid[127] - sink.edid[i]);
	assert_int_equal(wfd_choose(&sink, &caps, 100000000, &choices), 0);
	expect(1280, 720, 60, MEDIA_PROFILE_CBP, 32);
}

static void test_entries(void **state)
{
	(void)state;
	/* Two entries: High up to level 3.1, Baseline up to 4.2. */
	assert_int_equal(choose("00 00 01 10 000001a1 0 0, 02 01 00000021 0 0"), 0);
	expect(1920, 1080, 60, MEDIA_PROFILE_CBP, 42);
	assert_int_equal(choices.list[choices.preferred].codec, 0);
	const struct wfd_choice *c =
		wfd_choices_find(&choices, &(struct media_mode){ 1280, 720, 30 });
	assert_non_null(c);
	assert_int_equal(c->profile, MEDIA_PROFILE_CHP);
	assert_int_equal(c->codec, 1);
	assert_null(wfd_choices_find(&choices, &(struct media_mode){ 1280, 720, 60 }));
}

static void test_caps(void **state)
{
	struct wfd_caps few = caps;

	(void)state;
	few.profiles = 1u << MEDIA_PROFILE_CBP;
	few.max_level_idc = 40;
	assert_int_equal(choose_with(&few, "00 00 03 10 " ALL, 100000000), 0);
	expect(1920, 1080, 30, MEDIA_PROFILE_CBP, 40);
	few.max_width = 1280;
	few.max_height = 720;
	assert_int_equal(choose_with(&few, "00 00 03 10 " ALL, 100000000), 0);
	expect(1280, 720, 60, MEDIA_PROFILE_CBP, 32);
	few.max_refresh_hz = 30;
	assert_int_equal(choose_with(&few, "00 00 03 10 " ALL, 100000000), 0);
	expect(1280, 720, 30, MEDIA_PROFILE_CBP, 31);
	few.max_pixel_rate = 1000;
	assert_int_equal(choose_with(&few, "00 00 03 10 " ALL, 100000000), -EOPNOTSUPP);
	assert_int_equal(choose("none"), -EOPNOTSUPP);
	few = caps;
	few.profiles = 1u << MEDIA_PROFILE_CHP;
	assert_int_equal(choose_with(&few, "00 00 01 10 " ALL, 100000000), -EOPNOTSUPP);
}

static void test_rate(void **state)
{
	(void)state;
	/* Down to the lowest mode of at least 1024x768, here 1024x768p30: 943718 bit/s. */
	assert_int_equal(choose_with(&caps, "00 00 01 10 " ALL, 943718), 0);
	assert_true(choices.reduced);
	assert_int_equal(choose_with(&caps, "00 00 01 10 " ALL, 943717), -ENOSPC);
	/* None that large: the lowest at all is 640x360p30. */
	assert_int_equal(choose_with(&caps, "00 00 01 10 00000003 00000003 00000fff", 276480), 0);
	assert_int_equal(choose_with(&caps, "00 00 01 10 00000003 00000003 00000fff", 276479),
			 -ENOSPC);
	/* 1080p30 and 720p60 only: 720 lines are less than 768. */
	assert_int_equal(choose_with(&caps, "00 00 01 10 000000c1 0 0", 2488319), -ENOSPC);
	assert_int_equal(choose_with(&caps, "00 00 01 10 000001c1 0 0", 2488320), 0);
	assert_true(choices.reduced);
	expect(1920, 1080, 30, MEDIA_PROFILE_CBP, 40);
	assert_int_equal(choose_with(&caps, "00 00 01 10 000001c1 0 0", 4976640), 0);
	assert_false(choices.reduced);
	/* The sink's own word. */
	sink.max_bitrate = 2488320;
	assert_int_equal(wfd_choose(&sink, &caps, 30000000, &choices), 0);
	assert_true(choices.reduced);
}

static void test_audio(void **state)
{
	static const struct {
		const char *codecs;
		enum media_audio_codec like, audio;
	} cases[] = {
		{ "LPCM 00000003 00, AAC 00000001 00", MEDIA_AUDIO_LPCM, MEDIA_AUDIO_LPCM },
		{ "LPCM 00000003 00, AAC 00000001 00", MEDIA_AUDIO_AAC, MEDIA_AUDIO_AAC },
		{ "LPCM 00000003 00, AAC 00000001 00", MEDIA_AUDIO_NONE, MEDIA_AUDIO_LPCM },
		{ "LPCM 00000002 00", MEDIA_AUDIO_AAC, MEDIA_AUDIO_LPCM },
		{ "AAC 00000001 00", MEDIA_AUDIO_LPCM, MEDIA_AUDIO_AAC },
		{ "LPCM 00000001 00", MEDIA_AUDIO_LPCM, MEDIA_AUDIO_LPCM },
		{ "AC3 00000001 00", MEDIA_AUDIO_LPCM, MEDIA_AUDIO_LPCM },
		{ "AC3 00000000 00", MEDIA_AUDIO_LPCM, MEDIA_AUDIO_NONE },
		{ "none", MEDIA_AUDIO_LPCM, MEDIA_AUDIO_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wfd_caps with = caps;
		char body[256];

		with.audio = cases[i].like;
		(void)snprintf(body, sizeof(body), "00 00 01 01 1 0 0\r\nwfd_audio_codecs: %s\r\n",
			       cases[i].codecs);
		assert_int_equal(choose_with(&with, body, 10000000), 0);
		assert_int_equal(choices.list[0].audio, cases[i].audio);
	}
}

static void test_ladder(void **state)
{
	struct wfd_choice ladder[WFD_LADDER_MAX];

	(void)state;
	assert_int_equal(choose("00 00 03 10 " ALL), 0);
	assert_int_equal(wfd_choices_ladder(&choices, &choices.list[choices.preferred], ladder), 3);
	assert_int_equal(ladder[0].mode.height, 1080);
	assert_int_equal(ladder[1].mode.height, 720);
	assert_int_equal(ladder[1].mode.refresh_hz, 30);
	assert_int_equal(ladder[2].mode.height, 480);
	assert_int_equal(wfd_choices_ladder(&choices, &ladder[1], ladder), 2);
	assert_int_equal(wfd_choices_ladder(&choices, &ladder[1], ladder), 1);
	/* What the sink did not list is no rung either. */
	assert_int_equal(choose("00 00 03 10 00000080 0 0"), 0);
	assert_int_equal(wfd_choices_ladder(&choices, &choices.list[0], ladder), 1);
}

static void test_lines(void **state)
{
	struct wfd_choice c = {
		.table = WFD_TABLE_VESA,
		.index = 27,
		.profile = MEDIA_PROFILE_CHP,
		.level_idc = 42,
		.slices = 1,
		.audio = MEDIA_AUDIO_AAC,
	};
	char buffer[256] = "";
	struct writer w = writer_init(buffer, sizeof(buffer));

	(void)state;
	wfd_write_video_formats(&w, &c, false);
	wfd_write_audio_codecs(&w, &c);
	c.audio = MEDIA_AUDIO_NONE;
	wfd_write_audio_codecs(&w, &c);
	wfd_write_format_change_timing(&w, UINT64_MAX, 1);
	assert_string_equal(buffer, "wfd_video_formats: 00 00 02 10 00000000 08000000 00000000 00 "
				    "0000 0000 00 none none\r\n"
				    "wfd_audio_codecs: AAC 00000001 00\r\n"
				    "wfd_av_format_change_timing: ffffffff80 0000000080\r\n");
	assert_int_equal(wfd_choice_format(&c, MEDIA_AUDIO_LPCM).level_idc, 42);
	assert_int_equal(wfd_choice_format(&c, MEDIA_AUDIO_LPCM).audio, MEDIA_AUDIO_LPCM);
}

static void check_m4(const struct wfd_choice *c, bool has_x, const char *expected)
{
	char line[256];
	struct writer w = writer_init(line, sizeof(line) - 1);

	wfd_write_video_formats(&w, c, has_x);
	assert_false(w.failed);
	line[writer_size(&w)] = '\0';
	assert_string_equal(line, expected);
}

/* What a sink says of slices (min-slice-size, slice-enc-params) for 1280x720: 80 columns, 45 lines. */
static void expect_slices(const char *slices, unsigned n, const char *m4)
{
	char video[128], expected[192];

	(void)snprintf(video, sizeof(video),
		       "00 00 01 10 00000020 00000000 00000000 00 %s 00 none none", slices);
	(void)snprintf(
		expected, sizeof(expected),
		"wfd_video_formats: 00 00 01 01 00000020 00000000 00000000 00 %s 00 none none\r\n",
		m4);
	assert_int_equal(choose(video), 0);
	assert_int_equal(choices.list[0].slices, n);
	assert_int_equal(wfd_choice_format(&choices.list[0], MEDIA_AUDIO_NONE).slices, n);
	check_m4(&choices.list[0], false, expected);
}

static void test_slices(void **state)
{
	(void)state;
	expect_slices("0000 0000", 1, "0000 0000");
	expect_slices("0000 000f", 1, "0000 0000"); /* 0: whole pictures, whatever else is said */
	expect_slices("0050 0000", 1, "0000 0000"); /* one slice at most */
	expect_slices("0050 0002", 3, "04b0 0002"); /* 15 lines each */
	expect_slices("0001 0001", 2, "06e0 0001"); /* 22 and 23 */
	expect_slices("0001 03ff", 4, "0370 0003");
	expect_slices("0370 03ff", 4, "0370 0003"); /* 880 macroblocks: 11 lines */
	expect_slices("0371 03ff", 3, "04b0 0002"); /* 881: four would leave one with 880 */
	expect_slices("0e11 03ff", 1, "0000 0000"); /* more than the picture has */
	expect_slices("01e0 17ff", 4, "0370 0003"); /* 480 to 5 times as much */
	expect_slices("01e0 0bff", 4, "0370 0003"); /* to 960: 12 lines */
	expect_slices("01df 0bff", 1, "0000 0000"); /* to 958 */
	expect_slices("0001 1401", 1, "0000 0000"); /* one to five macroblocks is no picture */
	expect_slices("ffff ffff", 1, "0000 0000");
}

/* What the lists beside R1's add, how it is asked for, and which of two lists counts. */
static void choose_from(const char *lines, struct wfd_choices *ret)
{
	static struct wfd_sink from;
	const struct wfd_caps all = { .profiles = 1u << MEDIA_PROFILE_CBP,
				      .max_level_idc = 52,
				      .max_width = 4500,
				      .max_height = 3000,
				      .max_pixel_rate = UINT64_C(1) << 40 };

	memset(&from, 0, sizeof(from));
	wfd_sink_parse(&from, text_from(lines), NULL);
	assert_int_equal(wfd_choose(&from, &all, 30000000, ret), 0);
}

static void test_more_lists(void **state)
{
	struct wfd_choices c;

	(void)state;
	/* MS-WFDPE 2.7.1.1: CEA 19 is 4096x2160p30, VESA 30 is 2560x1440p60 */
	choose_from("wfd_video_formats: 00 00 01 10 000001ff 00000000 00000000 00 0000 0000 00 none none\r\n"
		    "wfdx_video_formats: 0000 00 0001 00ff 0000080020 0040000000 00000000 00 0000 0000 00 "
		    "none none\r\n",
		    &c);
	assert_int_equal(c.n, 3);
	check_m4(&c.list[0], true, "wfdx_video_formats: 0000 00 0001 0080 0000080000 0000000000 00000000 "
				   "00 0000 0000 00 none none\r\n");
	assert_int_equal(c.list[1].mode.width, 2560);
	assert_int_equal(c.list[1].mode.refresh_hz, 60);
	assert_int_equal(c.list[1].level_idc, 51);

	/* R2: CEA 19 is 3840x2160p30; H.265 and what R1 has already do not count */
	choose_from("wfd_video_formats: 00 00 01 10 00000080 00000000 00000000 00 0000 0000 00 none none\r\n"
		    "wfd2_video_formats: 00 02 01 00ff 000000100000 000000000000 000000000000 00 0000 0000 00, "
		    "01 01 0040 000000080080 000000000000 000000000000 00 0000 0000 00 00\r\n",
		    &c);
	assert_int_equal(c.n, 2);
	check_m4(&c.list[0], false, "wfd2_video_formats: 00 01 01 0040 000000080000 000000000000 "
				    "000000000000 00 0000 0000 00 00\r\n");
	assert_int_equal(c.list[1].list, WFD_LIST_R1);

	/* MS-WFDPE 2.7.1.2: with profile and level in wfd_video_formats, where the level allows it */
	choose_from("wfd_video_formats: 00 00 01 20 00000080 00000000 00000000 00 0000 0000 00 none none\r\n"
		    "microsoft_video_formats: 000000000403\r\n",
		    &c);
	assert_int_equal(c.n, 3); /* 2736x1824p60 wants level 5.2 */
	assert_int_equal(c.list[0].mode.height, 1280);
	assert_int_equal(c.list[0].mode.refresh_hz, 60);
	check_m4(&c.list[0], false, "wfd_video_formats: 00 00 01 20 00000000 00000000 00000000 00 0000 "
				    "0000 00 none none\r\nmicrosoft_video_formats: 000000000002\r\n");

	/* reserved bits of R1 stay reserved: VESA 28 fits no level of it */
	choose_from("wfd_video_formats: 00 00 01 ff 00000001 10000000 00000000 00 0000 0000 00 none none\r\n",
		    &c);
	assert_int_equal(c.n, 1);
}

static void test_more_natives(void **state)
{
	static struct wfd_sink from;
	struct media_mode native;

	(void)state;
	wfd_sink_parse(&from, text_from("wfd_video_formats: 38 00 01 10 00000080 0 0 00 0000 0000 00\r\n"
					"wfd2_video_formats: 4c 01 01 0040 000000080080 0 0 00 0 0 0 00\r\n"),
		       NULL);
	assert_true(wfd_sink_get_native(&from, &native)); /* R1's goes first */
	assert_int_equal(native.width, 1920);
	memset(&from.video, 0, sizeof(from.video));
	assert_true(wfd_sink_get_native(&from, &native)); /* index 19, table 0: R2 counts otherwise */
	assert_int_equal(native.width, 3840);
	assert_int_equal(native.refresh_hz, 30);
	wfd_sink_parse(&from, text_from("wfdx_video_formats: 0088 00 0001 0040 0000020000 0 0 00 0 0 0\r\n"),
		       NULL);
	assert_true(wfd_sink_get_native(&from, &native));
	assert_int_equal(native.width, 3840);
}

static void test_quirks(void **state)
{
	struct wfd_identity nobody = { 0 };
	struct wfd_identity roku = { .model = { "ROKU Express", 12 } };
	struct wfd_identity adapter = { .agent = { "x MSFT-WDD", 10 } };

	(void)state;
	assert_int_equal(wfd_quirks_find(&nobody), 0);
	assert_int_equal(wfd_quirks_find(&roku), WFD_QUIRK_BIT(WFD_QUIRK_NO_RTCP));
	assert_int_equal(wfd_quirks_find(&adapter), WFD_QUIRK_BIT(WFD_QUIRK_SHORT_M3));
	assert_int_equal(wfd_quirks_find(&(struct wfd_identity){ .manufacturer = text_from("xiaomi") }),
			 WFD_QUIRK_BIT(WFD_QUIRK_STEADY));
	assert_string_equal(wfd_quirk_to_string(WFD_QUIRK_NO_RTCP), "no-rtcp");
	assert_string_equal(wfd_quirk_to_string(WFD_QUIRK_STEADY), "steady");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),	   cmocka_unit_test(test_levels),
		cmocka_unit_test(test_affordable), cmocka_unit_test(test_best),
		cmocka_unit_test(test_none),	   cmocka_unit_test(test_baseline),
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_native),
		cmocka_unit_test(test_edid),	   cmocka_unit_test(test_entries),
		cmocka_unit_test(test_caps),	   cmocka_unit_test(test_rate),
		cmocka_unit_test(test_audio),	   cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_lines),	   cmocka_unit_test(test_quirks),
		cmocka_unit_test(test_more_lists), cmocka_unit_test(test_more_natives),
		cmocka_unit_test(test_slices),
	};

	return cmocka_run_group_tests_name("wfd-choice", tests, NULL, NULL);
}

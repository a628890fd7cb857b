// SPDX-License-Identifier: GPL-2.0-or-later
/* The contract, cases 15 to 28: what Start finds out, and the first mode. */
#include "contract-case.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* 1024x768p60 and nothing else: the floor of every rate. */
static const char one_mode[] = FORMATS("00000000", "00000008") AUDIO_AND_PORTS;

#define FLOOR_BPS UINT64_C(1887436) /* 1024 * 768 * 60 / 25 */

/* ---------------------------------------------------------------- monitor and modes */

static void test_good_start(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	assert_true(b->info.monitor_connected);
	assert_false(b->info.reduced_mode_list);
	assert_int_equal(b->head.n_plugs, 1);
	assert_true(b->media.is_streaming);
	bench_finish(b);
}

static void test_plug_after_start(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	assert_true(bench_noted_before(b, "start", "started:0")); /* M7 is answered before */
	assert_true(bench_noted_before(b, "started", "started:0"));
	assert_true(bench_noted_before(b, "started:0", "plug"));
	assert_true(bench_noted_before(b, "plug", "source:2:stream"));
	bench_finish(b);
}

/* The owner changes his mind in the very call: nothing is plugged. */
static void test_stop_in_started(void **state)
{
	struct bench *b = *state;

	b->in_started = 's';
	bench_run(b, 0);
	assert_int_equal(b->head.n_plugs, 0);
	bench_finish(b);
}

static void test_destroy_in_started(void **state)
{
	struct bench *b = *state;

	b->in_started = 'd';
	bench_run(b, 0);
	assert_null(b->session);
	assert_int_equal(b->head.n_plugs, 0);
	assert_false(b->head.is_open);
}

static void test_no_monitor(void **state)
{
	struct bench *b = *state;

	b->script.m3 = NO_MONITOR;
	bench_run(b, 0);
	assert_false(b->info.monitor_connected);
	bench_pass(b, 60 * S);
	assert_int_equal(b->head.n_plugs, 0);
	assert_int_equal(sink_count(&b->sink, "M4"), 0);
	assert_int_equal(session_get_state(b->session), SESSION_STARTED);
	bench_finish(b);
}

static void test_monitor_arrives(void **state)
{
	struct bench *b = *state;

	b->script.m3 = NO_MONITOR;
	bench_run(b, 0);
	b->sink.script.m3 = sink_tv;
	bench_pass(b, 6 * S);
	assert_int_equal(b->events[SESSION_EVENT_MONITOR_ARRIVE], 1);
	assert_int_equal(b->head.n_plugs, 1);
	assert_true(bench_noted_before(b, "event:1", "plug"));
	assert_int_equal(b->n_started, 1);
	bench_finish(b);
}

/* It says so itself, and is not asked again first. */
static void test_monitor_announced(void **state)
{
	struct bench *b = *state;

	b->script.m3 = NO_MONITOR;
	bench_run(b, 0);
	sink_request(&b->sink, "SET_PARAMETER", "Content-Type: text/parameters\r\n",
		     "wfd_video_formats: 40 00 03 10 0001bdeb 00000000 00000000 00 0000 0000 00 "
		     "none none\r\nwfd_connector_type: 05\r\n");
	bench_pass(b, 100 * MS);
	assert_int_equal(b->events[SESSION_EVENT_MONITOR_ARRIVE], 1);
	assert_int_equal(b->head.n_plugs, 1);
	assert_int_equal(sink_count(&b->sink, "M3"), 1);
	bench_finish(b);
}

static const char no_connector[] =
	FORMATS("00000001", "00000008") AUDIO_AND_PORTS
	"wfd_connector_type: none\r\nwfd_display_edid: none\r\n";

static void test_lenient(void **state)
{
	struct bench *b = *state;

	b->script.m3 = no_connector;
	bench_run(b, 0);
	assert_true(b->info.monitor_connected);
	bench_finish(b);
}

static void test_strict(void **state)
{
	struct bench *b = *state;

	b->script.m3 = no_connector;
	b->config.strict_monitor = true;
	bench_run(b, 0);
	assert_false(b->info.monitor_connected);
	assert_int_equal(b->head.n_plugs, 0);
	bench_finish(b);
}

static void test_too_slow(void **state)
{
	struct bench *b = *state;

	b->script.m3 = one_mode;
	b->stats.current_bps = 900000;
	bench_run(b, -ENOSPC);
	assert_int_equal(b->end.reason, SESSION_END_BANDWIDTH);
	assert_int_equal(b->end.stage, SESSION_STAGE_MODE);
	assert_int_equal(session_get_state(b->session), SESSION_STOPPED);
	assert_int_equal(sink_count(&b->sink, "M4"), 0);
	assert_int_equal(b->head.n_plugs, 0);
	bench_finish(b);
}

static bool has_mode(const struct bench *b, uint16_t width, uint16_t height, uint16_t refresh_hz)
{
	for (size_t i = 0; i < b->head.n_modes; i++)
		if (b->head.modes[i].width == width && b->head.modes[i].height == height &&
		    b->head.modes[i].refresh_hz == refresh_hz)
			return true;
	return false;
}

static void test_reduced(void **state)
{
	struct bench *b = *state;

	b->stats.current_bps = 3000000; /* 1080p30 needs 2.49, 1080p60 4.98 */
	bench_run(b, 0);
	assert_true(b->info.reduced_mode_list);
	assert_false(has_mode(b, 1920, 1080, 60));
	assert_true(has_mode(b, 1920, 1080, 30));
	assert_true(has_mode(b, 1280, 720, 60));
	bench_finish(b);
}

static void test_floor(void **state)
{
	struct bench *b = *state;

	b->script.m3 = one_mode;
	b->stats.current_bps = FLOOR_BPS;
	bench_run(b, 0);
	bench_finish(b);
}

static void test_below_floor(void **state)
{
	struct bench *b = *state;

	b->script.m3 = one_mode;
	b->stats.current_bps = FLOOR_BPS - 1;
	bench_run(b, -ENOSPC);
	bench_finish(b);
}

/* Our minimum must not make a link look better than it is: 1024x768p30 needs 0.94 Mbit/s. */
static void test_below_minimum(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000000", "00000004") AUDIO_AND_PORTS;
	b->stats.current_bps = 943717;
	bench_run(b, -ENOSPC);
	bench_finish(b);
}

/* The slowest of the three counts. */
static void test_remote_maximum(void **state)
{
	struct bench *b = *state;

	b->script.m3 = one_mode;
	b->stats.remote_max_bps = FLOOR_BPS - 1;
	bench_run(b, -ENOSPC);
	bench_finish(b);
}

static void test_small_modes_only(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000001", "00000003") AUDIO_AND_PORTS;
	b->stats.current_bps = 740000; /* 640x480p60 needs 737,280 */
	bench_run(b, 0);
	assert_int_equal(b->head.n_modes, 2); /* and 800x600p30 576,000 */
	bench_finish(b);
}

static void test_max_bitrate(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS
		"microsoft_max_bitrate: 4000000\r\n";
	bench_run(b, 0);
	assert_in_range(b->media.rate_bps, 3000000, 4000000);
	assert_int_equal(bench_rate(b, 18000000), 0);
	bench_pass(b, 30 * S);
	assert_in_range(b->media.rate_bps, 3000000, 4000000);
	bench_finish(b);
}

/* 720p30 and 2160p30, which only wfdx_video_formats has; 1080p30 is in the other one alone. */
static void test_one_table_in_m4(void **state)
{
	struct bench *b = *state;
	const struct sink_entry *m4;

	b->media.caps.max_level_idc = 52;
	b->media.caps.max_width = 4096;
	b->media.caps.max_height = 2304;
	b->media.caps.max_pixel_rate = 3840 * 2160 * 30;
	b->script.m3 =
		FORMATS("000000a1", "00000000") AUDIO_AND_PORTS
		"wfdx_video_formats: 0000 00 0001 0040 0000020020 0000000000 00000000 00 0000 0000 "
		"00 none none\r\n";
	bench_run(b, 0);
	m4 = sink_find(&b->sink, "M4", 0);
	assert_non_null(strstr(m4->text, "wfdx_video_formats: 0000 00 0001 0040 0000020000 0000000000 "
					 "00000000 00 0000 0000 00 none none\r\n"));
	assert_null(strstr(m4->text, "wfd_video_formats:"));
	assert_int_equal(b->head.n_modes, 2);
	assert_int_equal(b->head.modes[0].width, 3840);
	assert_int_equal(b->head.modes[1].width, 1280);
	bench_finish(b);
}

static void test_no_slices(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	/* min-slice-size 0000, slice-enc-params 0000: whole pictures */
	assert_non_null(strstr(sink_find(&b->sink, "M4", 0)->text, " 00 0000 0000 00 none none"));
	bench_finish(b);
}

static void test_no_hdcp(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS
		"wfd_content_protection: HDCP2.2 port=53002\r\n";
	bench_run(b, 0);
	assert_int_equal(b->head.n_plugs, 1);
	bench_finish(b);
}

static void test_bad_edid(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("00000021", "00000000") AUDIO_AND_PORTS
		"wfd_display_edid: 0002 00ffffffffffff0000\r\n";
	bench_run(b, 0);
	assert_int_equal(b->head.edid_size, 128);
	assert_memory_equal(b->head.edid, "\x00\xff\xff\xff\xff\xff\xff\x00\x5c\xc4", 10);
	bench_finish(b);
}

/* The kernel is the last judge of the sink's EDID. */
static void test_refused_edid(void **state)
{
	struct bench *b = *state;
	char m3[1024];
	size_t used;

	used = (size_t)snprintf(m3, sizeof(m3), "%s%swfd_display_edid: 0001 00ffffffffffff00",
				FORMATS("00000021", "00000000"), AUDIO_AND_PORTS);
	for (int i = 0; i < 119; i++)
		used += (size_t)snprintf(m3 + used, sizeof(m3) - used, "00");
	(void)snprintf(m3 + used, sizeof(m3) - used, "06\r\n"); /* 6 * 255 + 6 is a multiple of 256 */
	b->script.m3 = m3;
	bench_run(b, 0);
	assert_memory_equal(b->head.edid + 8, "\x00\x00", 2); /* the sink's own */
	bench_finish(b);
	bench_done(b);
	bench_init(b);
	b->script.m3 = m3;
	b->head.refuses_edid = true;
	bench_run(b, 0);
	assert_memory_equal(b->head.edid + 8, "\x5c\xc4", 2); /* a made one */
	assert_int_equal(session_get_state(b->session), SESSION_STARTED);
	bench_finish(b);
}

/* ---------------------------------------------------------------- a refused first mode */

static void test_ladder(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M4] = (struct sink_act){ SINK_REFUSES, 404, 1, 0 };
	bench_run(b, 0);
	assert_int_equal(sink_count(&b->sink, "M4"), 2);
	assert_false(has_mode(b, 1920, 1080, 60)); /* what was refused is not offered */
	assert_int_equal(b->media.format.mode.height, 720);
	bench_finish(b);
}

static void test_ladder_in_vain(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M4] = (struct sink_act){ SINK_REFUSES, 303, 0, 0 };
	bench_run(b, -EPROTO);
	assert_int_equal(b->end.reason, SESSION_END_MODE);
	assert_int_equal(sink_count(&b->sink, "M4"), 3);
	assert_int_equal(b->head.n_plugs, 0);
	bench_finish(b);
}

static void test_no_common_mode(void **state)
{
	struct bench *b = *state;

	b->config.mode_limit = (struct media_mode){ 320, 240, 30 };
	bench_run(b, -ENOTSUP);
	assert_int_equal(b->end.stage, SESSION_STAGE_MODE);
	bench_finish(b);
}

/* clang-format off */
static const struct CMUnitTest cases[] = {
	CASE("case 15: a good Start finds the monitor", test_good_start),
	CASE("case 16: the plug comes after the owner was told", test_plug_after_start),
	CASE("case 16: Stop inside ops.started: nothing is plugged", test_stop_in_started),
	CASE("case 16: Destroy inside ops.started", test_destroy_in_started),
	CASE("case 17: a sink without a monitor starts all the same", test_no_monitor),
	CASE("case 18: a monitor that arrives is plugged, once", test_monitor_arrives),
	CASE("case 18: a monitor that is announced is plugged at once", test_monitor_announced),
	CASE("case 19: formats without a connector are a monitor", test_lenient),
	CASE("case 19: but not for the strict", test_strict),
	CASE("case 20: a rate below the floor is ENOSPC before M4", test_too_slow),
	CASE("case 21: modes that the rate does not carry are left out", test_reduced),
	CASE("case 22: the floor itself is enough", test_floor),
	CASE("case 22: one bit a second less is not", test_below_floor),
	CASE("case 22: our minimum rate does not hide a slow link", test_below_minimum),
	CASE("case 22: the sink's radio counts, too", test_remote_maximum),
	CASE("case 23: small modes only: the lowest one counts", test_small_modes_only),
	CASE("case 24: microsoft_max_bitrate binds the encoder", test_max_bitrate),
	CASE("case 25: M4 names one list of formats", test_one_table_in_m4),
	CASE("case 26: whole pictures, no slices", test_no_slices),
	CASE("case 27: Start does without HDCP", test_no_hdcp),
	CASE("case 28: a broken EDID is replaced", test_bad_edid),
	CASE("case 28: an EDID that the kernel refuses is replaced", test_refused_edid),
	CASE("case 79: a refused first mode climbs down the ladder", test_ladder),
	CASE("case 79: all refused: sink-failed-mode-change", test_ladder_in_vain),
	CASE("case 84: no mode in common is ENOTSUP", test_no_common_mode),
};
/* clang-format on */

int main(void)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), "contract: start");
}

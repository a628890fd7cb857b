// SPDX-License-Identifier: GPL-2.0-or-later
/* The contract, cases 79 to 91: mode changes, format change, power, and what M3 and M6 settle. */
#include "contract-case.h"

#include <string.h>

static bool has_mode(const struct bench *b, uint16_t width, uint16_t height, uint16_t refresh_hz)
{
	for (size_t i = 0; i < b->head.n_modes; i++)
		if (b->head.modes[i].width == width && b->head.modes[i].height == height &&
		    b->head.modes[i].refresh_hz == refresh_hz)
			return true;
	return false;
}

static enum session_display get_display(const struct bench *b)
{
	struct session_status status;

	session_get_status(b->session, &status);
	return status.display;
}

/* ---------------------------------------------------------------- modes */

static void test_refused_later(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	bench_kernel_mode(b, 1920, 1080, 60);
	b->sink.script.acts[SINK_M4] = (struct sink_act){ SINK_REFUSES, 404, 2, 0 };
	bench_kernel_mode(b, 1280, 720, 60);
	bench_settle(b);
	assert_int_equal(session_get_state(b->session), SESSION_STARTED);
	assert_int_equal(b->n_ended, 0);
	assert_int_equal(b->media.format.mode.width, 1920); /* the last accepted one stays */
	assert_int_equal(b->head.n_plugs, 2);		    /* and the list is swapped */
	assert_int_equal(b->head.n_unplugs, 0);
	assert_false(has_mode(b, 1280, 720, 60));
	assert_true(has_mode(b, 1920, 1080, 60));
	assert_true(b->media.has_stream); /* the desktop is shown, letterboxed */
	assert_int_equal(b->media.fit_width, 1280);
	assert_int_equal(b->media.fit_height, 720);
	bench_kernel_mode(b, 1400, 1050, 60); /* nor was this one ever offered */
	assert_int_equal(b->media.fit_width, 1400);
	bench_kernel_mode(b, 1024, 768, 60); /* the user takes another one */
	assert_int_equal(b->media.format.mode.width, 1024);
	assert_int_equal(b->media.fit_width, 0);
	bench_finish(b);
}

static void test_in_band(void **state)
{
	struct bench *b = *state;

	b->script.m3 = FORMATS("000001a1", "00000008") AUDIO_AND_PORTS
		"microsoft_format_change_capability: supported\r\n";
	bench_run(b, 0);
	bench_kernel_mode(b, 1024, 768, 60);
	assert_int_equal(b->media.format.mode.width, 1024);
	assert_int_equal(sink_count(&b->sink, "M4"), 1);
	for (size_t i = 0; i < b->head.n_modes; i++) /* never faster than the sink said */
		assert_true(b->head.modes[i].refresh_hz <= 60);
	bench_finish(b);
}

static void test_by_m4(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M4].delay_us = 100 * MS;
	bench_run(b, 0);
	bench_kernel_mode(b, 1280, 720, 60);
	bench_pass(b, 50 * MS);
	assert_int_equal(b->media.format.mode.width, 1920); /* not before the sink agrees */
	assert_int_equal(b->media.fit_width, 0);	    /* and the old one waits for it */
	bench_pass(b, 60 * MS);
	assert_int_equal(b->media.format.mode.width, 1280);
	assert_int_equal(sink_count(&b->sink, "M4"), 2);
	assert_true(b->media.is_streaming);
	bench_finish(b);
}

/* The first commit of the desktop is mostly the mode that we preferred: no word is lost on it. */
static void test_same_mode(void **state)
{
	struct bench *b = *state;
	const struct media_mode *preferred;

	bench_run(b, 0);
	preferred = &b->head.modes[b->head.preferred];
	bench_kernel_mode(b, preferred->width, preferred->height, preferred->refresh_hz);
	bench_pass(b, S);
	assert_int_equal(sink_count(&b->sink, "M4"), 1);
	assert_int_equal(b->media.n_configures, 1);
	bench_finish(b);
}

static void test_list(void **state)
{
	struct bench *b = *state;

	b->media.caps.max_width = 1280;
	b->media.caps.max_height = 800;
	bench_run(b, 0);
	for (size_t i = 0; i < b->head.n_modes; i++) {
		assert_true(b->head.modes[i].width <= 1280 && b->head.modes[i].height <= 800);
		assert_true(b->head.modes[i].refresh_hz >= 24);
	}
	assert_true(has_mode(b, 1280, 720, 60));
	assert_false(has_mode(b, 720, 480, 0));
	bench_kernel_mode(b, 1920, 1080, 60); /* of a desktop that does not care */
	assert_int_equal(sink_count(&b->sink, "M4"), 1);
	bench_finish(b);
}

/* ---------------------------------------------------------------- power */

static const char sleepy[] = FORMATS("000001a1", "00000008") AUDIO_AND_PORTS
	"wfd_standby_resume_capability: supported\r\n";

static void test_standby(void **state)
{
	struct bench *b = *state;
	unsigned int n_keepalives;

	b->script.m3 = sleepy;
	bench_run(b, 0);
	bench_kernel_power(b, true);
	bench_kernel_power(b, false);
	bench_pass(b, 900 * MS);
	assert_int_equal(sink_count(&b->sink, "M12"), 0); /* a moment of grace */
	assert_true(b->media.is_streaming);
	bench_pass(b, 200 * MS);
	assert_int_equal(sink_count(&b->sink, "M12"), 1);
	assert_false(b->media.is_streaming);
	n_keepalives = sink_count(&b->sink, "M16");
	bench_pass(b, 120 * S);
	assert_true(sink_count(&b->sink, "M16") >= n_keepalives + 5);
	assert_int_equal(b->n_ended, 0);
	bench_kernel_power(b, true);
	assert_int_equal(sink_count(&b->sink, "M5-PLAY"), 1);
	assert_true(b->media.is_streaming);
	assert_true(b->media.has_stream);
	assert_true(b->media.n_idrs >= 1);
	assert_int_equal(sink_count(&b->sink, "M6-ok"), 1); /* no new session */
	bench_finish(b);
}

static void test_dark_picture(void **state)
{
	struct bench *b = *state;
	unsigned int n_idrs;

	bench_run(b, 0);
	bench_kernel_power(b, true);
	bench_kernel_power(b, false);
	bench_pass(b, 1100 * MS);
	assert_int_equal(sink_count(&b->sink, "M12"), 0);
	assert_true(b->media.is_streaming);
	assert_false(b->media.has_stream); /* media's own picture */
	assert_string_equal(b->media.text, "");
	assert_int_equal(get_display(b), SESSION_DISPLAY_ASLEEP);
	n_idrs = b->media.n_idrs;
	bench_kernel_power(b, true);
	assert_true(b->media.has_stream);
	assert_int_equal(b->media.n_idrs, n_idrs + 1);
	assert_int_equal(get_display(b), SESSION_DISPLAY_ON);
	bench_finish(b);
}

static void test_short_off(void **state)
{
	struct bench *b = *state;
	unsigned int n_sources;

	b->script.m3 = sleepy;
	bench_run(b, 0);
	bench_kernel_power(b, true);
	n_sources = b->media.n_sources;
	for (int i = 0; i < 10; i++) {
		bench_kernel_power(b, false);
		bench_pass(b, 900 * MS);
		bench_kernel_power(b, true);
		bench_pass(b, 900 * MS);
	}
	assert_int_equal(sink_count(&b->sink, "M12"), 0);
	assert_int_equal(b->media.n_sources, n_sources);
	bench_finish(b);
}

/* On again while the sink still thinks about M12. */
static void test_on_during_m12(void **state)
{
	struct bench *b = *state;

	b->script.m3 = sleepy;
	b->script.acts[SINK_M12].delay_us = S;
	bench_run(b, 0);
	bench_kernel_power(b, true);
	bench_kernel_power(b, false);
	bench_pass(b, 1500 * MS);
	assert_int_equal(sink_count(&b->sink, "M12"), 1);
	bench_kernel_power(b, true);
	bench_pass(b, 5 * S);
	assert_true(b->media.is_streaming);
	assert_int_equal(b->n_ended, 0);
	bench_pass(b, 60 * S);
	assert_int_equal(b->n_ended, 0);
	bench_finish(b);
}

static void test_off_in_desktop(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	assert_int_equal(get_display(b), SESSION_DISPLAY_WAITING);
	assert_non_null(strstr(b->media.text, "waiting for the desktop"));
	bench_pass(b, 9900 * MS);
	assert_int_equal(get_display(b), SESSION_DISPLAY_WAITING);
	bench_pass(b, 200 * MS);
	assert_int_equal(get_display(b), SESSION_DISPLAY_OFF_IN_DESKTOP);
	assert_string_equal(session_display_to_string(get_display(b)), "off-in-desktop");
	assert_non_null(strstr(b->media.text, "display settings"));
	assert_int_equal(b->n_ended, 0);
	bench_kernel_mode(b, 1920, 1080, 60);
	assert_int_equal(get_display(b), SESSION_DISPLAY_ON);
	assert_null(strstr(b->media.text, "display settings"));
	bench_finish(b);
}

/* ---------------------------------------------------------------- M3 and M6 */

/* What stands behind server_port=N in the answer to M6. */
static char get_after_port(const struct bench *b)
{
	const char *port = strcasestr(sink_find(&b->sink, "M6-ok", 0)->text, "server_port=");

	assert_non_null(port);
	port += strlen("server_port=");
	return port[strspn(port, "0123456789")];
}

static void test_server_ports(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	assert_int_not_equal(get_after_port(b), '-');
	bench_finish(b);
	bench_done(b);
	bench_init(b);
	b->script.rtcp = true;
	b->script.m3 = FORMATS("000001a1", "00000008") AUDIO_AND_PORTS
		"microsoft_rtcp_capability: supported\r\n";
	bench_run(b, 0);
	assert_int_equal(get_after_port(b), '-');
	bench_finish(b);
}

static void test_latency(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	assert_null(strstr(sink_find(&b->sink, "M4", 0)->text, "microsoft_latency_management"));
	bench_finish(b);
	bench_done(b);
	bench_init(b);
	b->script.m3 = FORMATS("000001a1", "00000008") AUDIO_AND_PORTS
		"microsoft_latency_management_capability: supported\r\n";
	bench_run(b, 0);
	assert_non_null(strstr(sink_find(&b->sink, "M4", 0)->text,
			       "microsoft_latency_management_capability: low"));
	bench_finish(b);
}

static void test_own_encoder(void **state)
{
	struct bench *b = *state;

	b->config.encoder = SESSION_ENCODER_X264;
	bench_run(b, 0);
	assert_int_equal(b->media.encoder, MEDIA_ENCODER_X264);
	/* Never more than the level allows, however good the link is. */
	assert_true(b->media.rate_bps <= 62500000);
	bench_finish(b);
	bench_done(b);
	bench_init(b);
	b->stats.current_bps = 30000000;
	b->script.m3 = "wfd_video_formats: 00 00 01 01 00000020 00000000 00000000 00 0000 0000 00 "
		       "none none\r\n" AUDIO_AND_PORTS;
	bench_run(b, 0);
	assert_true(b->media.rate_bps <= 14000000); /* level 3.1 */
	bench_finish(b);
}

/* clang-format off */
static const struct CMUnitTest cases[] = {
	CASE("case 79: a refused later mode leaves the list, the session goes on", test_refused_later),
	CASE("case 82: a new mode in-band where the sink follows", test_in_band),
	CASE("case 83: by M4 elsewhere, and not before its answer", test_by_m4),
	CASE("case 83: the mode that is sent already needs no word", test_same_mode),
	CASE("case 84: the list holds what sink, media and rate have in common", test_list),
	CASE("case 85: off is standby, on is the picture without a new session", test_standby),
	CASE("case 85: without standby a dark picture", test_dark_picture),
	CASE("case 85: off for a moment is nothing", test_short_off),
	CASE("case 85: on again before M12 is answered", test_on_during_m12),
	CASE("case 85: a display that the desktop leaves off", test_off_in_desktop),
	OPEN("case 87: open: needs the hardware cursor"),
	CASE("case 88: two server ports with RTCP, else one", test_server_ports),
	CASE("case 89: latency is set where the sink can", test_latency),
	OPEN("case 91: open: needs sound"),
	CASE("the encoder is the one that was asked for, within its level", test_own_encoder),
};
/* clang-format on */

int main(void)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), "contract: modes and power");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which of x264's presets this machine can afford: a trial at the beginning, then the time that each
 * picture takes. Knows nothing of what a preset means.
 */
#include "encode/encoder-x264.h"

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>

#define TRIAL_WIDTH	 640
#define TRIAL_HEIGHT	 368
#define TRIAL_NS	 (50 * NSEC_PER_MSEC) /* for each preset */
#define TRIAL_FRAMES_MIN 4

/* The better preset is left when it takes this share of a picture's time, and tried again later. */
#define SLOW_PERCENT 60
#define FAST_PERCENT 20
#define TRY_AGAIN_NS (10 * NSEC_PER_SEC)
#define TRY_LAST_NS  (320 * NSEC_PER_SEC) /* each failure doubles the wait up to this */

/* Pixels a second by preset, from the trial; 0: not measured. Once a process. */
static uint32_t speeds[SOFT_PRESETS];

/* ---- trial ---- */

/* Something like a window of text that scrolls: it moves, and is not easy. */
static void draw_trial(uint32_t *pixels, unsigned int number)
{
	for (unsigned int y = 0; y < TRIAL_HEIGHT; y++) {
		for (unsigned int x = 0; x < TRIAL_WIDTH; x++) {
			unsigned int v = (y + number * 3) / 2 * 7919 + x / 2 * 104729;
			bool ink = x > 80 && (v >> 4 & 3) == 0 && (y + number * 3) % 16 > 4;

			pixels[(size_t)y * TRIAL_WIDTH + x] = ink ? 0x202020 : 0xf0f0e0 - x / 4;
		}
	}
}

static int encode_trial(struct encoder *e, const uint32_t *pixels, unsigned int number,
			uint64_t *ret_ns)
{
	struct frame f = {
		.number = number,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = TRIAL_WIDTH,
		.height = TRIAL_HEIGHT,
		.planes = { (const uint8_t *)pixels },
		.pitches = { TRIAL_WIDTH * 4 },
		.dmabuf_fd = -1,
	};
	uint64_t start = clock_now_ns();
	struct packet p;
	int r = e->ops->submit(e, &f);

	if (r == 0)
		r = e->ops->output(e, &p);
	*ret_ns = clock_now_ns() - start;
	return r;
}

static void close_encoder(struct encoder **e)
{
	if (*e)
		(*e)->ops->close(*e);
}

/* Pixels a second of the fastest P picture: others on this machine only make it slower. */
static int measure(enum soft_preset preset, uint32_t *ret_speed)
{
	static const struct encoder_config config = {
		.format = { .mode = { TRIAL_WIDTH, TRIAL_HEIGHT, 60 },
			    .profile = MEDIA_PROFILE_CBP,
			    .level_idc = 40,
			    .slices = 1 },
		.rate_bps = 5000000,
	};
	_cleanup_(close_encoder) struct encoder *e = NULL;
	_cleanup_free_ uint32_t *pixels = calloc(TRIAL_WIDTH * TRIAL_HEIGHT, sizeof(*pixels));
	uint64_t best_ns = UINT64_MAX - 1, ns = 0, start = clock_now_ns(), speed;
	int r;

	if (!pixels)
		return -ENOMEM;
	r = soft_encoder_new(&config, preset, &e);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < TRIAL_FRAMES_MIN || clock_now_ns() - start < TRIAL_NS; i++) {
		draw_trial(pixels, i);
		r = encode_trial(e, pixels, i, &ns);
		if (r < 0)
			return r;
		if (i > 0 && ns < best_ns)
			best_ns = ns;
	}
	speed = UINT64_C(1) * TRIAL_WIDTH * TRIAL_HEIGHT * NSEC_PER_SEC / (best_ns + 1);
	*ret_speed = speed < UINT32_MAX ? (uint32_t)speed : UINT32_MAX;
	log_debug("x264: %s: %u Mpixel/s", soft_preset_name(preset), *ret_speed / 1000000);
	return 0;
}

int soft_speed_measure(uint32_t *ret)
{
	for (int preset = 0; preset < SOFT_PRESETS; preset++) {
		int r = measure((enum soft_preset)preset, &speeds[preset]);

		if (r < 0)
			return r;
	}
	*ret = speeds[SOFT_PRESET_ULTRAFAST];
	return 0;
}

/* The better preset only where it takes a third of a picture's time: latency comes first. */
enum soft_preset soft_speed_choose(const struct media_mode *mode)
{
	uint64_t wanted = (uint64_t)mode->width * mode->height * mode->refresh_hz;

	return wanted * 3 <= speeds[SOFT_PRESET_SUPERFAST] ? SOFT_PRESET_SUPERFAST
							   : SOFT_PRESET_ULTRAFAST;
}

/* ---- keeping up ---- */

/* What differs between the presets can be changed in the midst of a stream, without an IDR. */
static int set_preset(struct soft_encoder *e, enum soft_preset preset)
{
	x264_param_t param;
	int r = soft_param_set(&param, &e->config, preset);

	if (r < 0)
		return r;
	if (x264_encoder_reconfig(e->x264, &param) < 0)
		return -EIO;
	x264_encoder_parameters(e->x264, &e->param);
	e->preset = preset;
	log_debug("x264: %s from now on, a picture took %u us", soft_preset_name(preset),
		  (unsigned int)(e->took_ns / NSEC_PER_USEC));
	return 0;
}

/*
 * A machine that others keep busy gets the cheaper preset before it would drop pictures. The better
 * one comes back when there is time for it, less often each time that this turns out wrong.
 */
int soft_speed_follow(struct soft_encoder *e, uint64_t began_ns, uint64_t now_ns)
{
	uint64_t period_ns = NSEC_PER_SEC / e->config.format.mode.refresh_hz;

	e->took_ns = (7 * e->took_ns + now_ns - began_ns) / 8;
	if (e->preset == SOFT_PRESET_SUPERFAST && e->took_ns > period_ns * SLOW_PERCENT / 100) {
		e->wait_ns = e->wait_ns ? e->wait_ns : TRY_AGAIN_NS;
		e->try_ns = now_ns + e->wait_ns;
		e->wait_ns = 2 * e->wait_ns < TRY_LAST_NS ? 2 * e->wait_ns : TRY_LAST_NS;
		return set_preset(e, SOFT_PRESET_ULTRAFAST);
	}
	if (e->preset != e->best && now_ns >= e->try_ns &&
	    e->took_ns < period_ns * FAST_PERCENT / 100)
		return set_preset(e, e->best);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is known of the drivers by their vendor string. Only what a trial cannot find out stands
 * here: packed headers, entry points, profiles, colours are tried, not listed.
 *
 * Of all drivers:
 * - One slice a picture: several with a rate control gave garbage on Intel's low-power encoder
 *   (intel/media-driver issues 612, 805), and the frame comes back only when all of them are done.
 * - The input of the encoder is always our own NV12 surface: RGB into AMD's encoder hung machines
 *   (ammen99/wf-recorder issue 206), encoding from imported linear NV12 was corrupt (intel/libva
 *   issue 854). Mesa would do the former behind our back: where it may, its conversion only lets the
 *   encoder read the RGB surface later, when the desktop has its buffer back. "noefc" forbids that.
 * - Mesa opens files for each shader that it makes, in its cache, which is outside of the sandbox: it
 *   does without one.
 * - The coded buffer is waited for with vaSyncBuffer where it is implemented (libva 1.9), else with
 *   vaSyncSurface of the input surface.
 */
#include "encode/encoder-vaapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct vaapi_quirk quirks[] = {
	{
		/*
		 * VBR, because constant bit rate with so small a buffer looks bad and brings filler.
		 * CQP is all that the low-power encoder has without the HuC firmware.
		 */
		.vendor = "Intel iHD",
		.rc = { VA_RC_VBR, VA_RC_CBR, VA_RC_CQP },
		.hrd_frames = 4,
		.pitch_align = 64,
		.source = "LizardByte/Sunshine PRs 3332, 3337 and issue 3331; intel/media-driver's "
			  "README, known issue 2; bmegli/hardware-video-encoder issue 31",
	},
	{
		.vendor = "Intel i965",
		.rc = { VA_RC_VBR, VA_RC_CBR, VA_RC_CQP },
		.hrd_frames = 4,
		.pitch_align = 64,
		.source = "intel/intel-vaapi-driver PR 414 (rate changes), issue 312 (HuC)",
	},
	{
		/*
		 * A buffer of a second, or quality falls apart; the largest picture is then held by
		 * the maximum frame size. Overshoots when little moves: our outer loop. Its PPS says
		 * transform_8x8 where the hardware does not do it. Its images are not linear.
		 */
		.vendor = "AMD",
		.rc = { VA_RC_CBR, VA_RC_VBR, VA_RC_CQP },
		.hrd_frames = 0,
		.pitch_align = 256,
		.no_transform_8x8 = true,
		.no_derive = true,
		.source = "LizardByte/Sunshine PR 3337 and issues 2864, 3817; hypr-rdp PRs 22, 26; "
			  "intel/libva-utils issues 160, 188",
	},
	{
		/* Somebody else's: cautious, and what the trial says. */
		.vendor = "",
		.rc = { VA_RC_VBR, VA_RC_CBR, VA_RC_CQP },
		.hrd_frames = 4,
		.pitch_align = 256,
		.source = "none: the strictest of the above",
	},
};

/* All that Mesa reads of its environment it reads when the driver is loaded. */
void vaapi_quirks_set_environment(void)
{
	const char *given = getenv("AMD_DEBUG");
	char flags[256];

	(void)setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
	(void)setenv("MESA_GLSL_CACHE_DISABLE", "true", 1); /* its name before Mesa 21 */
	if (given && strstr(given, "noefc"))
		return;
	(void)snprintf(flags, sizeof(flags), "%s%snoefc", given ? given : "", given ? "," : "");
	(void)setenv("AMD_DEBUG", flags, 1);
}

const struct vaapi_quirk *vaapi_quirk_for(const char *vendor)
{
	const struct vaapi_quirk *q = quirks;

	while (!strstr(vendor ? vendor : "", q->vendor))
		q++;
	return q;
}

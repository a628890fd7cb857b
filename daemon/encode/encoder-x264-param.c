// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What x264 is told: the structure that every sink decodes, colours, rate, and where its messages
 * go. Knows no picture.
 */
#include "encode/encoder-x264.h"

#include "encode/convert.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QP_MIN	      16 /* finer is invisible and only burns the link */
#define QUALITY	      20 /* what a picture is worth when the rate allows it, as x264's CRF */
#define BUFFER_FRAMES 4	 /* the rate's buffer, and so the most an IDR may take */
#define REFRESH_S     2	 /* a wave of intra macroblocks takes so long */

const char *soft_preset_name(enum soft_preset preset)
{
	static const char *const names[SOFT_PRESETS] = {
		[SOFT_PRESET_ULTRAFAST] = "ultrafast",
		[SOFT_PRESET_SUPERFAST] = "superfast",
	};

	return names[preset];
}

/* The format is x264's, whose type of callback cannot say that it is one. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wmissing-format-attribute"
static void on_log(void *userdata, int level, const char *format, va_list args)
{
	char line[256];

	(void)userdata;
	(void)level;
	if (log_get_level() < LOG_LEVEL_DEBUG)
		return;
	(void)vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("x264: %s", line);
}
#pragma GCC diagnostic pop

/*
 * Constant quality under a ceiling: what needs few bits takes few, what needs many is held to the
 * rate by a buffer of a few pictures, which is also what one picture can take at most.
 */
void soft_param_set_rate(x264_param_t *p, const struct encoder_config *c)
{
	uint64_t buffer = c->rate_bps * BUFFER_FRAMES / c->format.mode.refresh_hz;

	if (c->max_frame_bytes && buffer > (uint64_t)c->max_frame_bytes * 8)
		buffer = (uint64_t)c->max_frame_bytes * 8;
	p->rc.i_rc_method = X264_RC_CRF;
	p->rc.f_rf_constant = QUALITY;
	p->rc.i_vbv_max_bitrate = (int)((c->rate_bps + 999) / 1000);
	p->rc.i_vbv_buffer_size = (int)((buffer + 999) / 1000);
}

/* One reference, no thread, no delay, no CABAC, no B: WFD 3.4.2. */
static void set_structure(x264_param_t *p)
{
	p->i_threads = 1;
	p->i_lookahead_threads = 1;
	p->b_sliced_threads = 0;
	p->i_sync_lookahead = 0;
	p->i_frame_reference = 1;
	p->i_dpb_size = 1;
	p->i_bframe = 0;
	p->b_cabac = 0;
	p->i_scenecut_threshold = 0;
	p->b_vfr_input = 0; /* it would delay by a picture */
	p->b_repeat_headers = 1;
	p->b_annexb = 1;
	p->b_aud = 0;
	p->i_nal_hrd = X264_NAL_HRD_NONE;
	p->rc.b_filler = 0;
	p->rc.i_lookahead = 0;
	p->rc.b_mb_tree = 0;
	p->rc.i_qp_min = QP_MIN;
	p->analyse.i_weighted_pred = X264_WEIGHTP_NONE;
	p->analyse.b_psy = 0;
	p->analyse.b_mb_info = 1;
	p->analyse.b_psnr = 0;
	p->analyse.b_ssim = 0;
}

/* Table E-3 to E-5: 1 is BT.709, 6 is BT.601 with 525 lines. */
static void set_colour(x264_param_t *p, unsigned int height)
{
	int standard = convert_matrix_for(height) == CONVERT_BT709 ? 1 : 6;

	p->vui.b_fullrange = 0;
	p->vui.i_colorprim = standard;
	p->vui.i_transfer = standard;
	p->vui.i_colmatrix = standard;
	p->vui.i_sar_width = 1;
	p->vui.i_sar_height = 1;
}

int soft_param_set(x264_param_t *p, const struct encoder_config *c, enum soft_preset preset)
{
	const struct media_format *f = &c->format;

	if (x264_param_default_preset(p, soft_preset_name(preset), "zerolatency") < 0)
		return -EINVAL;
	p->pf_log = on_log;
	p->i_log_level = X264_LOG_INFO;
	p->i_width = f->mode.width;
	p->i_height = f->mode.height;
	p->i_csp = X264_CSP_NV12;
	p->i_fps_num = f->mode.refresh_hz;
	p->i_fps_den = 1;
	p->i_timebase_num = 1;
	p->i_timebase_den = f->mode.refresh_hz;
	p->i_level_idc = f->level_idc;
	set_structure(p);
	p->i_slice_count = f->slices;
	p->nalu_process = soft_units_add;
	/* With intra refresh the interval is the wave's: there is still no IDR but on request. */
	p->b_intra_refresh = c->intra_refresh;
	p->i_keyint_max = c->intra_refresh ? REFRESH_S * f->mode.refresh_hz
					   : X264_KEYINT_MAX_INFINITE;
	set_colour(p, f->mode.height);
	soft_param_set_rate(p, c);
	/* Without it x264 would call the stream Baseline whatever was asked. */
	p->analyse.b_transform_8x8 = f->profile == MEDIA_PROFILE_CHP;
	return x264_param_apply_profile(p, f->profile == MEDIA_PROFILE_CHP ? "high" : "baseline") <
			       0
		       ? -EINVAL
		       : 0;
}

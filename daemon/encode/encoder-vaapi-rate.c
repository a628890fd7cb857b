// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What to ask of a driver so that the link gets its rate. Where the driver has a rate control we
 * watch it and ask for less while it gives too much (AMD's does, LizardByte/Sunshine issue 3817);
 * where it has none (Intel's low-power encoder without firmware) the quantizer of each picture is
 * chosen here, by what the pictures before have taken. Pure.
 */
#include "encode/encoder-vaapi.h"

#include <math.h>

#define QP_MIN	     16 /* finer is invisible and only burns the link; as with x264 */
#define QP_MAX	     51
#define QP_START     28
#define IDR_FRAMES   4 /* pictures' worth of bits that an IDR may take */
#define FACTOR_MIN   0.25
#define TOLERANCE    1.05
#define RECOVERY     1.1 /* a look, back to the full rate */
#define QP_DOUBLING  6.0 /* the bits halve every six steps of the quantizer (7.3.5, table 8-15) */
#define DEBT_FRAMES  8.0 /* in which what was too much is saved again */
#define CREDIT_LIMIT 4.0 /* frames; what was not needed cannot be hoarded */

void vaapi_rate_init(struct vaapi_rate *r, bool constant_qp, bool has_max_frame,
		     uint16_t hrd_frames)
{
	*r = (struct vaapi_rate){ .constant_qp = constant_qp,
				  .has_max_frame = has_max_frame,
				  .hrd_frames = hrd_frames,
				  .factor = 1 };
}

/* A new target begins without debts of the old one. */
void vaapi_rate_set(struct vaapi_rate *r, uint64_t bps, uint32_t max_frame_bytes, uint16_t hz)
{
	r->target_bps = bps;
	r->max_frame_bytes = max_frame_bytes;
	r->hz = hz;
	r->window_bits = r->debt_bits = 0;
	r->window_frames = 0;
}

static double frame_bits(const struct vaapi_rate *r)
{
	return (double)r->target_bps / r->hz;
}

static uint8_t choose_qp(const struct vaapi_rate *r, bool idr, uint32_t pixels)
{
	double budget = frame_bits(r) * (idr ? IDR_FRAMES : 1) - r->debt_bits / DEBT_FRAMES;
	double complexity = r->complexity[idr], qp;

	/* The first IDR is guessed at: two bits a pixel, of a desktop, at quantizer 0. */
	if (complexity <= 0)
		complexity = idr ? 2.0 * pixels * exp2(QP_START / QP_DOUBLING) / 16 : 0;
	if (complexity <= 0)
		return QP_START;
	if (r->max_frame_bytes && budget > r->max_frame_bytes * 8.0 * 0.8)
		budget = r->max_frame_bytes * 8.0 * 0.8;
	if (budget < frame_bits(r) / 4)
		budget = frame_bits(r) / 4;
	qp = ceil(QP_DOUBLING * log2(complexity / budget));
	return (uint8_t)(qp < QP_MIN ? QP_MIN : qp > QP_MAX ? QP_MAX : qp);
}

static uint32_t clamp(double bits)
{
	return bits < (double)UINT32_MAX ? (uint32_t)bits : UINT32_MAX;
}

struct vaapi_rate_ask vaapi_rate_get(const struct vaapi_rate *r, bool idr, uint32_t pixels)
{
	double bps = (double)r->target_bps * r->factor;
	double buffer = r->hrd_frames ? bps / r->hz * r->hrd_frames : bps;
	double largest = frame_bits(r) * IDR_FRAMES;

	if (r->max_frame_bytes && largest > r->max_frame_bytes * 8.0)
		largest = r->max_frame_bytes * 8.0;
	/* A picture that may fill the buffer is no larger than it, where nothing else holds it. */
	if (r->max_frame_bytes && buffer > r->max_frame_bytes * 8.0 &&
	    (r->hrd_frames || !r->has_max_frame))
		buffer = r->max_frame_bytes * 8.0;
	return (struct vaapi_rate_ask){
		.bps = clamp(bps),
		.hrd_bits = clamp(buffer),
		.max_frame_bits = clamp(largest),
		.qp = r->constant_qp ? choose_qp(r, idr, pixels) : 26,
	};
}

/* Four times a second: is it what was asked for? */
static void look_at_window(struct vaapi_rate *r)
{
	double ratio;

	if (r->window_frames * 4u < r->hz)
		return;
	ratio = r->window_bits / r->window_frames / frame_bits(r);
	if (ratio > TOLERANCE)
		r->factor /= ratio < 2 ? ratio : 2;
	else if (ratio < 1 / RECOVERY)
		r->factor *= RECOVERY;
	if (r->factor < FACTOR_MIN)
		r->factor = FACTOR_MIN;
	if (r->factor > 1)
		r->factor = 1;
	r->window_bits = 0;
	r->window_frames = 0;
}

/* Noise on the whole screen is too much even for the coarsest quantizer. */
bool vaapi_rate_must_skip(const struct vaapi_rate *r)
{
	return r->constant_qp && r->debt_bits > DEBT_FRAMES * frame_bits(r);
}

void vaapi_rate_on_skip(struct vaapi_rate *r)
{
	r->debt_bits -= frame_bits(r);
}

void vaapi_rate_on_frame(struct vaapi_rate *r, bool idr, uint8_t qp, size_t bytes)
{
	double bits = (double)bytes * 8, credit = -CREDIT_LIMIT * frame_bits(r);
	double now = bits * exp2(qp / QP_DOUBLING);

	if (r->constant_qp) {
		/* Up at once, down in a few pictures: a change of the scene is no accident. */
		r->complexity[idr] =
			now > r->complexity[idr] || idr ? now : (r->complexity[idr] * 2 + now) / 3;
		r->debt_bits += bits - frame_bits(r);
		if (r->debt_bits < credit)
			r->debt_bits = credit;
		return;
	}
	if (idr)
		return;
	r->window_bits += bits;
	r->window_frames++;
	look_at_window(r);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vector kernel for 64-bit ARM, which has each colour in a vector of its own as it loads them.
 * The arithmetic and the split of the coefficients are convert-kernel.h's.
 */
#include "encode/convert-kernel.h"

#if defined(__aarch64__)
#include <arm_neon.h>

struct line_neon {
	int16_t high[3], low[3];
	int32x4_t add;
};

static struct line_neon get_line_neon(const struct convert_line *l)
{
	struct line_neon n = { .add = vdupq_n_s32((int32_t)(l->add >> CONVERT_SPLIT)) };

	for (int i = 0; i < 3; i++) {
		n.high[i] = (int16_t)convert_high(l->c[i]);
		n.low[i] = (int16_t)convert_low(l->c[i]);
	}
	return n;
}

/* Four samples, not yet shifted the second time. */
static inline int32x4_t sum_neon(const struct line_neon *l, int16x4_t b, int16x4_t g, int16x4_t r)
{
	int32x4_t low = vmull_n_s16(b, l->low[0]);
	int32x4_t high = vmlal_n_s16(l->add, b, l->high[0]);

	low = vmlal_n_s16(vmlal_n_s16(low, g, l->low[1]), r, l->low[2]);
	high = vmlal_n_s16(vmlal_n_s16(high, g, l->high[1]), r, l->high[2]);
	return vsraq_n_s32(high, low, CONVERT_SPLIT);
}

/* Eight samples; shift is a constant where this is inlined, as the instruction wants it. */
#define APPLY_NEON(l, v, shift)                                                                 \
	vmovn_u16(vreinterpretq_u16_s16(vcombine_s16(                                           \
		vmovn_s32(vshrq_n_s32(sum_neon(l, vget_low_s16((v)[0]), vget_low_s16((v)[1]),   \
					       vget_low_s16((v)[2])),                           \
				      (shift)-CONVERT_SPLIT)),                                  \
		vmovn_s32(vshrq_n_s32(sum_neon(l, vget_high_s16((v)[0]), vget_high_s16((v)[1]), \
					       vget_high_s16((v)[2])),                          \
				      (shift)-CONVERT_SPLIT)))))

/* Sixteen pixels' luma of one line; their colours, each pixel plus its neighbour, are added to sum. */
static inline void run_line_neon(const struct line_neon *luma, const uint8_t *source, uint8_t *y,
				 uint16x8_t sum[3])
{
	uint8x16x4_t pixels = vld4q_u8(source);
	int16x8_t low[3], high[3];

	for (int i = 0; i < 3; i++) {
		low[i] = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(pixels.val[i])));
		high[i] = vreinterpretq_s16_u16(vmovl_high_u8(pixels.val[i]));
		sum[i] = vpadalq_u8(sum[i], pixels.val[i]);
	}
	vst1q_u8(y, vcombine_u8(APPLY_NEON(luma, low, CONVERT_LUMA_SHIFT),
				APPLY_NEON(luma, high, CONVERT_LUMA_SHIFT)));
}

static inline void store_chroma_neon(const struct convert_pair *p, unsigned int x, uint8x8_t b,
				     uint8x8_t r)
{
	const uint8x8x2_t both = { { b, r } };

	if (p->cr) {
		vst1_u8(p->cb + x / 2, b);
		vst1_u8(p->cr + x / 2, r);
	} else {
		vst2_u8(p->cb + x, both); /* clang's is a macro, which takes no braces */
	}
}

unsigned int convert_run_neon(const struct convert_constants *k, const struct convert_pair *p,
			      unsigned int width)
{
	const struct line_neon luma = get_line_neon(&k->y);
	const struct line_neon cb = get_line_neon(&k->cb), cr = get_line_neon(&k->cr);
	unsigned int x;

	for (x = 0; x + 16 <= width; x += 16) {
		uint16x8_t sum[3] = { vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0) };
		int16x8_t s[3];

		for (int i = 0; i < 2; i++)
			run_line_neon(&luma, p->source[i] + (size_t)x * 4, p->y[i] + x, sum);
		for (int i = 0; i < 3; i++)
			s[i] = vreinterpretq_s16_u16(sum[i]);
		store_chroma_neon(p, x, APPLY_NEON(&cb, s, CONVERT_CHROMA_SHIFT),
				  APPLY_NEON(&cr, s, CONVERT_CHROMA_SHIFT));
	}
	return x;
}
#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vector kernel that every x86-64 can run. A vector of pixels becomes one of (B, R) and one of
 * (G, unused) words, which the 16-bit multiplier takes two at a time; see convert-kernel.h for the
 * split of the coefficients.
 */
#include "encode/convert-kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

struct line128 {
	__m128i br_high, g_high, br_low, g_low; /* multipliers */
	__m128i add;
};

static struct line128 get_line128(const struct convert_line *l)
{
	return (struct line128){
		.br_high = _mm_set1_epi32(
			convert_pack_pair(convert_high(l->c[0]), convert_high(l->c[2]))),
		.g_high = _mm_set1_epi32(convert_pack_pair(convert_high(l->c[1]), 0)),
		.br_low = _mm_set1_epi32(
			convert_pack_pair(convert_low(l->c[0]), convert_low(l->c[2]))),
		.g_low = _mm_set1_epi32(convert_pack_pair(convert_low(l->c[1]), 0)),
		.add = _mm_set1_epi32((int32_t)(l->add >> CONVERT_SPLIT)),
	};
}

static inline __m128i apply128(const struct line128 *l, __m128i br, __m128i g, int shift)
{
	__m128i h = _mm_add_epi32(_mm_madd_epi16(br, l->br_high), _mm_madd_epi16(g, l->g_high));
	__m128i w = _mm_add_epi32(_mm_madd_epi16(br, l->br_low), _mm_madd_epi16(g, l->g_low));

	w = _mm_srai_epi32(w, CONVERT_SPLIT);
	return _mm_srai_epi32(_mm_add_epi32(_mm_add_epi32(h, l->add), w), shift - CONVERT_SPLIT);
}

/* Pixel plus its right neighbour, in the even double words. */
static inline __m128i add_right128(__m128i v)
{
	return _mm_add_epi16(v, _mm_srli_epi64(v, 32));
}

static inline __m128i pick_even128(__m128i a, __m128i b)
{
	return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0x88));
}

/* Sixteen pixels' luma of one line; their (B, R) and (G, unused) are added to br and g. */
static inline void run_line128(const struct line128 *luma, const uint8_t *source, uint8_t *y,
			       __m128i br[4], __m128i g[4])
{
	const __m128i mask = _mm_set1_epi32(0x00ff00ff);
	__m128i s[4];

	for (int i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(source + i * 16));
		__m128i v_br = _mm_and_si128(v, mask);
		__m128i v_g = _mm_srli_epi16(v, 8);

		s[i] = apply128(luma, v_br, v_g, CONVERT_LUMA_SHIFT);
		br[i] = _mm_add_epi16(br[i], v_br);
		g[i] = _mm_add_epi16(g[i], v_g);
	}
	_mm_storeu_si128((__m128i *)(void *)y, _mm_packus_epi16(_mm_packs_epi32(s[0], s[1]),
								_mm_packs_epi32(s[2], s[3])));
}

static inline void store_chroma128(const struct convert_pair *p, unsigned int x, __m128i v)
{
	const __m128i mask = _mm_set1_epi16(0x00ff);
	__m128i planar;

	if (!p->cr) {
		_mm_storeu_si128((__m128i *)(void *)(p->cb + x), v);
		return;
	}
	planar = _mm_packus_epi16(_mm_and_si128(v, mask), _mm_srli_epi16(v, 8));
	_mm_storel_epi64((__m128i *)(void *)(p->cb + x / 2), planar);
	_mm_storel_epi64((__m128i *)(void *)(p->cr + x / 2), _mm_srli_si128(planar, 8));
}

unsigned int convert_run_sse2(const struct convert_constants *k, const struct convert_pair *p,
			      unsigned int width)
{
	const struct line128 luma = get_line128(&k->y);
	const struct line128 cb = get_line128(&k->cb), cr = get_line128(&k->cr);
	unsigned int x;

	for (x = 0; x + 16 <= width; x += 16) {
		__m128i br[4] = { 0 }, g[4] = { 0 }, chroma[2];

		for (int i = 0; i < 2; i++)
			run_line128(&luma, p->source[i] + (size_t)x * 4, p->y[i] + x, br, g);
		for (int i = 0; i < 2; i++) {
			__m128i sum_br =
				pick_even128(add_right128(br[2 * i]), add_right128(br[2 * i + 1]));
			__m128i sum_g =
				pick_even128(add_right128(g[2 * i]), add_right128(g[2 * i + 1]));
			__m128i b = apply128(&cb, sum_br, sum_g, CONVERT_CHROMA_SHIFT);
			__m128i r = apply128(&cr, sum_br, sum_g, CONVERT_CHROMA_SHIFT);

			chroma[i] = _mm_or_si128(b, _mm_slli_epi32(r, 16));
		}
		store_chroma128(p, x, _mm_packus_epi16(chroma[0], chroma[1]));
	}
	return x;
}
#endif

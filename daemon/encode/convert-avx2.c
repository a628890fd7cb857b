// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vector kernel for x86-64 with AVX2 and FMA. A vector of pixels becomes one of (B, R) and one of
 * (G, G) words, which the 16-bit multiplier takes two at a time. Luma is made with the fused
 * multiply-add, chroma with the split coefficients; see convert-kernel.h.
 */
#include "encode/convert-kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2	 __attribute__((target("avx2,fma")))
#define PREFETCH 4096 /* bytes ahead */

struct luma256 {
	__m256i br, g;
	__m256 scale;
};

struct chroma256 {
	__m256i br_high, g_high, br_low, g_low;
	__m256i add;
};

AVX2 static struct luma256 get_luma256(const struct convert_weights *w)
{
	return (struct luma256){
		.br = _mm256_set1_epi32(convert_pack_pair(w->c[0], w->c[2])),
		.g = _mm256_set1_epi32(convert_pack_pair(w->c[1] / 2, w->c[1] / 2)),
		.scale = _mm256_set1_ps(w->scale),
	};
}

AVX2 static struct chroma256 get_chroma256(const struct convert_line *l)
{
	const int32_t *c = l->c;

	return (struct chroma256){
		.br_high = _mm256_set1_epi32(
			convert_pack_pair(convert_high(c[0]), convert_high(c[2]))),
		.g_high = _mm256_set1_epi32(convert_pack_pair(convert_high(c[1]), 0)),
		.br_low =
			_mm256_set1_epi32(convert_pack_pair(convert_low(c[0]), convert_low(c[2]))),
		.g_low = _mm256_set1_epi32(convert_pack_pair(convert_low(c[1]), 0)),
		.add = _mm256_set1_epi32((int32_t)(l->add >> CONVERT_SPLIT)),
	};
}

/* Eight samples, each in the lowest byte of four. */
AVX2 static inline __m256i apply_luma256(const struct luma256 *l, __m256i br, __m256i g)
{
	__m256i sum = _mm256_add_epi32(_mm256_madd_epi16(br, l->br), _mm256_madd_epi16(g, l->g));

	return _mm256_castps_si256(_mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), l->scale,
						   _mm256_set1_ps(CONVERT_FMA_BASE)));
}

AVX2 static inline __m256i apply_chroma256(const struct chroma256 *l, __m256i br, __m256i g)
{
	__m256i high = _mm256_add_epi32(_mm256_madd_epi16(br, l->br_high),
					_mm256_madd_epi16(g, l->g_high));
	__m256i low =
		_mm256_add_epi32(_mm256_madd_epi16(br, l->br_low), _mm256_madd_epi16(g, l->g_low));

	low = _mm256_srai_epi32(low, CONVERT_SPLIT);
	return _mm256_srai_epi32(_mm256_add_epi32(_mm256_add_epi32(high, l->add), low),
				 CONVERT_CHROMA_SHIFT - CONVERT_SPLIT);
}

/* Packing works within each half of a vector; this puts the double words back in order. */
AVX2 static inline __m256i order256(__m256i v)
{
	return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The lowest byte of each four; what is above becomes 255 in the first step, and goes in the second. */
AVX2 static inline __m256i pack_luma256(const __m256i s[4])
{
	const __m256i mask = _mm256_set1_epi16(0x00ff);
	__m256i a = _mm256_and_si256(_mm256_packus_epi16(s[0], s[1]), mask);
	__m256i b = _mm256_and_si256(_mm256_packus_epi16(s[2], s[3]), mask);

	return order256(_mm256_packus_epi16(a, b));
}

/* Thirty-two pixels' luma of one line; their (B, R) and (G, G) are added to br and g. */
AVX2 static inline void run_line256(const struct luma256 *luma, const uint8_t *source, uint8_t *y,
				    __m256i br[4], __m256i g[4])
{
	const __m256i mask = _mm256_set1_epi32(0x00ff00ff);
	const __m256i pick_g = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(1, -1, 1, -1, 5, -1, 5, -1, 9, -1, 9, -1, 13, -1, 13, -1));
	__m256i s[4];

	/* With two lines at once the hardware's own read-ahead comes a little late. */
	_mm_prefetch((const char *)source + PREFETCH, _MM_HINT_T0);
	_mm_prefetch((const char *)source + PREFETCH + 64, _MM_HINT_T0);
	for (int i = 0; i < 4; i++) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(source + i * 32));
		__m256i v_br = _mm256_and_si256(v, mask);
		__m256i v_g = _mm256_shuffle_epi8(v, pick_g);

		s[i] = apply_luma256(luma, v_br, v_g);
		br[i] = _mm256_add_epi16(br[i], v_br);
		g[i] = _mm256_add_epi16(g[i], v_g);
	}
	_mm256_storeu_si256((__m256i *)(void *)y, pack_luma256(s));
}

/* Each pixel plus its right neighbour, of two vectors, in the order of pack_luma256. */
AVX2 static inline __m256i add_pairs256(__m256i a, __m256i b)
{
	__m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);

	return _mm256_add_epi16(_mm256_castps_si256(_mm256_shuffle_ps(x, y, 0x88)),
				_mm256_castps_si256(_mm256_shuffle_ps(x, y, 0xdd)));
}

AVX2 static inline void store_chroma256(const struct convert_pair *p, unsigned int x, __m256i v)
{
	const __m256i mask = _mm256_set1_epi16(0x00ff);
	__m256i planar;

	if (!p->cr) {
		_mm256_storeu_si256((__m256i *)(void *)(p->cb + x), v);
		return;
	}
	planar = _mm256_packus_epi16(_mm256_and_si256(v, mask), _mm256_srli_epi16(v, 8));
	planar = _mm256_permute4x64_epi64(planar, 0xd8);
	_mm_storeu_si128((__m128i *)(void *)(p->cb + x / 2), _mm256_castsi256_si128(planar));
	_mm_storeu_si128((__m128i *)(void *)(p->cr + x / 2), _mm256_extracti128_si256(planar, 1));
}

AVX2 unsigned int convert_run_avx2(const struct convert_constants *k, const struct convert_pair *p,
				   unsigned int width)
{
	const struct luma256 luma = get_luma256(&k->weights);
	const struct chroma256 cb = get_chroma256(&k->cb), cr = get_chroma256(&k->cr);
	unsigned int x;

	for (x = 0; x + 32 <= width; x += 32) {
		__m256i br[4] = { 0 }, g[4] = { 0 }, chroma[2];

		for (int i = 0; i < 2; i++)
			run_line256(&luma, p->source[i] + (size_t)x * 4, p->y[i] + x, br, g);
		for (int i = 0; i < 2; i++) {
			__m256i sum_br = add_pairs256(br[2 * i], br[2 * i + 1]);
			__m256i sum_g = add_pairs256(g[2 * i], g[2 * i + 1]);
			__m256i b = apply_chroma256(&cb, sum_br, sum_g);
			__m256i r = apply_chroma256(&cr, sum_br, sum_g);

			chroma[i] = _mm256_or_si256(b, _mm256_slli_epi32(r, 16));
		}
		store_chroma256(p, x, order256(_mm256_packus_epi16(chroma[0], chroma[1])));
	}
	return x;
}
#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vector kernel for x86-64 with AVX-512 VNNI, whose multiplier adds up as it goes: half the
 * instructions for the same sums, on twice the pixels. The arithmetic is convert-kernel.h's, the
 * words are those of convert-sse2.c: (B, R) and (G, unused).
 */
#include "encode/convert-kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512	 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define PREFETCH 2048 /* bytes ahead */

struct line512 {
	__m512i br_high, g_high, br_low, g_low;
	__m512i add;
};

AVX512 static struct line512 get_line512(const struct convert_line *l)
{
	const int32_t *c = l->c;

	return (struct line512){
		.br_high = _mm512_set1_epi32(
			convert_pack_pair(convert_high(c[0]), convert_high(c[2]))),
		.g_high = _mm512_set1_epi32(convert_pack_pair(convert_high(c[1]), 0)),
		.br_low =
			_mm512_set1_epi32(convert_pack_pair(convert_low(c[0]), convert_low(c[2]))),
		.g_low = _mm512_set1_epi32(convert_pack_pair(convert_low(c[1]), 0)),
		.add = _mm512_set1_epi32((int32_t)(l->add >> CONVERT_SPLIT)),
	};
}

AVX512 static inline __m512i apply512(const struct line512 *l, __m512i br, __m512i g, int shift)
{
	__m512i low = _mm512_dpwssd_epi32(_mm512_madd_epi16(br, l->br_low), g, l->g_low);
	__m512i high = _mm512_dpwssd_epi32(l->add, br, l->br_high);

	high = _mm512_dpwssd_epi32(high, g, l->g_high);
	high = _mm512_add_epi32(high, _mm512_srai_epi32(low, CONVERT_SPLIT));
	return _mm512_srai_epi32(high, (unsigned int)(shift - CONVERT_SPLIT));
}

/* Thirty-two pixels' luma of one line, as words in the order that packing makes. */
AVX512 static inline __m512i run_line512(const struct line512 *luma, const uint8_t *source,
					 __m512i br[2], __m512i g[2])
{
	const __m512i mask = _mm512_set1_epi32(0x00ff00ff);
	__m512i s[2];

	for (int i = 0; i < 2; i++) {
		__m512i v = _mm512_loadu_si512(source + i * 64);
		__m512i v_br = _mm512_and_si512(v, mask);
		__m512i v_g = _mm512_srli_epi16(v, 8);

		/* With two lines at once the hardware's own read-ahead comes a little late. */
		_mm_prefetch((const char *)source + i * 64 + PREFETCH, _MM_HINT_T0);
		s[i] = apply512(luma, v_br, v_g, CONVERT_LUMA_SHIFT);
		br[i] = _mm512_add_epi16(br[i], v_br);
		g[i] = _mm512_add_epi16(g[i], v_g);
	}
	return _mm512_packs_epi32(s[0], s[1]);
}

/* Two lines at once: packing works within quarters of a vector, and this puts them back in order. */
AVX512 static inline void store_luma512(const struct convert_pair *p, unsigned int x, __m512i a,
					__m512i b)
{
	const __m512i order =
		_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
	__m512i v = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(a, b));

	_mm256_storeu_si256((__m256i *)(void *)(p->y[0] + x), _mm512_castsi512_si256(v));
	_mm256_storeu_si256((__m256i *)(void *)(p->y[1] + x), _mm512_extracti64x4_epi64(v, 1));
}

/* Each pixel plus its right neighbour, of two vectors. */
AVX512 static inline __m512i add_pairs512(const __m512i v[2])
{
	const __m512i even =
		_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
	const __m512i odd =
		_mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);

	return _mm512_add_epi16(_mm512_permutex2var_epi32(v[0], even, v[1]),
				_mm512_permutex2var_epi32(v[0], odd, v[1]));
}

AVX512 static inline void store_chroma512(const struct convert_pair *p, unsigned int x, __m512i b,
					  __m512i r)
{
	if (p->cr) {
		_mm_storeu_si128((__m128i *)(void *)(p->cb + x / 2), _mm512_cvtepi32_epi8(b));
		_mm_storeu_si128((__m128i *)(void *)(p->cr + x / 2), _mm512_cvtepi32_epi8(r));
		return;
	}
	b = _mm512_or_si512(b, _mm512_slli_epi32(r, 16));
	_mm256_storeu_si256((__m256i *)(void *)(p->cb + x), _mm512_cvtepi16_epi8(b));
}

AVX512 unsigned int convert_run_avx512(const struct convert_constants *k,
				       const struct convert_pair *p, unsigned int width)
{
	const struct line512 luma = get_line512(&k->y);
	const struct line512 cb = get_line512(&k->cb), cr = get_line512(&k->cr);
	unsigned int x;

	for (x = 0; x + 32 <= width; x += 32) {
		__m512i br[2] = { 0 }, g[2] = { 0 }, sum_br, sum_g;
		__m512i first = run_line512(&luma, p->source[0] + (size_t)x * 4, br, g);
		__m512i second = run_line512(&luma, p->source[1] + (size_t)x * 4, br, g);

		store_luma512(p, x, first, second);
		sum_br = add_pairs512(br);
		sum_g = add_pairs512(g);
		store_chroma512(p, x, apply512(&cb, sum_br, sum_g, CONVERT_CHROMA_SHIFT),
				apply512(&cr, sum_br, sum_g, CONVERT_CHROMA_SHIFT));
	}
	return x;
}
#endif

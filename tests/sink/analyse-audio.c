// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser's sound: the private LPCM header and unit size that Wi-Fi Display sinks know, and
 * ADTS framing (ISO/IEC 13818-7 6.2). Decodes nothing.
 */
#include "analyse-parts.h"

#define LPCM_UNITS   6
#define LPCM_SAMPLES 80 /* per channel and unit */

static unsigned push_lpcm(struct analyser *a, const uint8_t *p, size_t len, unsigned *ret_rate)
{
	unsigned form;

	if (len < 4 || p[0] != 0xa0 || p[1] != LPCM_UNITS || p[2] & 0xfe ||
	    (p[3] != 0x11 && p[3] != 0x09)) {
		findings_note(&a->findings, RULE_LPCM_HEADER, "%02x %02x %02x %02x",
			      len > 0 ? p[0] : 0U, len > 1 ? p[1] : 0U, len > 2 ? p[2] : 0U,
			      len > 3 ? p[3] : 0U);
		return 0;
	}
	form = p[3];
	if (len != 4 + LPCM_UNITS * LPCM_SAMPLES * 4) {
		findings_note(&a->findings, RULE_LPCM_SIZE, "%zu bytes", len);
		return 0;
	}
	*ret_rate = form == 0x11 ? 48000 : 44100;
	return LPCM_UNITS * LPCM_SAMPLES;
}

static unsigned push_adts(struct analyser *a, const uint8_t *p, size_t len, unsigned *ret_rate)
{
	unsigned samples = 0;
	size_t at = 0;

	while (at < len) {
		size_t frame;
		unsigned object, rate_index;

		if (len - at < 7 || p[at] != 0xff || (p[at + 1] & 0xf6) != 0xf0) {
			findings_note(&a->findings, RULE_ADTS, "no sync word at byte %zu of %zu",
				      at, len);
			return 0;
		}
		object = p[at + 2] >> 6;
		rate_index = p[at + 2] >> 2 & 0xfU;
		frame = (size_t)(p[at + 3] & 3U) << 11 | (size_t)p[at + 4] << 3 | p[at + 5] >> 5;
		if (object != 1 || rate_index != 3 || frame < 7 || frame > len - at) {
			findings_note(&a->findings, RULE_ADTS,
				      "object %u, rate %u, %zu of %zu bytes", object, rate_index,
				      frame, len - at);
			return 0;
		}
		samples += 1024U * ((p[at + 6] & 3U) + 1);
		at += frame;
	}
	*ret_rate = 48000;
	return samples;
}

unsigned audio_push(struct analyser *a, const uint8_t *p, size_t len, unsigned *ret_rate)
{
	*ret_rate = 48000;
	switch (a->audio_type) {
	case 0x83:
		return push_lpcm(a, p, len, ret_rate);
	case 0x0f:
		return push_adts(a, p, len, ret_rate);
	}
	return 0;
}

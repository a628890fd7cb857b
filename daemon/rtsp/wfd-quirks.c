// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of sinks that need something of their own; see wfd-quirks.h. */
#include "rtsp/wfd-quirks.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum key {
	KEY_AGENT,
	KEY_MANUFACTURER,
	KEY_MODEL,
	KEY_COUNT,
};

/*
 * What other sources had to learn of sinks and is not here is met for everybody: short session ids,
 * answers to every GET_PARAMETER, no HDCP, any SETUP URL, M16 every 20 s, any answer to M16 is life,
 * M3 after M2, the real address in the presentation URL and "none none", reserved bits masked, IDR
 * answered first, an audio codec always, names trimmed. tests/data/profiles says which sink wants
 * which of it, and where that was seen.
 */
static const struct {
	enum key key;
	const char *word; /* somewhere in it, in any case of letters */
	uint32_t quirks;
	const char *source;
} table[] = {
	{ KEY_AGENT, "MSFT-WDD", WFD_QUIRK_BIT(WFD_QUIRK_SHORT_M3),
	  "closes at a long GET_PARAMETER: miraclecast PR 391" },
	{ KEY_MANUFACTURER, "Roku", WFD_QUIRK_BIT(WFD_QUIRK_NO_RTCP),
	  "RTCP port 0 or equal to RTP: gnome-network-displays b61640a" },
	{ KEY_MODEL, "Roku", WFD_QUIRK_BIT(WFD_QUIRK_NO_RTCP), "the same" },
	{ KEY_MANUFACTURER, "Hisense", WFD_QUIRK_BIT(WFD_QUIRK_NO_RTCP), "the same" },
	{ KEY_MODEL, "Hisense", WFD_QUIRK_BIT(WFD_QUIRK_NO_RTCP), "the same" },
	{ KEY_MANUFACTURER, "Xiaomi", WFD_QUIRK_BIT(WFD_QUIRK_STEADY),
	  "asks for IDRs without end, as a decoder does that starves: miraclecast issue 175" },
	{ KEY_MODEL, "MiTV", WFD_QUIRK_BIT(WFD_QUIRK_STEADY), "the same" },
};

uint32_t wfd_quirks_find(const struct wfd_identity *identity)
{
	const struct text says[KEY_COUNT] = {
		[KEY_AGENT] = identity->agent,
		[KEY_MANUFACTURER] = identity->manufacturer,
		[KEY_MODEL] = identity->model,
	};
	uint32_t quirks = 0;

	for (size_t i = 0; i < COUNT(table); i++)
		if (text_contains(says[table[i].key], table[i].word))
			quirks |= table[i].quirks;
	return quirks;
}

const char *wfd_quirk_to_string(enum wfd_quirk quirk)
{
	switch (quirk) {
	case WFD_QUIRK_SHORT_M3:
		return "short-m3";
	case WFD_QUIRK_NO_RTCP:
		return "no-rtcp";
	case WFD_QUIRK_STEADY:
		return "steady";
	}
	return "?";
}

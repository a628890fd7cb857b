/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What particular sinks need that the others do not, keyed by what they say of themselves. Each
 * entry names its source. What is harmless for every sink is simply done always and not here.
 */
#ifndef MIRACAST_RTSP_WFD_QUIRKS_H
#define MIRACAST_RTSP_WFD_QUIRKS_H

#include "rtsp/text.h"

#include <stdint.h>

enum wfd_quirk {
	WFD_QUIRK_SHORT_M3, /* ask for the mandatory parameters only */
	WFD_QUIRK_NO_RTCP,  /* its RTCP port is not to be believed */
	WFD_QUIRK_STEADY,   /* it wants pictures all the time, also of a resting desktop */
};

#define WFD_QUIRK_BIT(quirk) (1u << (quirk))

struct wfd_identity {
	struct text agent; /* its Server or User-Agent header */
	struct text manufacturer, model;
};

/* WFD_QUIRK_BITs. Empty texts match nothing. */
uint32_t wfd_quirks_find(const struct wfd_identity *identity);
const char *wfd_quirk_to_string(enum wfd_quirk quirk);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What our connector says of itself: timings for modes, and an EDID where the sink has none. Pure;
 * knows neither the kernel's structures nor the sink's.
 */
#ifndef MIRACAST_DISPLAY_EDID_H
#define MIRACAST_DISPLAY_EDID_H

#include "miracast/media.h"

#include <stddef.h>
#include <stdint.h>

#define EDID_BLOCK_SIZE 128

/* A full timing, in the order in which a line and a picture are scanned. */
struct timing {
	uint32_t clock_khz;
	uint16_t hdisplay, hsync_start, hsync_end, htotal;
	uint16_t vdisplay, vsync_start, vsync_end, vtotal;
};

/*
 * VESA CVT 1.2 reduced blanking geometry, with a clock that meets the refresh rate to within 10 kHz
 * of pixel clock: nothing is scanned out over a wire, only size and rate matter.
 */
void timing_from_mode(const struct media_mode *mode, struct timing *ret);

struct edid_identity {
	const char *name;   /* UTF-8; the first 13 ASCII characters become the display's name */
	const uint8_t *id;  /* of the sink; its hash becomes the serial number */
	size_t id_size;
};

/*
 * 128 valid bytes (VESA E-EDID A.2). The size is 16 x 9 cm: desktops take it for an aspect ratio
 * and show the name instead of inches. The serial number stays the same for the same sink, so that
 * they remember the layout.
 */
void edid_make(const struct edid_identity *identity, const struct media_mode *preferred,
	       uint8_t ret[static EDID_BLOCK_SIZE]);

#endif

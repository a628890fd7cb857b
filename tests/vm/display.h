/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A display for tests to plug: three modes and an EDID to go with them. Standard timings (CEA-861
 * and VESA DMT), a made-up name.
 */
#ifndef VM_DISPLAY_H
#define VM_DISPLAY_H

#include <stdint.h>
#include <string.h>

#include <miracast.h>

/* Not sorted by anything, so that an order kept by chance is noticed. The second is preferred. */
static const struct miracast_mode display_modes[] = {
	{ 25175, 640, 656, 752, 800, 480, 490, 492, 525,
	  MIRACAST_MODE_NHSYNC | MIRACAST_MODE_NVSYNC },
	{ 74250, 1280, 1390, 1430, 1650, 720, 725, 730, 750,
	  MIRACAST_MODE_PHSYNC | MIRACAST_MODE_PVSYNC },
	{ 65000, 1024, 1048, 1184, 1344, 768, 771, 777, 806,
	  MIRACAST_MODE_NHSYNC | MIRACAST_MODE_NVSYNC },
};

#define DISPLAY_MODES	  3
#define DISPLAY_PREFERRED 1

static inline void display_write_timing(uint8_t *to, const struct miracast_mode *mode)
{
	unsigned int hblank = mode->htotal - mode->hdisplay;
	unsigned int vblank = mode->vtotal - mode->vdisplay;
	unsigned int hfront = mode->hsync_start - mode->hdisplay;
	unsigned int hsync = mode->hsync_end - mode->hsync_start;
	unsigned int vfront = mode->vsync_start - mode->vdisplay;
	unsigned int vsync = mode->vsync_end - mode->vsync_start;
	const uint8_t bytes[18] = {
		(mode->clock / 10) & 0xff,
		(mode->clock / 10) >> 8,
		mode->hdisplay & 0xff,
		hblank & 0xff,
		(mode->hdisplay >> 8 << 4) | hblank >> 8,
		mode->vdisplay & 0xff,
		vblank & 0xff,
		(mode->vdisplay >> 8 << 4) | vblank >> 8,
		hfront & 0xff,
		hsync & 0xff,
		(vfront & 15) << 4 | (vsync & 15),
		hfront >> 8 << 6 | hsync >> 8 << 4 | vfront >> 4 << 2 | vsync >> 4,
		160,
		90,
		0,
		0,
		0,
		0x1e,
	};

	memcpy(to, bytes, sizeof(bytes));
}

/* A valid EDID 1.4 of one block; the name has at most 13 characters. */
static inline void display_make_edid(uint8_t edid[static 128], const char *name, uint32_t serial)
{
	/* Vendor "TST", product 1, digital, 16 x 9 cm, sRGB. */
	static const uint8_t start[] = { 0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0x52, 0x74,
					 1,    0,    0,    0,    0,    0,    1,    30,   1,    4,
					 0xa5, 16,   9,    0x78, 2,    0xee, 0x91, 0xa3, 0x54, 0x4c,
					 0x99, 0x26, 0x0f, 0x50, 0x54 };
	uint8_t sum = 0;

	memset(edid, 0, 128);
	memcpy(edid, start, sizeof(start));
	memcpy(edid + 12, &serial, 4);
	memset(edid + 38, 1, 16);
	display_write_timing(edid + 54, &display_modes[DISPLAY_PREFERRED]);
	edid[75] = 0xfc;
	memset(edid + 77, ' ', 13);
	memcpy(edid + 77, name, strlen(name));
	if (strlen(name) < 13)
		edid[77 + strlen(name)] = '\n';
	edid[93] = 0x10;
	edid[111] = 0x10;
	for (int i = 0; i < 127; i++)
		sum += edid[i];
	edid[127] = -sum;
}

static inline struct miracast_plug display_plug(const uint8_t edid[static 128])
{
	return (struct miracast_plug){
		.edid = (uintptr_t)edid,
		.edid_size = 128,
		.modes = (uintptr_t)display_modes,
		.mode_count = DISPLAY_MODES,
		.preferred = DISPLAY_PREFERRED,
	};
}

#endif

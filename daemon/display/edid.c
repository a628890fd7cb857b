// SPDX-License-Identifier: GPL-2.0-or-later
#include "display/edid.h"

#include <string.h>

#define H_BLANK	      160 /* CVT 1.2 section 3.4.2: reduced blanking, version 1 */
#define H_FRONT_PORCH 48
#define H_SYNC	      32
#define V_FRONT_PORCH 3
#define V_BACK_PORCH  6
#define V_BLANK_US    460

#define NAME_SIZE	13
#define DESCRIPTOR_SIZE 18
#define WIDTH_MM	160
#define HEIGHT_MM	90

/* CVT 1.2 table 2: the width of the vertical sync tells the aspect ratio. */
static uint16_t vsync_width(const struct media_mode *m)
{
	if (m->width * 3 == m->height * 4)
		return 4;
	if (m->width * 9 == m->height * 16)
		return 5;
	if (m->width * 10 == m->height * 16)
		return 6;
	if (m->width * 4 == m->height * 5 || m->width * 9 == m->height * 15)
		return 7;
	return 10;
}

void timing_from_mode(const struct media_mode *mode, struct timing *ret)
{
	uint16_t sync = vsync_width(mode);
	double line_us = (1e6 / mode->refresh_hz - V_BLANK_US) / mode->height;
	uint16_t blank = (uint16_t)(V_BLANK_US / line_us + 1);
	uint16_t least = (uint16_t)(V_FRONT_PORCH + sync + V_BACK_PORCH);
	struct timing t;
	uint64_t clock_hz;

	if (blank < least)
		blank = least;
	t.hdisplay = mode->width;
	t.hsync_start = (uint16_t)(t.hdisplay + H_FRONT_PORCH);
	t.hsync_end = (uint16_t)(t.hsync_start + H_SYNC);
	t.htotal = (uint16_t)(t.hdisplay + H_BLANK);
	t.vdisplay = mode->height;
	t.vsync_start = (uint16_t)(t.vdisplay + V_FRONT_PORCH);
	t.vsync_end = (uint16_t)(t.vsync_start + sync);
	t.vtotal = (uint16_t)(t.vdisplay + blank);

	/* A detailed timing descriptor counts in units of 10 kHz; the mode list must agree. */
	clock_hz = (uint64_t)t.htotal * t.vtotal * mode->refresh_hz;
	t.clock_khz = (uint32_t)((clock_hz + 5000) / 10000 * 10);
	*ret = t;
}

/* FNV-1a, so that neighbouring addresses differ in many bits. */
static uint32_t hash(const uint8_t *data, size_t size)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * 16777619u;
	return h;
}

static void put_le16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

/*
 * E-EDID section 3.10.2: low bytes first, then the high nibbles together. A clock that the field is
 * too small for makes the timing slower; the display's list of modes has the true one.
 */
static void put_detailed_timing(uint8_t *at, const struct timing *t)
{
	uint16_t hblank = (uint16_t)(t->htotal - t->hdisplay);
	uint16_t vblank = (uint16_t)(t->vtotal - t->vdisplay);
	uint16_t hfront = (uint16_t)(t->hsync_start - t->hdisplay);
	uint16_t hsync = (uint16_t)(t->hsync_end - t->hsync_start);
	uint16_t vfront = (uint16_t)(t->vsync_start - t->vdisplay);
	uint16_t vsync = (uint16_t)(t->vsync_end - t->vsync_start);

	put_le16(at, t->clock_khz / 10 < UINT16_MAX ? (uint16_t)(t->clock_khz / 10) : UINT16_MAX);
	at[2] = (uint8_t)t->hdisplay;
	at[3] = (uint8_t)hblank;
	at[4] = (uint8_t)((t->hdisplay >> 8) << 4 | hblank >> 8);
	at[5] = (uint8_t)t->vdisplay;
	at[6] = (uint8_t)vblank;
	at[7] = (uint8_t)((t->vdisplay >> 8) << 4 | vblank >> 8);
	at[8] = (uint8_t)hfront;
	at[9] = (uint8_t)hsync;
	at[10] = (uint8_t)((vfront & 15) << 4 | (vsync & 15));
	at[11] = (uint8_t)((hfront >> 8) << 6 | (hsync >> 8) << 4 | (vfront >> 4) << 2 | vsync >> 4);
	at[12] = WIDTH_MM;
	at[13] = HEIGHT_MM;
	at[17] = 0x1a; /* digital separate sync, horizontal positive, vertical negative: CVT-RB */
}

static void put_name(uint8_t *at, const char *name)
{
	size_t n = 0;

	at[3] = 0xfc;
	for (const char *c = name; *c && n < NAME_SIZE; c++)
		if (*c >= ' ' && *c <= '~')
			at[5 + n++] = (uint8_t)*c;
	if (n < NAME_SIZE)
		at[5 + n++] = '\n';
	while (n < NAME_SIZE)
		at[5 + n++] = ' ';
}

void edid_make(const struct edid_identity *identity, const struct media_mode *preferred,
	       uint8_t ret[static EDID_BLOCK_SIZE])
{
	static const uint8_t head[] = {
		0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, /* fixed pattern */
		0x5c, 0xc4,					/* manufacturer "WFD", 5 bits each */
		0x01, 0x00,					/* product */
	};
	static const uint8_t body[] = {
		0x00, 34, /* model year 2024, no week */
		1, 4,	  /* version */
		0xa0,	  /* digital, 8 bits a colour */
		WIDTH_MM / 10, HEIGHT_MM / 10,
		120,  /* gamma 2.2 */
		0x06, /* sRGB; the first descriptor is the preferred timing */
		0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54, /* sRGB primaries */
	};
	uint32_t serial = hash(identity->id, identity->id_size);
	struct timing timing;
	uint8_t sum = 0;

	memset(ret, 0, EDID_BLOCK_SIZE);
	memcpy(ret, head, sizeof(head));
	put_le16(ret + 12, (uint16_t)serial);
	put_le16(ret + 14, (uint16_t)(serial >> 16));
	memcpy(ret + 16, body, sizeof(body));
	memset(ret + 38, 0x01, 16); /* no standard timings */

	timing_from_mode(preferred, &timing);
	put_detailed_timing(ret + 54, &timing);
	put_name(ret + 54 + DESCRIPTOR_SIZE, identity->name);
	ret[54 + 2 * DESCRIPTOR_SIZE + 3] = 0x10; /* unused descriptors */
	ret[54 + 3 * DESCRIPTOR_SIZE + 3] = 0x10;

	for (size_t i = 0; i < EDID_BLOCK_SIZE - 1; i++)
		sum = (uint8_t)(sum + ret[i]);
	ret[EDID_BLOCK_SIZE - 1] = (uint8_t)(0x100 - sum);
}

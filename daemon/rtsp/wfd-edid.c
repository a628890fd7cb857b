// SPDX-License-Identifier: GPL-2.0-or-later
/* The base block of an EDID (VESA E-EDID 1.4, 3.1 and 3.10.2); see wfd-edid.h. */
#include "rtsp/wfd-edid.h"

#include <string.h>

#define FIRST_DETAILED_TIMING 54u /* offset of 18 bytes */

bool wfd_edid_is_valid(const uint8_t *edid, size_t size)
{
	static const uint8_t header[8] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	uint8_t sum = 0;

	if (size < WFD_EDID_BLOCK || memcmp(edid, header, sizeof(header)))
		return false;
	for (size_t i = 0; i < WFD_EDID_BLOCK; i++)
		sum = (uint8_t)(sum + edid[i]);
	return sum == 0;
}

bool wfd_edid_preferred_size(const uint8_t *edid, size_t size, uint16_t *ret_width,
			     uint16_t *ret_height)
{
	const uint8_t *timing = edid + FIRST_DETAILED_TIMING;
	unsigned width, height;

	if (!wfd_edid_is_valid(edid, size))
		return false;
	/* Pixel clock 0: a descriptor of something else stands here. */
	if (!timing[0] && !timing[1])
		return false;
	width = timing[2] | (timing[4] & 0xf0u) << 4;
	height = timing[5] | (timing[7] & 0xf0u) << 4;
	if (!width || !height)
		return false;
	*ret_width = (uint16_t)width;
	*ret_height = (uint16_t)height;
	return true;
}

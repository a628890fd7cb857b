/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two things the negotiation wants from a sink's EDID (VESA E-EDID 1.4): whether it is one,
 * and the size of its preferred picture. Pure; knows nothing else of it and never changes it.
 */
#ifndef MIRACAST_RTSP_WFD_EDID_H
#define MIRACAST_RTSP_WFD_EDID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WFD_EDID_BLOCK 128u /* bytes */

bool wfd_edid_is_valid(const uint8_t *edid, size_t size); /* the base block */
/* The first detailed timing's active size, pixels; false: none or nonsense. */
bool wfd_edid_preferred_size(const uint8_t *edid, size_t size, uint16_t *ret_width,
			     uint16_t *ret_height);

#endif

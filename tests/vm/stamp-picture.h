/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the stamp clients show: moving content, and in it the stamp of miracast/stamp.h and its nonce
 * in large letters. Knows pixels, and nothing of windows.
 */
#ifndef VM_STAMP_PICTURE_H
#define VM_STAMP_PICTURE_H

#include <stdint.h>

struct stamp_picture {
	uint32_t *pixels; /* XRGB8888, without padding */
	int32_t width;
	int32_t height;
	uint32_t frame;
	uint32_t nonce;
};

void stamp_picture_draw(struct stamp_picture *picture);

#endif

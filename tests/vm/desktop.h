/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest desktop: a DRM master with one head, whose buffers hold a pattern that every pixel
 * and every frame number changes. Knows nothing of /dev/miracast.
 * Calls that cannot fail in a healthy guest end the test when they do.
 */
#ifndef VM_DESKTOP_H
#define VM_DESKTOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xf86drmMode.h>

struct desktop {
	int fd;
	uint32_t connector;
	uint32_t crtc;
	uint32_t plane;
	uint32_t writeback;
	drmModeModeInfo mode;
	/* the last flip event */
	unsigned int flips;
	uint32_t flip_sequence;
	uint64_t flip_us;
	struct property {
		uint32_t object;
		uint32_t id;
		const char *name;
	} known[32]; /* those asked for already, up to the first without a name */
};

struct buffer {
	uint32_t width;
	uint32_t height;
	uint32_t pitch;
	uint32_t handle;
	uint32_t fb;
	uint32_t *pixels;
	size_t size;
};

uint32_t pattern(uint32_t x, uint32_t y, uint32_t frame);
long pattern_differs(const uint32_t *pixels, uint32_t pitch, uint32_t width, uint32_t height,
		     uint32_t frame);

/* The card of a driver, or -1. */
int card_open(const char *driver);

void desktop_open(struct desktop *desktop, unsigned int card_minor, uint32_t connector,
		  uint32_t crtc);
void desktop_close(struct desktop *desktop);
drmModeConnector *desktop_probe(struct desktop *desktop);
uint32_t desktop_property(struct desktop *desktop, uint32_t object, const char *name);
uint64_t desktop_value(struct desktop *desktop, uint32_t object, const char *name);

/* Dumb buffers of the card @fd, and framebuffers of the desktop's card. */
void buffer_create(struct buffer *buffer, int fd, uint32_t width, uint32_t height);
int buffer_add(struct buffer *buffer, struct desktop *desktop, uint32_t format, uint64_t modifier);
void buffer_fill(struct buffer *buffer, uint32_t frame);

/* 0 or a negative errno, as the kernel says. */
int desktop_set_mode(struct desktop *desktop, const drmModeModeInfo *mode,
		     const struct buffer *buffer);
int desktop_switch(struct desktop *desktop, bool active);
int desktop_off(struct desktop *desktop);
int desktop_writeback(struct desktop *desktop, const struct buffer *to, int *ret_fence);

/* Flip; with @clip only that part changed. Then wait for the event. */
int desktop_flip(struct desktop *desktop, const struct buffer *buffer,
		 const struct drm_mode_rect *clip);
void desktop_wait_flip(struct desktop *desktop);

#endif

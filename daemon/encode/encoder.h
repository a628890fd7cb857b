/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between the pipeline and an H.264 encoder: frames in, access units out, one at a time.
 * Knows nothing of where frames come from or where packets go.
 */
#ifndef MIRACAST_ENCODE_ENCODER_H
#define MIRACAST_ENCODE_ENCODER_H

#include "miracast/media.h"

#include <stdbool.h>
#include <stdint.h>

struct encoder;

struct encoder_caps {
	const char *name;
	uint32_t profiles; /* bit per enum media_profile */
	uint8_t max_level_idc;
	uint16_t max_width, max_height;
	uint32_t max_pixel_rate; /* pixels a second in real time, measured or known */
};

struct encoder_config {
	struct media_format format;
	uint64_t rate_bps;
	uint32_t max_frame_bytes; /* 0: no limit of its own */
};

struct encoder_ops {
	const char *name;

	/* A trial: can this back-end encode here, and what? 0, -ENODEV (not here) or -errno. */
	int (*probe)(struct encoder_caps *ret);

	int (*open)(const struct encoder_config *config, struct encoder **ret);

	/*
	 * Encode one frame; its memory is not read after the return. 0 or -errno; -EIO: this encoder
	 * is broken, open another.
	 */
	int (*submit)(struct encoder *e, const struct frame *f);

	/*
	 * The access unit of the frame submitted last, without filler, SPS and PPS before an IDR:
	 * valid until the next call on this encoder. 1, 0 (none: the frame was skipped) or -errno.
	 */
	int (*output)(struct encoder *e, struct packet *ret);

	/* Takes effect with the next frame, without an IDR. */
	int (*set_rate)(struct encoder *e, uint64_t rate_bps, uint32_t max_frame_bytes);

	/* The next frame submitted becomes an IDR. */
	void (*request_idr)(struct encoder *e);

	void (*close)(struct encoder *e);
};

/* Embedded first in each back-end. */
struct encoder {
	const struct encoder_ops *ops;
};

extern const struct encoder_ops encoder_x264;

#endif

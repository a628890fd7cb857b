/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between the pipeline and an H.264 encoder: frames in, access units out, one at a time;
 * and the choice among the back-ends that were built in. Knows nothing of where frames come from or
 * where packets go.
 */
#ifndef MIRACAST_ENCODE_ENCODER_H
#define MIRACAST_ENCODE_ENCODER_H

#include "miracast/media.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct encoder;

#define ENCODER_WHY_SIZE 112

struct encoder_caps {
	const char *name;
	char device[ENCODER_WHY_SIZE]; /* the driver's own name; empty: the CPU encodes */
	uint32_t profiles;	       /* bit per enum media_profile */
	uint8_t max_level_idc;
	uint16_t max_width, max_height;
	uint32_t max_pixel_rate; /* pixels a second in real time, measured or known */
};

struct encoder_config {
	struct media_format format;
	uint64_t rate_bps;
	uint32_t max_frame_bytes; /* 0: no limit of its own */
	bool intra_refresh; /* a band of intra macroblocks wanders, where the back-end can do it */

	/*
	 * All parts of an access unit but the last one, as soon as each is encoded: called from within
	 * submit and output, on their thread; readable until the next submit. NULL, and back-ends
	 * whose slices are ready all at once: access units come whole. So do repeated pictures.
	 */
	void (*on_part)(void *userdata, const struct packet *part);
	void *userdata;
};

struct encoder_ops {
	const char *name;

	/* A trial: can this back-end encode here, and what? 0, -ENODEV (not here) or -errno. */
	int (*probe)(struct encoder_caps *ret);

	/* After probe: frames that have nothing but a dma-buf will do. NULL: they will not. */
	bool (*can_import)(void);

	int (*open)(const struct encoder_config *config, struct encoder **ret);

	/*
	 * Take one frame, and read it: its memory is not read after the return, so that the desktop
	 * can have it back while the encoder works. 0 or -errno; -EIO: this encoder is broken, open
	 * another; -ETIMEDOUT: its device hangs, and no other one can be opened in this process;
	 * -EOPNOTSUPP: it cannot read this frame, but perhaps one with planes.
	 */
	int (*submit)(struct encoder *e, const struct frame *f);

	/*
	 * Encode it, and wait. The access unit of the frame submitted last, or the last part of it,
	 * without filler, SPS and PPS before an IDR: valid until the next call on this encoder. 1,
	 * 0 (none: the frame was skipped) or -errno as of submit.
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
	bool by_device;	       /* the pixels of the frame submitted last were not read by the CPU */
	uint64_t converted_ns; /* CLOCK_MONOTONIC, of the frame submitted last; 0: not told */
};

/* ---- the choice ---- */

#define ENCODER_NODES_MAX  8
#define ENCODER_CACHE_SIZE 64

/* What back-ends may use of the process; opened before its sandbox, and the caller's. */
struct encoder_host {
	int nodes[ENCODER_NODES_MAX]; /* render nodes, the preferred one first */
	size_t node_count;
	uint8_t *
		cache; /* ENCODER_CACHE_SIZE bytes that outlive the process, zeros at first; or NULL */
};

struct encoder_choice {
	const struct encoder_ops *best;
	struct encoder_caps caps;	 /* of the best */
	char no_vaapi[ENCODER_WHY_SIZE]; /* why it is not used, a sentence; empty: it works */
};

/* By trial: the device if it works, else the CPU. -ENODEV: nothing works. */
int encoder_choose(const struct encoder_host *host, struct encoder_choice *ret);

/* A back-end by its name; NULL: not built in. */
const struct encoder_ops *encoder_find(const char *name);

/*
 * The device cannot read what the desktop's has drawn. True, once at most: there is another one,
 * which a successor of this process will choose, since this one has closed its doors.
 */
bool encoder_refuse_device(void);

/* What encoder_choose() opened is closed; all encoders are closed by now. */
void encoder_release(void);

/* ---- the back-ends; which ones there are is a matter of the build ---- */

extern const struct encoder_ops encoder_x264;
extern const struct encoder_ops encoder_vaapi;

/* Before its probe; why that failed; after everything else. */
void encoder_vaapi_set_host(const struct encoder_host *host);
const char *encoder_vaapi_get_why(void);
bool encoder_vaapi_refuse(void);
void encoder_vaapi_done(void);

#endif

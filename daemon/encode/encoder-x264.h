/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The insides of the x264 back-end, shared by its files; nobody else includes this. Names that begin
 * with x264_ are the library's, soft_ (encoding in software) is ours.
 *
 *	encoder-x264.c		the seam: frames in, access units out
 *	encoder-x264-param.c	what x264 is told
 *	encoder-x264-units.c	its NAL units, slice by slice
 *	encoder-x264-speed.c	which preset this machine can afford, at first and later on
 */
#ifndef MIRACAST_ENCODE_ENCODER_X264_H
#define MIRACAST_ENCODE_ENCODER_X264_H

#include "encode/encoder.h"
#include "encode/h264.h"

#include <x264.h>

enum soft_preset {
	SOFT_PRESET_ULTRAFAST,
	SOFT_PRESET_SUPERFAST,
	SOFT_PRESETS,
};

struct soft_encoder {
	struct encoder encoder;
	struct encoder_config config;
	x264_t *x264;
	x264_param_t param;

	uint8_t *picture; /* NV12, what XRGB frames were converted into */
	uint8_t *mb_info; /* one a macroblock, read by x264 during the encode */
	unsigned int mb_width, mb_height;

	x264_picture_t in; /* of the frame submitted last */
	bool pending;	   /* it is still to be encoded */
	bool repeated;	   /* it is the one before once more */
	uint64_t began_ns;
	uint64_t last_number; /* of the frame encoded last */
	uint32_t last_fourcc; /* 0: none yet */
	bool idr_wanted;
	int64_t pts; /* counts frames; x264 wants it to grow */

	enum soft_preset preset, best; /* in use; chosen at the beginning */
	uint64_t took_ns;	       /* a picture, smoothed */
	uint64_t try_ns, wait_ns; /* when the best one is tried again; how long after a failure */

	uint8_t *units; /* NAL units of the frame submitted last, one behind the other */
	size_t units_size, units_used;
	bool units_failed; /* there was no room for all of them */
	struct h264_sps sps;
	struct h264_pps pps;
	bool has_sets;		     /* these are x264's */
	uint32_t frame_num;	     /* of the picture that is next, or being made */
	int largest_slice;	     /* bytes, of the picture being made */
	unsigned int skipped_in_row; /* pictures of the same frame in which nothing was coded */
	bool was_new;		     /* the last one was, and its end is not told yet */

	struct packet packet; /* them, or what was not handed on yet; size 0: none */
};

/* Everything that x264 is told about a stream; 0 or -EINVAL. */
int soft_param_set(x264_param_t *p, const struct encoder_config *c, enum soft_preset preset);

/* That part of it that follows the rate. */
void soft_param_set_rate(x264_param_t *p, const struct encoder_config *c);

/* The memory for NAL units; 0 or -ENOMEM. */
int soft_units_init(struct soft_encoder *e);

/* A frame's first unit is next. */
void soft_units_begin(struct soft_encoder *e, const struct frame *f);

/* x264's callback; userdata is the soft_encoder. */
void soft_units_add(x264_t *x264, x264_nal_t *unit, void *userdata);

/* That was the last one. */
void soft_units_end(struct soft_encoder *e);

/* The same frame again, without x264. False: that would, or could, make it better. */
bool soft_units_repeat(struct soft_encoder *e, const struct frame *f);

const char *soft_preset_name(enum soft_preset preset);

/* An encoder with this preset whatever it costs; -errno as of encoder.h. */
int soft_encoder_new(const struct encoder_config *config, enum soft_preset preset,
		     struct encoder **ret);

/* Tries the presets, once a process. Pixels a second of the fastest one. */
int soft_speed_measure(uint32_t *ret);

/* The first choice for a mode. */
enum soft_preset soft_speed_choose(const struct media_mode *mode);

/* After each picture; may change the preset. */
int soft_speed_follow(struct soft_encoder *e, uint64_t began_ns, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From TS packets to pictures and what is seen in them: libavformat takes the stream apart,
 * libavcodec decodes it without delay, the stamp is read from the luma. A thread of its own behind
 * a bounded queue. Knows no network and no analyser: it is the second opinion.
 */
#ifndef SINK_DECODE_H
#define SINK_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DECODE_PICTURES_MAX 1024

struct decode_picture {
	int64_t pts; /* 90 kHz, as sent; -1 if there is none */
	bool stamped;
	uint32_t frame;
	uint64_t decoded_us;
};

struct latency {
	uint64_t count, p50, p99, max; /* us */
};

/* Valid when the decoder has been stopped. */
struct decode_facts {
	uint64_t frames_decoded, decode_errors;
	uint64_t stamps_read;	  /* good ones with a number that the one before did not have */
	uint64_t stamps_repeated; /* good ones of a picture that was sent again */
	uint64_t stamps_bad;
	uint64_t stamps_backwards; /* a number below the one before */
	uint32_t stamp_first, stamp_last;
	bool have_nonce;
	uint32_t nonce;
	uint64_t nonces; /* how many different ones in a row */
	unsigned stamp_x, stamp_y;
	struct latency latency;
	uint64_t first_picture_us, last_picture_us; /* CLOCK_MONOTONIC, 0 = none */
	unsigned width, height;
	int profile, level;
	uint64_t audio_frames, audio_errors;
	char audio_codec[16];
	uint64_t overrun_bytes; /* what the queue could not take: the decoder is too slow */
	size_t pictures_count;	/* the last ones, the oldest first */
	struct decode_picture pictures[DECODE_PICTURES_MAX];
};

struct decoder;

struct decoder_ops {
	void (*on_picture)(void *user, uint64_t count); /* from the decoder's thread */
	void (*on_trouble)(void *user);			/* the same: an IDR would help */
	void (*on_whole)(void *user);			/* the same: an IDR has helped */
};

/* frames: where a line for each picture goes, or NULL. */
int decoder_new(const struct decoder_ops *ops, void *user, FILE *frames, struct decoder **ret);
void decoder_push(struct decoder *d, const uint8_t *ts, size_t len);
/* Decodes what is queued and ends. */
void decoder_stop(struct decoder *d);
const struct decode_facts *decoder_facts(struct decoder *d);
/* The last picture with a good stamp, else the last one, as PNG; -ENODATA if there was none. */
int decoder_write_picture(struct decoder *d, const char *path);
struct decoder *decoder_free(struct decoder *d);

#endif

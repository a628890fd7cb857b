/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where frames come from: the seam between the pipeline and the pattern, a clip or the kernel
 * module. A source has no thread; the pipeline polls its descriptor and keeps its deadline.
 * Knows nothing of encoding.
 */
#ifndef MIRACAST_CAPTURE_SOURCE_H
#define MIRACAST_CAPTURE_SOURCE_H

#include "miracast/media.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct source;

struct source_ops {
	const char *name;

	/*
	 * Prepare for pictures of this mode. Called before the first acquire and on each change of
	 * the mode. 0 or -errno.
	 */
	int (*configure)(struct source *s, const struct media_mode *mode);

	/* What becomes ready with the next frame; fd -1: the deadline alone tells. */
	struct pollfd (*get_poll)(const struct source *s);

	/* CLOCK_MONOTONIC ns at which acquire is worth a call even without the descriptor. */
	uint64_t (*get_deadline_ns)(const struct source *s);

	/*
	 * The next frame, if one is due. 1: *ret is filled in and the pipeline owes a release;
	 * 0: none yet; -ENODATA: the clip is over; -ESHUTDOWN: the stream was revoked; other
	 * -errno: broken. again: the present picture is wanted although nothing changed.
	 */
	int (*acquire)(struct source *s, uint64_t now_ns, bool again, struct frame *ret);

	/*
	 * Who reads the pictures from the next one on: a device, by their dma-buf alone, or the CPU
	 * (as long as nothing is said). NULL: all the same to this source.
	 */
	void (*set_reader)(struct source *s, bool device);

	/* The pipeline does not read the frame's memory any more. */
	void (*release)(struct source *s, const struct frame *f);

	void (*close)(struct source *s);
};

#define SOURCE_WHY_SIZE 96

/* Embedded first in each kind of source. */
struct source {
	const struct source_ops *ops;
	char why[SOURCE_WHY_SIZE]; /* a sentence about the last error of acquire, or empty */
	bool holds_up;		   /* whoever draws its pictures waits for one that is not released */
};

/* The moving test picture with a stamp; refresh_hz 0: the mode's. */
int source_open_pattern(uint16_t refresh_hz, struct source **ret);

/*
 * YUV4MPEG2 from fd, which stays the caller's; scaled and letterboxed into the mode. A file starts
 * from its beginning. Waits for the header for at most timeout_ms. On an error why is a sentence.
 */
int source_open_y4m(int fd, int timeout_ms, char why[static SOURCE_WHY_SIZE], struct source **ret);

/* The clip's own size, made even, and its rate, rounded. */
void source_y4m_get_size(const struct source *s, struct media_mode *ret);

/*
 * The module's stream fd; takes ownership of it in any case. The render nodes stay the caller's:
 * pictures of a virtual machine's GPU are to be had only with its own.
 */
int source_open_device(int stream_fd, const int *nodes, size_t node_count, struct source **ret);

/*
 * Pictures of inner, which have that size whatever the mode, letterboxed into the mode. XRGB8888 that
 * the CPU can read. Takes ownership of inner in any case.
 */
int source_open_fitted(struct source *inner, uint16_t width, uint16_t height, struct source **ret);

/*
 * The source's own picture: dark, the host's name and one line of UTF-8 text. Its numbers have bit
 * 63 set, so that they are nobody else's.
 */
int source_open_notice(const char *text, struct source **ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path of one session: frames from a source, through an encoder, into the stream. The only
 * place that sees more than one stage. Everything happens in the caller's loop, but for the
 * encoding itself, which has a thread of its own behind pipeline-worker.h.
 */
#ifndef MIRACAST_MEDIA_PIPELINE_H
#define MIRACAST_MEDIA_PIPELINE_H

#include "capture/source.h"
#include "encode/encoder.h"
#include "media/facts.h"
#include "media/protocol.h"
#include "util/cleanup.h"
#include "util/clock.h"

#include <poll.h>

#define PIPELINE_POLLS 3 /* descriptors that pipeline_get_polls gives at most */

/* A stream wakes the loop so often at least: what is due within it may as well be done now. */
#define PIPELINE_SLACK_NS (40 * NSEC_PER_MSEC)

struct pipeline;

/*
 * state outlives this process and is continued. dump_fd: the file for one raw picture, -1: none;
 * both stay the caller's, facts too.
 */
int pipeline_new(struct stream_state *state, struct facts *facts, int dump_fd,
		 struct pipeline **ret);

/* After an encoder that hung, not everything can be freed: the process should exit at once. */
struct pipeline *pipeline_free(struct pipeline *p);
DEFINE_CLEANUP(struct pipeline *, pipeline_free)

/* Tries the back-ends; what the best one can do. Before anything else. host stays the caller's. */
int pipeline_probe(struct pipeline *p, const struct encoder_host *host, struct encoder_caps *ret);

/*
 * The commands of protocol.h. Each returns 0 or -errno; on an error the ERROR fact with stage and
 * text has been sent, and the process should end.
 */
int pipeline_configure(struct pipeline *p, const struct media_configure *c, uint64_t now_ns);
int pipeline_start(struct pipeline *p, int socket, uint64_t now_ns); /* takes the socket */
void pipeline_pause(struct pipeline *p); /* takes up to 100 ms, see pipeline_drain */
int pipeline_set_rate(struct pipeline *p, uint64_t rate_bps, uint32_t max_frame_bytes);
void pipeline_request_idr(struct pipeline *p, uint64_t now_ns);

/* source becomes the pipeline's; NULL: the compositor is gone. text: the line on our own picture. */
int pipeline_set_source(struct pipeline *p, struct source *source, const char *text,
			uint64_t now_ns);

/* For the loop: descriptors and events, their number; and when to run even without an event. */
unsigned int pipeline_get_polls(struct pipeline *p, struct pollfd ret[PIPELINE_POLLS]);
uint64_t pipeline_get_deadline_ns(const struct pipeline *p);

/*
 * Everything that is due now. polls: as pipeline_get_polls gave them last, with what poll said; NULL:
 * nobody looked. Errors as of the commands.
 */
int pipeline_run(struct pipeline *p, const struct pollfd *polls, uint64_t now_ns);

/* What waits is sent, and all of a picture of which a part has left; at most this long. */
void pipeline_drain(struct pipeline *p, unsigned int timeout_ms);

#endif

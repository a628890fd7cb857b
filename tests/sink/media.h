/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path of the sink: receiver -> analyser -> decoder and dump, on a thread of its own, and
 * beside it the reports to the source.
 * Knows nothing of the exchange but what was negotiated.
 */
#ifndef SINK_MEDIA_H
#define SINK_MEDIA_H

#include "analyse.h"
#include "decode.h"
#include "receive.h"
#include "rtcp.h"

struct media;

struct media_config {
	struct receiver *receiver;
	struct rtcp *rtcp; /* or NULL */
	FILE *dump;   /* TS packets in order, or NULL */
	FILE *frames; /* a line for each picture, or NULL */
	int event_fd; /* an eventfd that is written when one of the flags below rises */
};

int media_new(const struct media_config *config, struct media **ret);
int media_start(struct media *m);
void media_expect(struct media *m, const struct expectation *expect);
void media_pause(struct media *m, bool paused);
/* Something was lost since trouble was forgotten, or is still shown broken. */
bool media_wants_idr(struct media *m);
void media_forget_trouble(struct media *m); /* the source was asked */
uint64_t media_pictures(struct media *m); /* so far */
/* After the receiver was stopped: waits until all that came is decoded. */
void media_stop(struct media *m);
struct media *media_free(struct media *m);

const struct analyser *media_analyser(const struct media *m);
struct decoder *media_decoder(struct media *m);
bool media_dump_failed(const struct media *m);

#endif

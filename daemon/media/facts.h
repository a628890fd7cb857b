/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts for the daemon, over the control socket, which never blocks the data path: when it is full,
 * statistics are thrown away and what the session's life hangs on (CAPS, FIRST_FRAME, DEMOTED,
 * ERROR) waits for room. Knows the messages, not what causes them.
 */
#ifndef MIRACAST_MEDIA_FACTS_H
#define MIRACAST_MEDIA_FACTS_H

#include "media/protocol.h"

#define FACTS_WAITING 8

struct facts {
	int socket;
	uint64_t lost; /* statistics thrown away */
	unsigned int count;
	union media_message waiting[FACTS_WAITING]; /* in order */
};

/* The socket stays the caller's. */
void facts_init(struct facts *f, int socket);

void facts_send_caps(struct facts *f, struct media_caps *caps);
void facts_send_first_frame(struct facts *f, bool own_picture, uint64_t time_us);
void facts_send_chunk(struct facts *f, enum media_chunk_kind kind, uint64_t frame, uint32_t part,
		      uint32_t processing_us, uint32_t rate_kbps, uint64_t time_us);
void facts_send_rate(struct facts *f, uint64_t video_bps, uint64_t stream_bps);
void facts_send_blocked(struct facts *f, uint64_t queued_ns, size_t queued_bytes);
void facts_send_demoted(struct facts *f, const char *from, const char *to, const char *text);
void facts_send_late(struct facts *f, uint64_t frame, uint64_t late_ns);
void facts_send_error(struct facts *f, enum media_stage stage, int error, const char *text);
void facts_send_heartbeat(struct facts *f, uint64_t time_us, uint64_t rss_bytes);

/* Poll the socket for POLLOUT and flush then. */
static inline bool facts_wants_pollout(const struct facts *f)
{
	return f->count > 0;
}

void facts_flush(struct facts *f);

/* Before the end: waits for room, at most this long. */
void facts_drain(struct facts *f, int timeout_ms);

#endif

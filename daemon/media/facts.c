// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/facts.h"

#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

void facts_init(struct facts *f, int socket)
{
	*f = (struct facts){ .socket = socket };
}

static void send_statistic(struct facts *f, const struct media_header *m)
{
	if (f->count > 0 || media_send(f->socket, m, -1) < 0)
		f->lost++;
}

static void send_important(struct facts *f, const struct media_header *m)
{
	if (f->count == 0 && media_send(f->socket, m, -1) != -EAGAIN)
		return; /* sent, or the daemon is gone, which the loop notices */
	if (f->count < FACTS_WAITING)
		memcpy(&f->waiting[f->count++], m, m->size);
}

void facts_send_caps(struct facts *f, struct media_caps *caps)
{
	media_header_init(&caps->header, MEDIA_CAPS, sizeof(*caps));
	send_important(f, &caps->header);
}

void facts_send_first_frame(struct facts *f, bool own_picture, uint64_t time_us)
{
	struct media_first_frame m = { .time_us = time_us, .own_picture = own_picture };

	media_header_init(&m.header, MEDIA_FIRST_FRAME, sizeof(m));
	send_important(f, &m.header);
}

void facts_send_chunk(struct facts *f, enum media_chunk_kind kind, uint64_t frame, uint32_t part,
		      uint32_t processing_us, uint32_t rate_kbps, uint64_t time_us)
{
	struct media_chunk m = {
		.kind = kind,
		.frame = frame,
		.part = part,
		.processing_us = processing_us,
		.rate_kbps = rate_kbps,
		.time_us = time_us,
	};

	media_header_init(&m.header, MEDIA_CHUNK, sizeof(m));
	send_statistic(f, &m.header);
}

void facts_send_rate(struct facts *f, uint64_t video_bps, uint64_t stream_bps)
{
	struct media_rate m = { .video_bps = video_bps, .stream_bps = stream_bps };

	media_header_init(&m.header, MEDIA_RATE, sizeof(m));
	send_statistic(f, &m.header);
}

static uint32_t clamp_u32(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

void facts_send_blocked(struct facts *f, uint64_t queued_ns, size_t queued_bytes)
{
	struct media_blocked m = { .queued_us = clamp_u32(queued_ns / NSEC_PER_USEC),
				   .queued_bytes = clamp_u32(queued_bytes) };

	media_header_init(&m.header, MEDIA_BLOCKED, sizeof(m));
	send_statistic(f, &m.header);
}

void facts_send_demoted(struct facts *f, const char *from, const char *to, const char *text)
{
	struct media_demoted m = { 0 };

	media_header_init(&m.header, MEDIA_DEMOTED, sizeof(m));
	(void)snprintf(m.from, sizeof(m.from), "%s", from);
	(void)snprintf(m.to, sizeof(m.to), "%s", to);
	(void)snprintf(m.text, sizeof(m.text), "%s", text);
	send_important(f, &m.header);
}

void facts_send_late(struct facts *f, uint64_t frame, uint64_t late_ns)
{
	struct media_late m = { .frame = frame, .late_us = clamp_u32(late_ns / NSEC_PER_USEC) };

	media_header_init(&m.header, MEDIA_LATE, sizeof(m));
	send_statistic(f, &m.header);
}

void facts_send_error(struct facts *f, enum media_stage stage, int error, const char *text)
{
	struct media_error m = { .stage = stage, .error = error };

	media_header_init(&m.header, MEDIA_ERROR, sizeof(m));
	(void)snprintf(m.text, sizeof(m.text), "%s", text);
	send_important(f, &m.header);
}

void facts_send_heartbeat(struct facts *f, uint64_t time_us, uint64_t rss_bytes)
{
	struct media_heartbeat m = { .time_us = time_us, .rss_bytes = rss_bytes };

	media_header_init(&m.header, MEDIA_HEARTBEAT, sizeof(m));
	send_statistic(f, &m.header);
}

void facts_flush(struct facts *f)
{
	while (f->count > 0) {
		if (media_send(f->socket, &f->waiting[0].header, -1) == -EAGAIN)
			return;
		f->count--;
		memmove(f->waiting, f->waiting + 1, f->count * sizeof(f->waiting[0]));
	}
}

void facts_drain(struct facts *f, int timeout_ms)
{
	struct pollfd p = { .fd = f->socket, .events = POLLOUT };
	uint64_t end_ns = clock_now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;

	for (facts_flush(f); f->count > 0 && clock_now_ns() < end_ns; facts_flush(f))
		(void)poll(&p, 1, 10);
}

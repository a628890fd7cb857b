// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the data path tells the daemon as it goes: its rate, pictures that are late, and a network that
 * does not keep up. Knows nothing of what becomes of it.
 */
#include "media/pipeline-private.h"

#include "util/clock.h"

#define BLOCKED_NS (100 * NSEC_PER_MSEC) /* a queue of this age is worth a fact */
#define LOOK_NS	   (100 * NSEC_PER_MSEC) /* a look at the network, and one at each picture */

void pipeline_tell_rate(struct pipeline *p, uint64_t now_ns)
{
	uint64_t span_ns = now_ns + NSEC_PER_SEC - p->rate_ns;
	uint64_t sent = p->state->bytes - p->stream_bytes;

	if (now_ns + PIPELINE_SLACK_NS < p->rate_ns)
		return;
	facts_send_rate(p->facts, p->video_bytes * 8 * 1000 / (span_ns / NSEC_PER_MSEC),
			sent * 8 * 1000 / (span_ns / NSEC_PER_MSEC));
	p->rate_ns = now_ns + NSEC_PER_SEC;
	p->stream_bytes = p->state->bytes;
	p->video_bytes = 0;
}

/*
 * What waits for the link, in the stage before the socket and in the socket. False: a picture would
 * only wait behind others, and is better replaced by a later one.
 */
bool pipeline_look_at_network(struct pipeline *p, uint64_t now_ns)
{
	struct sender_queue queue;
	uint64_t backlog_ns, age_ns;

	stream_get_queue(p->stream, now_ns, &queue);
	backlog_ns = backlog_age_ns(&p->backlog, p->state->bytes, queue.socket_bytes, now_ns);
	age_ns = backlog_ns > queue.age_ns ? backlog_ns : queue.age_ns;
	p->look_ns = now_ns + LOOK_NS;
	if (age_ns >= BLOCKED_NS && now_ns >= p->blocked_ns + BLOCKED_NS) {
		facts_send_blocked(p->facts, age_ns, queue.bytes + queue.socket_bytes);
		p->blocked_ns = now_ns;
	}
	return queue.age_ns <= 2 * pipeline_period_ns(p) && backlog_ns < BLOCKED_NS;
}

void pipeline_tell_late(struct pipeline *p, const struct sender_frame *f)
{
	if (f->late_ns == 0)
		return;
	p->state->frames_late++;
	facts_send_late(p->facts, f->number, f->late_ns);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/trace.h"

#include "util/clock.h"

#include <assert.h>

#ifdef HAVE_SDT
#include <sys/sdt.h>
#define PROBE(name, f, at_ns) DTRACE_PROBE2(miracast, name, (f)->number, at_ns)
#else
#define PROBE(name, f, at_ns) ((void)(f), (void)(at_ns))
#endif

static void probe(const struct trace_frame *f, enum trace_stage stage, uint64_t at_ns)
{
	switch (stage) {
	case TRACE_READY:
		PROBE(ready, f, at_ns);
		return;
	case TRACE_ACQUIRED:
		PROBE(acquired, f, at_ns);
		return;
	case TRACE_STARTED:
		PROBE(started, f, at_ns);
		return;
	case TRACE_CONVERTED:
		PROBE(converted, f, at_ns);
		return;
	case TRACE_ENCODED:
		PROBE(encoded, f, at_ns);
		return;
	case TRACE_FIRST_DATAGRAM:
		PROBE(first_datagram, f, at_ns);
		return;
	case TRACE_LAST_DATAGRAM:
		PROBE(last_datagram, f, at_ns);
		return;
	case TRACE_STAGES:
		return;
	}
}

void trace_begin(struct trace *t, const struct trace_frame *f)
{
	t->frames[t->next] = *f;
	t->next = (t->next + 1) % TRACE_FRAMES;
	probe(f, TRACE_READY, f->at_ns[TRACE_READY]);
}

struct trace_frame *trace_find(struct trace *t, uint64_t time_ns)
{
	/* From the newest backward: a repeated picture has a time of its own, but times may tie. */
	for (unsigned int i = 1; i <= TRACE_FRAMES; i++) {
		struct trace_frame *f = &t->frames[(t->next + TRACE_FRAMES - i) % TRACE_FRAMES];

		if (f->time_ns == time_ns && time_ns)
			return f;
	}
	return NULL;
}

/* An IDR is larger by design, and is judged by a limit of its own. */
static struct latency_histogram *histogram_of(struct stream_state *s, const struct trace_frame *f,
					      enum trace_stage stage)
{
	switch (stage) {
	case TRACE_READY:
	case TRACE_STAGES:
		return NULL;
	case TRACE_ACQUIRED:
		return &s->ready_to_acquired;
	case TRACE_STARTED:
		return &s->ready_to_started;
	case TRACE_CONVERTED:
		return &s->ready_to_converted;
	case TRACE_ENCODED:
		return &s->ready_to_encoded;
	case TRACE_FIRST_DATAGRAM:
		return &s->ready_to_first_datagram;
	case TRACE_LAST_DATAGRAM:
		return f->idr ? &s->idr_ready_to_last_datagram : &s->ready_to_last_datagram;
	}
	return NULL;
}

/* What the picture had to wait for that was not the encoder; an IDR waits for the pace. */
static void count_rest(struct stream_state *s, const struct trace_frame *f)
{
	const uint64_t *at_ns = f->at_ns;

	if (f->idr || !at_ns[TRACE_ACQUIRED] || !at_ns[TRACE_STARTED] || !at_ns[TRACE_ENCODED])
		return;
	latency_add(&s->beside_encoder, (at_ns[TRACE_LAST_DATAGRAM] - at_ns[TRACE_ENCODED] +
					 at_ns[TRACE_STARTED] - at_ns[TRACE_ACQUIRED]) /
						NSEC_PER_USEC);
}

void trace_mark(struct trace *t, uint64_t time_ns, enum trace_stage stage, uint64_t at_ns)
{
	struct trace_frame *f = trace_find(t, time_ns);
	struct latency_histogram *h;
	uint64_t since_ns;

	assert(stage < TRACE_STAGES);
	if (!f)
		return;
	probe(f, stage, at_ns);
	f->at_ns[stage] = at_ns;
	h = f->timed ? histogram_of(t->state, f, stage) : NULL;
	since_ns = at_ns > f->at_ns[TRACE_READY] ? at_ns - f->at_ns[TRACE_READY] : 0;
	if (h)
		latency_add(h, since_ns / NSEC_PER_USEC);
	if (f->timed && stage == TRACE_LAST_DATAGRAM)
		count_rest(t->state, f);
}

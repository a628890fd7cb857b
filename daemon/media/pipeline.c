// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * THE DATA PATH:
 *
 *	source -> frame -> pipeline_on_frame -> (waits) -> encode_next
 *			-> the encoder's thread (pipeline-worker.c) ->
 *	packet -> pipeline_on_packet -> stream (TS, RTP, pace) -> network
 *
 * A packet is an access unit, or a part of one that leaves while the rest is being encoded.
 * Data only flows forward, by direct calls but for the one thread. One picture at a time is with
 * the encoder and one may wait for it; a newer picture takes the place of the waiting one. Backward
 * there are three signals: an IDR is wanted, the rate has changed, the network does not keep up
 * (then pictures are not even encoded). One time rides along: a frame's time_ns names it up to its
 * last datagram.
 *
 * What is shown: the desktop (or the pattern, or the clip) as soon as it gives a picture, our own
 * picture until then and when it is gone. A picture that rests is sent once more at once, because
 * many decoders show a picture when the next one begins, and steadily from then on, because an
 * encoder improves it, and because sinks that hear nothing go dark.
 *
 * This file does not know how a stage does its work, what was negotiated, or who the sink is;
 * pipeline-control.c sets the stages up, pipeline-tell.c tells the daemon how it goes.
 */
#include "media/pipeline-private.h"

#include "stream/timing.h"
#include "util/clock.h"

#include <errno.h>

#define CLOSE_NS	(60 * NSEC_PER_MSEC) /* longer than from picture to picture of a film */
#define RETRY_NS	(100 * NSEC_PER_MSEC) /* a picture that was asked for may take so long */
#define IDR_INTERVAL_NS (500 * NSEC_PER_MSEC) /* at most one on request in so long, two at once */
#define REOPEN_NS	(10 * NSEC_PER_SEC)   /* an encoder that fails again within is given up */
#define END_MS		100		      /* for the clip's last pictures to leave */
#define QUIESCE_MS	5		      /* the stream is looked after so often meanwhile */

/* The path, in the order in which the data takes it. */
static void take_frames(struct pipeline *p, const struct pollfd *polls, uint64_t now_ns);
static void pipeline_on_frame(struct pipeline *p, struct source *s, const struct frame *f,
			      uint64_t now_ns);
static void encode_next(struct pipeline *p, uint64_t now_ns);
static void take_packet(struct pipeline *p, uint64_t now_ns);
static void pipeline_on_packet(struct pipeline *p, const struct packet *packet, uint64_t ready_ns,
			       uint64_t now_ns);
static void on_first_datagram(void *userdata, const struct sender_frame *f);
static void on_last_datagram(void *userdata, const struct sender_frame *f);
static void on_dropped(void *userdata, const struct sender_frame *f);

const struct stream_ops pipeline_stream_ops = {
	.on_first_datagram = on_first_datagram,
	.on_last_datagram = on_last_datagram,
	.on_dropped = on_dropped,
};

/* What goes backward. */
static void want_idr(struct pipeline *p, uint64_t at_ns);
static void want_idr_soon(struct pipeline *p, uint64_t now_ns);

/* ------------------------------------------------------------------ the loop's turn */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t us_since(uint64_t now_ns, uint64_t then_ns)
{
	return now_ns > then_ns ? (now_ns - then_ns) / NSEC_PER_USEC : 0;
}

static void network_failed(struct pipeline *p, int r)
{
	(void)pipeline_fail(p, MEDIA_STAGE_SEND, r, "the network to the sink is gone");
}

int pipeline_run(struct pipeline *p, const struct pollfd *polls, uint64_t now_ns)
{
	int r;

	take_packet(p, now_ns);
	if (!p->streaming || p->failed)
		return p->failed;
	r = stream_flush(p->stream, now_ns);
	if (r < 0)
		network_failed(p, r);
	take_frames(p, polls, now_ns);
	encode_next(p, now_ns);
	if (p->dump.fd >= 0)
		p->state->dumped_pts = dump_finish(&p->dump);
	pipeline_tell_rate(p, now_ns);
	backlog_mark(&p->backlog, p->state->bytes, now_ns);
	if (now_ns >= p->look_ns)
		(void)pipeline_look_at_network(p, now_ns);
	return p->failed;
}

/* ------------------------------------------------------------------ source -> frame */

static void source_failed(struct pipeline *p, struct source *s, int r, uint64_t now_ns)
{
	const char *why = s->why[0] ? s->why : "the source is broken";

	if (r == -ENODATA) {
		pipeline_drain(p, END_MS);
		(void)pipeline_fail(p, MEDIA_STAGE_INPUT_END, r, "the clip is over");
	} else if (r == -ESHUTDOWN && s == p->desktop) {
		pipeline_close_desktop(p);
		pipeline_show_own_picture(p, now_ns);
	} else {
		(void)pipeline_fail(p, MEDIA_STAGE_CAPTURE, r, why);
	}
}

static void take_frame(struct pipeline *p, struct source *s, bool again, uint64_t now_ns)
{
	struct frame f;
	int r = s->ops->acquire(s, now_ns, again, &f);

	if (r < 0)
		source_failed(p, s, r, now_ns);
	if (r <= 0)
		return;
	p->desktop_changed = true;
	if (p->own && s == p->desktop) { /* it is there (again) */
		p->own = false;
		pipeline_begin_anew(p, now_ns);
	}
	if (!p->own)
		p->grace_ns = NEVER_NS;
	pipeline_on_frame(p, s, &f, now_ns); /* which owes the release from now on */
}

static bool is_busy(const struct pipeline *p)
{
	return p->waiting.source || worker_is_busy(p->encoder);
}

/* A picture that holds the desktop up is not taken before the encoder can read it at once. */
static bool wants_desktop(const struct pipeline *p)
{
	return p->desktop && !(p->desktop->holds_up && is_busy(p));
}

/* It has something new only when its descriptor, its deadline or what we did says so. */
static bool has_news(const struct pipeline *p, const struct pollfd *polls, uint64_t now_ns)
{
	if (!polls || p->desktop_changed || p->desktop_poll < 0)
		return true;
	return polls[p->desktop_poll].revents ||
	       now_ns >= p->desktop->ops->get_deadline_ns(p->desktop);
}

static void take_frames(struct pipeline *p, const struct pollfd *polls, uint64_t now_ns)
{
	/* With a picture on its way to the encoder the present one need not be asked for. */
	bool busy = is_busy(p);
	bool again = !busy && now_ns >= p->again_ns;

	if (again)
		p->again_ns = now_ns + RETRY_NS; /* until it comes, which may take a while */
	if (wants_desktop(p) && ((again && !p->own) || has_news(p, polls, now_ns))) {
		p->desktop_changed = false;
		take_frame(p, p->desktop, again && !p->own, now_ns);
	}
	if (now_ns >= p->grace_ns && !p->own && p->failed == 0)
		pipeline_show_own_picture(p, now_ns);
	if (p->own && p->failed == 0)
		take_frame(p, p->notice, !busy && (again || now_ns >= p->again_ns), now_ns);
}

/* ------------------------------------------------------------------ frame -> (waits) */

void pipeline_release(struct pipeline *p, struct held *h)
{
	if (!h->source)
		return;
	h->source->ops->release(h->source, &h->frame);
	h->source = NULL;
	p->desktop_changed = true;
}

static void frame_dropped(struct pipeline *p, uint64_t number, uint64_t now_ns)
{
	p->state->frames_dropped++;
	facts_send_chunk(p->facts, MEDIA_CHUNK_DROPPED, number, 0, 0, 0, now_ns / NSEC_PER_USEC);
}

/* Numbers that were skipped are pictures that nobody captured. */
static void count_frame(struct pipeline *p, const struct frame *f)
{
	if (f->number == p->seen_number)
		return;
	if (!p->own) {
		p->state->frames_captured++;
		if (p->seen_number > 0 && f->number > p->seen_number + 1)
			p->state->frames_dropped += f->number - p->seen_number - 1;
	}
	p->seen_number = f->number;
}

static bool has_mode_size(const struct pipeline *p, const struct frame *f)
{
	const struct media_mode *mode = &p->config.format.mode;

	return f->width == mode->width && f->height == mode->height;
}

/* The newest picture wins: what waited before it is not worth encoding any more. */
static void pipeline_on_frame(struct pipeline *p, struct source *s, const struct frame *f,
			      uint64_t now_ns)
{
	struct held held = {
		.source = s, .frame = *f, .own = s == p->notice, .acquired_ns = clock_now_ns()
	};

	facts_send_chunk(p->facts, MEDIA_CHUNK_FRAME_START, f->number, 0, 0, 0,
			 now_ns / NSEC_PER_USEC);
	count_frame(p, f);
	p->again_ns = now_ns + pipeline_period_ns(p); /* a picture that is not sent now is owed */
	if (!has_mode_size(p, f)) {
		frame_dropped(p, f->number, now_ns);
		pipeline_release(p, &held);
		return;
	}
	if (p->waiting.source && p->waiting.frame.number != f->number)
		frame_dropped(p, p->waiting.frame.number, now_ns);
	pipeline_release(p, &p->waiting);
	p->waiting = held;
}

/* ------------------------------------------------------------------ (waits) -> encoder */

/*
 * The picture as it will be encoded. One that is repeated, or that was there before anybody asked,
 * is a picture of now; the numbers stay, as the contract has it for refinements.
 */
static struct frame frame_to_show(struct pipeline *p, const struct held *h, uint64_t now_ns)
{
	bool repeated = h->frame.number == p->last_number, first = p->last_number == 0;
	struct trace_frame trace = { .number = h->frame.number,
				     .own = p->own,
				     .timed = !p->own && !repeated && !first };
	struct frame shown = h->frame;

	if (repeated || first)
		shown.time_ns = now_ns;
	p->repeats = repeated ? p->repeats + 1 : 0;
	if (!repeated)
		p->last_new_ns = now_ns;
	p->last_number = shown.number;
	trace.time_ns = shown.time_ns;
	trace.at_ns[TRACE_READY] = shown.time_ns < h->acquired_ns ? shown.time_ns : h->acquired_ns;
	trace_begin(&p->trace, &trace);
	trace_mark(&p->trace, shown.time_ns, TRACE_ACQUIRED, h->acquired_ns);
	return shown;
}

static void encode_next(struct pipeline *p, uint64_t now_ns)
{
	struct worker_job job = { .task = WORKER_ENCODE,
				  .back_end = p->back_end,
				  .config = p->config,
				  .anew = p->anew,
				  .idr = now_ns >= p->idr_ns };

	if (!p->waiting.source || worker_is_busy(p->encoder) || p->failed)
		return;
	if (!pipeline_look_at_network(p, now_ns)) {
		frame_dropped(p, p->waiting.frame.number, now_ns);
		pipeline_release(p, &p->waiting);
		return;
	}
	job.frame = frame_to_show(p, &p->waiting, now_ns);
	p->encoding = p->waiting;
	p->encoding.frame = job.frame;
	p->waiting.source = NULL;
	p->anew = false;
	p->part_ns = now_ns;
	p->parts = 0;
	worker_give(p->encoder, &job, now_ns); /* -> take_packet, when the thread is done */
}

/* ------------------------------------------------------------------ encoder -> packet */

/* One new beginning; then another back-end, if one will do, or the daemon's turn. */
static void encoder_failed(struct pipeline *p, const struct worker_result *result, uint64_t now_ns)
{
	bool again = p->encoder_failed_ns && now_ns < p->encoder_failed_ns + REOPEN_NS;

	p->encoder_failed_ns = now_ns;
	if ((result->fatal || again) && !pipeline_demote(p, result->r)) {
		(void)pipeline_fail(p, MEDIA_STAGE_ENCODE, result->r,
				    result->fatal ? result->what : "the encoder failed twice");
		return;
	}
	p->anew = true;
	pipeline_begin_anew(p, now_ns);
}

static uint64_t bytes_read_by_cpu(const struct frame *f)
{
	uint64_t pixels = (uint64_t)f->width * f->height;

	return f->fourcc == MEDIA_FOURCC_XRGB8888 ? 4 * pixels : pixels * 3 / 2;
}

/*
 * When the picture, should it rest from now on, is sent the next time. The first time it only tells
 * where the one before ends: by the next one's beginning, for which sinks without a look at the PES's
 * length wait (ISO/IEC 14496-10, 7.4.1.2.3), and which is not told of a picture in parts.
 */
static void plan_repeat(struct pipeline *p, uint64_t now_ns)
{
	uint64_t close_ns = 2 * pipeline_period_ns(p);

	if (p->parts == 0 && close_ns < CLOSE_NS)
		close_ns = CLOSE_NS;
	p->again_ns = now_ns + (p->repeats ? p->still_ns : close_ns);
	if (p->idr_ns != NEVER_NS)
		want_idr(p, p->idr_ns);
}

static void trace_result(struct pipeline *p, const struct worker_result *result, uint64_t time_ns)
{
	struct trace_frame *trace = trace_find(&p->trace, time_ns);

	if (trace)
		trace->idr = result->packet.idr;
	trace_mark(&p->trace, time_ns, TRACE_STARTED, result->started_ns);
	if (result->converted_ns)
		trace_mark(&p->trace, time_ns, TRACE_CONVERTED, result->converted_ns);
	trace_mark(&p->trace, time_ns, TRACE_ENCODED, result->encoded_ns);
}

/* Parts of it may have been pushed, and have left. */
static void picture_failed(struct pipeline *p, uint64_t now_ns)
{
	if (p->parts > 0)
		stream_abandon(p->stream);
	dump_on_dropped(&p->dump, p->encoding.frame.time_ns);
	if (p->encoding.frame.time_ns != p->dropped_ns)
		frame_dropped(p, p->encoding.frame.number, now_ns);
}

static void on_encoded(struct pipeline *p, const struct worker_result *result, uint64_t now_ns)
{
	const struct frame *f = &p->encoding.frame;

	if (result->r <= 0)
		picture_failed(p, now_ns);
	if (result->r == -EOPNOTSUPP && !f->planes[0])
		pipeline_import_failed(p, now_ns);
	else if (result->r < 0)
		encoder_failed(p, result, now_ns);
	if (result->r <= 0)
		return;
	if (!result->by_device && !p->encoding.own)
		p->state->raw_bytes_copied += bytes_read_by_cpu(f);
	trace_result(p, result, f->time_ns);
	if (result->packet.part == 0)
		p->part_ns = result->started_ns;
	p->state->frames_encoded++;
	p->state->idr_frames += result->packet.idr;
	pipeline_on_packet(p, &result->packet, result->encoded_ns, now_ns);
	if (result->packet.idr)
		p->repeats = 0; /* as good as new: a decoder may begin with it */
	if (!p->waiting.source && p->last_number > 0) /* 0: something new has begun meanwhile */
		plan_repeat(p, now_ns);
}

/* The chosen picture has left, and is written to its file while it is still ours. */
static void dump(struct pipeline *p, uint64_t now_ns)
{
	const struct worker_job job = { .task = WORKER_DUMP,
					.dump_fd = p->dump.fd,
					.frame = p->encoding.frame,
					.config = p->config };

	worker_give(p->encoder, &job, now_ns);
}

/* A desktop draws no next picture into a buffer that we read. A dump reads it once more, later. */
static void give_back_early(struct pipeline *p)
{
	if (worker_is_busy(p->encoder) && worker_has_read(p->encoder) && p->dump.fd < 0)
		pipeline_release(p, &p->encoding);
}

static void take_parts(struct pipeline *p, uint64_t now_ns)
{
	struct worker_part part;

	while (worker_take_part(p->encoder, &part)) {
		if (!p->streaming)
			continue;
		pipeline_on_packet(p, &part.packet, part.encoded_ns, now_ns);
		p->parts++;
	}
}

static void take_packet(struct pipeline *p, uint64_t now_ns)
{
	struct worker_result result;
	bool done = worker_take(p->encoder, &result);

	take_parts(p, now_ns);
	if (!done) {
		give_back_early(p);
		if (worker_is_hung(p->encoder, now_ns))
			(void)pipeline_fail(p, MEDIA_STAGE_ENCODE, -ETIMEDOUT, "the encoder hung");
		return;
	}
	switch (result.task) {
	case WORKER_ENCODE:
		if (p->streaming)
			on_encoded(p, &result, now_ns);
		break;
	case WORKER_WARM_UP:
		if (result.r < 0 && !pipeline_demote(p, result.r))
			(void)pipeline_fail(p, MEDIA_STAGE_ENCODE, result.r, result.what);
		break;
	case WORKER_DUMP:
		dump_on_written(&p->dump, result.r);
		break;
	}
	p->parts = 0;
	if (p->encoding.source && dump_wants(&p->dump, &p->encoding.frame))
		dump(p, now_ns);
	else
		pipeline_release(p, &p->encoding);
}

void pipeline_quiesce(struct pipeline *p)
{
	struct pollfd poll_fd = { .fd = worker_get_fd(p->encoder), .events = POLLIN };
	uint64_t now_ns;

	while (worker_is_busy(p->encoder) && p->failed == 0) {
		(void)poll(&poll_fd, 1, QUIESCE_MS);
		now_ns = clock_now_ns();
		if (p->streaming)
			(void)stream_flush(p->stream, now_ns); /* an error comes again */
		take_packet(p, now_ns);
	}
}

/* Of a picture in parts the first ones have left, and the encoder works on the others. */
static bool is_leaving(const struct pipeline *p)
{
	return p->parts > 0 && worker_is_busy(p->encoder);
}

void pipeline_drain(struct pipeline *p, unsigned int timeout_ms)
{
	uint64_t now_ns = clock_now_ns(), end_ns = now_ns + timeout_ms * NSEC_PER_MSEC;
	struct pollfd poll_fd = { .fd = worker_get_fd(p->encoder), .events = POLLIN };
	struct sender_queue queue;

	for (; p->streaming && p->failed == 0 && now_ns < end_ns; now_ns = clock_now_ns()) {
		if (is_leaving(p)) /* another picture must not begin, it would be cut off in turn */
			take_packet(p, now_ns);
		(void)stream_flush(p->stream, now_ns);
		stream_get_queue(p->stream, now_ns, &queue);
		if (queue.bytes == 0 && !is_leaving(p))
			return;
		(void)poll(&poll_fd, is_leaving(p) ? 1 : 0, 1);
	}
}

/* ------------------------------------------------------------------ packet -> stream */

/* As the contract counts: the last part, and a whole picture, is 0, those before it are 1, 2, ... */
static uint32_t part_number(unsigned int part, unsigned int parts)
{
	return part + 1 < parts ? part + 1 : 0;
}

/* Before it is pushed: should the stream refuse it, another IDR is wanted, and that wish stays. */
static void begin_picture(struct pipeline *p, const struct packet *packet, uint64_t now_ns)
{
	if (!p->own && p->repeats == 0)
		dump_choose(&p->dump, &p->encoding.frame);
	if (!packet->idr)
		return;
	p->idr_paid_ns = (p->idr_paid_ns > now_ns ? p->idr_paid_ns : now_ns) + IDR_INTERVAL_NS;
	p->idr_ns = NEVER_NS;
}

static void pipeline_on_packet(struct pipeline *p, const struct packet *packet, uint64_t ready_ns,
			       uint64_t now_ns)
{
	int r;

	facts_send_chunk(p->facts, MEDIA_CHUNK_ENCODED, packet->frame_number,
			 part_number(packet->part, packet->parts),
			 (uint32_t)us_since(ready_ns, p->part_ns),
			 (uint32_t)(p->config.rate_bps / 1000), ready_ns / NSEC_PER_USEC);
	p->part_ns = ready_ns;
	p->video_bytes += packet->size;
	if (packet->part == 0)
		begin_picture(p, packet, now_ns);
	r = stream_push(p->stream, packet, now_ns); /* -> on_first_datagram, ... */
	if (r < 0 && r != -ENOBUFS && r != -ENOTCONN)
		network_failed(p, r);
}

/* ------------------------------------------------------------------ stream -> network */

static void on_first_datagram(void *userdata, const struct sender_frame *f)
{
	struct pipeline *p = userdata;
	const struct trace_frame *trace = trace_find(&p->trace, f->time_ns);
	uint64_t now_ns = clock_now_ns();

	facts_send_chunk(p->facts, MEDIA_CHUNK_SENT, f->number, part_number(f->part, f->parts), 0,
			 0, now_ns / NSEC_PER_USEC);
	if (f->part > 0)
		return;
	trace_mark(&p->trace, f->time_ns, TRACE_FIRST_DATAGRAM, now_ns);
	if (p->first_frame) {
		facts_send_first_frame(p->facts, trace && trace->own, now_ns / NSEC_PER_USEC);
		p->first_frame = false;
	}
	pipeline_tell_late(p, f);
	dump_on_sent(&p->dump, f->time_ns, f->pts & TIMING_MASK_33);
}

static void on_last_datagram(void *userdata, const struct sender_frame *f)
{
	struct pipeline *p = userdata;

	if (part_number(f->part, f->parts) > 0)
		return;
	trace_mark(&p->trace, f->time_ns, TRACE_LAST_DATAGRAM, clock_now_ns());
	if (f->part > 0)
		pipeline_tell_late(p, f);
}

static void on_dropped(void *userdata, const struct sender_frame *f)
{
	struct pipeline *p = userdata;
	uint64_t now_ns = clock_now_ns();

	frame_dropped(p, f->number, now_ns);
	p->dropped_ns = f->time_ns;
	dump_on_dropped(&p->dump, f->time_ns);
	want_idr_soon(p, now_ns);
}

/* ------------------------------------------------------------------ backward */

/*
 * The next picture from at_ns on is to be an IDR. While the picture moves, one comes by itself;
 * otherwise the present one is asked for again.
 */
static void want_idr(struct pipeline *p, uint64_t at_ns)
{
	uint64_t ask_ns;

	if (!p->configured)
		return;
	ask_ns = p->last_new_ns + 5 * pipeline_period_ns(p) / 2;
	if (ask_ns < at_ns)
		ask_ns = at_ns;
	if (at_ns < p->idr_ns)
		p->idr_ns = at_ns;
	if (ask_ns < p->again_ns)
		p->again_ns = ask_ns;
}

/*
 * On request: not more often than the interval in the long run, but never forgotten. Two may follow
 * each other at once: else a sink that asks just as often as it is granted would be answered late
 * for ever after having been late once.
 */
static void want_idr_soon(struct pipeline *p, uint64_t now_ns)
{
	uint64_t earliest = p->idr_paid_ns > IDR_INTERVAL_NS ? p->idr_paid_ns - IDR_INTERVAL_NS : 0;

	want_idr(p, now_ns > earliest ? now_ns : earliest);
}

/* Whatever comes next is a new picture: an IDR, at once. */
void pipeline_begin_anew(struct pipeline *p, uint64_t now_ns)
{
	p->seen_number = p->last_number = p->last_new_ns = 0;
	p->repeats = 0;
	p->again_ns = now_ns;
	p->desktop_changed = true;
	want_idr(p, now_ns);
}

void pipeline_show_own_picture(struct pipeline *p, uint64_t now_ns)
{
	p->own = true;
	p->grace_ns = NEVER_NS;
	pipeline_begin_anew(p, now_ns);
}

void pipeline_request_idr(struct pipeline *p, uint64_t now_ns)
{
	want_idr_soon(p, now_ns);
}

/* ------------------------------------------------------------------ the loop's side */

unsigned int pipeline_get_polls(struct pipeline *p, struct pollfd ret[PIPELINE_POLLS])
{
	unsigned int n = 0;

	p->desktop_poll = -1;
	ret[n++] = (struct pollfd){ .fd = worker_get_fd(p->encoder), .events = POLLIN };
	if (p->streaming && wants_desktop(p)) {
		p->desktop_poll = (int)n;
		ret[n++] = p->desktop->ops->get_poll(p->desktop); /* fd -1 is passed over */
	}
	if (p->streaming && stream_wants_pollout(p->stream))
		ret[n++] = (struct pollfd){ .fd = stream_get_fd(p->stream), .events = POLLOUT };
	return n;
}

uint64_t pipeline_get_deadline_ns(const struct pipeline *p)
{
	uint64_t deadline = worker_get_deadline_ns(p->encoder);

	if (!p->streaming)
		return deadline;
	deadline = earlier(deadline, stream_get_deadline_ns(p->stream));
	deadline = earlier(deadline, earlier(p->rate_ns, p->grace_ns));
	if (!is_busy(p))
		deadline = earlier(deadline, p->again_ns);
	if (wants_desktop(p))
		deadline = earlier(deadline, p->desktop->ops->get_deadline_ns(p->desktop));
	return deadline;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * THE DATA PATH:
 *
 *	source -> frame -> pipeline_on_frame -> encoder -> packet -> pipeline_on_packet -> stream
 *
 * Data only flows forward, by direct calls. Backward there are three signals: an IDR is wanted, the
 * rate has changed, the network does not keep up (then pictures are not even encoded). One time
 * rides along: a frame's time_ns names it up to its last datagram.
 *
 * What is shown: the desktop (or the pattern, or the clip) as soon as it gives a picture, our own
 * picture until then and when it is gone. A picture that rests is sent once more within a second,
 * because an encoder improves it, and every two seconds from then on, because sinks that hear
 * nothing go dark.
 *
 * This file does not know how a stage does its work, what was negotiated, or who the sink is;
 * pipeline-control.c sets the stages up.
 */
#include "media/pipeline-private.h"

#include "stream/timing.h"
#include "util/clock.h"

#include <errno.h>

#define REFINE_NS	(500 * NSEC_PER_MSEC) /* after which a resting picture is improved */
#define STILL_NS	(2 * NSEC_PER_SEC)    /* and repeated */
#define RETRY_NS	(100 * NSEC_PER_MSEC) /* a picture that was asked for may take so long */
#define IDR_INTERVAL_NS (500 * NSEC_PER_MSEC) /* at most one on request in so long */
#define REOPEN_NS	(10 * NSEC_PER_SEC)   /* an encoder that fails again within is given up */
#define END_MS		100 /* for the clip's last pictures to leave */
#define BLOCKED_NS	(100 * NSEC_PER_MSEC) /* a queue of this age is worth a fact */

/* The path, in the order in which the data takes it. */
static void take_frames(struct pipeline *p, uint64_t now_ns);
static void pipeline_on_frame(struct pipeline *p, const struct frame *f, uint64_t now_ns);
static void pipeline_on_packet(struct pipeline *p, const struct packet *packet, uint64_t now_ns);
static void on_first_datagram(void *userdata, const struct sender_frame *f);
static void on_last_datagram(void *userdata, const struct sender_frame *f);
static void on_dropped(void *userdata, const struct sender_frame *f);

const struct stream_ops pipeline_stream_ops = {
	.on_first_datagram = on_first_datagram,
	.on_last_datagram = on_last_datagram,
	.on_dropped = on_dropped,
};

/* What goes backward, and what goes to the daemon. */
static void want_idr(struct pipeline *p, uint64_t at_ns);
static void want_idr_soon(struct pipeline *p, uint64_t now_ns);
static void tell_rate(struct pipeline *p, uint64_t now_ns);
static void tell_blocked(struct pipeline *p, uint64_t now_ns);

/* ------------------------------------------------------------------ the loop's turn */

static uint64_t period_ns(const struct pipeline *p)
{
	return NSEC_PER_SEC / p->config.format.mode.refresh_hz;
}

static void network_failed(struct pipeline *p, int r)
{
	(void)pipeline_fail(p, MEDIA_STAGE_SEND, r, "the network to the sink is gone");
}

int pipeline_run(struct pipeline *p, uint64_t now_ns)
{
	int r;

	if (!p->streaming || p->failed)
		return p->failed;
	r = stream_flush(p->stream, now_ns);
	if (r < 0)
		network_failed(p, r);
	else
		take_frames(p, now_ns);
	if (p->dump.fd >= 0)
		p->state->dumped_pts = dump_finish(&p->dump);
	tell_rate(p, now_ns);
	tell_blocked(p, now_ns);
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
	if (p->own && s == p->desktop) { /* it is there (again) */
		p->own = false;
		pipeline_begin_anew(p, now_ns);
	}
	if (!p->own)
		p->grace_ns = NEVER_NS;
	pipeline_on_frame(p, &f, now_ns);
	s->ops->release(s, &f);
}

static void take_frames(struct pipeline *p, uint64_t now_ns)
{
	bool again = now_ns >= p->again_ns;

	if (again)
		p->again_ns = now_ns + RETRY_NS; /* until it comes, which may take a while */
	if (p->desktop)
		take_frame(p, p->desktop, again && !p->own, now_ns);
	if (now_ns >= p->grace_ns && !p->own && p->failed == 0)
		pipeline_show_own_picture(p, now_ns);
	if (p->own && p->failed == 0)
		take_frame(p, p->notice, again || now_ns >= p->again_ns, now_ns);
}

/* ------------------------------------------------------------------ frame -> encoder */

static void frame_dropped(struct pipeline *p, uint64_t number, uint64_t now_ns)
{
	p->state->frames_dropped++;
	facts_send_chunk(p->facts, MEDIA_CHUNK_DROPPED, number, 0, 0, now_ns / NSEC_PER_USEC);
}

/* Numbers that were skipped are pictures that nobody captured. */
static void count_frame(struct pipeline *p, const struct frame *f)
{
	p->state->frames_captured++;
	if (p->last_number > 0 && f->number > p->last_number + 1)
		p->state->frames_dropped += f->number - p->last_number - 1;
}

/*
 * The picture as it will be encoded. One that is repeated, or that was there before anybody asked,
 * is a picture of now; the numbers stay, as the contract has it for refinements.
 */
static struct frame frame_to_show(struct pipeline *p, const struct frame *f, uint64_t now_ns)
{
	struct frame shown = *f;

	if (f->number == p->last_number || p->last_number == 0)
		shown.time_ns = now_ns;
	if (f->number == p->last_number) {
		p->repeats++;
	} else {
		if (!p->own)
			count_frame(p, f);
		p->repeats = 0;
		p->last_new_ns = now_ns;
	}
	p->recent_next = (p->recent_next + 1) % RECENT;
	p->recent[p->recent_next] = (struct recent){
		.time_ns = shown.time_ns,
		.ready_ns = shown.time_ns < now_ns ? shown.time_ns : now_ns,
		.own = p->own,
		.timed = !p->own && f->number != p->last_number && p->last_number > 0,
	};
	p->last_number = f->number;
	return shown;
}

/* A picture that would only wait behind others is better replaced by a later one. */
static bool network_keeps_up(const struct pipeline *p, uint64_t now_ns)
{
	struct sender_queue queue;

	stream_get_queue(p->stream, now_ns, &queue);
	return queue.age_ns <= 2 * period_ns(p);
}

static int encode(struct pipeline *p, const struct frame *f, struct packet *ret)
{
	int r = p->encoder->ops->submit(p->encoder, f);

	return r < 0 ? r : p->encoder->ops->output(p->encoder, ret);
}

/* One new beginning; a back-end that fails twice in a row is left to the daemon. */
static void encoder_failed(struct pipeline *p, int r, uint64_t now_ns)
{
	bool again = p->encoder_failed_ns && now_ns < p->encoder_failed_ns + REOPEN_NS;

	p->encoder_failed_ns = now_ns;
	pipeline_close_encoder(p);
	if (again) {
		(void)pipeline_fail(p, MEDIA_STAGE_ENCODE, r, "the encoder failed twice");
		return;
	}
	if (pipeline_open_encoder(p) == 0)
		pipeline_begin_anew(p, now_ns);
}

static uint64_t bytes_read_by_cpu(const struct frame *f)
{
	uint64_t pixels = (uint64_t)f->width * f->height;

	if (!f->planes[0])
		return 0;
	return f->fourcc == MEDIA_FOURCC_XRGB8888 ? 4 * pixels : pixels * 3 / 2;
}

/* When the picture, should it rest from now on, is sent the next time. */
static void plan_repeat(struct pipeline *p, uint64_t now_ns)
{
	p->again_ns = now_ns + (p->repeats ? STILL_NS : REFINE_NS);
	if (p->idr_ns != NEVER_NS)
		want_idr(p, p->idr_ns);
}

static void pipeline_on_frame(struct pipeline *p, const struct frame *f, uint64_t now_ns)
{
	const struct media_mode *mode = &p->config.format.mode;
	struct frame shown = frame_to_show(p, f, now_ns);
	uint64_t encoded_ns;
	struct packet packet;
	int r;

	facts_send_chunk(p->facts, MEDIA_CHUNK_FRAME_START, f->number, 0, 0, now_ns / NSEC_PER_USEC);
	p->again_ns = now_ns + period_ns(p); /* a picture that is not sent now is owed */
	if (f->width != mode->width || f->height != mode->height || !network_keeps_up(p, now_ns)) {
		frame_dropped(p, f->number, now_ns);
		return;
	}
	(void)stream_flush_ahead(p->stream, now_ns, p->encode_ns);
	if (now_ns >= p->idr_ns)
		p->encoder->ops->request_idr(p->encoder);
	r = encode(p, &shown, &packet);
	encoded_ns = clock_now_ns();
	if (r <= 0)
		frame_dropped(p, f->number, encoded_ns);
	if (r < 0)
		encoder_failed(p, r, encoded_ns);
	if (r <= 0)
		return;
	p->state->raw_bytes_copied += bytes_read_by_cpu(f);
	p->encode_ns = (7 * p->encode_ns + encoded_ns - now_ns) / 8;
	facts_send_chunk(p->facts, MEDIA_CHUNK_ENCODED, f->number,
			 (uint32_t)((encoded_ns - now_ns) / NSEC_PER_USEC),
			 (uint32_t)(p->config.rate_bps / 1000), encoded_ns / NSEC_PER_USEC);
	if (!p->own && p->repeats == 0)
		dump_choose(&p->dump, &shown);
	pipeline_on_packet(p, &packet, encoded_ns);
	plan_repeat(p, encoded_ns);
	dump_take(&p->dump, &shown);
}

/* ------------------------------------------------------------------ packet -> stream */

static const struct recent *find_recent(const struct pipeline *p, uint64_t time_ns)
{
	for (unsigned int i = 0; i < RECENT; i++)
		if (p->recent[i].time_ns == time_ns)
			return &p->recent[i];
	return NULL;
}

static uint64_t us_since(uint64_t now_ns, uint64_t then_ns)
{
	return now_ns > then_ns ? (now_ns - then_ns) / NSEC_PER_USEC : 0;
}

static void pipeline_on_packet(struct pipeline *p, const struct packet *packet, uint64_t now_ns)
{
	const struct recent *recent = find_recent(p, packet->time_ns);
	int r;

	p->state->frames_encoded++;
	p->video_bytes += packet->size;
	if (recent && recent->timed)
		latency_add(&p->state->ready_to_encoded, us_since(now_ns, recent->ready_ns));
	if (packet->idr) {
		p->state->idr_frames++;
		p->last_idr_ns = now_ns;
		p->idr_ns = NEVER_NS;
	}
	r = stream_push(p->stream, packet, now_ns); /* -> on_first_datagram, ... */
	if (r < 0 && r != -ENOBUFS && r != -ENOTCONN)
		network_failed(p, r);
}

/* ------------------------------------------------------------------ stream -> network */

static void on_first_datagram(void *userdata, const struct sender_frame *f)
{
	struct pipeline *p = userdata;
	const struct recent *recent = find_recent(p, f->time_ns);
	uint64_t now_us = clock_now_us();

	facts_send_chunk(p->facts, MEDIA_CHUNK_SENT, f->number, 0, 0, now_us);
	if (p->first_frame) {
		facts_send_first_frame(p->facts, recent && recent->own, now_us);
		p->first_frame = false;
	}
	if (f->late_ns > 0) {
		p->state->frames_late++;
		facts_send_late(p->facts, f->number, f->late_ns);
	}
	dump_on_sent(&p->dump, f->time_ns, f->pts & TIMING_MASK_33);
}

static void on_last_datagram(void *userdata, const struct sender_frame *f)
{
	struct pipeline *p = userdata;
	const struct recent *recent = find_recent(p, f->time_ns);

	if (recent && recent->timed)
		latency_add(&p->state->ready_to_last_datagram,
			    us_since(clock_now_ns(), recent->ready_ns));
}

static void on_dropped(void *userdata, const struct sender_frame *f)
{
	struct pipeline *p = userdata;
	uint64_t now_ns = clock_now_ns();

	frame_dropped(p, f->number, now_ns);
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
	ask_ns = p->last_new_ns + 5 * period_ns(p) / 2;
	if (ask_ns < at_ns)
		ask_ns = at_ns;
	if (at_ns < p->idr_ns)
		p->idr_ns = at_ns;
	if (ask_ns < p->again_ns)
		p->again_ns = ask_ns;
}

/* On request: not more often than the interval, but never forgotten. */
static void want_idr_soon(struct pipeline *p, uint64_t now_ns)
{
	uint64_t earliest = p->last_idr_ns + IDR_INTERVAL_NS;

	want_idr(p, now_ns > earliest ? now_ns : earliest);
}

/* Whatever comes next is a new picture: an IDR, at once. */
void pipeline_begin_anew(struct pipeline *p, uint64_t now_ns)
{
	p->last_number = p->last_new_ns = 0;
	p->repeats = 0;
	p->again_ns = now_ns;
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

unsigned int pipeline_get_polls(const struct pipeline *p, struct pollfd ret[PIPELINE_POLLS])
{
	unsigned int n = 0;
	int fd = p->streaming && p->desktop ? p->desktop->ops->get_fd(p->desktop) : -1;

	if (fd >= 0)
		ret[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (p->streaming && stream_wants_pollout(p->stream))
		ret[n++] = (struct pollfd){ .fd = stream_get_fd(p->stream), .events = POLLOUT };
	return n;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t pipeline_get_deadline_ns(const struct pipeline *p)
{
	uint64_t deadline;

	if (!p->streaming)
		return NEVER_NS;
	deadline = earlier(stream_get_deadline_ns(p->stream), p->rate_ns);
	deadline = earlier(deadline, earlier(p->again_ns, p->grace_ns));
	if (p->desktop)
		deadline = earlier(deadline, p->desktop->ops->get_deadline_ns(p->desktop));
	return deadline;
}

/* ------------------------------------------------------------------ for the daemon */

static void tell_rate(struct pipeline *p, uint64_t now_ns)
{
	uint64_t span_ns = now_ns - p->rate_ns + NSEC_PER_SEC;
	uint64_t sent = p->state->bytes - p->stream_bytes;

	if (now_ns < p->rate_ns)
		return;
	facts_send_rate(p->facts, p->video_bytes * 8 * 1000 / (span_ns / NSEC_PER_MSEC),
			sent * 8 * 1000 / (span_ns / NSEC_PER_MSEC));
	p->rate_ns = now_ns + NSEC_PER_SEC;
	p->stream_bytes = p->state->bytes;
	p->video_bytes = 0;
}

static void tell_blocked(struct pipeline *p, uint64_t now_ns)
{
	struct sender_queue queue;

	if (now_ns < p->blocked_ns + BLOCKED_NS)
		return;
	stream_get_queue(p->stream, now_ns, &queue);
	if (queue.age_ns < BLOCKED_NS)
		return;
	facts_send_blocked(p->facts, queue.age_ns, queue.bytes + queue.socket_bytes);
	p->blocked_ns = now_ns;
}

/* ------------------------------------------------------------------ the end */

void pipeline_drain(struct pipeline *p, unsigned int timeout_ms)
{
	uint64_t end_ns = clock_now_ns() + timeout_ms * NSEC_PER_MSEC;
	struct sender_queue queue;

	while (p->streaming && clock_now_ns() < end_ns) {
		(void)stream_flush(p->stream, clock_now_ns());
		stream_get_queue(p->stream, clock_now_ns(), &queue);
		if (queue.bytes == 0)
			return;
		(void)poll(NULL, 0, 1);
	}
}

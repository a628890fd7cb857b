// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream/stream.h"

#include "stream/timing.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct stream {
	struct stream_numbers numbers;
	const struct stream_ops *ops;
	void *userdata;
	struct ts ts;
	struct sender sender;
	struct sender_counters counted; /* of the sender's, what the numbers have seen */
	uint64_t last_audio_pts;
	bool late; /* the picture that leaves was told to be */
};

static const struct sender_ops sender_ops;

static int push(struct stream *s, const struct rtp_run *run, const struct sender_frame *f,
		uint64_t now_ns);
static int send_due(struct stream *s, uint64_t now_ns);
static void update_counters(struct stream *s);

int stream_new(const struct stream_numbers *numbers, const struct stream_ops *ops, void *userdata,
	       struct stream **ret)
{
	_cleanup_(stream_freep) struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->numbers = *numbers;
	s->ops = ops;
	s->userdata = userdata;
	ts_init(&s->ts, numbers->continuity, numbers->successor);
	r = sender_init(&s->sender, &sender_ops, s);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	if (s) {
		sender_done(&s->sender);
		free(s);
	}
	return NULL;
}

void stream_set_format(struct stream *s, const struct media_format *format)
{
	ts_set_format(&s->ts, format);
}

void stream_set_rate(struct stream *s, uint64_t pace_bps, uint32_t burst_bytes)
{
	sender_set_rate(&s->sender, pace_bps, burst_bytes);
}

int stream_set_socket(struct stream *s, int fd)
{
	ts_pause(&s->ts);
	return sender_set_socket(&s->sender, fd);
}

int stream_push(struct stream *s, const struct packet *p, uint64_t now_ns)
{
	struct rtp_run run = sender_reserve(&s->sender);
	struct sender_frame f = {
		.number = p->frame_number,
		.time_ns = p->time_ns,
		.video = true,
		.idr = p->idr,
		.part = p->part,
		.parts = p->parts,
		.rest_ns = p->rest_ns,
	};
	int r;

	if (stream_get_fd(s) < 0)
		return -ENOTCONN;
	if (sender_drops(&s->sender, &f))
		return -ENOBUFS;
	/* The PTS is set at departure. */
	r = ts_write_video(&s->ts, &run, p, 0, now_ns, &f.pts_at);
	if (r == -ENOBUFS)
		sender_refuse(&s->sender, &f, now_ns);
	if (r < 0)
		return r;
	return push(s, &run, &f, now_ns);
}

void stream_abandon(struct stream *s)
{
	sender_abandon(&s->sender);
}

int stream_push_audio(struct stream *s, const struct packet *p, uint64_t now_ns)
{
	struct rtp_run run = sender_reserve(&s->sender);
	struct sender_frame f = { .number = p->frame_number, .time_ns = p->time_ns };
	int r;

	if (stream_get_fd(s) < 0)
		return -ENOTCONN;
	r = ts_write_audio(&s->ts, &run, p->data, p->size, 0, now_ns, &f.pts_at);
	if (r < 0)
		return r;
	return push(s, &run, &f, now_ns);
}

static int push(struct stream *s, const struct rtp_run *run, const struct sender_frame *f,
		uint64_t now_ns)
{
	int r = sender_push(&s->sender, run, f, now_ns);

	if (r < 0)
		return r;
	return stream_flush(s, now_ns);
}

int stream_flush(struct stream *s, uint64_t now_ns)
{
	int r = sender_flush(&s->sender, now_ns);
	int due = send_due(s, now_ns);

	update_counters(s);
	return r < 0 ? r : due;
}

/* PSI and PCR that no picture takes along in time, in a datagram of their own. */
static int send_due(struct stream *s, uint64_t now_ns)
{
	struct rtp_run run;

	if (now_ns < ts_get_deadline_ns(&s->ts))
		return 0;
	run = sender_reserve_urgent(&s->sender);
	if (ts_write_due(&s->ts, &run, now_ns) <= 0)
		return 0;
	return sender_send_urgent(&s->sender, &run, now_ns);
}

uint64_t stream_get_deadline_ns(const struct stream *s)
{
	uint64_t queue = sender_get_deadline_ns(&s->sender);
	uint64_t due = ts_get_deadline_ns(&s->ts);

	if (stream_get_fd(s) < 0 || sender_is_blocked(&s->sender))
		return UINT64_MAX;
	return queue < due ? queue : due;
}

bool stream_wants_pollout(const struct stream *s)
{
	return sender_is_blocked(&s->sender);
}

int stream_get_fd(const struct stream *s)
{
	return s->sender.fd;
}

void stream_get_queue(const struct stream *s, uint64_t now_ns, struct sender_queue *ret)
{
	sender_get_queue(&s->sender, now_ns, ret);
}

/*
 * The PTS, now that it is known when the frame's last datagram will have left. Of a picture in parts
 * it is guessed: that the others are as large as the first, and are encoded as was promised.
 */
static void stamp(struct stream *s, struct sender_frame *f, uint64_t now_ns)
{
	size_t size = (size_t)(f->count - 1) * RTP_DATAGRAM_SIZE + f->last_size;
	size_t parts = f->parts ? f->parts : 1;
	uint64_t all_ns = sender_get_drain_ns(&s->sender, size * parts, now_ns);
	uint64_t last_ns = f->rest_ns + sender_get_drain_ns(&s->sender, size, now_ns);
	uint64_t leave_ns = now_ns + (all_ns > last_ns ? all_ns : last_ns);
	uint64_t *last = f->video ? s->numbers.last_pts : &s->last_audio_pts;

	f->pts = timing_stamp(last, f->time_ns, leave_ns, &f->late_ns);
	ts_set_pts(f->pts_at, f->pts);
	if (f->video)
		s->late = f->late_ns > 0;
}

/* The guess of stamp() may have been wrong; the PTS has left with the first part. */
static uint64_t get_lateness(const struct stream *s, uint64_t now_ns)
{
	uint64_t due_ns = timing_ns(*s->numbers.last_pts) - TIMING_MARGIN_NS;

	return now_ns > due_ns ? now_ns - due_ns : 0;
}

static void on_depart(void *userdata, struct sender_frame *f, uint8_t *datagrams,
		      unsigned int count, size_t last_size, uint64_t now_ns)
{
	struct stream *s = userdata;
	bool first = f && f->gone == 0;

	assert(count > 0 && count <= SENDER_BATCH);
	if (first && f->part == 0)
		stamp(s, f, now_ns);
	for (unsigned int i = 0; i < count; i++) {
		size_t size = i + 1 < count ? RTP_DATAGRAM_SIZE : last_size;

		ts_depart(&s->ts, datagrams + (size_t)i * RTP_DATAGRAM_SIZE + RTP_HEADER_SIZE,
			  (size - RTP_HEADER_SIZE) / TS_PACKET_SIZE, now_ns);
	}
	rtp_depart(datagrams, count, s->numbers.ssrc, (uint32_t)timing_90k(now_ns),
		   s->numbers.rtp_sequence);
	if (first && f->video)
		s->ops->on_first_datagram(s->userdata, f);
}

static void on_sent(void *userdata, struct sender_frame *f, uint64_t now_ns)
{
	struct stream *s = userdata;

	if (!f->video)
		return;
	if (f->part > 0 && f->part + 1 == f->parts && !s->late)
		f->late_ns = get_lateness(s, now_ns);
	s->ops->on_last_datagram(s->userdata, f);
}

static void on_dropped(void *userdata, const struct sender_frame *f, uint64_t now_ns)
{
	struct stream *s = userdata;

	(void)now_ns;
	s->ops->on_dropped(s->userdata, f);
}

static const struct sender_ops sender_ops = {
	.on_depart = on_depart,
	.on_sent = on_sent,
	.on_dropped = on_dropped,
};

/* The numbers outlive the process, the sender does not: only what is new is added. */
static void update_counters(struct stream *s)
{
	const struct sender_counters *now = &s->sender.counters;

	*s->numbers.datagrams += now->datagrams - s->counted.datagrams;
	*s->numbers.bytes += now->bytes - s->counted.bytes;
	*s->numbers.send_errors += now->errors - s->counted.errors;
	s->counted = *now;
}

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
 * This file does not know how a stage does its work, what was negotiated, or who the sink is.
 */
#include "media/pipeline.h"

#include "media/dump.h"
#include "stream/stream.h"
#include "stream/timing.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NEVER_NS	UINT64_MAX
#define REFINE_NS	(500 * NSEC_PER_MSEC) /* after which a resting picture is improved */
#define STILL_NS	(2 * NSEC_PER_SEC)    /* and repeated */
#define RETRY_NS	(100 * NSEC_PER_MSEC) /* a picture that was asked for may take so long */
#define GRACE_NS	(100 * NSEC_PER_MSEC) /* for the desktop, before our own picture is shown */
#define IDR_INTERVAL_NS (500 * NSEC_PER_MSEC) /* at most one on request in so long */
#define REOPEN_NS	(10 * NSEC_PER_SEC)   /* an encoder that fails again within is given up */
#define BLOCKED_NS	(100 * NSEC_PER_MSEC) /* a queue of this age is worth a fact */
#define DUMP_AFTER_NS	(1500 * NSEC_PER_MSEC)
#define RECENT		16

/* A picture on its way, as the stream's callbacks need it again. */
struct recent {
	uint64_t time_ns; /* its name */
	uint64_t ready_ns;
	bool own;
	bool timed; /* a new picture of the desktop: counts for the latency */
};

struct dump {
	int fd; /* -1: not wanted, or done */
	uint64_t from_ns; /* the first picture was there so long ago; 0: none yet */
	uint64_t time_ns; /* of the picture taken; 0: none yet */
	uint64_t pts;
	bool written;
};

struct pipeline {
	/* the stages, in the order of the data */
	struct source *desktop; /* NULL: none, or gone */
	struct source *notice;	/* our own picture */
	struct encoder *encoder;
	struct stream *stream;

	struct stream_state *state;
	struct facts *facts;
	const struct encoder_ops *best, *back_end;
	struct encoder_config config;
	bool configured;
	bool streaming;
	bool started;	  /* once at least */
	bool first_frame; /* the fact is owed */
	bool own;	  /* our own picture is shown */
	int failed;	  /* -errno; the fact was sent */

	/* due times, CLOCK_MONOTONIC; NEVER_NS: not now */
	uint64_t again_ns; /* the present picture is wanted */
	uint64_t grace_ns; /* the desktop has until then to give one */
	uint64_t idr_ns;   /* the next picture from then on is an IDR */
	uint64_t rate_ns;  /* the next RATE fact */

	uint64_t last_number; /* of the picture shown; 0: of this source none yet */
	uint64_t last_new_ns; /* when it came */
	uint64_t last_idr_ns;
	unsigned int repeats;	    /* of that picture */
	uint64_t encode_ns;	    /* what encoding takes, smoothed */
	uint64_t encoder_failed_ns; /* 0: never */
	uint64_t blocked_ns;	    /* last BLOCKED fact */
	uint64_t video_bytes, stream_bytes; /* since, and at, the last RATE fact */
	struct recent recent[RECENT];
	unsigned int recent_next;
	struct dump dump;
};

static const struct {
	enum media_encoder kind;
	const struct encoder_ops *ops;
} back_ends[] = {
	{ MEDIA_ENCODER_X264, &encoder_x264 },
};

/* In the order in which they are called by the stages. */
static void pipeline_on_frame(struct pipeline *p, const struct frame *f, uint64_t now_ns);
static void pipeline_on_packet(struct pipeline *p, const struct packet *packet, uint64_t now_ns);
static void on_first_datagram(void *userdata, const struct sender_frame *f);
static void on_last_datagram(void *userdata, const struct sender_frame *f);
static void on_dropped(void *userdata, const struct sender_frame *f);
static bool dump_is_due(struct pipeline *p, const struct frame *f);
static void dump_if_wanted(struct pipeline *p, const struct frame *f);

static const struct stream_ops stream_ops = {
	.on_first_datagram = on_first_datagram,
	.on_last_datagram = on_last_datagram,
	.on_dropped = on_dropped,
};

/* ------------------------------------------------------------------ life */

static int fail(struct pipeline *p, enum media_stage stage, int r, const char *text)
{
	if (p->failed == 0)
		facts_send_error(p->facts, stage, r, text);
	p->failed = r;
	return r;
}

/* A stream that begins has random numbers (RFC 3550, 5.1), one that goes on keeps its own. */
static int continue_state(struct stream_state *state)
{
	if (state->magic == STREAM_STATE_MAGIC && state->generation > 0)
		return 0;
	state->magic = STREAM_STATE_MAGIC;
	if (getrandom(&state->ssrc, sizeof(state->ssrc), 0) != sizeof(state->ssrc) ||
	    getrandom(&state->rtp_sequence, sizeof(state->rtp_sequence), 0) !=
		    sizeof(state->rtp_sequence))
		return -errno;
	return 0;
}

static int open_stream(struct pipeline *p)
{
	struct stream_state *state = p->state;
	const struct stream_numbers numbers = {
		.ssrc = state->ssrc,
		.successor = state->generation > 0,
		.rtp_sequence = &state->rtp_sequence,
		.continuity = state->continuity,
		.last_pts = &state->last_pts,
		.datagrams = &state->datagrams,
		.bytes = &state->bytes,
		.send_errors = &state->send_errors,
	};

	return stream_new(&numbers, &stream_ops, p, &p->stream);
}

int pipeline_new(struct stream_state *state, struct facts *facts, int dump_fd,
		 struct pipeline **ret)
{
	_cleanup_(pipeline_freep) struct pipeline *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->state = state;
	p->facts = facts;
	p->again_ns = p->grace_ns = p->idr_ns = p->rate_ns = NEVER_NS;
	p->dump.fd = state->dumped_pts ? -1 : dump_fd;
	r = continue_state(state);
	if (r < 0)
		return r;
	r = open_stream(p);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

static struct source *source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
	return NULL;
}

static struct encoder *encoder_close(struct encoder *e)
{
	if (e)
		e->ops->close(e);
	return NULL;
}

struct pipeline *pipeline_free(struct pipeline *p)
{
	if (!p)
		return NULL;
	p->desktop = source_close(p->desktop);
	p->notice = source_close(p->notice);
	p->encoder = encoder_close(p->encoder);
	p->stream = stream_free(p->stream);
	free(p);
	return NULL;
}

int pipeline_probe(struct pipeline *p, struct encoder_caps *ret)
{
	int r = -ENODEV;

	for (size_t i = 0; i < sizeof(back_ends) / sizeof(back_ends[0]); i++) {
		r = back_ends[i].ops->probe(ret);
		if (r < 0)
			continue;
		p->best = back_ends[i].ops;
		return 0;
	}
	return fail(p, MEDIA_STAGE_ENCODE, r, "no encoder works here");
}

/* ------------------------------------------------------------------ commands */

static uint64_t period_ns(const struct pipeline *p)
{
	return NSEC_PER_SEC / p->config.format.mode.refresh_hz;
}

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
static void begin_anew(struct pipeline *p, uint64_t now_ns)
{
	p->last_number = p->last_new_ns = 0;
	p->repeats = 0;
	p->again_ns = now_ns;
	want_idr(p, now_ns);
}

static void show_own_picture(struct pipeline *p, uint64_t now_ns)
{
	p->own = true;
	p->grace_ns = NEVER_NS;
	begin_anew(p, now_ns);
}

static bool same_format(const struct media_format *a, const struct media_format *b)
{
	return a->mode.width == b->mode.width && a->mode.height == b->mode.height &&
	       a->mode.refresh_hz == b->mode.refresh_hz && a->profile == b->profile &&
	       a->level_idc == b->level_idc && a->audio == b->audio;
}

static const struct encoder_ops *choose_back_end(struct pipeline *p, enum media_encoder kind)
{
	for (size_t i = 0; kind != MEDIA_ENCODER_AUTO && i < sizeof(back_ends) / sizeof(back_ends[0]);
	     i++)
		if (back_ends[i].kind == kind)
			return back_ends[i].ops;
	if (kind == MEDIA_ENCODER_VAAPI)
		facts_send_demoted(p->facts, "vaapi", p->best->name, "not built in");
	return p->best;
}

static int open_encoder(struct pipeline *p)
{
	int r = p->back_end->open(&p->config, &p->encoder);

	if (r < 0)
		return fail(p, MEDIA_STAGE_ENCODE, r, "the encoder cannot be opened");
	return 0;
}

static int configure_source(struct pipeline *p, struct source *s)
{
	int r;

	if (!s || !p->configured)
		return 0;
	r = s->ops->configure(s, &p->config.format.mode);
	return r < 0 ? fail(p, MEDIA_STAGE_CAPTURE, r, "the source cannot give this mode") : 0;
}

/* The queue leaves room for an IDR within one picture's time; see stream.h. */
static int apply_rate(struct pipeline *p, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	int r;

	p->config.rate_bps = rate_bps;
	p->config.max_frame_bytes = max_frame_bytes;
	stream_set_rate(p->stream, 4 * rate_bps,
			(uint32_t)(3 * rate_bps / 16 / p->config.format.mode.refresh_hz));
	if (!p->encoder)
		return open_encoder(p);
	r = p->encoder->ops->set_rate(p->encoder, rate_bps, max_frame_bytes);
	return r < 0 ? fail(p, MEDIA_STAGE_ENCODE, r, "the encoder refuses the rate") : 0;
}

int pipeline_configure(struct pipeline *p, const struct media_configure *c, uint64_t now_ns)
{
	const struct encoder_ops *back_end = choose_back_end(p, c->encoder);
	bool changed = !p->configured || !same_format(&p->config.format, &c->format);
	int r = 0;

	if (changed || back_end != p->back_end)
		p->encoder = encoder_close(p->encoder);
	p->back_end = back_end;
	p->config.format = c->format;
	p->configured = true;
	if (!p->notice)
		r = source_open_notice("", &p->notice);
	if (r < 0)
		return fail(p, MEDIA_STAGE_START, r, "no memory for a picture");
	if (changed) {
		stream_set_format(p->stream, &c->format);
		r = configure_source(p, p->notice);
		if (r == 0)
			r = configure_source(p, p->desktop);
	}
	if (r == 0)
		r = apply_rate(p, c->rate_bps, c->max_frame_bytes);
	if (r < 0)
		return r;
	p->grace_ns = now_ns + GRACE_NS;
	begin_anew(p, now_ns);
	return 0;
}

int pipeline_start(struct pipeline *p, int socket, uint64_t now_ns)
{
	int r;

	if (!p->configured) {
		close_fd(socket);
		return fail(p, MEDIA_STAGE_START, -EPROTO, "START before CONFIGURE");
	}
	r = stream_set_socket(p->stream, socket);
	if (r < 0)
		return fail(p, MEDIA_STAGE_START, r, "the socket for the stream cannot be used");
	if (!p->started)
		p->state->generation++;
	p->started = p->streaming = p->first_frame = true;
	p->rate_ns = now_ns + NSEC_PER_SEC;
	p->stream_bytes = p->state->bytes;
	p->video_bytes = 0;
	p->own = false;
	p->grace_ns = now_ns + GRACE_NS;
	begin_anew(p, now_ns);
	if (!p->desktop)
		show_own_picture(p, now_ns);
	return 0;
}

void pipeline_pause(struct pipeline *p)
{
	p->streaming = false;
	(void)stream_set_socket(p->stream, -1);
}

int pipeline_set_rate(struct pipeline *p, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	if (!p->configured)
		return fail(p, MEDIA_STAGE_START, -EPROTO, "SET_RATE before CONFIGURE");
	return apply_rate(p, rate_bps, max_frame_bytes);
}

void pipeline_request_idr(struct pipeline *p, uint64_t now_ns)
{
	want_idr_soon(p, now_ns);
}

int pipeline_set_source(struct pipeline *p, struct source *source, const char *text,
			uint64_t now_ns)
{
	struct source *notice;
	int r;

	p->desktop = source_close(p->desktop);
	p->desktop = source;
	r = source_open_notice(text, &notice);
	if (r < 0)
		return fail(p, MEDIA_STAGE_START, r, "no memory for a picture");
	p->notice = source_close(p->notice);
	p->notice = notice;
	r = configure_source(p, p->notice);
	if (r == 0)
		r = configure_source(p, p->desktop);
	if (r < 0 || !p->streaming)
		return r;
	if (!p->desktop)
		show_own_picture(p, now_ns);
	else if (!p->own)
		p->grace_ns = now_ns + GRACE_NS;
	if (!p->own)
		begin_anew(p, now_ns);
	return 0;
}

/* ------------------------------------------------------------------ source -> frame */

static void source_failed(struct pipeline *p, struct source *s, int r, uint64_t now_ns)
{
	const char *why = s->why[0] ? s->why : "the source is broken";

	if (r == -ENODATA) {
		(void)fail(p, MEDIA_STAGE_INPUT_END, r, "the clip is over");
	} else if (r == -ESHUTDOWN && s == p->desktop) {
		p->desktop = source_close(p->desktop);
		show_own_picture(p, now_ns);
	} else {
		(void)fail(p, MEDIA_STAGE_CAPTURE, r, why);
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
		begin_anew(p, now_ns);
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
		show_own_picture(p, now_ns);
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
	p->encoder = encoder_close(p->encoder);
	if (again) {
		(void)fail(p, MEDIA_STAGE_ENCODE, r, "the encoder failed twice");
		return;
	}
	if (open_encoder(p) == 0)
		begin_anew(p, now_ns);
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
	if (dump_is_due(p, &shown))
		p->dump.time_ns = shown.time_ns;
	pipeline_on_packet(p, &packet, encoded_ns);
	plan_repeat(p, encoded_ns);
	dump_if_wanted(p, &shown);
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

static void network_failed(struct pipeline *p, int r)
{
	(void)fail(p, MEDIA_STAGE_SEND, r, "the network to the sink is gone");
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
	if (f->time_ns == p->dump.time_ns)
		p->dump.pts = f->pts & TIMING_MASK_33;
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
	if (f->time_ns == p->dump.time_ns)
		p->dump.time_ns = p->dump.pts = 0; /* nobody will see it: another one */
	want_idr_soon(p, now_ns);
}

/* ------------------------------------------------------------------ one raw picture for tests */

/* A moving picture in the midst of the stream: later than the first, and other than the last. */
static bool dump_is_due(struct pipeline *p, const struct frame *f)
{
	if (p->dump.fd < 0 || p->own || p->dump.time_ns)
		return false;
	if (!p->dump.from_ns)
		p->dump.from_ns = f->time_ns;
	return p->repeats == 0 && f->damage.width > 0 &&
	       f->time_ns >= p->dump.from_ns + DUMP_AFTER_NS;
}

static void dump_publish(struct pipeline *p)
{
	if (!p->dump.written || !p->dump.time_ns || !p->dump.pts)
		return;
	p->state->dumped_pts = p->dump.pts;
	p->dump.fd = -1;
}

static void dump_if_wanted(struct pipeline *p, const struct frame *f)
{
	if (p->dump.fd < 0 || p->dump.time_ns != f->time_ns)
		return;
	p->dump.written = dump_write(p->dump.fd, f) == 0;
	if (!p->dump.written)
		p->dump.fd = -1;
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
	dump_publish(p);
	tell_rate(p, now_ns);
	tell_blocked(p, now_ns);
	return p->failed;
}

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

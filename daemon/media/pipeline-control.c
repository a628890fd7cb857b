// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pipeline's life and the daemon's commands: which source, which encoder, which rate. Touches
 * no picture; the path that they take is in pipeline.c.
 */
#include "media/pipeline-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static_assert(STREAM_ENCODER_CACHE == ENCODER_CACHE_SIZE, "the state holds the encoders' cache");

#define PACE	   4 /* times the rate: how fast a large picture leaves */
#define LARGEST_NS (25 * NSEC_PER_MSEC)
#define STILL_NS   (500 * NSEC_PER_MSEC) /* PTS: 0.7 s at most (ISO/IEC 13818-1, 2.7.4) */
#define PAUSE_MS   100 /* the sink shows its last picture until we go on: that leaves whole */

/* ------------------------------------------------------------------ life */

int pipeline_fail(struct pipeline *p, enum media_stage stage, int r, const char *text)
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

	return stream_new(&numbers, &pipeline_stream_ops, p, &p->stream);
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
	p->trace.state = state;
	p->again_ns = p->grace_ns = p->idr_ns = p->rate_ns = NEVER_NS;
	p->dump.fd = state->dumped_pts ? -1 : dump_fd;
	r = continue_state(state);
	if (r < 0)
		return r;
	r = open_stream(p);
	if (r < 0)
		return r;
	r = worker_new(&p->encoder);
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

/* A picture of this source that waits, or that the encoder reads, goes before it does. */
static void let_go(struct pipeline *p, const struct source *s)
{
	if (p->encoding.source == s)
		pipeline_quiesce(p);
	if (p->waiting.source == s)
		pipeline_release(p, &p->waiting);
}

void pipeline_close_desktop(struct pipeline *p)
{
	if (p->desktop)
		let_go(p, p->desktop);
	p->desktop = source_close(p->desktop);
}

/* An encoder that hung reads its picture for ever: then that source is left as it is, too. */
struct pipeline *pipeline_free(struct pipeline *p)
{
	if (!p)
		return NULL;
	p->encoder = worker_free(p->encoder);
	if (p->encoder)
		return NULL;
	pipeline_release(p, &p->waiting);
	pipeline_release(p, &p->encoding);
	p->desktop = source_close(p->desktop);
	p->notice = source_close(p->notice);
	p->stream = stream_free(p->stream);
	free(p);
	return NULL;
}

int pipeline_probe(struct pipeline *p, const struct encoder_host *host, struct encoder_caps *ret)
{
	int r = encoder_choose(host, &p->choice);

	if (r < 0)
		return pipeline_fail(p, MEDIA_STAGE_ENCODE, r, "no encoder works here");
	*ret = p->choice.caps;
	if (p->choice.no_vaapi[0])
		log_info("encode: found %s (VA-API: %s)", ret->name, p->choice.no_vaapi);
	else
		log_info("encode: found %s (%s)", ret->name, ret->device);
	return 0;
}

/* ------------------------------------------------------------------ commands */

/* The trial has decided; what is demanded in spite of it ends with its reason. */
static int choose_back_end(struct pipeline *p, enum media_encoder kind)
{
	char text[MEDIA_TEXT_SIZE];

	p->may_demote = kind == MEDIA_ENCODER_AUTO;
	p->back_end = p->choice.best;
	if (kind == MEDIA_ENCODER_X264)
		p->back_end = encoder_find("x264");
	if (!p->back_end)
		return pipeline_fail(p, MEDIA_STAGE_ENCODE, -ENODEV, "x264 is not built in");
	if (kind != MEDIA_ENCODER_VAAPI || p->choice.no_vaapi[0] == '\0')
		return 0;
	(void)snprintf(text, sizeof(text), "VA-API does not work: %.100s", p->choice.no_vaapi);
	return pipeline_fail(p, MEDIA_STAGE_ENCODE, -ENODEV, text);
}

/* Not for a device that hangs: it holds the encoder's thread, and a new process is the cure. */
bool pipeline_demote(struct pipeline *p, int r)
{
	const struct encoder_ops *other = encoder_find("x264");

	if (!p->may_demote || !other || other == p->back_end || r == -ETIMEDOUT)
		return false;
	facts_send_demoted(p->facts, p->back_end->name, other->name, strerror(-r));
	p->back_end = p->choice.best = other;
	pipeline_tell_reader(p);
	return true;
}

void pipeline_import_failed(struct pipeline *p, uint64_t now_ns)
{
	if (encoder_refuse_device()) {
		(void)pipeline_fail(p, MEDIA_STAGE_ENCODE, -EXDEV,
				    "this GPU cannot read the desktop's buffers: another is tried");
		return;
	}
	log_notice("encode: %s cannot read the desktop's buffers: they are read by the CPU",
		   p->back_end->name);
	p->no_import = true;
	pipeline_tell_reader(p);
	p->again_ns = now_ns;
}

void pipeline_tell_reader(struct pipeline *p)
{
	bool device = p->back_end && p->back_end->can_import && p->back_end->can_import() &&
		      !p->no_import;

	if (p->desktop && p->desktop->ops->set_reader)
		p->desktop->ops->set_reader(p->desktop, device);
}

static int configure_source(struct pipeline *p, struct source *s)
{
	int r;

	if (!s || !p->configured)
		return 0;
	r = s->ops->configure(s, &p->config.format.mode);
	return r < 0 ? pipeline_fail(p, MEDIA_STAGE_CAPTURE, r, "the source cannot give this mode")
		     : 0;
}

/*
 * The largest picture is what the pace carries in LARGEST_NS: with an encoder's time for an IDR
 * before it, it has left 5 ms before its PTS, 50 ms after its vblank. What is missing in quality
 * then comes with the pictures after it.
 */
static uint32_t limit_frame_bytes(uint64_t rate_bps, uint32_t asked_bytes)
{
	uint64_t most = PACE * rate_bps / 8 * LARGEST_NS / NSEC_PER_SEC;

	return asked_bytes && asked_bytes < most ? asked_bytes : (uint32_t)most;
}

/* The bucket lets an ordinary picture leave at once; see stream.h. */
static void apply_rate(struct pipeline *p, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	p->config.rate_bps = rate_bps;
	p->config.max_frame_bytes = limit_frame_bytes(rate_bps, max_frame_bytes);
	stream_set_rate(p->stream, PACE * rate_bps,
			(uint32_t)(3 * rate_bps / 16 / p->config.format.mode.refresh_hz));
}

/*
 * The first picture of an encoder takes twice as long as the second, and START wants its picture
 * at once: our own picture goes through it now and is thrown away.
 */
static int warm_up(struct pipeline *p, uint64_t now_ns)
{
	struct worker_job job = { .task = WORKER_WARM_UP,
				  .back_end = p->back_end,
				  .config = p->config,
				  .anew = p->anew };
	int r;

	if (p->streaming || worker_is_busy(p->encoder))
		return 0;
	r = p->notice->ops->acquire(p->notice, now_ns, true, &job.frame);
	if (r <= 0)
		return r;
	p->encoding = (struct held){ .source = p->notice, .frame = job.frame, .own = true };
	p->anew = false;
	worker_give(p->encoder, &job, now_ns);
	return 0;
}

/* Pictures of the old size would be read while the sources make room for the new one. */
static int configure_format(struct pipeline *p, const struct media_format *format)
{
	int r = 0;

	pipeline_quiesce(p);
	pipeline_release(p, &p->waiting);
	p->config.format = *format;
	p->configured = true;
	stream_set_format(p->stream, format);
	if (!p->notice)
		r = source_open_notice("", &p->notice);
	if (r < 0)
		return pipeline_fail(p, MEDIA_STAGE_START, r, "no memory for a picture");
	r = configure_source(p, p->notice);
	return r < 0 ? r : configure_source(p, p->desktop);
}

int pipeline_configure(struct pipeline *p, const struct media_configure *c, uint64_t now_ns)
{
	int r = choose_back_end(p, c->encoder);

	if (r < 0)
		return r;
	pipeline_tell_reader(p);
	if (!p->configured || !worker_same_format(&p->config.format, &c->format) ||
	    p->config.format.audio != c->format.audio)
		r = configure_format(p, &c->format);
	if (r < 0)
		return r;
	apply_rate(p, c->rate_bps, c->max_frame_bytes);
	p->config.intra_refresh = c->intra_refresh;
	p->still_ns = c->still_hz ? NSEC_PER_SEC / c->still_hz : STILL_NS;
	p->grace_ns = now_ns + GRACE_NS;
	pipeline_begin_anew(p, now_ns);
	r = warm_up(p, now_ns);
	return r < 0 ? pipeline_fail(p, MEDIA_STAGE_START, r, "no picture of our own") : 0;
}

int pipeline_start(struct pipeline *p, int socket, uint64_t now_ns)
{
	int r;

	if (!p->configured) {
		close_fd(socket);
		return pipeline_fail(p, MEDIA_STAGE_START, -EPROTO, "START before CONFIGURE");
	}
	r = stream_set_socket(p->stream, socket);
	if (r < 0)
		return pipeline_fail(p, MEDIA_STAGE_START, r,
				     "the socket for the stream cannot be used");
	if (!p->started)
		p->state->generation++;
	p->started = p->streaming = p->first_frame = true;
	p->rate_ns = now_ns + NSEC_PER_SEC;
	p->stream_bytes = p->state->bytes;
	p->video_bytes = 0;
	p->own = false;
	p->grace_ns = now_ns + GRACE_NS;
	pipeline_begin_anew(p, now_ns);
	if (!p->desktop)
		pipeline_show_own_picture(p, now_ns);
	return 0;
}

void pipeline_pause(struct pipeline *p)
{
	pipeline_drain(p, PAUSE_MS);
	p->streaming = false;
	(void)stream_set_socket(p->stream, -1);
}

int pipeline_set_rate(struct pipeline *p, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	if (!p->configured)
		return pipeline_fail(p, MEDIA_STAGE_START, -EPROTO, "SET_RATE before CONFIGURE");
	apply_rate(p, rate_bps, max_frame_bytes);
	return 0;
}

int pipeline_set_source(struct pipeline *p, struct source *source, const char *text,
			uint64_t now_ns)
{
	struct source *notice;
	int r;

	pipeline_close_desktop(p);
	p->desktop = source;
	pipeline_tell_reader(p);
	r = source_open_notice(text, &notice);
	if (r < 0)
		return pipeline_fail(p, MEDIA_STAGE_START, r, "no memory for a picture");
	if (p->notice)
		let_go(p, p->notice);
	p->notice = source_close(p->notice);
	p->notice = notice;
	r = configure_source(p, p->notice);
	if (r == 0)
		r = configure_source(p, p->desktop);
	if (r < 0 || !p->streaming)
		return r;
	if (!p->desktop) {
		pipeline_show_own_picture(p, now_ns);
		return 0;
	}
	if (!p->own)
		p->grace_ns = now_ns + GRACE_NS;
	pipeline_begin_anew(p, now_ns); /* our own picture may say something else now */
	return 0;
}

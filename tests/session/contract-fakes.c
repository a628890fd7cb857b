// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the place of daemon/display/head.c and daemon/media/supervisor.c: what they are told is noted.
 * And before the exchange's good-bye, so that it can be seen to fail.
 */
#include "contract-bench.h"
#include "display/head.h"
#include "media/supervisor.h"
#include "rtsp/exchange.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- head */

struct head {
	struct fake_head *fake;
};

int head_open(struct sd_event *event, const char *node,
	      void (*on_message)(void *userdata, const struct session_kernel_message *message),
	      void *userdata, struct head **ret)
{
	struct fake_head *f = &bench->head;
	struct head *h;

	(void)event;
	(void)node;
	if (f->open_error < 0)
		return f->open_error;
	assert(!f->is_open);
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->fake = f;
	f->is_open = true;
	f->on_message = on_message;
	f->userdata = userdata;
	bench_note("head-open");
	*ret = h;
	return 0;
}

int head_plug(struct head *h, const uint8_t *edid, size_t edid_size,
	      const struct media_mode *modes, size_t n_modes, size_t preferred)
{
	struct fake_head *f = h->fake;

	if (f->plug_error < 0)
		return f->plug_error;
	if (f->refuses_edid) {
		f->refuses_edid = false;
		return -EINVAL;
	}
	assert(n_modes > 0 && n_modes <= 128 && preferred < n_modes);
	assert(edid_size <= sizeof(f->edid));
	memcpy(f->edid, edid, edid_size);
	f->edid_size = edid_size;
	memcpy(f->modes, modes, n_modes * sizeof(*modes));
	f->n_modes = n_modes;
	f->preferred = preferred;
	bench_note(f->is_plugged ? "replug" : "plug");
	f->is_plugged = true;
	f->n_plugs++;
	return 0;
}

void head_unplug(struct head *h)
{
	bench_note("unplug");
	h->fake->is_plugged = false;
	h->fake->n_unplugs++;
}

int head_open_stream(struct head *h)
{
	h->fake->n_streams++;
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

void head_revoke_stream(struct head *h)
{
	bench_note("revoke");
	h->fake->n_revokes++;
}

struct head *head_free(struct head *h)
{
	if (!h)
		return NULL;
	if (h->fake->is_plugged) {
		bench_note("unplug");
		h->fake->n_unplugs++;
	}
	h->fake->is_plugged = h->fake->is_open = false;
	bench_note("head-free");
	free(h);
	return NULL;
}

/* ---------------------------------------------------------------- exchange */

void __real_exchange_teardown(struct exchange *x, uint64_t now_us);
void __wrap_exchange_teardown(struct exchange *x, uint64_t now_us);

void __wrap_exchange_teardown(struct exchange *x, uint64_t now_us)
{
	if (!bench->is_stuck)
		__real_exchange_teardown(x, now_us);
}

/* ---------------------------------------------------------------- media */

struct media_supervisor {
	struct fake_media *fake;
	const struct media_supervisor_ops *ops;
	void *userdata;
	sd_event_source *caps_source, *limit_source;
	struct stream_state state;
};

static int on_caps(sd_event_source *source, void *userdata)
{
	struct media_supervisor *s = userdata;

	(void)source;
	s->caps_source = sd_event_source_disable_unref(s->caps_source);
	s->limit_source = sd_event_source_disable_unref(s->limit_source);
	s->ops->on_caps(s->userdata, &s->fake->caps);
	return 0;
}

static int on_limit(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct media_supervisor *s = userdata;

	(void)source;
	(void)now_us;
	s->limit_source = sd_event_source_disable_unref(s->limit_source);
	s->ops->on_caps(s->userdata, NULL);
	return 0;
}

int media_supervisor_new(struct sd_event *event, const struct media_supervisor_config *config,
			 const struct media_supervisor_ops *ops, void *userdata,
			 struct media_supervisor **ret)
{
	struct fake_media *f = &bench->media;
	struct media_supervisor *s;

	if (f->new_error < 0)
		return f->new_error;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fake = f;
	s->ops = ops;
	s->userdata = userdata;
	if ((!f->is_mute && sd_event_add_defer(event, &s->caps_source, on_caps, s) < 0) ||
	    sd_event_add_time_relative(event, &s->limit_source, CLOCK_MONOTONIC,
				       config->caps_limit_us, 0, on_limit, s) < 0)
		abort();
	f->supervisor = s;
	f->is_alive = true;
	f->rtp_fd = -1;
	bench_note("media-new");
	*ret = s;
	return 0;
}

void media_supervisor_configure(struct media_supervisor *s, const struct media_configure *c)
{
	s->fake->format = c->format;
	s->fake->rate_bps = c->rate_bps;
	s->fake->encoder = (enum media_encoder)c->encoder;
	s->fake->still_hz = c->still_hz;
	s->fake->n_configures++;
	bench_note("configure:%ux%u@%u", c->format.mode.width, c->format.mode.height,
		   c->format.mode.refresh_hz);
}

void media_supervisor_set_source(struct media_supervisor *s, const struct media_set_source *source,
				 bool has_stream)
{
	int fd = has_stream ? s->ops->open_stream(s->userdata) : -1;

	close_fd(fd);
	s->fake->has_stream = fd >= 0;
	s->fake->fit_width = source->fit_width;
	s->fake->fit_height = source->fit_height;
	s->fake->n_sources++;
	(void)snprintf(s->fake->text, sizeof(s->fake->text), "%s", source->text);
	bench_note("source:%d:%s", (int)source->source, fd >= 0 ? "stream" : "own");
}

void media_supervisor_start(struct media_supervisor *s, int rtp_fd)
{
	if (rtp_fd >= 0) {
		close_fd(s->fake->rtp_fd);
		s->fake->rtp_fd = rtp_fd;
	}
	s->fake->is_streaming = s->fake->rtp_fd >= 0;
	s->fake->n_starts++;
	bench_note("start");
}

void media_supervisor_pause(struct media_supervisor *s)
{
	s->fake->is_streaming = false;
	s->fake->n_pauses++;
	bench_note("pause");
}

void media_supervisor_set_rate(struct media_supervisor *s, uint64_t rate_bps,
			       uint32_t max_frame_bytes)
{
	(void)max_frame_bytes;
	s->fake->rate_bps = rate_bps;
	s->fake->n_rates++;
}

void media_supervisor_request_idr(struct media_supervisor *s)
{
	s->fake->n_idrs++;
	bench_note("idr");
}

void media_supervisor_stop(struct media_supervisor *s)
{
	s->caps_source = sd_event_source_disable_unref(s->caps_source);
	s->limit_source = sd_event_source_disable_unref(s->limit_source);
	s->fake->rtp_fd = close_fd(s->fake->rtp_fd);
	s->fake->is_streaming = s->fake->is_alive = false;
	bench_note("media-stop");
}

const struct stream_state *media_supervisor_get_state(const struct media_supervisor *s)
{
	return &s->state;
}

const char *media_supervisor_get_encoder(const struct media_supervisor *s)
{
	return s->fake->caps.encoder;
}

uint32_t media_supervisor_get_restarts(const struct media_supervisor *s)
{
	(void)s;
	return 0;
}

struct media_supervisor *media_supervisor_free(struct media_supervisor *s)
{
	if (!s)
		return NULL;
	media_supervisor_stop(s);
	s->fake->supervisor = NULL;
	free(s);
	return NULL;
}

void bench_media_tells(struct bench *b, const union media_message *fact)
{
	struct media_supervisor *s = b->media.supervisor;

	if (s && b->media.is_alive)
		s->ops->on_fact(s->userdata, fact);
}

void bench_media_fails(struct bench *b, enum media_stage stage, int error, const char *text)
{
	struct media_supervisor *s = b->media.supervisor;

	if (s && b->media.is_alive) {
		b->media.is_alive = false;
		s->caps_source = sd_event_source_disable_unref(s->caps_source);
		s->limit_source = sd_event_source_disable_unref(s->limit_source);
		s->ops->on_failed(s->userdata, stage, error, text);
	}
}

void bench_media_tells_chunk(struct bench *b, enum media_chunk_kind kind, uint64_t frame,
			     uint32_t part)
{
	union media_message m = { .chunk = { .kind = kind,
					     .frame = frame,
					     .part = part,
					     .processing_us = 950,
					     .rate_kbps = 15000,
					     .time_us = clock_now_us() } };

	media_header_init(&m.header, MEDIA_CHUNK, sizeof(m.chunk));
	bench_media_tells(b, &m);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One session: the contract's state machine. Knows who starts what and in which order: head, media,
 * RTSP, plug. Knows no pixel, no RTSP grammar, no ioctl. See include/miracast/session.h.
 *
 * The path of a good session:
 *
 *	session_create      head_open, media_supervisor_new
 *	session_start       exchange_start ....................... M1, M2, M3   session-rtsp.c
 *	on_sink             wfd_choose, exchange_set_format ...... M4
 *	on_format_accepted  media_supervisor_configure ........... M5
 *	on_setup            the RTP socket ....................... M6
 *	on_play             media_supervisor_start ............... M7
 *	on_post_started     STARTED; the owner is told
 *	on_post_plug        head_plug; the stream reaches media                 session-display.c
 *	session_stop        media_supervisor_pause, exchange_teardown M5, M8
 *	session_destroy     head_free unplugs
 */
#include "session-private.h"

#include "rate.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In the order in which things happen. */
static void on_caps(void *userdata, const struct media_caps *caps);
static int on_post_started(sd_event_source *source, void *userdata);
static void on_fact(void *userdata, const union media_message *fact);
static void on_media_failed(void *userdata, enum media_stage stage, int error, const char *text);
static int on_post_ended(sd_event_source *source, void *userdata);
static int on_stop_limit(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_post_stopped(sd_event_source *source, void *userdata);

static const struct media_supervisor_ops media_ops = {
	.on_caps = on_caps,
	.on_fact = on_fact,
	.open_stream = session_display_open_stream,
	.on_failed = on_media_failed,
};

/* The one writer of the state. */
static void set_state(struct session *s, enum session_state state)
{
	assert(state != s->state);
	s->state = state;
	if (s->ops->state_changed)
		s->ops->state_changed(s->userdata, state);
}

/* Without memory for an event source nothing can be told any more; that is not survivable. */
void session_post(struct session *s, sd_event_source **slot, sd_event_handler_t handler)
{
	assert(!*slot);
	if (sd_event_add_defer(s->event, slot, handler, s) < 0) {
		(void)log_err(-ENOMEM, "session: out of memory");
		abort();
	}
}

/* ---------------------------------------------------------------- Create */

static void keep_names(struct session *s, const struct session_config *config)
{
	(void)snprintf(s->sink_name, sizeof(s->sink_name), "%s", config->sink_name ?: "Miracast");
	(void)snprintf(s->own_text, sizeof(s->own_text), "%s",
		       config->host_name && *config->host_name ? config->host_name : "Miracast");
	s->sink_id_size = config->sink_id_size < SESSION_SINK_ID_MAX ? config->sink_id_size : SESSION_SINK_ID_MAX;
	if (s->sink_id_size > 0)
		memcpy(s->sink_id, config->sink_id, s->sink_id_size);
}

static int spawn_media(struct session *s, const struct session_config *config)
{
	struct media_supervisor_config media = {
		.program = config->media_program,
		.input_fd = config->source == SESSION_SOURCE_Y4M ? config->input_fd : -1,
		.dump_fd = config->dump_fd,
		.caps_limit_us = clock_limit_us(SESSION_CAPS_MS * USEC_PER_MSEC),
	};

	return media_supervisor_new(s->event, &media, &media_ops, s, &s->media);
}

int session_create(struct sd_event *event, const struct session_config *config,
		   const struct session_ops *ops, void *userdata, struct session **ret)
{
	struct session *s;
	int r = 0;

	if (!config->media_program || !ops->started || !ops->stopped || !ops->ended)
		return -EINVAL;
	if (config->source == SESSION_SOURCE_Y4M && config->input_fd < 0)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->event = sd_event_ref(event);
	s->ops = ops;
	s->userdata = userdata;
	s->source = config->source;
	s->encoder = config->encoder;
	s->mode_limit = config->mode_limit;
	s->source_refresh_hz = config->source_refresh_hz;
	s->rtp_fd = -1;
	keep_names(s, config);

	if (s->source == SESSION_SOURCE_DEVICE)
		r = head_open(event, config->device, session_display_on_message, s, &s->head);
	if (r >= 0)
		r = spawn_media(s, config);
	if (r < 0) {
		session_destroy(s);
		return r;
	}
	*ret = s;
	return 0;
}

static void on_caps(void *userdata, const struct media_caps *caps)
{
	static const struct media_caps x264_caps = {
		.encoder = "x264",
		.profiles = 1u << MEDIA_PROFILE_CBP,
		.max_level_idc = 42,
		.max_width = 1920,
		.max_height = 1200,
		.max_pixel_rate = 1920 * 1080 * 30,
	};
	struct session *s = userdata;

	s->caps = caps ? *caps : x264_caps;
	s->has_caps = true;
	session_rtsp_on_caps(s);
}

/* ---------------------------------------------------------------- Start */

static void set_data_rate(struct session *s, bool on)
{
	if (on == s->has_data_rate || !s->ops->register_data_rate)
		return;
	s->has_data_rate = s->ops->register_data_rate(s->userdata, on) >= 0 && on;
}

int session_start(struct session *s, int rtsp_fd, const struct session_link_stats *stats)
{
	int r;

	if (s->state != SESSION_STOPPED || s->was_started)
		return -EALREADY;
	if (s->has_ended)
		return -EIO;
	if (stats->current_bps == 0)
		return -EINVAL;
	s->stream_bps = rate_at_start(stats);
	s->start_us = clock_now_us();
	r = session_rtsp_start(s, rtsp_fd);
	if (r < 0) {
		session_rtsp_drop(s);
		return r;
	}
	s->was_started = true;
	set_state(s, SESSION_START_PENDING);
	set_data_rate(s, true);
	return 0;
}

static void note_end(struct session *s, enum session_end_reason reason, enum session_stage stage,
		     int error, const char *text)
{
	(void)snprintf(s->end_text, sizeof(s->end_text), "%s", text);
	s->end = (struct session_end){ reason, stage, error, s->end_text };
}

/* Start has failed: undo it and say so. */
static void fail_start(struct session *s, enum session_stage stage, int error, const char *text)
{
	note_end(s, SESSION_END_CRITICAL, stage, error, text);
	s->start_error = error;
	set_data_rate(s, false);
	session_rtsp_drop(s);
	media_supervisor_stop(s->media);
	s->rtp_fd = close_fd(s->rtp_fd);
	s->n_kernel_queue = 0;
	session_post(s, &s->started_source, on_post_started);
}

void session_fail(struct session *s, enum session_end_reason reason, enum session_stage stage,
		  int error, const char *text)
{
	if (s->state == SESSION_START_PENDING) {
		if (!s->started_source)
			fail_start(s, stage, error, text);
		return;
	}
	if (s->state == SESSION_STOP_PENDING || s->has_ended)
		return;
	s->has_ended = true;
	note_end(s, reason, stage, error, text);
	session_post(s, &s->ended_source, on_post_ended);
}

void session_post_started(struct session *s)
{
	if (s->state == SESSION_START_PENDING && !s->started_source)
		session_post(s, &s->started_source, on_post_started);
}

/* The plug is posted before the owner is told, and so happens after he was: he may destroy us. */
static int on_post_started(sd_event_source *source, void *userdata)
{
	struct session *s = userdata;

	(void)source;
	s->started_source = sd_event_source_disable_unref(s->started_source);
	if (s->start_error < 0) {
		if (s->state == SESSION_START_PENDING)
			set_state(s, SESSION_STOPPED);
		s->ops->started(s->userdata, s->start_error, NULL, &s->end);
		return 0;
	}
	set_state(s, SESSION_STARTED);
	if (s->info.monitor_connected)
		session_display_post_plug(s);
	/* What the kernel said during Start, in its order [R4]. */
	for (size_t i = 0; i < s->n_kernel_queue; i++)
		(void)session_kernel_message(s, &s->kernel_queue[i]);
	s->n_kernel_queue = 0;
	s->ops->started(s->userdata, 0, &s->info, NULL);
	return 0;
}

/* ---------------------------------------------------------------- while it runs */

void session_tell_event(struct session *s, enum session_protocol_event event)
{
	struct session_statistic statistic = { .type = SESSION_STATISTIC_EVENT, .event = event };

	if (s->ops->statistic)
		s->ops->statistic(s->userdata, &statistic);
}

static void tell_chunk(struct session *s, const struct media_chunk *chunk)
{
	static const enum session_chunk_type types[] = {
		[MEDIA_CHUNK_FRAME_START] = SESSION_CHUNK_FRAME_START,
		[MEDIA_CHUNK_CONVERTED] = SESSION_CHUNK_COLOR_CONVERT_COMPLETE,
		[MEDIA_CHUNK_ENCODED] = SESSION_CHUNK_ENCODE_COMPLETE,
		[MEDIA_CHUNK_DROPPED] = SESSION_CHUNK_FRAME_DROPPED,
	};
	struct session_chunk_id id = { .frame = chunk->frame & ((UINT64_C(1) << 40) - 1),
				       .part = chunk->part & 0xffffff };
	struct session_statistic statistic = { .type = SESSION_STATISTIC_CHUNK_COMPLETE };

	if (!s->ops->statistic)
		return;
	if (chunk->kind == MEDIA_CHUNK_SENT) {
		statistic.type = SESSION_STATISTIC_CHUNK_SENT;
		statistic.sent = id;
	} else {
		statistic.chunk = (struct session_chunk){
			.type = types[chunk->kind],
			.id = id,
			.processing_us = chunk->processing_us,
			.rate_kbps = chunk->rate_kbps,
			.time_us = chunk->time_us,
		};
	}
	s->ops->statistic(s->userdata, &statistic);
}

static void on_fact(void *userdata, const union media_message *fact)
{
	struct session *s = userdata;

	if (fact->header.type == MEDIA_CHUNK)
		tell_chunk(s, &fact->chunk);
	else if (fact->header.type == MEDIA_DEMOTED)
		log_notice("media: %s was given up for %s: %s", fact->demoted.from,
			   fact->demoted.to, fact->demoted.text);
	else if (fact->header.type == MEDIA_BLOCKED)
		log_debug("media: %u bytes wait for the network since %u us",
			  fact->blocked.queued_bytes, fact->blocked.queued_us);
}

int session_data_rate(struct session *s, const struct session_data_rate *rate)
{
	uint64_t bps;

	if (!s->has_data_rate || s->state != SESSION_STARTED)
		return -ESHUTDOWN;
	if (!rate) {
		s->has_data_rate = false;
		return 0;
	}
	bps = rate_at_start(&(struct session_link_stats){ .current_bps = rate->encoder_bps,
							  .local_max_bps = rate->max_tx_bps });
	if (bps == s->stream_bps)
		return 0;
	s->stream_bps = bps;
	media_supervisor_set_rate(s->media, rate_for_video(bps, MEDIA_AUDIO_NONE),
				  rate_max_frame_bytes(bps));
	return 0;
}

/* ---------------------------------------------------------------- the end */

static enum session_stage get_media_stage(enum media_stage stage)
{
	switch (stage) {
	case MEDIA_STAGE_START:
		return SESSION_STAGE_CREATE;
	case MEDIA_STAGE_CAPTURE:
	case MEDIA_STAGE_INPUT_END:
		return SESSION_STAGE_CAPTURE;
	case MEDIA_STAGE_CONVERT:
		return SESSION_STAGE_CONVERT;
	case MEDIA_STAGE_ENCODE:
		return SESSION_STAGE_ENCODE;
	case MEDIA_STAGE_SEND:
		return SESSION_STAGE_SEND;
	}
	return SESSION_STAGE_CREATE;
}

static void on_media_failed(void *userdata, enum media_stage stage, int error, const char *text)
{
	struct session *s = userdata;

	if (stage == MEDIA_STAGE_INPUT_END)
		session_fail(s, SESSION_END_SOURCE, SESSION_STAGE_CAPTURE, 0, text);
	else
		session_fail(s, SESSION_END_CRITICAL, get_media_stage(stage), error, text);
}

static int on_post_ended(sd_event_source *source, void *userdata)
{
	struct session *s = userdata;

	(void)source;
	s->ended_source = sd_event_source_disable_unref(s->ended_source);
	if (s->state == SESSION_STARTED || !s->was_started)
		s->ops->ended(s->userdata, &s->end);
	return 0;
}

/* A Start under way ends first, with -ECANCELED; then Stop does. */
static void cancel_start(struct session *s)
{
	if (s->start_error == 0) {
		note_end(s, SESSION_END_USER, SESSION_STAGE_RTSP, -ECANCELED, "it was stopped");
		s->start_error = -ECANCELED;
	}
	if (!s->started_source)
		session_post(s, &s->started_source, on_post_started);
}

void session_stop(struct session *s)
{
	uint64_t limit_us = clock_limit_us(SESSION_STOP_LIMIT_MS * USEC_PER_MSEC);

	if (s->state != SESSION_STARTED && s->state != SESSION_START_PENDING)
		return;
	if (s->state == SESSION_START_PENDING)
		cancel_start(s);
	s->plug_source = sd_event_source_disable_unref(s->plug_source);
	set_state(s, SESSION_STOP_PENDING);
	set_data_rate(s, false);
	if (s->head)
		head_revoke_stream(s->head);
	media_supervisor_pause(s->media);
	if (!s->exchange || sd_event_add_time_relative(s->event, &s->stop_source, CLOCK_MONOTONIC,
						       limit_us, 0, on_stop_limit, s) < 0)
		session_post_stopped(s);
	else
		exchange_teardown(s->exchange, clock_now_us());
}

static int on_stop_limit(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	session_post_stopped(userdata);
	return 0;
}

void session_post_stopped(struct session *s)
{
	if (!s->stopped_source)
		session_post(s, &s->stopped_source, on_post_stopped);
}

static int on_post_stopped(sd_event_source *source, void *userdata)
{
	struct session *s = userdata;

	(void)source;
	s->stopped_source = sd_event_source_disable_unref(s->stopped_source);
	s->stop_source = sd_event_source_disable_unref(s->stop_source);
	session_rtsp_drop(s);
	media_supervisor_stop(s->media);
	s->rtp_fd = close_fd(s->rtp_fd);
	set_state(s, SESSION_STOPPED);
	s->ops->stopped(s->userdata);
	return 0;
}

struct session *session_destroy(struct session *s)
{
	if (!s)
		return NULL;
	sd_event_source_disable_unref(s->started_source);
	sd_event_source_disable_unref(s->ended_source);
	sd_event_source_disable_unref(s->stopped_source);
	sd_event_source_disable_unref(s->plug_source);
	sd_event_source_disable_unref(s->stop_source);
	session_rtsp_drop(s);
	media_supervisor_free(s->media);
	close_fd(s->rtp_fd);
	head_free(s->head);
	sd_event_unref(s->event);
	free(s);
	return NULL;
}

/* ---------------------------------------------------------------- what is shown */

enum session_state session_get_state(const struct session *s)
{
	return s->state;
}

void session_get_status(const struct session *s, struct session_status *ret)
{
	*ret = (struct session_status){
		.state = s->state,
		.info = s->info,
		.encoder = media_supervisor_get_encoder(s->media),
		.rate_bps = s->stream_bps,
		.media_restarts = media_supervisor_get_restarts(s->media),
		.stream = media_supervisor_get_state(s->media),
	};
	if (s->has_format)
		ret->format = wfd_choice_format(&s->choice, MEDIA_AUDIO_NONE);
	if (s->play_us > 0)
		ret->connect_to_play_us = s->play_us - s->start_us;
}

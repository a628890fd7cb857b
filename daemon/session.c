// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One session: the contract's state machine. Knows who starts what and in which order: head, media,
 * RTSP, plug. Knows no pixel, no RTSP grammar, no ioctl. See include/miracast/session.h.
 *
 * The path of a good session:
 *
 *	session_create      head_open, media_supervisor_new
 *	session_start       exchange_start ....................... M1, M2, M3   session-rtsp.c
 *	on_sink             wfd_choose, exchange_set_format ...... M4           session-mode.c
 *	on_format_accepted  media_supervisor_configure ........... M5
 *	on_setup            the RTP socket ....................... M6
 *	on_play             media_supervisor_start ............... M7
 *	tell_started        STARTED; the owner is told
 *	session_display_plug  head_plug; the stream reaches media               session-display.c
 *	session_stop        media_supervisor_pause, exchange_teardown M5, M8
 *	session_destroy     head_free unplugs
 */
#include "session-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In the order in which things happen. */
static void tell_started(struct session *s);
static void on_fact(void *userdata, const union media_message *fact);
static void on_media_failed(void *userdata, enum media_stage stage, int error, const char *text);
static void tell_ended(struct session *s);
static int on_stop_limit(sd_event_source *source, uint64_t now_us, void *userdata);
static void tell_stopped(struct session *s);

static void (*const news_handlers[SESSION_NEWS_COUNT])(struct session *s) = {
	[SESSION_NEWS_STARTED] = tell_started,
	[SESSION_NEWS_PLUG] = session_display_plug,
	[SESSION_NEWS_HELD] = session_display_run_held,
	[SESSION_NEWS_ENDED] = tell_ended,
	[SESSION_NEWS_STOPPED] = tell_stopped,
};

static const sd_event_time_handler_t timer_handlers[SESSION_TIMER_COUNT] = {
	[SESSION_TIMER_STOP] = on_stop_limit,
	[SESSION_TIMER_DISPLAY] = session_display_on_timer,
	[SESSION_TIMER_IDR] = session_rtsp_on_idr_timer,
	[SESSION_TIMER_RATE] = session_rate_on_timer,
};

static const struct media_supervisor_ops media_ops = {
	.on_caps = session_mode_on_caps,
	.on_fact = on_fact,
	.open_stream = session_display_open_stream,
	.on_failed = on_media_failed,
};

/* R1 and R5 hold because there is one thread and notes are not answered with calls. */
static void check_call(const struct session *s)
{
	assert(pthread_equal(s->thread, pthread_self()));
	assert(s->notes == 0);
}

/* The one writer of the state. */
static void set_state(struct session *s, enum session_state state)
{
	assert(state != s->state);
	s->state = state;
	s->notes++;
	if (s->ops->state_changed)
		s->ops->state_changed(s->userdata, state);
	s->notes--;
}

/* ---------------------------------------------------------------- news and timers */

/* The owner may destroy us in the handler, so everything else comes before it. */
static int on_news(sd_event_source *source, void *userdata)
{
	struct session *s = userdata;
	enum session_news news = SESSION_NEWS_STARTED;

	while (news < SESSION_NEWS_COUNT && !(s->news & 1u << news))
		news++;
	if (news == SESSION_NEWS_COUNT)
		return 0;
	s->news &= ~(1u << news);
	if (s->news)
		(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	news_handlers[news](s);
	return 0;
}

void session_post(struct session *s, enum session_news news)
{
	s->news |= 1u << news;
	(void)sd_event_source_set_enabled(s->news_source, SD_EVENT_ONESHOT);
}

void session_cancel(struct session *s, enum session_news news)
{
	s->news &= ~(1u << news);
}

void session_timer_start_us(struct session *s, enum session_timer timer, uint64_t us)
{
	(void)sd_event_source_set_time(s->timers[timer], clock_now_us() + us);
	(void)sd_event_source_set_enabled(s->timers[timer], SD_EVENT_ONESHOT);
}

void session_timer_start(struct session *s, enum session_timer timer, uint64_t limit_ms)
{
	session_timer_start_us(s, timer, clock_limit_us(limit_ms * USEC_PER_MSEC));
}

void session_timer_stop(struct session *s, enum session_timer timer)
{
	(void)sd_event_source_set_enabled(s->timers[timer], SD_EVENT_OFF);
}

static void stop_timers(struct session *s)
{
	for (enum session_timer timer = 0; timer < SESSION_TIMER_COUNT; timer++)
		session_timer_stop(s, timer);
}

static int make_sources(struct session *s)
{
	int r;

	r = sd_event_add_defer(s->event, &s->news_source, on_news, s);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->news_source, SD_EVENT_OFF);
	for (size_t i = 0; r >= 0 && i < SESSION_TIMER_COUNT; i++) {
		r = sd_event_add_time(s->event, &s->timers[i], CLOCK_MONOTONIC, UINT64_MAX,
				      USEC_PER_MSEC, timer_handlers[i], s);
		if (r < 0)
			return r;
		r = sd_event_source_set_enabled(s->timers[i], SD_EVENT_OFF);
	}
	return r;
}

/* ---------------------------------------------------------------- Create */

static bool is_valid(const struct session_config *config, const struct session_ops *ops)
{
	if (!config->media_program || !ops->started || !ops->stopped || !ops->ended)
		return false;
	if ((unsigned int)config->source > SESSION_SOURCE_Y4M ||
	    (unsigned int)config->encoder > SESSION_ENCODER_X264)
		return false;
	if (config->source == SESSION_SOURCE_Y4M && config->input_fd < 0)
		return false;
	if (config->sink_id_size > 0 && !config->sink_id)
		return false;
	return !config->mode_limit.width == !config->mode_limit.height;
}

static void keep_config(struct session *s, const struct session_config *config)
{
	s->source = config->source;
	s->encoder = config->encoder;
	s->mode_limit = config->mode_limit;
	s->source_refresh_hz = config->source_refresh_hz;
	s->strict_monitor = config->strict_monitor;
	(void)snprintf(s->sink_name, sizeof(s->sink_name), "%s", config->sink_name ?: "Miracast");
	(void)snprintf(s->host_name, sizeof(s->host_name), "%s",
		       config->host_name && *config->host_name ? config->host_name : "Miracast");
	s->sink_id_size = config->sink_id_size < SESSION_SINK_ID_MAX ? config->sink_id_size :
								       SESSION_SINK_ID_MAX;
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

	int r = media_supervisor_new(s->event, &media, &media_ops, s, &s->media);

	/* Those are what the head says. */
	return r == -ENOENT || r == -EACCES || r == -EBUSY ? -ENOEXEC : r;
}

int session_create(struct sd_event *event, const struct session_config *config,
		   const struct session_ops *ops, void *userdata, struct session **ret)
{
	struct session *s;
	int r;

	if (!is_valid(config, ops))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->event = sd_event_ref(event);
	s->ops = ops;
	s->userdata = userdata;
	s->thread = pthread_self();
	s->rtp_fd = s->rtcp.fd = -1;
	keep_config(s, config);

	r = make_sources(s);
	if (r >= 0 && s->source == SESSION_SOURCE_DEVICE)
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

/* ---------------------------------------------------------------- Start */

int session_start(struct session *s, int rtsp_fd, const struct session_link_stats *stats)
{
	int r;

	check_call(s);
	if (s->state != SESSION_STOPPED || s->was_started)
		return -EALREADY;
	if (s->has_ended)
		return -EIO;
	if (stats->current_bps == 0)
		return -EINVAL;
	session_rate_start(s, stats);
	s->start_us = clock_now_us();
	r = session_rtsp_start(s, rtsp_fd);
	if (r < 0) {
		session_rtsp_drop(s);
		return r;
	}
	s->was_started = true;
	set_state(s, SESSION_START_PENDING);
	session_rate_register(s, true);
	rtsp_server_start(s->server);
	return 0;
}

static void note_end(struct session *s, enum session_end_reason reason, enum session_stage stage,
		     int error, const char *text)
{
	(void)snprintf(s->end_text, sizeof(s->end_text), "%s", text);
	s->end = (struct session_end){ reason, stage, error, s->end_text };
}

/* Start has failed: undo it and say so [R18]. Even if "done" was posted and not told yet. */
static void fail_start(struct session *s, enum session_end_reason reason, enum session_stage stage,
		       int error, const char *text)
{
	if (s->start_error < 0)
		return;
	s->start_error = error < 0 ? error : -EIO;
	note_end(s, reason, stage, s->start_error, text);
	s->info = (struct session_info){ 0 };
	session_rate_register(s, false);
	stop_timers(s);
	session_rtsp_drop(s);
	media_supervisor_stop(s->media);
	s->rtp_fd = close_fd(s->rtp_fd);
	s->n_kernel_queue = 0;
	session_post(s, SESSION_NEWS_STARTED);
}

void session_fail(struct session *s, enum session_end_reason reason, enum session_stage stage,
		  int error, const char *text)
{
	if (s->state == SESSION_START_PENDING) {
		fail_start(s, reason, stage, error, text);
		return;
	}
	if (s->state == SESSION_STOP_PENDING || s->has_ended ||
	    (s->state == SESSION_STOPPED && s->was_started))
		return;
	s->has_ended = true;
	note_end(s, reason, stage, error, text);
	session_post(s, SESSION_NEWS_ENDED);
}

void session_post_started(struct session *s)
{
	if (s->state == SESSION_START_PENDING)
		session_post(s, SESSION_NEWS_STARTED);
}

static void tell_started(struct session *s)
{
	if (s->start_error < 0) {
		if (s->state == SESSION_START_PENDING)
			set_state(s, SESSION_STOPPED);
		s->ops->started(s->userdata, s->start_error, NULL, &s->end);
		return;
	}
	set_state(s, SESSION_STARTED);
	if (s->info.monitor_connected)
		session_post(s, SESSION_NEWS_PLUG);
	if (s->n_kernel_queue > 0)
		session_post(s, SESSION_NEWS_HELD);
	s->ops->started(s->userdata, 0, &s->info, NULL);
}

/* ---------------------------------------------------------------- while it runs */

static void tell_statistic(struct session *s, const struct session_statistic *statistic)
{
	s->notes++;
	if (s->ops->statistic)
		s->ops->statistic(s->userdata, statistic);
	s->notes--;
}

void session_tell_event(struct session *s, enum session_protocol_event event)
{
	tell_statistic(s, &(struct session_statistic){ .type = SESSION_STATISTIC_EVENT,
						       .event = event });
}

void session_transcribe(struct session *s, bool sent, const char *data, size_t size)
{
	s->notes++;
	if (s->ops->transcript)
		s->ops->transcript(s->userdata, sent, data, size);
	s->notes--;
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
	tell_statistic(s, &statistic);
}

static void on_fact(void *userdata, const union media_message *fact)
{
	struct session *s = userdata;

	if (fact->header.type == MEDIA_CHUNK)
		tell_chunk(s, &fact->chunk);
	else if (fact->header.type == MEDIA_DEMOTED)
		log_notice("media: %s was given up for %s: %s", fact->demoted.from,
			   fact->demoted.to, fact->demoted.text);
	else
		session_rate_on_fact(s, fact);
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
		session_fail(s, SESSION_END_CRITICAL, get_media_stage(stage),
			     s->state == SESSION_START_PENDING ? -EIO : error, text);
}

static void tell_ended(struct session *s)
{
	s->ops->ended(s->userdata, &s->end);
}

/* A Start under way ends first, with -ECANCELED; then Stop does. */
static void cancel_start(struct session *s)
{
	if (s->start_error == 0) {
		note_end(s, SESSION_END_USER, SESSION_STAGE_RTSP, -ECANCELED, "it was stopped");
		s->start_error = -ECANCELED;
	}
	session_post(s, SESSION_NEWS_STARTED);
}

void session_stop(struct session *s)
{
	check_call(s);
	if (s->state != SESSION_STARTED && s->state != SESSION_START_PENDING)
		return;
	if (s->state == SESSION_START_PENDING)
		cancel_start(s);
	session_cancel(s, SESSION_NEWS_PLUG);
	session_cancel(s, SESSION_NEWS_HELD);
	session_cancel(s, SESSION_NEWS_ENDED);
	set_state(s, SESSION_STOP_PENDING);
	session_rate_register(s, false);
	stop_timers(s);
	session_display_stop(s);
	media_supervisor_pause(s->media);
	if (session_rtsp_teardown(s))
		session_timer_start(s, SESSION_TIMER_STOP, SESSION_STOP_LIMIT_MS);
	else
		session_post_stopped(s);
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
	session_post(s, SESSION_NEWS_STOPPED);
}

static void tell_stopped(struct session *s)
{
	stop_timers(s);
	session_rtsp_drop(s);
	media_supervisor_stop(s->media);
	s->rtp_fd = close_fd(s->rtp_fd);
	set_state(s, SESSION_STOPPED);
	s->ops->stopped(s->userdata);
}

struct session *session_destroy(struct session *s)
{
	if (!s)
		return NULL;
	check_call(s);
	sd_event_source_disable_unref(s->news_source);
	for (size_t i = 0; i < SESSION_TIMER_COUNT; i++)
		sd_event_source_disable_unref(s->timers[i]);
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
		.display = s->display,
		.is_degraded = s->is_degraded,
		.encoder = media_supervisor_get_encoder(s->media),
		.rate_bps = s->stream_bps,
		.link_quality =
			rate_quality_to_string(rate_get_quality(&s->rate, clock_now_us())),
		.media_restarts = media_supervisor_get_restarts(s->media),
		.stream = media_supervisor_get_state(s->media),
	};
	if (s->has_format)
		ret->format = wfd_choice_format(&s->choice, MEDIA_AUDIO_NONE);
	if (s->play_us > 0)
		ret->connect_to_play_us = s->play_us - s->start_us;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/supervisor.h"

#include "media/process.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-event.h>

#define LOSSES_MAX	 4 /* within the window: the session ends */
#define LOSSES_DEMOTE	 3 /* a device's encoder is given up for x264 */
#define LOSSES_WINDOW_US (60 * USEC_PER_SEC)

struct media_supervisor {
	const struct media_supervisor_ops *ops;
	void *userdata;
	sd_event *event; /* referenced */
	struct media_process *process;
	sd_event_source *caps_source; /* until the first caps */
	sd_event_source *spawn_source; /* a successor is to be spawned */
	char *program;
	int input_fd;
	int dump_fd;
	int state_fd;
	struct stream_state *state; /* mapped */

	/* What a successor is told. */
	struct media_configure configure; /* rate_bps 0: not configured yet */
	struct media_set_source source;
	bool has_source;
	bool has_stream;
	int rtp_fd; /* -1: none yet */
	bool is_streaming;

	bool has_caps; /* the present process has told them: it listens */
	bool told_caps;
	char encoder[32];

	uint64_t losses_us[LOSSES_MAX]; /* when, the oldest first; 0: none */
	uint32_t restarts;
	bool is_demoted;
	struct media_error last_error; /* of the present process; stage, error, text */
	bool has_error;
};

static void on_fact(void *userdata, const union media_message *fact);
static void on_lost(void *userdata, const char *why);
static int on_caps_limit(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_spawn(sd_event_source *source, void *userdata);

static const struct media_process_ops process_ops = {
	.on_fact = on_fact,
	.on_lost = on_lost,
};

static int spawn(struct media_supervisor *s)
{
	struct media_process_config config = {
		.program = s->program,
		.state_fd = s->state_fd,
		.input_fd = s->input_fd,
		.dump_fd = s->dump_fd,
	};

	s->has_caps = false;
	s->has_error = false;
	return media_process_spawn(s->event, &config, &process_ops, s, &s->process);
}

static int duplicate(int fd, int *ret)
{
	if (fd < 0)
		return 0;
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? -errno : 0;
}

int media_supervisor_new(struct sd_event *event, const struct media_supervisor_config *config,
			 const struct media_supervisor_ops *ops, void *userdata,
			 struct media_supervisor **ret)
{
	_cleanup_(media_supervisor_freep) struct media_supervisor *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->ops = ops;
	s->userdata = userdata;
	s->event = sd_event_ref(event);
	s->input_fd = s->dump_fd = s->state_fd = s->rtp_fd = -1;
	s->program = strdup(config->program);
	if (!s->program)
		return -ENOMEM;
	r = duplicate(config->input_fd, &s->input_fd);
	if (r < 0)
		return r;
	r = duplicate(config->dump_fd, &s->dump_fd);
	if (r < 0)
		return r;
	r = stream_state_new(&s->state, &s->state_fd);
	if (r < 0)
		return r;
	r = spawn(s);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &s->caps_source, CLOCK_MONOTONIC,
				       config->caps_limit_us, 0, on_caps_limit, s);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

/* A failure to send shows as the process's loss; nothing else is to be done about it here. */
static void send(struct media_supervisor *s, const struct media_header *command, int fd)
{
	if (s->process && s->has_caps)
		(void)media_process_send(s->process, command, fd);
}

static void send_bare(struct media_supervisor *s, enum media_type type)
{
	struct media_header header;

	media_header_init(&header, type, sizeof(header));
	send(s, &header, -1);
}

static void send_configure(struct media_supervisor *s)
{
	if (s->configure.rate_bps > 0)
		send(s, &s->configure.header, -1);
}

static void send_source(struct media_supervisor *s)
{
	_cleanup_close_ int stream_fd = -1;

	if (!s->has_source || !s->process || !s->has_caps)
		return;
	if (s->has_stream) {
		int fd = s->ops->open_stream(s->userdata);

		if (fd < 0)
			log_debug("media: no stream from the head: %s", strerror(-fd));
		else
			stream_fd = fd;
	}
	send(s, &s->source.header, stream_fd);
}

static void send_start(struct media_supervisor *s)
{
	struct media_start start = { 0 };

	if (!s->is_streaming)
		return;
	media_header_init(&start.header, MEDIA_START, sizeof(start));
	send(s, &start.header, s->rtp_fd);
}

void media_supervisor_configure(struct media_supervisor *s, const struct media_configure *configure)
{
	s->configure = *configure;
	if (s->is_demoted)
		s->configure.encoder = MEDIA_ENCODER_X264;
	media_header_init(&s->configure.header, MEDIA_CONFIGURE, sizeof(s->configure));
	send_configure(s);
}

void media_supervisor_set_source(struct media_supervisor *s, const struct media_set_source *source,
				 bool has_stream)
{
	s->source = *source;
	media_header_init(&s->source.header, MEDIA_SET_SOURCE, sizeof(s->source));
	s->has_source = true;
	s->has_stream = has_stream;
	send_source(s);
}

void media_supervisor_start(struct media_supervisor *s, int rtp_fd)
{
	if (rtp_fd >= 0) {
		close_fd(s->rtp_fd);
		s->rtp_fd = rtp_fd;
	}
	s->is_streaming = s->rtp_fd >= 0;
	send_start(s);
}

void media_supervisor_pause(struct media_supervisor *s)
{
	s->is_streaming = false;
	send_bare(s, MEDIA_PAUSE);
}

void media_supervisor_set_rate(struct media_supervisor *s, uint64_t rate_bps,
			       uint32_t max_frame_bytes)
{
	struct media_set_rate command = { .rate_bps = rate_bps,
					  .max_frame_bytes = max_frame_bytes };

	s->configure.rate_bps = rate_bps;
	s->configure.max_frame_bytes = max_frame_bytes;
	media_header_init(&command.header, MEDIA_SET_RATE, sizeof(command));
	send(s, &command.header, -1);
}

void media_supervisor_request_idr(struct media_supervisor *s)
{
	send_bare(s, MEDIA_REQUEST_IDR);
}

static void tell_caps(struct media_supervisor *s, const struct media_caps *caps)
{
	if (s->told_caps)
		return;
	s->told_caps = true;
	s->caps_source = sd_event_source_disable_unref(s->caps_source);
	s->ops->on_caps(s->userdata, caps);
}

static int on_caps_limit(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	tell_caps(userdata, NULL);
	return 0;
}

/* The first fact of a process, and the moment from which it can be told anything. */
static void on_caps(struct media_supervisor *s, const struct media_caps *caps)
{
	s->has_caps = true;
	memcpy(s->encoder, caps->encoder, sizeof(s->encoder));
	send_configure(s);
	send_source(s);
	send_start(s);
	tell_caps(s, caps);
}

static void on_fact(void *userdata, const union media_message *fact)
{
	struct media_supervisor *s = userdata;

	switch ((enum media_type)fact->header.type) {
	case MEDIA_CAPS:
		on_caps(s, &fact->caps);
		return;
	case MEDIA_ERROR:
		/* Its end follows, and decides. */
		s->last_error = fact->error;
		s->has_error = true;
		return;
	case MEDIA_DEMOTED:
		memcpy(s->encoder, fact->demoted.to, sizeof(s->encoder));
		s->ops->on_fact(s->userdata, fact);
		return;
	case MEDIA_FIRST_FRAME:
	case MEDIA_CHUNK:
	case MEDIA_RATE:
	case MEDIA_BLOCKED:
	case MEDIA_LATE:
		s->ops->on_fact(s->userdata, fact);
		return;
	case MEDIA_HEARTBEAT:
	case MEDIA_CONFIGURE:
	case MEDIA_START:
	case MEDIA_PAUSE:
	case MEDIA_SET_RATE:
	case MEDIA_REQUEST_IDR:
	case MEDIA_SET_SOURCE:
	case MEDIA_QUIT:
		return;
	}
}

/* This one and those before it within the window. */
static unsigned int count_losses(struct media_supervisor *s)
{
	uint64_t now_us = clock_now_us();
	unsigned int n = 0;

	memmove(s->losses_us, s->losses_us + 1, sizeof(s->losses_us) - sizeof(s->losses_us[0]));
	s->losses_us[LOSSES_MAX - 1] = now_us;
	for (unsigned int i = 0; i < LOSSES_MAX; i++)
		n += s->losses_us[i] != 0 && now_us - s->losses_us[i] < LOSSES_WINDOW_US;
	return n;
}

static void demote(struct media_supervisor *s, unsigned int losses)
{
	log_notice("media: %s failed %u times in a minute: x264 from now on", s->encoder, losses);
	s->is_demoted = true;
	memset(s->losses_us, 0, sizeof(s->losses_us));
	s->configure.encoder = MEDIA_ENCODER_X264;
}

static bool is_final(struct media_supervisor *s)
{
	unsigned int losses;

	/*
	 * Neither the end of a clip nor a broken one nor a broken installation heals by itself, and
	 * an encoder that was demanded and does not exist does not either.
	 */
	if (s->has_error &&
	    (s->last_error.stage == MEDIA_STAGE_INPUT_END || s->last_error.error == -EBADMSG ||
	     (s->last_error.stage == MEDIA_STAGE_ENCODE && s->last_error.error == -ENODEV)))
		return true;
	if (!s->told_caps)
		return true;
	losses = count_losses(s);
	if (losses >= LOSSES_DEMOTE && strcmp(media_supervisor_get_encoder(s), "x264") != 0)
		demote(s, losses);
	return losses >= LOSSES_MAX;
}

static void on_lost(void *userdata, const char *why)
{
	struct media_supervisor *s = userdata;
	char text[MEDIA_TEXT_SIZE + 64];

	s->process = media_process_free(s->process);
	s->has_caps = false;
	if (is_final(s)) {
		if (s->has_error)
			(void)snprintf(text, sizeof(text), "%s", s->last_error.text);
		else
			(void)snprintf(text, sizeof(text), "the media process is lost: %s", why);
		s->caps_source = sd_event_source_disable_unref(s->caps_source);
		s->ops->on_failed(s->userdata,
				  s->has_error ? s->last_error.stage : MEDIA_STAGE_START,
				  s->has_error ? s->last_error.error : -EIO, text);
		return;
	}
	log_notice("media: %s; a new one takes over", s->has_error ? s->last_error.text : why);
	s->restarts++;
	/* Not from inside the process's own call back. */
	if (sd_event_add_defer(s->event, &s->spawn_source, on_spawn, s) < 0)
		s->ops->on_failed(s->userdata, MEDIA_STAGE_START, -ENOMEM, "out of memory");
}

static int on_spawn(sd_event_source *source, void *userdata)
{
	struct media_supervisor *s = userdata;
	int r;

	(void)source;
	s->spawn_source = sd_event_source_disable_unref(s->spawn_source);
	r = spawn(s);
	if (r < 0)
		s->ops->on_failed(s->userdata, MEDIA_STAGE_START, r,
				  "the media process cannot be started again");
	return 0;
}

void media_supervisor_stop(struct media_supervisor *s)
{
	send_bare(s, MEDIA_QUIT);
	s->process = media_process_free(s->process);
	s->caps_source = sd_event_source_disable_unref(s->caps_source);
	s->spawn_source = sd_event_source_disable_unref(s->spawn_source);
	s->rtp_fd = close_fd(s->rtp_fd);
	s->is_streaming = false;
}

const struct stream_state *media_supervisor_get_state(const struct media_supervisor *s)
{
	return s->state;
}

const char *media_supervisor_get_encoder(const struct media_supervisor *s)
{
	/* Whatever the trial would prefer. */
	return s->configure.encoder == MEDIA_ENCODER_X264 ? "x264" : s->encoder;
}

uint32_t media_supervisor_get_restarts(const struct media_supervisor *s)
{
	return s->restarts;
}

struct media_supervisor *media_supervisor_free(struct media_supervisor *s)
{
	if (!s)
		return NULL;
	media_supervisor_stop(s);
	if (s->state)
		(void)munmap(s->state, sizeof(*s->state));
	close_fd(s->state_fd);
	close_fd(s->input_fd);
	close_fd(s->dump_fd);
	free(s->program);
	sd_event_unref(s->event);
	free(s);
	return NULL;
}

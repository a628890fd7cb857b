/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps one miracast-media alive for a session: remembers the last configuration, source and
 * socket, and gives them to a successor when the process dies, hangs or gives up. Three losses in
 * a minute demote the encoder to x264 for good; three more end it. Knows nothing of RTSP.
 */
#ifndef MIRACAST_MEDIA_SUPERVISOR_H
#define MIRACAST_MEDIA_SUPERVISOR_H

#include "media/protocol.h"
#include "util/cleanup.h"

struct sd_event;
struct media_supervisor;

/* Each called from the loop; the owner may free the supervisor inside any of them. */
struct media_supervisor_ops {
	/* What can be encoded; once. NULL: media did not tell in time, assume x264's. */
	void (*on_caps)(void *userdata, const struct media_caps *caps);

	/* FIRST_FRAME, CHUNK, RATE, BLOCKED, DEMOTED, LATE. */
	void (*on_fact)(void *userdata, const union media_message *fact);

	/* A fresh stream fd for the device source; the supervisor's to close. -errno: no picture. */
	int (*open_stream)(void *userdata);

	/* For good. stage MEDIA_STAGE_INPUT_END: the clip is over, not a fault. Once. */
	void (*on_failed)(void *userdata, enum media_stage stage, int error, const char *text);
};

struct media_supervisor_config {
	const char *program; /* copied */
	int input_fd;	     /* duplicated; -1: none */
	int dump_fd;	     /* duplicated; -1: none */
	uint64_t caps_limit_us;
};

int media_supervisor_new(struct sd_event *event, const struct media_supervisor_config *config,
			 const struct media_supervisor_ops *ops, void *userdata,
			 struct media_supervisor **ret);

/* The headers of both are filled in here. */
void media_supervisor_configure(struct media_supervisor *s, const struct media_configure *configure);

/* has_stream: open_stream() is asked for the device's descriptor; else the own picture shows. */
void media_supervisor_set_source(struct media_supervisor *s, const struct media_set_source *source,
				 bool has_stream);

/* Stream into rtp_fd, which becomes the supervisor's. -1: the one it has, after a pause. */
void media_supervisor_start(struct media_supervisor *s, int rtp_fd);
void media_supervisor_pause(struct media_supervisor *s);
void media_supervisor_set_rate(struct media_supervisor *s, uint64_t rate_bps,
			       uint32_t max_frame_bytes);
void media_supervisor_request_idr(struct media_supervisor *s);

/* Kills the process and closes the sockets; counters stay readable. No up-call comes any more. */
void media_supervisor_stop(struct media_supervisor *s);

const struct stream_state *media_supervisor_get_state(const struct media_supervisor *s);
const char *media_supervisor_get_encoder(const struct media_supervisor *s);
uint32_t media_supervisor_get_restarts(const struct media_supervisor *s);

/* Accepts NULL, returns NULL. */
struct media_supervisor *media_supervisor_free(struct media_supervisor *s);
DEFINE_CLEANUP(struct media_supervisor *, media_supervisor_free)

#endif

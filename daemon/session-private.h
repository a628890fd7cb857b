/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of a session, shared by the three files that tell its story: session.c (the contract),
 * session-rtsp.c (what is said to the sink) and session-display.c (what is shown to the desktop).
 */
#ifndef MIRACAST_SESSION_PRIVATE_H
#define MIRACAST_SESSION_PRIVATE_H

#include "display/head.h"
#include "media/supervisor.h"
#include "miracast/session.h"
#include "rtsp/exchange.h"
#include "rtsp/server.h"

#include <netinet/in.h>
#include <systemd/sd-event.h>

#define SESSION_KERNEL_QUEUE_MAX 16 /* messages held during Start; the module coalesces them */
#define SESSION_TEXT_SIZE	 256
#define SESSION_NAME_SIZE	 64
#define SESSION_SINK_ID_MAX	 16

struct session {
	sd_event *event; /* referenced */
	const struct session_ops *ops;
	void *userdata;
	enum session_state state;
	bool was_started;

	enum session_source source;
	enum session_encoder encoder;
	struct media_mode mode_limit;
	uint16_t source_refresh_hz;
	char own_text[MEDIA_TEXT_SIZE]; /* of the source's own picture */
	char sink_name[SESSION_NAME_SIZE];
	uint8_t sink_id[SESSION_SINK_ID_MAX];
	size_t sink_id_size;

	struct head *head; /* NULL without a display */
	struct media_supervisor *media;
	struct exchange *exchange; /* from Start to the end of Stop */
	struct rtsp_server *server; /* likewise */
	struct sockaddr_in local, peer; /* of the RTSP connection */
	int rtp_fd; /* between M6 and M7 */

	bool has_caps;
	bool is_waiting_for_caps; /* on_sink came first */
	struct media_caps caps;
	struct wfd_choices choices;
	struct wfd_choice choice; /* accepted last */
	bool has_format;
	bool is_plugged;
	uint64_t stream_bps;
	uint64_t start_us;
	uint64_t play_us;
	struct session_info info;

	/* What is to be told, posted through the loop. */
	sd_event_source *started_source;
	sd_event_source *ended_source;
	sd_event_source *stopped_source;
	sd_event_source *plug_source;
	sd_event_source *stop_source; /* Stop's limit */
	struct session_end end;
	char end_text[SESSION_TEXT_SIZE];
	int start_error;
	bool has_ended;
	bool has_data_rate;

	struct session_kernel_message kernel_queue[SESSION_KERNEL_QUEUE_MAX];
	size_t n_kernel_queue;
};

/* session.c */

/* Start fails with it, or the session ends with it; what comes second is dropped. */
void session_fail(struct session *s, enum session_end_reason reason, enum session_stage stage,
		  int error, const char *text);
/* Calls handler(source, s) from the loop; the slot is empty before and the handler empties it. */
void session_post(struct session *s, sd_event_source **slot, sd_event_handler_t handler);
/* Everything is negotiated and media streams: Start is done. */
void session_post_started(struct session *s);
/* The sink has said good-bye, or cannot any more: Stop is done. */
void session_post_stopped(struct session *s);
void session_tell_event(struct session *s, enum session_protocol_event event);

/* session-rtsp.c */

int session_rtsp_start(struct session *s, int rtsp_fd);
/* Caps are known now; the sink's modes may be, too. */
void session_rtsp_on_caps(struct session *s);
/* The compositor set this mode: in-band where the sink can follow, else by M4. */
void session_rtsp_change_mode(struct session *s, const struct media_mode *mode);
void session_rtsp_drop(struct session *s);

/* session-display.c */

/* From the loop, after the owner was told that Start is done [R6]. */
void session_display_post_plug(struct session *s);
/* The sink takes this mode no more: neither does the desktop. */
void session_display_remove_mode(struct session *s, const struct media_mode *mode);
/* Tells media where pictures come from; has_stream: the head gives some. */
void session_display_set_source(struct session *s, bool has_stream);
void session_display_on_message(void *userdata, const struct session_kernel_message *message);
int session_display_open_stream(void *userdata);

#endif

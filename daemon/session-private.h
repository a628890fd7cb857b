/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of a session, shared by the files that tell its story: session.c (the contract),
 * session-rtsp.c (what is said to the sink), session-mode.c (which mode is sent),
 * session-rate.c (what the link's reports do), session-rtcp.c (what the sink's do),
 * session-control.c (what a user changes) and session-display.c (what the desktop sees and does).
 * Nobody else includes this.
 */
#ifndef MIRACAST_SESSION_PRIVATE_H
#define MIRACAST_SESSION_PRIVATE_H

#include "display/head.h"
#include "media/supervisor.h"
#include "miracast/session.h"
#include "rate.h"
#include "rtsp/exchange.h"
#include "rtsp/rtcp.h"
#include "rtsp/server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <systemd/sd-event.h>

#define SESSION_KERNEL_QUEUE_MAX 16 /* messages held during Start; the module coalesces them */
#define SESSION_TEXT_SIZE	 256
#define SESSION_NAME_SIZE	 64
#define SESSION_SINK_ID_MAX	 16

/* What is to be done from the loop: in this order, one a turn, since the owner may destroy us. */
enum session_news {
	SESSION_NEWS_STARTED, /* ops.started */
	SESSION_NEWS_PLUG,    /* after ops.started [R6] */
	SESSION_NEWS_HELD,    /* what the kernel said during Start [R4] */
	SESSION_NEWS_ENDED,   /* ops.ended */
	SESSION_NEWS_STOPPED, /* ops.stopped */
	SESSION_NEWS_COUNT,
};

enum session_timer {
	SESSION_TIMER_STOP,    /* Stop's limit */
	SESSION_TIMER_DISPLAY, /* of a state of the display */
	SESSION_TIMER_IDR,
	SESSION_TIMER_RATE,
	SESSION_TIMER_COUNT,
};

struct session_rtcp {
	int fd; /* -1: the sink wants none */
	sd_event_source *source;
	struct sockaddr_in peer;
	unsigned int taken; /* datagrams since the last tick */
	struct rtcp_report last; /* of the sink's */
	uint64_t last_us;	 /* when it came; 0: none yet */
};

struct session {
	sd_event *event; /* referenced */
	const struct session_ops *ops;
	void *userdata;
	pthread_t thread;
	unsigned int notes; /* call backs under way in which the owner must not call us */
	enum session_state state;
	bool was_started;

	enum session_source source;
	enum session_encoder encoder;
	struct media_mode mode_limit;
	uint16_t source_refresh_hz;
	bool strict_monitor;
	char host_name[MEDIA_TEXT_SIZE];
	char sink_name[SESSION_NAME_SIZE];
	uint8_t sink_id[SESSION_SINK_ID_MAX];
	size_t sink_id_size;

	struct head *head; /* NULL without a display */
	struct media_supervisor *media;
	struct exchange *exchange;	/* from Start to the end of Stop */
	struct rtsp_server *server;	/* likewise */
	struct sockaddr_in local, peer; /* of the RTSP connection */
	int rtp_fd;			/* between M6 and M7 */
	struct session_rtcp rtcp;	/* from M6 to the end of Stop */
	uint64_t start_us;
	uint64_t play_us;
	struct session_info info;

	/* news, made in Create so that nothing can fail when there is something to tell */
	sd_event_source *news_source;
	sd_event_source *timers[SESSION_TIMER_COUNT];
	uint32_t news; /* bit per enum session_news */
	int start_error;
	bool has_ended;
	struct session_end end;
	char end_text[SESSION_TEXT_SIZE];

	/* session-mode.c */
	bool has_caps;
	bool is_waiting_for_caps; /* on_sink came first */
	struct media_caps caps;
	bool had_connector;	    /* the sink has named the connector of a monitor */
	struct wfd_choices choices; /* what the desktop is offered */
	struct wfd_choice ladder[WFD_LADDER_MAX]; /* of the first M4 */
	bool has_format;
	struct wfd_choice choice; /* accepted last: what is sent */
	struct wfd_choice asked;  /* the sink was asked for it last */
	struct media_mode wanted; /* the desktop's, or the first that was accepted */
	bool is_degraded;	  /* the link is too slow for wanted */

	/* session-rate.c; bit/s */
	uint64_t link_bps;	/* what the link carries, not raised to our minimum */
	struct rate rate;
	uint64_t stream_bps;	/* what media was told that the stream may take */
	bool has_data_rate;	/* registered */
	uint64_t low_since_us;	/* the rate is below the mode's floor; 0: it is not */
	uint64_t high_since_us; /* while degraded: above the wanted mode's floor; 0: it is not */

	/* session-display.c */
	enum session_display display;
	bool is_refused_mode; /* the desktop shows a mode that the sink refused */
	struct media_mode fit; /* media fits pictures of this size into the mode; width 0: it need not */
	struct session_kernel_message kernel_queue[SESSION_KERNEL_QUEUE_MAX];
	size_t n_kernel_queue;
};

/* session.c */

/* Start fails with it, or the session ends with it; what comes second is dropped [R11]. */
void session_fail(struct session *s, enum session_end_reason reason, enum session_stage stage,
		  int error, const char *text);
void session_post(struct session *s, enum session_news news);
void session_cancel(struct session *s, enum session_news news);
/* Runs out once after limit_ms, which MIRACAST_TIME_SCALE stretches. */
void session_timer_start(struct session *s, enum session_timer timer, uint64_t limit_ms);
void session_timer_start_us(struct session *s, enum session_timer timer, uint64_t us);
void session_timer_stop(struct session *s, enum session_timer timer);
/* Everything is negotiated and media streams, or there is no monitor yet: Start is done. */
void session_post_started(struct session *s);
/* The sink has said good-bye, or cannot any more: Stop is done. */
void session_post_stopped(struct session *s);
void session_tell_event(struct session *s, enum session_protocol_event event);
void session_transcribe(struct session *s, bool sent, const char *data, size_t size);

/* session-rtsp.c */

int session_rtsp_start(struct session *s, int rtsp_fd);
/* TEARDOWN, or nothing where nobody is left to hear it: false. */
bool session_rtsp_teardown(struct session *s);
void session_rtsp_drop(struct session *s);
/* A sink that never asks for an IDR gets one now and then. */
int session_rtsp_on_idr_timer(sd_event_source *source, uint64_t now_us, void *userdata);

/* session-mode.c */

bool session_has_monitor(const struct session *s, const struct wfd_sink *sink);
/* The sink is known: choose when media is known, too. */
void session_mode_on_sink(struct session *s);
/* It has another monitor. */
void session_mode_on_monitor(struct session *s);
void session_mode_on_accepted(struct session *s, const struct wfd_choice *choice);
void session_mode_on_refused(struct session *s, const struct wfd_choice *choice, bool final);
/* From media: what can be encoded. */
void session_mode_on_caps(void *userdata, const struct media_caps *caps);
/* What is wanted, what the rate carries or what the sink takes has changed: send that. */
void session_mode_follow(struct session *s);
bool session_mode_is_same(const struct media_mode *a, const struct media_mode *b);
/* The best mode that the link carries in the place of the wanted one; NULL: none. */
const struct wfd_choice *session_mode_get_substitute(const struct session *s);

/* session-rate.c */

void session_rate_start(struct session *s, const struct session_link_stats *stats);
/* The sink's own maximum is known. */
void session_rate_on_sink(struct session *s);
/* Another mode is sent. */
void session_rate_on_mode(struct session *s);
void session_rate_register(struct session *s, bool on);
void session_rate_play(struct session *s);
int session_rate_on_timer(sd_event_source *source, uint64_t now_us, void *userdata);
/* The sink asked for an IDR. */
void session_rate_on_request(struct session *s);
void session_rate_on_report(struct session *s, const struct rate_report *report);
void session_rate_on_fact(struct session *s, const union media_message *fact);
/* Media is told what it may send, where that has changed. */
void session_rate_apply(struct session *s);
/* What media is told: of the video stream, bit/s. */
uint64_t session_rate_get_video(const struct session *s);

/* session-rtcp.c */

/*
 * Beside the stream's socket on local_port; rtcp_port 0: the sink has not said which it uses.
 * -EADDRINUSE: try another local port.
 */
int session_rtcp_open(struct session *s, uint16_t local_port, uint16_t rtp_port, uint16_t rtcp_port);
void session_rtcp_on_tick(struct session *s);
void session_rtcp_close(struct session *s);

/* session-display.c */

void session_display_plug(struct session *s);
/* The sink has no monitor any more: unplug at once. */
void session_display_unplug(struct session *s);
/* Where media gets pictures from, and what its own picture says. */
void session_display_set_source(struct session *s);
/* What the desktop shows or what is sent has changed: the one is fitted into the other. */
void session_display_follow(struct session *s);
/* Stop: the desktop's doing does not matter any more; the display stays plugged [R8]. */
void session_display_stop(struct session *s);
void session_display_run_held(struct session *s);
void session_display_on_message(void *userdata, const struct session_kernel_message *message);
int session_display_open_stream(void *userdata);
int session_display_on_timer(sd_event_source *source, uint64_t now_us, void *userdata);

#endif

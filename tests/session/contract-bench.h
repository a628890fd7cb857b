/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bench of the contract: a real session with the real RTSP code over a real TCP connection, and
 * around it an owner who writes everything down, a scripted sink, a fake head and a fake media
 * process (both in the place of daemon/display/head.c and daemon/media/supervisor.c), all on one
 * loop at a time that only the bench moves. One bench a thread.
 */
#ifndef TESTS_CONTRACT_BENCH_H
#define TESTS_CONTRACT_BENCH_H

#include "fake-clock.h"
#include "contract-sink.h"
#include "media/protocol.h"
#include "miracast/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <systemd/sd-event.h>

#define MS	     UINT64_C(1000)
#define S	     UINT64_C(1000000)
#define JOURNAL_SIZE 32768

/* What the fake head does, and what it was told. */
struct fake_head {
	int open_error, plug_error; /* 0 or -errno */
	bool is_open, is_plugged, refuses_edid;
	unsigned int n_plugs, n_unplugs, n_streams, n_revokes;
	uint8_t edid[512];
	size_t edid_size;
	struct media_mode modes[128];
	size_t n_modes, preferred;
	void (*on_message)(void *userdata, const struct session_kernel_message *message);
	void *userdata;
};

/* Likewise media. */
struct fake_media {
	int new_error;
	bool is_mute; /* never tells its caps */
	struct media_caps caps;

	unsigned int n_configures, n_starts, n_pauses, n_idrs, n_rates, n_sources;
	struct media_format format;
	uint64_t rate_bps;
	enum media_encoder encoder;
	uint8_t still_hz;
	uint16_t fit_width, fit_height; /* 0: the desktop's size is the mode's */
	bool is_alive, is_streaming, has_stream;
	char text[MEDIA_TEXT_SIZE];
	int rtp_fd; /* -1: none */
	void *supervisor; /* the one that lives; NULL: none */
};

struct bench {
	sd_event *event;
	struct session *session;
	struct session_config config;
	struct session_link_stats stats;
	struct session_ops ops; /* change before bench_create() */
	struct sink_script script;
	struct sink sink;
	int rtsp_fd; /* the owner's end; -1: closed */
	uint64_t sent; /* bytes of the session's messages */

	bool is_stuck; /* the exchange's good-bye never ends */
	struct fake_head head;
	struct fake_media media;

	char journal[JOURNAL_SIZE]; /* every call back and every order to head and media, a word each */
	unsigned int n_started, n_stopped, n_ended, n_rate_on, n_rate_off;
	int register_result;
	bool rate_ended; /* the link has ended the reports itself */
	int started_error;
	struct session_info info;
	struct session_end end; /* of started or ended; text below */
	char end_text[256];
	unsigned int events[3]; /* by enum session_protocol_event */
	struct session_statistic statistic;
	unsigned int n_statistics;
	/* What the owner does in a news: a letter each, 's'top, 'd'estroy; '\0': nothing. */
	char in_started, in_ended, in_stopped;
};

/* The thread's bench. */
extern _Thread_local struct bench *bench;

void bench_init(struct bench *b);
void bench_done(struct bench *b);
/* "word " at the end of the journal. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether a word stands in the journal; where; how often. */
bool bench_noted(const struct bench *b, const char *word);
/* Both are there and the first stands before the second. */
bool bench_noted_before(const struct bench *b, const char *first, const char *second);

/* Session and connected sink; then Start. */
int bench_create(struct bench *b);
void bench_connect(struct bench *b);
int bench_start(struct bench *b);
/* All three, and on until Start is over, with this result. */
void bench_run(struct bench *b, int result);

/* Everything that happens without time going by. */
void bench_settle(struct bench *b);
/* For so long, every timer in its turn. */
void bench_pass(struct bench *b, uint64_t us);
/* Until the flag-like thing is true, at most limit_us. */
bool bench_pass_until(struct bench *b, const unsigned int *counter, unsigned int value,
		      uint64_t limit_us);
#define bench_pass_started(b) assert_true(bench_pass_until(b, &(b)->n_started, 1, 400 * S))
#define bench_pass_ended(b)   assert_true(bench_pass_until(b, &(b)->n_ended, 1, 400 * S))

/* Stop, everything that follows, Destroy, and a look at what must hold after every session. */
void bench_finish(struct bench *b);

/* From the fakes' side. */
void bench_kernel_says(struct bench *b, const struct session_kernel_message *message);
void bench_kernel_mode(struct bench *b, uint16_t width, uint16_t height, uint16_t refresh_hz);
void bench_kernel_power(struct bench *b, bool active);
void bench_media_tells(struct bench *b, const union media_message *fact);
void bench_media_tells_chunk(struct bench *b, enum media_chunk_kind kind, uint64_t frame,
			     uint32_t part);
void bench_media_fails(struct bench *b, enum media_stage stage, int error, const char *text);
/* The link's report of a second, after a second. */
int bench_rate(struct bench *b, uint64_t bps);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sink's side of M1 to M16: answers from the profile, asks for SETUP, PLAY, PAUSE and TEARDOWN,
 * and notes what a strict sink would object to. Knows no socket but its wire, no RTP, no picture.
 */
#ifndef SINK_RTSP_H
#define SINK_RTSP_H

#include "profile.h"
#include "wfd.h"
#include "wire.h"

/* clang-format off */
#define RTSP_RULES(X)                                                                              \
	X(SYNTAX,       "rtsp-syntax",       "start line and headers end with CR LF")                \
	X(CSEQ,         "rtsp-cseq",         "requests are numbered 1, 2, 3")                        \
	X(REPLY,        "rtsp-reply",        "a reply carries the CSeq of a request of ours")        \
	X(STATUS,       "rtsp-status",       "our requests are answered with 200")                   \
	X(ORDER,        "rtsp-order",        "M1, M2 answered, M3, M4, M5")                          \
	X(REQUIRE,      "rtsp-require",      "M1 requires org.wfa.wfd1.0")                           \
	X(PUBLIC,       "rtsp-public",       "Public lists the methods of a source and no others")   \
	X(CONTENT,      "rtsp-content-type", "a body has Content-Type text/parameters")              \
	X(URI,          "rtsp-uri",          "GET_PARAMETER and SET_PARAMETER go to rtsp://localhost/wfd1.0") \
	X(NAMES,        "rtsp-names",        "M3 asks for video, audio and ports")                   \
	X(MODE,         "rtsp-mode",         "M4 chooses one video mode that was offered")           \
	X(AUDIO,        "rtsp-audio",        "M4 chooses one audio mode that was offered")           \
	X(PORTS,        "rtsp-ports",        "M4 repeats our wfd_client_rtp_ports")                  \
	X(URL,          "rtsp-url",          "M4 has a presentation URL with the source's address")  \
	X(SESSION,      "rtsp-session",      "session id: at most 14 letters and digits, bare in requests") \
	X(TRANSPORT,    "rtsp-transport",    "the SETUP answer has our client_port and a server_port") \
	X(TRIGGER,      "rtsp-trigger",      "triggers are SETUP, PLAY, PAUSE, TEARDOWN, in a fitting state") \
	X(KEEPALIVE,    "rtsp-keepalive",    "M16 comes before the session's time is over")          \
	X(TEARDOWN,     "rtsp-teardown",     "the session ends with a TEARDOWN")
/* clang-format on */

enum rtsp_rule {
#define X(id, name, text) RTSP_RULE_##id,
	RTSP_RULES(X)
#undef X
	RTSP_RULE_COUNT,
};

const char *rtsp_rule_to_string(enum rtsp_rule rule);

enum rtsp_state {
	RTSP_WAIT_M1,
	RTSP_WAIT_M3,
	RTSP_WAIT_M4,
	RTSP_WAIT_SETUP_TRIGGER,
	RTSP_WAIT_SETUP,
	RTSP_WAIT_PLAY,
	RTSP_PLAYING,
	RTSP_WAIT_PAUSE,
	RTSP_PAUSED,
	RTSP_WAIT_TEARDOWN,
	RTSP_ENDED,
};

const char *rtsp_state_to_string(enum rtsp_state state);

#define RTSP_ENTRIES_MAX 4096

struct rtsp_entry {
	uint64_t t_us; /* since the connection */
	bool out, reply;
	char name[16];
	uint64_t cseq;
	unsigned status;
};

/* For the report. */
struct rtsp_facts {
	size_t entries_count;
	struct rtsp_entry entries[RTSP_ENTRIES_MAX];
	struct {
		uint64_t count;
		char detail[120];
	} rules[RTSP_RULE_COUNT];
	bool have_choice;
	struct wfd_choice choice;
	char video_formats[256], audio_codecs[128], url[256], session[64], transport[256];
	unsigned server_port, timeout_s;
	uint64_t cseq_first, cseq_last; /* of the source's requests */
	uint64_t reply_us_max;		/* how long the source took to answer us */
	uint64_t connect_to_play_us;
	uint64_t idr_requests, triggers, keepalives;
	bool planned;  /* the session ended as it should */
	char why[160]; /* it ended */
};

struct rtsp_ops {
	/* M4 was accepted. */
	void (*on_choice)(void *user, const struct wfd_choice *choice);
	void (*on_playing)(void *user, bool playing);
};

struct rtsp_config {
	struct profile *profile;
	struct wire *wire;
	unsigned client_port;
	const char *peer;     /* the source's address in words */
	unsigned server_port; /* of the control connection */
	uint64_t start_us;
	double time_scale;
};

struct rtsp;

int rtsp_new(const struct rtsp_config *config, const struct rtsp_ops *ops, void *user,
	     struct rtsp **ret);
void rtsp_free(struct rtsp *rtsp);

void rtsp_on_ready(struct rtsp *rtsp, short revents, uint64_t now_us); /* poll() says so */
void rtsp_on_time(struct rtsp *rtsp, uint64_t now_us);
uint64_t rtsp_deadline(const struct rtsp *rtsp);

/* A picture is broken; asks at most twice a second. False: not now, call again. */
bool rtsp_request_idr(struct rtsp *rtsp, uint64_t now_us);
/* Ends the session: TEARDOWN where there is one, else at once. */
void rtsp_teardown(struct rtsp *rtsp, uint64_t now_us, const char *why);

enum rtsp_state rtsp_state(const struct rtsp *rtsp);
const struct rtsp_facts *rtsp_facts(const struct rtsp *rtsp);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The exchange, part one: from the connection to PLAY, in the order in which it happens
 * (WFD 6.4), and the machinery of requests, answers, limits and the end. Knows no
 * socket and no clock. M4 is in exchange-format.c, the sink's requests in
 * exchange-session.c, the words of our messages in exchange-wire.c.
 *
 *	M1 ->  (<- M2)  M3 ->  [choice]  M4 ->  M5 SETUP ->  <- M6 SETUP  <- M7 PLAY
 */
#include "rtsp/exchange-private.h"

#include "rtsp/wfd-quirks.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define SEC  USEC_PER_SEC
#define MSEC USEC_PER_MSEC

static void set_state(struct exchange *x, enum exchange_state state);
static void send_m1(struct exchange *x);
static void on_m1_answer(struct exchange *x, const struct rtsp_message *m);
static void wait_options(struct exchange *x);
static void wait_gap(struct exchange *x);
static void go_capabilities(struct exchange *x);
static void on_m3_answer(struct exchange *x, const struct rtsp_message *m);
static void wait_choice(struct exchange *x);
static void send_m5_setup(struct exchange *x);
static void wait_m6(struct exchange *x);
static void fail_m6(struct exchange *x);
static void wait_m7(struct exchange *x);
static void fail_m7(struct exchange *x);
static void send_m5_teardown(struct exchange *x);
static void end_teardown(struct exchange *x);
static void on_any_answer(struct exchange *x, const struct rtsp_message *m);

/* clang-format off */
/*
 * awaits: what comes next from the sink, for the report of a failure. enter: what the state begins
 * with: a request (which has a limit of its own) or a wait with a limit. on_limit: what happens
 * when the wait was in vain. A state without either only lives on
 * the sink's signs of life (see is_live()), or is the end.
 */
static const struct step {
	const char *name, *awaits;
	void (*enter)(struct exchange *x);
	void (*on_limit)(struct exchange *x);
} steps[] = {
	[EXCHANGE_STATE_NEW] = { "new", "M1", NULL, NULL },
	[EXCHANGE_STATE_OPTIONS] = { "options", "M1", send_m1, NULL },
	[EXCHANGE_STATE_SINK_OPTIONS] = { "sink-options", "M2", wait_options, go_capabilities },
	[EXCHANGE_STATE_GAP] = { "gap", "M2", wait_gap, go_capabilities },
	[EXCHANGE_STATE_CAPABILITIES] = { "capabilities", "M3", exchange_send_m3, NULL },
	[EXCHANGE_STATE_CHOICE] = { "choice", "M3", wait_choice, go_capabilities },
	[EXCHANGE_STATE_FORMAT] = { "format", "M4", exchange_send_m4, NULL },
	[EXCHANGE_STATE_TRIGGER] = { "trigger", "M5", send_m5_setup, NULL },
	[EXCHANGE_STATE_SETUP] = { "setup", "M6", wait_m6, fail_m6 },
	[EXCHANGE_STATE_PLAY] = { "play", "M7", wait_m7, fail_m7 },
	[EXCHANGE_STATE_PLAYING] = { "playing", "M16", NULL, NULL },
	[EXCHANGE_STATE_PAUSED] = { "paused", "M7", NULL, fail_m7 },
	[EXCHANGE_STATE_STANDBY] = { "standby", "M7", NULL, fail_m7 },
	[EXCHANGE_STATE_TEARDOWN] = { "teardown", "M8", send_m5_teardown, end_teardown },
	[EXCHANGE_STATE_ENDED] = { "ended", "M8", NULL, NULL },
};

static const struct {
	const char *name;
	void (*on_answer)(struct exchange *x, const struct rtsp_message *m);
} requests[] = {
	[REQUEST_NONE] = { "none", NULL },
	[REQUEST_M1] = { "M1", on_m1_answer },
	[REQUEST_M3] = { "M3", on_m3_answer },
	[REQUEST_M4] = { "M4", exchange_on_m4_answer },
	[REQUEST_M5] = { "M5", exchange_on_m5_answer },
	[REQUEST_M12] = { "M12", exchange_on_m12_answer },
	[REQUEST_M10] = { "M10", on_any_answer },
	[REQUEST_PARAMETERS] = { "SET_PARAMETER", on_any_answer },
	[REQUEST_M16] = { "M16", on_any_answer },
};
/* clang-format on */

void exchange_limits_init(struct exchange_limits *ret)
{
	*ret = (struct exchange_limits){
		.reply = clock_limit_us(10 * SEC),
		.request = clock_limit_us(30 * SEC),
		.sink_options = clock_limit_us(2 * SEC),
		.gap = clock_limit_us(50 * MSEC),
		.choice = clock_limit_us(5 * SEC),
		.keepalive = clock_limit_us(20 * SEC),
		.keepalive_reply = clock_limit_us(10 * SEC),
		.life = clock_limit_us(30 * SEC),
		.teardown = clock_limit_us(1500 * MSEC),
	};
}

int exchange_new(const struct exchange_config *config, const struct exchange_ops *ops,
		 void *userdata, struct exchange **ret)
{
	_cleanup_(exchange_freep) struct exchange *x = calloc(1, sizeof(*x));
	int r;

	assert(ops->send && ops->on_setup);
	if (!x)
		return -ENOMEM;
	r = exchange_set_names(x, config);
	if (r < 0)
		return r;
	x->limits = config->limits;
	x->flags = config->flags;
	x->short_m3 = config->flags & EXCHANGE_FLAG_SHORT_M3;
	x->ops = ops;
	x->userdata = userdata;
	x->next_cseq = 1;
	x->state_deadline = UINT64_MAX;
	*ret = TAKE_PTR(x);
	return 0;
}

struct exchange *exchange_free(struct exchange *x)
{
	if (x && x->depth) {
		/* Inside an up-call: nothing is told or sent any more, leave() does the rest. */
		x->freed = true;
		x->end = END_NONE;
		set_state(x, EXCHANGE_STATE_ENDED);
		return NULL;
	}
	free(x);
	return NULL;
}

void exchange_start(struct exchange *x, uint64_t now_us)
{
	assert(x->state == EXCHANGE_STATE_NEW);
	x->now = now_us;
	exchange_go(x, EXCHANGE_STATE_OPTIONS);
}

/* ---- from below ---- */

static void enter(struct exchange *x, uint64_t now_us)
{
	x->now = now_us;
	x->depth++;
}

static void tell_end(struct exchange *x)
{
	enum exchange_end end = x->end;

	x->end = END_NONE;
	switch (end) {
	case END_NONE:
		return;
	case END_BY_SINK:
	case END_BY_US:
		if (x->ops->on_teardown)
			x->ops->on_teardown(x->userdata, end == END_BY_SINK, x->text);
		return;
	case END_FAILED:
		if (x->ops->on_failed)
			x->ops->on_failed(x->userdata, &x->error);
		return;
	}
}

/* The end is told when everything else of this call is done, so that x may be freed in it. */
static void leave(struct exchange *x)
{
	if (x->depth == 1)
		tell_end(x);
	x->depth--;
	if (!x->depth && x->freed)
		free(x);
}

static void note_agent(struct exchange *x, const struct rtsp_message *m)
{
	struct text agent = rtsp_message_header(m, m->is_request ? "User-Agent" : "Server");

	if (agent.size)
		text_copy_printable(agent, x->agent, sizeof(x->agent));
}

/*
 * An answer belongs to the one request under way. Sinks with hard-coded numbers exist, so any
 * answer counts for M16, and one without a number counts for whatever was asked.
 */
static void on_answer(struct exchange *x, const struct rtsp_message *m)
{
	enum exchange_request request = x->request;

	if (m->status < 200)
		return; /* provisional */
	if (request == REQUEST_NONE ||
	    (m->has_cseq && m->cseq != x->request_cseq && request != REQUEST_M16)) {
		log_debug("rtsp: an answer that nobody waits for (CSeq %u)", m->cseq);
		return;
	}
	x->request = REQUEST_NONE;
	requests[request].on_answer(x, m);
	exchange_pump(x);
}

void exchange_on_message(struct exchange *x, const struct rtsp_message *m, uint64_t now_us)
{
	enter(x, now_us);
	exchange_transcribe(x, EXCHANGE_DIRECTION_RECEIVED, m->raw);
	if (x->state != EXCHANGE_STATE_ENDED && x->state != EXCHANGE_STATE_NEW) {
		x->last_life = now_us;
		note_agent(x, m);
		if (m->is_request)
			exchange_on_request(x, m);
		else
			on_answer(x, m);
	}
	leave(x);
}

/* There is a session, and the sink has to show that it lives. */
static bool is_live(const struct exchange *x)
{
	return x->has_session && x->state != EXCHANGE_STATE_TEARDOWN &&
	       x->state != EXCHANGE_STATE_ENDED;
}

static void on_request_limit(struct exchange *x)
{
	const char *name = requests[x->request].name;

	if (x->request == REQUEST_M16)
		exchange_fail(x, EXCHANGE_FAILURE_KEEPALIVE, -ETIMEDOUT, name,
			      "the sink did not answer the keep-alive");
	else
		exchange_fail(x, EXCHANGE_FAILURE_TIMEOUT, -ETIMEDOUT, name,
			      "the sink did not answer %s", name);
}

static void on_due(struct exchange *x)
{
	if (x->request != REQUEST_NONE && x->now >= x->request_deadline)
		on_request_limit(x);
	else if (x->now >= x->state_deadline)
		steps[x->state].on_limit(x);
	else if (is_live(x) && x->now >= x->last_life + x->limits.life)
		exchange_fail(x, EXCHANGE_FAILURE_KEEPALIVE, -ETIMEDOUT, "M16",
			      "the sink gave no sign of life");
	else if (is_live(x) && x->now >= x->next_keepalive)
		exchange_want(x, REQUEST_M16);
}

void exchange_on_timer(struct exchange *x, uint64_t now_us)
{
	enter(x, now_us);
	if (x->end == END_NONE)
		on_due(x);
	leave(x);
}

void exchange_lost(struct exchange *x, enum exchange_failure failure, int error, const char *text)
{
	if (x->state == EXCHANGE_STATE_TEARDOWN)
		exchange_end(x, END_BY_US, "");
	else
		exchange_fail(x, failure, error, NULL, "%s", text);
}

void exchange_on_eof(struct exchange *x, uint64_t now_us)
{
	enter(x, now_us);
	exchange_lost(x, EXCHANGE_FAILURE_CLOSED, -ECONNRESET, "the sink closed the connection");
	leave(x);
}

void exchange_on_error(struct exchange *x, enum exchange_failure failure, int error,
		       const char *text, uint64_t now_us)
{
	enter(x, now_us);
	exchange_lost(x, failure, error, text);
	leave(x);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t exchange_deadline(const struct exchange *x)
{
	uint64_t deadline = x->state_deadline;

	if (x->end != END_NONE)
		return 0;
	if (x->request != REQUEST_NONE)
		deadline = earlier(deadline, x->request_deadline);
	if (is_live(x))
		deadline = earlier(deadline, x->last_life + x->limits.life);
	if (is_live(x) && !(x->wanted & 1u << REQUEST_M16))
		deadline = earlier(deadline, x->next_keepalive);
	return deadline;
}

/* ---- the path ---- */

static void send_m1(struct exchange *x)
{
	exchange_send_request(x, REQUEST_M1, "OPTIONS", (struct text){ 0 });
}

/* Public is not looked at: what the sink can do shows in M3, and AOSP does not look either. */
static void on_m1_answer(struct exchange *x, const struct rtsp_message *m)
{
	if (!exchange_is_ok(m))
		exchange_refused(x, "M1", m->status);
	else if (x->options_answered)
		exchange_go(x, EXCHANGE_STATE_GAP);
	else
		exchange_go(x, EXCHANGE_STATE_SINK_OPTIONS);
}

/* A Microsoft adapter resets the connection when M3 comes before M2 was answered: fluxcast issue 40. */
static void wait_options(struct exchange *x)
{
	x->state_deadline = x->now + x->limits.sink_options;
}

/* Several sinks read one message a recv(): M3 must not share a segment with the answer to M2. */
static void wait_gap(struct exchange *x)
{
	x->state_deadline = x->options_answered_us + x->limits.gap;
}

static void go_capabilities(struct exchange *x)
{
	exchange_go(x, EXCHANGE_STATE_CAPABILITIES);
}

/* Why the answer is of no use, or NULL. "wfd_video_formats: none" is of use: no monitor, yet. */
static const char *judge_sink(const struct wfd_sink *sink, uint64_t seen)
{
	if (wfd_sink_has_monitor(sink) && sink->rtp.port)
		return NULL;
	if (!(seen & WFD_PARAM_BIT(WFD_PARAM_VIDEO_FORMATS)))
		return "the sink's answer to M3 has no wfd_video_formats";
	if (sink->malformed & WFD_PARAM_BIT(WFD_PARAM_VIDEO_FORMATS))
		return "the sink's wfd_video_formats cannot be read";
	if (wfd_sink_has_monitor(sink) && !sink->rtp.port)
		return "the sink's answer to M3 has no usable wfd_client_rtp_ports";
	return NULL;
}

/* A sink that cannot answer the long list gets the short one, once. */
static void on_m3_useless(struct exchange *x, const struct rtsp_message *m, const char *why)
{
	if (!x->short_m3) {
		x->short_m3 = true;
		exchange_go(x, EXCHANGE_STATE_CAPABILITIES);
	} else if (why) {
		exchange_fail(x, EXCHANGE_FAILURE_PROTOCOL, -EPROTO, "M3", "%s", why);
	} else {
		exchange_refused(x, "M3", m->status);
	}
}

static void on_m3_answer(struct exchange *x, const struct rtsp_message *m)
{
	const char *why = NULL;
	uint64_t seen;

	if (exchange_is_ok(m)) {
		x->sink = (struct wfd_sink){ 0 };
		wfd_sink_parse(&x->sink, m->body, &seen);
		why = judge_sink(&x->sink, seen);
	}
	if (!exchange_is_ok(m) || why) {
		on_m3_useless(x, m, why);
		return;
	}
	x->has_sink = true;
	if (x->wanted & 1u << REQUEST_M4 && wfd_sink_has_monitor(&x->sink)) {
		/* It was chosen while M3 was repeated. */
		exchange_next_format(x);
		exchange_go(x, EXCHANGE_STATE_FORMAT);
		return;
	}
	x->wanted = 0;
	exchange_go(x, EXCHANGE_STATE_CHOICE);
	if (x->ops->on_sink)
		x->ops->on_sink(x->userdata, &x->sink);
}

static void wait_choice(struct exchange *x)
{
	x->state_deadline = x->now + x->limits.choice;
}

static void send_m5_setup(struct exchange *x)
{
	exchange_send_trigger(x, TRIGGER_SETUP);
}

static void wait_m6(struct exchange *x)
{
	x->state_deadline = x->now + x->limits.request;
}

static void fail_m6(struct exchange *x)
{
	exchange_fail(x, EXCHANGE_FAILURE_TIMEOUT, -ETIMEDOUT, "M6", "the sink did not send SETUP");
}

static void wait_m7(struct exchange *x)
{
	x->has_session = true;
	x->next_keepalive = x->now + x->limits.keepalive;
	x->state_deadline = x->now + x->limits.request;
}

/* Also after an M5 PLAY that was answered but not followed. */
static void fail_m7(struct exchange *x)
{
	exchange_fail(x, EXCHANGE_FAILURE_TIMEOUT, -ETIMEDOUT, "M7", "the sink did not send PLAY");
}

/* ---- the end ---- */

static void send_m5_teardown(struct exchange *x)
{
	x->wanted = 0;
	x->state_deadline = x->now + x->limits.teardown;
	exchange_send_trigger(x, TRIGGER_TEARDOWN);
}

static void end_teardown(struct exchange *x)
{
	exchange_end(x, END_BY_US, "");
}

void exchange_teardown(struct exchange *x, uint64_t now_us)
{
	x->now = now_us;
	if (x->state == EXCHANGE_STATE_TEARDOWN || x->state == EXCHANGE_STATE_ENDED)
		return;
	if (x->has_session)
		exchange_go(x, EXCHANGE_STATE_TEARDOWN);
	else
		exchange_end(x, END_BY_US, "");
}

/* ---- machinery ---- */

/* The one writer of the state; what the old state waited for is gone with it. */
static void set_state(struct exchange *x, enum exchange_state state)
{
	log_debug("rtsp: %s -> %s", steps[x->state].name, steps[state].name);
	x->state = state;
	x->state_deadline = UINT64_MAX;
}

void exchange_go(struct exchange *x, enum exchange_state state)
{
	set_state(x, state);
	if (steps[state].enter)
		steps[state].enter(x);
}

void exchange_end(struct exchange *x, enum exchange_end end, const char *reason)
{
	if (x->state == EXCHANGE_STATE_ENDED)
		return;
	(void)snprintf(x->text, sizeof(x->text), "%s", reason);
	x->request = REQUEST_NONE;
	x->wanted = 0;
	x->end = end;
	set_state(x, EXCHANGE_STATE_ENDED);
}

void exchange_fail(struct exchange *x, enum exchange_failure failure, int error,
		   const char *message, const char *format, ...)
{
	struct exchange_error e = { .failure = failure, .error = error, .state = x->state };
	char text[EXCHANGE_TEXT_SIZE];
	va_list ap;

	if (x->state == EXCHANGE_STATE_ENDED)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	e.message = message	 ? message
		    : x->request ? requests[x->request].name
				 : steps[x->state].awaits;
	e.text = x->text;
	x->error = e;
	exchange_end(x, END_FAILED, text);
}

void exchange_refused(struct exchange *x, const char *message, unsigned status)
{
	exchange_fail(x, EXCHANGE_FAILURE_REFUSED, -EPROTO, message,
		      "the sink refused %s with status %u", message, status);
	x->error.status = status;
}

void exchange_pump(struct exchange *x)
{
	if (!is_live(x) || x->request != REQUEST_NONE)
		return;
	for (enum exchange_request r = REQUEST_NONE; r <= REQUEST_M16; r++) {
		if (!(x->wanted & 1u << r))
			continue;
		x->wanted &= ~(1u << r);
		if (r == REQUEST_M16)
			x->next_keepalive = x->now + x->limits.keepalive;
		exchange_send_wanted(x, r);
		return;
	}
}

void exchange_want(struct exchange *x, enum exchange_request request)
{
	x->wanted |= 1u << request;
	exchange_pump(x);
}

bool exchange_is_ok(const struct rtsp_message *m)
{
	return m->status >= 200 && m->status < 300;
}

/* M10, M16, parameters: a refusal changes nothing, the answer itself is the sign of life. */
static void on_any_answer(struct exchange *x, const struct rtsp_message *m)
{
	(void)x;
	log_debug("rtsp: answered with status %u", m->status);
}

/* ---- looks ---- */

enum exchange_state exchange_get_state(const struct exchange *x)
{
	return x->state;
}

const struct wfd_sink *exchange_get_sink(const struct exchange *x)
{
	return x->has_sink ? &x->sink : NULL;
}

const char *exchange_get_session_id(const struct exchange *x)
{
	return x->session_id;
}

uint32_t exchange_get_quirks(const struct exchange *x)
{
	struct wfd_identity identity = {
		.agent = text_from(x->agent),
		.manufacturer = text_from(x->sink.manufacturer),
		.model = text_from(x->sink.model),
	};

	return wfd_quirks_find(&identity);
}

const char *exchange_state_to_string(enum exchange_state state)
{
	return steps[state].name;
}

const char *exchange_failure_to_string(enum exchange_failure failure)
{
	switch (failure) {
	case EXCHANGE_FAILURE_TIMEOUT:
		return "timeout";
	case EXCHANGE_FAILURE_REFUSED:
		return "refused";
	case EXCHANGE_FAILURE_PROTOCOL:
		return "protocol";
	case EXCHANGE_FAILURE_CLOSED:
		return "closed";
	case EXCHANGE_FAILURE_CONNECTION:
		return "connection";
	case EXCHANGE_FAILURE_KEEPALIVE:
		return "keepalive";
	case EXCHANGE_FAILURE_LOCAL:
		return "local";
	}
	return "?";
}

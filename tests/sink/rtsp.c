// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sink's side of the exchange, in the order in which it happens:
 *
 *	M1 answered, M2 sent -> M3 answered out of the profile -> M4 -> M5 SETUP, M6 -> M7 -> playing
 *	playing: M16 answered, M13 sent, M5/M9 PAUSE and PLAY, M12 -> M5 TEARDOWN or our own end, M8
 *
 * Lenient: it answers whatever comes and only notes what a strict sink would object to.
 */
#include "rtsp.h"
#include "rtsp-check.h"
#include "rtsp-private.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NEXT_LIMIT_US	  30000000 /* for the source's next message up to SETUP */
#define REPLY_LIMIT_US	  10000000
#define END_LIMIT_US	  5000000
#define TIMEOUT_SLACK_US  10000000 /* as sinks give */
#define TIMEOUT_DEFAULT_S 60
#define IDR_PAUSE_US	  500000
#define NEVER		  UINT64_MAX

static const char *const state_names[] = {
	[RTSP_WAIT_M1] = "waiting for M1",
	[RTSP_WAIT_M3] = "waiting for M3",
	[RTSP_WAIT_M4] = "waiting for M4",
	[RTSP_WAIT_SETUP_TRIGGER] = "waiting for M5 SETUP",
	[RTSP_WAIT_SETUP] = "waiting for the answer to M6 SETUP",
	[RTSP_WAIT_PLAY] = "waiting for the answer to M7 PLAY",
	[RTSP_PLAYING] = "playing",
	[RTSP_WAIT_PAUSE] = "waiting for the answer to M9 PAUSE",
	[RTSP_PAUSED] = "paused",
	[RTSP_WAIT_TEARDOWN] = "waiting for the answer to M8 TEARDOWN",
	[RTSP_ENDED] = "ended",
};

const char *rtsp_state_to_string(enum rtsp_state state)
{
	return state_names[state];
}

static void set_state(struct rtsp *rtsp, enum rtsp_state state);

int rtsp_new(const struct rtsp_config *config, const struct rtsp_ops *ops, void *user,
	     struct rtsp **ret)
{
	struct rtsp *rtsp = calloc(1, sizeof(*rtsp));

	if (!rtsp)
		return -ENOMEM;
	rtsp->config = *config;
	rtsp->p = config->profile;
	rtsp->wire = config->wire;
	rtsp->ops = ops;
	rtsp->user = user;
	rtsp->cseq = config->profile->cseq_start;
	rtsp->now_us = config->start_us;
	rtsp->facts.timeout_s = TIMEOUT_DEFAULT_S;
	for (int i = 0; i < TIMERS; i++)
		rtsp->due_us[i] = NEVER;
	set_state(rtsp, RTSP_WAIT_M1);
	*ret = rtsp;
	return 0;
}

void rtsp_free(struct rtsp *rtsp)
{
	free(rtsp);
}

enum rtsp_state rtsp_state(const struct rtsp *rtsp)
{
	return rtsp->state;
}

const struct rtsp_facts *rtsp_facts(const struct rtsp *rtsp)
{
	return &rtsp->facts;
}

static void arm(struct rtsp *rtsp, enum timer timer, uint64_t in_us)
{
	rtsp->due_us[timer] = in_us ? rtsp->now_us + in_us : NEVER;
}

static uint64_t scaled(const struct rtsp *rtsp, uint64_t us)
{
	return (uint64_t)((double)us * rtsp->config.time_scale);
}

static struct text presentation_url(const struct rtsp *rtsp)
{
	return text_from(rtsp->facts.url[0] ? rtsp->facts.url
					    : "rtsp://localhost/wfd1.0/streamid=0");
}

/* --- M1, M2 --- */

static void send_m2(struct rtsp *rtsp, bool joined)
{
	if (rtsp->m2_sent)
		return;
	rtsp->m2_sent = true;
	rtsp_send_request(rtsp, (struct request){ .name = MESSAGE_M2,
						  .method = "OPTIONS",
						  .uri = text_from("*"),
						  .require = true,
						  .joined = joined });
}

static void on_m1(struct rtsp *rtsp, const struct message *m)
{
	char public[512];

	snprintf(public, sizeof(public), "Public: %.*s\r\n", SHOW(rtsp->p->public));
	rtsp_send_reply(rtsp, MESSAGE_M1, m, 200, public, (struct text){ 0 });
	if (rtsp->m1_seen)
		return;
	rtsp->m1_seen = true;
	send_m2(rtsp, rtsp->p->order == ORDER_TOGETHER);
	if (rtsp->state == RTSP_WAIT_M1)
		set_state(rtsp, RTSP_WAIT_M3);
}

/* --- M3 --- */

static void on_m3(struct rtsp *rtsp, const struct message *m)
{
	struct text rest = m->body;
	struct text line, name, value;
	char *body = NULL;
	size_t len = 0;
	FILE *out;

	if (rtsp->state < RTSP_WAIT_M4)
		rtsp_check_m3(&rtsp->facts, m);
	if (!rtsp->m2_answered)
		rtsp_note(&rtsp->facts, RTSP_RULE_ORDER, "M3 before the answer to M2");
	out = open_memstream(&body, &len);
	if (!out) {
		rtsp_finish(rtsp, false, "cannot answer M3: %s", strerror(errno));
		return;
	}
	while (text_line(&rest, &line)) {
		const struct parameter *parameter;

		text_parameter(line, &name, &value);
		parameter = profile_find_parameter(rtsp->p, name);
		if (parameter)
			fprintf(out, "%.*s\r\n", SHOW(parameter->line));
		else if (rtsp->p->missing_none && name.len)
			fprintf(out, "%.*s: none\r\n", SHOW(name));
	}
	fclose(out);
	rtsp_send_reply(rtsp, MESSAGE_M3, m, 200, "", (struct text){ body, len });
	free(body);
	if (rtsp->state < RTSP_WAIT_M4)
		set_state(rtsp, RTSP_WAIT_M4);
}

static void on_get_parameter(struct rtsp *rtsp, const struct message *m)
{
	if (text_trim(m->body).len) {
		on_m3(rtsp, m);
		return;
	}
	rtsp->facts.keepalives++;
	rtsp_send_reply(rtsp, MESSAGE_M16, m, 200, "", (struct text){ 0 });
}

/* --- M4 --- */

static void on_m4(struct rtsp *rtsp, const struct message *m)
{
	if (rtsp->state < RTSP_WAIT_M4)
		rtsp_note(&rtsp->facts, RTSP_RULE_ORDER, "M4 before M3");
	if (rtsp_send_reply(rtsp, MESSAGE_M4, m, 200, "", (struct text){ 0 }) != 200)
		return; /* refused: the source tries something else */
	if (rtsp->ops->on_choice && rtsp->facts.choice.have_video)
		rtsp->ops->on_choice(rtsp->user, &rtsp->facts.choice);
	if (rtsp->state < RTSP_WAIT_SETUP_TRIGGER)
		set_state(rtsp, RTSP_WAIT_SETUP_TRIGGER);
}

/* --- M5 and what it asks for --- */

static void send_setup(struct rtsp *rtsp)
{
	char transport[128];

	if (rtsp->p->rtcp_port)
		snprintf(transport, sizeof(transport),
			 "Transport: RTP/AVP/UDP;unicast;client_port=%u-%u",
			 rtsp->config.client_port, rtsp->config.client_port + 1);
	else
		snprintf(transport, sizeof(transport),
			 "Transport: RTP/AVP/UDP;unicast;client_port=%u", rtsp->config.client_port);
	rtsp_send_request(rtsp, (struct request){ .name = MESSAGE_M6,
						  .method = "SETUP",
						  .uri = presentation_url(rtsp),
						  .header = text_from(transport) });
	set_state(rtsp, RTSP_WAIT_SETUP);
}

static void send_play(struct rtsp *rtsp)
{
	rtsp->standby = false;
	rtsp_send_request(rtsp, (struct request){ .name = MESSAGE_M7,
						  .method = "PLAY",
						  .uri = presentation_url(rtsp),
						  .session = true });
	set_state(rtsp, RTSP_WAIT_PLAY);
}

static void send_pause(struct rtsp *rtsp)
{
	rtsp_send_request(rtsp, (struct request){ .name = MESSAGE_M9,
						  .method = "PAUSE",
						  .uri = presentation_url(rtsp),
						  .session = true });
	set_state(rtsp, RTSP_WAIT_PAUSE);
}

static void send_teardown(struct rtsp *rtsp)
{
	rtsp_send_request(rtsp, (struct request){ .name = MESSAGE_M8,
						  .method = "TEARDOWN",
						  .uri = presentation_url(rtsp),
						  .session = true });
	set_state(rtsp, RTSP_WAIT_TEARDOWN);
}

static enum message_name trigger_name(struct text value)
{
	if (text_is(value, "SETUP"))
		return MESSAGE_M5_SETUP;
	if (text_is(value, "PLAY"))
		return MESSAGE_M5_PLAY;
	if (text_is(value, "PAUSE"))
		return MESSAGE_M5_PAUSE;
	if (text_is(value, "TEARDOWN"))
		return MESSAGE_M5_TEARDOWN;
	return MESSAGE_M5;
}

static void follow_trigger(struct rtsp *rtsp, enum message_name name)
{
	bool fits = true;

	if (name == MESSAGE_M5_TEARDOWN) {
		rtsp->teardown_asked = true;
		fits = rtsp->state >= RTSP_WAIT_SETUP;
		if (rtsp->state < RTSP_WAIT_TEARDOWN)
			send_teardown(rtsp);
	} else if (name == MESSAGE_M5_SETUP) {
		fits = rtsp->state == RTSP_WAIT_SETUP_TRIGGER;
		if (rtsp->state < RTSP_WAIT_SETUP_TRIGGER)
			rtsp_note(&rtsp->facts, RTSP_RULE_ORDER, "M5 SETUP before M4 was accepted");
		if (rtsp->state <= RTSP_WAIT_SETUP_TRIGGER)
			send_setup(rtsp);
	} else if (name == MESSAGE_M5_PLAY) {
		fits = rtsp->state == RTSP_PAUSED || rtsp->standby;
		if (fits)
			send_play(rtsp);
	} else if (name == MESSAGE_M5_PAUSE) {
		fits = rtsp->state == RTSP_PLAYING;
		if (fits)
			send_pause(rtsp);
	}
	if (!fits)
		rtsp_note(&rtsp->facts, RTSP_RULE_TRIGGER, "%s while %s",
			  message_name_to_string(name), rtsp_state_to_string(rtsp->state));
}

static void on_m5(struct rtsp *rtsp, const struct message *m, struct text value)
{
	enum message_name name = trigger_name(value);
	unsigned status;

	rtsp->facts.triggers++;
	if (name == MESSAGE_M5)
		rtsp_note(&rtsp->facts, RTSP_RULE_TRIGGER, "'%.*s'", SHOW(value));
	status = rtsp_send_reply(rtsp, name, m, 200, "", (struct text){ 0 });
	if (rtsp->p->ignore[name])
		rtsp->teardown_ignored |= name == MESSAGE_M5_TEARDOWN;
	else if (name != MESSAGE_M5 && (status == 200 || !status) && !wire_is_silent(rtsp->wire))
		follow_trigger(rtsp, name);
}

/* --- the source's requests --- */

/* From now on until PLAY the source may send as little as it likes. */
static void on_standby(struct rtsp *rtsp)
{
	rtsp->standby = true;
	if (rtsp->ops->on_playing)
		rtsp->ops->on_playing(rtsp->user, false);
}

static void on_set_parameter(struct rtsp *rtsp, const struct message *m)
{
	/* clang-format off */
	static const struct {
		const char *parameter;
		enum message_name name;
	} others[] = {
		{ "wfd_route", MESSAGE_M10 },
		{ "wfd_connector_type", MESSAGE_M11 },
		{ "wfd_standby", MESSAGE_M12 },
		{ "wfd_uibc_capability", MESSAGE_M14 },
		{ "wfd_uibc_setting", MESSAGE_M15 },
	};
	/* clang-format on */
	enum message_name name = MESSAGE_OTHER;
	struct text value;

	if (rtsp_find_parameter(m, "wfd_trigger_method", &value)) {
		on_m5(rtsp, m, value);
		return;
	}
	if (rtsp_check_m4(&rtsp->facts, &rtsp->config, m)) {
		on_m4(rtsp, m);
		return;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others) && name == MESSAGE_OTHER; i++)
		if (rtsp_find_parameter(m, others[i].parameter, &value))
			name = others[i].name;
	if (name == MESSAGE_M12)
		on_standby(rtsp);
	rtsp_send_reply(rtsp, name, m, 200, "", (struct text){ 0 });
}

static const char *request_name(const struct message *m)
{
	struct text value;

	if (text_is(m->method, "OPTIONS"))
		return "M1";
	if (text_is(m->method, "GET_PARAMETER"))
		return text_trim(m->body).len ? "M3" : "M16";
	if (!text_is(m->method, "SET_PARAMETER"))
		return "?";
	if (rtsp_find_parameter(m, "wfd_trigger_method", &value))
		return message_name_to_string(trigger_name(value));
	if (rtsp_find_parameter(m, "wfd_video_formats", &value) ||
	    rtsp_find_parameter(m, "wfdx_video_formats", &value))
		return "M4";
	if (rtsp_find_parameter(m, "wfd_standby", &value))
		return "M12";
	return "SET_PARAMETER";
}

static void on_request(struct rtsp *rtsp, const struct message *m)
{
	rtsp_record(rtsp, false, false, request_name(m), m->cseq, 0);
	rtsp_check_request(&rtsp->facts, m);
	rtsp_check_session(&rtsp->facts, m);
	if (text_is(m->method, "OPTIONS"))
		on_m1(rtsp, m);
	else if (text_is(m->method, "GET_PARAMETER"))
		on_get_parameter(rtsp, m);
	else if (text_is(m->method, "SET_PARAMETER"))
		on_set_parameter(rtsp, m);
	else
		rtsp_send_reply(rtsp, MESSAGE_OTHER, m, 405, "", (struct text){ 0 });
}

/* --- the source's replies --- */

static void on_setup_reply(struct rtsp *rtsp, const struct message *m)
{
	if (rtsp->state != RTSP_WAIT_SETUP)
		return;
	if (m->status != 200) {
		rtsp_finish(rtsp, false, "the source answered SETUP with %u", m->status);
		return;
	}
	rtsp_check_setup(&rtsp->facts, &rtsp->config, m);
	send_play(rtsp);
}

static void start_timers(struct rtsp *rtsp)
{
	const struct profile *p = rtsp->p;

	arm(rtsp, TIMER_IDR, p->idr_after_us ? p->idr_after_us : p->idr_every_us);
	arm(rtsp, TIMER_PAUSE, p->pause_after_us);
	arm(rtsp, TIMER_STANDBY, p->standby_after_us);
	arm(rtsp, TIMER_TEARDOWN, p->teardown_after_us);
	if (p->keepalive_method.at)
		arm(rtsp, TIMER_KEEPALIVE, p->keepalive_us);
}

static void on_play_reply(struct rtsp *rtsp, const struct message *m)
{
	if (rtsp->state != RTSP_WAIT_PLAY)
		return;
	if (m->status != 200) {
		rtsp_finish(rtsp, false, "the source answered PLAY with %u", m->status);
		return;
	}
	set_state(rtsp, RTSP_PLAYING);
	if (!rtsp->facts.connect_to_play_us) {
		rtsp->facts.connect_to_play_us = rtsp->now_us - rtsp->config.start_us;
		start_timers(rtsp);
	}
	if (rtsp->ops->on_playing)
		rtsp->ops->on_playing(rtsp->user, true);
}

static void on_pause_reply(struct rtsp *rtsp, const struct message *m)
{
	if (rtsp->state != RTSP_WAIT_PAUSE)
		return;
	set_state(rtsp, m->status == 200 ? RTSP_PAUSED : RTSP_PLAYING);
	if (m->status == 200 && rtsp->ops->on_playing)
		rtsp->ops->on_playing(rtsp->user, false);
}

static void dispatch_reply(struct rtsp *rtsp, enum message_name name, const struct message *m)
{
	if (m->status != 200 && name != MESSAGE_OTHER)
		rtsp_note(&rtsp->facts, RTSP_RULE_STATUS, "%s: %u", message_name_to_string(name),
			  m->status);
	if (name == MESSAGE_M2) {
		rtsp->m2_answered = true;
		rtsp_check_public(&rtsp->facts, m);
	} else if (name == MESSAGE_M6) {
		on_setup_reply(rtsp, m);
	} else if (name == MESSAGE_M7) {
		on_play_reply(rtsp, m);
	} else if (name == MESSAGE_M9) {
		on_pause_reply(rtsp, m);
	} else if (name == MESSAGE_M8) {
		rtsp_finish(rtsp, true, "torn down by the %s",
			    rtsp->teardown_asked ? "source" : "sink");
	}
}

static void on_reply(struct rtsp *rtsp, const struct message *m)
{
	for (size_t i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &rtsp->pending[i];
		uint64_t took_us;

		if (!pending->used || !m->have_cseq || pending->cseq != m->cseq)
			continue;
		pending->used = false;
		took_us = rtsp->now_us > pending->sent_us ? rtsp->now_us - pending->sent_us : 0;
		if (took_us > rtsp->facts.reply_us_max)
			rtsp->facts.reply_us_max = took_us;
		rtsp_record(rtsp, false, true, message_name_to_string(pending->name), m->cseq,
			    m->status);
		dispatch_reply(rtsp, pending->name, m);
		return;
	}
	rtsp_record(rtsp, false, true, "?", m->cseq, m->status);
	rtsp_note(&rtsp->facts, RTSP_RULE_REPLY, "reply %u with CSeq %llu", m->status,
		  (unsigned long long)m->cseq);
}

/* --- bytes and time in --- */

static void read_messages(struct rtsp *rtsp)
{
	while (rtsp->state != RTSP_ENDED) {
		struct text input = wire_input(rtsp->wire);
		struct message m;
		ssize_t n = message_parse(input.at, input.len, &m);

		if (n == 0)
			return;
		if (n < 0) {
			wire_log_input(rtsp->wire, input.len, rtsp->now_us);
			rtsp_note(&rtsp->facts, RTSP_RULE_SYNTAX, "no RTSP message");
			rtsp_finish(rtsp, false,
				    "the source sent something that is not RTSP while %s",
				    rtsp_state_to_string(rtsp->state));
			return;
		}
		wire_log_input(rtsp->wire, (size_t)n, rtsp->now_us);
		if (rtsp->facts.session[0])
			arm(rtsp, TIMER_SOURCE,
			    scaled(rtsp,
				   (uint64_t)rtsp->facts.timeout_s * 1000000 + TIMEOUT_SLACK_US));
		if (m.reply)
			on_reply(rtsp, &m);
		else
			on_request(rtsp, &m);
		wire_consume(rtsp->wire, (size_t)n);
	}
}

static void check_wire(struct rtsp *rtsp)
{
	int error;
	enum wire_end end = wire_end(rtsp->wire, &error);

	if (end == WIRE_OPEN || rtsp->state == RTSP_ENDED)
		return;
	if (end == WIRE_CLOSED_BY_PROFILE) {
		rtsp_finish(rtsp, true, "closed by the profile");
		return;
	}
	if (wire_is_silent(rtsp->wire)) {
		rtsp_finish(rtsp, true, "the source gave up a sink made silent by the profile");
		return;
	}
	if (rtsp->teardown_ignored) {
		rtsp_finish(rtsp, true, "closed by the source, whose TEARDOWN the profile ignores");
		return;
	}
	if (rtsp->state == RTSP_WAIT_TEARDOWN) {
		rtsp_note(&rtsp->facts, RTSP_RULE_TEARDOWN, "closed before TEARDOWN was answered");
		rtsp_finish(rtsp, true, "closed by the source during TEARDOWN");
		return;
	}
	rtsp_note(&rtsp->facts, RTSP_RULE_TEARDOWN, "closed while %s",
		  rtsp_state_to_string(rtsp->state));
	if (end == WIRE_CLOSED_BY_PEER)
		rtsp_finish(rtsp, false, "the source closed the connection while %s",
			    rtsp_state_to_string(rtsp->state));
	else
		rtsp_finish(rtsp, false, "the connection broke while %s: %s",
			    rtsp_state_to_string(rtsp->state), strerror(error));
}

void rtsp_on_ready(struct rtsp *rtsp, short revents, uint64_t now_us)
{
	rtsp->now_us = now_us;
	if (revents & (POLLIN | POLLHUP | POLLERR)) {
		wire_read(rtsp->wire, now_us);
		read_messages(rtsp);
	}
	wire_flush(rtsp->wire, now_us);
	check_wire(rtsp);
}

static void send_set_parameter(struct rtsp *rtsp, enum message_name name, const char *body)
{
	rtsp_send_request(rtsp, (struct request){ .name = name,
						  .method = "SET_PARAMETER",
						  .uri = text_from("rtsp://localhost/wfd1.0"),
						  .body = text_from(body),
						  .session = true });
}

static void send_idr_request(struct rtsp *rtsp)
{
	rtsp->facts.idr_requests++;
	rtsp->last_idr_us = rtsp->now_us;
	send_set_parameter(rtsp, MESSAGE_M13, "wfd_idr_request\r\n");
}

static void send_keepalive(struct rtsp *rtsp)
{
	char method[32];

	text_copy(method, sizeof(method), rtsp->p->keepalive_method);
	rtsp_send_request(rtsp, (struct request){ .name = MESSAGE_KEEPALIVE,
						  .method = method,
						  .uri = text_from("rtsp://localhost/wfd1.0"),
						  .session = true });
}

static void on_timer(struct rtsp *rtsp, enum timer timer)
{
	switch (timer) {
	case TIMER_STATE:
		if (rtsp->state == RTSP_WAIT_TEARDOWN) {
			rtsp_note(&rtsp->facts, RTSP_RULE_TEARDOWN, "TEARDOWN is not answered");
			rtsp_finish(rtsp, true, "the source did not answer TEARDOWN");
		} else {
			rtsp_finish(rtsp, wire_is_silent(rtsp->wire), "timed out %s",
				    rtsp_state_to_string(rtsp->state));
		}
		break;
	case TIMER_SOURCE:
		rtsp_note(&rtsp->facts, RTSP_RULE_KEEPALIVE, "silent for %u s and more",
			  rtsp->facts.timeout_s);
		rtsp_finish(rtsp, wire_is_silent(rtsp->wire),
			    "no sign of life from the source for %u s",
			    rtsp->facts.timeout_s + TIMEOUT_SLACK_US / 1000000);
		break;
	case TIMER_KEEPALIVE:
		arm(rtsp, TIMER_KEEPALIVE, rtsp->p->keepalive_us);
		send_keepalive(rtsp);
		break;
	case TIMER_IDR:
		arm(rtsp, TIMER_IDR, rtsp->p->idr_every_us);
		for (unsigned long i = 0; i < rtsp->p->idr_burst; i++)
			send_idr_request(rtsp);
		break;
	case TIMER_PAUSE:
		if (rtsp->state == RTSP_PLAYING) {
			send_pause(rtsp);
			arm(rtsp, TIMER_RESUME, rtsp->p->pause_for_us);
		}
		break;
	case TIMER_STANDBY:
		on_standby(rtsp);
		send_set_parameter(rtsp, MESSAGE_M12, "wfd_standby\r\n");
		arm(rtsp, TIMER_RESUME, rtsp->p->standby_for_us);
		break;
	case TIMER_RESUME:
		send_play(rtsp);
		break;
	case TIMER_TEARDOWN:
		send_teardown(rtsp);
		break;
	case TIMERS:
		break;
	}
}

void rtsp_on_time(struct rtsp *rtsp, uint64_t now_us)
{
	rtsp->now_us = now_us;
	if (rtsp->p->order == ORDER_M2_FIRST && rtsp->state == RTSP_WAIT_M1)
		send_m2(rtsp, false);
	for (int i = 0; i < TIMERS && rtsp->state != RTSP_ENDED; i++) {
		if (now_us < rtsp->due_us[i])
			continue;
		rtsp->due_us[i] = NEVER;
		on_timer(rtsp, (enum timer)i);
	}
	wire_flush(rtsp->wire, now_us);
	check_wire(rtsp);
}

uint64_t rtsp_deadline(const struct rtsp *rtsp)
{
	uint64_t due_us = wire_deadline(rtsp->wire);

	if (rtsp->p->order == ORDER_M2_FIRST && !rtsp->m2_sent)
		return 0;
	for (int i = 0; i < TIMERS; i++)
		if (rtsp->due_us[i] < due_us)
			due_us = rtsp->due_us[i];
	return due_us;
}

bool rtsp_request_idr(struct rtsp *rtsp, uint64_t now_us)
{
	if (rtsp->state != RTSP_PLAYING ||
	    (rtsp->last_idr_us && now_us - rtsp->last_idr_us < IDR_PAUSE_US))
		return false;
	rtsp->now_us = now_us;
	send_idr_request(rtsp);
	wire_flush(rtsp->wire, now_us);
	return true;
}

void rtsp_teardown(struct rtsp *rtsp, uint64_t now_us, const char *why)
{
	rtsp->now_us = now_us;
	if (rtsp->state == RTSP_ENDED || rtsp->state == RTSP_WAIT_TEARDOWN)
		return;
	if (rtsp->state < RTSP_WAIT_PLAY || wire_is_silent(rtsp->wire)) {
		rtsp_finish(rtsp, rtsp->state >= RTSP_WAIT_PLAY, "%s while %s", why,
			    rtsp_state_to_string(rtsp->state));
		return;
	}
	send_teardown(rtsp);
	wire_flush(rtsp->wire, now_us);
}

/* --- machinery --- */

static void set_state(struct rtsp *rtsp, enum rtsp_state state)
{
	uint64_t limit_us = 0;

	rtsp->state = state;
	switch (state) {
	case RTSP_WAIT_M1:
	case RTSP_WAIT_M3:
	case RTSP_WAIT_M4:
	case RTSP_WAIT_SETUP_TRIGGER:
		limit_us = NEXT_LIMIT_US;
		break;
	case RTSP_WAIT_SETUP:
	case RTSP_WAIT_PLAY:
	case RTSP_WAIT_PAUSE:
		limit_us = REPLY_LIMIT_US;
		break;
	case RTSP_WAIT_TEARDOWN:
		limit_us = END_LIMIT_US;
		break;
	case RTSP_PLAYING:
	case RTSP_PAUSED:
	case RTSP_ENDED:
		break;
	}
	arm(rtsp, TIMER_STATE, scaled(rtsp, limit_us));
}

void rtsp_finish(struct rtsp *rtsp, bool planned, const char *format, ...)
{
	va_list ap;

	if (rtsp->state == RTSP_ENDED)
		return;
	va_start(ap, format);
	vsnprintf(rtsp->facts.why, sizeof(rtsp->facts.why), format, ap);
	va_end(ap);
	rtsp->facts.planned = planned;
	set_state(rtsp, RTSP_ENDED);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "contract-sink.h"

#include "util/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char sink_tv[] =
	"wfd_video_formats: 40 00 03 10 0001bdeb 0000000f 00000000 00 0000 0000 00 none none\r\n"
	"wfd_audio_codecs: LPCM 00000002 00\r\n"
	"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n"
	"wfd_display_edid: none\r\n"
	"wfd_connector_type: 05\r\n";

static const char public_methods[] =
	"Public: org.wfa.wfd1.0, GET_PARAMETER, SET_PARAMETER\r\n";

void sink_init(struct sink *s, const struct sink_script *script, uint16_t port)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1;

	*s = (struct sink){ .script = *script, .asked = SINK_MESSAGES };
	if (!s->script.m3)
		s->script.m3 = sink_tv;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(s->fd >= 0);
	(void)inet_pton(AF_INET, SINK_ADDRESS, &own.sin_addr);
	(void)inet_pton(AF_INET, "127.0.0.1", &peer.sin_addr);
	/* So that thousands of sessions do not use up the ports. */
	(void)setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(s->fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
	    connect(s->fd, (struct sockaddr *)&peer, sizeof(peer)) < 0)
		abort();
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)fcntl(s->fd, F_SETFL, O_NONBLOCK);
}

void sink_end(struct sink *s)
{
	if (!s->has_ended)
		(void)shutdown(s->fd, SHUT_WR);
	s->has_ended = true;
}

void sink_reset(struct sink *s)
{
	struct linger at_once = { 1, 0 };

	if (s->fd < 0)
		return;
	(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(s->fd);
	s->fd = -1;
	s->has_ended = s->saw_end = true;
}

/* RST in the end: no port stays in TIME_WAIT. */
void sink_done(struct sink *s)
{
	sink_reset(s);
}

/* ---------------------------------------------------------------- out */

void sink_send_raw(struct sink *s, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0 && !s->has_ended) {
		ssize_t n = send(s->fd, at, s->script.bytewise ? 1 : size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += n;
		size -= (size_t)n;
		s->sent += (uint64_t)n;
	}
}

static void carry_out(struct sink *s, enum sink_fault fault, const char *text)
{
	switch (fault) {
	case SINK_GOOD:
	case SINK_REFUSES:
		sink_send_raw(s, text, strlen(text));
		return;
	case SINK_SILENT:
		return;
	case SINK_ENDS:
		sink_end(s);
		return;
	case SINK_RESETS:
		sink_reset(s);
		return;
	case SINK_GARBLES:
		sink_send_raw(s, "\x16\x03\x01\x02 what?\r\n\r\n", 15);
		return;
	}
}

/* Nothing overtakes: what comes later is not due earlier. */
static void send_later(struct sink *s, const struct sink_act *act, const char *text)
{
	uint64_t due_us = clock_now_us() + act->delay_us;
	size_t n = s->n_queue;

	assert(n < sizeof(s->queue) / sizeof(s->queue[0]));
	if (n > 0 && s->queue[n - 1].due_us > due_us)
		due_us = s->queue[n - 1].due_us;
	s->queue[n].due_us = due_us;
	s->queue[n].fault = act->fault;
	(void)snprintf(s->queue[n].text, sizeof(s->queue[n].text), "%s", text);
	s->n_queue++;
}

static struct sink_act take_act(struct sink *s, enum sink_message message)
{
	struct sink_act act = s->script.acts[message];

	if (act.times > 0 && --s->script.acts[message].times == 0)
		s->script.acts[message] = (struct sink_act){ 0 };
	return act;
}

static void answer(struct sink *s, enum sink_message message, unsigned int cseq,
		   const char *headers, const char *body)
{
	struct sink_act act = take_act(s, message);
	unsigned int status = act.fault == SINK_REFUSES ? act.status : 200;
	char text[SINK_MESSAGE_SIZE];

	if (act.fault == SINK_REFUSES)
		body = "";
	(void)snprintf(text, sizeof(text),
		       s->script.sloppy ? "RTSP/1.0 %u whatever\r\ncSEQ:   %u\r\n%s"
					  "X-Folded: one\r\n two\r\ncontent-LENGTH: %zu\r\n\r\n%s"
					: "RTSP/1.0 %u OK\r\nCSeq: %u\r\n%sContent-Length: %zu\r\n\r\n%s",
		       status, cseq, headers, strlen(body), body);
	send_later(s, &act, text);
}

static void request(struct sink *s, enum sink_message message, const char *method, const char *uri,
		    const char *headers, const char *body)
{
	struct sink_act act = message < SINK_MESSAGES ? take_act(s, message) : (struct sink_act){ 0 };
	char text[SINK_MESSAGE_SIZE];

	s->asked = message;
	(void)snprintf(text, sizeof(text), "%s %s RTSP/1.0\r\nCSeq: %u\r\n%s%s%s%sContent-Length: %zu\r\n\r\n%s",
		       method, uri, ++s->cseq, headers, s->session_id[0] ? "Session: " : "",
		       s->session_id, s->session_id[0] ? "\r\n" : "", strlen(body), body);
	send_later(s, &act, text);
}

#define STREAM_URI "rtsp://127.0.0.1/wfd1.0/streamid=0"

void sink_request(struct sink *s, const char *method, const char *headers, const char *body)
{
	request(s, SINK_OTHER, method, STREAM_URI, headers, body);
}

static void send_m2(struct sink *s)
{
	request(s, SINK_M2, "OPTIONS", "*", "Require: org.wfa.wfd1.0\r\n", "");
}

/* "destination" is a trap: the stream may only go to whom the connection comes from. */
static void send_m6(struct sink *s)
{
	request(s, SINK_M6, "SETUP", STREAM_URI,
		s->script.rtcp ? "Transport: RTP/AVP/UDP;unicast;client_port=19000-19001\r\n" :
				 "Transport: RTP/AVP/UDP;unicast;destination=192.0.2.1;"
				 "client_port=19000\r\n",
		"");
}

static void send_m7(struct sink *s)
{
	request(s, SINK_M7, "PLAY", STREAM_URI, "", "");
}

static void send_m8(struct sink *s)
{
	request(s, SINK_M8, "TEARDOWN", STREAM_URI, "", "");
}

/* ---------------------------------------------------------------- in */

static void log_message(struct sink *s, const char *name, const char *text)
{
	struct sink_entry *e = &s->log[s->n_log];

	if (s->n_log == SINK_LOG_MAX)
		return;
	s->n_log++;
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
	e->time_us = clock_now_us();
}

static unsigned int get_cseq(const char *text)
{
	const char *at = strcasestr(text, "\r\nCSeq:");

	return at ? (unsigned int)strtoul(at + 7, NULL, 10) : 0;
}

static void on_answer(struct sink *s, const char *text)
{
	static const char *const names[SINK_MESSAGES + 1] = {
		[SINK_M2] = "M2-ok", [SINK_M6] = "M6-ok",    [SINK_M7] = "M7-ok",
		[SINK_M8] = "M8-ok", [SINK_OTHER] = "other", [SINK_MESSAGES] = "stray",
	};
	enum sink_message asked = s->asked;
	const char *id = strcasestr(text, "\r\nSession:");

	s->asked = SINK_MESSAGES;
	log_message(s, names[asked] ?: "stray", text);
	if (strncmp(text, "RTSP/1.0 200", 12) != 0)
		return;
	if (asked == SINK_M6 && id) {
		(void)sscanf(id + 10, " %31[0-9a-zA-Z]", s->session_id);
		send_m7(s);
	}
}

static void on_trigger(struct sink *s, const char *text)
{
	unsigned int cseq = get_cseq(text);

	if (strstr(text, "wfd_trigger_method: SETUP")) {
		bool follows = s->script.acts[SINK_M5].fault == SINK_GOOD;

		log_message(s, "M5-SETUP", text);
		answer(s, SINK_M5, cseq, "", "");
		if (follows)
			send_m6(s);
	} else if (strstr(text, "wfd_trigger_method: PLAY")) {
		log_message(s, "M5-PLAY", text);
		answer(s, SINK_PLAY, cseq, "", "");
		send_m7(s);
	} else if (strstr(text, "wfd_trigger_method: TEARDOWN")) {
		bool answers = s->script.acts[SINK_TEARDOWN].fault == SINK_GOOD;

		log_message(s, "M5-TEARDOWN", text);
		answer(s, SINK_TEARDOWN, cseq, "", "");
		if (answers)
			send_m8(s);
	} else {
		log_message(s, "M5-PAUSE", text);
		answer(s, SINK_OTHER, cseq, "", "");
	}
}

static void on_get_parameter(struct sink *s, const char *text)
{
	unsigned int cseq = get_cseq(text);

	if (!strstr(text, "wfd_")) {
		log_message(s, "M16", text);
		answer(s, SINK_M16, cseq, "", "");
		return;
	}
	log_message(s, "M3", text);
	answer(s, SINK_M3, cseq, "Content-Type: text/parameters\r\n", s->script.m3);
	if (s->script.m2_late && !sink_count(s, "M2-ok"))
		send_m2(s);
}

static void on_set_parameter(struct sink *s, const char *text)
{
	unsigned int cseq = get_cseq(text);

	if (strstr(text, "wfd_trigger_method")) {
		on_trigger(s, text);
	} else if (strstr(text, "wfd_standby")) {
		log_message(s, "M12", text);
		answer(s, SINK_M12, cseq, "", "");
	} else if (strstr(text, "video_formats:")) {
		log_message(s, "M4", text);
		answer(s, SINK_M4, cseq, "", "");
	} else {
		log_message(s, "other", text);
		answer(s, SINK_OTHER, cseq, "", "");
	}
}

static void on_options(struct sink *s, const char *text)
{
	log_message(s, "M1", text);
	if (s->script.m2_first)
		send_m2(s);
	answer(s, SINK_M1, get_cseq(text), public_methods, "");
	if (!s->script.m2_first && !s->script.m2_late)
		send_m2(s);
}

static void on_message(struct sink *s, const char *text)
{
	if (strncmp(text, "RTSP/", 5) == 0)
		on_answer(s, text);
	else if (strncmp(text, "OPTIONS", 7) == 0)
		on_options(s, text);
	else if (strncmp(text, "GET_PARAMETER", 13) == 0)
		on_get_parameter(s, text);
	else if (strncmp(text, "SET_PARAMETER", 13) == 0)
		on_set_parameter(s, text);
	else
		log_message(s, "other", text);
}

static bool take_message(struct sink *s)
{
	char text[SINK_MESSAGE_SIZE];
	const char *end, *length;
	size_t size;

	s->buffer[s->used] = '\0';
	end = strstr(s->buffer, "\r\n\r\n");
	if (!end)
		return false;
	size = (size_t)(end + 4 - s->buffer);
	length = strcasestr(s->buffer, "\r\nContent-Length:");
	if (length && length < end)
		size += strtoul(length + 17, NULL, 10);
	if (s->used < size)
		return false;
	assert(size < sizeof(text));
	memcpy(text, s->buffer, size);
	text[size] = '\0';
	s->used -= size;
	memmove(s->buffer, s->buffer + size, s->used);
	on_message(s, text);
	return true;
}

static bool read_some(struct sink *s)
{
	ssize_t n;

	if (s->fd < 0 || s->script.deaf || s->saw_end)
		return false;
	n = recv(s->fd, s->buffer + s->used, sizeof(s->buffer) - 1 - s->used, MSG_DONTWAIT);
	if (n > 0) {
		s->used += (size_t)n;
		s->received += (uint64_t)n;
	} else if (n == 0 || errno != EAGAIN) {
		s->saw_end = true;
	}
	return n > 0;
}

static bool send_due(struct sink *s)
{
	enum sink_fault fault = s->queue[0].fault;
	char text[SINK_MESSAGE_SIZE];

	if (s->n_queue == 0 || s->queue[0].due_us > clock_now_us())
		return false;
	memcpy(text, s->queue[0].text, sizeof(text));
	s->n_queue--;
	memmove(s->queue, s->queue + 1, s->n_queue * sizeof(s->queue[0]));
	if (!s->has_ended)
		carry_out(s, fault, text);
	return true;
}

bool sink_step(struct sink *s)
{
	bool busy = read_some(s);

	while (take_message(s))
		busy = true;
	while (send_due(s))
		busy = true;
	return busy;
}

uint64_t sink_next_us(const struct sink *s)
{
	return s->n_queue > 0 ? s->queue[0].due_us : UINT64_MAX;
}

unsigned int sink_count(const struct sink *s, const char *name)
{
	unsigned int n = 0;

	while (sink_find(s, name, n))
		n++;
	return n;
}

const struct sink_entry *sink_find(const struct sink *s, const char *name, unsigned int nth)
{
	for (size_t i = 0; i < s->n_log; i++)
		if (strcmp(s->log[i].name, name) == 0 && nth-- == 0)
			return &s->log[i];
	return NULL;
}

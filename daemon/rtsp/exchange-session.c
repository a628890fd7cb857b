// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The exchange, the sink's side: every request of a sink is answered here, at once and before
 * anybody is told of it (WFD 6.4). Below it what we ask of a sink once a
 * session exists. Lenient where sinks are known to be sloppy: URLs, headers, order.
 */
#include "rtsp/exchange-private.h"

#include "rtsp/transport.h"
#include "rtsp/wfd-quirks.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Strict sinks end the session when this holds anything else. */
#define PUBLIC	     "org.wfa.wfd1.0, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER"
#define REQUIRED_TAG "org.wfa.wfd1.0"
/* Announced, not scaled: M16 goes out well within it. */
#define SESSION_TIMEOUT_S 30

static void on_options(struct exchange *x, const struct rtsp_message *m);
static void on_setup(struct exchange *x, const struct rtsp_message *m);
static void on_play(struct exchange *x, const struct rtsp_message *m);
static void on_pause(struct exchange *x, const struct rtsp_message *m);
static void on_teardown(struct exchange *x, const struct rtsp_message *m);
static void on_get_parameter(struct exchange *x, const struct rtsp_message *m);
static void on_set_parameter(struct exchange *x, const struct rtsp_message *m);

static void tell(struct exchange *x, void (*op)(void *userdata))
{
	if (op && x->state != EXCHANGE_STATE_ENDED)
		op(x->userdata);
}

/* ---- what makes a request unacceptable, whatever it is ---- */

static bool find_unknown_tag(const struct rtsp_message *m, struct text *ret)
{
	for (size_t i = 0; i < m->n_headers; i++) {
		struct text tags = m->headers[i].value;

		if (!text_is(m->headers[i].name, "Require"))
			continue;
		while (text_split(&tags, ',', ret)) {
			*ret = text_trim(*ret);
			if (!text_is(*ret, REQUIRED_TAG))
				return true;
		}
	}
	return false;
}

/*
 * Older dongles name no session, which is fine. A wrong one is a left-over of another session and
 * must not touch this one; neither may one that was named before there was any.
 */
static bool is_foreign_session(const struct exchange *x, const struct rtsp_message *m)
{
	struct text value = rtsp_message_header(m, "Session"), id;

	if (!value.data || m->method == RTSP_METHOD_OPTIONS)
		return false;
	if (!x->has_session)
		return m->method == RTSP_METHOD_PLAY || m->method == RTSP_METHOD_PAUSE ||
		       m->method == RTSP_METHOD_TEARDOWN;
	if (!text_split(&value, ';', &id))
		return true;
	return !text_is(text_trim(id), x->session_id);
}

/* Any host, port and stream: one session, whatever the path (AnyCast sticks have one
 * of their own: gnome-network-displays issues 105 and 122). */
static bool is_stream_uri(struct text uri)
{
	struct text host;

	if (text_starts(uri, "rtsp://")) {
		uri = (struct text){ uri.data + 7, uri.size - 7 };
		(void)text_split(&uri, '/', &host);
		return text_starts(uri, "wfd1.0");
	}
	return text_starts(uri, "/wfd1.0");
}

/* 0: acceptable. */
static unsigned judge_request(const struct exchange *x, const struct rtsp_message *m)
{
	struct text tag;

	if (!m->has_cseq)
		return 400;
	if (!m->is_version_1)
		return 505;
	if (find_unknown_tag(m, &tag))
		return 551;
	switch (m->method) {
	case RTSP_METHOD_UNKNOWN:
		return 501;
	case RTSP_METHOD_OTHER:
		return 405;
	case RTSP_METHOD_SETUP:
	case RTSP_METHOD_PLAY:
	case RTSP_METHOD_PAUSE:
		if (!is_stream_uri(m->uri))
			return 404;
		break;
	case RTSP_METHOD_TEARDOWN: /* whoever wants to go may go, by whatever name */
	case RTSP_METHOD_OPTIONS:
	case RTSP_METHOD_GET_PARAMETER:
	case RTSP_METHOD_SET_PARAMETER:
		break;
	}
	return is_foreign_session(x, m) ? 454 : 0;
}

static void refuse(struct exchange *x, const struct rtsp_message *m, unsigned status)
{
	uint8_t buffer[EXCHANGE_MESSAGE_SIZE];
	struct writer w = exchange_answer(x, m, status, buffer);
	char tag_text[WFD_NAME_SIZE];
	struct text tag;

	if (status == 405)
		rtsp_write_header(&w, "Allow", PUBLIC);
	if (status == 551 && find_unknown_tag(m, &tag)) {
		text_copy_printable(tag, tag_text, sizeof(tag_text));
		rtsp_write_header(&w, "Unsupported", "%s", tag_text);
	}
	exchange_send_answer(x, &w, (struct text){ 0 });
}

void exchange_on_request(struct exchange *x, const struct rtsp_message *m)
{
	unsigned status = judge_request(x, m);

	if (status) {
		log_debug("rtsp: refused a request with status %u", status);
		refuse(x, m, status);
		return;
	}
	switch (m->method) {
	case RTSP_METHOD_OPTIONS:
		on_options(x, m);
		return;
	case RTSP_METHOD_SETUP:
		on_setup(x, m);
		return;
	case RTSP_METHOD_PLAY:
		on_play(x, m);
		return;
	case RTSP_METHOD_PAUSE:
		on_pause(x, m);
		return;
	case RTSP_METHOD_TEARDOWN:
		on_teardown(x, m);
		return;
	case RTSP_METHOD_GET_PARAMETER:
		on_get_parameter(x, m);
		return;
	case RTSP_METHOD_SET_PARAMETER:
		on_set_parameter(x, m);
		return;
	case RTSP_METHOD_UNKNOWN:
	case RTSP_METHOD_OTHER:
		return;
	}
}

/* ---- M2 ---- */

static void on_options(struct exchange *x, const struct rtsp_message *m)
{
	uint8_t buffer[EXCHANGE_MESSAGE_SIZE];
	struct writer w = exchange_answer(x, m, 200, buffer);

	rtsp_write_header(&w, "Public", PUBLIC);
	exchange_send_answer(x, &w, (struct text){ 0 });
	if (!x->options_answered)
		x->options_answered_us = x->now;
	x->options_answered = true;
	if (x->state == EXCHANGE_STATE_SINK_OPTIONS)
		exchange_go(x, EXCHANGE_STATE_GAP);
}

/* ---- M6 ---- */

static void send_session_answer(struct exchange *x, const struct rtsp_message *m)
{
	uint8_t buffer[EXCHANGE_MESSAGE_SIZE];
	struct writer w = exchange_answer(x, m, 200, buffer);

	rtsp_write_header(&w, "Session", "%s", x->session_id);
	if (m->method == RTSP_METHOD_PLAY)
		rtsp_write_header(&w, "Range", "npt=now-");
	exchange_send_answer(x, &w, (struct text){ 0 });
}

static void send_setup_answer(struct exchange *x, const struct rtsp_message *m,
			      const struct rtsp_transport *client,
			      const struct rtsp_transport *server)
{
	uint8_t buffer[EXCHANGE_MESSAGE_SIZE];
	struct writer w = exchange_answer(x, m, 200, buffer);
	char client_rtcp[8] = "", server_rtcp[8] = "";

	if (client->rtcp_port)
		(void)snprintf(client_rtcp, sizeof(client_rtcp), "-%u", client->rtcp_port);
	if (server->rtcp_port)
		(void)snprintf(server_rtcp, sizeof(server_rtcp), "-%u", server->rtcp_port);
	rtsp_write_header(&w, "Session", "%s;timeout=%d", x->session_id, SESSION_TIMEOUT_S);
	rtsp_write_header(&w, "Transport", "RTP/AVP/UDP;unicast;client_port=%u%s;server_port=%u%s",
			  client->rtp_port, client_rtcp, server->rtp_port, server_rtcp);
	exchange_send_answer(x, &w, (struct text){ 0 });
}

/* What the sink asks for, completed by what it said before: 0 or a status. */
static unsigned read_transport(const struct exchange *x, const struct rtsp_message *m,
			       struct rtsp_transport *ret)
{
	int r = rtsp_transport_parse(rtsp_message_header(m, "Transport"), ret);

	if (r < 0)
		return r == -EPROTONOSUPPORT ? 461 : 400;
	if (!ret->rtp_port) /* an old LG dongle, as AOSP has it */
		ret->rtp_port = x->sink.rtp.port;
	if (exchange_get_quirks(x) & WFD_QUIRK_BIT(WFD_QUIRK_NO_RTCP))
		ret->rtcp_port = 0;
	return 0;
}

static void on_setup(struct exchange *x, const struct rtsp_message *m)
{
	struct rtsp_transport client, server = { 0 };
	enum exchange_state state = x->state;
	unsigned status = read_transport(x, m, &client);
	int r;

	/* Some sinks send M6 before their answer to M5. */
	if (state != EXCHANGE_STATE_SETUP && state != EXCHANGE_STATE_TRIGGER)
		status = 455;
	if (status) {
		exchange_send_status(x, m, status);
		return;
	}
	r = x->ops->on_setup(x->userdata, client.rtp_port, client.rtcp_port, &server.rtp_port,
			     &server.rtcp_port);
	if (x->state != state)
		return; /* ended in there */
	if (r < 0) {
		exchange_send_status(x, m, 500);
		exchange_fail(x, EXCHANGE_FAILURE_LOCAL, r, "M6", "no sockets for the stream");
		return;
	}
	x->request = REQUEST_NONE;
	send_setup_answer(x, m, &client, &server);
	if (x->state == state)
		exchange_go(x, EXCHANGE_STATE_PLAY);
}

/* ---- M7, M9, M8 ---- */

static void on_play(struct exchange *x, const struct rtsp_message *m)
{
	void (*op)(void *userdata) = NULL;

	switch (x->state) {
	case EXCHANGE_STATE_PLAY:
		op = x->ops->on_play;
		break;
	case EXCHANGE_STATE_PAUSED:
		op = x->ops->on_resume;
		break;
	case EXCHANGE_STATE_STANDBY:
		op = x->ops->on_wake;
		break;
	case EXCHANGE_STATE_PLAYING:
		break;
	case EXCHANGE_STATE_NEW:
	case EXCHANGE_STATE_OPTIONS:
	case EXCHANGE_STATE_SINK_OPTIONS:
	case EXCHANGE_STATE_GAP:
	case EXCHANGE_STATE_CAPABILITIES:
	case EXCHANGE_STATE_CHOICE:
	case EXCHANGE_STATE_FORMAT:
	case EXCHANGE_STATE_TRIGGER:
	case EXCHANGE_STATE_SETUP:
	case EXCHANGE_STATE_TEARDOWN:
	case EXCHANGE_STATE_ENDED:
		exchange_send_status(x, m, 455);
		return;
	}
	send_session_answer(x, m);
	if (x->state == EXCHANGE_STATE_ENDED || x->state == EXCHANGE_STATE_PLAYING)
		return;
	exchange_go(x, EXCHANGE_STATE_PLAYING);
	tell(x, op);
	exchange_pump(x);
}

static void on_pause(struct exchange *x, const struct rtsp_message *m)
{
	if (x->state != EXCHANGE_STATE_PLAYING && x->state != EXCHANGE_STATE_PAUSED) {
		exchange_send_status(x, m, 455);
		return;
	}
	send_session_answer(x, m);
	if (x->state != EXCHANGE_STATE_PLAYING)
		return;
	exchange_go(x, EXCHANGE_STATE_PAUSED);
	tell(x, x->ops->on_pause);
}

/* Also before there is a session: a sink that wants to go may go. */
static void on_teardown(struct exchange *x, const struct rtsp_message *m)
{
	bool by_sink = x->state != EXCHANGE_STATE_TEARDOWN;

	x->sink.teardown_reason[0] = '\0';
	wfd_sink_parse(&x->sink, m->body, NULL);
	if (x->has_session)
		send_session_answer(x, m);
	else
		exchange_send_status(x, m, 200);
	exchange_end(x, by_sink ? END_BY_SINK : END_BY_US, x->sink.teardown_reason);
}

/* ---- the sink's own parameters ---- */

static void write_known(struct exchange *x, enum wfd_param param, struct writer *w)
{
	if (param == WFD_PARAM_VIDEO_FORMATS && x->has_accepted)
		wfd_write_video_formats(w, &x->accepted, x->sink.video_x.n_codecs > 0);
	else if (param == WFD_PARAM_AUDIO_CODECS && x->has_accepted)
		wfd_write_audio_codecs(w, &x->accepted);
	else if (param == WFD_PARAM_PRESENTATION_URL)
		text_write(w, "wfd_presentation_URL: rtsp://%s/wfd1.0/streamid=0 none\r\n",
			   x->address);
	else if (param == WFD_PARAM_CONTENT_PROTECTION)
		text_write(w, "wfd_content_protection: none\r\n");
}

/* Without a body it is the keep-alive of LG sinks, which drop a source that does not answer. */
static void on_get_parameter(struct exchange *x, const struct rtsp_message *m)
{
	uint8_t buffer[EXCHANGE_MESSAGE_SIZE];
	struct writer answer = exchange_answer(x, m, 200, buffer);
	char body[EXCHANGE_BODY_SIZE];
	struct writer w = writer_init(body, sizeof(body));
	struct text names = m->body, line;
	uint64_t seen = 0;

	while (text_line(&names, &line)) {
		enum wfd_param param = wfd_param_from_line(line);

		if (param == WFD_PARAM_COUNT || seen & WFD_PARAM_BIT(param))
			continue;
		seen |= WFD_PARAM_BIT(param);
		write_known(x, param, &w);
	}
	exchange_send_answer(x, &answer, (struct text){ body, writer_size(&w) });
}

static void go_standby(struct exchange *x)
{
	if (x->state != EXCHANGE_STATE_PLAYING && x->state != EXCHANGE_STATE_PAUSED)
		return;
	exchange_go(x, EXCHANGE_STATE_STANDBY);
	tell(x, x->ops->on_standby);
}

/* Each of these may end the session in its owner's hands; nothing is told after that. */
static void tell_parameters(struct exchange *x, uint64_t seen)
{
	const uint64_t monitor = WFD_PARAM_BIT(WFD_PARAM_VIDEO_FORMATS) |
				 WFD_PARAM_BIT(WFD_PARAM_X_VIDEO_FORMATS) |
				 WFD_PARAM_BIT(WFD_PARAM_2_VIDEO_FORMATS) |
				 WFD_PARAM_BIT(WFD_PARAM_MS_VIDEO_FORMATS) |
				 WFD_PARAM_BIT(WFD_PARAM_CONNECTOR_TYPE) |
				 WFD_PARAM_BIT(WFD_PARAM_DISPLAY_EDID);
	const uint64_t uibc = WFD_PARAM_BIT(WFD_PARAM_UIBC_SETTING) |
			      WFD_PARAM_BIT(WFD_PARAM_UIBC_CAPABILITY);

	if (seen & WFD_PARAM_BIT(WFD_PARAM_IDR_REQUEST) && x->state == EXCHANGE_STATE_PLAYING)
		tell(x, x->ops->on_idr_request);
	if (seen & WFD_PARAM_BIT(WFD_PARAM_STANDBY))
		go_standby(x);
	if (seen & uibc && x->ops->on_uibc && x->state != EXCHANGE_STATE_ENDED)
		x->ops->on_uibc(x->userdata, x->sink.uibc_enabled, &x->sink.uibc);
	if (seen & WFD_PARAM_BIT(WFD_PARAM_ROUTE) && x->ops->on_route &&
	    x->state != EXCHANGE_STATE_ENDED)
		x->ops->on_route(x->userdata, x->sink.route_secondary);
	if (seen & monitor && x->ops->on_monitor && x->state != EXCHANGE_STATE_ENDED)
		x->ops->on_monitor(x->userdata, &x->sink);
}

/*
 * What the sink says now goes over what it said in M3, unless it makes no sense; where the stream
 * goes is M3's and M6's to say.
 */
static void update_sink(struct exchange *x, uint64_t seen)
{
	struct wfd_rtp_ports rtp = x->sink.rtp;

	if (x->next_sink.malformed & seen)
		return;
	x->sink = x->next_sink;
	x->sink.rtp = rtp;
}

/* M11 to M15 and whatever makers think of: what is unknown is fine. */
static void on_set_parameter(struct exchange *x, const struct rtsp_message *m)
{
	uint64_t seen;

	exchange_send_status(x, m, 200);
	if (x->state == EXCHANGE_STATE_TEARDOWN || x->state == EXCHANGE_STATE_ENDED)
		return;
	x->next_sink = x->sink;
	wfd_sink_parse(&x->next_sink, m->body, &seen);
	update_sink(x, seen);
	tell_parameters(x, seen);
}

/* ---- what we ask once there is a session ---- */

static bool is_streaming(const struct exchange *x)
{
	return x->state == EXCHANGE_STATE_PLAYING || x->state == EXCHANGE_STATE_PAUSED ||
	       x->state == EXCHANGE_STATE_STANDBY;
}

void exchange_send_wanted(struct exchange *x, enum exchange_request request)
{
	switch (request) {
	case REQUEST_M4:
		exchange_next_format(x);
		exchange_send_m4(x);
		return;
	case REQUEST_M5:
		exchange_send_trigger(x, x->wanted_trigger);
		return;
	case REQUEST_M12:
		exchange_send_request(x, request, "SET_PARAMETER", text_from("wfd_standby\r\n"));
		return;
	case REQUEST_M10:
		exchange_send_request(x, request, "SET_PARAMETER",
				      text_from(x->route_secondary ? "wfd_route: secondary\r\n"
								   : "wfd_route: primary\r\n"));
		return;
	case REQUEST_PARAMETERS:
		exchange_send_request(x, request, "SET_PARAMETER", text_from(x->parameters));
		return;
	case REQUEST_M16:
		exchange_send_request(x, request, "GET_PARAMETER", (struct text){ 0 });
		return;
	case REQUEST_NONE:
	case REQUEST_M1:
	case REQUEST_M3:
		return;
	}
}

static void want_trigger(struct exchange *x, enum exchange_trigger trigger, uint64_t now_us)
{
	x->now = now_us;
	x->wanted_trigger = trigger;
	exchange_want(x, REQUEST_M5);
}

int exchange_play(struct exchange *x, uint64_t now_us)
{
	if (!is_streaming(x))
		return -EBUSY;
	want_trigger(x, TRIGGER_PLAY, now_us);
	return 0;
}

int exchange_pause(struct exchange *x, uint64_t now_us)
{
	if (!is_streaming(x))
		return -EBUSY;
	want_trigger(x, TRIGGER_PAUSE, now_us);
	return 0;
}

/* The sink's answer only says that it understood; what it does follows as a request of its own. */
void exchange_on_m5_answer(struct exchange *x, const struct rtsp_message *m)
{
	bool ok = exchange_is_ok(m);

	if (x->state == EXCHANGE_STATE_TRIGGER && ok)
		exchange_go(x, EXCHANGE_STATE_SETUP);
	else if (x->state == EXCHANGE_STATE_TEARDOWN && !ok)
		exchange_end(x, END_BY_US, "");
	else if (!ok && x->trigger != TRIGGER_PAUSE)
		exchange_refused(x, "M5", m->status);
	else if (x->trigger == TRIGGER_PLAY && x->state != EXCHANGE_STATE_PLAYING)
		x->state_deadline = x->now + x->limits.request;
}

int exchange_standby(struct exchange *x, uint64_t now_us)
{
	if (!is_streaming(x))
		return -EBUSY;
	if (!x->sink.standby)
		return -EOPNOTSUPP;
	x->now = now_us;
	exchange_want(x, REQUEST_M12);
	return 0;
}

void exchange_on_m12_answer(struct exchange *x, const struct rtsp_message *m)
{
	if (exchange_is_ok(m))
		go_standby(x);
}

int exchange_set_route(struct exchange *x, bool secondary, uint64_t now_us)
{
	if (!is_streaming(x))
		return -EBUSY;
	x->now = now_us;
	x->route_secondary = secondary;
	exchange_want(x, REQUEST_M10);
	return 0;
}

/* Lines that wait already are kept; together they must fit into one message. */
int exchange_set_parameters(struct exchange *x, const char *lines, uint64_t now_us)
{
	size_t used = x->wanted & 1u << REQUEST_PARAMETERS ? strlen(x->parameters) : 0;
	size_t size = strlen(lines);

	if (!is_streaming(x))
		return -EBUSY;
	if (size >= sizeof(x->parameters) - used)
		return -E2BIG;
	x->now = now_us;
	memcpy(x->parameters + used, lines, size + 1);
	exchange_want(x, REQUEST_PARAMETERS);
	return 0;
}

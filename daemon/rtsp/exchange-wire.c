// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The exchange, the words of our messages: requests, answers, the list of M3, the values of M4.
 * Decides nothing about their order.
 */
#include "rtsp/exchange-private.h"

#include "rtsp/wfd-quirks.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

/* What the picture needs from its capture to its presentation: PTS = time of capture + this. */
#define PRESENTATION_DELAY_US UINT64_C(50000)

/* Eight digits and letters. They hide nothing, they only must differ from session to session. */
static void make_session_id(uint64_t seed, char ret[static SESSION_ID_SIZE])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	seed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* splitmix64's mixer */
	seed = (seed ^ seed >> 27) * UINT64_C(0x94d049bb133111eb);
	seed ^= seed >> 31;
	for (size_t i = 0; i + 1 < SESSION_ID_SIZE; i++, seed /= 36)
		ret[i] = digits[seed % 36];
	ret[SESSION_ID_SIZE - 1] = '\0';
}

static bool is_plain(const char *string)
{
	size_t n = 0;

	for (; string[n]; n++)
		if (string[n] <= 0x20 || string[n] == 0x7f)
			return false;
	return n > 0;
}

/* An IPv6 address stands in brackets in a URL, and its zone means nothing to the peer. */
static int copy_address(struct exchange *x, const char *address)
{
	struct text rest = text_from(address), host;
	bool is_v6 = text_contains(rest, ":");
	int size;

	if (!is_plain(address) || !text_split(&rest, '%', &host))
		return -EINVAL;
	size = snprintf(x->address, sizeof(x->address), is_v6 ? "[%.*s]" : "%.*s", TEXT_ARGS(host));
	return size < 0 || (size_t)size >= sizeof(x->address) ? -EINVAL : 0;
}

static int copy_server_name(struct exchange *x, const char *name)
{
	int size;

	if (!name)
		return 0;
	size = snprintf(x->server_name, sizeof(x->server_name), "%s", name);
	return !is_plain(name) || size < 0 || (size_t)size >= sizeof(x->server_name) ? -EINVAL : 0;
}

/* What of the configuration stands in messages. 0 or -EINVAL. */
int exchange_set_names(struct exchange *x, const struct exchange_config *config)
{
	make_session_id(config->seed, x->session_id);
	if (copy_address(x, config->local_address) < 0)
		return -EINVAL;
	return copy_server_name(x, config->server_name);
}

void exchange_transcribe(struct exchange *x, enum exchange_direction direction, struct text message)
{
	if (x->ops->on_transcript)
		x->ops->on_transcript(x->userdata, direction, message.data, message.size);
}

/*
 * Nothing goes out after the end. A peer that does not read makes send fail; that is told like any
 * other failure, not from within the call that sent.
 */
static void send_message(struct exchange *x, const struct writer *w)
{
	int r;

	if (x->state == EXCHANGE_STATE_ENDED)
		return;
	assert(!w->failed);
	exchange_transcribe(x, EXCHANGE_DIRECTION_SENT,
			    (struct text){ (const char *)w->start, writer_size(w) });
	r = x->ops->send(x->userdata, w->start, writer_size(w));
	if (r < 0)
		exchange_lost(x, EXCHANGE_FAILURE_CONNECTION, r,
			      "the sink does not take our messages");
}

void exchange_send_request(struct exchange *x, enum exchange_request request, const char *method,
			   struct text body)
{
	uint8_t buffer[EXCHANGE_MESSAGE_SIZE];
	struct writer w = writer_init(buffer, sizeof(buffer));

	x->request = request;
	x->request_cseq = x->next_cseq++;
	x->request_deadline =
		x->now + (request == REQUEST_M16 ? x->limits.keepalive_reply : x->limits.reply);
	rtsp_write_request(&w, method, request == REQUEST_M1 ? "*" : EXCHANGE_URI, x->request_cseq);
	if (request == REQUEST_M1)
		rtsp_write_header(&w, "Require", "org.wfa.wfd1.0");
	if (x->has_session)
		rtsp_write_header(&w, "Session", "%s", x->session_id);
	rtsp_write_end(&w, body);
	send_message(x, &w);
}

/*
 * What is asked is what is used (a Microsoft adapter closes at a long list); the first four are all
 * of a short M3.
 */
static const enum wfd_param m3_names[] = {
	WFD_PARAM_VIDEO_FORMATS,
	WFD_PARAM_AUDIO_CODECS,
	WFD_PARAM_CLIENT_RTP_PORTS,
	WFD_PARAM_CONTENT_PROTECTION,
	WFD_PARAM_DISPLAY_EDID,
	WFD_PARAM_CONNECTOR_TYPE,
	WFD_PARAM_STANDBY_RESUME_CAPABILITY,
	WFD_PARAM_IDR_REQUEST_CAPABILITY,
	WFD_PARAM_X_VIDEO_FORMATS,
	WFD_PARAM_2_VIDEO_FORMATS,
	WFD_PARAM_MS_VIDEO_FORMATS,
	WFD_PARAM_MS_FORMAT_CHANGE,
	WFD_PARAM_MS_LATENCY,
	WFD_PARAM_MS_MAX_BITRATE,
	WFD_PARAM_MS_DIAGNOSTICS,
	WFD_PARAM_INTEL_FRIENDLY_NAME,
	WFD_PARAM_INTEL_MANUFACTURER,
	WFD_PARAM_INTEL_MODEL,
	WFD_PARAM_INTEL_VERSION,
};

#define M3_NAMES       (sizeof(m3_names) / sizeof(m3_names[0]))
#define M3_NAMES_SHORT 4u

void exchange_send_m3(struct exchange *x)
{
	char body[EXCHANGE_BODY_SIZE];
	struct writer w = writer_init(body, sizeof(body));

	if (exchange_get_quirks(x) & WFD_QUIRK_BIT(WFD_QUIRK_SHORT_M3))
		x->short_m3 = true;
	for (size_t i = 0; i < (x->short_m3 ? M3_NAMES_SHORT : M3_NAMES); i++)
		text_write(&w, "%s\r\n", wfd_param_to_string(m3_names[i]));
	if (!x->short_m3 && x->flags & EXCHANGE_FLAG_ASK_UIBC)
		text_write(&w, "%s\r\n", wfd_param_to_string(WFD_PARAM_UIBC_CAPABILITY));
	if (!x->short_m3 && x->flags & EXCHANGE_FLAG_ASK_RTCP)
		text_write(&w, "%s\r\n", wfd_param_to_string(WFD_PARAM_MS_RTCP));
	exchange_send_request(x, REQUEST_M3, "GET_PARAMETER",
			      (struct text){ body, writer_size(&w) });
}

/* The plain form is what R1 asks for; the other one is what better sinks understand as well. */
void exchange_send_m4(struct exchange *x)
{
	const struct exchange_format *f = &x->format;
	const struct wfd_choice *choice = &f->ladder[f->rung];
	uint64_t pts = (x->now + PRESENTATION_DELAY_US) * 9 / 100;
	char body[EXCHANGE_BODY_SIZE];
	struct writer w = writer_init(body, sizeof(body));

	wfd_write_video_formats(&w, choice, x->sink.video_x.n_codecs > 0);
	wfd_write_audio_codecs(&w, choice);
	if (x->has_session && !f->plain) {
		wfd_write_format_change_timing(&w, pts, pts);
	} else {
		text_write(&w, "wfd_presentation_URL: rtsp://%s/wfd1.0/streamid=0 none\r\n",
			   x->address);
		text_write(&w, "wfd_client_rtp_ports: %s\r\n", x->sink.rtp.text);
	}
	if (!x->has_session && !f->plain)
		text_write(&w, "microsoft_latency_management_capability: low\r\n");
	exchange_send_request(x, REQUEST_M4, "SET_PARAMETER",
			      (struct text){ body, writer_size(&w) });
}

void exchange_send_trigger(struct exchange *x, enum exchange_trigger trigger)
{
	static const char *const lines[] = {
		[TRIGGER_SETUP] = "wfd_trigger_method: SETUP\r\n",
		[TRIGGER_PLAY] = "wfd_trigger_method: PLAY\r\n",
		[TRIGGER_PAUSE] = "wfd_trigger_method: PAUSE\r\n",
		[TRIGGER_TEARDOWN] = "wfd_trigger_method: TEARDOWN\r\n",
	};

	x->trigger = trigger;
	exchange_send_request(x, REQUEST_M5, "SET_PARAMETER", text_from(lines[trigger]));
}

struct writer exchange_answer(struct exchange *x, const struct rtsp_message *m, unsigned status,
			      uint8_t buffer[static EXCHANGE_MESSAGE_SIZE])
{
	struct writer w = writer_init(buffer, EXCHANGE_MESSAGE_SIZE);

	rtsp_write_response(&w, status, m->has_cseq ? &m->cseq : NULL);
	if (x->server_name[0])
		rtsp_write_header(&w, "Server", "%s", x->server_name);
	return w;
}

void exchange_send_answer(struct exchange *x, struct writer *w, struct text body)
{
	rtsp_write_end(w, body);
	send_message(x, w);
}

void exchange_send_status(struct exchange *x, const struct rtsp_message *m, unsigned status)
{
	uint8_t buffer[EXCHANGE_MESSAGE_SIZE];
	struct writer w = exchange_answer(x, m, status, buffer);

	exchange_send_answer(x, &w, (struct text){ 0 });
}

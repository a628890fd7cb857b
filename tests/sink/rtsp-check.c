// SPDX-License-Identifier: GPL-2.0-or-later
/* The judgement of a source's messages; each rule's reason is a sink that was seen to need it. */
#include "rtsp-check.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_MAX 14 /* some sinks refuse 16 and more */

#define SHOW(t) (int)(t).len, (t).at ? (t).at : ""

static const char *const rule_names[RTSP_RULE_COUNT] = {
#define X(id, name, text) name,
	RTSP_RULES(X)
#undef X
};

const char *rtsp_rule_to_string(enum rtsp_rule rule)
{
	return rule_names[rule];
}

void rtsp_note(struct rtsp_facts *facts, enum rtsp_rule rule, const char *format, ...)
{
	va_list ap;

	if (facts->rules[rule].count++)
		return;
	va_start(ap, format);
	vsnprintf(facts->rules[rule].detail, sizeof(facts->rules[rule].detail), format, ap);
	va_end(ap);
}

void text_copy(char *to, size_t size, struct text from)
{
	snprintf(to, size, "%.*s", SHOW(from));
}

bool rtsp_find_parameter(const struct message *m, const char *name, struct text *ret_value)
{
	struct text rest = m->body;
	struct text line, found;

	while (text_line(&rest, &line)) {
		text_parameter(line, &found, ret_value);
		if (text_is(found, name))
			return true;
	}
	return false;
}

void rtsp_check_request(struct rtsp_facts *facts, const struct message *m)
{
	if (m->sloppy)
		rtsp_note(facts, RTSP_RULE_SYNTAX, "a line of %.*s ends with LF alone",
			  SHOW(m->method));
	if (!m->have_cseq) {
		rtsp_note(facts, RTSP_RULE_CSEQ, "%.*s without CSeq", SHOW(m->method));
	} else {
		if (!facts->cseq_last)
			facts->cseq_first = m->cseq;
		if (m->cseq != facts->cseq_last + 1)
			rtsp_note(facts, RTSP_RULE_CSEQ, "%llu after %llu",
				  (unsigned long long)m->cseq,
				  (unsigned long long)facts->cseq_last);
		facts->cseq_last = m->cseq;
	}
	if (m->body.len && !text_starts(message_header(m, "Content-Type"), "text/parameters"))
		rtsp_note(facts, RTSP_RULE_CONTENT, "%.*s with Content-Type '%.*s'",
			  SHOW(m->method), SHOW(message_header(m, "Content-Type")));
	if (text_is(m->method, "OPTIONS")) {
		if (!text_is(message_header(m, "Require"), "org.wfa.wfd1.0"))
			rtsp_note(facts, RTSP_RULE_REQUIRE, "Require '%.*s'",
				  SHOW(message_header(m, "Require")));
	} else if (!text_is(m->uri, "rtsp://localhost/wfd1.0")) {
		rtsp_note(facts, RTSP_RULE_URI, "%.*s to '%.*s'", SHOW(m->method), SHOW(m->uri));
	}
}

void rtsp_check_public(struct rtsp_facts *facts, const struct message *m)
{
	static const char *const allowed[] = { "org.wfa.wfd1.0", "SETUP", "TEARDOWN",
					       "PLAY",		 "PAUSE", "GET_PARAMETER",
					       "SET_PARAMETER" };
	enum {
		ALLOWED = sizeof(allowed) / sizeof(*allowed)
	};
	struct text rest = message_header(m, "Public");
	bool seen[ALLOWED] = { false };

	while (rest.len) {
		const char *comma = memchr(rest.at, ',', rest.len);
		size_t len = comma ? (size_t)(comma - rest.at) : rest.len;
		struct text item = text_trim((struct text){ rest.at, len });
		size_t i = 0;

		while (i < ALLOWED && !text_is(item, allowed[i]))
			i++;
		if (i == ALLOWED)
			rtsp_note(facts, RTSP_RULE_PUBLIC, "'%.*s' is none of a source's",
				  SHOW(item));
		else
			seen[i] = true;
		rest.at += len + (comma ? 1 : 0);
		rest.len -= len + (comma ? 1 : 0);
	}
	for (size_t i = 0; i < ALLOWED; i++)
		if (!seen[i])
			rtsp_note(facts, RTSP_RULE_PUBLIC, "%s is missing", allowed[i]);
}

void rtsp_check_m3(struct rtsp_facts *facts, const struct message *m)
{
	static const char *const wanted[] = { "wfd_video_formats", "wfd_audio_codecs",
					      "wfd_client_rtp_ports" };
	struct text value;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (!rtsp_find_parameter(m, wanted[i], &value))
			rtsp_note(facts, RTSP_RULE_NAMES, "%s is not asked for", wanted[i]);
}

/* The value that the profile answered to M3. */
static struct text offered_value(const struct rtsp_config *config, const char *name)
{
	const struct parameter *parameter =
		profile_find_parameter(config->profile, (struct text){ name, strlen(name) });
	struct text ignored, value = { 0 };

	if (parameter)
		text_parameter(parameter->line, &ignored, &value);
	return value;
}

static const char *judge_video(struct rtsp_facts *facts, const struct rtsp_config *config,
			       const struct message *m, bool extended, struct text value)
{
	const char *name = extended ? "wfdx_video_formats" : "wfd_video_formats";
	struct wfd_formats offered, chosen;
	struct text ours = offered_value(config, name), microsoft;
	bool known = wfd_formats_parse(ours, extended, &offered) == 0;

	offered.microsoft = wfd_microsoft_parse(offered_value(config, "microsoft_video_formats"));
	if (wfd_formats_parse(value, extended, &chosen) < 0)
		return "cannot be read";
	if (rtsp_find_parameter(m, "microsoft_video_formats", &microsoft))
		chosen.microsoft = wfd_microsoft_parse(microsoft);
	return wfd_choose_video(&chosen, known ? &offered : NULL, &facts->choice);
}

/* MS-WFDPE 2.7.1.1: where there is wfdx_video_formats, wfd_video_formats does not count. */
static bool check_video(struct rtsp_facts *facts, const struct rtsp_config *config,
			const struct message *m)
{
	struct text plain, extended;
	bool has_plain = rtsp_find_parameter(m, "wfd_video_formats", &plain);
	bool has_extended = rtsp_find_parameter(m, "wfdx_video_formats", &extended);
	const char *wrong;

	if (!has_plain && !has_extended)
		return false;
	wrong = judge_video(facts, config, m, has_extended, has_extended ? extended : plain);
	if (has_plain && (has_extended || offered_value(config, "wfdx_video_formats").at))
		wrong = "must not stand beside wfdx_video_formats";
	if (wrong)
		rtsp_note(facts, RTSP_RULE_MODE, "video_formats %s", wrong);
	text_copy(facts->video_formats, sizeof(facts->video_formats),
		  has_extended ? extended : plain);
	return true;
}

static void check_audio(struct rtsp_facts *facts, const struct rtsp_config *config,
			const struct message *m)
{
	struct text offered = offered_value(config, "wfd_audio_codecs");
	bool has_sound = offered.at && !text_is(offered, "none");
	const char *wrong = NULL;
	struct text value;

	if (!rtsp_find_parameter(m, "wfd_audio_codecs", &value)) {
		/* Some sinks refuse an M4 without it even for a silent picture. */
		wrong = has_sound ? "is missing" : NULL;
	} else {
		if (has_sound)
			wrong = wfd_choose_audio(value, offered, &facts->choice);
		else if (!text_is(value, "none"))
			wrong = "names a codec, and none was offered";
		text_copy(facts->audio_codecs, sizeof(facts->audio_codecs), value);
	}
	if (wrong)
		rtsp_note(facts, RTSP_RULE_AUDIO, "wfd_audio_codecs %s", wrong);
}

static void check_ports(struct rtsp_facts *facts, const struct rtsp_config *config,
			const struct message *m)
{
	struct text value;
	char port[16];

	snprintf(port, sizeof(port), "%u", config->client_port);
	if (!rtsp_find_parameter(m, "wfd_client_rtp_ports", &value))
		rtsp_note(facts, RTSP_RULE_PORTS, "wfd_client_rtp_ports is missing");
	else if (!memmem(value.at, value.len, port, strlen(port)))
		rtsp_note(facts, RTSP_RULE_PORTS, "'%.*s' lacks our port %s", SHOW(value), port);
}

static void check_url(struct rtsp_facts *facts, const struct rtsp_config *config,
		      const struct message *m)
{
	char expected[128];
	struct text value;
	size_t len = 0;

	if (!rtsp_find_parameter(m, "wfd_presentation_URL", &value)) {
		rtsp_note(facts, RTSP_RULE_URL, "wfd_presentation_URL is missing");
		return;
	}
	while (len < value.len && value.at[len] != ' ')
		len++;
	text_copy(facts->url, sizeof(facts->url), (struct text){ value.at, len });
	snprintf(expected, sizeof(expected), "rtsp://%s", config->peer);
	if (strncmp(facts->url, expected, strlen(expected)) != 0)
		rtsp_note(facts, RTSP_RULE_URL, "'%.80s' does not begin with %s", facts->url,
			  expected);
	else if (!strstr(facts->url, "/wfd1.0/streamid=0"))
		rtsp_note(facts, RTSP_RULE_URL, "'%.80s' does not end with /wfd1.0/streamid=0",
			  facts->url);
}

bool rtsp_check_m4(struct rtsp_facts *facts, const struct rtsp_config *config,
		   const struct message *m)
{
	bool again = facts->have_choice;

	if (!check_video(facts, config, m))
		return false;
	/* A later M4 may bring the changed parameters only. */
	if (!again) {
		check_audio(facts, config, m);
		check_ports(facts, config, m);
		check_url(facts, config, m);
	}
	facts->have_choice = true;
	return true;
}

void rtsp_check_session(struct rtsp_facts *facts, const struct message *m)
{
	struct text session = message_header(m, "Session");

	if (!session.at || !facts->session[0])
		return;
	if (!text_is(session, facts->session))
		rtsp_note(facts, RTSP_RULE_SESSION, "request with Session '%.*s', not '%s'",
			  SHOW(session), facts->session);
}

static void check_session_id(struct rtsp_facts *facts, const struct message *m)
{
	struct text session = message_header(m, "Session");
	struct text timeout;
	uint64_t seconds;
	size_t len = 0;

	while (len < session.len && session.at[len] != ';')
		len++;
	text_copy(facts->session, sizeof(facts->session),
		  text_trim((struct text){ session.at, len }));
	len = strlen(facts->session);
	if (!len || len > SESSION_MAX)
		rtsp_note(facts, RTSP_RULE_SESSION, "Session '%s' has %zu characters",
			  facts->session, len);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)facts->session[i]))
			rtsp_note(facts, RTSP_RULE_SESSION, "Session '%s'", facts->session);
	timeout = session.at ? text_attribute(session, "timeout") : (struct text){ 0 };
	if (timeout.at && !text_number(timeout, 3600, &seconds))
		rtsp_note(facts, RTSP_RULE_SESSION, "timeout '%.*s'", SHOW(timeout));
	else if (timeout.at)
		facts->timeout_s = (unsigned)seconds;
}

/* The first number of "19000" or "19000-19001", 0 if there is none. */
static unsigned first_port(struct text range)
{
	const char *dash = range.len ? memchr(range.at, '-', range.len) : NULL;
	uint64_t port;

	if (dash)
		range.len = (size_t)(dash - range.at);
	return text_number(range, 65535, &port) ? (unsigned)port : 0;
}

void rtsp_check_setup(struct rtsp_facts *facts, const struct rtsp_config *config,
		      const struct message *m)
{
	struct text transport = message_header(m, "Transport");
	unsigned client;

	check_session_id(facts, m);
	text_copy(facts->transport, sizeof(facts->transport), transport);
	client = transport.at ? first_port(text_attribute(transport, "client_port")) : 0;
	facts->server_port = transport.at ? first_port(text_attribute(transport, "server_port"))
					  : 0;
	if (client != config->client_port)
		rtsp_note(facts, RTSP_RULE_TRANSPORT, "client_port %u, not %u", client,
			  config->client_port);
	if (!facts->server_port)
		rtsp_note(facts, RTSP_RULE_TRANSPORT, "no server_port in '%.*s'", SHOW(transport));
}

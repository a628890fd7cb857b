// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser's front: findings, facts, and the order in which its layers see a datagram.
 * The rules themselves are in analyse-rtp.c, -ts.c, -psi.c, -pes.c, -h264.c and -audio.c.
 */
#include "analyse-parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const rule_names[RULE_COUNT] = {
#define X(id, name, text) name,
	RULES(X)
#undef X
};

static const char *const rule_texts[RULE_COUNT] = {
#define X(id, name, text) text,
	RULES(X)
#undef X
};

const char *rule_to_string(enum rule rule)
{
	return rule < RULE_COUNT ? rule_names[rule] : "?";
}

const char *rule_text(enum rule rule)
{
	return rule < RULE_COUNT ? rule_texts[rule] : "?";
}

const char *audio_codec_to_string(enum audio_codec codec)
{
	switch (codec) {
	case AUDIO_NONE:
		return "none";
	case AUDIO_LPCM:
		return "lpcm";
	case AUDIO_AAC:
		return "aac";
	case AUDIO_AC3:
		return "ac3";
	}
	return "?";
}

void findings_note(struct findings *f, enum rule rule, const char *format, ...)
{
	struct finding *finding = &f->rule[rule];
	va_list ap;

	if (finding->count++)
		return;
	finding->datagram = f->datagrams ? f->datagrams - 1 : 0;
	finding->packet = f->packets ? f->packets - 1 : 0;
	va_start(ap, format);
	vsnprintf(finding->detail, sizeof(finding->detail), format, ap);
	va_end(ap);
}

int64_t pts_diff(uint64_t a, uint64_t b)
{
	int64_t diff = (int64_t)((a - b) & ((UINT64_C(1) << 33) - 1));

	return diff >= INT64_C(1) << 32 ? diff - (INT64_C(1) << 33) : diff;
}

int64_t pcr_diff(uint64_t a, uint64_t b)
{
	const int64_t wrap = (INT64_C(1) << 33) * 300;
	int64_t diff = (int64_t)a - (int64_t)b;

	if (diff < -wrap / 2)
		diff += wrap;
	else if (diff > wrap / 2)
		diff -= wrap;
	return diff;
}

int analyser_new(const struct analyser_ops *ops, void *user, struct analyser **ret)
{
	static const unsigned pids[] = { PID_PAT, PID_PMT, PID_PCR, PID_VIDEO, PID_AUDIO };
	struct analyser *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->ops = ops;
	a->user = user;
	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++)
		a->pids[i].pid = pids[i];
	a->video.pid = PID_VIDEO;
	a->video.restart = true;
	a->audio.pid = PID_AUDIO;
	a->video.data = malloc(ANALYSE_AU_MAX);
	a->audio.data = malloc(ANALYSE_AU_MAX);
	if (!a->video.data || !a->audio.data) {
		analyser_free(a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

void analyser_free(struct analyser *a)
{
	if (!a)
		return;
	free(a->video.data);
	free(a->audio.data);
	free(a);
}

void analyser_expect(struct analyser *a, const struct expectation *expect)
{
	struct h264_check *h = &a->h264;

	if (h->expect_new) {
		h->before = h->expect;
		h->expect_old = true;
	}
	h->expect = *expect;
	h->expect_new = true;
}

void analyser_pause(struct analyser *a, bool paused)
{
	a->paused = paused;
	ts_forget_time(a);
}

void analyser_push_datagram(struct analyser *a, const uint8_t *p, size_t len, uint64_t arrival_us)
{
	a->findings.datagrams++;
	a->facts.datagrams++;
	a->facts.bytes += len;
	rtp_push(a, p, len, arrival_us);
}

void analyser_tick(struct analyser *a, uint64_t now_us)
{
	rtp_tick(a, now_us);
}

void analyser_push_packet(struct analyser *a, const uint8_t p[static TS_SIZE], uint64_t arrival_us)
{
	ts_push(a, p, arrival_us);
}

void analyser_finish(struct analyser *a)
{
	rtp_flush(a);
	/* It was we who stopped listening. */
	pes_cut(a, &a->video);
	pes_cut(a, &a->audio);
}

const struct findings *analyser_findings(const struct analyser *a)
{
	return &a->findings;
}

const struct stream_facts *analyser_facts(const struct analyser *a)
{
	return &a->facts;
}

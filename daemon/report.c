// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include "media/protocol.h"
#include "util/cleanup.h"
#include "util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void report_begin(struct report *r)
{
	*r = (struct report){ .begin_us = clock_now_us(), .end_reason = SESSION_END_USER };
}

void report_state(struct report *r, enum session_state state)
{
	if (r->n_states == REPORT_STATES_MAX)
		return;
	r->states[r->n_states].t_us = clock_now_us() - r->begin_us;
	r->states[r->n_states].state = state;
	r->n_states++;
}

void report_end(struct report *r, const struct session_end *end)
{
	r->end_reason = end->reason;
	r->end_stage = end->stage;
	r->end_error = end->error;
	(void)snprintf(r->end_text, sizeof(r->end_text), "%s", end->text);
}

/* RFC 8259 section 7; our texts are short and mostly ASCII, a peer's words may be anything. */
static void put_string(FILE *f, const char *text)
{
	fputc('"', f);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(f, "\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f)
			fprintf(f, "\\u%04x", *c);
		else
			fputc(*c, f);
	}
	fputc('"', f);
}

static void put_latency(FILE *f, const char *key, const struct latency_histogram *h, const char *end)
{
	fprintf(f, "    \"%s\": {\"p50\": %" PRIu32 ", \"p99\": %" PRIu32 ", \"max\": %" PRIu32
		   ", \"count\": %" PRIu32 "}%s\n",
		key, latency_percentile(h, 500), latency_percentile(h, 990), h->max_us, h->count, end);
}

/* [b, n]: n pictures took from 2^(b/8) to 2^((b+1)/8) microseconds. */
static void put_buckets(FILE *f, const struct latency_histogram *h)
{
	const char *between = "";

	fprintf(f, "  \"ready_to_last_datagram_buckets\": [");
	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++) {
		if (!h->buckets[i])
			continue;
		fprintf(f, "%s[%u, %" PRIu32 "]", between, i, h->buckets[i]);
		between = ", ";
	}
	fprintf(f, "],\n");
}

static void put_latencies(FILE *f, const struct stream_state *s)
{
	fprintf(f, "  \"latency_us\": {\n");
	put_latency(f, "ready_to_acquired", &s->ready_to_acquired, ",");
	put_latency(f, "ready_to_started", &s->ready_to_started, ",");
	put_latency(f, "ready_to_converted", &s->ready_to_converted, ",");
	put_latency(f, "ready_to_encoded", &s->ready_to_encoded, ",");
	put_latency(f, "ready_to_first_datagram", &s->ready_to_first_datagram, ",");
	put_latency(f, "ready_to_last_datagram", &s->ready_to_last_datagram, ",");
	put_latency(f, "idr_ready_to_last_datagram", &s->idr_ready_to_last_datagram, ",");
	put_latency(f, "beside_encoder", &s->beside_encoder, "");
	fprintf(f, "  },\n");
	put_buckets(f, &s->ready_to_last_datagram);
}

static void put_mode(FILE *f, const struct media_format *format)
{
	fprintf(f,
		"  \"mode\": {\"width\": %u, \"height\": %u, \"refresh_hz\": %u, "
		"\"profile\": \"%s\", \"level\": \"%u.%u\"},\n",
		format->mode.width, format->mode.height, format->mode.refresh_hz,
		format->profile == MEDIA_PROFILE_CHP ? "CHP" : "CBP", format->level_idc / 10,
		format->level_idc % 10);
}

static void put_stream(FILE *f, const struct stream_state *s)
{
	fprintf(f,
		"  \"video\": {\"frames_captured\": %" PRIu64 ", \"frames_encoded\": %" PRIu64
		", \"frames_dropped\": %" PRIu64 ", \"late\": %" PRIu64 "},\n",
		s->frames_captured, s->frames_encoded, s->frames_dropped, s->frames_late);
	fprintf(f,
		"  \"stream\": {\"datagrams\": %" PRIu64 ", \"bytes\": %" PRIu64
		", \"idr_frames\": %" PRIu64 ", \"raw_bytes_copied\": %" PRIu64
		", \"send_errors\": %" PRIu64 ", \"dumped_pts\": %" PRIu64 "},\n",
		s->datagrams, s->bytes, s->idr_frames, s->raw_bytes_copied, s->send_errors,
		s->dumped_pts);
	put_latencies(f, s);
}

static void put_states(FILE *f, const struct report *r)
{
	fprintf(f, "  \"states\": [");
	for (unsigned int i = 0; i < r->n_states; i++)
		fprintf(f, "%s\n    {\"t_us\": %" PRIu64 ", \"state\": \"%s\"}", i ? "," : "",
			r->states[i].t_us, session_state_to_string(r->states[i].state));
	fprintf(f, "\n  ],\n");
}

static void put_report(FILE *f, const struct report *r, const struct session_status *status)
{
	fprintf(f, "{\n");
	put_mode(f, &status->format);
	fprintf(f, "  \"encoder\": ");
	put_string(f, status->encoder);
	fprintf(f, ",\n  \"rate_bps\": %" PRIu64 ",\n  \"link_quality\": \"%s\",\n"
		   "  \"media_restarts\": %" PRIu32 ",\n",
		status->rate_bps, status->link_quality, status->media_restarts);
	put_stream(f, status->stream);
	fprintf(f,
		"  \"rtsp_us\": {\"connect_to_play\": %" PRIu64 "},\n"
		"  \"idr_requests\": %" PRIu32 ",\n",
		status->connect_to_play_us, r->idr_requests);
	put_states(f, r);
	fprintf(f, "  \"end_reason\": \"%s\",\n", session_end_reason_to_string(r->end_reason));
	fprintf(f, "  \"end_stage\": \"%s\",\n  \"end_error\": %d,\n  \"end_text\": ",
		r->end_text[0] ? session_stage_to_string(r->end_stage) : "", r->end_error);
	put_string(f, r->end_text);
	fprintf(f, "\n}\n");
}

int report_write(const struct report *r, const struct session_status *status, const char *path)
{
	_cleanup_free_ char *temporary = NULL;
	struct stat st;
	/* A device or a pipe is written as it is: what replaced it would not be one any more. */
	bool in_place = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
	FILE *f;
	bool bad;

	if (asprintf(&temporary, "%s%s", path, in_place ? "" : ".new") < 0)
		return -ENOMEM;
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	put_report(f, r, status);
	bad = ferror(f);
	if (fclose(f) != 0 || bad || (!in_place && rename(temporary, path) < 0)) {
		int error = errno ? -errno : -EIO;

		if (!in_place)
			(void)unlink(temporary);
		return error;
	}
	return 0;
}

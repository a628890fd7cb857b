// SPDX-License-Identifier: GPL-2.0-or-later
/* The report's keys, in the order in which they are read most. */
#include "sink-report.h"
#include "json.h"

#include <string.h>

static double ms(uint64_t us)
{
	return (double)us / 1000;
}

static const char *profile_name(unsigned profile_idc, unsigned constraint)
{
	if (profile_idc == 66)
		return constraint & 0x40 ? "Constrained Baseline" : "Baseline";
	if (profile_idc == 100)
		return (constraint & 0x0c) == 0x0c ? "Constrained High" : "High";
	return profile_idc == 77 ? "Main" : "other";
}

static void write_video(struct json *j, const struct report *r)
{
	char level[16];

	json_begin(j, "video", '{');
	if (r->decode) {
		json_int(j, "frames_decoded", (int64_t)r->decode->frames_decoded);
		json_int(j, "stamps_read", (int64_t)r->decode->stamps_read);
		json_int(j, "stamps_bad", (int64_t)r->decode->stamps_bad);
		json_int(j, "stamps_repeated", (int64_t)r->decode->stamps_repeated);
		json_int(j, "stamps_backwards", (int64_t)r->decode->stamps_backwards);
		if (r->decode->stamps_read) {
			json_int(j, "stamp_first", r->decode->stamp_first);
			json_int(j, "stamp_last", r->decode->stamp_last);
			json_int(j, "stamp_x", r->decode->stamp_x);
			json_int(j, "stamp_y", r->decode->stamp_y);
		}
		json_int(j, "decode_errors", (int64_t)r->decode->decode_errors);
		json_int(j, "decoder_overrun_bytes", (int64_t)r->decode->overrun_bytes);
	}
	json_int(j, "access_units", (int64_t)r->stream->access_units);
	json_int(j, "idr_frames", (int64_t)r->stream->idrs);
	json_int(j, "largest_unit_bytes", (int64_t)r->stream->au_bytes_max);
	json_int(j, "most_slices", (int64_t)r->stream->slices_max);
	json_int(j, "width", r->stream->width);
	json_int(j, "height", r->stream->height);
	json_string(j, "profile",
		    r->stream->width ? profile_name(r->stream->profile_idc, r->stream->constraint)
				     : "none");
	snprintf(level, sizeof(level), "%u.%u", r->stream->level_idc / 10,
		 r->stream->level_idc % 10);
	json_string(j, "level", level);
	json_double(j, "sps_fps", r->stream->sps_fps);
	json_end(j, '}');
}

static void write_stream(struct json *j, const struct report *r)
{
	const struct stream_facts *s = r->stream;

	json_begin(j, "ts", '{');
	json_int(j, "packets", (int64_t)s->packets);
	json_int(j, "continuity_errors", (int64_t)r->findings->rule[RULE_TS_CONTINUITY].count);
	json_int(j, "continuity_after_loss", (int64_t)s->continuity_after_loss);
	json_int(j, "discontinuities", (int64_t)s->discontinuities);
	json_double(j, "pcr_gap_ms_max", ms(s->pcr_gap_us));
	json_double(j, "pcr_wire_gap_ms_max", ms(s->pcr_wire_gap_us));
	json_double(j, "psi_gap_ms_max", ms(s->psi_gap_us));
	json_double(j, "psi_wire_gap_ms_max", ms(s->psi_wire_gap_us));
	json_double(j, "pcr_jitter_ms", ms(s->pcr_jitter_us));
	json_double(j, "pcr_ppm", s->pcr_ppm);
	if (s->have_pts) {
		json_double(j, "pts_minus_pcr_ms_min", (double)s->pts_minus_pcr_min_us / 1000);
		json_double(j, "pts_minus_pcr_ms_max", (double)s->pts_minus_pcr_max_us / 1000);
		json_double(j, "pts_minus_pcr_ms_min_at_end",
			    (double)s->pts_minus_pcr_end_min_us / 1000);
	} else {
		json_null(j, "pts_minus_pcr_ms_min");
		json_null(j, "pts_minus_pcr_ms_max");
	}
	json_end(j, '}');

	json_begin(j, "rtp", '{');
	json_int(j, "datagrams", (int64_t)s->datagrams);
	json_int(j, "bytes", (int64_t)s->bytes);
	json_int(j, "lost", (int64_t)s->lost);
	json_int(j, "reordered", (int64_t)s->reordered);
	json_int(j, "duplicates", (int64_t)s->duplicates);
	json_int(j, "marked", (int64_t)s->marked);
	if (r->receive) {
		json_int(j, "kernel_drops", (int64_t)r->receive->kernel_drops);
		json_int(j, "ring_drops", (int64_t)r->receive->ring_drops);
		json_int(j, "foreign", (int64_t)r->receive->foreign);
		json_int(j, "socket_buffer", r->receive->buffer);
	}
	json_end(j, '}');
}

static void write_rtcp(struct json *j, const struct rtcp_counts *c)
{
	if (!c) {
		json_null(j, "rtcp");
		return;
	}
	json_begin(j, "rtcp", '{');
	json_int(j, "sender_reports", (int64_t)c->sender_reports);
	json_int(j, "bad_reports", (int64_t)c->bad_reports);
	json_int(j, "receiver_reports", (int64_t)c->receiver_reports);
	json_int(j, "lost", c->lost);
	json_int(j, "jitter_us", c->jitter_us);
	json_end(j, '}');
}

static void write_times(struct json *j, const struct report *r)
{
	const struct decode_facts *d = r->decode;

	json_begin(j, "latency_us", '{');
	json_begin(j, "source_to_decoded", '{');
	if (d->latency.count) {
		json_int(j, "p50", (int64_t)d->latency.p50);
		json_int(j, "p99", (int64_t)d->latency.p99);
		json_int(j, "max", (int64_t)d->latency.max);
	} else {
		json_null(j, "p50");
		json_null(j, "p99");
		json_null(j, "max");
	}
	json_end(j, '}');
	json_end(j, '}');
	if (d->first_picture_us && r->connected_us)
		json_int(j, "connect_to_first_picture_us",
			 (int64_t)(d->first_picture_us - r->connected_us));
	else
		json_null(j, "connect_to_first_picture_us");
}

static void write_audio(struct json *j, const struct report *r)
{
	if (r->stream->audio == AUDIO_NONE && !r->stream->audio_units) {
		json_null(j, "audio");
		return;
	}
	json_begin(j, "audio", '{');
	json_string(j, "codec", audio_codec_to_string(r->stream->audio));
	json_int(j, "units", (int64_t)r->stream->audio_units);
	json_int(j, "bytes", (int64_t)r->stream->audio_bytes);
	json_int(j, "continuity_errors", (int64_t)r->findings->rule[RULE_AUDIO_RATE].count);
	if (r->decode) {
		json_int(j, "frames_decoded", (int64_t)r->decode->audio_frames);
		json_int(j, "decode_errors", (int64_t)r->decode->audio_errors);
	}
	json_end(j, '}');
}

bool report_tolerate(struct tolerated *tolerated, const char *rule)
{
	for (int i = 0; i < RULE_COUNT; i++)
		if (!strcmp(rule, rule_to_string((enum rule)i)))
			return tolerated->stream[i] = true;
	for (int i = 0; i < RTSP_RULE_COUNT; i++)
		if (!strcmp(rule, rtsp_rule_to_string((enum rtsp_rule)i)))
			return tolerated->rtsp[i] = true;
	return false;
}

unsigned report_broken_rules(const struct report *r, const struct tolerated *tolerated)
{
	static const struct tolerated nothing;
	const struct tolerated *past = tolerated ? tolerated : &nothing;
	unsigned count = 0;

	for (int i = 0; i < RULE_COUNT; i++)
		count += r->findings->rule[i].count != 0 && !past->stream[i];
	for (int i = 0; r->rtsp && i < RTSP_RULE_COUNT; i++)
		count += r->rtsp->rules[i].count != 0 && !past->rtsp[i];
	return count;
}

/* Every rule is listed, so that 0 says that it was looked at. */
static void write_rules(struct json *j, const struct report *r)
{
	json_begin(j, "rules", '{');
	for (int i = 0; i < RULE_COUNT; i++)
		json_int(j, rule_to_string((enum rule)i), (int64_t)r->findings->rule[i].count);
	for (int i = 0; r->rtsp && i < RTSP_RULE_COUNT; i++)
		json_int(j, rtsp_rule_to_string((enum rtsp_rule)i),
			 (int64_t)r->rtsp->rules[i].count);
	json_end(j, '}');
	json_int(j, "rules_broken", report_broken_rules(r, NULL));
	json_begin(j, "first_findings", '{');
	for (int i = 0; i < RULE_COUNT; i++) {
		const struct finding *f = &r->findings->rule[i];

		if (!f->count)
			continue;
		json_begin(j, rule_to_string((enum rule)i), '{');
		json_string(j, "rule", rule_text((enum rule)i));
		json_string(j, "found", f->detail);
		json_int(j, "datagram", (int64_t)f->datagram);
		json_int(j, "packet", (int64_t)f->packet);
		json_end(j, '}');
	}
	for (int i = 0; r->rtsp && i < RTSP_RULE_COUNT; i++)
		if (r->rtsp->rules[i].count)
			json_string(j, rtsp_rule_to_string((enum rtsp_rule)i),
				    r->rtsp->rules[i].detail);
	json_end(j, '}');
}

static void write_choice(struct json *j, const struct rtsp_facts *f)
{
	const struct wfd_choice *c = &f->choice;
	char level[16];

	json_begin(j, "chosen", '{');
	json_string(j, "video_formats", f->video_formats);
	json_string(j, "audio_codecs", f->audio_codecs);
	json_string(j, "presentation_url", f->url);
	if (c->have_video) {
		json_string(j, "table", wfd_table_to_string(c->table));
		json_int(j, "index", c->index);
		json_int(j, "width", c->mode.width);
		json_int(j, "height", c->mode.height);
		json_int(j, "refresh_hz", c->mode.fps);
		json_string(j, "profile", c->profile_idc == 66 ? "CBP" : "CHP");
		snprintf(level, sizeof(level), "%u.%u", c->level_idc / 10, c->level_idc % 10);
		json_string(j, "level", level);
	}
	if (c->have_audio)
		json_string(j, "audio", audio_codec_to_string(c->audio));
	json_end(j, '}');
}

static void write_rtsp(struct json *j, const struct rtsp_facts *f)
{
	json_begin(j, "rtsp", '{');
	json_bool(j, "ended_as_planned", f->planned);
	json_string(j, "end", f->why);
	write_choice(j, f);
	json_string(j, "session", f->session);
	json_string(j, "transport", f->transport);
	json_int(j, "server_port", f->server_port);
	json_int(j, "session_timeout_s", f->timeout_s);
	json_int(j, "cseq_first", (int64_t)f->cseq_first);
	json_int(j, "cseq_last", (int64_t)f->cseq_last);
	json_int(j, "connect_to_play_us", (int64_t)f->connect_to_play_us);
	json_int(j, "reply_us_max", (int64_t)f->reply_us_max);
	json_int(j, "keepalives", (int64_t)f->keepalives);
	json_int(j, "triggers", (int64_t)f->triggers);
	json_int(j, "idr_requests", (int64_t)f->idr_requests);
	json_begin(j, "messages", '[');
	for (size_t i = 0; i < f->entries_count; i++) {
		const struct rtsp_entry *e = &f->entries[i];

		json_begin(j, NULL, '{');
		j->flat = true;
		json_int(j, "t_us", (int64_t)e->t_us);
		json_string(j, "from", e->out ? "sink" : "source");
		json_string(j, "message", e->name);
		json_string(j, "kind", e->reply ? "reply" : "request");
		json_int(j, "cseq", (int64_t)e->cseq);
		if (e->reply)
			json_int(j, "status", e->status);
		json_end(j, '}');
		j->flat = false;
	}
	json_end(j, ']');
	json_end(j, '}');
}

static void write_pictures(struct json *j, const struct decode_facts *d)
{
	json_begin(j, "pictures", '[');
	for (size_t i = 0; i < d->pictures_count; i++) {
		const struct decode_picture *p = &d->pictures[i];

		json_begin(j, NULL, '{');
		j->flat = true;
		json_int(j, "pts", p->pts);
		if (p->stamped)
			json_int(j, "frame", p->frame);
		json_int(j, "decoded_us", (int64_t)p->decoded_us);
		json_end(j, '}');
		j->flat = false;
	}
	json_end(j, ']');
}

void report_write(const struct report *r, FILE *out)
{
	struct json j = { .out = out };
	char nonce[16];

	json_begin(&j, NULL, '{');
	json_string(&j, "result", r->result);
	json_int(&j, "exit_code", r->exit_code);
	write_video(&j, r);
	if (r->decode) {
		snprintf(nonce, sizeof(nonce), "%08x", r->decode->nonce);
		if (r->decode->have_nonce)
			json_string(&j, "nonce", nonce);
		else
			json_null(&j, "nonce");
	}
	write_stream(&j, r);
	write_rtcp(&j, r->rtcp);
	if (r->decode)
		write_times(&j, r);
	write_audio(&j, r);
	write_rules(&j, r);
	if (r->rtsp)
		write_rtsp(&j, r->rtsp);
	if (r->decode)
		write_pictures(&j, r->decode);
	json_end(&j, '}');
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The policy.
 *
 * Ceiling: what the link recommends, at most 90 % of what its radio can do, at most what the sink
 * allows. A link that gives no facts and a sink that complains of nothing stay there for good.
 * Floor: half of the least at which the mode is offered, at least RATE_MIN_BPS.
 *
 * Down, at once, to a part of what was really sent:
 *   a queue on this host of 100 ms		0.7, of 250 ms 0.5; again when it did not shrink
 *   RTCP: more than 10 % lost, or 2 %
 *   and a round trip as below			0.8 of what arrived, which is the link's rate
 *   RTCP: 2 to 10 % lost			less by half of that part
 *   RTCP: round trip 150 ms above its best	0.8; again after 1.5 s
 *   IDR requests or NACKs, close together	0.3, then 0.5 each, where no RTCP reports tell more
 *   the radio gives up 5 % of its frames	0.85
 * After a step the network is given 400 ms to show its effect before the next one.
 *
 * Hold: 5 s after a step down, 10 s when the same rate failed again. A first IDR request alone, 2 %
 * of loss or many retries only hold: sinks ask for pictures for other reasons, too.
 *
 * Up, once a second: 25 % far from the rate that failed last (below 60 % of it, and once it is
 * overcome); 8 % near it; 4 % around it (85 to 110 %). From 3 back to 20 Mbit/s takes less
 * than half a minute.
 *
 * Own loss: a sink without RTCP complains by IDR requests only, and one datagram in a hundred that
 * the radio loses makes almost as many of them as a link that is five times too slow. The
 * difference is in their rhythm. A link that is too slow loses all the time, so that the sink asks
 * whenever its maker allows it to; once it is asked for less than it carries, it loses nothing. A
 * lossy one leaves spans of time without loss, longer ones at lower rates: requests come late, at
 * more than twice the sink's shortest interval. So requests lower the rate only when three come
 * close together (within 1.5 times that interval, or 800 ms; four where a late one was seen in the
 * last seconds; right after a step down one is enough), and when a quarter of six come late, at
 * whatever rate, the link has loss of its own: from then on they lower nothing, and the rate is
 * doubled as long as a quarter of 16 come late. If not a single one does, the link is too slow as
 * well: half of it, and not back there for a minute. One datagram in a thousand then costs next to
 * nothing, one in a hundred most of the rate still: with ten losses a second there is no span.
 *
 * What cannot be seen: a queue behind this host that is deep enough to lose nothing shows in RTCP's
 * round trip alone; and a link that carries just less than the floor looks like one with own loss.
 * The link's true rate is only ever learned by passing it: every probe that fails costs a hold.
 */
#include "rate.h"

#define LPCM_BPS	 UINT64_C(1536000) /* 48 kHz, 16 bit, stereo */
#define AAC_BPS		 UINT64_C(160000)
#define HOUSEKEEPING_BPS UINT64_C(150000)

#define MSEC UINT64_C(1000)
#define SEC  UINT64_C(1000000)

#define SETTLE_US	(400 * MSEC)
#define HOLD_US		(5 * SEC)
#define HOLD_MAX_US	(10 * SEC)
#define SUSPICION_US	(3 * SEC)
#define START_QUIET_US	(2 * SEC)    /* every sink asks for an IDR or two when it begins */
#define SAME_REQUEST_US (200 * MSEC) /* some ask several times in a row */
#define QUEUE_US	(100 * MSEC)
#define QUEUE_LONG_US	(250 * MSEC)
#define RTT_RISE_US	(150 * MSEC)
#define RTT_AGE_US	(1500 * MSEC) /* one that was measured before the last step says nothing */
#define RTT_HOLD_US	(50 * MSEC)
#define REPORT_DENSE_US (2 * SEC)
#define CLOSE_US	(800 * MSEC)
#define COUNT_FIRST	6u
#define COUNT_NEXT	16u
#define OVER_US		(15 * SEC)
#define FAILED_US	(60 * SEC)
#define LOST_HOLD	20  /* of a thousand */
#define LOST_CUT	100 /* of a thousand */

static uint64_t min_known(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	if (value > high)
		return high;
	return value < low ? low : value;
}

/* Factors are of a thousand: a rate of 64 bits stays within them far beyond any radio. */
static uint64_t part(uint64_t bps, uint64_t per_mille)
{
	return bps / 1000 * per_mille;
}

uint64_t rate_at_start(const struct session_link_stats *stats)
{
	uint64_t bps = stats->current_bps;

	bps = min_known(bps, stats->local_max_bps);
	bps = min_known(bps, stats->remote_max_bps);
	return clamp(bps, RATE_MIN_BPS, RATE_MAX_BPS);
}

static uint64_t get_ceiling(const struct rate *r)
{
	return min_known(r->link_bps, r->sink_bps);
}

/* The sink's maximum is a must, the floor only a wish. */
static void set_bps(struct rate *r, uint64_t bps)
{
	r->bps = min_known(clamp(bps, r->floor_bps, r->link_bps), get_ceiling(r));
}

void rate_init(struct rate *r, const struct session_link_stats *stats, uint64_t now_us)
{
	*r = (struct rate){ .link_bps = rate_at_start(stats), .floor_bps = RATE_MIN_BPS };
	r->start_us = now_us;
	r->shortest_us = SUSPICION_US;
	r->bps = r->link_bps;
}

void rate_set_mode(struct rate *r, const struct media_mode *mode)
{
	uint64_t pixels = (uint64_t)mode->width * mode->height * mode->refresh_hz;

	r->floor_bps = clamp(pixels / 50, RATE_MIN_BPS, RATE_MAX_BPS);
	set_bps(r, r->bps);
}

/* A ceiling that moves takes the rate along, unless the rate is below it for a reason. */
static void follow_ceiling(struct rate *r, uint64_t old)
{
	set_bps(r, r->bps == old && r->trouble.suspect_bps == 0 ? get_ceiling(r) : r->bps);
}

void rate_set_sink_max(struct rate *r, uint64_t bps)
{
	uint64_t old = get_ceiling(r);

	r->sink_bps = bps;
	follow_ceiling(r, old);
}

/* ---------------------------------------------------------------- down */

/*
 * What was on the wire when the trouble began. The rate is only a permission: a resting desktop
 * sends little of it, and half of a permission that nobody uses is no relief. But a second's
 * average may hide a peak, so no less than a quarter of the permission.
 */
static uint64_t get_sent(const struct rate *r)
{
	uint64_t most = r->produced_bps[0] > r->produced_bps[1] ? r->produced_bps[0]
								: r->produced_bps[1];

	if (most == 0)
		return r->bps;
	return clamp(most / 4 * 5, r->bps / 4, r->bps);
}

static void hold(struct rate *r, uint64_t span_us, uint64_t now_us)
{
	r->trouble.seen_us = now_us;
	if (r->trouble.until_us < now_us + span_us)
		r->trouble.until_us = now_us + span_us;
}

static bool is_settling(const struct rate *r, uint64_t now_us)
{
	return r->trouble.cut_us != 0 && now_us < r->trouble.cut_us + SETTLE_US;
}

/* suspect_bps is too much, bps is believed to fit. */
static void cut(struct rate *r, uint64_t suspect_bps, uint64_t bps, uint64_t now_us)
{
	struct rate_trouble *t = &r->trouble;
	bool again = t->suspect_bps != 0 && suspect_bps > part(t->suspect_bps, 700) &&
		     suspect_bps < part(t->suspect_bps, 1400);

	t->hold_us = again && t->hold_us < HOLD_MAX_US ? t->hold_us + HOLD_US : HOLD_US;
	if (t->hold_us > HOLD_MAX_US)
		t->hold_us = HOLD_MAX_US;
	t->suspect_bps = suspect_bps;
	t->cut_us = now_us;
	r->own.is_seen = false; /* what was seen was seen at another rate */
	r->own.asked = r->own.free = 0;
	hold(r, t->hold_us, now_us);
	if (bps < r->bps)
		set_bps(r, bps);
}

static void cut_to_part(struct rate *r, uint64_t per_mille, uint64_t now_us)
{
	uint64_t sent = get_sent(r);

	cut(r, sent, part(sent, per_mille), now_us);
}

void rate_on_link(struct rate *r, const struct session_data_rate *link, uint64_t now_us)
{
	uint64_t old = get_ceiling(r);
	uint64_t frames;

	if (!link)
		return;
	r->link_bps = min_known(link->encoder_bps, part(link->max_tx_bps, 900));
	r->link_bps = clamp(r->link_bps, RATE_MIN_BPS, RATE_MAX_BPS);
	follow_ceiling(r, old);
	frames = (uint64_t)link->transmitted + link->failed + link->retried + link->multiple_retry;
	if (frames > 0 && link->failed * UINT64_C(20) > frames && !is_settling(r, now_us))
		cut_to_part(r, 850, now_us);
	else if (frames > 0 && link->multiple_retry * UINT64_C(2) > frames)
		hold(r, SUSPICION_US, now_us);
}

void rate_on_produced(struct rate *r, uint64_t stream_bps, uint64_t now_us)
{
	(void)now_us;
	r->produced_bps[1] = r->produced_bps[0];
	r->produced_bps[0] = stream_bps;
}

/* A queue takes time to drain even at the right rate: only one that does not shrink is a reason. */
void rate_on_blocked(struct rate *r, uint32_t queued_us, uint64_t now_us)
{
	bool shrinks = r->queued_us > 0 && queued_us < r->queued_us / 5 * 4;

	if (queued_us < QUEUE_US)
		return;
	if (now_us > r->trouble.seen_us + SUSPICION_US)
		shrinks = false;
	hold(r, SUSPICION_US, now_us);
	if (is_settling(r, now_us) || (shrinks && now_us < r->trouble.cut_us + 3 * SETTLE_US))
		return;
	r->queued_us = queued_us;
	cut_to_part(r, queued_us < QUEUE_LONG_US ? 700 : 500, now_us);
}

/* Reports that come often enough to be relied on (of the first that is believed), and not too old. */
static bool has_reports(const struct rate *r, uint64_t now_us)
{
	uint64_t span_us = r->report_span_us ? r->report_span_us : REPORT_DENSE_US;

	return r->report_us != 0 && span_us <= REPORT_DENSE_US &&
	       now_us < r->report_us + span_us * 3 / 2;
}

/* ---------------------------------------------------------------- own loss */

static void climb(struct rate *r, uint64_t now_us)
{
	uint64_t bps = 2 * r->bps;

	if (r->own.failed_bps != 0 && now_us < r->own.failed_us + FAILED_US)
		bps = min_known(bps, part(r->own.failed_bps, 850));
	if (bps > r->bps)
		set_bps(r, bps);
}

static void judge_own_loss(struct rate *r, uint64_t now_us)
{
	struct rate_own_loss *o = &r->own;

	if (o->is_seen && o->free == 0) {
		o->failed_bps = r->bps;
		o->failed_us = now_us;
		cut_to_part(r, 500, now_us);
		return;
	}
	if (4 * o->free >= o->asked) {
		o->is_seen = true;
		climb(r, now_us);
	}
	o->asked = o->free = 0;
}

/* Whether it came later than this sink asks when it loses all the time. A long rest says nothing. */
static bool is_free(const struct rate *r, uint64_t span_us)
{
	return span_us > 2 * r->shortest_us && span_us < OVER_US;
}

static void count_request(struct rate *r, uint64_t span_us, uint64_t now_us)
{
	r->own.free += is_free(r, span_us);
	if (++r->own.asked >= (r->own.is_seen ? COUNT_NEXT : COUNT_FIRST))
		judge_own_loss(r, now_us);
}

/* Nothing was missed for a while: the loss is over. */
static void forget_own_loss(struct rate *r, uint64_t now_us)
{
	if (now_us > r->request_us + OVER_US) {
		r->own.is_seen = false;
		r->own.asked = r->own.free = 0;
	}
}

/* ---------------------------------------------------------------- what the sink asks and reports */

/* So far apart at most are requests of a sink that loses all the time. */
static uint64_t get_close_us(const struct rate *r)
{
	return clamp(r->shortest_us / 2 * 3, CLOSE_US, SUSPICION_US);
}

/* What was close may not be close any more, now that the sink has shown how fast it can ask. */
static void count_close(struct rate *r, uint64_t span_us)
{
	uint64_t close_us = get_close_us(r);

	if (span_us > close_us)
		r->close = 0;
	else
		r->close = r->span_us > close_us ? 1 : r->close + 1;
	r->span_us = span_us;
}

/* One that came early by chance is forgotten slowly. */
static void note_shortest(struct rate *r, uint64_t span_us)
{
	if (span_us < r->shortest_us)
		r->shortest_us = span_us;
	else if (span_us < SUSPICION_US)
		r->shortest_us += (span_us - r->shortest_us) / 16;
}

/* Three requests in a row; four where one came late before; one right after a step down. */
static bool is_enough(const struct rate *r, uint64_t now_us)
{
	unsigned int least = r->own.free > 0 ? 3 : 2;

	return r->close >= least ||
	       (r->trouble.cut_us != 0 && now_us < r->trouble.cut_us + SETTLE_US + get_close_us(r));
}

static void lower_for_request(struct rate *r, uint64_t now_us)
{
	if (is_settling(r, now_us) || r->own.is_seen || !is_enough(r, now_us))
		return;
	if (r->bps > r->floor_bps)
		cut_to_part(r, r->trouble.suspect_bps ? 500 : 300, now_us);
	else
		hold(r, HOLD_US, now_us);
}

/* Reports know better: they tell a little loss from much. */
void rate_on_request(struct rate *r, uint64_t now_us)
{
	uint64_t span_us = r->request_us ? now_us - r->request_us : UINT64_MAX;

	if (now_us < r->start_us + START_QUIET_US || span_us < SAME_REQUEST_US)
		return;
	r->request_us = r->trouble.seen_us = now_us;
	note_shortest(r, span_us);
	count_close(r, span_us);
	if (r->close == 0 || has_reports(r, now_us))
		hold(r, SUSPICION_US, now_us);
	else
		lower_for_request(r, now_us);
	if (!has_reports(r, now_us))
		count_request(r, span_us, now_us);
}

/* The best round trip seen, forgotten slowly: the sink may have moved. */
static bool is_rtt_above(struct rate *r, uint64_t rtt_us, uint64_t rise_us)
{
	return rtt_us != 0 && r->rtt_min_us != 0 && rtt_us > r->rtt_min_us + rise_us;
}

static void note_report(struct rate *r, const struct rate_report *report, uint64_t now_us)
{
	r->report_span_us = r->report_us ? now_us - r->report_us : 0;
	r->report_us = now_us;
	r->report_lost = report->fraction_lost * 1000u / 256;
	r->rtt_min_us += r->rtt_min_us / 100;
	if (report->rtt_us != 0 && (r->rtt_min_us == 0 || report->rtt_us < r->rtt_min_us))
		r->rtt_min_us = report->rtt_us;
}

/* What arrived while much was lost is what the link carries. */
static void cut_to_arrived(struct rate *r, const struct rate_report *report, uint64_t now_us)
{
	uint64_t arrived = report->arrived_bps;

	if (arrived == 0)
		arrived = part(get_sent(r), 1000 - r->report_lost);
	cut(r, arrived, part(arrived, 800), now_us);
}

void rate_on_report(struct rate *r, const struct rate_report *report, uint64_t now_us)
{
	bool is_lossy, is_late, is_very_late;

	note_report(r, report, now_us);
	is_lossy = r->report_lost >= LOST_HOLD;
	is_late = is_rtt_above(r, report->rtt_us, RTT_HOLD_US);
	is_very_late = is_rtt_above(r, report->rtt_us, RTT_RISE_US);
	if (is_lossy || is_late)
		hold(r, SUSPICION_US, now_us);
	if (r->report_lost > LOST_CUT || (is_lossy && is_very_late))
		cut_to_arrived(r, report, now_us);
	else if (is_very_late && now_us >= r->trouble.cut_us + RTT_AGE_US)
		cut_to_part(r, 800, now_us);
	else if (is_lossy &&
		 !is_settling(r, now_us)) /* of the permission, whatever is used of it */
		cut(r, r->bps, part(r->bps, 1000 - r->report_lost / 2), now_us);
}

/* ---------------------------------------------------------------- up */

static uint64_t get_growth(struct rate *r)
{
	struct rate_trouble *t = &r->trouble;

	if (t->suspect_bps != 0 && r->bps > part(t->suspect_bps, 1100)) {
		t->suspect_bps = 0;
		t->hold_us = 0;
	}
	if (t->suspect_bps == 0 || r->bps < part(t->suspect_bps, 600))
		return 1250;
	return r->bps > part(t->suspect_bps, 850) ? 1040 : 1080;
}

void rate_on_tick(struct rate *r, uint64_t now_us)
{
	forget_own_loss(r, now_us);
	if (now_us < r->trouble.until_us || r->own.is_seen)
		return;
	r->queued_us = 0;
	if (r->bps < get_ceiling(r))
		set_bps(r, part(r->bps, get_growth(r)));
	if (r->bps == get_ceiling(r))
		r->trouble.suspect_bps = 0;
}

/* ---------------------------------------------------------------- what it comes to */

enum rate_quality rate_get_quality(const struct rate *r, uint64_t now_us)
{
	bool recent = r->trouble.seen_us != 0 && now_us < r->trouble.seen_us + HOLD_US;

	if (recent && (r->bps <= r->floor_bps || r->report_lost > LOST_CUT))
		return RATE_QUALITY_POOR;
	return recent || r->bps < part(get_ceiling(r), 800) ? RATE_QUALITY_FAIR : RATE_QUALITY_GOOD;
}

const char *rate_quality_to_string(enum rate_quality quality)
{
	switch (quality) {
	case RATE_QUALITY_GOOD:
		return "good";
	case RATE_QUALITY_FAIR:
		return "fair";
	case RATE_QUALITY_POOR:
		return "poor";
	}
	return "unknown";
}

uint64_t rate_for_video(uint64_t stream_bps, enum media_audio_codec audio)
{
	/*
	 * Seven TS packets carry at most 7 * 184 bytes in 1328 + 28. PSI, PCR and what is left empty
	 * at each picture's end are as much at any rate.
	 */
	uint64_t payload = stream_bps / 100 * 95 - HOUSEKEEPING_BPS;
	uint64_t sound = 0;

	switch (audio) {
	case MEDIA_AUDIO_NONE:
		break;
	case MEDIA_AUDIO_LPCM:
		sound = LPCM_BPS;
		break;
	case MEDIA_AUDIO_AAC:
		sound = AAC_BPS;
		break;
	}
	return payload > 2 * sound ? payload - sound : payload / 2;
}

uint32_t rate_max_frame_bytes(uint64_t stream_bps)
{
	return (uint32_t)(stream_bps / 8 / 4);
}

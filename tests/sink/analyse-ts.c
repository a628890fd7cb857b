// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser's transport layer: packet header, adaptation field, continuity and PCR as in
 * ISO/IEC 13818-1 2.4.3, and the PID layout that sinks expect.
 */
#include "analyse-parts.h"

#include <string.h>

#define PCR_JUMP_MAX_US 1000000

struct adaptation {
	bool discontinuity;
	bool have_pcr;
	uint64_t pcr;
	size_t pcr_offset; /* of its 6 bytes in the packet, 0 = none */
};

static struct pid_state *find_pid(struct analyser *a, unsigned pid)
{
	for (size_t i = 0; i < sizeof(a->pids) / sizeof(*a->pids); i++)
		if (a->pids[i].pid == pid)
			return &a->pids[i];
	return NULL;
}

static void forget_tables(struct analyser *a)
{
	a->pat.timed = a->pmt.timed = false;
	a->pat.waiting = a->pmt.waiting = false;
}

void ts_forget_time(struct analyser *a)
{
	a->pcr_loose = true;
	a->audio_next_known = false;
	forget_tables(a);
}

void ts_gap(struct analyser *a)
{
	for (size_t i = 0; i < sizeof(a->pids) / sizeof(*a->pids); i++)
		a->pids[i].loose = true;
	ts_forget_time(a);
	pes_gap(&a->video);
	pes_gap(&a->audio);
	h264_gap(a);
}

bool ts_clock_us(const struct analyser *a, uint64_t arrival_us, int64_t *ret)
{
	if (!a->pcr_valid)
		return false;
	*ret = a->pcr_run_us;
	/* Between two PCRs the clock runs on (2.4.2.2): by arrival, where that is known. */
	if (arrival_us && a->pcr_arrival_us && arrival_us > a->pcr_arrival_us)
		*ret += (int64_t)(arrival_us - a->pcr_arrival_us);
	return true;
}

static bool parse_pcr(struct analyser *a, const uint8_t *p, uint64_t *ret)
{
	uint64_t base = (uint64_t)get_be32(p) << 1 | p[4] >> 7;
	unsigned extension = (p[4] & 1U) << 8 | p[5];

	if (extension >= 300) {
		findings_note(&a->findings, RULE_PCR_FORMAT, "extension %u", extension);
		return false;
	}
	*ret = base * 300 + extension;
	return true;
}

/* The optional fields of an adaptation field of `len` bytes at p[5]; false if they do not fit. */
static bool parse_fields(struct analyser *a, const uint8_t *p, size_t len, struct adaptation *ret)
{
	unsigned flags = p[5];
	size_t at = 1;

	ret->discontinuity = flags & 0x80;
	if (flags & 0x10) {
		if (at + 6 > len)
			return false;
		ret->pcr_offset = 5 + at;
		ret->have_pcr = parse_pcr(a, p + 5 + at, &ret->pcr);
		at += 6;
	}
	if (flags & 0x08)
		at += 6;
	if (flags & 0x04)
		at += 1;
	if (flags & 0x02) {
		if (at + 1 > len)
			return false;
		at += 1 + (size_t)p[5 + at];
	}
	if (flags & 0x01) {
		if (at + 1 > len)
			return false;
		at += 1 + (size_t)p[5 + at];
	}
	if (at > len)
		return false;
	for (; at < len; at++)
		if (p[5 + at] != 0xff)
			return false;
	return true;
}

/* Finds the payload; false if the packet's structure cannot be trusted. */
static bool parse_adaptation(struct analyser *a, const uint8_t *p, struct adaptation *ret,
			     size_t *ret_payload)
{
	unsigned control = p[3] >> 4 & 3U;
	size_t len;

	*ret = (struct adaptation){ 0 };
	*ret_payload = 4;
	if (control == 1)
		return true;
	len = p[4];
	if (control == 2 ? len != 183 : len > 182) {
		findings_note(&a->findings, RULE_TS_ADAPTATION, "length %zu, control %u", len,
			      control);
		return false;
	}
	*ret_payload = 5 + len;
	if (len && !parse_fields(a, p, len, ret))
		findings_note(&a->findings, RULE_TS_ADAPTATION, "fields do not fill %zu bytes",
			      len);
	return true;
}

/* Equal but for the PCR, as a duplicate may be (2.4.3.3). */
static bool is_repeat(const struct pid_state *pid, const uint8_t *p, size_t pcr_offset)
{
	if (!pcr_offset)
		return !memcmp(pid->last, p, TS_SIZE);
	return !memcmp(pid->last, p, pcr_offset) &&
	       !memcmp(pid->last + pcr_offset + 6, p + pcr_offset + 6, TS_SIZE - pcr_offset - 6);
}

static void lose_pid(struct analyser *a, const struct pid_state *pid)
{
	if (pid->pid == PID_VIDEO) {
		pes_gap(&a->video);
		h264_gap(a);
	} else if (pid->pid == PID_AUDIO) {
		pes_gap(&a->audio);
		a->audio_next_known = false;
	}
}

/* Returns false for a legal duplicate, whose payload must not be taken twice. */
static bool check_continuity(struct analyser *a, struct pid_state *pid, const uint8_t *p,
			     const struct adaptation *field)
{
	bool payload = p[3] & 0x10;
	unsigned counter = p[3] & 0xfU;
	unsigned expected = payload ? (pid->counter + 1) & 0xf : pid->counter;
	bool known = pid->started && !pid->loose && !field->discontinuity;
	bool again = pid->started && payload && counter == pid->counter &&
		     is_repeat(pid, p, field->pcr_offset);

	if (again && known && !pid->repeats) {
		pid->repeats++;
		return false;
	}
	if (pid->started && pid->loose && !field->discontinuity && counter != expected)
		a->facts.continuity_after_loss++;
	if (known && counter != expected) {
		findings_note(&a->findings, RULE_TS_CONTINUITY, "PID 0x%x: %u, not %u%s", pid->pid,
			      counter, expected, again ? " (third time)" : "");
		lose_pid(a, pid);
		if (a->ops && a->ops->on_trouble && pid->pid == PID_VIDEO)
			a->ops->on_trouble(a->user);
	}
	pid->started = true;
	pid->loose = false;
	pid->repeats = 0;
	pid->counter = counter;
	memcpy(pid->last, p, TS_SIZE);
	return true;
}

static void note_jitter(struct analyser *a, uint64_t arrival_us)
{
	int64_t offset = (int64_t)(arrival_us - a->pcr_first_arrival_us) - a->pcr_run_us;

	if (offset < a->pcr_offset_min_us)
		a->pcr_offset_min_us = offset;
	if (offset > a->pcr_offset_max_us)
		a->pcr_offset_max_us = offset;
	a->facts.pcr_jitter_us = (uint64_t)(a->pcr_offset_max_us - a->pcr_offset_min_us);
	if (a->pcr_run_us > 0)
		a->facts.pcr_ppm = -1e6 * (double)offset / (double)a->pcr_run_us;
}

static void check_pcr(struct analyser *a, uint64_t pcr, bool discontinuity, uint64_t arrival_us)
{
	int64_t ticks = a->pcr_valid ? pcr_diff(pcr, a->pcr) : 0;
	int64_t step = ticks / (PCR_CLOCK / 1000000);
	bool judged = a->pcr_valid && !discontinuity && !a->pcr_loose;
	bool jumped = judged && (ticks <= 0 || step > PCR_JUMP_MAX_US);
	uint64_t wire = 0;

	if (judged && arrival_us > a->pcr_arrival_us && a->pcr_arrival_us)
		wire = arrival_us - a->pcr_arrival_us;
	if (jumped) {
		findings_note(&a->findings, RULE_PCR_JUMP, "by %lld us", (long long)step);
	} else if (judged) {
		if (step > PCR_GAP_MAX_US)
			findings_note(&a->findings, RULE_PCR_GAP, "%lld us", (long long)step);
		if ((uint64_t)step > a->facts.pcr_gap_us)
			a->facts.pcr_gap_us = (uint64_t)step;
	}
	if (wire > PCR_GAP_WIRE_US)
		findings_note(&a->findings, RULE_PCR_WIRE_GAP, "%llu us", (unsigned long long)wire);
	if (wire > a->facts.pcr_wire_gap_us)
		a->facts.pcr_wire_gap_us = wire;

	/* A clock that was set anew starts its own measurements; a gap is no new clock. */
	if (!a->pcr_valid || ticks <= 0 || step > PCR_JUMP_MAX_US) {
		a->pcr_run_us = 0;
		a->pcr_first_arrival_us = arrival_us;
		a->pcr_offset_min_us = a->pcr_offset_max_us = 0;
		forget_tables(a);
	} else {
		a->pcr_run_us += step;
		psi_settle(a, &a->pat, a->pcr_run_us);
		psi_settle(a, &a->pmt, a->pcr_run_us);
		if (arrival_us)
			note_jitter(a, arrival_us);
	}
	a->pcr = pcr;
	a->pcr_arrival_us = arrival_us;
	a->pcr_valid = a->facts.have_pcr = true;
	/* Behind a jump nothing is known but the new value. */
	a->pcr_loose = jumped || a->paused;
}

/* Bytes from `offset` on are payload of a PID whose packet is in order. */
static void dispatch(struct analyser *a, unsigned pid, const uint8_t *p, size_t offset,
		     uint64_t arrival_us)
{
	const uint8_t *payload = p + offset;
	size_t len = TS_SIZE - offset;
	bool start = p[1] & 0x40;

	switch (pid) {
	case PID_PAT:
		psi_push(a, &a->pat, payload, len, start, arrival_us);
		break;
	case PID_PMT:
		psi_push(a, &a->pmt, payload, len, start, arrival_us);
		break;
	case PID_VIDEO:
		pes_push(a, &a->video, payload, len, start, arrival_us);
		break;
	case PID_AUDIO:
		pes_push(a, &a->audio, payload, len, start, arrival_us);
		break;
	case PID_PCR:
		findings_note(&a->findings, RULE_PCR_PID, "payload on PID 0x%x", pid);
		break;
	}
}

static void on_discontinuity(struct analyser *a, unsigned pid)
{
	a->facts.discontinuities++;
	if (pid == PID_VIDEO) {
		pes_cut(a, &a->video);
		a->video.restart = true;
		a->video.have_last_pts = false;
		h264_gap(a);
	} else if (pid == PID_AUDIO) {
		pes_cut(a, &a->audio);
		a->audio.have_last_pts = false;
		a->audio_next_known = false;
	}
}

void ts_push(struct analyser *a, const uint8_t p[static TS_SIZE], uint64_t arrival_us)
{
	unsigned pid = get_be16(p + 1) & 0x1fff;
	unsigned control = p[3] >> 4 & 3U;
	struct pid_state *state;
	struct adaptation field;
	size_t payload;

	a->findings.packets++;
	a->facts.packets++;
	if (p[0] != 0x47) {
		findings_note(&a->findings, RULE_TS_SYNC, "%02x", p[0]);
		ts_gap(a);
		return;
	}
	if (p[1] & 0x80)
		findings_note(&a->findings, RULE_TS_ERROR, "PID 0x%x", pid);
	state = find_pid(a, pid);
	if (!state) {
		findings_note(&a->findings, RULE_TS_PID, "PID 0x%x", pid);
		/* Perhaps a packet of ours under a wrong name. */
		ts_gap(a);
		return;
	}
	if (p[3] & 0xc0)
		findings_note(&a->findings, RULE_TS_SCRAMBLED, "PID 0x%x", pid);
	if (!control || !parse_adaptation(a, p, &field, &payload)) {
		if (!control)
			findings_note(&a->findings, RULE_TS_CONTROL, "PID 0x%x", pid);
		state->loose = true;
		lose_pid(a, state);
		return;
	}
	if (!check_continuity(a, state, p, &field))
		return;
	if (field.discontinuity)
		on_discontinuity(a, pid);
	if (field.have_pcr && pid != PID_PCR)
		findings_note(&a->findings, RULE_PCR_PID, "PCR on PID 0x%x", pid);
	else if (field.have_pcr)
		check_pcr(a, field.pcr, field.discontinuity, arrival_us);
	if (control & 1)
		dispatch(a, pid, p, payload, arrival_us);
}

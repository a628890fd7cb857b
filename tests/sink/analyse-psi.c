// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The analyser's tables: PAT and PMT sections as in ISO/IEC 13818-1 2.4.4, one section in one
 * packet, with the content that sinks are known to need (wfd: PMT 0x100, PCR 0x1000, version 1).
 */
#include "analyse-parts.h"
#include "crc32.h"

#include <string.h>

static const char *table_name(const struct analyser *a, const struct psi_table *table)
{
	return table == &a->pat ? "PAT" : "PMT";
}

static void judge_gap(struct analyser *a, struct psi_table *table, int64_t stream_us)
{
	/* Without arrival times a table's own time is known to one PCR only. */
	int64_t limit = PSI_GAP_MAX_US + (table->arrival_us ? 0 : PCR_GAP_MAX_US);
	int64_t gap = stream_us - table->stream_us;

	if (table->timed && gap > limit)
		findings_note(&a->findings, RULE_PSI_GAP, "%s: %lld us", table_name(a, table),
			      (long long)gap);
	if (table->timed && gap > 0 && (uint64_t)gap > a->facts.psi_gap_us)
		a->facts.psi_gap_us = (uint64_t)gap;
	table->timed = true;
	table->stream_us = stream_us;
	table->waiting = false;
}

void psi_settle(struct analyser *a, struct psi_table *table, int64_t stream_us)
{
	if (table->waiting)
		judge_gap(a, table, table->waiting_us < stream_us ? table->waiting_us : stream_us);
}

/*
 * A table has no time of its own: its place between two PCRs is found by arrival, and what the
 * network held up is set right by the next PCR.
 */
static void note_time(struct analyser *a, struct psi_table *table, uint64_t arrival_us)
{
	psi_settle(a, table, INT64_MAX);
	if (table->timed && table->arrival_us && arrival_us > table->arrival_us &&
	    arrival_us - table->arrival_us > a->facts.psi_wire_gap_us)
		a->facts.psi_wire_gap_us = arrival_us - table->arrival_us;
	table->waiting = ts_clock_us(a, arrival_us, &table->waiting_us);
	table->arrival_us = arrival_us;
}

static void check_pat(struct analyser *a, const uint8_t *s, size_t len)
{
	if (len != 16)
		findings_note(&a->findings, RULE_PSI_PAT, "%zu bytes, not one program", len);
	else if (get_be16(s + 8) != 1)
		findings_note(&a->findings, RULE_PSI_PAT, "program %u", get_be16(s + 8));
	else if ((get_be16(s + 10) & 0x1fff) != PID_PMT)
		findings_note(&a->findings, RULE_PSI_PAT, "PMT at 0x%x", get_be16(s + 10) & 0x1fff);
	else if (s[10] >> 5 != 7)
		findings_note(&a->findings, RULE_PSI_PAT, "reserved bits are not 1");
}

static enum audio_codec audio_from_type(unsigned type)
{
	switch (type) {
	case 0x83:
		return AUDIO_LPCM;
	case 0x0f:
		return AUDIO_AAC;
	case 0x81:
		return AUDIO_AC3;
	}
	return AUDIO_NONE;
}

static void check_audio(struct analyser *a, unsigned type)
{
	enum audio_codec codec = audio_from_type(type);
	enum audio_codec expected = a->h264.expect.audio;

	if (codec == AUDIO_NONE) {
		findings_note(&a->findings, RULE_PSI_PMT, "sound of type 0x%x", type);
		return;
	}
	if (expected != AUDIO_NONE && codec != expected)
		findings_note(&a->findings, RULE_AUDIO_CODEC, "%s, not %s",
			      audio_codec_to_string(codec), audio_codec_to_string(expected));
	a->audio_type = type;
	a->facts.audio = codec;
}

/* One entry of the stream loop. */
static void check_stream(struct analyser *a, unsigned index, unsigned type, unsigned pid)
{
	if (index == 0 && (type != 0x1b || pid != PID_VIDEO))
		findings_note(&a->findings, RULE_PSI_PMT, "first stream type 0x%x at 0x%x", type,
			      pid);
	else if (index == 1 && pid != PID_AUDIO)
		findings_note(&a->findings, RULE_PSI_PMT, "second stream at 0x%x", pid);
	else if (index == 1)
		check_audio(a, type);
	else if (index > 1)
		findings_note(&a->findings, RULE_PSI_PMT, "%u streams", index + 1);
}

static void check_pmt(struct analyser *a, const uint8_t *s, size_t len)
{
	size_t end = len - 4;
	size_t at = 12;
	unsigned index = 0;

	if (len < 16) {
		findings_note(&a->findings, RULE_PSI_PMT, "%zu bytes", len);
		return;
	}
	if (get_be16(s + 3) != 1)
		findings_note(&a->findings, RULE_PSI_PMT, "program %u", get_be16(s + 3));
	if ((get_be16(s + 8) & 0x1fff) != PID_PCR)
		findings_note(&a->findings, RULE_PSI_PMT, "PCR at 0x%x", get_be16(s + 8) & 0x1fff);
	at += get_be16(s + 10) & 0xfff;
	while (at + 5 <= end) {
		check_stream(a, index++, s[at], get_be16(s + at + 1) & 0x1fff);
		at += 5 + (size_t)(get_be16(s + at + 3) & 0xfff);
	}
	if (at != end)
		findings_note(&a->findings, RULE_PSI_PMT, "loops end at %zu of %zu", at, end);
	else if (!index)
		findings_note(&a->findings, RULE_PSI_PMT, "no stream");
}

/* Version 1 at first (sinks that start with 0 seen ignore another 0), a new one for new content. */
static void check_version(struct analyser *a, struct psi_table *table, const uint8_t *s, size_t len)
{
	unsigned version = s[5] >> 1 & 0x1fU;
	bool same = table->seen && table->len == len && !memcmp(table->content, s, 5) &&
		    !memcmp(table->content + 6, s + 6, len - 6 - 4);

	if (!table->seen && version != 1)
		findings_note(&a->findings, RULE_PSI_VERSION, "%s: %u at first",
			      table_name(a, table), version);
	else if (table->seen && same != (version == table->version))
		findings_note(&a->findings, RULE_PSI_VERSION, "%s: %u after %u, content %s",
			      table_name(a, table), version, table->version,
			      same ? "the same" : "changed");
	table->seen = true;
	table->version = version;
	table->len = len;
	memcpy(table->content, s, len);
}

void psi_push(struct analyser *a, struct psi_table *table, const uint8_t *payload, size_t len,
	      bool start, uint64_t arrival_us)
{
	const char *name = table_name(a, table);
	const uint8_t *s = payload + 1;
	size_t section;
	bool ours;

	note_time(a, table, arrival_us);
	if (!start || len < 1 + 12 || payload[0] != 0) {
		findings_note(&a->findings, RULE_PSI_SECTION, "%s: no section at the start", name);
		return;
	}
	section = 3 + (size_t)(get_be16(s + 1) & 0xfff);
	ours = s[0] == (table == &a->pat ? 0x00 : 0x02);
	if (!ours || section > len - 1 || section < 12 || section > sizeof(table->content) ||
	    s[1] >> 4 != 0xb || s[5] >> 6 != 3 || !(s[5] & 1) || s[6] || s[7]) {
		findings_note(&a->findings, RULE_PSI_SECTION,
			      "%s: table %02x, flags %x, length %zu, %02x %02x %02x", name, s[0],
			      s[1] >> 4, section, s[5], s[6], s[7]);
		return;
	}
	for (size_t i = section; i < len - 1; i++) {
		if (s[i] != 0xff) {
			findings_note(&a->findings, RULE_PSI_SECTION, "%s: %02x behind it", name,
				      s[i]);
			break;
		}
	}
	if (crc32_mpeg(s, section)) {
		findings_note(&a->findings, RULE_PSI_CRC, "%s: %08x", name,
			      get_be32(s + section - 4));
		return;
	}
	check_version(a, table, s, section);
	if (table == &a->pat)
		check_pat(a, s, section);
	else
		check_pmt(a, s, section);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two seconds of stream on a clock of milliseconds: tables every 80 ms, PCR every 20, pictures every
 * 33, sound every 10 (LPCM) or 21 (AAC). PTS and PCR wrap in the middle. Where a damage strikes is
 * asked at the place that it changes: is(m, DAMAGE_x).
 */
#include "stream-private.h"

#include "crc32.h"

#include <stdlib.h>

/* --- datagrams and packets --- */

static void send_datagram(struct maker *m, const uint8_t *payload, size_t len)
{
	struct maker_datagram *d = &m->out->datagrams[m->out->count++];
	uint32_t timestamp = (uint32_t)((CLOCK_BASE_US + m->now_us) * 9 / 100);
	const uint8_t header[] = { 0x80,
				   33,
				   (uint8_t)(m->sequence >> 8),
				   (uint8_t)m->sequence,
				   (uint8_t)(timestamp >> 24),
				   (uint8_t)(timestamp >> 16),
				   (uint8_t)(timestamp >> 8),
				   (uint8_t)timestamp,
				   1,
				   2,
				   3,
				   4 };

	assert(m->out->count < DATAGRAMS_MAX && len + sizeof(header) <= sizeof(d->bytes));
	m->sequence = (m->sequence + 1) & 0xffff;
	d->arrival_us = ARRIVAL_BASE + m->now_us + m->spread_us++;
	memcpy(d->bytes, header, sizeof(header));
	memcpy(d->bytes + sizeof(header), payload, len);
	d->len = sizeof(header) + len;
}

static void flush(struct maker *m)
{
	if (m->pending)
		send_datagram(m, m->packets[0], m->pending * TS_SIZE);
	m->pending = 0;
}

static void send_packet(struct maker *m, const uint8_t packet[static TS_SIZE])
{
	memcpy(m->packets[m->pending++], packet, TS_SIZE);
	if (m->pending == TS_PER_DATAGRAM)
		flush(m);
}

/* One packet with payload; what it does not fill is stuffed in the adaptation field. */
static size_t packetise(struct maker *m, unsigned pid, const uint8_t *p, size_t len, bool start,
			uint8_t packet[static TS_SIZE])
{
	bool mark = m->discontinuity[pid];
	size_t room = TS_SIZE - 4 - (mark ? 2 : 0);
	size_t part = len < room ? len : room;
	size_t field = TS_SIZE - 4 - part;

	m->discontinuity[pid] = false;
	packet[0] = 0x47;
	packet[1] = (uint8_t)((start ? 0x40 : 0) | pid >> 8);
	packet[2] = (uint8_t)pid;
	packet[3] = (uint8_t)((field ? 0x30 : 0x10) | m->counter[pid]);
	if (field)
		packet[4] = (uint8_t)(field - 1);
	if (field > 1) {
		packet[5] = mark ? 0x80 : 0;
		memset(packet + 6, 0xff, field - 2);
	}
	memcpy(packet + 4 + field, p, part);
	m->counter[pid] = (m->counter[pid] + 1) & 0xf;
	return part;
}

/* --- tables --- */

static void finish_section(uint8_t *section, size_t len)
{
	uint32_t crc = crc32_mpeg(section, len - 4);

	for (int i = 0; i < 4; i++)
		section[len - 4 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void send_section(struct maker *m, unsigned pid, uint8_t *section, size_t len)
{
	uint8_t payload[TS_SIZE - 4];
	uint8_t packet[TS_SIZE];
	bool bad = pid == PID_PMT && m->now_us == BAD_MS * 1000;
	size_t room = sizeof(payload) - (m->discontinuity[pid] ? 2 : 0);

	if (is(m, DAMAGE_PSI_VERSION_0))
		section[5] = 0xc1;
	if (bad && is(m, DAMAGE_PSI_VERSION_RISES))
		section[5] = 0xc5;
	if (bad && is(m, DAMAGE_PSI_CHANGED))
		section[len - 5] ^= 1;
	if (bad && is(m, DAMAGE_PSI_TABLE_ID))
		section[0] = 0x42;
	if (bad && is(m, DAMAGE_PSI_LONG_SECTION))
		section[2] = 0xf0;
	finish_section(section, len);
	if (bad && is(m, DAMAGE_PSI_CRC))
		section[len - 1] ^= 0x10;
	memset(payload, 0xff, sizeof(payload));
	payload[0] = 0;
	memcpy(payload + 1, section, len);
	if (bad && is(m, DAMAGE_PSI_TRAILER))
		payload[1 + len] = 0;
	packetise(m, pid, payload, room, !(bad && is(m, DAMAGE_PSI_NO_START)), packet);
	send_packet(m, packet);
}

static void send_tables(struct maker *m)
{
	uint8_t pat[16] = { 0x00, 0xb0, 13, 0, 0, 0xc3, 0, 0, 0, 1, 0xe1, 0x00 };
	uint8_t pmt[64] = { 0x02, 0xb0, 0,    0,    1,	  0xc3, 0,    0,    0xf0,
			    0x00, 0xf0, 0x00, 0x1b, 0xf0, 0x11, 0xf0, 0x0a, 0x28,
			    4,	  0x42, 0xc0, 40,   0x3f, 0x2a, 2,    0x7e, 0x1f };
	const uint8_t lpcm[] = { 0x83, 0xf1, 0x00, 0xf0, 0x04, 0x83, 0x02, 0x46, 0x2f };
	const uint8_t aac[] = { 0x0f, 0xf1, 0x00, 0xf0, 0x00 };
	size_t len = 27;

	if (m->config.audio == AUDIO_LPCM) {
		memcpy(pmt + len, lpcm, sizeof(lpcm));
		len += sizeof(lpcm);
	} else if (m->config.audio == AUDIO_AAC) {
		memcpy(pmt + len, aac, sizeof(aac));
		len += sizeof(aac);
	}
	pmt[2] = (uint8_t)(len + 4 - 3);
	if (is(m, DAMAGE_PAT_PROGRAM))
		pat[9] = 2;
	if (is(m, DAMAGE_PAT_PMT_PID))
		pat[10] = 0xe0, pat[11] = 0x20;
	if (is(m, DAMAGE_PMT_PCR_PID))
		pmt[9] = 0x11;
	if (is(m, DAMAGE_PMT_STREAM_TYPE))
		pmt[12] = 0x24;
	if (is(m, DAMAGE_PMT_AUDIO_PID))
		pmt[29] = 0x01;
	if (is(m, DAMAGE_PMT_LOOP_LENGTH))
		pmt[31] = 0x09;
	send_section(m, PID_PAT, pat, sizeof(pat));
	send_section(m, PID_PMT, pmt, len + 4);
}

static void write_pcr(struct maker *m, uint8_t field[static 6])
{
	uint64_t us = CLOCK_BASE_US + m->now_us;
	uint64_t base, extension;

	if (m->now_us == BAD_MS * 1000 && is(m, DAMAGE_PCR_FORWARD))
		us += 5000000;
	if (m->now_us == BAD_MS * 1000 && is(m, DAMAGE_PCR_BACK))
		us -= 200000;
	base = us * 9 / 100 & PTS_MASK;
	extension = us * 27 % 300;
	if (m->now_us == BAD_MS * 1000 && is(m, DAMAGE_PCR_EXTENSION))
		extension = 400;
	field[0] = (uint8_t)(base >> 25);
	field[1] = (uint8_t)(base >> 17);
	field[2] = (uint8_t)(base >> 9);
	field[3] = (uint8_t)(base >> 1);
	field[4] = (uint8_t)(base << 7 | 0x7e | extension >> 8);
	field[5] = (uint8_t)extension;
}

static void send_pcr(struct maker *m)
{
	uint8_t packet[TS_SIZE];
	bool bad = m->now_us == BAD_MS * 1000;

	memset(packet, 0xff, sizeof(packet));
	packet[0] = 0x47;
	packet[1] = PID_PCR >> 8;
	packet[2] = PID_PCR & 0xff;
	packet[3] = (uint8_t)(0x20 | m->counter[PID_PCR]);
	packet[4] = 183;
	packet[5] = m->discontinuity[PID_PCR] ? 0x90 : 0x10;
	m->discontinuity[PID_PCR] = false;
	write_pcr(m, packet + 6);
	if (bad && is(m, DAMAGE_TS_SHORT_ADAPTATION))
		packet[4] = 182;
	if (bad && is(m, DAMAGE_TS_STUFFING_ZERO))
		packet[100] = 0;
	if (bad && is(m, DAMAGE_TS_PRIVATE_TOO_LONG)) {
		packet[5] |= 0x02;
		packet[12] = 177;
	}
	if (bad && is(m, DAMAGE_PCR_WITH_PAYLOAD)) {
		packet[3] = (uint8_t)(0x30 | ((m->counter[PID_PCR] + 1) & 0xf));
		packet[4] = 182;
		m->counter[PID_PCR] = (m->counter[PID_PCR] + 1) & 0xf;
	}
	send_packet(m, packet);
}

/* --- PES --- */

static void write_pts(uint8_t p[static 5], unsigned prefix, uint64_t pts)
{
	p[0] = (uint8_t)(prefix << 4 | (pts >> 29 & 0xe) | 1);
	p[1] = (uint8_t)(pts >> 22);
	p[2] = (uint8_t)((pts >> 14 & 0xfe) | 1);
	p[3] = (uint8_t)(pts >> 7);
	p[4] = (uint8_t)((pts << 1 & 0xfe) | 1);
}

/* A packet of the video PID, with the damages that strike at its form. */
static void send_video_packet(struct maker *m, uint8_t packet[static TS_SIZE], unsigned index)
{
	uint8_t bare[TS_SIZE];
	bool bad = m->unit == BAD_UNIT && index == 3;

	if (bad && is(m, DAMAGE_TS_NO_CONTENT))
		packet[3] &= 0xcf;
	if (bad && is(m, DAMAGE_TS_LONG_ADAPTATION)) {
		packet[3] |= 0x20;
		packet[4] = 184;
	}
	send_packet(m, packet);
	/* Both are legal: a packet sent twice, and one without payload that is not counted. */
	if (m->unit == BAD_UNIT - 5 && index == 3)
		send_packet(m, packet);
	if (bad && is(m, DAMAGE_TS_THREE_TIMES)) {
		send_packet(m, packet);
		send_packet(m, packet);
	}
	if (bad && is(m, DAMAGE_TS_NOT_QUITE_TWICE)) {
		packet[100] ^= 1;
		send_packet(m, packet);
	}
	if ((m->unit == BAD_UNIT - 6 || (bad && is(m, DAMAGE_TS_COUNTED_WITHOUT_PAYLOAD))) &&
	    index == 3) {
		memset(bare, 0xff, sizeof(bare));
		memcpy(bare, packet, 3);
		bare[1] &= 0xbf;
		bare[3] = (uint8_t)(0x20 | (packet[3] & 0xf));
		if (bad)
			bare[3] = (uint8_t)(0x20 | ((packet[3] + 1) & 0xf));
		bare[4] = 183;
		bare[5] = 0;
		send_packet(m, bare);
	}
	if (bad && is(m, DAMAGE_PCR_ON_VIDEO)) {
		bare[0] = 0x47;
		memset(bare, 0xff, sizeof(bare));
		memcpy(bare, packet, 3);
		bare[1] &= 0xbf;
		bare[3] = (uint8_t)(0x20 | (packet[3] & 0xf));
		bare[4] = 183;
		bare[5] = 0x10;
		write_pcr(m, bare + 6);
		send_packet(m, bare);
	}
}

static void send_pes(struct maker *m, unsigned pid)
{
	uint8_t packet[TS_SIZE];
	size_t at = 0;
	unsigned index = 0;

	if (pid == PID_VIDEO && is(m, DAMAGE_PES_BEGINS_IN_THE_MIDDLE) && !m->unit) {
		/* A packet of an earlier picture in front of everything. */
		packetise(m, pid, m->pes.data + 100, TS_SIZE - 4, false, packet);
		send_packet(m, packet);
	}
	while (at < m->pes.len) {
		at += packetise(m, pid, m->pes.data + at, m->pes.len - at, at == 0, packet);
		if (pid == PID_VIDEO)
			send_video_packet(m, packet, index++);
		else
			send_packet(m, packet);
	}
	flush(m);
}

static void make_pes(struct maker *m, unsigned pid, unsigned id, uint64_t pts, unsigned stuffing)
{
	uint8_t header[32] = { 0, 0, 1, (uint8_t)id, 0, 0, 0x84, 0x80, (uint8_t)(5 + stuffing) };
	bool bad = pid == PID_VIDEO && m->unit == BAD_UNIT;
	size_t header_len = 9 + 5 + stuffing;
	size_t len;

	write_pts(header + 9, 2, pts & PTS_MASK);
	memset(header + 14, 0xff, stuffing);
	if (bad && is(m, DAMAGE_PES_DTS)) {
		header[7] = 0xc0;
		header[8] = 10;
		write_pts(header + 9, 3, pts & PTS_MASK);
		write_pts(header + 14, 1, pts & PTS_MASK);
		header_len = 19;
	}
	len = m->au.len + header_len - 6;
	if (bad && is(m, DAMAGE_PES_TOO_LONG))
		len += 5;
	if (bad && is(m, DAMAGE_PES_TOO_SHORT))
		len -= 5;
	if (bad && is(m, DAMAGE_PES_ZERO_FOR_SMALL))
		len = 0;
	if (len < 65536) {
		header[4] = (uint8_t)(len >> 8);
		header[5] = (uint8_t)len;
	}
	if (bad && is(m, DAMAGE_PES_NO_START))
		header[2] = 2;
	if (bad && is(m, DAMAGE_PES_NOT_ALIGNED))
		header[6] = 0x80;
	if (bad && is(m, DAMAGE_PES_HEADER_SHORT))
		header[8] = 4;
	if (bad && is(m, DAMAGE_PES_HEADER_LONG))
		header[8] = 200;
	if (bad && is(m, DAMAGE_PES_PTS_MARKER))
		header[11] &= 0xfe;
	m->pes.len = 0;
	put_all(&m->pes, header, header_len);
	put_all(&m->pes, m->au.data, m->au.len);
}

/* A new encoder process: counters go on where they like, each PID says so, and an IDR begins. */
static void restart(struct maker *m)
{
	static const unsigned pids[] = { PID_PAT, PID_PMT, PID_PCR, PID_VIDEO, PID_AUDIO };

	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++) {
		m->discontinuity[pids[i]] = true;
		m->counter[pids[i]] = (m->counter[pids[i]] + 5) & 0xf;
	}
	send_tables(m);
	send_pcr(m);
	flush(m);
}

static void send_unit(struct maker *m, uint64_t due_us)
{
	uint64_t pts = (CLOCK_BASE_US + due_us + DELAY_US) * 9 / 100;
	unsigned id = at_unit(m, DAMAGE_PES_VIDEO_ID) ? 0xe1 : 0xe0;

	if (m->config.restart && m->unit == RESTART_UNIT)
		restart(m);
	if (at_unit(m, DAMAGE_PTS_TWICE))
		pts -= PICTURE_MS * 90;
	if (is(m, DAMAGE_PTS_FAR) && m->unit >= BAD_UNIT)
		pts += 2 * TS_CLOCK;
	unit_make(m);
	make_pes(m, PID_VIDEO, id, pts, at_unit(m, DAMAGE_PES_STUFFED) ? 2 : 0);
	send_pes(m, PID_VIDEO);
	m->unit++;
}

/* --- sound --- */

static void make_lpcm(struct maker *m)
{
	size_t samples = at_sound(m, DAMAGE_LPCM_SHORT) ? 400 : 480;

	put(&m->au, 0xa0);
	put(&m->au, 6);
	put(&m->au, at_sound(m, DAMAGE_LPCM_EMPHASIS) ? 0x80 : 0);
	put(&m->au, at_sound(m, DAMAGE_LPCM_RATE) ? 0x19 : 0x11);
	for (size_t i = 0; i < samples * 4; i++)
		put(&m->au, noise(m));
}

static void make_aac(struct maker *m)
{
	size_t len = 300;
	size_t declared = at_sound(m, DAMAGE_ADTS_LENGTH) ? len + 9 : len;

	put(&m->au, 0xff);
	put(&m->au, at_sound(m, DAMAGE_ADTS_SYNC) ? 0x19 : 0xf9);
	put(&m->au, at_sound(m, DAMAGE_ADTS_RATE) ? 0x50 : 0x4c);
	put(&m->au, (uint8_t)(0x80 | declared >> 11));
	put(&m->au, (uint8_t)(declared >> 3));
	put(&m->au, (uint8_t)(declared << 5 | 0x1f));
	put(&m->au, 0xfc);
	while (m->au.len < len)
		put(&m->au, noise(m));
}

static void send_sound(struct maker *m, uint64_t due_us)
{
	uint64_t pts = (CLOCK_BASE_US + due_us + DELAY_US) * 9 / 100;
	bool aac = m->config.audio == AUDIO_AAC;
	unsigned id = aac ? 0xc0 : 0xbd;

	if (at_sound(m, DAMAGE_PES_AUDIO_ID))
		id = 0xc1;
	if (at_sound(m, DAMAGE_AUDIO_PTS))
		pts += 450;
	if (is(m, DAMAGE_PTS_AUDIO_BACK) && m->sounds == BAD_UNIT)
		pts -= 21 * 90 + 100;
	m->au.len = 0;
	if (aac)
		make_aac(m);
	else
		make_lpcm(m);
	make_pes(m, PID_AUDIO, id, pts, at_sound(m, DAMAGE_PES_AUDIO_NOT_STUFFED) ? 0 : 2);
	send_pes(m, PID_AUDIO);
	m->sounds++;
}

/* --- time --- */

static bool wants_tables(const struct maker *m, unsigned ms)
{
	/* At 1000 ms, too, where single tables are damaged. */
	if (is(m, DAMAGE_PSI_MISSING) && ms >= 900 && ms < 1050)
		return false;
	return ms % PSI_MS == 0 || ms == BAD_MS;
}

static bool wants_pcr(const struct maker *m, unsigned ms)
{
	if (is(m, DAMAGE_PCR_MISSING) && (ms == BAD_MS || ms == BAD_MS + PCR_MS))
		return false;
	return ms % PCR_MS == 0;
}

static void make_stream(struct maker *m)
{
	uint64_t next_sound_us = 5000;
	uint64_t next_unit_us = 1000;
	/* AAC: 1024 samples at 48 kHz. */
	uint64_t sound_us = m->config.audio == AUDIO_AAC ? 21333 : 10000;

	for (unsigned ms = 0; ms < LENGTH_MS; ms++) {
		m->now_us = ms * 1000ULL;
		m->spread_us = 0;
		if (wants_tables(m, ms))
			send_tables(m);
		if (wants_pcr(m, ms))
			send_pcr(m);
		flush(m);
		while (next_unit_us <= m->now_us &&
		       !(is(m, DAMAGE_PTS_LATE) && m->unit == BAD_UNIT &&
			 m->now_us < next_unit_us + 60000)) {
			send_unit(m, next_unit_us);
			next_unit_us += PICTURE_MS * 1000;
			if (is(m, DAMAGE_PTS_MISSING) && m->unit == BAD_UNIT)
				next_unit_us += 700000;
		}
		if (m->config.audio != AUDIO_NONE && next_sound_us <= m->now_us) {
			send_sound(m, next_sound_us);
			next_sound_us += sound_us;
		}
	}
}

struct made_stream *stream_make(const struct maker_config *config)
{
	struct maker *m = calloc(1, sizeof(*m));
	struct made_stream *s = calloc(1, sizeof(*s));

	assert(m && s);
	s->datagrams = calloc(DATAGRAMS_MAX, sizeof(*s->datagrams));
	assert(s->datagrams);
	s->expect = (struct expectation){ .width = 1920,
					  .height = 1080,
					  .profile_idc = config->high ? 100 : 66,
					  .level_idc = 40,
					  .audio = config->audio };
	if (config->damage == DAMAGE_THREE_SLICES || config->damage == DAMAGE_SMALL_SLICE ||
	    config->damage == DAMAGE_SMALL_LAST_SLICE) {
		s->expect.slices = 2;
		s->expect.min_slice_size = 100;
	}
	if (config->damage == DAMAGE_OTHER_SOUND)
		s->expect.audio = AUDIO_AAC;
	m->config = *config;
	m->out = s;
	m->sequence = 65000; /* wraps on the way */
	make_stream(m);
	stream_spoil(s, config->damage);
	s->units = m->unit;
	free(m);
	return s;
}

void stream_free(struct made_stream *stream)
{
	if (!stream)
		return;
	free(stream->datagrams);
	free(stream);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream/ts.h"

#include "stream/timing.h"
#include "util/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define TS_BODY_SIZE   (TS_PACKET_SIZE - 4)
#define PES_HEADER_MAX 20
#define DELIMITER_SIZE 6
#define LPCM_UNIT_SIZE 320 /* 80 stereo samples of 16 bit */
#define LPCM_UNITS_MAX 24  /* 40 ms: more is nobody's PES */
#define AUDIO_SIZE_MAX 60000

/*
 * PSI at most 100 ms apart, PCR at most 40 (the sinks' expectation; ISO/IEC 13818-1 2.7.2 asks for
 * 100). EARLY: a datagram takes them along from this age on, so that they rarely need one of their own;
 * DUE: they get one.
 */
#define PSI_EARLY_NS (60 * NSEC_PER_MSEC)
#define PSI_DUE_NS   (92 * NSEC_PER_MSEC)
#define PCR_EARLY_NS (20 * NSEC_PER_MSEC)
#define PCR_DUE_NS   (35 * NSEC_PER_MSEC)

#define AF_DISCONTINUITY 0x80
#define AF_PCR		 0x10

static const uint16_t stream_pids[TS_STREAMS] = {
	[TS_PAT] = TS_PID_PAT,
	[TS_PMT] = TS_PID_PMT,
	[TS_VIDEO] = TS_PID_VIDEO,
	[TS_AUDIO] = TS_PID_AUDIO,
};

/* One program, number 1, its PMT on 0x100; transport stream 0, version 1 (2.4.4.3). */
static const uint8_t pat_section[] = {
	0x00, 0xb0, 0x0d, 0x00, 0x00, 0xc3, 0x00, 0x00,
	0x00, 0x01, 0xe1, 0x00, 0x2d, 0xf6, 0x52, 0x95,
};

static void write_due(struct ts *t, struct rtp_run *run, bool psi, bool pcr);
static void write_continuation(struct rtp_run *run, unsigned int pid, const uint8_t *data,
			       size_t size);
static int write_pes(struct ts *t, struct rtp_run *run, enum ts_stream stream,
		     const uint8_t *header, size_t header_size, const uint8_t *data, size_t size,
		     bool psi, bool pcr, uint8_t **ret_header);
static size_t build_pmt(const struct media_format *format, uint8_t version, uint8_t *ret,
			size_t ret_size);

void ts_init(struct ts *t, uint8_t *continuity, bool successor)
{
	*t = (struct ts){
		.continuity = continuity,
		.version = 1,
		.discontinuity = successor ? (1u << TS_STREAMS) - 1 : 0,
	};
}

void ts_set_format(struct ts *t, const struct media_format *format)
{
	uint8_t pmt[sizeof(t->pmt)];
	size_t size = build_pmt(format, t->version, pmt, sizeof(pmt));

	if (t->pmt_size && (size != t->pmt_size || memcmp(pmt, t->pmt, size) != 0)) {
		/* Another content is another version (2.4.4.9). */
		t->version = (t->version + 1) & 0x1f;
		size = build_pmt(format, t->version, pmt, sizeof(pmt));
	}
	memcpy(t->pmt, pmt, size);
	t->pmt_size = size;
	t->audio = format->audio;
}

void ts_pause(struct ts *t)
{
	t->psi_ns = 0;
	t->pcr_ns = 0;
}

static bool is_due(uint64_t last_ns, uint64_t period_ns, uint64_t now_ns)
{
	return last_ns == 0 || now_ns >= last_ns + period_ns;
}

void ts_set_pts(uint8_t *pts_at, uint64_t pts)
{
	pts &= TIMING_MASK_33;
	pts_at[0] = (uint8_t)(0x21 | (pts >> 29 & 0x0e));
	pts_at[1] = (uint8_t)(pts >> 22);
	pts_at[2] = (uint8_t)(0x01 | pts >> 14);
	pts_at[3] = (uint8_t)(pts >> 7);
	pts_at[4] = (uint8_t)(0x01 | pts << 1);
}

/* 2.4.3.6: marker bits, data_alignment_indicator, PTS alone, stuffing bytes behind it. */
static size_t build_pes_header(uint8_t *h, uint8_t stream_id, size_t stuffing, size_t payload,
			       uint64_t pts)
{
	size_t length = 3 + 5 + stuffing + payload;

	h[0] = 0;
	h[1] = 0;
	h[2] = 1;
	h[3] = stream_id;
	/* 0, not known, is allowed for video alone (2.4.3.7), and used where 16 bits end. */
	h[4] = length > UINT16_MAX ? 0 : (uint8_t)(length >> 8);
	h[5] = length > UINT16_MAX ? 0 : (uint8_t)length;
	h[6] = 0x84;
	h[7] = 0x80;
	h[8] = (uint8_t)(5 + stuffing);
	ts_set_pts(h + 9, pts);
	memset(h + 14, 0xff, stuffing);
	return 14 + stuffing;
}

/* What is due may stand within a PES: it is on other PIDs. */
static int write_part(struct ts *t, struct rtp_run *run, const struct packet *p, bool psi, bool pcr)
{
	size_t packets =
		(psi ? 2u : 0u) + (pcr ? 1u : 0u) + (p->size + TS_BODY_SIZE - 1) / TS_BODY_SIZE;

	if (rtp_left(run) < packets)
		return -ENOBUFS;
	write_due(t, run, psi, pcr);
	write_continuation(run, TS_PID_VIDEO, p->data, p->size);
	return 0;
}

int ts_write_video(struct ts *t, struct rtp_run *run, const struct packet *p, uint64_t pts,
		   uint64_t now_ns, uint8_t **ret_pts_at)
{
	/* 2.14.1 of ISO/IEC 13818-1 asks for it: a unit of its own, for any type of picture. */
	static const uint8_t delimiter[DELIMITER_SIZE] = { 0x00, 0x00, 0x00, 0x01, 0x09, 0xf0 };
	/* Of an access unit in parts the size is not known yet. */
	size_t size = p->parts > 1 ? UINT16_MAX : sizeof(delimiter) + p->size;
	bool psi = (p->idr && p->part == 0) || is_due(t->psi_ns, PSI_EARLY_NS, now_ns);
	bool pcr = psi || is_due(t->pcr_ns, PCR_EARLY_NS, now_ns);
	uint8_t header[PES_HEADER_MAX + DELIMITER_SIZE];
	size_t header_size;
	uint8_t *at;
	int r;

	if (p->size == 0)
		return -EINVAL;
	*ret_pts_at = NULL;
	if (p->part > 0)
		return write_part(t, run, p, psi, pcr);
	header_size = build_pes_header(header, 0xe0, 0, size, pts);
	memcpy(header + header_size, delimiter, sizeof(delimiter));
	header_size += sizeof(delimiter);
	r = write_pes(t, run, TS_VIDEO, header, header_size, p->data, p->size, psi, pcr, &at);
	if (r < 0)
		return r;
	*ret_pts_at = at + 9;
	return 0;
}

/* Two stuffing bytes and, for LPCM, four private ones: the 20 bytes that sinks skip unread. */
int ts_write_audio(struct ts *t, struct rtp_run *run, const void *data, size_t size, uint64_t pts,
		   uint64_t now_ns, uint8_t **ret_pts_at)
{
	bool lpcm = t->audio == MEDIA_AUDIO_LPCM;
	bool pcr = is_due(t->pcr_ns, PCR_EARLY_NS, now_ns);
	bool psi = is_due(t->psi_ns, PSI_EARLY_NS, now_ns);
	uint8_t header[PES_HEADER_MAX];
	size_t header_size;
	uint8_t *at;
	int r;

	if (t->audio == MEDIA_AUDIO_NONE || size == 0 || size > AUDIO_SIZE_MAX)
		return -EINVAL;
	if (lpcm && (size % LPCM_UNIT_SIZE || size > LPCM_UNIT_SIZE * LPCM_UNITS_MAX))
		return -EINVAL;
	header_size = build_pes_header(header, lpcm ? 0xbd : 0xc0, 2, size + (lpcm ? 4 : 0), pts);
	if (lpcm) {
		/* sub-stream, units, no emphasis, 16 bit 48 kHz stereo */
		const uint8_t private[] = { 0xa0, (uint8_t)(size / LPCM_UNIT_SIZE), 0x00, 0x11 };

		memcpy(header + header_size, private, sizeof(private));
		header_size += sizeof(private);
	}
	r = write_pes(t, run, TS_AUDIO, header, header_size, data, size, psi, psi || pcr, &at);
	if (r < 0)
		return r;
	*ret_pts_at = at + 9;
	return 0;
}

int ts_write_due(struct ts *t, struct rtp_run *run, uint64_t due_ns)
{
	/* A resting stream is woken for the PCR; what would soon wake it again goes with it. */
	bool early = t->pcr_ns && is_due(t->pcr_ns, PCR_DUE_NS, due_ns);
	bool psi = t->psi_ns && is_due(t->psi_ns, early ? PSI_EARLY_NS : PSI_DUE_NS, due_ns);
	bool pcr = t->pcr_ns && (psi || early);
	int packets = (psi ? 2 : 0) + (pcr ? 1 : 0);

	if (rtp_left(run) < (size_t)packets)
		return -ENOBUFS;
	write_due(t, run, psi, pcr);
	return packets;
}

uint64_t ts_get_deadline_ns(const struct ts *t)
{
	uint64_t psi = t->psi_ns ? t->psi_ns + PSI_DUE_NS : UINT64_MAX;
	uint64_t pcr = t->pcr_ns ? t->pcr_ns + PCR_DUE_NS : UINT64_MAX;

	return psi < pcr ? psi : pcr;
}

/* The four bytes of 2.4.3.2; the counter comes at departure. */
static uint8_t *write_head(uint8_t *p, unsigned int pid, bool unit_start, unsigned int control)
{
	p[0] = 0x47;
	p[1] = (uint8_t)((unit_start ? 0x40 : 0) | pid >> 8);
	p[2] = (uint8_t)pid;
	p[3] = (uint8_t)(control << 4);
	return p + 4;
}

/* An adaptation field of size bytes, its length byte included; 1 is just that byte, 0 none. */
static uint8_t *write_adaptation(uint8_t *p, size_t size, unsigned int flags)
{
	if (size == 0)
		return p;
	p[0] = (uint8_t)(size - 1);
	if (size > 1) {
		p[1] = (uint8_t)flags;
		memset(p + 2, 0xff, size - 2);
	}
	return p + size;
}

static bool is_marked(const struct ts *t, enum ts_stream stream)
{
	return t->discontinuity >> stream & 1;
}

static void write_section(struct ts *t, struct rtp_run *run, enum ts_stream stream,
			  const uint8_t *section, size_t size)
{
	bool marked = is_marked(t, stream);
	uint8_t *packet = rtp_room(run);
	uint8_t *p = write_head(packet, stream_pids[stream], true, marked ? 3 : 1);

	p = write_adaptation(p, marked ? 2 : 0, AF_DISCONTINUITY);
	*p++ = 0; /* pointer_field */
	memcpy(p, section, size);
	p += size;
	memset(p, 0xff, (size_t)(packet + TS_PACKET_SIZE - p));
}

/* A packet of its own without payload; the time is written at departure. */
static void write_pcr(struct rtp_run *run)
{
	uint8_t *p = write_head(rtp_room(run), TS_PID_PCR, false, 2);

	(void)write_adaptation(p, TS_BODY_SIZE, AF_PCR);
}

static void write_due(struct ts *t, struct rtp_run *run, bool psi, bool pcr)
{
	if (psi) {
		write_section(t, run, TS_PAT, pat_section, sizeof(pat_section));
		write_section(t, run, TS_PMT, t->pmt, t->pmt_size);
	}
	if (pcr)
		write_pcr(run);
}

/* Full packets, a datagram at a time: most of what is ever written passes here. */
static const uint8_t *write_full(struct rtp_run *run, unsigned int pid, const uint8_t *data,
				 size_t packets)
{
	uint8_t head[4];

	(void)write_head(head, pid, false, 1);
	while (packets > 0) {
		size_t n = packets;
		uint8_t *p = rtp_rooms(run, &n);

		packets -= n;
		for (; n > 0; n--, p += TS_PACKET_SIZE, data += TS_BODY_SIZE) {
			memcpy(p, head, sizeof(head));
			memcpy(p + sizeof(head), data, TS_BODY_SIZE);
		}
	}
	return data;
}

/* The rest of a PES: full packets, then one that the adaptation field fills up. */
static void write_continuation(struct rtp_run *run, unsigned int pid, const uint8_t *data,
			       size_t size)
{
	uint8_t *p;

	data = write_full(run, pid, data, size / TS_BODY_SIZE);
	size %= TS_BODY_SIZE;
	if (size == 0)
		return;
	p = write_head(rtp_room(run), pid, false, 3);
	p = write_adaptation(p, TS_BODY_SIZE - size, 0);
	memcpy(p, data, size);
}

/* What is due, then one PES of header and data: all of it or nothing. */
static int write_pes(struct ts *t, struct rtp_run *run, enum ts_stream stream,
		     const uint8_t *header, size_t header_size, const uint8_t *data, size_t size,
		     bool psi, bool pcr, uint8_t **ret_header)
{
	size_t field = is_marked(t, stream) ? 2 : 0;
	size_t room = TS_BODY_SIZE - header_size - field; /* for data in the first packet */
	size_t head = size < room ? size : room;
	size_t packets = (psi ? 2u : 0u) + (pcr ? 1u : 0u) + 1u +
			 (size - head + TS_BODY_SIZE - 1) / TS_BODY_SIZE;
	uint8_t *p;

	assert(t->pmt_size > 0);
	if (rtp_left(run) < packets)
		return -ENOBUFS;
	write_due(t, run, psi, pcr);
	p = write_head(rtp_room(run), stream_pids[stream], true, field + room - head ? 3 : 1);
	p = write_adaptation(p, field + room - head, field ? AF_DISCONTINUITY : 0);
	memcpy(p, header, header_size);
	memcpy(p + header_size, data, head);
	write_continuation(run, stream_pids[stream], data + head, size - head);
	*ret_header = p;
	return 0;
}

/* 2.4.3.5: 33 bits of 90 kHz, six reserved, nine of 27 MHz. */
static void set_pcr(uint8_t *p, uint64_t now_ns)
{
	uint64_t clock = timing_27m(now_ns);
	uint64_t base = clock / 300 & TIMING_MASK_33;
	unsigned int extension = (unsigned int)(clock % 300);

	p[0] = (uint8_t)(base >> 25);
	p[1] = (uint8_t)(base >> 17);
	p[2] = (uint8_t)(base >> 9);
	p[3] = (uint8_t)(base >> 1);
	p[4] = (uint8_t)((base & 1) << 7 | 0x7e | extension >> 8);
	p[5] = (uint8_t)extension;
}

/* Several frames may have been marked while they waited; the first to leave keeps the mark. */
static void depart_mark(struct ts *t, enum ts_stream stream, uint8_t *p)
{
	if (!(p[3] & 0x20) || p[4] == 0 || !(p[5] & AF_DISCONTINUITY))
		return;
	if (!is_marked(t, stream))
		p[5] &= (uint8_t)~AF_DISCONTINUITY;
	t->discontinuity &= (uint8_t) ~(1u << stream);
}

static void depart_packet(struct ts *t, uint8_t *p, uint64_t now_ns)
{
	unsigned int pid = (p[1] & 0x1fu) << 8 | p[2];
	enum ts_stream stream = TS_VIDEO;

	if (pid == TS_PID_PCR) {
		/* Two that depart together still rise: by one tick of 27 MHz, within 2.4.2.1's 500 ns. */
		if (now_ns <= t->pcr_ns)
			now_ns = t->pcr_ns + 38;
		set_pcr(p + 6, now_ns);
		t->pcr_ns = now_ns;
		return;
	}
	if (pid == TS_PID_AUDIO)
		stream = TS_AUDIO;
	else if (pid == TS_PID_PAT)
		stream = TS_PAT;
	else if (pid == TS_PID_PMT)
		stream = TS_PMT;
	if (stream == TS_PMT)
		t->psi_ns = now_ns;
	depart_mark(t, stream, p);
	p[3] = (uint8_t)(p[3] & 0xf0) | (t->continuity[stream] & 0x0f);
	t->continuity[stream] = (t->continuity[stream] + 1) & 0x0f;
}

/* Video without adaptation field, as write_full makes it: nine packets in ten. */
static bool is_plain_video(const uint8_t *p)
{
	static const uint8_t plain[4] = { 0x47, TS_PID_VIDEO >> 8, TS_PID_VIDEO & 0xff, 0x10 };

	return memcmp(p, plain, sizeof(plain)) == 0;
}

void ts_depart(struct ts *t, uint8_t *packets, size_t count, uint64_t now_ns)
{
	for (uint8_t *p = packets; count > 0; count--, p += TS_PACKET_SIZE) {
		if (!is_plain_video(p)) {
			depart_packet(t, p, now_ns);
			continue;
		}
		p[3] = 0x10 | (t->continuity[TS_VIDEO] & 0x0f);
		t->continuity[TS_VIDEO] = (t->continuity[TS_VIDEO] + 1) & 0x0f;
	}
}

/* CRC_32 of ISO/IEC 13818-1 Annex A. */
static uint32_t crc32_mpeg(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= (uint32_t)data[i] << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
	}
	return crc;
}

/* AVC video descriptor and AVC timing and HRD descriptor (2.6.64, 2.6.66). */
static void build_video_stream(struct writer *w, const struct media_format *format)
{
	bool baseline = format->profile == MEDIA_PROFILE_CBP;

	writer_u8(w, 0x1b);
	writer_be16(w, 0xe000 | TS_PID_VIDEO);
	writer_be16(w, 0xf000 | 10);
	writer_bytes(w, (const uint8_t[]){ 0x28, 4 }, 2);
	writer_u8(w, baseline ? 66 : 100);
	writer_u8(w, baseline ? 0xc0 : 0x0c); /* constraint_set0 and 1; 4 and 5 */
	writer_u8(w, format->level_idc);
	writer_u8(w, 0x3f);
	writer_bytes(w, (const uint8_t[]){ 0x2a, 2, 0x7e, 0x1f }, 4);
}

static void build_audio_stream(struct writer *w, enum media_audio_codec audio)
{
	switch (audio) {
	case MEDIA_AUDIO_NONE:
		break;
	case MEDIA_AUDIO_LPCM:
		writer_u8(w, 0x83);
		writer_be16(w, 0xe000 | TS_PID_AUDIO);
		writer_be16(w, 0xf000 | 4);
		/* 48 kHz, no emphasis, stereo */
		writer_bytes(w, (const uint8_t[]){ 0x83, 2, 0x46, 0x2f }, 4);
		break;
	case MEDIA_AUDIO_AAC:
		writer_u8(w, 0x0f);
		writer_be16(w, 0xe000 | TS_PID_AUDIO);
		writer_be16(w, 0xf000);
		break;
	}
}

/* TS_program_map_section, 2.4.4.8. */
static size_t build_pmt(const struct media_format *format, uint8_t version, uint8_t *ret,
			size_t ret_size)
{
	struct writer w = writer_init(ret, ret_size);

	writer_bytes(&w, (const uint8_t[]){ 0x02, 0xb0, 0, 0x00, 0x01 }, 5);
	writer_u8(&w, (uint8_t)(0xc1 | version << 1));
	writer_be16(&w, 0); /* the only section */
	writer_be16(&w, 0xe000 | TS_PID_PCR);
	writer_be16(&w, 0xf000);
	build_video_stream(&w, format);
	build_audio_stream(&w, format->audio);
	ret[2] = (uint8_t)(writer_size(&w) + 4 - 3); /* section_length counts from behind itself */
	writer_be32(&w, crc32_mpeg(ret, writer_size(&w)));
	assert(!w.failed);
	return writer_size(&w);
}

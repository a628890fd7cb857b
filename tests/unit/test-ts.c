// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The muxer: sections and PES byte by byte, any size of access unit put together again, continuity
 * over pictures that never leave and over a successor.
 */
#include "stream/ts.h"

#include "stream-reader.h"
#include "util/clock.h"

#include <errno.h>

#define SLOTS 620
#define NOW   (1000 * NSEC_PER_SEC)

static const struct media_format video_only = {
	.mode = { 1280, 720, 30 },
	.profile = MEDIA_PROFILE_CBP,
	.level_idc = 31,
};

struct fixture {
	uint8_t continuity[TS_STREAMS];
	struct ts ts;
	struct rtp_run run;
	uint8_t data[800000];
	uint8_t slots[SLOTS * RTP_DATAGRAM_SIZE];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->run = (struct rtp_run){ .slots = f->slots, .slot_count = SLOTS, .limit = SLOTS };
	ts_init(&f->ts, f->continuity, false);
	ts_set_format(&f->ts, &video_only);
	for (size_t i = 0; i < sizeof(f->data); i++)
		f->data[i] = (uint8_t)(i * 2654435761u >> 13);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void restart(struct fixture *f)
{
	f->run.count = 0;
	f->run.packets = 0;
}

static uint8_t *write_video(struct fixture *f, size_t size, bool idr, uint64_t pts, uint64_t now)
{
	struct packet p = { .data = f->data, .size = size, .idr = idr };
	uint8_t *pts_at = NULL;

	assert_int_equal(ts_write_video(&f->ts, &f->run, &p, pts, now, &pts_at), 0);
	assert_non_null(pts_at);
	return pts_at;
}

static size_t count_packets(const struct rtp_run *run)
{
	return run->count ? (run->count - 1) * 7 + run->packets : 0;
}

static uint8_t *get_packet(struct fixture *f, size_t i)
{
	return f->slots + i / 7 * RTP_DATAGRAM_SIZE + RTP_HEADER_SIZE + i % 7 * TS_PACKET_SIZE;
}

/* Sends what the run holds: to the reader, at this time. */
static void depart(struct fixture *f, struct stream_reader *r, uint64_t now)
{
	size_t count = count_packets(&f->run);

	if (r)
		r->timestamp = (uint32_t)(now / 100000 * 9);
	for (size_t i = 0; i < count; i++) {
		ts_depart(&f->ts, get_packet(f, i), 1, now);
		if (r)
			stream_reader_on_packet(r, get_packet(f, i));
	}
	restart(f);
}

static void assert_hex(const uint8_t *p, const char *hex)
{
	for (; *hex; hex += 2, p++) {
		char byte[3] = { hex[0], hex[1], '\0' };

		assert_int_equal(*p, strtoul(byte, NULL, 16));
	}
}

static void assert_filled(const uint8_t *p, const uint8_t *end)
{
	for (; p < end; p++)
		assert_int_equal(*p, 0xff);
}

/* The sections as other sources send them, with check sums that were verified elsewhere. */
static void test_sections(void **state)
{
	static const struct {
		enum media_audio_codec audio;
		const char *hex;
	} cases[] = {
		{ MEDIA_AUDIO_NONE,
		  "02b01c0001c30000f000f0001bf011f00a280442c01f3f2a027e1f5c00162c" },
		{ MEDIA_AUDIO_AAC,
		  "02b0210001c30000f000f0001bf011f00a280442c01f3f2a027e1f0ff100f000"
		  "4098d5a0" },
		{ MEDIA_AUDIO_LPCM,
		  "02b0250001c30000f000f0001bf011f00a280442c01f3f2a027e1f83f100f004"
		  "8302462f914c0f26" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct media_format format = video_only;

		format.audio = cases[i].audio;
		ts_init(&f->ts, f->continuity, false);
		ts_set_format(&f->ts, &format);
		restart(f);
		write_video(f, 1000, true, 0, NOW);
		assert_hex(get_packet(f, 0), "474000100000b00d0000c300000001e1002df65295");
		assert_filled(get_packet(f, 0) + 21, get_packet(f, 0) + 188);
		assert_hex(get_packet(f, 1), "4741001000");
		assert_hex(get_packet(f, 1) + 5, cases[i].hex);
		assert_filled(get_packet(f, 1) + 5 + strlen(cases[i].hex) / 2,
			      get_packet(f, 1) + 188);
	}
}

static void test_descriptor_of_high(void **state)
{
	struct fixture *f = *state;
	struct media_format format = video_only;

	format.profile = MEDIA_PROFILE_CHP;
	format.level_idc = 42;
	ts_init(&f->ts, f->continuity, false);
	ts_set_format(&f->ts, &format);
	write_video(f, 1000, true, 0, NOW);
	assert_hex(get_packet(f, 1) + 5 + 17, "2804640c2a3f2a027e1f");
}

/* Another content is another version; the same content is not. */
static void test_version(void **state)
{
	struct fixture *f = *state;
	struct media_format format = video_only;

	ts_set_format(&f->ts, &format);
	write_video(f, 10, true, 0, NOW);
	assert_int_equal(get_packet(f, 1)[5 + 5], 0xc3);
	format.level_idc = 40;
	ts_set_format(&f->ts, &format);
	restart(f);
	write_video(f, 10, true, 0, NOW);
	assert_int_equal(get_packet(f, 1)[5 + 5], 0xc5);
}

static void test_pcr(void **state)
{
	struct fixture *f = *state;
	/* 0x1_2345_6789 of 90 kHz and 123 of 27 MHz */
	uint64_t ticks = UINT64_C(0x123456789) * 300 + 123;

	write_video(f, 1000, true, 0, NOW);
	ts_depart(&f->ts, get_packet(f, 2), 1, (ticks * 1000 + 26) / 27);
	assert_hex(get_packet(f, 2), "47100020b71091a2b3c4fe7b");
	assert_filled(get_packet(f, 2) + 12, get_packet(f, 2) + 188);
}

/* One access unit in one packet, byte by byte: stuffing stands in the adaptation field alone. */
static void test_small_unit(void **state)
{
	struct fixture *f = *state;
	uint8_t *p = get_packet(f, 3);

	write_video(f, 10, true, 0x1ffffffff, NOW);
	assert_int_equal(count_packets(&f->run), 4);
	assert_hex(p, "47501130");
	assert_int_equal(p[4], 183 - 14 - 6 - 10);
	assert_int_equal(p[5], 0);
	assert_filled(p + 6, p + 188 - 30);
	assert_hex(p + 188 - 30, "000001e00018848005");
	assert_hex(p + 188 - 30 + 9, "2fffffffff0000000109f0");
	assert_memory_equal(p + 188 - 10, f->data, 10);
}

/* Around the ends of packets: a field of one byte, of two, none. */
static void test_stuffing(void **state)
{
	struct fixture *f = *state;

	write_video(f, 164, true, 0, NOW);
	assert_hex(get_packet(f, 3), "47501110000001e0");
	restart(f);
	write_video(f, 163, true, 0, NOW);
	assert_hex(get_packet(f, 3), "4750113000000001e0");
	restart(f);
	write_video(f, 162, true, 0, NOW);
	assert_hex(get_packet(f, 3), "475011300100000001e0");
	restart(f);
	write_video(f, 164 + 184, true, 0, NOW);
	assert_hex(get_packet(f, 4), "47101110");
	restart(f);
	write_video(f, 164 + 183, true, 0, NOW);
	assert_hex(get_packet(f, 4), "4710113000");
	assert_memory_equal(get_packet(f, 4) + 5, f->data + 164, 183);
}

static void test_pes_length(void **state)
{
	struct fixture *f = *state;

	write_video(f, 65535 - 14, true, 0, NOW);
	assert_hex(get_packet(f, 3) + 4, "000001e0ffff848005");
	restart(f);
	write_video(f, 65536 - 14, true, 0, NOW);
	assert_hex(get_packet(f, 3) + 4, "000001e00000848005");
}

static void test_pts_wrap(void **state)
{
	uint8_t at[5];

	(void)state;
	for (uint64_t pts = (UINT64_C(1) << 33) - 5; pts < (UINT64_C(1) << 33) + 5; pts++) {
		ts_set_pts(at, pts);
		assert_int_equal(reader_get_pts(at), pts % (UINT64_C(1) << 33));
	}
	ts_set_pts(at, 0);
	assert_hex(at, "2100010001");
	ts_set_pts(at, UINT64_C(0x155555555));
	assert_int_equal(reader_get_pts(at), UINT64_C(0x155555555));
}

static void test_all_sizes(void **state)
{
	struct fixture *f = *state;
	struct stream_reader *r = stream_reader_new();
	uint64_t now = NOW;

	for (size_t size = 1; size < sizeof(f->data); size += size < 1200 ? 1 : 4999) {
		now += 7 * NSEC_PER_MSEC;
		ts_set_pts(write_video(f, size, size % 17 == 1, 0, now), now / 100000 * 9 + 10);
		depart(f, r, now);
		assert_int_equal(r->unit_size[0], size);
		assert_true(r->unit_left[0] == 0 || size > 65521);
		assert_memory_equal(r->unit[0], f->data, size);
	}
	assert_int_equal(r->marks, 0);
	stream_reader_free(r);
}

static void test_lpcm(void **state)
{
	struct fixture *f = *state;
	struct media_format format = video_only;
	uint8_t *pts_at;
	uint8_t *p;

	format.audio = MEDIA_AUDIO_LPCM;
	ts_set_format(&f->ts, &format);
	write_video(f, 10, true, 0, NOW);
	depart(f, NULL, NOW);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 1920, 0, NOW, &pts_at), 0);
	p = get_packet(f, 0);
	assert_hex(p, "47510010000001bd");
	/* 2 flags, 1 length, 7 of PTS and stuffing, 4 private, 1920 */
	assert_hex(p + 8, "078e8480072100010001ffffa0060011");
	assert_memory_equal(p + 24, f->data, 164);
	assert_int_equal(count_packets(&f->run), 1 + (1920 - 164 + 183) / 184);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 100, 0, NOW, &pts_at), -EINVAL);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 0, 0, NOW, &pts_at), -EINVAL);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 32000, 0, NOW, &pts_at), -EINVAL);
}

static void test_aac(void **state)
{
	struct fixture *f = *state;
	struct stream_reader *r = stream_reader_new();
	struct media_format format = video_only;
	uint8_t *pts_at;

	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 100, 0, NOW, &pts_at), -EINVAL);
	format.audio = MEDIA_AUDIO_AAC;
	ts_set_format(&f->ts, &format);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 341, 7, NOW, &pts_at), 0);
	/* Nothing has left before: PAT, PMT and PCR come along. */
	assert_hex(get_packet(f, 3), "47510010000001c0");
	assert_hex(get_packet(f, 3) + 8, "015f848007210001000fffff");
	depart(f, r, NOW);
	assert_int_equal(r->unit_size[1], 341);
	assert_memory_equal(r->unit[1], f->data, 341);
	stream_reader_free(r);
}

static void test_no_room(void **state)
{
	struct fixture *f = *state;
	struct packet p = { .data = f->data, .size = 164 + 184 * 10 + 1, .idr = true };
	uint8_t *pts_at;

	/* 3 and 12 packets; 14 fit */
	f->run.limit = 2;
	assert_int_equal(ts_write_video(&f->ts, &f->run, &p, 0, NOW, &pts_at), -ENOBUFS);
	assert_int_equal(f->run.count, 0);
	p.size--;
	assert_int_equal(ts_write_video(&f->ts, &f->run, &p, 0, NOW, &pts_at), 0);
	assert_int_equal(rtp_left(&f->run), 0);
	p.size = 0;
	assert_int_equal(ts_write_video(&f->ts, &f->run, &p, 0, NOW, &pts_at), -EINVAL);
}

static void test_due(void **state)
{
	struct fixture *f = *state;
	struct stream_reader *r = stream_reader_new();
	uint64_t now = NOW;

	/* Nothing has left yet: nothing is due. */
	assert_int_equal(ts_get_deadline_ns(&f->ts), UINT64_MAX);
	assert_int_equal(ts_write_due(&f->ts, &f->run, NOW), 0);
	ts_set_pts(write_video(f, 100, true, 0, now), now / 100000 * 9 + 1);
	depart(f, r, now);
	for (int i = 0; i < 100; i++) {
		assert_true(ts_get_deadline_ns(&f->ts) > now);
		now = ts_get_deadline_ns(&f->ts);
		assert_true(ts_write_due(&f->ts, &f->run, now - 1) == 0);
		assert_true(ts_write_due(&f->ts, &f->run, now) > 0);
		depart(f, r, now);
	}
	assert_in_range(r->pcr_gap_max, 20 * 90, 38 * 90);
	assert_in_range(r->psi_gap_max, 60 * 90, 95 * 90);
	assert_int_equal(r->pats, r->pmts);
	ts_pause(&f->ts);
	assert_int_equal(ts_get_deadline_ns(&f->ts), UINT64_MAX);
	stream_reader_free(r);
}

/* Who joins at an IDR finds the tables in front of it, however young the last ones are. */
static void test_idr_brings_tables(void **state)
{
	struct fixture *f = *state;

	write_video(f, 100, true, 0, NOW);
	depart(f, NULL, NOW);
	write_video(f, 100, false, 1, NOW + 5000000);
	assert_int_equal(count_packets(&f->run), 1);
	depart(f, NULL, NOW + 5000000);
	write_video(f, 100, true, 2, NOW + 10000000);
	assert_int_equal(count_packets(&f->run), 4);
	assert_hex(get_packet(f, 0), "474000");
	assert_hex(get_packet(f, 1), "474100");
	assert_hex(get_packet(f, 2), "471000");
	assert_hex(get_packet(f, 3), "475011");
}

/* Pictures that were written but never left: no gap, and nothing of theirs is missing. */
static void test_given_up(void **state)
{
	struct fixture *f = *state;
	struct stream_reader *r = stream_reader_new();
	uint64_t now = NOW;

	for (int i = 0; i < 200; i++) {
		now += 16 * NSEC_PER_MSEC;
		ts_set_pts(write_video(f, 3000, i == 0, 0, now), now / 100000 * 9 + 1);
		if (i % 5 < 3)
			depart(f, r, now);
		else
			restart(f);
	}
	assert_int_equal(r->units[0], 120);
	assert_true(r->psi_gap_max <= 100 * 90);
	stream_reader_free(r);
}

/*
 * Another process goes on from the counters of a dead one, of which one batch was lost: each PID's
 * first packet is marked, and only that one, though two frames were written before it left.
 */
static void test_successor(void **state)
{
	struct fixture *f = *state;
	struct stream_reader *r = stream_reader_new();
	struct media_format format = video_only;
	uint8_t *pts_at;

	format.audio = MEDIA_AUDIO_AAC;
	ts_set_format(&f->ts, &format);
	ts_set_pts(write_video(f, 5000, true, 0, NOW), NOW / 100000 * 9 + 1);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 300, 0, NOW, &pts_at), 0);
	depart(f, r, NOW);
	/* The lost batch: departed, never received. */
	write_video(f, 7000, true, 0, NOW);
	depart(f, NULL, NOW);

	ts_init(&f->ts, f->continuity, true);
	ts_set_format(&f->ts, &format);
	ts_set_pts(write_video(f, 5000, true, 0, NOW), NOW / 100000 * 9 + 2);
	ts_set_pts(write_video(f, 5000, false, 0, NOW), NOW / 100000 * 9 + 3);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 300, 0, NOW, &pts_at), 0);
	assert_int_equal(ts_write_audio(&f->ts, &f->run, f->data, 300, 0, NOW, &pts_at), 0);
	r->unit_left[0] = 0;
	depart(f, r, NOW);
	assert_int_equal(r->marks, 4);
	assert_in_range(r->jumps, 1, 4);
	ts_set_pts(write_video(f, 5000, true, 0, NOW), NOW / 100000 * 9 + 4);
	depart(f, r, NOW);
	assert_int_equal(r->marks, 4);
	stream_reader_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sections, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_descriptor_of_high, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_version, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pcr, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_small_unit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stuffing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pes_length, set_up, tear_down),
		cmocka_unit_test(test_pts_wrap),
		cmocka_unit_test_setup_teardown(test_all_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lpcm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_aac, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_due, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_idr_brings_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_successor, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

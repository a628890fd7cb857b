// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clips: what a header may say, frames that come in pieces, the clip's rate in the mode's, and all
 * the ways in which a clip can end.
 */
#include "capture/scale.h"
#include "capture/source.h"
#include "capture/y4m.h"
#include "util/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define START_NS (1000 * NSEC_PER_SEC)

static int parse(const char *text, struct y4m_header *ret, char *why)
{
	why[0] = '\0';
	return y4m_parse_header((const uint8_t *)text, strlen(text), ret, why);
}

static void test_good_headers(void **state)
{
	static const char *const good[] = {
		"YUV4MPEG2 W64 H32 F30:1\n",
		"YUV4MPEG2 W64 H32 F30:1 Ip A1:1 C420jpeg XYSCSS=420JPEG\n",
		"YUV4MPEG2 W64 H32 F30:1 I? A0:0 C420mpeg2\n",
		"YUV4MPEG2 C420paldv H32 W64 F30:1 Xany thing\n",
		"YUV4MPEG2 W64  H32 C420 F30:1 XCOLORRANGE=LIMITED\n",
	};
	struct y4m_header h;
	char why[Y4M_WHY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&h, 0, sizeof(h));
		assert_int_equal(parse(good[i], &h, why), strlen(good[i]));
		assert_int_equal(h.width, 64);
		assert_int_equal(h.height, 32);
		assert_int_equal(h.rate_num, 30);
		assert_int_equal(h.rate_den, 1);
		assert_false(h.full_range);
	}
	assert_true(parse("YUV4MPEG2 W17 H17 F30000:1001 XCOLORRANGE=FULL\nFRAME\n", &h, why) > 0);
	assert_true(h.full_range);
	assert_int_equal(y4m_frame_size(&h), 17 * 17 + 2 * 9 * 9);
}

static void test_bad_headers(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "RIFF....AVI LIST\n", "not YUV4MPEG2" },
		{ "YUV4MPEG3 W64 H32 F30:1\n", "not YUV4MPEG2" },
		{ "YUV4MPEG2X W64 H32 F30:1\n", "not YUV4MPEG2" },
		{ "YUV4MPEG2\n", "lacks W" },
		{ "YUV4MPEG2 H32 F30:1\n", "lacks W" },
		{ "YUV4MPEG2 W64 F30:1\n", "lacks H" },
		{ "YUV4MPEG2 W64 H32\n", "lacks F" },
		{ "YUV4MPEG2 W0 H32 F30:1\n", "size" },
		{ "YUV4MPEG2 W8193 H32 F30:1\n", "size" },
		{ "YUV4MPEG2 W4294967360 H32 F30:1\n", "size" },
		{ "YUV4MPEG2 W-64 H32 F30:1\n", "size" },
		{ "YUV4MPEG2 W H32 F30:1\n", "size" },
		{ "YUV4MPEG2 W64 H32 F0:0\n", "rate" },
		{ "YUV4MPEG2 W64 H32 F30\n", "rate" },
		{ "YUV4MPEG2 W64 H32 F:1\n", "rate" },
		{ "YUV4MPEG2 W64 H32 F99999:1\n", "rate" },
		{ "YUV4MPEG2 W64 H32 F30:1 It\n", "interlaced" },
		{ "YUV4MPEG2 W64 H32 F30:1 Ib\n", "interlaced" },
		{ "YUV4MPEG2 W64 H32 F30:1 Im\n", "interlaced" },
		{ "YUV4MPEG2 W64 H32 F30:1 C444\n", "C444" },
		{ "YUV4MPEG2 W64 H32 F30:1 C420p10\n", "C420p10" },
		{ "YUV4MPEG2 W64 H32 F30:1 Cmono\n", "Cmono" },
		{ "YUV4MPEG2 W64 H32 F30:1 C\n", "colours" },
	};
	struct y4m_header h;
	char why[Y4M_WHY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].text, &h, why), -EBADMSG);
		assert_non_null(strstr(why, bad[i].why));
	}
}

static void test_headers_that_do_not_end(void **state)
{
	const char *whole = "YUV4MPEG2 W64 H32 F30:1\n";
	uint8_t endless[2 * Y4M_HEADER_MAX];
	struct y4m_header h;
	char why[Y4M_WHY_SIZE];

	(void)state;
	for (size_t n = 0; n < strlen(whole); n++)
		assert_int_equal(y4m_parse_header((const uint8_t *)whole, n, &h, why), -EAGAIN);
	memset(endless, ' ', sizeof(endless));
	memcpy(endless, "YUV4MPEG2", 9);
	assert_int_equal(y4m_parse_header(endless, Y4M_HEADER_MAX, &h, why), -EBADMSG);
	endless[Y4M_HEADER_MAX] = '\n';
	assert_int_equal(y4m_parse_header(endless, sizeof(endless), &h, why), -EBADMSG);
	assert_int_equal(y4m_parse_frame_header((const uint8_t *)"FRAM", 4), -EAGAIN);
	assert_int_equal(y4m_parse_frame_header((const uint8_t *)"FRAME\n", 6), 6);
	assert_int_equal(y4m_parse_frame_header((const uint8_t *)"FRAME Ip\nx", 10), 9);
	assert_int_equal(y4m_parse_frame_header((const uint8_t *)"FRAMES\n", 7), -EBADMSG);
	assert_int_equal(y4m_parse_frame_header((const uint8_t *)"FRX", 3), -EBADMSG);
}

/* Each byte of a good header replaced by each other byte: an answer, and no more. */
static void test_mutated_headers(void **state)
{
	const char *whole = "YUV4MPEG2 W64 H32 F30:1 Ip C420jpeg XCOLORRANGE=FULL\n";
	struct y4m_header h;
	char why[Y4M_WHY_SIZE];
	uint8_t text[64];

	(void)state;
	for (size_t at = 0; at < strlen(whole); at++)
		for (unsigned int c = 0; c < 256; c++) {
			memcpy(text, whole, strlen(whole));
			text[at] = (uint8_t)c;
			(void)y4m_parse_header(text, strlen(whole), &h, why);
		}
}

/* ------------------------------------------------------------------ a clip as a source */

#define WIDTH	   64
#define HEIGHT	   32
#define FRAME_SIZE (WIDTH * HEIGHT * 3 / 2)

/* Frame i is all of value i + 16. */
static int make_clip(const char *header, unsigned int frames, size_t cut)
{
	int fd = memfd_create("clip", MFD_CLOEXEC);
	uint8_t frame[FRAME_SIZE];

	assert_int_equal(write(fd, header, strlen(header)), strlen(header));
	for (unsigned int i = 0; i < frames; i++) {
		memset(frame, (int)(16 + i), sizeof(frame));
		assert_int_equal(write(fd, "FRAME\n", 6), 6);
		assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
	}
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - (off_t)cut), 0);
	return fd;
}

static struct source *open_clip(int fd, uint16_t width, uint16_t height, uint16_t hz)
{
	const struct media_mode mode = { width, height, hz };
	char why[SOURCE_WHY_SIZE];
	struct source *s = NULL;

	assert_int_equal(source_open_y4m(fd, 100, why, &s), 0);
	assert_int_equal(s->ops->configure(s, &mode), 0);
	return s;
}

/* Plays to the end on the mode's ticks; how often each frame's picture was given. */
static int play(struct source *s, uint16_t hz, unsigned int ret_given[64], unsigned int *ret_frames)
{
	struct frame f;
	unsigned int frames = 0;
	int r = 0;

	memset(ret_given, 0, 64 * sizeof(ret_given[0]));
	for (uint64_t tick = 0; tick < 1000 && r >= 0; tick++) {
		uint64_t now = START_NS + (tick * NSEC_PER_SEC + hz - 1) / hz;

		r = s->ops->acquire(s, now, false, &f);
		if (r <= 0)
			continue;
		assert_int_equal(f.number, ++frames);
		assert_true(f.time_ns <= now);
		ret_given[f.planes[0][(size_t)f.height / 2 * f.pitches[0] + f.width / 2] - 16]++;
		s->ops->release(s, &f);
	}
	*ret_frames = frames;
	return r;
}

static void test_rates(void **state)
{
	static const struct {
		const char *header;
		uint16_t hz;
		unsigned int least, most; /* of 30 frames */
	} cases[] = {
		{ "YUV4MPEG2 W64 H32 F30:1\n", 30, 30, 30 },
		{ "YUV4MPEG2 W64 H32 F30000:1001\n", 30, 30, 30 },
		{ "YUV4MPEG2 W64 H32 F60:1\n", 30, 15, 15 },
		{ "YUV4MPEG2 W64 H32 F25:1\n", 60, 30, 30 },
		{ "YUV4MPEG2 W64 H32 F50:1\n", 30, 18, 19 },
	};
	unsigned int given[64], frames;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = make_clip(cases[i].header, 30, 0);
		struct source *s = open_clip(fd, WIDTH, HEIGHT, cases[i].hz);

		assert_int_equal(play(s, cases[i].hz, given, &frames), -ENODATA);
		assert_in_range(frames, cases[i].least, cases[i].most);
		assert_int_equal(given[0], 1);
		for (unsigned int n = 0; n < 64; n++)
			assert_true(given[n] <= 1);
		s->ops->close(s);
		close(fd);
	}
}

static void test_start_again(void **state)
{
	int fd = make_clip("YUV4MPEG2 W64 H32 F30:1\n", 5, 0);
	unsigned int given[64], frames;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct source *s = open_clip(fd, WIDTH, HEIGHT, 30);

		assert_int_equal(play(s, 30, given, &frames), -ENODATA);
		assert_int_equal(frames, 5);
		s->ops->close(s);
	}
	close(fd);
}

static void test_truncated(void **state)
{
	static const size_t cuts[] = { 1, FRAME_SIZE - 1, FRAME_SIZE + 2 };
	unsigned int given[64], frames;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int fd = make_clip("YUV4MPEG2 W64 H32 F30:1\n", 3, cuts[i]);
		struct source *s = open_clip(fd, WIDTH, HEIGHT, 30);

		assert_int_equal(play(s, 30, given, &frames), -EBADMSG);
		assert_string_equal(s->why, "the clip ends in the middle of frame 2");
		s->ops->close(s);
		close(fd);
	}
}

static void test_garbage_between_frames(void **state)
{
	int fd = make_clip("YUV4MPEG2 W64 H32 F30:1\n", 3, 0);
	unsigned int given[64], frames;
	struct source *s;

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, 24 + 6 + FRAME_SIZE), 1);
	s = open_clip(fd, WIDTH, HEIGHT, 30);
	assert_int_equal(play(s, 30, given, &frames), -EBADMSG);
	assert_string_equal(s->why, "no FRAME where frame 1 of the clip should be");
	s->ops->close(s);
	close(fd);
}

static void test_open_fails_with_a_sentence(void **state)
{
	int fd = make_clip("YUV4MPEG2 W64 H32 F30:1 It\n", 1, 0), empty = make_clip("", 0, 0);
	char why[SOURCE_WHY_SIZE] = "";
	struct source *s;
	int pipes[2];

	(void)state;
	assert_int_equal(source_open_y4m(fd, 100, why, &s), -EBADMSG);
	assert_non_null(strstr(why, "interlaced"));
	assert_int_equal(source_open_y4m(empty, 100, why, &s), -EBADMSG);
	assert_non_null(strstr(why, "ends before"));
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(source_open_y4m(pipes[0], 30, why, &s), -ETIMEDOUT);
	assert_non_null(strstr(why, "no clip came"));
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	close(empty);
}

/* Pieces of a few bytes: acquire never waits, and a frame is given when its last byte is there. */
static void test_pipe_in_pieces(void **state)
{
	const char *header = "YUV4MPEG2 W64 H32 F30:1\n";
	uint8_t frame[6 + FRAME_SIZE];
	uint64_t now = START_NS;
	struct source *s;
	struct frame f;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write(pipes[1], header, strlen(header)), strlen(header));
	s = open_clip(pipes[0], WIDTH, HEIGHT, 30);
	memcpy(frame, "FRAME\n", 6);
	memset(frame + 6, 99, FRAME_SIZE);
	for (unsigned int n = 0; n < 3; n++) {
		for (size_t at = 0; at < sizeof(frame); at += 7, now += NSEC_PER_MSEC) {
			size_t size = sizeof(frame) - at < 7 ? sizeof(frame) - at : 7;

			assert_int_equal(s->ops->acquire(s, now, false, &f), 0);
			assert_int_equal(s->ops->get_poll(s).fd, pipes[0]);
			assert_int_equal(write(pipes[1], frame + at, size), size);
		}
		assert_int_equal(s->ops->acquire(s, now, false, &f), 1);
		assert_int_equal(f.planes[2][0], 99);
		s->ops->release(s, &f);
		assert_int_equal(s->ops->acquire(s, now, true, &f), 1); /* the same again */
		assert_int_equal(f.number, n + 1);
		s->ops->release(s, &f);
	}
	close(pipes[1]);
	assert_int_equal(s->ops->acquire(s, now + NSEC_PER_SEC, false, &f), -ENODATA);
	s->ops->close(s);
	close(pipes[0]);
}

static void test_letterbox(void **state)
{
	int fd = make_clip("YUV4MPEG2 W64 H32 F30:1\n", 2, 0);
	struct source *s = open_clip(fd, 640, 480, 30);
	struct frame f;

	(void)state;
	assert_int_equal(s->ops->acquire(s, START_NS, false, &f), 1);
	assert_int_equal(f.width, 640);
	assert_int_equal(f.height, 480);
	assert_int_equal(f.planes[0][0], 16);
	assert_int_equal(f.planes[1][0], 128);
	assert_int_equal(f.planes[0][79 * f.pitches[0] + 320], 16); /* 640x320 from line 80 on */
	assert_int_equal(f.planes[1][40 * f.pitches[1] + 160], 16); /* the clip's value */
	assert_int_equal(f.planes[1][39 * f.pitches[1] + 160], 128);
	s->ops->release(s, &f);
	s->ops->close(s);
	close(fd);
}

static void test_fit_and_scale(void **state)
{
	static const uint16_t sizes[][4] = { { 17, 8191, 640, 480 },   { 8191, 17, 640, 480 },
					     { 16, 16, 8192, 8192 },   { 1921, 1081, 1920, 1080 },
					     { 640, 480, 1920, 1080 }, { 33, 77, 16, 16 } };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct media_rect r = scale_fit(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
		struct yuv from, to;
		uint8_t *a, *b;

		assert_true((r.x | r.y | r.width | r.height) % 2 == 0);
		assert_true(r.width >= 2 && r.x + r.width <= sizes[i][2]);
		assert_true(r.height >= 2 && r.y + r.height <= sizes[i][3]);
		a = malloc(yuv_lay_out(&from, sizes[i][0], sizes[i][1], NULL));
		b = malloc(yuv_lay_out(&to, sizes[i][2], sizes[i][3], NULL));
		(void)yuv_lay_out(&from, sizes[i][0], sizes[i][1], a);
		(void)yuv_lay_out(&to, sizes[i][2], sizes[i][3], b);
		memset(from.planes[0], 200, (size_t)from.width * from.height);
		memset(from.planes[1], 60,
		       (size_t)from.pitches[1] * ((from.height + 1u) / 2) * 2);
		yuv_fill_black(&to);
		scale_yuv(&from, &to, r);
		for (unsigned int y = r.y; y < (unsigned int)r.y + r.height; y++)
			assert_int_equal(to.planes[0][(size_t)y * to.pitches[0] + r.x + r.width - 1],
					 200);
		assert_int_equal(to.planes[2][(size_t)r.y / 2 * to.pitches[2] + r.x / 2], 60);
		free(a);
		free(b);
	}
}

static void test_range(void **state)
{
	uint8_t memory[24];
	struct yuv y;

	(void)state;
	assert_int_equal(yuv_lay_out(&y, 4, 4, memory), sizeof(memory));
	memset(memory, 255, sizeof(memory));
	memory[0] = 0;
	memory[16] = 0;
	memory[17] = 128;
	yuv_limit_range(&y);
	assert_int_equal(memory[0], 16);
	assert_int_equal(memory[1], 235);
	assert_int_equal(memory[16], 16);
	assert_int_equal(memory[17], 128);
	assert_int_equal(memory[18], 240);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_headers),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_headers_that_do_not_end),
		cmocka_unit_test(test_mutated_headers),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_start_again),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_garbage_between_frames),
		cmocka_unit_test(test_open_fails_with_a_sentence),
		cmocka_unit_test(test_pipe_in_pieces),
		cmocka_unit_test(test_letterbox),
		cmocka_unit_test(test_fit_and_scale),
		cmocka_unit_test(test_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

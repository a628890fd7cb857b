// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x264 back-end by what it writes: parameter sets parsed here from ISO/IEC 14496-10, one slice a
 * picture, IDR in the very next picture after a request and nowhere else, the rate and its steps,
 * the largest picture, and the price of a still picture.
 */
#include "encode/encoder.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define WIDTH  640
#define HEIGHT 368

/*
 * Time goes by faster than on other machines: by that much more whenever somebody asks. And it stands
 * still but for that, unless clock_stands_ns is 0.
 */
static uint64_t clock_skew_ns, clock_step_ns, clock_stands_ns;

uint64_t __real_clock_now_ns(void);
uint64_t __wrap_clock_now_ns(void);

uint64_t __wrap_clock_now_ns(void)
{
	clock_skew_ns += clock_step_ns;
	return (clock_stands_ns ? clock_stands_ns : __real_clock_now_ns()) + clock_skew_ns;
}

struct fixture {
	const struct encoder_ops *ops;
	struct encoder *encoder;
	struct encoder_config config;
	uint32_t *pixels;
	size_t pixels_size;
	uint32_t seed;
	uint64_t number;
	uint8_t slices; /* 0: 1 */

	/* what came of the present picture before its last part */
	struct packet parts[MEDIA_SLICES_MAX];
	size_t part_count;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->ops = &encoder_x264;
	f->seed = 1;
	f->number = 100;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	f->ops->close(f->encoder);
	free(f->pixels);
	free(f);
	return 0;
}

static void open_encoder(struct fixture *f, uint16_t width, uint16_t height, uint16_t hz,
			 enum media_profile profile, uint64_t rate)
{
	f->config = (struct encoder_config){
		.format = { { width, height, hz },
			    profile,
			    42,
			    f->slices ? f->slices : 1,
			    MEDIA_AUDIO_NONE },
		.rate_bps = rate,
		.intra_refresh = f->config.intra_refresh,
		.on_part = f->config.on_part,
		.userdata = f,
	};
	assert_int_equal(f->ops->open(&f->config, &f->encoder), 0);
	free(f->pixels);
	f->pixels_size = (size_t)width * height * 4;
	f->pixels = calloc(1, f->pixels_size);
	assert_non_null(f->pixels);
}

/* Noise in blocks, other ones each time: as much work as any picture. */
static void draw_noise(struct fixture *f)
{
	unsigned int width = f->config.format.mode.width;

	for (size_t i = 0; i < f->pixels_size / 4; i++) {
		uint32_t x = (uint32_t)(i % width / 4), y = (uint32_t)(i / width / 4);

		f->pixels[i] = (x * 2654435761u ^ y * 40503u ^ f->seed * 7919u) * 2246822519u >> 8;
	}
	f->seed++;
}

static struct frame get_frame(struct fixture *f)
{
	return (struct frame){
		.number = ++f->number,
		.time_ns = f->number * 1000,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = f->config.format.mode.width,
		.height = f->config.format.mode.height,
		.planes = { (const uint8_t *)f->pixels },
		.pitches = { f->config.format.mode.width * 4u },
		.dmabuf_fd = -1,
	};
}

static struct packet encode_frame(struct fixture *f, const struct frame *frame)
{
	struct packet p = { 0 };

	assert_int_equal(f->ops->submit(f->encoder, frame), 0);
	assert_int_equal(f->ops->output(f->encoder, &p), 1);
	assert_int_equal(p.frame_number, frame->number);
	assert_int_equal(p.time_ns, frame->time_ns);
	assert_true(p.size > 0);
	return p;
}

static struct packet encode(struct fixture *f)
{
	struct frame frame = get_frame(f);

	return encode_frame(f, &frame);
}

/* ---- NAL units ---- */

struct nal {
	const uint8_t *data; /* from the header byte on */
	size_t size;
};

/* The NAL units of an access unit; every byte belongs to one or to a start code. */
static size_t split(const struct packet *p, struct nal *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i + 3 < p->size; i++) {
		if (p->data[i] != 0 || p->data[i + 1] != 0 || p->data[i + 2] != 1)
			continue;
		assert_true(n < max);
		if (n == 0)
			assert_true(i <= 1);
		ret[n++].data = p->data + i + 3;
	}
	for (size_t i = 0; i < n; i++) {
		const uint8_t *end = i + 1 < n ? ret[i + 1].data - 3 : p->data + p->size;

		ret[i].size = (size_t)(end - ret[i].data);
	}
	return n;
}

static unsigned int get_type(const struct nal *n)
{
	return n->data[0] & 0x1f;
}

struct bits {
	uint8_t data[256]; /* without emulation prevention */
	size_t at, size;   /* bits */
};

static struct bits get_bits(const struct nal *n)
{
	struct bits b = { 0 };
	unsigned int zeros = 0;

	for (size_t i = 1; i < n->size && b.size < sizeof(b.data) * 8; i++) {
		if (zeros >= 2 && n->data[i] == 3) {
			zeros = 0;
			continue;
		}
		zeros = n->data[i] ? 0 : zeros + 1;
		b.data[b.size / 8] = n->data[i];
		b.size += 8;
	}
	return b;
}

static uint32_t read_u(struct bits *b, unsigned int count)
{
	uint32_t value = 0;

	for (; count > 0; count--, b->at++) {
		assert_true(b->at < b->size);
		value = value << 1 | (b->data[b->at / 8] >> (7 - b->at % 8) & 1);
	}
	return value;
}

static uint32_t read_ue(struct bits *b)
{
	unsigned int zeros = 0;

	while (read_u(b, 1) == 0)
		zeros++;
	assert_true(zeros < 32);
	return (uint32_t)((UINT64_C(1) << zeros) - 1 + read_u(b, zeros));
}

struct sps {
	unsigned int profile, constraints, level;
	unsigned int references, width, height;
	unsigned int full_range, primaries, transfer, matrix;
	unsigned int tick, scale;
	unsigned int reorder, buffering;
};

static struct sps parse_vui(struct bits *b, struct sps s)
{
	if (read_u(b, 1)) /* aspect ratio */
		assert_int_equal(read_u(b, 8), 1);
	assert_int_equal(read_u(b, 1), 0); /* overscan */
	assert_int_equal(read_u(b, 1), 1); /* video signal type */
	read_u(b, 3);
	s.full_range = read_u(b, 1);
	assert_int_equal(read_u(b, 1), 1);
	s.primaries = read_u(b, 8);
	s.transfer = read_u(b, 8);
	s.matrix = read_u(b, 8);
	assert_int_equal(read_u(b, 1), 0); /* chroma location */
	assert_int_equal(read_u(b, 1), 1); /* timing */
	s.tick = read_u(b, 32);
	s.scale = read_u(b, 32);
	assert_int_equal(read_u(b, 1), 0); /* no fixed rate */
	assert_int_equal(read_u(b, 2), 0); /* no HRD */
	assert_int_equal(read_u(b, 1), 0); /* pic_struct */
	assert_int_equal(read_u(b, 1), 1); /* restrictions */
	read_u(b, 1);
	for (int i = 0; i < 4; i++)
		read_ue(b);
	s.reorder = read_ue(b);
	s.buffering = read_ue(b);
	return s;
}

/* 7.3.2.1.1, as far as our streams use it. */
static struct sps parse_sps(const struct nal *n)
{
	struct bits b = get_bits(n);
	struct sps s = { .profile = read_u(&b, 8), .constraints = 0 };
	unsigned int type;

	s.constraints = read_u(&b, 8);
	s.level = read_u(&b, 8);
	assert_int_equal(read_ue(&b), 0);
	if (s.profile == 100) {
		assert_int_equal(read_ue(&b), 1); /* 4:2:0 */
		assert_int_equal(read_ue(&b), 0);
		assert_int_equal(read_ue(&b), 0);
		assert_int_equal(read_u(&b, 2), 0);
	}
	read_ue(&b);
	type = read_ue(&b);
	assert_true(type == 0 || type == 2);
	if (type == 0)
		read_ue(&b);
	s.references = read_ue(&b);
	read_u(&b, 1);
	s.width = (read_ue(&b) + 1) * 16;
	s.height = (read_ue(&b) + 1) * 16;
	assert_int_equal(read_u(&b, 1), 1); /* frames only */
	read_u(&b, 1);
	if (read_u(&b, 1)) {
		s.width -= 2 * read_ue(&b);
		s.width -= 2 * read_ue(&b);
		s.height -= 2 * read_ue(&b);
		s.height -= 2 * read_ue(&b);
	}
	assert_int_equal(read_u(&b, 1), 1);
	return parse_vui(&b, s);
}

/* slice_type modulo 5 (7.4.3): 0 P, 2 I. */
static unsigned int get_slice_type(const struct nal *n)
{
	struct bits b = get_bits(n);

	assert_int_equal(read_ue(&b), 0); /* the first macroblock: the slice is the picture */
	return read_ue(&b) % 5;
}

static void check_picture(const struct packet *p, bool idr)
{
	struct nal nals[8];
	size_t n = split(p, nals, 8);

	assert_int_equal(p->idr, idr);
	if (!idr) {
		assert_int_equal(n, 1);
		assert_int_equal(get_type(&nals[0]), 1);
		assert_int_equal(get_slice_type(&nals[0]), 0);
		return;
	}
	assert_int_equal(n, 3); /* no signature, no delimiter */
	assert_int_equal(get_type(&nals[0]), 7);
	assert_int_equal(get_type(&nals[1]), 8);
	assert_int_equal(get_type(&nals[2]), 5);
	assert_int_equal(get_slice_type(&nals[2]), 2);
}

/* ---- slices ---- */

static void on_part(void *userdata, const struct packet *part)
{
	struct fixture *f = userdata;

	assert_true(f->part_count < MEDIA_SLICES_MAX);
	f->parts[f->part_count++] = *part;
}

static unsigned int get_first_macroblock(const struct nal *n)
{
	struct bits b = get_bits(n);

	return read_ue(&b);
}

/* One slice, with parameter sets in front where an IDR begins. */
static void check_part(const struct packet *p, bool idr, unsigned int part, unsigned int first)
{
	struct nal nals[8];
	size_t n = split(p, nals, 8);

	assert_int_equal(p->part, part);
	assert_int_equal(p->parts, 4);
	assert_int_equal(p->idr, idr);
	assert_int_equal(n, idr && part == 0 ? 3 : 1);
	if (n == 3)
		assert_int_equal(get_type(&nals[0]), 7);
	assert_int_equal(get_type(&nals[n - 1]), idr ? 5 : 1);
	assert_int_equal(get_first_macroblock(&nals[n - 1]), first);
}

/* Three parts before the access unit is done, each where the one before ends, and the last one. */
static void check_parts(struct fixture *f, bool idr)
{
	static const unsigned int first[] = { 0, 40 * 8, 40 * 15, 40 * 23 }; /* of 30 lines of 40 */
	struct packet last;

	f->part_count = 0;
	draw_noise(f);
	last = encode(f);
	assert_int_equal(f->part_count, 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct packet *next = i < 2 ? &f->parts[i + 1] : &last;

		check_part(&f->parts[i], idr, i, first[i]);
		assert_ptr_equal(f->parts[i].data + f->parts[i].size, next->data);
		assert_int_equal(f->parts[i].frame_number, last.frame_number);
		assert_int_equal(f->parts[i].time_ns, last.time_ns);
		assert_int_equal(f->parts[i].rest_ns > 0, f->number > 101); /* by the ones before */
	}
	check_part(&last, idr, 3, first[3]);
	assert_int_equal(last.rest_ns, 0);
}

static void test_slices(void **state)
{
	struct fixture *f = *state;
	struct nal nals[8];
	struct packet p;

	f->slices = 4;
	f->config.on_part = on_part;
	open_encoder(f, 640, 480, 30, MEDIA_PROFILE_CBP, 5000000);
	check_parts(f, true);
	check_parts(f, false);
	assert_int_equal(f->ops->set_rate(f->encoder, 3000000, 0), 0);
	check_parts(f, false);
	f->ops->request_idr(f->encoder);
	check_parts(f, true);
	f->ops->close(f->encoder);

	/* nobody wants parts: they come as one */
	f->config.on_part = NULL;
	open_encoder(f, 640, 480, 30, MEDIA_PROFILE_CHP, 5000000);
	p = encode(f);
	assert_int_equal(split(&p, nals, 8), 6);
	assert_int_equal(get_first_macroblock(&nals[5]), 40 * 23);
	assert_in_range(p.parts, 0, 1);
}

/* ---- tests ---- */

static void check_sps(struct fixture *f, uint16_t width, uint16_t height, uint16_t hz,
		      enum media_profile profile)
{
	struct packet p;
	struct nal nals[8];
	struct sps s;
	struct bits pps;
	unsigned int colour = height >= 720 ? 1 : 6;

	open_encoder(f, width, height, hz, profile, 5000000);
	p = encode(f);
	check_picture(&p, true);
	split(&p, nals, 8);
	s = parse_sps(&nals[0]);
	assert_int_equal(s.profile, profile == MEDIA_PROFILE_CBP ? 66 : 100);
	assert_int_equal(s.constraints, profile == MEDIA_PROFILE_CBP ? 0xc0 : 0x0c);
	assert_int_equal(s.level, 42);
	assert_int_equal(s.references, 1);
	assert_int_equal(s.width, width);
	assert_int_equal(s.height, height);
	assert_int_equal(s.full_range, 0);
	assert_int_equal(s.primaries, colour);
	assert_int_equal(s.transfer, colour);
	assert_int_equal(s.matrix, colour);
	assert_int_equal(s.scale, s.tick * 2 * hz);
	assert_int_equal(s.reorder, 0);
	assert_int_equal(s.buffering, 1);
	pps = get_bits(&nals[1]);
	read_ue(&pps);
	read_ue(&pps);
	assert_int_equal(read_u(&pps, 1), 0); /* CAVLC */
	p = encode(f);
	check_picture(&p, false);
	f->ops->close(f->encoder);
	f->encoder = NULL;
}

static void test_parameter_sets(void **state)
{
	struct fixture *f = *state;

	check_sps(f, 1920, 1080, 30, MEDIA_PROFILE_CBP);
	check_sps(f, 1920, 1080, 60, MEDIA_PROFILE_CHP);
	check_sps(f, 1280, 720, 60, MEDIA_PROFILE_CBP);
	check_sps(f, 640, 480, 60, MEDIA_PROFILE_CBP);
	check_sps(f, 848, 480, 60, MEDIA_PROFILE_CHP);
	check_sps(f, 1366, 768, 24, MEDIA_PROFILE_CBP);
}

static void test_idr_on_request(void **state)
{
	struct fixture *f = *state;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 5000000);
	for (unsigned int i = 0; i < 400; i++) {
		bool idr = i == 0 || i == 7 || i == 8 || i == 300;
		struct packet p;

		if (idr && i > 0)
			f->ops->request_idr(f->encoder);
		if (i % 50 == 0)
			draw_noise(f); /* a cut of the scene makes none */
		p = encode(f);
		check_picture(&p, idr);
	}
}

/* The bits of the last count of the frames encoded, as a rate. */
static uint64_t measure_rate(struct fixture *f, unsigned int skip, unsigned int count,
			     size_t *ret_max)
{
	uint64_t bytes = 0;

	*ret_max = 0;
	for (unsigned int i = 0; i < skip + count; i++) {
		struct packet p;

		draw_noise(f);
		p = encode(f);
		check_picture(&p, false);
		if (i < skip)
			continue;
		bytes += p.size;
		if (p.size > *ret_max)
			*ret_max = p.size;
	}
	return bytes * 8 * f->config.format.mode.refresh_hz / count;
}

/* The hardest pictures there are: the rate is held, and obeyed within 5 frames after a step. */
static void test_rate(void **state)
{
	struct fixture *f = *state;
	uint64_t rate;
	size_t max;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 8000000);
	draw_noise(f);
	encode(f);
	rate = measure_rate(f, 5, 60, &max);
	assert_in_range(rate, 4000000, 8800000);
	assert_int_equal(f->ops->set_rate(f->encoder, 2000000, 0), 0);
	rate = measure_rate(f, 5, 15, &max);
	assert_in_range(rate, 500000, 2500000);
	rate = measure_rate(f, 0, 60, &max);
	assert_in_range(rate, 500000, 2200000);
	assert_int_equal(f->ops->set_rate(f->encoder, 12000000, 0), 0);
	rate = measure_rate(f, 5, 60, &max);
	assert_in_range(rate, 6000000, 13200000);
	assert_int_equal(f->ops->set_rate(f->encoder, 0, 0), -EINVAL);
}

static void test_largest_picture(void **state)
{
	struct fixture *f = *state;
	struct packet p;
	size_t max;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 8000000);
	draw_noise(f);
	p = encode(f);
	assert_true(p.size <= 4 * 8000000 / 8 / 30);
	assert_int_equal(f->ops->set_rate(f->encoder, 8000000, 50000), 0);
	measure_rate(f, 5, 60, &max);
	assert_true(max <= 50000);
	f->ops->request_idr(f->encoder);
	draw_noise(f);
	p = encode(f);
	assert_true(p.idr);
	assert_true(p.size <= 50000);
}

/* A still picture gets better at first and then costs nothing. */
static void test_still(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	struct packet p;
	size_t bytes = 0;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 2000000);
	draw_noise(f);
	frame = get_frame(f);
	for (unsigned int i = 0; i < 400; i++) {
		p = encode_frame(f, &frame);
		check_picture(&p, i == 0);
		bytes += p.size;
	}
	assert_true(p.size < 100);
	assert_true(bytes < 2000000 / 8 * 14);
	/* And so does one of which only a corner changed. */
	memset(f->pixels, 0xff, 64);
	frame = get_frame(f);
	frame.damage = (struct media_rect){ 0, 0, 16, 1 };
	p = encode_frame(f, &frame);
	check_picture(&p, false);
	assert_true(p.size < 400);
}

/* Lines without damage are not even read, nor is a picture that is said to be the same. */
static void test_damage(void **state)
{
	struct fixture *f = *state;
	uint8_t corner[16 * 4];
	struct frame frame;
	struct packet p;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 8000000);
	memset(f->pixels, 0x80, f->pixels_size);
	for (unsigned int i = 0; i < 30; i++)
		encode(f);
	draw_noise(f);
	memcpy(corner, f->pixels, sizeof(corner));
	memset(f->pixels, 0x80, (size_t)WIDTH * 16 * 4);
	memcpy(f->pixels, corner, sizeof(corner));
	frame = get_frame(f);
	frame.damage = (struct media_rect){ 0, 0, 16, 1 };
	p = encode_frame(f, &frame);
	assert_true(p.size < 500);
	p = encode_frame(f, &frame);
	assert_true(p.size < 500);
	/* A frame went missing: its damage is unknown, so all of it is read. */
	frame.number = f->number += 2;
	p = encode_frame(f, &frame);
	assert_true(p.size > 10000);
}

static void test_layouts(void **state)
{
	struct fixture *f = *state;
	uint8_t *data = malloc((size_t)WIDTH * HEIGHT * 3 / 2);
	struct frame frame;
	struct packet p;

	assert_non_null(data);
	memset(data, 100, (size_t)WIDTH * HEIGHT * 3 / 2);
	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 5000000);
	frame = get_frame(f);
	frame.fourcc = MEDIA_FOURCC_YUV420;
	frame.planes[0] = data;
	frame.planes[1] = data + WIDTH * HEIGHT;
	frame.planes[2] = data + WIDTH * HEIGHT * 5 / 4;
	frame.pitches[0] = WIDTH;
	frame.pitches[1] = frame.pitches[2] = WIDTH / 2;
	p = encode_frame(f, &frame);
	check_picture(&p, true);
	frame.number++;
	frame.fourcc = MEDIA_FOURCC_NV12;
	frame.planes[2] = NULL;
	frame.pitches[1] = WIDTH;
	/* The same picture in another layout: nothing to tell. */
	for (int i = 0; i < 30; i++, frame.number++)
		p = encode_frame(f, &frame);
	check_picture(&p, false);
	assert_true(p.size < 100);
	free(data);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct encoder_config bad = {
		.format = { { 641, 480, 30 }, MEDIA_PROFILE_CBP, 31, 1, MEDIA_AUDIO_NONE },
		.rate_bps = 1000000,
	};
	struct encoder *e = NULL;
	struct frame frame;
	struct packet p;

	assert_int_equal(f->ops->open(&bad, &e), -EINVAL);
	bad.format.mode.width = 640;
	bad.rate_bps = 0;
	assert_int_equal(f->ops->open(&bad, &e), -EINVAL);
	assert_null(e);
	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 5000000);
	frame = get_frame(f);
	frame.width = 320;
	assert_int_equal(f->ops->submit(f->encoder, &frame), -EINVAL);
	frame = get_frame(f);
	frame.planes[0] = NULL;
	assert_int_equal(f->ops->submit(f->encoder, &frame), -EOPNOTSUPP);
	frame = get_frame(f);
	frame.fourcc = 0;
	assert_int_equal(f->ops->submit(f->encoder, &frame), -EOPNOTSUPP);
	assert_int_equal(f->ops->output(f->encoder, &p), 0);
	p = encode(f);
	check_picture(&p, true);
	assert_int_equal(f->ops->output(f->encoder, &p), 0);
}

static void test_probe(void **state)
{
	struct fixture *f = *state;
	struct encoder_caps caps;

	assert_int_equal(f->ops->probe(&caps), 0);
	assert_string_equal(caps.name, "x264");
	assert_int_equal(caps.profiles, 1u << MEDIA_PROFILE_CBP);
	assert_true(caps.max_pixel_rate > 1000000);
	assert_true(caps.max_width >= 1920 && caps.max_height >= 1080);
	/* With the machine's speed known, the better preset may come: the same holds for it. */
	check_sps(f, 640, 480, 30, MEDIA_PROFILE_CHP);
	check_sps(f, 1280, 720, 30, MEDIA_PROFILE_CBP);
	test_rate(state);
}

/* Whether the log's end says so; the log was redirected into fd. */
static bool has_logged(int fd, const char *text)
{
	char log[8192] = "";
	ssize_t n = pread(fd, log, sizeof(log) - 1, 0);

	assert_true(n >= 0 && (size_t)n < sizeof(log) - 1);
	return strstr(log, text) != NULL;
}

static void encode_pictures(struct fixture *f, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct packet p;

		draw_noise(f);
		p = encode(f);
		check_picture(&p, f->number == 101);
	}
}

/* A machine that becomes slow gets the cheaper preset, and the better one back, without an IDR. */
static void test_preset_follows_the_machine(void **state)
{
	struct fixture *f = *state;
	int log = memfd_create("log", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
	bool slower, back;

	open_encoder(f, 320, 240, 30, MEDIA_PROFILE_CBP,
		     2000000); /* the machine was measured above */
	clock_stands_ns = __real_clock_now_ns(); /* the machine of the test may be slow itself */
	log_set_level(LOG_LEVEL_DEBUG);
	(void)dup2(log, STDERR_FILENO);
	encode_pictures(f, 20);
	slower = has_logged(log, "from now on");
	clock_step_ns = 12 * NSEC_PER_MSEC;
	encode_pictures(f, 20);
	clock_step_ns = 0;
	slower = !slower && has_logged(log, "ultrafast from now on");
	encode_pictures(f, 60);
	back = has_logged(log, "superfast from now on");
	clock_skew_ns += 11 * NSEC_PER_SEC;
	encode_pictures(f, 2);
	back = !back && has_logged(log, "superfast from now on");
	clock_stands_ns = 0;
	(void)dup2(saved, STDERR_FILENO);
	log_set_level(LOG_LEVEL_INFO);
	close(saved);
	close(log);
	assert_true(slower);
	assert_true(back);
}

/* The wave takes the place of IDRs, which come on request alone. */
static void test_intra_refresh(void **state)
{
	struct fixture *f = *state;
	struct packet p;

	f->config.intra_refresh = true;
	open_encoder(f, 320, 240, 30, MEDIA_PROFILE_CBP, 2000000);
	for (unsigned int i = 0; i < 150; i++) {
		draw_noise(f);
		p = encode(f);
		assert_int_equal(p.idr, i == 0); /* parameter sets at each wave's beginning */
	}
	f->ops->request_idr(f->encoder);
	draw_noise(f);
	p = encode(f);
	check_picture(&p, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parameter_sets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slices, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_idr_on_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_largest_picture, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_still, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_layouts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_probe, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_preset_follows_the_machine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_intra_refresh, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

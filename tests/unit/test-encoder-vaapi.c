// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VA-API back-end by what it writes, on the test driver (tests/va-driver), which is whatever
 * driver MIRACAST_TEST_VA says: the same cases for all. Every access unit is taken apart with
 * h264.c and decoded by libavcodec, and the pictures are compared with what went in.
 */
#include "capture/source.h"
#include "encode/convert.h"
#include "encode/encoder.h"
#include "encode/h264.h"
#include "h264-decoder.h"
#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIN_PSNR_DB 38
#define WIDTH	    640
#define HEIGHT	    368
#define BUFFERS	    3

struct fixture {
	struct encoder *encoder;
	struct encoder_config config;
	uint32_t *pixels;
	uint64_t number;
	uint32_t seed;
	struct h264_decoder decoder;
};

static struct encoder_choice choice;
static uint8_t cache[ENCODER_CACHE_SIZE];

/* ---- life ---- */

static bool has_word(const char *word)
{
	const char *list = getenv("MIRACAST_TEST_VA");

	return list && strstr(list, word);
}

static int choose_once(void **state)
{
	struct encoder_host host = { .node_count = 1, .cache = cache };

	(void)state;
	host.nodes[0] = open(getenv("MIRACAST_RENDER_NODE") ?: "/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(host.nodes[0] >= 0);
	assert_int_equal(encoder_choose(&host, &choice), 0);
	if (choice.no_vaapi[0])
		fprintf(stderr, "# no VA-API: %s\n", choice.no_vaapi);
	assert_string_equal(choice.best->name, "vaapi");
	return 0;
}

static int release(void **state)
{
	(void)state;
	encoder_release();
	return 0;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->number = 100;
	f->seed = 1;
	*state = f;
	return 0;
}

static void close_all(struct fixture *f)
{
	if (f->encoder)
		f->encoder->ops->close(f->encoder);
	f->encoder = NULL;
	h264_decoder_close(&f->decoder);
	free(f->pixels);
	f->pixels = NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close_all(f);
	free(f);
	return 0;
}

static void open_encoder(struct fixture *f, uint16_t width, uint16_t height, uint16_t hz,
			 enum media_profile profile, uint64_t rate)
{
	close_all(f);
	f->config = (struct encoder_config){
		.format = { { width, height, hz }, profile, 42, 1, MEDIA_AUDIO_NONE },
		.rate_bps = rate,
	};
	assert_int_equal(choice.best->open(&f->config, &f->encoder), 0);
	f->pixels = calloc((size_t)width * height, 4);
	assert_non_null(f->pixels);
	h264_decoder_open(&f->decoder);
}

/* ---- pictures ---- */

/* Noise in blocks, other ones each time: as much work as any picture. */
static void draw_noise(struct fixture *f)
{
	unsigned int width = f->config.format.mode.width, height = f->config.format.mode.height;

	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++)
			f->pixels[(size_t)y * width + x] =
				(x / 4 * 2654435761u ^ y / 4 * 40503u ^ f->seed * 7919u) *
					2246822519u >>
				8;
	f->seed++;
}

/* Soft, of all colours, and moving. */
static void draw_waves(struct fixture *f)
{
	unsigned int width = f->config.format.mode.width, height = f->config.format.mode.height;

	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++) {
			uint32_t r = (uint32_t)(128 + 100 * sin((x + 3 * f->seed) / 90.0));
			uint32_t g = (uint32_t)(128 + 100 * sin((y + 2 * f->seed) / 70.0));
			uint32_t b = (uint32_t)(128 + 100 * sin((x + y + f->seed) / 110.0));

			f->pixels[(size_t)y * width + x] = r << 16 | g << 8 | b;
		}
	f->seed++;
}

static struct frame get_frame(struct fixture *f)
{
	return (struct frame){
		.number = f->number += 2,
		.time_ns = f->number * 1000,
		.fourcc = MEDIA_FOURCC_XRGB8888,
		.width = f->config.format.mode.width,
		.height = f->config.format.mode.height,
		.planes = { (const uint8_t *)f->pixels },
		.pitches = { f->config.format.mode.width * 4u },
		.dmabuf_fd = -1,
	};
}

/* ---- what comes out ---- */

static struct packet encode_frame(struct fixture *f, const struct frame *frame)
{
	struct packet p = { 0 };

	assert_int_equal(f->encoder->ops->submit(f->encoder, frame), 0);
	assert_int_equal(f->encoder->ops->output(f->encoder, &p), 1);
	assert_int_equal(p.frame_number, frame->number);
	assert_int_equal(p.time_ns, frame->time_ns);
	h264_decoder_take(&f->decoder, &p);
	assert_int_equal(f->decoder.picture->width, f->config.format.mode.width);
	assert_int_equal(f->decoder.picture->height, f->config.format.mode.height);
	return p;
}

static struct packet encode(struct fixture *f)
{
	struct frame frame = get_frame(f);

	return encode_frame(f, &frame);
}

/* SPS, PPS, IDR, or one P slice; no byte besides. */
static void check_units(const struct packet *p, bool idr)
{
	static const uint8_t of_idr[] = { H264_NAL_SPS, H264_NAL_PPS, H264_NAL_IDR };
	size_t at = 0, units = 0, bytes = 0;
	struct h264_nal n;

	assert_int_equal(p->idr, idr);
	assert_int_equal(p->data[2], 0);
	assert_int_equal(p->data[3], 1);
	while (h264_next_nal(p->data, p->size, &at, &n)) {
		assert_true(units < 3);
		assert_int_equal(h264_get_type(&n), idr ? of_idr[units] : H264_NAL_SLICE);
		units++;
		bytes += n.size + 4;
	}
	assert_int_equal(units, idr ? 3 : 1);
	assert_in_range(bytes, p->size, p->size + units);
}

static double plane_error(const uint8_t *a, size_t a_pitch, const uint8_t *b, size_t b_pitch,
			  size_t b_step, unsigned int width, unsigned int height)
{
	double sum = 0;

	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++) {
			int d = a[y * a_pitch + x] - b[y * b_pitch + x * b_step];

			sum += d * d;
		}
	return sum;
}

/* The decoded picture against the exact conversion of this one; of all three planes. */
static double get_psnr(struct fixture *f, const uint32_t *pixels, size_t pitch)
{
	unsigned int width = f->config.format.mode.width, height = f->config.format.mode.height;
	uint8_t *nv12 = malloc((size_t)width * height * 3 / 2), *uv = nv12 + (size_t)width * height;
	struct convert_source source = { .pixels = (const uint8_t *)pixels, .pitch = pitch };
	struct convert_target target = { .layout = CONVERT_NV12,
					 .planes = { nv12, uv },
					 .pitches = { width, width } };
	const AVFrame *d = f->decoder.picture;
	double sum;

	convert_rows(d->colorspace == AVCOL_SPC_BT709 ? CONVERT_BT709 : CONVERT_BT601, &source,
		     &target, width, 0, height);
	sum = plane_error(d->data[0], (size_t)d->linesize[0], nv12, width, 1, width, height);
	for (int i = 0; i < 2; i++)
		sum += plane_error(d->data[1 + i], (size_t)d->linesize[1 + i], uv + i, width, 2,
				   width / 2, height / 2);
	free(nv12);
	return 10 * log10(255.0 * 255 * width * height * 1.5 / (sum + 1e-9));
}

/* ---- tests ---- */

static void test_caps(void **state)
{
	(void)state;
	assert_int_equal(choice.caps.profiles, 1u << MEDIA_PROFILE_CBP | 1u << MEDIA_PROFILE_CHP);
	assert_true(choice.caps.max_width >= 1920 && choice.caps.max_height >= 1080);
	assert_true(choice.caps.max_pixel_rate > 1000000);
	assert_int_not_equal(cache[0] | cache[1] | cache[2] | cache[3], 0);
}

static void check_sps(struct fixture *f, uint16_t width, uint16_t height, uint16_t hz,
		      enum media_profile profile)
{
	unsigned int standard = height >= 720 ? 1 : 6;
	struct h264_nal n;
	struct h264_sps s;
	struct h264_pps q;
	struct packet p;
	size_t at = 0;

	open_encoder(f, width, height, hz, profile, 5000000);
	draw_waves(f);
	p = encode(f);
	check_units(&p, true);
	assert_true(h264_next_nal(p.data, p.size, &at, &n));
	assert_int_equal(h264_parse_sps(&n, &s), 0);
	assert_int_equal(s.profile_idc, profile == MEDIA_PROFILE_CBP ? 66 : 100);
	assert_int_equal(s.constraints, profile == MEDIA_PROFILE_CBP ? 0xc0 : 0x0c);
	assert_int_equal(s.level_idc, 42);
	assert_int_equal(s.max_num_ref_frames, 1);
	assert_int_equal(s.width, width);
	assert_int_equal(s.height, height);
	assert_true(s.has_colour && !s.full_range);
	if (has_word("wrong-matrix"))
		standard = 6; /* what the pictures really have */
	assert_int_equal(s.primaries, standard);
	assert_int_equal(s.transfer, standard);
	assert_int_equal(s.matrix, standard);
	assert_int_equal(s.time_scale, s.num_units_in_tick * 2 * hz);
	assert_true(s.has_restriction);
	assert_int_equal(s.max_num_reorder_frames, 0);
	assert_int_equal(s.max_dec_frame_buffering, 1);
	assert_true(h264_next_nal(p.data, p.size, &at, &n));
	assert_int_equal(h264_parse_pps(&n, &q), 0);
	assert_false(q.cabac);
	assert_int_equal(f->decoder.context->profile, profile == MEDIA_PROFILE_CBP
						      ? FF_PROFILE_H264_CONSTRAINED_BASELINE
						      : FF_PROFILE_H264_HIGH);
	draw_waves(f);
	p = encode(f);
	check_units(&p, false);
	assert_true(get_psnr(f, f->pixels, width * 4u) >= MIN_PSNR_DB);
}

static void test_parameter_sets(void **state)
{
	struct fixture *f = *state;

	check_sps(f, 1920, 1080, 30, MEDIA_PROFILE_CBP);
	check_sps(f, 1280, 720, 60, MEDIA_PROFILE_CHP);
	check_sps(f, 640, 480, 60, MEDIA_PROFILE_CBP);
	check_sps(f, 848, 480, 30, MEDIA_PROFILE_CHP);
	check_sps(f, 1366, 768, 24, MEDIA_PROFILE_CBP);
}

/* The moving pattern at the product's default rate; the first pictures may still be getting there. */
static void test_picture(void **state)
{
	struct fixture *f = *state;
	const struct media_mode mode = { 1280, 720, 30 };
	double sum = 0, least = 100;
	unsigned int count = 0;
	struct source *s;

	open_encoder(f, mode.width, mode.height, mode.refresh_hz, MEDIA_PROFILE_CHP, 10000000);
	assert_int_equal(source_open_pattern(0, &s), 0);
	assert_int_equal(s->ops->configure(s, &mode), 0);
	for (unsigned int i = 0; i < 60; i++) {
		struct frame frame;
		double psnr;

		assert_int_equal(s->ops->acquire(s, clock_now_ns(), true, &frame), 1);
		encode_frame(f, &frame);
		psnr = get_psnr(f, (const uint32_t *)(const void *)frame.planes[0],
				frame.pitches[0]);
		s->ops->release(s, &frame);
		usleep(5000); /* so that the pattern moves */
		if (i < 5)
			continue;
		sum += psnr;
		least = psnr < least ? psnr : least;
		count++;
	}
	s->ops->close(s);
	printf("# %s: PSNR %.1f dB, least %.1f dB\n", getenv("MIRACAST_TEST_VA") ?: "", sum / count,
	       least);
	assert_true(least >= MIN_PSNR_DB);
}

/* By the stream's own SPS and PPS. */
static uint32_t get_idr_pic_id(const struct packet *p)
{
	struct h264_slice slice = { .idr_pic_id = 0 };
	struct h264_sps sps;
	struct h264_pps pps;
	struct h264_nal n;
	size_t at = 0;

	assert_true(h264_next_nal(p->data, p->size, &at, &n));
	assert_int_equal(h264_parse_sps(&n, &sps), 0);
	assert_true(h264_next_nal(p->data, p->size, &at, &n));
	assert_int_equal(h264_parse_pps(&n, &pps), 0);
	assert_true(h264_next_nal(p->data, p->size, &at, &n));
	assert_int_equal(h264_parse_slice_header(&n, &sps, &pps, &slice), 0);
	return slice.idr_pic_id;
}

/* Over the wrap of frame_num, and IDRs in a row, which must differ (7.4.3). */
static void test_idr_on_request(void **state)
{
	struct fixture *f = *state;
	uint32_t last_id = 0;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 30000000);
	draw_waves(f);
	for (unsigned int i = 0; i < 600; i++) {
		bool idr = i == 0 || i == 7 || i == 8 || i == 9 || i == 580;
		struct packet p;

		if (idr && i > 0)
			f->encoder->ops->request_idr(f->encoder);
		if (i % 50 == 0)
			draw_noise(f);
		p = encode(f);
		check_units(&p, idr);
		if (!idr)
			continue;
		if (i > 0)
			assert_int_not_equal(get_idr_pic_id(&p), last_id);
		last_id = get_idr_pic_id(&p);
	}
}

/* What the last count frames have taken, as a rate. */
static uint64_t measure_rate(struct fixture *f, unsigned int skip, unsigned int count,
			     size_t *ret_max)
{
	uint64_t bytes = 0;

	*ret_max = 0;
	for (unsigned int i = 0; i < skip + count; i++) {
		struct frame frame = get_frame(f);
		struct packet p = { 0 };

		draw_noise(f);
		/* Without any rate control in the driver pictures may have to be left out. */
		if (has_word("nohuc")) {
			assert_int_equal(f->encoder->ops->submit(f->encoder, &frame), 0);
			(void)f->encoder->ops->output(f->encoder, &p);
		} else {
			p = encode_frame(f, &frame);
		}
		if (i < skip)
			continue;
		bytes += p.size;
		*ret_max = p.size > *ret_max ? p.size : *ret_max;
	}
	return bytes * 8 * f->config.format.mode.refresh_hz / count;
}

/* The hardest pictures there are: the rate is held, and obeyed within 5 frames after a step. */
static void test_rate(void **state)
{
	struct fixture *f = *state;
	uint64_t before, step, low, high;
	size_t max;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 8000000);
	draw_noise(f);
	encode(f);
	before = measure_rate(f, has_word("overshoot") ? 60 : 10, 60, &max);
	assert_int_equal(f->encoder->ops->set_rate(f->encoder, 2000000, 0), 0);
	step = measure_rate(f, 5, 15, &max);
	low = measure_rate(f, 0, 60, &max);
	assert_int_equal(f->encoder->ops->set_rate(f->encoder, 12000000, 0), 0);
	high = measure_rate(f, 5, 60, &max);
	printf("# %s: asked for 8, 2, 12 Mbit/s: %.2f, %.2f (%.2f in frames 6 to 20), %.2f\n",
	       getenv("MIRACAST_TEST_VA") ?: "", (double)before / 1e6, (double)low / 1e6,
	       (double)step / 1e6, (double)high / 1e6);
	assert_in_range(before, 4000000, 8800000);
	assert_in_range(step, 500000, 2500000);
	assert_in_range(low, 500000, 2200000);
	assert_in_range(high, 6000000, 13200000);
	assert_int_equal(f->encoder->ops->set_rate(f->encoder, 0, 0), -EINVAL);
}

static void test_largest_picture(void **state)
{
	struct fixture *f = *state;
	struct packet p;
	size_t max;

	if (has_word("nohuc") || has_word("overshoot"))
		skip(); /* nothing in these drivers holds it */
	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 8000000);
	draw_noise(f);
	encode(f);
	assert_int_equal(f->encoder->ops->set_rate(f->encoder, 8000000, 50000), 0);
	measure_rate(f, 5, 60, &max);
	assert_true(max <= 50000);
	f->encoder->ops->request_idr(f->encoder);
	draw_noise(f);
	p = encode(f);
	assert_true(p.idr);
	assert_true(p.size <= 50000);
}

static void test_still_picture(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	size_t first;

	open_encoder(f, 1280, 720, 30, MEDIA_PROFILE_CBP, 10000000);
	draw_waves(f);
	frame = get_frame(f);
	first = encode_frame(f, &frame).size;
	for (int i = 0; i < 5; i++) {
		frame.time_ns++; /* the same picture again */
		assert_true(encode_frame(f, &frame).size <= first);
	}
	assert_true(get_psnr(f, f->pixels, 1280 * 4) >= MIN_PSNR_DB);
}

/* Only the lines that changed are converted; the picture is whole nevertheless. */
static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct frame frame;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 10000000);
	draw_waves(f);
	frame = get_frame(f);
	encode_frame(f, &frame);
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int top = 7 + i * 17;

		for (unsigned int x = 0; x < WIDTH * 11; x++)
			f->pixels[top * WIDTH + x] = 0x40c080;
		frame.number++;
		frame.damage = (struct media_rect){ 0, (uint16_t)top, WIDTH, 11 };
		encode_frame(f, &frame);
	}
	assert_true(get_psnr(f, f->pixels, WIDTH * 4) >= MIN_PSNR_DB);
}

/* ---- other layouts ---- */

static void test_clips(void **state)
{
	struct fixture *f = *state;
	static uint8_t luma[WIDTH * HEIGHT], u[WIDTH * HEIGHT / 4], v[WIDTH * HEIGHT / 4];
	static uint8_t uv[WIDTH * HEIGHT / 2];
	struct frame frame;

	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 10000000);
	for (unsigned int i = 0; i < WIDTH * HEIGHT; i++)
		luma[i] = (uint8_t)(16 + i % WIDTH / 3);
	for (unsigned int i = 0; i < WIDTH * HEIGHT / 4; i++) {
		uv[2 * i] = u[i] = (uint8_t)(60 + i / (WIDTH / 2) / 2);
		uv[2 * i + 1] = v[i] = (uint8_t)(200 - i % (WIDTH / 2) / 4);
	}
	frame = get_frame(f);
	for (int i = 0; i < 4; i++) {
		bool nv12 = i % 2;

		frame.number++;
		frame.fourcc = nv12 ? MEDIA_FOURCC_NV12 : MEDIA_FOURCC_YUV420;
		frame.planes[0] = luma;
		frame.planes[1] = nv12 ? uv : u;
		frame.planes[2] = nv12 ? NULL : v;
		frame.pitches[0] = WIDTH;
		frame.pitches[1] = frame.pitches[2] = nv12 ? WIDTH : WIDTH / 2;
		encode_frame(f, &frame);
		assert_true(plane_error(f->decoder.picture->data[0], (size_t)f->decoder.picture->linesize[0], luma,
					WIDTH, 1, WIDTH, HEIGHT) < 4.0 * WIDTH * HEIGHT);
		assert_true(plane_error(f->decoder.picture->data[1], (size_t)f->decoder.picture->linesize[1], u,
					WIDTH / 2, 1, WIDTH / 2,
					HEIGHT / 2) < 2.0 * WIDTH * HEIGHT);
		assert_true(plane_error(f->decoder.picture->data[2], (size_t)f->decoder.picture->linesize[2], v,
					WIDTH / 2, 1, WIDTH / 2,
					HEIGHT / 2) < 2.0 * WIDTH * HEIGHT);
	}
}

/* ---- imported buffers ---- */

struct memory {
	int fd;
	uint8_t *map;
	size_t size;
};

/* A memfd stands for a dma-buf: the test driver maps either. */
static void memory_open(struct memory *m, size_t size)
{
	m->fd = memfd_create("buffer", MFD_CLOEXEC);
	m->size = size;
	assert_int_equal(ftruncate(m->fd, (off_t)size), 0);
	m->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	assert_ptr_not_equal(m->map, MAP_FAILED);
}

static void memory_close(struct memory *m)
{
	munmap(m->map, m->size);
	close(m->fd);
}

static struct frame import_frame(struct fixture *f, const struct memory *m, size_t pitch,
				 uint32_t id)
{
	struct frame frame = get_frame(f);

	for (unsigned int y = 0; y < frame.height; y++)
		memcpy(m->map + y * pitch, f->pixels + (size_t)y * frame.width,
		       (size_t)frame.width * 4);
	frame.planes[0] = NULL; /* the CPU sees nothing of it */
	frame.pitches[0] = (uint32_t)pitch;
	frame.dmabuf_fd = m->fd;
	frame.source_id = id;
	return frame;
}

static bool can_import(void)
{
	return !has_word("refuse-import") && !has_word("no-vpp") && !has_word("full-range");
}

static void test_import(void **state)
{
	struct fixture *f = *state;
	const size_t pitch = 1280 * 4 + 256;
	struct memory m[BUFFERS];

	open_encoder(f, 1280, 720, 30, MEDIA_PROFILE_CBP, 10000000);
	for (int i = 0; i < BUFFERS; i++)
		memory_open(&m[i], pitch * 720);
	for (unsigned int i = 0; i < 12; i++) {
		struct frame frame;

		draw_waves(f);
		if (i == 7) { /* other memory under the same name */
			memory_close(&m[1]);
			memory_open(&m[1], pitch * 720);
		}
		frame = import_frame(f, &m[i % BUFFERS], pitch, i % BUFFERS);
		if (!can_import()) {
			assert_int_equal(f->encoder->ops->submit(f->encoder, &frame), -EOPNOTSUPP);
			continue;
		}
		encode_frame(f, &frame);
		assert_true(f->encoder->by_device);
		assert_true(get_psnr(f, f->pixels, 1280 * 4) >= MIN_PSNR_DB);
	}
	for (int i = 0; i < BUFFERS; i++)
		memory_close(&m[i]);
}

/* More buffers than are remembered. */
static void test_many_imports(void **state)
{
	struct fixture *f = *state;
	struct memory m[20];

	if (!can_import())
		skip();
	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 10000000);
	for (unsigned int i = 0; i < 20; i++)
		memory_open(&m[i], WIDTH * 4 * HEIGHT);
	for (unsigned int i = 0; i < 60; i++) {
		struct frame frame;

		draw_waves(f);
		frame = import_frame(f, &m[i * 7 % 20], WIDTH * 4, i);
		encode_frame(f, &frame);
		assert_true(get_psnr(f, f->pixels, WIDTH * 4) >= MIN_PSNR_DB);
	}
	for (unsigned int i = 0; i < 20; i++)
		memory_close(&m[i]);
}

/* Descriptors come and go; the source knows that it is the same memory. And it begins within. */
static void test_numbered_imports(void **state)
{
	struct fixture *f = *state;
	const size_t pitch = 1280 * 4, offset = 3 * pitch;
	struct memory m[2];

	if (!can_import())
		skip();
	open_encoder(f, 1280, 720, 30, MEDIA_PROFILE_CBP, 10000000);
	for (int i = 0; i < 2; i++)
		memory_open(&m[i], offset + pitch * 720);
	for (unsigned int i = 0; i < 8; i++) {
		struct memory within = m[i % 2];
		struct frame frame;

		draw_waves(f);
		within.map += offset;
		frame = import_frame(f, &within, pitch, 0);
		frame.dmabuf_offset = offset;
		frame.buffer = 77 + i % 2;
		if (i >= 2) /* an import anew would fail */
			frame.dmabuf_fd = STDERR_FILENO;
		encode_frame(f, &frame);
		assert_true(f->encoder->by_device);
		assert_true(get_psnr(f, f->pixels, 1280 * 4) >= MIN_PSNR_DB);
	}
	for (int i = 0; i < 2; i++)
		memory_close(&m[i]);
}

/* What no device takes is read by the CPU, where that is possible. */
static void test_import_refused(void **state)
{
	struct fixture *f = *state;
	const size_t pitch = 1280 * 4 + 16;
	struct memory m;
	struct frame frame;

	open_encoder(f, 1280, 720, 30, MEDIA_PROFILE_CBP, 10000000);
	memory_open(&m, pitch * 720);
	draw_waves(f);
	frame = import_frame(f, &m, pitch, 1);
	assert_int_equal(f->encoder->ops->submit(f->encoder, &frame), -EOPNOTSUPP);
	/* The right one of two displays on one screen: iHD would show the left one. */
	frame.pitches[0] = 2 * 1280 * 4;
	frame.dmabuf_offset = 1280 * 4;
	assert_int_equal(f->encoder->ops->submit(f->encoder, &frame), -EOPNOTSUPP);
	frame.pitches[0] = (uint32_t)pitch;
	frame.planes[0] = m.map;
	encode_frame(f, &frame);
	assert_false(f->encoder->by_device);
	assert_true(get_psnr(f, f->pixels, 1280 * 4) >= MIN_PSNR_DB);
	memory_close(&m);
}

/* ---- misuse ---- */

static void test_wrong_size(void **state)
{
	struct fixture *f = *state;
	struct encoder_config config = { .format = { { 15, 16, 30 }, MEDIA_PROFILE_CBP, 31, 1, 0 },
					 .rate_bps = 1000000 };
	struct encoder *e;
	struct frame frame;

	assert_int_equal(choice.best->open(&config, &e), -EINVAL);
	open_encoder(f, WIDTH, HEIGHT, 30, MEDIA_PROFILE_CBP, 5000000);
	frame = get_frame(f);
	frame.width -= 2;
	assert_int_equal(f->encoder->ops->submit(f->encoder, &frame), -EINVAL);
	draw_waves(f);
	encode(f); /* and goes on */
}

/* Of two GPUs the one that cannot read what the other has drawn is left, once. */
static void test_refused_device(void **state)
{
	struct encoder_host host = { .node_count = 2, .cache = cache };
	const char *second = has_word("i965") ? "ihd-lp" : "i965";
	struct encoder_caps first = choice.caps;

	(void)state;
	encoder_release();
	memset(cache, 0, sizeof(cache));
	assert_int_equal(setenv("MIRACAST_TEST_VA_SECOND", second, 1), 0);
	host.nodes[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	host.nodes[1] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	assert_int_equal(encoder_choose(&host, &choice), 0);
	assert_string_equal(choice.caps.device, first.device);
	assert_true(encoder_refuse_device());
	for (int i = 0; i < 2; i++) { /* by trial, then remembered */
		encoder_release();
		assert_int_equal(encoder_choose(&host, &choice), 0);
		assert_string_equal(choice.best->name, "vaapi");
		assert_string_not_equal(choice.caps.device, first.device);
		assert_false(encoder_refuse_device());
	}
	encoder_release();
	memset(cache, 0, sizeof(cache));
	host.node_count = 1;
	assert_int_equal(encoder_choose(&host, &choice), 0);
	assert_false(encoder_refuse_device()); /* there is no other one */
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caps), CASE(test_parameter_sets), CASE(test_picture),
		CASE(test_idr_on_request),   CASE(test_rate),		CASE(test_largest_picture),
		CASE(test_still_picture),    CASE(test_damage),		CASE(test_clips),
		CASE(test_import),	     CASE(test_many_imports),	CASE(test_import_refused),
		CASE(test_numbered_imports), CASE(test_wrong_size),	CASE(test_refused_device),
	};

	av_log_set_level(AV_LOG_ERROR);
	return cmocka_run_group_tests_name(getenv("MIRACAST_TEST_VA") ?: "vaapi", tests,
					   choose_once, release);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A picture that rests, as x264's back-end sends it: made better by x264 while that is possible, then
 * repeated without it. A decoder sees one stream without a gap, and goes on from there.
 */
#include "encode/encoder.h"
#include "encode/encoder-x264.h"
#include "encode/h264.h"

#include "h264-decoder.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH	640
#define HEIGHT	368
#define SETTLED 40 /* repetitions, after which x264 has done what it can */

int __real_x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *count, x264_picture_t *in,
			       x264_picture_t *out);
int __wrap_x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *count, x264_picture_t *in,
			       x264_picture_t *out);

static unsigned int encodes;

int __wrap_x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *count, x264_picture_t *in,
			       x264_picture_t *out)
{
	encodes++;
	return __real_x264_encoder_encode(x264, nals, count, in, out);
}

struct fixture {
	struct encoder *encoder;
	struct h264_decoder decoder;
	struct h264_sps sps;
	struct h264_pps pps;
	bool has_picture;
	uint32_t frame_num; /* of the last picture */
	uint64_t number;
	uint8_t unit[1 << 20]; /* parts, put together */
	size_t unit_size;
	unsigned int parts;
	uint8_t slices;
	uint8_t picture[WIDTH * HEIGHT * 3 / 2];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	h264_decoder_open(&f->decoder);
	memset(f->picture, 128, sizeof(f->picture));
	for (unsigned int i = 0; i < WIDTH * HEIGHT; i++) /* something like a page of text */
		f->picture[i] = i % WIDTH / 40 % 2 && i / WIDTH % 13 < 9 &&
						(i * 2654435761u >> 20) % 5 < 2
					? 40
					: (uint8_t)(220 - i % WIDTH / 8);
	encodes = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->encoder)
		f->encoder->ops->close(f->encoder);
	h264_decoder_close(&f->decoder);
	free(f);
	return 0;
}

static void append(void *userdata, const struct packet *p)
{
	struct fixture *f = userdata;

	f->parts++;
	assert_true(f->unit_size + p->size <= sizeof(f->unit));
	memcpy(f->unit + f->unit_size, p->data, p->size);
	f->unit_size += p->size;
}

static void open_encoder_at(struct fixture *f, uint64_t rate_bps, bool refresh)
{
	const struct encoder_config config = {
		.format = { .mode = { WIDTH, HEIGHT, 30 }, .level_idc = 31, .slices = f->slices },
		.rate_bps = rate_bps,
		.intra_refresh = refresh,
		.on_part = append,
		.userdata = f,
	};

	assert_int_equal(encoder_x264.open(&config, &f->encoder), 0);
}

static void open_encoder(struct fixture *f, uint8_t slices, bool refresh)
{
	f->slices = slices;
	open_encoder_at(f, 6000000, refresh);
}

/* 7.4.3: the number grows by one from picture to picture, and an IDR begins anew. */
static void check_frame_num(struct fixture *f, const struct packet *p)
{
	struct h264_slice slice;
	struct h264_nal nal;
	unsigned int slices = 0;
	size_t at = 0;

	while (h264_next_nal(p->data, p->size, &at, &nal)) {
		if (h264_get_type(&nal) == H264_NAL_SPS)
			assert_int_equal(h264_parse_sps(&nal, &f->sps), 0);
		if (h264_get_type(&nal) == H264_NAL_PPS)
			assert_int_equal(h264_parse_pps(&nal, &f->pps), 0);
		if (h264_get_type(&nal) != H264_NAL_SLICE && h264_get_type(&nal) != H264_NAL_IDR)
			continue;
		assert_int_equal(h264_parse_slice_header(&nal, &f->sps, &f->pps, &slice), 0);
		assert_true(slice.ref_idc > 0);
		if (slices++ == 0)
			f->frame_num =
				p->idr ? 0 : (f->frame_num + 1) % (1u << f->sps.log2_max_frame_num);
		assert_int_equal(slice.frame_num, f->frame_num);
	}
	assert_true(slices > 0);
}

/* The present picture, through encoder and decoder; a new one if it has changed. */
static struct packet show(struct fixture *f, const struct media_rect *changed)
{
	struct frame frame = {
		.number = f->number += changed != NULL,
		.time_ns = 1,
		.fourcc = MEDIA_FOURCC_YUV420,
		.width = WIDTH,
		.height = HEIGHT,
		.planes = { f->picture, f->picture + WIDTH * HEIGHT,
			    f->picture + WIDTH * HEIGHT * 5 / 4 },
		.pitches = { WIDTH, WIDTH / 2, WIDTH / 2 },
		.dmabuf_fd = -1,
	};
	struct packet p;

	if (changed)
		frame.damage = *changed;
	f->unit_size = 0;
	f->parts = 0;
	assert_int_equal(f->encoder->ops->submit(f->encoder, &frame), 0);
	assert_int_equal(f->encoder->ops->output(f->encoder, &p), 1);
	append(f, &p);
	p.data = f->unit;
	p.size = f->unit_size;
	/* A repetition comes whole, so that its length is known. */
	assert_int_equal(f->parts, changed ? f->slices : 1);
	check_frame_num(f, &p);
	h264_decoder_take(&f->decoder, &p);
	return p;
}

static double get_psnr(const struct fixture *f)
{
	const AVFrame *d = f->decoder.picture;
	double sum = 0;

	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++) {
			int e = d->data[0][y * d->linesize[0] + x] - f->picture[y * WIDTH + x];

			sum += e * e;
		}
	return 10 * log10(255.0 * 255 * WIDTH * HEIGHT / (sum + 1e-9));
}

static void check_psnr(const struct fixture *f)
{
	assert_true(get_psnr(f) > 42);
}

static const struct media_rect all = { 0, 0, WIDTH, HEIGHT }, corner = { 0, 0, 64, 32 };

static void draw_corner(struct fixture *f, uint8_t value)
{
	for (unsigned int y = 0; y < corner.height; y++)
		memset(f->picture + y * WIDTH, value, corner.width);
}

/* Everything that may follow a picture that rests, twice as long as frame_num needs to wrap. */
static void rest(struct fixture *f)
{
	unsigned int before;

	(void)show(f, &all);
	for (unsigned int i = 0; i < SETTLED; i++)
		(void)show(f, NULL);
	before = encodes;
	for (unsigned int i = 0; i < 40; i++)
		assert_in_range(show(f, NULL).size, 1, 16 * f->slices);
	assert_int_equal(encodes, before); /* nothing of them is x264's */
	check_psnr(f);
	for (unsigned int i = 0; i < 5; i++) { /* it moves again */
		draw_corner(f, (uint8_t)(60 + 40 * i));
		(void)show(f, &corner);
		(void)show(f, NULL);
	}
	/* The repetition at once only tells where the picture ends. */
	assert_int_equal(encodes, before + 5);
	for (unsigned int i = 0; i < SETTLED; i++)
		(void)show(f, NULL);
	check_psnr(f);
	before = encodes;
	(void)show(f, NULL);
	assert_int_equal(encodes, before);
	f->encoder->ops->request_idr(f->encoder); /* a request is never answered by a repetition */
	assert_true(show(f, NULL).idr);
	assert_int_equal(encodes, before + 1);
	(void)show(f, NULL); /* its end */
	assert_int_equal(encodes, before + 1);
	for (unsigned int i = 0; i < SETTLED; i++)
		assert_false(show(f, NULL).idr);
	assert_in_range(encodes, before + 2, before + SETTLED);
	check_psnr(f);
}

static void test_rest(void **state)
{
	open_encoder(*state, 1, false);
	rest(*state);
}

static void test_rest_in_slices(void **state)
{
	open_encoder(*state, 4, false);
	rest(*state);
}

/* A rate that hardly carries it: x264 pauses now and then, and is not taken for done. */
static void test_low_rate(void **state)
{
	struct fixture *f = *state;

	f->slices = 1;
	open_encoder_at(f, 300000, false);
	(void)show(f, &all);
	for (unsigned int i = 0; i < 4 * SETTLED; i++)
		(void)show(f, NULL);
	check_psnr(f);
}

/* What a low rate does not carry may be improved when the rate rises: x264 is asked again. */
static void test_rate_rises(void **state)
{
	struct fixture *f = *state;
	unsigned int before;

	f->slices = 1;
	open_encoder_at(f, 1200000, false);
	(void)show(f, &all);
	for (unsigned int i = 0; i < 2 * SETTLED; i++)
		(void)show(f, NULL);
	before = encodes;
	(void)show(f, NULL);
	assert_int_equal(encodes, before);
	assert_int_equal(f->encoder->ops->set_rate(f->encoder, 6000000, 0), 0);
	for (unsigned int i = 0; i < SETTLED; i++)
		(void)show(f, NULL);
	assert_true(encodes > before + 5);
	check_psnr(f);
}

/* The wave goes on: that is what it is for. */
static void test_intra_refresh_goes_on(void **state)
{
	struct fixture *f = *state;

	open_encoder(f, 1, true);
	(void)show(f, &all);
	for (unsigned int i = 0; i < 2 * SETTLED; i++)
		(void)show(f, NULL);
	assert_int_equal(encodes, 2 * SETTLED + 1);
	check_psnr(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rest_in_slices, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_low_rate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rate_rises, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_intra_refresh_goes_on, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libavcodec as the judge of access units: it refuses what is not as the standard has it, and gives
 * one picture for each, at once. Knows nothing of who made them.
 */
#ifndef TESTS_UNIT_H264_DECODER_H
#define TESTS_UNIT_H264_DECODER_H

#include "miracast/media.h"

#include <libavcodec/avcodec.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct h264_decoder {
	AVCodecContext *context;
	AVFrame *picture; /* the last one */
	AVPacket *packet;
};

static inline void h264_decoder_open(struct h264_decoder *d)
{
	const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);

	d->picture = av_frame_alloc();
	d->packet = av_packet_alloc();
	d->context = avcodec_alloc_context3(codec);
	assert_true(d->picture && d->packet && d->context);
	d->context->err_recognition = AV_EF_EXPLODE | AV_EF_BITSTREAM;
	d->context->thread_count = 1;
	assert_int_equal(avcodec_open2(d->context, codec, NULL), 0);
}

static inline void h264_decoder_close(struct h264_decoder *d)
{
	avcodec_free_context(&d->context);
	av_frame_free(&d->picture);
	av_packet_free(&d->packet);
}

/* A picture comes out for each that goes in: nothing waits for others to come first. */
static inline void h264_decoder_take(struct h264_decoder *d, const struct packet *p)
{
	/* Padding for the decoder, which reads over the end. */
	static uint8_t copy[8 << 20];

	assert_in_range(p->size, 1, sizeof(copy) - AV_INPUT_BUFFER_PADDING_SIZE);
	memcpy(copy, p->data, p->size);
	memset(copy + p->size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
	d->packet->data = copy;
	d->packet->size = (int)p->size;
	assert_int_equal(avcodec_send_packet(d->context, d->packet), 0);
	assert_int_equal(avcodec_receive_frame(d->context, d->picture), 0);
	assert_int_equal(d->picture->decode_error_flags, 0);
	assert_int_equal(d->picture->key_frame, p->idr);
}

#endif

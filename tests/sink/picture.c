// SPDX-License-Identifier: GPL-2.0-or-later
/* YUV to RGB with the matrix and range that the stream names, then libavcodec's PNG encoder. */
#include "picture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>

static int convert(const AVFrame *from, AVFrame *to)
{
	struct SwsContext *sws = sws_getContext(
		from->width, from->height, (enum AVPixelFormat)from->format, to->width, to->height,
		AV_PIX_FMT_RGB24, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL,
		NULL);
	/* Unnamed: BT.709 from 720 lines up, BT.601 below, as the picture's size suggests. */
	bool hd = from->colorspace == AVCOL_SPC_BT709 ||
		  (from->colorspace == AVCOL_SPC_UNSPECIFIED && from->height >= 720);
	const int *matrix = sws_getCoefficients(hd ? SWS_CS_ITU709 : SWS_CS_ITU601);
	int r;

	if (!sws)
		return -ENOMEM;
	sws_setColorspaceDetails(sws, matrix, from->color_range == AVCOL_RANGE_JPEG,
				 sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
	r = sws_scale(sws, (const uint8_t *const *)from->data, from->linesize, 0, from->height,
		      to->data, to->linesize);
	sws_freeContext(sws);
	return r == to->height ? 0 : -EIO;
}

static int encode(const AVFrame *frame, AVPacket *packet)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
	AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;
	int r;

	if (!context)
		return -ENOTSUP;
	context->width = frame->width;
	context->height = frame->height;
	context->pix_fmt = AV_PIX_FMT_RGB24;
	context->time_base = (AVRational){ 1, 25 };
	r = avcodec_open2(context, codec, NULL);
	if (r >= 0)
		r = avcodec_send_frame(context, frame);
	if (r >= 0)
		r = avcodec_receive_packet(context, packet);
	avcodec_free_context(&context);
	return r < 0 ? -EIO : 0;
}

static int write_file(const char *path, const uint8_t *bytes, size_t len)
{
	FILE *file = fopen(path, "we");
	bool ok;

	if (!file)
		return -errno;
	ok = fwrite(bytes, 1, len, file) == len;
	return fclose(file) == 0 && ok ? 0 : -EIO;
}

int picture_write_png(const AVFrame *frame, const char *path)
{
	AVFrame *rgb = av_frame_alloc();
	AVPacket *packet = av_packet_alloc();
	int r = rgb && packet ? 0 : -ENOMEM;

	if (r == 0) {
		rgb->format = AV_PIX_FMT_RGB24;
		rgb->width = frame->width;
		rgb->height = frame->height;
		r = av_frame_get_buffer(rgb, 0) < 0 ? -ENOMEM : convert(frame, rgb);
	}
	if (r == 0)
		r = encode(rgb, packet);
	if (r == 0)
		r = write_file(path, packet->data, (size_t)packet->size);
	av_packet_free(&packet);
	av_frame_free(&rgb);
	return r;
}

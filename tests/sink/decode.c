// SPDX-License-Identifier: GPL-2.0-or-later
/* The decoder's thread: queue -> libavformat -> libavcodec -> stamp. */
#include "decode.h"
#include "clock.h"
#include "picture.h"
#include "stamp.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#define QUEUE_SIZE  (64U << 20) /* half a minute of stream */
#define AVIO_BUFFER 32768
#define PROBE_BYTES 1880 /* the PMT is found while reading on */
#define STREAMS_MAX 8
#define LATENCY_MAX (1U << 20)

struct decoder {
	const struct decoder_ops *ops;
	void *user;
	FILE *frames;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t filled;
	uint8_t *queue;		/* lock */
	uint64_t written, read; /* lock */
	bool ended;		/* lock */

	AVCodecContext *contexts[STREAMS_MAX]; /* of the streams by index */
	bool refused[STREAMS_MAX];
	AVFrame *frame;
	AVFrame *last, *last_stamped;
	struct stamp_reader reader;
	bool have_stamp;
	struct stamp stamp; /* the last good one */
	uint32_t *latencies;
	size_t latencies_count;
	size_t pictures_next;
	struct decode_facts facts;
};

/* --- the queue --- */

void decoder_push(struct decoder *d, const uint8_t *ts, size_t len)
{
	pthread_mutex_lock(&d->lock);
	if (len > QUEUE_SIZE - (d->written - d->read)) {
		d->facts.overrun_bytes += len;
	} else {
		for (size_t done = 0; done < len;) {
			size_t at = (d->written + done) % QUEUE_SIZE;
			size_t part = len - done < QUEUE_SIZE - at ? len - done : QUEUE_SIZE - at;

			memcpy(d->queue + at, ts + done, part);
			done += part;
		}
		d->written += len;
		pthread_cond_signal(&d->filled);
	}
	pthread_mutex_unlock(&d->lock);
}

/* AVIOContext's read_packet: what there is, at least one byte. */
static int read_queue(void *user, uint8_t *buffer, int size)
{
	struct decoder *d = user;
	size_t part = 0;

	pthread_mutex_lock(&d->lock);
	while (d->written == d->read && !d->ended)
		pthread_cond_wait(&d->filled, &d->lock);
	if (d->written != d->read) {
		size_t at = d->read % QUEUE_SIZE;

		part = (size_t)(d->written - d->read);
		if (part > QUEUE_SIZE - at)
			part = QUEUE_SIZE - at;
		if (part > (size_t)size)
			part = (size_t)size;
		memcpy(buffer, d->queue + at, part);
		d->read += part;
	}
	pthread_mutex_unlock(&d->lock);
	return part ? (int)part : AVERROR_EOF;
}

static bool is_over(struct decoder *d)
{
	bool over;

	pthread_mutex_lock(&d->lock);
	over = d->ended && d->written == d->read;
	pthread_mutex_unlock(&d->lock);
	return over;
}

/* --- pictures --- */

static void keep(AVFrame **place, const AVFrame *frame)
{
	if (!*place)
		*place = av_frame_alloc();
	if (!*place)
		return;
	av_frame_unref(*place);
	if (av_frame_ref(*place, frame) < 0)
		av_frame_free(place);
}

static void note_latency(struct decoder *d, uint64_t stamp_us, uint64_t now_us)
{
	/* A stamp from another machine's clock says nothing. */
	if (stamp_us > now_us || now_us - stamp_us > 3600ULL * 1000000)
		return;
	if (d->latencies_count < LATENCY_MAX)
		d->latencies[d->latencies_count++] = (uint32_t)(now_us - stamp_us);
}

static void note_stamp(struct decoder *d, const struct stamp *stamp, uint64_t now_us)
{
	struct decode_facts *facts = &d->facts;

	if (!facts->have_nonce || facts->nonce != stamp->nonce)
		facts->nonces++;
	facts->have_nonce = true;
	facts->nonce = stamp->nonce;
	if (d->have_stamp && stamp->frame == d->stamp.frame) {
		facts->stamps_repeated++;
		return;
	}
	if (d->have_stamp && stamp->frame < d->stamp.frame)
		facts->stamps_backwards++;
	if (!d->have_stamp)
		facts->stamp_first = stamp->frame;
	facts->stamp_last = stamp->frame;
	facts->stamps_read++;
	d->stamp = *stamp;
	d->have_stamp = true;
	note_latency(d, stamp->time_us, now_us);
}

static enum stamp_result read_stamp(struct decoder *d, struct stamp *ret)
{
	const AVFrame *f = d->frame;
	struct luma luma = { f->data[0], (size_t)f->linesize[0], (unsigned)f->width,
			     (unsigned)f->height };

	/* 8 bits of luma first, as in every format that a sink decodes here. */
	if ((f->format != AV_PIX_FMT_YUV420P && f->format != AV_PIX_FMT_YUVJ420P) ||
	    f->linesize[0] <= 0)
		return STAMP_NONE;
	return stamp_read(&d->reader, &luma, ret);
}

static void note_picture(struct decoder *d, int64_t pts, const struct stamp *stamp, uint64_t now_us)
{
	struct decode_facts *facts = &d->facts;

	facts->pictures[d->pictures_next] = (struct decode_picture){
		.pts = pts,
		.stamped = stamp,
		.frame = stamp ? stamp->frame : 0,
		.decoded_us = now_us,
	};
	d->pictures_next = (d->pictures_next + 1) % DECODE_PICTURES_MAX;
	if (facts->pictures_count < DECODE_PICTURES_MAX)
		facts->pictures_count++;
	if (!d->frames)
		return;
	if (stamp)
		fprintf(d->frames, "%" PRId64 ",%u,%" PRIu64 ",%" PRIu64 "\n", pts, stamp->frame,
			stamp->time_us, now_us);
	else
		fprintf(d->frames, "%" PRId64 ",,,%" PRIu64 "\n", pts, now_us);
}

static void on_picture(struct decoder *d)
{
	struct decode_facts *facts = &d->facts;
	uint64_t now_us = clock_now_us();
	AVFrame *f = d->frame;
	int64_t pts = f->pts != AV_NOPTS_VALUE ? f->pts : f->best_effort_timestamp;
	struct stamp stamp;
	enum stamp_result result = read_stamp(d, &stamp);

	if (!facts->frames_decoded++)
		facts->first_picture_us = now_us;
	facts->last_picture_us = now_us;
	facts->width = (unsigned)f->width;
	facts->height = (unsigned)f->height;
	if (f->decode_error_flags || f->flags & AV_FRAME_FLAG_CORRUPT) {
		facts->decode_errors++;
		d->ops->on_trouble(d->user);
	} else if (f->key_frame) {
		d->ops->on_whole(d->user);
	}
	switch (result) {
	case STAMP_NONE:
		break;
	case STAMP_BAD:
		facts->stamps_bad++;
		break;
	case STAMP_GOOD:
		note_stamp(d, &stamp, now_us);
		facts->stamp_x = d->reader.x;
		facts->stamp_y = d->reader.y;
		keep(&d->last_stamped, f);
		break;
	}
	keep(&d->last, f);
	note_picture(d, pts == AV_NOPTS_VALUE ? -1 : pts, result == STAMP_GOOD ? &stamp : NULL,
		     now_us);
	d->ops->on_picture(d->user, facts->frames_decoded);
}

/* --- libav --- */

static AVCodecContext *open_codec(const AVStream *stream)
{
	const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
	AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;

	if (!context)
		return NULL;
	context->pkt_timebase = stream->time_base;
	context->flags |= AV_CODEC_FLAG_LOW_DELAY;
	context->thread_count = 1; /* each further one is a picture of delay */
	if (avcodec_parameters_to_context(context, stream->codecpar) < 0 ||
	    avcodec_open2(context, codec, NULL) < 0)
		avcodec_free_context(&context);
	return context;
}

static AVCodecContext *find_codec(struct decoder *d, const AVStream *stream)
{
	unsigned i = (unsigned)stream->index;
	enum AVMediaType type = stream->codecpar->codec_type;

	if (i >= STREAMS_MAX || d->refused[i] ||
	    (type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO))
		return NULL;
	if (!d->contexts[i]) {
		d->contexts[i] = open_codec(stream);
		d->refused[i] = !d->contexts[i];
	}
	return d->contexts[i];
}

static void take_frames(struct decoder *d, AVCodecContext *context)
{
	while (avcodec_receive_frame(context, d->frame) == 0) {
		if (context->codec_type == AVMEDIA_TYPE_VIDEO) {
			d->facts.profile = context->profile;
			d->facts.level = context->level;
			on_picture(d);
		} else {
			d->facts.audio_frames++;
		}
		av_frame_unref(d->frame);
	}
}

static void decode_packet(struct decoder *d, AVCodecContext *context, const AVPacket *packet)
{
	int r = avcodec_send_packet(context, packet);

	if (context->codec_type == AVMEDIA_TYPE_AUDIO) {
		snprintf(d->facts.audio_codec, sizeof(d->facts.audio_codec), "%s",
			 avcodec_get_name(context->codec_id));
		d->facts.audio_errors += r < 0;
	} else if (r < 0) {
		d->facts.decode_errors++;
		d->ops->on_trouble(d->user);
	}
	take_frames(d, context);
}

static AVFormatContext *open_input(AVIOContext *io)
{
	AVFormatContext *format = avformat_alloc_context();

	if (!format)
		return NULL;
	format->pb = io;
	format->probesize = PROBE_BYTES;
	/* One access unit is one PES packet: a parser would only wait for the next one. */
	format->flags |= AVFMT_FLAG_NOBUFFER | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN |
			 AVFMT_FLAG_CUSTOM_IO;
	format->correct_ts_overflow = 0;
	if (avformat_open_input(&format, NULL, av_find_input_format("mpegts"), NULL) < 0)
		return NULL; /* which freed it */
	return format;
}

static void decode_input(struct decoder *d, AVFormatContext *format, AVPacket *packet)
{
	while (av_read_frame(format, packet) >= 0) {
		AVCodecContext *context = find_codec(d, format->streams[packet->stream_index]);

		if (context)
			decode_packet(d, context, packet);
		av_packet_unref(packet);
	}
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		if (!d->contexts[i])
			continue;
		if (avcodec_send_packet(d->contexts[i], NULL) == 0)
			take_frames(d, d->contexts[i]);
		avcodec_free_context(&d->contexts[i]);
	}
}

static void *decode(void *user)
{
	struct decoder *d = user;
	uint8_t *buffer = av_malloc(AVIO_BUFFER);
	AVIOContext *io =
		buffer ? avio_alloc_context(buffer, AVIO_BUFFER, 0, d, read_queue, NULL, NULL)
		       : NULL;
	AVPacket *packet = av_packet_alloc();

	while (io && packet && !is_over(d)) {
		AVFormatContext *format = open_input(io);

		if (format) {
			decode_input(d, format, packet);
			avformat_close_input(&format);
		}
		io->eof_reached = 0;
		io->error = 0;
	}
	av_packet_free(&packet);
	if (io)
		av_freep(&io->buffer);
	else
		av_free(buffer);
	avio_context_free(&io);
	return NULL;
}

/* --- life --- */

int decoder_new(const struct decoder_ops *ops, void *user, FILE *frames, struct decoder **ret)
{
	struct decoder *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->ops = ops;
	d->user = user;
	d->frames = frames;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->filled, NULL);
	d->queue = malloc(QUEUE_SIZE);
	d->latencies = calloc(LATENCY_MAX, sizeof(*d->latencies));
	d->frame = av_frame_alloc();
	av_log_set_level(AV_LOG_QUIET);
	r = d->queue && d->latencies && d->frame ? pthread_create(&d->thread, NULL, decode, d)
						 : ENOMEM;
	if (r) {
		decoder_free(d);
		return -r;
	}
	d->running = true;
	if (frames)
		fputs("pts,stamp_frame,stamp_us,decoded_us\n", frames);
	*ret = d;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void sum_up(struct decoder *d)
{
	struct decode_facts *facts = &d->facts;
	size_t n = d->latencies_count;

	if (n) {
		qsort(d->latencies, n, sizeof(*d->latencies), compare);
		facts->latency = (struct latency){ n, d->latencies[n / 2],
						   d->latencies[(n * 99) / 100],
						   d->latencies[n - 1] };
	}
	/* The ring's oldest comes first. */
	if (facts->pictures_count == DECODE_PICTURES_MAX && d->pictures_next) {
		struct decode_picture *turned = calloc(DECODE_PICTURES_MAX, sizeof(*turned));

		if (!turned)
			return;
		for (size_t i = 0; i < DECODE_PICTURES_MAX; i++)
			turned[i] = facts->pictures[(d->pictures_next + i) % DECODE_PICTURES_MAX];
		memcpy(facts->pictures, turned, sizeof(facts->pictures));
		free(turned);
		d->pictures_next = 0;
	}
}

void decoder_stop(struct decoder *d)
{
	if (!d->running)
		return;
	pthread_mutex_lock(&d->lock);
	d->ended = true;
	pthread_cond_signal(&d->filled);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	d->running = false;
	sum_up(d);
}

const struct decode_facts *decoder_facts(struct decoder *d)
{
	return &d->facts;
}

int decoder_write_picture(struct decoder *d, const char *path)
{
	const AVFrame *frame = d->last_stamped ? d->last_stamped : d->last;

	return frame ? picture_write_png(frame, path) : -ENODATA;
}

struct decoder *decoder_free(struct decoder *d)
{
	if (!d)
		return NULL;
	decoder_stop(d);
	av_frame_free(&d->frame);
	av_frame_free(&d->last);
	av_frame_free(&d->last_stamped);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->filled);
	free(d->latencies);
	free(d->queue);
	free(d);
	return NULL;
}

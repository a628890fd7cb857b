// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x264 back-end over a clip, at a rate, and what it costs; and the clip itself, so that others
 * can be measured on the same pictures.
 *
 *	bench-encode --clip CLIP.y4m PICTURES
 *	bench-encode CLIP.y4m STREAM.h264 BITS-PER-SECOND
 */
#include "capture/source.h"
#include "encode/convert.h"
#include "encode/encoder.h"
#include "util/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH  1920
#define HEIGHT 1080
#define HZ     30
#define PIXELS ((size_t)WIDTH * HEIGHT)
#define HEAD   "YUV4MPEG2 W1920 H1080 F30:1 Ip A1:1 C420jpeg\n"

static const struct media_mode mode = { WIDTH, HEIGHT, HZ };
static uint8_t picture[PIXELS * 3 / 2];

static void convert(const struct frame *f)
{
	const struct convert_source source = { .pixels = f->planes[0], .pitch = f->pitches[0] };
	const struct convert_target target = {
		.layout = CONVERT_I420,
		.planes = { picture, picture + PIXELS, picture + PIXELS * 5 / 4 },
		.pitches = { WIDTH, WIDTH / 2, WIDTH / 2 },
	};

	convert_rows(CONVERT_BT709, &source, &target, WIDTH, 0, HEIGHT);
}

static int make_clip(const char *path, unsigned int pictures)
{
	FILE *out = fopen(path, "we");
	struct source *s;
	struct frame f;
	bool good;

	if (!out || source_open_pattern(HZ, &s) < 0 || s->ops->configure(s, &mode) < 0)
		return 1;
	good = fputs(HEAD, out) >= 0;
	for (unsigned int i = 0; good && i < pictures; i++) {
		if (s->ops->acquire(s, NSEC_PER_SEC + (i * NSEC_PER_SEC + HZ - 1) / HZ, false,
				    &f) != 1)
			return 1;
		convert(&f);
		s->ops->release(s, &f);
		good = fputs("FRAME\n", out) >= 0 &&
		       fwrite(picture, 1, sizeof(picture), out) == sizeof(picture);
	}
	s->ops->close(s);
	return fclose(out) == 0 && good ? 0 : 1;
}

static uint64_t get_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static bool read_picture(FILE *in)
{
	char line[64];

	return fgets(line, sizeof(line), in) &&
	       fread(picture, 1, sizeof(picture), in) == sizeof(picture);
}

static int encode(struct encoder *e, FILE *in, FILE *out)
{
	struct frame f = {
		.fourcc = MEDIA_FOURCC_YUV420,
		.width = WIDTH,
		.height = HEIGHT,
		.planes = { picture, picture + PIXELS, picture + PIXELS * 5 / 4 },
		.pitches = { WIDTH, WIDTH / 2, WIDTH / 2 },
		.dmabuf_fd = -1,
		.damage = { 0, 0, WIDTH, HEIGHT },
	};
	uint64_t cpu_ns = 0, start;
	struct packet p;

	while (read_picture(in)) {
		f.number++;
		f.time_ns += NSEC_PER_SEC / HZ;
		start = get_cpu_ns();
		if (e->ops->submit(e, &f) < 0 || e->ops->output(e, &p) != 1)
			return 1;
		cpu_ns += get_cpu_ns() - start;
		if (fwrite(p.data, 1, p.size, out) != p.size)
			return 1;
	}
	if (f.number == 0)
		return 1;
	printf("%" PRIu64 " pictures, %.3f CPU-ms a picture\n", f.number,
	       (double)cpu_ns / 1e6 / (double)f.number);
	return 0;
}

int main(int argc, char **argv)
{
	struct encoder_config config = {
		.format = { .mode = mode,
			    .profile = MEDIA_PROFILE_CBP,
			    .level_idc = 40,
			    .slices = 1 },
	};
	struct encoder_caps caps;
	struct encoder *e;
	char head[sizeof(HEAD) + 1];
	FILE *in, *out;
	int r;

	if (argc == 4 && strcmp(argv[1], "--clip") == 0)
		return make_clip(argv[2], (unsigned int)strtoul(argv[3], NULL, 10));
	if (argc != 4)
		return 2;
	config.rate_bps = strtoull(argv[3], NULL, 10);
	in = fopen(argv[1], "re");
	out = fopen(argv[2], "we");
	if (!in || !out || !fgets(head, sizeof(head), in) || encoder_x264.probe(&caps) < 0 ||
	    encoder_x264.open(&config, &e) < 0)
		return 1;
	r = encode(e, in, out);
	e->ops->close(e);
	fclose(in);
	return fclose(out) == 0 ? r : 1;
}

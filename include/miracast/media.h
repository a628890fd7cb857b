/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What flows through the data path, as plain data: a mode, a frame (a picture) and a packet (an
 * access unit). No functions, no ownership beyond what is said here.
 *
 *	frame -> packet -> TS packet (188 bytes) -> datagram
 */
#ifndef MIRACAST_MEDIA_H
#define MIRACAST_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A progressive picture format: what sink, encoder and connector agree on. */
struct media_mode {
	uint16_t width;	     /* pixels, even, 16 to 8192 */
	uint16_t height;     /* pixels, even, 16 to 8192 */
	uint16_t refresh_hz; /* frames a second, 24 to 240; 30 also stands for 30/1.001 and so on */
};

/* ISO/IEC 14496-10 Annex A, as far as Wi-Fi Display uses it: no B slices, no CABAC. */
enum media_profile {
	MEDIA_PROFILE_CBP, /* Constrained Baseline: profile_idc 66, constraint_set0 and 1 */
	MEDIA_PROFILE_CHP, /* Constrained High: profile_idc 100, constraint_set4 and 5 */
};

enum media_audio_codec {
	MEDIA_AUDIO_NONE,
	MEDIA_AUDIO_LPCM, /* 48 kHz, 16 bit, stereo */
	MEDIA_AUDIO_AAC,  /* 48 kHz, stereo, AAC-LC in ADTS */
};

/* Everything that one negotiation settles about the stream. */
struct media_format {
	struct media_mode mode;
	enum media_profile profile;
	uint8_t level_idc; /* 31, 32, 40, 41, 42, 50, 51, 52 */
	uint8_t slices; /* at most so many a picture, of about equal size; 1 to MEDIA_SLICES_MAX */
	enum media_audio_codec audio;
};

/* What still waits for the network when the encoder is done is one slice; more of them cost bits. */
#define MEDIA_SLICES_MAX 4

struct media_rect {
	uint16_t x, y, width, height; /* pixels; width 0: empty */
};

/* Memory layouts of a frame; the values are DRM fourcc codes. */
#define MEDIA_FOURCC_XRGB8888 0x34325258u /* 'XR24': B, G, R, unused in memory; one plane */
#define MEDIA_FOURCC_XBGR8888 0x34324258u /* 'XB24': R, G, B, unused in memory */
#define MEDIA_FOURCC_RGB565   0x36314752u /* 'RG16': 16 bits little endian, R the highest five */
#define MEDIA_FOURCC_XRGB2101010 \
	0x30335258u /* 'XR30': 32 bits little endian, B the lowest ten, R up to bit 29 */
#define MEDIA_FOURCC_YUV420   0x32315559u /* 'YU12': Y, U, V planes; BT.709 or 601, limited */
#define MEDIA_FOURCC_NV12     0x3231564eu /* 'NV12': Y plane, interleaved UV plane */

/*
 * One picture as its source hands it on. The memory belongs to the source and is readable until
 * the frame is released to it.
 */
struct frame {
	uint64_t number; /* of the desktop update; the same again when a picture is repeated */
	uint64_t
		time_ns; /* CLOCK_MONOTONIC of its vblank; the time every later stamp derives from */
	uint32_t fourcc;
	uint16_t width, height;	  /* pixels */
	const uint8_t *planes[3]; /* NULL in planes[0]: only the dma-buf can be read */
	uint32_t pitches[3];	  /* bytes from line to line */
	int dmabuf_fd;		  /* -1: none; borrowed, the source's */
	uint32_t dmabuf_offset;	  /* bytes from its start to the first pixel */
	uint64_t buffer;	  /* the same number is the same memory, for ever; 0: not told */
	struct media_rect damage; /* what changed since the frame before; a hint */
	uint32_t source_id;	  /* the source's own name of the buffer */
};

/*
 * One access unit, an Annex B byte stream, or a part of one: whole slices of it, which can leave
 * while the rest is still being encoded. Borrowed for the duration of a call.
 */
struct packet {
	const uint8_t *data;
	size_t size;	       /* bytes */
	uint64_t frame_number; /* of the frame it shows */
	uint64_t time_ns;      /* of that frame */
	bool idr;	  /* the access unit starts with SPS and PPS and can be decoded alone */
	uint8_t part;	  /* 0, 1, ... */
	uint8_t parts;	  /* of the access unit, with one PTS; 0 or 1: this is all of it */
	uint64_t rest_ns; /* how long the encoder is likely to take for what follows */
};

#endif

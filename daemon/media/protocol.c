// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The messages between miracastd and miracast-media: what a well-formed one is, how one travels
 * with a descriptor, and the histogram that both read. Linked into both programs, so that the wall
 * has one description. Knows nothing of what a message causes.
 */
#include "media/protocol.h"

#include "util/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void media_header_init(struct media_header *h, enum media_type type, size_t size)
{
	*h = (struct media_header){
		.type = (uint16_t)type,
		.version = MEDIA_PROTOCOL_VERSION,
		.size = (uint32_t)size,
	};
}

/* A string that ends within its field; what stands behind the NUL does not matter. */
#define IS_STRING(field) (memchr(field, '\0', sizeof(field)) != NULL)

static bool mode_is_valid(const struct media_mode *m)
{
	return m->width >= 16 && m->width <= 8192 && m->width % 2 == 0 && m->height >= 16 &&
	       m->height <= 8192 && m->height % 2 == 0 && m->refresh_hz >= 24 &&
	       m->refresh_hz <= 240;
}

static bool configure_is_valid(const struct media_configure *c)
{
	return mode_is_valid(&c->format.mode) &&
	       (unsigned int)c->format.profile <= MEDIA_PROFILE_CHP &&
	       (unsigned int)c->format.audio <= MEDIA_AUDIO_AAC && c->format.slices > 0 &&
	       c->format.slices <= MEDIA_SLICES_MAX && c->rate_bps > 0 &&
	       c->encoder <= MEDIA_ENCODER_X264 && c->still_hz <= MEDIA_STILL_HZ_MAX &&
	       c->intra_refresh <= 1 && c->reserved == 0;
}

/* A refresh of 0 stands for the mode's. */
static bool set_source_is_valid(const struct media_set_source *s)
{
	bool fits = (s->fit_width == 0 && s->fit_height == 0) ||
		    (s->fit_width >= 16 && s->fit_width <= 8192 && s->fit_height >= 16 &&
		     s->fit_height <= 8192);

	return s->source <= MEDIA_SOURCE_DEVICE && s->refresh_hz <= 240 && s->reserved == 0 && fits &&
	       IS_STRING(s->text);
}

static bool caps_is_valid(const struct media_caps *c)
{
	return IS_STRING(c->encoder) && c->profiles != 0 &&
	       c->profiles < UINT32_C(1) << (MEDIA_PROFILE_CHP + 1) && c->max_level_idc > 0 &&
	       c->max_width <= 8192 && c->max_height <= 8192 && c->source_width <= 8192 &&
	       c->source_height <= 8192 && c->source_refresh_hz <= 1000;
}

static bool error_is_valid(const struct media_error *e)
{
	return e->stage <= MEDIA_STAGE_INPUT_END && e->error < 0 && e->error >= -4095 &&
	       IS_STRING(e->text);
}

/* The size that a message of this type has, 0 for a type that is none. */
static size_t type_size(uint16_t type)
{
	switch ((enum media_type)type) {
	case MEDIA_CONFIGURE:
		return sizeof(struct media_configure);
	case MEDIA_START:
		return sizeof(struct media_start);
	case MEDIA_SET_RATE:
		return sizeof(struct media_set_rate);
	case MEDIA_SET_SOURCE:
		return sizeof(struct media_set_source);
	case MEDIA_PAUSE:
	case MEDIA_REQUEST_IDR:
	case MEDIA_QUIT:
		return sizeof(struct media_header);
	case MEDIA_CAPS:
		return sizeof(struct media_caps);
	case MEDIA_FIRST_FRAME:
		return sizeof(struct media_first_frame);
	case MEDIA_CHUNK:
		return sizeof(struct media_chunk);
	case MEDIA_RATE:
		return sizeof(struct media_rate);
	case MEDIA_BLOCKED:
		return sizeof(struct media_blocked);
	case MEDIA_DEMOTED:
		return sizeof(struct media_demoted);
	case MEDIA_LATE:
		return sizeof(struct media_late);
	case MEDIA_ERROR:
		return sizeof(struct media_error);
	case MEDIA_HEARTBEAT:
		return sizeof(struct media_heartbeat);
	}
	return 0;
}

static int header_check(const union media_message *m, size_t size)
{
	if (size < sizeof(m->header) || size > sizeof(*m) || m->header.size != size)
		return -EBADMSG;
	if (m->header.version != MEDIA_PROTOCOL_VERSION)
		return -EPROTONOSUPPORT;
	return type_size(m->header.type) == size ? 0 : -EBADMSG;
}

int media_command_check(const union media_message *m, size_t size)
{
	bool valid = false;
	int r;

	r = header_check(m, size);
	if (r < 0)
		return r;
	switch ((enum media_type)m->header.type) {
	case MEDIA_CONFIGURE:
		valid = configure_is_valid(&m->configure);
		break;
	case MEDIA_START:
		valid = m->start.flags == 0 && m->start.reserved == 0;
		break;
	case MEDIA_SET_RATE:
		valid = m->set_rate.rate_bps > 0 && m->set_rate.reserved == 0;
		break;
	case MEDIA_SET_SOURCE:
		valid = set_source_is_valid(&m->set_source);
		break;
	case MEDIA_PAUSE:
	case MEDIA_REQUEST_IDR:
	case MEDIA_QUIT:
		valid = true;
		break;
	case MEDIA_CAPS:
	case MEDIA_FIRST_FRAME:
	case MEDIA_CHUNK:
	case MEDIA_RATE:
	case MEDIA_BLOCKED:
	case MEDIA_DEMOTED:
	case MEDIA_LATE:
	case MEDIA_ERROR:
	case MEDIA_HEARTBEAT:
		break;
	}
	return valid ? 0 : -EBADMSG;
}

int media_fact_check(const union media_message *m, size_t size)
{
	bool valid = false;
	int r;

	r = header_check(m, size);
	if (r < 0)
		return r;
	switch ((enum media_type)m->header.type) {
	case MEDIA_CAPS:
		valid = caps_is_valid(&m->caps);
		break;
	case MEDIA_FIRST_FRAME:
		valid = m->first_frame.own_picture <= 1;
		break;
	case MEDIA_CHUNK:
		valid = m->chunk.kind <= MEDIA_CHUNK_DROPPED;
		break;
	case MEDIA_DEMOTED:
		valid = IS_STRING(m->demoted.from) && IS_STRING(m->demoted.to) &&
			IS_STRING(m->demoted.text);
		break;
	case MEDIA_ERROR:
		valid = error_is_valid(&m->error);
		break;
	case MEDIA_RATE:
	case MEDIA_BLOCKED:
	case MEDIA_LATE:
	case MEDIA_HEARTBEAT:
		valid = true;
		break;
	case MEDIA_CONFIGURE:
	case MEDIA_START:
	case MEDIA_PAUSE:
	case MEDIA_SET_RATE:
	case MEDIA_REQUEST_IDR:
	case MEDIA_SET_SOURCE:
	case MEDIA_QUIT:
		break;
	}
	return valid ? 0 : -EBADMSG;
}

int media_send(int socket, const struct media_header *m, int fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)m, .iov_len = m->size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The first descriptor is the message's, any other would leak: closed. */
static int take_one_fd(struct msghdr *msg)
{
	int taken = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (taken < 0)
				taken = fd;
			else
				close_fd(fd);
		}
	}
	return taken;
}

int media_receive(int socket, union media_message *ret, int *ret_fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(8 * sizeof(int))];
	} control;
	union media_message m = { 0 };
	struct iovec iov = { .iov_base = &m, .iov_len = sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	_cleanup_close_ int fd = -1;
	ssize_t n;

	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	fd = take_one_fd(&msg);
	if (msg.msg_flags & MSG_TRUNC)
		return -EBADMSG;
	*ret = m;
	*ret_fd = TAKE_FD(fd);
	return (int)n;
}

/* 2^31 times 2^(k/8): where the eight buckets of one doubling begin, as 32-bit mantissas. */
static const uint32_t eighths[8] = {
	0x80000000, 0x8b95c1e4, 0x9837f052, 0xa5fed6aa, 0xb504f334, 0xc5672a11, 0xd744fccb, 0xeac0c6e8,
};

static unsigned int bucket_of(uint64_t us)
{
	unsigned int doubling, eighth = 7;
	uint32_t mantissa;

	if (us < 2)
		return 0;
	doubling = 63u - (unsigned int)__builtin_clzll(us);
	mantissa = (uint32_t)(us << (63 - doubling) >> 32);
	while (mantissa < eighths[eighth])
		eighth--;
	return doubling * 8 + eighth;
}

/* The time at which bucket b ends. */
static uint64_t bucket_end(unsigned int b)
{
	return (uint64_t)eighths[(b + 1) % 8] << ((b + 1) / 8) >> 31;
}

void latency_add(struct latency_histogram *h, uint64_t us)
{
	unsigned int b = bucket_of(us);

	h->buckets[b < LATENCY_BUCKETS ? b : LATENCY_BUCKETS - 1]++;
	h->count++;
	if (us > h->max_us)
		h->max_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

uint32_t latency_percentile(const struct latency_histogram *h, unsigned int per_mille)
{
	uint64_t wanted = ((uint64_t)h->count * per_mille + 999) / 1000, seen = 0;

	for (unsigned int b = 0; b < LATENCY_BUCKETS - 1; b++) {
		seen += h->buckets[b];
		if (seen >= wanted && seen > 0)
			return bucket_end(b) < h->max_us ? (uint32_t)bucket_end(b) : h->max_us;
	}
	return h->max_us;
}

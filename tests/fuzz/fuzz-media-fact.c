// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a media process says to the daemon, and the other way: no message is both, what is accepted
 * may be read as its struct, and the socket carries it as it is. Its words are untrusted: a driver
 * lives in that process.
 */
#include "media/protocol.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ends(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}

static void check_fact(const union media_message *m)
{
	switch (m->header.type) {
	case MEDIA_CAPS:
		assert(ends(m->caps.encoder, sizeof(m->caps.encoder)) && m->caps.profiles);
		assert(m->caps.max_width <= 8192 && m->caps.max_height <= 8192);
		return;
	case MEDIA_DEMOTED:
		assert(ends(m->demoted.from, sizeof(m->demoted.from)));
		assert(ends(m->demoted.to, sizeof(m->demoted.to)));
		assert(ends(m->demoted.text, sizeof(m->demoted.text)));
		return;
	case MEDIA_ERROR:
		assert(ends(m->error.text, sizeof(m->error.text)));
		assert(m->error.error < 0 && m->error.stage <= MEDIA_STAGE_INPUT_END);
		return;
	case MEDIA_CHUNK:
		assert(m->chunk.kind <= MEDIA_CHUNK_DROPPED);
		return;
	default:
		return;
	}
}

static void check_command(const union media_message *m)
{
	if (m->header.type == MEDIA_CONFIGURE)
		assert(m->configure.rate_bps && m->configure.format.mode.width % 2 == 0);
	if (m->header.type == MEDIA_SET_SOURCE)
		assert(ends(m->set_source.text, sizeof(m->set_source.text)));
}

/* The whole message or none of it, with the descriptor that came along or without one. */
static void check_travel(const union media_message *m, size_t size, bool with_fd)
{
	static int pair[2] = { -1, -1 };
	union media_message received;
	int fd = -1, n;

	if (pair[0] < 0)
		assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ==
		       0);
	assert(media_receive(pair[1], &received, &fd) == -EAGAIN && fd == -1);
	assert(media_send(pair[0], &m->header, with_fd ? pair[0] : -1) == 0);
	n = media_receive(pair[1], &received, &fd);
	assert(n == (int)size && !memcmp(&received, m, size) && (fd >= 0) == with_fd);
	if (fd >= 0)
		(void)close(fd);
}

/* Times of any size: a percentile lies within what was put in. */
static void check_latency(const uint8_t *data, size_t size)
{
	struct latency_histogram h = { 0 };
	uint64_t us;

	for (; size >= sizeof(us); data += sizeof(us), size -= sizeof(us)) {
		memcpy(&us, data, sizeof(us));
		latency_add(&h, us >> (us & 63));
	}
	assert(latency_percentile(&h, 500) <= latency_percentile(&h, 990));
	assert(latency_percentile(&h, 1000) <= h.max_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union media_message m = { 0 };
	int fact, command;

	memcpy(&m, data, size < sizeof(m) ? size : sizeof(m));
	fact = media_fact_check(&m, size);
	command = media_command_check(&m, size);
	assert(fact == 0 || fact == -EBADMSG || fact == -EPROTONOSUPPORT);
	assert(command == 0 || command == -EBADMSG || command == -EPROTONOSUPPORT);
	assert(fact < 0 || command < 0);
	if (fact == 0)
		check_fact(&m);
	if (command == 0)
		check_command(&m);
	if (fact == 0 || command == 0)
		check_travel(&m, size, size & 1 || m.header.type & 1);
	check_latency(data, size);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The wall between the two programs: what passes it, what does not, and whose descriptors these are. */
#include "media/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static union media_message make(enum media_type type, size_t size)
{
	union media_message m = { 0 };

	media_header_init(&m.header, type, size);
	return m;
}

static union media_message make_configure(void)
{
	union media_message m = make(MEDIA_CONFIGURE, sizeof(m.configure));

	m.configure.format.mode = (struct media_mode){ 1920, 1080, 30 };
	m.configure.format.level_idc = 40;
	m.configure.format.slices = 1;
	m.configure.rate_bps = 8000000;
	return m;
}

static union media_message make_caps(void)
{
	union media_message m = make(MEDIA_CAPS, sizeof(m.caps));

	strcpy(m.caps.encoder, "x264");
	m.caps.profiles = 1u << MEDIA_PROFILE_CBP;
	m.caps.max_level_idc = 42;
	m.caps.max_width = 4096;
	m.caps.max_height = 2304;
	return m;
}

static void test_sizes_and_versions(void **state)
{
	union media_message m = make_configure();

	(void)state;
	assert_int_equal(media_command_check(&m, sizeof(m.configure)), 0);
	assert_int_equal(media_command_check(&m, sizeof(m.configure) - 1), -EBADMSG);
	assert_int_equal(media_command_check(&m, 0), -EBADMSG);
	assert_int_equal(media_command_check(&m, 7), -EBADMSG);
	m.header.size++;
	assert_int_equal(media_command_check(&m, sizeof(m.configure) + 1), -EBADMSG);
	m = make_configure();
	m.header.version++;
	assert_int_equal(media_command_check(&m, sizeof(m.configure)), -EPROTONOSUPPORT);
	m = make((enum media_type)0, sizeof(m.header));
	assert_int_equal(media_command_check(&m, sizeof(m.header)), -EBADMSG);
	m = make((enum media_type)999, sizeof(m.header));
	assert_int_equal(media_fact_check(&m, sizeof(m.header)), -EBADMSG);
}

static void test_configure_beyond_its_limits(void **state)
{
	union media_message m = make_configure();

	(void)state;
	m.configure.still_hz = MEDIA_STILL_HZ_MAX;
	m.configure.intra_refresh = 1;
	assert_int_equal(media_command_check(&m, sizeof(m.configure)), 0);
	m.configure.still_hz++;
	assert_int_equal(media_command_check(&m, sizeof(m.configure)), -EBADMSG);
	m = make_configure();
	m.configure.intra_refresh = 2;
	assert_int_equal(media_command_check(&m, sizeof(m.configure)), -EBADMSG);
	m = make_configure();
	m.configure.reserved = 1;
	assert_int_equal(media_command_check(&m, sizeof(m.configure)), -EBADMSG);
}

static void test_commands_are_no_facts(void **state)
{
	union media_message m = make_configure();

	(void)state;
	assert_int_equal(media_fact_check(&m, sizeof(m.configure)), -EBADMSG);
	m = make(MEDIA_HEARTBEAT, sizeof(m.heartbeat));
	assert_int_equal(media_fact_check(&m, sizeof(m.heartbeat)), 0);
	assert_int_equal(media_command_check(&m, sizeof(m.heartbeat)), -EBADMSG);
}

static void test_configure(void **state)
{
	union media_message m;

	(void)state;
#define REFUSED(field, value)                                                            \
	do {                                                                             \
		m = make_configure();                                                    \
		m.configure.field = value;                                               \
		assert_int_equal(media_command_check(&m, sizeof(m.configure)), -EBADMSG); \
	} while (0)
	REFUSED(format.mode.width, 0);
	REFUSED(format.mode.width, 1921);
	REFUSED(format.mode.height, 8194);
	REFUSED(format.mode.refresh_hz, 0);
	REFUSED(format.mode.refresh_hz, 241);
	REFUSED(format.profile, (enum media_profile)2);
	REFUSED(format.audio, (enum media_audio_codec)3);
	REFUSED(format.slices, 0);
	REFUSED(format.slices, MEDIA_SLICES_MAX + 1);
	REFUSED(rate_bps, 0);
	REFUSED(encoder, 3);
#undef REFUSED
}

static void test_facts(void **state)
{
	union media_message m = make_caps();

	(void)state;
	assert_int_equal(media_fact_check(&m, sizeof(m.caps)), 0);
	memset(m.caps.encoder, 'x', sizeof(m.caps.encoder));
	assert_int_equal(media_fact_check(&m, sizeof(m.caps)), -EBADMSG);
	m = make_caps();
	m.caps.profiles = 4;
	assert_int_equal(media_fact_check(&m, sizeof(m.caps)), -EBADMSG);

	m = make(MEDIA_ERROR, sizeof(m.error));
	m.error.error = -EIO;
	assert_int_equal(media_fact_check(&m, sizeof(m.error)), 0);
	m.error.error = 0;
	assert_int_equal(media_fact_check(&m, sizeof(m.error)), -EBADMSG);
	m.error.error = INT32_MIN;
	assert_int_equal(media_fact_check(&m, sizeof(m.error)), -EBADMSG);
	m.error.error = -EIO;
	m.error.stage = MEDIA_STAGE_INPUT_END + 1;
	assert_int_equal(media_fact_check(&m, sizeof(m.error)), -EBADMSG);
	m.error.stage = MEDIA_STAGE_ENCODE;
	memset(m.error.text, 'x', sizeof(m.error.text));
	assert_int_equal(media_fact_check(&m, sizeof(m.error)), -EBADMSG);

	m = make(MEDIA_CHUNK, sizeof(m.chunk));
	m.chunk.kind = MEDIA_CHUNK_DROPPED + 1;
	assert_int_equal(media_fact_check(&m, sizeof(m.chunk)), -EBADMSG);
	m = make(MEDIA_DEMOTED, sizeof(m.demoted));
	memset(m.demoted.to, 'x', sizeof(m.demoted.to));
	assert_int_equal(media_fact_check(&m, sizeof(m.demoted)), -EBADMSG);
}

/* Whatever the bytes are, the gate answers; the sanitizers watch. */
static void test_random_bytes(void **state)
{
	union media_message m;
	uint32_t x = 1;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		for (size_t at = 0; at < sizeof(m); at++) {
			x = x * 1664525u + 1013904223u;
			m.bytes[at] = (uint8_t)(x >> 24);
		}
		m.header.type = (uint16_t)(i % 80);
		m.header.version = MEDIA_PROTOCOL_VERSION;
		m.header.size = x % (sizeof(m) + 1);
		(void)media_fact_check(&m, m.header.size);
		(void)media_command_check(&m, m.header.size);
	}
}

static unsigned int count_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_descriptor_travels(void **state)
{
	union media_message m = make(MEDIA_START, sizeof(m.start)), got;
	int sockets[2], fd, null = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	assert_int_equal(media_receive(sockets[1], &got, &fd), -EAGAIN);
	assert_int_equal(media_send(sockets[0], &m.header, null), 0);
	assert_int_equal(media_receive(sockets[1], &got, &fd), sizeof(m.start));
	assert_true(fd >= 0 && fd != null);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(media_command_check(&got, sizeof(m.start)), 0);
	close(fd);
	assert_int_equal(media_send(sockets[0], &m.header, -1), 0);
	assert_int_equal(media_receive(sockets[1], &got, &fd), sizeof(m.start));
	assert_int_equal(fd, -1);
	close(sockets[0]);
	assert_int_equal(media_receive(sockets[1], &got, &fd), 0);
	assert_int_equal(media_send(sockets[1], &m.header, -1), -EPIPE);
	close(sockets[1]);
	close(null);
}

static void send_raw(int socket, size_t size, unsigned int fds)
{
	uint8_t bytes[1024] = { 0 };
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fds * sizeof(int)); /* each is fd 0 */
	}
	assert_int_equal(sendmsg(socket, &msg, 0), size);
}

static void test_no_descriptor_leaks(void **state)
{
	union media_message got;
	int sockets[2], fd = -1;
	unsigned int before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	before = count_fds();
	send_raw(sockets[0], 64, 3);
	assert_int_equal(media_receive(sockets[1], &got, &fd), 64);
	close(fd);
	assert_int_equal(count_fds(), before);
	send_raw(sockets[0], 64, 16);
	assert_int_equal(media_receive(sockets[1], &got, &fd), 64);
	close(fd);
	assert_int_equal(count_fds(), before);
	send_raw(sockets[0], 513, 2); /* too long: refused, its descriptors gone */
	assert_int_equal(media_receive(sockets[1], &got, &fd), -EBADMSG);
	assert_int_equal(count_fds(), before);
	close(sockets[0]);
	close(sockets[1]);
}

static void test_send_never_blocks(void **state)
{
	union media_message m = make(MEDIA_HEARTBEAT, sizeof(m.heartbeat));
	int sockets[2], r = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	for (unsigned int i = 0; i < 100000 && r == 0; i++)
		r = media_send(sockets[0], &m.header, -1);
	assert_int_equal(r, -EAGAIN);
	close(sockets[0]);
	close(sockets[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_and_versions),
		cmocka_unit_test(test_configure_beyond_its_limits),
		cmocka_unit_test(test_commands_are_no_facts),
		cmocka_unit_test(test_configure),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_descriptor_travels),
		cmocka_unit_test(test_no_descriptor_leaks),
		cmocka_unit_test(test_send_never_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

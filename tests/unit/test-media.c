// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The real miracast-media, as the daemon sees it: born with its descriptors, streaming the pattern
 * into a UDP socket, killed, and continued by a successor. The program's path comes in the
 * environment variable MIRACAST_MEDIA.
 */
#include "media/protocol.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SEQUENCES 65536

struct daemon {
	pid_t pid;
	int control;
	int state_fd;
	struct stream_state *state;
	int receiver, sender; /* UDP, connected to each other */

	unsigned int facts[128]; /* by type */
	struct media_caps caps;
	struct media_first_frame first_frame;
	struct media_error error;

	unsigned int seen[SEQUENCES]; /* datagrams by sequence number */
	unsigned int datagrams;
	int first_sequence, last_sequence; /* -1: none yet */
	unsigned int gaps, lost;
	uint32_t ssrc;
	bool discontinuity; /* of the first video packet since the last reset */
	bool idr_first;
	unsigned int pids;
};

static void open_sockets(struct daemon *d)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(here);
	int room = 8 << 20;

	d->receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(d->receiver, (struct sockaddr *)&here, sizeof(here)), 0);
	(void)setsockopt(d->receiver, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	assert_int_equal(getsockname(d->receiver, (struct sockaddr *)&here, &size), 0);
	d->sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(d->sender, (struct sockaddr *)&here, sizeof(here)), 0);
}

static void daemon_init(struct daemon *d)
{
	memset(d, 0, sizeof(*d));
	d->control = -1;
	d->first_sequence = d->last_sequence = -1;
	d->state_fd = memfd_create("state", MFD_CLOEXEC);
	assert_int_equal(ftruncate(d->state_fd, sizeof(*d->state)), 0);
	d->state = mmap(NULL, sizeof(*d->state), PROT_READ | PROT_WRITE, MAP_SHARED, d->state_fd, 0);
	assert_ptr_not_equal(d->state, MAP_FAILED);
	open_sockets(d);
}

static void exec_media(int control, int state_fd, int input_fd, int dump_fd)
{
	const char *program = getenv("MIRACAST_MEDIA");
	const int from[] = { control, state_fd, input_fd, dump_fd };
	int copies[4];

	for (int i = 0; i < 4; i++)
		copies[i] = fcntl(from[i] >= 0 ? from[i] : open("/dev/null", O_RDWR), F_DUPFD, 20);
	for (int i = 0; i < 4; i++)
		(void)dup2(copies[i], MEDIA_FD_CONTROL + i);
	execl(program, program, (char *)NULL);
	_exit(127);
}

static void spawn(struct daemon *d, int input_fd, int dump_fd)
{
	int sockets[2];

	assert_non_null(getenv("MIRACAST_MEDIA"));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	d->control = sockets[0];
	memset(d->facts, 0, sizeof(d->facts));
	d->pid = fork();
	if (d->pid == 0)
		exec_media(sockets[1], d->state_fd, input_fd, dump_fd);
	close(sockets[1]);
}

static void command(struct daemon *d, struct media_header *m, enum media_type type, size_t size,
		    int fd)
{
	media_header_init(m, type, size);
	assert_int_equal(media_send(d->control, m, fd), 0);
}

static void configure(struct daemon *d, uint16_t width, uint16_t height, uint16_t hz)
{
	struct media_configure c = { .format.mode = { width, height, hz },
				     .format.level_idc = 40,
				     .format.slices = 1,
				     .rate_bps = 4000000 };

	command(d, &c.header, MEDIA_CONFIGURE, sizeof(c), -1);
}

static void set_source(struct daemon *d, enum media_source source)
{
	struct media_set_source s = { .source = source };

	(void)snprintf(s.text, sizeof(s.text), "waiting for the desktop");
	command(d, &s.header, MEDIA_SET_SOURCE, sizeof(s), -1);
}

static void start(struct daemon *d)
{
	struct media_start s = { 0 };

	command(d, &s.header, MEDIA_START, sizeof(s), d->sender);
}

static void command_bare(struct daemon *d, enum media_type type)
{
	struct media_header h;

	command(d, &h, type, sizeof(h), -1);
}

static void on_fact(struct daemon *d, const union media_message *m, size_t size)
{
	assert_int_equal(media_fact_check(m, size), 0);
	d->facts[m->header.type]++;
	if (m->header.type == MEDIA_CAPS)
		d->caps = m->caps;
	if (m->header.type == MEDIA_FIRST_FRAME)
		d->first_frame = m->first_frame;
	if (m->header.type == MEDIA_ERROR)
		d->error = m->error;
}

/* An access unit that begins here and carries its own SPS. */
static bool has_sps(const uint8_t *p)
{
	for (int i = 4; i + 3 < 188; i++)
		if (p[i] == 0 && p[i + 1] == 0 && p[i + 2] == 1 && (p[i + 3] & 0x1f) == 7)
			return p[1] & 0x40;
	return false;
}

static void on_ts(struct daemon *d, const uint8_t *p)
{
	unsigned int pid = (p[1] & 0x1fu) << 8 | p[2];

	assert_int_equal(p[0], 0x47);
	if (pid == 0x1011 && !(d->pids & 1)) {
		d->discontinuity = p[3] & 0x20 && p[4] > 0 && p[5] & 0x80;
		d->idr_first = has_sps(p);
	}
	d->pids |= pid == 0x1011 ? 1 : pid == 0 ? 2 : pid == 0x100 ? 4 : pid == 0x1000 ? 8 : 0;
}

static void on_datagram(struct daemon *d, const uint8_t *p, size_t size)
{
	unsigned int sequence = (unsigned int)p[2] << 8 | p[3];

	assert_true(size > 12 && (size - 12) % 188 == 0);
	assert_int_equal(p[0], 0x80);
	assert_int_equal(p[1] & 0x7f, 33);
	d->seen[sequence]++;
	d->datagrams++;
	if (d->first_sequence < 0)
		d->first_sequence = (int)sequence;
	else if (sequence != (unsigned int)(d->last_sequence + 1) % SEQUENCES) {
		d->gaps++;
		d->lost += (sequence - (unsigned int)d->last_sequence - 1) % SEQUENCES;
	}
	d->last_sequence = (int)sequence;
	d->ssrc = (uint32_t)p[8] << 24 | (uint32_t)p[9] << 16 | (uint32_t)p[10] << 8 | p[11];
	for (size_t at = 12; at < size; at += 188)
		on_ts(d, p + at);
}

/* What both sockets have to say. False at the control socket's end. */
static bool listen_once(struct daemon *d, int timeout_ms)
{
	struct pollfd p[2] = { { .fd = d->control, .events = POLLIN },
			       { .fd = d->receiver, .events = POLLIN } };
	union media_message m;
	uint8_t datagram[2048];
	ssize_t n;
	int r, fd;

	(void)poll(p, 2, timeout_ms);
	while ((n = recv(d->receiver, datagram, sizeof(datagram), 0)) > 0)
		on_datagram(d, datagram, (size_t)n);
	while ((r = media_receive(d->control, &m, &fd)) > 0)
		on_fact(d, &m, (size_t)r);
	return r == -EAGAIN;
}

static bool listen_for(struct daemon *d, int ms)
{
	uint64_t end = clock_now_ns() + (uint64_t)ms * NSEC_PER_MSEC;
	bool open = true;

	while (open && clock_now_ns() < end)
		open = listen_once(d, 10);
	return open;
}

static bool listen_until(struct daemon *d, enum media_type type, int ms)
{
	uint64_t end = clock_now_ns() + (uint64_t)ms * NSEC_PER_MSEC;

	while (d->facts[type] == 0 && clock_now_ns() < end)
		if (!listen_once(d, 10))
			break;
	return d->facts[type] > 0;
}

static int wait_for_end(struct daemon *d)
{
	int status;

	while (listen_once(d, 10))
		;
	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	(void)listen_once(d, 0);
	close(d->control);
	d->control = -1;
	d->pid = 0;
	return status;
}

static void daemon_done(struct daemon *d)
{
	if (d->pid) {
		(void)kill(d->pid, SIGKILL);
		(void)wait_for_end(d);
	}
	(void)munmap(d->state, sizeof(*d->state));
	close(d->state_fd);
	close(d->receiver);
	close(d->sender);
}

static struct daemon the_daemon; /* large */

static void begin(struct daemon *d, enum media_source source)
{
	assert_true(listen_until(d, MEDIA_CAPS, 5000));
	configure(d, 640, 480, 30);
	set_source(d, source);
	start(d);
}

static void test_pattern_streams(void **state)
{
	struct daemon *d = &the_daemon;

	(void)state;
	daemon_init(d);
	spawn(d, -1, -1);
	begin(d, MEDIA_SOURCE_PATTERN);
	assert_string_equal(d->caps.encoder, "x264");
	assert_true(d->caps.max_pixel_rate > 0);
	assert_true(listen_until(d, MEDIA_FIRST_FRAME, 2000));
	assert_int_equal(d->first_frame.own_picture, 0);
	assert_true(listen_for(d, 1500));
	assert_true(d->facts[MEDIA_HEARTBEAT] >= 2);
	assert_in_range(d->facts[MEDIA_CHUNK], 60, 200);
	assert_int_equal(d->facts[MEDIA_FIRST_FRAME], 1);
	assert_in_range(d->facts[MEDIA_RATE], 1, 3);
	assert_int_equal(d->gaps, 0);
	assert_true(d->datagrams > 40);
	assert_int_equal(d->pids, 15);
	assert_true(d->idr_first);
	assert_false(d->discontinuity);
	assert_int_equal(d->ssrc, d->state->ssrc);
	assert_int_equal(d->state->generation, 1);

	command_bare(d, MEDIA_PAUSE);
	assert_true(listen_for(d, 100));
	d->datagrams = 0;
	assert_true(listen_for(d, 400));
	assert_int_equal(d->datagrams, 0);
	d->facts[MEDIA_FIRST_FRAME] = 0;
	start(d);
	assert_true(listen_until(d, MEDIA_FIRST_FRAME, 2000));
	assert_true(listen_for(d, 300));
	assert_true(d->datagrams > 0);
	assert_int_equal(d->gaps, 0);
	assert_int_equal(d->facts[MEDIA_FIRST_FRAME], 1);

	command_bare(d, MEDIA_QUIT);
	assert_int_equal(wait_for_end(d), 0);
	assert_int_equal(d->state->datagrams, (unsigned int)(d->last_sequence - d->first_sequence +
							     SEQUENCES) % SEQUENCES + 1);
	daemon_done(d);
}

static void test_successor_goes_on(void **state)
{
	struct daemon *d = &the_daemon;
	uint32_t ssrc;

	(void)state;
	daemon_init(d);
	spawn(d, -1, -1);
	begin(d, MEDIA_SOURCE_PATTERN);
	assert_true(listen_until(d, MEDIA_FIRST_FRAME, 2000));
	assert_true(listen_for(d, 500));
	ssrc = d->ssrc;
	(void)kill(d->pid, SIGKILL);
	(void)wait_for_end(d);

	d->pids = 0;
	spawn(d, -1, -1);
	begin(d, MEDIA_SOURCE_PATTERN);
	assert_true(listen_until(d, MEDIA_FIRST_FRAME, 2000));
	assert_true(listen_for(d, 500));
	assert_int_equal(d->state->generation, 2);
	assert_int_equal(d->ssrc, ssrc);
	assert_true(d->discontinuity);
	assert_true(d->idr_first);
	assert_true(d->gaps <= 1);
	assert_true(d->lost <= STREAM_BATCH_MAX);
	for (unsigned int i = 0; i < SEQUENCES; i++)
		assert_true(d->seen[i] <= 1);
	daemon_done(d);
}

static void test_own_picture_without_a_desktop(void **state)
{
	struct daemon *d = &the_daemon;

	(void)state;
	daemon_init(d);
	spawn(d, -1, -1);
	begin(d, MEDIA_SOURCE_DEVICE);
	assert_true(listen_until(d, MEDIA_FIRST_FRAME, 2000));
	assert_int_equal(d->first_frame.own_picture, 1);
	assert_true(listen_for(d, 700));
	assert_in_range(d->state->frames_encoded, 2, 3); /* itself and its repetitions */
	assert_int_equal(d->state->frames_captured, 0);
	close(d->control); /* the daemon is gone */
	d->control = -1;
	for (int status = -1; status != 0;)
		assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
	daemon_done(d);
}

static void test_garbage_ends_it(void **state)
{
	struct daemon *d = &the_daemon;
	struct media_header h;
	int status;

	(void)state;
	daemon_init(d);
	spawn(d, -1, -1);
	assert_true(listen_until(d, MEDIA_CAPS, 5000));
	command(d, &h, MEDIA_HEARTBEAT, sizeof(h), -1);
	status = wait_for_end(d);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	daemon_done(d);
}

static void test_start_before_configure(void **state)
{
	struct daemon *d = &the_daemon;
	int status;

	(void)state;
	daemon_init(d);
	spawn(d, -1, -1);
	assert_true(listen_until(d, MEDIA_CAPS, 5000));
	start(d);
	status = wait_for_end(d);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_int_equal(d->facts[MEDIA_ERROR], 1);
	assert_int_equal(d->error.stage, MEDIA_STAGE_START);
	assert_int_equal(d->error.error, -EPROTO);
	daemon_done(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern_streams),
		cmocka_unit_test(test_successor_goes_on),
		cmocka_unit_test(test_own_picture_without_a_desktop),
		cmocka_unit_test(test_garbage_ends_it),
		cmocka_unit_test(test_start_before_configure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

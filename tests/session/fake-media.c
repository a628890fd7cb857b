// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the place of miracast-media, for the tests of what surrounds it: speaks the protocol, encodes
 * nothing and misbehaves as FAKE_MEDIA says: "hang" (no sign of life, no reaction after START),
 * "fail" (ERROR after START), "fail-deaf" (ERROR instead of reading any command), "die" (at once),
 * "mute" (no CAPS), "babble" (a malformed fact).
 */
#include "media/protocol.h"
#include "util/cleanup.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static void send_fact(struct media_header *m, enum media_type type, size_t size)
{
	media_header_init(m, type, size);
	(void)media_send(MEDIA_FD_CONTROL, m, -1);
}

static void send_caps(void)
{
	struct media_caps caps = {
		.encoder = "x264",
		.profiles = 1u << MEDIA_PROFILE_CBP,
		.max_level_idc = 42,
		.max_width = 1920,
		.max_height = 1200,
		.max_pixel_rate = 1920 * 1080 * 60,
	};

	send_fact(&caps.header, MEDIA_CAPS, sizeof(caps));
}

static void fail(void)
{
	struct media_error error = { .stage = MEDIA_STAGE_ENCODE, .error = -5,
				     .text = "the encoder is broken" };

	send_fact(&error.header, MEDIA_ERROR, sizeof(error));
	_exit(1);
}

static void on_start(const char *fault)
{
	struct media_first_frame first = { .own_picture = 1 };

	if (strcmp(fault, "hang") == 0)
		for (;;)
			(void)pause();
	if (strcmp(fault, "fail") == 0)
		fail();
	send_fact(&first.header, MEDIA_FIRST_FRAME, sizeof(first));
}

static bool on_command(const char *fault)
{
	union media_message m;
	int fd = -1;
	int size = media_receive(MEDIA_FD_CONTROL, &m, &fd);

	close_fd(fd);
	if (size <= 0 || media_command_check(&m, (size_t)size) < 0 || m.header.type == MEDIA_QUIT)
		return false;
	if (m.header.type == MEDIA_START)
		on_start(fault);
	return true;
}

int main(void)
{
	const char *fault = getenv("FAKE_MEDIA") ?: "";
	struct pollfd p = { .fd = MEDIA_FD_CONTROL, .events = POLLIN };
	struct media_heartbeat beat = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGTERM, SIG_IGN);
	if (strcmp(fault, "die") == 0)
		return 1;
	if (strcmp(fault, "babble") == 0)
		(void)send(MEDIA_FD_CONTROL, "what?", 5, MSG_NOSIGNAL);
	if (strcmp(fault, "mute") != 0)
		send_caps();
	for (;;) {
		int r = poll(&p, 1, MEDIA_HEARTBEAT_MS / 5);

		if (r > 0 && strcmp(fault, "fail-deaf") == 0)
			fail();
		if (r > 0 && !on_command(fault))
			return 0;
		if (r == 0)
			send_fact(&beat.header, MEDIA_HEARTBEAT, sizeof(beat));
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uapi-layout: structures have one layout for every program, and their calls reach the module.
 *
 * Built for 64 and, where the compiler can, for 32 bits; run by the case "module/uapi". Uses no
 * library, so that the 32-bit one links without any.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "display.h"

#define LAYOUT(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#define PLACE(type, member, bytes) _Static_assert(offsetof(struct type, member) == (bytes), #member)

LAYOUT(miracast_mode, 24);
LAYOUT(miracast_rect, 16);
LAYOUT(miracast_info, 64);
LAYOUT(miracast_plug, 32);
LAYOUT(miracast_stream, 8);
LAYOUT(miracast_event, 48);
PLACE(miracast_event, mode, 16);
LAYOUT(miracast_alloc, 16);
LAYOUT(miracast_queue, 56);
PLACE(miracast_queue, fd, 24);
LAYOUT(miracast_done, 72);
PLACE(miracast_done, damage, 40);
LAYOUT(miracast_grab, 104);
PLACE(miracast_grab, fd, 72);
LAYOUT(miracast_release, 16);
LAYOUT(miracast_state, 72);
PLACE(miracast_state, sequence, 32);

static int fail(const char *what)
{
	printf("# uapi-layout, %zu bits: ", 8 * sizeof(void *));
	fflush(stdout);
	perror(what);
	return 1;
}

int main(void)
{
	struct miracast_stream stream = { 0 };
	struct miracast_alloc alloc = { .size = 4096 };
	struct miracast_queue queue = { .pitch = 64, .width = 16, .height = 16,
					.format = 0x34325258 /* XR24 */ };
	struct miracast_state state;
	struct miracast_info info;
	struct miracast_plug plug;
	uint8_t edid[128];
	int control = open("/dev/miracast", O_RDWR);

	display_make_edid(edid, "Layout", 1);
	plug = display_plug(edid);
	if (control < 0 || ioctl(control, MIRACAST_IOC_GET_INFO, &info) < 0)
		return fail("GET_INFO");
	if (ioctl(control, MIRACAST_IOC_PLUG, &plug) < 0)
		return fail("PLUG");
	if (ioctl(control, MIRACAST_IOC_STREAM, &stream) < 0)
		return fail("STREAM");
	if (ioctl(stream.fd, MIRACAST_IOC_ALLOC, &alloc) < 0)
		return fail("ALLOC");
	queue.fd = alloc.fd;
	if (ioctl(stream.fd, MIRACAST_IOC_QUEUE, &queue) < 0)
		return fail("QUEUE");
	if (ioctl(stream.fd, MIRACAST_IOC_GET_STATE, &state) < 0)
		return fail("GET_STATE");
	if (info.max_queued != 8 || state.queued != 1 || state.flags != MIRACAST_STATE_PLUGGED)
		return fail("values");
	return 0;
}

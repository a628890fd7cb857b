// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The module over a suspend of the machine's devices: the display goes off and comes back, with its
 * picture, and readers never notice but by the events.
 *
 * Runs in the guest before it has mounted anything (see the case "module/suspend"): the folders it
 * gets from the host do not survive a suspend. So it uses nothing but its own initrd.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <drm_fourcc.h>

#include "desktop.h"
#include "display.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			printf("# line %d: %s (%s)\n", __LINE__, #x, strerror(errno));             \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

static int flip(struct desktop *desktop, struct buffer *buffer, uint32_t frame)
{
	buffer_fill(buffer, frame);
	CHECK(desktop_flip(desktop, buffer, NULL) == 0);
	desktop_wait_flip(desktop);
	return 0;
}

/* Off and on again: records tell that something happened, and what is the case now. */
static int expect_events(int control)
{
	struct miracast_event events[3];

	CHECK(read(control, events, sizeof(events)) == 2 * sizeof(events[0]));
	CHECK(events[0].type == MIRACAST_EVENT_MODE && events[0].mode.hdisplay == 640);
	CHECK(events[1].type == MIRACAST_EVENT_POWER && events[1].active == 1);
	return 0;
}

int main(void)
{
	struct miracast_queue queue = { .pitch = 2560, .width = 640, .height = 480,
					.format = DRM_FORMAT_XRGB8888 };
	struct miracast_alloc alloc = { .size = 640 * 480 * 4 };
	struct miracast_stream stream = {};
	struct miracast_release release = {};
	struct miracast_grab grab = {};
	struct miracast_event event;
	struct miracast_state state;
	struct miracast_done done;
	struct miracast_info info;
	struct miracast_plug plug;
	struct desktop desktop;
	struct buffer buffers[2];
	drmModeConnector *connector;
	uint8_t edid[128];
	int control = open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	setvbuf(stdout, NULL, _IOLBF, 0);
	display_make_edid(edid, "Sleeper", 1);
	plug = display_plug(edid);
	CHECK(control >= 0 && ioctl(control, MIRACAST_IOC_GET_INFO, &info) == 0);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	CHECK(ioctl(control, MIRACAST_IOC_STREAM, &stream) == 0);
	CHECK(ioctl(stream.fd, MIRACAST_IOC_ALLOC, &alloc) == 0);
	desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
	connector = desktop_probe(&desktop);
	for (int i = 0; i < 2; i++) {
		buffer_create(&buffers[i], desktop.fd, 640, 480);
		CHECK(buffer_add(&buffers[i], &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	}
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &buffers[0]) == 0);
	CHECK(flip(&desktop, &buffers[1], 1) == 0);
	while (read(control, &event, sizeof(event)) > 0)
		;

	/* What readers hold while the machine sleeps: a grab, and a buffer that waits. */
	CHECK(ioctl(stream.fd, MIRACAST_IOC_GRAB, &grab) == 0);
	queue.fd = alloc.fd;
	queue.after_seq = grab.sequence;
	CHECK(ioctl(stream.fd, MIRACAST_IOC_QUEUE, &queue) == 0);
	/* And a mode that was taken from the list while it was shown. */
	plug.modes += sizeof(display_modes[0]);
	plug.mode_count--;
	plug.preferred--;
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	CHECK(put("/sys/power/pm_test", "devices"));
	CHECK(put("/sys/power/state", "freeze"));
	printf("ok 1 devices slept and woke up with a grab and a buffer out\n");

	CHECK(expect_events(control) == 0);
	CHECK(ioctl(stream.fd, MIRACAST_IOC_GET_STATE, &state) == 0);
	CHECK(state.flags == (MIRACAST_STATE_PLUGGED | MIRACAST_STATE_ACTIVE));
	CHECK(state.sequence > grab.sequence);
	release.sequence = grab.sequence;
	CHECK(ioctl(stream.fd, MIRACAST_IOC_RELEASE, &release) == 0);
	CHECK(release.result == MIRACAST_RELEASE_OVERRUN);
	CHECK(poll(&(struct pollfd){ .fd = stream.fd, .events = POLLIN }, 1, 20000) == 1);
	CHECK(ioctl(stream.fd, MIRACAST_IOC_DEQUEUE, &done) == 0);
	CHECK(done.status == 0 && done.sequence > grab.sequence);
	printf("ok 2 the picture came back as a new frame\n");

	drmModeFreeConnector(connector);
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_CONNECTED);
	CHECK(flip(&desktop, &buffers[0], 2) == 0 && flip(&desktop, &buffers[1], 3) == 0);
	printf("ok 3 flips go on\n");
	return 0;
}

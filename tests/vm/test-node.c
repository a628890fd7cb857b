// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control descriptor of the node, and what the desktop sees of it: claims, plugs, modes, power.
 * Runs as root in the guest of the case "module/uapi", with the module loaded and nobody else there.
 *
 * Asserts order and content, never how long something takes: the guest is emulated.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <drm_fourcc.h>

#include "desktop.h"
#include "display.h"
#include "suite.h"

static int control = -1;
static struct miracast_info info;
static struct desktop desktop;
static struct buffer front, back;
static uint8_t edid[128];

static bool show(struct buffer *buffer, uint32_t frame)
{
	buffer_fill(buffer, frame);
	CHECK(desktop_flip(&desktop, buffer, NULL) == 0);
	desktop_wait_flip(&desktop);
	return true;
}

static bool next_event(uint32_t type, struct miracast_event *event)
{
	CHECK(wait_for(control, POLLIN) & POLLIN);
	CHECK(read(control, event, sizeof(*event)) == sizeof(*event));
	CHECK(event->type == type && event->length == sizeof(*event) && event->time_ns);
	return true;
}

/* ---- plug ---- */

static bool test_claim(void)
{
	control = open("/dev/miracast", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	CHECK(control >= 0);
	CHECK(ioctl(control, MIRACAST_IOC_GET_INFO, &info) == 0);
	CHECK(info.uapi_major == MIRACAST_UAPI_MAJOR && info.head_count == 4);
	CHECK(info.connector_id && info.crtc_id && info.max_modes == 128);
	return true;
}

static bool test_nothing_before_plug(void)
{
	drmVBlank wait = { .request = { .type = DRM_VBLANK_RELATIVE } };
	drmModeConnector *connector;
	uint64_t sequence, time;
	char record[2];

	desktop_open(&desktop, info.card_minor, info.connector_id, info.crtc_id);
	connector = desktop_probe(&desktop);
	CHECK(connector->connector_type == DRM_MODE_CONNECTOR_VIRTUAL);
	CHECK(connector->connection == DRM_MODE_DISCONNECTED && connector->count_modes == 0);
	drmModeFreeConnector(connector);
	CHECK(desktop_value(&desktop, info.connector_id, "EDID") == 0);
	CHECK(desktop_value(&desktop, info.connector_id, "non-desktop") == 0);
	CHECK_FAILS(read(control, record, sizeof(record)), EINVAL);
	CHECK(drmWaitVBlank(desktop.fd, &wait) != 0);
	CHECK(drmCrtcGetSequence(desktop.fd, info.crtc_id, &sequence, &time) != 0);
	return true;
}

static bool same_mode(const struct miracast_mode *a, const drmModeModeInfo *b)
{
	return a->clock == b->clock && a->hdisplay == b->hdisplay &&
	       a->hsync_start == b->hsync_start && a->hsync_end == b->hsync_end &&
	       a->htotal == b->htotal && a->vdisplay == b->vdisplay &&
	       a->vsync_start == b->vsync_start && a->vsync_end == b->vsync_end &&
	       a->vtotal == b->vtotal && a->flags == b->flags;
}

static bool test_plug(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModePropertyBlobRes *blob;
	drmModeConnector *connector;

	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_CONNECTED);
	CHECK(connector->count_modes == DISPLAY_MODES);
	for (int i = 0; i < DISPLAY_MODES; i++) {
		bool preferred = connector->modes[i].type & DRM_MODE_TYPE_PREFERRED;

		CHECK(same_mode(&display_modes[i], &connector->modes[i]));
		CHECK(preferred == (i == DISPLAY_PREFERRED));
	}
	blob = drmModeGetPropertyBlob(desktop.fd,
				      desktop_value(&desktop, info.connector_id, "EDID"));
	CHECK(blob && blob->length == 128 && !memcmp(blob->data, edid, 128));
	drmModeFreePropertyBlob(blob);
	drmModeFreeConnector(connector);
	return true;
}

static bool test_mode_set(void)
{
	drmModeConnector *connector = desktop_probe(&desktop);
	drmModeModeInfo strange = connector->modes[0];
	struct miracast_event event;

	buffer_create(&front, desktop.fd, 640, 480);
	buffer_create(&back, desktop.fd, 640, 480);
	CHECK(front.pitch % 256 == 0);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_XRGB8888, 1) == -EINVAL);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_RGB565, 0) == -EINVAL);
	CHECK(buffer_add(&front, &desktop, DRM_FORMAT_XRGB8888, 0) == 0);
	CHECK(buffer_add(&back, &desktop, DRM_FORMAT_ARGB8888, 0) == 0);

	buffer_fill(&front, 1);
	strange.clock += 100;
	CHECK(desktop_set_mode(&desktop, &strange, &front) == -EINVAL);
	strange.clock = 2000000000;
	CHECK(desktop_set_mode(&desktop, &strange, &front) == -EINVAL);
	CHECK(desktop_set_mode(&desktop, &connector->modes[0], &front) == 0);

	CHECK(next_event(MIRACAST_EVENT_MODE, &event));
	CHECK(event.active == 1 && same_mode(&event.mode, &connector->modes[0]));
	CHECK(next_event(MIRACAST_EVENT_POWER, &event) && event.active == 1);
	CHECK_FAILS(read(control, &event, sizeof(event)), EAGAIN);
	drmModeFreeConnector(connector);
	return true;
}

/* ---- time ---- */

static bool test_vblank(void)
{
	uint64_t sequence[2], time[2];

	for (int i = 0; i < 2; i++) {
		drmVBlank wait = { .request = { .type = DRM_VBLANK_RELATIVE, .sequence = 1 } };

		wait.request.type |= info.head << DRM_VBLANK_HIGH_CRTC_SHIFT;
		CHECK(drmWaitVBlank(desktop.fd, &wait) == 0);
		CHECK(drmCrtcGetSequence(desktop.fd, info.crtc_id, &sequence[i], &time[i]) == 0);
	}
	CHECK(sequence[1] > sequence[0] && time[1] > time[0]);
	/* 800 * 525 pixels at 25175 kHz: the times lie on a grid. */
	CHECK(llabs((int64_t)(time[1] - time[0]) -
		    (int64_t)((sequence[1] - sequence[0]) * 16683217)) < 1000);
	return true;
}

static bool test_flips(void)
{
	uint32_t sequence = 0;
	uint64_t us = 0;

	for (uint32_t i = 0; i < 10; i++) {
		CHECK(show(i % 2 ? &front : &back, 2 + i));
		CHECK(desktop.flip_sequence > sequence && desktop.flip_us > us);
		sequence = desktop.flip_sequence;
		us = desktop.flip_us;
	}
	return true;
}

/* How often a process has gone to sleep; -1 when it is not asleep. */
static long sleeps_of(pid_t pid)
{
	char path[32], line[128], state = 0;
	long sleeps = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps);
	}
	if (file)
		fclose(file);
	return state == 'S' ? sleeps : -1;
}

static bool fall_asleep(int fd, pid_t *ret_pid, long *ret_sleeps)
{
	*ret_pid = fork();
	if (*ret_pid == 0) {
		poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
		_exit(0);
	}
	for (int i = 0; i < 1000; i++) {
		usleep(20000);
		*ret_sleeps = sleeps_of(*ret_pid);
		if (*ret_sleeps >= 0)
			return true;
	}
	return false;
}

/* Flips are no news to who waits for an event or for a copy: a busy desktop wakes nobody. */
static bool test_wakes(void)
{
	int fds[2] = { control, make_stream(control) };
	long before[2], after[2];
	pid_t pids[2];

	for (int i = 0; i < 2; i++)
		CHECK(fall_asleep(fds[i], &pids[i], &before[i]));
	for (uint32_t i = 0; i < 30; i++)
		CHECK(show(i % 2 ? &front : &back, 12 + i));
	for (int i = 0; i < 2; i++) {
		after[i] = sleeps_of(pids[i]);
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	printf("# 30 flips woke the control descriptor's waiter %ld times, the stream's %ld times\n",
	       after[0] - before[0], after[1] - before[1]);
	close(fds[1]);
	CHECK(after[0] >= before[0] && after[0] - before[0] < 5);
	CHECK(after[1] >= before[1] && after[1] - before[1] < 5);
	return true;
}

static bool test_heads(void)
{
	struct miracast_info other;
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = open("/dev/miracast", O_RDWR | O_CLOEXEC);
		CHECK(fds[i] >= 0);
		CHECK(ioctl(fds[i], MIRACAST_IOC_GET_INFO, &other) == 0);
		CHECK(other.head == (unsigned int)i + 1 && other.crtc_id != info.crtc_id);
	}
	CHECK_FAILS(open("/dev/miracast", O_RDWR | O_CLOEXEC), EBUSY);
	close(fds[1]);
	fds[1] = open("/dev/miracast", O_RDWR | O_CLOEXEC);
	CHECK(fds[1] >= 0);
	CHECK(ioctl(fds[1], MIRACAST_IOC_GET_INFO, &other) == 0 && other.head == 2);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	return true;
}

/* ---- bad arguments ---- */

static bool plug_refused(struct miracast_plug plug, int error)
{
	CHECK_FAILS(ioctl(control, MIRACAST_IOC_PLUG, &plug), error);
	return true;
}

static bool test_bad_plugs(void)
{
	struct miracast_mode modes[129], saved;
	struct miracast_plug good = display_plug(edid), bad;
	uint8_t broken[256];

	memset(broken, 0, sizeof(broken));
	memcpy(broken, edid, 128);
	broken[20] ^= 1;
#define REFUSED(change, error)                                                                     \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		CHECK(plug_refused(bad, error));                                                   \
	} while (0)
	REFUSED(bad.flags = 1, EINVAL);
	REFUSED(bad.mode_count = 0, EINVAL);
	REFUSED(bad.mode_count = 129; bad.modes = (uintptr_t)modes, EINVAL);
	REFUSED(bad.preferred = DISPLAY_MODES, EINVAL);
	REFUSED(bad.edid_size = 0, EINVAL);
	REFUSED(bad.edid_size = 100, EINVAL);
	REFUSED(bad.edid_size = 1 << 30, EINVAL);
	REFUSED(bad.edid = 8, EFAULT);
	REFUSED(bad.modes = 8, EFAULT);
	REFUSED(bad.edid = (uintptr_t)broken, EINVAL);
	broken[20] ^= 1;
	broken[126] = 1;
	broken[127]--;
	REFUSED(bad.edid = (uintptr_t)broken, EINVAL);

	memcpy(modes, display_modes, sizeof(display_modes));
	good.modes = (uintptr_t)modes;
	saved = modes[2];
#define MODE_REFUSED(change)                                                                       \
	do {                                                                                       \
		modes[2] = saved;                                                                  \
		change;                                                                            \
		CHECK(plug_refused(good, EINVAL));                                                 \
	} while (0)
	MODE_REFUSED(modes[2] = modes[0]);
	MODE_REFUSED(modes[2].clock = 0);
	MODE_REFUSED(modes[2].clock = UINT32_MAX);
	MODE_REFUSED(modes[2].clock = 20000);
	MODE_REFUSED(modes[2].htotal = 0);
	MODE_REFUSED(modes[2].vtotal = 0);
	MODE_REFUSED(modes[2].hsync_end = modes[2].hsync_start - 1);
	MODE_REFUSED(modes[2].hdisplay = 5000; modes[2].hsync_start = modes[2].hsync_end =
						       modes[2].htotal = 5000);
	MODE_REFUSED(modes[2].flags |= DRM_MODE_FLAG_INTERLACE);
	MODE_REFUSED(modes[2].flags |= 1u << 31);
	return true;
}

/* Structures of another age, and calls to the wrong descriptor. */
static bool test_sizes(void)
{
	struct {
		struct miracast_plug plug;
		uint64_t later;
	} longer = { .plug = display_plug(edid) };
	struct {
		struct miracast_info info;
		uint64_t later;
	} answer;
	unsigned int size = sizeof(struct miracast_plug);
	int stream = make_stream(control);

	CHECK(ioctl(control, _IOC(_IOC_WRITE, MIRACAST_IOC_TYPE, 1, size + 8), &longer) == 0);
	longer.later = 1;
	CHECK_FAILS(ioctl(control, _IOC(_IOC_WRITE, MIRACAST_IOC_TYPE, 1, size + 8), &longer),
		    E2BIG);
	CHECK_FAILS(ioctl(control, _IOC(_IOC_WRITE, MIRACAST_IOC_TYPE, 1, size - 8), &longer),
		    EINVAL);
	CHECK_FAILS(ioctl(control, _IOC(_IOC_READ, MIRACAST_IOC_TYPE, 1, size), &longer), ENOTTY);
	CHECK_FAILS(ioctl(control, _IO(MIRACAST_IOC_TYPE, 0x7f)), ENOTTY);
	CHECK_FAILS(ioctl(control, MIRACAST_IOC_ALLOC, &answer), ENOTTY);
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GET_INFO, &answer), ENOTTY);
	CHECK_FAILS(ioctl(control, MIRACAST_IOC_GET_INFO, NULL), EFAULT);

	memset(&answer, 0xff, sizeof(answer));
	CHECK(ioctl(control, _IOC(_IOC_READ, MIRACAST_IOC_TYPE, 0, sizeof(answer)), &answer) == 0);
	CHECK(answer.later == 0 && answer.info.crtc_id == info.crtc_id);
	close(stream);
	return true;
}

/* ---- changes while plugged ---- */

static bool test_power(void)
{
	int stream = make_stream(control);
	struct miracast_event event;
	struct miracast_grab grab = {};
	struct miracast_state state;

	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	close(grab.fd);
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK(next_event(MIRACAST_EVENT_POWER, &event));
	CHECK(event.active == 0 && event.mode.hdisplay == 640);
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &state) == 0);
	CHECK(state.sequence == 0 && state.flags == MIRACAST_STATE_PLUGGED);
	CHECK(desktop_switch(&desktop, true) == 0);
	CHECK(next_event(MIRACAST_EVENT_POWER, &event) && event.active == 1);
	CHECK(ioctl(stream, MIRACAST_IOC_GET_STATE, &state) == 0 && state.sequence);
	close(stream);
	return true;
}

static bool test_swap(void)
{
	struct miracast_plug plug = display_plug(edid);
	drmModeConnector *connector;
	drmModeModeInfo old = desktop.mode;
	uint8_t other[128];

	display_make_edid(other, "Another", 2);
	plug.edid = (uintptr_t)other;
	plug.modes = (uintptr_t)&display_modes[1];
	plug.mode_count = 1;
	plug.preferred = 0;
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_CONNECTED && connector->count_modes == 1);
	CHECK(same_mode(&display_modes[1], &connector->modes[0]));
	drmModeFreeConnector(connector);

	/* Flips go on in the mode that is gone; setting it anew does not. */
	CHECK(show(&front, 50));
	CHECK(show(&back, 51));
	CHECK(desktop_switch(&desktop, false) == 0);
	CHECK(desktop_switch(&desktop, true) == 0);
	CHECK(show(&front, 52));
	CHECK(desktop_off(&desktop) == 0);
	CHECK(desktop_set_mode(&desktop, &old, &front) == -EINVAL);
	plug = display_plug(edid);
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	CHECK(desktop_set_mode(&desktop, &old, &front) == 0);
	return true;
}

/* ---- the end ---- */

static int open_uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	return fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static bool uevent_has(const char *text, ssize_t size, const char *line)
{
	for (const char *p = text; p < text + size; p += strlen(p) + 1)
		if (!strcmp(p, line))
			return true;
	return false;
}

static bool next_hotplug(int uevents)
{
	char text[4096], line[64];
	ssize_t size;

	snprintf(line, sizeof(line), "CONNECTOR=%u", info.connector_id);
	for (;;) {
		CHECK(wait_for(uevents, POLLIN) & POLLIN);
		size = recv(uevents, text, sizeof(text) - 1, 0);
		CHECK(size > 0);
		text[size] = 0;
		if (uevent_has(text, size, "HOTPLUG=1") && uevent_has(text, size, line))
			return true;
	}
}

static bool test_unplug(void)
{
	struct miracast_plug plug = display_plug(edid);
	int uevents = open_uevents(), stream = make_stream(control);
	struct miracast_event event;
	struct miracast_grab grab = {};
	drmModeConnector *connector;

	CHECK(uevents >= 0);
	while (read(control, &event, sizeof(event)) > 0)
		;
	CHECK(ioctl(control, MIRACAST_IOC_UNPLUG) == 0);
	CHECK(next_hotplug(uevents));
	CHECK_FAILS(ioctl(stream, MIRACAST_IOC_GRAB, &grab), ENODEV);
	/* Bare X leaves the CRTC on. Who plugs again is told what is shown. */
	CHECK(show(&back, 80));
	CHECK(ioctl(control, MIRACAST_IOC_PLUG, &plug) == 0);
	CHECK(next_hotplug(uevents));
	CHECK(next_event(MIRACAST_EVENT_MODE, &event));
	CHECK(event.active && event.mode.vdisplay == 480);
	CHECK(next_event(MIRACAST_EVENT_POWER, &event) && event.active);
	CHECK(ioctl(stream, MIRACAST_IOC_GRAB, &grab) == 0);
	close(grab.fd);

	/* The daemon dies: the stream is revoked and the display is gone. */
	close(control);
	CHECK(next_hotplug(uevents));
	CHECK(wait_for(stream, POLLIN) & POLLHUP);
	connector = desktop_probe(&desktop);
	CHECK(connector->connection == DRM_MODE_DISCONNECTED && connector->count_modes == 0);
	drmModeFreeConnector(connector);
	CHECK(desktop_value(&desktop, info.connector_id, "EDID") == 0);
	CHECK(show(&front, 81));
	CHECK(desktop_off(&desktop) == 0);
	close(stream);
	close(uevents);
	return true;
}

static bool test_pins_module(void)
{
	CHECK(system("rmmod miracast 2>/dev/null") != 0);
	control = open("/dev/miracast", O_RDWR | O_CLOEXEC);
	CHECK(control >= 0);
	desktop_close(&desktop);
	CHECK(system("rmmod miracast 2>/dev/null") != 0);
	close(control);
	return true;
}

static const struct test tests[] = {
	{ "an open claims a head and is told which", test_claim },
	{ "nothing is connected before a plug", test_nothing_before_plug },
	{ "a plug shows exactly the listed modes, in order, and the EDID", test_plug },
	{ "only a listed mode can be set, and the control descriptor is told", test_mode_set },
	{ "vertical blanks lie on a grid", test_vblank },
	{ "flip events have growing numbers and times", test_flips },
	{ "a busy desktop wakes nobody who waits for something else", test_wakes },
	{ "each open has a head of its own, until there is none", test_heads },
	{ "bad plugs are refused", test_bad_plugs },
	{ "structures may grow", test_sizes },
	{ "power goes off and on", test_power },
	{ "EDID and modes are swapped while plugged", test_swap },
	{ "unplug and the daemon's death are seen by the desktop", test_unplug },
	{ "an open descriptor keeps the module", test_pins_module },
};

int main(void)
{
	display_make_edid(edid, "Test display", 1);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "display/head.h"

#include "display/edid.h"
#include "uapi/miracast.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <systemd/sd-event.h>

struct head {
	void (*on_message)(void *userdata, const struct session_kernel_message *message);
	void *userdata;
	int fd;
	sd_event_source *source;
	struct miracast_info info;
};

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata);

int head_open(struct sd_event *event, const char *node,
	      void (*on_message)(void *userdata, const struct session_kernel_message *message),
	      void *userdata, struct head **ret)
{
	_cleanup_(head_freep) struct head *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->on_message = on_message;
	h->userdata = userdata;
	h->fd = open(node ?: HEAD_DEFAULT_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (h->fd < 0)
		return -errno;
	if (ioctl(h->fd, MIRACAST_IOC_GET_INFO, &h->info) < 0)
		return -errno;
	if (h->info.uapi_major != MIRACAST_UAPI_MAJOR)
		return -EPROTONOSUPPORT;
	r = sd_event_add_io(event, &h->source, h->fd, EPOLLIN, on_readable, h);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(h);
	return 0;
}

static struct miracast_mode mode_to_kernel(const struct media_mode *mode)
{
	struct timing t;

	timing_from_mode(mode, &t);
	return (struct miracast_mode){
		.clock = t.clock_khz,
		.hdisplay = t.hdisplay,
		.hsync_start = t.hsync_start,
		.hsync_end = t.hsync_end,
		.htotal = t.htotal,
		.vdisplay = t.vdisplay,
		.vsync_start = t.vsync_start,
		.vsync_end = t.vsync_end,
		.vtotal = t.vtotal,
		.flags = MIRACAST_MODE_PHSYNC | MIRACAST_MODE_NVSYNC,
	};
}

static struct media_mode mode_from_kernel(const struct miracast_mode *m)
{
	uint64_t dots = (uint64_t)m->htotal * m->vtotal;
	uint64_t hz = dots ? ((uint64_t)m->clock * 1000 + dots / 2) / dots : 0;

	return (struct media_mode){ m->hdisplay, m->vdisplay, (uint16_t)hz };
}

static bool is_within_limits(const struct head *h, const struct miracast_mode *m)
{
	return m->hdisplay <= h->info.max_width && m->vdisplay <= h->info.max_height &&
	       m->clock <= h->info.max_clock;
}

int head_plug(struct head *h, const uint8_t *edid, size_t edid_size,
	      const struct media_mode *modes, size_t n_modes, size_t preferred)
{
	struct miracast_mode list[HEAD_MODES_MAX], first;
	struct miracast_plug plug = { 0 };

	for (size_t i = 0; i < n_modes && plug.mode_count < HEAD_MODES_MAX; i++) {
		struct miracast_mode m = mode_to_kernel(&modes[i]);

		if (!is_within_limits(h, &m) || plug.mode_count == h->info.max_modes)
			continue;
		if (i == preferred)
			plug.preferred = plug.mode_count;
		list[plug.mode_count++] = m;
	}
	if (plug.mode_count == 0 || edid_size > h->info.max_edid_size)
		return -EINVAL;
	/* First in the list as well: KWin looks at nothing else. */
	first = list[plug.preferred];
	memmove(list + 1, list, plug.preferred * sizeof(first));
	list[0] = first;
	plug.preferred = 0;
	plug.edid = (uintptr_t)edid;
	plug.edid_size = (uint32_t)edid_size;
	plug.modes = (uintptr_t)list;
	return ioctl(h->fd, MIRACAST_IOC_PLUG, &plug) < 0 ? -errno : 0;
}

void head_unplug(struct head *h)
{
	(void)ioctl(h->fd, MIRACAST_IOC_UNPLUG);
}

int head_open_stream(struct head *h)
{
	struct miracast_stream stream = { 0 };

	return ioctl(h->fd, MIRACAST_IOC_STREAM, &stream) < 0 ? -errno : stream.fd;
}

void head_revoke_stream(struct head *h)
{
	(void)ioctl(h->fd, MIRACAST_IOC_REVOKE);
}

static void tell_gone(struct head *h)
{
	static const struct session_kernel_message gone = { .type = SESSION_KERNEL_GONE };

	h->source = sd_event_source_disable_unref(h->source);
	h->on_message(h->userdata, &gone);
}

/* One record a turn, since the owner may free us in the call; the loop comes back for the rest. */
static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct head *h = userdata;
	struct miracast_event record;
	struct session_kernel_message message;
	ssize_t n;

	(void)source;
	n = read(fd, &record, sizeof(record));
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !(revents & (EPOLLHUP | EPOLLERR)))
		return 0;
	if (n < (ssize_t)sizeof(record)) {
		tell_gone(h);
		return 0;
	}
	message.mode = mode_from_kernel(&record.mode);
	message.active = record.active;
	switch (record.type) {
	case MIRACAST_EVENT_MODE:
		message.type = SESSION_KERNEL_MODE;
		break;
	case MIRACAST_EVENT_POWER:
		message.type = SESSION_KERNEL_POWER;
		break;
	default: /* a later minor's; additive, so not for us */
		return 0;
	}
	h->on_message(h->userdata, &message);
	return 0;
}

struct head *head_free(struct head *h)
{
	if (!h)
		return NULL;
	sd_event_source_disable_unref(h->source);
	close_fd(h->fd);
	free(h);
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One head of the kernel module: claim, plug, the compositor's messages, the stream fd. The only
 * file of the daemon that knows the control side of include/uapi/miracast.h.
 */
#ifndef MIRACAST_DISPLAY_HEAD_H
#define MIRACAST_DISPLAY_HEAD_H

#include "miracast/session.h"
#include "util/cleanup.h"

#define HEAD_DEFAULT_NODE "/dev/miracast"
#define HEAD_MODES_MAX	  128

struct sd_event;
struct head;

/*
 * Claims a free head. on_message is called from the loop with each message of the compositor; the
 * head may be freed inside it. -ENOENT: no module; -EACCES; -EBUSY: no head is free;
 * -EPROTONOSUPPORT: the module speaks another major version.
 */
int head_open(struct sd_event *event, const char *node,
	      void (*on_message)(void *userdata, const struct session_kernel_message *message),
	      void *userdata, struct head **ret);

/*
 * Plug a display, or swap identity and modes of the one that is plugged. modes[preferred] is the
 * preferred one; modes beyond the module's limits are left out. -EINVAL: the EDID is malformed, or
 * no mode is left.
 */
int head_plug(struct head *h, const uint8_t *edid, size_t edid_size,
	      const struct media_mode *modes, size_t n_modes, size_t preferred);

/* The monitor behind the sink is gone; the head stays ours. */
void head_unplug(struct head *h);

/* A new stream fd, the caller's; revokes the one before. -errno. */
int head_open_stream(struct head *h);
void head_revoke_stream(struct head *h);

/* Unplugs at once. Accepts NULL, returns NULL. */
struct head *head_free(struct head *h);
DEFINE_CLEANUP(struct head *, head_free)

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the module share: a device with its heads, and on each head the path of a
 * picture: framebuffer, frame, job. Each file's section below lists what it offers to the others.
 *
 * Locks, outermost first:
 *
 *  miracast_device.lock	heads: claimed
 *  miracast_head.reader_lock	who is the head's stream: made, revoked, closed
 *  miracast_head.plug_lock	display. Taken in atomic checks, never on the way to a fence
 *  drm_device.event_lock	DRM's own: sending of flip events
 *  miracast_head.lock		all else of a head. Taken by the vblank timer: interrupts off
 *
 * The way from a commit to its fences (commit tail, engine, vblank timer) takes only the last two
 * and allocates nothing.
 */
#ifndef MIRACAST_DRV_H
#define MIRACAST_DRV_H

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_edid.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_probe_helper.h>
#include <drm/drm_vblank.h>
#include <drm/drm_writeback.h>

#include <uapi/miracast.h>

/* Where kernels differ: written by probe.sh. */
#include "probes.h"

struct miracast_reader;

#define MIRACAST_MAX_HEADS	 8
#define MIRACAST_MAX_WIDTH	 4096
#define MIRACAST_MAX_HEIGHT	 2304
#define MIRACAST_MAX_CLOCK	 600000 /* kHz: that of HDMI 2.0 */
#define MIRACAST_MIN_REFRESH	 23900 /* mHz: 24/1.001, rounded down */
#define MIRACAST_MAX_REFRESH	 120500 /* mHz */
#define MIRACAST_MAX_MODES	 128
#define MIRACAST_MAX_EDID_SIZE	 (256 * 128)
#define MIRACAST_MAX_QUEUED	 8
#define MIRACAST_MAX_ALLOC	 (64u << 20) /* bytes a buffer */
#define MIRACAST_MAX_ALLOC_HEAD	 (256u << 20) /* bytes, times the number of heads, altogether */
#define MIRACAST_MAX_FB		 16384 /* pixels: room for a desktop that spans several heads */
#define MIRACAST_DAMAGE_HISTORY	 32 /* frames */

/* A framebuffer that can be read by the CPU from a place where nothing may be allocated. */
struct miracast_framebuffer {
	struct drm_framebuffer base;
	u64 id;
	struct mutex lock; /* making of the mapping, which then stays as long as the framebuffer */
	bool mapped;
	struct iosys_map map[DRM_FORMAT_MAX_PLANES];
};

/* A picture that a head shows or showed. Owns no reference: see miracast_crtc.c. */
struct miracast_frame {
	struct drm_framebuffer *fb; /* NULL: black */
	u32 x, y; /* the picture's place in fb, in pixels */
	struct miracast_done is; /* all that is told of it */
};

/*
 * One picture to be read. With a stream: its copy. Without: one of KMS's own, a writeback, or the
 * check sum where there is nothing to write to.
 */
struct miracast_job {
	struct list_head link; /* in miracast_head.jobs, then in miracast_reader.done */
	struct miracast_reader *reader;
	struct miracast_frame frame; /* of a copy: chosen when it runs */
	struct miracast_queue to; /* its fd is not used */
	struct iosys_map dst;
	struct dma_buf *buf; /* of a copy: holds dst */
};

/* What is plugged into a connector: immutable, swapped as a whole. */
struct miracast_display {
	const struct drm_edid *edid;
	unsigned int count;
	struct drm_display_mode modes[];
};

struct miracast_head {
	struct miracast_device *device;
	unsigned int index;
	bool claimed; /* under miracast_device.lock */

	struct drm_plane primary;
	struct drm_crtc crtc;
	struct drm_encoder encoder;
	struct drm_connector connector;
	struct drm_writeback_connector writeback;

	struct mutex reader_lock; /* making and revoking of reader */
	struct mutex plug_lock; /* display */
	/* NULL: nothing plugged. Written under lock as well, so either is enough to read it */
	struct miracast_display *display;

	/* vblank: times lie on a grid, so they need no running timer */
	struct hrtimer vblank_timer;
	bool vblank_ticking; /* the timer may arm itself again */
	ktime_t vblank_epoch; /* the grid, fixed while the CRTC is on */
	u32 vblank_period; /* ns */

	spinlock_t lock; /* all that follows */
	wait_queue_head_t wait; /* inside: the end of a read, a flip event sent */
	wait_queue_head_t control_wait, stream_wait; /* outside: who polls a descriptor */

	/* what the control descriptor is told */
	bool active;
	struct miracast_mode mode;
	u32 events; /* bits: 1 << MIRACAST_EVENT_* */
	u64 event_time[MIRACAST_EVENT_POWER + 1];

	/* what is shown */
	bool showing; /* frame is valid */
	struct miracast_frame frame;
	u64 seq; /* of the last frame ever */
	u64 base_seq; /* first frame that later ones can be compared with */
	struct drm_rect damage[MIRACAST_DAMAGE_HISTORY]; /* of frame seq, at seq % size */

	/* the flip whose event was not sent yet */
	struct drm_pending_vblank_event *flip_event;
	struct drm_framebuffer *flip_retired; /* the buffer that the event gives back */
	u64 flip_vblank;
	unsigned int flip_held;
	u64 held, overruns;

	/* readers */
	struct miracast_reader *reader;
	struct list_head jobs; /* struct miracast_job, in order */
	struct miracast_job crc_job; /* in jobs, running, or neither */
	bool crc_wanted;
	struct work_struct own_work, copy_work;
	struct miracast_job *own_running, *copy_running;
	struct drm_framebuffer *grab_fb; /* NULL: the grab holds no flip (any more) */
	u64 grab_seq; /* 0: nothing is grabbed */
	bool grab_overrun;
};

struct miracast_device {
	struct drm_device drm;
	struct miscdevice node;
	struct mutex lock; /* claiming of heads */
	atomic64_t fb_id; /* last one given */
	atomic64_t allocated; /* bytes of buffers that streams allocated */
	unsigned int head_count;
	struct miracast_head *heads;
};

/* Both say the same of a mode, and by the same names. */
#define miracast_mode_copy(to, from)                                                               \
	do {                                                                                       \
		(to)->clock = (from)->clock;                                                       \
		(to)->hdisplay = (from)->hdisplay;                                                 \
		(to)->hsync_start = (from)->hsync_start;                                           \
		(to)->hsync_end = (from)->hsync_end;                                               \
		(to)->htotal = (from)->htotal;                                                     \
		(to)->vdisplay = (from)->vdisplay;                                                 \
		(to)->vsync_start = (from)->vsync_start;                                           \
		(to)->vsync_end = (from)->vsync_end;                                               \
		(to)->vtotal = (from)->vtotal;                                                     \
		(to)->flags = (from)->flags;                                                       \
	} while (0)

#define to_miracast_device(dev)	       container_of(dev, struct miracast_device, drm)
#define to_miracast_framebuffer(fb) container_of(fb, struct miracast_framebuffer, base)

/* miracast_drv.c */
extern struct workqueue_struct *miracast_engine;
int miracast_framebuffer_map(struct drm_framebuffer *fb);
struct iosys_map miracast_framebuffer_at(struct drm_framebuffer *fb, u32 x, u32 y);
bool miracast_framebuffer_imported(const struct drm_framebuffer *fb);

/* miracast_connector.c */
int miracast_connector_init(struct miracast_head *head);
enum drm_mode_status miracast_mode_valid(struct drm_device *drm,
					 const struct drm_display_mode *mode);
bool miracast_connector_offers(struct miracast_head *head, const struct drm_display_mode *mode);
struct miracast_display *miracast_display_create(struct drm_device *drm,
						 const struct miracast_plug *plug, const u8 *edid,
						 const struct miracast_mode *modes);
void miracast_connector_plug(struct miracast_head *head, struct miracast_display *display);

/* miracast_crtc.c */
int miracast_crtc_init(struct miracast_head *head);
void miracast_head_tell(struct miracast_head *head, u32 event);
void miracast_grab_overrun(struct miracast_head *head);
struct miracast_rect miracast_damage_since(const struct miracast_head *head, u64 seq);

/* miracast_writeback.c */
int miracast_writeback_init(struct miracast_head *head);
bool miracast_writeback_wanted(struct miracast_head *head, struct drm_atomic_state *state);
void miracast_writeback_commit(struct miracast_head *head, struct drm_atomic_state *state);
void miracast_engine_tick(struct miracast_head *head, u64 vblank);
void miracast_engine_kick(struct miracast_head *head);
bool miracast_engine_reads(const struct miracast_head *head, const struct drm_framebuffer *fb);
bool miracast_engine_idle(const struct miracast_head *head);

/* miracast_node.c */
struct miracast_call {
	unsigned int cmd; /* as of its first version */
	int (*run)(void *object, void *argument);
};

int miracast_node_register(struct miracast_device *device);
long miracast_call(const struct miracast_call *call, void *object, unsigned int cmd,
		   void __user *user);

/* miracast_stream.c */
int miracast_stream_create(void *object, void *argument);
int miracast_stream_revoke(void *object, void *argument);
void miracast_reader_job_done(struct miracast_job *job);
bool miracast_reader_wants(const struct miracast_job *job, u64 seq);

#endif

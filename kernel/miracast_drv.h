/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the module share: a device with its heads, and on each head the path of a
 * picture: framebuffer, frame, job. Each file's section below lists what it offers to the others.
 *
 * Locks, outermost first:
 *
 *  miracast_device.lock	heads: claimed
 *  miracast_head.reader_lock	who is the head's stream: made, revoked, closed
 *  miracast_head.plug_lock	plug. Taken in atomic checks, never on the way to a fence
 *  drm_device.event_lock	DRM's own: sending of flip events
 *  miracast_head.lock		all else of a head. Taken by the vblank timer: interrupts off
 *
 * The way from a commit to its fences (commit tail, engine, vblank timer) takes only the last two
 * and allocates nothing.
 */
#ifndef MIRACAST_DRV_H
#define MIRACAST_DRV_H

#include <linux/hrtimer.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_connector.h>
#include <drm/drm_crtc.h>
#include <drm/drm_device.h>
#include <drm/drm_encoder.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_plane.h>
#include <drm/drm_rect.h>
#include <drm/drm_writeback.h>

#include <uapi/miracast.h>

#include "compat.h"

struct dma_buf;
struct drm_edid;
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
	int map_error;
	struct iosys_map map[DRM_FORMAT_MAX_PLANES];
	struct iosys_map data[DRM_FORMAT_MAX_PLANES];
};

/* A picture that a head shows or showed. Owns no reference: see miracast_crtc.c. */
struct miracast_frame {
	struct drm_framebuffer *fb; /* NULL: black */
	u32 x; /* the picture's place in fb, in pixels */
	u32 y;
	u32 width;
	u32 height;
	u64 seq;
	u64 vblank;
	ktime_t ready;
	ktime_t flip;
};

/* One picture to be written to one place. A job without a stream is KMS's own writeback. */
struct miracast_job {
	struct list_head link; /* in miracast_head.jobs, then in miracast_reader.done */
	struct miracast_reader *reader;
	struct miracast_frame frame; /* writeback: from the commit on; else chosen when it runs */
	struct iosys_map dst;
	u32 dst_pitch;
	u32 dst_width;
	u32 dst_height;
	u64 after_seq;
	u64 dst_seq;
	struct dma_buf *buf; /* of a stream's job: holds dst */
	struct miracast_done done;
};

/* What is plugged into a connector: immutable, swapped as a whole. */
struct miracast_display {
	const struct drm_edid *edid;
	unsigned int preferred;
	unsigned int count;
	struct miracast_mode modes[];
};

struct miracast_plane {
	struct drm_plane base;
	struct miracast_head *head;
};

struct miracast_head {
	struct miracast_device *device;
	unsigned int index;
	bool claimed; /* under miracast_device.lock */

	struct drm_plane *primary;
	struct drm_crtc crtc;
	struct drm_encoder encoder;
	struct drm_connector connector;
	struct drm_writeback_connector writeback;

	struct mutex plug_lock;
	struct miracast_display *display; /* NULL: nothing plugged */

	struct mutex reader_lock;

	/* vblank: times lie on a grid, so they need no running timer */
	struct hrtimer vblank_timer;
	spinlock_t vblank_timer_lock; /* vblank_ticking and the timer's re-arming */
	bool vblank_ticking;
	ktime_t vblank_epoch; /* the grid, fixed while the CRTC is on */
	u32 vblank_period; /* ns */

	spinlock_t lock; /* all that follows */
	wait_queue_head_t wait; /* events, and the end of a read */

	/* what the control descriptor is told */
	bool plugged;
	bool active;
	struct miracast_mode mode;
	u32 events; /* bits: 1 << MIRACAST_EVENT_* */
	ktime_t event_time[MIRACAST_EVENT_POWER + 1];

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
	u64 held;
	u64 overruns;

	/* readers */
	struct miracast_reader *reader;
	struct list_head jobs; /* struct miracast_job, in order */
	struct miracast_job *writeback_job; /* of the commit at hand, not yet in jobs */
	struct work_struct engine;
	struct work_struct foreign;
	struct miracast_job *engine_job; /* that runs now */
	struct miracast_job *foreign_job;
	struct drm_framebuffer *grab_fb; /* NULL: the grab holds no flip (any more) */
	u64 grab_seq; /* 0: nothing is grabbed */
	bool grab_overrun;
};

struct miracast_device {
	struct drm_device drm;
	struct miscdevice node;
	struct workqueue_struct *engine;
	struct mutex lock;
	atomic64_t fb_id; /* last one given */
	atomic64_t allocated; /* bytes of buffers that streams allocated */
	unsigned int head_count;
	struct miracast_head *heads;
};

static inline struct miracast_device *to_miracast_device(struct drm_device *drm)
{
	return container_of(drm, struct miracast_device, drm);
}

static inline struct miracast_framebuffer *to_miracast_framebuffer(struct drm_framebuffer *fb)
{
	return container_of(fb, struct miracast_framebuffer, base);
}

/* miracast_drv.c */
int miracast_framebuffer_map(struct drm_framebuffer *fb);
bool miracast_framebuffer_imported(const struct drm_framebuffer *fb);

/* miracast_connector.c */
int miracast_connector_init(struct miracast_head *head);
bool miracast_mode_in_limits(const struct drm_display_mode *mode);
bool miracast_connector_offers(struct miracast_head *head, const struct drm_display_mode *mode);
struct miracast_display *miracast_display_create(struct drm_device *drm, const u8 *edid,
						 size_t edid_size,
						 const struct miracast_mode *modes,
						 unsigned int count, unsigned int preferred);
void miracast_connector_plug(struct miracast_head *head, struct miracast_display *display);

/* miracast_crtc.c */
int miracast_crtc_init(struct miracast_head *head);
void miracast_head_tell(struct miracast_head *head, u32 event);
struct miracast_rect miracast_damage_since(const struct miracast_head *head, u64 seq);

/* miracast_writeback.c */
int miracast_writeback_init(struct miracast_head *head);
bool miracast_writeback_wanted(struct miracast_head *head, struct drm_atomic_state *state);
void miracast_engine_bind(struct miracast_head *head);
void miracast_engine_kick(struct miracast_head *head);
bool miracast_engine_reads(const struct miracast_head *head, const struct drm_framebuffer *fb);
bool miracast_engine_idle(struct miracast_head *head);
bool miracast_engine_copying(struct miracast_head *head);
void miracast_copy(const struct iosys_map *dst, u32 dst_pitch, const struct iosys_map *src,
		   u32 src_pitch, const struct miracast_rect *rect, bool uncached);

/* miracast_node.c */
int miracast_node_register(struct miracast_device *device);
void miracast_node_unregister(struct miracast_device *device);
void miracast_reader_job_done(struct miracast_job *job);
bool miracast_reader_wants(const struct miracast_job *job, u64 seq);
void miracast_reader_wake(struct miracast_head *head);

#endif

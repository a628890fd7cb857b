// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CRTC with its plane and its vertical blank: what is shown, since when, and when a buffer goes
 * back to the desktop.
 *
 * Knows frames. Does not know what readers do with them; it only asks whether they read.
 *
 * No reference is taken to a frame's buffer. While it is shown the plane's state holds it; when the
 * next frame retires it the old state does, until the flip event of that next frame (see
 * miracast_commit_tail()), and that event is held as long as the buffer is read. Switching off
 * waits for readers instead.
 */
#include <linux/dma-fence.h>
#include <linux/math64.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_damage_helper.h>
#include <drm/drm_gem_atomic_helper.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_vblank.h>

#include "miracast_drv.h"

static const u32 miracast_plane_formats[] = {
	DRM_FORMAT_XRGB8888,
	DRM_FORMAT_ARGB8888, /* some desktops take it if offered; its alpha has no meaning */
};

static const u64 miracast_plane_modifiers[] = {
	DRM_FORMAT_MOD_LINEAR,
	DRM_FORMAT_MOD_INVALID,
};

static struct miracast_head *crtc_to_head(struct drm_crtc *crtc)
{
	return container_of(crtc, struct miracast_head, crtc);
}

static struct miracast_head *plane_to_head(struct drm_plane *plane)
{
	return container_of(plane, struct miracast_plane, base)->head;
}

/* ---- what the control descriptor is told ---- */

void miracast_head_tell(struct miracast_head *head, u32 event)
{
	lockdep_assert_held(&head->lock);
	head->events |= 1u << event;
	head->event_time[event] = ktime_get();
	wake_up_all(&head->wait);
}

static void miracast_head_set_mode(struct miracast_head *head, const struct drm_display_mode *from)
{
	struct miracast_mode mode = {};

	if (from) {
		mode.clock = from->clock;
		mode.hdisplay = from->hdisplay;
		mode.hsync_start = from->hsync_start;
		mode.hsync_end = from->hsync_end;
		mode.htotal = from->htotal;
		mode.vdisplay = from->vdisplay;
		mode.vsync_start = from->vsync_start;
		mode.vsync_end = from->vsync_end;
		mode.vtotal = from->vtotal;
		mode.flags = from->flags;
	}
	if (!memcmp(&mode, &head->mode, sizeof(mode)))
		return;
	head->mode = mode;
	miracast_head_tell(head, MIRACAST_EVENT_MODE);
}

/* ---- frames ---- */

static void miracast_damage_add(struct drm_rect *to, const struct drm_rect *rect)
{
	if (!drm_rect_visible(rect))
		return;
	if (!drm_rect_visible(to)) {
		*to = *rect;
		return;
	}
	to->x1 = min(to->x1, rect->x1);
	to->y1 = min(to->y1, rect->y1);
	to->x2 = max(to->x2, rect->x2);
	to->y2 = max(to->y2, rect->y2);
}

/* What differs between frame @seq and the current one; all of it where nobody knows any more. */
struct miracast_rect miracast_damage_since(const struct miracast_head *head, u64 seq)
{
	const struct miracast_frame *frame = &head->frame;
	struct drm_rect damage = {};
	u64 s;

	lockdep_assert_held(&head->lock);
	if (seq < head->base_seq || seq > frame->seq ||
	    frame->seq - seq > MIRACAST_DAMAGE_HISTORY)
		return (struct miracast_rect){ 0, 0, frame->width, frame->height };
	for (s = seq + 1; s <= frame->seq; s++)
		miracast_damage_add(&damage, &head->damage[s % MIRACAST_DAMAGE_HISTORY]);
	return (struct miracast_rect){ damage.x1, damage.y1, damage.x2, damage.y2 };
}

static ktime_t miracast_vblank_before(const struct miracast_head *head, ktime_t now)
{
	u64 passed = ktime_to_ns(ktime_sub(now, head->vblank_epoch));
	u32 since;

	div_u64_rem(passed, head->vblank_period, &since);
	return ktime_sub_ns(now, since);
}

/* The vertical blank at which what is committed now is shown. Vblanks must be on. */
static void miracast_frame_set_time(struct miracast_head *head, struct miracast_frame *frame)
{
	u32 period = head->vblank_period;
	ktime_t last;
	u64 count = drm_crtc_vblank_count_and_time(&head->crtc, &last);
	s64 ahead;

	frame->ready = ktime_get();
	frame->flip = ktime_add_ns(miracast_vblank_before(head, frame->ready), period);
	/* The timer may be late, so the count may be that of an earlier one than the last. */
	ahead = ktime_to_ns(ktime_sub(frame->flip, last));
	frame->vblank = count + max_t(s64, 1, div_s64(ahead + period / 2, period));
}

/*
 * Take over what the commit put on the plane, if it did, as a new frame with @frame's times.
 * Returns the buffer that is no longer shown, if there is one.
 */
static struct drm_framebuffer *miracast_frame_latch(struct miracast_head *head,
						    struct drm_atomic_state *state,
						    struct miracast_frame frame)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, head->primary);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, head->primary);
	struct drm_framebuffer *retired = head->showing ? head->frame.fb : NULL;
	struct drm_rect damage = {};

	lockdep_assert_held(&head->lock);
	if (!new)
		return NULL;

	frame.width = head->mode.hdisplay;
	frame.height = head->mode.vdisplay;
	if (new->visible) {
		frame.fb = new->fb;
		frame.x = new->src.x1 >> 16;
		frame.y = new->src.y1 >> 16;
		if (!drm_atomic_helper_damage_merged(old, new, &damage) && retired == frame.fb)
			return NULL;
		drm_rect_translate(&damage, -frame.x, -frame.y);
	}
	if (!head->showing || head->frame.width != frame.width ||
	    head->frame.height != frame.height || head->frame.x != frame.x ||
	    head->frame.y != frame.y || !frame.fb || !head->frame.fb) {
		damage = DRM_RECT_INIT(0, 0, frame.width, frame.height);
		head->base_seq = head->seq + 1;
	}

	frame.seq = ++head->seq;
	head->damage[frame.seq % MIRACAST_DAMAGE_HISTORY] = damage;
	head->frame = frame;
	head->showing = true;
	return retired != frame.fb ? retired : NULL;
}

/* ---- flips ---- */

/*
 * Copies end by themselves; a grab ends when another process likes, so it holds for a while only.
 */
static bool miracast_flip_held(struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	if (!head->flip_retired)
		return false;
	if (miracast_engine_reads(head, head->flip_retired))
		goto hold;
	if (head->grab_fb != head->flip_retired)
		return false;
	if (head->flip_held < MIRACAST_GRAB_HOLD)
		goto hold;
	head->grab_fb = NULL;
	head->grab_overrun = true;
	head->overruns++;
	return false;

hold:
	head->flip_held++;
	head->held++;
	return true;
}

static void miracast_flip_finish(struct miracast_head *head, bool now)
{
	struct drm_pending_vblank_event *event = NULL;
	struct drm_crtc *crtc = &head->crtc;
	unsigned long flags;

	spin_lock_irqsave(&crtc->dev->event_lock, flags);
	spin_lock(&head->lock);
	if (head->flip_event &&
	    (now || (drm_crtc_vblank_count(crtc) >= head->flip_vblank &&
		     !miracast_flip_held(head)))) {
		event = head->flip_event;
		head->flip_event = NULL;
		head->flip_retired = NULL;
	}
	spin_unlock(&head->lock);
	if (event) {
		drm_crtc_send_vblank_event(crtc, event);
		drm_crtc_vblank_put(crtc);
	}
	spin_unlock_irqrestore(&crtc->dev->event_lock, flags);
}

/* ---- vertical blank ---- */

static enum hrtimer_restart miracast_vblank_tick(struct hrtimer *timer)
{
	struct miracast_head *head = container_of(timer, struct miracast_head, vblank_timer);
	enum hrtimer_restart restart = HRTIMER_NORESTART;
	bool cookie = dma_fence_begin_signalling();
	ktime_t next;

	drm_crtc_handle_vblank(&head->crtc);
	miracast_flip_finish(head, false);
	dma_fence_end_signalling(cookie);

	/* Vblanks may have been switched off and on again meanwhile: the timer is then armed. */
	spin_lock(&head->vblank_timer_lock);
	if (head->vblank_ticking && !hrtimer_is_queued(timer)) {
		next = ktime_add_ns(miracast_vblank_before(head, ktime_get()),
				    head->vblank_period);
		hrtimer_set_expires(timer, next);
		restart = HRTIMER_RESTART;
	}
	spin_unlock(&head->vblank_timer_lock);
	return restart;
}

static int miracast_crtc_enable_vblank(struct drm_crtc *crtc)
{
	struct miracast_head *head = crtc_to_head(crtc);
	unsigned long flags;
	ktime_t next;

	spin_lock_irqsave(&head->vblank_timer_lock, flags);
	head->vblank_ticking = true;
	next = ktime_add_ns(miracast_vblank_before(head, ktime_get()), head->vblank_period);
	hrtimer_start(&head->vblank_timer, next, HRTIMER_MODE_ABS_HARD);
	spin_unlock_irqrestore(&head->vblank_timer_lock, flags);
	return 0;
}

/* Called with locks that the tick takes, and from the tick: cannot wait for it. */
static void miracast_crtc_disable_vblank(struct drm_crtc *crtc)
{
	struct miracast_head *head = crtc_to_head(crtc);
	unsigned long flags;

	spin_lock_irqsave(&head->vblank_timer_lock, flags);
	head->vblank_ticking = false;
	hrtimer_try_to_cancel(&head->vblank_timer);
	spin_unlock_irqrestore(&head->vblank_timer_lock, flags);
}

static bool miracast_crtc_get_vblank_timestamp(struct drm_crtc *crtc, int *max_error,
					       ktime_t *vblank_time, bool in_vblank_irq)
{
	*vblank_time = miracast_vblank_before(crtc_to_head(crtc), ktime_get());
	return true;
}

/* ---- CRTC ---- */

static int miracast_crtc_atomic_check(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);

	/* A mode that is no longer listed may stay, but not be set or come on again. */
	if (!new->active || !(new->mode_changed || new->active_changed))
		return 0;
	if (!miracast_mode_in_limits(&new->mode) ||
	    !miracast_connector_offers(crtc_to_head(crtc), &new->mode))
		return -EINVAL;
	return 0;
}

static void miracast_crtc_atomic_enable(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct miracast_head *head = crtc_to_head(crtc);
	struct drm_crtc_state *old = drm_atomic_get_old_crtc_state(state, crtc);
	const struct drm_display_mode *mode = &crtc->state->mode;

	drm_calc_timestamping_constants(crtc, mode);
	head->vblank_period = crtc->dev->vblank[drm_crtc_index(crtc)].framedur_ns;
	head->vblank_epoch = ktime_get();
	drm_crtc_vblank_on(crtc);

	spin_lock_irq(&head->lock);
	head->active = true;
	miracast_head_set_mode(head, mode);
	if (!old->active)
		miracast_head_tell(head, MIRACAST_EVENT_POWER);
	spin_unlock_irq(&head->lock);
}

static void miracast_crtc_atomic_disable(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct miracast_head *head = crtc_to_head(crtc);
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);

	spin_lock_irq(&head->lock);
	head->showing = false;
	head->active = false;
	if (head->grab_fb) {
		head->grab_fb = NULL;
		head->grab_overrun = true;
		head->overruns++;
	}
	spin_unlock_irq(&head->lock);

	/* Readers of the last frame are copies: as long as one of these takes. */
	wait_event(head->wait, miracast_engine_idle(head));
	miracast_flip_finish(head, true);
	drm_crtc_vblank_off(crtc);
	hrtimer_cancel(&head->vblank_timer);

	spin_lock_irq(&head->lock);
	if (!new->enable)
		miracast_head_set_mode(head, NULL);
	if (!new->active)
		miracast_head_tell(head, MIRACAST_EVENT_POWER);
	spin_unlock_irq(&head->lock);
}

/* The moment at which a commit's picture is the head's. */
static void miracast_crtc_atomic_flush(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct miracast_head *head = crtc_to_head(crtc);
	struct drm_pending_vblank_event *event = crtc->state->event;
	struct drm_framebuffer *retired = NULL;
	bool active = crtc->state->active;
	struct miracast_frame frame = {};

	crtc->state->event = NULL;
	if (event && (!active || drm_crtc_vblank_get(crtc))) {
		spin_lock_irq(&crtc->dev->event_lock);
		drm_crtc_send_vblank_event(crtc, event);
		spin_unlock_irq(&crtc->dev->event_lock);
		event = NULL;
	}

	spin_lock_irq(&head->lock);
	if (active) {
		miracast_frame_set_time(head, &frame);
		retired = miracast_frame_latch(head, state, frame);
	}
	miracast_engine_bind(head);
	if (event) {
		head->flip_event = event;
		head->flip_retired = retired;
		head->flip_vblank = frame.vblank;
		head->flip_held = 0;
	}
	miracast_engine_kick(head);
	miracast_reader_wake(head);
	spin_unlock_irq(&head->lock);
}

static const struct drm_crtc_helper_funcs miracast_crtc_helper_funcs = {
	.atomic_check = miracast_crtc_atomic_check,
	.atomic_enable = miracast_crtc_atomic_enable,
	.atomic_disable = miracast_crtc_atomic_disable,
	.atomic_flush = miracast_crtc_atomic_flush,
};

static const struct drm_crtc_funcs miracast_crtc_funcs = {
	.reset = drm_atomic_helper_crtc_reset,
	.set_config = drm_atomic_helper_set_config,
	.page_flip = drm_atomic_helper_page_flip,
	.atomic_duplicate_state = drm_atomic_helper_crtc_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_crtc_destroy_state,
	.enable_vblank = miracast_crtc_enable_vblank,
	.disable_vblank = miracast_crtc_disable_vblank,
	.get_vblank_timestamp = miracast_crtc_get_vblank_timestamp,
};

/* ---- plane ---- */

static int miracast_plane_prepare_fb(struct drm_plane *plane, struct drm_plane_state *new)
{
	int ret;

	if (!new->fb)
		return 0;
	/*
	 * Own buffers are cheap to map and are read sooner or later. Those of a GPU are usually
	 * read by that GPU; who reads them by the CPU maps them then, but for a writeback that is
	 * too late.
	 */
	if (!miracast_framebuffer_imported(new->fb) ||
	    miracast_writeback_wanted(plane_to_head(plane), new->state)) {
		ret = miracast_framebuffer_map(new->fb);
		if (ret)
			return ret;
	}
	return drm_gem_plane_helper_prepare_fb(plane, new);
}

static int miracast_plane_atomic_check(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state;

	if (!new->crtc)
		return 0;
	crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);
	return drm_atomic_helper_check_plane_state(new, crtc_state, DRM_PLANE_NO_SCALING,
						   DRM_PLANE_NO_SCALING, false, false);
}

/* The CRTC's flush takes the plane's picture over, together with the rest of the commit. */
static void miracast_plane_atomic_update(struct drm_plane *plane, struct drm_atomic_state *state)
{
}

static const struct drm_plane_helper_funcs miracast_plane_helper_funcs = {
	.prepare_fb = miracast_plane_prepare_fb,
	.atomic_check = miracast_plane_atomic_check,
	.atomic_update = miracast_plane_atomic_update,
};

static const struct drm_plane_funcs miracast_plane_funcs = {
	.update_plane = drm_atomic_helper_update_plane,
	.disable_plane = drm_atomic_helper_disable_plane,
	.reset = drm_atomic_helper_plane_reset,
	.atomic_duplicate_state = drm_atomic_helper_plane_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_plane_destroy_state,
};

/*
 * One plane a head. Without a cursor plane every desktop draws the pointer into the picture, where
 * it has to be in the end.
 */
int miracast_crtc_init(struct miracast_head *head)
{
	struct drm_device *drm = &head->device->drm;
	struct miracast_plane *plane;
	int ret;

	/* The grid is divided by it, whoever asks for a time before the first mode set. */
	head->vblank_period = NSEC_PER_SEC / 60;
	hrtimer_setup(&head->vblank_timer, miracast_vblank_tick, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);

	plane = drmm_universal_plane_alloc(drm, struct miracast_plane, base, BIT(head->index),
					   &miracast_plane_funcs, miracast_plane_formats,
					   ARRAY_SIZE(miracast_plane_formats),
					   miracast_plane_modifiers, DRM_PLANE_TYPE_PRIMARY, NULL);
	if (IS_ERR(plane))
		return PTR_ERR(plane);
	plane->head = head;
	head->primary = &plane->base;
	drm_plane_helper_add(head->primary, &miracast_plane_helper_funcs);
	drm_plane_enable_fb_damage_clips(head->primary);

	ret = drmm_crtc_init_with_planes(drm, &head->crtc, head->primary, NULL,
					 &miracast_crtc_funcs, NULL);
	if (ret)
		return ret;
	drm_crtc_helper_add(&head->crtc, &miracast_crtc_helper_funcs);
	return 0;
}

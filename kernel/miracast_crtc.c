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

#include <drm/drm_damage_helper.h>
#include <drm/drm_gem_atomic_helper.h>

#include "miracast_drv.h"

static const u32 miracast_plane_formats[] = {
	DRM_FORMAT_XRGB8888,
	DRM_FORMAT_ARGB8888, /* some desktops take it if offered; its alpha has no meaning */
};

static const u64 miracast_plane_modifiers[] = {
	DRM_FORMAT_MOD_LINEAR,
	DRM_FORMAT_MOD_INVALID,
};

#define crtc_to_head(of) container_of(of, struct miracast_head, crtc)

void miracast_head_tell(struct miracast_head *head, u32 event)
{
	lockdep_assert_held(&head->lock);
	head->events |= 1u << event;
	head->event_time[event] = ktime_get_ns();
	wake_up_poll(&head->control_wait, EPOLLIN | EPOLLRDNORM);
}

static void miracast_head_set_mode(struct miracast_head *head, const struct drm_display_mode *from)
{
	struct miracast_mode mode = {};

	if (from)
		miracast_mode_copy(&mode, from);
	if (memcmp(&mode, &head->mode, sizeof(mode))) {
		head->mode = mode;
		miracast_head_tell(head, MIRACAST_EVENT_MODE);
	}
}

/* What differs between frame @seq and the current one; all of it where nobody knows any more. */
struct miracast_rect miracast_damage_since(const struct miracast_head *head, u64 seq)
{
	const struct miracast_done *now = &head->frame.is;
	const struct drm_rect *more;
	struct drm_rect damage = {};

	lockdep_assert_held(&head->lock);
	if (seq < head->base_seq || seq > now->sequence ||
	    now->sequence - seq > MIRACAST_DAMAGE_HISTORY)
		return (struct miracast_rect){ 0, 0, now->width, now->height };
	while (seq++ < now->sequence) {
		more = &head->damage[seq % MIRACAST_DAMAGE_HISTORY];
		if (!drm_rect_visible(&damage))
			damage = *more;
		else if (drm_rect_visible(more))
			damage = (struct drm_rect){
				min(damage.x1, more->x1), min(damage.y1, more->y1),
				max(damage.x2, more->x2), max(damage.y2, more->y2),
			};
	}
	return (struct miracast_rect){ damage.x1, damage.y1, damage.x2, damage.y2 };
}

static ktime_t miracast_vblank_before(const struct miracast_head *head, ktime_t now)
{
	u32 since;

	div_u64_rem(ktime_to_ns(ktime_sub(now, head->vblank_epoch)), head->vblank_period, &since);
	return ktime_sub_ns(now, since);
}

static ktime_t miracast_vblank_after(const struct miracast_head *head, ktime_t now)
{
	return ktime_add_ns(miracast_vblank_before(head, now), head->vblank_period);
}

/* The vertical blank at which what is committed now is shown. Vblanks must be on. */
static void miracast_frame_set_time(struct miracast_head *head, struct miracast_done *frame)
{
	u32 period = head->vblank_period;
	ktime_t last, now = ktime_get(), flip = miracast_vblank_after(head, now);
	u64 count = drm_crtc_vblank_count_and_time(&head->crtc, &last);
	/* The timer may be late, so the count may be that of an earlier one than the last. */
	s64 ahead = div_s64(ktime_to_ns(ktime_sub(flip, last)) + period / 2, period);

	frame->ready_ns = ktime_to_ns(now);
	frame->flip_ns = ktime_to_ns(flip);
	frame->vblank = count + max_t(s64, 1, ahead);
}

/*
 * Take over what the commit put on the plane, if it did, as a new frame with @frame's times.
 * Returns the buffer that is no longer shown, if there is one.
 */
static struct drm_framebuffer *miracast_frame_latch(struct miracast_head *head,
						    struct drm_atomic_state *state,
						    struct miracast_frame frame)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, &head->primary);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, &head->primary);
	struct drm_framebuffer *retired = head->showing ? head->frame.fb : NULL;
	const struct miracast_frame *last = &head->frame;
	struct drm_rect damage = {}, all;

	lockdep_assert_held(&head->lock);
	if (!new)
		return NULL;

	frame.is.width = head->mode.hdisplay;
	frame.is.height = head->mode.vdisplay;
	all = DRM_RECT_INIT(0, 0, frame.is.width, frame.is.height);
	if (new->visible) {
		frame.fb = new->fb;
		frame.x = new->src.x1 >> 16;
		frame.y = new->src.y1 >> 16;
		if (!drm_atomic_helper_damage_merged(old, new, &damage) && retired == frame.fb)
			return NULL;
		drm_rect_translate(&damage, -frame.x, -frame.y);
		if (miracast_framebuffer_imported(frame.fb))
			frame.is.flags = MIRACAST_FRAME_IMPORTED;
	}
	if (!head->showing || last->is.width != frame.is.width ||
	    last->is.height != frame.is.height || last->x != frame.x || last->y != frame.y ||
	    !frame.fb || !last->fb) {
		damage = all;
		head->base_seq = head->seq + 1;
	}
	/* A plane may reach beyond the display, and its damage with it. */
	if (!drm_rect_intersect(&damage, &all))
		damage = (struct drm_rect){};

	frame.is.sequence = ++head->seq;
	head->damage[head->seq % MIRACAST_DAMAGE_HISTORY] = damage;
	head->frame = frame;
	head->showing = true;
	return retired != frame.fb ? retired : NULL;
}

/* The desktop gets the grabbed buffer back although nobody said that it was read. */
void miracast_grab_overrun(struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	head->grab_fb = NULL;
	head->grab_overrun = true;
	head->overruns++;
}

/*
 * Copies end by themselves; a grab ends when another process likes, so it holds for a while only.
 */
static bool miracast_flip_held(struct miracast_head *head)
{
	bool grabbed = head->grab_fb && head->grab_fb == head->flip_retired;

	lockdep_assert_held(&head->lock);
	if (!miracast_engine_reads(head, head->flip_retired)) {
		if (!grabbed)
			return false;
		if (head->flip_held >= MIRACAST_GRAB_HOLD) {
			miracast_grab_overrun(head);
			return false;
		}
	}
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
		wake_up_all(&head->wait);
	}
	spin_unlock(&head->lock);
	if (event) {
		drm_crtc_send_vblank_event(crtc, event);
		drm_crtc_vblank_put(crtc);
	}
	spin_unlock_irqrestore(&crtc->dev->event_lock, flags);
}

static enum hrtimer_restart miracast_vblank_tick(struct hrtimer *timer)
{
	struct miracast_head *head = container_of(timer, struct miracast_head, vblank_timer);
	bool cookie = dma_fence_begin_signalling();

	drm_crtc_handle_vblank(&head->crtc);
	spin_lock(&head->lock);
	miracast_engine_tick(head, drm_crtc_vblank_count(&head->crtc));
	spin_unlock(&head->lock);
	miracast_flip_finish(head, false);
	dma_fence_end_signalling(cookie);

	if (READ_ONCE(head->vblank_ticking))
		hrtimer_start(timer, miracast_vblank_after(head, ktime_get()), HRTIMER_MODE_ABS);
	return HRTIMER_NORESTART;
}

static int miracast_crtc_enable_vblank(struct drm_crtc *crtc)
{
	struct miracast_head *head = crtc_to_head(crtc);

	WRITE_ONCE(head->vblank_ticking, true);
	hrtimer_start(&head->vblank_timer, miracast_vblank_after(head, ktime_get()),
		      HRTIMER_MODE_ABS);
	return 0;
}

/*
 * Called with locks that the tick takes, and from the tick: cannot wait for it. One more tick is
 * harmless, and so is a timer that two arm: it is one timer, and both mean the same time.
 */
static void miracast_crtc_disable_vblank(struct drm_crtc *crtc)
{
	WRITE_ONCE(crtc_to_head(crtc)->vblank_ticking, false);
}

static bool miracast_crtc_get_vblank_timestamp(struct drm_crtc *crtc, int *max_error,
					       ktime_t *vblank_time, bool in_vblank_irq)
{
	*vblank_time = miracast_vblank_before(crtc_to_head(crtc), ktime_get());
	return true;
}

static int miracast_crtc_atomic_check(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct drm_crtc_state *old = drm_atomic_get_old_crtc_state(state, crtc);
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);
	struct miracast_head *head = crtc_to_head(crtc);
	u32 display = new->connector_mask & drm_connector_mask(&head->connector);
	bool joins = display & ~old->connector_mask;

	/* A desktop that dies takes its picture away: DRM then switches off, and all are told. */
	if (new->active && !(new->plane_mask & drm_plane_mask(&head->primary)))
		return -EINVAL;
	if (!new->enable || !(new->mode_changed || joins))
		return 0;
	if (miracast_mode_valid(crtc->dev, &new->mode) != MODE_OK)
		return -EINVAL;
	/* What is no longer listed may stay, over a sleep, too, but not be set. */
	if (display && !state->duplicated && !miracast_connector_offers(head, &new->mode))
		return -EINVAL;
	return 0;
}

static void miracast_crtc_atomic_enable(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct miracast_head *head = crtc_to_head(crtc);
	struct drm_crtc_state *old = drm_atomic_get_old_crtc_state(state, crtc);

	/* The helpers have worked it out of the mode. */
	head->vblank_period = crtc->dev->vblank[drm_crtc_index(crtc)].framedur_ns;
	head->vblank_epoch = ktime_get();
	drm_crtc_vblank_on(crtc);

	spin_lock_irq(&head->lock);
	head->active = true;
	miracast_head_set_mode(head, &crtc->state->mode);
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
	if (head->grab_fb)
		miracast_grab_overrun(head);
	/* Readers of the last frame are copies: as long as one of these takes. */
	wait_event_lock_irq(head->wait, miracast_engine_idle(head), head->lock);
	if (!new->active)
		miracast_head_tell(head, MIRACAST_EVENT_POWER);
	spin_unlock_irq(&head->lock);

	miracast_flip_finish(head, true);
	drm_crtc_vblank_off(crtc);
	hrtimer_cancel(&head->vblank_timer);
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
	/* KMS gives up waiting for the last event when a copy takes long. */
	wait_event_lock_irq(head->wait, !head->flip_event, head->lock);
	if (active) {
		miracast_frame_set_time(head, &frame.is);
		retired = miracast_frame_latch(head, state, frame);
	}
	/* Here, since what was off is not disabled once more. */
	if (!crtc->state->enable)
		miracast_head_set_mode(head, NULL);
	miracast_writeback_commit(head, state);
	if (event) {
		head->flip_event = event;
		head->flip_retired = retired;
		head->flip_vblank = frame.is.vblank;
		head->flip_held = 0;
	}
	miracast_engine_kick(head);
	spin_unlock_irq(&head->lock);
}

/* Check sums of what is shown, for tests of desktops: see miracast_engine_tick(). */
static int miracast_crtc_verify_crc_source(struct drm_crtc *crtc, const char *name, size_t *count)
{
	*count = 1;
	return !name || !strcmp(name, "auto") ? 0 : -EINVAL;
}

static int miracast_crtc_set_crc_source(struct drm_crtc *crtc, const char *name)
{
	struct miracast_head *head = crtc_to_head(crtc);
	int ret = 0;

	if (!name == !head->crc_wanted)
		return 0;
	/* There is one with every vertical blank, also of a still picture. */
	if (name)
		ret = drm_crtc_vblank_get(crtc);
	else
		drm_crtc_vblank_put(crtc);
	if (!ret)
		WRITE_ONCE(head->crc_wanted, name);
	return ret;
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
	.verify_crc_source = miracast_crtc_verify_crc_source,
	.set_crc_source = miracast_crtc_set_crc_source,
};

static int miracast_plane_prepare_fb(struct drm_plane *plane, struct drm_plane_state *new)
{
	struct miracast_head *head = container_of(plane, struct miracast_head, primary);
	int ret = 0;

	/*
	 * Own buffers are cheap to map and are read sooner or later. Those of a GPU are usually
	 * read by that GPU; who reads them by the CPU maps them then, but for a writeback that is
	 * too late.
	 */
	if (new->fb && (!miracast_framebuffer_imported(new->fb) ||
			miracast_writeback_wanted(head, new->state)))
		ret = miracast_framebuffer_map(new->fb);
	return ret ?: drm_gem_plane_helper_prepare_fb(plane, new);
}

static int miracast_plane_atomic_check(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state =
		new->crtc ? drm_atomic_get_new_crtc_state(state, new->crtc) : NULL;

	/* Without a CRTC as well: it then says that nothing is visible. */
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
	.destroy = drm_plane_cleanup,
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
	int ret;

	/* Whoever asks for a time before the first mode set divides by it. */
	head->vblank_period = NSEC_PER_SEC / 60;
	miracast_hrtimer_setup(&head->vblank_timer, miracast_vblank_tick, CLOCK_MONOTONIC,
			       HRTIMER_MODE_ABS);

	ret = drm_universal_plane_init(drm, &head->primary, BIT(head->index),
				       &miracast_plane_funcs, miracast_plane_formats,
				       ARRAY_SIZE(miracast_plane_formats),
				       miracast_plane_modifiers, DRM_PLANE_TYPE_PRIMARY, NULL);
	if (ret)
		return ret;
	drm_plane_helper_add(&head->primary, &miracast_plane_helper_funcs);
	drm_plane_enable_fb_damage_clips(&head->primary);

	ret = drmm_crtc_init_with_planes(drm, &head->crtc, &head->primary, NULL,
					 &miracast_crtc_funcs, NULL);
	if (ret)
		return ret;
	drm_crtc_helper_add(&head->crtc, &miracast_crtc_helper_funcs);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine: reads pictures of a head, in the order of one queue of jobs, and writes them into
 * other buffers.
 *
 * Two workers share it. KMS's own jobs belong to a commit or to a vertical blank, and have their
 * frame from the start; fences wait for a writeback, so its worker allocates nothing and waits for
 * nothing. Copies take whatever frame is newest when they run. No fence waits for one before it
 * runs, so its worker may first ask the driver that exported a buffer, who may do as he likes.
 */
#include <linux/crc32.h>

#include <drm/drm_cache.h>
#include <drm/drm_gem_framebuffer_helper.h>

#include "miracast_drv.h"

static const u32 miracast_writeback_formats[] = { DRM_FORMAT_XRGB8888 };

/*
 * Copy @rect, in pixels and the same place in both. Without @src: black. An @uncached source may be
 * write-combined: it takes streaming loads to be fast.
 */
static void miracast_copy(const struct iosys_map *dst, u32 dst_pitch, const struct iosys_map *src,
			  u32 src_pitch, const struct miracast_rect *rect, bool uncached)
{
	size_t bytes = 4 * (size_t)(rect->x2 - rect->x1);
	u32 y;

	for (y = rect->y1; y < rect->y2; y++) {
		size_t offset = (size_t)y * dst_pitch + 4 * rect->x1;
		struct iosys_map from, to = IOSYS_MAP_INIT_OFFSET(dst, offset);

		if (!src) {
			iosys_map_memset(&to, 0, 0, bytes);
			continue;
		}
		from = *src;
		iosys_map_incr(&from, (size_t)y * src_pitch + 4 * rect->x1);
		if (uncached || from.is_iomem)
			drm_memcpy_from_wc(&to, &from, bytes);
		else
			iosys_map_memcpy_to(&to, 0, from.vaddr, bytes);
		cond_resched();
	}
}

/* Of the colours alone: what the fourth byte holds has no meaning. */
static u32 miracast_picture_crc(const struct iosys_map *src, u32 pitch, u32 width, u32 height)
{
	u32 crc = 0, x, y;
	__le32 pixel;

	for (y = 0; y < height; y++) {
		for (x = 0; x < width; x++) {
			pixel = cpu_to_le32(iosys_map_rd(src, y * pitch + 4 * x, u32));
			crc = crc32_le(crc, (u8 *)&pixel, 3);
		}
		cond_resched();
	}
	return crc;
}

static void miracast_job_run(struct miracast_head *head, struct miracast_job *job)
{
	const struct miracast_done *is = &job->frame.is;
	struct drm_framebuffer *fb = job->frame.fb;
	struct iosys_map src;
	u32 crc;

	if (is->status)
		return;
	if (fb)
		src = miracast_framebuffer_at(fb, job->frame.x, job->frame.y);
	if (job != &head->crc_job) {
		miracast_copy(&job->dst, job->to.pitch, fb ? &src : NULL, fb ? fb->pitches[0] : 0,
			      &is->damage, is->flags & MIRACAST_FRAME_IMPORTED);
	} else if (fb) {
		crc = miracast_picture_crc(&src, fb->pitches[0], is->width, is->height);
		drm_crtc_add_crc_entry(&head->crtc, true, is->vblank, &crc);
	}
}

/* A copy gets the frame that is current now. */
static void miracast_job_take_frame(struct miracast_head *head, struct miracast_job *job)
{
	struct miracast_done *is = &job->frame.is;

	job->frame = head->frame;
	is->cookie = job->to.cookie;
	is->damage = miracast_damage_since(head, job->to.dst_seq);
	if (job->to.width != is->width || job->to.height != is->height)
		is->status = -ERANGE;
}

/* The first job that may run now: of the copies, or of KMS's own. */
static struct miracast_job *miracast_engine_next(const struct miracast_head *head, bool copy)
{
	bool frame = head->display && head->showing;
	struct miracast_job *job;

	lockdep_assert_held(&head->lock);
	list_for_each_entry(job, &head->jobs, link) {
		if (!copy && !job->reader)
			return job;
		if (copy && job->reader && frame &&
		    miracast_reader_wants(job, head->frame.is.sequence))
			return job;
	}
	return NULL;
}

/* Run a job of the queue in one of the two workers' places. Called and left with the lock. */
static void miracast_engine_run(struct miracast_head *head, struct miracast_job **place,
				struct miracast_job *job, int status)
{
	struct drm_framebuffer *fb;

	lockdep_assert_held(&head->lock);
	list_del_init(&job->link);
	if (job->reader)
		miracast_job_take_frame(head, job);
	fb = job->frame.fb;
	/* Own buffers are mapped since their commit was prepared; the copies' worker saw to it. */
	if (!status && fb && !smp_load_acquire(&to_miracast_framebuffer(fb)->mapped))
		status = -EOPNOTSUPP;
	if (status)
		job->frame.is.status = status;
	*place = job;
	spin_unlock_irq(&head->lock);

	miracast_job_run(head, job);

	spin_lock_irq(&head->lock);
	*place = NULL;
	wake_up_all(&head->wait);
	if (job->reader) {
		miracast_reader_job_done(job);
	} else if (job != &head->crc_job) {
		status = job->frame.is.status;
		spin_unlock_irq(&head->lock);
		/* The job is gone after this. */
		drm_writeback_signal_completion(&head->writeback, status);
		spin_lock_irq(&head->lock);
	}
}

static void miracast_own_work(struct work_struct *work)
{
	struct miracast_head *head = container_of(work, struct miracast_head, own_work);
	bool cookie = dma_fence_begin_signalling();
	struct miracast_job *job;

	spin_lock_irq(&head->lock);
	while ((job = miracast_engine_next(head, false)))
		miracast_engine_run(head, &head->own_running, job, 0);
	spin_unlock_irq(&head->lock);
	dma_fence_end_signalling(cookie);
}

/*
 * Ask the exporter, if there is one, without holding anything up. Then look whether the frame is
 * still the current one: only the copy itself holds the flip.
 */
static void miracast_copy_work(struct work_struct *work)
{
	struct miracast_head *head = container_of(work, struct miracast_head, copy_work);
	struct drm_framebuffer *fb = NULL;
	struct miracast_job *job;
	int ret = 0;
	bool cookie;
	u64 seq;

	spin_lock_irq(&head->lock);
	seq = head->frame.is.sequence;
	if (!miracast_engine_next(head, true)) {
		/* A job that comes now has a turn of its own, with a look at the exporter. */
		spin_unlock_irq(&head->lock);
		return;
	}
	if (head->frame.fb && miracast_framebuffer_imported(head->frame.fb)) {
		fb = head->frame.fb;
		drm_framebuffer_get(fb);
	}
	spin_unlock_irq(&head->lock);

	if (fb)
		ret = miracast_framebuffer_map(fb) ?:
			      drm_gem_fb_begin_cpu_access(fb, DMA_FROM_DEVICE);

	cookie = dma_fence_begin_signalling();
	spin_lock_irq(&head->lock);
	job = head->frame.is.sequence == seq ? miracast_engine_next(head, true) : NULL;
	if (job)
		miracast_engine_run(head, &head->copy_running, job, ret);
	miracast_engine_kick(head);
	spin_unlock_irq(&head->lock);
	dma_fence_end_signalling(cookie);

	if (fb && !ret)
		drm_gem_fb_end_cpu_access(fb, DMA_FROM_DEVICE);
	if (fb)
		drm_framebuffer_put(fb);
}

/* Look at the queue, and let the reader look: a job or a frame is new. */
void miracast_engine_kick(struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	if (miracast_engine_next(head, false))
		queue_work(miracast_engine, &head->own_work);
	if (miracast_engine_next(head, true))
		queue_work(miracast_engine, &head->copy_work);
	wake_up_poll(&head->stream_wait, EPOLLPRI);
}

/* A vertical blank: sum up what it shows, if somebody wants to know and the last sum is done. */
void miracast_engine_tick(struct miracast_head *head, u64 vblank)
{
	struct miracast_job *job = &head->crc_job;

	lockdep_assert_held(&head->lock);
	if (!READ_ONCE(head->crc_wanted) || !head->showing || head->frame.is.vblank > vblank ||
	    !list_empty(&job->link) || head->own_running == job)
		return;
	job->frame = head->frame;
	job->frame.is.vblank = vblank;
	list_add_tail(&job->link, &head->jobs);
	miracast_engine_kick(head);
}

/* Does anybody read @fb, or is going to? */
bool miracast_engine_reads(const struct miracast_head *head, const struct drm_framebuffer *fb)
{
	const struct miracast_job *job;

	lockdep_assert_held(&head->lock);
	if (!fb)
		return false;
	if ((head->own_running && head->own_running->frame.fb == fb) ||
	    (head->copy_running && head->copy_running->frame.fb == fb))
		return true;
	list_for_each_entry(job, &head->jobs, link)
		if (!job->reader && job->frame.fb == fb)
			return true;
	return false;
}

/* Does nothing run, and none of KMS's own jobs wait to? */
bool miracast_engine_idle(const struct miracast_head *head)
{
	return !head->own_running && !head->copy_running && !miracast_engine_next(head, false);
}

/* ---- the standard connector ---- */

bool miracast_writeback_wanted(struct miracast_head *head, struct drm_atomic_state *state)
{
	struct drm_connector_state *new =
		drm_atomic_get_new_connector_state(state, &head->writeback.base);

	return new && new->writeback_job && new->writeback_job->fb;
}

static int miracast_writeback_get_modes(struct drm_connector *connector)
{
	return drm_add_modes_noedid(connector, MIRACAST_MAX_WIDTH, MIRACAST_MAX_HEIGHT);
}

static int miracast_writeback_prepare_job(struct drm_writeback_connector *writeback,
					  struct drm_writeback_job *wb_job)
{
	struct miracast_head *head = container_of(writeback, struct miracast_head, writeback);
	struct drm_framebuffer *fb = head->primary.state->fb;
	struct miracast_job *job;
	int ret;

	if (!wb_job->fb)
		return 0;
	ret = miracast_framebuffer_map(wb_job->fb);
	/* What is shown may stay; what comes with the commit is the plane's to prepare. */
	if (!ret && fb)
		ret = miracast_framebuffer_map(fb);
	if (ret)
		return ret;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	job->dst = miracast_framebuffer_at(wb_job->fb, 0, 0);
	job->to.pitch = wb_job->fb->pitches[0];
	job->to.width = wb_job->fb->width;
	job->to.height = wb_job->fb->height;
	wb_job->priv = job;
	return 0;
}

static void miracast_writeback_cleanup_job(struct drm_writeback_connector *writeback,
					   struct drm_writeback_job *wb_job)
{
	kfree(wb_job->priv);
}

/* The commit's frame is known: its writeback may run. */
void miracast_writeback_commit(struct miracast_head *head, struct drm_atomic_state *state)
{
	struct drm_connector_state *new =
		drm_atomic_get_new_connector_state(state, &head->writeback.base);
	struct miracast_job *job;

	lockdep_assert_held(&head->lock);
	if (!miracast_writeback_wanted(head, state))
		return;
	job = new->writeback_job->priv;
	/* Takes the job out of the state. */
	drm_writeback_queue_job(&head->writeback, new);
	if (head->showing)
		job->frame = head->frame;
	job->frame.is.damage = (struct miracast_rect){ 0, 0, job->to.width, job->to.height };
	list_add_tail(&job->link, &head->jobs);
}

static int miracast_writeback_atomic_check(struct drm_encoder *encoder,
					   struct drm_crtc_state *crtc_state,
					   struct drm_connector_state *new)
{
	const struct drm_framebuffer *fb = new->writeback_job ? new->writeback_job->fb : NULL;

	if (fb && (fb->width != crtc_state->mode.hdisplay ||
		   fb->height != crtc_state->mode.vdisplay ||
		   fb->format->format != miracast_writeback_formats[0]))
		return -EINVAL;
	return 0;
}

static const struct drm_encoder_helper_funcs miracast_writeback_encoder_funcs = {
	.atomic_check = miracast_writeback_atomic_check,
};

static const struct drm_connector_helper_funcs miracast_writeback_helper_funcs = {
	.get_modes = miracast_writeback_get_modes,
	.prepare_writeback_job = miracast_writeback_prepare_job,
	.cleanup_writeback_job = miracast_writeback_cleanup_job,
};

static const struct drm_connector_funcs miracast_writeback_funcs = {
	.fill_modes = drm_helper_probe_single_connector_modes,
	.destroy = drm_connector_cleanup,
	.reset = drm_atomic_helper_connector_reset,
	.atomic_duplicate_state = drm_atomic_helper_connector_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_connector_destroy_state,
};

int miracast_writeback_init(struct miracast_head *head)
{
	struct drm_encoder *encoder = &head->writeback.encoder;
	int ret;

	INIT_LIST_HEAD(&head->crc_job.link);
	INIT_WORK(&head->own_work, miracast_own_work);
	INIT_WORK(&head->copy_work, miracast_copy_work);

	drm_connector_helper_add(&head->writeback.base, &miracast_writeback_helper_funcs);
	ret = drm_writeback_connector_init(&head->device->drm, &head->writeback,
					   &miracast_writeback_funcs,
					   &miracast_writeback_encoder_funcs,
					   miracast_writeback_formats,
					   ARRAY_SIZE(miracast_writeback_formats),
					   drm_crtc_mask(&head->crtc));
	if (ret)
		return ret;

	/* A commit that drives both is only valid if each says that it goes with the other. */
	encoder->possible_clones = drm_encoder_mask(&head->encoder) | drm_encoder_mask(encoder);
	head->encoder.possible_clones = encoder->possible_clones;
	return 0;
}

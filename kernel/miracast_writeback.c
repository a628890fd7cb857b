// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine: writes pictures of a head into other buffers, in the order of one queue of jobs.
 *
 * Two kinds of jobs share it. KMS's own writeback belongs to a commit and has a fence; a stream's
 * copy takes whatever frame is newest when it runs, and has none. The engine does not know what
 * either is good for.
 *
 * It runs in two workers. The engine proper reads buffers that are mapped already; fences wait for
 * it, so it allocates nothing and waits for nothing. A buffer that another driver exported is read
 * by the foreign worker: that has to ask the exporter first, who may do as he likes.
 */
#include <linux/dma-fence.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_cache.h>
#include <drm/drm_edid.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_probe_helper.h>

#include "miracast_drv.h"

static const u32 miracast_writeback_formats[] = { DRM_FORMAT_XRGB8888 };

/* ---- copying ---- */

/**
 * miracast_copy - copy a rectangle of 32-bit pixels
 * @dst: destination's first pixel
 * @dst_pitch: bytes from line to line
 * @src: source's first pixel; NULL: black
 * @src_pitch: bytes from line to line
 * @rect: what to copy, in pixels; the same place in both
 * @uncached: the source may be write-combined: reading it takes streaming loads to be fast
 */
void miracast_copy(const struct iosys_map *dst, u32 dst_pitch, const struct iosys_map *src,
		   u32 src_pitch, const struct miracast_rect *rect, bool uncached)
{
	size_t bytes = 4 * (size_t)(rect->x2 - rect->x1);
	u32 y;

	for (y = rect->y1; y < rect->y2; y++) {
		struct iosys_map to = *dst;
		struct iosys_map from;

		iosys_map_incr(&to, (size_t)y * dst_pitch + 4 * rect->x1);
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
		if (y % 64 == 63)
			cond_resched();
	}
}

static void miracast_job_run(struct miracast_job *job)
{
	const struct miracast_frame *frame = &job->frame;
	struct drm_framebuffer *fb = frame->fb;
	struct iosys_map src;

	if (job->done.status)
		return;
	if (!fb) {
		miracast_copy(&job->dst, job->dst_pitch, NULL, 0, &job->done.damage, false);
		return;
	}
	src = to_miracast_framebuffer(fb)->data[0];
	iosys_map_incr(&src, (size_t)frame->y * fb->pitches[0] + 4 * frame->x);
	miracast_copy(&job->dst, job->dst_pitch, &src, fb->pitches[0], &job->done.damage,
		      miracast_framebuffer_imported(fb));
}

/* ---- the queue ---- */

/* A stream's job gets the frame that is current now. */
static void miracast_job_take_frame(struct miracast_head *head, struct miracast_job *job)
{
	const struct miracast_frame *frame = &head->frame;

	job->frame = *frame;
	job->done.sequence = frame->seq;
	job->done.ready_ns = ktime_to_ns(frame->ready);
	job->done.flip_ns = ktime_to_ns(frame->flip);
	job->done.vblank = frame->vblank;
	job->done.width = frame->width;
	job->done.height = frame->height;
	if (frame->fb && miracast_framebuffer_imported(frame->fb))
		job->done.flags |= MIRACAST_FRAME_IMPORTED;
	if (job->dst_width != frame->width || job->dst_height != frame->height)
		job->done.status = -ERANGE;
	job->done.damage = miracast_damage_since(head, job->dst_seq);
}

static bool miracast_head_foreign(const struct miracast_head *head)
{
	return head->showing && head->frame.fb && miracast_framebuffer_imported(head->frame.fb);
}

/* Is a stream's job under way? One at a time, so that records come in the order of frames. */
static bool miracast_engine_copies(const struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	return head->foreign_job || (head->engine_job && head->engine_job->reader);
}

/* The first stream's job that the current frame serves, still in the queue. */
static struct miracast_job *miracast_engine_next_copy(struct miracast_head *head)
{
	struct miracast_job *job;

	lockdep_assert_held(&head->lock);
	if (!head->plugged || !head->showing || miracast_engine_copies(head))
		return NULL;
	list_for_each_entry(job, &head->jobs, link)
		if (job->reader && miracast_reader_wants(job, head->frame.seq))
			return job;
	return NULL;
}

/* A writeback comes first: it holds up its commit's flip, a copy only whatever comes next. */
static struct miracast_job *miracast_engine_next(struct miracast_head *head)
{
	struct miracast_job *job;

	list_for_each_entry(job, &head->jobs, link)
		if (!job->reader)
			return job;
	return miracast_head_foreign(head) ? NULL : miracast_engine_next_copy(head);
}

/* Run a job of the queue in one of the two workers' places. Called and left with the lock. */
static void miracast_engine_run(struct miracast_head *head, struct miracast_job **place,
				struct miracast_job *job, int status)
{
	bool writeback = !job->reader;

	lockdep_assert_held(&head->lock);
	list_del_init(&job->link);
	if (!writeback)
		miracast_job_take_frame(head, job);
	/* Own buffers are mapped since their commit was prepared; the foreign worker saw to it. */
	if (!status && job->frame.fb &&
	    !smp_load_acquire(&to_miracast_framebuffer(job->frame.fb)->mapped))
		status = -EOPNOTSUPP;
	if (status)
		job->done.status = status;
	*place = job;
	spin_unlock_irq(&head->lock);

	miracast_job_run(job);

	spin_lock_irq(&head->lock);
	*place = NULL;
	status = job->done.status;
	if (!writeback)
		miracast_reader_job_done(job);
	wake_up_all(&head->wait);
	if (writeback) {
		/* The job is gone after this. */
		spin_unlock_irq(&head->lock);
		drm_writeback_signal_completion(&head->writeback, status);
		spin_lock_irq(&head->lock);
	}
}

static void miracast_foreign_kick(struct miracast_head *head)
{
	if (miracast_head_foreign(head) && miracast_engine_next_copy(head))
		queue_work(system_unbound_wq, &head->foreign);
}

static void miracast_engine_work(struct work_struct *work)
{
	struct miracast_head *head = container_of(work, struct miracast_head, engine);
	bool cookie = dma_fence_begin_signalling();
	struct miracast_job *job;

	spin_lock_irq(&head->lock);
	while ((job = miracast_engine_next(head)))
		miracast_engine_run(head, &head->engine_job, job, 0);
	/* A copy that ran here kept the other worker away. */
	miracast_foreign_kick(head);
	spin_unlock_irq(&head->lock);
	dma_fence_end_signalling(cookie);
}

/* ---- other drivers' buffers ---- */

/*
 * Ask the exporter without holding anything up, then look whether the frame is still the current
 * one. Only the copy itself holds the flip.
 */
static void miracast_foreign_copy(struct miracast_head *head, struct drm_framebuffer *fb, u64 seq)
{
	struct miracast_job *job;
	bool cookie;
	int ret;

	ret = miracast_framebuffer_map(fb);
	if (!ret)
		ret = drm_gem_fb_begin_cpu_access(fb, DMA_FROM_DEVICE);

	cookie = dma_fence_begin_signalling();
	spin_lock_irq(&head->lock);
	job = head->frame.seq == seq ? miracast_engine_next_copy(head) : NULL;
	if (job)
		miracast_engine_run(head, &head->foreign_job, job, ret);
	spin_unlock_irq(&head->lock);
	dma_fence_end_signalling(cookie);

	if (!ret)
		drm_gem_fb_end_cpu_access(fb, DMA_FROM_DEVICE);
}

static void miracast_foreign_work(struct work_struct *work)
{
	struct miracast_head *head = container_of(work, struct miracast_head, foreign);
	struct drm_framebuffer *fb;
	u64 seq;

	spin_lock_irq(&head->lock);
	while (miracast_head_foreign(head) && miracast_engine_next_copy(head)) {
		fb = head->frame.fb;
		seq = head->frame.seq;
		drm_framebuffer_get(fb);
		spin_unlock_irq(&head->lock);
		miracast_foreign_copy(head, fb, seq);
		drm_framebuffer_put(fb);
		spin_lock_irq(&head->lock);
	}
	/* What came meanwhile and is none of ours. */
	miracast_engine_kick(head);
	spin_unlock_irq(&head->lock);
}

/* ---- what the CRTC and the streams see ---- */

/* Look at the queue: a job or a frame is new. */
void miracast_engine_kick(struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	if (list_empty(&head->jobs))
		return;
	queue_work(head->device->engine, &head->engine);
	miracast_foreign_kick(head);
}

/* Does anybody read @fb, or is going to? */
bool miracast_engine_reads(const struct miracast_head *head, const struct drm_framebuffer *fb)
{
	const struct miracast_job *job;

	lockdep_assert_held(&head->lock);
	if (head->engine_job && head->engine_job->frame.fb == fb)
		return true;
	if (head->foreign_job && head->foreign_job->frame.fb == fb)
		return true;
	list_for_each_entry(job, &head->jobs, link)
		if (!job->reader && job->frame.fb == fb)
			return true;
	return false;
}

bool miracast_engine_copying(struct miracast_head *head)
{
	bool copying;

	spin_lock_irq(&head->lock);
	copying = miracast_engine_copies(head);
	spin_unlock_irq(&head->lock);
	return copying;
}

/* Does nothing run, and no writeback wait to? */
bool miracast_engine_idle(struct miracast_head *head)
{
	const struct miracast_job *job;
	bool idle;

	spin_lock_irq(&head->lock);
	idle = !head->engine_job && !head->foreign_job;
	list_for_each_entry(job, &head->jobs, link)
		idle &= !!job->reader;
	spin_unlock_irq(&head->lock);
	return idle;
}

/* ---- the standard connector ---- */

static struct miracast_head *writeback_to_head(struct drm_writeback_connector *writeback)
{
	return container_of(writeback, struct miracast_head, writeback);
}

bool miracast_writeback_wanted(struct miracast_head *head, struct drm_atomic_state *state)
{
	struct drm_connector_state *new =
		drm_atomic_get_new_connector_state(state, &head->writeback.base);

	return new && new->writeback_job && new->writeback_job->fb;
}

/* The commit's frame is known: its writeback may run. */
void miracast_engine_bind(struct miracast_head *head)
{
	struct miracast_job *job = head->writeback_job;

	lockdep_assert_held(&head->lock);
	if (!job)
		return;
	head->writeback_job = NULL;
	if (head->showing)
		job->frame = head->frame;
	job->done.damage = (struct miracast_rect){ 0, 0, job->dst_width, job->dst_height };
	list_add_tail(&job->link, &head->jobs);
}

static int miracast_writeback_get_modes(struct drm_connector *connector)
{
	return drm_add_modes_noedid(connector, MIRACAST_MAX_WIDTH, MIRACAST_MAX_HEIGHT);
}

static int miracast_writeback_prepare_job(struct drm_writeback_connector *writeback,
					  struct drm_writeback_job *wb_job)
{
	struct drm_framebuffer *fb = writeback_to_head(writeback)->primary->state->fb;
	struct miracast_job *job;
	int ret;

	if (!wb_job->fb)
		return 0;
	ret = miracast_framebuffer_map(wb_job->fb);
	if (ret)
		return ret;
	/* What is shown may stay; what comes with the commit is the plane's to prepare. */
	ret = fb ? miracast_framebuffer_map(fb) : 0;
	if (ret)
		return ret;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	INIT_LIST_HEAD(&job->link);
	job->dst = to_miracast_framebuffer(wb_job->fb)->data[0];
	job->dst_pitch = wb_job->fb->pitches[0];
	job->dst_width = wb_job->fb->width;
	job->dst_height = wb_job->fb->height;
	wb_job->priv = job;
	return 0;
}

static void miracast_writeback_cleanup_job(struct drm_writeback_connector *writeback,
					   struct drm_writeback_job *wb_job)
{
	kfree(wb_job->priv);
}

/* Comes before the CRTC's flush of the same commit, which then binds the job to its frame. */
static void miracast_writeback_atomic_commit(struct drm_connector *connector,
					     struct drm_atomic_state *state)
{
	struct drm_connector_state *new = drm_atomic_get_new_connector_state(state, connector);
	struct drm_writeback_connector *writeback = drm_connector_to_writeback(connector);
	struct miracast_head *head = writeback_to_head(writeback);
	struct miracast_job *job;

	if (!new->writeback_job || !new->writeback_job->fb)
		return;
	job = new->writeback_job->priv;
	/* Takes the job out of the state. */
	drm_writeback_queue_job(writeback, new);

	spin_lock_irq(&head->lock);
	head->writeback_job = job;
	spin_unlock_irq(&head->lock);
}

static int miracast_writeback_atomic_check(struct drm_encoder *encoder,
					   struct drm_crtc_state *crtc_state,
					   struct drm_connector_state *new)
{
	const struct drm_framebuffer *fb;

	if (!new->writeback_job || !new->writeback_job->fb)
		return 0;
	fb = new->writeback_job->fb;
	if (fb->width != crtc_state->mode.hdisplay || fb->height != crtc_state->mode.vdisplay)
		return -EINVAL;
	if (fb->format->format != miracast_writeback_formats[0])
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
	.atomic_commit = miracast_writeback_atomic_commit,
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
	u32 clones;
	int ret;

	INIT_WORK(&head->engine, miracast_engine_work);
	INIT_WORK(&head->foreign, miracast_foreign_work);

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
	clones = drm_encoder_mask(&head->encoder) | drm_encoder_mask(encoder);
	head->encoder.possible_clones = clones;
	encoder->possible_clones = clones;
	return 0;
}

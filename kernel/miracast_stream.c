// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stream descriptor of <uapi/miracast.h>: how frames leave. An open one is called a reader.
 *
 * Knows the buffers that are queued and the one that is grabbed. Does not know how a picture is
 * copied, nor when.
 */
#include <linux/anon_inodes.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>

#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_prime.h>

#include "miracast_drv.h"

/* All that follows head is under miracast_head.lock. */
struct miracast_reader {
	struct miracast_head *head;
	bool revoked; /* written under reader_lock, too: either is enough to read it */
	struct list_head done; /* struct miracast_job, by link */
	unsigned int waiting; /* jobs that have no frame yet */
	unsigned int owned; /* jobs that were not dequeued yet, waiting or not */
	u64 last_seq; /* last frame copied */
	u64 grabbed_seq; /* last frame grabbed */
	u64 copied, grabbed;
};

static void miracast_buffer_release(struct dma_buf *buf)
{
	struct drm_gem_object *obj = buf->priv;
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(to_drm_gem_shmem_obj(obj)->vaddr);

	/* NULL when it was not to be mapped, and so never left miracast_buffer_create(). */
	if (map.vaddr) {
		dma_resv_lock(obj->resv, NULL);
		drm_gem_dmabuf_vunmap(buf, &map);
		dma_resv_unlock(obj->resv);
	}
	atomic64_sub(obj->size, &to_miracast_device(obj->dev)->allocated);
	drm_gem_dmabuf_release(buf);
}

/* GEM's own, but for the release: QUEUE knows its buffers by them, and finds them mapped. */
static const struct dma_buf_ops miracast_buffer_ops = {
	.attach = drm_gem_map_attach,
	.detach = drm_gem_map_detach,
	.map_dma_buf = drm_gem_map_dma_buf,
	.unmap_dma_buf = drm_gem_unmap_dma_buf,
	.release = miracast_buffer_release,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
};

static struct dma_buf *miracast_buffer_create(struct miracast_device *device, size_t size)
{
	u64 limit = (u64)MIRACAST_MAX_ALLOC_HEAD * device->head_count;
	struct dma_buf_export_info info = {
		.exp_name = "miracast",
		.owner = THIS_MODULE,
		.ops = &miracast_buffer_ops,
		.size = size,
		.flags = O_RDWR | O_CLOEXEC,
	};
	struct drm_gem_shmem_object *shmem;
	struct dma_buf *buf = ERR_PTR(-ENOSPC);
	struct iosys_map map;
	int ret;

	if (atomic64_add_return(size, &device->allocated) > limit)
		goto err_allocated;
	shmem = drm_gem_shmem_create(&device->drm, size);
	buf = ERR_CAST(shmem);
	if (IS_ERR(shmem))
		goto err_allocated;
	info.priv = &shmem->base;
	info.resv = shmem->base.resv;
	buf = drm_gem_dmabuf_export(&device->drm, &info);
	drm_gem_object_put(&shmem->base);
	if (IS_ERR(buf))
		goto err_allocated;

	/* From here on the release undoes all of it. */
	dma_resv_lock(buf->resv, NULL);
	ret = drm_gem_dmabuf_vmap(buf, &map);
	dma_resv_unlock(buf->resv);
	if (!ret)
		return buf;
	dma_buf_put(buf);
	return ERR_PTR(ret);

err_allocated:
	atomic64_sub(size, &device->allocated);
	return buf;
}

/* Does the frame @seq serve this job? */
bool miracast_reader_wants(const struct miracast_job *job, u64 seq)
{
	lockdep_assert_held(&job->reader->head->lock);
	return !job->to.after_seq || seq > max(job->to.after_seq, job->reader->last_seq);
}

void miracast_reader_job_done(struct miracast_job *job)
{
	struct miracast_reader *reader = job->reader;

	lockdep_assert_held(&reader->head->lock);
	if (!job->frame.is.status) {
		reader->last_seq = max(reader->last_seq, job->frame.is.sequence);
		reader->copied++;
	}
	reader->waiting--;
	list_add_tail(&job->link, &reader->done);
	wake_up_poll(&reader->head->stream_wait, EPOLLIN | EPOLLRDNORM);
}

static int miracast_alloc(void *object, void *argument)
{
	struct miracast_reader *reader = object;
	struct miracast_alloc *alloc = argument;
	struct dma_buf *buf;

	if (alloc->flags || !alloc->size || alloc->size > MIRACAST_MAX_ALLOC)
		return -EINVAL;
	if (READ_ONCE(reader->revoked))
		return -ESHUTDOWN;
	buf = miracast_buffer_create(reader->head->device, PAGE_ALIGN(alloc->size));
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	alloc->fd = dma_buf_fd(buf, O_CLOEXEC);
	if (alloc->fd < 0)
		dma_buf_put(buf);
	return min(alloc->fd, 0);
}

static bool miracast_queue_valid(const struct miracast_queue *queue)
{
	return !queue->flags && !queue->pad && queue->format == DRM_FORMAT_XRGB8888 &&
	       queue->width && queue->width <= MIRACAST_MAX_WIDTH && queue->height &&
	       queue->height <= MIRACAST_MAX_HEIGHT && queue->pitch >= queue->width * 4 &&
	       !(queue->pitch % 4) && !(queue->offset % 4);
}

static struct miracast_job *miracast_job_create(struct miracast_reader *reader,
						const struct miracast_queue *queue)
{
	u64 end = queue->offset + (u64)queue->pitch * queue->height;
	struct dma_buf *buf = dma_buf_get(queue->fd);
	struct miracast_job *job = ERR_PTR(-EINVAL);

	if (IS_ERR(buf))
		return ERR_CAST(buf);
	if (buf->ops == &miracast_buffer_ops && end <= buf->size)
		job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (IS_ERR_OR_NULL(job)) {
		dma_buf_put(buf);
		return job ?: ERR_PTR(-ENOMEM);
	}
	job->reader = reader;
	job->to = *queue;
	job->buf = buf;
	iosys_map_set_vaddr(&job->dst, to_drm_gem_shmem_obj(buf->priv)->vaddr + queue->offset);
	return job;
}

static void miracast_job_free(struct miracast_job *job)
{
	dma_buf_put(job->buf);
	kfree(job);
}

static int miracast_queue(void *object, void *argument)
{
	struct miracast_reader *reader = object;
	struct miracast_head *head = reader->head;
	struct miracast_job *job;
	int ret = 0;

	if (!miracast_queue_valid(argument))
		return -EINVAL;
	job = miracast_job_create(reader, argument);
	if (IS_ERR(job))
		return PTR_ERR(job);

	spin_lock_irq(&head->lock);
	if (reader->revoked) {
		ret = -ESHUTDOWN;
	} else if (reader->owned == MIRACAST_MAX_QUEUED) {
		ret = -EBUSY;
	} else {
		reader->owned++;
		reader->waiting++;
		list_add_tail(&job->link, &head->jobs);
		miracast_engine_kick(head);
	}
	spin_unlock_irq(&head->lock);
	if (ret)
		miracast_job_free(job);
	return ret;
}

static int miracast_dequeue(void *object, void *argument)
{
	struct miracast_reader *reader = object;
	struct miracast_job *job;
	int ret;

	spin_lock_irq(&reader->head->lock);
	job = list_first_entry_or_null(&reader->done, struct miracast_job, link);
	ret = reader->revoked ? -ESHUTDOWN : job ? 0 : -EAGAIN;
	if (!ret) {
		list_del(&job->link);
		reader->owned--;
	}
	spin_unlock_irq(&reader->head->lock);
	if (ret)
		return ret;
	*(struct miracast_done *)argument = job->frame.is;
	miracast_job_free(job);
	return 0;
}

static void miracast_grab_drop(struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	head->grab_seq = 0;
	head->grab_fb = NULL;
	head->grab_overrun = false;
}

/* Mark the current frame as read, and describe it. Its framebuffer comes with a reference. */
static int miracast_grab_begin(struct miracast_reader *reader, struct miracast_grab *grab,
			       struct drm_framebuffer **ret_fb)
{
	struct miracast_head *head = reader->head;
	const struct miracast_frame *frame = &head->frame;
	struct drm_framebuffer *fb = frame->fb;

	lockdep_assert_held(&head->lock);
	if (reader->revoked)
		return -ESHUTDOWN;
	if (!head->display)
		return -ENODEV;
	if (head->grab_seq)
		return -EBUSY;
	if (!head->showing || !fb || frame->is.sequence <= grab->after_seq)
		return -EAGAIN;

	grab->damage = miracast_damage_since(head, grab->after_seq);
	grab->sequence = frame->is.sequence;
	grab->ready_ns = frame->is.ready_ns;
	grab->flip_ns = frame->is.flip_ns;
	grab->vblank = frame->is.vblank;
	grab->buffer = to_miracast_framebuffer(fb)->id;
	grab->modifier = DRM_FORMAT_MOD_LINEAR;
	grab->format = fb->format->format;
	grab->width = frame->is.width;
	grab->height = frame->is.height;
	grab->pitch = fb->pitches[0];
	grab->offset = fb->offsets[0] + frame->y * fb->pitches[0] + frame->x * 4;
	grab->frame_flags = frame->is.flags;

	head->grab_seq = grab->sequence;
	head->grab_fb = fb;
	reader->grabbed_seq = grab->sequence;
	reader->grabbed++;
	drm_framebuffer_get(fb);
	*ret_fb = fb;
	return 0;
}

/*
 * Own buffers get a new, read-only dma-buf each time; GEM keeps only those that its own ioctl made.
 * For an imported one the GPU that made it knows its own dma-buf when it sees it again.
 */
static int miracast_grab_export(struct drm_gem_object *obj)
{
	struct dma_buf *buf;
	int fd;

	if (obj->import_attach) {
		buf = obj->import_attach->dmabuf;
		get_dma_buf(buf);
	} else {
		buf = drm_gem_prime_export(obj, O_RDONLY | O_CLOEXEC);
		if (IS_ERR(buf))
			return PTR_ERR(buf);
	}
	fd = dma_buf_fd(buf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(buf);
	return fd;
}

static int miracast_grab(void *object, void *argument)
{
	struct miracast_reader *reader = object;
	struct miracast_head *head = reader->head;
	struct miracast_grab *grab = argument;
	struct drm_framebuffer *fb;
	int ret;

	if (grab->flags)
		return -EINVAL;
	spin_lock_irq(&head->lock);
	ret = miracast_grab_begin(reader, grab, &fb);
	spin_unlock_irq(&head->lock);
	if (ret)
		return ret;

	grab->fd = miracast_grab_export(fb->obj[0]);
	drm_framebuffer_put(fb);
	if (grab->fd >= 0)
		return 0;
	spin_lock_irq(&head->lock);
	if (!reader->revoked)
		miracast_grab_drop(head);
	spin_unlock_irq(&head->lock);
	return grab->fd;
}

static int miracast_release(void *object, void *argument)
{
	struct miracast_release *release = argument;
	struct miracast_reader *reader = object;
	struct miracast_head *head = reader->head;
	int ret = -EINVAL;

	spin_lock_irq(&head->lock);
	if (reader->revoked) {
		ret = -ESHUTDOWN;
	} else if (!release->flags && head->grab_seq && head->grab_seq == release->sequence) {
		release->result = head->grab_overrun ? MIRACAST_RELEASE_OVERRUN : 0;
		miracast_grab_drop(head);
		ret = 0;
	}
	spin_unlock_irq(&head->lock);
	return ret;
}

static int miracast_get_state(void *object, void *argument)
{
	struct miracast_reader *reader = object;
	struct miracast_head *head = reader->head;
	int ret;

	spin_lock_irq(&head->lock);
	*(struct miracast_state *)argument = (struct miracast_state){
		.mode = head->mode,
		.flags = (head->display ? MIRACAST_STATE_PLUGGED : 0) |
			 (head->active ? MIRACAST_STATE_ACTIVE : 0),
		.queued = reader->waiting,
		.sequence = head->display && head->showing ? head->frame.is.sequence : 0,
		.copied = reader->copied,
		.grabbed = reader->grabbed,
		.held = head->held,
		.overruns = head->overruns,
	};
	ret = reader->revoked ? -ESHUTDOWN : 0;
	spin_unlock_irq(&head->lock);
	return ret;
}

static const struct miracast_call miracast_reader_calls[] = {
	{ MIRACAST_IOC_ALLOC, miracast_alloc },
	{ MIRACAST_IOC_QUEUE, miracast_queue },
	{ MIRACAST_IOC_DEQUEUE, miracast_dequeue },
	{ MIRACAST_IOC_GRAB, miracast_grab },
	{ MIRACAST_IOC_RELEASE, miracast_release },
	{ MIRACAST_IOC_GET_STATE, miracast_get_state },
	{}
};

static long miracast_reader_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return miracast_call(miracast_reader_calls, file->private_data, cmd, (void __user *)user);
}

static __poll_t miracast_reader_poll(struct file *file, poll_table *table)
{
	struct miracast_reader *reader = file->private_data;
	struct miracast_head *head = reader->head;
	__poll_t mask = 0;

	poll_wait(file, &head->stream_wait, table);
	spin_lock_irq(&head->lock);
	if (reader->revoked)
		mask |= EPOLLHUP | EPOLLERR;
	else if (head->display && head->showing && head->frame.fb &&
		 head->frame.is.sequence > reader->grabbed_seq)
		mask |= EPOLLPRI;
	if (!reader->revoked && !list_empty(&reader->done))
		mask |= EPOLLIN | EPOLLRDNORM;
	spin_unlock_irq(&head->lock);
	return mask;
}

/* Take the head's reader off it: nothing of it is read or written any more when this returns. */
static void miracast_reader_revoke(struct miracast_head *head)
{
	struct miracast_reader *reader;
	struct miracast_job *job, *next;
	LIST_HEAD(jobs);

	lockdep_assert_held(&head->reader_lock);
	spin_lock_irq(&head->lock);
	reader = head->reader;
	if (reader) {
		head->reader = NULL;
		reader->revoked = true;
		list_for_each_entry_safe(job, next, &head->jobs, link)
			if (job->reader == reader)
				list_move_tail(&job->link, &jobs);
		miracast_grab_drop(head);
		wake_up_poll(&head->stream_wait, EPOLLHUP | EPOLLERR);
		wait_event_lock_irq(head->wait, !head->copy_running, head->lock);
		list_splice_init(&reader->done, &jobs);
	}
	spin_unlock_irq(&head->lock);
	list_for_each_entry_safe(job, next, &jobs, link)
		miracast_job_free(job);
}

/* MIRACAST_IOC_REVOKE. */
int miracast_stream_revoke(void *object, void *argument)
{
	struct miracast_head *head = object;

	mutex_lock(&head->reader_lock);
	miracast_reader_revoke(head);
	mutex_unlock(&head->reader_lock);
	return 0;
}

static int miracast_reader_close(struct inode *inode, struct file *file)
{
	struct miracast_reader *reader = file->private_data;
	struct miracast_head *head = reader->head;

	mutex_lock(&head->reader_lock);
	if (!reader->revoked)
		miracast_reader_revoke(head);
	mutex_unlock(&head->reader_lock);
	kfree(reader);
	return 0;
}

static const struct file_operations miracast_reader_fops = {
	.owner = THIS_MODULE,
	.release = miracast_reader_close,
	.unlocked_ioctl = miracast_reader_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = miracast_reader_poll,
};

/* MIRACAST_IOC_STREAM. */
int miracast_stream_create(void *object, void *argument)
{
	struct miracast_stream *stream = argument;
	struct miracast_head *head = object;
	struct miracast_reader *reader;
	struct file *file;
	int ret = -ENOMEM;

	if (stream->flags)
		return -EINVAL;
	reader = kzalloc(sizeof(*reader), GFP_KERNEL);
	if (!reader)
		return ret;
	reader->head = head;
	INIT_LIST_HEAD(&reader->done);
	ret = get_unused_fd_flags(O_CLOEXEC);
	if (ret < 0)
		goto err_reader;
	file = anon_inode_getfile("[miracast]", &miracast_reader_fops, reader, O_RDWR);
	if (IS_ERR(file))
		goto err_fd;
	stream->fd = ret;

	mutex_lock(&head->reader_lock);
	miracast_reader_revoke(head);
	spin_lock_irq(&head->lock);
	head->reader = reader;
	spin_unlock_irq(&head->lock);
	mutex_unlock(&head->reader_lock);
	/* Last: from here on another thread may use the descriptor, and close it. */
	fd_install(stream->fd, file);
	return 0;

err_fd:
	put_unused_fd(ret);
	ret = PTR_ERR(file);
err_reader:
	kfree(reader);
	return ret;
}

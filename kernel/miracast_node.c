// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node /dev/miracast: the control and stream descriptors of <uapi/miracast.h>, which says what
 * each call means. A stream descriptor is called a reader in here.
 *
 * Knows user space: pointers, sizes, flags, descriptors. What it hands to the other files is
 * checked and is the kernel's. Does not know KMS beyond the ids it tells.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_prime.h>

#include "miracast_drv.h"

/* An open stream descriptor. All that follows wait is under miracast_head.lock. */
struct miracast_reader {
	struct miracast_head *head;
	wait_queue_head_t wait;
	bool revoked;
	struct list_head done; /* struct miracast_job, by link */
	unsigned int waiting; /* jobs that have no frame yet */
	unsigned int owned; /* jobs that were not dequeued yet, waiting or not */
	u64 last_seq; /* last frame copied */
	u64 grabbed_seq; /* last frame grabbed */
	u64 copied;
	u64 grabbed;
};

/* ---- calls: what is the same for all of them ---- */

union miracast_argument {
	struct miracast_info info;
	struct miracast_plug plug;
	struct miracast_stream stream;
	struct miracast_alloc alloc;
	struct miracast_queue queue;
	struct miracast_done done;
	struct miracast_grab grab;
	struct miracast_release release;
	struct miracast_state state;
};

/* A call under way: its argument, and the descriptor that it gives, if it gives one. */
struct miracast_request {
	union miracast_argument arg;
	struct file *file;
	int fd; /* reserved before the call runs */
};

struct miracast_call {
	unsigned int cmd; /* as of its first version */
	int (*run)(void *object, struct miracast_request *request);
	bool gives_fd;
	void (*undo)(void *object); /* user space could not be told */
};

/* The caller's structure may be older (shorter) or newer (longer) than ours. */
static int miracast_call_run(const struct miracast_call *call, void *object, unsigned int cmd,
			     void __user *user, struct miracast_request *request)
{
	unsigned int known = _IOC_SIZE(call->cmd), size = _IOC_SIZE(cmd);
	int ret;

	if (size < known)
		return -EINVAL;
	if (_IOC_DIR(cmd) & _IOC_WRITE) {
		ret = copy_struct_from_user(&request->arg, known, user, size);
		if (ret)
			return ret;
	}
	ret = call->run(object, request);
	if (ret || !(_IOC_DIR(cmd) & _IOC_READ))
		return ret;
	if (copy_to_user(user, &request->arg, known) || clear_user(user + known, size - known)) {
		if (call->undo)
			call->undo(object);
		return -EFAULT;
	}
	return 0;
}

static long miracast_call(const struct miracast_call *calls, unsigned int count, void *object,
			  unsigned int cmd, void __user *user)
{
	const struct miracast_call *end = calls + count, *call;
	struct miracast_request request;
	int ret;

	for (call = calls; call < end; call++)
		if (_IOC_TYPE(cmd) == MIRACAST_IOC_TYPE && _IOC_NR(cmd) == _IOC_NR(call->cmd) &&
		    _IOC_DIR(cmd) == _IOC_DIR(call->cmd))
			break;
	if (call == end)
		return -ENOTTY;

	/* Not by an initialiser, which may leave the longer members of the union alone. */
	memset(&request, 0, sizeof(request));
	if (call->gives_fd) {
		request.fd = get_unused_fd_flags(O_CLOEXEC);
		if (request.fd < 0)
			return request.fd;
	}
	ret = miracast_call_run(call, object, cmd, user, &request);
	if (!call->gives_fd)
		return ret;
	if (!ret) {
		fd_install(request.fd, request.file);
		return 0;
	}
	if (request.file)
		fput(request.file);
	put_unused_fd(request.fd);
	return ret;
}

/* ---- memory that leaves as dma-bufs ---- */

static void miracast_buffer_release(struct dma_buf *buf)
{
	struct drm_gem_object *obj = buf->priv;
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(to_drm_gem_shmem_obj(obj)->vaddr);

	dma_resv_lock(obj->resv, NULL);
	drm_gem_dmabuf_vunmap(buf, &map);
	dma_resv_unlock(obj->resv);
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
	struct drm_gem_shmem_object *shmem;
	struct iosys_map map;
	struct dma_buf *buf;
	int ret = -ENOSPC;

	if (atomic64_add_return(size, &device->allocated) > limit)
		goto err_allocated;
	shmem = drm_gem_shmem_create(&device->drm, size);
	if (IS_ERR(shmem)) {
		ret = PTR_ERR(shmem);
		goto err_allocated;
	}
	buf = drm_gem_prime_export(&shmem->base, O_RDWR | O_CLOEXEC);
	drm_gem_object_put(&shmem->base);
	if (IS_ERR(buf)) {
		ret = PTR_ERR(buf);
		goto err_allocated;
	}
	dma_resv_lock(buf->resv, NULL);
	ret = drm_gem_dmabuf_vmap(buf, &map);
	dma_resv_unlock(buf->resv);
	if (ret)
		goto err_buf;
	/* Complete, and not seen by anybody yet: from here on the release undoes all of it. */
	buf->ops = &miracast_buffer_ops;
	return buf;

err_buf:
	dma_buf_put(buf);
err_allocated:
	atomic64_sub(size, &device->allocated);
	return ERR_PTR(ret);
}

/* ---- readers: what the engine and the CRTC see ---- */

/* Does the frame @seq serve this job? */
bool miracast_reader_wants(const struct miracast_job *job, u64 seq)
{
	lockdep_assert_held(&job->reader->head->lock);
	return !job->after_seq || seq > max(job->after_seq, job->reader->last_seq);
}

void miracast_reader_job_done(struct miracast_job *job)
{
	struct miracast_reader *reader = job->reader;

	lockdep_assert_held(&reader->head->lock);
	if (!job->done.status) {
		reader->last_seq = max_t(u64, reader->last_seq, job->done.sequence);
		reader->copied++;
	}
	reader->waiting--;
	list_add_tail(&job->link, &reader->done);
	wake_up_all(&reader->wait);
}

void miracast_reader_wake(struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	if (head->reader)
		wake_up_all(&head->reader->wait);
}

/* ---- readers: life ---- */

static void miracast_job_free(struct miracast_job *job)
{
	dma_buf_put(job->buf);
	kfree(job);
}

static void miracast_grab_drop(struct miracast_head *head)
{
	lockdep_assert_held(&head->lock);
	head->grab_seq = 0;
	head->grab_fb = NULL;
	head->grab_overrun = false;
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
		wake_up_all(&reader->wait);
	}
	spin_unlock_irq(&head->lock);
	if (!reader)
		return;

	wait_event(head->wait, !miracast_engine_copying(head));
	list_splice_init(&reader->done, &jobs);
	list_for_each_entry_safe(job, next, &jobs, link)
		miracast_job_free(job);
}

/* ---- stream descriptor ---- */

static int miracast_alloc(void *object, struct miracast_request *request)
{
	struct miracast_alloc *alloc = &request->arg.alloc;
	struct miracast_reader *reader = object;
	struct dma_buf *buf;

	if (alloc->flags || !alloc->size || alloc->size > MIRACAST_MAX_ALLOC)
		return -EINVAL;
	if (READ_ONCE(reader->revoked))
		return -ESHUTDOWN;
	buf = miracast_buffer_create(reader->head->device, PAGE_ALIGN(alloc->size));
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	alloc->fd = request->fd;
	request->file = buf->file;
	return 0;
}

static int miracast_queue_check(const struct miracast_queue *queue)
{
	if (queue->flags || queue->pad || queue->format != DRM_FORMAT_XRGB8888)
		return -EINVAL;
	if (!queue->width || queue->width > MIRACAST_MAX_WIDTH)
		return -EINVAL;
	if (!queue->height || queue->height > MIRACAST_MAX_HEIGHT)
		return -EINVAL;
	if (queue->pitch % 4 || queue->offset % 4 || queue->pitch < queue->width * 4)
		return -EINVAL;
	return 0;
}

static struct miracast_job *miracast_job_create(struct miracast_reader *reader,
						const struct miracast_queue *queue)
{
	struct miracast_job *job;
	struct dma_buf *buf;
	u64 end = queue->offset + (u64)queue->pitch * queue->height;
	int ret;

	buf = dma_buf_get(queue->fd);
	if (IS_ERR(buf))
		return ERR_CAST(buf);
	if (buf->ops != &miracast_buffer_ops || end > buf->size) {
		ret = -EINVAL;
		goto err_buf;
	}
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job) {
		ret = -ENOMEM;
		goto err_buf;
	}
	job->reader = reader;
	job->buf = buf;
	iosys_map_set_vaddr(&job->dst, to_drm_gem_shmem_obj(buf->priv)->vaddr + queue->offset);
	job->dst_pitch = queue->pitch;
	job->dst_width = queue->width;
	job->dst_height = queue->height;
	job->after_seq = queue->after_seq;
	job->dst_seq = queue->dst_seq;
	job->done.cookie = queue->cookie;
	return job;

err_buf:
	dma_buf_put(buf);
	return ERR_PTR(ret);
}

static int miracast_queue(void *object, struct miracast_request *request)
{
	struct miracast_reader *reader = object;
	struct miracast_head *head = reader->head;
	struct miracast_job *job;
	int ret = miracast_queue_check(&request->arg.queue);

	if (ret)
		return ret;
	job = miracast_job_create(reader, &request->arg.queue);
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

static int miracast_dequeue(void *object, struct miracast_request *request)
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
	request->arg.done = job->done;
	miracast_job_free(job);
	return 0;
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
	if (!head->plugged)
		return -ENODEV;
	if (head->grab_seq)
		return -EBUSY;
	if (!head->showing || !fb || frame->seq <= grab->after_seq)
		return -EAGAIN;

	grab->damage = miracast_damage_since(head, grab->after_seq);
	grab->sequence = frame->seq;
	grab->ready_ns = ktime_to_ns(frame->ready);
	grab->flip_ns = ktime_to_ns(frame->flip);
	grab->vblank = frame->vblank;
	grab->buffer = to_miracast_framebuffer(fb)->id;
	grab->modifier = DRM_FORMAT_MOD_LINEAR;
	grab->format = fb->format->format;
	grab->width = frame->width;
	grab->height = frame->height;
	grab->pitch = fb->pitches[0];
	grab->offset = fb->offsets[0] + frame->y * fb->pitches[0] + frame->x * 4;
	if (miracast_framebuffer_imported(fb))
		grab->frame_flags = MIRACAST_FRAME_IMPORTED;

	head->grab_seq = frame->seq;
	head->grab_fb = fb;
	head->grab_overrun = false;
	reader->grabbed_seq = frame->seq;
	reader->grabbed++;
	drm_framebuffer_get(fb);
	*ret_fb = fb;
	return 0;
}

static void miracast_grab_undo(void *object)
{
	struct miracast_reader *reader = object;
	struct miracast_head *head = reader->head;

	spin_lock_irq(&head->lock);
	if (!reader->revoked)
		miracast_grab_drop(head);
	spin_unlock_irq(&head->lock);
}

/*
 * Own buffers get a new, read-only dma-buf each time; GEM keeps only those that its own ioctl made.
 * For an imported one the GPU that made it knows its own dma-buf when it sees it again.
 */
static struct dma_buf *miracast_grab_export(struct drm_framebuffer *fb)
{
	struct drm_gem_object *obj = fb->obj[0];

	if (!miracast_framebuffer_imported(fb))
		return drm_gem_prime_export(obj, O_RDONLY | O_CLOEXEC);
	get_dma_buf(obj->import_attach->dmabuf);
	return obj->import_attach->dmabuf;
}

static int miracast_grab(void *object, struct miracast_request *request)
{
	struct miracast_grab *grab = &request->arg.grab;
	struct miracast_reader *reader = object;
	struct drm_framebuffer *fb;
	struct dma_buf *buf;
	int ret;

	if (grab->flags)
		return -EINVAL;
	spin_lock_irq(&reader->head->lock);
	ret = miracast_grab_begin(reader, grab, &fb);
	spin_unlock_irq(&reader->head->lock);
	if (ret)
		return ret;

	buf = miracast_grab_export(fb);
	drm_framebuffer_put(fb);
	if (IS_ERR(buf)) {
		miracast_grab_undo(reader);
		return PTR_ERR(buf);
	}
	grab->fd = request->fd;
	request->file = buf->file;
	return 0;
}

static int miracast_release(void *object, struct miracast_request *request)
{
	struct miracast_release *release = &request->arg.release;
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

static int miracast_get_state(void *object, struct miracast_request *request)
{
	struct miracast_reader *reader = object;
	struct miracast_head *head = reader->head;
	int ret;

	spin_lock_irq(&head->lock);
	request->arg.state = (struct miracast_state){
		.mode = head->mode,
		.flags = (head->plugged ? MIRACAST_STATE_PLUGGED : 0) |
			 (head->active ? MIRACAST_STATE_ACTIVE : 0),
		.queued = reader->waiting,
		.sequence = head->plugged && head->showing ? head->frame.seq : 0,
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
	{ MIRACAST_IOC_ALLOC, miracast_alloc, true },
	{ MIRACAST_IOC_QUEUE, miracast_queue },
	{ MIRACAST_IOC_DEQUEUE, miracast_dequeue },
	{ MIRACAST_IOC_GRAB, miracast_grab, true, miracast_grab_undo },
	{ MIRACAST_IOC_RELEASE, miracast_release },
	{ MIRACAST_IOC_GET_STATE, miracast_get_state },
};

static long miracast_reader_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return miracast_call(miracast_reader_calls, ARRAY_SIZE(miracast_reader_calls),
			     file->private_data, cmd, (void __user *)user);
}

static __poll_t miracast_reader_poll(struct file *file, poll_table *table)
{
	struct miracast_reader *reader = file->private_data;
	struct miracast_head *head = reader->head;
	__poll_t mask = 0;

	poll_wait(file, &reader->wait, table);
	spin_lock_irq(&head->lock);
	if (reader->revoked)
		mask |= EPOLLHUP | EPOLLERR;
	else if (head->plugged && head->showing && head->frame.fb &&
		 head->frame.seq > reader->grabbed_seq)
		mask |= EPOLLPRI;
	if (!reader->revoked && !list_empty(&reader->done))
		mask |= EPOLLIN | EPOLLRDNORM;
	spin_unlock_irq(&head->lock);
	return mask;
}

static int miracast_reader_close(struct inode *inode, struct file *file)
{
	struct miracast_reader *reader = file->private_data;
	struct miracast_head *head = reader->head;

	mutex_lock(&head->reader_lock);
	/* Written under both locks, so either is enough to read it. */
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

/* ---- control descriptor ---- */

static int miracast_get_info(void *object, struct miracast_request *request)
{
	struct miracast_head *head = object;

	request->arg.info = (struct miracast_info){
		.uapi_major = MIRACAST_UAPI_MAJOR,
		.uapi_minor = MIRACAST_UAPI_MINOR,
		.caps = MIRACAST_CAP_COPY | MIRACAST_CAP_GRAB,
		.card_minor = head->device->drm.primary->index,
		.connector_id = head->connector.base.id,
		.crtc_id = head->crtc.base.id,
		.head = head->index,
		.head_count = head->device->head_count,
		.max_width = MIRACAST_MAX_WIDTH,
		.max_height = MIRACAST_MAX_HEIGHT,
		.max_clock = MIRACAST_MAX_CLOCK,
		.min_refresh = MIRACAST_MIN_REFRESH,
		.max_refresh = MIRACAST_MAX_REFRESH,
		.max_modes = MIRACAST_MAX_MODES,
		.max_edid_size = MIRACAST_MAX_EDID_SIZE,
		.max_queued = MIRACAST_MAX_QUEUED,
	};
	return 0;
}

/* Plugged for readers, and the control descriptor is told what is shown already. */
static void miracast_head_set_plugged(struct miracast_head *head, bool plugged)
{
	spin_lock_irq(&head->lock);
	if (plugged && !head->plugged && head->mode.clock) {
		miracast_head_tell(head, MIRACAST_EVENT_MODE);
		miracast_head_tell(head, MIRACAST_EVENT_POWER);
	}
	head->plugged = plugged;
	if (!plugged && head->grab_fb) {
		head->grab_fb = NULL;
		head->grab_overrun = true;
	}
	miracast_engine_kick(head);
	miracast_reader_wake(head);
	spin_unlock_irq(&head->lock);
}

static int miracast_plug(void *object, struct miracast_request *request)
{
	const struct miracast_plug *plug = &request->arg.plug;
	struct miracast_head *head = object;
	struct miracast_display *display;
	struct miracast_mode *modes;
	u8 *edid;

	if (plug->flags || !plug->mode_count || plug->mode_count > MIRACAST_MAX_MODES ||
	    plug->preferred >= plug->mode_count)
		return -EINVAL;
	if (!plug->edid_size || plug->edid_size > MIRACAST_MAX_EDID_SIZE)
		return -EINVAL;

	edid = vmemdup_user(u64_to_user_ptr(plug->edid), plug->edid_size);
	if (IS_ERR(edid))
		return PTR_ERR(edid);
	modes = memdup_user(u64_to_user_ptr(plug->modes), plug->mode_count * sizeof(*modes));
	if (IS_ERR(modes)) {
		kvfree(edid);
		return PTR_ERR(modes);
	}
	display = miracast_display_create(&head->device->drm, edid, plug->edid_size, modes,
					  plug->mode_count, plug->preferred);
	kfree(modes);
	kvfree(edid);
	if (IS_ERR(display))
		return PTR_ERR(display);

	/* Before the desktop hears of it: its first frame must find the head plugged. */
	miracast_head_set_plugged(head, true);
	miracast_connector_plug(head, display);
	return 0;
}

static int miracast_unplug(void *object, struct miracast_request *request)
{
	struct miracast_head *head = object;

	miracast_head_set_plugged(head, false);
	miracast_connector_plug(head, NULL);
	return 0;
}

static int miracast_stream(void *object, struct miracast_request *request)
{
	struct miracast_head *head = object;
	struct miracast_reader *reader;
	struct file *file;

	if (request->arg.stream.flags)
		return -EINVAL;
	reader = kzalloc(sizeof(*reader), GFP_KERNEL);
	if (!reader)
		return -ENOMEM;
	reader->head = head;
	init_waitqueue_head(&reader->wait);
	INIT_LIST_HEAD(&reader->done);
	file = anon_inode_getfile("[miracast]", &miracast_reader_fops, reader, O_RDWR);
	if (IS_ERR(file)) {
		kfree(reader);
		return PTR_ERR(file);
	}

	mutex_lock(&head->reader_lock);
	miracast_reader_revoke(head);
	spin_lock_irq(&head->lock);
	head->reader = reader;
	spin_unlock_irq(&head->lock);
	mutex_unlock(&head->reader_lock);
	request->arg.stream.fd = request->fd;
	request->file = file;
	return 0;
}

static int miracast_revoke(void *object, struct miracast_request *request)
{
	struct miracast_head *head = object;

	mutex_lock(&head->reader_lock);
	miracast_reader_revoke(head);
	mutex_unlock(&head->reader_lock);
	return 0;
}

static const struct miracast_call miracast_control_calls[] = {
	{ MIRACAST_IOC_GET_INFO, miracast_get_info },
	{ MIRACAST_IOC_PLUG, miracast_plug },
	{ MIRACAST_IOC_UNPLUG, miracast_unplug },
	{ MIRACAST_IOC_STREAM, miracast_stream, true },
	{ MIRACAST_IOC_REVOKE, miracast_revoke },
};

static long miracast_control_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return miracast_call(miracast_control_calls, ARRAY_SIZE(miracast_control_calls),
			     file->private_data, cmd, (void __user *)user);
}

static bool miracast_event_take(struct miracast_head *head, struct miracast_event *event)
{
	u32 type = 0;

	spin_lock_irq(&head->lock);
	if (head->events) {
		/* The lower bit first: MODE before POWER. */
		type = __ffs(head->events);
		head->events &= ~(1u << type);
		memset(event, 0, sizeof(*event));
		event->type = type;
		event->length = sizeof(*event);
		event->time_ns = ktime_to_ns(head->event_time[type]);
		event->mode = head->mode;
		event->active = head->active;
	}
	spin_unlock_irq(&head->lock);
	return type;
}

static ssize_t miracast_control_read(struct file *file, char __user *user, size_t size,
				     loff_t *offset)
{
	struct miracast_head *head = file->private_data;
	struct miracast_event event;
	size_t done = 0;
	int ret;

	if (size < sizeof(event))
		return -EINVAL;
	while (done + sizeof(event) <= size) {
		if (miracast_event_take(head, &event)) {
			if (copy_to_user(user + done, &event, sizeof(event)))
				return done ?: -EFAULT;
			done += sizeof(event);
			continue;
		}
		if (done)
			break;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(head->wait, READ_ONCE(head->events));
		if (ret)
			return ret;
	}
	return done;
}

static __poll_t miracast_control_poll(struct file *file, poll_table *table)
{
	struct miracast_head *head = file->private_data;

	poll_wait(file, &head->wait, table);
	return READ_ONCE(head->events) ? EPOLLIN | EPOLLRDNORM : 0;
}

static struct miracast_head *miracast_head_claim(struct miracast_device *device)
{
	struct miracast_head *head = NULL;
	unsigned int i;

	mutex_lock(&device->lock);
	for (i = 0; i < device->head_count && !head; i++) {
		if (!device->heads[i].claimed) {
			head = &device->heads[i];
			head->claimed = true;
		}
	}
	mutex_unlock(&device->lock);
	return head;
}

static int miracast_control_open(struct inode *inode, struct file *file)
{
	struct miracast_device *device =
		container_of(file->private_data, struct miracast_device, node);
	struct miracast_head *head = miracast_head_claim(device);

	if (!head)
		return -EBUSY;
	spin_lock_irq(&head->lock);
	head->events = 0;
	spin_unlock_irq(&head->lock);
	file->private_data = head;
	return stream_open(inode, file);
}

/* However the daemon went: no ghost of a display stays. */
static int miracast_control_close(struct inode *inode, struct file *file)
{
	struct miracast_head *head = file->private_data;

	miracast_revoke(head, NULL);
	miracast_unplug(head, NULL);

	mutex_lock(&head->device->lock);
	head->claimed = false;
	mutex_unlock(&head->device->lock);
	return 0;
}

static const struct file_operations miracast_control_fops = {
	.owner = THIS_MODULE,
	.open = miracast_control_open,
	.release = miracast_control_close,
	.read = miracast_control_read,
	.unlocked_ioctl = miracast_control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = miracast_control_poll,
};

int miracast_node_register(struct miracast_device *device)
{
	device->node.minor = MISC_DYNAMIC_MINOR;
	device->node.name = "miracast";
	device->node.fops = &miracast_control_fops;
	device->node.parent = device->drm.dev;
	device->node.mode = 0600;
	return misc_register(&device->node);
}

void miracast_node_unregister(struct miracast_device *device)
{
	misc_deregister(&device->node);
}

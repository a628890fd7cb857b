// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node /dev/miracast: what every call of <uapi/miracast.h> has in common, and the control
 * descriptor's own ones.
 *
 * Knows user space: pointers, sizes, flags. What it hands to the other files is checked and is the
 * kernel's. Does not know frames, nor KMS beyond the ids it tells.
 */
#include <linux/fs.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>

#include "miracast_drv.h"

/*
 * Run an ioctl, if it is in the table @call, which an empty one closes. User space's structure may
 * be newer (longer) than ours. A call that gives a descriptor installs it before its number is
 * told, as DRM's own do: where there is no place to tell it, the caller has it nonetheless.
 */
long miracast_call(const struct miracast_call *call, void *object, unsigned int cmd,
		   void __user *user)
{
	u64 argument[16] = {};
	unsigned int known, size = _IOC_SIZE(cmd);
	int ret;

	while (call->run && (call->cmd ^ cmd) & ~IOCSIZE_MASK)
		call++;
	if (!call->run)
		return -ENOTTY;
	known = _IOC_SIZE(call->cmd);
	if (size < known || WARN_ON_ONCE(known > sizeof(argument)))
		return -EINVAL;

	if (_IOC_DIR(cmd) & _IOC_WRITE) {
		ret = copy_struct_from_user(argument, known, user, size);
		if (ret)
			return ret;
	}
	ret = call->run(object, argument);
	if (ret || !(_IOC_DIR(cmd) & _IOC_READ))
		return ret;
	if (copy_to_user(user, argument, known) || clear_user(user + known, size - known))
		return -EFAULT;
	return 0;
}

static int miracast_get_info(void *object, void *argument)
{
	struct miracast_head *head = object;

	*(struct miracast_info *)argument = (struct miracast_info){
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

static int miracast_plug(void *object, void *argument)
{
	const struct miracast_plug *plug = argument;
	struct miracast_head *head = object;
	struct miracast_display *display;
	struct miracast_mode *modes;
	u8 *edid;

	if (plug->flags || !plug->mode_count || plug->mode_count > MIRACAST_MAX_MODES ||
	    plug->preferred >= plug->mode_count || !plug->edid_size ||
	    plug->edid_size > MIRACAST_MAX_EDID_SIZE)
		return -EINVAL;

	edid = vmemdup_user(u64_to_user_ptr(plug->edid), plug->edid_size);
	if (IS_ERR(edid))
		return PTR_ERR(edid);
	modes = memdup_user(u64_to_user_ptr(plug->modes), plug->mode_count * sizeof(*modes));
	if (IS_ERR(modes)) {
		kvfree(edid);
		return PTR_ERR(modes);
	}
	display = miracast_display_create(&head->device->drm, plug, edid, modes);
	kfree(modes);
	kvfree(edid);
	if (IS_ERR(display))
		return PTR_ERR(display);

	miracast_connector_plug(head, display);
	return 0;
}

static int miracast_unplug(void *object, void *argument)
{
	miracast_connector_plug(object, NULL);
	return 0;
}

static const struct miracast_call miracast_control_calls[] = {
	{ MIRACAST_IOC_GET_INFO, miracast_get_info },
	{ MIRACAST_IOC_PLUG, miracast_plug },
	{ MIRACAST_IOC_UNPLUG, miracast_unplug },
	{ MIRACAST_IOC_STREAM, miracast_stream_create },
	{ MIRACAST_IOC_REVOKE, miracast_stream_revoke },
	{}
};

static long miracast_control_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return miracast_call(miracast_control_calls, file->private_data, cmd, (void __user *)user);
}

static bool miracast_event_take(struct miracast_head *head, struct miracast_event *event)
{
	u32 type, pending;

	spin_lock_irq(&head->lock);
	pending = head->events;
	if (pending) {
		/* The lower bit first: MODE before POWER. */
		type = __ffs(pending);
		head->events &= ~(1u << type);
		*event = (struct miracast_event){ type, sizeof(*event), head->event_time[type],
						  head->mode, head->active };
	}
	spin_unlock_irq(&head->lock);
	return pending;
}

static ssize_t miracast_control_read(struct file *file, char __user *user, size_t size,
				     loff_t *offset)
{
	struct miracast_head *head = file->private_data;
	struct miracast_event event;
	size_t done;

	if (size < sizeof(event))
		return -EINVAL;
	for (done = 0; done + sizeof(event) <= size; done += sizeof(event)) {
		while (!miracast_event_take(head, &event)) {
			if (done || file->f_flags & O_NONBLOCK)
				return done ?: -EAGAIN;
			if (wait_event_interruptible(head->control_wait, READ_ONCE(head->events)))
				return -ERESTARTSYS;
		}
		if (copy_to_user(user + done, &event, sizeof(event)))
			return done ?: -EFAULT;
	}
	return done;
}

static __poll_t miracast_control_poll(struct file *file, poll_table *table)
{
	struct miracast_head *head = file->private_data;

	poll_wait(file, &head->control_wait, table);
	return READ_ONCE(head->events) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int miracast_control_open(struct inode *inode, struct file *file)
{
	struct miracast_device *device =
		container_of(file->private_data, struct miracast_device, node);
	struct miracast_head *head = device->heads, *end = head + device->head_count;

	mutex_lock(&device->lock);
	while (head < end && head->claimed)
		head++;
	if (head < end)
		head->claimed = true;
	mutex_unlock(&device->lock);
	if (head == end)
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

	miracast_stream_revoke(head, NULL);
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The card: its life from module load to unload, its framebuffers and its memory.
 *
 * Knows DRM's device and GEM helpers. Does not know what is plugged, when a picture is shown or who
 * reads it.
 *
 * The card is made at load with all its heads and never changes: desktops cope badly with cards
 * that come late or go early. There is no console on it (no fbdev), so that nobody's kernel log
 * appears on a television.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>

#include <drm/drm_damage_helper.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_prime.h>

#include "miracast_drv.h"

static unsigned int heads = 4;
module_param(heads, uint, 0444);
MODULE_PARM_DESC(heads, "Displays that can be cast at a time (1 to 8, default 4)");

bool miracast_framebuffer_imported(const struct drm_framebuffer *fb)
{
	return fb->obj[0]->import_attach;
}

/*
 * Give the CPU a view of the framebuffer, once for its whole life: readers may allocate nothing.
 */
int miracast_framebuffer_map(struct drm_framebuffer *fb)
{
	struct miracast_framebuffer *mfb = to_miracast_framebuffer(fb);
	int ret = 0;

	mutex_lock(&mfb->lock);
	if (!mfb->mapped) {
		/* Past GEM: lockdep cannot tell the locks of an exporting GEM driver from ours. */
		if (miracast_framebuffer_imported(fb))
			ret = miracast_dma_buf_vmap(fb->obj[0]->import_attach->dmabuf, mfb->map);
		else
			ret = drm_gem_fb_vmap(fb, mfb->map, NULL);
		/* Pairs with the engine, which looks without the lock. */
		smp_store_release(&mfb->mapped, !ret);
	}
	mutex_unlock(&mfb->lock);
	return ret;
}

/* The pixel at @x, @y of a mapped framebuffer. */
struct iosys_map miracast_framebuffer_at(struct drm_framebuffer *fb, u32 x, u32 y)
{
	size_t offset = fb->offsets[0] + (size_t)y * fb->pitches[0] + 4 * x;
	struct iosys_map map = IOSYS_MAP_INIT_OFFSET(to_miracast_framebuffer(fb)->map, offset);

	return map;
}

static void miracast_framebuffer_destroy(struct drm_framebuffer *fb)
{
	struct miracast_framebuffer *mfb = to_miracast_framebuffer(fb);

	if (mfb->mapped && miracast_framebuffer_imported(fb))
		miracast_dma_buf_vunmap(fb->obj[0]->import_attach->dmabuf, mfb->map);
	else if (mfb->mapped)
		drm_gem_fb_vunmap(fb, mfb->map);
	mutex_destroy(&mfb->lock);
	drm_gem_fb_destroy(fb);
}

static const struct drm_framebuffer_funcs miracast_framebuffer_funcs = {
	.destroy = miracast_framebuffer_destroy,
	.create_handle = drm_gem_fb_create_handle,
	.dirty = drm_atomic_helper_dirtyfb,
};

static struct drm_framebuffer *
miracast_framebuffer_create(struct drm_device *drm, struct drm_file *file,
			    MIRACAST_FB_INFO(const struct drm_format_info *info)
			    const struct drm_mode_fb_cmd2 *cmd)
{
	struct miracast_framebuffer *mfb;
	int ret;

	/* The stock helper takes any modifier when a driver lists none: it would show as noise. */
	if ((cmd->flags & DRM_MODE_FB_MODIFIERS && cmd->modifier[0] != DRM_FORMAT_MOD_LINEAR) ||
	    (cmd->pixel_format != DRM_FORMAT_XRGB8888 &&
	     cmd->pixel_format != DRM_FORMAT_ARGB8888) ||
	    cmd->offsets[0] % 4 || cmd->pitches[0] % 4)
		return ERR_PTR(-EINVAL);

	/* drm_gem_fb_destroy() frees the base, which is therefore the first member. */
	BUILD_BUG_ON(offsetof(struct miracast_framebuffer, base));
	mfb = kzalloc(sizeof(*mfb), GFP_KERNEL);
	if (!mfb)
		return ERR_PTR(-ENOMEM);

	mutex_init(&mfb->lock);
	mfb->id = atomic64_inc_return(&to_miracast_device(drm)->fb_id);
	ret = drm_gem_fb_init_with_funcs(drm, &mfb->base, file, MIRACAST_FB_INFO(info) cmd,
					 &miracast_framebuffer_funcs);
	if (ret) {
		kfree(mfb);
		return ERR_PTR(ret);
	}
	return &mfb->base;
}

/*
 * Disables, enables, planes: the first flip of a CRTC needs a running vblank, else its event would
 * carry sequence and time 0.
 *
 * From here to hw_done is the way to the fences of the commit. The annotation lets lockdep prove
 * that nothing on it waits for memory.
 */
static void miracast_commit_tail(struct drm_atomic_state *state)
{
	struct drm_device *drm = state->dev;
	bool cookie = dma_fence_begin_signalling();
	int i;

	drm_atomic_helper_commit_modeset_disables(drm, state);
	drm_atomic_helper_commit_modeset_enables(drm, state);
	drm_atomic_helper_commit_planes(drm, state, 0);
	drm_atomic_helper_commit_hw_done(state);
	dma_fence_end_signalling(cookie);

	/*
	 * The old buffers stay until the flip event, which is held while they are read. Not by the
	 * helper: it gives up after some seconds, and what is read must not go.
	 */
	for (i = 0; i < drm->mode_config.num_crtc; i++)
		if (state->crtcs[i].commit)
			wait_for_completion(&state->crtcs[i].commit->flip_done);
	drm_atomic_helper_cleanup_planes(drm, state);
}

static const struct drm_mode_config_funcs miracast_mode_config_funcs = {
	.fb_create = miracast_framebuffer_create,
	.mode_valid = miracast_mode_valid,
	.atomic_check = drm_atomic_helper_check,
	.atomic_commit = drm_atomic_helper_commit,
};

static const struct drm_mode_config_helper_funcs miracast_mode_config_helper_funcs = {
	.atomic_commit_tail = miracast_commit_tail,
};

/* Lines of 256 bytes: every GPU that may import the buffer later can read such a pitch. */
static int miracast_dumb_create(struct drm_file *file, struct drm_device *drm,
				struct drm_mode_create_dumb *args)
{
	struct drm_gem_shmem_object *shmem;
	u64 pitch = ALIGN(DIV_ROUND_UP_ULL((u64)args->width * args->bpp, 8), 256);
	int ret;

	if (!pitch || pitch > U32_MAX || !args->height)
		return -EINVAL;
	args->pitch = pitch;
	args->size = PAGE_ALIGN(pitch * args->height);

	shmem = drm_gem_shmem_create(drm, args->size);
	if (IS_ERR(shmem))
		return PTR_ERR(shmem);
	ret = drm_gem_handle_create(file, &shmem->base, &args->handle);
	/* The handle, if there is one, holds the object now. */
	drm_gem_object_put(&shmem->base);
	return ret;
}

DEFINE_DRM_GEM_FOPS(miracast_card_fops);

static const struct drm_driver miracast_driver = {
	.driver_features = DRIVER_MODESET | DRIVER_ATOMIC | DRIVER_GEM,
	.fops = &miracast_card_fops,
	.dumb_create = miracast_dumb_create,
	MIRACAST_DRIVER_PRIME
	MIRACAST_DRIVER_IMPORT
	MIRACAST_DRIVER_DATE
	.name = "miracast",
	.desc = "Displays cast over Miracast",
	.major = 1,
};

struct workqueue_struct *miracast_engine;
static struct miracast_device *miracast_device;

static int miracast_head_init(struct miracast_device *device, unsigned int index)
{
	struct miracast_head *head = &device->heads[index];

	head->device = device;
	head->index = index;
	mutex_init(&head->plug_lock);
	mutex_init(&head->reader_lock);
	spin_lock_init(&head->lock);
	init_waitqueue_head(&head->wait);
	init_waitqueue_head(&head->control_wait);
	init_waitqueue_head(&head->stream_wait);
	INIT_LIST_HEAD(&head->jobs);

	return miracast_crtc_init(head) ?: miracast_connector_init(head) ?:
	       miracast_writeback_init(head);
}

static int miracast_device_init(struct miracast_device *device)
{
	struct drm_device *drm = &device->drm;
	unsigned int i;
	int ret;

	mutex_init(&device->lock);
	/* Allocated before the KMS objects in them are, so freed after these. */
	device->head_count = heads;
	device->heads = drmm_kcalloc(drm, heads, sizeof(*device->heads), GFP_KERNEL);
	if (!device->heads)
		return -ENOMEM;

	ret = drmm_mode_config_init(drm);
	if (ret)
		return ret;
	drm->mode_config.max_width = MIRACAST_MAX_FB;
	drm->mode_config.max_height = MIRACAST_MAX_FB;
	drm->mode_config.preferred_depth = 24;
	drm->mode_config.funcs = &miracast_mode_config_funcs;
	drm->mode_config.helper_private = &miracast_mode_config_helper_funcs;
	for (i = 0; i < device->head_count && !ret; i++)
		ret = miracast_head_init(device, i);
	if (ret)
		return ret;

	/* Times come from a grid, so vblanks can stop and start without losing count. */
	drm->vblank_disable_immediate = true;
	ret = drm_vblank_init(drm, device->head_count);
	if (!ret)
		drm_mode_config_reset(drm);
	return ret;
}

/* Vblanks stop while the machine sleeps, and the picture comes back afterwards. */
static int miracast_suspend(struct device *parent)
{
	return drm_mode_config_helper_suspend(&miracast_device->drm);
}

static int miracast_resume(struct device *parent)
{
	return drm_mode_config_helper_resume(&miracast_device->drm);
}

static DEFINE_SIMPLE_DEV_PM_OPS(miracast_pm_ops, miracast_suspend, miracast_resume);

/*
 * The parent's bus, of its own. Desktops take a platform device for the graphics of the chip and
 * prefer it over a real card; Xorg dies of a card whose parent is on no bus at all.
 */
static struct bus_type miracast_bus = {
	.name = "miracast",
	.pm = pm_sleep_ptr(&miracast_pm_ops),
};

static void miracast_parent_release(struct device *parent)
{
	kfree(parent);
}

static int miracast_device_create(struct device *parent)
{
	struct miracast_device *device;
	int ret;

	ret = dma_coerce_mask_and_coherent(parent, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	device = devm_drm_dev_alloc(parent, &miracast_driver, struct miracast_device, drm);
	if (IS_ERR(device))
		return PTR_ERR(device);

	ret = miracast_device_init(device);
	if (ret)
		return ret;
	ret = drm_dev_register(&device->drm, 0);
	if (ret)
		return ret;
	ret = miracast_node_register(device);
	if (ret) {
		drm_dev_unregister(&device->drm);
		drm_atomic_helper_shutdown(&device->drm);
		return ret;
	}

	miracast_device = device;
	return 0;
}

static int __init miracast_init(void)
{
	struct device *parent;
	int ret;

	if (!heads || heads > MIRACAST_MAX_HEADS)
		return -EINVAL;

	/* Not made for reclaim: neither are DRM's workers, whose commits it follows. */
	miracast_engine = alloc_workqueue("miracast", WQ_HIGHPRI | WQ_UNBOUND, 0);
	if (!miracast_engine)
		return -ENOMEM;
	ret = bus_register(&miracast_bus);
	if (ret)
		goto err_engine;
	parent = kzalloc(sizeof(*parent), GFP_KERNEL);
	if (!parent) {
		ret = -ENOMEM;
		goto err_bus;
	}
	parent->init_name = "miracast";
	parent->bus = &miracast_bus;
	parent->release = miracast_parent_release;
	ret = device_register(parent);
	if (ret) {
		put_device(parent);
		goto err_bus;
	}
	/* No driver binds to it, so its managed resources are a group that we release. */
	if (!devres_open_group(parent, NULL, GFP_KERNEL)) {
		ret = -ENOMEM;
		goto err_parent;
	}
	ret = miracast_device_create(parent);
	if (!ret)
		return 0;

	devres_release_group(parent, NULL);
err_parent:
	device_unregister(parent);
err_bus:
	bus_unregister(&miracast_bus);
err_engine:
	destroy_workqueue(miracast_engine);
	return ret;
}

/* Every open descriptor of card and node holds the module: nobody is there any more. */
static void __exit miracast_exit(void)
{
	struct drm_device *drm = &miracast_device->drm;
	struct device *parent = drm->dev;

	misc_deregister(&miracast_device->node);
	drm_dev_unregister(drm);
	/* Waits for the engine, but its last worker may still have to return. */
	drm_atomic_helper_shutdown(drm);
	destroy_workqueue(miracast_engine);
	/* What writebacks wrote to goes by a worker of DRM's, whenever that comes to it. */
	while (READ_ONCE(drm->mode_config.num_fb))
		msleep(20);
	devres_release_group(parent, NULL);
	device_unregister(parent);
	bus_unregister(&miracast_bus);
}

module_init(miracast_init);
module_exit(miracast_exit);

MODULE_DESCRIPTION("DRM card for displays cast over Miracast");
MODULE_AUTHOR("The Miracast for Linux authors");
MODULE_LICENSE("GPL");
/* Out of the tree: with it modpost adds srcversion, by which a loaded older module is told. */
MODULE_VERSION("0.1.0");
MODULE_IMPORT_NS(MIRACAST_DMA_BUF_NS);

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
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_damage_helper.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_prime.h>
#include <drm/drm_probe_helper.h>
#include <drm/drm_vblank.h>

#include "miracast_drv.h"

static unsigned int heads = 4;
module_param(heads, uint, 0444);
MODULE_PARM_DESC(heads, "Displays that can be cast at a time (1 to 8, default 4)");

/* ---- framebuffers ---- */

bool miracast_framebuffer_imported(const struct drm_framebuffer *fb)
{
	return fb->obj[0]->import_attach;
}

/* Past GEM: the exporter may be a GEM driver too, whose locks lockdep cannot tell from ours. */
static int miracast_framebuffer_map_import(struct miracast_framebuffer *mfb)
{
	int ret = dma_buf_vmap_unlocked(mfb->base.obj[0]->import_attach->dmabuf, &mfb->map[0]);

	if (ret)
		return ret;
	mfb->data[0] = mfb->map[0];
	iosys_map_incr(&mfb->data[0], mfb->base.offsets[0]);
	return 0;
}

/*
 * Give the CPU a view of the framebuffer, once for its whole life: readers may allocate nothing.
 * A buffer that cannot be mapped is asked only once as well.
 */
int miracast_framebuffer_map(struct drm_framebuffer *fb)
{
	struct miracast_framebuffer *mfb = to_miracast_framebuffer(fb);
	int ret;

	mutex_lock(&mfb->lock);
	if (!mfb->mapped && !mfb->map_error) {
		if (miracast_framebuffer_imported(fb))
			mfb->map_error = miracast_framebuffer_map_import(mfb);
		else
			mfb->map_error = drm_gem_fb_vmap(fb, mfb->map, mfb->data);
		/* Pairs with the engine, which looks without the lock. */
		if (!mfb->map_error)
			smp_store_release(&mfb->mapped, true);
	}
	ret = mfb->map_error;
	mutex_unlock(&mfb->lock);
	return ret;
}

static void miracast_framebuffer_destroy(struct drm_framebuffer *fb)
{
	struct miracast_framebuffer *mfb = to_miracast_framebuffer(fb);

	if (mfb->mapped && miracast_framebuffer_imported(fb))
		dma_buf_vunmap_unlocked(fb->obj[0]->import_attach->dmabuf, &mfb->map[0]);
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

/*
 * The stock helper takes any modifier when a driver lists none; a wrong one would be shown as
 * noise.
 */
static bool miracast_framebuffer_supported(const struct drm_mode_fb_cmd2 *cmd)
{
	if (cmd->pixel_format != DRM_FORMAT_XRGB8888 && cmd->pixel_format != DRM_FORMAT_ARGB8888)
		return false;
	if (cmd->offsets[0] % 4 || cmd->pitches[0] % 4)
		return false;
	return !(cmd->flags & DRM_MODE_FB_MODIFIERS) || cmd->modifier[0] == DRM_FORMAT_MOD_LINEAR;
}

static struct drm_framebuffer *
miracast_framebuffer_create(struct drm_device *drm, struct drm_file *file,
			    MIRACAST_FB_INFO_PARAM const struct drm_mode_fb_cmd2 *cmd)
{
	struct miracast_framebuffer *mfb;
	int ret;

	if (!miracast_framebuffer_supported(cmd))
		return ERR_PTR(-EINVAL);

	/* drm_gem_fb_destroy() frees the base, which is therefore the first member. */
	BUILD_BUG_ON(offsetof(struct miracast_framebuffer, base));
	mfb = kzalloc(sizeof(*mfb), GFP_KERNEL);
	if (!mfb)
		return ERR_PTR(-ENOMEM);

	mutex_init(&mfb->lock);
	mfb->id = atomic64_inc_return(&to_miracast_device(drm)->fb_id);
	ret = drm_gem_fb_init_with_funcs(drm, &mfb->base, file, MIRACAST_FB_INFO_ARG cmd,
					 &miracast_framebuffer_funcs);
	if (ret) {
		kfree(mfb);
		return ERR_PTR(ret);
	}
	return &mfb->base;
}

/* ---- commits ---- */

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

	drm_atomic_helper_commit_modeset_disables(drm, state);
	drm_atomic_helper_commit_modeset_enables(drm, state);
	drm_atomic_helper_commit_planes(drm, state, 0);
	drm_atomic_helper_commit_hw_done(state);
	dma_fence_end_signalling(cookie);

	/* The old buffers stay until the flip event, which is held while they are read. */
	drm_atomic_helper_wait_for_flip_done(drm, state);
	drm_atomic_helper_cleanup_planes(drm, state);
}

static enum drm_mode_status miracast_mode_valid(struct drm_device *drm,
						const struct drm_display_mode *mode)
{
	return miracast_mode_in_limits(mode) ? MODE_OK : MODE_BAD;
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

static int miracast_mode_config_init(struct miracast_device *device)
{
	struct drm_mode_config *config = &device->drm.mode_config;
	int ret;

	ret = drmm_mode_config_init(&device->drm);
	if (ret)
		return ret;

	config->min_width = 16;
	config->min_height = 16;
	config->max_width = MIRACAST_MAX_FB;
	config->max_height = MIRACAST_MAX_FB;
	config->preferred_depth = 24;
	config->prefer_shadow = 0;
	config->funcs = &miracast_mode_config_funcs;
	config->helper_private = &miracast_mode_config_helper_funcs;
	return 0;
}

/* ---- driver ---- */

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
	.minor = 0,
};

/* ---- life ---- */

static struct device *miracast_parent;
static struct miracast_device *miracast_device;

static void miracast_engine_release(struct drm_device *drm, void *engine)
{
	destroy_workqueue(engine);
}

static int miracast_head_init(struct miracast_device *device, unsigned int index)
{
	struct miracast_head *head = &device->heads[index];
	int ret;

	head->device = device;
	head->index = index;
	ret = drmm_mutex_init(&device->drm, &head->plug_lock);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&device->drm, &head->reader_lock);
	if (ret)
		return ret;
	spin_lock_init(&head->lock);
	spin_lock_init(&head->vblank_timer_lock);
	init_waitqueue_head(&head->wait);
	INIT_LIST_HEAD(&head->jobs);

	ret = miracast_crtc_init(head);
	if (ret)
		return ret;
	ret = miracast_connector_init(head);
	if (ret)
		return ret;
	return miracast_writeback_init(head);
}

static int miracast_device_init(struct miracast_device *device)
{
	struct drm_device *drm = &device->drm;
	unsigned int i;
	int ret;

	ret = drmm_mutex_init(drm, &device->lock);
	if (ret)
		return ret;

	/* Allocated before the KMS objects in them are, so freed after these. */
	device->head_count = heads;
	device->heads = drmm_kcalloc(drm, heads, sizeof(*device->heads), GFP_KERNEL);
	if (!device->heads)
		return -ENOMEM;

	/* Fences wait for the engine: it must run when memory is short. */
	device->engine = alloc_workqueue("miracast", WQ_HIGHPRI | WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!device->engine)
		return -ENOMEM;
	ret = drmm_add_action_or_reset(drm, miracast_engine_release, device->engine);
	if (ret)
		return ret;

	ret = miracast_mode_config_init(device);
	if (ret)
		return ret;
	for (i = 0; i < device->head_count; i++) {
		ret = miracast_head_init(device, i);
		if (ret)
			return ret;
	}

	/* Times come from a grid, so vblanks can stop and start without losing count. */
	drm->vblank_disable_immediate = true;
	ret = drm_vblank_init(drm, device->head_count);
	if (ret)
		return ret;
	drm_mode_config_reset(drm);
	drm_kms_helper_poll_init(drm);
	return 0;
}

static void miracast_device_stop(struct miracast_device *device)
{
	unsigned int i;

	drm_kms_helper_poll_fini(&device->drm);
	drm_atomic_helper_shutdown(&device->drm);
	for (i = 0; i < device->head_count; i++) {
		cancel_work_sync(&device->heads[i].engine);
		cancel_work_sync(&device->heads[i].foreign);
		hrtimer_cancel(&device->heads[i].vblank_timer);
	}
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
		goto err_stop;
	ret = miracast_node_register(device);
	if (ret)
		goto err_unregister;

	miracast_device = device;
	return 0;

err_unregister:
	drm_dev_unregister(&device->drm);
err_stop:
	miracast_device_stop(device);
	return ret;
}

static int __init miracast_init(void)
{
	int ret;

	if (!heads || heads > MIRACAST_MAX_HEADS) {
		pr_err("miracast: heads must be 1 to %d\n", MIRACAST_MAX_HEADS);
		return -EINVAL;
	}

	miracast_parent = miracast_parent_create("miracast");
	if (IS_ERR(miracast_parent))
		return PTR_ERR(miracast_parent);

	/* No driver binds to the parent, so its managed resources are a group that we release. */
	if (!devres_open_group(miracast_parent, NULL, GFP_KERNEL)) {
		ret = -ENOMEM;
		goto err_parent;
	}
	ret = miracast_device_create(miracast_parent);
	if (ret)
		goto err_group;
	return 0;

err_group:
	devres_release_group(miracast_parent, NULL);
err_parent:
	miracast_parent_destroy(miracast_parent);
	return ret;
}

/* Every open descriptor, of the card as of the node, holds the module: nobody is there any more. */
static void __exit miracast_exit(void)
{
	miracast_node_unregister(miracast_device);
	drm_dev_unregister(&miracast_device->drm);
	miracast_device_stop(miracast_device);
	devres_release_group(miracast_parent, NULL);
	miracast_parent_destroy(miracast_parent);
}

module_init(miracast_init);
module_exit(miracast_exit);

MODULE_DESCRIPTION("DRM card for displays cast over Miracast");
MODULE_AUTHOR("The Miracast for Linux authors");
MODULE_LICENSE("GPL");
MIRACAST_IMPORT_DMA_BUF;

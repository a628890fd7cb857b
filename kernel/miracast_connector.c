// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connector: what is plugged in, and what a desktop may set on it.
 *
 * Knows EDID and mode lists. Makes up neither: who the display is and which modes it takes was
 * decided by whoever plugged it. Does not know whether a mode is shown.
 */
#include <linux/slab.h>

#include <drm/drm_atomic_state_helper.h>
#include <drm/drm_edid.h>
#include <drm/drm_managed.h>
#include <drm/drm_modes.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_probe_helper.h>

#include "miracast_drv.h"

#define MIRACAST_MODE_FLAGS                                                                        \
	(MIRACAST_MODE_PHSYNC | MIRACAST_MODE_NHSYNC | MIRACAST_MODE_PVSYNC | MIRACAST_MODE_NVSYNC)

/* What makes a listed mode and one that a desktop sets the same. */
#define MIRACAST_MODE_MATCH                                                                        \
	(DRM_MODE_MATCH_TIMINGS | DRM_MODE_MATCH_CLOCK | DRM_MODE_MATCH_FLAGS |                    \
	 DRM_MODE_MATCH_3D_FLAGS)

static struct miracast_head *connector_to_head(struct drm_connector *connector)
{
	return container_of(connector, struct miracast_head, connector);
}

/* ---- modes ---- */

/* Limits are the node's as much as KMS's: a PLUG may not list what a commit would refuse. */
bool miracast_mode_in_limits(const struct drm_display_mode *mode)
{
	u64 refresh;

	if (!mode->htotal || !mode->vtotal)
		return false;
	if (mode->flags & ~MIRACAST_MODE_FLAGS)
		return false;
	if (mode->hdisplay > MIRACAST_MAX_WIDTH || mode->vdisplay > MIRACAST_MAX_HEIGHT)
		return false;
	if (mode->clock <= 0 || mode->clock > MIRACAST_MAX_CLOCK)
		return false;
	refresh = div_u64(mode->clock * 1000000ull, mode->htotal * mode->vtotal);
	return refresh >= MIRACAST_MIN_REFRESH && refresh <= MIRACAST_MAX_REFRESH;
}

static void miracast_mode_to_drm(const struct miracast_mode *from, struct drm_display_mode *to)
{
	BUILD_BUG_ON(MIRACAST_MODE_PHSYNC != DRM_MODE_FLAG_PHSYNC);
	BUILD_BUG_ON(MIRACAST_MODE_NHSYNC != DRM_MODE_FLAG_NHSYNC);
	BUILD_BUG_ON(MIRACAST_MODE_PVSYNC != DRM_MODE_FLAG_PVSYNC);
	BUILD_BUG_ON(MIRACAST_MODE_NVSYNC != DRM_MODE_FLAG_NVSYNC);

	to->clock = from->clock;
	to->hdisplay = from->hdisplay;
	to->hsync_start = from->hsync_start;
	to->hsync_end = from->hsync_end;
	to->htotal = from->htotal;
	to->vdisplay = from->vdisplay;
	to->vsync_start = from->vsync_start;
	to->vsync_end = from->vsync_end;
	to->vtotal = from->vtotal;
	to->flags = from->flags;
	to->type = DRM_MODE_TYPE_DRIVER;
}

static bool miracast_mode_matches(const struct miracast_mode *listed,
				  const struct drm_display_mode *mode)
{
	struct drm_display_mode as_drm = {};

	miracast_mode_to_drm(listed, &as_drm);
	return drm_mode_match(&as_drm, mode, MIRACAST_MODE_MATCH);
}

/* Only what is listed, as long as something is plugged: an empty connector has nobody to please. */
bool miracast_connector_offers(struct miracast_head *head, const struct drm_display_mode *mode)
{
	const struct miracast_display *display;
	bool offers = false;
	unsigned int i;

	mutex_lock(&head->plug_lock);
	display = head->display;
	for (i = 0; display && i < display->count && !offers; i++)
		offers = miracast_mode_matches(&display->modes[i], mode);
	offers |= !display;
	mutex_unlock(&head->plug_lock);
	return offers;
}

/* ---- display ---- */

static bool miracast_edid_valid(const u8 *edid, size_t size)
{
	static const u8 magic[] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
	size_t block, i;

	if (!size || size > MIRACAST_MAX_EDID_SIZE || size % 128)
		return false;
	if (memcmp(edid, magic, sizeof(magic)) || edid[18] != 1)
		return false;
	if ((edid[126] + 1) * 128u > size)
		return false;
	for (block = 0; block < size; block += 128) {
		u8 sum = 0;

		for (i = 0; i < 128; i++)
			sum += edid[block + i];
		if (sum)
			return false;
	}
	return true;
}

static bool miracast_modes_valid(struct drm_device *drm, const struct miracast_mode *modes,
				 unsigned int count)
{
	struct drm_display_mode mode = {};
	unsigned int i, j;

	for (i = 0; i < count; i++) {
		if (modes[i].clock > INT_MAX)
			return false;
		miracast_mode_to_drm(&modes[i], &mode);
		if (drm_mode_validate_driver(drm, &mode) != MODE_OK)
			return false;
		for (j = 0; j < i; j++)
			if (miracast_mode_matches(&modes[j], &mode))
				return false;
	}
	return true;
}

static void miracast_display_free(struct miracast_display *display)
{
	if (!display)
		return;
	drm_edid_free(display->edid);
	kfree(display);
}

struct miracast_display *miracast_display_create(struct drm_device *drm, const u8 *edid,
						 size_t edid_size,
						 const struct miracast_mode *modes,
						 unsigned int count, unsigned int preferred)
{
	struct miracast_display *display;

	if (!miracast_edid_valid(edid, edid_size) || !miracast_modes_valid(drm, modes, count))
		return ERR_PTR(-EINVAL);

	display = kzalloc(struct_size(display, modes, count), GFP_KERNEL);
	if (!display)
		return ERR_PTR(-ENOMEM);
	display->edid = drm_edid_alloc(edid, edid_size);
	if (!display->edid) {
		kfree(display);
		return ERR_PTR(-ENOMEM);
	}
	display->preferred = preferred;
	display->count = count;
	memcpy(display->modes, modes, count * sizeof(*modes));
	return display;
}

/**
 * miracast_connector_plug - plug a display in, swap it, or pull it out
 * @head: the head
 * @display: what to plug, now owned by the connector; NULL to unplug
 *
 * When it returns, KMS reports the new state and the desktop was told by a hot-plug uevent.
 */
void miracast_connector_plug(struct miracast_head *head, struct miracast_display *display)
{
	struct miracast_display *old;

	mutex_lock(&head->plug_lock);
	old = head->display;
	head->display = display;
	mutex_unlock(&head->plug_lock);

	/* A swap leaves the status as it is, so the helper sees no change. */
	if (!drm_connector_helper_hpd_irq_event(&head->connector) && display)
		drm_kms_helper_connector_hotplug_event(&head->connector);
	miracast_display_free(old);
}

/* ---- KMS ---- */

static int miracast_connector_get_modes(struct drm_connector *connector)
{
	struct miracast_head *head = connector_to_head(connector);
	struct drm_display_mode *mode, *next;
	const struct miracast_display *display;
	int count = 0, ret = 0;
	unsigned int i;

	mutex_lock(&head->plug_lock);
	display = head->display;
	if (!display)
		goto out_unlock;

	ret = drm_edid_connector_update(connector, display->edid);
	if (ret < 0)
		goto out_unlock;
	/* Kernels up to 6.2 add the EDID's own modes with that. */
	list_for_each_entry_safe(mode, next, &connector->probed_modes, head) {
		list_del(&mode->head);
		drm_mode_destroy(connector->dev, mode);
	}

	for (i = 0; i < display->count; i++) {
		mode = drm_mode_create(connector->dev);
		if (!mode)
			break;
		miracast_mode_to_drm(&display->modes[i], mode);
		if (i == display->preferred)
			mode->type |= DRM_MODE_TYPE_PREFERRED;
		mode->width_mm = connector->display_info.width_mm;
		mode->height_mm = connector->display_info.height_mm;
		drm_mode_set_name(mode);
		drm_mode_probed_add(connector, mode);
		count++;
	}

out_unlock:
	mutex_unlock(&head->plug_lock);
	return count;
}

/* The helper sorts by size; the list has an order of its own. */
static int miracast_connector_fill_modes(struct drm_connector *connector, u32 max_width,
					 u32 max_height)
{
	struct miracast_head *head = connector_to_head(connector);
	int count = drm_helper_probe_single_connector_modes(connector, max_width, max_height);
	const struct miracast_display *display;
	struct drm_display_mode *mode;
	unsigned int i;

	mutex_lock(&head->plug_lock);
	display = head->display;
	for (i = 0; display && i < display->count; i++) {
		list_for_each_entry(mode, &connector->modes, head) {
			if (miracast_mode_matches(&display->modes[i], mode)) {
				list_move_tail(&mode->head, &connector->modes);
				break;
			}
		}
	}
	mutex_unlock(&head->plug_lock);
	return count;
}

static enum drm_connector_status miracast_connector_detect(struct drm_connector *connector,
							   bool force)
{
	return READ_ONCE(connector_to_head(connector)->display) ? connector_status_connected :
								  connector_status_disconnected;
}

static void miracast_connector_release(struct drm_device *drm, void *data)
{
	struct miracast_head *head = data;

	miracast_display_free(head->display);
}

static const struct drm_connector_helper_funcs miracast_connector_helper_funcs = {
	.get_modes = miracast_connector_get_modes,
};

static const struct drm_connector_funcs miracast_connector_funcs = {
	.detect = miracast_connector_detect,
	.fill_modes = miracast_connector_fill_modes,
	.reset = drm_atomic_helper_connector_reset,
	.atomic_duplicate_state = drm_atomic_helper_connector_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_connector_destroy_state,
};

int miracast_connector_init(struct miracast_head *head)
{
	struct drm_device *drm = &head->device->drm;
	int ret;

	ret = drmm_add_action_or_reset(drm, miracast_connector_release, head);
	if (ret)
		return ret;
	ret = drmm_encoder_init(drm, &head->encoder, NULL, DRM_MODE_ENCODER_VIRTUAL, NULL);
	if (ret)
		return ret;
	head->encoder.possible_crtcs = drm_crtc_mask(&head->crtc);

	ret = drmm_connector_init(drm, &head->connector, &miracast_connector_funcs,
				  DRM_MODE_CONNECTOR_VIRTUAL, NULL);
	if (ret)
		return ret;
	drm_connector_helper_add(&head->connector, &miracast_connector_helper_funcs);
	head->connector.polled = DRM_CONNECTOR_POLL_HPD;
	drm_connector_attach_edid_property(&head->connector);
	return drm_connector_attach_encoder(&head->connector, &head->encoder);
}

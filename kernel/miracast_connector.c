// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connector: what is plugged in, and what a desktop may set on it.
 *
 * Knows EDID and mode lists. Makes up neither: who the display is and which modes it takes was
 * decided by whoever plugged it. Does not know whether a mode is shown.
 */
#include "miracast_drv.h"

#define MIRACAST_MODE_FLAGS                                                                        \
	(MIRACAST_MODE_PHSYNC | MIRACAST_MODE_NHSYNC | MIRACAST_MODE_PVSYNC | MIRACAST_MODE_NVSYNC)

/* What makes a listed mode and one that a desktop sets the same. */
#define MIRACAST_MODE_MATCH                                                                        \
	(DRM_MODE_MATCH_TIMINGS | DRM_MODE_MATCH_CLOCK | DRM_MODE_MATCH_FLAGS |                    \
	 DRM_MODE_MATCH_3D_FLAGS)

#define connector_to_head(conn) container_of(conn, struct miracast_head, connector)

/* Limits are the node's as much as KMS's: a PLUG may not list what a commit would refuse. */
enum drm_mode_status miracast_mode_valid(struct drm_device *drm,
					 const struct drm_display_mode *mode)
{
	u64 refresh;

	/* A line that is shown more than once (vscan) makes frames longer than the timings say. */
	if (!mode->htotal || !mode->vtotal || (mode->flags & ~MIRACAST_MODE_FLAGS) ||
	    mode->vscan > 1 || mode->hdisplay > MIRACAST_MAX_WIDTH ||
	    mode->vdisplay > MIRACAST_MAX_HEIGHT ||
	    mode->clock <= 0 || mode->clock > MIRACAST_MAX_CLOCK)
		return MODE_BAD;
	refresh = div_u64(mode->clock * 1000000ull, (u32)mode->htotal * mode->vtotal);
	return refresh >= MIRACAST_MIN_REFRESH && refresh <= MIRACAST_MAX_REFRESH ? MODE_OK :
										    MODE_BAD;
}

static bool miracast_display_offers(const struct miracast_display *display,
				    const struct drm_display_mode *mode)
{
	unsigned int i;

	for (i = 0; i < display->count; i++)
		if (drm_mode_match(&display->modes[i], mode, MIRACAST_MODE_MATCH))
			return true;
	return false;
}

/* Only what is listed, as long as something is plugged: an empty connector has nobody to please. */
bool miracast_connector_offers(struct miracast_head *head, const struct drm_display_mode *mode)
{
	bool offers;

	mutex_lock(&head->plug_lock);
	offers = !head->display || miracast_display_offers(head->display, mode);
	mutex_unlock(&head->plug_lock);
	return offers;
}

static bool miracast_edid_valid(const u8 *edid, size_t size)
{
	static const u8 magic[] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
	u8 sum = 0;
	size_t i;

	if (!size || size % 128 || memcmp(edid, magic, sizeof(magic)) || edid[18] != 1 ||
	    (edid[126] + 1) * 128u > size)
		return false;
	/* The bytes of each block add up to 0, so at each block's end the sum so far is. */
	for (i = 0; i < size; i++) {
		sum += edid[i];
		if (i % 128 == 127 && sum)
			return false;
	}
	return true;
}

static void miracast_display_free(struct miracast_display *display)
{
	if (display)
		drm_edid_free(display->edid);
	kvfree(display);
}

struct miracast_display *miracast_display_create(struct drm_device *drm,
						 const struct miracast_plug *plug, const u8 *edid,
						 const struct miracast_mode *modes)
{
	struct miracast_display *display;
	struct drm_display_mode *mode;
	unsigned int i;
	int ret = -EINVAL;

	BUILD_BUG_ON(MIRACAST_MODE_FLAGS != (DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_NHSYNC |
					     DRM_MODE_FLAG_PVSYNC | DRM_MODE_FLAG_NVSYNC));

	display = kvzalloc(struct_size(display, modes, plug->mode_count), GFP_KERNEL);
	if (!display)
		return ERR_PTR(-ENOMEM);
	if (!miracast_edid_valid(edid, plug->edid_size))
		goto err_display;
	for (i = 0; i < plug->mode_count; i++) {
		mode = &display->modes[i];
		miracast_mode_copy(mode, &modes[i]);
		mode->type = DRM_MODE_TYPE_DRIVER;
		if (i == plug->preferred)
			mode->type |= DRM_MODE_TYPE_PREFERRED;
		if (modes[i].clock > INT_MAX || drm_mode_validate_driver(drm, mode) != MODE_OK ||
		    miracast_display_offers(display, mode))
			goto err_display;
		drm_mode_set_name(mode);
		display->count++;
	}
	display->edid = drm_edid_alloc(edid, plug->edid_size);
	if (display->edid)
		return display;
	ret = -ENOMEM;

err_display:
	miracast_display_free(display);
	return ERR_PTR(ret);
}

/*
 * Plug @display in, now owned by the connector, swap it, or pull it out: NULL. When this returns,
 * KMS reports the new state and the desktop was told by a hot-plug uevent: its first frame finds
 * the head plugged.
 */
void miracast_connector_plug(struct miracast_head *head, struct miracast_display *display)
{
	struct miracast_display *old;

	mutex_lock(&head->plug_lock);
	spin_lock_irq(&head->lock);
	old = head->display;
	head->display = display;
	/* Who plugs is told what is shown already. */
	if (display && !old && head->mode.clock) {
		miracast_head_tell(head, MIRACAST_EVENT_MODE);
		miracast_head_tell(head, MIRACAST_EVENT_POWER);
	}
	if (!display && head->grab_fb)
		miracast_grab_overrun(head);
	miracast_engine_kick(head);
	spin_unlock_irq(&head->lock);
	mutex_unlock(&head->plug_lock);

	/* No change to the helper: a swap, or somebody has looked at the connector meanwhile. */
	if (!drm_connector_helper_hpd_irq_event(&head->connector) && (display || old))
		drm_kms_helper_connector_hotplug_event(&head->connector);
	miracast_display_free(old);
}

static int miracast_connector_get_modes(struct drm_connector *connector)
{
	struct miracast_head *head = connector_to_head(connector);
	struct drm_display_mode *mode, *next;
	unsigned int count = 0;

	mutex_lock(&head->plug_lock);
	if (!head->display || drm_edid_connector_update(connector, head->display->edid) < 0)
		goto out_unlock;
	/* Kernels up to 6.2 add the EDID's own modes with that. */
	list_for_each_entry_safe(mode, next, &connector->probed_modes, head) {
		list_del(&mode->head);
		drm_mode_destroy(connector->dev, mode);
	}

	for (count = 0; count < head->display->count; count++) {
		mode = drm_mode_duplicate(connector->dev, &head->display->modes[count]);
		if (!mode)
			break;
		drm_mode_probed_add(connector, mode);
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
	struct drm_display_mode *mode;
	unsigned int i;

	mutex_lock(&head->plug_lock);
	for (i = 0; head->display && i < head->display->count; i++) {
		list_for_each_entry(mode, &connector->modes, head) {
			if (drm_mode_match(&head->display->modes[i], mode, MIRACAST_MODE_MATCH)) {
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

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the supplicant says of a peer, made into a sink: a stranger wrote most of it. Pure; knows
 * nothing of lists and rounds.
 */
#include "link/link-wpa-private.h"

#include <errno.h>
#include <string.h>

/* WPS config methods (WPS 2.0, table 11). */
#define METHOD_DISPLAY 0x0008
#define METHOD_BUTTON  0x0080
#define METHOD_KEYPAD  0x0100
#define METHOD_LABEL   0x0004
#define GROUP_OWNER    0x01 /* group capability, bit 0 (P2P 1.7, table 14) */

struct properties {
	char name[WPA_TEXT_SIZE];
	struct wpa_bytes type, ies, address;
	int64_t methods, level, group;
};

#define FIELD(key, kind, member, size) { key, kind, offsetof(struct properties, member), size }

static const struct wpa_field fields[] = {
	FIELD("DeviceName", WPA_KIND_STRING, name, WPA_TEXT_SIZE),
	FIELD("PrimaryDeviceType", WPA_KIND_BYTES, type, 0),
	FIELD("IEs", WPA_KIND_BYTES, ies, 0),
	FIELD("DeviceAddress", WPA_KIND_BYTES, address, 0),
	FIELD("config_method", WPA_KIND_NUMBER, methods, 0),
	FIELD("level", WPA_KIND_NUMBER, level, 0),
	FIELD("groupcapability", WPA_KIND_NUMBER, group, 0),
};

static uint32_t methods_of(int64_t methods)
{
	return (methods & METHOD_BUTTON ? LINK_METHOD_BUTTON : 0u) |
	       (methods & (METHOD_DISPLAY | METHOD_LABEL) ? LINK_METHOD_PIN_OF_SINK : 0u) |
	       (methods & METHOD_KEYPAD ? LINK_METHOD_PIN_OF_OURS : 0u);
}

static int read_sink(const struct properties *p, struct link_sink *ret)
{
	struct link_sink sink = { .is_owner = p->group & GROUP_OWNER,
				  .methods = methods_of(p->methods) };
	const uint8_t *type = p->type.data;
	int r;

	if (p->address.size != LINK_ADDRESS_SIZE)
		return -EBADMSG;
	r = wfd_ie_parse(p->ies.data, p->ies.size, &sink.wfd);
	if (r < 0)
		return r;
	if (!wfd_ie_is_sink(&sink.wfd))
		return -ENOENT;
	memcpy(sink.address, p->address.data, LINK_ADDRESS_SIZE);
	wfd_name_clean(p->name, strlen(p->name), sink.name);
	if (p->type.size == 8) {
		sink.category = (uint16_t)(type[0] << 8 | type[1]);
		sink.subcategory = (uint16_t)(type[6] << 8 | type[7]);
	}
	if (p->level < 0 && p->level > -120)
		sink.signal_dbm = (int)p->level;
	*ret = sink;
	return 0;
}

int wpa_peer_read(sd_bus_message *m, struct link_sink *ret)
{
	struct properties found = { 0 };
	int r = wpa_read_dictionary(m, fields, sizeof(fields) / sizeof(fields[0]), &found);

	return r < 0 ? r : read_sink(&found, ret);
}

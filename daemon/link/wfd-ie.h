/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Wi-Fi Display information element: bytes from the air <-> struct, and the cleaning of a
 * device's name. Pure; knows no supplicant. Every byte here can be sent by anybody in radio range.
 */
#ifndef MIRACAST_LINK_WFD_IE_H
#define MIRACAST_LINK_WFD_IE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WFD_IE_SIZE_MAX	   4096 /* of what is looked at; a probe response holds less */
#define WFD_IE_SOURCE_SIZE 9
#define WFD_NAME_SIZE	   33 /* a P2P name has up to 32 bytes (P2P 1.7, 4.1.15), and the end */

/* Device Information, bits 1:0. */
enum wfd_role {
	WFD_ROLE_SOURCE = 0,
	WFD_ROLE_PRIMARY_SINK = 1,
	WFD_ROLE_SECONDARY_SINK = 2,
	WFD_ROLE_DUAL = 3, /* source or primary sink */
};

struct wfd_ie {
	enum wfd_role role;
	bool is_available; /* for a session now */
	bool prefers_tdls;
	bool has_content_protection;
	bool has_time_sync;
	bool has_no_audio; /* of the primary sink */
	uint16_t control_port;
	uint16_t throughput_mbps; /* 0: not told */

	/* Extended Capability; all false when there is none. */
	bool has_uibc;
	bool has_standby;

	uint8_t sessions; /* devices that are connected to it, as far as it says so */
	bool is_truncated; /* something behind the last whole subelement was left out */
};

/*
 * Reads subelements (id, length, body), either bare as wpa_supplicant gives them or in one or more
 * vendor elements, whose bodies are put together first. Unknown ids are skipped, of duplicates the
 * first counts, a truncated tail is left out.
 *	-ENOENT		no Device Information: not a Wi-Fi Display device
 *	-EMSGSIZE	longer than WFD_IE_SIZE_MAX
 *	-EBADMSG	vendor elements that are cut or of somebody else
 */
int wfd_ie_parse(const uint8_t *data, size_t size, struct wfd_ie *ret);

/* A sink that a source may connect to; whether it is free is is_available. */
bool wfd_ie_is_sink(const struct wfd_ie *ie);

/* What we say of ourselves: a source, available, with its RTSP port. */
void wfd_ie_format_source(uint16_t port, uint16_t throughput_mbps,
			  uint8_t ret[static WFD_IE_SOURCE_SIZE]);

/*
 * A device's name for humans: valid UTF-8; control characters, what turns the direction of writing,
 * what cannot be seen and broken bytes become '?', spaces at both ends go. May come out empty.
 */
void wfd_name_clean(const void *name, size_t size, char ret[static WFD_NAME_SIZE]);

#endif

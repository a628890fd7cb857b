/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Transport header of SETUP: text <-> struct. Pure. Says nothing of addresses on purpose:
 * destination= is ignored, the stream goes to the peer of the control connection and nowhere else.
 */
#ifndef MIRACAST_RTSP_TRANSPORT_H
#define MIRACAST_RTSP_TRANSPORT_H

#include "rtsp/text.h"

struct rtsp_transport {
	uint16_t rtp_port;  /* 0: the sink named none (an old dongle does) */
	uint16_t rtcp_port; /* 0: no RTCP */
};

/*
 * The first unicast UDP transport of the list. 0; -EINVAL: malformed (400); -EPROTONOSUPPORT:
 * well-formed, but nothing we can serve: TCP, multicast (461).
 */
int rtsp_transport_parse(struct text value, struct rtsp_transport *ret);

#endif

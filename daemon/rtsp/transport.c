// SPDX-License-Identifier: GPL-2.0-or-later
/* The Transport header (RFC 2326 12.39); see transport.h. */
#include "rtsp/transport.h"

#include <errno.h>

/* "P" or "P-Q". A Q that cannot be RTCP's, as two makers' sinks send it, means none. */
static int parse_ports(struct text value, struct rtsp_transport *t)
{
	uint64_t rtp, rtcp = 0;
	bool has_second;
	struct text first;

	(void)text_split(&value, '-', &first);
	/* "P-" is cut to P with nothing left, as "P" is: the separator's place tells them apart. */
	has_second = value.data > first.data + first.size;
	if (text_decimal(first, UINT16_MAX, &rtp) < 0 || rtp == 0)
		return -EINVAL;
	if (has_second && text_decimal(value, UINT16_MAX + 1, &rtcp) < 0)
		return -EINVAL;
	if (rtcp && rtcp < rtp)
		return -EINVAL;
	t->rtp_port = (uint16_t)rtp;
	t->rtcp_port = rtcp == rtp || rtcp > UINT16_MAX ? 0 : (uint16_t)rtcp;
	return 0;
}

static bool is_udp(struct text protocol)
{
	return text_is(protocol, "RTP/AVP/UDP") || text_is(protocol, "RTP/AVP");
}

static int parse_one(struct text entry, struct rtsp_transport *ret)
{
	struct rtsp_transport t = { 0 };
	struct text item;

	if (!text_split(&entry, ';', &item) || !text_starts(text_trim(item), "RTP/"))
		return -EINVAL;
	if (!is_udp(text_trim(item)))
		return -EPROTONOSUPPORT;
	while (text_split(&entry, ';', &item)) {
		struct text name, value;

		value = text_trim(item);
		(void)text_split(&value, '=', &name);
		name = text_trim(name);
		if (text_is(name, "multicast") || text_is(name, "interleaved"))
			return -EPROTONOSUPPORT;
		if (text_is(name, "client_port") && parse_ports(text_trim(value), &t) < 0)
			return -EINVAL;
	}
	*ret = t;
	return 0;
}

int rtsp_transport_parse(struct text value, struct rtsp_transport *ret)
{
	struct text entry;
	int r = -EINVAL;

	while (r < 0 && text_split(&value, ',', &entry)) {
		int of_this = parse_one(text_trim(entry), ret);

		/* "None of them is for us" says more of a list than "one is malformed". */
		r = of_this == 0 || r == -EINVAL ? of_this : r;
	}
	return r;
}

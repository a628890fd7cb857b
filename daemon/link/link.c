// SPDX-License-Identifier: GPL-2.0-or-later
/* What all links have in common: the way to their kind, and names. */
#include "link/link-private.h"

#include <errno.h>

struct link *link_free(struct link *l)
{
	if (l)
		l->type->free(l);
	return NULL;
}

int link_report_rates(struct link *l, bool on)
{
	return l->type->report_rates ? l->type->report_rates(l, on) : -EOPNOTSUPP;
}

int link_give_pin(struct link *l, const char *pin)
{
	return l->type->give_pin ? l->type->give_pin(l, pin) : -ESTALE;
}

const char *link_stage_to_string(enum link_stage stage)
{
	switch (stage) {
	case LINK_STAGE_LISTEN:
		return "listen";
	case LINK_STAGE_RADIO:
		return "Wi-Fi Direct";
	case LINK_STAGE_DISCOVERY:
		return "discovery";
	case LINK_STAGE_AUTHORISATION:
		return "authorisation";
	case LINK_STAGE_NEGOTIATION:
		return "negotiation";
	case LINK_STAGE_FORMATION:
		return "formation";
	case LINK_STAGE_ADDRESS:
		return "address";
	case LINK_STAGE_FIREWALL:
		return "firewall";
	case LINK_STAGE_RTSP_WAIT:
		return "waiting for the sink's connection";
	case LINK_STAGE_UP:
		return "connection";
	}
	return "unknown";
}

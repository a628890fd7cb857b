/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every kind of link begins with. */
#ifndef MIRACAST_LINK_LINK_PRIVATE_H
#define MIRACAST_LINK_LINK_PRIVATE_H

#include "link/link.h"

struct link_type {
	void (*free)(struct link *l);
	int (*report_rates)(struct link *l, bool on);
	int (*give_pin)(struct link *l, const char *pin);
};

struct link {
	const struct link_type *type;
	const struct link_events *events;
	void *userdata;
};

#endif

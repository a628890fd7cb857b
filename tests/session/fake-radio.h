/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A radio in place of daemon/link/radio.c, for a link without one: there is one station, the first
 * peer of the scripted supplicant, and whoever connects is it, unless a test says otherwise.
 */
#ifndef TESTS_FAKE_RADIO_H
#define TESTS_FAKE_RADIO_H

#include "link/radio.h"

#include <stdbool.h>

struct fake_radio {
	int station_error; /* -ENOENT: nobody is there; -EEXIST: two are */
	int neighbour_error;
	bool is_stranger; /* who connects has another MAC */
	uint64_t max_bps;
	uint32_t packets; /* 1000 more each time it is asked, a tenth of them sent twice */
};

extern struct fake_radio fake_radio;

void fake_radio_reset(void);

#endif

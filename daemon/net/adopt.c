// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/adopt.h"

#include "net/busctl.h"
#include "net/child.h"
#include "net/wireless.h"
#include "util/log.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#define SUPPLICANT "fi.w1.wpa_supplicant1"

static bool has_manager(void)
{
	return busctl_has_name("org.freedesktop.NetworkManager") ||
	       busctl_has_name("net.connman.iwd") || busctl_has_name("net.connman");
}

int adopt_radio(void)
{
	char ifname[IF_NAMESIZE];
	const char *const argv[] = { "busctl", "--system", "--quiet", "--", "call", SUPPLICANT,
				     "/fi/w1/wpa_supplicant1", SUPPLICANT, "CreateInterface",
				     "a{sv}", "2", "Ifname", "s", ifname, "Driver", "s", "nl80211",
				     NULL };
	int r = has_manager() ? -EBUSY : wireless_find_idle(ifname);

	if (r >= 0)
		r = child_run(argv, NULL, 0);
	if (r < 0)
		return log_warning(r, "wpa_supplicant gets no radio: %s", strerror(-r));
	log_notice("wpa_supplicant has taken %s, which nobody managed", ifname);
	return 0;
}

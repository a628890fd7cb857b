// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/adopt.h"

#include "net/busctl.h"
#include "net/child.h"
#include "net/wireless.h"
#include "util/log.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define SUPPLICANT "fi.w1.wpa_supplicant1"

static bool has_manager(void)
{
	return busctl_has_name(NETWORK_MANAGER) ||
	       busctl_has_name("net.connman.iwd") || busctl_has_name("net.connman");
}

static void read_name(const char *file, char ret_ifname[static IF_NAMESIZE])
{
	FILE *f = fopen(file, "re");

	ret_ifname[0] = '\0';
	if (!f)
		return;
	if (!fgets(ret_ifname, IF_NAMESIZE, f))
		ret_ifname[0] = '\0';
	(void)fclose(f);
}

/* Without it a supplicant that dies has no radio afterwards; nothing else comes of it. */
static void write_name(const char *file, const char *ifname)
{
	FILE *f = fopen(file, "we");

	if (f) {
		(void)fputs(ifname, f);
		(void)fclose(f);
	}
}

int adopt_radio(const char *file)
{
	char ifname[IF_NAMESIZE], before[IF_NAMESIZE];
	const char *const argv[] = { "busctl", "--system", "--quiet", "--", "call", SUPPLICANT,
				     "/fi/w1/wpa_supplicant1", SUPPLICANT, "CreateInterface",
				     "a{sv}", "2", "Ifname", "s", ifname, "Driver", "s", "nl80211",
				     NULL };
	int r;

	read_name(file, before);
	r = has_manager() ? -EBUSY : wireless_find_idle(before, ifname);
	if (r >= 0)
		r = child_run(argv, NULL, 0);
	if (r < 0)
		return log_warning(r, "wpa_supplicant gets no radio: %s", strerror(-r));
	write_name(file, ifname);
	log_notice("wpa_supplicant has taken %s, which nobody managed", ifname);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/busctl.h"

#include "net/child.h"

#include <string.h>

#define BUS "org.freedesktop.DBus"

bool busctl_has_name(const char *name)
{
	const char *const argv[] = { "busctl", "--system", "call", BUS, "/org/freedesktop/DBus",
				     BUS, "NameHasOwner", "s", name, NULL };
	char output[64];

	return child_run(argv, output, sizeof(output)) == 0 && strncmp(output, "b true", 6) == 0;
}

int busctl_reload(void)
{
	static const char *const argv[] = { "busctl", "--system", "--quiet", "call", BUS,
					    "/org/freedesktop/DBus", BUS, "ReloadConfig", NULL };

	return child_run(argv, NULL, 0);
}

int busctl_reload_network_manager(void)
{
	/* Its configuration, and nothing else. */
	static const char *const argv[] = { "busctl", "--system", "--quiet", "--auto-start=no",
					    "call", NETWORK_MANAGER,
					    "/org/freedesktop/NetworkManager", NETWORK_MANAGER,
					    "Reload", "u", "1", NULL };

	return child_run(argv, NULL, 0);
}

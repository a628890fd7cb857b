// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/steady.h"

#include "net/busctl.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER		"/run/NetworkManager/conf.d" /* NetworkManager.conf(5) */
#define FILE_THERE	FOLDER "/miracast.conf"	     /* miracast-net.socket removes it */

static int write_configuration(void)
{
	FILE *f;
	int r = 0;

	/* Whoever may look at that configuration may look at this. */
	if (mkdir(FOLDER, 0755) == 0)
		(void)chmod(FOLDER, 0755);
	else if (errno != EEXIST)
		return -errno;
	f = fopen(FILE_THERE, "we");
	if (!f)
		return -errno;
	if (fchmod(fileno(f), 0644) < 0 || fputs("[device-miracast]\nwifi.scan-rand-mac-address=no\n", f) == EOF)
		r = -EIO;
	if (fclose(f) == EOF)
		r = -errno;
	return r;
}

void keep_steady(void)
{
	int r;

	if (access(FILE_THERE, F_OK) == 0 || !busctl_has_name(NETWORK_MANAGER))
		return;
	r = write_configuration();
	if (r >= 0)
		r = busctl_reload_network_manager();
	if (r < 0) {
		(void)unlink(FILE_THERE); /* or the next attempt would take it for told */
		(void)log_warning(r, "NetworkManager may take the radio down: %s", strerror(-r));
	}
}

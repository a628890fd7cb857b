// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/hush.h"

#include "net/busctl.h"
#include "util/cleanup.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* Mandatory rules are the last ones, whatever the order of the files; the receiver is held to them. */
static const char rule[] =
	"<busconfig><policy context=\"mandatory\"><deny send_destination=\"" NETWORK_MANAGER "\" "
	"send_type=\"signal\" send_interface=\"fi.w1.wpa_supplicant1.Interface.P2PDevice\" "
	"send_member=\"GroupStarted\"/></policy></busconfig>\n";

/* For the bus to read, which is not root. */
static int write_rule(const char *file)
{
	_cleanup_close_ int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
				      0644);

	if (fd < 0 || fchmod(fd, 0644) < 0)
		return -errno;
	return write(fd, rule, strlen(rule)) == (ssize_t)strlen(rule) ? 0 : -EIO;
}

int hush_begin(const char *file)
{
	int r;

	if (!busctl_has_name(NETWORK_MANAGER))
		return 0;
	r = write_rule(file);
	if (r >= 0)
		r = busctl_reload();
	if (r < 0) {
		hush_end(file);
		return log_warning(r, "NetworkManager will end the group: the bus takes no rule: %s",
				   strerror(-r));
	}
	log_debug("NetworkManager does not hear of groups");
	return 0;
}

void hush_end(const char *file)
{
	if (unlink(file) < 0)
		return;
	(void)busctl_reload();
	log_debug("NetworkManager hears of groups again");
}

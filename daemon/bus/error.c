// SPDX-License-Identifier: GPL-2.0-or-later
/* What an errno is called on the bus. org.miracastd1(5) has the meanings. */
#include "bus/bus-private.h"

#include <errno.h>

static const struct {
	int error;
	const char *name;
} names[] = {
	{ EBUSY, MIRACAST_DBUS_ERROR_BUSY },
	{ EADDRINUSE, MIRACAST_DBUS_ERROR_BUSY },
	{ ENOENT, MIRACAST_DBUS_ERROR_NO_DEVICE },
	{ ENODEV, MIRACAST_DBUS_ERROR_NO_DEVICE },
	{ EACCES, MIRACAST_DBUS_ERROR_NO_DEVICE },
	{ ENOEXEC, MIRACAST_DBUS_ERROR_NO_ENCODER },
	{ EIO, MIRACAST_DBUS_ERROR_NO_ENCODER },
	{ ENOSPC, MIRACAST_DBUS_ERROR_BANDWIDTH },
	{ ENOTSUP, MIRACAST_DBUS_ERROR_NO_MODE },
	{ ETIMEDOUT, MIRACAST_DBUS_ERROR_TIMEOUT },
	{ EPROTO, MIRACAST_DBUS_ERROR_PROTOCOL },
	{ EBADMSG, MIRACAST_DBUS_ERROR_PROTOCOL },
	{ ECONNRESET, MIRACAST_DBUS_ERROR_CONNECTION },
	{ ECONNREFUSED, MIRACAST_DBUS_ERROR_CONNECTION },
	{ ENOTCONN, MIRACAST_DBUS_ERROR_CONNECTION },
	{ EPIPE, MIRACAST_DBUS_ERROR_CONNECTION },
	{ ECANCELED, MIRACAST_DBUS_ERROR_CANCELLED },
	{ ESHUTDOWN, MIRACAST_DBUS_ERROR_CANCELLED },
	{ EPERM, MIRACAST_DBUS_ERROR_NOT_AUTHORIZED },
	{ EINVAL, MIRACAST_DBUS_ERROR_INVALID },
	{ ERANGE, MIRACAST_DBUS_ERROR_INVALID },
	{ EADDRNOTAVAIL, MIRACAST_DBUS_ERROR_INVALID },
	{ EALREADY, MIRACAST_DBUS_ERROR_IN_PROGRESS },
	{ ESRCH, MIRACAST_DBUS_ERROR_NOT_FOUND },
	{ ENOSYS, MIRACAST_DBUS_ERROR_NOT_SUPPORTED },
	{ ENOBUFS, MIRACAST_DBUS_ERROR_LIMITS },
};

static const char *get_name(int error)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == -error)
			return names[i].name;
	return MIRACAST_DBUS_ERROR_FAILED;
}

/* On the way to a sink the other numbers mean what docs/link.md says, and one thing to a caller. */
static const char *get_link_name(int error)
{
	switch (-error) {
	case EBUSY:
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case ENOENT:
	case ENODEV:
	case ETIMEDOUT:
	case ECANCELED:
	case ESHUTDOWN:
		return get_name(error);
	default:
		return MIRACAST_DBUS_ERROR_CONNECTION;
	}
}

int bus_set_error(sd_bus_error *e, int error, const char *stage, const char *text)
{
	(void)sd_bus_error_setf(e, get_name(error), "%s: %s", stage, text);
	return error;
}

int bus_set_end(sd_bus_error *e, int error, const struct cast_end *end)
{
	(void)sd_bus_error_setf(e, end->of_link ? get_link_name(error) : get_name(error), "%s: %s",
				end->stage, end->text);
	return error;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* How things are said: errors as one line, strings for JSON and for terminals. */
#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ctl_complain(const char *format, ...)
{
	va_list arguments;

	(void)fflush(stdout);
	fputs("miracastctl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static const struct {
	const char *name;
	enum ctl_exit code;
} codes[] = {
	{ MIRACAST_DBUS_ERROR_NOT_AUTHORIZED, CTL_NOT_AUTHORIZED },
	{ SD_BUS_ERROR_ACCESS_DENIED, CTL_NOT_AUTHORIZED },
	{ MIRACAST_DBUS_ERROR_NOT_FOUND, CTL_NOT_FOUND },
	{ SD_BUS_ERROR_UNKNOWN_OBJECT, CTL_NOT_FOUND },
	{ MIRACAST_DBUS_ERROR_CANCELLED, CTL_CANCELLED },
	{ MIRACAST_DBUS_ERROR_INVALID, CTL_USAGE },
	{ MIRACAST_DBUS_ERROR_BUSY, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_NO_DEVICE, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_NO_ENCODER, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_BANDWIDTH, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_NO_MODE, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_TIMEOUT, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_PROTOCOL, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_CONNECTION, CTL_NOT_CONNECTED },
	{ MIRACAST_DBUS_ERROR_IN_PROGRESS, CTL_NOT_CONNECTED },
	{ SD_BUS_ERROR_SERVICE_UNKNOWN, CTL_NO_SERVICE },
	{ SD_BUS_ERROR_NAME_HAS_NO_OWNER, CTL_NO_SERVICE },
	{ SD_BUS_ERROR_NO_REPLY, CTL_NO_SERVICE },
	{ "org.freedesktop.DBus.Error.Spawn.ChildExited", CTL_NO_SERVICE },
};

int ctl_fail(const sd_bus_error *error, int r)
{
	int code = CTL_FAILED;

	for (size_t i = 0; error->name && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].name, error->name) == 0)
			code = codes[i].code;
	if (code == CTL_NO_SERVICE)
		ctl_complain("the service does not answer: is miracastd installed? Try "
			     "\"systemctl status miracastd\" and \"miracastctl doctor\"");
	else
		ctl_complain("%s", error->message ?: strerror(r < 0 ? -r : r));
	return code;
}

void ctl_json_string(const char *text)
{
	putchar('"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			printf("\\u%04x", *c);
		else
			putchar(*c);
	}
	putchar('"');
}

void ctl_print_clean(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		putchar(*c == '\n' || (*c >= 0x20 && *c != 0x7f) ? *c : '?');
}

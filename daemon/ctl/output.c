// SPDX-License-Identifier: GPL-2.0-or-later
/* How things are said: errors as one line, strings for JSON and for terminals. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_json;

void ctl_set_json(bool on)
{
	is_json = on;
}

static void write_string(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\u%04x", *c);
		else
			putc(*c, out);
	}
	putc('"', out);
}

void ctl_json_string(const char *text)
{
	write_string(stdout, text);
}

void ctl_complain(const char *format, ...)
{
	va_list arguments;
	char text[512];

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)fflush(stdout);
	if (is_json) {
		fputs("{\"error\": ", stderr);
		write_string(stderr, text);
		fputs("}\n", stderr);
	} else {
		fprintf(stderr, "miracastctl: %s\n", text);
	}
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
	{ "org.freedesktop.DBus.Error.TimedOut", CTL_NO_SERVICE }, /* of its start */
};

/* What dbus-daemon passes on when it could not be started: masked, no such unit, no such user. */
static bool is_start_failure(const char *name)
{
	static const char *const families[] = { "org.freedesktop.systemd1.",
						"org.freedesktop.DBus.Error.Spawn." };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strncmp(name, families[i], strlen(families[i])) == 0)
			return true;
	return false;
}

int ctl_fail(const sd_bus_error *error, int r)
{
	int code = CTL_FAILED, number = r < 0 ? -r : r;

	/* It ended after it was opened: as if it had never been there. */
	if (number == ENOTCONN || number == ECONNRESET) {
		ctl_complain("the system bus cannot be reached: %s", strerror(number));
		return CTL_NO_SERVICE;
	}
	for (size_t i = 0; error->name && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].name, error->name) == 0)
			code = codes[i].code;
	if (error->name && is_start_failure(error->name))
		code = CTL_NO_SERVICE;
	if (code == CTL_NO_SERVICE)
		ctl_complain("the service does not answer: is miracastd installed? Try "
			     "\"systemctl status miracastd\" and \"miracastctl doctor\"");
	else
		ctl_complain("%s", error->message ?: strerror(number));
	return code;
}

void ctl_print_clean(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		putchar(*c == '\n' || (*c >= 0x20 && *c != 0x7f) ? *c : '?');
}

/* UTF-8: bytes that go on with a character do not count. */
static int count_characters(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void ctl_print_column(FILE *out, const char *text, int width)
{
	int missing = width - count_characters(text);

	fprintf(out, "%s%*s", text, missing > 0 ? missing : 0, "");
}

/* Lines that are wider than the terminal take several of its rows. */
static unsigned int count_rows(const char *text)
{
	struct winsize size = { 0 };
	unsigned int width, rows = 0, column = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		size.ws_col = 80;
	width = size.ws_col;
	for (; *text; text++) {
		if (*text == '\n') {
			rows += 1 + (column > 0 ? (column - 1) / width : 0);
			column = 0;
		} else if (((unsigned char)*text & 0xc0) != 0x80) {
			column++;
		}
	}
	return rows;
}

void ctl_redraw(const char *text)
{
	static unsigned int rows;

	if (rows > 0)
		printf("\x1b[%uA\x1b[J", rows);
	fputs(text, stdout);
	(void)fflush(stdout);
	rows = count_rows(text);
}

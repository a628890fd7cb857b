// SPDX-License-Identifier: GPL-2.0-or-later
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;
static const char *program = "miracast";

void log_set_level(enum log_level max)
{
	max_level = max;
}

enum log_level log_get_level(void)
{
	return max_level;
}

void log_set_name(const char *name)
{
	program = name;
}

static void make_printable(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
}

int log_full(enum log_level level, int r, const char *format, ...)
{
	int saved_errno = errno;
	char text[1024];
	va_list ap;

	if (level <= max_level) {
		va_start(ap, format);
		(void)vsnprintf(text, sizeof(text), format, ap);
		va_end(ap);
		make_printable(text);
		if (getenv("JOURNAL_STREAM"))
			dprintf(STDERR_FILENO, "<%d>%s\n", (int)level, text);
		else
			dprintf(STDERR_FILENO, "%s: %s\n", program, text);
	}
	errno = saved_errno;
	return r;
}

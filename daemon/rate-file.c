// SPDX-License-Identifier: GPL-2.0-or-later
#include "rate-file.h"

#include "util/cleanup.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>

#define SECONDS_MAX 1e6

/* One word of digits and, where allowed, one point; no sign, no exponent, no infinity. */
static char *parse_word(char *text, const char *allowed, double *ret)
{
	size_t n = strspn(text, allowed);
	char *end;

	if (n == 0)
		return NULL;
	*ret = strtod(text, &end);
	return end == text + n ? end : NULL;
}

static int parse_line(struct rate_file *f, char *line)
{
	double seconds, bps;
	char *at = parse_word(line, "0123456789.", &seconds);

	if (!at || (*at != ' ' && *at != '\t'))
		return -EBADMSG;
	at = parse_word(at + strspn(at, " \t"), "0123456789", &bps);
	if (!at || at[strspn(at, " \t\r")] != '\0')
		return -EBADMSG;
	if (seconds > SECONDS_MAX || bps < 1 || bps > (double)RATE_FILE_BPS_MAX)
		return -EBADMSG;
	f->lines[f->n].at_us = (uint64_t)(seconds * (double)USEC_PER_SEC + 0.5);
	f->lines[f->n].bps = (uint64_t)bps;
	if (f->n > 0 && f->lines[f->n].at_us <= f->lines[f->n - 1].at_us)
		return -EBADMSG;
	f->n++;
	return 0;
}

int rate_file_read(FILE *file, struct rate_file *ret, unsigned int *ret_line)
{
	_cleanup_free_ char *line = NULL;
	struct rate_file f = { .n = 0 };
	unsigned int number = 0;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &size, file)) >= 0) {
		number++;
		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (line[strspn(line, " \t\r")] == '\0' || *line == '#')
			continue;
		r = f.n < RATE_FILE_LINES_MAX ? parse_line(&f, line) : -E2BIG;
	}
	*ret_line = number;
	if (r == 0 && ferror(file))
		r = errno ? -errno : -EIO;
	if (r == 0)
		*ret = f;
	return r;
}

uint64_t rate_file_get(const struct rate_file *f, uint64_t at_us)
{
	uint64_t bps = 0;

	for (size_t i = 0; i < f->n && f->lines[i].at_us <= at_us; i++)
		bps = f->lines[i].bps;
	return bps;
}

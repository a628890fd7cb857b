// SPDX-License-Identifier: GPL-2.0-or-later
/* RFC 8259, as much of it as a report needs. */
#include "json.h"

#include <inttypes.h>
#include <math.h>

static void put_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c); /* bytes of a peer: Latin-1 at most */
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void line(struct json *j)
{
	if (j->flat) {
		if (j->follows)
			fputs(", ", j->out);
		return;
	}
	if (j->follows)
		fputc(',', j->out);
	if (j->depth || !j->follows)
		fputs(j->started ? "\n" : "", j->out);
	j->started = true;
	for (unsigned i = 0; i < j->depth; i++)
		fputc('\t', j->out);
}

static void start(struct json *j, const char *name)
{
	line(j);
	if (name) {
		put_string(j->out, name);
		fputs(": ", j->out);
	}
	j->follows = true;
}

void json_begin(struct json *j, const char *name, char bracket)
{
	start(j, name);
	fputc(bracket, j->out);
	j->depth++;
	j->follows = false;
}

void json_end(struct json *j, char bracket)
{
	bool empty = !j->follows;

	j->depth--;
	j->follows = false;
	if (!empty && !j->flat)
		line(j);
	fputc(bracket, j->out);
	j->follows = true;
	if (!j->depth)
		fputc('\n', j->out);
}

void json_string(struct json *j, const char *name, const char *value)
{
	start(j, name);
	put_string(j->out, value);
}

void json_int(struct json *j, const char *name, int64_t value)
{
	start(j, name);
	fprintf(j->out, "%" PRId64, value);
}

void json_double(struct json *j, const char *name, double value)
{
	start(j, name);
	if (isfinite(value))
		fprintf(j->out, "%.3f", value);
	else
		fputs("null", j->out);
}

void json_bool(struct json *j, const char *name, bool value)
{
	start(j, name);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *name)
{
	start(j, name);
	fputs("null", j->out);
}

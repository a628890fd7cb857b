/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes JSON, one value after the other; the commas and the indentation are its business. */
#ifndef SINK_JSON_H
#define SINK_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned depth;
	bool follows; /* something stands before on this level */
	bool flat;    /* no line ends inside */
	bool started;
};

/* name is NULL inside of an array. */
void json_begin(struct json *j, const char *name, char bracket);
void json_end(struct json *j, char bracket);
void json_string(struct json *j, const char *name, const char *value);
void json_int(struct json *j, const char *name, int64_t value);
void json_double(struct json *j, const char *name, double value);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);

#endif

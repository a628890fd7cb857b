/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values that a user writes, on the command line or in miracastd.conf: numbers, modes,
 * addresses and words. Pure: text in, value out. Knows neither options nor files.
 *
 * Each returns 0, -EINVAL (not understood) or -ERANGE, and leaves the result alone on error.
 */
#ifndef MIRACAST_VALUES_H
#define MIRACAST_VALUES_H

#include "miracast/session.h"

#include <netinet/in.h>

#define VALUE_RTSP_PORT 7236

/* A source as it is written: "device:/dev/miracast", "pattern:1280x720@30". */
struct value_source {
	enum session_source source;
	struct media_mode mode; /* PATTERN: zeros where none was given */
	const char *rest;	/* DEVICE, Y4M: behind the colon, in the text; NULL: nothing */
};

int value_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
int value_parse_bool(const char *text, bool *ret);
int value_parse_mode(const char *text, struct media_mode *ret); /* WIDTHxHEIGHT@HZ */
int value_parse_address(const char *text, struct sockaddr_in *ret); /* IPv4, :PORT where wanted */
int value_parse_encoder(const char *text, enum session_encoder *ret);
int value_parse_source(const char *text, struct value_source *ret);

#endif

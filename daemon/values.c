// SPDX-License-Identifier: GPL-2.0-or-later
#include "values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int value_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	if (errno != 0 || value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int value_parse_bool(const char *text, bool *ret)
{
	static const char *const words[][2] = {
		{ "no", "yes" }, { "false", "true" }, { "off", "on" }, { "0", "1" }
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int value = 0; value < 2; value++)
			if (strcmp(text, words[i][value]) == 0) {
				*ret = value;
				return 0;
			}
	return -EINVAL;
}

int value_parse_mode(const char *text, struct media_mode *ret)
{
	unsigned int width, height, hz;
	int length = -1;

	if (sscanf(text, "%5ux%5u@%3u%n", &width, &height, &hz, &length) != 3 || length < 0 ||
	    text[length] != '\0')
		return -EINVAL;
	if (width < 16 || width > 8192 || height < 16 || height > 8192 || hz < 1 || hz > 240)
		return -ERANGE;
	*ret = (struct media_mode){ (uint16_t)width, (uint16_t)height, (uint16_t)hz };
	return 0;
}

int value_parse_address(const char *text, struct sockaddr_in *ret)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char host[INET_ADDRSTRLEN] = "";
	const char *colon = strchrnul(text, ':');
	uint64_t port = VALUE_RTSP_PORT;

	if ((size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	if (*colon && value_parse_number(colon + 1, 1, 65535, &port) < 0)
		return -EINVAL;
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return -EINVAL;
	address.sin_port = htons((uint16_t)port);
	*ret = address;
	return 0;
}

int value_parse_encoder(const char *text, enum session_encoder *ret)
{
	if (strcmp(text, "auto") == 0)
		*ret = SESSION_ENCODER_AUTO;
	else if (strcmp(text, "vaapi") == 0)
		*ret = SESSION_ENCODER_VAAPI;
	else if (strcmp(text, "x264") == 0)
		*ret = SESSION_ENCODER_X264;
	else
		return -EINVAL;
	return 0;
}

int value_parse_source(const char *text, struct value_source *ret)
{
	struct value_source value = { .rest = strchr(text, ':') };
	size_t length = value.rest ? (size_t)(value.rest - text) : strlen(text);
	int r;

	if (value.rest)
		value.rest++;
	if (length == 7 && strncmp(text, "pattern", length) == 0) {
		value.source = SESSION_SOURCE_PATTERN;
		if (value.rest && (r = value_parse_mode(value.rest, &value.mode)) < 0)
			return r;
	} else if (length == 6 && strncmp(text, "device", length) == 0) {
		value.source = SESSION_SOURCE_DEVICE;
		if (value.rest && !*value.rest)
			return -EINVAL;
	} else if (length == 3 && strncmp(text, "y4m", length) == 0 && value.rest && *value.rest) {
		value.source = SESSION_SOURCE_Y4M;
	} else {
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/known.h"

#include "util/bytes.h"
#include "util/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 160

/* ---------------------------------------------------------------- text */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_ssid(const char *text, struct known_sink *s)
{
	size_t length = strlen(text);

	if (strcmp(text, "-") == 0)
		return true;
	if (length == 0 || length % 2 != 0 || length / 2 > sizeof(s->ssid))
		return false;
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		s->ssid[i / 2] = (uint8_t)(high << 4 | low);
	}
	s->ssid_size = (uint8_t)(length / 2);
	return true;
}

static bool parse_sink(const char *line, struct known_sink *ret)
{
	struct known_sink s = { 0 };
	unsigned int a[LINK_ADDRESS_SIZE], method;
	char ssid[2 * KNOWN_SSID_SIZE + 2];
	int end = -1;

	if (sscanf(line, "sink %2x:%2x:%2x:%2x:%2x:%2x intent %3d method %1u persistent %65s%n",
		   &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &s.intent, &method, ssid, &end) != 9 ||
	    end < 0 || line[end] != '\0')
		return false;
	for (size_t i = 0; i < LINK_ADDRESS_SIZE; i++)
		s.address[i] = (uint8_t)a[i];
	if (s.intent < -1 || s.intent > 15 || !parse_ssid(ssid, &s))
		return false;
	if (method != LINK_METHOD_BUTTON && method != LINK_METHOD_PIN_OF_SINK &&
	    method != LINK_METHOD_PIN_OF_OURS)
		return false;
	s.method = (enum link_method)method;
	*ret = s;
	return true;
}

/* An interface's name goes back into calls: only what one can be. */
static void parse_group(const char *line, struct known *k)
{
	char name[IF_NAMESIZE];
	int end = -1;

	if (sscanf(line, "group %15[A-Za-z0-9_.-]%n", name, &end) == 1 && end > 0 &&
	    line[end] == '\0')
		memcpy(k->group, name, sizeof(name));
}

static void parse_line(const char *line, struct known *k)
{
	struct known_sink s;

	if (strncmp(line, "group ", strlen("group ")) == 0)
		parse_group(line, k);
	else if (k->n < KNOWN_MAX && parse_sink(line, &s) && !known_find(k, s.address))
		k->sinks[k->n++] = s;
}

void known_parse(const char *text, size_t size, struct known *ret)
{
	struct reader r = reader_init(text, size < KNOWN_FILE_MAX ? size : KNOWN_FILE_MAX);

	*ret = (struct known){ 0 };
	while (reader_left(&r) > 0) {
		const uint8_t *end = memchr(r.next, '\n', reader_left(&r));
		size_t length = end ? (size_t)(end - r.next) : reader_left(&r);
		const char *start = (const char *)reader_bytes(&r, length);
		char line[LINE_SIZE];

		if (end)
			(void)reader_u8(&r);
		if (!start || length >= sizeof(line) || memchr(start, '\0', length))
			continue;
		memcpy(line, start, length);
		line[length] = '\0';
		parse_line(line, ret);
	}
}

static void format_sink(const struct known_sink *s, char line[static LINE_SIZE])
{
	const uint8_t *a = s->address;
	char ssid[2 * KNOWN_SSID_SIZE + 2] = "-";

	for (size_t i = 0; i < s->ssid_size; i++)
		(void)snprintf(ssid + 2 * i, 3, "%02x", s->ssid[i]);
	(void)snprintf(line, LINE_SIZE,
		       "sink %02x:%02x:%02x:%02x:%02x:%02x intent %d method %u persistent %s\n",
		       a[0], a[1], a[2], a[3], a[4], a[5], s->intent, (unsigned int)s->method,
		       ssid);
}

int known_format(const struct known *k, char *text, size_t size)
{
	struct writer w = writer_init(text, size);
	char line[LINE_SIZE] = "miracast-sinks 1\n";

	writer_bytes(&w, line, strlen(line));
	for (size_t i = 0; i < k->n; i++) {
		format_sink(&k->sinks[i], line);
		writer_bytes(&w, line, strlen(line));
	}
	if (k->group[0]) {
		(void)snprintf(line, sizeof(line), "group %s\n", k->group);
		writer_bytes(&w, line, strlen(line));
	}
	writer_u8(&w, '\0');
	return w.failed ? -ENOBUFS : 0;
}

/* ---------------------------------------------------------------- the list */

struct known_sink *known_find(struct known *k, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	for (size_t i = 0; i < k->n; i++)
		if (memcmp(k->sinks[i].address, address, LINK_ADDRESS_SIZE) == 0)
			return &k->sinks[i];
	return NULL;
}

struct known_sink *known_use(struct known *k, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	struct known_sink *found = known_find(k, address);
	struct known_sink s = { .intent = -1, .method = LINK_METHOD_BUTTON };

	memcpy(s.address, address, LINK_ADDRESS_SIZE);
	if (found)
		s = *found;
	else if (k->n < KNOWN_MAX)
		found = &k->sinks[k->n++];
	else
		found = &k->sinks[KNOWN_MAX - 1];
	memmove(&k->sinks[1], &k->sinks[0], (size_t)(found - k->sinks) * sizeof(s));
	k->sinks[0] = s;
	return &k->sinks[0];
}

int known_forget(struct known *k, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	struct known_sink *found = known_find(k, address);

	if (!found)
		return -ENOENT;
	k->n--;
	memmove(found, found + 1, (size_t)(&k->sinks[k->n] - found) * sizeof(*found));
	return 0;
}

/* ---------------------------------------------------------------- the file */

int known_load(struct known *k, const char *path)
{
	char text[KNOWN_FILE_MAX];
	FILE *file;
	size_t size;

	*k = (struct known){ 0 };
	if (!path)
		return 0;
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	size = fread(text, 1, sizeof(text), file);
	(void)fclose(file);
	known_parse(text, size, k);
	return 0;
}

static int write_all(const char *path, const char *text, size_t size)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
				      0600);

	if (fd < 0)
		return -errno;
	if (write(fd, text, size) != (ssize_t)size)
		return -EIO;
	return 0;
}

/* A new file takes the old one's place, so that a crash leaves one of them whole. */
int known_save(const struct known *k, const char *path)
{
	char text[KNOWN_FILE_MAX], other[PATH_MAX];
	int r;

	if (!path)
		return 0;
	if ((size_t)snprintf(other, sizeof(other), "%s.new", path) >= sizeof(other))
		return -ENAMETOOLONG;
	r = known_format(k, text, sizeof(text));
	if (r < 0)
		return r;
	r = write_all(other, text, strlen(text));
	if (r < 0)
		return r;
	return rename(other, path) < 0 ? -errno : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A desktop with one display that does what lines on standard input say, and draws all the time:
 *
 *	play-desktop CARD-MINOR HEAD
 *	WIDTHxHEIGHT	set that mode, of those that the display has
 *	off, on
 *
 * Like any desktop it takes the preferred mode as soon as there is a display, and lets go of it when
 * the display goes. Prints a line for each of that.
 */
#include "desktop.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_MS 50

static struct desktop desktop;
static struct buffer buffers[2];
static char wanted[64]; /* "": the preferred one */
static bool is_lit, is_off;
static uint32_t frame;

static void find_head(unsigned int minor, int head)
{
	uint32_t connector = 0, crtc;
	char path[64];
	drmModeRes *resources;
	int fd, seen = 0;

	(void)snprintf(path, sizeof(path), "/dev/dri/card%u", minor);
	fd = open(path, O_RDWR | O_CLOEXEC);
	resources = fd >= 0 ? drmModeGetResources(fd) : NULL;
	if (!resources || head >= resources->count_crtcs) {
		perror(path);
		exit(1);
	}
	crtc = resources->crtcs[head];
	for (int i = 0; i < resources->count_connectors && !connector; i++) {
		drmModeConnector *c = drmModeGetConnectorCurrent(fd, resources->connectors[i]);

		if (c->connector_type == DRM_MODE_CONNECTOR_VIRTUAL && seen++ == head)
			connector = c->connector_id;
		drmModeFreeConnector(c);
	}
	drmModeFreeResources(resources);
	close(fd);
	desktop_open(&desktop, minor, connector, crtc);
}

static const drmModeModeInfo *choose(const drmModeConnector *connector)
{
	for (int i = 0; i < connector->count_modes; i++) {
		const drmModeModeInfo *mode = &connector->modes[i];
		char name[32];

		(void)snprintf(name, sizeof(name), "%ux%u", mode->hdisplay, mode->vdisplay);
		if (*wanted ? !strcmp(name, wanted) : mode->type & DRM_MODE_TYPE_PREFERRED)
			return mode;
	}
	return connector->count_modes ? &connector->modes[0] : NULL;
}

static void light(const drmModeModeInfo *mode)
{
	int r = 0;

	/* The ones before are let go of at the end: a test sets few modes. */
	for (int i = 0; i < 2 && r == 0; i++) {
		buffer_create(&buffers[i], desktop.fd, mode->hdisplay, mode->vdisplay);
		buffer_fill(&buffers[i], (uint32_t)i);
		r = buffer_add(&buffers[i], &desktop, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	}
	if (r == 0)
		r = desktop_set_mode(&desktop, mode, &buffers[0]);
	is_lit = r == 0;
	printf("mode %ux%u: %s\n", mode->hdisplay, mode->vdisplay, strerror(-r));
}

/* Whether there is a display may change at any time: then a commit fails, and is made again. */
static void follow(void)
{
	drmModeConnector *connector = desktop_probe(&desktop);
	bool is_there = connector->connection == DRM_MODE_CONNECTED;

	if (is_there && !is_lit && !is_off && choose(connector))
		light(choose(connector));
	if (!is_there && is_lit) {
		(void)desktop_off(&desktop);
		is_lit = false;
		puts("the display is gone");
	}
	drmModeFreeConnector(connector);
}

static void obey(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "off") == 0 || strcmp(line, "on") == 0) {
		is_off = strcmp(line, "off") == 0;
		printf("%s: %s\n", line, strerror(-desktop_switch(&desktop, !is_off)));
		return;
	}
	(void)snprintf(wanted, sizeof(wanted), "%s", line);
	is_lit = false;
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];

	if (argc != 3) {
		fputs("play-desktop: see the head of play-desktop.c\n", stderr);
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	find_head((unsigned int)atoi(argv[1]), atoi(argv[2]));
	for (;;) {
		if (poll(&in, 1, FRAME_MS) > 0) {
			if (!fgets(line, sizeof(line), stdin))
				return 0;
			obey(line);
		}
		follow();
		frame++;
		if (is_lit && !is_off) {
			buffer_fill(&buffers[frame % 2], frame);
			if (desktop_flip(&desktop, &buffers[frame % 2], NULL) == 0)
				desktop_wait_flip(&desktop);
		}
	}
}

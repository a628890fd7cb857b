// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stamp-client [--fullscreen] NONCE-IN-HEX
 *
 * An application as any: a maximised Wayland window with moving content. In it the stamp of
 * miracast/stamp.h and its nonce in large letters, drawn anew as often as the compositor asks for a
 * frame. Knows nothing of casting. Ends when the compositor or somebody else ends it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <wayland-client.h>
#include <zlib.h>

#include <miracast/stamp.h>

#include "xdg-shell-client-protocol.h"

#define BUFFERS 2
#define MARGIN	48 /* pixels around the stamp */

struct buffer {
	struct wl_buffer *handle;
	uint32_t *pixels;
	bool busy; /* the compositor reads it */
};

struct client {
	struct wl_display *display;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct xdg_wm_base *shell;
	struct wl_surface *surface;
	struct xdg_toplevel *toplevel;
	int32_t asked_width; /* 0: ours to choose */
	int32_t asked_height;
	int32_t width;
	int32_t height;
	struct buffer buffers[BUFFERS];
	bool waiting; /* for a buffer to come back */
	uint32_t frame;
	uint32_t nonce;
};

static void draw(struct client *client);

/* ---- drawing ---- */

static void fill(struct client *client, uint32_t *pixels, int32_t x, int32_t y, int32_t width,
		 int32_t height, uint32_t colour)
{
	for (int32_t row = y < 0 ? 0 : y; row < y + height && row < client->height; row++)
		for (int32_t column = x < 0 ? 0 : x; column < x + width && column < client->width;
		     column++)
			pixels[row * client->width + column] = colour;
}

/* Hexadecimal digits, 5 wide and 7 high; the lowest bit is the right-most pixel. */
static const uint8_t digits[16][7] = {
	{ 14, 17, 19, 21, 25, 17, 14 }, { 4, 12, 4, 4, 4, 4, 14 },
	{ 14, 17, 1, 2, 4, 8, 31 },	{ 31, 2, 4, 2, 1, 17, 14 },
	{ 2, 6, 10, 18, 31, 2, 2 },	{ 31, 16, 30, 1, 1, 17, 14 },
	{ 6, 8, 16, 30, 17, 17, 14 },	{ 31, 1, 2, 4, 8, 8, 8 },
	{ 14, 17, 17, 14, 17, 17, 14 }, { 14, 17, 17, 15, 1, 2, 12 },
	{ 14, 17, 17, 31, 17, 17, 17 }, { 30, 17, 17, 30, 17, 17, 30 },
	{ 14, 17, 16, 16, 16, 17, 14 }, { 28, 18, 17, 17, 17, 18, 28 },
	{ 31, 16, 16, 30, 16, 16, 31 }, { 31, 16, 16, 30, 16, 16, 16 },
};

static void draw_nonce(struct client *client, uint32_t *pixels, int32_t x, int32_t y, int32_t size)
{
	for (int32_t i = 0; i < 8; i++) {
		const uint8_t *digit = digits[client->nonce >> (28 - 4 * i) & 15];

		for (int32_t row = 0; row < 7; row++)
			for (int32_t bit = 0; bit < 5; bit++)
				if (digit[row] >> (4 - bit) & 1)
					fill(client, pixels, x + (6 * i + bit) * size,
					     y + row * size, size, size, 0xffffffff);
	}
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static void draw_stamp(struct client *client, uint32_t *pixels, int32_t x, int32_t y)
{
	uint64_t time = now_us();
	const uint64_t fields[3] = { client->frame, time, client->nonce };
	uint16_t rows[STAMP_ROWS] = {
		STAMP_SYNC,	fields[0] >> 16, fields[0],	  fields[1] >> 48, fields[1] >> 32,
		fields[1] >> 16, fields[1],	 fields[2] >> 16, fields[2],
	};
	uint8_t bytes[16];
	uint32_t crc;

	for (int i = 0; i < 8; i++) {
		bytes[2 * i] = rows[i + 1] >> 8;
		bytes[2 * i + 1] = rows[i + 1];
	}
	crc = crc32(0, bytes, sizeof(bytes));
	rows[9] = crc >> 16;
	rows[10] = crc;

	fill(client, pixels, x, y, STAMP_WIDTH, STAMP_HEIGHT, 0xff000000);
	for (int32_t row = 0; row < STAMP_ROWS; row++)
		for (int32_t column = 0; column < STAMP_COLUMNS; column++)
			if (rows[row] >> (STAMP_COLUMNS - 1 - column) & 1)
				fill(client, pixels, x + (STAMP_BORDER + column) * STAMP_CELL,
				     y + (STAMP_BORDER + row) * STAMP_CELL, STAMP_CELL, STAMP_CELL,
				     0xffffffff);
}

static void draw_all(struct client *client, uint32_t *pixels)
{
	int32_t size = client->width / 60;
	int32_t bar = (client->frame * 8) % client->width;

	fill(client, pixels, 0, 0, client->width, client->height, 0xff204060);
	fill(client, pixels, bar, 0, 24, client->height, 0xffd08020);
	draw_stamp(client, pixels, MARGIN, MARGIN);
	fill(client, pixels, MARGIN / 2, MARGIN + STAMP_HEIGHT + size, 49 * size, 11 * size,
	     0xff103050);
	draw_nonce(client, pixels, MARGIN / 2 + size, MARGIN + STAMP_HEIGHT + 3 * size, size);
}

/* ---- buffers ---- */

static void on_buffer_release(void *data, struct wl_buffer *handle)
{
	struct client *client = data;

	for (int i = 0; i < BUFFERS; i++)
		if (client->buffers[i].handle == handle)
			client->buffers[i].busy = false;
	if (client->waiting)
		draw(client);
}

static const struct wl_buffer_listener buffer_listener = { .release = on_buffer_release };

static void drop_buffers(struct client *client)
{
	for (int i = 0; i < BUFFERS; i++) {
		struct buffer *buffer = &client->buffers[i];

		if (!buffer->handle)
			continue;
		wl_buffer_destroy(buffer->handle);
		munmap(buffer->pixels, 4ul * client->width * client->height);
		*buffer = (struct buffer){};
	}
}

static void make_buffers(struct client *client)
{
	int32_t size = 4 * client->width * client->height;

	for (int i = 0; i < BUFFERS; i++) {
		struct buffer *buffer = &client->buffers[i];
		int fd = memfd_create("stamp", MFD_CLOEXEC);
		struct wl_shm_pool *pool;

		if (fd < 0 || ftruncate(fd, size) < 0)
			exit(1);
		buffer->pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (buffer->pixels == MAP_FAILED)
			exit(1);
		pool = wl_shm_create_pool(client->shm, fd, size);
		buffer->handle = wl_shm_pool_create_buffer(pool, 0, client->width, client->height,
							   4 * client->width,
							   WL_SHM_FORMAT_XRGB8888);
		wl_buffer_add_listener(buffer->handle, &buffer_listener, client);
		wl_shm_pool_destroy(pool);
		close(fd);
	}
}

/* ---- frames ---- */

static void on_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	(void)time;
	wl_callback_destroy(callback);
	draw(data);
}

static const struct wl_callback_listener frame_listener = { .done = on_frame };

static void draw(struct client *client)
{
	struct buffer *buffer = NULL;

	for (int i = 0; i < BUFFERS && !buffer; i++)
		if (!client->buffers[i].busy)
			buffer = &client->buffers[i];
	client->waiting = !buffer;
	if (!buffer)
		return;

	client->frame++;
	draw_all(client, buffer->pixels);
	wl_callback_add_listener(wl_surface_frame(client->surface), &frame_listener, client);
	wl_surface_attach(client->surface, buffer->handle, 0, 0);
	wl_surface_damage(client->surface, 0, 0, client->width, client->height);
	wl_surface_commit(client->surface);
	buffer->busy = true;
}

/* ---- shell ---- */

static void on_ping(void *data, struct xdg_wm_base *shell, uint32_t serial)
{
	(void)data;
	xdg_wm_base_pong(shell, serial);
}

static const struct xdg_wm_base_listener shell_listener = { .ping = on_ping };

static void on_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
				  int32_t height, struct wl_array *states)
{
	struct client *client = data;

	(void)toplevel;
	(void)states;
	client->asked_width = width;
	client->asked_height = height;
}

static void on_toplevel_close(void *data, struct xdg_toplevel *toplevel)
{
	(void)data;
	(void)toplevel;
	exit(0);
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = on_toplevel_configure,
	.close = on_toplevel_close,
};

static void on_surface_configure(void *data, struct xdg_surface *surface, uint32_t serial)
{
	struct client *client = data;
	int32_t width = client->asked_width ? client->asked_width : 640;
	int32_t height = client->asked_height ? client->asked_height : 400;
	bool first = !client->width;

	xdg_surface_ack_configure(surface, serial);
	if (width == client->width && height == client->height)
		return;
	drop_buffers(client);
	client->width = width;
	client->height = height;
	make_buffers(client);
	/* Later ones are drawn when the compositor asks for the next frame. */
	if (first)
		draw(client);
}

static const struct xdg_surface_listener surface_listener = { .configure = on_surface_configure };

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
		      const char *interface, uint32_t version)
{
	struct client *client = data;

	(void)version;
	if (!strcmp(interface, wl_compositor_interface.name))
		client->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 1);
	else if (!strcmp(interface, wl_shm_interface.name))
		client->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	else if (!strcmp(interface, xdg_wm_base_interface.name))
		client->shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data;
	(void)registry;
	(void)name;
}

static const struct wl_registry_listener registry_listener = {
	.global = on_global,
	.global_remove = on_global_remove,
};

static int open_window(struct client *client, bool fullscreen)
{
	struct xdg_surface *surface;

	if (!client->compositor || !client->shm || !client->shell) {
		fprintf(stderr, "stamp-client: the compositor lacks wl_shm or xdg_wm_base\n");
		return -ENOTSUP;
	}
	xdg_wm_base_add_listener(client->shell, &shell_listener, client);
	client->surface = wl_compositor_create_surface(client->compositor);
	surface = xdg_wm_base_get_xdg_surface(client->shell, client->surface);
	xdg_surface_add_listener(surface, &surface_listener, client);
	client->toplevel = xdg_surface_get_toplevel(surface);
	xdg_toplevel_add_listener(client->toplevel, &toplevel_listener, client);
	xdg_toplevel_set_title(client->toplevel, "Stamp");
	if (fullscreen)
		xdg_toplevel_set_fullscreen(client->toplevel, NULL);
	else
		xdg_toplevel_set_maximized(client->toplevel);
	wl_surface_commit(client->surface);
	return 0;
}

int main(int argc, char **argv)
{
	struct client client = {};
	bool fullscreen = argc > 1 && !strcmp(argv[1], "--fullscreen");

	if (argc != 2 + fullscreen) {
		fprintf(stderr, "usage: stamp-client [--fullscreen] NONCE\n");
		return 2;
	}
	client.nonce = strtoul(argv[1 + fullscreen], NULL, 16);
	client.display = wl_display_connect(NULL);
	if (!client.display) {
		fprintf(stderr, "stamp-client: no compositor: %s\n", strerror(errno));
		return 1;
	}
	wl_registry_add_listener(wl_display_get_registry(client.display), &registry_listener,
				 &client);
	wl_display_roundtrip(client.display);
	if (open_window(&client, fullscreen) < 0)
		return 1;
	while (wl_display_dispatch(client.display) >= 0)
		;
	return 1;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stamp-client [--fullscreen] NONCE-IN-HEX
 *
 * An application as any: a maximised Wayland window with the stamp (stamp-picture.h), drawn anew as
 * often as the compositor asks for a frame. Knows nothing of casting. Ends when the compositor or
 * somebody else ends it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-client.h>

#include "stamp-picture.h"
#include "xdg-shell-client-protocol.h"

#define BUFFERS 2

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
	struct buffer buffers[BUFFERS];
	bool waiting; /* for a buffer to come back */
	struct stamp_picture picture;
};

static void draw(struct client *client);

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
		munmap(buffer->pixels, 4ul * client->picture.width * client->picture.height);
		*buffer = (struct buffer){};
	}
}

static void make_buffers(struct client *client)
{
	int32_t size = 4 * client->picture.width * client->picture.height;

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
		buffer->handle = wl_shm_pool_create_buffer(pool, 0, client->picture.width, client->picture.height,
							   4 * client->picture.width,
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

	client->picture.frame++;
	client->picture.pixels = buffer->pixels;
	stamp_picture_draw(&client->picture);
	wl_callback_add_listener(wl_surface_frame(client->surface), &frame_listener, client);
	wl_surface_attach(client->surface, buffer->handle, 0, 0);
	wl_surface_damage(client->surface, 0, 0, client->picture.width, client->picture.height);
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
	bool first = !client->picture.width;

	xdg_surface_ack_configure(surface, serial);
	if (width == client->picture.width && height == client->picture.height)
		return;
	drop_buffers(client);
	client->picture.width = width;
	client->picture.height = height;
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
	client.picture.nonce = strtoul(argv[1 + fullscreen], NULL, 16);
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

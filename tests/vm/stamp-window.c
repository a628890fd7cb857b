// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stamp-window NONCE-IN-HEX WIDTHxHEIGHT+X+Y
 *
 * The same as stamp-client, for X11: a window that no window manager moves, on top of the others.
 * Ends when the X server does.
 */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stamp-picture.h"

#define PAUSE_US 20000 /* between pictures; the server's time for one comes on top */

static Window open_window(Display *display, int x, int y, unsigned int width, unsigned int height)
{
	XSetWindowAttributes attributes = { .override_redirect = True };
	Window window = XCreateWindow(display, DefaultRootWindow(display), x, y, width, height, 0,
				      CopyFromParent, InputOutput, CopyFromParent,
				      CWOverrideRedirect, &attributes);

	XStoreName(display, window, "Stamp");
	XMapRaised(display, window);
	return window;
}

static void show(Display *display, Window window, struct stamp_picture *picture)
{
	int screen = DefaultScreen(display);
	XImage *image = XCreateImage(display, DefaultVisual(display, screen),
				     DefaultDepth(display, screen), ZPixmap, 0,
				     (char *)picture->pixels, picture->width, picture->height, 32,
				     0);
	GC gc = XCreateGC(display, window, 0, NULL);

	for (;; picture->frame++) {
		stamp_picture_draw(picture);
		XRaiseWindow(display, window);
		XPutImage(display, window, gc, image, 0, 0, 0, 0, picture->width, picture->height);
		XSync(display, False);
		usleep(PAUSE_US);
	}
}

int main(int argc, char **argv)
{
	struct stamp_picture picture = { .frame = 1 };
	unsigned int width = 0, height = 0;
	Display *display;
	int x = 0, y = 0;

	if (argc != 3 || XParseGeometry(argv[2], &x, &y, &width, &height) == NoValue || !width) {
		fprintf(stderr, "usage: stamp-window NONCE WIDTHxHEIGHT+X+Y\n");
		return 2;
	}
	display = XOpenDisplay(NULL);
	if (!display) {
		fprintf(stderr, "stamp-window: no X server\n");
		return 1;
	}
	picture.nonce = strtoul(argv[1], NULL, 16);
	picture.width = width;
	picture.height = height;
	picture.pixels = calloc((size_t)width * height, sizeof(*picture.pixels));
	if (!picture.pixels)
		return 1;
	show(display, open_window(display, x, y, width, height), &picture);
}

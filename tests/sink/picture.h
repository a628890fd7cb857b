/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A decoded picture into a PNG file. */
#ifndef SINK_PICTURE_H
#define SINK_PICTURE_H

struct AVFrame;

int picture_write_png(const struct AVFrame *frame, const char *path);

#endif

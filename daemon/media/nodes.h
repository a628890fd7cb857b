/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The GPUs of this machine, opened in the order in which an encoder is looked for: the firmware's
 * own choice first, which is the one that a desktop draws with unless it was told otherwise, so that
 * its buffers are imported where they lie. Knows no driver; what a GPU can do is found out by trial.
 */
#ifndef MIRACAST_MEDIA_NODES_H
#define MIRACAST_MEDIA_NODES_H

#include <stddef.h>

/*
 * Their descriptors; how many. The configured node alone, if there is one, else all there are, size
 * at most. root stands before /dev and /sys.
 */
size_t nodes_open(const char *root, const char *configured, int *ret, size_t size);

#endif

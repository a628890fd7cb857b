/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One raw picture into a file, so that a test can compare what was captured with what a sink
 * decoded. Knows nothing of when.
 */
#ifndef MIRACAST_MEDIA_DUMP_H
#define MIRACAST_MEDIA_DUMP_H

#include "miracast/media.h"

/* f as binary PPM, the file's whole contents. 0; -EOPNOTSUPP: not readable by the CPU; -errno. */
int dump_write(int fd, const struct frame *f);

#endif

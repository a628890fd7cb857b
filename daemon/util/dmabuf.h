/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a picture in somebody else's dma-buf by the CPU: how much of it must be mapped, and when
 * its exporter is told, so that it can make its caches agree (DMA_BUF_IOCTL_SYNC, Linux'
 * dma-buf.h). Does not map: how long a mapping is worth keeping is the caller's to know.
 */
#ifndef MIRACAST_UTIL_DMABUF_H
#define MIRACAST_UTIL_DMABUF_H

#include <stddef.h>
#include <stdint.h>

/* Bytes up to the last pixel, of 4 bytes each; the last line need not be there to its pitch's end. */
size_t dmabuf_get_extent(uint32_t offset, uint32_t pitch, unsigned int width, unsigned int height);

/* 0 or -errno. What was begun is ended. */
int dmabuf_begin_read(int fd);
void dmabuf_end_read(int fd);

#endif

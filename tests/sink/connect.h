/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the source: an address in words, and a TCP connection that may take its time. */
#ifndef SINK_CONNECT_H
#define SINK_CONNECT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RTSP_PORT 7236

struct endpoint {
	struct sockaddr_storage address;
	socklen_t len;
	char name[64]; /* the address alone, IPv6 in brackets, as in a URL */
	unsigned port;
};

/* ADDR, ADDR:PORT or [ADDR]:PORT; numeric. -EINVAL if it is none of these. */
int endpoint_parse(const char *text, struct endpoint *ret);

/*
 * Tries again and again until `wait_us` are over; a non-blocking socket, or the last error.
 * stop_fd (a signalfd) ends it early with -EINTR.
 */
int endpoint_connect(const struct endpoint *endpoint, uint64_t wait_us, int stop_fd);

#endif

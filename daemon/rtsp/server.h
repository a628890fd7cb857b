/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control connection: moves bytes between a connected TCP socket and an exchange, on the loop.
 * The socket is borrowed from the link: never closed, never shut down, its flags untouched. Knows
 * no message's meaning; the exchange judges every failure, also that of the connection.
 */
#ifndef MIRACAST_RTSP_SERVER_H
#define MIRACAST_RTSP_SERVER_H

#include "rtsp/exchange.h"
#include "util/cleanup.h"

#include <systemd/sd-event.h>

#define RTSP_SERVER_QUEUE_SIZE (64u << 10) /* bytes not taken by the sink yet; more: it is dead */

struct rtsp_server;

/*
 * fd and exchange are borrowed and must outlive the server. Nothing is sent or read before
 * rtsp_server_start(). 0 or -errno. Thread: the loop's.
 */
int rtsp_server_new(sd_event *event, int fd, struct exchange *x, struct rtsp_server **ret);

/*
 * Removes its event sources, leaves the fd open. May be called from an up-call of the exchange,
 * the exchange may be freed there as well. NULL is welcome; returns NULL. Call it before the fd is
 * closed: what the queue still holds is offered to the socket once and then dropped.
 */
struct rtsp_server *rtsp_server_free(struct rtsp_server *server);
DEFINE_CLEANUP(struct rtsp_server *, rtsp_server_free)

/* M1. */
void rtsp_server_start(struct rtsp_server *server);

/*
 * What exchange_ops.send has to call. 0, -ENOBUFS: the queue is full, or the socket's -errno.
 * The exchange's deadline is looked at again whenever the loop is about to sleep, so calls down to
 * the exchange need no word to the server.
 */
int rtsp_server_send(struct rtsp_server *server, const void *data, size_t size);

#endif

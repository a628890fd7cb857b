/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams off the wire: a thread of its own and a ring that holds seconds of stream, so that it
 * is never the sink that loses a packet, and if it is, that it says so. Knows no RTP.
 */
#ifndef SINK_RECEIVE_H
#define SINK_RECEIVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct receiver;

struct receive_counts {
	uint64_t datagrams;
	uint64_t kernel_drops; /* the socket's buffer was full (SO_RXQ_OVFL) */
	uint64_t ring_drops;   /* the ring was full */
	uint64_t foreign;      /* not from the source */
	int buffer;	       /* bytes of SO_RCVBUF as granted */
};

/* Binds a UDP socket of the family to `port` (0 = a free, even one) and says which it is. */
int receiver_new(int family, unsigned port, unsigned *ret_port, struct receiver **ret);
/* From now on only datagrams from this address count, whatever their port. */
int receiver_start(struct receiver *rx, const struct sockaddr_storage *source);
void receiver_stop(struct receiver *rx);
struct receiver *receiver_free(struct receiver *rx);

/*
 * The consumer's side, one thread: waits up to timeout_ms for a datagram. Returns its length, 0 if
 * none came, -ESHUTDOWN when the receiver is stopped and the ring is empty. The bytes are valid
 * until the next call. Arrival is CLOCK_MONOTONIC in microseconds, taken by the kernel.
 */
int receiver_next(struct receiver *rx, int timeout_ms, const uint8_t **ret,
		  uint64_t *ret_arrival_us);
struct receive_counts receiver_counts(struct receiver *rx);

#endif

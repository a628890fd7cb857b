// SPDX-License-Identifier: GPL-2.0-or-later
/* The receive thread: recvmmsg into a ring of one writer and one reader. */
#include "receive.h"
#include "clock.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RING_SLOTS    16384 /* 21 MB of full datagrams, pages are taken when they are used */
#define SLOT_SIZE     2048
#define BATCH	      64
#define SOCKET_BUFFER (16 << 20)
#define CONTROL_SIZE  128
#define PORT_TRIES    64

struct slot {
	uint64_t arrival_us;
	uint32_t len;
	uint8_t data[SLOT_SIZE - 12];
} __attribute__((packed, aligned(4)));

struct receiver {
	int fd;
	int wake_fd; /* tells the reader that the ring is no longer empty */
	int stop_fd;
	pthread_t thread;
	bool running;
	struct sockaddr_storage source;
	struct slot *ring;
	_Atomic uint64_t head, tail; /* written, read */
	_Atomic bool sleeping, stopped;
	_Atomic uint64_t datagrams, kernel_drops, ring_drops, foreign;
	uint32_t last_overflow;
	int buffer;
	bool taken; /* the reader still looks at the slot at tail */
};

static unsigned port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

static int try_bind(int family, unsigned port, int *ret_fd, unsigned *ret_port)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };
	socklen_t len = sizeof(address);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		((struct sockaddr_in6 *)&address)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)&address)->sin_port = htons((uint16_t)port);
	if (bind(fd, (struct sockaddr *)&address,
		 family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) <
		    0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	*ret_port = port_of(&address);
	return 0;
}

/* RTP ports are even by custom (RFC 3550 11). */
static int bind_port(int family, unsigned port, int *ret_fd, unsigned *ret_port)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		int r = try_bind(family, port, ret_fd, ret_port);

		if (r < 0 || port || *ret_port % 2 == 0)
			return r;
		close(*ret_fd);
		*ret_fd = -1;
	}
	return -EADDRINUSE;
}

static void set_options(struct receiver *rx)
{
	int size = SOCKET_BUFFER;
	int on = 1;
	socklen_t len = sizeof(rx->buffer);

	/* FORCE wants CAP_NET_ADMIN and goes past net.core.rmem_max. */
	if (setsockopt(rx->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(rx->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(rx->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	setsockopt(rx->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	getsockopt(rx->fd, SOL_SOCKET, SO_RCVBUF, &rx->buffer, &len);
}

int receiver_new(int family, unsigned port, unsigned *ret_port, struct receiver **ret)
{
	struct receiver *rx = calloc(1, sizeof(*rx));
	int r;

	if (!rx)
		return -ENOMEM;
	rx->fd = rx->wake_fd = rx->stop_fd = -1;
	rx->ring = mmap(NULL, sizeof(*rx->ring) * RING_SLOTS, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (rx->ring == MAP_FAILED) {
		rx->ring = NULL;
		receiver_free(rx);
		return -ENOMEM;
	}
	rx->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rx->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = rx->wake_fd < 0 || rx->stop_fd < 0 ? -errno
					       : bind_port(family, port, &rx->fd, ret_port);
	if (r < 0) {
		receiver_free(rx);
		return r;
	}
	set_options(rx);
	*ret = rx;
	return 0;
}

static bool is_source(const struct receiver *rx, const struct sockaddr_storage *from)
{
	if (from->ss_family != rx->source.ss_family)
		return false;
	if (from->ss_family == AF_INET6)
		return !memcmp(&((const struct sockaddr_in6 *)from)->sin6_addr,
			       &((const struct sockaddr_in6 *)&rx->source)->sin6_addr, 16);
	return ((const struct sockaddr_in *)from)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)&rx->source)->sin_addr.s_addr;
}

/* The kernel stamps with CLOCK_REALTIME; both clocks read together give the difference. */
static int64_t clock_offset_us(void)
{
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	return (int64_t)clock_now_us() - ((int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000);
}

static void read_control(struct receiver *rx, struct msghdr *msg, int64_t offset_us,
			 uint64_t *arrival_us)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			*arrival_us = (uint64_t)((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 +
						 offset_us);
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			uint32_t drops;

			memcpy(&drops, CMSG_DATA(c), sizeof(drops));
			atomic_fetch_add(&rx->kernel_drops, drops - rx->last_overflow);
			rx->last_overflow = drops;
		}
	}
}

static void wake_reader(struct receiver *rx)
{
	uint64_t one = 1;

	if (atomic_exchange(&rx->sleeping, false) && write(rx->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	char control[BATCH][CONTROL_SIZE] __attribute__((aligned(8)));
	uint8_t spare[SLOT_SIZE];
};

/* Datagrams go straight into the ring's free slots; with none left they are read and dropped. */
static unsigned prepare(struct receiver *rx, struct batch *b, bool *ret_full)
{
	uint64_t head = atomic_load(&rx->head);
	uint64_t free_slots = RING_SLOTS - (head - atomic_load(&rx->tail));
	unsigned count = free_slots < BATCH ? (unsigned)free_slots : BATCH;

	*ret_full = !count;
	if (!count)
		count = 1;
	for (unsigned i = 0; i < count; i++) {
		struct slot *slot = &rx->ring[(head + i) % RING_SLOTS];

		b->iov[i] = *ret_full ? (struct iovec){ b->spare, sizeof(b->spare) }
				      : (struct iovec){ slot->data, sizeof(slot->data) };
		b->msgs[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i],
						      .msg_namelen = sizeof(b->from[i]),
						      .msg_iov = &b->iov[i],
						      .msg_iovlen = 1,
						      .msg_control = b->control[i],
						      .msg_controllen = CONTROL_SIZE };
	}
	return count;
}

static void take_batch(struct receiver *rx, struct batch *b, unsigned count, bool full)
{
	uint64_t head = atomic_load(&rx->head);
	int64_t offset_us = clock_offset_us();
	uint64_t at = head;

	for (unsigned i = 0; i < count; i++) {
		uint64_t arrival_us = clock_now_us();
		struct slot *slot = &rx->ring[(head + i) % RING_SLOTS];
		struct slot *place = &rx->ring[at % RING_SLOTS];

		read_control(rx, &b->msgs[i].msg_hdr, offset_us, &arrival_us);
		if (!is_source(rx, &b->from[i])) {
			atomic_fetch_add(&rx->foreign, 1);
			continue;
		}
		if (full) {
			atomic_fetch_add(&rx->ring_drops, 1);
			continue;
		}
		if (place != slot)
			memcpy(place->data, slot->data, b->msgs[i].msg_len);
		place->len = b->msgs[i].msg_len;
		place->arrival_us = arrival_us;
		at++;
	}
	atomic_fetch_add(&rx->datagrams, at - head);
	atomic_store(&rx->head, at);
	if (at != head)
		wake_reader(rx);
}

static void *receive(void *user)
{
	struct receiver *rx = user;
	struct batch *b = calloc(1, sizeof(*b));
	struct pollfd fds[] = { { rx->fd, POLLIN, 0 }, { rx->stop_fd, POLLIN, 0 } };

	while (b) {
		bool full;
		unsigned count = prepare(rx, b, &full);
		int n = recvmmsg(rx->fd, b->msgs, count, MSG_DONTWAIT, NULL);

		if (n > 0) {
			take_batch(rx, b, (unsigned)n, full);
			continue;
		}
		/* An ICMP error of an earlier session is no reason to stop. */
		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
			break;
		if (fds[1].revents)
			break;
		poll(fds, 2, -1);
	}
	free(b);
	atomic_store(&rx->stopped, true);
	atomic_store(&rx->sleeping, true);
	wake_reader(rx);
	return NULL;
}

int receiver_start(struct receiver *rx, const struct sockaddr_storage *source)
{
	int r;

	rx->source = *source;
	r = pthread_create(&rx->thread, NULL, receive, rx);
	if (r)
		return -r;
	rx->running = true;
	return 0;
}

void receiver_stop(struct receiver *rx)
{
	uint64_t one = 1;

	if (!rx->running)
		return;
	if (write(rx->stop_fd, &one, sizeof(one)) < 0)
		return;
	pthread_join(rx->thread, NULL);
	rx->running = false;
}

struct receiver *receiver_free(struct receiver *rx)
{
	if (!rx)
		return NULL;
	receiver_stop(rx);
	if (rx->ring)
		munmap(rx->ring, sizeof(*rx->ring) * RING_SLOTS);
	if (rx->fd >= 0)
		close(rx->fd);
	if (rx->wake_fd >= 0)
		close(rx->wake_fd);
	if (rx->stop_fd >= 0)
		close(rx->stop_fd);
	free(rx);
	return NULL;
}

int receiver_next(struct receiver *rx, int timeout_ms, const uint8_t **ret,
		  uint64_t *ret_arrival_us)
{
	struct pollfd wait = { rx->wake_fd, POLLIN, 0 };
	struct slot *slot;
	uint64_t ignored;

	if (rx->taken)
		atomic_fetch_add(&rx->tail, 1);
	rx->taken = false;
	if (atomic_load(&rx->head) == atomic_load(&rx->tail)) {
		atomic_store(&rx->sleeping, true);
		/* Asked again: a datagram may have come before we were known to sleep. */
		if (atomic_load(&rx->head) == atomic_load(&rx->tail)) {
			if (atomic_load(&rx->stopped))
				return -ESHUTDOWN;
			poll(&wait, 1, timeout_ms);
			if (read(rx->wake_fd, &ignored, sizeof(ignored)) < 0)
				ignored = 0;
		}
		atomic_store(&rx->sleeping, false);
		if (atomic_load(&rx->head) == atomic_load(&rx->tail))
			return 0;
	}
	slot = &rx->ring[atomic_load(&rx->tail) % RING_SLOTS];
	rx->taken = true;
	*ret = slot->data;
	*ret_arrival_us = slot->arrival_us;
	return (int)slot->len;
}

struct receive_counts receiver_counts(struct receiver *rx)
{
	return (struct receive_counts){
		.datagrams = atomic_load(&rx->datagrams),
		.kernel_drops = atomic_load(&rx->kernel_drops),
		.ring_drops = atomic_load(&rx->ring_drops),
		.foreign = atomic_load(&rx->foreign),
		.buffer = rx->buffer,
	};
}

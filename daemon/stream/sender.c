// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream/sender.h"

#include "util/cleanup.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define SOCKET_BUFFER	(512 * 1024) /* bytes; the kernel's own limit may be lower */
#define SOCKET_TOS	0xa0	     /* DSCP CS5: Wi-Fi's AC_VI */
#define RATE_MAX_BPS	UINT64_C(10000000000)
#define BURST_MAX_NS	NSEC_PER_SEC
#define BURST_NS	(4 * NSEC_PER_MSEC)
#define BURST_DATAGRAMS 16

static struct sender_frame *get_head(struct sender *s);
static int send_head(struct sender *s, struct sender_frame *f, unsigned int n, uint64_t now_ns);
static int send_all(struct sender *s, const uint8_t *data, unsigned int count, size_t last_size,
		    unsigned int *ret_lost);

int sender_init(struct sender *s, const struct sender_ops *ops, void *userdata)
{
	*s = (struct sender){ .ops = ops, .userdata = userdata, .fd = -1 };
	s->slots = calloc(SENDER_SLOTS + 1, RTP_DATAGRAM_SIZE);
	if (!s->slots)
		return -ENOMEM;
	s->urgent = s->slots + (size_t)SENDER_SLOTS * RTP_DATAGRAM_SIZE;
	return 0;
}

void sender_done(struct sender *s)
{
	s->fd = close_fd(s->fd);
	free(s->slots);
	s->slots = NULL;
}

static void forget_queue(struct sender *s)
{
	s->slot_next = 0;
	s->slots_used = 0;
	s->ready = 0;
	s->frame_first = 0;
	s->frame_count = 0;
	s->queued_bytes = 0;
	s->urgent_size = 0;
	s->paced_ns = 0;
	s->blocked = false;
	s->needs_idr = true;
	s->drops_rest = true;
}

static int get_family(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	return address.ss_family;
}

/* The buffer and the class are wishes: a socket that grants neither still streams. */
static int prepare_socket(int fd)
{
	const int size = SOCKET_BUFFER, tos = SOCKET_TOS;
	int flags = fcntl(fd, F_GETFL);
	int family = get_family(fd);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	if (family < 0)
		return family;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
		log_debug("sender: cannot set SO_SNDBUF: %s", strerror(errno));
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos)) < 0)
		log_debug("sender: cannot set IPV6_TCLASS: %s", strerror(errno));
	if (family == AF_INET && setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) < 0)
		log_debug("sender: cannot set IP_TOS: %s", strerror(errno));
	return 0;
}

/* Whether this kernel knows UDP_SEGMENT for it; a device may still refuse the first send. */
static bool offers_gso(int fd)
{
	int segment;
	socklen_t size = sizeof(segment);

	return getsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, &size) == 0;
}

int sender_set_socket(struct sender *s, int fd)
{
	int r;

	s->fd = close_fd(s->fd);
	forget_queue(s);
	if (fd < 0)
		return 0;
	r = prepare_socket(fd);
	if (r < 0) {
		(void)close_fd(fd);
		return r;
	}
	s->fd = fd;
	s->gso = offers_gso(fd);
	return 0;
}

static uint64_t time_of(const struct sender *s, uint64_t bytes)
{
	return s->rate_bps ? bytes * 8 * NSEC_PER_SEC / s->rate_bps : 0;
}

void sender_set_rate(struct sender *s, uint64_t rate_bps, uint32_t burst_bytes)
{
	uint64_t burst_ns;

	s->rate_bps = rate_bps < RATE_MAX_BPS ? rate_bps : RATE_MAX_BPS;
	burst_ns = burst_bytes ? time_of(s, burst_bytes) : BURST_NS;
	if (burst_ns < time_of(s, BURST_DATAGRAMS * RTP_DATAGRAM_SIZE))
		burst_ns = time_of(s, BURST_DATAGRAMS * RTP_DATAGRAM_SIZE);
	s->burst_ns = burst_ns < BURST_MAX_NS ? burst_ns : BURST_MAX_NS;
}

struct rtp_run sender_reserve(struct sender *s)
{
	struct sender_frame *head = get_head(s);

	if (!head)
		s->slot_next = 0; /* an empty queue starts over, where the cache is warm */
	return (struct rtp_run){
		.slots = s->slots,
		.slot_count = SENDER_SLOTS,
		.first = s->slot_next,
		.limit = s->frame_count < SENDER_FRAMES ? SENDER_SLOTS - s->slots_used : 0,
	};
}

static struct sender_frame *get_frame(struct sender *s, unsigned int i)
{
	return &s->frames[(s->frame_first + i) % SENDER_FRAMES];
}

static void pop_head(struct sender *s)
{
	s->slots_used -= get_frame(s, 0)->count;
	s->frame_first = (s->frame_first + 1) % SENDER_FRAMES;
	s->frame_count--;
}

/* The frame that leaves next; what was given up before it is forgotten. */
static struct sender_frame *get_head(struct sender *s)
{
	while (s->frame_count > 0) {
		struct sender_frame *f = get_frame(s, 0);

		if (!f->given_up)
			return f;
		pop_head(s);
	}
	return NULL;
}

static size_t size_of(const struct sender_frame *f)
{
	return (size_t)(f->count - 1) * RTP_DATAGRAM_SIZE + f->last_size;
}

/* Pictures that have begun are finished: ready datagrams bear their numbers already. */
static bool has_begun(const struct sender *s, unsigned int i, const struct sender_frame *f)
{
	return f->gone > 0 || (i == 0 && s->ready > 0);
}

static void give_up(struct sender *s, struct sender_frame *f)
{
	f->given_up = true;
	s->queued_bytes -= size_of(f);
}

/* A picture whose first part is not in the queue any more has begun, too. */
static void give_up_pictures(struct sender *s, uint64_t now_ns)
{
	bool begun = true;

	for (unsigned int i = 0; i < s->frame_count; i++) {
		struct sender_frame *f = get_frame(s, i);

		if (!f->video || f->given_up)
			continue;
		if (f->part == 0)
			begun = has_begun(s, i, f);
		if (begun)
			continue;
		give_up(s, f);
		if (f->part == 0)
			s->ops->on_dropped(s->userdata, f, now_ns);
	}
	s->drops_rest = !begun;
	s->needs_idr = true;
}

void sender_abandon(struct sender *s)
{
	bool first = s->drops_rest; /* then nothing of it is in the queue */

	for (unsigned int i = s->frame_count; i-- > 0 && !first;) {
		struct sender_frame *f = get_frame(s, i);

		if (!f->video)
			continue;
		first = f->part == 0;
		if (!f->given_up && !has_begun(s, i, f))
			give_up(s, f);
	}
	s->drops_rest = true;
	s->needs_idr = true;
}

bool sender_drops(const struct sender *s, const struct sender_frame *f)
{
	return f->video && f->part > 0 && s->drops_rest;
}

static int refuse(struct sender *s, const struct sender_frame *f, uint64_t now_ns)
{
	s->ops->on_dropped(s->userdata, f, now_ns);
	s->drops_rest = true;
	return -ENOBUFS;
}

void sender_refuse(struct sender *s, const struct sender_frame *f, uint64_t now_ns)
{
	give_up_pictures(s, now_ns);
	if (!sender_drops(s, f))
		(void)refuse(s, f, now_ns);
}

static bool is_overdue(struct sender *s, uint64_t now_ns)
{
	const struct sender_frame *head = get_head(s);

	return head && now_ns > head->pushed_ns + SENDER_AGE_MAX_NS;
}

static void append(struct sender *s, const struct rtp_run *run, const struct sender_frame *frame,
		   uint64_t now_ns)
{
	struct sender_frame *f = get_frame(s, s->frame_count);

	assert(s->frame_count < SENDER_FRAMES && run->count > 0 && run->first == s->slot_next);
	*f = *frame;
	f->pushed_ns = now_ns;
	f->first = run->first;
	f->count = run->count;
	f->last_size = rtp_last_size(run);
	f->gone = 0;
	f->lost = 0;
	f->given_up = false;
	s->frame_count++;
	s->slots_used += f->count;
	s->slot_next = (s->slot_next + f->count) % SENDER_SLOTS;
	s->queued_bytes += size_of(f);
}

int sender_push(struct sender *s, const struct rtp_run *run, const struct sender_frame *f,
		uint64_t now_ns)
{
	if (s->fd < 0)
		return -ENOTCONN;
	if (sender_drops(s, f))
		return -ENOBUFS;
	if (f->video && f->part == 0) {
		if (is_overdue(s, now_ns))
			give_up_pictures(s, now_ns);
		if (s->needs_idr && !f->idr)
			return refuse(s, f, now_ns);
		s->needs_idr = s->drops_rest = false;
	}
	append(s, run, f, now_ns);
	return 0;
}

/* Bytes that the pace lets out now. */
static uint64_t get_allowance(const struct sender *s, uint64_t now_ns)
{
	uint64_t ahead_ns = s->paced_ns > now_ns ? s->paced_ns - now_ns : 0;

	if (s->rate_bps == 0)
		return UINT64_MAX;
	if (ahead_ns >= s->burst_ns)
		return 0;
	return (s->burst_ns - ahead_ns) * s->rate_bps / (8 * NSEC_PER_SEC);
}

static void spend_allowance(struct sender *s, size_t bytes, uint64_t now_ns)
{
	if (s->paced_ns < now_ns)
		s->paced_ns = now_ns;
	s->paced_ns += time_of(s, bytes);
}

/* Datagrams of the head frame in one piece of memory and within one send. */
static unsigned int get_piece(const struct sender_frame *f)
{
	unsigned int slot = (f->first + f->gone) % SENDER_SLOTS;
	unsigned int n = f->count - f->gone;

	if (n > SENDER_SLOTS - slot)
		n = SENDER_SLOTS - slot;
	return n < SENDER_BATCH ? n : SENDER_BATCH;
}

/* Below this many datagrams a send is not worth its system call: what a millisecond carries. */
static unsigned int get_group(const struct sender *s, unsigned int piece)
{
	uint64_t n = s->rate_bps * SENDER_GROUP_NS / (8 * NSEC_PER_SEC) / RTP_DATAGRAM_SIZE;

	if (n == 0)
		n = 1;
	return n < piece ? (unsigned int)n : piece;
}

/* How many datagrams of the head frame leave now; 0: the pace says later. */
static unsigned int get_departing(const struct sender *s, const struct sender_frame *f,
				  uint64_t now_ns)
{
	unsigned int piece = get_piece(f);
	uint64_t allowed = get_allowance(s, now_ns) / RTP_DATAGRAM_SIZE;

	if (allowed >= piece)
		return piece;
	return allowed >= get_group(s, piece) ? (unsigned int)allowed : 0;
}

uint64_t sender_get_deadline_ns(const struct sender *s)
{
	uint64_t need_ns;

	for (unsigned int i = 0; i < s->frame_count; i++) {
		const struct sender_frame *f = &s->frames[(s->frame_first + i) % SENDER_FRAMES];

		if (f->given_up)
			continue;
		if (s->blocked)
			return UINT64_MAX;
		if (s->ready > 0)
			return 0;
		/* Rounded up, so that the allowance is there when the time has come. */
		need_ns = time_of(s, (uint64_t)get_group(s, get_piece(f)) * RTP_DATAGRAM_SIZE) + 2;
		return s->paced_ns + need_ns > s->burst_ns ? s->paced_ns + need_ns - s->burst_ns
							   : 0;
	}
	return UINT64_MAX;
}

uint64_t sender_get_drain_ns(const struct sender *s, size_t size, uint64_t now_ns)
{
	uint64_t start_ns = s->paced_ns > now_ns ? s->paced_ns : now_ns;
	uint64_t end_ns = start_ns + time_of(s, size);

	return end_ns > now_ns + s->burst_ns ? end_ns - now_ns - s->burst_ns : 0;
}

void sender_get_queue(const struct sender *s, uint64_t now_ns, struct sender_queue *ret)
{
	struct sender_queue queue = { .bytes = s->queued_bytes };
	int bytes;

	for (unsigned int i = 0; i < s->frame_count; i++) {
		const struct sender_frame *f = &s->frames[(s->frame_first + i) % SENDER_FRAMES];

		if (f->given_up)
			continue;
		queue.age_ns = now_ns > f->pushed_ns ? now_ns - f->pushed_ns : 0;
		break;
	}
	if (s->fd >= 0 && ioctl(s->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0)
		queue.socket_bytes = (size_t)bytes;
	*ret = queue;
}

static void set_blocked(struct sender *s, uint64_t now_ns)
{
	s->blocked = true;
	s->blocked_ns = now_ns;
}

struct rtp_run sender_reserve_urgent(struct sender *s)
{
	bool free = s->fd >= 0 && !s->blocked && s->urgent_size == 0 && s->ready == 0;

	return (struct rtp_run){ .slots = s->urgent, .slot_count = 1, .limit = free ? 1 : 0 };
}

static int flush_urgent(struct sender *s, uint64_t now_ns)
{
	unsigned int lost = 0;
	int r;

	if (s->urgent_size == 0)
		return 0;
	r = send_all(s, s->urgent, 1, s->urgent_size, &lost);
	if (r == -EAGAIN) {
		set_blocked(s, now_ns);
		return r;
	}
	spend_allowance(s, s->urgent_size, now_ns);
	s->urgent_size = 0;
	return r < 0 ? r : 0;
}

int sender_send_urgent(struct sender *s, const struct rtp_run *run, uint64_t now_ns)
{
	int r;

	assert(run->count == 1 && s->urgent_size == 0);
	s->urgent_size = rtp_last_size(run);
	s->ops->on_depart(s->userdata, NULL, s->urgent, 1, s->urgent_size, now_ns);
	r = flush_urgent(s, now_ns);
	return r == -EAGAIN ? 0 : r;
}

int sender_flush(struct sender *s, uint64_t now_ns)
{
	struct sender_frame *f;
	unsigned int count;
	int error;
	int r;

	if (s->fd < 0)
		return 0;
	s->blocked = false;
	error = flush_urgent(s, now_ns);
	if (error == -EAGAIN)
		return 0;
	while ((f = get_head(s)) && !s->blocked) {
		count = s->ready ? s->ready : get_departing(s, f, now_ns);
		if (count == 0)
			break;
		r = send_head(s, f, count, now_ns);
		if (r < 0)
			error = r;
	}
	return error;
}

/* The next n datagrams of the head frame, or the rest that the socket did not take before. */
static int send_head(struct sender *s, struct sender_frame *f, unsigned int n, uint64_t now_ns)
{
	uint8_t *data =
		s->slots + (size_t)((f->first + f->gone) % SENDER_SLOTS) * RTP_DATAGRAM_SIZE;
	size_t last_size = f->gone + n == f->count ? f->last_size : RTP_DATAGRAM_SIZE;
	unsigned int lost = 0;
	unsigned int handled;
	size_t bytes;
	int r;

	if (s->ready == 0) {
		s->ops->on_depart(s->userdata, f, data, n, last_size, now_ns);
		s->ready = n;
	}
	r = send_all(s, data, n, last_size, &lost);
	if (r == -EAGAIN) {
		set_blocked(s, now_ns);
		return 0;
	}
	handled = r < 0 ? n : (unsigned int)r;
	bytes = (size_t)handled * RTP_DATAGRAM_SIZE;
	if (handled == n)
		bytes -= RTP_DATAGRAM_SIZE - last_size;
	spend_allowance(s, bytes, now_ns);
	s->queued_bytes -= bytes;
	s->ready -= handled;
	f->gone += handled;
	f->lost += lost;
	if (f->gone == f->count) {
		s->ops->on_sent(s->userdata, f, now_ns);
		pop_head(s);
	}
	return r < 0 ? r : 0;
}

/* All datagrams in one call; the kernel cuts them apart. */
static int send_gso(int fd, const uint8_t *data, size_t size)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (uint8_t *)(uintptr_t)data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	const uint16_t segment = RTP_DATAGRAM_SIZE;

	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_mmsg(int fd, const uint8_t *data, unsigned int count, size_t last_size)
{
	struct mmsghdr messages[SENDER_BATCH] = { 0 };
	struct iovec iov[SENDER_BATCH];
	int r;

	for (unsigned int i = 0; i < count; i++) {
		iov[i].iov_base = (uint8_t *)(uintptr_t)data + (size_t)i * RTP_DATAGRAM_SIZE;
		iov[i].iov_len = i + 1 < count ? RTP_DATAGRAM_SIZE : last_size;
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	r = sendmmsg(fd, messages, count, MSG_NOSIGNAL);
	return r < 0 ? -errno : r;
}

/* One system call: how many datagrams the kernel took, or -errno. */
static int send_some(struct sender *s, const uint8_t *data, unsigned int count, size_t last_size)
{
	size_t size = (size_t)(count - 1) * RTP_DATAGRAM_SIZE + last_size;
	int r;

	s->counters.sends++;
	if (count == 1)
		return send(s->fd, data, size, MSG_NOSIGNAL) < 0 ? -errno : 1;
	if (!s->gso)
		return send_mmsg(s->fd, data, count, last_size);
	r = send_gso(s->fd, data, size);
	return r < 0 ? r : (int)count;
}

/* What a device or path answers that cannot do GSO: no check sums (EIO), a small MTU (EINVAL). */
static bool is_gso_refusal(int error)
{
	return error == -EINVAL || error == -EIO || error == -EOPNOTSUPP || error == -ENOPROTOOPT ||
	       error == -EMSGSIZE;
}

/* The network itself is gone, not just one datagram. */
static bool is_fatal(int error)
{
	return error == -ENETDOWN || error == -ENETUNREACH || error == -ENODEV || error == -EBADF ||
	       error == -ENOTSOCK;
}

static void count_taken(struct sender *s, unsigned int taken, unsigned int count, size_t last_size)
{
	s->counters.datagrams += taken;
	s->counters.bytes += (uint64_t)taken * RTP_DATAGRAM_SIZE;
	if (taken == count)
		s->counters.bytes -= RTP_DATAGRAM_SIZE - last_size;
}

/*
 * How many of the datagrams are done with, taken or refused (*ret_lost), or -EAGAIN, or a fatal
 * error with all of them refused. ECONNREFUSED reports an earlier datagram's fate and nothing was
 * sent: once more then. A refused datagram is not tried again: part of it may be on its way.
 */
static int send_all(struct sender *s, const uint8_t *data, unsigned int count, size_t last_size,
		    unsigned int *ret_lost)
{
	int r = send_some(s, data, count, last_size);

	if (r < 0 && s->gso && count > 1 && is_gso_refusal(r)) {
		log_debug("sender: no UDP GSO here (%s), going on with sendmmsg", strerror(-r));
		s->gso = false;
		r = send_some(s, data, count, last_size);
	}
	if (r == -ECONNREFUSED || r == -EINTR)
		r = send_some(s, data, count, last_size);
	if (r >= 0) {
		count_taken(s, (unsigned int)r, count, last_size);
		return r;
	}
	if (r == -EAGAIN)
		return r;
	s->counters.errors += count;
	*ret_lost = count;
	return is_fatal(r) ? r : (int)count;
}

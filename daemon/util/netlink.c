// SPDX-License-Identifier: GPL-2.0-or-later
#include "util/netlink.h"

#include "util/cleanup.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#define RECEIVE_SIZE 32768 /* what the kernel puts into one part of a dump, at most */

static int open_socket(int protocol)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	/* Only so that a bug of anybody does not stop the loop for ever. */
	struct timeval limit = { .tv_sec = 2 };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int netlink_open(struct netlink *n, int protocol)
{
	int fd = open_socket(protocol);

	if (fd < 0)
		return fd;
	*n = (struct netlink){ .fd = fd };
	return 0;
}

static void on_family(void *userdata, uint16_t type, const void *fixed, struct reader attributes)
{
	struct netlink_attribute a;

	(void)type;
	(void)fixed;
	while (netlink_next(&attributes, &a))
		if (a.type == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)userdata = netlink_get_u16(&a);
}

int netlink_open_generic(struct netlink *n, const char *family)
{
	struct netlink control = { .fd = -1, .family = GENL_ID_CTRL };
	struct netlink_message m;
	uint16_t id = 0;
	int r;

	control.fd = open_socket(NETLINK_GENERIC);
	if (control.fd < 0)
		return control.fd;
	netlink_message_init_generic(&m, &control, CTRL_CMD_GETFAMILY, 0);
	netlink_put(&m, CTRL_ATTR_FAMILY_NAME, family, strlen(family) + 1);
	r = netlink_call(&control, &m, sizeof(struct genlmsghdr), on_family, &id);
	if (r == 0 && id == 0)
		r = -ENOENT;
	if (r < 0) {
		netlink_close(&control);
		return r;
	}
	control.family = id;
	*n = control;
	return 0;
}

void netlink_close(struct netlink *n)
{
	n->fd = close_fd(n->fd);
}

/* ---------------------------------------------------------------- writing */

void netlink_message_init(struct netlink_message *m, uint16_t type, uint16_t flags,
			  const void *header, size_t size)
{
	*m = (struct netlink_message){
		.header = { .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(size)),
			    .nlmsg_type = type,
			    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags) },
	};
	memcpy(m->data + NLMSG_HDRLEN, header, size);
}

void netlink_message_init_generic(struct netlink_message *m, const struct netlink *n,
				  uint8_t command, uint16_t flags)
{
	struct genlmsghdr header = { .cmd = command };

	netlink_message_init(m, n->family, flags, &header, sizeof(header));
}

void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t size)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type };
	uint8_t *at = m->data + m->header.nlmsg_len;

	if (m->failed || size > sizeof(m->data) ||
	    m->header.nlmsg_len + NLA_HDRLEN + NLA_ALIGN(size) > sizeof(m->data)) {
		m->failed = true;
		return;
	}
	memcpy(at, &a, sizeof(a));
	if (size)
		memcpy(at + NLA_HDRLEN, data, size);
	m->header.nlmsg_len += (uint32_t)(NLA_HDRLEN + NLA_ALIGN(size));
}

void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

/* ---------------------------------------------------------------- answers */

struct call {
	uint32_t sequence;
	size_t fixed_size;
	netlink_answer on_answer;
	void *userdata;
	bool is_over;
};

static int on_error(const struct nlmsghdr *header)
{
	struct nlmsgerr error;

	if (header->nlmsg_len < NLMSG_HDRLEN + sizeof(error.error))
		return -EBADMSG;
	memcpy(&error.error, (const uint8_t *)header + NLMSG_HDRLEN, sizeof(error.error));
	return error.error;
}

static void hand_on(const struct call *c, const struct nlmsghdr *header)
{
	const uint8_t *fixed = (const uint8_t *)header + NLMSG_HDRLEN;
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(c->fixed_size);

	if (c->on_answer && header->nlmsg_len >= skip)
		c->on_answer(c->userdata, header->nlmsg_type, fixed,
			     reader_init((const uint8_t *)header + skip, header->nlmsg_len - skip));
}

static int read_part(struct call *c, const void *data, size_t size)
{
	struct nlmsghdr header;
	struct reader r = reader_init(data, size);

	while (!c->is_over && reader_left(&r) >= sizeof(header)) {
		const uint8_t *at = r.next;

		memcpy(&header, at, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || !reader_bytes(&r, header.nlmsg_len))
			return -EBADMSG;
		(void)reader_bytes(&r, NLMSG_ALIGN(header.nlmsg_len) - header.nlmsg_len);
		if (header.nlmsg_seq != c->sequence)
			continue;
		c->is_over = header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE;
		if (header.nlmsg_type == NLMSG_ERROR)
			return on_error((const struct nlmsghdr *)(const void *)at);
		if (!c->is_over)
			hand_on(c, (const struct nlmsghdr *)(const void *)at);
	}
	return 0;
}

static int receive(int fd, struct call *c)
{
	_cleanup_free_ void *buffer = malloc(RECEIVE_SIZE);
	int r = 0;

	if (!buffer)
		return -ENOMEM;
	while (r == 0 && !c->is_over) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_size = sizeof(from);
		ssize_t n = recvfrom(fd, buffer, RECEIVE_SIZE, 0, (struct sockaddr *)&from,
				     &from_size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		/* Other processes can send to our socket; only the kernel is asked. */
		if (from.nl_pid == 0)
			r = read_part(c, buffer, (size_t)n);
	}
	return r;
}

int netlink_call(struct netlink *n, struct netlink_message *m, size_t fixed_size,
		 netlink_answer on_answer, void *userdata)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct call c = { .sequence = ++n->sequence, .fixed_size = fixed_size,
			  .on_answer = on_answer, .userdata = userdata };

	if (m->failed)
		return -EMSGSIZE;
	m->header.nlmsg_seq = c.sequence;
	if (sendto(n->fd, m->data, m->header.nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	return receive(n->fd, &c);
}

/* ---------------------------------------------------------------- reading */

bool netlink_next(struct reader *attributes, struct netlink_attribute *ret)
{
	struct nlattr a;
	const uint8_t *at = reader_bytes(attributes, sizeof(a));
	size_t size;

	if (!at)
		return false;
	memcpy(&a, at, sizeof(a));
	if (a.nla_len < NLA_HDRLEN)
		return false;
	size = (size_t)a.nla_len - NLA_HDRLEN;
	at = reader_bytes(attributes, size);
	if (!at)
		return false;
	/* The last one may come without its padding. */
	if (reader_left(attributes) >= NLA_ALIGN(size) - size)
		(void)reader_bytes(attributes, NLA_ALIGN(size) - size);
	ret->type = a.nla_type & NLA_TYPE_MASK;
	ret->body = reader_init(at, size);
	return true;
}

uint32_t netlink_get_u32(const struct netlink_attribute *a)
{
	struct reader r = a->body;
	const uint8_t *p = reader_bytes(&r, sizeof(uint32_t));
	uint32_t value = 0;

	if (p)
		memcpy(&value, p, sizeof(value));
	return value;
}

uint16_t netlink_get_u16(const struct netlink_attribute *a)
{
	struct reader r = a->body;
	const uint8_t *p = reader_bytes(&r, sizeof(uint16_t));
	uint16_t value = 0;

	if (p)
		memcpy(&value, p, sizeof(value));
	return value;
}

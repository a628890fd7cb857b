/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink, as little as is needed: one request, its answers, in one call. For route netlink and for
 * generic families such as nl80211. Knows no message of either. The kernel answers within the call,
 * so nothing here waits for anybody else.
 */
#ifndef MIRACAST_UTIL_NETLINK_H
#define MIRACAST_UTIL_NETLINK_H

#include "util/bytes.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_MESSAGE_SIZE 512

struct netlink {
	int fd;
	uint16_t family; /* generic netlink only */
	uint32_t sequence;
};

struct netlink_message {
	union {
		struct nlmsghdr header;
		uint8_t data[NETLINK_MESSAGE_SIZE];
	};
	bool failed; /* something did not fit */
};

struct netlink_attribute {
	uint16_t type;
	struct reader body;
};

/* protocol: NETLINK_ROUTE */
int netlink_open(struct netlink *n, int protocol);
/* -ENOENT: the kernel has no such family now (for nl80211: no Wi-Fi). */
int netlink_open_generic(struct netlink *n, const char *family);
void netlink_close(struct netlink *n);

/* A request whose fixed part (struct ifaddrmsg and the like) is header. */
void netlink_message_init(struct netlink_message *m, uint16_t type, uint16_t flags,
			  const void *header, size_t size);
void netlink_message_init_generic(struct netlink_message *m, const struct netlink *n,
				  uint8_t command, uint16_t flags);
void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t size);
void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value);

/*
 * Called for each answer: the kernel's message type and what follows its fixed part of
 * fixed_size bytes, which is at fixed.
 */
typedef void (*netlink_answer)(void *userdata, uint16_t type, const void *fixed,
			       struct reader attributes);

/* Sends m and hands on every answer. 0, or the kernel's error. on_answer may be NULL. */
int netlink_call(struct netlink *n, struct netlink_message *m, size_t fixed_size,
		 netlink_answer on_answer, void *userdata);

/* The next attribute; false at the end or at one that does not fit into what is there. */
bool netlink_next(struct reader *attributes, struct netlink_attribute *ret);
/* Values in the host's order; 0 when the attribute is shorter. */
uint32_t netlink_get_u32(const struct netlink_attribute *a);
uint16_t netlink_get_u16(const struct netlink_attribute *a);

#endif

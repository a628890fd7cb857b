/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that do a part of the work: dnsmasq, dhcpcd, nft, iptables-legacy, busctl. Started
 * without a shell, with an environment of our own and nothing but the standard descriptors.
 */
#ifndef MIRACAST_NET_CHILD_H
#define MIRACAST_NET_CHILD_H

#include <stddef.h>
#include <sys/types.h>

struct sd_event;
struct sd_event_source;

/*
 * Runs to the end, 10 s at most. What it printed is in output (terminated; NULL: nobody reads it).
 * 0, -ENOENT (not installed), -ETIMEDOUT, -ENOBUFS (output is too small), -EPROTO (it failed).
 */
int child_run(const char *const argv[], char *output, size_t size);

/* One that stays; exited is called from the loop if it ends by itself. */
struct child {
	pid_t pid; /* 0: none */
	struct sd_event_source *source;
	void (*exited)(void *userdata);
	void *userdata;
};

int child_start(struct sd_event *event, const char *const argv[], void (*exited)(void *userdata),
		void *userdata, struct child *ret);
/* Ends it, by force if it must, and reaps it. */
void child_stop(struct child *c);

#endif

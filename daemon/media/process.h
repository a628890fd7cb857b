/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's hold on one miracast-media: spawn it, talk to it, notice its death or its hanging,
 * get rid of it without waiting. Knows the protocol's framing, nothing of what is streamed.
 */
#ifndef MIRACAST_MEDIA_PROCESS_H
#define MIRACAST_MEDIA_PROCESS_H

#include "media/protocol.h"
#include "util/cleanup.h"

struct sd_event;
struct media_process;

/* Each called from the loop; the owner may free the process inside any of them. */
struct media_process_ops {
	/* A fact that passed media_fact_check(). HEARTBEATs are consumed here. */
	void (*on_fact)(void *userdata, const union media_message *fact);

	/* It died, hung or broke the protocol; why says which. Once, nothing follows. */
	void (*on_lost)(void *userdata, const char *why);
};

struct media_process_config {
	const char *program;
	int state_fd; /* memfd with a struct stream_state; all three borrowed */
	int input_fd; /* -1: none */
	int dump_fd;  /* -1: none */
};

int media_process_spawn(struct sd_event *event, const struct media_process_config *config,
			const struct media_process_ops *ops, void *userdata,
			struct media_process **ret);

/* A command, with a borrowed descriptor or -1. -EPIPE and the like mean that on_lost will follow. */
int media_process_send(struct media_process *p, const struct media_header *command, int fd);

/* Kills it if it still lives; the loop reaps it later. Accepts NULL, returns NULL. */
struct media_process *media_process_free(struct media_process *p);
DEFINE_CLEANUP(struct media_process *, media_process_free)

/* A memfd with a fresh struct stream_state, mapped. The mapping lives until munmap. */
int stream_state_new(struct stream_state **ret_state, int *ret_fd);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * miracastd --direct and --p2p: one session on a plain address or over Wi-Fi Direct, without the
 * D-Bus service. Owns the link and the session, decides when they end, writes the report.
 */
#ifndef MIRACAST_DIRECT_H
#define MIRACAST_DIRECT_H

#include "miracast/session.h"

#include <netinet/in.h>
#include <stdint.h>

struct p2p_config;
struct rate_file;

struct sd_event;

struct direct_config {
	struct sockaddr_in address;
	const struct p2p_config *p2p; /* NULL: the address counts */
	uint64_t rate_bps;
	uint32_t seconds;	 /* of streaming; 0: until somebody ends it */
	const char *report_path; /* NULL: none */
	const char *rtsp_log_path; /* NULL: none */
	const struct rate_file *rate_file; /* what the link recommends over time; NULL: nothing */
	struct session_config session;
};

/*
 * Runs the loop until the session is over. 0: it ended as somebody wanted (we, the sink, the clip);
 * otherwise -errno, and one line has been logged that says what failed and at which stage.
 */
int direct_run(struct sd_event *event, const struct direct_config *config);

#endif

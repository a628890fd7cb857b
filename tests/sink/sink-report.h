/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run of the sink found, as JSON. The keys are stable: tests and the demo read them. */
#ifndef SINK_SINK_REPORT_H
#define SINK_SINK_REPORT_H

#include "analyse.h"
#include "decode.h"
#include "receive.h"
#include "rtcp.h"
#include "rtsp.h"

struct report {
	const struct findings *findings;
	const struct stream_facts *stream;
	const struct decode_facts *decode; /* these three are NULL where a file was analysed */
	const struct rtsp_facts *rtsp;
	const struct receive_counts *receive;
	const struct rtcp_counts *rtcp; /* or NULL */
	uint64_t connected_us; /* CLOCK_MONOTONIC */
	const char *result;    /* one line */
	int exit_code;
};

void report_write(const struct report *report, FILE *out);

/* Rules that are looked past. */
struct tolerated {
	bool stream[RULE_COUNT], rtsp[RTSP_RULE_COUNT];
};

bool report_tolerate(struct tolerated *tolerated, const char *rule);
/* How many rules were broken at least once, of stream and exchange; tolerated may be NULL. */
unsigned report_broken_rules(const struct report *report, const struct tolerated *tolerated);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --rate-file: what a link would recommend over time, for tests. A text of lines "SECONDS BPS",
 * empty ones and those that begin with # aside; times grow. Knows the text, not what comes of it.
 */
#ifndef MIRACAST_RATE_FILE_H
#define MIRACAST_RATE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RATE_FILE_LINES_MAX 256
#define RATE_FILE_BPS_MAX   UINT64_C(1000000000)

struct rate_file {
	struct {
		uint64_t at_us;
		uint64_t bps;
	} lines[RATE_FILE_LINES_MAX];
	size_t n;
};

/* 0; -EBADMSG: *ret_line, from 1, is not such a line; -E2BIG: there are too many; -errno. */
int rate_file_read(FILE *file, struct rate_file *ret, unsigned int *ret_line);

/* What holds at that time; 0: no line does yet. */
uint64_t rate_file_get(const struct rate_file *f, uint64_t at_us);

#endif

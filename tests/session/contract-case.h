/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A case of docs/contract.md: its number and sentence are the test's name. A case that cannot run
 * yet is listed as well, and skipped; its name says what it needs.
 */
#ifndef TESTS_CONTRACT_CASE_H
#define TESTS_CONTRACT_CASE_H

#include "contract-bench.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pieces of an answer to M3; the masks are those of the CEA and VESA tables. */
#define AUDIO_AND_PORTS                                                                          \
	"wfd_audio_codecs: LPCM 00000002 00\r\n"                                                 \
	"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n"
#define FORMATS(cea, vesa)                                                                       \
	"wfd_video_formats: 00 00 03 10 " cea " " vesa                                           \
	" 00000000 00 0000 0000 00 none none\r\n"
#define NO_MONITOR "wfd_video_formats: none\r\n" AUDIO_AND_PORTS

#define CASE(name, function) { name, function, set_up, tear_down, NULL }
#define OPEN(name)	     { name, skip_case, NULL, NULL, NULL }

static inline void skip_case(void **state)
{
	(void)state;
	skip();
}

static inline int set_up(void **state)
{
	*state = calloc(1, sizeof(struct bench));
	bench_init(*state);
	return 0;
}

/* A failed case leaves its session to us. */
static inline int tear_down(void **state)
{
	bench_done(*state);
	free(*state);
	return 0;
}

/* cmocka calls a skipped test "not ok", which to readers of TAP is a failure. */
static inline void print_line(const char *line)
{
	unsigned int number;
	int at = 0;

	if (sscanf(line, "not ok %u # SKIP %n", &number, &at) == 1 && at > 0)
		printf("ok %u %.*s # SKIP open\n", number, (int)strcspn(line + at, "\n"), line + at);
	else
		(void)fputs(line, stdout);
	(void)fflush(stdout);
}

static inline int run_cases(const struct CMUnitTest *cases, size_t n, const char *name)
{
	char line[512];
	int fds[2], status;
	FILE *f;

	if (pipe(fds) < 0 || fork() == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)dup2(fds[1], STDERR_FILENO);
		(void)close(fds[0]);
		(void)close(fds[1]);
		log_set_level(getenv("CONTRACT_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
		cmocka_set_message_output(CM_OUTPUT_TAP);
		exit(_cmocka_run_group_tests(name, cases, n, NULL, NULL) ? 1 : 0);
	}
	(void)close(fds[1]);
	f = fdopen(fds[0], "r");
	while (fgets(line, sizeof(line), f))
		print_line(line);
	(void)fclose(f);
	(void)wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

#endif

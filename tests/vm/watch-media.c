// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looks at a running miracast-media from outside, as root: takes a duplicate of its stream
 * descriptor (pidfd_getfd) and asks the module for its counters, ten times a second, until the
 * process ends or a signal comes. The last answer is printed:
 *
 *	copied N grabbed N held N overruns N
 *
 * Exit status: 0 there was an answer, 1 there was none.
 */
#include "uapi/miracast.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static pid_t find_media(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	pid_t found = 0;

	while (proc && !found && (d = readdir(proc))) {
		char path[300], name[32] = "";
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		f = fopen(path, "re");
		if (f && fgets(name, sizeof(name), f) && strncmp(name, "miracast-media", 14) == 0)
			found = (pid_t)strtol(d->d_name, NULL, 10);
		if (f)
			(void)fclose(f);
	}
	if (proc)
		(void)closedir(proc);
	return found;
}

/* Its number of the stream descriptor; -1: it has none (yet). */
static int find_stream(pid_t pid)
{
	for (int fd = 0; fd < 64; fd++) {
		char path[64], to[64] = "";

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		if (readlink(path, to, sizeof(to) - 1) > 0 && strstr(to, "[miracast]"))
			return fd;
	}
	return -1;
}

static bool ask(pid_t pid, int pidfd, struct miracast_state *ret)
{
	struct miracast_state state = { 0 };
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, find_stream(pid), 0);
	bool good = fd >= 0 && ioctl(fd, MIRACAST_IOC_GET_STATE, &state) == 0;

	if (fd >= 0)
		(void)close(fd);
	if (good)
		*ret = state;
	return good;
}

int main(void)
{
	struct miracast_state state = { 0 };
	bool seen = false;
	pid_t pid = 0;
	int pidfd = -1;

	(void)signal(SIGTERM, on_signal);
	while (!ended && (pid == 0 || kill(pid, 0) == 0)) {
		if (pid == 0 && (pid = find_media()) != 0)
			pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pid != 0)
			seen |= ask(pid, pidfd, &state);
		(void)usleep(100000);
	}
	if (!seen)
		return 1;
	printf("copied %llu grabbed %llu held %llu overruns %llu\n",
	       (unsigned long long)state.copied, (unsigned long long)state.grabbed,
	       (unsigned long long)state.held, (unsigned long long)state.overruns);
	return 0;
}

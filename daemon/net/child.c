// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/child.h"

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#define RUN_LIMIT_US  (10 * USEC_PER_SEC)
#define STOP_LIMIT_US (3 * USEC_PER_SEC)
#define EXIT_NO_PROGRAM 127

static const char *const environment[] = {
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/", NULL,
};

static _Noreturn void become(const char *const argv[], int output_fd, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* What we started must not outlive us: an address server on a dead interface, say. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* dhcpcd has children of its own, which end with it only if it ends in peace. */
	(void)setpgid(0, 0);
	if (getppid() != parent || null_fd < 0)
		_exit(EXIT_NO_PROGRAM);
	(void)dup2(null_fd, STDIN_FILENO);
	(void)dup2(output_fd >= 0 ? output_fd : null_fd, STDOUT_FILENO);
	(void)syscall(SYS_close_range, 3U, ~0U, 0U);
	(void)setenv("PATH", environment[0] + strlen("PATH="), 1);
	(void)execvpe(argv[0], (char *const *)argv, (char *const *)environment);
	_exit(EXIT_NO_PROGRAM);
}

static pid_t start(const char *const argv[], int output_fd)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		become(argv, output_fd, parent);
	return pid < 0 ? -errno : pid;
}

/* Until the end of the program's output. */
static int collect(int fd, char *output, size_t size, uint64_t deadline_us)
{
	size_t used = 0;
	int r = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now_us = clock_now_us();
		char scratch[4096];
		ssize_t n;

		if (now_us >= deadline_us)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((deadline_us - now_us) / USEC_PER_MSEC) + 1) <= 0)
			continue;
		n = read(fd, scratch, sizeof(scratch));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (used + (size_t)n >= size)
			r = output ? -ENOBUFS : 0;
		else
			memcpy(output + used, scratch, (size_t)n);
		used += r == 0 && output ? (size_t)n : 0;
	}
	if (output && size)
		output[used] = '\0';
	return r;
}

static int reap(pid_t pid, uint64_t deadline_us)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct timespec ms = { .tv_nsec = (long)NSEC_PER_MSEC };

		if (clock_now_us() >= deadline_us) {
			(void)kill(-pid, SIGKILL);
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		(void)nanosleep(&ms, NULL);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}

int child_run(const char *const argv[], char *output, size_t size)
{
	uint64_t deadline_us = clock_now_us() + clock_limit_us(RUN_LIMIT_US);
	_cleanup_close_ int reader = -1;
	int fds[2];
	pid_t pid;
	int r, w;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	reader = fds[0];
	pid = start(argv, fds[1]);
	close_fd(fds[1]);
	if (pid < 0)
		return pid;
	r = collect(reader, output, output ? size : 0, deadline_us);
	w = reap(pid, deadline_us);
	if (w < 0)
		log_debug("%s: %s", argv[0], strerror(-w));
	return w < 0 ? w : r;
}

/* ---------------------------------------------------------------- those that stay */

static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct child *c = userdata;

	(void)source;
	log_debug("child %d ended with %d", (int)c->pid, si->si_status);
	(void)kill(-c->pid, SIGKILL); /* what it has started and did not end */
	c->pid = 0;
	c->source = sd_event_source_disable_unref(c->source);
	c->exited(c->userdata);
	return 0;
}

int child_start(struct sd_event *event, const char *const argv[], void (*exited)(void *userdata),
		void *userdata, struct child *ret)
{
	pid_t pid = start(argv, STDERR_FILENO);
	int r;

	if (pid < 0)
		return pid;
	*ret = (struct child){ .pid = pid, .exited = exited, .userdata = userdata };
	r = sd_event_add_child(event, &ret->source, pid, WEXITED, on_child, ret);
	if (r < 0)
		child_stop(ret);
	return r < 0 ? r : 0;
}

void child_stop(struct child *c)
{
	c->source = sd_event_source_disable_unref(c->source);
	if (c->pid <= 0)
		return;
	(void)kill(c->pid, SIGTERM);
	(void)reap(c->pid, clock_now_us() + clock_limit_us(STOP_LIMIT_US));
	c->pid = 0;
}

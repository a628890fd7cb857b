// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/process.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#define FIRST_FREE_FD 16 /* above every fixed number, so that dup2 overwrites no source */

struct media_process {
	const struct media_process_ops *ops;
	void *userdata;
	sd_event *event; /* referenced */
	int control_fd;
	int pidfd;
	sd_event_source *control_source;
	sd_event_source *pid_source;
	sd_event_source *hung_source;
};

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_pidfd(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_hung(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_orphan(sd_event_source *source, int fd, uint32_t revents, void *userdata);

int stream_state_new(struct stream_state **ret_state, int *ret_fd)
{
	_cleanup_close_ int fd = memfd_create("miracast-stream", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stream_state *state;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(*state)) < 0)
		return -errno;
	/* Without the seals a media process could make us fault by shrinking it. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (state == MAP_FAILED)
		return -errno;
	state->magic = STREAM_STATE_MAGIC;
	*ret_state = state;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* In the child, source becomes number; in between it lies above all fixed numbers. */
static int add_fd(posix_spawn_file_actions_t *actions, int source, int number, int *ret_copy)
{
	int copy;

	if (source < 0)
		copy = open("/dev/null", O_RDWR | O_CLOEXEC);
	else
		copy = fcntl(source, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	if (copy < 0)
		return -errno;
	*ret_copy = copy;
	return -posix_spawn_file_actions_adddup2(actions, copy, number);
}

static int spawn_with_fds(const char *program, posix_spawn_file_actions_t *actions,
			  const int sources[4], int copies[4], pid_t *ret_pid)
{
	char *argv[] = { (char *)"miracast-media", NULL };
	posix_spawnattr_t attr;
	sigset_t signals;
	int r;

	for (int i = 0; i < 4; i++) {
		r = add_fd(actions, sources[i], MEDIA_FD_CONTROL + i, &copies[i]);
		if (r < 0)
			return r;
	}
	r = posix_spawn_file_actions_addclosefrom_np(actions, MEDIA_FD_CONTROL + 4);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0)
		return -r;
	/* Our signalfd blocks signals that must work in the child. */
	sigemptyset(&signals);
	(void)posix_spawnattr_setsigmask(&attr, &signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGPIPE);
	(void)posix_spawnattr_setsigdefault(&attr, &signals);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(ret_pid, program, actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return -r;
}

static int spawn(const struct media_process_config *config, int control_fd, int *ret_pidfd)
{
	int sources[4] = { control_fd, config->state_fd, config->input_fd, config->dump_fd };
	int copies[4] = { -1, -1, -1, -1 };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = spawn_with_fds(config->program, &actions, sources, copies, &pid);
	posix_spawn_file_actions_destroy(&actions);
	for (int i = 0; i < 4; i++)
		close_fd(copies[i]);
	if (r < 0)
		return r;
	r = pidfd_open(pid, 0);
	if (r < 0) {
		r = -errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pidfd = r;
	return 0;
}

static int watch(struct media_process *p)
{
	/* Trying the encoders takes what it takes. */
	uint64_t birth_us = clock_stretched_us(MEDIA_BIRTH_MS * USEC_PER_MSEC);
	int r;

	r = sd_event_add_io(p->event, &p->control_source, p->control_fd, EPOLLIN, on_control, p);
	if (r < 0)
		return r;
	r = sd_event_add_io(p->event, &p->pid_source, p->pidfd, EPOLLIN, on_pidfd, p);
	if (r < 0)
		return r;
	/* What it said last is read before its death is noticed. */
	r = sd_event_source_set_priority(p->pid_source, SD_EVENT_PRIORITY_IDLE);
	if (r < 0)
		return r;
	return sd_event_add_time_relative(p->event, &p->hung_source, CLOCK_MONOTONIC, birth_us, 0,
					  on_hung, p);
}

int media_process_spawn(struct sd_event *event, const struct media_process_config *config,
			const struct media_process_ops *ops, void *userdata,
			struct media_process **ret)
{
	_cleanup_(media_process_freep) struct media_process *p = calloc(1, sizeof(*p));
	_cleanup_close_ int child_fd = -1;
	int fds[2];
	int r;

	if (!p)
		return -ENOMEM;
	p->ops = ops;
	p->userdata = userdata;
	p->event = sd_event_ref(event);
	p->pidfd = p->control_fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	p->control_fd = fds[0];
	child_fd = fds[1];
	r = spawn(config, child_fd, &p->pidfd);
	if (r < 0)
		return r;
	r = watch(p);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

int media_process_send(struct media_process *p, const struct media_header *command, int fd)
{
	return media_send(p->control_fd, command, fd);
}

static void lost(struct media_process *p, const char *why)
{
	p->control_source = sd_event_source_disable_unref(p->control_source);
	p->hung_source = sd_event_source_disable_unref(p->hung_source);
	p->pid_source = sd_event_source_disable_unref(p->pid_source);
	p->ops->on_lost(p->userdata, why);
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct media_process *p = userdata;
	union media_message fact;
	int extra_fd = -1;
	int r;

	(void)source;
	(void)revents;
	r = media_receive(fd, &fact, &extra_fd);
	close_fd(extra_fd); /* facts carry none */
	/* It died with commands unread: that is told once, before what it said last. */
	if (r == -EAGAIN || r == -ECONNRESET)
		return 0;
	if (r <= 0) {
		/* Its death tells more: leave that to the pidfd, or to the hung timer. */
		p->control_source = sd_event_source_disable_unref(p->control_source);
		return 0;
	}
	r = media_fact_check(&fact, (size_t)r);
	if (r < 0) {
		lost(p, r == -EPROTONOSUPPORT ?
				"it is of another version than the daemon: reinstall both" :
				"it sent a malformed message");
		return 0;
	}
	/* The first fact ends the time of birth, every HEARTBEAT counts from then on. */
	if (fact.header.type == MEDIA_HEARTBEAT || fact.header.type == MEDIA_CAPS)
		(void)sd_event_source_set_time_relative(
			p->hung_source, clock_stretched_us(MEDIA_HUNG_MS * USEC_PER_MSEC));
	if (fact.header.type != MEDIA_HEARTBEAT)
		p->ops->on_fact(p->userdata, &fact);
	return 0;
}

static int on_pidfd(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct media_process *p = userdata;
	siginfo_t info = { 0 };
	char why[64];

	(void)source;
	(void)revents;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return 0;
	p->pidfd = close_fd(p->pidfd); /* reaped: nothing left to kill */
	if (info.si_code == CLD_EXITED)
		(void)snprintf(why, sizeof(why), "it exited with status %d", info.si_status);
	else
		(void)snprintf(why, sizeof(why), "it was killed by signal %d (%s)", info.si_status,
			       sigabbrev_np(info.si_status) ?: "?");
	lost(p, why);
	return 0;
}

static int on_hung(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)source;
	(void)now_us;
	lost(userdata, "it hung: no sign of life for 2 seconds");
	return 0;
}

/*
 * A killed process may take its time to die inside a driver; the loop reaps it whenever that is.
 * The source floats: it belongs to the loop, and closes the pidfd with itself.
 */
static void leave_to_loop(struct media_process *p)
{
	_cleanup_(sd_event_source_unrefp) sd_event_source *source = NULL;

	(void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
	if (sd_event_add_io(p->event, &source, p->pidfd, EPOLLIN, on_orphan, NULL) < 0)
		return;
	(void)sd_event_source_set_io_fd_own(source, true);
	p->pidfd = -1;
	(void)sd_event_source_set_floating(source, true);
}

static int on_orphan(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	siginfo_t info = { 0 };

	(void)revents;
	(void)userdata;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
		return 0;
	/* The loop's reference was the last one. */
	(void)sd_event_source_set_floating(source, false);
	return 0;
}

struct media_process *media_process_free(struct media_process *p)
{
	if (!p)
		return NULL;
	sd_event_source_disable_unref(p->control_source);
	sd_event_source_disable_unref(p->hung_source);
	sd_event_source_disable_unref(p->pid_source);
	if (p->pidfd >= 0)
		leave_to_loop(p);
	close_fd(p->pidfd);
	close_fd(p->control_fd);
	sd_event_unref(p->event);
	free(p);
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walls of miracast-media: a child enters them and tries something; what it still may do works,
 * anything else ends it with a fact that names the system call.
 */
#include "media/protocol.h"
#include "media/sandbox.h"
#include "util/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The child's exit status: 0 when deed came back, 1 as the sandbox ends it, 77 without a sandbox. */
static int confined(void (*deed)(void), union media_message *ret)
{
	int sockets[2], status, fd, r;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	pid = fork();
	if (pid == 0) {
		if (sandbox_prepare() < 0 || sandbox_enter(sockets[1]) < 0)
			_exit(77);
		deed();
		_exit(0);
	}
	close(sockets[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	memset(ret, 0, sizeof(*ret));
	r = media_receive(sockets[0], ret, &fd);
	if (r > 0)
		assert_int_equal(media_fact_check(ret, (size_t)r), 0);
	close(sockets[0]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_refusal(void (*deed)(void), const char *name)
{
	union media_message m;

	assert_int_equal(confined(deed, &m), 1);
	assert_int_equal(m.header.type, MEDIA_ERROR);
	assert_int_equal(m.error.error, -EPERM);
	assert_non_null(strstr(m.error.text, name));
}

static void do_socket(void)
{
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void do_connect(void)
{
	(void)connect(0, NULL, 0);
}

static void do_exec(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
}

#if !SANDBOX_WIDE
static void do_make_code(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void do_turn_into_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void do_open(void)
{
	(void)open("/etc/hostname", O_RDONLY);
}

static void do_fork(void)
{
	(void)fork();
}

static void do_trace(void)
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
#endif

static void test_refused(void **state)
{
	(void)state;
	expect_refusal(do_socket, "socket (");
	expect_refusal(do_connect, "connect (");
	expect_refusal(do_exec, "execve (");
#if !SANDBOX_WIDE
	expect_refusal(do_make_code, "mmap (");
	expect_refusal(do_turn_into_code, "mprotect (");
	expect_refusal(do_open, "open");
	expect_refusal(do_fork, "clone (");
	expect_refusal(do_trace, "ptrace (");
#endif
}

/* A thread that was there before is inside, too. */
static int turn;

static void *wait_and_sin(void *userdata)
{
	eventfd_t n;

	(void)userdata;
	(void)eventfd_read(turn, &n);
	do_socket();
	return NULL;
}

static void test_older_threads(void **state)
{
	union media_message m;
	int sockets[2], status, fd;
	pthread_t thread;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	pid = fork();
	if (pid == 0) {
		turn = eventfd(0, 0);
		if (pthread_create(&thread, NULL, wait_and_sin, NULL) != 0 ||
		    sandbox_prepare() < 0 || sandbox_enter(sockets[1]) < 0)
			_exit(77);
		(void)eventfd_write(turn, 1);
		(void)pthread_join(thread, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_true(media_receive(sockets[0], &m, &fd) > 0);
	assert_int_equal(m.error.stage, MEDIA_STAGE_ENCODE); /* not the loop's thread */
	close(sockets[0]);
	close(sockets[1]);
}

static void *take_a_name(void *userdata)
{
	(void)pthread_setname_np(pthread_self(), "worker");
	return userdata;
}

/* What an encoder, its driver and the C library want in the midst of a session. */
static void do_work(void)
{
	struct timespec moment = { .tv_nsec = 1000000 };
	struct utsname names;
	pthread_t thread;
	char text[64];
	void *p;

	if (pthread_create(&thread, NULL, take_a_name, NULL) != 0)
		_exit(2);
	(void)pthread_join(thread, NULL);
	for (size_t size = 1; size < 64 << 20; size *= 4) {
		p = malloc(size);
		if (!p)
			_exit(3);
		memset(p, 1, size);
		p = realloc(p, 2 * size);
		free(p);
	}
	(void)nanosleep(&moment, NULL);
	(void)snprintf(text, sizeof(text), "%f", (double)clock());
	if (uname(&names) < 0 || gethostname(text, sizeof(text)) < 0)
		_exit(4);
	if (eventfd(0, EFD_CLOEXEC) < 0)
		_exit(5);
}

static void test_allowed(void **state)
{
	union media_message m;

	(void)state;
	assert_int_equal(confined(do_work, &m), 0);
	assert_int_equal(m.header.type, 0);
}

/* Landlock alone, in the thread that asked for it. */
static void test_no_files(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		if (sandbox_prepare() < 0 || sandbox_forbid_files() < 0)
			_exit(77);
		_exit(open("/etc/hostname", O_RDONLY) < 0 && errno == EACCES ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 1)
		skip(); /* a kernel without Landlock, or a sanitizer */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_older_threads),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_no_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

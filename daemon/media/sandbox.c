// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/sandbox.h"

#include "media/protocol.h"
#include "uapi/miracast.h"
#include "util/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ------------------------------------------------------------------ privileges, files */

int sandbox_prepare(void)
{
	/* A second arena of malloc's reads /proc when it shrinks, which would be its end later on. */
	(void)mallopt(M_ARENA_MAX, 1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (!SANDBOX_WIDE && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* Everything that this ABI of Landlock knows to forbid, and no rule that allows anything. */
static uint64_t known_accesses(long abi)
{
	uint64_t fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* ABI 1 */

	if (abi >= 2)
		fs |= UINT64_C(1) << 13; /* REFER */
	if (abi >= 3)
		fs |= UINT64_C(1) << 14; /* TRUNCATE, by path */
	return fs;
}

int sandbox_forbid_files(void)
{
	struct {
		uint64_t fs;
	} attr;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	_cleanup_close_ int fd = -1;

	if (SANDBOX_WIDE || abi <= 0)
		return 0;
	attr.fs = known_accesses(abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
	return 0;
}

/* ------------------------------------------------------------------ system calls */

#ifdef HAVE_SECCOMP

#include <seccomp.h>

#define NAMES 512

static int fact_fd;
static const char *names[NAMES]; /* by number; looked up before a handler has to */

/* Whatever its arguments are. */
static const int allowed[] = {
	/* the descriptors there are */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fstat),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(eventfd2),
	/* the sockets there are */
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(shutdown),
	/* memory; mmap and mprotect are below */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mincore),
	SCMP_SYS(membarrier),
	/* threads; clone is below */
	SCMP_SYS(futex),
	SCMP_SYS(futex_waitv),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(gettid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_setscheduler),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(getcpu),
	SCMP_SYS(getpriority),
	SCMP_SYS(setpriority),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* signals, among them an abort's */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
	SCMP_SYS(restart_syscall),
	/* time, and who and where we are */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(getrandom),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrusage),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
};

/* What builds with a sanitizer are refused; they may do all the rest. */
static const int refused[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),   SCMP_SYS(listen),
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(execve), SCMP_SYS(execveat),
};

/*
 * The module, GPUs, dma-bufs and fences by the type of their requests, terminals and sockets by three
 * harmless ones.
 */
static const uint64_t ioctl_types[] = { MIRACAST_IOC_TYPE << 8, 'd' << 8, 'b' << 8, '>' << 8 };
static const uint64_t ioctl_requests[] = { TCGETS, TIOCOUTQ, FIONREAD };

static int add_list(scmp_filter_ctx c, uint32_t action, const int *list, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = seccomp_rule_add(c, action, list[i], 0);
		if (r == -EDOM) /* this architecture has no such call */
			r = 0;
	}
	return r;
}

static int allow_ioctls(scmp_filter_ctx c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(ioctl_types) / sizeof(ioctl_types[0]); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, ioctl_types[i]));
	for (size_t i = 0; r == 0 && i < sizeof(ioctl_requests) / sizeof(ioctl_requests[0]); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, ioctl_requests[i]));
	return r;
}

/*
 * Memory that is never code, threads that are no processes, and their names. The flags of clone3
 * lie in memory, where a filter cannot look: ENOSYS makes the C library use clone.
 */
static int allow_by_argument(scmp_filter_ctx c)
{
	int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0) /* how the C library spells fstat */
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				     SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
	if (r == -EDOM)
		r = 0;
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	if (r == 0) /* malloc's names for its memory */
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, PR_SET_VMA));
	return r == 0 ? allow_ioctls(c) : r;
}

/* ------------------------------------------------------------------ a violation */

static void append(char *text, size_t size, const char *word)
{
	size_t n = strlen(text), m = strlen(word);

	if (n + m < size)
		memcpy(text + n, word, m + 1);
}

static void append_number(char *text, size_t size, unsigned int number)
{
	char digits[16] = "";
	char *p = digits + sizeof(digits) - 1;

	do
		*--p = (char)('0' + number % 10);
	while (number /= 10);
	append(text, size, p);
}

/* In the thread that tried: nothing here takes a lock, or memory. */
static void on_violation(int signal, siginfo_t *info, void *context)
{
	unsigned int number = (unsigned int)info->si_syscall;
	bool loop = syscall(SYS_gettid) == getpid();
	struct media_error m = { .stage = loop ? MEDIA_STAGE_START : MEDIA_STAGE_ENCODE,
				 .error = -EPERM };
	ssize_t n;

	(void)signal;
	(void)context;
	append(m.text, sizeof(m.text), "the sandbox refused the system call ");
	append(m.text, sizeof(m.text), number < NAMES && names[number] ? names[number] : "?");
	append(m.text, sizeof(m.text), " (");
	append_number(m.text, sizeof(m.text), number);
	append(m.text, sizeof(m.text), ")");
	media_header_init(&m.header, MEDIA_ERROR, sizeof(m));
	(void)media_send(fact_fd, &m.header, -1);
	append(m.text, sizeof(m.text), "\n");
	n = write(STDERR_FILENO, m.text, strlen(m.text));
	(void)n;
	_exit(EXIT_FAILURE);
}

static int catch_violations(int control_fd)
{
	struct sigaction action = { .sa_sigaction = on_violation, .sa_flags = SA_SIGINFO };

	fact_fd = control_fd;
	for (int i = 0; i < NAMES; i++)
		if (!names[i])
			names[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
	return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------ all together */

static void release_filter(scmp_filter_ctx *c)
{
	seccomp_release(*c);
}

static int add_rules(scmp_filter_ctx c)
{
	int r;

	if (SANDBOX_WIDE)
		return add_list(c, SCMP_ACT_TRAP, refused, sizeof(refused) / sizeof(refused[0]));
	r = add_list(c, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
	return r == 0 ? allow_by_argument(c) : r;
}

static int load_filter(void)
{
	_cleanup_(release_filter)
		scmp_filter_ctx c = seccomp_init(SANDBOX_WIDE ? SCMP_ACT_ALLOW : SCMP_ACT_TRAP);
	int r;

	if (!c)
		return -ENOMEM;
	r = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0) /* looked up, not gone through: some 300 calls a second pass it */
		r = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rules(c);
	return r == 0 ? seccomp_load(c) : r;
}

int sandbox_enter(int control_fd)
{
	int r = sandbox_forbid_files();

	if (r == 0)
		r = catch_violations(control_fd);
	return r == 0 ? load_filter() : r;
}

#else

int sandbox_enter(int control_fd)
{
	(void)control_fd;
	return sandbox_forbid_files();
}

#endif

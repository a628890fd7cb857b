/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walls around a process that feeds strangers' drivers with pictures: when everything is open,
 * nothing more can be opened, connected, executed or traced. What is left is memory, time, threads
 * and the descriptors there are. Knows system calls, not what the process does with them.
 *
 * Three layers, each of which holds where another one is missing:
 *	no new privileges, no core dump, no tracer
 *	Landlock (Linux 5.13): no file, no TCP port, by the thread that asks
 *	seccomp, by libseccomp and for all threads: the list of sandbox.c and nothing else
 *
 * A violation ends the process: an ERROR fact and a line in the log name the system call.
 */
#ifndef MIRACAST_MEDIA_SANDBOX_H
#define MIRACAST_MEDIA_SANDBOX_H

/*
 * The sanitizers' own needs: at exit LeakSanitizer traces its own process, all of them read /proc,
 * and their memory may be anything. In builds with them the list is turned around: only sockets and
 * programs are refused, so that the rest of this can be tested in them.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_WIDE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANDBOX_WIDE 1
#endif
#endif
#ifndef SANDBOX_WIDE
#define SANDBOX_WIDE 0
#endif

/* Before the first thread is made. 0 or -errno. */
int sandbox_prepare(void);

/*
 * The calling thread opens no file from now on. Threads that exist already are not covered (only
 * seccomp covers those), so each of ours asks for itself. A kernel without Landlock: 0.
 */
int sandbox_forbid_files(void);

/* All threads. control_fd: the socket for the fact. 0 or -errno; nobody should go on then. */
int sandbox_enter(int control_fd);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound release of resources: what a function holds for its own duration is declared with
 * _cleanup_, and handed over with TAKE_PTR or TAKE_FD. Knows nobody.
 */
#ifndef MIRACAST_UTIL_CLEANUP_H
#define MIRACAST_UTIL_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(func) __attribute__((cleanup(func)))
#define _cleanup_free_	_cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define TAKE_PTR(ptr)                          \
	({                                     \
		__typeof__(ptr) *_pp = &(ptr); \
		__typeof__(ptr) _taken = *_pp; \
		*_pp = NULL;                   \
		_taken;                        \
	})

#define TAKE_FD(fd)                 \
	({                          \
		int *_fdp = &(fd);  \
		int _taken = *_fdp; \
		*_fdp = -1;         \
		_taken;             \
	})

/* Defines <func>p for use with _cleanup_; stands right after <func> in the object's header. */
#define DEFINE_CLEANUP(type, func)            \
	static inline void func##p(type *ptr) \
	{                                     \
		if (*ptr)                     \
			func(*ptr);           \
	}

static inline void freep(void *ptr)
{
	free(*(void **)ptr);
}

/* Closes when open and says "closed" by its value, so that fd = close_fd(fd) is one line. */
static inline int close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static inline void closep(int *fd)
{
	close_fd(*fd);
}

#endif

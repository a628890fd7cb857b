// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * starve-load MODULE.ko STEP: load a module again and again, while first its first allocation
 * fails, then the one STEP later, and so on until all of a load's went through. What loads all the
 * same is unloaded. Needs a kernel with FAILSLAB; its log is the judge, and that this ends.
 *
 * In one process: whatever else a program needs, an exec or a file over 9p, is not to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int must(int r, const char *what)
{
	if (r >= 0)
		return r;
	printf("# starve-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Load with the allocation @nth failing. Returns how far that was from being reached. */
static unsigned long load(int module, int fail_nth, unsigned long nth, int *ret_result)
{
	char text[32] = {};
	int length = snprintf(text, sizeof(text), "%lu", nth);

	must(pwrite(fail_nth, text, length, 0), "fail-nth");
	*ret_result = syscall(SYS_finit_module, module, "", 0) < 0 ? -errno : 0;
	must(pread(fail_nth, text, sizeof(text) - 1, 0), "fail-nth");
	must(pwrite(fail_nth, "0", 1, 0), "fail-nth");
	return strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	unsigned long step = argc > 2 ? strtoul(argv[2], NULL, 10) : 1, nth, left = 0;
	int module, fail_nth, result, loaded = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	module = must(open(argc > 1 ? argv[1] : "", O_RDONLY | O_CLOEXEC), "the module");
	fail_nth = must(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), "fail-nth");
	for (nth = 1; !left; nth += step) {
		left = load(module, fail_nth, nth, &result);
		if (result == 0) {
			loaded++;
			must(syscall(SYS_delete_module, "miracast", O_NONBLOCK), "unload");
		} else {
			failed++;
		}
	}
	printf("# of %lu allocations every %lu. failed in its turn: %d loads failed, %d went through\n",
	       nth - step - left, step, failed, loaded);
	return !failed || !loaded;
}

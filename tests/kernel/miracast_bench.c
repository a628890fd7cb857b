// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own memcpy, timed: what a copy of a picture costs at least. For the case
 * bench-module; loading it prints a line for each size and is its only use.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#define ROUNDS 20

static int __init miracast_bench_init(void)
{
	static const size_t sizes[] = { 1280 * 720 * 4, 1920 * 1080 * 4, 3840 * 2160 * 4 };
	u64 best, took, start;
	void *from, *to;
	int i, round;

	from = vzalloc(sizes[2]);
	to = vzalloc(sizes[2]);
	for (i = 0; from && to && i < ARRAY_SIZE(sizes); i++) {
		best = U64_MAX;
		for (round = 0; round < ROUNDS; round++) {
			start = ktime_get_ns();
			memcpy(to, from, sizes[i]);
			took = ktime_get_ns() - start;
			best = min(best, took);
			cond_resched();
		}
		pr_info("memcpy %zu bytes %llu ns\n", sizes[i], best);
	}
	vfree(from);
	vfree(to);
	return 0;
}

static void __exit miracast_bench_exit(void)
{
}

module_init(miracast_bench_init);
module_exit(miracast_bench_exit);

MODULE_DESCRIPTION("Times memcpy");
MODULE_LICENSE("GPL");

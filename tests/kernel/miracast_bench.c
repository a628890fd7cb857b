// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own memcpy, timed: what a copy of a picture costs at least. For the case
 * bench-module; loading it prints a line for each size and is its only use.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

#define ROUNDS 20

/*
 * Line by line and with a sleep in between, as the engine works: the emulator's TLB grows with the
 * switches of tasks, and is what an emulated copy spends its time on.
 */
static u64 miracast_bench_memcpy(size_t line, unsigned int lines)
{
	u8 *from = vzalloc(line * lines), *to = vzalloc(line * lines);
	u64 best = U64_MAX, start;
	unsigned int round, i;

	for (round = 0; from && to && round < ROUNDS; round++) {
		start = ktime_get_ns();
		for (i = 0; i < lines; i++)
			memcpy(to + i * line, from + i * line, line);
		best = min(best, ktime_get_ns() - start);
		usleep_range(1000, 2000);
	}
	vfree(from);
	vfree(to);
	return best;
}

static int __init miracast_bench_init(void)
{
	static const u16 sizes[][2] = { { 1280, 720 }, { 1920, 1080 }, { 3840, 2160 } };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		pr_info("memcpy %ux%u %llu ns\n", sizes[i][0], sizes[i][1],
			miracast_bench_memcpy(4 * sizes[i][0], sizes[i][1]));
	return 0;
}

static void __exit miracast_bench_exit(void)
{
}

module_init(miracast_bench_init);
module_exit(miracast_bench_exit);

MODULE_DESCRIPTION("Times memcpy");
MODULE_LICENSE("GPL");

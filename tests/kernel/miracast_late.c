// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the kernel's workqueue for long work busy for some seconds after it was loaded, so that
 * whatever DRM leaves to that queue comes late. For the case module/stress: who unloads meanwhile
 * must have waited.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#define WORKS	256 /* a CPU: as many as run at a time */
#define SECONDS 4

static struct work_struct *works;
static unsigned long until;

static void miracast_late_work(struct work_struct *work)
{
	while (time_before(jiffies, until))
		msleep(100);
}

static int __init miracast_late_init(void)
{
	unsigned int cpu, i, count = 0;

	works = kcalloc(WORKS * num_possible_cpus(), sizeof(*works), GFP_KERNEL);
	if (!works)
		return -ENOMEM;
	until = jiffies + SECONDS * HZ;
	cpus_read_lock();
	for_each_online_cpu(cpu)
		for (i = 0; i < WORKS; i++) {
			INIT_WORK(&works[count], miracast_late_work);
			queue_work_on(cpu, system_long_wq, &works[count++]);
		}
	cpus_read_unlock();
	return 0;
}

static void __exit miracast_late_exit(void)
{
	unsigned int i;

	for (i = 0; i < WORKS * num_online_cpus(); i++)
		flush_work(&works[i]);
	kfree(works);
}

module_init(miracast_late_init);
module_exit(miracast_late_exit);

MODULE_DESCRIPTION("Delays long work");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-or-later
/* See fuzz-choice.h. */
#include "fuzz-choice.h"

#include <fcntl.h>
#include <linux/kcov.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define REACHED_MAX 65536 /* addresses a step, with those that come again */
#define WAYS	    512	  /* remembered a kind; then the oldest go */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the ways */
static struct way ways[STEPS][WAYS];
static unsigned int way_count[STEPS]; /* ever */

/* By the address' low bits: a module is smaller than that. */
static atomic_bool seen[1 << 20];
static atomic_uint seen_count, watched;

void choice_init(struct choice *choice, uint64_t seed)
{
	*choice = (struct choice){ .seed = seed };
	choice->kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (choice->kcov < 0 || ioctl(choice->kcov, KCOV_INIT_TRACE, REACHED_MAX) < 0)
		return;
	choice->reached = mmap(NULL, REACHED_MAX * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			       MAP_SHARED, choice->kcov, 0);
	if (choice->reached == MAP_FAILED || ioctl(choice->kcov, KCOV_ENABLE, KCOV_TRACE_PC) < 0)
		choice->reached = NULL;
	else
		atomic_fetch_add(&watched, 1);
}

uint32_t rnd(struct choice *choice)
{
	if (choice->left && --choice->left == 0)
		choice->now = choice->way.then;
	choice->now ^= choice->now << 13;
	choice->now ^= choice->now >> 7;
	choice->now ^= choice->now << 17;
	return choice->now >> 16;
}

/* Far from all others, as the numbers of a step are not. Never 0. */
static uint64_t fresh(struct choice *choice)
{
	uint64_t mixed = choice->seed += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return (mixed ^ mixed >> 31) | 1;
}

void choice_begin(struct choice *choice, enum step step)
{
	uint64_t pick = fresh(choice) >> 1;
	struct way way = {};
	unsigned int count;

	pthread_mutex_lock(&lock);
	count = way_count[step] < WAYS ? way_count[step] : WAYS;
	if (count && pick % 2)
		way = ways[step][pick / 8 % count];
	pthread_mutex_unlock(&lock);
	if (!way.from) {
		way.from = fresh(choice);
	} else if (pick & 6) {
		/* Only its beginning. */
		way.length = 1 + pick / 8 / WAYS % (way.length ? way.length : 64);
		way.then = fresh(choice);
	}
	choice->way = way;
	choice->now = way.from;
	choice->left = way.length;
	if (choice->reached)
		*(volatile uint64_t *)choice->reached = 0;
}

static bool saw_new(const struct choice *choice)
{
	uint64_t count = *(volatile uint64_t *)choice->reached;
	bool new = false;

	for (uint64_t i = 1; i <= count && i < REACHED_MAX; i++) {
		uint64_t place = choice->reached[i] % (sizeof(seen) / sizeof(seen[0]));

		if (!atomic_load_explicit(&seen[place], memory_order_relaxed) &&
		    !atomic_exchange(&seen[place], true)) {
			atomic_fetch_add(&seen_count, 1);
			new = true;
		}
	}
	return new;
}

void choice_end(struct choice *choice, enum step step)
{
	if (!choice->reached || !saw_new(choice))
		return;
	pthread_mutex_lock(&lock);
	ways[step][way_count[step]++ % WAYS] = choice->way;
	pthread_mutex_unlock(&lock);
}

void choice_report(void)
{
	if (atomic_load(&watched))
		printf("# guided by KCOV: %u places in the module, %u ways to them\n", seen_count,
		       way_count[STEP_NODE] + way_count[STEP_DESKTOP]);
	else
		printf("# no KCOV in this kernel: unguided\n");
}

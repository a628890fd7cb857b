/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The choices of a fuzzer: random numbers, and which of them are worth to be made again.
 *
 * Where the kernel has KCOV and the module was built for it, each step of a thread is watched: one
 * that reached code which none had reached before is remembered by its choices. Later steps begin as
 * a remembered one did and go on differently. Without KCOV every step is new.
 */
#ifndef VM_FUZZ_CHOICE_H
#define VM_FUZZ_CHOICE_H

#include <stdint.h>

/* Of one thread. */
struct choice {
	uint64_t seed; /* of steps to come */
	uint64_t now;
	unsigned int left; /* numbers until it goes on from way.then; 0: does not */
	struct way {
		uint64_t from;
		unsigned int length;
		uint64_t then;
	} way; /* of this step */
	int kcov;
	uint64_t *reached; /* the number of addresses, then they */
};

void choice_init(struct choice *choice, uint64_t seed);
uint32_t rnd(struct choice *choice);

/* Around a step of one kind: steps of another kind mean other things by the same numbers. */
enum step {
	STEP_NODE,
	STEP_DESKTOP,
	STEPS
};
void choice_begin(struct choice *choice, enum step step);
void choice_end(struct choice *choice, enum step step);

/* Prints how much of the module was reached. */
void choice_report(void);

#endif

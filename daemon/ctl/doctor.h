/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the doctor found: one finding a check, each with what to do. doctor-system.c looks at the
 * module and its surroundings, doctor-network.c at radio, helpers and firewall, doctor-bus.c at
 * services; doctor.c tells.
 */
#ifndef MIRACAST_CTL_DOCTOR_H
#define MIRACAST_CTL_DOCTOR_H

#include "ctl/ctl.h"

#define FINDINGS_MAX 32

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,	 /* works, but worth knowing */
	VERDICT_PROBLEM, /* does not work like this */
	VERDICT_UNKNOWN, /* could not be found out */
};

/* Which package has it, by the family of the distribution. */
struct package {
	const char *debian, *fedora, *arch, *suse;
};

struct finding {
	const char *id; /* stable, for --json */
	enum verdict verdict;
	char text[256];
	char advice[256]; /* "": nothing to do */
	const struct package *package; /* NULL: none */
};

struct findings {
	struct finding list[FINDINGS_MAX];
	size_t n;
};

void finding_add(struct findings *f, const char *id, enum verdict verdict, const char *advice,
		 const struct package *package, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Of the system below the root. */
bool doctor_exists(const struct ctl *c, const char *path);
/* The first line without its end; false: there is none. */
bool doctor_read_line(const struct ctl *c, const char *path, char *ret, size_t size);
/* Where the user finds it, or root. */
bool doctor_has_program(const char *name);
/* What a program says; close with pclose. */
FILE *doctor_open(const char *command);
/* Its first line; false: nothing. */
bool doctor_ask(const char *command, char *ret, size_t size);

/* doctor-system.c */
void doctor_check_module(const struct ctl *c, struct findings *f);
void doctor_check_secure_boot(const struct ctl *c, struct findings *f);
void doctor_check_permissions(const struct ctl *c, struct findings *f);

/* doctor-network.c */
void doctor_check_radio(const struct ctl *c, struct findings *f);
void doctor_check_programs(const struct ctl *c, struct findings *f);
void doctor_check_firewall(struct ctl *c, struct findings *f);

/* doctor-bus.c */
bool doctor_is_running(struct ctl *c, const char *name); /* who owns this name on the system bus */
void doctor_check_services(struct ctl *c, struct findings *f);
void doctor_check_encoder(struct ctl *c, struct findings *f);

#endif

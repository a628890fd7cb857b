// SPDX-License-Identifier: GPL-2.0-or-later
/* miracastctl doctor: runs every check in the order in which a cast needs things, and tells. */
#include "ctl/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_NOTE] = "note",
	[VERDICT_PROBLEM] = "problem",
	[VERDICT_UNKNOWN] = "unknown",
};

void finding_add(struct findings *f, const char *id, enum verdict verdict, const char *advice,
		 const struct package *package, const char *format, ...)
{
	struct finding *one = &f->list[f->n];
	va_list arguments;

	if (f->n == FINDINGS_MAX)
		return;
	f->n++;
	*one = (struct finding){ .id = id, .verdict = verdict, .package = package };
	(void)snprintf(one->advice, sizeof(one->advice), "%s", advice ?: "");
	va_start(arguments, format);
	(void)vsnprintf(one->text, sizeof(one->text), format, arguments);
	va_end(arguments);
}

/* ---------------------------------------------------------------- looking */

#define ROOTS_PATH "PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin; "

bool doctor_exists(const struct ctl *c, const char *path)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s%s", c->root, path);
	return access(full, F_OK) == 0;
}

bool doctor_read_line(const struct ctl *c, const char *path, char *ret, size_t size)
{
	char full[512];
	FILE *file;
	bool good;

	(void)snprintf(full, sizeof(full), "%s%s", c->root, path);
	file = fopen(full, "re");
	if (!file)
		return false;
	good = fgets(ret, (int)size, file) != NULL;
	(void)fclose(file);
	if (good)
		ret[strcspn(ret, "\n")] = '\0';
	return good;
}

FILE *doctor_open(const char *command)
{
	char text[512];

	(void)snprintf(text, sizeof(text), ROOTS_PATH "exec 2>/dev/null; %s", command);
	return popen(text, "re");
}

bool doctor_ask(const char *command, char *ret, size_t size)
{
	FILE *pipe = doctor_open(command);
	bool good;

	if (!pipe)
		return false;
	good = fgets(ret, (int)size, pipe) != NULL;
	if (good)
		ret[strcspn(ret, "\n")] = '\0';
	(void)pclose(pipe);
	return good;
}

bool doctor_has_program(const char *name)
{
	char command[128], place[256];

	(void)snprintf(command, sizeof(command), "command -v %s", name);
	return doctor_ask(command, place, sizeof(place));
}

/* ---------------------------------------------------------------- the distribution */

static bool has_word(const char *line, const char *word)
{
	const char *at = strstr(line, word);

	return at && !strchr("abcdefghijklmnopqrstuvwxyz", at[strlen(word)]);
}

/* os-release(5): ID and ID_LIKE. */
static const char *get_package(const struct ctl *c, const struct package *p)
{
	char path[512], line[256];
	const char *found = p->debian;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/etc/os-release", c->root);
	file = fopen(path, "re");
	if (!file)
		return found;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "ID=", 3) != 0 && strncmp(line, "ID_LIKE=", 8) != 0)
			continue;
		if (has_word(line, "fedora") || has_word(line, "rhel"))
			found = p->fedora;
		else if (has_word(line, "arch"))
			found = p->arch;
		else if (has_word(line, "suse") || has_word(line, "opensuse"))
			found = p->suse;
	}
	(void)fclose(file);
	return found;
}

/* ---------------------------------------------------------------- telling */

/* On a terminal whose user wants colours (no-color.org). */
static void print_verdict(const struct ctl *c, enum verdict verdict)
{
	static const char *const colours[] = {
		[VERDICT_OK] = "32",
		[VERDICT_NOTE] = "33",
		[VERDICT_PROBLEM] = "1;31",
		[VERDICT_UNKNOWN] = "33",
	};

	if (c->is_terminal && !getenv("NO_COLOR"))
		printf("\x1b[%sm%-8s\x1b[0m ", colours[verdict], verdicts[verdict]);
	else
		printf("%-8s ", verdicts[verdict]);
}

static void print_text(const struct ctl *c, const struct finding *one)
{
	print_verdict(c, one->verdict);
	printf("%s\n", one->text);
	if (*one->advice)
		printf("         -> %s\n", one->advice);
	if (one->package)
		printf("         -> install the package %s\n", get_package(c, one->package));
}

static void print_json(const struct ctl *c, const struct findings *f)
{
	printf("[");
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *one = &f->list[i];

		printf("%s\n  {\"id\": \"%s\", \"verdict\": \"%s\", \"text\": ", i ? "," : "",
		       one->id, verdicts[one->verdict]);
		ctl_json_string(one->text);
		printf(", \"advice\": ");
		ctl_json_string(one->advice);
		printf(", \"package\": ");
		ctl_json_string(one->package ? get_package(c, one->package) : "");
		printf("}");
	}
	printf("\n]\n");
}

/* So far, as it becomes known; then what comes next, where that takes its time. */
static void print_progress(const struct ctl *c, const struct findings *f, const char *next)
{
	static size_t printed;

	if (c->json)
		return;
	if (c->is_terminal)
		printf("\r\x1b[K"); /* what was next */
	while (printed < f->n)
		print_text(c, &f->list[printed++]);
	if (next && c->is_terminal)
		printf("%-8s %s", "...", next);
	(void)fflush(stdout);
}

static void examine(struct ctl *c, struct findings *f)
{
	doctor_check_module(c, f);
	doctor_check_secure_boot(c, f);
	doctor_check_permissions(c, f);
	print_progress(c, f, "asking the service");
	doctor_check_services(c, f);
	doctor_check_radio(c, f);
	doctor_check_programs(c, f);
	doctor_check_firewall(c, f);
	print_progress(c, f, "trying the encoder");
	doctor_check_encoder(c, f);
	print_progress(c, f, NULL);
}

int ctl_doctor(struct ctl *c)
{
	static struct findings f;
	size_t problems = 0;

	examine(c, &f);
	for (size_t i = 0; i < f.n; i++)
		problems += f.list[i].verdict == VERDICT_PROBLEM;
	if (c->json)
		print_json(c, &f);
	else if (problems == 0)
		puts("\nNothing is wrong as far as this program can see.");
	else
		printf("\n%zu problem%s.\n", problems, problems > 1 ? "s" : "");
	return problems ? CTL_PROBLEMS : CTL_OK;
}

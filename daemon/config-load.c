// SPDX-License-Identifier: GPL-2.0-or-later
/* Which files miracastd.conf is made of, and in which order. Knows nothing of what is in them. */
#include "config.h"
#include "util/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What comes first hides a file of the same name in what comes later. */
static const char *const places[] = { "/etc", "/run", "/usr/lib" };

#define N_PLACES (sizeof(places) / sizeof(places[0]))

struct drop_in {
	char name[NAME_MAX + 1];
	size_t place;
};

struct drop_ins {
	struct drop_in list[CONFIG_FILES_MAX];
	size_t n;
};

static void report(config_problem problem, void *userdata, const char *path, int error)
{
	if (problem)
		problem(userdata, path, 0, error == -E2BIG ? "more than 64 KiB; the file is ignored"
							   : strerror(-error));
}

static int read_file(struct config *c, const char *path, config_problem problem, void *userdata)
{
	_cleanup_free_ char *text = malloc(CONFIG_FILE_MAX + 1);
	FILE *file;
	size_t size;
	int r = 0;

	if (!text)
		return -ENOMEM;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	size = fread(text, 1, CONFIG_FILE_MAX + 1, file);
	if (ferror(file))
		r = -EIO;
	else if (size > CONFIG_FILE_MAX)
		r = -E2BIG;
	(void)fclose(file);
	if (r == 0)
		config_parse(c, path, text, size, problem, userdata);
	return r;
}

static int load_main(struct config *c, const char *root, config_problem problem, void *userdata)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < N_PLACES; i++) {
		int r;

		(void)snprintf(path, sizeof(path), "%s%s/miracast/miracastd.conf", root, places[i]);
		r = read_file(c, path, problem, userdata);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			report(problem, userdata, path, r);
		return r;
	}
	return 0;
}

static bool is_hidden(const struct drop_ins *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->list[i].name, name) == 0)
			return true;
	return false;
}

static int collect(struct drop_ins *d, const char *root, size_t place, config_problem problem,
		   void *userdata)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *directory;

	(void)snprintf(path, sizeof(path), "%s%s/miracast/miracastd.conf.d", root, places[place]);
	directory = opendir(path);
	if (!directory) {
		int r = errno == ENOENT ? 0 : -errno;

		if (r < 0)
			report(problem, userdata, path, r);
		return r;
	}
	while (d->n < CONFIG_FILES_MAX && (entry = readdir(directory))) {
		size_t length = strlen(entry->d_name);

		if (*entry->d_name == '.' || length < 6 ||
		    strcmp(entry->d_name + length - 5, ".conf") != 0 || is_hidden(d, entry->d_name))
			continue;
		(void)snprintf(d->list[d->n].name, sizeof(d->list[0].name), "%s", entry->d_name);
		d->list[d->n++].place = place;
	}
	(void)closedir(directory);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

static int load_drop_ins(struct config *c, const char *root, config_problem problem, void *userdata)
{
	_cleanup_free_ struct drop_ins *d = calloc(1, sizeof(*d));
	char path[PATH_MAX];
	int result = 0;

	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < N_PLACES; i++) {
		int r = collect(d, root, i, problem, userdata);

		result = r < 0 ? r : result;
	}
	qsort(d->list, d->n, sizeof(d->list[0]), compare);
	for (size_t i = 0; i < d->n; i++) {
		int r;

		(void)snprintf(path, sizeof(path), "%s%s/miracast/miracastd.conf.d/%s", root,
			       places[d->list[i].place], d->list[i].name);
		r = read_file(c, path, problem, userdata);
		if (r < 0)
			report(problem, userdata, path, r);
		result = r < 0 ? r : result;
	}
	return result;
}

int config_load(struct config *c, const char *root, config_problem problem, void *userdata)
{
	int r = load_main(c, root, problem, userdata);
	int d = load_drop_ins(c, root, problem, userdata);

	return r < 0 ? r : d;
}

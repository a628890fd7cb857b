// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a fuzz target over the files of the directories named on the command line: what was found
 * once is tested for ever, without a fuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_SIZE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly the file's size, so that a sanitizer sees a read behind its end. */
static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *buffer = malloc(INPUT_SIZE_MAX), *input;
	size_t size;

	if (!file || !buffer) {
		perror(path);
		exit(1);
	}
	size = fread(buffer, 1, INPUT_SIZE_MAX, file);
	(void)fclose(file);
	input = realloc(buffer, size ? size : 1);
	(void)LLVMFuzzerTestOneInput(input ? input : buffer, size);
	free(input ? input : buffer);
	return 1;
}

static int replay_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), replayed = 0;

	if (n < 0) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		char name[4096];

		(void)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			replayed += replay_file(name);
		free(entries[i]);
	}
	free(entries);
	return replayed;
}

int main(int argc, char **argv)
{
	int replayed = 0;

	for (int i = 1; i < argc; i++)
		replayed += replay_directory(argv[i]);
	printf("%d inputs replayed\n", replayed);
	return replayed ? 0 : 1;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* nft's JSON: whatever the text, each object ends within it and each word is a string. */
#include "net/nft.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, const char *kind)
{
	const char *at = text, *before = text;
	struct nft_object o;

	while (nft_next(&at, kind, &o)) {
		assert(at > before && at <= text + strlen(text));
		before = at;
		assert(memchr(o.table, '\0', sizeof(o.table)) && memchr(o.hook, '\0', sizeof(o.hook)));
		if (nft_is_word(o.name))
			assert(!strpbrk(o.name, " ;{}\"'\\$`\n"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	check(text, "chain");
	check(text, "rule");
	free(text);
	return 0;
}

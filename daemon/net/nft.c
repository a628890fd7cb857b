// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/nft.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void skip_space(const char **at)
{
	*at += strspn(*at, " \t\r\n");
}

static bool skip_char(const char **at, char c)
{
	skip_space(at);
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* A string up to its closing quote; empty in value when it is too long or has an escape. */
static bool read_string(const char **at, char value[static NFT_WORD_SIZE])
{
	const char *start, *end;
	bool is_escaped = false;

	value[0] = '\0';
	if (!skip_char(at, '"'))
		return false;
	start = end = *at;
	while (*end && *end != '"') {
		bool has_pair = *end == '\\' && end[1];

		is_escaped |= has_pair;
		end += has_pair ? 2 : 1;
	}
	if (*end != '"')
		return false;
	*at = end + 1;
	if (!is_escaped && end - start < NFT_WORD_SIZE) {
		memcpy(value, start, (size_t)(end - start));
		value[end - start] = '\0';
	}
	return true;
}

static char *member_of(struct nft_object *o, const char *key)
{
	static const struct {
		const char *key;
		size_t offset;
	} members[] = {
		{ "family", offsetof(struct nft_object, family) },
		{ "table", offsetof(struct nft_object, table) },
		{ "name", offsetof(struct nft_object, name) },
		{ "chain", offsetof(struct nft_object, chain) },
		{ "type", offsetof(struct nft_object, type) },
		{ "hook", offsetof(struct nft_object, hook) },
		{ "comment", offsetof(struct nft_object, comment) },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(key, members[i].key) == 0)
			return (char *)o + members[i].offset;
	return NULL;
}

/* One "key": value; false at the end of what is flat. */
static bool read_member(const char **at, struct nft_object *o)
{
	char key[NFT_WORD_SIZE], value[NFT_WORD_SIZE];
	char *place;

	if (!read_string(at, key) || !skip_char(at, ':'))
		return false;
	skip_space(at);
	if (**at == '"') {
		if (!read_string(at, value))
			return false;
		place = member_of(o, key);
		if (place)
			memcpy(place, value, NFT_WORD_SIZE);
	} else if (strchr("-0123456789", **at) && **at) {
		char *end;
		uint64_t number = strtoull(*at, &end, 10);

		if (strcmp(key, "handle") == 0)
			o->handle = number;
		*at = end;
	} else {
		return false;
	}
	return skip_char(at, ',');
}

bool nft_next(const char **at, const char *kind, struct nft_object *ret)
{
	char opening[NFT_WORD_SIZE];

	/* Within a string the quotes are escaped, so this can only be an object. */
	(void)snprintf(opening, sizeof(opening), "{\"%s\": {", kind);
	*at = strstr(*at, opening);
	if (!*at) {
		*at = "";
		return false;
	}
	*at += strlen(opening);
	*ret = (struct nft_object){ 0 };
	while (read_member(at, ret))
		;
	return true;
}

bool nft_is_word(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t length = strlen(name);

	return length > 0 && strchr(letters, name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		       length;
}

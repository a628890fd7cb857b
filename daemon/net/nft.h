/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The little of nft's JSON (libnftables-json(5)) that is needed: the flat members in front of a
 * chain or a rule. Pure and bounded; the rules themselves are never looked at.
 */
#ifndef MIRACAST_NET_NFT_H
#define MIRACAST_NET_NFT_H

#include <stdbool.h>
#include <stdint.h>

#define NFT_WORD_SIZE 64

struct nft_object {
	char family[NFT_WORD_SIZE];
	char table[NFT_WORD_SIZE];
	char name[NFT_WORD_SIZE];  /* of a chain */
	char chain[NFT_WORD_SIZE]; /* of a rule */
	char type[NFT_WORD_SIZE];
	char hook[NFT_WORD_SIZE];
	char comment[NFT_WORD_SIZE];
	uint64_t handle;
};

/*
 * The next object {"KIND": {...}} behind *at, which is moved behind its flat members. false: there
 * is none. A value that is too long for its place, or escaped, is left empty.
 */
bool nft_next(const char **at, const char *kind, struct nft_object *ret);

/* Whether a name can stand in a command of nft as it is. */
bool nft_is_word(const char *name);

#endif

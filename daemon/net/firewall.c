// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/firewall.h"

#include "miracast/net.h"
#include "net/busctl.h"
#include "net/child.h"
#include "net/nft.h"
#include "util/cleanup.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)
#define OUTPUT_SIZE  ((size_t)4 << 20) /* of nft; a host with ten thousand rules fits */
#define ZONE	     "miracast"
#define NFT_PORTS    STRING(NET_PORT_FIRST) "-" STRING(NET_PORT_LAST)
#define LEGACY_PORTS STRING(NET_PORT_FIRST) ":" STRING(NET_PORT_LAST)

enum opening {
	OPENING_DHCP, /* owner only: whoever asks for an address has none yet */
	OPENING_RTSP,
	OPENING_PING,
	N_OPENINGS,
};

static bool is_wanted(const struct firewall *f, enum opening opening)
{
	return opening != OPENING_DHCP || f->is_owner;
}

/* ---------------------------------------------------------------- firewalld */

/*
 * Over the bus: its own command takes longer to start than a sink waits on a slow machine. Whether it
 * runs has to be asked, as it writes no file of its process number where systemd starts it.
 */
#define FIREWALLD "org.fedoraproject.FirewallD1"

static int change_zone(const struct firewall *f, const char *method)
{
	const char *const argv[] = {
		"busctl", "--system", "--quiet", "--auto-start=no", "call", FIREWALLD,
		"/org/fedoraproject/FirewallD1", FIREWALLD ".zone", method, "ss", ZONE, f->ifname,
		NULL };

	return child_run(argv, NULL, 0);
}

/* ---------------------------------------------------------------- nft */

static int insert_rule(struct firewall *f, const struct nft_object *chain, enum opening opening)
{
	const char *const match[N_OPENINGS][6] = {
		{ "udp", "sport", "68", "udp", "dport", "67" },
		{ "ip", "saddr", f->subnet, "tcp", "dport", NFT_PORTS },
		{ "ip", "saddr", f->subnet, "icmp", "type", "echo-request" },
	};
	const char *const *m = match[opening];
	const char *const argv[] = { "nft", "insert", "rule", chain->family, chain->table,
				     chain->name, "iifname", f->ifname, m[0], m[1], m[2], m[3],
				     m[4], m[5], "accept", "comment", FIREWALL_COMMENT, NULL };

	f->has_nft = true;
	return child_run(argv, NULL, 0);
}

static bool filters_input(const struct nft_object *chain)
{
	return strcmp(chain->hook, "input") == 0 && strcmp(chain->type, "filter") == 0 &&
	       (strcmp(chain->family, "ip") == 0 || strcmp(chain->family, "inet") == 0);
}

/* An accept ends only its own chain's verdict: each input chain must say it (nft(8), VERDICTS). */
static int open_chains(struct firewall *f, const char *chains)
{
	struct nft_object chain;
	int r;

	while (nft_next(&chains, "chain", &chain)) {
		if (!filters_input(&chain))
			continue;
		if (!nft_is_word(chain.table) || !nft_is_word(chain.name))
			return -EILSEQ;
		/* Inserted last stands first; the order among ours does not matter. */
		for (enum opening o = 0; o < N_OPENINGS; o++) {
			r = is_wanted(f, o) ? insert_rule(f, &chain, o) : 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int open_nft(struct firewall *f)
{
	static const char *const argv[] = { "nft", "-j", "list", "chains", NULL };
	_cleanup_free_ char *chains = malloc(OUTPUT_SIZE);
	int r;

	if (!chains)
		return -ENOMEM;
	r = child_run(argv, chains, OUTPUT_SIZE);
	/* Without nft there are no such rules that we could be shut out by. */
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : open_chains(f, chains);
}

/* ---------------------------------------------------------------- iptables-legacy */

/* Exists, and names its tables, only where the older kind is in use. */
static bool has_legacy(void)
{
	char name[64];
	bool found = false;
	FILE *file = fopen("/proc/net/ip_tables_names", "re");

	if (!file)
		return false;
	while (!found && fgets(name, sizeof(name), file))
		found = strcmp(name, "filter\n") == 0;
	(void)fclose(file);
	return found;
}

static int change_legacy(const struct firewall *f, const char *verb, enum opening opening)
{
	const char *const match[N_OPENINGS][6] = {
		{ "-p", "udp", "--sport", "68", "--dport", "67" },
		{ "-p", "tcp", "-s", f->subnet, "--dport", LEGACY_PORTS },
		{ "-p", "icmp", "-s", f->subnet, "--icmp-type", "echo-request" },
	};
	const char *const *m = match[opening];
	const char *const argv[] = { "iptables-legacy", "-w", "5", verb, "INPUT", "-i", f->ifname,
				     m[0], m[1], m[2], m[3], m[4], m[5], "-m", "comment",
				     "--comment", FIREWALL_COMMENT, "-j", "ACCEPT", NULL };

	return child_run(argv, NULL, 0);
}

static int open_legacy(struct firewall *f)
{
	int r;

	for (enum opening o = 0; o < N_OPENINGS; o++) {
		r = is_wanted(f, o) ? change_legacy(f, "-I", o) : 0;
		if (r < 0)
			return r;
		f->has_legacy = true;
	}
	return 0;
}

/* ---------------------------------------------------------------- all of it */

static int open_all(struct firewall *f, char *text, size_t size)
{
	int r;

	if (busctl_has_name(FIREWALLD)) {
		r = change_zone(f, "changeZoneOfInterface");
		f->has_zone = r == 0;
		if (r < 0)
			(void)snprintf(text, size, "firewalld does not take the interface into its "
				       "zone \"" ZONE "\": reload firewalld");
		return r;
	}
	r = open_nft(f);
	if (r < 0) {
		(void)snprintf(text, size, "nft cannot let the sink in: %s", strerror(-r));
		return r;
	}
	r = has_legacy() ? open_legacy(f) : 0;
	if (r < 0)
		(void)snprintf(text, size, "iptables-legacy cannot let the sink in: %s",
			       strerror(-r));
	return r;
}

int firewall_open(struct firewall *f, const char *ifname, const struct net_address *address,
		  bool is_owner, char *text, size_t size)
{
	struct in_addr net = { htonl(address->local & ~UINT32_C(0) << (32 - address->prefix)) };
	char name[INET_ADDRSTRLEN];
	int r;

	*f = (struct firewall){ .is_owner = is_owner };
	(void)snprintf(f->ifname, sizeof(f->ifname), "%s", ifname);
	(void)inet_ntop(AF_INET, &net, name, sizeof(name));
	(void)snprintf(f->subnet, sizeof(f->subnet), "%s/%u", name, address->prefix);
	r = open_all(f, text, size);
	if (r < 0)
		firewall_close(f);
	return r;
}

static void delete_rule(const struct nft_object *rule)
{
	char handle[24];
	const char *const argv[] = { "nft", "delete", "rule", rule->family, rule->table,
				     rule->chain, "handle", handle, NULL };

	(void)snprintf(handle, sizeof(handle), "%llu", (unsigned long long)rule->handle);
	(void)child_run(argv, NULL, 0);
}

/*
 * By what they are called now: who loads the whole rule set anew has taken ours away, and given
 * their handles to others. Terse: what is in people's sets may be megabytes.
 */
void firewall_clean(void)
{
	static const char *const argv[] = { "nft", "-j", "-a", "-t", "list", "ruleset", NULL };
	_cleanup_free_ char *ruleset = malloc(OUTPUT_SIZE);
	const char *at = ruleset;
	struct nft_object rule;
	int r;

	r = ruleset ? child_run(argv, ruleset, OUTPUT_SIZE) : -ENOMEM;
	if (r == -ENOENT) /* without nft there are none */
		return;
	if (r < 0) {
		(void)log_warning(r, "nft does not tell its rules, ours may be among them: %s",
				  strerror(-r));
		return;
	}
	while (nft_next(&at, "rule", &rule))
		if (strcmp(rule.comment, FIREWALL_COMMENT) == 0 && nft_is_word(rule.table) &&
		    nft_is_word(rule.chain))
			delete_rule(&rule);
}

/* The older tables are cleaned of this group's only: of another one's the interface is gone. */
void firewall_close(struct firewall *f)
{
	if (f->has_zone)
		(void)change_zone(f, "removeInterface");
	if (f->has_nft)
		firewall_clean();
	for (enum opening o = 0; f->has_legacy && o < N_OPENINGS; o++)
		if (is_wanted(f, o))
			(void)change_legacy(f, "-D", o);
	f->has_zone = f->has_nft = f->has_legacy = false;
}

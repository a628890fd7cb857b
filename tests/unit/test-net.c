// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracast-net without Wi-Fi: addresses that are in nobody's way, nft's JSON, and the firewall with
 * a real nft in a network namespace of this test's own. Where no namespace can be made, those cases
 * are skipped.
 */
#include "net/address.h"
#include "net/child.h"
#include "net/firewall.h"
#include "net/nft.h"
#include "util/clock.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static bool has_namespace, has_nft;

/* ---------------------------------------------------------------- pure */

static void test_address_check(void **state)
{
	static const struct {
		uint32_t local, prefix;
		int r;
	} cases[] = {
		{ 0xc0a83102, 24, 0 },	     { 0x0a4d000a, 24, 0 },	  { 0xac1f0001, 16, 0 },
		{ 0xa9fe0102, 16, 0 },	     { 0xc0a83100, 24, -EINVAL }, { 0xc0a831ff, 24, -EINVAL },
		{ 0xc0a83102, 31, -EINVAL }, { 0xc0a83102, 0, -EINVAL },  { 0x0a4d000a, 8, -EINVAL },
		{ 0x08080808, 24, -EINVAL }, { 0x7f000001, 24, -EINVAL }, { 0xe0000001, 24, -EINVAL },
		{ 0, 24, -EINVAL },	     { 0xffffffff, 24, -EINVAL }, { 0xc0a83102, 33, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_address a = { cases[i].local, cases[i].prefix };

		assert_int_equal(address_check(&a), cases[i].r);
	}
}

static void test_json(void **state)
{
	static const char text[] =
		"{\"nftables\": [{\"metainfo\": {\"version\": \"1.0.6\"}}, {\"chain\": {\"family\": "
		"\"inet\", \"table\": \"filter\", \"name\": \"input\", \"handle\": 7, \"type\": "
		"\"filter\", \"hook\": \"input\", \"prio\": -150, \"policy\": \"drop\"}}, {\"chain\": "
		"{\"family\": \"ip\", \"table\": \"a \\\"b\", \"name\": \"x\", \"handle\": 8}}]}";
	const char *at = text;
	struct nft_object o;

	(void)state;
	assert_true(nft_next(&at, "chain", &o));
	assert_string_equal(o.family, "inet");
	assert_string_equal(o.table, "filter");
	assert_string_equal(o.name, "input");
	assert_string_equal(o.hook, "input");
	assert_int_equal(o.handle, 7);
	assert_true(nft_next(&at, "chain", &o));
	assert_string_equal(o.table, "");
	assert_string_equal(o.hook, "");
	assert_int_equal(o.handle, 8);
	assert_false(nft_next(&at, "chain", &o));
	assert_false(nft_next(&at, "chain", &o));
}

static void test_words(void **state)
{
	(void)state;
	assert_true(nft_is_word("p2p-wlan0-0") && nft_is_word("filter_INPUT") && nft_is_word("a.b"));
	assert_false(nft_is_word("") || nft_is_word("0a") || nft_is_word("-a") ||
		     nft_is_word("a b") || nft_is_word("a;b") || nft_is_word("a{") ||
		     nft_is_word("a\"") || nft_is_word("a\n"));
}

/* ---------------------------------------------------------------- programs */

static void test_child_run(void **state)
{
	static const char *const echo[] = { "echo", "one two", NULL };
	static const char *const no[] = { "false", NULL };
	static const char *const missing[] = { "/nonexistent/program", NULL };
	static const char *const forever[] = { "sleep", "100", NULL };
	static const char *const fds[] = { "ls", "/proc/self/fd", NULL };
	char output[64], tiny[4];

	(void)state;
	assert_int_equal(child_run(echo, output, sizeof(output)), 0);
	assert_string_equal(output, "one two\n");
	assert_int_equal(child_run(echo, tiny, sizeof(tiny)), -ENOBUFS);
	assert_int_equal(child_run(no, NULL, 0), -EPROTO);
	assert_int_equal(child_run(missing, NULL, 0), -ENOENT);
	assert_int_equal(child_run(forever, NULL, 0), -ETIMEDOUT);
	/* 0, 1, 2 and the one that lists them: nothing of ours. */
	assert_int_equal(child_run(fds, output, sizeof(output)), 0);
	assert_string_equal(output, "0\n1\n2\n3\n");
}

static bool lives(int pid)
{
	char path[32], state = 'Z';
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	(void)fscanf(f, "%*d (%*[^)]) %c", &state);
	fclose(f);
	return state != 'Z';
}

/* Ended by force, a program takes with it what it has started. */
static void test_grandchild(void **state)
{
	char path[] = "/tmp/miracast-net-XXXXXX", script[128];
	const char *const argv[] = { "sh", "-c", script, NULL };
	int fd = mkstemp(path), pid = 0;
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	(void)snprintf(script, sizeof(script), "sleep 1000 >/dev/null & echo $! >%s; wait", path);
	assert_int_equal(child_run(argv, NULL, 0), -ETIMEDOUT);
	f = fdopen(fd, "r");
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	for (int i = 0; i < 200 && lives(pid); i++)
		usleep(10000);
	assert_false(lives(pid));
	fclose(f);
	(void)unlink(path);
}

/* ---------------------------------------------------------------- in a namespace */

static void run(const char *command)
{
	const char *const argv[] = { "sh", "-c", command, NULL };

	assert_int_equal(child_run(argv, NULL, 0), 0);
}

static void list(char *output, size_t size)
{
	static const char *const argv[] = { "nft", "list", "ruleset", NULL };

	assert_int_equal(child_run(argv, output, size), 0);
}

static void need(bool there)
{
	if (!there)
		skip();
}

static void test_choose(void **state)
{
	const struct net_address tunnel = { 0xc0a8ad11, 29 };
	uint32_t lo = if_nametoindex("lo");
	struct net_address a = { 0 }, again = { 0 };

	(void)state;
	need(has_namespace);
	assert_int_equal(address_choose(&a), 0);
	assert_int_equal(a.local, 0xc0a8ad01);
	assert_int_equal(a.prefix, 28);
	assert_int_equal(address_add(lo, &a), 0);
	assert_int_equal(address_add(lo, &a), -EEXIST);
	/* Its own does not count, everybody else's does, narrower ones as well. */
	assert_int_equal(address_is_taken(lo, &a), 0);
	assert_int_equal(address_is_taken(lo + 1, &a), 1);
	assert_int_equal(address_choose(&again), 0);
	assert_int_equal(again.local, 0xc0a8ad11);
	assert_int_equal(address_add(lo, &tunnel), 0);
	assert_int_equal(address_choose(&again), 0);
	assert_int_equal(again.local, 0xc0a8ad21);
	assert_int_equal(address_remove(lo, &tunnel), 0);
	assert_int_equal(address_remove(lo, &a), 0);
	assert_int_equal(address_remove(lo, &a), -EADDRNOTAVAIL);
	assert_int_equal(address_choose(&again), 0);
	assert_int_equal(again.local, a.local);
}

#define HOOK(type, hook, priority) "{ type " type " hook " hook " priority " priority "; }"
#define RULES                                                                     \
	"nft '"                                                                   \
	"add table inet filter; add table ip other; add table ip6 six; add table arp x; " \
	"add chain inet filter input { type filter hook input priority 0; policy drop; }; " \
	"add rule inet filter input ct state established accept; "                \
	"add chain inet filter forward " HOOK("filter", "forward", "0") "; "      \
	"add chain ip other early " HOOK("filter", "input", "-10") "; "           \
	"add chain ip other nat " HOOK("nat", "input", "100") "; "                \
	"add chain ip other plain; "                                              \
	"add chain ip6 six input " HOOK("filter", "input", "0") "; "              \
	"add chain arp x input " HOOK("filter", "input", "0") "'"

static void open_and_close(bool is_owner, unsigned int rules)
{
	static char before[16384], during[16384], after[16384];
	const struct net_address a = { 0xc0a8ad01, 28 };
	char text[160] = "";
	struct firewall f;
	unsigned int n = 0;

	list(before, sizeof(before));
	assert_int_equal(firewall_open(&f, "lo", &a, is_owner, text, sizeof(text)), 0);
	list(during, sizeof(during));
	for (const char *at = strstr(during, FIREWALL_COMMENT); at;
	     at = strstr(at + 1, FIREWALL_COMMENT))
		n++;
	assert_int_equal(n, rules);
	firewall_close(&f);
	list(after, sizeof(after));
	assert_string_equal(before, after);
	firewall_close(&f);
}

static void test_firewall(void **state)
{
	(void)state;
	need(has_namespace && has_nft);
	open_and_close(true, 0);
	run(RULES);
	open_and_close(true, 6);
	open_and_close(false, 4);
	run("nft flush ruleset");
}

/* People's rules, and ours among them. */
static void open_among_others(struct firewall *f)
{
	const struct net_address a = { 0xc0a8ad01, 28 };
	char text[160] = "";

	run(RULES);
	assert_int_equal(firewall_open(f, "lo", &a, true, text, sizeof(text)), 0);
}

/* At the head, for this interface and subnet only. */
static void test_firewall_rules(void **state)
{
	static char during[16384];
	const char *rtsp;
	struct firewall f;

	(void)state;
	need(has_namespace && has_nft);
	open_among_others(&f);
	list(during, sizeof(during));
	rtsp = strstr(during, "ip saddr 192.168.173.0/28 tcp dport 7236-7239 accept");
	assert_non_null(rtsp);
	assert_non_null(strstr(during, "iifname \"lo\" udp sport 68 udp dport 67 accept"));
	assert_non_null(strstr(during, "icmp type echo-request accept"));
	assert_true(rtsp < strstr(during, "ct state established"));
	firewall_close(&f);
	run("nft flush ruleset");
}

/* Rules of a helper that died go by their comment, others' stay. */
static void test_firewall_clean(void **state)
{
	static char before[16384], after[16384];
	const struct net_address a = { 0xc0a8ad01, 28 };
	char text[160] = "";
	struct firewall f;

	(void)state;
	need(has_namespace && has_nft);
	run(RULES);
	list(before, sizeof(before));
	assert_int_equal(firewall_open(&f, "lo", &a, true, text, sizeof(text)), 0);
	firewall_clean();
	list(after, sizeof(after));
	assert_string_equal(before, after);
	run("nft flush ruleset");
}

/* Somebody loads the rule set anew meanwhile: ours are gone, and others have their handles. */
static void test_firewall_reloaded(void **state)
{
	static char before[16384], after[16384];
	struct firewall f;

	(void)state;
	need(has_namespace && has_nft);
	open_among_others(&f);
	run("nft flush ruleset");
	run(RULES);
	for (int i = 0; i < 8; i++)
		run("nft add rule inet filter input tcp dport 22 accept");
	list(before, sizeof(before));
	firewall_close(&f);
	list(after, sizeof(after));
	assert_string_equal(before, after);
	run("nft flush ruleset");
}

/* People's sets may be larger than anything we read. */
static void test_firewall_crowded(void **state)
{
	const struct net_address a = { 0xc0a8ad01, 28 };
	char text[160] = "";
	struct firewall f;

	(void)state;
	need(has_namespace && has_nft);
	run(RULES);
	run("nft 'add set inet filter crowd { type ipv6_addr; }'");
	run("awk 'BEGIN { printf \"add element inet filter crowd {\"; for (i = 0; i < 108000; i++) "
	    "printf \" fd11:1111:2222:3333:4444:5555:%x:%x,\", int(i / 27000) + 4096, "
	    "i % 27000 + 4096; print \"}\" }' | nft -f -");
	assert_int_equal(firewall_open(&f, "lo", &a, true, text, sizeof(text)), 0);
	run("nft list chain inet filter input | grep -q '" FIREWALL_COMMENT "'");
	firewall_close(&f);
	run("! nft list chain inet filter input | grep -q '" FIREWALL_COMMENT "'");
	run("nft flush ruleset");
}

/* One chain refuses: what was done in the others is undone. */
static void test_firewall_refused(void **state)
{
	static char before[16384], after[16384];
	const struct net_address a = { 0xc0a8ad01, 28 };
	char text[160] = "";
	struct firewall f;

	(void)state;
	need(has_namespace && has_nft);
	run(RULES);
	list(before, sizeof(before));
	/* An interface's name that nft does not take. */
	assert_true(firewall_open(&f, "a b", &a, true, text, sizeof(text)) < 0);
	assert_non_null(strstr(text, "nft"));
	list(after, sizeof(after));
	assert_string_equal(before, after);
	run("nft flush ruleset");
}

static void set_up(void)
{
	static const char *const nft[] = { "nft", "list", "ruleset", NULL };
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	has_namespace = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) >= 0;
	close(fd);
	has_nft = has_namespace && child_run(nft, NULL, 0) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_check),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_child_run),
		cmocka_unit_test(test_grandchild),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_firewall),
		cmocka_unit_test(test_firewall_rules),
		cmocka_unit_test(test_firewall_clean),
		cmocka_unit_test(test_firewall_reloaded),
		cmocka_unit_test(test_firewall_crowded),
		cmocka_unit_test(test_firewall_refused),
	};

	setenv("MIRACAST_TIME_SCALE", "0.3", 1);
	set_up();
	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}

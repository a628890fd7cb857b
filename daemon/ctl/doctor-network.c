// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The doctor's checks of the network by files and programs: what the radio can, whether it is on,
 * which channels are open, the helpers and the firewall.
 */
#include "ctl/doctor.h"
#include "util/cleanup.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct package iw_package = { "iw", "iw", "iw", "iw" };
static const struct package dnsmasq_package = { "dnsmasq-base", "dnsmasq", "dnsmasq", "dnsmasq" };
static const struct package dhcpcd_package = { "dhcpcd-base", "dhcpcd", "dhcpcd", "dhcpcd" };
static const struct package nft_package = { "nftables", "nftables", "nftables", "nftables" };

/* ---------------------------------------------------------------- what iw says */

struct radio {
	bool has_client, has_owner, has_device;
	bool is_beside;	       /* a group can run beside a connection to an access point, */
	unsigned int channels; /* on that many channels at once */
	unsigned int usable, usable_5ghz, no_ir, disabled; /* channels */
};

static void read_mode(struct radio *r, const char *line)
{
	if (strstr(line, "* P2P-client"))
		r->has_client = true;
	else if (strstr(line, "* P2P-GO"))
		r->has_owner = true;
	else if (strstr(line, "* P2P-device"))
		r->has_device = true;
}

/* "* 5180.0 MHz [36] (20.0 dBm)", "(disabled)", "(no IR)", "(radar detection)". */
static void read_channel(struct radio *r, const char *line)
{
	const char *star = strchr(line, '*');

	if (!star || !strstr(star, " MHz ["))
		return;
	if (strstr(star, "disabled"))
		r->disabled++;
	else if (strstr(star, "no IR") || strstr(star, "radar detection"))
		r->no_ir++;
	else
		r->usable++;
	r->usable_5ghz += !strstr(star, "(disabled)") && !strstr(star, "no IR") &&
			  !strstr(star, "radar") && atoi(star + 1) > 5000;
}

/* One of "valid interface combinations", whose lines were put together. */
static void read_combination(struct radio *r, const char *text)
{
	const char *at = strstr(text, "#channels <= ");
	unsigned int n = at ? (unsigned int)atoi(at + strlen("#channels <= ")) : 0;

	if (!strstr(text, "managed") || !(strstr(text, "P2P-client") || strstr(text, "P2P-GO")))
		return;
	r->is_beside = true;
	if (n > r->channels)
		r->channels = n;
}

/* "iw list" is for people; these words of it have stood for ten years. */
static void parse_iw(FILE *pipe, struct radio *r)
{
	char line[512], combination[1024] = "";
	bool is_list = false;

	while (fgets(line, sizeof(line), pipe)) {
		read_mode(r, line);
		read_channel(r, line);
		if (is_list && (strstr(line, " * ") || !strstr(line, "<="))) {
			read_combination(r, combination);
			combination[0] = '\0';
			is_list = strstr(line, "<=") != NULL;
		}
		if (strstr(line, "valid interface combinations"))
			is_list = true;
		else if (is_list)
			strncat(combination, line, sizeof(combination) - strlen(combination) - 1);
	}
	read_combination(r, combination);
}

/* ---------------------------------------------------------------- the radio */

static void check_switch(const struct ctl *c, struct findings *f)
{
	char pattern[512];
	glob_t g;

	(void)snprintf(pattern, sizeof(pattern), "%s/sys/class/rfkill/*", c->root);
	if (glob(pattern, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *base = g.gl_pathv[i] + strlen(c->root);
		char path[512], type[32], soft[8] = "", hard[8] = "";

		(void)snprintf(path, sizeof(path), "%s/type", base);
		if (!doctor_read_line(c, path, type, sizeof(type)) || strcmp(type, "wlan") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/soft", base);
		(void)doctor_read_line(c, path, soft, sizeof(soft));
		(void)snprintf(path, sizeof(path), "%s/hard", base);
		(void)doctor_read_line(c, path, hard, sizeof(hard));
		if (strcmp(hard, "1") == 0)
			finding_add(f, "rfkill", VERDICT_PROBLEM,
				    "switch Wi-Fi on by the computer's switch or key", NULL,
				    "Wi-Fi is switched off in hardware");
		else if (strcmp(soft, "1") == 0)
			finding_add(f, "rfkill", VERDICT_PROBLEM,
				    "switch Wi-Fi on in the desktop, or run \"rfkill unblock wlan\"",
				    NULL, "Wi-Fi is switched off");
	}
	globfree(&g);
}

static void check_channels(const struct radio *r, struct findings *f)
{
	char country[64] = "";
	bool is_world;

	if (r->usable + r->no_ir + r->disabled == 0)
		return;
	(void)doctor_ask("iw reg get | sed -n 's/^country \\(..\\).*/\\1/p'", country, sizeof(country));
	is_world = strcmp(country, "00") == 0;
	finding_add(f, "channels",
		    r->usable == 0 ? VERDICT_PROBLEM : r->usable_5ghz == 0 ? VERDICT_NOTE : VERDICT_OK,
		    r->usable_5ghz > 0 ? NULL : is_world ?
		    "set the country, \"iw reg set\" and its two letters: without it most channels "
		    "stay closed" : "2.4 GHz is slow and crowded: a radio that may use 5 GHz is better",
		    NULL, "%u channels may be used, %u of them at 5 GHz, %u only where an access point "
			  "does, %u not at all%s%s", r->usable, r->usable_5ghz, r->no_ir, r->disabled,
		    *country ? "; country " : "", is_world ? "not set" : country);
}

static void check_combinations(const struct radio *r, struct findings *f)
{
	if (!r->is_beside)
		finding_add(f, "beside-wifi", VERDICT_NOTE,
			    "where that does not do, use a second Wi-Fi device, Interface= in "
			    "miracastd.conf(5)",
			    NULL, "this driver cannot be in a network and cast at the same time");
	else if (r->channels < 2)
		finding_add(f, "beside-wifi", VERDICT_NOTE,
			    "if that channel is bad for the sink, leave the network while casting",
			    NULL, "casting and the network share one channel, the access point's");
	else
		finding_add(f, "beside-wifi", VERDICT_OK, NULL, NULL,
			    "casting and a network can use %u channels at once", r->channels);
}

void doctor_check_radio(const struct ctl *c, struct findings *f)
{
	struct radio r = { 0 };
	FILE *pipe;

	check_switch(c, f);
	if (!doctor_has_program("iw")) {
		finding_add(f, "radio", VERDICT_UNKNOWN, NULL, &iw_package,
			    "what the Wi-Fi hardware can do cannot be found out without iw");
		return;
	}
	pipe = doctor_open("iw list");
	if (pipe) {
		parse_iw(pipe, &r);
		(void)pclose(pipe);
	}
	if (!r.has_client && !r.has_owner) {
		finding_add(f, "radio", VERDICT_PROBLEM,
			    "use Wi-Fi hardware whose driver has P2P: most of Intel, MediaTek, "
			    "Qualcomm and Realtek's newer ones do",
			    NULL, "no Wi-Fi hardware here supports Wi-Fi Direct");
		return;
	}
	finding_add(f, "radio", VERDICT_OK, NULL, NULL, "Wi-Fi Direct: %s%s%s",
		    r.has_owner ? "group owner, " : "", r.has_client ? "client, " : "",
		    r.has_device ? "own device" : "no device of its own");
	check_combinations(&r, f);
	check_channels(&r, f);
}

/* ---------------------------------------------------------------- helpers */

void doctor_check_programs(const struct ctl *c, struct findings *f)
{
	if (doctor_exists(c, "/run/miracast-net/socket"))
		finding_add(f, "miracast-net", VERDICT_OK, NULL, NULL,
			    "the network helper waits for the service");
	else
		finding_add(f, "miracast-net", VERDICT_PROBLEM,
			    "run \"systemctl enable --now miracast-net.socket\"", NULL,
			    "the network helper is not there: sinks of Wi-Fi Direct get no address");
	if (doctor_has_program("dnsmasq"))
		finding_add(f, "dnsmasq", VERDICT_OK, NULL, NULL, "dnsmasq gives sinks addresses");
	else
		finding_add(f, "dnsmasq", VERDICT_PROBLEM, NULL, &dnsmasq_package,
			    "without dnsmasq no sink gets an address from us");
	if (doctor_has_program("dhcpcd"))
		finding_add(f, "dhcpcd", VERDICT_OK, NULL, NULL, "dhcpcd gets addresses of sinks");
	else
		finding_add(f, "dhcpcd", VERDICT_NOTE, NULL, &dhcpcd_package,
			    "without dhcpcd sinks that own the group cannot give us an address");
}

/* ---------------------------------------------------------------- firewall */

/* What miracast-net does about it: firewalld's zone, else rules by nft, which has ufw's, too. */
void doctor_check_firewall(struct ctl *c, struct findings *f)
{
	if (doctor_is_running(c, "org.fedoraproject.FirewallD1")) {
		bool has_zone = doctor_exists(c, "/usr/lib/firewalld/zones/miracast.xml") ||
				doctor_exists(c, "/etc/firewalld/zones/miracast.xml");

		finding_add(f, "firewall", has_zone ? VERDICT_OK : VERDICT_PROBLEM,
			    has_zone ? NULL : "install miracast's zone file again, then "
					      "\"firewall-cmd --reload\"",
			    NULL, has_zone ? "firewalld is running and lets sinks in while they are "
					     "connected" :
					     "firewalld is running and does not know the zone miracast");
	} else if (!doctor_exists(c, "/sys/module/nf_tables")) {
		finding_add(f, "firewall", VERDICT_OK, NULL, NULL, "no firewall is in the way");
	} else if (!doctor_has_program("nft")) {
		finding_add(f, "firewall", VERDICT_PROBLEM, NULL, &nft_package,
			    "there may be a firewall, and without nft sinks cannot be let in");
	} else {
		finding_add(f, "firewall", VERDICT_OK, NULL, NULL,
			    "sinks are let in by nft while they are connected");
	}
}

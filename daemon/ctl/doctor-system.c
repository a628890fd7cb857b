// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's checks of files and programs: module, Secure Boot, node, radio, helpers, firewall. */
#include "ctl/doctor.h"
#include "util/cleanup.h"

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SECURE_BOOT "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static const struct package module_package = { "miracast-dkms", "miracast-kmod", "miracast-dkms",
					       "miracast-kmp" };
static const struct package iw_package = { "iw", "iw", "iw", "iw" };
static const struct package dnsmasq_package = { "dnsmasq-base", "dnsmasq", "dnsmasq", "dnsmasq" };
static const struct package dhcpcd_package = { "dhcpcd-base", "dhcpcd", "dhcpcd", "dhcpcd" };

/* ---------------------------------------------------------------- helpers */

static bool exists(const struct ctl *c, const char *path)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s%s", c->root, path);
	return access(full, F_OK) == 0;
}

/* The first line without its end; false: there is none. */
static bool read_line(const struct ctl *c, const char *path, char *ret, size_t size)
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

static bool has_program(const char *name)
{
	static const char *const places[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin",
					      "/usr/local/sbin", "/usr/local/bin" };
	char path[256];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", places[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- module */

static bool is_module_installed(const struct ctl *c)
{
	static const char *const places[] = { "updates/dkms", "updates", "extra", "kernel/drivers/gpu/drm" };
	struct utsname name;
	bool found = false;

	(void)uname(&name);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !found; i++) {
		char pattern[512];
		glob_t g;

		(void)snprintf(pattern, sizeof(pattern), "%s/lib/modules/%s/%s/miracast.ko*",
			       c->root, name.release, places[i]);
		found = glob(pattern, 0, NULL, &g) == 0;
		if (found)
			globfree(&g);
	}
	return found;
}

/* What modinfo says of the file on disk; "" where it cannot be asked. */
static void get_installed_version(const struct ctl *c, char *ret, size_t size)
{
	FILE *pipe;

	*ret = '\0';
	if (*c->root || !has_program("modinfo"))
		return;
	pipe = popen("modinfo -F srcversion miracast 2>/dev/null", "re");
	if (!pipe)
		return;
	if (fgets(ret, (int)size, pipe))
		ret[strcspn(ret, "\n")] = '\0';
	(void)pclose(pipe);
}

void doctor_check_module(const struct ctl *c, struct findings *f)
{
	bool is_installed = is_module_installed(c);
	char loaded[64], installed[64];

	if (!exists(c, "/sys/module/miracast")) {
		finding_add(f, "module", VERDICT_PROBLEM,
			    is_installed ? "run \"modprobe miracast\"; if that fails, its line in "
					   "the kernel's log says why"
					 : "install the module for the running kernel, and the "
					   "kernel's headers for it",
			    is_installed ? NULL : &module_package,
			    "the kernel module miracast is %s", is_installed ?
			    "installed, but not loaded" : "not installed for this kernel");
		return;
	}
	get_installed_version(c, installed, sizeof(installed));
	if (read_line(c, "/sys/module/miracast/srcversion", loaded, sizeof(loaded)) &&
	    *installed && strcmp(loaded, installed) != 0) {
		finding_add(f, "module", VERDICT_NOTE,
			    "restart the computer: the module in use by a desktop cannot be replaced",
			    NULL, "the loaded kernel module is not the installed one");
		return;
	}
	finding_add(f, "module", VERDICT_OK, NULL, NULL, "the kernel module miracast is loaded");
}

/* UEFI 2.10, 3.3: four bytes of attributes, then one byte. */
void doctor_check_secure_boot(const struct ctl *c, struct findings *f)
{
	unsigned char bytes[5] = { 0 };
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/sys/firmware/efi/efivars/" SECURE_BOOT, c->root);
	file = fopen(path, "re");
	if (file) {
		if (fread(bytes, 1, sizeof(bytes), file) != sizeof(bytes))
			bytes[4] = 0;
		(void)fclose(file);
	}
	if (bytes[4] != 1)
		finding_add(f, "secure-boot", VERDICT_OK, NULL, NULL, "Secure Boot is off");
	else if (exists(c, "/sys/module/miracast"))
		finding_add(f, "secure-boot", VERDICT_OK, NULL, NULL,
			    "Secure Boot is on, and the module was accepted");
	else
		finding_add(f, "secure-boot", VERDICT_PROBLEM,
			    "enrol the key that signs it, \"mokutil --import "
			    "/var/lib/dkms/mok.pub\", then restart and confirm",
			    NULL, "Secure Boot is on and refuses modules without an enrolled key");
}

/* ---------------------------------------------------------------- permissions */

void doctor_check_permissions(const struct ctl *c, struct findings *f)
{
	const struct passwd *user = *c->root ? NULL : getpwnam("miracast");
	char path[512];
	struct stat st;

	if (!*c->root && !user)
		finding_add(f, "user", VERDICT_PROBLEM, "run \"systemd-sysusers\"", NULL,
			    "the service's user miracast does not exist");
	(void)snprintf(path, sizeof(path), "%s/dev/miracast", c->root);
	if (stat(path, &st) < 0) {
		finding_add(f, "node", VERDICT_PROBLEM, "load the module", NULL,
			    "/dev/miracast is not there");
		return;
	}
	if ((st.st_mode & 077) != 0)
		finding_add(f, "node", VERDICT_PROBLEM,
			    "run \"udevadm trigger\"; is 70-miracast.rules installed?", NULL,
			    "/dev/miracast is open to others than the service");
	else if (user && st.st_uid != user->pw_uid)
		finding_add(f, "node", VERDICT_PROBLEM,
			    "run \"udevadm trigger\"; is 70-miracast.rules installed?", NULL,
			    "/dev/miracast does not belong to the user miracast");
	else
		finding_add(f, "node", VERDICT_OK, NULL, NULL,
			    "/dev/miracast belongs to the service alone");
}

/* ---------------------------------------------------------------- radio */

struct radio {
	bool has_client, has_owner, has_device;
	unsigned int usable, no_ir, disabled; /* channels */
};

/* "iw list" is for people; these words of it have stood for ten years. */
static void parse_iw(FILE *pipe, struct radio *r)
{
	char line[512];

	while (fgets(line, sizeof(line), pipe)) {
		if (strstr(line, "* P2P-client"))
			r->has_client = true;
		else if (strstr(line, "* P2P-GO"))
			r->has_owner = true;
		else if (strstr(line, "* P2P-device"))
			r->has_device = true;
		else if (strstr(line, " MHz [") && strstr(line, "disabled"))
			r->disabled++;
		else if (strstr(line, " MHz [") && strstr(line, "no IR"))
			r->no_ir++;
		else if (strstr(line, " MHz ["))
			r->usable++;
	}
}

void doctor_check_radio(const struct ctl *c, struct findings *f)
{
	struct radio r = { 0 };
	FILE *pipe;

	(void)c;
	if (!has_program("iw")) {
		finding_add(f, "radio", VERDICT_UNKNOWN, NULL, &iw_package,
			    "what the Wi-Fi hardware can do cannot be found out without iw");
		return;
	}
	pipe = popen("PATH=$PATH:/usr/sbin:/sbin iw list 2>/dev/null", "re");
	if (pipe) {
		parse_iw(pipe, &r);
		(void)pclose(pipe);
	}
	if (!r.has_client && !r.has_owner)
		finding_add(f, "radio", VERDICT_PROBLEM,
			    "switch Wi-Fi on; else use hardware whose driver has P2P", NULL,
			    "no Wi-Fi hardware here supports Wi-Fi Direct");
	else
		finding_add(f, "radio", VERDICT_OK, NULL, NULL, "Wi-Fi Direct: %s%s%s",
			    r.has_owner ? "group owner, " : "", r.has_client ? "client, " : "",
			    r.has_device ? "own device" : "no device of its own");
	if (r.usable + r.no_ir + r.disabled > 0)
		finding_add(f, "channels", r.usable ? VERDICT_OK : VERDICT_PROBLEM,
			    r.usable ? NULL : "set the country of the access point or the system",
			    NULL, "%u channels may be used, %u only where an access point does, %u "
				  "not at all", r.usable, r.no_ir, r.disabled);
}

/* ---------------------------------------------------------------- helpers and firewall */

void doctor_check_programs(const struct ctl *c, struct findings *f)
{
	(void)c;
	if (has_program("dnsmasq"))
		finding_add(f, "dnsmasq", VERDICT_OK, NULL, NULL, "dnsmasq gives sinks addresses");
	else
		finding_add(f, "dnsmasq", VERDICT_PROBLEM, NULL, &dnsmasq_package,
			    "without dnsmasq no sink gets an address from us");
	if (has_program("dhcpcd"))
		finding_add(f, "dhcpcd", VERDICT_OK, NULL, NULL, "dhcpcd gets addresses of sinks");
	else
		finding_add(f, "dhcpcd", VERDICT_NOTE, NULL, &dhcpcd_package,
			    "without dhcpcd sinks that own the group cannot give us an address");
}

void doctor_check_firewall(const struct ctl *c, struct findings *f)
{
	char line[128];

	if (read_line(c, "/etc/ufw/ufw.conf", line, sizeof(line)) && exists(c, "/run/ufw.lock"))
		finding_add(f, "ufw", VERDICT_NOTE,
			    "if sinks connect but show nothing, allow tcp port 7236 on the group's "
			    "interface", NULL, "ufw filters what comes in");
}

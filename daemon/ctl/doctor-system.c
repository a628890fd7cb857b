// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's checks of the system's files: module, Secure Boot, nodes and whom they belong to. */
#include "ctl/doctor.h"
#include "util/cleanup.h"

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define SECURE_BOOT "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* Ready-made only on Debian; elsewhere from the sources, by dkms. */
static const struct package module_package = { "miracast-dkms", "dkms", "dkms", "dkms" };
static const struct package mokutil_package = { "mokutil", "mokutil", "mokutil", "mokutil" };

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
	*ret = '\0';
	if (!*c->root)
		(void)doctor_ask("modinfo -F srcversion miracast", ret, size);
}

/* Without them dkms cannot build it; they are of one kernel each. */
static void check_headers(const struct ctl *c, struct findings *f)
{
	static char debian[sizeof("linux-headers-") + sizeof(((struct utsname *)0)->release)];
	static const struct package headers = { debian, "kernel-devel", "linux-headers",
						"kernel-default-devel" };
	struct utsname name;
	char path[256];

	(void)uname(&name);
	(void)snprintf(debian, sizeof(debian), "linux-headers-%s", name.release);
	(void)snprintf(path, sizeof(path), "/lib/modules/%s/build", name.release);
	if (!doctor_exists(c, path))
		finding_add(
			f, "headers", VERDICT_PROBLEM,
			"install them, or, where no package has them any more, start the newest "
			"kernel with its headers installed",
			&headers, "the headers of the running kernel, %s, are not installed",
			name.release);
}

/* A file of such a name, with that as its first line; NULL: whatever it has. */
static bool has_file(const struct ctl *c, const char *pattern, const char *line)
{
	char full[512], found[64];
	bool good = false;
	glob_t g;

	(void)snprintf(full, sizeof(full), "%s%s", c->root, pattern);
	if (glob(full, 0, NULL, &g) != 0)
		return false;
	for (size_t i = 0; i < g.gl_pathc && !good; i++)
		good = !line || (doctor_read_line(c, g.gl_pathv[i] + strlen(c->root), found,
						  sizeof(found)) && strcmp(found, line) == 0);
	globfree(&g);
	return good;
}

/* A desktop on X takes a card that comes later only sometimes, and dies of one that goes. */
static void tell_not_loaded(const struct ctl *c, struct findings *f)
{
	bool has_x = has_file(c, "/proc/[0-9]*/comm", "Xorg") ||
		     has_file(c, "/proc/[0-9]*/comm", "X");

	finding_add(f, "module", VERDICT_PROBLEM,
		    has_x ? "restart the computer once: an X server takes new displays at its start"
			  : "run \"modprobe miracast\"; if that fails, its line in the kernel's log "
			    "says why",
		    NULL, "the kernel module miracast is installed, but not loaded");
}

static void tell_not_installed(const struct ctl *c, struct findings *f)
{
	bool has_source = has_file(c, "/usr/src/miracast-*/dkms.conf", NULL);
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 6 || (major == 6 && minor < 1))) {
		finding_add(f, "module", VERDICT_PROBLEM, "start a kernel of version 6.1 or later",
			    NULL, "the kernel module miracast is not for this kernel, %s",
			    name.release);
		return;
	}
	finding_add(f, "module", VERDICT_PROBLEM,
		    has_source ? "run \"dkms autoinstall\"; if that fails, make.log below "
				 "/var/lib/dkms/miracast says why"
			       : "install the module for the running kernel",
		    has_source ? NULL : &module_package,
		    "the kernel module miracast is not installed for this kernel");
	check_headers(c, f);
}

void doctor_check_module(const struct ctl *c, struct findings *f)
{
	char loaded[64], installed[64];

	if (!doctor_exists(c, "/sys/module/miracast")) {
		if (is_module_installed(c))
			tell_not_loaded(c, f);
		else
			tell_not_installed(c, f);
		return;
	}
	get_installed_version(c, installed, sizeof(installed));
	if (doctor_read_line(c, "/sys/module/miracast/srcversion", loaded, sizeof(loaded)) &&
	    *installed && strcmp(loaded, installed) != 0) {
		finding_add(f, "module", VERDICT_NOTE,
			    "restart the computer: the module in use by a desktop cannot be replaced",
			    NULL, "the loaded kernel module is not the installed one");
		return;
	}
	finding_add(f, "module", VERDICT_OK, NULL, NULL, "the kernel module miracast is loaded");
}

/* UEFI 2.10, 3.3: four bytes of attributes, then one byte. */
static bool is_secure_boot(const struct ctl *c)
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
	return bytes[4] == 1;
}

/* Where the keys are that sign modules built here: Ubuntu's dkms, dkms, akmods. */
static const char *find_key(const struct ctl *c)
{
	static const char *const places[] = { "/var/lib/shim-signed/mok/MOK.der",
					      "/var/lib/dkms/mok.pub",
					      "/etc/pki/akmods/certs/public_key.der" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (doctor_exists(c, places[i]))
			return places[i];
	return NULL;
}

static void check_key(const struct ctl *c, struct findings *f)
{
	const char *key = find_key(c);
	char command[256], answer[256] = "", advice[256];

	if (!key) {
		finding_add(f, "secure-boot", VERDICT_PROBLEM,
			    "build the module by dkms or akmods, which make a key and sign it; then "
			    "enrol the key with mokutil",
			    NULL, "Secure Boot is on, and there is no key that signs modules here");
		return;
	}
	if (!doctor_has_program("mokutil")) {
		finding_add(f, "secure-boot", VERDICT_UNKNOWN, NULL, &mokutil_package,
			    "Secure Boot is on, and without mokutil nobody can tell whether it knows "
			    "the key that signs the module");
		return;
	}
	(void)snprintf(command, sizeof(command), "mokutil --test-key '%s%s'", c->root, key);
	(void)doctor_ask(command, answer, sizeof(answer));
	if (strstr(answer, "enrollment request")) {
		finding_add(f, "secure-boot", VERDICT_PROBLEM,
			    "restart, and confirm the key in the blue screen", NULL,
			    "Secure Boot is on, and the key that signs the module waits to be "
			    "enrolled");
		return;
	}
	if (strstr(answer, "is not enrolled")) {
		(void)snprintf(advice, sizeof(advice), "run \"mokutil --import %s\", choose a "
			       "password, restart, and confirm it in the blue screen", key);
		finding_add(f, "secure-boot", VERDICT_PROBLEM, advice, NULL,
			    "Secure Boot is on and does not know the key that signs the module");
		return;
	}
	/* By the machine's owner, or by its firmware. */
	if (strstr(answer, "is already"))
		finding_add(f, "secure-boot", VERDICT_OK, NULL, NULL,
			    "Secure Boot is on, and the key that signs modules is enrolled");
	else
		finding_add(f, "secure-boot", VERDICT_UNKNOWN, "run the doctor as root", NULL,
			    "Secure Boot is on, and mokutil does not tell whether it knows the key "
			    "that signs the module");
}

void doctor_check_secure_boot(const struct ctl *c, struct findings *f)
{
	if (!is_secure_boot(c))
		finding_add(f, "secure-boot", VERDICT_OK, NULL, NULL, "Secure Boot is off");
	else if (doctor_exists(c, "/sys/module/miracast"))
		finding_add(f, "secure-boot", VERDICT_OK, NULL, NULL,
			    "Secure Boot is on, and the module was accepted");
	else
		check_key(c, f);
}

/* ---------------------------------------------------------------- permissions */

/* The unit puts the service into the group render. */
static void check_render_node(const struct ctl *c, struct findings *f)
{
	char pattern[512];
	const struct group *group;
	struct stat st;
	glob_t g;

	(void)snprintf(pattern, sizeof(pattern), "%s/dev/dri/renderD*", c->root);
	if (glob(pattern, 0, NULL, &g) != 0) {
		finding_add(f, "gpu", VERDICT_NOTE, NULL, NULL,
			    "there is no GPU to encode with: the processor will");
		return;
	}
	group = stat(g.gl_pathv[0], &st) == 0 ? getgrgid(st.st_gid) : NULL;
	if (*c->root || (group && strcmp(group->gr_name, "render") == 0))
		finding_add(f, "gpu", VERDICT_OK, NULL, NULL, "there is a GPU, and the service may "
							      "use it");
	else
		finding_add(f, "gpu", VERDICT_NOTE,
			    "let the node belong to the group render, or add the node's group to "
			    "SupplementaryGroups= of miracastd.service",
			    NULL, "%s belongs to the group %s: the service is not in it",
			    g.gl_pathv[0], group ? group->gr_name : "of nobody");
	globfree(&g);
}

void doctor_check_permissions(const struct ctl *c, struct findings *f)
{
	const struct passwd *user = *c->root ? NULL : getpwnam("miracast");
	char path[512];
	struct stat st;

	check_render_node(c, f);
	if (!*c->root && !user)
		finding_add(f, "user", VERDICT_PROBLEM, "run \"systemd-sysusers\"", NULL,
			    "the service's user miracast does not exist");
	(void)snprintf(path, sizeof(path), "%s/dev/miracast", c->root);
	if (stat(path, &st) < 0) {
		finding_add(f, "node", VERDICT_PROBLEM, "load the module, as said above", NULL,
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

// SPDX-License-Identifier: GPL-2.0-or-later
/* miracastd.conf: defaults, every key, what is said of wrong lines, and which file wins. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	unsigned int n, line;
	char file[PATH_MAX], text[512];
} problems;

static void on_problem(void *userdata, const char *file, unsigned int line, const char *text)
{
	assert_ptr_equal(userdata, &problems);
	problems.n++;
	problems.line = line;
	(void)snprintf(problems.file, sizeof(problems.file), "%s", file);
	(void)snprintf(problems.text, sizeof(problems.text), "%s", text);
}

static void parse(struct config *c, const char *text)
{
	memset(&problems, 0, sizeof(problems));
	config_parse(c, "test.conf", text, strlen(text), on_problem, &problems);
}

static void test_defaults(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	parse(&c, "");
	assert_int_equal(c.encoder, SESSION_ENCODER_AUTO);
	assert_int_equal(c.source, SESSION_SOURCE_DEVICE);
	assert_string_equal(c.device, "/dev/miracast");
	assert_int_equal(c.max_rate_bps, 30000000);
	assert_int_equal(c.max_sessions, 4);
	assert_int_equal(c.best_mode.width, 0);
	assert_false(c.require_monitor || c.reconnect_after_suspend || c.inhibit_lid_switch);
	assert_int_equal(c.n_sinks, 0);
	assert_int_equal(problems.n, 0);
}

static void test_every_key(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	parse(&c, "# a comment\n; another\n\n[Daemon]\r\n"
		  "  Encoder = x264 \nSource=pattern:1280x720@30\nBestMode=1920x1080@60\n"
		  "MaxRate=5000000\nMaxSessions=8\nInterface=wlan0\nRequireMonitor=yes\n"
		  "RenderNode=/dev/dri/renderD129\n"
		  "ReconnectAfterSuspend=on\nInhibitLidSwitch=1\nVerbose=true\n"
		  "[Sink Living room]\nAddress=192.0.2.1:7300\nRate=20000000\n"
		  "[Sink Hall]\nAddress=192.0.2.2");
	assert_int_equal(problems.n, 0);
	assert_int_equal(c.encoder, SESSION_ENCODER_X264);
	assert_int_equal(c.source, SESSION_SOURCE_PATTERN);
	assert_int_equal(c.pattern_mode.height, 720);
	assert_int_equal(c.best_mode.refresh_hz, 60);
	assert_int_equal(c.max_rate_bps, 5000000);
	assert_int_equal(c.max_sessions, 8);
	assert_string_equal(c.interface, "wlan0");
	assert_string_equal(c.render_node, "/dev/dri/renderD129");
	assert_true(c.require_monitor && c.reconnect_after_suspend && c.inhibit_lid_switch);
	assert_true(c.verbose);
	assert_int_equal(c.n_sinks, 2);
	assert_string_equal(c.sinks[0].name, "Living room");
	assert_int_equal(ntohs(c.sinks[0].address.sin_port), 7300);
	assert_int_equal(c.sinks[0].rate_bps, 20000000);
	assert_int_equal(ntohs(c.sinks[1].address.sin_port), 7236);
	assert_int_equal(c.sinks[1].rate_bps, CONFIG_RATE_GUESS);
}

/* A wrong line: told with its number and what is allowed, and as if it were not there. */
static void test_wrong_lines(void **state)
{
	static const struct {
		const char *line, *word;
	} cases[] = {
		{ "Encoder=nvenc", "auto, vaapi or x264" },
		{ "RenderNode=/etc/passwd", "/dev/dri/renderD128" },
		{ "Source=y4m:clip", "pattern" },
		{ "Source=device:", "device:NODE" },
		{ "BestMode=1920x1080", "WIDTHxHEIGHT@HZ" },
		{ "BestMode=99999x1080@60", "8192" },
		{ "MaxRate=999999", "out of range: allowed is 1000000 to 30000000" },
		{ "MaxRate=30000001", "out of range" },
		{ "MaxRate=-1", "not understood" },
		{ "MaxRate=18446744073709551617", "out of range" },
		{ "MaxSessions=0", "1 to 8" },
		{ "Interface=../../etc", "network interface" },
		{ "Interface=a-name-that-is-too-long", "out of range" },
		{ "RequireMonitor=perhaps", "yes or no" },
		{ "NoSuchKey=1", "no such key" },
		{ "=1", "no such key" },
		{ "MaxRate", "KEY=VALUE" },
		{ "[Nothing]", "[Daemon]" },
		{ "[Daemon", "ends with ]" },
		{ "[Sink ]", "1 to 32 bytes" },
		{ "[Sink 0123456789012345678901234567890123456789]", "1 to 32 bytes" },
		{ "[Sink TV]\nAddress=tv.example", "IPv4" },
		{ "[Sink TV]\nRate=1", "out of range" },
		{ "[Sink TV]\nEncoder=x264", "Address and Rate" },
	};
	struct config c;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config defaults;

		config_init(&defaults);
		config_init(&c);
		(void)snprintf(text, sizeof(text), "[Daemon]\n%s\n", cases[i].line);
		parse(&c, text);
		assert_int_equal(problems.n, 1);
		assert_int_equal(problems.line, strchr(cases[i].line, '\n') ? 3 : 2);
		assert_string_equal(problems.file, "test.conf");
		if (!strstr(problems.text, cases[i].word))
			fail_msg("%s: %s", cases[i].line, problems.text);
		assert_memory_equal(&c, &defaults, offsetof(struct config, sinks));
	}
}

static void test_bounds(void **state)
{
	static char text[3 * CONFIG_LINE_MAX];
	struct config c;

	(void)state;
	config_init(&c);
	memcpy(text, "[Daemon]\nMaxRate=", 17);
	memset(text + 17, '1', 2 * CONFIG_LINE_MAX);
	strcpy(text + 17 + 2 * CONFIG_LINE_MAX, "\nMaxRate=2000000\n");
	parse(&c, text);
	assert_int_equal(problems.n, 1);
	assert_int_equal(c.max_rate_bps, 2000000);

	for (int i = 0; i < CONFIG_SINKS_MAX + 1; i++) {
		(void)snprintf(text, sizeof(text), "[Sink %d]\nAddress=192.0.2.1\n", i);
		parse(&c, text);
	}
	assert_int_equal(problems.n, 1);
	assert_int_equal(c.n_sinks, CONFIG_SINKS_MAX);

	/* What follows an unknown section belongs to nobody, and is told once. */
	parse(&c, "[Nothing]\nMaxRate=1\nMaxRate=1\n");
	assert_int_equal(problems.n, 1);
}

static void write_file(const char *root, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void test_files(void **state)
{
	static char big[CONFIG_FILE_MAX + 2];
	char root[] = "/tmp/miracast-config-XXXXXX";
	char command[96];
	struct config c;

	(void)state;
	assert_non_null(mkdtemp(root));
	config_init(&c);
	memset(&problems, 0, sizeof(problems));
	assert_int_equal(config_load(&c, root, on_problem, &problems), 0);
	assert_int_equal(c.max_sessions, 4);

	write_file(root, "usr/lib/miracast/miracastd.conf", "[Daemon]\nMaxSessions=1\nMaxRate=1500000\n");
	write_file(root, "etc/miracast/miracastd.conf", "[Daemon]\nMaxSessions=2\n");
	write_file(root, "usr/lib/miracast/miracastd.conf.d/50-a.conf", "[Daemon]\nMaxSessions=5\n");
	write_file(root, "etc/miracast/miracastd.conf.d/50-a.conf", "[Daemon]\nEncoder=x264\n");
	write_file(root, "run/miracast/miracastd.conf.d/60-b.conf", "[Daemon]\nMaxRate=what\n");
	write_file(root, "run/miracast/miracastd.conf.d/README", "[Daemon]\nMaxSessions=7\n");
	assert_int_equal(config_load(&c, root, on_problem, &problems), 0);
	assert_int_equal(c.max_sessions, 2);
	assert_int_equal(c.max_rate_bps, 30000000);
	assert_int_equal(c.encoder, SESSION_ENCODER_X264);
	assert_int_equal(problems.n, 1);
	assert_int_equal(problems.line, 2);
	assert_non_null(strstr(problems.file, "/run/miracast/miracastd.conf.d/60-b.conf"));

	memset(big, '\n', sizeof(big) - 1);
	write_file(root, "etc/miracast/miracastd.conf", big);
	assert_int_equal(config_load(&c, root, on_problem, &problems), -E2BIG);

	/* A folder that is there and cannot be read; what others say holds. */
	write_file(root, "etc/miracast/miracastd.conf", "");
	(void)snprintf(command, sizeof(command), "rm -r %s/etc/miracast/miracastd.conf.d", root);
	assert_int_equal(system(command), 0);
	write_file(root, "etc/miracast/miracastd.conf.d", "");
	memset(&problems, 0, sizeof(problems));
	config_init(&c);
	assert_int_equal(config_load(&c, root, on_problem, &problems), -ENOTDIR);
	assert_int_equal(problems.n, 2); /* the other one is 60-b's */
	assert_int_equal(c.max_sessions, 5);

	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),    cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_wrong_lines), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

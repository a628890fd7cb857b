// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracastctl: options and the table of commands, from which the help, the completion and the test
 * of the manual page come.
 */
#include "ctl/ctl.h"
#include "util/cleanup.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const struct ctl_command commands[] = {
	{ "list",	"",		"look for sinks and show them",
	  0, 0, true, "--seconds --live", ctl_list },
	{ "connect",	"SINK",		"show the desktop on a sink, by name or address",
	  1, 1, true, "--mode --encoder --audio --method", ctl_connect },
	{ "disconnect",	"[SINK]",	"end a session",
	  0, 1, true, "--all", ctl_disconnect },
	{ "status",	"[SINK]",	"show what is cast where",
	  0, 1, true, "", ctl_status },
	{ "stats",	"[SINK]",	"show a frame's way, every second",
	  0, 1, true, "--once --seconds", ctl_stats },
	{ "modes",	"[SINK [MODE]]", "show a session's modes, or set one",
	  0, 2, true, "", ctl_modes },
	{ "limit",	"SINK BPS",	"let a session take no more bits a second; 0 for no limit",
	  2, 2, true, "", ctl_limit },
	{ "forget",	"SINK",		"forget how to connect to a sink",
	  1, 1, true, "", ctl_forget },
	{ "monitor",	"",		"show states and RTSP messages as they come",
	  0, 0, true, "--seconds", ctl_monitor },
	{ "doctor",	"",		"find out why it does not work, and what to do",
	  0, 0, false, "--root", ctl_doctor },
};

static const struct {
	const char *name, *argument, *help;
	char id;
} options[] = {
	{ "json",    NULL,	  "write JSON, for programs",				'j' },
	{ "seconds", "N",	  "list, stats, monitor: end after N seconds",		's' },
	{ "live",    NULL,	  "list: go on until Ctrl-C",				'l' },
	{ "once",    NULL,	  "stats: one line, then end",				'1' },
	{ "all",     NULL,	  "disconnect: every session",				'a' },
	{ "mode",    "WxH@HZ",	  "connect: no better mode than this one",		'm' },
	{ "encoder", "ENCODER",	  "connect: auto, vaapi or x264",			'e' },
	{ "audio",   "AUDIO",	  "connect: auto or none",				'u' },
	{ "method",  "METHOD",	  "connect: auto, button, pin (it shows one) or display (we do)", 'p' },
	{ "root",    "DIRECTORY", "doctor: examine the system below it",		'r' },
	{ "help",    NULL,	  "print this",						'h' },
	{ "version", NULL,	  "print the version",					'V' },
};
/* clang-format on */

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define N_OPTIONS  (sizeof(options) / sizeof(options[0]))

static int print_help(void)
{
	puts("miracastctl [OPTION...] COMMAND [ARGUMENT...]\n"
	     "Show the desktop on Miracast sinks.\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-10s %-14s %s\n", commands[i].name, commands[i].arguments,
		       commands[i].help);
	putchar('\n');
	for (size_t i = 0; i < N_OPTIONS; i++)
		printf("  --%-9s %-13s %s\n", options[i].name, options[i].argument ?: "",
		       options[i].help);
	puts("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 no service, 4 no such sink or\n"
	     "session, 5 not authorised, 6 not connected, 7 cancelled, 8 doctor found problems.");
	return CTL_OK;
}

/* For the completion and for tests: one command a line, then its options. */
static int print_commands(void)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("%s %s%s--json\n", commands[i].name, commands[i].options,
		       *commands[i].options ? " " : "");
	return CTL_OK;
}

static int take_option(struct ctl *c, char id, const char *value)
{
	char *end;

	switch (id) {
	case 'j':
		c->json = true;
		return 0;
	case 's':
		c->seconds = (int)strtol(value, &end, 10);
		return *end || end == value || c->seconds < 0 ? -EINVAL : 0;
	case 'l':
		c->live = true;
		return 0;
	case '1':
		c->once = true;
		return 0;
	case 'a':
		c->all = true;
		return 0;
	case 'm':
		c->mode = value;
		return 0;
	case 'e':
		c->encoder = value;
		return 0;
	case 'u':
		c->audio = value;
		return 0;
	case 'p':
		c->method = value;
		return 0;
	case 'r':
		c->root = value;
		return 0;
	default:
		return -EINVAL;
	}
}

/* -1: go on, else an exit code. Options may stand behind the command, too. */
static int parse_options(int argc, char **argv, struct ctl *c)
{
	struct option table[N_OPTIONS + 2] = { 0 };
	int index, option;

	for (size_t i = 0; i < N_OPTIONS; i++)
		table[i] = (struct option){ options[i].name, options[i].argument ? 1 : 0, NULL,
					    options[i].id };
	table[N_OPTIONS] = (struct option){ "list-commands", 0, NULL, 'L' };
	while ((option = getopt_long(argc, argv, "h", table, &index)) != -1) {
		if (option == 'h')
			return print_help();
		if (option == 'L')
			return print_commands();
		if (option == 'V') {
			puts("miracastctl " MIRACAST_VERSION);
			return CTL_OK;
		}
		if (option == '?')
			return CTL_USAGE;
		if (take_option(c, (char)option, optarg) < 0) {
			ctl_complain("\"%s\" is not understood; see --help", optarg);
			return CTL_USAGE;
		}
	}
	return -1;
}

static const struct ctl_command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	ctl_complain("\"%s\" is not a command; see --help", name);
	return NULL;
}

/* The first call starts it, which takes a while. */
static void tell_start(struct ctl *c)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int has_owner = 1;

	if (!c->is_terminal || c->json)
		return;
	if (sd_bus_call_method(c->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
			       "org.freedesktop.DBus", "NameHasOwner", NULL, &m, "s",
			       MIRACAST_DBUS_NAME) >= 0 &&
	    sd_bus_message_read(m, "b", &has_owner) >= 0 && !has_owner)
		(void)fputs("Starting the service ...\n", stderr);
}

static int connect_bus(struct ctl *c, bool is_needed)
{
	int r = sd_bus_open_system(&c->bus);

	if (r >= 0)
		r = sd_bus_attach_event(c->bus, c->event, 0);
	if (r >= 0 && is_needed)
		tell_start(c);
	if (r >= 0 || !is_needed)
		return CTL_OK;
	ctl_complain("the system bus cannot be reached: %s", strerror(-r));
	return CTL_NO_SERVICE;
}

static int run(struct ctl *c, const char *name)
{
	const struct ctl_command *command = find_command(name);
	int r;

	if (!command)
		return CTL_USAGE;
	if (c->argc < command->min || c->argc > command->max) {
		ctl_complain("usage: miracastctl %s %s", command->name, command->arguments);
		return CTL_USAGE;
	}
	r = sd_event_default(&c->event);
	if (r < 0)
		return CTL_FAILED;
	r = connect_bus(c, command->needs_service);
	return r != CTL_OK ? r : command->run(c);
}

int main(int argc, char **argv)
{
	struct ctl c = { .seconds = -1, .root = "", .is_terminal = isatty(STDOUT_FILENO) };
	int r = parse_options(argc, argv, &c);

	if (r >= 0)
		return r;
	if (optind == argc) {
		(void)print_help();
		return CTL_USAGE;
	}
	ctl_set_json(c.json);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	c.argc = argc - optind - 1;
	c.argv = argv + optind + 1;
	r = run(&c, argv[optind]);
	sd_bus_flush_close_unref(c.bus);
	sd_event_unref(c.event);
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other parties of a system bus, for tests: logind and polkit as far as miracastd knows them,
 * and clients that misbehave. usage:
 *
 *	bus-mock login		logind: Inhibit; "sleep" and "wake" on stdin become PrepareForSleep;
 *				prints "inhibit WHAT" and "released WHAT"
 *	bus-mock polkit yes|no|challenge|late	answers every CheckAuthorization, late: not before
 *				stdin ends; prints each action
 *	bus-mock own NAME	is there by that name, and answers nothing
 *	bus-mock systemd	as much of PID 1 as the real logind asks for: every job is done at once
 *	bus-mock session UID SEAT	asks the real logind for a desktop's session, prints its name,
 *				and keeps it until stdin ends
 *	bus-mock hold PATH INTERFACE METHOD	calls, then stays until stdin ends; prints signals
 *	bus-mock big		Connect with 10 MB in it; prints the error's name
 *	bus-mock ask N		Discover N times at once; prints each answer, an error's name or "done"
 *	bus-mock flood N	N property reads and N Connects at once; prints how many were answered
 */
#include "miracast/dbus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define LOGIN_PATH  "/org/freedesktop/login1"
#define LOGIN_IFACE "org.freedesktop.login1.Manager"
#define BIG_SIZE    (10u << 20)
#define HOLDS_MAX   16

static sd_event *event;
static sd_bus *bus;
static const char *verdict;

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bus-mock: %s: %s\n", what, strerror(-r));
	exit(1);
}

static int on_end(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char bytes[256];

	(void)source, (void)revents, (void)userdata;
	if (read(fd, bytes, sizeof(bytes)) <= 0)
		return sd_event_exit(event, 0);
	return 0;
}

static void own(const char *name)
{
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN | EPOLLHUP, on_end, NULL), "stdin");
	must(sd_bus_request_name(bus, name, 0), "name");
	puts("ready");
	must(sd_event_loop(event), "loop");
}

/* ---------------------------------------------------------------- logind */

static int on_released(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)revents;
	printf("released %s\n", (char *)userdata);
	free(userdata);
	sd_event_source_disable_unref(source);
	(void)close(fd);
	return 0;
}

static int inhibit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *what, *who, *why, *mode;
	int fds[2];

	(void)userdata, (void)error;
	must(sd_bus_message_read(m, "ssss", &what, &who, &why, &mode), "Inhibit");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	printf("inhibit %s %s\n", what, mode);
	must(sd_event_add_io(event, NULL, fds[0], EPOLLHUP, on_released, strdup(what)), "pipe");
	(void)sd_bus_reply_method_return(m, "h", fds[1]);
	(void)close(fds[1]);
	return 1;
}

static const sd_bus_vtable login_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Inhibit", "ssss", "h", inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int on_command(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char word[16] = "";
	ssize_t n = read(fd, word, sizeof(word) - 1);

	(void)source, (void)revents, (void)userdata;
	if (n <= 0)
		return sd_event_exit(event, 0);
	must(sd_bus_emit_signal(bus, LOGIN_PATH, LOGIN_IFACE, "PrepareForSleep", "b",
				strncmp(word, "sleep", 5) == 0), "PrepareForSleep");
	return 0;
}

static void be_login(void)
{
	must(sd_bus_add_object_vtable(bus, NULL, LOGIN_PATH, LOGIN_IFACE, login_vtable, NULL),
	     "vtable");
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_command, NULL), "stdin");
	must(sd_bus_request_name(bus, "org.freedesktop.login1", 0), "name");
	puts("ready");
	must(sd_event_loop(event), "loop");
}

/* ---------------------------------------------------------------- polkit */

static int check(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *action;

	(void)userdata, (void)error;
	must(sd_bus_message_skip(m, "(sa{sv})"), "subject");
	must(sd_bus_message_read(m, "s", &action), "action");
	printf("check %s\n", action);
	if (strcmp(verdict, "late") == 0)
		return 1;
	return sd_bus_reply_method_return(m, "(bba{ss})", strcmp(verdict, "yes") == 0,
					  strcmp(verdict, "challenge") == 0, 0);
}

static const sd_bus_vtable polkit_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", check,
		      SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static void be_polkit(void)
{
	must(sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
				      "org.freedesktop.PolicyKit1.Authority", polkit_vtable, NULL),
	     "vtable");
	own("org.freedesktop.PolicyKit1");
}

/* ---------------------------------------------------------------- PID 1 */

#define SYSTEMD_PATH  "/org/freedesktop/systemd1"
#define SYSTEMD_IFACE "org.freedesktop.systemd1.Manager"

/* StartUnit, StopUnit, StartTransientUnit: the first argument is the unit. */
static int run_job(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static uint32_t last;
	const char *unit;
	char job[64];

	(void)userdata, (void)error;
	must(sd_bus_message_read(m, "s", &unit), "unit");
	printf("job %s %s\n", sd_bus_message_get_member(m), unit);
	(void)snprintf(job, sizeof(job), SYSTEMD_PATH "/job/%u", ++last);
	must(sd_bus_reply_method_return(m, "o", job), "job");
	return sd_bus_emit_signal(bus, SYSTEMD_PATH, SYSTEMD_IFACE, "JobRemoved", "uoss", last, job,
				  unit, "done");
}

static int do_nothing(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)userdata, (void)error;
	return sd_bus_reply_method_return(m, NULL);
}

/* logind asks whether the target of a sleep is there before it goes to sleep. */
static int get_load_state(sd_bus *unused, const char *path, const char *interface,
			  const char *property, sd_bus_message *reply, void *userdata,
			  sd_bus_error *error)
{
	(void)unused, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
	return sd_bus_message_append(reply, "s", "loaded");
}

static const sd_bus_vtable unit_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("LoadState", "s", get_load_state, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable systemd_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Subscribe", "", "", do_nothing, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StartUnit", "ss", "o", run_job, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopUnit", "ss", "o", run_job, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", run_job,
		      SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
	SD_BUS_VTABLE_END,
};

static void be_systemd(void)
{
	must(sd_bus_add_object_vtable(bus, NULL, SYSTEMD_PATH, SYSTEMD_IFACE, systemd_vtable, NULL),
	     "vtable");
	must(sd_bus_add_object_vtable(bus, NULL, SYSTEMD_PATH "/unit/suspend_2etarget",
				      "org.freedesktop.systemd1.Unit", unit_vtable, NULL), "vtable");
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN | EPOLLHUP, on_end, NULL), "stdin");
	must(sd_bus_request_name(bus, "org.freedesktop.systemd1", 0), "name");
	puts("ready");
	must(sd_event_loop(event), "loop");
}

/* As pam_systemd does; logind ends the session when the descriptor in its answer is closed. */
static void hold_session(const char *uid, const char *seat)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *answer = NULL;
	const char *id;

	if (sd_bus_call_method(bus, "org.freedesktop.login1", LOGIN_PATH, LOGIN_IFACE,
			       "CreateSession", &error, &answer, "uusssssussbssa(sv)",
			       (uint32_t)atoi(uid), (uint32_t)getpid(), "test", "wayland", "user",
			       "", seat, 0u, "", "", 0, "", "", 0) < 0) {
		fprintf(stderr, "bus-mock: CreateSession: %s\n", error.message);
		exit(1);
	}
	must(sd_bus_message_read(answer, "s", &id), "session");
	printf("session %s\nready\n", id);
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN | EPOLLHUP, on_end, NULL), "stdin");
	must(sd_event_loop(event), "loop");
	sd_bus_message_unref(answer);
}

/* ---------------------------------------------------------------- clients */

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)userdata, (void)error;
	printf("signal %s %s\n", sd_bus_message_get_path(m), sd_bus_message_get_member(m));
	return 0;
}

static void hold(char **argv)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	must(sd_bus_match_signal(bus, NULL, MIRACAST_DBUS_NAME, NULL, NULL, NULL, on_signal, NULL),
	     "match");
	must(sd_bus_call_method(bus, MIRACAST_DBUS_NAME, argv[0], argv[1], argv[2], &error, NULL,
				NULL), error.message ?: "call");
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN | EPOLLHUP, on_end, NULL), "stdin");
	puts("ready");
	must(sd_event_loop(event), "loop");
}

static sd_bus_message *new_connect(const char *path)
{
	sd_bus_message *m = NULL;

	must(sd_bus_message_new_method_call(bus, &m, MIRACAST_DBUS_NAME, path, MIRACAST_DBUS_SINK,
					    "Connect"), "message");
	return m;
}

static void be_big(const char *path)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = new_connect(path);
	char *text = malloc(BIG_SIZE + 1);

	memset(text, 'x', BIG_SIZE);
	text[BIG_SIZE] = '\0';
	must(sd_bus_message_append(m, "a{sv}", 1, "mode", "s", text), "append");
	(void)sd_bus_call(bus, m, 0, &error, NULL);
	puts(error.name ?: "accepted");
	sd_bus_message_unref(m);
	free(text);
}

static unsigned int left, answered;

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)m, (void)userdata, (void)error;
	answered++;
	return --left == 0 ? sd_event_exit(event, 0) : 0;
}

static void be_flood(const char *path, unsigned int n)
{
	left = 2 * n;
	for (unsigned int i = 0; i < n; i++) {
		sd_bus_message *m = new_connect(path);

		must(sd_bus_message_append(m, "a{sv}", 0), "append");
		must(sd_bus_call_async(bus, NULL, m, on_answer, NULL, 60000000), "call");
		sd_bus_message_unref(m);
		must(sd_bus_call_method_async(bus, NULL, MIRACAST_DBUS_NAME, path,
					      "org.freedesktop.DBus.Properties", "GetAll",
					      on_answer, NULL, "s", MIRACAST_DBUS_SINK), "call");
	}
	must(sd_event_loop(event), "loop");
	printf("%u answers\n", answered);
}

static int on_each(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	(void)userdata, (void)error;
	puts(e ? e->name : "done");
	return --left == 0 ? sd_event_exit(event, 0) : 0;
}

static void ask(unsigned int n)
{
	left = n;
	for (unsigned int i = 0; i < n; i++)
		must(sd_bus_call_method_async(bus, NULL, MIRACAST_DBUS_NAME, MIRACAST_DBUS_PATH,
					      MIRACAST_DBUS_MANAGER, "Discover", on_each, NULL,
					      NULL), "call");
	must(sd_event_loop(event), "loop");
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	must(sd_event_default(&event), "loop");
	must(sd_bus_open_system(&bus), "bus");
	must(sd_bus_attach_event(bus, event, 0), "bus");
	if (strcmp(word, "login") == 0) {
		be_login();
	} else if (strcmp(word, "polkit") == 0 && argc > 2) {
		verdict = argv[2];
		be_polkit();
	} else if (strcmp(word, "own") == 0 && argc > 2) {
		own(argv[2]);
	} else if (strcmp(word, "systemd") == 0) {
		be_systemd();
	} else if (strcmp(word, "session") == 0 && argc > 3) {
		hold_session(argv[2], argv[3]);
	} else if (strcmp(word, "hold") == 0 && argc > 4) {
		hold(argv + 2);
	} else if (strcmp(word, "big") == 0 && argc > 2) {
		be_big(argv[2]);
	} else if (strcmp(word, "ask") == 0 && argc > 2) {
		ask((unsigned int)atoi(argv[2]));
	} else if (strcmp(word, "flood") == 0 && argc > 3) {
		be_flood(argv[2], (unsigned int)atoi(argv[3]));
	} else {
		fputs("bus-mock: see the head of bus-mock.c\n", stderr);
		return 2;
	}
	sd_bus_flush_close_unref(bus);
	sd_event_unref(event);
	return 0;
}

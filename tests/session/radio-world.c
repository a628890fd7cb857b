// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a service with a radio sees of the world: the scripted supplicant (supplicant.h) on the system
 * bus, and a miracast-net that gives 127.0.0.1 to every group. usage:
 *
 *	radio-world NET-SOCKET [CALL=SIGNALS...]
 *
 * Each argument is a reaction of the script. Lines on stdin are words for the supplicant to say;
 * "calls" prints what was called so far. Prints "up PORT" when a sink may connect, "down" when the
 * group's network is given back.
 */
#include "miracast/net.h"
#include "supplicant.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REACTIONS_MAX 16

static sd_event *event;
static struct supplicant supplicant;
static struct reaction script[REACTIONS_MAX + 1];

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* The source's element announces the port: four bytes of header and device information before. */
static unsigned int get_port(void)
{
	return supplicant.ies_size >= 7 ? (unsigned int)(supplicant.ies[5] << 8 | supplicant.ies[6]) : 0;
}

static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct net_reply reply = { .version = NET_VERSION, .local_address = htonl(INADDR_LOOPBACK),
				   .local_prefix = 28 };
	struct net_request request;

	(void)revents, (void)userdata;
	if (recv(fd, &request, sizeof(request), MSG_DONTWAIT) != sizeof(request)) {
		puts("down");
		sd_event_source_disable_unref(source);
		(void)close(fd);
		return 0;
	}
	reply.verb = request.verb;
	must(send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply), "reply");
	if (request.verb == NET_UP)
		printf("up %u\n", get_port());
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source, (void)revents, (void)userdata;
	must(connection >= 0, "accept");
	return sd_event_add_io(event, NULL, connection, EPOLLIN, on_request, NULL);
}

static void open_net(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	(void)unlink(path);
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 2) == 0, path);
	must(chmod(path, 0666) == 0, path);
	must(sd_event_add_io(event, NULL, fd, EPOLLIN, on_connection, NULL) >= 0, "event");
}

static int on_line(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char line[512] = "";
	ssize_t n = read(fd, line, sizeof(line) - 1);

	(void)source, (void)revents, (void)userdata;
	if (n <= 0)
		return sd_event_exit(event, 0);
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "calls") == 0)
		printf("calls %s\n", supplicant.journal);
	else
		supplicant_say(&supplicant, line);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("radio-world: see the head of radio-world.c\n", stderr);
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 2; i < argc && i - 2 < REACTIONS_MAX; i++) {
		script[i - 2].call = strtok(argv[i], "=");
		script[i - 2].signals = strtok(NULL, "");
	}
	must(sd_event_default(&event) >= 0, "event");
	supplicant_init(&supplicant, event, getenv("DBUS_SYSTEM_BUS_ADDRESS"));
	supplicant.script = script;
	open_net(argv[1]);
	supplicant_start(&supplicant);
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_line, NULL) >= 0, "stdin");
	puts("ready");
	must(sd_event_loop(event) >= 0, "loop");
	supplicant_stop(&supplicant);
	sd_event_unref(event);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The PIN prompt of miracastctl connect: the object that the service asks. The PIN is read from
 * standard input, so that a pipe can give it, too.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	struct ctl *ctl;
	sd_bus_message *call; /* RequestPin, until it is answered */
	sd_event_source *source;
} prompt;

static void answer(const char *pin)
{
	if (pin)
		(void)sd_bus_reply_method_return(prompt.call, "s", pin);
	else
		(void)sd_bus_reply_method_errorf(prompt.call, MIRACAST_DBUS_ERROR_CANCELLED,
						 "no PIN was entered");
	prompt.call = sd_bus_message_unref(prompt.call);
	prompt.source = sd_event_source_disable_unref(prompt.source);
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char line[64];
	ssize_t n = read(fd, line, sizeof(line) - 1);

	(void)source, (void)revents, (void)userdata;
	if (n <= 0) {
		answer(NULL);
		return 0;
	}
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	answer(line);
	return 0;
}

static int request_pin(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *sink;
	int was_wrong, r;

	(void)userdata, (void)error;
	r = sd_bus_message_read(m, "ob", &sink, &was_wrong);
	if (r < 0)
		return r;
	if (prompt.call)
		answer(NULL);
	prompt.call = sd_bus_message_ref(m);
	fputs(was_wrong ? "That was wrong. PIN shown by the sink: " : "PIN shown by the sink: ",
	      stderr);
	(void)fflush(stderr);
	r = sd_event_add_io(prompt.ctl->event, &prompt.source, STDIN_FILENO, EPOLLIN, on_input,
			    NULL);
	if (r < 0)
		answer(NULL);
	return 1;
}

static int display_pin(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *sink, *pin;
	int r;

	(void)userdata, (void)error;
	r = sd_bus_message_read(m, "os", &sink, &pin);
	if (r < 0)
		return r;
	fprintf(stderr, "Enter this PIN at the sink: %s\n", pin);
	return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("RequestPin", "ob", "s", request_pin, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("DisplayPin", "os", "", display_pin, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

int ctl_offer_agent(struct ctl *c)
{
	prompt.ctl = c;
	if (sd_bus_add_object_vtable(c->bus, NULL, "/agent", MIRACAST_DBUS_AGENT, vtable, NULL) < 0)
		return CTL_FAILED;
	return ctl_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER, "RegisterAgent", "o",
			"/agent");
}

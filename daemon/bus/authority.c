// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may: root and the daemon's own user always, everybody else as polkit says. Never waits:
 * polkit may ask the user for a password meanwhile.
 */
#include "bus/bus-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Longer than anybody takes for a password; the answer is then no. */
#define CHECK_LIMIT_US (UINT64_C(300) * 1000000)

struct bus_check {
	struct bus_check *next; /* bus.checks */
	struct bus *bus;
	sd_bus_message *call;
	sd_bus_slot *slot;
	bus_then then;
};

static int on_answer(sd_bus_message *answer, void *userdata, sd_bus_error *error);

int bus_get_sender(sd_bus_message *m, uid_t *ret_uid, pid_t *ret_pid)
{
	_cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
	pid_t pid = 0;
	uid_t uid;
	int r;

	r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID | SD_BUS_CREDS_PID, &creds);
	if (r < 0)
		return r;
	r = sd_bus_creds_get_euid(creds, &uid);
	if (r < 0)
		return r;
	(void)sd_bus_creds_get_pid(creds, &pid);
	*ret_uid = uid;
	if (ret_pid)
		*ret_pid = pid;
	return 0;
}

static struct bus_check *check_free(struct bus_check *c)
{
	for (struct bus_check **at = &c->bus->checks; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	sd_bus_slot_unref(c->slot);
	sd_bus_message_unref(c->call);
	free(c);
	return NULL;
}

void bus_drop_checks(struct bus *b)
{
	while (b->checks)
		check_free(b->checks);
}

/* A flood of calls must not become a flood of dialogs, nor fill our memory. */
static bool is_flooded(const struct bus *b, sd_bus_message *m)
{
	unsigned int total = 0, own = 0;

	for (const struct bus_check *c = b->checks; c; c = c->next) {
		total++;
		if (strcmp(sd_bus_message_get_sender(c->call), sd_bus_message_get_sender(m)) == 0)
			own++;
	}
	return total >= BUS_CHECKS_MAX || own >= BUS_CHECKS_EACH_MAX;
}

static int ask(struct bus_check *c, const char *action)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *question = NULL;
	uint32_t flags = sd_bus_message_get_allow_interactive_authorization(c->call) > 0;
	int r;

	r = sd_bus_message_new_method_call(
		c->bus->bus, &question, "org.freedesktop.PolicyKit1",
		"/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
		"CheckAuthorization");
	if (r < 0)
		return r;
	r = sd_bus_message_append(question, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
				  sd_bus_message_get_sender(c->call), action, 0, flags, "");
	if (r < 0)
		return r;
	return sd_bus_call_async(c->bus->bus, &c->slot, question, on_answer, c, CHECK_LIMIT_US);
}

int bus_authorize(struct bus *b, sd_bus_message *m, const char *action, bus_then then,
		  sd_bus_error *error)
{
	struct bus_check *c;
	uid_t uid;
	int r;

	r = bus_get_sender(m, &uid, NULL);
	if (r < 0)
		return r;
	if (uid == 0 || uid == geteuid())
		return then(b, m, error);
	if (is_flooded(b, m))
		return bus_set_error(error, -ENOBUFS, "authorisation",
				     "too many calls wait for an answer already");
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct bus_check){ b->checks, b, sd_bus_message_ref(m), NULL, then };
	b->checks = c;
	r = ask(c, action);
	if (r < 0) {
		check_free(c);
		return r;
	}
	return 1;
}

/* There is no polkit, or it does not take questions from us: its policy file is not ours. */
static int refuse(const sd_bus_error *said, sd_bus_error *error)
{
	char text[256] = "polkit does not answer: install and start it";

	if (sd_bus_error_has_name(said, "org.freedesktop.PolicyKit1.Error.NotAuthorized") ||
	    sd_bus_error_has_name(said, "org.freedesktop.PolicyKit1.Error.Failed"))
		(void)snprintf(text, sizeof(text), "polkit refuses to answer the service: reinstall "
						   "its policy file (%s)", said->message);
	return bus_set_error(error, -EPERM, "authorisation", text);
}

static int read_answer(sd_bus_message *answer, sd_bus_error *error)
{
	int allowed = 0, challenge = 0;
	int r;

	if (sd_bus_message_is_method_error(answer, NULL))
		return refuse(sd_bus_message_get_error(answer), error);
	r = sd_bus_message_enter_container(answer, 'r', "bba{ss}");
	if (r >= 0)
		r = sd_bus_message_read(answer, "bb", &allowed, &challenge);
	if (r < 0)
		return r;
	if (allowed)
		return 0;
	return bus_set_error(error, -EPERM, "authorisation",
			     challenge ? "a password is needed: call from the active session of a "
					 "seat, or where an agent can ask for it" :
					 "you are not allowed to do this");
}

static int on_answer(sd_bus_message *answer, void *userdata, sd_bus_error *unused)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	struct bus_check *c = userdata;
	int r;

	(void)unused;
	r = read_answer(answer, &error);
	if (r >= 0)
		r = c->then(c->bus, c->call, &error);
	if (r < 0)
		(void)sd_bus_reply_method_errno(c->call, r, &error);
	check_free(c);
	return 0;
}

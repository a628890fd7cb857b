// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Four clients do random things to a running service; a fifth watches. What must hold, whatever they
 * do: a session's state goes only along the contract's edges, it comes once, ends once, and goes
 * once, in this order; a sink has at most one; there are never more than allowed; every call that
 * somebody waits for is answered, with an error only where its page has one; and afterwards nothing
 * is left.
 *
 * usage: bus-model SEED OPERATIONS MAX-SESSIONS PORT...
 */
#include "miracast/dbus.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#define N_CLIENTS    4
#define SESSIONS_MAX 4096
#define PENDING_MAX  24
#define SINKS_MAX    8
#define PACE_US	     1500
#define SETTLE_US    40000000
#define STOP_EVERY_US 1500000 /* a multiple of PACE_US */

struct client {
	sd_bus *bus;
	unsigned int pending; /* calls without an answer */
	unsigned int life;    /* how often it has vanished */
};

struct call {
	struct client *client;
	unsigned int life;
	const char *what;
	const char *const *errors; /* those it may have */
};

struct session {
	bool is_alive, has_ended;
	char state[24], sink[128];
};

static struct {
	sd_event *event;
	sd_bus *watcher;
	struct client clients[N_CLIENTS];
	struct session sessions[SESSIONS_MAX];
	unsigned int last, alive, max_alive, most_alive, started;
	char sinks[SINKS_MAX][128];
	size_t n_sinks;
	uint16_t ports[SINKS_MAX];
	size_t n_ports;
	unsigned int left, answered, refused, total;
	uint64_t settle_us;
	unsigned int seed;
} m;

static void violated(const char *what, const char *detail)
{
	printf("violated: %s: %s (seed %u, %u operations left)\n", what, detail, m.seed, m.left);
	exit(1);
}

static void must(int r, const char *what)
{
	if (r < 0)
		violated(what, strerror(-r));
}

static unsigned int pick(unsigned int n)
{
	return (unsigned int)random() % n;
}

/* ---------------------------------------------------------------- the watcher */

static const char *const edges[][2] = {
	{ "stopped", "start-pending" }, { "start-pending", "started" },
	{ "start-pending", "stop-pending" }, { "start-pending", "stopped" },
	{ "started", "stop-pending" }, { "stop-pending", "stopped" },
};

static struct session *get_session(const char *path)
{
	unsigned long number;

	if (strncmp(path, MIRACAST_DBUS_SESSION_PATH "/", sizeof(MIRACAST_DBUS_SESSION_PATH)) != 0)
		return NULL;
	number = strtoul(path + sizeof(MIRACAST_DBUS_SESSION_PATH), NULL, 10);
	if (number == 0 || number >= SESSIONS_MAX)
		violated("a session's number", path);
	if (number > m.last)
		m.last = (unsigned int)number;
	return &m.sessions[number];
}

static void move(struct session *s, const char *path, const char *state)
{
	bool is_edge = strcmp(s->state, state) == 0;
	char text[256];

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		is_edge |= strcmp(s->state, edges[i][0]) == 0 && strcmp(state, edges[i][1]) == 0;
	(void)snprintf(text, sizeof(text), "%s: %s -> %s", path, s->state, state);
	if (!is_edge)
		violated("an edge of the contract", text);
	if (strcmp(state, "started") == 0)
		m.started++;
	(void)snprintf(s->state, sizeof(s->state), "%s", state);
}

/* Calls back with each text property of an a{sv}. */
static void read_properties(sd_bus_message *msg, struct session *s, const char *path, bool is_new)
{
	const char *key, *text;

	must(sd_bus_message_enter_container(msg, 'a', "{sv}"), "properties");
	while (sd_bus_message_enter_container(msg, 'e', "sv") > 0) {
		must(sd_bus_message_read(msg, "s", &key), "key");
		if (strcmp(key, "State") == 0) {
			must(sd_bus_message_read(msg, "v", "s", &text), "State");
			if (is_new)
				(void)snprintf(s->state, sizeof(s->state), "%s", text);
			else
				move(s, path, text);
		} else if (strcmp(key, "Sink") == 0) {
			must(sd_bus_message_read(msg, "v", "o", &text), "Sink");
			(void)snprintf(s->sink, sizeof(s->sink), "%s", text);
		} else {
			must(sd_bus_message_skip(msg, "v"), key);
		}
		must(sd_bus_message_exit_container(msg), "entry");
	}
	must(sd_bus_message_exit_container(msg), "properties");
}

static int on_added(sd_bus_message *msg, void *userdata, sd_bus_error *error)
{
	const char *path, *interface;
	struct session *s;

	(void)userdata, (void)error;
	must(sd_bus_message_read(msg, "o", &path), "path");
	s = get_session(path);
	if (!s)
		return 0;
	if (s->is_alive || s->has_ended)
		violated("a session comes once", path);
	must(sd_bus_message_enter_container(msg, 'a', "{sa{sv}}"), "interfaces");
	while (sd_bus_message_enter_container(msg, 'e', "sa{sv}") > 0) {
		must(sd_bus_message_read(msg, "s", &interface), "interface");
		if (strcmp(interface, MIRACAST_DBUS_SESSION) == 0)
			read_properties(msg, s, path, true);
		else
			must(sd_bus_message_skip(msg, "a{sv}"), interface);
		must(sd_bus_message_exit_container(msg), "interface");
	}
	for (unsigned int i = 1; i <= m.last; i++)
		if (m.sessions[i].is_alive && strcmp(m.sessions[i].sink, s->sink) == 0)
			violated("a sink has one session", s->sink);
	if (strcmp(s->state, "stopped") != 0)
		violated("a session begins stopped", path);
	s->is_alive = true;
	if (++m.alive > m.max_alive)
		violated("MaxSessions", path);
	if (m.alive > m.most_alive)
		m.most_alive = m.alive;
	return 0;
}

static int on_changed(sd_bus_message *msg, void *userdata, sd_bus_error *error)
{
	const char *path = sd_bus_message_get_path(msg), *interface;
	struct session *s = get_session(path);

	(void)userdata, (void)error;
	must(sd_bus_message_read(msg, "s", &interface), "interface");
	if (!s || strcmp(interface, MIRACAST_DBUS_SESSION) != 0)
		return 0;
	if (!s->is_alive || s->has_ended)
		violated("only what is there changes", path);
	read_properties(msg, s, path, false);
	return 0;
}

static int on_ended(sd_bus_message *msg, void *userdata, sd_bus_error *error)
{
	const char *path = sd_bus_message_get_path(msg);
	struct session *s = get_session(path);

	(void)userdata, (void)error;
	if (!s->is_alive || s->has_ended)
		violated("a session ends once", path);
	s->has_ended = true;
	return 0;
}

static int on_removed(sd_bus_message *msg, void *userdata, sd_bus_error *error)
{
	struct session *s;
	const char *path;

	(void)userdata, (void)error;
	must(sd_bus_message_read(msg, "o", &path), "path");
	s = get_session(path);
	if (!s)
		return 0;
	if (!s->is_alive || !s->has_ended)
		violated("a session goes once, after its end", path);
	s->is_alive = false;
	m.alive--;
	return 0;
}

/* ---------------------------------------------------------------- the clients */

#define E(name) MIRACAST_DBUS_ERROR "." name

static const char *const no_errors[] = { NULL };
static const char *const connect_errors[] = {
	E("InProgress"), E("Busy"), E("Timeout"), E("Protocol"), E("ConnectionLost"),
	E("Cancelled"), E("InvalidArgument"), E("NoCommonMode"), E("InsufficientBandwidth"), NULL
};
static const char *const session_errors[] = {
	E("NotFound"), E("InvalidArgument"), E("NotSupported"), E("Cancelled"),
	SD_BUS_ERROR_UNKNOWN_OBJECT, NULL
};
static const char *const settings_errors[] = { E("InvalidArgument"), NULL };
static const char *const gone_errors[] = { SD_BUS_ERROR_UNKNOWN_OBJECT, E("NotFound"), NULL };
static const char *const sink_errors[] = { E("NotSupported"), NULL };

static int on_answer(sd_bus_message *msg, void *userdata, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(msg);
	struct call *c = userdata;
	bool is_known = !error;
	char text[512];

	(void)unused;
	for (size_t i = 0; error && c->errors[i]; i++)
		is_known |= strcmp(error->name, c->errors[i]) == 0;
	if (!is_known) {
		(void)snprintf(text, sizeof(text), "%s: %s: %s", c->what, error->name,
			       error->message);
		violated("an error that its page has", text);
	}
	m.answered++;
	m.refused += error != NULL;
	if (c->life == c->client->life)
		c->client->pending--;
	return 0;
}

static void send_call(struct client *client, sd_bus_message *msg, const char *what,
		      const char *const *errors)
{
	struct call *c = malloc(sizeof(*c));
	sd_bus_slot *slot;

	if (!c)
		exit(1);
	*c = (struct call){ client, client->life, what, errors };
	must(sd_bus_call_async(client->bus, &slot, msg, on_answer, c, 60000000), what);
	(void)sd_bus_slot_set_destroy_callback(slot, free);
	(void)sd_bus_slot_set_floating(slot, true);
	sd_bus_slot_unref(slot);
	sd_bus_message_unref(msg);
	client->pending++;
	m.total++;
}

static sd_bus_message *new_call(struct client *c, const char *path, const char *interface,
				const char *method)
{
	sd_bus_message *msg = NULL;

	must(sd_bus_message_new_method_call(c->bus, &msg, MIRACAST_DBUS_NAME, path, interface,
					    method), method);
	return msg;
}

static const char *any_sink(void)
{
	return m.sinks[pick((unsigned int)m.n_sinks)];
}

/* One of the last few, alive or not, or one that never was. */
static const char *any_session(void)
{
	static char path[128];
	unsigned int back = pick(6), number = m.last > back ? m.last - back : 1;

	if (pick(2))
		for (unsigned int i = 1 + pick(m.last + 1); i <= m.last; i++)
			number = m.sessions[i].is_alive ? i : number;
	(void)snprintf(path, sizeof(path), MIRACAST_DBUS_SESSION_PATH "/%u", number);
	return path;
}

static void do_connect(struct client *c)
{
	sd_bus_message *msg = new_call(c, any_sink(), MIRACAST_DBUS_SINK, "Connect");

	switch (pick(6)) {
	case 0:
		must(sd_bus_message_append(msg, "a{sv}", 1, "mode", "s", "640x480@60"), "mode");
		break;
	case 1:
		must(sd_bus_message_append(msg, "a{sv}", 1, "nonsense", "u", 5), "nonsense");
		break;
	default:
		must(sd_bus_message_append(msg, "a{sv}", 0), "no options");
		break;
	}
	send_call(c, msg, "Connect", connect_errors);
}

static void do_session(struct client *c)
{
	static const char *const methods[] = { "Stop", "SetMode", "SetBitrateLimit" };
	unsigned int which = pick(12) ? 1 + pick(2) : 0;
	sd_bus_message *msg = new_call(c, any_session(), MIRACAST_DBUS_SESSION, methods[which]);

	if (which == 1)
		must(sd_bus_message_append(msg, "(qqq)", 640 + pick(2), 480, 60), "mode");
	else if (which == 2)
		must(sd_bus_message_append(msg, "t", (uint64_t)pick(40) * 1000000), "rate");
	send_call(c, msg, methods[which], session_errors);
}

static void do_manager(struct client *c)
{
	static const char *const methods[] = { "Discover", "StopDiscovery", "Monitor",
					       "StopMonitor" };
	const char *method = methods[pick(4)];

	send_call(c, new_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER, method), method,
		  no_errors);
}

static void do_settings(struct client *c)
{
	sd_bus_message *msg = new_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER, "SetSettings");

	must(sd_bus_message_append(msg, "a{sv}", 1, "MaxRate", "t", (uint64_t)pick(40) * 1000000),
	     "rate");
	send_call(c, msg, "SetSettings", settings_errors);
}

static void do_read(struct client *c)
{
	const char *interface = pick(2) ? MIRACAST_DBUS_SINK : MIRACAST_DBUS_SESSION;
	bool is_sink = strcmp(interface, MIRACAST_DBUS_SINK) == 0;
	sd_bus_message *msg;

	if (pick(8) == 0) {
		msg = new_call(c, MIRACAST_DBUS_PATH, "org.freedesktop.DBus.ObjectManager",
			       "GetManagedObjects");
		send_call(c, msg, "GetManagedObjects", no_errors);
		return;
	}
	msg = new_call(c, is_sink ? any_sink() : any_session(), "org.freedesktop.DBus.Properties",
		       "GetAll");
	must(sd_bus_message_append(msg, "s", interface), "GetAll");
	send_call(c, msg, "GetAll", is_sink ? no_errors : gone_errors);
}

static void do_forget(struct client *c)
{
	send_call(c, new_call(c, any_sink(), MIRACAST_DBUS_SINK, "Forget"), "Forget", sink_errors);
}

static void do_agent(struct client *c)
{
	sd_bus_message *msg = new_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER,
				       "RegisterAgent");

	must(sd_bus_message_append(msg, "o", "/agent"), "path");
	send_call(c, msg, "RegisterAgent", no_errors);
}

static void come(struct client *c)
{
	must(sd_bus_open_system(&c->bus), "bus");
	must(sd_bus_attach_event(c->bus, m.event, 0), "bus");
}

/* In the middle of whatever it has asked for. */
static void do_vanish(struct client *c)
{
	sd_bus_close_unref(c->bus);
	c->pending = 0;
	c->life++;
	come(c);
}

/* Somebody who is no sink comes to a sink's port. */
static void do_intrude(struct client *c)
{
	static const char *const words[] = { "", "GET / HTTP/1.0\r\n\r\n", "OPTIONS * RTSP/1.0\r\n" };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval limit = { .tv_usec = 50000 }; /* of connect, where nobody accepts */
	const char *word = words[pick(3)];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)c;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	address.sin_port = htons(m.ports[m.n_ports / 2 + pick((unsigned int)(m.n_ports / 2))]);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		(void)send(fd, word, strlen(word), MSG_NOSIGNAL);
	(void)close(fd);
}

static void do_something(struct client *c)
{
	static void (*const all[])(struct client *c) = {
		do_connect, do_connect, do_session, do_session, do_session, do_session, do_manager,
		do_manager, do_read, do_read, do_read, do_settings, do_agent, do_forget, do_intrude,
		do_intrude,
	};

	if (pick(100) == 0)
		do_vanish(c);
	else
		all[pick(sizeof(all) / sizeof(all[0]))](c);
}

/* ---------------------------------------------------------------- the run */

static bool is_settled(void)
{
	for (size_t i = 0; i < N_CLIENTS; i++)
		if (m.clients[i].pending > 0)
			return false;
	return m.alive == 0;
}

static int on_pace(sd_event_source *source, uint64_t now_us, void *userdata)
{
	(void)now_us, (void)userdata;
	if (m.left > 0) {
		struct client *c = &m.clients[pick(N_CLIENTS)];

		if (c->pending < PENDING_MAX) {
			m.left--;
			do_something(c);
		}
	} else if (is_settled()) {
		return sd_event_exit(m.event, 0);
	} else if ((m.settle_us += PACE_US) > SETTLE_US) {
		violated("everything is answered and over in the end", "it is not");
	} else if (m.settle_us % STOP_EVERY_US == PACE_US) {
		/* Again and again: what was asked for last may begin only now. */
		for (unsigned int i = 1; i <= m.last; i++) {
			char path[128];

			if (!m.sessions[i].is_alive)
				continue;
			(void)snprintf(path, sizeof(path), MIRACAST_DBUS_SESSION_PATH "/%u", i);
			send_call(&m.clients[0], new_call(&m.clients[0], path, MIRACAST_DBUS_SESSION,
							  "Stop"), "Stop", session_errors);
		}
	}
	(void)sd_event_source_set_time_relative(source, PACE_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void find_sinks(void)
{
	sd_bus_message *msg = NULL;
	const char *path;

	must(sd_bus_call_method(m.watcher, MIRACAST_DBUS_NAME, MIRACAST_DBUS_PATH,
				"org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
				&msg, NULL), "GetManagedObjects");
	must(sd_bus_message_enter_container(msg, 'a', "{oa{sa{sv}}}"), "objects");
	while (sd_bus_message_enter_container(msg, 'e', "oa{sa{sv}}") > 0) {
		must(sd_bus_message_read(msg, "o", &path), "path");
		if (strncmp(path, MIRACAST_DBUS_SINK_PATH "/", sizeof(MIRACAST_DBUS_SINK_PATH)) == 0 &&
		    m.n_sinks < SINKS_MAX)
			(void)snprintf(m.sinks[m.n_sinks++], sizeof(m.sinks[0]), "%s", path);
		must(sd_bus_message_skip(msg, "a{sa{sv}}"), "interfaces");
		must(sd_bus_message_exit_container(msg), "object");
	}
	sd_bus_message_unref(msg);
}

static void watch(void)
{
	const char *const name = MIRACAST_DBUS_NAME;
	const char *const manager = "org.freedesktop.DBus.ObjectManager";

	must(sd_bus_open_system(&m.watcher), "bus");
	must(sd_bus_attach_event(m.watcher, m.event, -1), "bus");
	must(sd_bus_match_signal(m.watcher, NULL, name, NULL, manager, "InterfacesAdded", on_added,
				 NULL), "match");
	must(sd_bus_match_signal(m.watcher, NULL, name, NULL, manager, "InterfacesRemoved",
				 on_removed, NULL), "match");
	must(sd_bus_match_signal(m.watcher, NULL, name, NULL, "org.freedesktop.DBus.Properties",
				 "PropertiesChanged", on_changed, NULL), "match");
	must(sd_bus_match_signal(m.watcher, NULL, name, NULL, MIRACAST_DBUS_SESSION, "Ended",
				 on_ended, NULL), "match");
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fputs("bus-model: see the head of bus-model.c\n", stderr);
		return 2;
	}
	m.seed = (unsigned int)atoi(argv[1]);
	m.left = (unsigned int)atoi(argv[2]);
	m.max_alive = (unsigned int)atoi(argv[3]);
	for (int i = 4; i < argc && m.n_ports < SINKS_MAX; i++)
		m.ports[m.n_ports++] = (uint16_t)atoi(argv[i]);
	srandom(m.seed);
	must(sd_event_default(&m.event), "loop");
	watch();
	find_sinks();
	for (size_t i = 0; i < N_CLIENTS; i++)
		come(&m.clients[i]);
	must(sd_event_add_time_relative(m.event, NULL, CLOCK_MONOTONIC, 0, 1, on_pace, NULL), "pace");
	must(sd_event_loop(m.event), "loop");
	printf("%u calls, %u answers, %u refused; %u sessions, %u started, %u at once\n", m.total,
	       m.answered, m.refused, m.last, m.started, m.most_alive);
	for (size_t i = 0; i < N_CLIENTS; i++)
		sd_bus_close_unref(m.clients[i].bus);
	sd_bus_close_unref(m.watcher);
	sd_event_unref(m.event);
	return 0;
}

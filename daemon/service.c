// SPDX-License-Identifier: GPL-2.0-or-later
#include "service.h"

#include "bus/bus.h"
#include "config.h"
#include "manager.h"
#include "util/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

struct service {
	sd_event *event;
	struct config config;
	struct bus *bus;
	struct manager *manager;
	bool is_ending;
	int result;
};

static void on_problem(void *userdata, const char *file, unsigned int line, const char *text);
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata);
static void on_bus_lost(void *userdata);
static void on_idle(void *userdata);

static const struct bus_events bus_events = {
	.lost = on_bus_lost,
	.idle = on_idle,
};

static int prepare(struct service *s, const char *root)
{
	/* SIGHUP, too: systemd takes it for a good end, and nobody would have said good-bye. */
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	int r;

	config_init(&s->config);
	(void)config_load(&s->config, root, on_problem, s);
	if (s->config.verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	/* Read by each miracast-media. */
	if (*s->config.render_node && setenv("MIRACAST_RENDER_NODE", s->config.render_node, true) < 0)
		return log_err(-errno, "cannot set RenderNode=: %m");
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		r = sd_event_add_signal(s->event, NULL, signals[i] | SD_EVENT_SIGNAL_PROCMASK,
					on_signal, s);
		if (r < 0)
			return log_err(r, "cannot watch signals: %s", strerror(-r));
	}
	/* Fed by this loop: a loop that hangs starves it. */
	r = sd_event_set_watchdog(s->event, true);
	if (r < 0)
		return log_err(r, "cannot feed the watchdog: %s", strerror(-r));
	return 0;
}

static int start(struct service *s, const char *media_program, const char *host_name)
{
	int r;

	r = bus_new(s->event, &bus_events, s, &s->bus);
	if (r < 0)
		return log_err(r, "cannot connect to the system bus: %s", strerror(-r));
	r = manager_new(s->event, &s->config, media_program, host_name, &bus_manager_ops, s->bus,
			&s->manager);
	if (r < 0)
		return log_err(r, "cannot begin: %s", strerror(-r));
	r = bus_publish(s->bus, s->manager);
	if (r == -EEXIST)
		return log_err(r, "another miracastd is running");
	if (r < 0)
		return log_err(r, "cannot appear on the system bus: %s", strerror(-r));
	log_info("ready");
	(void)sd_notify(false, "READY=1\nSTATUS=Ready to cast");
	return 0;
}

int service_run(struct sd_event *event, const char *root, const char *media_program,
		const char *host_name)
{
	struct service s = { .event = event };
	int r;

	r = prepare(&s, root);
	if (r == 0)
		r = start(&s, media_program, host_name);
	if (r == 0)
		r = sd_event_loop(event);
	(void)sd_notify(false, "STOPPING=1");
	manager_free(s.manager);
	bus_free(s.bus);
	return r < 0 ? r : s.result;
}

static void on_problem(void *userdata, const char *file, unsigned int line, const char *text)
{
	(void)userdata;
	(void)log_warning(-EINVAL, "%s:%u: %s", file, line, text);
}

static void end(struct service *s, int result, const char *text)
{
	if (s->is_ending)
		return;
	s->is_ending = true;
	s->result = result;
	if (!s->manager) {
		(void)sd_event_exit(s->event, 0);
		return;
	}
	manager_stop_all(s->manager, text);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	(void)source;
	log_info("stopping on SIG%s", sigabbrev_np((int)si->ssi_signo) ?: "?");
	(void)sd_notify(false, "STOPPING=1");
	end(userdata, 0, "the service ends");
	return 0;
}

/* systemd starts us again, when the bus is back. */
static void on_bus_lost(void *userdata)
{
	(void)log_err(-ECONNRESET, "the system bus is gone");
	end(userdata, -ECONNRESET, "the system bus is gone");
}

static void on_idle(void *userdata)
{
	struct service *s = userdata;

	if (s->is_ending)
		(void)sd_event_exit(s->event, 0);
}

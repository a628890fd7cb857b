// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracastctl monitor: every change of state and every RTSP message, as they come. RTSP carries no
 * secrets; PINs and keys never pass through here.
 */
#include "ctl/ctl.h"
#include "util/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "1234.567890 session/1": the service's clock is ours. */
static void print_head(uint64_t time_us, const char *path)
{
	printf("%.6f %s", (double)time_us / 1e6, path + sizeof(MIRACAST_DBUS_PATH));
}

static int on_transcript(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *session, *text;
	struct ctl *c = userdata;
	uint64_t time_us;
	int sent;

	(void)error;
	if (sd_bus_message_read(m, "obts", &session, &sent, &time_us, &text) < 0)
		return 0;
	if (c->json) {
		printf("{\"event\": \"rtsp\", \"session\": ");
		ctl_json_string(session);
		printf(", \"sent\": %s, \"time_us\": %llu, \"text\": ", sent ? "true" : "false",
		       (unsigned long long)time_us);
		ctl_json_string(text);
		printf("}\n");
		return 0;
	}
	print_head(time_us, session);
	printf(": %s\n", sent ? "source -> sink" : "sink -> source");
	ctl_print_clean(text);
	putchar('\n');
	return 0;
}

/* Of the changed properties only those that tell the story. */
static int print_change(struct ctl *c, sd_bus_message *m, const char *path)
{
	const char *key, *value;
	int r;

	r = sd_bus_message_read(m, "s", &key);
	if (r < 0)
		return r;
	if (strcmp(key, "State") != 0 && strcmp(key, "Stage") != 0 &&
	    strcmp(key, "Display") != 0 && strcmp(key, "LinkQuality") != 0)
		return sd_bus_message_skip(m, "v");
	r = sd_bus_message_read(m, "v", "s", &value);
	if (r < 0)
		return r;
	if (c->json) {
		printf("{\"event\": \"change\", \"object\": ");
		ctl_json_string(path);
		printf(", \"property\": \"%s\", \"value\": ", key);
		ctl_json_string(value);
		printf("}\n");
	} else {
		print_head(clock_now_us(), path);
		printf(": %s: %s\n", key, value);
	}
	return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *interface, *path = sd_bus_message_get_path(m);
	int r;

	(void)error;
	if (strncmp(path, MIRACAST_DBUS_PATH "/", sizeof(MIRACAST_DBUS_PATH)) != 0)
		return 0;
	r = sd_bus_message_read(m, "s", &interface);
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = print_change(userdata, m, path);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return 0;
}

static int on_ended(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *reason, *stage, *text, *path = sd_bus_message_get_path(m);
	struct ctl *c = userdata;
	int code;

	(void)error;
	if (sd_bus_message_read(m, "ssis", &reason, &stage, &code, &text) < 0)
		return 0;
	if (c->json) {
		printf("{\"event\": \"ended\", \"object\": ");
		ctl_json_string(path);
		printf(", \"reason\": \"%s\", \"stage\": \"%s\", \"error\": %d, \"text\": ", reason,
		       stage, code);
		ctl_json_string(text);
		printf("}\n");
	} else {
		print_head(clock_now_us(), path);
		printf(": ended: %s: %s: %s\n", reason, stage, text);
	}
	return 0;
}

static int on_end(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct ctl *c = userdata;

	(void)source;
	(void)now_us;
	return sd_event_exit(c->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct ctl *c = userdata;

	(void)source;
	(void)si;
	return sd_event_exit(c->event, 0);
}

int ctl_monitor(struct ctl *c)
{
	const char *const name = MIRACAST_DBUS_NAME;
	int r, result = CTL_OK;

	r = sd_bus_match_signal(c->bus, NULL, name, NULL, "org.freedesktop.DBus.Properties",
				"PropertiesChanged", on_changed, c);
	if (r >= 0)
		r = sd_bus_match_signal(c->bus, NULL, name, NULL, MIRACAST_DBUS_SESSION, "Ended",
					on_ended, c);
	if (r >= 0)
		r = sd_bus_match_signal(c->bus, NULL, name, NULL, MIRACAST_DBUS_MANAGER,
					"Transcript", on_transcript, c);
	if (r >= 0)
		r = ctl_catch_signals(c, on_signal, c);
	if (r >= 0 && c->seconds >= 0)
		r = sd_event_add_time_relative(c->event, NULL, CLOCK_MONOTONIC,
					       (uint64_t)c->seconds * 1000000, 0, on_end, c);
	if (r < 0)
		return CTL_FAILED;
	r = ctl_call(c, MIRACAST_DBUS_PATH, MIRACAST_DBUS_MANAGER, "Monitor", NULL);
	if (r != CTL_OK)
		return r;
	if (ctl_end_with_service(c, &result) < 0 || sd_event_loop(c->event) < 0)
		return CTL_FAILED;
	return result;
}

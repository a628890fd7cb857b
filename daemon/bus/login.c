// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * logind: the computer does not sleep before every session has said good-bye (a delay inhibitor,
 * logind waits 5 s), and does not sleep for a closed lid while one runs, where configured.
 */
#include "bus/bus-private.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>

#define LOGIN_NAME  "org.freedesktop.login1"
#define LOGIN_PATH  "/org/freedesktop/login1"
#define LOGIN_IFACE "org.freedesktop.login1.Manager"

static int on_sleep(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_login_owner(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_sleep_fd(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_lid_fd(sd_bus_message *m, void *userdata, sd_bus_error *error);

static int inhibit(struct bus *b, const char *what, const char *why, const char *mode,
		   sd_bus_message_handler_t handler, sd_bus_slot **slot)
{
	*slot = sd_bus_slot_unref(*slot);
	return sd_bus_call_method_async(b->bus, slot, LOGIN_NAME, LOGIN_PATH, LOGIN_IFACE,
					"Inhibit", handler, b, "ssss", what, "Miracast", why, mode);
}

static void inhibit_sleep(struct bus *b)
{
	if (b->login.sleep_fd >= 0)
		return;
	(void)inhibit(b, "sleep", "Sessions end before the computer sleeps", "delay", on_sleep_fd,
		      &b->login.sleep_call);
}

int bus_login_init(struct bus *b)
{
	int r;

	b->login.sleep_fd = b->login.lid_fd = -1;
	r = sd_bus_match_signal_async(b->bus, &b->login.sleep_slot, LOGIN_NAME, LOGIN_PATH,
				      LOGIN_IFACE, "PrepareForSleep", on_sleep, NULL, b);
	if (r < 0)
		return r;
	r = sd_bus_add_match_async(b->bus, &b->login.owner_slot,
				   "type='signal',sender='org.freedesktop.DBus',"
				   "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
				   "arg0='" LOGIN_NAME "'",
				   on_login_owner, NULL, b);
	if (r < 0)
		return r;
	inhibit_sleep(b);
	return 0;
}

/* Without logind there is nobody to tell us of sleep either; its refusal is worth a line. */
static int take_fd(sd_bus_message *m, int *ret, const char *what)
{
	const sd_bus_error *error = sd_bus_message_get_error(m);
	int fd, r;

	if (error && (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
		      sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)))
		return -ENOENT;
	if (error)
		return log_warning(-EACCES, "logind does not let the service hold %s: %s", what,
				   error->message);
	r = sd_bus_message_read(m, "h", &fd);
	if (r < 0)
		return r;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	close_fd(*ret);
	*ret = fd;
	return 0;
}

static int on_sleep_fd(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;

	(void)error;
	b->login.sleep_call = sd_bus_slot_unref(b->login.sleep_call);
	(void)take_fd(m, &b->login.sleep_fd, "sleep back");
	return 0;
}

/* The last session may have ended meanwhile. Not asked again after a refusal: the next one does. */
static int on_lid_fd(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;

	(void)error;
	b->login.lid_call = sd_bus_slot_unref(b->login.lid_call);
	if (take_fd(m, &b->login.lid_fd, "the lid's switch") == 0)
		bus_login_update(b);
	return 0;
}

/* A logind that was restarted knows nothing of our inhibitors. */
static int on_login_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name, *before, *after;
	struct bus *b = userdata;

	(void)error;
	if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0)
		return 0;
	b->login.sleep_fd = close_fd(b->login.sleep_fd);
	b->login.lid_fd = close_fd(b->login.lid_fd);
	if (*after) {
		inhibit_sleep(b);
		bus_login_update(b);
	}
	return 0;
}

static int on_sleep(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;
	int begins;

	(void)error;
	if (sd_bus_message_read(m, "b", &begins) < 0)
		return 0;
	if (begins) {
		log_info("the computer goes to sleep: every session ends");
		manager_stop_all(b->manager, "the computer goes to sleep");
	} else {
		inhibit_sleep(b);
		manager_resume(b->manager);
	}
	return 0;
}

void bus_login_release(struct bus *b)
{
	b->login.sleep_fd = close_fd(b->login.sleep_fd);
}

void bus_login_update(struct bus *b)
{
	bool wanted = b->n_sessions > 0 && manager_get_config(b->manager)->inhibit_lid_switch;

	if (!wanted) {
		b->login.lid_fd = close_fd(b->login.lid_fd);
		return;
	}
	if (b->login.lid_fd < 0 && !b->login.lid_call)
		(void)inhibit(b, "handle-lid-switch", "A display is cast", "block", on_lid_fd,
			      &b->login.lid_call);
}

void bus_login_done(struct bus *b)
{
	sd_bus_slot_unref(b->login.sleep_slot);
	sd_bus_slot_unref(b->login.owner_slot);
	sd_bus_slot_unref(b->login.sleep_call);
	sd_bus_slot_unref(b->login.lid_call);
	b->login.sleep_fd = close_fd(b->login.sleep_fd);
	b->login.lid_fd = close_fd(b->login.lid_fd);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "owner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <systemd/sd-login.h>

struct owner_watch {
	sd_login_monitor *monitor;
	sd_event_source *source;
	void (*changed)(void *userdata);
	void *userdata;
};

/* A desktop's programs may run below user@.service, which belongs to no session of its own. */
void owner_from_process(uid_t uid, pid_t pid, struct owner *ret)
{
	_cleanup_free_ char *session = NULL;

	*ret = (struct owner){ .uid = uid };
	if ((pid > 0 && sd_pid_get_session(pid, &session) >= 0) ||
	    sd_uid_get_display(uid, &session) >= 0)
		(void)snprintf(ret->session, sizeof(ret->session), "%s", session);
}

static bool is_replaced(const struct owner *o)
{
	_cleanup_free_ char *seat = NULL;
	_cleanup_free_ char *active = NULL;
	uid_t uid;

	if (sd_session_get_seat(o->session, &seat) < 0 ||
	    sd_seat_get_active(seat, &active, &uid) < 0)
		return false;
	/* The login screen's user comes between two sessions, and whenever the screen is locked. */
	if (uid != o->uid && active) {
		_cleanup_free_ char *class = NULL;

		if (sd_session_get_class(active, &class) >= 0 && strcmp(class, "user") != 0)
			return false;
		return true;
	}
	return false;
}

enum owner_presence owner_get_presence(const struct owner *o)
{
	_cleanup_free_ char *state = NULL;
	int r;

	if (!*o->session)
		return OWNER_PRESENT;
	r = sd_session_get_state(o->session, &state);
	if (r == -ENXIO || (r >= 0 && strcmp(state, "closing") == 0))
		return OWNER_LOGGED_OUT;
	return r >= 0 && is_replaced(o) ? OWNER_REPLACED : OWNER_PRESENT;
}

static int on_change(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct owner_watch *w = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	(void)sd_login_monitor_flush(w->monitor);
	w->changed(w->userdata);
	return 0;
}

int owner_watch_new(struct sd_event *event, void (*changed)(void *userdata), void *userdata,
		    struct owner_watch **ret)
{
	_cleanup_(owner_watch_freep) struct owner_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->changed = changed;
	w->userdata = userdata;
	/* Every category: a seat's active session is not a change of a session. */
	r = sd_login_monitor_new(NULL, &w->monitor);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &w->source, sd_login_monitor_get_fd(w->monitor), EPOLLIN,
			    on_change, w);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

struct owner_watch *owner_watch_free(struct owner_watch *w)
{
	if (!w)
		return NULL;
	sd_event_source_disable_unref(w->source);
	sd_login_monitor_unref(w->monitor);
	free(w);
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "manager-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

#define STAGE	"connect" /* of what fails before anything was tried */
#define TICK_US USEC_PER_SEC

/* In the order in which they happen. */
static void on_pin_wanted(void *userdata, bool was_wrong);
static void on_pin_shown(void *userdata, const char *pin);
static void on_cast_changed(void *userdata);
static void on_cast_connected(void *userdata, int error);
static void on_transcript(void *userdata, bool sent, const char *text, size_t size);
static int on_tick(sd_event_source *source, uint64_t now_us, void *userdata);
static void on_owners_changed(void *userdata);
static void on_cast_over(void *userdata, const struct cast_end *end);

static const struct cast_ops cast_ops = {
	.changed = on_cast_changed,
	.connected = on_cast_connected,
	.over = on_cast_over,
	.pin_wanted = on_pin_wanted,
	.pin_shown = on_pin_shown,
	.transcript = on_transcript,
};

/* ---------------------------------------------------------------- life */

int manager_new(struct sd_event *event, struct config *config, const char *media_program,
		const char *host_name, const struct manager_ops *ops, void *userdata,
		struct manager **ret)
{
	_cleanup_(manager_freep) struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->event = sd_event_ref(event);
	m->config = config;
	m->media_program = media_program;
	m->host_name = host_name;
	m->ops = ops;
	m->userdata = userdata;
	r = sd_event_add_time_relative(event, &m->tick_source, CLOCK_MONOTONIC, TICK_US, 0, on_tick,
				       m);
	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(m->tick_source, SD_EVENT_OFF);
	r = manager_sleep_init(m);
	if (r < 0)
		return r;
	r = owner_watch_new(event, on_owners_changed, m, &m->owners);
	if (r < 0)
		log_notice("no logind: sessions do not end when their user logs out");
	r = manager_add_plain_sinks(m);
	if (r < 0)
		return r;
	manager_open_radio(m);
	*ret = TAKE_PTR(m);
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	const struct cast_end end = { .reason = SESSION_END_USER, .error = -ECANCELED,
				      .stage = STAGE, .text = "the service ends" };

	if (!m)
		return NULL;
	while (m->n_casts > 0)
		on_cast_over(m->casts[m->n_casts - 1], &end);
	for (size_t i = 0; i < m->n_sinks; i++)
		free(m->sinks[i]);
	wpa_free(m->wpa);
	owner_watch_free(m->owners);
	sd_event_source_disable_unref(m->tick_source);
	sd_event_source_disable_unref(m->idle_source);
	sd_event_source_disable_unref(m->wish_source);
	sd_event_unref(m->event);
	free(m);
	return NULL;
}

/* ---------------------------------------------------------------- connect */

static int refuse(struct cast_end *end, int error, const char *text)
{
	*end = (struct cast_end){ .error = error, .stage = STAGE };
	(void)snprintf(end->text, sizeof(end->text), "%s", text);
	return error;
}

static int check_connect(struct manager *m, const struct manager_sink *sink,
			 const struct manager_request *request, struct cast_end *end)
{
	if (m->is_halted)
		return refuse(end, -ESHUTDOWN, "the computer goes to sleep, or the service ends");
	if (sink->cast)
		return refuse(end, -EALREADY, "this sink is connected already, or just connecting");
	if (m->n_casts >= m->config->max_sessions)
		return refuse(end, -EBUSY, "as many sessions run as MaxSessions= allows: end one "
					   "first");
	if (owner_get_presence(&request->owner) != OWNER_PRESENT)
		return refuse(end, -EPERM, "another user's session is active on this seat");
	return 0;
}

static struct session_config get_session_config(const struct manager *m,
						const struct manager_sink *sink,
						const struct manager_request *request)
{
	const struct config *c = m->config;
	bool is_pattern = c->source == SESSION_SOURCE_PATTERN;
	struct session_config session = {
		.media_program = m->media_program,
		.host_name = m->host_name,
		.sink_name = sink->name,
		.sink_id = sink->sink_id,
		.sink_id_size = sizeof(sink->sink_id),
		.source = c->source,
		.device = c->device,
		.input_fd = -1,
		.dump_fd = -1,
		.encoder = request->encoder ?: c->encoder,
		.mode_limit = is_pattern ? c->pattern_mode : c->best_mode,
		.source_refresh_hz = is_pattern ? c->pattern_mode.refresh_hz : 0,
		.strict_monitor = c->require_monitor,
	};

	if (request->best_mode.width > 0)
		session.mode_limit = request->best_mode;
	return session;
}

/* The button needs the least of a user; some sinks know PINs only. */
static enum link_method get_method(const struct manager_sink *sink,
				   const struct manager_request *request)
{
	if (request->method)
		return request->method;
	if (sink->seen.methods == 0 || sink->seen.methods & LINK_METHOD_BUTTON)
		return LINK_METHOD_BUTTON;
	return sink->seen.methods & LINK_METHOD_PIN_OF_SINK ? LINK_METHOD_PIN_OF_SINK :
							       LINK_METHOD_PIN_OF_OURS;
}

static int start_cast(struct manager *m, struct manager_cast *c, struct cast_end *ret_end)
{
	struct session_config config = get_session_config(m, c->sink, &c->request);
	struct cast_target target = c->sink->target;

	target.options = (struct link_options){
		.method = get_method(c->sink, &c->request),
		.remember = true,
		.intent = -1,
	};
	memcpy(target.options.address, c->sink->sink_id, sizeof(target.options.address));
	return cast_new(m->event, &config, &target, m->config->max_rate_bps, &cast_ops, c,
			&c->cast, ret_end);
}

int manager_connect(struct manager *m, struct manager_sink *sink,
		    const struct manager_request *request, struct manager_cast **ret,
		    struct cast_end *ret_end)
{
	_cleanup_free_ struct manager_cast *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return refuse(ret_end, -ENOMEM, strerror(ENOMEM));
	r = check_connect(m, sink, request, ret_end);
	if (r < 0)
		return r;
	*c = (struct manager_cast){ .number = m->last_number + 1, .manager = m, .sink = sink,
				    .owner = request->owner, .request = *request };
	r = start_cast(m, c, ret_end);
	if (r < 0)
		return r;
	log_info("session %u: %s for user %u", c->number, sink->name, (unsigned)c->owner.uid);
	m->last_number++;
	m->casts[m->n_casts++] = c;
	sink->cast = c;
	(void)sd_event_source_set_time_relative(m->tick_source, TICK_US);
	(void)sd_event_source_set_enabled(m->tick_source, SD_EVENT_ONESHOT);
	m->ops->cast_added(m->userdata, c);
	m->ops->sink_changed(m->userdata, sink);
	*ret = TAKE_PTR(c);
	return 0;
}

static void on_pin_wanted(void *userdata, bool was_wrong)
{
	struct manager_cast *c = userdata;

	c->manager->ops->pin_wanted(c->manager->userdata, c, was_wrong);
}

static void on_pin_shown(void *userdata, const char *pin)
{
	struct manager_cast *c = userdata;

	c->manager->ops->pin_shown(c->manager->userdata, c, pin);
}

static void on_cast_changed(void *userdata)
{
	struct manager_cast *c = userdata;

	c->manager->ops->cast_changed(c->manager->userdata, c);
}

static void on_cast_connected(void *userdata, int error)
{
	struct manager_cast *c = userdata;
	struct manager *m = c->manager;

	if (error == 0) {
		struct session_status status;

		session_get_status(c->cast->session, &status);
		log_info("session %u: streaming %ux%u at %u Hz, %s", c->number,
			 status.format.mode.width, status.format.mode.height,
			 status.format.mode.refresh_hz, status.encoder);
		m->ops->sink_changed(m->userdata, c->sink);
	}
	m->ops->cast_connected(m->userdata, c, error);
}

static void on_transcript(void *userdata, bool sent, const char *text, size_t size)
{
	struct manager_cast *c = userdata;

	c->manager->ops->transcript(c->manager->userdata, c, sent, text, size);
}

static int on_tick(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct manager *m = userdata;

	(void)now_us;
	for (size_t i = 0; i < m->n_casts; i++)
		m->ops->cast_changed(m->userdata, m->casts[i]);
	(void)sd_event_source_set_time_relative(source, TICK_US);
	return sd_event_source_set_enabled(source, m->n_casts ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* ---------------------------------------------------------------- end */

void manager_disconnect(struct manager_cast *c, const char *text)
{
	cast_stop(c->cast, text);
}

static void on_owners_changed(void *userdata)
{
	struct manager *m = userdata;

	for (size_t i = 0; i < m->n_casts; i++) {
		switch (owner_get_presence(&m->casts[i]->owner)) {
		case OWNER_PRESENT:
			break;
		case OWNER_LOGGED_OUT:
			cast_stop(m->casts[i]->cast, "its user has logged out");
			break;
		case OWNER_REPLACED:
			cast_stop(m->casts[i]->cast, "another user's session took the seat");
			break;
		}
	}
}

static void remove_cast(struct manager *m, const struct manager_cast *c)
{
	for (size_t i = 0; i < m->n_casts; i++) {
		if (m->casts[i] != c)
			continue;
		memmove(&m->casts[i], &m->casts[i + 1], (m->n_casts - i - 1) * sizeof(m->casts[0]));
		m->n_casts--;
		return;
	}
}

/* The one line of a failure. */
static void log_end(const struct manager_cast *c, const struct cast_end *end)
{
	if (end->error == 0 || end->error == -ECANCELED)
		log_info("session %u: over: %s", c->number, end->text);
	else
		(void)log_warning(end->error, "session %u: %s: %s", c->number, end->stage,
				  end->text);
}

static void on_cast_over(void *userdata, const struct cast_end *end)
{
	struct manager_cast *c = userdata;
	struct manager *m = c->manager;

	log_end(c, end);
	remove_cast(m, c);
	manager_sleep_on_over(m, c, end);
	c->sink->cast = NULL;
	m->ops->cast_removed(m->userdata, c, end);
	m->ops->sink_changed(m->userdata, c->sink);
	if (c->sink->is_lost)
		manager_remove_sink(m, c->sink);
	cast_free(c->cast);
	free(c);
	if (m->is_halted && m->n_casts == 0)
		(void)sd_event_source_set_enabled(m->idle_source, SD_EVENT_ONESHOT);
}

/* ---------------------------------------------------------------- look-ups */

/* Sinks with an address are always there. */
void manager_set_finding(struct manager *m, bool on)
{
	m->is_finding = on;
	if (m->wpa)
		wpa_set_finding(m->wpa, on || m->n_wishes > 0);
}

const char *manager_get_radio(const struct manager *m, const char **ret_why)
{
	*ret_why = m->wpa ? wpa_get_absence(m->wpa) : "the system bus cannot be reached";
	return wpa_state_to_string(m->wpa ? wpa_get_state(m->wpa) : WPA_ABSENT);
}

const char *manager_get_adapter(const struct manager *m)
{
	return m->wpa ? wpa_get_interface(m->wpa) : "";
}

bool manager_is_finding(const struct manager *m)
{
	return m->is_finding;
}

struct config *manager_get_config(struct manager *m)
{
	return m->config;
}

const char *manager_get_media_program(const struct manager *m)
{
	return m->media_program;
}

struct manager_sink *manager_get_sink(struct manager *m, size_t i)
{
	return i < m->n_sinks ? m->sinks[i] : NULL;
}

struct manager_sink *manager_find_sink(struct manager *m, const char *id)
{
	for (size_t i = 0; i < m->n_sinks; i++)
		if (strcmp(m->sinks[i]->id, id) == 0)
			return m->sinks[i];
	return NULL;
}

struct manager_cast *manager_get_cast(struct manager *m, size_t i)
{
	return i < m->n_casts ? m->casts[i] : NULL;
}

struct manager_cast *manager_find_cast(struct manager *m, unsigned int number)
{
	for (size_t i = 0; i < m->n_casts; i++)
		if (m->casts[i]->number == number)
			return m->casts[i];
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "manager.h"

#include "util/clock.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

#define STAGE	"connect" /* of what fails before anything was tried */
#define TICK_US USEC_PER_SEC

/* A cast that sleep has ended, to be made again. */
struct wish {
	char sink[MANAGER_ID_SIZE];
	struct manager_request request;
};

struct manager {
	struct sd_event *event;
	struct config *config;
	const char *media_program;
	const char *host_name;
	const struct manager_ops *ops;
	void *userdata;
	struct owner_watch *owners; /* NULL: no logind */
	struct wpa *wpa;
	char radio_text[256]; /* why it cannot be used; "" */
	struct manager_sink *sinks[MANAGER_SINKS_MAX];
	size_t n_sinks;
	struct manager_cast *casts[MANAGER_CASTS_MAX];
	size_t n_casts;
	unsigned int last_number;
	sd_event_source *tick_source; /* on while there is a cast */
	sd_event_source *idle_source; /* tells ops.idle */
	bool is_finding;
	bool is_halted; /* between manager_stop_all and manager_resume */
	struct wish wishes[MANAGER_CASTS_MAX];
	size_t n_wishes;
};

/* In the order in which they happen. */
static void on_radio_changed(void *userdata, enum wpa_state state, const char *text);
static void on_sink_found(void *userdata, const struct link_sink *seen);
static void on_sink_lost(void *userdata, const uint8_t address[static LINK_ADDRESS_SIZE]);
static void on_pin_wanted(void *userdata, bool was_wrong);
static void on_pin_shown(void *userdata, const char *pin);
static void on_cast_changed(void *userdata);
static void on_cast_connected(void *userdata, int error);
static void on_transcript(void *userdata, bool sent, const char *text, size_t size);
static int on_tick(sd_event_source *source, uint64_t now_us, void *userdata);
static void on_owners_changed(void *userdata);
static void on_cast_over(void *userdata, const struct cast_end *end);
static int on_idle(sd_event_source *source, void *userdata);

static const struct cast_ops cast_ops = {
	.changed = on_cast_changed,
	.connected = on_cast_connected,
	.over = on_cast_over,
	.pin_wanted = on_pin_wanted,
	.pin_shown = on_pin_shown,
	.transcript = on_transcript,
};

static const struct wpa_ops wpa_ops = {
	.state_changed = on_radio_changed,
	.sink_found = on_sink_found,
	.sink_lost = on_sink_lost,
};

/* ---------------------------------------------------------------- sinks */

/*
 * A MAC address for what has none: locally administered, always the same for the same name (FNV-1a,
 * 64 bits).
 */
static void make_sink_id(const char *name, uint8_t ret[static 6])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)(hash >> (8 * i));
	ret[0] = (uint8_t)((ret[0] | 0x02) & ~0x01);
}

/* Takes over sink, also on failure. */
static int add_sink(struct manager *m, struct manager_sink *sink)
{
	const uint8_t *id = sink->sink_id;

	if (m->n_sinks == MANAGER_SINKS_MAX) {
		free(sink);
		return -ENOBUFS;
	}
	(void)snprintf(sink->id, sizeof(sink->id), "%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2],
		       id[3], id[4], id[5]);
	m->sinks[m->n_sinks++] = sink;
	m->ops->sink_added(m->userdata, sink);
	return 0;
}

static int add_plain_sink(struct manager *m, const struct config_sink *from)
{
	struct manager_sink *sink = calloc(1, sizeof(*sink));
	char host[INET_ADDRSTRLEN];

	if (!sink)
		return -ENOMEM;
	memcpy(sink->name, from->name, sizeof(sink->name));
	make_sink_id(sink->name, sink->sink_id);
	(void)inet_ntop(AF_INET, &from->address.sin_addr, host, sizeof(host));
	(void)snprintf(sink->address, sizeof(sink->address), "%s:%u", host,
		       ntohs(from->address.sin_port));
	sink->target.address = from->address;
	sink->target.rate_bps = from->rate_bps;
	return add_sink(m, sink);
}

static int add_configured_sinks(struct manager *m)
{
	for (size_t i = 0; i < m->config->n_sinks; i++) {
		const struct config_sink *sink = &m->config->sinks[i];
		int r;

		if (sink->address.sin_port == 0) {
			log_notice("sink \"%s\" has no address and is left out", sink->name);
			continue;
		}
		r = add_plain_sink(m, sink);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct manager_sink *find_seen(struct manager *m,
				      const uint8_t address[static LINK_ADDRESS_SIZE])
{
	for (size_t i = 0; i < m->n_sinks; i++)
		if (m->sinks[i]->target.wpa &&
		    memcmp(m->sinks[i]->sink_id, address, LINK_ADDRESS_SIZE) == 0)
			return m->sinks[i];
	return NULL;
}

static void on_sink_found(void *userdata, const struct link_sink *seen)
{
	const uint8_t *a = seen->address;
	struct manager *m = userdata;
	struct manager_sink *sink = find_seen(m, a);

	if (sink) {
		sink->seen = *seen;
		sink->is_lost = false;
		memcpy(sink->name, seen->name, sizeof(sink->name));
		m->ops->sink_changed(m->userdata, sink);
		return;
	}
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return;
	sink->seen = *seen;
	sink->target.wpa = m->wpa;
	memcpy(sink->name, seen->name, sizeof(sink->name));
	memcpy(sink->sink_id, a, sizeof(sink->sink_id));
	(void)snprintf(sink->address, sizeof(sink->address), "%02x:%02x:%02x:%02x:%02x:%02x", a[0],
		       a[1], a[2], a[3], a[4], a[5]);
	(void)add_sink(m, sink);
}

static void remove_sink(struct manager *m, struct manager_sink *sink)
{
	m->ops->sink_removed(m->userdata, sink);
	for (size_t i = 0; i < m->n_sinks; i++)
		if (m->sinks[i] == sink) {
			m->sinks[i] = m->sinks[--m->n_sinks];
			break;
		}
	free(sink);
}

static void on_sink_lost(void *userdata, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	struct manager_sink *sink = find_seen(userdata, address);

	if (sink && sink->cast)
		sink->is_lost = true;
	else if (sink)
		remove_sink(userdata, sink);
}

static void on_radio_changed(void *userdata, enum wpa_state state, const char *text)
{
	struct manager *m = userdata;

	log_debug("radio: %s%s%s", wpa_state_to_string(state), text ? ": " : "", text ?: "");
	(void)snprintf(m->radio_text, sizeof(m->radio_text), "%s", text ?: "");
	m->ops->radio_changed(m->userdata);
}

/* Without a radio, sinks with an address are what is left. */
static void open_radio(struct manager *m)
{
	char state_file[256] = "";
	const char *folder = getenv("STATE_DIRECTORY");
	struct wpa_config config = {
		.host_name = m->host_name,
		.interface = *m->config->interface ? m->config->interface : NULL,
	};
	int r;

	if (folder && snprintf(state_file, sizeof(state_file), "%s/known-sinks", folder) <
			      (int)sizeof(state_file))
		config.state_file = state_file;
	r = wpa_new(m->event, &config, &wpa_ops, m, &m->wpa);
	if (r < 0)
		(void)log_warning(r, "no Wi-Fi Direct: %s", strerror(-r));
}

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
	r = sd_event_add_defer(event, &m->idle_source, on_idle, m);
	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(m->idle_source, SD_EVENT_OFF);
	r = sd_event_add_time_relative(event, &m->tick_source, CLOCK_MONOTONIC, TICK_US, 0, on_tick,
				       m);
	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(m->tick_source, SD_EVENT_OFF);
	r = owner_watch_new(event, on_owners_changed, m, &m->owners);
	if (r < 0)
		log_notice("no logind: sessions do not end when their user logs out");
	r = add_configured_sinks(m);
	if (r < 0)
		return r;
	open_radio(m);
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
	c->sink->cast = NULL;
	m->ops->cast_removed(m->userdata, c, end);
	m->ops->sink_changed(m->userdata, c->sink);
	if (c->sink->is_lost)
		remove_sink(m, c->sink);
	cast_free(c->cast);
	free(c);
	if (m->is_halted && m->n_casts == 0)
		(void)sd_event_source_set_enabled(m->idle_source, SD_EVENT_ONESHOT);
}

/* ---------------------------------------------------------------- sleep */

static void wish_again(struct manager *m, const struct manager_cast *c)
{
	struct wish *wish = &m->wishes[m->n_wishes];

	if (c->cast->state != CAST_STREAMING)
		return;
	memcpy(wish->sink, c->sink->id, sizeof(wish->sink));
	wish->request = c->request;
	m->n_wishes++;
}

void manager_stop_all(struct manager *m, const char *text)
{
	/* Sleep may come first and the service's end then: the casts stop once, idle comes twice. */
	for (size_t i = 0; i < m->n_casts && !m->is_halted; i++) {
		if (m->config->reconnect_after_suspend)
			wish_again(m, m->casts[i]);
		cast_stop(m->casts[i]->cast, text);
	}
	m->is_halted = true;
	if (m->n_casts == 0)
		(void)sd_event_source_set_enabled(m->idle_source, SD_EVENT_ONESHOT);
}

static int on_idle(sd_event_source *source, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	m->ops->idle(m->userdata);
	return 0;
}

void manager_resume(struct manager *m)
{
	m->is_halted = false;
	for (size_t i = 0; i < m->n_wishes; i++) {
		struct manager_sink *sink = manager_find_sink(m, m->wishes[i].sink);
		struct manager_cast *cast;
		struct cast_end end;

		if (sink && manager_connect(m, sink, &m->wishes[i].request, &cast, &end) < 0)
			(void)log_warning(end.error, "%s: cannot connect again: %s: %s", sink->name,
					  end.stage, end.text);
	}
	m->n_wishes = 0;
}

/* ---------------------------------------------------------------- look-ups */

/* Sinks with an address are always there. */
void manager_set_finding(struct manager *m, bool on)
{
	m->is_finding = on;
	if (m->wpa)
		wpa_set_finding(m->wpa, on);
}

const char *manager_get_radio(const struct manager *m, const char **ret_why)
{
	*ret_why = m->radio_text;
	return wpa_state_to_string(m->wpa ? wpa_get_state(m->wpa) : WPA_ABSENT);
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

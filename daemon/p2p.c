// SPDX-License-Identifier: GPL-2.0-or-later
#include "p2p.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

#define LOOK_LIMIT_US (60 * USEC_PER_SEC)

struct p2p {
	const struct p2p_config *config;
	sd_event *event;
	struct wpa *wpa;
	struct link *link;
	const struct link_events *events; /* the owner's */
	struct link_events own;		  /* the same, and PINs */
	void *userdata;
	uint64_t begin_us;
	char absence[160]; /* why there is no Wi-Fi Direct; "": there is */
	sd_event_source *limit_source; /* until a sink of that name is found */
	sd_event_source *input_source; /* while a PIN is wanted */
};

static void on_state_changed(void *userdata, enum wpa_state state, const char *text);
static void on_sink_found(void *userdata, const struct link_sink *sink);
static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats);
static void on_failed(void *userdata, enum link_stage stage, int error, const char *text);
static void on_progress(void *userdata, enum link_stage stage);
static void on_pin_wanted(void *userdata, bool was_wrong);
static void on_pin_shown(void *userdata, const char *pin);
static void on_lost(void *userdata, int error, const char *text);
static void on_rate(void *userdata, const struct session_data_rate *rate);
static int on_look_limit(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata);

static const struct wpa_ops wpa_ops = {
	.state_changed = on_state_changed,
	.sink_found = on_sink_found,
};

static const struct link_events own_events = {
	.connected = on_connected,
	.failed = on_failed,
	.progress = on_progress,
	.pin_wanted = on_pin_wanted,
	.pin_shown = on_pin_shown,
	.lost = on_lost,
	.rate = on_rate,
};

/* ---------------------------------------------------------------- options */

static int parse_method(const char *text, enum link_method *ret)
{
	if (strcmp(text, "button") == 0)
		*ret = LINK_METHOD_BUTTON;
	else if (strcmp(text, "pin") == 0)
		*ret = LINK_METHOD_PIN_OF_SINK;
	else if (strcmp(text, "show-pin") == 0)
		*ret = LINK_METHOD_PIN_OF_OURS;
	else
		return -EINVAL;
	return 0;
}

static int copy(char *ret, size_t size, const char *text)
{
	if (!text || !*text || strlen(text) >= size)
		return -EINVAL;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int parse_intent(const char *text, int *ret)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 0 || value > 15)
		return -EINVAL;
	*ret = (int)value;
	return 0;
}

static int parse_word(char *word, struct p2p_config *c)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (strcmp(word, "remember") == 0 && !value) {
		c->remember = true;
		return 0;
	}
	if (strcmp(word, "method") == 0 && value)
		return parse_method(value, &c->method);
	if (strcmp(word, "intent") == 0 && value)
		return parse_intent(value, &c->intent);
	if (strcmp(word, "interface") == 0)
		return copy(c->interface, sizeof(c->interface), value);
	if (strcmp(word, "state") == 0)
		return copy(c->state_file, sizeof(c->state_file), value);
	if (strcmp(word, "net") == 0)
		return copy(c->net_socket, sizeof(c->net_socket), value);
	return -EINVAL;
}

int p2p_parse(const char *text, struct p2p_config *ret)
{
	struct p2p_config c = { .method = LINK_METHOD_BUTTON, .intent = -1 };
	_cleanup_free_ char *words = strdup(text);
	char *place = NULL, *word;
	int r;

	if (!words)
		return -ENOMEM;
	word = strtok_r(words, ",", &place);
	if (!word || copy(c.sink, sizeof(c.sink), word) < 0)
		return -EINVAL;
	while ((word = strtok_r(NULL, ",", &place))) {
		r = parse_word(word, &c);
		if (r < 0)
			return r;
	}
	*ret = c;
	return 0;
}

static bool parse_address(const char *text, uint8_t ret[static LINK_ADDRESS_SIZE])
{
	unsigned int a[LINK_ADDRESS_SIZE];
	int end = -1;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &a[0], &a[1], &a[2], &a[3], &a[4], &a[5],
		   &end) != LINK_ADDRESS_SIZE || end < 0 || text[end])
		return false;
	for (size_t i = 0; i < LINK_ADDRESS_SIZE; i++)
		ret[i] = (uint8_t)a[i];
	return true;
}

/* ---------------------------------------------------------------- the link */

static int connect_to(struct p2p *p, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	struct link_options options = {
		.method = p->config->method,
		.remember = p->config->remember,
		.intent = p->config->intent,
	};

	p->limit_source = sd_event_source_disable_unref(p->limit_source);
	memcpy(options.address, address, LINK_ADDRESS_SIZE);
	return link_open_wpa(p->wpa, &options, &p->own, p, &p->link);
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static int look(struct p2p *p)
{
	uint8_t address[LINK_ADDRESS_SIZE];

	if (parse_address(p->config->sink, address))
		return connect_to(p, address);
	wpa_set_finding(p->wpa, true);
	return sd_event_add_time_relative(p->event, &p->limit_source, CLOCK_MONOTONIC,
					  clock_limit_us(LOOK_LIMIT_US), 0, on_look_limit, p);
}

int p2p_open(struct sd_event *event, const struct p2p_config *config,
	     const struct link_events *events, void *userdata, struct p2p **ret)
{
	const struct wpa_config wpa_config = {
		.host_name = config->host_name,
		.interface = or_null(config->interface),
		.state_file = or_null(config->state_file),
		.net_socket = or_null(config->net_socket),
	};
	struct p2p *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct p2p){ .config = config, .event = event, .events = events, .own = own_events,
			   .userdata = userdata, .begin_us = clock_now_us() };
	r = wpa_new(event, &wpa_config, &wpa_ops, p, &p->wpa);
	if (r >= 0)
		r = look(p);
	if (r < 0) {
		p2p_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int p2p_report_rates(struct p2p *p, bool on)
{
	return p->link ? link_report_rates(p->link, on) : -EOPNOTSUPP;
}

struct p2p *p2p_free(struct p2p *p)
{
	if (!p)
		return NULL;
	sd_event_source_disable_unref(p->limit_source);
	sd_event_source_disable_unref(p->input_source);
	link_free(p->link);
	wpa_free(p->wpa);
	free(p);
	return NULL;
}

/* ---------------------------------------------------------------- what happens */

static double seconds(const struct p2p *p)
{
	return (double)(clock_now_us() - p->begin_us) / (double)USEC_PER_SEC;
}

static void on_state_changed(void *userdata, enum wpa_state state, const char *text)
{
	struct p2p *p = userdata;

	(void)snprintf(p->absence, sizeof(p->absence), "%s", text ? text : "");
	log_info("Wi-Fi Direct is %s at %.2f s%s%s", wpa_state_to_string(state), seconds(p),
		 text ? ": " : "", text ? text : "");
}

static void on_sink_found(void *userdata, const struct link_sink *sink)
{
	const uint8_t *a = sink->address;
	struct p2p *p = userdata;

	log_info("found \"%s\" %02x:%02x:%02x:%02x:%02x:%02x%s%s at %.2f s", sink->name, a[0], a[1],
		 a[2], a[3], a[4], a[5], sink->wfd.is_available ? "" : ", busy",
		 sink->is_remembered ? ", remembered" : "", seconds(p));
	if (!p->link && p->limit_source && strcmp(sink->name, p->config->sink) == 0 &&
	    connect_to(p, sink->address) < 0)
		p->events->failed(p->userdata, LINK_STAGE_RADIO, -EBUSY, "Wi-Fi Direct is busy");
}

static int on_look_limit(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct p2p *p = userdata;

	(void)source;
	(void)now_us;
	p->limit_source = sd_event_source_disable_unref(p->limit_source);
	if (p->absence[0]) {
		p->events->failed(p->userdata, LINK_STAGE_RADIO, -ENODEV, p->absence);
		return 0;
	}
	p->events->failed(p->userdata, LINK_STAGE_DISCOVERY, -ENOENT,
			  "no sink of that name is there: switch it on and open its "
			  "screen-mirroring input");
	return 0;
}

static void on_progress(void *userdata, enum link_stage stage)
{
	struct p2p *p = userdata;

	log_info("%s at %.2f s", link_stage_to_string(stage), seconds(p));
}

static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats)
{
	struct p2p *p = userdata;

	log_info("RTSP at %.2f s; radio %.0f Mbit/s, sink %.0f Mbit/s", seconds(p),
		 (double)stats->local_max_bps / 1e6, (double)stats->remote_max_bps / 1e6);
	p->events->connected(p->userdata, rtsp_fd, stats);
}

static void on_failed(void *userdata, enum link_stage stage, int error, const char *text)
{
	struct p2p *p = userdata;

	p->events->failed(p->userdata, stage, error, text);
}

static void on_lost(void *userdata, int error, const char *text)
{
	struct p2p *p = userdata;

	if (p->events->lost)
		p->events->lost(p->userdata, error, text);
}

static void on_rate(void *userdata, const struct session_data_rate *rate)
{
	struct p2p *p = userdata;

	if (p->events->rate)
		p->events->rate(p->userdata, rate);
}

/* ---------------------------------------------------------------- PINs */

static void on_pin_wanted(void *userdata, bool was_wrong)
{
	struct p2p *p = userdata;

	printf("%sEnter the PIN that the sink shows:\n", was_wrong ? "Wrong. " : "");
	(void)fflush(stdout);
	p->input_source = sd_event_source_disable_unref(p->input_source);
	/* A file cannot be waited for, but be read at once. */
	if (sd_event_add_io(p->event, &p->input_source, STDIN_FILENO, EPOLLIN, on_input, p) < 0)
		(void)on_input(NULL, STDIN_FILENO, 0, p);
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct p2p *p = userdata;
	char line[32] = "";
	ssize_t n = read(fd, line, sizeof(line) - 1);

	(void)source;
	(void)revents;
	line[strcspn(line, "\r\n")] = '\0';
	if (n <= 0 || link_give_pin(p->link, line) >= 0)
		p->input_source = sd_event_source_disable_unref(p->input_source);
	else
		puts("That is not a PIN of four or eight digits.");
	return 0;
}

static void on_pin_shown(void *userdata, const char *pin)
{
	(void)userdata;
	printf("Enter this PIN at the sink: %s\n", pin);
	(void)fflush(stdout);
}

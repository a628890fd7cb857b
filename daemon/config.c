// SPDX-License-Identifier: GPL-2.0-or-later
/* The grammar and the keys; config-load.c knows the files. */
#include "config.h"

#include "link/wfd-ie.h"
#include "values.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Where the parser is. */
struct place {
	struct config *config;
	struct config_sink *sink; /* of the section; NULL: [Daemon] */
	const char *file;
	unsigned int line;
	config_problem problem;
	void *userdata;
	bool is_known; /* the section is one of ours */
};

typedef int (*setter)(struct config *c, const char *value);

static int set_encoder(struct config *c, const char *value)
{
	return value_parse_encoder(value, &c->encoder);
}

static int set_source(struct config *c, const char *value)
{
	struct value_source source;
	int r = value_parse_source(value, &source);

	if (r < 0)
		return r;
	if (source.source == SESSION_SOURCE_Y4M)
		return -EINVAL;
	if (source.rest && strlen(source.rest) >= sizeof(c->device))
		return -ERANGE;
	c->source = source.source;
	c->pattern_mode = source.mode;
	if (source.source == SESSION_SOURCE_DEVICE && source.rest)
		strcpy(c->device, source.rest);
	return 0;
}

static int set_render_node(struct config *c, const char *value)
{
	if (strncmp(value, "/dev/dri/", strlen("/dev/dri/")) != 0)
		return -EINVAL;
	if (strlen(value) >= sizeof(c->render_node))
		return -ERANGE;
	strcpy(c->render_node, value);
	return 0;
}

static int set_best_mode(struct config *c, const char *value)
{
	return value_parse_mode(value, &c->best_mode);
}

static int set_max_rate(struct config *c, const char *value)
{
	return value_parse_number(value, CONFIG_RATE_MIN, CONFIG_RATE_MAX, &c->max_rate_bps);
}

static int set_max_sessions(struct config *c, const char *value)
{
	uint64_t number;
	int r = value_parse_number(value, 1, CONFIG_HEADS_MAX, &number);

	if (r == 0)
		c->max_sessions = (uint32_t)number;
	return r;
}

/* dev_valid_name() of the kernel. */
static int set_interface(struct config *c, const char *value)
{
	if (strlen(value) >= sizeof(c->interface))
		return -ERANGE;
	if (strpbrk(value, "/: \t") || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return -EINVAL;
	strcpy(c->interface, value);
	return 0;
}

static int set_require_monitor(struct config *c, const char *value)
{
	return value_parse_bool(value, &c->require_monitor);
}

static int set_reconnect(struct config *c, const char *value)
{
	return value_parse_bool(value, &c->reconnect_after_suspend);
}

static int set_lid_switch(struct config *c, const char *value)
{
	return value_parse_bool(value, &c->inhibit_lid_switch);
}

static int set_verbose(struct config *c, const char *value)
{
	return value_parse_bool(value, &c->verbose);
}

/* clang-format off */
static const struct {
	const char *key;
	setter set;
	const char *allowed;
} keys[] = {
	{ "Encoder",		   set_encoder,		"auto, vaapi or x264" },
	{ "RenderNode",		   set_render_node,	"/dev/dri/renderD128 or another node there" },
	{ "Source",		   set_source,		"device, device:NODE, pattern or "
							"pattern:WIDTHxHEIGHT@HZ" },
	{ "BestMode",		   set_best_mode,	"WIDTHxHEIGHT@HZ, 16x16@1 to 8192x8192@240" },
	{ "MaxRate",		   set_max_rate,	"1000000 to 30000000 bits a second" },
	{ "MaxSessions",	   set_max_sessions,	"1 to 8" },
	{ "Interface",		   set_interface,	"the name of a network interface" },
	{ "RequireMonitor",	   set_require_monitor, "yes or no" },
	{ "ReconnectAfterSuspend", set_reconnect,	"yes or no" },
	{ "InhibitLidSwitch",	   set_lid_switch,	"yes or no" },
	{ "Verbose",		   set_verbose,		"yes or no" },
};
/* clang-format on */

static const char *const sink_keys[] = { "Address", "Rate" };

const char *config_get_key(size_t i)
{
	const size_t n = sizeof(keys) / sizeof(keys[0]);

	if (i < n)
		return keys[i].key;
	return i - n < sizeof(sink_keys) / sizeof(sink_keys[0]) ? sink_keys[i - n] : NULL;
}

void config_init(struct config *c)
{
	*c = (struct config){
		.encoder = SESSION_ENCODER_AUTO,
		.source = SESSION_SOURCE_DEVICE,
		.device = "/dev/miracast",
		.max_rate_bps = CONFIG_RATE_MAX,
		.max_sessions = 4,
	};
}

/* ---------------------------------------------------------------- lines */

static void complain(const struct place *p, const char *text)
{
	if (p->problem)
		p->problem(p->userdata, p->file, p->line, text);
}

static void complain_value(const struct place *p, const char *key, const char *value, int error,
			   const char *allowed)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s=%.64s is %s: allowed is %s; the line is ignored",
		       key, value, error == -ERANGE ? "out of range" : "not understood", allowed);
	complain(p, text);
}

static struct config_sink *find_sink(struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_sinks; i++)
		if (strcmp(c->sinks[i].name, name) == 0)
			return &c->sinks[i];
	return NULL;
}

static void enter_sink(struct place *p, const char *name, size_t size)
{
	struct config *c = p->config;
	char clean[WFD_NAME_SIZE] = "";

	if (size < CONFIG_NAME_SIZE)
		wfd_name_clean(name, size, clean);
	if (!*clean) {
		complain(p, "a sink's name has 1 to 32 bytes; the section is ignored");
		return;
	}
	p->sink = find_sink(c, clean);
	if (!p->sink && c->n_sinks == CONFIG_SINKS_MAX) {
		complain(p, "more than 16 sinks; the section is ignored");
		return;
	}
	if (!p->sink) {
		p->sink = &c->sinks[c->n_sinks++];
		*p->sink = (struct config_sink){ .rate_bps = CONFIG_RATE_GUESS };
		strcpy(p->sink->name, clean);
	}
	p->is_known = true;
}

/* "[Daemon]" or "[Sink NAME]". */
static void enter_section(struct place *p, const char *line, size_t size)
{
	p->sink = NULL;
	p->is_known = false;
	if (line[size - 1] != ']')
		complain(p, "a section's line ends with ]; the section is ignored");
	else if (size == 8 && memcmp(line, "[Daemon]", 8) == 0)
		p->is_known = true;
	else if (size >= 7 && memcmp(line, "[Sink ", 6) == 0)
		enter_sink(p, line + 6, size - 7);
	else
		complain(p, "there are the sections [Daemon] and [Sink NAME]; this one is ignored");
}

static void set_sink(struct place *p, const char *key, const char *value)
{
	int r;

	if (strcmp(key, "Address") == 0) {
		r = value_parse_address(value, &p->sink->address);
		if (r < 0)
			complain_value(p, key, value, r, "an IPv4 address of this host, :PORT");
	} else if (strcmp(key, "Rate") == 0) {
		r = value_parse_number(value, CONFIG_RATE_MIN, CONFIG_RATE_MAX, &p->sink->rate_bps);
		if (r < 0)
			complain_value(p, key, value, r, "1000000 to 30000000 bits a second");
	} else {
		complain(p, "a sink has the keys Address and Rate; the line is ignored");
	}
}

static void set_daemon(struct place *p, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		int r;

		if (strcmp(keys[i].key, key) != 0)
			continue;
		r = keys[i].set(p->config, value);
		if (r < 0)
			complain_value(p, key, value, r, keys[i].allowed);
		return;
	}
	complain(p, "no such key: see miracastd.conf(5); the line is ignored");
}

static size_t trim(const char **text, size_t size)
{
	while (size > 0 && strchr(" \t\r", **text)) {
		(*text)++;
		size--;
	}
	while (size > 0 && strchr(" \t\r", (*text)[size - 1]))
		size--;
	return size;
}

static void parse_assignment(struct place *p, const char *line, size_t size)
{
	const char *equals = memchr(line, '=', size);
	char key_text[64], value_text[CONFIG_LINE_MAX];
	size_t key_size, value_size;
	const char *value;

	if (!equals) {
		complain(p, "a line is KEY=VALUE, [SECTION], empty, or begins with #; it is ignored");
		return;
	}
	value = equals + 1;
	value_size = trim(&value, size - (size_t)(value - line));
	key_size = trim(&line, (size_t)(equals - line));
	if (key_size == 0 || key_size >= sizeof(key_text)) {
		complain(p, "no such key: see miracastd.conf(5); the line is ignored");
		return;
	}
	memcpy(key_text, line, key_size);
	key_text[key_size] = '\0';
	memcpy(value_text, value, value_size);
	value_text[value_size] = '\0';
	if (p->sink)
		set_sink(p, key_text, value_text);
	else
		set_daemon(p, key_text, value_text);
}

static void parse_line(struct place *p, const char *line, size_t size)
{
	size = trim(&line, size);
	if (size == 0 || *line == '#' || *line == ';')
		return;
	if (size >= CONFIG_LINE_MAX || memchr(line, '\0', size))
		complain(p, "longer than 1023 bytes, or not a text; the line is ignored");
	else if (*line == '[')
		enter_section(p, line, size);
	else if (p->is_known)
		parse_assignment(p, line, size);
}

void config_parse(struct config *c, const char *file, const char *text, size_t size,
		  config_problem problem, void *userdata)
{
	struct place place = { c, NULL, file, 0, problem, userdata, false };
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)) ?: end;

		place.line++;
		parse_line(&place, text, (size_t)(newline - text));
		text = newline + (newline < end);
	}
}

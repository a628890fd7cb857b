// SPDX-License-Identifier: GPL-2.0-or-later
/* miracastd.conf: whatever is in it, every value ends up in its range and every problem is short. */
#include "config.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_problem(void *userdata, const char *file, unsigned int line, const char *text)
{
	(void)userdata;
	assert(strcmp(file, "fuzz") == 0 && line > 0);
	assert(strlen(text) < 512);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;

	config_init(&c);
	config_parse(&c, "fuzz", (const char *)data, size, on_problem, NULL);
	assert(c.source == SESSION_SOURCE_DEVICE || c.source == SESSION_SOURCE_PATTERN);
	assert(c.max_rate_bps >= CONFIG_RATE_MIN && c.max_rate_bps <= CONFIG_RATE_MAX);
	assert(c.max_sessions >= 1 && c.max_sessions <= CONFIG_HEADS_MAX);
	assert(strlen(c.device) < CONFIG_PATH_SIZE && strlen(c.interface) < sizeof(c.interface));
	assert(c.n_sinks <= CONFIG_SINKS_MAX);
	for (size_t i = 0; i < c.n_sinks; i++)
		assert(*c.sinks[i].name && strlen(c.sinks[i].name) < CONFIG_NAME_SIZE);
	return 0;
}

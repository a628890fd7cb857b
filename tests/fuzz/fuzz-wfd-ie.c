// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wi-Fi Display elements and names from the air: whatever comes, the result is the same twice, what
 * is refused leaves the result alone, and a cleaned name is valid and stays as it is.
 */
#include "link/wfd-ie.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const uint8_t *data, size_t size)
{
	char name[WFD_NAME_SIZE], again[WFD_NAME_SIZE];

	wfd_name_clean(data, size, name);
	assert(strlen(name) < WFD_NAME_SIZE);
	for (const char *c = name; *c; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	wfd_name_clean(name, strlen(name), again);
	assert(strcmp(name, again) == 0);
}

/* What we say of ourselves is understood as that, and not as a sink. */
static void check_own(uint16_t port, uint16_t throughput_mbps)
{
	uint8_t own[WFD_IE_SOURCE_SIZE];
	struct wfd_ie ie;

	wfd_ie_format_source(port, throughput_mbps, own);
	assert(wfd_ie_parse(own, sizeof(own), &ie) == 0);
	assert(ie.role == WFD_ROLE_SOURCE && ie.is_available && !wfd_ie_is_sink(&ie));
	assert((ie.control_port == port || port == 0) && ie.throughput_mbps == throughput_mbps);
	assert(!ie.has_content_protection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wfd_ie ie, untouched;
	int r;

	check_name(data, size);
	if (size >= 4)
		check_own((uint16_t)(data[0] << 8 | data[1]), (uint16_t)(data[2] << 8 | data[3]));
	memset(&ie, 0x5a, sizeof(ie));
	untouched = ie;
	r = wfd_ie_parse(data, size, &ie);
	assert(r == 0 || r == -ENOENT || r == -EBADMSG || r == -EMSGSIZE);
	if (r < 0) {
		assert(memcmp(&ie, &untouched, sizeof(ie)) == 0);
		return 0;
	}
	assert(ie.control_port != 0 && ie.role <= WFD_ROLE_DUAL);
	assert(wfd_ie_is_sink(&ie) == (ie.role == 1 || ie.role == 3));
	return 0;
}

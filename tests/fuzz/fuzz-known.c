// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of remembered sinks: whatever stands in it, what is read can be written and read again. */
#include "link/known.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct known k, again;
	static char text[KNOWN_FILE_MAX], second[KNOWN_FILE_MAX];

	known_parse((const char *)data, size, &k);
	assert(k.n <= KNOWN_MAX);
	for (size_t i = 0; i < k.n; i++) {
		assert(k.sinks[i].ssid_size <= KNOWN_SSID_SIZE);
		assert(k.sinks[i].intent >= -1 && k.sinks[i].intent <= 15);
		assert(known_find(&k, k.sinks[i].address) == &k.sinks[i]);
	}
	assert(known_format(&k, text, sizeof(text)) == 0);
	known_parse(text, strlen(text), &again);
	assert(known_format(&again, second, sizeof(second)) == 0);
	assert(strcmp(text, second) == 0);
	if (k.n > 0) {
		uint8_t last[LINK_ADDRESS_SIZE];

		memcpy(last, k.sinks[k.n - 1].address, sizeof(last));
		assert(known_use(&k, last) == k.sinks && memcmp(k.sinks[0].address, last, 6) == 0);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EDIDs in both directions: a sink's is judged by its base block alone, whatever it is or claims to
 * be; the one that we make for a sink, of any name and mode, is one that we would take ourselves.
 */
#include "display/edid.h"
#include "rtsp/wfd-edid.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_preferred(const uint8_t *edid, size_t size)
{
	uint16_t width = 0, height = 0;
	bool found = wfd_edid_preferred_size(edid, size, &width, &height);

	assert(found == (width && height));
	assert(!found || (wfd_edid_is_valid(edid, size) && width <= 4095 && height <= 4095));
}

/* Header and sum made right, as no fuzzer would find them; then each bit of the sum counts. */
static void check_mended(const uint8_t *data, size_t size)
{
	static const uint8_t header[8] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	uint8_t edid[2 * WFD_EDID_BLOCK] = { 0 }, sum = 0;

	memcpy(edid, data, size < sizeof(edid) ? size : sizeof(edid));
	memcpy(edid, header, sizeof(header));
	for (size_t i = 0; i + 1 < WFD_EDID_BLOCK; i++)
		sum = (uint8_t)(sum + edid[i]);
	edid[WFD_EDID_BLOCK - 1] = (uint8_t)(0u - sum);
	assert(wfd_edid_is_valid(edid, sizeof(edid)) && wfd_edid_is_valid(edid, WFD_EDID_BLOCK));
	assert(!wfd_edid_is_valid(edid, WFD_EDID_BLOCK - 1));
	check_preferred(edid, sizeof(edid));
	edid[WFD_EDID_BLOCK - 1]++;
	assert(!wfd_edid_is_valid(edid, sizeof(edid)));
	check_preferred(edid, sizeof(edid));
}

static void check_made(const uint8_t *data, size_t size)
{
	char name[64] = "";
	struct edid_identity identity = { .name = name, .id = data, .id_size = size };
	struct media_mode mode = { .width = 640, .height = 480, .refresh_hz = 60 };
	uint8_t edid[EDID_BLOCK_SIZE];
	uint16_t width = 0, height = 0;

	if (size >= 5) {
		mode.width = (uint16_t)(16 + (data[0] | data[1] << 8) % 4080) & ~1u;
		mode.height = (uint16_t)(16 + (data[2] | data[3] << 8) % 4080) & ~1u;
		mode.refresh_hz = 24 + data[4] % 37;
	}
	memcpy(name, data, size < sizeof(name) - 1 ? size : sizeof(name) - 1);
	edid_make(&identity, &mode, edid);
	assert(wfd_edid_is_valid(edid, sizeof(edid)));
	assert(wfd_edid_preferred_size(edid, sizeof(edid), &width, &height));
	assert(width == mode.width && height == mode.height);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_preferred(data, size);
	check_mended(data, size);
	check_made(data, size);
	return 0;
}

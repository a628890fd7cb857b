// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The header lines of a clip: what is accepted is a clip that memory can hold, a line that is cut
 * anywhere is waited for or refused, and what is refused is told in words that a log may show.
 */
#include "capture/y4m.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const struct y4m_header *h)
{
	assert(h->width >= 16 && h->width <= 8192 && h->height >= 16 && h->height <= 8192);
	assert(h->rate_num > 0 && h->rate_den > 0 && h->rate_num / h->rate_den <= 1000);
	assert(y4m_frame_size(h) >= (size_t)h->width * h->height * 3 / 2);
	assert(y4m_frame_size(h) <= 8192u * 8192u * 3 / 2);
}

/* Without its end the same line is not complete, wherever it is cut; refused it may be earlier. */
static void check_cuts(const uint8_t *data, size_t length)
{
	struct y4m_header h;
	char why[Y4M_WHY_SIZE];

	for (size_t cut = 0; cut < length; cut += 1 + cut / 8)
		assert(y4m_parse_header(data, cut, &h, why) == -EAGAIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct y4m_header h, untouched;
	char why[Y4M_WHY_SIZE] = "";
	int r, frame;

	memset(&h, 0x5a, sizeof(h));
	untouched = h;
	r = y4m_parse_header(data, size, &h, why);
	assert(r > 0 || r == -EAGAIN || r == -EBADMSG);
	if (r > 0) {
		assert((size_t)r <= size && r <= Y4M_HEADER_MAX && data[r - 1] == '\n');
		check_header(&h);
		check_cuts(data, (size_t)r);
	} else {
		assert(memcmp(&h, &untouched, sizeof(h)) == 0);
		assert((r == -EBADMSG) == (why[0] != '\0'));
		assert(size < Y4M_HEADER_MAX || r == -EBADMSG);
	}
	frame = y4m_parse_frame_header(data, size);
	assert(frame > 0 || frame == -EAGAIN || frame == -EBADMSG);
	assert(frame <= (int)size && frame <= Y4M_HEADER_MAX);
	return 0;
}

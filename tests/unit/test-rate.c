// SPDX-License-Identifier: GPL-2.0-or-later
#include "rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static uint64_t start(uint64_t current, uint64_t local, uint64_t remote)
{
	struct session_link_stats stats = { current, local, remote };

	return rate_at_start(&stats);
}

static void test_start(void **state)
{
	(void)state;
	assert_int_equal(start(10000000, 0, 0), 10000000);
	assert_int_equal(start(10000000, 8000000, 0), 8000000);
	assert_int_equal(start(10000000, 8000000, 5000000), 5000000);
	assert_int_equal(start(1, 0, 0), RATE_MIN_BPS);
	assert_int_equal(start(UINT64_MAX, UINT64_MAX, UINT64_MAX), RATE_MAX_BPS);
}

/* Video and sound and the headers of both together stay within the stream's rate. */
static void test_video_share(void **state)
{
	(void)state;
	for (uint64_t bps = RATE_MIN_BPS; bps <= RATE_MAX_BPS; bps += 500000) {
		assert_true(rate_for_video(bps, MEDIA_AUDIO_NONE) < bps);
		assert_true(rate_for_video(bps, MEDIA_AUDIO_NONE) > bps * 9 / 10);
		assert_true(rate_for_video(bps, MEDIA_AUDIO_LPCM) > 0);
		assert_true(rate_for_video(bps, MEDIA_AUDIO_LPCM) <
			    rate_for_video(bps, MEDIA_AUDIO_AAC));
	}
	assert_int_equal(rate_max_frame_bytes(8000000), 250000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_video_share),
	};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what is pure in the module: composition, damage, argument checks.
 *
 * Takes the module's sources in whole, so that their static functions are at hand and need no
 * export. What these do with hardware and user space, the cases of tests/vm test.
 */
#include <kunit/test.h>
#include <linux/module.h>

/* The card itself is not wanted. */
#pragma push_macro("module_init")
#pragma push_macro("module_exit")
#pragma push_macro("__init")
#pragma push_macro("__exit")
#undef module_init
#undef module_exit
#undef __init
#undef __exit
#define module_init(function)
#define module_exit(function)
#define __init __maybe_unused
#define __exit __maybe_unused
#include "miracast_drv.c"
#include "miracast_connector.c"
#include "miracast_crtc.c"
#include "miracast_writeback.c"
#include "miracast_node.c"
#include "miracast_stream.c"
#pragma pop_macro("module_init")
#pragma pop_macro("module_exit")
#pragma pop_macro("__init")
#pragma pop_macro("__exit")

#define SIDE 24 /* pixels */

static u32 pixel_of(u32 x, u32 y)
{
	return 0x40000000 | y << 12 | x;
}

static u32 *make_picture(struct kunit *test, u32 pitch, bool fill)
{
	u32 *pixels = kunit_kzalloc(test, pitch * SIDE, GFP_KERNEL);
	u32 x, y;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pixels);
	for (y = 0; fill && y < SIDE; y++)
		for (x = 0; x < SIDE; x++)
			pixels[y * pitch / 4 + x] = pixel_of(x, y);
	return pixels;
}

struct copy_case {
	u32 dst_pitch, src_pitch;
	struct miracast_rect rect;
	bool black, uncached;
};

static void test_copy(struct kunit *test)
{
	static const struct copy_case cases[] = {
		{ SIDE * 4, SIDE * 4, { 0, 0, SIDE, SIDE } },
		{ SIDE * 4, 256, { 0, 0, SIDE, SIDE } },
		{ 256, SIDE * 4, { 0, 0, SIDE, SIDE } },
		{ 100, 128, { 3, 5, 4, 6 } },
		{ 100, 128, { 0, SIDE - 1, SIDE, SIDE } },
		{ 100, 128, { SIDE - 1, 0, SIDE, SIDE } },
		{ 100, 128, { 7, 7, 7, 20 } },
		{ 100, 128, { 7, 7, 20, 7 } },
		{ 100, 128, {} },
		{ 128, 100, { 1, 2, 23, 22 }, .uncached = true },
		{ 128, 100, { 1, 2, 23, 22 }, .black = true },
	};
	u32 x, y, i, expected;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct copy_case *c = &cases[i];
		u32 *from = make_picture(test, c->src_pitch, true);
		u32 *to = make_picture(test, c->dst_pitch, false);
		struct iosys_map src = IOSYS_MAP_INIT_VADDR(from);
		struct iosys_map dst = IOSYS_MAP_INIT_VADDR(to);

		memset(to, 0x55, c->dst_pitch * SIDE);
		miracast_copy(&dst, c->dst_pitch, c->black ? NULL : &src, c->src_pitch, &c->rect,
			      c->uncached);
		for (y = 0; y < SIDE; y++) {
			for (x = 0; x < c->dst_pitch / 4; x++) {
				expected = 0x55555555;
				if (x >= c->rect.x1 && x < c->rect.x2 && y >= c->rect.y1 &&
				    y < c->rect.y2)
					expected = c->black ? 0 : pixel_of(x, y);
				KUNIT_ASSERT_EQ_MSG(test, to[y * c->dst_pitch / 4 + x], expected,
						    "case %u at %u, %u", i, x, y);
			}
		}
	}
}

static void test_crc(struct kunit *test)
{
	u32 *picture = make_picture(test, 128, true);
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(picture);
	u32 crc = miracast_picture_crc(&map, 128, SIDE, SIDE);

	picture[5] ^= 0xff000000;
	picture[SIDE] ^= 1;
	KUNIT_EXPECT_EQ_MSG(test, miracast_picture_crc(&map, 128, SIDE, SIDE), crc,
			    "neither the fourth byte nor what lies beside the picture counts");
	picture[5] ^= 1;
	KUNIT_EXPECT_NE(test, miracast_picture_crc(&map, 128, SIDE, SIDE), crc);
}

static void expect_damage(struct kunit *test, struct miracast_head *head, u64 seq, u32 x1, u32 y1,
			  u32 x2, u32 y2)
{
	struct miracast_rect got;

	spin_lock_irq(&head->lock);
	got = miracast_damage_since(head, seq);
	spin_unlock_irq(&head->lock);
	KUNIT_EXPECT_EQ_MSG(test, got.x1, x1, "since %llu", seq);
	KUNIT_EXPECT_EQ_MSG(test, got.y1, y1, "since %llu", seq);
	KUNIT_EXPECT_EQ_MSG(test, got.x2, x2, "since %llu", seq);
	KUNIT_EXPECT_EQ_MSG(test, got.y2, y2, "since %llu", seq);
}

static void test_damage(struct kunit *test)
{
	struct miracast_head *head = kunit_kzalloc(test, sizeof(*head), GFP_KERNEL);
	u64 seq;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, head);
	spin_lock_init(&head->lock);
	head->frame.is.width = 640;
	head->frame.is.height = 480;
	head->base_seq = 10;
	for (seq = 10; seq <= 100; seq++)
		head->damage[seq % MIRACAST_DAMAGE_HISTORY] = DRM_RECT_INIT(seq, 2 * seq, 1, 2);
	head->damage[99 % MIRACAST_DAMAGE_HISTORY] = (struct drm_rect){};
	head->frame.is.sequence = 100;

	expect_damage(test, head, 100, 0, 0, 0, 0);
	expect_damage(test, head, 99, 100, 200, 101, 202);
	expect_damage(test, head, 98, 100, 200, 101, 202);
	expect_damage(test, head, 97, 98, 196, 101, 202);
	expect_damage(test, head, 100 - MIRACAST_DAMAGE_HISTORY, 69, 138, 101, 202);
	/* Older than is remembered, from the future, unknown. */
	expect_damage(test, head, 99 - MIRACAST_DAMAGE_HISTORY, 0, 0, 640, 480);
	expect_damage(test, head, 101, 0, 0, 640, 480);
	expect_damage(test, head, U64_MAX, 0, 0, 640, 480);
	expect_damage(test, head, 0, 0, 0, 640, 480);
	/* A frame of another size came in between. */
	head->base_seq = 98;
	expect_damage(test, head, 97, 0, 0, 640, 480);
	expect_damage(test, head, 98, 100, 200, 101, 202);
}

static const struct miracast_mode vga = { 25175, 640, 656, 752, 800, 480, 490, 492, 525, 0xa };

static void test_modes(struct kunit *test)
{
	static const struct {
		u32 clock;
		u16 hdisplay, htotal, vdisplay, vtotal;
		u32 flags;
		bool good;
		u16 vscan;
	} cases[] = {
		{ 25175, 640, 800, 480, 525, 0xa, true },
		{ 297000, 3840, 5500, 2160, 2250, 0x5, true }, /* 23.98 Hz and its like */
		{ 296703, 3840, 5500, 2160, 2250, 0x5, true },
		{ 594000, 4096, 4400, 2160, 2250, 0x5, true },
		{ 25175, 640, 800, 480, 525, DRM_MODE_FLAG_INTERLACE, false },
		{ 25175, 640, 800, 480, 525, DRM_MODE_FLAG_3D_FRAME_PACKING, false },
		{ 25175, 640, 0, 480, 525, 0, false },
		{ 25175, 640, 800, 480, 0, 0, false },
		{ 0, 640, 800, 480, 525, 0, false },
		{ INT_MAX, 640, 800, 480, 525, 0, false },
		{ 601000, 4096, 4400, 2160, 2250, 0, false },
		{ 200000, 4097, 4400, 1080, 1125, 0, false },
		{ 500000, 1920, 2200, 2305, 2400, 0, false },
		{ 9000, 640, 800, 480, 525, 0, false },	 /* 21 Hz */
		{ 52000, 640, 800, 480, 525, 0, false }, /* 124 Hz */
		{ 600000, 640, 65535, 480, 65535, 0, false },
		{ 25175, 640, 800, 480, 525, 0xa, true, 1 },
		{ 25175, 640, 800, 480, 525, 0xa, false, 2 },
		{ 576, 64, 80, 48, 60, 0xa, false, 65535 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct drm_display_mode mode = {
			.clock = cases[i].clock,
			.hdisplay = cases[i].hdisplay,
			.htotal = cases[i].htotal,
			.vdisplay = cases[i].vdisplay,
			.vtotal = cases[i].vtotal,
			.flags = cases[i].flags,
			.vscan = cases[i].vscan,
		};

		KUNIT_EXPECT_EQ_MSG(test, miracast_mode_valid(NULL, &mode) == MODE_OK,
				    cases[i].good, "case %u", i);
	}
}

static void test_offers(struct kunit *test)
{
	struct miracast_display *display =
		kunit_kzalloc(test, struct_size(display, modes, 1), GFP_KERNEL);
	struct drm_display_mode mode = {};

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, display);
	display->count = 1;
	miracast_mode_copy(&display->modes[0], &vga);
	miracast_mode_copy(&mode, &vga);
	KUNIT_EXPECT_TRUE(test, miracast_display_offers(display, &mode));
	mode.clock++;
	KUNIT_EXPECT_FALSE(test, miracast_display_offers(display, &mode));
	mode.clock--;
	mode.hsync_end++;
	KUNIT_EXPECT_FALSE(test, miracast_display_offers(display, &mode));
	mode.hsync_end--;
	mode.flags ^= DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_NHSYNC;
	KUNIT_EXPECT_FALSE(test, miracast_display_offers(display, &mode));
}

static void seal(u8 *block)
{
	unsigned int i;

	block[127] = 0;
	for (i = 0; i < 127; i++)
		block[127] -= block[i];
}

static void test_edid(struct kunit *test)
{
	u8 *edid = kunit_kzalloc(test, 256, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, edid);
	memset(edid + 1, 0xff, 6);
	edid[18] = 1;
	seal(edid);
	KUNIT_EXPECT_TRUE(test, miracast_edid_valid(edid, 128));
	KUNIT_EXPECT_TRUE(test, miracast_edid_valid(edid, 256));
	KUNIT_EXPECT_FALSE(test, miracast_edid_valid(edid, 0));
	KUNIT_EXPECT_FALSE(test, miracast_edid_valid(edid, 127));
	edid[200] = 1;
	KUNIT_EXPECT_FALSE(test, miracast_edid_valid(edid, 256));
	seal(edid + 128);
	KUNIT_EXPECT_TRUE(test, miracast_edid_valid(edid, 256));
	edid[126] = 1;
	seal(edid);
	KUNIT_EXPECT_TRUE(test, miracast_edid_valid(edid, 256));
	KUNIT_EXPECT_FALSE(test, miracast_edid_valid(edid, 128));
	edid[18] = 2;
	seal(edid);
	KUNIT_EXPECT_FALSE(test, miracast_edid_valid(edid, 256));
	edid[18] = 1;
	edid[3] = 0;
	seal(edid);
	KUNIT_EXPECT_FALSE(test, miracast_edid_valid(edid, 256));
}

static void test_queue(struct kunit *test)
{
	const struct miracast_queue good = { .pitch = 2560, .width = 640, .height = 480,
					     .format = DRM_FORMAT_XRGB8888 };
	struct miracast_queue queue;

#define REFUSED(member, value)                                                                     \
	do {                                                                                       \
		queue = good;                                                                      \
		queue.member = value;                                                              \
		KUNIT_EXPECT_FALSE_MSG(test, miracast_queue_valid(&queue), #member " " #value);    \
	} while (0)
	KUNIT_EXPECT_TRUE(test, miracast_queue_valid(&good));
	REFUSED(flags, 1);
	REFUSED(pad, 1);
	REFUSED(format, DRM_FORMAT_ARGB8888);
	REFUSED(width, 0);
	REFUSED(width, 641);
	REFUSED(width, 0x40000000);
	REFUSED(height, 0);
	REFUSED(height, MIRACAST_MAX_HEIGHT + 1);
	REFUSED(pitch, 2556);
	REFUSED(pitch, 2562);
	REFUSED(offset, 2);
#undef REFUSED
}

static struct kunit_case miracast_cases[] = {
	KUNIT_CASE(test_copy),	KUNIT_CASE(test_crc),  KUNIT_CASE(test_damage),
	KUNIT_CASE(test_modes), KUNIT_CASE(test_offers), KUNIT_CASE(test_edid),
	KUNIT_CASE(test_queue), {},
};

static struct kunit_suite miracast_suite = { .name = "miracast", .test_cases = miracast_cases };

kunit_test_suite(miracast_suite);

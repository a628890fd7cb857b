// SPDX-License-Identifier: GPL-2.0-or-later
/* A sink's parameters: odd but valid answers, A to Z, and hostile ones. */
#include "rtsp/wfd-params.h"

#include "rtsp/wfd-edid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wfd_sink sink;
static uint64_t seen;

static void parse(const char *body)
{
	memset(&sink, 0, sizeof(sink));
	wfd_sink_parse(&sink, text_from(body), &seen);
}

static bool is_malformed(enum wfd_param param)
{
	return sink.malformed & WFD_PARAM_BIT(param);
}

static void test_a_minimal(void **state)
{
	(void)state;
	parse("wfd_video_formats: 00 00 01 01 00000001 00000000 00000000 00 0000 0000 00 none "
	      "none\r\n"
	      "wfd_audio_codecs: LPCM 00000002 00\r\n"
	      "wfd_client_rtp_ports: RTP/AVP/UDP;unicast 1028 0 mode=play\r\n");
	assert_int_equal(sink.video.n_codecs, 1);
	assert_int_equal(sink.video.codecs[0].profiles, 1);
	assert_int_equal(sink.video.codecs[0].max_level_idc, 31);
	assert_int_equal(sink.video.codecs[0].modes[WFD_TABLE_CEA], 1);
	assert_int_equal(sink.video.codecs[0].max_slices, 1);
	assert_int_equal(sink.audio.lpcm, 2);
	assert_int_equal(sink.rtp.port, 1028);
	assert_int_equal(sink.malformed, 0);
	assert_true(wfd_sink_has_monitor(&sink));
	assert_false(wfd_sink_get_native(&sink, &(struct media_mode){ 0 }));
}

static void test_b_two_codecs(void **state)
{
	struct media_mode native;

	(void)state;
	parse("wfd_client_rtp_ports: RTP/AVP/UDP;unicast 53000 0 mode=play\r\n"
	      "wfd_audio_codecs: LPCM 00000003 00, AAC 0000000f 00, AC3 00000000 00\r\n"
	      "wfd_video_formats: 40 00 01 10 0001bdeb 3fffffff 00000fff 00 0000 0000 11 none "
	      "none, "
	      "02 10 0001BDEB 3FFFFFFF 00000FFF 00 0000 0000 11 none none\r\n"
	      "wfd_content_protection: none\r\n");
	assert_int_equal(sink.video.n_codecs, 2);
	assert_int_equal(sink.video.codecs[1].profiles, 2);
	assert_int_equal(sink.video.codecs[1].max_level_idc, 42);
	assert_int_equal(sink.video.codecs[0].modes[WFD_TABLE_VESA], 0x1fffffff);
	assert_int_equal(sink.video.codecs[0].modes[WFD_TABLE_CEA], 0x1bdeb);
	assert_int_equal(sink.video.codecs[0].frame_rate_control, 0x11);
	assert_int_equal(sink.audio.lpcm, 3);
	assert_int_equal(sink.audio.aac, 15);
	assert_int_equal(sink.audio.ac3, 0);
	assert_true(wfd_sink_get_native(&sink, &native));
	assert_int_equal(native.width, 1920);
	assert_int_equal(native.refresh_hz, 60);
	assert_false(wfd_sink_has(&sink, WFD_PARAM_CONTENT_PROTECTION));
	assert_true(seen & WFD_PARAM_BIT(WFD_PARAM_CONTENT_PROTECTION));
}

static void test_c_numeric_maximum(void **state)
{
	(void)state;
	parse("wfd_video_formats: 38 01 01 08 00000081 00000000 00000000 02 0040 0003 13 0780 "
	      "0438, "
	      "02 08 00000081 00000000 00000000 02 0040 0003 13 none none\r\n");
	assert_int_equal(sink.video.n_codecs, 2);
	assert_true(sink.video.preferred_mode_supported);
	assert_int_equal(sink.video.codecs[0].max_width, 1920);
	assert_int_equal(sink.video.codecs[0].max_height, 1080);
	assert_int_equal(sink.video.codecs[0].min_slice_size, 64);
	assert_int_equal(sink.video.codecs[0].max_slices, 4);
	assert_int_equal(sink.video.codecs[0].latency, 2);
	assert_int_equal(sink.video.codecs[1].max_width, 0);
}

static void test_d_to_h_spelling(void **state)
{
	(void)state;
	parse("wfd_client_rtp_ports:RTP/AVP/UDP;unicast\t16384  0 mode=play\r\n"
	      "wfd_audio_codecs : LPCM 00000002 00  \r\n");
	assert_int_equal(sink.rtp.port, 16384);
	assert_string_equal(sink.rtp.text, "RTP/AVP/UDP;unicast\t16384  0 mode=play");
	assert_int_equal(sink.audio.lpcm, 2);
	parse("wfd_audio_codecs: LPCM 00000003 00,AAC 00000001 00\n"
	      "wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n"
	      "WFD_Connector_TYPE: 05");
	assert_int_equal(sink.audio.lpcm, 3);
	assert_int_equal(sink.audio.aac, 1);
	assert_int_equal(sink.rtp.port, 19000);
	assert_int_equal(sink.connector_type, 5);
	parse("WFD_Audio_Codecs: lpcm 00000002 00");
	assert_int_equal(sink.audio.lpcm, 2);
	parse("\xef\xbb\xbfwfd_standby_resume_capability: supported");
	assert_true(sink.standby);
}

static void test_i_j_one_sided(void **state)
{
	(void)state;
	parse("wfd_video_formats: none\r\nwfd_audio_codecs: LPCM 00000002 00\r\n");
	assert_false(wfd_sink_has_monitor(&sink));
	assert_false(is_malformed(WFD_PARAM_VIDEO_FORMATS));
	assert_int_equal(sink.audio.lpcm, 2);
	parse("wfd_audio_codecs: none\r\n");
	assert_false(wfd_sink_has(&sink, WFD_PARAM_AUDIO_CODECS));
}

static void test_k_l_native(void **state)
{
	struct media_mode native;

	(void)state;
	parse("wfd_video_formats: 00 00 03 1f 0001ffff 1fffffff 00000fff 00 0000 0000 00 none "
	      "none");
	assert_int_equal(sink.video.codecs[0].profiles, 3);
	assert_int_equal(sink.video.codecs[0].max_level_idc, 42);
	parse("wfd_video_formats: 4A 00 01 01 00000001 00000000 00000001 00 0000 0000 00 none "
	      "none");
	assert_true(wfd_sink_get_native(&sink, &native));
	assert_int_equal(native.width, 960);
	assert_int_equal(native.height, 540);
	assert_int_equal(native.refresh_hz, 60);
}

static void test_m_duplicate(void **state)
{
	(void)state;
	parse("wfd_client_rtp_ports: RTP/AVP/UDP;unicast 1111 0 mode=play\r\n"
	      "WFD_client_rtp_ports: RTP/AVP/UDP;unicast 2222 0 mode=play\r\n");
	assert_int_equal(sink.rtp.port, 1111);
	/* A second body is news, not a duplicate. */
	wfd_sink_parse(&sink, text_from("wfd_client_rtp_ports: RTP/AVP/UDP;unicast 3333 0"), NULL);
	assert_int_equal(sink.rtp.port, 3333);
}

static void test_n_chatter(void **state)
{
	(void)state;
	parse("intel_sink_version: product_ID=0000 hw_version=1.0.0.0 sw_version=2.3.4\r\n"
	      "x_unknown_thing\r\nwfd_connector_type:\r\nwfd_vnd_abc: 1:2:3\r\n:\r\n : \r\n"
	      "intel_friendly_name: Liv\xc3\xa9ng \x1b[31m<b>\r\n"
	      "intel_sink_manufacturer_name: \r\nintel_sink_model_name: none\r\n"
	      "intel_sink_device_URL: http://x/\r\n");
	assert_string_equal(sink.version, "product_ID=0000 hw_version=1.0.0.0 sw_version=2.3.4");
	assert_string_equal(sink.friendly_name, "Liv\xc3\xa9ng ?[31m<b>");
	assert_string_equal(sink.manufacturer, "");
	assert_string_equal(sink.model, "");
	assert_string_equal(sink.device_url, "http://x/");
	assert_int_equal(sink.malformed, 0);
}

/* "wfd_display_edid: " count, blocks of a made EDID in hex, what follows. */
static const char *edid_line(const char *count, size_t digits, const char *tail)
{
	static char line[70000];
	uint8_t edid[WFD_EDID_BLOCK] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	int used = snprintf(line, sizeof(line), "wfd_display_edid: %s ", count);

	edid[54] = 1; /* a clock, then 1280x720 */
	edid[56] = 0x00, edid[58] = 0x50, edid[59] = 0xd0, edid[61] = 0x20;
	edid[127] = (uint8_t)(0 - (6 * 255 + 1 + 0x50 + 0xd0 + 0x20));
	for (size_t i = 0; i < digits; i++) {
		uint8_t byte = edid[i / 2 % WFD_EDID_BLOCK];

		line[used++] = "0123456789abcdef"[i % 2 ? byte & 15 : byte >> 4];
	}
	(void)snprintf(line + used, sizeof(line) - (size_t)used, "%s\r\n", tail);
	return line;
}

static void test_o_edid(void **state)
{
	uint16_t width, height;

	(void)state;
	parse("wfd_display_edid: 0000 none");
	assert_int_equal(sink.edid_size, 0);
	assert_false(is_malformed(WFD_PARAM_DISPLAY_EDID));
	parse(edid_line("0001", 256, ""));
	assert_int_equal(sink.edid_size, 128);
	assert_true(wfd_edid_preferred_size(sink.edid, sink.edid_size, &width, &height));
	assert_int_equal(width, 1280);
	assert_int_equal(height, 720);
	parse(edid_line("0002", 256, ""));
	assert_int_equal(sink.edid_size, 128);
	parse(edid_line("000a", 2560, ""));
	assert_int_equal(sink.edid_size, 1280);
	parse(edid_line("FFFF", 256, ""));
	assert_int_equal(sink.edid_size, 128);
	parse(edid_line("FFFF", 65000, ""));
	assert_int_equal(sink.edid_size, 253 * 128);
	parse(edid_line("0002", 511, ""));
	assert_int_equal(sink.edid_size, 128);
	parse(edid_line("0002", 300, "xyz"));
	assert_int_equal(sink.edid_size, 128);
	/* Not one: no count, too short, bad sum, bad header. */
	static const char *const bad[] = { "wfd_display_edid: 0001 00ffffffffffff00",
					   "wfd_display_edid: 0001", "wfd_display_edid: 1 zz",
					   "wfd_display_edid: 00010 -1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse(bad[i]);
		assert_true(is_malformed(WFD_PARAM_DISPLAY_EDID));
		assert_int_equal(sink.edid_size, 0);
	}
	parse(edid_line("0000", 256, ""));
	assert_int_equal(sink.edid_size, 0);
}

static void test_edid_nonsense(void **state)
{
	uint8_t edid[256] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	uint16_t width, height;

	(void)state;
	edid[127] = (uint8_t)(0 - 6 * 255);
	assert_true(wfd_edid_is_valid(edid, 128));
	assert_false(wfd_edid_is_valid(edid, 127));
	assert_false(wfd_edid_is_valid(edid, 0));
	/* No clock: no timing. A clock, but nothing of a size. */
	assert_false(wfd_edid_preferred_size(edid, 128, &width, &height));
	edid[54] = 1;
	edid[127]--;
	assert_false(wfd_edid_preferred_size(edid, 128, &width, &height));
	edid[56] = 1;
	assert_false(wfd_edid_preferred_size(edid, 128, &width, &height));
	edid[126] = 255; /* extension blocks that are not there */
	edid[127] = (uint8_t)(0 - (6 * 255 + 2 + 255));
	assert_true(wfd_edid_is_valid(edid, 128));
}

static void test_p_content_protection(void **state)
{
	(void)state;
	parse("wfd_content_protection: HDCP2.1 port=53002");
	assert_int_equal(sink.hdcp_version, 0x21);
	assert_int_equal(sink.hdcp_port, 53002);
	parse("wfd_content_protection: hdcp2.0 port=1189");
	assert_int_equal(sink.hdcp_version, 0x20);
	parse("wfd_content_protection: HDCP2.2 port=1189 ");
	assert_int_equal(sink.hdcp_version, 0x22);
	static const char *const bad[] = { "HDCP9.9 port=1",  "HDCP2.1 port=0", "HDCP2.1",
					   "HDCP2.1 port=-1", "HDCP2.x port=1", "HDCP2. port=1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[128];

		(void)snprintf(line, sizeof(line), "wfd_content_protection: %s", bad[i]);
		parse(line);
		assert_true(is_malformed(WFD_PARAM_CONTENT_PROTECTION));
		assert_int_equal(sink.hdcp_version, 0);
	}
}

static void test_q_uibc(void **state)
{
	static char line[20000];
	size_t used;

	(void)state;
	parse("wfd_uibc_capability: input_category_list=GENERIC, HIDC;generic_cap_list=Mouse, "
	      "Keyboard;hidc_cap_list=Mouse/USB, Keyboard/No-SP;port=none");
	assert_int_equal(sink.uibc.categories, 3);
	assert_int_equal(sink.uibc.generic, 3);
	assert_int_equal(sink.uibc.n_hidc, 2);
	assert_int_equal(sink.uibc.hidc[0].type, 1);
	assert_int_equal(sink.uibc.hidc[0].path, 1);
	assert_int_equal(sink.uibc.hidc[1].path, 255);
	assert_int_equal(sink.uibc.port, 0);
	parse("wfd_uibc_capability: "
	      "input_category_list=HIDC;hidc_cap_list=MultiTouch/BT;port=7239\r\n"
	      "wfd_uibc_setting: enable");
	assert_int_equal(sink.uibc.categories, 2);
	assert_int_equal(sink.uibc.port, 7239);
	assert_true(sink.uibc_enabled);
	parse("wfd_uibc_capability: none");
	assert_false(wfd_sink_has(&sink, WFD_PARAM_UIBC_CAPABILITY));
	static const char *const bad[] = { "(((", ";;;;;;;;", "port=-1", "input_category_list",
					   "input_category_list=none" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(line, sizeof(line), "wfd_uibc_capability: %s", bad[i]);
		parse(line);
		assert_true(is_malformed(WFD_PARAM_UIBC_CAPABILITY));
	}
	used = (size_t)snprintf(line, sizeof(line),
				"wfd_uibc_capability: input_category_list=HIDC;hidc_cap_list=");
	while (used < sizeof(line) - 20)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "Mouse/USB, ");
	parse(line);
	assert_int_equal(sink.uibc.n_hidc, WFD_HIDC_MAX);
}

static void test_r_second_release(void **state)
{
	(void)state;
	parse("wfd2_video_formats: 22 01 03 007f 0000003ffbdeb 0003bfffffff 000000000fff 00 0000 "
	      "0000 "
	      "11, 02 01 0001 000000000001 000000000000 000000000000 00 0000 0000 11 00\r\n"
	      "wfd2_audio_codecs: LPCM 000001ff 00\r\n"
	      "wfdx_video_formats: 0040 00 0003 00ff 0000000fffff 01ffffffff 00000fff 00 0000 0000 "
	      "00 "
	      "none none\r\n"
	      "wfd_3d_video_formats: 80 00 03 0F 0000000000000005 00 0001 1401 13 none none\r\n"
	      "wfd_preferred_display_mode: 003a3a 0780 0118 0058 002c 0438 002d 0004 0005 00 00 18 "
	      "01 "
	      "01 00000001 00000000 00000000\r\n");
	assert_int_equal(sink.video_2.native, 0x22);
	assert_int_equal(sink.video_2.n_codecs, 2);
	assert_int_equal(sink.video_2.codecs[0].modes[WFD_TABLE_CEA], 0x3ffbdeb);
	assert_int_equal(sink.video_2.codecs[1].codec, 2);
	assert_int_equal(sink.audio_2.lpcm, 0x1ff);
	assert_int_equal(sink.video_x.native, 0x40);
	assert_int_equal(sink.video_x.codecs[0].modes[WFD_TABLE_CEA], 0xfffff);
	assert_int_equal(sink.modes_3d, 5);
	assert_int_equal(sink.preferred_mode.width, 1920);
	assert_int_equal(sink.preferred_mode.height, 1080);
	assert_int_equal(sink.preferred_mode.clock_10khz, 14906);
	assert_true(wfd_sink_has_monitor(&sink));
}

static void test_s_t_ports(void **state)
{
	static const char *const bad[] = { "RTP/AVP/UDP;unicast 0 0 mode=play",
					   "RTP/AVP/UDP;unicast 65536 0 mode=play",
					   "RTP/AVP/UDP;unicast -1 0 mode=play",
					   "RTP/AVP/UDP;unicast 99999999999999999999 0 mode=play",
					   "RTP/AVP/TCP;unicast 19000 0 mode=play",
					   "RTP/AVP/UDP;unicast 19000 0 mode=record",
					   "RTP/AVP/UDP;unicast 19000",
					   "RTP/AVP/UDP;unicast 19000 x mode=play",
					   "x" };
	char line[256];

	(void)state;
	parse("wfd_client_rtp_ports: RTP/AVP/UDP;unicast 65535 0 mode=play");
	assert_int_equal(sink.rtp.port, 65535);
	parse("wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 19002 mode=play");
	assert_int_equal(sink.rtp.port_1, 19002);
	parse("wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0");
	assert_int_equal(sink.rtp.port, 19000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(line, sizeof(line), "wfd_client_rtp_ports: %s", bad[i]);
		parse(line);
		assert_true(is_malformed(WFD_PARAM_CLIENT_RTP_PORTS));
		assert_int_equal(sink.rtp.port, 0);
	}
	(void)snprintf(line, sizeof(line), "wfd_client_rtp_ports: RTP/AVP/UDP;unicast %0120d 0", 9);
	parse(line);
	assert_true(is_malformed(WFD_PARAM_CLIENT_RTP_PORTS));
}

static void test_v_all_none(void **state)
{
	static char body[4096];
	size_t used = 0;

	(void)state;
	for (enum wfd_param p = 0; p < WFD_PARAM_COUNT; p++)
		used += (size_t)snprintf(body + used, sizeof(body) - used, "%s: none\r\n",
					 wfd_param_to_string(p));
	parse(body);
	assert_int_equal(sink.malformed, 0);
	assert_int_equal(sink.present,
			 WFD_PARAM_BIT(WFD_PARAM_IDR_REQUEST) | WFD_PARAM_BIT(WFD_PARAM_STANDBY));
	assert_int_equal(seen, (UINT64_C(1) << WFD_PARAM_COUNT) - 1);
}

static void test_microsoft(void **state)
{
	(void)state;
	parse("microsoft_format_change_capability: supported\r\n"
	      "microsoft_latency_management_capability: supported\r\n"
	      "microsoft_diagnostics_capability: supported\r\n"
	      "microsoft_rtcp_capability: supported\r\n"
	      "microsoft_max_bitrate: 12000000\r\n"
	      "microsoft_video_formats: 0000001fffff\r\n"
	      "microsoft_cursor: full 0x0200 0x0100 50001\r\n"
	      "microsoft_multiscreen_projection: supported\r\n"
	      "microsoft_color_space_conversion: supported\r\n"
	      "wfd_idr_request_capability: 1\r\n"
	      "wfd_coupled_sink: 01 0a0b0c0d0e0f\r\n"
	      "wfd_I2C: 404\r\nwfd_route: secondary\r\n");
	assert_true(sink.format_change && sink.latency_management && sink.diagnostics && sink.rtcp);
	assert_true(sink.multiscreen && sink.color_conversion && sink.idr_requests);
	assert_int_equal(sink.max_bitrate, 12000000);
	assert_int_equal(sink.ms_video_formats, 0x1fffff);
	assert_true(sink.cursor.full);
	assert_int_equal(sink.cursor.max_width, 512);
	assert_int_equal(sink.cursor.port, 50001);
	assert_int_equal(sink.coupled_status, 1);
	assert_int_equal(sink.coupled_address[5], 15);
	assert_int_equal(sink.i2c_port, 404);
	assert_true(sink.route_secondary);
	assert_int_equal(sink.malformed, 0);
	parse("microsoft_cursor: none 0040 0040 C351\r\nmicrosoft_max_bitrate: 99999999999\r\n"
	      "microsoft_rtcp_capability: yes\r\nwfd_coupled_sink: 01 0a0b\r\n"
	      "wfd_connector_type: 100\r\nwfd_I2C: 0\r\nwfd_idr_request_capability: 2\r\n");
	assert_int_equal(sink.cursor.port, 50001);
	assert_true(is_malformed(WFD_PARAM_MS_MAX_BITRATE) && is_malformed(WFD_PARAM_MS_RTCP));
	assert_true(is_malformed(WFD_PARAM_COUPLED_SINK) && is_malformed(WFD_PARAM_I2C));
	assert_true(is_malformed(WFD_PARAM_CONNECTOR_TYPE));
	assert_true(is_malformed(WFD_PARAM_IDR_REQUEST_CAPABILITY));
	assert_int_equal(sink.max_bitrate, 0);
	parse("microsoft_cursor: full 1 2\r\nwfd_preferred_display_mode: 1 2 3\r\n"
	      "wfd2_video_formats: 1\r\nwfd_3d_video_formats: 1 2 3 4\r\n");
	assert_int_equal(sink.present, 0);
}

/* Hostile 29 to 32. */
static void test_video_hostile(void **state)
{
	static const struct {
		const char *value;
		size_t n_codecs;
	} cases[] = {
		{ "00", 0 },
		{ "00 00", 0 },
		{ "00 00 01 01 00000001 00000000", 0 },
		{ "00 00 01 01 00000001 00000000 00000000", 1 },
		{ "00 00 01 01 00000001 00000000 00000000 00 0000 0000 00 none none 1 2 3 zz", 1 },
		{ "00 00 01 01 00000001 00000000 00000000 00 0000 0000 00 none none,", 1 },
		{ "00 00 ,,,, 01 01 00000001 00000000 00000000", 1 },
		{ "00 00 none none", 0 },
		{ "00 00 01 01 FFFFFFFFFFFFFFFFF 0 0, 01 01 1 0 0", 1 },
		{ "00 00 01 01 -1 0 0", 0 },
		{ "00 00 01 01 0x1 0 0", 0 },
		{ "00 00 01 01 zz 0 0", 0 },
		{ "FFFFF 00 01 01 1 0 0", 0 },
		{ "F9 FF 04 00 0 0 0 FF FFFF FFFF FF FFFF 0", 1 },
		{ "07 02 FF FF FFFFFFFF FFFFFFFF FFFFFFFF", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct media_mode native;
		char line[512];

		(void)snprintf(line, sizeof(line), "wfd_video_formats: %s\r\n", cases[i].value);
		parse(line);
		assert_int_equal(sink.video.n_codecs, cases[i].n_codecs);
		assert_int_equal(is_malformed(WFD_PARAM_VIDEO_FORMATS), !cases[i].n_codecs);
		assert_false(wfd_sink_get_native(&sink, &native));
	}
	assert_int_equal(sink.video.codecs[0].profiles, 3);
	assert_int_equal(sink.video.codecs[0].modes[WFD_TABLE_CEA], 0x1ffff);
	assert_int_equal(sink.video.codecs[0].modes[WFD_TABLE_HH], 0xfff);
}

static void test_long_lists(void **state)
{
	static char line[60000];
	size_t used;

	(void)state;
	used = (size_t)snprintf(line, sizeof(line), "wfd_video_formats: 00 00 ");
	for (unsigned i = 0; i < 500; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used,
					 "01 01 00000001 0 0 00, ");
	parse(line);
	assert_int_equal(sink.video.n_codecs, WFD_CODECS_MAX);
	used = (size_t)snprintf(line, sizeof(line), "wfd_audio_codecs: XYZ 00000001 00");
	for (unsigned i = 0; i < 100; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, ", AAC 0000000%x",
					 i % 16);
	parse(line);
	assert_int_equal(sink.audio.aac, 1);
	assert_int_equal(sink.audio.lpcm, 0);
	parse("wfd_audio_codecs: LPCM\r\n");
	assert_true(is_malformed(WFD_PARAM_AUDIO_CODECS));
	parse("wfd_audio_codecs: LPCM 1 zz, AC3 7 05\r\n");
	assert_int_equal(sink.audio.ac3, 7);
	assert_int_equal(sink.audio.ac3_latency, 5);
}

static void test_binary(void **state)
{
	static char body[65536];

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(body); i++)
			body[i] = (char)(rand() >> 5);
		memset(&sink, 0, sizeof(sink));
		wfd_sink_parse(&sink, (struct text){ body, sizeof(body) }, &seen);
		assert_int_equal(sink.present, 0);
	}
	wfd_sink_parse(&sink, (struct text){ 0 }, &seen);
	assert_int_equal(seen, 0);
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(wfd_param_from_line(text_from("wfd_idr_request")), WFD_PARAM_IDR_REQUEST);
	assert_int_equal(wfd_param_from_line(text_from("wfd-IDR-request")), WFD_PARAM_IDR_REQUEST);
	assert_int_equal(wfd_param_from_line(text_from("wfd idr request")), WFD_PARAM_COUNT);
	assert_int_equal(wfd_param_from_line(text_from("WFD_I2C : x")), WFD_PARAM_I2C);
	assert_int_equal(wfd_param_from_line(text_from("")), WFD_PARAM_COUNT);
	assert_int_equal(wfd_param_from_line(text_from("wfd_idr")), WFD_PARAM_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_minimal),
		cmocka_unit_test(test_b_two_codecs),
		cmocka_unit_test(test_c_numeric_maximum),
		cmocka_unit_test(test_d_to_h_spelling),
		cmocka_unit_test(test_i_j_one_sided),
		cmocka_unit_test(test_k_l_native),
		cmocka_unit_test(test_m_duplicate),
		cmocka_unit_test(test_n_chatter),
		cmocka_unit_test(test_o_edid),
		cmocka_unit_test(test_edid_nonsense),
		cmocka_unit_test(test_p_content_protection),
		cmocka_unit_test(test_q_uibc),
		cmocka_unit_test(test_r_second_release),
		cmocka_unit_test(test_s_t_ports),
		cmocka_unit_test(test_v_all_none),
		cmocka_unit_test(test_microsoft),
		cmocka_unit_test(test_video_hostile),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests_name("wfd-params", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The Transport header: every form that sinks are known to send, and what is none. */
#include "rtsp/transport.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *value;
	int r;
	uint16_t rtp, rtcp;
} cases[] = {
	{ "RTP/AVP/UDP;unicast;client_port=19000-19001", 0, 19000, 19001 },
	{ "RTP/AVP/UDP;unicast;client_port=19000", 0, 19000, 0 },
	{ "RTP/AVP;unicast;client_port=1028", 0, 1028, 0 },
	{ "rtp/avp/udp ; unicast ; CLIENT_PORT = 1028 ", 0, 1028, 0 },
	{ " rtp/avp/udp;unicast; client_port=1028 ;ssrc=1", 0, 1028, 0 },
	{ "RTP/AVP/UDP;unicast", 0, 0, 0 },
	{ "RTP/AVP/UDP;unicast;destination=10.0.0.1;client_port=9-10;mode=play", 0, 9, 10 },
	{ "RTP/AVP/TCP;interleaved=0-1,RTP/AVP/UDP;unicast;client_port=7", 0, 7, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=7-7", 0, 7, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=7-0", 0, 7, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=65535-65536", 0, 65535, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=1;client_port=2", 0, 2, 0 },
	{ "RTP/AVP/TCP;interleaved=0-1", -EPROTONOSUPPORT, 0, 0 },
	{ "RTP/AVP/TCP;unicast;client_port=7", -EPROTONOSUPPORT, 0, 0 },
	{ "RTP/AVP/UDP;multicast;client_port=7", -EPROTONOSUPPORT, 0, 0 },
	{ "RTP/AVP;interleaved=0-1", -EPROTONOSUPPORT, 0, 0 },
	{ "RTP/SAVP;unicast;client_port=7", -EPROTONOSUPPORT, 0, 0 },
	{ "", -EINVAL, 0, 0 },
	{ ",,,", -EINVAL, 0, 0 },
	{ ";;;", -EINVAL, 0, 0 },
	{ "UDP", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=0", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=65536", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=70000-1", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=-1", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=1-", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=-", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=5-4", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=a-b", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=5-99999", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port", -EINVAL, 0, 0 },
	{ "RTP/AVP/UDP;unicast;client_port=1 2", -EINVAL, 0, 0 },
};

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rtsp_transport t = { 0 };

		assert_int_equal(rtsp_transport_parse(text_from(cases[i].value), &t), cases[i].r);
		assert_int_equal(t.rtp_port, cases[i].rtp);
		assert_int_equal(t.rtcp_port, cases[i].rtcp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms) };

	return cmocka_run_group_tests_name("rtsp-transport", tests, NULL, NULL);
}

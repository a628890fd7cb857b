# SPDX-License-Identifier: GPL-2.0-or-later
# Vendors' parameters, an empty value, a colon in a value, the answers in an order of their own.
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
@reply M3 body="x_unknown_thing\r\nwfd_connector_type:\r\nintel_sink_version: product_ID=0000 hw_version=1.0.0.0 sw_version=2.3.4\r\nwfd_vnd_abc: 1:2:3\r\nwfd_content_protection: none\r\nwfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play\r\nwfd_audio_codecs: LPCM 00000002 00\r\n: no name\r\nwfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none\r\nwd_initial_buffer: 100\r\n"

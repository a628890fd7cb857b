# SPDX-License-Identifier: GPL-2.0-or-later
# A Raspberry Pi with lazycast: the High profile alone, no word about IDR requests, which it then
# makes with hyphens, and a player that comes up late.
wfd_video_formats: 00 00 02 10 0001ffff 1fffffff 00001fff 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_3d_video_formats: none
wfd_content_protection: none
wfd_display_edid: none
wfd_coupled_sink: none
wfd_connector_type: 05
wfd_uibc_capability: none
wfd_standby_resume_capability: none
@idr after=1s
@request M13 body="wfd-idr-request\r\n"

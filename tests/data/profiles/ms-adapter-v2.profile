# SPDX-License-Identifier: GPL-2.0-or-later
# A Microsoft Wireless Display Adapter, second version: no Session in any of its answers, those to
# M16 included (gnome-network-displays 6afa893). Its own parameters; latency management makes the
# source send an option in M4.
wfd_video_formats: 40 00 01 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_idr_request_capability: 1
microsoft_latency_management_capability: supported
microsoft_format_change_capability: supported
microsoft_diagnostics_capability: supported
microsoft_cursor: none
microsoft_rtcp_capability: none
@no-session-in-replies

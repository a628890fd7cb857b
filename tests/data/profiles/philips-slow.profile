# SPDX-License-Identifier: GPL-2.0-or-later
# A Philips television of the slow kind: every answer and request takes its time, still within the
# limits (gnome-network-displays issue 86).
wfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
@reply M1 delay=300ms
@reply M3 delay=1500ms
@reply M4 delay=700ms
@reply M5-SETUP delay=300ms
@request M6 delay=500ms
@request M7 delay=700ms

# SPDX-License-Identifier: GPL-2.0-or-later
# A Hisense television: RTCP port 0 in SETUP (gnome-network-displays b61640a); it is late with M2
# and wants M3 only behind the answer to it.
wfd_video_formats: 40 00 01 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
intel_sink_manufacturer_name: Hisense
wfd_uibc_capability: none
@request M2 delay=400ms
@request M6 transport="RTP/AVP/UDP;unicast;client_port={port}-0"

# SPDX-License-Identifier: GPL-2.0-or-later
# A Roku player: its RTCP port is its RTP port, which means none (gnome-network-displays
# b61640a).
wfd_video_formats: 38 00 01 04 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} {port} mode=play
intel_sink_manufacturer_name: Roku
intel_sink_model_name: Streaming Stick
@request M6 transport="RTP/AVP/UDP;unicast;client_port={port}-{port}"

# SPDX-License-Identifier: GPL-2.0-or-later
# A Windows tablet as a sink: its own screen of 3:2 is in Microsoft's list only, whose modes want a
# level that wfd_video_formats has no bit for in the standard (MS-WFDPE 2.7.1.2).
wfd_video_formats: 00 00 01 20 00000021 00000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
microsoft_video_formats: 000000000001
intel_sink_manufacturer_name: Example
